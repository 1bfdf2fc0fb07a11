"""Derivatives from many steps, for the entries that the first pass leaves open.

>>> found = ladder(point, np.arange(3)).differences  # doctest: +SKIP

The steps are geometric, from `COARSEST` to `FINEST`. Each offers a derivative with a bar that
adds the noise, as measured, to the change from one step to the next finer one, and is held
against all finer steps. The same steps show what kind of place the point is: a kink, a jump, the
edge of the domain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gradcheck.differences import (
    AMPLIFICATION,
    COARSEST,
    CONFIDENCE,
    RATIO,
    SAFETY,
    Bools,
    Differences,
    Indices,
    Nature,
    Point,
    Steps,
    extrapolated,
    marked,
    steepness,
)
from gradcheck.noise import Noise, Values

__all__ = ["Curve", "Ladder", "ladder"]

FINEST = 36
"""Exponent of the smallest step. Ending at ``2**-28`` gave false failures in 34 of 62,283 entries
(fast ripple, mixed scales)."""

TINY = 12, 24
"""An entry below ``2**-12`` may live on a scale of its own: steps go on to ``2**-24 |x|``. One
above ``2**12`` may be far from an origin that means nothing: steps go on to ``2**-24``."""

SWALLOWED = 2.0**-20
"""What moves by less than this share of the largest move is a stair and no kink, unless the kink
is as near."""

SUBNORMAL = 1074
"""Exponent of the smallest positive number in double precision."""

ONE_SIDED = (2.0, 2 * (RATIO * RATIO + 1) / (RATIO - 1))
"""Likewise of a forward difference, plain and extrapolated once."""


VAGUE = 0.25
"""A step whose slope is known no better than this share of what it is compared with says nothing.
With 0.1, ``s * sin(x / s)`` with `s` of 1e-6 beside others of 1e8 was called wrong."""


@dataclass(frozen=True)
class Curve:
    """What each step says of one entry, from the coarsest to the finest; arrays of shape (r,).

    Attributes
    ----------
    step : float
        The one from which the derivative was taken, extrapolated or not.
    steps : ndarray
    slopes, forward, backward : ndarray
        Centered and one-sided differences; NaN where the function is undefined.
    rounding : ndarray
        Noise over the step: the error that rounding is likely to make.
    truncation : ndarray
        Change to the next finer step; NaN for the last.
    """

    step: float
    steps: Values
    slopes: Values
    forward: Values
    backward: Values
    rounding: Values
    truncation: Values


@dataclass(frozen=True)
class Ladder:
    """What many steps say about some entries.

    Attributes
    ----------
    differences : Differences
    steps : Steps
    noise : Noise
    """

    differences: Differences
    steps: Steps
    noise: Noise

    def finer_steps_support(self, claim: Values) -> Bools:
        """Where steps finer than those of the derivative fit `claim` and not the derivative.

        The cost is then rough on the scale of the derivative's step, for which the claimed
        value cannot be blamed. The finer steps must contradict the derivative, for vague
        ones agree with everything.

        Parameters
        ----------
        claim : ndarray, shape (q, p)

        Returns
        -------
        ndarray of bool, shape (q, p)
        """
        steps, found, noise = self.steps, self.differences, self.noise
        slope, h, blur = self._finer_steps()
        size = np.maximum(np.abs(claim), np.abs(found.derivative))
        moved = (steps.rise[:-1] != 0) | ~noise.quantised | ((claim == 0) & ~noise.stairs)
        fits = moved & (blur < VAGUE * size) & (np.abs(slope - claim) <= blur) & (h < found.step)
        beyond = self._contradicts(slope, h, blur)
        # Of two steps that fit, the finer one may be too vague to contradict anything.
        return np.asarray((fits[1:] & fits[:-1] & (beyond[1:] | beyond[:-1])).any(axis=0))

    def finer_steps_contradict(self) -> Bools:
        """Where a step finer than those of the derivative knows another slope, shape (q, p).

        The next one, if too vague to contradict by itself, must be nearer to it.
        """
        slope, h, blur = self._finer_steps()
        nearer = np.abs(np.diff(slope, axis=0)) < np.abs(slope[1:] - self.differences.derivative)
        return np.asarray((self._contradicts(slope, h, blur)[:-1] & nearer).any(axis=0))

    def _finer_steps(self) -> tuple[Values, Values, Values]:
        """Slopes and steps but for the finest, and by how much each slope may be off."""
        slope, h = self.steps.slope, self.steps.h[:-1]
        blur = CONFIDENCE * self.noise.fine / h + 1.25 * np.abs(np.diff(slope, axis=0))
        return slope[:-1], h, blur

    def _contradicts(self, slope: Values, h: Values, blur: Values) -> Bools:
        found = self.differences
        apart: Bools = np.abs(slope - found.derivative) > 4 * blur + found.error / SAFETY
        return apart & (h < found.step)

    def coarser_steps_support(self, claim: Values) -> Bools:
        """Where steps coarser than those of the derivative are much nearer to `claim`.

        A cost that stands still between stairs, such as ``log(1 - a)`` where ``a`` is all but
        1, has another slope on the scale of the derivative's step, and the right one beyond it.

        Parameters
        ----------
        claim : ndarray, shape (q, p)

        Returns
        -------
        ndarray of bool, shape (q, p)
        """
        steps, found = self.steps, self.differences
        near = np.abs(steps.slope - claim) < 0.3 * np.abs(claim - found.derivative)
        return _twice_running((steps.h > found.step) & near) & np.isnan(found.distance)

    def steps_within_tell(self, size: Values, claim: Values) -> Bools:
        """Where a step of at most half a given size fits the derivative, and not `claim`.

        Parameters
        ----------
        size : ndarray, shape (q,)
        claim : ndarray, shape (q, p)

        Returns
        -------
        ndarray of bool, shape (q, p)
        """
        steps, derivative = self.steps, self.differences.derivative
        blur = CONFIDENCE * self.noise.sigma / steps.h
        tells = np.abs(steps.slope - derivative) <= blur
        tells &= np.abs(claim - derivative) > 2 * blur
        return np.asarray((tells & (steps.h <= size[:, None] / 2)).any(axis=0))

    def curve(self, row: int, column: int) -> Curve:
        """What all steps say of one entry and one output."""
        steps = self.steps
        made = np.isfinite(steps.h[:, row, 0])
        h, slopes, forward, backward = (
            array[made, row, column if array.shape[-1] > 1 else 0]
            for array in (steps.h, steps.slope, steps.right, steps.left)
        )
        sigma = _noise_of_entries(steps, self.noise)[row, column]
        change = np.append(np.abs(np.diff(slopes)), np.nan)
        step = float(self.differences.step[row, column])
        return Curve(step, h, slopes, forward, backward, sigma / h, change)

    @property
    def gaps(self) -> Bools:
        """Where there is a value farther from the point and none nearer, shape (q, p).

        So it is not at an edge of the domain, beyond which there is none at all.
        """
        steps = self.steps
        found = np.zeros(steps.plus.shape[1:], dtype=bool)
        for values, width in ((steps.plus, steps.width_plus), (steps.minus, steps.width_minus)):
            defined = np.isfinite(values)
            farther = np.logical_or.accumulate(defined, axis=0)
            found |= (farther & ~defined & np.isfinite(width)).any(axis=0)
        return found


def _twice_running(fits: Bools) -> Bools:
    """Where two neighbouring steps are both true."""
    return np.asarray((fits[1:] & fits[:-1]).any(axis=0))


def ladder(point: Point, entries: Indices) -> Ladder:
    """Derivatives from centered differences at many steps.

    Parameters
    ----------
    point : Point
    entries : ndarray of int, shape (q,)

    Returns
    -------
    Ladder

    Notes
    -----
    Each step, and each pair of neighbours after extrapolation, offers a derivative ``E`` with
    a bar: the change to the next finer offer, plus noise over the step. That noise is the
    measured one or, if larger, what the entry itself shows: all finer steps must obey
    ``f(x + h) - f(x - h) = 2 h E`` up to noise. The offer with the smallest bar is taken.
    (The smallest disagreement in a table of extrapolations alone, which is Ridders' estimate,
    is below the true error at half of all points.)

    Where forward and backward differences keep apart by the same amount over four
    neighbouring steps, there is a kink within them. If the steps finer than it agree on a
    derivative, that is taken, else both slopes are reported. Where one side of the point is
    undefined or out of bounds, differences are one-sided.
    """
    steps = point.steps(entries, _step_sizes(point, entries))
    sigma = _noise_of_entries(steps, point.noise)
    offers = _Offers.join(
        _offers(steps.slope, 1.0, steps, sigma, finer_steps=True),
        _offers(
            extrapolated(steps.slope, steps.width), AMPLIFICATION, steps, sigma, finer_steps=True
        ),
    )
    found = offers.best()
    found = _at_kinks(found, steps, offers, sigma)
    found = _at_jumps(found, steps, sigma)
    found = _at_edges(found, steps, sigma)
    return Ladder(
        replace(_named(found, steps), steepness=steepness(steps, found.step)), steps, point.noise
    )


def _step_sizes(point: Point, entries: Indices) -> Values:
    """Steps of the ladder, shape (r, q); NaN beyond the last one of an entry."""
    size, scale = np.abs(point.x[entries]), point.scale[entries]
    # Closer than this to the point, the rounding of the step makes it another step.
    closest = np.log2(scale) - np.log2(4 * point.spacing[entries])
    below, beyond = TINY
    with np.errstate(divide="ignore"):
        magnitude = np.log2(size)
    own = np.where((size > 0) & (np.abs(magnitude) > below), beyond + np.abs(magnitude), 0)
    last = np.minimum(np.maximum(FINEST, own), np.minimum(closest, SUBNORMAL))
    # Numbers as far apart as those of half precision leave room for few steps but large ones.
    first = np.clip(closest - RUN * np.log2(RATIO), 0, COARSEST)
    exponents = np.arange(first.min() // 2 * 2, last.max() + 1, np.log2(RATIO))[:, None]
    return np.where((exponents >= first) & (exponents <= last), scale * np.exp2(-exponents), np.nan)


def _noise_of_entries(steps: Steps, noise: Noise) -> Values:
    """Standard deviation for each entry: half a stair where the values move in stairs."""
    moves = np.abs([steps.rise, steps.plus - steps.value, steps.minus - steps.value])
    with np.errstate(invalid="ignore"):
        smallest = np.min(np.where(moves > 0, moves, np.inf), axis=(0, 1))
    stair = np.where(np.isfinite(smallest), smallest, noise.quantum)
    stands_still = (steps.rise == 0).any(axis=0) & noise.quantised
    stands_still |= _drowned(steps, stair)
    return np.where(stands_still, np.maximum(noise.sigma, stair / 2), noise.sigma)


def _drowned(steps: Steps, stair: Values) -> Bools:
    """Where the cost stands still near the point since what moves is lost in something larger.

    In ``y + log(1 + x^2)`` with a tiny `y`, the 1 swallows a small step by `x`, and the lines on
    which noise was measured move by `y` alone. Unlike a flat piece between kinks, this piece ends
    on both sides in stairs far below the height of what follows.
    """
    right, left = np.abs(steps.plus - steps.value), np.abs(steps.minus - steps.value)

    def finest(where: Bools) -> Values:
        return np.min(np.where(where, steps.h, np.inf), axis=0)

    moving = finest((right > 0) | (left > 0))
    still = moving >= RATIO**RUN * finest(np.isfinite(right) & np.isfinite(left))
    height = np.minimum(np.fmax.reduce(right), np.fmax.reduce(left))
    return still & (stair < SWALLOWED * height)


@dataclass(frozen=True)
class _Offers:
    """Derivatives with their bars, shape (k, q, p); any of them may be taken."""

    derivative: Values
    error: Values
    noise: Values
    step: Values

    @staticmethod
    def join(*offers: _Offers) -> _Offers:
        return _Offers(
            *(
                np.concatenate([getattr(o, name) for o in offers])
                for name in ("derivative", "error", "noise", "step")
            )
        )

    def best(self, finer_than: Values | float = np.inf) -> Differences:
        """For each entry the offer of smallest bar, among those of steps that are finer."""
        error = np.where(self.step < finer_than, self.error, np.inf)
        k = np.argmin(error, axis=0)[None]
        taken = {
            name: np.take_along_axis(array, k, axis=0)[0] for name, array in vars(self).items()
        }
        taken["error"] = np.take_along_axis(error, k, axis=0)[0]
        nothing = np.full(k.shape[1:], np.nan)
        return Differences(
            **taken,
            nature=np.full(k.shape[1:], Nature.SMOOTH, dtype=object),
            left=nothing,
            right=nothing,
            distance=nothing,
            steepness=np.zeros(k.shape[1:]),
        )


def _offers(
    slope: Values, amplification: float, steps: Steps, sigma: Values, *, finer_steps: bool
) -> _Offers:
    """One offer from each of the first axis of `slope`, with its bar."""
    k = slope.shape[0]
    used = steps.h.shape[0] - k + 1
    h = steps.h[:k] + np.zeros(slope.shape)
    change = np.full(slope.shape, np.inf)
    change[:-1] = np.abs(np.diff(slope, axis=0))
    # Where the next has none, as at a step at which the cost is NaN, the one after it.
    beyond = np.abs(slope[2:] - slope[:-2])
    change[:-2] = np.where(np.isnan(change[:-2]), beyond, change[:-2])
    loudness = CONFIDENCE * sigma + np.zeros(slope.shape)
    if finer_steps:
        residual = np.abs((steps.slope - slope[:, None]) * steps.width)
        finer = np.arange(steps.h.shape[0]) >= np.arange(k)[:, None] + used
        heard = np.where(finer[..., None, None] & np.isfinite(residual), residual, 0).max(axis=1)
        loudness = np.maximum(loudness, heard)
    noise = SAFETY * amplification * loudness / h
    if not finer_steps:
        # Near an edge the slope may grow without end: all finer offers must bear this one out.
        apart = np.abs(slope - slope[:, None]) - noise
        finer = np.arange(k) > np.arange(k)[:, None]
        heard = np.where(finer[..., None, None] & np.isfinite(apart), apart, 0).max(axis=1)
        change = np.maximum(change, heard)
    error = noise + SAFETY * change
    if finer_steps:
        half_kink = _half_kinks(steps, k - 1)
        # Below that, `SAFETY` has room for it: real noise is a third of what is allowed for.
        error[:-1] += np.where(half_kink > noise[:-1] / 2, half_kink, 0)
    return _Offers(slope, np.where(np.isfinite(error), error, np.inf), noise, h)


def _half_kinks(steps: Steps, count: int) -> Values:
    """By how much a kink within a step, at most, puts a centered difference off the slope.

    Forward and backward difference of a smooth function are apart by a multiple of the step,
    and of its third power. On both sides of a kink they are apart by its height, too, of which
    half is the error. It hardly falls with the step as long as the kink is within, so that the
    change from one step to the next says nothing of it.
    """
    apart = extrapolated(steps.bend, steps.width, 1)
    if count < len(apart):
        apart = extrapolated(apart, steps.width[1:], 3)
    return np.abs(apart) / 2


def _at_kinks(found: Differences, steps: Steps, offers: _Offers, sigma: Values) -> Differences:
    """Replace what was found across a kink by what the steps within it say, or by both slopes."""
    kinked, last = _constant_run(steps.bend, 20 * CONFIDENCE * sigma / steps.h)
    if not kinked.any():
        return found

    def at(array: Values, k: Indices) -> Values:
        return np.take_along_axis(array + np.zeros(steps.plus.shape), k[None], axis=0)[0]

    left, right, reach = (at(array, last) for array in (steps.left, steps.right, steps.h))
    gap = np.abs(right - left)
    # One-sided slopes are off by a share of the change from the next coarser step.
    bent = np.fmax(
        np.abs(left - at(steps.left, last - 1)), np.abs(right - at(steps.right, last - 1))
    )
    within = offers.best(finer_than=np.where(kinked, reach, np.inf))
    trusted = within.error < 0.01 * SAFETY * gap
    # Steps within may not be sharp enough to say that the kink is not at the point itself. What
    # they allow is not held against a claim, either.
    usable = within.error < SAFETY * gap

    def chosen(inside: Values, across: Values, otherwise: Values | float) -> Values:
        return np.where(kinked, np.where(usable, inside, otherwise), across)

    open_kink = kinked & ~trusted
    return Differences(
        derivative=chosen(within.derivative, found.derivative, (left + right) / 2),
        error=chosen(within.error, found.error, np.inf),
        noise=np.where(
            open_kink,
            CONFIDENCE * sigma / reach + np.nan_to_num(bent),
            chosen(within.noise, found.noise, np.inf),
        ),
        step=chosen(within.step, found.step, reach),
        nature=marked(found.nature, open_kink, Nature.KINK),
        left=np.where(open_kink, left, np.nan),
        right=np.where(open_kink, right, np.nan),
        distance=np.where(kinked, reach, np.nan),
        steepness=found.steepness,
    )


RUN = 4
"""Neighbouring steps over which a kink, or a jump, must look the same."""


def _constant_run(values: Values, threshold: Values) -> tuple[Bools, Indices]:
    """Whether `values` keep size and sign over `RUN` steps, and the last step of the finest run."""
    loud = np.where(np.abs(values) > threshold, values, np.nan)
    runs = sliding_window_view(loud, RUN, axis=0)
    low, high = np.abs(runs).min(axis=-1), np.abs(runs).max(axis=-1)
    constant = (np.abs(runs.sum(axis=-1)) > 0.99 * np.abs(runs).sum(axis=-1)) & (high <= 1.5 * low)
    last = values.shape[0] - 1 - np.argmax(constant[::-1], axis=0)
    return constant.any(axis=0), last


def _at_jumps(found: Differences, steps: Steps, sigma: Values) -> Differences:
    """Mark the entries whose cost differs by as much however small the step is."""
    jumps = np.zeros(found.error.shape, dtype=bool)
    finest = np.sum(np.isfinite(steps.plus) | np.isfinite(steps.minus), axis=0) - 1
    for side in (steps.plus, steps.minus):
        constant, last = _constant_run(side - steps.value, 20 * CONFIDENCE * sigma + 0 * side)
        jumps |= constant & (last >= finest)
    return replace(found, nature=marked(found.nature, jumps, Nature.JUMP))


def _at_edges(found: Differences, steps: Steps, sigma: Values) -> Differences:
    """Take one-sided differences where the function is defined on one side only."""
    sides = {1: np.isfinite(steps.plus), -1: np.isfinite(steps.minus)}
    few = (sides[1] & sides[-1]).sum(axis=0) < RUN
    for side, defined in sides.items():
        here = few & (defined.sum(axis=0) >= RUN)
        if not here.any():
            continue
        slope, width = (
            (steps.right, steps.width_plus) if side == 1 else (steps.left, steps.width_minus)
        )
        offers = _Offers.join(
            _offers(slope, ONE_SIDED[0], steps, sigma, finer_steps=False),
            _offers(extrapolated(slope, width, 1), ONE_SIDED[1], steps, sigma, finer_steps=False),
        )
        best = offers.best()
        found = Differences(
            **{
                name: np.where(here, getattr(best, name), array)
                for name, array in vars(found).items()
            }
        )
        found = replace(found, nature=marked(found.nature, here, Nature.EDGE))
        few &= ~here
    return replace(
        found,
        nature=marked(found.nature, few, Nature.OUTSIDE),
        derivative=np.where(few, np.nan, found.derivative),
        error=np.where(few, np.inf, found.error),
    )


def _named(found: Differences, steps: Steps) -> Differences:
    """Call flat what never moves, and noisy what noise keeps from being known to 1 %."""
    smooth = found.nature == Nature.SMOOTH
    noisy = smooth & found.blurred & (found.error > 0.01 * np.abs(found.derivative))
    nature = marked(found.nature, noisy, Nature.NOISY)
    return replace(found, nature=marked(nature, smooth & steps.still, Nature.FLAT))
