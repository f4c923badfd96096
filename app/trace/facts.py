"""What user space would see of a thing: pagemap's bits, page-types' letters, and whether bit 56
agrees with the exclusive bit.
"""

from __future__ import annotations

from typing import Any

from app.engine.policy import Policy
from app.engine.state import Machine

from .frames import flags
from .reading import raw
from .subject import ZEROES_NAMES, Subject

Json = dict[str, Any]

PAGE_TYPES = (
    ("R", "referenced"), ("D", "dirty"), ("l", "lru"), ("A", "active"), ("M", "mmap"),
    ("a", "anon"), ("s", "swapcache"), ("b", "swapbacked"), ("H", "compound_head"),
    ("T", "compound_tail"), ("G", "hugetlb"), ("u", "unevictable"), ("x", "ksm"), ("t", "thp"),
    ("z", "zero"), ("m", "mlocked"),
)  # fmt: skip
"""The letters of the kernel's tools/mm/page-types, in its order."""
EXCLUSIVE_LETTER = "d"
"""page-types prints `anon_exclusive` in raw mode only."""


def page_types(frame: Json) -> str:
    """A frame's letters as `page-types --raw` prints them: an underscore for a flag not set."""
    known = {*frame["flags"], *frame.get("noisy_flags", ())}
    if frame.get("mapcount"):
        known.add("mmap")
    letters = [letter if name in known else "_" for letter, name in PAGE_TYPES]
    return "".join([*letters, EXCLUSIVE_LETTER if frame.get("exclusive") else "_"])


def pagemap(machine: Machine, page: Json) -> tuple[tuple[str, str, str], ...]:
    """(bits, value, meaning) of the page's 8 bytes in /proc/PID/pagemap, highest bit first.

    Source: Documentation/admin-guide/mm/pagemap.rst.
    """
    present, swapped = page["kind"] == "present", page["kind"] == "swap"
    label = page["frame"]
    counted = present and label not in ZEROES_NAMES
    file = counted and "anon" not in flags(machine, int(label[1:]))
    number = label if counted else page["swap_offset_label"] if swapped else "0"
    what = "page frame number" if not swapped else "swap type and offset"
    return (
        ("63", bit(present), "present"),
        ("62", bit(swapped), "swapped"),
        ("61", bit(file), "file page or shared memory"),
        ("60–59", "0", "unused"),
        ("58", "0", "guard region (not modelled)"),
        ("57", bit(page["uffd_wp"]), "write-protected by userfaultfd"),
        ("56", bit(page["exclusively_mapped"]), "exclusively mapped: mapcount is 1"),
        ("55", bit(page.get("soft_dirty")), "soft-dirty"),
        ("54–0", str(number), what),
    )


def bit(value: object) -> str:
    return "1" if value else "0"


def agreement(
    machine: Machine, policy: Policy, subject: Subject, thing: Json
) -> tuple[bool, str] | None:
    """(do they agree, in words): "exclusive" as the policy keeps it, beside pagemap's bit 56.

    None for what has neither.
    """
    if subject.kind == "page":
        if thing["kind"] != "present" or thing["frame"] in ZEROES_NAMES:
            return None
        frame = raw(machine, Subject("frame", thing["frame"]))
        if frame is not None and thing["mapped_by"] == "pmd":
            frame = raw(machine, Subject("frame", frame["head"]))  # the bit is the head's
        once, in_pte = thing["exclusively_mapped"], bool(thing.get("exclusive_pte"))
    elif subject.kind == "frame" and "refcount" in thing and thing["mapcount"]:
        frame, once, in_pte = thing, thing["mapcount"] == 1, False
    else:
        return None
    if frame is None or "anon" not in frame["flags"]:
        return None
    if policy.bit == "none":
        return True, "This rule keeps no exclusive bit; pagemap’s bit 56 only counts mappings."
    if policy.bit == "pte":
        if subject.kind == "frame":
            return None
        name, exclusive = "exclusive, in the PTE", in_pte
    else:
        name, exclusive = "PG_anon_exclusive", bool(frame["exclusive"])
    if exclusive == once:
        return True, f"{name} {bit(exclusive)} = bit 56 {bit(once)}: they agree here."
    words = f"{name} {bit(exclusive)} ≠ bit 56 {bit(once)}: "
    if exclusive:
        return False, words + "bit 56 counts mappings, and there are more than one."
    if thing.get("mapped_by") == "pmd" and frame["mapcount"] != 1:
        return False, words + "of what a PMD maps, pagemap asks the head page only."
    return False, words + (
        "it is mapped once now, but it may have been shared: the bit stays clear "
        "until a fault finds nobody else."
    )
