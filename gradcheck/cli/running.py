"""One check of the user's own for the command line: at a point, at drawn data, or by a test.

>>> subject = Subject(("math:sin", "math:cos"))
>>> at_point(subject, {"x": np.array(1.0)}).verdict
<Verdict.PASS: 'PASS'>

A `Subject` is what the command line says, and nothing else, so that another process can load it
anew; an `Outcome` is what came out, also of many examples together.
"""

from __future__ import annotations

import atexit
import inspect
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from multiprocessing import get_context
from typing import Any

import numpy as np

from gradcheck import targets
from gradcheck.audit import Red, planting, stopping
from gradcheck.audit.mistakes import Passing
from gradcheck.calls import Plan, Taking, plan
from gradcheck.check import assert_gradient, check_gradient
from gradcheck.errors import InvalidInput
from gradcheck.functions import copy_arrays, in_short
from gradcheck.layers import check_vjp
from gradcheck.report import GradientError, GradientInconclusive, GradientReport
from gradcheck.verdict import Verdict
from gradcheck.watch import watching

__all__ = ["Outcome", "Subject", "at_point", "by_test", "drawn", "in_processes", "processes"]

Arrays = Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """What is checked, and how: as the command line says it.

    Attributes
    ----------
    targets : tuple of str
        One or two names of objects, as `targets.load` takes them.
    is_layer : bool
        Whether they are a forward and a backward step.
    wrt : tuple of str, optional
    structure : str
        Name of what makes the first argument from arrays by name; empty for a dict.
    options : dict
        Of `check_gradient` or `check_vjp`.
    """

    targets: tuple[str, ...]
    is_layer: bool = False
    wrt: tuple[str, ...] | None = None
    structure: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        return Subject, tuple(getattr(self, f.name) for f in fields(self))

    @cached_property
    def loaded(self) -> list[Any]:
        """The objects themselves."""
        return [targets.load(text) for text in self.targets]

    @cached_property
    def functions(self) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
        """Cost and gradient, which is None if the cost returns both; or the two of a layer."""
        halves = targets.layer if self.is_layer else targets.claimed
        return halves(self.loaded, self.targets)

    @property
    def params(self) -> Any:
        """What makes the first argument; None for a dict."""
        return targets.load(self.structure) if self.structure else None

    def plan(self, arrays: Arrays) -> Plan:
        """How some arrays reach cost and gradient."""
        cost, grad = self.functions
        return plan(cost, grad, arrays, jac=grad is None, wrt=self.wrt, params=self.params)

    def remark(self, arrays: Arrays) -> str:
        """Which arrays nothing takes, and which sizes nothing has, if there are any."""
        if self.swapped(arrays):
            return SWAPPED
        lost = [] if self.is_layer else [n for n in arrays if n not in self.plan(arrays).taken]
        said = [f"nothing takes {', '.join(f'`{name}`' for name in lost)}"] if lost else []
        sizes = {n for value in arrays.values() for n in np.shape(value)}
        named = self.options.get("dimensions", {}).items()
        known = getattr(arrays, "sizes", ())
        odd = [f"{n}={size}" for n, size in named if n not in known and size not in sizes]
        said += [f"no array has the size {', '.join(odd)} of --dimensions"] if odd else []
        return "; ".join(said)

    def swapped(self, arrays: Arrays) -> bool:
        """Whether the cost returns arrays and the gradient a number."""
        if self.is_layer or self.functions[1] is None:
            return False
        try:
            with np.errstate(all="ignore"):
                takings = [Taking.of("cost", f, tuple(arrays), self.params) for f in self.functions]
                first, second = (taking(copy_arrays(dict(arrays))) for taking in takings)
            return not _is_number(first) and _is_number(second)
        except Exception:
            return False

    def inputs(self, arrays: Arrays) -> dict[str, Any]:
        """Arguments of a layer's forward step, made of some arrays."""
        taking = Taking.of("forward", self.functions[0], tuple(arrays))
        whole = {name: arrays[name] for name in taking.left}
        named = {name: arrays[name] for name in taking.named}
        return {taking.whole: whole, **named} if taking.whole else {**named, **whole}

    def check(self, arrays: Arrays, **options: Any) -> GradientReport:
        """Check at some arrays."""
        options = {**self.options, **options}
        first, second = self.functions
        if self.is_layer and second is not None:
            return check_vjp(first, second, self.inputs(arrays), **options)
        bound = self.plan(arrays).at(arrays)
        return check_gradient(
            bound.cost, bound.grad, bound.params, args=bound.args, jac=bound.jac, **options
        )


SWAPPED = "COST returns arrays and GRAD a number: are they swapped? it is gradcheck COST GRAD"


def _is_number(value: Any) -> bool:
    return np.ndim(value) == 0 and np.asarray(value).dtype.kind in "biufc"


@dataclass
class Outcome:
    """What came out of one check, or of many examples.

    Attributes
    ----------
    verdict : Verdict
    report : GradientReport or None
        The failing one, if there is one; else the last that says most.
    examples : int
        Examples drawn in which something was checked; 0 at a point.
    entries, evaluations : int
    resolution : float
        Coarsest; NaN if nothing passed.
    inconclusive : Counter of str
        How many examples could not be checked, by reasons.
    said : str
        Why nothing more is known, if so.
    remark : str
        What else there is to say of the data.
    last : GradientReport or None
        What was heard last.
    """

    verdict: Verdict = Verdict.INCONCLUSIVE
    report: GradientReport | None = None
    examples: int = 0
    entries: int = 0
    evaluations: int = 0
    resolution: float = np.nan
    inconclusive: Counter[str] = field(default_factory=Counter)
    said: str = ""
    remark: str = ""
    last: GradientReport | None = None

    def hear(self, report: GradientReport) -> None:
        """Count a check, unless one has failed already and Hypothesis looks for a smaller one."""
        if self.report is not None and self.report.verdict == Verdict.FAIL:
            return
        self.last = report
        self.evaluations += report.evaluations
        self.entries += report.entries
        self.resolution = float(np.fmax(self.resolution, report.resolution))
        if report.verdict == Verdict.INCONCLUSIVE:
            self.inconclusive[report.why] += 1
        else:
            self.examples += 1
        if self.report is None or report.verdict != Verdict.INCONCLUSIVE:
            self.report = report
            self.verdict = report.verdict

    def with_all(self, others: Sequence[Outcome]) -> Outcome:
        """All of them together; what failed first is kept."""
        every = [self, *others]
        order = (Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE)
        worst = min(every, key=lambda outcome: order.index(outcome.verdict))
        return Outcome(
            verdict=worst.verdict,
            report=worst.report,
            examples=sum(o.examples for o in every),
            entries=sum(o.entries for o in every),
            evaluations=sum(o.evaluations for o in every),
            resolution=float(np.fmax.reduce([o.resolution for o in every])),
            inconclusive=sum((o.inconclusive for o in every), Counter()),
            said=worst.said,
            remark=worst.remark,
        )


def _deaf(outcome: Outcome) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class _Ear:
    """Lets an outcome hear of each check, and tells of it."""

    outcome: Outcome
    seen: Callable[[Outcome], None]
    options: Mapping[str, Any] = field(default_factory=dict)

    def hear(self, report: GradientReport) -> None:
        self.outcome.hear(report)
        self.seen(self.outcome)

    def amend(self, report: GradientReport) -> None:
        """The report of a failure comes with its exception."""


@contextmanager
def _listening(
    subject: Subject,
    seen: Callable[[Outcome], None],
    passing: Passing | None,
    arrays: Callable[[], Arrays] = dict,
) -> Iterator[Outcome]:
    """An outcome that hears of the checks made inside; what cannot be checked says where."""
    outcome = Outcome()
    try:
        with planting(passing) if passing else nullcontext(), watching(_Ear(outcome, seen)):
            yield outcome
    except InvalidInput as error:
        text, place = str(error), targets.place_of(error.__cause__)
        if text.startswith(ALONE):
            came = text.removeprefix(ALONE)
            text = f"{subject.targets[0]} alone returns the pair (value, gradient){came}; or name "
            text += "the gradient too: gradcheck COST GRAD"
        elif subject.swapped(arrays()):
            raise InvalidInput(SWAPPED) from error.__cause__
        raise InvalidInput(f"{text}, at {place}" if place else text) from error.__cause__


ALONE = "with jac=True `cost` returns the pair (value, gradient)"
"""How a check says that a function has no gradient with it."""


def at_point(subject: Subject, arrays: Arrays, passing: Passing | None = None) -> Outcome:
    """Check at the user's own arrays.

    Parameters
    ----------
    subject : Subject
    arrays : mapping of str to ndarray
    passing : Passing, optional
        What the gradient goes through.
    """
    with _listening(subject, _deaf, passing, lambda: arrays) as outcome:
        subject.check(arrays)
    outcome.examples = 0
    return outcome


def drawn(
    subject: Subject,
    spec: str,
    *,
    examples: int,
    seed: int,
    scale: float = 1.0,
    passing: Passing | None = None,
    seen: Callable[[Outcome], None] = _deaf,
) -> Outcome:
    """Check at arrays that Hypothesis draws.

    Parameters
    ----------
    subject : Subject
    spec : str
        The arrays, as `gradcheck.strategies.shapes` takes them.
    examples, seed : int
    scale : float
    passing : Passing, optional
        What the gradient goes through. A failure is then not made smaller.
    seen : callable
        Is told of each example.
    """
    _keep_nothing()
    import hypothesis

    settings = hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        print_blob=False,
    )
    make = _layer_test if subject.is_layer else _gradient_test
    _ = subject.functions  # imported now: tests of their module would seem nested in a draw
    with _listening(subject, seen, passing, lambda: _distinct(spec)) as outcome:
        test = make(subject, spec, scale)
        run = hypothesis.seed(seed)(settings(test))
        with _judged(outcome, "the check"), stopping(test) if passing else nullcontext():
            run()
        if outcome.report is not None and passing is None:
            outcome.remark = subject.remark(_distinct(spec))
    return outcome


def _distinct(spec: str) -> Any:
    """Some arrays of a spec."""
    from gradcheck.strategies.domains import distinct
    from gradcheck.strategies.parser import parse

    return distinct(parse(spec))


@contextmanager
def _judged(outcome: Outcome, name: str) -> Iterator[None]:
    """Let what a test raises inside be the verdict of an outcome."""
    try:
        yield
    except Red:
        outcome.verdict = Verdict.FAIL
    except AssertionError as error:
        outcome.report = getattr(error, "report", None)
        outcome.verdict = Verdict.FAIL
        if isinstance(error, GradientInconclusive):
            outcome.verdict, outcome.said = Verdict.INCONCLUSIVE, getattr(error, "message", "")
        elif outcome.report is None:
            outcome.said = f"{name}: {in_short(error)}, at {targets.place_of(error)}"
    except Exception as error:
        if not isinstance(error, _errors_of_hypothesis()):
            raise
        outcome.verdict, outcome.said = Verdict.INCONCLUSIVE, in_short(error)


def _errors_of_hypothesis() -> tuple[type[Exception], ...]:
    """What Hypothesis raises if it cannot draw; nothing if it is not there."""
    errors = sys.modules.get("hypothesis.errors")
    return (errors.HypothesisException,) if errors else ()


def _keep_nothing() -> None:
    """Let Hypothesis leave no folder behind, if the user has not loaded it themselves."""
    name = "HYPOTHESIS_STORAGE_DIRECTORY"
    if "hypothesis" not in sys.modules and name not in os.environ:
        folder = os.environ[name] = tempfile.mkdtemp(prefix="gradcheck-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def in_processes(call: Callable[..., Outcome], workers: int, examples: int, seed: int) -> Outcome:
    """Draw in several processes, each with a seed of its own.

    Parameters
    ----------
    call : callable
        `drawn`, as a partial that can be pickled, but for `examples` and `seed`.
    workers, examples : int
        Examples of all workers together.
    seed : int
    """
    shares = [len(range(k, examples, workers)) for k in range(workers)]
    with processes(workers) as pool:
        parts = [
            pool.submit(call, examples=share, seed=seed + k * 2**20)
            for k, share in enumerate(shares)
            if share
        ]
        first, *others = [part.result() for part in parts]
    return first.with_all(others)


@contextmanager
def processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of processes that ends at once, and in silence, when it is interrupted."""
    pool = ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield pool
    except BrokenProcessPool:
        raise InvalidInput("a process ended without a word; --workers 1 may tell why") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _gradient_test(subject: Subject, spec: str, scale: float) -> Callable[[], None]:
    """The property that the gradient is right at each draw."""
    from gradcheck.strategies import given
    from gradcheck.strategies.reproduction import ORIGIN

    def test() -> None:
        """All is said by the decorator."""

    setattr(test, ORIGIN, _origin(subject))
    cost, grad = subject.functions
    options = dict(subject.options) | ({"jac": True} if grad is None else {})
    if subject.wrt:
        options["wrt"] = subject.wrt
    decorate = given(spec, cost=cost, grad=grad, scale=scale, params=subject.params, **options)
    return decorate(test)


def _layer_test(subject: Subject, spec: str, scale: float) -> Callable[[], None]:
    """The property that a layer's backward step is right at each draw."""
    import hypothesis

    from gradcheck.strategies import shapes
    from gradcheck.strategies.larger import Larger
    from gradcheck.strategies.reproduction import ORIGIN

    def check(arrays: Any) -> GradientReport:
        sizes = {name: n for name, n in arrays.sizes.items() if n > 0}
        given = subject.options.get("dimensions", {})
        return subject.check(arrays, dimensions={**sizes, **given})

    larger = Larger(lambda: _distinct(spec), check)

    @hypothesis.given(arrays=shapes(spec, scale=scale))
    def test(arrays: Any) -> None:
        report = check(arrays)
        if report.verdict == Verdict.INCONCLUSIVE:
            hypothesis.reject()
        if report.verdict == Verdict.FAIL:
            code = _code_of_layer(subject, arrays, test)
            said = larger.says(arrays, report)
            raise GradientError(replace(report, reproduce=code, larger=said))

    setattr(test, ORIGIN, _origin(subject))
    run: Callable[[], None] = test
    return run


def _origin(subject: Subject) -> str:
    """Code that defines what is checked."""
    loader, roles = (
        ("layer", "forward, backward") if subject.is_layer else ("claimed", "cost, grad")
    )
    lines = [
        f"from gradcheck.targets import {loader}, load",
        "",
        f"{roles} = {loader}([load(text) for text in {list(subject.targets)}])",
    ]
    lines += [f"params = load({subject.structure!r})"] if subject.structure else []
    return "\n".join(lines)


def _code_of_layer(subject: Subject, arrays: Any, test: Any) -> str:
    """Code that repeats the check of a layer."""
    from gradcheck.strategies.reproduction import assigned, callables_in_code

    halves = dict(zip(("forward", "backward"), subject.functions, strict=True))
    names, head = callables_in_code(halves, test, ("assert_vjp",))
    entries = {
        name: f"arrays[{name!r}]" if name in arrays else f"{{n: arrays[n] for n in {tuple(value)}}}"
        for name, value in subject.inputs(arrays).items()
    }
    inputs = ", ".join(f"{name!r}: {code}" for name, code in entries.items())
    given = "".join(f", {name}={value!r}" for name, value in subject.options.items())
    return "\n".join(
        [
            *head,
            assigned(arrays),
            f"assert_vjp({', '.join(names.values())}, {{{inputs}}}{given})",
        ]
    )


def by_test(
    subject: Subject,
    *,
    examples: int | None,
    seed: int,
    passing: Passing | None = None,
    seen: Callable[[Outcome], None] = _deaf,
) -> Outcome:
    """Run a test of the user's, which makes its own checks.

    Parameters
    ----------
    subject : Subject
        Of one target.
    examples : int, optional
        Default as many as the test or its profile says.
    seed : int
    passing : Passing, optional
        What the gradients of its checks go through; it then ends with its first failure.
    seen : callable
        Is told of each check.

    Raises
    ------
    InvalidInput
        If the test needs more than the fixture `gradcheck`, or raises anything else than a
        failed check or assertion.
    """
    test, name = subject.loaded[0], subject.targets[0]
    needed = {n: p for n, p in inspect.signature(test).parameters.items() if p.default is p.empty}
    given = {"gradcheck": assert_gradient} if needed.pop("gradcheck", None) else {}
    if needed:
        raise InvalidInput(
            f"{name}: the test takes {', '.join(f'`{n}`' for n in needed)}, which pytest has to "
            "make; run it by pytest"
        )
    with _listening(subject, seen, passing) as outcome:
        run = _seeded(test, examples, seed, name)
        try:
            with _judged(outcome, name), stopping(test) if passing else nullcontext():
                run(**given)
        except InvalidInput:
            raise
        except Exception as error:
            raise InvalidInput(f"{name} raised {in_short(error)}") from error
    return outcome


def _seeded(test: Any, examples: int | None, seed: int, name: str) -> Any:
    """A test with its seed and number of examples, if Hypothesis draws for it."""
    if not getattr(test, "is_hypothesis_test", False):
        return test
    import hypothesis

    if examples is not None:
        try:
            test = hypothesis.settings(max_examples=examples)(test)
        except hypothesis.errors.InvalidArgument:
            raise InvalidInput(f"--examples: {name} says by @settings how many it draws") from None
    return hypothesis.seed(seed)(test)
