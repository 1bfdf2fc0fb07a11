"""Arrays of each domain, made of bytes: who draws the bytes draws the arrays.

>>> from gradcheck.strategies.parser import parse
>>> arrays = sample(parse("X: n m; Y: 1 m in {0, 1}; n = 2; m = 3"), np.random.default_rng(0))
>>> arrays["X"].shape, arrays["Y"].shape, arrays.sizes
((2, 3), (1, 3), {'n': 2, 'm': 3})

Each entry comes from a byte by a table of numbers, the simplest first, so that smaller bytes
are simpler arrays: this is how `strategies` lets Hypothesis shrink them. Bytes of 0 give round
numbers in turns (1, -1, 0.5, 2, ...), not zeros, at which most mistakes would be hidden.
Two more bytes head those of an array. The first, if it is not 0, adds digits of their own to
all entries, lest they meet at kinks and ties; the second may make the array peculiar: a column
of zeros, one that is there twice, all entries tiny or large, columns of mixed scales.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from gradcheck.strategies.sizes import Sizes
from gradcheck.strategies.spec import Array, Domain, Interval, Spec

__all__ = ["Arrays", "Source", "assemble", "code_of", "distinct", "sample"]

Values = NDArray[Any]
Option = TypeVar("Option")

WINDOW = 64
"""Entries of an array that have a byte each; of a larger array, the last ones along each axis. All
64 of ten arrays are less than a tenth of what Hypothesis lets one example draw."""

PECULIAR = (False,) * 5 + (True,) * 3
"""In how many examples an array may be peculiar; in the others a mistake has no place to hide."""

OFFSETS = tuple(range(12))
"""How many places at the end of a dimension arrays may do without: twice as many as a dimension
has where nothing is said of it."""

TINY, LARGE = 1e-6, 8.0
"""Factors of peculiar arrays: tiny against rounding in the sum with others of size 1, and large
enough to saturate a sigmoid or tanh in part, but not in all entries."""

ROUND = (1, -1, 0.5, 2, -0.5, -2, 0.25, 0, -0.25, 1.5, -1.5, 0.75, -0.75)
"""What entries shrink to, the simplest first."""

TURNS = 7
"""How many of them bytes of 0 give in turns: prime, so that matrices are not symmetric."""


class Source(Protocol):
    """Where choices come from."""

    def choose(self, options: Sequence[Option]) -> Option:
        """One of some options, of which the first is the simplest."""

    def bytes(self, count: int) -> bytes:
        """That many bytes; zeros are the simplest."""


class Arrays(dict[str, Any]):
    """Arrays by name, which print as code.

    Parameters
    ----------
    arrays : mapping of str to ndarray or float
    sizes : mapping of str to int
        Of the dimensions.

    Attributes
    ----------
    sizes : dict of str to int
    """

    def __init__(self, arrays: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        super().__init__(arrays)
        self.sizes = dict(sizes)

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: {code_of(self[name])}' for name in self)}}}"


def code_of(value: Any, indent: int = 0) -> str:
    """An array or a number as Python code that makes it, exactly.

    Parameters
    ----------
    value : ndarray or number
    indent : int
        Columns that stand before it on its line.
    """
    if not isinstance(value, np.ndarray):
        return _code_of_float(value) if type(value) is float else repr(value)
    written: dict[str, Callable[[Any], str]] = {
        "float_kind": _code_of_float,
        "int_kind": lambda x: repr(int(x)),
    }
    prefix = " " * indent + "np.array("
    numbers = np.array2string(
        value,
        separator=", ",
        threshold=value.size + 1,
        max_line_width=96,
        prefix=prefix,
        formatter=written,  # type: ignore[arg-type]
    )
    usual = np.array(value.ravel().tolist()).dtype == value.dtype
    return f"np.array({numbers})" if usual else f"np.array({numbers}, dtype={str(value.dtype)!r})"


def _code_of_float(x: float) -> str:
    if math.isfinite(x):
        return repr(float(x))
    return f"{'-' if x < 0 else ''}np.{abs(float(x))}"


def sample(spec: Spec, rng: np.random.Generator, *, scale: float = 1.0) -> Arrays:
    """Arrays of a spec, drawn without Hypothesis.

    Parameters
    ----------
    spec : Spec
    rng : numpy.random.Generator
    scale : float
        Of all arrays that have a scale and whose clause gives none.

    Returns
    -------
    Arrays
    """
    return assemble(spec, Sizes(spec), Random(rng), scale)


class Random:
    """Choices by a generator of random numbers."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def choose(self, options: Sequence[Option]) -> Option:
        """One of some options."""
        return options[int(self.rng.integers(len(options)))]

    def bytes(self, count: int) -> bytes:
        """That many bytes."""
        return self.rng.bytes(count)


def distinct(spec: Spec, *, scale: float = 1.0) -> Arrays:
    """Arrays of a spec whose dimensions differ as far as they may, so that shapes tell names.

    Parameters, returns: as for `sample`, without choice.
    """
    return assemble(spec, Sizes(spec), Distinct(np.random.default_rng(0)), scale)


class Distinct(Random):
    """Sizes from 3 that were not chosen yet, where there are any; bytes at random."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.chosen: set[Any] = {1, 2}

    def choose(self, options: Sequence[Option]) -> Option:
        """The first that is new; nothing peculiar, and all from the end."""
        if options is PECULIAR or options is OFFSETS:
            return options[0]
        new = [option for option in options if option not in self.chosen]
        self.chosen.add(new[0] if new else options[-1])
        return new[0] if new else options[-1]


def assemble(spec: Spec, sizes: Sizes, source: Source, scale: float = 1.0) -> Arrays:
    """Sizes, then arrays of a spec, from a source of choices.

    Parameters
    ----------
    spec : Spec
    sizes : Sizes
        Those that the spec allows.
    source : Source
    scale : float

    Returns
    -------
    Arrays
    """
    offsets: dict[str | None, int] = {}

    def offset(name: str) -> None:
        offsets[name] = source.choose(OFFSETS)

    chosen = sizes.choose(source.choose, offset)
    peculiar = source.choose(PECULIAR)
    arrays = {}
    for k, array in enumerate(spec.arrays):
        # A single number is the one of an array of length 1.
        shape = tuple(size.value(chosen) for size in array.shape) or (1,)
        window = _window(tuple(sizes.most(size) for size in array.shape) or (1,))
        data = source.bytes(2 + math.prod(window))
        missing = tuple(offsets.get(size.name, 0) for size in array.shape) or (0,)
        codes = Codes(data, window, shape, missing, peculiar, k)
        arrays[array.name] = _array(array, codes, chosen, scale)
    return Arrays(arrays, chosen)


@lru_cache(maxsize=1024)
def _window(most: tuple[int, ...]) -> tuple[int, ...]:
    """Extents of the window: those of the largest array, the longest cut until it fits."""
    window = [min(n, WINDOW) for n in most]
    while math.prod(window) > WINDOW:
        window[window.index(max(window))] -= 1
    return tuple(window)


class Codes:
    """A byte for each entry of an array, and what makes it peculiar.

    The bytes are drawn for the largest array, and a smaller one takes the last of them: so sizes
    shrink while the entries stay, also after their bytes were sorted, zeros first. Lest a larger
    array be the simplest that has some value at some place, each dimension may do without the
    last places, too: Hypothesis knows how to lower one number, the size, and raise another.

    Attributes
    ----------
    shape : tuple of int
        That of the array.
    raw : ndarray of int, shape `shape`
        Bytes from 0 to 255.
    turn : ndarray of int, likewise
        Which of some simple numbers a byte of 0 stands for.
    digits : ndarray of float in (-1, 1), likewise
        Further digits of each entry.
    kind, where : int
        What is peculiar, and at which column.
    """

    def __init__(
        self,
        data: bytes,
        window: tuple[int, ...],
        shape: tuple[int, ...],
        missing: tuple[int, ...],
        peculiar: bool,
        start: int,
    ) -> None:
        seed, oddity = data[0], data[1]
        noise = _hashed(seed, shape, missing)
        self.shape = shape
        self.digits = (noise % 199 - 99.0) / 100 if seed else np.zeros(shape)
        self.kind, self.where = (oddity % KINDS, oddity // KINDS) if peculiar else (0, 0)
        self.turn = np.full(shape, start)
        for axis, places in enumerate(_from_end(shape, missing)):
            self.turn += 3**axis * places
        # Beyond the window, what follows from the seed.
        self.raw = (noise // 199) % 256 if seed else np.zeros(shape, dtype=np.intp)
        drawn = np.frombuffer(data, np.uint8, offset=2).reshape(window)
        # Round its end, the window begins anew: no byte stands for two entries.
        drawn = np.roll(drawn, missing, axis=tuple(range(len(shape))))
        last = tuple(slice(-min(n, w), None) for n, w in zip(shape, window, strict=True))
        self.raw[last] = drawn[last]

    def among(self, count: int, turns: int) -> NDArray[np.intp]:
        """One of `count` things for each entry; bytes of 0 take turns among the first `turns`."""
        return np.where(self.raw == 0, self.turn % turns, (self.raw - 1) % count)


def _from_end(shape: tuple[int, ...], missing: tuple[int, ...]) -> Iterator[NDArray[np.intp]]:
    """Places along each axis, the last axis first, counted from the end of the largest array."""
    for axis, (n, lost) in enumerate(zip(reversed(shape), reversed(missing), strict=True)):
        yield (lost + np.arange(n)[::-1]).reshape((n, *(1 for _ in range(axis))))


def _hashed(seed: int, shape: tuple[int, ...], missing: tuple[int, ...]) -> NDArray[np.intp]:
    """A number for each entry that looks random, and stays when the array is cut at its start.

    The mixing is that of splitmix64: G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom
    number generators, OOPSLA 2014, figure 17.
    """
    place = np.full(shape, 1 + seed, dtype=np.uint64)
    for places in _from_end(shape, missing):
        place = place * np.uint64(1_000_003) + places.astype(np.uint64)
    z = place * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(8)).astype(np.intp)


KINDS = 10
ZEROS, TWICE, SMALL, BIG, MIXED = range(5, KINDS)
"""Kinds of peculiar arrays; below them, none."""

FACTORS = {SMALL: TINY, BIG: LARGE}


def _array(array: Array, codes: Codes, sizes: Mapping[str, int], scale: float) -> Any:
    domain = array.domain
    factor = 1.0 if not domain.scalable else scale if array.scale is None else array.scale
    made = MAKERS[domain.kind](domain, codes, sizes)
    made = _neat(made * factor) if factor != 1 else made
    return made if array.shape else made.item()


def _interval(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    return _peculiar(_numbers(domain.interval, codes), codes, domain)


def _numbers(interval: Interval, codes: Codes) -> Values:
    """A number of the interval for each code."""
    table = _table(interval)
    chosen = codes.among(table.numbers.size, table.turns)
    numbers = table.numbers[chosen]
    if codes.digits.any():
        finer = np.round(numbers + codes.digits * table.gaps[chosen], table.decimals)
        numbers = np.where(_inside(finer, interval), finer, numbers)
    return numbers


def _peculiar(numbers: Values, codes: Codes, domain: Domain) -> Values:
    """The array with what is peculiar about it; columns are places along its last axis."""
    kind, columns = codes.kind, numbers.shape[-1]
    column = codes.where % columns
    if kind == ZEROS and columns > 1 and 0.0 in domain.interval:
        numbers[..., column] = 0.0
    elif kind == TWICE and columns > 1:
        numbers[..., column] = numbers[..., column - 1]
    elif kind >= SMALL and not domain.scalable:
        numbers[..., column] = _near_end(domain.interval, upper=bool(codes.where % 2))
    elif kind == MIXED:
        return _neat(numbers * 10.0 ** -((np.arange(columns) + column) % 4))
    elif kind in FACTORS:
        return _neat(numbers * FACTORS[kind])
    return numbers


def _neat(numbers: Values) -> Values:
    """Without the digits that multiplying leaves, such as 0.30000000000000004."""
    flat = [float(f"{x:.12g}") for x in numbers.flat]
    return np.array(flat).reshape(numbers.shape)


def _near_end(interval: Interval, *, upper: bool) -> float:
    """An end of a bounded interval if it belongs to it, else a number close by."""
    low, high = interval.low, interval.high
    end, other = (high, low) if upper else (low, high)
    if math.isinf(end):
        end, other = other, end
    if end in interval:
        return end
    room = max(1.0, abs(end)) if math.isinf(other) else abs(other - end)
    near = end + math.copysign(TINY * room, other - end)
    return near if near in interval else math.nextafter(end, other)


def _inside(numbers: Values, interval: Interval) -> NDArray[np.bool_]:
    above = numbers > interval.low if interval.low_open else numbers >= interval.low
    below = numbers < interval.high if interval.high_open else numbers <= interval.high
    return above & below


@dataclass(frozen=True)
class Table:
    """The numbers of an interval that bytes stand for.

    Attributes
    ----------
    numbers : ndarray, shape (255,)
        The simplest first.
    turns : int
        How many of them bytes of 0 give in turns.
    gaps : ndarray, shape (255,)
        How far further digits may carry each of them.
    decimals : int
        To which those are rounded.
    """

    numbers: Values
    turns: int
    gaps: Values
    decimals: int


@lru_cache(maxsize=256)
def _table(interval: Interval) -> Table:
    low, high = interval.low, interval.high
    if math.isinf(low) and math.isinf(high):
        filling = np.linspace(-2.5, 2.5, 251)
    elif math.isinf(high):
        filling = low + max(1.0, abs(low)) * np.geomspace(0.05, 5.0, 251)
    elif math.isinf(low):
        filling = high - max(1.0, abs(high)) * np.geomspace(5.0, 0.05, 251)
    else:
        filling = np.linspace(low, high, 253)[1:-1]
    least, most = float(filling[0]), float(filling[-1])
    decimals = 2 - math.floor(math.log10(most - least))
    near = [end + step for end in (low, high) for step in (1, -1, 2, -2, 0.5, -0.5)]
    parts = [round(least + part * (most - least), decimals + 1) for part in (0.75, 0.25, 0.5)]
    simple = [x for x in (*ROUND, *near) if x in interval and abs(x) <= 3 * max(-least, most)]
    simple += [x for x in parts if x in interval and len(simple) < TURNS]
    # A 0 among them comes after those that bytes of 0 give.
    nonzero = list(dict.fromkeys(x for x in simple if x)) or [(least + most) / 2]
    turns = min(TURNS, len(nonzero))
    simple = [*nonzero[:turns], *([0.0] if 0.0 in interval else []), *nonzero[turns:]]
    rounded = np.round(filling, decimals)
    rest = np.unique(np.where(_inside(rounded, interval), rounded, filling))
    rest = rest[~np.isin(rest, simple)]
    rest = rest[np.argsort(np.abs(rest - simple[0]), kind="stable")]
    numbers = np.resize(np.concatenate([simple, rest]), 255)
    ordered = np.unique(numbers)
    gaps = np.gradient(ordered) if ordered.size > 1 else np.zeros(1)
    return Table(numbers, turns, gaps[np.searchsorted(ordered, numbers)] / 2, decimals + 3)


def _set(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    count = len(domain.numbers)
    return _repeated(np.array(domain.numbers, dtype=float)[codes.among(count, count)], codes)


def _labels(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    assert domain.size is not None
    count = domain.size.value(sizes)
    return _repeated(codes.among(count, count), codes)


def _repeated(chosen: Values, codes: Codes) -> Values:
    """Choices that may all be one, or that of one column that of its neighbour."""
    if codes.kind in (SMALL, BIG) and chosen.size:
        chosen[...] = chosen.flat[-1]
    elif codes.kind == TWICE and chosen.ndim and chosen.shape[-1] > 1:
        column = codes.where % chosen.shape[-1]
        chosen[..., column] = chosen[..., column - 1]
    return chosen


def _one_hot(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    classes = codes.shape[domain.axis]
    # Of each column its last code, which is drawn for arrays of any size.
    last = np.take(codes.among(classes, classes), -1, axis=domain.axis)
    among = np.moveaxis(np.zeros(codes.shape), domain.axis, -1)
    np.put_along_axis(among, np.asarray(_repeated(last, codes))[..., None], 1.0, axis=-1)
    return np.ascontiguousarray(np.moveaxis(among, -1, domain.axis))


def _symmetric(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    return _mirrored(_peculiar(_numbers(Interval(), codes), codes, domain))


def _mirrored(numbers: Values) -> Values:
    """The lower triangle, and the same above the diagonal."""
    lower = np.tril(numbers)
    return lower + np.swapaxes(np.tril(numbers, -1), -1, -2)


def _positive_definite(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    """``L L^T``, with `L` lower triangular."""
    L = np.tril(_numbers(Interval(), codes), -1) / 2
    diagonal = np.einsum("...ii->...i", L)
    diagonal += np.einsum("...ii->...i", _numbers(Interval(0.0), codes)).clip(0.5, 2.0)
    if codes.kind == MIXED:
        L *= 10.0 ** -(np.arange(L.shape[-1]) % 3)[:, None]
    A = _mirrored(_neat(L @ np.swapaxes(L, -1, -2)))
    return _neat(A * FACTORS[codes.kind]) if codes.kind in FACTORS else A


def _orthogonal(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    """Cayley's ``(I - S)(I + S)^-1`` of a skew `S`, with some columns negated.

    A. Cayley, Sur quelques proprietes des determinants gauches, J. reine angew. Math. 32 (1846)
    119-123; the signs reach what it leaves out.
    """
    lower = np.tril(_numbers(Interval(), codes), -1)
    S = lower - np.swapaxes(lower, -1, -2)
    eye = np.eye(S.shape[-1])
    Q = np.swapaxes(np.linalg.solve(eye - S, eye + S), -1, -2)
    signs = 1.0 - 2.0 * (np.einsum("...ii->...i", codes.raw) % 2)
    return Q * signs[..., None, :] + 0.0


Maker = Callable[[Domain, Codes, Mapping[str, int]], Values]

MAKERS: dict[str, Maker] = {
    "interval": _interval,
    "set": _set,
    "labels": _labels,
    "one-hot": _one_hot,
    "symmetric": _symmetric,
    "positive-definite": _positive_definite,
    "orthogonal": _orthogonal,
}
