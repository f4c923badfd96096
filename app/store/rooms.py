"""Rooms: made, led, expired. Every change of what the screens show is one more `RoomEvent`.

`now` is given by the caller. Secrets come in as hashes: `hash_of(secret)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.store.ids import room_code
from app.store.room_tables import (
    HASH_BYTES,
    Room,
    RoomEvent,
    RoomItem,
    RoomMember,
    RoomPoll,
)
from app.store.tables import Base

TOMBSTONE = timedelta(days=30)
"""How long the link of an expired room says that it is expired."""
KEPT_EVENTS = 500


class UnknownRoom(LookupError):
    """No room has this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no room “{code[:40]}”.")


class RoomExpired(Exception):
    """The room was there, and is not any more."""

    def __init__(self, code: str, expired: datetime) -> None:
        super().__init__(
            f"Room {code} expired on {expired:%d %B %Y at %H:%M} UTC; its answers are deleted."
        )


class Poll(msgspec.Struct, frozen=True):
    """A prediction on the screens. Answers are taken while `open`."""

    n: int
    question: str
    open: bool = True
    shown: bool = False
    revealed: bool = False


class RoomState(msgspec.Struct, frozen=True):
    """What the screens of a room show: this is what travels. `seq` counts its changes.

    item   position in the playlist; `run` its run and `last` that run's last step
    sel    what the leader points at, as the explorer's `?sel=` has it
    """

    seq: int
    item: int
    run: str
    step: int
    last: int
    sel: str = ""
    locked: bool = False
    blank: bool = False
    poll: Poll | None = None


@dataclass(frozen=True, slots=True)
class RoomView:
    """A room as pages show it. `leader` is the hash of the leader's secret."""

    id: str
    title: str
    expires: datetime
    state: RoomState
    items: tuple[tuple[str, str, int], ...]
    leader: bytes | None
    leader_name: str
    leader_seen: datetime
    tab: str
    claim: bytes | None


def hash_of(secret: str) -> bytes:
    """What the store knows of a secret that a browser keeps."""
    return blake2b(secret.encode(), digest_size=HASH_BYTES, person=b"cowscope-room").digest()


def insert(session: Session, table: type[Base]) -> Any:
    """An INSERT that knows ON CONFLICT, in the dialect of the session's database."""
    postgres = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(table) if postgres else sqlite.insert(table)


def new_room(
    *,
    session: Session,
    title: str,
    runs: Sequence[tuple[str, str, int]],
    claim: bytes,
    now: datetime,
    lifetime: timedelta,
    leader_name: str = "",
) -> str:
    """Store a room with a playlist of (run, title, last step), and return its code."""
    values = {
        "title": title,
        "created": now,
        "expires": now + lifetime,
        "seq": 1,
        "item": 0,
        "step": 0,
        "sel": "",
        "locked": False,
        "blank": False,
        "poll": 0,
        "leader": None,
        "leader_name": leader_name,
        "leader_seen": now,
        "tab": "",
        "claim": claim,
    }
    while True:
        code = room_code()
        statement = insert(session, Room).values(id=code, **values)
        taken = statement.on_conflict_do_nothing(index_elements=[Room.id]).returning(Room.id)
        if session.scalar(taken) is not None:
            break
    session.add_all(
        RoomItem(room=code, position=at, run=run, title=name[:200], last=last)
        for at, (run, name, last) in enumerate(runs)
    )
    state = RoomState(1, 0, runs[0][0], 0, runs[0][2])
    session.add(RoomEvent(room=code, seq=1, data=encoded(state)))
    return code


def encoded(state: RoomState) -> str:
    return msgspec.json.encode(state).decode()


def found(session: Session, code: str, now: datetime) -> Room:
    """The row of a room that lives. Raises UnknownRoom, RoomExpired."""
    room = session.get(Room, code, populate_existing=True)
    if room is None:
        raise UnknownRoom(code)
    if room.expires <= now:
        raise RoomExpired(code, room.expires)
    return room


def items_of(session: Session, code: str) -> tuple[tuple[str, str, int], ...]:
    rows = session.scalars(
        select(RoomItem).where(RoomItem.room == code).order_by(RoomItem.position)
    )
    return tuple((row.run, row.title, row.last) for row in rows)


def poll_of(session: Session, room: Room) -> Poll | None:
    row = session.get(RoomPoll, (room.id, room.poll), populate_existing=True) if room.poll else None
    if row is None:
        return None
    return Poll(row.number, row.question, row.open, row.shown, row.revealed)


def state_of(session: Session, room: Room) -> RoomState:
    item = session.get(RoomItem, (room.id, room.item))
    if item is None:
        raise UnknownRoom(room.id)
    return RoomState(
        room.seq, room.item, item.run, room.step, item.last, room.sel, room.locked, room.blank,
        poll_of(session, room),
    )  # fmt: skip


def get_room(*, session: Session, code: str, now: datetime) -> RoomView:
    """Raises UnknownRoom, RoomExpired."""
    room = found(session, code, now)
    return RoomView(
        id=room.id,
        title=room.title,
        expires=room.expires,
        state=state_of(session, room),
        items=items_of(session, code),
        leader=room.leader,
        leader_name=room.leader_name,
        leader_seen=room.leader_seen,
        tab=room.tab,
        claim=room.claim,
    )


def locked_room(session: Session, code: str, now: datetime) -> Room:
    """The row, and nobody else changes it until the transaction ends.

    Writing comes first: SQLite begins its transaction with it, PostgreSQL locks the row.
    """
    session.execute(update(Room).where(Room.id == code).values(seq=Room.seq))
    return found(session, code, now)


def change_room(
    *,
    session: Session,
    code: str,
    now: datetime,
    lifetime: timedelta,
    change: Callable[[Session, Room], object],
) -> RoomState:
    """Let `change` alter the row, and tell the screens if what they show has changed.

    The room lives on for `lifetime` from here. Raises UnknownRoom, RoomExpired, and what `change`
    raises.
    """
    room = locked_room(session, code, now)
    before = state_of(session, room)
    change(session, room)
    session.flush()
    room.expires = max(room.expires, now + lifetime)
    room.leader_seen = now
    after = state_of(session, room)
    if after == before:
        return before
    room.seq += 1
    after = msgspec.structs.replace(after, seq=room.seq)
    session.add(RoomEvent(room=code, seq=room.seq, data=encoded(after)))
    session.execute(
        delete(RoomEvent).where(RoomEvent.room == code, RoomEvent.seq <= room.seq - KEPT_EVENTS)
    )
    return after


def news(*, session: Session, seen: Mapping[str, int]) -> dict[str, list[tuple[int, str]]]:
    """Of each room that went on since the `seq` that was seen of it: (seq, state as JSON)."""
    current = session.execute(select(Room.id, Room.seq).where(Room.id.in_(seen)))
    moved = [code for code, seq in current if seq > seen[code]]
    return {code: events_after(session, code, seen[code]) for code in moved}


def events_after(session: Session, code: str, seq: int) -> list[tuple[int, str]]:
    query = select(RoomEvent.seq, RoomEvent.data).where(RoomEvent.room == code, RoomEvent.seq > seq)
    return [(number, data) for number, data in session.execute(query.order_by(RoomEvent.seq))]


def see_members(
    *, session: Session, code: str, members: Iterable[bytes], now: datetime, most: int
) -> None:
    """Note that these browsers are there; those that are new to the room join it, up to `most`."""
    there = set(members)
    if not there:
        return
    known = set(session.scalars(select(RoomMember.id).where(RoomMember.room == code)))
    new = sorted(there - known)[: max(0, most - len(known))]
    if new:
        rows = [{"room": code, "id": m, "name": "", "joined": now, "seen": now} for m in new]
        session.execute(insert(session, RoomMember).on_conflict_do_nothing(), rows)
    session.execute(
        update(RoomMember)
        .where(RoomMember.room == code, RoomMember.id.in_(there & known))
        .values(seen=now)
    )


def any_expired(*, session: Session, now: datetime) -> bool:
    """Whether `purge_rooms` has something to do."""
    holds = select(RoomItem.room).where(RoomItem.room == Room.id).exists()
    old = select(Room.id).where(Room.expires <= now, holds | (Room.expires <= now - TOMBSTONE))
    return session.scalar(old.limit(1)) is not None


def expired_rooms(*, session: Session, now: datetime) -> tuple[Sequence[str], Sequence[str]]:
    """What `purge_rooms` would empty, and what it would forget altogether: codes."""
    full = select(RoomItem.room).where(RoomItem.position == 0)
    query = select(Room.id).order_by(Room.id)
    emptied = query.where(Room.expires <= now, Room.id.in_(full))
    return (
        session.scalars(emptied).all(),
        session.scalars(query.where(Room.expires <= now - TOMBSTONE)).all(),
    )


def purge_rooms(*, session: Session, now: datetime) -> int:
    """Delete what expired rooms hold, and after a while the rooms themselves.

    Returns how many rooms expired with something in them. Run it as often as you like.
    """
    expired = select(Room.id).where(Room.expires <= now)
    session.execute(delete(RoomPoll).where(RoomPoll.room.in_(expired)))
    session.execute(delete(RoomMember).where(RoomMember.room.in_(expired)))
    session.execute(delete(RoomEvent).where(RoomEvent.room.in_(expired)))
    emptied = session.execute(
        delete(RoomItem).where(RoomItem.room.in_(expired), RoomItem.position == 0)
    )
    session.execute(delete(RoomItem).where(RoomItem.room.in_(expired)))
    gone = {"title": "", "leader_name": "", "leader": None, "claim": None, "tab": ""}
    session.execute(update(Room).where(Room.expires <= now).values(**gone))
    session.execute(delete(Room).where(Room.expires <= now - TOMBSTONE))
    return int(emptied.rowcount)  # type: ignore[attr-defined]
