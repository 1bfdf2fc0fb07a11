"""The cost without one of its examples, where these can be told from its arguments.

>>> examples = Examples.of(cost, point, names)  # doctest: +SKIP
>>> examples.slopes_without("W", directions, 0)  # doctest: +SKIP

A gradient that leaves the last example out is off by that example's part. Which part that is
shows where the data come as arguments of the cost, for these can be cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from gradcheck.differences import Point, first_pass
from gradcheck.functions import Cost
from gradcheck.names import Names
from gradcheck.noise import Values

__all__ = ["Examples"]

SHARE = 12
"""Of the evaluations made so far, one in so many may be spent on the cost without an example."""


@dataclass
class Examples:
    """The examples that a cost is given.

    Attributes
    ----------
    cost : Cost
    point : Point
    axes : mapping of int to int
        The axis of the examples in each argument that has one.
    count : int
        How many they are.
    """

    cost: Cost
    point: Point
    axes: dict[int, int]
    count: int
    _order: list[int] = field(default_factory=list)
    _budget: int = 0

    @classmethod
    def of(cls, cost: Cost, point: Point, names: Names) -> Examples | None:
        """Those in the arguments of a cost; None if it has none that can be told.

        Parameters
        ----------
        cost : Cost
        point : Point
        names : Names
            Among them the possible numbers of examples.
        """
        shapes = {k: a.shape for k, a in enumerate(cost.args) if isinstance(a, np.ndarray)}
        layouts: list[tuple[int, dict[int, int]]] = []
        for m in {m for shape in shapes.values() for m in (*shape[:1], *shape[-1:])}:
            # In rows, in columns, or in the one axis of that size.
            rows = {k: 0 for k, shape in shapes.items() if shape[:1] == (m,)}
            columns = {k: len(shape) - 1 for k, shape in shapes.items() if shape[-1:] == (m,)}
            alone = {k: s.index(m) for k, s in shapes.items() if s.count(m) == 1}
            layouts += [(m, rows), (m, columns)] + [(m, alone)] * (m in names.examples)
        known = [
            (m, axes) for m, axes in layouts if m > 2 and (len(axes) > 1 or m in names.examples)
        ]
        if not known:
            return None
        count, axes = max(known, key=lambda layout: (len(layout[1]), layout[0] in names.examples))
        order = [count - 1, *range(count - 1)]
        return cls(cost, point, axes, count, order, cost.evaluations // SHARE)

    def tried(self) -> Iterator[int]:
        """The examples, those first that are left out most often."""
        return iter(list(self._order))

    def found(self, k: int) -> None:
        """Try example `k` first from now on."""
        self._order.remove(k)
        self._order.insert(0, k)

    def slopes_without(self, block: str, ways: Values, k: int) -> tuple[Values, Values] | None:
        """Slopes of the cost without example `k`, and their bars.

        Parameters
        ----------
        block : str
        ways : ndarray, shape (d, ...)
            Directions in the block.
        k : int

        Returns
        -------
        pair of ndarray, shape (d,)
            None if they were undefined, or enough evaluations have been made.
        """
        if self._budget <= 0:
            return None
        args = (
            np.delete(value, k, self.axes[place]) if place in self.axes else value
            for place, value in enumerate(self.cost.args)
        )
        cut = Cost(self.cost.name, self.cost.call, self.cost.layout, tuple(args))
        cut.bounds = self.cost.bounds
        (place,) = (b.slice for b in self.cost.layout.blocks if b.name == block)
        steps = np.zeros((len(ways), self.point.x.size))
        steps[:, place] = ways.reshape(len(ways), -1)
        start = np.zeros(len(ways))
        along = replace(
            self.point,
            f=lambda t: cut.values(self.point.x + t @ steps),
            x=start,
            value=cut.values(self.point.x[None]),
            nearest=lambda points: points,
            spacing=np.full(start.size, np.finfo(float).eps),
            f_complex=None,
        )
        found, _ = first_pass(along, np.arange(start.size))
        self.cost.evaluations += cut.evaluations
        self._budget -= cut.evaluations
        slope, error = found.derivative[:, 0], found.error[:, 0]
        return (slope, error) if np.isfinite([slope, error]).all() else None
