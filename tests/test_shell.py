"""What README and docs show to be typed into a shell is typed into one: `tox -e shell`.

Each page's blocks of `sh` run in bash, from top to bottom, in an environment of Python that has
nothing but pip: in a copy of this repository where the page says so, else beside the files that
the page shows. They install packages, so that other runs of pytest pass them over. The workflow
and the tox.ini of docs/howto/ci.md are put to use in a project of one test.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_pages import PAGES, ROOT, agree, blocks

runs = pytest.mark.skipif(
    "SHELL_BLOCKS" not in os.environ, reason="installs packages: tox -e shell"
)

IN_CLONE = {"README.md", "CONTRIBUTING.md", "docs/comparison.md"}
"""Pages that say that their commands are for a clone of this repository."""

PATH = "path/to/gradcheck"
"""What the pages call a clone of this repository."""

WHOLE_RUN = "all tests, this one among them; `.ci/run` is where they run"

INSTEAD = {
    ".venv/bin/tox": (".venv/bin/tox -e lint", WHOLE_RUN),
    "HYPOTHESIS_PROFILE=quick .venv/bin/pytest": (
        "HYPOTHESIS_PROFILE=quick .venv/bin/pytest tests/test_network.py",
        WHOLE_RUN,
    ),
    ".venv/bin/pytest -k gradcheck": (
        ".venv/bin/pytest -k gradcheck tests/test_gradcheck_backprop.py",
        "all tests that check gradients, which the environment `gradcheck` runs",
    ),
    ".venv/bin/tox -e soak": (".venv/bin/tox config -e soak -k commands", "takes hours"),
    ".venv/bin/tox -e docs": (
        ".venv/bin/tox config -e docs -k commands",
        "the environment `docs`, which runs beside this one",
    ),
    ".venv/bin/tox -e shell": (".venv/bin/tox config -e shell -k commands", "this very test"),
    "pip install '.[peers]'": ("pip install .", "a gigabyte, for checkers that may be missing"),
    "OMP_NUM_THREADS=1 python benchmarks/peers.py": (
        "OMP_NUM_THREADS=1 python benchmarks/peers.py --only cases --draws 1",
        "takes a quarter of an hour",
    ),
}
"""Commands that are not run as they are shown: what is run instead, and why."""

EXITS = {"gradcheck audit model:grad --workers 2 -- pytest -k home": 1}
"""Exit codes of commands that are shown for what they do not like; of the others it is 0."""


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def in_shell(page):
    return [block for block in blocks(page.read_text(encoding="utf-8")) if block.language == "sh"]


SHOWN = [page for page in PAGES if in_shell(page)]


def commands(body):
    """The single commands of a block."""
    parts = (part.partition("#")[0].strip() for part in re.split(r"\n|&&", body))
    return [part for part in parts if part]


def shortened(body):
    """A block with what is run in the place of some commands."""
    for command, (instead, _) in INSTEAD.items():
        alone = rf"(?:(?<=^)|(?<=&& )){re.escape(command)}(?=\s*(?:#.*)?$|\s*&&)"
        body = re.sub(alone, lambda _, instead=instead: instead, body, flags=re.MULTILINE)
    return body


def copied(target):
    """A copy of this repository, without what it ignores."""
    kept = shutil.ignore_patterns(
        ".git", ".*_cache", ".tox", ".venv", ".tools", ".pkg", ".hypothesis", ".coverage*",
        "__pycache__", "_build", "build", "dist", "*.egg-info",
    )  # fmt: skip
    return shutil.copytree(ROOT, target, ignore=kept)


def surroundings(folder):
    """Variables for a shell that sees a new environment of Python, and not the one of this test."""
    subprocess.run([sys.executable, "-m", "virtualenv", "-q", folder], check=True)
    ours = ("PYTHON", "PYTEST", "TOX", "VIRTUAL_ENV", "COVERAGE", "SHELL_BLOCKS", "CI")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = [entry for entry in os.get_exec_path() if entry != str(Path(sys.executable).parent)]
    path = os.pathsep.join([str(folder / "bin"), *path])
    return {**kept, "PATH": path, "HYPOTHESIS_PROFILE": "brief", "COLUMNS": "80"}


@pytest.fixture
def type_in(tmp_path):
    """Types text into a shell, in a folder, and gives what it prints."""
    variables = surroundings(tmp_path / "python")

    def run(text, folder, exits=0, **more):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=folder,
            env=variables | more,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode == exits, f"{text}\n{done.stdout}"
        return done.stdout

    return run


def files_of(page, folder):
    """The files that a page shows, written to a folder."""
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.file:
            (folder / block.file).write_text(block.body, encoding="utf-8")


@runs
@pytest.mark.parametrize("page", SHOWN, ids=name_of)
def test_commands_run_and_print_what_is_shown(page, tmp_path, type_in):
    clone = copied(tmp_path / "clone")
    folder = clone if name_of(page) in IN_CLONE else tmp_path / "here"
    if folder != clone:
        folder.mkdir()
        files_of(page, folder)
        if any(PATH in block.body for block in in_shell(page)):
            (folder / PATH).parent.mkdir(parents=True)
            (folder / PATH).symlink_to(clone)
        else:
            type_in(f"pip install -q {clone}", folder)
    shown = blocks(page.read_text(encoding="utf-8"))
    for k, block in enumerate(shown):
        if block.language == "sh":
            printed = type_in(shortened(block.body), folder, EXITS.get(block.body.strip(), 0))
            below = shown[k + 1] if k + 1 < len(shown) else block
            if below.below and below.language == "text":
                assert agree(below.body, printed), f"{name_of(page)}:{block.line} prints\n{printed}"


@runs
@pytest.mark.parametrize("language", ["yaml", "ini"])
def test_project_with_the_files_of_the_ci_page_is_checked(language, tmp_path, type_in):
    page = ROOT / "docs" / "howto" / "ci.md"
    (block,) = (b for b in blocks(page.read_text(encoding="utf-8")) if b.language == language)
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT.format(copied(tmp_path / "clone").as_uri()))
    (project / "test_square.py").write_text(TEST)

    if language == "ini":
        (project / "tox.ini").write_text(block.body)
        printed = type_in("pip install -q tox && tox", project)
        assert "tests: OK" in printed
        assert "gradients: OK" in printed
        assert "1 check, 2 entries" in printed
    else:
        yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: tox -e shell")
        workflow = yaml.safe_load(block.body)
        assert {"name", "jobs"} <= workflow.keys()
        steps = workflow["jobs"]["tests"]["steps"]
        for step in steps:
            if "run" in step:
                type_in(step["run"], project, **{k: str(v) for k, v in step.get("env", {}).items()})
        kept = [step["with"]["path"] for step in steps if "artifact" in step.get("uses", "")]
        assert [(project / path).is_file() for path in kept] == [True]


PROJECT = """\
[project]
name = "project"
version = "1"
dependencies = ["gradcheck @ {}"]

[tool.setuptools]
packages = []
"""

TEST = """\
import numpy as np


def test_gradient(gradcheck):
    gradcheck(lambda x: np.sum(x**2), lambda x: 2 * x, np.array([1.0, 2.0]))


def test_other():
    pass
"""


def test_only_what_is_shown_has_something_run_in_its_place():
    shown = [c for page in SHOWN for block in in_shell(page) for c in commands(block.body)]

    assert INSTEAD.keys() | EXITS.keys() <= set(shown)
    for page in SHOWN:
        for block in in_shell(page):
            run = commands(shortened(block.body))
            expected = [INSTEAD.get(c, (c,))[0] for c in commands(block.body)]
            assert run == expected


def test_the_run_of_all_tests_is_the_readmes():
    """What stands instead of the whole run is made good by .ci/run, which is that run."""
    ci = ROOT / ".ci" / "run"
    if not ci.is_file():
        pytest.skip("no .ci in a source distribution")
    whole = [block.body.strip() for block in in_shell(ROOT / "README.md")][1]

    assert whole in ci.read_text(encoding="utf-8").splitlines()


def test_page_with_commands_is_found():
    assert {name_of(page) for page in SHOWN} >= {"README.md", "docs/tutorial.md"}
    assert shortened("a && .venv/bin/tox") == "a && .venv/bin/tox -e lint"
    assert shortened(".venv/bin/tox   # all\n") == ".venv/bin/tox -e lint   # all\n"
    assert shortened(".venv/bin/tox -e types\n") == ".venv/bin/tox -e types\n"
