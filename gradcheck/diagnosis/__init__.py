"""What kind of mistake a wrong gradient is: guesses that fit, as data, most likely first.

>>> right = np.array([[1.0, 2.0], [3.0, 5.0]])
>>> for diagnosis in diagnose({"W": Suspect.of("W", right, claim_times=2.0)}, ["W"]):
...     print(diagnosis)
`W` is 2 times too large; 2, as the derivative of a square has

`hypotheses` predicts what each mistake would give; here the guesses that fit are weighed. A
guess that explains many more numbers than it was free to choose is certain; where a block has
one entry many would fit, and all of them are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.diagnosis.hypotheses import guesses
from gradcheck.diagnosis.kinds import KINDS
from gradcheck.diagnosis.names import Names
from gradcheck.diagnosis.patterns import (
    at_kinks,
    of_example,
    patterns,
    unmeasured,
    where,
)
from gradcheck.diagnosis.scaled import factors
from gradcheck.diagnosis.suspect import CERTAIN, Array, Guess, Setting, Sure, Suspect, sureness
from gradcheck.structure import Finding

__all__ = ["Diagnosis", "Sure", "diagnose", "of_findings"]

SHOWN = 4
"""Guesses of one block that are reported."""

NAMED = 0.5
"""What bears out, in a block of one entry, a number with a name of its own."""


@dataclass(frozen=True)
class Diagnosis:
    """A kind of mistake that explains a wrong gradient.

    Attributes
    ----------
    kind : str
        Stable name, a key of `kinds.KINDS`; docs/diagnoses.md has them all.
    block : str or None
        The block, or the probed intermediate; None if it concerns all blocks alike.
    explains, entries : int
        Of so many entries whose derivative is known, so many are as the guess predicts.
    sure : {"certain", "likely", "possible"}
        Whether many more entries bear it out than it was fitted to, some, or none.
    evidence : str
        One line of fact, a predicate to the block's name.
    hint : str
        What to look at, or to write instead.
    label : str
        What the gradient calls the block, such as ``db1``.
    """

    kind: str
    block: str | None
    explains: int
    entries: int
    sure: Sure
    evidence: str
    hint: str
    label: str = ""

    def __str__(self) -> str:
        if self.block:
            return f"`{self.label or self.block}` {self.evidence}"
        return self.evidence if self.evidence.startswith("`") else f"the gradient {self.evidence}"

    @property
    def sentence(self) -> str:
        """The evidence, and the cause where that says more."""
        kind = KINDS[self.kind]
        return f"{self}: {kind.meaning}" if kind.adds else str(self)

    @property
    def meaning(self) -> str:
        """What the kind means, in a few words."""
        return KINDS[self.kind].meaning

    def named(self, label: str) -> Diagnosis:
        """The diagnosis of a block that the gradient calls `label`."""
        return replace(self, label=label)

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis as plain data."""
        names = ("kind", "block", "explains", "entries", "sure", "evidence", "hint", "sentence")
        return {name: getattr(self, name) for name in names}


@np.errstate(all="ignore")
def diagnose(
    suspects: Mapping[str, Suspect], wrong: Sequence[str], setting: Setting | None = None
) -> tuple[Diagnosis, ...]:
    """What kind of mistake each wrong block is.

    Parameters
    ----------
    suspects : mapping of str to Suspect
        All blocks that were compared, right ones too.
    wrong : sequence of str
        Those that fail.
    setting : Setting, optional

    Returns
    -------
    tuple of Diagnosis
        Block by block in the order of `wrong`, most likely first. If one guess explains all
        blocks alike, it is the only one.
    """
    setting = replace(setting or Setting(), others=suspects)
    blocks = {name: _of_block(suspects[name], setting) for name in wrong}
    together = _together(suspects, wrong, setting)
    if together:
        shared = set.intersection(*({d.kind for d in found} for found in blocks.values()))
        apart = [d for found in blocks.values() for d in found if d.kind in shared - OF_FACTOR]
        return (*together, *_once(apart))
    stale = [d for found in blocks.values() for d in found[:2] if d.kind == "stale-cache"]
    if 1 < len(wrong) == len(stale):
        # One factor may lack the parameters; that none of the blocks has them is no accident.
        explains, entries = sum(d.explains for d in stale), sum(d.entries for d in stale)
        whole = replace(stale[0], block=None, explains=explains, entries=entries)
        return (replace(whole, sure="likely"),)
    return tuple(_once(d for name in wrong for d in _in_company(name, blocks)))


OF_FACTOR = {"constant-ratio", "sum-for-mean", "mean-for-sum", "sign", "clipped"}
"""Kinds that a factor of the whole gradient gives to each of its blocks."""


def _in_company(name: str, blocks: Mapping[str, list[Diagnosis]]) -> list[Diagnosis]:
    """The diagnoses of one block, of equals those first that larger blocks have: one cause."""
    own = blocks[name]
    company = {d[0].kind for d in blocks.values() if d[0].entries > own[0].entries}
    told = own[0].kind != "unexplained"
    return sorted(own, key=lambda d: (told and d.sure != own[0].sure, d.kind not in company))


def _once(diagnoses: Iterable[Diagnosis]) -> list[Diagnosis]:
    """Diagnoses without those of the second of two blocks that are said to be swapped."""
    found: list[Diagnosis] = []
    for d in diagnoses:
        told = (f for f in found if f.kind == d.kind == "swapped")
        if not any(f"`{d.block}`" in f.evidence for f in told):
            found.append(d)
    return found


def of_findings(
    findings: Sequence[Finding],
    misshapen: Mapping[str, Array],
    suspects: Mapping[str, Suspect],
    names: Names,
) -> list[Diagnosis]:
    """What the findings about structure mean, as diagnoses.

    Parameters
    ----------
    findings : sequence of Finding
    misshapen : mapping of str to ndarray
        What came for the blocks of wrong shape.
    suspects : mapping of str to Suspect
        All blocks whose derivative was measured.
    names : Names

    Returns
    -------
    list of Diagnosis
    """
    found: list[Diagnosis] = []
    for finding in findings:
        if finding.severity != "error" or finding.code == "not-finite":
            continue
        name = finding.block
        if name is not None and name in misshapen:
            found += _of_shape(finding, misshapen[name], suspects[name], suspects, names)
        elif finding.code in KINDS:
            suspect = suspects.get(name or "")
            entries = suspect.claim.size if suspect else 0
            found.append(_structural(finding.code, name, 0, entries, finding.message, finding.help))
    return found


def _structural(
    kind: str, block: str | None, explains: int, entries: int, evidence: str, hint: str = ""
) -> Diagnosis:
    told = evidence.removeprefix("the gradient ")
    told = told.partition("` ")[2] if block and told.startswith("`") else told
    told = "is missing from the gradient" if kind == "missing-block" and block else told
    return Diagnosis(kind, block, explains, entries, "certain", told, hint or KINDS[kind].hint)


def _of_shape(
    finding: Finding,
    came: Array,
    suspect: Suspect,
    suspects: Mapping[str, Suspect],
    names: Names,
) -> Iterator[Diagnosis]:
    """The mistakes that give a block a wrong shape."""
    name, entries, code = suspect.name, suspect.claim.size, finding.code
    right = int(np.count_nonzero(~suspect.wrong & suspect.known))
    shape = f"has shape {came.shape}, expected {suspect.shape}"
    column = suspect.shape[1:] == (1,)
    sum_with = f"sum over the examples: np.sum(..., axis={int(column)}, keepdims=True)"

    def says(
        kind: str, explains: int, evidence: str, hint: str = "", sure: Sure = "certain"
    ) -> Diagnosis:
        told = _structural(kind, name, explains, entries, evidence, hint or finding.help)
        return replace(told, sure=sure)

    for other in suspects.values():
        if other.name == name or other.shape != came.shape or other.shape == suspect.shape:
            continue
        fits = np.abs(came - other.truth) <= other.bar + 1e-9 * np.abs(other.truth)
        if fits[np.isfinite(other.bar)].all():
            mutual = not np.isfinite(other.claim).all() or other.wrong.any()
            kind = "swapped" if mutual else "another-block"
            evidence = f"{shape}, and is the gradient of `{other.name}`"
            found = says(kind, came.size, evidence, KINDS[kind].hint)
            yield replace(found, entries=came.size, sure=sureness(came.size, came.size))
            return
    if code == "scalar-bias" or (came.size == 1 < entries):
        total = suspect.truth.sum()
        ratio = complex(came.item() / total) if total else np.nan
        factor = [] if abs(ratio - 1) < 1e-6 else names.of_factor(np.real(ratio), 1e-6)
        is_sum = bool(abs(ratio - 1) < 1e-6 or factor)
        besides = f", {np.real(ratio):.6g} times; {factor[0]}" if factor else ""
        evidence = f"{shape}: one number" + (f", the sum of what is due{besides}" * is_sum)
        # With one example, a sum over the units alone is of this shape too.
        alone = came.ndim == 2 and any(1 in array.shape for _, array in names.data)
        rivals = entries == 1 or (code == "scalar-bias" and alone)
        sure: Sure = "possible" if not is_sum else "likely" if rivals else "certain"
        yield says("summed-over-all-axes", entries if is_sum else 0, evidence, sure=sure)
        if code == "scalar-bias" and alone:
            words = f"{shape}: one number, as for each example"
            yield says("summed-over-wrong-axis", 0, words, sum_with, "possible")
        if entries == 1:
            yield says("keepdims-forgotten", right, shape, sure="likely")
        return
    if code == "not-summed":
        axis = int(column)
        parts = f"its {came.shape[axis]} {'columns' if column else 'rows'}"
        if right == entries:
            evidence, hint = f"{shape}: the sum of {parts} is what is due", sum_with
        elif _near(suspect.claim / came.shape[axis], suspect):
            evidence, right = f"{shape}: the mean of {parts} is what is due", entries
            hint = f"{sum_with}, and divide by their number"
        else:
            evidence, hint = f"{shape}: {parts} are one for each example", sum_with
        if right == entries or came.shape[axis] in names.examples:
            yield says("not-summed", right, evidence, hint, sureness(right, entries))
            if came.size == came.shape[axis]:
                yield says("summed-over-wrong-axis", right, shape, hint, "likely")
            return
    total = abs(came.sum() - suspect.truth.sum())
    if code == "row-vector" and right < entries and total <= suspect.bar.sum() + 1e-9:
        words = f"{shape}, and the total of what is due"
        yield says("summed-over-wrong-axis", 0, words, sum_with, "possible")
        return
    square = came.ndim == 2 and came.shape == (entries, entries)
    if square and (np.abs(came - suspect.truth.ravel()) <= 1e-9 + suspect.bar.ravel()).all():
        evidence = f"{shape}: it grew by broadcasting, as every row is what is due"
        yield says("keepdims-forgotten", entries, evidence, "sum with keepdims=True, or reshape")
        return
    if code in ("wrong-shape", "not-summed"):
        for axis in map(int, np.flatnonzero(np.array(came.shape) > 1)):
            for words, total in (("sum", came.sum(axis=axis)), ("mean", came.mean(axis=axis))):
                if total.size == entries and _near(total.reshape(suspect.shape), suspect):
                    evidence = f"{shape}, and the {words} over axis {axis} is what is due"
                    keep = ", keepdims=True" if suspect.claim.ndim == came.ndim else ""
                    hint = f"take the {words} over axis {axis}: np.{words}(..., axis={axis}{keep})"
                    yield says("not-summed", entries, evidence, hint, sureness(entries, entries))
                    return
    kinds = {"rank-1": "keepdims-forgotten", "row-vector": "row-vector", "transposed": "transposed"}
    kind, hint = kinds.get(code, "wrong-shape"), KINDS["wrong-shape"].hint
    if kind != "wrong-shape":
        hint = finding.help
    elif _of_examples(came, suspect, names):
        kind, shape = "summed-over-wrong-axis", f"{shape}: one number for each example"
        hint = sum_with
    same = right == entries
    # Wrong values are diagnosed apart from their shape.
    off = not same and np.isfinite(suspect.claim).all()
    told = "; the values are right" if same else ", and wrong values" if off and entries else ""
    diagnosis = says(kind, right, shape + told, hint, "likely" if off else "certain")
    yield diagnosis
    vector = min(suspect.shape, default=1) == 1
    if kind == "row-vector" and same and vector and not suspect.name.startswith("b"):
        yield replace(diagnosis, kind="transposed", sure="likely")


def _near(values: Array, suspect: Suspect) -> bool:
    """Whether values are the derivatives that were measured, within their bars."""
    width = suspect.bar + 1e-9 * np.abs(suspect.truth)
    return bool((np.abs(values - suspect.truth) <= width).all())


def _of_examples(came: Array, suspect: Suspect, names: Names) -> bool:
    """Whether a shape is that of a vector with a number for each example."""
    return came.size in names.examples and sorted(came.shape)[:-1] == [1] * (came.ndim - 1)


def _together(
    suspects: Mapping[str, Suspect], wrong: Sequence[str], setting: Setting
) -> tuple[Diagnosis, ...]:
    """One factor, or one norm, for the whole gradient."""
    telling = {
        name
        for name, s in suspects.items()
        if (np.abs(s.truth[s.known]) > s.bar[s.known]).any() and np.isfinite(s.claim).all()
    }
    if len(telling) < 2 or not telling <= set(wrong):
        return ()
    whole = _joined(suspects)
    if not whole.claim.any():
        return ()
    fits = [g for g in factors(whole, setting) if g.fits(whole)]
    found = []
    for guess in fits:
        kind = "scaled-loss" if guess.kind == "constant-ratio" else guess.kind
        # One residual, as of one example with one output, scales all blocks alike too.
        rivals = len(fits) + (kind == "scaled-loss" and guess.free >= 1)
        found.append(_diagnosis(replace(guess, kind=kind), whole, rivals))
    return tuple(replace(d, block=None) for d in found)


def _joined(suspects: Mapping[str, Suspect]) -> Suspect:
    def flat(name: str) -> Array:
        return np.concatenate([getattr(s, name).ravel() for s in suspects.values()])

    return Suspect("", flat("claim"), flat("truth"), flat("bar"), flat("at"), flat("wrong"))


def _of_block(suspect: Suspect, setting: Setting) -> list[Diagnosis]:
    """The guesses for one block, or the pattern of what nothing explains."""
    found = list(_not_finite(suspect))
    if found and not (suspect.wrong & np.isfinite(suspect.claim)).any():
        return found
    if not found and suspect.kinks is not None and not (suspect.wrong & ~suspect.kinks).any():
        return [_diagnosis(at_kinks(suspect), suspect, 1)]
    if not suspect.known.any():
        return found or [_diagnosis(unmeasured(suspect), suspect, 1)]
    fits = guesses(suspect, setting)
    if fits:
        best = max(guess.spare(suspect) for guess in fits)
        spare = max(min(best, CERTAIN) - 1, min(best, NAMED))
        kept = [guess for guess in fits if guess.spare(suspect) >= spare]
        least = max(min(guess.free for guess in kept), 0)
        kept = [guess for guess in kept if guess.free <= least + 1]
        kinds: dict[str, Guess] = {}
        for guess in sorted(kept, key=lambda guess: guess.free > 0.5):
            kinds.setdefault(guess.kind, guess)
        few = list(kinds.values())[:SHOWN]
        if best < NAMED and few[0].kind == "constant-ratio":
            # A factor without a name explains nothing where there is one entry.
            plain = replace(few[0], kind="unexplained")
            few = list(of_example(suspect, setting)) or [plain, *few]
    else:
        few = patterns(suspect, setting)
    return found + [_diagnosis(guess, suspect, len(few)) for guess in few]


def _diagnosis(guess: Guess, suspect: Suspect, rivals: int) -> Diagnosis:
    explained, known = guess.explained(suspect), suspect.known
    told, entries = guess.kind != "unexplained", int(np.count_nonzero(known))
    return Diagnosis(
        kind=guess.kind,
        block=suspect.name,
        explains=int(np.count_nonzero(explained)) if told else 0,
        entries=entries,
        sure=sureness(guess.spare(suspect), entries, rivals) if told else "possible",
        evidence=guess.evidence,
        hint=guess.hint or KINDS[guess.kind].hint,
    )


def _not_finite(suspect: Suspect) -> Iterator[Diagnosis]:
    bad = ~np.isfinite(suspect.claim)
    if bad.any():
        place = ", ".join(str(int(k)) for k in np.argwhere(bad)[0])
        count = int(np.count_nonzero(bad))
        evidence = f"is not finite in {count} of {bad.size} entries, the first being [{place}]"
        place_of_all = where(bad)
        yield Diagnosis(
            kind="not-finite",
            block=suspect.name,
            explains=count,
            entries=bad.size,
            sure="certain",
            evidence=evidence + (f": {place_of_all}" if place_of_all else ""),
            hint=KINDS["not-finite"].hint,
        )
