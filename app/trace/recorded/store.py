"""The recorded traces: packed, listed and read."""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from app.trace.conform import BadTrace, check_trace, read_trace

Json = dict[str, Any]

SUFFIX = ".jsonl.xz"


class Recording(Struct, frozen=True):
    """A recorded trace without its states.

    key        "swap/name", unique; `text` the scenario
    release    of the kernel; `machine` its architecture; `swap` "zram", "file" or "none"
    steps      their texts, in order
    unstable   fields that differed between recordings of the same scenario: they are not in it
    """

    key: str
    name: str
    title: str
    group: str
    text: str
    release: str
    machine: str
    swap: str
    steps: tuple[str, ...]
    unstable: tuple[str, ...]


def recording_of(document: Json) -> Recording:
    source, scenario = document["source"], document["scenario"]
    swap = source.get("swap") or "none"
    name = str(scenario.get("name", ""))
    return Recording(
        f"{swap}/{name}",
        name,
        str(scenario.get("title") or name),
        str(scenario.get("group", "")),
        scenario["text"],
        str(source.get("release", "")),
        str(source.get("machine", "")),
        swap,
        tuple(step["text"] for step in document["steps"]),
        tuple(document.get("unstable", ())),
    )


@cache
def lines() -> dict[str, bytes]:
    """Each document as JSON, by its key: two megabytes."""
    out = {}
    folder = resources.files(__package__)
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(SUFFIX):
            for line in lzma.decompress(file.read_bytes()).splitlines():
                document = msgspec.json.decode(line)
                check_trace(document, file.name)
                out[recording_of(document).key] = line
    return out


def packed() -> Iterator[Json]:
    """Every document, one after the other."""
    for line in lines().values():
        yield msgspec.json.decode(line)


@cache
def recordings() -> tuple[Recording, ...]:
    """All recorded traces, by group and name."""
    found = [recording_of(document) for document in packed()]
    return tuple(sorted(found, key=lambda r: (r.group, r.name, r.swap)))


def load(key: str) -> Json:
    """One `trace/1` document. Raises KeyError."""
    return msgspec.json.decode(lines()[key])  # type: ignore[no-any-return]


def pack(files: Iterable[Path]) -> bytes:
    """Traces as one packed file. Raises BadTrace for a file that is none, or is there twice."""
    lines: dict[str, bytes] = {}
    for path in files:
        document = read_trace(path)
        if document["source"].get("kind") != "kernel":
            raise BadTrace(f"{path}: not recorded on a kernel")
        key = recording_of(document).key
        if key in lines:
            raise BadTrace(f"{path}: there is a trace {key} already")
        lines[key] = msgspec.json.encode(document)
    content = b"\n".join(lines[key] for key in sorted(lines)) + b"\n"
    return lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)
