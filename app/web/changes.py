"""What changed in a step, in words: one line for each mark in the drawing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from .survey import SHARED, span

if TYPE_CHECKING:
    from .cells import Cell
    from .layout import Layout, Row
    from .scene import Frame, Scene, Slot
    from .strips import Strip

Json = dict[str, Any]


def changes_of(layout: Layout, scene: Scene, step: Json) -> tuple[tuple[str, str], ...]:
    """(subject, what changed) for every mark in the drawing, and for the outcome."""
    out: list[tuple[str, str]] = []
    outcome = step.get("outcome", {})
    if outcome.get("error"):
        out.append((outcome["error"], outcome.get("reason") or "is the outcome"))
    elif outcome.get("value") is not None:
        out.append(("outcome", f"value {outcome['value']}"))
    for group in layout.groups:
        for process in (column.name for column in layout.columns):
            rows = range(group.first, group.last + 1)
            found = ((layout.rows[i], scene.cells[i][process]) for i in rows)
            for row, cell in together(found):
                out.append((f"{process} {row.label}", cell_change(cell)))
    things: list[Frame | Slot | Strip] = [*scene.frames.values(), *scene.slots.values()]
    for thing in (*things, *scene.strips.values()):
        name = getattr(thing, "name", thing.label)
        if thing.state in ("new", "freed"):
            words = "new, exclusive" if getattr(thing, "exclusive", False) else thing.state
            out.append((name, "freed" if thing.state == "freed" else words))
        elif thing.notes:
            out.append((name, ", ".join(thing.notes)))
    out += [
        (hold.name, f"{hold.words} on {frames_in_words(hold.frames)}")
        for hold in scene.handles.values()
        if hold.state == "new"
    ]
    return tuple(out)


def together(found: Iterator[tuple[Row, Cell]]) -> Iterator[tuple[Row, Cell]]:
    """Changed entries; neighbours to which the same happened are told as one."""
    last: tuple[Row, Cell] | None = None
    for row, cell in found:
        if not cell.changed:
            continue
        if last is not None:
            joined = joins(last, (row, cell))
            if joined is not None:
                last = joined
                continue
            yield last
        last = row, cell
    if last is not None:
        yield last


def joins(one: tuple[Row, Cell], other: tuple[Row, Cell]) -> tuple[Row, Cell] | None:
    (above, a), (below, b) = one, other
    same = above.hi == below.lo and all(
        getattr(a, name) == getattr(b, name)
        for name in ("kind", "bits", "flips", "note", "exclusive", "by", "was_by")
    )
    target, was = run_on(a.target, b.target), run_on(a.was, b.was)
    if not same or target is None or was is None:
        return None
    return replace(above, hi=below.hi), replace(a, target=target, was=was)


def run_on(one: str, other: str) -> str | None:
    """Two runs of labels, the last one included, as one; None if the second does not go on."""
    if one in ("", *SHARED) or one == other:
        return one if one == other else None
    if other in ("", *SHARED) or one[0] != other[0]:
        return None
    first, end = one.partition(":")[0], span(one.rpartition(":")[2])[0]
    return f"{first}:{other.rpartition(':')[2]}" if span(other)[0] == end + 1 else None


def frames_in_words(frames: tuple[str, ...]) -> str:
    """Labels, neighbours as a range: `f0..f7`."""
    runs: list[list[str]] = []
    for label in frames:
        known = runs[-1][-1] if runs else ""
        if known and not {label, known} & {*SHARED} and span(label)[0] == span(known)[0] + 1:
            runs[-1][1:] = [label]
        else:
            runs.append([label])
    return ", ".join("..".join(run) for run in runs)


def cell_change(cell: Cell) -> str:
    if cell.kind == "folded":
        return f"now {cell.note}"
    words = []
    target, was = (label.replace(":", "..") for label in (cell.target, cell.was))
    if cell.was and cell.target:
        words.append(f"{was} → {target}")
    elif cell.target and not cell.flips and not cell.was_by:
        words.append(f"→ {target}")
    elif cell.was and cell.kind != "migrating":
        words.append(f"{was} → nothing")
    if cell.kind == "migrating":
        words.append(f"migration entry, {cell.note}")
    if cell.was_by:
        words.append(f"by {cell.was_by.upper()} → by {cell.by.upper()}")
    names = {"W": "writable", "D": "dirty", "S": "soft-dirty", "U": "uffd-wp"}
    words += [
        ("now " if bit in cell.bits else "no longer ") + names.get(bit, "present")
        for bit in cell.flips
    ]
    return ", ".join(words) or "changed"
