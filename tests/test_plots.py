"""Figures of matplotlib: what they show, and that they touch nothing else."""

import subprocess
import sys

import numpy as np
import pytest
from pages import CASES, report_of

from gradcheck import InvalidInput, InvalidType

matplotlib = pytest.importorskip("matplotlib", reason="pip install 'gradcheck[plots]'")


def words(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


@pytest.mark.parametrize("case", sorted({*CASES} - {"structure", "probes", "one entry", "markup"}))
def test_every_report_has_a_figure_that_can_be_drawn(case):
    figure = report_of(case).plot()

    assert isinstance(figure, matplotlib.figure.Figure)
    figure.draw_without_rendering()


@pytest.mark.parametrize("block", [3, ["W", 3], {"W": 1}, b"W"])
def test_block_that_is_no_name_is_refused(block):
    with pytest.raises(InvalidType, match="`block`: expected a block's name or several, got "):
        report_of("row").plot(block)


def test_notebooks_show_the_figure():
    assert report_of("passing").plot()._repr_png_().startswith(b"\x89PNG")


def test_figure_of_a_failure_shows_the_errors_and_the_curve():
    figure = report_of("row").plot()

    heat, plot, *_ = figure.axes
    (image,) = heat.images
    shown = np.asarray(image.get_array())
    assert (shown[2] == 19).all()
    assert (np.delete(shown, 2, axis=0) < 5).all()
    assert plot.get_xscale() == plot.get_yscale() == "log"
    labels = plot.get_legend_handles_labels()[1]
    assert {"centered difference", "rounding: noise over step"} <= set(labels)
    assert any(label.startswith("error bar") for label in labels)
    assert "row 2 wrong, by up to 1; 25 of 30 right" in words(figure)


def test_figure_of_a_kink_has_slopes_on_a_linear_axis():
    _, plot, *_ = report_of("kink").plot().axes

    assert (plot.get_xscale(), plot.get_yscale()) == ("log", "linear")
    assert "backward difference" in plot.get_legend_handles_labels()[1]


def test_figure_of_a_pass_has_errors_and_resolution():
    report = report_of("passing")

    (axes,) = report.plot().axes

    errors, (resolution, _) = axes.lines[0].get_xdata(), axes.lines[1].get_xydata()[0]
    assert len(errors) == report.entries
    assert resolution == report.resolution > max(errors)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["W"]


@pytest.mark.parametrize("names", ["W2", ["W2"], ("W1", "W2")])
def test_blocks_can_be_chosen_also_those_that_pass(names):
    figure = report_of("structure").plot(block=names)

    assert "PASS  W2" in words(figure)
    assert ("FAIL  W1" in words(figure)) == ("W1" in names)


@pytest.mark.parametrize(
    ("case", "block", "message"),
    [
        ("row", "V", "there is no block `V`; the report has `W`"),
        ("no entry", "W", "nothing of `W` could be compared"),
        ("row", [], "expected the name of a block"),
    ],
)
def test_what_cannot_be_drawn_is_said(case, block, message):
    with pytest.raises(InvalidInput, match=message):
        report_of(case).plot(block=block)


def test_missing_matplotlib_is_said_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradcheck.views.plots", None)

    with pytest.raises(ImportError, match=r"a plot needs matplotlib .*'gradcheck\[plots\]'"):
        report_of("row").plot()


def test_pyplot_and_its_state_are_left_alone():
    code = (
        "import sys, numpy as np; from gradcheck import check_gradient;"
        "check_gradient(np.sin, lambda x: 2 * np.cos(x), np.array(1.0)).plot();"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
