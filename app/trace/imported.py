"""A trace from somebody else's machine: read as it came, or told what is wrong and where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from app.scenario import MAX_BYTES, MAX_FRAMES, MAX_STEPS, ScenarioError

from .places import Path, line_and_column, offset_of, told

Json = dict[str, Any]

MAX_TRACE_BYTES = 2 * 1024 * 1024
MAX_PAGES = 2_000_000
"""Pages that all ranges of all steps may come to, written out."""
SHOWN = 100
"""Errors that are told at most."""
NUMBER = r"(?:0|[1-9][0-9]{0,8})"
LABEL = re.compile(rf"f{NUMBER}(?::f{NUMBER})?|zero|hzero")
SLOT = re.compile(rf"s{NUMBER}(?::s{NUMBER})?")
SPAN = re.compile(rf"({NUMBER}):({NUMBER})")
WHOLE = 'A trace is one JSON object: {"schema": "trace/1", …}.'
SWAPS = ("zram", "file", None)


class TraceErrors(Exception):
    """What is wrong with a document: as of a scenario, with the path in the place of the token.

    `syntax`: it is no JSON at all.
    """

    def __init__(self, errors: tuple[ScenarioError, ...], *, syntax: bool = False) -> None:
        self.errors = errors
        self.syntax = syntax
        super().__init__("\n".join(map(str, errors)))


def read_document(data: bytes) -> Json:
    """A `trace/1` document that was recorded on a kernel.

    What it has beside the format stays in it. Raises TraceErrors.
    """
    if len(data) > MAX_TRACE_BYTES:
        raise one_error(
            1, 1, f"The document has {len(data):,} bytes; the limit is {MAX_TRACE_BYTES:,}.",
            "Leave out steps, or fields that no comparison needs.",
        )  # fmt: skip
    text = decoded(data)
    document = parsed(data, text)
    found = list(islice(checked(document), SHOWN))
    if found:
        errors = (placed(text, fault) for fault in found)
        raise TraceErrors(tuple(sorted(errors, key=lambda error: (error.line, error.column))))
    assert isinstance(document, dict)
    return document


def one_error(line: int, column: int, message: str, hint: str) -> TraceErrors:
    return TraceErrors((ScenarioError(line, column, "", message, hint),), syntax=True)


def decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        byte = f"0x{data[error.start]:02x}"
        raise one_error(line, column, f"Not UTF-8: byte {byte}.", "JSON is UTF-8.") from error


def parsed(data: bytes, text: str) -> object:
    """Raises TraceErrors for what is no JSON: where, and what was expected there."""
    if not text.strip():
        raise one_error(1, 1, "The document is empty.", WHOLE)
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        why = str(error)
    byte = re.search(r"byte ([0-9]+)", why)
    at = len(data[: int(byte[1])].decode(errors="ignore")) if byte else 0
    hint = WHOLE
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if "truncated" in why:
            at, hint = len(text.rstrip()), "It ends too early: perhaps it was cut off."
        else:
            at = error.pos
        why = error.msg
    except RecursionError:
        why = "lists within lists, too deep"
    raise one_error(*line_and_column(text, at), f"Not JSON: {why}.", hint)


class Fault(Struct, frozen=True):
    path: Path
    message: str
    hint: str


def placed(text: str, fault: Fault) -> ScenarioError:
    line, column = line_and_column(text, offset_of(text, fault.path))
    where = told(fault.path)
    return ScenarioError(
        line, column, where, f"{where or 'The document'}: {fault.message}", fault.hint
    )


Faults = Iterator[Fault]
KINDS: dict[type, str] = {
    dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a whole number",
}  # fmt: skip


def kind_of(value: object) -> str:
    if value is None:
        return "null"
    return KINDS.get(type(value), "a number with a fraction")


def field(
    owner: Json, key: str, path: Path, kind: type, *, null: bool = False, needed: bool = True
) -> Faults:
    """A field is of this kind; one that may be absent, or null, may."""
    if key not in owner:
        if needed:
            yield Fault(path, f"“{key}” is missing.", f"It is {KINDS[kind]}.")
        return
    value = owner[key]
    if (value is None and null) or type(value) is kind:
        return
    also = " or null" if null else ""
    yield Fault((*path, key), f"it is {kind_of(value)}.", f"It should be {KINDS[kind]}{also}.")


def checked(document: object) -> Faults:
    if not isinstance(document, dict):
        yield Fault((), f"it is {kind_of(document)}.", "A trace is a JSON object.")
        return
    if document.get("schema") != "trace/1":
        found = document.get("schema")
        what = f"“schema” is {json.dumps(found)}." if "schema" in document else "no “schema”."
        path: Path = ("schema",) if "schema" in document else ()
        yield Fault(path, what, "This version reads “trace/1”.")
        return
    for key, kind in (("source", dict), ("scenario", dict), ("steps", list)):
        yield from field(document, key, (), kind)
    yield from field(document, "unstable", (), list, needed=False)
    if isinstance(document.get("unstable"), list):
        for at, name in enumerate(document["unstable"]):
            if not isinstance(name, str):
                yield Fault(("unstable", at), f"it is {kind_of(name)}.", "It names a field.")
    if isinstance(document.get("source"), dict):
        yield from checked_source(document["source"])
    if isinstance(document.get("scenario"), dict):
        yield from checked_scenario(document["scenario"])
    if isinstance(document.get("steps"), list):
        yield from checked_steps(document["steps"])


def checked_source(source: Json) -> Faults:
    path: Path = ("source",)
    yield from field(source, "kind", path, str)
    if source.get("kind") == "simulation":
        yield Fault(
            (*path, "kind"), "an engine played it; no kernel did.",
            "Only what a kernel recorded is imported; play the scenario instead.",
        )  # fmt: skip
    elif isinstance(source.get("kind"), str) and source["kind"] != "kernel":
        yield Fault((*path, "kind"), f"“{source['kind']}” is unknown.", "It should be “kernel”.")
    yield from field(source, "release", path, str)
    yield from field(source, "machine", path, str)
    if source.get("swap") not in SWAPS:
        yield Fault((*path, "swap"), "unknown.", "It should be “zram”, “file” or null.")


def checked_scenario(scenario: Json) -> Faults:
    path: Path = ("scenario",)
    yield from field(scenario, "text", path, str)
    for key in ("name", "title", "group"):
        yield from field(scenario, key, path, str, null=True, needed=False)
    size = len(str(scenario.get("text", "")).encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        yield Fault((*path, "text"), f"{size:,} bytes.", f"A scenario has at most {MAX_BYTES:,}.")


def checked_steps(steps: list[Any]) -> Faults:
    if not steps:
        yield Fault(("steps",), "there is no step.", "A trace has one at least.")
    if len(steps) > MAX_STEPS:
        yield Fault(("steps",), f"{len(steps):,} steps.", f"The limit is {MAX_STEPS:,}.")
        return
    pages = 0
    for index, step in enumerate(steps):
        path: Path = ("steps", index)
        if not isinstance(step, dict):
            yield Fault(path, f"it is {kind_of(step)}.", "A step is an object.")
            continue
        yield from checked_step(step, index, path)
        pages += pages_of(step)
        if pages > MAX_PAGES:
            yield Fault(path, "too many pages up to here.", f"The limit is {MAX_PAGES:,} in all.")
            return


def pages_of(step: Json) -> int:
    """Pages of all ranges, runs written out, as far as they are well-formed."""
    state = step.get("state")
    processes = state.get("processes") if isinstance(state, dict) else None
    count = 0
    for ranges in processes.values() if isinstance(processes, dict) else ():
        for entries in ranges.values() if isinstance(ranges, dict) else ():
            for entry in entries if isinstance(entries, list) else ():
                span = SPAN.fullmatch(str(entry.get("pages"))) if isinstance(entry, dict) else None
                count += int(span[2]) - int(span[1]) if span else 1
    return count


def checked_step(step: Json, index: int, path: Path) -> Faults:
    yield from field(step, "text", path, str)
    yield from field(step, "index", path, int, needed=False)
    yield from field(step, "line", path, int, needed=False)
    if isinstance(step.get("index"), int) and step["index"] != index:
        yield Fault((*path, "index"), f"it is {step['index']}.", f"Counted from 0, it is {index}.")
    yield from field(step, "outcome", path, dict)
    yield from field(step, "state", path, dict)
    if isinstance(step.get("outcome"), dict):
        yield from checked_outcome(step["outcome"], (*path, "outcome"))
    if isinstance(step.get("state"), dict):
        yield from checked_state(step["state"], (*path, "state"))


def checked_outcome(outcome: Json, path: Path) -> Faults:
    for key in ("value", "faults", "at_page"):
        yield from field(outcome, key, path, int, null=True, needed=False)
    yield from field(outcome, "error", path, str, null=True, needed=False)
    yield from field(outcome, "values", path, list, null=True, needed=False)
    values = outcome.get("values")
    for at, value in enumerate(values if isinstance(values, list) else ()):
        if type(value) is not int:
            yield Fault((*path, "values", at), f"it is {kind_of(value)}.", "It is what was read.")


def checked_state(state: Json, path: Path) -> Faults:
    yield from field(state, "processes", path, dict)
    yield from field(state, "frames", path, dict)
    processes, frames = state.get("processes"), state.get("frames")
    for name, ranges in processes.items() if isinstance(processes, dict) else ():
        where: Path = (*path, "processes", name)
        if not isinstance(ranges, dict):
            yield Fault(where, f"it is {kind_of(ranges)}.", "It is an object: ranges by name.")
            continue
        for area, entries in ranges.items():
            if not isinstance(entries, list):
                yield Fault((*where, area), f"it is {kind_of(entries)}.", "It is a list of pages.")
                continue
            for at, entry in enumerate(entries):
                yield from checked_page(entry, (*where, area, at))
    for label, frame in frames.items() if isinstance(frames, dict) else ():
        yield from checked_frame(label, frame, (*path, "frames", label))


def checked_page(entry: object, path: Path) -> Faults:
    if not isinstance(entry, dict):
        yield Fault(path, f"it is {kind_of(entry)}.", "A page is an object.")
        return
    if "pages" in entry:
        span = SPAN.fullmatch(str(entry["pages"]))
        if span is None or not 0 < int(span[2]) - int(span[1]) <= MAX_FRAMES:
            yield Fault(
                (*path, "pages"), f"{json.dumps(entry['pages'])} is no run of pages.",
                f"“first:end”, such as “1:512”, of at most {MAX_FRAMES:,} pages.",
            )  # fmt: skip
    else:
        yield from field(entry, "page", path, int)
    yield from field(entry, "kind", path, str, needed=False)
    yield from field(entry, "vma", path, str, null=True, needed=False)
    for key in ("exclusively_mapped", "uffd_wp"):
        yield from field(entry, key, path, bool, needed=False)
    for key, form, like in (("frame", LABEL, "“f0”"), ("swap_offset_label", SLOT, "“s0”")):
        label = entry.get(key)
        if label is not None and not (isinstance(label, str) and form.fullmatch(label)):
            yield Fault(
                (*path, key), f"{json.dumps(label)} is no label.", f"A label is {like}, or null."
            )


def checked_frame(label: str, frame: object, path: Path) -> Faults:
    if not LABEL.fullmatch(label):
        yield Fault(path, "this is no label of a frame.", "A label is “f0”, “f1:f512” or “zero”.")
    elif ":" in label:
        first, end = (int(part[1:]) for part in label.split(":"))
        if not 0 < end - first <= MAX_FRAMES:
            yield Fault(path, "this is no run of labels.", "“f1:f512” has the labels f1 to f511.")
    if not isinstance(frame, dict):
        yield Fault(path, f"it is {kind_of(frame)}.", "A frame is an object.")
        return
    yield from field(frame, "mapcount", path, int, null=True, needed=False)
    yield from field(frame, "flags", path, list, needed=False)
    flags = frame.get("flags")
    for at, flag in enumerate(flags if isinstance(flags, list) else ()):
        if not isinstance(flag, str):
            yield Fault((*path, "flags", at), f"it is {kind_of(flag)}.", "A flag is a word.")
