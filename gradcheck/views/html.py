"""Reports as one page that needs nothing else: no network, no scripts, no fonts.

>>> from gradcheck import check_gradient
>>> report = check_gradient(lambda x: np.sum(x**2), lambda x: 3 * x, np.array([1.0, -2.0]))
>>> write("gradients.html", report)  # doctest: +SKIP

`page` takes one report, several, several by name, or what the pytest plugin writes as JSON. It
sees the data of `GradientReport.to_dict` alone, so that a page can be made anywhere from a JSON
file. Needs Jinja2: ``pip install 'gradcheck[html]'``.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from gradcheck import __version__
from gradcheck.errors import InvalidType
from gradcheck.reasons import REASONS
from gradcheck.report import SAID as TOLD_BY_FINDING
from gradcheck.text import COULD_PASS
from gradcheck.views import svg
from gradcheck.views.audited import AuditView
from gradcheck.views.pictures import (
    DARK,
    EXTRAPOLATED,
    LIGHT,
    StepCurve,
    colours,
    described,
    panels,
    step_curve,
    summarised,
    worst_place,
)

__all__ = ["fragment", "page", "write"]

PICTURED = 8
"""Blocks of one check that are drawn."""

TOLD = 3
"""Checks of one test that are told in full; of examples of Hypothesis the last alone."""

LISTED = 40
"""Blocks of one check that are listed."""

RANK = ["FAIL", "INCONCLUSIVE", "", "PASS"]
"""Verdicts in the order of their weight; the empty one is that of nothing."""

NONE = "\u2013"
"""Stands where there is no number."""

SYMBOLS = {"PASS": "✓", "FAIL": "✗", "INCONCLUSIVE": "?", "": NONE}
"""Beside each verdict, for whom its colour does not tell."""


@dataclass(frozen=True)
class BlockView:
    """One block that does not pass."""

    name: str
    data: Mapping[str, Any]

    @cached_property
    def heat_map(self) -> svg.HeatMap | None:
        """What is drawn of its errors."""
        if not self.data.get("errors"):
            return None
        return svg.heat_map(panels(self.data), worst_place(self.data))

    @property
    def described(self) -> str:
        """The heat map in words."""
        return described(self.data)

    @property
    def mixed(self) -> bool:
        """Whether some entries are decided and others are not."""
        letters = set(self.data["verdicts"])
        return bool(letters & {"I", "K"}) and not letters <= {"I", "K"}

    @property
    def crossed(self) -> str:
        """Why entries have no relative error."""
        worst = self.data["worst"]
        if worst["analytic"] is None:
            return "not finite"
        return "not finite, or wrong at a kink" if worst["left"] is None else "wrong at a kink"

    @property
    def summarised(self) -> str:
        """What is not drawn of it."""
        return summarised(self.data)

    @cached_property
    def curve(self) -> StepCurve | None:
        """The numbers of its step curve."""
        return step_curve(self.data.get("curve"))

    @property
    def plot(self) -> svg.Plot | None:
        """What is drawn of its step curve."""
        return svg.plot(self.curve) if self.curve else None


@dataclass(frozen=True)
class CheckView:
    """One report."""

    data: Mapping[str, Any]
    title: str = ""

    @property
    def verdict(self) -> str:
        """Of the check."""
        return str(self.data["verdict"])

    @property
    def headline(self) -> str:
        """The first sentence of the report, without its verdict."""
        return _without_verdict(_first_sentence(self.data["text"].splitlines())[0])

    @property
    def shrunk(self) -> str:
        """Of what draw the rest of the report is, if the headline is of a larger one."""
        if not self.data.get("larger"):
            return ""
        _, (sentence, *rest) = _first_sentence(self.data["text"].splitlines())
        said = _without_verdict(_first_sentence(rest)[0])
        return f"Above is what a larger draw says. Below is {sentence} {said}"

    @property
    def code(self) -> str:
        """The finding that the headline tells, or the kind of mistake."""
        found = re.match(r"[A-Z]+\[([\w-]+)\]", self.data["text"])
        if found:
            return found[1]
        told = [d for d in self.data["diagnoses"] if d["sentence"] in self.headline]
        return told[0]["kind"] if told else ""

    @property
    def causes(self) -> list[Mapping[str, Any]]:
        """Diagnoses, but for those of which a finding has said all."""
        told = {finding["block"] for finding in self.errors}
        every = self.data["diagnoses"]
        found = [d for d in every if d["block"] not in told or d["kind"] not in TOLD_BY_FINDING]
        # That nothing explains a block is said once, and only if nothing else is.
        explained = [d for d in found if d["kind"] != "unexplained"]
        return explained or ([] if self.errors else found[:1])

    @cached_property
    def blocks(self) -> list[tuple[str, Mapping[str, Any]]]:
        """All blocks or, of very many, those to be listed."""
        found = list(self.data["blocks"].items())
        if len(found) > LISTED:
            found.sort(key=lambda item: RANK.index(item[1]["verdict"]))
        return found[:LISTED]

    @property
    def unlisted(self) -> int:
        """Blocks that are not listed."""
        return len(self.data["blocks"]) - len(self.blocks)

    @cached_property
    def drawable(self) -> list[BlockView]:
        """Blocks with entries that do not pass, the failing ones first."""
        found = [
            BlockView(name, block)
            for name, block in self.data["blocks"].items()
            if set(block.get("verdicts") or "P") != {"P"}
        ]
        return sorted(found, key=lambda view: RANK.index(view.data["verdict"]))

    @property
    def pictured(self) -> list[BlockView]:
        """Those that are drawn at once."""
        return [view for view in self.drawable if view not in self.inheriting][:PICTURED]

    @property
    def inheriting(self) -> list[BlockView]:
        """Those that are wrong for what they are made from, drawn on request."""
        wrong = self.data["inherited"]
        found = [v for v in self.drawable if v.data["label"] in wrong or f"d{v.name}" in wrong]
        return found[:PICTURED]

    @property
    def undrawn(self) -> int:
        """Number of the others."""
        return len(self.drawable) - len(self.pictured) - len(self.inheriting)

    @property
    def unclear(self) -> bool:
        """Whether any entry is not decided."""
        return any(block["inconclusive"] for block in self.data["blocks"].values())

    @property
    def equations(self) -> list[tuple[str, Markup]]:
        """The wrong equations, each with its wrong term marked."""
        terms = self.data["terms"]
        return [
            (name, _marked(text, terms.get(name, "")))
            for name, text in self.data["equations"].items()
        ]

    @property
    def marked(self) -> bool:
        """Whether any term is marked."""
        return any("<mark>" in text for _, text in self.equations)

    @property
    def errors(self) -> list[Mapping[str, Any]]:
        """Findings that make the check fail."""
        return [f for f in self.data["findings"] if f["severity"] == "error"]

    @property
    def warnings(self) -> list[Mapping[str, Any]]:
        """The others."""
        return [f for f in self.data["findings"] if f["severity"] != "error"]


@dataclass(frozen=True)
class TestView:
    """A test, or whatever has a name, with its checks."""

    name: str
    checks: list[CheckView]
    anchor: str = ""
    outcome: str = ""
    examples: int = 0
    empty: bool = False

    @property
    def verdict(self) -> str:
        """The worst of the checks that count; empty if there is none."""
        return "PASS" if self.rejected else _worst(self.checks)

    @property
    def rejected(self) -> int:
        """Draws that a property test which passes has left out as inconclusive."""
        counts = Counter(check.verdict for check in self.checks)
        passes = self.outcome == "passed" and counts["PASS"] and not counts["FAIL"]
        return counts["INCONCLUSIVE"] if passes and self.examples else 0

    @property
    def entries(self) -> int:
        """Numbers that were compared."""
        return sum(check.data["entries"] for check in self.checks)

    @property
    def resolution(self) -> float | None:
        """Coarsest of the checks."""
        return _coarsest(self.checks)

    @property
    def expected(self) -> bool:
        """Whether a check did not pass and the test did, or was not to."""
        fine = self.outcome in ("passed", "xfailed", "skipped") and not self.empty
        return fine and self.verdict in ("FAIL", "INCONCLUSIVE")

    @property
    def kind(self) -> str:
        """How it counts among many, of those in `SAID`."""
        if self.expected:
            return "expected"
        failed = self.outcome in ("failed", "error")
        return "otherwise" if failed and self.verdict == "PASS" else self.verdict

    @property
    def settled(self) -> bool:
        """Whether nothing about it needs to be read."""
        if self.outcome in ("skipped", "") and not self.checks:
            return True
        return self.verdict == "PASS" and not self.empty and self.outcome in ("", "passed")

    @cached_property
    def _open(self) -> list[CheckView]:
        return [check for check in self.checks if check.verdict != "PASS"]

    @property
    def told(self) -> list[CheckView]:
        """The checks that are shown in full."""
        # Hypothesis shrinks a failure: its last example is the one to read.
        return self._open[-1:] if self.examples > 1 else self._open[:TOLD]

    @property
    def left_out(self) -> int:
        """Further checks that do not pass."""
        return len(self._open) - len(self.told)


def page(data: Any) -> str:
    """A page of HTML about one check or many.

    Parameters
    ----------
    data : GradientReport, sequence or mapping
        A report or the data of one; a sequence of such; a mapping of names to reports or to
        sequences of them; or the data of ``--gradcheck-report``.

    Returns
    -------
    str

    Raises
    ------
    InvalidType
        If it is something else.
    """
    tests = _tests(data)
    checks = [check for test in tests for check in test.checks]
    single = checks[0] if len(tests) == len(checks) == 1 and not tests[0].name else None
    found = data.get("audit") if isinstance(data, Mapping) and _is_session(data) else None
    audit = AuditView(found) if found else None
    ordered = sorted(tests, key=lambda test: RANK.index(test.verdict))
    unsettled = [test for test in ordered if not test.settled]
    judged = [test.verdict for test in tests if test.checks and not test.expected]
    missed = audit is not None and audit.verdict == "FAIL"
    return (
        _environment()
        .get_template("page.html")
        .render(
            tests=[test for test in unsettled if not test.expected],
            expected=[test for test in unsettled if test.expected],
            settled=[test for test in tests if test.settled],
            outcomes=any(test.outcome for test in tests),
            single=single,
            audit=audit,
            verdict="FAIL" if missed else _of_all(judged, checks),
            headline=single.headline if single else _headline(tests, audit),
            facts=_facts(tests, checks),
            version=__version__,
        )
    )


def write(path: Any, data: Any) -> None:
    """Write a page to a file.

    Parameters
    ----------
    path : str or path
    data : GradientReport, sequence or mapping
        As for `page`.
    """
    Path(path).write_text(page(data), encoding="utf-8")


def fragment(report: Any) -> str:
    """A report as HTML to stand in another page, such as a notebook.

    Parameters
    ----------
    report : GradientReport
    """
    return _environment().get_template("fragment.html").render(view=_check(report))


def _tests(data: Any) -> list[TestView]:
    """Whatever `page` takes, as tests."""
    if isinstance(data, Mapping) and _is_session(data):
        return [
            TestView(
                test["test"],
                _checks(test["checks"]),
                f"test-{k}",
                test["outcome"],
                test["examples"],
                test["empty"],
            )
            for k, test in enumerate(data["tests"], 1)
        ]
    if _is_report(data):
        return [TestView("", _checks(data))]
    if isinstance(data, Mapping):
        named = list(data.items())
    elif isinstance(data, Sequence) and not isinstance(data, str):
        named = [(f"check {k}", one) for k, one in enumerate(data, 1)]
    else:
        raise InvalidType(f"expected reports of checks, got {type(data).__name__}")
    return [TestView(str(n), _checks(one), f"check-{k}") for k, (n, one) in enumerate(named, 1)]


def _checks(reports: Any) -> list[CheckView]:
    """One report or several."""
    several = isinstance(reports, Sequence) and not isinstance(reports, str)
    return [_check(report) for report in (reports if several else [reports])]


def _check(report: Any) -> CheckView:
    if not _is_report(report):
        raise InvalidType(f"expected the report of a check, got {type(report).__name__}")
    return CheckView(report.to_dict() if hasattr(report, "to_dict") else report)


def _is_session(data: Mapping[str, Any]) -> bool:
    """Whether it is what the pytest plugin writes."""
    return isinstance(data.get("tests"), list)


def _is_report(data: Any) -> bool:
    is_data = isinstance(data, Mapping) and {"schema", "blocks", "text"} <= data.keys()
    return is_data or hasattr(data, "to_dict")


def _worst(checks: Iterable[CheckView]) -> str:
    """The worst verdict; empty if there is none."""
    return min((check.verdict for check in checks), key=RANK.index, default="")


def _coarsest(checks: Iterable[CheckView]) -> float | None:
    known = [check.data["resolution"] for check in checks]
    return max((resolution for resolution in known if resolution is not None), default=None)


SAID = {
    "FAIL": "failed",
    "INCONCLUSIVE": "could not be decided",
    "otherwise": "failed though what was checked passed",
    "PASS": "passed",
    "expected": "failed as expected",
}
"""What is said of checks or tests, in this order; of those that passed only if none failed."""


def _of_all(judged: Sequence[str], checks: Sequence[CheckView]) -> str:
    """The verdict of a page; where all that did not pass is expected, nothing is wrong."""
    return min(judged, key=RANK.index, default="PASS" if checks else "")


def _headline(tests: Sequence[TestView], audit: AuditView | None) -> str:
    """What all checks say together, and then the audit."""
    said = _said(tests)
    return f"{said}; {audit.headline}" if audit else said


def _said(tests: Sequence[TestView]) -> str:
    """What all checks say together: by tests if they are of tests, which may shrink failures."""
    counts: Counter[str] = Counter()
    by_test = any(test.outcome for test in tests)
    for test in tests:
        verdicts = [check.verdict for check in test.checks]
        counts.update([test.kind] if by_test and verdicts else verdicts)
    total = _counted(counts.total(), "test" if by_test else "check")
    if not counts:
        return "nothing was checked"
    rejected = sum(test.rejected for test in tests)
    also = f", {_counted(rejected, 'draw')} rejected as inconclusive" if rejected else ""
    if list(counts) == ["PASS"]:
        return f"{total} passed{also}"
    red = counts["FAIL"] or counts["INCONCLUSIVE"]
    said = [kind for kind in SAID if counts[kind] and not (red and kind == "PASS")]
    first, *rest = [(f"{counts[kind]:,}", SAID[kind]) for kind in said]
    return ", ".join([f"{first[0]} of {total} {first[1]}", *map(" ".join, rest)]) + also


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _facts(tests: Sequence[TestView], checks: Sequence[CheckView]) -> list[tuple[str, str]]:
    """Counts of a page about many checks."""
    facts = [("tests", len(tests))] if any(test.outcome for test in tests) else []
    facts += [
        ("checks", len(checks)),
        ("entries compared", sum(check.data["entries"] for check in checks)),
        ("evaluations of the costs", sum(check.data["evaluations"] for check in checks)),
    ]
    found = [(name, f"{count:,}") for name, count in facts]
    coarsest = _coarsest(checks)
    if coarsest is not None:
        told = f"coarsest resolution, as a share {COULD_PASS}"
        found.append((told, _number(coarsest)))
    return found


def _first_sentence(lines: Sequence[str]) -> tuple[str, list[str]]:
    """The first line of a report with those that continue it, and the others."""
    first, *rest = lines
    more = list(itertools.takewhile(lambda line: re.match(r" {4}\S", line), rest))
    return " ".join([first, *map(str.strip, more)]), rest[len(more) :]


def _without_verdict(sentence: str) -> str:
    return re.sub(r"^[A-Z]+(\[[\w-]+\])?: ", "", sentence)


def _marked(text: str, term: str) -> Markup:
    """An equation with one term of its right side marked."""
    left, equals, right = text.partition(" = ")
    if not equals:  # the right side alone
        left, right = "", text
    before, found, after = right.partition(term)
    if not term or not found:
        return escape(text)
    return Markup("{}{}{}<mark>{}</mark>{}").format(left, equals, before, found, after)


def _code(text: str) -> Markup:
    """Text whose words between backticks are names."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if k % 2 else part for k, part in enumerate(parts)
    )


def _shape(shape: Sequence[int]) -> str:
    return str(tuple(shape))


def _number(value: float | None, digits: str = ".1e") -> str:
    return NONE if value is None else format(value, digits)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("gradcheck.views"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters.update(code=_code, number=_number, shape=_shape)
    made.globals.update(symbols=SYMBOLS, blank=NONE, reasons=REASONS, width=svg.WIDTH)
    made.globals.update(extrapolated=EXTRAPOLATED)
    made.globals.update(light=colours(LIGHT), dark=colours(DARK))
    return made
