"""Any structure of arrays becomes one flat vector and comes back, in memory of its own."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradcheck.errors import InvalidInput, InvalidType
from gradcheck.parameters import children, flatten

W = np.arange(6.0).reshape(2, 3) - 2.5
b = np.array([[1.0], [-2.0]])


class Layer(NamedTuple):
    W: Any
    b: Any


@dataclass
class Net:
    W: Any
    b: Any


@dataclass(frozen=True)
class FrozenNet:
    W: Any
    b: Any


class Mapped(np.ndarray):
    """A view of foreign memory, as `np.memmap` is."""


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


STRUCTURES = {
    "array": (W, ["x"]),
    "dict": ({"W": W, "b": b}, ["W", "b"]),
    "dict of other keys": ({0: W, ("a", 1): b}, ["[0]", "[('a', 1)]"]),
    "nested dict": ({"net": {"W": W}, "b": b}, ["net.W", "b"]),
    "list": ([W, b], ["[0]", "[1]"]),
    "tuple": ((W, b), ["[0]", "[1]"]),
    "list of dicts": ({"layers": [{"W": W}, {"W": b}]}, ["layers[0].W", "layers[1].W"]),
    "NamedTuple": (Layer(W, b), ["W", "b"]),
    "list of NamedTuples": ([Layer(W, b), Layer(b, W)], ["[0].W", "[0].b", "[1].W", "[1].b"]),
    "dataclass": (Net(W, b), ["W", "b"]),
    "frozen dataclass": (FrozenNet(W, {"inner": b}), ["W", "b.inner"]),
    "float": (0.5, ["x"]),
    "float beside an array": ({"W": W, "scale": 0.5}, ["W", "scale"]),
    "np.float64": ({"scale": np.float64(0.5)}, ["scale"]),
    "np.float32": ({"scale": np.float32(0.5)}, ["scale"]),
    "complex number": ({"z": 1 + 2j}, ["z"]),
    "0-d": (np.array(0.5), ["x"]),
    "float16": (W.astype(np.float16), ["x"]),
    "float32 beside float64": ([W.astype(np.float32) / 3, W / 3], ["[0]", "[1]"]),
    "longdouble beside float64": ([W.astype(np.longdouble) / 3, W / 3], ["[0]", "[1]"]),
    "complex": ([W + 1j, b], ["[0]", "[1]"]),
    "complex64 beside longdouble": (
        [(W + 1j).astype(np.complex64), W.astype(np.longdouble)],
        ["[0]", "[1]"],
    ),
    "big-endian": ([W.astype(">f8"), W.astype(">c8")], ["[0]", "[1]"]),
    "read-only": ([read_only(W)], ["[0]"]),
    "Fortran order": ([np.asfortranarray(W)], ["[0]"]),
    "every other column": ([W[:, ::2]], ["[0]"]),
    "backwards": ([W[::-1, ::-1]], ["[0]"]),
    "broadcast": ([np.broadcast_to(b, (2, 3))], ["[0]"]),
    "three axes, transposed": ([np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)], ["[0]"]),
    "empty beside full": ([np.ones((0, 3)), b], ["[0]", "[1]"]),
    "subclass": ([W.view(Mapped)], ["[0]"]),
    "overlapping views": ([W, W[0], W.T], ["[0]", "[1]", "[2]"]),
}

each_structure = pytest.mark.parametrize(
    ("params", "names"), STRUCTURES.values(), ids=STRUCTURES.keys()
)


def leaves(node):
    below = children(node)
    return [node] if below is None else [leaf for _, child in below for leaf in leaves(child)]


def arrays(node):
    return [leaf for leaf in leaves(node) if isinstance(leaf, np.ndarray)]


def assert_same(left, right):
    """The same kinds of containers, with the same keys, and the same leaves."""
    assert type(left) is type(right)
    below = children(left)
    if below is None:
        np.testing.assert_array_equal(left, right, strict=True)
        return
    assert [key for key, _ in below] == [key for key, _ in children(right)]
    for (_, a), (_, c) in zip(below, children(right), strict=True):
        assert_same(a, c)


@each_structure
def test_structure_comes_back_as_it_was(params, names):
    layout, x = flatten(params)

    assert_same(layout.build(x), params)


@each_structure
def test_blocks_are_named_after_their_place(params, names):
    layout, x = flatten(params)

    assert [block.name for block in layout.blocks] == names
    assert x.shape == (layout.size,)
    assert sum(block.size for block in layout.blocks) == layout.size


@each_structure
def test_what_is_built_shares_no_memory_with_anything(params, names):
    layout, x = flatten(params)
    built, again = layout.build(x), layout.build(x)

    for array in arrays(built):
        assert array.flags.writeable
        for other in (x, *arrays(params), *arrays(again)):
            assert not np.shares_memory(array, other)
    for array in arrays(built):
        array[...] = 7
    assert_same(again, params)


def test_memory_mapped_file_is_read_and_never_written(tmp_path):
    mapped = np.memmap(tmp_path / "W", dtype=float, mode="w+", shape=W.shape)
    mapped[:] = W
    layout, x = flatten({"W": mapped})

    built = layout.build(x)["W"]

    assert type(built) is np.ndarray
    assert not np.shares_memory(built, mapped)
    np.testing.assert_array_equal(built, W, strict=True)


def test_fields_of_a_dataclass_that_are_no_parameters_stay():
    @dataclass
    class Fitted:
        W: Any
        _: dataclasses.KW_ONLY
        history: dict = dataclasses.field(default_factory=dict)

    params = Fitted(W)
    params.name = "mine"
    layout, x = flatten(params)

    assert layout.build(x).name == "mine"


FLOATS = st.floats(-8, 8, width=16)
LEAVES = st.one_of(
    FLOATS,
    hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.complex64, np.complex128]),
        hnp.array_shapes(min_dims=0, max_dims=3, max_side=3),
        elements=FLOATS,
    ),
)
KEYS = st.text("abW", min_size=1, max_size=3)
TREES = st.recursive(
    LEAVES,
    lambda nodes: st.one_of(
        st.lists(nodes, min_size=1, max_size=3),
        st.dictionaries(KEYS, nodes, min_size=1, max_size=3),
        st.builds(Layer, nodes, nodes),
        st.builds(FrozenNet, nodes, nodes),
    ),
    max_leaves=6,
)


@given(TREES)
def test_any_structure_comes_back_as_it_was(params):
    layout, x = flatten(params)

    assert_same(layout.build(x), params)
    np.testing.assert_array_equal(flatten(layout.build(x))[1], x, strict=True)


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"a": {"b": W}, "a.b": b}, "a.b"),
        ({"a": [W], "a[0]": b}, "a[0]"),
        ({0: W, "[0]": b}, "[0]"),
        ({"": {"a": W}, "a": b}, "a"),
    ],
    ids=["dot", "index", "number", "empty key"],
)
def test_two_blocks_of_one_name_are_refused(params, name):
    """Or the gradient of one would be judged in the place of the other."""
    with pytest.raises(InvalidInput, match=re.escape(f"`{name}`")):
        flatten(params)


def test_entries_are_called_by_block_and_index():
    layout, _ = flatten({"W": W, "z": W + 1j, "s": 0.5, "c": 1j})
    real, pair, number, one = layout.blocks

    assert [real.entry(i) for i in (0, 5)] == ["W[0, 0]", "W[1, 2]"]
    assert [pair.entry(i) for i in (0, 11)] == ["z[0, 0].real", "z[1, 2].imag"]
    assert [number.entry(0), one.entry(1)] == ["s", "c.imag"]
    assert [real.index(5), pair.index(11), number.index(0)] == [(1, 2), (1, 2), ()]


def test_complex_vector_makes_real_blocks_complex():
    """Which is what a complex step needs."""
    layout, x = flatten({"W": W, "b": b})

    built = layout.build(x + 1e-20j)

    np.testing.assert_array_equal(built["W"], W + 1e-20j, strict=True)
    np.testing.assert_array_equal(built["b"], b + 1e-20j, strict=True)


def test_points_are_rounded_to_what_each_block_can_hold():
    layout, x = flatten([W.astype(np.float32), W])
    points = np.stack([x, x]) + 1e-12

    nearest = layout.nearest(points.copy())

    np.testing.assert_array_equal(nearest[:, :6], points[:, :6].astype(np.float32))
    np.testing.assert_array_equal(nearest[:, 6:], points[:, 6:])


def test_spacing_is_that_of_the_dtype_of_each_block():
    layout, x = flatten([W.astype(np.float32), W])

    spacing = layout.spacing(x)

    np.testing.assert_array_equal(spacing[:6], np.spacing(np.abs(W, dtype=np.float32)).ravel())
    np.testing.assert_array_equal(spacing[6:], np.spacing(np.abs(W)).ravel())


class Frame:
    """Holds numbers, and is no array."""


def bad(block):
    """Leaves that are none, and what is said of them."""
    at = {"x": "x[1]", "net.W": "net.W[1]"}[block]
    cast = ["expected floats", ".astype(float)"]
    plain = ["expected a numpy array of floats", "np.asarray", "`args`"]
    not_finite = "(1 of 3 entries are not finite)"
    return {
        "int": (3, InvalidType, [f"`{block}` has dtype int64", *cast]),
        "array of ints": (np.arange(3), InvalidType, [f"`{block}` has dtype int64", *cast]),
        "array of bytes": (np.arange(3, dtype="u1"), InvalidType, ["dtype uint8", *cast]),
        "bool": (True, InvalidType, [f"`{block}` has dtype bool", *cast]),
        "array of bools": (W > 0, InvalidType, [f"`{block}` has dtype bool", *cast]),
        "objects": (W.astype(object), InvalidType, [f"`{block}` has dtype object", cast[0]]),
        "times": (np.array([], "M8[s]"), InvalidType, [f"`{block}` has dtype datetime64", cast[0]]),
        "records": (np.zeros(2, "f8,f8"), InvalidType, [f"`{block}` has dtype [", cast[0]]),
        "masked": (np.ma.array(W), InvalidType, [f"`{block}` is a masked array", "fill"]),
        "None": (None, InvalidType, [f"`{block}` is None", *plain]),
        "str": ("W", InvalidType, [f"`{block}` is a str", *plain]),
        "another class": (Frame(), InvalidType, [f"`{block}` is a Frame", *plain]),
        "NaN": (np.array([1, np.nan, 2]), InvalidInput, [f"`{at}` is nan {not_finite}"]),
        "inf": (np.array([1, -np.inf, 2]), InvalidInput, [f"`{at}` is -inf {not_finite}"]),
        "complex NaN": (np.array([1, 1j * np.nan, 2]), InvalidInput, [at, not_finite]),
        "NaN alone": (np.nan, InvalidInput, [f"`{block}` is nan (1 of 1 entries are not finite)"]),
    }


@pytest.mark.parametrize("block", ["x", "net.W"])
@pytest.mark.parametrize("kind", bad("x"))
def test_bad_leaf_is_refused_by_name(kind, block):
    leaf, error, words = bad(block)[kind]

    with pytest.raises(error) as raised:
        flatten(leaf if block == "x" else {"b": b, "net": Layer(leaf, b)})

    for word in words:
        assert word in str(raised.value)
    assert isinstance(raised.value, TypeError) == (error is InvalidType)


@pytest.mark.parametrize("nothing", [{}, [], (), [{}, []]], ids=str)
def test_structure_without_arrays_is_refused(nothing):
    with pytest.raises(InvalidInput) as raised:
        flatten(nothing)

    kind = type(nothing).__name__
    assert str(raised.value) == f"params: expected at least one array, got {kind} without any"


class Settings(Mapping):
    """A mapping of another class than dict, made from a dict."""

    def __init__(self, content):
        self.content = dict(content)

    def __getitem__(self, key):
        return self.content[key]

    def __iter__(self):
        return iter(self.content)

    def __len__(self):
        return len(self.content)


def test_mapping_of_another_class_is_made_anew_from_a_dict():
    layout, x = flatten(Settings({"W": W}))

    built = layout.build(x + 1)

    assert type(built) is Settings
    np.testing.assert_array_equal(built["W"], W + 1, strict=True)
