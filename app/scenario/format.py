"""The canonical spelling of a text: headers first, one space, default options left out."""

from __future__ import annotations

import re

from .scenario import parse, spelled
from .text import HEADER, KEYS

OPTIONS = {
    "mmap": (4, ("shared", "ro", "none", "thp", "hugetlb", "file", "populate"), ()),
    "pin": (4, ("ro", "short", "fast"), ("rw", "long", "slow")),
    "get": (4, ("rw", "fast"), ("ro", "slow")),
}
"""Verb: words before its options, options in canonical order, defaults."""


def format_scenario(text: str) -> str:
    """The text in canonical spelling; comments and blank lines stay. Raises ScenarioErrors."""
    parse(text)
    head: dict[str, list[str]] = {}
    body: list[str] = []
    block: int | None = None
    for raw in text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        line = raw.strip()
        match = HEADER.match(line) if not any(b and not b.startswith("#") for b in body) else None
        if match and match[2] in KEYS:
            value = (match[3] or "").split("#")[0]
            head.setdefault(match[2], []).append(value.strip())
        else:
            indent = len(raw) - len(raw.lstrip())
            if line and not line.startswith("#") and block is not None and indent <= block:
                block = None
            body.append(("  " if line and block is not None else "") + format_line(line))
            if line.split("#")[0].strip() == "par":
                block = indent
    out = [f"{key}: {value}".rstrip() for key in KEYS for value in head.get(key, ())]
    while body and not body[0]:
        body.pop(0)
    while body and not body[-1]:
        body.pop()
    return "\n".join([*out, *([""] if out else []), *body]) + "\n"


def format_line(line: str) -> str:
    if not line or line.startswith("#"):
        return line
    code, mark, comment = line.partition("#")
    code = code.strip()
    if code.startswith("order:"):
        code = re.sub(r"\s+", " ", code)
    elif code.split()[0] != "note":
        code = canonical_options(spelled(code))
    return f"{code}{f'  # {comment.strip()}'.rstrip() if mark else ''}"


def canonical_options(code: str) -> str:
    words = code.split(" ")
    if len(words) < 2 or words[1] not in OPTIONS:
        return code
    fixed, order, defaults = OPTIONS[words[1]]
    given = [word for word in words[fixed:] if word not in defaults]
    return " ".join([*words[:fixed], *(word for word in order if word in given)])
