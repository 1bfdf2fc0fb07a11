"""``--gradcheck-audit``, in projects of a few tests that are run by themselves."""

import json
import os
import textwrap
from pathlib import Path

import hypothesis.control  # noqa: F401  loaded here, for runs in this process forget theirs
import pytest
from planted import only

import gradcheck.jacobian

pytest_plugins = ["pytester"]

MODEL = """
    import numpy as np
    import pytest
    from hypothesis import given, settings, strategies as st
    from gradcheck import assert_gradient, check_gradient, check_vjp

    def cost(p):
        return np.sum(np.tanh(p["W"] @ p["b"]))

    def grad(p):
        d = 1 - np.tanh(p["W"] @ p["b"]) ** 2
        return {"dW": d @ p["b"].T, "db": p["W"].T @ d}

    P = {"W": np.array([[0.3, -0.2], [0.5, 0.7]]), "b": np.array([[0.4], [0.9]])}
"""

STRONG = """
    def test_strong(gradcheck):
        gradcheck(cost, grad, P)
"""

WEAK = """
    @pytest.mark.gradcheck
    def test_weak():
        report = check_gradient(cost, grad, P)
        assert report.blocks["W"].verdict == "PASS"
"""


@pytest.fixture
def plugin(pytestconfig, monkeypatch):
    """Arguments that load the plugin, where it is not installed with the package."""
    monkeypatch.setenv("PYTHONPATH", str(Path(gradcheck.__file__).parents[1]), os.pathsep)
    installed = pytestconfig.pluginmanager.has_plugin("gradcheck")
    return () if installed else ("-p", "gradcheck.pytest_plugin")


FEW = ("sign", "keepdims forgotten", "relative error 1e-06")


@pytest.fixture
def audit(pytester, plugin):
    """Runs tests with an audit of few mistakes; gives the result and what the file holds."""

    def run(*parts, args=()):
        source = "\n".join(textwrap.dedent(part) for part in (MODEL, *parts))
        pytester.makepyfile(test_model=source)
        path = pytester.path / "report.json"
        result = pytester.runpytest_inprocess(
            *plugin, "--gradcheck-audit", f"--gradcheck-report={path}", *args
        )
        return result, json.loads(path.read_text())["audit"]

    with only(*FEW):
        yield run


def survivors(found):
    return {(t["mistake"], t["block"]) for t in found["trials"] if not t["caught"]}


def test_strong_test_catches_all(audit):
    result, found = audit(STRONG)

    assert result.ret == 0
    result.assert_outcomes(passed=1)
    assert found["caught"] == found["planted"] == 5
    assert {t["where"] for t in found["trials"]} == {"test_model.py::test_strong"}
    result.stdout.fnmatch_lines(
        ["*= gradcheck audit =*", "mistake*", "*planted mistakes were caught (100.0 %)"]
    )


def test_weak_test_is_told_what_it_lets_pass_and_the_run_fails(audit):
    result, found = audit(WEAK)

    assert result.ret == 1
    result.assert_outcomes(passed=1)
    assert {block for _, block in survivors(found)} == {"db"}
    assert ("relative error 1e-06", "db") in survivors(found)
    survived = "sign (db), keepdims forgotten (db), relative error 1e-06 (db)"
    result.stdout.fnmatch_lines([f"survived test_model.py::test_weak: {survived}"])
    result.stdout.fnmatch_lines(["the audit failed: planted mistakes that were not caught: 3"])


def test_property_test_is_left_at_its_first_failure(audit):
    counting = """
        calls = []

        @pytest.mark.gradcheck
        @settings(max_examples=5, database=None)
        @given(st.floats(0.5, 1))
        def test_drawn(size):
            calls.append(size)
            assert_gradient(cost, grad, {"W": size * P["W"], "b": P["b"]})

        def test_count():
            assert len(calls) == 15, "5 as they are, 5 again, and one for each mistake"
    """
    result, found = audit(counting)

    assert result.ret == 0
    assert found["caught"] == found["planted"]


def test_test_without_marker_or_fixture_is_audited_if_it_checks(audit):
    unmarked = """
        def test_unmarked():
            assert check_gradient(cost, grad, P)

        def test_nothing():
            pass
    """
    result, found = audit(unmarked)

    assert result.ret == 0
    assert {t["where"] for t in found["trials"]} == {"test_model.py::test_unmarked"}


def test_options_of_the_marker_hold_when_the_test_is_run_again(audit):
    options = """
        @pytest.mark.gradcheck(wrt="W")
        def test_options():
            assert check_gradient(cost, grad, P)
    """
    _, found = audit(options)

    assert {block for _, block in survivors(found)} == {"db"}


def test_fixtures_are_made_anew_for_each_mistake(audit):
    fresh = """
        @pytest.fixture
        def point():
            yield {name: array.copy() for name, array in P.items()}

        def test_spoils(gradcheck, point):
            assert point["W"][0, 0] == 0.3
            point["W"][0, 0] = 0.1
            gradcheck(cost, grad, point)
    """
    result, found = audit(fresh)

    assert result.ret == 0
    assert found["passed_over"] == {}


def test_what_cannot_be_audited_is_named(audit):
    odd = """
        def test_expects_wrong(gradcheck):
            with pytest.raises(AssertionError):
                gradcheck(cost, lambda p: {"dW": -P["W"], "db": P["b"]}, P)

        ran = []

        def test_once(gradcheck):
            gradcheck(cost, grad, P)
            ran.append(1)
            assert len(ran) == 1

        def test_red(gradcheck):
            gradcheck(cost, lambda p: {"dW": -P["W"], "db": P["b"]}, P)

        def test_breaks(gradcheck):
            raise ValueError

        @pytest.mark.xfail
        def test_xfails(gradcheck):
            gradcheck(cost, lambda p: {"dW": -P["W"], "db": P["b"]}, P)
    """
    result, found = audit(odd)

    assert result.ret == 1
    assert found["trials"] == []
    assert found["passed_over"] == {
        "test_model.py::test_expects_wrong": "it expects a wrong gradient",
        "test_model.py::test_once": "it fails when it is run again",
    }
    assert found["red"] == ["test_model.py::test_red", "test_model.py::test_breaks"]
    result.stdout.fnmatch_lines(
        [
            "nothing was audited",
            "not audited, for it fails when it is run again: *::test_once",
            "not audited, for it fails without a mistake: *::test_red",
            "not audited, for it fails without a mistake: *::test_breaks",
        ]
    )


def test_audit_of_nothing_is_no_success(audit):
    result, _ = audit("def test_nothing(): pass")

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_complaint_of_hypothesis_is_no_catch(audit):
    slow = """
        @pytest.mark.gradcheck
        @settings(max_examples=3, database=None)
        @given(st.floats(0.5, 1))
        def test_assumes(size):
            from hypothesis import assume
            report = check_gradient(cost, grad, P)
            assume(report.blocks["W"].verdict == "PASS")
    """
    _, found = audit(slow)

    assert {block for _, block in survivors(found)} == {"dW", "db"}
    assert found["caught"] == 0


def test_workers_of_xdist_send_what_they_find(audit):
    pytest.importorskip("xdist")
    result, found = audit(STRONG, args=("-n", "1"))

    assert result.ret == 0
    assert found["caught"] == found["planted"] == 39, "the worker knows all mistakes"
    result.stdout.fnmatch_lines(["*planted mistakes were caught*"])


def test_without_the_option_nothing_is_run_again(pytester, plugin):
    pytester.makepyfile("def test(gradcheck): pass")
    result = pytester.runpytest_inprocess(*plugin)

    assert result.ret == 0
    assert "audit" not in result.stdout.str()
