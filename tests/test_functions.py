"""The user's callables are called with copies, counted, and never trusted."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.functions import Cost, Function, as_scalar, parameter_name, split_pair
from gradcheck.parameters import flatten

X = np.array([1.0, 2.0, -3.0])
POINTS = np.stack([X, X + 1, X + 2])


class Constants(NamedTuple):
    A: Any


def function(call, *args, params=X, kind=Function, name="grad"):
    layout, x = flatten(params)
    return kind(name, call, layout, args), x


def cost(call, *args, params=X):
    return function(call, *args, params=params, kind=Cost, name="cost")


class Loud:
    """Holds a number and will not give it away."""

    def __float__(self):
        raise RuntimeError("not on this device")


@pytest.mark.parametrize(
    "value",
    [
        2.5,
        np.float64(2.5),
        np.float32(2.5),
        np.longdouble(2.5),
        np.array(2.5),
        np.array([2.5]),
        np.array([[2.5]], dtype=np.float32),
    ],
    ids=repr,
)
def test_one_real_number_is_a_scalar(value):
    scalar = as_scalar(value)

    assert type(scalar) is float
    assert scalar == 2.5


@pytest.mark.parametrize("value", [2, np.int64(2), np.array([2])], ids=repr)
def test_whole_number_is_a_scalar(value):
    assert as_scalar(value) == 2.0


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        (True, "a truth value"),
        (np.True_, "a truth value"),
        ("2.5", "the text '2.5'"),
        (b"2.5", "the text b'2.5'"),
        ((2.5,), "a tuple of length 1"),
        ([2.5, 1.0], "a list of length 2"),
        ({"J": 2.5}, "a dict of length 1"),
        (np.zeros(3), "shape (3,)"),
        (np.zeros((1, 5)), "shape (1, 5)"),
        (np.zeros((0, 2)), "shape (0, 2)"),
        (2 + 0j, "a complex number"),
        (np.complex64(2), "a complex number"),
        (np.array([2 + 0j]), "a complex array"),
        (np.array(None), "an object of type ndarray"),
        (int, "an object of type type"),
    ],
    ids=repr,
)
def test_what_is_no_real_number_is_no_scalar_and_says_what_it_is(value, words):
    with pytest.raises(InvalidType) as raised:
        as_scalar(value)

    assert str(raised.value) == words


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (np.array([True]), "truth"),
        (np.array("2.5"), "text"),
        (np.array([b"2.5"]), "text"),
        (np.ma.masked, "mask"),
        (np.ma.array([2.5], mask=True), "mask"),
        (Loud(), "Loud"),
        (10**400, "int"),
    ],
    ids=["truth value", "text", "bytes", "masked", "masked array", "no conversion", "huge int"],
)
def test_what_only_looks_like_a_number_is_no_scalar_either(value, word):
    with pytest.raises(InvalidType, match=word):
        as_scalar(value)


def test_reused_buffer_gives_each_point_its_own_value():
    buffer = np.empty(1)

    def call(x):
        buffer[0] = x.sum()
        return buffer

    f, _ = cost(call)

    np.testing.assert_array_equal(f.values(POINTS), POINTS.sum(axis=1), strict=True)


def test_each_call_gets_parameters_of_its_own():
    def call(x):
        x *= 0
        return x.sum()

    f, x = cost(call)

    f.values(POINTS)
    f.at_point(x)

    np.testing.assert_array_equal(x, [1.0, 2.0, -3.0])
    np.testing.assert_array_equal(POINTS[0], x)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda A: A,
        lambda A: [A],
        lambda A: (A, 1),
        lambda A: {"A": A},
        lambda A: [{"A": (A,)}],
        Constants,
    ],
    ids=["array", "list", "tuple", "dict", "nested", "NamedTuple"],
)
def test_arrays_in_args_are_copies_and_stay_as_they_were(wrap):
    A = np.ones(2)

    def arrays(node):
        if isinstance(node, np.ndarray):
            return [node]
        below = node.values() if isinstance(node, dict) else node
        return [a for v in below if not isinstance(v, int) for a in arrays(v)]

    def call(x, node):
        arrays(node)[0][:] *= 2
        return x.sum() * arrays(node)[0][0]

    f, x = cost(call, wrap(A))

    assert f.at_point(x) == 0.0
    np.testing.assert_array_equal(f.values(POINTS), 2 * POINTS.sum(axis=1))
    np.testing.assert_array_equal(A, [1.0, 1.0])
    assert f.changed == {"args"}


def test_arrays_in_args_stay_as_they_were_when_a_later_call_changes_them():
    A = np.ones(2)

    def call(x, A):
        if x[0] > 1.5:
            A *= 0
        return x.sum()

    f, x = cost(call, A)

    f.at_point(x)
    f.values(POINTS)

    np.testing.assert_array_equal(A, [1.0, 1.0])


def test_args_that_hold_no_arrays_are_handed_on_as_they_are():
    generator = np.random.default_rng(0)
    f, x = function(lambda x, *args: args, generator, "text", 3)

    assert f(x) == (generator, "text", 3)


@pytest.mark.parametrize(
    ("call", "changed"),
    [
        (lambda p, A: 0.0, set()),
        (lambda p, A: p["W"].fill(0), {"params"}),
        (lambda p, A: p["W"].__setitem__(1, np.nan), {"params"}),
        (lambda p, A: p.pop("W"), {"params"}),
        (lambda p, A: p.update(V=1.0), {"params"}),
        (lambda p, A: p.update(W=1.0), {"params"}),
        (lambda p, A: p.update(W=np.ones(2)), {"params"}),
        (lambda p, A: A.fill(0), {"args"}),
        (lambda p, A: (p["W"].fill(0), A.fill(0)), {"params", "args"}),
    ],
    ids=["nothing", "fill", "NaN", "pop", "add", "number", "shape", "args", "both"],
)
def test_changes_of_what_was_handed_out_are_seen(call, changed):
    f, x = function(call, np.array([1.0, np.nan]), params={"W": X})

    f.watched(x)

    assert f.changed == changed


@pytest.mark.parametrize("error", [ValueError("bad step"), ZeroDivisionError(), RecursionError()])
def test_exception_off_the_point_is_nan(error):
    def call(x):
        if x[0] > 1.5:
            raise error
        return x.sum()

    f, _ = cost(call)

    np.testing.assert_array_equal(f.values(POINTS), [0.0, np.nan, np.nan])
    assert f.trouble == f"raised {type(error).__name__}: {error}".removesuffix(": ")


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, None, "text", np.zeros(3)], ids=repr)
def test_what_is_no_finite_number_off_the_point_is_nan(value):
    f, _ = cost(lambda x: x.sum() if x[0] < 1.5 else value)

    np.testing.assert_array_equal(f.values(POINTS), [0.0, np.nan, np.nan])


def test_what_is_no_number_off_the_point_is_trouble_too():
    layout, x = flatten(np.ones(1))
    f = Cost("cost", lambda x: None, layout)

    assert np.isnan(f.value(x))
    assert f.trouble == "returned None"


def test_first_trouble_is_kept():
    def call(x):
        raise ValueError(f"no value at {x[0]:g}")

    f, _ = cost(call)

    f.values(POINTS)

    assert f.trouble == "raised ValueError: no value at 1"


def test_overflow_off_the_point_is_neither_a_warning_nor_trouble():
    f, _ = cost(lambda x: np.exp(1000 * x).sum())

    assert np.isnan(f.values(POINTS)).all()
    assert f.trouble == ""


@pytest.mark.parametrize("error", [ValueError("singular"), RecursionError("too deep")])
def test_exception_at_the_point_is_invalid_input_that_names_it(error):
    def call(x):
        raise error

    f, x = function(call)

    with pytest.raises(InvalidInput) as raised:
        f.watched(x)
    assert raised.value.__cause__ is error
    kind = type(error).__name__
    assert str(raised.value) == f"`grad` raised {kind} at the point of the check: {error}"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupts_pass_through(interrupt):
    def call(x):
        raise interrupt

    f, x = cost(call)

    with pytest.raises(interrupt):
        f.at_point(x)
    with pytest.raises(interrupt):
        f.values(POINTS)


def test_calls_are_counted():
    f, x = cost(np.sum)

    f.at_point(x)
    f.value(x)
    f.values(POINTS)

    assert f.evaluations == 5


@pytest.mark.parametrize(
    ("value", "eps"),
    [
        (1.0, 2.0**-52),
        (1, 2.0**-52),
        (np.float64(1), 2.0**-52),
        (np.longdouble(1), 2.0**-52),
        (np.float32(1), 2.0**-23),
        (np.array([1], dtype=np.float16), 2.0**-10),
    ],
    ids=repr,
)
def test_dtype_of_the_cost_tells_its_rounding_unit(value, eps):
    """Values are compared as doubles, so that longer ones are rounded too."""
    f, x = cost(lambda x: value)

    f.at_point(x)

    assert f.eps == eps


@pytest.mark.parametrize("call", [None, 3.0, "cost"], ids=repr)
def test_what_cannot_be_called_is_refused(call):
    with pytest.raises(
        InvalidType, match=f"`grad`: expected a callable, got {type(call).__name__}"
    ):
        function(call)


@pytest.mark.parametrize("kind", [tuple, list])
def test_pair_of_value_and_gradient_is_split(kind):
    f, g = split_pair(lambda x, a: kind([a * x.sum(), a * np.ones(3)]))

    assert f(X, 2.0) == 0.0
    np.testing.assert_array_equal(g(X, 2.0), [2.0, 2.0, 2.0])


@pytest.mark.parametrize("value", [1.0, (1.0,), (1.0, 2.0, 3.0), np.ones(2)], ids=repr)
def test_anything_but_a_pair_is_refused(value):
    f, _ = split_pair(lambda x: value)

    with pytest.raises(InvalidType, match=r"returns the pair \(value, gradient\)") as raised:
        f(X)
    assert str(raised.value).endswith(f"it returned {type(value).__name__}")


class Model:
    def loss(self, weights, X):
        return 0.0

    def __call__(self, theta):
        return 0.0


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda w: 0.0, "w"),
        (lambda w, /, X: 0.0, "w"),
        (partial(lambda X, w: 0.0, X), "w"),
        (Model().loss, "weights"),
        (Model(), "theta"),
        (lambda *w: 0.0, "x"),
        (lambda _: 0.0, "x"),
        (lambda: 0.0, "x"),
        (np.sum, "x"),
        (np.cos, "x"),
        (abs, "x"),
        (None, "x"),
    ],
)
def test_bare_parameters_go_by_the_name_that_the_cost_has_for_them(call, name):
    assert parameter_name(call) == name
