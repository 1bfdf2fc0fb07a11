"""Slopes about a point where the kinks of several entries meet.

Beside one kink, the slopes to its left and right are all there are. Where several meet, as at a
layer of `relu` whose weights are 0 or tiny, the gradient may have any of many values nearby, and
the derivative that a backward pass returns, with ``relu'(0) = 0``, is a mixture of these. Along
its own axis an entry sees two of them.

References
----------
F. H. Clarke, Optimization and Nonsmooth Analysis (1983), theorem 2.5.1: the generalised gradient
is the convex hull of the limits of gradients nearby.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcheck.differences import Differences, Indices, Nature, Point
from gradcheck.noise import Values

__all__ = ["slopes_about"]

SAMPLES = 12
"""Points nearby at which slopes are measured."""

WITNESSES = 16
"""Entries with a kink, beside those asked for, whose slopes tell whether several kinks meet."""

AWAY, ACROSS = 16.0, 4.0
"""How far they are from the point, and how far each difference reaches, in units of the step at
which the kinks were seen: farther than that, and not across all of what meets."""

FARTHEST = 2.0**-8
"""And no farther than this, where the smooth part of the function bends."""

WIDER = 4.0
"""Slopes where all that meets adds up are rare, and outside the range of a few samples. Within one
so many times as wide were those of 500 networks whose weights before a relu were all 0."""


@np.errstate(all="ignore")
def slopes_about(
    point: Point, entries: Indices, found: Differences, rows: Indices
) -> tuple[Values, Values]:
    """Limits within which a derivative may lie for what the slopes nearby say.

    Parameters
    ----------
    point : Point
    entries : ndarray of int, shape (q,)
        The entries that `found` is of.
    found : Differences
    rows : ndarray of int, shape (k,)
        Which of them to look at.

    Returns
    -------
    low, high : ndarray, shape (k, p)
        The two slopes along the entry's own axis, if those nearby are between them. They are one
        for an entry without a kink of its own, whose steps may reach beyond all that meets.
    """
    kink = found.nature == Nature.KINK
    left = np.where(kink, found.left, found.derivative - found.error)
    right = np.where(kink, found.right, found.derivative + found.error)
    low, high = np.fmin(left, right)[rows], np.fmax(left, right)[rows]
    kinked = kink.any(axis=1)
    count = np.count_nonzero(kinked)
    if count < 2:
        return low, high
    more = np.setdiff1d(np.flatnonzero(kinked), rows)[:WITNESSES]
    looked = np.concatenate([rows, more])
    reach = min(np.nanmax(found.distance[kinked]), FARTHEST / AWAY)
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(SAMPLES):
        there = point.x.copy()
        # Now this entry outweighs the others, now that.
        way = rng.choice([-1.0, 1.0], count) * np.exp2(-rng.uniform(0, 8, count))
        there[entries[kinked]] += AWAY * reach * way
        there = point.nearest(there[None])[0]
        h = np.full((1, looked.size), ACROSS * reach)
        steps = replace(point, x=there).steps(entries[looked], h)
        seen.append(steps.rise[0] / steps.width[0])
    least, most = np.fmin.reduce(seen), np.fmax.reduce(seen)
    left, right, size = left[looked], right[looked], np.abs(found.derivative[looked])
    slack = 0.1 * np.where(kink[looked], np.abs(left - right), size)
    outside = (least < np.fmin(left, right) - slack) | (most > np.fmax(left, right) + slack)
    several = outside.any(axis=0)
    least, most = least[: rows.size], most[: rows.size]
    least, most = np.fmin(least, low), np.fmax(most, high)
    beyond = (WIDER - 1) / 2 * (most - least)
    return np.where(several, least - beyond, low), np.where(several, most + beyond, high)
