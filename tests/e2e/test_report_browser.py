"""The report in a real browser: nothing fetched, nothing broken, readable wide and narrow, light and dark."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

from comity.server.report import write_report
from e2e.browser import Browser
from unit.server.made_account import account

TITLE = "A week of the joint programme"

#: Lowest contrast of visible text with its ground, as [ratio, text]; WCAG 2.2, 1.4.3 asks for 4.5.
CONTRAST = """(() => {
  const parse = (c) => { const n = c.match(/[\\d.]+/g).map(Number);
    const k = c.startsWith("color(") ? 255 : 1;
    return [n[0] * k, n[1] * k, n[2] * k, n[3] ?? 1]; };
  const over = (top, low) => top.slice(0, 3).map((v, i) => v * top[3] + low[i] * (1 - top[3])).concat(1);
  const f = (v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => {
    return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
  let worst = [99, ""];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    const owner = node.parentElement;
    if (!node.data.trim() || !owner.checkVisibility()) continue;
    if (owner.closest("svg, script, .stamp, .tl-track")) continue;  // not on a plain ground
    const chain = []; for (let e = owner; e; e = e.parentElement) chain.unshift(e);
    let ground = [255, 255, 255, 1];
    for (const e of chain) ground = over(parse(getComputedStyle(e).backgroundColor), ground);
    const a = light(over(parse(getComputedStyle(owner).color), ground)), b = light(ground);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < worst[0]) worst = [ratio, node.data.trim().slice(0, 60)];
  }
  return worst;
})()"""


#: Whether an element, in a drawing too, takes room on the page.
SHOWN = "(s => document.querySelector(s).getBoundingClientRect().height > 0)"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a report of the made-up account."""
    folder = tmp_path_factory.mktemp("report")
    write_report(account(folder), folder=folder, out=folder / "report.html", title=TITLE)
    return (folder / "report.html").as_uri()


@pytest.fixture
def browser(chromium_argv: list[str]) -> Iterator[Browser]:
    """A browser with nothing open."""
    with Browser(chromium_argv) as found:
        yield found


def test_page_fetches_nothing_runs_nothing_foreign_and_reports_no_error(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    browser.js("document.querySelectorAll('img').forEach(i => { i.loading = 'eager'; })")
    browser.js("Promise.all([...document.images].map(i => i.decode()))")  # throws if one is broken
    asked = {request["request"]["url"][:5] for request in browser.reported("Network.requestWillBeSent")}
    assert asked <= {"file:", "data:"}
    assert not browser.reported("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    assert browser.js("document.title") == TITLE  # the hostile customer's script would have changed it
    assert browser.js("document.images.length") == browser.js(
        "document.querySelectorAll('.gallery img').length"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_and_pictures_are_drawn(browser: Browser, page: str, scheme: str) -> None:
    browser.prefer(scheme)
    browser.resize(1400)
    browser.open(page)
    browser.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    ratio, text = browser.js(CONTRAST)
    assert ratio >= 4.5, f"contrast {ratio:.2f} of {text!r}"
    browser.js("document.documentElement.style.scrollBehavior = 'auto'")
    browser.js("document.querySelector('#map-world').scrollIntoView()")
    drawn = Image.open(io.BytesIO(browser.picture())).convert("RGB")
    colours = drawn.getcolors(drawn.width * drawn.height)
    assert colours is not None
    assert len(colours) > 500, "the map is not drawn"
    brightest = max(colours)[1]
    assert (sum(brightest) > 384) == (scheme == "light")


@pytest.mark.parametrize("width", [400, 800, 1400, 2400])
def test_page_never_scrolls_sideways(browser: Browser, page: str, width: int) -> None:
    browser.resize(width)
    browser.open(page)
    browser.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert browser.js("document.documentElement.scrollWidth") <= width


def test_zoom_layers_filters_and_details_work(browser: Browser, page: str) -> None:
    browser.resize(1400)
    browser.open(page)
    view = "document.querySelector('#map-world svg').viewBox.baseVal.width"
    whole = browser.js(view)
    browser.js("document.querySelector('#map-world [data-zoom=in]').click()")
    assert browser.js(view) == pytest.approx(0.6 * whole)
    browser.js("document.querySelector('#map-world svg').focus()")
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="0", text="0")
    assert browser.js(view) == whole

    tracks = SHOWN + "('#map-world .layer-tracks path')"
    assert browser.js(tracks)
    browser.js("document.querySelector('#map-world input[value=tracks]').focus()")
    browser.call(
        "Input.dispatchKeyEvent", type="keyDown", key=" ", code="Space", windowsVirtualKeyCode=32, text=" "
    )
    browser.call("Input.dispatchKeyEvent", type="keyUp", key=" ", code="Space", windowsVirtualKeyCode=32)
    assert not browser.js(tracks)

    wide = "document.querySelector('.tl-in').getBoundingClientRect().width"
    before = browser.js(wide)
    browser.js("document.querySelector('[data-tl=in]').click()")
    assert browser.js(wide) == pytest.approx(2 * before, rel=0.01)

    shown = "[...document.querySelectorAll('.gallery > li')].filter(c => c.checkVisibility()).length"
    everything = browser.js(shown)
    browser.js(
        "(i => { i.value = 'refused canberra'; i.dispatchEvent(new Event('input')); })"
        "(document.querySelector('[data-filter-cards]'))"
    )
    assert 0 < browser.js(shown) < everything

    browser.js("document.querySelector('[data-tl=reset]').click()")
    # A scroll that is still under way hides what is shown; the next movement brings it back.
    tip = "document.querySelector('#tip:not([hidden])')?.textContent ?? ''"
    deadline = time.monotonic() + 5.0
    while "UTC" not in browser.js(tip) and time.monotonic() < deadline:
        browser.hover(".bar.acq")
        time.sleep(0.05)
    assert "UTC" in browser.js(tip)


def test_without_scripts_everything_is_there(browser: Browser, page: str) -> None:
    browser.resize(1000)
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page)
    for selector in (
        "#map-world .layer-tracks path",
        ".bar.acq",
        "#plan table",
        ".gallery img",
        "#settlement table",
    ):
        assert browser.js(f"{SHOWN}({json.dumps(selector)})"), selector
    assert not browser.js(f"{SHOWN}('.js-only')")
    browser.hover("#map-world input[value=tracks]")
    x, y = browser.js(
        "(b => [b.x + b.width / 2, b.y + b.height / 2])"
        "(document.querySelector('#map-world input[value=tracks]').getBoundingClientRect())"
    )
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    assert not browser.js(f"{SHOWN}('#map-world .layer-tracks path')")


def test_paper_shows_the_timeline_whole(browser: Browser, page: str, tmp_path: Path) -> None:
    browser.resize(1400)
    browser.open(page)
    browser.js("document.querySelector('[data-tl=in]').click()")
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.js("(t => t.scrollWidth <= t.clientWidth + 1)(document.querySelector('.tl'))")
    assert not browser.js("document.querySelector('nav.jump').checkVisibility()")


def test_the_demos_report_is_sound(browser: Browser, demo: Any) -> None:
    """The page that ``comity demo`` leaves: real quicklooks, real sizes, links to files that are there."""
    report: Path = demo.folder / "report.html"
    assert report.stat().st_size < 8_000_000
    browser.resize(400)
    browser.open(report.as_uri())
    browser.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    browser.js("document.querySelectorAll('img').forEach(i => { i.loading = 'eager'; })")
    browser.js("Promise.all([...document.images].map(i => i.decode()))")
    assert browser.js("document.images.length") > 10
    assert browser.js("document.documentElement.scrollWidth") <= 400
    assert not browser.reported("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    links = browser.js("[...document.querySelectorAll('.gallery a')].map(a => a.getAttribute('href'))")
    assert links
    assert all((demo.folder / unquote(link)).is_file() for link in links)
    assert browser.js("document.querySelectorAll('.area.coarsen, .area.refuse').length") >= 3
