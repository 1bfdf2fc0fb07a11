"""One check for the command line: at a point, at drawn data, by a test of the user's."""

import pickle
import sys
import textwrap
from collections import Counter
from functools import partial

import numpy as np
import pytest

from gradcheck import Verdict
from gradcheck.audit.mistakes import MISTAKES, Planted
from gradcheck.cli import running
from gradcheck.cli.running import Outcome, Subject, at_point, by_test, drawn, in_processes
from gradcheck.errors import InvalidInput

MODEL = """
    import gradcheck
    import numpy as np
    from typing import NamedTuple

    class Params(NamedTuple):
        W: np.ndarray
        b: np.ndarray

    def cost(p, X): return np.mean(np.tanh(p["W"] @ X + p["b"]))
    def grad(p, X):
        A = np.tanh(p["W"] @ X + p["b"])
        d = (1 - A**2) / A.size
        return {"dW": d @ X.T, "db": d.sum(axis=1, keepdims=True)}
    def wrong(p, X):
        g = grad(p, X)
        return {"dW": g["dW"], "db": X.shape[1] * g["db"]}
    def both(W, X): return np.sum((W @ X) ** 2) / 2, W @ X @ X.T
    def alone(W, X): return np.sum(W @ X)
    def of_tuple(p, X): return cost(p._asdict(), X)
    def grad_of_tuple(p, X): return Params(*grad(p._asdict(), X).values())
    def flat(W): return 1.0
    def zero(W): return 0 * W
    def raises(W):
        if W.size > 2:
            raise KeyError("some key")
        return np.sum(W)
    def ones(W): return np.ones_like(W)

    def forward(x, w): return x @ w, (x, w)
    def backward(dout, cache): return dout @ cache[1].T, cache[0].T @ dout
    def crooked(dout, cache): return dout @ cache[1].T, cache[0].T @ np.abs(dout)

    def mean(dout, cache):
        return dout @ cache[1].T, cache[0].T @ dout / len(dout)

    class Layer:
        def forward(self, x, w): return forward(x, w)
        def backward(self, dout, cache): return crooked(dout, cache)

    class Network:
        def cost(self, p, X): return cost(p._asdict(), X)
        def grad(self, p, X): return Params(*wrong(p._asdict(), X).values())

    @gradcheck.given("W: n m; X: m k", cost=both, jac=True)
    def right(): pass

    @gradcheck.given("x: n", cost=lambda x: np.nan, grad=lambda x: x)
    def unchecked(): pass

    def test_right(gradcheck):
        gradcheck(lambda x: x @ x, lambda x: 2 * x, np.array([1.0, 2.0]))
    def test_wrong(gradcheck):
        gradcheck(lambda x: x @ x, lambda x: 3 * x, np.array([1.0, 2.0]))
    def test_kink(gradcheck):
        gradcheck(lambda x: abs(x[0]), lambda x: 0 * x, np.zeros(1))
    def test_plain():
        assert 1 == 2, "no"
    def test_nothing(): pass
    def test_fixture(tmp_path): pass
    def test_raises(): {}["x"]
"""

SPEC = "W: n1 n0; b: n1 1; X: n0 m"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A module of the user's, in a folder from which modules can be imported."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "model_to_check.py").write_text(textwrap.dedent(MODEL))
    sys.path.insert(0, str(folder))
    yield "model_to_check"
    sys.path.remove(str(folder))
    sys.modules.pop("model_to_check", None)


@pytest.fixture
def subject(model):
    """Makes subjects from names of the module."""

    def make(*names, **more):
        return Subject(tuple(f"{model}:{name}" for name in names), **more)

    return make


POINT = {"W": np.array([[0.3, -0.2]]), "b": np.array([[0.1]]), "X": np.array([[1.0], [0.5]])}


def test_point_is_checked_by_names(subject):
    outcome = at_point(subject("cost", "grad"), POINT)

    assert (outcome.verdict, outcome.examples, outcome.entries) == (Verdict.PASS, 0, 3)
    assert set(outcome.report.blocks) == {"W", "b"}


def test_options_hold_at_a_point_and_at_drawn_data(subject):
    one = subject("cost", "wrong", wrt=("W",), options={"resolution": 1e-4})

    assert list(at_point(one, POINT).report.blocks) == ["W"]
    assert drawn(one, SPEC, examples=5, seed=0).verdict == Verdict.PASS


def test_structure_makes_the_first_argument(subject, model):
    one = subject("of_tuple", "grad_of_tuple", structure=f"{model}:Params")

    assert at_point(one, POINT).verdict == Verdict.PASS
    assert drawn(one, SPEC, examples=5, seed=0).verdict == Verdict.PASS


def test_drawn_examples_are_counted(subject):
    heard = []
    outcome = drawn(
        subject("cost", "grad"), SPEC, examples=12, seed=0, seen=lambda o: heard.append(o.last)
    )

    assert outcome.verdict == Verdict.PASS
    assert outcome.examples == 12
    assert len(heard) == 12 + sum(outcome.inconclusive.values())
    assert outcome.entries == sum(report.entries for report in heard)
    assert 0 < outcome.resolution < 1e-3


def test_same_seed_draws_the_same_and_another_one_other_data(subject):
    entries = [
        drawn(subject("cost", "grad"), SPEC, examples=8, seed=seed).entries for seed in (3, 3, 4)
    ]

    assert entries[0] == entries[1] != entries[2]


def test_failure_shrinks_and_its_code_repeats_it(subject):
    outcome = drawn(subject("cost", "wrong"), SPEC, examples=40, seed=0)

    assert outcome.verdict == Verdict.FAIL
    block = outcome.report.blocks["b"]
    assert (block.verdict, block.block.shape) == (Verdict.FAIL, (1, 1))
    with pytest.raises(AssertionError) as repeated:
        exec(outcome.report.reproduce, {})
    again = repeated.value.report.blocks["b"]
    np.testing.assert_array_equal(again.analytic, block.analytic)


def test_failure_of_a_layer_says_what_a_larger_point_says(subject):
    outcome = drawn(
        subject("forward", "mean", is_layer=True), "x: n d; w: d k", examples=20, seed=0
    )

    assert "3 = n" in outcome.report.larger
    assert outcome.report.larger.endswith("(at n=3, d=4, k=5)")
    assert outcome.report.blocks["w"].block.shape == (1, 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_layer_beside_tests_of_its_own_is_imported_before_the_draws(tmp_path, monkeypatch, workers):
    (tmp_path / f"beside_{workers}.py").write_text(textwrap.dedent(MODEL))
    monkeypatch.syspath_prepend(tmp_path)
    one = Subject((f"beside_{workers}:forward", f"beside_{workers}:backward"), is_layer=True)

    outcome = in_processes(partial(drawn, one, "x: n d; w: d k"), workers, examples=4, seed=0)

    assert (outcome.verdict, outcome.examples) == (Verdict.PASS, 4)


def test_code_for_methods_of_an_instance_made_for_them_loads_them_likewise(subject, model):
    one = subject("Network", structure=f"{model}:Params")
    outcome = drawn(one, SPEC, examples=20, seed=0)

    assert f"cost, grad = claimed([load(text) for text in ['{model}:Network']])" in (
        outcome.report.reproduce
    )
    with pytest.raises(AssertionError) as repeated:
        exec(outcome.report.reproduce, {})
    assert repeated.value.report.diagnoses == outcome.report.diagnoses


def test_layer_is_checked_at_a_point_and_at_drawn_data(subject):
    right, wrong = (subject("forward", name, is_layer=True) for name in ("backward", "crooked"))
    point = {"x": np.array([[1.0, 2.0]]), "w": np.array([[0.5], [0.25]])}

    assert at_point(right, point).verdict == Verdict.PASS
    assert drawn(right, "x: n d; w: d k", examples=5, seed=0).verdict == Verdict.PASS
    for one in (wrong, subject("Layer", is_layer=True)):
        outcome = drawn(one, "x: n d; w: d k", examples=5, seed=0)
        assert outcome.verdict == Verdict.FAIL
        with pytest.raises(AssertionError):
            exec(outcome.report.reproduce, {})


def test_what_nothing_was_seen_of_is_inconclusive(subject):
    outcome = drawn(subject("flat", "zero"), "W: n m", examples=5, seed=0)

    assert outcome.verdict == Verdict.INCONCLUSIVE
    assert outcome.said.startswith("nothing was checked: ")


@pytest.mark.parametrize("draws", [True, False], ids=["drawn", "at a point"])
def test_what_the_cost_raises_is_told_with_the_line(draws, subject):
    one = subject("raises", "ones")
    check = partial(drawn, one, "W: n m", examples=50, seed=0)
    check = check if draws else partial(at_point, one, {"W": np.ones(3)})
    with pytest.raises(InvalidInput) as error:
        check()

    assert "raised KeyError" in str(error.value)
    assert str(error.value).endswith('line 26: raise KeyError("some key")')


def test_function_that_returns_no_pair_is_told_from_one_that_does(subject):
    assert at_point(subject("both"), {"W": np.ones((1, 2)), "X": np.ones((2, 1))})
    with pytest.raises(InvalidInput, match="model_to_check:alone alone returns the pair"):
        at_point(subject("alone"), {"W": np.ones((1, 2)), "X": np.ones((2, 1))})


def test_gradient_with_a_mistake_is_not_made_smaller(subject):
    planted = Planted(MISTAKES["sign"], "dW")
    outcome = drawn(subject("cost", "grad"), SPEC, examples=20, seed=0, passing=planted)

    assert outcome.verdict == Verdict.FAIL
    assert planted.changed
    assert outcome.remark == ""


def test_tests_of_the_user_decide_themselves(subject):
    def verdict(name, **options):
        outcome = by_test(subject(name), **{"examples": None, "seed": 0, **options})
        return outcome.verdict, outcome.examples, outcome.said

    assert verdict("test_right") == (Verdict.PASS, 1, "")
    assert verdict("right", examples=6)[:2] == (Verdict.PASS, 6)
    assert verdict("test_wrong")[0] == Verdict.FAIL
    assert verdict("test_kink")[0] == Verdict.INCONCLUSIVE
    assert verdict("unchecked")[0] == Verdict.INCONCLUSIVE
    assert "nothing was checked" in verdict("unchecked")[2]
    assert verdict("test_nothing") == (Verdict.INCONCLUSIVE, 0, "")
    failed, _, said = verdict("test_plain")
    assert failed == Verdict.FAIL
    assert "test_plain: AssertionError: no" in said
    assert 'assert 1 == 2, "no"' in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("test_fixture", "takes `tmp_path`, which pytest has to make; run it by pytest"),
        ("test_raises", "test_raises raised KeyError: 'x'"),
    ],
)
def test_test_that_cannot_be_run_says_why(name, words, subject):
    with pytest.raises(InvalidInput, match=words):
        by_test(subject(name), examples=None, seed=0)


def test_outcomes_of_workers_are_added_up(subject, monkeypatch):
    class Here:
        def submit(self, call, **options):
            made = pickle.loads(pickle.dumps(call))(**options)
            return type("Future", (), {"result": lambda self: pickle.loads(pickle.dumps(made))})()

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(running, "processes", lambda workers: Here())
    one = subject("cost", "grad")
    _ = one.functions

    outcome = in_processes(partial(drawn, one, SPEC), 3, 10, 0)
    assert (outcome.verdict, outcome.examples) == (Verdict.PASS, 10)
    outcome = in_processes(partial(drawn, subject("cost", "wrong"), SPEC), 2, 20, 0)
    assert outcome.verdict == Verdict.FAIL
    assert "arrays = {" in outcome.report.reproduce


def test_what_failed_first_is_kept():
    parts = [
        Outcome(Verdict.INCONCLUSIVE, inconclusive=Counter(noise=1), said="nothing"),
        Outcome(Verdict.PASS, examples=2, entries=3, resolution=0.1),
        Outcome(Verdict.FAIL, examples=1, resolution=np.nan, said="first"),
        Outcome(Verdict.FAIL, inconclusive=Counter(noise=2), said="second"),
    ]
    both = parts[0].with_all(parts[1:])

    assert (both.verdict, both.said, both.examples) == (Verdict.FAIL, "first", 3)
    assert (both.resolution, both.inconclusive) == (0.1, Counter(noise=3))
    assert parts[0].with_all(parts[1:2]).verdict == Verdict.PASS
