"""A test on a kind of memory, written out in the scenario language."""

from __future__ import annotations

from functools import cache

from app.scenario import Scenario, parse

from .kinds import HUGE, Kind
from .tests import GROUPS, Test


def why_not(test: Test, kind: Kind) -> str:
    """Why the test is not run on this memory; "" when it is."""
    group = next(group for group in GROUPS if test in group.tests)
    if kind.key not in group.kinds:
        return group.elsewhere
    return "" if kind.setup else "not modelled: a private mapping of a hugetlb file"


def scenario_text(test: Test, kind: Kind) -> str:
    """The whole text. Both must go together (`why_not`)."""
    return "\n".join([*header(test, kind), "", *kind.setup, *body(test, kind), ""])


def header(test: Test, kind: Kind) -> list[str]:
    swap = ["swap: file"] if kind.swapped else []
    return [
        f"title: {test.name} … with {kind.words}",
        "group: selftest",
        f"tags: cow.c, {test.id}",
        f"summary: {test.id} of the kernel's selftest mm/cow.c: {test.asserts}.",
        *([f"huge: {HUGE}"] if kind.pages > 1 or "thp" in kind.key else []),
        *swap,
    ]


def body(test: Test, kind: Kind) -> list[str]:
    lines = []
    for step in test.steps:
        words = step.removeprefix("!").split()
        if words[1] == "each":
            for page in range(kind.pages):
                lines += [f"{words[0]} read[{page}]", f"expect value {words[2]}"]
        else:
            lines.append(" ".join(words).format(m=kind.place, o=kind.other))
    return lines


def is_step(line: str) -> bool:
    return not line.startswith("expect ")


def before_test(kind: Kind) -> int:
    """Steps of the memory's own; what is expected in them decides whether the test can run."""
    return sum(map(is_step, kind.setup))


def deciding(test: Test, kind: Kind) -> int:
    """The step at which the policy decides, where nothing breaks."""
    ahead = test.steps[: next(i for i, step in enumerate(test.steps) if step.startswith("!"))]
    return before_test(kind) + sum(map(is_step, ahead)) + 1


@cache
def scenario_of(test: Test, kind: Kind) -> Scenario:
    return parse(scenario_text(test, kind))
