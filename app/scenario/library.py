"""The shipped scenarios: `library/*.cow`, and what each policy makes of them."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct

from .scenario import Scenario, parse

GROUPS = ("basics", "history", "pins", "swap", "counting", "huge", "races")
"""The order in which the gallery shows the groups; others follow by name."""


class Shipped(Struct, frozen=True):
    """A shipped scenario. `verdicts`: policy name -> kinds of violation, [] for none."""

    slug: str
    scenario: Scenario
    verdicts: dict[str, list[str]]


@cache
def library() -> tuple[Shipped, ...]:
    """Every shipped scenario, by group and name."""
    folder = resources.files(__package__).joinpath("library")
    verdict_file = folder.joinpath("verdicts.json")
    verdicts: dict[str, dict[str, list[str]]] = (
        msgspec.json.decode(verdict_file.read_bytes()) if verdict_file.is_file() else {}
    )
    shipped = []
    for file in folder.iterdir():
        if file.name.endswith(".cow"):
            slug = file.name.removesuffix(".cow")
            shipped.append(Shipped(slug, parse(file.read_text("utf-8")), verdicts.get(slug, {})))
    return tuple(sorted(shipped, key=lambda s: (rank(s.scenario.group), s.scenario.group, s.slug)))


def rank(group: str) -> int:
    return GROUPS.index(group) if group in GROUPS else len(GROUPS)
