"""The one exception for what cannot be checked at all, with a sentence that says why."""

from __future__ import annotations

__all__ = ["InvalidInput", "InvalidType"]


class InvalidInput(ValueError):
    """An argument of a check, or the point itself, allows no check."""


class InvalidType(InvalidInput, TypeError):
    """Likewise, because something is of the wrong type."""
