"""Where a function may be called: a box in the space of the flat vector.

>>> box = Bounds(np.array([0.0, 0.0]), np.array([1.0, np.inf]))
>>> box.contain(np.array([[0.0, 7.0], [-1.0, 7.0]]))
array([ True, False])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.parameters import Block, Layout

__all__ = ["Bounds", "bounds_of"]


ROOM = 2.0**-16
"""Share of the size of an entry that it must be free to move by, or it is as good as fixed."""


@dataclass(frozen=True)
class Bounds:
    """A box in the space of the flat vector; without limits unless they are given.

    Attributes
    ----------
    lower, upper : ndarray, shape (n,), or None
    """

    lower: NDArray[Any] | None = None
    upper: NDArray[Any] | None = None

    def contain(self, x: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether points, shape (..., n), lie in the box; its faces belong to it."""
        if self.lower is None or self.upper is None:
            return np.ones(x.shape[:-1], dtype=bool)
        return np.asarray(((x >= self.lower) & (x <= self.upper)).all(axis=-1))

    def inward(self, x: NDArray[Any]) -> NDArray[Any] | None:
        """The sign of a step away from the nearer face, for each entry of `x`.

        0 for an entry that has no room to step at all; None if there are no bounds.
        """
        if self.lower is None or self.upper is None:
            return None
        below, above = x - self.lower, self.upper - x
        room = np.maximum(below, above) > ROOM * np.maximum(1.0, np.abs(x))
        return np.where(room, np.where(below < above, 1.0, -1.0), 0.0)


def bounds_of(layout: Layout, x: NDArray[Any], bounds: Any) -> Bounds:
    """The box that a user's bounds describe.

    Parameters
    ----------
    layout : Layout
    x : ndarray, shape (n,)
        The point, which must lie inside.
    bounds : None, pair, or mapping of block names to pairs

    Raises
    ------
    InvalidInput
        If they describe none, or one without the point.
    """
    if bounds is None:
        return Bounds()
    names = [block.name for block in layout.blocks]
    if not isinstance(bounds, Mapping):
        if len(names) != 1:
            raise InvalidInput(
                f"`bounds`: expected a mapping of the blocks {', '.join(names)} to pairs"
            )
        bounds = {names[0]: bounds}
    lower, upper = np.full(x.shape, -np.inf), np.full(x.shape, np.inf)
    for name, pair in bounds.items():
        if name not in names:
            raise InvalidInput(f"`bounds`: there is no block {name!r}, only {', '.join(names)}")
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InvalidInput(
                f"`bounds` of `{name}`: expected a pair (lower, upper), got {pair!r}"
            )
        block = layout.blocks[names.index(name)]
        if block.is_complex:
            raise InvalidInput(f"`bounds` of `{name}`: complex numbers have no order")
        for side, limit in zip((lower, upper), pair, strict=True):
            if limit is not None:
                side[block.slice] = _limit(block, limit)
    if (lower > upper).any():
        raise InvalidInput("`bounds`: a lower bound lies above its upper bound")
    outside = np.flatnonzero(~((x >= lower) & (x <= upper)))
    if outside.size:
        i = int(outside[0])
        block = next(b for b in layout.blocks if b.start <= i < b.stop)
        raise InvalidInput(
            f"`bounds`: the point lies outside, `{block.entry(i - block.start)}` is {x[i]:.12g} "
            f"and its bounds are {lower[i]:.12g} and {upper[i]:.12g}"
        )
    return Bounds(lower, upper)


def _limit(block: Block, limit: Any) -> NDArray[Any]:
    try:
        array = np.asarray(limit, dtype=float)
    except (TypeError, ValueError):
        raise InvalidType(
            f"`bounds` of `{block.name}`: expected a number or an array, got {limit!r}"
        ) from None
    if array.shape not in ((), block.shape) or np.isnan(array).any():
        raise InvalidInput(
            f"`bounds` of `{block.name}`: expected a number or numbers of shape {block.shape}, "
            f"got shape {array.shape}{' with NaN' if np.isnan(array).any() else ''}"
        )
    return np.broadcast_to(array, block.shape).ravel()
