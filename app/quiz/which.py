"""The reverse question: two states, and which step leads from the one to the other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.scenario import ScenarioErrors, parse
from app.trace import play

from .view import View, evidence, seen_state

WRONG = 3
TRIES = 16
VERBS = (("read", "write"), ("write", "read"), ("munmap", "read"), ("splice", "pin"))


def candidates(view: View) -> Iterator[str]:
    """Steps that might be taken for this one: by another actor, with another verb, of the text."""
    text = view.after["text"]
    words = text.split()
    alive = list(view.before["state"]["processes"])
    for name in alive:
        if words[0] in alive and name != words[0]:
            yield " ".join([name, *words[1:]])
    for verb, other in VERBS:
        if verb in words and verb != other:
            yield text.replace(f" {verb} ", f" {other} ", 1)
    steps = [step.text for step in view.run.scenario.steps]
    yield from steps[view.number :]
    yield from reversed(steps[: view.number - 1])
    yield from ("kernel drain", *(f"{name} exit" for name in alive))


def prefix(view: View) -> str:
    """The scenario's text before the step."""
    lines = view.run.scenario.text.split("\n")
    return "\n".join(lines[: view.run.scenario.steps[view.number - 1].line - 1])


def elsewhere(view: View, line: str) -> str:
    """What the step does if taken here; "" if it cannot be, fails, or leads to the same state."""
    try:
        run = play(parse(f"{prefix(view)}\n{line}"), view.run.policy.name)
    except ScenarioErrors:
        return ""
    end = run.step(len(run))
    if len(run) != view.number or end["outcome"]["error"]:
        return ""
    same = seen_state(end["state"]) == seen_state(view.after["state"])
    return "" if same else evidence(end).words


def wrong_steps(view: View) -> tuple[tuple[str, str], ...]:
    """Up to three other steps that lead elsewhere, and what each does; () where none can be asked.

    Each is played: what a picture of the two states cannot tell apart is no wrong answer.
    """
    text = view.after["text"]
    unchanged = seen_state(view.before["state"]) == seen_state(view.after["state"])
    if unchanged or "\n" in text or view.after["outcome"]["error"]:
        return ()
    found: list[tuple[str, str]] = []
    seen = {text}
    for line in candidates(view):
        if line in seen or "\n" in line or re.fullmatch(r"\S+ mmap .*", line):
            continue
        if len(seen) > TRIES or len(found) == WRONG:
            break
        seen.add(line)
        if words := elsewhere(view, line):
            found.append((line, words))
    return tuple(found)
