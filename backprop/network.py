"""The network with one hidden layer: four forward and six backward equations.

>>> rng = np.random.default_rng(0)
>>> X, Y = rng.normal(size=(3, 5)), np.array([[0.0, 1.0, 1.0, 0.0, 1.0]])
>>> parameters = Parameters(rng.normal(size=(4, 3)), np.zeros((4, 1)),
...                         rng.normal(size=(1, 4)), np.zeros((1, 1)))
>>> [dW.shape for dW in gradients(parameters, X, Y)]
[(4, 3), (4, 1), (1, 4), (1, 1)]

Names, order and conventions are those of the lecture: `n0` inputs, `n1` hidden units,
`n2` outputs, and `m` examples as the columns of `X` and `Y`. Parameters may carry leading
axes, ``W1`` of shape ``(..., n1, n0)`` and so on; all results then carry them too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from backprop.activations import Array, magnitude, sigmoid, tanh
from backprop.arguments import NO_TARGETS, checked

__all__ = [
    "EQUATIONS",
    "Backward",
    "Forward",
    "Gradients",
    "Pair",
    "Parameters",
    "backward",
    "cost",
    "forward",
    "gradients",
    "loss",
    "predict",
]

EQUATIONS = {
    "dZ2": "dZ2 = A2 - Y",
    "dW2": "dW2 = 1/m dZ2 A1^T",
    "db2": "db2 = 1/m np.sum(dZ2, axis=1, keepdims=True)",
    "dZ1": "dZ1 = W2^T dZ2 * g1'(Z1)",
    "dW1": "dW1 = 1/m dZ1 X^T",
    "db1": "db1 = 1/m np.sum(dZ1, axis=1, keepdims=True)",
}
"""The six equations of `backward` by what they compute, in the lecture's order and words."""

Pair = tuple[Callable[[Array], Array], Callable[[Array], Array]]


class Parameters(NamedTuple):
    """Weights and biases; a bias is a column, never of shape ``(n,)``.

    Attributes
    ----------
    W1 : ndarray, shape (..., n1, n0)
    b1 : ndarray, shape (..., n1, 1)
    W2 : ndarray, shape (..., n2, n1)
    b2 : ndarray, shape (..., n2, 1)
    """

    W1: Array
    b1: Array
    W2: Array
    b2: Array


class Gradients(NamedTuple):
    """Derivatives of the cost, each with the shape of its parameter."""

    dW1: Array
    db1: Array
    dW2: Array
    db2: Array


class Forward(NamedTuple):
    """What the four forward equations compute, in their order."""

    Z1: Array
    A1: Array
    Z2: Array
    A2: Array


class Backward(NamedTuple):
    """What the six backward equations compute, in their order, and `dA1`.

    ``dZ2``, ``dA1`` and ``dZ1`` are derivatives of the *summed* loss; the ``1/m`` of the
    mean enters at ``dW`` and ``db``.
    """

    dZ2: Array
    dW2: Array
    db2: Array
    dA1: Array
    dZ1: Array
    dW1: Array
    db1: Array


def T(A: Array) -> Array:
    """Transpose of the last two axes."""
    return np.swapaxes(A, -1, -2)


def forward(parameters: Sequence[Array], X: Array, g1: Pair = tanh) -> Forward:
    """Forward propagation.

    Parameters
    ----------
    parameters : Parameters, or four arrays in its order
        Real, or complex for a complex step.
    X : ndarray, shape (n0, m)
        One example a column.
    g1 : pair of callables, default tanh
        Hidden activation and its derivative.

    Returns
    -------
    Forward
        ``Z1, A1`` of shape (..., n1, m) and ``Z2, A2`` of shape (..., n2, m).

    Raises
    ------
    ValueError, TypeError
        If an argument has another shape, type or range; the message names it.
    """
    (W1, b1, W2, b2), X, _, (g, _), _ = checked(parameters, X, NO_TARGETS, g1)
    return _forward(W1, b1, W2, b2, X, g)


def _forward(
    W1: Array, b1: Array, W2: Array, b2: Array, X: Array, g1: Callable[[Array], Array]
) -> Forward:
    g2 = sigmoid.g
    Z1 = W1 @ X + b1
    A1 = g1(Z1)
    Z2 = W2 @ A1 + b2
    A2 = g2(Z2)
    return Forward(Z1, A1, Z2, A2)


def loss(Z2: Array, Y: Array) -> Array:
    """Logistic loss ``-(Y log A2 + (1 - Y) log(1 - A2))`` of every output and example.

    Computed from `Z2`: as ``log A2 = -softplus(-Z2)`` and ``log(1 - A2) = -softplus(Z2)``
    it equals ``softplus(Z2) - Y Z2``, here with the part that cancels taken out, so that
    it is finite and accurate for every finite `Z2`.

    Parameters
    ----------
    Z2 : ndarray, shape (..., n2, m)
    Y : ndarray, shape (n2, m), in [0, 1]

    Returns
    -------
    ndarray, shape (..., n2, m)

    Raises
    ------
    ValueError
        If `Y` has another shape: it is never broadcast.
    """
    if Z2.shape[-2:] != Y.shape:
        raise ValueError(f"Y has shape {Y.shape}, expected that of Z2, {Z2.shape[-2:]}")
    return np.log1p(np.exp(-magnitude(Z2))) + ((Z2.real > 0) - Y) * Z2


def cost(parameters: Sequence[Array], X: Array, Y: Array, g1: Pair = tanh, l2: float = 0.0) -> Any:
    """Mean loss of the examples, ``J = 1/m sum_i L(yhat_i, y_i)``, and an L2 penalty.

    Parameters
    ----------
    parameters, X, g1
        As for `forward`.
    Y : ndarray, shape (n2, m)
        Targets in [0, 1].
    l2 : float, default 0
        Adds ``l2 / (2 m) (||W1||^2 + ||W2||^2)``; biases are not penalised.

    Returns
    -------
    scalar, or ndarray of the parameters' leading axes

    Raises
    ------
    ValueError, TypeError
        If an argument has another shape, type or range; the message names it.
    """
    (W1, b1, W2, b2), X, Y, (g, _), l2 = checked(parameters, X, Y, g1, l2)
    m = X.shape[-1]
    Z2 = W2 @ g(W1 @ X + b1) + b2
    J = 1 / m * loss(Z2, Y).sum(axis=(-2, -1))
    if l2:
        J = J + l2 / (2 * m) * ((W1**2).sum(axis=(-2, -1)) + (W2**2).sum(axis=(-2, -1)))
    return J


# Tells who calls it at many points that one call, with leading axes, is enough.
cost.vectorized = True  # type: ignore[attr-defined]


def backward(
    parameters: Sequence[Array], X: Array, Y: Array, g1: Pair = tanh, l2: float = 0.0
) -> Backward:
    """Backpropagation: the six equations, with every intermediate.

    Parameters, errors: as for `cost`.

    Returns
    -------
    Backward
        ``dZ2`` (..., n2, m), ``dA1`` and ``dZ1`` (..., n1, m), and the four gradients.
    """
    (W1, b1, W2, b2), X, Y, (g, g1_prime), l2 = checked(parameters, X, Y, g1, l2)
    m = X.shape[-1]
    Z1, A1, _, A2 = _forward(W1, b1, W2, b2, X, g)

    dZ2 = A2 - Y
    dW2 = 1 / m * dZ2 @ T(A1) + l2 / m * W2
    db2 = 1 / m * np.sum(dZ2, axis=-1, keepdims=True)
    dA1 = T(W2) @ dZ2
    dZ1 = dA1 * g1_prime(Z1)
    dW1 = 1 / m * dZ1 @ T(X) + l2 / m * W1
    db1 = 1 / m * np.sum(dZ1, axis=-1, keepdims=True)
    return Backward(dZ2, dW2, db2, dA1, dZ1, dW1, db1)


def gradients(
    parameters: Sequence[Array], X: Array, Y: Array, g1: Pair = tanh, l2: float = 0.0
) -> Gradients:
    """Gradients of `cost` by each parameter, from `backward`.

    Parameters, errors: as for `cost`.

    Returns
    -------
    Gradients
        ``dW1, db1, dW2, db2``, each with the shape of its parameter.
    """
    d = backward(parameters, X, Y, g1, l2)
    return Gradients(d.dW1, d.db1, d.dW2, d.db2)


def predict(parameters: Sequence[Array], X: Array, g1: Pair = tanh) -> Array:
    """Which outputs the network holds for more likely 1 than 0.

    Parameters, errors: as for `forward`.

    Returns
    -------
    ndarray of bool, shape (..., n2, m)
        ``A2 > 1/2``.
    """
    return np.asarray(forward(parameters, X, g1).A2 > 0.5)
