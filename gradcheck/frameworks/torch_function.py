"""A module or function of PyTorch, as a cost and a gradient of named numpy arrays.

A module is called with copies of its parameters and buffers, so that it stays as it was, also
where its forward pass changes its buffers. The same random numbers are drawn in each call.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.frameworks.common import Arrays, Framework, package
from gradcheck.layers import argument_names
from gradcheck.parameters import Key, children, path_name, rebuilt

__all__ = ["TorchFunction"]

Path = tuple[Key, ...]


class TorchFunction(Framework):
    """A module or function of PyTorch."""

    def __init__(
        self, function: Callable[..., Any], inputs: tuple[Any, ...], double: bool, seed: int
    ) -> None:
        self.torch: Any = package("torch", "PyTorch", "torch")
        super().__init__(function, seed)
        self.double = double
        self.seed = np.array(seed)  # a number here would be taken for one of the user's
        self.inputs = inputs
        self.names = argument_names(getattr(function, "forward", function), len(inputs))
        self.is_module = isinstance(function, self.torch.nn.Module)
        self.constants: dict[str, Any] = {}
        self.own: set[str] = set()
        self.devices: dict[str, Any] = {}
        if self.is_module:
            self._take_parameters(function)
        for k, given in enumerate(inputs):
            for path, tensor in self._tensors(given, self._start(k)):
                self._take(path_name(path), tensor)
        if not self.params:
            raise InvalidInput(
                f"`{self.name}`: neither a parameter nor an input requires a gradient; call "
                "requires_grad_() on the tensors to check"
            )

    def _take_parameters(self, module: Any) -> None:
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            self._take(name, tensor)
            self.own.add(name)

    def _start(self, k: int) -> Path:
        """Path of an input, by its name unless a parameter has the same."""
        name = self.names[k]
        return (("field", f"{name} (input)" if name in self.own else name),)

    def _take(self, name: str, tensor: Any) -> None:
        """Enter a tensor among what is differentiated or what is not."""
        wide = self._wide(tensor.detach())
        self.widened |= wide.dtype != tensor.dtype
        if tensor.requires_grad:
            self.params[name] = self._array(name, wide)
            self.devices[name] = tensor.device
        else:
            self.constants[name] = wide
            if wide.dtype in (self.torch.float32, self.torch.float64):
                self.data[name] = self._array(name, wide)

    def _wide(self, tensor: Any) -> Any:
        if not self.double:
            return tensor
        if tensor.is_complex():
            return tensor.to(self.torch.complex128)
        return tensor.to(self.torch.float64) if tensor.is_floating_point() else tensor

    def _array(self, name: str, tensor: Any) -> Any:
        tensor = tensor if tensor.layout == self.torch.strided else tensor.to_dense()
        try:
            return tensor.resolve_conj().resolve_neg().cpu().numpy()
        except TypeError:
            raise InvalidType(
                f"`{name}` has dtype {tensor.dtype}, which numpy does not know; check it with "
                "double=True"
            ) from None

    def _is_float(self, tensor: Any) -> bool:
        return bool(tensor.is_floating_point() or tensor.is_complex())

    def _tensors(self, node: Any, path: Path) -> Iterator[tuple[Path, Any]]:
        if isinstance(node, self.torch.Tensor):
            yield path, node
        for key, child in children(node) or ():
            yield from self._tensors(child, (*path, key))

    def _filled(self, node: Any, path: Path, tensors: dict[str, Any]) -> Any:
        """A structure with its tensors replaced, by their names."""
        if isinstance(node, self.torch.Tensor):
            return tensors[path_name(path)]
        below = children(node)
        if not below:
            return node
        return rebuilt(node, [self._filled(child, (*path, key), tensors) for key, child in below])

    def _value(self, tensors: dict[str, Any]) -> Any:
        """The number to differentiate, as a tensor of one entry."""
        torch = self.torch
        # Fresh copies: a module may change its buffers, and a function what it is given.
        held = {name: tensor.clone() for name, tensor in self.constants.items()} | tensors
        inputs = [self._filled(given, self._start(k), held) for k, given in enumerate(self.inputs)]
        self._reseed()
        if self.is_module:
            own = {name: held[name] for name in self.own}
            result = torch.func.functional_call(self.function, own, tuple(inputs))
        else:
            result = self.function(*inputs)
        outputs = [t for _, t in self._tensors(result, ()) if self._is_float(t)]
        cotangents = self._cotangents(outputs, lambda t: self._array("output", t.detach()))
        if cotangents is None:
            return outputs[0].reshape(())
        return sum(
            (torch.as_tensor(w, device=t.device).conj() * t).sum().real
            for w, t in zip(cotangents, outputs, strict=True)
        )

    def surroundings(self) -> AbstractContextManager[Any]:
        """The generators of random numbers, left as they were."""
        context: AbstractContextManager[Any] = self.torch.random.fork_rng(devices=self._cuda)
        return context

    @property
    def _cuda(self) -> list[int]:
        return sorted({d.index or 0 for d in self.devices.values() if d.type == "cuda"})

    def _reseed(self) -> None:
        """Let each call draw the same random numbers."""
        # torch.manual_seed looks for devices of all kinds, longer than a small network takes.
        self.torch.default_generator.manual_seed(int(self.seed))
        for device in self._cuda:
            with self.torch.cuda.device(device):
                self.torch.cuda.manual_seed(int(self.seed))

    def _leaves(self, params: Arrays) -> dict[str, Any]:
        return {
            name: self.torch.as_tensor(array, device=self.devices[name]).requires_grad_()
            for name, array in params.items()
        }

    def _cost(self, params: Arrays) -> Any:
        # With the graph, as for the gradient: a function may itself ask for derivatives.
        return self._array("output", self._value(self._leaves(params)).detach())

    def _costs(self, params: Arrays) -> Any:
        tensors = {
            name: self.torch.as_tensor(array, device=self.devices[name])
            for name, array in params.items()
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of operations that vmap takes one by one
            values = self.torch.func.vmap(self._value, randomness="same")(tensors)
        return self._array("output", values.detach())

    def gradient(self, params: Arrays) -> Arrays:
        """What autograd says; zeros for what the number does not depend on."""
        leaves = self._leaves(params)
        value = self._value(leaves)
        if not value.requires_grad:
            return {name: np.zeros_like(array) for name, array in params.items()}
        found = self.torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
        return {
            name: np.zeros_like(params[name]) if g is None else self._array(name, g.detach())
            for name, g in zip(leaves, found, strict=True)
        }
