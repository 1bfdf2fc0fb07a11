"""A gradient that nobody computed: zeros, a constant, the parameter, or one value for ever."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis.fitting import number
from gradcheck.diagnosis.suspect import Guess, Setting, Suspect

__all__ = ["nothing_there", "unmoved"]


def nothing_there(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """Exact zeros, one number everywhere, or the parameter itself."""
    claim, scale = suspect.claim, setting.scale
    if not claim.any():
        yield Guess("zero", "is 0 everywhere", claim, suspect.bar)
        if suspect.whole and (np.abs(suspect.truth[suspect.known]) < 1).all():
            cut = "is cut to whole numbers, which are all 0"
            yield Guess("integer-truncation", cut, claim, suspect.bar)
        return
    if np.array_equal(claim, suspect.at):
        yield Guess("not-computed", "is the parameter itself", claim, suspect.bar)
    c = claim.flat[0]
    if claim.size == 1 or (claim != c).any():
        return
    # An array starts as whole numbers; any other number has been computed if it moves.
    if c * scale in range(-9, 10):
        yield Guess(
            "not-computed", f"is {number(c * scale)} in every entry", claim, suspect.bar, free=1
        )
        return
    part = setting.others.get(suspect.name, suspect).claim.size > claim.size
    # The one entry that is right may be the largest, repeated.
    if part or np.count_nonzero(suspect.known & ~suspect.wrong) > (claim.size > 2):
        return
    kept = setting.still is not None and setting.still(suspect.name)
    kind = "not-computed" if kept else "summed-over-all-axes"
    words = f"is the same number, {number(c * scale)}, in every entry"
    words = f"is {number(c * scale)} in every entry, at every point" if kept else words
    hint = "" if kept else "keep the axes of the parameter where a sum or mean is taken"
    yield Guess(kind, words, claim, suspect.bar, free=claim.size - 1, hint=hint)


def unmoved(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A claim that is the same wherever it is asked for."""
    constant = (suspect.claim == suspect.claim.flat[0]).all()
    if setting.still is not None and not constant and setting.still(suspect.name):
        words, n = "does not depend on the parameters, as what is due does", suspect.claim.size
        hint = "look for a factor or a term with the parameters that is missing"
        yield Guess("unexplained", words, suspect.claim, suspect.bar, free=n, hint=hint)
        yield Guess("stale-cache", words, suspect.claim, suspect.bar, free=n)
