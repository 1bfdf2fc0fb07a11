"""The plugin, in pytest runs of its own: selection, failures, summary, files, cost of starting.

Runs are made in this process, which is faster, but where it matters what is loaded when.
"""

import json
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import hypothesis.control  # noqa: F401  loaded here, for runs in this process forget theirs
import numpy as np
import pytest

import gradcheck.jacobian  # likewise
from gradcheck import check_gradient

pytest_plugins = "pytester"

ROOT = Path(__file__).parent.parent

PROBLEM = """
import numpy as np

x = np.array([1.0, -2.0])

def cost(x):
    return np.sum(x**2)

def right(x):
    return 2 * x

def wrong(x):
    return 3 * x

def kinked(x):
    return np.sum(np.abs(x))
"""

HEAD = """
import numpy as np
import pytest
from gradcheck import assert_gradient, check_gradient, check_hessian
from problem import cost, kinked, right, wrong, x
"""

DRAWN = """
from hypothesis import given, settings, strategies as st
few = settings(max_examples=7, database=None, derandomize=True)
"""

FAILING = "def test_wrong(gradcheck):\n    gradcheck(cost, wrong, x)"


@pytest.fixture
def plugin(pytestconfig, monkeypatch):
    """Arguments that load the plugin, where it is not installed with the package."""
    monkeypatch.setenv("PYTHONPATH", str(Path(gradcheck.__file__).parents[1]), os.pathsep)
    installed = pytestconfig.pluginmanager.has_plugin("gradcheck")
    return () if installed else ("-p", "gradcheck.pytest_plugin")


@pytest.fixture
def write(pytester):
    """Writes `test_it.py`, and what it imports."""
    pytester.makepyfile(problem=PROBLEM)
    return lambda *tests: pytester.makepyfile(test_it="\n".join([HEAD, *tests]))


@pytest.fixture
def run(pytester, plugin, write):
    """Runs tests with the plugin; no warning is allowed."""

    def call(*tests, args=(), separately=False):
        write(*tests)
        method = pytester.runpytest_subprocess if separately else pytester.runpytest_inprocess
        options = ("-W", "error", "--strict-markers", "-p", "no:cacheprovider")
        return method(*plugin, *options, *args)

    return call


def text_of(grad):
    """The report on a gradient of the sum of squares, as the runs should show it."""
    return str(check_gradient(lambda x: np.sum(x**2), grad, np.array([1.0, -2.0])))


WRONG = text_of(lambda x: 3 * x)


def failures(result):
    """Lines of the section of failures, without headlines."""
    text = result.stdout.str().partition("= FAILURES =")[2]
    lines = re.split(r"\n=+ [a-z ]+ =+", text)[0].splitlines()[1:]
    return [line for line in lines if not re.fullmatch(r"_+ .* _+", line)]


def section(result):
    """Lines of the section of the summary."""
    found = re.search(r"\n=+ gradcheck =+\n(.*?)\n=", result.stdout.str(), flags=re.DOTALL)
    return found[1].splitlines() if found else []


def marked(body, *, mark="@pytest.mark.gradcheck", name="test_it"):
    return f"{mark}\ndef {name}():\n    {body}"


USERS = {
    "fixture": "def test_it(gradcheck): pass",
    "marker": marked("pass"),
    "marker_of_class": "@pytest.mark.gradcheck\nclass TestIt:\n    def test_it(self): pass",
    "marker_of_module": "pytestmark = pytest.mark.gradcheck\ndef test_it(): pass",
    "usefixtures": marked("pass", mark='@pytest.mark.usefixtures("gradcheck")'),
    "another_fixture": (
        "@pytest.fixture\ndef checked(gradcheck): pass\ndef test_it(checked): pass"
    ),
    "attribute": "def test_it(): pass\ntest_it.__gradcheck__ = True",
    "unittest": (
        "import unittest\n@pytest.mark.gradcheck\n"
        "class TestIt(unittest.TestCase):\n    def test_it(self): pass"
    ),
}


@pytest.mark.parametrize("option", ["-m", "-k"])
@pytest.mark.parametrize("user", USERS)
def test_tests_that_use_it_are_selected(run, user, option):
    result = run(USERS[user], args=[option, "gradcheck"])

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("option", ["-m", "-k"])
def test_other_tests_are_not_selected(run, option):
    other = "def test_other():\n    assert_gradient(cost, right, x)"

    result = run(other, USERS["fixture"], args=[option, "not gradcheck"])

    result.assert_outcomes(passed=1, deselected=1)
    assert section(result) == []


def test_marker_is_documented(run):
    assert "@pytest.mark.gradcheck(**options)" in run("", args=["--markers"]).stdout.str()


SHARP = "@pytest.mark.gradcheck(resolution=1e-15)"
"""No double can show this, so the check is inconclusive."""


@pytest.mark.parametrize(
    "call",
    [
        "assert_gradient(cost, right, x)",
        "assert check_gradient(cost, right, x)",
        "assert check_hessian(cost, 2 * np.eye(2), x)",
        "request.getfixturevalue('gradcheck')(cost, right, x)",
    ],
)
def test_options_of_the_marker_hold_for_every_check(run, call):
    result = run(f"{SHARP}\ndef test_it(request):\n    {call}")

    result.assert_outcomes(failed=1)
    assert "0 PASS, 0 FAIL, 1 INCONCLUSIVE" in result.stdout.str()


def test_options_of_the_call_win(run):
    run(marked("assert_gradient(cost, right, x, resolution=1e-3)", mark=SHARP)).assert_outcomes(
        passed=1
    )


def test_closest_marker_wins(run):
    near = "    @pytest.mark.gradcheck(resolution=1e-3)"
    method = "    def test_it(self, gradcheck): gradcheck(cost, right, x)"

    run(SHARP, "class TestIt:", near, method).assert_outcomes(passed=1)


def test_options_end_with_their_test(run):
    sharp = marked("assert not check_gradient(cost, right, x)", mark=SHARP)

    run(sharp, marked("assert_gradient(cost, right, x)", name="test_next")).assert_outcomes(
        passed=2
    )


@pytest.mark.parametrize("options", ["resolutoin=1e-3", "1e-3"])
def test_option_that_no_check_has_is_an_error(run, options):
    result = run(marked("pass", mark=f"@pytest.mark.gradcheck({options})"))

    result.assert_outcomes(errors=1)
    got = options.replace("=1e-3", "=").replace("1e-3", "0.001")
    result.stdout.fnmatch_lines([f"the marker `gradcheck` got {got}, expected options by name, *"])
    assert ("did you mean resolution=?" in result.stdout.str()) == ("=" in options)


@pytest.fixture
def line_of(pytester):
    """Number of the line of `test_it.py` that has a text."""
    lines = pytester.path.joinpath

    def call(text, name="test_it.py"):
        numbered = enumerate(lines(name).read_text().splitlines(), 1)
        return next(number for number, line in numbered if text in line)

    return call


@pytest.mark.parametrize("style", ["auto", "long", "short", "native"])
def test_failure_is_the_report_and_its_place(run, line_of, style):
    result = run(FAILING, args=[f"--tb={style}"])

    place = f"test_it.py:{line_of('gradcheck(cost, wrong')}: GradientError"
    assert failures(result) == [*WRONG.splitlines(), "", place]


def test_failure_has_its_place_once_where_pytest_adds_it(run, line_of):
    result = run(FAILING, args=["--tb=line"])

    place = f"test_it.py:{line_of('gradcheck(cost, wrong')}: GradientError"
    assert result.stdout.str().count(place) == 1
    assert failures(result)[-1] == f"{place}: {WRONG.splitlines()[0]}"


def test_failure_is_not_shown_if_none_is_asked_for(run):
    assert failures(run(FAILING, args=["--tb=no"])) == []


def test_full_trace_is_pytests_own(run):
    result = run(FAILING, args=["--full-trace"])

    result.stdout.fnmatch_lines([">*gradcheck(cost, wrong, x)", f"E*{WRONG.splitlines()[0]}"])


@pytest.mark.parametrize("mark", ["", "@pytest.mark.gradcheck"])
def test_failure_of_a_plain_call_reads_the_same(run, line_of, mark):
    result = run(mark, "def test_it():\n    assert_gradient(cost, wrong, x)")

    place = f"test_it.py:{line_of('assert_gradient(cost')}: GradientError"
    assert failures(result) == [*WRONG.splitlines(), "", place]


def test_failure_in_a_helper_shows_who_called_it(run, line_of, pytester):
    pytester.makepyfile(
        helper="from problem import *\ndef helper(check):\n    check(cost, wrong, x)"
    )

    result = run("def test_it(gradcheck):\n    from helper import helper\n    helper(gradcheck)")

    assert failures(result)[-2:] == [
        f"test_it.py:{line_of('helper(gradcheck)')}: in test_it",
        "helper.py:3: GradientError",
    ]


def test_failure_in_setup_is_as_readable(run, line_of):
    fixture = "@pytest.fixture\ndef checked(gradcheck):\n    gradcheck(cost, wrong, x)"

    result = run(fixture, "def test_it(checked): pass")

    result.assert_outcomes(errors=1)
    place = f"test_it.py:{line_of('gradcheck(cost, wrong')}: GradientError"
    assert "\n".join([WRONG, "", place, ""]) in result.stdout.str()


def test_error_in_setup_has_its_row(run):
    fixture = "@pytest.fixture\ndef broken():\n    raise ValueError"

    result = run(fixture, "def test_it(broken, gradcheck): pass")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["error    -  * test_it.py::test_it"])


def test_failure_of_a_test_case_hides_unittest(run, line_of):
    case = "class TestIt(unittest.TestCase):\n    def test_it(self):"
    result = run("import unittest", case, "        assert_gradient(cost, wrong, x)")

    place = f"test_it.py:{line_of('assert_gradient(cost')}: GradientError"
    assert failures(result) == [*WRONG.splitlines(), "", place]


@pytest.mark.parametrize("mark", ["", "@pytest.mark.gradcheck"])
def test_what_a_function_raises_is_shown_with_its_line_and_none_of_ours(run, line_of, mark):
    result = run(
        "def broken(x):\n    return x['w']", marked("check_gradient(broken, right, x)", mark=mark)
    )

    sentence = "`cost` raised IndexError at the point of the check: "
    shown = failures(result)
    assert shown[0].startswith(sentence)
    assert shown[1:] == [
        ">   return x['w']",
        "",
        f"test_it.py:{line_of('check_gradient(broken')}: in test_it",
        f"test_it.py:{line_of('return x[')}: IndexError",
    ]
    result.stdout.fnmatch_lines([f"FAILED test_it.py::test_it - InvalidInput: {sentence[:24]}*"])


def test_wrong_call_is_shown_by_its_sentence_and_place(run, line_of):
    result = run(marked("check_gradient(lambda x, y: 0.0, right, x)"))

    shown = failures(result)
    assert len(shown) == 3
    assert "raised TypeError" in shown[0]
    assert shown[2] == f"test_it.py:{line_of('check_gradient(lambda')}: InvalidInput"


def test_what_a_function_raises_at_a_draw_is_shown_with_the_draw(run, line_of):
    broken = "def broken(w):\n    if w[0] > 2:\n        raise KeyError('v')\n    return 2 * w"
    given = "@settings(few, max_examples=50)\n@gradcheck.given('w: n', cost=square, grad=broken)"
    square = "import gradcheck\ndef square(w):\n    return np.sum(w**2)"

    result = run(DRAWN, square, broken, given, "def test_it():\n    pass")

    shown = failures(result)
    assert shown[:2] == [
        "`grad` raised KeyError at the point of the check: 'v', at w (1,)",
        ">   raise KeyError('v')",
    ]
    assert "bound = plan(square, broken, arrays, wrt=('w',)).at(arrays)" in shown
    assert shown[-1] == f"test_it.py:{line_of('raise KeyError')}: KeyError"
    assert not [line for line in shown if "strategies" in line or "functions.py" in line]


def test_other_failures_are_pytests_own(run):
    result = run("def test_it(gradcheck):\n    assert 1 == 2")

    result.stdout.fnmatch_lines(["E       assert 1 == 2"])


@pytest.mark.parametrize("mark", ["", "@pytest.mark.gradcheck"])
@pytest.mark.parametrize(
    "assertion",
    [
        "assert check_gradient(cost, wrong, x)",
        "report = check_gradient(cost, wrong, x); assert report",
        'assert check_gradient(cost, wrong, x).verdict == "PASS"',
        "assert check_gradient(cost, wrong, x).verdict == Verdict.PASS",
    ],
)
def test_failure_of_an_assertion_is_the_report_and_its_place(run, line_of, assertion, mark):
    result = run("from gradcheck import Verdict", marked(assertion, mark=mark))

    place = f"test_it.py:{line_of('assert ')}: AssertionError"
    assert failures(result) == [*WRONG.splitlines(), "", place]
    result.stdout.fnmatch_lines(["FAILED test_it.py::test_it - AssertionError: FAIL: *"])


def test_report_of_an_assertion_stands_below_the_words_of_the_test(run):
    result = run(marked("assert check_gradient(cost, wrong, x), 'by hand'"))

    assert failures(result)[: 1 + WRONG.count("\n")] == ["by hand", *WRONG.splitlines()[:-1]]


def test_assertion_about_one_of_two_checks_shows_that_one(run):
    checks = (
        "wrong_, open_ = check_gradient(cost, wrong, x), check_gradient(kinked, np.sign, 0 * x)"
    )

    assert failures(run(marked(f"{checks}; assert wrong_")))[:-2] == WRONG.splitlines()
    assert failures(run(marked(f"{checks}; assert open_")))[0].startswith("INCONCLUSIVE")


def test_assertion_in_an_example_of_hypothesis_shows_the_report_and_the_example(run):
    body = "    assert check_gradient(cost, wrong, x)"

    shown = failures(run(DRAWN, "@few\n@given(st.integers(0, 9))\ndef test_it(k):", body))

    assert shown[: WRONG.count("\n") + 1] == WRONG.splitlines()
    assert [line for line in shown if "k=0" in line] != []


@pytest.mark.parametrize("assertion", ["assert report.entries == 3", "assert report and False"])
def test_report_follows_a_failure_of_something_else(run, assertion):
    result = run(marked(f"report = check_gradient(cost, wrong, x); {assertion}"))

    result.stdout.fnmatch_lines([f">*{assertion}"])
    result.stdout.fnmatch_lines(["*- gradcheck -*", *WRONG.splitlines()], consecutive=True)


def test_short_summary_says_the_headline(run):
    result = run(FAILING)

    result.stdout.fnmatch_lines(["FAILED test_it.py::test_wrong - GradientError: FAIL: *"])


EXAMPLE = "@few\n@given(st.integers(0, 9))\ndef test_it(gradcheck, k):"


def test_example_stands_below_the_report_and_its_explanation_does_not(run, line_of):
    """Hypothesis explains only sometimes, so that this is asserted of its notes too."""
    call = "    gradcheck(cost, lambda x: (2 + (k > 3)) * x, x)"

    result = run(DRAWN, "few = settings(few, max_examples=50)", EXAMPLE, call)

    shown = failures(result)
    assert shown[: WRONG.count("\n") + 1] == WRONG.splitlines()
    assert [line for line in shown if "k=4" in line] == ["    k=4,"]
    assert not [line for line in shown if "Explanation" in line or "numpy" in line]
    assert shown[-1] == f"test_it.py:{line_of('gradcheck(cost, lambda')}: GradientError"


def test_explanation_is_left_out_and_what_follows_is_kept(run):
    notes = ["k=4", "Explanation:", "    These lines", "        numpy.py:3", "", "You can repeat"]
    failing = "def test_it(gradcheck):\n    try:\n        gradcheck(cost, wrong, x)\n"
    failing += (
        f"    except AssertionError as error:\n        error.__notes__ = {notes}\n        raise"
    )

    assert failures(run(failing))[-5:-2] == ["k=4", "", "You can repeat"]


def test_report_of_a_drawn_check_has_nothing_of_hypothesis_below_it(run, line_of):
    square = (
        "import gradcheck\ndef square(w):\n    return np.sum(w**2)\ndef wrong2(w): return 3 * w"
    )
    given = "@settings(few, print_blob=False)\n@gradcheck.given('w: n', cost=square, grad=wrong2)"

    shown = failures(
        run(DRAWN, square, given, "def test_it():\n    import hypothesis; hypothesis.note('mine')")
    )

    assert not [line for line in shown if "arrays=<" in line or "target" in line]
    # Below the code that repeats the check, what the test itself has noted.
    assert shown[-4:] == [")", "mine", "", f"test_it.py:{line_of('@settings(few')}: GradientError"]


def test_what_a_drawn_check_got_besides_its_arrays_is_shown(run):
    square = (
        "import gradcheck\ndef square(w):\n    return np.sum(w**2)\ndef wrong2(w): return 3 * w"
    )
    given = "@pytest.mark.parametrize('k', [7])\n@few\n@gradcheck.given('w: n', cost=square, "

    shown = failures(run(DRAWN, square, f"{given}grad=wrong2)", "def test_it(k):\n    pass"))

    assert "    k=7," in shown


def test_each_of_several_ways_to_fail_is_shown(run):
    ways = "    gradcheck(*((cost, wrong, x) if k > 5 else (kinked, np.sign, 0 * x)))"

    shown = failures(run(DRAWN, "few = settings(few, max_examples=50)", EXAMPLE, ways))

    assert set(WRONG.splitlines()) <= set(shown)
    assert {line[4:7] for line in shown if line.startswith("    k=")} == {"k=6", "k=0"}
    assert sum(line.endswith(": GradientError") for line in shown) == 1
    assert sum(line.endswith(": GradientInconclusive") for line in shown) == 1


def test_fixture_makes_no_trouble_below_given(run):
    result = run(DRAWN, EXAMPLE, "    gradcheck(cost, right, x + k)")

    result.assert_outcomes(passed=1)


def test_summary_counts(run):
    one = check_gradient(lambda x: np.sum(x**2), lambda x: 2 * x, np.array([1.0, -2.0]))
    other = check_gradient(lambda x: np.sum(x**2), lambda x: 3 * x, np.array([1.0, -2.0]))

    result = run(
        "def test_right(gradcheck):\n    gradcheck(cost, right, x)\n    gradcheck(cost, right, x)",
        FAILING,
    )

    evaluations = 2 * one.evaluations + other.evaluations
    head, row, counts, coarsest, slowest = section(result)
    assert head.split() == ["outcome", "verdict", "checks", "entries", "resolution", "test"]
    assert row.split() == ["failed", "FAIL", "1", "2", "-", "test_it.py::test_wrong"]
    assert counts == (
        f"3 checks, 6 entries, 0 examples, {evaluations} evaluations: "
        "2 PASS, 1 FAIL, 0 INCONCLUSIVE"
    )
    assert coarsest == f"coarsest resolution {one.resolution:.1e} in test_it.py::test_right"
    assert re.fullmatch(r"slowest \d+\.\d\d s in test_it.py::test_(right|wrong)", slowest)


def test_summary_counts_one_of_each_in_the_singular(run):
    one = "gradcheck(lambda x: x[0] ** 2, lambda x: 2 * x, np.ones(1))"

    (counts, *_) = section(run(f"def test_it(gradcheck):\n    {one}"))

    assert counts.startswith("1 check, 1 entry, 0 examples, ")


def test_summary_is_of_tests_that_ask(run):
    plain = "def test_plain():\n    assert_gradient(cost, right, x)"

    assert section(run(plain)) == []
    asking = marked("assert_gradient(cost, right, x)")
    assert section(run(plain, asking))[0].startswith("1 check, ")


def test_verbose_summary_has_a_line_for_each_test(run):
    passing = marked("assert_gradient(cost, right, x)")

    assert not any("test_it.py::test_it" in row for row in section(run(passing))[:-2])
    assert "test_it.py::test_it" in section(run(passing, args=["-v"]))[1]


EXPECTING = """
from gradcheck import GradientError

def test_raises(gradcheck):
    with pytest.raises(GradientError):
        gradcheck(cost, wrong, x)

@pytest.mark.gradcheck
def test_asserts():
    assert check_gradient(cost, wrong, x).verdict == "FAIL"

@pytest.mark.xfail
def test_xfails(gradcheck):
    gradcheck(cost, wrong, x)

@pytest.mark.gradcheck
def test_skips():
    check_gradient(cost, wrong, x)
    pytest.skip("enough")
"""


def test_summary_lists_tests_that_expect_a_failing_check_below_those_that_fail(run):
    result = run(EXPECTING, FAILING, args=["--color=yes"])

    rows = [row for row in result.stdout.lines if "  test_it.py::" in row]
    words = [re.sub(r"\x1b\[\d+m", "", row).split(maxsplit=6) for row in rows]
    assert [[outcome, verdict] for outcome, verdict, *_ in words] == [
        ["failed", "FAIL"],
        ["passed", "FAIL"],
        ["passed", "FAIL"],
        ["xfailed", "FAIL"],
        ["skipped", "FAIL"],
    ]
    assert [row[6:] for row in words] == [[], *2 * [["expected, or not asserted"]], [], []]
    assert ["\x1b[31m" in row for row in rows] == [True, False, False, False, False]


def test_property_test_that_rejects_draws_has_passed(run):
    spec = "'x: n in {0, 1, 2, 3}; n = 1', cost=kinked, grad=np.sign, wrt='x'"
    check = f"@settings(few, max_examples=30)\n@gradcheck.given({spec})"
    drawn = "def test_it():\n    pass"

    row, counts, *_ = section(run(DRAWN, "import gradcheck", check, drawn))[1:]

    outcome, verdict, checks, _, _, _, remark = row.split(maxsplit=6)
    assert (outcome, verdict) == ("passed", "PASS")
    rejected = int(re.search(r"(\d+) INCONCLUSIVE", counts)[1])
    assert 0 < rejected < int(checks)
    share = f"{rejected / int(checks):.0%}"
    assert remark == f"{rejected} of {checks} draws ({share}) inconclusive"


def test_property_test_with_too_few_checks_has_failed_for_that(run):
    spec = "'x: 1', cost=lambda x: np.sum(np.log(x)), grad=lambda x: 1 / x, inconclusive=0"
    check = f"@settings(few, max_examples=30)\n@gradcheck.given({spec})"

    row = section(run(DRAWN, "import gradcheck", check, "def test_it():\n    pass"))[1]

    outcome, verdict, *_, remark = row.split(maxsplit=6)
    assert (outcome, verdict) == ("failed", "INCONCLUSIVE")
    assert remark == "too few draws could be checked"


@pytest.mark.parametrize("args", [["-q"], ["--tb=short"], ["-p", "no:cacheprovider", "-x"]])
def test_summary_is_there(run, args):
    assert section(run(FAILING, args=args))[2].startswith("1 check, 2 entries, 0 examples, ")


def test_examples_are_those_of_hypothesis_however_many_checks_each_has(run):
    twice = "    gradcheck(cost, right, x + k)\n    gradcheck(cost, right, x - k)"

    result = run(DRAWN, EXAMPLE, twice, "def test_other(gradcheck):\n    gradcheck(cost, right, x)")

    assert section(result)[0].startswith("15 checks, 30 entries, 7 examples, ")


EMPTY = {
    "no_check": "pass",
    "no_entries": "check_gradient(lambda x: 1.0, lambda x: x, np.empty(0))",
    "inconclusive": "assert_gradient(kinked, np.sign, 0 * x, allow_inconclusive=True)",
    "inconclusive_and_failed": "assert_gradient(kinked, np.sign, 0 * x)",
}


@pytest.mark.parametrize("body", EMPTY.values(), ids=EMPTY)
def test_test_without_a_real_check_is_flagged(run, body):
    rows = section(run(marked(body)))

    assert rows[1].endswith("test_it.py::test_it  EMPTY: nothing was really checked")
    assert rows[-1] == "1 test is empty: nothing was really checked there"


FULL = {
    "passed": "assert_gradient(cost, right, x)",
    "wrong_shape": "assert_gradient(cost, lambda x: 1.0, x)",
    "one_entry_passed": "check_gradient(kinked, np.sign, np.array([0.0, 1.0]))",
    "skipped": "pytest.skip('not here')",
}


@pytest.mark.parametrize("body", FULL.values(), ids=FULL)
def test_other_tests_are_not_flagged(run, body):
    assert not any("EMPTY" in row or "empty" in row for row in section(run(marked(body))))


def test_test_that_is_run_again_counts_once(run, pytester):
    pytester.makeconftest(
        "from _pytest.runner import runtestprotocol\n"
        "def pytest_runtest_protocol(item, nextitem):\n"
        "    return runtestprotocol(item) and runtestprotocol(item)"
    )

    result = run("def test_it(gradcheck):\n    gradcheck(cost, right, x)")

    assert section(result)[0].startswith("1 check, ")


OUTCOMES = """
def test_failed(gradcheck):
    gradcheck(cost, wrong, x)

def test_passed(gradcheck):
    gradcheck(cost, right, x)

@pytest.mark.skip
def test_skipped(gradcheck): pass

@pytest.mark.xfail
def test_xfailed(gradcheck):
    gradcheck(cost, wrong, x)

@pytest.mark.xfail
def test_xpassed(gradcheck):
    gradcheck(cost, right, x)

@pytest.fixture
def broken():
    raise RuntimeError

def test_error(gradcheck, broken): pass

@pytest.fixture
def broken_at_the_end():
    yield
    raise RuntimeError

def test_error_at_the_end(gradcheck, broken_at_the_end): pass

def test_other(): pass
"""


def check_file(data):
    """Assert what a file says of `OUTCOMES`, apart from times."""
    tests = {test["test"].partition("::test_")[2]: test for test in data["tests"]}
    assert list(tests) == re.findall(r"def test_(\w+)", OUTCOMES)[:-1]
    for name, test in tests.items():
        assert name.startswith(test["outcome"])
        assert test["empty"] == (name == "error_at_the_end")
        assert [check["verdict"] for check in test["checks"]] == {
            "failed": ["FAIL"], "xfailed": ["FAIL"], "passed": ["PASS"], "xpassed": ["PASS"]
        }.get(name, [])  # fmt: skip
    expected = check_gradient(lambda x: np.sum(x**2), lambda x: 2 * x, np.array([1.0, -2.0]))
    assert tests["passed"]["checks"] == [expected.to_dict()]
    summary = data["summary"]
    assert summary.pop("slowest") in {test["test"] for test in data["tests"]}
    assert summary.pop("evaluations") >= 2 * expected.evaluations
    assert summary == {
        "tests": 7,
        "checks": 4,
        "entries": 8,
        "examples": 0,
        "verdicts": {"PASS": 2, "FAIL": 2, "INCONCLUSIVE": 0},
        "resolution": expected.resolution,
        "empty": ["test_it.py::test_error_at_the_end"],
    }


@pytest.mark.parametrize("args", [[], ["-p", "no:terminal"], ["--tb=short", "-q"]])
def test_json_has_every_report(run, pytester, args):
    run(OUTCOMES, args=["--gradcheck-report=it.json", *args])

    check_file(json.loads(pytester.path.joinpath("it.json").read_text()))


@pytest.mark.parametrize("args", [["-q"], ["--dist=loadfile", "-p", "no:terminal"]])
def test_workers_of_xdist_report_to_one_summary(run, pytester, args):
    pytest.importorskip("xdist")

    result = run(OUTCOMES, args=["-n2", "--gradcheck-report=it.json", *args], separately=True)

    check_file(json.loads(pytester.path.joinpath("it.json").read_text()))
    if "-q" in args:
        counts = "*4 checks, 8 entries, 0 examples, *: 2 PASS, 2 FAIL, 0 INCONCLUSIVE"
        result.stdout.fnmatch_lines([counts])
        assert result.stdout.str().count(counts.strip("*").partition("*")[0]) == 1
        assert "\n".join([*WRONG.splitlines(), "", "test_it.py:"]) in result.stdout.str()


def test_file_without_any_checks_says_so(run, pytester):
    run("def test_other(): pass", args=["--gradcheck-report=it.json"])

    data = json.loads(pytester.path.joinpath("it.json").read_text())
    assert data["tests"] == []
    assert data["summary"]["resolution"] is data["summary"]["slowest"] is None


def test_html_is_the_page_of_the_same_data(run, pytester, monkeypatch):
    page = SimpleNamespace(page=lambda data: f"<html>{json.dumps(data)}")
    monkeypatch.setitem(sys.modules, "gradcheck.views.html", page)

    run(OUTCOMES, args=["--gradcheck-report=it.HTML"])

    check_file(json.loads(pytester.path.joinpath("it.HTML").read_text().removeprefix("<html>")))


@pytest.mark.parametrize(
    "name", ["it.txt", "it", "file.json/it.json", "file.json/sub/it.json", "folder.json", "."]
)
def test_file_that_cannot_be_written_is_an_error_at_the_start(run, pytester, name):
    pytester.path.joinpath("file.json").touch()
    pytester.path.joinpath("folder.json").mkdir()

    result = run(FAILING, args=[f"--gradcheck-report={name}"])

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.stderr.lines if line]
    assert line.startswith(f"ERROR: --gradcheck-report={name}: ")
    assert "test_it.py" not in result.stdout.str()


def test_folder_of_the_file_is_made(run, pytester):
    run(FAILING, args=["--gradcheck-report=sub/folder/it.json"])

    data = json.loads(pytester.path.joinpath("sub", "folder", "it.json").read_text())
    assert data["summary"]["tests"] == 1


def test_html_is_a_page_of_all_tests(run, pytester):
    pytest.importorskip("jinja2")

    result = run(OUTCOMES, args=["--gradcheck-report=it.html"])

    page = pytester.path.joinpath("it.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "1 of 4 tests failed" in page
    assert "written to it.html" in result.stdout.lines


def test_html_that_cannot_be_made_is_an_error_at_the_start(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradcheck.views.html", None)

    result = run(FAILING, args=["--gradcheck-report=it.html"])

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: --gradcheck-report: no HTML can be written here*pip install 'gradcheck[[]html]'*"]
    )
    assert "test_it.py" not in result.stdout.str()


def test_looking_at_names_leaves_an_older_file_alone(run, pytester):
    pytester.path.joinpath("it.json").write_text("old")

    run(FAILING, args=["--gradcheck-report=it.json", "--collect-only"])

    assert pytester.path.joinpath("it.json").read_text() == "old"


LOADED = """
import sys

def loaded():
    return {name for name in sys.modules if name.partition(".")[0] in ("numpy", "gradcheck")}

def pytest_load_initial_conftests():
    global at_start
    at_start = loaded()

def pytest_unconfigure():
    print(*sorted(at_start), file=sys.__stderr__)
    print(*sorted(loaded()), file=sys.__stderr__)
"""


def test_run_without_checks_loads_the_plugin_alone(pytester, plugin):
    """And so costs no time at its start, and leaves all else to a measurement of coverage."""
    pytester.makepyfile(look=LOADED, test_other="def test_other(): pass")
    pytester.syspathinsert()

    result = pytester.runpytest_subprocess("-p", "look", *plugin)

    result.assert_outcomes(passed=1)
    assert result.stderr.lines == 2 * ["gradcheck gradcheck.pytest_plugin"]


def test_project_without_hypothesis_never_loads_it(run):
    body = (
        "    gradcheck(cost, right, x)\n    import sys\n    assert 'hypothesis' not in sys.modules"
    )

    result = run(f"def test_it(gradcheck):\n{body}", separately=True)

    result.assert_outcomes(passed=1)
    assert section(result)[0].startswith("1 check, 2 entries, 0 examples, ")


def test_pytest_cov_misses_no_line_of_the_project(pytester, plugin, write):
    pytest.importorskip("pytest_cov", reason="no pytest-cov: it is in tox")
    write("def test_it(gradcheck):\n    gradcheck(cost, right, x)")

    result = pytester.runpytest_subprocess(*plugin, "--cov=problem", "--cov-report=json:it.json")

    result.assert_outcomes(passed=1)
    (found,) = json.loads(pytester.path.joinpath("it.json").read_text())["files"].values()
    lines = pytester.path.joinpath("problem.py").read_text().splitlines()
    top = {k for k, line in enumerate(lines, 1) if re.match(r"def |import |x = ", line)}
    assert top <= set(found["executed_lines"])


def test_coverage_from_the_first_line_misses_nothing(pytester, plugin, write, monkeypatch):
    pytest.importorskip("coverage")
    # Those of a measurement of this very run.
    for name in ("COVERAGE_FILE", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    write("def test_it(gradcheck):\n    gradcheck(cost, right, x)")

    measured = ("-m", "coverage", "run", "--include=problem.py,*/gradcheck/*")
    result = pytester.run(sys.executable, *measured, "-m", "pytest", *plugin)
    pytester.run(sys.executable, "-m", "coverage", "json", "-q", "-o", "it.json")

    result.assert_outcomes(passed=1)
    assert section(result)[0].startswith("1 check, ")
    files = json.loads(pytester.path.joinpath("it.json").read_text())["files"]
    executed = {Path(name).name: set(data["executed_lines"]) for name, data in files.items()}
    for name in ("problem.py", "check.py", "pytest_plugin.py"):
        path = next(path for path in files if Path(path).name == name)
        lines = pytester.path.joinpath(path).read_text().splitlines()
        top = {k for k, line in enumerate(lines, 1) if re.match(r"def |import |class ", line)}
        assert top <= executed[name]
