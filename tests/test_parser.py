"""The language of specs: what it means, and where a mistake is pointed at."""

import pytest

from gradcheck import InvalidInput
from gradcheck.strategies.parser import parse
from gradcheck.strategies.spec import INFINITY, Interval

NETWORK = "X: n0 m; Y: n2 m in {0,1}; W1: n1 n0; b1: n1 1; W2: n2 n1; b2: n2 1"


def shape(text):
    return [str(size) for size in parse(text).arrays[0].shape]


def domain(text):
    return parse(f"x: k k in {text}").arrays[0].domain


def test_arrays_and_dimensions_stand_in_their_order():
    spec = parse(NETWORK)

    assert spec.names == ("X", "Y", "W1", "b1", "W2", "b2")
    assert spec.dimensions == ("n0", "m", "n2", "n1")
    assert [str(size) for size in spec.arrays[3].shape] == ["n1", "1"]
    assert spec.arrays[1].domain.numbers == (0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("x: n", ["n"]),
        ("x:", []),
        ("x: in positive", []),
        ("x: ()", []),
        ("x: (n,)", ["n"]),
        ("x: (n, m)", ["n", "m"]),
        ("x: n, m", ["n", "m"]),
        ("x: n m 3", ["n", "m", "3"]),
        ("x: n-k+1 m", ["n - k + 1", "m"]),
        ("x: n - k + 1 m", ["n - k + 1", "m"]),
        ("x: (n + 1) m", ["n + 1", "m"]),
        ("x: 2*(n + 1) n//2", ["2 * (n + 1)", "n // 2"]),
        ("x: n m  # the data", ["n", "m"]),
    ],
)
def test_shapes_are_written_with_or_without_commas(text, sizes):
    assert shape(text) == sizes


def test_a_size_is_computed_as_it_is_written():
    (size,) = parse("x: 2*(n + 1) - n//2 - 1; n = 5").arrays[0].shape

    assert size.value({"n": 5}) == 2 * 6 - 2 - 1
    assert size.names == ("n",)


def test_clauses_end_with_a_semicolon_or_a_line():
    spec = parse("\nX: n m; W: n\n\nm = 2..3\n; n <= m;")

    assert spec.names == ("X", "W")
    assert len(spec.ranges) == len(spec.relations) == 1


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("real", Interval()),
        ("positive", Interval(0.0)),
        ("nonnegative", Interval(0.0, low_open=False)),
        ("unit", Interval(0.0, 1.0)),
        ("unit interval", Interval(0.0, 1.0)),
        ("[-1, 1]", Interval(-1, 1, False, False)),
        ("(0, 1/2]", Interval(0.0, 0.5, True, False)),
        ("(0, inf)", Interval(0.0, INFINITY)),
        ("[1e-3, inf)", Interval(1e-3, low_open=False)),
    ],
)
def test_domains_of_numbers_are_intervals(text, interval):
    assert domain(text).interval == interval
    assert str(domain(text)) == text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("one-hot", "one-hot"),
        ("one_hot", "one-hot"),
        ("onehot(axis=1)", "one-hot"),
        ("symmetric", "symmetric"),
        ("positive-definite", "positive-definite"),
        ("Positive Definite", "positive-definite"),
        ("orthogonal", "orthogonal"),
        ("labels(k)", "labels"),
        ("{-1, 1}", "set"),
    ],
)
def test_other_domains_have_names(text, kind):
    assert domain(text).kind == kind


def test_options_of_domains_are_read():
    assert domain("one-hot(axis=-1)").axis == domain("one-hot(-1)").axis == -1
    assert str(domain("labels(k + 1)").size) == "k + 1"
    assert domain("{1/2, -1e3, 2}").numbers == (0.5, -1000.0, 2.0)
    assert parse("x: n scale=0.1").arrays[0].scale == 0.1
    assert parse("x: n in positive scale=2").arrays[0].scale == 2.0


def test_ranges_and_relations_are_clauses():
    spec = parse("X: n m; n = 1..8; m = 3; n >= m + 1; 2 <= n < 9")

    assert [(r.name, r.low, r.high) for r in spec.ranges] == [("n", 1, 8), ("m", 3, 3)]
    assert [str(r.left) + r.comparison + str(r.right) for r in spec.relations] == [
        "n>=m + 1",
        "2<=n",
        "n<9",
    ]
    assert spec.relations[0].holds({"n": 4, "m": 3})
    assert not spec.relations[0].holds({"n": 3, "m": 3})


MISTAKES = {
    "domain": ("X: n m in reel", "reel", "`reel` is no domain; `real` is"),
    "strange domain": ("X: n m in galaxy", "galaxy", "expected one of real, positive"),
    "no domain": ("X: n m in", "", "a domain is missing"),
    "no colon": ("X n m", "n", "expected `:` and a shape"),
    "no semicolon": ("X: n m W: k", "W", "put `;` before it"),
    "no name": ("X: n; : n", ":", "expected a size"),
    "product": ("X: 2n m", "2n", "a product is 2*n"),
    "quotient": ("X: n/2 m", "/", "write `//`"),
    "modulo": ("X: n % m", "%", "means nothing here; write `//`"),
    "not equal": ("X: n m; n \u2260 m", "\u2260", "write `!=`"),
    "parenthesis": ("X: 2*(n + 1 m", "m", "expected `)`"),
    "operand": ("X: n + ; Y: m", "", "expected a size"),
    "twice": ("X: n; Y: m; X: m", "X", "`X` is described twice"),
    "both": ("n: m; X: n", "n", "an array here and a size elsewhere"),
    "keyword": ("lambda: n", "lambda", "a word of Python"),
    "option": ("X: n sclae=2", "sclae", "`sclae=` is no option; `scale=` is"),
    "strange option": ("X: n dtype=4", "dtype", "`dtype=` is no option; there is `scale=`"),
    "option twice": ("X: n scale=1 scale=2", "scale", "`scale=` is said twice"),
    "option without =": ("X: n scale 2", "scale", "write `scale=` and a number"),
    "range for an option": ("X: n n=2..4", "n", "`n=` starts a clause; put `;`"),
    "axis for an option": ("X: n m in one-hot axis=0", "axis", "as in one-hot(axis=0)"),
    "domain without in": ("X: n positive", "positive", "domains stand after `in`"),
    "two domains": ("X: n in real in unit", "in", "an array has one domain"),
    "negative": ("X: n in negative", "negative", "is no domain; write (-inf, 0)"),
    "integer": ("X: n in integer", "integer", "labels(k) are the integers 0, ..., k - 1"),
    "binary": ("X: n in binary", "binary", "write {0, 1}"),
    "float32": ("X: n in float32", "float32", "in double precision"),
    "number": ("X: n in 0..5", "0", "an interval is written [-1, 1], a set {0, 1}"),
    "no labels": ("t: m in labels(0)", "0", "k is at least 1"),
    "sign": ("t: m in labels(-1)", "-", "a size has no sign"),
    "set of sizes": ("X: n; n in {2, 4}", "in", "sizes come from a range such as n = 2..4"),
    "sizes in braces": ("X: n; n = {2, 4}", "{", "sizes come from a range"),
    "sizes by commas": ("X: n; n = 2, 4", ",", "sizes come from a range"),
    "range of an array": ("X: n; n: 2..4", "..", "a range is a clause of its own"),
    "difference": ("X: n; n = 1-3", "1-3", "a range is written n = 1..8"),
    "power": ("X: n**2", "*", "a power is written as a product"),
    "brackets": ("X: [n, m]", "[", "with or without parentheses"),
    "quotes": ("'X': n", "'", "names stand without quotes"),
    "scale": ("X: n scale=-1", "scale=-1", "a scale is a positive number"),
    "scale of a set": ("X: n in {0, 1} scale=2", "scale=2", "itself says how large"),
    "set": ("X: n in {0, 1", "", "expected `,` or `}`"),
    "empty set": ("X: n in {}", "{}", "at least one number"),
    "set of words": ("X: n in {a}", "a", "expected a number"),
    "interval": ("X: n in [1, -1]", "[1, -1]", "nothing lies between 1 and -1"),
    "narrow": (
        "X: n in (1, 1.0000000000000002)",
        "(1, 1.0000000000000002)",
        "hardly any number lies",
    ),
    "wide": ("X: n in [0, 1e200]", "[0, 1e200]", "write inf"),
    "half": ("X: n in [0, 1", "", "to close the interval"),
    "square": ("X: n m in symmetric", "n m", "write one size twice"),
    "vector": ("X: n in orthogonal", "orthogonal", "has two sizes"),
    "axis": ("X: n m in one-hot(axis=2)", "one-hot(axis=2)", "only 2 axes"),
    "labels": ("t: m in labels", "", "labels(k) are 0, ..., k - 1"),
    "zero": ("X: 0 m", "0", "a size is at least 1"),
    "zero range": ("X: n; n = 0..3", "0", "a size is at least 1"),
    "empty range": ("X: n; n = 5..3", "n = 5..3", "no size lies in 5..3"),
    "half range": ("X: n; n = 5..", "", "the largest size"),
    "range of two": ("X: n m; n+m = 2..3", "n+m = 2..3", "a range is for one dimension"),
    "range of names": ("X: n m; n = 1..m", "m", "the ends of a range are numbers"),
    "two ranges": ("X: n; n=1..2; n=2..3", "n=2..3", "`n` has two ranges"),
    "unused": ("X: n m; m1 = 1..8", "m1 = 1..8", "the size of no array; `m` is"),
    "unused relation": ("X: n m; n < k", "n < k", "`k` is the size of no array"),
    "fraction": ("X: 1.5 n", "1.5", "expected a whole number"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_pointed_at(name):
    text, place, words = MISTAKES[name]

    with pytest.raises(InvalidInput) as raised:
        parse(text)

    message, line, carets = str(raised.value).split("\n")
    start = carets.index("^") - 4
    assert words in message
    assert line == f"    {text}"
    assert text[start : start + carets.count("^")].startswith(place or text[start : start + 1])
    assert place or text[start:].strip() in ("", "; Y: m")


def test_of_several_lines_the_one_with_the_mistake_is_shown():
    with pytest.raises(InvalidInput) as raised:
        parse("X: n m\n\tW: n in posiitve\nb: n")

    assert str(raised.value).split("\n")[1:] == [
        "    \tW: n in posiitve",
        "    \t        ^^^^^^^^",
    ]


@pytest.mark.parametrize("text", ["", "  ;\n", "n = 1..3"])
def test_a_spec_without_arrays_is_none(text):
    with pytest.raises(InvalidInput, match="at least one array"):
        parse(text)


def test_a_spec_is_a_text():
    with pytest.raises(InvalidInput, match="got dict"):
        parse({"X": "n m"})
