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
