"""``pytest --gradcheck-audit``: each gradcheck test run again with mistakes in its gradient.

A test that passed is run once more as it is, which shows the blocks of its gradients, and then
with each mistake of `mistakes` in each block: in all checks that it makes, whatever calls them.
It catches a mistake if it fails. An audit with survivors, or of nothing, makes the run fail.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from gradcheck import audit
from gradcheck.audit.mistakes import Passing, Planted, Seen
from gradcheck.views.audited import RED
from gradcheck.watch import watching

__all__ = ["Audit"]

SENT = "gradcheck_audit"
"""What a worker of pytest-xdist calls the trials that it sends."""

UNSTEADY = "it fails when it is run again"
EXPECTS_WRONG = "it expects a wrong gradient"


class Audit:
    """Runs tests again, and tells at the end what they have caught.

    Parameters
    ----------
    config : pytest.Config
    listener : callable
        The listener of a test, with its ``options`` and its ``record``; None if the test has
        neither marker nor fixture.

    Attributes
    ----------
    trials : list of audit.Trial
    passed_over : dict of str to str
        Tests that make checks and were not audited, with the reason.
    red : list of str
        Tests that check, or ask for it, and fail as they are.
    """

    def __init__(self, config: pytest.Config, listener: Callable[[pytest.Item], Any]) -> None:
        self.config, self.listener = config, listener
        self.trials: list[audit.Trial] = []
        self.passed_over: dict[str, str] = {}
        self.red: list[str] = []
        self.auditing = False
        self.failed = False
        self.green, self.broken = True, False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Audit a test after it was run, if it makes checks and passes."""
        listener = self.listener(item)
        ears = _Ears({})
        self.green, self.broken = True, False
        with nullcontext() if listener else watching(ears):
            result = yield
        checks = listener.record.checks if listener else ears.checks
        wrong = listener.record.verdicts.get("FAIL", 0) if listener else ears.wrong
        if self.broken:
            self.red += [item.nodeid] if checks or listener else []
        elif not self.green:
            pass  # skipped, or expected to fail
        elif wrong:
            self.passed_over[item.nodeid] = EXPECTS_WRONG
        elif checks:
            self.auditing = True
            try:
                self._audit(item, nextitem, listener.options if listener else {})
            finally:
                self.auditing = False
        return result

    def _audit(self, item: pytest.Item, nextitem: pytest.Item | None, options: Any) -> None:
        def is_red(passing: Passing) -> bool:
            self.failed = False
            test = getattr(item, "obj", None)
            with watching(_Ears(options)), audit.planting(passing), audit.stopping(test):
                runtestprotocol(item, log=False, nextitem=nextitem)
            return self.failed

        def run(planted: Planted) -> bool:
            self._show(f"auditing {item.nodeid}: {planted.mistake.name}, in {planted.block}")
            return is_red(planted)

        seen = Seen()
        if is_red(seen):
            self.passed_over[item.nodeid] = UNSTEADY
        else:
            self.trials += audit.plant(run, seen.places, item.nodeid)
        self._show("")

    def _show(self, text: str) -> None:
        """Say on a terminal what goes on, in the line that is being written."""
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and reporter.isatty and not hasattr(self.config, "workerinput"):
            reporter.rewrite(text[: reporter._tw.fullwidth - 1], erase=True)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note whether the test that is being audited fails."""
        report = yield
        if self.auditing and report.failed and not _is_of_hypothesis(call.excinfo):
            self.failed = True
        self.broken |= report.failed
        self.green &= report.passed and not hasattr(report, "wasxfail")
        return report

    @property
    def failure(self) -> str:
        """Why the run fails though its tests pass; empty if it does not."""
        if not self.trials:
            return "nothing was audited"
        survivors = sum(not trial.caught for trial in self.trials)
        unsteady = list(self.passed_over.values()).count(UNSTEADY)
        reasons = [
            f"planted mistakes that were not caught: {survivors}" if survivors else "",
            f"tests that fail when they are run again: {unsteady}" if unsteady else "",
        ]
        return ", ".join(filter(None, reasons))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if mistakes survive, or if there was nothing to audit."""
        sent = getattr(self.config, "workeroutput", None)
        if sent is not None:
            sent[SENT] = [asdict(t) for t in self.trials], self.passed_over, self.red
        elif session.exitstatus == pytest.ExitCode.OK and self.failure:
            empty, failed = pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.TESTS_FAILED
            session.exitstatus = failed if self.trials else empty

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Receive what a worker of pytest-xdist has found."""
        trials, passed_over, red = getattr(node, "workeroutput", {}).get(SENT, ([], {}, []))
        self.trials += [audit.Trial(**trial) for trial in trials]
        self.passed_over |= passed_over
        self.red += red

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the share caught, by kinds of mistake, and what survived."""
        terminalreporter.section("gradcheck audit")
        for line in audit.text(self.trials).splitlines():
            terminalreporter.line(line)
        for test, why in [*self.passed_over.items(), *((test, RED) for test in self.red)]:
            terminalreporter.line(f"not audited, for {why}: {test}")
        if self.trials and self.failure:
            terminalreporter.line(f"the audit failed: {self.failure}", red=True)

    def to_dict(self) -> dict[str, Any]:
        """The audit as plain data."""
        return {
            **audit.to_dict(self.trials),
            "passed_over": self.passed_over,
            "red": self.red,
        }


class _Ears:
    """Gives the options of a test's markers to its checks, and counts them."""

    def __init__(self, options: Any) -> None:
        self.options = options
        self.checks = self.wrong = 0

    def hear(self, report: Any) -> None:
        self.checks += 1
        self.wrong += str(report.verdict) == "FAIL"

    def amend(self, report: Any) -> None:
        """It is counted already."""


def _is_of_hypothesis(excinfo: pytest.ExceptionInfo[BaseException] | None) -> bool:
    """Whether Hypothesis complains by itself, of slow draws for instance."""
    errors = sys.modules.get("hypothesis.errors")
    return (
        excinfo is not None
        and errors is not None
        and isinstance(excinfo.value, errors.HypothesisException)
    )
