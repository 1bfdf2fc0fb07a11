"""Numerical derivatives from few evaluations, each with an error bar that holds.

In comes a function at a point (`Point`), out come derivatives and bars (`Differences`):
`first_pass` takes two steps for every entry, `on_circle` five points in the complex plane. For
what they leave open there is the module `ladder`. All arithmetic is on arrays whose axes are
steps, entries `q` of the point, and outputs `p` of the function (1 for a cost).

The error of a centered difference with step `h` has two parts: truncation, which falls with
`h`, and the noise of the function over `h`, which grows. Neither can be known from one step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.noise import Noise, Values, nearest_power_of_two, roughness

__all__ = [
    "AMPLIFICATION",
    "COARSEST",
    "CONFIDENCE",
    "FIRST",
    "RATIO",
    "SAFETY",
    "Bools",
    "Differences",
    "Indices",
    "Nature",
    "Point",
    "Steps",
    "extrapolated",
    "first_pass",
    "marked",
    "on_circle",
    "steepness",
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

COARSEST = 4
"""Exponent of the largest step, ``2**-4`` of the scale. Starting at ``2**-2`` gave false failures
in 4 of 31,287 entries."""

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

    @functools.cached_property
    def rough(self) -> NDArray[np.bool_]:
        """Outputs that move in steps, or scatter at distances at which steps begin to matter."""
        scatter = roughness(self.f, self.x, self.noise.sigma, self.spacing)
        return self.noise.stairs | (scatter > 0)

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
        values, width = self.sample(np.tile(entries, 2 * r), signed.ravel())
        plus, minus = values.reshape(2, r, q, -1)
        right, left = width.reshape(2, r, q, 1)
        return Steps(h[..., None], plus, minus, right, left, self.value)

    def sample(self, entries: Indices, h: Values) -> tuple[Values, Values]:
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
        """Centered difference, of second order also where rounding made one step longer."""
        return (self.rise - self.bend * (self.width_plus + self.width_minus)) / self.width

    @property
    def right(self) -> Values:
        """Forward difference."""
        return (self.plus - self.value) / self.width_plus

    @property
    def left(self) -> Values:
        """Backward difference."""
        return (self.minus - self.value) / self.width_minus

    @property
    def still(self) -> Bools:
        """Where no step moves the function, as far as it is defined, shape (q, p)."""
        moved = np.isfinite(self.plus) & (self.plus != self.value)
        moved |= np.isfinite(self.minus) & (self.minus != self.value)
        return ~moved.any(axis=0)

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
        The part of `error` that is noise; the rest is truncation. At a kink, by how much its
        slopes may be off.
    step : ndarray
        The coarsest step that entered.
    nature : ndarray of Nature
    left, right : ndarray
        One-sided slopes at a kink, else NaN.
    distance : ndarray
        The kink lies no farther from the point than this; NaN if there is none.
    steepness : ndarray
        Largest one-sided slope over the coarser steps, if slopes grow no faster than the step:
        what the cost does nearby, where the derivative itself may be 0.
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

    @property
    def blurred(self) -> Bools:
        """Where noise makes the bar: the change to the next step, `RATIO` times as loud, too."""
        return np.asarray(self.noise > self.error / RATIO)

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
    derivative = extrapolated(slope, steps.width)[0]
    noise = SAFETY * AMPLIFICATION * sigma / steps.h[0]
    error = noise + np.abs(derivative - slope[1])
    defined = np.isfinite(error)
    suspect = ~defined | ((bend[1] > bend[0] / 2) & (bend[1] > 4 * sigma / steps.h[1]))
    nothing = np.full(error.shape, np.nan)
    smooth = np.full(error.shape, Nature.SMOOTH)
    differences = Differences(
        derivative=np.where(defined, derivative, np.nan),
        error=np.where(defined, error, np.inf),
        noise=noise,
        step=steps.h[0] + np.zeros(error.shape),
        nature=marked(marked(smooth, steps.still, Nature.FLAT), ~defined, Nature.OUTSIDE),
        left=nothing,
        right=nothing,
        distance=nothing,
        steepness=steepness(steps),
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
        nature=marked(np.full(shape, Nature.SMOOTH), ~defined, Nature.OUTSIDE),
        left=nothing,
        right=nothing,
        distance=nothing,
        steepness=np.minimum(steepness(ends), NEARBY * (np.abs(derivative) + error)),
    )


NEARBY = 2.0 ** (FIRST[1] - COARSEST)
"""Slopes grow by so much, from the finer step of the first pass to the coarsest of the ladder,
where they grow as the step, as at a minimum. Where they grow by more, as those of ``exp(800 x)``,
the larger ones say nothing of the point."""


def steepness(steps: Steps, step: Values | float = np.inf) -> Values:
    """Largest one-sided slope over the coarser steps, as far as it tells of the point.

    Parameters
    ----------
    steps : Steps
    step : ndarray, shape (q, p), optional
        The one from which the derivative was taken.
    """
    coarse = slice(0, (FIRST[1] - COARSEST) // 2 + 1)
    slopes = np.fmax(np.abs(steps.left), np.abs(steps.right))
    slopes = np.where(np.isfinite(slopes), slopes, 0.0)
    largest = slopes[coarse].max(axis=0)
    near = np.where(steps.h >= np.fmin(step, steps.h[coarse][-1]), steps.h, np.inf)
    nearest = np.argmin(near, axis=0)[None]
    at_nearest = np.take_along_axis(slopes, nearest, axis=0)[0]
    return np.where(at_nearest > 0, np.minimum(largest, NEARBY * at_nearest), largest)


def extrapolated(slope: Values, h: Values, power: int = 2) -> Values:
    """Richardson: cancel the error of order ``h**power`` between neighbouring steps.

    Parameters
    ----------
    slope : ndarray, shape (r, ...)
        Differences.
    h : ndarray, shape (r, ...)
        Their steps, in any unit. They fall by `RATIO` up to rounding.
    power : int

    Returns
    -------
    ndarray, shape (r - 1, ...)
    """
    factor = (h[:-1] / h[1:]) ** power
    return (factor * slope[1:] - slope[:-1]) / (factor - 1)


AMPLIFICATION = (RATIO**2 * RATIO + 1) / (RATIO**2 - 1)
"""Noise of an extrapolated centered difference, in units of that of its coarser step."""


def marked(nature: NDArray[np.object_], where: Bools, name: Nature) -> NDArray[np.object_]:
    """`nature` with some entries given another name."""
    named = nature.astype(object)
    named[where] = name
    return named
