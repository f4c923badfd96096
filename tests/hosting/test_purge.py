"""`cowscope purge`, and what a server that runs meanwhile makes of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

from app.cli import app as commands
from app.main import create_app
from app.settings import Settings
from app.store import migrate, open_session
from app.store.rooms import RoomExpired, get_room, hash_of, new_room
from tests.recordings import recorded, written

TEXT = "title: private\nA mmap buf 1\nA write buf 1\nA fork B"


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    monkeypatch.setenv("COWSCOPE_DATA_DIR", str(settings.data_dir))
    app = create_app(settings)
    migrate(app.state.engine)
    yield app
    app.state.runs.close()
    app.state.traces.close()
    app.state.rooms.close()
    app.state.engine.dispose()


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app)


def purge(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["purge", *arguments])


def make(client: TestClient, policy: str = "linux", text: str = TEXT) -> str:
    answer = client.post("/api/v1/runs", json={"scenario": text, "policy": policy})
    assert answer.status_code == 201
    return str(answer.json()["id"])


def test_a_removed_run_is_gone_for_everybody(app: FastAPI, client: TestClient) -> None:
    run, other = make(client), make(client, "mapcount")
    paths = [f"/r/{run}/{n}" for n in (0, 3)]
    paths += [f"/r/{run}/3.json", f"/r/{run}/3.svg", f"/r/{run}.cow", f"/r/{run}.html"]
    paths += [f"/c/{run}..{other}/1", f"/e/{run}/2", f"/m/{run}", f"/api/v1/runs/{run}"]
    for path in paths:
        assert client.get(path).status_code == 200, path
    done = purge("--run", run, "--reason", "asked by mail")
    assert done.exit_code == 0, done.output
    assert f"removed: run {run} “private”" in done.output
    assert f"under another policy or version, kept: 1 run ({other})" in done.output
    app.state.housekeeper.look()
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 410, path
        assert "asked by mail" in answer.text
    assert client.get(f"/r/{other}/3").status_code == 200
    again = client.post("/api/v1/runs", json={"scenario": TEXT + "\n\n", "policy": "refcount"})
    assert again.status_code == 410
    assert again.json()["type"] == "urn:cowscope:run-removed"
    form = client.post("/new", data={"text": TEXT, "policy": "linux"})
    assert form.status_code == 410
    assert purge("--run", run).exit_code == 2


def test_nothing_of_the_text_is_left_in_the_file(settings: Settings, client: TestClient) -> None:
    run, packed = make(client), zlib.compress(TEXT.encode(), 9)

    def stored() -> bool:
        files = settings.data_dir.glob("*.sqlite3*")
        return any(packed in file.read_bytes() for file in files)

    assert stored()
    assert purge("--run", run).exit_code == 0
    assert not stored()


def test_a_process_that_never_had_it_in_memory_needs_no_look(client: TestClient) -> None:
    run = make(client)
    purge("--run", run)
    fresh = create_app(Settings())
    assert TestClient(fresh).get(f"/r/{run}/0").status_code == 410
    fresh.state.runs.close()
    fresh.state.engine.dispose()


def test_a_dry_run_says_what_would_go_and_removes_nothing(client: TestClient) -> None:
    run = make(client)
    told = purge("--run", run, "--dry-run")
    assert told.output == f"would be removed: run {run} “private”\n"
    assert client.get(f"/r/{run}/0").status_code == 200
    assert purge("--dry-run").output.startswith("would be emptied: 0 expired rooms\n")


@pytest.mark.parametrize("arguments", [("--run", "nothere"), ("--run", "x", "--reason", "a\nb")])
def test_what_cannot_be_removed_is_2(client: TestClient, arguments: tuple[str, ...]) -> None:
    assert purge(*arguments).exit_code == 2


def test_a_shipped_scenario_stays(client: TestClient) -> None:
    location = client.get("/s/hello-fork", follow_redirects=False).headers["location"]
    refused = purge("--run", location.split("/")[2])
    assert refused.exit_code == 2
    assert "shipped" in refused.output


def test_a_server_empties_expired_rooms_by_itself(app: FastAPI, client: TestClient) -> None:
    run, now = make(client), datetime.now(UTC)
    with open_session(app.state.engine) as session:
        code = new_room(
            session=session, title="secret class", runs=[(run, "t", 3)], claim=hash_of("x"),
            now=now - timedelta(days=2), lifetime=timedelta(days=1),
        )  # fmt: skip
    app.state.housekeeper.look()
    with open_session(app.state.engine) as session, pytest.raises(RoomExpired):
        get_room(session=session, code=code, now=now)
    assert purge("--dry-run").output.startswith("would be emptied: 0 expired rooms\n")


def test_a_removed_trace_is_gone_for_everybody(app: FastAPI, client: TestClient) -> None:
    data = written(recorded())
    trace = client.post("/api/v1/traces", content=data).json()["id"]
    paths = [f"/t/{trace}", f"/t/{trace}.json", f"/t/{trace}/3", f"/api/v1/traces/{trace}"]
    for path in paths:
        assert client.get(path).status_code == 200, path
    assert purge("--trace", trace, "--reason", "asked by mail").exit_code == 0
    app.state.housekeeper.look()
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 410, path
        assert f"Trace {trace} was removed on" in answer.text
    again = client.post("/api/v1/traces", content=data)
    assert again.status_code == 410
    assert again.json()["type"] == "urn:cowscope:trace-removed"
