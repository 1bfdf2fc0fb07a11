"""A kind of mistake that explains a wrong gradient, as data and as a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gradcheck.diagnosis.kinds import KINDS
from gradcheck.diagnosis.suspect import Sure

__all__ = ["Diagnosis"]


@dataclass(frozen=True)
class Diagnosis:
    """A kind of mistake that explains a wrong gradient.

    Attributes
    ----------
    kind : str
        Stable name, a key of `kinds.KINDS`; docs/diagnoses.md has them all.
    block : str or None
        The block, or the probed intermediate; None if it concerns all blocks alike.
    explains, entries : int
        Of so many entries whose derivative is known, so many are as the guess predicts.
    sure : {"certain", "likely", "possible"}
        Whether many more entries bear it out than it was fitted to, some, or none.
    evidence : str
        One line of fact, a predicate to the block's name.
    hint : str
        What to look at, or to write instead.
    label : str
        What the gradient calls the block, such as ``db1``.
    """

    kind: str
    block: str | None
    explains: int
    entries: int
    sure: Sure
    evidence: str
    hint: str
    label: str = ""

    def __str__(self) -> str:
        if self.block:
            return f"`{self.label or self.block}` {self.evidence}"
        return self.evidence if self.evidence.startswith("`") else f"the gradient {self.evidence}"

    @property
    def sentence(self) -> str:
        """The evidence, and the cause where that says more."""
        kind = KINDS[self.kind]
        return f"{self}: {kind.meaning}" if kind.adds else str(self)

    @property
    def meaning(self) -> str:
        """What the kind means, in a few words."""
        return KINDS[self.kind].meaning

    def named(self, label: str) -> Diagnosis:
        """The diagnosis of a block that the gradient calls `label`."""
        return replace(self, label=label)

    def labelled(self, labels: Mapping[str, str]) -> Diagnosis:
        """The diagnosis with the names that the gradient has for its blocks."""
        told = self.evidence
        if self.kind == "swapped" and told.startswith("and `"):
            _, other, rest = told.split("`", 2)
            told = f"and `{labels.get(other, other)}`{rest}"
        return replace(self, evidence=told).named(labels.get(self.block or "", ""))

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis as plain data."""
        names = ("kind", "block", "explains", "entries", "sure", "evidence", "hint", "sentence")
        return {name: getattr(self, name) for name in names}
