"""The streams of a process: what they begin with, what they are told, and what they survive."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator

import pytest
from sqlalchemy import Engine, event

from app.rooms import Action, Hub, RoomService, Subscription, TooManyStreams
from app.rooms.hub import WAITING
from app.service import RunService
from app.settings import DATABASE_FILE, Settings
from app.store import StoreUnavailable, migrate, open_engine
from app.store.rooms import UnknownRoom, hash_of
from tests.awaiting import awaited

MEMBER = hash_of("somebody")


class House:
    """A store with a room in it, and what serves it."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.settings = settings
        self.engine = engine
        self.runs = RunService(engine, settings)
        self.rooms = RoomService(engine, settings)
        self.hub = Hub(engine, settings)
        self.code = self.secret = ""

    async def open(self) -> None:
        run = await self.runs.create("A mmap buf 1\nA write buf 1\nA fork B\nA write buf 2\n")
        self.code, once = await self.rooms.create("", [run])
        self.secret = (await self.rooms.claim(self.code, once, "")).secret
        self.run = run.id

    async def do(self, name: str, value: str) -> None:
        await self.rooms.act(self.code, self.secret, None, Action(name, value))

    def close(self) -> None:
        self.hub.close()
        self.rooms.close()
        self.runs.close()


@pytest.fixture
def house(engine: Engine, empty_store: Settings) -> Iterator[House]:
    house = House(engine, empty_store.model_copy(update={"database_timeout": 5.0, "streams": 3}))
    yield house
    house.close()


def walk(house: House, steps: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(30):
            await house.open()
            await steps()
            house.hub.close()

    awaited(run())


async def heard(stream: Subscription, number: int) -> list[int]:
    """The numbers of the changes that come until change `number` has."""
    seqs: list[int] = []
    while number not in seqs:
        chunk = await stream.next(20)
        assert chunk, "the stream is over or silent"
        seqs += [int(seq) for seq in re.findall(rb"id: (\d+)\n", chunk)]
    return seqs


def test_a_stream_begins_with_what_is_shown_and_goes_on_from_what_was_seen(house: House) -> None:
    async def steps() -> None:
        for number in "123":
            await house.do("step", number)
        new = await house.hub.open(house.code, "member", MEMBER, 0)
        assert await heard(new, 4) == [4], "one that is new gets the step that is shown"
        back = await house.hub.open(house.code, "member", MEMBER, 2)
        assert await heard(back, 4) == [3, 4], "one that comes back gets what it missed"
        await house.do("step", "4")
        house.hub.nudge()
        assert await heard(new, 5) == [5]
        assert await heard(back, 5) == [5]

    walk(house, steps)


def test_another_process_is_told_what_this_one_changed(house: House) -> None:
    async def steps() -> None:
        other = Hub(house.engine, house.settings)
        stream = await other.open(house.code, "stage", MEMBER, 0)
        await heard(stream, 1)
        for number in "12":
            await house.do("step", number)
        assert await heard(stream, 3) == [2, 3]
        other.close()
        assert await stream.next(5) is None

    walk(house, steps)


def test_a_reader_that_is_too_slow_is_let_go_and_comes_back(house: House) -> None:
    async def steps() -> None:
        slow = await house.hub.open(house.code, "member", MEMBER, 0)
        quick = await house.hub.open(house.code, "member", MEMBER, 0)
        for _ in range(WAITING):
            slow.offer(b"x")
            quick.offer(b"x")
            await quick.next(5)
        assert await slow.next(5) is None
        await house.do("step", "1")
        house.hub.nudge()
        assert await heard(quick, 2) == [2]

    walk(house, steps)


def test_streams_are_limited_and_rooms_must_be_there(house: House) -> None:
    async def steps() -> None:
        with pytest.raises(UnknownRoom):
            await house.hub.open("ZZZZZ", "member", MEMBER, 0)
        streams = [await house.hub.open(house.code, "member", MEMBER, 0) for _ in range(3)]
        with pytest.raises(TooManyStreams):
            await house.hub.open(house.code, "member", MEMBER, 0)
        house.hub.leave(house.code, streams[0])
        await house.hub.open(house.code, "member", MEMBER, 0)

    walk(house, steps)


def test_a_room_that_is_ended_ends_its_streams(house: House) -> None:
    async def steps() -> None:
        stream = await house.hub.open(house.code, "member", MEMBER, 0)
        await heard(stream, 1)
        await house.rooms.end(house.code, house.secret, None)
        while (chunk := await stream.next(20)) is not None:
            assert chunk

    walk(house, steps)


def test_a_locked_database_delays_what_is_told(settings: Settings) -> None:
    engine = open_engine(settings)
    migrate(engine)
    house = House(engine, settings)

    async def steps() -> None:
        stream = await house.hub.open(house.code, "member", MEMBER, 0)
        await heard(stream, 1)
        other = sqlite3.connect(settings.data_dir / DATABASE_FILE)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await house.do("step", "1")
        other.rollback()
        other.close()
        await house.do("step", "1")
        assert await heard(stream, 2) == [2], "the stream is still there"

    walk(house, steps)
    house.close()
    engine.dispose()


def test_an_answer_that_the_disk_has_no_room_for_is_refused_and_kept_by_nobody(
    settings: Settings,
) -> None:
    engine = open_engine(settings)
    migrate(engine)
    full = False

    @event.listens_for(engine, "checkout")
    def limit(connection: sqlite3.Connection, *_: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages if full else 1_000_000}")

    house = House(engine, settings)

    async def steps() -> None:
        nonlocal full
        await house.do("step", "3")
        await house.do("ask", f"{house.run}.4.page")
        full = True
        stored = 0

        async def fill() -> None:
            nonlocal stored
            for number in range(2_000):
                await house.rooms.answer(house.code, 1, f"member {number}", ["a"])
                stored += 1

        with pytest.raises(StoreUnavailable, match="disk is full"):
            await fill()
        assert sum((await house.rooms.tally(house.code, 1)).values()) == stored
        full = False
        await house.rooms.answer(house.code, 1, f"member {stored}", ["a"])
        assert sum((await house.rooms.tally(house.code, 1)).values()) == stored + 1

    walk(house, steps)
    house.close()
    engine.dispose()
