"""The decision rule, on numbers made for it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck import check_gradient
from gradcheck.differences import Differences, Nature
from gradcheck.verdict import Verdict, decide, worst_of

ORDER = [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.KINK, Verdict.FAIL]


def found(derivative, error, nature=Nature.SMOOTH, left=np.nan, right=np.nan, steepness=0.0):
    return Differences(
        derivative=np.array([derivative]),
        error=np.array([error]),
        noise=np.array([error / 4 if np.isfinite(error) else 1e-9]),
        step=np.array([0.1]),
        nature=np.array([nature], dtype=object),
        left=np.array([left]),
        right=np.array([right]),
        distance=np.array([np.nan]),
        steepness=np.array([steepness]),
    )


def verdict(claim, measured, block=1.0, whole=1.0, rounding=0.0, **options):
    made = decide(
        np.array([claim]),
        measured,
        np.array([block]),
        np.array([whole]),
        np.array([rounding]),
        **options,
    )
    return made.verdict[0], made.resolution[0], made.reason[0]


CASES = {
    "equal": (1.0, found(1.0, 1e-9), Verdict.PASS),
    "inside the bar": (1.0 + 0.9e-9, found(1.0, 1e-9), Verdict.PASS),
    "outside the bar": (1.0 + 1.1e-8, found(1.0, 1e-9), Verdict.FAIL),
    "wide bar": (1.0, found(1.0, 0.05), Verdict.INCONCLUSIVE),
    "outside a wide bar": (2.0, found(1.0, 0.05), Verdict.FAIL),
    "a bar as wide as the value": (2.0, found(1.0, 0.9), Verdict.INCONCLUSIVE),
    "nothing known": (1.0, found(np.nan, np.inf, Nature.OUTSIDE), Verdict.INCONCLUSIVE),
    "jump": (1.0, found(1.0, 1e-9, Nature.JUMP), Verdict.INCONCLUSIVE),
    "NaN claimed": (np.nan, found(1.0, 1e-9), Verdict.FAIL),
    "infinity claimed": (np.inf, found(1.0, 1e-9), Verdict.FAIL),
    "zero beside its block": (0.0, found(0.0, 1e-9), Verdict.PASS),
    "zero for a small entry": (0.0, found(1e-6, 1e-9), Verdict.FAIL),
    "between two slopes": (0.5, found(0.0, np.inf, Nature.KINK, -1.0, 1.0), Verdict.KINK),
    "at one of two slopes": (1.0, found(0.0, np.inf, Nature.KINK, -1.0, 1.0), Verdict.KINK),
    "outside two slopes": (1.5, found(0.0, np.inf, Nature.KINK, -1.0, 1.0), Verdict.FAIL),
    "outside two falling slopes": (1.5, found(0.0, np.inf, Nature.KINK, 1.0, -1.0), Verdict.FAIL),
    "a vague edge accuses nobody": (9.0, found(1.0, 0.5, Nature.EDGE), Verdict.INCONCLUSIVE),
}


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    claim, measured, expected = CASES[name]

    assert verdict(claim, measured)[0] == expected


@pytest.mark.parametrize(
    ("on_kink", "expected"),
    [("accept", Verdict.PASS), ("inconclusive", Verdict.KINK), ("fail", Verdict.FAIL)],
)
def test_a_claim_between_the_slopes_of_a_kink_gets_what_is_asked_for(on_kink, expected):
    measured = found(0.0, np.inf, Nature.KINK, -1.0, 1.0)

    assert verdict(0.5, measured, on_kink=on_kink)[0] == expected
    assert verdict(1.5, measured, on_kink=on_kink)[0] == Verdict.FAIL


numbers = st.floats(-10, 10)


@given(numbers, numbers, st.floats(1e-12, 10), st.floats(1e-12, 0.9), st.floats(1e-12, 0.9))
def test_no_resolution_turns_a_fail_into_a_pass(claim, derivative, error, strict, lenient):
    strict, lenient = min(strict, lenient), max(strict, lenient)
    measured = found(derivative, error)

    one = verdict(claim, measured, resolution=strict)[0]
    other = verdict(claim, measured, resolution=lenient)[0]

    assert (one == Verdict.FAIL) == (other == Verdict.FAIL)
    assert ORDER.index(other) <= ORDER.index(one)


@given(numbers, numbers, st.floats(1e-12, 10))
def test_a_pass_states_a_resolution_that_covers_the_difference(claim, derivative, error):
    made, resolution, _ = verdict(claim, found(derivative, error))

    if made == Verdict.PASS:
        assert abs(claim - derivative) <= resolution * max(abs(claim), abs(derivative), 1e-4)
        assert resolution <= 1e-2


def test_a_declared_error_widens_the_bar_and_the_stated_resolution():
    measured = found(1.0, 1e-9)

    assert verdict(1.0 + 1e-5, measured)[0] == Verdict.FAIL
    made, resolution, _ = verdict(1.0 + 1e-5, measured, approximate=1e-4)
    assert made == Verdict.PASS
    assert resolution > 1e-4


def test_rounding_of_the_claim_is_not_held_against_it():
    assert verdict(1.0 + 1e-7, found(1.0, 1e-9), rounding=2e-7)[0] == Verdict.PASS


def test_at_a_stationary_point_the_slopes_nearby_set_the_scale():
    flat = verdict(0.0, found(0.0, 1e-9, Nature.FLAT), block=0.0, whole=0.0)
    stationary = verdict(0.0, found(0.0, 1e-9, steepness=0.1), block=0.0, whole=0.0)

    assert flat[0] == Verdict.INCONCLUSIVE
    assert flat[2] == "flat"
    assert stationary[0] == Verdict.PASS


def test_noise_in_the_slopes_of_a_kink_is_not_held_against_a_claim():
    kink = found(0.0, np.inf, Nature.KINK, -1.0, 1.0)

    assert verdict(1.001, kink)[0] == Verdict.FAIL
    assert verdict(1.04, replace(kink, noise=np.array([0.05])))[0] == Verdict.KINK


def test_a_noisy_derivative_accuses_beyond_three_bars_only():
    noisy = found(1.0, 0.05, Nature.NOISY)

    assert verdict(1.12, noisy)[0] == Verdict.INCONCLUSIVE
    assert verdict(1.2, noisy)[0] == Verdict.FAIL


@pytest.mark.parametrize(
    ("claim", "stairs", "expected"),
    [
        (0.0, False, Verdict.PASS),
        (0.0, True, Verdict.INCONCLUSIVE),
        (1e-12, False, Verdict.INCONCLUSIVE),
        (1e-3, False, Verdict.FAIL),
    ],
)
def test_what_stands_still_is_a_zero_beside_what_moves(claim, stairs, expected):
    """Unless the function moves in stairs, or something else than zero is claimed."""
    still = found(0.0, 1e-8, Nature.FLAT)

    assert verdict(claim, still, block=0.0, whole=1e-5, stairs=stairs)[0] == expected
    assert verdict(0.0, still, block=0.0, whole=0.0)[0] == Verdict.INCONCLUSIVE


def test_a_remainder_of_steep_slopes_may_have_lost_its_last_digits():
    measured = found(1e-12, 1e-20, steepness=0.1)

    assert verdict(1.0001e-12, measured, block=1e-12)[0] == Verdict.PASS
    assert verdict(2e-12, measured, block=1e-12)[0] == Verdict.FAIL


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ("PASS PASS", Verdict.PASS),
        ("PASS INCONCLUSIVE", Verdict.PASS),
        ("PASS KINK", Verdict.PASS),
        ("PASS FAIL", Verdict.FAIL),
        ("INCONCLUSIVE KINK", Verdict.INCONCLUSIVE),
        ("", Verdict.INCONCLUSIVE),
    ],
)
def test_verdict_of_a_group(members, expected):
    group = np.array([Verdict(name) for name in members.split()], dtype=object)

    assert worst_of(group, np.zeros(group.shape, dtype=bool)) == expected


@pytest.mark.parametrize(
    ("members", "still", "expected"),
    [
        ("PASS INCONCLUSIVE", [1, 0], Verdict.INCONCLUSIVE),
        ("PASS PASS INCONCLUSIVE", [1, 0, 0], Verdict.PASS),
        ("PASS PASS", [1, 1], Verdict.PASS),
        ("PASS FAIL", [1, 0], Verdict.FAIL),
    ],
)
def test_where_nothing_moves_a_pass_does_not_carry_what_is_open(members, still, expected):
    group = np.array([Verdict(name) for name in members.split()], dtype=object)

    assert worst_of(group, np.array(still, dtype=bool)) == expected


def test_every_verdict_of_a_report_is_a_verdict():
    """And no plain string, as NumPy makes of one where it can."""
    still = check_gradient(lambda x: 5.0, lambda x: 0 * x, np.zeros(2))
    wrong = check_gradient(lambda x: np.sum(x**2), lambda x: x, np.ones(2))

    for report in (still, wrong):
        for block in report.blocks.values():
            assert {type(verdict) for verdict in block.verdicts} == {Verdict}
