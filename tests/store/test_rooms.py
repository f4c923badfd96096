"""Rooms in the store: one leader, every change told, every answer counted once."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.store import StoreUnavailable, open_session, rooms
from app.store.answers import (
    PollClosed,
    RoomFull,
    answer_of,
    ask,
    close,
    counts,
    join,
    people,
    save_answer,
    tally,
)
from app.store.ids import ROOM_ALPHABET, room_code, room_code_of
from app.store.room_tables import Room, RoomAnswer, RoomMember
from app.store.rooms import (
    TOMBSTONE,
    RoomExpired,
    RoomState,
    UnknownRoom,
    change_room,
    events_after,
    get_room,
    hash_of,
    new_room,
    news,
    purge_rooms,
    see_members,
)
from tests.store.test_failures import save

Result = TypeVar("Result")
NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
MEMBER = hash_of("somebody")


@pytest.fixture
def code(engine: Engine) -> str:
    run = save(engine)
    with open_session(engine) as session:
        return new_room(
            session=session,
            title="A class",
            runs=[(run.id, "One step", 1), (run.id, "Again", 1)],
            claim=hash_of("once"),
            now=NOW,
            lifetime=DAY,
        )


def set_step(engine: Engine, code: str, step: int, now: datetime = NOW) -> RoomState:
    def change(_: Session, room: Room) -> None:
        room.step = step

    with open_session(engine) as session:
        return change_room(session=session, code=code, now=now, lifetime=DAY, change=change)


def persistently(do: Callable[[], Result]) -> Result:
    """Once more while the database is locked, as a browser does."""
    while True:
        with suppress(StoreUnavailable):
            return do()


def ask_one(engine: Engine, code: str, question: str = "hello-fork.4.page") -> int:
    with open_session(engine) as session:
        state = change_room(
            session=session, code=code, now=NOW, lifetime=DAY,
            change=lambda s, room: ask(s, room, question),
        )  # fmt: skip
    assert state.poll is not None
    return state.poll.n


def answer(engine: Engine, code: str, poll: int, chosen: str, member: bytes = MEMBER) -> None:
    with open_session(engine) as session:
        save_answer(
            session=session, code=code, poll=poll, member=member, chosen=chosen, now=NOW, most=600
        )


def counted(engine: Engine, code: str, poll: int) -> dict[str, int]:
    with open_session(engine) as session:
        return tally(session=session, code=code, poll=poll)


def test_codes_are_letters_and_read_as_typed() -> None:
    codes = {room_code() for _ in range(200)}
    assert len(codes) > 190
    for code in codes:
        assert len(code) == 5
        assert set(code) <= set(ROOM_ALPHABET)
        assert not set(code) & set("ILOU0123456789")
        assert room_code_of(f" {code[:2].lower()}-{code[2:]} ") == code
    for bad in ("", "ABCD", "ABCDEF", "AB1DE", "ABCDÉ", "ABOUT"):
        assert room_code_of(bad) == ""


def test_a_change_is_told_once_and_nothing_else_is(engine: Engine, code: str) -> None:
    assert set_step(engine, code, 1).seq == 2
    assert set_step(engine, code, 1).seq == 2, "the same again is no change"
    assert set_step(engine, code, 0).seq == 3
    with open_session(engine) as session:
        told = news(session=session, seen={code: 1, "ZZZZZ": 0})
        assert not news(session=session, seen={code: 3})
        view = get_room(session=session, code=code, now=NOW)
    states = [msgspec.json.decode(data, type=RoomState) for _, data in told[code]]
    assert [(s.seq, s.step, s.last) for s in states] == [(2, 1, 1), (3, 0, 1)]
    assert view.state == states[-1]
    assert [title for _, title, _ in view.items] == ["One step", "Again"]


def test_changes_at_the_same_time_are_each_told(engine: Engine, code: str) -> None:
    def point(number: int) -> int:
        def change(_: Session, room: Room) -> None:
            room.sel = f"f{number}"

        def once() -> int:
            with open_session(engine) as session:
                return change_room(
                    session=session, code=code, now=NOW, lifetime=DAY, change=change
                ).seq

        return persistently(once)

    with ThreadPoolExecutor(6) as leaders:
        told = list(leaders.map(point, range(30)))
    assert sorted(told) == list(range(2, 32))
    with open_session(engine) as session:
        events = events_after(session, code, 1)
    assert [seq for seq, _ in events] == list(range(2, 32))


def test_old_changes_are_forgotten(
    engine: Engine, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "KEPT_EVENTS", 5)
    for number in range(8):
        set_step(engine, code, number % 2)
    with open_session(engine) as session:
        assert [seq for seq, _ in events_after(session, code, 0)] == [4, 5, 6, 7, 8]


def test_an_answer_counts_once_and_can_be_changed(engine: Engine, code: str) -> None:
    poll = ask_one(engine, code)
    for chosen in ("a", "a", "b"):
        answer(engine, code, poll, chosen)
    answer(engine, code, poll, "b", hash_of("another"))
    assert counted(engine, code, poll) == {"b": 2}
    with open_session(engine) as session:
        assert answer_of(session=session, code=code, poll=poll, member=MEMBER) == "b"
        found = counts(session=session, code=code, poll=poll, since=NOW)
    assert (found.here, found.joined, found.answered) == (2, 2, 2)


def test_a_closed_poll_takes_no_answer_and_keeps_those_it_has(engine: Engine, code: str) -> None:
    poll = ask_one(engine, code)
    answer(engine, code, poll, "a")
    with open_session(engine) as session:
        change_room(session=session, code=code, now=NOW, lifetime=DAY, change=close)
    for number in (poll, poll + 1):
        with pytest.raises(PollClosed):
            answer(engine, code, number, "b")
    assert counted(engine, code, poll) == {"a": 1}
    assert ask_one(engine, code, "hello-fork.3.page") == poll + 1
    assert ask_one(engine, code) == poll, "asked again, it is the same prediction"
    answer(engine, code, poll, "b")
    assert counted(engine, code, poll) == {"b": 1}


def test_a_burst_of_answers_sent_twice_is_counted_once(engine: Engine, code: str) -> None:
    poll = ask_one(engine, code)
    rng = random.Random(4)
    sent = [(hash_of(str(n)), rng.choice("abc")) for n in range(40)] * 2
    rng.shuffle(sent)

    def send(one: tuple[bytes, str]) -> None:
        persistently(lambda: answer(engine, code, poll, one[1], one[0]))

    with ThreadPoolExecutor(6) as crowd:
        list(crowd.map(send, sent))
    assert sum(counted(engine, code, poll).values()) == 40
    with open_session(engine) as session:
        stored = {r.member: r.chosen for r in session.scalars(select(RoomAnswer))}
    assert set(stored) == {member for member, _ in sent}


def test_a_room_has_as_many_members_as_it_may(engine: Engine, code: str) -> None:
    with open_session(engine) as session:
        see_members(session=session, code=code, members=map(hash_of, "abcde"), now=NOW, most=3)
        see_members(session=session, code=code, members=map(hash_of, "abcde"), now=NOW, most=3)
        assert session.scalar(select(func.count()).select_from(RoomMember)) == 3
    with pytest.raises(RoomFull), open_session(engine) as session:
        join(session, code, hash_of("z"), NOW, 3)


def test_people_are_named_and_those_who_left_come_last(engine: Engine, code: str) -> None:
    later = NOW + timedelta(minutes=5)
    with open_session(engine) as session:
        join(session, code, hash_of("1"), NOW, 9, "Ana")
        join(session, code, hash_of("2"), later, 9, "Bo")
        join(session, code, hash_of("3"), later, 9)
        join(session, code, hash_of("2"), later, 9, "Bob")
        session.flush()
        found = people(session=session, code=code, since=later, most=10)
        some = people(session=session, code=code, since=later, most=1)
    assert [(p.name, p.here) for p in found] == [("Bob", True), ("Ana", False), ("", True)]
    assert len(some) == 1


def test_a_room_expires_says_so_and_is_forgotten(engine: Engine, code: str) -> None:
    poll = ask_one(engine, code)
    answer(engine, code, poll, "a")
    set_step(engine, code, 1, NOW + timedelta(hours=20))
    alive, over = NOW + timedelta(hours=40), NOW + timedelta(hours=45)
    with open_session(engine) as session:
        assert purge_rooms(session=session, now=alive) == 0
        assert get_room(session=session, code=code, now=alive).state.step == 1
        with pytest.raises(RoomExpired, match="its answers are deleted"):
            get_room(session=session, code=code, now=over)
        assert purge_rooms(session=session, now=over) == 1
        assert purge_rooms(session=session, now=over) == 0
        assert session.scalar(select(func.count()).select_from(RoomAnswer)) == 0
        with pytest.raises(RoomExpired):
            get_room(session=session, code=code, now=over)
        purge_rooms(session=session, now=over + TOMBSTONE)
        with pytest.raises(UnknownRoom):
            get_room(session=session, code=code, now=over)
