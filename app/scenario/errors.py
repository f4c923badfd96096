"""What is wrong with a scenario text, for the person who typed it."""

from __future__ import annotations

from difflib import get_close_matches

from msgspec import Struct

SHOWN = 100
"""Errors that are listed; of more, only their number is told."""


class ScenarioError(Struct, frozen=True):
    """One error. `line` and `column` count from 1; `token` is the offending text."""

    line: int
    column: int
    token: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message} {self.hint}".strip()


class ScenarioErrors(Exception):
    """Every error of a text at once, in order of lines."""

    def __init__(self, errors: tuple[ScenarioError, ...]) -> None:
        ordered = tuple(sorted(errors, key=lambda e: (e.line, e.column)))
        if len(ordered) > SHOWN:
            last = ordered[SHOWN]
            rest = ScenarioError(
                last.line, last.column, "", f"… and {len(ordered) - SHOWN} more errors."
            )
            ordered = (*ordered[:SHOWN], rest)
        self.errors = ordered
        super().__init__("\n".join(map(str, ordered)))


def did_you_mean(word: str, known: list[str], otherwise: str = "") -> str:
    """A hint that names the nearest known word, or what is known."""
    near = get_close_matches(word, known, 1, 0.6)
    if near:
        return f"Did you mean “{near[0]}”?"
    return otherwise or (f"Known here: {', '.join(sorted(known))}." if known else "")
