"""Every word that a report can hold is explained."""

import ast
import re
from pathlib import Path

import pytest

import gradcheck
from gradcheck.cli.explain import FINDINGS, VERDICTS, WORDS, explain, listed, nearest
from gradcheck.diagnosis.kinds import KINDS
from gradcheck.errors import InvalidInput
from gradcheck.verdict import Verdict

ROOT = Path(__file__).parent.parent
ALL = sorted({word for words in WORDS.values() for word in words})


def codes_in_the_source():
    """First arguments of `Finding(...)` and of the helpers that make one, as far as literal."""
    found = set()
    for path in Path(gradcheck.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if name in ("Finding", "find") and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


def test_every_finding_of_the_source_is_explained():
    codes = codes_in_the_source()

    assert len(codes) > 15
    assert codes <= set(FINDINGS)


def test_every_finding_of_the_docs_is_explained():
    page = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|.*(?:error|warning|both) \|", page, re.M)) == set(
        FINDINGS
    )


def test_every_verdict_reason_and_kind_is_explained():
    assert set(VERDICTS) == {str(verdict) for verdict in Verdict}
    assert WORDS["diagnosis"] is KINDS


@pytest.mark.parametrize("word", ALL)
def test_explanation_has_meaning_example_and_help(word):
    text = explain(word)

    assert text.lower().startswith(f"{word.lower()} (")
    assert "  help: " in text
    assert "  example: " in text


def test_finding_that_is_a_diagnosis_too_has_both_entries():
    heads = [line for line in explain("transposed").splitlines() if line[0] != " "]

    assert heads == [
        "transposed (finding): the shape of the transpose",
        "transposed (diagnosis): it is the transpose",
    ]


@pytest.mark.parametrize(
    "word", ["FAIL[rank-1]", "error[rank-1]: `db1`", "RANK-1", "rank_1", " rank-1 ", "[rank-1]"]
)
def test_word_is_known_as_a_report_prints_it(word):
    assert explain(word) == explain("rank-1")


def test_unknown_word_gets_the_nearest():
    with pytest.raises(InvalidInput, match=r"called 'transpose'; the nearest: transposed"):
        explain("transpose")
    assert nearest("regulariser-msising")[0] == "regulariser-missing"
    assert "sum-for-mean" in nearest("mean")


@pytest.mark.parametrize("word", ["", "qqqqqq", "[]"])
def test_word_like_no_other_gets_the_way_to_the_list(word):
    with pytest.raises(InvalidInput, match="`gradcheck explain` lists all"):
        explain(word)


def test_list_has_every_word_and_fits_the_screen():
    lines = listed().splitlines()

    assert {line.split()[0] for line in lines if re.match(r"  \S", line)} == set(ALL)
    assert max(map(len, lines)) <= 100
