"""One page, two pages: the engine's sentences have a number where a word must agree with it."""

from __future__ import annotations

import re

NOUNS = {
    "pages": "page",
    "references": "reference",
    "mappings": "mapping",
    "mapcounts": "mapcount",
    "pins": "pin",
    "PTEs": "PTE",
    "entries": "entry",
    "PMDs": "PMD",
}
VERBS = {
    "are": "is", "were": "was", "have": "has", "hold": "holds", "keep": "keeps", "lose": "loses",
}  # fmt: skip
MANY = re.compile(
    rf"(?<![\w.:=+-])1 ((?:base|more|swap|speculative|other|other swap) )?({'|'.join(NOUNS)})\b"
    rf"(?: ({'|'.join(VERBS)})\b| and references (?=less))?"
)


def singular(text: str) -> str:
    """`1 pages are` becomes `1 page is`."""
    if "1 " not in text:
        return text
    return MANY.sub(one, text)


def one(found: re.Match[str]) -> str:
    words = f"1 {found[1] or ''}{NOUNS[found[2]]}"
    if found[3]:
        return f"{words} {VERBS[found[3]]}"
    return f"{words} and reference " if found[0].endswith("references ") else words
