"""The errors of a block, as a map small enough to look at.

>>> errors = error_map((2, 3), np.array([1, 2, 3, 4, 5, 6.0]), np.array([1, 2, 3, 8, 10, 12.0]))
>>> errors.values
array([0. , 0. , 0. , 0.5, 0.5, 0.5])

A map has a number for each entry, or for each tile of neighbouring entries where a block has
more than `CELLS`. It is relative to the scale by which entries are judged, so that the rounding
of an entry far smaller than its block does not look like a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.verdict import OF_BLOCK, Verdict

__all__ = ["CELLS", "ErrorMap", "error_map", "relative_errors"]

CELLS = 4096
"""Numbers in a map at most: 64 by 64 is what a picture of a few centimetres can show."""

LETTERS = "PKISF"
"""Of the verdicts, by their severity."""


@dataclass(frozen=True)
class ErrorMap:
    """Relative errors by place.

    Attributes
    ----------
    values : ndarray, shape (k,)
        The largest of each tile, in C order; NaN where none is known.
    verdicts : str
        The worst of each tile: ``P``, ``F``, ``I`` (inconclusive), ``K`` (at a kink) or ``S``
        (skipped: off by more than its bar, but not refined since the block had failed already).
    tile : tuple of int
        Entries along each axis that share a number; ones if each has its own.
    """

    values: NDArray[Any]
    verdicts: str
    tile: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """The map as plain data, to three digits; what is not known becomes None."""
        errors = [float(f"{v:.3g}") if np.isfinite(v) else None for v in self.values]
        return {"errors": errors, "verdicts": self.verdicts, "tile": list(self.tile)}


@np.errstate(all="ignore")
def error_map(
    shape: tuple[int, ...],
    analytic: NDArray[Any],
    numerical: NDArray[Any],
    verdicts: NDArray[np.object_] | None = None,
    skipped: NDArray[np.bool_] | None = None,
) -> ErrorMap:
    """The map of one block.

    Parameters
    ----------
    shape : tuple of int
    analytic, numerical : ndarray, shape (n,)
        Flat; complex numbers as pairs of neighbours. What is not known is NaN.
    verdicts : ndarray of Verdict, shape (n,), optional
        Default all PASS.
    skipped : ndarray of bool, shape (n,), optional
        Which are off, but were not refined; default none.

    Returns
    -------
    ErrorMap
    """
    order = [Verdict.PASS, Verdict.KINK, Verdict.INCONCLUSIVE, None, Verdict.FAIL]
    known = [Verdict.PASS] * analytic.size if verdicts is None else verdicts
    severity = np.array([order.index(v) for v in known], dtype=int)
    if skipped is not None:
        severity[skipped] = LETTERS.index("S")
    if analytic.size == 2 * int(np.prod(shape)):
        analytic, numerical = (part[0::2] + 1j * part[1::2] for part in (analytic, numerical))
        severity = np.maximum(severity[0::2], severity[1::2])
    relative = relative_errors(analytic, numerical)
    tile = _tile(shape)
    values = _largest(np.fmax, relative.reshape(shape), tile)
    worst = _largest(np.maximum, severity.reshape(shape), tile)
    return ErrorMap(values.ravel(), "".join(LETTERS[k] for k in worst.ravel()), tile)


@np.errstate(all="ignore")
def relative_errors(analytic: NDArray[Any], numerical: NDArray[Any]) -> NDArray[Any]:
    """Differences relative to the scale of each entry; NaN where one value is unknown."""
    off = np.abs(analytic - numerical)
    size = np.fmax(np.abs(analytic), np.abs(numerical))
    largest = size[np.isfinite(size)].max(initial=0.0)
    relative = np.where(off == 0, 0.0, off / np.fmax(size, OF_BLOCK * largest))
    return np.where(np.isfinite(off), relative, np.nan)


def _tile(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Sizes of the tiles: along the axis with the most of them they are doubled until few are."""
    tile = np.ones(len(shape), dtype=int)
    counts = np.array(shape, dtype=int)
    while np.prod(counts) > CELLS:
        tile[np.argmax(counts)] *= 2
        counts = -(-np.array(shape, dtype=int) // tile)
    return tuple(int(k) for k in tile)


def _largest(of: np.ufunc, array: NDArray[Any], tile: tuple[int, ...]) -> NDArray[Any]:
    """The largest of each tile."""
    for axis, size in enumerate(tile):
        if size > 1:
            array = of.reduceat(array, np.arange(0, array.shape[axis], size), axis=axis)
    return array
