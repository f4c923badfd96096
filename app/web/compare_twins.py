"""A step of a comparison as JSON and as text."""

from __future__ import annotations

import textwrap
from typing import Any

from .compare import context_of
from .compare_pair import Pair
from .compare_select import Selected
from .compare_words import headline_of, remarks_of
from .inspector import Picked

Json = dict[str, Any]

TEXT = 72
"""Columns of the text."""


def document(pair: Pair, number: int, found: Selected | None) -> Json:
    """A step of a comparison as JSON; with what is selected, when something is."""
    out: Json = {
        "schema": "compare/1",
        "left": side_document(pair, number, 0),
        "right": side_document(pair, number, 1),
        "step": number,
        "last": pair.last,
        "headline": headline_of(pair, number, pair.differences(number)),
        "divergences": list(pair.divergences),
        "differences": [
            {"kind": d.kind, "subject": d.subject, "left": d.left, "right": d.right}
            for d in pair.differences(number)
        ],
        "remarks": remarks_of(pair),
    }
    if found is not None:
        out["selection"] = found.sel or None
        out["selected"] = {side.side: picked_document(side.picked) for side in found.sides}
        out["notices"] = [notice.message for notice in found.notices]
    return out


def picked_document(picked: Picked | None) -> Json | None:
    if picked is None:
        return None
    return {
        "selection": picked.subject,
        "exists": picked.exists,
        "value": picked.value or None,
        "last_writer": picked.writer,
        "writes": list(picked.writes),
    }


def side_document(pair: Pair, number: int, side: int) -> Json:
    """`step` is the run's own number of the step here, null where only the other side has one."""
    loaded = (pair.left, pair.right)[side]
    return {
        "run": loaded.id,
        "policy": loaded.stored.policy,
        "step": pair.ways.step_or_none(side, number),
        "steps": loaded.last,
        "violations": {kind: at for kind, at in loaded.run.verdicts.items() if at is not None},
    }


def selected_lines(found: Selected) -> list[str]:
    out = [notice.message for notice in found.notices]
    for side in found.sides:
        if side.picked is None:
            out.append(f"{found.sel} under {side.name}: no such thing")
            continue
        value = f"{side.picked.subject} {side.picked.value}".rstrip()
        writes = " ".join(map(str, side.picked.writes)) or "none"
        out.append(f"{value} under {side.name}, changed by steps: {writes}")
    return ["", *out]


def plain(pair: Pair, number: int, selected: Selected | None) -> str:
    """A step of a comparison as text for a mail."""
    context = context_of(pair, number)
    sides = (context.left, context.right)
    out = [
        context.title,
        f"step {number} of {pair.last}: {context.command}",
        "",
        context.headline,
        *(f"  {side.name}: {side.lead}" for side in sides),
        "",
    ]
    for found in context.differences:
        out += [found.subject]
        out += [
            f"  {side.name:20} {words}"
            for side, words in zip(sides, (found.left, found.right), strict=True)
        ]
    if selected is not None:
        out += selected_lines(selected)
    divergences = " ".join(map(str, pair.divergences)) or "none"
    out += ["", f"divergences: {divergences}", *context.remarks]
    return "".join(f"{textwrap.fill(line, TEXT, subsequent_indent='    ')}\n" for line in out)
