"""One block of a report: how wrong it is, in words, and its entries, the worst first."""

import re

import numpy as np
import pytest

from gradcheck import check_gradient

X = np.array([1.0, 2.0, -4.0])


def of_squares(gradient, at=X):
    return check_gradient(lambda x: np.sum(x**2) / 2, gradient, at)


@pytest.mark.parametrize(
    ("gradient", "words"),
    [
        (lambda x: 1.5 * x, "3 of 3 entries wrong: 1.5 times too large"),
        (lambda x: x / 12, "3 of 3 entries wrong: 12 times too small"),
        (lambda x: -x, "3 of 3 entries wrong: the sign is wrong"),
        (lambda x: -3 * x, "3 of 3 entries wrong: -3 times what is due"),
        (lambda x: 0 * x, "3 of 3 entries wrong: 0 where it should not be"),
        (lambda x: x * (1 + 1e-5), "3 of 3 entries wrong, by the factor 1.00001"),
        (
            lambda x: x * (1 + 1e-7 * np.array([1, 0.3, 1])),
            "3 of 3 entries wrong, by up to 4e-07 (1e-07 of the largest)",
        ),
        (
            lambda x: x * np.array([1, 2, 3]),
            "2 of 3 entries wrong, by up to 8 (2 of the largest)",
        ),
        (lambda x: x + np.array([0, 0, 4]), "1 of 3 entries wrong: 0 where it should not be"),
    ],
    ids=["large", "small", "sign", "negative", "zero", "factor", "roundings", "pattern", "one"],
)
def test_size_of_the_mistake_is_put_into_words(gradient, words):
    assert of_squares(gradient).blocks["x"].size_of_mistake() == words


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_size_of_a_mistake_that_is_not_finite_is_no_number(value):
    words = of_squares(lambda x: np.array([1.0, 2.0, value])).blocks["x"].size_of_mistake()

    assert words.startswith("1 of 3 entries wrong")
    assert not re.search("nan|inf", words)


def test_entries_to_look_at_first_are_the_most_wrong():
    block = of_squares(lambda x: x + np.array([0, 1, -2])).blocks["x"]

    assert [entry.name for entry in block.worst(3)] == ["x[2]", "x[1]", "x[0]"]
    assert [entry.verdict for entry in block.worst(3)] == ["FAIL", "FAIL", "PASS"]
    assert block.relative_error == pytest.approx(2 / 6, rel=1e-6)
