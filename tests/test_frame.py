"""What holds the modules together: light imports, one direction, docs that are true."""

import ast
import doctest
import importlib
import importlib.metadata
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import backprop
import gradcheck

ROOT = Path(__file__).parent.parent
PACKAGES = (backprop, gradcheck)


EXTRAS = {"gradcheck.views.html": "jinja2", "gradcheck.views.plots": "matplotlib"}
"""Modules that need more than what is always installed."""


def modules(package):
    """The package and the modules in it, by their dotted names."""
    inside = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    return [package.__name__, *(module.name for module in inside)]


def loaded(statement):
    """Top-level names that a fresh Python has loaded after `statement`, those of Python aside."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split()) - sys.stdlib_module_names


def imported(path):
    """What a file imports, by dotted names, wherever the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_import_loads_numpy_and_nothing_else():
    assert loaded("import gradcheck") - loaded("import numpy") == {"gradcheck"}
    assert loaded("import backprop") - loaded("import numpy") == {"backprop"}


def test_names_of_the_package_are_loaded_when_first_used():
    assert loaded("import gradcheck; dir(gradcheck)") - loaded("pass") == {"gradcheck"}
    assert "numpy" in loaded("import gradcheck; gradcheck.check_gradient")
    assert set(gradcheck.__all__) <= set(dir(gradcheck))
    with pytest.raises(AttributeError, match="no attribute 'check_gradeint'"):
        _ = gradcheck.check_gradeint


@pytest.mark.parametrize("heavy", ["pytest", "hypothesis"])
def test_import_of_something_heavy_would_be_seen(heavy):
    assert heavy in loaded(f"import gradcheck, {heavy}")


def test_command_line_loads_no_tools_of_testing():
    assert not loaded("import gradcheck.cli") & {"pytest", "hypothesis", "scipy", "sklearn"}


def test_views_are_loaded_only_where_they_are_asked_for():
    assert not loaded("import gradcheck.check") & {"jinja2", "markupsafe", "matplotlib"}


def layers():
    """Modules of gradcheck from top to bottom, as CONTRIBUTING.md lists them, by dotted names."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[\w/]+\.py`.*?) \|", page, flags=re.MULTILINE)
    return [[dotted(path) for path in re.findall(r"`([\w/]+\.py)`", row)] for row in rows]


def dotted(path):
    return "gradcheck." + path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def source(name):
    """The file of a module, by its dotted name."""
    path = ROOT / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def test_every_module_has_its_layer():
    listed = sorted(name for layer in layers() for name in layer)

    assert listed == sorted(set(modules(gradcheck)) - {"gradcheck"})


@pytest.mark.parametrize("name", [name for layer in layers() for name in layer])
def test_no_import_points_up(name):
    height = {module: k for k, layer in enumerate(layers()) for module in layer}
    seen = imported(source(name)) - {"gradcheck.__version__"}

    assert "gradcheck" not in seen
    for thing in (thing for thing in seen if thing.startswith("gradcheck.")):
        other = thing if thing in height else thing.rpartition(".")[0]
        assert height[other] >= height[name], f"{name} imports {other}"


def test_network_does_not_know_the_harness():
    for path in (ROOT / "backprop").glob("*.py"):
        assert not any(name.partition(".")[0] == "gradcheck" for name in imported(path))


def test_harness_knows_the_network_in_its_command_alone():
    knowing = {
        name
        for name in modules(gradcheck)
        if any(thing.partition(".")[0] == "backprop" for thing in imported(source(name)))
    }

    assert knowing == {"gradcheck.cli.verify", "gradcheck.cli.verification"}


def test_continuous_integration_runs_the_command_of_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"```sh\n(.*?)\n```\n+(.*)", readme)

    (command,) = [command for command, purpose in commands if "tests" in purpose]
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_types_are_for_users_too(package):
    assert (Path(package.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_what_is_public_exists(package):
    assert sorted(package.__all__) == sorted(set(package.__all__))
    assert all(hasattr(package, name) for name in package.__all__)


@pytest.mark.parametrize("name", [name for package in PACKAGES for name in modules(package)])
def test_examples_in_docstrings_are_true(name):
    pytest.importorskip(EXTRAS.get(name, name))
    result = doctest.testmod(importlib.import_module(name), extraglobs={"np": np})

    assert result.failed == 0


def test_docstrings_have_examples():
    """Or the test above would pass for want of any."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for package in PACKAGES:
        always = [name for name in modules(package) if name not in EXTRAS]
        found = [finder.find(importlib.import_module(name)) for name in always]
        assert any(test.examples for tests in found for test in tests)


def test_version_is_that_of_the_distribution():
    try:
        installed = importlib.metadata.version("gradcheck")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the distribution is not installed")

    assert gradcheck.__version__ == installed
