"""The page in a real browser: what it shows, to whom, and that it asks for nothing.

Driven is the system's own Chromium; the tests are skipped, and say why, where there is none.
"""

import re
import shutil

import pytest
from pages import report_of, session

pytest.importorskip("jinja2", reason="the page needs Jinja2: pip install 'gradcheck[html]'")
pytest.importorskip("playwright", reason="no playwright: pip install 'gradcheck[browser]'")

from playwright import sync_api

from gradcheck.views import html

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser():
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    with sync_api.sync_playwright() as driver:
        # Containers often run as root, where Chromium has no sandbox, and with little /dev/shm.
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        running = driver.chromium.launch(executable_path=path, args=options)
        yield running
        running.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page with tests of all kinds."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    cases = ("structure", "probes", "one entry", "not finite", "kink", "four axes", "markup")
    tests = {
        f"tests/test_layers.py::test_{case.replace(' ', '_')}": (case, "failed") for case in cases
    }
    passing = {f"tests/test_cost.py::test_size[{k}]": ("passing", "passed") for k in range(15)}
    html.write(path, session(**tests, **passing))
    return path


@pytest.fixture
def visit(browser, file):
    """Opens the page; at the end nothing must have been asked for or complained of."""
    contexts, troubles, asked = [], [], []

    def call(width=1200, scheme="light", path=file):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("requestfailed", lambda request: troubles.append(request.url))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield call
    for context in contexts:
        context.close()
    assert troubles == []
    assert all(url.startswith(("file:", "data:")) for url in asked)
    assert len([url for url in asked if url.startswith("file:")]) == len(contexts)


def test_page_shows_verdicts_pictures_and_the_marked_term(visit):
    page = visit()

    assert page.title() == "FAIL: gradients"
    assert page.get_by_role("heading", level=1).inner_text().split()[:2] == ["✗", "FAIL"]
    rows = page.get_by_role("table", name="The worst first").get_by_role("row")
    assert rows.count() == 8
    assert page.locator("mark").inner_text() == "g1'(Z1)"
    heat = page.get_by_role("img", name="Errors of W: entry [17, 23] alone wrong")
    assert heat.is_visible()
    box = heat.bounding_box()
    assert min(box["width"], box["height"]) > 200
    curve = page.get_by_role("img", name=re.compile("how far differences for W\\[17, 23\\]"))
    assert curve.locator("circle").count() > 10


def test_links_lead_to_the_tests(visit):
    page = visit()

    page.get_by_role("link", name="tests/test_layers.py::test_kink").click()

    heading = page.get_by_role("heading", level=2, name="tests/test_layers.py::test_kink")
    assert 0 <= heading.bounding_box()["y"] < 900


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 768, 1200])
def test_page_is_never_wider_than_the_screen(visit, width, scheme):
    page = visit(width, scheme)
    for summary in page.locator("summary").all():
        summary.click()

    assert page.evaluate("document.documentElement.scrollWidth") <= width


SCROLLED = """() => [...document.querySelectorAll('body *')]
    .filter(e => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === 'auto')
    .map(e => [e.tagName, e.tabIndex, e.getAttribute('role'), !!e.ariaLabel,
               getComputedStyle(e).backgroundImage !== 'none'])"""


@pytest.mark.parametrize("width", [320, 360, 600, 768])
def test_only_text_is_scrolled_sideways_and_shows_it(visit, width):
    """Tables fit; the text has a name, can be focused, and its hidden side is in shadow."""
    page = visit(width)
    for summary in page.locator("summary").all():
        summary.click()

    found = page.evaluate(SCROLLED)
    assert found
    assert all(element == ["PRE", 0, "region", True, True] for element in found)


def test_rows_that_are_stacked_are_still_a_table_to_a_screen_reader(visit):
    page = visit(320)

    table = page.get_by_role("table", name="The worst first")
    assert table.get_by_role("row").count() == 8
    assert table.get_by_role("columnheader", name="resolution").count() == 1
    cells = table.get_by_role("row", name=re.compile("test_kink")).get_by_role("cell")
    assert cells.nth(1).inner_text().split() == ["?", "INCONCLUSIVE"]
    assert cells.last.evaluate("e => getComputedStyle(e, '::before').content") != "none"


CONTRAST = """() => {
    const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const rgb = text => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const over = ([r, g, b, a = 1], under) =>
        [r, g, b].map((c, k) => a * c + (1 - a) * under[k]);
    const ground = element => {
        if (!element) return [255, 255, 255];
        const color = rgb(getComputedStyle(element).backgroundColor);
        return color[3] === 0 ? ground(element.parentElement)
            : over(color, ground(element.parentElement));
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        const text = walker.currentNode.textContent.trim();
        if (!text || element.closest('style, title, desc')) continue;
        const style = getComputedStyle(element);
        const below = ground(element);
        const ink = over(rgb(element.closest('svg') ? style.fill : style.color), below);
        const [dim, bright] = [light(ink), light(below)].sort((a, b) => a - b);
        found.push([(bright + 0.05) / (dim + 0.05), text]);
    }
    return found;
}"""
"""Contrast of each text with its ground, by WCAG 2.2, success criterion 1.4.3."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(visit, scheme):
    found = visit(scheme=scheme).evaluate(CONTRAST)

    assert len(found) > 200
    assert [pair for pair in found if pair[0] < 4.5] == []


def test_light_and_dark_are_opposites(visit):
    light, dark = (
        visit(scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    )

    assert min(map(int, re.findall(r"\d+", light))) > 230
    assert max(map(int, re.findall(r"\d+", dark))) < 40


FOCUSED = """() => {
    const element = document.activeElement;
    const style = getComputedStyle(element);
    return [element.tagName, element.textContent.trim().slice(0, 60),
            style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2];
}"""


def test_everything_can_be_reached_and_seen_by_keyboard(visit, tmp_path):
    path = tmp_path / "one.html"
    html.write(path, report_of("probes"))
    page = visit(path=path)

    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        tag, text, outlined = page.evaluate(FOCUSED)
        if tag == "BODY":
            break
        assert outlined, text
        seen.append((tag, text))
        if text.startswith("The report as text"):
            page.keyboard.press("Enter")
    assert seen[0] == ("A", "Skip to the results")
    assert sum(tag == "SUMMARY" for tag, _ in seen) == 2
    # The text that was folded up can be reached, and scrolled, in turn.
    assert seen[-1][0] == "PRE"
    assert page.locator("pre.text").is_visible()


def test_skip_link_leads_past_the_head(visit):
    page = visit()

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert page.evaluate("document.activeElement.id") == "results"


def test_screen_readers_hear_an_outline_and_no_decoration(visit):
    tree = visit().locator("body").aria_snapshot()

    assert '- heading "✗' not in tree
    assert 'heading "FAIL 6 of 22 tests failed, 1 could not be decided"' in tree
    assert '- columnheader "verdict"' in tree
    assert '- rowheader "W1"' in tree
    assert "- banner" in tree
    assert "- main" in tree


def test_notebook_fragment_leaves_the_notebook_alone(visit, tmp_path):
    path = tmp_path / "notebook.html"
    outside = '<p id="p">text</p><h1 id="h">head</h1><table id="t"><tr><td>1</table>'
    read = """() => ['p', 'h', 't'].map(id => {
        const s = getComputedStyle(document.getElementById(id));
        return [s.color, s.font, s.margin, s.borderCollapse, s.backgroundColor].join(' ');
    })"""
    found = []
    for part in ("", report_of("row")._repr_html_()):
        path.write_text(f"<!DOCTYPE html><meta charset=utf-8>{outside}{part}", encoding="utf-8")
        found.append(visit(path=path).evaluate(read))

    assert found[0] == found[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_notebook_fragment_is_readable_without_a_doctype(visit, tmp_path, scheme):
    """As old viewers and mails show it, where tables inherit no colour by themselves."""
    path = tmp_path / "quirks.html"
    path.write_text(f"<meta charset=utf-8>{report_of('row')._repr_html_()}", encoding="utf-8")

    page = visit(scheme=scheme, path=path)

    assert page.evaluate("document.compatMode") == "BackCompat"
    assert [pair for pair in page.evaluate(CONTRAST) if pair[0] < 4.5] == []
