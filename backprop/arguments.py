"""What may come in: one wording for every complaint about an argument.

`checked` returns its arguments as they came, or raises a `ValueError` or `TypeError` that
says which argument is wrong, what came, what was expected, and what usually causes it.
The equations in `network` then hold without any further test.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NO_TARGETS", "checked", "checked_number"]

Array = NDArray[Any]
Elementwise = Callable[[Array], Array]

NAMES = ("W1", "b1", "W2", "b2")
DIMENSIONS = {
    "W1": ("n1", "n0"),
    "b1": ("n1", "1"),
    "W2": ("n2", "n1"),
    "b2": ("n2", "1"),
    "X": ("n0", "m"),
    "Y": ("n2", "m"),
}


NO_TARGETS: Any = object()
"""Given for `Y` by the functions that need none."""


def checked(
    parameters: Sequence[Array],
    X: Array,
    Y: Array,
    g1: tuple[Elementwise, Elementwise],
    l2: float = 0.0,
) -> tuple[tuple[Array, Array, Array, Array], Array, Array, tuple[Elementwise, Elementwise], float]:
    """The arguments of the network's functions, if they can be what they should be.

    Parameters
    ----------
    parameters : four arrays, shapes (..., n1, n0), (..., n1, 1), (..., n2, n1), (..., n2, 1)
    X : ndarray, shape (n0, m)
    Y : ndarray, shape (n2, m), or `NO_TARGETS`
    g1 : pair of callables
    l2 : float

    Returns
    -------
    tuple
        ``(W1, b1, W2, b2), X, Y, (g, g'), l2``. The pair is guarded: a result of another
        shape than its argument raises.

    Raises
    ------
    TypeError
        If an argument is not an array of floats, or not of the right kind.
    ValueError
        If an array has a wrong shape, is empty, or is not finite; if `Y` leaves [0, 1].
    """
    if not isinstance(parameters, Sequence):
        hint = "; a dict becomes one with Parameters(**parameters)"
        raise TypeError(
            f"parameters: expected Parameters(W1, b1, W2, b2), got {type(parameters).__name__}"
            + (hint if isinstance(parameters, Mapping) else "")
        )
    if len(parameters) != 4:
        raise ValueError(
            f"parameters: expected the four arrays W1, b1, W2, b2, got {len(parameters)}"
        )
    sizes: dict[str, int] = {"1": 1}
    W1, b1, W2, b2 = parameters
    for name, A in zip(NAMES, parameters, strict=True):
        _check_array(name, A, sizes, complex_too=True)
    if not W1.ndim == b1.ndim == W2.ndim == b2.ndim == 2:
        _check_leading_axes(parameters)
    _check_array("X", X, sizes)
    if Y is not NO_TARGETS:
        _check_array("Y", Y, sizes)
        if not (Y.min() >= 0 and Y.max() <= 1):
            raise ValueError(
                f"Y has values from {Y.min():.6g} to {Y.max():.6g}, expected [0, 1]: "
                "targets are probabilities; labels such as -1 and 1 become (Y + 1) / 2"
            )
    l2 = checked_number("l2", l2, at_least=0.0)
    return (W1, b1, W2, b2), X, Y, _guarded(g1), l2


def checked_number(name: str, value: float, *, at_least: float, strictly: bool = False) -> float:
    """`value` as a float if it is a finite real number of the range, else an error.

    Parameters
    ----------
    name : str
    value : float
    at_least : float
        Smallest value allowed, or with `strictly` the largest one that is not.
    strictly : bool

    Raises
    ------
    TypeError
        If `value` is not a real number.
    ValueError
        If it is not finite, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: expected a number, got {value!r} ({type(value).__name__})")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number < at_least or (strictly and number == at_least):
        bound = "greater than" if strictly else "at least"
        raise ValueError(f"{name}: expected a finite number {bound} {at_least:g}, got {value!r}")
    return number


def _check_array(name: str, A: Any, sizes: dict[str, int], complex_too: bool = False) -> None:
    if type(A) is not np.ndarray and (
        not isinstance(A, np.ndarray) or isinstance(A, (np.matrix, np.ma.MaskedArray))
    ):
        masked = isinstance(A, np.ma.MaskedArray)
        raise TypeError(
            f"{name}: expected a plain numpy array of floats, got {type(A).__name__}; "
            + ("fill the masked entries first" if masked else "np.array([[...]]) makes one")
        )
    kind = A.dtype.kind
    if kind != "f" and not (complex_too and kind == "c"):
        raise TypeError(f"{name} has dtype {A.dtype}, expected floats: {_kind_words(kind)}")
    if A.ndim < 2 or (A.ndim > 2 and name not in NAMES):
        raise ValueError(_shape_error(name, A, sizes))
    if A.size == 0:
        raise ValueError(_shape_error(name, A, sizes))
    (rows, columns), (n, k) = DIMENSIONS[name], A.shape[-2:]
    if sizes.get(rows, n) != n or sizes.get(columns, k) != k:
        raise ValueError(_shape_error(name, A, sizes))
    sizes[rows], sizes[columns] = n, k
    # A finite sum of squares shows that all terms are finite, at a third of the price.
    if not cmath.isfinite(np.vdot(A, A)) and not np.isfinite(A).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(A))[0])
        place = f"{name}[{', '.join(map(str, index))}]"
        raise ValueError(
            f"{name} is not finite: {place} is {A[index]}; an overflow, a division by zero or "
            "a missing value in the data are the usual causes"
        )


def _kind_words(kind: str) -> str:
    if kind in "iub":
        return "whole numbers lose every small change; cast with .astype(float)"
    if kind == "c":
        return "only parameters may be complex"
    return "it holds something else than numbers"


def _shape_error(name: str, A: Array, sizes: dict[str, int]) -> str:
    expected = _shape_words(name, sizes)
    return f"{name} has shape {A.shape}, expected {expected}: {_cause(name, A, sizes)}"


def _shape_words(name: str, sizes: dict[str, int]) -> str:
    """The shape that `name` must have, by letters and with the sizes known so far."""
    dimensions = DIMENSIONS[name]
    letters = f"({', '.join(dimensions)})"
    if all(d in sizes for d in dimensions):
        return f"{letters} = ({', '.join(str(sizes[d]) for d in dimensions)})"
    given = ", ".join(f"{d}={sizes[d]}" for d in dimensions if d in sizes and d != "1")
    return f"{letters} with {given}" if given else letters


def _cause(name: str, A: Array, sizes: dict[str, int]) -> str:
    """What usually makes a shape like that of `A`."""
    rows, columns = (sizes.get(d) for d in DIMENSIONS[name])
    if A.size == 0:
        return "it is empty, but every dimension is at least 1"
    if A.ndim == 1 and name.startswith("b"):
        return (
            "a bias is a column, and a rank-1 array would broadcast along the examples; "
            "np.sum without keepdims=True makes such arrays, .reshape(-1, 1) mends them"
        )
    if A.ndim == 1:
        return f"a rank-1 array; one row is {name}.reshape(1, -1), one column .reshape(-1, 1)"
    if A.ndim == 0:
        return "a single number; np.array([[x]]) has two axes"
    if A.ndim > 2 and name in ("X", "Y"):
        return "only parameters may have leading axes"
    turned = A.shape[-1] == rows or (rows is None and columns is not None)
    if turned and (columns is None or A.shape[-2] == columns):
        if name.startswith("b"):
            return f"a row where a column was due; transpose it with {name}.T"
        return f"it looks transposed (examples and inputs are columns); try {name}.T"
    if name == "X":
        return "W1 has as many columns as X has rows, one for each input"
    if name == "Y":
        return "Y has a row for each output (rows of W2) and a column for each example of X"
    if name == "W2":
        return "W2 has as many columns as W1 has rows, one for each hidden unit"
    weights = tuple(sizes[d] for d in DIMENSIONS[f"W{name[1:]}"])
    return f"{name} has one column, and a row for each row of W{name[1:]}, of shape {weights}"


def _check_leading_axes(parameters: Sequence[Array]) -> None:
    try:
        np.broadcast_shapes(*(A.shape[:-2] for A in parameters))
    except ValueError:
        shapes = ", ".join(f"{name} {A.shape}" for name, A in zip(NAMES, parameters, strict=True))
        raise ValueError(
            f"parameters: their leading axes do not broadcast together: {shapes}"
        ) from None


def _guarded(g1: tuple[Elementwise, Elementwise]) -> tuple[Elementwise, Elementwise]:
    if not isinstance(g1, tuple) or len(g1) != 2 or not all(callable(g) for g in g1):
        raise TypeError(
            "g1: expected a pair of callables (g, g'), such as backprop.tanh, "
            f"backprop.ACTIVATIONS['tanh'] or (np.sin, np.cos), got {g1!r}"
        )
    return _same_shape(g1[0], "g"), _same_shape(g1[1], "g'")


def _same_shape(g: Elementwise, name: str) -> Elementwise:
    def guarded(Z: Array) -> Array:
        A = g(Z)
        if getattr(A, "shape", None) != Z.shape:
            came = f"shape {A.shape}" if hasattr(A, "shape") else type(A).__name__
            raise ValueError(
                f"g1: its {name} returned {came} for Z1 of shape {Z.shape}; "
                "an activation works elementwise and returns one value for each entry"
            )
        return A

    return guarded
