"""What a link shows, in a browser with and without a script: every way on keeps it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from tests.web.serving import LEAK, make_run
from tests.web.test_explorer_browser import browser_context_args, open_step
from tests.web.test_select_browser import at_step

__all__ = ["browser_context_args"]


@pytest.fixture(scope="module")
def leak(app: FastAPI, address: str) -> str:
    return f"{address}/r/{make_run(app, LEAK)}"


@pytest.fixture(params=[True, False], ids=["script", "plain"])
def either(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page with a script and one without."""
    context = browser.new_context(
        java_script_enabled=request.param, viewport={"width": 1440, "height": 900}
    )
    yield context.new_page()
    context.close()


def test_a_copied_link_opens_so_elsewhere(
    page: Page, browser: Browser, leak: str, complaints: list[str]
) -> None:
    open_step(page, f"{leak}/4")
    page.keyboard.press("u")
    expect(page).to_have_url(f"{leak}/4?only=changed")
    expect(page.locator("#spoken")).to_have_text("Only what changed")
    expect(page.get_by_role("link", name="Everything")).to_be_visible()
    page.keyboard.press("ArrowRight")
    at_step(page, 5)
    expect(page).to_have_url(f"{leak}/5?only=changed")
    copied = page.locator("#copy").get_attribute("href") or ""
    for script in (True, False):
        context = browser.new_context(java_script_enabled=script)
        elsewhere = context.new_page()
        elsewhere.goto(f"{leak.partition('/r/')[0]}{copied}")
        expect(elsewhere.locator("html")).to_have_attribute("data-only", "changed")
        context.close()
    page.goto(f"{leak}/5")
    expect(page.locator("html")).not_to_have_attribute("data-only", "changed")


def test_the_toggle_and_every_step_work_alike(either: Page, leak: str) -> None:
    either.goto(f"{leak}/4")
    either.get_by_role("link", name="Only changes").click()
    expect(either).to_have_url(f"{leak}/4?only=changed")
    expect(either.locator("html")).to_have_attribute("data-only", "changed")
    either.locator("#next").click()
    expect(either).to_have_url(f"{leak}/5?only=changed")
    expect(either.locator("#explorer")).to_have_attribute("data-step", "5")
    either.get_by_role("link", name="Everything").click()
    expect(either).to_have_url(re.compile(rf"{leak}/5\??$"))
    expect(either.get_by_role("link", name="Only changes")).to_be_visible()


def test_a_policy_and_a_comparison_keep_it(either: Page, leak: str) -> None:
    either.goto(f"{leak}/4?sel=A.buf[0]&only=changed")
    either.locator("#policies > summary").click()
    either.locator("#policies a").filter(has_text="mapcount").first.click()
    run = re.escape(leak.rpartition("/")[2])
    other = rf"/r/(?!{run})[^/]+/4\?sel=A\.buf\[0\]&only=changed$"
    expect(either).to_have_url(re.compile(other))
    either.locator("#compare").click()
    expect(either).to_have_url(re.compile(r"/c/[^/]+/4\?sel=A\.buf\[0\]&only=changed$"))
    expect(either.locator("html")).to_have_attribute("data-only", "changed")
    either.locator(".cpick .seg a").filter(has_text="textbook").click()
    expect(either).to_have_url(re.compile(r"/c/[^/]+/4\?sel=A\.buf\[0\]&only=changed$"))
    either.locator(".side.right .alone").click()
    expect(either).to_have_url(re.compile(r"/r/[^/]+/4\?sel=A\.buf\[0\]&only=changed$"))


def test_the_share_dialog_has_it(page: Page, leak: str, complaints: list[str]) -> None:
    open_step(page, f"{leak}/4?only=changed")
    page.locator("#share-open").click()
    expect(page.locator("#share-link")).to_have_value(re.compile(r"/4\?only=changed$"))
    expect(page.locator("#share-embed")).to_have_value(re.compile(r"/e/\w+/4\?only=changed"))


def test_a_step_left_out_is_a_gap_beside_its_step(either: Page, app: FastAPI, address: str) -> None:
    """From the what-if page on: both sides show the same step behind the gap."""
    run = make_run(app, LEAK)
    either.goto(f"{address}/r/{run}/without/5")
    either.get_by_role("button", name=re.compile("Side by side")).click()
    expect(either).to_have_url(re.compile(r"/c/"))
    base = either.url.rpartition("/")[0]
    either.goto(f"{base}/7")
    expect(either.locator(".now-cmd")).to_have_text("g read")
    expect(either.locator(".side.right .own-step")).to_have_text("its step 6")
    expect(either.locator("#lanes .tl-lacks")).to_have_count(1)
