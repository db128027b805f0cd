"""The report in a real browser: no errors, no requests, every trial reachable by mouse, touch and keyboard.

Needs Chromium and playwright (``pip install playwright``); run with ``-m slow``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.plots.browser_page import CHROMIUM, SCREENS, write_report
from tests.plots.test_report import EVIL

N = 200

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium"),
]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(N, path)
    return path


@dataclass
class Opened:
    """A page, and the messages of the browser while it was open."""

    page: Any
    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def show(browser: Any, page_file: Path) -> Iterator[Any]:
    contexts = []

    def show(screen: str = "desktop", scheme: str = "light") -> Opened:
        context = browser.new_context(
            viewport=SCREENS[screen],
            color_scheme=scheme,
            has_touch=screen == "phone",
            is_mobile=screen == "phone",
        )
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("console", lambda message: opened.said.append(message.text))
        opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
        opened.page.on("dialog", lambda dialog: (opened.said.append("dialog"), dialog.dismiss()))
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.goto(page_file.as_uri())
        opened.page.wait_for_selector("#plot-trial .scatterlayer path.js-line")
        return opened

    yield show
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_it_opens_without_a_word_and_fits(show: Any, screen: str, scheme: str, page_file: Path) -> None:
    opened = show(screen, scheme)
    page = opened.page
    assert page.locator("h1").inner_text().strip() == EVIL.strip()
    assert page.locator(".js-plotly-plot").count() == 7
    assert page.evaluate("document.documentElement.scrollWidth") == SCREENS[screen]["width"]
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(245, 246, 248)" if scheme == "light" else "rgb(16, 19, 23)")
    ink = page.locator("#plot-curves .xtitle").evaluate("e => getComputedStyle(e).fill")
    assert ink == ("rgb(34, 34, 34)" if scheme == "light" else "rgb(232, 234, 237)")
    assert opened.said == []
    assert opened.requests == [page_file.as_uri()]


def median_line(page: Any) -> list[float]:
    return page.evaluate("Array.from(document.getElementById('plot-trial').data[2].y)")


def test_a_click_on_a_curve_shows_its_forecast_and_reason(show: Any) -> None:
    opened = show()
    page, before = opened.page, median_line(opened.page)
    title = page.locator("#trial-title").inner_text()
    for mark in range(0, 60, 10):  # marks of stops; a mark may lie on the curve of another trial
        box = page.locator("#plot-curves .scatterlayer .points path").nth(mark).bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        if page.locator("#trial-title").inner_text() != title:
            break
    number = int(page.locator("#trial-title").inner_text().split()[1])
    assert page.locator("#trial-title").inner_text() != title
    after = median_line(page)
    assert after != before
    assert len(after) > 0
    if number % 5:
        assert page.locator("#reason").inner_text().startswith(f"reason {number} ")
    assert opened.said == []


def test_a_tap_on_a_phone_goes_to_the_trial(show: Any) -> None:
    page = show("phone").page
    title = page.locator("#trial-title").inner_text()
    for mark in range(0, 60, 10):
        point = page.locator("#plot-curves .scatterlayer .points path").nth(mark)
        point.scroll_into_view_if_needed()
        box = point.bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(500)
        if page.locator("#trial-title").inner_text() != title:
            break
    assert page.locator("#trial-title").inner_text() != title
    page.wait_for_timeout(1000)
    assert 0 <= page.locator("#trial").bounding_box()["y"] < 844 * 0.6


def test_everything_works_by_keyboard(show: Any) -> None:
    opened = show()
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#next").focus()
    number = int(page.locator("#trial-title").inner_text().split()[1])
    page.keyboard.press("Enter")
    assert page.locator("#trial-title").inner_text() == f"Trial {number + 1}"
    page.locator("#pick").focus()
    page.keyboard.press("Home")
    assert page.locator("#trial-title").inner_text() == "Trial 0"
    assert page.locator("#previous").is_disabled()
    shots = page.locator("#snapshots button")
    shots.nth(0).focus()
    page.keyboard.press("Space")
    assert shots.nth(0).get_attribute("aria-pressed") == "true"
    page.locator("th button").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("tbody tr button").first.inner_text() == str(N - 1)
    page.locator("tbody tr button").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#trial-title").inner_text() == f"Trial {N - 1}"
    assert page.evaluate("document.activeElement.id") == "trial"
    assert opened.said == []


def test_the_page_follows_the_scheme(show: Any) -> None:
    page = show().page
    page.emulate_media(color_scheme="dark")
    expect = pytest.importorskip("playwright.sync_api").expect
    expect(page.locator("#plot-curves .xtitle")).to_have_css("fill", "rgb(232, 234, 237)")
    page.locator("#zoom").click()
    assert page.locator("#zoom").get_attribute("aria-pressed") == "true"


def test_a_hyperparameter_is_chosen_and_a_trial_by_it(show: Any) -> None:
    opened = show()
    page = opened.page
    assert page.locator("#by option").all_inner_texts() == ["lr", "optimizer"]
    page.locator("#by").select_option("optimizer")
    kind = page.evaluate("document.getElementById('plot-slice').layout.xaxis.type")
    assert kind == "category"
    x = page.evaluate("document.getElementById('plot-slice').data.flatMap((trace) => trace.x)")
    assert len(x) == N
    assert not any("<" in value for value in x)
    lines = page.evaluate("document.getElementById('plot-parameters').data.flatMap((t) => t.customdata)")
    assert set(lines) == set(range(N))
    assert opened.said == []


def test_the_table_is_filtered_by_state(show: Any) -> None:
    page = show("phone").page
    page.locator("#state").select_option("stopped")
    assert page.locator("#found").inner_text() == f"{N - N // 5} of {N}"
    assert page.locator("tbody tr:visible").count() == N - N // 5
