"""Names for numbers: a factor of 12 is the number of columns of X.

>>> def cost(W, X):
...     return np.sum(W @ X)
>>> Names.of(cost, params=[("W", (3, 4))], args=(np.ones((4, 10)),)).of_factor(10.0)
['10 = columns of X']

A factor alone says little; that there are as many examples says what to mend. The sizes come
from the user's own names for them, from the parameters, and from the arrays that the cost is
given or holds in its closure; the scalars (a penalty, a temperature) likewise.
"""

from __future__ import annotations

import dis
import functools
import inspect
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set, Sized
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from types import CodeType, FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.parameters import children

__all__ = ["Names"]

DEPTH = 3
"""Functions within functions whose closures are searched."""

EXAMPLES = {"m", "N", "B", "batch", "batch_size", "examples", "n_examples", "n_samples", "samples"}
"""What the number of examples is commonly called."""

CLOSE = 1e-7
"""Relative difference within which a measured factor is a size. Sizes are far farther apart."""

SIMPLE = {
    2.0: "as without the 1/2 before a square",
    0.5: "as without the 2 of a square's derivative",
    -2.0: "a wrong sign, and no 1/2 before a square",
    -0.5: "a wrong sign, and no 2 of a square's derivative",
    4.0: "4 = 2 * 2",
    0.25: "1/4 = 1/2 * 1/2",
}
"""Factors that need no size to explain them."""

CONSTANTS = {
    "ln 2": np.log(2),
    "ln 10": np.log(10),
    "pi": np.pi,
    "2 pi": 2 * np.pi,
    "180/pi": 180 / np.pi,
    "sqrt(2)": np.sqrt(2),
    "sqrt(2 pi)": np.sqrt(2 * np.pi),
    "100": 100.0,
    "1000": 1000.0,
}
"""Numbers that change a unit or a base, and those of the normal distribution."""

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


@dataclass(frozen=True)
class Names:
    """Everything of the user's that has a name and is a number.

    Attributes
    ----------
    sizes : tuple of (str, int)
        ``("columns of X", 12)``, or the user's own ``("m", 12)``.
    scalars : tuple of (str, float)
        ``("lam", 0.1)``.
    examples : frozenset of int
        Sizes that the data has and the parameters need not: numbers of examples.
    positions : tuple of (str, int)
        Other sizes that only the data has, and products of two of one array: one may sum over
        these too.
    data : tuple of (str, ndarray)
        The arrays that the cost is given or holds.
    """

    sizes: tuple[tuple[str, int], ...] = ()
    scalars: tuple[tuple[str, float], ...] = ()
    examples: frozenset[int] = frozenset()
    positions: tuple[tuple[str, int], ...] = ()
    data: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of(
        cls,
        cost: Callable[..., Any],
        *,
        params: Sequence[tuple[str, tuple[int, ...]]],
        args: tuple[Any, ...] = (),
        dimensions: Mapping[str, int] | None = None,
    ) -> Names:
        """What can be found.

        Parameters
        ----------
        cost : callable
        params : sequence of (name, shape)
        args : tuple
            Further arguments of `cost`.
        dimensions : mapping of str to int, optional
            The user's own names of sizes; others are then not looked for.
        """
        held = [*arguments(cost, args), *_held(cost, DEPTH)]
        data = _distinct([(n, v) for n, v in held if isinstance(v, np.ndarray) and v.ndim])
        scalars = _distinct([(name, float(v)) for name, v in held if _is_scalar(v)])
        inner = {size for _, shape in params for size in shape}
        positions: list[tuple[str, int]] = []
        if dimensions:
            sizes = [(name, int(size)) for name, size in dimensions.items()]
            examples = {size for name, size in sizes if name in EXAMPLES}
            examples = examples or {size for _, size in sizes if size not in inner}
        else:
            shapes = [(name, array.shape) for name, array in data]
            sizes = [pair for shaped in (shapes, params) for pair in _axes(shaped)]
            axes = [set(shape) for _, shape in shapes]
            shared = {n for one, other in combinations(axes, 2) for n in one & other}
            outer = set().union(*axes) - inner
            examples = (shared & outer) or outer or shared
            positions = [(n, k) for n, k in _axes(shapes) if k in outer - examples]
            positions += [pair for name, array in data for pair in _products(name, array.shape)]
            positions += [(f"entries of {name}", a.size) for name, a in data if a.ndim > 1]
            # Terms that look back are fewer than the data.
            less = [(name, n, k) for name, n in _axes(shapes) if n in outer for k in (1, 2)]
            plain = {size for _, size in sizes}
            positions += [
                (f"{n} - {k}, {n} = {name}", n - k) for name, n, k in less if n - k not in plain
            ]
        return cls(
            tuple(sizes),
            tuple(scalars),
            frozenset(examples - {1}),
            tuple((name, size) for name, size in positions if size > 2),
            tuple(data),
        )

    def examples_of(self, factor: float, close: float = CLOSE) -> list[str]:
        """Names of a number of examples that is `factor`: ``["12 = columns of X"]``."""
        return self._equal_to(factor, self.examples, close)

    def positions_of(self, factor: float, close: float = CLOSE) -> list[str]:
        """The name of another size of the data alone that is `factor`."""
        found = [f"{n} = {name}" for name, n in self.positions if abs(factor - n) <= close * n]
        return found[:1]

    def of_size(self, factor: float, close: float = CLOSE) -> list[str]:
        """The name of a size, above 2, that is `factor`: ``["5 = rows of W"]``."""
        return self._equal_to(factor, {n for _, n in self.sizes if n > 2}, close)

    def is_size_of(self, blocks: Collection[str], factor: float, close: float = CLOSE) -> bool:
        """Whether a parameter has a size that is `factor`, or the user has a name for one."""
        ends = tuple(f" of {block}" for block in blocks)
        return any(
            abs(factor - n) <= close * n
            for name, n in self.sizes
            if name.endswith(ends) or (" of " not in name and name not in EXAMPLES)
        )

    def _equal_to(self, factor: float, sizes: Set[int], close: float) -> list[str]:
        found = sorted(n for n in sizes if abs(factor - n) <= close * n)
        return [_equal(str(n), self._called(n)) for n in found]

    def of_factor(self, factor: float, close: float = CLOSE) -> list[str]:
        """Equations that explain a factor, the simplest; empty if there are none, as for 1."""
        if abs(factor - 1) <= close:
            return []
        for kind in ("_plain", "_combined", "_far_fetched"):
            values, texts = self._table(kind)
            near = np.abs(factor - values) <= close * np.abs(values)
            if near.any():
                return list(dict.fromkeys(texts[k] for k in np.flatnonzero(near)))[:3]
        return []

    def _table(self, kind: str) -> tuple[NDArray[Any], list[str]]:
        """All numbers that a method yields, and their texts, made once."""
        if kind not in self._tables:
            with np.errstate(all="ignore"):  # a tiny scalar has no inverse, a huge one no square
                pairs = [pair for pair in getattr(self, kind)() if np.isfinite(pair[0])]
            values = np.array([value for value, _ in pairs], dtype=float)
            self._tables[kind] = values, [text for _, text in pairs]
        return self._tables[kind]

    @cached_property
    def _tables(self) -> dict[str, tuple[NDArray[Any], list[str]]]:
        return {}

    def of_scalar(self, factor: float, close: float = CLOSE) -> list[str]:
        """The user's scalars that are `factor`."""
        return [name for name, x in self.scalars if abs(factor - x) <= close * abs(x) and x]

    def is_plain(self, factor: float, close: float = CLOSE) -> bool:
        """Whether a factor is a scalar of the user's, or that over a size, and no less simple."""
        sizes = [1, *(n for _, n in self.sizes)]
        return any(self.of_scalar(factor * n, close) for n in sizes)

    def of_penalty(self, factor: float, close: float = CLOSE) -> list[str]:
        """Equations that explain a factor of a penalty, in which a scalar has a part."""
        if not self.scalars:
            # A number alone, such as 1/100, says no more than the factor does.
            return [
                text
                for text in self.of_factor(factor, close)
                if " = " in text and text not in SIMPLE.values()
            ]
        values, texts = self._table("_of_penalties")
        near = np.abs(factor - values) <= close * abs(factor)
        return [_equal(f"{factor:.6g}", texts[k]) for k in np.flatnonzero(near)]

    def _of_penalties(self) -> Iterator[tuple[float, str]]:
        """The scalars, and their parts, as factors of penalties."""
        sizes = self._different()
        parts = [(1.0, "", ""), *((1 / n, f"/{n}", f", {n} = {of}") for n, of in sizes.items())]
        parts += [(1 - 1 / n, f" * (1 - 1/{n})", f", {n} = {of}") for n, of in sizes.items()]
        for name, value in self.scalars:
            for part, over, where in parts:
                for k, times in ((1, ""), (2, "2 "), (0.5, "1/2 ")):
                    if value:
                        yield k * value * part, f"{times}{name}{over}{where}"

    def _called(self, size: int) -> str:
        """A scalar of this size, the first name among the data, and that among the parameters."""
        names = [name for name, n in self.sizes if n == size]
        scalars = [name for name, x in self.scalars if x == size and name not in names]
        arrays = tuple(f" of {name}" for name, _ in self.data)
        of_data = [name for name in names if name.endswith(arrays)] if arrays else []
        others = [name for name in names if name not in of_data]
        return " = ".join([*scalars[:1], *of_data[:1], *others[:1]])

    def _plain(self) -> Iterator[tuple[float, str]]:
        """Sizes, their inverses, scalars and small numbers."""
        for sign, minus in ((1, ""), (-1, "-")):
            for n, name in self._different().items():
                whole = _equal(f"-{n}", f"{n} = {name}", joint=", ")
                yield sign * n, whole if minus else _equal(str(n), name)
                yield sign / n, _equal(f"{minus}1/{n}", f"{n} = {name}", joint=", ")
        yield from SIMPLE.items()
        for name, x in self._telling():
            yield x, _equal(f"{x:.6g}", name)
            yield 1 / x, _equal(f"{1 / x:.6g}", f"1/{name}")

    def _combined(self) -> Iterator[tuple[float, str]]:
        """A scalar or a size after one step more, and constants."""
        sizes = self._different()
        for name, x in self._telling():
            for value, text in (
                (x**2, f"{name}^2"),
                (1 / x**2, f"1/{name}^2"),
                (1 - x, f"1 - {name}"),
                (1 / (1 - x), f"1/(1 - {name})"),
                (2 * x, f"2 {name}"),
                (x / 2, f"{name}/2"),
                (abs(x) ** 0.5, f"sqrt({name})"),
                (abs(x) ** -0.5, f"1/sqrt({name})"),
            ):
                yield value, _equal(f"{value:.6g}", text)
            for n, size in sizes.items():
                yield x / n, _equal(f"{x / n:.6g}", f"{name}/{n}, {n} = {size}")
                yield n / x, _equal(f"{n / x:.6g}", f"{n}/{name}, {n} = {size}")
                yield n * x, _equal(f"{n * x:.6g}", f"{n} {name}, {n} = {size}")
        for n, name in sizes.items():
            less = max(n - 1, 2)
            for factor, text in (
                (2 * n, f"2 * {n}"),
                (n / 2, f"{n}/2"),
                (2 / n, f"2/{n}"),
                (1 / (2 * n), f"1/(2 * {n})"),
                (less / n, f"{less}/{n}"),
                (n / less, f"{n}/{less}"),
                (n**2, f"{n}^2"),
                (1 / n**2, f"1/{n}^2"),
                (np.sqrt(n), f"sqrt({n})"),
                (1 / np.sqrt(n), f"1/sqrt({n})"),
            ):
                yield factor, f"{text}, {n} = {name}"
        for name, x in CONSTANTS.items():
            yield x, name
            yield 1 / x, f"1/({name})" if " " in name or "/" in name else f"1/{name}"

    def _far_fetched(self) -> Iterator[tuple[float, str]]:
        """Ratios and products of two sizes."""
        sizes = self._different()
        for n, k in ((n, k) for n in sizes for k in sizes if n != k):
            where = f"{n} = {sizes[n]}, {k} = {sizes[k]}"
            yield n / k, f"{n}/{k}, {where}"
            if n < k:
                yield n * k, f"{n} * {k}, {where}"
                yield 1 / (n * k), f"1/({n} * {k}), {where}"

    def _different(self) -> dict[int, str]:
        """The sizes above 1, each with its name."""
        return {n: self._called(n) for n in dict.fromkeys(n for _, n in self.sizes if n > 1)}

    def _telling(self) -> Iterator[tuple[str, float]]:
        """The scalars that change something as a factor, and are no sizes, which have names."""
        sizes = {n for _, n in self.sizes}
        return ((name, np.float64(x)) for name, x in self.scalars if x not in sizes | {0, 1})


def _equal(number: str, name: str, joint: str = " = ") -> str:
    return f"{number}{joint}{name}"


def _axes(shaped: Sequence[tuple[str, tuple[int, ...]]]) -> Iterator[tuple[str, int]]:
    """A name for each axis of each array."""
    for name, shape in shaped:
        if len(shape) == 1:
            yield f"length of {name}", shape[0]
        elif len(shape) == 2:
            yield f"columns of {name}", shape[1]
            yield f"rows of {name}", shape[0]
        else:
            yield from ((f"axis {k} of {name}", size) for k, size in enumerate(shape))


def _products(name: str, shape: tuple[int, ...]) -> Iterator[tuple[str, int]]:
    """Two axes of an array together, as of the positions in an image."""
    if len(shape) > 2:
        for (i, n), (j, k) in combinations(enumerate(shape), 2):
            yield f"{n} * {k}, axes {i} and {j} of {name}", n * k


def arguments(
    cost: Callable[..., Any], args: tuple[Any, ...], first: int = 1
) -> Iterator[tuple[str, Any]]:
    """Arrays and numbers in `args`, by the names that `cost` has from its `first` argument on."""
    try:
        names = [p.name for p in inspect.signature(cost).parameters.values() if p.kind <= 1][first:]
    except (TypeError, ValueError):
        names = []
    for k, value in enumerate(args):
        ordinal = ORDINALS[k] if k < len(ORDINALS) else f"{k + 1}th"
        yield from _leaves(names[k] if k < len(names) else f"the {ordinal} argument", value)


def _held(function: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Arrays and numbers that a function holds: in its closure, defaults, object or module."""
    if depth == 0:
        return
    if isinstance(function, functools.partial):
        yield from arguments(function.func, function.args, first=0)
        # What is given here stands before the defaults that it replaces.
        for name, value in function.keywords.items():
            yield from _leaves(name, value)
        found = {}
        yield from _held(function.func, depth - 1)
    elif inspect.ismethod(function):
        found = dict(getattr(function.__self__, "__dict__", {}))
        yield from _held(function.__func__, depth - 1)
    elif inspect.isfunction(function):
        code, cells = function.__code__, function.__closure__ or ()
        yield from (pair for name, x in _defaults(function) for pair in _leaves(name, x))
        found = {name: function.__globals__.get(name) for name in _globals(code)}
        for name, cell in zip(code.co_freevars, cells, strict=True):
            try:
                found[name] = cell.cell_contents
            except ValueError:  # not yet assigned
                continue
    else:
        found = dict(getattr(function, "__dict__", {}))
    for name, value in found.items():
        if inspect.isroutine(value) or isinstance(value, functools.partial):
            # Of modules' functions only the user's own nearby ones can hold the data.
            if not (getattr(value, "__module__", None) or "numpy").startswith(("numpy", "scipy")):
                yield from _held(value, depth - 1)
        elif not inspect.ismodule(value) and not inspect.isclass(value):
            yield from _leaves(name, value)


def _defaults(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Default values of the arguments of a function, by their names."""
    positional = function.__code__.co_varnames[: function.__code__.co_argcount]
    values = function.__defaults__ or ()
    yield from zip(positional[len(positional) - len(values) :], values, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


@functools.lru_cache(maxsize=64)
def _globals(code: CodeType) -> tuple[str, ...]:
    """Names that code looks up in its module."""
    return tuple(i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL")


LONG = 30
"""A container of more is a record of something, such as of all calls, and names nothing."""


def _leaves(name: str, value: Any, depth: int = 2) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (np.ndarray, int, float, np.generic)):
        yield name, value
    elif depth:
        try:
            below = () if isinstance(value, Sized) and len(value) > LONG else children(value)
        except Exception:  # of an object that is no container, though it looks like one
            return
        for (kind, key), child in below or ():
            inner = f"{name}[{key!r}]" if kind != "field" else f"{name}.{key}"
            yield from _leaves(str(key) if kind == "key" else inner, child, depth - 1)


def _is_scalar(value: Any) -> bool:
    if isinstance(value, (bool, np.complexfloating)):
        return False
    try:
        return isinstance(value, (int, float, np.number)) and math.isfinite(value)
    except OverflowError:  # a whole number beyond what floats can hold
        return False


def _distinct(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """One value for each name, the first."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return list(found.items())
