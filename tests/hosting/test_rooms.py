"""Rooms over several processes, killed, cut off, slow: nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from app.store import open_engine
from benchmarks.crowd import Connection, Leader, Member, hang_up
from benchmarks.load import Plan, play, table
from tests.awaiting import awaited
from tests.conftest import empty_schema
from tests.hosting.served import Served, served


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("rooms")
    with served("--workers", "2", data_dir=str(data), cdn="false") as server:
        yield server


async def until(done: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.02)


def run(walk: Coroutine[object, object, None]) -> None:
    async def whole() -> None:
        try:
            await walk
        finally:
            await hang_up()

    awaited(whole())


async def led(port: int) -> Leader:
    leader = Leader(port)
    await leader.make("hello-fork")
    return leader


def test_a_room_on_a_server_that_is_killed_twice(tmp_path: Path) -> None:
    """The benchmark, small: whoever follows sees every step, each answer counts once."""
    plan = Plan(
        members=20, steps=6, pace=0.2, joining=0.5, answering=0.5, alone=4, alone_seconds=1,
        environment={"data_dir": str(tmp_path), "cdn": "false"},
    )  # fmt: skip
    rows = awaited(play(plan))
    timed = ("from click to event", "4 step alone")
    unmet = [row for row in rows if row.met is False and not row.what.startswith(timed)]
    assert not unmet, table(rows)
    assert len(rows) == 7


def test_two_workers_show_one_room(two_workers: Served) -> None:
    async def walk() -> None:
        leader = await led(two_workers.port)
        members = [Member(two_workers.port, leader.code) for _ in range(12)]
        following = [asyncio.create_task(member.follow()) for member in members]
        await until(lambda: all(m.joined for m in members))
        for number in (1, 2, 3):
            await leader.step(number)
            await until(lambda number=number: all(number in m.seen for m in members))  # type: ignore[misc]
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)

    run(walk())


def test_two_machines_on_one_postgresql_show_one_room(postgresql_url: str, tmp_path: Path) -> None:
    settings = {"database_url": postgresql_url, "data_dir": str(tmp_path), "cdn": "false"}
    engine = open_engine(Settings(data_dir=tmp_path, database_url=postgresql_url))
    empty_schema(engine)
    engine.dispose()

    async def walk(one: Served, other: Served) -> None:
        leader = await led(one.port)
        members = [Member((one, other)[i % 2].port, leader.code) for i in range(6)]
        following = [asyncio.create_task(member.follow()) for member in members]
        await until(lambda: all(m.joined for m in members))
        await leader.step(3)
        await until(lambda: all(3 in m.seen for m in members))
        offers = (await leader.page()).partition('name="ask" value="')[2]
        assert (await leader.do("ask", offers.partition('"')[0])).status == 200
        await asyncio.gather(*(m.answer("ab", 0.1, True) for m in members))
        await asyncio.to_thread(one.kill)
        leader.connection = moved(leader.connection, other.port)
        await leader.do("close", "now")
        assert "6 of" in await leader.page(), "what one machine took, the other has"
        await leader.step(4)
        away = [m for m in members if m.port == other.port]
        await until(lambda: all(4 in m.seen for m in away))
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)

    with served(ready=False, **settings) as one, served(ready=False, **settings) as other:
        one.wait_until_ready()
        other.wait_until_ready()
        run(walk(one, other))


def moved(connection: Connection, port: int) -> Connection:
    """The same browser, sent to another machine by its proxy."""
    other = Connection(port)
    other.cookie = connection.cookie
    return other


def test_a_reader_that_does_not_read_holds_up_nobody(two_workers: Served) -> None:
    async def walk() -> None:
        leader = await led(two_workers.port)
        slow = []
        for _ in range(5):
            plug = socket.create_connection(("127.0.0.1", two_workers.port))
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            plug.sendall(f"GET /w/{leader.code}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            slow.append(plug)
        member = Member(two_workers.port, leader.code)
        following = asyncio.create_task(member.follow())
        await until(lambda: bool(member.joined))
        for number in range(1, 7):
            await leader.step(number)
        await until(lambda: 6 in member.seen)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        for plug in slow:
            plug.close()

    run(walk())


def test_a_stream_that_is_dropped_goes_on_where_it_was(two_workers: Served) -> None:
    async def walk() -> None:
        leader = await led(two_workers.port)
        member = Member(two_workers.port, leader.code)
        for number in range(1, 6):
            stream = Connection(two_workers.port)
            reading = asyncio.create_task(member.read(stream, 0.0))
            await until(lambda number=number: member.streams == number)  # type: ignore[misc]
            stream.close()
            with contextlib.suppress(Exception):
                await reading
            await leader.step(number)
        reading = asyncio.create_task(member.read(Connection(two_workers.port), 0.0))
        await until(lambda: {1, 2, 3, 4, 5} <= member.seen.keys())
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    run(walk())


def test_a_server_that_is_told_to_stop_ends_its_streams(tmp_path: Path) -> None:
    async def walk(server: Served) -> None:
        leader = await led(server.port)
        member = Member(server.port, leader.code)
        reading = asyncio.create_task(member.read(Connection(server.port), 0.0))
        await until(lambda: member.streams == 1)
        began = time.monotonic()
        await asyncio.to_thread(server.stop)
        assert time.monotonic() - began < 30, "it did not wait for its streams"
        with pytest.raises((EOFError, OSError)):
            await reading

    with served(data_dir=str(tmp_path), cdn="false", shutdown_seconds="60") as server:
        run(walk(server))
