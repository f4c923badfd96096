"""A refcount as the sum of its holders, in words: `1026 = 2 maps + 1024 (1 FOLL_PIN)`."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from app.engine.state import GUP_PIN_COUNTING_BIAS

Json = dict[str, Any]

WORDS = {
    "map": ("map", "maps"),
    "get": ("FOLL_GET", "FOLL_GETs"),
    "swapcache": ("swap cache", "swap cache"),
    "pagecache": ("page cache", "page cache"),
    "hold": ("speculative", "speculative"),
}
"""One and many references of a kind; what is not here is a per-CPU batch of the LRU."""


class Item(Struct, frozen=True):
    """References of one kind: how many, of what, and by whom."""

    count: int
    noun: str
    holders: str

    @property
    def words(self) -> str:
        """Of a pin that weighs more than itself, how many they are stands in parentheses."""
        apart = self.noun[0].isdigit()
        return f"{self.count} ({self.noun})" if apart else f"{self.count} {self.noun}"


class Ledger(Struct, frozen=True):
    """`total` is the sum of `items`; `refcount` is what the folio says. They are equal.

    `pincount` is a large folio's own count of pins, None for a small one, which has no such field.
    """

    refcount: int
    items: tuple[Item, ...]
    pincount: int | None

    @property
    def total(self) -> int:
        return sum(item.count for item in self.items)

    @property
    def sum(self) -> str:
        """The inequalities of the kernel's reuse rules are about this sum."""
        return " + ".join(item.words for item in self.items) or "0"

    def __str__(self) -> str:
        own = f"; pincount {self.pincount}" if self.pincount is not None else ""
        return f"{self.refcount} = {self.sum}{own}"


def ledger_of(frame: Json) -> Ledger:
    """The ledger of a frame of `state.frames`; of a page of a large folio, the folio's."""
    large = "compound_head" in frame["flags"] or "compound_tail" in frame["flags"]
    groups: dict[str, list[Json]] = {}
    for item in frame["ledger"]:
        groups.setdefault(item["kind"], []).append(item)
    return Ledger(
        refcount=frame["refcount"],
        items=tuple(item_of(kind, found, large) for kind, found in groups.items()),
        pincount=frame["pincount"] if large else None,
    )


def item_of(kind: str, found: list[Json], large: bool) -> Item:
    count = sum(item["count"] for item in found)
    holders = ", ".join(holder_of(item, large) for item in found)
    if kind == "pin":
        pins = count if large else count // GUP_PIN_COUNTING_BIAS
        noun = f"FOLL_PIN{'s' if pins > 1 else ''}"
        return Item(count, noun if large else f"{pins} {noun}", holders)
    one, many = WORDS.get(kind, (f"LRU batch ({kind})", f"LRU batches ({kind})"))
    return Item(count, one if count == 1 else many, holders)


def holder_of(item: Json, large: bool) -> str:
    """Who holds; how often, when it is not once."""
    weight = GUP_PIN_COUNTING_BIAS if item["kind"] == "pin" and not large else 1
    times = item["count"] // weight
    name = item["holder"] or "a process that exited"
    return name if times == 1 else f"{name} ×{times}"
