"""What is asked before a claim is blamed, and what is no answer."""

import numpy as np
import pytest

from gradcheck import Verdict, check_gradient


def steep(x, width):
    """Smooth, with a step at 0 that looks like a jump from farther than its width."""
    return np.sum(x / np.sqrt(x**2 + width**2) + x**2)


def slope(x, width):
    return width**2 / (x**2 + width**2) ** 1.5 + 2 * x


@pytest.mark.parametrize("width", [1e-2, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("off", [1e-5, 1e-2])
def test_steep_part_far_from_the_point_excuses_nothing(width, off):
    for seed in range(12):
        x = np.random.default_rng(seed).normal(size=4)
        right = check_gradient(lambda x: steep(x, width), lambda x: slope(x, width), x)
        wrong = check_gradient(lambda x: steep(x, width), lambda x: (1 + off) * slope(x, width), x)

        assert (right.verdict, wrong.verdict) == (Verdict.PASS, Verdict.FAIL)


def test_poles_beyond_the_point_excuse_nothing():
    """Heron's root, of a fixed number of steps: smooth to the right of 0, wild to its left."""

    def root(x):
        z, slope = (x + 1) / 2, np.full(x.shape, 0.5)
        for _ in range(12):
            z, slope = (z + x / z) / 2, (slope + 1 / z - x * slope / z**2) / 2
        return z, slope

    for seed in (708, 731):
        x = np.exp(np.random.default_rng(seed).normal(size=4))
        for off in (1e-5, 1e-2):
            report = check_gradient(
                lambda x: np.sum(root(x)[0] ** 3),
                lambda x, off=off: (1 + off) * 3 * root(x)[0] ** 2 * root(x)[1],
                x,
            )
            assert report.verdict == Verdict.FAIL


@pytest.mark.parametrize("digits", [4, 5, 6])
def test_many_kinks_are_neither_roughness_nor_stairs(digits):
    rng = np.random.default_rng(731)
    for _ in range(20):
        X, y, W = rng.normal(size=(12, 3)), rng.normal(size=12), rng.normal(size=(3, 4))
        v = rng.normal(size=4)

        def grad(W, X=X, y=y, v=v):
            Z = X @ W
            return X.T @ ((np.clip(Z, -1, 1) @ v - y)[:, None] * v * (np.abs(Z) < 1)) / 12

        def cost(W, X=X, y=y, v=v):
            return np.mean((np.clip(X @ W, -1, 1) @ v - y) ** 2) / 2

        assert check_gradient(cost, grad, W).verdict == Verdict.PASS
        rounded = check_gradient(cost, lambda W, grad=grad: np.round(grad(W), digits), W)
        assert rounded.verdict == Verdict.FAIL


@pytest.mark.parametrize("factor", [1.05, 2.0, -1.0, -10.0])
def test_curve_beside_an_edge_is_not_taken_for_rounding_of_the_gradient(factor):
    """A barrier: the gradient changes by its own size within a few millionths."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = rng.choice([-1, 1], 5) * (1 - 10.0 ** rng.uniform(-6.5, -4, 5))
        report = check_gradient(
            lambda x: np.sum(x) - 1e-3 * np.sum(np.log(1 - x**2)),
            lambda x: (1 + 2e-3 * x / (1 - x**2)) * np.array([1, 1, 1, 1, factor]),
            x,
        )
        assert report.verdict == Verdict.FAIL


@pytest.mark.parametrize("beyond", [1e-6, 1e-3, 0.04])
@pytest.mark.parametrize("on_kink", ["inconclusive", "accept"])
@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 1.0)])
def test_claim_beyond_the_slopes_of_an_exact_kink_fails(low, high, on_kink, beyond):
    def cost(x):
        return np.sum(np.where(x < 0, low * x, high * x))

    for claims, verdict in (
        ([low - beyond, high + beyond], Verdict.FAIL),
        ([low, high], Verdict.PASS if on_kink == "accept" else Verdict.KINK),
    ):
        report = check_gradient(cost, np.array(claims), np.zeros(2), on_kink=on_kink)
        assert [*report.blocks["x"].verdicts] == [verdict, verdict]


def test_dead_parameter_does_not_carry_a_block_in_which_nothing_else_is_known():
    """The first entry has a jump here, nothing depends on the second, the third is plain."""

    def cost(x):
        return x[0] + (x[0] > 0) + np.sum(x[2:])

    alone = check_gradient(cost, np.array([1.0, 0.0]), np.zeros(2))
    beside = check_gradient(cost, np.array([1.0, 0.0, 1.0]), np.zeros(3))

    assert [v.value for v in alone.blocks["x"].verdicts] == ["INCONCLUSIVE", "PASS"]
    assert (alone.verdict, beside.verdict) == (Verdict.INCONCLUSIVE, Verdict.PASS)
