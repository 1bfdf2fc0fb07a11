"""How the user's functions behave: whether they change their input, remember, or scatter.

Each function here makes the `Finding` of one such habit, from what was seen in two calls or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.findings import Finding, some
from gradcheck.parameters import children
from gradcheck.structure import Claim

__all__ = [
    "SLIGHT",
    "of_aliasing",
    "of_calls",
    "of_changed_cache",
    "of_changed_cotangent",
    "of_changes",
    "of_constancy",
    "of_constants",
    "of_drift",
    "of_ignored_cotangent",
    "of_kept_state",
    "of_nonlinearity",
    "of_redrawn",
    "of_repetition",
    "of_scatter",
    "of_second_call",
    "of_stale_cache",
    "of_trouble",
    "of_value",
]


def of_changes(name: str, changed: set[str]) -> list[Finding]:
    """Findings about arguments that a call of the user's changed."""
    return [
        Finding(
            "mutates-input",
            None,
            "warning",
            f"`{name}` changes {'the parameters' if what == 'params' else 'an array in `args`'} "
            "that it is given",
            "each call of this check gets a copy, so that the numbers hold; other callers do not",
            "work on a copy, or write `a = a - b` in place of `a -= b`",
        )
        for what in sorted(changed)
    ]


def of_aliasing(gradient: Any, params: Any, again: Any) -> list[Finding]:
    """Findings about a gradient that shares memory with its input, or with the next result."""
    findings = []
    ours, first, second = _arrays(params), _arrays(gradient), _arrays(again)
    if any(np.shares_memory(a, b) for a in first for b in ours):
        findings.append(
            Finding(
                "aliases-input",
                None,
                "warning",
                "the gradient shares memory with the parameters that it was given",
                "an update in place of either would change the other",
                "return a copy",
            )
        )
    if any(np.shares_memory(a, b) for a in first for b in second):
        findings.append(
            Finding(
                "aliases-output",
                None,
                "warning",
                "the gradient is returned in the same memory at each call",
                "a gradient that was kept changes with the next call; this check copies it",
                "return a new array",
            )
        )
    return findings


SLIGHT = 1e-9
"""Share of the largest by which two calls may differ as sums in another order do."""


@np.errstate(all="ignore")
def of_repetition(first: Claim, second: Claim) -> list[Finding]:
    """A finding for each block whose gradient differs between two calls at one point."""
    findings = []
    for block in first.compared:
        label, one = first.labels[block.name], first.values[block.name]
        two = second.values.get(block.name)
        if two is None or (block.name in second.misshapen) != (block.name in first.misshapen):
            severity, came = "error", "the second time it has another form"
        elif np.array_equal(one, two, equal_nan=True):
            continue
        else:
            gap = np.abs(one - two)
            worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
            slight = gap[worst] <= SLIGHT * np.abs(one).max()
            severity = "warning" if slight else "error"
            came = f"`{block.entry(worst)}` is {one[worst]:.17g}, then {two[worst]:.17g}"
        findings.append(
            Finding(
                "nondeterministic",
                block.name,
                severity,
                f"`{label}` differs between two calls at the same point: {came}",
                "a mask drawn anew in each call, or a state kept between calls, does this",
                "draw once, before the check, or seed each call alike",
            )
        )
    return findings


def of_calls(first: Claim, later: Sequence[Claim], when: str) -> list[Finding]:
    """What several calls at one point show.

    Parameters
    ----------
    first : Claim
    later : sequence of Claim
        Of the calls after it.
    when : str
        If these agree, the first one was of another point: what a finding then says of it.
    """
    found: dict[str | None, Finding] = {}
    for other in later:
        for finding in of_repetition(first, other):
            if found.get(finding.block, finding).severity != "error":
                found[finding.block] = finding
            found.setdefault(finding.block, finding)
    labels = [first.labels[f.block] for f in found.values() if f.severity == "error" and f.block]
    again, *others = later
    settled = again.values.keys() == first.values.keys()
    settled &= again.misshapen.keys() == first.misshapen.keys()
    settled &= all(np.isfinite(values).all() for values in again.values.values())
    if labels and others and settled and not any(of_repetition(again, other) for other in others):
        return [of_stale_cache(labels, when)]
    return list(found.values())


def of_value(name: str, came: str, value: Any) -> Finding:
    """A finding about a cost that is no single real number."""
    note, remedy = "", "return one real number"
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size > 1:
        note = f"{value.size} values look like the losses of examples or outputs, before their mean"
        remedy = "return their mean or sum"
    elif value is None:
        note, remedy = "a function without `return` returns None", "return the cost"
    elif isinstance(value, tuple):
        remedy = "if the second one is the gradient, say jac=True; else return the cost alone"
    elif np.iscomplexobj(value):
        remedy = "return its real part, or its absolute value squared"
    return Finding(
        "cost-not-scalar",
        None,
        "error",
        f"`{name}` returned {came}, expected a scalar",
        note,
        remedy,
    )


def of_scatter(name: str, first: float, second: float) -> Finding:
    """A finding about a function whose value differs between two calls at one point."""
    return Finding(
        "nondeterministic",
        None,
        "warning",
        f"`{name}` was {first:.17g} and then {second:.17g} at the same point",
        "the error bars allow for the scatter, and grow with it",
        "seed what is random at the start of each call",
    )


def of_redrawn(entry: str, first: float, second: float) -> Finding:
    """A finding about a forward step whose output differs between calls with the same inputs."""
    return Finding(
        "nondeterministic",
        None,
        "error",
        f"`forward` gives another output for the same inputs: `{entry}` is {first:.17g}, "
        f"then {second:.17g}",
        "a mask drawn anew in each call does this, and nothing can be said of `backward` then",
        "hand over what is drawn, or a seed, as an input, or seed the draw within `forward`",
    )


AFRESH = "run the forward pass inside of the gradient, or return both from `cost` with jac=True"
"""What mends a gradient that an earlier call left."""


def of_stale_cache(labels: Sequence[str], when: str) -> Finding:
    """A finding about a gradient that depends on earlier calls."""
    return Finding(
        "stale-cache",
        None,
        "error",
        f"the gradient {when} ({some(labels)})",
        "it uses what an earlier call left, and not the point it is given",
        AFRESH,
    )


def of_constancy(labels: Sequence[str]) -> Finding:
    """A finding about a gradient that is right at the point, and the same elsewhere."""
    return Finding(
        "stale-cache",
        None,
        "error",
        f"the gradient does not depend on the parameters, although the cost bends ({some(labels)})",
        "it is right at this point alone, as one is that an earlier call left",
        AFRESH,
    )


def of_drift(name: str, before: float, after: float) -> Finding:
    """A finding about a cost that the check has left at another value."""
    return Finding(
        "nondeterministic",
        None,
        "error",
        f"`{name}` was {before:.17g} at the point before the check and {after:.17g} after it",
        "a state that is kept between calls makes every difference meaningless",
        "keep nothing between calls, or reset it at the start of each",
    )


def of_trouble(name: str, trouble: str) -> Finding:
    """A finding about a cost that raised at steps away from the point."""
    return Finding(
        "raises-nearby",
        None,
        "warning",
        f"`{name}` {trouble}, at a step away from the point",
        "such steps count as outside its domain",
        "say where it may be called with `bounds`",
    )


def of_constants(names: Sequence[str]) -> Finding:
    """A finding about inputs of a layer that are not differentiated."""
    one = len(names) == 1
    told = "is no array of floats, and was" if one else "are no arrays of floats, and were"
    return Finding(
        "not-differentiated",
        None,
        "warning",
        f"{some(names)} {told} handed over as {'it is' if one else 'they are'}",
        help="make it floats if the layer is to be differentiated by it",
    )


def of_changed_cotangent() -> Finding:
    """A finding about a backward step that changes its cotangent."""
    return Finding(
        "mutates-input",
        None,
        "warning",
        "`backward` changes the cotangent that it is given",
        "each call of this check gets a copy; other layers that share it do not",
        "work on a copy",
    )


def of_changed_cache() -> Finding:
    """A finding about a backward step that changes its cache."""
    return Finding(
        "mutates-cache",
        None,
        "warning",
        "`backward` gives another result when it is called again with the same cache",
        "it changes the cache",
        "work on copies of what the cache holds",
    )


def of_kept_state() -> Finding:
    """A finding about a backward step that uses what the last forward step left."""
    return Finding(
        "stale-cache",
        None,
        "error",
        "`backward` gives another result after `forward` was called elsewhere",
        "it uses what the last forward pass left, and not the cache that it is given",
        "put all that the backward step needs into the cache, as copies",
    )


def of_nonlinearity() -> Finding:
    """A finding about a backward step that is no product with a Jacobian."""
    return Finding(
        "not-linear",
        None,
        "error",
        "`backward` is not linear in its cotangent",
        "a backward step multiplies its cotangent by a Jacobian, so that of a sum it gives the sum",
        "look for a sign, a maximum or a limit that is taken of the cotangent",
    )


def of_ignored_cotangent(block: str | None = None) -> Finding:
    """A finding about a backward step that does not use its cotangent, all in all or in a block."""
    gives = f"`d{block}` is the same" if block else "`backward` gives the same gradients"
    return Finding(
        "cotangent-ignored",
        block,
        "error",
        f"{gives} whatever cotangent comes in",
        "a backward step multiplies its cotangent by a Jacobian",
        "multiply by the cotangent that comes in",
    )


def of_second_call(error: str) -> Finding:
    """A finding about a backward step that cannot be called again."""
    return Finding(
        "raises-nearby",
        None,
        "warning",
        f"`backward` raised {error} when it was called again",
        "whether it keeps a state, or is linear in its cotangent, is not known",
        "let it be called twice for one forward pass",
    )


def _arrays(node: Any) -> list[NDArray[Any]]:
    if isinstance(node, np.ndarray):
        return [node]
    return [array for _, child in children(node) or () for array in _arrays(child)]
