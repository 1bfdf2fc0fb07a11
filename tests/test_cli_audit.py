"""``gradcheck audit`` of the user's tests, which are run by pytest in a process of its own."""

import importlib.metadata
import json
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from gradcheck.cli import audit as cli_audit
from gradcheck.cli import main

MODEL = """
    import numpy as np
    def grad(x): return 2 * x
    X = np.array([1.0, -2.0])
"""

TESTS = """
    from model_audited import X, grad

    def test_with_gradcheck(gradcheck):
        gradcheck(lambda x: x @ x, grad, X)

    def test_at_home():
        assert abs(grad(X) - [2.0, -4.0]).max() < 1e-3

    def test_signs():
        assert (grad(X) * X >= 0).all()

    def test_nothing():
        pass

    def test_red():
        assert grad(X) is None
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs ``gradcheck audit``; gives the exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model_audited.py").write_text(textwrap.dedent(MODEL))
    (tmp_path / "test_it.py").write_text(textwrap.dedent(TESTS))
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(*argv):
        return main(["audit", *argv]), *capsys.readouterr()

    yield call
    sys.modules.pop("model_audited", None)


@pytest.fixture
def few(monkeypatch):
    """Two mistakes alone, since each costs a run of pytest."""

    def run_with(target, args, folder, mistake, block):
        done, seen = real(target, args, folder, mistake, block)
        kept = {"sign", "relative error 1e-05"}
        return done, {**seen, "places": [p for p in seen["places"] if p[0] in kept]}

    real = cli_audit._run_with
    monkeypatch.setattr(cli_audit, "_run_with", run_with)


def test_tests_with_gradcheck_are_audited_by_the_plugin(run, tmp_path):
    code, out, err = run("test_it.py::test_with_gradcheck", "--json", "out.json")

    assert (code, err) == (0, "")
    assert out.splitlines()[-1].endswith(" planted mistakes were caught (100.0 %)")
    data = json.loads((tmp_path / "out.json").read_text())
    assert data["planted"] == data["caught"] == 18
    assert {t["where"] for t in data["trials"]} == {"test_it.py::test_with_gradcheck"}


@pytest.mark.usefixtures("few")
def test_any_tests_are_audited_by_a_run_for_each_mistake(run):
    code, out, err = run("model_audited:grad", "--workers", "2", "--", "pytest", "-k", "home")

    assert (code, err) == (1, "")
    assert out == (
        "mistake               planted  caught\n"
        "sign                        1       1\n"
        "relative error 1e-05        1       0\n"
        "survived: relative error 1e-05 (x)\n"
        "1 of 2 planted mistakes were caught (50.0 %)\n"
    )


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("nothing", "no test calls model_audited:grad: there is nothing to plant a mistake in"),
        ("red", "tests fail without a mistake, see to it first: assert array("),
        ("absent", "there are no tests, see to it first: 5 deselected"),
    ],
)
def test_what_cannot_be_audited_is_explained(test, words, run):
    code, out, err = run("model_audited:grad", "--", "-k", test)

    red = "FAIL without any mistake planted: nothing was audited\n"
    assert (code, out) == ((1, red) if test == "red" else (3, "nothing was audited\n"))
    assert err.startswith(f"gradcheck: {words}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "argv", [("model_audited:grad", "--", "--nonsense"), ("--", "absent.py")], ids=" ".join
)
def test_pytest_that_cannot_run_is_bad_input(argv, run):
    code, out, err = run(*argv)

    assert (code, out) == (2, "")
    assert err.startswith("gradcheck: pytest could not run: ERROR: ")


@pytest.fixture
def answer(monkeypatch):
    """Puts words into the mouth of pytest, for the plugin's audit."""

    def put(code, **found):
        def pytest_(args, told=None):
            (path,) = [a.partition("=")[2] for a in args if a.startswith("--gradcheck-report=")]
            default = {"trials": [], "passed_over": {}, "red": [], "planted": 0, "caught": 0}
            with open(path, "w") as file:
                json.dump({"audit": {**default, **found}}, file)
            return subprocess.CompletedProcess(args, code, "", "")

        monkeypatch.setattr(cli_audit, "_pytest", pytest_)

    return put


CAUGHT = {"mistake": "sign", "block": "x", "where": "t", "caught": True}


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [
        ({"trials": [CAUGHT]}, 0, ""),
        ({"trials": [{**CAUGHT, "caught": False}]}, 1, ""),
        ({"trials": [CAUGHT], "red": ["t2"]}, 1, "fails without a mistake: t2"),
        ({"red": ["t2"]}, 1, "fails without a mistake: t2"),
        (
            {"trials": [CAUGHT], "passed_over": {"t2": "it fails when it is run again"}},
            1,
            "not audited, for it fails when it is run again: t2",
        ),
        (
            {"trials": [CAUGHT], "passed_over": {"t2": "it expects a wrong gradient"}},
            0,
            "not audited, for it expects a wrong gradient: t2",
        ),
        ({}, 3, ""),
    ],
)
def test_exit_code_tells_whether_all_was_caught_and_audited(found, code, words, run, answer):
    answer(0, **found)

    assert run("test_it.py")[0] == code
    assert words in run("test_it.py")[2]


def test_failure_of_a_test_that_checks_nothing_is_told(run):
    code, out, err = run("test_it.py::test_with_gradcheck", "test_it.py::test_red")

    assert code == 1
    assert out.endswith("planted mistakes were caught (100.0 %)\n")
    assert err.startswith("gradcheck: tests that check no gradient fail: ")
    assert err.count("\n") == 1
    assert run("test_it.py::test_red")[:2] == (
        1,
        "FAIL without any mistake planted: nothing was audited\n",
    )


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (["pytest", "tests"], ["tests"]),
        (["python", "-m", "pytest", "-q"], ["-q"]),
        (["tests", "pytest"], ["tests", "pytest"]),
        ([], []),
    ],
)
def test_name_of_pytest_is_no_argument_of_it(given, left):
    assert cli_audit._of_pytest(given) == left


@pytest.mark.parametrize(
    ("names", "plugin"), [({"gradcheck"}, "gradcheck"), (set(), "gradcheck.pytest_plugin")]
)
def test_plugin_is_loaded_whether_it_is_installed_or_not(names, plugin, monkeypatch):
    points = SimpleNamespace(names=names)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: command)

    command = cli_audit._pytest(["tests"])
    assert command[1:] == ["-m", "pytest", "-p", plugin, "tests"]
