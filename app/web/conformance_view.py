"""What the pages of conformance show: facts, traces, and one trace step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from app.engine.outcome import Outcome
from app.trace import Mismatch
from app.trace.beside import Extra, beside_document, beside_step
from app.trace.outcome import outcome_json, outcome_words
from app.trace.recorded import CHAPTERS, RACES, Recording, Replayed
from app.urls import conformance_url

from .matrix import all_names

Json = dict[str, Any]


class Shown(Struct, frozen=True):
    """A step of a trace that shows a fact: does the model agree there, and where it is.

    `left_out`: fields of the step that the kernel did not always answer the same.
    """

    name: str
    step: int
    text: str
    agrees: bool
    left_out: int
    href: str


class FactRow(Struct, frozen=True):
    """`agrees`: in all of its steps."""

    number: str
    sentence: str
    agrees: bool
    shown: tuple[Shown, ...]


class Chapter(Struct, frozen=True):
    name: str
    facts: tuple[FactRow, ...]


class TraceRow(Struct, frozen=True):
    """A trace. `mismatch` is the first difference in words; `race` why the kernel may differ."""

    name: str
    title: str
    swap: str
    steps: int
    agreeing: int
    mismatch: str
    race: str
    left_out: int
    href: str
    run: str


class Group(Struct, frozen=True):
    name: str
    steps: int
    agreeing: int
    rows: tuple[TraceRow, ...]


class Choice(Struct, frozen=True):
    name: str
    href: str
    chosen: bool


class ConformanceContext(Struct, frozen=True):
    """What `conformance.html` gets beside `look` and `here`.

    sentence     the sum in words; `releases` the kernels that were recorded
    waiting      (done, all) while the traces are still replayed, else None
    """

    policy: str
    query: str
    sentence: str
    releases: tuple[str, ...]
    choices: tuple[Choice, ...]
    chapters: tuple[Chapter, ...]
    groups: tuple[Group, ...]
    waiting: tuple[int, int] | None


class StepRow(Struct, frozen=True):
    """One step: what the kernel did, in words, and whether the model did the same.

    entries   pages that the kernel shows otherwise than a step before
    model     what the model's step came to; "" where it does not play
    why       where the two differ
    extra     what the recording has beside the format
    href      the run at this step, or "" where the model does not play
    """

    number: int
    text: str
    kernel: str
    entries: str
    model: str
    agrees: bool
    left_out: int
    why: str
    extra: tuple[Extra, ...]
    href: str


class TraceContext(Struct, frozen=True):
    """What `conformance_trace.html` gets beside `look` and `here`.

    base         the page's own path: with `.json` the recording, with `/STEP` the run
    trace_id     of an imported trace, or ""
    first        the first step that differs, or 0
    extra        what is beside the format and about no step
    """

    recording: Recording
    base: str
    trace_id: str
    policy: str
    query: str
    sentence: str
    refused: str
    first: int
    choices: tuple[Choice, ...]
    race: str
    steps: tuple[StepRow, ...]
    extra: tuple[Extra, ...]


def query_of(policy: str) -> str:
    return f"?policy={quote(policy, safe='@:-')}"


def trace_url(key: str, policy: str) -> str:
    return f"{conformance_url()}/{key}{query_of(policy)}"


def run_url(key: str, step: int, policy: str) -> str:
    """The run at a step, under a policy: it is made, or found, by following the link."""
    return f"{conformance_url()}/{key}/{step}{query_of(policy)}"


def mismatch_words(replayed: Replayed) -> str:
    found = replayed.found
    if found.refused:
        return found.refused
    if found.mismatch is None:
        return ""
    return f"step {found.mismatch.step}, {difference_words(found.mismatch)}"


def difference_words(m: Mismatch) -> str:
    return f"{m.field}: the kernel {words_of(m.expected)}, here {words_of(m.found)}"


def words_of(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def sum_words(replayed: Iterable[Replayed], policy: str) -> str:
    found = [r.found for r in replayed]
    steps, good = sum(f.steps for f in found), sum(f.agreeing for f in found)
    whole = sum(f.ok for f in found)
    return f"{good:,} of {steps:,} steps in {whole} of {len(found)} traces agree under {policy}."


def releases_of(recorded: Iterable[Recording]) -> tuple[str, ...]:
    return tuple(sorted({f"Linux {r.release} on {r.machine}" for r in recorded}))


def chapters_of(replayed: tuple[Replayed, ...], policy: str) -> tuple[Chapter, ...]:
    by_key = {r.recording.key: r for r in replayed}
    out = []
    for chapter in CHAPTERS:
        rows = []
        for fact in chapter.facts:
            shown = tuple(sight(by_key[key], step, policy) for key, step in fact.sights)
            rows.append(FactRow(fact.number, fact.sentence, all(s.agrees for s in shown), shown))
        out.append(Chapter(chapter.name, tuple(rows)))
    return tuple(out)


def left_out(recording: Recording, step: int) -> int:
    """How many fields of a step are not compared."""
    return sum(field.startswith(f"steps[{step - 1}].") for field in recording.unstable)


def sight(replayed: Replayed, step: int, policy: str) -> Shown:
    recording = replayed.recording
    swap = "" if recording.swap == "zram" else f" (swap {recording.swap})"
    return Shown(
        recording.name + swap,
        step,
        recording.steps[step - 1],
        replayed.found.refused is None and step not in replayed.found.differing,
        left_out(recording, step),
        run_url(recording.key, step, policy),
    )


def groups_of(replayed: tuple[Replayed, ...], policy: str) -> tuple[Group, ...]:
    out = []
    for name, members in groupby(replayed, key=lambda r: r.recording.group):
        rows = tuple(trace_row(r, policy) for r in members)
        steps, agreeing = sum(r.steps for r in rows), sum(r.agreeing for r in rows)
        out.append(Group(name, steps, agreeing, rows))
    return tuple(out)


def trace_row(replayed: Replayed, policy: str) -> TraceRow:
    recording, found = replayed.recording, replayed.found
    decides = found.mismatch.step if found.mismatch else found.steps
    return TraceRow(
        recording.name,
        recording.title,
        recording.swap,
        found.steps,
        found.agreeing,
        mismatch_words(replayed),
        RACES.get(recording.key, ""),
        len(recording.unstable),
        trace_url(recording.key, policy),
        run_url(recording.key, decides, policy),
    )


def choices(policy: str, base: str) -> tuple[Choice, ...]:
    names = all_names()
    extra = () if policy in names else (policy,)
    return tuple(Choice(name, base + query_of(name), name == policy) for name in (*names, *extra))


def context_of(policy: str, replayed: tuple[Replayed, ...]) -> ConformanceContext:
    return ConformanceContext(
        policy,
        query_of(policy),
        sum_words(replayed, policy),
        releases_of(r.recording for r in replayed),
        choices(policy, conformance_url()),
        chapters_of(replayed, policy),
        groups_of(replayed, policy),
        None,
    )


ENTRIES = 4
"""Pages that changed in a step and are told one by one."""


def entry_words(entry: Json) -> str:
    """A page as the kernel shows it: its frame, its swap entry, or nothing."""
    words = [str(entry.get("frame") or entry.get("swap_offset_label") or entry.get("kind", "?"))]
    words += ["mapped once"] if entry.get("exclusively_mapped") else []
    words += ["uffd-wp"] if entry.get("uffd_wp") else []
    words += ["marker"] if entry.get("marker") else []
    return " ".join(words)


def entries_of(step: Json) -> dict[str, str]:
    """Each page or run of a step by name, in words."""
    return {
        f"{process}.{area}[{entry.get('pages', entry.get('page'))}]": entry_words(entry)
        for process, ranges in step["state"]["processes"].items()
        for area, entries in ranges.items()
        for entry in entries
    }


def changed_words(now: dict[str, str], before: dict[str, str]) -> str:
    new = [f"{name} {words}" for name, words in now.items() if before.get(name) != words]
    more = f", and {len(new) - ENTRIES} more" if len(new) > ENTRIES else ""
    return ", ".join(new[:ENTRIES]) + more


def model_words(outcome: Outcome) -> str:
    """As a kernel's, which counts no copies: where the model made none, nothing is said of them."""
    told = outcome_json(outcome)
    return outcome_words({k: v for k, v in told.items() if v or k != "copies"})


def step_rows(replayed: Replayed, document: Json, base: str, query: str) -> Iterator[StepRow]:
    recording, found = replayed.recording, replayed.found
    differing = {mismatch.step: mismatch for mismatch in found.mismatches}
    before: dict[str, str] = {}
    for number, step in enumerate(document["steps"], 1):
        entries = entries_of(step)
        mismatch = differing.get(number)
        played = number <= len(found.outcomes)
        model = model_words(found.outcomes[number - 1]) if played else ""
        yield StepRow(
            number,
            step["text"],
            outcome_words(step["outcome"]),
            changed_words(entries, before),
            model,
            played and mismatch is None,
            left_out(recording, number),
            difference_words(mismatch) if mismatch else "",
            beside_step(step),
            f"{base}/{number}{query}" if played else "",
        )
        before = entries


def trace_context(
    replayed: Replayed, document: Json, policy: str, base: str, trace_id: str = ""
) -> TraceContext:
    recording, found = replayed.recording, replayed.found
    return TraceContext(
        recording,
        base,
        trace_id,
        policy,
        query_of(policy),
        f"{found.agreeing} of {found.steps} steps agree under {policy}.",
        found.refused or "",
        found.mismatch.step if found.mismatch else 0,
        choices(policy, base),
        RACES.get(recording.key, "") if not trace_id else "",
        tuple(step_rows(replayed, document, base, query_of(policy))),
        beside_document(document) if trace_id else (),
    )
