"""Drawn networks, and how far rounding can carry their costs and gradients."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from backprop import ACTIVATIONS, Backward, Parameters
from backprop.activations import Array
from backprop.network import Pair

__all__ = ["Network", "assert_within", "networks", "rounding"]

LARGEST = 6
"""Largest n0, n1, n2 and m."""

ROUND = np.array(
    sorted((k / 8 for k in range(-16, 17)), key=lambda v: (v.as_integer_ratio()[1], abs(v), v < 0))
)
"""Eighths from -2 to 2, the simplest first: 0, 1, -1, 2, -2, 1/2, -1/2, ..."""

ENTRIES = np.append(ROUND, np.zeros(7))
"""With more zeros, so that whole sums are 0, where relu has its kink."""

TARGETS = np.array([0, 1, 1 / 2, 1 / 4, 3 / 4])

DIMENSION = st.integers(1, LARGEST)
SCALE = st.sampled_from((1.0, 1 / 16, 4.0))
CHOICES = st.binary(min_size=LARGEST**2, max_size=LARGEST**2)


class Network(NamedTuple):
    """What `cost`, `backward` and `gradients` take, readable where a test fails."""

    parameters: Parameters
    X: Array
    Y: Array
    activation: str
    l2: float

    @property
    def g1(self) -> Pair:
        return ACTIVATIONS[self.activation]

    @property
    def arguments(self) -> tuple[Parameters, Array, Array, Pair, float]:
        return self.parameters, self.X, self.Y, self.g1, self.l2


@st.composite
def networks(draw, activations=tuple(ACTIVATIONS), penalties=(0.0, 0.5)) -> Network:
    """Networks of 1 to 6 inputs, hidden units, outputs and examples, with round numbers.

    ``W1 X + b1`` is exact, since all are multiples of 1/128 and none is beyond 8.
    """
    n0, n1, n2, m = draw(DIMENSION), draw(DIMENSION), draw(DIMENSION), draw(DIMENSION)
    scale, X_scale = draw(SCALE), draw(SCALE)

    def array(values: Array, rows: int, columns: int) -> Array:
        # Drawn at full size and then cut, so that dimensions shrink while the entries stay. The
        # last ones are kept: sorting bytes, as hypothesis does to shrink them, puts zeros first.
        choices = np.frombuffer(draw(CHOICES), np.uint8).reshape(LARGEST, LARGEST)
        return values[choices[-rows:, -columns:] % len(values)]

    return Network(
        Parameters(
            W1=array(scale * ENTRIES, n1, n0),
            b1=array(scale * ENTRIES, n1, 1),
            W2=array(scale * ENTRIES, n2, n1),
            b2=array(scale * ENTRIES, n2, 1),
        ),
        X=array(X_scale * ENTRIES, n0, m),
        Y=array(TARGETS, n2, m),
        activation=draw(st.sampled_from(activations)),
        l2=draw(st.sampled_from(penalties)),
    )


def rounding(
    parameters: Parameters, X: Array, Y: Array, g1: Pair, l2: float = 0.0
) -> tuple[float, Backward]:
    """Bounds on what rounding does to the cost and, entry by entry, to what `backward` returns.

    These are the equations with all terms made positive. With `Z1` exact, a term goes through
    at most three sums of up to 12 terms and a dozen functions and products: fewer than 64
    roundings, each of half an `eps`. A change of `Z2` moves the loss by at most as much, and
    `A2` by a quarter of it, hence ``1 + |Z2|``. Where `g1'` underflows, its error is the
    smallest normal number.
    """
    W1, _, W2, b2 = (abs(A) for A in parameters)
    m = X.shape[1]
    float_type = np.finfo(W1.dtype)
    g, g_prime = g1
    Z1 = parameters[0] @ X + parameters[1]
    A1 = abs(g(Z1))
    dZ2 = 1 + W2 @ A1 + b2
    dA1 = W2.T @ dZ2
    dZ1 = dA1 * (abs(g_prime(Z1)) + float_type.tiny / float_type.eps)
    bounds = Backward(
        dZ2=dZ2,
        dW2=dZ2 @ A1.T / m + l2 / m * W2,
        db2=dZ2.sum(axis=1, keepdims=True) / m,
        dA1=dA1,
        dZ1=dZ1,
        dW1=dZ1 @ abs(X).T / m + l2 / m * W1,
        db1=dZ1.sum(axis=1, keepdims=True) / m,
    )
    J = dZ2.sum() / m + l2 / (2 * m) * ((W1**2).sum() + (W2**2).sum())
    ulps = 32 * float_type.eps
    return ulps * J, Backward(*(ulps * bound for bound in bounds))


def assert_within(bound: Array | float, result: Array, truth: Array) -> None:
    """Fail unless `result` has the shape of `truth` and is nowhere further away than `bound`."""
    assert np.shape(result) == np.shape(truth)
    wrong = ~(abs(result - truth) <= bound)
    assert not np.any(wrong), f"{wrong.sum()} of {wrong.size} differ:\n{result}\n{truth}\n{bound}"
