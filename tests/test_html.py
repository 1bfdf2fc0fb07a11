"""The page: one file that tells all, to the eye and to a screen reader."""

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pages import CASES, report_of, session

from gradcheck import InvalidType, check_gradient

pytest.importorskip("jinja2", reason="the page needs Jinja2: pip install 'gradcheck[html]'")

from gradcheck.views import html

VOID = {"meta", "link", "path", "rect", "line", "circle", "br"}


class Tree(HTMLParser):
    """What a page is made of, after a look whether its tags are in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "title"):
            self.texts.append((self.open[-1], data))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(data for _, data in self.texts).split())


@pytest.fixture(params=CASES)
def case(request):
    return request.param


def test_page_is_one_file_that_loads_nothing(case):
    text = html.page(report_of(case))

    tree = Tree(text)
    assert not tree.all("script")
    assert not re.search(r"https?:|@import|url\(", text)
    links = [attrs.get("href") or attrs.get("src") for _, attrs in tree.tags]
    assert all(link.startswith(("#", "data:")) for link in links if link)
    assert len(text) < 150_000


def test_headings_are_in_order(case):
    levels = [
        int(tag[1]) for tag, _ in Tree(html.page(report_of(case))).tags if re.match("h[1-6]", tag)
    ]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_and_pictures_can_be_heard(case):
    tree = Tree(html.page(report_of(case)))

    assert tree.all("html")[0]["lang"] == "en"
    assert len(tree.all("caption")) == len(tree.all("table"))
    assert all(attrs.get("scope") in ("col", "row") for attrs in tree.all("th"))
    shown = [attrs for attrs in tree.all("svg") if attrs.get("role") == "img"]
    assert all(len(attrs["aria-label"]) > 20 for attrs in shown)
    assert len(tree.all("desc")) == len(shown)
    others = [attrs for attrs in tree.all("svg") if "role" not in attrs]
    assert len(others) == sum(attrs["viewbox"] == "0 0 26 10" for attrs in others)


def test_identifiers_are_there_once_and_links_lead_to_them():
    tree = Tree(html.page({name: report_of(name) for name in CASES}))

    identifiers = [attrs["id"] for _, attrs in tree.tags if "id" in attrs]
    assert len(set(identifiers)) == len(identifiers)
    targets = {attrs["href"][1:] for attrs in tree.all("a")}
    assert targets <= set(identifiers)
    assert len(targets) > 8


def test_page_tells_what_the_report_tells(case):
    report = report_of(case)

    text = Tree(html.page(report)).text

    assert f"{html.SYMBOLS[report.verdict.value]} {report.verdict}" in text
    assert " ".join(str(report).split()) in text
    if report.reproduce:
        assert report.reproduce in text
    for name in report.blocks:
        assert name in text
    assert "None" not in text


def test_wrong_term_of_the_equation_is_marked():
    tree = Tree(html.page(report_of("probes")))

    assert [text for tag, text in tree.texts if tag == "mark"] == ["g1'(Z1)"]
    assert "equation 4: dZ1 = W2^T dZ2 *" in tree.text
    assert "Inherited by dW1, db1" in tree.text
    assert "What inherits the mistake: W1 , b1" in tree.text


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("row", "Relative error by entry: row 2 wrong, by up to 1; 25 of 30 right."),
        ("one entry", "entry [17, 23] alone wrong, by "),
        ("large", "Each cell shows the largest error of 1 by 2 entries."),
        ("not finite", "Crossed: not finite."),
        ("kink", "kink with slopes -1 and 1"),
        ("kink", "those of both sides do not meet."),
        ("flat", "the cost does not move at all"),
        ("structure", "sum with np.sum(..., axis=1, keepdims=True)"),
        ("structure", "Certain: explains 12 of 12 entries."),
        ("no entry", "not compared"),
        ("four axes", "[1, 2, :, :]"),
        ("passing", "resolution, as a share of the scale: no larger error could pass"),
    ],
)
def test_page_says_in_words_what_its_pictures_show(case, words):
    assert words in Tree(html.page(report_of(case))).text


def test_only_what_does_not_pass_is_drawn():
    text = html.page(report_of("structure"))

    assert 'aria-label="Errors of W1: all 12 entries wrong, by up to 0.8"' in text
    assert text.count('aria-label="Errors of ') == 1


def test_names_are_never_markup():
    text = html.page(report_of("markup"))

    assert "<b>" not in text
    assert "&lt;b&gt;W&lt;/b&gt; &amp; co" in text


def test_page_of_a_session_lists_tests_by_their_need():
    data = session(
        test_right=("passing", "passed"),
        test_open=("kink", "failed"),
        test_wrong=("row", "failed"),
        test_expected=("structure", "xfailed"),
        test_empty=(None, "passed"),
        test_skipped=(None, "skipped"),
    )
    data["tests"][-1]["empty"] = False

    text = Tree(html.page(data)).text

    assert "✗ FAIL 1 of 4 tests failed, 1 could not be decided, 1 failed as expected" in text
    words = ["To look at", "test_wrong", "test_open", "test_empty", "Failed as expected"]
    order = [text.index(name) for name in (*words, "test_expected", "Passed or skipped What")]
    assert order == sorted(order)
    assert order[-1] < text.index("test_right")
    assert "not checked test_empty empty: nothing was really checked" in text
    assert "None" not in text
    assert "xfailed" in text


@pytest.mark.parametrize("outcome", ["passed", "xfailed"])
def test_expected_failures_have_a_section_of_their_own(outcome):
    text = Tree(html.page(session(test_it=("passing", "passed"), test_no=("row", outcome)))).text

    assert "✓ PASS 1 of 2 tests passed, 1 failed as expected" in text
    assert "To look at" not in text
    assert text.index("Failed as expected") < text.index(f"{outcome} ✗ FAIL test_no")
    assert "row 2 wrong" in text


def test_draws_that_a_property_test_rejects_are_counted_and_nothing_more():
    data = session(test_drawn=("passing", "passed"))
    (test,) = data["tests"]
    test["examples"], test["checks"] = 2, [report_of("kink").to_dict(), *test["checks"]]

    text = Tree(html.page(data)).text

    assert "✓ PASS 1 test passed, 1 draw rejected as inconclusive" in text
    assert "passed ✓ PASS test_drawn 1 of 2 draws inconclusive" in text
    assert "To look at" not in text
    assert "as expected" not in text
    test["outcome"] = "failed"
    assert "To look at" in html.page(data)


def test_page_of_many_passing_tests_folds_them():
    data = session(**{f"test_{k}": ("passing", "passed") for k in range(20)})

    tree = Tree(html.page(data))

    assert "✓ PASS 20 tests passed" in tree.text
    assert "20 passed" in [text for tag, text in tree.texts if tag == "summary"]


def test_of_examples_the_last_is_told():
    data = session(test_drawn=("row", "failed"))
    (test,) = data["tests"]
    test["examples"], test["checks"] = 9, [report_of("structure").to_dict(), *test["checks"]]

    text = Tree(html.page(data)).text

    assert "row 2" in text
    assert "rank-1" not in text
    assert "1 more of its checks did not pass: this is the last example of 9." in text
    assert "✗ FAIL 1 of 1 test failed" in text


def test_a_test_that_fails_by_something_else_is_not_said_to_have_passed():
    text = Tree(html.page(session(test_it=("passing", "failed")))).text

    assert "1 of 1 test failed though what was checked passed" in text


def test_a_headline_of_a_larger_draw_is_told_from_the_smallest_that_follows():
    said = "FAIL: `dW` is 3 times too large; 3 = columns of X: a sum where the mean is due (at m=3)"
    report = replace(report_of("row"), larger=said)

    text = Tree(html.page(report)).text

    head, below = text.split("Above is what a larger draw says. Below is ")
    assert "3 times too large; 3 = columns of X: a sum where the mean is due (at m=3)" in head
    assert below.startswith("the smallest draw that fails, where much looks alike: ")
    assert "row 2" in below.partition("Cause")[0]
    assert "larger draw" not in Tree(html.page(report_of("row"))).text


def test_audit_has_its_section_and_its_survivors_make_the_page_fail():
    data = session(test_it=("passing", "passed"))
    trials = [("sign", "W", True), ("sign", "b", True), ("transposed", "W", False)]
    names = ("mistake", "block", "caught")
    data["audit"] = {
        "trials": [{**dict(zip(names, t, strict=True)), "where": "test_it"} for t in trials],
        "passed_over": {"test_other": "it expects a wrong gradient"},
        "red": ["test_red"],
    }

    tree = Tree(html.page(data))
    assert "✗ FAIL 1 test passed; 2 of 3 planted mistakes caught" in tree.text
    assert "Not caught test_it: transposed (W)" in tree.text
    assert "Not audited test_other: it expects a wrong gradient" in tree.text
    assert "test_red: it fails without a mistake" in tree.text
    assert "sign 2 2 transposed 1 0" in tree.text
    data["audit"]["trials"].pop()
    text = Tree(html.page(data)).text
    assert "✓ PASS 1 test passed; 2 of 2 planted mistakes caught" in text
    assert "Not caught" not in text
    data["audit"]["trials"] = []
    assert f"{html.NONE} not checked Audit: nothing was audited" in Tree(html.page(data)).text


def test_right_side_of_an_equation_is_marked_as_the_equation_is():
    data = report_of("probes").to_dict()
    (name, text), (term,) = *data["equations"].items(), data["terms"].values()
    for shown in (text, text.replace("dZ1 = ", "")):
        data["equations"] = {name: shown}

        page = html.page(data)
        assert f"<mark>{html.escape(term)}</mark>" in page
        assert "Marked is where" in page
    data["equations"] = {name: "another"}
    assert "Marked is where" not in html.page(data)


def test_cross_says_why_an_entry_has_no_relative_error():
    at = np.array([0.0, 1.0, -1.0])
    wrong = check_gradient(lambda x: np.sum(np.abs(x)), lambda x: np.sign(x) + 3.0 * (x == 0), at)

    assert "Crossed: wrong at a kink." in Tree(html.page(wrong)).text


def test_advice_without_a_cause_is_not_called_one():
    text = Tree(html.page(report_of("kink"))).text

    assert "ause" not in text.partition("The report as text")[0]


@pytest.mark.parametrize("data", [[], {}, {"tests": []}])
def test_page_of_nothing_says_so(data):
    text = Tree(html.page(data)).text

    assert "nothing was checked" in text
    assert "PASS" not in text


def test_page_can_be_made_of_the_json_alone():
    report = report_of("probes")

    again = json.loads(report.to_json())
    assert html.page(again) == html.page(report)
    assert html.page([again, again]) == html.page([report, report])
    data = session(test_it=("row", "failed"))
    assert html.page(json.loads(json.dumps(data))) == html.page(data)


@pytest.mark.parametrize("data", [3, "report", None, [3], {"a": 3}, {"a": [3]}])
def test_what_is_no_report_is_refused(data):
    with pytest.raises(InvalidType, match=r"expected .*report"):
        html.page(data)


def test_file_is_the_page(tmp_path):
    html.write(tmp_path / "page.html", report_of("row"))

    assert (tmp_path / "page.html").read_text(encoding="utf-8") == html.page(report_of("row"))


def test_example_of_the_documentation_runs():
    page = Path(__file__).parent.parent / "docs" / "page.md"
    code = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names = {}

    exec("\n".join(code), names)

    text = Tree(names["path"].read_text(encoding="utf-8")).text
    assert "3 of 3 checks failed" in text
    assert "row 2 wrong" in text


def test_what_nothing_explains_is_said_once_and_not_beside_a_finding():
    from mistakes import MISTAKES, report_of

    unexplained, stale = (
        report_of(next(m for m in MISTAKES if m.kinds == {kind} and m.block != "w"), 0)
        for kind in ("unexplained", "stale-cache")
    )

    assert len(html.CheckView(unexplained.to_dict()).causes) == 1
    assert [cause["kind"] for cause in html.CheckView(stale.to_dict()).causes] == ["stale-cache"]


def test_many_blocks_are_limited_and_it_is_said(monkeypatch):
    monkeypatch.setattr(html, "LISTED", 3)
    monkeypatch.setattr(html, "PICTURED", 2)
    at = {f"b{k}": np.array([1.0 + k]) for k in range(5)}
    cost = lambda p: sum(np.sum(value**3) for value in p.values())  # noqa: E731

    tree = Tree(html.page(check_gradient(cost, dict, at)))

    assert [attrs["role"] for attrs in tree.all("svg") if "role" in attrs] == ["img"] * 4
    assert "and 2 more blocks" in tree.text
    assert "3 more blocks that do not pass are not drawn" in tree.text


def test_notebooks_show_a_part_of_a_page_in_a_style_of_its_own(case):
    text = report_of(case)._repr_html_()

    tree = Tree(text)
    assert tree.tags[0] == ("div", {"class": "gradcheck"})
    assert not tree.all("html")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    rules = re.sub(r"@media[^{]*|\{[^{}]*\}", " , ", style).replace("}", " ").replace("{", " ")
    selectors = [part.strip() for part in rules.split(",") if part.strip()]
    assert len(selectors) > 50
    assert all(selector.startswith(".gradcheck") for selector in selectors)


def test_notebooks_without_jinja_get_the_short_text(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradcheck.views.html", None)

    assert report_of("row")._repr_html_() is None


def test_caption_says_of_exact_differences_that_no_dot_shows_them():
    text = Tree(html.page(report_of("kink beside"))).text

    assert "differences are the derivative itself, to the last digit, which no dot" in text
