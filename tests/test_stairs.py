"""Costs that stand still between stairs: shorter steps lack what longer ones see."""

import numpy as np
import pytest

from gradcheck import Verdict, check_gradient


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def logistic(seed, size):
    """Cross-entropy by its formula, and its gradient, at weights of a size."""
    rng = np.random.default_rng(seed)
    X, y, w = rng.normal(size=(20, 5)), rng.integers(0, 2, 20), size * rng.normal(size=5)

    def cost(w):
        h = sigmoid(X @ w)
        return -np.mean(y * np.log(h) + (1 - y) * np.log(1 - h))

    return cost, lambda w: X.T @ (sigmoid(X @ w) - y) / 20, w


@pytest.mark.parametrize("z", [33.0, 35.0, 36.0, 36.5, 36.7])
def test_logarithm_of_a_few_roundings_is_not_held_against_its_derivative(z):
    with np.errstate(divide="ignore"):
        report = check_gradient(lambda z: -np.sum(np.log(1 - sigmoid(z))), sigmoid, np.array([z]))

    assert report.verdict == Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("size", "seeds"), [(6, (8, 13, 58)), (9, (0, 26)), (12, (26, 46))])
def test_cross_entropy_by_its_formula_is_not_called_wrong_where_it_saturates(size, seeds):
    for seed in seeds:
        cost, grad, w = logistic(seed, size)
        with np.errstate(all="ignore"):
            if np.isfinite(cost(w)):
                assert check_gradient(cost, grad, w).verdict != Verdict.FAIL


@pytest.mark.parametrize("factor", [-1, 0, 2, 1.01])
def test_a_wrong_one_fails_where_it_does_not(factor):
    cost, grad, w = logistic(0, 1)

    assert check_gradient(cost, lambda w: factor * grad(w), w).verdict == Verdict.FAIL


def test_a_slope_beyond_a_kink_is_no_excuse():
    """The derivative of a dead unit, with the mask forgotten, is what longer steps see."""
    report = check_gradient(
        lambda w: np.sum(np.maximum(0, w - 1.0)), np.ones_like, np.array([0.97, 0.99])
    )

    assert report.verdict == Verdict.FAIL


def test_a_jump_that_hides_less_than_the_difference_is_no_excuse():
    """Stairs 0.01 high and 0.1 wide hide slopes of 0.1, and none of 2."""

    def stairs(x):
        return np.sum(np.sin(x) + 0.01 * np.floor(10 * x))

    x = np.array([0.33, 0.58])

    assert check_gradient(stairs, lambda x: np.cos(x) + 2.0, x).verdict == Verdict.FAIL
