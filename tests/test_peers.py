"""The comparison with other checkers: its cases are what they say, and its page is as made."""

import re

import numpy as np
import peers
import pytest
from peer_cases import CASES, of_family
from peer_checkers import CHECKERS, FAIL, PASS, UNSURE, Checker

BY_NAME = {checker.name: checker for checker in CHECKERS}
RNG = np.random.default_rng


def verdict(name, case, k=0):
    checker = BY_NAME[name]
    if checker.missing:
        pytest.skip(f"{checker.missing} is not installed, extra `peers`")
    return peers.asked(checker, CASES[case].draw, k)


def truth(problem):
    """The gradient by differences that are extrapolated, at a step for well-scaled costs."""
    found = {}
    for name, block in problem.params.items():
        found[name] = np.zeros(block.shape)
        for i in np.ndindex(block.shape):
            slopes = []
            for h in (1e-3, 5e-4):
                ends = []
                for sign in (1, -1):
                    moved = {n: x.copy() for n, x in problem.params.items()}
                    moved[name][i] += sign * h
                    ends.append(float(problem.cost(moved)))
                slopes.append((ends[0] - ends[1]) / (2 * h))
            found[name][i] = (4 * slopes[1] - slopes[0]) / 3
    return found


ROUGH = {"entries of 1e-6 to 1e6", "entries of 1e9", "logarithm at 1e-7", "sin(300 x)"}
ROUGH |= {"one entry at a kink", "one entry 1e-7 beside a kink", "all entries at kinks"}
ROUGH |= {"inner solver that stops early", "cost offset by 1e6", "float32"}


@pytest.mark.parametrize(
    "name", [c.name for c in CASES.values() if c.right and c.name not in ROUGH]
)
def test_right_gradients_are_right(name):
    problem = CASES[name].draw(RNG(0))
    gradient, slopes = problem.gradient(problem.params), truth(problem)
    largest = max(np.abs(g).max() for g in slopes.values())

    for block, slope in slopes.items():
        np.testing.assert_allclose(gradient[block], slope, rtol=1e-5, atol=1e-5 * largest + 1e-20)


@pytest.mark.parametrize("name", [c.name for c in CASES.values() if not c.right])
def test_wrong_gradients_are_wrong_and_found(name):
    found = verdict("gradcheck", name)

    # Beneath the noise of the cost, or of single precision, it may pass with its resolution.
    assert found == FAIL or name in {"off by 1e-5, noise of 1e-9", "off by 1e-3, float32"}


@pytest.mark.parametrize("name", [c.name for c in CASES.values() if c.right])
def test_no_right_gradient_fails_here(name):
    assert FAIL not in {verdict("gradcheck", name, k) for k in range(2)}


@pytest.mark.parametrize(
    ("checker", "case", "expected"),
    [
        ("scipy", "the network", PASS),
        ("scipy", "block off by 1e-2", FAIL),
        ("scipy", "all 0, cost of size 1e-12", PASS),
        ("scipy", "cost of size 1e6", FAIL),
        ("scipy", "all 0, cost in a reused buffer", PASS),
        ("loop, norms", "the network", PASS),
        ("loop, norms", "block off by 1e-2", FAIL),
        ("loop, norms", "NaN in one entry", PASS),
        ("loop, norms", "rank-1 bias, right values", PASS),
        ("loop, norms", "small block is 0 beside one 1e8 times larger", PASS),
        ("loop, norms", "one entry at a kink", FAIL),
        ("loop, entries", "the network", PASS),
        ("loop, entries", "block off by 1e-2", FAIL),
        ("loop, entries", "block off by 1e-5", UNSURE),
        ("loop, entries", "rank-1 bias, right values", FAIL),
        ("torch", "block off by 1e-4", PASS),
        ("torch", "one entry at a kink", FAIL),
        ("jax", "block off by 1e-1", FAIL),
        ("autograd", "all 0, cost in a reused buffer", PASS),
    ],
)
def test_known_strengths_and_weaknesses_show(checker, case, expected):
    assert verdict(checker, case) == expected


def test_what_a_checker_raises_counts_as_a_failure():
    def judge(problem):
        raise ValueError

    assert peers.asked(Checker("x", (), "", "", judge), CASES["the network"].draw, 0) == FAIL


def test_a_checker_whose_package_is_missing_is_known():
    assert Checker("x", ("numpy", "no_such_package"), "", "", None).missing == ["no_such_package"]


def test_families_can_be_corrupted_or_have_nothing_to_corrupt():
    right, wrong = (of_family("rosenbrock", RNG(0), change) for change in (None, "block doubled"))

    np.testing.assert_array_equal(2 * right.gradient({})["x"], wrong.gradient({})["x"])
    assert of_family("constant", RNG(0), "block doubled") is None


def test_tables_are_put_in_their_places_and_nowhere_else():
    page = "a\n<!-- rules: made -->\nold\n<!-- end -->\nb\n<!-- cases: made -->\n<!-- end -->\nc"

    once = peers.inserted(page, {"rules": "new"})

    assert once == page.replace("old", "new")
    with pytest.raises(SystemExit, match="0 places for the table costs"):
        peers.inserted(page, {"costs": "new"})


def table(name):
    """Rows of cells of a table of the page."""
    page = peers.PAGE.read_text()
    text = re.search(rf"<!-- {name}: .*?-->\n(.*?)\n<!-- end -->", page, re.DOTALL)[1]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]


def test_the_page_has_the_rules_of_all_checkers():
    assert table("rules")[2:] == [[c.name, c.step, c.rule] for c in CHECKERS]


def test_the_page_has_all_cases_and_all_checkers():
    head, _, *rows = table("cases")
    sums = ["passed wrongly", "failed wrongly", "undecided"]
    names = [[c.name for c in CASES.values() if c.right == right] for right in (False, True)]

    assert head[1:] == [checker.name for checker in CHECKERS]
    titles = [row[0].strip("*") for row in rows]
    wrong, right = (title for title in titles if "should" in title)
    assert titles == [wrong, *names[0], right, *names[1], *sums]


def test_sums_on_the_page_are_those_of_its_rows():
    draws = int(re.search(r"(\d+) draws of a case", peers.PAGE.read_text())[1])
    _, _, *rows = table("cases")
    middle = next(k for k, row in enumerate(rows) if "right, should pass" in row[0])
    ends = {row[0].strip("*"): row[1:] for row in rows[-3:]}

    for column in range(1, len(rows[0])):
        found = {"passed wrongly": 0, "failed wrongly": 0, "undecided": 0}
        for k, row in enumerate(rows[:-3]):
            if k in (0, middle):
                continue
            cell = row[column]
            right, *others = re.findall(r"\d+", cell)
            assert int(right) + sum(map(int, others)) == draws
            for word, key in (("pass", "passed wrongly"), ("fail", "failed wrongly")):
                found[key] += sum(map(int, re.findall(rf"(\d+) {word}", cell)))
            found["undecided"] += sum(map(int, re.findall(r"(\d+) \?", cell)))
        assert {name: int(cells[column - 1]) for name, cells in ends.items()} == found


@pytest.mark.parametrize("name", ["families", "costs"])
def test_the_page_measures_all_checkers(name):
    _, _, *rows = table(name)

    assert [row[0] for row in rows] == [checker.name for checker in CHECKERS]


@pytest.mark.parametrize("name", peers.TABLES)
def test_no_place_of_the_page_is_empty(name):
    assert len(table(name)) >= 1
