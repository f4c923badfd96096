"""The kernel's own COW selftest, played on the model: `tools/testing/selftests/mm/cow.c`.

A test (`tests.py`) and a kind of memory (`kinds.py`) are described once each and make one
scenario; its `expect` lines are what the kernel's test asserts. `play_cell` plays one of them,
`play_all` all, under a policy. Everything here is pure.
"""

from .cells import Cell, Results, Verdict, play_all, play_cell
from .kinds import KINDS, Kind, find_kind
from .scenario import scenario_text, why_not
from .tests import GROUPS, TESTS, Group, Test, find_test

__all__ = [
    "GROUPS",
    "KINDS",
    "TESTS",
    "Cell",
    "Group",
    "Kind",
    "Results",
    "Test",
    "Verdict",
    "find_kind",
    "find_test",
    "play_all",
    "play_cell",
    "scenario_text",
    "why_not",
]
