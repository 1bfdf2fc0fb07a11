"""Sums over axes that should have been kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np

from gradcheck.diagnosis.fitting import axes_in_words, number, rescaled
from gradcheck.diagnosis.suspect import Array, Guess, Setting, Suspect
from gradcheck.verdict import FLOOR

__all__ = ["sums", "totals"]


def sums(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """Sums over axes that should have been kept, spread over the block again."""
    long = [axis for axis in range(len(suspect.shape)) if suspect.shape[axis] > 1]
    for count in range(len(long), 0, -1):
        for axes in combinations(long, count):
            if not _alike(suspect.claim, axes):
                continue
            everything = count == len(long)
            kind = "summed-over-all-axes" if everything else "summed-over-wrong-axis"
            what = "all entries" if everything else axes_in_words(axes)
            total, width = (
                array.sum(axis=axes, keepdims=True) + 0 * array
                for array in (suspect.truth, suspect.bar)
            )
            words = f"is the sum over {what} of what is due"
            size = int(np.prod([suspect.shape[axis] for axis in axes]))
            hint = _hint(suspect.shape) if everything else ""
            yield Guess(kind, words, total, width, hint=hint)
            mean = f"is the mean over {what} of what is due"
            yield Guess(kind, mean, total / size, width / size, hint=hint)
            for guess in rescaled(suspect, setting, kind, words, total, width):
                yield replace(guess, hint=hint)


def _hint(shape: tuple[int, ...]) -> str:
    """How to sum to a row, or to a vector, where the examples lie in rows."""
    if len(shape) == 2 and shape[0] == 1 < shape[1]:
        return "sum over the examples alone: np.sum(dZ, axis=0, keepdims=True)"
    if len(shape) == 2 and shape[1] > 1:
        return "sum over the examples alone, and keep the axes of the parameter"
    return "sum over the examples alone: np.sum(dZ, axis=0)" if len(shape) == 1 else ""


def _alike(claim: Array, axes: tuple[int, ...]) -> bool:
    """Whether an array is constant along some axes, up to rounding."""
    spread = np.abs(claim - claim.mean(axis=axes, keepdims=True)).max()
    return bool(spread <= 1e-12 * np.abs(claim).max())


def totals(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A vector whose total is right: it was summed over another axis of the same length."""
    n = suspect.claim.size
    vector = max(suspect.shape, default=1) == n > 1
    shapes = [array.shape for _, array in setting.names.data if array.ndim > 1]
    # As many units as there are examples: of the two axes that may be summed over, both fit.
    possible = any(n in (shape[0], shape[-1]) for shape in shapes) and (
        n in setting.names.examples or any(shape.count(n) > 1 for shape in shapes)
    )
    if not vector or not possible or not suspect.known.all():
        return
    size = np.abs(suspect.truth).sum()
    width = suspect.bar.sum() + FLOOR * size
    # A total that vanishes, as of the logits of a softmax, says nothing.
    meaningful = abs(suspect.truth.sum()) > 1e-3 * size
    if meaningful and abs(suspect.claim.sum() - suspect.truth.sum()) <= width:
        words = f"has the right total, {number(suspect.truth.sum())}, in the wrong entries"
        # Parts that cancel leave the total as it is, whatever else they are.
        for kind in ("summed-over-wrong-axis", "unexplained"):
            yield Guess(kind, words, suspect.claim, suspect.bar, free=n)
