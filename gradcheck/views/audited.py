"""The audit of a test run, as a page shows it.

>>> trial = {"mistake": "sign", "block": "W", "where": "test_it.py::test_it", "caught": False}
>>> view = AuditView({"trials": [trial], "passed_over": {}})
>>> view.headline, view.rows, view.survivors
('0 of 1 planted mistake caught', [('sign', 1, 0)], [('test_it.py::test_it', 'sign (W)')])

It sees the data of ``--gradcheck-audit`` alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["RED", "AuditView"]

RED = "it fails without a mistake"
"""Why a test is not audited that has to be mended first."""


@dataclass(frozen=True)
class AuditView:
    """What an audit has planted, and what of it was caught."""

    data: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        """``PASS`` if all was caught, and of nothing an empty one."""
        caught = [trial["caught"] for trial in self.data["trials"]]
        return "" if not caught else "PASS" if all(caught) else "FAIL"

    @property
    def headline(self) -> str:
        """How many mistakes were caught."""
        trials = self.data["trials"]
        if not trials:
            return "nothing was audited"
        caught = sum(trial["caught"] for trial in trials)
        noun = "mistake" if len(trials) == 1 else "mistakes"
        return f"{caught:,} of {len(trials):,} planted {noun} caught"

    @property
    def rows(self) -> list[tuple[str, int, int]]:
        """Each kind of mistake, how often it was planted, and how often caught."""
        planted = Counter(trial["mistake"] for trial in self.data["trials"])
        caught = Counter(trial["mistake"] for trial in self.data["trials"] if trial["caught"])
        return [(name, count, caught[name]) for name, count in planted.items()]

    @property
    def survivors(self) -> list[tuple[str, str]]:
        """Each test that missed mistakes, with these and their blocks."""
        missed: dict[str, dict[str, list[str]]] = {}
        for trial in self.data["trials"]:
            if not trial["caught"]:
                here = missed.setdefault(trial["where"], {})
                here.setdefault(trial["mistake"], []).append(trial["block"])
        return [
            (where, ", ".join(f"{name} ({', '.join(blocks)})" for name, blocks in here.items()))
            for where, here in missed.items()
        ]

    @property
    def passed_over(self) -> list[tuple[str, str]]:
        """Tests that were not audited, with the reason."""
        red = [(test, RED) for test in self.data.get("red", ())]
        return [*self.data["passed_over"].items(), *red]
