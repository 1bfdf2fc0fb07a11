"""Right gradients have no diagnosis; mistakes have the right one, also those nobody had seen."""

import inspect

import numpy as np
import pytest
from functions import FUNCTIONS
from mistakes import MISTAKES, SEEDS, report_of, score
from mistakes_aside import ASIDE

import backprop
from gradcheck import Verdict, check_gradient

EVERY = (*MISTAKES, *ASIDE)

SHARES = {"seen": (MISTAKES, 0.95), "aside": (ASIDE, 0.88)}
"""Of the mistakes of a table, how many at least must be named rightly; what is reached for those
set aside stands in docs/diagnoses-measured.md."""


def passes(problem):
    report = check_gradient(problem.cost, problem.gradient, problem.params, args=problem.args)
    return report.verdict == Verdict.PASS and not report.diagnoses


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("draw", FUNCTIONS, ids=lambda draw: draw(np.random.default_rng(0)).name)
def test_right_gradient_of_any_size_passes_without_diagnosis(draw, seed):
    rng = np.random.default_rng(seed)
    usual = {name: p.default for name, p in inspect.signature(draw).parameters.items()}
    sizes = {name: n + int(rng.integers(3)) for name, n in usual.items() if isinstance(n, int)}

    assert passes(draw(rng, **sizes))


def test_right_gradients_beside_the_mistakes_pass_without_diagnosis():
    problems = {}
    for mistake in EVERY:
        problem = mistake.drawn(0)
        shapes = tuple(np.shape(value) for value in (*problem.params.values(), *problem.args))
        problems[problem.name, shapes] = problem

    assert [key for key, problem in problems.items() if not passes(problem)] == []


@pytest.mark.parametrize("mistake", EVERY, ids=lambda mistake: mistake.title)
def test_mistake_of_the_diagnosis_table_fails_in_its_blocks(mistake):
    report = report_of(mistake, SEEDS[0])

    failed = {name for name, block in report.blocks.items() if block.verdict == Verdict.FAIL}
    assert report.verdict == Verdict.FAIL
    assert len(str(report).splitlines()) <= 40
    if mistake.block is None and not failed:
        assert any(finding.severity == "error" for finding in report.findings)
    elif mistake.exact:
        assert failed == set(mistake.blocks or report.blocks)
    else:
        assert failed >= set(mistake.blocks)


@pytest.mark.parametrize("table", SHARES)
def test_diagnosis_names_block_and_kind_of_nearly_every_mistake(table):
    mistakes, share = SHARES[table]
    misses = score(mistakes, seeds=SEEDS[:1])

    assert len(misses) <= (1 - share) * len(mistakes), "\n".join(misses)


def test_diagnosis_table_is_wide():
    assert len({mistake.title for mistake in EVERY}) == len(EVERY) >= 100
    assert len({mistake.drawn(0).cost for mistake in EVERY}) >= 14
    assert sum(mistake.names_all for mistake in EVERY) >= 12


def test_the_table_has_the_net_of_the_lecture_with_each_of_its_activations():
    named = {mistake.drawn(0).name for mistake in EVERY}

    assert {f"net, {activation}" for activation in backprop.ACTIVATIONS} <= named
