"""Hypotheses about a wrong gradient: each predicts the very values that the mistake would give.

>>> suspect = Suspect.of("W", truth=np.array([[1.0, 2.0], [3.0, 4.0]]), claim_times=-1.0)
>>> [guess.kind for guess in guesses(suspect, Setting())]
['sign']

A hypothesis is a function of a `Suspect` and the `Setting` that yields `Guess`es, and `guesses`
keeps those that fit every entry within its error bar. None of them evaluates the cost, but for
three that ask the setting for a few values more. They stand in modules by what they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradcheck.diagnosis.added import mixtures, normalisations, offsets, penalties, terms
from gradcheck.diagnosis.arranged import arrangements, of_other_blocks, repetitions
from gradcheck.diagnosis.derived import activations, parametrisations
from gradcheck.diagnosis.rounded import differences, roundings
from gradcheck.diagnosis.scaled import factors, limits, magnitudes, ratios_by_slice
from gradcheck.diagnosis.summed import sums, totals
from gradcheck.diagnosis.suspect import CERTAIN, Guess, Setting, Suspect
from gradcheck.diagnosis.uncomputed import nothing_there, unmoved

__all__ = ["BY_ENTRY", "guesses"]

Hypothesis = Callable[[Suspect, Setting], Iterator[Guess]]

SIMPLE_KINDS: tuple[Hypothesis, ...] = (
    nothing_there,
    factors,
    activations,
    arrangements,
    of_other_blocks,
    repetitions,
    sums,
    magnitudes,
    offsets,
    penalties,
    limits,
)
OTHER_KINDS: tuple[Hypothesis, ...] = (
    differences,
    roundings,
    parametrisations,
    mixtures,
    terms,
    normalisations,
    ratios_by_slice,
    unmoved,
    totals,
)
"""The latter are tried only where none of the former fits beyond doubt."""

BY_ENTRY: tuple[Hypothesis, ...] = (
    nothing_there,
    factors,
    magnitudes,
    penalties,
    offsets,
    parametrisations,
)
"""Those that predict each entry from itself alone, so that they may hold in a part of a block."""


@np.errstate(all="ignore")
def guesses(suspect: Suspect, setting: Setting) -> list[Guess]:
    """The guesses that explain every entry of which something is known, the simplest first."""
    if not suspect.count:
        return []
    found: list[Guess] = []
    # Zeros are no more to be explained than by what is due instead.
    kinds = (SIMPLE_KINDS, OTHER_KINDS) if suspect.claim.any() else ((nothing_there, penalties),)
    for hypotheses in kinds:
        if any(guess.spare(suspect) >= CERTAIN for guess in found):
            break
        for hypothesis in hypotheses:
            found += [
                guess
                for guess in hypothesis(suspect, setting)
                if guess.fits(suspect) and guess.spare(suspect) > -1.5
            ]
    return found
