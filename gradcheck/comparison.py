"""Claimed values against measured ones: measure all, decide, refine what is open.

One function, `compare`. It knows nothing of blocks' names or of the user's structures; its
arrays have a row for each entry of the point that is varied and a column for each output of
the function, which for a cost is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gradcheck.corners import slopes_about
from gradcheck.differences import (
    AMPLIFICATION,
    CONFIDENCE,
    SAFETY,
    Differences,
    Indices,
    Nature,
    Point,
    first_pass,
    on_circle,
)
from gradcheck.ladder import Ladder, ladder
from gradcheck.noise import DISTANT, Values, jumps_nearby
from gradcheck.stairs import hidden_in_stairs
from gradcheck.verdict import SINGLE, Decision, OnKink, Verdict, decide, settled

__all__ = ["Comparison", "Method", "Rules", "compare", "worst_first"]

BATCH = 64
"""Rows of a group that are refined at first. Where so many fail, the rest is left."""

Method = Literal["auto", "centered", "complex"]

TINY_SHARE, JUMPS = 1e-2, 500.0
"""A difference below this share of its block, and below so many jumps of the cost for each unit
of the entry, may be due to what makes it jump. Of inner solvers stopped early, the differences
seen were up to 6e-3 of the block, mostly up to 35 jumps and never beyond 300."""

STRAY = 8
"""Where kinks meet, so many entries of a right gradient, at most, were seen to hide theirs."""

SMALL = 1e-6
"""An entry below this share of the largest, if that is beyond `DISTANT`, may have a scale of its
own, for which the others' steps are too long. It is not blamed unless steps as small as itself bear
that out, and it does not pass if they know another slope, or if noise would hide one as steep as
its block. (Beside entries of size 1 it is dust, such as the 6e-17 of ``cos(pi / 2)``.)"""


@dataclass(frozen=True)
class Rules:
    """What the user may set: see `check_gradient`."""

    resolution: float
    approximate: float
    on_kink: OnKink
    method: Method = "auto"


@dataclass(frozen=True)
class Comparison:
    """What was measured, and the verdicts on it; arrays of shape (q, p).

    Attributes
    ----------
    found : Differences
    decision : Decision
    curves : ndarray of object
        A `Curve` for the worst entry of each group that does not pass, as far as its steps
        were made; None elsewhere.
    """

    found: Differences
    decision: Decision
    curves: NDArray[np.object_]

    def transposed(self) -> Comparison:
        """The same, with outputs for rows and entries for columns."""
        return self._each(np.transpose)

    def rows(self, which: slice | Indices) -> Comparison:
        """Those of some entries."""
        return self._each(lambda array: array[which])

    def _each(self, change: Callable[[Any], Any]) -> Comparison:
        found = {name: change(array) for name, array in vars(self.found).items()}
        decision = {name: change(array) for name, array in vars(self.decision).items()}
        return Comparison(Differences(**found), Decision(**decision), change(self.curves))


@np.errstate(all="ignore")
def compare(
    point: Point,
    entries: Indices,
    claim: Values,
    *,
    group: Indices,
    eps: Values,
    own_noise: Callable[[], Values | None],
    rules: Rules,
    alive: bool = False,
) -> Comparison:
    """Verdicts on claimed derivatives of a function at a point.

    Parameters
    ----------
    point : Point
    entries : ndarray of int, shape (q,)
        Which entries of the point to vary.
    claim : ndarray, shape (q, p)
        The derivatives claimed.
    group : ndarray of int, shape (q, p)
        The block that each belongs to, whose largest entry sets the scale.
    eps : ndarray, shape (q, 1)
        Rounding unit of the claim.
    own_noise : callable
        Standard deviation of the noise in the claim itself, shape (q, p), if it can be had.
        Asked for only before something is held against the claim.
    rules : Rules
    alive : bool
        Whether the values of the function have been checked, so that even where nothing moves
        they set a scale: zero is what a derivative must be, compared with them.

    Returns
    -------
    Comparison
    """
    units = point.scale[entries][:, None]
    if rules.method == "complex" and point.f_complex is not None:
        found = on_circle(point, entries)
        suspect = np.zeros(claim.shape, dtype=bool)
    else:
        found, suspect = first_pass(point, entries)
    finer_agree, coarser_agree, skipped, unsteady, torn, hidden, unlike, drowned = (
        np.zeros(claim.shape, dtype=bool) for _ in range(8)
    )
    own = np.abs(point.x[entries])
    largest = np.abs(point.x).max(initial=0.0)
    tiny = (own > 0) & (own < SMALL * largest) & (largest > DISTANT)
    block, _ = _sizes(claim, found, group, units)
    coarse = np.where(point.noise.stairs, SINGLE, 0.0)
    rounding = np.maximum(4 * eps, coarse) * block
    unsettled = suspect | ~settled(claim, found, block, rounding)
    if rules.method == "auto" and point.f_complex is not None:
        rows = np.flatnonzero((unsettled & ~suspect).any(axis=1))
        # One trial shows whether the function takes complex points at all.
        if rows.size and np.isfinite(point.f_complex(point.x[None] + 0j)).all():
            circled = on_circle(point, entries[rows])
            done = settled(claim[rows], circled, block[rows], rounding[rows]).all(axis=1)
            found = _merged(found, rows[done], circled.rows(np.asarray(done)))
            unsettled[rows[done]] = False
    open_rows = np.flatnonzero(unsettled.any(axis=1))

    ladders: list[tuple[Indices, Ladder]] = []

    def refine(rows: Indices) -> None:
        nonlocal found
        if rows.size:
            finer = ladder(point, entries[rows])
            ladders.append((rows, finer))
            found = _merged(found, rows, finer.differences)
            finer_agree[rows] = finer.finer_steps_support(claim[rows])
            coarser_agree[rows] = finer.coarser_steps_support(claim[rows])
            torn[rows] = finer.gaps
            small = tiny[rows, None]
            hidden[rows] = small & ~finer.steps_within_tell(own[rows], claim[rows])
            unlike[rows] = small & finer.finer_steps_contradict()
            still = finer.differences.nature == Nature.FLAT
            blur = CONFIDENCE * point.noise.sigma / own[rows, None]
            drowned[rows] = small & ~still & (blur > rules.resolution * block[rows])

    def decision() -> Decision:
        # What a claim says of an edge, where slopes have no limit, is no scale for the others.
        edge = (found.nature == Nature.EDGE) | (found.nature == Nature.OUTSIDE)
        block, whole = _sizes(np.where(edge, 0.0, claim), found, group, units)
        if alive:
            whole = np.maximum(whole, np.abs(point.value).max() / units)
        made = decide(
            claim,
            found,
            block,
            whole,
            rounding,
            stairs=point.noise.stairs,
            resolution=rules.resolution,
            approximate=rules.approximate,
            on_kink=rules.on_kink,
        )
        made = made.because(torn, "gaps").excused(hidden, "noise")
        # The middle of two slopes is what steps of all sizes see at a kink: no excuse for it.
        strict = (found.nature == Nature.KINK) & (rules.on_kink == "fail")
        made = made.excused(finer_agree & ~strict, "rough")
        made = made.excused(unsteady & ~strict, "unsteady")
        made = made.excused(unlike, "rough", even_passes=True)
        made = made.excused(drowned & (made.verdict == Verdict.PASS), "noise", even_passes=True)
        return made.excused(skipped, "skipped", even_passes=True)

    early, late = _split(open_rows, group[:, 0])
    refine(early)
    if late.size:
        lost = np.bincount(group[decision().verdict == Verdict.FAIL], minlength=group.max() + 1)
        hopeless = lost[group[late, 0]] >= BATCH
        refine(late[~hopeless])
        skipped[late[hopeless]] = unsettled[late[hopeless]]

    made = decision()
    if (made.verdict == Verdict.FAIL).any():
        scatter = own_noise()
        if scatter is not None:
            rounding = rounding + CONFIDENCE * SAFETY * scatter
            made = decision()
    off = np.abs(claim - found.derivative)
    small = off <= TINY_SHARE * block
    if ((small | coarser_agree) & (made.verdict == Verdict.FAIL)).any():
        finer_agree |= coarser_agree & point.rough
        unsteady |= (off <= SINGLE * block) & point.rough
        made = decision()
    at_issue = small & (made.verdict == Verdict.FAIL)
    if at_issue.any():
        enough = np.where(at_issue, off * units / JUMPS, 0.0).max(axis=0)
        height = jumps_nearby(point.f, point.x, point.noise.sigma, point.spacing, enough)
        unsteady |= small & (off * units <= JUMPS * height)
        made = decision()
    if (made.verdict == Verdict.FAIL).any():
        accused = np.where(made.verdict == Verdict.FAIL, claim, np.nan)
        covered = [np.zeros((1, claim.shape[1]))]
        for rows, finer in ladders:
            hiding = hidden_in_stairs(point, entries[rows], finer, accused[rows])
            covered.append(hiding * units[rows])
        # The same stairs lie beside the other entries, beyond their longest steps perhaps.
        if coarser_agree.any():
            covered.append(np.where(coarser_agree & point.rough, off * units, 0.0))
        unsteady |= off * units <= np.concatenate(covered).max(axis=0)
        made = decision()
    wrong = made.verdict == Verdict.FAIL
    kink = found.nature == Nature.KINK
    corner = kink & wrong
    # Where steps reach beyond the kinks of other entries, a bar of more than noise may hide one.
    nearest = np.fmin.reduce(np.where(kink, found.distance, np.nan), axis=None)
    least = SAFETY * AMPLIFICATION * CONFIDENCE * point.noise.sigma / found.step
    beyond = wrong & ~kink & (found.step > nearest) & (found.error > 1.25 * least)
    if np.count_nonzero(beyond) <= STRAY:
        corner |= beyond
    rows = np.flatnonzero(corner.any(axis=1))
    if rows.size and rules.on_kink != "fail":
        low, high = slopes_about(point, entries, found, rows)
        met = np.zeros(claim.shape, dtype=bool)
        met[rows] = (claim[rows] >= low) & (claim[rows] <= high)
        made = made.excused(met & corner, "corner")
    found = _held_against(claim, found, made)
    return Comparison(found, made, _curves(claim, found, made, group, ladders))


def worst_first(
    claim: Values, derivative: Values, verdict: NDArray[np.object_], resolution: Values
) -> Indices:
    """Places in flat arrays: wrong entries, then unclear ones, by how far they are off."""
    rank = [Verdict.PASS, Verdict.KINK, Verdict.INCONCLUSIVE, Verdict.FAIL]
    severity = np.array([rank.index(v) for v in verdict], dtype=int)
    off = np.nan_to_num(np.abs(claim - derivative), nan=np.inf)
    return np.lexsort((np.where(severity == 0, resolution, off), severity))[::-1]


def _curves(
    claim: Values,
    found: Differences,
    made: Decision,
    group: Indices,
    ladders: list[tuple[Indices, Ladder]],
) -> NDArray[np.object_]:
    """What the steps say of the worst entry of each group that does not pass."""
    curves = np.full(claim.shape, None, dtype=object)
    refined = np.zeros(claim.shape, dtype=bool)
    for rows, _ in ladders:
        refined[rows] = True
    open_here = refined & (made.verdict != Verdict.PASS)
    for g in np.unique(group[open_here]):
        places = np.flatnonzero(open_here & (group == g))
        of = (claim, found.derivative, made.verdict, made.resolution)
        worst = places[worst_first(*(array.ravel()[places] for array in of))[0]]
        row, column = divmod(int(worst), claim.shape[1])
        for rows, finer in ladders:
            for k in np.flatnonzero(rows == row):
                curves[row, column] = finer.curve(int(k), column)
    return curves


def _held_against(claim: Values, found: Differences, made: Decision) -> Differences:
    """`found` with the nearer slope of a kink, in place of their middle, where a claim fails."""
    wrong = (found.nature == Nature.KINK) & (made.verdict == Verdict.FAIL)
    nearer = np.clip(claim, np.fmin(found.left, found.right), np.fmax(found.left, found.right))
    return replace(found, derivative=np.where(wrong, nearer, found.derivative))


def _sizes(
    claim: Values, found: Differences, group: Indices, units: Values
) -> tuple[Values, Values]:
    """Largest entry of each one's block, and of the whole in the units of each one.

    The units are those in which an entry is varied: what counts is how much the function
    changes, and an entry of size 1000 is varied by steps of that size.
    """
    known = found.error < 0.5 * np.abs(found.derivative)
    measured = np.where(known, np.abs(found.derivative), 0.0)
    size = np.fmax(np.where(np.isfinite(claim), np.abs(claim), 0.0), measured)
    # A claim far too large is no scale, least of all for the others.
    size = np.fmin(size, np.abs(found.derivative) + found.error)
    block = np.zeros(group.max() + 1)
    np.maximum.at(block, group, size)
    return block[group], np.max(size * units) / units + np.zeros(claim.shape)


def _merged(found: Differences, rows: Indices, finer: Differences) -> Differences:
    """`found` with some rows replaced by what the ladder says of them."""
    merged = {name: array.copy() for name, array in vars(found).items()}
    for name, array in merged.items():
        array[rows] = getattr(finer, name)
    return Differences(**merged)


def _split(rows: Indices, group: Indices) -> tuple[Indices, Indices]:
    """The first `BATCH` rows of each group, and the others."""
    early = np.zeros(rows.size, dtype=bool)
    for g in np.unique(group[rows]):
        early[np.flatnonzero(group[rows] == g)[:BATCH]] = True
    return rows[early], rows[~early]
