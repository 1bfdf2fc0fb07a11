"""What findings about structure mean: the mistakes that give a block a wrong shape.

>>> of_findings(findings, claim.misshapen, suspects, names)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from gradcheck.diagnosis.cause import Diagnosis
from gradcheck.diagnosis.kinds import KINDS
from gradcheck.diagnosis.names import Names
from gradcheck.diagnosis.suspect import Array, Sure, Suspect, sureness
from gradcheck.findings import Finding
from gradcheck.structure import axis_of_examples

__all__ = ["of_findings"]


def of_findings(
    findings: Sequence[Finding],
    misshapen: Mapping[str, Array],
    suspects: Mapping[str, Suspect],
    names: Names,
) -> list[Diagnosis]:
    """What the findings about structure mean, as diagnoses.

    Parameters
    ----------
    findings : sequence of Finding
    misshapen : mapping of str to ndarray
        What came for the blocks of wrong shape.
    suspects : mapping of str to Suspect
        All blocks whose derivative was measured.
    names : Names

    Returns
    -------
    list of Diagnosis
    """
    found: list[Diagnosis] = []
    for finding in findings:
        if finding.severity != "error" or finding.code == "not-finite":
            continue
        name = finding.block
        if name is not None and name in misshapen:
            found += _of_shape(finding, misshapen[name], suspects[name], suspects, names)
        elif finding.code in KINDS:
            suspect = suspects.get(name or "")
            entries = suspect.claim.size if suspect else 0
            found.append(_structural(finding.code, name, 0, entries, finding.message, finding.help))
    return found


def _structural(
    kind: str, block: str | None, explains: int, entries: int, evidence: str, hint: str = ""
) -> Diagnosis:
    told = evidence.removeprefix("the gradient ")
    told = told.partition("` ")[2] if block and told.startswith("`") else told
    told = "is missing from the gradient" if kind == "missing-block" and block else told
    return Diagnosis(kind, block, explains, entries, "certain", told, hint or KINDS[kind].hint)


def _of_shape(
    finding: Finding,
    came: Array,
    suspect: Suspect,
    suspects: Mapping[str, Suspect],
    names: Names,
) -> Iterator[Diagnosis]:
    """The mistakes that give a block a wrong shape."""
    name, entries, code = suspect.name, suspect.claim.size, finding.code
    right = int(np.count_nonzero(~suspect.wrong & suspect.known))
    shape = f"has shape {came.shape}, expected {suspect.shape}"
    column = suspect.shape[1:] == (1,)
    keep = ", keepdims=True" if len(suspect.shape) > 1 else ""
    sum_with = f"sum over the examples: np.sum(..., axis={int(column)}{keep})"

    def says(
        kind: str, explains: int, evidence: str, hint: str = "", sure: Sure = "certain"
    ) -> Diagnosis:
        told = _structural(kind, name, explains, entries, evidence, hint or finding.help)
        return replace(told, sure=sure)

    for other in suspects.values():
        if other.name == name or other.shape != came.shape or other.shape == suspect.shape:
            continue
        fits = np.abs(came - other.truth) <= other.bar + 1e-9 * np.abs(other.truth)
        if fits[np.isfinite(other.bar)].all():
            mutual = not np.isfinite(other.claim).all() or other.wrong.any()
            kind = "swapped" if mutual else "another-block"
            evidence = f"{shape}, and is the gradient of `{other.name}`"
            found = says(kind, came.size, evidence, KINDS[kind].hint)
            yield replace(found, entries=came.size, sure=sureness(came.size, came.size))
            return
    if code == "scalar-bias" or (came.size == 1 < entries):
        total = suspect.truth.sum()
        ratio = complex(came.item() / total) if total else np.nan
        factor = [] if abs(ratio - 1) < 1e-6 else names.of_factor(np.real(ratio), 1e-6)
        is_sum = bool(abs(ratio - 1) < 1e-6 or factor)
        besides = f", {np.real(ratio):.6g} times; {factor[0]}" if factor else ""
        evidence = f"{shape}: one number" + (f", the sum of what is due{besides}" * is_sum)
        # With one example, a sum over the units alone is of this shape too.
        alone = came.ndim == 2 and any(1 in array.shape for _, array in names.data)
        rivals = entries == 1 or (code == "scalar-bias" and alone)
        sure: Sure = "possible" if not is_sum else "likely" if rivals else "certain"
        vector = len(suspect.shape) == 1
        hint = sum_with if vector else ""
        yield says("summed-over-all-axes", entries if is_sum else 0, evidence, hint, sure)
        if code == "scalar-bias" and alone:
            words = f"{shape}: one number, as for each example"
            yield says("summed-over-wrong-axis", 0, words, sum_with, "possible")
        if entries == 1:
            yield says("keepdims-forgotten", right, shape, sure="likely")
        return
    axis = axis_of_examples(suspect.shape, came.shape)
    if axis is not None and code == "not-summed":
        count = came.shape[axis]
        parts = f"its {count} {('rows', 'columns')[axis] if suspect.shape else 'numbers'}"
        total = came.sum(axis=axis).reshape(suspect.shape)
        evidence = f"{shape}: {parts} are one for each example"
        for words, values in (("sum", total), ("mean", total / count)):
            if _near(values, suspect):
                evidence, right = f"{shape}: the {words} of {parts} is what is due", entries
                break
        if right == entries or count in names.examples:
            sure = sureness(right, entries)
            yield says("not-summed", right, evidence, finding.help, sure)
            if came.size == count and suspect.shape:
                yield says("summed-over-wrong-axis", right, shape, finding.help, sure)
            return
    total = abs(came.sum() - suspect.truth.sum())
    if code == "row-vector" and right < entries and total <= suspect.bar.sum() + 1e-9:
        words = f"{shape}, and the total of what is due"
        yield says("summed-over-wrong-axis", 0, words, sum_with, "possible")
        return
    square = came.ndim == 2 and came.shape == (entries, entries)
    if square and (np.abs(came - suspect.truth.ravel()) <= 1e-9 + suspect.bar.ravel()).all():
        evidence = f"{shape}: it grew by broadcasting, as every row is what is due"
        yield says("keepdims-forgotten", entries, evidence, "sum with keepdims=True, or reshape")
        return
    if code in ("wrong-shape", "not-summed"):
        for axis in map(int, np.flatnonzero(np.array(came.shape) > 1)):
            for words, total in (("sum", came.sum(axis=axis)), ("mean", came.mean(axis=axis))):
                if total.size == entries and _near(total.reshape(suspect.shape), suspect):
                    evidence = f"{shape}, and the {words} over axis {axis} is what is due"
                    keep = ", keepdims=True" if suspect.claim.ndim == came.ndim else ""
                    hint = f"take the {words} over axis {axis}: np.{words}(..., axis={axis}{keep})"
                    yield says("not-summed", entries, evidence, hint, sureness(entries, entries))
                    return
    kinds = {"rank-1": "keepdims-forgotten", "row-vector": "row-vector", "transposed": "transposed"}
    kind, hint = kinds.get(code, "wrong-shape"), KINDS["wrong-shape"].hint
    if kind != "wrong-shape":
        hint = finding.help
    elif _of_examples(came, suspect, names):
        kind, shape = "summed-over-wrong-axis", f"{shape}: one number for each example"
        hint = sum_with
    same = right == entries
    # Wrong values are diagnosed apart from their shape.
    off = not same and np.isfinite(suspect.claim).all()
    told = "; the values are right" if same else ", and wrong values" if off and entries else ""
    diagnosis = says(kind, right, shape + told, hint, "likely" if off else "certain")
    yield diagnosis
    vector = min(suspect.shape, default=1) == 1
    if kind == "row-vector" and same and vector and not suspect.name.startswith("b"):
        yield replace(diagnosis, kind="transposed", sure="likely")


def _near(values: Array, suspect: Suspect) -> bool:
    """Whether values are the derivatives that were measured, within their bars."""
    width = suspect.bar + 1e-9 * np.abs(suspect.truth)
    return bool((np.abs(values - suspect.truth) <= width).all())


def _of_examples(came: Array, suspect: Suspect, names: Names) -> bool:
    """Whether a shape is that of a vector with a number for each example."""
    return came.size in names.examples and sorted(came.shape)[:-1] == [1] * (came.ndim - 1)
