"""Neighbours of a large folio as one: what is alike is told once, in mail and terminals.

A trace tells each page of a short range (`trace/1` has runs in ranges of more than 16 pages).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Span = tuple[str, int, int]
"""Letter, first number, the one behind the last: `f1:f4` is ("f", 1, 4)."""


def span(label: str) -> Span | None:
    """Of a frame's or a slot's label, or of a run of them; None for `zero` and `hzero`."""
    first, _, end = label.partition(":")
    if not first[1:].isdigit():
        return None
    return first[0], int(first[1:]), int(end[1:]) if end else int(first[1:]) + 1


def written(run: Span) -> str:
    letter, lo, hi = run
    return f"{letter}{lo}" if hi == lo + 1 else f"{letter}{lo}:{letter}{hi}"


def joined(one: str | None, other: str | None) -> str | None:
    """Two labels as one run; None where the second is not the neighbour behind the first."""
    a, b = span(one or ""), span(other or "")
    if a is None or b is None or a[0] != b[0] or a[2] != b[1]:
        return None
    return written((a[0], a[1], b[2]))


def large_frames(frames: Json) -> dict[str, str]:
    """Each frame of a large folio, by label: its head."""
    out: dict[str, str] = {}
    for label, frame in frames.items():
        run = span(label)
        if run is not None and frame.get("order"):
            out |= {f"{run[0]}{number}": frame["head"] for number in range(run[1], run[2])}
    return out


def told_entries(entries: list[Json], heads: dict[str, str]) -> Iterator[Json]:
    """Entries of a range; neighbours that map one folio alike, or nothing beside it, as one."""
    if not any(head_of(entry, heads) for entry in entries):
        yield from entries
        return
    last: Json | None = None
    for entry in entries:
        both = None if last is None else both_entries(last, entry, heads)
        if last is not None and both is None:
            yield last
        last = both or entry
    if last is not None:
        yield last


def head_of(entry: Json, heads: dict[str, str]) -> str | None:
    return heads.get((entry["frame"] or "").partition(":")[0])


def both_entries(one: Json, other: Json, heads: dict[str, str]) -> Json | None:
    where = {"page", "pages", "frame"}
    if {k: v for k, v in one.items() if k not in where} != {
        k: v for k, v in other.items() if k not in where
    }:
        return None
    frame = joined(one["frame"], other["frame"])
    if one["frame"] is None is other["frame"] and one["kind"] == "none":
        frame = None
    elif (
        frame is None or head_of(one, heads) is None or head_of(one, heads) != head_of(other, heads)
    ):
        return None
    (lo, _), (_, hi) = pages(one), pages(other)
    rest = {key: value for key, value in one.items() if key != "page"}
    return rest | {"pages": f"{lo}:{hi}", "frame": frame}


def pages(entry: Json) -> tuple[int, int]:
    if "pages" in entry:
        lo, _, hi = entry["pages"].partition(":")
        return int(lo), int(hi)
    return entry["page"], entry["page"] + 1


def told_frames(frames: Json, before: Json) -> Iterator[tuple[str, Json, Json | None]]:
    """(label or run, frame, the frame before the step); pages of a folio that are alike as one."""
    last: tuple[str, Json, Json | None] | None = None
    for label, frame in frames.items():
        was = before.get(label)
        if last is not None:
            run = joined(last[0], label)
            if run and frame.get("order") and (last[1], last[2]) == (frame, was):
                last = run, frame, was
                continue
            yield last
        last = label, frame, was
    if last is not None:
        yield last
