"""From what a gradient of a parameter is made of it is told which part of that is wrong."""

import numpy as np
import pytest

from gradcheck.diagnosis.made import made_of

RNG = np.random.default_rng(11)
Z, A, dZ, dA = RNG.normal(size=(4, 3, 6))
X = RNG.normal(size=(4, 6))
D = 1 - np.tanh(Z) ** 2
WITHOUT_FIRST, LAST_TWICE = np.arange(6) > 0, np.array([1, 1, 1, 1, 1, 2])

CASES = {
    "another input": (dZ @ A.T, dZ @ Z.T, "wrong-input", "is made with A for its input"),
    "another cotangent": (
        dA @ X.T,
        dZ @ X.T,
        "wrong-input",
        "is made with `dA` in place of `dZ`",
    ),
    "an example dropped": (
        (dZ * WITHOUT_FIRST) @ X.T,
        dZ @ X.T,
        "single-example",
        "lacks example 0",
    ),
    "an example twice": (
        (dZ * LAST_TWICE) @ X.T,
        dZ @ X.T,
        "single-example",
        "has example 5 twice",
    ),
    "without a derivative": (
        (dZ / D) @ X.T,
        dZ @ X.T,
        "activation-derivative-missing",
        "is made without tanh'(Z)",
    ),
    "with a derivative too many": (
        (dZ * D) @ X.T,
        dZ @ X.T,
        "activation-derivative-doubled",
        "is made with one more tanh'(Z)",
    ),
    "a bias without an example": (
        dZ[:, 1:].sum(axis=1, keepdims=True),
        dZ.sum(axis=1, keepdims=True),
        "single-example",
        "lacks example 0",
    ),
    "a bias without a derivative": (
        (dZ / D).sum(axis=1),
        dZ.sum(axis=1),
        "activation-derivative-missing",
        "is made without tanh'(Z)",
    ),
}


@pytest.mark.parametrize("rows", [False, True], ids=["columns", "rows"])
@pytest.mark.parametrize("case", CASES)
def test_mistake_is_told_by_the_factors_at_hand(case, rows):
    claim, truth, kind, evidence = CASES[case]
    cotangents, values = {"Z": dZ, "A": dA}, {"Z": Z, "A": A, "X": X}
    if rows:
        claim, truth = claim.T, truth.T
        cotangents, values = ({k: v.T for k, v in of.items()} for of in (cotangents, values))

    measured = truth * (1 + 1e-9 * RNG.uniform(-1, 1, truth.shape))

    assert made_of(claim, measured.ravel(), cotangents, values) == (kind, evidence)


@pytest.mark.parametrize(
    ("claim", "truth"),
    [(RNG.normal(size=(3, 4)), dZ @ X.T), ((dZ / D) @ X.T, 2 * dZ @ X.T)],
    ids=["of something else", "where something else is due"],
)
def test_nothing_is_told_where_no_such_mistake_gives_the_values(claim, truth):
    assert made_of(claim, truth, {"Z": dZ}, {"Z": Z, "X": X}) is None


def test_values_that_cannot_be_multiplied_are_left_alone():
    values = {
        "Z": Z,
        "text": np.array([["a"] * 6] * 4),
        "X": X[0],
        "deep": RNG.normal(size=(2, 3, 6)),
    }

    assert (
        made_of(dZ @ X.T, dA @ X.T, {"Z": dZ, "c": 1j * dZ, "deep": values["deep"]}, values) is None
    )
