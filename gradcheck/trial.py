"""Claimed values on trial: what was measured, what it decides, and what speaks for the claim.

>>> trial = Trial(point, entries, claim, group, rounding, rules)  # doctest: +SKIP
>>> trial.measure()  # doctest: +SKIP
>>> trial.decision  # doctest: +SKIP

Bars rest on what steps along each entry show. Before a claim is blamed, it is asked what may not
show there: the rounding of the claim itself, and a function that is rough, jumps, goes on in
stairs, or has kinks where it was thought to be smooth. Each question has its price in evaluations
and is put only while something fails, the cheapest first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gradcheck.corners import slopes_about
from gradcheck.differences import (
    AMPLIFICATION,
    CONFIDENCE,
    SAFETY,
    Bools,
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

__all__ = ["Method", "Rules", "Trial"]

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


@dataclass
class Trial:
    """Claimed derivatives, and all that is known of them so far; arrays of shape (q, p).

    Attributes
    ----------
    point : Point
    entries : ndarray of int, shape (q,)
        Which entries of the point to vary.
    claim : ndarray
        The derivatives claimed.
    group : ndarray of int
        The block that each belongs to, whose largest entry sets the scale.
    eps : ndarray, shape (q, 1)
        Rounding unit of the claim.
    own_noise : callable
        Standard deviation of the noise in the claim itself, if it can be had.
    rules : Rules
    alive : bool
        Whether the values of the function have been checked, so that even where nothing moves
        they set a scale.
    found : Differences
        What was measured last.
    block : ndarray
        Largest entry of the block that each belongs to.
    rounding : ndarray
        Rounding error of the claim.
    unsettled : ndarray of bool
        What two steps, or a circle, leave open.
    ladders : list
        What many steps say, and of which rows.
    excuses : dict of ndarray of bool
        By reason, what is not blamed though it fails.
    doubts : dict of ndarray of bool
        By reason, what does not even pass.
    """

    point: Point
    entries: Indices
    claim: Values
    group: Indices
    eps: Values
    own_noise: Callable[[], Values | None]
    rules: Rules
    alive: bool
    found: Differences = field(init=False)
    block: Values = field(init=False)
    rounding: Values = field(init=False)
    unsettled: Bools = field(init=False)
    ladders: list[tuple[Indices, Ladder]] = field(default_factory=list)
    excuses: dict[str, Bools] = field(init=False)
    doubts: dict[str, Bools] = field(init=False)

    def __post_init__(self) -> None:
        self.excuses = {name: self._none() for name in ("noise", "rough", "unsteady", "corner")}
        self.doubts = {name: self._none() for name in ("rough", "noise", "skipped")}
        self._gaps, self._coarser_agree = self._none(), self._none()
        self._jumps: Values | None = None
        self._enough: Values = np.zeros(self.claim.shape[1])

    def _none(self) -> Bools:
        return np.zeros(self.claim.shape, dtype=bool)

    @property
    def units(self) -> Values:
        """Steps are in proportion to these, shape (q, 1)."""
        return self.point.scale[self.entries][:, None]

    def measure(self) -> None:
        """Two steps for each entry, or a circle in the complex plane."""
        point, entries, claim, method = self.point, self.entries, self.claim, self.rules.method
        if method == "complex" and point.f_complex is not None:
            self.found, suspect = on_circle(point, entries), self._none()
        else:
            self.found, suspect = first_pass(point, entries)
        self.block, _ = _sizes(claim, self.found, self.group, self.units)
        coarse = np.where(point.noise.stairs, SINGLE, 0.0)
        block, rounding = self.block, np.maximum(4 * self.eps, coarse) * self.block
        self.rounding = rounding
        self.unsettled = suspect | ~settled(claim, self.found, block, rounding)
        if method == "auto" and point.f_complex is not None:
            rows = np.flatnonzero((self.unsettled & ~suspect).any(axis=1))
            # One trial shows whether the function takes complex points at all.
            if rows.size and np.isfinite(point.f_complex(point.x[None] + 0j)).all():
                circled = on_circle(point, entries[rows])
                done = settled(claim[rows], circled, block[rows], rounding[rows]).all(axis=1)
                self.found = _merged(self.found, rows[done], circled.rows(np.asarray(done)))
                self.unsettled[rows[done]] = False

    def refine(self, rows: Indices) -> None:
        """Many steps for some rows, and what these say of a claim that their best one rejects."""
        if not rows.size:
            return
        finer, claim = ladder(self.point, self.entries[rows]), self.claim[rows]
        self.ladders.append((rows, finer))
        self.found = _merged(self.found, rows, finer.differences)
        self._gaps[rows] = finer.gaps
        self.excuses["rough"][rows] = finer.finer_steps_support(claim)
        self._coarser_agree[rows] = finer.coarser_steps_support(claim)
        own = np.abs(self.point.x[self.entries[rows]])
        largest = np.abs(self.point.x).max(initial=0.0)
        tiny = ((own > 0) & (own < SMALL * largest) & (largest > DISTANT))[:, None]
        self.excuses["noise"][rows] = tiny & ~finer.steps_within_tell(own, claim)
        self.doubts["rough"][rows] = tiny & finer.finer_steps_contradict()
        still = finer.differences.nature == Nature.FLAT
        blur = CONFIDENCE * self.point.noise.sigma / own[:, None]
        drowned = blur > self.rules.resolution * self.block[rows]
        self.doubts["noise"][rows] = tiny & ~still & drowned

    def skip(self, rows: Indices) -> None:
        """Leave open what two steps do not settle."""
        self.doubts["skipped"][rows] = self.unsettled[rows]

    @property
    def decision(self) -> Decision:
        """The verdicts, as things stand."""
        found, rules = self.found, self.rules
        # What a claim says of an edge, where slopes have no limit, is no scale for the others.
        edge = (found.nature == Nature.EDGE) | (found.nature == Nature.OUTSIDE)
        block, whole = _sizes(np.where(edge, 0.0, self.claim), found, self.group, self.units)
        if self.alive:
            whole = np.maximum(whole, np.abs(self.point.value).max() / self.units)
        made = decide(
            self.claim,
            found,
            block,
            whole,
            self.rounding,
            stairs=self.point.noise.stairs,
            resolution=rules.resolution,
            approximate=rules.approximate,
            on_kink=rules.on_kink,
        )
        made = made.because(self._gaps, "gaps")
        # The middle of two slopes is what steps of all sizes see at a kink: no excuse for it.
        strict = (found.nature == Nature.KINK) & (rules.on_kink == "fail")
        for reason, where in self.excuses.items():
            made = made.excused(where & ~strict, reason)
        passes = made.verdict == Verdict.PASS
        for reason, where in self.doubts.items():
            undone = where & passes if reason == "noise" else where
            made = made.excused(undone, reason, even_passes=True)
        return made

    @property
    def fails(self) -> Bools:
        """What is held against the claim, as things stand."""
        return np.asarray(self.decision.verdict == Verdict.FAIL)

    @property
    def off(self) -> Values:
        """By how much claim and derivative differ."""
        return np.abs(self.claim - self.found.derivative)

    def hear(self) -> Decision:
        """Ask what speaks for what fails, as long as something does; then decide."""
        made = self.decision
        for question in (
            self._ask_the_claim,
            self._ask_whether_rough,
            self._ask_for_jumps,
            self._ask_for_stairs,
            self._ask_for_corners,
            # What the last answers excuse may leave small differences to decide.
            self._ask_whether_rough,
            self._ask_for_jumps,
        ):
            fails = made.verdict == Verdict.FAIL
            if not fails.any():
                break
            question(fails)
            made = self.decision
        return made

    def _ask_the_claim(self, fails: Bools) -> None:
        """How much it scatters."""
        scatter = self.own_noise()
        if scatter is not None:
            self.rounding = self.rounding + CONFIDENCE * SAFETY * scatter

    @property
    def _small(self) -> Bools:
        """Differences as small as jumps may make them."""
        return np.asarray(self.off <= TINY_SHARE * self.block)

    def _at_issue(self, fails: Bools) -> Bools:
        """Small differences that decide about their block, since no other one fails in it."""
        lost = np.zeros(self.group.max() + 1, dtype=bool)
        lost[self.group[fails & ~self._small]] = True
        return np.asarray(fails & ~lost[self.group])

    def _ask_whether_rough(self, fails: Bools) -> None:
        """Whether the function is rough where steps begin to matter."""
        if (self._at_issue(fails) | self._coarser_agree & fails).any():
            self.excuses["rough"] |= self._coarser_agree & self.point.rough
            self.excuses["unsteady"] |= (self.off <= SINGLE * self.block) & self.point.rough

    def _ask_for_jumps(self, fails: Bools) -> None:
        """Whether small jumps nearby, as of an inner solver, account for small differences."""
        at_issue, moved = self._at_issue(fails), self.off * self.units
        if at_issue.any():
            enough = np.where(at_issue, moved / JUMPS, 0.0).max(axis=0)
            # Looked for until enough were found, or in vain: then they need no second look.
            if self._jumps is None or (enough > self._jumps.clip(min=self._enough)).any():
                point, self._enough = self.point, enough
                known = point.f, point.x, point.noise.sigma, point.spacing
                self._jumps = jumps_nearby(*known, enough)
            self.excuses["unsteady"] |= self._small & (moved <= JUMPS * self._jumps)

    def _ask_for_stairs(self, fails: Bools) -> None:
        """Whether the function goes on in stairs that hide as much."""
        moved, accused = self.off * self.units, np.where(fails, self.claim, np.nan)
        hidden = [np.zeros((1, self.claim.shape[1]))]
        for rows, finer in self.ladders:
            found = hidden_in_stairs(self.point, self.entries[rows], finer, accused[rows])
            hidden.append(found * self.units[rows])
        # The same stairs lie beside the other entries, beyond their longest steps perhaps.
        if self._coarser_agree.any():
            hidden.append(np.where(self._coarser_agree & self.point.rough, moved, 0.0))
        self.excuses["unsteady"] |= moved <= np.concatenate(hidden).max(axis=0)

    def _ask_for_corners(self, fails: Bools) -> None:
        """Whether kinks of several entries meet, and the claim is one of the slopes about."""
        if self.rules.on_kink == "fail":
            return
        found, kink = self.found, self.found.nature == Nature.KINK
        asked = kink & fails
        # Where steps reach beyond the kinks of others, a bar of more than noise may hide one.
        nearest = np.fmin.reduce(np.where(kink, found.distance, np.nan), axis=None)
        least = SAFETY * AMPLIFICATION * CONFIDENCE * self.point.noise.sigma / found.step
        beyond = fails & ~kink & (found.step > nearest) & (found.error > 1.25 * least)
        if np.count_nonzero(beyond) <= STRAY:
            asked |= beyond
        rows = np.flatnonzero(asked.any(axis=1))
        if rows.size:
            low, high = slopes_about(self.point, self.entries, found, rows)
            claim = self.claim[rows]
            self.excuses["corner"][rows] = asked[rows] & (claim >= low) & (claim <= high)


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
