"""A block whose gradient fails, what else is known there, and a guess at the mistake.

>>> suspect = Suspect.of("W", truth=np.array([1.0, 2.0]), claim_times=-1.0)
>>> Guess("sign", "has the wrong sign", -suspect.truth, suspect.bar).fits(suspect)
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gradcheck.diagnosis.ablation import Examples, StandIns
from gradcheck.diagnosis.names import Names
from gradcheck.verdict import FLOOR

__all__ = ["CERTAIN", "Array", "Guess", "Setting", "Sure", "Suspect", "sureness"]


Array = NDArray[Any]

Sure = Literal["certain", "likely", "possible"]

TELLING = 10.0
"""A prediction tells something where it is so many bars away from the right value."""


CERTAIN = 3.0
"""Entries that bear a guess out, beyond those it was fitted to, from which on it is certain.
Each fits by accident with a chance of about its relative bar, 1e-9."""


def sureness(spare: float, entries: int, rivals: int = 1) -> Sure:
    """How sure a guess is.

    Parameters
    ----------
    spare : float
        Entries that bear it out beyond those it was fitted to.
    entries : int
        All of the block whose derivative is known: where there is one, many guesses fit.
    rivals : int
        Guesses that fit, this one among them.

    Returns
    -------
    {"certain", "likely", "possible"}
    """
    if entries < 2 or spare < 1:
        return "possible"
    return "certain" if spare >= CERTAIN and rivals == 1 else "likely"


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
    scale : float
        The user's own numbers are so many times those of the block.
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
    stand_ins : StandIns, optional
        The cost without one of its arguments.
    """

    names: Names = field(default_factory=Names)
    others: Mapping[str, Suspect] = field(default_factory=dict)
    inner: bool = False
    scale: float = 1.0
    curvature: Callable[[str, Array], tuple[Array, Array]] | None = None
    penalty: Callable[[str, int], float] | None = None
    still: Callable[[str], bool] | None = None
    stepping: frozenset[str] = frozenset()
    examples: Examples | None = None
    stand_ins: StandIns | None = None


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
