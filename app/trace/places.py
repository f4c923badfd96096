"""Where in a JSON text a value stands: the standard library tells it of syntax errors only."""

from __future__ import annotations

import re
from json import JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]

Path = tuple[str | int, ...]
"""Keys and indexes from the top."""

SPACE = re.compile(r"[ \t\n\r]*")
DECODER = JSONDecoder()


def told(path: Path) -> str:
    """A path as people write it: `steps[3].outcome.value`."""
    out = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return out.removeprefix(".")


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """From 1, as editors count."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def offset_of(text: str, path: Path) -> int:
    """Where the value at `path` begins; of a value that is not there, the one it would be in.

    `text` is valid JSON. Of a key that stands twice the last one counts, as in the value.
    """
    at = skip(text, 0)
    for key in path:
        found = member(text, at, key) if isinstance(key, str) else element(text, at, key)
        if found is None:
            break
        at = found
    return at


def skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    assert found is not None
    return found.end()


def behind(text: str, at: int) -> int:
    """Behind the value that begins at `at`, and the space behind it."""
    _, end = DECODER.raw_decode(text, at)
    return skip(text, end)


def member(text: str, at: int, key: str) -> int | None:
    found = None
    at = skip(text, at + 1)
    while text[at] == '"':
        name, end = scanstring(text, at + 1, True)
        at = skip(text, skip(text, end) + 1)
        if name == key:
            found = at
        at = behind(text, at)
        if text[at] == ",":
            at = skip(text, at + 1)
    return found


def element(text: str, at: int, index: int) -> int | None:
    at = skip(text, at + 1)
    for _ in range(index):
        if text[at] == "]":
            return None
        at = behind(text, at)
        if text[at] == ",":
            at = skip(text, at + 1)
    return None if text[at] == "]" else at
