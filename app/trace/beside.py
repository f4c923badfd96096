"""What a recorded trace has beside its format: kept as it came, and shown, never compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from .places import Path, told

Json = dict[str, Any]

DOCUMENT = {"schema", "source", "scenario", "steps", "unstable", "unstable_noisy", "runs"}
SOURCE = {"kind", "release", "machine", "swap"}
SCENARIO = {"name", "title", "group", "text"}
STEP = {"index", "line", "text", "outcome", "state"}
OUTCOME = {"value", "error", "faults", "values", "at_page"}
STATE = {"processes", "frames"}
PAGE = {
    "page", "pages", "kind", "frame", "exclusively_mapped", "uffd_wp", "swap_offset_label", "vma",
    "marker", "pmd",
}  # fmt: skip
FRAME = {"mapcount", "flags", "noisy_flags", "exclusive_observable"}
LETTERS = 200
"""Of a value that is longer, the beginning is shown."""


class Extra(Struct, frozen=True):
    """A field that the format does not have: where, and its value as JSON."""

    path: str
    value: str


def extra(owner: Json, known: set[str], path: Path = ()) -> Iterator[Extra]:
    for key, value in owner.items():
        if key not in known:
            text = json.dumps(value, ensure_ascii=False)
            more = "…" if len(text) > LETTERS else ""
            yield Extra(told((*path, key)), text[:LETTERS] + more)


def beside_document(document: Json) -> tuple[Extra, ...]:
    """What is about no step."""
    return (
        *extra(document, DOCUMENT),
        *extra(document["source"], SOURCE, ("source",)),
        *extra(document["scenario"], SCENARIO, ("scenario",)),
    )


def beside_step(step: Json) -> tuple[Extra, ...]:
    state = step["state"]
    found = [
        *extra(step, STEP),
        *extra(step["outcome"], OUTCOME, ("outcome",)),
        *extra(state, STATE, ("state",)),
    ]
    for process, ranges in state["processes"].items():
        for area, entries in ranges.items():
            for entry in entries:
                where = f"{process}.{area}[{entry.get('pages', entry.get('page'))}]"
                found += extra(entry, PAGE, (where,))
    for label, frame in state["frames"].items():
        found += extra(frame, FRAME, (label,))
    return tuple(found)
