"""Counters and holders: what every frame has, alone or in a strip."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Json = dict[str, Any]

TOKENS = {"swapcache": "sc", "pagecache": "pc", "hold": "?"}


class Count(Struct, frozen=True):
    """A number now, and in the step before when it differs."""

    now: int
    was: int | None = None

    def __str__(self) -> str:
        return str(self.now) if self.was is None else f"{self.was}→{self.now}"


class Token(Struct, frozen=True):
    """Who holds references: `kind` "map", "pin", "get", "swapcache", ...; `count` references."""

    text: str
    kind: str
    count: int
    title: str

    @property
    def outside(self) -> bool:
        return self.kind in ("pin", "get")


def count(now: Json, was: Json | None, name: str) -> Count:
    value = int(now.get(name) or 0)
    old = int(was.get(name) or 0) if was is not None else value
    return Count(value, old if old != value else None)


def tokens(ledger: list[Json]) -> tuple[Token, ...]:
    """Holders, in the ledger's order; several mappings by one process are one token."""
    merged: dict[tuple[str, str], list[Json]] = {}
    for item in ledger:
        holder, kind = str(item["holder"]), str(item["kind"])
        text = holder.partition(".")[0] if kind == "map" else TOKENS.get(kind, holder)
        if kind not in ("map", "pin", "get", *TOKENS):
            text = "lru"
        merged.setdefault((text or "?", kind), []).append(item)
    return tuple(
        Token(
            text,
            kind,
            sum(i["count"] for i in items),
            ", ".join(f"{i['holder'] or 'unnamed'} ({kind} {i['count']})" for i in items),
        )
        for (text, kind), items in merged.items()
    )
