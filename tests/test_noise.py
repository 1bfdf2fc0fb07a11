"""The noise of a cost, from a few evaluations on both sides of the point."""

import hashlib

import numpy as np
import pytest

from gradcheck import Verdict, check_gradient
from gradcheck.noise import (
    jumps_nearby,
    largest_inward,
    measure,
    measure_gradient,
    nearest_power_of_two,
    roughness,
    scatter,
)


def on_points(f):
    return lambda points: np.array([f(x) for x in points])


def noise_of(f, x):
    return measure(on_points(f), x, np.atleast_1d(f(x)))


def hashed(x):
    """A standard normal number that depends on all bits of `x`, the same each time."""
    seed = int.from_bytes(hashlib.sha256(x.tobytes()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal()


X = np.array([0.7, -1.3, 0.0, 2.2])


def smooth(x):
    return np.sum(np.sin(x) + x**2)


@pytest.mark.parametrize("sigma", [1e-13, 1e-9, 1e-5])
def test_noise_of_known_size_is_measured_within_a_factor_of_three(sigma):
    found = noise_of(lambda x: smooth(x) + sigma * hashed(x), X).sigma[0]

    assert sigma / 3 < found < 3 * sigma


def test_a_smooth_cost_has_the_noise_of_its_rounding():
    found = noise_of(smooth, X)

    assert np.spacing(smooth(X)) / 2 <= found.sigma[0] <= 8 * np.spacing(smooth(X))
    assert not found.stairs[0]
    assert not found.quantised[0]


def test_an_offset_brings_the_rounding_of_the_offset():
    assert 1e-11 < noise_of(lambda x: smooth(x) + 1e6, X).sigma[0] < 1e-9


def test_single_precision_inside_is_recognised_by_its_stairs():
    found = noise_of(lambda x: float(smooth(x.astype(np.float32))), X)

    assert found.stairs[0]
    assert found.sigma[0] > 1e-8


def test_a_rounded_output_is_recognised_by_its_stairs():
    found = noise_of(lambda x: round(smooth(x), 8), X)

    assert found.stairs[0]
    assert 1e-9 < found.sigma[0] < 1e-7


def test_a_kink_at_the_point_does_not_pass_for_noise():
    found = noise_of(lambda x: smooth(x) + np.abs(x - X).sum(), X)

    assert found.sigma[0] < 1e-14
    assert not found.stairs[0]


def test_the_edge_of_the_domain_does_not_pass_for_noise():
    x = np.array([1e-9, 1.0])

    def f(x):
        return np.sum(np.log(x)) if (x > 0).all() else np.nan

    assert noise_of(f, x).sigma[0] < 1e-12


def test_one_side_is_enough_at_a_bound():
    x = np.array([0.0, 1.0])
    f = on_points(lambda x: smooth(x) if (x >= 0).all() and (x <= 1).all() else np.nan)

    found = measure(f, x, f(x[None]), inward=np.array([1.0, -1.0]))

    assert 0 < found.sigma[0] < 1e-14


def test_evaluations_do_not_grow_with_the_parameters():
    counts = []
    for n in (1, 1000):
        calls = []
        noise_of(lambda x, calls=calls: calls.append(0) or np.sum(np.sin(x)), np.full(n, 0.3))
        counts.append(len(calls) - 1)

    assert counts[0] == counts[1] == 27


def test_noise_scales_with_the_cost_to_the_last_bit():
    one = noise_of(smooth, X)
    other = noise_of(lambda x: 2.0**-40 * smooth(x), X)

    assert other.sigma[0] == 2.0**-40 * one.sigma[0]


def test_a_smooth_sequence_has_no_scatter():
    assert scatter(np.linspace(1, 2, 9)[:, None] ** 3) < 1e-14


def test_a_cancelled_gradient_carries_the_rounding_of_what_cancelled():
    """A2 - Y, of which a few stairs of 1e-16 are left, stands still near the point."""
    z = np.array([31.0])

    def gradient(points):
        return 1 / (1 + np.exp(-points)) - 1

    least = 2.0**-52 * largest_inward(gradient, z)
    found = measure_gradient(gradient, z, np.spacing(z))

    assert max(found[0], least[0]) >= 2.0**-54
    assert found[0] <= 2.0**-50
    assert least[0] <= 2.0**-50


def jumps_of(f, x=X):
    return jumps_nearby(
        on_points(f), x, noise_of(f, x).sigma, np.spacing(np.abs(x)), np.array([np.inf])
    )[0]


@pytest.mark.parametrize("height", [1e-11, 1e-8, 1e-5])
@pytest.mark.parametrize("place", [0.011, -0.13, 0.29])
def test_the_height_of_a_jump_nearby_is_found(height, place):
    """Along any line that grows with the whole point, at this share of it."""
    found = jumps_of(lambda x: smooth(x) + height * (np.abs(x[0] / X[0]) > 1 + place))

    np.testing.assert_allclose(found, height, rtol=0.01)


@pytest.mark.parametrize(
    "f",
    [
        smooth,
        lambda x: smooth(x) + 1e-6 * np.maximum(x[0] - 0.75, 0),
        lambda x: smooth(x) + np.abs(x[3] - 2.25),
        lambda x: smooth(x) + 1e-7 * np.sum(np.sin(1e3 * x)),
        lambda x: smooth(x) + 1e-7 * hashed(x),
        lambda x: smooth(x) + 1 / (0.01 + (x[0] - 0.8) ** 2),
        lambda x: smooth(x) + np.sqrt(x[0] - 0.5),
        lambda x: smooth(x) + (x[0] > 0.75),
    ],
    ids=["smooth", "little kink", "kink", "ripple", "noise", "pole", "edge", "large jump"],
)
def test_what_is_no_small_jump_is_not_taken_for_one(f):
    with np.errstate(invalid="ignore"):
        assert jumps_of(f) == 0


def rough_of(f):
    return roughness(on_points(f), X, noise_of(f, X).sigma, np.spacing(np.abs(X)))[0]


def in_stairs(x, width=2.0**-11):
    """A slope that is nothing but stairs, which are wider than the lines of `measure`."""
    return np.floor(np.sum(x) / width) * width


def test_stairs_too_wide_for_the_noise_show_as_roughness():
    assert 1e-5 < rough_of(lambda x: smooth(x) + in_stairs(x)) < 1e-3


@pytest.mark.parametrize(
    "f",
    [smooth, lambda x: smooth(x) + np.abs(x[0] - 0.7003), lambda x: np.sum(np.sin(40 * x))],
    ids=["smooth", "kink", "oscillating"],
)
def test_what_is_smooth_or_has_a_kink_is_not_rough(f):
    assert rough_of(f) == 0


@pytest.mark.parametrize(("x", "power"), [(1.0, 1.0), (1.3, 1.0), (1.5, 2.0), (3e-3, 2.0**-8)])
def test_nearest_power_of_two(x, power):
    assert nearest_power_of_two(np.array([x]))[0] == power


@pytest.mark.parametrize("far", [1e5, 1e6, 1e7])
def test_curve_of_a_function_far_from_the_origin_is_no_noise(far):
    """On a line in proportion to the point, ``tanh`` would be a step between two plateaus."""
    x = far + np.array([0.3, -0.8, 1.1])

    report = check_gradient(
        lambda x: np.sum(np.tanh(x - far)), lambda x: 1 - np.tanh(x - far) ** 2, x
    )
    wrong = check_gradient(
        lambda x: np.sum(np.tanh(x - far)), lambda x: 1.01 * (1 - np.tanh(x - far) ** 2), x
    )

    assert report.verdict == Verdict.PASS
    assert wrong.verdict == Verdict.FAIL


def test_entries_that_scatter_hides_are_said_to_be_noisy_and_not_to_bend():
    rng = np.random.default_rng(0)
    report = check_gradient(
        lambda x: smooth(x) + 1e-3 * rng.normal(), lambda x: np.cos(x) + 2 * x, X
    )

    assert report.verdict == Verdict.INCONCLUSIVE
    assert set(report.blocks["x"].reasons) == {"noise"}
