"""The one table of keys of the explorer: the key sheet, `aria-keyshortcuts` and, through it, the
script; the page "All marks" prints it, too.
"""

from __future__ import annotations

from msgspec import Struct


class KeyAction(Struct, frozen=True):
    """A key of the explorer: `keys` as aria-keyshortcuts spells them, `shown` on the key sheet."""

    keys: str
    shown: str
    words: str


KEYS: dict[str, KeyAction] = {
    "next": KeyAction("ArrowRight l j PageDown", "→ l j PgDn", "one step on"),
    "previous": KeyAction("ArrowLeft h k PageUp", "← h k PgUp", "one step back"),
    "next_mark": KeyAction("Shift+ArrowRight", "Shift →", "next event: fork, copy, pin, swap …"),
    "previous_mark": KeyAction("Shift+ArrowLeft", "Shift ←", "previous event"),
    "first": KeyAction("Home", "Home", "before the first step"),
    "last": KeyAction("End", "End", "last step"),
    "play": KeyAction("Space", "Space", "play and pause"),
    "go": KeyAction("g", "g 1 2 Enter", "go to a step by its number"),
    "violation": KeyAction("v", "v", "next violation"),
    "only": KeyAction("u", "u", "only what changed, or everything"),
    "view": KeyAction("t", "t", "tables, or the drawing"),
    "why": KeyAction("w", "w", "to the explanation"),
    "next_write": KeyAction("n", "n", "next step that changed what is selected"),
    "previous_write": KeyAction("p", "p", "previous step that changed it"),
    "branch": KeyAction("b", "b 1 – 9", "go on otherwise: the n-th step that could come next"),
    "without": KeyAction("x", "x", "what if this step were left out?"),
    "policies": KeyAction("", "1 – 8", "the same step under another policy"),
    "copy": KeyAction("c", "c", "copy the link to this step"),
    "sheet": KeyAction("?", "?", "this list; Esc closes it, or clears the selection"),
}
