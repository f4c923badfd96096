"""How pages are folded into strips: what two states, before and after a step, have of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from .homes import Item
from .strips import Cells, Part, Strip
from .survey import span, target
from .things import Count, Token, count, tokens

Json = dict[str, Any]
Piece = tuple[int, int, Json]

FIELDS = (("ref", "refcount"), ("map", "mapcount"), ("pin", "pincount"))


def strips_of(items: Iterable[Item], now: Json, was: Json, bad: set[str]) -> Iterator[Strip]:
    """All strips of which anything is there, or was one step before."""
    found = [item for item in items if item.strip]
    if not found:
        return
    held, before = users_of(now), users_of(was) if was is not now else {}
    frames = sorted_by_start(now["frames"]), sorted_by_start(was["frames"])
    slots = sorted_by_start(now.get("swap", {})), sorted_by_start(was.get("swap", {}))
    for item in found:
        here, there = (within(part, item) for part in (slots if item.label[0] == "s" else frames))
        if here or there:
            users = users_in(held, item), users_in(before if was is not now else held, item)
            yield strip_of(item, here, there, users, bad)


def sorted_by_start(things: Json) -> dict[str, list[Piece]]:
    out: dict[str, list[Piece]] = {}
    for label, thing in things.items():
        if label[1:2].isdigit():
            out.setdefault(label[0], []).append((*span(label), thing))
    for pieces in out.values():
        pieces.sort(key=lambda piece: piece[0])
    return out


def within(things: dict[str, list[Piece]], item: Item) -> list[Piece]:
    """What of `things` belongs to a strip, counted from the strip's first page."""
    lo, hi = item.start, item.start + item.pages
    return [
        (max(a, lo) - lo, min(b, hi) - lo, thing)
        for a, b, thing in things.get(item.label[0], ())
        if a < hi and b > lo
    ]


def users_of(state: Json) -> dict[str, list[tuple[int, int, str]]]:
    """By letter: frames or slots (half-open) and a process that has entries for them."""
    out: dict[str, list[tuple[int, int, str]]] = {"f": [], "s": []}
    for process, ranges in state["processes"].items():
        for entries in ranges.values():
            for entry in entries:
                found = target(entry)
                if found is not None and found[1:2].isdigit():
                    out[found[0]].append((*span(found), process))
    return out


def users_in(
    users: dict[str, list[tuple[int, int, str]]], item: Item
) -> list[tuple[int, int, str]]:
    lo, hi = item.start, item.start + item.pages
    return [
        (a - lo, b - lo, who) for a, b, who in users.get(item.label[0], ()) if a < hi and b > lo
    ]


def strip_of(
    item: Item,
    here: list[Piece],
    there: list[Piece],
    users: tuple[list[tuple[int, int, str]], list[tuple[int, int, str]]],
    bad: set[str],
) -> Strip:
    some = (here or there)[0][2]
    large = item.label[0] == "f" and bool(some.get("order"))
    was_large = bool(there) and bool(there[0][2].get("order"))
    same = here and there and large == was_large
    state = "freed" if not here else "new" if not there else ""
    kind = ""
    if item.label[0] == "s":
        kind = "slots"
    elif large:
        kind = "hugetlb" if "hugetlb" in some.get("flags", ()) else "thp"
    cells = tuple(cells_of(item.pages, here, there, users, state))
    old = there[0][2] if there and same and large else None
    parts = () if kind == "slots" else tuple(parts_of(here or there, there, large, bool(same)))
    entire = count(some, old, "entire_mapcount") if large else Count(0)
    entries = total(here, there, state) if kind == "slots" else Count(0)
    strip = Strip(
        label=item.label,
        start=item.start,
        pages=item.pages,
        kind=kind,
        cells=cells,
        parts=parts,
        entire=entire,
        partly=large and bool(some.get("partially_mapped")),
        shared=large and bool(some.get("maybe_mapped_shared")),
        owners=tuple((o["mm"], o["mapcount"]) for o in some.get("mm_owners", ())) if large else (),
        flags=flag_words(here or there),
        entries=entries,
        state=state,
        notes=(),
        bad=any(f"{item.label[0]}{n}" in bad for n in range(item.start, item.start + item.pages))
        if bad
        else False,
    )
    if state:
        return strip
    notes = tuple(notes_of(strip, large, was_large, old, some))
    return replace(strip, notes=notes, state="changed" if notes else "")


def total(here: list[Piece], there: list[Piece], state: str) -> Count:
    now = sum((hi - lo) * int(slot["count"]) for lo, hi, slot in here)
    was = sum((hi - lo) * int(slot["count"]) for lo, hi, slot in there)
    return Count(now, was if was != now and not state else None)


def flag_words(pieces: list[Piece]) -> str:
    flags = {flag for _, _, thing in pieces for flag in thing.get("flags", ())}
    short = {"swapcache": "sc", "mlocked": "lock", "ksm": "ksm"}
    return "".join(f", {word}" for flag, word in short.items() if flag in flags)


# -- cells ------------------------------------------------------------------------------------


def cells_of(
    pages: int,
    here: list[Piece],
    there: list[Piece],
    users: tuple[list[tuple[int, int, str]], list[tuple[int, int, str]]],
    state: str,
) -> Iterator[Cells]:
    """Runs of equal pages. In a strip that is new all pages are, so none is marked."""
    edges = {0, pages}
    for lo, hi, *_ in (*here, *there, *users[0], *users[1]):
        edges.update((max(0, lo), min(pages, hi)))
    marks = sorted(edge for edge in edges if 0 <= edge <= pages)
    last: Cells | None = None
    for lo, hi in pairwise(marks):
        now, old = cell_at(lo, here, users[0]), cell_at(lo, there, users[1])
        changed = not state and now != old
        was = old[1] if changed and old[0] != "gone" != now[0] and old[1] != now[1] else None
        cell = Cells(lo, hi, *now, changed, was, what_of(old, now) if changed else "")
        if last is not None and replace(cell, lo=last.lo, hi=last.hi) == last:
            last = replace(last, hi=hi)
            continue
        if last is not None:
            yield last
        last = cell
    if last is not None:
        yield last


Look = tuple[str, int, tuple[str, ...], bool]


def what_of(old: Look, now: Look) -> str:
    if "gone" in (old[0], now[0]) and old[0] != now[0]:
        return "freed" if now[0] == "gone" else "new"
    words = []
    if (old[0] == "own") != (now[0] == "own"):
        words.append("now exclusive" if now[0] == "own" else "no longer exclusive")
    if old[3] != now[3]:
        words.append("now ksm" if now[3] else "no longer ksm")
    return ", ".join(words)


def cell_at(at: int, pieces: list[Piece], users: list[tuple[int, int, str]]) -> Look:
    """(state, value, who maps it, ksm) of one page."""
    by = tuple(dict.fromkeys(who for lo, hi, who in users if lo <= at < hi))
    for lo, hi, thing in pieces:
        if lo <= at < hi:
            value = int(thing.get("value") or 0)
            if "exclusive" in thing.get("flags", ()) or (
                # What a PMD maps has one bit, the head's.
                thing.get("entire_mapcount") and "exclusive" in pieces[0][2].get("flags", ())
            ):
                return "own", value, by, False
            state = "more" if len(by) > 1 else "one" if by else "none"
            if not by and int(thing.get("mapcount") or 0):
                state = "one" if thing["mapcount"] == 1 else "more"
            return state, value, by, "ksm" in thing.get("flags", ())
    return "gone", 0, (), False


# -- ledgers ----------------------------------------------------------------------------------


def parts_of(
    pieces: list[Piece], there: list[Piece], large: bool, comparable: bool
) -> Iterator[Part]:
    if large:
        lo, hi, thing = pieces[0][0], pieces[-1][1], pieces[0][2]
        old = there[0][2] if comparable and there else None
        mapped = folio_maps(thing)
        was = folio_maps(old) if old is not None else mapped
        yield Part(
            lo,
            hi,
            count(thing, old, "refcount"),
            Count(mapped, was if was != mapped else None),
            count(thing, old, "pincount"),
            tokens(thing.get("ledger", ())),
        )
        return
    last: Part | None = None
    for lo, hi, thing in cut(pieces, there):
        old = next((o for a, b, o in there if a <= lo < b), None) if comparable else None
        ref, maps, pin = (count(thing, old, name) for _, name in FIELDS)
        part = Part(lo, hi, ref, maps, pin, holders_of(thing))
        if last is not None and last.hi == lo and alike(last, part):
            last = Part(last.lo, hi, last.ref, last.map, last.pin, last.holders)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last


def holders_of(thing: Json) -> tuple[Token, ...]:
    """Who holds each page of a run: the pages by which they do differ from page to page."""
    return tuple(
        replace(token, title=f"{token.text} ({token.kind} {token.count})")
        for token in tokens(thing.get("ledger", ()))
    )


def cut(pieces: list[Piece], there: list[Piece]) -> Iterator[Piece]:
    """The same pieces, cut where those of the step before begin and end."""
    edges = sorted({edge for lo, hi, _ in there for edge in (lo, hi)})
    for lo, hi, thing in pieces:
        inside = [lo, *(edge for edge in edges if lo < edge < hi), hi]
        yield from ((a, b, thing) for a, b in pairwise(inside))


def folio_maps(thing: Json) -> int:
    """folio_mapcount(): a PMD counts once, and so does each PTE."""
    return sum(int(i["count"]) for i in thing.get("ledger", ()) if i["kind"] == "map")


def alike(one: Part, other: Part) -> bool:
    holders = [
        [(token.text, token.kind, token.count) for token in part.holders] for part in (one, other)
    ]
    return (one.ref, one.map, one.pin) == (other.ref, other.map, other.pin) and (
        holders[0] == holders[1]
    )


# -- what changed -----------------------------------------------------------------------------


def notes_of(
    strip: Strip, large: bool, was_large: bool, old: Json | None, now: Json
) -> Iterator[str]:
    if large != was_large:
        yield "now a large folio" if large else "split into small folios"
    for part in strip.parts:
        named = "" if large or len(strip.parts) == 1 else f"{strip.part_name(part.lo, part.hi)} "
        for name, value in (("ref", part.ref), ("map", part.map), ("pin", part.pin)):
            if value.was is not None:
                yield f"{named}{name} {value.was}→{value.now}"
    if strip.entire.was is not None:
        yield f"entire {strip.entire.was}→{strip.entire.now}"
    if strip.entries.was is not None:
        yield f"entries {strip.entries.was}→{strip.entries.now}"
    if old is not None:
        for name, words in (
            ("partially_mapped", "partially mapped"),
            ("maybe_mapped_shared", "the shared bit"),
        ):
            if bool(old.get(name)) != bool(now.get(name)):
                yield f"{'now' if now.get(name) else 'no longer'} {words}".replace(
                    "now the shared bit", "shared bit set"
                ).replace("no longer the shared bit", "shared bit clear")
    for cell in strip.cells:
        if cell.changed:
            named = strip.part_name(cell.lo, cell.hi)
            if cell.was is not None:
                yield f"{named} holds {cell.was}→{cell.value}"
            if cell.what:
                yield f"{named} {cell.what}"
