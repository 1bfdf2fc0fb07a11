"""One check from top to bottom: what may go in, what comes out, and nothing gets broken."""

import contextlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck import (
    GradientError,
    GradientInconclusive,
    InvalidInput,
    Verdict,
    assert_gradient,
    check_gradient,
)

X = np.array([1.0, 2.0, -3.0])
W1 = np.arange(6.0).reshape(2, 3) / 4 + 0.25
b1 = np.array([[0.5], [-1.0]])
PARAMS = {"W1": W1, "b1": b1}


def cost(x):
    return np.sum(x**2) / 2


def right(x):
    return x.copy()


def double(x):
    return 2 * x


def two_costs(p):
    return cost(p["W1"]) + cost(p["b1"])


def two_gradients(p):
    return {name: value.copy() for name, value in p.items()}


def with_wrong_bias(p):
    return {"dW1": p["W1"].copy(), "db1": -p["b1"]}


def kinked(x):
    return np.sum(np.abs(x))


def codes(report):
    return {(finding.code, finding.severity) for finding in report.findings}


def test_gradient_may_be_computed_before():
    assert check_gradient(cost, X, X).verdict == Verdict.PASS
    assert check_gradient(cost, 2 * X, X).verdict == Verdict.FAIL
    assert check_gradient(two_costs, PARAMS, PARAMS).verdict == Verdict.PASS
    assert check_gradient(cost, X, X).gradient_evaluations == 0


def test_gradient_may_come_with_the_cost():
    def both(x, factor):
        return factor * cost(x), factor * x

    report = check_gradient(both, None, X, jac=True, args=(3.0,))

    assert report.verdict == Verdict.PASS
    assert report.gradient_evaluations == 4


def test_wrong_gradient_that_comes_with_the_cost_fails():
    assert check_gradient(lambda x: (cost(x), 2 * x), None, X, jac=True).verdict == Verdict.FAIL


def test_further_arguments_reach_both_functions():
    report = check_gradient(
        lambda x, A, power: np.sum((A @ x) ** power),
        lambda x, A, power: power * A.T @ (A @ x) ** (power - 1),
        X,
        args=(W1, 3),
    )

    assert report.verdict == Verdict.PASS


@pytest.mark.parametrize("wrt", ["W1", ("W1",), ["W1"], {"W1": 1}], ids=repr)
def test_blocks_can_be_chosen(wrt):
    report = check_gradient(two_costs, with_wrong_bias, PARAMS, wrt=wrt)

    assert list(report.blocks) == ["W1"]
    assert (report.verdict, report.entries) == (Verdict.PASS, 6)


def test_blocks_that_are_not_chosen_cost_nothing_and_do_not_get_in_the_way():
    report = check_gradient(two_costs, lambda p: {"W1": -p["W1"], "b1": p["b1"]}, PARAMS, wrt="b1")
    whole = check_gradient(two_costs, PARAMS, PARAMS)

    assert list(report.blocks) == ["b1"]
    assert (report.verdict, report.entries) == (Verdict.PASS, 2)
    assert report.evaluations < whole.evaluations


def test_gradient_needs_only_the_blocks_that_are_chosen():
    report = check_gradient(two_costs, lambda p: {"db1": p["b1"].copy()}, PARAMS, wrt="b1")

    assert report.verdict == Verdict.PASS


def test_gradient_may_be_called_by_the_names_of_the_lecture():
    report = check_gradient(two_costs, with_wrong_bias, PARAMS)

    assert {name: block.label for name, block in report.blocks.items()} == {
        "W1": "dW1",
        "b1": "db1",
    }
    assert [str(block.verdict) for block in report.blocks.values()] == ["PASS", "FAIL"]


class Point(NamedTuple):
    x: Any
    y: Any


@dataclass
class Model:
    x: Any
    y: Any


@pytest.mark.parametrize(
    "params",
    [
        Point(W1, 0.5),
        Model(W1, 0.5),
        [W1, b1],
        {"layers": [Point(W1, b1), Point(b1, W1)]},
        {"W1": W1.astype(np.float32), "b1": b1},
        (W1.astype(">f8"), W1[:, ::-2], np.asfortranarray(W1), np.broadcast_to(b1, (2, 3))),
        {"z": W1 + 1j, "W1": W1},
        np.array(0.5),
        0.5,
    ],
    ids=lambda params: type(params).__name__,
)
def test_gradient_of_any_structure_is_checked(params):
    def total(p):
        if isinstance(p, dict):
            return sum(map(total, p.values()))
        if isinstance(p, (list, tuple)):
            return sum(map(total, p))
        if isinstance(p, Model):
            return total(p.x) + total(p.y)
        return np.sum(np.abs(p) ** 2) / 2

    assert check_gradient(total, lambda p: p, params).verdict == Verdict.PASS


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.longdouble])
def test_wrong_gradient_in_any_precision_fails(kind):
    report = check_gradient(lambda x: cost(x.astype(float)), lambda x: kind(1.5) * x, kind(X))

    assert report.verdict == Verdict.FAIL


@pytest.mark.parametrize("shape", [(1,), (1, 1)], ids=str)
def test_cost_may_come_in_an_array_of_size_one(shape):
    assert check_gradient(lambda x: cost(x).reshape(shape), right, X).verdict == Verdict.PASS


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"wrt": "W2"}, "`wrt` is 'W2', expected some of the blocks W1, b1"),
        ({"wrt": ("W1", "b2")}, "`wrt` is ('W1', 'b2'), expected some of the blocks W1, b1"),
        ({"wrt": ()}, "`wrt` is (), expected some of the blocks W1, b1"),
        ({"wrt": [1]}, "`wrt` is [1], expected some of the blocks W1, b1"),
        ({"resolution": 0}, "`resolution`: expected a relative error between 0 and 1, got 0"),
        ({"resolution": 1.0}, "`resolution`: expected a relative error between 0 and 1, got 1.0"),
        ({"resolution": -1e-9}, "`resolution`: expected a relative error between 0 and 1"),
        ({"resolution": np.nan}, "`resolution`: expected a relative error between 0 and 1"),
        ({"resolution": "1e-3"}, "`resolution`: expected a number, got '1e-3'"),
        ({"resolution": True}, "`resolution`: expected a number, got True"),
        ({"resolution": None}, "`resolution`: expected a number, got None"),
        ({"approximate": -1e-9}, "`approximate`: expected a relative error between 0 and 1"),
        ({"approximate": 1}, "`approximate`: expected a relative error between 0 and 1, got 1"),
        ({"approximate": np.inf}, "`approximate`: expected a relative error between 0 and 1"),
        ({"approximate": None}, "`approximate`: expected a number, got None"),
        (
            {"on_kink": "ignore"},
            "`on_kink`: expected one of ('accept', 'inconclusive', 'fail'), got 'ignore'",
        ),
        ({"on_kink": None}, "`on_kink`: expected one of"),
        ({"jac": True}, "with jac=True the gradient comes from `cost`: give None for `grad`"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_options_that_make_no_sense_are_refused(options, words):
    with pytest.raises(InvalidInput) as raised:
        check_gradient(two_costs, two_gradients, PARAMS, **options)

    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("of_cost", "grad", "options", "words"),
    [
        (None, right, {}, "`cost`: expected a callable, got NoneType"),
        (X, right, {}, "`cost`: expected a callable, got ndarray"),
        (cost, right, {"args": X}, "`args`: expected a tuple of arguments, got ndarray; for a"),
        (cost, None, {}, "`grad` is None, expected a callable or a gradient; if `cost` returns"),
        (None, None, {"jac": True}, "`cost`: expected a callable, got None"),
        (cost, None, {"jac": True}, "returns the pair (value, gradient), but it returned float64"),
        (lambda x: np.nan, right, {}, "`cost` is nan at the point of the check"),
        (lambda x: -np.inf, right, {}, "`cost` is -inf at the point of the check"),
    ],
)
def test_functions_that_allow_no_check_are_refused(of_cost, grad, options, words):
    with pytest.raises(InvalidInput) as raised:
        check_gradient(of_cost, grad, X, **options)

    assert words in str(raised.value)


@pytest.mark.parametrize("wrt", [1, 2.5, True])
def test_names_that_are_no_names_are_refused(wrt):
    with pytest.raises(InvalidInput, match="`wrt` is"):
        check_gradient(two_costs, two_gradients, PARAMS, wrt=wrt)


@pytest.mark.parametrize(
    "params", [np.array([1, 2]), None, "x", {"W": np.ones(2), "n": 3}, [], np.array([np.nan])]
)
def test_parameters_that_allow_no_check_are_refused(params):
    with pytest.raises(InvalidInput):
        check_gradient(lambda p: 0.0, lambda p: p, params)


def test_cost_that_raises_at_the_point_is_refused_with_its_exception():
    def singular(x):
        raise np.linalg.LinAlgError("singular matrix")

    with pytest.raises(InvalidInput) as raised:
        check_gradient(singular, right, X)

    assert isinstance(raised.value.__cause__, np.linalg.LinAlgError)
    words = "`cost` raised LinAlgError at the point of the check: singular matrix"
    assert str(raised.value) == words


def test_gradient_that_raises_is_refused_with_its_exception():
    def unfinished(x):
        raise NotImplementedError

    with pytest.raises(InvalidInput, match="`grad` raised NotImplementedError") as raised:
        check_gradient(cost, unfinished, X)

    assert isinstance(raised.value.__cause__, NotImplementedError)


def test_evaluations_are_counted():
    calls = {"cost": 0, "grad": 0}

    def counted(name, call):
        def counting(x):
            calls[name] += 1
            return call(x)

        return counting

    report = check_gradient(counted("cost", cost), counted("grad", right), X)

    assert {"cost": report.evaluations, "grad": report.gradient_evaluations} == calls


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_no_resolution_turns_a_fail_into_anything_else(resolution):
    assert check_gradient(cost, double, X, resolution=resolution).verdict == Verdict.FAIL


def test_resolution_that_cannot_be_reached_makes_a_check_inconclusive():
    report = check_gradient(cost, right, X, resolution=1e-300)

    assert report.verdict == Verdict.INCONCLUSIVE


@given(st.floats(-1, 1).filter(lambda off: abs(off) > 2.0**-20))
def test_mistake_of_a_millionth_fails(off):
    assert check_gradient(cost, (1 + off) * X, X).verdict == Verdict.FAIL


def test_gradient_declared_approximate_is_held_to_what_is_declared():
    assert check_gradient(cost, 1.05 * X, X).verdict == Verdict.FAIL
    assert check_gradient(cost, 1.05 * X, X, approximate=0.1).verdict == Verdict.PASS
    assert check_gradient(cost, 1.2 * X, X, approximate=0.1).verdict == Verdict.FAIL


@pytest.mark.parametrize(
    ("of_cost", "grad"),
    [
        (cost, 1.05 * X),
        (cost, -X),
        (cost, X[:, None]),
        (cost, lambda x: None),
        (lambda x: None, X),
        (lambda x: 1.0, 0 * X),
        (kinked, X / 4),
    ],
    ids=["pass", "fail", "shape", "none", "cost", "flat", "wrong kink"],
)
def test_whatever_the_verdict_it_says_that_the_gradient_was_declared_approximate(of_cost, grad):
    report = check_gradient(of_cost, grad, X, approximate=0.125)

    assert "approximate to 1.2e-01" in str(report)
    assert report.to_dict()["approximate"] == 0.125


@pytest.mark.parametrize(
    ("on_kink", "verdict"),
    [
        ("inconclusive", Verdict.INCONCLUSIVE),
        ("accept", Verdict.PASS),
        ("fail", Verdict.FAIL),
    ],
)
def test_value_between_the_slopes_of_a_kink_gets_what_the_user_says(on_kink, verdict):
    assert check_gradient(kinked, 0.5, 0.0, on_kink=on_kink).verdict == verdict


def test_middle_of_the_slopes_fails_where_values_at_kinks_must():
    x = np.array([0.0, 1.0, -2.0])
    report = check_gradient(kinked, np.sign, x, on_kink="fail")

    assert report.verdict == Verdict.FAIL
    assert [d.kind for d in report.diagnoses] == ["single-entry"]
    assert "at a kink" in report.diagnoses[0].evidence
    assert check_gradient(kinked, np.sign, x, on_kink="accept")


@pytest.mark.parametrize("claim", [1.5, -1.1, 3.0, -100.0])
@pytest.mark.parametrize("on_kink", ["inconclusive", "accept", "fail"])
def test_value_outside_both_slopes_of_a_kink_fails(claim, on_kink):
    alone = check_gradient(kinked, claim, 0.0, on_kink=on_kink)
    beside = check_gradient(kinked, np.array([claim, 1.0]), np.array([0.0, 1.0]), on_kink=on_kink)

    assert alone.verdict == Verdict.FAIL
    assert beside.verdict == Verdict.FAIL


def test_assertion_returns_the_report_of_what_passed():
    assert assert_gradient(cost, right, X).verdict == Verdict.PASS


def test_assertion_raises_what_is_wrong():
    with pytest.raises(GradientError) as raised:
        assert_gradient(cost, double, X)

    assert not isinstance(raised.value, GradientInconclusive)
    assert raised.value.report.verdict == Verdict.FAIL


def test_assertion_raises_what_could_not_be_checked_unless_allowed():
    with pytest.raises(GradientInconclusive):
        assert_gradient(kinked, 0.5, 0.0)

    assert not assert_gradient(kinked, 0.5, 0.0, allow_inconclusive=True)


def test_assertion_that_allows_inconclusive_still_raises_what_is_wrong():
    with pytest.raises(GradientError):
        assert_gradient(cost, double, X, allow_inconclusive=True)


@pytest.mark.parametrize(
    "grad", [lambda p: p, lambda p: 0 * p, lambda p: None], ids=["right", "zero", "none"]
)
def test_nothing_to_check_is_no_pass(grad):
    assert check_gradient(lambda p: 1.0, grad, np.ones((0, 3))).verdict != Verdict.PASS


def calling(call, at, change):
    """`call`, until at call `at` it does `change` to its argument."""
    calls = count(1)

    def changed(p):
        result = call(p)
        if next(calls) == at:
            change(p)
        return result

    return changed


def raising(error):
    def change(p):
        p["W1"][:] = 7
        p["b1"] *= np.nan
        raise error

    return change


@pytest.mark.parametrize("at", [1, 2, 3, 17, 40])
@pytest.mark.parametrize("name", ["cost", "grad"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_arrays_of_the_user_stay_as_they_were_whatever_happens(name, at, error):
    params = {"W1": W1.copy(), "b1": b1.copy()}
    call = {"cost": two_costs, "grad": two_gradients}
    call[name] = calling(call[name], at, raising(error))

    with contextlib.suppress(InvalidInput, KeyboardInterrupt):
        check_gradient(call["cost"], call["grad"], params)

    for key, value in PARAMS.items():
        assert params[key].tobytes() == value.tobytes()


def test_arrays_in_args_stay_as_they_were():
    A = np.ones(3)

    def scaled(x, A):
        A *= 2
        return cost(x) * A[0]

    report = check_gradient(scaled, lambda x, A: 2 * x * A, X, args=(A,))

    assert report.verdict == Verdict.PASS
    assert codes(report) == {("mutates-input", "warning")}
    np.testing.assert_array_equal(A, [1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["W1"].fill(0),
        lambda p: p.pop("W1"),
        lambda p: p.clear(),
        lambda p: p.update(c=1.0),
        lambda p: p.update(W1=1.0),
    ],
    ids=["array", "pop", "clear", "add", "replace"],
)
def test_function_that_changes_its_input_is_seen_and_does_not_disturb(change):
    def changing(p):
        result = two_costs(p)
        change(p)
        return result

    report = check_gradient(changing, two_gradients, PARAMS)

    assert report.verdict == Verdict.PASS
    assert codes(report) == {("mutates-input", "warning")}


def test_function_that_deletes_a_field_of_its_input_is_seen():
    def deleting(p):
        x = p.x
        del p.x
        return cost(x)

    report = check_gradient(deleting, lambda p: Model(p.x.copy(), 0.0), Model(X, 0.0))

    assert ("mutates-input", "warning") in codes(report)


def test_gradient_in_place_of_the_parameters_is_right():
    def in_place(x):
        x *= 1
        return x

    report = check_gradient(cost, in_place, X)

    assert report.verdict == Verdict.PASS
    assert codes(report) == {("aliases-input", "warning")}


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)], ids=str)
def test_zero_gradient_of_a_cost_in_one_reused_buffer_fails(shape):
    """If values were not copied, all differences would be zero, and agree."""
    buffer = np.empty(shape)

    def reusing(x):
        buffer[...] = cost(x)
        return buffer

    assert check_gradient(reusing, lambda x: 0 * x, X).verdict == Verdict.FAIL
    assert check_gradient(reusing, right, X).verdict == Verdict.PASS


def test_gradient_in_one_reused_buffer_is_right():
    buffer = np.empty(3)

    def reusing(x):
        buffer[:] = x
        return buffer

    report = check_gradient(cost, reusing, X)

    assert report.verdict == Verdict.PASS
    assert codes(report) == {("aliases-output", "warning")}


@pytest.mark.parametrize("at", [3, 10, 30])
def test_cost_that_becomes_another_one_during_the_check_fails(at):
    calls = count(1)
    report = check_gradient(lambda x: cost(x) + (next(calls) >= at), right, X)

    assert report.verdict == Verdict.FAIL
    assert codes(report) == {("nondeterministic", "error")}


@pytest.mark.parametrize("grad", [right, double, lambda x: 0 * x], ids=["right", "wrong", "zero"])
def test_cost_that_grows_with_each_call_does_not_pass(grad):
    calls = count()
    report = check_gradient(lambda x: cost(x) + next(calls), grad, X)

    assert report.verdict != Verdict.PASS
    assert "nondeterministic" in {finding.code for finding in report.findings}


def test_cost_that_remembers_its_first_value_does_not_pass():
    memory = []

    def remembering(x):
        memory.append(cost(x))
        return memory[0]

    assert check_gradient(remembering, lambda x: 0 * x, X).verdict == Verdict.INCONCLUSIVE


def test_wrong_gradient_of_a_noisy_cost_fails():
    rng = np.random.default_rng(0)
    report = check_gradient(lambda x: cost(x) + 1e-6 * rng.normal(), double, X)

    assert report.verdict == Verdict.FAIL
    assert codes(report) == {("nondeterministic", "warning")}


@pytest.mark.parametrize("value", [np.nan, None, "text"], ids=repr)
def test_cost_that_is_undefined_everywhere_else_is_inconclusive(value):
    report = check_gradient(lambda x: cost(x) if (x == X).all() else value, right, X)

    assert report.verdict == Verdict.INCONCLUSIVE
    assert {entry.reason for entry in report.blocks["x"].worst(3)} == {"outside"}


def test_what_a_cost_raises_off_the_point_is_told():
    def narrow(x):
        if (x != X).any():
            raise ZeroDivisionError("step too short")
        return cost(x)

    report = check_gradient(narrow, right, X)

    assert report.verdict == Verdict.INCONCLUSIVE
    assert "ZeroDivisionError: step too short" in str(report)


@given(st.integers(2, 80), st.sampled_from([right, double]))
def test_cost_that_is_undefined_at_one_step_gets_no_wrong_verdict(at, grad):
    calls = count(1)

    def patchy(x):
        return np.nan if next(calls) == at and (x != X).any() else cost(x)

    report = check_gradient(patchy, grad, X)

    assert report.verdict != (Verdict.PASS if grad is double else Verdict.FAIL)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("at", [1, 2, 3, 30])
def test_interrupt_passes_through(interrupt, at):
    def change(p):
        raise interrupt

    with pytest.raises(interrupt):
        check_gradient(calling(cost, at, change), double, X)
    if at <= 2:
        with pytest.raises(interrupt):
            check_gradient(cost, calling(double, at, change), X)


class Extreme(NamedTuple):
    """A cost near the ends of the range of floats, and its right gradient."""

    cost: Callable[..., Any]
    grad: Callable[..., Any]
    at: Any = X


EXTREMES = {
    "cost of size 1e300": Extreme(lambda x: 1e300 * cost(x), lambda x: 1e300 * x),
    "cost of size 1e200": Extreme(lambda x: 1e200 * cost(x), lambda x: 1e200 * x),
    "cost of size 1e-290": Extreme(lambda x: 1e-290 * cost(x), lambda x: 1e-290 * x),
    "parameters of size 1e150": Extreme(
        lambda x: cost(x / 1e150), lambda x: x / 1e150 / 1e150, 1e150 * X
    ),
    "parameter of size 1e300": Extreme(
        lambda x: np.sum(x / 4), lambda x: np.full(2, 0.25), np.array([1e300, 1])
    ),
    "smallest float": Extreme(np.sum, np.ones_like, np.array([5e-324, 1.0])),
}


@pytest.mark.parametrize("case", EXTREMES.values(), ids=EXTREMES.keys())
def test_extreme_numbers_are_checked_without_a_warning(case):
    assert check_gradient(case.cost, case.grad, case.at).verdict == Verdict.PASS
    wrong = check_gradient(case.cost, lambda x: 1.5 * case.grad(x), case.at)
    assert wrong.verdict == Verdict.FAIL


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e308])
def test_gradient_that_is_not_finite_fails_without_a_warning(value):
    report = check_gradient(cost, lambda x: np.array([1.0, value, -3.0]), X)

    assert report.verdict == Verdict.FAIL
    assert [str(v) for v in report.blocks["x"].verdicts] == ["PASS", "FAIL", "PASS"]


def test_floating_point_errors_that_raise_elsewhere_do_not_disturb():
    with np.errstate(all="raise"):
        assert check_gradient(cost, right, X).verdict == Verdict.PASS
        assert check_gradient(cost, double, X).verdict == Verdict.FAIL
        assert check_gradient(kinked, 0.5, 0.0).verdict == Verdict.INCONCLUSIVE
        assert check_gradient(np.log, 1e9, 1e-9).verdict == Verdict.PASS


def test_a_cost_that_raises_nearby_is_said_to():
    def fragile(x):
        if x[0] > 1.0001:
            raise ValueError("too far")
        return np.sum(x**2)

    report = check_gradient(fragile, lambda x: 2 * x, np.array([1.0, 0.5]))

    assert report.verdict == Verdict.PASS
    assert [finding.code for finding in report.findings] == ["raises-nearby"]
    assert "ValueError: too far" in report.findings[0].message


@pytest.mark.parametrize("x", [[0.0, 9.536747711536009e-07], [1e-6, 1e-7], [3e-7, 0.0, 2e-5]])
def test_cost_that_loses_the_digits_of_a_tiny_point_is_no_trap(x):
    def of_logarithm(grad):
        return check_gradient(lambda x: np.sum(np.log(1 + x**2)), grad, np.array(x))

    assert of_logarithm(lambda x: 2 * x / (1 + x**2)).verdict == Verdict.PASS
    assert of_logarithm(lambda x: 3 * x / (1 + x**2)).verdict == Verdict.FAIL


def holey(x, share):
    """A cost that is NaN at one point in a few, the same ones each time."""
    hit = zlib.crc32(x.tobytes()) % 100 < share and not np.array_equal(x, X)
    return np.nan if hit else np.sum(np.sin(x))


def test_a_cost_that_is_nan_now_and_then_is_said_to_be():
    report = check_gradient(lambda x: holey(x, 50), np.cos, X)

    assert report.verdict == Verdict.INCONCLUSIVE
    assert set(report.blocks["x"].reasons) == {"gaps"}
    assert "NaN" in str(report.blocks["x"].entry(0))


def test_a_single_step_without_a_value_does_not_matter():
    def cost(x):
        return np.nan if np.abs(x - X).max() == 2.0**-14 else np.sum(np.sin(x))

    assert check_gradient(cost, np.cos, X).verdict == Verdict.PASS
    assert check_gradient(cost, lambda x: 1.0001 * np.cos(x), X).verdict == Verdict.FAIL


@given(st.lists(st.floats(-3, 3, width=16), min_size=1, max_size=5))
def test_parameters_in_half_precision_are_resolved(x):
    """Their numbers are so far apart that few steps are left, some of them unequal."""
    x = np.array(x, dtype=np.float16)

    def cost(x):
        return np.sum(np.sin(x.astype(float) + 0.5))

    def grad(x):
        return np.cos(x.astype(float) + 0.5)

    assert check_gradient(cost, grad, x).verdict == Verdict.PASS
    assert check_gradient(cost, lambda x: 1.1 * grad(x), x).verdict == Verdict.FAIL


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_a_gradient_of_subnormal_numbers_has_the_rounding_of_these(kind):
    x = np.array([0.3, 1.1], dtype=kind)
    scale = 4 * float(np.finfo(kind).smallest_subnormal)

    report = check_gradient(
        lambda x: scale * np.sum(np.sin(x.astype(float))),
        lambda x: (scale * np.cos(x.astype(float))).astype(kind),
        x,
    )

    assert report.verdict != Verdict.FAIL


def unfinished(x, steps):
    """``z = tanh(x + z / 2)`` after some steps from 0."""
    z = np.zeros_like(x)
    for _ in range(steps):
        z = np.tanh(x + z / 2)
    return z


def test_an_implicit_gradient_of_a_fixed_number_of_steps_is_approximate():
    """It is that of the fixed point; where the steps have not come there, another one is due."""

    def implicit(x, steps):
        slope = 1 - unfinished(x, steps) ** 2
        return slope / (1 - slope / 2)

    def check(steps, **options):
        return check_gradient(
            lambda x: np.sum(unfinished(x, steps)), lambda x: implicit(x, steps), X / 4, **options
        ).verdict

    assert check(60) == Verdict.PASS
    assert check(8) == Verdict.FAIL
    assert check(8, approximate=0.1) == Verdict.PASS


@pytest.mark.parametrize("factor", [1e8, 1e300])
def test_a_claim_that_is_far_too_large_is_no_scale_for_the_others(factor):
    point = {"W": np.array([0.5, -1.0]), "b": np.array([0.3])}

    def grad(p, times):
        return {"W": times * 3 * p["W"] ** 2, "b": 3 * p["b"] ** 2}

    def resolution(times):
        report = check_gradient(
            lambda p: np.sum(p["W"] ** 3) + np.sum(p["b"] ** 3), lambda p: grad(p, times), point
        )
        return report.blocks["b"].resolution

    assert resolution(factor) == pytest.approx(resolution(1.0), rel=1e-3)
