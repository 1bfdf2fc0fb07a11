"""Would a test turn red? Mistakes are planted in a gradient, and those that are seen counted.

>>> def run(passing):
...     return passing(np.array([1.0, 2.0])).sum() != 3.0  # a test by the sum alone
>>> places = [("sign", "x"), ("not summed", "x")]
>>> trials = list(plant(run, places))
>>> [trial.mistake for trial in trials if not trial.caught]
['not summed']

What comes in is a function that runs the user's check or test with a gradient that has been
tampered with (`mistakes`), and says whether that turned it red. `planting` reaches the
gradients of all checks made inside of a ``with`` statement.
"""

from __future__ import annotations

import functools
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from gradcheck.audit.mistakes import MISTAKES, Passing, Planted
from gradcheck.watch import altering

__all__ = ["Red", "Trial", "plant", "planting", "stopping", "text", "to_dict"]

CLAIMS = {"gradient": "grad", "vjp": "backward", "jacobian": "jac", "hessian": "hess"}
"""By what a check is of, the argument that is the user's claim."""


@dataclass(frozen=True)
class Trial:
    """One mistake, planted once.

    Attributes
    ----------
    mistake, block : str
        Which, and in which block of the gradient.
    where : str
        The test that was run; empty for a check of the command line.
    caught : bool
    """

    mistake: str
    block: str
    where: str
    caught: bool


def planting(passing: Passing) -> Any:
    """A context in which the gradients of all checks go through `passing`."""

    def change(check: str, arguments: dict[str, Any]) -> dict[str, Any]:
        noun = check.partition("_")[2]
        name = "cost" if noun == "gradient" and arguments.get("jac") else CLAIMS[noun]
        claim = arguments.get(name)
        if callable(claim):
            return {**arguments, name: passing.wrapped(claim, pair=name == "cost")}
        if claim is None:
            return arguments
        return {**arguments, name: passing(claim, [v for k, v in arguments.items() if k != name])}

    return altering(change)


class Red(BaseException):
    """A property test has failed, and need not look for a smaller example."""


@contextmanager
def stopping(test: Any) -> Iterator[None]:
    """Let a property test end by raising `Red` at its first failing example.

    Other tests are as always. What Hypothesis says by itself, of slow draws for instance, is no
    failure of the test.
    """
    handle = getattr(test, "hypothesis", None)
    if handle is None:
        yield
        return
    inner, own = handle.inner_test, sys.modules["hypothesis.errors"].HypothesisException

    @functools.wraps(inner)
    def once(*args: Any, **kwargs: Any) -> Any:
        try:
            return inner(*args, **kwargs)
        except own:
            raise
        except Exception as error:
            raise Red from error

    handle.inner_test = once
    try:
        yield
    finally:
        handle.inner_test = inner


def plant(
    run: Callable[[Planted], bool], places: Sequence[tuple[str, str]], where: str = ""
) -> Iterator[Trial]:
    """Plant one mistake after the other, and run with it.

    Parameters
    ----------
    run : callable
        Hands the gradient through what it is given, and returns whether that was noticed.
    places : sequence of pair of str
        Mistakes and blocks, as `mistakes.Seen` finds them.
    where : str
        Of the trials.

    Yields
    ------
    Trial
        Those alone in which the mistake made a difference to the gradient.
    """
    for mistake, block in places:
        planted = Planted(MISTAKES[mistake], block)
        caught = run(planted)
        if planted.changed:
            yield Trial(mistake, block, where, caught)


def text(trials: Sequence[Trial]) -> str:
    """The share caught, by kinds of mistake, and what survived."""
    return "\n".join(_lines(trials))


def _lines(trials: Sequence[Trial]) -> Iterator[str]:
    if not trials:
        yield "nothing was audited"
        return
    planted = Counter(trial.mistake for trial in trials)
    caught = Counter(trial.mistake for trial in trials if trial.caught)
    wide = max(map(len, planted))
    yield f"{'mistake':{wide}}  planted  caught"
    for name in _in_order(planted):
        yield f"{name:{wide}}  {planted[name]:7}  {caught[name]:6}"
    survivors = [trial for trial in trials if not trial.caught]
    for where in dict.fromkeys(trial.where for trial in survivors):
        here = [trial for trial in survivors if trial.where == where]
        names = dict.fromkeys(trial.mistake for trial in here)
        parts = [
            f"{name} ({', '.join(t.block for t in here if t.mistake == name)})" for name in names
        ]
        head = f"survived {where}: " if where else "survived: "
        yield textwrap.fill(head + ", ".join(parts), 100, subsequent_indent="  ")
    total = sum(caught.values())
    percent = 1000 * total // len(trials) / 10  # rounded down: 100 % is for all of them
    yield f"{total} of {len(trials)} planted mistakes were caught ({percent} %)"


def _in_order(names: Iterable[str]) -> list[str]:
    known = list(MISTAKES)
    return sorted(names, key=lambda name: known.index(name) if name in known else len(known))


def _share(trials: Sequence[Trial]) -> float:
    return sum(trial.caught for trial in trials) / len(trials)


def to_dict(trials: Sequence[Trial]) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "planted": len(trials),
        "caught": sum(trial.caught for trial in trials),
        "share": _share(trials) if trials else None,
        "trials": [asdict(trial) for trial in trials],
    }
