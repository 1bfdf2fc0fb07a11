"""A report says on one screen what to look at first, and the same as plain data."""

import json
import pickle
import re
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from gradcheck import (
    GradientError,
    GradientInconclusive,
    Verdict,
    assert_gradient,
    check_gradient,
)

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
        "resolution #: no larger relative error could pass"
    )


def test_failing_report_says_what_is_wrong_how_much_and_where():
    report = check_gradient(cost, lambda p: {"dW1": 5 * p["W1"], "db1": p["b1"][:, 0] * 1}, PARAMS)

    assert without_bars(str(report)) == (
        "FAIL[rank-1]: `db1` has shape (4,), expected (4, 1)\n"
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
        "  help: look for A2 - Y the wrong way round, or for a minus lost with the log\n"
        "  or: `db1` has 2 * b1 too little; 2, as the derivative of a square has: the penalty's "
        "part has the\n"
        "      wrong factor (likely, explains 4 of 4 entries)\n"
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
        "  x[0]: analytic 0.5, kink with slopes -1 and 1"
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


@pytest.mark.parametrize(
    ("gradient", "words"),
    [
        (lambda x: 1.5 * x, "3 of 3 entries wrong: 1.5 times too large"),
        (lambda x: x / 12, "3 of 3 entries wrong: 12 times too small"),
        (lambda x: -x, "3 of 3 entries wrong: the sign is wrong"),
        (lambda x: -3 * x, "3 of 3 entries wrong: -3 times what is due"),
        (lambda x: 0 * x, "3 of 3 entries wrong: 0 where it should not be"),
        (lambda x: x * (1 + 1e-5), "3 of 3 entries wrong, by the factor 1.00001"),
        (
            lambda x: x * np.array([1, 2, 3]),
            "2 of 3 entries wrong, by up to 8 (2 of the largest)",
        ),
        (lambda x: x + np.array([0, 0, 4]), "1 of 3 entries wrong: 0 where it should not be"),
    ],
    ids=["large", "small", "sign", "negative", "zero", "factor", "pattern", "one"],
)
def test_size_of_the_mistake_is_put_into_words(gradient, words):
    assert of_squares(gradient).blocks["x"].size_of_mistake() == words


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_size_of_a_mistake_that_is_not_finite_is_no_number(value):
    words = of_squares(lambda x: np.array([1.0, 2.0, value])).blocks["x"].size_of_mistake()

    assert words.startswith("1 of 3 entries wrong")
    assert not re.search("nan|inf", words)


def test_one_entry_is_no_entries():
    report = of_squares(lambda x: 2 * x, at=np.array(2.0))

    assert "1 of 1 entry wrong: 2 times too large" in str(report)


def test_entries_to_look_at_first_are_the_most_wrong():
    block = of_squares(lambda x: x + np.array([0, 1, -2])).blocks["x"]

    assert [entry.name for entry in block.worst(3)] == ["x[2]", "x[1]", "x[0]"]
    assert [entry.verdict for entry in block.worst(3)] == ["FAIL", "FAIL", "PASS"]
    assert block.relative_error == pytest.approx(2 / 6, rel=1e-6)


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


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (lambda: check_gradient(cost, right, PARAMS), "PASS: 2 blocks, 16 entries"),
        (lambda: of_squares(lambda x: 2 * x), "FAIL: 1 block, 3 entries"),
        (lambda: at_a_kink([0.5]), "INCONCLUSIVE: 1 block, 1 entry"),
    ],
    ids=["pass", "fail", "inconclusive"],
)
def test_repr_is_short(report, text):
    assert repr(report()) == f"<GradientReport {text}>"


def test_report_is_true_only_if_it_passed():
    assert of_squares(lambda x: x.copy())
    assert not of_squares(lambda x: 2 * x)
    assert not at_a_kink([0.5])


REPORT = [
    "schema",
    "verdict",
    "entries",
    "resolution",
    "approximate",
    "evaluations",
    "gradient_evaluations",
    "blocks",
    "findings",
    "diagnoses",
    "equation",
    "inherited",
    "reproduce",
    "larger",
    "equations",
    "terms",
    "convention",
    "text",
]
BLOCK = [
    "verdict",
    "label",
    "shape",
    "entries",
    "passed",
    "failed",
    "inconclusive",
    "kinks",
    "resolution",
    "worst",
    "errors",
    "verdicts",
    "tile",
    "curve",
]
ENTRY = [
    "name",
    "index",
    "verdict",
    "analytic",
    "numerical",
    "error",
    "resolution",
    "nature",
    "reason",
    "left",
    "right",
]
FINDING = ["code", "block", "severity", "message", "note", "help"]
DIAGNOSIS = ["kind", "block", "explains", "entries", "sure", "evidence", "hint", "sentence"]


def plain(report):
    """The report as it comes back from JSON, where NaN would be no number."""
    assert json.loads(report.to_json()) == report.to_dict()
    return json.loads(report.to_json(), parse_constant=pytest.fail)


def test_data_have_the_documented_fields():
    data = plain(check_gradient(cost, lambda p: {"dW1": 2 * p["W1"], "db1": p["b1"].T}, PARAMS))

    assert list(data) == REPORT
    assert list(data["blocks"]) == ["W1", "b1"]
    assert list(data["blocks"]["W1"]) == BLOCK
    assert list(data["blocks"]["W1"]["worst"]) == ENTRY
    assert list(data["findings"][0]) == FINDING
    assert list(data["diagnoses"][0]) == DIAGNOSIS
    page = (Path(__file__).parent.parent / "docs" / "report.md").read_text()
    assert {*REPORT, *BLOCK, *ENTRY, *FINDING, *DIAGNOSIS} <= set(re.findall(r"`(\w+)`", page))


def test_data_say_what_the_report_says():
    data = plain(check_gradient(cost, lambda p: {"dW1": 2 * p["W1"], "db1": p["b1"].T}, PARAMS))

    assert (data["schema"], data["verdict"], data["entries"]) == (1, "FAIL", 16)
    W1, b1 = data["blocks"].values()
    assert (W1["verdict"], W1["label"], W1["shape"]) == ("FAIL", "dW1", [4, 3])
    assert (W1["entries"], W1["passed"], W1["failed"], W1["inconclusive"]) == (12, 0, 12, 0)
    worst = W1["worst"]
    assert (worst["name"], worst["index"], worst["verdict"]) == ("W1[3, 2]", [3, 2], "FAIL")
    assert worst["analytic"] == 3.25
    assert abs(worst["numerical"] - 1.625) <= worst["error"] < 1e-6
    assert (b1["verdict"], b1["shape"]) == ("FAIL", [4, 1])
    assert (b1["entries"], b1["passed"], b1["failed"]) == (4, 4, 0)
    assert [(f["code"], f["block"], f["severity"]) for f in data["findings"]] == [
        ("row-vector", "b1", "error"),
        ("aliases-input", None, "warning"),
    ]
    assert [(d["kind"], d["block"], d["explains"]) for d in data["diagnoses"]] == [
        ("row-vector", "b1", 4),
        ("constant-ratio", "W1", 12),
        ("regulariser-doubled", "W1", 12),
    ]
    assert (data["equation"], data["inherited"]) == (None, [])


PICTURED = ["errors", "verdicts", "tile", "curve"]
CURVE = [
    *["name", "analytic", "numerical", "error", "step", "steps", "slopes", "forward", "backward"],
    *["rounding", "truncation"],
]


def test_data_for_pictures_are_of_blocks_that_do_not_pass():
    data = plain(check_gradient(cost, lambda p: {"dW1": 2 * p["W1"], "db1": p["b1"]}, PARAMS))

    W1, b1 = data["blocks"].values()
    assert [b1[name] for name in PICTURED] == [None] * 4
    assert (W1["errors"], W1["verdicts"], W1["tile"]) == ([0.5] * 12, "F" * 12, [1, 1])
    assert list(W1["curve"]) == CURVE
    assert W1["curve"]["name"] == W1["worst"]["name"]
    assert W1["curve"]["slopes"][5] == pytest.approx(W1["worst"]["numerical"], rel=1e-6)
    assert [W1["curve"][k] for k in CURVE[1:4]] == [W1["worst"][k] for k in CURVE[1:4]]
    page = (Path(__file__).parent.parent / "docs" / "report.md").read_text()
    assert {*PICTURED, *CURVE} <= set(re.findall(r"`(\w+)`", page))


def test_curve_holds_what_each_step_says():
    data = plain(check_gradient(np.sin, lambda x: 2 * np.cos(x), np.array(1.0)))["blocks"]["x"]

    curve = data["curve"]
    steps = np.array(curve["steps"])
    lists = [curve[name] for name in CURVE[5:]]
    assert {len(values) for values in lists} == {17}
    assert (np.diff(steps) < 0).all()
    assert curve["step"] in curve["steps"]
    h = steps[3]
    assert curve["slopes"][3] == pytest.approx((np.sin(1 + h) - np.sin(1 - h)) / (2 * h), rel=1e-9)
    assert curve["forward"][3] == pytest.approx((np.sin(1 + h) - np.sin(1)) / h, rel=1e-9)
    assert curve["backward"][3] == pytest.approx((np.sin(1) - np.sin(1 - h)) / h, rel=1e-9)
    np.testing.assert_allclose(np.array(curve["rounding"]) * steps, curve["rounding"][0] * steps[0])
    assert curve["truncation"][:-1] == pytest.approx(np.abs(np.diff(curve["slopes"])))
    assert curve["truncation"][-1] is None


def test_curves_cost_no_evaluation():
    counted = []
    report = check_gradient(lambda x: counted.append(x) or np.sin(x), lambda x: 0 * x, 1.0)

    calls = len(counted)
    assert report.to_dict()["blocks"]["x"]["curve"]
    assert len(counted) == calls


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_null(value):
    (block,) = plain(of_squares(lambda x: x * np.array([1, value, 1])))["blocks"].values()

    assert (block["verdict"], block["failed"]) == ("FAIL", 1)
    assert (block["worst"]["name"], block["worst"]["analytic"]) == ("x[1]", None)


def test_data_of_a_kink_have_both_slopes():
    (block,) = plain(at_a_kink([0.5]))["blocks"].values()

    assert (block["verdict"], block["inconclusive"], block["kinks"]) == ("INCONCLUSIVE", 1, 1)
    assert block["resolution"] is None
    worst = block["worst"]
    assert (worst["verdict"], worst["nature"], worst["reason"]) == ("KINK", "kink", "kink")
    assert (worst["left"], worst["right"]) == (-1.0, 1.0)


@pytest.mark.parametrize("kind", [float, np.float32, np.float64, np.longdouble])
def test_data_hold_numbers_of_python_whatever_came_in(kind):
    report = check_gradient(
        lambda x: np.sum(x**2),
        lambda x: 2 * x,
        X.astype(kind),
        approximate=kind(2**-10),
        resolution=kind(0.5),
    )

    assert plain(report)["approximate"] == 2**-10


def test_json_may_stand_on_one_line():
    report = at_a_kink([0.5])

    assert "\n" not in report.to_json(indent=None)
    assert json.loads(report.to_json(indent=None)) == report.to_dict()


@pytest.mark.parametrize(
    ("at", "kind"), [(2.0, GradientError), (0.0, GradientInconclusive)], ids=["wrong", "kink"]
)
def test_exception_carries_its_report_and_can_be_pickled(at, kind):
    with pytest.raises(kind) as raised:
        assert_gradient(abs, 0.5, at)

    error = raised.value
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error) is kind
    assert isinstance(error, AssertionError)
    assert str(error) == str(error.report) == str(twin)
    assert twin.report.to_dict() == error.report.to_dict()


def test_reports_can_be_compared():
    assert of_squares(lambda x: 2 * x) != of_squares(lambda x: 3 * x)
