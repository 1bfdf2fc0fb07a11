"""The text of a report, of one screen: what is wrong and why, where, and what to do.

>>> print(as_text(report))  # doctest: +SKIP
FAIL: `db1` has the wrong sign
...

First the headline, the equations to blame and the findings; then a table of the blocks and the
worst entries; then what else may be the cause, each with what to do.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.blockreport import BlockReport
from gradcheck.diagnosis import Diagnosis
from gradcheck.diagnosis.kinds import KINDS
from gradcheck.findings import Finding, some
from gradcheck.reasons import REASONS
from gradcheck.structure import SHAPE_CAUSE, SHAPE_DUE
from gradcheck.verdict import Verdict

if TYPE_CHECKING:
    from gradcheck.report import GradientReport

__all__ = ["COULD_PASS", "SAID", "as_text", "counted"]

COULD_PASS = "of the scale: no larger error could pass"
"""What a resolution means."""

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

CAUSES = {"keepdims-forgotten", "row-vector", "transposed"}
"""Those of them that say how the shape of a finding comes about."""

HANDED_OVER = "not-differentiated"
"""Code of a warning that a pass says in the line of what was checked."""

ANY_LAYOUT = {"zero", "not-computed", "summed-over-all-axes", "permuted", "transposed"}
"""Kinds of which a gradient of transposed shape is, whichever way it is laid out."""

LINES, COLUMNS = 40, 100
"""Size of the screen that a report fits."""

COLORS = {"PASS": "32", "FAIL": "31", "INCONCLUSIVE": "33"}
"""Terminal colors, by ECMA-48."""


def as_text(report: GradientReport, *, color: bool = False) -> str:
    """The report for reading: at most 40 lines of 100 columns, and code to reproduce it.

    Parameters
    ----------
    color : bool
        Whether to mark the verdict for a terminal.
    """
    lines: list[str] = []
    # As much of each part as there is room for, so that none is cut in the middle.
    for most in range(SHOWN, 0, -1):
        lines = _passed(report) if report.verdict == Verdict.PASS else _not_passed(report, most)
        if report.larger:
            lines = [report.larger, "the smallest draw that fails, where much looks alike:", *lines]
        lines = [part for line in lines for part in _wrapped(line)]
        if len(lines) <= LINES:
            break
    else:
        lines = [*lines[: LINES - 4], "  ... more in `report.blocks`", *lines[-3:]]
    if "\n" in report.reproduce and report.verdict != Verdict.PASS:
        lines += ["  reproduce:", *report.reproduce.splitlines()]
    if color:
        lines[0] = _colored(lines[0], str(report.verdict))
    return "\n".join(lines)


def _passed(report: GradientReport) -> list[str]:
    lines = [f"PASS: {_summary(report)}"]
    if report.approximate:
        lines[0] += f", declared approximate to {report.approximate:.1e}"
    lines += _coverage(report)
    return lines + _warnings(report, but=HANDED_OVER)


def _not_passed(report: GradientReport, most: int) -> list[str]:
    """The lines of a report that is no pass, with so many findings, blocks, causes at most."""
    errors = [f for f in report.findings if f.severity == "error"]
    causes = _once(d for d in report.diagnoses if not _is_said(d, errors))
    first = errors[0].block if errors else None
    head = next((d for d in causes if not errors or (first and d.block == first)), None)
    if errors:
        lines = _worded(errors[0], causes).text(str(report.verdict)).splitlines()
        lines[0] += _besides(head, errors[0]) if head else _cause(errors[0], report.diagnoses)
    elif head:
        others = [b.label for b in report.wrong if b.name != head.block and not _is_of(head, b)]
        apart = others and head.block and not report.blame
        rest = f"; wrong too: {some(others, 3)}" if apart else ""
        lines = [f"{report.verdict}: {head.sentence}{_rivals(head, causes)}{rest}"]
    else:
        lines = [f"{report.verdict}: {_summary(report)}"]
    lines += _blamed(report, most)
    if report.approximate:
        lines.append(f"  note: the gradient was declared approximate to {report.approximate:.1e}")
    for finding in errors[1:most]:
        said = str(_worded(finding, causes)).splitlines()
        # Of several with one cause it is told once.
        lines += [said[0], *(line for line in said[1:] if line not in lines)]
    if len(errors) > most:
        more = counted(len(errors) - most, "more finding")
        lines.append(f"and {more}, in `report.findings`")
    lines += _table(report, most) + _details(report, most)
    lines += _explained(causes, head, errors[:most], most)
    if report.verdict == Verdict.INCONCLUSIVE and report.reason:
        lines.append(f"  help: {REASONS[report.reason].hint}")
    lines += _warnings(report)
    if report.reproduce and "\n" not in report.reproduce:
        lines.append(f"  reproduce: {report.reproduce}")
    return lines


def _is_said(diagnosis: Diagnosis, errors: Sequence[Finding]) -> bool:
    """Whether a finding has said all that a diagnosis says."""
    codes = {finding.code for finding in errors if finding.block == diagnosis.block}
    same = {"keepdims-forgotten": "rank-1"}.get(diagnosis.kind, diagnosis.kind)
    return diagnosis.kind in SAID and same in codes


def _once(diagnoses: Iterable[Diagnosis]) -> list[Diagnosis]:
    """Diagnoses without those of the second of two blocks that are said to be swapped."""
    found: list[Diagnosis] = []
    for d in diagnoses:
        told = [f.evidence for f in found if f.kind == d.kind == "swapped"]
        if not any(f"`{name}`" in text for name in (d.block, d.label) for text in told):
            found.append(d)
    return found


def _is_of(diagnosis: Diagnosis, block: BlockReport) -> bool:
    """Whether a diagnosis of two blocks that are swapped has told of this one."""
    return diagnosis.kind == "swapped" and f"`{block.label}`" in diagnosis.evidence


def _rivals(head: Diagnosis, causes: Sequence[Diagnosis]) -> str:
    """What else the evidence of the headline may mean, of one family of mistakes."""
    family = head.kind.partition("-")[0]
    also = [
        cause.meaning
        for cause in causes
        if (cause.block, cause.sure, cause.evidence) == (head.block, head.sure, head.evidence)
        and cause.kind.partition("-")[0] == family
        and cause.kind != head.kind
    ]
    words = [text.split() for text in (head.meaning, *also)]
    subject = [*takewhile(lambda alike: len(set(alike)) == 1, zip(*words, strict=False))]
    return "".join(f", or {' '.join(text[len(subject) :])}" for text in words[1:])


def _besides(diagnosis: Diagnosis, finding: Finding) -> str:
    """What a diagnosis adds to the message of a finding."""
    shape = _predicate(finding)
    if not diagnosis.evidence.startswith(shape):
        # It tells of the values, which were laid out as they should be.
        turned = finding.code == "transposed" and diagnosis.kind not in ANY_LAYOUT
        return f"; {'transposed, ' if turned else ''}it {diagnosis.evidence}"
    return diagnosis.evidence.removeprefix(shape) or f": {diagnosis.meaning}"


def _cause(finding: Finding, diagnoses: Sequence[Diagnosis]) -> str:
    """The usual cause of a finding, where a diagnosis says no more than that."""
    kinds = (d.kind for d in diagnoses if d.block == finding.block and d.kind in CAUSES)
    return "".join(f": {KINDS[kind].meaning}" for kind in list(kinds)[:1])


def _predicate(finding: Finding) -> str:
    """The message of a finding without the name of its block."""
    return finding.message.partition("` ")[2]


def _blamed(report: GradientReport, most: int) -> list[str]:
    """The equations to blame as they should read, and what inherits their mistakes."""
    if not report.blame:
        return []
    lines = []
    told = dict.fromkeys([*report.blame.equations, *report.blame.marks])
    for equation in list(told)[:most]:
        text = report.blame.texts.get(equation, f"the equation of {equation}")
        mark = report.blame.marks.get(equation, "wrong, given what it is computed from")
        lines.append(f"  {text}   <- {mark}")
    if report.blame.inherited:
        names = some(report.blame.inherited, quote="")
        lines.append(f"  inherited: {names}, right for the wrong gradients they are made from")
    return lines + ([f"  convention: {report.convention}"] if report.convention else [])


def _explained(
    causes: Sequence[Diagnosis], head: Diagnosis | None, errors: Sequence[Finding], most: int
) -> list[str]:
    """The diagnoses, without the sentence of the one in the headline and without repetitions."""
    lines: list[str] = []
    told, seen = {finding.help for finding in errors}, set[str]()
    shapes = {finding.block: _predicate(finding) for finding in errors}
    # That nothing explains a block is said in the headline alone.
    first = {cause.block: cause for cause in reversed(causes)}
    unknown = {b for b, c in first.items() if c.kind == "unexplained" and head and b != head.block}
    causes = [c for c in causes if c is head or c.kind != "unexplained"]
    causes = [c for c in causes if c.block not in unknown]
    for k, cause in enumerate(causes[:most]):
        before = causes[k - 1] if k else None
        same = before is not None and cause.block == before.block
        again = same and before is not None and _repeats(cause, before)
        shape = shapes.get(cause.block, "")
        text = cause.meaning if again else cause.sentence
        if shape and cause.evidence.startswith(shape):
            rest = cause.evidence.removeprefix(shape).lstrip(":;, ").removeprefix("and ")
            whole = not same and cause is not head and rest.startswith("is ")
            text = f"`{cause.label}` {rest}" if whole else rest or cause.meaning
        if cause is head:
            if cause.kind != "unexplained":
                lines.append(f"  cause[{cause.kind}]: {_share(cause)}")
        elif text not in seen:
            lines.append(f"  {'or' if same else 'cause'}: {text} ({_share(cause)})")
        seen.add(text)
        if cause.hint not in told:
            lines.append(f"  help: {cause.hint}")
        told.add(cause.hint)
    if len(causes) > most:
        lines.append(f"  and {len(causes) - most} more, in `report.diagnoses`")
    return lines


def _repeats(cause: Diagnosis, before: Diagnosis) -> bool:
    """Whether the evidence of a diagnosis is part of that of the one before."""
    return f"{before.evidence};".startswith(f"{cause.evidence};")


def _worded(finding: Finding, causes: Sequence[Diagnosis]) -> Finding:
    """The finding without what is said of any wrong shape, where a cause says more."""
    if finding.help != SHAPE_DUE:
        return finding
    if not any(c.block == finding.block or c.kind == "swapped" for c in causes):
        return finding
    return replace(finding, note=finding.note.replace(SHAPE_CAUSE, ""), help="")


def _share(cause: Diagnosis) -> str:
    """How sure a diagnosis is, and how much it explains."""
    if not cause.explains:
        return cause.sure
    return (
        f"{cause.sure}, explains {cause.explains} of {counted(cause.entries, 'entr', 'y', 'ies')}"
    )


def _warnings(report: GradientReport, but: str = "") -> list[str]:
    warnings = [f for f in report.findings if f.severity == "warning" and f.code != but]
    lines = [line for finding in warnings[:2] for line in str(finding).splitlines()]
    if len(warnings) > 2:
        lines.append(f"and {len(warnings) - 2} more warnings, in `report.findings`")
    return lines


def _summary(report: GradientReport) -> str:
    if report.verdict == Verdict.FAIL:
        wrong = [b for b in report.blocks.values() if b.count(Verdict.FAIL)]
        text = f"`{wrong[0].label}` has {wrong[0].size_of_mistake()}"
        others = [block.label for block in wrong[1:]]
        return f"{text}; wrong too: {some(others, 3)}" if others else text
    if report.verdict == Verdict.INCONCLUSIVE:
        unclear = [name for name, b in report.blocks.items() if b.verdict != Verdict.PASS]
        return f"{some(unclear)} could not be checked"
    return f"the {report.subject} agrees with its numerical derivatives"


def _coverage(report: GradientReport) -> list[str]:
    passed = sum(block.count(Verdict.PASS) for block in report.blocks.values())
    all_of = counted(report.entries, "entr", "y", "ies")
    text = all_of if passed == report.entries else f"{passed} of {all_of}"
    left = [
        re.split(" (is|are) no ", f.message)[0] for f in report.findings if f.code == HANDED_OVER
    ]
    of = some(list(report.blocks), quote="") + "".join(f", not of {names}" for names in left)
    resolved = f"resolution {report.resolution:.1e} {COULD_PASS}"
    if np.isnan(report.resolution):
        resolved = "no resolution: what passes lies between the slopes of kinks"
    lines = [
        f"checked: {text} of {of}, by {counted(report.evaluations, 'evaluation')} of "
        f"{report.evaluated}",
        resolved,
    ]
    if report.convention:
        lines[1] += f"; {report.convention}"
    unclear = [
        f"{b.block.entry(int(i))} ({b.reasons[i]})"
        for b in report.blocks.values()
        for i in np.flatnonzero(b.verdicts != Verdict.PASS)
    ]
    if unclear:
        lines[0] += f"; {len(unclear)} inconclusive: {some(unclear, quote='')}"
    return lines


def _table(report: GradientReport, most: int) -> list[str]:
    if not report.blocks:
        return []
    rows = [("block", "shape", "verdict", "resolution", "")]
    for block in report.blocks.values():
        resolution = "-" if np.isnan(block.resolution) else f"{block.resolution:.1e}"
        rows.append(
            (
                block.name,
                str(tuple(block.shape)),
                str(block.verdict),
                resolution,
                _remark(report, block),
            )
        )
    room = 12 if most == SHOWN else 2 * most
    if len(rows) > room + 1:
        bad = [row for row in rows[1:] if row[2] != "PASS"][:room]
        rest = len(rows) - 1 - len(bad)
        rows = [rows[0], *bad, (f"and {rest} more blocks", "", "", "", "")]
    wide = [max(len(row[k]) for row in rows) for k in range(4)]
    return [
        f"  {a:{wide[0]}}  {b:{wide[1]}}  {c:{wide[2]}}  {d:>{wide[3]}}  {e}".rstrip()
        for a, b, c, d, e in rows
    ]


def _remark(report: GradientReport, block: BlockReport) -> str:
    if block.count(Verdict.FAIL):
        return block.size_of_mistake()
    codes = [f.code for f in report.findings if f.block == block.name and f.severity == "error"]
    if codes:
        return ", ".join(dict.fromkeys(codes))
    unclear = block.entries - block.count(Verdict.PASS)
    if unclear:
        kinks = block.count(Verdict.KINK)
        return f"{unclear} of {block.entries} inconclusive" + (
            f", {kinks} at kinks" if kinks else ""
        )
    return "" if block.entries else "not compared"


def _details(report: GradientReport, most: int) -> list[str]:
    lines: list[str] = []
    blamed = report.diagnoses[0].block if report.blame and report.diagnoses else None
    for block in sorted(report.blocks.values(), key=lambda block: block.name != blamed):
        if block.verdict == Verdict.PASS or not block.entries or len(lines) >= 2 * most:
            continue
        shown = [e for e in block.worst(most) if e.verdict != Verdict.PASS]
        lines += [f"  {entry}" for entry in shown[: 2 if lines else most]]
    return lines


def counted(n: int, noun: str, one: str = "", many: str = "s") -> str:
    """A number of things: ``counted(2, "entr", "y", "ies")`` is ``2 entries``."""
    return f"{n} {noun}{one if n == 1 else many}"


def _wrapped(line: str) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line, COLUMNS, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True
    )


def _colored(line: str, verdict: str) -> str:
    """The line with its verdict in bold and color."""
    return line.replace(verdict, f"\x1b[1;{COLORS[verdict]}m{verdict}\x1b[0m", 1)
