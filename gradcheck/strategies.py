"""Property tests of gradients: arrays drawn by Hypothesis, checked at each draw.

>>> draws = shapes("X: n0 m; Y: 1 m in {0, 1}; W: 1 n0 scale=0.1; n0 = 1..8")

is a strategy of such arrays by name, and a whole test is::

    @gradcheck.given("W: n1 n0; X: n0 m", cost=cost, grad=grad)
    def test_gradient():
        pass

docs/strategies.md has the language of specs (`shapespec`) and what is drawn (`domains`).
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import hypothesis
import numpy as np
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck, Unsatisfiable, UnsatisfiedAssumption

from gradcheck.calls import Bound, Plan, plan
from gradcheck.check import check_gradient
from gradcheck.domains import Arrays, assemble, code_of, distinct
from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.functions import as_scalar, copy_arrays
from gradcheck.report import REASONS, GradientError, GradientInconclusive, GradientReport
from gradcheck.shapespec import INFINITY, Spec, parse
from gradcheck.sizes import Sizes
from gradcheck.verdict import Verdict

__all__ = ["given", "shapes"]

Option = TypeVar("Option")

Test = Callable[..., Any]


def shapes(spec: str, *, scale: float = 1.0) -> st.SearchStrategy[Arrays]:
    """Arrays of named dimensions.

    Parameters
    ----------
    spec : str
        Such as ``"X: n0 m; Y: 1 m in {0, 1}; n0 = 1..8"``; see docs/strategies.md.
    scale : float
        Size of the entries of all arrays whose domain has no size of its own and whose clause
        says no ``scale=``.

    Returns
    -------
    SearchStrategy of Arrays
        Dicts of arrays by name, with the sizes of the dimensions as their attribute ``sizes``.

    Raises
    ------
    InvalidInput
        If the spec makes no sense; the message points at the place.
    """
    parsed = parse(spec)
    return _arrays(parsed, Sizes(parsed), _checked_scale(scale), Arrays)


def _checked_scale(scale: float) -> float:
    if isinstance(scale, bool) or not isinstance(scale, (int, float, np.floating, np.integer)):
        raise InvalidType(f"`scale`: expected a number, got {scale!r}")
    if not 0 < scale < INFINITY:
        raise InvalidInput(f"`scale`: expected a positive number, got {scale!r}")
    return float(scale)


@st.composite
def _arrays(draw: st.DrawFn, spec: Spec, sizes: Sizes, scale: float, kind: type[Arrays]) -> Arrays:
    arrays = assemble(spec, sizes, _Drawing(draw), scale)
    return kind(arrays, arrays.sizes)


class _Drawing:
    """Choices by Hypothesis."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def choose(self, options: Sequence[Option]) -> Option:
        return self.draw(st.sampled_from(options)) if len(options) > 1 else options[0]

    def bytes(self, count: int) -> bytes:
        return self.draw(st.binary(min_size=count, max_size=count))


class _Named(Arrays):
    """Arrays that are printed as code elsewhere, and here by their sizes."""

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={n}" for name, n in self.sizes.items())
        return f"<{sizes}>" if sizes else "<numbers>"


def given(
    spec: str,
    *,
    cost: Callable[..., Any],
    grad: Callable[..., Any] | None = None,
    scale: float = 1.0,
    params: Callable[..., Any] | None = None,
    inconclusive: float = 0.5,
    **options: Any,
) -> Callable[[Test], Test]:
    """Make a test check a gradient at arrays that Hypothesis draws.

    Parameters
    ----------
    spec : str
        The arrays, as for `shapes`.
    cost, grad : callable
        They take the arrays by the names of their arguments; the first argument, if no array is
        called so, gets the others as a dict. `grad` is left out if ``jac=True``.
    scale : float
        As for `shapes`.
    params : callable, optional
        Makes the first argument from arrays by name, such as a NamedTuple or a dataclass.
    inconclusive : float
        Share of the draws that may be inconclusive.
    **options
        As for `check_gradient`. Default for ``wrt`` are the arrays of which the gradient has the
        names, ``W1`` or ``dW1``, else those whose shapes it has; for ``dimensions``, those of
        the spec; for ``bounds``, those of the domains.

    Returns
    -------
    callable
        Decorates a test, which may take arrays by name, all of them as ``arrays``, the report
        of the check as ``report``, and fixtures. It is called at each draw before the check,
        or after it if it takes the report.

    Raises
    ------
    InvalidInput
        If the spec or an option makes no sense.
    """
    parsed = parse(spec)
    if not 0 <= inconclusive <= 1:
        raise InvalidInput(f"`inconclusive`: expected a share from 0 to 1, got {inconclusive!r}")
    known = inspect.signature(check_gradient).parameters
    names = [n for n, p in known.items() if p.kind == p.KEYWORD_ONLY and n != "args"]
    wrong = [f"`{name}`" for name in options if name not in names]
    if wrong:
        raise InvalidInput(f"no such option: {', '.join(wrong)}; expected {', '.join(names)}")
    checker = _Checker(
        parsed, Sizes(parsed), cost, grad, _checked_scale(scale), params, inconclusive, options
    )
    return checker.decorate


REPORT = "report"
"""The argument of a test that gets the report."""

_tally: ContextVar[_Tally | None] = ContextVar("tally", default=None)


@dataclass(frozen=True)
class _Checker:
    """What a test checks, at whatever arrays."""

    spec: Spec
    sizes: Sizes
    cost: Callable[..., Any]
    grad: Callable[..., Any] | None
    scale: float
    params: Callable[..., Any] | None
    inconclusive: float
    options: Mapping[str, Any]

    @functools.cached_property
    def plan(self) -> Plan:
        """How the arrays reach cost and gradient."""
        return plan(
            self.cost,
            self.grad,
            distinct(self.spec, scale=self.scale),
            jac=bool(self.options.get("jac", False)),
            wrt=self.options.get("wrt"),
            params=self.params,
            data=[a.name for a in self.spec.arrays if not a.domain.continuous],
        )

    def decorate(self, test: Test) -> Test:
        """A test of Hypothesis that checks, and calls `test`."""
        if not inspect.isfunction(test):
            raise InvalidType(
                f"`given` decorates a test function, got {type(test).__name__}: write "
                "@gradcheck.given('W: n m', cost=..., grad=...) above a def"
            )
        drawn = "arrays" if "arrays" not in self.spec.names else "drawn"
        arguments = list(inspect.signature(test).parameters.values())
        ours = [a.name for a in arguments if a.name in (*self.spec.names, drawn, REPORT)]
        theirs = [a for a in arguments if a.name not in ours]

        @functools.wraps(test)
        def example(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            arrays = kwargs.pop(drawn)
            given = {name: arrays[name] for name in ours if name in arrays}
            if drawn in ours:
                given[drawn] = Arrays(arrays, arrays.sizes)
            given = copy_arrays(given)
            if REPORT in ours and REPORT not in arrays:
                return test(*args, **kwargs, **given, report=self.check(arrays))
            try:
                returned = test(*args, **kwargs, **given)
            except UnsatisfiedAssumption:
                raise
            except Exception:
                hypothesis.note("\n".join(["import numpy as np", "", *_assigned(arrays)]))
                raise
            self.check(arrays)
            return returned

        strategy = _arrays(self.spec, self.sizes, self.scale, _Named)
        extra = inspect.Parameter(drawn, inspect.Parameter.KEYWORD_ONLY)
        signature = inspect.Signature(sorted([*theirs, extra], key=lambda a: a.kind))
        example.__signature__ = signature  # type: ignore[attr-defined]
        drawing = hypothesis.given(**{drawn: strategy})(example)

        def run(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            _ = self.plan  # what is wrong with the call itself is said at once
            tally = _Tally(self.inconclusive)
            token = _tally.set(tally)
            try:
                result = drawing(*args, **kwargs)
            except (FailedHealthCheck, Unsatisfiable):
                tally.verify()
                raise
            finally:
                _tally.reset(token)
            tally.verify()
            return result

        # One dictionary for both, so that what other decorators, pytest and Hypothesis write
        # on either (settings, seeds, explicit examples, marks) is read from the other.
        run.__dict__ = drawing.__dict__
        for name in ("__name__", "__qualname__", "__doc__", "__module__"):
            setattr(run, name, getattr(test, name))
        run.__signature__ = inspect.Signature(theirs)  # type: ignore[attr-defined]
        run.__gradcheck__ = True  # type: ignore[attr-defined]
        return run

    def check(self, arrays: Arrays) -> GradientReport:
        """Check at a draw: fail, reject it, or give the report of a pass."""
        __tracebackhide__ = True
        bound = self.plan.at(arrays)
        if _is_undefined(bound):
            _reject("the cost is not finite there", None)
        try:
            report = check_gradient(
                bound.cost,
                bound.grad,
                bound.params,
                args=bound.args,
                **self._options(arrays, bound),
            )
            if report.verdict == Verdict.FAIL:
                raise GradientError(replace(report, reproduce="the code below"))
        except Exception:
            hypothesis.note(self.code(arrays))
            raise
        if report.verdict != Verdict.PASS:
            _reject(_reason(report), report)
        hypothesis.target(_ratio(report), label="distance from the derivative, in error bars")
        tally = _tally.get()
        if tally:
            tally.checked += 1
        return report

    def _options(self, arrays: Arrays, bound: Bound) -> dict[str, Any]:
        options = {name: value for name, value in self.options.items() if name != "wrt"}
        sizes = {name: n for name, n in arrays.sizes.items() if n > 0}
        options["dimensions"] = {**sizes, **options.get("dimensions", {})}
        if "bounds" not in options:
            options["bounds"] = _bounds(self.spec, bound.names)
        return options

    def code(self, arrays: Arrays) -> str:
        """Code that repeats the check at a draw."""
        imports, names, remarks = [], {}, []
        objects = {"cost": self.cost, "grad": self.grad, "params": self.params}
        for role, thing in objects.items():
            if thing is None:
                continue
            where = _importable(thing)
            names[role] = role
            if where is None:
                remarks.append(f"# {role}: {_described(thing)}")
            else:
                module, name = where
                names[role] = name if name not in names.values() else role
                head, *_ = name.partition(".")
                alias = f" as {role}" if names[role] != name else ""
                imports.append(f"from {module} import {head}{alias}")
        options = {k: v for k, v in self.options.items() if k not in ("wrt", "dimensions")}
        plain = {k: v for k, v in options.items() if _is_literal(v)}
        odd = [f"{name}=" for name in options if name not in plain]
        if odd:
            remarks.append(f"# and the options {', '.join(odd)} of the test")
        jac = ", jac=True" if self.grad is None else ""
        made = f", params={names['params']}" if self.params else ""
        call = {**plain, "dimensions": arrays.sizes}
        if self.plan.names != self.plan.order:
            call["wrt"] = self.plan.names
        return "\n".join(
            [
                "import numpy as np",
                "from gradcheck import assert_gradient",
                "from gradcheck.calls import bind",
                *dict.fromkeys(imports),
                "",
                *remarks,
                *_assigned(arrays),
                f"bound = bind({names['cost']}, {names.get('grad', 'None')}, arrays, "
                f"wrt={self.plan.order!r}{jac}{made})",
                "assert_gradient(",
                "    bound.cost, bound.grad, bound.params, args=bound.args,",
                *(f"    {name}={value!r}," for name, value in call.items()),
                ")",
            ]
        )


class _Tally:
    """How many draws of one run were checked, and why others were not.

    Parameters
    ----------
    allowed : float
        Share of them that may be inconclusive.
    """

    def __init__(self, allowed: float) -> None:
        self.allowed = allowed
        self.checked = 0
        self.rejected: Counter[str] = Counter()
        self.last: GradientReport | None = None

    def verify(self) -> None:
        """Fail if nothing was checked, or too little."""
        __tracebackhide__ = True
        rejected = sum(self.rejected.values())
        draws = self.checked + rejected
        if self.checked and rejected <= self.allowed * draws:
            return
        lines = [f"{rejected} of {draws} draws were inconclusive, {self.allowed:.0%} may be"]
        if not self.checked:
            lines = [f"nothing was checked: all {draws} draws were inconclusive"]
        if not draws:
            lines = ["nothing was checked: no draw reached the check"]
        lines += [f"  {count} times: {reason}" for reason, count in self.rejected.most_common()]
        if draws:
            lines.append(
                "  help: describe the arrays so that draws keep away from there (`in positive`, "
                "`scale=0.1`), set on_kink= or resolution=, or allow more with inconclusive="
            )
        raise GradientUnchecked("\n".join(lines), self.last)


class GradientUnchecked(GradientInconclusive):
    """A test in which too few draws could be checked.

    Attributes
    ----------
    report : GradientReport or None
        Of the last draw that was inconclusive.
    """

    def __init__(self, message: str, report: GradientReport | None) -> None:
        text = f"{message}\nthe last of them:\n{report}" if report else message
        AssertionError.__init__(self, text)
        self.message = message
        self.report = report  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.report)


def _reject(reason: str, report: GradientReport | None) -> None:
    """End this draw, which is neither a pass nor a failure."""
    hypothesis.event(f"inconclusive: {reason}")
    tally = _tally.get()
    if tally:
        tally.rejected[reason] += 1
        tally.last = report or tally.last
    hypothesis.reject()


def _is_undefined(bound: Bound) -> bool:
    """Whether the cost is no finite number here; what it raises is left to the check."""
    try:
        with np.errstate(all="ignore"):
            value = bound.cost(copy_arrays(bound.params), *copy_arrays(bound.args))
        return not np.isfinite(as_scalar(value[0] if bound.jac else value))
    except Exception:
        return False


def _reason(report: GradientReport) -> str:
    """Why most entries are open that are."""
    reasons: Counter[str] = Counter()
    for block in report.blocks.values():
        reasons.update(str(r) for r in block.reasons[block.verdicts != Verdict.PASS] if r)
    if not reasons:
        return "nothing could be compared"
    worst = reasons.most_common(1)[0][0]
    return REASONS.get(worst, worst)


def _ratio(report: GradientReport) -> float:
    """How far the worst entry is from its derivative, in error bars."""
    worst = 0.0
    for block in report.blocks.values():
        with np.errstate(all="ignore"):
            ratios = np.abs(block.analytic - block.numerical) / block.error
        worst = max(worst, float(ratios[np.isfinite(ratios)].max(initial=0.0)))
    return worst


def _bounds(spec: Spec, names: Sequence[str]) -> dict[str, Any] | None:
    """Where the cost may be called: the domains of the parameters that are bounded."""
    found = {}
    for array in spec.arrays:
        low, high = array.domain.interval.low, array.domain.interval.high
        if array.name in names and array.domain.kind == "interval" and (low, high) != UNBOUNDED:
            if array.domain.interval.low_open:
                low = np.nextafter(low, INFINITY)
            if array.domain.interval.high_open:
                high = np.nextafter(high, -INFINITY)
            found[array.name] = (
                None if np.isinf(low) or low < -MOST else low,
                None if np.isinf(high) or high > MOST else high,
            )
    return found or None


UNBOUNDED = (-INFINITY, INFINITY)
MOST = 1e300


def _assigned(arrays: Arrays) -> list[str]:
    """Lines that make the arrays."""
    lines = ["arrays = {"]
    for name, value in arrays.items():
        lines.append(f'    "{name}": {code_of(value, indent=8 + len(name))},')
    return [*lines, "}"]


def _importable(thing: Any) -> tuple[str, str] | None:
    """Module and name by which something can be imported, if it can."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "<>")
    if module in (None, "__main__", "builtins") or "<" in name:
        return None
    return module, name


def _described(thing: Any) -> str:
    """A callable that has no name to import it by."""
    name = getattr(thing, "__qualname__", None) or repr(thing)
    code = getattr(thing, "__code__", None)
    place = f", {code.co_filename}:{code.co_firstlineno}" if code else ""
    return f"the function `{name}`{place}"


def _is_literal(value: Any) -> bool:
    try:
        ast.literal_eval(repr(value))
    except (ValueError, SyntaxError):
        return False
    return True
