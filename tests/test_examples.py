"""Each example runs, and prints what docs/examples.md shows."""

import contextlib
import io
import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "examples.md").read_text()
NEEDS = {
    "batch_norm": "numpy",
    "jax_function": "jax",
    "lecture_network": "sklearn",
    "pytorch_module": "torch",
    "scikit_learn": "sklearn",
}


def test_every_example_has_its_place_on_the_page():
    files = {path.stem for path in (ROOT / "examples").glob("*.py")}

    assert files == NEEDS.keys() == shown().keys()


@pytest.mark.parametrize("name", NEEDS)
def test_example_prints_what_the_page_shows(name):
    pytest.importorskip(NEEDS[name], reason=f"{NEEDS[name]} is not installed, an extra")

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")

    assert words(printed.getvalue()) == words(shown()[name])


EXTRAS = {"jax": "jax", "sklearn": "examples", "torch": "torch"}


@pytest.mark.parametrize("name", [name for name, package in NEEDS.items() if package in EXTRAS])
def test_example_says_which_extra_it_lacks(name, monkeypatch, capsys):
    for module in [m for m in sys.modules if m.partition(".")[0] == NEEDS[name]]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, NEEDS[name], None)

    with pytest.raises(SystemExit) as exit:
        runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")

    assert exit.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert f"pip install -e '.[{EXTRAS[NEEDS[name]]}]'" in printed.err


def shown():
    """The output of each example that the page shows."""
    return dict(re.findall(r"\(\.\./examples/(\w+)\.py\).*?```text\n(.*?)```", PAGE, re.DOTALL))


def words(text):
    """The words of a report, without the digits that vary by machine and version."""
    text = re.sub(r"by \d+\s+evaluations", "by # evaluations", text)
    text = re.sub(r"point [0-9a-f]{8}", "point #", text)
    return re.sub(r"-?\d+\.\d+(e-\d+)?|\d+e-\d+", "#", text).split()
