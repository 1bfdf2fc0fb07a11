"""A term added to what is due, or missing from it: a penalty's, a constant, an array at hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from gradcheck.diagnosis.fitting import (
    axes_in_words,
    fitted_factor,
    layouts,
    number,
    stands_in_code,
    times,
)
from gradcheck.diagnosis.names import CLOSE
from gradcheck.diagnosis.suspect import Array, Guess, Setting, Suspect
from gradcheck.verdict import FLOOR

__all__ = ["mixtures", "normalisations", "offsets", "penalties", "terms"]


def penalties(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A residual proportional to the parameter, or to its sign."""
    residual = suspect.claim - suspect.truth
    for power, of in ((1, "W"), (0, "sign(W)")):
        base = suspect.at if power else np.sign(suspect.at)
        found = fitted_factor(residual, base, suspect.bar, of_claim=True)
        if found is None:
            continue
        c, close = found
        if not np.isreal(c):
            continue
        predicted, of = suspect.truth + c * base, of.replace("W", suspect.name)
        # What is due is measured, so that one asks for it only if the rest fits.
        if not Guess("", "", predicted, suspect.bar).fits(suspect):
            continue
        for kind, words, hint in _of_penalty(suspect, setting, float(c.real), close, of, power):
            # Signs that are all alike are a constant, which may be another's.
            named = ";" in words and np.ptp(base) > 0
            free = 0.5 if named or (";" in words and base.size == 1) else 1
            constant = not power and np.ptp(base) == 0 and ";" not in words
            # Two signs leave nothing that would bear them out.
            if free < 1 or (base.size > 2 - power and not constant):
                yield Guess(kind, words, predicted, suspect.bar, free=free, hint=hint)


def _of_penalty(
    suspect: Suspect, setting: Setting, c: float, close: float, of: str, power: int
) -> Iterator[tuple[str, str, str]]:
    """Which mistakes with a regulariser leave the residual ``c * parameter``."""
    names = setting.names.of_penalty(abs(c), max(close, CLOSE))
    named = f"; {names[0]}" if names else ""
    words = f"has {number(abs(c))} * {of} too {'much' if c > 0 else 'little'}{named}"
    size = max(close, CLOSE)
    hint = f"{'subtract' if c > 0 else 'add'} {number(abs(c))} * {of}"
    due = setting.penalty(suspect.name, power) if setting.penalty else np.nan
    whole = "regulariser-missing" if c < 0 else "regulariser-doubled"
    if np.isfinite(due) and abs(due) > 1e-6 * abs(c):
        factor = f"write {number(due)} * {of} in place of {number(due + c)} * {of}"
        exact = abs(c / due - np.sign(c)) < 1e-4
        if exact:
            yield whole, words, hint if c < 0 else factor
        # With two examples, a forgotten 1/m doubles it.
        if not exact or (c > 0 and setting.names.of_scalar(due + c, 1e-4)):
            yield "regulariser-factor", words, factor
    elif c > 0 and _is_bias(suspect, setting):
        yield "regulariser-on-bias", words, hint
    elif np.isfinite(due):
        kind = "regulariser-not-due" if c > 0 else "unexplained"
        yield kind, f"{words}, and the cost has no such penalty", hint
    else:
        plain = (names and setting.names.is_plain(abs(c), size)) or any(
            abs(abs(c) - k) <= size * k for k in (0.5, 1.0, 2.0)
        )
        plain = plain or (not setting.names.scalars and stands_in_code(c, close))
        kinds = [whole, "regulariser-factor"] if plain else ["regulariser-factor", whole]
        # A scalar in place of 1, as the C of a support vector machine.
        swapped = setting.names.of_scalar(1 + c, size)
        kinds = ["regulariser-factor", whole] if swapped else kinds
        kinds += ["regulariser-not-due"] * (c > 0)
        # A term that is a multiple of the parameter by chance has no such factor.
        if not names and not plain and not swapped:
            kinds.insert(0, "unexplained")
        yield from ((kind, words, "" if kind == "unexplained" else hint) for kind in kinds)


def _is_bias(suspect: Suspect, setting: Setting) -> bool:
    """Whether a block looks like a bias: a vector, or named like one."""
    shape = setting.others.get(suspect.name, suspect).shape
    if len(shape) > 1 and min(shape) > 1:
        return False
    names = (name.rpartition(".")[2].lower() for name in (suspect.name, *setting.others))
    own, *others = (
        name.startswith(("b", "c", "intercept")) + 2 * bool(BIAS(name)) for name in names
    )
    # A `beta` is a coefficient where there is a `b` or an intercept beside it.
    return own > 1 or (own == 1 and max(others, default=0) < 2)


BIAS = re.compile(r"b[a-z]?\d*|b_.*|bias.*|intercept.*|beta_?0|c\d*").fullmatch
"""What a bias is called, beyond doubt."""


def offsets(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A constant added to every entry."""
    if suspect.claim.size < 2:
        return
    residual = suspect.claim - suspect.truth
    found = fitted_factor(residual, np.ones(suspect.shape), suspect.bar, of_claim=True)
    if found is not None:
        c = found[0]
        words = f"is off by {number(c * setting.scale)} in every entry"
        yield Guess("constant-residual", words, suspect.truth + c, suspect.bar, free=1)


def mixtures(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A multiple of what is due, and of terms that stand beside it: one has the wrong factor."""
    known, at = suspect.known, suspect.at
    if np.iscomplexobj(suspect.claim) or not np.isfinite(at).all():
        return
    weight = 1 / (suspect.bar[known] + FLOOR * np.abs(suspect.truth[known]))
    of, sign = suspect.name, np.sign(at)
    for words, bases in (
        ((f"* {of}",), (at,)),
        ((f"* sign({of})",), (sign,)),
        ((f"* {of}", f"* sign({of})"), (at, sign)),
        (("in every entry",), (np.ones(at.shape),)),
    ):
        terms = np.stack([suspect.truth, *bases])
        if np.count_nonzero(known) < len(terms) + 2:
            continue
        fitted, _, rank, _ = np.linalg.lstsq(
            terms[:, known].T * weight[:, None], suspect.claim[known] * weight, rcond=None
        )
        if rank < len(terms) or not np.isfinite(fitted).all() or fitted[0] == 0:
            continue
        c, rest = float(fitted[0]), fitted[1:]
        predicted = np.tensordot(fitted, terms, 1)
        width = (1 + abs(c)) * suspect.bar
        beside = " and ".join(f"{number(d)} {of}" for d, of in zip(rest, words, strict=True))
        if abs(c - 1) < 1e-6:
            if len(rest) > 1:
                kind = "regulariser-missing" if (rest < 0).all() else "unexplained"
                told = f"differs from what is due by {beside}"
                yield Guess(kind, told, predicted, width, free=len(rest))
            continue
        examples = setting.names.examples_of(c, 1e-6), setting.names.examples_of(1 / c, 1e-6)
        name = next(iter([*examples[0], *examples[1], *setting.names.of_factor(c, 1e-6)]), "")
        if abs(c + 1) < 1e-6 and (bases[0] is at or bases[0] is sign):
            told = "has the wrong sign, but for its penalty"
            yield Guess("sign", told, predicted, width, free=len(terms))
        elif name:
            kind = (
                "sum-for-mean"
                if examples[0]
                else "mean-for-sum"
                if examples[1]
                else "constant-ratio"
            )
            told = f"is {times(c)}; {name}; but for "
            if bases[0] is at or bases[0] is sign:
                told += "its penalty"
            else:
                kind, told = "unexplained", f"{told}a term that is right, and leaves {beside}"
            yield Guess(kind, told, predicted, width, free=len(terms))


def terms(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A residual that is a multiple of an array at hand: a term that stands beside others."""
    residual = suspect.claim - suspect.truth
    others = {n: s for n, s in setting.others.items() if n != suspect.name}
    arrays = [(f"the gradient of `{n}`", s.truth) for n, s in others.items()]
    arrays += [(f"`{n}`", s.at) for n, s in others.items()]
    arrays += [(f"`{name}`", array) for name, array in setting.names.data]
    for name, array in arrays:
        if array.size != residual.size or array.dtype.kind not in "fiu" or residual.size < 3:
            continue
        for turn, words in layouts(array.shape, suspect.shape):
            base = turn(array).astype(float)
            found = fitted_factor(residual, base, suspect.bar, of_claim=True)
            if found is not None and np.isreal(found[0]):
                c = float(np.real(found[0]))
                size = number(abs(c) * setting.scale)
                part = f"{name}{words}" if size == "1" else f"{size} times {name}{words}"
                told = f"has {part} too {'much' if c > 0 else 'little'}"
                predicted = suspect.truth + c * base
                hint = f"{'subtract' if c > 0 else 'add'} {part}"
                yield Guess("wrong-term", told, predicted, suspect.bar, free=1, hint=hint)


NEARLY = 1e-2
"""Share of the whole that counts as nothing: a small number is added to the variance."""

LARGEST_EPS = 0.1
"""What is added to a variance, as a share of it, at most."""


def _cancels(array: Array, axes: tuple[int, ...], share: float = NEARLY) -> bool:
    """Whether an array has no mean along some axes, beside its size."""
    mean, size = np.mean(array, axis=axes), np.mean(np.abs(array), axis=axes)
    return bool((np.abs(mean) <= share * size).all())


def _is_of_eps(truth: Array, part: Array, centered: Array, axes: tuple[int, ...]) -> bool:
    """Whether what is due has the standardised block in it as an `eps` in the variance leaves it.

    Of ``(x - mean) / sqrt(variance + eps)`` the term of the standard deviation takes away all but
    ``eps / variance`` of itself, with the same `eps` in each slice.
    """
    left, taken = (np.mean(base * centered, axis=axes) for base in (truth, part))
    share, variance = left / taken, np.mean(centered**2, axis=axes)
    eps = share * variance
    # Where a factor is wrong, the residual is less than the term, or turned round.
    alike = np.ptp(eps) <= 1e-3 * np.abs(eps).max()
    return bool(alike and (np.abs(share) <= (1.0 if eps.size > 1 else LARGEST_EPS)).all())


def normalisations(suspect: Suspect, _: Setting) -> Iterator[Guess]:
    """A residual that is constant along an axis, or a multiple of the standardised block there.

    What has the mean taken off and is divided by the standard deviation has a gradient of three
    terms, and a term forgotten leaves such a residual: Ioffe and Szegedy (2015), section 3. The
    gradient that is due has neither part itself.
    """
    x, residual = suspect.at, suspect.claim - suspect.truth
    if np.iscomplexobj(residual) or not suspect.known.all() or not 2 <= x.ndim <= 4:
        return
    for count in range(1, x.ndim):
        for axes in combinations(range(x.ndim), count):
            n = int(np.prod([x.shape[axis] for axis in axes]))
            if n < 4:
                continue
            centered = x - x.mean(axis=axes, keepdims=True)
            spread = np.mean(centered**2, axis=axes, keepdims=True)
            mean = residual.mean(axis=axes, keepdims=True) + 0 * x
            part = np.mean(residual * centered, axis=axes, keepdims=True) * centered / spread
            if not _cancels(suspect.truth, axes):
                continue
            along_x = centered * suspect.truth
            orthogonal = _cancels(along_x, axes)
            # A constant residual does not tell how much `eps` leaves there.
            nearly = orthogonal or _cancels(along_x, axes, LARGEST_EPS)
            orthogonal = orthogonal or _is_of_eps(suspect.truth, part, centered, axes)
            along = axes_in_words(axes)
            scaled = f"a multiple of `{suspect.name}` standardised along {along}"
            of_one, of_both = (
                "is missing or has the wrong factor",
                "are missing or have wrong factors",
            )
            for words, cause, fitted, terms in (
                (f"a constant along {along}", f"term of the mean {of_one}", mean, 1),
                (scaled, f"term of the standard deviation {of_one}", part, 1),
                (
                    f"a constant and {scaled}",
                    f"terms of mean and standard deviation {of_both}",
                    mean + part,
                    2,
                ),
            ):
                if not (orthogonal or (nearly and fitted is mean)):
                    continue
                predicted, width = suspect.truth + fitted, suspect.bar + suspect.bar.max()
                told, free = f"is off by {words}: the {cause}", terms * x.size // n
                guess = Guess("normalisation-term", told, predicted, width, free=free)
                if guess.fits(suspect):
                    yield guess
                    break
