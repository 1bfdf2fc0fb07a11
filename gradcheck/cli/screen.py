"""What the user sees while work goes on: progress on stderr, in one place on a terminal.

>>> Screen(quiet=True).progress("sees nobody")

Results go to stdout, unless a file of results does; here are besides the colour, the one line
of an error, and the files that results are written to.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from gradcheck.errors import InvalidInput

__all__ = [
    "EXIT",
    "STDOUT",
    "Screen",
    "colors",
    "complain",
    "one_thread",
    "writable",
    "write_html",
    "write_json",
]


EXIT = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}
"""Exit codes; 2 is for usage and for input that cannot be checked."""


PATIENCE = 1.0
"""Seconds after which one likes to hear something."""


class Screen:
    """What the user sees while the work goes on; on stderr, so that stdout holds results.

    Parameters
    ----------
    quiet : bool
        Show no progress.
    silent : bool
        Print no text, for stdout holds a file of results.
    verbose : bool
        Show progress also where no terminal is, line by line.
    """

    def __init__(self, quiet: bool, silent: bool = False, verbose: bool = False) -> None:
        self.quiet = quiet
        self.silent = silent
        self.verbose = verbose
        self.lively = sys.stderr.isatty()
        self.now = ""

    def tell(self, text: str) -> None:
        """Print results on stdout."""
        if not self.silent:
            print(text)

    def progress(self, text: str, *, passing: bool = False) -> None:
        """Say what is being done, on a terminal; what is `passing` in one place."""
        self.now = text if passing else ""
        if self.quiet or not (self.lively or (self.verbose and not passing)):
            return
        if self.lively:
            print(f"\r\033[K{text}", end="" if passing else "\n", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show on a terminal, after a second and then each second, that the work goes on."""
        if self.quiet or not self.lively:
            yield
            return
        done, began = threading.Event(), time.monotonic()

        def tell() -> None:
            while not done.wait(PATIENCE):
                shown = f"{self.now or text} ({time.monotonic() - began:.0f} s)"
                print(f"\r\033[K{shown}", end="", file=sys.stderr, flush=True)

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            done.set()
            teller.join()
            self.clear()

    def clear(self) -> None:
        """Remove a passing line."""
        if self.lively and not self.quiet:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def one_thread() -> AbstractContextManager[Any]:
    """Keep BLAS to one thread: ours are small matrices, and many of them."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    return threadpool_limits(1)


def colors() -> bool:
    """Whether to color what is printed: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def complain(text: str) -> None:
    """Say on stderr, in one line, what is wrong."""
    print(f"gradcheck: {text}", file=sys.stderr)


STDOUT = Path("-")
"""Stands for stdout where a file of results is named."""


def writable(json: Path | None, html: Path | None) -> None:
    """Refuse files that cannot be written, before any work is done for them.

    Raises
    ------
    InvalidInput
    """
    if json == html == STDOUT:
        raise InvalidInput("--json, --html: stdout takes one of them; name a file for the other")
    for option, path in (("--json", json), ("--html", html)):
        if path is not None and not path.absolute().parent.is_dir():
            raise InvalidInput(f"{option}: there is no folder {path.parent}")
        if path is not None and path.is_dir():
            raise InvalidInput(f"{option}: {path} is a folder")
        if path is not None and path != STDOUT and (path.is_file() or not path.exists()):
            _try_out(option, path)
    special = html is not None and (html == STDOUT or (html.exists() and not html.is_file()))
    if html is not None and not special and html.suffix.lower() not in (".html", ".htm"):
        raise InvalidInput(f"--html: expected a name that ends in .html, got {str(html)!r}")
    if html is not None:
        _html()


def _try_out(option: str, path: Path) -> None:
    """Open a file as if to write, and leave all as it was."""
    existed = path.exists()
    with _writing(option, path):
        path.open("a").close()
        if not existed:
            path.unlink()


@contextmanager
def _writing(option: str, path: Path) -> Iterator[None]:
    """Say of a file that cannot be written what the system says, and what to do."""
    try:
        yield
    except OSError as error:
        raise InvalidInput(
            f"{option}: {path} cannot be written: {error.strerror or error}; name a file elsewhere"
        ) from error


def write_json(path: Path | None, data: Mapping[str, Any]) -> None:
    """Write results to the file of ``--json``, if there is one.

    Raises
    ------
    InvalidInput
        If that fails.
    """
    if path is None:
        return
    text = json.dumps(data, indent=2, allow_nan=False)
    if path == STDOUT:
        print(text)
        return
    with _writing("--json", path):
        path.write_text(f"{text}\n", encoding="utf-8")


def write_html(path: Path | None, reports: Mapping[str, Any]) -> None:
    """Write reports by name to the page of ``--html``, if there is one; likewise."""
    if path is None:
        return
    if path == STDOUT:
        print(_html().page(reports))
        return
    with _writing("--html", path):
        _html().write(path, reports)


def _html() -> Any:
    try:
        return import_module("gradcheck.views.html")
    except ImportError as error:
        raise InvalidInput(
            f"--html: no page can be made here: {error}; pip install 'gradcheck[html]'"
        ) from error
