"""What a wrong gradient of a parameter is made of: a cotangent and an input, at hand by probes.

>>> Z, dZ, X = np.array([[0.5, -1.0]]), np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
>>> made_of(dZ @ X.T, dZ @ X.T * 2, {"Z": dZ, "A": 2 * dZ}, {"Z": Z, "X": X})
('wrong-input', 'is made with `dZ` in place of `dA`')

A layer's weights have a sum of products over the examples for their gradient, and its biases a
sum. Once it is seen which product is due, each mistake in it predicts the values that came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gradcheck.diagnosis.derived import ACTIVATIONS
from gradcheck.diagnosis.fitting import LONG
from gradcheck.diagnosis.suspect import Array

__all__ = ["made_of", "same"]

DUE = 1e-6
"""Relative difference of what is due and its measured value."""


def made_of(
    claim: Array, truth: Array, cotangents: Mapping[str, Array], values: Mapping[str, Array]
) -> tuple[str, str] | None:
    """The mistake in a sum over the examples, as kind and evidence; None if none is seen.

    Parameters
    ----------
    claim, truth : ndarray
        The gradient of a parameter, and what was measured of it.
    cotangents : mapping of str to ndarray
        The gradients of the intermediates, by these.
    values : mapping of str to ndarray
        The intermediates, and the data.
    """
    made = [*_sums(cotangents, values, np.shape(claim))]
    due = [one for one in made if same(np.reshape(truth, np.shape(claim)), one.total, DUE)]
    for one in made:
        if one.key and same(claim, one.total):
            others = [other.of for other in due if other.key == one.key and other.of != one.of]
            if others:
                return "wrong-input", f"is made with `d{one.of}` in place of `d{others[0]}`"
            return "wrong-input", f"is made with {one.key} for its input"
    for one in due:
        found = _of_example(claim, one) or _of_derivative(claim, one, values.get(one.of))
        if found:
            return found
    return None


@dataclass(frozen=True)
class _Sum:
    """The sum of a cotangent over the examples, or of its products with an input.

    Attributes
    ----------
    of, key : str
        The cotangent and the input; an empty string if it stands alone.
    cotangent : ndarray, shape (n, m)
        With the examples in columns.
    value : ndarray, shape (k, m)
    shape : tuple of int
        Of the gradient.
    turned : bool
        Whether the product is transposed, as where examples are rows.
    """

    of: str
    key: str
    cotangent: Array
    value: Array
    shape: tuple[int, ...]
    turned: bool

    @property
    def total(self) -> Array:
        """The whole sum."""
        return self.with_cotangent(self.cotangent)

    def with_cotangent(self, cotangent: Array) -> Array:
        """The same with another cotangent."""
        made = cotangent @ self.value.T
        return (made.T if self.turned else made).reshape(self.shape)

    def of_example(self, k: int) -> Array:
        """The part of one example."""
        alone = np.zeros(self.cotangent.shape)
        alone[:, k] = self.cotangent[:, k]
        return self.with_cotangent(alone)


def _sums(
    cotangents: Mapping[str, Array], values: Mapping[str, Array], shape: tuple[int, ...]
) -> Iterator[_Sum]:
    """What may be summed to a gradient of some shape, for examples in columns and in rows."""
    for of, cotangent in cotangents.items():
        if cotangent.ndim != 2 or cotangent.dtype.kind != "f":
            continue
        for turned, columns in ((False, cotangent), (True, cotangent.T)):
            n, m = columns.shape
            for key, value in values.items():
                if value.ndim != 2 or value.dtype.kind not in "fiu":
                    continue
                inputs = value.T if turned else value
                sizes = (len(inputs), n) if turned else (n, len(inputs))
                if inputs.shape[1] == m and sizes == shape:
                    yield _Sum(of, key, columns, inputs, shape, turned)
            if shape in ((n,), ((1, n) if turned else (n, 1))):
                yield _Sum(of, "", columns, np.ones((1, m)), shape, turned)


def _of_example(claim: Array, due: _Sum) -> tuple[str, str] | None:
    """One example left out, or counted twice."""
    for k in range(min(due.cotangent.shape[1], LONG)):
        part = due.of_example(k)
        if not part.any():
            continue
        for sign, words in ((-1, f"lacks example {k}"), (1, f"has example {k} twice")):
            if same(claim, due.total + sign * part):
                return "single-example", words
    return None


def _of_derivative(claim: Array, due: _Sum, at: Array | None) -> tuple[str, str] | None:
    """The derivative of an activation left out of the cotangent, or there once more."""
    if at is None or at.dtype.kind != "f":
        return None
    z = at.T if due.turned else at
    for name, (_, slope) in ACTIVATIONS.items():
        its = slope(z)
        if its.shape != due.cotangent.shape or not its.all() or np.ptp(its) == 0:
            continue
        for kind, words, cotangent in (
            ("activation-derivative-missing", "is made without", due.cotangent / its),
            ("activation-derivative-doubled", "is made with one more", due.cotangent * its),
        ):
            if same(claim, due.with_cotangent(cotangent)):
                return kind, f"{words} {name}'({due.of})"
    return None


def same(claim: Array, values: Array, close: float = 1e-9) -> bool:
    """Whether two arrays are equal up to rounding."""
    size = np.abs(values).max(initial=0.0)
    if np.shape(claim) != values.shape or not size > 0:
        return False
    return bool(np.abs(claim - values).max() <= close * size)
