"""The checkers that `peers.py` compares, each called as its documentation shows it.

A `Checker` turns a `Problem` into PASS, FAIL or UNSURE. Those that check code of their own kind
get the numpy functions as an operation with a derivative of its own (`autograd.Function`,
`custom_vjp`, `primitive`), which is what they are used for most. Those that return a number, or
a gradient, get the threshold that is written beside them.

Defaults are left as they are, and everything is in double precision unless the case is not.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from peer_cases import Problem

from gradcheck import Verdict, check_gradient

__all__ = ["CHECKERS", "FAIL", "PASS", "UNSURE", "Checker"]

PASS, FAIL, UNSURE = "pass", "fail", "?"


@dataclass(frozen=True)
class Checker:
    """A checker and its rule.

    Attributes
    ----------
    name : str
    needs : tuple of str
        Packages without which it is left out.
    step, rule : str
        How it takes differences and how it judges, by default; `a` is the claimed derivative
        and `n` the numerical one.
    judge : callable
    """

    name: str
    needs: tuple[str, ...]
    step: str
    rule: str
    judge: Callable[[Problem], str]

    @property
    def missing(self) -> list[str]:
        """Packages that it needs and that are not installed."""
        return [name for name in self.needs if find_spec(name) is None]

    def __call__(self, problem: Problem) -> str:
        """The verdict; what is raised counts as a failure, for a test would fail."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return self.judge(problem)
            except Exception:
                return FAIL


def gradcheck_itself(problem: Problem) -> str:
    gradient = problem.gradient(problem.params) if problem.fixed else problem.gradient
    report = check_gradient(problem.cost, gradient, problem.params)
    return {Verdict.PASS: PASS, Verdict.FAIL: FAIL}.get(report.verdict, UNSURE)


def torch_gradcheck(problem: Problem, **options: Any) -> str:
    torch = import_module("torch")
    names = list(problem.params)

    class Operation(torch.autograd.Function):  # type: ignore[misc, name-defined]
        """The cost and its gradient as an operation of PyTorch."""

        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.save_for_backward(*tensors)
            return torch.as_tensor(problem.cost(arrays(tensors)))

        @staticmethod
        def backward(ctx: Any, dout: Any) -> Any:
            g = problem.gradient(arrays(ctx.saved_tensors))
            return tuple(dout * torch.as_tensor(g[name]) for name in names)

    def arrays(tensors: Any) -> dict[str, Any]:
        return {n: t.detach().numpy() for n, t in zip(names, tensors, strict=True)}

    inputs = [torch.tensor(x, requires_grad=True) for x in problem.params.values()]
    return PASS if torch.autograd.gradcheck(Operation.apply, inputs, **options) else FAIL


def torch_fast(problem: Problem) -> str:
    return torch_gradcheck(problem, fast_mode=True)


def jax_check_grads(problem: Problem) -> str:
    jax = import_module("jax")
    check_grads = import_module("jax.test_util").check_grads
    names = list(problem.params)

    def named(arrays: Any) -> dict[str, Any]:
        return {n: np.asarray(a) for n, a in zip(names, arrays, strict=True)}

    def value(*arrays: Any) -> Any:
        return np.asarray(problem.cost(named(arrays)))

    def slopes(*arrays: Any) -> Any:
        return tuple(np.asarray(g) for g in problem.gradient(named(arrays)).values())

    def like(array: Any) -> Any:
        return jax.ShapeDtypeStruct(np.shape(array), np.asarray(array).dtype)

    arrays = tuple(problem.params.values())
    of_value, of_slopes = like(value(*arrays)), tuple(map(like, slopes(*arrays)))

    @jax.custom_vjp
    def operation(*arrays: Any) -> Any:
        return jax.pure_callback(value, of_value, *arrays)

    def backward(arrays: Any, dout: Any) -> Any:
        return tuple(dout * g for g in jax.pure_callback(slopes, of_slopes, *arrays))

    operation.defvjp(lambda *arrays: (operation(*arrays), arrays), backward)
    with jax.enable_x64(True):
        given = tuple(jax.numpy.asarray(a) for a in arrays)
        # A rule for the reverse mode has no forward one, and its second derivative is another.
        check_grads(operation, given, order=1, modes=["rev"])
    return PASS


def autograd_check_grads(problem: Problem) -> str:
    extend = import_module("autograd.extend")
    check_grads = import_module("autograd.test_util").check_grads
    names = list(problem.params)

    def named(arrays: Any) -> dict[str, Any]:
        return dict(zip(names, arrays, strict=True))

    @extend.primitive  # type: ignore[misc]
    def operation(*arrays: Any) -> Any:
        return problem.cost(named(arrays))

    def rule(name: str) -> Any:
        return lambda _, *arrays: lambda dout: dout * problem.gradient(named(arrays))[name]

    extend.defvjp(operation, *map(rule, names))
    arguments = tuple(range(len(names)))
    check_grads(operation, arguments, modes=["rev"], order=1)(*problem.params.values())
    return PASS


class Flat:
    """A problem as functions of one vector, as its user must write them for such checkers."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.x = np.concatenate([np.ravel(x) for x in problem.params.values()])

    def params(self, x: Any) -> dict[str, Any]:
        """The vector cut into the blocks of the problem."""
        found, start = {}, 0
        for name, block in self.problem.params.items():
            found[name] = x[start : start + block.size].reshape(block.shape)
            start += block.size
        return found

    def cost(self, x: Any) -> Any:
        """The cost of a vector."""
        return self.problem.cost(self.params(x))

    def gradient(self, x: Any) -> Any:
        """Its gradient as a vector."""
        return np.concatenate([np.ravel(g) for g in self.problem.gradient(self.params(x)).values()])


def scipy_check_grad(problem: Problem) -> str:
    flat = Flat(problem)
    difference = import_module("scipy.optimize").check_grad(flat.cost, flat.gradient, flat.x)
    return PASS if difference <= 1e-6 else FAIL


def numdifftools_gradient(problem: Problem) -> str:
    flat = Flat(problem)
    numerical = import_module("numdifftools").Gradient(flat.cost)(flat.x)
    return PASS if np.allclose(flat.gradient(flat.x), numerical) else FAIL


def statsmodels_approx_fprime(problem: Problem) -> str:
    flat = Flat(problem)
    numdiff = import_module("statsmodels.tools.numdiff")
    numerical = numdiff.approx_fprime(flat.x, flat.cost, centered=True)
    return PASS if np.allclose(flat.gradient(flat.x), numerical) else FAIL


def loop_over_all(problem: Problem) -> str:
    """The loop of deep-learning courses: all parameters in one vector, one number for them."""
    flat, h = Flat(problem), 1e-7
    numerical = np.empty(flat.x.size)
    for i in range(flat.x.size):
        up, down = flat.x.copy(), flat.x.copy()
        up[i] += h
        down[i] -= h
        numerical[i] = (flat.cost(up) - flat.cost(down)) / (2 * h)
    gradient = flat.gradient(flat.x)
    difference = np.linalg.norm(gradient - numerical)
    difference /= np.linalg.norm(gradient) + np.linalg.norm(numerical)
    if difference > 1e-5:
        return FAIL
    return UNSURE if difference > 1e-7 else PASS


def loop_by_block(problem: Problem) -> str:
    """The loop of the course on convolutional networks: the worst entry of each block."""
    h, gradient = 1e-5, problem.gradient(problem.params)
    worst = 0.0
    for name, block in problem.params.items():
        moved = {n: x.copy() for n, x in problem.params.items()}
        x, numerical = moved[name], np.zeros_like(block)
        for i in np.ndindex(block.shape):
            x[i] = block[i] + h
            up = problem.cost(moved)
            x[i] = block[i] - h
            numerical[i] = (up - problem.cost(moved)) / (2 * h)
            x[i] = block[i]
        size = np.maximum(1e-8, np.abs(gradient[name]) + np.abs(numerical))
        worst = np.maximum(worst, np.max(np.abs(gradient[name] - numerical) / size))
    if not worst <= 1e-4:
        return FAIL
    return UNSURE if worst > 1e-7 else PASS


CHECKERS = [
    Checker(
        "gradcheck",
        (),
        "centered, complex and extrapolated, steps chosen by measurement",
        "each entry against its own measured error bar",
        gradcheck_itself,
    ),
    Checker(
        "torch",
        ("torch",),
        "centered, 1e-6",
        "each entry: abs(a - n) <= 1e-5 + 1e-3 abs(n)",
        torch_gradcheck,
    ),
    Checker(
        "torch fast",
        ("torch",),
        "centered, 1e-6, along one positive random vector",
        "one product: as torch, 1e-5 scaled by the vectors",
        torch_fast,
    ),
    Checker(
        "jax",
        ("jax",),
        "centered, 1e-4, along one random vector",
        "one product: abs(a - n) <= t + t abs(n); t = 1e-5, or 2e-3 in float32",
        jax_check_grads,
    ),
    Checker(
        "autograd",
        ("autograd",),
        "centered, 5e-7, along one random vector",
        "one product: abs(a - n) < 1e-6 or abs(a - n) / abs(a + n) < 1e-6",
        autograd_check_grads,
    ),
    Checker(
        "scipy",
        ("scipy",),
        "forward, 1.5e-8",
        "returns the norm of a - n; here <= 1e-6 passes",
        scipy_check_grad,
    ),
    Checker(
        "numdifftools",
        ("numdifftools",),
        "centered, many steps, extrapolated",
        "returns n; here np.allclose(a, n) passes",
        numdifftools_gradient,
    ),
    Checker(
        "statsmodels",
        ("statsmodels",),
        "centered, 6e-6 max(abs(x), 0.1)",
        "returns n; here np.allclose(a, n) passes",
        statsmodels_approx_fprime,
    ),
    Checker(
        "loop, norms",
        (),
        "centered, 1e-7",
        "norm(a - n) / (norm(a) + norm(n)): <= 1e-7 passes, > 1e-5 fails",
        loop_over_all,
    ),
    Checker(
        "loop, entries",
        (),
        "centered, 1e-5",
        "max of abs(a - n) / max(1e-8, abs(a) + abs(n)): <= 1e-7 passes, > 1e-4 fails",
        loop_by_block,
    ),
]
