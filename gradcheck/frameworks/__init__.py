"""`check_torch` and `check_jax`: gradients that PyTorch and JAX compute, checked by one call.

>>> layer = torch.nn.Linear(3, 2)  # doctest: +SKIP
>>> check_torch(layer, torch.randn(5, 3))  # doctest: +SKIP
<GradientReport PASS: 2 blocks, 8 entries>
>>> check_jax(lambda x: jnp.sum(jnp.tanh(x)), jnp.arange(3.0))  # doctest: +SKIP
<GradientReport PASS: 1 block, 3 entries>

Both packages compute in single precision unless told otherwise, in which a difference keeps
three or four digits. The function is therefore called with the same numbers in double
precision; the caller's own stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gradcheck import conduct
from gradcheck.check import check_gradient
from gradcheck.diagnosis.names import Names
from gradcheck.diagnosis.shapes import of_findings
from gradcheck.errors import InvalidInput
from gradcheck.findings import Finding, some
from gradcheck.frameworks.common import Framework
from gradcheck.frameworks.jax_function import JaxFunction
from gradcheck.frameworks.torch_function import TorchFunction
from gradcheck.report import GradientReport, asserting
from gradcheck.verdict import Verdict
from gradcheck.watch import watched

__all__ = ["assert_jax", "assert_torch", "check_jax", "check_torch"]


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
    framework = TorchFunction(function, inputs, double, seed)
    return _checked(framework, options)


assert_torch = asserting(check_torch, "the gradient that autograd computes is right")


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
    framework = JaxFunction(function, args, argnums, double, seed)
    return _checked(framework, options)


assert_jax = asserting(check_jax, "the gradient that JAX computes is right")


def _checked(framework: Framework, options: dict[str, Any]) -> GradientReport:
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
    if not framework.is_single:
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


def _with_cotangent(report: GradientReport, framework: Framework) -> GradientReport:
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
    finding = conduct.of_ignored_cotangent()
    diagnoses = of_findings([finding], {}, {}, Names())
    return replace(report, findings=(*report.findings, finding), diagnoses=tuple(diagnoses))
