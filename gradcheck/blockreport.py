"""One block of a checked gradient: its numbers, and its entries as they are read.

>>> report.blocks["W1"].worst()[0]  # doctest: +SKIP

All values of a block are kept, flat (`BlockReport.analytic` and so on), and the worst entries
are worked out for reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.comparison import Comparison, worst_first
from gradcheck.differences import Nature
from gradcheck.errormap import ErrorMap, error_map
from gradcheck.ladder import Curve
from gradcheck.parameters import Block
from gradcheck.reasons import REASONS
from gradcheck.verdict import Verdict

__all__ = ["BlockReport", "Entry", "plain"]


@dataclass(frozen=True)
class Entry:
    """One entry of a block, with all that is known of it.

    Attributes
    ----------
    name : str
        Such as ``W1[2, 0]``.
    index : tuple of int
    verdict : Verdict
    analytic : float
        What the user's gradient says.
    numerical : float
        What was measured; NaN if nothing could be.
    error : float
        The truth is within this of `numerical`.
    resolution : float
        Smallest relative error that would have been seen here.
    nature : str
        ``smooth``, ``kink``, ``jump``, ``flat``, ``noisy``, ``edge`` or ``outside``.
    reason : str
        Why it is inconclusive; empty otherwise.
    left, right : float
        Slopes on both sides of a kink; NaN elsewhere.
    """

    name: str
    index: tuple[int, ...]
    verdict: Verdict
    analytic: float
    numerical: float
    error: float
    resolution: float
    nature: str
    reason: str
    left: float
    right: float

    def __str__(self) -> str:
        text = f"{self.name}: analytic {self.analytic:.12g}, "
        if np.isfinite(self.left):
            return f"{text}kink with slopes {self.left:.6g} and {self.right:.6g}"
        if np.isfinite(self.numerical) and np.isfinite(self.error):
            text += f"numerical {self.numerical:.12g} +- {self.error:.1e}"
        else:
            text += "no numerical value"
        return text + (f" ({REASONS[self.reason].short})" if self.reason else "")

    def to_dict(self) -> dict[str, Any]:
        """The entry as plain data; what is not finite becomes None."""
        data = {name: plain(value) for name, value in vars(self).items()}
        return {**data, "index": list(self.index), "verdict": str(self.verdict)}


@dataclass(frozen=True, eq=False)
class BlockReport:
    """One block: its verdict, and flat arrays with a number for each entry.

    Attributes
    ----------
    block : Block
    label : str
        What the user's gradient calls it.
    verdict : Verdict
    analytic, numerical, error, resolutions : ndarray, shape (n,)
    verdicts, reasons, natures : ndarray of object, shape (n,)
    left, right : ndarray, shape (n,)
    curves : ndarray of object, shape (n,)
        For the worst entry what each step says of it, None for the others.
        Empty arrays throughout where structure allowed no comparison.
    """

    block: Block
    label: str
    verdict: Verdict
    analytic: NDArray[Any] = field(repr=False)
    numerical: NDArray[Any] = field(repr=False)
    error: NDArray[Any] = field(repr=False)
    resolutions: NDArray[Any] = field(repr=False)
    verdicts: NDArray[np.object_] = field(repr=False)
    reasons: NDArray[np.object_] = field(repr=False)
    natures: NDArray[np.object_] = field(repr=False)
    left: NDArray[Any] = field(repr=False)
    right: NDArray[Any] = field(repr=False)
    curves: NDArray[np.object_] = field(repr=False)

    @classmethod
    def of(
        cls, block: Block, label: str, analytic: NDArray[Any], made: Comparison, *, wrong: bool
    ) -> BlockReport:
        """A block from what was compared.

        Parameters
        ----------
        block : Block
        label : str
        analytic : ndarray
        made : Comparison
            Of the shape of `analytic`, its entries in the order of those of the block.
        wrong : bool
            Whether a finding has already condemned the block.
        """
        found, decision = made.found, made.decision
        return cls(
            block=block,
            label=label,
            verdict=Verdict.FAIL if wrong else made.verdict,
            analytic=analytic.ravel(),
            numerical=found.derivative.ravel(),
            error=found.error.ravel(),
            resolutions=decision.resolution.ravel(),
            verdicts=decision.verdict.ravel(),
            reasons=decision.reason.ravel(),
            natures=found.nature.ravel(),
            left=found.left.ravel(),
            right=found.right.ravel(),
            curves=made.curves.ravel(),
        )

    @classmethod
    def without_numbers(cls, block: Block, label: str, verdict: Verdict) -> BlockReport:
        """A block of which no entry could be compared."""
        nothing = np.empty(0)
        none = np.empty(0, dtype=object)
        return cls(
            block=block,
            label=label,
            verdict=verdict,
            analytic=nothing,
            numerical=nothing,
            error=nothing,
            resolutions=nothing,
            verdicts=none,
            reasons=none,
            natures=none,
            left=nothing,
            right=nothing,
            curves=none,
        )

    @property
    def name(self) -> str:
        """Name of the block."""
        return self.block.name

    @property
    def gradient(self) -> str:
        """Name of its gradient: ``dW1``, also where the user calls it by the parameter's name."""
        own = self.label not in (self.name, f"gradient of {self.name}")
        return self.label if own else f"d{self.name}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the block."""
        return self.block.shape

    def count(self, verdict: Verdict) -> int:
        """Number of entries with this verdict."""
        return int(np.sum(self.verdicts == verdict))

    @property
    def entries(self) -> int:
        """Number of entries that were compared."""
        return len(self.verdicts)

    @property
    def resolution(self) -> float:
        """Coarsest resolution of the entries that passed; NaN if none did."""
        resolved = (self.verdicts == Verdict.PASS) & (self.natures != Nature.KINK)
        passed = self.resolutions[resolved]
        return float(passed.max()) if passed.size else float("nan")

    def entry(self, i: int) -> Entry:
        """The entry at place `i` of the flat arrays."""
        return Entry(
            name=self.block.entry(i),
            index=self.block.index(i),
            verdict=self.verdicts[i],
            analytic=float(self.analytic[i]),
            numerical=float(self.numerical[i]),
            error=float(self.error[i]),
            resolution=float(self.resolutions[i]),
            nature=self.natures[i].value,
            reason=str(self.reasons[i]),
            left=float(self.left[i]),
            right=float(self.right[i]),
        )

    def worst(self, count: int = 1) -> list[Entry]:
        """The entries to look at first: wrong ones, then unclear ones, by how far they are off."""
        if not self.entries:
            return []
        order = worst_first(self.analytic, self.numerical, self.verdicts, self.resolutions)
        return [self.entry(int(i)) for i in order[:count]]

    @property
    def error_map(self) -> ErrorMap:
        """Relative error by place."""
        known = np.where(np.isfinite(self.error), self.numerical, np.nan)
        off = np.abs(self.analytic - self.numerical) > self.error
        skipped = off & (self.reasons == "skipped")
        return error_map(self.shape, self.analytic, known, self.verdicts, skipped)

    @property
    def curve(self) -> tuple[Entry, Curve] | None:
        """The worst entry, and what each step says of it; None if no steps were made for it."""
        places = [i for i, curve in enumerate(self.curves) if curve is not None]
        return (self.entry(places[0]), self.curves[places[0]]) if places else None

    @property
    def relative_error(self) -> float:
        """Largest difference of what was decided, as a share of the block's largest entry.

        NaN if nothing was.
        """
        known = np.isfinite(self.error) & np.isfinite(self.analytic)
        known &= (self.verdicts == Verdict.PASS) | (self.verdicts == Verdict.FAIL)
        if not known.any():
            return float("nan")
        analytic, numerical = self.analytic[known], self.numerical[known]
        largest = max(np.abs(analytic).max(), np.abs(numerical).max())
        return float(np.abs(analytic - numerical).max() / largest) if largest else 0.0

    @np.errstate(all="ignore")
    def size_of_mistake(self) -> str:
        """How wrong the failing entries are, in a few words."""
        wrong = (self.verdicts == Verdict.FAIL) & np.isfinite(self.numerical)
        wrong &= np.isfinite(self.analytic)
        count = self.count(Verdict.FAIL)
        text = f"{count} of {self.entries} {'entry' if self.entries == 1 else 'entries'} wrong"
        off = np.abs(self.analytic - self.numerical) > self.error
        if ((self.reasons == "skipped") & off).any():
            text = f"at least {text}"
        if not wrong.any():
            return text
        analytic, numerical = self.analytic[wrong], self.numerical[wrong]
        if not analytic.any():
            return f"{text}: 0 where it should not be"
        # Entries too small to show a ratio say nothing about one.
        clear = np.abs(numerical) > 1e3 * self.error[wrong]
        if clear.any():
            ratio = analytic[clear] / numerical[clear]
            middle = float(np.median(ratio))
            spread = self.error[wrong][clear] / np.abs(numerical[clear]) * np.abs(ratio)
            # Ratios that are all nearly 1 are one factor only if they differ less from each other.
            blur = np.minimum(4 * spread + 1e-6 * np.abs(middle), np.abs(middle - 1) / 4)
            alike = (np.abs(ratio - middle) <= blur).all()
            # Of a triangle that is transposed, these may be 0 and only the others not.
            if alike and middle != 0:
                if abs(middle - 1) > 0.01:
                    return f"{text}: {_times(middle)}"
                return f"{text}, by the factor {middle:.9g}"
        off = np.abs(analytic - numerical).max()
        largest = np.abs(self.numerical[np.isfinite(self.numerical)]).max()
        share = f" ({off / largest:.2g} of the largest)" if largest > 0 else ""
        return f"{text}, by up to {off:.3g}{share}"

    def to_dict(self) -> dict[str, Any]:
        """The block as plain data."""
        worst = self.worst()
        return {
            "verdict": str(self.verdict),
            "label": self.label,
            "shape": list(self.shape),
            "entries": self.entries,
            "passed": self.count(Verdict.PASS),
            "failed": self.count(Verdict.FAIL),
            "inconclusive": self.count(Verdict.INCONCLUSIVE) + self.count(Verdict.KINK),
            "kinks": self.count(Verdict.KINK),
            "resolution": plain(self.resolution),
            "worst": worst[0].to_dict() if worst else None,
            **(self.picture() if self.verdict != Verdict.PASS else dict.fromkeys(PICTURE)),
        }

    def picture(self) -> dict[str, Any]:
        """What pictures need: errors by place, and the step curve of the worst entry."""
        data: dict[str, Any] = dict.fromkeys(PICTURE)
        if self.entries:
            data |= self.error_map.to_dict()
        if self.curve:
            entry, curve = self.curve
            parts = ("name", "analytic", "numerical", "error")
            data["curve"] = {name: plain(getattr(entry, name)) for name in parts}
            data["curve"] |= {name: plain(value) for name, value in vars(curve).items()}
        return data


PICTURE = ("errors", "verdicts", "tile", "curve")
"""Fields of `BlockReport.picture`."""


def _times(ratio: float) -> str:
    if ratio < 0:
        return "the sign is wrong" if abs(ratio + 1) < 1e-6 else f"{ratio:.6g} times what is due"
    if ratio > 1:
        return f"{ratio:.6g} times too large"
    return f"{1 / ratio:.6g} times too small"


def plain(value: Any) -> Any:
    """A value that JSON can hold; what is not finite becomes None."""
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value]
    return value
