"""The prediction on a room's screens: what is asked, who answered what, and what was right."""

from __future__ import annotations

import asyncio

from fastapi import HTTPException
from msgspec import Struct

from app.quiz import BadQuestion, Question, questions_for
from app.rooms import RoomService
from app.service import LoadedRun
from app.service.cache import KeptByWeight
from app.store.rooms import Poll, RoomView

from ..quiz import Answered, Asked, Questions
from .once import Once

KEPT = 300


class Votes(Struct, frozen=True):
    """One row of the distribution; `width` is of 100 in the bar."""

    option: str
    label: str
    count: int
    width: int
    right: bool


class Card(Struct, frozen=True):
    """A prediction as a screen shows it: `room_poll.html` gets it as `card`.

    answered   what this member chose; None for nothing, and on screens that answer nothing
    votes      () until it is shown; `right` marks are false until it is revealed
    correct    members who were right, once it is revealed
    """

    poll: Poll
    asked: Asked
    answered: Answered | None
    votes: tuple[Votes, ...]
    total: int
    correct: int

    @property
    def question(self) -> Question:
        return self.asked.question

    @property
    def key(self) -> tuple[object, ...]:
        """What its looks depend on, beside the room."""
        chosen = self.answered.chosen if self.answered else ()
        return (self.poll, chosen, self.votes, self.total, self.correct)

    @property
    def ticked(self) -> Answered | None:
        """What is ticked in the form; with it come the marks of a prediction that is revealed."""
        return self.answered or (Answered((), False) if self.poll.revealed else None)


class Polls:
    """Makes the cards of predictions."""

    def __init__(self, rooms: RoomService, questions: Questions) -> None:
        self.rooms = rooms
        self.questions = questions
        self.making: Once[Asked] = Once()
        self.offered: KeptByWeight[tuple[str, int], tuple[tuple[str, str], ...]] = KeptByWeight(
            KEPT, lambda _: 1
        )

    async def asked(self, question: str) -> Asked:
        try:
            return await self.making.get(question, lambda: self.questions.asked(question))
        except BadQuestion as error:
            raise HTTPException(404, str(error)) from error

    async def card(self, view: RoomView, member: str = "") -> Card | None:
        """The prediction on the screens; with what `member` answered, if one is named."""
        poll = view.state.poll
        if poll is None:
            return None
        asked = await self.asked(poll.question)
        question = asked.question
        answered = None
        if member:
            chosen = await self.rooms.answered(view.id, poll.n, member)
            if chosen:
                answered = Answered(chosen, question.is_right(frozenset(chosen)))
        tally = await self.rooms.tally(view.id, poll.n) if poll.shown else {}
        total = sum(tally.values())
        votes = tuple(
            vote(question, option.id, tally, total, poll.revealed)
            for option in (question.options if poll.shown else ())
        )
        right = frozenset(question.right)
        correct = sum(n for chosen, n in tally.items() if frozenset(chosen) == right)
        return Card(poll, asked, answered, votes, total, correct if poll.revealed else 0)

    async def offers(self, loaded: LoadedRun, step: int) -> tuple[tuple[str, str], ...]:
        """Questions about a step: name and text, the telling ones first; () where none is."""
        if not 1 <= step <= loaded.last:
            return ()
        found = self.offered.get((loaded.id, step))
        if found is None:
            made = await asyncio.to_thread(questions_for, loaded.run, step, loaded.id)
            found = tuple((question.id, question.text) for question in made)
            self.offered.put((loaded.id, step), found)
        return found


def vote(
    question: Question, option: str, tally: dict[tuple[str, ...], int], total: int, revealed: bool
) -> Votes:
    count = sum(number for chosen, number in tally.items() if option in chosen)
    return Votes(
        option,
        question.option(option).label,
        count,
        round(100 * count / total) if total else 0,
        revealed and option in question.right,
    )
