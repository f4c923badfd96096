"""The verdict matrix of one scenario: properties down, policies and their eras across."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from app import policies
from app.engine.policy import Policy
from app.scenario import Scenario
from app.service import page_steps
from app.trace import KINDS, Run, play
from app.trace.outcome import outcome_json, outcome_words

PARTINGS = 40
"""Steps listed at which policies answer differently."""

PREDICATES: tuple[tuple[str, str, str], ...] = (
    ("isolation", "I1", "No process sees what another one stored"),
    ("isolation", "I2", "No reference sees what another process stored after it was taken"),
    ("isolation", "I3", "What a device writes shows in no other process"),
    ("coherence", "C1", "A pin and its owner's page table lead to the same page"),
    ("coherence", "C2", "So does a reference for writing, until its owner forks"),
    ("spurious-copy", "S1", "Every copy has somebody who would otherwise see the store"),
    ("use-after-free", "K7", "No freed page is held or mapped"),
    ("invariant", "K1", "A page that is mapped writable is exclusive"),
    ("invariant", "K2", "An exclusive page has one mapping, and no swap entry names it"),
    ("invariant", "K3", "A pinned page is exclusive as long as the pin lives"),
    ("invariant", "K4", "A swap entry marked exclusive is the only one of its slot"),
    ("invariant", "K5", "A page that is only in the swap cache is not exclusive"),
    ("invariant", "K7", "Counts are what page tables and holders add up to"),
    ("invariant", "K9", "A page that is mapped twice is mapped read-only"),
)
"""(property, predicate, what it demands): the safety predicates, in the words of this page."""


class Verdict(Struct, frozen=True):
    """The first step at which a predicate is broken, and the evidence."""

    step: int
    because: str


class Column(Struct, frozen=True):
    """One policy's run in numbers.

    broken     (property, predicate) -> the first violation; `void` predicates say nothing here
    copies     pages copied; `faults` taken; `unmet` the first step with an unmet expectation
    outcomes   each step's outcome in words
    """

    name: str
    broken: dict[tuple[str, str], Verdict]
    void: frozenset[str]
    copies: int
    faults: int
    unmet: int | None
    last: int
    outcomes: tuple[str, ...]

    def differs(self, other: Column) -> int | None:
        """The first step whose outcome is another one, or None."""
        pairs = zip(self.outcomes, other.outcomes, strict=True)
        return next((n for n, (a, b) in enumerate(pairs, 1) if a != b), None)


class Matrix(Struct, frozen=True):
    """Columns in the order asked for; `left_out` are names that the budget has no room for."""

    columns: tuple[Column, ...]
    left_out: tuple[str, ...]
    expects: bool


def all_names() -> tuple[str, ...]:
    """Every policy and era; the newest era goes by the policy's name alone."""
    return tuple(
        entry.name if era is entry.default else f"{entry.name}@{era.name}"
        for entry in policies.CATALOGUE
        for era in entry.eras
    )


def fitting(scenario: Scenario, names: Iterable[str], budget: int) -> tuple[str, ...]:
    """The names whose runs together stay within `budget` page-steps, one at least.

    Policies come before their older eras; eras that are the same policy cost one run.
    """
    room = max(1, budget // max(1, page_steps(scenario)))
    chosen: dict[Policy, list[str]] = {}
    for name in sorted(names, key=lambda name: "@" in name):
        rules = replace(policies.get(name), name="")
        if rules in chosen or len(chosen) < room:
            chosen.setdefault(rules, []).append(name)
    return tuple(name for found in chosen.values() for name in found)


def matrix_of(scenario: Scenario, names: tuple[str, ...], budget: int) -> Matrix:
    """Play a scenario under every policy that fits the budget, each distinct policy once."""
    fit = set(fitting(scenario, names, budget))
    played: dict[Policy, Column] = {}
    columns = []
    for name in names:
        if name not in fit:
            continue
        rules = replace(policies.get(name), name="")
        if rules not in played:
            played[rules] = column_of(name, play(scenario, name, explain=False))
        columns.append(replace(played[rules], name=name))
    expects = any(step.expects for step in scenario.steps)
    return Matrix(tuple(columns), tuple(n for n in names if n not in fit), expects)


def column_of(name: str, run: Run) -> Column:
    broken: dict[tuple[str, str], Verdict] = {}
    for number, step in enumerate(run.steps):
        for found in step.violations:
            broken.setdefault((found.kind, found.predicate), Verdict(number, found.because))
    unmet = (n for n, step in enumerate(run.steps) if not all(f.met for f in step.expectations))
    return Column(
        name=name,
        broken=broken,
        void=void_for(run.policy),
        copies=sum(step.outcome.copies for step in run.steps),
        faults=sum(step.outcome.faults or 0 for step in run.steps),
        unmet=next(unmet, None),
        last=len(run),
        outcomes=tuple(outcome_words(outcome_json(step.outcome)) for step in run.steps[1:]),
    )


def void_for(policy: Policy) -> frozenset[str]:
    """Predicates about something that the policy does not keep."""
    void = set()
    if policy.bit == "none":
        void |= {"K1", "K2", "K5"}
    if policy.unshare != "exclusive":
        void.add("K3")
    if not policy.swap_exclusive:
        void.add("K4")
    return frozenset(void)


class Cell(Struct, frozen=True):
    """`kind` is "bad", "good", "void" or ""; `step` the one that decides, None where none does."""

    kind: str
    words: str
    title: str
    step: int | None


class Row(Struct, frozen=True):
    """A predicate, its property and what it demands; one cell for each column."""

    group: str
    name: str
    sentence: str
    cells: tuple[Cell, ...]


def rows_of(matrix: Matrix) -> tuple[Row, ...]:
    """One row for each predicate, in the order of the properties."""
    known = {(kind, name): words for kind, name, words in PREDICATES}
    more = {key: "" for column in matrix.columns for key in column.broken if key not in known}
    keys = sorted({**known, **more}, key=lambda key: KINDS.index(key[0]))
    found = {**known, **more}
    return tuple(
        Row(kind, name, found[kind, name], cells_of(matrix, (kind, name))) for kind, name in keys
    )


def cells_of(matrix: Matrix, key: tuple[str, str]) -> tuple[Cell, ...]:
    """A predicate that holds is decided where the others break it, or at the end."""
    breaks = [column.broken[key].step for column in matrix.columns if key in column.broken]
    out = []
    for column in matrix.columns:
        verdict = column.broken.get(key)
        if verdict is not None:
            out.append(Cell("bad", f"✗ step {verdict.step}", verdict.because, verdict.step))
        elif key[1] in column.void:
            out.append(Cell("void", "–", "The policy keeps nothing that this is about", None))
        else:
            step = min(breaks, default=column.last)
            out.append(Cell("good", "✓", f"holds in all {column.last} steps", step))
    return tuple(out)


class Parting(Struct, frozen=True):
    """A step at which not all policies have the same outcome; `unlike` those that differ from the
    one that all are compared with."""

    step: int
    text: str
    outcomes: tuple[str, ...]
    unlike: tuple[bool, ...]


def partings_of(scenario: Scenario, matrix: Matrix, reference: Column) -> tuple[Parting, ...]:
    """The first PARTINGS steps that policies answer differently."""
    out = []
    for number, source in enumerate(scenario.steps, 1):
        words = tuple(column.outcomes[number - 1] for column in matrix.columns)
        if len(set(words)) > 1:
            usual = reference.outcomes[number - 1]
            text = source.text.split("\n")[0]
            out.append(Parting(number, text, words, tuple(word != usual for word in words)))
    return tuple(out[:PARTINGS])


def summary(matrix: Matrix) -> str:
    """Where everything holds, and for each property where it does not."""
    clean = [column.name for column in matrix.columns if not column.broken]
    total = len(matrix.columns)
    if len(clean) == total:
        return f"Every property holds under all {total} policies and eras."
    out = [f"Every property holds under {len(clean)} of {total} policies and eras."]
    for kind in KINDS:
        names = [c.name for c in matrix.columns if any(k == kind for k, _ in c.broken)]
        if names:
            words = kind.replace("-", " ").capitalize()
            verb = "happens" if kind in ("spurious-copy", "use-after-free") else "breaks"
            out.append(f"{words} {verb} under {', '.join(names)}.")
    return " ".join(out)
