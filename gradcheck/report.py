"""The result of a check: one frozen object, of which text and JSON are views.

>>> report = check_gradient(cost, gradients, parameters)  # doctest: +SKIP
>>> report.verdict, report.blocks["W1"].resolution  # doctest: +SKIP
>>> print(report)  # doctest: +SKIP

All values of a block are kept (`BlockReport.analytic` and so on, flat), and the worst entry
is worked out for reading. Everything that a user sees comes from here.
"""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.comparison import Comparison, worst_first
from gradcheck.diagnosis import Diagnosis
from gradcheck.differences import Nature
from gradcheck.errormap import ErrorMap, error_map
from gradcheck.ladder import Curve
from gradcheck.parameters import Block
from gradcheck.structure import Finding, some
from gradcheck.verdict import Verdict, worst_of
from gradcheck.watch import watched

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
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

SHOWN = 5
"""Entries and findings of one block that the text shows."""


SAID = {
    "keepdims-forgotten",
    "row-vector",
    "transposed",
    "wrong-shape",
    "missing-block",
    "none",
    "wrong-structure",
    "wrong-type",
    "dtype",
    "not-finite",
    "nondeterministic",
    "stale-cache",
    "conjugated",
    "cotangent-ignored",
}
"""Kinds of which a finding has said all that is to say."""

LINES, COLUMNS = 40, 100
"""Size of the screen that a report fits."""


@dataclass(frozen=True)
class Entry:
    """One entry of a block, with all that is known of it.

    Attributes
    ----------
    name : str
        Such as ``W1[2, 0]``.
    index : tuple of int
    verdict : Verdict
    analytic : float
        What the user's gradient says.
    numerical : float
        What was measured; NaN if nothing could be.
    error : float
        The truth is within this of `numerical`.
    resolution : float
        Smallest relative error that would have been seen here.
    nature : str
        ``smooth``, ``kink``, ``jump``, ``flat``, ``noisy``, ``edge`` or ``outside``.
    reason : str
        Why it is inconclusive; empty otherwise.
    left, right : float
        Slopes on both sides of a kink; NaN elsewhere.
    """

    name: str
    index: tuple[int, ...]
    verdict: Verdict
    analytic: float
    numerical: float
    error: float
    resolution: float
    nature: str
    reason: str
    left: float
    right: float

    def __str__(self) -> str:
        text = f"{self.name}: analytic {self.analytic:.12g}, "
        if np.isfinite(self.left):
            return f"{text}kink with slopes {self.left:.6g} and {self.right:.6g}"
        if np.isfinite(self.numerical) and np.isfinite(self.error):
            text += f"numerical {self.numerical:.12g} +- {self.error:.1e}"
        else:
            text += "no numerical value"
        return text + (f" ({REASONS[self.reason]})" if self.reason else "")

    def to_dict(self) -> dict[str, Any]:
        """The entry as plain data; what is not finite becomes None."""
        data = {name: _plain(value) for name, value in vars(self).items()}
        return {**data, "index": list(self.index), "verdict": str(self.verdict)}


REASONS = {
    "noise": "the noise of the cost hides it",
    "truncation": "the cost bends too much for a sharper bar",
    "kink": "kink",
    "corner": "kinks of several entries meet here, and slopes nearby are as different",
    "jump": "the cost jumps here",
    "edge": "known from one side only",
    "outside": "there is no room for a step, or no cost, on both sides",
    "gaps": "the cost is NaN or raises at some steps, and not at larger ones",
    "flat": "the cost does not move at all",
    "rough": "the cost is rough: steps of one size agree with the gradient, others do not",
    "unsteady": "the cost makes jumps nearby, as an inner solver stopped early does",
    "skipped": "not refined, since the block has failed",
}
"""What the reasons of inconclusive entries mean."""


@dataclass(frozen=True, eq=False)
class BlockReport:
    """One block: its verdict, and flat arrays with a number for each entry.

    Attributes
    ----------
    block : Block
    label : str
        What the user's gradient calls it.
    verdict : Verdict
    analytic, numerical, error, resolutions : ndarray, shape (n,)
    verdicts, reasons, natures : ndarray of object, shape (n,)
    left, right : ndarray, shape (n,)
    curves : ndarray of object, shape (n,)
        For the worst entry what each step says of it, None for the others.
        Empty arrays throughout where structure allowed no comparison.
    """

    block: Block
    label: str
    verdict: Verdict
    analytic: NDArray[Any] = field(repr=False)
    numerical: NDArray[Any] = field(repr=False)
    error: NDArray[Any] = field(repr=False)
    resolutions: NDArray[Any] = field(repr=False)
    verdicts: NDArray[np.object_] = field(repr=False)
    reasons: NDArray[np.object_] = field(repr=False)
    natures: NDArray[np.object_] = field(repr=False)
    left: NDArray[Any] = field(repr=False)
    right: NDArray[Any] = field(repr=False)
    curves: NDArray[np.object_] = field(repr=False)

    @classmethod
    def of(
        cls, block: Block, label: str, analytic: NDArray[Any], made: Comparison, *, wrong: bool
    ) -> BlockReport:
        """A block from what was compared.

        Parameters
        ----------
        block : Block
        label : str
        analytic : ndarray
        made : Comparison
            Of the shape of `analytic`, its entries in the order of those of the block.
        wrong : bool
            Whether a finding has already condemned the block.
        """
        found, decision = made.found, made.decision
        return cls(
            block=block,
            label=label,
            verdict=Verdict.FAIL if wrong else worst_of(decision.verdict),
            analytic=analytic.ravel(),
            numerical=found.derivative.ravel(),
            error=found.error.ravel(),
            resolutions=decision.resolution.ravel(),
            verdicts=decision.verdict.ravel(),
            reasons=decision.reason.ravel(),
            natures=found.nature.ravel(),
            left=found.left.ravel(),
            right=found.right.ravel(),
            curves=made.curves.ravel(),
        )

    @classmethod
    def without_numbers(cls, block: Block, label: str, verdict: Verdict) -> BlockReport:
        """A block of which no entry could be compared."""
        nothing = np.empty(0)
        none = np.empty(0, dtype=object)
        return cls(
            block=block,
            label=label,
            verdict=verdict,
            analytic=nothing,
            numerical=nothing,
            error=nothing,
            resolutions=nothing,
            verdicts=none,
            reasons=none,
            natures=none,
            left=nothing,
            right=nothing,
            curves=none,
        )

    @property
    def name(self) -> str:
        """Name of the block."""
        return self.block.name

    @property
    def gradient(self) -> str:
        """Name of its gradient: ``dW1``, also where the user calls it by the parameter's name."""
        own = self.label not in (self.name, f"gradient of {self.name}")
        return self.label if own else f"d{self.name}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the block."""
        return self.block.shape

    def count(self, verdict: Verdict) -> int:
        """Number of entries with this verdict."""
        return int(np.sum(self.verdicts == verdict))

    @property
    def entries(self) -> int:
        """Number of entries that were compared."""
        return len(self.verdicts)

    @property
    def resolution(self) -> float:
        """Coarsest resolution of the entries that passed; NaN if none did."""
        resolved = (self.verdicts == Verdict.PASS) & (self.natures != Nature.KINK)
        passed = self.resolutions[resolved]
        return float(passed.max()) if passed.size else float("nan")

    def entry(self, i: int) -> Entry:
        """The entry at place `i` of the flat arrays."""
        return Entry(
            name=self.block.entry(i),
            index=self.block.index(i),
            verdict=self.verdicts[i],
            analytic=float(self.analytic[i]),
            numerical=float(self.numerical[i]),
            error=float(self.error[i]),
            resolution=float(self.resolutions[i]),
            nature=self.natures[i].value,
            reason=str(self.reasons[i]),
            left=float(self.left[i]),
            right=float(self.right[i]),
        )

    def worst(self, count: int = 1) -> list[Entry]:
        """The entries to look at first: wrong ones, then unclear ones, by how far they are off."""
        if not self.entries:
            return []
        order = worst_first(self.analytic, self.numerical, self.verdicts, self.resolutions)
        return [self.entry(int(i)) for i in order[:count]]

    @property
    def error_map(self) -> ErrorMap:
        """Relative error by place."""
        known = np.where(np.isfinite(self.error), self.numerical, np.nan)
        off = np.abs(self.analytic - self.numerical) > self.error
        skipped = off & (self.reasons == "skipped")
        return error_map(self.shape, self.analytic, known, self.verdicts, skipped)

    @property
    def curve(self) -> tuple[Entry, Curve] | None:
        """The worst entry, and what each step says of it; None if no steps were made for it."""
        places = [i for i, curve in enumerate(self.curves) if curve is not None]
        return (self.entry(places[0]), self.curves[places[0]]) if places else None

    @property
    def relative_error(self) -> float:
        """Largest difference of what was decided, as a share of the block's largest entry.

        NaN if nothing was.
        """
        known = np.isfinite(self.error) & np.isfinite(self.analytic)
        known &= (self.verdicts == Verdict.PASS) | (self.verdicts == Verdict.FAIL)
        if not known.any():
            return float("nan")
        analytic, numerical = self.analytic[known], self.numerical[known]
        largest = max(np.abs(analytic).max(), np.abs(numerical).max())
        return float(np.abs(analytic - numerical).max() / largest) if largest else 0.0

    @np.errstate(all="ignore")
    def size_of_mistake(self) -> str:
        """How wrong the failing entries are, in a few words."""
        wrong = (self.verdicts == Verdict.FAIL) & np.isfinite(self.numerical)
        wrong &= np.isfinite(self.analytic)
        count = self.count(Verdict.FAIL)
        text = f"{count} of {self.entries} {'entry' if self.entries == 1 else 'entries'} wrong"
        if not wrong.any():
            return text
        analytic, numerical = self.analytic[wrong], self.numerical[wrong]
        if not analytic.any():
            return f"{text}: 0 where it should not be"
        # Entries too small to show a ratio say nothing about one.
        clear = np.abs(numerical) > 1e3 * self.error[wrong]
        if clear.any():
            ratio = analytic[clear] / numerical[clear]
            middle = float(np.median(ratio))
            spread = self.error[wrong][clear] / np.abs(numerical[clear]) * np.abs(ratio)
            alike = (np.abs(ratio - middle) <= 4 * spread + 1e-6 * np.abs(middle)).all()
            # Of a triangle that is transposed, these may be 0 and only the others not.
            if alike and middle != 0:
                if abs(middle - 1) > 0.01:
                    return f"{text}: {_times(middle)}"
                return f"{text}, by the factor {middle:.9g}"
        off = np.abs(analytic - numerical).max()
        largest = np.abs(self.numerical[np.isfinite(self.numerical)]).max()
        share = f" ({off / largest:.2g} of the largest)" if largest > 0 else ""
        return f"{text}, by up to {off:.3g}{share}"

    def to_dict(self) -> dict[str, Any]:
        """The block as plain data."""
        worst = self.worst()
        return {
            "verdict": str(self.verdict),
            "label": self.label,
            "shape": list(self.shape),
            "entries": self.entries,
            "passed": self.count(Verdict.PASS),
            "failed": self.count(Verdict.FAIL),
            "inconclusive": self.count(Verdict.INCONCLUSIVE) + self.count(Verdict.KINK),
            "kinks": self.count(Verdict.KINK),
            "resolution": _plain(self.resolution),
            "worst": worst[0].to_dict() if worst else None,
            **(self.picture() if self.verdict != Verdict.PASS else dict.fromkeys(PICTURE)),
        }

    def picture(self) -> dict[str, Any]:
        """What pictures need: errors by place, and the step curve of the worst entry."""
        data: dict[str, Any] = dict.fromkeys(PICTURE)
        if self.entries:
            data |= self.error_map.to_dict()
        if self.curve:
            entry, curve = self.curve
            parts = ("name", "analytic", "numerical", "error")
            data["curve"] = {name: _plain(getattr(entry, name)) for name in parts}
            data["curve"] |= {name: _plain(value) for name, value in vars(curve).items()}
        return data


PICTURE = ("errors", "verdicts", "tile", "curve")
"""Fields of `BlockReport.picture`."""


def _times(ratio: float) -> str:
    if ratio < 0:
        return "the sign is wrong" if abs(ratio + 1) < 1e-6 else f"{ratio:.6g} times what is due"
    if ratio > 1:
        return f"{ratio:.6g} times too large"
    return f"{1 / ratio:.6g} times too small"


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
        wrong = self._wrong()
        if len(wrong) != 1:
            return None
        return wrong[0].gradient

    @property
    def resolution(self) -> float:
        """Coarsest resolution of all entries that passed; NaN if none did."""
        known = [b.resolution for b in self.blocks.values() if not np.isnan(b.resolution)]
        return max(known) if known else float("nan")

    def __repr__(self) -> str:
        blocks, entries = (
            _count(len(self.blocks), "block"),
            _count(self.entries, "entr", "y", "ies"),
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
        lines = self._passed() if self.verdict == Verdict.PASS else self._not_passed()
        if self.larger:
            lines = [self.larger, "the smallest draw that fails, where much looks alike:", *lines]
        lines = [part for line in lines for part in _wrapped(line)]
        if len(lines) > LINES:
            # The end tells how to go on, so that the middle is left out.
            lines = [*lines[: LINES - 4], "  ... more in `report.blocks`", *lines[-3:]]
        if "\n" in self.reproduce and self.verdict != Verdict.PASS:
            lines += ["  reproduce:", *self.reproduce.splitlines()]
        if color:
            lines[0] = _colored(lines[0], str(self.verdict))
        return "\n".join(lines)

    def _passed(self) -> list[str]:
        lines = [f"PASS: {self._summary()}"]
        if self.approximate:
            lines[0] += f", declared approximate to {self.approximate:.1e}"
        lines += self._coverage()
        return lines + self._warnings()

    def _not_passed(self) -> list[str]:
        errors = [f for f in self.findings if f.severity == "error"]
        told = {finding.block for finding in errors}
        causes = [d for d in self.diagnoses if d.block not in told or d.kind not in SAID]
        if errors:
            lines = errors[0].text(str(self.verdict)).splitlines()
        elif causes:
            others = [b.label for b in self._wrong() if b.name != causes[0].block]
            apart = others and causes[0].block and not self.blame
            rest = f"; wrong too: {some(others, 3)}" if apart else ""
            lines = [f"{self.verdict}: {causes[0].sentence}{rest}"]
        else:
            lines = [f"{self.verdict}: {self._summary()}"]
        lines += self._blamed()
        if self.approximate:
            lines.append(f"  note: the gradient was declared approximate to {self.approximate:.1e}")
        for finding in errors[1:SHOWN]:
            lines += str(finding).splitlines()
        if len(errors) > SHOWN:
            lines.append(f"and {len(errors) - SHOWN} more findings, in `report.findings`")
        lines += self._table() + self._details()
        lines += self._explained(causes, said=not errors) + self._warnings()
        if self.reproduce and "\n" not in self.reproduce:
            lines.append(f"  reproduce: {self.reproduce}")
        return lines

    def _wrong(self) -> list[BlockReport]:
        return [block for block in self.blocks.values() if block.verdict == Verdict.FAIL]

    def _blamed(self) -> list[str]:
        """The equations to blame as they should read, and what inherits their mistakes."""
        if not self.blame:
            return []
        lines = []
        told = dict.fromkeys([*self.blame.equations, *self.blame.marks])
        for equation in list(told)[:SHOWN]:
            text = self.blame.texts.get(equation, f"the equation of {equation}")
            mark = self.blame.marks.get(equation, "wrong, given what it is computed from")
            lines.append(f"  {text}   <- {mark}")
        if self.blame.inherited:
            names = some(self.blame.inherited, quote="")
            lines.append(f"  inherited: {names}, right for the wrong gradients they are made from")
        return lines + ([f"  convention: {self.convention}"] if self.convention else [])

    def _explained(self, causes: Sequence[Diagnosis], *, said: bool) -> list[str]:
        """The diagnoses, without the first one's sentence if that has been said."""
        lines: list[str] = []
        # That nothing explains a block is said of the first one alone.
        causes = [c for k, c in enumerate(causes) if c.kind != "unexplained" or (said and k == 0)]
        for k, cause in enumerate(causes[:SHOWN]):
            share = f"{cause.sure}, explains {cause.explains} of {cause.entries} entries"
            same = k > 0 and cause.block == causes[k - 1].block
            again = same and cause.evidence == causes[k - 1].evidence
            if not (said and k == 0):
                told = cause.meaning if again else cause.sentence
                lines.append(f"  {'or' if same else 'cause'}: {told} ({share})")
            elif cause.explains:
                lines.append(f"  cause[{cause.kind}]: {share}")
            lines.append(f"  help: {cause.hint}")
        if len(causes) > SHOWN:
            lines.append(f"  and {len(causes) - SHOWN} more, in `report.diagnoses`")
        return lines

    def _warnings(self) -> list[str]:
        warnings = [f for f in self.findings if f.severity == "warning"]
        lines = [line for finding in warnings[:2] for line in str(finding).splitlines()]
        if len(warnings) > 2:
            lines.append(f"and {len(warnings) - 2} more warnings, in `report.findings`")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, for `json`: see docs/report.md for each field."""
        texts, terms = (self.blame.texts, dict(self.blame.terms)) if self.blame else ({}, {})
        return {
            "schema": SCHEMA,
            "verdict": str(self.verdict),
            "entries": self.entries,
            "resolution": _plain(self.resolution),
            "approximate": self.approximate,
            "evaluations": self.evaluations,
            "gradient_evaluations": self.gradient_evaluations,
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

    def _summary(self) -> str:
        if self.verdict == Verdict.FAIL:
            wrong = [b for b in self.blocks.values() if b.count(Verdict.FAIL)]
            text = f"`{wrong[0].label}` has {wrong[0].size_of_mistake()}"
            others = [block.label for block in wrong[1:]]
            return f"{text}; wrong too: {some(others, 3)}" if others else text
        if self.verdict == Verdict.INCONCLUSIVE:
            unclear = [name for name, b in self.blocks.items() if b.verdict != Verdict.PASS]
            return f"{some(unclear)} could not be checked"
        return "the gradient agrees with its numerical derivatives"

    def _coverage(self) -> list[str]:
        passed = sum(block.count(Verdict.PASS) for block in self.blocks.values())
        all_of = _count(self.entries, "entr", "y", "ies")
        text = all_of if passed == self.entries else f"{passed} of {all_of}"
        resolved = f"resolution {self.resolution:.1e}: no larger relative error could pass"
        if np.isnan(self.resolution):
            resolved = "no resolution: what passes lies between the slopes of kinks"
        lines = [
            f"checked: {text} of {some(list(self.blocks), quote='')}, "
            f"by {_count(self.evaluations, 'evaluation')} of the cost",
            resolved,
        ]
        if self.convention:
            lines[1] += f"; {self.convention}"
        unclear = [
            f"{b.block.entry(int(i))} ({b.reasons[i]})"
            for b in self.blocks.values()
            for i in np.flatnonzero(b.verdicts != Verdict.PASS)
        ]
        if unclear:
            lines[0] += f"; {len(unclear)} inconclusive: {some(unclear, quote='')}"
        return lines

    def _table(self) -> list[str]:
        if not self.blocks:
            return []
        rows = [("block", "shape", "verdict", "resolution", "")]
        for block in self.blocks.values():
            resolution = "-" if np.isnan(block.resolution) else f"{block.resolution:.1e}"
            rows.append(
                (
                    block.name,
                    str(tuple(block.shape)),
                    str(block.verdict),
                    resolution,
                    self._remark(block),
                )
            )
        if len(rows) > 13:
            bad = [row for row in rows[1:] if row[2] != "PASS"][:12]
            rest = len(rows) - 1 - len(bad)
            rows = [rows[0], *bad, (f"and {rest} more blocks", "", "", "", "")]
        wide = [max(len(row[k]) for row in rows) for k in range(4)]
        return [
            f"  {a:{wide[0]}}  {b:{wide[1]}}  {c:{wide[2]}}  {d:>{wide[3]}}  {e}".rstrip()
            for a, b, c, d, e in rows
        ]

    def _remark(self, block: BlockReport) -> str:
        if block.count(Verdict.FAIL):
            return block.size_of_mistake()
        codes = [f.code for f in self.findings if f.block == block.name and f.severity == "error"]
        if codes:
            return ", ".join(dict.fromkeys(codes))
        unclear = block.entries - block.count(Verdict.PASS)
        if unclear:
            kinks = block.count(Verdict.KINK)
            return f"{unclear} of {block.entries} inconclusive" + (
                f", {kinks} at kinks" if kinks else ""
            )
        return "" if block.entries else "not compared"

    def _details(self) -> list[str]:
        lines: list[str] = []
        blamed = self.diagnoses[0].block if self.blame and self.diagnoses else None
        for block in sorted(self.blocks.values(), key=lambda block: block.name != blamed):
            if block.verdict == Verdict.PASS or not block.entries or len(lines) >= 2 * SHOWN:
                continue
            shown = [e for e in block.worst(SHOWN) if e.verdict != Verdict.PASS]
            lines += [f"  {entry}" for entry in shown[: 2 if lines else SHOWN]]
        return lines


def _count(n: int, noun: str, one: str = "", many: str = "s") -> str:
    return f"{n} {noun}{one if n == 1 else many}"


def _wrapped(line: str) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line, COLUMNS, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True
    )


COLORS = {"PASS": "32", "FAIL": "31", "INCONCLUSIVE": "33"}
"""Terminal colors, by ECMA-48."""


def _colored(line: str, verdict: str) -> str:
    """The line with its verdict in bold and color."""
    return line.replace(verdict, f"\x1b[1;{COLORS[verdict]}m{verdict}\x1b[0m", 1)


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


def _plain(value: Any) -> Any:
    """A value that JSON can hold; what is not finite becomes None."""
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value]
    return value
