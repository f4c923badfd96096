"""What a leader can do, as changes of a room's row. Each says where it goes, not how far:

the same click that arrives twice does nothing the second time.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from app.quiz import BadQuestion, address_of
from app.store.answers import ask, close, current
from app.store.room_tables import SEL_CHARACTERS, Room, RoomItem, RoomPoll


class BadAction(ValueError):
    """The leader asks for what the room cannot do; says what it can."""


def number_of(text: str, most: int, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 7 and int(text) <= most):
        raise BadAction(f"“{text[:40]}” is no {what} of this room: they go from 0 to {most}.")
    return int(text)


def flag_of(text: str) -> bool:
    if text not in ("on", "off"):
        raise BadAction(f"“{text[:40]}” is neither on nor off.")
    return text == "on"


def leave_poll(session: Session, room: Room) -> None:
    """What comes next gives the answer away, so the prediction ends with it."""
    close(session, room)
    room.poll = 0


def go_to_step(session: Session, room: Room, value: str) -> None:
    item = session.get_one(RoomItem, (room.id, room.item))
    step = number_of(value, item.last, "step")
    if step != room.step:
        leave_poll(session, room)
        room.step = step


def go_to_item(session: Session, room: Room, value: str) -> None:
    most = 0
    while session.get(RoomItem, (room.id, most + 1)) is not None:
        most += 1
    item = number_of(value, most, "part")
    if item != room.item:
        leave_poll(session, room)
        room.item, room.step, room.sel = item, 0, ""


def point_at(session: Session, room: Room, value: str) -> None:
    if len(value) > SEL_CHARACTERS or not value.isprintable():
        raise BadAction(f"A selection is at most {SEL_CHARACTERS} printable characters.")
    room.sel = value


def lock(session: Session, room: Room, value: str) -> None:
    room.locked = flag_of(value)


def blank(session: Session, room: Room, value: str) -> None:
    room.blank = flag_of(value)


def ask_question(session: Session, room: Room, value: str) -> None:
    """The question must be about the step that comes next."""
    item = session.get_one(RoomItem, (room.id, room.item))
    try:
        address = address_of(value)
    except BadQuestion as error:
        raise BadAction(str(error)) from error
    if address.source != item.run or address.step != room.step + 1:
        raise BadAction(
            f"The room is at step {room.step} of run {item.run}: it can predict step "
            f"{room.step + 1}, not step {address.step} of {address.source}."
        )
    ask(session, room, value)


def asked(session: Session, room: Room) -> RoomPoll:
    poll = current(session, room)
    if poll is None:
        raise BadAction("No prediction is on the screens.")
    return poll


def close_poll(session: Session, room: Room, value: str) -> None:
    asked(session, room).open = False


def open_poll(session: Session, room: Room, value: str) -> None:
    poll = asked(session, room)
    if poll.shown or poll.revealed:
        raise BadAction("What the others answered has been shown: it cannot be opened again.")
    poll.open = True


def show_poll(session: Session, room: Room, value: str) -> None:
    """Show the distribution; who sees it answers no more."""
    poll = asked(session, room)
    poll.shown, poll.open = True, False


def reveal_poll(session: Session, room: Room, value: str) -> None:
    poll = asked(session, room)
    poll.shown, poll.revealed, poll.open = True, True, False


def dismiss_poll(session: Session, room: Room, value: str) -> None:
    leave_poll(session, room)


ACTIONS: dict[str, Callable[[Session, Room, str], None]] = {
    "step": go_to_step,
    "item": go_to_item,
    "sel": point_at,
    "lock": lock,
    "blank": blank,
    "ask": ask_question,
    "close": close_poll,
    "open": open_poll,
    "show": show_poll,
    "reveal": reveal_poll,
    "dismiss": dismiss_poll,
}
"""Action by name. Each takes one value as text, some ignore it."""
