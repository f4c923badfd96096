"""What can be asked about a step: for each kind the question, and how to read its answer.

An answer is read from a step of `trace/1` by one function, whoever played it: the right answer
from this policy's step, the wrong ones from other policies' steps.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from msgspec import Struct

from app.engine import operations as ops

from .view import View, places

Json = dict[str, Any]

LOADS = (ops.Read, ops.Write)
STORES = (ops.Write, ops.PtraceWrite, ops.VmWrite, ops.DioRead, ops.HandleWrite)
TAKERS = (ops.Pin, ops.Get, ops.Splice, ops.VmRead, ops.VmWrite, ops.DioRead, ops.DioWrite)


class Draft(Struct, frozen=True):
    """A question before it has options.

    answer(step)   the answer as a step gives it; steps with equal answers share an option
    label(answer)  in words; `subject(answer)` what it is in the grid, or ""
    near           answers that no policy need give, the most tempting first
    labels         whether answers are frames' labels, which mean something in one run only
    """

    text: str
    answer: Callable[[Json], Hashable]
    label: Callable[[Any], str]
    near: tuple[Hashable, ...] = ()
    subject: Callable[[Any], str] = lambda _: ""
    labels: bool = False
    limit: int = 4


# -- which frame ------------------------------------------------------------------------------


def mapped(step: Json, place: str) -> str:
    """What a page's entry names: a frame's or a slot's label, or ""."""
    page = places(step["state"]).get(place)
    return "" if page is None else page["frame"] or page["swap_offset_label"] or ""


def subject_of(view: View, differs: Callable[[Json, str], Hashable]) -> str:
    """The place that a question is about: where policies differ, or else what the step changes."""
    found = [p for p in places(view.after["state"]) if ":" not in p]
    for place in found:
        if len({differs(step, place) for step in view.all_after}) > 1:
            return place
    for place in found:
        if differs(view.after, place) != differs(view.before, place):
            return place
    named = [event["place"] for event in view.after["events"]]
    return next((place for place in found if place in named), "")


def page(view: View) -> Draft | None:
    place = subject_of(view, mapped)
    if not place:
        return None
    was = mapped(view.before, place)
    existing = [label for label in view.before["state"]["frames"] if label != "zero"]
    fresh = view.next_frame

    def label(answer: str) -> str:
        if not answer:
            return "nothing: the entry is empty"
        if answer == was:
            return f"{answer}, as before"
        if answer == "zero":
            return "the zero page"
        if answer[0] == "s":
            return f"{answer}: it is a swap entry"
        return f"{answer}, " + ("which is there already" if answer in existing else "a new page")

    return Draft(
        f"Which page does {place} map after this step?",
        lambda step: mapped(step, place),
        label,
        tuple(dict.fromkeys((was, fresh, *existing, ""))),
        str,
        labels=True,
    )


# -- what the kernel does ---------------------------------------------------------------------

ACCESS = {
    "copy": "It copies the page and maps the copy",
    "reuse": "It takes a fault and keeps the page: reuse in place",
    "direct": "It is not asked: the entry allows the access, no fault",
    "install": "It takes a fault and maps a page where there was none",
    "swapin": "It takes a fault and brings the page in from swap, no copy",
}
FORK = {
    "share": "It shares them: both entries read-only, no copy",
    "copy": "It copies a page for the child at once",
    "keep": "It copies no entry: the child finds its pages by itself",
}
TAKE = {
    "hold": "The page as it is mapped, no copy",
    "copy": "A copy, made before the reference is taken",
    "reuse": "The page as it is mapped, once it is found to be its own",
    "install": "A fresh page, mapped before the reference is taken",
}
EVICT = {"swap": "It goes to swap: the entry names a slot", "keep": "It stays where it is mapped"}


def fate(view: View) -> Draft | None:
    op = view.op
    if isinstance(op, LOADS):
        words, text = ACCESS, "How does the kernel serve this access?"
        near: tuple[str, ...] = ("copy", "reuse", "direct", "SIGSEGV")
    elif isinstance(op, ops.Fork):
        words, text, near = FORK, "What does fork do with the parent's pages?", ("share", "copy")
    elif isinstance(op, TAKERS):
        words, text, near = TAKE, "Which page is the reference taken on?", ("hold", "copy")
    elif isinstance(op, ops.Swapout):
        words, text, near = EVICT, "What does reclaim do with the page?", ("swap", "keep")
    else:
        return None
    evicts = isinstance(op, ops.Swapout)

    def answer(step: Json) -> str:
        if step["outcome"]["error"]:
            return str(step["outcome"]["error"])
        return ("swap" if went_out(step) else "keep") if evicts else deed(step, op)

    return Draft(text, answer, lambda key: words.get(key, f"It refuses: {key}"), near)


def deed(step: Json, op: ops.Operation) -> str:
    kinds = {event["kind"] for event in step["events"]}
    if step["outcome"]["copies"]:
        return "copy"
    for kind in ("reuse", "install", "share"):
        if kind in kinds:
            return kind
    if isinstance(op, LOADS):
        return "swapin" if "swap" in kinds else "direct"
    return "keep" if isinstance(op, ops.Fork) else "hold"


def went_out(step: Json) -> bool:
    named = {event["place"] for event in step["events"] if event["kind"] in ("swap", "keep")}
    found = places(step["state"])
    return any(found[p]["kind"] == "swap" for p in named if p in found)


def fault(view: View) -> Draft | None:
    if not isinstance(view.op, LOADS) or view.after["outcome"].get("faults", 2) > 1:
        return None
    words = {"0": "No fault", "1": "A page fault, then it goes on", "SIGSEGV": "SIGSEGV"}
    return Draft(
        f"Does {view.op.actor} take a page fault?",
        lambda step: step["outcome"]["error"] or str(step["outcome"]["faults"]),
        lambda key: words.get(key, f"{key} faults" if key.isdecimal() else str(key)),
        tuple(words),
    )


# -- which value ------------------------------------------------------------------------------


def values_in(step: Json) -> list[int]:
    frames = step["state"]["frames"].values()
    return [frame["value"] for frame in frames if frame.get("value") is not None]


def value(view: View) -> Draft | None:
    if view.after["outcome"]["value"] is None:
        return None
    who = view.after["text"]
    return Draft(
        f"Which value does “{who}” give?",
        lambda step: step["outcome"]["error"] or step["outcome"]["value"],
        str,
        tuple(dict.fromkeys((*values_in(view.before), *stored_before(view), 0))),
    )


def stored_before(view: View) -> list[int]:
    """What was written earlier in the scenario."""
    steps = view.run.scenario.steps[: view.number - 1]
    return [s.op.value for s in steps if isinstance(s.op, STORES)][::-1]


def sees(view: View) -> Draft | None:
    """What somebody else sees of a store."""
    if not isinstance(view.op, STORES):
        return None
    actor = view.op.actor
    onlookers = [
        name
        for name in (*view.after["state"]["handles"], *places(view.after["state"]))
        if ":" not in name and name.partition(".")[0] != actor
    ]
    told = [n for n in onlookers if len({seen(step, n) for step in view.all_after}) > 1]
    changed = [n for n in onlookers if seen(view.before, n) is not None]
    name = next(iter(told or changed), "")
    if not name or seen(view.after, name) is None:
        return None
    near = (seen(view.before, name), view.op.value, *values_in(view.before), 0)
    return Draft(
        f"After this step, which value would {name} read?",
        lambda step: seen(step, name),
        lambda key: "nothing" if key is None else str(key),
        tuple(dict.fromkeys(v for v in near if v is not None)),
    )


def seen(step: Json, name: str) -> int | None:
    """The value that a handle or a page reads."""
    held = step["state"]["handles"].get(name)
    if held is not None:
        return int(held["values"][0]) if held["values"] else None
    found = places(step["state"]).get(name)
    return None if found is None else found.get("value")


# -- the counters -----------------------------------------------------------------------------


def counts(step: Json, label: str) -> tuple[int, int] | None:
    frame = step["state"]["frames"].get(label)
    return None if frame is None or label == "zero" else (frame["refcount"], frame["mapcount"])


def count(view: View) -> Draft | None:
    labels = [label for label in view.before["state"]["frames"] if label != "zero"]
    told = [x for x in labels if len({counts(step, x) for step in view.all_after}) > 1]
    changed = [x for x in labels if counts(view.after, x) != counts(view.before, x)]
    name = next(iter(told or changed), "")
    if not name:
        return None
    now, was = counts(view.after, name), counts(view.before, name)
    return Draft(
        f"What are {name}'s counters after this step?",
        lambda step: counts(step, name),
        lambda c: "0: it is freed" if c is None else f"refcount {c[0]}, mapcount {c[1]}",
        tuple(dict.fromkeys((was, *near_counts(now or was or (1, 1))))),
        labels=True,
    )


def near_counts(now: tuple[int, int]) -> Iterable[tuple[int, int]]:
    refs, maps = now
    for more_refs, more_maps in ((1, 1), (-1, -1), (1, 0), (-1, 0), (0, -1)):
        if refs + more_refs >= maps + more_maps >= 0 and refs + more_refs > 0:
            yield refs + more_refs, maps + more_maps


DRAFTS: dict[str, Callable[[View], Draft | None]] = {
    "page": page,
    "fate": fate,
    "fault": fault,
    "value": value,
    "sees": sees,
    "count": count,
}
"""Kinds with one right option; "bits" and "which" are made otherwise."""
