"""How `tox -e docs` builds the site: Sphinx, from pages that a Git host shows as well.

The table of contents is index.md: its headings with the links below them. Pages that it does
not name are put at the end, so that none can be lost.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import requests
from sphinx.application import Sphinx

import gradcheck

project = "gradcheck"
version = release = gradcheck.__version__
copyright = "the authors of gradcheck"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_heading_anchors = 4
nitpicky = True
# Types in docstrings are prose ("ndarray, shape (n,)"), and only our own names are linked.
nitpick_ignore_regex = [(r"py:.*", r"(?!gradcheck\.|backprop\.).*")]

# A single backtick in a docstring marks a name of the code, and links to it if it has an entry.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_preprocess_types = True

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = "gradcheck"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]

HERE = Path(__file__).parent

ONLINE = "https://www.python.org"
"""A site that answers wherever others can be reached."""


def contents(page: str) -> dict[str, list[str]]:
    """Headings of the index with the pages that are linked below them."""
    found: dict[str, list[str]] = {}
    for section in page.split("\n## ")[1:]:
        heading, _, rest = section.partition("\n")
        found[heading] = re.findall(r"\]\(([\w/-]+)\.(?:md|rst)\)", rest)
    return found


def add_contents(app: Sphinx, name: str, source: list[str]) -> None:
    """Give the index a table of contents, for the sidebar."""
    if name != "index":
        return
    trees = contents(source[0])
    linked = {page for pages in trees.values() for page in pages}
    there = {
        path.relative_to(HERE).with_suffix("").as_posix()
        for path in (*HERE.rglob("*.md"), *HERE.rglob("*.rst"))
    }
    trees["More"] = sorted(there - linked - {"index"})
    for heading, pages in trees.items():
        if pages:
            options = f":hidden:\n:caption: {heading}\n"
            lines = "\n".join(dict.fromkeys(pages))
            source[0] += f"\n```{{toctree}}\n{options}\n{lines}\n```\n"


def split_attributes(
    _app: Sphinx, _what: str, _name: str, _obj: Any, _opt: Any, lines: Any
) -> None:
    """Give attributes that share a line, as "left, right : float", a line each.

    Napoleon does so for parameters, and takes the names of attributes for one.
    """
    if "Attributes" not in lines:
        return
    text = "\n".join(lines)
    shared = re.compile(r"^(\w+), ([\w, ]+) : (.*)((?:\n {4}.*|\n(?=\n {4}))*)", re.MULTILINE)
    while found := shared.search(text):
        first, others, kind, rest = found.groups()
        each = f"{first} : {kind}{rest}\n{others} : {kind}{rest}"
        text = text[: found.start()] + each + text[found.end() :]
    lines[:] = text.split("\n")


def pass_over_other_sites(app: Sphinx) -> None:
    """Where there is no network, check no links to other sites, and say so."""
    if app.builder.name != "linkcheck":
        return
    try:
        requests.head(ONLINE, timeout=10)
    except requests.RequestException:
        app.config.linkcheck_ignore.append(r"https?://")
        print("no network: links to other sites are not checked", file=sys.stderr)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", pass_over_other_sites)
    app.connect("source-read", add_contents)
    app.connect("autodoc-process-docstring", split_attributes, priority=400)
