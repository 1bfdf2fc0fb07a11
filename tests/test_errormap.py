"""The map of errors has every mistake in it, however large the block is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck import Verdict, check_gradient
from gradcheck.errormap import CELLS, error_map, relative_errors

shapes = st.lists(st.integers(1, 90), min_size=0, max_size=4).filter(
    lambda shape: np.prod(shape, dtype=int) <= 60_000
)


def counts(shape, tile):
    return tuple(-(-n // t) for n, t in zip(shape, tile, strict=True))


@given(shapes, st.data())
def test_one_wrong_entry_shows_in_the_cell_that_it_is_in(shape, data):
    shape = tuple(shape)
    size = int(np.prod(shape))
    place = data.draw(st.integers(0, size - 1))
    analytic, verdicts = np.ones(size), np.full(size, Verdict.PASS, dtype=object)
    analytic[place], verdicts[place] = 2.0, Verdict.FAIL

    found = error_map(shape, analytic, np.ones(size), verdicts)

    index = tuple(k // t for k, t in zip(np.unravel_index(place, shape), found.tile, strict=True))
    cell = np.ravel_multi_index(index, counts(shape, found.tile)) if shape else 0
    assert len(found.values) == len(found.verdicts) == np.prod(counts(shape, found.tile)) <= CELLS
    assert np.flatnonzero(found.values).tolist() == [cell]
    assert found.values[cell] == 0.5
    assert (found.verdicts[cell], found.verdicts.count("P")) == ("F", len(found.verdicts) - 1)
    assert size > CELLS or set(found.tile) <= {1}


def test_rounding_of_an_entry_far_smaller_than_its_block_is_no_error():
    errors = relative_errors(np.array([1.0, 1e-17, 1e-3]), np.array([1.0, 3e-17, 2e-3]))

    assert errors[1] < 1e-12
    assert errors[2] == 0.5


def test_what_is_not_known_has_no_number():
    errors = relative_errors(
        np.array([1.0, np.nan, np.inf, 2.0]), np.array([np.nan, 1.0, 1.0, 2.0])
    )

    np.testing.assert_array_equal(errors, [np.nan, np.nan, np.nan, 0.0])


def test_complex_entries_have_one_number_each():
    found = error_map((2,), np.array([3.0, 4.0, 1.0, 0.0]), np.array([3.0, 0.0, 1.0, 0.0]))

    np.testing.assert_allclose(found.values, [4 / 5, 0.0])


def test_letters_tell_what_was_not_refined_from_what_is_not_decided():
    """Of 300 wrong entries of a row only some are refined; the others are off all the same."""
    x = np.linspace(0.1, 1.0, 300)
    report = check_gradient(
        lambda x: np.sum(np.sin(3 * x)) + abs(x[0] - 0.1), lambda x: 4 * np.cos(3 * x), x
    )

    letters = report.blocks["x"].to_dict()["verdicts"]
    assert letters.count("F") == report.blocks["x"].count(Verdict.FAIL)
    assert letters.count("S") > 200
    assert len(letters) == 300


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_plain_data_hold_three_digits_or_none(value):
    found = error_map((3,), np.array([1.0, value, 3.0]), np.array([1.0, 1.0, 7.0]))

    assert found.to_dict() == {"errors": [0.0, None, 0.571], "verdicts": "PPP", "tile": [1]}
