"""Hypotheses about a wrong gradient: each predicts the very values that the mistake would give.

>>> suspect = Suspect.of("W", truth=np.array([[1.0, 2.0], [3.0, 4.0]]), claim_times=-1.0)
>>> [guess.kind for guess in guesses(suspect, Setting())]
['sign']

A hypothesis is a function of a `Suspect` and the `Setting` that yields `Guess`es, and `guesses`
keeps those that fit every entry within its error bar. None of them evaluates the cost, but for
two that ask the setting for a few values more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import combinations, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.diagnosis.ablation import Examples
from gradcheck.diagnosis.names import CLOSE, SIMPLE, Names
from gradcheck.verdict import FLOOR

__all__ = ["CERTAIN", "Guess", "Setting", "Suspect", "guesses"]

Array = NDArray[Any]

TELLING = 10.0
"""A prediction tells something where it is so many bars away from the right value."""

CERTAIN = 3.0
"""Entries that bear a guess out, beyond those it was fitted to, from which on it is certain.
Each fits by accident with a chance of about its relative bar, 1e-9."""

LONG, MANY = 400, 4_000_000
"""Rows, columns or places that are tried one by one, and comparisons made at once; beyond, only
what costs no loop is tried."""


@dataclass(frozen=True)
class Suspect:
    """A block whose gradient fails; arrays of the block's shape, complex if it is.

    Attributes
    ----------
    name : str
    claim : ndarray
        What the user's gradient says.
    truth, bar : ndarray
        What was measured, and by how much a right claim may differ from it.
    at : ndarray
        The block's own value at the point.
    wrong : ndarray of bool
        Entries that fail.
    whole : bool
        Whether the claim came as whole numbers.
    open : ndarray of bool, optional
        Entries of which it is not known whether they are right.
    kinks : ndarray of bool, optional
        Wrong entries at which the cost has a kink.
    """

    name: str
    claim: Array
    truth: Array
    bar: Array
    at: Array
    wrong: Array
    whole: bool = False
    open: Array | None = None
    kinks: Array | None = None

    @classmethod
    def of(cls, name: str, truth: Array, claim_times: float = 1.0) -> Suspect:
        """One whose claim is a multiple of the truth, all of it known to 1e-10."""
        claim = claim_times * truth
        bar = np.full(truth.shape, 1e-10)
        return cls(name, claim, truth, bar, np.ones(truth.shape), np.abs(claim - truth) > bar)

    def part(self, mask: Array) -> Suspect:
        """The entries of a mask, as a vector."""
        arrays = {n: v[mask] for n, v in vars(self).items() if n in PER_ENTRY and v is not None}
        return replace(self, **arrays)

    @property
    def right(self) -> Array:
        """Entries that are known to be right."""
        right: Array = self.known & ~self.wrong
        return right if self.open is None else right & ~self.open

    @cached_property
    def known(self) -> Array:
        """Entries of which something is known."""
        finite = np.isfinite(self.truth) & np.isfinite(self.bar) & np.isfinite(self.claim)
        sizes = np.maximum(np.abs(self.truth), np.abs(self.claim))
        return finite & (self.bar <= 0.1 * sizes[finite].max(initial=0.0))

    @cached_property
    def count(self) -> int:
        """How many entries are known."""
        return int(np.count_nonzero(self.known))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the block."""
        return self.claim.shape


PER_ENTRY = ("claim", "truth", "bar", "at", "wrong", "open", "kinks")
"""The arrays of a `Suspect`."""


@dataclass(frozen=True)
class Setting:
    """What else is known where a gradient fails.

    Attributes
    ----------
    names : Names
    others : mapping of str to Suspect
        The other blocks, right ones too.
    inner : bool
        Whether the block is an intermediate, such as the argument of an activation.
    curvature : callable, optional
        Second and third derivatives by some entries of a block, or by the first of these, for a
        few evaluations: ``curvature(name, places)``.
    penalty : callable, optional
        The coefficient ``q`` of a penalty in the cost whose gradient is ``q`` times the block (for
        a `power` of 1) or its sign (0). 0 if it has none, NaN if that is unclear:
        ``penalty(name, power)``.
    still : callable, optional
        Whether the claim for a block is one and the same wherever it is asked for, and what is
        due is not: ``still(name)``.
    stepping : frozenset of str
        Blocks whose claim moves in the steps of a shorter number.
    examples : Examples, optional
        The cost without one of its examples.
    """

    names: Names = field(default_factory=Names)
    others: Mapping[str, Suspect] = field(default_factory=dict)
    inner: bool = False
    curvature: Callable[[str, Array], tuple[Array, Array]] | None = None
    penalty: Callable[[str, int], float] | None = None
    still: Callable[[str], bool] | None = None
    stepping: frozenset[str] = frozenset()
    examples: Examples | None = None


@dataclass(frozen=True)
class Guess:
    """A mistake that would give these values.

    Attributes
    ----------
    kind : str
        A key of `kinds.KINDS`.
    evidence : str
        One line, a predicate to the block's name: ``is 12 times too large``.
    predicted, width : ndarray
        The values, and by how much they may be off.
    free : int
        Numbers that were fitted to the claim; one with a name of its own counts half.
    hint : str
        What to write instead, if more can be said than the kind says.
    """

    kind: str
    evidence: str
    predicted: Array
    width: Array
    free: float = 0
    hint: str = ""

    def explained(self, suspect: Suspect) -> Array:
        """Entries whose claim is as predicted."""
        width = self.width + FLOOR * np.abs(self.predicted)
        done: Array = np.abs(suspect.claim - self.predicted) <= width
        return done & suspect.known

    def fits(self, suspect: Suspect) -> bool:
        """Whether it explains every entry of which something is known."""
        return bool(np.count_nonzero(self.explained(suspect)) == suspect.count)

    def spare(self, suspect: Suspect) -> float:
        """Entries that bear the guess out, beyond those that its free numbers were taken from."""
        apart = np.abs(self.predicted - suspect.truth) > TELLING * (self.width + suspect.bar)
        return float(np.count_nonzero(apart & self.explained(suspect))) - self.free


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
    yield Guess("not-computed", f"is {_number(c)} in every entry", claim, suspect.bar, free=free)


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


OF_OTHERS = (
    "divide by the number of what is summed over, as the cost does",
    "sum over these, as the cost does, in place of the mean",
)
"""Hints for a sum where a mean is due, and the reverse, over what are no examples."""


def factors(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A constant times what is due."""
    found = _factor(suspect.claim, suspect.truth, suspect.bar)
    if found is None:
        return
    c, close = found
    predicted, width = c * suspect.truth, abs(c) * suspect.bar
    size = _times(c)
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
    yield from counts
    rest = [name for name in named if not counts or name in SIMPLE.values()]
    if rest:
        evidence = f"is {size}; {'; or '.join(rest[:2])}"
        yield Guess("constant-ratio", evidence, predicted, width, free=0.5)
        if np.real(c) < 0:
            words = f"has the wrong sign, and is {size}; {rest[0]}"
            yield Guess("sign", words, predicted, width, free=0.5)
        elif not counts and setting.names.data:
            yield from counted(setting.names.of_size, *OF_OTHERS)
    elif not counts:
        norm = float(np.linalg.norm(suspect.claim))
        if suspect.claim.size > 1 and _is_round(norm):
            yield Guess("clipped", f"is scaled to the norm {norm:.6g}", predicted, width, free=0.5)
        # Of few digits, a factor may stand in the code; whole, it may be a number of terms.
        free = 0.5 if _is_short(abs(c), close) else 1
        yield Guess("constant-ratio", f"is {size}", predicted, width, free=free)
        for kind, n, hint in zip(
            ("sum-for-mean", "mean-for-sum"), np.real([c, 1 / c]), OF_OTHERS, strict=True
        ):
            if n > 2.5 and abs(n - np.round(n)) <= close * n:
                yield Guess(kind, f"is {size}", predicted, width, free=0.5, hint=hint)


def magnitudes(suspect: Suspect, _: Setting) -> Iterator[Guess]:
    """The absolute value, or its negative."""
    truth = suspect.truth[suspect.known]
    if np.iscomplexobj(truth) or (truth >= 0).all() or (truth <= 0).all():
        return
    for sign, words in ((1, "the absolute value of"), (-1, "minus the absolute value of")):
        predicted = sign * np.abs(suspect.truth)
        yield Guess("sign", f"is {words} what is due", predicted, suspect.bar)


def arrangements(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """The right numbers, or a multiple of them, in other places."""
    fits = False
    for kind, words, move in _moves(suspect):
        truth, bar = move(suspect.truth), move(suspect.bar)
        if (np.abs(truth - suspect.truth) <= bar + suspect.bar).all():
            continue
        for guess in _rescaled(suspect, setting, kind, words, truth, bar):
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
            words = f"is reversed along {_axes(axes)}"
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


def of_other_blocks(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """The gradient of another block, in its place or added to it."""
    for name, other in setting.others.items():
        if other.truth.size != suspect.truth.size or name == suspect.name:
            continue
        ways = zip(
            _views(other.shape, suspect.shape), _views(suspect.shape, other.shape), strict=True
        )
        for (turn, words), (back, _) in ways:
            truth, bar = turn(other.truth), turn(other.bar)
            returned = _rescaled(other, setting, "", "", back(suspect.truth), back(suspect.bar))
            swapped = other.wrong.any() and any(g.fits(other) for g in returned)
            kind, told = "another-block", f"is that of `{name}`{words}"
            if swapped:
                kind, told = "swapped", f"and `{name}` have each other's gradient{words}"
            yield from _rescaled(suspect, setting, kind, told, truth, bar)
            for sign, verb in ((1, "added to"), (-1, "subtracted from")):
                evidence = f"has that of `{name}`{words} {verb} it"
                predicted = suspect.truth + sign * truth
                yield Guess("another-block", evidence, predicted, suspect.bar + bar)


def _views(
    came: tuple[int, ...], due: tuple[int, ...]
) -> Iterator[tuple[Callable[[Array], Array], str]]:
    """Ways to lay an array of one shape out as another."""
    yield lambda array: array.reshape(due), ""
    if came[::-1] == due and len(due) == 2 and min(due) > 1:
        yield np.transpose, ", transposed"


def sums(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """Sums over axes that should have been kept, spread over the block again."""
    long = [axis for axis in range(len(suspect.shape)) if suspect.shape[axis] > 1]
    for count in range(len(long), 0, -1):
        for axes in combinations(long, count):
            if not _alike(suspect.claim, axes):
                continue
            everything = count == len(long)
            kind = "summed-over-all-axes" if everything else "summed-over-wrong-axis"
            what = "all entries" if everything else _axes(axes)
            total, width = (
                array.sum(axis=axes, keepdims=True) + 0 * array
                for array in (suspect.truth, suspect.bar)
            )
            words = f"is the sum over {what} of what is due"
            size = int(np.prod([suspect.shape[axis] for axis in axes]))
            yield Guess(kind, words, total, width)
            mean = f"is the mean over {what} of what is due"
            yield Guess(kind, mean, total / size, width / size)
            yield from _rescaled(suspect, setting, kind, words, total, width)


def totals(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A vector whose total is right: it was summed over another axis of the same length."""
    n = suspect.claim.size
    vector = max(suspect.shape, default=1) == n > 1
    possible = any(n in array.shape and array.ndim > 1 for _, array in setting.names.data)
    if not vector or not possible or not suspect.known.all():
        return
    size = np.abs(suspect.truth).sum()
    width = suspect.bar.sum() + FLOOR * size
    # A total that vanishes, as of the logits of a softmax, says nothing.
    meaningful = abs(suspect.truth.sum()) > 1e-3 * size
    if meaningful and abs(suspect.claim.sum() - suspect.truth.sum()) <= width:
        words = f"has the right total, {_number(suspect.truth.sum())}, in the wrong entries"
        # Parts that cancel leave the total as it is, whatever else they are.
        for kind in ("summed-over-wrong-axis", "unexplained"):
            yield Guess(kind, words, suspect.claim, suspect.bar, free=n)


def penalties(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A residual proportional to the parameter, or to its sign."""
    residual = suspect.claim - suspect.truth
    for power, of in ((1, "W"), (0, "sign(W)")):
        base = suspect.at if power else np.sign(suspect.at)
        found = _factor(residual, base, suspect.bar, of_claim=True)
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
            if base.size > 1 or free < 1:
                yield Guess(kind, words, predicted, suspect.bar, free=free, hint=hint)


def _of_penalty(
    suspect: Suspect, setting: Setting, c: float, close: float, of: str, power: int
) -> Iterator[tuple[str, str, str]]:
    """Which mistakes with a regulariser leave the residual ``c * parameter``."""
    names = setting.names.of_penalty(abs(c), max(close, CLOSE))
    named = f"; {names[0]}" if names else ""
    words = f"has {_number(abs(c))} * {of} too {'much' if c > 0 else 'little'}{named}"
    hint = f"{'subtract' if c > 0 else 'add'} {_number(abs(c))} * {of}"
    due = setting.penalty(suspect.name, power) if setting.penalty else np.nan
    whole = "regulariser-missing" if c < 0 else "regulariser-doubled"
    if np.isfinite(due) and abs(due) > 1e-6 * abs(c):
        factor = f"write {_number(due)} * {of} in place of {_number(due + c)} * {of}"
        exact = abs(c / due - np.sign(c)) < 1e-4
        if exact:
            yield whole, words, hint if c < 0 else factor
        # With two examples, a forgotten 1/m doubles it.
        if not exact or (c > 0 and setting.names.of_scalar(due + c, 1e-4)):
            yield "regulariser-factor", words, factor
    elif c > 0 and _is_bias(suspect, setting):
        yield "regulariser-on-bias", words, hint
    else:
        plain = names and setting.names.is_plain(abs(c), max(close, CLOSE))
        plain = plain or (not setting.names.scalars and _is_short(c, close))
        kinds = [whole, "regulariser-factor"] if plain else ["regulariser-factor", whole]
        # A term that is a multiple of the parameter by chance has no such factor.
        if not names and not plain:
            kinds.insert(0, "unexplained")
        yield from ((kind, words, hint if kind in kinds[-2:] else "") for kind in kinds)


def offsets(suspect: Suspect, _: Setting) -> Iterator[Guess]:
    """A constant added to every entry."""
    if suspect.claim.size < 2:
        return
    residual = suspect.claim - suspect.truth
    found = _factor(residual, np.ones(suspect.shape), suspect.bar, of_claim=True)
    if found is not None:
        c = found[0]
        words = f"is off by {_number(c)} in every entry"
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
        if rank < len(terms) or not np.isfinite(fitted).all():
            continue
        c, rest = float(fitted[0]), fitted[1:]
        predicted = np.tensordot(fitted, terms, 1)
        width = (1 + abs(c)) * suspect.bar
        beside = " and ".join(f"{_number(d)} {of}" for d, of in zip(rest, words, strict=True))
        if abs(c - 1) < 1e-6:
            if len(rest) > 1:
                kind = "regulariser-missing" if (rest < 0).all() else "unexplained"
                told = f"differs from what is due by {beside}"
                yield Guess(kind, told, predicted, width, free=len(rest))
            continue
        examples = setting.names.examples_of(c, 1e-6), setting.names.examples_of(1 / c, 1e-6)
        name = next(iter([*examples[0], *examples[1], *setting.names.of_factor(c, 1e-6)]), "")
        if name:
            kind = (
                "sum-for-mean"
                if examples[0]
                else "mean-for-sum"
                if examples[1]
                else "constant-ratio"
            )
            told = f"is {_times(c)}; {name}; but for "
            if bases[0] is at or bases[0] is sign:
                told += "its penalty"
            else:
                kind, told = "unexplained", f"{told}a term that is right, and leaves {beside}"
            yield Guess(kind, told, predicted, width, free=len(terms))


def terms(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A residual that is a multiple of an array at hand: a term that stands beside others."""
    residual = suspect.claim - suspect.truth
    arrays = [(f"the gradient of `{n}`", s.truth) for n, s in setting.others.items()]
    arrays += [(f"`{n}`", s.at) for n, s in setting.others.items() if n != suspect.name]
    arrays += [(f"`{name}`", array) for name, array in setting.names.data]
    for name, array in arrays:
        if array.size != residual.size or array.dtype.kind not in "fiu" or residual.size < 3:
            continue
        for turn, words in _views(array.shape, suspect.shape):
            base = turn(array).astype(float)
            found = _factor(residual, base, suspect.bar, of_claim=True)
            if found is not None and np.isreal(found[0]):
                c = float(np.real(found[0]))
                told = (
                    f"has {_number(abs(c))} times {name}{words} too {'much' if c > 0 else 'little'}"
                )
                yield Guess("unexplained", told, suspect.truth + c * base, suspect.bar, free=1)


def limits(suspect: Suspect, _: Setting) -> Iterator[Guess]:
    """Values limited to an interval."""
    claim, truth = suspect.claim, suspect.truth
    if np.iscomplexobj(claim):
        return
    low, high = claim.min(), claim.max()
    if low == high:
        return
    beyond = (truth < low - suspect.bar), (truth > high + suspect.bar)
    if low == -high and np.sum(np.abs(claim) == high) > 1:
        free, words = 1, f"limited to [{_number(low)}, {_number(high)}]"
    elif beyond[0].any() and beyond[1].any():
        free, words = 2, f"limited to [{_number(low)}, {_number(high)}]"
    else:
        free, words = (
            1,
            f"{_number(high)} at most" if beyond[1].any() else f"{_number(low)} at least",
        )
    if sum(map(np.count_nonzero, beyond)) > free:
        yield Guess("clipped", f"is {words}", np.clip(truth, low, high), suspect.bar, free=free)


OF_PARAMETER: dict[str, Callable[[Array], Array]] = {
    "x": lambda x: x,
    "x^2": np.square,
    "sqrt(x)": np.sqrt,
    "exp(x)": np.exp,
    "exp(x/2)": lambda x: np.exp(x / 2),
    "exp(2x)": lambda x: np.exp(2 * x),
    "sigmoid(x)": lambda x: _sigmoid(x),
    "sigmoid'(x)": lambda x: _sigmoid(x) * _sigmoid(-x),
    "tanh'(x)": lambda x: 1 - np.tanh(x) ** 2,
    "(1 - x^2)": lambda x: 1 - x**2,
    "x (1 - x)": lambda x: x * (1 - x),
    "(1 + exp(-x))": lambda x: 1 + np.exp(-x),
}
"""Derivatives of a parameter by that which is stored in its place, or the reverse."""


def parametrisations(suspect: Suspect, _: Setting) -> Iterator[Guess]:
    """A factor that is a function of the parameter: the chain rule's, forgotten or too much."""
    if np.iscomplexobj(suspect.at):
        return
    for words, function in OF_PARAMETER.items():
        base = function(suspect.at)
        if not np.isfinite(base).all() or (base == 0).any():
            continue
        if base.size > 1 and np.ptp(base) <= 1e-6 * np.abs(base).max():
            continue
        for factor, shown in ((base, words), (1 / base, f"1/{words}")):
            found = _factor(suspect.claim, factor * suspect.truth, np.abs(factor) * suspect.bar)
            c, close = found or (np.nan, 0.0)
            for k in (k for k in FACTORS if abs(c - k) <= close * abs(k)):
                words = f"is {FACTORS[k]}{shown} times what is due"
                evidence = f"{words}, x being `{suspect.name}` itself"
                predicted, width = k * factor * suspect.truth, np.abs(k * factor) * suspect.bar
                yield Guess("parametrisation", evidence, predicted, width, free=0.5)


FACTORS = {1.0: "", 2.0: "2 ", 0.5: "1/2 ", -1.0: "-", -2.0: "-2 ", -0.5: "-1/2 "}
"""Factors of a change of parameters: that of a variance by its root has a 2."""


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "relu": (lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1.0, 0.01)),
    "softplus": (lambda z: np.logaddexp(0, z), _sigmoid),
    "silu": (
        lambda z: z * _sigmoid(z),
        lambda z: _sigmoid(z) * (1 + z * (1 - _sigmoid(z))),
    ),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(z)), lambda z: np.where(z > 0, 1.0, np.exp(z))),
    "arctan": (np.arctan, lambda z: 1 / (1 + z**2)),
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
}
"""Activations and their derivatives that are tried."""

OF_OUTPUT: dict[str, Callable[[Array], Array]] = {
    "tanh": lambda a: 1 - a**2,
    "sigmoid": lambda a: a * (1 - a),
}
"""Derivatives as functions of the output, which are wrong if given the argument."""


def activations(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """The derivative of an activation, forgotten, doubled, another's, or at another place."""
    if not setting.inner or np.iscomplexobj(suspect.at):
        return
    z, truth, bar = suspect.at, suspect.truth, suspect.bar
    missing, another = "activation-derivative-missing", "activation-derivative-of-another"
    wrong = "activation-derivative-at-wrong-argument"
    for name, (g, slope) in ACTIVATIONS.items():
        due = slope(z)
        options = [(missing, f"lacks the derivative of {name}", np.ones(z.shape))]
        options.append((wrong, f"has {name}'(A) where {name}'(Z) is due", slope(g(z))))
        if name in OF_OUTPUT:
            words = f"has the formula of {name}' for its output, with the argument put in"
            options.append((wrong, words, OF_OUTPUT[name](z)))
        for other, (_, its) in ACTIVATIONS.items():
            if other == name:
                continue
            words = f"has the derivative of {other} where that of {name} is due"
            options.append((another, words, its(z)))
            if other in OF_OUTPUT:
                options.append((another, f"{words}, from its output", OF_OUTPUT[other](g(z))))
        for kind, words, came in options:
            # Where nothing is due, as of relu below 0, any number may have come.
            lost = (due == 0) & (came != 0)
            factor = np.where(due == 0, np.where(came == 0, 1.0, np.nan), came / due)
            predicted = np.where(lost, suspect.claim, truth * factor)
            width = np.where(lost, bar, np.abs(bar * np.nan_to_num(factor)))
            yield Guess(kind, words, predicted, width, free=float(np.count_nonzero(lost)))
        words = f"has the derivative of {name} once too often"
        yield Guess("activation-derivative-doubled", words, truth * due, bar * np.abs(due))


def ratios_by_slice(suspect: Suspect, _: Setting) -> Iterator[Guess]:
    """Each row, or each column, off by a factor of its own."""
    if len(suspect.shape) != 2 or min(suspect.shape) < 2 or max(suspect.shape) > LONG:
        return
    for axis, thing in ((1, "row"), (0, "column")):
        predicted, width = suspect.truth.copy(), suspect.bar.copy()
        factors = []
        for k in range(suspect.shape[1 - axis]):
            one = (k, slice(None)) if axis == 1 else (slice(None), k)
            found = _factor(suspect.claim[one], suspect.truth[one], suspect.bar[one])
            c = found[0] if found else 1.0
            factors.append(c)
            predicted[one] *= c
            width[one] *= abs(c)
        shown = ", ".join(_number(c) for c in factors[:4]) + (", ..." if len(factors) > 4 else "")
        words = f"is off by a factor of its own in each {thing}: {shown}"
        yield Guess(f"ratio-by-{thing}", words, predicted, width, free=len(factors))


def roundings(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """Whole numbers, or numbers with few digits."""
    claim, truth = suspect.claim, suspect.truth
    if np.iscomplexobj(claim) or not claim.any():
        return
    if suspect.name in setting.stepping:
        off = np.abs(claim - truth).max()
        evidence = f"moves in steps, of about {off / np.abs(truth).max():.0e} of its largest entry"
        yield Guess("precision", evidence, truth, np.full(claim.shape, off), free=-claim.size)
        return
    with np.errstate(all="ignore"):
        if (claim == np.round(claim)).all() and (
            np.abs(truth - np.round(truth)) > suspect.bar
        ).any():
            for words, cut in (("cut", np.trunc), ("rounded", np.round), ("cut down", np.floor)):
                evidence = f"is {words} to whole numbers"
                yield Guess("integer-truncation", evidence, cut(truth), suspect.bar)
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
        found = _factor(off, base, bar, of_claim=True)
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


def unmoved(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A claim that is the same wherever it is asked for."""
    constant = (suspect.claim == suspect.claim.flat[0]).all()
    if setting.still is not None and not constant and setting.still(suspect.name):
        words = "does not depend on the parameters, as what is due does"
        free = suspect.claim.size - 1
        yield Guess("stale-cache", words, suspect.claim, suspect.bar, free=free)


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


def _rescaled(
    suspect: Suspect, setting: Setting, kind: str, words: str, base: Array, bar: Array
) -> Iterator[Guess]:
    """`base`, or a multiple of it by a factor that has a name."""
    yield Guess(kind, words, base, bar)
    found = _factor(suspect.claim, base, bar)
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
        size = "with the wrong sign" if names == ["-1"] else f"{_times(c)} besides; {names[0]}"
        yield replace(scaled, evidence=f"{words}, {size}")


def _factor(
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


def _is_short(x: float, close: float) -> bool:
    """Whether a number, or its inverse, has two digits, as those that stand in code have."""
    return any(abs(float(f"{y:.2g}") - y) <= close * abs(y) for y in (x, 1 / x))


def _is_round(x: float) -> bool:
    """Whether a number is 1, 2 or 5 times a power of ten, as limits of norms are."""
    if not 0 < x < np.inf:
        return False
    digits = x / 10.0 ** np.floor(np.log10(x))
    return bool(np.min(np.abs(digits - np.array([1.0, 2.0, 5.0, 10.0]))) < 1e-9)


def _alike(claim: Array, axes: tuple[int, ...]) -> bool:
    """Whether an array is constant along some axes, up to rounding."""
    spread = np.abs(claim - claim.mean(axis=axes, keepdims=True)).max()
    return bool(spread <= 1e-12 * np.abs(claim).max())


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


def _axes(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"


def _plural(thing: str) -> str:
    if thing == "entry":
        return "entries"
    first, _, rest = thing.partition(" ")
    return f"{first}s {rest}".strip()


def _number(value: Any) -> str:
    return f"{np.real(value):.6g}" if np.isreal(value) else f"{complex(value):.6g}"


def _times(c: complex) -> str:
    if not np.isreal(c):
        return f"{complex(c):.6g} times what is due"
    size = float(np.real(c))
    share = f"{abs(size - 1):.3g} of what is due"
    if size < 0:
        return f"{size:.6g} times what is due"
    if size >= 1:
        return f"{size:.6g} times too large" if size > 1.01 else f"too large by {share}"
    return f"{1 / size:.6g} times too small" if size < 0.99 else f"too small by {share}"
