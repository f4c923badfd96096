"""Runs by the JSON interface, and their twins."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.api.trace_models import StepOut
from app.scenario import ScenarioErrors, library
from app.service import LoadedRun
from app.trace import play
from tests.api.conftest import LEAK
from tests.awaiting import awaited


def test_a_run_is_made_and_found(client: TestClient) -> None:
    made = client.post("/api/v1/runs", json={"scenario": LEAK, "policy": "mapcount"})
    assert made.status_code == 201
    body = made.json()
    assert made.headers["location"] == f"/api/v1/runs/{body['id']}"
    assert body["url"] == f"/r/{body['id']}/0"
    assert body["steps"] == 7
    assert body["violations"] == {"isolation": 6}
    found = client.get(made.headers["location"]).json()
    assert {key: found[key] for key in body} == body
    assert found["scenario"] == LEAK.rstrip("\n")
    assert found["policy"] == "mapcount"
    assert found["replay"] is None
    assert found["expectations"]["met"] == 0
    assert "expect value 1" in found["expectations"]["unmet"][0]


def test_the_same_content_is_the_same_run_whatever_its_line_ends(client: TestClient) -> None:
    texts = [LEAK, LEAK.replace("\n", "\r\n"), LEAK + "\n\n", LEAK.rstrip("\n")]
    answers = [client.post("/api/v1/runs", json={"scenario": text}) for text in texts]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_without_a_policy_the_scenarios_own_is_played(client: TestClient) -> None:
    text = LEAK.replace("title", "policy: textbook\ntitle")
    own = client.post("/api/v1/runs", json={"scenario": text}).json()["id"]
    asked = client.post("/api/v1/runs", json={"scenario": text, "policy": "linux"}).json()["id"]
    assert client.get(f"/api/v1/runs/{own}").json()["policy"] == "textbook"
    assert client.get(f"/api/v1/runs/{asked}").json()["policy"] == "linux"


def test_a_run_remembers_what_it_was_based_on(client: TestClient, leak: str) -> None:
    body = {"scenario": LEAK + "g read\n", "based_on": {"run": leak, "step": 7}}
    made = client.post("/api/v1/runs", json=body).json()
    assert client.get(f"/api/v1/runs/{made['id']}").json()["based_on"] == body["based_on"]


def test_a_step_says_what_was_decided_and_why(client: TestClient, leak: str) -> None:
    step = client.get(f"/api/v1/runs/{leak}/steps/6").json()
    assert (step["run"], step["step"], step["steps"], step["line"]) == (leak, 6, 7, 7)
    assert step["violations"][0]["kind"] == "isolation"
    assert any(event["function"] == "reuse_swap_page" for event in step["events"])
    assert all(
        frame["refcount"] == sum(item["count"] for item in frame["ledger"])
        for frame in step["state"]["frames"].values()
    )
    assert client.get(f"/r/{leak}/6.json").json() == step


def test_step_0_is_the_state_before_the_first_step(client: TestClient, leak: str) -> None:
    step = client.get(f"/api/v1/runs/{leak}/steps/0").json()
    assert step["state"]["frames"] == {}
    assert "outcome" not in step


def test_the_trace_twin_is_a_whole_trace(client: TestClient, leak: str) -> None:
    trace = client.get(f"/r/{leak}.json").json()
    assert trace["schema"] == "trace/1"
    assert trace["source"]["kind"] == "simulation"
    assert [step["index"] for step in trace["steps"]] == list(range(7))


def test_the_text_twin_fits_a_mail(client: TestClient, leak: str) -> None:
    for number in range(8):
        answer = client.get(f"/r/{leak}/{number}.txt")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert max(map(len, answer.text.splitlines())) <= 72
        assert f"/r/{leak}/{number}" in answer.text
    assert "isolation" in client.get(f"/r/{leak}/6.txt").text


def test_the_cow_twin_makes_the_same_run(client: TestClient, leak: str) -> None:
    text = client.get(f"/r/{leak}.cow").text
    again = client.post("/api/v1/runs", json={"scenario": text, "policy": "mapcount"})
    assert again.json()["id"] == leak


@pytest.mark.parametrize("twin", ["/r/{}/3.json", "/r/{}/3.txt", "/r/{}.json", "/r/{}.cow"])
def test_a_twin_that_the_client_has_is_not_sent_again(
    client: TestClient, leak: str, twin: str
) -> None:
    path = twin.format(leak)
    etag = client.get(path).headers["etag"]
    again = client.get(path, headers={"If-None-Match": f'"other", W/{etag}'})
    assert (again.status_code, again.content) == (304, b"")


def test_head_is_answered_like_get(client: TestClient, leak: str) -> None:
    head, get = client.head(f"/api/v1/runs/{leak}"), client.get(f"/api/v1/runs/{leak}")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize("policy", ["linux", "mapcount", "exclusive-pte", "refcount@5.9"])
def test_every_step_of_the_library_is_as_documented(policy: str) -> None:
    """The models in the OpenAPI description allow no field that they do not list."""
    for shipped in library():
        try:
            run = play(shipped.scenario, policy)
        except ScenarioErrors:
            continue
        for number in range(len(run) + 1):
            whose = {"run": "", "policy": policy, "step": number, "steps": len(run), "url": ""}
            step = StepOut.model_validate({**whose, **run.step(number)})
            for frame in step.state.frames.values():
                folio = {"entire_mapcount", "partially_mapped", "maybe_mapped_shared", "mm_owners"}
                told = folio & frame.model_fields_set
                assert told == (folio if frame.order else set())


def test_a_run_of_another_engine_says_where_it_differs(client: TestClient, app: FastAPI) -> None:
    from app.store import open_session, save_run

    def keep(text: str, outcomes: list[str]) -> str:
        with open_session(app.state.engine) as session:
            run = save_run(
                session=session,
                text=text,
                policy="linux",
                engine="0",
                title="",
                outcomes=outcomes,
                checksums=[bytes(8)] * (len(outcomes) + 1),
                violations={},
            )
            return run.id

    differs = client.get(f"/api/v1/runs/{keep('A mmap buf 1', ['SIGBUS'])}").json()
    assert differs["replay"]["step"] == 1
    assert differs["engine"] == "0"
    refused = keep("A frobnicate buf 1", [""])
    answer = client.get(f"/api/v1/runs/{refused}")
    assert answer.status_code == 409
    assert answer.json()["nearest"] == f"/r/{refused}.cow"
    assert client.get(f"/r/{refused}.cow").text == "A frobnicate buf 1\n"


async def load_many(app: FastAPI, run_id: str, readers: int) -> list[LoadedRun]:
    import asyncio

    from app.service import RunService

    fresh = RunService(app.state.engine, app.state.settings)
    try:
        return await asyncio.gather(*(fresh.load(run_id) for _ in range(readers)))
    finally:
        fresh.close()


def test_a_run_that_many_open_at_once_is_played_once(app: FastAPI, leak: str) -> None:
    loaded = awaited(load_many(app, leak, 200))
    assert len({id(run) for run in loaded}) == 1
