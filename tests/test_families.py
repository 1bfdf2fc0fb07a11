"""Verdicts on costs with known gradients: right ones never fail, wrong ones do.

`benchmarks/verdicts.py` does the same with many more draws; docs/verdicts-measured.md has what
it found.
"""

import numpy as np
import pytest
from families import FAMILIES, corruptions
from hypothesis import settings

from gradcheck import Verdict, check_gradient

DRAWS = max(1, settings.default.max_examples // 100)
"""Of each family; in step with the examples of the profile that was chosen."""

UNDECIDABLE = {"fixed_point_solver", "conjugate_gradient_solver", "own_scales"}
"""The cost as computed has another derivative than the cost that is meant; see docs/verdicts.md. Of
the last, so do entries all of whose own scale is below the noise."""

SHARP = [
    "attention",
    "batch_norm",
    "bilinear",
    "cancelling_variance",
    "exponentials",
    "gaussian_nll",
    "high_power",
    "huge_cost",
    "huge_parameters",
    "ill_conditioned",
    "linear",
    "logistic_regression",
    "minute_values",
    "mixed_scales",
    "net_sigmoid",
    "net_softplus",
    "net_tanh",
    "newton_solver",
    "oscillating",
    "recurrent_net",
    "rosenbrock",
    "saturated_units",
    "softmax_cross_entropy",
    "tiny_cost",
    "tiny_parameters",
]
"""Smooth, in double precision and without an offset."""


def drawn(name):
    for k in range(DRAWS):
        rng = np.random.default_rng([list(FAMILIES).index(name), 1000 + k])
        yield rng, FAMILIES[name](rng)


def check(problem, gradient):
    # Costs near the edge of their domain warn, as a user's would.
    with np.errstate(all="ignore"):
        return check_gradient(problem.cost, gradient, problem.params)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_right_gradient_never_fails(name):
    for _, problem in drawn(name):
        assert check(problem, problem.gradient).verdict != Verdict.FAIL
        if problem.user_gradient is not None:
            assert check(problem, problem.user_gradient).verdict != Verdict.FAIL


ONCE_FAILED = [
    ("saturated_output", 21),
    ("saturated_output", 54),
    ("saturated_output", 70),
    ("float32_layer", 68),
    ("net_offset", 64),
    ("float32_throughout", 48),
    ("fixed_point_solver", 0),
    ("fixed_point_solver", 3),
    ("conjugate_gradient_solver", 2),
    ("own_scales", 24),
    ("own_scales", 30),
]
"""Draws of docs/verdicts-measured.md whose right gradients were called wrong."""


@pytest.mark.parametrize(("name", "draw"), ONCE_FAILED)
def test_right_gradient_that_once_failed_does_not(name, draw):
    problem = FAMILIES[name](np.random.default_rng([list(FAMILIES).index(name), draw]))

    assert check(problem, problem.gradient).verdict != Verdict.FAIL


@pytest.mark.parametrize("name", SHARP)
def test_right_gradient_of_a_smooth_cost_passes_and_every_mistake_fails(name):
    """Also one of 1e-6 in a whole block, and of 1e-5 in an entry of typical size."""
    for rng, problem in drawn(name):
        assert check(problem, problem.gradient).verdict == Verdict.PASS
        for kind, corrupt in corruptions.items():
            wrong = corrupt(rng, problem.gradient)
            if wrong is not None:
                assert check(problem, wrong).verdict == Verdict.FAIL, kind


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - UNDECIDABLE - {"saturated_output"}))
def test_nothing_passes_that_is_wrong_by_more_than_the_stated_resolution(name):
    for rng, problem in drawn(name):
        for corrupt in corruptions.values():
            wrong = corrupt(rng, problem.gradient)
            if wrong is None:
                continue
            for block_name, block in check(problem, wrong).blocks.items():
                right = np.ravel(problem.gradient[block_name]).astype(float)
                claimed = np.ravel(wrong[block_name]).astype(float)
                scale = np.maximum(np.maximum(abs(right), abs(claimed)), 1e-4 * abs(right).max())
                passed = (block.verdicts == Verdict.PASS) & (scale > 0)
                seen = block.resolutions[passed] * scale[passed] * (1 + 1e-9)
                assert (abs(right - claimed)[passed] <= seen).all()
