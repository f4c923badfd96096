"""Comparison and matrix in a browser: keys, sizes, themes, with and without script."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from tests.web.serving import CDN, FORKS, LEAK, make_run, whole_app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with whole_app(tmp_path_factory.mktemp("compare")) as app:
        yield app


@pytest.fixture(scope="module")
def leak(app: FastAPI, address: str) -> str:
    """Diverges at 6 and 7 of 8."""
    return f"{address}/c/{make_run(app, LEAK, 'mapcount')}..{make_run(app, LEAK)}"


@pytest.fixture(scope="module")
def forks(app: FastAPI, address: str) -> str:
    return f"{address}/c/{make_run(app, FORKS, 'textbook')}..{make_run(app, FORKS)}"


def at_step(page: Page, number: int) -> None:
    """One cursor: the page, both sides, the address and the slider are at a step."""
    expect(page.locator("#explorer")).to_have_attribute("data-step", str(number))
    expect(page.locator(f"[data-step]:not([data-step='{number}'])")).to_have_count(0)
    expect(page).to_have_url(re.compile(f"/{number}$"))
    expect(page.locator("#scrub")).to_have_value(str(number))


def test_keys(page: Page, leak: str, complaints: list[str]) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(leak)
    page.wait_for_function("() => window.htmx !== undefined")
    at_step(page, 6)
    for key, step in [
        ("d", 7), ("Shift+D", 6), ("ArrowRight", 7), ("ArrowRight", 8), ("Shift+D", 7),
        ("Home", 0), ("d", 6), ("ArrowLeft", 5), ("d", 6), ("End", 8), ("v", 6),
    ]:  # fmt: skip
        page.keyboard.press(key)
        at_step(page, step)
    expect(page.get_by_role("status")).to_contain_text("Step 6 of 8: A write buf[0] 42. The first")
    page.locator("#lanes a[aria-label^='linux, step 3:']").click()
    at_step(page, 3)
    page.go_back()
    at_step(page, 6)


def test_what_is_the_same_lights_up_on_both_sides(
    page: Page, forks: str, complaints: list[str]
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{forks}/9")
    page.locator('.side.left .pick[data-sel="f3.ref"]').hover()
    expect(page.locator("#right-f4")).to_have_class(re.compile("is-linked"))
    expect(page.locator("#left-f2")).not_to_have_class(re.compile("is-linked"))


def test_without_script(browser: Browser, address: str, leak: str) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 1440, "height": 900}
    )
    page = context.new_page()
    page.goto(leak)
    page.locator("#div-next").click()
    expect(page).to_have_url(f"{leak}/7")
    page.locator("#prev").click()
    page.locator("#pick").select_option("refcount@5.9")
    page.get_by_role("button", name="Compare").click()
    expect(page).to_have_url(re.compile("/c/"))
    expect(page.locator("#h-right")).to_have_text("refcount@5.9")
    page.goto(f"{address}/s/vmsplice-leak")
    page.locator("#compare").click()
    expect(page.locator("#h-left")).to_have_text("linux")
    expect(page.locator("#h-right")).to_have_text("mapcount")
    page.get_by_role("link", name="All policies").first.click()
    for policy in ("mapcount", "refcount@5.9", "textbook"):
        page.locator(f"input[value='{policy}']").check()
    page.get_by_role("button", name="Compare the chosen").click()
    expect(page.locator("thead input")).to_have_count(3)
    page.locator("tbody td.bad a").first.click()
    assert "/r/" in page.url
    context.close()


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (390, 844)])
def test_nothing_overflows(
    page: Page, address: str, leak: str, forks: str, size: tuple[int, int]
) -> None:
    page.route(CDN, lambda route: route.abort())
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for url in (f"{leak}/6", f"{forks}/9", f"{address}/m/vmsplice-leak"):
        page.goto(url)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size[0], f"{url} is {wide} wide"
    page.goto(f"{leak}/6")
    expect(page.locator("#left-f0")).to_be_in_viewport()


def test_the_phone_shows_one_side_at_a_time(page: Page, leak: str, complaints: list[str]) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{leak}/6")
    expect(page.locator(".side.left svg.mem")).to_be_visible()
    expect(page.locator(".side.right svg.mem")).to_be_hidden()
    page.locator("label[for=tab-right]").click()
    expect(page.locator(".side.right svg.mem")).to_be_visible()
    expect(page.locator(".side.left svg.mem")).to_be_hidden()
    box = page.locator("#div-next").bounding_box()
    assert box is not None
    assert box["height"] >= 44
    expect(page.locator("#div-next")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing(
    browser: Browser, address: str, leak: str, forks: str, scheme: str, width: int
) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.route(CDN, lambda route: route.abort())
    for url in (f"{leak}/6", f"{forks}/14", f"{address}/m/vmsplice-leak"):
        page.goto(url)
        found = Axe().run(page).response["violations"]
        assert found == [], [(v["id"], [n["html"][:160] for n in v["nodes"]]) for v in found]
    context.close()


@pytest.mark.parametrize("width", [390, 195])
def test_a_phone_has_every_button_in_sight(page: Page, leak: str, forks: str, width: int) -> None:
    """195 pixels: as many letters on a line as letters of twice the size leave on a phone."""
    page.set_viewport_size({"width": width, "height": 844 * width // 390})
    for url in (f"{leak}/0", f"{leak}/6", f"{leak}/7", f"{forks}/9"):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        buttons = page.locator(".csteps :is(a, span.btn, input):visible").all()
        assert len(buttons) >= 4
        for button in buttons:
            expect(button).to_be_in_viewport(ratio=1)
