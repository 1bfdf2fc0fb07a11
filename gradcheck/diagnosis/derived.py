"""A derivative inside of the chain rule: an activation's, or that of how a parameter is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradcheck.diagnosis.fitting import fitted_factor
from gradcheck.diagnosis.suspect import Array, Guess, Setting, Suspect

__all__ = ["ACTIVATIONS", "OF_OUTPUT", "activations", "parametrisations"]


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


USUAL = 0.01
"""Slope below 0 of a leaky relu that is not told otherwise."""

ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "relu": (lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu": (lambda z: np.where(z > 0, z, USUAL * z), lambda z: np.where(z > 0, 1.0, USUAL)),
    "softplus": (lambda z: np.logaddexp(0, z), sigmoid),
    "silu": (
        lambda z: z * sigmoid(z),
        lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z))),
    ),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(z)), lambda z: np.where(z > 0, 1.0, np.exp(z))),
    "arctan": (np.arctan, lambda z: 1 / (1 + z**2)),
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
}
"""Activations and their derivatives that are tried."""


OF_OUTPUT: dict[str, Callable[[Array], Array]] = {
    "tanh": lambda a: 1 - a**2,
    "sigmoid": lambda a: a * (1 - a),
}
"""Derivatives as functions of the output, which are wrong if given the argument."""


MISSING, DOUBLED = "activation-derivative-missing", "activation-derivative-doubled"
ANOTHER, ELSEWHERE = (
    "activation-derivative-of-another",
    "activation-derivative-at-wrong-argument",
)


def activations(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """The derivative of an activation, forgotten, doubled, another's, or at another place."""
    if not setting.inner or np.iscomplexobj(suspect.at):
        return
    for name, (g, slope) in ACTIVATIONS.items():
        yield from _of_activation(suspect, name, g, slope(suspect.at))
    yield from _leaky(suspect)


def _of_activation(
    suspect: Suspect, name: str, g: Callable[[Array], Array], due: Array
) -> Iterator[Guess]:
    """Mistakes with an activation that has the derivative `due`."""
    z, truth, bar = suspect.at, suspect.truth, suspect.bar
    nothing = due == 0
    if (nothing & (np.abs(truth) > bar)).any():
        return
    options = [(MISSING, f"lacks the derivative of {name}", np.ones(z.shape))]
    options.append((ELSEWHERE, f"has {name}'(A) where {name}'(Z) is due", _slope(name, g(z))))
    if name in OF_OUTPUT:
        words = f"has the formula of {name}' for its output, with Z put in for A"
        options.append((ELSEWHERE, words, OF_OUTPUT[name](z)))
    for other, (_, its) in ACTIVATIONS.items():
        if other == name:
            continue
        words = f"has the derivative of {other} where that of {name} is due"
        options.append((ANOTHER, words, its(z)))
        if other in OF_OUTPUT:
            options.append((ANOTHER, f"{words}, from its output", OF_OUTPUT[other](g(z))))
    of_relu = f"is not 0 where the derivative of {name} is, as without it or with a leaky one"
    for kind, words, came in options:
        # Where nothing is due, as of relu below 0, any number may have come.
        lost = nothing & (came != 0)
        factor = np.where(nothing, 1.0, came / due)
        predicted = np.where(lost, suspect.claim, truth * factor)
        width = np.where(lost, bar, np.abs(bar * factor))
        told = of_relu if lost.any() and kind in (MISSING, ANOTHER) else words
        yield Guess(kind, told, predicted, width, free=float(np.count_nonzero(lost)))
    words = f"has the derivative of {name} once too often"
    yield Guess(DOUBLED, words, truth * due, bar * np.abs(due))


def _slope(name: str, z: Array) -> Array:
    return ACTIVATIONS[name][1](z)


def _leaky(suspect: Suspect) -> Iterator[Guess]:
    """Mistakes with a leaky relu, whose slope is read off what is wrong."""
    z, truth, bar = suspect.at, suspect.truth, suspect.bar
    low = z < 0
    if low.sum() < 2 or not (z > 0).any():
        return
    options = [(MISSING, "lacks the derivative of {}", np.ones(z.shape), True)]
    options.append((DOUBLED, "has the derivative of {} once too often", np.ones(z.shape), False))
    options += [
        (ANOTHER, f"has the derivative of {other} where that of {{}} is due", its(z), True)
        for other, (_, its) in ACTIVATIONS.items()
        if not other.endswith("relu")
    ]
    for kind, words, came, inverse in options:
        found = fitted_factor(suspect.claim[low], (truth * came)[low], (bar * np.abs(came))[low])
        c = float(np.real(found[0])) if found else 0.0
        slope = 1 / c if c and inverse else c
        if not 0 < slope < 1 - 1e-6:
            continue
        factor = came * np.where(low, c, 1.0)
        told = words.format(f"a leaky relu of slope {slope:.4g}")
        if kind == ANOTHER:
            yield Guess(kind, told, truth * factor, bar * np.abs(factor), free=1)
            continue
        # The slope itself is not known, so that another slope in its place gives this too.
        usual = abs(slope - USUAL) < 1e-6
        told = told if usual else f"{told}, or has another slope"
        for either in (kind,) if usual else (kind, ANOTHER):
            yield Guess(either, told, truth * factor, bar * np.abs(factor), free=1)


OF_PARAMETER: dict[str, Callable[[Array], Array]] = {
    "{}": lambda x: x,
    "{}^2": np.square,
    "sqrt({})": np.sqrt,
    "exp({})": np.exp,
    "exp({}/2)": lambda x: np.exp(x / 2),
    "exp(2 {})": lambda x: np.exp(2 * x),
    "sigmoid({})": lambda x: sigmoid(x),
    "sigmoid'({})": lambda x: sigmoid(x) * sigmoid(-x),
    "tanh'({})": lambda x: 1 - np.tanh(x) ** 2,
    "(1 - {}^2)": lambda x: 1 - x**2,
    "{} (1 - {})": lambda x: x * (1 - x),
    "(1 + exp(-{}))": lambda x: 1 + np.exp(-x),
}
"""Derivatives of a parameter by that which is stored in its place, or the reverse."""

OF_LOGARITHM = {"exp({})", "exp(2 {})"}
"""A scale, or a variance by the logarithm of its root, where the parameter is the logarithm."""

FACTORS = {1.0: "{}", 2.0: "2 {}", 0.5: "{}/2", -1.0: "-{}", -2.0: "-2 {}", -0.5: "-{}/2"}
INVERSES = {
    1.0: "1/{}",
    2.0: "2/{}",
    0.5: "1/(2 {})",
    -1.0: "-1/{}",
    -2.0: "-2/{}",
    -0.5: "-1/(2 {})",
}
"""Factors of a change of parameters: that of a variance by its root has a 2."""


def parametrisations(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """A factor that is a function of the parameter: the chain rule's, forgotten or too much."""
    if np.iscomplexobj(suspect.at):
        return
    name = f"`{suspect.name}`"
    matrix = sum(n > 1 for n in suspect.shape) > 1
    for words, function in OF_PARAMETER.items():
        base = function(suspect.at)
        if not np.isfinite(base).all() or (base == 0).any():
            continue
        if base.size > 1 and np.ptp(base) <= 1e-6 * np.abs(base).max():
            continue
        shown = words.replace("{}", name)
        for factor, shapes in ((base, FACTORS), (1 / base, INVERSES)):
            scaled, bar = factor * suspect.truth, np.abs(factor) * suspect.bar
            c, close = fitted_factor(suspect.claim, scaled, bar) or (np.nan, 0.0)
            lost = shapes is INVERSES and (setting.inner or (matrix and "'" in words))
            for k in (k for k in shapes if abs(c - k) <= close * abs(k)):
                evidence = f"is {shapes[k].format(shown)} times what is due"
                kind, hint = "parametrisation", ""
                scale = shapes is FACTORS and words == "{}" and (suspect.at > 0).all()
                if k == 1 and not setting.inner and (scale or words in OF_LOGARITHM):
                    hint = "the chain rule by the parameter as it is stored: d/d(log s) = s d/ds"
                if lost:
                    # An intermediate, or a matrix, is no scale that is stored by its logarithm.
                    kind, due = MISSING, FACTORS[1 / k].format(shown)
                    hint = f"multiply by {due}, the derivative of what {name} goes through"
                yield Guess(kind, evidence, k * scaled, abs(k) * bar, free=0.5, hint=hint)
