"""The noise of a function near a point: how far its values scatter about a smooth curve.

>>> from gradcheck.noise import measure
>>> noise = measure(lambda points: points.sum(axis=1) + 1e6, np.ones(3), np.array([1e6 + 3]))
>>> bool(1e-11 < noise.sigma[0] < 1e-9)
True

A difference of two values is blurred by their noise, so that no error bar can do without
it. It is measured, not taken to be one rounding of the value: sums of many terms that
cancel, a layer in single precision or an inner solver are noisier by many powers of ten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import comb, factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DISTANT",
    "Noise",
    "jumps_nearby",
    "largest_inward",
    "measure",
    "measure_gradient",
    "nearest_power_of_two",
    "roughness",
]

Values = NDArray[Any]

POINTS = 9
"""Equally spaced points on a line. Moré and Wild (2011, section 4) advise 7 or more; with 7
the bars made from it failed 15 times as often."""

ORDERS = (4, 5, 6)
"""Orders of the differences that estimate the noise: lower ones still see the curve."""

FINE = -40
"""Exponent of the spacing that sees nothing but the rounding of double precision."""

COARSE = range(-20, -3, 4)
"""Exponents of spacings to try in turn, until a cost that stands still in steps (single
precision inside, rounded output) is seen to move."""

EDGE = range(-20, -45, -4)
"""Exponents to try in turn where the coarser line leaves the domain."""

MOVES = 6
"""Of the 8 neighbouring pairs on a line so many must differ, or the line is a staircase."""


@dataclass(frozen=True)
class Noise:
    """What one measurement found, for each output of the function.

    Attributes
    ----------
    sigma : ndarray, shape (p,)
        Standard deviation of the noise, never below half a rounding unit of the value.
    fine : ndarray, shape (p,)
        Likewise, from the finest line alone.
    quantised : ndarray of bool, shape (p,)
        The values may move in steps.
    stairs : ndarray of bool, shape (p,)
        The values certainly move in steps much larger than their rounding.
    quantum : ndarray, shape (p,)
        Height of the smallest stair seen, 0 if there was none.
    """

    sigma: Values
    fine: Values
    quantised: NDArray[np.bool_]
    stairs: NDArray[np.bool_]
    quantum: Values

    def at_least(self, sigma: float) -> Noise:
        """The noise, if it is known from elsewhere to be no smaller than `sigma`."""
        return replace(self, sigma=np.maximum(self.sigma, sigma), fine=np.maximum(self.fine, sigma))


@np.errstate(all="ignore")
def measure(
    f: Callable[[Values], Values],
    x: Values,
    at_x: Values,
    *,
    spacing: Values | None = None,
    eps: float = 2.0**-52,
    inward: Values | None = None,
) -> Noise:
    """Noise of `f` near `x`, from 27 evaluations or a few more whatever the size of `x`.

    Parameters
    ----------
    f : callable
        ``f(points)``, points of shape (k, n), gives values of shape (k,) or (k, p), NaN
        where it is undefined.
    x : ndarray, shape (n,)
    at_x : ndarray, shape (p,)
        Values of `f` at `x`.
    spacing : ndarray, shape (n,), optional
        Distance from `x` to the next number that `f` can tell from it.
    eps : float
        Rounding unit of the arithmetic in which `f` returns its values.
    inward : ndarray, shape (n,), optional
        Signs of the steps that lead away from the bounds, if there are any.

    Returns
    -------
    Noise

    Notes
    -----
    ECnoise: the k-th differences of a smooth function at close points vanish and those of
    its noise do not, so ``sigma^2 = (k!)^2 / (2k)! mean(difference^2)``. The lines lie on
    either side of `x` and do not contain it, for `x` is often a kink (a bias of 0), and the
    quieter side counts.

    References
    ----------
    J. J. Moré, S. M. Wild, Estimating computational noise, SIAM J. Sci. Comput. 33 (2011)
    1292-1314, section 3.
    """
    spacing = np.spacing(np.abs(x)) if spacing is None else spacing

    direction = _direction(x, inward)

    def line(exponent: int, side: int) -> Values:
        points = _short_line(x, side * direction, exponent, spacing)
        return f(points).reshape(POINTS, -1)

    def sides(exponent: int) -> Values:
        """Values to the right and to the left, shape (POINTS, 2, p)."""
        right, left = line(exponent, 1), line(exponent, -1)
        # On the face of a box there is one side only.
        one_sided = inward is not None and not np.isfinite(left).all()
        return np.stack([right, right if one_sided else left], axis=1)

    fine_line = line(FINE, 1)
    if not np.isfinite(fine_line).all():
        fine_line = line(FINE, -1)

    near = values = sides(COARSE[0])
    stepped = _in_stairs(near, at_x).any(axis=0)
    quantum = smallest_move(near).min(axis=0)
    widened = flat = np.zeros(at_x.shape, dtype=bool)
    if np.isfinite(near).all():
        for exponent in COARSE[1:]:
            still = moves(values).max(axis=0) < MOVES
            if not still.any():
                break
            wider = sides(exponent)
            if not np.isfinite(wider).all():
                break
            values = np.where(still, wider, values)
            quantum = np.minimum(quantum, smallest_move(values).min(axis=0))
            stepped |= _in_stairs(values, at_x).any(axis=0)
            widened |= still
        # What stands still near the point and moves beyond, in no stairs, is flat up to a kink.
        still = moves(near).min(axis=0) == 0
        flat = (widened | still) & ~stepped
        values = np.where(flat, near, values)
        quantum, widened = np.where(flat, np.inf, quantum), widened & ~flat
    else:
        for exponent in EDGE[1:]:
            values = sides(exponent)
            if np.isfinite(values).all():
                break
    defined = np.isfinite(values).all(axis=(0, 2))
    lines = values[:, defined] if defined.any() else fine_line[:, None]
    fine, *others = scatter(np.concatenate([fine_line[:, None], lines], axis=1))
    coarse = np.min(others, axis=0)
    quantum = np.minimum(quantum, smallest_move(lines).min(axis=0))

    unit = np.maximum(np.abs(at_x) * eps / 2, SUBNORMAL)
    # A cost that never moves may be what is left of terms of size 1, as log(1 + x^2) is.
    nothing = quantum == np.inf
    # Rounding to stairs has this deviation, also where points fall on as many whole stairs.
    stair = np.where(widened & np.isfinite(quantum), quantum / np.sqrt(12), 0.0)
    sigma = np.maximum.reduce(
        [np.nan_to_num(fine), coarse, stair, unit, np.where(nothing, eps / 4, 0)]
    )
    louder = np.maximum(coarse, stair) > 16 * np.maximum(np.nan_to_num(fine), unit)
    stairs = (quantum < np.inf) & (widened | louder)
    return Noise(
        sigma=sigma,
        fine=np.maximum(np.nan_to_num(fine), unit),
        quantised=widened | louder | ((moves(fine_line) < MOVES) & ~flat),
        stairs=stairs,
        quantum=np.where(np.isfinite(quantum) & stepped, quantum, 0.0),
    )


SUBNORMAL = np.finfo(np.float64).smallest_subnormal
"""Below it there is no rounding unit."""

INWARD = (2.0**-1, 2.0**-3, 2.0**-5, 2.0**-7, 2.0**-9, 2.0**-11)
"""Points on the way to the origin, as shares of the point, at which a gradient shows how large
it is where nothing saturates."""

DIVERGES = 3.0
"""Growth of a gradient between the two innermost of these, by which it is unbounded at the origin
and tells nothing of the point: that of ``log(x)`` grows by 4, that of ``x**-12`` by 4**13."""


def largest_inward(f: Callable[[Values], Values], x: Values) -> Values:
    """How large a gradient is on the way to the origin, shape (p,); 0 where it is unbounded.

    It is computed from quantities whose rounding need not show near the point: ``A2 - Y`` has few
    digits left when ``A2`` is nearly 1, and stands still from point to point. But where the
    network does not saturate, the gradient is as large as they are.

    Parameters
    ----------
    f : callable
        ``f(points)``, points of shape (k, n), gives values of shape (k, p).
    x : ndarray, shape (n,)
    """
    elsewhere = np.abs(f(np.multiply.outer(INWARD, x)))
    bounded = np.isfinite(elsewhere[-1]) & ~(elsewhere[-1] > DIVERGES * elsewhere[-2])
    elsewhere = np.where(np.isfinite(elsewhere), elsewhere, 0.0)
    # Not the largest, for one of the points may lie beside a pole.
    return np.where(bounded, np.sort(elsewhere, axis=0)[-2], 0.0)


@np.errstate(all="ignore")
def measure_gradient(
    f: Callable[[Values], Values],
    x: Values,
    spacing: Values,
    inward: Values | None = None,
) -> Values | None:
    """Scatter of each entry of a gradient on a short line near `x`; None if it cannot be had.

    Parameters
    ----------
    f : callable
        As for `largest_inward`.
    x : ndarray, shape (n,)
    spacing : ndarray, shape (n,)
        Distance from `x` to the next number that `f` can tell from it.
    inward : ndarray, shape (n,), optional
        As in `measure`.

    Returns
    -------
    ndarray, shape (p,)
    """
    direction = _direction(x, inward)
    found: Values | None = None
    for exponent in EDGE:
        near = f(_short_line(x, direction, exponent, spacing))
        if not np.isfinite(near).all():
            continue
        seen = np.maximum(scatter(near), _stair(near))
        if found is None:
            found = seen
            continue
        # Noise is as loud on a shorter line. What falls there is the curve, beside a pole.
        curved = (seen < found / 4) & (moves(near) >= MOVES)
        if not curved.any():
            break
        found = np.where(curved, seen, found)
    return found


def _stair(values: Values) -> Values:
    """Half the height of a stair where values stand still and move by turns, else 0."""
    moved = moves(values)
    by_turns = (moved >= 3) & (moved < len(values) - 1)
    return np.where(by_turns, smallest_move(values) / 2, 0.0)


REACH = 18
"""Points to either side on the lines on which roughness is looked for, or a jump closely: seven
times those that a jump enters into by its tenth difference, so that most are undisturbed."""

ROUGH = (-12, -8)
"""Exponents of the spacings at which a cost may be rough that is smooth within `COARSE`."""

LEVEL = 0.6
"""From the eighth difference to the tenth, that of noise or of a jump stays what it is, in units
of its height; that of a wave falls to this where a period has seven points, and below where it
has more."""


@np.errstate(all="ignore")
def roughness(f: Callable[[Values], Values], x: Values, sigma: Values, spacing: Values) -> Values:
    """Noise of a function over distances at which its steps begin to matter; 0 where none shows.

    Stairs that are wider than the lines of `measure` do not show on these: a layer in single
    precision may stand still over all of them, and ``log(1 - a)`` too where ``a`` is all but 1.

    Parameters
    ----------
    f : callable
        As for `measure`.
    x : ndarray, shape (n,)
    sigma : ndarray, shape (p,)
        Noise of the function near `x`.
    spacing : ndarray, shape (n,)
        As for `measure_gradient`.

    Returns
    -------
    ndarray, shape (p,)
        Standard deviation, from the median of the differences, which a few kinks leave alone.
    """
    found = np.zeros(sigma.shape)

    def medians(exponent: int) -> list[Values]:
        values = _long_line(f, x, _direction(x, None) * 2.0**exponent, spacing)
        return [
            np.median(np.abs(np.diff(values, n=k, axis=0)), axis=0) / np.sqrt(comb(2 * k, k))
            for k in (8, 10)
        ]

    for exponent in ROUGH:
        eighth, tenth = medians(exponent)
        rough = (tenth > LEVEL * eighth) & (eighth > 16 * NORMAL * sigma)
        if rough.any():
            # What grows with the spacing, and is no curve, is many kinks.
            wider, curved = medians(exponent + 2)
            rough &= ~((wider > 3 * eighth) & (curved > LEVEL * wider))
        found = np.maximum(found, np.where(rough, eighth / NORMAL, 0.0))
    return found


NORMAL = 0.6745
"""Median of the magnitude of a normal number of deviation 1."""

SPREAD = -6.0
"""Exponent of the spacing of the lines on which jumps are looked for: these reach a little beyond
the size of the point."""

FAR = 72
"""Points to either side on such a line. With 18 and wider spacings the curve hid the jumps of one
fixed point in a hundred, with 72 those of none."""

DIRECTIONS = 3
"""Random directions of such lines; one more runs through the origin, along which all parts of the
point grow together: how fast a solver converges changes most along it."""

ZOOM, ZOOMS = 8, 8
"""By so much, and so often, the spacing is narrowed about what may be a jump: that of a kink
falls as the spacing, that of anything smooth, such as ``tanh(1e6 x)``, once it is resolved, and
beside a pole it grows."""


@np.errstate(all="ignore")
def jumps_nearby(
    f: Callable[[Values], Values], x: Values, sigma: Values, spacing: Values, enough: Values
) -> Values:
    """Height of the small jumps that a function makes near `x`; 0 where none shows.

    An inner solver that stops at a tolerance takes another number of steps from one point to
    the next, and its result then jumps by about that tolerance. Between two jumps the function
    is smooth, but its derivative is off by as much.

    Parameters
    ----------
    f : callable
        As for `measure`.
    x : ndarray, shape (n,)
    sigma : ndarray, shape (p,)
        Noise of the function.
    spacing : ndarray, shape (n,)
        As for `measure_gradient`.
    enough : ndarray, shape (p,)
        Where jumps as high have been found, nothing higher is looked for.

    Returns
    -------
    ndarray, shape (p,)

    Notes
    -----
    The k-th differences about a jump are its height times the binomial coefficients of ``k - 1``.
    They are few, on a long line or closely about one of them, where those of noise or of a fast
    ripple are all alike, and do not depend on the spacing, as those about a kink do.
    """
    found = np.zeros(sigma.shape)
    for direction in [x, *(_direction(x, None, seed) for seed in range(DIRECTIONS))]:
        if (found >= enough).all():
            break
        step = direction * 2.0**SPREAD
        found = np.maximum(found, _jump_along(f, x, step, sigma, spacing))
    return found


def _jump_along(
    f: Callable[[Values], Values], x: Values, step: Values, sigma: Values, spacing: Values
) -> Values:
    """Height of a small jump on one line; 0 where none shows."""
    values = _long_line(f, x, step, spacing, FAR)
    height, place, alone = _tallest(values)
    seen = (height > 100 * sigma) & (_tallest(values, 10)[0] > LEVEL * height)
    seen &= ~_grows(values, height, place)
    # What is as large as the function itself is no small jump.
    seen &= height < 1e-2 * (np.fmax.reduce(values) - np.fmin.reduce(values))
    for _ in range(ZOOMS):
        if not seen.any():
            break
        x, step, before = x + np.median(place[seen]) * step, step / ZOOM, height
        height, place, closely = _tallest(_long_line(f, x, step, spacing))
        alone |= closely
        seen &= (height > 100 * sigma) & (height > 2 * before / ZOOM) & (height < 4 * before)
    return np.where(seen & alone, height, 0.0)


def _long_line(
    f: Callable[[Values], Values], x: Values, step: Values, spacing: Values, reach: int = REACH
) -> Values:
    """Values of `f` at `x` and `reach` steps to both sides."""
    x, step = _on_grid(x, step, spacing)
    places = np.arange(-reach, reach + 1)[:, None]
    return f(x + places * step).reshape(places.size, -1)


def _grows(values: Values, height: Values, place: Values) -> NDArray[np.bool_]:
    """Whether a jump is one of many that grow from the point on, as rounding does in saturation.

    Those on the way to it are then nearly as high, and those about the point are not.
    """
    differences = np.nan_to_num(np.abs(np.diff(values, n=8, axis=0))) / comb(7, 4)
    centre = len(differences) // 2
    about = differences[centre - REACH : centre + REACH].max(axis=0)
    on_the_way = centre + place - np.sign(place) * np.arange(8, 8 + REACH)[:, None]
    there = np.clip(on_the_way, 0, len(differences) - 1).astype(int)
    before = np.median(np.take_along_axis(differences, there, axis=0), axis=0)
    return np.asarray((about < 1e-3 * height) & (before > 1e-3 * height))


def _tallest(values: Values, order: int = 8) -> tuple[Values, Values, NDArray[np.bool_]]:
    """Height of the largest jump on a line, its place in steps, and whether there are few."""
    differences = np.abs(np.diff(values, n=order, axis=0))
    defined = np.where(np.isfinite(differences), differences, 0.0)
    largest = defined.max(axis=0)
    place = np.argmax(defined, axis=0) + order // 2 - len(values) // 2
    alone = np.median(defined, axis=0) < 0.2 * largest
    return largest / comb(order - 1, order // 2), place, alone


DISTANT = 2.0**12
"""An entry beyond this may be far from an origin that means nothing, as in ``tanh(x - 1e6)``. On
lines in proportion to it, the curve of such a function would look like noise."""


def _direction(x: Values, inward: Values | None, seed: int = 0) -> Values:
    """A random direction, as large as `x` up to `DISTANT`, whose entries are short and differ.

    With few bits the points of a line are equally spaced to the last one. If they did not
    differ, equal entries of opposite sign would hide each other's rounding.
    """
    rng = np.random.default_rng(seed)
    size = np.abs(x)
    # Beside tiny entries, such as weights of 1e-6 beside biases of 0, a kink may be as near.
    zero = min(1.0, size.max(initial=0.0)) or 1.0
    size = np.minimum(np.where(size == 0, zero, size), DISTANT)
    scale = nearest_power_of_two(size)
    sign = rng.choice([-1.0, 1.0], x.size) if inward is None else inward
    direction: Values = sign * scale * rng.integers(32, 65, x.size) / 64
    return direction


def _short_line(x: Values, direction: Values, exponent: int, spacing: Values) -> Values:
    """`POINTS` points beside `x`, ``2**exponent`` of the direction apart, or as close as can be."""
    least = np.sign(direction) * 4 * nearest_power_of_two(spacing)
    step = direction * 2.0**exponent
    step = np.where(np.abs(step) < np.abs(least), least, step)
    x, step = _on_grid(x, step, spacing)
    points: Values = x + np.arange(1, POINTS + 1)[:, None] * step
    return points


def _on_grid(x: Values, step: Values, spacing: Values) -> tuple[Values, Values]:
    """Start and step of a line, so that its points are numbers that `f` can be given.

    They are multiples of a few times the spacing of these numbers: the rounding of the points
    would look like noise, or like jumps.
    """
    grid = 4 * nearest_power_of_two(spacing)
    return np.where(step == 0, x, np.round(x / grid) * grid), np.round(step / grid) * grid


def scatter(values: Values) -> Values:
    """Standard deviation of the noise in equally spaced values, along the first axis."""
    estimates, order, differences = [], 0, values
    for k in ORDERS:
        differences, order = np.diff(differences, n=k - order, axis=0), k
        # Relative to the largest, since the square of a large cost overflows.
        largest = np.abs(differences).max(axis=0)
        mean_square = np.mean((differences / np.where(largest > 0, largest, 1.0)) ** 2, axis=0)
        estimates.append(largest * np.sqrt(factorial(k) ** 2 / factorial(2 * k) * mean_square))
    found: Values = np.min(estimates, axis=0)
    return found


def moves(values: Values) -> NDArray[np.intp]:
    """How many neighbouring values differ, along the first axis."""
    return np.count_nonzero(np.diff(values, axis=0), axis=0)


def _in_stairs(values: Values, at_x: Values) -> NDArray[np.bool_]:
    """Whether values that move away from `at_x` stand still again, or move by whole stairs."""
    moved = np.diff(values, axis=0) != 0
    again = (np.logical_or.accumulate(moved, axis=0) & ~moved).any(axis=0)
    stairs = (values - at_x) / smallest_move(values)
    whole = (np.abs(stairs - np.round(stairs)) < 1e-6).all(axis=0) & (moved.sum(axis=0) >= 3)
    return again | whole


def smallest_move(values: Values) -> Values:
    """Smallest difference of neighbouring values that is not 0; infinity if all are."""
    steps = np.abs(np.diff(values, axis=0))
    return np.min(np.where(steps == 0, np.inf, steps), axis=0)


def nearest_power_of_two(x: Values) -> Values:
    """The power of two nearest to each entry of a positive `x`, on a logarithmic scale."""
    with np.errstate(divide="ignore"):
        exponent = np.round(np.log2(x))
    limits = np.finfo(x.dtype)
    powers: Values = np.exp2(np.clip(exponent, limits.minexp, limits.maxexp - 2))
    return powers
