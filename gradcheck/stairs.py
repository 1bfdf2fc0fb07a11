"""Whether a function that is smooth near a point goes on in stairs.

A cost such as ``log(1 - a)``, where ``a`` is all but 1 and ``1 - a`` a few roundings, stands still
for a while and then jumps. Steps shorter than its stairs see a derivative that lacks this part,
to all digits; longer ones see the derivative that is meant. Around a kink it is the same, but
there the shorter steps are right. A jump tells the one from the other.
"""

from __future__ import annotations

import numpy as np

from gradcheck.differences import Differences, Indices, Point, Steps
from gradcheck.ladder import Ladder
from gradcheck.noise import Values

__all__ = ["hidden_in_stairs"]

HALVINGS = 12
"""Of the stretch in which a jump is looked for, at least: a slope across the rest is 4096 times
lower. They go on until the rest is as short as the step at which the derivative is known: what
rises gently in as little is no jump, however it may swing on the way, as ``sin(1e9 x)`` does."""

STEEP = 64.0
"""So many times as steep as the difference at issue, across that rest, is a jump."""

FARTHER, FEW = (4.0, 1.0, 0.25), 2
"""Steps beyond those of the ladder, as shares of the scale, and for how many entries they are made
where the ladder meets no stairs: for those that are farthest off."""

PROOF = 6
"""Further halvings, across which a jump keeps its height while that of a kink falls by 64."""

BESIDE = 4.0
"""What stairs hide is their height over their width. The width is not known, but a stair ends at
the jump, and one of four stands that much nearer to its end or nearer still."""


@np.errstate(all="ignore")
def hidden_in_stairs(point: Point, entries: Indices, finer: Ladder, claim: Values) -> Values:
    """Slopes that stairs may hide, seen where a claim is what longer steps see beyond a jump.

    Parameters
    ----------
    point : Point
    entries : ndarray of int, shape (q,)
        The entries that `finer` is of.
    finer : Ladder
    claim : ndarray, shape (q, p)
        NaN where it does not matter.

    Returns
    -------
    ndarray, shape (q, p)
        0 where no jump was found, or none that makes up for the difference.
    """
    known = finer.differences
    found = _hidden(point, entries, finer.steps, known, claim)
    off = np.fmax.reduce(np.abs(claim - known.derivative), axis=1) * point.scale[entries]
    few = np.argsort(np.where(off > 0, -off, 0.0), kind="stable")[:FEW]
    few = few[off[few] > 0]
    if few.size and not found.any():
        h = point.scale[entries[few]] * np.array(FARTHER)[:, None]
        farther = point.steps(entries[few], h)
        found[few] = _hidden(point, entries[few], farther, known.rows(few), claim[few])
    return found


def _hidden(
    point: Point, entries: Indices, steps: Steps, known: Differences, claim: Values
) -> Values:
    """The slopes that `hidden_in_stairs` returns, as far as some steps show them."""
    off, derivative = np.abs(claim - known.derivative), known.derivative
    found = np.zeros(claim.shape)
    for side, values, slope in ((1, steps.plus, steps.right), (-1, steps.minus, steps.left)):
        alike = np.fmin(np.abs(slope - claim), np.abs(steps.slope - claim)) < off / 2
        alike &= (steps.h > known.step) & np.isfinite(values)
        for row, column in np.argwhere(alike.any(axis=0)):
            reach = steps.h[np.argmax(alike[:, row, column]), row, 0]
            height, rest, distance = _jump(
                point,
                int(entries[row]),
                int(column),
                side * reach,
                rate=side * derivative[row, column],
                least=known.step[row, column],
                enough=off[row, column] / BESIDE,
            )
            hidden = BESIDE * height / distance
            if height > STEEP * off[row, column] * rest and hidden >= off[row, column]:
                found[row, column] = max(found[row, column], hidden)
    return found


def _jump(
    point: Point,
    entry: int,
    column: int,
    reach: float,
    rate: float,
    least: float,
    enough: float,
) -> tuple[float, float, float]:
    """What may be the nearest jump on the way, the stretch it is in, and its distance.

    Parameters
    ----------
    point : Point
    entry, column : int
        The entry that is varied, and the output that is looked at.
    reach : float
        How far, with its sign.
    rate : float
        By how much the function grows with the distance, near the point.
    least : float
        A step along which it is known to be smooth.
    enough : float
        A rise beyond that, over the distance, that is worth looking into.
    """
    side = np.sign(reach)

    def value(h: float) -> float:
        values, _ = point.sample(np.array([entry]), np.array([side * h]))
        return float(values[0, column])

    near, far = 0.0, abs(reach)
    at_near, at_far = float(point.value[column]), value(far)

    def rise() -> float:
        return abs(at_far - at_near - rate * (far - near))

    def halve(worth: float) -> None:
        nonlocal near, at_near, far, at_far
        middle, half = (near + far) / 2, (far - near) / 2
        at_middle = value(middle)
        if abs(at_middle - at_near - rate * half) > worth:
            far, at_far = middle, at_middle
        else:
            near, at_near = middle, at_middle

    over = np.log2(abs(reach) / least) if least > 0 else 0.0
    for _ in range(max(HALVINGS, int(np.ceil(over)) if np.isfinite(over) else 0)):
        # What has not risen by as much since the point was left is no jump that hides enough.
        if rise() < enough * near:
            break
        halve(enough * (far - near) / 2)
    found = rise(), far - near, far
    if found[0] > 0:
        for _ in range(PROOF):
            halve(rise() / 2)
    return found if rise() > found[0] / 4 else (0.0, *found[1:])
