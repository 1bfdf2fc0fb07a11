"""What is wrong before any number is compared is said by name, and never repaired."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, count, cycle, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis.extra import numpy as hnp

from backprop import Gradients, Parameters
from gradcheck import Verdict, check_gradient
from gradcheck.findings import describe
from gradcheck.parameters import flatten
from gradcheck.structure import match

W1 = np.arange(12.0).reshape(4, 3) / 8 + 0.25
b1 = np.array([[0.5], [-1.0], [2.0], [0.25]])
PARAMS = {"W1": W1, "b1": b1}


def cost(p, *args):
    return (np.sum(p["W1"] ** 2) + np.sum(p["b1"] ** 2)) / 2


def right(p, *args):
    return {"dW1": p["W1"].copy(), "db1": p["b1"].copy()}


def wrong(name, change):
    """The right gradient, with one block changed."""

    def grad(p):
        gradient = right(p)
        return {**gradient, name: change(gradient[name])}

    return grad


def in_turn(values, call):
    """`call`, with the result times the next of the values at each call."""
    values = iter(values)

    def grad(p):
        gradient = call(p)
        return {**gradient, "db1": next(values) * gradient["db1"]}

    return grad


def drifting(after):
    """A cost that is another one from some call on."""
    calls = count()
    return lambda p: cost(p) + (next(calls) >= after)


def scattering():
    signs = cycle([0.0, 2.0**-20])
    return lambda p: cost(p) + next(signs)


def clearing(call):
    def cleared(p, *args):
        result = call(p, *args)
        p["b1"][:] = 0
        return result

    return cleared


def doubling_args(p, A):
    A *= 2
    return right(p)


def in_one_buffer():
    buffer = np.empty_like(b1)

    def grad(p):
        buffer[:] = p["b1"]
        return {"W1": p["W1"].copy(), "b1": buffer}

    return grad


@dataclass(frozen=True)
class Case:
    """One bad thing: the finding that it must give, and the verdict of the report."""

    text: str
    block: str | None
    grad: Callable[..., Any] = right
    cost: Callable[..., Any] = cost
    verdict: Verdict = Verdict.FAIL
    params: Any = field(default_factory=PARAMS.copy)
    args: tuple[Any, ...] = ()


def cases() -> dict[str, Case]:
    """Made anew each time, for some count their calls."""
    return {
        "missing-block": Case(
            "error[missing-block]: the gradient has no `b1`, expected shape (4, 1)\n"
            "  note: it was left out where it is returned, or has another name there\n"
            "  help: return it under the name `b1` or `db1`",
            "b1",
            lambda p: {"W1": p["W1"].copy()},
        ),
        "extra-block": Case(
            "warning[extra-block]: the gradient has `dA1` beside what the parameters have\n"
            "  help: leave out what is no gradient of a parameter, or mend its name",
            None,
            lambda p: {**right(p), "dA1": 1.0},
            verdict=Verdict.PASS,
        ),
        "none": Case(
            "error[none]: the gradient is None, expected dict of W1, b1\n"
            "  note: a function without `return` returns None\n"
            "  help: return the gradient",
            None,
            lambda p: None,
        ),
        "none for a block": Case(
            "error[none]: `db1` is None, expected an array of shape (4, 1)\n"
            "  note: a function without `return` returns None\n"
            "  help: return the gradient",
            "b1",
            wrong("db1", lambda db1: None),
        ),
        "rank-1": Case(
            "error[rank-1]: `db1` has shape (4,), expected (4, 1)\n"
            "  note: the values are right, the shape is not; "
            "`b1 - alpha * db1` would broadcast to (4, 4)\n"
            "  help: sum with np.sum(..., axis=1, keepdims=True), or reshape to (4, 1)",
            "b1",
            wrong("db1", np.ravel),
        ),
        "row-vector": Case(
            "error[row-vector]: `db1` has shape (1, 4), expected (4, 1)\n"
            "  note: the values are right, the shape is not; "
            "`b1 - alpha * db1` would broadcast to (4, 4)\n"
            "  help: a bias is a column: sum with np.sum(..., axis=1, keepdims=True), or transpose",
            "b1",
            wrong("db1", np.transpose),
        ),
        "scalar-bias": Case(
            "error[scalar-bias]: `db1` has shape (), expected (4, 1)\n"
            "  note: np.sum without axis=1 adds up the units as well as the examples\n"
            "  help: sum with np.sum(..., axis=1, keepdims=True), "
            "which leaves one row for each unit",
            "b1",
            wrong("db1", np.sum),
        ),
        "not-summed": Case(
            "error[not-summed]: `db1` has shape (4, 5), expected (4, 1)\n"
            "  note: 5 columns are one for each example: the mean over the examples is missing\n"
            "  help: sum with np.sum(..., axis=1, keepdims=True), and divide by their number",
            "b1",
            wrong("db1", lambda db1: db1 + np.zeros(5)),
        ),
        "transposed": Case(
            "error[transposed]: `dW1` has shape (3, 4), expected (4, 3)\n"
            "  note: the values are right, the shape is not; "
            "the two factors of the product stand in the wrong order\n"
            "  help: transpose it, or exchange the factors: (A B^T)^T = B A^T",
            "W1",
            wrong("dW1", np.transpose),
        ),
        "wrong-shape": Case(
            "error[wrong-shape]: `dW1` has shape (4, 2), expected (4, 3)\n"
            "  note: an axis was summed over, cut or added on the way\n"
            "  help: a gradient has the shape of its parameter",
            "W1",
            wrong("dW1", lambda dW1: dW1[:, 1:]),
        ),
        "wrong-shape that broadcasts": Case(
            "error[wrong-shape]: `dW1` has shape (2, 4, 3), expected (4, 3)\n"
            "  note: `W1 - alpha * dW1` would broadcast to (2, 4, 3)\n"
            "  help: a gradient has the shape of its parameter",
            "W1",
            wrong("dW1", lambda dW1: np.stack([dW1, dW1])),
        ),
        "wrong-structure": Case(
            "error[wrong-structure]: the gradient is a list of length 2, expected dict of W1, b1\n"
            "  note: what is found by name cannot be told by its place, nor an array from several\n"
            "  help: return the gradient in the structure of the parameters",
            None,
            lambda p: list(right(p).values()),
        ),
        "wrong-structure inside": Case(
            "error[wrong-structure]: `net` is an array of shape (4, 3) and dtype float64, "
            "expected dict of net.W1, net.b1\n"
            "  note: what is found by name cannot be told by its place, nor an array from several\n"
            "  help: return the gradient in the structure of the parameters",
            None,
            lambda p: {"net": right(p["net"])["dW1"]},
            lambda p: cost(p["net"]),
            params={"net": PARAMS},
        ),
        "wrong-type": Case(
            "error[wrong-type]: `db1` is a str, expected a numpy array of shape (4, 1)\n"
            "  note: text, objects, masked and sparse arrays are no plain arrays of numbers\n"
            "  help: sparse or wrapped arrays need a call such as .toarray() or .numpy()",
            "b1",
            wrong("db1", lambda db1: "text"),
        ),
        "dtype of integers": Case(
            "warning[dtype]: `db1` has dtype int64, expected float64\n"
            "  note: whole numbers cut off what stands behind the point\n"
            "  help: compute it in floats, for instance from np.zeros_like(parameter, dtype=float)",
            "b1",
            wrong("db1", lambda db1: db1.astype(np.int64)),
        ),
        "dtype of fewer digits": Case(
            "warning[dtype]: `db1` has dtype float32, its parameter float64\n"
            "  note: a gradient in float32 carries only that many digits\n"
            "  help: compute it in the precision of the parameters",
            "b1",
            wrong("db1", lambda db1: db1.astype(np.float32)),
            verdict=Verdict.PASS,
        ),
        "dtype complex for real": Case(
            "error[dtype]: `db1` has dtype complex128, expected float64\n"
            "  note: complex numbers on the way, as of np.fft or of a root of what is negative\n"
            "  help: the gradient by a real parameter is real",
            "b1",
            wrong("db1", lambda db1: db1 + 0j),
        ),
        "dtype of a comparison": Case(
            "error[dtype]: `db1` has dtype bool, expected float64\n"
            "  note: a comparison gives truth values, which say where and not how much\n"
            "  help: multiply what is due by them, or make them floats",
            "b1",
            wrong("db1", lambda db1: db1 > 0),
        ),
        "a reshape not undone": Case(
            "error[wrong-shape]: `dW1` has shape (12,), expected (4, 3)\n"
            "  note: the values are right, the shape is not; a reshape or ravel was not undone\n"
            "  help: reshape to (4, 3)",
            "W1",
            wrong("dW1", np.ravel),
        ),
        "dtype real for complex": Case(
            "error[dtype]: `gradient of z` has dtype float64, expected complex128\n"
            "  note: the gradient of a real cost by a complex parameter z is dJ/dRe z + i dJ/dIm z",
            "z",
            lambda z: 2 * z.real,
            lambda z: np.sum(np.abs(z) ** 2),
            params=np.array([1 + 2j, 3.0]),
        ),
        "not-finite": Case(
            "error[not-finite]: `db1` is not finite in 2 of 4 entries, the first being "
            "`b1[1, 0]` = nan\n"
            "  note: a division by zero, an overflow, or the log or root of 0 gives such values\n"
            "  help: write that in a stable form, such as np.logaddexp(0, z) for log(1 + exp(z))",
            "b1",
            wrong("db1", lambda db1: np.array([[0.5], [np.nan], [np.inf], [0.25]])),
        ),
        "mutates-input": Case(
            "warning[mutates-input]: `grad` changes the parameters that it is given\n"
            "  note: each call of this check gets a copy, so that the numbers hold; "
            "other callers do not\n"
            "  help: work on a copy, or write `a = a - b` in place of `a -= b`",
            None,
            clearing(right),
            verdict=Verdict.PASS,
        ),
        "mutates-input by the cost": Case(
            "warning[mutates-input]: `cost` changes the parameters that it is given\n"
            "  note: each call of this check gets a copy, so that the numbers hold; "
            "other callers do not\n"
            "  help: work on a copy, or write `a = a - b` in place of `a -= b`",
            None,
            cost=clearing(cost),
            verdict=Verdict.PASS,
        ),
        "mutates-input in args": Case(
            "warning[mutates-input]: `grad` changes an array in `args` that it is given\n"
            "  note: each call of this check gets a copy, so that the numbers hold; "
            "other callers do not\n"
            "  help: work on a copy, or write `a = a - b` in place of `a -= b`",
            None,
            doubling_args,
            verdict=Verdict.PASS,
            args=(np.ones(2),),
        ),
        "aliases-input": Case(
            "warning[aliases-input]: the gradient shares memory with the parameters "
            "that it was given\n"
            "  note: an update in place of either would change the other\n"
            "  help: return a copy",
            None,
            lambda p: p,
            verdict=Verdict.PASS,
        ),
        "aliases-output": Case(
            "warning[aliases-output]: the gradient is returned in the same memory at each call\n"
            "  note: a gradient that was kept changes with the next call; this check copies it\n"
            "  help: return a new array",
            None,
            in_one_buffer(),
            verdict=Verdict.PASS,
        ),
        "nondeterministic": Case(
            "error[nondeterministic]: `db1` differs between two calls at the same point: "
            "`b1[2, 0]` is 2, then 2.5\n"
            "  note: a mask drawn anew in each call, or a state kept between calls, does this\n"
            "  help: draw once, before the check, or seed each call alike",
            "b1",
            in_turn(cycle([1.0, 1.25]), right),
        ),
        "nondeterministic cost": Case(
            "warning[nondeterministic]: `cost` was 9.046875 and then 9.0468759536743164 "
            "at the same point\n"
            "  note: the error bars allow for the scatter, and grow with it\n"
            "  help: seed what is random at the start of each call",
            None,
            cost=scattering(),
            verdict=Verdict.PASS,
        ),
        "nondeterministic by drift": Case(
            "error[nondeterministic]: `cost` was 9.046875 at the point before the check and "
            "10.046875 after it\n"
            "  note: a state that is kept between calls makes every difference meaningless\n"
            "  help: keep nothing between calls, or reset it at the start of each",
            None,
            cost=drifting(after=20),
        ),
        "stale-cache": Case(
            "error[stale-cache]: the gradient at one point was another at the first call than "
            "later (`db1`)\n"
            "  note: it uses what an earlier call left, and not the point it is given\n"
            "  help: run the forward pass inside of the gradient, "
            "or return both from `cost` with jac=True",
            None,
            in_turn(chain([1.25], repeat(1.0)), right),
        ),
        "stale-cache at every point": Case(
            "error[stale-cache]: the gradient does not depend on the parameters, although the "
            "cost bends (`dW1`, `db1`)\n"
            "  note: it is right at this point alone, as one is that an earlier call left\n"
            "  help: run the forward pass inside of the gradient, "
            "or return both from `cost` with jac=True",
            None,
            lambda p: right(PARAMS),
        ),
        "cost-not-scalar": Case(
            "error[cost-not-scalar]: `cost` returned shape (1, 5), expected a scalar\n"
            "  note: 5 values look like the losses of examples or outputs, before their mean\n"
            "  help: return their mean or sum",
            None,
            cost=lambda p: np.ones((1, 5)),
        ),
        "cost-not-scalar but None": Case(
            "error[cost-not-scalar]: `cost` returned None, expected a scalar\n"
            "  note: a function without `return` returns None\n"
            "  help: return the cost",
            None,
            cost=lambda p: None,
        ),
        "cost-not-scalar but a pair": Case(
            "error[cost-not-scalar]: `cost` returned a tuple of length 2, expected a scalar\n"
            "  help: if the second one is the gradient, say jac=True; else return the cost alone",
            None,
            cost=lambda p: (cost(p), right(p)),
        ),
        "cost-not-scalar but complex": Case(
            "error[cost-not-scalar]: `cost` returned a complex number, expected a scalar\n"
            "  help: return its real part, or its absolute value squared",
            None,
            cost=lambda p: cost(p) + 0j,
        ),
        "cost-not-scalar but text": Case(
            "error[cost-not-scalar]: `cost` returned the text '1.0', expected a scalar\n"
            "  help: return one real number",
            None,
            cost=lambda p: "1.0",
        ),
        "empty-block": Case(
            "warning[empty-block]: `c` has shape (0, 2): there is nothing to check\n"
            "  help: leave it out of the parameters, or of `wrt`",
            "c",
            lambda p: {**right(p), "dc": p["c"].copy()},
            verdict=Verdict.INCONCLUSIVE,
            params={**PARAMS, "c": np.ones((0, 2))},
        ),
    }


@pytest.mark.parametrize("name", cases())
def test_what_is_wrong_is_named_and_explained(name):
    case = cases()[name]

    report = check_gradient(case.cost, case.grad, case.params, args=case.args)

    assert "\n".join(map(str, report.findings)) == case.text
    assert report.findings[0].block == case.block
    assert report.verdict == case.verdict


def test_every_documented_code_has_its_case():
    page = (Path(__file__).parent.parent / "docs" / "report.md").read_text()
    documented = re.findall(r"^\| `([a-z0-9-]+)` \|.*\| (?:error|warning|both) \|$", page, re.M)

    # These come from numbers, layers or other packages, and have their tests there.
    elsewhere = {"conjugated", "gradient-wrong", "not-adjoint", "not-symmetric", "raises-nearby"}
    elsewhere |= {"cotangent-ignored", "not-linear", "mutates-cache", "not-differentiated"}
    elsewhere |= {"single-precision"}
    here = {re.search(r"\[(.*?)\]", case.text)[1] for case in cases().values()}
    assert set(documented) == here | elsewhere


@pytest.mark.parametrize("name", ["rank-1", "missing-block", "none for a block", "not-finite"])
def test_a_bad_block_fails_and_does_not_spoil_the_others(name):
    case = cases()[name]

    blocks = check_gradient(case.cost, case.grad, case.params).blocks

    assert {k: str(block.verdict) for k, block in blocks.items()} == {"W1": "PASS", "b1": "FAIL"}


def test_numbers_stay_with_their_block_where_another_is_bad():
    gradient = {"W1": W1.T, "b1": 3 * b1}

    block = check_gradient(cost, gradient, PARAMS).blocks["b1"]

    assert block.size_of_mistake() == "4 of 4 entries wrong: 3 times too large"
    np.testing.assert_array_equal(block.analytic, 3 * b1.ravel(), strict=True)
    assert (np.abs(block.numerical - b1.ravel()) <= block.error).all()


def test_a_block_that_is_not_asked_for_is_not_blamed():
    report = check_gradient(cost, wrong("db1", np.ravel), PARAMS, wrt="W1")

    assert report.findings == ()
    assert report.verdict == Verdict.PASS


@pytest.mark.parametrize("axes", [(), (1,), (1, 1)], ids=str)
def test_one_number_for_a_bias_is_a_scalar_bias_in_any_shape(axes):
    report = check_gradient(cost, wrong("db1", lambda db1: db1.sum().reshape(axes)), PARAMS)

    assert [finding.code for finding in report.findings] == ["scalar-bias"]


SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3)


@given(SHAPES, SHAPES)
def test_right_values_in_a_wrong_shape_fail_and_are_never_broadcast(due, came):
    """All entries are alike, so that no reshaping or broadcasting could change a value."""
    assume(due != came)

    report = check_gradient(
        lambda x: 2 * np.sum(x), lambda x: np.full(came, 2.0), np.full(due, 0.5)
    )

    assert report.verdict == report.blocks["x"].verdict == Verdict.FAIL
    (finding,) = report.findings
    assert finding.severity == "error"
    assert finding.message == f"`gradient of x` has shape {came}, expected {due}"
    as_many = np.prod(due) == np.prod(came) and finding.code != "scalar-bias"
    assert finding.note.startswith("the values are right, the shape is not") == as_many
    assert report.entries in ([np.prod(due)] if as_many else [0, np.prod(due)])


@given(SHAPES, SHAPES)
def test_wrong_values_in_a_wrong_shape_are_not_called_right(due, came):
    assume(due != came)

    report = check_gradient(
        lambda x: 2 * np.sum(x), lambda x: np.full(came, 3.0), np.full(due, 0.5)
    )

    assert report.verdict == report.blocks["x"].verdict == Verdict.FAIL
    assert not any("values are right" in finding.note for finding in report.findings)
    assert report.blocks["x"].count(Verdict.PASS) == 0


@pytest.mark.parametrize(
    ("due", "came", "code"),
    [
        ((4, 1), (4,), "rank-1"),
        ((1, 1), (1,), "rank-1"),
        ((4, 1), (1, 4), "row-vector"),
        ((4, 1), (4, 5), "not-summed"),
        ((4, 1), (4, 4), "wrong-shape"),
        ((1, 1), (1, 5), "not-summed"),
        ((1, 1), (), "scalar-bias"),
        ((4, 1), (3,), "wrong-shape"),
        ((4, 1), (5, 1), "wrong-shape"),
        ((4, 3), (3, 4), "transposed"),
        ((1, 3), (3, 1), "transposed"),
        ((1, 3), (3,), "rank-1"),
        ((1, 3), (), "scalar-bias"),
        ((1, 3), (5, 3), "wrong-shape"),
        ((4, 3), (12,), "wrong-shape"),
        ((4, 3), (4, 3, 1), "wrong-shape"),
        ((4,), (4, 1), "wrong-shape"),
        ((), (1,), "wrong-shape"),
    ],
    ids=str,
)
def test_shapes_have_their_codes(due, came, code):
    layout, _ = flatten(np.ones(due))

    (finding,) = match(layout, np.ones(came), ["x"]).findings

    assert finding.code == code


def test_square_matrix_for_a_column_is_not_summed_unless_its_rows_are_equal():
    """Equal rows come from broadcasting a rank-1 array against a column."""
    square = np.arange(16.0).reshape(4, 4)
    layout, _ = flatten(np.ones((4, 1)))

    codes = [match(layout, came, ["x"]).findings[0].code for came in (square, square[[1] * 4])]

    assert codes == ["not-summed", "wrong-shape"]


@pytest.mark.parametrize(
    "second",
    [
        lambda db1: db1 * np.nan,
        lambda db1: np.where(db1 > 1, np.inf, db1),
        lambda db1: db1.ravel(),
        lambda db1: None,
    ],
    ids=["NaN", "inf", "shape", "None"],
)
def test_second_call_that_gives_no_such_gradient_is_nondeterministic(second):
    gradients = chain([right], repeat(wrong("db1", second)))

    report = check_gradient(cost, lambda p: next(gradients)(p), PARAMS)

    assert report.verdict == Verdict.FAIL
    assert "nondeterministic" in {f.code for f in report.findings if f.block == "b1"}


@pytest.mark.parametrize("kept", [np.copy, lambda W1: 3 * W1], ids=["one block", "both"])
def test_first_gradient_that_later_ones_differ_from_is_of_a_stale_cache(kept):
    gradients = chain([lambda p: {"W1": kept(p["W1"]), "b1": 2 * p["b1"]}], repeat(right))

    report = check_gradient(cost, lambda p: next(gradients)(p), PARAMS)

    assert report.verdict == Verdict.FAIL
    assert [(f.code, f.block) for f in report.findings] == [("stale-cache", None)]


@pytest.mark.parametrize("seed", range(10))
def test_gradient_that_is_constant_where_the_cost_is_linear_is_no_stale_cache(seed):
    """The cost is nearly 0 at the point and so is its rounding, but not a step away."""
    rng = np.random.default_rng(seed)
    w = rng.uniform(0.5, 1.5, 5)
    x = np.array([1e-7, *-rng.uniform(0.5, 2, 4)])

    report = check_gradient(lambda x: np.sum(w * np.maximum(x, 0)), lambda x: w * (x > 0), x)

    assert report.verdict == Verdict.PASS
    assert not report.findings


def test_slight_nondeterminism_is_a_warning_that_shows_the_digits_that_differ():
    report = check_gradient(cost, in_turn(cycle([1.0, 1 + 2.0**-50]), right), PARAMS)

    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("nondeterministic", "warning")
    first, then = re.search(r"is (\S+), then (\S+)", finding.message).groups()
    assert first != then


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (lambda db1: np.ma.array(db1), "`db1` is a masked array"),
        (lambda db1: db1.astype(object), "dtype object"),
        (lambda db1: {"b1": db1}, "`db1` is a dict of length 1"),
        (lambda db1: (row for row in db1), "`db1` is a generator"),
        (lambda db1: [[1.0], [1.0, 2.0]], "`db1` is a list of length 2"),
    ],
    ids=["masked", "object", "dict", "generator", "ragged"],
)
def test_what_is_no_array_of_numbers_is_described(leaf, words):
    report = check_gradient(cost, wrong("db1", leaf), PARAMS)

    (finding,) = report.findings
    assert (finding.code, finding.block) == ("wrong-type", "b1")
    assert words in finding.message


def test_array_of_truth_values_is_no_gradient_and_gets_no_advice_for_complex_ones():
    report = check_gradient(cost, wrong("db1", lambda db1: db1 > 0), PARAMS)

    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("dtype", "error")
    assert "is real" not in finding.help


def test_lists_of_numbers_are_arrays():
    report = check_gradient(cost, wrong("db1", np.ndarray.tolist), PARAMS)

    assert (report.verdict, report.findings) == (Verdict.PASS, ())


@pytest.mark.parametrize(
    "grad",
    [
        lambda p: p._asdict(),
        lambda p: {f"d{name}": value for name, value in p._asdict().items()},
        lambda p: Gradients(*p),
        lambda p: tuple(p),
        lambda p: list(p),
    ],
    ids=["dict", "dict of dW1", "NamedTuple of dW1", "tuple", "list"],
)
def test_gradient_of_a_namedtuple_may_come_by_name_or_in_order(grad):
    params = Parameters(W1, b1, W1 + 1, b1 + 1)

    claim = match(flatten(params)[0], grad(params), Parameters._fields)

    assert claim.findings == []
    for name, value in params._asdict().items():
        np.testing.assert_array_equal(claim.values[name], value.ravel(), strict=True)


def test_gradient_called_by_the_plain_name_is_preferred():
    """Parameters may be called ``W`` and ``dW`` themselves."""
    params = {"W": W1, "dW": b1}

    claim = match(flatten(params)[0], params, ["W", "dW"])

    assert claim.labels == {"W": "gradient of W", "dW": "gradient of dW"}
    np.testing.assert_array_equal(claim.values["W"], W1.ravel())
    np.testing.assert_array_equal(claim.values["dW"], b1.ravel())


def test_labels_say_where_the_gradient_has_it():
    params = {"net": {"W1": W1, "b1": b1}, "layers": [b1]}
    gradient = {"dnet": {"W1": W1, "db1": b1}, "layers": [b1]}

    labels = match(flatten(params)[0], gradient, []).labels

    assert labels == {
        "net.W1": "dnet.W1",
        "net.b1": "dnet.db1",
        "layers[0]": "gradient of layers[0]",
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        (np.ones((2, 3), np.float32), "an array of shape (2, 3) and dtype float32"),
        ([1, 2], "a list of length 2"),
        ({}, "a dict of length 0"),
        (Parameters(1, 2, 3, 4), "a Parameters"),
        (1, "an int"),
        ("text", "a str"),
    ],
    ids=repr,
)
def test_values_are_described_by_type_and_shape(value, words):
    assert describe(value) == words


RNG = np.random.default_rng(9)
ROWS, LABELS = RNG.normal(size=(7, 4)), RNG.normal(size=(7, 3))


def in_rows(shape, of_residual):
    """A linear layer in row layout, whose bias has a shape, and a gradient of the bias."""
    params = {"W": RNG.normal(size=(4, 3)), "b": RNG.normal(size=shape)}

    def residual(p):
        return (ROWS @ p["W"] + p["b"] - LABELS) / 7

    return check_gradient(
        lambda p: np.sum((ROWS @ p["W"] + p["b"] - LABELS) ** 2) / 14,
        lambda p: {"W": ROWS.T @ residual(p), "b": of_residual(residual(p))},
        params,
    )


@pytest.mark.parametrize(
    ("shape", "of_residual", "code", "note", "remedy"),
    [
        ((1, 3), lambda R: R.sum(0), "rank-1", "values are right", "axis=0, keepdims=True), or re"),
        ((1, 3), lambda R: R, "not-summed", "right, the shape is not; 7 rows", "axis=0, keepdims"),
        (
            (3,),
            lambda R: R,
            "not-summed",
            "right, the shape is not; 7 rows",
            "np.sum(..., axis=0)",
        ),
        (
            (1, 3),
            lambda R: 7 * R,
            "not-summed",
            "the mean over",
            "axis=0, keepdims=True), and div",
        ),
        ((1, 3), lambda R: R**2, "not-summed", "7 rows are one for each example", "axis=0, keep"),
        ((), lambda R: R.sum(1), "not-summed", "right, the shape is not; 7 numbers", "axis=0)"),
        ((1, 3), lambda R: R.sum(1, keepdims=True), "wrong-shape", "", "axis=0, keepdims=True)"),
        ((1, 3), lambda R: R.sum(), "scalar-bias", "without axis=0", "axis=0, keepdims=True)"),
        (
            (1, 3),
            lambda R: R[:5],
            "wrong-shape",
            "would broadcast",
            "has the shape of its parameter",
        ),
    ],
    ids=[
        "keepdims",
        "as it is",
        "rank-1",
        "mean",
        "wrong too",
        "scalar",
        "units",
        "all",
        "of no data",
    ],
)
def test_in_row_layout_a_bias_is_summed_over_the_rows(shape, of_residual, code, note, remedy):
    report = in_rows(shape, of_residual)

    (finding,) = report.findings
    assert (finding.code, finding.block) == (code, "b")
    assert note in finding.note
    assert remedy in finding.help
    assert "axis=1" not in finding.help


@pytest.mark.parametrize(
    ("of_residual", "code", "remedy"),
    [
        (lambda R, W: R, "not-summed", "sum with np.sum(..., axis=1, keepdims=True)"),
        (
            lambda R, W: 7 * R,
            "not-summed",
            "sum with np.sum(..., axis=1, keepdims=True), and divide by their number",
        ),
        (lambda R, W: R**2, "not-summed", "sum with np.sum(..., axis=1, keepdims=True)"),
        (lambda R, W: W, "wrong-shape", "a gradient has the shape of its parameter"),
        (lambda R, W: np.ones((3, 5)), "wrong-shape", "a gradient has the shape of its parameter"),
    ],
    ids=["sum", "mean", "wrong too", "another block", "of no data"],
)
def test_columns_are_of_examples_if_their_number_or_their_sum_says_so(of_residual, code, remedy):
    A, Y = ROWS.T, LABELS.T

    def gradient(p):
        R = (p["W"] @ A + p["b"] - Y) / 7
        return {"W": R @ A.T, "b": of_residual(R, R @ A.T)}

    report = check_gradient(
        lambda p: np.sum((p["W"] @ A + p["b"] - Y) ** 2) / 14,
        gradient,
        {"W": RNG.normal(size=(3, 4)), "b": RNG.normal(size=(3, 1))},
    )

    (finding,) = report.findings
    assert (finding.code, finding.help) == (code, remedy)
    assert bool(report.blocks["b"].entries) == (code == "not-summed")
