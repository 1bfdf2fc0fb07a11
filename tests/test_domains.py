"""Arrays are in their domains whatever the bytes, and simple where the bytes are."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.strategies.domains import (
    BIG,
    KINDS,
    LARGE,
    MIXED,
    OFFSETS,
    SMALL,
    TWICE,
    ZEROS,
    Arrays,
    assemble,
    code_of,
    distinct,
    sample,
)
from gradcheck.strategies.parser import parse
from gradcheck.strategies.sizes import Sizes

DOMAINS = {
    "real": lambda x: np.isfinite(x).all(),
    "positive": lambda x: (x > 0).all(),
    "nonnegative": lambda x: (x >= 0).all(),
    "unit": lambda x: ((x > 0) & (x < 1)).all(),
    "[-1, 1]": lambda x: (np.abs(x) <= 1).all(),
    "(2, inf)": lambda x: (x > 2).all(),
    "(1e100, inf)": lambda x: (x > 1e100).all(),
    "(1, 1.00000000001)": lambda x: ((x > 1) & (x < 1.00000000001)).all(),
    "(-inf, -1e50]": lambda x: (x <= -1e50).all(),
    "(0, 1e-9)": lambda x: ((x > 0) & (x < 1e-9)).all(),
    "[-0.1, 0.1]": lambda x: (np.abs(x) <= 0.1).all(),
    "{-1, 1, 0.5}": lambda x: np.isin(x, [-1, 1, 0.5]).all(),
    "labels(n + 1)": lambda x: x.dtype.kind == "i" and ((x >= 0) & (x <= len(x))).all(),
    "one-hot": lambda x: np.isin(x, [0, 1]).all() and (x.sum(axis=0) == 1).all(),
    "one-hot(axis=1)": lambda x: np.isin(x, [0, 1]).all() and (x.sum(axis=1) == 1).all(),
    "symmetric": lambda x: (x == x.T).all(),
    "positive-definite": lambda x: (x == x.T).all() and np.linalg.cholesky(x).any(),
    "orthogonal": lambda x: np.allclose(x.T @ x, np.eye(len(x)), atol=1e-13),
}


class Bytes:
    """Chooses what a test says."""

    def __init__(self, data=b"", sizes=0, peculiar=False, offset=0):
        self.data, self.sizes, self.peculiar, self.offset = data, sizes, peculiar, offset

    def choose(self, options):
        if options is OFFSETS:
            return self.offset
        return self.peculiar if options[0] is False else options[min(self.sizes, len(options) - 1)]

    def bytes(self, count):
        return (self.data * count)[:count].ljust(count, b"\0")


def made(spec, source):
    parsed = parse(spec)
    return assemble(parsed, Sizes(parsed), source)


@pytest.mark.parametrize("domain", DOMAINS)
@given(
    data=st.binary(max_size=40),
    sizes=st.integers(0, 5),
    peculiar=st.booleans(),
    offset=st.sampled_from(OFFSETS),
)
def test_arrays_are_in_their_domain(domain, data, sizes, peculiar, offset):
    x = made(f"x: n n in {domain}", Bytes(data, sizes, peculiar, offset))["x"]

    assert x.shape == (sizes + 1, sizes + 1)
    assert np.isfinite(x).all()
    assert DOMAINS[domain](x)


@pytest.mark.parametrize("domain", sorted(set(DOMAINS) - {"orthogonal", "one-hot(axis=1)"}))
def test_stacks_of_arrays_are_in_their_domain(domain):
    stack = sample(parse(f"x: 4 n n in {domain}; n = 3"), np.random.default_rng(0))["x"]

    assert stack.shape == (4, 3, 3)
    if domain != "one-hot":  # along the first axis
        assert all(DOMAINS[domain](x) for x in stack)


@pytest.mark.parametrize("domain", ["real", "positive", "unit", "[-1, 1]"])
def test_every_byte_is_a_number_of_its_own(domain):
    data = bytes([0, 0, *range(1, 251)])
    x = made(f"x: n in {domain}; n = 250", Bytes(data))["x"][-64:]

    assert len(np.unique(x)) == 64


def test_bytes_of_zero_are_round_numbers_that_differ():
    arrays = made("X: n m; W: n m; n = 5; m = 4", Bytes())

    assert set(np.unique(arrays["X"])) == {-2.0, -1.0, -0.5, 0.25, 0.5, 1.0, 2.0}
    assert np.linalg.matrix_rank(arrays["X"]) == 4
    assert not np.array_equal(arrays["X"], arrays["W"])
    square = made("X: n n; n = 5", Bytes())["X"]
    assert not np.array_equal(square, square.T)


def test_small_arrays_are_the_last_part_of_large_ones():
    data = bytes([7, 0, *range(1, 200)])
    small, large = (made("X: n m; m = 6", Bytes(data, k))["X"] for k in (1, 4))

    assert small.shape == (2, 6)
    np.testing.assert_array_equal(large[-2:], small)


def test_large_arrays_are_the_last_part_of_larger_ones():
    spec = "X: n 30; n = 20..40"
    small, large = (made(spec, Bytes(bytes([5, 0, 9, 77, 130]), k))["X"] for k in (0, 9))

    assert small.shape == (20, 30)
    np.testing.assert_array_equal(large[-20:], small)
    assert len(np.unique(large)) > 800  # nothing but what the seed and few bytes say


@pytest.mark.parametrize("data", [bytes(1), bytes([7, 0, *range(1, 200)])], ids=["zeros", "other"])
def test_small_arrays_may_be_any_part_of_large_ones(data):
    for spec in ("X: n 4", "X: 4 n", "X: n 4 in [0, 1]", "X: 4 n in {0, 1}"):
        large = made(spec, Bytes(data, 5))["X"]
        for n in range(1, 6):
            for offset in range(7 - n):
                small = made(spec, Bytes(data, n - 1, offset=offset))["X"]
                part = slice(6 - offset - n, 6 - offset)
                due = large[part] if "n 4" in spec else large[:, part]
                np.testing.assert_array_equal(small, due)


def peculiar(kind, spec="X: 3 4", where=2):
    return made(spec, Bytes(bytes([0, kind + KINDS * where, *range(20, 100)]), peculiar=True))["X"]


def test_peculiar_arrays_have_zero_and_equal_columns_tiny_and_large_and_mixed_entries():
    plain = peculiar(0)

    np.testing.assert_array_equal(peculiar(ZEROS), plain * [1, 1, 0, 1])
    np.testing.assert_array_equal(peculiar(TWICE), plain[:, [0, 1, 1, 3]])
    np.testing.assert_allclose(peculiar(SMALL), plain * 1e-6)
    np.testing.assert_allclose(peculiar(BIG), plain * LARGE)
    np.testing.assert_allclose(peculiar(MIXED), plain * [1e-2, 1e-3, 1, 1e-1])


def test_peculiar_arrays_of_a_bounded_domain_come_close_to_its_ends():
    assert peculiar(SMALL, "X: 4 in unit")[2] == 1e-6
    assert peculiar(SMALL, "X: 4 in unit", where=3)[3] == 1 - 1e-6
    assert peculiar(BIG, "X: 4 in [-3, 5]")[2] == -3.0
    assert len(set(peculiar(SMALL, "X: 9 in labels(5)"))) == 1
    equal = peculiar(TWICE, "X: 3 4 in labels(97)")
    np.testing.assert_array_equal(equal[:, 2], equal[:, 1])
    assert len(np.unique(equal)) == 9


def test_most_draws_are_generic():
    """Or mistakes would hide: no zeros, no equal columns, sizes that differ."""
    rng = np.random.default_rng(0)
    spec = parse("X: n m; W: k n")
    drawn = [sample(spec, rng) for _ in range(200)]

    assert sum(all((a != 0).all() for a in arrays.values()) for arrays in drawn) > 100
    assert sum(len(set(arrays.sizes.values())) == 3 for arrays in drawn) > 80
    assert sum(1 in arrays.sizes.values() for arrays in drawn) > 40
    assert sum(len(set(arrays.sizes.values())) < 3 for arrays in drawn) > 40
    sizes = [np.abs(a).max() for arrays in drawn for a in arrays.values()]
    assert min(sizes) < 1e-5
    assert max(sizes) > 10


def test_scales_multiply_what_has_one():
    plain, scaled = (
        sample(parse("X: n; u: n in unit; p: n in positive scale=100"), rng, scale=scale)
        for rng, scale in zip(map(np.random.default_rng, (3, 3)), (1.0, 1e-3), strict=True)
    )

    np.testing.assert_allclose(scaled["X"], plain["X"] * 1e-3)
    np.testing.assert_array_equal(scaled["u"], plain["u"])
    np.testing.assert_array_equal(scaled["p"], plain["p"])
    assert plain["p"].max() > 10


def test_single_numbers_are_no_arrays():
    arrays = made("lam: in positive; t: in labels(k); k = 3; y: in {0, 1}", Bytes())

    assert arrays == {"lam": 1.0, "t": 1, "y": 0.0}
    assert [type(v) for v in arrays.values()] == [float, int, float]


def test_samples_can_be_repeated():
    first, second = (sample(parse("X: n m"), np.random.default_rng(4)) for _ in range(2))

    np.testing.assert_array_equal(first["X"], second["X"])


def test_distinct_sizes_tell_arrays_apart():
    arrays = distinct(parse("X: n0 m; Y: n2 m; W1: n1 n0; b1: n1 1; z: k; k = 1..2"))

    assert arrays.sizes == {"n0": 3, "m": 4, "n2": 5, "n1": 6, "k": 2}
    assert len({a.shape for a in arrays.values()}) == 5


def test_arrays_print_as_code_that_makes_them():
    rng = np.random.default_rng(1)
    arrays = sample(parse("X: 3 7; v: 2; t: 5 in labels(9); lam: ; A: 2 3 4"), rng)

    again = eval(repr(arrays), {"np": np})

    assert isinstance(arrays, Arrays)
    assert again.keys() == arrays.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(again[name], value)
        assert np.asarray(again[name]).dtype.kind == np.asarray(value).dtype.kind


def test_code_of_large_arrays_is_whole_and_not_wide():
    x = np.random.default_rng(0).normal(size=(40, 60))
    code = code_of(x, indent=8)

    np.testing.assert_array_equal(eval(code, {"np": np}), x)
    assert max(map(len, code.splitlines())) <= 100


@pytest.mark.parametrize(
    "value",
    [
        np.array([[1.5, np.inf], [np.nan, -np.inf]]),
        np.array([0.1, 2.0], dtype=np.float32),
        np.array([1, 2], dtype=np.int8),
        np.array([True, False]),
        np.array(2.5),
        -math.inf,
        np.array([1 + 2j, 0.5]),
    ],
    ids=["not finite", "float32", "int8", "bool", "no axes", "number", "complex"],
)
def test_code_of_arrays_that_somebody_else_has_made(value):
    again = eval(code_of(value), {"np": np})

    np.testing.assert_array_equal(again, value)
    assert np.asarray(again).dtype == np.asarray(value).dtype
    assert np.shape(again) == np.shape(value)
