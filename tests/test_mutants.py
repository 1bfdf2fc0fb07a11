"""The tester is tested: each of the six equations, broken by hand, must be caught."""

import numpy as np
import pytest
from hypothesis import find, settings
from mutants import MUTANTS
from networks import networks

import backprop
from gradcheck import Verdict, check_gradient


def fails(network, gradients):
    report = check_gradient(
        backprop.cost,
        gradients,
        network.parameters,
        args=network.arguments[1:],
        vectorized=True,
    )
    return report.verdict == Verdict.FAIL


@pytest.mark.parametrize("name", MUTANTS)
def test_each_equation_broken_by_hand_is_caught(name):
    mutant = MUTANTS[name]
    rng = np.random.default_rng(0)
    parameters = backprop.Parameters(
        *(rng.normal(size=shape) for shape in ((4, 3), (4, 1), (2, 4), (2, 1)))
    )
    X, Y = rng.normal(size=(3, 5)), rng.uniform(size=(2, 5))

    report = check_gradient(
        backprop.cost, mutant.module.gradients, parameters, args=(X, Y, backprop.tanh, 0.5)
    )

    failed = {name for name, block in report.blocks.items() if block.verdict == Verdict.FAIL}
    assert report.verdict == Verdict.FAIL
    assert failed == set(mutant.blocks.split())
    codes = {f.code for f in report.findings if f.severity == "error"}
    assert codes == ({mutant.finding} if mutant.finding else set())


SHRUNK = [
    "dZ1: derivative at A1",
    "db1: keepdims forgotten",
    "dZ2: target forgotten",
    "dW2: mean forgotten",
    "db2: summed over all",
    "dW1: transposed",
]
"""One for each equation. Two of them by default, for the search takes seconds; `soak` has all."""


@pytest.mark.parametrize("name", SHRUNK[: max(2, settings.default.max_examples // 100)])
def test_a_broken_equation_is_found_by_drawing_and_shrinks_to_small_networks(name):
    gradients = MUTANTS[name].module.gradients

    smallest = find(
        networks(),
        lambda network: fails(network, gradients),
        settings=settings(max_examples=200, derandomize=True, database=None, deadline=None),
    )

    W1, _, W2, _ = smallest.parameters
    assert max(*W1.shape, *W2.shape, smallest.X.shape[1]) <= 2
    for array in (*smallest.parameters, smallest.X, smallest.Y):
        assert set(np.unique(np.abs(array))) <= {0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0}
