"""Which arrays a cost and a gradient get, and by which of them is differentiated."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

import backprop
from gradcheck import InvalidInput, check_gradient
from gradcheck.calls import plan
from gradcheck.strategies.domains import distinct
from gradcheck.strategies.parser import parse

ARRAYS = distinct(
    parse("X: n0 m; Y: n2 m in {0,1}; W1: n1 n0; b1: n1 1; W2: n2 n1; b2: n2 1; m = 12")
)
W = ("W1", "b1", "W2", "b2")


def bind(cost, grad, arrays, **how):
    return plan(cost, grad, arrays, **how).at(arrays)


def by_name(W1, b1, W2, b2, X, Y, l2=0.0):
    return backprop.cost((W1, b1, W2, b2), X, Y, l2=l2)


def by_mapping(params, X, Y):
    return by_name(**params, X=X, Y=Y)


def of_all(arrays):
    return by_name(**arrays)


def of_keywords(**arrays):
    return by_name(**arrays)


def of_positions(*arrays):
    return by_name(**dict(zip(ARRAYS, arrays, strict=True)))


def positional_only(W1, b1, W2, b2, X, Y, /):
    return by_name(W1, b1, W2, b2, X, Y)


def tuple_by_name(W1, b1, W2, b2, X, Y):
    return tuple(backprop.gradients((W1, b1, W2, b2), X, Y))


def named_by_mapping(params, X, Y):
    return backprop.gradients([params[name] for name in W], X, Y)


def mapping_of_all(arrays):
    found = tuple_by_name(**arrays)
    return dict(zip(W, found, strict=True))


COSTS = [by_name, by_mapping, of_all, of_keywords, of_positions, positional_only]
GRADIENTS = [tuple_by_name, named_by_mapping, mapping_of_all]


def checked(bound, **options):
    return check_gradient(
        bound.cost, bound.grad, bound.params, args=bound.args, jac=bound.jac, **options
    )


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("grad", GRADIENTS)
def test_arrays_reach_both_however_they_are_taken(cost, grad):
    bound = bind(cost, grad, ARRAYS)

    assert set(bound.names) == set(W)
    assert bound.cost(bound.params, *bound.args) == pytest.approx(by_name(**ARRAYS))
    report = checked(bound)
    assert report
    assert [report.blocks[name].gradient for name in W] == ["dW1", "db1", "dW2", "db2"]


@pytest.mark.parametrize("cost", [by_name, by_mapping, of_all])
@pytest.mark.parametrize("grad", GRADIENTS)
def test_wrt_selects(cost, grad):
    bound = bind(cost, grad, ARRAYS, wrt=("b2", "W1"))

    assert bound.names == ("W1", "b2")
    report = checked(bound)
    assert report
    assert not report.findings


def test_a_gradient_of_some_by_name_is_checked_for_those():
    bound = bind(by_name, lambda W1, b1, W2, b2, X, Y: {"dW2": 0 * W2}, ARRAYS)

    assert bound.names == ("W2",)
    assert not checked(bound)


@dataclass
class Layers:
    W1: Any
    b1: Any
    W2: Any
    b2: Any


@pytest.mark.parametrize("structure", [backprop.Parameters, Layers, lambda W1, b1, W2, b2: W1])
def test_a_structure_of_ones_own_is_made(structure):
    seen = []

    def cost(parameters, X, Y):
        seen.append(parameters)
        return 0.0

    bound = bind(cost, lambda p, X, Y: [0, 0, 0, 0], ARRAYS, params=structure)
    bound.cost(bound.params, *bound.args)

    assert bound.names == W
    assert type(seen[0]) is type(structure(**{name: ARRAYS[name] for name in W}))


def test_the_lectures_network_is_taken_as_it_is():
    bound = bind(backprop.cost, backprop.gradients, ARRAYS, params=backprop.Parameters)
    one = bind(backprop.cost, backprop.gradients, ARRAYS, params=backprop.Parameters, wrt="b1")

    assert checked(bound)
    assert one.names == ("b1",)
    assert checked(one)


def test_value_and_gradient_may_come_together():
    def both(params, X, Y):
        return by_mapping(params, X, Y), named_by_mapping(params, X, Y)

    bound = bind(both, None, ARRAYS, jac=True)

    assert bound.grad is None
    assert bound.names == W
    assert checked(bound)


def test_a_bare_array_is_the_gradient_of_what_has_its_shape():
    arrays = {"X": np.ones((5, 3)), "w": np.ones(3), "y": np.ones(5)}

    bound = bind(
        lambda w, X, y: np.sum((X @ w - y) ** 2), lambda w, X, y: 2 * X.T @ (X @ w - y), arrays
    )

    assert bound.names == ("w",)
    assert checked(bound)


def test_a_gradient_of_the_wrong_shape_still_finds_its_array():
    def grad(W1, b1, W2, b2, X, Y):
        dW1, db1, dW2, db2 = tuple_by_name(W1, b1, W2, b2, X, Y)
        return dW1.T, db1.ravel(), dW2, db2

    report = checked(bind(by_name, grad, ARRAYS))

    assert [finding.code for finding in report.findings] == ["transposed", "rank-1"]


def test_a_gradient_that_takes_anything_gets_what_the_cost_gets():
    def grad(*args):
        return backprop.gradients(*args)

    bound = bind(backprop.cost, grad, ARRAYS, params=backprop.Parameters)
    assert checked(bound)
    assert checked(bind(by_name, lambda *args, **_: tuple_by_name(*args), ARRAYS))
    assert checked(bind(by_mapping, lambda *args: named_by_mapping(*args), ARRAYS))


def test_arguments_with_defaults_and_bound_ones_are_left_alone():
    cost = partial(by_name, l2=0.0, Y=ARRAYS["Y"])
    without = {name: array for name, array in ARRAYS.items() if name != "Y"}

    bound = bind(cost, partial(tuple_by_name, Y=ARRAYS["Y"]), without)

    assert checked(bound)


def test_sizes_and_data_are_called_by_their_names_in_a_report():
    def grad(params, X, Y):
        found = named_by_mapping(params, X, Y)
        return found._replace(dW1=12 * found.dW1)

    report = checked(bind(by_mapping, grad, ARRAYS), dimensions=ARRAYS.sizes)

    assert "`dW1` is 12 times too large; 12 = m" in str(report)
    assert "with X (3, 12), Y (4, 12)" in report.reproduce


class Weights(NamedTuple):
    weights: Any
    bias: Any


def test_names_that_belong_to_no_array_count_as_an_order():
    arrays = {"w": np.ones(3), "b": 1.0}

    bound = bind(lambda w, b: w.sum() + b, lambda w, b: Weights(np.ones(3), 1.0), arrays)

    assert bound.names == ("w", "b")
    assert checked(bound)


def test_what_a_gradient_has_beside_stays_for_intermediates():
    bound = bind(by_name, lambda W1, b1, W2, b2, X, Y: {"dW1": W1, "dZ1": X, "dX": X}, ARRAYS)

    assert set(bound.grad(bound.params, *bound.args)) == {"dW1", "dZ1", "dX"}
    assert set(bound.names) == {"X", "W1"}


def _raise(*_):
    raise ValueError("no such thing")


REFUSED = {
    "another letter": (lambda w1, X, Y: 0, None, {}, "call both the same"),
    "unknown": (lambda W1, lam: 0, None, {}, "`lam`, which is none of the arrays"),
    "misspelt": (lambda W1, b1, x: 0, None, {}, "is it `X`"),
    "nothing left": (lambda p, X, Y, W1, b1, W2, b2: 0, None, {}, "all arrays go to its other"),
    "takes none": (lambda: 0, None, {}, "takes none of the arrays"),
    "no callable": (3, None, {}, "`cost`: expected a callable, got int"),
    "no gradient": (by_name, 3, {}, "`grad`: expected a callable, got int"),
    "raises": (
        by_name,
        lambda X: _raise(),
        {},
        "`grad` raised ValueError: no such thing; it got X",
    ),
    "no return": (by_name, lambda X: None, {}, "without `return`"),
    "other names": (by_name, lambda X: {"weights": 1}, {}, "either `W` or `dW`"),
    "ambiguous": (by_name, lambda X: (1.0, 2.0), {}, "say which with wrt=('W1', 'b1')"),
    "too many": (by_name, lambda X: (1,) * 9, {}, "may be parameters are W1, b1"),
    "a part": (by_mapping, lambda X: {"dW1": 1}, {}, "the gradient has no `b1`"),
    "wrt": (by_name, lambda X: 1, {"wrt": "W3"}, "`wrt` is 'W3'"),
    "params": (by_mapping, lambda X: 1, {"params": Weights}, "`params` takes `weights`, `bias`"),
    "jac": (by_name, lambda X: 1, {"jac": True}, "give None for `grad`"),
    "jac alone": (by_name, None, {"jac": True}, "returns the pair"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_unclear_is_refused_with_a_remedy(name):
    cost, grad, options, words = REFUSED[name]
    grad = tuple_by_name if grad is None and "jac" not in options else grad

    with pytest.raises(InvalidInput) as raised:
        bind(cost, grad, ARRAYS, **options)

    assert words in str(raised.value)


def test_whole_numbers_are_no_parameters():
    with pytest.raises(InvalidInput, match="`t`: whole numbers have no small steps"):
        bind(lambda t: t.sum(), lambda t: {"dt": t}, {"t": np.arange(3)})


def test_a_gradient_that_fits_an_array_of_whole_numbers_alone_is_not_taken_for_another():
    arrays = {"W": np.array([[1, 2]]), "X": np.array([[0.5], [2.0]])}

    def cost(W, X):
        return np.sum(W @ X)

    with pytest.raises(InvalidInput, match=r"`W`: whole numbers .* W.astype\(float\)"):
        bind(cost, lambda W, X: np.ones_like(W, dtype=float), arrays)
    with pytest.raises(InvalidInput, match="`W`: whole"):
        bind(cost, lambda W, X: (np.ones_like(W), np.ones_like(X)), arrays)
    assert bind(cost, lambda W, X: np.ones_like(X), arrays).names == ("X",)


def test_no_gradient_at_all_is_refused():
    with pytest.raises(InvalidInput, match="jac=True"):
        bind(by_name, None, ARRAYS)


def test_a_callable_without_a_signature_is_refused():
    with pytest.raises(InvalidInput, match=r"def cost\(x\)"):
        bind(max, max, {"x": np.ones(2)})


def test_the_users_arrays_are_not_changed():
    arrays = {"x": np.ones(2)}

    def grad(x):
        x *= 0
        return x

    bind(lambda x: x.sum(), grad, arrays)

    np.testing.assert_array_equal(arrays["x"], np.ones(2))
