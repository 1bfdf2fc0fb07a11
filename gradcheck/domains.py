"""Arrays of each domain, made of bytes: who draws the bytes draws the arrays.

>>> from gradcheck.shapespec import parse
>>> arrays = sample(parse("X: n m; Y: 1 m in {0, 1}; n = 2; m = 3"), np.random.default_rng(0))
>>> arrays["X"].shape, arrays["Y"].shape, arrays.sizes
((2, 3), (1, 3), {'n': 2, 'm': 3})

Each entry comes from a byte by a table of numbers, the simplest first (0, 1, -1, 0.5, -0.5, ...),
so that smaller bytes are simpler arrays: this is how `strategies` lets Hypothesis shrink them.
Two more bytes head those of an array. The first, if it is not 0, adds digits of their own to
all entries, lest they meet at kinks and ties; the second may make the array peculiar: a column
of zeros, one that is there twice, all entries tiny or large, columns of mixed scales.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from gradcheck.shapespec import Array, Domain, Interval, Spec
from gradcheck.sizes import Sizes

__all__ = ["Arrays", "Source", "assemble", "code_of", "distinct", "sample"]

Values = NDArray[Any]
Option = TypeVar("Option")

WINDOW = 64
"""Entries of an array that have a byte each; of a larger array, the last ones along each axis. All
64 of ten arrays are less than a tenth of what Hypothesis lets one example draw."""

PECULIAR = (False,) * 5 + (True,) * 3
"""In how many examples an array may be peculiar; in the others a mistake has no place to hide."""

TINY, LARGE = 1e-6, 8.0
"""Factors of peculiar arrays: tiny against rounding in the sum with others of size 1, and large
enough to saturate a sigmoid or tanh in part, but not in all entries."""

ROUND = (0, 1, -1, 0.5, -0.5, 2, -2, 0.25, -0.25, 1.5, -1.5, 0.75, -0.75)
"""What entries shrink to, the simplest first."""


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
        return repr(value)
    written: dict[str, Callable[[Any], str]] = {
        "float_kind": lambda x: repr(float(x)),
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
    return f"np.array({numbers})"


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
    """Sizes from 2 that were not chosen yet, where there are any; bytes at random."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.chosen: set[Any] = {1}

    def choose(self, options: Sequence[Option]) -> Option:
        """The first that is new; nothing peculiar."""
        if options is PECULIAR:
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
    chosen = sizes.choose(source.choose)
    peculiar = source.choose(PECULIAR)
    arrays = {}
    for array in spec.arrays:
        # A single number is the one of an array of length 1.
        shape = tuple(size.value(chosen) for size in array.shape) or (1,)
        window = _window(tuple(sizes.most(size) for size in array.shape) or (1,), WINDOW)
        data = source.bytes(2 + math.prod(window))
        codes = Codes(data, window, shape, peculiar)
        arrays[array.name] = _array(array, codes, chosen, scale)
    return Arrays(arrays, chosen)


def _window(most: tuple[int, ...], room: int) -> tuple[int, ...]:
    """Extents of the window: those of the largest array, the longest cut until it fits."""
    window = list(most)
    while math.prod(window) > room:
        window[int(np.argmax(window))] -= 1
    return tuple(window)


class Codes:
    """A byte for each entry of an array, and what makes it peculiar.

    The bytes are drawn for the largest array, and a smaller one takes the last of them: so sizes
    shrink while the entries stay, also after their bytes were sorted, zeros first.

    Attributes
    ----------
    of : ndarray of int, shape that of the array
        Codes from 0 to 255.
    digits : ndarray of float in (-1, 1), likewise
        Further digits of each entry.
    kind, where : int
        What is peculiar, 0 for nothing, and at which column.
    """

    def __init__(
        self, data: bytes, window: tuple[int, ...], shape: tuple[int, ...], peculiar: bool
    ) -> None:
        seed, oddity = data[0], data[1]
        codes = np.frombuffer(data, np.uint8, offset=2).reshape(window).astype(np.intp)
        noise = _hashed(seed, shape)
        self.digits = (noise % 199 - 99.0) / 100 if seed else np.zeros(shape)
        self.kind, self.where = (oddity % 16, oddity // 16) if peculiar else (0, 0)
        drawn = tuple(slice(-min(n, w), None) for n, w in zip(shape, window, strict=True))
        kept = codes[drawn]
        if kept.shape != shape:
            # Far from the window, numbers that follow from the seed; round ones if it is 0.
            rest = (noise // 199) % (256 if seed else 5)
            rest[drawn] = kept
            kept = rest
        self.of: NDArray[np.intp] = kept


def _hashed(seed: int, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """A number for each entry that looks random, and stays when the array is cut at its start.

    The mixing is that of splitmix64: G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom
    number generators, OOPSLA 2014, figure 17.
    """
    place = np.full(shape, 1 + seed, dtype=np.uint64)
    for axis, n in enumerate(shape):
        # Counted from the end.
        along = np.arange(n, 0, -1, dtype=np.uint64).reshape((-1,) + (1,) * (len(shape) - axis - 1))
        place = place * np.uint64(1_000_003) + along
    z = place * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(8)).astype(np.intp)


ZEROS, TWICE, SMALL, BIG, MIXED, ENDS = 8, 9, 10, 11, 12, 13
"""Kinds of peculiar arrays; below 8, none."""


def _array(array: Array, codes: Codes, sizes: Mapping[str, int], scale: float) -> Any:
    domain = array.domain
    factor = 1.0 if not domain.scalable else scale if array.scale is None else array.scale
    made = MAKERS[domain.kind](domain, codes, sizes)
    made = made * factor if factor != 1 else made
    return made if array.shape else made.item()


def _interval(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    interval = domain.interval
    table, gap = _table(interval)
    numbers = table[codes.of]
    if codes.digits.any():
        finer = np.round(numbers + codes.digits * gap[codes.of], 6)
        numbers = np.where(_inside(finer, interval), finer, numbers)
    return _peculiar(numbers, codes, interval, domain.scalable)


def _peculiar(numbers: Values, codes: Codes, interval: Interval, scalable: bool) -> Values:
    """The array with what is peculiar about it; columns are places along its last axis."""
    kind, column = codes.kind, codes.where % numbers.shape[-1]
    if kind == ZEROS and 0.0 in interval:
        numbers[..., column] = 0.0
    elif kind == TWICE and numbers.shape[-1] > 1:
        numbers[..., column] = numbers[..., column - 1]
    elif kind == SMALL and scalable:
        return numbers * TINY
    elif kind == BIG and scalable:
        return numbers * LARGE
    elif kind == MIXED and scalable:
        powers = np.arange(numbers.shape[-1]) + column
        return numbers * 10.0 ** -(powers % 4)
    elif kind in (ENDS, SMALL, BIG) and not scalable:
        numbers[..., column] = _near_end(interval, upper=bool(codes.where % 2))
    return numbers


def _near_end(interval: Interval, *, upper: bool) -> float:
    """An end of a bounded interval if it belongs to it, else a number close by."""
    low, high = interval.low, interval.high
    end, other = (high, low) if upper else (low, high)
    if math.isinf(end):
        end, other = other, end
    if end in interval:
        return end
    room = 1.0 if math.isinf(other) else abs(other - end)
    return end + math.copysign(TINY * room, other - end)


def _inside(numbers: Values, interval: Interval) -> NDArray[np.bool_]:
    above = numbers > interval.low if interval.low_open else numbers >= interval.low
    below = numbers < interval.high if interval.high_open else numbers <= interval.high
    return above & below


@lru_cache(maxsize=256)
def _table(interval: Interval) -> tuple[Values, Values]:
    """The number of each byte, and how far its further digits may carry it."""
    low, high = interval.low, interval.high
    simple = [x for x in ROUND if x in interval]
    if math.isinf(low) and math.isinf(high):
        filling = np.linspace(-2.5, 2.5, 249)
    elif low == 0 and math.isinf(high):
        # As many below 1 as above.
        filling = np.geomspace(0.05, 5.0, 247)
        simple = [x for x in (*simple, 4, 3) if x in interval]
    elif math.isinf(high):
        filling = low + np.geomspace(0.05, 5.0, 247)
    elif math.isinf(low):
        filling = high - np.geomspace(0.05, 5.0, 247)
    else:
        filling = low + (high - low) * np.linspace(0.0, 1.0, 251)[1:-1]
    spread = filling.max() - filling.min()
    decimals = max(0, 2 - math.floor(math.log10(spread)))
    simple = [x for x in simple if abs(x) <= 3 * max(abs(filling.max()), abs(filling.min()))]
    rounded = [x for x in np.round(filling, decimals) if x in interval]
    rest = [x for x in dict.fromkeys([*rounded, *filling]) if x not in simple and x in interval]
    rest = sorted(rest[: 256 - len(simple)], key=abs)
    numbers = np.array([*simple, *rest], dtype=float)
    numbers = np.resize(numbers, 256)
    ordered = np.unique(numbers)
    gaps = np.gradient(ordered) if ordered.size > 1 else np.zeros(1)
    return numbers, np.abs(gaps[np.searchsorted(ordered, numbers)]) * 0.5


def _set(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    return _repeated(np.array(domain.numbers, dtype=float)[codes.of % len(domain.numbers)], codes)


def _labels(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    assert domain.size is not None
    return _repeated(codes.of % domain.size.value(sizes), codes)


def _repeated(chosen: Values, codes: Codes) -> Values:
    """Choices that may all be one, or that of one column that of its neighbour."""
    if codes.kind in (SMALL, BIG) and chosen.size:
        chosen[...] = chosen.flat[-1]
    elif codes.kind == TWICE and chosen.ndim and chosen.shape[-1] > 1:
        column = codes.where % chosen.shape[-1]
        chosen[..., column] = chosen[..., column - 1]
    return chosen


def _one_hot(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    classes = codes.of.shape[domain.axis]
    # Of each column its last code, which is drawn for arrays of any size.
    chosen = _repeated(np.take(codes.of, -1, axis=domain.axis) % classes, codes)
    among = np.moveaxis(np.zeros(codes.of.shape), domain.axis, -1)
    np.put_along_axis(among, chosen[..., None], 1.0, axis=-1)
    return np.ascontiguousarray(np.moveaxis(among, -1, domain.axis))


def _matrix(codes: Codes) -> Values:
    return _interval(Domain(), codes, {})


def _symmetric(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    return _mirrored(_matrix(codes))


def _mirrored(numbers: Values) -> Values:
    """The lower triangle, and the same above the diagonal."""
    lower = np.tril(numbers)
    return lower + np.swapaxes(np.tril(numbers, -1), -1, -2)


def _positive_definite(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    """``L L^T``, with `L` lower triangular: the identity for codes of 0."""
    peculiar, codes.kind = codes.kind, 0
    L = np.tril(_matrix(codes), -1) / 2
    diagonal = np.einsum("...ii->...i", L)
    diagonal += _table(Interval(0.0))[0][np.einsum("...ii->...i", codes.of)].clip(0.5, 2.0)
    if peculiar == MIXED:
        L *= 10.0 ** -(np.arange(L.shape[-1]) % 3)[:, None]
    A = _mirrored(np.round(L @ np.swapaxes(L, -1, -2), 12))
    return A * {SMALL: TINY, BIG: LARGE}.get(peculiar, 1.0)


def _orthogonal(domain: Domain, codes: Codes, sizes: Mapping[str, int]) -> Values:
    """Cayley's ``(I - S)(I + S)^-1`` of a skew `S`, with some columns negated.

    The identity for codes of 0. Cayley, Sur quelques propriétés des déterminants gauches,
    J. reine angew. Math. 32 (1846) 119-123; the signs reach what it leaves out.
    """
    codes.kind = 0
    numbers = _matrix(codes)
    lower = np.tril(numbers, -1)
    S = lower - np.swapaxes(lower, -1, -2)
    eye = np.eye(S.shape[-1])
    Q = np.swapaxes(np.linalg.solve(eye - S, eye + S), -1, -2)
    signs = 1.0 - 2.0 * (np.einsum("...ii->...i", codes.of) % 2)
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
