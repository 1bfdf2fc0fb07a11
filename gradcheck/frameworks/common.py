"""A function of another package, as a cost and a gradient of named numpy arrays.

What comes in is the user's function with its arguments; what goes out are `cost` and `gradient`
for `check_gradient`, and the point. An output of more than one number is multiplied by a random
cotangent. Many points are called for at once where `vmap` applies, which is what makes a check
of hundreds of entries quick: a call takes about as long for sixty points as for one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

import numpy as np

from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.findings import describe
from gradcheck.layers import checked_seed, random_cotangent
from gradcheck.parameters import flatten

__all__ = ["Arrays", "Framework", "package"]

Arrays = dict[str, Any]

MANY = 64
"""Entries from which on many points are called for at once: JAX has to compile that first, which
takes as long as some hundred calls."""


class Framework:
    """A function of another package, as a cost and a gradient of named numpy arrays.

    Attributes
    ----------
    name : str
        Of the function.
    params, data : dict of str to ndarray
        What is differentiated, and the arrays that are not.
    widened : bool
        Whether something had fewer digits before.
    cotangent : Cotangent
        By which the outputs are multiplied.
    """

    def __init__(self, function: Callable[..., Any], seed: int) -> None:
        if not callable(function):
            raise InvalidType(f"`function`: expected a callable, got {describe(function)}")
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.params: Arrays = {}
        self.data: Arrays = {}
        self.widened = False
        self.cotangent = Cotangent(checked_seed(seed))

    @property
    def is_single(self) -> bool:
        """Whether something is differentiated in less than double precision."""
        return any(np.finfo(array.dtype).eps > 1e-10 for array in self.params.values())

    @property
    def why(self) -> str:
        """Why it computes in single precision, if that is no wish of the caller's."""
        return ""

    def surroundings(self) -> AbstractContextManager[Any]:
        """The context in which all calls are made."""
        return nullcontext()

    def cost(self, params: Arrays) -> Any:
        """The number that is differentiated; of many points, along a first axis, many."""
        # A complex step from real numbers needs code that was meant for complex ones.
        if any(array.dtype.kind != self.params[name].dtype.kind for name, array in params.items()):
            raise InvalidType("called with real numbers alone")
        many = any(array.ndim > self.params[name].ndim for name, array in params.items())
        return self._costs(params) if many else self._cost(params)

    def gradient(self, params: Arrays) -> Arrays:
        """What the framework says its gradient is."""
        raise NotImplementedError

    def takes_many_at_once(self) -> bool:
        """Whether `vmap` applies to the function and gives what single calls give."""
        if sum(array.size for array in self.params.values()) < MANY:
            return False
        moved = {name: array * (1 + 2**-8) for name, array in self.params.items()}
        both = {name: np.stack([self.params[name], moved[name]]) for name in moved}
        try:
            one_by_one = np.array([self._cost(self.params), self._cost(moved)])
            together = self._costs(both)
        except Exception:
            return False
        close = 1e3 * np.finfo(one_by_one.dtype).eps * np.abs(one_by_one).max()
        return bool((np.abs(together - one_by_one) <= close).all())

    def _cost(self, params: Arrays) -> Any:
        raise NotImplementedError

    def _costs(self, params: Arrays) -> Any:
        raise NotImplementedError

    def _cotangents(self, outputs: list[Any], array: Callable[[Any], Any]) -> list[Any] | None:
        """One array for each output, the same in every call; None for a single number."""
        if not outputs:
            raise InvalidInput(f"`{self.name}` returned no array of floats to differentiate")
        first, *others = outputs
        if not others and math.prod(first.shape) == 1 and "complex" not in str(first.dtype):
            return None
        return self.cotangent.of(lambda: [array(output) for output in outputs])


class Cotangent:
    """Random arrays like the outputs of a function, drawn when they are first known."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._drawn: list[Any] | None = None

    def of(self, outputs: Callable[[], list[Any]]) -> list[Any]:
        """The arrays, one for each output."""
        if self._drawn is None:
            layout, _ = flatten(outputs())
            self._drawn = layout.build(random_cotangent(self._rng, layout))
        return self._drawn

    def redraw(self) -> bool:
        """Draw others at the next call; False if there were none."""
        drawn, self._drawn = self._drawn, None
        return drawn is not None


def package(module: str, name: str, extra: str) -> Any:
    """A package, or an `ImportError` that says how to get it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f"{name} is not installed; pip install 'gradcheck[{extra}]'") from error
