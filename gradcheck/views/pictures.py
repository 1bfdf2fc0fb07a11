"""From the data of a report to what its pictures show, for pages and for figures alike.

>>> block = {"shape": [2, 2], "tile": [1, 1], "errors": [0, 0.5, 0, None], "verdicts": "PFPI"}
>>> panels(block)[0].errors
array([[0. , 0.5],
       [0. , nan]])
>>> described(block)
'entry [0, 1] alone wrong, by 0.5; 2 of 4 right; 1 of 4 not decided'

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
    "Points",
    "StepCurve",
    "colours",
    "described",
    "every",
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
    rows, columns : tuple of int or None
        Index of the first row or column, and how far it is to the next one; None if they have
        no index, as the one line of a vector.
    origin : int
        Place of the first number in the flat list of the block's errors.
    """

    label: str
    errors: NDArray[Any]
    verdicts: NDArray[np.str_]
    rows: tuple[int, int] | None
    columns: tuple[int, int] | None
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
    shape = _counts(block)
    if len(shape) == 2 and min(shape) == 1 and max(shape) > LINE:
        shape, tile = (errors.size,), [max(tile)]
    if len(shape) < 2:
        step = tile[0] if tile else 1
        wide = min(errors.size, LINE) if errors.size <= LINE * LINE else 2 * LINE
        missing = -errors.size % wide
        lines = np.append(errors, np.full(missing, np.nan)).reshape(-1, wide)
        marks = np.append(letters, np.full(missing, "")).reshape(-1, wide)
        rows_of = (0, wide * step) if len(lines) > 1 else None
        return [Panel("", lines, marks, rows_of, (0, step) if shape else None, 0)]
    front, (rows, columns) = shape[:-2], shape[-2:]
    stack = errors.reshape((-1, rows, columns))
    signs = letters.reshape((-1, rows, columns))
    worst = np.where(np.isin(signs, ["F", "S"]), np.nan_to_num(stack, nan=np.inf), 0).max(
        axis=(1, 2)
    )
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


def every(least: float) -> int:
    """A round number of cells from one label to the next, at least so many."""
    return next(n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**6) if n >= least)


def _counts(block: Mapping[str, Any]) -> tuple[int, ...]:
    """Shape of the errors."""
    return tuple(-(-n // t) for n, t in zip(block["shape"], block["tile"], strict=True))


def _label(index: Sequence[Any], tile: Sequence[int]) -> str:
    parts = [
        f"{k * t}" if t == 1 else f"{k * t}:{(k + 1) * t}" for k, t in zip(index, tile, strict=True)
    ]
    return f"[{', '.join(parts)}, :, :]"


def worst_place(block: Mapping[str, Any]) -> int | None:
    """Place of the worst entry in the flat list of errors."""
    if not block["worst"]:
        return None
    shape = _counts(block)
    index = tuple(k // t for k, t in zip(block["worst"]["index"], block["tile"], strict=True))
    return int(np.ravel_multi_index(index, shape)) if shape else 0


def summarised(block: Mapping[str, Any]) -> str:
    """What is drawn of a block where that is not every entry; empty if it is."""
    notes = []
    if any(t > 1 for t in block["tile"]):
        size = " by ".join(str(t) for t in block["tile"])
        notes.append(f"each cell shows the largest error of {size} entries")
    matrices = int(np.prod(_counts(block)[:-2], dtype=int))
    if matrices > SHOWN:
        notes.append(f"of {matrices} matrices the {SHOWN} with the largest errors")
    if "S" in block["verdicts"]:
        notes.append(
            "what is plainly wrong was not all measured finely, since the block has failed"
        )
    return "; ".join(notes)


def described(block: Mapping[str, Any]) -> str:
    """A heat map in words: where the wrong entries are, and by how much they are off.

    >>> described({"shape": [3], "tile": [1], "errors": [0, 0, 0.5], "verdicts": "PPF"})
    'entry [2] alone wrong, by 0.5; 2 of 3 right'
    """
    letters = np.array(list(block["verdicts"]))
    wrong, undecided = np.isin(letters, ["F", "S"]), np.isin(letters, ["I", "K"])
    right = letters.size - int(wrong.sum()) - int(undecided.sum())
    parts = []
    if wrong.any():
        sizes = [e for e, w in zip(block["errors"], wrong, strict=True) if w and e is not None]
        by = f", by {'up to ' if len(sizes) > 1 else ''}{max(sizes):.2g}" if sizes else ""
        parts.append(f"{_where(wrong, block)} wrong{by}")
    for count, words in ((right, "right"), (int(undecided.sum()), "not decided")):
        if count:
            share = f"{count} of {letters.size} "
            parts.append(f"{'' if letters.size == 1 else share}{words}")
    return "; ".join(parts)


def _where(wrong: NDArray[np.bool_], block: Mapping[str, Any]) -> str:
    """Rows, columns or entries that are wrong, in a few words."""
    tile, counts, total = block["tile"], _counts(block), int(wrong.sum())
    noun = "entries" if all(t == 1 for t in tile) else "tiles"
    grid = wrong.reshape(counts)
    if total == 1 and wrong.size > 1 and noun == "entries":
        return f"entry [{', '.join(str(int(k)) for k in np.argwhere(grid)[0])}] alone"
    if wrong.all():
        return "the one entry" if wrong.size == 1 else f"all {wrong.size} {noun}"
    if len(counts) != 2:
        return f"{total} of {wrong.size} {noun}"
    if counts[0] == counts[1] > 1 and np.array_equal(grid, ~np.eye(counts[0], dtype=bool)):
        return f"all {noun} off the diagonal"
    shares = []
    for axis, name in ((0, "row"), (1, "column")):
        lines = np.flatnonzero(grid.any(axis=1 - axis))
        inside = len(lines) * counts[1 - axis]
        text = f"{name}{'s' if len(lines) * tile[axis] > 1 else ''} {_spans(lines, tile[axis])}"
        text += "" if inside == total else f", in {total} of {inside} {noun},"
        shares.append((total / inside if 2 * len(lines) <= counts[axis] else 0.0, text))
    share, text = max(shares, key=lambda pair: pair[0])
    return text if share >= 0.5 else f"{total} of {wrong.size} {noun}"


def _spans(lines: NDArray[np.intp], tile: int) -> str:
    """Numbers of lines, neighbours together."""
    parts = []
    for span in np.split(lines, np.flatnonzero(np.diff(lines) > 1) + 1):
        first, last = int(span[0]) * tile, int(span[-1] + 1) * tile - 1
        parts.append(str(first) if first == last else f"{first} to {last}")
    return ", ".join(parts[:4]) + (", ..." if len(parts) > 4 else "")


Points = list[tuple[float, float]]

EXTRAPOLATED = (
    "at the chosen step the difference alone lies above the bar: the derivative is made of "
    "several, whose errors cancel"
)
"""Of a curve whose dot at the chosen step is not within the bar."""


@dataclass(frozen=True)
class StepCurve:
    """What differences give at each step, for a plot with a logarithmic axis of steps.

    Attributes
    ----------
    name : str
        Of the entry.
    centered : list of pairs
        Step, and how far the centered difference is from the numerical value. At a kink, where
        there is no such value, the difference itself.
    forward, backward : list of pairs
        One-sided differences, at a kink alone.
    rounding, truncation : list of pairs
        The two branches: noise over the step, and the change from one step to the next as long
        as it falls.
    bar : float or None
        Error bar of the numerical value.
    analytic : float or None
        How far the analytic value is from the numerical one; at a kink the value itself.
    step : float
        The step that was chosen.
    exact : int
        Differences that are the numerical value itself, which a logarithmic axis cannot show.
    """

    name: str
    centered: Points
    forward: Points
    backward: Points
    rounding: Points
    truncation: Points
    bar: float | None
    analytic: float | None
    step: float
    exact: int = 0

    @property
    def kinked(self) -> bool:
        """Whether there are two slopes, on a linear axis, in place of one error."""
        return bool(self.forward)

    @property
    def extrapolated(self) -> bool:
        """Whether the difference at the chosen step is off by more than the bar."""
        if self.kinked or self.bar is None or not self.centered:
            return False
        there = min(self.centered, key=lambda point: abs(np.log(point[0] / self.step)))
        return there[1] > self.bar

    @property
    def unseen(self) -> str:
        """What is said of the differences that have no dot."""
        what = "difference is" if self.exact == 1 else "differences are"
        return f"{self.exact} {what} the derivative itself, to the last digit"

    @property
    def steps(self) -> tuple[float, float]:
        """Decades that hold all steps."""
        return _decades([self.step, *(h for h, _ in self.centered + self.forward + self.rounding)])

    @property
    def heights(self) -> tuple[float, float]:
        """Ends of the other axis: decades of error or, at a kink, slopes."""
        points = [*self.centered, *self.forward, *self.backward, *self.rounding, *self.truncation]
        values = [y for _, y in points] + [y for y in (self.bar, self.analytic) if y is not None]
        if self.kinked:
            room = 0.15 * (max(values) - min(values)) or 1.0
            return min(values) - room, max(values) + room
        return _decades([max(y, 1e-18 * max(values)) for y in values])

    def described(self) -> str:
        """The curve in words."""
        if self.kinked:
            right, left = self.forward[-1][1], self.backward[-1][1]
            return (
                f"differences for {self.name} by their step: forward and backward ones do not "
                f"meet but tend to {right:.4g} and {left:.4g}, a kink"
            )
        parts = [f"how far differences for {self.name} are off, by their step"]
        if self.exact:
            parts.append(self.unseen)
        else:
            step, error = min(self.centered, key=lambda point: point[1])
            parts.append(f"least, {error:.1e}, at step {step:.1e}")
        if self.bar is not None:
            parts.append(f"error bar {self.bar:.1e}")
        if self.analytic is not None:
            parts.append(f"the analytic value is off by {self.analytic:.1e}")
        if self.extrapolated:
            parts.append(EXTRAPOLATED)
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
    steps, truth, claim = curve["steps"], curve["numerical"], curve["analytic"]

    def points(name: str) -> Points:
        return [(h, v) for h, v in zip(steps, curve[name], strict=True) if v is not None]

    def seen(found: Points) -> Points:
        return [(h, y) for h, y in found if y > 0]

    if curve["error"] is None:
        parts = points("slopes"), points("forward"), points("backward")
        both = min(map(len, parts)) > 1
        return (
            StepCurve(curve["name"], *parts, [], [], None, claim, curve["step"]) if both else None
        )
    noise, change = seen(points("rounding")), seen(points("truncation"))
    # From the first change that is larger than the one before it, they are changes of noise.
    falling = next((k for k in range(1, len(change)) if change[k][1] > change[k - 1][1]), None)
    falls = [(h, y) for h, y in change[:falling] if y > dict(noise).get(h, 0.0)]
    off = [(h, abs(v - truth)) for h, v in points("slopes")]
    found = StepCurve(
        name=curve["name"],
        centered=seen(off),
        forward=[],
        backward=[],
        rounding=noise,
        truncation=falls if len(falls) > 1 else [],
        bar=curve["error"] or None,
        analytic=None if claim is None else abs(claim - truth) or None,
        step=curve["step"],
        exact=len(off) - len(seen(off)),
    )
    # With no dots there are still the noise, and how far the analytic value is off.
    shown = len(found.centered) > 1 or (len(off) > 1 and noise and found.analytic)
    return found if shown else None


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Whole decades that hold all values, with a little room."""
    return float(np.floor(np.log10(min(values)) - 0.1)), float(np.ceil(np.log10(max(values)) + 0.1))
