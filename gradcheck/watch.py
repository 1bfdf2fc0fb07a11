"""Lets a test runner hear of each check, give defaults to its options, and change what it gets.

>>> class Printer:
...     options = {"resolution": 1e-3}
...     def hear(self, report):
...         print(report)
...     amend = hear
>>> with watching(Printer()):
...     result = watched(lambda **options: options)(wrt="W1")
{'resolution': 0.001, 'wrt': 'W1'}

With nobody listening a check is just called. It stands alone and loads nothing, so that a run
of pytest without any check does not pay for numpy.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar, cast

__all__ = ["Change", "Watcher", "altering", "amended", "unheard", "watched", "watching"]

Check = TypeVar("Check", bound=Callable[..., Any])

Change = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Takes the name of a check and its arguments by name, gives those that it gets in their place."""


class Watcher(Protocol):
    """Who hears of checks."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Options that a check gets where its caller gives none."""

    def hear(self, report: Any) -> None:
        """Take the report of a check that has ended."""

    def amend(self, report: Any) -> None:
        """Take a report in place of the last, which says less."""


_watchers: list[Watcher] = []
_changes: list[Change] = []
_within: ContextVar[bool] = ContextVar("within", default=False)


class _Nobody:
    """Hears, and does nothing."""

    options: Mapping[str, Any] = {}

    def hear(self, report: Any) -> None:
        pass

    def amend(self, report: Any) -> None:
        pass


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Let `watcher`, and nobody else, hear of the checks made inside."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


@contextmanager
def altering(change: Change) -> Iterator[None]:
    """Let `change`, and no other, replace the arguments of the checks made inside."""
    _changes.append(change)
    try:
        yield
    finally:
        _changes.remove(change)


@contextmanager
def unheard() -> Iterator[None]:
    """Let nobody hear of the checks made inside, which are part of another."""
    token = _within.set(True)
    try:
        yield
    finally:
        _within.reset(token)


def amended(report: Any) -> Any:
    """The report, told again to whoever heard of it when it said less."""
    if _watchers and not _within.get():
        _watchers[-1].amend(report)
    return report


def watched(check: Check) -> Check:
    """A check that is heard of, whether it returns its report or raises it.

    Checks that it makes itself, as that of a Hessian does, are part of it.
    """
    signature = inspect.signature(check)
    known = signature.parameters
    takes_all = any(p.kind == p.VAR_KEYWORD for p in known.values())

    @functools.wraps(check)
    def heard(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if _within.get() or not (_watchers or _changes):
            return check(*args, **options)
        watcher = _watchers[-1] if _watchers else _Nobody()
        given = {k: v for k, v in watcher.options.items() if takes_all or k in known}
        options = given | options
        if _changes:
            args, options = (), _changes[-1](check.__name__, by_name(*args, **options))
        token = _within.set(True)
        try:
            report = check(*args, **options)
        except AssertionError as error:
            if hasattr(error, "report"):
                watcher.hear(error.report)
            raise
        finally:
            _within.reset(token)
        watcher.hear(report)
        return report

    def by_name(*args: Any, **options: Any) -> dict[str, Any]:
        arguments = signature.bind(*args, **options).arguments
        more = next((n for n, p in known.items() if p.kind == p.VAR_KEYWORD), "")
        further = arguments.pop(more, {})
        return {**arguments, **further}

    return cast(Check, heard)
