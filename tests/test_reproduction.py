"""The code that a failure prints runs as it is, and fails likewise."""

import sys
from functools import partial

import numpy as np
import pytest
from hypothesis import settings

import backprop
from gradcheck import GradientError
from gradcheck.calls import plan
from gradcheck.strategies import given
from gradcheck.strategies.domains import Arrays
from gradcheck.strategies.reproduction import snippet

quiet = settings(max_examples=5, database=None, derandomize=True)


def power(x, k=2):
    return np.sum(x**k)


def wrong(x):
    return 3 * x


def both(x):
    return power(x), wrong(x)


def broken(*args):
    found = backprop.gradients(*args)
    return found._replace(dW1=2 * found.dW1)


class Tests:
    @quiet
    @given("x: n", cost=partial(power, k=2), grad=lambda x: 3 * x)
    def by_partial(self):
        pass

    @quiet
    @given("x: n in unit", cost=both, jac=True, resolution=1e-4)
    def by_pair(self):
        pass

    @quiet
    @given(
        "X: n0 m; Y: 1 m in {0, 1}; W1: n1 n0; b1: n1 1; W2: 1 n1; b2: 1 1; m = 4",
        cost=backprop.cost,
        grad=broken,
        params=backprop.Parameters,
        wrt=("W1", "b2"),
    )
    def by_structure(self):
        pass


@quiet
@given("x: n", cost=power, grad=wrong)
def by_name():
    pass


TESTS = {
    "names": by_name,
    "partial": partial(Tests.by_partial, Tests()),
    "pair": partial(Tests.by_pair, Tests()),
    "structure": partial(Tests.by_structure, Tests()),
}


@pytest.fixture
def here(monkeypatch):
    """This module under the name that it would have as a user's."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


@pytest.mark.parametrize("name", TESTS)
def test_code_of_a_failure_fails_likewise(name, here):
    with pytest.raises(GradientError) as raised:
        TESTS[name]()
    report = raised.value.report

    with pytest.raises(GradientError) as again:
        exec(report.reproduce, {})

    assert str(raised.value).endswith(f"  reproduce:\n{report.reproduce}")
    assert again.value.report.diagnoses == report.diagnoses
    assert again.value.report.blocks.keys() == report.blocks.keys()
    assert max(map(len, report.reproduce.splitlines())) <= 100


def snippet_of(test, **options):
    arrays = Arrays({"x": np.array([1.0, -0.5])}, {"n": 2})
    callables = {"cost": power, "grad": wrong, "params": None}
    callables.update({role: options.pop(role) for role in ("cost", "grad") if role in options})
    how = plan(power, wrong, arrays)
    return snippet(arrays, how, callables, {"dimensions": arrays.sizes, **options}, test)


def test_the_whole_code():
    assert (
        snippet_of(by_name, on_kink="accept")
        == f"""import numpy as np
from gradcheck import assert_gradient
from gradcheck.calls import bind
from {__name__} import power, wrong

arrays = {{
    "x": np.array([1.0, -0.5]),
}}
bound = bind(power, wrong, arrays, wrt=('x',))
assert_gradient(
    bound.cost, bound.grad, bound.params, args=bound.args,
    dimensions={{'n': 2}},
    on_kink='accept',
)"""
    )


def test_what_cannot_be_written_is_named():
    def local():
        pass

    code = snippet_of(local, cost=lambda x: 0, bounds=(np.zeros(2), None))

    assert "cost = ...  # test_what_cannot_be_written_is_named.<locals>.<lambda>, " in code
    assert "    # and bounds= as in the test" in code


def test_equal_names_of_two_modules_do_not_meet():
    code = snippet_of(by_name, cost=backprop.cost, grad=backprop.network.cost)
    assert "from backprop.network import cost, cost as grad" in code
    assert "bind(cost, grad, arrays" in code
