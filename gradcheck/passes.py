"""A forward pass cut at its probes, and what a backward pass claims for each.

>>> met = meetings(names, recorded(lambda: cost(params)))  # doctest: +SKIP
>>> claims = claimed(gradients, met, forward, measure)  # doctest: +SKIP
>>> forward.piece("W1")  # what the equation of dW1 differentiates  # doctest: +SKIP

A probe may be met several times in one call: in the steps of a loop, or because the cost runs
its forward pass twice. Its gradient is then a list with one for each meeting; or one array, if
only one meeting has a part in the cost, or all have the same value and so are one quantity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcheck import conduct, structure
from gradcheck.blockreport import BlockReport
from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.findings import Finding
from gradcheck.functions import copy_arrays
from gradcheck.parameters import Block, Layout, children, flatten
from gradcheck.probes import Recording, recorded
from gradcheck.verdict import Verdict

__all__ = ["Claims", "Pass", "as_numbers", "claimed", "meetings", "over", "redrawn", "returned"]

Array = Any

Measure = Callable[[str, Array], BlockReport]
"""Compares a claim for a meeting of a probe with the derivative of the cost."""


@dataclass(frozen=True)
class Pass:
    """One forward pass with probes, and what a backward pass claims for them.

    Attributes
    ----------
    cost : callable
    layout : Layout
    x : ndarray
        The point.
    args : tuple
    recording : Recording
    alike : mapping of str to tuple of str
        Meetings that are the same quantity, and move with the one they are called by.
    claims, cotangents : mapping of str to ndarray
        What is claimed for the gradient of each meeting, and what stands for it where the
        equations of others are judged.
    said : mapping of str to object
        What the call of the backward pass that made these claims returned for each meeting and,
        as far as it has names, for each parameter.
    scale : float
        The claims are what was returned, divided by this.
    """

    cost: Callable[..., Any]
    layout: Layout
    x: Array
    args: tuple[Any, ...]
    recording: Recording
    alike: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    claims: Mapping[str, Array] = field(default_factory=dict)
    cotangents: Mapping[str, Array] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)
    scale: float = 1.0

    def block(self, name: str) -> Block:
        """The block of the parameters that has a name."""
        return next(block for block in self.layout.blocks if block.name == name)

    def rescaled(self, factor: float) -> Pass:
        """The same, if all claims are those of `factor` times the cost."""
        claims = {name: over(claim, factor) for name, claim in self.claims.items()}
        cotangents = {
            name: claims[name] if cotangent is self.claims.get(name) else cotangent
            for name, cotangent in self.cotangents.items()
        }
        scale = self.scale * factor
        return replace(self, claims=claims, cotangents=cotangents, scale=scale)

    def run(self, instead: Mapping[str, Array], x: Array | None = None) -> Recording:
        """The forward pass, with some probes and some parameters replaced."""
        params = self.layout.build(self.x if x is None else x)
        every = {k: v for name, v in instead.items() for k in (name, *self.alike.get(name, ()))}
        return recorded(lambda: self.cost(params, *copy_arrays(self.args)), every)

    def whole(self, name: str) -> Callable[[Any], Any]:
        """The cost as a function of one intermediate."""
        return lambda at: self.run({name: at[name]}).result

    def piece(self, name: str) -> Callable[[Any], Any]:
        """What the equation of one gradient differentiates: its piece of the forward pass."""
        held = {key: self.recording.values[key] for key in self.cotangents}

        def product(at: Any) -> Any:
            if name in self.recording.values:
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

    def moves(self, name: str) -> bool:
        """Whether the cost moves with an intermediate."""
        value = self.recording.values[name]
        try:
            moved = self.run({name: _moved(value)}).result
        except Exception:
            return True
        return not np.array_equal(moved, self.recording.result)

    def feeds(self, name: str) -> list[str]:
        """The probes that a parameter or an intermediate changes while others are held."""
        held = {key: self.recording.values[key] for key in self.cotangents}
        x = self.x.copy()
        if name in self.recording.values:
            held[name] = _moved(self.recording.values[name])
        else:
            part = self.block(name).slice
            x[part] = _moved(x[part])
        try:
            moved = self.run(held, x).values
        except Exception:
            return []
        return [
            key
            for key, value in self.recording.values.items()
            if key != name and key in moved and not np.array_equal(moved[key], value)
        ]


def _moved(values: Array) -> Array:
    """Other values nearby."""
    return values * (1 + 2.0**-10) + 2.0**-12


def over(claim: Any, factor: float) -> Any:
    """A claim divided by a factor, if it can be."""
    if factor == 1 or isinstance(claim, np.ma.MaskedArray):
        return claim
    try:
        with np.errstate(all="ignore"):
            return np.asarray(claim) / factor
    except (TypeError, ValueError):
        return claim


def as_numbers(claim: Any, shape: tuple[int, ...]) -> Array | None:
    """The real part of a claim, if it has numbers and the shape that is due."""
    if isinstance(claim, np.ma.MaskedArray) or not _has_shape(claim, shape):
        return None
    array = np.asarray(claim)
    if array.dtype.kind not in "fciub":
        return None
    return array.real.astype(np.result_type(array.real.dtype, np.float64))


def returned(result: Any, name: str) -> Any:
    """What a backward pass returned under the name of a parameter; None if nothing."""
    named = {key: value for (_, key), value in children(result) or ()}
    return named.get(name, named.get(f"d{name}"))


def redrawn(
    claims: Claims, values: Mapping[str, Array], results: Sequence[Any], scale: float
) -> list[Finding]:
    """Findings about intermediates whose gradient differs between calls at one point."""
    first, *later = results
    findings = []
    for name, claim in claims.found.items():
        layout, _ = flatten({name: values[name]})

        def laid(value: Any, name: str = name, layout: Layout = layout) -> structure.Claim:
            return structure.match(layout, {name: over(value, scale)}, (name,))

        one = laid(claim)
        one.labels[name] = claims.labels[name]
        found = [conduct.of_repetition(one, laid(_again(claim, first, other))) for other in later]
        findings += next((differing for differing in found if differing), [])
    return findings


def _again(claim: Any, first: Any, second: Any) -> Any:
    """What stands in the second result where a claim stands in the first."""
    below = dict(children(second) or ())
    for key, child in children(first) or ():
        if child is claim:
            return below.get(key)
        if isinstance(child, (list, tuple)) and any(step is claim for step in child):
            return _again(claim, child, below.get(key))
    return None


def _has_shape(value: Any, shape: tuple[int, ...]) -> bool:
    try:
        return np.shape(value) == shape
    except ValueError:  # of rows of different lengths
        return False


def meetings(names: Sequence[str], recording: Recording) -> dict[str, list[str]]:
    """The meetings of each probe that is asked for, in forward order.

    Raises
    ------
    InvalidInput
        If the cost calls no such probe, or none on arrays of floats.
    """
    met = recording.values
    found: dict[str, list[str]] = {}
    for name in names:
        if name not in met:
            known = ", ".join(f"`{known}`" for known in met) or "none in this thread"
            raise InvalidInput(
                f"`intermediates` has `{name}`, but the cost calls no probe of that name; "
                f"it calls {known}"
            )
        taken = {key for keys in found.values() for key in keys}
        fitting = [key for key in met if name in (key, key.partition("[")[0])]
        found[name] = [key for key in fitting if key not in taken]
        for key in found[name]:
            if met[key].dtype.kind != "f" or not met[key].size:
                raise InvalidType(
                    f"probe `{key}` has dtype {met[key].dtype} and shape {met[key].shape}, "
                    "expected floats"
                )
    return found


@dataclass
class Claims:
    """What a backward pass says of the intermediates.

    Attributes
    ----------
    names : list of str
        The meetings of which it has to say something.
    found : dict of str to object
        What it says of each.
    labels : dict of str to str
        What it calls them.
    alike : dict of str to tuple of str
        Meetings that are the same quantity as another.
    others : dict of str to ndarray
        The measured derivatives by meetings of which it need say nothing.
    findings : list of Finding
    """

    names: list[str] = field(default_factory=list)
    found: dict[str, Array] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    alike: dict[str, tuple[str, ...]] = field(default_factory=dict)
    others: dict[str, Array] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def take(self, name: str, value: Any, label: str) -> None:
        """Note what is said of one meeting."""
        self.names.append(name)
        self.labels[name] = label
        self.found[name] = value

    def miss(self, name: str, finding: Finding) -> None:
        """Note that nothing is said of one meeting."""
        self.names.append(name)
        self.labels[name] = f"d{name}"
        self.findings.append(finding)


def claimed(
    result: Any, met: Mapping[str, Sequence[str]], forward: Pass, measure: Measure
) -> Claims:
    """What the backward pass returned for each intermediate.

    Parameters
    ----------
    result : object
    met : mapping of str to sequence of str
        The meetings of each probe.
    forward : Pass
    measure : callable
    """
    returned = {str(key): value for (_, key), value in children(result) or ()}
    claims = Claims()
    for stem, keys in met.items():
        if not keys:
            continue
        own = {
            key: next((name for name in (f"d{key}", key) if name in returned), None) for key in keys
        }
        label = own[keys[0]]
        value = returned[label] if label is not None else None
        steps = value if isinstance(value, (list, tuple)) else None
        if len(keys) == 1 and _has_shape(value, forward.recording.values[keys[0]].shape):
            steps = None
        alone = len(keys) > 1 and not any(own[key] for key in keys[1:])
        if alone and label is not None and value is not None and steps is None:
            _one_for_all(claims, stem, keys, value, label, forward, measure)
            continue
        for k, key in enumerate(keys):
            label = own[key]
            value = returned[label] if label is not None else None
            if steps is not None and (label is None or k == 0):
                label = f"d{key}" if k < len(steps) else None
                value = steps[k] if k < len(steps) else None
            if value is None:
                shape = forward.recording.values[key].shape
                claims.miss(key, _nothing(key, shape, is_none=label is not None))
            else:
                claims.take(key, value, f"d{key}")
    return claims


def _one_for_all(
    claims: Claims,
    stem: str,
    keys: Sequence[str],
    value: Any,
    label: str,
    forward: Pass,
    measure: Measure,
) -> None:
    """Which of several meetings one array belongs to."""
    called = label if label != stem else f"d{stem}"
    values = forward.recording.values
    alive = [key for key in keys if forward.moves(key)] or [keys[0]]
    first, *rest = alive
    if all(np.array_equal(values[key], values[first]) for key in rest):
        claims.take(first, value, called)
        claims.alike[first] = tuple(rest)
        return
    parts = {key: measure(key, value) for key in alive}
    fits = [key for key, part in parts.items() if part.verdict == Verdict.PASS]
    if fits:
        claims.take(fits[0], value, called)
        others = [key for key in alive if key != fits[0]]
        claims.others |= {k: parts[k].numerical.reshape(values[k].shape) for k in others}
        return
    finding = Finding(
        "missing-block",
        first,
        "error",
        f"`{called}` is one array, and the cost meets `{stem}` {len(keys)} times with other values",
        "it is the gradient by none of them",
        f"return a list of {len(keys)}, in the order in which they are met",
    )
    claims.miss(first, finding)


def _nothing(name: str, shape: tuple[int, ...], *, is_none: bool) -> Finding:
    if is_none:
        return Finding(
            "none",
            name,
            "error",
            f"`d{name}` is None, expected an array of shape {shape}",
            help="return what the backward pass computes for it",
        )
    return Finding(
        "missing-block",
        name,
        "error",
        f"the gradient has no `d{name}`, which `intermediates` asks for",
        help=f"return it beside the others, under the name `d{name}`",
    )
