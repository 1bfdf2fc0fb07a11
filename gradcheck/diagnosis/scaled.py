"""What is due, but for its size: a factor, the sign, a limit, a factor for each row or column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gradcheck.diagnosis.fitting import LONG, fitted_factor, number, stands_in_code, times
from gradcheck.diagnosis.names import SIMPLE
from gradcheck.diagnosis.suspect import Array, Guess, Setting, Suspect

__all__ = ["factors", "limits", "magnitudes", "ratios_by_slice"]


OF_OTHERS = (
    "divide by the number of what is summed over, as the cost does",
    "sum over these, as the cost does, in place of the mean",
)
"""Hints for a sum where a mean is due, and the reverse, over what are no examples."""


def factors(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A constant times what is due."""
    found = fitted_factor(suspect.claim, suspect.truth, suspect.bar)
    if found is None:
        return
    c, close = found
    predicted, width = c * suspect.truth, abs(c) * suspect.bar
    size = times(c)
    if abs(c + 1) <= close:
        yield Guess("sign", "has the wrong sign", -suspect.truth, suspect.bar)
        return
    named = setting.names.of_factor(c.real, close) if np.isreal(c) else []

    def counted(find: Callable[[float, float], list[str]], *hints: str) -> list[Guess]:
        """A sum for a mean, or the reverse, over as many as `find` has a name for."""
        return [
            Guess(kind, f"is {size}; {name}", predicted, width, free=0.5, hint=hint)
            for kind, factor, hint in zip(
                ("sum-for-mean", "mean-for-sum"), (c, 1 / c), hints or ("", ""), strict=True
            )
            for name in find(np.real(factor), close)
        ]

    examples = counted(setting.names.examples_of)
    counts = examples or counted(setting.names.positions_of, *OF_OTHERS)
    if not counts and not setting.names.data:
        # Of a cost without data, the parameters themselves may count what is summed over.
        counts = counted(setting.names.of_size, *OF_OTHERS)
    rest = [name for name in named if not counts or name in SIMPLE.values()]
    # A 2 is that of a square before it is a size of what is summed over.
    late = bool(rest) and not examples
    if not late:
        yield from counts
    if rest:
        evidence = f"is {size}; {'; or '.join(rest[:2])}"
        yield Guess("constant-ratio", evidence, predicted, width, free=0.5)
        if np.real(c) < 0:
            yield Guess("sign", evidence, predicted, width, free=0.5)
        elif not counts and setting.names.data:
            yield from counted(setting.names.of_size, *OF_OTHERS)
        if late:
            yield from counts
    elif counts and (not examples or _is_other_size(float(np.real(c)), close, setting)):
        # A size that a factor is by chance is none that is summed over.
        yield replace(counts[0], kind="constant-ratio", hint="")
    elif not counts:
        norm = float(np.linalg.norm(suspect.claim)) * setting.scale
        if suspect.claim.size > 1 and _is_round(norm):
            yield Guess("clipped", f"is scaled to the norm {norm:.6g}", predicted, width, free=0.5)
        # Of few digits, a factor may stand in the code; whole, it may be a number of terms.
        free = 0.5 if stands_in_code(abs(c), close) and suspect.count > 1 else 1
        yield Guess("constant-ratio", f"is {size}", predicted, width, free=free)
        for kind, n, hint in zip(
            ("sum-for-mean", "mean-for-sum"), np.real([c, 1 / c]), OF_OTHERS, strict=True
        ):
            if 2.5 < n < 100 and abs(n - np.round(n)) <= close * n:
                yield Guess(kind, f"is {size}", predicted, width, free=free, hint=hint)


def _is_other_size(c: float, close: float, setting: Setting) -> bool:
    """Whether a number of examples, or its inverse, is a size of a parameter as well."""
    return any(setting.names.is_size_of(setting.others, x, close) for x in (c, 1 / c))


def _is_round(x: float) -> bool:
    """Whether a number is 1, 2 or 5 times a power of ten, as limits of norms are."""
    if not 0 < x < np.inf:
        return False
    digits = x / 10.0 ** np.floor(np.log10(x))
    return bool(np.min(np.abs(digits - np.array([1.0, 2.0, 5.0, 10.0]))) < 1e-9)


def magnitudes(suspect: Suspect, _: Setting) -> Iterator[Guess]:
    """The absolute value, or its negative."""
    truth = suspect.truth[suspect.known]
    if np.iscomplexobj(truth) or (truth >= 0).all() or (truth <= 0).all():
        return
    for sign, words in ((1, "the absolute value of"), (-1, "minus the absolute value of")):
        predicted = sign * np.abs(suspect.truth)
        yield Guess("sign", f"is {words} what is due", predicted, suspect.bar)


def limits(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """Values limited to an interval."""
    claim, truth = suspect.claim, suspect.truth
    if np.iscomplexobj(claim):
        return
    low, high = claim.min(), claim.max()
    if low == high:
        return
    # Adding 0 takes the sign off a zero.
    least, most = (number((end + 0.0) * setting.scale) for end in (low, high))
    beyond = (truth < low - suspect.bar), (truth > high + suspect.bar)
    if low == -high and np.sum(np.abs(claim) == high) > 1:
        free, words = 1, f"limited to [{least}, {most}]"
    elif beyond[0].any() and beyond[1].any():
        free, words = 2, f"limited to [{least}, {most}]"
    else:
        above = beyond[1].any()
        free, words = 1, f"cut off {f'above {most}' if above else f'below {least}'}"
    if sum(map(np.count_nonzero, beyond)) > free:
        yield Guess("clipped", f"is {words}", np.clip(truth, low, high), suspect.bar, free=free)


def ratios_by_slice(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """Each row, or each column, off by a factor of its own."""
    if len(suspect.shape) != 2 or min(suspect.shape) < 2 or max(suspect.shape) > LONG:
        return
    for axis, thing in ((1, "row"), (0, "column")):
        predicted, width = suspect.truth.copy(), suspect.bar.copy()
        factors = []
        for k in range(suspect.shape[1 - axis]):
            one = (k, slice(None)) if axis == 1 else (slice(None), k)
            found = fitted_factor(suspect.claim[one], suspect.truth[one], suspect.bar[one])
            c = found[0] if found else 1.0
            factors.append(c)
            predicted[one] *= c
            width[one] *= abs(c)
        if sum(abs(c - 1) > 1e-6 for c in factors) < 2:
            continue
        shown = ", ".join(number(c) for c in factors[:4]) + (", ..." if len(factors) > 4 else "")
        words = f"is off by a factor of its own in each {thing}: {shown}"
        words += _of_vector(np.array(factors), setting)
        yield Guess(f"ratio-by-{thing}", words, predicted, width, free=len(factors))


def _of_vector(factors: Array, setting: Setting) -> str:
    """Which vector at hand has these factors, or their inverses, for its entries."""
    arrays = [(name, other.at) for name, other in setting.others.items()] + [*setting.names.data]
    for name, array in arrays:
        vector = array.ravel()
        if vector.size != factors.size or vector.dtype.kind not in "fiuc" or not vector.all():
            continue
        for of, words in ((vector, "those of"), (1 / vector, "1 over those of")):
            if np.allclose(factors, of, rtol=1e-6, atol=0):
                return f", {words} `{name}`"
    return ""
