"""The language in which arrays are described, parsed into frozen dataclasses.

>>> spec = parse("X: n0 m; Y: 1 m in {0, 1}; W: 1 n0 scale=0.1; m = 2..9")
>>> [(array.name, str(array.domain), len(array.shape)) for array in spec.arrays]
[('X', 'real', 2), ('Y', '{0, 1}', 2), ('W', 'real', 2)]
>>> parse("X: n0 m in reel")
Traceback (most recent call last):
gradcheck.errors.InvalidInput: `reel` is no domain; `real` is
    X: n0 m in reel
               ^^^^

A spec is a list of clauses, separated by ``;`` or line breaks: arrays (``W1: n1 n0 in real``),
ranges of dimensions (``n0 = 1..8``) and relations between them (``n1 >= n0``). docs/strategies.md
is for users. Which sizes agree with all clauses is the business of `sizes`.
"""

from __future__ import annotations

import difflib
import keyword
import math
import operator
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from gradcheck.errors import InvalidInput, InvalidType

__all__ = [
    "HUGE",
    "Array",
    "Domain",
    "Interval",
    "Place",
    "Range",
    "Relation",
    "Size",
    "Spec",
    "parse",
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
class Place:
    """Part of a text, to point at.

    Attributes
    ----------
    text : str
        The whole.
    start, stop : int
    """

    text: str
    start: int
    stop: int

    def to(self, other: Place) -> Place:
        """From here to the end of another place."""
        return replace(self, stop=other.stop)

    def error(self, message: str) -> InvalidInput:
        """An error that shows the line of the text, and carets below the place."""
        line_start = self.text.rfind("\n", 0, self.start) + 1
        line = self.text[line_start:].partition("\n")[0]
        width = max(1, min(self.stop, line_start + len(line)) - self.start)
        indent = "".join("\t" if c == "\t" else " " for c in line[: self.start - line_start])
        return InvalidInput(f"{message}\n    {line}\n    {indent}{'^' * width}")


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


NAMED = {
    "real": Domain(),
    "positive": Domain(text="positive", interval=Interval(0.0)),
    "nonnegative": Domain(text="nonnegative", interval=Interval(0.0, low_open=False)),
    "unit": Domain(text="unit", interval=Interval(0.0, 1.0)),
    "symmetric": Domain("symmetric", "symmetric"),
    "positive-definite": Domain("positive-definite", "positive-definite"),
    "orthogonal": Domain("orthogonal", "orthogonal"),
    "one-hot": Domain("one-hot", "one-hot"),
    "labels": Domain("labels", "labels"),
}
"""Domains that have a name."""

ALIASES = {"onehot": "one-hot", "non-negative": "nonnegative", "unit-interval": "unit"}

EXPECTED = f"{', '.join(NAMED)}(k), {{0, 1}}, [-1, 1]"

SQUARE = ("symmetric", "positive-definite", "orthogonal")
"""Kinds of square matrices."""


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
    """

    name: str
    shape: tuple[Size, ...]
    domain: Domain
    scale: float | None
    place: Place
    places: tuple[Place, ...]


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


def parse(text: str) -> Spec:
    """Read a spec.

    Parameters
    ----------
    text : str

    Returns
    -------
    Spec

    Raises
    ------
    InvalidInput
        If it is none; the message points at the place.
    """
    if not isinstance(text, str):
        raise InvalidType(
            f"`spec`: expected a text such as 'X: n0 m; W: 1 n0', got {type(text).__name__}"
        )
    arrays: list[Array] = []
    ranges: list[Range] = []
    relations: list[Relation] = []
    for tokens in _clauses(text):
        clause = _Clause(tokens)
        if clause.sees(":", 1):
            arrays.append(clause.array())
        else:
            for found in clause.about_sizes():
                (ranges if isinstance(found, Range) else relations).append(found)  # type: ignore[arg-type]
    if not arrays:
        raise InvalidInput(f"a spec names at least one array, such as 'X: n0 m'; got {text!r}")
    spec = Spec(text, tuple(arrays), tuple(ranges), tuple(relations))
    _check_names(spec)
    return spec


def _check_names(spec: Spec) -> None:
    """Refuse names that stand for two things, or for none."""
    known: dict[str, Array] = {}
    sizes = {n for a in spec.arrays for size in a.shape for n in size.names}
    sizes |= {n for a in spec.arrays if a.domain.size for n in a.domain.size.names}
    for array in spec.arrays:
        if array.name in known:
            raise array.place.error(f"`{array.name}` is described twice")
        if array.name in sizes:
            raise array.place.error(f"`{array.name}` is an array here and a size elsewhere")
        known[array.name] = array
    ranged: set[str] = set()
    in_relations = {n for relation in spec.relations for n in relation.names}
    for found in spec.ranges:
        if found.name in ranged:
            raise found.place.error(f"`{found.name}` has two ranges")
        ranged.add(found.name)
        if found.name not in sizes | in_relations:
            _unused(found.name, found.place, sizes)
    # A size that nothing draws may still serve to compute one that an array has.
    linked = _linked(sizes, spec.relations)
    for relation in spec.relations:
        for name in relation.names:
            if name not in linked:
                _unused(name, relation.place, sizes)


def _linked(sizes: set[str], relations: Iterable[Relation]) -> set[str]:
    """Sizes, and those that equations compute them from."""
    found = set(sizes)
    for _ in tuple(relations):
        for relation in relations:
            if relation.comparison in ("=", "==") and found & set(relation.names):
                found |= set(relation.names)
    return found


def _unused(name: str, place: Place, sizes: set[str]) -> NoReturn:
    raise place.error(f"`{name}` is the size of no array{_like(name, sizes)}")


def _like(word: str, words: Iterable[str]) -> str:
    """What was meant, perhaps."""
    close = difflib.get_close_matches(word, sorted(words), 1)
    return f"; `{close[0]}` is" if close else ""


TOKEN = re.compile(
    r"""(?P<space>[^\S\n]+|\#[^\n]*)
      | (?P<end>[;\n])
      | (?P<number>(\d+(\.(?!\.)\d*)?|\.\d+)([eE][+-]?\d+)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<symbol>\.\.|//|==|!=|<=|>=|[:,=<>+\-*/()\[\]{}])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: Place


def _clauses(text: str) -> Iterator[list[_Token]]:
    """Tokens of each clause that has any, with an empty one at its end."""
    clause: list[_Token] = []
    at = depth = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            _strange(Place(text, at, at + 1))
        kind, word = str(found.lastgroup), found[0]
        place = Place(text, at, found.end())
        at = found.end()
        if kind == "number" and TOKEN.match(text, at) and re.match(r"[^\W\d]", text[at:]):
            rest = re.match(r"\w+", text[at:])
            assert rest is not None
            raise Place(text, place.start, at + rest.end()).error(
                f"`{word}{rest[0]}` is neither a number nor a name; a product is {word}*{rest[0]}"
            )
        depth += (word in "([{") - (word in ")]}") if kind == "symbol" else 0
        if kind == "end" and not (word == "\n" and depth > 0):
            if clause:
                yield [*clause, _Token("end", "", replace(place, stop=place.start))]
            clause, depth = [], 0
        elif kind not in ("space", "end"):
            clause.append(_Token(kind, word, place))
    if clause:
        yield [*clause, _Token("end", "", Place(text, at, at))]


def _strange(place: Place) -> NoReturn:
    hints = {"\u2264": "<=", "\u2265": ">=", "\u2260": "!=", "\u00b7": "*", "%": "//", "^": "*"}
    char = place.text[place.start]
    hint = f"; write `{hints[char]}`" if char in hints else ""
    raise place.error(f"`{char}` means nothing here{hint}")


class _Clause:
    """Reads one clause, token by token."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.at = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    @property
    def last(self) -> Place:
        return self.tokens[self.at - 1].place

    def sees(self, text: str, ahead: int = 0) -> bool:
        at = self.at + ahead
        return at < len(self.tokens) and self.tokens[at].text == text != ""

    def take(self) -> _Token:
        token = self.next
        self.at += token.kind != "end"
        return token

    def takes(self, *texts: str) -> str:
        """Take the next token if it is one of these."""
        return self.take().text if any(self.sees(text) for text in texts) else ""

    def expect(self, text: str, why: str) -> None:
        if not self.takes(text):
            raise self.next.place.error(f"expected `{text}` {why}")

    def array(self) -> Array:
        """``W1: n1 n0 in real scale=0.1``."""
        name = self.take()
        if name.kind != "name":
            raise name.place.error("expected the name of an array before `:`")
        if keyword.iskeyword(name.text):
            raise name.place.error(
                f"`{name.text}` is a word of Python; no array can bear it as a name"
            )
        self.expect(":", "after the name of an array")
        sizes = list(self._shape())
        shape = tuple(size for size, _ in sizes)
        domain, place = NAMED["real"], name.place
        if self.takes("in"):
            domain, place = self._domain()
        scale = self._scale(domain)
        if self.next.kind != "end":
            self._refuse_rest()
        array = Array(name.text, shape, domain, scale, name.place, tuple(p for _, p in sizes))
        _check_shape(array, place)
        return array

    def _refuse_rest(self) -> NoReturn:
        token = self.next
        if token.kind == "name" and self.sees("=", 1):
            raise token.place.error(f"`{token.text}` is no option; there is `scale=`")
        if self.sees(":", 1):
            raise token.place.error(f"`{token.text}:` starts a clause; put `;` before it")
        raise token.place.error(f"`{token.text}` is not expected here; clauses end with `;`")

    def _shape(self) -> Iterator[tuple[Size, Place]]:
        """Sizes by juxtaposition, with commas or without, in parentheses or not."""
        if self._is_tuple():
            self.take()
            while not self.takes(")"):
                yield self._placed_size()
                if not self.sees(")"):
                    self.expect(",", "or `)` between the sizes of a shape in parentheses")
            return
        while not (
            self.next.kind == "end" or self.sees("in") or self.sees(":", 1) or self._is_option()
        ):
            yield self._placed_size()
            self.takes(",")

    def _is_option(self) -> bool:
        return self.next.kind == "name" and self.sees("=", 1)

    def _is_tuple(self) -> bool:
        """Whether a shape such as ``(n0, m)`` or ``()`` begins here."""
        depth = 0
        if not self.sees("("):
            return False
        for k, token in enumerate(self.tokens[self.at :]):
            depth += (token.text == "(") - (token.text == ")")
            if depth == 0:
                return k == 1
            if depth == 1 and token.text == ",":
                return True
        return True

    def _placed_size(self) -> tuple[Size, Place]:
        start = self.next.place
        size = self.size()
        return size, start.to(self.last)

    def size(self) -> Size:
        """A sum of products of numbers and names."""
        left = self._product()
        while sign := self.takes("+", "-"):
            left = Size(left, sign, self._product())
        return left

    def _product(self) -> Size:
        left = self._atom()
        while sign := self.takes("*", "//"):
            left = Size(left, sign, self._atom())
        if self.sees("/"):
            raise self.next.place.error(
                "a size is a whole number; write `//` for a quotient cut off"
            )
        return left

    def _atom(self) -> Size:
        token = self.take()
        if token.kind == "symbol" and token.text == "(":
            inner = self.size()
            self.expect(")", "to close the parenthesis")
            return inner
        if token.kind == "number":
            return Size(_whole(token))
        if token.kind == "name":
            return Size(token.text)
        found = f"`{token.text}`" if token.text else "the end of the clause"
        raise token.place.error(
            f"expected a size, a number or the name of a dimension, before {found}"
        )

    def _scale(self, domain: Domain) -> float | None:
        """``scale=0.1``."""
        if not (self.sees("scale") and self.sees("=", 1)):
            return None
        start = self.take().place
        self.take()
        scale = self._number()
        place = start.to(self.last)
        if not 1 / HUGE <= scale <= HUGE:
            raise place.error("a scale is a positive number, neither tiny nor huge")
        if not domain.scalable:
            raise place.error(f"the domain `{domain}` itself says how large the entries are")
        return scale

    def _number(self) -> float:
        start = self.next.place
        negative = bool(self.takes("-")) or not (self.takes("+") or True)
        token = self.take()
        if token.text == "inf":
            value = INFINITY
        elif token.kind == "number":
            value = float(token.text)
        else:
            raise start.to(token.place).error("expected a number")
        if self.takes("/"):
            divisor = self.take()
            if divisor.kind != "number" or not float(divisor.text):
                raise divisor.place.error("expected a number other than 0")
            value /= float(divisor.text)
        return -value if negative else value

    def _domain(self) -> tuple[Domain, Place]:
        """A domain after ``in``, and its place."""
        start = self.next.place
        if self.sees("{"):
            domain = self._set()
        elif self.sees("[") or self.sees("("):
            domain = self._interval()
        else:
            domain = self._named_domain()
        place = start.to(self.last)
        return replace(domain, text=place.text[place.start : place.stop]), place

    def _set(self) -> Domain:
        start = self.take().place
        numbers = []
        while not self.takes("}"):
            numbers.append(self._number())
            if numbers[-1] in (INFINITY, -INFINITY):
                raise self.last.error("the numbers of a set are finite")
            if not self.sees("}"):
                self.expect(",", "or `}` after a number of a set")
        if not numbers:
            raise start.to(self.last).error("a set needs at least one number")
        return Domain("set", numbers=tuple(dict.fromkeys(numbers)))

    def _interval(self) -> Domain:
        start = self.take()
        low = self._number()
        self.expect(",", "between the ends of an interval")
        high = self._number()
        stop = self.take()
        if stop.text not in (")", "]") or stop.kind == "end":
            raise stop.place.error("expected `]` or `)` to close the interval")
        if not low < high:
            raise start.place.to(stop.place).error(
                f"nothing lies between {low:g} and {high:g}: the first end is the lower one"
            )
        for end in (low, high):
            if HUGE < abs(end) < INFINITY:
                raise start.place.to(stop.place).error(
                    f"an end beyond {HUGE:g} is too far out to compute with; write inf for no end"
                )
        interval = Interval(
            low,
            high,
            start.text == "(" or low == -INFINITY,
            stop.text == ")" or high == INFINITY,
        )
        if math.isfinite(high - low) and (low + high) / 2 not in interval:
            raise start.place.to(stop.place).error(f"no number lies between {low!r} and {high!r}")
        return Domain("interval", interval=interval)

    def _named_domain(self) -> Domain:
        first = self.next
        words: list[str] = []
        # Words joined by hyphens or spaces, as many as make a name.
        while self.next.kind == "name" and not (words and self._is_option()):
            words.append(self.take().text.lower().replace("_", "-"))
            if self.sees("-"):
                self.take()
        known = [n for n in range(len(words), 0, -1) if _called("-".join(words[:n])) in NAMED]
        if not known or known[0] < len(words):
            place = first.place.to(self.last) if words else first.place
            word = place.text[place.start : place.stop]
            found = f"`{word}` is no domain" if word else "a domain is missing"
            close = difflib.get_close_matches(_called("-".join(words)), NAMED, 1, 0.75)
            expected = f"`{close[0]}` is" if close else f"expected one of {EXPECTED}"
            raise place.error(f"{found}; {expected}")
        domain = NAMED[_called("-".join(words))]
        if domain.kind == "labels":
            self.expect("(", "with the number of labels: labels(k) are 0, ..., k - 1")
            domain = replace(domain, size=self.size())
            self.expect(")", "after the number of labels")
        elif domain.kind == "one-hot" and self.takes("("):
            if self.takes("axis"):
                self.expect("=", "after `axis`")
            negative = bool(self.takes("-"))
            axis = _whole(self.take())
            domain = replace(domain, axis=-axis if negative else axis)
            self.expect(")", "after the axis")
        return domain

    def about_sizes(self) -> Iterator[Range | Relation]:
        """``n0 = 1..8``, ``n1 >= n0``, ``1 <= n0 < m``."""
        start = self.next.place
        left = self.size()
        comparison = self.takes(*COMPARISONS)
        if not comparison:
            message = (
                "expected `:` and a shape after the name of an array, or `=` and sizes such as 1..8"
            )
            raise (self.next.place if self.next.kind != "end" else start.to(self.last)).error(
                message
            )
        while comparison:
            right_start = self.next.place
            right = self.size()
            place = start.to(self.last)
            if self.takes(".."):
                yield self._range(left, comparison, right, start, right_start)
                break
            number = right.number
            if left.name and comparison in ("=", "==") and number is not None:
                if number < 1:
                    raise right_start.to(self.last).error("a size is at least 1")
                yield Range(left.name, number, number, place)
            else:
                yield Relation(left, comparison, right, place)
            start, left = right_start, right
            comparison = self.takes(*COMPARISONS)
        if self.next.kind != "end":
            self._refuse_rest()

    def _range(
        self, left: Size, comparison: str, low: Size, start: Place, low_place: Place
    ) -> Range:
        high_place = self.next.place
        if self.next.kind == "end":
            raise high_place.error("expected the largest size after `..`")
        high = self.size()
        place = start.to(self.last)
        if left.name is None or comparison not in ("=", "=="):
            raise place.error("a range is for one dimension, such as n0 = 1..8")
        for size, where in ((low, low_place), (high, high_place)):
            if size.number is None:
                raise where.error(
                    "the ends of a range are numbers; relations such as n1 >= n0 are for sizes "
                    "that depend on others"
                )
        first, last = low.value({}), high.value({})
        if first < 1:
            raise low_place.error("a size is at least 1")
        if last < first:
            raise place.error(f"no size lies in {first}..{last}")
        return Range(left.name, first, last, place)


def _called(word: str) -> str:
    return ALIASES.get(word, word)


def _whole(token: _Token) -> int:
    if token.kind != "number" or not token.text.isdecimal():
        raise token.place.error("expected a whole number")
    return int(token.text)


def _check_shape(array: Array, place: Place) -> None:
    """Refuse a shape that the domain cannot have."""
    for size, where in zip(array.shape, array.places, strict=True):
        if size.number is not None and size.number < 1:
            raise where.error("a size is at least 1")
    domain, ndim = array.domain, len(array.shape)
    if domain.kind in SQUARE:
        if ndim < 2:
            raise place.error(f"a matrix that is {domain} has two sizes, as in `{array.name}: n n`")
        if array.shape[-1] != array.shape[-2]:
            where = array.places[-2].to(array.places[-1])
            raise where.error(f"a matrix that is {domain} is square: write one size twice")
    if domain.kind == "one-hot" and not -ndim <= domain.axis < ndim:
        has = f"only {ndim} axes" if ndim > 1 else "one axis" if ndim else "no axis"
        raise place.error(f"`{array.name}` has {has}; there is none numbered {domain.axis}")
