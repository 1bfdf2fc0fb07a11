"""Known mistakes, planted in any gradient that is right: what an audit is made with.

>>> planted = Planted(MISTAKES["sign"], "W")
>>> planted({"W": np.array([1.0, 2.0]), "b": 3.0})
{'W': array([-1., -2.]), 'b': 3.0}
>>> planted.changed
True

Each mistake changes one block: one array in a dict, sequence, NamedTuple, dataclass, nested as
one likes, or the array itself. Where it would change nothing, as a transpose of a symmetric
matrix, `Planted.changed` stays False: that such a mistake is not seen says nothing of a test.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.parameters import children, path_name, rebuilt

__all__ = ["MISTAKES", "Mistake", "Passing", "Planted", "Seen", "blocks_of", "is_pair"]

Array = NDArray[Any]

ERRORS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""Small relative errors: a mistake of 1e-6 passes tests that compare by ``rtol=1e-5``, the
default of np.allclose."""


@dataclass(frozen=True)
class Mistake:
    """One kind of mistake.

    Attributes
    ----------
    name : str
        Such as ``factor 2``.
    kind : str
        What a diagnosis calls it, for ``gradcheck explain``.
    change : callable
        ``change(block, size)`` gives the wrong block, or None where the mistake makes no sense.
        `size` is a number of examples, if the data show one.
    swaps : bool
        Whether the block gets the values of another one instead.
    """

    name: str
    kind: str
    change: Callable[[Array, int | None], Any] = lambda block, size: None
    swaps: bool = False


def _times_size(block: Array, size: int | None) -> Array | None:
    size = size or max(block.shape, default=1)
    return block * float(size) if size > 1 else None


def _not_summed(block: Array, size: int | None) -> Array | None:
    """One column for each example, whose sum is right."""
    size = size or 2
    if block.ndim == 2 and block.shape[1] == 1:
        return np.repeat(block / size, size, axis=1)
    return np.tile(block / size, (size, 1)) if block.ndim == 1 else None


def _without_axis(block: Array, _: int | None) -> Array | None:
    ones = [axis for axis, n in enumerate(block.shape) if n == 1]
    return block.squeeze(ones[-1]) if ones and block.ndim > 1 else None


def _summed(block: Array, _: int | None) -> Any:
    is_bias = block.ndim == 1 or (block.ndim == 2 and block.shape[1] == 1)
    return block.sum() if is_bias and block.size > 1 else None


def _shifted(block: Array, _: int | None) -> Array:
    largest = np.abs(block).max(initial=0.0)
    return block + (0.1 * largest or 1e-3)


def _at_largest(factor: float) -> Callable[[Array, int | None], Array]:
    """Multiplies the entry of the largest magnitude."""

    def change(block: Array, _: int | None) -> Array:
        wrong = block.copy()
        if block.size:
            wrong[np.unravel_index(int(np.argmax(np.abs(block))), block.shape)] *= factor
        return wrong

    return change


def _times(factor: float) -> Callable[[Array, int | None], Array]:
    return lambda block, _: block * factor


def _known() -> Iterator[Mistake]:
    yield Mistake("sign", "sign", _times(-1.0))
    yield Mistake("factor 2", "constant-ratio", _times(2.0))
    yield Mistake("factor of a size", "sum-for-mean", _times_size)
    yield Mistake("transposed", "transposed", lambda b, _: b.T if b.ndim == 2 else None)
    yield Mistake("not summed", "not-summed", _not_summed)
    yield Mistake("keepdims forgotten", "keepdims-forgotten", _without_axis)
    yield Mistake("summed over all axes", "summed-over-all-axes", _summed)
    yield Mistake("one entry zero", "single-entry", _at_largest(0.0))
    yield Mistake("block zero", "zero", _times(0.0))
    yield Mistake("swapped with another block", "swapped", swaps=True)
    yield Mistake("constant added", "constant-residual", _shifted)
    for error in ERRORS:
        yield Mistake(f"relative error {error:.0e}", "constant-ratio", _times(1 + error))
    for error in ERRORS:
        yield Mistake(
            f"relative error {error:.0e} in one entry", "single-entry", _at_largest(1 + error)
        )


MISTAKES = {mistake.name: mistake for mistake in _known()}
"""By their names, the coarse ones first."""


def is_pair(result: Any) -> bool:
    """Whether a result is ``(value, gradient)``: one number, then something."""
    if not isinstance(result, tuple) or len(result) != 2:
        return False
    value = result[0]
    return isinstance(value, (int, float)) or (
        isinstance(value, (np.ndarray, np.generic)) and value.ndim == 0
    )


def blocks_of(gradient: Any) -> list[str]:
    """Names of the blocks of a gradient: ``W1``, ``layers[0].W``, ``x`` for a bare array."""
    return [name for name, _ in _leaves(gradient)]


class Passing:
    """Sees each gradient that a function of the user's returns, and hands it on."""

    def __call__(self, gradient: Any, arguments: Any = ()) -> Any:
        """What the caller gets in place of the gradient; `arguments` are what it comes from."""
        raise NotImplementedError

    def wrapped(self, grad: Callable[..., Any], *, pair: bool | None = None) -> Any:
        """The user's own function, its gradient handed on.

        Parameters
        ----------
        grad : callable
        pair : bool, optional
            Whether it returns ``(value, gradient)``; default: if it looks so.
        """

        @functools.wraps(grad)
        def passed(*args: Any, **kwargs: Any) -> Any:
            result = grad(*args, **kwargs)
            if pair or (pair is None and is_pair(result)):
                value, gradient = result
                return value, self(gradient, (args, kwargs))
            return self(result, (args, kwargs))

        return passed


class Seen(Passing):
    """Notes which mistakes would change the gradients that come by, and changes nothing.

    Attributes
    ----------
    places : list of pair of str
        Names of a mistake and of a block, the coarse mistakes first.
    """

    def __init__(self) -> None:
        self._open: dict[str, list[Planted]] = {}
        self._found: set[tuple[str, str]] = set()

    def __call__(self, gradient: Any, arguments: Any = ()) -> Any:
        """The gradient as it came."""
        for block in blocks_of(gradient):
            if block not in self._open:
                self._open[block] = [Planted(mistake, block) for mistake in MISTAKES.values()]
            for planted in self._open[block]:
                planted(gradient, arguments)
            self._found |= {(p.mistake.name, block) for p in self._open[block] if p.changed}
            self._open[block] = [p for p in self._open[block] if not p.changed]
        return gradient

    @property
    def places(self) -> list[tuple[str, str]]:
        """Where a mistake can be planted."""
        return [(m, block) for m in MISTAKES for block in self._open if (m, block) in self._found]


class Planted(Passing):
    """A mistake in one block of each gradient that comes by.

    Parameters
    ----------
    mistake : Mistake
    block : str
        One of `blocks_of` the gradient.

    Attributes
    ----------
    changed : bool
        Whether it has made any difference yet.
    """

    def __init__(self, mistake: Mistake, block: str) -> None:
        self.mistake, self.block = mistake, block
        self.changed = False

    def __call__(self, gradient: Any, arguments: Any = ()) -> Any:
        """The gradient with the mistake."""
        blocks = dict(_leaves(gradient))
        if self.block not in blocks:
            return gradient
        right = blocks[self.block]
        with np.errstate(all="ignore"):
            wrong = self._wrong(right, blocks, arguments)
        if wrong is None or _same(wrong, right):
            return gradient
        self.changed = True
        if self.mistake.swaps:
            partner = self._partner(blocks)
            return _replaced(gradient, {self.block: wrong, partner: right})
        return _replaced(gradient, {self.block: wrong})

    def _wrong(self, right: Array, blocks: dict[str, Array], arguments: Any) -> Any:
        if self.mistake.swaps:
            partner = self._partner(blocks)
            return blocks[partner] if partner else None
        return self.mistake.change(right, _examples(arguments, blocks.values()))

    def _partner(self, blocks: dict[str, Array]) -> str:
        """The next block, of the same shape if there is one."""
        names = list(blocks)
        at = names.index(self.block)
        others = [*names[at + 1 :], *names[:at]]
        alike = [n for n in others if blocks[n].shape == blocks[self.block].shape]
        return (alike or others or [""])[0]


def _examples(arguments: Any, blocks: Iterable[Array]) -> int | None:
    """The largest size in the data that no block has: a number of examples, most likely."""
    own = {n for block in blocks for n in block.shape}
    sizes = {n for _, array in _leaves(arguments) for n in array.shape}
    return max((n for n in sizes - own if n > 1), default=None)


def _same(wrong: Any, right: Array) -> bool:
    return np.shape(wrong) == right.shape and np.array_equal(wrong, right, equal_nan=True)


def _leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, Array]]:
    """The arrays of floats in a structure, and single floats, with their names."""
    below = children(node)
    if below is not None:
        for key, child in below:
            yield from _leaves(child, (*path, key))
    elif _is_block(node):
        yield path_name(path), np.asarray(node)


def _is_block(node: Any) -> bool:
    if isinstance(node, (np.ndarray, np.generic)):
        return node.dtype.kind in "fc"
    return isinstance(node, (float, complex))


def _replaced(node: Any, new: dict[str, Any], path: tuple[Any, ...] = ()) -> Any:
    """A structure with other values for some of its leaves."""
    below = children(node)
    if below is None:
        return new.get(path_name(path), node)
    if not any(name in new for name, _ in _leaves(node, path)):
        return node
    return rebuilt(node, [_replaced(child, new, (*path, key)) for key, child in below])
