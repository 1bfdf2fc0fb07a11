"""Pictures as SVG: paths and places of a heat map and of a step curve, for the templates.

>>> picture = heat_map([Panel("", np.array([[0, 0.5]]), np.array([["P", "F"]]), (0, 1), (0, 1), 0)])
>>> [(cells.level, cells.path) for cells in picture.cells]
[(0, 'M28 20h40v40h-40z'), (18, 'M68 20h40v40h-40z')]

All pictures are as wide as a telephone's screen in units of its own, so that their text can be
read there; on larger screens they grow. What has colour is named by class and coloured by the
page's style, which knows light from dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradcheck.views.pictures import Panel, Points, StepCurve, every, levels

__all__ = ["Cells", "HeatMap", "Plot", "Text", "heat_map", "plot"]

WIDTH = 340
"""Of every picture."""

LEFT, TOP = 28, 20
"""Room for the indices of rows and columns."""

CELL, TALLEST, GAP = 40.0, 320.0, 14.0
"""Largest cell, largest height of all cells together, room between panels."""


@dataclass(frozen=True)
class Text:
    """Words in a picture: where, and to which side of that they stand."""

    x: float
    y: float
    words: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Cells:
    """All cells of one colour, as one path."""

    level: int
    path: str


@dataclass(frozen=True)
class HeatMap:
    """A heat map, ready to be drawn.

    Attributes
    ----------
    height : float
    cells : list of Cells
        The colours that occur.
    hatch : str
        Path of strokes through cells that are not decided.
    crosses : str
        Path of crosses in cells whose claim is no number.
    ring : tuple of float or None
        Corner, width and height of the worst cell.
    texts : list of Text
    separate : bool
        Whether cells are large enough to stand apart.
    """

    height: float
    cells: list[Cells]
    hatch: str
    crosses: str
    ring: tuple[float, float, float, float] | None
    texts: list[Text]
    separate: bool


def heat_map(panels: Sequence[Panel], worst: int | None = None) -> HeatMap:
    """Paths of the panels of one block.

    Parameters
    ----------
    panels : sequence of Panel
        All of one shape.
    worst : int, optional
        Place, in the flat list of errors, of the entry to mark.
    """
    rows, columns = panels[0].errors.shape
    several = len(panels) > 1
    left, top = (2.0, TOP) if several else (float(LEFT), float(TOP))
    per_line, wide, high = _fit(len(panels), rows, columns, WIDTH - left - 2)
    separate = min(wide, high) >= 4 and rows * columns * len(panels) <= 1024
    paths: dict[int, list[str]] = {}
    hatch, crosses, texts = [], [], []
    ring, bottom = None, 0.0
    for k, panel in enumerate(panels):
        line, place = divmod(k, per_line)
        x0 = left + place * (columns * wide + GAP)
        y0 = top + line * (rows * high + GAP + 6)
        bottom = y0 + rows * high
        level = levels(panel.errors)
        level[(level < 0) & np.isin(panel.verdicts, ["F", "S"])] = 19
        for i, j, run, value in _runs(np.where(panel.verdicts == "", -2, level), separate):
            if value == -2:
                continue
            path = f"M{_n(x0 + j * wide)} {_n(y0 + i * high)}h{_n(run * wide)}v{_n(high)}"
            paths.setdefault(value, []).append(f"{path}h-{_n(run * wide)}z")
        for i, j in np.argwhere(np.isin(panel.verdicts, ["I", "K"])):
            start = f"M{_n(x0 + j * wide)} {_n(y0 + (i + 1) * high)}"
            hatch.append(f"{start}l{_n(wide)} -{_n(high)}")
        for i, j in np.argwhere(np.isnan(panel.errors) & np.isin(panel.verdicts, ["F", "S"])):
            x, y, dx, dy = x0 + (j + 0.3) * wide, y0 + (i + 0.3) * high, 0.4 * wide, 0.4 * high
            crosses.append(f"M{_n(x)} {_n(y)}l{_n(dx)} {_n(dy)}m0 -{_n(dy)}l-{_n(dx)} {_n(dy)}")
        at = None if worst is None else panel.place(worst)
        if at:
            apart = 0.0 if min(wide, high) >= 14 else 3.5
            x, y = x0 + at[1] * wide - apart, y0 + at[0] * high - apart
            ring = (_r(x), _r(y), _r(wide + 2 * apart), _r(high + 2 * apart))
        if several:
            texts.append(Text(x0, y0 - 4, panel.label, "start"))
        else:
            texts += _indices(panel, x0, y0, wide, high)
    cells = [Cells(value, "".join(path)) for value, path in sorted(paths.items())]
    return HeatMap(bottom + 4, cells, "".join(hatch), "".join(crosses), ring, texts, separate)


def _fit(count: int, rows: int, columns: int, width: float) -> tuple[int, float, float]:
    """Panels in a line, and width and height of a cell, as large as there is room for."""
    best = (1, 0.0, 0.0)
    for per_line in range(1, count + 1):
        lines = -(-count // per_line)
        wide = min(CELL, (width - (per_line - 1) * GAP) / (per_line * columns))
        high = min(CELL, (TALLEST - (lines - 1) * (GAP + 6)) / (lines * rows))
        size = min(wide, high)
        if size <= 0:  # the gaps alone would not fit
            continue
        # A matrix with few rows or columns has cells that are longer one way.
        cell = min(wide, max(size, min(14.0, 3 * size))), min(high, max(size, min(14.0, 8 * size)))
        if cell[0] * cell[1] > best[1] * best[2]:
            best = (per_line, *cell)
    return best


def _runs(level: NDArray[np.intp], separate: bool) -> Iterable[tuple[int, int, int, int]]:
    """Row, column, length and value of what is drawn as one piece."""
    for i, row in enumerate(level):
        if separate:
            yield from ((i, j, 1, int(value)) for j, value in enumerate(row))
            continue
        starts = np.flatnonzero(np.diff(row, prepend=row[0] - 1))
        for j, end in zip(starts, [*starts[1:], row.size], strict=True):
            yield i, int(j), int(end - j), int(row[j])


def _indices(panel: Panel, x0: float, y0: float, wide: float, high: float) -> list[Text]:
    """Numbers of rows and columns, as many as there is room for."""
    rows, columns = panel.errors.shape
    texts = []
    for j in range(0, columns if panel.columns else 0, every(24 / wide)):
        texts.append(Text(x0 + (j + 0.5) * wide, y0 - 6, _index(panel.columns, j)))
    for i in range(0, rows if panel.rows else 0, every(13 / high)):
        texts.append(Text(x0 - 5, y0 + (i + 0.5) * high + 4, _index(panel.rows, i), "end"))
    return texts


def _index(axis: tuple[int, int] | None, k: int) -> str:
    first, step = axis or (0, 1)
    return str(first + k * step)


@dataclass(frozen=True)
class Plot:
    """A step curve, ready to be drawn.

    Attributes
    ----------
    height : float
    grid : str
        Path of the lines at round numbers.
    texts : list of Text
        Numbers at the axes.
    dots, forward, backward : list of pairs
    rounding, truncation : str
        Paths.
    bar, analytic : float or None
        Heights of the two level lines.
    step : float
        Where the chosen step is.
    box : tuple of float
        Left, top, right and bottom of the plot.
    """

    height: float
    grid: str
    texts: list[Text]
    dots: Points
    forward: Points
    backward: Points
    rounding: str
    truncation: str
    bar: float | None
    analytic: float | None
    step: float
    box: tuple[float, float, float, float]


BOX = (46.0, 22.0, 332.0, 212.0)
"""Left, top, right and bottom of a plot."""


def plot(curve: StepCurve) -> Plot:
    """Paths of a step curve: errors on a logarithmic axis, the slopes of a kink on a linear one."""
    (x_low, x_high), (y_low, y_high) = curve.steps, curve.heights
    left, top, right, bottom = BOX

    def x(step: float) -> float:
        return _r(left + (right - left) * (math.log10(step) - x_low) / (x_high - x_low))

    def y(value: float) -> float:
        height = value if curve.kinked else math.log10(value)
        share = (height - y_low) / (y_high - y_low)
        return _r(bottom - (bottom - top) * min(max(share, 0.0), 1.0))

    def dots(points: Points) -> Points:
        return [(x(h), y(value)) for h, value in points]

    def line(points: Points) -> str:
        pairs = enumerate(dots(points))
        return "".join(f"{'L' if k else 'M'}{_n(a)} {_n(b)}" for k, (a, b) in pairs)

    grid = []
    title = "slope" if curve.kinked else "error"
    texts = [Text(left - 6, top - 11, title, "end"), Text(right, bottom + 30, "step", "end")]
    for k in range(int(x_low), int(x_high) + 1, every((x_high - x_low) / 6)):
        at = x(10.0**k)
        grid.append(f"M{_n(at)} {_n(top)}V{_n(bottom)}")
        texts.append(Text(at, bottom + 15, f"1e{k}"))
    for words, value in _marks(y_low, y_high, linear=curve.kinked):
        at = y(value)
        grid.append(f"M{_n(left)} {_n(at)}H{_n(right)}")
        texts.append(Text(left - 6, at + 4, words, "end"))
    return Plot(
        height=bottom + 34,
        grid="".join(grid),
        texts=texts,
        dots=dots(curve.centered),
        forward=dots(curve.forward),
        backward=dots(curve.backward),
        rounding=line(curve.rounding),
        truncation=line(curve.truncation),
        bar=None if curve.bar is None else y(curve.bar),
        analytic=None if curve.analytic is None else y(curve.analytic),
        step=x(curve.step),
        box=BOX,
    )


def _marks(low: float, high: float, *, linear: bool) -> list[tuple[str, float]]:
    """Round numbers within an axis, with their words."""
    if not linear:
        decades = range(int(low), int(high) + 1, every((high - low) / 6))
        return [(f"1e{k}", 10.0**k) for k in decades]
    least = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(least))
    step = next(n * unit for n in (1, 2, 5, 10) if n * unit >= least)
    places = range(math.ceil(low / step), math.floor(high / step) + 1)
    return [(f"{k * step:.6g}", k * step) for k in places]


def _r(number: float) -> float:
    return round(float(number), 2)


def _n(number: float) -> str:
    """A coordinate in few letters."""
    return f"{number:.2f}".rstrip("0").rstrip(".")
