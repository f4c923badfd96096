"""Two played runs as one thing to walk through: where they part, and what differs at each step."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from app.service import LoadedRun
from app.trace import Run
from app.trace.outcome import outcome_json

from .compare_align import Alignment, align
from .compare_diff import Comparable, Difference, Differences, Key, acts, states
from .compare_steps import Ways
from .glimpse import drawn, survey
from .layout import Layout
from .ticks import Timeline, timeline_of

Json = dict[str, Any]


class Pair(Struct, frozen=True):
    """Two runs, place by place as `ways` has them: the left's step, the right's, or both.

    `apart[n]`: does anything differ at place n? `divergences`: the places that bring a difference
    that was not there before.
    """

    left: LoadedRun
    right: LoadedRun
    ways: Ways
    plan: Alignment
    what: Comparable
    lines: tuple[Timeline, Timeline]
    apart: tuple[bool, ...]
    divergences: tuple[int, ...]

    @property
    def last(self) -> int:
        return self.ways.last

    @property
    def name(self) -> str:
        return f"{self.left.id}..{self.right.id}"

    @property
    def called(self) -> tuple[str, str]:
        """What a reader is told each side is: its policy, and which side where both have one."""
        left, right = self.left.stored.policy, self.right.stored.policy
        return (left, right) if left != right else (f"{left}, left", f"{right}, right")

    @property
    def same_text(self) -> bool:
        return self.left.stored.text == self.right.stored.text

    def next_divergence(self, step: int) -> int | None:
        return next((n for n in self.divergences if n > step), None)

    def previous_divergence(self, step: int) -> int | None:
        return next((n for n in reversed(self.divergences) if n < step), None)

    def next_violation(self, step: int) -> int | None:
        """The next step with a violation on either side; after the last one, the first again."""
        sides = zip(self.lines, self.ways.places, strict=True)
        found = sorted({places[i] for line, places in sides for i in line.bad})
        return next((n for n in found if n > step), found[0] if found and found != [step] else None)

    def differences(self, step: int) -> tuple[Difference, ...]:
        """What differs at a step: what it did first, then entries, frames, slots, handles."""
        runs = self.left.run, self.right.run
        return tuple(differences(runs, self.plan, self.what, self.ways, step).values())


def pair_of(left: LoadedRun, right: LoadedRun) -> Pair:
    """Read both runs once from end to end."""
    surveys = list(survey(left.run)), list(survey(right.run))
    ways = Ways.of(left, right)
    plan = align(*surveys, ways)
    what = Comparable.of(left.run.policy, right.run.policy)
    apart, divergences = walk((left.run, right.run), plan, what, ways)
    lines = timeline_of(surveys[0]), timeline_of(surveys[1])
    return Pair(left, right, ways, plan, what, lines, apart, divergences)


def walk(
    runs: tuple[Run, Run], plan: Alignment, what: Comparable, ways: Ways
) -> tuple[tuple[bool, ...], tuple[int, ...]]:
    apart: list[bool] = []
    divergences: list[int] = []
    before: set[Key] = set()
    for number in range(ways.last + 1):
        now = differences(runs, plan, what, ways, number)
        apart.append(bool(now))
        loud = {key for key, found in now.items() if not found.quiet}
        if any(key not in before or key[0] in ("step", "outcome", "verdict") for key in loud):
            divergences.append(number)
        before = loud
    return tuple(apart), tuple(divergences)


def differences(
    runs: tuple[Run, Run], plan: Alignment, what: Comparable, ways: Ways, place: int
) -> Differences:
    did = [brief(run, ways.step_or_none(side, place)) for side, run in enumerate(runs)]
    have = [
        state_at(run, ways.at[side][place], layout, place)
        for side, (run, layout) in enumerate(zip(runs, (plan.left, plan.right), strict=True))
    ]
    return acts(did[0], did[1]) | states(plan, what, have[0], have[1])


def state_at(run: Run, number: int, layout: Layout, place: int) -> Json:
    # Asking for what is there only: a long run may have had a thousand frames.
    live = {k: item for k, item in layout.items.items() if item.first <= place <= item.last}
    return drawn(run.steps[number].after, replace(layout, items=live))


def brief(run: Run, number: int | None) -> Json:
    """What a step did, without its state; {} where the run has no step."""
    if not number:
        return {}
    played = run.steps[number]
    return {
        "text": run.scenario.steps[number - 1].text,
        "outcome": outcome_json(played.outcome),
        "violations": [{"kind": v.kind, "predicate": v.predicate} for v in played.violations],
    }
