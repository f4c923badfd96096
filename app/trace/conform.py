"""Held against a real kernel: replay a recorded trace and compare every step.

The engine's state is projected to what pagemap, kpageflags and kpagecount show, and the labels
of frames and swap offsets are matched by one bijection over the whole trace (`trace-format.md`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from app import policies
from app.engine import boot, step
from app.engine.outcome import NotModelled, Outcome
from app.scenario import ScenarioErrors, longest_valid, parse

from .outcome import outcome_json
from .state import state

Json = dict[str, Any]

PAGE_FIELDS = ("kind", "exclusively_mapped", "uffd_wp", "vma", "marker", "pmd")
LABELS = (("frame", "f"), ("swap_offset_label", "s"))


class Mismatch(Struct, frozen=True):
    """Where engine and kernel first differ. `step` counts from 1."""

    step: int
    text: str
    field: str
    expected: object
    found: object


class Conformance(Struct, frozen=True):
    """One trace. `agreeing` steps agree; `refused` says why it could not be played to its end.

    mismatches   the first difference of each step that has one
    outcomes     what the engine's steps came to, as far as it played
    """

    name: str
    group: str
    steps: int
    agreeing: int
    mismatches: tuple[Mismatch, ...] = ()
    refused: str | None = None
    outcomes: tuple[Outcome, ...] = ()

    @property
    def mismatch(self) -> Mismatch | None:
        """The first difference."""
        return self.mismatches[0] if self.mismatches else None

    @property
    def differing(self) -> tuple[int, ...]:
        """The steps that differ, from 1."""
        return tuple(mismatch.step for mismatch in self.mismatches)

    @property
    def ok(self) -> bool:
        return self.refused is None and self.agreeing == self.steps


class BadTrace(ValueError):
    """The file is no `trace/1` document; says what is wrong."""


def read_trace(path: Path) -> Json:
    try:
        document = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise BadTrace(f"{path}: {error}") from error
    check_trace(document, path)
    return document  # type: ignore[no-any-return]


def check_trace(document: object, where: object) -> None:
    """Raises BadTrace when this is no `trace/1` document; `where` is for the message."""
    if not isinstance(document, dict) or document.get("schema") != "trace/1":
        raise BadTrace(f"{where}: not a trace/1 document")
    for key, kind in (("source", dict), ("scenario", dict), ("steps", list)):
        if not isinstance(document.get(key), kind):
            raise BadTrace(f"{where}: “{key}” is missing")


def conform_file(path: Path, policy: str = policies.DEFAULT) -> Conformance:
    """Replay the scenario of one recorded trace. Raises BadTrace for a file that is none."""
    return conform(read_trace(path), policy)


def conform(document: Json, policy_name: str) -> Conformance:
    """Compare every step; a step that differs does not stop the ones behind it."""
    policy = policies.get(policy_name)
    name = str(document["scenario"].get("name", ""))
    group = str(document["scenario"].get("group", ""))
    recorded = document["steps"]
    text, refused = document["scenario"]["text"], None
    try:
        scenario = parse(text)
    except ScenarioErrors as errors:
        refused = str(errors.errors[0])
        begun = longest_valid(text)
        if begun is None:
            return Conformance(name, group, len(recorded), 0, refused=refused)
        scenario = begun
    if len(scenario.steps) != len(recorded) and not (
        refused and len(scenario.steps) < len(recorded)
    ):
        why = f"the trace has {len(recorded)} steps, its text has {len(scenario.steps)}"
        return Conformance(name, group, len(recorded), 0, refused=why)
    config = msgspec.structs.replace(scenario.config, swap=document["source"].get("swap") or "none")
    machine = boot(config, scenario.first)
    matcher = Matcher(frozenset(document.get("unstable", ())), policy.bit == "page")
    mismatches: list[Mismatch] = []
    outcomes: list[Outcome] = []
    for index, (source, step_json) in enumerate(zip(scenario.steps, recorded, strict=False)):
        try:
            done = step(machine, source.op, policy, explain=False)
        except NotModelled as missing:
            refused = f"{missing.what}: not modelled yet"
            break
        machine = done.after
        outcomes.append(done.outcome)
        found = matcher.compare(index, step_json, done.outcome, state(machine))
        recorded_text = step_json.get("text", source.text)
        if recorded_text.split() != source.text.split():
            found = "text", recorded_text, source.text
        if found is not None:
            mismatches.append(Mismatch(index + 1, source.text, *found))
    agreeing = len(outcomes) - len(mismatches)
    return Conformance(
        name, group, len(recorded), agreeing, tuple(mismatches), refused, tuple(outcomes)
    )


Difference = tuple[str, object, object]
Agreed = tuple[list[Json], list[Json], dict[str, dict[str, str]]]
"""A range as recorded and as simulated, and the labels in it."""


class Matcher:
    """The bijection of labels, step by step.

    A recorded label lives while some observed page shows its frame; a frame that was out of
    sight has a new label. `alive` maps each recorded label to the engine's, per kind.
    """

    def __init__(self, unstable: frozenset[str], has_bit: bool = True) -> None:
        self.unstable = unstable
        self.has_bit = has_bit
        self.alive: dict[str, dict[str, str]] = {"f": {}, "s": {}}
        self.dead: dict[str, set[str]] = {"f": set(), "s": set()}
        self.taken: dict[str, dict[str, str]] = {}
        self.agreed: dict[tuple[str, str], Agreed] = {}
        self.frames: tuple[Json, Json, dict[str, str]] | None = None

    def compare(
        self, index: int, recorded: Json, outcome: Outcome, simulated: Json
    ) -> Difference | None:
        """The first difference of a step: (field, expected, found)."""
        return (
            compare_outcome(recorded["outcome"], outcome)
            or self.compare_pages(recorded["state"]["processes"], simulated["processes"])
            or self.compare_frames(index, recorded["state"]["frames"], simulated["frames"])
        )

    def compare_pages(self, recorded: Json, simulated: Json) -> Difference | None:
        seen: dict[str, dict[str, str]] = {"f": {}, "s": {}}
        self.taken = {kind: {o: t for t, o in alive.items()} for kind, alive in self.alive.items()}
        if set(recorded) != set(simulated):
            return "processes", sorted(recorded), sorted(simulated)
        difference = None
        for process, ranges in recorded.items():
            if set(ranges) != set(simulated[process]):
                return f"{process}: ranges", sorted(ranges), sorted(simulated[process])
            for area, pages in ranges.items():
                found = self.compare_range((process, area), pages, simulated[process][area], seen)
                difference = difference or found
        for kind in ("f", "s"):
            self.dead[kind] |= set(self.alive[kind]) - set(seen[kind])
            self.alive[kind] = seen[kind]
        return difference

    def compare_range(
        self,
        key: tuple[str, str],
        theirs: list[Json],
        ours: list[Json],
        seen: dict[str, dict[str, str]],
    ) -> Difference | None:
        """One range; what agreed before and did not change on either side agrees again."""
        before = self.agreed.pop(key, None)
        if before is not None and before[0] == theirs and before[1] == ours:
            labels: dict[str, dict[str, str]] = before[2]
            for kind in ("f", "s"):
                seen[kind].update(labels[kind])
            self.agreed[key] = before
            return None
        ours_pages, theirs_pages = expand(ours), expand(theirs)
        if len(ours_pages) != len(theirs_pages):
            return f"{'.'.join(key)}: pages", len(theirs_pages), len(ours_pages)
        difference = None
        labels = {"f": {}, "s": {}}
        for theirs_page, ours_page in zip(theirs_pages, ours_pages, strict=True):
            found = self.compare_page(key, theirs_page, ours_page, seen)
            difference = difference or found
            for field, kind in LABELS:
                label = theirs_page.get(field)
                if label in seen[kind]:
                    labels[kind][label] = seen[kind][label]
        if difference is None:
            self.agreed[key] = theirs, ours, labels
        return difference

    def compare_page(
        self, key: tuple[str, str], theirs: Json, ours: Json, seen: dict[str, dict[str, str]]
    ) -> Difference | None:
        where = f"{'.'.join(key)}[{theirs['page']}]"
        for field in PAGE_FIELDS:
            if field in theirs and theirs[field] != ours.get(field, theirs[field]):
                return f"{where}.{field}", theirs[field], ours.get(field)
        for field, kind in LABELS:
            if field not in theirs:
                continue
            difference = self.match(kind, theirs[field], ours[field], seen[kind])
            if difference is not None:
                return f"{where}.{field}", *difference
        return None

    def match(
        self, kind: str, theirs: str | None, ours: str | None, seen: dict[str, str]
    ) -> tuple[object, object] | None:
        """Is this pair of labels the one that it was, or new on both sides?"""
        if theirs is None or ours is None or not theirs[1:].isdigit() or not ours[1:].isdigit():
            return None if theirs == ours else (theirs, ours)
        known = seen.get(theirs) or self.alive[kind].get(theirs)
        if known is None:
            taken = self.taken[kind]
            if theirs in self.dead[kind] or ours in taken:
                return theirs, f"{ours}, known as {taken.get(ours, theirs)}"
            known = ours
        if known != ours:
            return f"{theirs} (the engine's {known})", ours
        seen[theirs] = ours
        self.taken[kind][ours] = theirs
        return None

    def compare_frames(self, index: int, recorded: Json, simulated: Json) -> Difference | None:
        """Which frames are mapped, their mapcounts and flags; what agreed before agrees again."""
        now = recorded, simulated, self.alive["f"]
        if self.frames == now and not self.unstable:
            return None
        difference = self.compare_each_frame(index, recorded, simulated)
        self.frames = None if difference else now
        return difference

    def compare_each_frame(self, index: int, recorded: Json, simulated: Json) -> Difference | None:
        theirs = expand_frames(recorded)
        ours = expand_frames(simulated)
        fixed = {label: label for label in theirs if not label[1:].isdigit()}
        partner = {**self.alive["f"], **fixed}
        for label, frame in theirs.items():
            if frame.get("mapcount") == 0:
                continue  # A simulation lists what nobody maps; no kernel shows it.
            if label not in partner:
                return f"frames.{label}", "mapped", "not mapped"
            found = ours.get(partner[label])
            if found is None:
                return f"frames.{label}", "a frame", None
            for field in ("mapcount", "flags"):
                if field in frame and frame[field] != observable(frame, found, field, self.has_bit):
                    return f"frames.{label}.{field}", frame[field], found.get(field)
        missing = {label for label in partner if label not in theirs} - {
            label for label in partner if f"steps[{index}].state.frames.{label}" in self.unstable
        }
        if missing:
            return "frames", sorted(theirs), sorted(missing)
        return None


def observable(recorded: Json, found: Json, field: str, has_bit: bool = True) -> object:
    """What user space would see: a tail's exclusive bit is hidden behind its head's.

    A policy without the bit in struct page is compared without it.
    """
    value = found.get(field)
    if field == "flags" and (not has_bit or recorded.get("exclusive_observable") is False):
        hidden = {"exclusive"}
        if set(value or []) - hidden == set(recorded["flags"]) - hidden:
            return recorded["flags"]
    return value


def compare_outcome(recorded: Json, outcome: Outcome) -> Difference | None:
    ours = outcome_json(outcome)
    for field in ("value", "error", "values", "faults", "at_page"):
        if field in recorded and recorded[field] != ours.get(field):
            return f"outcome.{field}", recorded[field], ours.get(field)
    return None


def expand(pages: list[Json]) -> list[Json]:
    """Runs of equal neighbours written out (`trace-format.md`)."""
    out: list[Json] = []
    for entry in pages:
        if "pages" not in entry:
            out.append(entry)
            continue
        first, last = map(int, entry["pages"].split(":"))
        for page in range(first, last):
            one = {k: v for k, v in entry.items() if k != "pages"}
            one["page"] = page
            for field in ("frame", "swap_offset_label", "migrating"):
                if isinstance(one.get(field), str):
                    one[field] = label_at(one[field], page - first)
            out.append(one)
    return out


def label_at(label: str, offset: int) -> str:
    """`f1:f512` is one consecutive label for each page; a single label is shared by all."""
    if ":" not in label:
        return label
    start = label.split(":")[0]
    return f"{start[0]}{int(start[1:]) + offset}"


def expand_frames(frames: Json) -> Json:
    out: Json = {}
    for key, frame in frames.items():
        if ":" not in key:
            out[key] = frame
            continue
        first, last = key.split(":")
        for number in range(int(first[1:]), int(last[1:])):
            out[f"{first[0]}{number}"] = frame
    return out
