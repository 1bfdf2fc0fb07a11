"""The decision rule, alone: PASS, FAIL or INCONCLUSIVE for each entry.

In come what the user claims, what was measured with its error, and how large the numbers
are; out come verdicts. Nothing is evaluated here, and no other module decides.

- An entry *passes* if claim and derivative differ by no more than the width of what is
  known, and this width means something: at most the required resolution, relative to the
  entry's scale.
- It *fails* if they differ by more, and the derivative is known well enough to say so.
- Otherwise it is *inconclusive*, with a reason. A claim between the two slopes of a kink is
  `KINK`, which is inconclusive by a name of its own.

The required resolution moves verdicts between PASS and INCONCLUSIVE only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gradcheck.differences import Differences, Nature
from gradcheck.noise import Values

__all__ = [
    "FLOOR",
    "RESOLUTION",
    "Decision",
    "OnKink",
    "Verdict",
    "decide",
    "settled",
    "widths",
    "worst_of",
]

OnKink = Literal["accept", "inconclusive", "fail"]


class Verdict(str, Enum):
    """What a check says of an entry, a block, or all of them."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    KINK = "KINK"

    def __str__(self) -> str:
        return self.value


RESOLUTION = 1e-2
"""Largest relative error that a pass may leave unseen, unless the user asks for less. A bar of
1 % tells a factor, a sign and a forgotten term from the truth, even in noise."""

FIRST_PASS = 5e-7
"""What two steps must resolve to settle an entry. At 1e-6 mistakes of 1e-6 slipped through (9 in
30,000), at 1e-5 mistakes of 1e-5; tighter limits send right entries to the ladder for nothing."""

FLOOR = 1e-9
"""Relative difference that is never held against a gradient. Costs that saturate in their own
arithmetic, such as log(1 + exp(-37)), are off by 1e-11 to 1e-10 with nothing to show it, and
no mistake in a derivation is as small."""

REMAINDER = 2.0**-47
"""Likewise, as a share of the slopes nearby: a derivative that small beside them is the remainder
of terms as large, as in ``(exp(x) - 1)**2`` near 0, and has lost its digits in the cost."""

TWO_DIGITS, BEYOND = 1e-2, 3.0
"""Where less than two digits are known, a claim fails only beyond so many bars: what makes them as
wide may hide a kink, too, as it did in one of 5000 entries of a cost in single precision, or the
stairs of a saturated cost."""

KNOWN = 0.1
"""A derivative known no better than this, relative to the scale, accuses nobody."""

OF_BLOCK, OF_WHOLE, OF_STEEPNESS = 1e-4, 1e-7, 1e-3
"""An entry far smaller than its block is resolved relative to this share of the block's largest
entry, a block far smaller than the whole gradient relative to this share of the gradient's,
and an entry at a stationary point relative to this share of the slopes nearby.

A claimed zero along which the function stands still, bit for bit, at all steps is resolved
relative to the largest entry of the whole gradient, if that is not enough: what moves elsewhere
would be seen here."""

SINGLE = 8 * 2.0**-24
"""Rounding of a gradient that goes with a cost computed in single precision somewhere."""


@dataclass(frozen=True)
class Decision:
    """Verdicts of many entries; arrays of one shape.

    Attributes
    ----------
    verdict : ndarray of Verdict
    reason : ndarray of str
        Why an entry is inconclusive; empty otherwise.
    resolution : ndarray
        Smallest relative error that could have been seen.
    """

    verdict: NDArray[np.object_]
    reason: NDArray[np.object_]
    resolution: Values

    def excused(
        self, where: NDArray[np.bool_], reason: str, *, even_passes: bool = False
    ) -> Decision:
        """Failures, or with `even_passes` all entries, made inconclusive for a reason."""
        where = where if even_passes else where & (self.verdict == Verdict.FAIL)
        verdict = self.verdict.copy()
        verdict[where] = Verdict.INCONCLUSIVE
        return Decision(verdict, np.where(where, reason, self.reason), self.resolution)

    def because(self, where: NDArray[np.bool_], reason: str) -> Decision:
        """The same verdicts, with another reason for some that are inconclusive."""
        where = where & (self.verdict == Verdict.INCONCLUSIVE)
        return replace(self, reason=np.where(where, reason, self.reason))


def widths(claim: Values, found: Differences, block: Values, rounding: Values) -> Values:
    """By how much a right claim may differ from the derivative that was found.

    Parameters
    ----------
    claim : ndarray
    found : Differences
    block : ndarray
        Largest entry of the block that each entry belongs to.
    rounding : ndarray
        Rounding error of the claim itself.
    """
    size = np.fmax(np.fmax(np.abs(claim), np.abs(found.derivative)), 1e-3 * block)
    never = np.maximum(FLOOR * size, REMAINDER * found.steepness)
    return np.maximum(found.error, never) + rounding


def settled(
    claim: Values, found: Differences, block: Values, rounding: Values
) -> NDArray[np.bool_]:
    """Entries that the first pass decides: they fit, and to far better than any mistake."""
    width = widths(claim, found, block, rounding)
    size = np.maximum(np.abs(claim), 1e-3 * block)
    # An entry far smaller than its block may hide in its bar: it deserves a finer look.
    hidden = width > 1e-2 * np.fmax(np.abs(claim), np.abs(found.derivative))
    hidden &= (claim != 0) | (found.derivative != 0)
    done: NDArray[np.bool_] = (np.abs(claim - found.derivative) <= width) & ~hidden
    return done & (width - rounding <= FIRST_PASS * size)


@np.errstate(all="ignore")
def decide(
    claim: Values,
    found: Differences,
    block: Values,
    whole: Values,
    rounding: Values,
    *,
    stairs: NDArray[np.bool_] | bool = False,
    resolution: float = RESOLUTION,
    approximate: float = 0.0,
    on_kink: OnKink = "inconclusive",
) -> Decision:
    """The verdict of each entry.

    Parameters
    ----------
    claim : ndarray
        The analytic values.
    found : Differences
    block, whole : ndarray
        Largest entry of the same block, and of the whole gradient in the units of this entry
        (both the larger of claimed and found).
    rounding : ndarray
        Rounding error of the claim itself.
    stairs : bool, or ndarray of bool
        Whether the function moves in stairs, so that standing still says little.
    resolution : float
        Relative width that a pass may have.
    approximate : float
        Relative error that the user declares the claim to have.
    on_kink : {"accept", "inconclusive", "fail"}
        What a claim between the two slopes of a kink gets.
    """
    size = np.fmax(np.abs(claim), np.fmax(np.abs(found.derivative), 0))
    scale = np.maximum.reduce(
        [size, OF_BLOCK * block, OF_WHOLE * whole, OF_STEEPNESS * found.steepness]
    )
    width = widths(claim, found, block, rounding) + approximate * size
    off = np.abs(claim - found.derivative)
    enough = resolution + 2 * approximate
    with np.errstate(divide="ignore", invalid="ignore"):
        blur = width + np.nan_to_num(off)
        seen = np.where(scale > 0, blur / scale, np.inf)
        zero = (claim == 0) & (found.nature == Nature.FLAT) & ~np.asarray(stairs)
        seen = np.where(zero & (seen > enough) & (whole > 0), blur / whole, seen)

    fits = (off <= width) & np.isfinite(found.error)
    # One-sided differences may lack the slope of an edge, however steep the claim is.
    edge = found.nature == Nature.EDGE
    known = found.error <= KNOWN * np.where(edge, np.abs(found.derivative), scale)
    kink = found.nature == Nature.KINK
    blocked = (found.nature == Nature.JUMP) | (found.nature == Nature.OUTSIDE)
    passes = fits & (seen <= enough) & ~blocked
    slack = np.where(kink, found.noise, 0.0) + rounding + (FLOOR + approximate) * size
    low, high = np.fmin(found.left, found.right), np.fmax(found.left, found.right)
    between = kink & ~passes & (claim >= low - slack) & (claim <= high + slack)
    fails = ~fits & ~blocked & ~between & np.where(kink, True, known)
    vague = ~kink & ~edge & (found.error > TWO_DIGITS * np.abs(found.derivative))
    fails &= ~(vague & (off <= BEYOND * width))

    verdict = np.empty(claim.shape, dtype=object)
    verdict.fill(Verdict.INCONCLUSIVE)  # as np.full would make it a plain string
    verdict[between] = {
        "accept": Verdict.PASS,
        "inconclusive": Verdict.KINK,
        "fail": Verdict.FAIL,
    }[on_kink]
    verdict[passes] = Verdict.PASS
    verdict[fails | ~np.isfinite(claim)] = Verdict.FAIL

    reason = np.where(found.blurred, "noise", "truncation").astype(object)
    reason[(scale == 0) | (found.nature == Nature.FLAT)] = "flat"
    for nature in (Nature.JUMP, Nature.OUTSIDE, Nature.EDGE, Nature.KINK):
        reason[found.nature == nature] = nature.value
    reason[(verdict == Verdict.PASS) | (verdict == Verdict.FAIL)] = ""
    return Decision(verdict, reason, seen)


def worst_of(verdicts: NDArray[np.object_], still: NDArray[np.bool_]) -> Verdict:
    """The verdict of a group: FAIL if one fails, PASS if one passes, else INCONCLUSIVE.

    A single entry that cannot be resolved does not spoil a block whose others are. Nor does one
    along which the function stands still carry a block in which nothing else passes.

    Parameters
    ----------
    verdicts : ndarray of Verdict
    still : ndarray of bool
        Where the function does not move.
    """
    if np.any(verdicts == Verdict.FAIL):
        return Verdict.FAIL
    telling = np.ones_like(still) if still.all() else ~still
    if np.any(telling & (verdicts == Verdict.PASS)):
        return Verdict.PASS
    return Verdict.INCONCLUSIVE
