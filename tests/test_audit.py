"""Mistakes are planted in what a check is given, and those that are seen are counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck import (
    assert_gradient,
    check_gradient,
    check_hessian,
    check_jacobian,
    check_vjp,
)
from gradcheck.audit import Red, Trial, plant, planting, stopping, text, to_dict
from gradcheck.audit.mistakes import MISTAKES, Planted, Seen

X = np.array([1.0, -2.0])


def cost(x):
    return np.sum(x**3)


def grad(x):
    return 3 * x**2


CHECKS = {
    "gradient": lambda: check_gradient(cost, grad, X),
    "pair": lambda: check_gradient(lambda x: (cost(x), grad(x)), None, X, jac=True),
    "array": lambda: check_gradient(cost, grad(X), X),
    "vjp": lambda: check_vjp(lambda x: (x**3, x), lambda d, x: 3 * d * x**2, (X,)),
    "jacobian": lambda: check_jacobian(lambda x: x**3, lambda x: np.diag(3 * x**2), X),
    "hessian": lambda: check_hessian(cost, lambda x: np.diag(6 * x), X, grad=grad),
}


@pytest.mark.parametrize("name", CHECKS)
def test_mistake_reaches_whatever_a_check_is_of(name):
    seen = Seen()
    with planting(seen):
        assert CHECKS[name]()
    assert ("relative error 1e-04", "x") in seen.places

    planted = Planted(MISTAKES["relative error 1e-04"], "x")
    with planting(planted):
        assert not CHECKS[name]()
    assert planted.changed
    assert CHECKS[name]()


def test_options_reach_a_check_through_the_one_that_raises():
    planted = Planted(MISTAKES["sign"], "db")

    with planting(planted), pytest.raises(AssertionError):
        assert_gradient(
            lambda p, k: k * cost(p["b"]),
            lambda p, k: {"db": k * grad(p["b"])},
            {"b": X},
            args=(2.0,),
        )
    assert planted.changed


def run_of(see):
    """A test that sees what `see` says of the gradient [1, -2]."""
    return lambda planted: see(planted(X))


def test_trials_are_those_that_made_a_difference():
    places = [("sign", "x"), ("transposed", "x"), ("sign", "y")]
    trials = list(plant(run_of(lambda g: not np.array_equal(g, X)), places, "here"))

    assert trials == [Trial("sign", "x", "here", True)]


def test_test_by_the_sign_alone_lets_factors_pass():
    run = run_of(lambda g: (np.sign(g) != [1, -1]).any())
    trials = plant(run, [("sign", "x"), ("factor 2", "x")])

    assert [trial.caught for trial in trials] == [True, False]


def test_text_has_the_share_the_kinds_and_the_survivors():
    trials = [
        Trial("sign", "W", "a.py::test", True),
        Trial("sign", "b", "a.py::test", False),
        Trial("factor 2", "W", "a.py::test", False),
        Trial("factor 2", "b", "", False),
    ]

    assert text(trials) == (
        "mistake   planted  caught\n"
        "sign            2       1\n"
        "factor 2        2       0\n"
        "survived a.py::test: sign (b), factor 2 (W)\n"
        "survived: factor 2 (b)\n"
        "1 of 4 planted mistakes were caught (25.0 %)"
    )


@given(st.integers(0, 1100), st.integers(1, 9))
def test_percentage_is_100_for_all_of_them_alone(caught, missed):
    trials = [Trial("sign", "W", "", k < caught) for k in range(caught + missed)]

    assert "(100.0 %)" not in text(trials)
    assert text(trials[:caught]).endswith("(100.0 %)" if caught else "nothing was audited")


def test_data_are_plain():
    assert to_dict([Trial("sign", "W", "", True)]) == {
        "planted": 1,
        "caught": 1,
        "share": 1.0,
        "trials": [{"mistake": "sign", "block": "W", "where": "", "caught": True}],
    }
    assert to_dict([])["share"] is None


def test_property_test_stops_at_its_first_failure_and_is_as_before_afterwards():
    calls = []

    @given(st.integers(100, 2**60))
    def test(n):
        calls.append(n)
        assert n < 100

    with stopping(test), pytest.raises(Red):
        test()
    assert len(calls) == 1

    with pytest.raises(AssertionError):
        test()
    assert calls[-1] == 100


def test_stopping_leaves_other_tests_alone():
    def test():
        raise KeyError

    with stopping(test), pytest.raises(KeyError):
        test()
    with stopping(None):
        pass
