"""Kinks of several entries that meet: the slopes about the point bound a derivative."""

import numpy as np
import pytest

from gradcheck import Verdict, check_gradient


def relu_net(seed, weights, slope_at_0=0.0):
    """A classifier with a hidden layer of relu: its cost, its gradient, and a point."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(8, 5)), rng.integers(0, 3, 8)
    rows = np.arange(8)

    def forward(p):
        Z = X @ p["W1"] + p["b1"]
        S = np.maximum(0, Z) @ p["W2"] + p["b2"]
        return Z, S - S.max(axis=1, keepdims=True)

    def cost(p):
        _, S = forward(p)
        return np.mean(np.log(np.exp(S).sum(axis=1)) - S[rows, y])

    def grad(p):
        Z, S = forward(p)
        dS = np.exp(S) / np.exp(S).sum(axis=1, keepdims=True)
        dS[rows, y] -= 1
        dS /= 8
        dZ = dS @ p["W2"].T * np.where(Z == 0, slope_at_0, Z > 0)
        return {
            "W1": X.T @ dZ,
            "b1": dZ.sum(axis=0),
            "W2": np.maximum(0, Z).T @ dS,
            "b2": dS.sum(axis=0),
        }

    point = {
        "W1": weights * rng.normal(size=(5, 6)),
        "b1": np.zeros(6),
        "W2": (weights or 0.5) * rng.normal(size=(6, 3)),
        "b2": np.zeros(3),
    }
    return cost, grad, point


@pytest.mark.parametrize("weights", [1e-3, 1e-4, 1e-5, 1e-8])
def test_small_weights_before_a_relu_are_not_called_wrong(weights):
    for seed in [*range(6), 41, 42]:
        report = check_gradient(*relu_net(seed, weights))
        assert report.verdict != Verdict.FAIL
        assert weights < 1e-3 or report.verdict == Verdict.PASS


@pytest.mark.parametrize("block", ["W1", "b1", "W2"])
def test_biases_of_0_do_not_hide_mistakes_at_small_weights(block):
    """The noise is measured on lines as short beside the biases as beside the weights."""
    for seed in range(6):
        cost, grad, point = relu_net(seed, 1e-5)
        wrong = {**grad(point), block: 2 * grad(point)[block]}

        assert check_gradient(cost, grad, point).verdict == Verdict.PASS
        assert check_gradient(cost, wrong, point).blocks[block].verdict == Verdict.FAIL


@pytest.mark.parametrize(("seed", "weights"), [(20, 1e-5), (34, 3e-6)])
def test_steps_within_all_kinks_are_believed_where_only_one_of_them_is_sharp(seed, weights):
    cost, grad, point = relu_net(seed, weights)
    point["b1"] = weights * np.random.default_rng([seed, 1]).normal(size=6)

    assert check_gradient(cost, grad, point).blocks["W1"].verdict != Verdict.FAIL


def test_entry_that_hides_a_kink_from_all_its_steps_is_not_blamed_beside_others_that_show_it():
    """`W1` alone is tiny, and what a step as small as itself does is below the noise."""
    cost, grad, point = relu_net(41, 1e-8)
    right, wrong = grad(point), grad(point)
    wrong["W2"] = -wrong["W2"]

    assert check_gradient(cost, right, point).blocks["W1"].verdict == Verdict.INCONCLUSIVE
    assert check_gradient(cost, wrong, point).blocks["W2"].verdict == Verdict.FAIL


@pytest.mark.parametrize("slope_at_0", [0.0, 0.5, 1.0])
def test_any_slope_of_relu_at_0_is_a_kink_where_all_its_inputs_are_0(slope_at_0):
    for seed in range(4):
        report = check_gradient(*relu_net(seed, 0.0, slope_at_0))
        assert report.verdict == Verdict.INCONCLUSIVE
        assert report.blocks["b2"].verdict == Verdict.PASS


def test_what_no_slope_nearby_comes_close_to_still_fails():
    cost, grad, point = relu_net(0, 0.0)
    wrong = {**grad(point), "W1": np.full((5, 6), 100.0)}

    assert check_gradient(cost, wrong, point).blocks["W1"].verdict == Verdict.FAIL


@pytest.mark.parametrize("claim", [-0.1, 1.1, 2.0])
def test_where_no_slope_nearby_is_another_the_two_along_the_axis_bound_it(claim):
    """``max(x, y)`` has the slopes 0 and 1, and no others however one moves."""
    report = check_gradient(np.max, np.array([claim, 0.5]), np.array([2.0, 2.0]))

    assert report.verdict == Verdict.FAIL
