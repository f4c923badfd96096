"""The streams of one process: what is new is asked of the store once for all of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TypeVar

import structlog
from msgspec import Struct, json
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from app.rooms.service import HERE, now
from app.settings import Settings
from app.store import StoreUnavailable, open_session
from app.store.answers import counts
from app.store.room_tables import Room
from app.store.rooms import (
    RoomExpired,
    RoomState,
    UnknownRoom,
    events_after,
    get_room,
    news,
    see_members,
)

Result = TypeVar("Result")

log = structlog.get_logger(__name__)

LOOK = 0.15
"""Seconds between two looks for what other processes have changed."""
COUNT = 1.0
"""Seconds between two counts of who is here and has answered, while that changes."""
NOTE = 5.0
"""Seconds after which it is noted again who is here."""
RECENT = 300
"""Changes of a room that a reader who comes back gets one by one; who missed more, the last."""
WAITING = 400
"""Messages that may wait for a slow reader; then its stream ends, and it comes back."""


class TooManyStreams(Exception):
    """The process has as many streams open as it may."""


class Here(Struct, frozen=True):
    """Who is there: members, answers to the poll on the screens, and whether the leader is."""

    here: int = 0
    answered: int = 0
    leader: bool = True


def message(event: str, data: str, seq: int | None = None) -> bytes:
    """A server-sent event (HTML, 9.2.5). `data` has no line ends."""
    number = "" if seq is None else f"id: {seq}\n"
    return f"{number}event: {event}\ndata: {data}\n\n".encode()


class Subscription:
    """One open stream: `role` "member", "lead" or "stage"; `member` is the hash of its cookie."""

    __slots__ = ("_ready", "_waiting", "closed", "member", "role")

    def __init__(self, role: str, member: bytes) -> None:
        self.role = role
        self.member = member
        self.closed = False
        self._waiting: list[bytes] = []
        self._ready = asyncio.Event()

    def offer(self, chunk: bytes) -> None:
        if len(self._waiting) >= WAITING:
            self.close()
        elif not self.closed:
            self._waiting.append(chunk)
            self._ready.set()

    def close(self) -> None:
        self.closed = True
        self._waiting.clear()
        self._ready.set()

    async def next(self, seconds: float) -> bytes | None:
        """All that waits; b"" when nothing comes for so long; None when the stream is over."""
        if not self._ready.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._ready.wait()
            except TimeoutError:
                return b""
        if self.closed:
            return None
        chunk = b"".join(self._waiting)
        self._waiting.clear()
        self._ready.clear()
        return chunk


class Watched:
    """A room that has streams here. `recent` are its last changes: (seq, message)."""

    def __init__(self, state: RoomState, recent: list[tuple[int, str]]) -> None:
        self.state = state
        self.recent: deque[tuple[int, bytes]] = deque(maxlen=RECENT)
        self.streams: set[Subscription] = set()
        self.here = Here()
        self.noted = 0.0
        self.restless = True
        for seq, data in recent:
            self.add(seq, data)

    def add(self, seq: int, data: str) -> bytes:
        chunk = message("state", data, seq)
        self.recent.append((seq, chunk))
        self.state = json.decode(data, type=RoomState)
        return chunk

    def missed(self, after: int) -> list[bytes]:
        """What a reader gets who has seen change `after`; with 0 or too old a one, the last."""
        chunks = [chunk for seq, chunk in self.recent if seq > after]
        complete = bool(self.recent) and self.recent[0][0] <= after + 1
        return chunks if after and complete else chunks[-1:]

    def tell(self, chunk: bytes) -> None:
        for stream in self.streams:
            stream.offer(chunk)


class Hub:
    """Opens and feeds streams. Lives on one event loop; its task runs while there are streams."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._most_streams = settings.streams
        self._most_members = settings.room_members
        self._rooms: dict[str, Watched] = {}
        self._loading: dict[str, asyncio.Task[Watched]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hub")
        self._task: asyncio.Task[None] | None = None
        self._nudged = asyncio.Event()
        self._count_at = 0.0
        self.stopped = False

    @property
    def open_streams(self) -> int:
        return sum(len(room.streams) for room in self._rooms.values())

    def close(self) -> None:
        """End every stream: their readers come back, to another process."""
        self.stopped = True
        for room in self._rooms.values():
            for stream in room.streams:
                stream.close()
        if self._task is not None:
            self._task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def nudge(self) -> None:
        """Something has been changed by this process: look at once."""
        self._nudged.set()

    def known(self, code: str) -> RoomState | None:
        """What the screens of a room show, if it has streams here: a look-up, no I/O."""
        room = self._rooms.get(code)
        return room.state if room and room.streams else None

    async def open(self, code: str, role: str, member: bytes, after: int) -> Subscription:
        """A stream that begins with what was missed since change `after`.

        Raises TooManyStreams, UnknownRoom, RoomExpired, StoreUnavailable.
        """
        if self.stopped or self.open_streams >= self._most_streams:
            raise TooManyStreams("This server has as many streams open as it may.")
        room = self._rooms.get(code)
        if room is None:
            loading = self._loading.get(code)
            if loading is None:
                loading = asyncio.create_task(self._load(code))
                self._loading[code] = loading
                loading.add_done_callback(lambda _: self._loading.pop(code, None))
            loaded = await asyncio.shield(loading)
            room = self._rooms.setdefault(code, loaded)
        stream = Subscription(role, member)
        for chunk in room.missed(after):
            stream.offer(chunk)
        stream.offer(message("here", json.encode(room.here).decode()))
        room.streams.add(stream)
        room.restless = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return stream

    def leave(self, code: str, stream: Subscription) -> None:
        stream.close()
        room = self._rooms.get(code)
        if room is not None:
            room.streams.discard(stream)
            if not room.streams:
                del self._rooms[code]

    async def _load(self, code: str) -> Watched:
        def load(session: Session) -> Watched:
            view = get_room(session=session, code=code, now=now())
            return Watched(view.state, events_after(session, code, view.state.seq - RECENT))

        return await self._ask(load)

    async def _ask(self, do: Callable[[Session], Result]) -> Result:
        def run() -> Result:
            with open_session(self._engine) as session:
                return do(session)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    async def _run(self) -> None:
        while self._rooms:
            try:
                async with asyncio.timeout(LOOK):
                    await self._nudged.wait()
            except TimeoutError:
                pass
            self._nudged.clear()
            try:
                await self._tell_news()
                if monotonic() >= self._count_at:
                    self._count_at = monotonic() + COUNT
                    for code in list(self._rooms):
                        await self._count(code)
            except StoreUnavailable as error:
                # Whoever is connected stays so, and is told when the store answers again.
                log.warning("rooms wait for the store", reason=error.reason)
                await asyncio.sleep(COUNT)

    async def _tell_news(self) -> None:
        seen = {code: room.state.seq for code, room in self._rooms.items()}
        found = await self._ask(lambda session: news(session=session, seen=seen))
        for code, events in found.items():
            room = self._rooms.get(code)
            for seq, data in events if room else ():
                if room and seq > room.state.seq:
                    room.tell(room.add(seq, data))
                    room.restless = True

    async def _count(self, code: str) -> None:
        """Note who is here, and tell when the numbers change."""
        room = self._rooms.get(code)
        if room is None:
            return
        poll = room.state.poll
        due = monotonic() >= room.noted + NOTE
        if not (due or room.restless or (poll and poll.open)):
            return
        note = due or room.restless
        if note:
            room.noted, room.restless = monotonic(), False
        members = {s.member for s in room.streams if s.role == "member"} if note else set()
        leads = note and any(s.role == "lead" for s in room.streams)

        def count(session: Session) -> Here:
            moment = now()
            see_members(
                session=session, code=code, members=members, now=moment, most=self._most_members
            )
            if leads:
                session.execute(update(Room).where(Room.id == code).values(leader_seen=moment))
            view = get_room(session=session, code=code, now=moment)
            found = counts(
                session=session, code=code, poll=poll.n if poll else 0, since=moment - HERE
            )
            return Here(found.here, found.answered, view.leader_seen >= moment - HERE)

        try:
            here = await self._ask(count)
        except (UnknownRoom, RoomExpired):
            room.tell(message("over", "{}"))
            for stream in list(room.streams):
                stream.close()
            return
        if here != room.here:
            room.here = here
            room.tell(message("here", json.encode(here).decode()))
