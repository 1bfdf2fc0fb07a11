"""`check_vjp`: one layer's backward step, judged by itself.

>>> def forward(x, w, b):
...     return x @ w + b, (x, w)
>>> def backward(dout, cache):
...     x, w = cache
...     return dout @ w.T, x.T @ dout, dout.sum(axis=0)
>>> rng = np.random.default_rng(0)
>>> x, w, b = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
>>> check_vjp(forward, backward, (x, w, b))
<GradientReport PASS: 3 blocks, 35 entries>

A backward step is the product of a cotangent with a Jacobian, so that ``sum(w * output)`` is a
cost whose gradient it is. The cotangent `w` is random, for with ones many mistakes vanish: a
softmax without its second term, a batch norm without those of mean and variance.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck import conduct
from gradcheck.check import check_dimensions, check_options, checked
from gradcheck.comparison import Rules
from gradcheck.diagnosis import Diagnosis
from gradcheck.diagnosis.kinds import KINDS
from gradcheck.diagnosis.names import Names
from gradcheck.diagnosis.shapes import of_findings
from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.findings import Finding, describe, some
from gradcheck.functions import copy_arrays, in_short
from gradcheck.noise import Values
from gradcheck.parameters import Layout, children, flatten
from gradcheck.report import BlockReport, GradientReport, asserting, overall
from gradcheck.verdict import RESOLUTION, OnKink, Verdict
from gradcheck.watch import watched

__all__ = ["argument_names", "assert_vjp", "check_vjp", "checked_seed", "random_cotangent"]

Array = Any

CALLS = 2
"""Further calls of a forward step that show whether it draws anew. Of a mask with a single entry
one in four gives the same in all."""

EVALUATED = "the forward step"
"""What a report on a layer counts."""

LINEAR = 1e3
"""Rounding units by which a backward step may miss being linear in its cotangent."""


@watched
def check_vjp(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Any,
    *,
    resolution: float = RESOLUTION,
    approximate: float = 0.0,
    on_kink: OnKink = "inconclusive",
    dimensions: Mapping[str, int] | None = None,
    seed: int = 0,
) -> GradientReport:
    """Check the backward step of one layer against random cotangents.

    Parameters
    ----------
    forward : callable
        ``forward(*inputs)`` gives the pair ``(output, cache)``. The output is an array of
        floats, or a tuple, list or mapping of such.
    backward : callable
        ``backward(doutput, cache)`` gives the gradients: a tuple in the order of the inputs, a
        mapping with their names (``x`` or ``dx``), or one array if there is one input.
    inputs : sequence, or mapping of str to input, or one array
        Arrays of floats are differentiated; everything else (labels, strides, None) is handed
        over as it is, and its gradient, if there is one, is not looked at. A mapping is handed
        over by keywords.
    resolution, approximate, on_kink, dimensions
        As for `check_gradient`.
    seed : int
        Of the cotangent, whose entries are in [0.5, 1.5] with random signs, both present.

    Returns
    -------
    GradientReport
        With a block for each input, by its name in the signature of `forward`.

    Raises
    ------
    InvalidInput
        If `forward` returns no such pair, raises, or there is nothing to differentiate.
    """
    check_options(resolution, approximate, on_kink, "auto")
    sizes = check_dimensions(dimensions)
    layer = _Layer(forward, backward, inputs)
    rng = np.random.default_rng(checked_seed(seed))
    said = f"cotangents by default_rng({seed})"
    redrawn = layer.redrawn()
    if redrawn:
        return layer.unchecked(redrawn, f"the same call again; {said}")
    cotangent, other = (random_cotangent(rng, layer.outputs) for _ in range(2))
    report = checked(
        lambda params: layer.product(params, cotangent),
        lambda params: layer.gradients(params, cotangent),
        layer.params,
        rules=Rules(resolution, float(approximate), on_kink),
        known=lambda: layer.names(sizes),
        inner=True,
        called=("forward", "backward"),
    )
    findings = layer.conduct(cotangent, other)
    if layer.constant:
        findings.append(conduct.of_constants(layer.constant))
    everything = (*report.findings, *findings)
    diagnoses = of_findings(findings, {}, {}, Names()) + layer.passed_on(report, cotangent)
    told = {d.block for d in diagnoses}
    ignored = any(f.code == "cotangent-ignored" and f.block is None for f in findings)
    diagnoses += [d for d in report.diagnoses if d.block not in told and not ignored]
    return replace(
        report,
        verdict=overall(report.blocks, everything),
        findings=everything,
        diagnoses=tuple(diagnoses),
        reproduce=f"{report.reproduce or 'the same call again'}; {said}",
        evaluated=EVALUATED,
    )


assert_vjp = asserting(check_vjp, "the backward step of one layer is right")


def checked_seed(seed: int) -> int:
    """The seed, or `InvalidInput` if it is none."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InvalidInput(f"`seed`: expected a whole number, not negative, got {seed!r}")
    return int(seed)


class _Layer:
    """A layer in the protocol of `check_vjp`, at its inputs."""

    def __init__(self, forward: Any, backward: Any, inputs: Any) -> None:
        for name, call in (("forward", forward), ("backward", backward)):
            if not callable(call):
                raise InvalidType(f"`{name}`: expected a callable, got {describe(call)}")
        self.forward, self.backward = forward, backward
        self.by_keyword = isinstance(inputs, Mapping)
        self.inputs = _named(forward, inputs)
        self.params = {n: v for n, v in self.inputs.items() if _is_differentiable(v)}
        self.constant = [n for n, v in self.inputs.items() if n not in self.params]
        if not self.params:
            given = ", ".join(f"`{n}`: {describe(v)}" for n, v in self.inputs.items())
            raise InvalidInput(f"`inputs`: expected at least one array of floats, got {given}")
        flatten(self.params)
        try:
            output, _ = self.run(self.params)
        except InvalidInput:
            raise
        except Exception as error:
            raise InvalidInput(f"`forward` raised {in_short(error)}, at the inputs") from error
        self.outputs = self._layout(output)
        self.output = flatten(output)[1]
        self.steady = True

    def run(self, params: Mapping[str, Any]) -> tuple[Any, Any]:
        """Output and cache of the forward step, with other values for what is differentiated."""
        given = copy_arrays({**self.inputs, **params})
        result = self.forward(**given) if self.by_keyword else self.forward(*given.values())
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise InvalidInput(
                f"`forward` returned {describe(result)}, expected the pair (output, cache)"
            )
        return result[0], result[1]

    def _layout(self, output: Any) -> Layout:
        try:
            return flatten(output)[0]
        except InvalidInput as error:
            text = str(error).removeprefix("params: ").replace("`x`", "it")
            raise InvalidType(f"the output of `forward`: {text}") from None

    def redrawn(self) -> Finding | None:
        """A finding if the output is another at each call, by more than rounding."""
        for _ in range(CALLS):
            _, again = flatten(self.run(self.params)[0])
            if again.shape != self.output.shape:
                continue  # `product` says so
            off = np.nan_to_num(np.abs(again - self.output))
            self.steady &= np.array_equal(again, self.output, equal_nan=True)
            worst = int(off.argmax()) if off.size else 0
            if off.max(initial=0.0) > conduct.SLIGHT * np.abs(self.output).max():
                block = next(b for b in self.outputs.blocks if worst < b.stop)
                entry = block.entry(worst - block.start)
                if len(self.outputs.blocks) == 1:
                    entry = f"output{list(block.index(worst - block.start)) or ''}"
                return conduct.of_redrawn(entry, self.output[worst], again[worst])
        return None

    def unchecked(self, finding: Finding, reproduce: str) -> GradientReport:
        """The report of a layer that allows no check."""
        blocks = {
            block.name: BlockReport.without_numbers(block, f"d{block.name}", Verdict.INCONCLUSIVE)
            for block in flatten(self.params)[0].blocks
        }
        return GradientReport(
            overall(blocks, [finding]),
            blocks,
            (finding,),
            evaluations=1 + CALLS,
            gradient_evaluations=0,
            diagnoses=tuple(of_findings([finding], {}, {}, Names())),
            reproduce=reproduce,
            evaluated=EVALUATED,
        )

    def product(self, params: Mapping[str, Any], cotangent: Values) -> Any:
        """The sum of the outputs, each times its cotangent."""
        _, output = flatten(self.run(params)[0])
        if output.size != cotangent.size:
            raise InvalidInput(
                f"`forward` returned {output.size} numbers, and {cotangent.size} at the point"
            )
        return np.sum(cotangent * output)

    def gradients(self, params: Mapping[str, Any], cotangent: Values) -> Any:
        """What the backward step says, by the names of the inputs."""
        _, cache = self.run(params)
        given = self.outputs.build(cotangent)
        return self._arranged(self.backward(given, cache))

    def _arranged(self, result: Any) -> Any:
        """Gradients by name, as far as they can be told apart."""
        if isinstance(result, Mapping):
            kept = {**result}
            for name in self.constant:
                kept.pop(name, None)
                kept.pop(f"d{name}", None)
            return kept
        if hasattr(result, "_fields"):
            return self._arranged(result._asdict())
        if isinstance(result, (tuple, list)):
            for names in (list(self.inputs), list(self.params)):
                if len(result) == len(names):
                    pairs = zip(names, result, strict=True)
                    return {f"d{name}": value for name, value in pairs if name in self.params}
            raise InvalidInput(
                f"`backward` returned {len(result)} gradients, expected {len(self.inputs)}, one "
                f"for each of {some(list(self.inputs))}"
            )
        if len(self.params) == 1:
            return {f"d{next(iter(self.params))}": result}
        raise InvalidInput(
            f"`backward` returned {describe(result)}, expected a tuple of gradients, one for each "
            f"of {some(list(self.inputs))}"
        )

    def names(self, dimensions: Mapping[str, int]) -> Names:
        """Names for sizes. Those of the output that only the first input has count examples."""
        data = [(n, v) for n, v in self.inputs.items() if isinstance(v, np.ndarray)]
        shapes = {name: array.shape for name, array in data}
        found = Names.of(self.forward, params=list(shapes.items()), dimensions=dimensions)
        _, *others = shapes.values()
        outer = {size for block in self.outputs.blocks for size in block.shape}
        examples = outer - {size for shape in others for size in shape} - {1}
        if dimensions:
            return found
        return replace(found, examples=frozenset(examples), data=tuple(data))

    def passed_on(self, report: GradientReport, cotangent: Values) -> list[Diagnosis]:
        """Diagnoses of inputs whose gradient is the cotangent itself, and should not be."""
        kind, found = "activation-derivative-missing", []
        for name, block in report.blocks.items():
            # Values may be right, and fail for their shape alone.
            wrong = bool((block.verdicts == Verdict.FAIL).any())
            if wrong and np.array_equal(block.analytic, cotangent):
                hint, n = KINDS[kind].hint, block.entries
                evidence = "is the cotangent as it came"
                found.append(Diagnosis(kind, name, n, n, "certain", evidence, hint, block.label))
        return found

    def conduct(self, cotangent: Values, other: Values) -> list[Finding]:
        """How the backward step treats its arguments, whatever values it gives."""
        _, cache = self.run(self.params)
        given = self.outputs.build(cotangent)
        before = copy_arrays(given)
        findings: list[Finding] = []
        try:
            result = self._arranged(self.backward(given, cache))
            first = self._values_of(result)
            parts = {n: _numbers(self._of(result, n)) for n in self.params if first is not None}
            if not _equal(given, before):
                findings.append(conduct.of_changed_cotangent())
            if not self._repeats(cotangent, first):
                return findings
            again = self._values(self.backward(self.outputs.build(cotangent), cache))
            layout, x = flatten(self.params)
            moved = layout.build(layout.nearest(x + np.abs(x) * 2.0**-8 + 2.0**-8))
            _, late = self.run(self.params)
            self.run(moved)
            later = self._values(self.backward(self.outputs.build(cotangent), late))
            second = self.gradients(self.params, other)
            both = self._values_of(self.gradients(self.params, cotangent + other))
        except InvalidInput:
            raise
        except Exception as error:
            return [conduct.of_second_call(in_short(error))]
        if first is None:
            return findings
        if later is not None and not np.allclose(later, first, rtol=1e-6, atol=0, equal_nan=True):
            findings.append(conduct.of_kept_state())
        elif again is not None and not np.array_equal(again, first, equal_nan=True):
            findings.append(conduct.of_changed_cache())
        theirs = self._values_of(second)
        if theirs is None or both is None or not np.isfinite([first, theirs, both]).all():
            return findings
        eps = max(np.finfo(np.asarray(leaf).dtype).eps for leaf in _leaves(self.params))
        size = np.abs([first, theirs, both]).max()
        ignored = [n for n in self.params if _are_the_same(parts[n], _numbers(self._of(second, n)))]
        if np.array_equal(first, theirs) and first.any():
            findings.append(conduct.of_ignored_cotangent())
        elif ignored:
            findings += map(conduct.of_ignored_cotangent, ignored)
        elif np.abs(both - first - theirs).max() > LINEAR * eps * size * first.size**0.5:
            findings.append(conduct.of_nonlinearity())
        return findings

    def _repeats(self, cotangent: Values, first: Values | None) -> bool:
        """Whether both steps, done again, give the same; if not, nothing more can be told."""
        calls = [self._values_of(self.gradients(self.params, cotangent)) for _ in range(CALLS)]
        return self.steady and (
            first is None
            or all(c is not None and np.array_equal(c, first, equal_nan=True) for c in calls)
        )

    def _of(self, gradients: Any, name: str) -> Any:
        return gradients.get(f"d{name}", gradients.get(name))

    def _values(self, result: Any) -> Values | None:
        return self._values_of(self._arranged(result))

    def _values_of(self, gradients: Any) -> Values | None:
        """All numbers of the gradients in one vector; None if they have no such form."""
        try:
            numbers = np.concatenate([_numbers(self._of(gradients, n)) for n in self.params])
        except Exception:
            return None
        return numbers if numbers.dtype.kind in "fc" else None


def _numbers(gradient: Any) -> Values:
    """A copy of the numbers of a gradient, in one vector."""
    return np.concatenate([np.asarray(part).ravel() for part in _leaves(gradient)])


def _are_the_same(one: Values, other: Values) -> bool:
    """Whether two gradients are the same, and not 0."""
    return bool(np.array_equal(one, other) and one.any())


def _named(forward: Any, inputs: Any) -> dict[str, Any]:
    """The inputs by the names that `forward` has for them."""
    if isinstance(inputs, Mapping):
        return {str(name): value for name, value in inputs.items()}
    given: Sequence[Any] = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    return dict(zip(argument_names(forward, len(given)), given, strict=True))


def argument_names(function: Any, count: int) -> list[str]:
    """Names of the first arguments of a function; ``input0`` and so on where it has none."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [known[k] if k < len(known) else f"input{k}" for k in range(count)]


def _is_differentiable(value: Any) -> bool:
    """Whether an input is an array of real or complex floats, or a container of such alone."""
    if isinstance(value, (np.ndarray, np.floating)):
        return value.dtype.kind in "fc"
    below = children(value)
    return bool(below) and all(_is_differentiable(child) for _, child in below or ())


def random_cotangent(rng: np.random.Generator, outputs: Layout) -> Values:
    """A cotangent: magnitudes in [0.5, 1.5], random signs of which both are present."""
    sign = rng.choice([-1.0, 1.0], outputs.size)
    if outputs.size > 1 and abs(sign.sum()) == outputs.size:
        sign[rng.integers(outputs.size)] *= -1
    cotangent: Values = outputs.nearest(sign * rng.uniform(0.5, 1.5, outputs.size))
    return cotangent


def _equal(left: Any, right: Any) -> bool:
    return np.array_equal(flatten(left)[1], flatten(right)[1])


def _leaves(node: Any) -> list[Any]:
    below = children(node)
    return [node] if below is None else [leaf for _, child in below for leaf in _leaves(child)]
