"""``pytest --gradcheck-audit``: each gradcheck test run again with mistakes in its gradient.

A test that passed is run once more as it is, which shows the blocks of its gradients, and then
with each mistake of `mistakes` in each block: in all checks that it makes, whatever calls them.
It catches a mistake if it fails. An audit with survivors, or of nothing, makes the run fail.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from dataclasses import asdict
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from gradcheck import audit
from gradcheck.mistakes import Passing, Planted, Seen
from gradcheck.watch import watching

__all__ = ["Audit"]

SENT = "gradcheck_audit"
"""What a worker of pytest-xdist calls the trials that it sends."""


class Audit:
    """Runs tests again, and tells at the end what they have caught.

    Parameters
    ----------
    config : pytest.Config
    listener : callable
        The listener of a test, with its ``options`` and its ``record``; None without one.

    Attributes
    ----------
    trials : list of audit.Trial
    unsteady : list of str
        Tests that passed, and failed when they were run again as they are.
    """

    def __init__(self, config: pytest.Config, listener: Callable[[pytest.Item], Any]) -> None:
        self.config, self.listener = config, listener
        self.trials: list[audit.Trial] = []
        self.unsteady: list[str] = []
        self.auditing = False
        self.failed = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Audit a test after it was run."""
        result = yield
        listener = self.listener(item)
        if listener and listener.record.outcome == "passed" and listener.record.checks:
            self.auditing = True
            try:
                self._audit(item, nextitem, listener.options)
            finally:
                self.auditing = False
        return result

    def _audit(self, item: pytest.Item, nextitem: pytest.Item | None, options: Any) -> None:
        def is_red(passing: Passing) -> bool:
            self.failed = False
            test = getattr(item, "obj", None)
            with watching(_Deaf(options)), audit.planting(passing), audit.stopping(test):
                runtestprotocol(item, log=False, nextitem=nextitem)
            return self.failed

        def run(planted: Planted) -> bool:
            self._show(f"auditing {item.nodeid}: {planted.mistake.name}, in {planted.block}")
            return is_red(planted)

        seen = Seen()
        if is_red(seen):
            self.unsteady.append(item.nodeid)
        else:
            self.trials += audit.plant(run, seen.blocks, item.nodeid)
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
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if mistakes survive, or if there was nothing to audit."""
        sent = getattr(self.config, "workeroutput", None)
        if sent is not None:
            sent[SENT] = [asdict(trial) for trial in self.trials], self.unsteady
        elif session.exitstatus == pytest.ExitCode.OK:
            if not self.trials:
                session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
            elif self.unsteady or not all(trial.caught for trial in self.trials):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Receive what a worker of pytest-xdist has found."""
        trials, unsteady = getattr(node, "workeroutput", {}).get(SENT, ([], []))
        self.trials += [audit.Trial(**trial) for trial in trials]
        self.unsteady += unsteady

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the share caught, by kinds of mistake, and what survived."""
        terminalreporter.section("gradcheck audit")
        for line in audit.text(self.trials).splitlines():
            terminalreporter.line(line)
        for test in self.unsteady:
            terminalreporter.line(f"not audited, for it fails when it is run again: {test}")

    def to_dict(self) -> dict[str, Any]:
        """The audit as plain data."""
        return {**audit.to_dict(self.trials), "unsteady": self.unsteady}


class _Deaf:
    """Gives the options of a test's markers, and hears nothing."""

    def __init__(self, options: Any) -> None:
        self.options = options

    def hear(self, report: Any) -> None:
        pass


def _is_of_hypothesis(excinfo: pytest.ExceptionInfo[BaseException] | None) -> bool:
    """Whether Hypothesis complains by itself, of slow draws for instance."""
    errors = sys.modules.get("hypothesis.errors")
    return (
        excinfo is not None
        and errors is not None
        and isinstance(excinfo.value, errors.HypothesisException)
    )
