"""Sizes agree with all clauses, and every agreeing choice can be made."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck import InvalidInput
from gradcheck.strategies.parser import parse
from gradcheck.strategies.sizes import LARGEST, Sizes

RELATIONS = {
    "n < m": lambda n, m, k: n < m,
    "n <= m": lambda n, m, k: n <= m,
    "n != m": lambda n, m, k: n != m,
    "n = m": lambda n, m, k: n == m,
    "k = n + m": lambda n, m, k: k == n + m,
    "2*n > m": lambda n, m, k: 2 * n > m,
    "n*m <= k": lambda n, m, k: n * m <= k,
    "k >= 4": lambda n, m, k: k >= 4,
    "n//2 = m//2": lambda n, m, k: n // 2 == m // 2,
    "m - n < k//(n - 1)": lambda n, m, k: n > 1 and m - n < k // (n - 1),
}


def reached(sizes):
    """All choices there are, by going through every option."""
    found = set()
    pending = [()]
    while pending:
        prefix = pending.pop()
        asked = []

        def among(options, prefix=prefix, asked=asked):
            position = len(asked)
            asked.append(options)
            return options[prefix[position]] if position < len(prefix) else options[0]

        chosen = sizes.choose(among)
        found.add(tuple(chosen[name] for name in "nmk"))
        for position in range(len(prefix), len(asked)):
            rest = (0,) * (position - len(prefix))
            pending += [(*prefix, *rest, j) for j in range(1, len(asked[position]))]
    return found


@given(st.lists(st.sampled_from(sorted(RELATIONS)), max_size=3, unique=True))
def test_choices_are_exactly_those_that_all_relations_allow(chosen):
    spec = "; ".join(["X: n m k; n=1..5; m=1..5; k=1..5", *chosen])
    due = {
        point
        for point in itertools.product(range(1, 6), repeat=3)
        if all(RELATIONS[relation](*point) for relation in chosen)
    }
    if not due:
        with pytest.raises(InvalidInput, match="no sizes are left"):
            Sizes(parse(spec))
        return

    assert reached(Sizes(parse(spec))) == due


@pytest.mark.parametrize(
    ("spec", "place", "words"),
    [
        ("X: n; n > 10; n < 5", "n < 5", "`n` would be 11 at least, and 4 at most"),
        ("t: m in labels(k - k)", "labels(k - k)", "k is in 1..6"),
        ("X: n; 2 = n = 3", "2 = n", "n is in 3..3"),
    ],
)
def test_what_leaves_no_sizes_is_pointed_at(spec, place, words):
    with pytest.raises(InvalidInput, match="no sizes are left") as raised:
        Sizes(parse(spec))

    message, line, carets = str(raised.value).split("\n")
    assert words in message
    assert line[carets.index("^") :][: carets.count("^")] == place


@pytest.mark.parametrize(
    ("spec", "name", "expected"),
    [
        ("X: n", "n", range(1, LARGEST + 1)),
        ("X: n; n = 3..4", "n", range(3, 5)),
        ("X: n; n = 7", "n", range(7, 8)),
        ("X: n; n >= 8", "n", range(8, 8 + LARGEST)),
        ("X: n; n < 3", "n", range(1, 3)),
        ("X: n; 20 > n", "n", range(1, 20)),
    ],
)
def test_a_range_is_what_numbers_say_or_up_to_six(spec, name, expected):
    assert Sizes(parse(spec)).ranges[name] == expected


def test_equations_compute_sizes_beyond_the_default_range():
    sizes = Sizes(parse("X: n k; k = 2*n + 1; t: m in labels(c); c = k"))

    assert sizes.choose(lambda options: options[-1]) == {"n": 6, "k": 13, "m": 6, "c": 13}


def test_computed_sizes_are_at_least_one():
    sizes = Sizes(parse("x: n; k: l; y: n-l+1"))

    assert all(chosen["n"] >= chosen["l"] for chosen in every(sizes))


def every(sizes):
    rng = np.random.default_rng(0)
    return [sizes.choose(lambda options: options[rng.integers(len(options))]) for _ in range(200)]


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ("X: n m; n > m; n=1..2; m=2", "n > m"),
        ("X: n; n > 10; n=1..5", "n > 10"),
        ("X: n n-9", "n-9"),
        ("X: n; 2 < 1", "2 < 1"),
        ("X: n m; n < m; m < n", "m < n"),
    ],
)
def test_relations_that_cannot_hold_are_pointed_at(spec, place):
    with pytest.raises(InvalidInput) as raised:
        Sizes(parse(spec))

    _, line, carets = str(raised.value).split("\n")
    assert line[carets.index("^") :].startswith(place)
    assert carets.count("^") == len(place)


def test_many_sizes_are_found_without_trying_all():
    sizes = Sizes(parse("X: n m; Y: k; n=1..2000; m=1..2000; k=1..2000; n < m; m < k"))

    assert all(choice["n"] < choice["m"] < choice["k"] for choice in every(sizes))


def test_search_without_end_is_refused():
    with pytest.raises(InvalidInput, match="take too long"):
        Sizes(parse("X: a b c; a=1..999; b=1..999; c=1..999; a*a*a + b*b*b = c*c*c"))


def test_among_many_sizes_the_smallest_and_equal_ones_are_not_rare():
    chosen = every(Sizes(parse("X: n m; n=1..500; m=1..500")))

    assert 10 < sum(c["n"] == 1 for c in chosen) < 80
    assert 5 < sum(c["n"] == c["m"] for c in chosen) < 80


def test_sizes_of_given_arrays_are_measured():
    sizes = Sizes(parse("X: n m; Y: 2*n; s:"))
    arrays = {"X": np.ones((2, 3)), "Y": np.ones(4), "s": 1.0}

    assert sizes.measured(arrays) == {"n": 2, "m": 3}
    with pytest.raises(InvalidInput, match=r"`Y` has shape \(5,\); the spec says: 2 \* n"):
        sizes.measured({**arrays, "Y": np.ones(5)})
    with pytest.raises(InvalidInput, match="`s` is missing"):
        sizes.measured({"X": np.ones((2, 3)), "Y": np.ones(4)})


def test_arrays_of_high_rank_stay_small_and_huge_ones_are_refused():
    high = Sizes(parse("X: " + "n " * 10))
    assert high.choose(lambda options: options[-1]) == {"n": 2}

    with pytest.raises(InvalidInput, match="`X` has up to 100,000,000 entries") as raised:
        Sizes(parse("Y: m; X: n m; n = 1..10000; m = 1..10000"))

    assert str(raised.value).splitlines()[-1].index("^") == 4 + len("Y: m; ")
