"""Rooms as pages use them. The database never blocks the loop."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from msgspec import Struct
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.rooms.actions import ACTIONS, BadAction
from app.service import LoadedRun
from app.settings import Settings
from app.store import open_session
from app.store.answers import Counts, Person, answer_of, counts, join, people, save_answer, tally
from app.store.room_tables import NAME_CHARACTERS, TITLE_CHARACTERS, Room
from app.store.rooms import (
    RoomState,
    RoomView,
    change_room,
    get_room,
    hash_of,
    locked_room,
    new_room,
    purge_rooms,
)

Result = TypeVar("Result")

HERE = timedelta(seconds=20)
"""Who was seen no longer ago is here; screens are noted every few seconds."""
PEOPLE = 500
"""Members that the leader's page lists."""
WRITERS = 8
MOST_ITEMS = 30


class NotLeader(Exception):
    """The browser does not lead the room (any more)."""

    def __init__(self, code: str, leader_name: str, now_led: bool) -> None:
        who = leader_name or "somebody else"
        super().__init__(
            f"You do not lead room {code}: {who} does. The one who leads can hand it over."
            if now_led
            else f"Room {code} has no leader yet; the link that was made with it makes one."
        )
        self.code = code


class OtherTab(Exception):
    """The browser leads the room, from another of its tabs."""

    def __init__(self, code: str) -> None:
        super().__init__(
            f"You lead room {code} from another tab. Take over to lead it from this one."
        )
        self.code = code


class BadClaim(Exception):
    """A link that makes one the leader was used already, or another one has replaced it."""

    def __init__(self, code: str) -> None:
        super().__init__(
            f"This link to lead room {code} works once, and was used or replaced. "
            "The one who leads can make another."
        )
        self.code = code


class Action(Struct, frozen=True):
    """What a leader does: a name of `ACTIONS` and its value."""

    name: str
    value: str = ""


class Claimed(Struct, frozen=True):
    """A browser that leads from now on: the secret for its cookie, and its tab's name."""

    secret: str
    tab: str


def now() -> datetime:
    return datetime.now(UTC)


def line_of(text: str, most: int) -> str:
    """One line of at most `most` printable characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:most].rstrip()


def same(secret: str, known: bytes | None) -> bool:
    return known is not None and hmac.compare_digest(hash_of(secret), known)


class RoomService:
    """Rooms of one store, for any number of processes: nothing of a room is kept here."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._most = settings.room_members
        self._lifetime = timedelta(hours=settings.room_hours)
        # SQLite has one writer at a time: a queue is fairer than its lock.
        writers = 1 if engine.dialect.name == "sqlite" else WRITERS
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="room")
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="room-read")

    def close(self) -> None:
        self._writers.shutdown(cancel_futures=True)
        self._readers.shutdown(cancel_futures=True)

    async def _write(self, do: Callable[[Session], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._writers, self._in_session, do)

    async def _read(self, do: Callable[[Session], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._in_session, do)

    def _in_session(self, do: Callable[[Session], Result]) -> Result:
        with open_session(self._engine) as session:
            return do(session)

    async def create(
        self, title: str, runs: Sequence[LoadedRun], name: str = ""
    ) -> tuple[str, str]:
        """A room with a playlist: its code, and the secret of the link that makes one its leader.

        Raises BadAction for a playlist that is empty or too long, and StoreUnavailable.
        """
        if not 0 < len(runs) <= MOST_ITEMS:
            raise BadAction(f"A room plays 1 to {MOST_ITEMS} scenarios; these are {len(runs)}.")
        once = secrets.token_urlsafe(16)
        playlist = [
            (run.id, run.run.scenario.title or "Untitled scenario", run.last) for run in runs
        ]
        called = line_of(title, TITLE_CHARACTERS) or playlist[0][1][:TITLE_CHARACTERS]

        def make(session: Session) -> str:
            purge_rooms(session=session, now=now())
            return new_room(
                session=session, title=called, runs=playlist, claim=hash_of(once), now=now(),
                lifetime=self._lifetime, leader_name=line_of(name, NAME_CHARACTERS),
            )  # fmt: skip

        return await self._write(make), once

    async def view(self, code: str) -> RoomView:
        """Raises UnknownRoom, RoomExpired, StoreUnavailable, as all that follows does."""
        return await self._read(lambda session: get_room(session=session, code=code, now=now()))

    async def claim(self, code: str, once: str, name: str) -> Claimed:
        """Make a browser the leader; whoever was it before is it no more. Raises BadClaim."""
        claimed = Claimed(secrets.token_urlsafe(24), secrets.token_hex(4))

        def take(session: Session) -> None:
            room = locked_room(session, code, now())
            if not same(once, room.claim):
                raise BadClaim(code)
            if room.leader is not None:
                room.leader_name = line_of(name, NAME_CHARACTERS)
            room.leader, room.claim, room.tab = hash_of(claimed.secret), None, claimed.tab
            room.leader_seen = now()

        await self._write(take)
        return claimed

    async def take(self, code: str, secret: str) -> str:
        """Lead from a new tab, whose name is returned; the one before leads no more."""
        tab = secrets.token_hex(4)

        def move(session: Session) -> None:
            room = locked_room(session, code, now())
            self._check(room, secret, None)
            room.tab, room.leader_seen = tab, now()

        await self._write(move)
        return tab

    async def offer(self, code: str, secret: str, tab: str | None) -> str:
        """The secret of a new link that hands the room over, once; older ones stop working."""
        once = secrets.token_urlsafe(16)

        def put(session: Session) -> None:
            room = locked_room(session, code, now())
            self._check(room, secret, tab)
            room.claim = hash_of(once)

        await self._write(put)
        return once

    def _check(self, room: Room, secret: str, tab: str | None) -> None:
        if not same(secret, room.leader):
            raise NotLeader(room.id, room.leader_name, room.leader is not None)
        if tab is not None and tab != room.tab:
            raise OtherTab(room.id)

    async def act(self, code: str, secret: str, tab: str | None, action: Action) -> RoomState:
        """Do what the leader wants. Without `tab` any tab of the leader's browser may.

        Raises NotLeader, OtherTab, BadAction.
        """
        change = ACTIONS.get(action.name)
        if change is None:
            raise BadAction(f"“{action.name[:40]}” is nothing that a leader does.")

        def alter(session: Session, room: Room) -> None:
            self._check(room, secret, tab)
            change(session, room, action.value)

        return await self._write(
            lambda session: change_room(
                session=session, code=code, now=now(), lifetime=self._lifetime, change=alter
            )
        )

    async def end(self, code: str, secret: str, tab: str | None) -> None:
        """The room expires now. Raises NotLeader, OtherTab."""

        def stop(session: Session) -> None:
            room = locked_room(session, code, now())
            self._check(room, secret, tab)
            room.expires = now()
            session.flush()
            purge_rooms(session=session, now=now())

        await self._write(stop)

    async def join(self, code: str, member: str, name: str | None = None) -> None:
        """Note that a browser is there, under a name if one is given. Raises RoomFull."""
        told = None if name is None else line_of(name, NAME_CHARACTERS)

        def put(session: Session) -> None:
            get_room(session=session, code=code, now=now())
            join(session, code, hash_of(member), now(), self._most, told)

        await self._write(put)

    async def answer(self, code: str, poll: int, member: str, chosen: Sequence[str]) -> None:
        """When this returns, the answer is stored. Raises PollClosed, RoomFull."""
        await self._write(
            lambda session: save_answer(
                session=session, code=code, poll=poll, member=hash_of(member),
                chosen=" ".join(chosen), now=now(), most=self._most,
            )
        )  # fmt: skip

    async def answered(self, code: str, poll: int, member: str) -> tuple[str, ...]:
        """The options that a browser chose; () for none."""
        chosen = await self._read(
            lambda session: answer_of(session=session, code=code, poll=poll, member=hash_of(member))
        )
        return tuple(chosen.split())

    async def tally(self, code: str, poll: int) -> dict[tuple[str, ...], int]:
        """How many gave each answer."""
        found = await self._read(lambda session: tally(session=session, code=code, poll=poll))
        return {tuple(chosen.split()): number for chosen, number in found.items()}

    async def counts(self, code: str, poll: int) -> Counts:
        return await self._read(
            lambda session: counts(session=session, code=code, poll=poll, since=now() - HERE)
        )

    async def people(self, code: str) -> tuple[Person, ...]:
        return await self._read(
            lambda session: people(session=session, code=code, since=now() - HERE, most=PEOPLE)
        )
