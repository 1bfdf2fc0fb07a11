"""The right numbers in the wrong place: transposed, permuted, shifted, or in another block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, permutations

import numpy as np

from gradcheck.diagnosis.fitting import LONG, axes_in_words, layouts, rescaled
from gradcheck.diagnosis.suspect import Array, Guess, Setting, Suspect
from gradcheck.verdict import FLOOR

__all__ = ["arrangements", "of_other_blocks", "repetitions"]


MANY = 4_000_000
"""Comparisons made at once; beyond, only what costs no loop is tried."""


def arrangements(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """The right numbers, or a multiple of them, in other places."""
    fits = False
    for kind, words, move in _moves(suspect):
        truth, bar = move(suspect.truth), move(suspect.bar)
        if (np.abs(truth - suspect.truth) <= bar + suspect.bar).all():
            continue
        for guess in rescaled(suspect, setting, kind, words, truth, bar):
            fits |= guess.fits(suspect)
            yield guess
    for axis in range(len(suspect.shape)):
        if not fits:
            yield from _permuted(suspect, axis)


def _moves(suspect: Suspect) -> Iterator[tuple[str, str, Callable[[Array], Array]]]:
    """Ways to move the numbers of an array about, in words and as functions."""
    shape, ndim = suspect.shape, len(suspect.shape)
    for axes in permutations(range(ndim)):
        if axes != tuple(range(ndim)) and tuple(shape[k] for k in axes) == shape and ndim < 5:
            words = "is the transpose of what is due" if ndim == 2 else f"has its axes as {axes}"
            yield "transposed", words, partial(np.transpose, axes=axes)
    if ndim == 2 and shape[0] != shape[1] and min(shape) > 1:
        words = "is what is due, reshaped where it should be transposed"
        for kind in ("transposed", "permuted"):
            yield kind, words, lambda array: array.T.reshape(shape)
            yield kind, words, lambda array: array.reshape(shape[::-1]).T
    long = [axis for axis in range(ndim) if shape[axis] > 1]
    for count in range(1, len(long) + 1):
        for axes in combinations(long, count):
            words = f"is reversed along {axes_in_words(axes)}"
            yield "permuted", words, partial(np.flip, axis=axes)
    for axis in long:
        for k in range(1, min(shape[axis], 9)):
            for shift in (k, -k):
                words = f"is shifted by {k} {'forwards' if shift > 0 else 'back'} along axis {axis}"

                roll = partial(np.roll, shift=shift, axis=axis)
                yield "shifted", words + ", around the end", roll
                yield "shifted", words, partial(_slid, shift=shift, axis=axis)


def _slid(array: Array, shift: int, axis: int) -> Array:
    """Rolled, with zeros where the array has come round the end."""
    moved = np.roll(array, shift, axis)
    edge = slice(0, shift) if shift > 0 else slice(shift, None)
    moved[(slice(None),) * axis + (edge,)] = 0
    return moved


def _permuted(suspect: Suspect, axis: int) -> Iterator[Guess]:
    """Slices along an axis in another order."""
    n = suspect.shape[axis]
    if not 2 < n <= LONG or n * suspect.truth.size > MANY or not suspect.known.all():
        return
    claim, truth, bar = (
        np.moveaxis(array, axis, 0).reshape(n, -1)
        for array in (suspect.claim, suspect.truth, suspect.bar)
    )
    width = bar + FLOOR * np.abs(truth)
    alike = (np.abs(claim[:, None] - truth) <= width).all(axis=2)
    order = np.argmax(alike, axis=1)
    if np.unique(order).size < n:
        # Of slices that are alike, each is taken once.
        order = np.full(n, -1)
        for k, row in enumerate(alike):
            order[k] = next((i for i in np.flatnonzero(row) if i not in order[:k]), -1)
    if (order < 0).any() or not alike[np.arange(n), order].all():
        return
    predicted, width = (np.take(array, order, axis) for array in (suspect.truth, suspect.bar))
    thing = ("row", "column")[axis] if len(suspect.shape) == 2 else f"slice along axis {axis}"
    if len(suspect.shape) == 1 or suspect.truth.size == n:
        thing = "entry"
    shown = ", ".join(str(int(k)) for k in order[:6]) + (", ..." if n > 6 else "")
    words = f"is in another order: {_plural(thing)} {shown} of what is due"
    # An order that fits by accident needs a coincidence for each slice.
    yield Guess("permuted", words, predicted, width, free=1)


def _plural(thing: str) -> str:
    if thing == "entry":
        return "entries"
    first, _, rest = thing.partition(" ")
    return f"{first}s {rest}".strip()


def of_other_blocks(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """The gradient of another block, in its place or added to it."""
    for name, other in setting.others.items():
        if other.truth.size != suspect.truth.size or name == suspect.name:
            continue
        ways = zip(
            layouts(other.shape, suspect.shape), layouts(suspect.shape, other.shape), strict=True
        )
        for (turn, words), (back, _) in ways:
            truth, bar = turn(other.truth), turn(other.bar)
            returned = rescaled(other, setting, "", "", back(suspect.truth), back(suspect.bar))
            swapped = other.wrong.any() and any(g.fits(other) for g in returned)
            kind, told = "another-block", f"is that of `{name}`{words}"
            if swapped:
                kind, told = "swapped", f"and `{name}` are exchanged{words}"
            yield from rescaled(suspect, setting, kind, told, truth, bar)
            for sign, verb in ((1, "added to"), (-1, "subtracted from")):
                evidence = f"has that of `{name}`{words} {verb} it"
                predicted = suspect.truth + sign * truth
                yield Guess("another-block", evidence, predicted, suspect.bar + bar)


def repetitions(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """One number everywhere: an entry, the sum or the mean of another gradient."""
    claim = suspect.claim
    if (claim != claim.flat[0]).any():
        return
    for name, other in setting.others.items():
        if name == suspect.name or not other.known.all():
            continue
        truth, bar, n = other.truth, other.bar, other.truth.size
        k = int(np.argmin(np.abs(truth - claim.flat[0])))
        place = ", ".join(str(int(i)) for i in np.unravel_index(k, truth.shape))
        entry = f"entry [{place}] of that of" if n > 1 else "that of"
        several = (("the sum of that of", 1), ("the mean of that of", n)) if n > 1 else ()
        for words, value, width in (
            (entry, truth.flat[k], bar.flat[k]),
            *((words, truth.sum() / c, bar.sum() / c) for words, c in several),
        ):
            where = " in every entry" if claim.size > 1 else ""
            predicted = np.full(claim.shape, value)
            evidence = f"is {words} `{name}`{where}"
            yield Guess("another-block", evidence, predicted, np.full(claim.shape, width))
