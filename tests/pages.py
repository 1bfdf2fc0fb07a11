"""Reports of real failures, for the tests of their pages and figures."""

from functools import cache

import numpy as np

import backprop
from gradcheck import GradientReport, check_gradient

__all__ = ["CASES", "report_of", "session"]


def drawn(*shape):
    """The same numbers for the same shape."""
    return np.random.default_rng(3).normal(size=shape)


def of_matrix(change, shape=(6, 5)):
    """A report on the gradient of a sum of squares, after a change."""
    X = np.random.default_rng(5).normal(size=(shape[1], 3)) / np.sqrt(shape[1])

    def gradient(p):
        A = np.tanh(p["W"] @ X)
        return change(2 * A * (1 - A**2) @ X.T)

    return check_gradient(
        lambda p: np.sum(np.tanh(p["W"] @ X) ** 2), gradient, {"W": drawn(*shape)}
    )


def changed(index, value):
    """A change of some entries."""

    def change(dW):
        dW[index] = value
        return {"dW": dW}

    return change


def of_structure():
    rng = np.random.default_rng(4)
    X, Y = rng.normal(size=(3, 5)), rng.integers(0, 2, (1, 5)).astype(float)

    def gradients(*args):
        g = backprop.gradients(*args)
        return g._replace(dW1=5 * g.dW1, db1=g.db1.ravel())

    return check_gradient(backprop.cost, gradients, backprop.initialise(3, 4, rng=rng), args=(X, Y))


def of_probes():
    from test_equations import check

    return check({"dZ1": "dA1 * slope(A1)"})


def of_words():
    """Names that are markup."""
    at = {"<b>W</b> & co": np.array([1.0, 2.0])}
    return check_gradient(
        lambda p: np.sum(p["<b>W</b> & co"] ** 2),
        lambda p: {"<b>W</b> & co": 3 * p["<b>W</b> & co"]},
        at,
    )


CASES = {
    "passing": lambda: of_matrix(lambda dW: {"dW": dW}),
    "structure": of_structure,
    "probes": of_probes,
    "row": lambda: of_matrix(changed(2, 0.0)),
    "one entry": lambda: of_matrix(changed((17, 23), 9.0), (50, 40)),
    "large": lambda: of_matrix(changed((3, 100), 9.0), (9, 460)),
    "not finite": lambda: of_matrix(changed((1, 2), np.nan)),
    "no entry": lambda: of_matrix(lambda dW: {}),
    "kink": lambda: check_gradient(np.abs, np.array(0.5), np.array(0.0)),
    "kink beside": lambda: check_gradient(
        lambda p: np.sum(np.abs(p["a"])) + np.sum(p["b"] ** 2),
        lambda p: {"a": np.array([0.5, 1.0]), "b": 3 * p["b"]},
        {"a": np.array([0.0, 1.0]), "b": np.ones((2, 2))},
    ),
    "flat": lambda: check_gradient(lambda x: 1.0, lambda x: 0 * x, np.ones(3)),
    "complex": lambda: check_gradient(
        lambda z: np.sum(np.abs(z) ** 2), lambda z: 3 * z, np.array([1 + 2j, 3 - 1j])
    ),
    "four axes": lambda: check_gradient(
        lambda K: np.sum(np.sin(K)),
        lambda K: np.cos(K) * (1 + (np.arange(2)[:, None, None, None] == 1)),
        drawn(2, 3, 2, 2),
    ),
    "markup": of_words,
}


@cache
def report_of(case: str) -> GradientReport:
    with np.errstate(all="ignore"):
        return CASES[case]()


def session(**cases):
    """What the pytest plugin writes, of tests by their names: a case and an outcome each."""
    return {
        "schema": 1,
        "summary": {},
        "tests": [
            {
                "test": name,
                "outcome": outcome,
                "duration": 0.1,
                "examples": 0,
                "empty": case is None,
                "checks": [] if case is None else [report_of(case).to_dict()],
            }
            for name, (case, outcome) in cases.items()
        ],
    }
