"""Policies by name, with eras and with rules switched off."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache

from msgspec.structs import replace

from app.engine.policy import Policy

from .catalogue import CATALOGUE, Entry, Era
from .rules import BY_NAME, RULES, Rule

__all__ = [
    "CATALOGUE",
    "DEFAULT",
    "RULES",
    "Entry",
    "Era",
    "Rule",
    "UnknownPolicy",
    "check",
    "entry",
    "get",
    "names",
    "rules_of",
]

DEFAULT = "linux"

_ENTRIES = {entry.name: entry for entry in CATALOGUE}


class UnknownPolicy(ValueError):
    """A policy, era or rule that does not exist: `token` is the word, `hint` what is near it."""

    def __init__(self, message: str, token: str, hint: str) -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.token = token
        self.hint = hint


def names() -> tuple[str, ...]:
    return tuple(_ENTRIES)


def entry(name: str) -> Entry:
    """The catalogue's entry for a policy name with or without era and rules."""
    base = name.split(":", 1)[0].split("@", 1)[0]
    if base not in _ENTRIES:
        raise UnknownPolicy(f"There is no policy “{base}”.", base, _hint(base, names()))
    return _ENTRIES[base]


@lru_cache(maxsize=512)
def get(name: str) -> Policy:
    """The policy called `name`: `refcount`, `refcount@5.9`, `linux:-swap-exclusive:-unshare`.

    Raises UnknownPolicy naming the word that is wrong and what would be right.
    """
    head, *switches = name.split(":")
    base, _, era_name = head.partition("@")
    found = entry(base)
    eras = {era.name: era for era in found.eras}
    if "@" in head and era_name not in eras:
        known = ", ".join(f"{base}@{era}" for era in eras)
        raise UnknownPolicy(f"{base} has no era “{era_name}”.", era_name, f"It has {known}.")
    policy = eras[era_name].policy if era_name else found.default.policy
    for switch in switches:
        policy = _switch_off(policy, base, switch)
    return replace(policy, name=name)


def _switch_off(policy: Policy, base: str, switch: str) -> Policy:
    rule = BY_NAME.get(switch[1:])
    if not switch.startswith("-") or rule is None:
        token = switch.removeprefix("-")
        known = tuple(r.name for r in rules_of(policy))
        raise UnknownPolicy(
            f"“{switch}” switches no rule off; a rule is switched off by :-NAME.",
            token,
            _hint(token, known),
        )
    if not rule.holds(policy):
        has = ", ".join(r.name for r in rules_of(policy)) or "none"
        raise UnknownPolicy(
            f"{base} has no rule “{rule.name}” to switch off.", rule.name, f"It has {has}."
        )
    return replace(policy, **rule.fields)


def rules_of(policy: Policy) -> tuple[Rule, ...]:
    """The rules in force, in the order of the catalogue."""
    return tuple(rule for rule in RULES if rule.holds(policy))


def check(name: str) -> str | None:
    """What is wrong with a policy name, or None: for callers that collect errors."""
    try:
        get(name)
    except UnknownPolicy as error:
        return str(error)
    return None


def _hint(word: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(word, known, 1, 0.5)
    return f"Did you mean “{near[0]}”?" if near else f"Known: {', '.join(known)}."
