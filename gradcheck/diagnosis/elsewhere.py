"""A claimed gradient away from the point of its check: its noise, its steps and its memory.

>>> elsewhere = Elsewhere(cost, grad, x, names, claim)  # doctest: +SKIP
>>> elsewhere.memory(point, passed=True)  # doctest: +SKIP

What is claimed at one point says little of how it came about. Called nearby, a gradient shows
what its rounding is; called elsewhere and back, whether it depends on its argument alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gradcheck import conduct, noise, structure
from gradcheck.differences import Point
from gradcheck.findings import Finding
from gradcheck.functions import Cost, Function
from gradcheck.noise import Values
from gradcheck.parameters import Block
from gradcheck.structure import Claim

__all__ = ["Elsewhere"]

NEARBY, FAR, WITHIN = 2.0**-8, 1.5, 2.0**-10
"""Steps, in units of the scale: to a point where a gradient has changed by more than the rounding
of any dtype; to one where nothing is as here; and between two at which the cost shows a slope."""

INNERMOST = 2.0**-20
"""To either side of the middle of two numbers, as a share of their distance."""

COARSE = 2.0**12
"""Rounding units of the largest gradient around from which on a scatter asks for its cause."""

AGAIN = 3
"""Calls at one point that tell whether a gradient which has differed once differs each time."""


class Elsewhere:
    """A claimed gradient that can be called.

    Parameters
    ----------
    cost : Cost
    grad : Function
    x : ndarray, shape (n,)
        The point.
    names : tuple of str
        The blocks that are checked.
    claim : Claim
        What the gradient says at the point.

    Attributes
    ----------
    stepping : frozenset of str
        Blocks that `noise` has seen to move in steps of shorter numbers than they come in.
    """

    def __init__(
        self, cost: Cost, grad: Function, x: Values, names: tuple[str, ...], claim: Claim
    ) -> None:
        self.cost, self.grad, self.x, self.names, self.claim = cost, grad, x, names, claim
        self.stepping: frozenset[str] = frozenset()
        self._again: list[Claim] = []
        self._nearby: Claim | None = None
        self._far: Claim | None = None
        rng = np.random.default_rng(0)
        # No two entries move alike: what is the same for all may well leave a cost as it is.
        self._ways = rng.uniform(0.5, 1.0, x.size), rng.choice([-1.0, 1.0], x.size)

    def _at(self, x: Values) -> Claim:
        return structure.match(self.grad.layout, self.grad(x), self.names, self.grad.more)

    def noise(self, point: Point) -> Values | None:
        """Scatter of each entry of the gradient, shape (q, 1); None if it cannot be had nearby.

        Steps of shorter numbers than it comes in are no scatter: they are a mistake of their own.
        So are values that differ between calls at one point.
        """
        if self._differs():
            return None
        outside = np.full(self.claim.entries.size, np.nan)
        seen: list[Values] = []

        def values(points: Values) -> Values:
            for x in points:
                try:
                    known = self.cost.bounds.contain(x)
                    seen.append(self._at(x).vector()[:, 0] if known else outside)
                except Exception:  # of the user's, or of a result in another form
                    seen.append(outside)
            return np.array(seen[-len(points) :])

        eps = self.claim.column(lambda _, block: self.claim.eps[block.name])[:, 0]
        spacing, inward = self.grad.layout.spacing(self.x), self.cost.bounds.inward(self.x)
        near = noise.measure_gradient(values, self.x, spacing, inward)
        if near is None:
            return None
        largest = np.fmax(np.abs(self.claim.vector()[:, 0]), noise.largest_inward(values, self.x))
        least = eps * largest
        sigma = np.maximum(near, least)
        coarse = (sigma > COARSE * least) & (eps <= np.finfo(float).eps)
        if coarse.any() and not point.rough.any():
            single = _is_single(np.array(seen))
            still, jumps = self._at_edge(values, sigma)
            self.stepping = frozenset(
                block.name
                for block, rows in self.claim.rows
                if block.dtype == np.float64
                and coarse[rows].any()
                and (single[rows].all() or (still[rows].all() and jumps[rows].any()))
            )
        stepping = self.claim.column(lambda _, block: block.name in self.stepping)
        return np.where(stepping, 0.0, sigma[:, None])

    def _differs(self) -> bool:
        """Whether further calls at the point give anything else than the first."""
        try:
            self._again += [self._at(self.x) for _ in range(AGAIN)]
        except Exception:
            return False
        return any(
            finding.severity == "error"
            for again in self._again
            for finding in conduct.of_repetition(self.claim, again)
        )

    def _at_edge(
        self, values: Callable[[Values], Values], sigma: Values
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Entries that stand still while parameters in single precision would, or jump beyond.

        The place where these are rounded the other way is known to the last digit, and nothing
        in double precision could know it.
        """
        single = self.x.astype(np.float32)
        side = np.where(self.x > single, np.inf, -np.inf).astype(np.float32)
        here, there = single.astype(float), np.nextafter(single, side).astype(float)
        edge, way = (here + there) / 2, there - here
        inside, outside = values(np.stack([edge - INNERMOST * way, edge + INNERMOST * way]))
        claim = self.claim.vector()[:, 0]
        return inside == claim, np.abs(outside - claim) > sigma / 8

    def memory(self, point: Point, *, passed: bool) -> list[Finding]:
        """A finding if the gradient depends on where it, or the cost, was called before.

        Asked for another point, it must not answer as before unless it is constant there, and
        asked for the first one again it must.

        Parameters
        ----------
        point : Point
        passed : bool
            Whether its values are right. If not, it is for a diagnosis to say why it does not move.
        """
        step = NEARBY * point.scale * self._ways[0]
        step = step if self.cost.bounds.contain(point.x + step) else -step
        inside = self.cost.bounds.contain(point.x + step)
        try:
            if inside:
                self._nearby = self._at(point.x + step)
                self._again.append(self._at(point.x))
            if any(conduct.of_repetition(self.claim, again) for again in self._again):
                self._again += [self._at(point.x) for _ in range(AGAIN)]
        except Exception:
            return []
        when = "at one point is another after calls elsewhere"
        calls = conduct.of_calls(self.claim, self._again, when) if self._again else []
        changed = [finding for finding in calls if finding.severity == "error"]
        if changed or not inside:
            return changed
        if not passed or not all(self._is_kept(point, name) for name in self.claim.values):
            return []
        # On the side that was asked for alone: beyond the point there may be a kink.
        start = point.value[0]
        quarter, middle, end = point.f(point.x + np.stack([step / 4, step / 2, step])).ravel()
        # Where the cost is larger than at the point, so is its rounding.
        rounding = self.cost.eps * max(abs(start), abs(middle), abs(end))
        # What the gradient should have changed by may be lost in its own.
        eps = self.claim.column(lambda _, block: self.claim.eps[block.name])[:, 0]
        own = np.abs(eps * self.claim.vector()[:, 0] * step[self.claim.entries]).sum()
        bend, of_half = start - 2 * middle + end, start - 2 * quarter + middle
        if not abs(bend) > 1e3 * max(point.noise.sigma[0], rounding) + own:
            return []
        # A jump on the way looks like a bend, but does not fall as the square of the step.
        if not 1 / 8 < of_half / bend < 1 / 2:
            return []
        return [conduct.of_constancy([self.claim.labels[name] for name in self.claim.values])]

    def _is_kept(self, point: Point, name: str) -> bool:
        """Whether a block of the gradient is the same nearby and far away."""
        if not self._is_same(name, self._nearby):
            return False
        far = point.x + FAR * point.scale * self._ways[0] * self._ways[1]
        if self._far is None and self.cost.bounds.contain(far):
            try:
                self._far = self._at(far)
            except Exception:
                return False
        return self._is_same(name, self._far)

    def _is_same(self, name: str, other: Claim | None) -> bool:
        values = self.claim.values[name]
        return bool(
            other is not None
            and values.any()
            and np.array_equal(values, other.values.get(name, np.nan))
        )

    def is_still(self, point: Point, block: Block) -> bool:
        """Whether a block is claimed to be the same everywhere, and its derivative is not."""
        if not self._is_kept(point, block.name):
            return False
        step, along = (h * point.scale * self._ways[0] for h in (NEARBY, WITHIN))
        along[: block.start] = along[block.stop :] = 0
        here, there = (
            point.f(x + np.stack([along, -along])).ravel() for x in (point.x, point.x + step)
        )
        turn = (there[0] - there[1]) - (here[0] - here[1])
        return bool(abs(turn) > 1e3 * point.noise.sigma[0])


def _is_single(values: Values) -> NDArray[np.bool_]:
    """Columns that hold nothing but numbers of single precision, and not the simplest of these."""
    digits = np.abs(np.frexp(values)[0]) * 2.0**12
    return (values == values.astype(np.float32)).all(axis=0) & (
        (digits != np.round(digits)).any(axis=0) | ~values.any(axis=0)
    )
