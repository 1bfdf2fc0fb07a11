import exact
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backprop
from backprop import ACTIVATIONS

EPS = np.finfo(float).eps
TINY = np.finfo(float).tiny
H = 1e-30
"""Imaginary step: its square, the truncation error, is nothing beside one ulp."""

# Lists longer than a vector register, so that whole and partial registers are both used. Of
# single width because the exact tanh subtracts: at 1e-38 that leaves 22 of its 60 digits.
ENTRY = st.floats(-700, 700, width=32, allow_subnormal=False)
ROW = st.lists(ENTRY, min_size=1, max_size=9).map(np.array)

each_activation = pytest.mark.parametrize("name", ACTIVATIONS)


@each_activation
@given(Z=ROW)
def test_function_and_derivative_are_exact_to_a_few_ulps(name, Z):
    """Also where they are as small as 1e-304, and without an overflow on the way."""
    for f, exact_f in zip(ACTIVATIONS[name], exact.EXACT[name], strict=True):
        # At most eight operations, each good to one ulp; below TINY ulps stop shrinking.
        truth = exact.exactly(exact_f, Z)
        np.testing.assert_allclose(f(Z), truth, rtol=8 * EPS, atol=8 * EPS * TINY)


@each_activation
@given(Z=ROW)
def test_derivative_agrees_with_the_complex_step(name, Z):
    g, g_prime = ACTIVATIONS[name]
    Z = Z[Z != 0]  # where relu and leaky_relu have no derivative

    derivative = g(Z + 1j * H).imag / H

    # Eight operations on either side; the imaginary part underflows below TINY.
    np.testing.assert_allclose(g_prime(Z), derivative, rtol=16 * EPS, atol=TINY / H)


@pytest.mark.parametrize(
    ("name", "value", "slope"),
    [
        ("tanh", 0, 1),
        ("sigmoid", 1 / 2, 1 / 4),
        ("relu", 0, 0),
        ("leaky_relu", 0, 0.01),
        ("softplus", np.log(2), 1 / 2),
        ("identity", 0, 1),
    ],
)
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_values_at_zero(name, value, slope, zero):
    g, g_prime = ACTIVATIONS[name]
    assert g(np.array([zero])) == value
    assert g_prime(np.array([zero])) == slope


@each_activation
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (4, 1, 3, 2)], ids=str)
def test_shape_and_dtype_are_those_of_the_argument(name, dtype, shape):
    for f in ACTIVATIONS[name]:
        A = f(np.ones(shape, dtype))
        assert (A.shape, A.dtype) == (shape, dtype)


@each_activation
def test_table_holds_the_pairs_that_the_package_exports(name):
    assert ACTIVATIONS[name] is getattr(backprop, name)
