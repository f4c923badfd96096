"""Which bits change: every bit of the pages that a step touches is an option to tick."""

from __future__ import annotations

from typing import Any

from .question import Option
from .view import View, places

Json = dict[str, Any]

MAX_PLACES = 3
MAX_FRAMES = 2
WORDS = {
    "present": "present",
    "writable": "writable",
    "dirty": "dirty",
    "exclusive": "exclusive",
    "swapcache": "in the swap cache",
}

Bit = tuple[str, str]
"""Subject (a place or a frame's label) and mark."""


def bit(step: Json, of: Bit) -> bool:
    """Whether a bit is set; of what is not there it is clear."""
    subject, mark = of
    state = step["state"]
    if subject in state["frames"]:
        return mark in state["frames"][subject]["flags"]
    found = places(state).get(subject, {})
    if mark == "present":
        return found.get("kind") == "present"
    return bool(found.get("exclusive_pte" if mark == "exclusive" else mark))


def bits_of(view: View) -> tuple[Bit, ...]:
    """The bits to tick: those of touched pages and of the frames behind them."""
    found = [p for p in places(view.before["state"]) if ":" not in p]
    named = {event["place"] for event in view.after["events"]}
    where = view.run.policy.bit
    marks = ("present", "writable", *(("exclusive",) if where == "pte" else ()))

    def touched(place: str) -> bool:
        return place in named or any(
            bit(view.before, (place, m)) != bit(view.after, (place, m)) for m in marks
        )

    chosen = [place for place in found if touched(place)][:MAX_PLACES]
    pages = [(place, mark) for place in chosen for mark in marks]
    if where != "page":
        return tuple(pages)
    now = places(view.before["state"])
    behind = dict.fromkeys(now[place]["frame"] for place in chosen if now[place]["frame"])
    frames = [
        (label, "exclusive")
        for label in (f for f in behind if f != "zero" and f in view.after["state"]["frames"])
    ]
    return (*pages, *frames[:MAX_FRAMES])


def bit_options(view: View, because: str) -> tuple[tuple[Option, ...], tuple[str, ...]]:
    """Options, and the ids of those that change; () where none or all would be right."""
    options, right = [], []
    for index, of in enumerate(bits_of(view)):
        was, now = bit(view.before, of), bit(view.after, of)
        other = tuple(o for o in view.peers if bit(o.after, of) != bit(view.before, of))
        option_id = chr(ord("a") + index)
        if was != now:
            right.append(option_id)
        subject, mark = of
        options.append(
            Option(
                option_id,
                f"{subject}: {WORDS[mark]} (now {state_word(was)})",
                told(of, was, now, because, tuple(o.words for o in other)),
                (*((view.run.policy.name,) if was != now else ()), *(o.policy for o in other)),
                subject,
                mark,
                was,
            )
        )
    if not 0 < len(right) < len(options):
        return (), ()
    return tuple(options), tuple(right)


def state_word(is_set: bool) -> str:
    return "set" if is_set else "clear"


def told(of: Bit, was: bool, now: bool, because: str, others: tuple[str, ...]) -> str:
    subject, mark = of
    head = f"{subject}, {WORDS[mark]}"
    if was != now:
        return f"{head}: {state_word(was)} → {state_word(now)}. {because}"
    tail = f" It changes under {others[0]}." if others else ""
    return f"{head}: it stays {state_word(was)}.{tail}"
