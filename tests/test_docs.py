"""What README and docs show is what happens."""

import contextlib
import io
import re
import runpy
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import backprop
from gradcheck import check_gradient
from gradcheck.kinds import KINDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_readme_failure_is_what_such_a_gradient_prints():
    rng = np.random.default_rng(4)
    X, Y = rng.normal(size=(3, 5)), rng.integers(0, 2, (1, 5)).astype(float)
    parameters = backprop.initialise(3, 4, rng=rng)

    def gradients(*args):
        g = backprop.gradients(*args)
        return g._replace(dW1=5 * g.dW1, db1=g.db1.ravel())

    report = check_gradient(backprop.cost, gradients, parameters, args=(X, Y))

    assert words(str(report)) == words(blocks("text")[0])


def test_readme_example_prints_what_it_shows():
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(blocks("python")[0], {})

    assert words(printed.getvalue()) == words(blocks("text")[1])


def words(text):
    """The words of a report; of its bars and resolutions, which vary by machine, no digits."""
    text = re.sub(r"\d\.\de-\d\d", "#", text)
    return re.sub(r"(\d\.\d{9})\d*", r"\1", text).split()


def test_example_of_the_diagnoses_prints_what_it_shows():
    page = (ROOT / "docs" / "diagnoses.md").read_text()
    code, text = (
        re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("python", "text")
    )

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code[0], {})

    assert words(printed.getvalue()) == words(text[0])


def test_drawn_arrays_are_as_their_page_says(monkeypatch):
    page = (ROOT / "docs" / "strategies.md").read_text()
    code, text = (
        re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("python", "text")
    )
    module = types.ModuleType("softmax")
    monkeypatch.setitem(sys.modules, "softmax", module)

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for block in code:
            exec(block, module.__dict__)
    repeatable = settings(derandomize=True, database=None)
    with pytest.raises(AssertionError) as raised:
        repeatable(module.test_softmax)()

    assert words(printed.getvalue()) == words(text[1])
    assert words(str(raised.value)) == words(text[0].partition("Failing test case")[0])
    assert text[0].splitlines()[-1] in raised.value.__notes__


def test_ten_failures_are_as_they_print():
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path(str(ROOT / "benchmarks" / "failures.py"), run_name="__main__")

    page = (ROOT / "docs" / "failures.md").read_text()
    assert page.count("\nFAIL") == 10
    assert words(page) == words(printed.getvalue())


def test_every_kind_of_mistake_has_its_row():
    page = (ROOT / "docs" / "diagnoses.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*?) \|", page, re.MULTILINE)

    assert dict(rows) == {name: kind.meaning for name, kind in KINDS.items()}


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda p: p.name)
def test_links_of_the_docs_lead_somewhere(page):
    check_links(page.read_text(), page.parent)


def test_links_of_the_readme_lead_somewhere():
    check_links(README, ROOT)


def check_links(text, folder):
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if "://" not in target:
            assert (folder / target.partition("#")[0]).exists(), target
