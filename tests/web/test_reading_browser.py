"""Reading aids in a browser: playing, tables, only what changed, two levels, keys, a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from tests.web.serving import FORKS, LEAK, explorer_alone, make_run


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with explorer_alone(tmp_path_factory.mktemp("reading"), cdn=False) as app:
        yield app


@pytest.fixture(scope="module")
def forks(app: FastAPI, address: str) -> str:
    return f"{address}/r/{make_run(app, FORKS)}"


@pytest.fixture(scope="module")
def leak(app: FastAPI, address: str) -> str:
    return f"{address}/r/{make_run(app, LEAK, 'mapcount')}"


def open_step(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(url)
    page.wait_for_function("() => window.htmx !== undefined")


def at(page: Page, number: int) -> None:
    expect(page.locator("#explorer")).to_have_attribute("data-step", str(number))


def test_space_plays_and_stops_at_a_violation(page: Page, leak: str) -> None:
    open_step(page, f"{leak}/3")
    for _ in range(2):
        page.locator("#speed").click()
    expect(page.locator("#speed")).to_contain_text("4×")
    page.locator("body").click(position={"x": 400, "y": 450})
    page.keyboard.press("Space")
    expect(page.locator("#play")).to_contain_text("Pause")
    at(page, 6)
    expect(page.locator("#play")).to_contain_text("Play")
    expect(page.locator("#speed")).to_contain_text("4×")
    page.keyboard.press("Space")  # the read at step 7 shows the violation: it stops again
    at(page, 7)
    expect(page.locator("#play")).to_contain_text("Play")
    page.keyboard.press("Space")  # to the end
    at(page, 8)
    expect(page.locator("#play")).to_contain_text("Play")


def test_stepping_by_hand_ends_playing(page: Page, forks: str) -> None:
    open_step(page, f"{forks}/2")
    page.locator("#play").click()
    at(page, 3)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#play")).to_contain_text("Play")
    assert page.locator("html").get_attribute("data-playing") is None


def test_presenters_and_toggles_have_keys(page: Page, forks: str) -> None:
    open_step(page, f"{forks}/9")
    page.keyboard.press("PageDown")
    at(page, 10)
    page.keyboard.press("PageUp")
    at(page, 9)
    page.keyboard.press("t")
    expect(page.locator("#tables")).to_be_visible()
    expect(page.locator("#draw")).to_be_hidden()
    expect(page.locator("#tables th[scope=row]", has_text="f2")).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator("#tables tr:has(th:text('buf[0]'))")).to_be_visible()
    expect(page.locator("#tables tr:has(th:text('buf[1]'))")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    at(page, 10)
    expect(page.locator("#draw")).to_be_hidden()  # what was chosen survives a step
    page.keyboard.press("t")
    page.keyboard.press("u")
    expect(page.locator("#draw")).to_be_visible()
    page.keyboard.press("w")
    expect(page.locator("#why")).to_be_focused()


def test_letters_can_be_switched_off(page: Page, forks: str) -> None:
    open_step(page, f"{forks}/9")
    page.locator(".look summary").click()
    page.get_by_role("button", name="No single letters").click()
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    page.keyboard.press("t")
    page.keyboard.press("1")
    page.keyboard.press("ArrowRight")
    at(page, 10)
    expect(page).to_have_url(f"{forks}/10")
    expect(page.locator("#draw")).to_be_visible()


def test_the_two_levels_say_the_same(page: Page, forks: str) -> None:
    open_step(page, f"{forks}/9")
    expect(page.locator("#why .lead")).to_contain_text("refcount 3 > 1 + swapcache 0")
    page.get_by_role("button", name="Plain words").click()
    expect(page.locator("#why .lead")).to_contain_text("3 references, more than 1 plus 0 of the")
    expect(page.get_by_role("button", name="Kernel's words")).to_be_focused()
    why = page.locator("#why").inner_text()
    assert not re.search(r"\w\(\)|mm/|PageAnon|refcount \d", why), why
    page.keyboard.press("ArrowRight")
    at(page, 10)
    expect(page.get_by_role("button", name="Kernel's words")).to_be_visible()


def test_focus_stays_on_the_control_over_a_step(page: Page, forks: str) -> None:
    open_step(page, f"{forks}/2")
    page.locator("#next").focus()
    page.keyboard.press("Enter")
    at(page, 3)
    expect(page.locator("#next")).to_be_focused()


def test_tab_reaches_every_control_in_order(page: Page, forks: str) -> None:
    open_step(page, f"{forks}/9")
    ids = ["compare", "copy", "share-open", "script", "draw", "why", "first", "prev", "next",
           "last", "play", "speed", "ev-prev", "ev-next", "stepno", "scrub"]  # fmt: skip
    seen: list[str] = []
    for _ in range(160):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("() => document.activeElement.id"))
        if seen[-1] == "scrub":
            break
    assert [name for name in seen if name in ids] == ids


def test_a_phone_shows_one_part_at_a_time(page: Page, leak: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{leak}/6")
    page.wait_for_function("() => window.htmx !== undefined")
    expect(page.locator("#tables")).to_be_visible()
    expect(page.locator("#why")).to_be_hidden()
    page.get_by_role("button", name="Why", exact=True).click()
    expect(page.locator("#why")).to_be_visible()
    expect(page.locator("#state")).to_be_hidden()
    expect(page.locator("#caption")).to_be_visible()
    page.locator("#prev").click()
    at(page, 5)
    expect(page.locator("#why")).to_be_visible()
    page.get_by_role("button", name="Events").click()
    page.locator("#script a", has_text="A fork B").click()
    at(page, 3)
    small = page.evaluate(
        """() => [...document.querySelectorAll('a, button, summary, input')]
        .filter(e => e.checkVisibility() && !e.closest('.vh, .skip, .why p, svg'))
        .map(e => [e.id || e.textContent.trim().slice(0, 20), e.getBoundingClientRect()])
        .filter(([, box]) => box.height > 1 && box.height < 43.5).map(([name]) => name)"""
    )
    assert small == []


def test_without_script_choices_work(browser: Browser, forks: str) -> None:
    page = browser.new_context(
        java_script_enabled=False, viewport={"width": 1440, "height": 900}
    ).new_page()
    page.goto(f"{forks}/9?view=table")
    expect(page.locator("#tables")).to_be_visible()
    expect(page.locator("#draw")).to_be_hidden()
    expect(page.locator("#play")).to_be_hidden()
    page.locator("#next").click()
    expect(page).to_have_url(f"{forks}/10")
    expect(page.locator("#draw")).to_be_hidden()
    page.get_by_role("button", name="Drawing").click()
    expect(page.locator("#draw")).to_be_visible()
    page.get_by_role("button", name="Plain words").click()
    expect(page).to_have_url(f"{forks}/10")
    expect(page.get_by_role("button", name="Kernel's words")).to_be_visible()
    page.context.close()
