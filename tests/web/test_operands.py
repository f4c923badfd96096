"""The numbers of a rule's test lead to who wrote them; links carry what is selected."""

from __future__ import annotations

import re
from html import unescape

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.scenario.library import library
from app.trace import play
from app.trace.singular import singular
from app.trace.subject import directory_of, parse_subject
from app.web.operands import operands
from app.web.panel import asked_of
from app.web.plain import plain
from app.web.why import why_of
from tests.web.serving import LEAK, make_run

REF_AND_CACHE = ["f0.ref", "f0.swapcache"]


@pytest.fixture(scope="module")
def leak(app: FastAPI) -> str:
    return make_run(app, LEAK, "mapcount")


@pytest.mark.parametrize(
    ("test", "frame", "slot", "links"),
    [
        ("refcount 3 > 1 + swapcache 1", "f0", "", REF_AND_CACHE),
        ("3 references, more than 1 plus 0 of the swap cache", "f0", "", REF_AND_CACHE),
        ("mapcount 1 + swap entries 2 > 1", "f0", "s3", ["f0.map", "s3.count"]),
        ("1 mapping and 2 swap entries: 3 in all", "f0", "", ["f0.map"]),
        ("FOLL_PIN, read-only, PageAnonExclusive(f7) = 0", "f0", "", ["f7.exclusive"]),
        ("pincount 1 and this mm has pinned before", "f2", "", ["f2.pin"]),
        ("refcount 3 > 1", "", "", []),
        ("<b>not exclusive</b>", "f0", "", []),
    ],
)  # fmt: skip
def test_each_number_is_a_link_to_its_blame(
    test: str, frame: str, slot: str, links: list[str]
) -> None:
    html = str(operands(test, frame, slot))
    assert re.findall(r'href="\?sel=([^"]+)"', html) == links
    assert unescape(re.sub(r"</?a[^>]*>", "", html)) == test


def test_every_operand_of_the_library_can_be_selected() -> None:
    found = set()
    for shipped in library():
        run = play(shipped.scenario, shipped.scenario.policy or "linux")
        known = directory_of(run)
        for step in range(1, len(run) + 1):
            for a in asked_of(why_of(run.step(step))):
                for words in (a.test, plain(a.test)):
                    html = str(operands(words, a.frame, a.slot))
                    for sel in re.findall(r'href="\?sel=([^"]+)"', html):
                        assert str(parse_subject(sel, known)) == sel, shipped.slug
                        found.add(sel)
    assert {"f0.ref", "f0.map", "f0.swapcache", "f0.exclusive"} <= found


def test_a_link_with_a_selection_previews_it(client: TestClient, leak: str) -> None:
    html = client.get(f"/r/{leak}/6?sel=f0.value").text
    assert f'property="og:url" content="http://testserver/r/{leak}/6?sel=f0.value"' in html
    assert 'property="og:description" content="f0.value (content) 7→42, written by step 6.' in html
    assert f'rel="canonical" href="http://testserver/r/{leak}/6"' in html
    assert f'href="/r/{leak}/6/share?sel=f0.value"' in html


def test_an_embed_marks_what_is_selected_and_hands_it_on(client: TestClient, leak: str) -> None:
    code = client.get(f"/r/{leak}/6/share?sel=A.buf[0].w").text
    assert f"/e/{leak}/6?sel=A.buf[0].w" in code
    html = client.get(f"/e/{leak}/6?sel=f0.value").text
    assert f'href="/e/{leak}/7?sel=f0.value"' in html
    assert f'href="/r/{leak}/6?sel=f0.value" target="_blank"' in html
    assert '<g class="pick part is-sel"><rect' in html
    assert "f0.value <s>7</s>→<b>42</b>" in html
    assert "?sel=f0.ref" not in html
    assert '<a class="pick' not in html
    assert "mem has-link" in html
    bad = client.get(f"/e/{leak}/6?sel=f9")
    assert bad.status_code == 422
    assert "f0" in bad.text


@pytest.mark.parametrize("path", ["/m/{leak}/linux/6", "/m/{leak}/mapcount..linux"])
def test_a_look_at_another_policy_is_no_branch(client: TestClient, leak: str, path: str) -> None:
    to = client.get(path.format(leak=leak)).headers["location"]
    other = to.split("..")[1] if ".." in to else to.split("/")[2]
    assert "Based on" not in client.get(f"/r/{other}/6").text
    assert client.get(f"/api/v1/runs/{other}").json()["based_on"] is None


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("A.buf: 1 pages, anon.", "A.buf: 1 page, anon."),
        ("A.buf: 11 pages, f1 pages", "A.buf: 11 pages, f1 pages"),
        ("the 1 references are page tables", "the 1 reference is page tables"),
        ("1 mapcounts and references less", "1 mapcount and reference less"),
        ("1 other swap entries keep f1", "1 other swap entry keeps f1"),
        ("refcount 1 is its mappings", "refcount 1 is its mappings"),
        ("1 mappings and 1 swap entries: 2 in all", "1 mapping and 1 swap entry: 2 in all"),
    ],
)
def test_one_is_singular(said: str, right: str) -> None:
    assert singular(said) == right
