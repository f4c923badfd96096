"""Traces by the JSON interface: taken in, held against the model, given back as they came."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from app.main import create_app
from app.settings import Settings
from app.store import Trace, migrate, open_session
from app.trace.imported import MAX_TRACE_BYTES
from tests.recordings import odd, recorded, unknown, written

PROBLEM = "application/problem+json"


def sent(client: TestClient, data: bytes) -> dict[str, Any]:
    answer = client.post("/api/v1/traces", content=data)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api/v1/traces/{body['id']}"
    return body


def refused(client: TestClient, status: int, data: bytes) -> dict[str, Any]:
    answer = client.post("/api/v1/traces", content=data)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    body: dict[str, Any] = answer.json()
    return body


def test_a_trace_that_agrees(client: TestClient) -> None:
    body = sent(client, written(recorded()))
    assert (body["agreeing"], body["refused"], body["policy"]) == (7, None, "linux")
    assert [step["agrees"] for step in body["steps"]] == [True] * 7
    assert body["release"] == "6.18.44"
    assert client.get(body["url"]).status_code == 200
    assert client.get(f"/api/v1/traces/{body['id']}").json() == body
    under = client.get(f"/api/v1/traces/{body['id']}?policy=linux:-cow-sets").json()
    assert under["policy"] == "linux:-cow-sets"
    assert under["agreeing"] < 7


def test_the_document_comes_back_byte_for_byte(client: TestClient) -> None:
    data = b"\n " + written(odd()).replace(b"\n", b"\r\n")
    body = sent(client, data)
    assert client.get(f"{body['url']}.json").content == data
    assert sent(client, data)["id"] == body["id"]
    assert sent(client, data + b"\n")["id"] != body["id"]


def test_what_differs_and_what_is_not_compared(client: TestClient) -> None:
    body = sent(client, written(odd()))
    fifth = body["steps"][4]
    assert fifth["differs"] == {"field": "outcome.faults", "expected": 5, "found": None}
    assert not fifth["agrees"]
    assert body["steps"][2]["not_compared"][1] == {"path": "f0.memcg", "value": "17"}
    assert body["not_compared"] == [{"path": "recorder", "value": '{"name": "mine"}'}]


def test_a_step_that_the_language_does_not_have_is_kept(client: TestClient) -> None:
    body = sent(client, written(unknown()))
    assert "teleport" in body["refused"]
    assert body["agreeing"] == 7
    assert body["steps"][7] | {"kernel": {}} == {
        "step": 8, "text": "A teleport buf", "kernel": {}, "model": None, "agrees": False,
        "differs": None, "not_compared": [],
    }  # fmt: skip


def test_errors_have_a_place(client: TestClient, app: FastAPI) -> None:
    document = recorded()
    document["steps"][1]["outcome"]["value"] = "7"
    body = refused(client, 422, written(document))
    assert body["type"] == "urn:cowscope:trace"
    (error,) = body["errors"]
    assert error["token"] == "steps[1].outcome.value"
    assert error["line"] > 20
    assert refused(client, 400, b"{")["errors"][0]["message"].startswith("Not JSON")
    assert refused(client, 400, b"\xff")["errors"][0]["message"] == "Not UTF-8: byte 0xff."
    assert refused(client, 400, b"")["detail"].endswith("The document is empty.")
    with open_session(app.state.engine) as session:
        assert session.scalar(select(func.count()).select_from(Trace)) == 0


def test_limits(client: TestClient, settings: Settings) -> None:
    body = refused(client, 413, b" " * (MAX_TRACE_BYTES + 1))
    assert body["detail"].endswith("A trace has at most 2,097,152 bytes.")
    padded = written(recorded()) + b" " * 500_000
    assert sent(client, padded)["agreeing"] == 7
    small = create_app(settings.model_copy(update={"max_page_steps": 5}))
    migrate(small.state.engine)
    with TestClient(small) as other:
        assert "the limit page-steps is 5" in refused(other, 422, written(odd()))["detail"]


@pytest.mark.parametrize("path", ["/api/v1/traces/{}", "/t/{}.json", "/t/{}", "/t/{}/2"])
def test_no_such_trace(client: TestClient, path: str) -> None:
    answer = client.get(path.format("0000000000"))
    assert answer.status_code == 404
    assert "There is no trace “0000000000”" in answer.text


def test_no_such_policy(client: TestClient) -> None:
    body = sent(client, written(recorded()))
    answer = client.get(f"/api/v1/traces/{body['id']}?policy=nothing")
    assert answer.status_code == 422
    assert client.get(f"{body['url']}?policy=nothing").status_code == 422
