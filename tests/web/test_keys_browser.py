"""Every key of the one table does what the key sheet says, also where the room is small."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, ViewportSize, expect

from app.web.keys import KEYS
from tests.web.serving import FORKS, LEAK, make_run
from tests.web.test_explorer_browser import open_step

PROJECTOR: ViewportSize = {"width": 1280, "height": 720}
PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def forks(app: FastAPI, address: str) -> str:
    return f"{address}/r/{make_run(app, FORKS)}"


@pytest.fixture(scope="module")
def leak(app: FastAPI, address: str) -> str:
    return f"{address}/r/{make_run(app, LEAK, 'mapcount')}"


def at(number: int) -> Callable[[Page], None]:
    return lambda page: expect(page.locator("#explorer")).to_have_attribute(
        "data-step", str(number)
    )


def has(selector: str, name: str, value: str | None) -> Callable[[Page], None]:
    def check(page: Page) -> None:
        if value is None:
            expect(page.locator(f"{selector}:not([{name}])")).to_have_count(1)
        else:
            expect(page.locator(selector)).to_have_attribute(name, value)

    return check


def focused(selector: str) -> Callable[[Page], None]:
    return lambda page: expect(page.locator(selector)).to_be_focused()


def test_every_key_of_the_table(page: Page, leak: str) -> None:
    """In one walk: the keys that stay at the explorer, each with what there is to see after it."""
    page.set_viewport_size({"width": 1440, "height": 900})
    open_step(page, f"{leak}/3?sel=f0.ref")
    walk: list[tuple[str, str, Callable[[Page], None]]] = [
        ("next", "ArrowRight", at(4)), ("next", "l", at(5)), ("next", "j", at(6)),
        ("next", "PageDown", at(7)),
        ("previous", "ArrowLeft", at(6)), ("previous", "h", at(5)), ("previous", "k", at(4)),
        ("previous", "PageUp", at(3)),
        ("next_mark", "Shift+ArrowRight", at(4)), ("previous_mark", "Shift+ArrowLeft", at(3)),
        ("next_write", "n", at(4)), ("previous_write", "p", at(3)),
        ("first", "Home", at(0)), ("last", "End", at(8)),
        ("violation", "v", at(6)),
        ("only", "u", has("html", "data-only", "changed")),
        ("only", "u", has("html", "data-only", None)),
        ("view", "t", has("html", "data-view", "table")),
        ("view", "t", has("html", "data-view", None)),
        ("why", "w", focused("#why")),
        ("go", "g", focused("#stepno")), ("go", "2", focused("#stepno")), ("go", "Enter", at(2)),
        ("play", "Space", has("html", "data-playing", "yes")),
        ("play", "Space", has("html", "data-playing", None)),
        ("sheet", "?", has("#keysheet", "open", "")),
        ("sheet", "Escape", has("#keysheet", "open", None)),
        ("copy", "c", lambda page: expect(page.locator("#copy")).to_contain_text("Cop")),
    ]  # fmt: skip
    for name, key, check in walk:
        spelled = KEYS[name].keys.split()
        assert key in spelled or (name, key) in {("go", "2"), ("go", "Enter"), ("sheet", "Escape")}
        page.keyboard.press(key)
        check(page)
    pressed = {(name, key) for name, key, _ in walk}
    elsewhere = {"branch", "without", "policies"}  # these leave the page: below
    assert {
        (n, k) for n, a in KEYS.items() if n not in elsewhere for k in a.keys.split()
    } <= pressed
    page.keyboard.press("Escape")
    expect(page.locator("#inspector .picked")).to_have_count(0)
    assert "sel=" not in page.url


def test_keys_that_lead_on(page: Page, leak: str) -> None:
    open_step(page, f"{leak}/6")
    page.keyboard.press("x")
    page.wait_for_url("**/without/6")
    open_step(page, f"{leak}/6")
    page.keyboard.press("2")  # the first one is in force
    page.wait_for_url(lambda url: leak not in url and url.endswith("/6"))


def test_a_projector_shows_the_steps_in_the_place_of_why(page: Page, leak: str) -> None:
    page.set_viewport_size(PROJECTOR)
    open_step(page, f"{leak}/4")
    expect(page.locator("#script")).to_be_hidden()
    page.get_by_role("button", name="Scenario", exact=True).click()
    expect(page.locator("#script [aria-current=step]")).to_be_visible()
    expect(page.locator("#why")).to_be_hidden()
    page.locator("#script a").filter(has_text="g read").click()
    at(7)(page)
    expect(page.locator("#script [aria-current=step]")).to_be_visible()
    page.keyboard.press("w")
    expect(page.locator("#why")).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("#keysheet dl")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#script")).to_be_hidden()


def test_a_phone_lists_what_is_watched(page: Page, leak: str) -> None:
    page.set_viewport_size(PHONE)
    open_step(page, f"{leak}/6?watch=f0.value,f0.map")
    listed = page.locator(".watch-now li")
    expect(listed).to_have_text(["f0.value 7→42×", "f0.map 1×"])
    page.locator("#prev").click()
    expect(listed).to_have_text(["f0.value 7×", "f0.map 2→1×"])
    page.get_by_role("link", name="stop watching f0.value").click()
    expect(listed).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("script", [True, False])
def test_a_link_with_a_selection_shows_it_on_a_phone(
    browser: Browser, leak: str, script: bool
) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=script)
    page = context.new_page()
    page.goto(f"{leak}/6?sel=f0.value&watch=f0.map")
    expect(page.locator(".picked .names")).to_be_in_viewport()
    expect(page.locator(".hist .now")).to_be_in_viewport()
    expect(page.locator(".watch-now")).to_be_in_viewport()
    context.close()


def test_an_operand_leads_to_its_blame(page: Page, forks: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    open_step(page, f"{forks}/9")
    page.locator(".test .operand:visible").first.click()
    expect(page.locator("#inspector .picked .names")).to_have_text("f0.ref")
    expect(page.locator("#tab-history")).to_have_attribute("aria-current", "true")
