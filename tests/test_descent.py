import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import assert_within, networks

from backprop import (
    ACTIVATIONS,
    Parameters,
    cost,
    descend,
    gradients,
    identity,
    initialise,
    predict,
    tanh,
)

EPS = np.finfo(float).eps

XOR = np.array([[-1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0]])
ODD = np.array([[0.0, 1.0, 1.0, 0.0]])

SCALES = ["fan-in", "small"]


def separable(seed=0, m=40):
    """Points on both sides of a line through 0."""
    X = np.random.default_rng(seed).normal(size=(2, m))
    return X, (X[:1] > X[1:]).astype(float)


def assert_same(first, second):
    for A, B in zip(first, second, strict=True):
        np.testing.assert_array_equal(A, B, strict=True)


def norm(arrays):
    return np.sqrt(sum((A**2).sum() for A in arrays))


@pytest.mark.parametrize("scale", SCALES)
def test_initial_weights_differ_and_initial_biases_are_zero(scale):
    W1, b1, W2, b2 = initialise(3, 4, 2, scale=scale, rng=0)

    assert [A.shape for A in (W1, b1, W2, b2)] == [(4, 3), (4, 1), (2, 4), (2, 1)]
    assert len(np.unique(W1)) == W1.size
    assert len(np.unique(W2)) == W2.size
    assert not b1.any()
    assert not b2.any()


@pytest.mark.parametrize(
    ("scale", "deviations"),
    [("fan-in", (1 / np.sqrt(400), 1 / np.sqrt(300))), ("small", (0.01, 0.01))],
    ids=SCALES,
)
def test_initial_weights_have_the_standard_deviation_of_their_scale(scale, deviations):
    W1, _, W2, _ = initialise(400, 300, 200, scale=scale, rng=0)

    for W, deviation in ((W1, deviations[0]), (W2, deviations[1])):
        # Five standard deviations of a mean and of a standard deviation of so many.
        assert abs(W.mean()) < 5 * deviation / np.sqrt(W.size)
        assert abs(W.std() / deviation - 1) < 5 / np.sqrt(2 * W.size)


@pytest.mark.parametrize("scale", SCALES)
def test_a_seed_and_its_generator_give_the_same_weights(scale):
    seeded = initialise(3, 4, scale=scale, rng=7)

    assert_same(seeded, initialise(3, 4, scale=scale, rng=7))
    assert_same(seeded, initialise(3, 4, scale=scale, rng=np.random.default_rng(7)))


def test_other_seeds_and_further_draws_give_other_weights():
    rng = np.random.default_rng(7)
    firsts = [initialise(3, 4, rng=source).W1[0, 0] for source in (rng, rng, 8, None, None)]

    assert len(set(firsts)) == len(firsts)


def test_same_seed_gives_the_same_training_bit_for_bit():
    X, Y = separable()
    first, second = (descend(initialise(2, 3, rng=3), X, Y, iterations=50) for _ in range(2))

    assert_same(first.parameters, second.parameters)
    assert first.costs == second.costs


@given(networks(), st.floats(1 / 16, 4))
def test_an_update_subtracts_alpha_times_the_gradient(network, alpha):
    result = descend(*network.arguments, alpha=alpha, iterations=1)

    for A, dA, updated in zip(
        network.parameters, gradients(*network.arguments), result.parameters, strict=True
    ):
        assert_within(EPS * (abs(A) + abs(alpha * dA)), updated, A - alpha * dA)
    assert result.costs == [
        cost(*network.arguments),
        cost(result.parameters, *network.arguments[1:]),
    ]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_separable_points_are_fitted(name):
    X, Y = separable()
    g1 = ACTIVATIONS[name]

    result = descend(initialise(2, 3, rng=0), X, Y, g1)

    assert result.converged
    assert result.costs[-1] < 0.02 < 0.5 < result.costs[0]
    np.testing.assert_array_equal(predict(result.parameters, X, g1), Y == 1, strict=True)


@pytest.mark.parametrize("seed", range(3))
def test_xor_is_fitted(seed):
    result = descend(initialise(2, 4, rng=seed), XOR, ODD)

    assert result.converged
    assert result.costs[-1] < 0.02 < 0.5 < result.costs[0]
    np.testing.assert_array_equal(predict(result.parameters, XOR), ODD == 1, strict=True)


def test_weights_that_start_at_zero_stay_there():
    """Why they start at random: of all parameters only b2 learns."""
    X, Y = separable(m=7)
    Z1, Z2 = np.zeros((3, 1)), np.zeros((1, 1))

    W1, b1, W2, b2 = descend(
        Parameters(np.zeros((3, 2)), Z1, np.zeros((1, 3)), Z2), X, Y
    ).parameters

    assert not W1.any()
    assert not b1.any()
    assert not W2.any()
    assert b2 != 0


def test_equal_units_stay_equal():
    """Why the weights start out different: equal units get equal gradients."""
    X, Y = separable()
    W1, b1, W2, b2 = initialise(2, 1, rng=0)
    equal = Parameters(np.repeat(W1, 3, axis=0), np.repeat(b1, 3, axis=0), np.repeat(W2, 3, 1), b2)

    W1, b1, W2, _ = descend(equal, X, Y, alpha=0.1, iterations=20).parameters

    # Twenty updates, each of some ulps, of which none grows a difference by half.
    bound = 20 * 32 * EPS * 1.5**20
    assert_within(bound, W1, W1[[0, 0, 0]])
    assert_within(bound, b1, b1[[0, 0, 0]])
    assert_within(bound, W2, W2[:, [0, 0, 0]])


@pytest.mark.parametrize("rest", [1e-2, 1e-3, 1e-4])
def test_descent_stops_at_the_first_update_that_is_small(rest):
    X, Y = separable()
    alpha = 0.7
    visited = []

    result = descend(
        initialise(2, 3, rng=0),
        X,
        Y,
        alpha=alpha,
        rest=rest,
        callback=lambda iteration, parameters, cost: visited.append(parameters),
    )

    sizes = [
        alpha * norm(gradients(before, X, Y)) / norm(after) for before, after in pairwise(visited)
    ]
    assert result.converged
    # The last update moves the norm of the parameters by at most this factor.
    assert sizes[-1] <= rest * (1 + rest)
    assert min(sizes[:-1]) > rest * (1 - rest)


def test_descent_without_rest_makes_all_iterations():
    X, Y = separable()

    result = descend(initialise(2, 3, rng=0), X, Y, rest=0, iterations=70)

    assert result.iterations == 70
    assert len(result.costs) == 71
    assert not result.converged


def test_descent_without_rest_makes_all_iterations_also_where_the_gradient_is_zero():
    zero = np.zeros((1, 1))
    start = Parameters(zero, zero, zero, zero)

    result = descend(start, zero, np.full((1, 1), 0.5), rest=0, iterations=3)

    assert result.iterations == 3
    assert not result.converged


def test_no_iterations_give_the_start_and_its_cost():
    X, Y = separable()
    start = initialise(2, 3, rng=0)

    result = descend(start, X, Y, iterations=0)

    assert_same(result.parameters, start)
    assert result.costs == [cost(start, X, Y)]
    assert not result.converged


def test_callback_sees_every_iteration_with_its_parameters_and_cost():
    X, Y = separable()
    start = initialise(2, 3, rng=0)
    seen = []

    result = descend(start, X, Y, tanh, 0.5, iterations=5, callback=lambda *a: seen.append(a))

    iterations, visited, costs = zip(*seen, strict=True)
    assert iterations == (0, 1, 2, 3, 4, 5)
    assert list(costs) == result.costs
    assert [cost(parameters, X, Y, tanh, 0.5) for parameters in visited] == result.costs
    assert_same(visited[0], start)
    assert_same(visited[-1], result.parameters)


@pytest.mark.parametrize("iterations", [0, 1, 5])
def test_arrays_that_come_in_are_neither_changed_nor_given_out(iterations):
    X, Y = separable()
    start = initialise(2, 3, rng=0)
    for A in (*start, X, Y):
        A.flags.writeable = False
    visited = []

    result = descend(
        start, X, Y, iterations=iterations, callback=lambda _, p, cost: visited.append(p)
    )

    for parameters in (*visited, result.parameters):
        assert not any(np.shares_memory(A, B) for A, B in zip(start, parameters, strict=True))


@pytest.mark.parametrize("alpha", [1, 0.5, np.float64(0.5), np.float32(0.5)], ids=repr)
def test_single_precision_stays_single(alpha):
    X, Y = (A.astype(np.float32) for A in separable())
    start = [A.astype(np.float32) for A in initialise(2, 3, rng=0)]

    result = descend(start, X, Y, alpha=alpha, iterations=3)

    assert {A.dtype.name for A in result.parameters} == {"float32"}


@pytest.mark.parametrize(
    ("g1", "l2", "alpha"),
    [(tanh, 100.0, 1.0), (tanh, 100.0, 1e300), (identity, 0.0, 1e3)],
    ids=["penalty", "at once", "identity"],
)
@pytest.mark.parametrize("rest", [0, 1e-4])
def test_overflow_is_an_error_that_names_alpha(g1, l2, alpha, rest):
    """And is never taken for convergence, when both sides of the rule are infinite."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(3, 5)), rng.uniform(size=(2, 5))

    with pytest.raises(FloatingPointError, match=re.escape(f"alpha={alpha:g}")):
        descend(initialise(3, 4, 2, rng=rng), X, Y, g1, l2, alpha=alpha, rest=rest)


BAD_FOR_DESCEND = [
    ("alpha", 0, ValueError, ["greater than 0", "got 0"]),
    ("alpha", -1.0, ValueError, ["greater than 0", "-1.0"]),
    ("alpha", np.nan, ValueError, ["finite", "nan"]),
    ("alpha", np.inf, ValueError, ["finite", "inf"]),
    ("alpha", "1", TypeError, ["a number", "'1'", "str"]),
    ("alpha", None, TypeError, ["a number", "None"]),
    ("alpha", True, TypeError, ["a number", "True"]),
    ("alpha", np.ones(1), TypeError, ["a number", "ndarray"]),
    ("rest", -1e-4, ValueError, ["at least 0", "-0.0001"]),
    ("rest", np.nan, ValueError, ["finite", "nan"]),
    ("rest", "0", TypeError, ["a number", "'0'"]),
    ("iterations", -1, ValueError, ["at least 0", "-1"]),
    ("iterations", 10.0, TypeError, ["an integer", "10.0"]),
    ("iterations", True, TypeError, ["an integer", "True"]),
    ("iterations", "10", TypeError, ["an integer", "'10'"]),
    ("callback", 3, TypeError, ["callable", "3"]),
]


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    BAD_FOR_DESCEND,
    ids=[f"{name}={value!r}" for name, value, *_ in BAD_FOR_DESCEND],
)
def test_bad_setting_of_descent_is_named(name, value, error, words):
    X, Y = separable()
    with pytest.raises(error) as refusal:
        descend(initialise(2, 3, rng=0), X, Y, **{name: value})
    for word in [name, *words]:
        assert word in str(refusal.value)


@pytest.mark.parametrize(
    "parameters",
    [
        [np.stack([A, A]) for A in initialise(2, 3, rng=0)],
        [A.astype(complex) for A in initialise(2, 3, rng=0)],
    ],
    ids=["leading axes", "complex"],
)
def test_descent_needs_one_real_set_of_parameters(parameters):
    X, Y = separable()
    with pytest.raises((TypeError, ValueError), match=r"parameters|W1"):
        descend(parameters, X, Y)


BAD_FOR_INITIALISE = [
    ("n0", 0, ValueError, ["at least 1", "got 0"]),
    ("n1", -2, ValueError, ["at least 1", "got -2"]),
    ("n2", 0, ValueError, ["at least 1", "got 0"]),
    ("n0", 2.0, TypeError, ["an integer", "2.0", "float"]),
    ("n1", "3", TypeError, ["an integer", "'3'", "str"]),
    ("n2", True, TypeError, ["an integer", "True", "bool"]),
    ("n2", None, TypeError, ["an integer", "None"]),
    ("scale", "large", ValueError, ['"fan-in" or "small"', "'large'"]),
    ("scale", 0.01, ValueError, ['"fan-in" or "small"', "0.01"]),
    ("scale", None, ValueError, ['"fan-in" or "small"', "None"]),
]


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    BAD_FOR_INITIALISE,
    ids=[f"{name}={value!r}" for name, value, *_ in BAD_FOR_INITIALISE],
)
def test_bad_setting_of_the_start_is_named(name, value, error, words):
    with pytest.raises(error) as refusal:
        initialise(**{"n0": 2, "n1": 3, name: value})
    for word in [name, *words]:
        assert word in str(refusal.value)


def test_sizes_may_be_numpy_integers():
    assert initialise(np.int64(2), np.int32(3)).W1.shape == (3, 2)
