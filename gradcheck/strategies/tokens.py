"""A spec cut into the tokens of its clauses, each with its place to point at.

>>> [[token.text for token in clause] for clause in clauses("X: n0 m; m = 2..9")]
[['X', ':', 'n0', 'm', ''], ['m', '=', '2', '..', '9', '']]
>>> raise Place("X: n0 m in reel", 11, 15).error("`reel` is no domain")
Traceback (most recent call last):
gradcheck.errors.InvalidInput: `reel` is no domain
    X: n0 m in reel
               ^^^^
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NoReturn

from gradcheck.errors import InvalidInput

__all__ = ["Place", "Token", "clauses"]


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


TOKEN = re.compile(
    r"""(?P<space>[^\S\n]+|\#[^\n]*)
      | (?P<end>[;\n])
      | (?P<number>(\d+(\.(?!\.)\d*)?|\.\d+)([eE][+-]?\d+)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<symbol>\.\.|//|==|!=|<=|>=|[:,=<>+\-*/()\[\]{}])
    """,
    re.VERBOSE,
)


HINTS = {
    "\u2264": "write `<=`",
    "\u2265": "write `>=`",
    "\u2260": "write `!=`",
    "\u00b7": "write `*`",
    "\u00d7": "sizes stand one after the other; a product is written with `*`",
    "%": "write `//`",
    "^": "a power is written as a product, such as n*n",
    "'": "names stand without quotes",
    '"': "names stand without quotes",
}
"""What to write instead of characters that mean nothing."""


@dataclass(frozen=True)
class Token:
    """A word, number or symbol; the last of a clause is its empty end."""

    kind: str
    text: str
    place: Place


def clauses(text: str) -> Iterator[list[Token]]:
    """Tokens of each clause that has any, with an empty one at its end."""
    clause: list[Token] = []
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
                yield [*clause, Token("end", "", replace(place, stop=place.start))]
            clause, depth = [], 0
        elif kind not in ("space", "end"):
            clause.append(Token(kind, word, place))
    if clause:
        yield [*clause, Token("end", "", Place(text, at, at))]


def _strange(place: Place) -> NoReturn:
    char = place.text[place.start]
    hint = f"; {HINTS[char]}" if char in HINTS else ""
    raise place.error(f"`{char}` means nothing here{hint}")
