"""Property tests of gradients: arrays drawn by Hypothesis, checked at each draw.

>>> draws = shapes("X: n0 m; Y: 1 m in {0, 1}; W: 1 n0 scale=0.1; n0 = 1..8")

is a strategy of such arrays by name, and a whole test is::

    @gradcheck.given("W: n1 n0; X: n0 m", cost=cost, grad=grad)
    def test_gradient():
        pass

docs/strategies.md has the language of specs (`parser`) and what is drawn (`domains`).
"""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

import hypothesis
import numpy as np
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck, Unsatisfiable, UnsatisfiedAssumption

from gradcheck.calls import Bound, Plan, plan
from gradcheck.check import check_dimensions, check_gradient, check_options
from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.functions import as_scalar, copy_arrays
from gradcheck.report import GradientError, GradientInconclusive, GradientReport
from gradcheck.strategies.digest import digest
from gradcheck.strategies.domains import Arrays, assemble, distinct
from gradcheck.strategies.larger import Larger, sizes_in_short
from gradcheck.strategies.parser import parse
from gradcheck.strategies.reproduction import assigned, snippet
from gradcheck.strategies.sizes import Sizes
from gradcheck.strategies.smaller import MORE, smaller
from gradcheck.strategies.spec import HUGE, INFINITY, Interval, Spec
from gradcheck.verdict import Verdict
from gradcheck.watch import amended

__all__ = ["given", "shapes"]

Option = TypeVar("Option")
P = ParamSpec("P")
R = TypeVar("R")

Test = Callable[..., Any]


def _without_our_lines(function: Callable[P, R]) -> Callable[P, R]:
    """Let what it refuses be raised where it is called, as far as Python allows."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        try:
            return function(*args, **kwargs)
        except InvalidInput as error:
            raise error.with_traceback(None) from error.__cause__

    return call


@_without_our_lines
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
    return _arrays(_Described(parsed, Sizes(parsed), _checked_scale(scale), Arrays))


def _checked_scale(scale: float) -> float:
    if isinstance(scale, bool) or not isinstance(scale, (int, float, np.floating, np.integer)):
        raise InvalidType(f"`scale`: expected a number, got {scale!r}")
    if not 1 / HUGE <= scale <= HUGE:
        raise InvalidInput(
            f"`scale`: expected a positive number, neither tiny nor huge, got {scale!r}"
        )
    return float(scale)


class _Described:
    """All that a strategy draws from; it prints as the arguments of `shapes`."""

    def __init__(self, spec: Spec, sizes: Sizes, scale: float, kind: type[Arrays]) -> None:
        self.spec, self.sizes, self.scale, self.kind = spec, sizes, scale, kind

    def __repr__(self) -> str:
        lines = (line.partition("#")[0].strip(" ;") for line in self.spec.text.splitlines())
        text = textwrap.shorten("; ".join(filter(None, lines)), WIDTH, placeholder=" ...")
        return repr(text) + ("" if self.scale == 1 else f", scale={self.scale:g}")


def _draw(draw: st.DrawFn, described: _Described) -> Arrays:
    arrays = assemble(described.spec, described.sizes, _Drawing(draw), described.scale)
    return described.kind(arrays, arrays.sizes)


_draw.__name__ = shapes.__name__  # in the representation of the strategy
_arrays = st.composite(_draw)


class _Drawing:
    """Choices by Hypothesis."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def choose(self, options: Sequence[Option]) -> Option:
        if len(options) == 1:
            return options[0]
        return options[self.draw(st.integers(0, len(options) - 1))]

    def bytes(self, count: int) -> bytes:
        return self.draw(st.binary(min_size=count, max_size=count))


class _Named(Arrays):
    """Arrays that are printed as code elsewhere, and here by their sizes."""

    def __repr__(self) -> str:
        return f"<{sizes_in_short(self)}>"


def _shapes(arrays: Arrays) -> str:
    return ", ".join(f"{name} {np.shape(value)}" for name, value in arrays.items())


@_without_our_lines
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
    wrong = [name for name in options if name not in names]
    if wrong:
        names += ["scale", "params", "inconclusive"]
        near = difflib.get_close_matches(wrong[0], names, 1)
        remedy = f"`{near[0]}` is one" if near else f"expected {', '.join(names)}"
        raise InvalidInput(f"no such option: {', '.join(f'`{n}`' for n in wrong)}; {remedy}")
    rules = ("resolution", "approximate", "on_kink", "method")
    check_options(**{name: options.get(name, known[name].default) for name in rules})
    check_dimensions(options.get("dimensions"))
    checker = _Checker(
        parsed, Sizes(parsed), cost, grad, _checked_scale(scale), params, inconclusive, options
    )
    return checker.decorate


DEADLINE = timedelta(milliseconds=200)
"""Of Hypothesis where nobody sets one: its documentation of `settings.deadline`."""

SETTINGS = "_hypothesis_internal_use_settings"
"""Attribute of a test of Hypothesis."""

EPS = 2.0**-52
"""Rounding unit of double precision."""

WIDTH = 72
"""Columns of a spec in the representation of a strategy."""

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

    @property
    def callables(self) -> dict[str, Callable[..., Any] | None]:
        """Those of the user's, by what they are for."""
        return {"cost": self.cost, "grad": self.grad, "params": self.params}

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
        __tracebackhide__ = True
        if not inspect.isfunction(test):
            raise InvalidType(
                f"`given` decorates a test function, got {type(test).__name__}: write "
                "@gradcheck.given('W: n m', cost=..., grad=...) above a def"
            )
        drawn = "arrays" if "arrays" not in self.spec.names else "drawn"
        arguments = list(inspect.signature(test).parameters.values())
        ours = [a.name for a in arguments if a.name in (*self.spec.names, drawn, REPORT)]
        theirs = [a for a in arguments if a.name not in ours]

        # Hypothesis keeps counterexamples by the source and the signature of a test.
        key = digest(self.spec.text, self.cost, self.grad, self.params)
        draws = inspect.Parameter(drawn, inspect.Parameter.KEYWORD_ONLY, annotation=key)
        signature = inspect.Signature(
            sorted([*theirs, draws], key=lambda argument: argument.kind),
        )

        @functools.wraps(test)
        def example(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            # By name, since what is ours may stand between what is theirs.
            given = signature.bind(*args, **kwargs).arguments
            arrays = self._complete(given.pop(drawn))
            copies = copy_arrays(dict(arrays))
            given |= {name: copies[name] for name in ours if name in copies}
            if drawn in ours:
                given[drawn] = Arrays(copies, arrays.sizes)
            if REPORT in ours and REPORT not in arrays:
                return test(**given, report=self.check(arrays, run))
            try:
                returned = test(**given)
            except UnsatisfiedAssumption:
                raise
            except Exception:
                hypothesis.note(f"import numpy as np\n\n{assigned(arrays)}")
                raise
            self.check(arrays, run)
            return returned

        example.__signature__ = signature  # type: ignore[attr-defined]

        def among(sizes: Sizes) -> Test:
            strategy = _arrays(_Described(self.spec, sizes, self.scale, _Named))
            return hypothesis.given(**{drawn: strategy})(example)

        drawing = among(self.sizes)

        def run(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            _adapt_settings(run)
            tally = _Tally(self.inconclusive)
            token = _tally.set(tally)
            try:
                _ = self.plan  # what is wrong with the call is said before anything is drawn
                result = drawing(*args, **kwargs)
            except (FailedHealthCheck, Unsatisfiable):
                tally.verify()
                raise
            except InvalidInput as error:
                raise error.with_traceback(None) from error.__cause__
            except Exception as error:
                several = getattr(error, "exceptions", None)
                if several is None:
                    smallest = self._smallest(error, run, among, args, kwargs)
                    if smallest is error:
                        raise
                    raise smallest from None
                for one in several:
                    if isinstance(one, (InvalidInput, GradientError)):
                        one.__traceback__ = None
                raise error.with_traceback(None) from error.__cause__
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
        run.__wrapped__ = test  # type: ignore[attr-defined]
        run.__gradcheck__ = True  # type: ignore[attr-defined]
        run.__dict__.update(self.callables)  # for the code that repeats a check
        return run

    def _smallest(
        self,
        error: Exception,
        test: Test,
        among: Callable[[Sizes], Test],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Exception:
        """A failure of a check, or one at smaller sizes if there is any."""
        __tracebackhide__ = True
        tally = _tally.get()
        failed = tally.failed if tally and isinstance(error, GradientError) else None
        settings = getattr(test, SETTINGS)
        if tally is None or failed is None or hypothesis.Phase.shrink not in settings.phases:
            return error

        def search(sizes: Sizes) -> tuple[Exception, Mapping[str, int]] | None:
            tally.failed = None
            try:
                _few(settings)(among(sizes))(*args, **kwargs)
            except GradientError as found:
                return (found, tally.failed.sizes) if tally.failed else None
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:  # whatever else it is, as a skipped test, the failure remains
                return None
            return None

        found = smaller(self.sizes, failed.sizes, search)
        if found is None and tally.failed is not failed:
            # The last check that is heard of is that of the failure.
            with suppress(GradientError):
                self.check(failed, test)
        return found or error

    def _complete(self, arrays: Mapping[str, Any]) -> Arrays:
        """The arrays with their sizes, also where they come from ``@example(arrays={...})``."""
        if isinstance(arrays, Arrays):
            return arrays
        return Arrays(arrays, self.sizes.measured(arrays))

    def check(self, arrays: Arrays, test: Test) -> GradientReport:
        """Check at a draw: fail, reject it, or give the report of a pass."""
        __tracebackhide__ = True
        bound = self.plan.at(arrays)
        if _is_undefined(bound):
            _reject("the cost is not finite there", arrays, None)
        options = self._options(arrays, bound)
        repeated = functools.partial(snippet, arrays, self.plan, self.callables, options, test)
        try:
            report = self._report(arrays)
        except InvalidInput as error:
            hypothesis.note(repeated())
            raise type(error)(f"{error}, at {_shapes(arrays)}") from error.__cause__
        except Exception:
            hypothesis.note(repeated())
            raise
        if report.verdict == Verdict.FAIL:
            tally = _tally.get()
            if tally:
                # What somebody has written down is not to be made smaller.
                tally.failed = arrays if isinstance(arrays, _Named) else None
            larger = self._larger().says(arrays, report)
            raise GradientError(amended(replace(report, reproduce=repeated(), larger=larger)))
        if report.verdict != Verdict.PASS:
            _reject(report.why, arrays, report)
        hypothesis.target(_ratio(report), label="error bars between gradient and derivative")
        tally = _tally.get()
        if tally:
            tally.checked += 1
        return report

    def _larger(self) -> Larger:
        """The larger point of this run."""
        tally = _tally.get() or _Tally(self.inconclusive)
        if tally.larger is None:
            tally.larger = Larger(lambda: distinct(self.spec, scale=self.scale), self._report)
        return tally.larger

    def _report(self, arrays: Arrays) -> GradientReport:
        bound = self.plan.at(arrays)
        return check_gradient(
            bound.cost, bound.grad, bound.params, args=bound.args, **self._options(arrays, bound)
        )

    def _options(self, arrays: Arrays, bound: Bound) -> dict[str, Any]:
        options = {name: value for name, value in self.options.items() if name != "wrt"}
        sizes = {name: n for name, n in arrays.sizes.items() if n > 0}
        options["dimensions"] = {**sizes, **options.get("dimensions", {})}
        limits = _bounds(self.spec, bound.names)
        return {"bounds": limits, **options} if limits else options


def _adapt_settings(test: Test) -> None:
    """Leave out of a test's settings what serves quick functions of plain values.

    A check calls the cost many times for each entry, so that the deadline that Hypothesis has
    where nobody sets one says nothing. Its last phase would make a hundred failing checks more,
    to find that all the arrays together may not be "any other generated value".
    """
    settings = getattr(test, SETTINGS, None)
    if settings:
        deadline = None if settings.deadline == DEADLINE else settings.deadline
        phases = [phase for phase in settings.phases if phase != hypothesis.Phase.explain]
        setattr(test, SETTINGS, hypothesis.settings(settings, deadline=deadline, phases=phases))


def _few(settings: hypothesis.settings) -> hypothesis.settings:
    """Settings of a search at smaller sizes; what it finds is no example of the test's own."""
    return hypothesis.settings(
        settings,
        max_examples=MORE * settings.max_examples,
        database=None,
        print_blob=False,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
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
        self.reasons: Counter[str] = Counter()
        self.simplest: Arrays | None = None
        self.report: GradientReport | None = None
        self.larger: Larger | None = None
        self.failed: Arrays | None = None

    def reject(self, reason: str, arrays: Arrays, report: GradientReport | None) -> None:
        """Count a draw that could not be checked."""
        self.reasons[reason] += 1
        if self.simplest is None or _entries(arrays) < _entries(self.simplest):
            self.simplest, self.report = arrays, report

    def verify(self) -> None:
        """Fail if nothing was checked, or too little."""
        __tracebackhide__ = True
        rejected = sum(self.reasons.values())
        draws = self.checked + rejected
        if self.checked and rejected <= self.allowed * draws:
            return
        if not draws:
            raise GradientUnchecked("nothing was checked: no draw reached the check", None)
        headline = f"{rejected} of {draws} draws were inconclusive"
        lines = [
            f"{headline}; `inconclusive=` allows {self.allowed:.0%}"
            if self.checked
            else f"nothing was checked: {headline}",
            *(f"  {count} times: {reason}" for reason, count in self.reasons.most_common()),
            "  help: keep draws away from there with another domain or a scale=, or set on_kink=",
            "      or resolution=; or allow more with inconclusive=",
        ]
        if self.simplest is not None:
            lines += ["the smallest of them:", assigned(self.simplest)]
        lines += [str(self.report)] if self.report is not None else []
        raise GradientUnchecked("\n".join(lines), self.report)


def _entries(arrays: Arrays) -> int:
    return sum(np.size(value) for value in arrays.values())


class GradientUnchecked(GradientInconclusive):
    """A test in which too few draws could be checked.

    Attributes
    ----------
    report : GradientReport or None
        Of the smallest draw that was inconclusive.
    """

    def __init__(self, message: str, report: GradientReport | None) -> None:
        AssertionError.__init__(self, message)
        self.message = message
        self.report = report  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.report)


def _reject(reason: str, arrays: Arrays, report: GradientReport | None) -> None:
    """End this draw, which is neither a pass nor a failure."""
    hypothesis.event(f"inconclusive: {reason}")
    tally = _tally.get()
    if tally:
        tally.reject(reason, arrays, report)
    # What `hypothesis.reject` raises, without its reason, which would be a second event.
    raise UnsatisfiedAssumption


def _is_undefined(bound: Bound) -> bool:
    """Whether the cost is no finite number here; what it raises is left to the check."""
    try:
        with np.errstate(all="ignore"):
            value = bound.cost(copy_arrays(bound.params), *copy_arrays(bound.args))
        return not np.isfinite(as_scalar(value[0] if bound.jac else value))
    except Exception:
        return False


def _ratio(report: GradientReport) -> float:
    """How far the worst entry that was decided is from its derivative, in error bars."""
    worst = 0.0
    for block in report.blocks.values():
        rounding = 4 * EPS * np.abs(block.analytic).max(initial=0.0)
        with np.errstate(all="ignore"):
            ratios = np.abs(block.analytic - block.numerical) / (block.error + rounding)
        known = np.isfinite(ratios) & (block.verdicts == Verdict.PASS)
        worst = max(worst, float(ratios[known].max(initial=0.0)))
    return worst


def _bounds(spec: Spec, names: Sequence[str]) -> dict[str, Any] | None:
    """Where the cost may be called: the domains of the parameters that are bounded."""
    found: dict[str, tuple[float | None, float | None]] = {}
    for array in spec.arrays:
        interval = array.domain.interval
        if array.name in names and array.domain.kind == "interval" and interval != Interval():
            low = math.nextafter(interval.low, INFINITY) if interval.low_open else interval.low
            high = math.nextafter(interval.high, -INFINITY) if interval.high_open else interval.high
            found[array.name] = (
                None if interval.low == -INFINITY else low,
                None if interval.high == INFINITY else high,
            )
    return found or None
