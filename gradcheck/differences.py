"""Numerical derivatives, each with an error bar that holds.

In comes a function at a point (`Point`), out come derivatives and bars (`Differences`):
`first_pass` from two steps for every entry, four evaluations each; `ladder` from many steps,
for the entries that the first pass leaves open. All arithmetic is on arrays whose axes are
steps, entries `q` of the point, and outputs `p` of the function (1 for a cost).

The error of a centered difference with step `h` has two parts: truncation, which falls with
`h`, and the noise of the function over `h`, which grows. Neither can be known from one step.
The bar adds the noise, as measured, to the change from one step to the next finer one, and
is then held against all finer steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gradcheck.noise import Noise, Values, nearest_power_of_two

__all__ = [
    "Differences",
    "Ladder",
    "Nature",
    "Point",
    "extrapolated",
    "first_pass",
    "ladder",
    "on_circle",
]

Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

CONFIDENCE = 5.0
"""Standard deviations of noise that a bar allows for. The largest of some 60 errors of a cost
is 2.6 to 3.6 deviations, and the measured deviation is within a factor 1.8 of the true one;
with 4 in place of 5 one right entry in 5000 noisy ones left its bar."""

SAFETY = 3.0
"""Factor on the bar of the ladder, whose truncation part is an estimate: the worst ratio of
error and unscaled bar seen on smooth costs was 3.0 at `CONFIDENCE` 4, and 2.3 without the
Gaussian likelihoods."""

RATIO = 4.0
"""Of neighbouring steps: 2 costs twice the evaluations and is no better, 8 was wrong more often."""

FIRST = (12, 14)
"""Exponents of the two steps of the first pass: ``2**-12`` and ``2**-14`` of the scale.
Larger ones fail on costs that oscillate, smaller ones on noisy costs."""

COARSEST, FINEST = 4, 36
"""Exponents of the ladder's first and last step. Starting at ``2**-2`` gave false failures in
4 of 31,287 entries, ending at ``2**-28`` in 34 of 62,283 (fast ripple, mixed scales)."""

TINY = 12, 24
"""An entry below ``2**-12`` may live on a scale of its own: steps go on to ``2**-24 |x|``."""

MEMORY = 1 << 20
"""Numbers in the largest array of points made at once."""


class Nature(Enum):
    """What kind of place the point is, along one entry."""

    SMOOTH = "smooth"
    KINK = "kink"
    JUMP = "jump"
    FLAT = "flat"
    NOISY = "noisy"
    EDGE = "edge"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class Point:
    """A function at a point, and all that its differences need.

    Attributes
    ----------
    f : callable
        ``f(points)``, shape (k, n), gives values of shape (k,) or (k, p); NaN where undefined.
    x : ndarray, shape (n,)
    value : ndarray, shape (p,)
        ``f`` at `x`.
    noise : Noise
    nearest : callable
        Rounds points, in place, to numbers that the function can be given.
    spacing : ndarray, shape (n,)
        From each entry of `x` to the next such number.
    f_complex : callable, optional
        ``f`` of complex points, if it can be had.
    """

    f: Callable[[Values], Values]
    x: Values
    value: Values
    noise: Noise
    nearest: Callable[[Values], Values]
    spacing: Values
    f_complex: Callable[[Values], Values] | None = None

    @property
    def scale(self) -> Values:
        """Power of two nearest to the size of each entry, and at least 1."""
        return nearest_power_of_two(np.maximum(1.0, np.abs(self.x)))

    def steps(self, entries: Indices, h: Values) -> Steps:
        """Values on both sides of the point.

        Parameters
        ----------
        entries : ndarray of int, shape (q,)
        h : ndarray, shape (r, q)
            Steps; NaN asks for no evaluation.
        """
        r, q = h.shape
        signed = np.stack([h, -h])
        values, width = self._sample(np.tile(entries, 2 * r), signed.ravel())
        plus, minus = values.reshape(2, r, q, -1)
        right, left = width.reshape(2, r, q, 1)
        return Steps(h[..., None], plus, minus, right, left, self.value)

    def _sample(self, entries: Indices, h: Values) -> tuple[Values, Values]:
        """Values and true widths one step away from the point, along single entries.

        Parameters
        ----------
        entries : ndarray of int, shape (k,)
        h : ndarray, shape (k,)
            Signed steps; NaN asks for no evaluation.

        Returns
        -------
        values : ndarray, shape (k, p)
        width : ndarray, shape (k,)
            The step that was made, after rounding. NaN where none was.
        """
        values = np.full((entries.size, self.value.size), np.nan)
        width = np.full(entries.size, np.nan)
        rows = max(1, MEMORY // self.x.size)
        wanted = np.flatnonzero(np.isfinite(h))
        for start in range(0, wanted.size, rows):
            some = wanted[start : start + rows]
            at = np.arange(some.size), entries[some]
            points = np.repeat(self.x[None], some.size, axis=0)
            points[at] += h[some]
            points = self.nearest(points)
            moved = points[at]
            real = (moved != self.x[at[1]]) & np.isfinite(moved)
            some, points = some[real], points[real]
            if some.size:
                width[some] = points[np.arange(some.size), entries[some]] - self.x[entries[some]]
                values[some] = self.f(points).reshape(some.size, -1)
        return values, width


@dataclass(frozen=True)
class Steps:
    """Values of a function on both sides of a point; arrays of shape (r, q, p) or alike.

    Attributes
    ----------
    h : ndarray, shape (r, q, 1)
        Steps that were asked for, coarsest first.
    plus, minus : ndarray, shape (r, q, p)
        Values a step to the right and to the left; NaN where there is none.
    width_plus, width_minus : ndarray, shape (r, q, 1)
        Steps that were made, the latter negative.
    value : ndarray, shape (p,)
        At the point.
    """

    h: Values
    plus: Values
    minus: Values
    width_plus: Values
    width_minus: Values
    value: Values

    @property
    def width(self) -> Values:
        """From the left value to the right one."""
        return self.width_plus - self.width_minus

    @property
    def rise(self) -> Values:
        """From the left value to the right one."""
        return self.plus - self.minus

    @property
    def slope(self) -> Values:
        """Centered difference."""
        return self.rise / self.width

    @property
    def right(self) -> Values:
        """Forward difference."""
        return (self.plus - self.value) / self.width_plus

    @property
    def left(self) -> Values:
        """Backward difference."""
        return (self.minus - self.value) / self.width_minus

    @property
    def bend(self) -> Values:
        """Forward less backward difference: of size ``h`` if smooth, constant at a kink."""
        return self.right - self.left


@dataclass(frozen=True)
class Differences:
    """Numerical derivatives and their bars; arrays of shape (q, p).

    Attributes
    ----------
    derivative : ndarray
        NaN where there is none.
    error : ndarray
        The derivative is within this of the truth. Infinite where nothing can be said.
    noise : ndarray
        The part of `error` that is noise; the rest is truncation.
    step : ndarray
        The coarsest step that entered.
    nature : ndarray of Nature
    left, right : ndarray
        One-sided slopes at a kink, else NaN.
    distance : ndarray
        The kink lies no farther from the point than this; NaN if there is none.
    steepness : ndarray
        Largest one-sided slope over the coarser steps: what the cost does nearby, where the
        derivative itself may be 0.
    """

    derivative: Values
    error: Values
    noise: Values
    step: Values
    nature: NDArray[np.object_]
    left: Values
    right: Values
    distance: Values
    steepness: Values

    def rows(self, which: NDArray[Any]) -> Differences:
        """Those of some entries."""
        return Differences(**{name: array[which] for name, array in vars(self).items()})


def first_pass(point: Point, entries: Indices) -> tuple[Differences, Bools]:
    """Derivatives from two centered differences each, and which of them may hide a kink.

    Parameters
    ----------
    point : Point
    entries : ndarray of int, shape (q,)

    Returns
    -------
    differences : Differences
    suspect : ndarray of bool, shape (q, p)
        The second difference does not fall with the step as that of a smooth function does.

    Notes
    -----
    From ``D(h)`` and ``D(h/4)`` the leading error cancels in ``(16 D(h/4) - D(h)) / 15``
    (Richardson). The change from the finer difference to this value, which is the truncation
    error of the former, bounds that of the latter with much to spare.
    """
    exponents = np.array(FIRST, dtype=float)[:, None]
    steps = point.steps(entries, point.scale[entries] * np.exp2(-exponents))
    slope, bend, sigma = steps.slope, np.abs(steps.bend), CONFIDENCE * point.noise.sigma
    derivative = extrapolated(slope)[0]
    noise = SAFETY * AMPLIFICATION * sigma / steps.h[0]
    error = noise + np.abs(derivative - slope[1])
    defined = np.isfinite(error)
    suspect = ~defined | ((bend[1] > bend[0] / 2) & (bend[1] > 4 * sigma / steps.h[1]))
    nothing = np.full(error.shape, np.nan)
    differences = Differences(
        derivative=np.where(defined, derivative, np.nan),
        error=np.where(defined, error, np.inf),
        noise=noise,
        step=steps.h[0] + np.zeros(error.shape),
        nature=_marked(np.full(error.shape, Nature.SMOOTH), ~defined, Nature.OUTSIDE),
        left=nothing,
        right=nothing,
        distance=nothing,
        steepness=_steepness(steps),
    )
    return differences, suspect


CIRCLE = 8
"""Points on the circle; by symmetry five of them are evaluated, two of which are real."""


def on_circle(point: Point, entries: Indices) -> Differences:
    """Derivatives from values on a circle about the point in the complex plane.

    Parameters
    ----------
    point : Point
        With `f_complex`.
    entries : ndarray of int, shape (q,)

    Returns
    -------
    Differences

    Notes
    -----
    Where a function is analytic, the mean of ``f(x + r e^it) e^-it / r`` over a circle is its
    derivative, up to the ninth term of its series (Lyness and Moler). The means with
    ``e^it`` and ``e^2it`` are then 0, up to the sixth term, and the mean of `f` itself is its
    value at the centre. Where the code of `f` is not analytic, as `abs`, a conjugate, a real
    cast or a comparison are not, they are off by as much as the derivative: they make its bar,
    so that no test for analyticity is needed.

    References
    ----------
    J. N. Lyness, C. B. Moler, Numerical differentiation of analytic functions, SIAM J. Numer.
    Anal. 4 (1967) 202-210.
    """
    assert point.f_complex is not None
    r, shape = point.scale[entries] * 2.0**-COARSEST, (entries.size, point.value.size)
    half = CIRCLE // 2
    turns = np.exp(2j * np.pi * np.arange(half + 1) / CIRCLE)
    ends = point.steps(entries, r[None])
    values = [ends.plus[0].astype(complex)]
    for turn in turns[1:half]:
        points = np.repeat(point.x[None].astype(complex), entries.size, axis=0)
        points[np.arange(entries.size), entries] += r * turn
        values.append(point.f_complex(points).reshape(shape))
    values.append(ends.minus[0].astype(complex))
    # The values below the real axis are the conjugates of those above.
    weights = np.array([1.0] + [2.0] * (half - 1) + [1.0]) / CIRCLE

    def mean(power: int) -> Values:
        turned = zip(weights, values, turns**power, strict=True)
        return sum(w * (value * turn).real for w, value, turn in turned) / r[:, None]

    derivative = mean(-1)
    contrary = np.abs(mean(1)) + np.abs(mean(2)) + np.abs(mean(0) - point.value / r[:, None])
    noise = SAFETY * CONFIDENCE * point.noise.sigma / r[:, None] + np.zeros(shape)
    error = noise + SAFETY * contrary
    defined = np.isfinite(error) & np.isfinite(derivative)
    nothing = np.full(shape, np.nan)
    return Differences(
        derivative=np.where(defined, derivative, np.nan),
        error=np.where(defined, error, np.inf),
        noise=noise,
        step=r[:, None] + np.zeros(shape),
        nature=_marked(np.full(shape, Nature.SMOOTH), ~defined, Nature.OUTSIDE),
        left=nothing,
        right=nothing,
        distance=nothing,
        steepness=_steepness(ends),
    )


def _steepness(steps: Steps) -> Values:
    coarse = slice(0, (FIRST[1] - COARSEST) // 2 + 1)
    slopes = np.abs([steps.left[coarse], steps.right[coarse]])
    return np.where(np.isfinite(slopes), slopes, 0.0).max(axis=(0, 1))


def extrapolated(slope: Values, power: int = 2) -> Values:
    """Richardson: cancel the error of order ``h**power`` between neighbouring steps.

    Parameters
    ----------
    slope : ndarray, shape (r, ...)
        Differences at steps that fall by `RATIO`.
    power : int

    Returns
    -------
    ndarray, shape (r - 1, ...)
    """
    factor = RATIO**power
    return (factor * slope[1:] - slope[:-1]) / (factor - 1)


AMPLIFICATION = (RATIO**2 * RATIO + 1) / (RATIO**2 - 1)
"""Noise of an extrapolated centered difference, in units of that of its coarser step."""

ONE_SIDED = (2.0, 2 * (RATIO * RATIO + 1) / (RATIO - 1))
"""Likewise of a forward difference, plain and extrapolated once."""


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
        slope, h = steps.slope[:-1], steps.h[:-1]
        blur = CONFIDENCE * noise.fine / h + 1.25 * np.abs(np.diff(steps.slope, axis=0))
        size = np.maximum(np.abs(claim), np.abs(found.derivative))
        moved = (steps.rise[:-1] != 0) | ~noise.quantised | ((claim == 0) & ~noise.stairs)
        fits = (h < found.step) & moved & (blur < 0.1 * size) & (np.abs(slope - claim) <= blur)
        fits &= np.abs(slope - found.derivative) > 4 * blur + found.error / SAFETY
        return _twice_running(fits)

    def coarser_steps_support(self, claim: Values) -> Bools:
        """Where steps coarser than those of the derivative fit `claim` and not the derivative.

        A cost that stands still between stairs, such as ``log(1 - a)`` where ``a`` is all but
        1, has no slope on the scale of the derivative's step, and the right one beyond it.
        Truncation hardly feigns this: it differs sixteenfold between two steps.

        Parameters
        ----------
        claim : ndarray, shape (q, p)

        Returns
        -------
        ndarray of bool, shape (q, p)
        """
        steps, found = self.steps, self.differences
        off = np.minimum(0.1 * np.abs(claim - found.derivative), 0.02 * np.abs(claim))
        fits = (steps.h > found.step) & (np.abs(steps.slope - claim) < off)
        return _twice_running(fits) & np.isnan(found.distance)


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
        _offers(extrapolated(steps.slope), AMPLIFICATION, steps, sigma, finer_steps=True),
    )
    found = offers.best()
    found = _at_kinks(found, steps, offers, sigma)
    found = _at_jumps(found, steps, sigma)
    found = _at_edges(found, steps, sigma)
    return Ladder(replace(_named(found, steps), steepness=_steepness(steps)), steps, point.noise)


def _step_sizes(point: Point, entries: Indices) -> Values:
    """Steps of the ladder, shape (r, q); NaN beyond the last one of an entry."""
    size, scale = np.abs(point.x[entries]), point.scale[entries]
    below, beyond = TINY
    with np.errstate(divide="ignore"):
        own = np.where((size > 0) & (size < 2.0**-below), beyond - np.log2(size), 0)
    last = np.maximum(FINEST, np.minimum(own, 1000))
    exponents = np.arange(COARSEST, last.max() + 1, np.log2(RATIO))[:, None]
    h = scale * np.exp2(-exponents)
    # Closer than this to the point, the rounding of the step makes it another step.
    return np.where((exponents <= last) & (h >= 4 * point.spacing[entries]), h, np.nan)


def _noise_of_entries(steps: Steps, noise: Noise) -> Values:
    """Standard deviation for each entry: half a stair where the values move in stairs."""
    moves = np.abs([steps.rise, steps.plus - steps.value, steps.minus - steps.value])
    with np.errstate(invalid="ignore"):
        smallest = np.min(np.where(moves > 0, moves, np.inf), axis=(0, 1))
    stair = np.where(np.isfinite(smallest), smallest, noise.quantum)
    stands_still = (steps.rise == 0).any(axis=0) & noise.quantised
    return np.where(stands_still, np.maximum(noise.sigma, stair / 2), noise.sigma)


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
    loudness = CONFIDENCE * sigma + np.zeros(slope.shape)
    if finer_steps:
        residual = np.abs(steps.rise - slope[:, None] * steps.width)
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
    return _Offers(slope, np.where(np.isfinite(error), error, np.inf), noise, h)


def _at_kinks(found: Differences, steps: Steps, offers: _Offers, sigma: Values) -> Differences:
    """Replace what was found across a kink by what the steps within it say, or by both slopes."""
    kinked, last = _constant_run(steps.bend, 20 * CONFIDENCE * sigma / steps.h)
    if not kinked.any():
        return found
    left, right, reach = (
        np.take_along_axis(array + np.zeros(steps.plus.shape), last[None], axis=0)[0]
        for array in (steps.left, steps.right, steps.h)
    )
    gap = np.abs(right - left)
    within = offers.best(finer_than=np.where(kinked, reach, np.inf))
    trusted = within.error < 0.01 * SAFETY * gap
    usable = within.error < 0.05 * SAFETY * gap

    def chosen(inside: Values, across: Values, otherwise: Values | float) -> Values:
        return np.where(kinked, np.where(usable, inside, otherwise), across)

    open_kink = kinked & ~trusted
    return Differences(
        derivative=chosen(within.derivative, found.derivative, (left + right) / 2),
        error=chosen(within.error, found.error, np.inf),
        noise=chosen(within.noise, found.noise, np.inf),
        step=chosen(within.step, found.step, reach),
        nature=_marked(found.nature, open_kink, Nature.KINK),
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
    return replace(found, nature=_marked(found.nature, jumps, Nature.JUMP))


def _at_edges(found: Differences, steps: Steps, sigma: Values) -> Differences:
    """Take one-sided differences where the function is defined on one side only."""
    sides = {1: np.isfinite(steps.plus), -1: np.isfinite(steps.minus)}
    few = (sides[1] & sides[-1]).sum(axis=0) < RUN
    for side, defined in sides.items():
        here = few & (defined.sum(axis=0) >= RUN)
        if not here.any():
            continue
        slope = steps.right if side == 1 else steps.left
        offers = _Offers.join(
            _offers(slope, ONE_SIDED[0], steps, sigma, finer_steps=False),
            _offers(extrapolated(slope, 1), ONE_SIDED[1], steps, sigma, finer_steps=False),
        )
        best = offers.best()
        found = Differences(
            **{
                name: np.where(here, getattr(best, name), array)
                for name, array in vars(found).items()
            }
        )
        found = replace(found, nature=_marked(found.nature, here, Nature.EDGE))
        few &= ~here
    return replace(
        found,
        nature=_marked(found.nature, few, Nature.OUTSIDE),
        derivative=np.where(few, np.nan, found.derivative),
        error=np.where(few, np.inf, found.error),
    )


def _named(found: Differences, steps: Steps) -> Differences:
    """Call flat what never moves, and noisy what noise keeps from being known to 1 %."""
    still = (steps.plus == steps.value) | ~np.isfinite(steps.plus)
    still &= (steps.minus == steps.value) | ~np.isfinite(steps.minus)
    smooth = found.nature == Nature.SMOOTH
    noisy = smooth & (found.noise > found.error / 2)
    noisy &= found.error > 0.01 * np.abs(found.derivative)
    nature = _marked(found.nature, noisy, Nature.NOISY)
    return replace(found, nature=_marked(nature, smooth & still.all(axis=0), Nature.FLAT))


def _marked(nature: NDArray[np.object_], where: Bools, name: Nature) -> NDArray[np.object_]:
    marked = nature.astype(object)
    marked[where] = name
    return marked
