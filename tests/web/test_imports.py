"""Importing by form, and an imported trace beside what the model plays; without a script."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.trace.imported import MAX_TRACE_BYTES
from tests.recordings import odd, recorded, unknown, written
from tests.web.serving import make_trace


@pytest.fixture(scope="module")
def agreeing(app: FastAPI) -> str:
    return make_trace(app, written(recorded()))


@pytest.fixture(scope="module")
def differing(app: FastAPI) -> str:
    return make_trace(app, written(odd()))


def test_a_file_and_its_text_are_the_same_trace(client: TestClient, agreeing: str) -> None:
    data = written(recorded())
    sent = client.post("/import", files={"file": ("trace.json", data)}, data={"text": ""})
    assert (sent.status_code, sent.headers["location"]) == (303, f"/t/{agreeing}")
    pasted = data.decode().replace("\n", "\r\n")
    for form in ({"files": {"file": ("", b"")}}, {}):
        sent = client.post("/import", data={"text": pasted}, **form)  # type: ignore[arg-type]
        assert (sent.status_code, sent.headers["location"]) == (303, f"/t/{agreeing}")
    assert client.get(f"/t/{agreeing}.json").content == data


def test_what_is_wrong_stands_over_the_form(client: TestClient) -> None:
    answer = client.post("/import", data={"text": '{"schema": "trace/1",\n "steps": {}}'})
    assert answer.status_code == 422
    assert (
        '<b class="num">2:11</b> <span>steps: it is an object. It should be a list.' in answer.text
    )
    assert "“source” is missing" in answer.text
    assert "&#34;steps&#34;: {}}</textarea>" in answer.text
    sent = client.post("/import", files={"file": ("x", b"\xff\xfe")})
    assert "1:1</b> <span>Not UTF-8: byte 0xff." in sent.text
    assert "The document is empty." in client.post("/import", data={"text": ""}).text
    hostile = client.post("/import", data={"text": '{"</textarea><script>": 1}'})
    assert "</textarea><script>" not in hostile.text


def test_a_document_that_is_too_large(client: TestClient) -> None:
    data = b" " * (MAX_TRACE_BYTES + 1)
    sent = client.post("/import", files={"file": ("trace.json", data)})
    assert sent.status_code == 422
    assert "the limit is 2,097,152" in sent.text
    most = client.post("/import", files={"file": ("trace.json", data * 4)})
    assert most.status_code == 413
    assert "A trace has at most 2,097,152 bytes." in most.text


def test_the_form_is_found(client: TestClient) -> None:
    assert 'href="/import"' in client.get("/new").text
    assert 'href="/import"' in client.get("/conformance").text
    assert 'enctype="multipart/form-data"' in client.get("/import").text


def test_every_step_that_agrees_leads_to_the_model(client: TestClient, agreeing: str) -> None:
    page = client.get(f"/t/{agreeing}").text
    assert "7 of 7 steps agree under linux." in page
    assert page.count("✓ agrees") == 7
    links = re.findall(rf'href="(/t/{agreeing}/\d\?policy=linux)"', page)
    assert len(links) == 7
    step = client.get(links[6])
    assert step.status_code == 303
    explorer = client.get(step.headers["location"])
    assert "A write buf[0] 8" in explorer.text
    assert f'href="/t/{agreeing}?policy=refcount"' in page
    assert client.get(f"/t/{agreeing}/99").status_code == 404


def test_the_first_difference_is_marked(client: TestClient, differing: str) -> None:
    page = client.get(f"/t/{differing}").text
    assert '<a href="#step-5">First difference: step 5</a>' in page
    assert page.count('class="first"') == 1
    assert '<tr id="step-5" class="first">' in page
    assert "outcome.faults: the kernel 5, here none" in page
    assert "outcome.error: the kernel EIO, here none" in page


def test_what_is_beside_the_format_is_shown(client: TestClient, differing: str) -> None:
    page = client.get(f"/t/{differing}").text
    assert "<summary>2 fields not compared</summary>" in page
    assert "<code>f0.memcg</code></dt><dd><code>17</code>" in page
    assert "mm_page_alloc" in page
    assert "<code>recorder</code>" in page


def test_an_unknown_step_is_shown_and_the_ones_before_it_play(
    app: FastAPI, client: TestClient
) -> None:
    name = make_trace(app, written(unknown()))
    page = client.get(f"/t/{name}").text
    assert "The model does not play this to its end: 10:3: Unknown verb “teleport”." in page
    assert page.count("✓ agrees") == 7
    assert '<span class="num">8</span><code>A teleport buf</code></th>' in page
    assert client.get(f"/t/{name}/7").status_code == 303
