"""What a gradient does away from its point: single precision, rounding, and what it remembers."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import Verdict, check_gradient

RNG = np.random.default_rng(11)
A, T, U = RNG.normal(size=(6, 4)), RNG.normal(size=6), RNG.normal(size=4)


def cost(u):
    return np.sum((A @ u - T) ** 2) / 2


def right(u):
    return A.T @ (A @ u - T)


def single(*arrays):
    return [np.asarray(array, dtype=np.float32) for array in arrays]


def inside(u):
    a, t, u = single(A, T, u)
    return np.float64(a.T @ (a @ u - t))


def only_parameters(u):
    return right(np.float64(np.float32(u)))


def result(u):
    return np.float64(np.float32(right(u)))


def result_over_seven(u):
    return inside(u) / 7 * 7


@pytest.mark.parametrize(
    "gradient", [inside, only_parameters, result, result_over_seven], ids=lambda g: g.__name__
)
def test_single_precision_inside_of_a_gradient_fails_as_such(gradient):
    """At most points: it depends on how NumPy rounds whether there is an edge to see nearby."""
    points = np.random.default_rng(0).normal(size=(8, 4))

    reports = [check_gradient(cost, gradient, u) for u in points]

    failed = [report for report in reports if report.verdict == Verdict.FAIL]
    assert len(failed) >= 6
    for report in failed:
        assert [(d.kind, d.sure) for d in report.diagnoses] == [("precision", "certain")]


def test_one_block_in_single_precision_fails_alone():
    def half(p):
        return {"u": right(p["u"] * p["v"]) * p["v"], "v": result(p["u"] * p["v"]) * p["u"]}

    def narrow(p):
        g = half(p)
        return {"u": g["u"], "v": np.float64(np.float32(g["v"]))}

    report = check_gradient(lambda p: cost(p["u"] * p["v"]), narrow, {"u": U, "v": U + 1})

    assert {name: str(b.verdict) for name, b in report.blocks.items()} == {"u": "PASS", "v": "FAIL"}


def test_cost_in_single_precision_excuses_a_gradient_in_it():
    def narrow(u):
        a, t, u = single(A, T, u)
        return float(np.sum((a @ u - t) ** 2)) / 2

    assert check_gradient(narrow, inside, U).verdict != Verdict.FAIL


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), exponent=st.floats(2, 7))
def test_cancellation_in_double_precision_is_no_mistake(seed, exponent):
    """Of the digits of a residual, what it is the difference of leaves as few as 7."""
    u, large = np.random.default_rng(seed).normal(size=4), 10**exponent

    report = check_gradient(cost, lambda u: A.T @ ((A @ u + large) - (T + large)), u)

    assert report.verdict == Verdict.PASS


@settings(max_examples=30)
@given(z=st.floats(5, 36))
def test_saturation_in_double_precision_is_neither_short_nor_stale(z):
    """``A2 - Y`` stands still where it is a few units of its rounding."""
    report = check_gradient(
        lambda b: np.sum(np.logaddexp(0, -b)), lambda b: 1 / (1 + np.exp(-b)) - 1, np.array([z])
    )

    assert report.verdict != Verdict.FAIL


def constant(value):
    return lambda u: value.copy()


def test_right_gradient_that_is_the_same_everywhere_is_kept_from_a_call_before():
    report = check_gradient(cost, constant(right(U)), U)

    assert [(f.code, f.severity) for f in report.findings] == [("stale-cache", "error")]


def test_wrong_gradient_that_is_the_same_everywhere_may_be_one_of_another_point():
    report = check_gradient(cost, constant(right(U + 1)), U)

    assert [(d.kind, d.sure) for d in report.diagnoses] == [
        ("unexplained", "possible"),
        ("stale-cache", "possible"),
    ]
    assert not report.findings


def test_one_block_that_stands_still_is_told_apart():
    kept = right(U + 1)

    def both(p):
        return cost(p["u"]) + np.sum(p["v"] ** 3)

    def gradient(p):
        return {"u": kept, "v": 3 * p["v"] ** 2}

    report = check_gradient(both, gradient, {"u": U, "v": U})

    assert [(d.kind, d.block) for d in report.diagnoses] == [
        ("unexplained", "u"),
        ("stale-cache", "u"),
    ]


def test_gradient_that_is_constant_by_nature_gets_the_diagnosis_of_its_values():
    """That of a hinge, without its penalty, does not move nearby, nor that of a linear cost."""
    lam, y = 0.3, np.sign(T)

    def hinge(w, lam):
        return np.mean(np.maximum(0, 1 - y * (A @ w))) + lam / 2 * np.sum(w**2)

    def without_penalty(w, lam):
        return -A.T @ ((y * (A @ w) < 1) * y) / len(A)

    report = check_gradient(hinge, without_penalty, U, args=(lam,))

    assert [(d.kind, d.sure) for d in report.diagnoses] == [("regulariser-missing", "certain")]


def test_linear_cost_has_a_gradient_that_rightly_stands_still():
    assert check_gradient(lambda u: T[:4] @ u, constant(T[:4]), U)


def test_step_moves_every_entry_by_its_own_amount():
    """A cost of differences does not change if all entries move alike."""
    report = check_gradient(lambda u: np.sum(np.diff(u) ** 2), constant(np.ones(4)), U)

    assert "stale-cache" not in {f.code for f in report.findings}
    kept = 2 * (np.append(0, np.diff(U)) - np.append(np.diff(U), 0))
    report = check_gradient(lambda u: np.sum(np.diff(u) ** 2), constant(kept), U)
    assert [f.code for f in report.findings] == ["stale-cache"]


def test_gradient_that_raises_elsewhere_is_still_diagnosed():
    def gradient(u):
        if not np.allclose(u, U, rtol=1e-6):
            raise RuntimeError
        return right(U + 1)

    report = check_gradient(cost, gradient, U)

    assert [d.kind for d in report.diagnoses] == ["unexplained"]


def drawing(first, factor=1.0):
    """A gradient that after some calls is multiplied by a random factor in each entry."""
    rng, calls = np.random.default_rng(0), itertools.count()

    def gradient(u):
        noise = 1 + 0.5 * rng.random(u.shape) if next(calls) >= first else 1.0
        return factor * right(u) * noise

    return gradient


@pytest.mark.parametrize("factor", [1.0, 1.3], ids=["right at first", "wrong at first"])
@pytest.mark.parametrize("first", [0, 1, 2])
def test_gradient_that_differs_at_each_call_fails_as_nondeterministic_and_nothing_excuses_it(
    first, factor
):
    report = check_gradient(cost, drawing(first, factor), U)

    assert report.verdict == Verdict.FAIL
    assert [(f.code, f.severity) for f in report.findings] == [("nondeterministic", "error")]
    assert [d.kind for d in report.diagnoses] == ["nondeterministic"]
    decided = Verdict.PASS if first and factor == 1 else Verdict.FAIL
    assert set(report.blocks["u"].verdicts) == {decided}


def test_every_block_that_differs_between_some_two_calls_is_named():
    calls = itertools.count()

    def gradient(p):
        k = next(calls)
        return {"u": right(p["u"]) * (1 + k), "v": 2 * p["v"] * (1 + (k >= 2) * k)}

    report = check_gradient(
        lambda p: cost(p["u"]) + np.sum(p["v"] ** 2), gradient, {"u": U, "v": U}
    )

    assert {f.block for f in report.findings if f.code == "nondeterministic"} == {"u", "v"}


def test_gradient_that_is_another_once_is_of_an_earlier_call():
    calls = itertools.count()

    def gradient(u):
        return right(u + 1 if next(calls) == 0 else u)

    report = check_gradient(cost, gradient, U)

    assert [f.code for f in report.findings] == ["stale-cache"]
