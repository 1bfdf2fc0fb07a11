"""One mistake in one function of the user's, wherever a run of pytest may have it from."""

import json
import os
import sys
import textwrap
from pathlib import Path

import pytest

import gradcheck.jacobian  # loaded here, for runs in this process forget theirs
from gradcheck.audit.planted import VARIABLE, order

pytest_plugins = "pytester"

MODEL = """
    def value(x): return float(x @ x)
    def grad(x): return 2 * x

    class Model:
        @staticmethod
        def of_class(x): return 2 * x
        def of_instance(self, x): return 2 * x
        @classmethod
        def of_all(cls, x): return 2 * x
        def both(self, x): return value(x), 2 * x
"""

HEAD = """
    import numpy as np
    import model_planted
    from model_planted import Model, grad
    from used import used
    X = np.array([1.0, -2.0])
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs a test with a mistake in a function; gives the result and what was noted."""
    monkeypatch.setenv("PYTHONPATH", str(Path(gradcheck.__file__).parents[1]), os.pathsep)
    path, before = list(sys.path), set(sys.modules)

    def call(target, test, mistake="", block="", args=()):
        files = {
            "model_planted": MODEL,
            "used": "from model_planted import grad\ndef used(x): return grad(x)",
            "conftest": "from model_planted import grad as early",
        }
        for name, text in files.items():
            (pytester.path / f"{name}.py").write_text(textwrap.dedent(text))
        (pytester.path / "test_it.py").write_text(textwrap.dedent(HEAD) + textwrap.dedent(test))
        notes = pytester.path / "notes"
        monkeypatch.setenv(VARIABLE, order(target, notes, mistake, block))
        monkeypatch.syspath_prepend(pytester.path)
        options = ("-p", "gradcheck.audit.planted", "-p", "no:cacheprovider")
        result = pytester.runpytest_inprocess(*options, *args)
        (noted,) = map(json.loads, notes.read_text().splitlines())
        return result, noted

    yield call
    sys.path[:] = path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("target", "call"),
    [
        ("model_planted:grad", "grad(X)"),
        ("model_planted:grad", "model_planted.grad(X)"),
        ("model_planted:grad", "used(X)"),
        ("model_planted:grad", "__import__('conftest').early(X)"),
        ("model_planted.py::grad", "grad(X)"),
        ("model_planted:Model.of_class", "Model.of_class(X)"),
        ("model_planted:Model.of_instance", "Model().of_instance(X)"),
        ("model_planted:Model.of_all", "Model.of_all(X)"),
        ("model_planted:Model.both", "Model().both(X)[1]"),
        ("test_it.py::mine", "mine(X)"),
    ],
)
@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_mistake_reaches_every_place_that_has_the_function(target, call, mode, run):
    test = f"def mine(x): return 2 * x\ndef test(): assert ({call} == 2 * X).all()"
    args = (f"--import-mode={mode}",)

    result, noted = run(target, test, "sign", "x", args)
    assert result.ret == 1
    assert noted["changed"]


def test_module_that_pytest_loads_anew_by_another_name_is_reached_too(run, pytester):
    (pytester.path / "sub").mkdir()
    (pytester.path / "sub" / "test_sub.py").write_text(
        "def mine(x): return 2 * x\ndef test(): assert mine(1.5) == 3"
    )

    target, nothing = "sub/test_sub.py::mine", "def test(): pass"
    result, noted = run(target, nothing, "sign", "x", ("--import-mode=importlib",))
    assert result.ret == 1
    assert noted["changed"]


def test_without_a_mistake_the_places_for_one_are_noted(run):
    result, noted = run("model_planted:grad", "def test(): assert (grad(X) == 2 * X).all()")

    assert result.ret == 0
    assert ["sign", "x"] in noted["places"]
    assert ["transposed", "x"] not in noted["places"]


def test_function_that_no_test_calls_is_left_alone(run):
    result, noted = run("model_planted:grad", "def test(): pass", "sign", "x")

    assert result.ret == 0
    assert not noted["changed"]


def test_property_test_ends_with_its_first_failure(run):
    test = """
    import hypothesis
    from hypothesis import strategies as st

    seen = []

    @hypothesis.settings(database=None)
    @hypothesis.given(st.floats(1, 2))
    def test(x):
        seen.append(x)
        assert grad(np.array([x])) > 0

    def test_count():
        assert len(seen) == 1
    """
    result, _ = run("model_planted:grad", test, "sign", "x")

    result.assert_outcomes(failed=1, passed=1)


def test_plugin_that_is_told_nothing_does_nothing(pytester, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    pytester.makepyfile("def test(): pass")

    assert pytester.runpytest_inprocess("-p", "gradcheck.audit.planted").ret == 0
