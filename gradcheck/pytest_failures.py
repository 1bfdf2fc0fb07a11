"""What pytest shows where a check fails or is refused: its own text, and the user's own lines.

>>> errors = told_errors(excinfo.value)  # doctest: +SKIP
>>> report.longrepr = readable(errors, item)  # doctest: +SKIP

The plugin loads it when the first test fails in which there may have been a check.
"""

from __future__ import annotations

import dataclasses
import linecache
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from _pytest._code.code import ReprEntry, ReprExceptionInfo, ReprFileLocation, ReprTraceback

from gradcheck.errors import InvalidInput

if TYPE_CHECKING:
    import pytest

    from gradcheck.report import GradientReport

__all__ = ["Told", "readable", "shown", "told_errors"]

HIDDEN = ("gradcheck", "hypothesis", "numpy", "pytest", "_pytest", "pluggy", "unittest")
"""Packages whose lines are not the user's own."""


@dataclasses.dataclass(frozen=True)
class Told:
    """An error, and the text that is shown of it."""

    error: BaseException
    text: str

    @property
    def raised(self) -> BaseException | None:
        """What a function of the user's raised, if that is why there was no check."""
        cause = self.error.__cause__ if isinstance(self.error, InvalidInput) else None
        return cause if cause is not None and _frames(cause) else None


def told_errors(error: BaseException, unsettled: Sequence[GradientReport] = ()) -> list[Told]:
    """The error itself, or those of a group, if they are of checks and of nothing else.

    Parameters
    ----------
    error : BaseException
    unsettled : sequence of GradientReport
        Checks of the test that did not pass, about which an assertion may be.
    """
    report = sys.modules.get("gradcheck.report")
    if isinstance(error, InvalidInput) or (report and isinstance(error, report.GradientError)):
        return [Told(error, str(error))]
    if type(error) is AssertionError:
        text = _asserted(str(error), unsettled)
        return [Told(error, text)] if text else []
    # Hypothesis raises a group where examples fail in several ways.
    inner = [told_errors(e, unsettled) for e in getattr(error, "exceptions", ())]
    return [told for errors in inner for told in errors] if all(inner) else []


ASSERTED = re.compile(
    r"^assert (?:<GradientReport (?P<report>[A-Z]+):[^>]*>"
    r"|<Verdict\.(?P<verdict>[A-Z]+): '\w+'> == (?:'PASS'|<Verdict\.PASS: 'PASS'>))$",
    re.MULTILINE,
)
"""What pytest says of ``assert report`` and ``assert report.verdict == "PASS"``."""


def _asserted(message: str, unsettled: Sequence[GradientReport]) -> str:
    """Text of the report that an assertion was about, below the test's own words, if any."""
    found = ASSERTED.search(message)
    if not found:
        return ""
    verdict = found["report"] or found["verdict"]
    reports = [report for report in unsettled if report.verdict == verdict]
    return f"{message[: found.start()]}{reports[-1]}" if reports else ""


def readable(errors: list[Told], item: pytest.Item) -> ReprExceptionInfo:
    """What pytest shows: the text, the notes of Hypothesis, and the lines that called."""
    entries = []
    for k, told in enumerate(errors):
        text = "\n".join([told.text, *_source(told), *_notes(told.error)]).rstrip()
        lines = ["", *text.splitlines()] if k else text.splitlines()
        # Each place stands below the lines of its entry, so all but the first have none.
        for place in _places(told, item):
            entries.append(ReprEntry(lines, None, None, place, "value"))
            lines = []
    first = errors[0]
    *_, place = _places(first, item)
    headline = f"{type(first.error).__name__}: {first.text.partition(chr(10))[0]}"
    crash = ReprFileLocation(place.path, place.lineno, headline)
    if item.config.getoption("tbstyle", "auto") == "line":  # pytest adds the place itself
        entries = [dataclasses.replace(entry, reprfileloc=None) for entry in entries]
    return ReprExceptionInfo(ReprTraceback(entries, None, "value"), crash)


def _source(told: Told) -> list[str]:
    """The line of the user's that raised, as it is written."""
    if not told.raised:
        return []
    path, number, _ = _frames(told.raised)[-1]
    line = linecache.getline(path, number).strip()
    return [f">   {line}"] if line else []


def _places(told: Told, item: pytest.Item) -> list[ReprFileLocation]:
    """The user's own lines that led to the check, the innermost with the name of the error."""
    _, start, name = item.location
    # Where none of their lines led to the check, as with `given`, it is the test itself.
    calls = _frames(told.error) or [(str(item.path), (start or 0) + 1, name)]
    if told.raised:
        calls += _frames(told.raised)
    *outer, (path, line, _) = [(shown(path, item.config), line, name) for path, line, name in calls]
    return [
        *(ReprFileLocation(path, line, f"in {name}") for path, line, name in outer),
        ReprFileLocation(path, line, type(told.raised or told.error).__name__),
    ]


def _frames(error: BaseException) -> list[tuple[str, int, str]]:
    """Path, line and function of the calls that are the user's own, the innermost last."""
    hidden = [
        str(Path(module.__file__).parent)
        for name in HIDDEN
        if (module := sys.modules.get(name)) and module.__file__
    ]
    found: list[tuple[str, int, str]] = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        inside = any(Path(code.co_filename).is_relative_to(folder) for folder in hidden)
        if inside or frame.f_locals.get("__tracebackhide__"):
            continue
        # What Hypothesis makes of a test has the test's name and file, and calls it.
        if found and (found[-1][0], found[-1][2]) == (code.co_filename, code.co_name):
            found.pop()
        found.append((code.co_filename, line, code.co_name))
    return found


SAID_ABOVE = re.compile(
    r"(?:Failing test case|Falsifying example): \w+\(\s+(?:arrays|drawn)=<[^\n]*>,?\s+\)\s*"
    r"|Highest target score: .* {2}\(label='error bars between gradient and derivative'\)\s*"
)
"""Notes of Hypothesis on a test of `gradcheck.given`, whose draw stands as code in the report."""


def _notes(error: BaseException) -> list[str]:
    """What Hypothesis says of an example, without what the report says and lines of NumPy's."""
    kept = []
    explaining = False
    for note in getattr(error, "__notes__", ()):
        explaining = note.startswith("Explanation:") or (explaining and note.startswith(" "))
        if not explaining and not SAID_ABOVE.fullmatch(note):
            kept.append(note)
    return kept


def shown(path: str, config: pytest.Config) -> str:
    """A path as pytest prints it: relative to where it was started, if below."""
    start = config.invocation_params.dir
    return str(Path(path).relative_to(start)) if Path(path).is_relative_to(start) else path
