"""Where in a block a mistake is: what is told of residuals that no hypothesis explains whole.

>>> truth = np.arange(1.0, 13.0).reshape(4, 3)
>>> claim = truth * np.array([[1], [1], [1], [0]])
>>> bar = np.full(truth.shape, 1e-10)
>>> suspect = Suspect("W", claim, truth, bar, np.ones(truth.shape), claim != truth)
>>> [guess.evidence for guess in patterns(suspect, Setting())]
['in row 3, the last, is 0; the other 9 entries are right']

A row, an entry, one side of the diagonal, negative values; the part of one example; a rank.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from gradcheck.diagnosis.ablation import Cut
from gradcheck.diagnosis.hypotheses import BY_ENTRY
from gradcheck.diagnosis.kinds import KINDS
from gradcheck.diagnosis.names import CLOSE
from gradcheck.diagnosis.suspect import Array, Guess, Setting, Suspect
from gradcheck.verdict import FLOOR

__all__ = [
    "PLACES",
    "at_kinks",
    "left_out",
    "patterns",
    "unexplained",
    "unmeasured",
    "where",
]

PLACES = {"unexplained", "single-entry", "single-row", "single-column"}
"""Kinds that say where a mistake is, and not what it is."""

PENALTIES = {"regulariser-missing", "regulariser-doubled", "regulariser-factor"}

BY_CHANCE = 4
"""Entries on either side of a bound from which on a place is told by their values: of that many
random ones, all lie on the right side with a chance of 1 in 70."""


def patterns(suspect: Suspect, setting: Setting) -> list[Guess]:
    """Mistakes in a part of the block, or in one example; else the residual's own pattern."""
    found = list(_in_part(suspect, setting))
    if not found:
        found = list(islice(left_out(suspect, setting), 1))
    return found or [unexplained(suspect)]


def _in_part(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """Only some entries are wrong: which, and in what they differ."""
    wrong, right = suspect.wrong & suspect.known, suspect.right
    count, rest = int(np.count_nonzero(wrong)), int(np.count_nonzero(right))
    if not count or not rest:
        return
    part = suspect.part(wrong)
    how = [
        guess
        for hypothesis in BY_ENTRY
        for guess in hypothesis(part, setting)
        if guess.fits(part) and guess.spare(part) > 0
    ]
    how.sort(key=lambda guess: -guess.spare(part))
    place = where(wrong, suspect)
    kinds = _kinds_of_place(wrong)
    largest = np.abs(suspect.claim[right]).max()
    if count == 1 and largest <= abs(part.claim[0]) < abs(part.truth[0]):
        kinds.append("clipped")
    if how and how[0].kind in PENALTIES:
        # What is not penalised, one row or column of a matrix, or one end, holds the biases.
        extra = bool(kinds) and how[0].kind != "regulariser-missing"
        if count > 1 or (extra and _is_end(wrong)):
            kinds.insert(0, "regulariser-on-bias" if extra else how[0].kind)
    elif how and not kinds:
        kinds.append(how[0].kind)
    if not kinds:
        return
    what = how[0].evidence.replace(" everywhere", "").replace(" in every entry", "") if how else ""
    what = what or f"is off by up to {_share(suspect)}"
    evidence = f"{place or f'in {count} entries'} {what}; {_right(suspect, int(rest))}"
    index = np.argwhere(wrong)
    for kind in kinds:
        axis = {"single-row": 0, "single-column": wrong.ndim - 1}.get(kind)
        within = axis is not None and 0 < index[0, axis] < wrong.shape[axis] - 1
        hint = "look for an index treated apart" if within else ""
        if how and how[0].kind != "zero":
            # What is wrong there says more than where it is.
            hint = how[0].hint or KINDS[how[0].kind].hint
        # What is right elsewhere could have refuted that the mistake is here alone.
        free = int(count - rest)
        yield Guess(kind, evidence, suspect.claim, suspect.bar, free=free, hint=hint)


def _right(suspect: Suspect, rest: int) -> str:
    """How many entries are right, and whether those are all the others."""
    others = suspect.wrong.size - np.count_nonzero(suspect.wrong)
    if rest == others == 1:
        return "the other entry is right"
    which = f"the other {rest}" if rest == others else f"{rest} of the other {others}"
    return f"{which} entries {'is' if rest == 1 else 'are'} right"


def at_kinks(suspect: Suspect) -> Guess:
    """Mistakes at kinks alone, where no derivative predicts a value."""
    place = where(suspect.wrong) or f"in {np.count_nonzero(suspect.wrong)} entries"
    rest = int(np.count_nonzero(suspect.right))
    words = f"{place} is wrong, at a kink of the cost" + (f"; {_right(suspect, rest)}" * bool(rest))
    one = np.count_nonzero(suspect.wrong) == 1 < suspect.wrong.size
    return replace(
        _unknown(suspect, words, AT_KINKS), kind="single-entry" if one else "unexplained"
    )


def _is_end(wrong: Array) -> bool:
    """Whether the first or the last entry of a vector is the only one that is wrong."""
    ends = wrong.ravel()[[0, -1]]
    vector = max(wrong.shape, default=1) == wrong.size > 2
    return vector and bool(ends.any()) and bool(np.count_nonzero(wrong) == 1)


def _kinds_of_place(wrong: Array) -> list[str]:
    """The kinds that only say where a mistake is."""
    index = np.argwhere(wrong)
    kinds = ["single-entry"] if len(index) == 1 else []
    if wrong.ndim > 1 and (len(index) > 1 or min(wrong.shape) == 1):
        kinds += [
            kind
            for axis, kind in ((0, "single-row"), (-1, "single-column"))
            if wrong.shape[axis] > 1 and np.unique(index[:, axis]).size == 1
        ]
    return kinds


def where(mask: Array, suspect: Suspect | None = None) -> str:
    """Where the true entries of a mask lie, in words; empty if they form no pattern.

    Parameters
    ----------
    mask : ndarray of bool
    suspect : Suspect, optional
        By whose values they are told if not by their places.
    """
    index = np.argwhere(mask)
    if mask.ndim == 0 or not len(index):
        return ""
    if len(index) == 1:
        return f"in entry [{', '.join(str(int(k)) for k in index[0])}]"
    for axis in range(mask.ndim):
        n = mask.shape[axis]
        places = sorted(set(index[:, axis].tolist()))
        thing = ("row", "column")[axis] if mask.ndim == 2 else "place"
        of = "" if mask.ndim < 3 else f" of axis {axis}"
        if mask.ndim > 1 and len(places) == 1 and n > 1:
            k = places[0]
            ordinal = ", the last," if k == n - 1 else ", the first," if k == 0 else ""
            return f"in {thing} {k}{of}{ordinal}"
        if np.take(mask, places, axis).all() and len(places) < n:
            return f"in {thing}s {_listed(places)}{of}"
    if mask.ndim == 2 and mask.shape[0] == mask.shape[1]:
        off = index[:, 0] - index[:, 1]
        for test, words in (
            ((off == 0).all(), "on the diagonal"),
            ((off < 0).all(), "above the diagonal"),
            ((off > 0).all(), "below the diagonal"),
            ((off != 0).all(), "outside the diagonal"),
        ):
            if test:
                return words
    return _where_by_value(mask, suspect) if suspect else ""


def _listed(places: list[int]) -> str:
    """Places in a row as a range, others one by one."""
    first, last = places[0], places[-1]
    if len(places) > 3 and last - first == len(places) - 1:
        return f"{first} to {last}"
    return ", ".join(map(str, places[:5])) + (", ..." if len(places) > 5 else "")


def _where_by_value(mask: Array, suspect: Suspect) -> str:
    """The sign or the size that tells the entries of a mask from the others."""
    if np.iscomplexobj(suspect.truth) or min(mask.sum(), (~mask).sum()) < BY_CHANCE:
        return ""
    size = np.abs(suspect.truth)
    for values, words in ((suspect.truth, "what is due"), (suspect.at, f"`{suspect.name}`")):
        for sign, its in ((-1, "negative"), (1, "positive")):
            if ((sign * values > 0) == mask).all():
                return f"where {words} is {its}"
    for bound, words in ((size[mask].max(), "at most"), (size[mask].min(), "at least")):
        beyond = size <= bound if words == "at most" else size >= bound
        if (beyond == mask).all():
            return f"where {words} {bound:.3g} is due"
    return ""


def _residual(suspect: Suspect) -> tuple[Array, float]:
    """The residual as a matrix, 0 where nothing is known, and what may be rounding in it."""
    known = suspect.known
    residual = np.where(known, suspect.claim - suspect.truth, 0.0)
    size = np.abs(suspect.truth[known]).max(initial=0.0)
    blur = np.sqrt(residual.size) * suspect.bar[known].max(initial=0.0) + FLOOR * size
    return residual if residual.ndim == 2 else residual.reshape(-1, 1), float(blur)


def _of_data(suspect: Suspect, setting: Setting) -> tuple[Guess, int] | None:
    """A residual along one example of the data, a product of it and a vector; and its number."""
    residual, blur = _residual(suspect)
    if not 0 < suspect.claim.ndim < 3 or np.iscomplexobj(residual):
        return None
    left, sizes, right = np.linalg.svd(residual, full_matrices=False)
    if sizes[0] <= 100 * blur or (sizes[1:] > blur).any():
        return None

    def along(vectors: Array, side: Array) -> Array:
        """Which of some vectors have the direction of a unit vector."""
        norms = np.linalg.norm(vectors, axis=1)
        off = np.abs(np.abs(vectors @ side) - norms)
        return np.flatnonzero((off <= (1e-7 + (blur / sizes[0]) ** 2) * norms) & (norms > 0))

    for name, array in setting.names.data:
        if array.ndim != 2 or array.dtype.kind not in "fiu":
            continue
        for axis, thing in ((1, "column"), (0, "row")):
            vectors = np.moveaxis(array, axis, 0).astype(float)
            for side in (left[:, 0], right[0]):
                if 3 <= side.size == vectors.shape[1] and len(along(vectors, side)) == 1:
                    k = int(along(vectors, side)[0])
                    words = (
                        f"is off along {thing} {k} of {name} alone: it is missing, or counts twice"
                    )
                    return _one_example(suspect, words, side.size - 1), k
    return None


def _one_example(suspect: Suspect, words: str, spare: float) -> Guess:
    apart = np.count_nonzero(suspect.wrong & suspect.known)
    return Guess("single-example", words, suspect.claim, suspect.bar, free=float(apart - spare))


def _ways(suspect: Suspect) -> Array:
    """One direction in a block, or two if it has several entries."""
    rng, several = np.random.default_rng(0), min(2, suspect.claim.size)
    sizes = rng.choice([-1.0, 1.0], (several, *suspect.shape))
    ways: Array = sizes * rng.uniform(0.5, 1.5, (several, *suspect.shape))
    return ways


def left_out(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """What the gradient leaves out: an argument of the cost, or an example."""
    yield from _of_stand_in(suspect, setting, late=False)
    seen = _of_data(suspect, setting)
    for guess, k in _of_example(suspect, setting, seen[1] if seen else None):
        if seen and k == seen[1]:
            # The data say where it is, and the cost without it what was done there.
            yield replace(seen[0], evidence=guess.evidence)
        elif not seen:
            yield guess
    if seen:
        yield seen[0]
    yield from _of_stand_in(suspect, setting, late=True)


def _of_stand_in(suspect: Suspect, setting: Setting, *, late: bool) -> Iterator[Guess]:
    """The gradient of the cost without one of its arguments."""
    stand_ins = setting.stand_ins
    if stand_ins is None or np.iscomplexobj(suspect.claim) or not suspect.known.all():
        return
    ways = _ways(suspect)
    for stand_in in [one for one in stand_ins.tried if one.late == late]:
        # Most are ruled out by the first direction.
        for way in ways:
            found = stand_ins.slopes(suspect.name, way[None], stand_in)
            if found is None:
                return
            (slope,), (error,) = found
            claim, size = np.sum(way * suspect.claim), np.sum(np.abs(way * suspect.claim))
            apart = abs(claim - np.sum(way * suspect.truth)) > 4 * error
            if not (apart and abs(claim - slope) <= 2 * error + FLOOR * size):
                break
        else:
            stand_ins.found(stand_in)
            words = f"is right for the cost {stand_in.words}"
            apart = np.count_nonzero(suspect.wrong & suspect.known)
            free = float(apart - len(ways))
            yield Guess("argument-ignored", words, suspect.claim, suspect.bar, free=free)
            return


def _of_example(
    suspect: Suspect, setting: Setting, first: int | None = None
) -> Iterator[tuple[Guess, int]]:
    """One example left out, or counted twice, as the cost without it shows; and its number.

    Where it is known which is off, that is the `first` one tried.
    """
    examples = setting.examples
    if examples is None or np.iscomplexobj(suspect.claim) or not suspect.known.all():
        return
    ways = _ways(suspect)
    several = len(ways)

    def along(array: Array, ways: Array = ways) -> Array:
        total: Array = (ways * array).reshape(several, -1).sum(axis=1)
        return total

    claim, truth, at = along(suspect.claim), along(suspect.truth), along(suspect.at)
    blur = 4 * along(suspect.bar, np.abs(ways)) + FLOOR * np.abs(truth)

    def fitting(slope: Array, error: Array, cut: Cut) -> str:
        """What the first slopes without an example say was done with it."""
        share, n = 1 - 1 / cut.count, slope.size
        width = blur[:n] + 2 * error
        for words, off in (
            ("lacks example {}", claim[:n] - slope),
            ("lacks example {}", claim[:n] - share * slope),
            ("has example {} twice", claim[:n] - 2 * truth[:n] + share * slope),
            ("has example {} twice", claim[:n] - 2 * truth[:n] + slope),
        ):
            right = (np.abs(off) <= width).all()
            if right or _is_of_penalty(off, at, width, cut.count, setting):
                return words.format(cut.k)
        return ""

    for cut in sorted(examples.tried(), key=lambda cut: cut.k != first):
        # Most are ruled out by the first direction.
        slope, error = np.empty(0), np.empty(0)
        for way in ways:
            found = examples.slopes_without(suspect.name, way[None], cut)
            if found is None:
                return
            slope, error = np.append(slope, found[0]), np.append(error, found[1])
            words = fitting(slope, error, cut)
            if not words:
                break
        else:
            examples.found(cut)
            yield _one_example(suspect, words, 2), cut.k
            return


def _is_of_penalty(off: Array, at: Array, width: Array, count: int, setting: Setting) -> bool:
    """Whether what is left is the share that one example has in a penalty."""
    if at.size < 2 or not at.all():
        return False
    q = off[0] / at[0]
    close = max(CLOSE, float(width[0] / abs(off[0])))
    if close > 1e-4 or (np.abs(off[1:] - q * at[1 : off.size]) > width.sum()).any():
        return False
    return bool(setting.names.of_penalty(abs(q) * count, close))


AT_KINKS = "check at another point, or give a value that on_kink= allows"
"""What mends a value at a kink."""


def _unknown(suspect: Suspect, words: str, hint: str = "") -> Guess:
    """A guess that explains nothing."""
    return Guess("unexplained", words, np.full(suspect.shape, np.nan), suspect.bar, hint=hint)


OF_SOLVER = 1e-2
"""Off by no more than this share of its largest entry, a block may be what an inner solver leaves:
of those that stopped at a relative 1e-3 to 1e-7, gradients were off by up to 2e-3."""

STOPPED = (
    "derive this block anew, term by term; or, if the cost or the gradient iterates to a "
    "tolerance, declare with approximate= how far"
)
"""What mends a block that is nearly right."""


def unexplained(suspect: Suspect) -> Guess:
    """The residual's own pattern, in words."""
    residual, _ = _residual(suspect)
    size = np.abs(suspect.truth[suspect.known]).max(initial=0.0)
    near = np.abs(residual).max(initial=0.0) <= OF_SOLVER * size
    return _unknown(suspect, _shape_of_residual(suspect), STOPPED if near else "")


def unmeasured(suspect: Suspect) -> Guess:
    """What is said of a block without a numerical derivative."""
    return _unknown(suspect, "has no entry that could be measured")


def _share(suspect: Suspect) -> str:
    """The largest residual, as a share of the largest entry."""
    residual, _ = _residual(suspect)
    size = np.abs(suspect.truth[suspect.known]).max(initial=0.0)
    off = np.abs(residual).max(initial=0.0)
    return f"{off / size:.2g} of its largest entry" if size else f"{off:.2g}"


def _shape_of_residual(suspect: Suspect) -> str:
    """Where the residual is, how large, and its rank if that is low; and that nothing fits."""
    wrong = suspect.wrong & suspect.known
    residual, blur = _residual(suspect)
    count, known = int(np.count_nonzero(wrong)), int(np.count_nonzero(suspect.known))
    rest = int(np.count_nonzero(suspect.right))
    text = f"is off in {count} of {known} entries by up to {_share(suspect)}"
    place = where(wrong, suspect)
    if place and rest:
        text = f"{place} is off by up to {_share(suspect)}; {_right(suspect, int(rest))}"
    elif min(residual.shape) > 1:
        rank = int(np.count_nonzero(np.linalg.svd(residual, compute_uv=False) > blur))
        norms = [np.linalg.norm(residual, axis=1 - axis) for axis in (0, 1)]
        most = [k for k in (0, 1) if norms[k].max() > 0.9 * np.linalg.norm(norms[k])]
        if rank == 1:
            text += "; the residual has rank 1, as one example's part, or a mean's, has"
        elif 0 < rank < min(residual.shape):
            text += f"; the residual has rank {rank}"
        elif most:
            text += f", mostly in {('row', 'column')[most[0]]} {int(np.argmax(norms[most[0]]))}"
    return f"{text}; {KINDS['unexplained'].meaning}"
