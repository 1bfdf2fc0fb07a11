"""The text of a report says on one screen what to look at first."""

import re
from itertools import cycle

import numpy as np
import pytest

from gradcheck import Verdict, check_gradient

W1 = np.arange(12.0).reshape(4, 3) / 8 + 0.25
b1 = np.array([[0.5], [-1.0], [2.0], [0.25]])
PARAMS = {"W1": W1, "b1": b1}
X = np.array([1.0, 2.0, -4.0])


def cost(p):
    return (np.sum(p["W1"] ** 2) + np.sum(p["b1"] ** 2)) / 2


def right(p):
    return {"dW1": p["W1"].copy(), "db1": p["b1"].copy()}


def without_bars(text):
    """`text` with ``#`` for the digits of bars and resolutions, which are measured."""
    text = re.sub(r" +\d\.\de-\d\d", " #", text)
    return re.sub(r"\d+ evaluations", "# evaluations", text)


def of_squares(gradient, at=X):
    return check_gradient(lambda x: np.sum(x**2) / 2, gradient, at)


def at_a_kink(gradient, **options):
    return check_gradient(lambda x: np.sum(np.abs(x)), np.array(gradient), np.zeros(1), **options)


def test_passing_report_says_how_well_it_looked():
    report = check_gradient(cost, right, PARAMS)

    assert without_bars(str(report)) == (
        "PASS: the gradient agrees with its numerical derivatives\n"
        "checked: 16 entries of W1, b1, by # evaluations of the cost\n"
        "resolution # of the scale: no larger error could pass"
    )


def test_failing_report_says_what_is_wrong_how_much_and_where():
    report = check_gradient(cost, lambda p: {"dW1": 5 * p["W1"], "db1": p["b1"][:, 0] * 1}, PARAMS)

    assert without_bars(str(report)) == (
        "FAIL[rank-1]: `db1` has shape (4,), expected (4, 1): it was summed without keepdims=True\n"
        "  note: the values are right, the shape is not; "
        "`b1 - alpha * db1` would broadcast to (4, 4)\n"
        "  help: sum with np.sum(..., axis=1, keepdims=True), or reshape to (4, 1)\n"
        "  block  shape   verdict  resolution\n"
        "  W1     (4, 3)  FAIL              -  12 of 12 entries wrong: 5 times too large\n"
        "  b1     (4, 1)  FAIL #  rank-1\n"
        "  W1[3, 2]: analytic 8.125, numerical 1.625 +- #\n"
        "  W1[3, 1]: analytic 7.5, numerical 1.5 +- #\n"
        "  W1[3, 0]: analytic 6.875, numerical 1.375 +- #\n"
        "  W1[2, 2]: analytic 6.25, numerical 1.25 +- #\n"
        "  W1[2, 1]: analytic 5.625, numerical 1.125 +- #\n"
        "  cause: `dW1` is 5 times too large: a factor is wrong "
        "(likely, explains 12 of 12 entries)\n"
        "  help: look for a factor forgotten or applied twice in this block's own equation\n"
        "  or: a sum where the mean is due (likely, explains 12 of 12 entries)\n"
        "  help: divide by the number of what is summed over, as the cost does\n"
        "  or: `dW1` has 4 * W1 too much; 4 = rows of W1: the penalty's part has the wrong factor "
        "(likely,\n"
        "      explains 12 of 12 entries)\n"
        "  help: write 1 * W1 in place of 5 * W1\n"
        "  reproduce: the same call again, at the point fe9b031f"
    )


def test_failing_report_without_findings_starts_with_the_mistake():
    report = check_gradient(cost, lambda p: {"dW1": p["W1"], "db1": -p["b1"]}, PARAMS)

    assert without_bars(str(report)) == (
        "FAIL: `db1` has the wrong sign\n"
        "  block  shape   verdict  resolution\n"
        "  W1     (4, 3)  PASS #\n"
        "  b1     (4, 1)  FAIL              -  4 of 4 entries wrong: the sign is wrong\n"
        "  b1[2, 0]: analytic -2, numerical 2 +- #\n"
        "  b1[1, 0]: analytic 1, numerical -1 +- #\n"
        "  b1[0, 0]: analytic -0.5, numerical 0.5 +- #\n"
        "  b1[3, 0]: analytic -0.25, numerical 0.25 +- #\n"
        "  cause[sign]: likely, explains 4 of 4 entries\n"
        "  help: look for a difference the wrong way round, such as Y - A2, or a lost minus\n"
        "  or: `db1` has 2 * b1 too little: the penalty's part has the wrong factor "
        "(likely, explains 4 of 4\n"
        "      entries)\n"
        "  help: write 1 * b1 in place of -1 * b1\n"
        "warning[aliases-input]: the gradient shares memory with the parameters that it was given\n"
        "  note: an update in place of either would change the other\n"
        "  help: return a copy\n"
        "  reproduce: the same call again, at the point fe9b031f"
    )


def test_inconclusive_report_says_why():
    assert without_bars(str(at_a_kink([0.5]))) == (
        "INCONCLUSIVE: `x` could not be checked\n"
        "  block  shape  verdict       resolution\n"
        "  x      (1,)   INCONCLUSIVE           -  1 of 1 inconclusive, 1 at kinks\n"
        "  x[0]: analytic 0.5, kink with slopes -1 and 1\n"
        "  help: move the point, or say on_kink='accept'"
    )


def test_passing_report_counts_only_the_entries_that_agree():
    """Here one of three is a kink, and `x[0]` does not agree with anything."""
    report = check_gradient(
        lambda x: np.sum(np.abs(x)), np.array([0.5, 1.0, -1.0]), np.array([0.0, 1.0, -1.0])
    )

    assert report.verdict == Verdict.PASS
    checked = str(report).splitlines()[1]
    assert checked.startswith("checked: 2 of 3 entries of x, ")
    assert checked.endswith("; 1 inconclusive: x[0] (kink)")


def test_one_entry_is_no_entries():
    report = of_squares(lambda x: 2 * x, at=np.array(2.0))

    assert "1 of 1 entry wrong: 2 times too large" in str(report)


def flat(p):
    return 1.0


def zero(p):
    return {name: np.zeros_like(value) for name, value in p.items()}


def several(count):
    return {f"layers_{k}": np.array([[1.25, 1.5]]) + k for k in range(count)}


def squares(p):
    return sum(np.sum(value**2) for value in p.values()) / 2


def each(change):
    return lambda p: {name: change(value) for name, value in p.items()}


def large():
    """Costs and gradients that have much to say of many blocks."""
    factors = cycle(np.linspace(1, 2, 30))
    return {
        "right": (squares, each(np.copy)),
        "wrong": (squares, each(lambda value: 3 * value)),
        "not finite": (squares, each(lambda value: value * np.nan)),
        "flat": (flat, zero),
        "fewer digits": (squares, each(lambda value: value.astype(np.float32))),
        "fewer digits and wrong": (squares, each(lambda value: 3 * value.astype(np.float32))),
        "integers": (squares, each(lambda value: value.astype(int))),
        "wrong shape": (squares, each(lambda value: value[None])),
        "none": (squares, each(lambda value: None)),
        "text": (squares, each(str)),
        "all missing": (squares, lambda p: {}),
        "all under other names": (squares, lambda p: {f"other_{k}": v for k, v in p.items()}),
        "wrong structure": (squares, lambda p: list(p.values())),
        "nothing": (squares, lambda p: None),
        "scattered": (squares, each(lambda value: next(factors) * value)),
        "wrong cost": (lambda p: list(p.values()), each(np.copy)),
    }


@pytest.mark.parametrize("count", [2, 30])
@pytest.mark.parametrize("name", large())
def test_report_fits_on_one_screen(name, count):
    of_cost, gradient = large()[name]

    lines = str(check_gradient(of_cost, gradient, several(count))).splitlines()

    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100


def layer(p):
    """Two blocks of one shape, and what the cost keeps of its last call."""
    kept["Z"] = p["W"] @ DATA + p["b"]
    return np.sum(np.tanh(kept["Z"]) ** 2) + np.sum(np.cos(p["V"] @ DATA))


def of_layer(p):
    A = np.tanh(p["W"] @ DATA + p["b"])
    dZ = 2 * A * (1 - A**2)
    return {
        "W": dZ @ DATA.T,
        "V": -np.sin(p["V"] @ DATA) @ DATA.T,
        "b": dZ.sum(axis=1, keepdims=True),
    }


kept = {}
DATA = np.random.default_rng(0).normal(size=(3, 7))
SHAPES = {"W": (2, 3), "V": (2, 3), "b": (2, 1)}
LAYER = {name: np.random.default_rng(1).normal(size=shape) for name, shape in SHAPES.items()}
LAYER["V"] = LAYER["V"] + 1


def text_of(change):
    return str(check_gradient(layer, lambda p: {**of_layer(p), **change(of_layer(p))}, LAYER))


def test_two_blocks_that_are_swapped_are_told_once():
    text = text_of(lambda g: {"W": g["V"], "V": g["W"]})

    assert text.startswith("FAIL: `gradient of W` and `gradient of V` are exchanged\n")
    assert text.count("are exchanged") == 1


def test_caches_of_the_cost_are_not_listed_as_data():
    text = text_of(lambda g: {"W": 3 * g["W"]})

    assert text.splitlines()[-1].endswith(", with DATA (3, 7)")


def test_nothing_is_said_of_how_sure_it_is_that_nothing_explains_a_block():
    text = text_of(lambda g: {"W": np.cos(9 * g["W"])})

    assert "is off in 6 of 6 entries" in text
    assert not re.search("certain|likely|possible|explains 0", text)


@pytest.mark.parametrize(
    "change",
    [
        lambda g: {"b": g["W"]},
        lambda g: {"b": np.ones((2, 5))},
        lambda g: {"b": g["b"][:, 0]},
        lambda g: {"b": np.array(2.0)},
        lambda g: {"W": g["W"].T},
        lambda g: {"W": -2 * g["W"]},
        lambda g: {"W": 2 * g["W"], "b": None},
    ],
)
def test_no_line_is_said_twice_and_none_explains_0(change):
    lines = text_of(change).splitlines()

    assert len(lines) == len(set(lines))
    assert not any("explains 0" in line for line in lines)


def test_shape_is_told_with_its_cause_in_the_headline():
    text = text_of(lambda g: {"b": g["W"]})

    assert " ".join(text.splitlines()[:2]).startswith(
        "FAIL[wrong-shape]: `gradient of b` has shape (2, 3), expected (2, 1), and is the gradient"
    )
    assert "exchange" not in text
    assert "look at the names where it is computed and returned" in text


def test_block_of_one_entry_has_no_sure_diagnosis():
    report = check_gradient(lambda s: s**3, lambda s: 1.7 * 3 * s**2, 1.3)

    assert [d.sure for d in report.diagnoses] == ["possible", "possible"]
    headline = (
        "FAIL: `gradient of s` is 1.7 times too large; no known kind of mistake gives this number"
    )
    assert str(report).startswith(f"{headline}\n")
    assert "  or: a factor is wrong (possible, explains 1 of 1 entry)" in str(report)


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        (lambda due: -due.T, "; transposed, it has the wrong sign"),
        (lambda due: -due.ravel(), "; it has the wrong sign"),
        (lambda due: np.ones(due.T.shape), "; it is 1 in every entry"),
        (lambda due: np.zeros(due.T.shape), "; it is 0 everywhere"),
    ],
)
def test_wrong_values_in_a_wrong_shape_are_told_after_it_and_nothing_is_said_of_the_factors(
    claim, told
):
    W = np.random.default_rng(0).normal(size=(3, 4))

    report = check_gradient(lambda W: np.sum(W**3), lambda W: claim(3 * W**2), W)

    text = " ".join(str(report).split())
    assert f"expected (3, 4){told}" in text
    assert "factors" not in text.replace("a factor", "")


def test_headline_names_all_that_a_penalty_too_small_by_its_own_factor_may_be():
    W = np.random.default_rng(0).normal(size=(3, 4))

    def penalised(W, lam=0.1):
        return np.sum(W**3) + lam * np.sum(W**2)

    text = " ".join(str(check_gradient(penalised, lambda W: 3 * W**2 + 0.1 * W, W)).split())

    assert "0.1 = lam: the penalty's part is missing, or has the wrong factor " in text


def test_a_number_without_a_name_is_no_cause_beside_a_larger_block():
    text = str(
        check_gradient(
            lambda p: np.sum(np.exp(p["w"])) + p["c"] ** 3,
            lambda p: {"w": np.cos(9 * p["w"]), "c": 1.234 * 3 * p["c"] ** 2},
            {"w": np.linspace(-1, 1, 5), "c": 0.7},
        )
    )

    assert "wrong too: `gradient of c`" in text
    assert not re.search("cause|or:", text)


def test_blocks_of_other_shapes_that_are_exchanged_are_one_mistake():
    report = check_gradient(
        lambda p: np.sum(np.exp(p["a"])) + np.sum(p["b"] ** 3),
        lambda p: {"a": 3 * p["b"] ** 2, "b": np.exp(p["a"])},
        {"a": np.linspace(-1, 1, 5), "b": np.linspace(0.5, 2, 4)},
    )

    assert [(d.kind, d.block) for d in report.diagnoses] == [("swapped", "a"), ("swapped", "b")]
    assert str(report).count("exchange") == 1
    assert "\n  cause: " not in str(report)
    assert "has the shape of its parameter" not in str(report)
    assert "on the way" not in str(report)
    assert "exchange them where they are returned" in str(report)


def test_what_several_findings_have_in_common_is_told_once():
    params = {name: np.ones(3) for name in "abc"}
    nothing = {name: np.full(3, np.nan) for name in "abc"}
    text = str(check_gradient(lambda p: sum(np.sum(v**2) for v in p.values()), nothing, params))

    assert text.count("[not-finite]: ") == 3
    assert text.count("  note: ") == text.count("  help: ") == 1
