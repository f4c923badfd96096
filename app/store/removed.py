"""Runs and traces removed at somebody's request: what is deleted, and what is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from sqlalchemy import LargeBinary, String, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.store.ids import MAX_LENGTH
from app.store.room_tables import Room, RoomItem
from app.store.rooms import purge_rooms
from app.store.tables import Base, Moment, Run, Trace

DIGEST_BYTES = 32
REASON_CHARACTERS = 200
REASON = "at somebody's request"


class RemovedRun(Base):
    """What is left of a removed run: its name, a hash of its text, when it went and why.

    The hash is how the same text is known again, whatever policy or engine would play it. Of a
    removed trace (`what`) it is the hash of the document.
    """

    __tablename__ = "removed_run"

    id: Mapped[str] = mapped_column(String(MAX_LENGTH), primary_key=True)
    text_digest: Mapped[bytes] = mapped_column(LargeBinary(DIGEST_BYTES), index=True)
    removed: Mapped[datetime] = mapped_column(Moment)
    reason: Mapped[str] = mapped_column(String(REASON_CHARACTERS))
    what: Mapped[str] = mapped_column(String(10), server_default="run")


class RunGone(Exception):
    """It was there and was removed; `again` when the same content was about to be stored anew."""

    def __init__(self, row: RemovedRun, *, again: bool = False) -> None:
        self.what = row.what
        removed = (
            f"{row.what.title()} {row.id} was removed on {row.removed:%d %B %Y} ({row.reason})"
        )
        same = "text" if row.what == "run" else "document"
        super().__init__(
            f"{removed}; the same {same} is not stored again."
            if again
            else f"{removed}; it is deleted."
        )


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing a run takes along.

    `rooms` that play it end; runs `based_on` it stay, and no longer say so; `same_text` are runs
    of the same text under other policies or engines, which stay.
    """

    id: str
    title: str
    rooms: Sequence[str]
    based_on: Sequence[str]
    same_text: Sequence[str]


def digest_of(content: str | bytes) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return blake2b(data, digest_size=DIGEST_BYTES, person=b"cowscope-gone-1").digest()


def refuse_removed(*, session: Session, name: str) -> None:
    """Raise RunGone where `name`, which the store does not have, is what somebody removed."""
    removed = get_removed(session=session, run_id=name)
    if removed is not None:
        raise RunGone(removed)


def get_removed(*, session: Session, run_id: str) -> RemovedRun | None:
    return session.get(RemovedRun, run_id)


def removed_runs(*, session: Session, since: datetime) -> Sequence[RemovedRun]:
    """Those that were removed at `since` or later."""
    return session.scalars(select(RemovedRun).where(RemovedRun.removed >= since)).all()


def check_not_removed(*, session: Session, text: str | bytes) -> None:
    """Raise RunGone when a run of this text, or a trace of these bytes, was removed."""
    chosen = select(RemovedRun).where(RemovedRun.text_digest == digest_of(text)).limit(1)
    row = session.scalar(chosen)
    if row is not None:
        raise RunGone(row, again=True)


def removal_of(*, session: Session, run: Run) -> Removal:
    rooms = select(RoomItem.room).where(RoomItem.run == run.id).distinct().order_by(RoomItem.room)
    based = select(Run.id).where(Run.based_on_run == run.id).order_by(Run.id)
    same = select(Run.id).where(Run.text == run.text, Run.id != run.id).order_by(Run.id)
    return Removal(
        run.id,
        run.title,
        *(session.scalars(query).all() for query in (rooms, based, same)),
    )


def remove_run(*, session: Session, run: Run, now: datetime, reason: str) -> Removal:
    """Delete a run and leave what says so. The caller's transaction makes it true."""
    removal = removal_of(session=session, run=run)
    if removal.rooms:
        session.execute(update(Room).where(Room.id.in_(removal.rooms)).values(expires=now))
        purge_rooms(session=session, now=now)
    alone = {"based_on_run": None, "based_on_step": None}
    session.execute(update(Run).where(Run.based_on_run == run.id).values(**alone))
    session.add(
        RemovedRun(
            id=run.id,
            text_digest=digest_of(run.text),
            removed=now,
            reason=reason[:REASON_CHARACTERS],
        )
    )
    session.execute(delete(Run).where(Run.id == run.id))
    return removal


def remove_trace(*, session: Session, trace: Trace, now: datetime, reason: str) -> None:
    """Delete a trace and leave what says so. Runs of its scenario stay: they are others'."""
    session.add(
        RemovedRun(
            id=trace.id,
            text_digest=digest_of(trace.document),
            removed=now,
            reason=reason[:REASON_CHARACTERS],
            what="trace",
        )
    )
    session.execute(delete(Trace).where(Trace.id == trace.id))
