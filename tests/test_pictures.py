"""Pictures show what the data say: places, words, branches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck import check_gradient
from gradcheck.views.pictures import (
    DARK,
    EXTRAPOLATED,
    LIGHT,
    SHOWN,
    colours,
    described,
    every,
    levels,
    panels,
    step_curve,
    summarised,
    worst_place,
)


def block(errors, shape=None, letters=None, tile=None):
    errors = np.array(errors, dtype=float)
    shape = errors.shape if shape is None else shape
    flat = [None if np.isnan(e) else float(e) for e in errors.ravel()]
    marks = letters or "".join("F" if e is None or e > 1e-6 else "P" for e in flat)
    tile = [1] * len(shape) if tile is None else tile
    return {"shape": list(shape), "tile": tile, "errors": flat, "verdicts": marks}


def test_levels_are_half_decades_between_the_ends():
    found = levels(np.array([0.0, 1e-30, 1.1e-9, 0.9e-3, 0.11, 0.5, 1.0, 7.0, np.inf, np.nan]))

    assert found.tolist() == [0, 0, 1, 12, 17, 18, 19, 19, 19, -1]


@given(st.lists(st.floats(0, 10), min_size=2, max_size=30))
def test_levels_are_in_the_order_of_the_errors(errors):
    found = levels(np.sort(np.array(errors)))

    assert (np.diff(found) >= 0).all()
    assert ((found >= 0) & (found < 20)).all()


@pytest.mark.parametrize(("anchors", "sign"), [(LIGHT, -1), (DARK, 1)])
def test_lightness_of_the_colours_runs_one_way(anchors, sign):
    """So that they are in order for every kind of colour vision, and on paper."""
    found = colours(anchors)
    rgb = np.array([[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in found])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]

    assert len(found) == 20
    assert found[0], found[-1] == (anchors.split()[0], anchors.split()[-1])
    assert (np.diff(luminance) * sign > 0).all()


@given(
    st.lists(st.integers(1, 6), max_size=4), st.integers(0, 10_000), st.sampled_from([1, 2, 3, 40])
)
def test_every_error_is_in_one_panel_at_its_place(shape, seed, more):
    shape = (*shape[:-1], shape[-1] * more) if shape else ()
    errors = np.random.default_rng(seed).uniform(0.1, 1, shape)
    data = block(errors)

    found = panels(data)

    drawn = np.concatenate([panel.errors[panel.verdicts != ""] for panel in found])
    matrices = int(np.prod(shape[:-2], dtype=int))
    assert len(found) == min(matrices, SHOWN)
    assert len(drawn) == errors.size * len(found) / matrices
    assert set(drawn) <= set(errors.ravel())
    for i, value in enumerate(errors.ravel()):
        places = [(p, p.place(i)) for p in found if p.place(i)]
        assert len(places) == (value in drawn)
        assert all(p.errors[place] == value for p, place in places)


def test_matrices_with_the_largest_errors_are_shown():
    errors = np.zeros((40, 2, 2))
    errors[37, 1, 1], errors[5] = 0.5, 0.1
    data = block(errors)

    labels = [panel.label for panel in panels(data)]
    assert len(labels) == SHOWN
    assert {"[37, :, :]", "[5, :, :]"} <= set(labels)
    assert summarised(data) == f"of 40 matrices the {SHOWN} with the largest errors"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.s_[:], "all 20 entries wrong, by up to 0.5"),
        (np.s_[2], "row 2 wrong, by up to 0.5; 16 of 20 right"),
        (np.s_[:, 1:3], "columns 1 to 2 wrong, by up to 0.5; 10 of 20 right"),
        (np.s_[3, 1], "entry [3, 1] alone wrong, by 0.5; 19 of 20 right"),
        (np.s_[1, :3], "row 1, in 3 of 4 entries, wrong, by up to 0.5; 17 of 20 right"),
        (
            np.s_[1:4, 1:3],
            "columns 1 to 2, in 6 of 10 entries, wrong, by up to 0.5; 14 of 20 right",
        ),
        (([0, 1, 2, 4], [0, 1, 2, 3]), "4 of 20 entries wrong, by up to 0.5; 16 of 20 right"),
    ],
)
def test_words_say_where_the_wrong_entries_are(wrong, words):
    errors = np.zeros((5, 4))
    errors[wrong] = 0.5

    assert described(block(errors)) == words


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (block(0.5), "the one entry wrong, by 0.5"),
        (block([np.nan, 0.0]), "entry [0] alone wrong; 1 of 2 right"),
        (
            block([[0, 0.5], [0.5, 0]]),
            "all entries off the diagonal wrong, by up to 0.5; 2 of 4 right",
        ),
        (block([0.1, 0.2], letters="IK"), "2 of 2 not decided"),
        (block(0.1, letters="K"), "not decided"),
        (
            block([[0.5, 0], [0.5, 0]], shape=(4, 9), tile=[2, 5]),
            "columns 0 to 4 wrong, by up to 0.5; 2 of 4 right",
        ),
        (block(np.full((2, 2, 2), 0.5)), "all 8 entries wrong, by up to 0.5"),
    ],
    ids=["one", "nan", "diagonal", "open", "open one", "tiles", "three axes"],
)
def test_words_for_other_blocks(data, words):
    assert described(data) == words


def test_worst_entry_is_found_in_its_tile():
    data = block(np.zeros((2, 2)), shape=(4, 10), tile=[2, 5]) | {"worst": {"index": [3, 4]}}

    assert worst_place(data) == 2
    assert worst_place(data | {"worst": None}) is None


def curve_of(cost, gradient, at):
    (data,) = check_gradient(cost, gradient, np.array(at)).to_dict()["blocks"].values()
    return data["curve"], step_curve(data["curve"])


def test_branches_of_the_curve_fall_and_rise():
    data, curve = curve_of(lambda x: np.sin(x), lambda x: 2 * np.cos(x), 1.0)

    assert not curve.kinked
    assert abs(curve.analytic - np.cos(1.0)) < 1e-6
    assert 0 < curve.bar == data["error"] < 1e-8
    # From the coarsest step on: truncation falls with the square of the step, noise grows.
    steps, errors = np.array(curve.truncation).T
    powers = np.diff(np.log(errors)) / np.diff(np.log(steps))
    np.testing.assert_allclose(powers[:4], 2, atol=0.1)
    steps, noise = np.array(curve.rounding).T
    np.testing.assert_allclose(noise * steps, noise[0] * steps[0])
    assert curve.step in data["steps"]
    truth = dict(curve.centered)
    assert all(truth[h] <= 1.1 * error for h, error in curve.truncation[:3])


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ([1e-2, 1e-4, 1e-6, 1e-8], 4),
        ([1e-2, 1e-4, 3e-4, 1e-6], 2),
        ([1e-2, 1e-4, 1e-9, 1e-12], 3),
    ],
    ids=["falls", "rises again", "is below the noise"],
)
def test_truncation_is_shown_as_long_as_it_is_more_than_noise(changes, shown):
    steps = [4.0**-k for k in range(5)]
    curve = step_curve(
        {
            "name": "x",
            "analytic": 2.0,
            "numerical": 1.0,
            "error": 1e-9,
            "step": 1.0,
            "steps": steps,
            "slopes": [1 + h**2 for h in steps],
            "rounding": [1e-11 / h for h in steps],
            "truncation": [*changes, None],
        }
    )

    assert curve.truncation == list(zip(steps, changes, strict=False))[:shown]
    assert curve.centered == [(h, h**2) for h in steps]


def test_axes_hold_all_that_is_drawn():
    _, curve = curve_of(lambda x: np.sin(x), lambda x: 2 * np.cos(x), 1.0)

    low, high = (10.0**k for k in curve.steps)
    assert all(low <= h <= high for h, _ in curve.centered)
    low, high = (10.0**k for k in curve.heights)
    assert all(low <= y <= high for _, y in curve.centered + curve.rounding)
    assert low <= curve.bar <= curve.analytic <= high


def test_curve_at_a_kink_has_both_slopes():
    _, curve = curve_of(np.abs, lambda x: 0.5 + 0 * x, 0.0)

    assert curve.kinked
    assert {y for _, y in curve.forward} == {1.0}
    assert {y for _, y in curve.backward} == {-1.0}
    assert (curve.analytic, curve.bar) == (0.5, None)
    assert curve.heights[0] < -1 < 1 < curve.heights[1]
    assert "do not meet but tend to 1 and -1, a kink" in curve.described()


def test_curve_in_words():
    _, curve = curve_of(lambda x: np.sin(x), lambda x: 2 * np.cos(x), 1.0)

    words = curve.described()
    assert words.startswith("how far differences for x are off, by their step; least, ")
    assert f"error bar {curve.bar:.1e}; the analytic value is off by 5.4e-01" in words


def test_exact_differences_have_no_dots_and_are_counted():
    data, curve = curve_of(lambda x: x**2, lambda x: 3 * x, 1.0)

    assert curve.centered == []
    assert curve.exact == len(data["steps"]) > 9
    assert f"{curve.exact} differences are the derivative itself" in curve.described()
    assert curve.analytic == 1
    assert curve.heights[1] >= 0


@pytest.mark.parametrize(("error", "said"), [(1e-3, False), (1e-7, True)])
def test_words_say_why_a_dot_at_the_chosen_step_is_above_the_bar(error, said):
    data, _ = curve_of(lambda x: np.sin(x), lambda x: 2 * np.cos(x), 1.0)
    step = next(h for h in data["steps"] if h < 0.05)
    curve = step_curve({**data, "step": step, "error": error})

    assert curve.extrapolated == said
    assert (EXTRAPOLATED in curve.described()) == said


@pytest.mark.parametrize("curve", [None, {"numerical": None}])
def test_nothing_is_drawn_of_what_was_not_measured(curve):
    assert step_curve(curve) is None


def test_nothing_is_drawn_of_a_cost_that_does_not_move():
    assert curve_of(lambda x: 1.0, lambda x: 0 * x, 1.0)[1] is None


@given(st.floats(0.01, 1e5))
def test_labels_are_a_round_number_apart(least):
    assert every(least) >= least
    assert str(every(least)).strip("0") in {"1", "2", "5"}
