"""Claimed values against measured ones: measure all, decide, refine what is open.

One function, `compare`. It knows nothing of blocks' names or of the user's structures; its
arrays have a row for each entry of the point that is varied and a column for each output of
the function, which for a cost is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.differences import Differences, Indices, Nature, Point
from gradcheck.ladder import Ladder
from gradcheck.noise import Values
from gradcheck.trial import Method, Rules, Trial
from gradcheck.verdict import Decision, Verdict, worst_of

__all__ = ["Comparison", "Method", "Rules", "compare", "worst_first"]

BATCH = 64
"""Rows of a group that are refined at first. Where so many fail, the rest is left."""


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

    @property
    def verdict(self) -> Verdict:
        """That of all entries together."""
        return worst_of(self.decision.verdict, self.found.nature == Nature.FLAT)

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
    trial = Trial(point, entries, claim, group, eps, own_noise, rules, alive)
    trial.measure()
    early, late = _split(np.flatnonzero(trial.unsettled.any(axis=1)), group[:, 0])
    trial.refine(early)
    if late.size:
        lost = np.bincount(group[trial.fails], minlength=group.max() + 1)
        hopeless = lost[group[late, 0]] >= BATCH
        trial.refine(late[~hopeless])
        trial.skip(late[hopeless])
    made = trial.hear()
    found = _held_against(claim, trial.found, made)
    return Comparison(found, made, _curves(claim, found, made, group, trial.ladders))


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


def _split(rows: Indices, group: Indices) -> tuple[Indices, Indices]:
    """The first `BATCH` rows of each group, and the others."""
    early = np.zeros(rows.size, dtype=bool)
    for g in np.unique(group[rows]):
        early[np.flatnonzero(group[rows] == g)[:BATCH]] = True
    return rows[early], rows[~early]
