"""The explorer in a browser: with and without script, keys, history, sizes, themes, no internet."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.web.serving import CDN, FORKS, LEAK, explorer_alone, make_run

SIZES = [(1440, 900), (1280, 720), (1024, 768), (390, 844)]


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, object]) -> dict[str, object]:
    """A laptop: the screen that shows all panes."""
    return {**browser_context_args, "viewport": {"width": 1440, "height": 900}}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with explorer_alone(tmp_path_factory.mktemp("explorer")) as app:
        yield app


@pytest.fixture(scope="module")
def forks(app: FastAPI, address: str) -> str:
    return f"{address}/r/{make_run(app, FORKS)}"


@pytest.fixture(scope="module")
def leak(app: FastAPI, address: str) -> str:
    return f"{address}/r/{make_run(app, LEAK, 'mapcount')}"


def open_step(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_function("() => window.htmx !== undefined")


def at_step(page: Page, number: int) -> None:
    """The page, all its panes, the address and the slider are at a step."""
    expect(page.locator("#explorer")).to_have_attribute("data-step", str(number))
    expect(page.locator(f"[data-step]:not([data-step='{number}'])")).to_have_count(0)
    expect(page).to_have_url(re.compile(f"/{number}$"))
    expect(page.locator("#scrub")).to_have_value(str(number))
    expect(page).to_have_title(re.compile(f"step {number} of"))


def test_keys(page: Page, forks: str, complaints: list[str]) -> None:
    open_step(page, f"{forks}/7")
    for key, step in [
        ("ArrowRight", 8), ("ArrowLeft", 7), ("l", 8), ("h", 7), ("j", 8), ("k", 7),
        ("End", 14), ("Home", 0), ("Shift+ArrowRight", 5), ("Shift+ArrowRight", 6),
        ("Shift+ArrowLeft", 5),
    ]:  # fmt: skip
        page.keyboard.press(key)
        at_step(page, step)
    for key in "g12":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    at_step(page, 12)
    page.keyboard.press("?")
    expect(page.locator("#keysheet")).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(page.locator("#keysheet")).not_to_have_attribute("open", "")
    page.keyboard.press("Control+ArrowRight")
    page.keyboard.press("Alt+h")
    at_step(page, 12)


def test_a_key_finds_the_next_violation(page: Page, leak: str, complaints: list[str]) -> None:
    open_step(page, f"{leak}/0")
    page.keyboard.press("v")
    expect(page.get_by_role("alert")).to_contain_text("isolation violated", ignore_case=True)


def test_keys_leave_fields_alone(page: Page, forks: str, complaints: list[str]) -> None:
    open_step(page, f"{forks}/3")
    page.locator("#stepno").fill("")
    page.locator("#stepno").press_sequentially("l1")
    at_step_now = page.locator("#explorer").get_attribute("data-step")
    assert (at_step_now, page.locator("#stepno").input_value()) == ("3", "l1")


def test_a_step_that_is_not_there_is_told(page: Page, forks: str, complaints: list[str]) -> None:
    """Not taken for the last one; what is typed can be corrected."""
    open_step(page, f"{forks}/3")
    page.keyboard.press("g")
    page.keyboard.type("99")
    page.keyboard.press("Enter")
    field = page.locator("#stepno")
    expect(field).to_be_focused()
    words = field.evaluate("field => field.validationMessage")
    assert words == "There is no step 99: the last one is 14."
    assert page.locator("#explorer").get_attribute("data-step") == "3"
    field.fill("9")
    field.press("Enter")
    at_step(page, 9)


def test_a_held_key_never_queues_and_ends_at_the_end(
    page: Page, forks: str, complaints: list[str]
) -> None:
    open_step(page, f"{forks}/0")
    for _ in range(200):
        page.keyboard.down("ArrowRight")  # repeats after the first
        if page.locator("#explorer").get_attribute("data-step") == "14":
            break
    page.keyboard.up("ArrowRight")
    at_step(page, 14)


def test_stepping_replaces_and_jumping_pushes(
    page: Page, forks: str, complaints: list[str]
) -> None:
    open_step(page, f"{forks}/2")
    page.keyboard.press("ArrowRight")
    at_step(page, 3)
    page.locator("#script a", has_text="C exit").click()
    at_step(page, 13)
    page.locator("#lanes a[aria-label^='step 6:']").click()
    at_step(page, 6)
    page.go_back()
    at_step(page, 13)
    page.go_back()
    at_step(page, 3)


def test_the_scrubber(page: Page, forks: str, complaints: list[str]) -> None:
    open_step(page, f"{forks}/2")
    page.locator("#scrub").fill("11")
    at_step(page, 11)
    page.locator("#scrub").focus()
    page.keyboard.press("ArrowLeft")
    at_step(page, 10)
    assert page.evaluate("document.activeElement.id") == "scrub"


def test_an_older_answer_never_replaces_a_newer(
    page: Page, forks: str, complaints: list[str]
) -> None:
    open_step(page, f"{forks}/0")
    held: list[Route] = []
    page.route(f"{forks}/5", lambda route: held.append(route))
    page.evaluate("visit(`${$('#explorer').dataset.base}/5`, $('#lanes'))")
    page.keyboard.press("ArrowRight")
    at_step(page, 1)
    for route in held:
        route.continue_()
    page.wait_for_timeout(200)
    at_step(page, 1)
    assert held


def test_policy_switch_keeps_the_step(page: Page, forks: str, complaints: list[str]) -> None:
    open_step(page, f"{forks}/9")
    page.keyboard.press("1")
    expect(page.locator("#policies summary code")).to_have_text("mapcount")
    expect(page.locator("#policies [aria-current] code")).to_have_text("mapcount")
    expect(page).to_have_url(re.compile("/9$"))
    assert "policy=" not in page.url
    assert not page.url.startswith(forks)
    at_step(page, 9)


def test_copy_link(context: BrowserContext, page: Page, forks: str, complaints: list[str]) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_step(page, f"{forks}/8")
    page.keyboard.press("ArrowRight")
    at_step(page, 9)
    page.keyboard.press("c")
    expect(page.locator("#copy .says")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"{forks}/9"


def test_the_caption_speaks(page: Page, forks: str, complaints: list[str]) -> None:
    open_step(page, f"{forks}/8")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("status")).to_contain_text("Step 9 of 14: A write buf[0] 9.")
    expect(page.get_by_role("status")).to_contain_text("must be copied")
    said = page.get_by_role("status").inner_text()
    assert said.count("must be copied") == 1, "one of the two levels"


def test_without_script(browser: Browser, forks: str) -> None:
    page = browser.new_context(
        java_script_enabled=False, viewport={"width": 1440, "height": 900}
    ).new_page()
    page.goto(f"{forks}/8")
    page.locator("#next").click()
    expect(page).to_have_url(f"{forks}/9")
    page.locator("#script a", has_text="C exit").click()
    expect(page).to_have_url(f"{forks}/13")
    page.locator("#stepno").fill("4")
    page.locator("#stepno").press("Enter")
    expect(page).to_have_url(f"{forks}/4")
    page.locator("#policies summary").click()
    page.locator("#policies a", has_text="textbook").click()
    expect(page).to_have_url(re.compile("/4$"))
    expect(page.locator("#policies summary code")).to_have_text("textbook")
    page.locator(".look summary").click()
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    expect(page).to_have_url(re.compile("/4$"))


def test_a_cdn_that_refuses_is_replaced(page: Page, forks: str, complaints: list[str]) -> None:
    open_step(page, f"{forks}/3")
    page.keyboard.press("ArrowRight")
    at_step(page, 4)


def test_a_cdn_that_is_silent_is_replaced(page: Page, forks: str) -> None:
    page.route(CDN, lambda route: None)  # never answers
    page.goto(f"{forks}/3", wait_until="commit")
    page.wait_for_function("() => window.htmx !== undefined")
    page.keyboard.press("ArrowRight")
    at_step(page, 4)


def test_a_cdn_that_lies_is_not_run(page: Page, forks: str) -> None:
    page.route(
        CDN,
        lambda route: route.fulfill(
            body="window.evil = 1",
            content_type="text/javascript",
            headers={"Access-Control-Allow-Origin": "*"},
        ),
    )
    open_step(page, f"{forks}/3")
    assert page.evaluate("window.evil") is None
    page.keyboard.press("ArrowRight")
    at_step(page, 4)


def test_theme_and_size_at_once(page: Page, forks: str, complaints: list[str]) -> None:
    open_step(page, f"{forks}/3")
    page.locator(".look summary").click()
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.get_by_role("button", name="Larger").click()
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.locator("html").get_attribute("data-size") == "larger"


def test_a_phone_can_choose_how_it_looks(page: Page, forks: str) -> None:
    page.route(CDN, lambda route: route.abort())
    page.set_viewport_size({"width": 390, "height": 844})
    open_step(page, f"{forks}/3")
    page.locator(".look summary").click()
    for name in ("Dark", "Larger", "Student", "No single letters"):
        button = page.get_by_role("button", name=name)
        expect(button).to_be_in_viewport(ratio=1)
        button.click()
    for name, value in (("theme", "dark"), ("size", "larger"), ("level", "student")):
        expect(page.locator("html")).to_have_attribute(f"data-{name}", value)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("size", SIZES)
def test_nothing_overflows(page: Page, forks: str, leak: str, size: tuple[int, int]) -> None:
    page.route(CDN, lambda route: route.abort())
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for url in (f"{forks}/0", f"{forks}/9", f"{forks}/14", f"{leak}/6"):
        page.goto(url)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size[0], f"{url} is {wide} wide"
        expect(page.locator("#next, #prev").first).to_be_in_viewport()
        expect(page.locator("#scrub")).to_have_count(1)
        if size == (1440, 900):  # three processes, and what is held outside
            draw = page.locator("#draw")
            assert draw.evaluate("it => it.scrollWidth - it.clientWidth") == 0, url


def test_counts_stay_within_their_frame(page: Page, app: FastAPI, address: str) -> None:
    page.route(CDN, lambda route: route.abort())
    text = "A mmap buf 1\nA write buf 1\nA pin buf p\nA fork B\nkernel drain\nA read buf\n"
    run = make_run(app, text)
    for step in (3, 5):
        page.goto(f"{address}/r/{run}/{step}")
        counts = page.locator("#draw .frame .cnt").first
        assert "pin" in (counts.text_content() or "")
        beyond = counts.evaluate(
            "it => it.getBoundingClientRect().right"
            " - it.closest('.frame').querySelector('.body').getBoundingClientRect().right"
        )
        assert beyond < 0, f"step {step}: {counts.text_content()}"


CUT = """() => [...document.querySelectorAll('#explorer, #explorer *')]
  .filter(it => it.checkVisibility() && !it.closest('.vh, .menu, .look, .coming, svg, .rem, .tkey'))
  .filter(it => /hidden|clip/.test(getComputedStyle(it).overflowX) && it.clientWidth > 2)
  .filter(it => it.scrollWidth > it.clientWidth + 2).map(it => it.className || it.id)"""


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_the_largest_letters_are_not_cut(
    page: Page, address: str, forks: str, leak: str, size: tuple[int, int]
) -> None:
    page.route(CDN, lambda route: route.abort())
    page.context.add_cookies([{"name": "size", "value": "larger", "url": address}])
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for url in (f"{forks}/0", f"{forks}/9", f"{leak}/6", f"{leak}/7?sel=f0"):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], url
        assert page.evaluate(CUT) == [], url


def test_a_phone_with_letters_of_twice_the_size(page: Page, forks: str, leak: str) -> None:
    """Half the pixels are as many letters on a line as letters of twice the size."""
    page.route(CDN, lambda route: route.abort())
    page.set_viewport_size({"width": 195, "height": 422})
    for url in (f"{forks}/0", f"{forks}/9", f"{leak}/6", f"{leak}/7?sel=f0"):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= 195, url


def test_the_phone_has_tables_and_large_targets(page: Page, forks: str) -> None:
    page.route(CDN, lambda route: route.abort())
    page.set_viewport_size({"width": 390, "height": 844})
    open_step(page, f"{forks}/9")
    expect(page.locator("#tables")).to_be_in_viewport()
    expect(page.locator("#draw")).to_be_hidden()
    cells = page.locator("#tables .grid:not(.frames) tbody tr").first.locator("td")
    tops = cells.evaluate_all("cells => cells.map(it => Math.round(it.getBoundingClientRect().y))")
    assert len(tops) > 1, "a column for each process"
    assert len({*tops}) == 1, "entries of one page stand side by side"
    assert cells.evaluate_all("cells => cells.some(it => it.className.includes('ro'))")
    box = page.locator("#next").bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 44
    page.locator("#next").click()
    at_step(page, 10)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing(
    browser: Browser, forks: str, leak: str, scheme: str, width: int
) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.route(CDN, lambda route: route.abort())
    for url in (f"{forks}/0", f"{forks}/9", f"{leak}/6"):
        page.goto(url)
        found = Axe().run(page).response["violations"]
        assert found == [], [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found]
    context.close()


def test_print_shows_one_step_in_light(page: Page, forks: str) -> None:
    page.route(CDN, lambda route: route.abort())
    page.goto(f"{forks}/9")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("#draw svg").first).to_be_visible()
    expect(page.locator("#scrub")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(20, 22, 26)"
