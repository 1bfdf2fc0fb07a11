"""Costs that do not move near the point, and do beyond a kink."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck import Verdict, check_gradient


def hinge(w, x, offset):
    return lambda p: float(np.maximum(p[:-1] @ x + p[-1], 0)) + offset


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1]),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_a_unit_switched_off_has_the_derivative_zero_however_near_its_kink(seed, d, offset, share):
    rng = np.random.default_rng(seed)
    w, x = rng.normal(size=3), rng.normal(size=3)
    p = np.append(w, -w @ x - d * rng.uniform(0.1, 1))

    report = check_gradient(
        hinge(w, x, offset), lambda p: share * np.append(x, 1.0), p, on_kink="accept"
    )

    # Where no step reaches the kink, nothing that moves is seen: inconclusive, but not wrong.
    assert report.verdict in ([Verdict.PASS, Verdict.INCONCLUSIVE] if share == 0 else ["FAIL"])


@pytest.mark.parametrize("factor", [-1.0, 0.0, 1.5, 10.0])
def test_a_wrong_entry_beside_a_much_larger_one_is_looked_at_closely(factor):
    report = check_gradient(
        lambda p: p[0] ** 2 + 1e11 * p[1] ** 2,
        lambda p: np.array([factor * 2 * p[0], 2e11 * p[1]]),
        np.array([0.5, -1.2]),
    )

    (block,) = report.blocks.values()
    assert block.verdicts[0] == Verdict.FAIL


def test_an_entry_without_room_between_its_bounds_does_not_spoil_the_others():
    report = check_gradient(
        lambda x: np.sum(x**2),
        lambda x: 2 * x,
        np.array([0.3, 1.0, 0.7]),
        bounds=(np.array([-5, 1.0, -5]), np.array([5, 1.0, 5])),
    )

    assert [str(v) for v in report.blocks["x"].verdicts] == ["PASS", "INCONCLUSIVE", "PASS"]


def test_kinks_that_are_accepted_leave_the_stated_resolution_alone():
    report = check_gradient(
        lambda x: np.maximum(x, 0).sum(),
        lambda x: (x > 0) * 1.0,
        np.array([1.0, 0.0, -1.0]),
        on_kink="accept",
    )

    assert report.verdict == Verdict.PASS
    assert report.resolution < 1e-5


@pytest.mark.parametrize(("claim", "nearer"), [(1.5, 1.0), (-4.0, -1.0)])
def test_a_claim_beyond_the_slopes_of_a_kink_is_held_against_the_nearer_one(claim, nearer):
    report = check_gradient(lambda x: np.abs(x).sum(), lambda x: claim + 0 * x, np.zeros(1))

    assert report.verdict == Verdict.FAIL
    np.testing.assert_allclose(report.blocks["x"].numerical, nearer, rtol=1e-9)


@pytest.mark.parametrize("y", [0.0, -2e-9, 3e-12])
@given(st.floats(-13, -3), st.floats(-13, -3), st.sampled_from([-1.0, 1.0]))
def test_a_cost_that_drowns_small_steps_in_a_one_does_not_accuse(y, a, b, sign):
    """Near 0, ``log(1 + x^2)`` stands still, and the lines that show noise move by `y` alone."""
    x = np.array([y, 10.0**a, sign * 10.0**b])

    report = check_gradient(
        lambda x: x[0] + np.sum(np.log(1 + x[1:] ** 2)),
        lambda x: np.append(1.0, 2 * x[1:] / (1 + x[1:] ** 2)),
        x,
    )

    assert report.verdict == Verdict.PASS


def test_an_unused_block_is_a_zero_whatever_the_cost_is_made_of():
    """Values so small that nothing moves at the finest spacing are no stairs."""
    report = check_gradient(
        lambda p: np.logaddexp(0, p["b"] * 2.0**-7).sum() + 2.0,
        lambda p: {"W": 0 * p["W"], "b": 2.0**-7 / (1 + np.exp(-p["b"] * 2.0**-7))},
        {"W": np.array([0.0, 0.109375, -0.125]), "b": np.array([2.0**-6, -(2.0**-5)])},
    )

    assert {name: str(b.verdict) for name, b in report.blocks.items()} == {"W": "PASS", "b": "PASS"}


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1.0, 1e9, 1e300])
def test_a_cost_on_the_scale_of_its_parameters_never_fails(scale):
    x = scale * np.array([0.7, -1.3])

    right = check_gradient(
        lambda x: np.sum(np.sin(x / scale)), lambda x: np.cos(x / scale) / scale, x
    )

    assert right.verdict != Verdict.FAIL


@pytest.mark.parametrize("scale", [1e-323, 1e-320, 1e-310, 1e-300, 1e307])
def test_a_cost_at_the_end_of_the_numbers_never_fails(scale):
    x = np.array([0.7, -1.3, 2.1])

    report = check_gradient(lambda x: scale * np.sum(np.sin(x)), lambda x: scale * np.cos(x), x)

    assert report.verdict != Verdict.FAIL


@pytest.mark.parametrize("factor", [2.0, -1.0, 0.0])
def test_an_entry_at_an_edge_does_not_hide_a_mistake_in_the_others(factor):
    x = np.array([0.5, 1.0 + 1e-13])

    report = check_gradient(
        lambda x: np.sin(x[0]) + np.log(x[1] - 1.0),
        lambda x: np.array([factor * np.cos(x[0]), 1 / (x[1] - 1.0)]),
        x,
    )

    assert report.verdict != Verdict.PASS


@pytest.mark.parametrize("claim", [0.0, 1.0, 0.5])
def test_a_tiny_entry_whose_part_is_below_the_noise_is_inconclusive_whatever_is_claimed(claim):
    """As is one of ``s sin(x / s)`` with `s` of 1e-8, in a sum of 1e8."""
    scale = np.array([1e8, 1e-8, 3e7])

    def grad(x):
        return np.where(scale < 1, claim, np.cos(x / scale))

    report = check_gradient(
        lambda x: np.sum(scale * np.sin(x / scale)), grad, scale * np.array([0.7, -0.8, 0.4])
    )

    assert [str(v) for v in report.blocks["x"].verdicts] == ["PASS", "INCONCLUSIVE", "PASS"]


def test_a_tiny_entry_that_nothing_depends_on_passes_with_zero_beside_huge_ones():
    report = check_gradient(
        lambda x: np.sin(x[0] / 1e8) * 1e8,
        lambda x: np.array([np.cos(x[0] / 1e8), 0.0]),
        np.array([7e7, -8e-9]),
    )

    assert [str(v) for v in report.blocks["x"].verdicts] == ["PASS", "PASS"]


def test_what_never_moves_is_flat_also_where_two_steps_decide():
    report = check_gradient(lambda x: x[0], lambda x: np.array([1.0, 0.0]), np.ones(2))

    assert [n.value for n in report.blocks["x"].natures] == ["smooth", "flat"]
