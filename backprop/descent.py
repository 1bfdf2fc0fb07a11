"""Gradient descent: initialise at random, step until the parameters look converged.

>>> rng = np.random.default_rng(0)
>>> X = rng.normal(size=(2, 40))
>>> Y = (X[:1] > X[1:]).astype(float)
>>> result = descend(initialise(2, 3, rng=rng), X, Y)
>>> result.costs[0] > result.costs[-1]
True
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from backprop.activations import Array, tanh
from backprop.arguments import checked_number
from backprop.network import Pair, Parameters, cost, gradients

__all__ = ["Descent", "descend", "initialise"]

SMALL = 0.01
"""Standard deviation of the weights at scale "small" (the usual choice of the lecture's
course: small enough that tanh and sigmoid start in their linear part)."""


class Descent(NamedTuple):
    """Where gradient descent came to rest.

    Attributes
    ----------
    parameters : Parameters
    costs : list of float
        Cost before the first iteration and after each one: ``iterations + 1`` values.
    converged : bool
        Whether the stopping rule was met, and not only the last iteration reached.
    """

    parameters: Parameters
    costs: list[float]
    converged: bool

    @property
    def iterations(self) -> int:
        """Number of updates made."""
        return len(self.costs) - 1


def initialise(
    n0: int,
    n1: int,
    n2: int = 1,
    *,
    scale: str = "fan-in",
    rng: np.random.Generator | int | None = None,
) -> Parameters:
    """Random weights, zero biases.

    Weights are drawn at random because equal hidden units get equal gradients and would
    stay equal for ever; biases need not differ.

    Parameters
    ----------
    n0, n1, n2 : int
        Numbers of inputs, hidden units and outputs, each at least 1.
    scale : {"fan-in", "small"}
        Standard deviation of the weights: ``1 / sqrt(fan-in)``, which keeps the variance
        of ``Z`` near that of its input (LeCun, Bottou, Orr, Müller 1998, section 4.6), or
        0.01.
    rng : numpy.random.Generator, int or None
        Source of randomness, or a seed for one.

    Returns
    -------
    start : Parameters
        ``W1`` (n1, n0), ``b1`` (n1, 1), ``W2`` (n2, n1), ``b2`` (n2, 1).

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If a number is below 1, or `scale` unknown.
    """
    for name, n in (("n0", n0), ("n1", n1), ("n2", n2)):
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
            raise TypeError(f"{name}: expected an integer, got {n!r} ({type(n).__name__})")
        if n < 1:
            raise ValueError(f"{name}: expected at least 1, got {n}")
    if not isinstance(scale, str) or scale not in ("fan-in", "small"):
        raise ValueError(f'scale: expected "fan-in" or "small", got {scale!r}')
    if not isinstance(rng, (np.random.Generator, int, np.integer, type(None))):
        raise TypeError(f"rng: expected a Generator or a seed, got {type(rng).__name__}")
    rng = np.random.default_rng(rng)
    s1, s2 = (SMALL, SMALL) if scale == "small" else (n0**-0.5, n1**-0.5)
    return Parameters(
        W1=s1 * rng.standard_normal((n1, n0)),
        b1=np.zeros((n1, 1)),
        W2=s2 * rng.standard_normal((n2, n1)),
        b2=np.zeros((n2, 1)),
    )


def descend(
    parameters: Sequence[Array],
    X: Array,
    Y: Array,
    g1: Pair = tanh,
    l2: float = 0.0,
    *,
    alpha: float = 1.0,
    rest: float = 1e-4,
    iterations: int = 10_000,
    callback: Callable[[int, Parameters, float], Any] | None = None,
) -> Descent:
    """Gradient descent until the parameters look as if they converge.

    They do when one update changes them by little, ``alpha ||gradient|| <= rest ||parameters||``
    with Euclidean norms over all entries.

    Parameters
    ----------
    parameters, X, Y, g1, l2
        As for `cost`. `parameters` is where to start, and is not changed.
    alpha : float, default 1
        Learning rate.
    rest : float, default 1e-4
        Size of an update that counts as rest, relative to the parameters after it; 0 never
        stops early.
    iterations : int, default 10000
        Most updates to make.
    callback : callable, optional
        ``callback(iteration, parameters, cost)`` before the first iteration (as
        iteration 0) and after each one.

    Returns
    -------
    Descent
        Where it came to rest.

    Raises
    ------
    ValueError, TypeError
        If an argument has another shape, type or range; the message names it.
    FloatingPointError
        If cost or parameters overflow, since `alpha` is far too large.
    """
    alpha = checked_number("alpha", alpha, at_least=0.0, strictly=True)
    rest = checked_number("rest", rest, at_least=0.0)
    if isinstance(iterations, bool) or not isinstance(iterations, (int, np.integer)):
        raise TypeError(f"iterations: expected an integer, got {iterations!r}")
    if iterations < 0:
        raise ValueError(f"iterations: expected at least 0, got {iterations}")

    if callback is not None and not callable(callback):
        raise TypeError(f"callback: expected a callable, got {callback!r}")
    J = cost(parameters, X, Y, g1, l2)
    if np.ndim(J):
        raise ValueError("parameters: descent starts at one point, so no leading axes are allowed")
    if np.iscomplexobj(J):
        raise TypeError("parameters: descent needs real numbers, got complex ones")
    costs = [float(J)]
    current = Parameters(*(A.copy() for A in parameters))
    if callback is not None:
        callback(0, current, costs[0])
    for iteration in range(1, iterations + 1):
        # What overflows is reported once, here, and not by NumPy's warnings.
        with np.errstate(all="ignore"):
            step = [alpha * dA for dA in gradients(current, X, Y, g1, l2)]
            moved = Parameters(*(A - dA for A, dA in zip(current, step, strict=True)))
            finite = all(np.isfinite(A).all() for A in moved)
            J = cost(moved, X, Y, g1, l2) if finite else np.inf
        if not np.isfinite(J):
            raise FloatingPointError(
                f"cost or parameters overflowed at iteration {iteration}: "
                f"alpha={alpha:g} is too large"
            )
        current = moved
        costs.append(float(J))
        if callback is not None:
            callback(iteration, current, costs[-1])
        if rest and _norm(step) <= rest * _norm(current):
            return Descent(current, costs, converged=True)
    return Descent(current, costs, converged=False)


def _norm(arrays: Sequence[Array]) -> float:
    return float(np.sqrt(sum(np.vdot(A, A).real for A in arrays)))
