"""The report by axe-core in a real browser: no violation, in both modes, on a phone and on a desk.

`make check-report` installs axe-core and runs this file.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.plots.browser_page import CHROMIUM, SCREENS, write_report

AXE = Path(__file__).parents[2] / ".axe" / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium"),
    pytest.mark.skipif(not AXE.exists(), reason="no axe-core: make check-report installs it, with npm"),
]


@pytest.fixture(scope="module", params=[60, 500])
def page_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(request.param, path)
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_no_violation(browser: Any, page_file: Path, screen: str, scheme: str) -> None:
    # The policy of the page forbids the injected script, too.
    context = browser.new_context(viewport=SCREENS[screen], color_scheme=scheme, bypass_csp=True)
    page, said = context.new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(page_file.as_uri())
    page.wait_for_selector("#plot-trial .scatterlayer path.js-line")
    # axe-core judges no text that another element covers: the whole table is shown.
    page.add_style_tag(content=".scroll { max-height: none !important } th { position: static !important }")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    context.close()
    assert [
        (rule["id"], len(rule["nodes"]), rule["nodes"][0]["target"]) for rule in found["violations"]
    ] == []
    assert len(found["passes"]) > 30
    assert said == []
