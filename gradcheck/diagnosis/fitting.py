"""What the hypotheses share: a factor read off the claim, and numbers in words.

>>> fitted_factor(np.array([2.0, 4.0]), np.array([1.0, 2.0]), np.full(2, 1e-10))[0]
2.0
>>> times(0.25)
'4 times too small'
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.diagnosis.suspect import Array, Guess, Setting, Suspect
from gradcheck.verdict import FLOOR

__all__ = [
    "LONG",
    "axes_in_words",
    "fitted_factor",
    "layouts",
    "number",
    "rescaled",
    "stands_in_code",
    "times",
]

LONG = 400
"""Rows, columns or places that are tried one by one."""


def fitted_factor(
    claim: Array, base: Array, bar: Array, *, of_claim: bool = False
) -> tuple[complex, float] | None:
    """The ``c`` of ``claim = c * base``, from the entry that tells it best, and how well it does.

    `bar` is that of `base`, or with `of_claim` that of the claim.
    """
    # Relative, so that whatever is 0 or unknown is not among the clear ones.
    c = claim / base
    blur = (bar / np.abs(claim if of_claim else base) + FLOOR).ravel()
    blur[~(np.isfinite(c) & (c != 0)).ravel()] = np.inf
    k = int(np.argmin(np.where(blur == blur, blur, np.inf))) if blur.size else 0
    if not blur.size or not blur[k] <= 0.01:
        return None
    best = c.flat[k]
    return best if np.iscomplexobj(c) else float(best), float(2 * blur[k]) + 1e-12


def rescaled(
    suspect: Suspect, setting: Setting, kind: str, words: str, base: Array, bar: Array
) -> Iterator[Guess]:
    """`base`, or a multiple of it by a factor that has a name."""
    yield Guess(kind, words, base, bar)
    found = fitted_factor(suspect.claim, base, bar)
    if found is None:
        return
    c, close = found
    if not np.isreal(c) or abs(c - 1) <= close:
        return
    scaled = Guess(kind, words, c * base, abs(c) * bar, free=0.5)
    if not scaled.fits(suspect):
        return
    names = ["-1"] if abs(c + 1) <= close else setting.names.of_factor(float(np.real(c)), close)
    if names:
        size = "with the wrong sign" if names == ["-1"] else f"{times(c)} besides; {names[0]}"
        yield replace(scaled, evidence=f"{words}, {size}")


def stands_in_code(x: float, close: float) -> bool:
    """Whether a number, or its inverse, is one of few digits."""
    return _is_short(x, close) or _is_short(1 / x, close)


def _is_short(x: float, close: float) -> bool:
    """Whether a number has two digits, as those that stand in code have."""
    return bool(abs(float(f"{x:.2g}") - x) <= close * abs(x))


def number(value: Any) -> str:
    """A number in six digits."""
    return f"{np.real(value):.6g}" if np.isreal(value) else f"{complex(value):.6g}"


def times(c: complex) -> str:
    """What a factor makes of what is due, in words."""
    if abs(np.imag(c)) > FLOOR * abs(c):
        return f"{complex(c):.6g} times what is due"
    size = float(np.real(c))
    share = f"{abs(size - 1):.3g} of what is due"
    if size < 0:
        return f"{size:.6g} times what is due"
    if size >= 1:
        return f"{size:.6g} times too large" if size > 1.01 else f"too large by {share}"
    if size < 0.99 and _is_short(size, 1e-9) and not _is_short(1 / size, 1e-9):
        return f"{size:.6g} times what is due"
    return f"{1 / size:.6g} times too small" if size < 0.99 else f"too small by {share}"


def axes_in_words(axes: tuple[int, ...]) -> str:
    """One axis, or several."""
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"


def layouts(
    came: tuple[int, ...], due: tuple[int, ...]
) -> Iterator[tuple[Callable[[Array], Array], str]]:
    """Ways to lay an array of one shape out as another."""
    yield lambda array: array.reshape(due), ""
    if came[::-1] == due and len(due) == 2 and min(due) > 1:
        yield np.transpose, ", transposed"
