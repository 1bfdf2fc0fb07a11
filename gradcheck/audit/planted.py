"""``pytest -p gradcheck.audit.planted``: one mistake in one function, for a whole run of pytest.

``gradcheck audit MODULE:GRAD -- pytest ...`` starts such runs, one for each mistake, and reads
what each notes. Which mistake and where comes by an environment variable; without a mistake the
run notes where mistakes can be planted. Every name by which a loaded module knows the
function is made to mean the wrong one, before the tests are collected and again after it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from gradcheck import audit, targets
from gradcheck.audit.mistakes import MISTAKES, Passing, Planted, Seen

__all__ = ["VARIABLE", "order"]

VARIABLE = "GRADCHECK_PLANTED"
"""The environment variable that holds what `order` gives."""


def order(target: str, notes: Path, mistake: str = "", block: str = "") -> str:
    """What a run is told: the function, where to write, and the mistake, if any."""
    return json.dumps({"target": target, "notes": str(notes), "mistake": mistake, "block": block})


def pytest_configure(config: pytest.Config) -> None:
    """Put the function's double in its place, if a run was told to."""
    told = json.loads(os.environ.get(VARIABLE, "{}"))
    if not told:
        return
    mistake = told["mistake"]
    passing = Planted(MISTAKES[mistake], told["block"]) if mistake else Seen()
    config.pluginmanager.register(_Double(told["target"], Path(told["notes"]), passing))


class _Double:
    """Stands in the place of the user's function while pytest runs."""

    def __init__(self, target: str, notes: Path, passing: Passing) -> None:
        self.target, self.notes, self.passing = target, notes, passing
        self.original = targets.load(target)
        self.doubles: list[Any] = []
        self._put()

    def _put(self) -> None:
        """Replace the function wherever a module or class has it."""
        for owner in _owners():
            for name, value in list(vars(owner).items()):
                bare = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
                if not self._is_original(bare):
                    continue
                double = self.passing.wrapped(bare)
                self.doubles.append(double)
                setattr(owner, name, type(value)(double) if bare is not value else double)

    def _is_original(self, value: Any) -> bool:
        """Whether this is the function, or the same one from the same file loaded anew."""
        original = getattr(self.original, "__func__", self.original)
        if value is original:
            return True
        if not isinstance(value, FunctionType) or not isinstance(original, FunctionType):
            return False
        return (
            not any(value is double for double in self.doubles)
            and value.__code__.co_filename == original.__code__.co_filename
            and value.__qualname__ == original.__qualname__
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let property tests end with their first failure."""
        with audit.stopping(getattr(item, "obj", None)):
            return (yield)

    def pytest_collection_finish(self) -> None:
        """Do so again in what has been loaded since."""
        self._put()

    def pytest_sessionfinish(self) -> None:
        """Add a line with what was seen to the notes."""
        seen = {
            "places": getattr(self.passing, "places", []),
            "changed": getattr(self.passing, "changed", False),
        }
        with self.notes.open("a", encoding="utf-8") as file:
            file.write(json.dumps(seen) + "\n")


def _owners() -> list[Any]:
    """Modules, and the classes in them."""
    modules = [m for m in list(sys.modules.values()) if isinstance(m, ModuleType)]
    own = [m for m in modules if not (m.__name__ or "").startswith(("gradcheck.", "_pytest"))]
    classes = [v for m in own for v in list(vars(m).values()) if isinstance(v, type)]
    return [*own, *dict.fromkeys(classes)]
