"""A comparison with something selected: by links alone, and with a script."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect

from tests.web.serving import FORKS, LEAK, make_run, serving


@pytest.fixture(scope="session")
def base_url() -> None:
    """pytest-base-url's own is made in a way that the next pytest refuses; nobody needs it here."""


@pytest.fixture(scope="module")
def address(app: FastAPI) -> Iterator[str]:
    with serving(app) as address:
        yield address


def pair(app: FastAPI, text: str, left: str, right: str) -> tuple[str, str, str]:
    """The comparison's address, and the two runs."""
    a, b = make_run(app, text, left), make_run(app, text, right)
    return f"/c/{a}..{b}", a, b


def test_every_link_keeps_the_selection(app: FastAPI, client: TestClient) -> None:
    url, left, right = pair(app, LEAK, "mapcount", "linux")
    page = client.get(f"{url}/6?sel=f0.ref").text
    body = page.partition("<body")[2]
    steps = re.findall(rf'href="{url}/\d+((?:\?[^"]*)?)"', body)
    assert steps
    assert set(steps) == {"?sel=f0.ref"}
    for twin in ("json", "txt"):
        assert f'href="{url}/6.{twin}?sel=f0.ref"' in body
    assert f'href="/r/{left}/6?sel=f0.ref"' in body
    assert f'href="/c/{right}..{left}/6?sel=f0.ref"' in body
    assert body.count('<input type="hidden" name="sel" value="f0.ref">') == 2
    went = client.get(f"{url}/step?step=7&sel=f0.ref")
    assert went.headers["location"] == f"{url}/7?sel=f0.ref"
    assert client.get(f"{url}?sel=f0.ref").headers["location"] == f"{url}/6?sel=f0.ref"


def test_each_side_says_what_it_has_and_who_wrote_it(app: FastAPI, client: TestClient) -> None:
    url, *_ = pair(app, LEAK, "mapcount", "linux")
    page = client.get(f"{url}/6?sel=f0.ref").text
    left, right = re.findall(
        r'data-side="(?:left|right)" data-sel="f0.ref" data-writes="([^"]*)"', page
    )
    assert (left, right) == ("2 3 4 5 8", "2 3 4 5 6 8")
    assert page.count("pick part is-sel") == 2  # lit on both sides
    assert 'id="sel-previous" href="' + url + '/5?sel=f0.ref" aria-keyshortcuts="p"' in page
    marked = r'<a class="wrote" href="{}/6\?sel=f0.ref" data-side="{}"'
    assert re.search(marked.format(url, "right"), page)
    assert not re.search(marked.format(url, "left"), page)
    found = client.get(f"{url}/6.json?sel=f0.ref").json()["selected"]
    assert [found[side]["value"] for side in ("left", "right")] == ["3", "1"]
    assert "f0.ref 1 under linux, changed by steps: 2 3 4 5 6 8" in client.get(
        f"{url}/6.txt?sel=f0.ref"
    ).text.replace("\n    ", " ")


def test_what_only_the_right_has_is_named_as_its_own(app: FastAPI, client: TestClient) -> None:
    url, left, right = pair(app, LEAK, "mapcount", "linux")
    page = client.get(f"{url}/6?sel=right:f1.ref").text
    assert "has no such thing" in page
    assert 'data-sel="right:f1.ref" href="?sel=right:f1.ref"' in page
    assert f'href="/r/{right}/6?sel=f1.ref"' in page
    assert f'href="/c/{right}..{left}/6?sel=f1.ref"' in page
    back = client.get(f"/c/{right}..{left}/6?sel=f1.ref").text
    assert f'href="{url}/6?sel=right:f1.ref"' in back
    # a thing that both have goes by the left's name
    assert client.get(f"{url}/6.json?sel=right:f0").json()["selection"] == "f0"


def test_pages_that_are_the_same_are_selected_together(app: FastAPI, client: TestClient) -> None:
    """After the left copied, the right's numbers lag behind: f4 there is f3 here."""
    url, *_ = pair(app, FORKS, "linux", "textbook")
    renamed = next(
        remark
        for remark in client.get(f"{url}/14.json").json()["remarks"]
        if "the same page" in remark
    )
    mine, theirs = re.findall(r"(f\d+) = (f\d+)", renamed)[0]
    assert mine != theirs
    found = client.get(f"{url}/14.json?sel={mine}").json()["selected"]
    assert (found["left"]["selection"], found["right"]["selection"]) == (mine, theirs)


def test_a_selection_that_neither_has_is_an_error_with_a_way_out(
    app: FastAPI, client: TestClient
) -> None:
    url, *_ = pair(app, LEAK, "mapcount", "linux")
    for name in ("f77", "right:f77.ref", "A.bof[0]", "<b>", "right:"):
        answer = client.get(f"{url}/6", params={"sel": name})
        assert answer.status_code == 422, name
        assert 'class="notice" role="alert"' in answer.text
        assert "<b>" not in answer.text.partition('id="inspector"')[2].partition("</div>")[0]
    assert client.get(f"{url}/6/inspect").status_code == 422
    assert client.get(f"{url}/99?sel=f0").status_code == 404


def test_selecting_and_stepping_with_a_script(page: Page, app: FastAPI, address: str) -> None:
    path, left, right = pair(app, LEAK, "mapcount", "linux")
    url = address + path
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{url}/5")
    page.wait_for_function("window.htmx")
    page.locator('.side.right .pick[data-sel="f0.ref"]').click()
    expect(page.locator(".side.left .pick.is-sel")).to_have_count(1)
    expect(page.locator(".side.right .pick.is-sel")).to_have_count(1)
    expect(page.locator("#inspector")).to_have_attribute("data-writes", "2 3 4 5 6 8")
    assert page.url == f"{url}/5?sel=f0.ref"
    page.keyboard.press("n")
    expect(page.locator("#explorer")).to_have_attribute("data-step", "6")
    expect(page.locator("#inspector")).to_have_attribute("data-step", "6")
    assert page.url == f"{url}/6?sel=f0.ref"
    expect(page.locator(".side.right .alone")).to_have_attribute("href", f"/r/{right}/6?sel=f0.ref")
    expect(page.locator("#swap")).to_have_attribute("href", f"/c/{right}..{left}/6?sel=f0.ref")
    expect(page.locator('#lanes .wrote[data-side="left"]')).to_have_count(5)
    expect(page.locator('#lanes .wrote[data-side="right"]')).to_have_count(6)
    page.keyboard.press("d")
    expect(page.locator("#inspector")).to_have_attribute("data-step", "7")
    page.keyboard.press("Shift+D")
    expect(page.locator("#inspector")).to_have_attribute("data-step", "6")
    page.locator("#scrub").fill("8")
    expect(page.locator("#inspector")).to_have_attribute("data-step", "8")
    assert page.url == f"{url}/8?sel=f0.ref"
    page.locator(".csel .of-side a.n", has_text="6").click()
    expect(page.locator("#inspector")).to_have_attribute("data-step", "6")
    page.locator('.side.right .pick[data-sel="right:f1"]').click(position={"x": 70, "y": 4})
    expect(page.locator("#inspector")).to_have_attribute("data-sel", "right:f1")
    expect(page.locator(".side.left .of-side, .csel")).to_contain_text("has no such thing")
    expect(page.locator(".side.right .alone")).to_have_attribute("href", f"/r/{right}/6?sel=f1")
    page.keyboard.press("Escape")
    expect(page.locator("#inspector > *")).to_have_count(0)
    assert page.url == f"{url}/6"
    expect(page.locator(".is-linked, .is-sel, .wrote")).to_have_count(0)
    page.go_back()
    expect(page.locator("#explorer")).to_have_attribute("data-step", "8")


def test_without_a_script_it_is_links(browser: Browser, app: FastAPI, address: str) -> None:
    path, *_ = pair(app, LEAK, "mapcount", "linux")
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 1440, "height": 900}
    )
    page = context.new_page()
    page.goto(f"{address}{path}/5")
    page.locator('.side.left .pick[data-sel="f0.ref"]').click(force=True)
    expect(page).to_have_url(f"{address}{path}/5?sel=f0.ref")
    page.locator("#sel-next").click()
    expect(page).to_have_url(f"{address}{path}/6?sel=f0.ref")
    page.locator("#next").click()
    expect(page).to_have_url(f"{address}{path}/7?sel=f0.ref")
    page.locator("#div-prev").click()
    expect(page).to_have_url(f"{address}{path}/6?sel=f0.ref")
    page.locator("#unselect").click()
    expect(page.locator(".csel")).to_have_count(0)
    context.close()
