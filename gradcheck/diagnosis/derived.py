"""A derivative inside of the chain rule: an activation's, or that of how a parameter is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradcheck.diagnosis.fitting import fitted_factor
from gradcheck.diagnosis.suspect import Array, Guess, Setting, Suspect

__all__ = ["ACTIVATIONS", "OF_OUTPUT", "activations", "parametrisations"]


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "relu": (lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1.0, 0.01)),
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


def activations(suspect: Suspect, setting: Setting) -> Iterator[Guess]:
    """The derivative of an activation, forgotten, doubled, another's, or at another place."""
    if not setting.inner or np.iscomplexobj(suspect.at):
        return
    z, truth, bar = suspect.at, suspect.truth, suspect.bar
    missing, another = "activation-derivative-missing", "activation-derivative-of-another"
    wrong = "activation-derivative-at-wrong-argument"
    for name, (g, slope) in ACTIVATIONS.items():
        due = slope(z)
        options = [(missing, f"lacks the derivative of {name}", np.ones(z.shape))]
        options.append((wrong, f"has {name}'(A) where {name}'(Z) is due", slope(g(z))))
        if name in OF_OUTPUT:
            words = f"has the formula of {name}' for its output, with the argument put in"
            options.append((wrong, words, OF_OUTPUT[name](z)))
        for other, (_, its) in ACTIVATIONS.items():
            if other == name:
                continue
            words = f"has the derivative of {other} where that of {name} is due"
            options.append((another, words, its(z)))
            if other in OF_OUTPUT:
                options.append((another, f"{words}, from its output", OF_OUTPUT[other](g(z))))
        for kind, words, came in options:
            # Where nothing is due, as of relu below 0, any number may have come.
            lost = (due == 0) & (came != 0)
            factor = np.where(due == 0, np.where(came == 0, 1.0, np.nan), came / due)
            predicted = np.where(lost, suspect.claim, truth * factor)
            width = np.where(lost, bar, np.abs(bar * np.nan_to_num(factor)))
            yield Guess(kind, words, predicted, width, free=float(np.count_nonzero(lost)))
        words = f"has the derivative of {name} once too often"
        yield Guess("activation-derivative-doubled", words, truth * due, bar * np.abs(due))


OF_PARAMETER: dict[str, Callable[[Array], Array]] = {
    "x": lambda x: x,
    "x^2": np.square,
    "sqrt(x)": np.sqrt,
    "exp(x)": np.exp,
    "exp(x/2)": lambda x: np.exp(x / 2),
    "exp(2x)": lambda x: np.exp(2 * x),
    "sigmoid(x)": lambda x: sigmoid(x),
    "sigmoid'(x)": lambda x: sigmoid(x) * sigmoid(-x),
    "tanh'(x)": lambda x: 1 - np.tanh(x) ** 2,
    "(1 - x^2)": lambda x: 1 - x**2,
    "x (1 - x)": lambda x: x * (1 - x),
    "(1 + exp(-x))": lambda x: 1 + np.exp(-x),
}
"""Derivatives of a parameter by that which is stored in its place, or the reverse."""


FACTORS = {1.0: "", 2.0: "2 ", 0.5: "1/2 ", -1.0: "-", -2.0: "-2 ", -0.5: "-1/2 "}
"""Factors of a change of parameters: that of a variance by its root has a 2."""


def parametrisations(suspect: Suspect, _: Setting) -> Iterator[Guess]:
    """A factor that is a function of the parameter: the chain rule's, forgotten or too much."""
    if np.iscomplexobj(suspect.at):
        return
    for words, function in OF_PARAMETER.items():
        base = function(suspect.at)
        if not np.isfinite(base).all() or (base == 0).any():
            continue
        if base.size > 1 and np.ptp(base) <= 1e-6 * np.abs(base).max():
            continue
        for factor, shown in ((base, words), (1 / base, f"1/{words}")):
            found = fitted_factor(
                suspect.claim, factor * suspect.truth, np.abs(factor) * suspect.bar
            )
            c, close = found or (np.nan, 0.0)
            for k in (k for k in FACTORS if abs(c - k) <= close * abs(k)):
                words = f"is {FACTORS[k]}{shown} times what is due"
                evidence = f"{words}, x being `{suspect.name}` itself"
                predicted, width = k * factor * suspect.truth, np.abs(k * factor) * suspect.bar
                yield Guess("parametrisation", evidence, predicted, width, free=0.5)
