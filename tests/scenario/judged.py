"""Shipped scenarios played under every policy, each distinct set of rules once."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from app import policies
from app.engine.policy import Policy
from app.scenario import library
from app.trace import play

SHIPPED = {shipped.slug: shipped.scenario for shipped in library()}

PLAYED: dict[tuple[str, Policy], Judged] = {}


class Judged(Struct, frozen=True):
    """`copies` of faults, pins and forks: a collapse makes a new huge page, which is none."""

    copies: int
    broken: frozenset[str]


def judged(slug: str, policy: str) -> Judged:
    key = slug, replace(policies.get(policy), name="")
    if key not in PLAYED:
        run = play(SHIPPED[slug], policy, explain=False)
        steps = zip(run.scenario.steps, run.steps[1:], strict=True)
        copies = sum(p.outcome.copies for s, p in steps if "collapse" not in s.text)
        PLAYED[key] = Judged(copies, frozenset(k for k, n in run.verdicts.items() if n is not None))
    return PLAYED[key]
