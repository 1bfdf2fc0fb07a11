"""The user's callables, guarded: called on flat vectors, counted, and never trusted.

Each call gets parameters of its own (writable, since code that works in place on its
argument is common and compiled code may refuse read-only memory) and its own view of the
data, so that nothing it does can change the user's arrays or the next call. Results are
copied at once: a function that returns one buffer each time would otherwise make every
difference zero.
"""

from __future__ import annotations

import functools
import inspect
import numbers
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.exceptions import ComplexWarning
from numpy.typing import NDArray

from gradcheck.bounds import Bounds
from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.parameters import ROOT, Layout, children, rebuilt

__all__ = [
    "AT_ONCE",
    "Cost",
    "Function",
    "as_scalar",
    "copy_arrays",
    "in_short",
    "parameter_name",
    "split_pair",
]


def parameter_name(call: Any) -> str:
    """What a cost calls its parameters, by its first argument; ``x`` where no name is its own.

    >>> parameter_name(lambda w: w**2)
    'w'
    >>> parameter_name(np.sum)
    'x'
    """
    function = call
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function) and callable(function):
        function = function.__call__
    if not inspect.isfunction(function) and not inspect.ismethod(function):
        return ROOT
    try:
        first = next(iter(inspect.signature(call).parameters.values()), None)
    except (TypeError, ValueError):
        return ROOT
    positional = first is not None and first.kind in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    )
    return first.name if first and positional and not first.name.startswith("_") else ROOT


class Function:
    """A callable of the user's, as a function of the flat vector.

    Parameters
    ----------
    name : str
        What messages call it.
    call : callable
        ``call(params, *args)``.
    layout : Layout
        How to build `params`.
    args : tuple
        Further arguments; arrays in them are copied before the first call.

    Attributes
    ----------
    evaluations : int
        Calls made so far.
    changed : set of str
        Names of the arguments that a call was seen to change.
    more : bool
        Whether a gradient may hold others beside those of the parameters.
    """

    more: bool = False

    def __init__(
        self, name: str, call: Callable[..., Any], layout: Layout, args: tuple[Any, ...] = ()
    ) -> None:
        if not callable(call):
            raise InvalidType(f"`{name}`: expected a callable, got {type(call).__name__}")
        if not isinstance(args, (tuple, list)):
            raise InvalidType(
                f"`args`: expected a tuple of arguments, got {type(args).__name__}; "
                "for a single one write args=(X,)"
            )
        self.name = name
        self.call = call
        self.layout = layout
        self.args = copy_arrays(args)
        self.evaluations = 0
        self.changed: set[str] = set()

    def __call__(self, x: NDArray[Any]) -> Any:
        """The user's own result at `x`, and the user's own exceptions."""
        self.evaluations += 1
        args = copy_arrays(self.args) if "args" in self.changed else self.args
        return self.call(self.layout.build(x), *args)

    def watched(self, x: NDArray[Any]) -> tuple[Any, Any]:
        """Result at the point of the check, and the parameters that were handed out.

        Raises
        ------
        InvalidInput
            From the user's exception, if there is one.
        """
        self.evaluations += 1
        params = self.layout.build(x)
        args = copy_arrays(self.args)
        try:
            result = self.call(params, *args)
        except InvalidInput:
            raise
        except Exception as error:
            name, _, text = in_short(error).partition(": ")
            raise InvalidInput(
                f"`{self.name}` raised {name} at the point of the check" + (text and f": {text}")
            ) from error
        if not _same_arrays(params, self.layout.build(x)):
            self.changed.add("params")
        if not _same_arrays(args, self.args):
            self.changed.add("args")
        return result, params


AT_ONCE = 64
"""Points of one call of a vectorized cost: more of them fill the cache and gain nothing."""


class Cost(Function):
    """A scalar function of the flat vector; where it is not finite or raises, NaN.

    Attributes
    ----------
    trouble : str
        What the first call off the point that gave no number did: ``raised ...``, ``returned ...``.
    eps : float
        Rounding unit of the values: that of double precision unless they come in another.
    bounds : Bounds
        Where it may be called.
    vectorized : bool
        Whether it takes many points at once, along a first axis of every parameter.
    """

    trouble: str = ""
    eps: float = 2.0**-52
    bounds: Bounds = Bounds()
    vectorized: bool = False

    def at_point(self, x: NDArray[Any]) -> Any:
        """The raw result at the point of the check; its dtype tells the rounding unit."""
        result, _ = self.watched(x)
        dtype = getattr(result, "dtype", None)
        if isinstance(dtype, np.dtype) and dtype.kind == "f":
            self.eps = max(self.eps, float(np.finfo(dtype).eps))
        return result

    def value(self, x: NDArray[Any]) -> float:
        """The cost at one point of the flat vector."""
        try:
            result = self(x)
        except Exception as error:
            self.trouble = self.trouble or f"raised {in_short(error)}"
            return np.nan
        try:
            return as_scalar(result)
        except InvalidType as error:
            self.trouble = self.trouble or f"returned {error}"
            return np.nan

    def values(self, points: NDArray[Any]) -> NDArray[Any]:
        """The cost at many points.

        Parameters
        ----------
        points : ndarray, shape (k, n)
            Outside the bounds the cost is not called.

        Returns
        -------
        ndarray, shape (k,)
            NaN where the cost raised or returned what is no finite number.
        """
        # A cost may well overflow a step away from the point; that is an answer, no warning.
        inside = self.bounds.contain(points)
        found = np.full(len(points), np.nan)
        with np.errstate(all="ignore"):
            found[inside] = self._values(points[inside])
        found[~np.isfinite(found)] = np.nan
        return found

    def _values(self, points: NDArray[Any]) -> Any:
        if not self.vectorized:
            return [self.value(x) for x in points]
        parts = [points[k : k + AT_ONCE] for k in range(0, len(points), AT_ONCE)]
        return np.concatenate([np.empty(0), *(self._at_once(part) for part in parts)])

    def _at_once(self, points: NDArray[Any]) -> Any:
        """The cost at some points from one call; one by one where that raises."""
        self.evaluations += len(points) - 1
        try:
            found = np.array(self(points), dtype=float)
        except Exception:
            self.evaluations -= len(points)
            return [self.value(x) for x in points]
        if found.shape != (len(points),):
            raise InvalidInput(
                f"with vectorized=True `cost` takes {len(points)} points along a first axis of "
                f"each parameter and returns as many values, but it returned shape {found.shape}"
            )
        return found

    def compare_at_once(self, x: NDArray[Any], value: float) -> None:
        """Raise unless a call for two points gives what single calls give.

        Raises
        ------
        InvalidInput
            If it does not, so that `vectorized` cannot be meant.
        """
        pair = self._values(np.stack([x, x]))
        if not np.allclose(pair, value, rtol=1e-6, atol=0):
            raise InvalidInput(
                "with vectorized=True, which `cost` may have as an attribute, it gave "
                f"{pair[0]:.12g} for a point that by itself has {value:.12g}"
            )

    def complex_values(self, points: NDArray[Any]) -> NDArray[Any]:
        """The cost at many complex points; NaN where it does not give a complex number.

        Parameters
        ----------
        points : ndarray of complex, shape (k, n)

        Returns
        -------
        ndarray of complex, shape (k,)
        """
        with np.errstate(all="ignore"), warnings.catch_warnings():
            # Code that drops an imaginary part says so by a warning; all others stay unsaid.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", ComplexWarning)
            return np.array([self._complex_value(x) for x in points], dtype=complex)

    def _complex_value(self, x: NDArray[Any]) -> complex:
        if not self.bounds.contain(x.real):
            return np.nan
        try:
            value = self(x)
            if np.size(value) != 1 or not np.iscomplexobj(value):
                return np.nan
            return complex(np.asarray(value).item())
        except Exception:
            return np.nan


def in_short(error: Exception) -> str:
    """Type and first line of an exception."""
    first = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first[:160]}" if first else type(error).__name__


def as_scalar(value: Any) -> float:
    """`value` as a float, if it is one real number: of any shape that has size 1.

    Raises
    ------
    InvalidType
        If it is anything else; the message says what.
    """
    if isinstance(value, float):
        return float(value)
    if value is None:
        raise InvalidType("None")
    if isinstance(value, (bool, np.bool_)):
        raise InvalidType("a truth value")
    if isinstance(value, (str, bytes)):
        raise InvalidType(f"the text {value!r}")
    if isinstance(value, (tuple, list, dict)):
        raise InvalidType(f"a {type(value).__name__} of length {len(value)}")
    if isinstance(value, np.ma.MaskedArray):
        raise InvalidType("a masked array")
    try:
        array = np.asarray(value)
        if array.dtype.kind == "c":
            raise InvalidType(f"a complex {'number' if array.ndim == 0 else 'array'}")
        if array.size != 1:
            raise InvalidType(f"shape {array.shape}")
        if array.dtype.kind in "fiu":
            return float(array.item())
        if array.dtype.kind == "b":
            raise InvalidType("a truth value")
        if array.dtype.kind in "SU":
            raise InvalidType(f"the text {array.item()!r}")
        if array.dtype.kind == "O" and isinstance(array.item(), numbers.Real):
            return float(array.item())
    except InvalidType:
        raise
    except Exception:
        pass
    raise InvalidType(f"an object of type {type(value).__name__}")


def split_pair(cost: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Cost and gradient of a callable that returns both, as with SciPy's ``jac=True``."""

    def pair(params: Any, *args: Any) -> Sequence[Any]:
        result = cost(params, *args)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise InvalidType(
                "with jac=True `cost` returns the pair (value, gradient), but it returned "
                f"{type(result).__name__}"
            )
        return result

    return lambda params, *args: pair(params, *args)[0], lambda params, *args: pair(params, *args)[
        1
    ]


def copy_arrays(node: Any, within: tuple[int, ...] = ()) -> Any:
    """`node` with each array in it copied, in containers of any depth.

    A container that holds itself, once more, is left as it is.
    """
    if isinstance(node, np.ndarray):
        return node.copy()
    below, within = children(node), (*within, id(node))
    if not below or not any(_holds_array(child, within) for _, child in below):
        return node
    copies = [child if id(child) in within else copy_arrays(child, within) for _, child in below]
    return rebuilt(node, copies)


def _holds_array(node: Any, within: tuple[int, ...]) -> bool:
    if isinstance(node, np.ndarray):
        return True
    if id(node) in within:
        return False
    return any(_holds_array(child, (*within, id(node))) for _, child in children(node) or ())


def _same_arrays(left: Any, right: Any) -> bool:
    """Whether two structures of one kind hold the same arrays, NaN equal to itself."""
    if left is right and not isinstance(left, np.ndarray):
        return True
    if isinstance(left, np.ndarray) != isinstance(right, np.ndarray):
        return False
    if isinstance(left, np.ndarray):
        if left.shape != right.shape:
            return False
        if left.dtype.kind in "fc":
            same_bits = left.tobytes() == right.tobytes()
            return same_bits or np.array_equal(left, right, equal_nan=True)
        return left.dtype.kind == "O" or np.array_equal(left, right)
    below, other = children(left), children(right)
    if below is None or other is None:
        return below is other
    return len(below) == len(other) and all(
        _same_arrays(a, b) for (_, a), (_, b) in zip(below, other, strict=True)
    )
