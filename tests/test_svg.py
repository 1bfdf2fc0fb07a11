"""Paths and places of pictures: everything is drawn once, and inside of the picture."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_pictures import block, curve_of

from gradcheck.views.pictures import panels
from gradcheck.views.svg import TALLEST, WIDTH, heat_map, plot

NUMBER = r"-?[\d.]+"


def rectangles(path):
    """Corner, width and height of the pieces of a path of cells."""
    pattern = rf"M({NUMBER}) ({NUMBER})h({NUMBER})v({NUMBER})h-({NUMBER})z"
    assert re.sub(pattern, "", path) == ""
    return [tuple(map(float, found[:4])) for found in re.findall(pattern, path)]


@given(st.lists(st.integers(1, 8), max_size=4), st.integers(1, 30), st.integers(0, 1000))
def test_cells_cover_the_map_once_and_stay_inside(shape, more, seed):
    shape = (*shape[:-1], shape[-1] * more) if shape else ()
    errors = 10.0 ** np.random.default_rng(seed).integers(-9, 1, shape)
    found = panels(block(errors))

    picture = heat_map(found)

    pieces = [piece for cells in picture.cells for piece in rectangles(cells.path)]
    area = sum(w * h for _, _, w, h in pieces)
    cells = sum(int(np.sum(panel.verdicts != "")) for panel in found)
    assert all(x >= 0 and x + w <= WIDTH + 0.5 and y + h <= picture.height for x, y, w, h in pieces)
    assert picture.height <= TALLEST + 60
    assert all(x >= 0 and w > 0 and h > 0 for x, _, w, h in pieces)
    high = min(h for *_, h in pieces)
    wide = min(w for *_, w, _ in pieces)
    # Pieces are runs of cells, of which the narrowest may be several.
    assert area / (wide * high) <= cells * 1.02
    assert not picture.separate or len(pieces) == cells


def test_runs_of_one_colour_are_one_piece_where_cells_are_many():
    errors = np.zeros((50, 40))
    errors[7, 20:30] = 0.5

    picture = heat_map(panels(block(errors)))

    assert not picture.separate
    assert [len(rectangles(cells.path)) for cells in picture.cells] == [51, 1]


def test_marks_of_what_is_not_known():
    data = block([[np.nan, 0.1], [np.nan, 0.0]], letters="FIIP")

    picture = heat_map(panels(data), worst=0)

    assert picture.crosses.count("M") == 1
    assert picture.hatch.count("M") == 2
    assert [cells.level for cells in picture.cells] == [-1, 0, 17, 19]
    assert picture.ring == (28, 20, 40, 40)


@pytest.mark.parametrize(
    ("shape", "words"),
    [((), []), ((3,), ["0", "1", "2"]), ((2, 3), ["0", "1", "2", "0", "1"]), ((40,), None)],
)
def test_rows_and_columns_have_their_numbers(shape, words):
    texts = [text.words for text in heat_map(panels(block(np.zeros(shape)))).texts]

    assert texts == ([*map(str, range(0, 32, 5)), "0", "32"] if words is None else words)


def test_panels_have_their_place_in_the_block():
    texts = heat_map(panels(block(np.zeros((2, 1, 3, 3))))).texts

    assert [text.words for text in texts] == ["[0, 0, :, :]", "[1, 0, :, :]"]


@pytest.mark.parametrize(
    ("cost", "gradient", "at"),
    [
        (np.sin, lambda x: 2 * np.cos(x), 1.0),
        (lambda x: 1.3 * x**2 + x, lambda x: 3 * x, 2.0),
        (np.abs, lambda x: 0.5 + 0 * x, 0.0),
    ],
    ids=["smooth", "exact at large steps", "kink"],
)
def test_plot_stays_in_its_box(cost, gradient, at):
    _, curve = curve_of(cost, gradient, at)

    picture = plot(curve)

    left, top, right, bottom = picture.box
    for x, y in [*picture.dots, *picture.forward, *picture.backward]:
        assert left <= x <= right
        assert top <= y <= bottom
    assert left <= picture.step <= right
    for path in (picture.rounding, picture.truncation):
        for x, y in re.findall(rf"[ML]({NUMBER}) ({NUMBER})", path):
            assert left <= float(x) <= right
            assert top <= float(y) <= bottom
    assert top <= picture.analytic <= bottom
    assert picture.bar is None or picture.analytic < picture.bar
    assert {"step", "slope" if curve.kinked else "error"} <= {t.words for t in picture.texts}
    assert len({(t.x, t.y) for t in picture.texts}) == len(picture.texts)
