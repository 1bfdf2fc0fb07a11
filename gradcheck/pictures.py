"""From the data of a report to what its pictures show, for pages and for figures alike.

>>> block = {"shape": [2, 2], "tile": [1, 1], "errors": [0, 0.5, 0, None], "verdicts": "PFPI"}
>>> panels(block)[0].errors
array([[0. , 0.5],
       [0. , nan]])
>>> described({**block, "worst": None})
'wrong: column 1 in 1 of 2 entries; right: 2 of 4 entries; not decided: 1 of 4'

Everything here is a number, a name or a sentence; how it looks is for `svg` and `plots`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DARK",
    "FINEST",
    "LIGHT",
    "Panel",
    "StepCurve",
    "colours",
    "described",
    "levels",
    "panels",
    "step_curve",
    "summarised",
    "worst_place",
]

FINEST = -9
"""Decade of the smallest error with a colour of its own: none below is held against a gradient."""

LINE = 32
"""Entries in a line of a vector that is too long for one."""

SHOWN = 24
"""Matrices of a block of three or more axes that are shown."""

LIGHT = "#f3f1ea #fbe9c1 #fbd08a #f7ae5c #ee8640 #dc5f32 #bf3d2f #98242f #6d142c #430a22"
DARK = "#24272d #3d2231 #5f2037 #862536 #ae3531 #cf5029 #e77a2b #f4a646 #fbd07a #fff3cf"
"""Colours from right to wrong, on a light and a dark ground. Lightness runs one way, so that
they are in order for every kind of colour vision, and on paper."""


def levels(errors: NDArray[Any], count: int = 20) -> NDArray[np.intp]:
    """The place of each error on a scale of half decades; -1 where it is not known.

    Level 0 is everything below ``10**FINEST``, the last one everything from 1 on.
    """
    with np.errstate(all="ignore"):
        place = np.floor((np.log10(errors) - FINEST) * (count - 2) / -FINEST) + 1
    return np.where(np.isnan(errors), -1, np.clip(np.nan_to_num(place), 0, count - 1)).astype(int)


def colours(anchors: str, count: int = 20) -> list[str]:
    """So many colours, evenly from the first to the last of those that are named."""
    known = np.array([[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in anchors.split()])
    at = np.linspace(0, len(known) - 1, count)
    mixed = np.stack([np.interp(at, range(len(known)), part) for part in known.T], axis=1)
    return ["#" + "".join(f"{round(part):02x}" for part in colour) for colour in mixed.tolist()]


@dataclass(frozen=True)
class Panel:
    """A matrix of a block, or all of a block, for one heat map.

    Attributes
    ----------
    label : str
        Where it stands in the block, such as ``[2, :, :]``; empty if it is all of it.
    errors : ndarray, shape (rows, columns)
        Relative errors; NaN where unknown, and beyond the end of a vector's last line.
    verdicts : ndarray of str, shape (rows, columns)
        Letters of the verdicts; empty beyond the end.
    rows, columns : tuple of int
        Index of the first row or column, and how far it is to the next one.
    origin : int
        Place of the first number in the flat list of the block's errors.
    """

    label: str
    errors: NDArray[Any]
    verdicts: NDArray[np.str_]
    rows: tuple[int, int]
    columns: tuple[int, int]
    origin: int

    def place(self, i: int) -> tuple[int, int] | None:
        """Row and column of the number at place `i` of the flat list, if it is in here."""
        wide = self.errors.shape[1]
        row, column = divmod(i - self.origin, wide)
        return (row, column) if 0 <= row < self.errors.shape[0] else None


def panels(block: Mapping[str, Any]) -> list[Panel]:
    """What to draw of a block: one matrix, or those at the front of a block of more axes.

    Parameters
    ----------
    block : mapping
        As `BlockReport.to_dict` gives it, with ``errors``.

    Returns
    -------
    list of Panel
        A vector comes in lines of `LINE`; of many matrices those with the largest errors.
    """
    errors = np.array([np.nan if e is None else e for e in block["errors"]], dtype=float)
    letters = np.array(list(block["verdicts"]))
    tile = block["tile"]
    shape = tuple(-(-n // t) for n, t in zip(block["shape"], tile, strict=True))
    if len(shape) == 2 and min(shape) == 1 and max(shape) > LINE:
        shape, tile = (errors.size,), [max(tile)]
    if len(shape) < 2:
        step = tile[0] if tile else 1
        wide = min(errors.size, LINE) if errors.size <= LINE * LINE else 2 * LINE
        missing = -errors.size % wide
        lines = np.append(errors, np.full(missing, np.nan)).reshape(-1, wide)
        marks = np.append(letters, np.full(missing, "")).reshape(-1, wide)
        return [Panel("", lines, marks, (0, wide * step), (0, step), 0)]
    front, (rows, columns) = shape[:-2], shape[-2:]
    stack = errors.reshape((-1, rows, columns))
    signs = letters.reshape((-1, rows, columns))
    worst = np.where(signs == "F", np.nan_to_num(stack, nan=np.inf), 0).max(axis=(1, 2))
    shown = sorted(np.argsort(-worst, kind="stable")[:SHOWN])
    return [
        Panel(
            _label(np.unravel_index(k, front), tile[:-2]) if front else "",
            stack[k],
            signs[k],
            (0, tile[-2]),
            (0, tile[-1]),
            int(k) * rows * columns,
        )
        for k in shown
    ]


def _label(index: Sequence[Any], tile: Sequence[int]) -> str:
    parts = [
        f"{k * t}" if t == 1 else f"{k * t}:{(k + 1) * t}" for k, t in zip(index, tile, strict=True)
    ]
    return f"[{', '.join(parts)}, :, :]"


def worst_place(block: Mapping[str, Any]) -> int | None:
    """Place of the worst entry in the flat list of errors."""
    if not block["worst"]:
        return None
    shape = tuple(-(-n // t) for n, t in zip(block["shape"], block["tile"], strict=True))
    index = tuple(k // t for k, t in zip(block["worst"]["index"], block["tile"], strict=True))
    return int(np.ravel_multi_index(index, shape)) if shape else 0


def summarised(block: Mapping[str, Any]) -> str:
    """What is drawn of a block where that is not every entry; empty if it is."""
    notes = []
    if any(t > 1 for t in block["tile"]):
        size = " by ".join(str(t) for t in block["tile"])
        notes.append(f"each cell shows the largest error of {size} entries")
    front = [-(-n // t) for n, t in zip(block["shape"][:-2], block["tile"][:-2], strict=True)]
    if np.prod(front, dtype=int) > SHOWN:
        notes.append(f"of {np.prod(front, dtype=int)} matrices the {SHOWN} with the largest errors")
    return "; ".join(notes)


def described(block: Mapping[str, Any]) -> str:
    """A heat map in words: where the wrong entries are."""
    letters = np.array(list(block["verdicts"]))
    wrong, open_here = letters == "F", np.isin(letters, ["I", "K"])
    count, noun = letters.size, "entries" if all(t == 1 for t in block["tile"]) else "tiles"
    parts = []
    if wrong.all():
        parts.append(f"wrong: {'the one entry' if count == 1 else f'all {count} {noun}'}")
    elif wrong.any():
        parts.append(f"wrong: {_where(wrong, block, noun)}")
    right = count - int(wrong.sum()) - int(open_here.sum())
    if right and not wrong.all():
        parts.append(f"right: {right} of {count} {noun}")
    if open_here.any():
        parts.append(f"not decided: {int(open_here.sum())} of {count}")
    known = [e for e in block["errors"] if e is not None]
    if block["worst"] and known and wrong.any():
        parts.append(f"largest relative error {max(known):.2g}, look first at {_name(block)}")
    return "; ".join(parts)


def _name(block: Mapping[str, Any]) -> str:
    return str(block["worst"]["name"])


def _where(wrong: NDArray[np.bool_], block: Mapping[str, Any], noun: str) -> str:
    """Rows, columns or entries that are wrong, in a few words."""
    shape, tile = block["shape"], block["tile"]
    counts = [-(-n // t) for n, t in zip(shape, tile, strict=True)]
    total = int(wrong.sum())
    places = np.argwhere(wrong.reshape(counts)) * np.array(tile)
    if total == 1 and noun == "entries":
        return f"entry [{', '.join(map(str, places[0]))}] alone"
    if len(shape) != 2:
        return f"{total} of {wrong.size} {noun}"
    grid = wrong.reshape(counts)
    if counts[0] == counts[1] > 1 and np.array_equal(grid, ~np.eye(counts[0], dtype=bool)):
        return f"all {noun} off the diagonal"
    for axis, name in ((0, "row"), (1, "column")):
        lines = np.flatnonzero(grid.any(axis=1 - axis))
        if len(lines) <= max(1, min(4, counts[axis] // 2)):
            some = ", ".join(str(k * tile[axis]) for k in lines)
            full = grid.take(lines, axis=axis).all()
            inside = "" if full else f" in {total} of {len(lines) * counts[1 - axis]} {noun}"
            return f"{name}{'s' if len(lines) > 1 else ''} {some}{inside}"
    return f"{total} of {wrong.size} {noun}"


@dataclass(frozen=True)
class StepCurve:
    """The error of a difference against its step; all lists are points ``(step, error)``.

    Attributes
    ----------
    name : str
        Of the entry.
    errors, forward, backward : list of pairs
        Distance of centered and of one-sided differences from the numerical value; the latter
        only at a kink, where they do not meet.
    rounding, truncation : list of pairs
        The two branches: noise over the step, and the change from one step to the next where
        it stands out of the noise.
    bar : float or None
        Error bar of the numerical value.
    off : float or None
        Distance of the analytic value from the numerical one.
    step : float or None
        The step that was chosen.
    """

    name: str
    errors: list[tuple[float, float]]
    forward: list[tuple[float, float]]
    backward: list[tuple[float, float]]
    rounding: list[tuple[float, float]]
    truncation: list[tuple[float, float]]
    bar: float | None
    off: float | None
    step: float | None

    @property
    def ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Whole decades that hold all steps, and all errors worth seeing."""
        points = [*self.errors, *self.rounding, *self.truncation, *self.forward, *self.backward]
        heights = [y for _, y in points] + [y for y in (self.bar, self.off) if y]
        floor = max(heights) * 1e-18
        return _decades([x for x, _ in points]), _decades([max(y, floor) for y in heights])

    def described(self) -> str:
        """The curve in words."""
        parts = [f"error of differences for {self.name} against their step"]
        if self.errors:
            step, error = min(self.errors, key=lambda point: point[1])
            parts.append(f"smallest, {error:.1e}, at step {step:.1e}")
        if self.bar is not None:
            parts.append(f"error bar {self.bar:.1e}")
        if self.off is not None:
            parts.append(f"the analytic value is off by {self.off:.1e}")
        if self.forward:
            parts.append("forward and backward differences do not meet: a kink")
        return "; ".join(parts)


def step_curve(curve: Mapping[str, Any] | None) -> StepCurve | None:
    """The curve of a block's worst entry, or None if there is nothing to draw.

    Parameters
    ----------
    curve : mapping or None
        As `BlockReport.to_dict` gives it.
    """
    if curve is None or curve["numerical"] is None:
        return None
    truth, steps = curve["numerical"], curve["steps"]

    def points(values: Sequence[float | None], origin: float = 0.0) -> list[tuple[float, float]]:
        found = [(h, abs(v - origin)) for h, v in zip(steps, values, strict=True) if v is not None]
        return [(h, y) for h, y in found if 0 < y < np.inf]

    kinked = curve["error"] is None
    noise = dict(points(curve["rounding"]))
    change = points(curve["truncation"])
    # From the first change that is larger than the one before it, they are changes of noise.
    falling = next((k for k in range(1, len(change)) if change[k][1] > change[k - 1][1]), None)
    found = StepCurve(
        curve["name"],
        points(curve["slopes"], truth),
        points(curve["forward"], truth) if kinked else [],
        points(curve["backward"], truth) if kinked else [],
        list(noise.items()),
        [(h, y) for h, y in change[:falling] if y > noise.get(h, 0.0)],
        curve["error"] or None,
        None if kinked or curve["analytic"] is None else abs(curve["analytic"] - truth) or None,
        curve["step"],
    )
    return found if len(found.errors) + len(found.rounding) > 1 else None


def _decades(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.floor(np.log10(min(values))), np.ceil(np.log10(max(values)))
    return float(low), float(max(high, low + 1))
