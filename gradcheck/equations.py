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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from gradcheck.blockreport import BlockReport
from gradcheck.diagnosis import Diagnosis
from gradcheck.diagnosis.fitting import fitted_factor
from gradcheck.diagnosis.kinds import KINDS
from gradcheck.diagnosis.names import Names
from gradcheck.diagnosis.shapes import of_findings
from gradcheck.diagnosis.suspect import sureness
from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.functions import copy_arrays
from gradcheck.parameters import Block, Layout, children
from gradcheck.probes import Recording, recorded
from gradcheck.report import Blame, GradientReport, overall
from gradcheck.structure import Finding
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
        of the parameters, as ``Z1`` or ``dZ1``.
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


@dataclass(frozen=True)
class _Pass:
    """One forward pass with probes, and what a backward pass claims for them."""

    cost: Callable[..., Any]
    layout: Layout
    x: Array
    args: tuple[Any, ...]
    recording: Recording
    claims: Mapping[str, Array]
    cotangents: Mapping[str, Array] = field(default_factory=dict)

    def block(self, name: str) -> Block:
        """The block of the parameters that has a name."""
        return next(block for block in self.layout.blocks if block.name == name)

    def run(self, instead: Mapping[str, Array], x: Array | None = None) -> Recording:
        """The forward pass, with some probes and some parameters replaced."""
        params = self.layout.build(self.x if x is None else x)
        return recorded(lambda: self.cost(params, *copy_arrays(self.args)), instead)

    def whole(self, name: str) -> Callable[[Any], Any]:
        """The cost as a function of one intermediate."""
        return lambda at: self.run({name: at[name]}).result

    def piece(self, name: str) -> Callable[[Any], Any]:
        """What the equation of one gradient differentiates: its piece of the forward pass."""
        held = {key: self.recording.values[key] for key in self.cotangents}

        def product(at: Any) -> Any:
            if name in held:
                run = self.run({**held, name: at[name]})
            else:
                x = self.x.copy()
                x[self.block(name).slice] = np.asarray(at[name]).ravel()
                run = self.run(held, x)
            total = run.result
            for key, cotangent in self.cotangents.items():
                if key != name:
                    total = total + np.sum(cotangent * (run.values[key] - held[key]))
            return total

        return product


def judged(
    report: GradientReport,
    cost: Callable[..., Any],
    result: Any,
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
    result : object
        What the backward pass returned.
    layout : Layout
    x : ndarray
        The point.
    args : tuple
    spec : Intermediates
    check : callable
        Checks one array: ``check(cost, gradient, {name: value}, inner=False)``.
    known : callable
        Finds the names of the user's arrays.

    Returns
    -------
    GradientReport
    """
    recording = recorded(lambda: cost(layout.build(x), *copy_arrays(args)))
    names = [name for name in _met(spec, recording) if _is_asked_for(name, result)]
    taken = {block.name for block in layout.blocks} & set(names)
    if taken:
        raise InvalidInput(f"probe `{min(taken)}` has the name of a parameter; rename one of them")
    found, findings = _claimed(result, names)
    nothing = {name: np.full(recording.values[name].shape, np.nan) for name in names}
    claims = {name: _unscaled(found.get(name, nothing[name]), spec.scale) for name in names}
    forward = _Pass(cost, layout, x, args, recording, claims)
    blocks, diagnoses, evaluations = dict(report.blocks), list(report.diagnoses), 0
    diagnoses += of_findings(findings, {}, {}, Names())
    cotangents: dict[str, Array] = {}
    # In backward order, as the gradients are computed.
    for name in [n for n in reversed(recording.values) if n in names]:
        value, claim = recording.values[name], claims[name]
        part = check(forward.whole(name), {name: claim}, {name: value}, inner=True)
        measured = part.blocks[name].numerical
        blocks[name] = replace(part.blocks[name], label=f"d{name}")
        if name not in found:
            block = part.blocks[name].block
            blocks[name] = BlockReport.without_numbers(block, f"d{name}", Verdict.FAIL)
        else:
            findings += [f for f in part.findings if f.block == name]
            diagnoses += [diagnosis.named(f"d{name}") for diagnosis in part.diagnoses]
        evaluations += part.evaluations
        if np.shape(claim) == value.shape and np.isfinite(claim).all():
            cotangents[name] = claim
        elif measured.size == value.size and np.isfinite(measured).all():
            cotangents[name] = measured.reshape(value.shape)
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
    return _blamed(done, replace(forward, cotangents=cotangents), spec, check, known())


def _met(spec: Intermediates, recording: Recording) -> list[str]:
    """The names that are asked for, those that are met again included."""
    met = recording.values
    for name in spec.names:
        if name not in met:
            raise InvalidInput(
                f"`intermediates` has `{name}`, but the cost calls no probe of that name; it calls "
                + (", ".join(f"`{known}`" for known in met) or "none")
            )
    wanted = [key for key in met if key in spec.names or key.partition("[")[0] in spec.names]
    for key in wanted:
        if met[key].dtype.kind != "f" or not met[key].size:
            raise InvalidType(
                f"probe `{key}` has dtype {met[key].dtype} and shape {met[key].shape}, "
                "expected floats"
            )
    return wanted


def _is_asked_for(name: str, result: Any) -> bool:
    """Whether the gradient of a probe is due: of one met again, only if there are several.

    A cost may run its forward pass twice, as to compare two losses.
    """
    stem, _, again = name.partition("[")
    found = {str(key): value for (_, key), value in children(result) or ()}
    several = isinstance(found.get(f"d{stem}", found.get(stem)), (list, tuple))
    return not again or several or f"d{name}" in found or name in found


def _claimed(result: Any, names: Sequence[str]) -> tuple[dict[str, Array], list[Finding]]:
    """What the backward pass returned for each intermediate."""
    found = {str(key): value for (_, key), value in children(result) or ()}
    claims: dict[str, Array] = {}
    findings = []
    for name in names:
        stem, _, step = name.partition("[")
        value = next((found[key] for key in (f"d{name}", name) if key in found), None)
        if value is None or isinstance(value, (list, tuple)):
            steps = next((found[key] for key in (f"d{stem}", stem) if key in found), None)
            k = int(step.rstrip("]")) if step else 0
            several = isinstance(steps, (list, tuple)) and k < len(steps)
            value = steps[k] if several and steps is not None else None
        if value is None:
            findings.append(
                Finding(
                    "missing-block",
                    name,
                    "error",
                    f"the gradient has no `d{name}`, which `intermediates` asks for",
                    help=f"return it beside the others, under the name `d{name}`",
                )
            )
        else:
            claims[name] = value
    return claims, findings


def _unscaled(claim: Any, scale: float) -> Any:
    """A claim in the convention of the cost itself."""
    try:
        return claim / scale if scale != 1 else claim
    except TypeError:
        return claim


def _convention(spec: Intermediates) -> str:
    names = ", ".join(f"d{name}" for name in spec.names)
    if spec.scale == 1:
        return f"{names} of the cost itself"
    return f"{names} of {spec.scale:g} times the cost, shown divided by it"


def _blamed(
    report: GradientReport, forward: _Pass, spec: Intermediates, check: Check, known: Names
) -> GradientReport:
    """The report with every equation judged alone."""
    other = _other_convention(report, forward, spec, known)
    if other:
        return replace(report, diagnoses=(other,), blame=Blame((), (), {}))
    wrong, right = [], []
    evaluations, diagnoses = 0, []
    structural = {f.block for f in report.findings if f.severity == "error" and f.block}
    missing = {f.block for f in report.findings if f.code == "missing-block"}
    for name, claim, value in _quantities(report, forward):
        failed = report.blocks[name].verdict == Verdict.FAIL
        if name in structural:
            if name not in missing:
                wrong.append(name)
            diagnoses += [d for d in report.diagnoses if d.block == name]
            continue
        inner = name in forward.recording.values
        alone = check(forward.piece(name), {name: claim}, {name: value}, inner=inner)
        evaluations += alone.evaluations
        if alone.verdict == Verdict.FAIL:
            gradient = report.blocks[name].gradient
            elsewhere = [d for d in report.diagnoses if d.kind == "swapped" and _is_of(d, name)]
            wrong.append(name)
            if report.blocks[name].verdict == Verdict.PASS:
                # Either two mistakes cancel, or another gradient was changed after its use.
                continue
            if elsewhere:
                diagnoses += [d for d in elsewhere if d not in diagnoses]
            else:
                truth = alone.blocks[name].numerical.reshape(-1)
                told, more = _of_layer(forward, name, claim, truth, check, known)
                evaluations += more
                diagnoses += [d.named(gradient) for d in told or alone.diagnoses]
        elif failed:
            right.append(name)
    labels = {name: block.gradient for name, block in report.blocks.items()}
    computed = {name: _equation(labels[name], labels, forward, spec) for name in wrong}
    equations = list(computed.values())
    kinds = {
        computed[d.block]: "" if " in place of `d" in d.evidence else d.kind
        for d in reversed(diagnoses)
        if d.block in computed
    }
    blame = Blame(
        equations=tuple(dict.fromkeys(equations)),
        inherited=tuple(labels[name] for name in right),
        texts={e: _numbered(e, spec) for e in equations if e in spec.equations},
        terms={
            e: term(spec.equations[e], kinds.get(e, "")) for e in equations if e in spec.equations
        },
    )
    return replace(
        report,
        blame=blame,
        diagnoses=tuple(diagnoses) if diagnoses else report.diagnoses,
        evaluations=report.evaluations + evaluations,
    )


def _quantities(report: GradientReport, forward: _Pass) -> list[tuple[str, Array, Array]]:
    """Name, claim and value of everything that has an equation, in backward order."""
    met = forward.recording.values
    place = {name: float(k) for k, name in enumerate(met)}
    found: list[tuple[str, Array, Array]] = []
    for name, part in report.blocks.items():
        if name in met:
            found.append((name, forward.claims[name], met[name]))
            continue
        # A parameter's equation follows that of the intermediate that it feeds.
        place[name] = _feeds(forward, name) - 0.5
        block, claim = forward.block(name), part.analytic
        if claim.size:
            value = np.asarray(forward.x[block.slice], dtype=float)
            if block.is_complex:
                claim, value = claim.view(complex), value.view(complex)
            claim, value = claim.reshape(block.shape), value.reshape(block.shape)
        else:
            claim, value = np.full(block.shape, np.nan), np.zeros(block.shape)
        found.append((name, claim, value))
    return sorted(found, key=lambda quantity: -place[quantity[0]])


def _feeds(forward: _Pass, name: str) -> int:
    """Place, in forward order, of the first probe that a parameter block changes."""
    part, x = forward.block(name).slice, forward.x.copy()
    x[part] = x[part] * (1 + 2.0**-10) + 2.0**-12
    met = list(forward.recording.values)
    try:
        moved = forward.run({}, x).values
    except Exception:
        return len(met)
    for k, key in enumerate(met):
        if key in moved and not np.array_equal(moved[key], forward.recording.values[key]):
            return k
    return len(met)


def _equation(label: str, labels: Mapping[str, str], forward: _Pass, spec: Intermediates) -> str:
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
    forward: _Pass, name: str, claim: Array, truth: Array, check: Check, known: Names
) -> tuple[list[Diagnosis], int]:
    """Mistakes that the other values of the forward pass give away, and evaluations."""
    values = forward.recording.values
    at = values.get(name)

    def says(kind: str, evidence: str) -> list[Diagnosis]:
        entries = int(np.size(claim))
        sure = sureness(entries, entries)
        return [Diagnosis(kind, name, entries, entries, sure, evidence, KINDS[kind].hint)]

    if at is None:
        made = [*_products(forward.cotangents, [*values.items(), *known.data], np.shape(claim))]
        due = [(of, key) for of, key, array in made if _same(truth, array.ravel(), 1e-6)]
        for of, key, array in made:
            if not _same(claim, array):
                continue
            others = [other for other, its in due if its == key and other != of]
            if others:
                # The term that is wrong is the gradient, and not what it is multiplied with.
                words = f"is made with `d{of}` in place of `d{others[0]}`"
                return says("wrong-input", words), 0
            return says("wrong-input", f"is made with {key} for its input"), 0
        return [], 0
    for key, cotangent in forward.cotangents.items():
        if key != name and _same(claim, cotangent):
            return says("activation-derivative-missing", f"is d{key} as it came"), 0
    evaluations = 0
    for key, value in values.items():
        if key != name and value.shape == at.shape and not np.array_equal(value, at):
            there = check(forward.piece(name), {name: claim}, {name: value}, inner=True)
            evaluations += there.evaluations
            if there.verdict == Verdict.PASS:
                evidence = f"is right for the derivative at {key} in place of {name}"
                return says("activation-derivative-at-wrong-argument", evidence), evaluations
    return [], evaluations


def _products(
    cotangents: Mapping[str, Array], inputs: Iterable[tuple[str, Array]], shape: tuple[int, ...]
) -> Iterator[tuple[str, str, Array]]:
    """Products of a cotangent and a value over the examples, in both layouts, with their names."""
    for (key, value), (of, cotangent) in product(inputs, cotangents.items()):
        if not cotangent.ndim == value.ndim == len(shape) == 2:
            continue
        if cotangent.shape[1] == value.shape[1] and (len(cotangent), len(value)) == shape:
            yield of, key, cotangent @ value.T
        if len(cotangent) == len(value) and (value.shape[1], cotangent.shape[1]) == shape:
            yield of, key, value.T @ cotangent


def _same(claim: Array, values: Array, close: float = 1e-9) -> bool:
    """Whether two arrays are equal up to rounding."""
    size = np.abs(values).max(initial=0.0)
    if np.shape(claim) != values.shape or not size > 0:
        return False
    return bool(np.abs(claim - values).max() <= close * size)


def _other_convention(
    report: GradientReport, forward: _Pass, spec: Intermediates, known: Names
) -> Diagnosis | None:
    """One factor in all gradients of intermediates, where those of the parameters are right."""
    inner = {name: block for name, block in report.blocks.items() if name in forward.claims}
    outer = [block for name, block in report.blocks.items() if name not in inner]
    if any(block.verdict == Verdict.FAIL for block in outer):
        return None
    factors = []
    for block in inner.values():
        came, due, error = block.analytic, block.numerical, block.error
        found = fitted_factor(came, due, error) if block.entries else None
        if not found or not (np.abs(came - found[0] * due) <= abs(found[0]) * error + 1e-12).all():
            return None
        factors.append(float(np.real(found[0])))
    c = factors[0]
    named = known.examples_of(c) or known.examples_of(1 / c)
    alike = max(abs(factor - c) for factor in factors) <= 1e-6 * abs(c)
    if not alike or c < 0 or abs(c - 1) <= 1e-6 or not (named or len(factors) > 1):
        return None
    scale, entries = c * spec.scale, sum(block.entries for block in inner.values())
    name = next(iter(known.of_factor(scale)), "")
    labels = ", ".join(f"`{block.label}`" for block in inner.values())
    evidence = f"{labels} belong to {scale:.6g} times the cost" + (f"; {name}" if name else "")
    hint = f"declare it, as Intermediates(..., scale={scale:.6g}), or divide them by it"
    return Diagnosis(
        "convention", None, entries, entries, sureness(entries - 1, entries), evidence, hint
    )
