"""The pieces of C that a program may need, in the order in which they stand, with their needs."""

from __future__ import annotations

from collections.abc import Iterable

NEEDS: dict[str, tuple[str, ...]] = {
    "core": (),
    "slurp": (),
    "skip": (),
    "done": (),
    "saw": (),
    "cpu": (),
    "cpus": ("cpu", "skip"),
    "serve": (),
    "access": ("saw",),
    "fetch": ("skip",),
    "map": (),
    "map_huge": ("map", "skip"),
    "disk": ("skip",),
    "map_file": ("map", "disk", "skip"),
    "uffd": ("skip",),
    "fork": ("serve",),
    "vfork": ("serve", "skip"),
    "end": ("serve",),
    "exec": (),
    "mem": ("skip", "done", "saw"),
    "vm": ("skip", "done", "saw"),
    "dio": ("disk", "done"),
    "clear_refs": ("skip",),
    "handle": (),
    "holds": ("handle",),
    "release": ("holds",),
    "pipe": ("handle", "skip"),
    "splice": ("pipe", "fetch"),
    "pipe_read": ("pipe", "skip", "saw", "holds"),
    "ring": ("handle", "fetch", "done"),
    "ring_io": ("ring", "holds"),
    "ring_read": ("ring_io", "saw"),
    "ring_write": ("ring_io",),
    "gup_test": ("handle", "fetch", "done"),
    "test_read": ("gup_test", "done", "saw", "holds"),
    "drain": ("skip",),
    "knob": ("slurp",),
    "ksm": ("knob", "skip"),
    "frame": (),
    "migrate": ("frame", "knob", "skip", "drain"),
    "reclaim": ("frame", "knob", "skip", "drain"),
    "split": ("frame", "knob", "skip"),
    "split_pmd": ("done",),
    "swap": ("slurp",),
    "swap_zram": ("swap",),
    "swap_file": ("swap",),
    "swap_none": ("swap",),
    "unless_root": (),
    "unless_hugetlb": ("slurp",),
    "unless_thp": ("slurp",),
}
ALWAYS = ("core", "slurp", "cpu", "serve")


def with_needs(wanted: Iterable[str]) -> tuple[str, ...]:
    """These parts, those that `main.c` always needs, and all that they need, in order."""
    found: set[str] = set()
    waiting = [*ALWAYS, *wanted]
    while waiting:
        part = waiting.pop()
        if part not in found:
            found.add(part)
            waiting += NEEDS[part]
    return tuple(part for part in NEEDS if part in found)
