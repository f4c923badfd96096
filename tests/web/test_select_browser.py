"""Selecting in a browser: click, keys, hover; stepping keeps it; nothing but the block is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.web.serving import CDN, FORKS, LEAK, explorer_alone, make_run
from tests.web.test_explorer_browser import browser_context_args, open_step

__all__ = ["browser_context_args"]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with explorer_alone(tmp_path_factory.mktemp("select")) as app:
        yield app


@pytest.fixture(scope="module")
def leak(app: FastAPI, address: str) -> str:
    return f"{address}/r/{make_run(app, LEAK)}"


@pytest.fixture(scope="module")
def forks(app: FastAPI, address: str) -> str:
    return f"{address}/r/{make_run(app, FORKS)}"


def at_step(page: Page, number: int) -> None:
    """The page and the inspector are at a step."""
    expect(page.locator("#explorer")).to_have_attribute("data-step", str(number))
    if page.locator("#inspector .picked").count():
        expect(page.locator("#inspector")).to_have_attribute("data-step", str(number))


def selected(page: Page, name: str) -> None:
    expect(page.locator("#inspector")).to_have_attribute("data-sel", name)


def rows(page: Page) -> list[tuple[str, str]]:
    found = page.locator(".hist > li[data-n]")
    return [
        (row.get_attribute("class") or "", row.get_attribute("data-n") or "") for row in found.all()
    ]


def test_a_click_selects_and_the_address_says_so(
    page: Page, leak: str, complaints: list[str]
) -> None:
    open_step(page, f"{leak}/4")
    page.locator('.pick[data-sel="f0.ref"]').click()
    selected(page, "f0.ref")
    expect(page).to_have_url(f"{leak}/4?sel=f0.ref")
    expect(page.locator("#tab-history")).to_have_attribute("aria-current", "true")
    expect(page.locator(".picked .names")).to_have_text("f0.ref")
    expect(page.locator("#copy")).to_have_attribute("href", re.compile(r"/4\?sel=f0\.ref$"))
    page.locator('.pick[data-sel="A.buf[0].w"]').click()
    selected(page, "A.buf[0].w")
    expect(page).to_have_url(f"{leak}/4?sel=A.buf[0].w")
    page.locator('.pick[data-sel="A.buf[0].w"]').click()
    expect(page.locator("#inspector .picked")).to_have_count(0)
    expect(page).to_have_url(f"{leak}/4")


def test_stepping_keeps_selection_tab_and_watched_fields(
    page: Page, leak: str, complaints: list[str]
) -> None:
    open_step(page, f"{leak}/4?sel=f0.ref&tab=fields&watch=f0.ref")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("ArrowRight")
    at_step(page, 5)
    expect(page).to_have_url(f"{leak}/5?sel=f0.ref&tab=fields&watch=f0.ref")
    expect(page.locator("#inspector")).to_have_attribute("data-step", "5")
    expect(page.locator("#tab-fields")).to_have_attribute("aria-current", "true")
    expect(page.locator("#watch svg")).to_be_visible()
    expect(page.locator('.pick[data-sel="f0.ref"].is-sel')).to_have_count(1)
    steps = [url for url in asked if re.search(r"/r/\w+/\d+(\?|$)", url)]
    assert all("?" not in url for url in steps), "a step is asked for without the selection"


def test_n_and_p_walk_through_the_changes(page: Page, leak: str, complaints: list[str]) -> None:
    open_step(page, f"{leak}/2?sel=A.buf[0].w")
    selected(page, "A.buf[0].w")
    page.keyboard.press("n")
    at_step(page, 3)
    page.keyboard.press("n")
    at_step(page, 6)
    expect(page).to_have_url(f"{leak}/6?sel=A.buf[0].w")
    page.keyboard.press("n")
    expect(page.locator("#inspector")).to_have_attribute("data-step", "6")
    at_step(page, 6)
    page.keyboard.press("p")
    at_step(page, 3)
    page.locator("#sel-previous").click()
    at_step(page, 2)
    page.go_back()
    at_step(page, 3)
    selected(page, "A.buf[0].w")


def test_history_rows_follow_the_step_and_jump(
    page: Page, leak: str, complaints: list[str]
) -> None:
    open_step(page, f"{leak}/4?sel=f0.map")
    selected(page, "f0.map")
    assert ("now", "5") not in rows(page)
    page.locator('.hist > li[data-n="5"] .n').click()
    at_step(page, 5)
    expect(page.locator('.hist > li[data-n="5"]')).to_have_class("now")
    expect(page.locator('.hist > li[data-n="6"]')).to_have_class("future")
    expect(page.locator("#lanes a.wrote")).to_have_count(5)
    expect(page.locator("#script a.wrote")).to_have_count(5)
    expect(page.locator("#lanes a.wrote").first.locator(".tl-wrote")).to_be_visible()


def test_keys_alone(page: Page, leak: str, complaints: list[str]) -> None:
    open_step(page, f"{leak}/4")
    page.locator('.pick[data-sel="f0"]').focus()
    expect(page.locator(".mem.has-link")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.locator('.pick[data-sel="f0.exclusive"]')).to_be_focused()
    page.keyboard.press("Enter")
    selected(page, "f0.exclusive")
    page.keyboard.press("ArrowRight")
    at_step(page, 5)
    expect(page.locator('.pick[data-sel="f0.exclusive"]')).to_be_focused()
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{leak}/5")
    expect(page.locator("#inspector .picked")).to_have_count(0)


def test_hover_lights_the_frame_everywhere_and_dims_to_readable(
    page: Page, forks: str, complaints: list[str]
) -> None:
    open_step(page, f"{forks}/8")
    page.locator('.pick[data-sel="B.buf[0]"]').hover(position={"x": 60, "y": 3})
    lit = page.locator(".lk.is-linked")
    assert {mark.get_attribute("data-link") for mark in lit.all()} == {"f0"}
    assert page.locator('.lk.is-linked[data-at="A.buf[0]"]').count() == 1
    dim = page.evaluate(
        """() => {
          const canvas = document.createElement('canvas')
            .getContext('2d', { willReadFrequently: true });
          const rgb = colour => { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3); };
          const light = colour => rgb(colour).map(c => c / 255)
            .map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
          const ratio = (a, b) => (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
          const paper = light(getComputedStyle(document.querySelector('.stage')).backgroundColor);
          const out = [];
          for (const mark of document.querySelectorAll('.mem .lk:not(.is-linked)')) {
            for (let el = mark; el.tagName !== 'svg'; el = el.parentElement)
              if (getComputedStyle(el).opacity !== '1') out.push(['opacity', el.outerHTML]);
            for (const text of mark.querySelectorAll('text')) {
              const found = ratio(light(getComputedStyle(text).fill), paper);
              if (found < 4.5 && !text.matches('.chgtext')) out.push([found, text.textContent]);
            }
            for (const box of [mark, ...mark.querySelectorAll('.box, .body')]) {
              const stroke = getComputedStyle(box).stroke;
              if (stroke !== 'none' && ratio(light(stroke), paper) < 3)
                out.push([stroke, box.outerHTML]);
            }
          }
          return out;
        }"""
    )
    assert dim == []
    page.mouse.move(5, 5)
    expect(page.locator(".mem.has-link")).to_have_count(0)


def test_a_process_lights_its_own_entries(page: Page, forks: str, complaints: list[str]) -> None:
    open_step(page, f"{forks}/9?sel=A")
    selected(page, "A")
    assert page.locator('.lk.is-linked[data-at^="A."]').count() > 0
    assert page.locator('.lk.is-linked[data-at^="B."]').count() == 0


def test_watching_by_button(page: Page, leak: str, complaints: list[str]) -> None:
    open_step(page, f"{leak}/4?sel=f0.ref")
    page.locator("#watch-add").click()
    expect(page).to_have_url(f"{leak}/4?sel=f0.ref&watch=f0.ref")
    page.locator('#watch .w-cell[aria-label="f0.ref 2 at step 2"]').click()
    at_step(page, 2)
    expect(page).to_have_url(f"{leak}/2?sel=f0.ref&watch=f0.ref")
    page.locator('#watch svg a[aria-label="stop watching f0.ref"]').click()
    expect(page.locator("#watch svg")).to_have_count(0)
    expect(page).to_have_url(f"{leak}/2?sel=f0.ref")


def test_a_held_key_ends_with_the_inspector_of_the_last_step(
    page: Page, forks: str, complaints: list[str]
) -> None:
    open_step(page, f"{forks}/0?sel=f0.ref&tab=fields")
    selected(page, "f0.ref")
    page.keyboard.press("End")
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    step = page.locator("#explorer").get_attribute("data-step")
    assert step is not None
    page.wait_for_function("() => $('#explorer').dataset.step === $('#inspector').dataset.step")


def test_without_a_script_links_do_it_all(browser: Browser, leak: str) -> None:
    context: BrowserContext = browser.new_context(
        java_script_enabled=False, viewport={"width": 1440, "height": 900}
    )
    page = context.new_page()
    page.goto(f"{leak}/4")
    page.locator('.pick[data-sel="f0.ref"]').click()
    expect(page).to_have_url(f"{leak}/4?sel=f0.ref")
    expect(page.locator(".hist")).to_be_visible()
    page.locator("#sel-next").click()
    expect(page).to_have_url(f"{leak}/5?sel=f0.ref")
    page.locator("#tab-fields").click()
    expect(page.locator(".ledger")).to_be_visible()
    page.locator("#next").click()
    expect(page).to_have_url(f"{leak}/6?sel=f0.ref&tab=fields")
    expect(page.locator(".ledger")).to_be_visible()
    page.locator("#unselect").click()
    expect(page).to_have_url(f"{leak}/6?tab=fields")
    page.locator(".things a", has_text="f1").click()
    expect(page.locator(".picked .names")).to_have_text("f1")
    context.close()


def test_a_tap_on_a_phone_leads_to_the_inspector(browser: Browser, leak: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.route(CDN, lambda route: route.abort())
    open_step(page, f"{leak}/4")
    page.locator('#tables a[href="?sel=f0.ref"]').tap()
    selected(page, "f0.ref")
    expect(page.locator(".hist")).to_be_visible()
    width = page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= 390
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("query", ["?sel=f0.ref&watch=f0.ref,A.buf[0].w", "?sel=f0&tab=fields"])
def test_axe_finds_nothing(browser: Browser, leak: str, theme: str, query: str) -> None:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
    )
    page = context.new_page()
    page.route(CDN, lambda route: route.abort())
    open_step(page, f"{leak}/5{query}")
    expect(page.locator("#inspector")).to_have_attribute("data-step", "5")
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    context.close()
