"""Check a gradient against numerical derivatives that carry honest error bars.

>>> from gradcheck import assert_gradient
>>> assert_gradient(lambda x: np.sum(x**3), lambda x: 3 * x**2, np.array([1.0, -2.0]))
<GradientReport PASS: 1 block, 2 entries>

`check_gradient` returns a `GradientReport`; `assert_gradient` raises `GradientError` with
the report as its message. There is no tolerance to set: see docs/verdicts.md.

Names are loaded when they are first used: pytest imports the package for its plugin in every
run, also in those that check no gradient and should not wait for NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcheck.blockreport import BlockReport, Entry
    from gradcheck.check import assert_gradient, check_gradient
    from gradcheck.diagnosis import Diagnosis
    from gradcheck.equations import Intermediates
    from gradcheck.errors import InvalidInput, InvalidType
    from gradcheck.findings import Finding
    from gradcheck.frameworks import assert_jax, assert_torch, check_jax, check_torch
    from gradcheck.jacobian import (
        assert_hessian,
        assert_jacobian,
        check_hessian,
        check_jacobian,
    )
    from gradcheck.layers import assert_vjp, check_vjp
    from gradcheck.probes import probe
    from gradcheck.report import (
        Blame,
        GradientError,
        GradientInconclusive,
        GradientReport,
    )
    from gradcheck.strategies import given
    from gradcheck.verdict import Verdict

__version__ = "0.1.0"

__all__ = [
    "Blame",
    "BlockReport",
    "Diagnosis",
    "Entry",
    "Finding",
    "GradientError",
    "GradientInconclusive",
    "GradientReport",
    "Intermediates",
    "InvalidInput",
    "InvalidType",
    "Verdict",
    "assert_gradient",
    "assert_hessian",
    "assert_jacobian",
    "assert_jax",
    "assert_torch",
    "assert_vjp",
    "check_gradient",
    "check_hessian",
    "check_jacobian",
    "check_jax",
    "check_torch",
    "check_vjp",
    "given",
    "probe",
]

_HOME = {
    "Blame": "report",
    "BlockReport": "blockreport",
    "Diagnosis": "diagnosis",
    "Entry": "blockreport",
    "Finding": "findings",
    "GradientError": "report",
    "GradientInconclusive": "report",
    "GradientReport": "report",
    "Intermediates": "equations",
    "InvalidInput": "errors",
    "InvalidType": "errors",
    "Verdict": "verdict",
    "assert_gradient": "check",
    "assert_hessian": "jacobian",
    "assert_jacobian": "jacobian",
    "assert_jax": "frameworks",
    "assert_torch": "frameworks",
    "assert_vjp": "layers",
    "check_gradient": "check",
    "check_hessian": "jacobian",
    "check_jacobian": "jacobian",
    "check_jax": "frameworks",
    "check_torch": "frameworks",
    "check_vjp": "layers",
    "given": "strategies",
    "probe": "probes",
}
"""The module that each name comes from."""

if not TYPE_CHECKING:  # or any misspelt name would have a type

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
