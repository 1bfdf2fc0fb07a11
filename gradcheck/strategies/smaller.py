"""The search for a failure begun anew at smaller sizes, where Hypothesis stops at larger ones.

>>> from gradcheck.strategies.parser import parse
>>> sizes = Sizes(parse("W: n k; X: k m"))
>>> smaller(sizes, {"n": 1, "k": 4, "m": 3}, lambda narrow: ("found", {"n": 1, "k": 2, "m": 2}))
'found'

Hypothesis lowers a choice and looks whether the failure stays. Where a sum of products has to be
large, it stays for no size below unless the entries grow at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from gradcheck.strategies.sizes import Sizes

__all__ = ["MORE", "smaller"]

Found = TypeVar("Found")

FEW = 2
"""A size that is small enough."""

MORE = 2
"""How many times as much is drawn in one search as in the test: large entries are rare."""


def smaller(
    sizes: Sizes,
    failed: Mapping[str, int],
    search: Callable[[Sizes], tuple[Found, Mapping[str, int]] | None],
) -> Found | None:
    """A failure with fewer sizes above 2, or None if there is none to be found.

    Parameters
    ----------
    sizes : Sizes
    failed : mapping of str to int
        At which a failure was found.
    search : callable
        Looks for one among other sizes, and gives it with the sizes at which it is.
    """
    at = {name: failed[name] for name in sizes.free}
    large = [name for name in at if at[name] > FEW]
    found = None
    # All of them at once, and if that is too few one by one.
    for names in [large, *([name] for name in large if len(large) > 1)]:
        still = [name for name in names if at[name] > FEW]
        narrow = sizes.within({**at, **dict.fromkeys(still, FEW)}) if still else None
        seen = search(narrow) if narrow else None
        if seen:
            found, at = seen[0], {name: seen[1][name] for name in sizes.free}
    return found
