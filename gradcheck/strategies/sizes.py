"""Which sizes agree with all clauses of a spec, and one choice among them.

>>> from gradcheck.strategies.parser import parse
>>> sizes = Sizes(parse("X: n m; W: k n; k = n + 1; m != n"))
>>> sizes.choose(lambda options: options[-1])
{'n': 6, 'm': 5, 'k': 7}

Dimensions are chosen one after the other, each among the sizes with which the rest can still be
completed, so that no choice is ever thrown away.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gradcheck.errors import InvalidInput
from gradcheck.strategies.spec import INFINITY, Relation, Size, Spec
from gradcheck.strategies.tokens import Place

__all__ = ["LARGEST", "Sizes"]

LARGEST = 6
"""Largest size of a dimension without a range: networks so small show every known mistake, and a
check of all their entries takes milliseconds."""

ENTRIES, MOST_ENTRIES = LARGEST**5, 10_000_000
"""Of an array without ranges, so that one of high rank stays small; and of any array."""

MANY = 12
"""Among more sizes than these, the smallest and those chosen before would be rare."""

AT_LEAST_1 = (">=", Size(1))

RARELY = (False,) * 4 + (True,)
"""How often one of them is chosen all the same."""

STEPS = 100_000
"""Combinations of sizes that are tried at most: a second's work."""


class Sizes:
    """The sizes that a spec allows.

    Parameters
    ----------
    spec : Spec

    Attributes
    ----------
    names : tuple of str
        The dimensions, in the order in which they are chosen.

    Raises
    ------
    InvalidInput
        If there are none; the message points at the relation that cannot hold.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.defined = _definitions(spec)
        self.names = spec.dimensions
        self.free = tuple(name for name in self.names if name not in self.defined)
        relations = [
            Relation(self._replaced(r.left), r.comparison, self._replaced(r.right), r.place)
            for r in (*spec.relations, *_positive(spec))
        ]
        # A size that is chosen from a range is at least 1 as it is.
        relations = [
            r for r in relations if not (r.left.name and (r.comparison, r.right) == AT_LEAST_1)
        ]
        self.ranges = _ranges(spec, self.free, relations)
        last = {name: k for k, name in enumerate(self.free)}
        self.due: list[list[Relation]] = [[] for _ in self.free]
        for relation in relations:
            if relation.names:
                self.due[max(last[name] for name in relation.names)].append(relation)
            elif not relation.holds({}):
                raise relation.place.error("this can never hold")
        self.linked = _linked(self.free, relations)
        self.options = lru_cache(maxsize=4096)(self._options)
        self._find_any(relations)
        self._refuse_huge()

    def _refuse_huge(self) -> None:
        """Point at an array that could fill the memory."""
        largest = {name: found[-1] for name, found in self.ranges.items()}
        sizes = {name: self.full(name, largest) for name in self.names}
        for array in self.spec.arrays:
            entries = math.prod(size.value(sizes) for size in array.shape)
            if entries > MOST_ENTRIES:
                raise array.place.error(
                    f"`{array.name}` has up to {entries:,} entries; let its dimensions be smaller, "
                    f"so that it has {MOST_ENTRIES:,} at most"
                )

    def choose(
        self,
        among: Callable[[Sequence[Any]], Any],
        chosen: Callable[[str], None] = lambda name: None,
    ) -> dict[str, int]:
        """Sizes of all dimensions.

        Parameters
        ----------
        among : callable
            Chooses one of some values, the simplest of which is the first.
        chosen : callable
            Is told of each dimension whose size was chosen.
        """
        sizes: dict[str, int] = {}
        for k, name in enumerate(self.free):
            options = self.options(k, self._relevant(k, sizes))
            if len(options) > MANY and among(RARELY):
                options = tuple({options[0]: 0, **{n: 0 for n in sizes.values() if n in options}})
            sizes[name] = among(options)
            chosen(name)
        return {name: self.full(name, sizes) for name in self.names}

    def within(self, most: Mapping[str, int]) -> Sizes | None:
        """Those of them with which no dimension is larger than said; None if there are none."""
        narrow = copy.copy(self)
        narrow.ranges = {
            name: range(r.start, min(r.stop, most.get(name, r.stop) + 1))
            for name, r in self.ranges.items()
        }
        narrow.options = lru_cache(maxsize=4096)(narrow._options)
        # With options for the first of those that are linked there are some for the others.
        firsts = {min(map(self.free.index, self.linked[name])) for name in self.free}
        return narrow if all(narrow.options(k, ()) for k in firsts) else None

    def measured(self, arrays: Mapping[str, Any]) -> dict[str, int]:
        """Sizes of the dimensions in arrays that somebody else has made.

        Raises
        ------
        InvalidInput
            If an array is missing or has another shape than the spec says.
        """
        found: dict[str, int] = {}
        for array in self.spec.arrays:
            if array.name not in arrays:
                raise InvalidInput(f"`{array.name}` is missing; the spec names it")
            shape = np.shape(arrays[array.name])
            found.update({s.name: n for s, n in zip(array.shape, shape, strict=False) if s.name})
        for array in self.spec.arrays:
            shape = np.shape(arrays[array.name])
            if len(shape) != len(array.shape) or any(
                set(size.names) <= found.keys() and size.value(found) != n
                for size, n in zip(array.shape, shape, strict=True)
            ):
                due = " ".join(map(str, array.shape))
                raise InvalidInput(f"`{array.name}` has shape {shape}; the spec says: {due}")
        return {name: found[name] for name in self.names if name in found}

    def full(self, name: str, sizes: Mapping[str, int]) -> int:
        """A size, computed if an equation says so."""
        return self.defined[name].value(sizes) if name in self.defined else sizes[name]

    def most(self, size: Size) -> int:
        """The largest that a size can be; for an odd expression, something no smaller."""
        size = self._replaced(size)
        ends = [(self.ranges[name].start, self.ranges[name].stop - 1) for name in size.names]
        found = [1]
        for corner in itertools.product(*ends):
            with contextlib.suppress(ZeroDivisionError):
                found.append(size.value(dict(zip(size.names, corner, strict=True))))
        return max(found)

    def _replaced(self, size: Size) -> Size:
        """A size in terms of dimensions that no equation defines."""
        return _replaced(size, self.defined)

    def _relevant(self, k: int, sizes: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
        """Sizes chosen so far that bear on the `k`-th dimension."""
        linked = self.linked[self.free[k]]
        return tuple((name, sizes[name]) for name in self.free[:k] if name in linked)

    def _options(self, k: int, chosen: tuple[tuple[str, int], ...]) -> Sequence[int]:
        """Sizes of the `k`-th dimension that some choice of the others completes."""
        name = self.free[k]
        others = [j for j in range(k + 1, len(self.free)) if self.free[j] in self.linked[name]]
        steps = [STEPS]
        possible = self._possible(k, dict(chosen))
        if not (self.due[k] or others):
            return possible
        found = []
        for n in possible:
            sizes = {**dict(chosen), name: n}
            if self._holds(k, sizes) and self._completes(others, sizes, steps):
                found.append(n)
        return tuple(found)

    def _completes(self, others: list[int], sizes: dict[str, int], steps: list[int]) -> bool:
        if not others:
            return True
        k, *rest = others
        for n in self._possible(k, sizes):
            steps[0] -= 1
            if steps[0] < 0:
                raise InvalidInput(
                    "the relations between the sizes take too long to satisfy; make the ranges "
                    "smaller, or write one size as an equation such as n1 = 2*n0"
                )
            sizes[self.free[k]] = n
            if self._holds(k, sizes) and self._completes(rest, sizes, steps):
                return True
        sizes.pop(self.free[k], None)
        return False

    def _possible(self, k: int, sizes: Mapping[str, int]) -> range:
        """Sizes of the `k`-th dimension between those that relations compare it with."""
        name = self.free[k]
        low, high = self.ranges[name].start, self.ranges[name].stop - 1
        for relation in self.due[k]:
            for sign, other in relation.bounds_of(name):
                try:
                    bound = other.value(sizes)
                except ZeroDivisionError:
                    continue
                if sign in (">", ">=", "=", "=="):
                    low = max(low, bound + (sign == ">"))
                if sign in ("<", "<=", "=", "=="):
                    high = min(high, bound - (sign == "<"))
        return range(low, high + 1)

    def _holds(self, k: int, sizes: Mapping[str, int]) -> bool:
        return all(relation.holds(sizes) for relation in self.due[k])

    def _find_any(self, relations: Sequence[Relation]) -> None:
        """Refuse a spec that no sizes satisfy, pointing at the first relation that is at fault."""
        for k, name in enumerate(self.free):
            linked = self.linked[name]
            if any(other in linked for other in self.free[:k]) or self.options(k, ()):
                continue
            kept, self.due = self.due, [[] for _ in self.free]
            last = {n: j for j, n in enumerate(self.free)}
            for relation in relations:
                if not relation.names or relation.names[0] not in linked:
                    continue
                self.due[max(last[n] for n in relation.names)].append(relation)
                if not self._options(k, ()):
                    self.due = kept
                    raise relation.place.error(
                        f"no sizes are left for this: {self._spelled(linked)}"
                    )

    def _spelled(self, names: Sequence[str]) -> str:
        ranges = [
            f"{n} is in {self.ranges[n].start}..{self.ranges[n].stop - 1}"
            for n in self.free
            if n in names
        ]
        return f"{', '.join(ranges)}; a clause such as {self.free[0]} = 1..20 gives another range"


def _definitions(spec: Spec) -> dict[str, Size]:
    """Dimensions that an equation computes from others, in terms of those that none does."""
    ranged = {found.name for found in spec.ranges}
    found: dict[str, Size] = {}
    for relation in spec.relations:
        if relation.comparison not in ("=", "=="):
            continue
        for one, other in ((relation.left, relation.right), (relation.right, relation.left)):
            name, size = one.name, _replaced(other, found)
            if name is None or name in ranged or name in found or name in size.names:
                continue
            found = {n: _replaced(s, {name: size}) for n, s in found.items()}
            found[name] = size
            break
    return found


def _replaced(size: Size, by: Mapping[str, Size]) -> Size:
    if isinstance(size.left, str):
        return by.get(size.left, size)
    left = _replaced(size.left, by) if isinstance(size.left, Size) else size.left
    return Size(left, size.operator, _replaced(size.right, by) if size.right else None)


def _positive(spec: Spec) -> Iterator[Relation]:
    """That computed sizes are at least 1."""
    seen: dict[Size, Place] = {}
    for array in spec.arrays:
        for size, place in zip(array.shape, array.places, strict=True):
            seen.setdefault(size, place)
        if array.domain.size:
            seen.setdefault(array.domain.size, array.domain_place)
    for relation in spec.relations:
        for size in (relation.left, relation.right):
            if size.name:
                seen.setdefault(size, relation.place)
    for size, place in seen.items():
        yield Relation(size, *AT_LEAST_1, place)


def _ranges(spec: Spec, free: Sequence[str], relations: Sequence[Relation]) -> dict[str, range]:
    """Sizes of each dimension as far as numbers bound it."""
    said = {found.name: range(found.low, found.high + 1) for found in spec.ranges}
    low: dict[str, int] = {}
    high: dict[str, int] = {}
    for relation in relations:
        for name in relation.names:
            for sign, other in relation.bounds_of(name):
                number = other.number
                if number is not None and sign in (">", ">="):
                    low[name] = max(low.get(name, 1), number + (sign == ">"))
                elif number is not None and sign in ("<", "<="):
                    high[name] = min(high.get(name, number), number - (sign == "<"))
                if low.get(name, 1) > high.get(name, INFINITY) and name not in said:
                    raise relation.place.error(
                        f"no sizes are left for this: `{name}` would be {low.get(name, 1)} at "
                        f"least, and {high[name]} at most"
                    )
    found = {}
    for name in free:
        least = low.get(name, 1)
        most = high.get(name, max(LARGEST, least + LARGEST - 1))
        if name not in high and name not in low:
            most = _largest(spec, name)
        found[name] = said.get(name, range(least, max(most, least) + 1))
    return found


def _largest(spec: Spec, name: str) -> int:
    """Largest size of a dimension that nothing bounds."""
    ranks = [len(a.shape) for a in spec.arrays if any(name in size.names for size in a.shape)]
    return max(2, min(LARGEST, int(ENTRIES ** (1 / max(ranks, default=1)) + 0.5)))


def _linked(free: Sequence[str], relations: Sequence[Relation]) -> dict[str, tuple[str, ...]]:
    """For each dimension, all those that relations connect it with, itself included."""
    group = {name: {name} for name in free}
    for relation in relations:
        joined = set().union(*(group[name] for name in relation.names))
        for name in joined:
            group[name] = joined
    return {name: tuple(sorted(group[name])) for name in free}
