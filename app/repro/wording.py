"""Texts of people inside C: comments and strings that cannot end early or look like code."""

from __future__ import annotations

from textwrap import wrap

WIDTH = 92


def plain(text: str) -> str:
    """What cannot be printed, such as marks that turn the direction of a line, as “?”."""
    return "".join(c if c.isprintable() else "?" for c in text)


def comment(text: str) -> list[str]:
    """Lines for inside a comment."""
    safe = plain(text).replace("*/", "* /").replace("/*", "/ *")
    return wrap(safe, WIDTH, break_on_hyphens=False) or [""]


def string(text: str) -> str:
    """The inside of a string literal, which printf prints by %s."""
    out = []
    for char in plain(text):
        if char in '\\"?':
            out.append(f"\\{char}")
        else:
            out.append(char)
    return "".join(out)


def tap(text: str) -> str:
    """The description of a test: what begins a directive in TAP is escaped."""
    return string(" ".join(text.replace("\n", ";").split()).replace("#", "\\#"))
