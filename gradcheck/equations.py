"""Which equation of a backward pass is wrong, and which merely inherit its mistake.

>>> from gradcheck import check_gradient, probe
>>> def cost(params):
...     z = probe("z", params["w"] ** 2)
...     return np.sum(z**3)
>>> def backward(params):
...     dz = 3 * params["w"] ** 4
...     return {"dz": dz, "dw": 2 * dz}  # the second equation lacks a factor of w
>>> check_gradient(cost, backward, {"w": np.array([0.5, -3.0])}, intermediates="z").equation
'dw'

Probes cut the forward pass into pieces. Held at their values, they let each piece be
differentiated by itself, multiplied by the gradients that the backward pass claims for what the
piece computes: the product is what a right equation makes of its inputs, wrong as these may be.
So every equation is judged alone, and no graph need be declared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcheck.blockreport import BlockReport
from gradcheck.diagnosis import Diagnosis
from gradcheck.diagnosis.kinds import KINDS
from gradcheck.diagnosis.made import made_of, same
from gradcheck.diagnosis.names import CLOSE, Names
from gradcheck.diagnosis.shapes import of_findings
from gradcheck.diagnosis.suspect import Sure, sureness
from gradcheck.differences import Nature
from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.findings import Finding, some
from gradcheck.functions import copy_arrays
from gradcheck.parameters import Layout
from gradcheck.passes import Pass, as_numbers, claimed, meetings, over, redrawn, returned
from gradcheck.probes import recorded
from gradcheck.report import Blame, GradientReport, overall
from gradcheck.verdict import Verdict

__all__ = ["Intermediates", "judged", "named", "term"]

Array = Any
Check = Callable[..., GradientReport]


@dataclass(frozen=True)
class Intermediates:
    """What a backward pass says of the probed intermediates, and in which convention.

    Parameters
    ----------
    names : str or sequence of str
        Probes whose gradients are checked. The backward pass returns them beside the gradients
        of the parameters, as ``Z1`` or ``dZ1``. A probe that one call of the cost meets several
        times, as in the steps of a loop, has a list of gradients, one for each meeting; one array
        is that by the only meeting on which the cost depends, or by all if they have one value.
    scale : float
        The gradients of the intermediates are those of `scale` times the cost: the number of
        examples, by the lecture's convention, where ``dZ`` belongs to the summed loss and the
        ``1/m`` of the mean enters at ``dW``.
    equations : mapping of str to str
        The equations in their order, by what each computes: ``{"dZ2": "dZ2 = A2 - Y", ...}``.
        Messages show and number them.
    """

    names: tuple[str, ...]
    scale: float = 1.0
    equations: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = (self.names,) if isinstance(self.names, str) else tuple(self.names)
        if not names or not all(isinstance(name, str) for name in names):
            raise InvalidInput(f"`names`: expected names of probes, got {self.names!r}")
        object.__setattr__(self, "names", names)
        scale = self.scale
        if isinstance(scale, bool) or not isinstance(scale, (int, float, np.number)):
            raise InvalidType(f"`scale`: expected a number, got {scale!r}")
        if not np.isfinite(scale) or scale == 0:
            raise InvalidInput(f"`scale`: expected a finite number other than 0, got {scale!r}")


def named(intermediates: Any) -> Intermediates:
    """The user's `intermediates`, which may be names alone.

    Raises
    ------
    InvalidType
        If it is neither.
    """
    if isinstance(intermediates, Intermediates):
        return intermediates
    if isinstance(intermediates, str) or (
        isinstance(intermediates, Iterable) and not isinstance(intermediates, Mapping)
    ):
        return Intermediates(
            tuple([intermediates] if isinstance(intermediates, str) else intermediates)
        )
    raise InvalidType(
        f"`intermediates`: expected names of probes or gradcheck.Intermediates(...), got "
        f"{type(intermediates).__name__}"
    )


def judged(
    report: GradientReport,
    cost: Callable[..., Any],
    results: Sequence[Any],
    layout: Layout,
    x: Array,
    args: tuple[Any, ...],
    spec: Intermediates,
    check: Check,
    known: Callable[[], Names],
) -> GradientReport:
    """A report with the gradients of the intermediates, and the equation to blame.

    Parameters
    ----------
    report : GradientReport
        Of the parameters.
    cost : callable
    results : sequence of object
        What calls of the backward pass returned, of which the first is judged.
    layout : Layout
    x : ndarray
        The point.
    args : tuple
    spec : Intermediates
    check : callable
        Checks one array: ``check(cost, gradient, {name: value}, inner=False, scale=1)``.
    known : callable
        Finds the names of the user's arrays.

    Returns
    -------
    GradientReport
    """
    recording = recorded(lambda: cost(layout.build(x), *copy_arrays(args)))
    met = meetings(spec.names, recording)
    taken = {block.name for block in layout.blocks} & {k for keys in met.values() for k in keys}
    if taken:
        raise InvalidInput(f"probe `{min(taken)}` has the name of a parameter; rename one of them")
    blocks, diagnoses, evaluations = dict(report.blocks), list(report.diagnoses), 0
    forward = Pass(cost, layout, x, args, recording, scale=spec.scale)

    def of(name: str, claim: Any) -> GradientReport:
        nonlocal evaluations
        value = recording.values[name]
        whole, claims = forward.whole(name), {name: claim}
        part = check(whole, claims, {name: value}, inner=True, scale=forward.scale)
        evaluations += part.evaluations
        return part

    result = results[0]
    said = claimed(result, met, forward, lambda name, v: of(name, over(v, spec.scale)).blocks[name])
    differing = redrawn(said, recording.values, results, spec.scale)
    unsteady = {f.block: f for f in differing if f.severity == "error"}
    findings = [*said.findings, *differing]
    claims = {
        name: over(said.found[name], spec.scale)
        if name in said.found
        else np.full(recording.values[name].shape, np.nan)
        for name in said.names
    }
    forward = replace(forward, alike=said.alike, claims=claims)
    cotangents: dict[str, Array] = {}
    raw = {**claims, **{block.name: returned(result, block.name) for block in layout.blocks}}
    # In backward order, as the gradients are computed.
    for name in reversed(recording.values):
        if name in said.others:
            cotangents[name] = said.others[name]
        if name not in claims:
            continue
        value, claim, label = recording.values[name], claims[name], said.labels[name]
        part = of(name, claim)
        measured = part.blocks[name].numerical
        if name in said.found:
            verdict = Verdict.FAIL if name in unsteady else part.blocks[name].verdict
            blocks[name] = replace(part.blocks[name], label=label, verdict=verdict)
            findings += [_of_claim(f, label) for f in part.findings if f.block == name]
            told: Sequence[Diagnosis] = part.diagnoses
            if name in unsteady:
                # Of what is redrawn the values of one draw mean nothing.
                told = of_findings([unsteady[name]], {}, {}, known())
            diagnoses += [diagnosis.named(label) for diagnosis in told]
        else:
            block = part.blocks[name].block
            blocks[name] = BlockReport.without_numbers(block, label, Verdict.FAIL)
            diagnoses += [_absent(f, label, value.size) for f in said.findings if f.block == name]
        instead = _cotangent(claim, measured, value.shape)
        if instead is not None:
            claims[name] = cotangents[name] = instead
    everything = (*report.findings, *findings)
    done = replace(
        report,
        verdict=overall(blocks, everything),
        blocks=blocks,
        findings=everything,
        diagnoses=tuple(diagnoses),
        evaluations=report.evaluations + evaluations,
        convention=_convention(spec),
    )
    if done.verdict != Verdict.FAIL:
        return done
    forward = replace(forward, claims=claims, cotangents=cotangents, said=raw)
    return _blamed(done, forward, spec, check, known())


def _of_claim(finding: Finding, label: str) -> Finding:
    """A finding about the gradient of an intermediate, by what the backward pass calls it."""
    message = finding.message.replace(f"`gradient of {finding.block}`", f"`{label}`")
    return replace(finding, message=message)


def _cotangent(claim: Any, measured: Array, shape: tuple[int, ...]) -> Array | None:
    """What stands for a claim where others are judged: its numbers, or else those measured."""
    numbers, due = as_numbers(claim, shape), None
    if measured.size == np.prod(shape):
        due = measured.reshape(shape)
    made = numbers if numbers is not None else due
    if numbers is not None and due is not None:
        made = np.where(np.isfinite(numbers), numbers, due)
    return made if made is not None and np.isfinite(made).all() else None


def _absent(finding: Finding, label: str, entries: int) -> Diagnosis:
    """The diagnosis of an intermediate of which the backward pass says nothing."""
    kind = "none" if finding.code == "none" else "missing-block"
    evidence = "is None" if kind == "none" else "is not among what the backward pass returns"
    return Diagnosis(kind, finding.block, 0, entries, "certain", evidence, finding.help, label)


def _convention(spec: Intermediates) -> str:
    names = ", ".join(f"d{name}" for name in spec.names)
    if spec.scale == 1:
        return f"{names} of the cost itself"
    return f"{names} of {spec.scale:g} times the cost, shown divided by it"


@dataclass(frozen=True)
class _Judgement:
    """Every equation, judged alone.

    Attributes
    ----------
    wrong : list of str
        The quantities that do not follow from what they are computed from.
    right : set of str
        Those of `wrong` that are right all the same: something before them is not.
    inherited : list of str
        Wrong ones that do follow.
    diagnoses : list of Diagnosis
    evaluations : int
    ratios : list of float
        By which factors gradients of parameters are off from what follows for them.
    scale : float
        The gradients of the intermediates are taken for those of so many times the cost that was
        declared.
    """

    wrong: list[str]
    right: set[str]
    inherited: list[str]
    diagnoses: list[Diagnosis]
    evaluations: int
    ratios: list[float]
    scale: float = 1.0


def _judgement(
    report: GradientReport, forward: Pass, check: Check, known: Names, scale: float = 1.0
) -> _Judgement:
    """Each equation by what it makes of its inputs, wrong as these may be."""
    wrong, right, inherited, diagnoses, evaluations = [], set(), [], [], 0
    ratios: list[float] = []
    structural = _condemned(report)
    for name, claim, value in _quantities(report, forward):
        if name in structural:
            follows, more = _only_inherits(name, value, structural, forward, check)
            evaluations += more
            if follows:
                inherited.append(name)
            else:
                wrong.append(name)
                diagnoses += [d for d in report.diagnoses if d.block == name]
            continue
        inner, verdict = name in forward.recording.values, report.blocks[name].verdict
        if inner and scale != 1:
            verdict = Verdict.PASS if _is_due(report.blocks[name], claim) else Verdict.FAIL
        piece, scale_of = forward.piece(name), forward.scale if inner else 1.0
        alone = check(piece, {name: claim}, {name: value}, inner=inner, scale=scale_of)
        evaluations += alone.evaluations
        if alone.verdict != Verdict.FAIL:
            inherited += [name] if verdict == Verdict.FAIL else []
            continue
        wrong.append(name)
        if not inner:
            ratios.append(_multiple(alone.blocks[name]))
        if verdict == Verdict.PASS:
            right.add(name)
            continue
        gradient = report.blocks[name].gradient
        elsewhere = [d for d in report.diagnoses if d.kind == "swapped" and _is_of(d, name)]
        if elsewhere:
            diagnoses += [d for d in elsewhere if d not in diagnoses]
        else:
            truth = alone.blocks[name].numerical.reshape(-1)
            told, more = _of_layer(forward, name, claim, truth, check, known)
            evaluations += more
            diagnoses += [d.named(gradient) for d in told or alone.diagnoses]
    return _Judgement(wrong, right, inherited, diagnoses, evaluations, ratios, scale)


def _condemned(report: GradientReport) -> dict[str, set[str]]:
    """The codes of the errors that were found before any number was compared, by block."""
    found: dict[str, set[str]] = {}
    for finding in report.findings:
        if finding.severity == "error" and finding.block:
            found.setdefault(finding.block, set()).add(finding.code)
    return found


PASSED_ON = {"not-finite", "dtype", "nondeterministic"}
"""Codes of findings that a right equation passes on from what it is computed from."""


def _only_inherits(
    name: str, value: Array, structural: Mapping[str, set[str]], forward: Pass, check: Check
) -> tuple[bool, int]:
    """Whether a condemned gradient follows from others that are condemned alike; evaluations.

    The real part follows from the real part; where what comes in is finite, so is what follows;
    and of what is redrawn, all claims are of one call.
    """
    passed_on = {
        code
        for key in forward.feeds(name)
        for code in structural.get(key, ())
        if code != "dtype" or np.iscomplexobj(forward.said[key])
    }
    if not structural[name] <= PASSED_ON & passed_on:
        return False, 0
    said, inner = as_numbers(forward.said.get(name), value.shape), name in forward.recording.values
    claim = as_numbers(forward.claims[name], value.shape) if inner else said
    if said is None or claim is None:
        return True, 0  # under no name of its own
    finite = np.isfinite(said)
    alone = check(
        forward.piece(name), {name: np.where(finite, claim, 0.0)}, {name: value}, inner=inner
    )
    off = alone.blocks[name].verdicts.reshape(value.shape) == Verdict.FAIL
    return not (off & finite).any(), alone.evaluations


def _is_due(block: BlockReport, claim: Array) -> bool:
    """Whether a claim is the derivative that was measured."""
    if np.size(claim) != block.numerical.size:
        return False
    off = np.abs(np.ravel(claim) - block.numerical)
    return bool((off <= block.error + ROUNDING * np.abs(claim).max(initial=0.0)).all())


ROUNDING = 1e-9
"""Relative difference of numbers that are the same but for the rounding of a measured factor."""


def _multiple(block: BlockReport) -> float:
    """The factor by which a claim is off from the derivative, NaN if there is no such."""
    claim, truth = block.analytic, block.numerical
    size = float(truth @ truth) if truth.size and np.isfinite([claim, truth]).all() else 0.0
    factor = _whole(float(claim @ truth) / size) if size > 0 else np.nan
    fits = np.abs(claim - factor * truth) <= abs(factor) * block.error + ROUNDING * size**0.5
    return factor if factor and fits.all() else np.nan


@np.errstate(all="ignore")
def _whole(factor: float) -> float:
    """A measured factor, or the whole number or its inverse that it stands for."""
    for number, inverse in ((np.round(factor), False), (np.round(np.divide(1, factor)), True)):
        near = float(np.divide(1, number) if inverse else number)
        if np.isfinite(near) and near and abs(factor - near) <= CLOSE * abs(near):
            return near
    return factor


@np.errstate(all="ignore")
def _judged_twice(report: GradientReport, forward: Pass, check: Check, known: Names) -> _Judgement:
    """The judgement by the convention that is declared, or by another under which less is wrong.

    Gradients of the intermediates that belong to a multiple of the cost make a wrong equation of
    each that leads from the cost to one of them, and of each from there to a parameter.
    """
    best = _judgement(report, forward, check, known)
    evaluations = best.evaluations
    steady = [k for k in best.wrong if k in forward.cotangents and k not in _condemned(report)]
    # One that makes the intermediates right, or the parameters' equations, wrong as those may be.
    factors = [_multiple(report.blocks[name]) for name in steady]
    factors += [_whole(1 / ratio) for ratio in best.ratios if steady]
    for factor in dict.fromkeys(f for f in factors if np.isfinite(f) and abs(f - 1) > 1e-6):
        if len(best.wrong) < 2:
            break
        other = _judgement(report, forward.rescaled(factor), check, known, factor)
        evaluations += other.evaluations
        # The convention counts for one mistake.
        if len(other.wrong) + (other.scale != 1) < len(best.wrong) + (best.scale != 1):
            best = other
    return replace(best, evaluations=evaluations)


def _of_convention(
    report: GradientReport, forward: Pass, judged: _Judgement, spec: Intermediates, known: Names
) -> Diagnosis:
    """That gradients of the intermediates follow another convention than is declared."""
    failing = {
        name: block
        for name, block in report.blocks.items()
        if name in forward.cotangents and block.verdict == Verdict.FAIL
    }
    due = [
        block
        for name, block in failing.items()
        if _is_due(block, over(forward.claims[name], judged.scale))
    ]
    excused = due or list(failing.values())
    scale = _whole(spec.scale * judged.scale)
    named = known.of_factor(scale) if scale != 1 else []
    times = f"{scale:.9g} times the cost" if scale != 1 else "the cost itself"
    evidence = f"{some([b.gradient for b in excused])} belong{'s' * (len(excused) == 1)} to {times}"
    evidence += f", and not to {spec.scale:.9g} times" if spec.scale != 1 else ""
    params = [b for name, b in report.blocks.items() if name not in forward.recording.values]
    if all(block.verdict == Verdict.PASS for block in params):
        evidence += "; the gradients of the parameters are right"
    evidence += f"; {named[0]}" if named else ""
    names = spec.names if len(spec.names) > 1 else spec.names[0]
    hint = f"if that is your convention, declare it: Intermediates({names!r}, scale={scale:.12g})"
    if scale == 1:
        hint = "if that is your convention, leave `scale` out of Intermediates(...)"
    explains, entries = (sum(block.entries for block in blocks) for blocks in (due, excused))
    sure: Sure = "likely" if named or len(excused) > 1 else "possible"
    return Diagnosis("convention", None, explains, entries, sure, evidence, hint)


def _blamed(
    report: GradientReport, forward: Pass, spec: Intermediates, check: Check, known: Names
) -> GradientReport:
    """The report with every equation judged alone."""
    found = _judged_twice(report, forward, check, known)
    labels = {name: block.gradient for name, block in report.blocks.items()}
    computed = {name: _equation(labels[name], labels, forward, spec) for name in found.wrong}
    # Of what is made with another gradient, that gradient is the wrong term, and not the input.
    kinds = {
        computed[d.block]: "" if " in place of `d" in d.evidence else d.kind
        for d in reversed(found.diagnoses)
        if d.block in computed
    }
    equations = dict.fromkeys(computed[name] for name in found.wrong if name not in found.right)
    blame = Blame(
        equations=tuple(equations),
        inherited=tuple(labels[name] for name in found.inherited),
        texts={e: _numbered(e, spec) for e in computed.values() if e in spec.equations},
        terms={
            e: term(spec.equations[e], kinds.get(e, "")) for e in equations if e in spec.equations
        },
        marks=_marks(report, forward, found, computed),
    )
    diagnoses = tuple(found.diagnoses)
    if found.scale == spec.scale == 1:
        diagnoses = tuple(_hedged(d, report, forward) for d in diagnoses)
    if found.scale != 1:
        diagnoses = (_of_convention(report, forward, found, spec, known), *diagnoses)
    return replace(
        report,
        blame=blame,
        findings=_in_backward_order(report, forward),
        diagnoses=diagnoses or report.diagnoses,
        evaluations=report.evaluations + found.evaluations,
    )


def _hedged(diagnosis: Diagnosis, report: GradientReport, forward: Pass) -> Diagnosis:
    """A factor in an equation of a multiple, which may be a convention that was not declared."""
    if diagnosis.kind not in FACTORS or diagnosis.block is None:
        return diagnosis
    off = [
        report.blocks[key].gradient
        for key in forward.feeds(diagnosis.block)
        if key in forward.claims
        and report.blocks[key].verdict == Verdict.FAIL
        and np.isfinite(_multiple(report.blocks[key]))
    ]
    if not off:
        return diagnosis
    belongs = "belongs" if len(off) == 1 else "belong"
    evidence = f"{diagnosis.evidence}, unless {some(off)} {belongs} to a multiple of the cost"
    return replace(diagnosis, sure="possible", evidence=evidence)


FACTORS = {"constant-ratio", "sum-for-mean", "mean-for-sum"}
"""Kinds of mistake that another convention gives to the equations after an intermediate."""


def _in_backward_order(report: GradientReport, forward: Pass) -> tuple[Finding, ...]:
    """The findings, those about what is computed first before those about what inherits it."""
    order = [name for name, _, _ in _quantities(report, forward)]
    place = {name: k for k, name in enumerate(order)}
    return tuple(sorted(report.findings, key=lambda f: place.get(f.block or "", -1)))


MARKS = {
    "missing-block": "missing",
    "none": "missing",
    "nondeterministic": "differs from call to call",
}
"""What findings about a gradient say of its equation."""


def _marks(
    report: GradientReport, forward: Pass, found: _Judgement, computed: Mapping[str, str]
) -> dict[str, str]:
    """What is to be said of equations that are not just wrong."""
    said = {f.block: MARKS[f.code] for f in report.findings if f.code in MARKS}
    marks = {}
    # Of several quantities with one equation, one that is wrong counts.
    for name in sorted(found.wrong, key=lambda name: name not in found.right | {*said}):
        if name in said:
            marks[computed[name]] = said[name]
        elif name in found.right:
            off = [k for k in [*found.wrong, *found.inherited] if k not in found.right]
            gradients = [report.blocks[k].gradient for k in forward.feeds(name) if k in off]
            label = report.blocks[name].gradient
            told = f"the {some(gradients, quote='')}" if gradients else "what else is"
            marks[computed[name]] = f"{label} is right, but does not follow from {told} returned"
        else:
            marks.pop(computed[name], None)
    return marks


def _quantities(report: GradientReport, forward: Pass) -> list[tuple[str, Array, Array]]:
    """Name, claim and value of everything that has an equation, in backward order."""
    met = forward.recording.values
    place = {name: float(k) for k, name in enumerate(met)}
    # Of what differs from call to call the claims of one call belong together.
    unsteady = any(f.code in ("nondeterministic", "stale-cache") for f in report.findings)
    found: list[tuple[str, Array, Array]] = []
    for name, part in report.blocks.items():
        if name in met:
            found.append((name, forward.claims[name], met[name]))
            continue
        # A parameter's equation follows that of the intermediate that it feeds.
        place[name] = place.get(next(iter(forward.feeds(name)), ""), len(met)) - 0.5
        block, claim = forward.block(name), part.analytic
        if unsteady and not block.is_complex:
            said = as_numbers(forward.said.get(name), block.shape)
            claim = claim if said is None else said.ravel()
        value = np.asarray(forward.x[block.slice], dtype=float)
        if block.is_complex:
            claim, value = claim.view(complex), value.view(complex)
        value = value.reshape(block.shape)
        claim = claim.reshape(block.shape) if claim.size else np.full(block.shape, np.nan)
        found.append((name, claim, value))
    return sorted(found, key=lambda quantity: -place[quantity[0]])


def _equation(label: str, labels: Mapping[str, str], forward: Pass, spec: Intermediates) -> str:
    """The equation that computes a gradient: its own, or that of which it is a part.

    The lecture has no equation of its own for ``dA1``, which stands in that of ``dZ1``.
    """
    if not spec.equations or label in spec.equations:
        return label
    order = [labels[name] for name in reversed(forward.recording.values) if name in labels]
    later = order[order.index(label) + 1 :] if label in order else []
    return next((other for other in later if other in spec.equations), label)


def _numbered(equation: str, spec: Intermediates) -> str:
    number = list(spec.equations).index(equation) + 1
    return f"equation {number}: {spec.equations[equation]}"


TERMS = {
    r"[\w.]+/\w+": ("sum-for-mean", "mean-for-sum", "constant-ratio", "scaled-loss"),
    r"\w+'\([^)]*\)": (
        "activation-derivative-missing",
        "activation-derivative-of-another",
        "activation-derivative-at-wrong-argument",
    ),
    r"\S+(\^T|\.T)$": ("wrong-input", "transposed", "single-example"),
    r"axis=\S+\b": ("summed-over-all-axes", "summed-over-wrong-axis"),
    r"keepdims=\w+": ("keepdims-forgotten",),
    r"\S*sum\(.*\)": ("not-summed", "row-vector"),
    r"(lambda|lam|l2)\b.*": ("regulariser-missing", "regulariser-doubled", "regulariser-factor"),
}
"""Where in the text of an equation each kind of mistake is made, as regular expressions."""


def term(equation: str, kind: str) -> str:
    """The part of an equation where a kind of mistake is made; its right side if none is.

    >>> term("dW1 = 1/m dZ1 X^T", "sum-for-mean")
    '1/m'
    >>> term("dZ2 = A2 - Y", "sign")
    'A2 - Y'
    """
    right = equation.partition(" = ")[2] or equation
    pattern = next((p for p, kinds in TERMS.items() if kind in kinds), "")
    found = re.search(pattern, right) if pattern else None
    return found[0] if found else right


def _is_of(diagnosis: Diagnosis, name: str) -> bool:
    """Whether a diagnosis of two blocks is of this one."""
    return diagnosis.block == name or f"`{name}`" in diagnosis.evidence


def _of_layer(
    forward: Pass, name: str, claim: Array, truth: Array, check: Check, known: Names
) -> tuple[list[Diagnosis], int]:
    """Mistakes that the other values of the forward pass give away, and evaluations."""
    values = forward.recording.values
    at = values.get(name)

    def says(kind: str, evidence: str) -> list[Diagnosis]:
        entries = int(np.size(claim))
        sure = sureness(entries, entries)
        return [Diagnosis(kind, name, entries, entries, sure, evidence, KINDS[kind].hint)]

    if at is None:
        # Of two of one name, the probe is the one that the equations mean.
        made = made_of(claim, truth, forward.cotangents, {**dict(known.data), **values})
        return says(*made) if made else [], 0
    order = list(values)
    for key, cotangent in forward.cotangents.items():
        # Only what is computed before it in the backward pass can have come in.
        if order.index(key) > order.index(name) and same(claim, cotangent):
            return says("activation-derivative-missing", f"is d{key} as it came"), 0
    evaluations = 0
    for key, value in values.items():
        if key != name and value.shape == at.shape and not np.array_equal(value, at):
            there = check(forward.piece(name), {name: claim}, {name: value}, inner=True)
            evaluations += there.evaluations
            # At a kink, whatever lies between the slopes would be right.
            smooth = not (there.blocks[name].natures == Nature.KINK).any()
            if there.verdict == Verdict.PASS and smooth:
                evidence = f"is right for the derivative at {key} in place of {name}"
                return says("activation-derivative-at-wrong-argument", evidence), evaluations
    return [], evaluations
