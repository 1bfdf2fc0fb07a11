"""Gradients that consist of rounding, since the network is sure of itself."""

import numpy as np
import pytest

import backprop
from gradcheck import Verdict, check_gradient


@pytest.mark.parametrize("size", [2.0, 4.0, 8.0, 16.0])
@pytest.mark.parametrize("target", [1.0, 0.0])
def test_a_saturated_output_is_not_called_wrong_for_its_rounding(size, target):
    """`A2 - Y` is 0 where `A2` rounds to `Y`, and a stair of 1e-16 or a few before that."""
    sign = 1 if target else -1
    parameters = backprop.Parameters(
        np.array([[2.0]]), np.zeros((1, 1)), np.array([[2.0 * sign]]), np.zeros((1, 1))
    )
    X, Y = np.array([[size]]), np.array([[target]])

    report = check_gradient(
        backprop.cost, backprop.gradients, parameters, args=(X, Y, backprop.relu)
    )

    assert report.verdict != Verdict.FAIL


def test_a_mistake_in_what_is_left_still_fails():
    parameters = backprop.Parameters(
        np.array([[2.0]]), np.zeros((1, 1)), np.array([[2.0]]), np.zeros((1, 1))
    )
    args = np.array([[4.0]]), np.array([[1.0]]), backprop.relu

    def doubled(*args):
        return backprop.Gradients(*(2 * dA for dA in backprop.gradients(*args)))

    assert check_gradient(backprop.cost, doubled, parameters, args=args).verdict == Verdict.FAIL


SINGULAR = {
    "x**-12": (lambda x: np.sum(x**-12), lambda x: -12 * x**-13),
    "1 / x": (lambda x: np.sum(1 / x), lambda x: -1 / x**2),
    "exp(1 / x)": (lambda x: np.sum(np.exp(1 / x)), lambda x: -np.exp(1 / x) / x**2),
    "(x - 0.4)**-8": (lambda x: np.sum((x - 0.4) ** -8), lambda x: -8 * (x - 0.4) ** -9),
}


@pytest.mark.parametrize("name", SINGULAR)
@pytest.mark.parametrize("factor", [-1, 2, 1.01, 1.00001])
def test_a_gradient_without_bound_elsewhere_is_held_to_what_it_is_here(name, factor):
    """What a gradient is nearer to the origin tells of its rounding, but not beside a pole."""
    cost, grad = SINGULAR[name]
    x = np.array([0.8, 1.3, 1.6])

    assert check_gradient(cost, grad, x).verdict == Verdict.PASS
    assert check_gradient(cost, lambda x: factor * grad(x), x).verdict == Verdict.FAIL


@pytest.mark.parametrize("factor", [0, -1, 2, 1 + 1e-5])
def test_a_cost_that_is_steep_nearby_is_no_scale_for_the_point(factor):
    """``exp(800 / 16)`` is 5e21, but not within any step that is taken here."""
    x = np.array([0.001, -0.002])

    def cost(x):
        return np.sum(np.exp(800 * x))

    assert check_gradient(cost, lambda x: 800 * np.exp(800 * x), x).verdict == Verdict.PASS
    assert check_gradient(cost, lambda x: factor * 800 * np.exp(800 * x), x).verdict == Verdict.FAIL
