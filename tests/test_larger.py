"""What a check says at a larger point than the smallest that fails."""

import numpy as np
import pytest

from gradcheck import check_gradient
from gradcheck.strategies.domains import Arrays
from gradcheck.strategies.larger import Larger, sizes_in_short


def arrays_of(n):
    return Arrays({"x": np.arange(1.0, n + 1)}, {"n": n})


def check(arrays):
    return check_gradient(lambda x: np.sum(x**2), wrong, arrays["x"])


def wrong(x):
    if x.size > 5:
        raise ValueError("too large")
    return 2 * x if x.size == 4 else x.size * x


@pytest.mark.parametrize(
    ("larger", "first", "then", "said"),
    [
        (5, 1, 3, "2.5 times too large"),
        (4, 3, 1, "1.5 times too large"),  # the first failure, where the larger point passes
        (6, 3, 1, "1.5 times too large"),  # or raises
    ],
)
def test_it_is_that_of_the_larger_point_or_of_the_first_failure(larger, first, then, said):
    made = []
    told = Larger(lambda: made.append(larger) or arrays_of(larger), check)
    told.says(arrays_of(first), check(arrays_of(first)))
    text = told.says(arrays_of(then), check(arrays_of(then)))

    assert said in text
    assert text.endswith(f"(at n={5 if larger == 5 else first})")
    assert made == [larger]


def test_nothing_is_said_twice():
    told = Larger(lambda: arrays_of(3), check)

    assert told.says(arrays_of(3), check(arrays_of(3))) == ""
    assert sizes_in_short(Arrays({"x": 1.0}, {})) == "no sizes"
