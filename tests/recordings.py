"""A recorded trace, and what somebody else's recorder might have made of it."""

from __future__ import annotations

from typing import Any

import orjson

from app.trace.recorded import load

Json = dict[str, Any]
KEY = "zram/splice-after-fork-release-first"


def recorded() -> Json:
    """Seven steps: mmap, write, fork, splice, exit, release, write."""
    return load(KEY)


def odd() -> Json:
    """With fields that no format has, and two steps that no kernel does."""
    document = recorded()
    document["recorder"] = {"name": "mine"}
    document["steps"][2]["events"] = [{"kind": "tracepoint", "name": "mm_page_alloc"}]
    document["steps"][2]["state"]["frames"]["f0"]["memcg"] = 17
    document["steps"][4]["outcome"]["faults"] = 5
    document["steps"][5]["outcome"]["error"] = "EIO"
    return document


def unknown() -> Json:
    """With a step that the language does not have."""
    document = recorded()
    document["scenario"]["text"] += "A teleport buf\n"
    document["steps"].append({**document["steps"][-1], "index": 7, "text": "A teleport buf"})
    return document


def written(document: Json) -> bytes:
    """As a recorder writes it: indented, one line for each field."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"
