"""Every function refuses what it cannot use, and says which argument, what came, what was due."""

import numpy as np
import pytest

from backprop import Parameters, backward, cost, descend, forward, gradients, predict, tanh

rng = np.random.default_rng(0)
GOOD = {  # n0=3, n1=4, n2=2, m=5: all different, so that each message can be told apart
    "W1": rng.normal(size=(4, 3)),
    "b1": rng.normal(size=(4, 1)),
    "W2": rng.normal(size=(2, 4)),
    "b2": rng.normal(size=(2, 1)),
    "X": rng.normal(size=(3, 5)),
    "Y": rng.uniform(size=(2, 5)),
    "g1": tanh,
    "l2": 0.0,
}
W1, b1, W2, b2, X, Y = (GOOD[name] for name in ("W1", "b1", "W2", "b2", "X", "Y"))

SHAPES = {
    "W1": "(n1, n0)",
    "b1": "(n1, 1) = (4, 1)",
    "W2": "(n2, n1) with n1=4",
    "b2": "(n2, 1) = (2, 1)",
    "X": "(n0, m) with n0=3",
    "Y": "(n2, m) = (2, 5)",
}
"""What is expected of each, once those before it are known."""


def with_entry(A, value):
    A = A.copy()
    A[1, 0] = value
    return A


def for_each_array():
    """Cases that are bad for whichever array has them."""
    for name, shape in SHAPES.items():
        A = GOOD[name]
        plain = f"{name}: expected a plain numpy array of floats, got "
        dtype = f"{name} has dtype "
        nothing = A[:, :0]
        yield f"{name} is a list", {name: A.tolist()}, TypeError, [plain + "list"]
        yield f"{name} is masked", {name: np.ma.array(A)}, TypeError, [plain + "MaskedArray"]
        yield f"{name} is a matrix", {name: A.view(np.matrix)}, TypeError, [plain + "matrix"]
        yield f"{name} is a number", {name: 0.5}, TypeError, [plain + "float"]
        yield f"{name} is None", {name: None}, TypeError, [f"{name}: expected", "NoneType"]
        for kind, came, cause in [
            (np.int64, "int64", ".astype(float)"),
            (np.uint8, "uint8", ".astype(float)"),
            (bool, "bool", ".astype(float)"),
            (object, "object", "something else than numbers"),
        ]:
            words = [dtype + came, "expected floats", cause]
            yield f"{name} of {came}", {name: abs(A).astype(kind)}, TypeError, words
        for value in (np.nan, np.inf, -np.inf):
            words = [f"{name} is not finite: {name}[1, 0] is {value}", "missing value"]
            yield f"{name} with {value}", {name: with_entry(A, value)}, ValueError, words
        words = [f"{name} has shape ()", f"expected {shape}", "a single number"]
        yield f"{name} without axes", {name: np.array(0.5)}, ValueError, words
        words = [f"{name} has shape {nothing.shape}", f"expected {shape}", "at least 1"]
        yield f"{name} is empty", {name: nothing}, ValueError, words


def for_biases():
    for name, row in (("b1", (1, 4)), ("b2", (1, 2))):
        b, other = GOOD[name], np.ones((7, 1))
        expected = f"expected {SHAPES[name]}"
        words = [f"{name} has shape {b[:, 0].shape}", expected, "keepdims=True", "reshape(-1, 1)"]
        yield f"{name} of rank 1", {name: b[:, 0]}, ValueError, words
        words = [f"{name} has shape {row}", expected, "a row where a column was due", f"{name}.T"]
        yield f"{name} is a row", {name: b.T}, ValueError, words
        words = [f"{name} has shape (7, 1)", expected, f"row of W{name[1]}"]
        yield f"{name} of another length", {name: other}, ValueError, words
        words = [f"{name} has shape {2 * row[1:]}", expected, "one column"]
        yield f"{name} broadcast to a square", {name: b + b.T}, ValueError, words


OTHER_SHAPES = [
    ("W1 of rank 1", {"W1": W1[0]}, ["W1 has shape (3,)", "(n1, n0)", "W1.reshape(1, -1)"]),
    ("W1 with more rows", {"W1": np.ones((7, 3))}, ["b1 has shape (4, 1)", "(7, 1)", "row of W1"]),
    ("W1 with more columns", {"W1": np.ones((4, 7))}, ["X has shape (3, 5)", "n0=7", "W1"]),
    ("W1 transposed", {"W1": W1.T}, ["W1", "(3, 4)", "b1", "(4, 1)"]),
    ("W2 of rank 1", {"W2": W2[0]}, ["W2 has shape (4,)", SHAPES["W2"], "W2.reshape(1, -1)"]),
    ("W2 with more columns", {"W2": np.ones((2, 7))}, ["W2 has shape (2, 7)", "4", "hidden unit"]),
    ("W2 with more rows", {"W2": np.ones((7, 4))}, ["b2 has shape (2, 1)", "(7, 1)", "row of W2"]),
    ("W2 transposed", {"W2": W2.T}, ["W2 has shape (4, 2)", SHAPES["W2"], "W2.T"]),
    ("X of rank 1", {"X": X[0]}, ["X has shape (5,)", SHAPES["X"], "X.reshape(1, -1)"]),
    ("X with more rows", {"X": np.ones((7, 5))}, ["X has shape (7, 5)", SHAPES["X"], "each input"]),
    ("X transposed", {"X": X.T}, ["X has shape (5, 3)", SHAPES["X"], "transposed", "X.T"]),
    ("X of rank 3", {"X": X[None]}, ["X has shape (1, 3, 5)", SHAPES["X"], "only parameters"]),
    ("Y of rank 1", {"Y": Y[0]}, ["Y has shape (5,)", SHAPES["Y"], "Y.reshape(1, -1)"]),
    ("Y of another width", {"Y": Y[:, :4]}, ["Y has shape (2, 4)", SHAPES["Y"], "each example"]),
    ("Y with fewer rows", {"Y": Y[:1]}, ["Y has shape (1, 5)", SHAPES["Y"], "each output"]),
    ("Y transposed", {"Y": Y.T}, ["Y has shape (5, 2)", SHAPES["Y"], "transposed", "Y.T"]),
    ("Y of rank 3", {"Y": Y[None]}, ["Y has shape (1, 2, 5)", SHAPES["Y"], "only parameters"]),
    (
        "leading axes 2 and 3",
        {"W1": np.stack([W1] * 2), "b2": np.stack([b2] * 3)},
        ["leading axes", "W1 (2, 4, 3)", "b1 (4, 1)", "W2 (2, 4)", "b2 (3, 2, 1)"],
    ),
]

OTHER_VALUES = [
    (
        "Y below 0",
        {"Y": with_entry(Y, -1.0)},
        ["Y has values from -1", "expected [0, 1]", "labels"],
    ),
    ("Y above 1", {"Y": with_entry(Y, 1.5)}, ["Y has values", "to 1.5", "expected [0, 1]"]),
    ("b1 with complex nan", {"b1": with_entry(b1 + 0j, np.nan)}, ["b1 is not finite", "b1[1, 0]"]),
    ("l2 negative", {"l2": -0.5}, ["l2", "at least 0", "-0.5"]),
    ("l2 nan", {"l2": np.nan}, ["l2", "finite", "nan"]),
    ("l2 infinite", {"l2": np.inf}, ["l2", "finite", "inf"]),
    ("l2 beyond floats", {"l2": 10**400}, ["l2", "finite"]),
    (
        "three parameters",
        {"parameters": (W1, b1, W2)},
        ["parameters", "the four arrays W1, b1, W2, b2", "got 3"],
    ),
    (
        "five parameters",
        {"parameters": (W1, b1, W2, b2, b2)},
        ["parameters", "the four arrays W1, b1, W2, b2", "got 5"],
    ),
    ("g1 with a g of Z.T", {"g1": (np.transpose, np.cos)}, ["g1: its g ", "(5, 4)", "(4, 5)"]),
    ("g1 with a mean as g", {"g1": (np.mean, np.cos)}, ["g1: its g ", "()", "(4, 5)"]),
    ("g1 with a list as g", {"g1": (np.ndarray.tolist, np.cos)}, ["g1: its g ", "list", "(4, 5)"]),
]

OTHER_KINDS = [
    ("X complex", {"X": X + 0j}, ["X has dtype complex128", "expected floats", "only parameters"]),
    ("Y complex", {"Y": Y + 0j}, ["Y has dtype complex128", "expected floats", "only parameters"]),
    (
        "dict of parameters",
        {"parameters": {"W1": W1, "b1": b1, "W2": W2, "b2": b2}},
        ["parameters", "Parameters(W1, b1, W2, b2)", "got dict", "Parameters(**parameters)"],
    ),
    ("no parameters", {"parameters": None}, ["parameters", "Parameters(W1, b1, W2, b2)", "None"]),
    ("l2 a string", {"l2": "0.5"}, ["l2: expected a number", "'0.5'", "str"]),
    ("l2 None", {"l2": None}, ["l2: expected a number", "None"]),
    ("l2 True", {"l2": True}, ["l2: expected a number", "True", "bool"]),
    ("l2 an array", {"l2": np.array(0.5)}, ["l2: expected a number", "ndarray"]),
    ("l2 complex", {"l2": 1j}, ["l2: expected a number", "1j", "complex"]),
    ("l2 complex of numpy", {"l2": np.complex128(1)}, ["l2: expected a number", "complex"]),
    ("g1 a function", {"g1": np.tanh}, ["g1: expected a pair of callables", "tanh"]),
    ("g1 a name", {"g1": "tanh"}, ["g1: expected a pair of callables", "'tanh'"]),
    ("g1 None", {"g1": None}, ["g1: expected a pair of callables", "None"]),
    ("g1 of three", {"g1": (np.sin, np.cos, np.sin)}, ["g1: expected a pair of callables"]),
    ("g1 without g'", {"g1": (np.sin, None)}, ["g1: expected a pair of callables"]),
]

CASES = [
    *for_each_array(),
    *for_biases(),
    *((case, changes, ValueError, words) for case, changes, words in OTHER_SHAPES + OTHER_VALUES),
    *((case, changes, TypeError, words) for case, changes, words in OTHER_KINDS),
]


def call(function, changes):
    arguments = {**GOOD, **changes}
    parameters = Parameters(*(arguments.pop(name) for name in Parameters._fields))
    return function(**{"parameters": parameters, **arguments})


def assert_refused(function, changes, error, words):
    with pytest.raises(error) as refusal:
        call(function, changes)
    for word in words:
        assert word in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [pytest.param(*rest, id=case) for case, *rest in CASES],
)
def test_bad_argument_is_named_with_what_came_and_what_was_due(changes, error, words):
    for function in (cost, backward, gradients, descend):
        assert_refused(function, changes, error, words)

    if not changes.keys() & {"Y", "l2"}:
        for function in (forward, predict):
            assert_refused(
                lambda parameters, X, Y, g1, l2, function=function: function(parameters, X, g1),
                changes,
                error,
                words,
            )


@pytest.mark.parametrize(
    ("g_prime", "came"),
    [(np.transpose, "shape (5, 4)"), (np.mean, "shape ()"), (lambda Z: 1.0, "float")],
    ids=["transpose", "mean", "number"],
)
def test_derivative_of_another_shape_is_refused(g_prime, came):
    words = ["g1: its g' returned", came, "(4, 5)", "elementwise"]
    for function in (backward, gradients, descend):
        assert_refused(function, {"g1": (np.sin, g_prime)}, ValueError, words)


def test_message_in_full():
    with pytest.raises(ValueError, match=r"^b1 has") as refusal:
        call(cost, {"b1": b1[:, 0]})

    assert str(refusal.value) == (
        "b1 has shape (4,), expected (n1, 1) = (4, 1): a bias is a column, and a rank-1 array "
        "would broadcast along the examples; np.sum without keepdims=True makes such arrays, "
        ".reshape(-1, 1) mends them"
    )


@pytest.mark.parametrize("sequence", [tuple, list])
def test_parameters_may_be_any_sequence(sequence):
    assert cost(sequence((W1, b1, W2, b2)), X, Y) == cost(Parameters(W1, b1, W2, b2), X, Y)


@pytest.mark.parametrize("l2", [0, 1, 0.5, np.float32(0.5), np.int64(1)], ids=repr)
def test_penalty_may_be_any_real_number(l2):
    assert call(cost, {"l2": l2}) >= call(cost, {})


def test_huge_and_finite_is_finite():
    """Finiteness is tested on a sum of squares, which overflows here."""
    assert np.isfinite(call(cost, {"b1": 1e200 * b1}))
