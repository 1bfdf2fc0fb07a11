"""Property tests in three lines: what is drawn, what fails, what it shrinks to, what it says."""

import pickle
import re
import traceback
import unittest
from functools import partial
from pathlib import Path
from random import Random

import hypothesis
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, find, seed, settings
from mutants import MUTANTS

import backprop
import gradcheck
from gradcheck import GradientError, InvalidInput
from gradcheck.strategies import GradientUnchecked, given, shapes

pytest_plugins = "pytester"

NETWORK = "X: n0 m; Y: n2 m in {0,1}; W1: n1 n0; b1: n1 1; W2: n2 n1; b2: n2 1"

quiet = settings(max_examples=20, database=None, derandomize=True)
few = settings(quiet, max_examples=5)


def square(x):
    return np.sum(x**2)


def right(x):
    return 2 * x


def wrong(x):
    return 3 * x


def nothing():
    pass


def caught(test, *args):
    with pytest.raises(AssertionError) as raised:
        test(*args)
    return raised.value


def notes(error):
    return "\n".join(getattr(error, "__notes__", ()))


def arrays_of(error):
    """The arrays of the code in a failure."""
    space = {"np": np}
    exec(re.search(r"^arrays = \{.*?^\}", str(error), re.DOTALL | re.MULTILINE)[0], space)
    return space["arrays"]


@quiet
@hypothesis.given(shapes("X: n m; Y: n m in {0, 1}; lam: in positive; n=2..3; m < n", scale=0.5))
def test_shapes_draws_arrays_by_name(arrays):
    assert list(arrays) == ["X", "Y", "lam"]
    assert arrays["X"].shape == arrays["Y"].shape == (arrays.sizes["n"], arrays.sizes["m"])
    assert 1 <= arrays.sizes["m"] < arrays.sizes["n"] <= 3
    assert set(np.unique(arrays["Y"])) <= {0.0, 1.0}


def test_shapes_complains_at_once():
    with pytest.raises(InvalidInput, match=r"\^\^\^\^"):
        shapes("X: n m in reel")
    for scale in (0, -1, "1", True, float("inf")):
        with pytest.raises(InvalidInput, match="`scale`"):
            shapes("X: n", scale=scale)


@pytest.mark.parametrize(
    ("strategy", "shown"),
    [
        (shapes("X: n m in positive", scale=0.5), "shapes('X: n m in positive', scale=0.5)"),
        (shapes("\n X: n  # data\n\n n = 2..3;\n"), "shapes('X: n; n = 2..3')"),
        (shapes("; ".join(f"X{k}: n m" for k in range(50))), "X7: n ...')"),
    ],
)
def test_a_strategy_prints_as_it_was_made(strategy, shown):
    assert repr(strategy).endswith(shown)
    assert len(repr(strategy)) < 100


@pytest.mark.parametrize(
    "spec",
    [
        "X: a b c; Y: a b c; Z: b c a d",
        "; ".join(f"A{k}: n m" for k in range(30)),
        "X: n m; n=1..200; m=1..200",
        "P: n n in positive-definite; Q: n n in orthogonal; n=1..30",
    ],
)
def test_no_health_check_complains_of_large_specs(spec):
    @settings(quiet, max_examples=20, suppress_health_check=())
    @hypothesis.given(shapes(spec))
    def draw(arrays):
        assert all(np.isfinite(array).all() for array in arrays.values())

    draw()


def test_arrays_shrink_to_the_smallest_sizes_and_round_numbers():
    smallest = find(
        shapes("X: n m; y: m"),
        lambda arrays: arrays["X"].shape[1] > 1 and (arrays["X"][0] < 0).any(),
        settings=settings(quiet, max_examples=100),
    )

    assert smallest.sizes == {"n": 1, "m": 2}
    assert set(np.abs(np.concatenate([smallest["X"].ravel(), smallest["y"]]))) <= {
        *(0.0, 0.25, 0.5, 1.0, 2.0)
    }


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("spec", "holds"),
    [
        ("w: n", lambda w: w[0] >= 2),
        ("w: n", lambda w: (w > 1.5).any()),
        ("w: n m", lambda w: w[0, 0] < -1.1),
    ],
    ids=["first", "any", "corner"],
)
def test_arrays_shrink_to_the_smallest_sizes_also_where_a_value_is_needed(spec, holds, seed):
    smallest = find(
        shapes(spec),
        lambda arrays: holds(arrays["w"]),
        settings=settings(database=None, max_examples=1000),
        random=Random(seed),
    )

    assert set(smallest.sizes.values()) == {1}


def test_a_right_gradient_passes():
    seen = []

    @quiet
    @given("x: n", cost=square, grad=right)
    def test(x, report):
        assert report
        assert report.blocks["x"].shape == x.shape
        seen.append(x.shape)

    test()

    assert len(seen) == 20
    assert len(set(seen)) > 3


@pytest.mark.parametrize(
    "name",
    [
        "dZ2: sign",
        "dW2: mean forgotten",
        "db2: not summed",
        "dZ1: derivative at A1",
        "dW1: transposed",
        "db1: keepdims forgotten",
    ],
)
def test_a_wrong_equation_shrinks_to_sizes_of_at_most_two(name):
    gradients = MUTANTS[name].module.gradients

    @quiet
    @given(NETWORK, cost=backprop.cost, grad=gradients, params=backprop.Parameters, vectorized=True)
    def test():
        pass

    error = caught(test)

    assert isinstance(error, GradientError)
    arrays = arrays_of(error)
    assert max(n for array in arrays.values() for n in array.shape) <= 2
    numbers = np.unique(np.abs(np.concatenate([array.ravel() for array in arrays.values()])))
    assert set(numbers) <= {0.0, 0.25, 0.5, 1.0, 2.0}


def test_a_size_is_named_in_the_diagnosis_as_in_the_spec():
    gradients = MUTANTS["db2: mean forgotten"].module.gradients

    @quiet
    @given(NETWORK + "; m = 12", cost=backprop.cost, grad=gradients, params=backprop.Parameters)
    def test():
        pass

    assert "12 times too large; 12 = m" in str(caught(test))


def softmax_cost(W, b, X, Y):
    Z = W @ X + b
    return np.mean(np.log(np.exp(Z).sum(axis=0)) - np.sum(Y * Z, axis=0))


def softmax_grad(W, b, X, Y, mean=True):
    P = np.exp(W @ X + b)
    D = P / P.sum(axis=0) - Y
    return {
        "dW": D @ X.T / X.shape[1],
        "db": D.sum(axis=1, keepdims=True) / (X.shape[1] if mean else 1),
    }


def regression(w, X, y):
    return np.mean((X @ w - y) ** 2) / 2


FUNCTIONS = {
    "softmax": (
        "W: k n; b: k 1; X: n m; Y: k m in one-hot; k = 2..5",
        softmax_cost,
        softmax_grad,
        partial(softmax_grad, mean=False),
    ),
    "regression": (
        "w: n; X: m n; y: m",
        regression,
        lambda w, X, y: X.T @ (X @ w - y) / len(y),
        lambda w, X, y: X.T @ (X @ w - y),
    ),
    "labels": (
        "w: n; X: m n; t: m in labels(2)",
        lambda w, X, t: np.mean(np.logaddexp(0, X @ w) - t * (X @ w)),
        lambda w, X, t: X.T @ (1 / (1 + np.exp(-X @ w)) - t) / len(t),
        lambda w, X, t: X.T @ (1 / (1 + np.exp(-X @ w)) + t) / len(t),
    ),
    "determinant": (
        "A: n n in positive-definite",
        lambda A: np.linalg.slogdet(A)[1],
        lambda A: np.linalg.inv(A).T,
        lambda A: np.linalg.inv(A) * np.linalg.det(A),
    ),
    "entropy": (
        "p: n in unit",
        lambda p: -np.sum(p * np.log(p)),
        lambda p: -np.log(p) - 1,
        lambda p: -np.log(p) + 1,
    ),
    "convolution": (
        "x: n; k: l; y: n-l+1; n = 3..8",
        lambda x, k, y: np.sum(np.convolve(x, k, "valid") * y),
        lambda x, k, y: (np.convolve(y, k[::-1]), np.correlate(x, y, "valid")[::-1]),
        lambda x, k, y: (np.convolve(y, k[::-1]), np.correlate(x, y, "valid")),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_and_wrong_gradients_of_other_functions(name):
    spec, cost, grad, bad = FUNCTIONS[name]
    options = {"wrt": ("x", "k")} if name == "convolution" else {}

    quiet(given(spec, cost=cost, grad=grad, **options)(nothing))()
    error = caught(quiet(given(spec, cost=cost, grad=bad, **options)(nothing)))

    assert max(n for array in arrays_of(error).values() for n in np.shape(array)) <= 3


def test_what_a_larger_point_says_comes_first():
    """Among sizes of 1 and 2 a factor of 2 may be any of them, or the derivative of a square."""
    spec, cost, _, bad = FUNCTIONS["softmax"]

    error = caught(quiet(given(spec, cost=cost, grad=bad)(nothing)))

    larger, smallest, headline, *_ = str(error).splitlines()
    assert larger.startswith("FAIL: `db` is 5 times too large; 5 = m: ")
    assert larger.endswith(" (at k=3, n=4, m=5)")
    assert smallest.startswith("the smallest draw that fails")
    assert headline.startswith("FAIL: `db` is ")
    assert error.report.to_dict()["larger"] == larger


def test_drawn_arguments_stand_beside_others():
    class Tests:
        @given("x: n; y: n", cost=lambda x, y: x @ y, grad=lambda x, y: y, wrt="x")
        @few
        def test(self, y, fixture, arrays, other):
            assert isinstance(self, Tests)
            assert (fixture, other) == (1, 3)
            np.testing.assert_array_equal(arrays["y"], y)

    Tests().test(fixture=1, other=3)
    Tests().test(1, 3)


def test_a_body_cannot_change_what_is_checked():
    @few
    @given("x: n", cost=square, grad=right)
    def test(x, arrays):
        x *= np.nan
        arrays["x"] *= np.nan

    test()


def test_a_failing_body_shows_the_arrays():
    @quiet
    @given("x: n", cost=square, grad=right)
    def test(x):
        assert x.size < 3

    error = caught(test)

    assert not isinstance(error, GradientError)
    assert "import numpy as np" in notes(error)
    assert arrays_of(notes(error))["x"].size == 3


def test_assume_in_the_body_leaves_out_draws():
    @quiet
    @given("x: n", cost=lambda x: np.sum(np.log(x)), grad=lambda x: 1 / x)
    def test(x):
        assume((x > 0).all())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradcheck.strategies, "_is_undefined", lambda bound: pytest.fail("checked"))
        with pytest.raises(pytest.fail.Exception):
            test()
    settings(quiet, suppress_health_check=[HealthCheck.filter_too_much])(
        given("x: 1", cost=lambda x: np.sum(np.log(x)), grad=lambda x: 1 / x)(test.__wrapped__)
    )()


def kinked(x):
    return np.sum(np.abs(x))


def test_a_test_in_which_nothing_is_checked_fails():
    test = quiet(given("x: n in {0}", cost=kinked, grad=np.sign, wrt="x")(nothing))

    error = caught(test)

    assert isinstance(error, GradientUnchecked)
    assert re.match(r"nothing was checked: \d+ of \d+ draws were inconclusive", str(error))
    assert "times: kink" in str(error)
    assert "INCONCLUSIVE" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_draws_that_never_reach_the_check_are_none():
    test = quiet(given("x: n", cost=square, grad=right)(lambda: assume(False)))

    assert str(caught(test)) == "nothing was checked: no draw reached the check"


HALF = "x: n in {0, 1}; n = 1"


def test_too_many_inconclusive_draws_fail():
    test = quiet(given(HALF, cost=kinked, grad=np.sign, wrt="x", inconclusive=0.1)(nothing))

    assert "`inconclusive=` allows 10%" in str(caught(test))


def test_a_share_of_inconclusive_draws_is_allowed():
    quiet(given(HALF, cost=kinked, grad=np.sign, wrt="x", inconclusive=0.9)(nothing))()
    quiet(given("x: n in {0}", cost=kinked, grad=np.sign, wrt="x", on_kink="accept")(nothing))()


def test_a_cost_without_a_value_is_inconclusive_and_the_domain_is_the_remedy():
    error = caught(quiet(given("x: n", cost=entropy, grad=entropy_grad)(nothing)))

    assert "the cost is not finite there" in str(error)
    quiet(given("x: n in positive", cost=entropy, grad=entropy_grad)(nothing))()


def entropy(x):
    return np.sum(x * np.log(x))


def entropy_grad(x):
    return np.log(x) + 1


def test_the_cost_is_never_called_outside_the_domain():
    seen = []

    def cost(p):
        seen.append(p.copy())
        return np.sum(p**3)

    quiet(given("p: n in unit", cost=cost, grad=lambda p: 3 * p**2)(nothing))()

    lowest, highest = min(p.min() for p in seen), max(p.max() for p in seen)
    assert 0 < lowest < highest < 1


def test_draws_are_not_steered_towards_entries_that_stay_open(monkeypatch):
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def cost(x):  # at 31 a staircase, for 1 - sigmoid(31) has few digits
        return -np.mean(np.log(1 - sigmoid(x * shift[: x.size])))

    def grad(x):
        return sigmoid(x * shift[: x.size]) * shift[: x.size] / x.size

    shift = np.array([31.0, 0.5, 0.5, 0.5])
    scores = []
    monkeypatch.setattr(hypothesis, "target", lambda score, label: scores.append(score))
    quiet(given("x: n in {1}; n = 2..4", cost=cost, grad=grad, wrt="x")(nothing))()

    assert scores
    assert max(scores) < 1


def test_an_exception_of_the_cost_shows_the_code():
    def cost(x):
        return square(x) if x.size < 3 else x[9]

    quiet(given("x: n; n = 1..2", cost=cost, grad=right)(nothing))()
    with pytest.raises(InvalidInput, match="`cost` raised IndexError") as raised:
        quiet(given("x: n; n = 1..9", cost=cost, grad=right)(nothing))()

    assert arrays_of(notes(raised.value))["x"].size == 3
    assert str(raised.value).endswith(", at x (3,)")
    assert len(traceback.extract_tb(raised.tb)) == 2


def test_failures_of_several_kinds_show_no_lines_of_ours():
    def cost(x):
        return square(x) if x.size < 3 else x[9]

    with pytest.raises(Exception, match="distinct failures") as raised:
        quiet(given("x: n; n = 1..9", cost=cost, grad=wrong)(nothing))()

    kinds = {type(one): one for one in raised.value.exceptions}
    assert kinds.keys() == {InvalidInput, GradientError}
    assert not any(traceback.extract_tb(one.__traceback__) for one in kinds.values())


WRONG_CALLS = {
    "spec": (lambda: given("x: n in reel", cost=square, grad=right), "is no domain"),
    "option": (lambda: given("x: n", cost=square, grad=right, sclae=2), "`sclae`; `scale` is one"),
    "other option": (
        lambda: given("x: n", cost=square, grad=right, z=2),
        "`z`; expected jac, wrt, ",
    ),
    "kink": (lambda: given("x: n", cost=square, grad=right, on_kink="no"), "`on_kink`: expected"),
    "dimensions": (lambda: given("x: n", cost=square, grad=right, dimensions=3), "`dimensions`"),
    "args": (lambda: given("x: n", cost=square, grad=right, args=()), "no such option: `args`"),
    "share": (lambda: given("x: n", cost=square, grad=right, inconclusive=2), "`inconclusive`"),
    "no function": (lambda: given("x: n", cost=square, grad=right)(3), "above a def"),
    "argument": (lambda: given("y: n", cost=square, grad=right)(nothing)(), "it got y together"),
    "no gradient": (lambda: given("x: n", cost=square)(nothing)(), "jac=True"),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_wrong_calls_are_refused_before_anything_is_drawn(name):
    call, words = WRONG_CALLS[name]

    with pytest.raises(InvalidInput) as raised:
        call()

    assert words in str(raised.value)
    assert not notes(raised.value)
    inside = [f.name for f in traceback.extract_tb(raised.tb) if f.filename != __file__]
    assert len(inside) == 1  # a frame that Python adds, and pytest hides


def test_settings_count_above_and_below():
    counts = []
    for decorate in (
        lambda test: few(given("x: n", cost=square, grad=right)(test)),
        lambda test: given("x: n", cost=square, grad=right)(few(test)),
    ):
        seen = []

        def test(x):
            seen.append(x)  # noqa: B023

        decorate(test)()
        counts.append(len(seen))

    assert counts == [5, 5]


def test_a_deadline_is_that_of_the_user():
    with settings_of(deadline=200) as test:
        assert test().deadline is None
    with settings_of(deadline=77) as test:
        assert test().deadline.total_seconds() == 0.077


class settings_of:  # noqa: N801
    def __init__(self, **chosen):
        self.chosen = chosen

    def __enter__(self):
        test = settings(quiet, **self.chosen)(given("x: n", cost=square, grad=right)(nothing))
        test()
        return lambda: test._hypothesis_internal_use_settings

    def __exit__(self, *_):
        pass


def test_examples_and_seeds_of_hypothesis_work():
    seen = []

    @seed(1)
    @example(arrays={"x": np.array([0.125, 3.0])})
    @few
    @given("x: n", cost=square, grad=right)
    def test(x, arrays):
        seen.append((x, arrays.sizes))

    test()
    first = [str(x) for x in seen]
    seen.clear()
    test()

    np.testing.assert_array_equal(seen[0][0], [0.125, 3.0])
    assert seen[0][1] == {"n": 2}
    assert [str(x) for x in seen] == first


def test_examples_of_another_shape_are_refused():
    test = example(arrays={"x": np.ones((2, 2))})(
        few(given("x: n", cost=square, grad=right)(nothing))
    )

    with pytest.raises(InvalidInput, match=r"`x` has shape \(2, 2\); the spec says: n"):
        test()


def test_failures_are_replayed_from_the_database():
    database = hypothesis.database.InMemoryExampleDatabase()
    seen = []

    @settings(max_examples=20, database=database)
    @given("x: n", cost=square, grad=lambda x: 2 * x + (x.size > 2))
    def test(x):
        seen.append(x.size)

    caught(test)
    seen.clear()
    caught(test)

    assert seen[0] == 3


@pytest.mark.parametrize("other", ["another mistake", "another spec"])
def test_a_counterexample_of_another_test_of_the_same_source_is_not_replayed(other):
    database = hypothesis.database.InMemoryExampleDatabase()
    seen = []

    def made(spec, grad):
        @settings(max_examples=20, database=database)
        @given(spec, cost=square, grad=grad)
        def test(x):
            seen.append(x.size)

        return test

    caught(made("x: n", lambda x: 2 * x + (x.size > 4)))
    seen.clear()
    if other == "another mistake":
        caught(made("x: n", lambda x: 2 * x + 1))
    else:
        caught(made("x: n m", lambda x: 2 * x + (x.size > 4)))

    assert seen[0] == 1


def test_the_inner_test_is_what_fuzzers_need():
    """As hypofuzz calls it: with what the strategies draw, outside of a run of ours."""
    test = given("x: n", cost=square, grad=wrong)(nothing)
    assert test.is_hypothesis_test
    assert list(test.hypothesis._given_kwargs) == ["arrays"]

    @settings(few, phases=[hypothesis.Phase.generate])
    @hypothesis.given(shapes("x: n"))
    def fuzz(drawn):
        test.hypothesis.inner_test(arrays=drawn)

    assert isinstance(caught(fuzz), GradientError)


class TestUnittest(unittest.TestCase):
    @few
    @given("x: n", cost=square, grad=right)
    def test_method(self, x):
        assert isinstance(self, unittest.TestCase)
        assert x.size > 0


def test_an_array_may_be_called_like_our_arguments():
    @few
    @given("arrays: n; report: n", cost=lambda arrays, report: arrays @ report, wrt="arrays",
           grad=lambda arrays, report: report)  # fmt: skip
    def test(arrays, report, drawn):
        assert arrays.shape == report.shape
        assert set(drawn) == {"arrays", "report"}

    test()


PROJECT = """
import numpy as np
import pytest
import gradcheck
from hypothesis import settings
few = settings(max_examples=5, database=None, derandomize=True)

def cost(x):
    return np.sum(x**2)

def wrong(x):
    return 3 * x

@pytest.fixture
def nobody():
    pass

@few
@gradcheck.given("x: n", cost=cost, grad=lambda x: 2 * x)
def test_right(): pass

@gradcheck.given("x: n", cost=cost, grad=wrong)
@few
def test_wrong(): pass

@few
@gradcheck.given("x: 1 in {0, 1}", cost=lambda x: np.sum(abs(x)), grad=np.sign, wrt="x",
                 inconclusive=1)
def test_kinked(): pass

class TestIt:
    @pytest.mark.parametrize("k", [1, 2])
    @few
    @gradcheck.given("x: n", cost=cost, grad=lambda x: 2 * x)
    def test_method(self, x, k, tmp_path_factory): assert k

def test_other(): pass
"""


@pytest.fixture
def run(pytester, pytestconfig, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(gradcheck.__file__).parents[1]))
    installed = pytestconfig.pluginmanager.has_plugin("gradcheck")
    plugin = () if installed else ("-p", "gradcheck.pytest_plugin")
    pytester.makepyfile(test_it=PROJECT)
    options = ("-W", "error", "--strict-markers", "-p", "no:cacheprovider")
    return lambda *args: pytester.runpytest_inprocess(*plugin, *options, *args)


def test_pytest_selects_them_and_counts_their_checks(run):
    result = run("-k", "gradcheck", "--hypothesis-show-statistics")

    result.assert_outcomes(passed=4, failed=1, deselected=1)
    output = result.stdout.str()
    failure = output.partition("= FAILURES =")[2].partition("= gradcheck =")[0]
    assert "FAIL: `dx` is 1.5 times too large" in failure
    assert "from test_it import cost, wrong" in failure
    assert "strategies.py" not in failure
    assert re.search(r"^test_it.py:\d+: GradientError", failure, re.MULTILINE)
    assert "error bars between gradient and derivative" in output
    assert re.search(r"\* \d+\.\d\d%, inconclusive: kink", output)
    assert "gave up because" not in output, "the draws that are rejected are counted twice"


def test_pytest_shows_the_line_of_a_wrong_spec_and_none_of_ours(pytester, run):
    spec = 'import gradcheck\n@gradcheck.given("x: n in reel", cost=len, grad=len)\ndef test(): 0\n'
    pytester.makepyfile(test_spec=spec)
    output = run("test_spec.py").stdout.str().replace(str(pytester.path), "")

    assert "test_spec.py:2: in <module>" in output
    assert "`reel` is no domain; `real` is" in output
    assert ".py:" not in output.partition("in <module>")[2]


def test_seeds_of_the_command_line_work(run):
    run("--hypothesis-seed=3", "-k", "right or method").assert_outcomes(passed=3, deselected=3)
