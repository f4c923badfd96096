"""How links of a comparison name one thing of two runs.

`f1.ref` is f1 of the left and whatever corresponds to it on the right; `right:f1` is a frame or
slot that only the right side has.
"""

from __future__ import annotations

import re

from app.trace.subject import BadSelection, Subject

from .blame import Blame
from .compare_align import ELSEWHERE, Names
from .compare_pair import Pair

RIGHT = "right:"
LABEL = re.compile(r"([fs]\d+)(?!\w)(.*)", re.DOTALL)


def name_of(names: Names, label: str) -> str:
    """How a link calls a frame or slot of the right side."""
    shared = names.to_shared(label)
    return f"{RIGHT}{label}" if int(shared[1:]) >= ELSEWHERE else shared


def subjects(blame: Blame, pair: Pair, name: str) -> tuple[Subject | None, Subject | None]:
    """The thing as the left and as the right has it. Raises BadSelection when neither does."""
    if name.startswith(RIGHT):
        theirs = blame.subject(pair.right, name.removeprefix(RIGHT))
        label = LABEL.fullmatch(str(theirs))
        known = name_of(pair.plan.names, label[1]) if label else str(theirs)
        if label is None or not known.startswith(RIGHT):
            return subjects(blame, pair, known + (label[2] if label else ""))
        return None, theirs
    label = LABEL.fullmatch(name)
    right = name
    if label is not None:
        own_label = pair.plan.names.own.get(label[1])
        right = own_label + label[2] if own_label else ""
    bad: BadSelection | None = None
    found: list[Subject | None] = []
    for loaded, own in ((pair.left, name), (pair.right, right)):
        try:
            found.append(blame.subject(loaded, own) if own else None)
        except BadSelection as error:
            found.append(None)
            bad = bad or error
    if found == [None, None] and bad is not None:
        raise bad
    return found[0], found[1]


def of_right(name: str) -> str:
    """The right side's own name in a link; what is no frame or slot is called alike on both."""
    return f"{RIGHT}{name}" if LABEL.fullmatch(name) else name
