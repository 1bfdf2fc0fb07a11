"""What a spec says: its arrays, ranges and relations, as frozen dataclasses.

>>> size = Size(Size("n"), "+", Size(1))
>>> str(size), size.value({"n": 3}), size.names
('n + 1', 4, ('n',))

`parser` makes them of a text. Which sizes agree with all clauses is the business of `sizes`.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gradcheck.strategies.tokens import Place

__all__ = [
    "COMPARISONS",
    "HUGE",
    "INFINITY",
    "Array",
    "Domain",
    "Interval",
    "Range",
    "Relation",
    "Size",
    "Spec",
]

OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
}

COMPARISONS = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "==": "==", "!=": "!="}
"""The comparison with its two sides exchanged."""

INFINITY = float("inf")

HUGE = 1e100
"""Largest scale and end of an interval: squares and products of a few are still finite."""


@dataclass(frozen=True)
class Size:
    """A size: a number, the name of a dimension, or two sizes with an operator between them."""

    left: int | str | Size
    operator: str = ""
    right: Size | None = None

    def value(self, sizes: Mapping[str, int]) -> int:
        """The number that it is for sizes of the dimensions.

        Raises
        ------
        ZeroDivisionError
        """
        if self.right is not None:
            assert isinstance(self.left, Size)
            return int(OPERATORS[self.operator](self.left.value(sizes), self.right.value(sizes)))
        if isinstance(self.left, Size):
            return self.left.value(sizes)
        return sizes[self.left] if isinstance(self.left, str) else self.left

    @property
    def names(self) -> tuple[str, ...]:
        """Dimensions in it, each once."""
        if isinstance(self.left, str):
            return (self.left,)
        left = self.left.names if isinstance(self.left, Size) else ()
        return tuple(dict.fromkeys(left + (self.right.names if self.right else ())))

    @property
    def name(self) -> str | None:
        """The dimension that it is, if it is just one."""
        return self.left if isinstance(self.left, str) else None

    @property
    def number(self) -> int | None:
        """The number that it is, if no dimension is in it."""
        return None if self.names else self.value({})

    def __str__(self) -> str:
        if self.right is None:
            return str(self.left)
        left, right = str(self.left), str(self.right)
        if self.operator in ("*", "//") and isinstance(self.left, Size):
            left = f"({left})" if self.left.operator in ("+", "-") else left
        if self.right.operator and self.operator != "+":
            right = f"({right})"
        return f"{left} {self.operator} {right}"


@dataclass(frozen=True)
class Interval:
    """Real numbers between two ends, which may be infinite.

    Attributes
    ----------
    low, high : float
    low_open, high_open : bool
        Whether the end itself is left out.
    """

    low: float = -INFINITY
    high: float = INFINITY
    low_open: bool = True
    high_open: bool = True

    def __contains__(self, x: float) -> bool:
        above = x > self.low if self.low_open else x >= self.low
        return above and (x < self.high if self.high_open else x <= self.high)


@dataclass(frozen=True)
class Domain:
    """What the entries of an array are.

    Attributes
    ----------
    kind : str
        ``interval``, ``set``, ``one-hot``, ``labels``, ``symmetric``, ``positive-definite`` or
        ``orthogonal``.
    text : str
        As it is written.
    interval : Interval
        Of an interval.
    numbers : tuple of float
        Of a set.
    axis : int
        Along which a one-hot array has a single 1.
    size : Size, optional
        Number of the labels.
    """

    kind: str = "interval"
    text: str = "real"
    interval: Interval = Interval()
    numbers: tuple[float, ...] = ()
    axis: int = 0
    size: Size | None = None

    @property
    def continuous(self) -> bool:
        """Whether small steps stay inside, so that a cost may have a derivative."""
        return self.kind not in ("set", "one-hot", "labels")

    @property
    def scalable(self) -> bool:
        """Whether its entries may be made larger and smaller at will."""
        ends = (self.interval.low, self.interval.high)
        if self.kind == "interval":
            return all(end in (-INFINITY, 0.0, INFINITY) for end in ends)
        return self.kind in ("symmetric", "positive-definite")

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Array:
    """One array.

    Attributes
    ----------
    name : str
    shape : tuple of Size
        Empty for a single number.
    domain : Domain
    scale : float, optional
        Of its entries; None if the clause does not say.
    place : Place
        Of its name.
    places : tuple of Place
        Of its sizes.
    domain_place : Place
        Of its domain; of its name if the clause has none.
    """

    name: str
    shape: tuple[Size, ...]
    domain: Domain
    scale: float | None
    place: Place
    places: tuple[Place, ...]
    domain_place: Place


@dataclass(frozen=True)
class Range:
    """Sizes that a dimension may have, from `low` to `high`, both included."""

    name: str
    low: int
    high: int
    place: Place


@dataclass(frozen=True)
class Relation:
    """What must hold between sizes.

    Attributes
    ----------
    left, right : Size
    comparison : str
        A key of `COMPARISONS`.
    place : Place
    """

    left: Size
    comparison: str
    right: Size
    place: Place

    @property
    def names(self) -> tuple[str, ...]:
        """Dimensions in it."""
        return tuple(dict.fromkeys(self.left.names + self.right.names))

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether it does for these sizes."""
        try:
            return bool(
                COMPARISONS[self.comparison](self.left.value(sizes), self.right.value(sizes))
            )
        except ZeroDivisionError:
            return False

    def bounds_of(self, name: str) -> Iterator[tuple[str, Size]]:
        """How it compares a dimension with a size that does not depend on it."""
        sides = (self.left, self.comparison, self.right)
        mirrored = (self.right, MIRRORED[self.comparison], self.left)
        for one, sign, other in (sides, mirrored):
            if one.name == name and name not in other.names:
                yield sign, other


@dataclass(frozen=True)
class Spec:
    """All clauses of a spec, in their order.

    Attributes
    ----------
    text : str
    arrays : tuple of Array
    ranges : tuple of Range
    relations : tuple of Relation
    """

    text: str
    arrays: tuple[Array, ...]
    ranges: tuple[Range, ...]
    relations: tuple[Relation, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays."""
        return tuple(array.name for array in self.arrays)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the dimensions, in the order in which they appear among the arrays."""
        found: dict[str, None] = {}
        for array in self.arrays:
            for size in (*array.shape, array.domain.size or Size(1)):
                found.update(dict.fromkeys(size.names))
        for relation in self.relations:
            found.update(dict.fromkeys(relation.names))
        return tuple(found)
