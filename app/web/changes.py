"""What changed in a step, in words: one line for each mark in the drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .layout import Layout

if TYPE_CHECKING:
    from .scene import Cell, Frame, Scene, Slot

Json = dict[str, Any]


def changes_of(layout: Layout, scene: Scene, step: Json) -> tuple[tuple[str, str], ...]:
    """(subject, what changed) for every mark in the drawing, and for the outcome."""
    out: list[tuple[str, str]] = []
    outcome = step.get("outcome", {})
    if outcome.get("error"):
        out.append((outcome["error"], outcome.get("reason") or "is the outcome"))
    elif outcome.get("value") is not None:
        out.append(("outcome", f"value {outcome['value']}"))
    for row, cells in zip(layout.rows, scene.cells, strict=True):
        for process, cell in cells.items():
            if cell.changed:
                out.append((f"{process} {row.label}", cell_change(cell)))
    things: list[Frame | Slot] = [*scene.frames.values(), *scene.slots.values()]
    for thing in things:
        if thing.state in ("new", "freed"):
            words = "new, exclusive" if getattr(thing, "exclusive", False) else thing.state
            out.append((thing.label, "freed" if thing.state == "freed" else words))
        elif thing.notes:
            out.append((thing.label, ", ".join(thing.notes)))
    out += [
        (hold.name, f"{hold.words} on {', '.join(hold.frames)}")
        for hold in scene.handles.values()
        if hold.state == "new"
    ]
    return tuple(out)


def cell_change(cell: Cell) -> str:
    words = []
    if cell.was and cell.target:
        words.append(f"{cell.was} → {cell.target}")
    elif cell.target and not cell.flips:
        words.append(f"→ {cell.target}")
    elif cell.was:
        words.append(f"{cell.was} → nothing")
    names = {"W": "writable", "D": "dirty", "S": "soft-dirty", "U": "uffd-wp"}
    words += [
        ("now " if bit in cell.bits else "no longer ") + names.get(bit, "present")
        for bit in cell.flips
    ]
    return ", ".join(words) or "changed"
