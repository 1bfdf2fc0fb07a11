"""Each hypothesis predicts the values of its mistake, and fits no others."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradcheck.diagnosis import derived
from gradcheck.diagnosis.derived import ACTIVATIONS, OF_OUTPUT
from gradcheck.diagnosis.hypotheses import guesses
from gradcheck.diagnosis.kinds import KINDS
from gradcheck.diagnosis.names import Names
from gradcheck.diagnosis.suspect import Guess, Setting, Suspect

RNG = np.random.default_rng(7)
TRUTH, AT, ANOTHER = RNG.normal(size=(3, 4, 4))
BAR = np.full(TRUTH.shape, 1e-10)
NAMES = Names(sizes=(("m", 7),), examples=frozenset({7}))


def suspect(claim, truth=TRUTH, at=AT, bar=BAR):
    return Suspect("W", np.asarray(claim), truth, bar, at, np.abs(claim - truth) > bar)


def found(claim, setting=None, **options):
    with np.errstate(all="ignore"):
        return guesses(suspect(claim, **options), setting or Setting())


def kinds(claim, setting=None, **options):
    return {guess.kind for guess in found(claim, setting, **options)}


@pytest.mark.parametrize(
    ("claim", "kind"),
    [
        (-TRUTH, "sign"),
        (np.abs(TRUTH), "sign"),
        (0 * TRUTH, "zero"),
        (AT, "not-computed"),
        (0 * TRUTH + 1, "not-computed"),
        (1.7 * TRUTH, "constant-ratio"),
        (7 * TRUTH, "sum-for-mean"),
        (TRUTH / 7, "mean-for-sum"),
        (TRUTH.T, "transposed"),
        (7 * TRUTH.T, "transposed"),
        (-TRUTH.T, "transposed"),
        (TRUTH[::-1], "permuted"),
        (TRUTH[:, [1, 0, 3, 2]], "permuted"),
        (np.roll(TRUTH, 1, axis=1), "shifted"),
        (np.vstack([TRUTH[1:], 0 * TRUTH[:1]]), "shifted"),
        (0 * TRUTH + TRUTH.sum(), "summed-over-all-axes"),
        (0 * TRUTH + TRUTH.mean(), "summed-over-all-axes"),
        (0 * TRUTH + TRUTH.sum(axis=0), "summed-over-wrong-axis"),
        (0 * TRUTH + TRUTH.mean(axis=1, keepdims=True), "summed-over-wrong-axis"),
        (TRUTH - 0.3 * AT, "regulariser-missing"),
        (TRUTH + 0.3 * AT, "regulariser-doubled"),
        (TRUTH + 0.3 * np.sign(AT), "regulariser-doubled"),
        (TRUTH + 0.3, "constant-residual"),
        (np.clip(TRUTH, -0.5, 0.5), "clipped"),
        (TRUTH * np.exp(AT), "parametrisation"),
        (TRUTH * AT, "parametrisation"),
        (TRUTH * AT[:, :1], "ratio-by-row"),
        (TRUTH * AT[0], "ratio-by-column"),
        (np.trunc(9 * TRUTH), "integer-truncation"),
        (TRUTH.astype(np.float32).astype(float), "precision"),
        (ANOTHER, "another-block"),
        (TRUTH + ANOTHER, "another-block"),
    ],
)
def test_mistake_is_guessed_and_explains_every_entry(claim, kind):
    truth = 9 * TRUTH if kind == "integer-truncation" else TRUTH
    other = Suspect.of("V", ANOTHER)
    with np.errstate(all="ignore"):
        found = guesses(suspect(claim, truth=truth), Setting(NAMES, {"V": other}))

    assert kind in {guess.kind for guess in found}
    for guess in found:
        assert guess.kind in KINDS
        assert guess.explained(suspect(claim, truth=truth)).all()


def test_two_blocks_that_have_each_others_gradient_are_swapped():
    other = suspect(TRUTH, truth=ANOTHER)

    assert kinds(ANOTHER, Setting(others={"V": other})) == {"swapped"}


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


INNER = Setting(inner=True)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS.keys() - {"exp"}))
def test_activation_without_its_derivative_is_guessed_for_intermediates_alone(name):
    truth = TRUTH * ACTIVATIONS[name][1](AT)

    assert "activation-derivative-missing" in kinds(TRUTH, INNER, truth=truth)
    of_parameter = {k for k in kinds(TRUTH, truth=truth) if k.startswith("activation-")}
    # A matrix may itself go through one, as a table of embeddings does.
    assert of_parameter == (
        {"activation-derivative-missing"} if name in ("sigmoid", "tanh") else set()
    )


@pytest.mark.parametrize(
    ("came", "due", "kind"),
    [
        (sigmoid(AT) * (1 - sigmoid(AT)), 1 - np.tanh(AT) ** 2, "of-another"),
        (1 - np.tanh(np.tanh(AT)) ** 2, 1 - np.tanh(AT) ** 2, "at-wrong-argument"),
        (1 - AT**2, 1 - np.tanh(AT) ** 2, "at-wrong-argument"),
        ((1 - np.tanh(AT) ** 2) ** 2, 1 - np.tanh(AT) ** 2, "doubled"),
    ],
    ids=["another", "at A", "formula of A given Z", "doubled"],
)
def test_wrong_derivative_of_an_activation_is_guessed(came, due, kind):
    found = kinds(TRUTH * came, INNER, truth=TRUTH * due)

    assert f"activation-derivative-{kind}" in found


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_of_the_activations_that_are_tried_are_right(name):
    g, slope = ACTIVATIONS[name]
    Z = np.array([-2.5, -0.75, 0.5, 1.75])
    h = 2.0**-17

    # Truncation h^2 g''' / 6 with g''' below 6, and rounding of values below 8, over 2 h.
    bar = h**2 * 6 + 8 * np.finfo(float).eps / h
    np.testing.assert_allclose((g(Z + h) - g(Z - h)) / (2 * h), slope(Z), rtol=0, atol=bar)
    if name in OF_OUTPUT:
        np.testing.assert_allclose(OF_OUTPUT[name](g(Z)), slope(Z), rtol=1e-14)


@pytest.mark.parametrize(("due", "kind"), [(0.3, "missing"), (0.5, "factor"), (np.nan, "missing")])
def test_part_of_the_penalty_that_is_missing_is_told_from_all_of_it(due, kind):
    """Where the cost itself shows its penalty, there is no doubt."""
    setting = Setting(penalty=lambda name, power: due)

    found = kinds(TRUTH - 0.3 * AT, setting)

    assert f"regulariser-{kind}" in found
    assert len(found) == 1 or np.isnan(due)


def test_penalty_on_a_bias_is_guessed_by_its_name():
    claim = TRUTH[:, :1] + 0.3 * AT[:, :1]
    bias = replace(suspect(claim, TRUTH[:, :1], AT[:, :1], BAR[:, :1]), name="layer.b1")

    assert {guess.kind for guess in guesses(bias, Setting())} == {"regulariser-on-bias"}


@pytest.mark.parametrize(
    ("residual", "step"),
    [(lambda h: h / 2 * AT, "forward"), (lambda h: h**2 / 6 * ANOTHER, "centered")],
    ids=["forward", "centered"],
)
def test_step_of_a_gradient_that_is_a_difference_is_measured(residual, step):
    h = 1e-3
    setting = Setting(curvature=lambda _, places: (AT.ravel()[places], ANOTHER.ravel()[places]))

    found = guesses(suspect(TRUTH + residual(h), at=RNG.normal(size=(4, 4))), setting)

    assert f"is itself a {step} difference, with a step of about 1.0e-03" in {
        guess.evidence for guess in found
    }


@pytest.mark.parametrize(
    "claim",
    [np.cos(9 * TRUTH) + ANOTHER, TRUTH + ANOTHER, TRUTH @ ANOTHER, TRUTH * ANOTHER],
    ids=["cosine", "sum", "product", "elementwise product"],
)
def test_what_no_hypothesis_predicts_gets_no_guess(claim):
    assert kinds(claim, Setting(NAMES)) == set()


def test_one_entry_beyond_its_bar_refutes_a_guess():
    claim = 1.7 * TRUTH
    claim[2, 1] += 1e-3

    assert "constant-ratio" not in kinds(claim)


def test_entries_of_which_nothing_is_known_refute_nothing():
    claim = 1.7 * TRUTH
    claim[2, 1] += 1e-3
    bar = BAR.copy()
    bar[2, 1] = np.inf

    assert "constant-ratio" in kinds(claim, bar=bar)
    guess = Guess("constant-ratio", "", 1.7 * TRUTH, bar)
    assert guess.explained(suspect(claim, bar=bar)).sum() == 15


def test_guess_is_borne_out_where_it_differs_from_what_is_due():
    half = TRUTH.copy()
    half[:2] = 0
    claim = suspect(2 * half, truth=half)

    guess = Guess("constant-ratio", "", 2 * half, BAR, free=1)

    assert guess.explained(claim).sum() == 16
    assert guess.spare(claim) == 8 - 1


FLOATS = st.floats(-1e3, 1e3, allow_subnormal=False)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, max_side=4)


@settings(max_examples=60)
@given(data=st.data(), shape=SHAPES)
def test_any_finite_numbers_of_any_shape_can_be_looked_at(data, shape):
    claim, truth, at = (data.draw(hnp.arrays(float, shape, elements=FLOATS)) for _ in range(3))
    bar = np.full(shape, 1e-9)
    wrong = np.asarray(np.abs(claim - truth) > bar)
    one = Suspect("W", claim, truth, bar, at, wrong)

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        found = guesses(one, Setting(NAMES, inner=data.draw(st.booleans())))

    assert all(guess.kind in KINDS for guess in found)
    assert all(guess.explained(one)[one.known].all() for guess in found)


@settings(max_examples=30)
@given(c=st.floats(0.01, 100), seed=st.integers(0, 2**32 - 1))
def test_any_factor_is_found_with_its_value(c, seed):
    truth = np.random.default_rng(seed).normal(size=(3, 2))
    claim = Suspect.of("W", truth, claim_times=c)
    if not claim.wrong.any():
        return

    predicted = [g.predicted for g in guesses(claim, Setting()) if g.kind == "constant-ratio"]

    np.testing.assert_allclose(predicted[0], c * truth, rtol=1e-9)


CENTERED = AT - AT.mean(axis=0)
A, B = np.array([[0.3, -1.0, 2.0, 0.1], [1.0, 0.2, -0.5, 0.7]])
DROPPED = {
    "mean": A + 0 * AT,
    "standard deviation": A * CENTERED,
    "mean and standard deviation": A + B * CENTERED,
}


@pytest.mark.parametrize("terms", DROPPED)
def test_residual_that_a_forgotten_term_of_a_normalisation_leaves_is_guessed(terms):
    due = TRUTH - TRUTH.mean(axis=0)
    due -= CENTERED * np.sum(due * CENTERED, axis=0) / np.sum(CENTERED**2, axis=0)

    (guess,) = [g for g in found(due + DROPPED[terms], truth=due) if "term" in g.kind]
    assert terms in guess.evidence
    assert "along axis 0" in guess.evidence
    assert "normalisation-term" not in kinds(due + ANOTHER, truth=due)
    assert "normalisation-term" not in kinds(TRUTH + DROPPED[terms])


@pytest.mark.parametrize("slope", [0.01, 0.2])
def test_slope_of_a_leaky_relu_is_read_off_what_is_wrong(slope):
    due = np.where(AT > 0, 1.0, slope)

    assert "activation-derivative-missing" in kinds(TRUTH, INNER, truth=TRUTH * due)
    assert "activation-derivative-doubled" in kinds(TRUTH * due**2, INNER, truth=TRUTH * due)
    of_tanh = kinds(TRUTH * (1 - np.tanh(AT) ** 2), INNER, truth=TRUTH * due)
    assert {k for k in of_tanh if "activation" in k} == {"activation-derivative-of-another"}


def test_relu_is_no_guess_where_something_is_due_below_0():
    """Whatever came there would otherwise fit."""
    due = np.where(AT > 0, 1.0, 0.5)

    assert not any(
        "`relu`" in g.evidence or " relu" in g.evidence.replace("leaky relu", "")
        for g in found(TRUTH * due**2, INNER, truth=TRUTH * due)
    )


def test_forgotten_penalty_of_factor_1_is_one_and_not_unexplained():
    setting = Setting(names=Names(scalars=(("C", 10.0),)))

    assert found(TRUTH - AT, setting)[0].kind == "regulariser-missing"


def test_penalty_that_the_cost_has_not_is_not_called_doubled():
    setting = Setting(penalty=lambda name, power: 0.0 if power else np.nan)

    assert kinds(TRUTH + 0.3 * AT, setting) == {"regulariser-not-due"}
    assert kinds(TRUTH - 0.3 * AT, setting) == {"unexplained"}


def test_factor_of_an_intermediate_is_a_derivative_and_no_parametrisation():
    (guess,) = [g for g in found(TRUTH / (2 * AT), INNER) if "2 `W`" in g.evidence]

    assert guess.kind == "activation-derivative-missing"
    assert guess.evidence == "is 1/(2 `W`) times what is due"
    assert kinds(TRUTH / (2 * AT)) == {"parametrisation"}


@pytest.mark.parametrize(
    ("still", "kind"), [(True, "not-computed"), (False, "summed-over-all-axes")]
)
def test_one_number_everywhere_was_computed_if_it_moves(still, kind):
    setting = Setting(still=lambda name: still)

    (guess,) = found(0 * TRUTH + 0.37, setting)

    assert guess.kind == kind
    assert "0.37" in guess.evidence
    assert kinds(0 * TRUTH + TRUTH.max(), setting) == {kind}
    assert kinds(0 * TRUTH + 1.0, setting) == {"not-computed"}


def test_parametrisation_by_a_logarithm_is_spoken_of_where_there_may_be_one():
    def hints(claim, at):
        return [g.hint for g in found(claim, at=at) if g.kind == "parametrisation"]

    scale = np.exp(AT)
    assert all("log s" in hint for hint in hints(TRUTH * scale, AT))
    assert all("log s" in hint for hint in hints(TRUTH * scale, scale))
    for claim in (AT**2, TRUTH * AT):
        halved = hints(claim, AT) or [g.hint for g in found(claim, truth=2 * AT)]
        assert halved
        assert not any("log s" in hint for hint in halved)


def test_values_below_a_bound_alone_are_cut_off():
    (guess,) = [g for g in found(np.maximum(TRUTH, 0) * 1.0) if g.kind == "clipped"]
    (other,) = [g for g in found(np.where(TRUTH > 0, TRUTH, -0.0)) if g.kind == "clipped"]

    assert guess.evidence == other.evidence == "is cut off below 0"
    assert {g.evidence for g in found(np.minimum(TRUTH, 0.5))} == {"is cut off above 0.5"}


def test_slope_below_0_may_be_missing_or_that_of_a_leaky_relu():
    z = AT
    due = np.where(z > 0, TRUTH, 0.0)
    leaky = np.where(z > 0, TRUTH, 0.2 * TRUTH)
    both = {"activation-derivative-missing", "activation-derivative-of-another"}

    for claim, truth in ((leaky, due), (TRUTH, due), (TRUTH, leaky)):
        told = [g for g in found(claim, INNER, truth=truth) if g.kind in both]
        assert {g.kind for g in told} == both
        assert "leaky" in told[0].evidence
        assert any(g.evidence == told[0].evidence and g.kind != told[0].kind for g in told)


def test_leaky_relu_of_slope_1_is_none():
    claim = np.where(AT > 0, 1.0, 1 + 1e-8) * TRUTH

    with np.errstate(all="ignore"):
        told = [
            g.evidence
            for g in derived.activations(suspect(claim), INNER)
            if "of a leaky relu of slope 1" in g.evidence
        ]

    assert told == []


def test_claim_in_which_nothing_of_what_is_due_is_left_can_be_looked_at():
    tiny = np.finfo(float).tiny

    for first in (5.0, 1.0):
        truth, zeros = np.array([first, 0.0, 0.0, 0.0]), np.zeros(4)
        assert found(zeros + tiny, truth=truth, at=zeros, bar=zeros + 1e-9) is not None


@pytest.mark.parametrize(
    ("of", "words"), [(lambda v: v, ""), (lambda v: 1 / v, "1 over")], ids=["itself", "inverse"]
)
def test_factors_of_rows_are_told_by_the_vector_that_has_them(of, words):
    gain = np.array([0.5, -1.3, 2.0, 0.7])
    setting = Setting(others={"g": replace(Suspect.of("g", np.ones(4)), at=gain)})

    (guess,) = [g for g in found(of(gain)[:, None] * TRUTH, setting) if g.kind == "ratio-by-row"]

    assert guess.evidence.endswith(f", {words} those of `g`".replace("  ", " "))


def test_a_term_is_told_in_the_numbers_of_the_user():
    """Those of an intermediate are compared after a division by its scale."""
    names = Names(data=(("Y", ANOTHER),))

    (guess,) = found(TRUTH + ANOTHER / 6, Setting(names, scale=6.0, inner=True))

    assert (guess.kind, guess.evidence, guess.hint) == (
        "wrong-term",
        "has `Y` too much",
        "subtract `Y`",
    )


def test_that_the_cost_has_no_penalty_is_among_the_candidates_where_it_is_not_known():
    told = [g.kind for g in found(TRUTH + 0.5 * AT)]

    assert told == ["regulariser-doubled", "regulariser-factor", "regulariser-not-due"]


@pytest.mark.parametrize(("cut", "words"), [(np.round, "rounded"), (np.trunc, "cut")])
def test_numbers_with_few_decimals_are_rounded_ones(cut, words):
    (guess,) = found(cut(100 * TRUTH) / 100)

    assert (guess.kind, guess.evidence) == ("precision", f"is {words} to 2 decimals")


@pytest.mark.parametrize(
    ("m", "told"), [(4, {"summed-over-wrong-axis", "unexplained"}), (9, set())]
)
def test_a_right_total_tells_of_another_axis_only_if_that_is_as_long(m, told):
    truth = TRUTH[0]
    claim = truth + np.array([0.3, -0.2, 0.1, -0.2])
    names = Names(data=(("X", np.ones((3, m))),), examples=frozenset({m}))

    assert kinds(claim, Setting(names), truth=truth, at=AT[0], bar=BAR[0]) == told


def test_two_entries_of_other_signs_tell_nothing_of_a_penalty_of_signs():
    truth, at, bar = np.array([0.3, -1.2]), np.array([0.5, -0.7]), BAR[0, :2]

    reversed_ = kinds(truth[::-1], truth=truth, at=at, bar=bar)

    assert not any(kind.startswith("regulariser") for kind in reversed_)


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ((("columns of X", 7), ("rows of W", 4)), {"sum-for-mean"}),
        ((("columns of X", 7), ("rows of W", 7)), {"sum-for-mean", "constant-ratio"}),
        ((("m", 7), ("n", 7)), {"sum-for-mean", "constant-ratio"}),
    ],
)
def test_number_of_examples_that_is_another_size_too_leaves_two_kinds(sizes, told):
    setting = Setting(Names(sizes=sizes, examples=frozenset({7})), others={"W": suspect(7 * TRUTH)})

    assert kinds(7 * TRUTH, setting) == told
