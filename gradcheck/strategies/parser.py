"""The language in which arrays are described: a text becomes a `Spec`.

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
is for users.
"""

from __future__ import annotations

import difflib
import keyword
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NoReturn

from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.strategies.spec import (
    COMPARISONS,
    HUGE,
    INFINITY,
    Array,
    Domain,
    Interval,
    Range,
    Relation,
    Size,
    Spec,
)
from gradcheck.strategies.tokens import Place, Token, clauses

__all__ = ["parse"]

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

MEANT = {
    **dict.fromkeys(("negative", "nonpositive", "non-positive"), "write (-inf, 0) or (-inf, 0]"),
    **dict.fromkeys(
        ("integer", "integers", "int", "natural", "class", "classes", "categorical"),
        "labels(k) are the integers 0, ..., k - 1, and {-1, 0, 1} are any numbers as floats",
    ),
    **dict.fromkeys(("bool", "boolean", "binary", "bit", "bits"), "write {0, 1}"),
    **dict.fromkeys(("sign", "signs"), "write {-1, 1}"),
    **dict.fromkeys(("probability", "probabilities"), "write unit, or [0, 1] with its ends"),
    **dict.fromkeys(("uniform", "range", "interval"), "an interval is written [0, 1]"),
    **dict.fromkeys(
        ("normal", "gaussian", "float", "double", "r"),
        "write real; scale= says how large the entries are",
    ),
    **dict.fromkeys(("spd", "psd", "pd", "covariance"), "`positive-definite` is"),
    "complex": "draw the real and the imaginary parts, and join them in the cost",
    "float32": "arrays are drawn in double precision; let the cost convert them",
    "diagonal": "draw a vector, and take np.diag of it in the cost",
    "triangular": "draw a matrix, and take np.tril of it in the cost",
}
"""What to write for domains that one might expect."""

SIZES = "sizes come from a range such as n = 2..4, or an equation such as n = 2*k"

OPTIONS = ("scale",)
"""What may follow the domain of an array, with ``=``."""

FEW = 1e-12
"""Width of an interval against its ends, below which there is no room for small steps in it: the
rounding of double precision, some thousand times."""

EXPECTED = f"{', '.join(NAMED)}(k), {{0, 1}}, [-1, 1]"

UNMISTAKABLE = ("real", "positive", "nonnegative", "symmetric", "orthogonal")
"""Domains that nobody takes for the name of a dimension."""

ATOMS = {
    "..": "a range is a clause of its own, with both ends, such as n = 1..8",
    "*": "a power is written as a product, such as n*n",
    "[": "the sizes of an array stand one after the other, with or without parentheses",
    "{": "the sizes of an array stand one after the other, with or without parentheses",
    "-": "a size has no sign",
}
"""What is wrong with symbols that stand where a size is due."""

SQUARE = ("symmetric", "positive-definite", "orthogonal")
"""Kinds of square matrices."""


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
    for tokens in clauses(text):
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


class _Clause:
    """Reads one clause, token by token."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    @property
    def last(self) -> Place:
        return self.tokens[self.at - 1].place

    def sees(self, text: str, ahead: int = 0) -> bool:
        at = self.at + ahead
        return at < len(self.tokens) and self.tokens[at].text == text != ""

    def take(self) -> Token:
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
        if scale is not None and self._is_option() and self.sees("scale"):
            raise self.next.place.error("`scale=` is said twice")
        if self.next.kind != "end":
            self._refuse_rest()
        places = tuple(p for _, p in sizes)
        array = Array(name.text, shape, domain, scale, name.place, places, place)
        _check_shape(array)
        return array

    def _refuse_rest(self) -> NoReturn:
        token = self.next
        if self.sees("=", 1):
            texts = [later.text for later in self.tokens[self.at :]]
            if token.text == "axis":
                hint = "an axis stands in parentheses, as in one-hot(axis=0)"
            elif ".." in texts:
                hint = f"`{token.text}=` starts a clause; put `;` before it"
            else:
                like = difflib.get_close_matches(token.text.lower(), OPTIONS, 1)
                known = f"`{like[0]}=` is" if like else f"there is `{OPTIONS[0]}=`"
                hint = f"`{token.text}=` is no option; {known}"
            raise token.place.error(hint)
        if self.sees(":", 1):
            raise token.place.error(f"`{token.text}:` starts a clause; put `;` before it")
        if token.text == "in":
            raise token.place.error("an array has one domain, after its sizes")
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
            size, place = self._placed_size()
            if size.name in OPTIONS:
                raise place.error(f"write `{size.name}=` and a number, without spaces between them")
            if size.name in UNMISTAKABLE:
                raise place.error(f"`{size.name}` is a domain, and domains stand after `in`")
            yield size, place
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
            self.expect(")", "to close the parenthesis, or `,` between sizes")
            return inner
        if token.kind == "number":
            return Size(_whole(token))
        if token.kind == "name":
            return Size(token.text)
        if token.text in ATOMS:
            raise token.place.error(ATOMS[token.text])
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
        if not high - low > max(FEW * min(abs(low), abs(high)), 1 / HUGE):
            raise start.place.to(stop.place).error(
                f"hardly any number lies between {low!r} and {high!r}: set its ends farther apart"
            )
        return Domain("interval", interval=interval)

    def _named_domain(self) -> Domain:
        first = self.next
        words: list[str] = []
        # Words joined by hyphens or spaces, as many as make a name.
        while self.next.kind == "name" and not (words and (self._is_option() or self.sees("in"))):
            words.append(self.take().text.lower().replace("_", "-"))
            if self.sees("-"):
                self.take()
        known = [n for n in range(len(words), 0, -1) if _called("-".join(words[:n])) in NAMED]
        if not known or known[0] < len(words):
            place = first.place.to(self.last) if words else first.place
            word = place.text[place.start : place.stop]
            found = f"`{word}` is no domain" if word else "a domain is missing"
            raise place.error(f"{found}; {_meant(_called('-'.join(words)), first)}")
        domain = NAMED[_called("-".join(words))]
        if domain.kind == "labels":
            self.expect("(", "with the number of labels: labels(k) are 0, ..., k - 1")
            size, where = self._placed_size()
            if size.number is not None and size.number < 1:
                raise where.error("labels(k) are 0, ..., k - 1: k is at least 1")
            domain = replace(domain, size=size)
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
        if self.sees("in"):
            raise self.next.place.error(f"a domain after `in` is for an array; {SIZES}")
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
            if self.sees("{") or self.sees("["):
                raise right_start.error(SIZES)
            right = self.size()
            place = start.to(self.last)
            if self.takes(".."):
                yield self._range(left, comparison, right, start, right_start)
                break
            number = right.number
            if left.name and comparison in ("=", "==") and number is not None:
                if number < 1:
                    raise right_start.to(self.last).error(
                        f"a size is at least 1; a range is written {left.name} = 1..8"
                    )
                yield Range(left.name, number, number, place)
            else:
                yield Relation(left, comparison, right, place)
            start, left = right_start, right
            comparison = self.takes(*COMPARISONS)
        if self.sees(","):
            raise self.next.place.error(SIZES)
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


def _meant(word: str, first: Token) -> str:
    """What to write instead of something that is no domain."""
    if word in MEANT:
        return MEANT[word]
    if first.kind in ("number", "symbol"):
        return "an interval is written [-1, 1], a set {0, 1}; labels(k) are 0, ..., k - 1"
    close = difflib.get_close_matches(word, NAMED, 1, 0.75)
    return f"`{close[0]}` is" if close else f"expected one of {EXPECTED}"


def _whole(token: Token) -> int:
    if token.kind != "number" or not token.text.isdecimal():
        raise token.place.error("expected a whole number")
    return int(token.text)


def _check_shape(array: Array) -> None:
    """Refuse a shape that the domain cannot have."""
    place = array.domain_place
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
