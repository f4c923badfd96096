"""What a scenario says about itself: expectations and notes. They never change the state."""

from __future__ import annotations

from msgspec import Struct

from app.engine.operations import Place


class Expectation(Struct, frozen=True):
    """`line` counts from 1; `text` is the expectation as it was written, in canonical spelling."""

    line: int
    text: str


class ExpectValue(Expectation, frozen=True):
    value: int


class ExpectError(Expectation, frozen=True):
    error: str


class ExpectMemory(Expectation, frozen=True):
    """`process`'s memory at every page of `place` is `value`, looked at without a fault."""

    process: str
    place: Place
    value: int


class ExpectPage(Expectation, frozen=True):
    """`word`: exclusive shared present swapped none zero writable readonly huge pinned."""

    process: str
    place: Place
    word: str
    negated: bool


class ExpectCount(Expectation, frozen=True):
    """`word`: refs maps pins slots."""

    process: str
    place: Place
    word: str
    count: int


class ExpectSame(Expectation, frozen=True):
    process: str
    place: Place
    other: str
    other_place: Place
    negated: bool


class ExpectCoherent(Expectation, frozen=True):
    handle: str
    negated: bool


class ExpectCopies(Expectation, frozen=True):
    copies: int


class ExpectViolation(Expectation, frozen=True):
    """`kind` None: no violation of any kind so far."""

    kind: str | None


class Note(Struct, frozen=True):
    """Markdown, shown on the timeline at this point."""

    line: int
    text: str
