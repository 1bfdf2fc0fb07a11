"""Lets a test runner hear of each check, and give defaults to its options.

>>> class Printer:
...     options = {"resolution": 1e-3}
...     def hear(self, report):
...         print(report)
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

__all__ = ["Watcher", "watched", "watching"]

Check = TypeVar("Check", bound=Callable[..., Any])


class Watcher(Protocol):
    """Who hears of checks."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Options that a check gets where its caller gives none."""

    def hear(self, report: Any) -> None:
        """Take the report of a check that has ended."""


_watchers: list[Watcher] = []
_within: ContextVar[bool] = ContextVar("within", default=False)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Let `watcher`, and nobody else, hear of the checks made inside."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def watched(check: Check) -> Check:
    """A check that is heard of, whether it returns its report or raises it.

    Checks that it makes itself, as that of a Hessian does, are part of it.
    """
    known = inspect.signature(check).parameters
    takes_all = any(p.kind == p.VAR_KEYWORD for p in known.values())

    @functools.wraps(check)
    def heard(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if not _watchers or _within.get():
            return check(*args, **options)
        watcher = _watchers[-1]
        given = {k: v for k, v in watcher.options.items() if takes_all or k in known}
        token = _within.set(True)
        try:
            report = check(*args, **(given | options))
        except AssertionError as error:
            if hasattr(error, "report"):
                watcher.hear(error.report)
            raise
        finally:
            _within.reset(token)
        watcher.hear(report)
        return report

    return cast(Check, heard)
