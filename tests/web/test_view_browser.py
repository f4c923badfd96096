"""What a link shows, in a browser with and without a script: every way on keeps it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Locator, Page, expect

from tests.web.serving import FORKS, LEAK, make_run
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


def drawn(page: Page, name: str) -> Locator:
    return page.locator(f'#draw .pick[data-sel="{name}"]')


@pytest.fixture(scope="module")
def forks(app: FastAPI, address: str) -> str:
    return f"{address}/r/{make_run(app, FORKS)}"


def test_hiding_and_showing_again(either: Page, forks: str) -> None:
    either.goto(f"{forks}/9")
    drawn(either, "C").click()
    either.get_by_role("link", name="Hide C").click()
    expect(either.locator("#hiding")).to_contain_text("Hidden: C")
    expect(drawn(either, "C")).to_have_count(0)
    expect(either).to_have_url(f"{forks}/9?sel=C&hide=C")
    either.locator("#draw a.hide[aria-label='hide f2']").click()
    expect(drawn(either, "f2")).to_have_count(0)
    expect(either).to_have_url(f"{forks}/9?sel=C&hide=C,f2")
    either.locator("#next").click()
    expect(either.locator("#explorer")).to_have_attribute("data-step", "10")
    expect(drawn(either, "C")).to_have_count(0)
    expect(either).to_have_url(f"{forks}/10?sel=C&hide=C,f2")
    expect(either.locator("#state .diff")).to_contain_text("f2 changed, hidden")
    either.locator("#hiding a").filter(has_text="f2").click()
    expect(drawn(either, "f2")).to_have_count(1)
    expect(either).to_have_url(f"{forks}/10?sel=C&hide=C")
    either.get_by_role("link", name="show all").click()
    expect(drawn(either, "C")).to_have_count(1)
    expect(either).to_have_url(f"{forks}/10?sel=C")


def test_only_one_process_is_a_link_away(either: Page, forks: str) -> None:
    either.goto(f"{forks}/9?sel=B")
    either.get_by_role("link", name="Only B").click()
    expect(either).to_have_url(f"{forks}/9?sel=B&hide=A,C")
    for name, there in (("A", 0), ("B", 1), ("C", 0)):
        expect(drawn(either, name)).to_have_count(there)


def test_keys_policies_and_the_way_back_keep_what_is_hidden(
    page: Page, forks: str, complaints: list[str]
) -> None:
    open_step(page, f"{forks}/9?hide=C&sel=f2.ref")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("ArrowRight")
    at_step(page, 10)
    expect(page).to_have_url(f"{forks}/10?sel=f2.ref&hide=C")
    page.keyboard.press("u")
    expect(page).to_have_url(f"{forks}/10?sel=f2.ref&only=changed&hide=C")
    page.keyboard.press("2")
    expect(page).not_to_have_url(re.compile(re.escape(forks)))
    expect(page).to_have_url(re.compile(r"/10\?sel=f2\.ref&only=changed&hide=C$"))
    expect(drawn(page, "C")).to_have_count(0)
    page.go_back()
    expect(page).to_have_url(re.compile(re.escape(forks)))
    expect(drawn(page, "C")).to_have_count(0)
    expect(page.locator("#hiding")).to_be_visible()
    steps = [url for url in asked if re.search(r"/r/\w+/\d+(\?|$)", url)]
    assert all("hide=C" in url for url in steps), "fetched beforehand as it is asked for"


def test_a_held_key_keeps_what_is_hidden(page: Page, forks: str, complaints: list[str]) -> None:
    open_step(page, f"{forks}/1?hide=B,f0")
    for _ in range(40):
        page.keyboard.down("ArrowRight")
    page.keyboard.up("ArrowRight")
    expect(page.locator("#explorer")).to_have_attribute("data-hide", "B,f0")
    expect(drawn(page, "f0")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/\d+\?hide=B,f0$"))


def test_hiding_by_keyboard(page: Page, forks: str, complaints: list[str]) -> None:
    open_step(page, f"{forks}/9")
    page.locator("#draw a.hide[aria-label='hide p']").or_(
        page.locator("#draw a.hide[aria-label='hide handle p']")
    ).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#hiding")).to_contain_text("Hidden: p")
    expect(drawn(page, "p")).to_have_count(0)


@pytest.mark.parametrize("query", ["", "?hide=C,f4"])
def test_nothing_moves_from_step_to_step(page: Page, forks: str, query: str) -> None:
    """What is told of the hidden does not push the drawing; its pane scrolls to what changed."""
    page.set_viewport_size({"width": 1440, "height": 900})
    places = set()
    for step in (6, 7, 9, 10, 12):
        open_step(page, f"{forks}/{step}{query}")
        pane, box = page.locator("#draw").bounding_box(), drawn(page, "f0").bounding_box()
        assert pane
        assert box
        scrolled = page.locator("#draw").evaluate("pane => pane.scrollTop")
        places.add((round(pane["y"]), round(box["x"]), round(box["y"] - pane["y"] + scrolled)))
    assert len(places) == 1


def test_the_current_line_is_in_sight(either: Page, app: FastAPI, address: str) -> None:
    """Of a long text, with and without a script; and one can look elsewhere in the list."""
    text = "A mmap buf 1\n" + "".join(f"A write buf {n}\n" for n in range(1, 60))
    run = make_run(app, text)
    lines = either.locator("#script li")
    for step in (45, 60, 3):
        either.goto(f"{address}/r/{run}/{step}")
        current = either.locator("#script [aria-current=step]")
        expect(current).to_be_in_viewport(ratio=1)
        pane, line = either.locator("#script").bounding_box(), current.bounding_box()
        assert pane
        assert line
        assert pane["y"] <= line["y"]
        assert line["y"] + line["height"] <= pane["y"] + pane["height"]
    either.locator("#script").hover()
    for _ in range(50):  # while the page arrives, the list still goes back to the line
        either.mouse.wheel(0, 4000)
        pane, line = either.locator("#script").bounding_box(), lines.last.bounding_box()
        if pane and line and line["y"] < pane["y"] + pane["height"]:
            break
    expect(lines.last).to_be_in_viewport()


def test_a_comparison_hides_and_leads_on(either: Page, app: FastAPI, address: str) -> None:
    left, right = make_run(app, FORKS, "textbook"), make_run(app, FORKS, "linux")
    either.goto(f"{address}/r/{left}/9?hide=C")
    either.locator("#compare").click()
    expect(either).to_have_url(re.compile(r"/9\?hide=C$"))
    base = f"{address}/c/{left}..{right}"
    side = either.locator(".side.left")
    expect(side.locator('.pick[data-sel="C"]')).to_have_count(0)
    side.locator("a.hide[aria-label='hide f3']").click()
    expect(either).to_have_url(f"{base}/9?hide=C,f3")
    expect(either.locator("#right-f4")).to_have_count(0)
    either.locator("#next").click()
    expect(either).to_have_url(f"{base}/10?hide=C,f3")
    expect(either.locator("#explorer")).to_have_attribute("data-step", "10")
    expect(either.locator("#right-f4")).to_have_count(0)
    either.locator(".side.right .alone").click()
    expect(either).to_have_url(f"{address}/r/{right}/10?hide=C,f4")


def test_a_link_of_the_first_page_changes_only_what_it_is_about(
    page: Page, forks: str, complaints: list[str]
) -> None:
    """The server's page has the whole view in each link, and the view goes on without the page."""
    open_step(page, f"{forks}/9?sel=C&only=changed")
    drawn(page, "B").click()
    expect(page).to_have_url(f"{forks}/9?sel=B&only=changed")
    page.keyboard.press("u")
    expect(page).to_have_url(f"{forks}/9?sel=B")
    page.locator("#draw a.hide[aria-label='hide f2']").click()
    expect(page).to_have_url(f"{forks}/9?sel=B&hide=f2")
    open_step(page, f"{forks}/9?sel=C&only=changed&view=table")
    page.keyboard.press("u")
    expect(page).to_have_url(f"{forks}/9?sel=C")
    page.locator("#tables a", has_text=re.compile("^C$")).first.click()
    expect(page).to_have_url(f"{forks}/9?sel=C")
    page.locator("#tables th a", has_text=re.compile("^f0$")).first.click()
    expect(page).to_have_url(f"{forks}/9?sel=f0")
