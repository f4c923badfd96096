"""Hostile input: markup in every field that is shown, and tricks in every part of a path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app.main import create_app
from app.settings import Settings
from app.store import migrate
from tests.web.serving import LEAK, make_run

MARK = "zqx"
PAYLOADS = (
    f"<script>{MARK}()</script>",
    f'"><img src=x onerror={MARK}()>',
    f"</title><svg onload={MARK}()>",
    f"</script><script>{MARK}()</script>",
    f"[{MARK}](javascript:{MARK}())",
    f"' onmouseover='{MARK}()",
    f"{{{{ {MARK} }}}}<!--",
    f"]]><{MARK}/>",
)
TWINS = ("/3", "/3.svg", "/3.txt", "/3.json", ".html", ".json", ".cow", "/sheet", "/3/share")
TRICKS = (
    "..",
    "../../etc/passwd",
    "%2e%2e",
    "a/b",
    "\0",
    "a\0b",
    "x" * 3000,
    "Ω≈ç√∫",
    "😀",
    "-1",
    "9" * 40,
    "<script>",
    "'; drop table runs; --",
    "a\r\nX-Evil: 1",
    "a..b",
    "..",
    "{id}",
    "nan",
    "1e9",
)


class Active(HTMLParser):
    """Finds what would run: handlers, script with text of ours, links that are script."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.script = tag == "script" and "application/json" not in dict(attrs).get("type", "")  # type: ignore[operator]
        if MARK in tag:
            self.found.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.found.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        if self.script and f"{MARK}()" in data:
            self.found.append(data[:80])

    def handle_endtag(self, tag: str) -> None:
        self.script = False


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("hostile")))
    migrate(app.state.engine)
    yield app
    app.state.runs.close()
    app.state.engine.dispose()


@pytest.fixture(scope="module")
def client(app: FastAPI) -> TestClient:
    return TestClient(app, follow_redirects=False, raise_server_exceptions=False)


def assert_harmless(page: str) -> None:
    parser = Active()
    parser.feed(page)
    assert not parser.found


@settings(max_examples=12, deadline=None)
@given(texts=st.tuples(*[st.sampled_from(PAYLOADS)] * 4))
def test_markup_is_shown_and_never_run(client: TestClient, texts: tuple[str, ...]) -> None:
    title, tags, summary, note = texts
    scenario = (
        f"title: {title}\ntags: {tags.replace(',', '')}\nsummary: {summary}\n"
        f"A mmap buf 1\nA write buf 1\nnote {note}\nA fork B\nB write buf 2\n"
    )
    made = client.post("/api/v1/runs", json={"scenario": scenario})
    assert made.status_code in (200, 201), made.text
    run = made.json()["id"]
    for twin in TWINS:
        answer = client.get(f"/r/{run}{twin}")
        assert answer.status_code == 200, twin
        kind = answer.headers["content-type"]
        if kind.startswith("text/html"):
            assert_harmless(answer.text)
        elif "svg" in kind:
            drawn = ElementTree.fromstring(answer.text)
            assert not [e for e in drawn.iter() if e.tag.endswith("script") or MARK in e.tag]
        else:
            assert kind.startswith(("text/plain", "application/json", "text/x-")), kind
        assert answer.headers["x-content-type-options"] == "nosniff"
    for path in (f"/e/{run}/3", f"/m/{run}", f"/q/{run}/4", f"/c/{run}..{run}/3"):
        answer = client.get(path)
        assert answer.status_code < 400, path
        assert_harmless(answer.text)


@pytest.mark.parametrize("text", PAYLOADS)
def test_markup_in_queries_and_bad_scenarios(client: TestClient, text: str) -> None:
    for path in (f"/?q={quote(text)}", f"/new?text={quote(text)}", f"/r/{quote(text, safe='')}/0"):
        answer = client.get(path)
        assert answer.status_code < 500
        assert_harmless(answer.text)
    refused = client.post("/api/v1/runs", json={"scenario": f"A {text}\n{text} write buf 1\n"})
    assert refused.status_code == 422
    assert "json" in refused.headers["content-type"]


@pytest.mark.parametrize("query", ["level=genius", "view=3d", "view=table&level=%00"])
def test_a_link_with_a_bad_choice_says_which_there_are(
    app: FastAPI, client: TestClient, query: str
) -> None:
    run = make_run(app, LEAK)
    for path in (f"/r/{run}/3", f"/r/{run}/3/next", f"/c/{run}..{run}/3", "/legend", "/"):
        answer = client.get(f"{path}?{query}", headers={"Accept": "text/html"})
        assert answer.status_code == 422, path
        assert "It may be" in answer.text
        assert f'href="{path}"' in answer.text, "the nearest link that works"


def paths_of(routes: Iterable[Any]) -> Iterator[str]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from paths_of(inner.routes)
        elif "GET" in (getattr(route, "methods", None) or ()):
            yield route.path


def test_no_path_trick_breaks_a_route(app: FastAPI, client: TestClient) -> None:
    paths = sorted({path for path in paths_of(app.routes) if "{" in path})
    assert len(paths) > 20
    for path in [*paths, "/static/{path}"]:
        for trick in TRICKS:
            asked = quote(trick, safe="").join(re.split(r"\{[^}]*\}", path))
            answer = client.get(asked)
            assert answer.status_code < 500, asked
            assert "Traceback" not in answer.text
            assert "root:x:" not in answer.text
            assert "x-evil" not in answer.headers


def test_a_link_brings_a_text_and_a_policy_to_the_editor(client: TestClient) -> None:
    text = "A mmap buf 1\nA write buf 1 # <mine>\n"
    page = client.get(f"/new?text={quote(text)}&policy=refcount@5.9").text
    assert text.replace("<mine>", "&lt;mine&gt;") in page
    assert 'value="refcount@5.9"' in page
    wrong = client.get(f"/new?text={quote(text)}&policy=none").text
    assert "There is no policy “none”" in wrong
    assert client.get("/new?run=nothere").status_code == 404
