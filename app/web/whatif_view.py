"""What the what-if pages show: contexts for the templates, and sentences over their tables."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from app.service import LoadedRun
from app.urls import matrix_url, step_url
from app.whatif import Action, Actions, Minimised, Row, RuleOff, Rules, Without

from .origin import Branch

Json = dict[str, Any]

FOLD = 60
"""Rows from which on steps that stay the same are folded into one."""
GROUPS = {"gone": "Gone, or not there yet", "handles": "Handles", "kernel": "The kernel"}


class NextContext(Struct, frozen=True):
    """What `next.html` and `next_panel.html` get beside `look`.

    within, end   in a `par` block: why there is nothing, and the step at its end
    typed, wrong  a line that was sent, and what is wrong with it
    """

    base: str
    title: str
    policy: str
    step: int
    command: str
    at_end: bool
    telling: tuple[Action, ...] = ()
    impossible: tuple[Action, ...] = ()
    groups: tuple[tuple[str, tuple[Action, ...]], ...] = ()
    left_out: tuple[str, ...] = ()
    count: int = 0
    possible: int = 0
    refused: int = 0
    branches: tuple[Branch, ...] = ()
    within: str = ""
    end: int = 0
    typed: str = ""
    wrong: str = ""


def title_of(loaded: LoadedRun) -> str:
    return loaded.run.scenario.title or "Untitled scenario"


def base_of(loaded: LoadedRun) -> str:
    return step_url(loaded.id, 0).removesuffix("/0")


def next_context(
    loaded: LoadedRun, found: Actions, branches: tuple[Branch, ...], **more: Any
) -> NextContext:
    states = [action.state for action in found.all]
    return NextContext(
        **common(loaded, found.step),
        telling=found.telling,
        impossible=found.impossible,
        groups=tuple(
            (GROUPS.get(name, f"Process {name}"), actions) for name, actions in found.groups
        ),
        left_out=found.left_out,
        count=len(states),
        possible=states.count("possible") + states.count("idle"),
        refused=states.count("refused"),
        branches=branches,
        **more,
    )


def common(loaded: LoadedRun, step: int) -> Json:
    return {
        "base": base_of(loaded),
        "title": title_of(loaded),
        "policy": loaded.stored.policy,
        "step": step,
        "command": loaded.run.scenario.steps[step - 1].text.split("\n")[0] if step else "",
        "at_end": step == loaded.last,
    }


class Folded(Struct, frozen=True):
    """Steps from `first` to `last` that are what they were."""

    first: int
    last: int


class WithoutContext(Struct, frozen=True):
    """What `without.html` gets beside `look`. `rows` are steps, or several that stay, folded."""

    base: str
    title: str
    policy: str
    step: int
    off: tuple[int, int]
    what: str
    sentence: str
    verdict: str
    rows: tuple[Row | Folded, ...]
    earlier: int | None
    later: int | None
    text: str
    unmet: tuple[str, ...]
    plays: bool


def without_context(loaded: LoadedRun, step: int, found: Without) -> WithoutContext:
    begin, end = found.off
    return WithoutContext(
        base=base_of(loaded),
        title=title_of(loaded),
        policy=loaded.stored.policy,
        step=step,
        off=found.off,
        what=found.what,
        sentence=counted(found),
        verdict=verdict(found.gained, found.lost),
        rows=folded(found.rows),
        earlier=begin - 1 if begin > 1 else None,
        later=end + 1 if end < loaded.last else None,
        text=found.text,
        unmet=found.unmet,
        plays=any(row.now for row in found.rows),
    )


def counted(found: Without) -> str:
    later = [row for row in found.rows if row.step > found.off[1]]
    if not later:
        return "Nothing comes after it."
    words = []
    for state, one, many in (
        ("same", "stays what it was", "stay what they were"),
        ("changed", "does something else", "do something else"),
        ("impossible", "becomes impossible", "become impossible"),
    ):
        count = sum(row.state == state for row in later)
        if count:
            words.append(f"{count} {one if count == 1 else many}")
    return f"Of the {len(later)} steps behind it {', '.join(words)}."


def verdict(gained: tuple[str, ...], lost: tuple[str, ...]) -> str:
    """Which properties flip."""
    parts = []
    if lost:
        parts.append(f"Without it {' and '.join(lost)} {is_are(lost)} no longer violated.")
    if gained:
        parts.append(f"Without it {' and '.join(gained)} {is_are(gained)} violated.")
    return " ".join(parts) or "The same properties hold."


def is_are(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"


def folded(rows: tuple[Row, ...]) -> tuple[Row | Folded, ...]:
    """Of a long run only what is not the same is listed step by step."""
    if len(rows) <= FOLD:
        return rows
    out: list[Row | Folded] = []
    for row in rows:
        last = out[-1] if out else None
        if row.state != "same":
            out.append(row)
        elif isinstance(last, Folded):
            out[-1] = Folded(last.first, row.step)
        else:
            out.append(Folded(row.step, row.step))
    return tuple(out)


class RuleLine(Struct, frozen=True):
    """A rule, where it decides, and the links: the run without it, and the two side by side."""

    found: RuleOff
    open: str
    compare: str


class RulesContext(Struct, frozen=True):
    """What `rules.html` gets beside `look`. `idle` rules change nothing here."""

    base: str
    title: str
    policy: str
    sentence: str
    rules: tuple[RuleLine, ...]
    idle: tuple[RuleLine, ...]
    left_out: tuple[str, ...]


def rules_context(loaded: LoadedRun, found: Rules) -> RulesContext:
    matrix, policy = matrix_url(loaded.id), loaded.stored.policy
    lines = [
        RuleLine(
            rule, f"{base_of(loaded)}/{rule.step or 0}?policy={rule.policy}",
            f"{matrix}/{policy}..{rule.policy}",
        )
        for rule in found.rules
    ]  # fmt: skip
    rules = sorted(
        (line for line in lines if line.found.step is not None),
        key=lambda line: (not line.found.gained, line.found.step),
    )
    many = len(lines)
    if not many:
        sentence = f"{policy} has no rule that can be switched off."
    else:
        break_ = sum(bool(line.found.gained) for line in rules)
        sentence = (
            f"{len(rules)} of the {many} rules of {policy} decide something in this run; "
            f"without {break_} of them a property breaks that holds now."
        )
    return RulesContext(
        base_of(loaded),
        title_of(loaded),
        policy,
        sentence,
        tuple(rules),
        tuple(line for line in lines if line.found.step is None),
        found.left_out,
    )


class MinimiseContext(Struct, frozen=True):
    """What `minimise.html` gets beside `look`. Without `found` the page asks what to keep.

    broken   (property, step) that the run violates
    lines    (step, text, is it kept?) of the run
    more     a larger budget that may be asked for, or 0
    """

    base: str
    title: str
    policy: str
    broken: tuple[tuple[str, int], ...]
    kind: str = ""
    sentence: str = ""
    found: Minimised | None = None
    lines: tuple[tuple[int, str, bool], ...] = ()
    last: int = 0
    more: int = 0


def minimise_context(
    loaded: LoadedRun, kind: str, found: Minimised | None, most: int
) -> MinimiseContext:
    broken = tuple((k, at) for k, at in loaded.run.verdicts.items() if at is not None)
    empty = MinimiseContext(base_of(loaded), title_of(loaded), loaded.stored.policy, broken)
    if found is None:
        return empty
    lines = sorted(
        [(step, text, True) for step, text in found.kept]
        + [(step, text, False) for step, text in found.removed]
    )
    return MinimiseContext(
        empty.base, empty.title, empty.policy, broken, kind,
        told(found, len(lines)), found, tuple(lines), loaded.last,
        0 if found.minimal or found.budget >= most else most,
    )  # fmt: skip


def told(found: Minimised, units: int) -> str:
    """The claim, no more than what was checked."""
    steps = "1 step" if found.steps == 1 else f"{found.steps} steps"
    work = f"{found.tried:,} scenarios played, {found.spent:,} page-steps"
    if found.minimal:
        return (
            f"{steps} of {units} still violate {found.kind} ({found.predicate}). None of them can "
            f"be left out: every text with one less was played, and does not ({work})."
        )
    return (
        f"{steps} of {units} still violate {found.kind} ({found.predicate}). The budget of "
        f"{found.budget:,} page-steps ended before it was known whether fewer do ({work})."
    )
