"""Home, editor, reference and error pages in a browser, with and without script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, Route, expect

from tests.web.serving import CDN, whole_app

BAD = "A mmap buf 1\nA wriet buf 1\nB read buf[4]\n"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with whole_app(tmp_path_factory.mktemp("pages")) as app:
        yield app


def test_the_first_page_plays(offline: Page, address: str) -> None:
    offline.goto(address)
    before = offline.locator(".herohead .muted").inner_text()
    offline.locator(".hero [rel=next]").click()
    expect(offline.locator(".herohead .muted")).not_to_have_text(before)


def places(page: Page) -> list[int]:
    """How far above or below its line of the text each mark is, in pixels: numbers, underlines."""
    found: list[int] = page.evaluate("""() => {
        const box = element => element.getBoundingClientRect();
        const text = document.querySelector("#text");
        const pitch = parseFloat(getComputedStyle(text).lineHeight);
        const top = box(text).top + parseFloat(getComputedStyle(text).paddingTop);
        const off = (element, line) => Math.round(
            (box(element).top + box(element).height / 2) - (top + (line - 0.5) * pitch));
        return [...document.querySelectorAll(".edlines .err")].map(
            mark => off(mark, Number(mark.textContent.slice(2)))
        ).concat([...document.querySelectorAll(".edunder mark")].map(
            (mark, i) => off(mark, [40, 41][i])));
    }""")
    return found


@pytest.mark.parametrize("script", [True, False])
def test_marks_stand_at_their_lines_also_when_scrolled(
    browser: Browser, address: str, script: bool
) -> None:
    context = browser.new_context(java_script_enabled=script)
    page = context.new_page()
    page.route(CDN, lambda route: route.abort())
    page.goto(f"{address}/new")
    text = "A mmap buf 1\n" + "A write buf 1\n" * 38 + "A wriet buf 1\nB read buf[4]\n"
    page.fill("#text", text)
    if script:
        expect(page.locator(".edlines .err")).to_have_count(2)
    else:
        page.get_by_role("button", name="Check").click()
        page.wait_for_load_state()
    assert page.locator(".edlines .err").all_inner_texts() == ["✗ 40", "✗ 41"]
    assert page.locator(".edunder mark").first.inner_text() == "wriet"
    if script:  # without it nothing can be evaluated
        assert max(map(abs, places(page))) <= 6
        page.locator("#errs a").first.click()
        chosen = "() => { const t = document.querySelector('#text');"
        chosen += " return t.value.slice(t.selectionStart, t.selectionEnd); }"
        assert page.evaluate(chosen) == "wriet"
        assert page.evaluate("document.querySelector('.edbox').scrollTop") > 0
        expect(page.locator(".edlines .err").first).to_be_in_viewport()
        assert max(map(abs, places(page))) <= 6, "what scrolls, scrolls together"
    context.close()


def test_an_error_is_shown_while_typing_and_the_text_stays(offline: Page, address: str) -> None:
    offline.goto(f"{address}/new")
    offline.fill("#text", BAD)
    expect(offline.locator("#errs")).to_contain_text("wriet")
    expect(offline.locator("#errs")).to_contain_text("Did you mean “write”?")
    expect(offline.locator("#text")).to_have_value(BAD)


def test_what_is_typed_before_htmx_is_there_is_checked_when_it_comes(
    offline: Page, address: str
) -> None:
    held: list[Route] = []
    offline.route("**/htmx-*", lambda route: held.append(route))
    with offline.expect_request("**/static/htmx-*"):
        offline.goto(f"{address}/new")
    offline.fill("#text", BAD)
    expect(offline.locator(".edbox")).to_have_class(re.compile("stale"))
    for route in held:
        route.continue_()
    expect(offline.locator("#errs")).to_contain_text("wriet")
    expect(offline.locator("#text")).to_have_value(BAD)


def test_without_script_a_scenario_is_typed_corrected_and_played(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/new?{urlencode({'text': BAD})}")
    expect(page.locator("#errs mark").first).to_have_text("wriet")
    page.click("button:text-is('Play')")
    expect(page.locator("#text")).to_have_value(BAD)
    page.fill("#text", "A mmap buf 1\nA write buf 7\n")
    page.select_option("#policy", "mapcount")
    page.click("button:text-is('Play')")
    expect(page).to_have_url(re.compile(r"/r/\w+/0$"))
    page.goto(f"{address}/?q=vmsplice")
    page.click(".card >> nth=0")
    expect(page).to_have_url(re.compile(r"/r/\w+/0$"))
    context.close()


def test_an_unknown_run_says_so_and_leads_on(offline: Page, address: str) -> None:
    offline.goto(f"{address}/r/nothere/3")
    expect(offline.locator("h1")).to_have_text("No such run")
    offline.click("text=All scenarios")
    expect(offline).to_have_url(f"{address}/")
