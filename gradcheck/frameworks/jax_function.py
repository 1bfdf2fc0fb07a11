"""A function of JAX, as a cost and a gradient of named numpy arrays.

Arguments are pytrees; their leaves go by their places, as parameters of a structure do here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

import numpy as np

from gradcheck.errors import InvalidInput
from gradcheck.findings import describe
from gradcheck.frameworks.common import Arrays, Framework, package
from gradcheck.functions import AT_ONCE
from gradcheck.layers import argument_names
from gradcheck.parameters import Key, path_name

__all__ = ["JaxFunction"]


class JaxFunction(Framework):
    """A function of JAX."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        argnums: int | Sequence[int] | None,
        double: bool,
        seed: int,
    ) -> None:
        self.jax: Any = package("jax", "JAX", "jax")
        super().__init__(function, seed)
        self.double = double
        leaves, self.structure = self.jax.tree_util.tree_flatten_with_path(args)
        chosen = self._chosen(argnums, len(args))
        names = argument_names(function, len(args))
        checked = [(path, leaf) for path, leaf in leaves if self._is_checked(path, leaf, chosen)]
        self.leaves: list[Any] = []
        alone = len({path[0].idx for path, _ in checked}) == 1
        with self.surroundings():
            for path, leaf in leaves:
                keys = tuple(self._key(key) for key in path[1:])
                if not (alone and keys and path[0].idx in chosen):
                    keys = (("field", names[path[0].idx]), *keys)
                self._take(path_name(keys), leaf, self._is_checked(path, leaf, chosen))
        if not self.params:
            given = ", ".join(f"`{n}`: {describe(v)}" for n, v in zip(names, args, strict=True))
            raise InvalidInput(
                "`args`: expected at least one array of floats to differentiate, got "
                f"{given or 'none'}"
            )

    def _chosen(self, argnums: int | Sequence[int] | None, count: int) -> set[int]:
        if argnums is None:
            return set(range(count))
        numbers = [argnums] if isinstance(argnums, int) else list(argnums)
        if not all(isinstance(k, int) and -count <= k < count for k in numbers):
            raise InvalidInput(
                f"`argnums`: expected numbers of some of the {count} arguments, got {argnums!r}"
            )
        return {k % count for k in numbers}

    def _is_checked(self, path: tuple[Any, ...], leaf: Any, chosen: set[int]) -> bool:
        return path[0].idx in chosen and self._is_float(leaf)

    def _is_float(self, leaf: Any) -> bool:
        arrays = (np.ndarray, np.generic, self.jax.Array)
        dtypes = self.jax.numpy.inexact
        return isinstance(leaf, arrays) and bool(self.jax.numpy.issubdtype(leaf.dtype, dtypes))

    def _key(self, key: Any) -> Key:
        """A step into a pytree, as it is written in names."""
        if hasattr(key, "name"):
            return "field", key.name
        if hasattr(key, "idx"):
            return "index", key.idx
        return "key", getattr(key, "key", str(key))

    def _take(self, name: str, leaf: Any, checked: bool) -> None:
        """Enter a leaf among what is differentiated or what is not."""
        if self._is_float(leaf):
            array = np.asarray(leaf)
            if self.double:
                kind = np.complex128 if array.dtype.kind == "c" else np.float64
                self.widened |= array.dtype != kind
                array = array.astype(kind)
            else:
                array = np.asarray(self.jax.numpy.asarray(array))
            (self.params if checked else self.data)[name] = array
            leaf = None
        self.leaves.append((name, leaf))

    def surroundings(self) -> AbstractContextManager[Any]:
        """JAX in double precision, if that is wished for."""
        if not self.double:
            return nullcontext()
        # Its home has moved; older versions have it among what is experimental.
        x64 = getattr(self.jax, "enable_x64", None)
        if x64 is None:
            x64 = import_module("jax.experimental").enable_x64
        context: AbstractContextManager[Any] = x64(True)
        return context

    @property
    def why(self) -> str:
        """That a flag is off, if it is."""
        off = not self.jax.config.jax_enable_x64
        return ", for the flag jax_enable_x64 is off" if off else ""

    def _value(self, params: Arrays) -> Any:
        jnp = self.jax.numpy
        arrays = {name: jnp.asarray(array) for name, array in self.data.items()} | params
        leaves = [arrays.get(name, leaf) for name, leaf in self.leaves]
        result = self.function(*self.jax.tree_util.tree_unflatten(self.structure, leaves))
        outputs = [
            jnp.asarray(leaf)
            for leaf in self.jax.tree_util.tree_leaves(result)
            if self._is_float(leaf) or isinstance(leaf, (float, complex))
        ]
        cotangents = self._cotangents(outputs, lambda t: np.ones(t.shape, t.dtype))
        if cotangents is None:
            return outputs[0].reshape(())
        return sum(jnp.sum(jnp.conj(w) * t).real for w, t in zip(cotangents, outputs, strict=True))

    def _arrays(self, params: Arrays) -> Arrays:
        return {name: self.jax.numpy.asarray(array) for name, array in params.items()}

    def _cost(self, params: Arrays) -> Any:
        return np.asarray(self._value(self._arrays(params)))

    def _costs(self, params: Arrays) -> Any:
        # Always as many, for each other number would have to be compiled.
        count = len(next(iter(params.values())))
        more = np.minimum(np.arange(AT_ONCE), count - 1)
        arrays = self._arrays({name: array[more] for name, array in params.items()})
        return np.asarray(self.jax.vmap(self._value)(arrays))[:count]

    def gradient(self, params: Arrays) -> Arrays:
        """What `jax.grad` says, conjugated to point uphill where it is complex."""
        found = self.jax.grad(self._value)(self._arrays(params))
        return {name: np.conj(np.asarray(g)) for name, g in found.items()}
