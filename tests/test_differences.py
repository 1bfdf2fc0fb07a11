"""Derivatives whose bars hold, and what kind of place a point is."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from points import point_of

from gradcheck import noise
from gradcheck.differences import Nature, Point, first_pass, on_circle
from gradcheck.ladder import ladder

SMOOTH = {
    "sin": (lambda x: np.sin(x).sum(), lambda x: np.cos(x)),
    "exp": (lambda x: np.exp(2 * x).sum(), lambda x: 2 * np.exp(2 * x)),
    "tanh": (lambda x: np.tanh(3 * x).sum(), lambda x: 3 / np.cosh(3 * x) ** 2),
    "quartic": (lambda x: (x**4 - x).sum(), lambda x: 4 * x**3 - 1),
    "logarithm": (lambda x: np.log(x * x + 1).sum(), lambda x: 2 * x / (x * x + 1)),
    "oscillating": (lambda x: np.sin(40 * x).sum(), lambda x: 40 * np.cos(40 * x)),
    "offset": (lambda x: np.sin(x).sum() + 1e6, lambda x: np.cos(x)),
    "product": (lambda x: np.prod(x + 3), lambda x: np.prod(x + 3) / (x + 3)),
}


def hashed(x):
    """Noise of size 1 that is the same at each call."""
    return zlib.crc32(x.tobytes()) / 2**31 - 1


METHODS = {
    "two steps": lambda point, entries: first_pass(point, entries)[0],
    "ladder": lambda point, entries: ladder(point, entries).differences,
    "circle": on_circle,
}


NUMBERS = st.floats(-2, 2).filter(lambda x: x == 0 or abs(x) > 1e-4)
"""Nearer to 0 a cost such as ``log(1 + x^2)`` stands still over the lines on which its noise is
measured, and two steps alone do not show it; test_check has what becomes of such a point."""


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SMOOTH)
@given(st.lists(NUMBERS, min_size=1, max_size=3))
def test_bar_contains_the_true_derivative(name, method, x):
    f, derivative = SMOOTH[name]
    x = np.array(x)
    point, _ = point_of(f, x)

    found = METHODS[method](point, np.arange(x.size))

    off = np.abs(found.derivative[:, 0] - derivative(x))
    assert (off <= found.error[:, 0] + 4 * np.spacing(np.abs(derivative(x)))).all()


@pytest.mark.parametrize("name", [name for name in SMOOTH if name not in ("offset", "oscillating")])
def test_ladder_knows_smooth_derivatives_to_nine_digits(name):
    f, derivative = SMOOTH[name]
    x = np.array([0.3, -1.1])
    point, _ = point_of(f, x)

    found = ladder(point, np.arange(2)).differences

    assert (found.error[:, 0] < 1e-9 * np.maximum(1, np.abs(derivative(x)))).all()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sin(x[0]) + 1e-3 * np.abs(x[0]),
        lambda x: np.sin(x[0]) + 1e-6 * np.abs(x[0]),
        lambda x: x[0] * np.conj(x[0]) + 0j,
        lambda x: np.sin(np.real(x[0])) + 0j,
        lambda x: np.maximum(x[0], 0.49) ** 2,
        lambda x: np.linalg.norm(x) + 0j,
        lambda x: (x[0] if x[0].real > 0.52 else 2 * x[0]) ** 2,
    ],
    ids=["abs", "little abs", "conjugate", "real cast", "maximum", "norm", "comparison"],
)
def test_what_is_not_analytic_widens_the_bar_of_the_circle(f):
    """So that nothing wrong is ever believed; the ladder decides instead."""
    point, _ = point_of(lambda x: np.real(f(x)) if not np.iscomplexobj(x) else f(x), [0.5])
    truth = ladder(point, np.arange(1)).differences

    found = on_circle(point, np.arange(1))

    off = abs(found.derivative[0, 0] - truth.derivative[0, 0])
    assert not off > found.error[0, 0] + truth.error[0, 0]


def test_a_cost_that_takes_no_complex_numbers_has_no_circle():
    point, _ = point_of(lambda x: float(np.sum(x)), [0.5])

    assert on_circle(point, np.arange(1)).nature[0, 0] == Nature.OUTSIDE


NATURES = {
    Nature.SMOOTH: lambda x: np.sin(x[0]),
    Nature.KINK: lambda x: np.abs(x[0] - 0.5) + x[0],
    Nature.JUMP: lambda x: x[0] + (x[0] >= 0.5),
    Nature.FLAT: lambda x: 3.0,
    Nature.EDGE: lambda x: (x[0] - 0.5) ** 2 + x[0] if x[0] >= 0.5 else np.nan,
    Nature.OUTSIDE: lambda x: 1.0 if x[0] == 0.5 else np.nan,
    Nature.NOISY: lambda x: np.sin(x[0]) + 1e-2 * hashed(x),
}


@pytest.mark.parametrize("nature", NATURES, ids=lambda nature: nature.value)
def test_nature_of_the_point_is_recognised(nature):
    point, _ = point_of(NATURES[nature], [0.5])

    assert ladder(point, np.arange(1)).differences.nature[0, 0] == nature


def test_a_kink_has_both_slopes_and_a_distance():
    point, _ = point_of(lambda x: np.abs(x[0] - 0.5) + 3 * x[0], [0.5])

    found = ladder(point, np.arange(1)).differences

    np.testing.assert_allclose([found.left[0, 0], found.right[0, 0]], [2, 4], rtol=1e-6)
    assert found.distance[0, 0] <= 2.0**-30


@pytest.mark.parametrize("distance", [1e-9, 1e-7, 1e-5, 1e-3, 1e-2])
def test_a_kink_nearby_leaves_the_derivative_on_this_side(distance):
    point, _ = point_of(lambda x: np.sin(x[0]) + np.abs(x[0] - 0.5), [0.5 + distance])

    found = ladder(point, np.arange(1)).differences

    off = abs(found.derivative[0, 0] - (np.cos(0.5 + distance) + 1))
    assert off <= found.error[0, 0] < 0.1


@pytest.mark.parametrize("offset", [0.0, 1e6])
@given(st.floats(-9, -2))
def test_a_kink_within_the_steps_that_noise_leaves_is_in_the_bar(offset, exponent):
    """Finer steps than the distance of the kink drown in noise, and those beyond it agree."""
    x = 0.5 - 10.0**exponent
    point, _ = point_of(lambda x: offset + np.sin(x[0]) + 1e-3 * np.maximum(x[0] - 0.5, 0), [x])

    found = ladder(point, np.arange(1)).differences

    assert abs(found.derivative[0, 0] - np.cos(x)) <= found.error[0, 0]


def test_at_an_edge_differences_are_one_sided():
    point, _ = point_of(lambda x: np.exp(x[0]) if x[0] >= 0.5 else np.nan, [0.5])

    found = ladder(point, np.arange(1)).differences

    assert abs(found.derivative[0, 0] - np.exp(0.5)) <= found.error[0, 0] < 1e-5


def test_where_the_slope_grows_without_end_nothing_is_claimed():
    point, _ = point_of(lambda x: np.sqrt(x[0]) if x[0] >= 0 else np.nan, [0.0])

    found = ladder(point, np.arange(1)).differences

    assert found.error[0, 0] > abs(found.derivative[0, 0])


def test_first_pass_takes_four_evaluations_an_entry():
    point, f = point_of(lambda x: np.sin(x).sum(), np.full(10, 0.3))
    before = f.evaluations

    first_pass(point, np.arange(10))

    assert f.evaluations - before == 40


def test_first_pass_suspects_a_kink_at_the_point():
    """The centered difference of abs at 0 is 0, exactly, at each step."""
    point, _ = point_of(lambda x: np.abs(x[0]) + np.sin(x[1]), [0.0, 0.3])

    _, suspect = first_pass(point, np.arange(2))

    np.testing.assert_array_equal(suspect[:, 0], [True, False])


def test_several_outputs_are_differentiated_at_once():
    def f(points):
        return np.stack([np.sin(points[:, 0]), points[:, 0] * points[:, 1]], axis=1)

    x = np.array([0.3, 2.0])
    value = f(x[None])[0]
    point = Point(f, x, value, noise.measure(f, x, value), lambda points: points, np.spacing(x))

    found = ladder(point, np.arange(2)).differences

    truth = np.array([[np.cos(0.3), 2.0], [0.0, 0.3]])
    assert (np.abs(found.derivative - truth) <= found.error).all()
    assert found.error.max() < 1e-9
