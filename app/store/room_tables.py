"""The tables of rooms. All of a room goes when its row goes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.store.ids import MAX_LENGTH, ROOM_LENGTH
from app.store.tables import Base, Moment

TITLE_CHARACTERS = 120
NAME_CHARACTERS = 40
SEL_CHARACTERS = 200
HASH_BYTES = 16


class Room(Base):
    """A workshop. What its screens show is here; `seq` counts the changes of that.

    `leader` and `claim` are hashes: of the secret in the leader's cookie, and of that in a link
    that makes another the leader, once. `tab` is the browser tab that leads. `poll` is the number
    of the prediction on the screens, 0 for none. An expired room keeps its row for a while, so
    that its link can say what became of it.
    """

    __tablename__ = "room"

    id: Mapped[str] = mapped_column(String(ROOM_LENGTH), primary_key=True)
    title: Mapped[str] = mapped_column(String(TITLE_CHARACTERS))
    created: Mapped[datetime] = mapped_column(Moment)
    expires: Mapped[datetime] = mapped_column(Moment, index=True)
    seq: Mapped[int]
    item: Mapped[int]
    step: Mapped[int]
    sel: Mapped[str] = mapped_column(String(SEL_CHARACTERS))
    locked: Mapped[bool]
    blank: Mapped[bool]
    poll: Mapped[int]
    leader: Mapped[bytes | None] = mapped_column(LargeBinary(HASH_BYTES))
    leader_name: Mapped[str] = mapped_column(String(NAME_CHARACTERS))
    leader_seen: Mapped[datetime] = mapped_column(Moment)
    tab: Mapped[str] = mapped_column(String(12))
    claim: Mapped[bytes | None] = mapped_column(LargeBinary(HASH_BYTES))


class RoomItem(Base):
    """One run of a room's playlist; positions count from 0."""

    __tablename__ = "room_item"

    room: Mapped[str] = mapped_column(ForeignKey("room.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    run: Mapped[str] = mapped_column(String(MAX_LENGTH), ForeignKey("run.id"))
    title: Mapped[str] = mapped_column(String(200))
    last: Mapped[int]


class RoomEvent(Base):
    """What a room's screens showed from change `seq` on, as a small JSON text: the whole of it."""

    __tablename__ = "room_event"

    room: Mapped[str] = mapped_column(ForeignKey("room.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[str] = mapped_column(String(1000))


class RoomPoll(Base):
    """A prediction that was asked: a question by its name, and how far it has been given away."""

    __tablename__ = "room_poll"
    __table_args__ = (UniqueConstraint("room", "question"),)

    room: Mapped[str] = mapped_column(ForeignKey("room.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    question: Mapped[str] = mapped_column(String(160))
    open: Mapped[bool]
    shown: Mapped[bool]
    revealed: Mapped[bool]


class RoomMember(Base):
    """A browser that joined; `id` is a hash of its cookie. `seen` is its last sign of life."""

    __tablename__ = "room_member"

    room: Mapped[str] = mapped_column(ForeignKey("room.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[bytes] = mapped_column(LargeBinary(HASH_BYTES), primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_CHARACTERS))
    joined: Mapped[datetime] = mapped_column(Moment)
    seen: Mapped[datetime] = mapped_column(Moment)


class RoomAnswer(Base):
    """A member's answer to a poll: one row, whatever is sent twice. `chosen` is option ids."""

    __tablename__ = "room_answer"
    __table_args__ = (
        ForeignKeyConstraint(
            ["room", "poll"], ["room_poll.room", "room_poll.number"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["room", "member"], ["room_member.room", "room_member.id"], ondelete="CASCADE"
        ),
    )

    room: Mapped[str] = mapped_column(String(ROOM_LENGTH), primary_key=True)
    poll: Mapped[int] = mapped_column(primary_key=True)
    member: Mapped[bytes] = mapped_column(LargeBinary(HASH_BYTES), primary_key=True)
    chosen: Mapped[str] = mapped_column(String(64))
