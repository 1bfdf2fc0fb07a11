"""The result of a check: one frozen object, of which text and JSON are views.

>>> report = check_gradient(cost, gradients, parameters)  # doctest: +SKIP
>>> report.verdict, report.blocks["W1"].resolution  # doctest: +SKIP
>>> print(report)  # doctest: +SKIP

Everything that a user sees comes from here.
"""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.blockreport import BlockReport, Entry, plain
from gradcheck.diagnosis import Diagnosis
from gradcheck.findings import Finding
from gradcheck.reasons import REASONS
from gradcheck.text import SAID, as_text, counted
from gradcheck.verdict import Verdict
from gradcheck.watch import watched

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "SAID",
    "BlockReport",
    "Entry",
    "GradientError",
    "GradientInconclusive",
    "GradientReport",
    "asserting",
    "overall",
    "raised",
]

SCHEMA = 1
"""Version of the data that `GradientReport.to_dict` gives; fields are added, never changed."""


def overall(blocks: Mapping[str, BlockReport], findings: Sequence[Finding]) -> Verdict:
    """FAIL if a block fails or a finding is an error, PASS if all blocks pass."""
    verdicts = [block.verdict for block in blocks.values()]
    if Verdict.FAIL in verdicts or any(finding.severity == "error" for finding in findings):
        return Verdict.FAIL
    passed = bool(verdicts) and all(verdict == Verdict.PASS for verdict in verdicts)
    return Verdict.PASS if passed else Verdict.INCONCLUSIVE


@dataclass(frozen=True)
class Blame:
    """Which equations of a backward pass are wrong.

    Attributes
    ----------
    equations : tuple of str
        Those that are wrong by themselves, by what they compute, in backward order.
    inherited : tuple of str
        Wrong gradients whose own equations are right.
    texts : mapping of str to str
        These as they should be, and those that have a mark, numbered, as far as they were
        declared.
    terms : mapping of str to str
        The part of each text where the mistake is likely to be.
    marks : mapping of str to str
        What to say of an equation in place of that it is wrong; also of one that does not hold
        among what is returned, although it computes what is right.
    """

    equations: tuple[str, ...]
    inherited: tuple[str, ...]
    texts: Mapping[str, str]
    terms: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class GradientReport:
    """What a check found.

    Truth value: whether everything passed, so that ``assert check_gradient(...)`` works.

    Attributes
    ----------
    verdict : Verdict
        FAIL if a block fails or a finding is an error; INCONCLUSIVE if any block, or the
        whole, was not really checked; else PASS.
    blocks : dict of str to BlockReport
    findings : tuple of Finding
    evaluations, gradient_evaluations : int
        Calls of the cost and of the gradient.
    approximate : float
        Relative error that the gradient was declared to have; 0 if none.
    diagnoses : tuple of Diagnosis
        Kinds of mistake that explain a failure, most likely first.
    reproduce : str
        The point and the data of the check, in short; where they were drawn, code that repeats
        it.
    larger : str
        What the check says at a larger draw, where it says something else.
    blame : Blame or None
        Which equations are wrong, where probes allow to tell.
    convention : str
        Of what the gradients of the intermediates are the derivatives.
    subject, evaluated : str
        What was checked, and what `evaluations` are of.
    """

    verdict: Verdict
    blocks: Mapping[str, BlockReport]
    findings: tuple[Finding, ...]
    evaluations: int
    gradient_evaluations: int
    approximate: float = 0.0
    diagnoses: tuple[Diagnosis, ...] = ()
    reproduce: str = ""
    larger: str = ""
    blame: Blame | None = None
    convention: str = ""
    subject: str = "gradient"
    evaluated: str = "the cost"

    def __bool__(self) -> bool:
        return self.verdict == Verdict.PASS

    @property
    def entries(self) -> int:
        """Number of entries that were compared."""
        return sum(block.entries for block in self.blocks.values())

    @property
    def equation(self) -> str | None:
        """The equation to blame, such as ``dZ1``; None if nothing is wrong or it is unclear.

        Without probes it is that of the one block which is wrong, if it is one.
        """
        if self.blame:
            return next(iter(self.blame.equations), None)
        wrong = self.wrong
        if len(wrong) != 1:
            return None
        return wrong[0].gradient

    @property
    def reason(self) -> str:
        """Why most entries are open, in the blocks that do not pass if there are any; or empty."""
        open_ones = [b for b in self.blocks.values() if b.verdict != Verdict.PASS]
        reasons: Counter[str] = Counter()
        for block in open_ones or self.blocks.values():
            reasons.update(str(r) for r in block.reasons[block.verdicts != Verdict.PASS] if r)
        return reasons.most_common(1)[0][0] if reasons else ""

    @property
    def why(self) -> str:
        """That reason in words, for an event or a line of a summary."""
        return REASONS[self.reason].short if self.reason else "nothing could be compared"

    @property
    def resolution(self) -> float:
        """Coarsest resolution of all entries that passed; NaN if none did."""
        known = [b.resolution for b in self.blocks.values() if not np.isnan(b.resolution)]
        return max(known) if known else float("nan")

    def __repr__(self) -> str:
        blocks, entries = (
            counted(len(self.blocks), "block"),
            counted(self.entries, "entr", "y", "ies"),
        )
        return f"<GradientReport {self.verdict}: {blocks}, {entries}>"

    def __str__(self) -> str:
        return self.text()

    def text(self, *, color: bool = False) -> str:
        """The report for reading: at most 40 lines of 100 columns, and code to reproduce it.

        Parameters
        ----------
        color : bool
            Whether to mark the verdict for a terminal.
        """
        return as_text(self, color=color)

    @property
    def wrong(self) -> list[BlockReport]:
        """Blocks that fail."""
        return [block for block in self.blocks.values() if block.verdict == Verdict.FAIL]

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, for `json`: see docs/report.md for each field."""
        texts, terms = (self.blame.texts, dict(self.blame.terms)) if self.blame else ({}, {})
        return {
            "schema": SCHEMA,
            "verdict": str(self.verdict),
            "entries": self.entries,
            "resolution": plain(self.resolution),
            "approximate": self.approximate,
            "subject": self.subject,
            "evaluations": self.evaluations,
            "gradient_evaluations": self.gradient_evaluations,
            "evaluated": self.evaluated,
            "blocks": {name: block.to_dict() for name, block in self.blocks.items()},
            "findings": [finding.to_dict() for finding in self.findings],
            "diagnoses": [diagnosis.to_dict() for diagnosis in self.diagnoses],
            "equation": self.equation,
            "inherited": list(self.blame.inherited) if self.blame else [],
            "reproduce": self.reproduce,
            "larger": self.larger,
            "equations": {e: t for e, t in texts.items() if e in terms},
            "terms": terms,
            "convention": self.convention,
            "text": str(self),
        }

    def plot(self, block: str | Sequence[str] | None = None) -> Figure:
        """Heat maps of the errors and step curves of the worst entries, as a figure.

        Of a report that passes, the errors of all entries beside the resolution. Needs
        matplotlib: ``pip install 'gradcheck[plots]'``.

        Parameters
        ----------
        block : str or sequence of str, optional
            Names of the blocks to draw; default those that do not pass.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InvalidInput
            If there is no such block, or nothing of it was compared.
        ImportError
            If matplotlib is missing.
        """
        try:
            figure = import_module("gradcheck.views.plots").figure
        except ImportError as error:
            raise ImportError(
                f"a plot needs matplotlib ({error}): pip install 'gradcheck[plots]'"
            ) from error
        made: Figure = figure(self, block)
        return made

    def _repr_html_(self) -> str | None:
        """The report for notebooks; None, and so the short text, without Jinja2."""
        try:
            fragment = import_module("gradcheck.views.html").fragment
        except ImportError:
            return None
        return str(fragment(self))

    def to_json(self, indent: int | None = 2) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)


class GradientError(AssertionError):
    """A gradient that fails its check; the message is the report.

    Attributes
    ----------
    report : GradientReport
    """

    def __init__(self, report: GradientReport) -> None:
        super().__init__(str(report))
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.report,)


class GradientInconclusive(GradientError):
    """A gradient that could not be checked, so that nothing is known of it."""


def raised(report: GradientReport, allow_inconclusive: bool = False) -> GradientReport:
    """The report, unless it is not a pass: then the exception that carries it.

    Parameters
    ----------
    report : GradientReport
    allow_inconclusive : bool
        Whether a report in which something could not be checked is good enough.

    Raises
    ------
    GradientError, GradientInconclusive
    """
    __tracebackhide__ = True
    if report.verdict == Verdict.FAIL:
        raise GradientError(report)
    if report.verdict != Verdict.PASS and not allow_inconclusive:
        raise GradientInconclusive(report)
    return report


def asserting(check: Callable[..., GradientReport], what: str) -> Callable[..., GradientReport]:
    """The function that raises unless a check passes.

    Parameters
    ----------
    check : callable
        Such as `check_jacobian`, whose arguments it takes.
    what : str
        What it asserts.
    """
    given = inspect.signature(check)
    lenient = inspect.Parameter(
        "allow_inconclusive", inspect.Parameter.KEYWORD_ONLY, default=False, annotation="bool"
    )

    def asserts(
        *arguments: Any, allow_inconclusive: bool = False, **options: Any
    ) -> GradientReport:
        __tracebackhide__ = True
        return raised(check(*arguments, **options), allow_inconclusive)

    name = check.__name__.replace("check", "assert")
    asserts.__module__, asserts.__name__, asserts.__qualname__ = check.__module__, name, name
    # Nothing may stand behind what takes all other options.
    parameters = sorted([*given.parameters.values(), lenient], key=lambda p: p.kind)
    vars(asserts)["__signature__"] = given.replace(parameters=parameters)
    asserts.__doc__ = f"""Raise unless {what}.

    Parameters
    ----------
    {", ".join(given.parameters)}
        As for `{check.__name__}`.
    allow_inconclusive : bool
        As for `assert_gradient`.

    Returns
    -------
    GradientReport

    Raises
    ------
    GradientError, GradientInconclusive, InvalidInput
        As for `assert_gradient`.
    """
    return watched(asserts)
