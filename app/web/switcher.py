"""The policies that a run can be looked at under, each with its verdict where it is known."""

from __future__ import annotations

from msgspec import Struct

from app import policies

from .compare_words import years_of
from .others import broken_words
from .plan import Plan


class PolicyLink(Struct, frozen=True):
    """A policy to switch to. `broken`: its first violation in words, None while nobody knows."""

    name: str
    title: str
    years: str
    href: str
    current: bool
    broken: str | None


def policy_links(base: str, number: int, current: str, plan: Plan) -> tuple[PolicyLink, ...]:
    """All policies by name; an era or a rule switched off counts as its policy and is listed."""
    names = [entry.name for entry in policies.CATALOGUE]
    names += [] if current in names else [current]
    known = {other.name: broken_words(other.broken) for other in plan.others}
    if plan.own is not None:
        known[current] = broken_words(plan.own.broken)
    return tuple(
        PolicyLink(
            name,
            policies.entry(name).title,
            years_of(name),
            f"{base}/{number}?policy={name}",
            name == current,
            known.get(name),
        )
        for name in names
    )
