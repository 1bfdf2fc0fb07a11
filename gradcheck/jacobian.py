"""`check_jacobian` and `check_hessian`: derivatives of functions with many outputs.

>>> A = np.array([[1.0, 2.0], [0.0, 3.0], [4.0, 0.0]])
>>> report = check_jacobian(lambda x: np.sin(A @ x), lambda x: np.cos(A @ x)[:, None] * A,
...                         np.array([0.3, -0.2]))
>>> report
<GradientReport PASS: 1 block, 6 entries>

A Jacobian may come dense or sparse, or as products with vectors: ``jvp(x, v)`` along random
directions and ``vjp(x, w)`` against random cotangents. A Hessian is the Jacobian of the
gradient, which has to pass a check of its own first, or it would be blamed for the gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck import noise
from gradcheck.check import check_gradient, check_options
from gradcheck.comparison import Comparison, Rules, compare
from gradcheck.conduct import SLIGHT
from gradcheck.diagnosis import diagnose
from gradcheck.diagnosis.names import Names
from gradcheck.diagnosis.shapes import of_findings
from gradcheck.diagnosis.suspect import Setting, Suspect
from gradcheck.differences import Point, extrapolated
from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.findings import Finding, describe
from gradcheck.functions import Function, as_scalar, copy_arrays
from gradcheck.noise import Values, nearest_power_of_two
from gradcheck.parameters import Block, Layout, flatten
from gradcheck.report import BlockReport, GradientReport, asserting, overall
from gradcheck.structure import Claim, match
from gradcheck.verdict import RESOLUTION, OnKink, Verdict
from gradcheck.watch import watched

__all__ = ["assert_hessian", "assert_jacobian", "check_hessian", "check_jacobian"]

DIRECTIONS = 3
"""Random directions, or cotangents, of a product. A wrong entry is missed by one with a chance
of at most 0.07 in the worst class of mistakes tried (the absolute value of the cotangent)."""


@watched
def check_jacobian(
    f: Callable[..., Any],
    jac: Any,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    jvp: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    resolution: float = RESOLUTION,
    approximate: float = 0.0,
    on_kink: OnKink = "inconclusive",
) -> GradientReport:
    """Compare the Jacobian of a vector function with numerical derivatives.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` gives an array of any shape, of `p` numbers.
    jac : callable, array, sparse array or None
        ``jac(x, *args)``, or the Jacobian itself: shape (p, n), or that of ``f(x)`` followed
        by that of `x`. What a sparse one leaves out is taken to be 0 and checked too.
    x : ndarray of n numbers
    args : tuple
        Further arguments of all callables.
    jvp, vjp : callable, optional
        ``jvp(x, v, *args)``, the Jacobian times a direction of the shape of `x`; and
        ``vjp(x, w, *args)``, a cotangent of the shape of ``f(x)`` times the Jacobian.
    resolution, approximate, on_kink
        As for `check_gradient`.

    Returns
    -------
    GradientReport
        With blocks ``J``, ``jvp`` and ``vjp``, as far as they are given.

    Raises
    ------
    InvalidInput
        As for `check_gradient`.
    """
    check_options(resolution, approximate, on_kink, "centered")
    if jac is None and jvp is None and vjp is None:
        raise InvalidInput("expected at least one of `jac`, `jvp` and `vjp`")
    layout, flat = flatten(x)
    if len(layout.blocks) != 1 or layout.blocks[0].is_complex:
        raise InvalidType(f"`x`: expected one array of floats, got {describe(x)}")
    outputs = Outputs(Function("f", f, layout, args), flat)
    checks = Checks(outputs, flat, Rules(resolution, approximate, on_kink))
    if jac is not None:
        checks.dense("J", jac, args)
    rng = np.random.default_rng(0)
    if jvp is not None:
        checks.along(jvp, args, rng)
    if vjp is not None:
        checks.against(vjp, args, rng)
    if jvp is not None and vjp is not None:
        checks.adjoint()
    return checks.report()


assert_jacobian = asserting(check_jacobian, "the Jacobian of a vector function is right")


@watched
def check_hessian(
    cost: Callable[..., Any],
    hess: Any,
    params: Any,
    *,
    grad: Callable[..., Any] | None = None,
    args: tuple[Any, ...] = (),
    hvp: Callable[..., Any] | None = None,
    resolution: float = RESOLUTION,
    approximate: float = 0.0,
    on_kink: OnKink = "inconclusive",
) -> GradientReport:
    """Compare the Hessian of a cost with numerical derivatives of its gradient.

    Parameters
    ----------
    cost, params, args
        As for `check_gradient`.
    grad : callable, optional
        ``grad(params, *args)``, which is checked first. Without it the gradient is measured,
        and a relative error of the Hessian below 1e-7 cannot be seen.
    hess : callable, array or None
        ``hess(params, *args)``, or the Hessian itself: shape (n, n) over all entries of the
        parameters, block after block; for one array also its shape twice.
    hvp : callable, optional
        ``hvp(params, v, *args)``, the Hessian times a direction, both in the structure of
        `params`.
    resolution, approximate, on_kink
        As for `check_gradient`.

    Returns
    -------
    GradientReport
        With blocks ``H`` and ``hvp``, as far as they are given; or, if the gradient fails, its
        own blocks and the finding ``gradient-wrong``.

    Raises
    ------
    InvalidInput
        As for `check_gradient`.
    """
    check_options(resolution, approximate, on_kink, "centered")
    if hess is None and hvp is None:
        raise InvalidInput("expected at least one of `hess` and `hvp`")
    layout, flat = flatten(params)
    if any(block.is_complex for block in layout.blocks):
        raise InvalidType("`params`: expected real numbers; Hessians by complex ones have no form")
    rules = Rules(resolution, approximate, on_kink)
    if grad is None:
        measured = Function("cost", _measured_gradient(cost, layout), layout, args)
        checks = Checks(Outputs(measured, flat), flat, rules, eps=MEASURED, alive=True)
        return _of_hessian(checks, hess, hvp, args, 0)
    if not callable(grad):
        raise InvalidType(f"`grad`: expected a callable, got {describe(grad)}")
    first = check_gradient(
        cost,
        grad,
        params,
        args=args,
        resolution=resolution,
        approximate=approximate,
        on_kink="accept",
    )
    if first.verdict == Verdict.FAIL:
        finding = Finding(
            "gradient-wrong",
            None,
            "error",
            "the gradient fails its own check, so the Hessian cannot be held against it",
            help="mend the gradient first",
        )
        return GradientReport(
            first.verdict,
            first.blocks,
            (finding, *first.findings),
            first.evaluations,
            first.gradient_evaluations,
        )
    names = [block.name for block in layout.blocks]

    def flat_gradient(params: Any, *args: Any) -> Values:
        return match(layout, grad(params, *args), names).vector()[:, 0]

    outputs = Outputs(Function("grad", flat_gradient, layout, args), flat)
    checks = Checks(outputs, flat, rules, alive=first.verdict == Verdict.PASS)
    return _of_hessian(checks, hess, hvp, args, first.evaluations)


assert_hessian = asserting(check_hessian, "the Hessian of a cost is right")


def _of_hessian(
    checks: Checks, hess: Any, hvp: Any, args: tuple[Any, ...], evaluations: int
) -> GradientReport:
    if hess is not None:
        checks.dense("H", hess, args)
        checks.symmetric()
    if hvp is not None:
        checks.along(hvp, args, np.random.default_rng(0), name="hvp")
    report = checks.report()
    evaluations += report.evaluations
    return replace(
        report, subject="Hessian", evaluations=evaluations, evaluated="the cost and its gradient"
    )


MEASURED = 2.5e-8
"""Rounding unit of a gradient that is measured itself, with steps that leave a smaller error."""


def _measured_gradient(cost: Callable[..., Any], layout: Layout) -> Callable[..., Values]:
    """The gradient of a cost by two centered differences, as a function of the parameters."""

    def gradient(params: Any, *args: Any) -> Values:
        _, x = flatten(params)
        h = nearest_power_of_two(np.maximum(1.0, np.abs(x))) * np.array([[2.0**-10], [2.0**-12]])
        slopes = np.empty(h.shape)
        for k, i in np.ndindex(h.shape):
            ends = []
            for sign in (1, -1):
                moved = x.copy()
                moved[i] += sign * h[k, i]
                ends.append(as_scalar(cost(layout.build(moved), *args)))
            slopes[k, i] = (ends[0] - ends[1]) / (2 * h[k, i])
        return extrapolated(slopes, h)[0]

    return gradient


class Outputs:
    """A vector function of the flat vector: many points to many rows of numbers.

    Parameters
    ----------
    function : Function
    x : ndarray, shape (n,)

    Attributes
    ----------
    shape : tuple of int
        Of what the user's function returns.
    value : ndarray, shape (p,)
        At the point.
    findings : list of Finding
    """

    def __init__(self, function: Function, x: Values) -> None:
        self.function = function
        result, _ = function.watched(x)
        self.shape, self.value = self._array(result)
        if not np.isfinite(self.value).all():
            raise InvalidInput(
                f"`{function.name}` is not finite at the point of the check, in "
                f"{np.count_nonzero(~np.isfinite(self.value))} of {self.value.size} outputs"
            )
        self.findings: list[Finding] = []
        if not np.array_equal(self(x[None])[0], self.value):
            self.findings.append(replace(_of_scatter(function.name), block=None))

    def _array(self, result: Any) -> tuple[tuple[int, ...], Values]:
        name = self.function.name
        try:
            array = np.array(result)
        except Exception:
            array = np.array(None)
        if array.dtype.kind not in "fiu" or not array.size:
            raise InvalidType(f"`{name}` returned {describe(result)}, expected an array of numbers")
        return array.shape, array.astype(float).ravel()

    def __call__(self, points: Values) -> Values:
        """Values at many points, shape (k, n) to (k, p); NaN where they cannot be had."""
        found = np.full((len(points), self.value.size), np.nan)
        with np.errstate(all="ignore"):
            for row, x in zip(found, points, strict=True):
                try:
                    shape, values = self._array(self.function(x))
                except Exception:
                    continue
                if shape == self.shape:
                    row[:] = np.where(np.isfinite(values), values, np.nan)
        return found


class Checks:
    """The blocks of a report on a vector function, made one after the other.

    Parameters
    ----------
    outputs : Outputs
    x : ndarray, shape (n,)
    rules : Rules
    eps : float
        Rounding unit of what is claimed.
    alive : bool
        Whether the outputs are known to be right, as those of a gradient that has passed are.
    """

    def __init__(
        self,
        outputs: Outputs,
        x: Values,
        rules: Rules,
        *,
        eps: float = 2.0**-52,
        alive: bool = False,
    ) -> None:
        self.outputs, self.x, self.rules, self.eps, self.alive = outputs, x, rules, eps, alive
        self.layout: Layout = outputs.function.layout
        self.blocks: dict[str, BlockReport] = {}
        self.findings = outputs.findings
        self.calls = 0
        self.products: dict[str, tuple[Values, Values]] = {}
        self.repeated: set[str] = set()

    def dense(self, name: str, jac: Any, args: tuple[Any, ...]) -> None:
        """Compare every entry of a Jacobian."""
        p, n = self.outputs.value.size, self.x.size
        array = self._array(name, self._called(name, jac, args), [(p, n), self._full_shape()])
        block = Block(name, (p, n), np.dtype(float), 0, p * n)
        if array is None:
            self.blocks[name] = BlockReport.without_numbers(block, name, Verdict.FAIL)
            return
        made = self._compare(self.outputs, self.x, array.reshape(p, n).T)
        self.blocks[name] = BlockReport.of(
            block, name, array, made.transposed(), wrong=self._condemned(name)
        )

    def along(
        self, jvp: Callable[..., Any], args: tuple[Any, ...], rng: Any, name: str = "jvp"
    ) -> None:
        """Compare products with random directions."""
        p, n = self.outputs.value.size, self.x.size
        size = np.maximum(1.0, np.abs(self.x))
        directions = _signed(rng, (DIRECTIONS, n)) * size
        claims = []
        for direction in directions:
            v = self.layout.build(direction)
            result = self._called(name, lambda params, *rest, v=v: jvp(params, v, *rest), args)
            if name == "hvp":
                names = [block.name for block in self.layout.blocks]
                result = _vector(match(self.layout, result, names), self.findings)
            claims.append(self._array(name, result, [self.outputs.shape, (p,)]))
        block = Block(name, (DIRECTIONS, p), np.dtype(float), 0, DIRECTIONS * p)
        if any(claim is None for claim in claims):
            self.blocks[name] = BlockReport.without_numbers(block, name, Verdict.FAIL)
            return
        claim = np.array(claims).reshape(DIRECTIONS, p)
        self.products[name] = directions, claim
        made = self._compare(
            lambda t: self.outputs(self.x + t @ directions), np.zeros(DIRECTIONS), claim
        )
        self.blocks[name] = BlockReport.of(block, name, claim, made, wrong=self._condemned(name))

    def against(self, vjp: Callable[..., Any], args: tuple[Any, ...], rng: Any) -> None:
        """Compare products with random cotangents."""
        p, n = self.outputs.value.size, self.x.size
        cotangents = _signed(rng, (DIRECTIONS, p))
        claims = []
        for cotangent in cotangents:
            w = cotangent.reshape(self.outputs.shape)
            result = self._called("vjp", lambda x, *rest, w=w: vjp(x, w.copy(), *rest), args)
            claims.append(self._array("vjp", result, [self.layout.blocks[0].shape, (n,)]))
        block = Block("vjp", (DIRECTIONS, n), np.dtype(float), 0, DIRECTIONS * n)
        if any(claim is None for claim in claims):
            self.blocks["vjp"] = BlockReport.without_numbers(block, "vjp", Verdict.FAIL)
            return
        claim = np.array(claims).reshape(DIRECTIONS, n)
        self.products["vjp"] = cotangents, claim
        made = self._compare(
            lambda points: self.outputs(points) @ cotangents.T,
            self.x,
            claim.T,
            value=cotangents @ self.outputs.value,
        )
        self.blocks["vjp"] = BlockReport.of(
            block, "vjp", claim, made.transposed(), wrong=self._condemned("vjp")
        )

    def adjoint(self) -> None:
        """Compare ``w . jvp(v)`` with ``vjp(w) . v``, which are one number."""
        if not {"jvp", "vjp"} <= self.products.keys() or self._is_drawn("jvp", "vjp"):
            return
        (directions, forward), (cotangents, backward) = self.products["jvp"], self.products["vjp"]
        left, right = cotangents @ forward.T, backward @ directions.T
        # Relative to the norms, not to the product, which may be small by cancellation.
        size = np.abs(cotangents) @ np.abs(forward).T + np.abs(backward) @ np.abs(directions).T
        off = np.abs(left - right)
        limit = ADJOINT + 2 * self.rules.approximate
        if (off > limit * size).any():
            i, j = np.unravel_index(np.argmax(off / np.maximum(size, 1e-300)), off.shape)
            self.findings.append(
                Finding(
                    "not-adjoint",
                    None,
                    "error",
                    f"w . jvp(v) is {left[i, j]:.12g}, but vjp(w) . v is {right[i, j]:.12g}",
                    "both are w^T J v, so that jvp and vjp belong to different Jacobians",
                )
            )

    def symmetric(self) -> None:
        """Add a finding if a Hessian is not symmetric."""
        block = self.blocks["H"]
        if not block.entries or self._is_drawn("H"):
            return
        H = block.analytic.reshape(block.shape)
        off = np.abs(H - H.T)
        limit = ADJOINT + 2 * self.rules.approximate
        if (off > limit * np.abs(H).max()).any():
            i, j = (int(k) for k in np.unravel_index(np.argmax(off), off.shape))
            self.findings.append(
                Finding(
                    "not-symmetric",
                    "H",
                    "warning",
                    f"`H[{i}, {j}]` is {H[i, j]:.12g}, but `H[{j}, {i}]` is {H[j, i]:.12g}",
                    "second derivatives do not depend on their order",
                )
            )

    def report(self) -> GradientReport:
        """All that was found, and what kind of mistake each wrong block is."""
        function, blocks = self.outputs.function, self.layout.blocks
        names = Names.of(
            function.call, params=[(b.name, b.shape) for b in blocks], args=function.args
        )
        seen = {name: _suspect(block) for name, block in self.blocks.items() if block.entries}
        wrong = [n for n, suspect in seen.items() if suspect.wrong.any() and not self._is_drawn(n)]
        structural = of_findings(self.findings, {}, seen, names)
        return GradientReport(
            overall(self.blocks, self.findings),
            self.blocks,
            tuple(self.findings),
            function.evaluations,
            self.calls,
            self.rules.approximate,
            (*structural, *diagnose(seen, wrong, Setting(names))),
            subject="Jacobian",
            evaluated="the function",
        )

    def _compare(
        self,
        f: Callable[[Values], Values],
        x: Values,
        claim: Values,
        value: Values | None = None,
    ) -> Comparison:
        value = self.outputs.value if value is None else value
        whole = x is self.x
        spacing = self.layout.spacing(x) if whole else np.spacing(np.ones(x.shape))
        point = Point(
            f,
            x,
            value,
            noise.measure(f, x, value, spacing=spacing),
            self.layout.nearest if whole else lambda points: points,
            spacing,
        )
        return compare(
            point,
            np.arange(x.size),
            claim,
            group=np.zeros(claim.shape, dtype=np.intp),
            eps=np.full((x.size, 1), self.eps),
            own_noise=lambda: None,
            rules=self.rules,
            alive=self.alive,
        )

    def _called(self, name: str, call: Any, args: tuple[Any, ...]) -> Any:
        if not callable(call):
            return call
        function = Function(name, call, self.layout, args)
        result, _ = function.watched(self.x)
        self.calls += 1
        if name not in self.repeated:
            self.repeated.add(name)
            result = copy_arrays(result)
            again, _ = function.watched(self.x)
            self.calls += 1
            if _differ(result, again):
                self.findings.append(_of_scatter(name))
        return result

    def _full_shape(self) -> tuple[int, ...]:
        return (*self.outputs.shape, *self.layout.blocks[0].shape)

    def _array(self, name: str, result: Any, shapes: list[tuple[int, ...]]) -> Values | None:
        """The numbers of a result that has one of the shapes, or None and a finding."""
        if hasattr(result, "toarray"):
            result = result.toarray()
        wanted = " or ".join(str(shape) for shape in dict.fromkeys(shapes))
        try:
            array = np.array(result)
        except Exception:
            array = np.array(None)
        if result is None or array.dtype.kind not in "fiu":
            code, came = ("none" if result is None else "wrong-type"), describe(result)
        elif array.shape not in shapes:
            turned = array.ndim == 2 and array.shape == shapes[0][::-1]
            code = "transposed" if turned else "wrong-shape"
            came = f"of shape {array.shape}"
        elif not np.isfinite(array).all():
            code, came = "not-finite", f"not finite in {np.sum(~np.isfinite(array))} entries"
        else:
            return array.astype(float).ravel()
        finding = Finding(code, name, "error", f"`{name}` is {came}, expected shape {wanted}")
        if finding not in self.findings:
            self.findings.append(finding)
        return None

    def _is_drawn(self, *names: str) -> bool:
        """Whether one of some blocks differs from call to call, so that its values say nothing."""
        return any(f.code == "nondeterministic" and f.block in names for f in self.findings)

    def _condemned(self, name: str) -> bool:
        return any(f.block == name and f.severity == "error" for f in self.findings)


ADJOINT = 1e-10
"""Relative to the sum of the absolute terms: far above the rounding of any product of vectors
that fit into memory, far below any mistake."""


def _suspect(block: BlockReport) -> Suspect:
    """A block as its diagnosis wants it: nothing is known of a parameter behind it."""
    rounding = 1e-15 * np.abs(block.analytic).max(initial=0.0)
    claim, truth, bar, at, wrong = (
        array.reshape(block.shape)
        for array in (
            block.analytic,
            block.numerical,
            block.error + rounding,
            np.full(block.entries, np.nan),
            block.verdicts == Verdict.FAIL,
        )
    )
    return Suspect(block.label, claim, truth, bar, at, wrong)


def _of_scatter(name: str) -> Finding:
    """A finding about a function that gives something else at each call."""
    return Finding(
        "nondeterministic",
        name,
        "error",
        f"`{name}` differs between two calls at the same point",
        "a state that is kept between calls, or random numbers, do this",
        "seed what is random at the start of each call",
    )


@np.errstate(all="ignore")
def _differ(one: Any, other: Any) -> bool:
    """Whether two results differ by more than rounding, as far as they can be compared."""
    try:
        first, second = (
            np.asarray(a.toarray() if hasattr(a, "toarray") else a, dtype=float)
            for a in (one, other)
        )
    except Exception:  # of whatever else a function may give
        return False
    if first.shape != second.shape:
        return True
    return bool(np.abs(first - second).max(initial=0.0) > SLIGHT * np.abs(first).max(initial=0.0))


def _vector(claim: Claim, findings: list[Finding]) -> Values | None:
    findings += claim.findings
    if len(claim.compared) != len(claim.blocks):
        return None
    return claim.vector()[:, 0]


def _signed(rng: Any, shape: tuple[int, int]) -> Values:
    """Random signs times magnitudes in [1/2, 3/2], neither sign missing from a row.

    Ones miss 7 of 10 kinds of mistake, and random signs alone miss exchanged entries.
    """
    signs = rng.choice([-1.0, 1.0], shape)
    if shape[1] > 1:
        signs[:, 0], signs[:, -1] = 1.0, -1.0
    drawn: Values = signs * rng.uniform(0.5, 1.5, shape)
    return drawn
