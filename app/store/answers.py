"""Predictions in a room: asked, answered once by each member, counted."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.store.room_tables import Room, RoomAnswer, RoomMember, RoomPoll
from app.store.rooms import found, insert

MOST_POLLS = 500


class PollClosed(Exception):
    """The prediction takes no answers: it is closed, or another one is on the screens."""


class RoomFull(Exception):
    """The room has as many members, or has asked as many predictions, as it may."""


class Person(msgspec.Struct, frozen=True):
    """A member as the leader sees it. `here`: seen a moment ago; `right` of `answered` polls."""

    name: str
    here: bool
    answered: int


class Counts(msgspec.Struct, frozen=True):
    """Members that are here, that ever joined, and that answered the poll on the screens."""

    here: int
    joined: int
    answered: int


def ask(session: Session, room: Room, question: str) -> None:
    """Put a prediction on the screens; one that was asked before goes on as it was.

    Raises RoomFull.
    """
    close(session, room)
    known = session.scalar(
        select(RoomPoll).where(RoomPoll.room == room.id, RoomPoll.question == question)
    )
    if known is None:
        highest = select(func.max(RoomPoll.number)).where(RoomPoll.room == room.id)
        number = (session.scalar(highest) or 0) + 1
        if number > MOST_POLLS:
            raise RoomFull(f"A room asks at most {MOST_POLLS} predictions. Make another room.")
        known = RoomPoll(
            room=room.id, number=number, question=question, open=True, shown=False, revealed=False
        )
        session.add(known)
    else:
        known.open = not known.shown and not known.revealed
    room.poll = known.number


def close(session: Session, room: Room) -> None:
    poll = current(session, room)
    if poll is not None:
        poll.open = False


def current(session: Session, room: Room) -> RoomPoll | None:
    if not room.poll:
        return None
    return session.get(RoomPoll, (room.id, room.poll), populate_existing=True)


def join(
    session: Session, code: str, member: bytes, now: datetime, most: int, name: str | None = None
) -> None:
    """The member is there, under that name if one is given. Raises RoomFull."""
    row = session.get(RoomMember, (code, member), populate_existing=True)
    if row is not None:
        row.seen = now
        if name is not None:
            row.name = name
        return
    members = select(func.count()).select_from(RoomMember).where(RoomMember.room == code)
    if (session.scalar(members) or 0) >= most:
        raise RoomFull(f"Room {code} is full: it has {most} members.")
    values = {"room": code, "id": member, "name": name or "", "joined": now, "seen": now}
    session.execute(insert(session, RoomMember).values(**values).on_conflict_do_nothing())


def save_answer(
    *, session: Session, code: str, poll: int, member: bytes, chosen: str, now: datetime, most: int
) -> None:
    """Store a member's answer; one that is sent again takes the place of the one before.

    Raises UnknownRoom, RoomExpired, RoomFull, and PollClosed: then nothing is stored.
    """
    room = found(session, code, now)
    check_open(session, room, poll)
    join(session, code, member, now, most)
    session.flush()
    values = {"room": code, "poll": poll, "member": member, "chosen": chosen}
    statement = insert(session, RoomAnswer).values(**values)
    keys = [RoomAnswer.room, RoomAnswer.poll, RoomAnswer.member]
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_={"chosen": chosen}))
    # Once more, now that nobody can close it before this is committed.
    check_open(session, room, poll)


def check_open(session: Session, room: Room, number: int) -> None:
    poll = session.get(
        RoomPoll, (room.id, number), populate_existing=True, with_for_update={"read": True}
    )
    if poll is None:
        raise PollClosed(f"Room {room.id} has not asked prediction {number}.")
    if not poll.open:
        raise PollClosed("This prediction takes no more answers.")


def answer_of(*, session: Session, code: str, poll: int, member: bytes) -> str:
    """What the member answered, or ""."""
    row = session.get(RoomAnswer, (code, poll, member))
    return row.chosen if row is not None else ""


def tally(*, session: Session, code: str, poll: int) -> dict[str, int]:
    """How many members gave each answer, by what was chosen."""
    query = (
        select(RoomAnswer.chosen, func.count().label("number"))
        .where(RoomAnswer.room == code, RoomAnswer.poll == poll)
        .group_by(RoomAnswer.chosen)
    )
    return {row.chosen: row.number for row in session.execute(query)}


def counts(*, session: Session, code: str, poll: int, since: datetime) -> Counts:
    """`since`: who was seen later than that is here."""
    members = select(func.count()).select_from(RoomMember).where(RoomMember.room == code)
    answers = (
        select(func.count())
        .select_from(RoomAnswer)
        .where(RoomAnswer.room == code, RoomAnswer.poll == poll)
    )
    return Counts(
        here=session.scalar(members.where(RoomMember.seen >= since)) or 0,
        joined=session.scalar(members) or 0,
        answered=(session.scalar(answers) or 0) if poll else 0,
    )


def people(*, session: Session, code: str, since: datetime, most: int) -> tuple[Person, ...]:
    """Members by name, those who are here first; those without a name come last."""
    answers = (
        select(RoomAnswer.member, func.count().label("number"))
        .where(RoomAnswer.room == code)
        .group_by(RoomAnswer.member)
        .subquery()
    )
    query = (
        select(RoomMember.name, RoomMember.seen, answers.c.number)
        .outerjoin(answers, answers.c.member == RoomMember.id)
        .where(RoomMember.room == code)
        .order_by(RoomMember.name == "", RoomMember.seen < since, RoomMember.name)
        .limit(most)
    )
    return tuple(
        Person(name, seen >= since, int(number or 0))
        for name, seen, number in session.execute(query)
    )
