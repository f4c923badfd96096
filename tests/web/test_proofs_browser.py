"""Selftest, conformance and misconceptions in a browser: readable in both themes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from app.trace.conform import Conformance, Mismatch
from app.trace.recorded import Replayed, recordings
from app.web import conformance
from tests.web.serving import whole_app

PAGES = [
    "/selftest?policy=refcount",
    "/selftest?policy=all",
    "/conformance?policy=linux@6.0",
    "/conformance/zram/lru-other-cpu-batch",
    "/misconceptions",
    "/misconceptions/the-last-owner-never-copies",
]

THIN_OUT = """() => {
  const more = '.st tbody tr:nth-child(n+5), .facts > li:nth-child(n+3), .tgroup:nth-of-type(n+4)';
  for (const part of document.querySelectorAll(more)) part.remove();
}"""
"""Rows and facts beyond the first few are like those: checking each takes a minute."""


def pretended(policy: str, tell: Callable[[int], None]) -> tuple[Replayed, ...]:
    """Results without replaying anything: one group differs in its second step."""
    out = []
    for r in recordings():
        count, wrong = len(r.steps), r.group == "fork"
        mismatch = Mismatch(2, r.steps[1], "outcome.faults", 2, None)
        found = Conformance(r.name, r.group, count, count - wrong, (mismatch,) if wrong else ())
        out.append(Replayed(r, found))
    return tuple(out)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with pytest.MonkeyPatch.context() as patch, whole_app(tmp_path_factory.mktemp("proofs")) as app:
        patch.setattr(conformance, "replay_all", pretended)
        yield app


@pytest.mark.parametrize("path", PAGES)
def test_accessible_in_both_themes_and_nothing_overflows(
    offline: Page, address: str, path: str
) -> None:
    root = "document.documentElement"
    for theme, size in (("light", (1440, 900)), (None, (1280, 720)), ("dark", (390, 844))):
        offline.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        offline.set_viewport_size({"width": size[0], "height": size[1]})
        offline.goto(address + path)
        assert offline.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0, size
        if theme:
            offline.evaluate(THIN_OUT)
            found = Axe().run(offline)
            assert found.violations_count == 0, found.generate_report()


def test_a_failing_cell_leads_to_the_write_that_leaks(offline: Page, address: str) -> None:
    offline.goto(f"{address}/selftest?policy=mapcount")
    offline.click('a[href="/selftest/mapcount/T3/base"]')
    expect(offline).to_have_url(re.compile(r"/r/\w+/6$"))
    expect(offline.locator("body")).to_contain_text("A write mem 255")


def test_without_script_policies_are_chosen_and_facts_followed(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/selftest")
    page.select_option("#without", "unshare")
    page.click("button:text-is('Play')")
    expect(page.locator(".lead").first).to_contain_text("linux:-unshare")
    page.goto(f"{address}/conformance")
    page.click("#fact-31 li >> nth=1")
    expect(page).to_have_url(re.compile(r"/r/\w+/7$"))
    context.close()


def test_the_question_on_a_misconception_is_answered_in_place(offline: Page, address: str) -> None:
    offline.goto(f"{address}/misconceptions/fork-copies-pages")
    offline.locator(".question input[type=radio]").first.check()
    offline.click(".question button[type=submit]")
    expect(offline.locator(".qfeedback")).to_be_visible()
    expect(offline.locator("h1")).to_contain_text("copies the parent")
