"""Known mistakes, planted in gradients of any structure."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradcheck.audit.mistakes import MISTAKES, Passing, Planted, Seen, blocks_of, is_pair
from gradcheck.diagnosis.kinds import KINDS

W, B = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, -6.0]]), np.array([[1.0], [3.0]])


class Pair(NamedTuple):
    W: np.ndarray
    b: np.ndarray


@dataclass
class Held:
    W: np.ndarray
    b: np.ndarray


def planted(name, gradient, block="W", arguments=()):
    made = Planted(MISTAKES[name], block)
    return made(gradient, arguments), made.changed


@pytest.mark.parametrize(
    ("name", "block", "wrong"),
    [
        ("sign", "W", -W),
        ("factor 2", "W", 2 * W),
        ("factor of a size", "W", 3 * W),
        ("transposed", "W", W.T),
        ("transposed", "b", B.T),
        ("not summed", "b", np.repeat(B / 2, 2, axis=1)),
        ("keepdims forgotten", "b", np.array([1.0, 3.0])),
        ("summed over all axes", "b", np.array(4.0)),
        ("one entry zero", "W", np.where(W == -6, 0, W)),
        ("block zero", "W", 0 * W),
        ("constant added", "W", W + 0.6),
        ("relative error 1e-03", "W", W * 1.001),
        ("relative error 1e-03 in one entry", "W", np.where(W == -6, -6.006, W)),
    ],
)
def test_mistake_gives_what_its_name_says(name, block, wrong):
    came, changed = planted(name, {"W": W, "b": B}, block)

    assert changed
    assert np.shape(came[block]) == wrong.shape
    np.testing.assert_allclose(came[block], wrong, rtol=1e-15)
    other = {"W": "b", "b": "W"}[block]
    np.testing.assert_array_equal(came[other], {"W": W, "b": B}[other])


def test_size_of_the_data_that_no_block_has_is_taken_for_the_examples():
    X = np.zeros((3, 7))

    np.testing.assert_allclose(
        planted("factor of a size", {"W": W}, arguments=((W, X), {}))[0]["W"], 7 * W
    )
    assert planted("not summed", {"b": B}, "b", arguments=[X])[0]["b"].shape == (2, 7)


def test_swapped_block_gets_the_values_of_one_of_its_shape():
    other = W + 1
    came, changed = planted("swapped with another block", {"W": W, "b": B, "V": other})

    assert changed
    assert came == {"W": other, "b": B, "V": W} or (came["W"] is other and came["V"] is W)


@pytest.mark.parametrize(
    ("name", "gradient"),
    [
        ("transposed", {"W": np.eye(2)}),
        ("transposed", {"W": np.ones(3)}),
        ("sign", {"W": np.zeros(2)}),
        ("keepdims forgotten", {"W": np.ones(3)}),
        ("not summed", {"W": np.ones((2, 2))}),
        ("summed over all axes", {"W": np.ones((1, 1))}),
        ("swapped with another block", {"W": np.ones(2)}),
        ("factor of a size", {"W": np.ones(1)}),
        ("sign", {"V": np.ones(2)}),
        ("one entry zero", {"W": np.zeros((0, 2))}),
    ],
)
def test_mistake_that_makes_no_difference_is_known_for_it(name, gradient):
    came, changed = planted(name, gradient)

    assert not changed
    assert came is gradient


@pytest.mark.parametrize(
    ("gradient", "names"),
    [
        (W, ["x"]),
        ({"W": W, "b": B, "cache": None, "n": 3}, ["W", "b"]),
        ([W, B], ["[0]", "[1]"]),
        (Pair(W, B), ["W", "b"]),
        (Held(W, B), ["W", "b"]),
        ({"layers": [{"W": W}, {"W": B}]}, ["layers[0].W", "layers[1].W"]),
        (1.5, ["x"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_blocks_are_found_and_changed_one_at_a_time_in_any_structure(gradient, names):
    assert blocks_of(gradient) == names
    for name in names:
        came = Planted(MISTAKES["sign"], name)(gradient)
        before = dict(zip(names, leaves(gradient), strict=True))
        after = dict(zip(names, leaves(came), strict=True))
        assert isinstance(came, type(gradient))
        np.testing.assert_array_equal(after[name], -before[name])
        assert all(after[n] is before[n] for n in names if n != name)


def leaves(node):
    if isinstance(node, dict):
        node = list(node.values())
    elif isinstance(node, Held):
        node = [node.W, node.b]
    if isinstance(node, (list, tuple)):
        return [leaf for child in node for leaf in leaves(child)]
    return [node] if isinstance(node, (np.ndarray, float)) else []


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.complex128]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
        elements=st.sampled_from([0, 1, -2, 0.5, np.nan, np.inf]),
    ),
    st.sampled_from(list(MISTAKES)),
)
def test_original_is_never_touched_and_changed_tells_the_truth(array, name):
    before = array.copy()
    came, changed = planted(name, {"W": array})

    np.testing.assert_array_equal(array, before)
    same = came["W"].shape == array.shape and np.array_equal(came["W"], array, equal_nan=True)
    assert changed == (not same)
    assert came["W"].dtype == array.dtype or name == "constant added"


@pytest.mark.parametrize(
    ("result", "pair"),
    [
        ((1.0, W), True),
        ((np.float64(1), {"W": W}), True),
        ((np.array(1.0), W), True),
        ((W, B), False),
        (({"W": W}, 3), False),
        ([1.0, W], False),
        ((1.0, W, B), False),
        (W, False),
    ],
    ids=str,
)
def test_value_and_gradient_are_told_from_two_gradients(result, pair):
    assert is_pair(result) is pair


def test_function_hands_on_its_value_and_keeps_its_name():
    def both(x):
        return 1.0, x

    wrong = Planted(MISTAKES["sign"], "x").wrapped(both)

    assert wrong.__name__ == "both"
    value, gradient = wrong(W)
    assert value == 1.0
    np.testing.assert_array_equal(gradient, -W)
    gradients = Planted(MISTAKES["sign"], "[1]").wrapped(both, pair=False)(W)
    np.testing.assert_array_equal(gradients[1], -W)


def test_places_are_those_where_a_mistake_would_change_something():
    seen = Seen()
    function = seen.wrapped(lambda x: {"W": x, "b": B})

    gradient = function(np.eye(2))
    assert gradient["b"] is B
    assert ("transposed", "b") in seen.places
    assert ("transposed", "W") not in seen.places
    function(W[:, :2])
    assert ("transposed", "W") in seen.places
    assert ("summed over all axes", "W") not in seen.places
    assert len(set(seen.places)) == len(seen.places)
    names = [mistake for mistake, _ in seen.places]
    assert names == sorted(names, key=list(MISTAKES).index)


@given(
    hnp.arrays(
        float, hnp.array_shapes(max_dims=2, max_side=3), elements=st.sampled_from([0, 1, 2])
    ),
)
def test_each_place_is_one_in_which_the_mistake_differs(array):
    seen = Seen()
    seen(array)

    for name in MISTAKES:
        assert ((name, "x") in seen.places) == planted(name, array, "x")[1]


def test_passing_alone_does_nothing():
    with pytest.raises(NotImplementedError):
        Passing()(W)


def test_each_mistake_is_a_kind_that_can_be_explained():
    assert {mistake.kind for mistake in MISTAKES.values()} <= set(KINDS)
    assert all(name == mistake.name for name, mistake in MISTAKES.items())
