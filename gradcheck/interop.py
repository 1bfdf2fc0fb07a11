"""`check_torch` and `check_jax`: gradients that PyTorch and JAX compute, checked by one call.

>>> layer = torch.nn.Linear(3, 2)  # doctest: +SKIP
>>> check_torch(layer, torch.randn(5, 3))  # doctest: +SKIP
<GradientReport PASS: 2 blocks, 8 entries>
>>> check_jax(lambda x: jnp.sum(jnp.tanh(x)), jnp.arange(3.0))  # doctest: +SKIP
<GradientReport PASS: 1 block, 3 entries>

Both packages compute in single precision unless told otherwise, in which a difference keeps
three or four digits. The function is therefore called with the same numbers in double
precision, wherever the caller's own arrays stay as they are.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from gradcheck.check import check_gradient
from gradcheck.diagnosis import of_findings
from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.functions import AT_ONCE
from gradcheck.layers import argument_names, checked_seed, finding_of_ignorance, random_cotangent
from gradcheck.names import Names
from gradcheck.parameters import Key, children, flatten, path_name, rebuilt
from gradcheck.report import GradientReport, raised
from gradcheck.structure import Finding, describe, some
from gradcheck.verdict import Verdict
from gradcheck.watch import watched

__all__ = ["assert_jax", "assert_torch", "check_jax", "check_torch"]

MANY = 64
"""Entries from which on many points are called for at once: JAX has to compile that first, which
takes as long as some hundred calls."""

Path = tuple[Key, ...]
Arrays = dict[str, Any]


@watched
def check_torch(
    function: Callable[..., Any], *inputs: Any, double: bool = True, seed: int = 0, **options: Any
) -> GradientReport:
    """Check the gradient that autograd computes of a PyTorch module or function.

    Parameters
    ----------
    function : torch.nn.Module or callable
        ``function(*inputs)`` gives a tensor, or a tuple, list, mapping or dataclass of such.
        Checked are the parameters of a module that require a gradient, by the names of
        ``named_parameters()``. The module itself is not changed: it is called with copies of
        its parameters and buffers.
    *inputs : tensors, or containers of such, or anything else
        Checked too are those that require a gradient, by their names in the signature.
    double : bool
        Whether to call `function` with everything in double precision. If not, single
        precision is checked as it is, and a pass says less.
    seed : int
        Of the random numbers that `function` draws, such as a mask of dropout, which are the
        same in each call; and of the cotangent, if the output is not a single number.
    **options
        As for `check_gradient`: `wrt`, `resolution`, `approximate`, `on_kink`, ...

    Returns
    -------
    GradientReport

    Raises
    ------
    InvalidInput
        If nothing requires a gradient, or `function` cannot be called; and as for
        `check_gradient`.
    ImportError
        If PyTorch is not installed.

    Notes
    -----
    Of an output with more than one number, the sum with a random cotangent is differentiated,
    whose entries are in [0.5, 1.5] with random signs.
    """
    framework = _Torch(function, inputs, double, seed)
    return _checked(framework, options)


@watched
def assert_torch(
    function: Callable[..., Any], *inputs: Any, allow_inconclusive: bool = False, **options: Any
) -> GradientReport:
    """Raise unless the gradient that autograd computes is right.

    Parameters
    ----------
    function, *inputs, **options
        As for `check_torch`.
    allow_inconclusive : bool
        As for `assert_gradient`.

    Returns
    -------
    GradientReport

    Raises
    ------
    GradientError, GradientInconclusive, InvalidInput
        As for `assert_gradient`.
    """
    __tracebackhide__ = True
    return raised(check_torch(function, *inputs, **options), allow_inconclusive)


@watched
def check_jax(
    function: Callable[..., Any],
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    double: bool = True,
    seed: int = 0,
    **options: Any,
) -> GradientReport:
    """Check the gradient that JAX computes of a function.

    Parameters
    ----------
    function : callable
        ``function(*args)`` gives an array, or a pytree of such. Many entries are checked
        faster if it is the result of ``jax.jit``.
    *args : pytrees
        Arrays of floats in them are checked, by their places: ``params.W1``. If a single
        argument is checked its name is left out. Other leaves are handed over as they are.
    argnums : int or sequence of int, optional
        Which arguments to check, as for ``jax.grad``; default all.
    double : bool
        Whether to call `function` in double precision, also where the flag ``jax_enable_x64``
        is off. If not, single precision is checked as it is, and a pass says less.
    seed : int
        Of the cotangent, if the output is not a single number.
    **options
        As for `check_gradient`: `wrt`, `resolution`, `approximate`, `on_kink`, ...

    Returns
    -------
    GradientReport

    Raises
    ------
    InvalidInput
        If no argument holds an array of floats, or `function` cannot be called; and as for
        `check_gradient`.
    ImportError
        If JAX is not installed.

    Notes
    -----
    As for `check_torch`. Of a complex array, JAX gives the conjugate of the gradient along which
    the function grows; that gradient is what the report shows.
    """
    framework = _Jax(function, args, argnums, double, seed)
    return _checked(framework, options)


@watched
def assert_jax(
    function: Callable[..., Any], *args: Any, allow_inconclusive: bool = False, **options: Any
) -> GradientReport:
    """Raise unless the gradient that JAX computes is right.

    Parameters
    ----------
    function, *args, **options
        As for `check_jax`.
    allow_inconclusive : bool
        As for `assert_gradient`.

    Returns
    -------
    GradientReport

    Raises
    ------
    GradientError, GradientInconclusive, InvalidInput
        As for `assert_gradient`.
    """
    __tracebackhide__ = True
    return raised(check_jax(function, *args, **options), allow_inconclusive)


def _checked(framework: _Framework, options: dict[str, Any]) -> GradientReport:
    """Check the gradient of a framework against its values."""
    ours = sorted({"args", "jac", "vectorized", "intermediates"} & options.keys())
    if ours:
        raise InvalidInput(f"{some(ours)}: for functions of numpy alone; use check_gradient")
    try:
        with framework.surroundings():
            report = check_gradient(
                framework.cost,
                framework.gradient,
                framework.params,
                vectorized=framework.takes_many_at_once(),
                **options,
            )
            report = _with_cotangent(report, framework)
    except InvalidInput as error:
        text = str(error).replace("`cost`", f"`{framework.name}`")
        text = text.replace("`grad`", f"the gradient of `{framework.name}`")
        if framework.widened and re.search("dtype|float|double", text, re.IGNORECASE):
            text += " (called in double precision; double=False leaves the dtypes as they are)"
        raise type(error)(text) from error.__cause__
    if all(array.dtype.itemsize >= 8 for array in framework.params.values()):
        return report
    note = "a difference keeps few digits in it, and the error bars are as wide as that"
    finding = Finding(
        "single-precision",
        None,
        "warning",
        f"`{framework.name}` was called in single precision{framework.why}",
        note,
        "with double=True, the default, the same numbers are checked in double precision",
    )
    return replace(report, findings=(*report.findings, finding))


def _with_cotangent(report: GradientReport, framework: _Framework) -> GradientReport:
    """The report of a failure, which says so if the gradient ignores the cotangent."""
    if report.verdict != Verdict.FAIL:
        return report
    first = framework.gradient(framework.params)
    if not framework.cotangent.redraw():
        return report
    second = framework.gradient(framework.params)
    if any((first[name] != second[name]).any() for name in first):
        return report
    if not any(array.any() for array in first.values()):
        return report
    finding = finding_of_ignorance()
    diagnoses = of_findings([finding], {}, {}, Names())
    return replace(report, findings=(*report.findings, finding), diagnoses=tuple(diagnoses))


class _Framework:
    """A function of another package, as a cost and a gradient of named numpy arrays.

    Attributes
    ----------
    name : str
        Of the function.
    params, data : dict of str to ndarray
        What is differentiated, and the arrays that are not.
    widened : bool
        Whether something had fewer digits before.
    """

    def __init__(self, function: Callable[..., Any], seed: int) -> None:
        if not callable(function):
            raise InvalidType(f"`function`: expected a callable, got {describe(function)}")
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.params: Arrays = {}
        self.data: Arrays = {}
        self.widened = False
        self.cotangent = _Cotangent(checked_seed(seed))

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


class _Cotangent:
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


class _Torch(_Framework):
    """A module or function of PyTorch."""

    def __init__(
        self, function: Callable[..., Any], inputs: tuple[Any, ...], double: bool, seed: int
    ) -> None:
        self.torch: Any = _package("torch", "PyTorch", "torch")
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
        outputs = [
            t for _, t in self._tensors(result, ()) if t.is_floating_point() or t.is_complex()
        ]
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


class _Jax(_Framework):
    """A function of JAX."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        argnums: int | Sequence[int] | None,
        double: bool,
        seed: int,
    ) -> None:
        self.jax: Any = _package("jax", "JAX", "jax")
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


def _package(module: str, name: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f"{name} is not installed; pip install 'gradcheck[{extra}]'") from error
