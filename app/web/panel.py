"""The panel *why*, in a fixed order: what was asked, what was decided, by which rule, what other
policies do at this step, who reads what now, where the code is, and what the model leaves out.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from app import policies
from app.policies.rules import BY_NAME
from app.service import LoadedRun

from .evidence import Evidence
from .others import Group, Other, groups_of
from .scene import Scene
from .what import what_of
from .why import Why, why_of

Json = dict[str, Any]

MOST_SIGHTS = 8
"""Contents listed in full: those that changed first."""

MODEL = {
    "mapcount-unshare": "The end state that the series of December 2021 announced; as posted, it "
    "still counted references of small pages.",
    "exclusive-pte": "Reconstructed from a mail: that counting references is the fallback, and "
    "that fork copies pinned pages, is a reading of it.",
    "exclusive-page": "Reconstructed from a mail: that counting references is the fallback, and "
    "that fork copies pinned pages, is a reading of it.",
    "textbook": "No kernel has had this rule alone: it knows no pins and no batches.",
}
"""What is simplified under a policy, beside what is simplified everywhere."""
STEPS = {
    "Swapout": "Pages go to swap when the scenario says so; a kernel chooses them by age and need.",
    "Reclaim": "Pages go to swap when the scenario says so; a kernel chooses them by age and need.",
    "Ksm": "One whole pass at once; a kernel's scanner needs several rounds to trust a page.",
    "Migrate": "One page moves when the scenario says so; compaction chooses its own.",
    "Collapse": "At once; khugepaged scans and waits.",
    "Hold": "Stands for any reference that nobody in the scenario explains.",
    "Micro": "Every small step is atomic; memory ordering below that is not modelled.",
}
"""... and for a kind of step."""


class Asked(Struct, frozen=True):
    """A rule that decided: its name and sentence, the test with its numbers, and the outcome.

    `frame` and `slot` are labels of what was tested, or "".
    """

    rule: str
    sentence: str
    test: str
    outcome: str
    frame: str
    slot: str


class Sight(Struct, frozen=True):
    """A page's content and who reads it. `owed`: (reader, what it should read)."""

    value: int
    label: str
    readers: tuple[str, ...]
    outside: tuple[str, ...]
    owed: tuple[tuple[str, int], ...]
    changed: bool


class Panel(Struct, frozen=True):
    """What `explorer_why.html` gets as `panel`.

    what      what was asked; `lead` what was decided
    groups    what the other policies do, None when it is to be asked for, () at step 0
    sights    contents with their readers; `unseen` more are left out
    model     what is simplified here
    """

    what: str
    lead: str
    why: Why
    asked: tuple[Asked, ...]
    groups: tuple[Group, ...] | None
    sights: tuple[Sight, ...]
    unseen: int
    model: tuple[str, ...]


def panel_of(
    loaded: LoadedRun, number: int, step: Json, scene: Scene, others: tuple[Other, ...] | None,
    own: Other | None, alarms: tuple[Evidence, ...],
) -> Panel:  # fmt: skip
    why = why_of(step)
    quiet = why_of({**step, "violations": []})
    asked = asked_of(why)
    groups: tuple[Group, ...] | None = ()
    if number:
        groups = None if own is None else groups_of(others or (), own, number, loaded.id)
    sights = sights_of(scene, step, alarms)
    return Panel(
        what=what_of(loaded.run.scenario.steps[number - 1].op) if number else "",
        lead=quiet.lead,
        why=why,
        asked=asked,
        groups=groups,
        sights=sights[:MOST_SIGHTS],
        unseen=max(0, len(sights) - MOST_SIGHTS),
        model=model_of(loaded, number),
    )


def asked_of(why: Why) -> tuple[Asked, ...]:
    """The rules that the step's events name, each test once."""
    out: dict[tuple[str, str], Asked] = {}
    for micro in why.events:
        if micro.rule in BY_NAME:
            sentence = BY_NAME[micro.rule].sentence
            found = Asked(micro.rule, sentence, micro.because, micro.text, micro.frame, micro.slot)
            out.setdefault((micro.rule, micro.because), found)
    return tuple(out.values())


def model_of(loaded: LoadedRun, number: int) -> tuple[str, ...]:
    base = policies.entry(loaded.stored.policy).name
    notes = [MODEL[base]] if base in MODEL else []
    if number:
        kind = type(loaded.run.scenario.steps[number - 1].op).__name__
        notes += [STEPS[kind]] if kind in STEPS else []
    return tuple(notes)


def sights_of(scene: Scene, step: Json, alarms: tuple[Evidence, ...]) -> tuple[Sight, ...]:
    """Every content that somebody reads, in the order of the drawing; what changed comes first."""
    readers: dict[str, list[str]] = {}
    rows = step["state"]["processes"]
    for process, areas in rows.items():
        for area, entries in areas.items():
            for entry in entries:
                label = entry.get("frame") or entry.get("swap_offset_label")
                if label:
                    page = entry.get("page", entry.get("pages"))
                    readers.setdefault(label.partition(":")[0], []).append(
                        f"{process} {area}[{page}]"
                    )
    outside: dict[str, list[str]] = {}
    for name, handle in step["state"].get("handles", {}).items():
        word = "pipe" if handle["kind"] == "splice" else handle["kind"]
        for label in dict.fromkeys(handle["frames"]):
            outside.setdefault(label, []).append(f"{word} {name}")
    owed: dict[str, list[tuple[str, int]]] = {}
    for alarm in alarms:
        if alarm.owed is not None:
            owed.setdefault(alarm.frame, []).append((alarm.reader, alarm.owed))
    values = {label: frame.value for label, frame in scene.frames.items() if frame.state != "freed"}
    values |= {label: slot.value for label, slot in scene.slots.items() if slot.state != "freed"}
    out = [
        Sight(
            value.now,
            label,
            tuple(readers.get(label, ())),
            tuple(outside.get(label, ())),
            tuple(owed.get(label, ())),
            value.was is not None or label in owed,
        )
        for label, value in values.items()
        if label in readers or label in outside
    ]
    return tuple(sorted(out, key=lambda sight: not sight.changed))
