"""What kind of mistake a wrong gradient is: guesses that fit, as data, most likely first.

>>> right = np.array([[1.0, 2.0], [3.0, 5.0]])
>>> for diagnosis in diagnose({"W": Suspect.of("W", right, claim_times=2.0)}, ["W"]):
...     print(diagnosis)
`W` is 2 times too large; as without the 1/2 before a square

`hypotheses` predicts what each mistake would give; here the guesses that fit are weighed. A
guess that explains many more numbers than it was free to choose is certain; where a block has
one entry many would fit, and all of them are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from gradcheck.diagnosis.cause import Diagnosis
from gradcheck.diagnosis.hypotheses import guesses
from gradcheck.diagnosis.kinds import KINDS
from gradcheck.diagnosis.patterns import (
    at_kinks,
    left_out,
    patterns,
    unmeasured,
    where,
)
from gradcheck.diagnosis.scaled import factors
from gradcheck.diagnosis.suspect import CERTAIN, Array, Guess, Setting, Suspect, sureness
from gradcheck.diagnosis.uncomputed import unmoved

__all__ = ["Diagnosis", "diagnose"]

SHOWN = 4
"""Guesses of one block that are reported."""

NAMED = 0.5
"""What bears out, in a block of one entry, a number with a name of its own."""


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
    if any(_is_stale(found) for found in blocks.values()):
        # What one block got from an earlier call the others may have got as well.
        for name in [name for name, found in blocks.items() if not _is_stale(found)]:
            kept = list(unmoved(suspects[name], setting))
            blocks[name] = [_diagnosis(g, suspects[name], 2) for g in kept] or blocks[name]
    together = _together(suspects, wrong, setting)
    if together:
        shared = set.intersection(*({d.kind for d in found} for found in blocks.values()))
        apart = [d for found in blocks.values() for d in found if d.kind in shared - OF_FACTOR]
        return (*together, *apart)
    stale = [d for found in blocks.values() for d in found[:2] if d.kind == "stale-cache"]
    if 1 < len(wrong) == len(stale):
        # One factor may lack the parameters; that none of the blocks has them is no accident.
        explains, entries = sum(d.explains for d in stale), sum(d.entries for d in stale)
        whole = replace(stale[0], block=None, explains=explains, entries=entries)
        return (replace(whole, sure="likely"),)
    return tuple(d for name in wrong for d in _in_company(name, blocks))


def _is_stale(found: Sequence[Diagnosis]) -> bool:
    """Whether a block is the same wherever it is asked for."""
    return any(d.kind == "stale-cache" for d in found[:2])


OF_FACTOR = {"constant-ratio", "sum-for-mean", "mean-for-sum", "sign", "clipped"}
"""Kinds that a factor of the whole gradient gives to each of its blocks."""


def _in_company(name: str, blocks: Mapping[str, list[Diagnosis]]) -> list[Diagnosis]:
    """The diagnoses of one block, of equals those first that larger blocks have: one cause."""
    own = blocks[name]
    company = {d[0].kind for d in blocks.values() if d[0].entries > own[0].entries}
    told = own[0].kind != "unexplained"
    return sorted(own, key=lambda d: (told and d.sure != own[0].sure, d.kind not in company))


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
            unknown = f"{few[0].evidence}; no known kind of mistake gives this number"
            plain = replace(few[0], kind="unexplained", evidence=unknown)
            few = list(islice(left_out(suspect, setting), 1)) or [plain, *few]
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
