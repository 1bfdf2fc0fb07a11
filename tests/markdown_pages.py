"""Pages in Markdown: their blocks of code, links and headings.

The languages of blocks, and what is done with them:

- ``python`` is executed, from top to bottom of a page and in one namespace. A ``text`` block
  right below shows what it prints. One whose first line is ``# name.py`` becomes that file too.
- ``console`` has commands after ``$``, which are run beside these files, and what they print. A
  line ``...`` stands for any number of lines.
- ``sh`` has commands that install things, ``yaml`` and ``ini`` are files of a project: these are
  put to use by ``tox -e shell``.
- ``text`` is no code.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

ELSEWHERE = {"text", "yaml", "ini", "sh"}
"""Languages of blocks that are no code, or are put to use by ``test_shell.py``."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes
    ----------
    language : str
    body : str
    line : int
        Of the page, at which the body begins.
    below : bool
        Nothing but blank lines is between it and the block before.
    """

    language: str
    body: str
    line: int
    below: bool = False

    @property
    def file(self) -> str | None:
        """Name of the file that a Python block is, if it says so."""
        found = re.match(r"# ([\w/]+\.py)\n", self.body) if self.language == "python" else None
        return found[1] if found else None


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page."""
    found, end = [], -1
    for match in re.finditer(r"^( *)```(.*)\n((?:.*\n)*?)\1```$", page, re.MULTILINE):
        indent, language, body = match.groups()
        body = re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
        line = page.count("\n", 0, match.start()) + 2
        below = end >= 0 and not page[end : match.start()].strip()
        found.append(Block(language.strip(), body, line, below))
        end = match.end()
    return found


def commands(body: str) -> list[tuple[str, str]]:
    """Commands of a console block, with what each prints."""
    parts = re.split(r"^\$ (.*)\n", body, flags=re.MULTILINE)
    assert not parts[0], "a console block begins with a command"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def prose(page: str) -> str:
    """A page without its blocks of code, and without code within lines."""
    page = re.sub(r"^( *)```.*\n(?:.*\n)*?\1```$", "", page, flags=re.MULTILINE)
    return re.sub(r"`[^`\n]+`", "", page)


def links(page: str) -> list[str]:
    """Targets of all links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def anchors(page: str) -> set[str]:
    """Names of a page's headings, as links after a ``#``: as Git hosts and the site make them."""
    without = re.sub(r"^( *)```.*\n(?:.*\n)*?\1```$", "", page, flags=re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", without, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def agree(shown: str, printed: str) -> bool:
    """Whether an output is as shown, but for what varies by machine and by version.

    A line ``...`` stands for any number of lines.
    """
    parts = [words(part) for part in re.split(r"^\.\.\.\n", shown, flags=re.MULTILINE)]
    rest = words(printed)
    if len(parts) == 1:
        return alike(parts[0], rest)
    first, *middle, last = parts
    if not alike(first, rest[: len(first)]) or len(first) + len(last) > len(rest):
        return False
    rest, end = rest[len(first) : len(rest) - len(last)], rest[len(rest) - len(last) :]
    for part in middle:
        places = range(len(rest) - len(part) + 1)
        at = next((k for k in places if alike(part, rest[k : k + len(part)])), None)
        if at is None:
            return False
        rest = rest[at + len(part) :]
    return alike(last, end)


def words(text: str) -> list[str]:
    """Words of an output; of bars, resolutions, durations and numbers of calls no digits."""
    text = re.sub(r"-?\d\.\d+e-\d\d\b|\d+ (?=evaluations|calls)", "#", text)
    text = re.sub(r"(?<=[ (])\d+\.\d+ ?(?=s\b)", "# ", text)
    return re.sub(r"(?<=the point )\w+", "#", text).split()


def alike(left: list[str], right: list[str]) -> bool:
    """Whether words are equal, and those that are numbers of many decimals nearly so."""
    return len(left) == len(right) and all(map(_same, left, right))


def _same(left: str, right: str) -> bool:
    long = re.compile(r"(-?\d+\.\d{7,})")
    a, b = long.split(left), long.split(right)
    if a[::2] != b[::2]:
        return False
    pairs = zip(map(float, a[1::2]), map(float, b[1::2]), strict=True)
    return all(math.isclose(x, y, rel_tol=1e-6) for x, y in pairs)
