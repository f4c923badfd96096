"""Heavy runs wait for each other, light ones do not wait for them, and no queue is endless."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.service import runs
from app.trace import play
from tests.hosting.test_guard import application

HEAVY = "A mmap buf 64\n" + "A write buf 1\n" * 4


class Slow:
    """Plays a heavy text only when the test lets it."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self.go = threading.Event()

    def play(self, scenario: object, policy: str) -> object:
        if "mmap buf 64" in scenario.text:  # type: ignore[attr-defined]
            self.started.release()
            assert self.go.wait(30)
        return play(scenario, policy)  # type: ignore[arg-type]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    slow = Slow()
    monkeypatch.setattr(runs, "play", slow.play)
    yield slow
    slow.go.set()


def test_heavy_runs_queue_and_light_ones_pass(tmp_path: Path, slow: Slow) -> None:
    app = application(tmp_path, heavy_page_steps=100, heavy_queue=2)
    with TestClient(app) as client, ThreadPoolExecutor(5) as people:

        def post(text: str) -> tuple[int, str]:
            answer = client.post("/api/v1/runs", json={"scenario": text, "policy": "linux"})
            return answer.status_code, answer.headers.get("retry-after", "")

        first = people.submit(post, HEAVY)
        assert slow.started.acquire(timeout=30)
        same = people.submit(post, HEAVY)
        others = [people.submit(post, f"# {n}\n{HEAVY}") for n in range(3)]
        done = as_completed(others, timeout=30)
        assert [next(done).result() for _ in range(2)] == [(503, "10")] * 2, "one finds room"
        assert post("A mmap buf 1\nA write buf 1\n") == (201, "")
        slow.go.set()
        assert [future.result(30) for future in (first, same, next(done))] == [(201, "")] * 3


def test_a_heavy_run_is_played_again_in_its_queue(tmp_path: Path) -> None:
    app = application(tmp_path, heavy_page_steps=100, run_cache_steps=0)
    with TestClient(app) as client:
        made = client.post("/api/v1/runs", json={"scenario": HEAVY, "policy": "linux"}).json()
        again = client.post("/api/v1/runs", json={"scenario": HEAVY, "policy": "linux"}).json()
        assert again == made
        assert client.get(f"/api/v1/runs/{made['id']}").json()["id"] == made["id"]


def test_light_runs_have_a_queue_too(tmp_path: Path, slow: Slow) -> None:
    app = application(tmp_path, queue=1)
    with TestClient(app) as client, ThreadPoolExecutor(1) as people:
        first = people.submit(client.post, "/api/v1/runs", json={"scenario": HEAVY})
        assert slow.started.acquire(timeout=30)
        refused = client.post("/new", data={"text": "A mmap buf 1\n"})
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "2"
        assert "waiting" in refused.text
        slow.go.set()
        assert first.result(30).status_code == 201
