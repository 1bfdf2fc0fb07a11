"""A gradient that is nearly right: of few digits, in whole numbers, or itself a difference."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis.fitting import fitted_factor
from gradcheck.diagnosis.suspect import Guess, Setting, Suspect

__all__ = ["differences", "roundings"]


def roundings(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """Whole numbers, or numbers with few digits."""
    claim, truth = suspect.claim, suspect.truth
    if np.iscomplexobj(claim) or not claim.any():
        return
    if suspect.name in setting.stepping:
        off = np.abs(claim - truth).max()
        share = off / np.abs(truth).max()
        evidence = f"moves in steps, of about {share:.0e} of its largest entry"
        for kind in (np.float32, np.float16):
            if 1e-3 * np.finfo(kind).eps < share < 8 * np.finfo(kind).eps:
                evidence += f", as numbers of {np.dtype(kind)} do"
                break
        yield Guess("precision", evidence, truth, np.full(claim.shape, off), free=-claim.size)
        return
    with np.errstate(all="ignore"):
        if (claim == np.round(claim)).all() and (
            np.abs(truth - np.round(truth)) > suspect.bar
        ).any():
            for words, cut in (("cut", np.trunc), ("rounded", np.round), ("cut down", np.floor)):
                evidence = f"is {words} to whole numbers"
                yield Guess("integer-truncation", evidence, cut(truth), suspect.bar)
        yield from _of_decimals(suspect)
        for kind, digits in ((np.float16, 3), (np.float32, 7)):
            narrow = claim.astype(kind)
            if (narrow == claim).all() and claim.any():
                unit = np.finfo(kind).eps
                width = suspect.bar + 4 * unit * np.abs(truth) + unit * np.abs(truth).max()
                evidence = f"holds {np.dtype(kind)} numbers, of {digits} digits"
                # Numbers with so few digits are no accident, and bear the guess out themselves.
                yield Guess("precision", evidence, truth, width, free=0.0 - claim.size)
                break
        size = np.abs(truth[suspect.known]).max(initial=0.0)
        off = np.abs(claim - truth)[suspect.known].max(initial=0.0)
        if 0 < off <= 1e-5 * size:
            evidence = f"is right to {off / size:.1e} of its largest entry"
            width = np.full(claim.shape, off)
            yield Guess("precision", evidence, truth, width, free=0)
            yield Guess("finite-difference", evidence, truth, width, free=0)


def _of_decimals(suspect: Suspect) -> Iterator[Guess]:
    """Numbers with a few decimals, as they are rounded for print."""
    claim, truth = suspect.claim, suspect.truth
    for decimals in range(1, DECIMALS + 1):
        unit = 10.0**-decimals
        if np.allclose(claim, np.round(claim, decimals), rtol=1e-12, atol=0):
            for words, cut in (("rounded", np.round), ("cut", np.trunc), ("cut down", np.floor)):
                evidence = f"is {words} to {decimals} decimal{'s' * (decimals > 1)}"
                rounded, hint = unit * cut(truth / unit), "round what is printed, and no more"
                yield Guess("precision", evidence, rounded, suspect.bar, hint=hint)
            return


DECIMALS = 6
"""Decimals up to which numbers count as rounded."""


def differences(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A residual like the truncation error of a difference with one step.

    That is ``h/2 f''`` for a forward difference, and ``h^2/6 f'''`` for a centered one.
    """
    residual, known = suspect.claim - suspect.truth, suspect.known
    size = np.abs(suspect.truth[known]).max(initial=0.0)
    if setting.curvature is None or np.iscomplexobj(residual) or suspect.name in setting.stepping:
        return
    if not 0 < np.abs(residual[known]).max(initial=0.0) <= 0.1 * size:
        return
    places = np.flatnonzero(known.ravel())[:5]
    off, bar = residual.ravel()[places], suspect.bar.ravel()[places]
    second, third = setting.curvature(suspect.name, places)
    places, off, bar = (array[: second.size] for array in (places, off, bar))
    if not places.size:
        return
    for side, base in (("", second / 2), ("centered", third / 6)):
        found = fitted_factor(off, base, bar, of_claim=True)
        if found is None:
            continue
        c = float(np.real(found[0]))
        h = c if not side else np.sqrt(max(c, 0.0))
        fits = np.abs(off - c * base) <= 0.05 * np.abs(off) + 0.02 * np.abs(off).max() + 4 * bar
        if fits.all() and 1e-12 < abs(h) < 1:
            side = side or ("forward" if h > 0 else "backward")
            evidence = f"is itself a {side} difference, with a step of about {abs(h):.1e}"
            width = np.abs(residual)
            # Steps are mostly powers of ten.
            digits = np.log10(abs(h))
            free = 2 - places.size - 1.5 * (abs(digits - np.round(digits)) < 0.01)
            yield Guess("finite-difference", evidence, suspect.truth, width, free=free)
            return
