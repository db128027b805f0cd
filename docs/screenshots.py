"""Take the pictures of a report for the pages: `python docs/screenshots.py REPORT.html`.

They are docs/images/report.png and report-dark.png: the first screen of a wide page. It needs playwright and
Chromium. The report is that of the README's search for Optuna, with a storage.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
NAMES = {"light": "report.png", "dark": "report-dark.png"}

if __name__ == "__main__":
    page_file = Path(sys.argv[1]).resolve()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme, name in NAMES.items():
            page = browser.new_page(viewport={"width": 1280, "height": 1010}, color_scheme=scheme)
            page.goto(page_file.as_uri())
            page.wait_for_selector("#plot-trial .scatterlayer path.js-line")
            page.screenshot(path=IMAGES / name)
            print(IMAGES / name)
        browser.close()
