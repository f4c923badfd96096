"""Embeds in another site's page, the file without network, sharing and paper, in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import BrowserContext, Frame, Page, expect

from tests.web.serving import FORKS, LEAK, make_run, serving

SIZES = [(1440, 900), (1280, 720), (1024, 768), (390, 844)]
HOST_PAGE = """<!doctype html><html lang="en"><title>A course</title><h1>A course</h1>
<iframe src="{src}" title="Step 3" width="800" height="450"></iframe><p>More text</p>
<script>
window.got = []; window.keys = 0;
addEventListener('message', e => got.push(e.data));
addEventListener('keydown', () => keys += 1);
</script></html>"""


@pytest.fixture(scope="module")
def forks(app: FastAPI) -> str:
    return make_run(app, FORKS)


@pytest.fixture(scope="module")
def leak(app: FastAPI) -> str:
    return make_run(app, LEAK, "mapcount")


@pytest.fixture(scope="module")
def course() -> Iterator[str]:
    """The address of another site, with a page that embeds what `?src=` names."""
    other = FastAPI()

    @other.get("/")
    def page(src: str) -> HTMLResponse:
        return HTMLResponse(HOST_PAGE.format(src=src.replace('"', "%22")))

    with serving(other) as address:
        yield address


def embedded(page: Page, course: str, src: str) -> Frame:
    page.goto(f"{course}/?src={src.replace('&', '%26')}")
    page.wait_for_function("got.length > 0")
    return page.frames[1]


def last_message(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("got.at(-1)")
    return found


def at_step(frame: Frame, number: int) -> None:
    expect(frame.locator("#embed")).to_have_attribute("data-step", str(number))


def test_a_frame_and_its_page_talk(page: Page, address: str, course: str, forks: str) -> None:
    src = f"{address}/e/{forks}/3?from=2&to=9"
    frame = embedded(page, course, src)
    assert last_message(page) | {"lead": ""} == {
        "source": "cowscope", "type": "step", "run": forks, "step": 3, "from": 2, "to": 9,
        "last": 14, "command": "A write buf[1] 3", "lead": "", "violation": None,
    }  # fmt: skip
    frame.locator("#next").click()
    page.wait_for_function("got.at(-1).step === 4")
    for sent, step in [(9, 9), ("first", 2), ("next", 3), ("previous", 2), ("last", 9)]:
        page.evaluate("step => frames[0].postMessage({step}, '*')", sent)
        page.wait_for_function(f"got.at(-1).step === {step}")
        at_step(frame, step)
    for bad in (10, 1.5, "7", "toString", None):
        page.evaluate("step => { got.length = 0; frames[0].postMessage({step}, '*'); }", bad)
        page.wait_for_function("got.length === 1")
        assert last_message(page)["type"] == "error"
    page.evaluate("frames[0].postMessage({theme: 'dark'}, '*')")
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    at_step(frame, 9)
    assert frame.url == src  # its own address never changes
    assert page.evaluate("history.length") <= 2
    assert page.context.cookies() == []


def test_keys_are_the_page_s_until_a_click(
    page: Page, address: str, course: str, forks: str
) -> None:
    frame = embedded(page, course, f"{address}/e/{forks}/3")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("keys") == 1
    frame.locator("#next").focus()
    page.keyboard.press("ArrowRight")
    at_step(frame, 3)
    frame.locator("#lead").click()
    page.keyboard.press("ArrowRight")
    at_step(frame, 4)
    page.keyboard.press("End")
    at_step(frame, 14)
    expect(frame.locator("#lead")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("keys === 2")
    at_step(frame, 14)
    quiet = embedded(page, course, f"{address}/e/{forks}/3?keys=off")
    quiet.locator("#lead").click()
    page.keyboard.press("ArrowRight")
    quiet.locator("#next").click()
    at_step(quiet, 4)


def test_nothing_but_embeds_is_framed(page: Page, address: str, course: str, forks: str) -> None:
    page.goto(f"{course}/?src={address}/r/{forks}/3")
    page.wait_for_timeout(200)
    assert page.frames[1].locator("#explorer").count() == 0


def test_an_embed_without_script(
    context: BrowserContext, browser: Any, address: str, leak: str
) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{address}/e/{leak}/5?theme=dark")
    page.locator("#next").click()
    expect(page).to_have_url(f"{address}/e/{leak}/6?theme=dark")
    expect(page.locator(".alarm")).to_contain_text("isolation violated", ignore_case=True)
    page.context.close()


def test_the_file_steps_without_a_network(
    page: Page, address: str, leak: str, tmp_path: Path
) -> None:
    file = tmp_path / "run.html"
    file.write_bytes(page.request.get(f"{address}/r/{leak}.html").body())
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.context.set_offline(True)
    page.goto(file.as_uri())
    for key, step in [
        ("ArrowRight", 1), ("l", 2), ("ArrowLeft", 1), ("End", 8), ("Home", 0), ("v", 6),
        ("Shift+ArrowLeft", 4),
        ("v", 6),
    ]:  # fmt: skip
        page.keyboard.press(key)
        expect(page.locator("#number")).to_have_text(str(step))
        expect(page.locator("#steps [aria-current]")).to_have_attribute("data-step", str(step))
    expect(page.locator("#alarm")).to_contain_text("isolation violated")
    expect(page.locator("#draw .badring").first).to_be_visible()
    assert page.locator("#online").get_attribute("href") == f"{address}/r/{leak}/6"
    page.locator("#scrub").fill("2")
    expect(page.locator("#command")).to_have_text("A write buf[0] 7")
    page.goto(file.as_uri() + "#7")
    page.reload()
    expect(page.locator("#command")).to_have_text("g read")
    assert all(url.startswith("file:") for url in asked)
    assert complaints == []
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 844})
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.context.set_offline(False)


def test_the_file_steps_where_it_is_served(page: Page, address: str, leak: str) -> None:
    page.goto(f"{address}/r/{leak}.html#6")
    expect(page.locator("#alarm")).to_contain_text("isolation violated")


def test_a_picture_opened_alone_has_its_colours(page: Page, address: str, forks: str) -> None:
    for theme, paper in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(27, 30, 36)")):
        page.goto(f"{address}/r/{forks}/9.svg?theme={theme}")
        body = page.locator(".frame.own .body").first
        assert body.evaluate("e => getComputedStyle(e).fill") == paper
        assert body.evaluate("e => getComputedStyle(e).strokeWidth") == "2.5px"


def test_sharing_from_the_explorer(
    context: BrowserContext, page: Page, address: str, forks: str
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/r/{forks}/8")
    page.wait_for_function("() => window.htmx !== undefined")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#explorer")).to_have_attribute("data-step", "9")
    page.get_by_role("link", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#share-link")).to_have_value(f"{address}/r/{forks}/9")
    page.keyboard.press("ArrowRight")  # is the field's, not the explorer's
    for button, start in [
        ("Copy link", f"{address}/r/{forks}/9"), ("Copy code", "<iframe src="),
        ("Copy text", "title: Pinned and swapped"),
    ]:  # fmt: skip
        dialog.get_by_role("button", name=button).click()
        expect(dialog.locator("#share-says")).to_have_text(f"{button}: Copied")
        assert page.evaluate("navigator.clipboard.readText()").startswith(start)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert page.evaluate("document.activeElement.id") == "share-open"
    expect(page.locator("#explorer")).to_have_attribute("data-step", "9")


PAGES = ["/e/{}/6", "/e/{}/6?from=3&to=7", "/r/{}/6/share", "/r/{}/sheet", "/docs/embed"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_overflows(
    page: Page, address: str, leak: str, theme: str
) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    for path in PAGES:
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(address + path.format(leak))
        found = Axe().run(page)
        assert found.violations_count == 0, path + found.generate_report()
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            root = "document.documentElement"
            over = page.evaluate(f"{root}.scrollWidth - {root}.clientWidth")
            assert over <= 0, f"{path} at {width} is {over} too wide"


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_a_step_is_one_sheet_of_paper_and_a_run_eight_steps_each(
    page: Page, address: str, forks: str, leak: str
) -> None:
    for run, step in ((forks, 9), (leak, 6)):
        page.goto(f"{address}/r/{run}/{step}")
        assert pages_of(page.pdf(prefer_css_page_size=True)) == 1
    page.goto(f"{address}/r/{forks}/sheet")
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 2
