"""What a check says at a larger point, since at sizes of 1 and 2 many mistakes look the same.

>>> from gradcheck.check import check_gradient
>>> def check(arrays):
...     return check_gradient(np.sum, lambda x: x.size * np.ones_like(x), arrays["x"])
>>> small = Arrays({"x": np.ones(2)}, {"n": 2})
>>> larger = Larger(lambda: Arrays({"x": np.arange(3.0)}, {"n": 3}), check)
>>> larger.says(small, check(small))
'FAIL: `gradient of x` is 3 times too large; 3 = length of x: a sum where the mean is due (at n=3)'
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from gradcheck.report import GradientReport
from gradcheck.strategies.domains import Arrays
from gradcheck.verdict import Verdict
from gradcheck.watch import unheard

__all__ = ["Larger", "sizes_in_short"]


class Larger:
    """A larger point for the failures of one run, at which is checked once.

    Parameters
    ----------
    arrays : callable
        Makes the point.
    check : callable
        Gives the report of some arrays.
    """

    def __init__(
        self, arrays: Callable[[], Arrays], check: Callable[[Arrays], GradientReport]
    ) -> None:
        self._arrays, self._check = arrays, check
        self._found: tuple[str, str] | None = None

    def says(self, arrays: Arrays, report: GradientReport) -> str:
        """The headline there, or of the first failure if it passes; empty if it is the same."""
        if self._found is None:
            self._found = self._at(self._arrays()) or (sizes_in_short(arrays), _headline(report))
        where, said = self._found
        same = said == _headline(report) or where == sizes_in_short(arrays)
        return "" if same else f"{said} (at {where})"

    def _at(self, larger: Arrays) -> tuple[str, str] | None:
        try:
            with unheard():
                report = self._check(larger)
        except Exception:
            return None
        failed = report.verdict == Verdict.FAIL
        return (sizes_in_short(larger), _headline(report)) if failed else None


def sizes_in_short(arrays: Arrays) -> str:
    """Sizes of the dimensions, such as ``n=2, m=3``."""
    return ", ".join(f"{name}={n}" for name, n in arrays.sizes.items()) or "no sizes"


def _headline(report: GradientReport) -> str:
    """The first line of its text, with the lines that continue it."""
    first, *others = str(report).splitlines()
    more = itertools.takewhile(lambda line: line.startswith(" " * 4), others)
    return " ".join([first, *(line.strip() for line in more)])
