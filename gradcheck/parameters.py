"""Any structure of arrays <-> named blocks <-> one flat vector.

>>> layout, x = flatten({"W": np.ones((2, 2)), "b": np.zeros((2, 1))})
>>> [block.name for block in layout.blocks], x
(['W', 'b'], array([1., 1., 1., 1., 0., 0.]))
>>> layout.build(x + 1)["b"]
array([[1.],
       [1.]])

The checks compute with the flat vector alone; the user's functions see their own structure,
made anew for each call, so that nothing they do to it can reach the user's arrays.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.errors import InvalidInput, InvalidType

__all__ = ["ROOT", "Block", "Layout", "children", "flatten", "path_name", "rebuilt"]

ROOT = "x"
"""Name of the block when the parameters are one bare array without another name."""

Key = tuple[str, Any]
"""One step into a structure: the kind of container ("key", "index", "field") and the key."""


@dataclass(frozen=True)
class Block:
    """One named array of the parameters.

    Attributes
    ----------
    name : str
        Its place in the structure: ``W1``, ``layers[0].W``.
    shape : tuple of int
    dtype : numpy.dtype
    start, stop : int
        Its part of the flat vector. A complex array takes two places an entry, the real
        and the imaginary part.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    stop: int

    @property
    def slice(self) -> slice:
        """Its part of the flat vector."""
        return slice(self.start, self.stop)

    @property
    def size(self) -> int:
        """Number of real numbers in it."""
        return self.stop - self.start

    @property
    def is_complex(self) -> bool:
        """Whether its entries are complex."""
        return self.dtype.kind == "c"

    def entry(self, i: int) -> str:
        """Name of the real number at place `i` of the block, such as ``W1[2, 0]``."""
        position, part = divmod(i, 2) if self.is_complex else (i, -1)
        index = ", ".join(str(int(k)) for k in np.unravel_index(position, self.shape))
        suffix = ("", ".real", ".imag")[part + 1]
        return f"{self.name}[{index}]{suffix}" if self.shape else f"{self.name}{suffix}"

    def index(self, i: int) -> tuple[int, ...]:
        """Index into the array of the real number at place `i` of the block."""
        position = i // 2 if self.is_complex else i
        return tuple(int(k) for k in np.unravel_index(position, self.shape))


@dataclass(frozen=True)
class Layout:
    """Where each block lies in the flat vector, and how to build the structure from it.

    Attributes
    ----------
    blocks : tuple of Block
    size : int
        Length of the flat vector.
    params : object
        The user's own structure, to compare others with.
    make : callable
        Builds such a structure from views of a flat vector.
    """

    blocks: tuple[Block, ...]
    size: int
    params: Any
    make: Callable[[NDArray[Any]], Any]

    def build(self, x: NDArray[Any]) -> Any:
        """The user's structure with the values of `x`, in memory of its own.

        Parameters
        ----------
        x : ndarray, shape (size,) or (k, size)
            Real; or complex, which makes every block complex. With `k` points, each array has
            a first axis of that length.
        """
        return self.make(x.copy())

    @property
    def narrow(self) -> list[Block]:
        """Blocks that hold fewer digits than the flat vector."""
        eps = min(np.finfo(block.dtype).eps for block in self.blocks)
        eps = min(eps, np.finfo(np.float64).eps)
        return [block for block in self.blocks if np.finfo(block.dtype).eps > eps]

    def nearest(self, points: NDArray[Any]) -> NDArray[Any]:
        """`points`, shape (..., size), rounded to what the blocks' dtypes can hold."""
        for block in self.narrow:
            part = points[..., block.slice]
            part[...] = part.astype(_real_dtype(block.dtype))
        return points

    @np.errstate(all="ignore")
    def spacing(self, x: NDArray[Any]) -> NDArray[Any]:
        """Distance from each entry of `x` to the next number that its block can hold."""
        spacing = np.spacing(np.abs(x))
        for block in self.narrow:
            part = np.abs(x[block.slice]).astype(_real_dtype(block.dtype))
            spacing[block.slice] = np.spacing(part)
        return spacing


def flatten(params: Any, root: str = ROOT) -> tuple[Layout, NDArray[Any]]:
    """Named blocks of `params`, and all their numbers in one vector.

    Parameters
    ----------
    params : array, or mapping, sequence, NamedTuple or dataclass of such, nested
        Leaves are arrays of floats or complex numbers, or single such numbers.
    root : str
        Name of the block if the parameters are one bare array.

    Returns
    -------
    layout : Layout
    x : ndarray, shape (layout.size,)
        float64, or longer if a block is.

    Raises
    ------
    InvalidType
        If a leaf is not an array of floats: integers, objects, masked arrays, None.
    InvalidInput
        If a leaf is not finite, or if there is none.
    """
    blocks: list[Block] = []
    parts: list[NDArray[Any]] = []

    def walk(node: Any, path: tuple[Key, ...]) -> Callable[[NDArray[Any]], Any]:
        below = children(node)
        if below is not None:
            makers = [walk(child, (*path, key)) for key, child in below]
            kind = type(node)
            if kind is dict:  # by far the most frequent, and built at every evaluation
                keyed = list(zip(node, makers, strict=True))
                return lambda x: {key: make(x) for key, make in keyed}
            if isinstance(node, tuple):
                return lambda x: tuple.__new__(kind, [make(x) for make in makers])
            return lambda x: rebuilt(node, [make(x) for make in makers])
        name = path_name(path) if path else root
        array = _leaf(name, node)
        flat: NDArray[Any] = array.ravel()
        if array.dtype.kind == "c":
            flat = np.ascontiguousarray(flat).view(_real_dtype(array.dtype))
        start = blocks[-1].stop if blocks else 0
        blocks.append(Block(name, array.shape, array.dtype, start, start + flat.size))
        parts.append(flat)
        return _leaf_maker(node, blocks[-1])

    try:
        make = walk(params, ())
    except RecursionError:
        raise InvalidInput("params: nested too deeply, or a container holds itself") from None
    if not blocks:
        raise InvalidInput(
            f"params: expected at least one array, got {type(params).__name__} without any"
        )
    names = [block.name for block in blocks]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise InvalidInput(f"params: two arrays go by the name `{double}`; rename a key")
    dtype = np.result_type(np.float64, *(part.dtype for part in parts))
    x = np.concatenate([part.astype(dtype) for part in parts])
    return Layout(tuple(blocks), x.size, params, make), x


def children(node: Any) -> list[tuple[Key, Any]] | None:
    """Keys and values of a container, or None if `node` is a leaf."""
    if isinstance(node, Mapping):
        return [(("key", key), value) for key, value in node.items()]
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return [(("field", name), getattr(node, name)) for name in node._fields]
    if isinstance(node, (list, tuple)):
        return [(("index", i), value) for i, value in enumerate(node)]
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return [(("field", f.name), getattr(node, f.name, None)) for f in dataclasses.fields(node)]
    return None


def rebuilt(node: Any, values: list[Any]) -> Any:
    """A container like `node` with other values for its `children`, in their order."""
    kind = type(node)
    if isinstance(node, Mapping):
        pairs = dict(zip(node, values, strict=True))
        if kind is dict:
            return pairs
        if not isinstance(node, MutableMapping):
            return kind(pairs)
        # A copy keeps what a subclass has beside its items, such as a default.
        made = copy.copy(node)
        made.update(pairs)
        return made
    if isinstance(node, tuple):
        return tuple.__new__(kind, values)
    if isinstance(node, list):
        if kind is list:
            return values
        like = copy.copy(node)
        like[:] = values
        return like
    twin = copy.copy(node)
    for field, value in zip(dataclasses.fields(node), values, strict=True):
        object.__setattr__(twin, field.name, value)
    return twin


def path_name(path: tuple[Key, ...]) -> str:
    """How a place in a structure is written: ``W1``, ``layers[0].W``, ``x`` for the whole."""
    if not path:
        return ROOT
    name = ""
    for kind, key in path:
        if kind == "index" or not isinstance(key, str):
            name += f"[{key!r}]"
        else:
            name += f".{key}" if name else key
    return name


def _leaf(name: str, node: Any) -> NDArray[Any]:
    """The leaf as an array of floats, or an error that says why it cannot be one."""
    if isinstance(node, np.ma.MaskedArray):
        raise InvalidType(
            f"`{name}` is a masked array, expected plain numbers; "
            "fill the masked entries or leave them out of the parameters"
        )
    if not isinstance(node, (np.ndarray, np.generic, float, complex, int)):
        raise InvalidType(
            f"`{name}` is {_article(type(node).__name__)}, expected a numpy array of floats; "
            "make it one with np.asarray(...), and hand what is no parameter over in `args`"
        )
    array = np.asarray(node)
    if array.dtype.kind in "iub":
        raise InvalidType(
            f"`{name}` has dtype {array.dtype}, expected floats: a small step from a whole "
            "number is not a whole number; cast it with .astype(float)"
        )
    if array.dtype.kind not in "fc":
        raise InvalidType(f"`{name}` has dtype {array.dtype}, expected floats")
    if not np.isfinite(array).all():
        index = ", ".join(str(int(i)) for i in np.argwhere(~np.isfinite(array))[0])
        place = f"`{name}[{index}]`" if index else f"`{name}`"
        count = int(np.count_nonzero(~np.isfinite(array)))
        raise InvalidInput(
            f"{place} is {array[~np.isfinite(array)][0]} ({count} of {array.size} entries are not "
            "finite); a derivative exists only at a finite point"
        )
    return array


def _article(noun: str) -> str:
    return "None" if noun == "NoneType" else f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _leaf_maker(node: Any, block: Block) -> Callable[[NDArray[Any]], Any]:
    """How to turn a block's part of the flat vector into a leaf like `node`."""
    part, shape, dtype = block.slice, block.shape, block.dtype
    real = _real_dtype(dtype)

    def array(x: NDArray[Any]) -> NDArray[Any]:
        if x.ndim == 1 and x.dtype == dtype:
            return x[part].reshape(shape)
        numbers = x[..., part]
        if x.dtype.kind != "c":
            numbers = numbers.astype(real, copy=False)
            numbers = numbers.view(dtype) if block.is_complex else numbers
        return numbers.reshape(x.shape[:-1] + shape)

    if isinstance(node, np.ndarray):
        kind = type(node)
        if kind not in (np.ndarray, np.memmap):
            return lambda x: array(x).view(kind)
        return array
    if isinstance(node, np.generic):
        return lambda x: array(x)[()]
    return lambda x: array(x).item() if x.ndim == 1 else array(x)


def _real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.empty(0, dtype).real.dtype
