"""A picture of a page: makes docs/images/page.png.

python benchmarks/page.py, with the extras html, plots and browser, and Chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from test_equations import check

from gradcheck.views import html

TARGET = Path(__file__).parent.parent / "docs" / "images" / "page.png"

WIDTH, HEIGHT = 1000, 900


def main() -> None:
    TARGET.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        page = Path(folder) / "page.html"
        html.write(page, check({"dW2": "1 / m * dZ2 @ Z1.T"}))
        options = ["--no-sandbox", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        shown = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        shown.goto(page.as_uri())
        shown.screenshot(path=TARGET, full_page=True)
        browser.close()
    # So many colours are enough for it, and a third of the size.
    Image.open(TARGET).convert("RGB").quantize(96).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
