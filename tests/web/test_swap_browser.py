"""Steps that take each other's place: what is left on the screen is the step, and only that."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from app.scenario import library
from tests.web.serving import FORKS, LEAK, make_run

CDN = re.compile(r"https://cdn\.jsdelivr\.net/.*")
LONG = "A mmap buf 2\nA write buf[0] 1\nA fork B\n" + "B write buf[0] 2\nA read buf[1]\n" * 60
SAME = """async url => {
  const told = document.createElement('template');
  told.innerHTML = await (await fetch(url, { headers: { 'HX-Request': 'true' } })).text();
  const plain = explorer => {
    const copy = explorer.cloneNode(true);
    for (const own of copy.querySelectorAll('[data-own]')) own.replaceWith(own.id);
    for (const el of [copy, ...copy.querySelectorAll('*')]) {
      for (const name of ['open', 'data-asked']) el.removeAttribute(name);
      if (!el.classList.length) el.removeAttribute('class');
      if (el.matches('.coming-in, .rate')) el.replaceChildren();
    }
    return copy;
  };
  const differ = (a, b) => {
    if (a.isEqualNode(b)) return '';
    const [mine, theirs] = [[...a.childNodes], [...b.childNodes]];
    const same = a.cloneNode().isEqualNode(b.cloneNode()) && mine.length === theirs.length;
    if (!same || !mine.length) return [a, b].map(n => n.outerHTML || n.data).join(' instead of ');
    return mine.map((node, i) => differ(node, theirs[i])).join('');
  };
  const shown = document.getElementById('explorer');
  return differ(plain(shown), plain(told.content.firstElementChild));
}"""


def walk(page: Page, url: str, keys: list[tuple[str, int]]) -> None:
    for key, step in keys:
        page.keyboard.press(key)
        expect(page.locator("#explorer")).to_have_attribute("data-step", str(step))
        assert page.evaluate(SAME, f"{url}/{step}") == "", f"after {key}"


HUGE = next(one.scenario.text for one in library() if one.slug == "huge-half-a-fork")


@pytest.mark.parametrize("text", [FORKS, LEAK, HUGE], ids=["forks", "leak", "huge"])
def test_each_step_is_what_the_server_says(
    page: Page, app: FastAPI, address: str, text: str
) -> None:
    run = make_run(app, text, "mapcount")
    url = f"{address}/r/{run}"
    page.goto(f"{url}/0")
    page.wait_for_function("window.htmx")
    last = int(page.locator("#explorer").get_attribute("data-last") or 0)
    there = [("ArrowRight", step) for step in range(1, last + 1)]
    back = [("ArrowLeft", step) for step in range(last - 1, last - 4, -1)]
    walk(page, url, [*there, *back, ("Home", 0), ("End", last)])


def test_a_long_run_and_a_comparison_too(page: Page, app: FastAPI, address: str) -> None:
    url = f"{address}/r/{make_run(app, LONG)}"
    page.goto(f"{url}/49")
    page.wait_for_function("window.htmx")
    walk(page, url, [("ArrowRight", 50), ("ArrowRight", 51), ("End", 123), ("Home", 0)])
    url = f"{address}/c/{make_run(app, LEAK, 'mapcount')}..{make_run(app, LEAK)}"
    page.goto(f"{url}/4")
    page.wait_for_function("window.htmx")
    walk(page, url, [("ArrowRight", 5), ("d", 6), ("ArrowRight", 7), ("ArrowLeft", 6), ("Home", 0)])


def test_what_the_reader_opened_and_scrolled_stays(page: Page, app: FastAPI, address: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{address}/r/{make_run(app, FORKS)}/7")
    page.wait_for_function("window.htmx")
    page.evaluate("document.querySelector('#keysheet').open = true")
    page.evaluate("document.querySelector('#policies').open = true")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#explorer")).to_have_attribute("data-step", "8")
    assert page.evaluate("document.querySelector('#keysheet').open")
    assert not page.evaluate("document.querySelector('#policies').open")
    # another policy is another run: chosen in the menu, by a key or by a click
    page.locator("#policies summary").click()
    page.locator("#policies a", has_text="mapcount").first.click()
    expect(page.locator("#policies summary code")).to_have_text("mapcount")
    expect(page.locator("#explorer")).to_have_attribute("data-step", "8")
    assert not page.evaluate("document.querySelector('#policies').open")
    assert page.url.endswith(f"/r/{make_run(app, FORKS, 'mapcount')}/8")
    page.go_back()
    expect(page.locator("#policies summary code")).to_have_text("linux")


def test_what_is_being_typed_stays_and_the_slider_moves(
    page: Page, app: FastAPI, address: str
) -> None:
    page.goto(f"{address}/r/{make_run(app, FORKS)}/7")
    page.wait_for_function("window.htmx")
    page.locator("#stepno").fill("1")
    page.evaluate("document.querySelector('#next').click()")
    expect(page.locator("#explorer")).to_have_attribute("data-step", "8")
    expect(page.locator("#stepno")).to_have_value("1")
    page.locator("#scrub").focus()
    page.evaluate("document.querySelector('#next').click()")
    expect(page.locator("#explorer")).to_have_attribute("data-step", "9")
    expect(page.locator("#scrub")).to_have_value("9")
    expect(page.locator("#scrub")).to_be_focused()
    expect(page.locator("#stepno")).to_have_value("9")


def test_a_held_key_shows_every_step_and_leaves_the_address_of_the_last(
    page: Page, app: FastAPI, address: str
) -> None:
    url = f"{address}/r/{make_run(app, LONG)}"
    page.goto(f"{url}/60?sel=f0.ref")
    page.wait_for_function("window.htmx")
    page.evaluate("""() => {
      window.seen = [];
      const look = () => {
        const { step } = document.querySelector('#explorer').dataset;
        if (step !== window.seen.at(-1)) window.seen.push(step);
        requestAnimationFrame(look);
      };
      look();
    }""")
    while len(page.evaluate("window.seen")) < 20:
        page.keyboard.down("ArrowRight")
    assert page.url.endswith("/60?sel=f0.ref") or page.url.endswith("/61?sel=f0.ref")
    page.keyboard.up("ArrowRight")
    page.wait_for_function("() => $('#inspector').dataset.step === $('#explorer').dataset.step")
    seen = [int(step) for step in page.evaluate("window.seen")]
    assert seen == list(range(60, 60 + len(seen)))
    assert page.url == f"{url}/{seen[-1]}?sel=f0.ref"
