"""Predictions and the course in a browser: with script, without it, and what is remembered."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.quiz import question
from app.quiz.course import LESSONS

PAGES = ["/learn", "/learn/huge-pages", "/q/vmsplice-leak.7.page", "/q/hello-fork.4.which"]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_accessibility_violation(page: Page, address: str, path: str, theme: str) -> None:
    page.emulate_media(color_scheme="light" if theme == "light" else "dark")
    page.goto(address + path)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("path", PAGES)
def test_nothing_overflows_a_phone(page: Page, address: str, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(address + path)
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0


def test_progress_is_kept_in_the_browser_until_it_is_told_to_forget(
    page: Page, address: str
) -> None:
    lesson = LESSONS[8]
    page.goto(address + lesson.href)
    for name in lesson.questions:
        asked = page.locator(f'[data-question="{name}"]')
        for option in question(name).right:
            asked.locator(f'input[value="{option}"]').check()
        asked.locator("button").click()
        expect(asked.locator(".qfeedback")).to_contain_text("Right")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.goto(f"{address}/learn")
    mine = page.locator(".lessons li").nth(8).locator("[data-state]")
    expect(mine).to_have_text("✓ done")
    expect(page.locator("#progress")).to_contain_text("1 of 12 lessons done.")
    page.reload()
    expect(mine).to_have_text("✓ done")
    page.click("#reset")
    expect(mine).to_have_text("")
    expect(page.locator("#progress")).to_be_hidden()


def test_bits_are_answered_in_the_grid_without_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    asked = question("hello-fork.3.bits")
    page.goto(f"{address}/q/{asked.id}?lesson=fork-shares")
    page.locator(".qbits input").first.check()
    page.click("button:text-is('Answer')")
    expect(page.locator(".qfeedback")).to_contain_text("Rule fork-clears")
    for option in asked.options:
        page.locator(f'input[value="{option.id}"]').set_checked(option.id in asked.right)
    page.click("button:text-is('Answer again')")
    expect(page.locator(".qfeedback")).to_contain_text("✓ Right")
    page.click("text=Back to lesson 1")
    expect(page).to_have_url(f"{address}/learn/fork-shares")
    context.close()
