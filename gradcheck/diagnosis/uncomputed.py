"""A gradient that nobody computed: zeros, a constant, the parameter, or one value for ever."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis.fitting import number
from gradcheck.diagnosis.suspect import Guess, Setting, Suspect

__all__ = ["nothing_there", "unmoved"]


def nothing_there(suspect: Suspect, _: Setting) -> Iterator[Guess]:
    """Exact zeros, one constant, or the parameter itself."""
    claim = suspect.claim
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
    # An array starts as whole numbers; any other constant may have been computed.
    whole = c in range(-9, 10)
    if not whole and (suspect.known & ~suspect.wrong).any():
        return
    free = 1 if whole else claim.size - 1
    yield Guess("not-computed", f"is {number(c)} in every entry", claim, suspect.bar, free=free)


def unmoved(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A claim that is the same wherever it is asked for."""
    constant = (suspect.claim == suspect.claim.flat[0]).all()
    if setting.still is not None and not constant and setting.still(suspect.name):
        words, n = "does not depend on the parameters, as what is due does", suspect.claim.size
        hint = "look for a factor or a term with the parameters that is missing"
        yield Guess("unexplained", words, suspect.claim, suspect.bar, free=n, hint=hint)
        yield Guess("stale-cache", words, suspect.claim, suspect.bar, free=n)
