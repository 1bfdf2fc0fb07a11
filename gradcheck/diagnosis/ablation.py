"""The cost with a part of its arguments taken away: one example, or a penalty's factor.

>>> examples = Examples.of(cost, point, names)  # doctest: +SKIP
>>> examples.slopes_without("W", directions, next(examples.tried()))  # doctest: +SKIP
>>> penalty_of(cost, point, suspect, suspect.at)  # doctest: +SKIP

A gradient that leaves the last example out is off by that example's part, and one without its
penalty by the penalty's. How large these are shows where data and factors come as arguments of
the cost, for an example can be cut from them, and a factor set to 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.diagnosis.names import Names, arguments
from gradcheck.differences import FIRST, Point, first_pass
from gradcheck.functions import Cost
from gradcheck.noise import Values
from gradcheck.verdict import FLOOR

__all__ = ["CALLS", "Cut", "Examples", "StandIns", "penalty_of"]

CALLS = 2 * len(FIRST)
"""Evaluations that tell one derivative: to both sides, at each of the first steps."""

TARGETS = {"y", "t", "target", "targets", "label", "labels", "out", "output", "outputs"}
"""What the outputs that a cost compares with are called: they are left out last."""


@dataclass(frozen=True)
class Cut:
    """One example taken out of the arguments.

    Attributes
    ----------
    axes : mapping of int to int
        The axis of the examples in each argument that has one.
    count : int
        How many they are.
    k : int
        Which one is left out.
    """

    axes: Mapping[int, int]
    count: int
    k: int

    def of(self, args: Sequence[Any]) -> list[Any]:
        """The arguments without the example."""
        return [
            np.delete(value, self.k, self.axes[place]) if place in self.axes else value
            for place, value in enumerate(args)
        ]


class Examples:
    """The examples that a cost is given.

    Parameters
    ----------
    cost : Cost
    point : Point
    cuts : list of Cut
        In the order in which they are tried.
    limit : int
        Evaluations of the cost, all in all, after which nothing more is tried.
    """

    def __init__(self, cost: Cost, point: Point, cuts: list[Cut], limit: int) -> None:
        self.cost, self.point, self.cuts, self.limit = cost, point, cuts, limit

    @classmethod
    def of(cls, cost: Cost, point: Point, names: Names, limit: int) -> Examples:
        """Those in the arguments of a cost.

        Parameters
        ----------
        cost : Cost
        point : Point
        names : Names
            Among them the possible numbers of examples.
        limit : int
        """
        shapes = {k: a.shape for k, a in enumerate(cost.args) if isinstance(a, np.ndarray)}
        layouts: list[tuple[int, dict[int, int]]] = []
        for m in sorted({m for shape in shapes.values() for m in (*shape[:1], *shape[-1:])}):
            # In columns, in rows, or in the one axis of that size.
            columns = {k: len(shape) - 1 for k, shape in shapes.items() if shape[-1:] == (m,)}
            rows = {k: 0 for k, shape in shapes.items() if shape[:1] == (m,)}
            alone = {k: s.index(m) for k, s in shapes.items() if s.count(m) == 1}
            for axes in (columns, rows, alone):
                known = m in names.examples
                if axes and m > 2 and (known or (len(axes) > 1 and axes is not alone)):
                    layouts += [(m, axes)] * ((m, axes) not in layouts)
        layouts.sort(key=lambda layout: (-len(layout[1]), layout[0] not in names.examples))
        ends = [Cut(axes, m, k) for m, axes in layouts for k in (m - 1, 0)]
        rest = [Cut(axes, m, k) for m, axes in layouts for k in range(1, m - 1)]
        return cls(cost, point, ends + rest, limit)

    def tried(self) -> Iterator[Cut]:
        """What may be left out, the most likely first."""
        return iter(list(self.cuts))

    def found(self, cut: Cut) -> None:
        """Try this first from now on."""
        self.cuts.remove(cut)
        self.cuts.insert(0, cut)

    def slopes_without(self, block: str, ways: Values, cut: Cut) -> tuple[Values, Values] | None:
        """Slopes of the cost without an example, and their bars.

        Parameters
        ----------
        block : str
        ways : ndarray, shape (d, ...)
            Directions in the block.
        cut : Cut

        Returns
        -------
        pair of ndarray, shape (d,)
            None if enough evaluations have been made.
        """
        if self.cost.evaluations + CALLS * len(ways) >= self.limit:
            return None
        return _slopes(self.cost, self.point, cut.of(self.cost.args), block, ways)


@dataclass(frozen=True)
class StandIn:
    """A neutral value in place of one of the arguments.

    Attributes
    ----------
    place : int
        Of the argument.
    number : float
        0 or 1.
    words : str
        What the cost is then, such as ``without `offset```.
    late : bool
        Whether it is tried after the examples: one rarely leaves out outputs, or a number.
    """

    place: int
    number: float
    words: str
    late: bool

    def of(self, args: Sequence[Any]) -> list[Any]:
        """The arguments with the number in place of one of them."""
        value = args[self.place]
        instead = self.number if np.ndim(value) == 0 else np.full_like(value, self.number)
        return [instead if k == self.place else other for k, other in enumerate(args)]


class StandIns:
    """A cost whose arguments are replaced one by one with 0, or with 1.

    A gradient that forgets an offset, a weight or a mask is right for the cost without it.

    Parameters
    ----------
    cost : Cost
    point : Point
    tried : list of StandIn
        The most likely first.
    limit : int
        Evaluations of the cost, all in all, after which nothing more is tried.
    """

    def __init__(self, cost: Cost, point: Point, tried: list[StandIn], limit: int) -> None:
        self.cost, self.point, self.tried, self.limit = cost, point, tried, limit

    @classmethod
    def of(cls, cost: Cost, point: Point, limit: int) -> StandIns:
        """Those for the arguments of a cost.

        Parameters
        ----------
        cost : Cost
        point : Point
        limit : int
        """
        tried = []
        for place, value in enumerate(cost.args):
            alone = arguments(cost.call, (*[None] * place, value))
            name = next((name for name, leaf in alone if leaf is value), "")
            for number, words in (
                (0.0, f"without `{name}`"),
                (1.0, f"with 1 in place of `{name}`"),
            ):
                if name and _may_stand(value, number):
                    late = np.ndim(value) == 0 or name.lower() in TARGETS
                    tried.append(StandIn(place, number, words, late))
        return cls(cost, point, tried, limit)

    def found(self, stand_in: StandIn) -> None:
        """Try nothing but this from now on."""
        self.tried[:] = [stand_in]

    def slopes(self, block: str, ways: Values, stand_in: StandIn) -> tuple[Values, Values] | None:
        """Slopes of the cost with a stand-in along directions in a block, and their bars.

        None if enough evaluations have been made.
        """
        if self.cost.evaluations + CALLS * len(ways) > self.limit:
            return None
        return _slopes(self.cost, self.point, stand_in.of(self.cost.args), block, ways)


LONG = 1000
"""Entries of a matrix that are looked at first."""


def _may_stand(value: Any, number: float) -> bool:
    """Whether 0, or 1, says that an argument is left out.

    Weights and masks are no less than 0, and left out they are 1; matrices of any sign are data.
    """
    if isinstance(value, (float, np.floating)):
        return value != number
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub" or value.size < 2:
        return False
    if value.dtype.kind in "iu" and value.max() > 1:
        return False  # most often places in another array
    vector = max(value.shape) == value.size
    switch = all(np.isin(part, (0, 1)).all() for part in (value.flat[:LONG], value))
    if not (vector or switch) or (value == number).all():
        return False
    factor = bool((value >= 0).all())
    return factor if number else not factor or vector


def penalty_of(
    cost: Cost, point: Point, block: str, truth: Values, bar: Values, base: Values
) -> float:
    """The `q` of a penalty whose gradient by a block is `q` times `base`.

    Parameters
    ----------
    cost : Cost
    point : Point
    block : str
    truth, bar : ndarray
        The gradient by the block as it was measured, and how well it is known.
    base : ndarray
        The block itself, or its sign.

    Returns
    -------
    float
        0 if no number among the arguments has such a part in the cost, NaN if that is unclear.
    """
    scalars = [k for k, x in enumerate(cost.args) if isinstance(x, (float, np.floating)) and x]
    signs = np.random.default_rng(0).choice([-1.0, 1.0], base.shape)
    ways = np.stack([base, base * signs][: min(2, base.size)])
    none = bool(scalars)
    for place in scalars:
        args = [0.0 if k == place else value for k, value in enumerate(cost.args)]
        slope, error = _slopes(cost, point, args, block, ways)
        total, known, part = (
            (abs(ways) * a if a is bar else ways * a).reshape(len(ways), -1).sum(axis=1)
            for a in (truth, bar, base)
        )
        gain, width = total - slope, known + error + FLOOR * np.abs(total)
        q = float(gain[0] / part[0])
        if (np.abs(gain) <= width).all():
            continue
        if (np.abs(gain - q * part) <= width * (1 + np.abs(part / part[0]))).all():
            return q
        none = False
    return 0.0 if none else np.nan


def _slopes(
    cost: Cost, point: Point, args: Sequence[Any], block: str, ways: Values
) -> tuple[Values, Values]:
    """Slopes of the cost with other arguments along directions of one block, and their bars."""
    other = Cost(cost.name, cost.call, cost.layout, tuple(args))
    other.bounds, other.vectorized = cost.bounds, cost.vectorized
    (place,) = (b.slice for b in cost.layout.blocks if b.name == block)
    steps = np.zeros((len(ways), point.x.size))
    steps[:, place] = ways.reshape(len(ways), -1)
    start = np.zeros(len(ways))
    along = replace(
        point,
        f=lambda t: other.values(point.x + t @ steps),
        x=start,
        nearest=lambda points: points,
        spacing=np.full(start.size, np.finfo(float).eps),
        f_complex=None,
    )
    found, _ = first_pass(along, np.arange(start.size))
    cost.evaluations += other.evaluations
    return found.derivative[:, 0], found.error[:, 0]
