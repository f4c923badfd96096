"""What a step came to: as JSON, in words for people, and as the code that is stored and summed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from app.engine.outcome import Outcome

Json = dict[str, Any]

FEW = 8
"""As many values of a read are listed one by one."""


def outcome_json(outcome: Outcome) -> Json:
    """`outcome` of `trace/1`; optional fields are left out where they say nothing."""
    out: Json = {"value": outcome.value, "error": outcome.error}
    if outcome.faults is not None:
        out["faults"] = outcome.faults
    if outcome.values is not None:
        out["values"] = list(outcome.values)
    if outcome.at_page is not None:
        out["at_page"] = outcome.at_page
    out["copies"] = outcome.copies
    if outcome.reason:
        out["reason"] = outcome.reason
    return out


def values_in_words(values: Sequence[int]) -> str:
    """What a step read, page by page; of more than a few pages as runs: `1×200 9×30 1×282`."""
    if len(values) <= FEW:
        return " ".join(map(str, values))
    runs = ((value, sum(1 for _ in run)) for value, run in groupby(values))
    return " ".join(f"{value}×{count}" if count > 1 else str(value) for value, count in runs)


def reads_in_words(outcome: Json) -> str:
    """`reads 7`; "" for a step that reads nothing. A read of several pages has `values`."""
    values = outcome.get("values")
    if not values and outcome.get("value") is not None:
        values = [outcome["value"]]
    return f"reads {values_in_words(values)}" if values else ""


def outcome_words(outcome: Json) -> str:
    """An outcome of `trace/1`. A recorded one knows no copies, and may know no faults."""
    words = [str(outcome["error"])] if outcome.get("error") else []
    words += filter(None, [reads_in_words(outcome)])
    for key, one, many in (("faults", "fault", "faults"), ("copies", "copy", "copies")):
        count = outcome.get(key)
        if count is not None:
            words.append(f"{count} {one if count == 1 else many}")
    return ", ".join(words) or "done"


def outcome_code(outcome: Outcome, *, runs: bool = False) -> str:
    """An outcome in a word: error, values, faults and copies, such as `v7 f1 c1`.

    With `runs` many values are told as runs, for people; sums are made of every single one.
    """
    parts = []
    if outcome.error:
        parts.append(outcome.error)
    if outcome.value is not None:
        parts.append(f"v{outcome.value}")
    if outcome.values is not None:
        listed = values_in_words(outcome.values).split() if runs else map(str, outcome.values)
        parts.append("v" + ",".join(listed))
    if outcome.faults:
        parts.append(f"f{outcome.faults}")
    if outcome.copies:
        parts.append(f"c{outcome.copies}")
    return " ".join(parts)
