"""The lecture's formulas as it writes them, one example and one entry at a time, in 60 digits.

Slow and plain on purpose: the truth for `backprop` shares neither code nor tricks with it.
"""

from collections.abc import Callable
from decimal import Context, Decimal, localcontext

import numpy as np
from networks import Network

from backprop import Forward
from backprop.activations import LEAK, Array

__all__ = ["EXACT", "exactly", "forward_and_cost", "losses"]

Row = list[Decimal]

DIGITS = Context(prec=60)


def _sigmoid(z: Decimal) -> Decimal:
    return 1 / (1 + (-z).exp())


def _softplus(z: Decimal) -> Decimal:
    # Below -40, log(1 + x) is x to 17 digits, while 1 + x soon is 1 to 60.
    return z.exp() if z < -40 else (1 + z.exp()).ln()


EXACT: dict[str, tuple[Callable[[Decimal], Decimal], Callable[[Decimal], Decimal]]] = {
    "tanh": (
        lambda z: (z.exp() - (-z).exp()) / (z.exp() + (-z).exp()),
        lambda z: 4 / (z.exp() + (-z).exp()) ** 2,
    ),
    "sigmoid": (_sigmoid, lambda z: (-z).exp() / (1 + (-z).exp()) ** 2),
    "relu": (lambda z: max(z, Decimal(0)), lambda z: Decimal(z > 0)),
    "leaky_relu": (
        lambda z: z if z > 0 else Decimal(LEAK) * z,
        lambda z: Decimal(1 if z > 0 else LEAK),
    ),
    "softplus": (_softplus, _sigmoid),
    "identity": (lambda z: z, lambda z: Decimal(1)),
}


def exactly(f: Callable[[Decimal], Decimal], Z: Array) -> Array:
    """`f` of every entry, rounded once."""
    with localcontext(DIGITS):
        return np.vectorize(lambda z: float(f(Decimal(z))), otypes=[float])(Z)


def losses(Z2: Array, Y: Array) -> Array:
    """The loss of every output; beyond 40, where 1 - A2 cancels all digits, its limit."""
    limits = np.where(Z2 > 0, 1 - Y, Y) * abs(Z2) + np.exp(-abs(Z2))
    near = abs(Z2) <= 40
    with localcontext(DIGITS):
        limits[near] = [
            _loss(_sigmoid(Decimal(z)), Decimal(y)) for z, y in zip(Z2[near], Y[near], strict=True)
        ]
    return limits


def forward_and_cost(network: Network) -> tuple[Forward, float]:
    """The four matrices and `J`; right to float precision while |Z2| stays below 40."""
    with localcontext(DIGITS):
        examples = list(zip(_rows(network.X.T), _rows(network.Y.T), strict=True))
        columns = [_forward(network, x) for x, _ in examples]
        losses = [
            _loss(a, y)
            for (_, ys), (_, _, _, a2) in zip(examples, columns, strict=True)
            for y, a in zip(ys, a2, strict=True)
        ]
        weights = network.parameters.W1.ravel().tolist() + network.parameters.W2.ravel().tolist()
        penalty = Decimal(network.l2) / 2 * sum(Decimal(w) ** 2 for w in weights)
        J = (sum(losses) + penalty) / len(examples)
        return Forward(*(np.array(A, float).T for A in zip(*columns, strict=True))), float(J)


def _forward(network: Network, x: Row) -> tuple[Row, Row, Row, Row]:
    g, _ = EXACT[network.activation]
    W1, b1, W2, b2 = (_rows(A) for A in network.parameters)
    z1 = [_dot(w, x) + b for w, (b,) in zip(W1, b1, strict=True)]
    a1 = [g(z) for z in z1]
    z2 = [_dot(w, a1) + b for w, (b,) in zip(W2, b2, strict=True)]
    a2 = [_sigmoid(z) for z in z2]
    return z1, a1, z2, a2


def _loss(a: Decimal, y: Decimal) -> Decimal:
    return -(y * a.ln() + (1 - y) * (1 - a).ln())


def _rows(A: Array) -> list[Row]:
    return [[Decimal(a) for a in row] for row in A.tolist()]


def _dot(v: Row, w: Row) -> Decimal:
    return sum((a * b for a, b in zip(v, w, strict=True)), Decimal(0))
