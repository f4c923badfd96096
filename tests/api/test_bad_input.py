"""Whatever is wrong with a request, its answer says what, and the server goes on."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import create_app
from app.middleware import BODY_BYTES
from app.settings import DATABASE_FILE, Settings
from app.store import migrate, open_engine
from tests.api.conftest import LEAK

PROBLEM = "application/problem+json"


def refused(client: TestClient, status: int, **request: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/runs", **request)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert "Traceback" not in answer.text
    assert client.get("/readyz").status_code == 200
    return body


def test_every_error_of_a_text_at_once(client: TestClient) -> None:
    text = "A mmap buf 1\nA wirte buf 1\nA read but\nB exit\n"
    errors = refused(client, 422, json={"scenario": text})["errors"]
    assert [error["line"] for error in errors] == [2, 3, 4]
    assert (errors[0]["column"], errors[0]["token"]) == (3, "wirte")
    assert "write" in errors[0]["hint"]
    assert set(errors[0]) == {"line", "column", "token", "message", "hint"}


def test_a_handle_that_does_not_exist(client: TestClient) -> None:
    (error,) = refused(client, 422, json={"scenario": "A mmap buf 1\np read\n"})["errors"]
    assert (error["line"], error["token"]) == (2, "p")


def test_the_largest_text_and_one_byte_more(client: TestClient) -> None:
    head = "A mmap buf 1\n# "
    largest = head + "x" * (65_536 - len(head))
    assert client.post("/api/v1/runs", json={"scenario": largest}).status_code == 201
    body = refused(client, 422, json={"scenario": largest + "x"})
    assert "65536" in body["errors"][0]["message"]


def test_a_body_over_the_limit(client: TestClient) -> None:
    body = refused(client, 413, content=b"x" * (BODY_BYTES + 1))
    assert f"{BODY_BYTES:,}" in body["detail"]

    def chunks() -> Any:
        yield from (b" " * 65_536 for _ in range(8))

    refused(client, 413, content=chunks(), headers={"content-type": "application/json"})


def test_ten_thousand_and_one_steps(client: TestClient) -> None:
    """The shortest step has six characters, so that the limit of 64 KiB speaks first."""
    (error,) = refused(client, 422, json={"scenario": "A exec\n" * 10_001})["errors"]
    assert "65536 bytes" in error["message"]


def test_a_million_pages(client: TestClient) -> None:
    body = refused(client, 422, json={"scenario": "A mmap buf 1000000\n"})
    assert "65536" in body["errors"][0]["hint"]


def test_more_work_than_the_budget(client: TestClient) -> None:
    text = "A mmap buf 60000\n" + "A read buf\n" * 100
    body = refused(client, 422, json={"scenario": text})
    assert "2,000,000" in body["detail"]


def test_a_policy_that_does_not_exist(client: TestClient) -> None:
    body = refused(client, 422, json={"scenario": LEAK, "policy": "linus"})
    assert "linux" in body["detail"]
    assert body["nearest"] == "/api/v1/policies"


def test_a_body_that_is_not_utf_8(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    body = refused(client, 400, content=b'{"scenario": "\xff"}', headers=headers)
    assert "0xff at offset 14" in body["detail"]


def test_a_body_that_is_not_json(client: TestClient) -> None:
    refused(client, 400, content=b"{nope", headers={"content-type": "application/json"})


@pytest.mark.parametrize(
    "body", [{}, [], {"scenario": 7}, {"scenario": LEAK, "polcy": "linux"}, {"scenario": None}]
)
def test_a_body_of_another_form(client: TestClient, body: Any) -> None:
    assert refused(client, 422, json=body)["detail"]


def test_a_base_that_does_not_exist(client: TestClient) -> None:
    base = {"run": "0123456789", "step": 1}
    refused(client, 404, json={"scenario": LEAK, "based_on": base})


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("/api/v1/runs/{}/steps/8", "/api/v1/runs/{}/steps/7"),
        ("/r/{}/8.json", "/r/{}/7.json"),
        ("/r/{}/8.txt", "/r/{}/7.txt"),
        ("/r/{}/99999999999999999999", "/r/{}/7"),
    ],
)
def test_a_step_beyond_the_end_names_the_last_one(
    client: TestClient, leak: str, path: str, nearest: str
) -> None:
    answer = client.get(path.format(leak))
    assert answer.status_code == 404
    assert nearest.format(leak) in answer.text
    assert client.get(nearest.format(leak)).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/runs/{}", "/r/{}/0", "/r/{}/0.json", "/r/{}.cow"])
@pytest.mark.parametrize("run", ["0123456789", "%00", "%ff", "x" * 199])
def test_a_run_that_does_not_exist(client: TestClient, path: str, run: str) -> None:
    answer = client.get(path.format(run))
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


def test_a_misread_name_is_led_to_the_run(client: TestClient, leak: str) -> None:
    answer = client.get(f"/api/v1/runs/{leak.upper()}")
    assert answer.status_code == 404
    assert answer.json()["nearest"] == f"/api/v1/runs/{leak}"


def test_a_locked_database(client: TestClient, leak: str, settings: Settings) -> None:
    other = sqlite3.connect(settings.data_dir / DATABASE_FILE)
    other.execute("BEGIN IMMEDIATE")
    answer = client.post("/api/v1/runs", json={"scenario": LEAK, "policy": "linux"})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "locked" in answer.json()["detail"]
    assert client.get(f"/api/v1/runs/{leak}").status_code == 200
    other.close()
    again = client.post("/api/v1/runs", json={"scenario": LEAK, "policy": "linux"})
    assert again.status_code == 201


def test_a_read_only_database(client: TestClient, leak: str, settings: Settings) -> None:
    file = settings.data_dir / DATABASE_FILE
    read_only = Settings(
        data_dir=settings.data_dir, database_url=f"sqlite:///file:{file}?mode=ro&uri=true"
    )
    with TestClient(create_app(read_only)) as reader:
        assert reader.get("/readyz").status_code == 200
        assert reader.get(f"/api/v1/runs/{leak}").status_code == 200
        known = reader.post("/api/v1/runs", json={"scenario": LEAK, "policy": "mapcount"})
        assert known.json()["id"] == leak
        answer = reader.post("/api/v1/runs", json={"scenario": LEAK, "policy": "linux"})
        assert answer.status_code == 503
        assert "read-only" in answer.json()["detail"]


def test_a_store_that_is_not_migrated_is_not_ready(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert client.get("/api/v1/runs/0123456789").status_code == 503


def test_an_error_of_ours_is_no_traceback(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.state.runs, "load", None)
    answer = client.get("/api/v1/runs/0123456789")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == PROBLEM
    assert "Traceback" not in answer.text
    assert answer.headers["content-security-policy"]


def test_every_answer_has_the_headers_that_keep_pages_safe(client: TestClient) -> None:
    for path in ("/", "/nothing", "/api/v1/policies", "/api/v1/nothing", "/healthz"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_a_database_that_comes_later_is_served(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        engine = open_engine(settings)
        migrate(engine)
        engine.dispose()
        assert client.get("/readyz").status_code == 200
