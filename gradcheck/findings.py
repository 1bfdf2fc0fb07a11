"""What is wrong with a gradient, or with the functions, before any number is compared.

>>> Finding("none", "b1", "error", "`db1` is None", help="return an array").code
'none'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Finding", "describe", "some"]


@dataclass(frozen=True)
class Finding:
    """Something wrong, or odd, that shows before any number is compared.

    Attributes
    ----------
    code : str
        Name of the bad thing, such as ``rank-1``.
    block : str or None
        The block it concerns.
    severity : {"error", "warning"}
        An error makes the report fail.
    message, note, help : str
        The fact; why it matters; what to do. The last two may be empty.
    """

    code: str
    block: str | None
    severity: str
    message: str
    note: str = ""
    help: str = ""

    def __str__(self) -> str:
        return self.text(self.severity)

    def text(self, headword: str) -> str:
        """The finding as a message of one to three lines that starts with `headword`."""
        lines = [f"{headword}[{self.code}]: {self.message}"]
        lines += [f"  {name}: {t}" for name, t in (("note", self.note), ("help", self.help)) if t]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain data."""
        return {
            "code": self.code,
            "block": self.block,
            "severity": self.severity,
            "message": self.message,
            "note": self.note,
            "help": self.help,
        }


def some(names: Sequence[str], most: int = 4, quote: str = "`") -> str:
    """A list of names, cut where it gets long."""
    text = ", ".join(f"{quote}{name}{quote}" for name in names[:most])
    return f"{text} and {len(names) - most} more" if len(names) > most else text


def describe(value: Any) -> str:
    """What a value is, in a few words: type and shape, never its content."""
    if value is None:
        return "None"
    if isinstance(value, np.ma.MaskedArray):
        return f"a masked array of shape {value.shape}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if isinstance(value, (tuple, list, dict)) and not hasattr(value, "_fields"):
        return f"a {type(value).__name__} of length {len(value)}"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
