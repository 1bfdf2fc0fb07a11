"""`check_gradient` and `assert_gradient`: the story of one check from top to bottom.

>>> report = check_gradient(lambda x: np.sum(x**2), lambda x: 2 * x, np.array([1.0, -3.0]))
>>> report.verdict
<Verdict.PASS: 'PASS'>
>>> report = check_gradient(lambda x: np.sum(x**3), lambda x: x**2, np.array([1.0, -3.0]))
>>> print(report.diagnoses[0])
`gradient of x` is 3 times too small

Parameters become a flat vector (`parameters`), the callables are guarded (`functions`),
structure is compared (`structure`), derivatives are measured (`noise`, `differences`) and
judged (`verdict`); what comes out is a `GradientReport` (`report`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, get_args

import numpy as np

from gradcheck import conduct, noise, structure
from gradcheck.bounds import bounds_of
from gradcheck.comparison import Comparison, Method, Rules, compare
from gradcheck.diagnosis.elsewhere import AGAIN, Elsewhere
from gradcheck.diagnosis.evidence import explain
from gradcheck.diagnosis.kinds import KINDS
from gradcheck.diagnosis.names import Names
from gradcheck.differences import Point
from gradcheck.equations import Intermediates, judged, named
from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.findings import Finding, describe
from gradcheck.functions import Cost, Function, as_scalar, copy_arrays, parameter_name, split_pair
from gradcheck.noise import Values
from gradcheck.parameters import Block, Layout, flatten
from gradcheck.probes import unprobed
from gradcheck.report import BlockReport, GradientReport, overall, raised
from gradcheck.structure import Claim
from gradcheck.verdict import RESOLUTION, OnKink, Verdict
from gradcheck.watch import watched

__all__ = ["assert_gradient", "check_dimensions", "check_gradient", "check_options", "checked"]


@watched
def check_gradient(
    cost: Callable[..., Any],
    grad: Any,
    params: Any,
    *,
    args: tuple[Any, ...] = (),
    jac: bool = False,
    wrt: str | Sequence[str] | None = None,
    resolution: float = RESOLUTION,
    approximate: float = 0.0,
    on_kink: OnKink = "inconclusive",
    method: Method = "auto",
    bounds: Any = None,
    vectorized: bool | None = None,
    dimensions: Mapping[str, int] | None = None,
    intermediates: Intermediates | str | Sequence[str] | None = None,
) -> GradientReport:
    """Compare a gradient with numerical derivatives of its cost, entry by entry.

    Parameters
    ----------
    cost : callable
        ``cost(params, *args)`` gives one real number: a float, or an array of size 1.
    grad : callable, or the gradient itself
        ``grad(params, *args)`` gives the gradient in the structure of `params`. A mapping,
        NamedTuple or dataclass may call the gradient of ``W1`` either ``W1`` or ``dW1``.
        None if `jac` is true.
    params : array, or mapping, sequence, NamedTuple or dataclass of such, nested
        The point, as arrays of floats. Never changed; the callables get copies. One bare array
        goes by the name that `cost` has for it: ``w`` in ``def cost(w)``.
    args : tuple
        Further arguments of both callables.
    jac : bool
        Whether `cost` returns the pair ``(value, gradient)``, as in SciPy.
    wrt : str or sequence of str, optional
        Names of the blocks to check, such as ``("W1", "b1")``; default all.
    resolution : float
        Relative error that a pass may leave unseen at most. It moves verdicts between PASS
        and INCONCLUSIVE only; no value turns a FAIL into a PASS.
    approximate : float
        Relative error that the gradient is known to have, for gradients that are themselves
        approximations. The report says so.
    on_kink : {"inconclusive", "accept", "fail"}
        What a value between the two slopes of a kink gets.
    method : {"auto", "centered", "complex"}
        Centered differences; or, where the cost takes complex numbers, values on a circle in
        the complex plane, whose bar shows whether the cost is analytic. "auto" is centered
        first, then complex for what is left open; "complex" the other way round. What neither
        settles goes to the ladder of centered differences.
    bounds : pair, or mapping of block names to pairs, optional
        ``(lower, upper)``, numbers or arrays of the block's shape, or None for no limit. The
        cost is never called outside; a bare pair is for parameters of one block.
    vectorized : bool, optional
        Whether `cost` takes many points at once, as a first axis of every parameter, and
        returns as many values. It is then called far less often. A cost may say so itself, by
        an attribute ``cost.vectorized = True``; default is what it says.
    dimensions : mapping of str to int, optional
        Names of sizes, such as ``{"m": 12, "n1": 4}``, by which a diagnosis calls a factor.
        Without them it looks at the shapes of the parameters and of the data.
    intermediates : Intermediates, or names of probes, optional
        Values that `cost` has named by `probe`, and whose gradients `grad` returns beside those
        of the parameters. Each is checked, and a failure names the equation to blame.

    Returns
    -------
    GradientReport
        True if everything passed.

    Raises
    ------
    InvalidInput
        If the point allows no check: it is not finite, no array of floats, or the cost is
        undefined or raises there. Also for options that make no sense.
    """
    check_options(resolution, approximate, on_kink, method)
    rules = Rules(resolution, float(approximate), on_kink, method)
    sizes = check_dimensions(dimensions)

    def known() -> Names:
        layout, _ = flatten(params, parameter_name(cost))
        shapes = [(block.name, block.shape) for block in layout.blocks]
        return Names.of(cost, params=shapes, args=args, dimensions=sizes)

    with unprobed():
        whole = partial(
            checked,
            args=args,
            jac=jac,
            wrt=wrt,
            bounds=bounds,
            vectorized=vectorized,
            rules=rules,
            known=known,
        )
        if intermediates is None:
            return _towards_probes(whole(cost, grad, params))
        spec = named(intermediates)
        report = whole(cost, grad, params, more=True)
        layout, x = flatten(params, parameter_name(cost))
        if jac:
            cost, grad = split_pair(cost)
        results = [grad]
        if callable(grad):
            backward = Function("grad", grad, layout, args)
            # Two draws of a small mask may be alike.
            unsteady = any(f.code == "nondeterministic" and f.block for f in report.findings)
            calls = 2 + AGAIN * unsteady
            results = [copy_arrays(backward.watched(x)[0]) for _ in range(calls)]
            report = replace(report, gradient_evaluations=report.gradient_evaluations + calls)
        # A unit that is exactly 0 sits on a kink of relu: a gradient between its slopes is right.
        lenient = replace(rules, on_kink="accept") if on_kink == "inconclusive" else rules
        piece = partial(checked, rules=lenient, known=known)
        return judged(report, cost, results, layout, x, args, spec, piece, known)


def _towards_probes(report: GradientReport) -> GradientReport:
    """The report, saying of a block that nothing explains how to learn more."""
    plain = KINDS["unexplained"].hint
    hint = f"{plain}; `probe` and `intermediates=` tell in which equation"
    diagnoses = (replace(d, hint=hint) if d.hint == plain else d for d in report.diagnoses)
    return replace(report, diagnoses=tuple(diagnoses))


def checked(
    cost: Callable[..., Any],
    grad: Any,
    params: Any,
    *,
    rules: Rules,
    known: Callable[[], Names],
    args: tuple[Any, ...] = (),
    jac: bool = False,
    wrt: str | Sequence[str] | None = None,
    bounds: Any = None,
    vectorized: bool | None = None,
    more: bool = False,
    inner: bool = False,
    scale: float = 1.0,
    called: tuple[str, str] = ("cost", "grad"),
) -> GradientReport:
    """Check one gradient.

    Parameters
    ----------
    cost, grad, params, args, jac, wrt, bounds, vectorized
        As for `check_gradient`.
    rules : Rules
    known : callable
        Finds names for sizes and scalars; called only if the gradient fails.
    more : bool
        Whether the gradient may hold others beside those of the parameters.
    inner : bool
        Whether the parameter is an intermediate of a forward pass.
    scale : float
        The user's own gradient is so many times the one that is given.
    called : tuple of str
        What messages call the two callables.

    Returns
    -------
    GradientReport
    """
    layout, x = flatten(params, parameter_name(cost))
    names = _selected(layout, wrt)
    if jac:
        if grad is not None:
            raise InvalidInput("with jac=True the gradient comes from `cost`: give None for `grad`")
        if not callable(cost):
            raise InvalidType(f"`cost`: expected a callable, got {describe(cost)}")
        cost, grad = split_pair(cost)
    elif grad is None:
        raise InvalidInput(
            "`grad` is None, expected a callable or a gradient; if `cost` returns both, "
            "say jac=True"
        )
    f = Cost(called[0], cost, layout, args)
    f.bounds = bounds_of(layout, x, bounds)
    declared = getattr(cost, "vectorized", False) is True
    f.vectorized = declared if vectorized is None else bool(vectorized)
    g = Function(called[1], grad if callable(grad) else lambda *_: grad, layout, args)
    g.more = more

    value, findings = _value_at(f, x)
    if value is None:
        return _report(layout, names, None, None, findings, f, g, rules.approximate)
    if f.vectorized:
        f.compare_at_once(x, value)
    claim = _gradient_at(g, x, names, findings, given=not callable(grad))
    comparison = point = elsewhere = None
    if claim.entries.size:
        point = _point(f, x, value, findings)
        elsewhere = Elsewhere(f, g, x, names, claim) if callable(grad) else None
        # What differs from call to call is wrong, and its scatter no excuse.
        steady = not any(f.code == "nondeterministic" and f.severity == "error" for f in findings)
        comparison = compare(
            point,
            claim.entries,
            claim.vector(),
            group=claim.column(lambda k, _: k),
            eps=claim.column(lambda _, block: claim.eps[block.name]),
            own_noise=partial(elsewhere.noise, point) if elsewhere and steady else lambda: None,
            rules=rules,
        )
        findings += _unchanged(f, x, value, findings)
        told = any(f.code in ("nondeterministic", "stale-cache") for f in findings)
        if elsewhere and not told:
            passed = comparison.verdict == Verdict.PASS
            findings += elsewhere.memory(point, passed=passed)
        findings += _conjugated(claim, comparison)
        comparison, findings = _recognised(claim, comparison, findings, known)
    if f.trouble:
        findings.append(conduct.of_trouble(f.name, f.trouble))
    report = _report(layout, names, claim, comparison, findings, f, g, rules.approximate)
    if report.verdict != Verdict.FAIL:
        return report
    point = point or _point(f, x, value, findings)
    names_of = known()
    diagnoses = explain(
        point,
        f,
        claim,
        comparison,
        report.findings,
        names_of,
        elsewhere=elsewhere,
        inner=inner,
        scale=scale,
    )
    reproduce = _again(f, x, names_of, known)
    return replace(report, diagnoses=diagnoses, evaluations=f.evaluations, reproduce=reproduce)


@watched
def assert_gradient(
    cost: Callable[..., Any],
    grad: Any,
    params: Any,
    *,
    allow_inconclusive: bool = False,
    **options: Any,
) -> GradientReport:
    """Raise unless a gradient agrees with numerical derivatives of its cost.

    Parameters
    ----------
    cost, grad, params, **options
        As for `check_gradient`.
    allow_inconclusive : bool
        Accept a gradient of which some block could not be checked at all.

    Returns
    -------
    GradientReport

    Raises
    ------
    GradientError
        If the gradient is wrong; its message is the report, its ``report`` the object.
    GradientInconclusive
        If it could not be checked.
    InvalidInput
        As for `check_gradient`.
    """
    __tracebackhide__ = True
    return raised(check_gradient(cost, grad, params, **options), allow_inconclusive)


def check_options(resolution: float, approximate: float, on_kink: str, method: str) -> None:
    """Raise `InvalidInput` if an option of a check makes no sense."""
    for name, number, low, high in (
        ("resolution", resolution, 0.0, 1.0),
        ("approximate", approximate, -1.0, 1.0),
    ):
        if isinstance(number, bool) or not isinstance(number, (int, float, np.floating)):
            raise InvalidType(f"`{name}`: expected a number, got {number!r}")
        if not low < number < high or number < 0:
            raise InvalidInput(
                f"`{name}`: expected a relative error between 0 and 1, got {number!r}"
            )
    for name, choice, choices in (
        ("on_kink", on_kink, get_args(OnKink)),
        ("method", method, get_args(Method)),
    ):
        if not isinstance(choice, str) or choice not in choices:
            raise InvalidInput(f"`{name}`: expected one of {choices}, got {choice!r}")


def check_dimensions(dimensions: Mapping[str, int] | None) -> dict[str, int]:
    """The user's names of sizes, or `InvalidInput` if they are none."""
    if dimensions is None:
        return {}
    if not isinstance(dimensions, Mapping) or not all(
        isinstance(name, str) and isinstance(size, (int, np.integer)) and size > 0
        for name, size in dimensions.items()
    ):
        raise InvalidInput(
            f"`dimensions`: expected names and sizes such as {{'m': 12}}, got {dimensions!r}"
        )
    return {name: int(size) for name, size in dimensions.items()}


def _selected(layout: Layout, wrt: str | Sequence[str] | None) -> tuple[str, ...]:
    known = tuple(block.name for block in layout.blocks)
    if wrt is None:
        return known
    names = (wrt,) if isinstance(wrt, str) else tuple(wrt) if isinstance(wrt, Iterable) else ()
    if not names or any(name not in known for name in names):
        raise InvalidInput(f"`wrt` is {wrt!r}, expected some of the blocks {', '.join(known)}")
    return names


def _value_at(f: Cost, x: Values) -> tuple[float | None, list[Finding]]:
    """The cost at the point, None if it is no scalar, and what calling it twice showed."""
    result = f.at_point(x)
    findings = conduct.of_changes(f.name, f.changed)
    try:
        value = as_scalar(result)
    except InvalidType as error:
        return None, [*findings, conduct.of_value(f.name, str(error), result)]
    if not np.isfinite(value):
        raise InvalidInput(
            f"`{f.name}` is {value} at the point of the check; "
            "a derivative exists only where the cost is finite"
        )
    second = f.value(x)
    if second != value:
        findings.append(conduct.of_scatter(f.name, value, second))
    return value, findings


def _gradient_at(
    g: Function, x: Values, names: tuple[str, ...], findings: list[Finding], *, given: bool
) -> Claim:
    """The claimed gradient, and what calling for it twice showed."""
    first, handed = g.watched(x)
    claim = structure.match(g.layout, first, names, g.more)
    findings += claim.findings
    if given:
        g.evaluations = 0
        return claim
    second, _ = g.watched(x)
    findings += conduct.of_changes(g.name, g.changed)
    findings += conduct.of_aliasing(first, handed, second)
    again = structure.match(g.layout, second, names, g.more)
    differing = conduct.of_repetition(claim, again)
    if any(finding.severity == "error" for finding in differing):
        calls = [g.watched(x)[0] for _ in range(AGAIN)]
        others = [structure.match(g.layout, result, names, g.more) for result in calls]
        when = "at one point was another at the first call than later"
        differing = conduct.of_calls(claim, [again, *others], when)
    findings += differing
    return claim


def _point(f: Cost, x: Values, value: float, findings: list[Finding]) -> Point:
    """The cost at the point, with its noise."""
    layout, at_x = f.layout, np.array([value])
    spacing = layout.spacing(x)
    measured = noise.measure(
        f.values, x, at_x, spacing=spacing, eps=f.eps, inward=f.bounds.inward(x)
    )
    if any(finding.code == "nondeterministic" for finding in findings):
        measured = measured.at_least(1.5 * np.std(f.values(np.repeat(x[None], 8, axis=0))))
    plain = all(block.dtype == np.float64 for block in layout.blocks)
    return Point(
        f.values, x, at_x, measured, layout.nearest, spacing, f.complex_values if plain else None
    )


def _unchanged(f: Cost, x: Values, value: float, findings: list[Finding]) -> list[Finding]:
    """A finding if the cost at the point is no longer what it was before the check."""
    again = f.value(x)
    if again == value or any(finding.code == "nondeterministic" for finding in findings):
        return []
    return [conduct.of_drift(f.name, value, again)]


def _again(f: Cost, x: Values, names: Names, known: Callable[[], Names]) -> str:
    """How to repeat a check: its point, and the data that it needs."""
    f(x)
    # What a call makes anew is a cache of the user's, and no data.
    kept = {id(array) for _, array in known().data}
    data = [f"{name} {array.shape}" for name, array in names.data if id(array) in kept]
    again = f"the same call again, at the point {zlib.crc32(x.tobytes()):08x}"
    return f"{again}, with {', '.join(data[:6])}" if data else again


def _recognised(
    claim: Claim, comparison: Comparison, findings: list[Finding], known: Callable[[], Names]
) -> tuple[Comparison, list[Finding]]:
    """The findings about wrong shapes, saying where the values are right.

    Sums over what may be examples are guesses, which are no longer compared where they miss.
    """
    kept = np.ones(claim.entries.size, dtype=bool)
    for block, rows in claim.rows:
        if block.name not in claim.misshapen:
            continue
        made, values = comparison.rows(rows), claim.values[block.name]
        axis = claim.summed.get(block.name)
        if axis is not None:
            count = claim.misshapen[block.name].shape[axis]
            is_sum, is_mean = _fits(values, made), _fits(values / count, made)
            if is_sum or is_mean or count in known().examples:
                mean = is_mean and not is_sum
                findings = structure.of_examples(findings, block, axis, count, mean=mean)
            else:
                findings = structure.of_no_examples(findings, block)
            kept[rows] = any(f.block == block.name and f.code == "not-summed" for f in findings)
        enough = claim.misshapen[block.name].size >= block.size
        if enough and (made.decision.verdict == Verdict.PASS).all():
            findings = structure.of_right_values(findings, block.name)
    for name in [block.name for block, rows in claim.rows if not kept[rows].all()]:
        claim.without(name)
    return comparison.rows(np.flatnonzero(kept)), findings


def _fits(values: Values, made: Comparison) -> bool:
    """Whether values are the derivatives that were measured."""
    found = made.found
    off = np.abs(values - found.derivative[:, 0])
    return bool((off <= found.error[:, 0] + 1e-9 * np.abs(values).max(initial=0.0)).all())


def _conjugated(claim: Claim, comparison: Comparison) -> list[Finding]:
    """A finding for each complex block that fails and whose conjugate would not."""
    findings = []
    for block, rows in claim.rows:
        made = comparison.rows(rows)
        if block.is_complex and (made.decision.verdict == Verdict.FAIL).any():
            conjugate = claim.values[block.name].copy()
            conjugate[1::2] *= -1
            off = np.abs(conjugate - made.found.derivative[:, 0])
            if (off <= made.found.error[:, 0] + 1e-9 * np.abs(conjugate).max()).all():
                findings.append(structure.of_conjugation(block, claim.labels[block.name]))
    return findings


def _report(
    layout: Layout,
    names: tuple[str, ...],
    claim: Claim | None,
    comparison: Comparison | None,
    findings: list[Finding],
    f: Cost,
    g: Function,
    approximate: float,
) -> GradientReport:
    """All that was found, block by block."""
    blocks = {}
    start = 0
    for block in layout.blocks:
        if block.name not in names:
            continue
        label = claim.labels.get(block.name, block.name) if claim else block.name
        compared = claim is not None and comparison is not None and block.name in claim.values
        size = block.size if compared else 0
        blocks[block.name] = _block_report(
            block, label, claim, comparison, slice(start, start + size), findings
        )
        start += size
        if not block.size:
            findings.append(structure.of_emptiness(block))
    verdict = overall(blocks, findings)
    return GradientReport(
        verdict, blocks, tuple(findings), f.evaluations, g.evaluations, approximate
    )


def _block_report(
    block: Block,
    label: str,
    claim: Claim | None,
    comparison: Comparison | None,
    rows: slice,
    findings: list[Finding],
) -> BlockReport:
    wrong = any(f.block == block.name and f.severity == "error" for f in findings)
    if claim is None or comparison is None or block.name not in claim.values:
        verdict = Verdict.FAIL if wrong else Verdict.INCONCLUSIVE
        return BlockReport.without_numbers(block, label, verdict)
    values = claim.values[block.name]
    return BlockReport.of(block, label, values, comparison.rows(rows), wrong=wrong)
