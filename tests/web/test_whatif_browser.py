"""What-if in a browser: the list beside the drawing, its keys, no script, phone, both themes."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from tests.web.serving import FORKS, LEAK, make_run


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, object]) -> dict[str, object]:
    return {**browser_context_args, "viewport": {"width": 1440, "height": 900}}


@pytest.fixture(scope="module")
def forks(app: FastAPI, address: str) -> str:
    return f"{address}/r/{make_run(app, FORKS)}"


@pytest.fixture(scope="module")
def leak(app: FastAPI, address: str) -> str:
    return f"{address}/r/{make_run(app, LEAK, 'mapcount')}"


def open_step(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_function("() => window.htmx !== undefined")


def test_the_list_follows_the_step_and_keys_choose(
    page: Page, leak: str, complaints: list[str]
) -> None:
    open_step(page, f"{leak}/4")
    first = page.locator("#coming ol.acts button").first
    expect(first).to_be_visible()
    before = page.locator("#coming").bounding_box()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#explorer")).to_have_attribute("data-step", "5")
    expect(first).to_contain_text("A write buf 1")
    expect(first).to_contain_text("violates isolation")
    assert page.locator("#coming").bounding_box() == before
    page.keyboard.press("b")
    expect(page.locator("#coming")).to_be_focused()
    page.keyboard.press("1")
    expect(page.locator("#explorer")).to_have_attribute("data-step", "6")
    assert not page.url.startswith(leak)
    expect(page.locator("#script [aria-current]")).to_contain_text("A write buf 1")
    expect(page.get_by_role("alert")).to_contain_text("isolation violated", ignore_case=True)
    page.locator(".origin a").click()
    expect(page).to_have_url(f"{leak}/5")
    expect(page.locator("#coming .branches a").first).to_be_visible()


def test_digits_are_policies_where_the_list_has_no_focus(
    page: Page, forks: str, complaints: list[str]
) -> None:
    open_step(page, f"{forks}/3")
    expect(page.locator("#coming ol.acts button").first).to_be_visible()
    page.keyboard.press("1")
    page.wait_for_function("url => !location.href.startsWith(url)", arg=forks)
    expect(page.locator("#explorer")).to_have_attribute("data-step", "3")


def test_the_rest_follows_when_asked(page: Page, forks: str, complaints: list[str]) -> None:
    open_step(page, f"{forks}/9")
    expect(page.locator("#coming ol.acts button").first).to_be_visible()
    page.locator("#coming [name=then][value=keep]").check()
    page.locator("#coming button", has_text="A fork D").click()
    expect(page.locator("#explorer")).to_have_attribute("data-last", "15")
    expect(page.locator(".tl-leave")).to_have_count(1)


def test_a_key_leaves_the_step_out(page: Page, forks: str, complaints: list[str]) -> None:
    open_step(page, f"{forks}/6")
    page.keyboard.press("x")
    expect(page).to_have_url(f"{forks}/without/6")
    expect(page.locator("tr.impossible")).to_contain_text("There is no handle p.")
    page.get_by_role("button", name="Side by side, from where they part").click()
    expect(page).to_have_url(re.compile(r"/c/.+\.\..+/6$"))


def test_a_line_has_its_switch(page: Page, forks: str, complaints: list[str]) -> None:
    open_step(page, f"{forks}/6")
    line = page.locator("#script li", has_text="A fork B")
    line.hover()
    line.get_by_role("link", name="Without step 7").click()
    expect(page).to_have_url(f"{forks}/without/7")


def test_without_script(browser: Browser, leak: str) -> None:
    context = browser.new_context(java_script_enabled=False)  # 1280x720: no text beside it
    page = context.new_page()
    page.goto(f"{leak}/5")
    page.get_by_role("link", name="What if").click()
    page.locator("summary", has_text="Process B").click()
    page.get_by_label("Any step of the language").fill("B fork C")
    page.get_by_role("button", name="Branch", exact=True).click()
    expect(page.locator("#h-cmd")).to_have_text("B fork C")
    page.goto(f"{leak}/minimise")
    page.get_by_role("button", name="Open it as a run").click()
    expect(page.locator("h1")).to_have_text("vmsplice leak, minimised")
    page.goto(f"{leak}/rules")
    page.get_by_role("link", name="Open").first.click()
    expect(page.locator("#explorer")).to_be_visible()
    page.goto(f"{leak}/without/3")
    page.get_by_role("button", name="Open it as a run").click()
    expect(page.locator("#script")).to_contain_text("switched off")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{leak}/5")
    page.get_by_role("link", name="What could come after step 5").click()
    expect(page.locator("h2").first).to_contain_text("B munmap buf")
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_access_in_both_themes(browser: Browser, leak: str, forks: str, theme: str) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": 1440, "height": 900})  # type: ignore[arg-type]
    page = context.new_page()
    for url in (
        f"{leak}/5", f"{leak}/8/next", f"{forks}/without/6", f"{forks}/rules", f"{leak}/minimise",
    ):  # fmt: skip
        page.goto(url)
        if url.endswith("/5"):
            expect(page.locator("#coming ol.acts button").first).to_be_visible()
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    context.close()


def test_a_phone(browser: Browser, leak: str, forks: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    for url in (f"{leak}/5/next", f"{forks}/without/6", f"{forks}/rules", f"{leak}/minimise"):
        page.goto(url)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, url
    page.goto(f"{forks}/without/6")
    sizes = page.locator(".wdo .btn").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 44
    context.close()
