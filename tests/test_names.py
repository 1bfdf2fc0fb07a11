"""A number is called by what the user calls it, or by whose size it is."""

import functools

import numpy as np
import pytest

from gradcheck.diagnosis.names import Names

X, Y = np.ones((3, 11)), np.ones((1, 11))
PARAMS = [("W", (4, 3)), ("b", (4, 1))]


class Model:
    """A cost that keeps its data and its penalty."""

    def __init__(self):
        self.X, self.lam = X, 0.37

    def cost(self, params):
        return np.sum(params["W"] @ self.X) * self.lam

    __call__ = cost


def plain(params, X, lam):
    return np.sum(params["W"] @ X) * lam


def last(X, lam, params):
    return plain(params, X, lam)


def closure():
    inputs, decay = X, 0.37
    return lambda params: np.sum(params["W"] @ inputs) * decay


def nested():
    inner = closure()

    def cost(params):
        return inner(params)

    return cost


def of(cost, *args, **options):
    return Names.of(cost, params=PARAMS, args=args, **options)


@pytest.mark.parametrize(
    ("cost", "args", "data", "scalar"),
    [
        (plain, (X, 0.37), "X", "lam"),
        (closure(), (), "inputs", "decay"),
        (nested(), (), "inputs", "decay"),
        (functools.partial(plain, X=X, lam=0.37), (), "X", "lam"),
        (functools.partial(plain, lam=0.37), (X,), "X", "lam"),
        (functools.partial(last, X, 0.37), (), "X", "lam"),
        (Model().cost, (), "X", "lam"),
        (Model(), (), "X", "lam"),
        (lambda params, data: 0.0, ({"X": X, "lam": 0.37},), "X", "lam"),
        (lambda params, data: 0.0, ([X, 0.37],), "data[0]", "data[1]"),
        (lambda *all_of_them: 0.0, (X, 0.37), "the first argument", "the second argument"),
    ],
    ids=[
        "arguments",
        "closure",
        "closure of a closure",
        "partial with keywords",
        "partial and argument",
        "partial before the parameters",
        "bound method",
        "instance",
        "mapping",
        "list",
        "arguments without names",
    ],
)
def test_sizes_and_scalars_bear_the_names_that_the_cost_has_for_them(cost, args, data, scalar):
    names = of(cost, *args)

    assert names.of_factor(11.0) == [f"11 = columns of {data}"]
    assert names.examples_of(11.0) == [f"11 = columns of {data}"]
    assert names.of_scalar(0.37) == [scalar]


def test_names_of_the_user_stand_in_place_of_all_others():
    names = of(plain, X, 0.25, dimensions={"m": 11, "n1": 4})

    assert names.of_factor(11.0) == ["11 = m"]
    assert names.of_factor(1 / 4) == ["1/4, 4 = n1", "1/4 = 1/2 * 1/2", "0.25 = lam"]
    assert names.of_factor(3.0) == []
    assert names.examples_of(11.0) == ["11 = m"]
    assert names.examples_of(4.0) == []


def test_examples_are_what_the_data_has_and_the_parameters_have_not():
    assert of(plain, X, 0.25).examples == {11}
    assert of(lambda params, X, Y: 0.0, X, Y).examples == {11}
    one = Names.of(plain, params=[("W", (4, 3))], args=(np.ones((3, 1)), 0.25))
    assert one.examples == frozenset()


def test_examples_as_many_as_units_are_known_by_their_second_array():
    names = of(lambda params, X, Y: 0.0, np.ones((3, 4)), np.ones((1, 4)))

    assert names.examples_of(4.0) == ["4 = columns of X = rows of W"]


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (11, "11 = columns of X"),
        (-11, "-11, 11 = columns of X"),
        (1 / 11, "1/11, 11 = columns of X"),
        (121, "11^2, 11 = columns of X"),
        (22, "2 * 11, 11 = columns of X"),
        (10 / 11, "10/11, 11 = columns of X"),
        (44, "4 * 11, 4 = rows of W, 11 = columns of X"),
        (np.sqrt(11), "sqrt(11), 11 = columns of X"),
        (0.125, "0.125 = lam"),
        (8, "8 = 1/lam"),
        (0.125 / 11, "0.0113636 = lam/11, 11 = columns of X"),
        (0.875, "0.875 = 1 - lam"),
        (2, "as without the 1/2 before a square"),
        (8 / 7, "1.14286 = 1/(1 - lam)"),
        (np.log(10), "ln 10"),
        (0.01, "1/100"),
    ],
)
def test_factor_is_said_as_sizes_and_scalars(factor, said):
    assert said in of(plain, X, 0.125).of_factor(factor)


@pytest.mark.parametrize("factor", [1.0, 7.3, 11.001, 2.7, np.nan])
def test_number_that_is_no_size_has_no_name(factor):
    assert of(plain, X, 0.125).of_factor(factor) == []


def test_factor_has_three_names_at_most():
    names = of(lambda params, a, b, c, d: 0.0, 0.7, 0.7, 0.7, 0.7)

    assert names.of_factor(0.7) == ["0.7 = a", "0.7 = b", "0.7 = c"]


def test_factor_of_a_penalty_is_a_scalar_over_a_size():
    names = of(plain, X, 0.375)

    assert names.of_penalty(0.375) == ["0.375 = lam"]
    assert names.of_penalty(0.375 / 11) == ["0.0340909 = lam/11, 11 = columns of X"]
    assert names.of_penalty(0.75) == ["0.75 = 2 lam"]
    assert names.of_penalty(0.375 * 10 / 11) == ["0.340909 = lam * (1 - 1/11), 11 = columns of X"]
    assert names.of_penalty(0.4) == []


def test_simple_names_of_a_factor_leave_no_room_for_far_fetched_ones():
    names = of(plain, X, 0.125, dimensions={"k": 4, "n": 2, "m": 8})

    assert names.of_factor(2.0) == ["2 = n", "as without the 1/2 before a square"]


def test_sizes_of_the_data_alone_are_positions_also_two_of_them_together():
    names = of(lambda params, X, Y: 0.0, np.ones((7, 5, 6)), np.ones((7, 2)))

    assert names.examples_of(7.0) == ["7 = axis 0 of X"]
    assert names.positions_of(6.0) == ["6 = axis 2 of X"]
    assert names.positions_of(30.0) == ["30 = 5 * 6, axes 1 and 2 of X"]
    assert names.positions_of(7.0) == names.positions_of(9.0) == []


lam = 0.37


class Named:
    """An object with an attribute that has the name of a variable of its module."""

    lam = None


def test_variables_of_the_module_that_a_cost_does_not_read_have_no_part_in_it():
    def cost(params):
        return params["W"].sum() * len(str(Named.lam))

    def reading(params):
        return params["W"].sum() * lam

    assert of(cost).of_scalar(0.37) == []
    assert of(reading).of_scalar(0.37) == ["lam"]


@pytest.mark.parametrize("value", [True, 1j, np.nan, np.inf, "0.25", None])
def test_what_is_no_finite_real_number_is_no_scalar(value):
    assert of(lambda params, lam: 0.0, value).scalars == ()


def test_what_no_signature_tells_is_no_error():
    assert Names.of(np.sum, params=[("x", (3,))]).sizes == (("length of x", 3),)


def test_variable_that_is_not_yet_assigned_is_passed_over():
    def cost(params):
        return later

    names = of(cost)
    later = 1.0

    assert names.scalars == ()
    assert later == cost(None)


def test_defaults_of_the_arguments_have_their_names_unless_they_are_given():
    def cost(params, lam=0.37, *, rate=0.21):
        return params["W"].sum() * lam * rate

    assert of(cost).of_scalar(0.37) == ["lam"]
    assert of(cost).of_scalar(0.21) == ["rate"]
    assert of(cost, 0.5).of_scalar(0.37) == []
    assert of(functools.partial(cost, rate=0.5)).of_scalar(0.21) == []


def test_plain_size_is_named_before_what_a_look_back_leaves():
    def cost(params, ids):
        return params["W"].sum() + ids.sum()

    assert of(cost, np.ones((5, 2))).positions_of(4.0) == []
    assert of(cost, np.ones((6, 2))).positions_of(5.0) == ["5 = 6 - 1, 6 = rows of ids"]


def test_penalty_is_called_by_no_number_without_a_name_and_1_by_none():
    names = Names.of(lambda params: 0.0, params=[("W", (3, 2))])

    assert names.of_factor(1.0) == names.of_penalty(1.0) == []
    assert names.of_penalty(0.01) == []
    assert names.of_penalty(1 / 3) == ["1/3, 3 = rows of W"]
