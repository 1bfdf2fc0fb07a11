"""A wrong gradient is told by the kind of its mistake; a right one has no diagnosis."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import Verdict, check, check_gradient, check_vjp
from gradcheck.diagnosis.kinds import KINDS

LAM = 0.37
SHAPES = {"W": (4, 3), "V": (3, 3), "b": (4, 1), "c": (4, 1)}

WITH_PROBES = {
    "activation-derivative-at-wrong-argument",
    "activation-derivative-doubled",
    "activation-derivative-missing",
    "activation-derivative-of-another",
    "convention",
    "wrong-input",
}
"""Kinds that a check without probes cannot give; tests/test_equations.py has them."""


def drawn(seed, m=7):
    rng = np.random.default_rng(seed)
    params = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    return params, (rng.normal(size=(3, m)), rng.normal(size=(4, m)))


def cost(p, X, Y):
    A = np.tanh(p["c"] * (p["W"] @ p["V"] @ X) + p["b"])
    return np.sum((A - Y) ** 2) / (2 * X.shape[1]) + LAM / 2 * np.sum(p["W"] ** 2)


def right(p, X, Y):
    U = p["V"] @ X
    P = p["W"] @ U
    A = np.tanh(p["c"] * P + p["b"])
    dZ = (A - Y) * (1 - A**2) / X.shape[1]
    dP = p["c"] * dZ
    return {
        "W": dP @ U.T + LAM * p["W"],
        "V": p["W"].T @ dP @ X.T,
        "b": np.sum(dZ, axis=1, keepdims=True),
        "c": np.sum(dZ * P, axis=1, keepdims=True),
    }


def wrong(change):
    """The right gradient, of which `change` gives some blocks anew from `g`, the parameters `p`,
    and the data."""

    def gradient(p, X, Y):
        g = right(p, X, Y)
        return {**g, **change(g, p, X, Y)}

    return gradient


def report_of(gradient, seed=0, **options):
    params, args = drawn(seed)
    return check_gradient(cost, gradient, params, args=args, **options)


@dataclass(frozen=True)
class Example:
    """A wrong gradient, and what must be said of its block, whose entries are all explained
    unless something else is said."""

    block: str | None
    change: Callable[..., dict[str, Any]]
    sure: str = "certain"
    explains: int | None = None
    entries: int | None = None


def of_each_example(p, X, Y):
    """The terms of which `b`'s gradient is the sum."""
    A = np.tanh(p["c"] * (p["W"] @ p["V"] @ X) + p["b"])
    return (A - Y) * (1 - A**2) / X.shape[1]


def changed(array, place, value):
    array = array.copy()
    array[place] = value
    return array


def without_first(p, X, Y):
    """The gradient of `V` with the first example left out."""
    dP = p["c"] * of_each_example(p, X, Y)
    return p["W"].T @ dP[:, 1:] @ X[:, 1:].T


def forward_difference(p, X, Y, h=1e-6):
    start = cost(p, X, Y)
    found = np.empty(SHAPES["W"])
    for place in np.ndindex(found.shape):
        moved = changed(p["W"], place, p["W"][place] + h)
        found[place] = (cost({**p, "W": moved}, X, Y) - start) / h
    return found


EXAMPLES = {
    "sign": Example("W", lambda g, p, X, Y: {"W": -g["W"]}),
    "zero": Example("W", lambda g, p, X, Y: {"W": 0 * g["W"]}),
    "not-computed": Example("V", lambda g, p, X, Y: {"V": p["V"]}),
    "not-finite": Example(
        "W", lambda g, p, X, Y: {"W": changed(g["W"], (1, 2), np.nan)}, explains=1
    ),
    "constant-ratio": Example("V", lambda g, p, X, Y: {"V": 1.7 * g["V"]}),
    "scaled-loss": Example(
        None,
        lambda g, p, X, Y: {k: 1.7 * v for k, v in g.items()},
        entries=29,
    ),
    "sum-for-mean": Example("V", lambda g, p, X, Y: {"V": 7 * g["V"]}),
    "mean-for-sum": Example("V", lambda g, p, X, Y: {"V": g["V"] / 7}),
    "transposed": Example("V", lambda g, p, X, Y: {"V": g["V"].T}),
    "swapped": Example("b", lambda g, p, X, Y: {"b": g["c"], "c": g["b"]}),
    "another-block": Example("b", lambda g, p, X, Y: {"b": g["c"]}),
    "permuted": Example("W", lambda g, p, X, Y: {"W": g["W"][[2, 0, 3, 1]]}),
    "shifted": Example("W", lambda g, p, X, Y: {"W": np.roll(g["W"], 1, axis=0)}),
    "summed-over-all-axes": Example("b", lambda g, p, X, Y: {"b": np.full((4, 1), g["b"].sum())}),
    "summed-over-wrong-axis": Example(
        "W", lambda g, p, X, Y: {"W": g["W"].sum(axis=0) + np.zeros((4, 3))}
    ),
    "not-summed": Example("b", lambda g, p, X, Y: {"b": of_each_example(p, X, Y)}),
    "keepdims-forgotten": Example("b", lambda g, p, X, Y: {"b": g["b"][:, 0]}),
    "row-vector": Example("b", lambda g, p, X, Y: {"b": g["b"].T}),
    "wrong-shape": Example("W", lambda g, p, X, Y: {"W": g["W"][:, 1:]}, explains=0),
    "regulariser-missing": Example("W", lambda g, p, X, Y: {"W": g["W"] - LAM * p["W"]}),
    "regulariser-doubled": Example("W", lambda g, p, X, Y: {"W": g["W"] + LAM * p["W"]}),
    "regulariser-factor": Example("W", lambda g, p, X, Y: {"W": g["W"] - LAM * 6 / 7 * p["W"]}),
    "regulariser-not-due": Example("V", lambda g, p, X, Y: {"V": g["V"] + 0.2 * p["V"]}),
    "regulariser-on-bias": Example("b", lambda g, p, X, Y: {"b": g["b"] + LAM * p["b"]}),
    "wrong-term": Example("b", lambda g, p, X, Y: {"b": g["b"] + 0.4 * p["c"]}),
    "constant-residual": Example("V", lambda g, p, X, Y: {"V": g["V"] + 0.13}),
    "single-entry": Example("W", lambda g, p, X, Y: {"W": changed(g["W"], (1, 2), 0.0)}),
    "single-row": Example("W", lambda g, p, X, Y: {"W": changed(g["W"], 1, 0.0)}),
    "single-column": Example("W", lambda g, p, X, Y: {"W": changed(g["W"], np.s_[:, 2], 0.0)}),
    "single-example": Example("V", lambda g, p, X, Y: {"V": without_first(p, X, Y)}, "likely"),
    "ratio-by-row": Example("W", lambda g, p, X, Y: {"W": p["c"] * g["W"]}),
    "ratio-by-column": Example("W", lambda g, p, X, Y: {"W": np.array([1.5, 3, 0.7]) * g["W"]}),
    "parametrisation": Example("V", lambda g, p, X, Y: {"V": np.exp(p["V"]) * g["V"]}),
    "clipped": Example("W", lambda g, p, X, Y: {"W": np.clip(g["W"], -0.2, 0.2)}),
    "precision": Example("W", lambda g, p, X, Y: {"W": g["W"].astype(np.float16).astype(float)}),
    "finite-difference": Example("W", lambda g, p, X, Y: {"W": forward_difference(p, X, Y)}),
    "integer-truncation": Example("W", lambda g, p, X, Y: {"W": np.floor(g["W"])}),
    "missing-block": Example("W", lambda g, p, X, Y: [g.pop("W"), {}][1], explains=0, entries=0),
    "none": Example("W", lambda g, p, X, Y: {"W": None}, explains=0, entries=0),
    "wrong-type": Example("W", lambda g, p, X, Y: {"W": "text"}, explains=0, entries=0),
    "dtype": Example("W", lambda g, p, X, Y: {"W": g["W"] + 0j}, explains=0, entries=0),
    "unexplained": Example(
        "W", lambda g, p, X, Y: {"W": np.cos(9 * g["W"] + p["W"])}, "possible", explains=0
    ),
}


def noisy():
    calls = count()
    return wrong(lambda g, p, X, Y: {"b": g["b"] * (1 + next(calls))})


def standardised(x):
    std = x.std(axis=0)
    return (x - x.mean(axis=0)) / std, ((x - x.mean(axis=0)) / std, std)


def without_the_mean(dout, cache):
    """The gradient of `standardised` without the second of its three terms."""
    xh, std = cache
    return (dout - xh * np.mean(dout * xh, axis=0)) / std


def of_weights(w, X, weights):
    return np.sum(weights * np.cosh(X @ w))


OTHERS = {
    "argument-ignored": lambda: check_gradient(
        of_weights,
        lambda w, X, weights: X.T @ np.sinh(X @ w),
        np.array([0.3, -0.5, 0.2]),
        args=(np.random.default_rng(1).normal(size=(7, 3)), np.linspace(0.5, 2, 7)),
    ),
    "normalisation-term": lambda: check_vjp(
        standardised, without_the_mean, np.random.default_rng(0).normal(size=(6, 3))
    ),
    "stale-cache": lambda: report_of(lambda p, X, Y: right(drawn(1)[0], X, Y)),
    "nondeterministic": lambda: report_of(noisy()),
    "wrong-structure": lambda: report_of(lambda p, X, Y: list(right(p, X, Y).values())),
    "conjugated": lambda: check_gradient(
        lambda z: np.sum(np.abs(z) ** 2) ** 2,
        lambda z: np.conj(4 * z * np.sum(np.abs(z) ** 2)),
        np.array([1 + 2j, 3 - 1j, 0.5j, 2.0]),
    ),
    "cotangent-ignored": lambda: check_vjp(
        lambda x: (np.sin(x), x), lambda dout, x: np.cos(x), np.linspace(0.2, 2.0, 5)
    ),
}
"""Mistakes that are not made in the numbers of one block."""


def wrong_by(example):
    def gradient(p, X, Y):
        g = right(p, X, Y)
        change = example.change(g, p, X, Y)
        return {**g, **change}

    return gradient


@pytest.mark.parametrize("kind", EXAMPLES)
def test_kind_of_mistake_is_told_with_its_block_and_how_sure_that_is(kind):
    example = EXAMPLES[kind]

    report = report_of(wrong_by(example))

    assert report.verdict == Verdict.FAIL
    found = {(d.kind, d.block): d for d in report.diagnoses}
    diagnosis = found[kind, example.block]
    blocks = [example.block] if example.block else SHAPES
    entries = int(sum(np.prod(SHAPES[name]) for name in blocks))
    entries = entries if example.entries is None else example.entries
    explains = entries if example.explains is None else example.explains
    assert (diagnosis.sure, diagnosis.explains, diagnosis.entries) == (
        example.sure,
        explains,
        entries,
    )
    assert diagnosis.evidence
    assert diagnosis.hint
    if example.sure == "certain":
        assert [d.kind for d in report.diagnoses if d.block == example.block] == [kind]


@pytest.mark.parametrize("kind", OTHERS)
def test_kind_of_mistake_beyond_the_numbers_of_a_block_is_told(kind):
    report = OTHERS[kind]()

    assert report.verdict == Verdict.FAIL
    sure = "likely" if kind in ("stale-cache", "argument-ignored") else "certain"
    assert (report.diagnoses[0].kind, report.diagnoses[0].sure) == (kind, sure)


def test_every_kind_has_its_example():
    assert {*EXAMPLES, *OTHERS, *WITH_PROBES} == set(KINDS)


@pytest.mark.parametrize("value", [0.5, 1.0])
def test_block_left_at_one_constant_was_not_computed(value):
    report = report_of(wrong(lambda g, p, X, Y: {"V": np.full((3, 3), value)}))

    assert [(d.kind, d.block) for d in report.diagnoses] == [("not-computed", "V")]


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), m=st.integers(1, 9))
def test_right_gradient_has_no_diagnosis(seed, m):
    params, args = drawn(seed, m)

    report = check_gradient(cost, right, params, args=args)

    assert (report.verdict, report.diagnoses, report.equation) == (Verdict.PASS, (), None)


FACTORS = st.floats(0.05, 20).filter(lambda c: abs(c - 1) > 0.01)
WEIGHTS = st.sampled_from(["W", "V"])
NAMES = st.sampled_from(list(SHAPES))
RATIOS = {"constant-ratio", "sum-for-mean", "mean-for-sum"}
PENALTIES = {name for name in KINDS if name.startswith("regulariser-")}


def of_block(name, change, kinds):
    return name, wrong(lambda g, p, X, Y: {name: change(g[name], p[name])}), kinds


MISTAKES = st.one_of(
    st.builds(lambda n, c: of_block(n, lambda g, p: c * g, RATIOS), NAMES, FACTORS),
    st.builds(lambda n: of_block(n, lambda g, p: -g, {"sign"}), NAMES),
    st.builds(lambda n, c: of_block(n, lambda g, p: g + c, {"constant-residual"}), NAMES, FACTORS),
    st.builds(lambda n, c: of_block(n, lambda g, p: g + c * p, PENALTIES), NAMES, FACTORS),
    st.builds(
        lambda order: of_block("W", lambda g, p: g[order], {"permuted", "shifted"}),
        st.permutations(range(4)).filter(lambda order: order != [0, 1, 2, 3]),
    ),
    st.builds(
        lambda order: of_block("V", lambda g, p: g[:, order], {"permuted", "shifted"}),
        st.permutations(range(3)).filter(lambda order: order != [0, 1, 2]),
    ),
    st.just(of_block("V", lambda g, p: g.T, {"transposed"})),
    st.builds(
        lambda i, j, c: of_block(
            "W", lambda g, p: changed(g, (i, j), g[i, j] + c), {"single-entry"}
        ),
        st.integers(0, 3),
        st.integers(0, 2),
        FACTORS,
    ),
    st.builds(lambda c: of_block("W", lambda g, p: g * [c, 1, 2], {"ratio-by-column"}), FACTORS),
)


@settings(max_examples=60)
@given(mistake=MISTAKES, seed=st.integers(0, 2**32 - 1))
def test_drawn_mistake_is_among_the_diagnoses_and_no_other_is_certain(mistake, seed):
    name, gradient, kinds = mistake

    report = report_of(gradient, seed)

    assert report.verdict == Verdict.FAIL
    assert {d.block for d in report.diagnoses} == {name}
    assert {d.kind for d in report.diagnoses} & kinds
    assert {d.kind for d in report.diagnoses if d.sure == "certain"} <= kinds


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), block=NAMES)
def test_noise_in_place_of_a_gradient_gets_no_certain_diagnosis(seed, block):
    noise = np.random.default_rng([seed, 1]).normal(size=SHAPES[block])

    report = report_of(wrong(lambda g, p, X, Y: {block: noise}), seed)

    assert "certain" not in {d.sure for d in report.diagnoses}


def test_two_wrong_blocks_have_their_own_diagnoses():
    report = report_of(wrong(lambda g, p, X, Y: {"W": -g["W"], "V": g["V"].T}))

    assert {d.block: d.kind for d in report.diagnoses} == {"W": "sign", "V": "transposed"}


@pytest.mark.parametrize(("factor", "least"), [(-1.0, 1), (2.0, 1), (7.0, 2), (0.7312, 2)])
def test_block_of_one_entry_has_candidates_and_nothing_certain(factor, least):
    """A factor that has a name is borne out by it; any other is one guess of several."""
    report = check_gradient(
        lambda p: np.sum(p["w"] ** 3),
        lambda p: {"w": factor * 3 * p["w"] ** 2},
        {"w": np.array([1.3])},
    )

    assert len({d.kind for d in report.diagnoses}) >= least
    assert {d.sure for d in report.diagnoses} <= {"likely", "possible"}
    assert all(d.entries == 1 for d in report.diagnoses)
    assert all(d.explains == (d.kind != "unexplained") for d in report.diagnoses)


def test_all_kinds_that_give_the_same_numbers_are_named():
    S = np.random.default_rng(0).normal(size=(3, 3))

    report = check_gradient(lambda S: np.sum(S**2) / 2, lambda S: 2 * S, S)

    assert {d.kind for d in report.diagnoses} >= {"constant-ratio", "regulariser-doubled"}
    assert {d.sure for d in report.diagnoses} == {"likely"}


def test_factor_is_called_by_the_names_of_the_user():
    def sevenfold(g, p, X, Y):
        return {"V": 7 * g["V"]}

    assert report_of(wrong(sevenfold)).diagnoses[0].evidence.endswith("; 7 = columns of X")
    named = report_of(wrong(sevenfold), dimensions={"m": 7, "n0": 3, "n1": 4})
    assert named.diagnoses[0].evidence.endswith("; 7 = m")


def evaluations_without_diagnosis(gradient, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(check, "explain", lambda *args, **options: ())
        return report_of(gradient).evaluations


def test_diagnosis_costs_a_passing_check_nothing(monkeypatch):
    explained = report_of(right).evaluations

    monkeypatch.setattr(check, "explain", pytest.fail)
    assert report_of(right).evaluations == explained


@pytest.mark.parametrize("kind", EXAMPLES)
def test_diagnosis_costs_a_failing_check_less_than_a_tenth_more_evaluations(kind, monkeypatch):
    gradient = wrong_by(EXAMPLES[kind])

    without = evaluations_without_diagnosis(gradient, monkeypatch)

    assert without <= report_of(gradient).evaluations < 1.1 * without


def test_diagnosis_is_plain_data_and_a_sentence():
    (diagnosis,) = report_of(wrong(lambda g, p, X, Y: {"V": 7 * g["V"]})).diagnoses

    assert diagnosis.to_dict() == {
        "kind": "sum-for-mean",
        "block": "V",
        "explains": 9,
        "entries": 9,
        "sure": "certain",
        "evidence": "is 7 times too large; 7 = columns of X",
        "hint": "divide by the number of examples",
        "sentence": diagnosis.sentence,
    }
    assert str(diagnosis) == "`gradient of V` is 7 times too large; 7 = columns of X"
    assert diagnosis.meaning == KINDS["sum-for-mean"].meaning
    assert diagnosis.sentence == f"{diagnosis}: {diagnosis.meaning}"


@pytest.mark.parametrize("kind", EXAMPLES)
def test_report_of_any_kind_fits_on_one_screen(kind):
    lines = str(report_of(wrong_by(EXAMPLES[kind]))).splitlines()

    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100


def test_entries_of_a_large_block_that_are_not_refined_count_as_wrong_too():
    W = np.random.default_rng(0).normal(size=(20, 15))

    report = check_gradient(
        lambda W: np.sum(np.sin(W)), lambda W: np.cos(W) * (1 + 0.1 * np.sin(99 * W)), W
    )

    (diagnosis,) = report.diagnoses
    assert diagnosis.kind == "unexplained"
    assert "is off in 300 of 300 entries" in diagnosis.evidence


def of_rows(change):
    """The gradient of a bias in the layout of examples in rows, as `change` makes it of theirs."""
    rng = np.random.default_rng(3)
    A, Y = rng.normal(size=(9, 4)), rng.normal(size=(9, 3))
    params = {"W": rng.normal(size=(4, 3)), "b": rng.normal(size=(1, 3))}

    def gradient(p):
        R = (A @ p["W"] + p["b"] - Y) / 9
        return {"W": A.T @ R, "b": change(R)}

    return check_gradient(lambda p: np.sum((A @ p["W"] + p["b"] - Y) ** 2) / 18, gradient, params)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda R: R.sum(axis=0), "keepdims-forgotten"),
        (lambda R: R, "not-summed"),
        (lambda R: R * 9, "not-summed"),
        (lambda R: R.sum(axis=1, keepdims=True), "summed-over-wrong-axis"),
        (lambda R: R.sum(), "summed-over-all-axes"),
        (lambda R: np.full((1, 3), R.sum()), "summed-over-all-axes"),
    ],
)
def test_bias_of_examples_in_rows_is_told_what_to_write(change, kind):
    report = of_rows(change)

    (diagnosis,) = report.diagnoses
    assert (diagnosis.kind, diagnosis.block, diagnosis.sure) == (kind, "b", "certain")
    assert "axis=0" in str(report)
    assert "axis=1" not in str(report)
    assert ("divide" in diagnosis.hint) == ("the mean of" in diagnosis.evidence)


def test_rows_of_examples_with_wrong_values_too_are_not_summed():
    report = of_rows(lambda R: R**2)

    (diagnosis,) = report.diagnoses
    assert (diagnosis.kind, diagnosis.sure) == ("not-summed", "possible")
    assert "its 9 rows are one for each example" in str(diagnosis)
    assert "axis=0" in diagnosis.hint


def test_columns_that_are_no_examples_are_not_said_to_be_unsummed():
    report = report_of(wrong(lambda g, p, X, Y: {"b": np.ones((4, 5))}))

    assert [(d.kind, d.explains) for d in report.diagnoses] == [("wrong-shape", 0)]


def test_penalty_on_a_bias_of_least_squares_is_no_penalty_of_the_cost():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(3, 9)), rng.normal(size=(2, 9))
    params = {"W": rng.normal(size=(2, 3)), "b": rng.normal(size=(2, 1))}

    def gradient(p):
        R = p["W"] @ X + p["b"] - Y
        return {"W": R @ X.T, "b": R.sum(axis=1, keepdims=True) + 0.3 * p["b"]}

    report = check_gradient(lambda p: np.sum((p["W"] @ X + p["b"] - Y) ** 2) / 2, gradient, params)

    (diagnosis,) = report.diagnoses
    assert (diagnosis.kind, diagnosis.hint) == ("regulariser-on-bias", "subtract 0.3 * b")


def test_factor_without_a_name_is_not_certainly_that_of_the_loss():
    """One residual, as of one example, scales all blocks alike too."""
    c = 1.37123

    report = check_gradient(
        lambda p: np.sum(np.sin(p["a"])) * p["b"],
        lambda p: {"a": c * np.cos(p["a"]) * p["b"], "b": c * np.sum(np.sin(p["a"]))},
        {"a": np.array([0.3, 1.0, 2.0, -0.4, 0.7]), "b": np.array(1.2)},
    )

    assert [(d.kind, d.sure) for d in report.diagnoses] == [("scaled-loss", "likely")]


@pytest.mark.parametrize(
    "change",
    [
        lambda R: R.sum(axis=1),
        lambda R: R.sum(axis=1, keepdims=True),
        lambda R: R.sum(),
        lambda R: np.full(3, R.sum()),
    ],
)
def test_bias_of_rank_1_is_not_told_to_keep_a_second_axis(change):
    rng = np.random.default_rng(3)
    A, Y = rng.normal(size=(9, 4)), rng.normal(size=(9, 3))
    params = {"W": rng.normal(size=(4, 3)), "b": rng.normal(size=3)}

    def gradient(p, A, Y):
        R = A @ p["W"] + p["b"] - Y
        return {"W": A.T @ R, "b": change(R)}

    def squares(p, A, Y):
        return np.sum((A @ p["W"] + p["b"] - Y) ** 2) / 2

    (diagnosis,) = check_gradient(squares, gradient, params, args=(A, Y)).diagnoses

    assert "axis=0)" in diagnosis.hint


def batch_norm(eps, factors):
    """What a check says of a normalisation whose backward pass has wrong factors of two terms."""
    rng = np.random.default_rng(5)

    def forward(x):
        std = np.sqrt(x.var(axis=0) + eps)
        return (x - x.mean(axis=0)) / std, ((x - x.mean(axis=0)) / std, std)

    def backward(dout, cache):
        xh, std = cache
        of_mean, of_std = dout.mean(axis=0), xh * np.mean(dout * xh, axis=0)
        return (dout - factors[0] * of_mean - factors[1] * of_std) / std

    (diagnosis,) = check_vjp(forward, backward, rng.normal(size=(6, 3))).diagnoses
    return diagnosis


@pytest.mark.parametrize("eps", [0.0, 1e-5, 1e-2])
@pytest.mark.parametrize("factors", [(0, 0), (0, 1), (1, 0), (1, 2), (1.2, 1.2)])
def test_terms_of_a_normalisation_are_known_whatever_is_added_to_the_variance(eps, factors):
    diagnosis = batch_norm(eps, factors)

    assert (diagnosis.kind, diagnosis.sure) == ("normalisation-term", "certain")


def test_term_of_a_normalisation_with_a_wrong_factor_is_not_said_to_be_missing():
    said = batch_norm(0.0, (1.2, 1.2)).sentence

    assert "without" not in said
    assert said.endswith("are missing or have wrong factors")


ROWS, OUTPUTS = np.random.default_rng(5).normal(size=(2, 11, 4))


def cost_in_rows(p, A, Y):
    return np.mean(np.sum((A @ p["W"] + p["b"] - Y[:, :3]) ** 2, axis=1)) / 2


def gradient_in_rows(p, A, Y):
    R = (A @ p["W"] + p["b"] - Y[:, :3]) / 11
    return {"W": A.T @ R, "b": R.sum(axis=0)}


OF_ROWS = {"W": np.random.default_rng(6).normal(size=(4, 3)), "b": np.array([0.3, -0.5, 1.0])}


def test_a_cache_is_stale_in_all_blocks_even_if_one_is_off_by_a_constant():
    old = gradient_in_rows({name: block + 0.3 for name, block in OF_ROWS.items()}, ROWS, OUTPUTS)

    report = check_gradient(
        lambda p: cost_in_rows(p, ROWS, OUTPUTS),
        lambda p: {name: block.copy() for name, block in old.items()},
        OF_ROWS,
    )

    (diagnosis,) = report.diagnoses
    assert (diagnosis.kind, diagnosis.block) == ("stale-cache", None)


@pytest.mark.parametrize(
    ("weights", "words"),
    [(np.arange(11) != 4, "lacks example 4"), (1 + (np.arange(11) == 4), "has example 4 twice")],
)
def test_it_is_said_what_was_done_with_an_example_where_it_can_be_left_out(weights, words):
    def wrong(p, A, Y):
        R = (A @ p["W"] + p["b"] - Y[:, :3]) / 11 * weights[:, None]
        return {"W": A.T @ R, "b": gradient_in_rows(p, A, Y)["b"]}

    report = check_gradient(cost_in_rows, wrong, OF_ROWS, args=(ROWS, OUTPUTS))

    (diagnosis,) = report.diagnoses
    assert (diagnosis.kind, diagnosis.evidence) == ("single-example", words)
    assert diagnosis.sure == "certain"


def test_real_factor_of_a_complex_gradient_is_told_as_one():
    z = np.array([1.0 + 2.0j, -0.5 + 0.3j, 0.7 - 1.1j])

    report = check_gradient(lambda z: np.sum(np.abs(z) ** 2), lambda z: 2.0000024 * z, z)

    assert report.verdict == Verdict.FAIL
    assert "is too large by 1.2e-06 of what is due" in str(report)
