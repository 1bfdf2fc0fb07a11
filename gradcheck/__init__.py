"""Check a gradient against numerical derivatives that carry honest error bars.

>>> assert_gradient(lambda x: np.sum(x**3), lambda x: 3 * x**2, np.array([1.0, -2.0]))
<GradientReport PASS: 1 block, 2 entries>

`check_gradient` returns a `GradientReport`; `assert_gradient` raises `GradientError` with
the report as its message. There is no tolerance to set: see docs/verdicts.md.
"""

from gradcheck.check import assert_gradient, check_gradient
from gradcheck.errors import InvalidInput
from gradcheck.jacobian import check_hessian, check_jacobian
from gradcheck.report import (
    BlockReport,
    Entry,
    GradientError,
    GradientInconclusive,
    GradientReport,
)
from gradcheck.structure import Finding
from gradcheck.verdict import Verdict

__version__ = "0.1.0"

__all__ = [
    "BlockReport",
    "Entry",
    "Finding",
    "GradientError",
    "GradientInconclusive",
    "GradientReport",
    "InvalidInput",
    "Verdict",
    "assert_gradient",
    "check_gradient",
    "check_hessian",
    "check_jacobian",
]
