"""The pytest plugin: marker and fixture `gradcheck`, failures to read, a summary and a report.

What comes in are the reports of checks that tests make, through `gradcheck.watch`. Of each
test that asks for checks one `Record` rides on pytest's report of its teardown, so that it
reaches the summary from the workers of pytest-xdist too. docs/pytest.md is for users.

pytest loads this module in every run, before a measurement of coverage may have begun: what it
needs of the package and of NumPy is therefore loaded by the first test that makes a check.
PYTEST_DONT_REWRITE: it asserts nothing, and some import it before pytest does.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gradcheck.report import GradientReport

__all__: list[str] = []

NAME = "gradcheck"
"""Of the marker, the fixture, the section of the summary and the data on pytest's reports."""

AUDIT = f"{NAME}-audit"

VERDICTS = ("PASS", "FAIL", "INCONCLUSIVE")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup(NAME, "checks of gradients")
    group.addoption(
        "--gradcheck-report",
        metavar="FILE",
        help="write what was checked, in full, to FILE.html or FILE.json, in a folder that is "
        "made where it is missing",
    )
    group.addoption(
        "--gradcheck-audit",
        action="store_true",
        help="run each test that checks a gradient again with known mistakes planted in it, and "
        "tell which of them it catches",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the summary unless this is a worker of pytest-xdist."""
    config.addinivalue_line(
        "markers",
        "gradcheck(**options): compares gradients with numerical derivatives; the options, such "
        "as resolution=1e-4, are defaults of every check in the test",
    )
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Summary(config), f"{NAME}-summary")
    if config.getoption("gradcheck_audit"):
        from gradcheck.audit.tests import Audit

        audit = Audit(config, lambda item: item.stash.get(LISTENER, None) if asks(item) else None)
        config.pluginmanager.register(audit, AUDIT)


@pytest.fixture(scope="session", name=NAME)
def fixture() -> Callable[..., GradientReport]:
    """Raise unless a gradient agrees with numerical derivatives: gradcheck.assert_gradient."""
    # Of the session, since Hypothesis warns of fixtures that would be shared by all examples.
    from gradcheck.check import assert_gradient

    return assert_gradient


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let `-m gradcheck` and `-k gradcheck` find every test that asks for checks."""
    wants = NAME in getattr(item, "fixturenames", ())
    wants |= getattr(getattr(item, "obj", None), "__gradcheck__", False) is True
    if wants and not asks(item):
        item.add_marker(NAME)


def asks(item: pytest.Item) -> bool:
    """Whether a test has the marker, or the fixture."""
    return item.get_closest_marker(NAME) is not None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Hear of the checks that a test makes, with its fixtures."""
    # Other tests may make checks as well if their modules have loaded what makes them.
    if not asks(item) and "gradcheck.watch" not in sys.modules:
        return (yield)
    from gradcheck.watch import watching

    item.stash[LISTENER] = Listener(item)
    with watching(item.stash[LISTENER]):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin a new record, also where a test is run again."""
    listener = item.stash.get(LISTENER, None)
    if listener:
        listener.begin()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a wrong gradient by its report alone, and send the record of the test."""
    report = yield
    listener = item.stash.get(LISTENER, None)
    unsettled = listener.unsettled if listener else []
    told = False
    if call.excinfo and "gradcheck.errors" in sys.modules:
        from gradcheck.pytest_failures import readable, told_errors

        errors = told_errors(call.excinfo.value, unsettled)
        told = bool(errors)
        if listener:
            names = [type(error.error).__name__ for error in errors]
            listener.record.unchecked = "GradientUnchecked" in names
        if told and not item.config.getoption("fulltrace", False):
            report.longrepr = readable(errors, item)
    if listener and asks(item):
        listener.follow(report)
        if report.failed and report.when == "call" and unsettled and not told:
            report.sections.append((NAME, str(unsettled[-1])))
    return report


@dataclasses.dataclass
class Record:
    """What was checked in one test, as data that any process can take.

    Attributes
    ----------
    test : str
        The test's node ID.
    place : tuple of str and int
        File and line, to sort by.
    outcome : str
        ``passed``, ``failed``, ``error``, ``skipped``, ``xfailed`` or ``xpassed``.
    ran : bool
        Whether the test itself was entered, and not skipped.
    duration : float
        Seconds, without set-up and teardown.
    checks, entries, evaluations : int
        Checks that ended, numbers that they compared, calls of the costs.
    examples : int
        Examples of Hypothesis in which something was checked.
    decided : int
        Checks that found something wrong, or passed at least one entry.
    verdicts : dict of str to int
        Number of checks with each verdict.
    unchecked : bool
        Whether it failed since too few of its draws could be checked.
    resolution : float, optional
        Coarsest of the checks; None if no entry passed.
    reports : list of str
        Each report as JSON, if a file is to be written.
    """

    test: str
    place: tuple[str, int]
    outcome: str = ""
    ran: bool = False
    duration: float = 0.0
    checks: int = 0
    entries: int = 0
    evaluations: int = 0
    examples: int = 0
    decided: int = 0
    verdicts: dict[str, int] = dataclasses.field(default_factory=dict)
    unchecked: bool = False
    resolution: float | None = None
    reports: list[str] = dataclasses.field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether the test was run and nothing was really checked."""
        return self.ran and not self.decided

    @property
    def rejects(self) -> bool:
        """Whether it passes as a property test does: some draws were left out as inconclusive."""
        kinds = {verdict for verdict, count in self.verdicts.items() if count}
        return self.outcome == "passed" and self.examples > 0 and kinds == {"PASS", "INCONCLUSIVE"}

    @property
    def verdict(self) -> str:
        """The worst verdict that counts; empty if there is none."""
        if self.unchecked:
            return "INCONCLUSIVE"
        found = [v for v in ("FAIL", "INCONCLUSIVE", "PASS") if self.verdicts.get(v)]
        return "PASS" if self.rejects else found[0] if found else ""

    @property
    def faulty(self) -> bool:
        """Whether somebody has to look at it."""
        return self.empty or self.outcome in ("failed", "error")

    @property
    def remark(self) -> str:
        """What its numbers do not say."""
        if self.empty:
            return "EMPTY: nothing was really checked"
        if self.rejects:
            count = self.verdicts["INCONCLUSIVE"]
            return f"{count} of {self.checks} draws ({count / self.checks:.0%}) inconclusive"
        if self.unchecked:
            return "too few draws could be checked"
        if self.outcome == "passed" and self.verdict == "FAIL":
            return "expected, or not asserted"
        return ""

    def add(self, report: GradientReport) -> None:
        """Count one check."""
        from gradcheck.verdict import Verdict

        passed = any(block.count(Verdict.PASS) for block in report.blocks.values())
        verdict = str(report.verdict)
        self.checks += 1
        self.entries += report.entries
        self.evaluations += report.evaluations
        self.decided += passed or report.verdict == Verdict.FAIL
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1
        if not math.isnan(report.resolution):
            self.resolution = max(self.resolution or 0.0, report.resolution)

    def to_dict(self) -> dict[str, Any]:
        """The record for the file, as docs/pytest.md describes it."""
        names = ("test", "outcome", "duration", "examples")
        data = {name: getattr(self, name) for name in names}
        return {**data, "empty": self.empty, "checks": [json.loads(r) for r in self.reports]}


class Listener:
    """Hears of the checks of one test.

    Attributes
    ----------
    options : dict
        Options of the test's markers; the closest one wins.
    record : Record
    unsettled : list of GradientReport
        Those that did not pass, of those with the same verdict the last.
    """

    def __init__(self, item: pytest.Item) -> None:
        self.item = item
        self.options: Mapping[str, Any] = {}
        self.keeps_reports = asks(item) and item.config.getoption("gradcheck_report") is not None
        self._new_record()

    def _new_record(self) -> None:
        path, line, _ = self.item.location
        self.record = Record(self.item.nodeid, (path, line or 0))
        self.unsettled: list[GradientReport] = []
        self.example: object = None

    def begin(self) -> None:
        """Start anew; fails the test if its marker has options that no check knows."""
        self._new_record()
        self.options = options_of(self.item)

    def hear(self, report: GradientReport) -> None:
        """Take the report of a check."""
        self.record.add(report)
        example = current_example()
        self.record.examples += example is not None and example is not self.example
        self.example = example
        self._note(report)
        if self.keeps_reports:
            self.record.reports.append(report.to_json(indent=None))

    def amend(self, report: GradientReport) -> None:
        """Take a report in place of the last, which says less."""
        self._note(report)
        if self.keeps_reports:
            self.record.reports[-1:] = [report.to_json(indent=None)]

    def _note(self, report: GradientReport) -> None:
        if not report:
            others = [r for r in self.unsettled if r.verdict != report.verdict]
            self.unsettled = [*others, report]

    def follow(self, report: pytest.TestReport) -> None:
        """Note how the test went, and at its end send the record with pytest's report."""
        record = self.record
        record.outcome = outcome_after(record.outcome, report)
        if report.when == "call":
            record.ran = record.outcome != "skipped"
            record.duration = report.duration
        if report.when == "teardown":
            report.__dict__[NAME] = dataclasses.asdict(record)


LISTENER = pytest.StashKey[Listener]()


def outcome_after(before: str, report: pytest.TestReport) -> str:
    """Outcome of a test after one more of its phases."""
    if hasattr(report, "wasxfail"):
        return "xpassed" if report.passed else "xfailed"
    if report.when == "call" or report.skipped:
        return str(report.outcome)
    if report.failed:
        return before if before == "failed" else "error"
    return before or "passed"


def options_of(item: pytest.Item) -> dict[str, Any]:
    """Options of the markers of a test, after a look whether they exist."""
    marks = list(item.iter_markers(NAME))
    if not any(mark.args or mark.kwargs for mark in marks):
        return {}
    check = import_module("gradcheck.check")
    known = [
        name
        for function in (check.check_gradient, check.assert_gradient)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind == parameter.KEYWORD_ONLY
    ]
    for mark in marks:
        wrong = [*map(repr, mark.args), *(f"{k}=" for k in mark.kwargs if k not in known)]
        if wrong:
            names = [name for k in mark.kwargs for name in difflib.get_close_matches(k, known, 1)]
            near = [name for name in names if name not in mark.kwargs]
            meant = f"; did you mean {', '.join(f'{n}=' for n in near)}?" if near else ""
            pytest.fail(
                f"the marker `gradcheck` got {', '.join(wrong)}, "
                f"expected options by name, of {', '.join(sorted(set(known)))}{meant}",
                pytrace=False,
            )
    return {k: v for mark in reversed(marks) for k, v in mark.kwargs.items()}


def current_example() -> object | None:
    """What stands for the example that Hypothesis is running; None outside of one."""
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is None or not hypothesis.currently_in_test_context():
        return None
    example: object = sys.modules["hypothesis.control"].current_build_context()
    return example


class Summary:
    """Gathers the records of all tests, prints the summary, writes the file.

    Raises
    ------
    pytest.UsageError
        If the file cannot be written.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.received: dict[str, Record] = {}
        self.path, self.render = destination(config)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Receive what a test has sent; if it was run again, the last run counts."""
        sent = getattr(report, NAME, None)
        if sent is not None:
            record = Record(**{**sent, "place": tuple(sent["place"])})
            self.received[record.test] = record

    @property
    def records(self) -> list[Record]:
        """Records in the order of the tests, whichever worker ran them when."""
        return sorted(self.received.values(), key=lambda record: (record.place, record.test))

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        if self.path and not self.config.getoption("collectonly", False):
            data = to_dict(self.records)
            audit = self.config.pluginmanager.get_plugin(AUDIT)
            if audit:
                data["audit"] = audit.to_dict()
            self.path.write_text(self.render(data), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the section, if any test asked for checks."""
        records = [r for r in self.records if r.ran or r.checks or r.outcome == "error"]
        if not records:
            return
        terminalreporter.write_sep("=", NAME)
        verbose = self.config.getoption("verbose", 0) > 0
        rows = [r for r in records if verbose or r.faulty or r.verdict != "PASS" or r.remark]
        if not verbose:
            rows.sort(key=lambda record: not record.faulty)
        for line, markup in [*table(rows), *totals(records)]:
            terminalreporter.write_line(line, **markup)
        if self.path:
            from gradcheck.pytest_failures import shown

            terminalreporter.write_line(f"written to {shown(str(self.path), self.config)}")


def table(records: list[Record]) -> Iterator[tuple[str, dict[str, bool]]]:
    """A line for each test, with its colour."""
    if records:
        yield "outcome  verdict       checks   entries  resolution  test", {}
    for record in records:
        resolution = "-" if record.resolution is None else f"{record.resolution:.1e}"
        line = (
            f"{record.outcome:7}  {record.verdict or '-':12}  {record.checks:6}  "
            f"{record.entries:8}  {resolution:>10}  {record.test}  {record.remark}"
        )
        yield line.rstrip(), {"red": record.faulty}


def totals(records: list[Record]) -> Iterator[tuple[str, dict[str, bool]]]:
    """What all tests did together, line by line, with its colour."""
    data = to_dict(records)["summary"]
    counts = [
        counted(data["checks"], "check"),
        counted(data["entries"], "entry", "entries"),
        counted(data["examples"], "example"),
        counted(data["evaluations"], "evaluation"),
    ]
    verdicts = ", ".join(f"{n} {verdict}" for verdict, n in data["verdicts"].items())
    yield f"{', '.join(counts)}: {verdicts}", {}
    resolved = [record for record in records if record.resolution is not None]
    if resolved:
        coarsest = max(resolved, key=lambda record: record.resolution or 0.0)
        yield f"coarsest resolution {coarsest.resolution:.1e} in {coarsest.test}", {}
    slowest = max(records, key=lambda record: record.duration)
    yield f"slowest {slowest.duration:.2f} s in {slowest.test}", {}
    empty = len(data["empty"])
    if empty:
        which = "1 test is empty" if empty == 1 else f"{empty} tests are empty"
        yield f"{which}: nothing was really checked there", {"red": True}


def counted(n: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def to_dict(records: list[Record]) -> dict[str, Any]:
    """All records as plain data, for the file."""
    verdicts: Counter[str] = Counter()
    for record in records:
        verdicts.update(record.verdicts)
    resolutions = [r.resolution for r in records if r.resolution is not None]
    ran = [record for record in records if record.ran]
    return {
        "schema": 1,
        "summary": {
            "tests": len(records),
            "checks": sum(record.checks for record in records),
            "entries": sum(record.entries for record in records),
            "examples": sum(record.examples for record in records),
            "evaluations": sum(record.evaluations for record in records),
            "verdicts": {verdict: verdicts[verdict] for verdict in VERDICTS},
            "resolution": max(resolutions, default=None),
            "slowest": max(ran, key=lambda record: record.duration).test if ran else None,
            "empty": [record.test for record in records if record.empty],
        },
        "tests": [record.to_dict() for record in records],
    }


def to_json(data: dict[str, Any]) -> str:
    """The file's text as JSON."""
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


Render = Callable[[dict[str, Any]], str]


def destination(config: pytest.Config) -> tuple[Path | None, Render]:
    """Where the report goes, and what makes its text; complains before any test is run."""
    name = config.getoption("gradcheck_report")
    if name is None:
        return None, to_json
    path = config.invocation_params.dir / Path(name).expanduser()
    render: Render = to_json
    if path.suffix.lower() == ".html":
        render = html_page()
    elif path.suffix.lower() != ".json":
        raise pytest.UsageError(
            f"--gradcheck-report={name}: expected a name that ends in .html or .json"
        )
    try:
        prepare(path)
    except OSError as error:
        raise pytest.UsageError(
            f"--gradcheck-report={name}: cannot write there: {error.strerror}: {error.filename}"
        ) from error
    return path, render


def prepare(path: Path) -> None:
    """Make the folder of a file; raises OSError if the file cannot be written."""
    with suppress(FileExistsError):  # a file in the place of the folder: opening says so
        path.parent.mkdir(parents=True, exist_ok=True)
    existed = path.exists()
    path.open("a").close()
    if not existed:
        path.unlink()


def html_page() -> Render:
    """What makes a page of the data."""
    try:
        page: Render = import_module("gradcheck.views.html").page
    except ImportError as error:
        raise pytest.UsageError(
            f"--gradcheck-report: no HTML can be written here ({error}): "
            "pip install 'gradcheck[html]', or choose .json"
        ) from error
    return page
