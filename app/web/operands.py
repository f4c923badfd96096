"""The numbers in a rule's test as links to their blame: `refcount 3 > 1 + swapcache 1`."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

FIELDS = ("exclusive", "ref", "map", "pin", "swapcache", "count")
OPERANDS = re.compile(
    r"(?P<exclusive>PageAnonExclusive\((?P<kernel>f\d+)\)(?: = \d)?"
    r"|the exclusive mark of (?P<student>f\d+)(?: is \d)?)"
    r"|(?P<ref>\brefcount \d+|\b\d+ references?\b)"
    r"|(?P<map>\bmapcount \d+|\b\d+ mappings?\b)"
    r"|(?P<pin>\bpincount \d+|\b\d+ pins?\b)"
    r"|(?P<swapcache>\bswapcache \d+|\b\d+ of the swap cache\b)"
    r"|(?P<count>\bswap entries \d+|\b\d+ swap entr(?:y|ies)\b)"
)
"""Of the engine's words, and of the student's. A group is a field of app.trace.subject.FIELDS."""


def operands(test: str, frame: str, slot: str) -> Markup:
    """Link each number to who wrote it; those of a thing that is not named stay words.

    `frame` and `slot` are labels of what the test is about, or "".
    """
    out = []
    at = 0
    for found in OPERANDS.finditer(test):
        field = next(name for name in FIELDS if found[name])
        thing = found["kernel"] or found["student"] or (slot if field == "count" else frame)
        out.append(escape(test[at : found.start()]))
        words = escape(found[0])
        out.append(
            Markup('<a class="operand" href="?sel={}.{}">{}</a>').format(thing, field, words)
            if thing
            else words
        )
        at = found.end()
    return Markup("").join([*out, escape(test[at:])])
