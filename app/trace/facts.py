"""What user space would see of a thing: pagemap's bits, page-types' letters, and whether bit 56
agrees with the exclusive bit.
"""

from __future__ import annotations

from typing import Any

from app.engine.policy import Policy
from app.engine.state import Machine, Present, exclusive_bit, mappings, walk

from .frames import flags
from .names import frame_label
from .reading import place_of
from .state import exclusively_mapped
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
        found = place_of(machine, subject.thing)
        places: tuple[tuple[int, int], ...] = (
            () if found is None else ((found[0], found[1].start + found[2]),)
        )
    elif subject.kind == "frame" and "refcount" in thing:
        places = mappings(machine, int(subject.thing[1:]))
    else:
        return None
    walked = [walk(machine.tables[mm], machine.config.huge, vpn) for mm, vpn in places]
    ptes = [pte for pte in walked if type(pte) is Present and machine.folios[pte.pfn].anon]
    if not ptes:
        return None
    if policy.bit == "none":
        return True, "This rule keeps no exclusive bit; pagemap’s bit 56 only counts mappings."
    in_pte = policy.bit == "pte"
    name = "exclusive, in the PTE," if in_pte else "PG_anon_exclusive"
    if not in_pte and ptes[0].huge:
        name += f" of the head {frame_label(machine.folios[ptes[0].pfn].head)}"
    pairs = [
        (pte.exclusive if in_pte else exclusive_bit(machine, pte), exclusively_mapped(machine, pte))
        for pte in ptes
    ]
    exclusive, once = next(((x, y) for x, y in pairs if x != y), pairs[0])
    if exclusive == once:
        return True, f"{name} {bit(exclusive)} = bit 56 {bit(once)}: they agree here."
    words = f"{name} {bit(exclusive)} ≠ bit 56 {bit(once)}: "
    if exclusive:
        return False, words + "bit 56 counts mappings, and there are more than one."
    return False, words + (
        "it is mapped once now, but it may have been shared: the bit stays clear "
        "until a fault finds nobody else."
    )
