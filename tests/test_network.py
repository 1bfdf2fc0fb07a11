import exact
import numpy as np
import pytest
from hypothesis import assume, find, given, settings
from hypothesis import strategies as st
from networks import LARGEST, ROUND, assert_within, networks, rounding

from backprop import (
    Backward,
    Gradients,
    Parameters,
    backward,
    cost,
    forward,
    gradients,
    identity,
    loss,
    predict,
    tanh,
)

EPS = np.finfo(float).eps
TINY = np.finfo(float).tiny
H = 1e-30
"""Imaginary step: its square, the truncation error, is nothing beside one ulp."""

SINE = (np.sin, np.cos)
"""A pair of one's own."""


def assert_agree(arguments, J, d):
    """Fail if `J` or `d` differ from the values at `arguments` by more than rounding does."""
    J_bound, bounds = rounding(*arguments)
    truths = backward(*arguments)
    # Twice, since both sides are rounded.
    assert_within(2 * J_bound, J, cost(*arguments))
    for name, dA in d._asdict().items():
        assert_within(2 * getattr(bounds, name), dA, getattr(truths, name))


def assert_gradients_agree_with_the_complex_step(arguments):
    _, bounds = rounding(*arguments)
    derivatives = complex_step(*arguments)
    for name, dA in gradients(*arguments)._asdict().items():
        # Twice, since both sides are rounded; the imaginary part underflows below TINY.
        bound = 2 * getattr(bounds, name) + TINY / H
        assert_within(bound, dA, getattr(derivatives, name))


def complex_step(parameters, X, Y, g1, l2=0.0):
    """Derivatives of the cost without cancellation, all entries of a parameter in one call."""
    derivatives = []
    for name, A in parameters._asdict().items():
        steps = 1j * H * np.eye(A.size).reshape(A.size, *A.shape)
        J = cost(parameters._replace(**{name: A + steps}), X, Y, g1, l2)
        derivatives.append(J.imag.reshape(A.shape) / H)
    return Gradients(*derivatives)


@given(networks())
def test_forward_and_cost_are_the_formulas_of_the_lecture(network):
    parameters, X, _, g1, _ = network.arguments
    result = forward(parameters, X, g1)
    assume(abs(result.Z2).max() < 40)  # beyond it, 1 - A2 needs more digits than `exact` has
    truth, J = exact.forward_and_cost(network)
    J_bound, bounds = rounding(*network.arguments)

    np.testing.assert_array_equal(result.Z1, truth.Z1, strict=True)
    assert_within(8 * EPS * abs(truth.A1), result.A1, truth.A1)
    assert_within(bounds.dZ2, result.Z2, truth.Z2)
    assert_within(bounds.dZ2, result.A2, truth.A2)
    assert_within(J_bound, cost(*network.arguments), J)


@given(networks())
def test_every_result_has_the_shape_of_its_matrix_or_parameter(network):
    """A bias's gradient is a column, never of rank 1."""
    parameters, X, Y, g1, _ = network.arguments
    of_hidden, of_output = (len(parameters.W1), X.shape[1]), Y.shape
    of = {f"d{name}": A.shape for name, A in parameters._asdict().items()}

    def shapes(result):
        return {name: A.shape for name, A in result._asdict().items()}

    assert shapes(forward(parameters, X, g1)) == {
        "Z1": of_hidden,
        "A1": of_hidden,
        "Z2": of_output,
        "A2": of_output,
    }
    assert shapes(backward(*network.arguments)) == {
        "dZ2": of_output,
        "dA1": of_hidden,
        "dZ1": of_hidden,
        **of,
    }
    assert shapes(gradients(*network.arguments)) == of
    assert np.shape(cost(*network.arguments)) == ()
    assert predict(parameters, X, g1).shape == of_output


@given(networks())
def test_gradients_agree_with_the_complex_step(network):
    Z1 = forward(network.parameters, network.X, network.g1).Z1
    assume("relu" not in network.activation or Z1.all())  # no derivative at 0

    assert_gradients_agree_with_the_complex_step(network.arguments)


@given(networks())
def test_dZ_is_the_gradient_by_the_bias_of_each_example_alone(network):
    """It is a derivative of the summed loss: no 1/m is in it."""
    parameters, X, Y, g1, _ = network.arguments
    d = backward(*network.arguments)

    for i in range(X.shape[1]):
        alone = parameters, X[:, [i]], Y[:, [i]], g1
        _, bounds = rounding(*alone)
        truth = gradients(*alone)
        assert_within(2 * bounds.db1, d.dZ1[:, [i]], truth.db1)
        assert_within(2 * bounds.db2, d.dZ2[:, [i]], truth.db2)


@given(networks())
def test_backward_tells_the_gradients_with_their_intermediates(network):
    d = backward(*network.arguments)
    Z1 = forward(network.parameters, network.X, network.g1).Z1

    np.testing.assert_array_equal(d.dZ1, d.dA1 * network.g1.g_prime(Z1), strict=True)
    for name, dA in gradients(*network.arguments)._asdict().items():
        np.testing.assert_array_equal(dA, getattr(d, name), strict=True)


TARGET = st.sampled_from((0.0, 1.0)) | st.floats(0, 1, allow_subnormal=False)
EXTREME = st.floats(-50, 50, allow_subnormal=False) | st.floats(-1e4, 1e4, allow_subnormal=False)


@given(st.lists(st.tuples(EXTREME, TARGET), min_size=1, max_size=6).map(np.array))
def test_cost_and_gradients_are_right_at_extreme_outputs(pairs):
    X, Y = pairs.T[:, None, :]
    one, zero = np.ones((1, 1)), np.zeros((1, 1))
    through = Parameters(W1=one, b1=zero, W2=one, b2=zero), X, Y, identity
    m = X.shape[1]
    losses = exact.losses(X, Y)
    dZ2 = exact.exactly(exact.EXACT["sigmoid"][0], X) - Y

    # All terms of a loss are positive: each of the few operations costs it an ulp.
    np.testing.assert_allclose(loss(X, Y), losses, rtol=8 * EPS, atol=TINY * EPS)
    np.testing.assert_allclose(cost(*through), losses.mean(), rtol=16 * EPS, atol=TINY * EPS)
    d = backward(*through)
    for dZ in (d.dZ2, d.dA1, d.dZ1):
        assert_within(4 * EPS, dZ, dZ2)
    for db in (d.db1, d.db2):
        assert_within(16 * EPS, db, dZ2.mean(keepdims=True))
    for dW in (d.dW1, d.dW2):
        assert_within(16 * EPS * (abs(X).mean() + TINY), dW, dZ2 @ X.T / m)


@given(networks(penalties=(0.5, 1.0, 3.0)))
def test_penalty_is_of_the_weights_and_not_of_the_biases(network):
    (W1, _, W2, _), X, Y, g1, l2 = network.arguments
    m = X.shape[1]
    penalty = l2 / (2 * m) * (sum(w**2 for w in W1.flat) + sum(w**2 for w in W2.flat))
    J = cost(network.parameters, X, Y, g1)
    dW1, db1, dW2, db2 = gradients(network.parameters, X, Y, g1)

    penalised = gradients(*network.arguments)

    J_bound, bounds = rounding(*network.arguments)
    assert_within(J_bound, cost(*network.arguments), J + penalty)
    assert_within(bounds.dW1, penalised.dW1, dW1 + l2 / m * W1)
    assert_within(bounds.dW2, penalised.dW2, dW2 + l2 / m * W2)
    np.testing.assert_array_equal(penalised.db1, db1, strict=True)
    np.testing.assert_array_equal(penalised.db2, db2, strict=True)


FACTORS = st.lists(st.sampled_from((1.0, 0.0, -1.0, 0.5, 2.0)), min_size=1, max_size=4)
STACKED = st.sets(st.sampled_from(Parameters._fields), min_size=1)


def stack(parameters, factors, names):
    """Multiples of the parameters of these names, all along one axis and each alone."""

    def scaled(factor):
        return parameters._replace(**{name: factor * getattr(parameters, name) for name in names})

    return scaled(np.array(factors)[:, None, None]), [scaled(factor) for factor in factors]


@given(networks(), FACTORS, STACKED)
def test_leading_axes_equal_single_calls(network, factors, names):
    """Whether all parameters have them or only some."""
    parameters, *rest = network.arguments
    together, singles = stack(parameters, factors, names)

    J, d = cost(together, *rest), backward(together, *rest)

    assert {len(A) for A in (J, *d)} == {len(singles)}
    for k, single in enumerate(singles):
        assert_agree((single, *rest), J[k], Backward(*(dA[k] for dA in d)))


@given(networks(), FACTORS, STACKED)
def test_leading_axes_equal_single_calls_forward(network, factors, names):
    parameters, X, _, g1, _ = network.arguments
    together, singles = stack(parameters, factors, names)

    results = forward(together, X, g1)

    # Z1 and A1 need no axis that neither W1 nor b1 has.
    Z1, A1, Z2, A2 = (np.broadcast_to(A, (len(singles), *A.shape[-2:])) for A in results)
    for k, single in enumerate(singles):
        _, bounds = rounding(single, *network.arguments[1:])
        truth = forward(single, X, g1)
        np.testing.assert_array_equal(Z1[k], truth.Z1, strict=True)
        assert_within(16 * EPS * abs(truth.A1), A1[k], truth.A1)
        assert_within(2 * bounds.dZ2, Z2[k], truth.Z2)
        assert_within(2 * bounds.dZ2, A2[k], truth.A2)


def test_leading_axes_broadcast_against_each_other():
    rng = np.random.default_rng(0)
    W1, b1 = rng.integers(-8, 9, size=(2, 1, 4, 3)) / 8, rng.integers(-8, 9, size=(4, 1)) / 8
    W2, b2 = rng.integers(-8, 9, size=(3, 2, 4)) / 8, rng.integers(-8, 9, size=(2, 1, 2, 1)) / 8
    X, Y = rng.integers(-8, 9, size=(3, 5)) / 8, rng.uniform(size=(2, 5))

    J = cost((W1, b1, W2, b2), X, Y)
    d = gradients((W1, b1, W2, b2), X, Y)

    assert J.shape == (2, 3)
    assert {dA.shape[:2] for dA in d} == {(2, 3)}
    for i, j in np.ndindex(2, 3):
        single = Parameters(W1[i, 0], b1, W2[j], b2[i, 0])
        assert_agree((single, X, Y, tanh), J[i, j], Gradients(*(dA[i, j] for dA in d)))


@given(networks())
def test_complex_parameters_give_a_complex_cost(network):
    parameters, *rest = network.arguments
    J_bound, _ = rounding(*network.arguments)

    J = cost([A.astype(complex) for A in parameters], *rest)

    assert J.dtype == complex
    assert J.imag == 0
    assert_within(2 * J_bound, J.real, cost(*network.arguments))


@given(networks(), st.permutations(range(LARGEST)))
def test_order_of_the_examples_does_not_matter(network, order):
    parameters, X, Y, *rest = network.arguments
    order = [i for i in order if i < X.shape[1]]
    permuted = parameters, X[:, order], Y[:, order], *rest

    assert_agree(network.arguments, cost(*permuted), gradients(*permuted))


@given(networks())
def test_examples_given_twice_change_nothing(network):
    """The mean stays; of the penalty the examples' number takes half, so `l2` is doubled."""
    parameters, X, Y, g1, l2 = network.arguments
    twice = parameters, np.tile(X, 2), np.tile(Y, 2), g1, 2 * l2

    assert_agree(network.arguments, cost(*twice), gradients(*twice))


@given(networks(), st.lists(st.sampled_from(ROUND.tolist()), min_size=LARGEST, max_size=LARGEST))
def test_bias_makes_up_for_a_shift_of_the_inputs(network, shift):
    """``W1 (X + c) + (b1 - W1 c)`` is `Z1` again; only dW1 sees the other inputs."""
    parameters, X, *rest = network.arguments
    c = np.array(shift[: len(X)])[:, None]
    shifted = parameters._replace(b1=parameters.b1 - parameters.W1 @ c), X + c, *rest
    dW1, db1, _, _ = gradients(*network.arguments)
    _, bounds = rounding(*network.arguments)
    _, shifted_bounds = rounding(*shifted)

    d = gradients(*shifted)

    assert_agree(network.arguments, cost(*shifted), d._replace(dW1=dW1))
    bound = bounds.dW1 + bounds.db1 @ abs(c).T + shifted_bounds.dW1
    assert_within(bound, d.dW1, dW1 + db1 @ c.T)


@given(networks())
def test_a_pair_of_ones_own_serves_as_well(network):
    parameters, X, Y, _, l2 = network.arguments

    Z1, A1, _, _ = forward(parameters, X, SINE)

    np.testing.assert_array_equal(A1, np.sin(Z1), strict=True)
    assert_gradients_agree_with_the_complex_step((parameters, X, Y, SINE, l2))


@given(networks())
def test_single_precision_stays_single(network):
    single = network._replace(
        parameters=Parameters(*(A.astype(np.float32) for A in network.parameters)),
        X=network.X.astype(np.float32),
        Y=network.Y.astype(np.float32),
    )
    J_bound, bounds = rounding(*single.arguments)

    assert_within(J_bound, cost(*single.arguments), cost(*network.arguments))
    truths = gradients(*network.arguments)
    for name, dA in gradients(*single.arguments)._asdict().items():
        assert dA.dtype == np.float32
        assert_within(getattr(bounds, name), dA, getattr(truths, name))


@pytest.mark.parametrize("l2", [0.5, np.float64(0.5), 1, np.int64(1)], ids=repr)
def test_type_of_the_penalty_does_not_change_the_type_of_the_gradients(l2):
    one = np.ones((1, 1), np.float32)
    assert {A.dtype.name for A in gradients([one] * 4, one, one, tanh, l2)} == {"float32"}


@given(networks())
def test_arguments_may_be_read_only_and_in_any_memory_order(network):
    parameters, X, Y, *rest = network.arguments
    strided = [np.repeat(np.asfortranarray(A), 2, axis=1)[:, ::2] for A in (*parameters, X, Y)]
    for A in strided:
        A.flags.writeable = False
    *parameters, X, Y = strided
    arguments = tuple(parameters), X, Y, *rest

    assert_agree(network.arguments, cost(*arguments), gradients(*arguments))


@given(networks())
def test_prediction_is_1_where_it_is_more_likely_than_0(network):
    prediction = predict(network.parameters, network.X, network.g1)

    A2 = forward(network.parameters, network.X, network.g1).A2
    np.testing.assert_array_equal(prediction, A2 > 0.5, strict=True)


def test_no_prediction_of_1_at_even_odds():
    zero = np.zeros((1, 1))
    assert not predict(Parameters(zero, zero, zero, zero), zero).any()


def misses_the_mean(network):
    d = gradients(*network.arguments)
    return (d.dW1 != network.X.shape[1] * d.dW1).any()


def takes_the_slope_at_A1(network):
    _, g_prime = network.g1
    Z1, A1, _, _ = forward(network.parameters, network.X, network.g1)
    return (g_prime(Z1) != g_prime(A1)).any()


def forgets_keepdims(network):
    b1 = network.parameters.b1
    return (b1 - gradients(*network.arguments).db1[:, 0]).shape != b1.shape


@pytest.mark.parametrize(
    ("mistake", "sizes"),
    [
        (misses_the_mean, {"n0": 1, "n1": 1, "n2": 1, "m": 2}),
        (takes_the_slope_at_A1, {"n0": 1, "n1": 1, "n2": 1, "m": 1}),
        (forgets_keepdims, {"n0": 1, "n1": 2, "n2": 1, "m": 1}),
    ],
)
def test_a_mistake_shrinks_to_few_round_numbers(mistake, sizes):
    parameters, X, Y, _, _ = find(networks(), mistake, settings=settings(database=None))

    n1, n0 = parameters.W1.shape
    n2, m = Y.shape
    assert {"n0": n0, "n1": n1, "n2": n2, "m": m} == sizes
    entries = {float(a) for A in (*parameters, X, Y) for a in A.flat}
    assert entries <= {0.0, 1.0, -1.0, 0.5}
