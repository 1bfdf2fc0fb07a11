"""What a gradient leaves out, an example or an argument, is found by the cost without it."""

import numpy as np
import pytest

from gradcheck import Verdict, check_gradient
from gradcheck.diagnosis.evidence import SHARE

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(9, 4)), RNG.normal(size=(9, 3))
PARAMS = {"W": RNG.normal(size=(4, 3)), "b": RNG.normal(size=3)}


def cost(p, X, Y, lam=0.0, times=1):
    loss = np.sum((np.tanh(X @ p["W"] + p["b"]) - Y) ** 2) / (2 * len(X))
    return times * loss + lam / 2 * np.sum(p["W"] ** 2)


def gradient(p, X, Y, lam=0.0, times=1, weights=None):
    weights = np.ones(len(X)) if weights is None else weights
    A = np.tanh(X @ p["W"] + p["b"])
    dZ = times * weights[:, None] * (A - Y) * (1 - A**2) / len(X)
    return {"W": X.T @ dZ + lam * p["W"], "b": np.sum(dZ, axis=0)}


def weighing(k, weight):
    weights = np.ones(len(X))
    weights[k] = weight
    return lambda *arguments: gradient(*arguments, weights=weights)


def of_bias(wrong, args=(X, Y)):
    report = check_gradient(cost, wrong, PARAMS, args=args)

    assert report.verdict == Verdict.FAIL
    return next(d for d in report.diagnoses if d.block == "b")


@pytest.mark.parametrize("k", [0, 3, 8])
@pytest.mark.parametrize(
    ("weight", "words"), [(0, "lacks example {}"), (2, "has example {} twice")]
)
@pytest.mark.parametrize("args", [(X, Y), (X, Y, 0.3)], ids=["plain", "penalised"])
def test_example_that_is_missing_or_counts_twice_is_named(k, weight, words, args):
    found = of_bias(weighing(k, weight), args)

    assert (found.kind, found.evidence) == ("single-example", words.format(k))


def test_example_is_cut_off_before_the_mean_is_taken():
    found = of_bias(lambda p, X, Y: gradient(p, X[:-1], Y[:-1]))

    assert (found.kind, found.evidence) == ("single-example", "lacks example 8")


def test_example_of_a_sum_is_named():
    found = of_bias(lambda p, X, Y, lam, times: weighing(8, 0)(p, X, Y, lam, times), (X, Y, 0.0, 9))

    assert found.kind == "single-example"


def test_share_of_an_example_in_a_penalty_is_allowed_for():
    report = check_gradient(cost, weighing(8, 0), PARAMS, args=(X, Y, 0.3), wrt="W")

    assert report.diagnoses[0].kind == "single-example"


def test_examples_in_columns_are_found_too():
    def turned(call):
        return lambda p, X, Y: call(p, X.T, Y.T)

    wrong = turned(weighing(8, 0))
    report = check_gradient(turned(cost), wrong, PARAMS, args=(X.T, Y.T), wrt="b")

    assert report.diagnoses[0].evidence == "lacks example 8"


def test_data_that_the_cost_holds_itself_cannot_be_cut():
    report = check_gradient(
        lambda p: cost(p, X, Y), lambda p: weighing(8, 0)(p, X, Y), PARAMS, wrt="b"
    )

    assert report.diagnoses[0].kind == "unexplained"


def test_search_costs_a_small_share_of_the_evaluations():
    def wrong(p, X, Y):
        return {**gradient(p, X, Y), "b": np.cos(7 * p["b"])}

    report = check_gradient(cost, wrong, PARAMS, args=(X, Y))
    alone = check_gradient(lambda p: cost(p, X, Y), lambda p: wrong(p, X, Y), PARAMS)

    assert report.diagnoses[0].kind == alone.diagnoses[0].kind == "unexplained"
    assert alone.evaluations < report.evaluations < alone.evaluations * (1 + 1 / SHARE)


def penalised(p, X, Y, l1, l2):
    return cost(p, X, Y) + l1 * np.sum(np.abs(p["W"])) + l2 * np.sum(p["W"] ** 2)


def gradient_of_penalised(p, X, Y, l1, l2):
    g = gradient(p, X, Y)
    return {**g, "W": g["W"] + l1 * np.sign(p["W"]) + 2 * l2 * p["W"]}


def diagnosed(change):
    def wrong(p, X, Y, l1, l2):
        g = gradient_of_penalised(p, X, Y, l1, l2)
        return {**g, **change(g, p, l1, l2)}

    (found,) = check_gradient(penalised, wrong, PARAMS, args=(X, Y, 0.13, 0.3)).diagnoses
    return found.kind, found.hint


@pytest.mark.parametrize(
    ("change", "kind", "hint"),
    [
        (
            lambda g, p, l1, l2: {"W": g["W"] - 2 * l2 * p["W"]},
            "regulariser-missing",
            "add 0.6 * W",
        ),
        (
            lambda g, p, l1, l2: {"W": g["W"] - l2 * p["W"]},
            "regulariser-factor",
            "write 0.6 * W in place of 0.3 * W",
        ),
        (
            lambda g, p, l1, l2: {"W": g["W"] + 2 * l2 * p["W"]},
            "regulariser-doubled",
            "write 0.6 * W in place of 1.2 * W",
        ),
        (
            lambda g, p, l1, l2: {"W": g["W"] - l1 * np.sign(p["W"])},
            "regulariser-missing",
            "add 0.13 * sign(W)",
        ),
        (
            lambda g, p, l1, l2: {"b": g["b"] + l2 * p["b"]},
            "regulariser-on-bias",
            "subtract 0.3 * b",
        ),
    ],
    ids=["missing", "half", "doubled", "of absolute values", "on the bias"],
)
def test_factor_that_is_due_is_measured_where_it_is_an_argument(change, kind, hint):
    assert diagnosed(change) == (kind, hint)


WEIGHTS = RNG.uniform(0.5, 2.0, size=len(X))
SHIFT = RNG.normal(size=len(X))
# The more entries, the more evaluations a diagnosis may take.
WIDE = RNG.normal(size=(9, 8))
MASK = (RNG.random(WIDE.shape) < 0.7) * 1.0
MANY = {"W": RNG.normal(size=(4, 8)), "b": RNG.normal(size=8)}


def weighted(p, X, Y, weights, shift, mask, tau):
    off = mask * (np.tanh(X @ p["W"] + p["b"] + shift[:, None]) - Y)
    return np.mean(weights * np.sum(np.cosh(off), axis=1)) + tau * np.sum(np.cosh(p["W"]))


def gradient_of_weighted(p, X, Y, weights, shift, mask, tau):
    A = np.tanh(X @ p["W"] + p["b"] + shift[:, None])
    dZ = weights[:, None] * mask * np.sinh(mask * (A - Y)) * (1 - A**2) / len(X)
    return {"W": X.T @ dZ + tau * np.sinh(p["W"]), "b": np.sum(dZ, axis=0)}


FORGOTTEN = {
    "weights": (np.ones(len(X)), "is right for the cost with 1 in place of `weights`"),
    "shift": (np.zeros(len(X)), "is right for the cost without `shift`"),
    "mask": (np.ones(WIDE.shape), "is right for the cost with 1 in place of `mask`"),
    "tau": (0.0, "is right for the cost without `tau`"),
}


@pytest.mark.parametrize("name", FORGOTTEN)
def test_argument_that_a_gradient_leaves_out_is_named(name):
    instead, words = FORGOTTEN[name]
    args = {"weights": WEIGHTS, "shift": SHIFT, "mask": MASK, "tau": 0.2}

    def wrong(p, X, Y, *_):
        return gradient_of_weighted(p, X, Y, **{**args, name: instead})

    report = check_gradient(weighted, wrong, MANY, args=(X, WIDE, *args.values()))

    assert check_gradient(weighted, gradient_of_weighted, MANY, args=(X, WIDE, *args.values()))
    wrong_blocks = {"W"} if name == "tau" else {"W", "b"}
    assert {d.block for d in report.diagnoses} == wrong_blocks
    assert {(d.kind, d.evidence) for d in report.diagnoses} == {("argument-ignored", words)}
    assert {d.sure for d in report.diagnoses} == {"likely"}


def test_argument_without_which_the_cost_is_undefined_is_no_explanation():
    def scaled(w, scale):
        return np.sum(np.cosh(w) / scale)

    scale = np.array([1.0, -2.0, 0.5])
    report = check_gradient(
        scaled, lambda w, scale: np.cos(9 * w), np.array([0.3, 1.0, -0.7]), args=(scale,)
    )

    assert report.diagnoses[0].kind == "unexplained"
