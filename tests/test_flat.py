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

    assert report.blocks["x"].verdicts[0] == Verdict.FAIL


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
