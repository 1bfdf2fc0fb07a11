"""What is seen while work goes on, and where results are written."""

import io
import json
import sys
import threading
from pathlib import Path

import pytest

from gradcheck.cli import screen
from gradcheck.cli.screen import Screen, colors, complain, writable, write_html, write_json
from gradcheck.errors import InvalidInput


class Terminal(io.StringIO):
    """Remembers what is written; lets a test wait for it."""

    def __init__(self):
        super().__init__()
        self.ticked = threading.Event()

    def isatty(self):
        return True

    def write(self, text):
        if " s)" in text:
            self.ticked.set()
        return super().write(text)


@pytest.fixture
def to_terminal(monkeypatch):
    """Makes stderr a terminal; called in the test, since pytest sets its own before."""

    def put():
        monkeypatch.setattr(sys, "stderr", Terminal())
        return sys.stderr

    return put


def test_work_that_takes_longer_is_told_again_and_again_with_what_is_done(to_terminal, monkeypatch):
    terminal = to_terminal()
    monkeypatch.setattr(screen, "PATIENCE", 0.0)
    shown = Screen(quiet=False)

    with shown.waiting("checking"):
        assert terminal.ticked.wait(10)
        shown.progress("example 3", passing=True)
        terminal.ticked.clear()
        assert terminal.ticked.wait(10)

    text = terminal.getvalue()
    assert "\r\033[Kchecking (0 s)" in text
    assert "\r\033[Kexample 3 (0 s)" in text
    assert text.endswith("\r\033[K")
    assert not any(thread.name.endswith("(tell)") for thread in threading.enumerate())


@pytest.mark.parametrize("quiet", [True, False])
def test_nothing_is_shown_where_nobody_sees_it(quiet, monkeypatch):
    monkeypatch.setattr(screen, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", Terminal() if quiet else io.StringIO())

    shown = Screen(quiet=quiet)
    with shown.waiting("checking"):
        shown.progress("passing", passing=True)
    shown.clear()

    assert sys.stderr.getvalue() == ""


def test_ticker_ends_with_an_error_of_the_work(to_terminal):
    terminal = to_terminal()
    with pytest.raises(KeyboardInterrupt), Screen(quiet=False).waiting("checking"):
        raise KeyboardInterrupt

    assert terminal.getvalue() == "\r\033[K"
    assert not any(thread.name.endswith("(tell)") for thread in threading.enumerate())


@pytest.mark.parametrize(("value", "colored"), [(None, True), ("1", False), ("", True)])
def test_color_is_for_terminals_and_no_color_forbids_it(value, colored, monkeypatch):
    if value is None:
        monkeypatch.delenv("NO_COLOR", raising=False)
    else:
        monkeypatch.setenv("NO_COLOR", value)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert colors() is colored

    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not colors()


def test_complaint_is_one_line_on_stderr(capsys):
    complain("what is wrong")

    assert capsys.readouterr() == ("", "gradcheck: what is wrong\n")


def test_files_are_refused_before_any_work(tmp_path):
    writable(None, None)
    writable(tmp_path / "new.json", None)
    with pytest.raises(InvalidInput, match="--json: there is no folder"):
        writable(tmp_path / "missing" / "a.json", None)
    with pytest.raises(InvalidInput, match=r"--html: .* is a folder"):
        writable(None, tmp_path)


@pytest.mark.parametrize("existed", [True, False])
def test_file_that_the_system_refuses_is_refused_before_any_work(existed, tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    if existed:
        path.write_text("before")
    writable(path, None)
    assert (path.read_text() == "before") if existed else not path.exists()

    def refused(*args, **kwargs):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(InvalidInput, match=r"a\.json cannot be written: Permission denied; name"):
        writable(path, None)


def test_page_that_cannot_be_made_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradcheck.views.html", None)

    with pytest.raises(InvalidInput, match=r"--html: no page .*pip install 'gradcheck\[html\]'"):
        writable(None, tmp_path / "page.html")


def test_results_are_written_or_it_says_why_not(tmp_path):
    write_json(None, {})
    write_html(None, {})
    write_json(tmp_path / "a.json", {"x": 1})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}
    with pytest.raises(InvalidInput, match="--json: "):
        write_json(tmp_path, {})


def test_page_is_written(tmp_path, monkeypatch):
    class Html:
        @staticmethod
        def write(path, reports):
            if path.is_dir():
                raise IsADirectoryError("a folder")
            path.write_text(repr(reports))

    monkeypatch.setattr(screen, "import_module", lambda name: Html)

    write_html(tmp_path / "a.html", {"x": []})
    assert (tmp_path / "a.html").read_text() == "{'x': []}"
    with pytest.raises(InvalidInput, match=r"--html: .* a folder"):
        write_html(tmp_path, {})
