"""A report is true if it passed, and says the same as plain data."""

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from gradcheck import (
    GradientError,
    GradientInconclusive,
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


def of_squares(gradient, at=X):
    return check_gradient(lambda x: np.sum(x**2) / 2, gradient, at)


def at_a_kink(gradient, **options):
    return check_gradient(lambda x: np.sum(np.abs(x)), np.array(gradient), np.zeros(1), **options)


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
    "subject",
    "evaluations",
    "gradient_evaluations",
    "evaluated",
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
