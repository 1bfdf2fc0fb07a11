"""Reports as figures of matplotlib; `GradientReport.plot` is the way in.

>>> from gradcheck import check_gradient
>>> report = check_gradient(lambda x: np.sum(x**2), lambda x: 3 * x, np.array([1.0, -2.0]))
>>> report.plot().savefig("wrong.png")  # doctest: +SKIP

Figures are made without pyplot, so that no window, backend or global state is touched. They
show themselves in notebooks.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from gradcheck.errormap import relative_errors
from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.verdict import Verdict
from gradcheck.views.pictures import (
    FINEST,
    LIGHT,
    Panel,
    StepCurve,
    colours,
    described,
    every,
    levels,
    panels,
    step_curve,
    summarised,
    worst_place,
)

if TYPE_CHECKING:
    from gradcheck.report import BlockReport, GradientReport

__all__ = ["ReportFigure", "figure"]

SHOWN = 4
"""Blocks in one figure, unless some are asked for."""

SEPARATE = 1024
"""Cells up to which they stand apart."""

LEAST = 1e-17
"""Relative error that stands for none at all on a logarithmic axis."""

INK, SOFT, RED, GREEN, BLUE, ORANGE = (
    "#20242a",
    "#5a6069",
    "#a4262c",
    "#1d6b40",
    "#2f5fb3",
    "#b4540a",
)
"""As on the page, on a light ground."""


class ReportFigure(Figure):
    """A figure that shows itself in notebooks, where pyplot was never loaded."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def figure(report: GradientReport, block: str | Sequence[str] | None = None) -> ReportFigure:
    """Heat maps and step curves of what does not pass, or errors and resolutions if all does.

    Parameters
    ----------
    report : GradientReport
    block : str or sequence of str, optional
        Names of the blocks to draw; default those that do not pass.

    Returns
    -------
    ReportFigure
        A `matplotlib.figure.Figure`.

    Raises
    ------
    InvalidInput
        If there is no such block, or nothing of it was compared.
    """
    chosen = _chosen(report, block)
    if block is None and not chosen:
        return _overview(report)
    made = ReportFigure(figsize=(9.5, 3.9 * len(chosen)), layout="constrained", facecolor="white")
    rows = made.subplots(len(chosen), 2, squeeze=False)
    for (left, right), part in zip(rows, chosen, strict=True):
        data = {**part.to_dict(), **part.picture()}
        _heat_map(left, part.name, str(part.verdict), data)
        curve = step_curve(data["curve"])
        if curve:
            _step_curve(right, curve)
        else:
            right.set_axis_off()
    scale = ScalarMappable(Normalize(FINEST - 0.5, 0.5), _colour_map())
    bar = made.colorbar(scale, ax=list(rows[:, 0]), location="bottom", shrink=0.7, aspect=30)
    bar.set_ticks([-9, -6, -3, 0], labels=["1e-9", "1e-6", "1e-3", "1"])
    bar.set_label("relative error", color=SOFT, fontsize=8)
    bar.ax.tick_params(labelsize=8, colors=SOFT)
    bar.outline.set_visible(False)
    made.suptitle(_title(report), x=0.01, ha="left", color=INK, fontweight="bold")
    return made


def _title(report: GradientReport) -> str:
    first = str(report).splitlines()[0].replace("`", "")
    return first if len(first) <= 90 else f"{first[:87]}..."


def _chosen(report: GradientReport, block: str | Sequence[str] | None) -> list[BlockReport]:
    if block is None:
        found = [b for b in report.blocks.values() if b.verdict != Verdict.PASS]
        found = [b for b in found if b.count(Verdict.PASS) < b.entries]
        return sorted(found, key=lambda b: b.verdict != Verdict.FAIL)[:SHOWN]
    named = isinstance(block, (str, Sequence))
    names = [block] if isinstance(block, str) else list(block) if named else []
    if not named or not all(isinstance(name, str) for name in names):
        raise InvalidType(f"`block`: expected a block's name or several, got {block!r}")
    for name in names:
        if name not in report.blocks:
            known = ", ".join(f"`{known}`" for known in report.blocks) or "none"
            raise InvalidInput(f"`block`: there is no block `{name}`; the report has {known}")
        if not report.blocks[name].entries:
            raise InvalidInput(f"`block`: nothing of `{name}` could be compared, so none is drawn")
    if not names:
        raise InvalidInput("`block`: expected the name of a block, got none")
    return [report.blocks[name] for name in names]


def _colour_map() -> ListedColormap:
    return ListedColormap(colours(LIGHT))


def _heat_map(axes: Axes, name: str, verdict: str, data: Mapping[str, Any]) -> None:
    """The errors of a block; matrices of a block of more axes side by side."""
    parts = panels(data)
    level, letters, corners = _mosaic(parts)
    unknown_wrong = (level < 0) & np.isin(letters, ["F", "S"])
    shown = np.ma.masked_where((level < 0) & ~unknown_wrong, np.where(unknown_wrong, 19, level))
    axes.imshow(shown, cmap=_colour_map(), vmin=-0.5, vmax=19.5, interpolation="nearest")
    # The map has the shape of the block, but is never a mere line.
    rows, columns = level.shape
    tile = data["tile"][-2:] if len(data["tile"]) > 1 else [1, 1]
    shape = np.clip(rows * tile[0] / (columns * tile[1]), 1 / 6, 6)
    axes.set_aspect(float(shape) * columns / rows)
    size = min(7.0, 150 / max(level.shape))
    i, j = np.nonzero(np.isin(letters, ["I", "K"]))
    axes.plot(j, i, linestyle="none", marker="$/$", color=SOFT, markersize=size)
    i, j = np.nonzero(unknown_wrong)
    axes.plot(j, i, linestyle="none", marker="x", color="white", markersize=size)
    worst = worst_place(data)
    for part, (row, column) in zip(parts, corners, strict=True):
        at = None if worst is None else part.place(worst)
        if at:
            _ring(axes, row + at[0], column + at[1], level.shape)
    if level.size <= SEPARATE:
        axes.set_xticks(np.arange(level.shape[1] + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(level.shape[0] + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1)
        axes.tick_params(which="minor", length=0)
    _ticks(axes, parts)
    axes.set_title(f"{verdict}  {name}", loc="left", fontsize=10, color=INK)
    note = summarised(data)
    text = described(data) + (f"\n{note}" if note else "")
    axes.set_xlabel(text, fontsize=8, color=SOFT, wrap=True)
    axes.spines[:].set_visible(False)


def _ring(axes: Axes, row: int, column: int, shape: tuple[int, ...]) -> None:
    """A frame around one cell, wider where cells are small."""
    high, wide = (max(1.0, count / 15) for count in shape)
    corner = column - wide / 2, row - high / 2
    for color, width in (("white", 3.5), (INK, 1.6)):
        frame = Rectangle(corner, wide, high, fill=False, edgecolor=color, lw=width, zorder=3)
        axes.add_patch(frame).set_clip_on(False)


def _mosaic(
    parts: Sequence[Panel],
) -> tuple[NDArray[np.intp], NDArray[np.str_], list[tuple[int, int]]]:
    """All panels in one array, a cell apart, and where each begins."""
    rows, columns = parts[0].errors.shape
    wide = int(np.ceil(np.sqrt(len(parts) * rows / columns)))
    wide = min(max(wide, 1), len(parts))
    high = -(-len(parts) // wide)
    shape = high * (rows + 1) - 1, wide * (columns + 1) - 1
    level, letters = np.full(shape, -1), np.full(shape, "")
    corners = []
    for k, part in enumerate(parts):
        i, j = (k // wide) * (rows + 1), (k % wide) * (columns + 1)
        level[i : i + rows, j : j + columns] = levels(part.errors)
        letters[i : i + rows, j : j + columns] = part.verdicts
        corners.append((i, j))
    return level, letters, corners


def _ticks(axes: Axes, parts: Sequence[Panel]) -> None:
    """Numbers of rows and columns; none where several matrices stand side by side."""
    for axis, index in ((axes.xaxis, parts[0].columns), (axes.yaxis, parts[0].rows)):
        if index is None or len(parts) > 1:
            axis.set_ticks([])
            continue
        count = parts[0].errors.shape[0 if axis is axes.yaxis else 1]
        places = list(range(0, count, every(count / 6)))
        axis.set_ticks(places, labels=[str(index[0] + k * index[1]) for k in places])
    axes.tick_params(labelsize=8, colors=SOFT, length=0)


def _step_curve(axes: Axes, curve: StepCurve) -> None:
    """Error, or at a kink slope, against step."""
    axes.set_xscale("log")
    if not curve.kinked:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.xaxis.set_major_locator(LogLocator(numticks=8))
    (low, high), heights = curve.steps, curve.heights
    axes.set_xlim(10.0**low, 10.0**high)
    axes.set_ylim(*(heights if curve.kinked else (10.0**h for h in heights)))

    def line(points: Sequence[tuple[float, float]], style: str, color: str, label: str) -> None:
        if points:
            axes.plot(*zip(*points, strict=True), style, color=color, label=label, markersize=5)

    line(curve.rounding, ":", BLUE, "rounding: noise over step")
    line(curve.truncation, "--", ORANGE, "truncation: change to the next step")
    line(curve.centered, "o", INK, "centered difference")
    line(curve.forward, ">", BLUE, "forward difference")
    line(curve.backward, "<", ORANGE, "backward difference")
    if curve.bar is not None:
        axes.axhspan(0, curve.bar, color=GREEN, alpha=0.12, linewidth=0)
        axes.axhline(curve.bar, color=GREEN, linewidth=1.2, label=f"error bar {curve.bar:.1e}")
    if curve.analytic is not None:
        label = "analytic value" + ("" if curve.kinked else f", off by {curve.analytic:.1e}")
        axes.axhline(curve.analytic, color=RED, linewidth=1.2, label=label)
    if not curve.kinked:
        label = f"chosen step {curve.step:.1e}"
        axes.axvline(curve.step, color=SOFT, linewidth=0.8, linestyle=(0, (3, 3)), label=label)
    axes.set_title(curve.name, loc="left", fontsize=10, color=INK)
    axes.set_xlabel("step", fontsize=8, color=SOFT)
    axes.set_ylabel("slope" if curve.kinked else "error", fontsize=8, color=SOFT)
    _calm(axes)
    axes.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def _overview(report: GradientReport) -> ReportFigure:
    """Errors and resolutions by block, of a report with nothing to look into."""
    parts = [part for part in report.blocks.values() if part.entries]
    made = ReportFigure(
        figsize=(8, 1.9 + 0.35 * len(parts)), layout="constrained", facecolor="white"
    )
    axes = made.subplots()
    for k, part in enumerate(parts):
        errors = np.maximum(relative_errors(part.analytic, part.numerical), LEAST)
        seen = errors[np.isfinite(errors)]
        axes.plot(seen, np.full(seen.size, k), "|", color=INK, markersize=12, alpha=0.5)
        if np.isfinite(part.resolution):
            axes.plot(part.resolution, k, "D", color=GREEN, markersize=7)
    axes.plot([], [], "|", color=INK, markersize=12, label="relative error of an entry")
    axes.plot([], [], "D", color=GREEN, label="resolution: no larger error could pass")
    axes.set_xscale("log")
    axes.set_xlim(LEAST / 2, 1)
    axes.xaxis.set_major_locator(LogLocator(numticks=8))
    axes.set_yticks(range(len(parts)), labels=[part.name for part in parts])
    axes.set_ylim(len(parts) - 0.4, -0.6)
    _calm(axes)
    made.suptitle(_title(report), x=0.01, ha="left", color=INK, fontweight="bold")
    made.legend(loc="outside lower left", fontsize=8, frameon=False, ncols=2)
    return made


def _calm(axes: Axes) -> None:
    axes.grid(color="#e4e1d9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[:].set_color("#c9c5bb")
    axes.tick_params(labelsize=8, colors=SOFT)
