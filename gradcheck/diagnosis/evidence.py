"""What a failing check hands to its diagnosis: suspects, names, and a few more evaluations.

>>> diagnoses = explain(point, cost, claim, comparison, findings, names)  # doctest: +SKIP

`hypotheses` and `diagnosis` know arrays alone. Here they are cut out of what `check` has: each
block with its claim, its measured derivative and the bar, and, asked for only where a guess
needs it, second derivatives and the growth of the cost far away.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from gradcheck.comparison import Comparison
from gradcheck.diagnosis import Diagnosis, diagnose
from gradcheck.diagnosis.ablation import CALLS, Examples, StandIns, penalty_of
from gradcheck.diagnosis.elsewhere import Elsewhere
from gradcheck.diagnosis.names import Names
from gradcheck.diagnosis.patterns import PLACES
from gradcheck.diagnosis.shapes import of_findings
from gradcheck.diagnosis.suspect import Setting, Suspect
from gradcheck.differences import FIRST, Indices, Nature, Point, first_pass
from gradcheck.findings import Finding
from gradcheck.functions import Cost
from gradcheck.noise import Values
from gradcheck.parameters import Block
from gradcheck.structure import Claim
from gradcheck.verdict import Verdict

__all__ = ["explain", "suspects"]

SHARE = 10
"""Less than one in so many of the evaluations made so far are for the diagnosis."""

PENALTY = 8
"""Evaluations that show what one number among the arguments does."""

FAR = 2.0**20
"""How far out, in sizes of the block, its penalty outgrows everything else."""


def explain(
    point: Point,
    cost: Cost,
    claim: Claim,
    comparison: Comparison | None,
    findings: Sequence[Finding],
    names: Names,
    *,
    elsewhere: Elsewhere | None = None,
    inner: bool = False,
    scale: float = 1.0,
) -> tuple[Diagnosis, ...]:
    """The kinds of mistake that explain a gradient that has failed.

    Parameters
    ----------
    point : Point
    cost : Cost
    claim : Claim
    comparison : Comparison, optional
        None if nothing could be compared.
    findings : sequence of Finding
        Among them those about shapes, whose blocks are compared as far as they can be.
    names : Names
    elsewhere : Elsewhere, optional
        The gradient at other points, if it can be called.
    inner : bool
        Whether the block is an intermediate of a forward pass.
    scale : float
        The user's own numbers are so many times those that are compared.

    Returns
    -------
    tuple of Diagnosis
    """
    seen = suspects(point.x, claim, comparison) if comparison else {}
    by_name = {block.name: block for block in cost.layout.blocks}
    limit = cost.evaluations + (cost.evaluations - 1) // SHARE

    def curvature(name: str, places: Indices) -> tuple[Values, Values]:
        room = max(limit - cost.evaluations, 0) // CALLS
        if not room:
            return np.empty(0), np.empty(0)
        return _curvature(point, by_name[name], places[:room])

    @cache
    def penalty(name: str, power: int) -> float:
        room = cost.evaluations + PENALTY <= limit
        return _penalty(cost, point, seen[name], power) if room else np.nan

    def still(name: str) -> bool:
        if elsewhere is None or cost.evaluations + CALLS > limit:
            return False
        return elsewhere.is_still(point, by_name[name])

    setting = Setting(
        names=names,
        inner=inner,
        scale=scale,
        curvature=curvature,
        penalty=penalty,
        still=still,
        stepping=elsewhere.stepping if elsewhere else frozenset(),
        examples=Examples.of(cost, point, names, limit),
        stand_ins=StandIns.of(cost, point, limit),
    )
    beside = {}
    for name, array in claim.misshapen.items():
        if name not in seen:
            block = by_name[name]
            room = limit - cost.evaluations >= CALLS * block.size
            steps = room and _may_be_summed(array, block)
            beside[name] = _measured(point, block, steps=steps)
    structural = of_findings(findings, claim.misshapen, {**beside, **seen}, names)
    done = {d.block for d in structural if d.sure == "certain" and d.kind != "conjugated"}
    wrong = [name for name, suspect in seen.items() if suspect.wrong.any() and name not in done]
    told = {(d.block, d.kind) for d in structural}
    found, blocks = [*structural], {block for block, _ in told}
    for guessed in diagnose(seen, wrong, setting):
        # Where a finding says what is wrong, the place alone adds nothing.
        vague = guessed.kind in PLACES and blocks & {guessed.block, None}
        if not vague and (guessed.block, guessed.kind) not in told:
            found.append(guessed)
    return tuple(d.labelled(claim.labels) for d in found)


def suspects(x: Values, claim: Claim, comparison: Comparison) -> dict[str, Suspect]:
    """Every block that was compared, as arrays of its shape."""
    found = {}
    for block, rows in claim.rows:
        made = comparison.rows(rows)
        values = claim.values[block.name]
        # Where a block has failed, not every entry is refined; what is off is wrong all the same.
        skipped = made.decision.reason[:, 0] == "skipped"
        off = np.abs(values - made.found.derivative[:, 0]) > made.found.error[:, 0]
        failed = made.decision.verdict[:, 0] == Verdict.FAIL
        rounding = 4 * claim.eps[block.name] * np.abs(values[np.isfinite(values)]).max(initial=0.0)
        found[block.name] = _suspect(
            block,
            values,
            made.found.derivative[:, 0],
            made.found.error[:, 0] + rounding,
            x[block.slice],
            failed | (skipped & off),
            block.name in claim.whole,
            ~failed & (made.decision.verdict[:, 0] != Verdict.PASS) & ~(skipped & ~off),
            failed & (made.found.nature[:, 0] == Nature.KINK),
        )
    return found


def _suspect(
    block: Block,
    claim: Values,
    truth: Values,
    bar: Values,
    at: Values,
    wrong: Any,
    whole: bool = False,
    unsure: Any = None,
    kinks: Any = None,
) -> Suspect:
    flags = [np.zeros(claim.size, dtype=bool) if a is None else a for a in (wrong, unsure, kinks)]
    if block.is_complex:
        claim, truth, at = (part[0::2] + 1j * part[1::2] for part in (claim, truth, at))
        bar, flags = np.hypot(bar[0::2], bar[1::2]), [a[0::2] | a[1::2] for a in flags]
    claim, truth, bar, at, wrong, unsure, kinks = (
        a.reshape(block.shape) for a in (claim, truth, bar, at, *flags)
    )
    return Suspect(block.name, claim, truth, bar, at, wrong, whole, unsure, kinks)


def _may_be_summed(array: Values, block: Block) -> bool:
    """Whether sums of what came, or one sum of what is due, may lie beside each other."""
    return array.size == 1 or (array.size > block.size and array.size % max(block.size, 1) == 0)


def _measured(point: Point, block: Block, *, steps: bool) -> Suspect:
    """A block whose claim cannot be laid beside it; two steps tell its derivative well enough.

    They are made only where it can be of use.
    """
    nothing = np.full(block.size, np.nan)
    truth = error = nothing
    if steps:
        found, _ = first_pass(point, np.arange(block.start, block.stop))
        truth, error = found.derivative[:, 0], found.error[:, 0]
    return _suspect(
        block,
        nothing,
        truth,
        error,
        point.x[block.slice],
        np.ones(block.size, dtype=bool),
    )


def _curvature(point: Point, block: Block, places: Indices) -> tuple[Values, Values]:
    """Second and third derivatives by some entries, from four evaluations each."""
    entries = block.start + places
    h = point.scale[entries] * np.exp2(-np.array(FIRST, dtype=float)[:, None])
    steps = point.steps(entries, h)
    bend, slope = steps.bend[..., 0], steps.slope[..., 0]
    return bend[0] / h[0], 6 * (slope[0] - slope[1]) / (h[0] ** 2 - h[1] ** 2)


def _penalty(cost: Cost, point: Point, suspect: Suspect, power: int) -> float:
    """The factor of a penalty: from the cost without it, or else from the cost far out."""
    base = suspect.at if power else np.sign(suspect.at)
    found = penalty_of(cost, point, suspect.name, suspect.truth, suspect.bar, base)
    if found and not np.isnan(found):
        return found
    # No number among the arguments is its factor, which may stand in the cost all the same.
    if not power:
        return np.nan
    block = next(b for b in cost.layout.blocks if b.name == suspect.name)
    return _quadratic(point, block, suspect.truth)


@np.errstate(all="ignore")
def _quadratic(point: Point, block: Block, truth: Values) -> float:
    """The `q` of a cost that grows as ``q/2 |block|^2`` in all directions alike, else NaN.

    A loss of bounded slope, such as the logistic one, is outgrown by a quadratic penalty far
    out. A loss that is itself quadratic is not, but grows otherwise along another direction, or
    has its least value elsewhere than at 0, as its slope at the point tells.
    """
    at = point.x[block.slice]
    size = float(at @ at)
    if block.size < 2 or size == 0:
        return np.nan
    signs = np.resize([1.0, -1.0, -1.0, 1.0, 1.0], block.size)
    found = []
    for direction in (at, signs * np.roll(np.abs(at), 1)):
        points = np.repeat(point.x[None], 3, axis=0)
        points[:, block.slice] = np.multiply.outer(FAR * np.array([1.0, 1.5, 2.0]), direction)
        low, middle, high = point.f(points).ravel()
        found.append((low - 2 * middle + high) / (0.5 * FAR) ** 2 / size)
        if direction is at:
            q = found[0] * size
            start = (middle - low) / (0.5 * FAR) - 1.25 * FAR * q
            slope = float(truth.ravel() @ at)
            close = 1e-6 * (abs(start) + abs(q) + abs(slope))
            # A cost that is linear in the block has a slope at 0, and no penalty.
            if min(abs(start), abs(q)) > close and abs(start + q - slope) <= close:
                return np.nan
    alike = abs(found[0] - found[1]) <= 1e-5 * max(map(abs, found)) + 1e-12
    return float(found[0]) if alike else np.nan
