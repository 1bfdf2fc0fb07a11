"""Hidden activations: pairs `(g, g')` of elementwise functions of `Z`.

>>> g, g_prime = tanh
>>> g(np.zeros((1, 1))), g_prime(np.zeros((1, 1)))
(array([[0.]]), array([[1.]]))

Any two callables make a pair of your own: ``forward(parameters, X, (np.sin, np.cos))``.
All functions here take real or complex arrays; for a complex argument they are the
analytic continuation from the real axis, so that the complex step works.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "identity",
    "leaky_relu",
    "relu",
    "sigmoid",
    "softplus",
    "tanh",
]

Array = NDArray[Any]


class Activation(NamedTuple):
    """A function and its derivative, both of `Z` and both elementwise.

    Parameters
    ----------
    g : callable
        ``g(Z)`` with the shape of `Z`.
    g_prime : callable
        ``g'(Z)`` with the shape of `Z`; its argument is `Z`, not ``g(Z)``.
    """

    g: Callable[[Array], Array]
    g_prime: Callable[[Array], Array]


LEAK = 0.01
"""Slope of `leaky_relu` below 0 (Maas, Hannun, Ng 2013, section 2)."""


def magnitude(Z: Array) -> Array:
    """`Z` with the sign of its real part removed: ``|Z|`` for real `Z`, and analytic."""
    return np.where(Z.real > 0, Z, -Z)


def _sigmoid(Z: Array) -> Array:
    # exp only of what is negative: 1 / (1 + exp(-Z)) overflows at Z = -710.
    e = np.exp(-magnitude(Z))
    return np.where(Z.real > 0, 1, e) / (1 + e)


def _softplus(Z: Array) -> Array:
    return np.where(Z.real > 0, Z, 0) + np.log1p(np.exp(-magnitude(Z)))


def _sech_squared(Z: Array) -> Array:
    # 1 - tanh(Z)**2 without its cancellation where tanh(Z) is near 1.
    e = np.exp(-2 * magnitude(Z))
    return 4 * e / (1 + e) ** 2


def _step(Z: Array) -> Array:
    return np.where(Z.real > 0, 1, 0).astype(Z.dtype)


sigmoid = Activation(_sigmoid, lambda Z: _sigmoid(Z) * _sigmoid(-Z))
tanh = Activation(np.tanh, _sech_squared)
softplus = Activation(_softplus, _sigmoid)
relu = Activation(lambda Z: Z * _step(Z), _step)
leaky_relu = Activation(
    lambda Z: Z * (LEAK + (1 - LEAK) * _step(Z)),
    lambda Z: LEAK + (1 - LEAK) * _step(Z),
)
identity = Activation(lambda Z: Z, np.ones_like)

ACTIVATIONS = {
    "tanh": tanh,
    "sigmoid": sigmoid,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "softplus": softplus,
    "identity": identity,
}
"""The activations by name, as the command line spells them."""
