"""Several workers and several machines are one server to those who use it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.settings import Settings
from app.store import open_engine
from tests.conftest import empty_schema
from tests.hosting.served import Served, served


def text(number: int) -> str:
    return f"# {number}\nA mmap buf 1\nA write buf 1\n"


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("data")
    with served("--workers", "2", data_dir=str(data)) as server:
        yield server


def test_a_run_made_by_one_worker_is_there_for_the_other(two_workers: Served) -> None:
    one, other = workers_of(two_workers)
    with answering_alone(besides=other):
        made = [two_workers.post(text(number)) for number in range(5)]
        assert {status for status, _ in made} == {201}
    with answering_alone(besides=one):
        for _, run in made:
            assert two_workers.ask(f"/r/{run['id']}/2")[0] == 200
        again = [two_workers.post(text(number)) for number in range(5)]
        assert [run["id"] for _, run in again] == [run["id"] for _, run in made]


@contextmanager
def answering_alone(besides: int) -> Iterator[None]:
    """One worker answers whatever comes: the system gives it to either of them otherwise."""
    os.kill(besides, signal.SIGSTOP)
    try:
        until_stopped(besides)
        yield
    finally:
        os.kill(besides, signal.SIGCONT)


def until_stopped(process: int) -> None:
    deadline = time.monotonic() + 30
    while "State:\tT" not in Path(f"/proc/{process}/status").read_text():
        assert time.monotonic() < deadline, "it did not stop"
        time.sleep(0.01)


def test_answers_are_the_same_whoever_gives_them(two_workers: Served) -> None:
    with ThreadPoolExecutor(4) as people:
        made = list(people.map(two_workers.post, map(text, range(100, 120))))
        assert {status for status, _ in made} == {201}
        pages = [f"/r/{run['id']}/2" for _, run in made]
        assert {status for status, _ in people.map(two_workers.ask, pages * 2)} == {200}


def test_a_rolling_restart_loses_no_answer(two_workers: Served) -> None:
    done = threading.Event()
    before = workers_of(two_workers)

    def post_until_done(first: int) -> list[tuple[int, str]]:
        out = []
        for number in range(first, first + 100_000):
            status, run = two_workers.post(text(number))
            out.append((status, run["id"]))
            if done.is_set():
                break
        return out

    with ThreadPoolExecutor(2) as people:
        posting = [people.submit(post_until_done, first) for first in (1_000_000, 2_000_000)]
        two_workers.tell(signal.SIGHUP)
        deadline = time.monotonic() + 60
        while workers_of(two_workers) & before and time.monotonic() < deadline:
            time.sleep(0.2)
        done.set()
        acknowledged = [answer for future in posting for answer in future.result(60)]
    assert not workers_of(two_workers) & before
    assert {status for status, _ in acknowledged} == {201}
    for _, run in acknowledged[::20]:
        assert two_workers.ask(f"/api/v1/runs/{run}")[0] == 200


def workers_of(server: Served) -> set[int]:
    """Process ids of a server's children that serve."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    commands = {int(pid): Path(f"/proc/{pid}/cmdline") for pid in children.split()}
    return {pid for pid, file in commands.items() if b"spawn_main" in read(file)}


def read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def test_a_worker_that_dies_is_replaced(two_workers: Served) -> None:
    before = workers_of(two_workers)
    os.kill(min(before), signal.SIGKILL)
    deadline = time.monotonic() + 60
    while len(workers_of(two_workers) - before) < 1 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(workers_of(two_workers)) == 2
    assert two_workers.post(text(-1))[0] == 201


def test_two_machines_on_one_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    settings = {"database_url": postgresql_url, "data_dir": str(tmp_path)}
    engine = open_engine(Settings(data_dir=tmp_path, database_url=postgresql_url))
    empty_schema(engine)
    engine.dispose()
    with served(ready=False, **settings) as one, served(ready=False, **settings) as other:
        one.wait_until_ready()
        other.wait_until_ready()
        with ThreadPoolExecutor(8) as people:
            twice = [
                people.submit(server.post, text(number))
                for number in range(20)
                for server in (one, other)
            ]
            answers = [future.result(60) for future in twice]
        assert {status for status, _ in answers} == {201}
        assert len({run["id"] for _, run in answers}) == 20, "the same text is the same run"
        status, run = one.post("A mmap alone 1\n")
        assert status == 201
        one.kill()
        assert other.ask(f"/r/{run['id']}/1")[0] == 200
        assert other.post(text(99))[0] == 201


def test_a_server_told_to_stop_says_so_and_goes_on_for_the_drain(tmp_path: Path) -> None:
    with served(data_dir=str(tmp_path), drain_seconds="60") as server:
        assert server.ask("/readyz") == (200, "ready\n")
        server.tell(signal.SIGTERM)
        deadline = time.monotonic() + 30
        while (status := server.ask("/readyz")[0]) == 200 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert status == 503
        assert server.post(text(0))[0] == 201
        server.tell(signal.SIGTERM)  # Once more: without waiting.
        server.process.wait(30)
        with pytest.raises(ConnectionError):
            server.ask("/readyz")
