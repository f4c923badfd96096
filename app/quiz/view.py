"""A step as questions look at it: before, after, and what every other policy makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from app import policies
from app.engine import operations as ops
from app.scenario import ScenarioErrors
from app.trace import Run, play

Json = dict[str, Any]

MAX_STEP = 400
MAX_ENTRIES = 2_000
"""Beyond these a step is not played again under other policies: it would take seconds."""
WEIGHT = ("copy", "reuse", "refuse", "keep", "share", "swap", "install", "hold", "unmap", "protect")
"""Which event says best what a step did, where none names a rule."""


class Evidence(Struct, frozen=True):
    """Why a step went as it did: rule ("" if none decided), and decision with its numbers."""

    rule: str
    words: str


class Other(Struct, frozen=True):
    """The same step of the same scenario under another policy; `words` say who that is.

    `parted`: memory before the step looks otherwise, so frames' labels mean something else.
    """

    policy: str
    words: str
    after: Json
    parted: bool


class View(Struct, frozen=True):
    """Step `number` of a run; none of `others` where playing it again would take too long."""

    run: Run
    number: int
    op: ops.Operation
    before: Json
    after: Json
    others: tuple[Other, ...]

    @property
    def next_frame(self) -> str:
        """The label of a page that is allocated next."""
        return f"f{self.run.steps[self.number - 1].after.next_pfn}"

    @property
    def peers(self) -> tuple[Other, ...]:
        """The others that come to this step with the same memory."""
        return tuple(other for other in self.others if not other.parted)

    @property
    def all_after(self) -> tuple[Json, ...]:
        """The step under this policy, then under those that come to it with the same memory."""
        return (self.after, *(other.after for other in self.peers))


def view_of(run: Run, number: int) -> View:
    """Raises IndexError for a step that the run has not, and for 0."""
    if not 1 <= number <= len(run):
        raise IndexError(number)
    before = run.step(number - 1)
    op = run.scenario.steps[number - 1].op
    others = tuple(others_of(run, number, before)) if affordable(run, number) else ()
    return View(run, number, op, before, run.step(number), others)


def affordable(run: Run, number: int) -> bool:
    """Whether the scenario can be played some dozen times up to this step."""
    entries = sum(len(table) for table in run.steps[number].after.tables.values())
    return number <= MAX_STEP and entries <= MAX_ENTRIES


def known_policies() -> Iterator[tuple[str, str]]:
    """Every policy that differs from the others, and who that is in words."""
    for entry in policies.CATALOGUE:
        yield entry.name, f"{entry.name} ({entry.title}; {entry.years})"
        for era in entry.eras[:-1]:
            if replace(era.policy, name="") != replace(entry.default.policy, name=""):
                name = f"{entry.name}@{era.name}"
                yield name, f"{name} ({entry.title}, as in Linux {era.name})"


def words_of(policy: str) -> str:
    return dict(known_policies()).get(policy, policy)


def others_of(run: Run, number: int, before: Json) -> Iterator[Other]:
    part = replace(run.scenario, steps=run.scenario.steps[:number])
    seen = outline(before["state"])
    for name, words in known_policies():
        if name == run.policy.name:
            continue
        try:
            other = play(part, name)
        except ScenarioErrors:
            continue
        parted = outline(other.step(number - 1)["state"]) != seen
        yield Other(name, words, other.step(number), parted)


def outline(state: Json) -> Json:
    """What must be equal for a frame's label to mean the same in two runs."""
    return {
        "pages": {
            place: (page["kind"], page["frame"], page["swap_offset_label"], page.get("value"))
            for place, page in places(state).items()
        },
        "frames": {label: frame.get("value") for label, frame in state["frames"].items()},
        "handles": {name: held["frames"] for name, held in state["handles"].items()},
    }


def places(state: Json) -> dict[str, Json]:
    """Pages by place: `A.buf[0]`, or `A.buf[0:512]` for neighbours that are alike."""
    return {
        f"{process}.{name}[{page['page'] if 'page' in page else page['pages']}]": page
        for process, areas in state["processes"].items()
        for name, pages in areas.items()
        for page in pages
    }


def seen_state(state: Json) -> Json:
    """A state as a page shows it: without bits that the pictures of two steps do not tell."""
    shown = ("kind", "frame", "swap_offset_label", "swap_exclusive", "writable", "value", "vma")
    kept = ("refcount", "mapcount", "pincount", "exclusive", "flags", "value")
    return {
        "pages": {p: {k: page.get(k) for k in shown} for p, page in places(state).items()},
        "frames": {f: {k: frame.get(k) for k in kept} for f, frame in state["frames"].items()},
        "swap": state["swap"],
        "handles": state["handles"],
    }


def evidence(step: Json) -> Evidence:
    """The event that decided a step, in words."""
    events: list[Json] = step["events"]
    outcome = step["outcome"]
    ruled = [event for event in events if event["rule"]]
    decided = [event for event in events if event["kind"] == "decide"]
    best = next((e for kind in WEIGHT for e in events if e["kind"] == kind), None)
    if outcome["error"] and not ruled:
        reason = best["because"] if best else outcome.get("reason", "")
        return Evidence("", f"{outcome['error']}: {reason or 'the step failed'}.")
    event = ruled[-1] if ruled else decided[-1] if decided else best
    if event is not None:
        decision = event["decision"].rstrip(".")
        where = f"{event['function']}()"
        return Evidence(event["rule"] or "", f"{decision}: {event['because']} [{where}].")
    if outcome.get("faults") == 0:
        return Evidence(
            "", "The page-table entry allows the access, so the processor asks nobody: 0 faults."
        )
    if outcome["value"] is not None:
        return Evidence("", f"It reads {outcome['value']} where the reference points; 0 copies.")
    if events:
        decision = events[-1]["decision"].rstrip(".")
        return Evidence("", f"{decision}: {events[-1]['because']}.")
    return Evidence("", "Nothing in memory changes.")
