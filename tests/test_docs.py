"""What README and docs show is what happens."""

import contextlib
import io
import os
import re
import runpy
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from markdown_pages import ELSEWHERE, PAGES, ROOT, agree, anchors, blocks, commands, links
from step_size import curve

import backprop
import gradcheck
from gradcheck import check_gradient
from gradcheck.cli import main
from gradcheck.diagnosis.kinds import KINDS

pytest_plugins = "pytester"

NEEDS = {"page.md": "jinja2"}
"""What the code of a page needs that does not come with the package."""

README = (ROOT / "README.md").read_text(encoding="utf-8")


def text_of(page):
    return page.read_text(encoding="utf-8")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@pytest.fixture
def shell(pytester, pytestconfig, monkeypatch):
    """Runs a command in a folder of its own, and returns what it prints.

    Property tests draw few examples there, the same in each run.
    """
    before = settings.default
    settings.register_profile("docs", max_examples=20, derandomize=True, database=None)
    settings.load_profile("docs")
    monkeypatch.syspath_prepend(pytester.path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT), os.pathsep)
    monkeypatch.setenv("COLUMNS", "80")
    installed = pytestconfig.pluginmanager.has_plugin("gradcheck")
    plugin = () if installed else ("-p", "gradcheck.pytest_plugin")

    def run(command):
        program, *args = shlex.split(command)
        if program == "pytest":
            options = (*plugin, "-p", "no:cacheprovider", *args)
            return output_of(lambda: pytester.runpytest_inprocess(*options))
        if program == "gradcheck":
            return output_of(lambda: main(args))
        assert program == "python", f"{program} is not run: show it in a block of `sh`"
        return pytester.run(sys.executable, *args).stdout.str()

    yield run
    settings.register_profile("before", before)
    settings.load_profile("before")


def output_of(call):
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        call()
    return stream.getvalue()


@each_page
def test_code_runs_and_prints_what_is_shown(page, shell):
    if page.name in NEEDS:
        pytest.importorskip(NEEDS[page.name], reason=f"{NEEDS[page.name]} is an extra")
    namespace, printed = {"__name__": page.stem}, ""
    for block in blocks(text_of(page)):
        place = f"{name_of(page)}:{block.line}"
        if printed:
            assert block.below, f"{place}: not shown is\n{printed}"
            assert block.language == "text", f"{place}: not shown is\n{printed}"
            check(page, block.body, printed, place)
            printed = ""
        elif block.language == "python":
            if block.file:
                Path(block.file).write_text(block.body, encoding="utf-8")
            code = compile(block.body, place, "exec")
            printed = output_of(lambda code=code: exec(code, namespace))
        elif block.language == "console":
            for command, shown in commands(block.body):
                check(page, shown, shell(command), f"{place}: {command}")
        else:
            assert block.language in ELSEWHERE, f"{place}: unknown language {block.language!r}"
    assert not printed, f"{name_of(page)}: not shown is\n{printed}"


def check(page, shown, printed, place):
    """Hold what a page shows against what was printed, or put it there if that is asked for."""
    if agree(shown, printed):
        return
    # Which lines are left out is for a person to say.
    write = "WRITE_DOCS" in os.environ and "\n...\n" not in shown
    assert write, f"{place} prints\n{printed}"
    page.write_text(text_of(page).replace(shown, printed, 1), encoding="utf-8")


@each_page
def test_commands_that_are_not_run_have_the_options_they_use(page):
    shown = blocks(text_of(page))
    files = {block.file for block in shown}
    for block in shown:
        if block.language == "sh":
            for command in re.split(r"\n|&&", block.body):
                check_options(command.partition("#")[0], files)


def check_options(command, files):
    program, *args = [word for word in shlex.split(command) if not re.match(r"\w+=", word)] or [""]
    known = {
        "gradcheck": sources("gradcheck/**/*.py"),
        "pytest": "-k -m --hypothesis-profile " + sources("gradcheck/pytest_plugin.py"),
        "tox": "-e -p " + sources("tox.ini"),
        "python": sources("benchmarks/*.py") + "-m",
        "python3": "-m --target",
        "pip": "-e",
        "": "",
    }
    name = Path(program).name
    assert name in known, f"{program}: what options has it?"
    for word in args:
        option = word.partition("=")[0]
        if option.startswith("-"):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", known[name]), f"{command}: {option}"
        elif name == "tox" and args[0] == "-e":
            assert f"[testenv:{word}]" in known["tox"], f"{command}: no environment {word}"
        elif name in ("python", "python3") and word.endswith(".py"):
            assert word in files or (ROOT / word).is_file(), f"{command}: no such file"


def sources(pattern):
    return "\n".join(text_of(path) for path in sorted(ROOT.glob(pattern)))


@each_page
def test_links_lead_somewhere(page):
    for target in links(text_of(page)):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        other = (page.parent / file).resolve() if file else page
        assert other.exists(), f"{target}: no such file"
        assert not anchor or anchor in anchors(text_of(other)), f"{target}: no such heading"


def test_broken_links_and_outputs_would_be_seen():
    assert links("[a](b.md#c) `[d](e)` ![f](g.svg)\n```text\n[h](i)\n```") == ["b.md#c", "g.svg"]
    assert anchors("# `dZ2 = A2 - Y`, why?") == {"dz2--a2---y-why"}
    assert agree("a 0.1234567891\n...\nb\n", "a 0.1234567892\nx\ny\nb\n")
    assert agree("a\n...\nc\n...\n", "a\nb\nc\nd\n")
    assert not agree("a\n...\nb\n", "a\nb\nc\n")
    assert not agree("a\n...\ne\n...\n", "a\nb\nc\nd\n")
    assert not agree("a 0.1234567891\n", "a 0.1234597891\n")
    assert not agree("a\n", "a\nb\n")


def test_readme_failure_is_what_such_a_gradient_prints():
    rng = np.random.default_rng(4)
    X, Y = rng.normal(size=(3, 5)), rng.integers(0, 2, (1, 5)).astype(float)
    parameters = backprop.initialise(3, 4, rng=rng)

    def gradients(*args):
        g = backprop.gradients(*args)
        return g._replace(dW1=5 * g.dW1, db1=g.db1.ravel())

    report = check_gradient(backprop.cost, gradients, parameters, args=(X, Y))

    first = next(block for block in blocks(README) if block.language == "text")
    assert agree(first.body, str(report))


def test_ten_failures_are_as_they_print():
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path(str(ROOT / "benchmarks" / "failures.py"), run_name="__main__")

    page = text_of(ROOT / "docs" / "failures.md")
    assert page.count("\nFAIL") == 10
    assert agree(page, printed.getvalue())


def test_bar_is_above_every_error_in_the_picture_of_the_steps():
    found = curve()
    _, error, bar = found.taken

    assert (found.error < found.bar).all()
    assert found.error.min() < 1e-6 * found.error.max()
    assert error < bar < found.bar[found.h == found.taken[0]]


def test_every_kind_of_mistake_has_its_row():
    page = text_of(ROOT / "docs" / "diagnoses.md")
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*?) \|", page, re.MULTILINE)

    assert dict(rows) == {name: kind.meaning for name, kind in KINDS.items()}


@pytest.mark.parametrize("package", [gradcheck, backprop], ids=lambda package: package.__name__)
def test_reference_has_every_public_name(package):
    page = text_of(ROOT / "docs" / "reference.rst")
    of_package = re.split(r"^\.\. currentmodule:: (\w+)$", page, flags=re.MULTILINE)
    parts = dict(zip(of_package[1::2], of_package[2::2], strict=True))
    listed = re.findall(r"^\.\. (?:py:)?\w+:: (\w+)$", parts[package.__name__], re.MULTILINE)

    assert sorted(set(listed) - {"backprop"}) == sorted(package.__all__)
