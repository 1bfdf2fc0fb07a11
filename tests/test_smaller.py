"""Failures at smaller sizes than those at which Hypothesis stops."""

import ast
import re

import numpy as np
import pytest
from hypothesis import Phase, example, seed, settings

import gradcheck
from gradcheck import GradientError
from gradcheck.strategies.parser import parse
from gradcheck.strategies.sizes import Sizes
from gradcheck.strategies.smaller import smaller

SPEC = "W: n k; X: k m"


def test_all_large_sizes_are_lowered_at_once_and_then_one_by_one():
    asked = []

    def search(sizes):
        most = {name: sizes.ranges[name].stop - 1 for name in sizes.names}
        asked.append(most)
        return (len(asked), {"n": 1, "k": 4, "m": 2}) if most["k"] >= 4 > most["m"] else None

    assert smaller(Sizes(parse(SPEC)), {"n": 1, "k": 4, "m": 5}, search) == 3
    assert asked == [{"n": 1, "k": 2, "m": 2}, {"n": 1, "k": 2, "m": 5}, {"n": 1, "k": 4, "m": 2}]


@pytest.mark.parametrize(
    ("spec", "failed"),
    [(SPEC, {"n": 2, "k": 1, "m": 2}), (f"{SPEC}; k = 3..9", {"n": 1, "k": 5, "m": 1})],
)
def test_nothing_is_searched_where_no_smaller_sizes_are(spec, failed):
    assert smaller(Sizes(parse(spec)), failed, lambda sizes: 1 / 0) is None


@pytest.mark.parametrize("spec", [SPEC, "x: n; y: m; m = n + 1", "x: n; y: m; m != n"])
def test_sizes_within_others_are_no_larger(spec):
    narrow = Sizes(parse(spec)).within({"n": 2, "k": 1})

    for choice in (0, -1):
        sizes = narrow.choose(lambda options, choice=choice: options[choice])
        assert sizes["n"] <= 2
        assert sizes.get("k", 1) == 1


@pytest.mark.parametrize("spec", ["x: n; n = 3..9", "x: n; y: k; n = 1..9; k = 1..9; n >= k + 2"])
def test_no_sizes_may_be_left(spec):
    assert Sizes(parse(spec)).within({"n": 2}) is None


def clipped(w, x):
    return np.minimum(w @ x, 6.0)


def unclipped(w, x):
    return x


def failure(*decorators, phases=tuple(Phase)):
    def test():
        pass

    found = gradcheck.given("w: k; x: k", cost=clipped, grad=unclipped, wrt="w")(test)
    for decorate in decorators:
        found = decorate(found)
    with pytest.raises(GradientError) as caught:
        settings(database=None, max_examples=60, phases=phases)(found)()
    return caught.value


def largest(error):
    (sizes,) = re.findall(r"dimensions=(.*),$", error.report.reproduce, re.MULTILINE)
    return max(ast.literal_eval(sizes).values())


def test_value_that_many_terms_add_up_to_is_found_in_few():
    assert largest(failure(seed(3))) <= 2


def test_without_shrinking_the_failure_is_as_it_was_drawn():
    phases = [Phase.generate]

    assert largest(failure(seed(3), phases=phases)) > 2


def test_example_of_the_users_own_is_left_as_it_is():
    arrays = {"w": np.full(4, 2.0), "x": np.ones(4)}

    assert largest(failure(example(arrays=arrays))) == 4
