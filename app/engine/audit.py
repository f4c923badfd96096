"""Following a run: each violation once, at the step that breaks the predicate.

Only frames and slots that the step touched are looked at again, so an audit costs what the step
cost and not what the machine holds; and of frames that are alike only the first.
"""

from __future__ import annotations

from collections.abc import Iterable

from immutables import Map

from .draft import Violation
from .neighbours import mapped_alike
from .policy import Policy
from .safety import (
    Key,
    SwapEntries,
    contents,
    counts,
    doubtful,
    entry,
    exclusivity,
    freed_but_held,
    handle_links,
    handle_views,
    must_be_owned,
    places,
    slot_marks,
    slot_of,
    surprised,
)
from .state import ZERO_PFN, Handle, Machine, folio_of, mappings
from .stretches import extent, stretches


class Audit:
    """The predicates that are broken now, by subject."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.broken: dict[Key, Violation] = {}
        self.told: set[object] = set()
        self.handles: Map[str, Handle] = Map()
        self.on_zero_page: set[str] = set()
        self.racing = False

    def copy(self) -> Audit:
        """An audit that goes on by itself."""
        out = Audit(self.policy)
        out.broken = self.broken.copy()
        out.told = self.told.copy()
        out.handles = self.handles
        out.on_zero_page = self.on_zero_page
        out.racing = self.racing
        return out

    def after(
        self, machine: Machine, written: list[range], *, device: bool = False
    ) -> list[Violation]:
        """The violations that are new in `machine`, in which a step has `written` (`Step`).

        `device`: the step was a store by a handle.
        """
        fresh: list[Violation] = []
        swapped = SwapEntries(machine)
        # In order, not as a set has them: of a store that many see the first witness is told.
        for part in written:
            pfn = part.start
            while 0 <= pfn < part.stop:
                found = dict(self.frame(machine, pfn, swapped, device))
                if found or self.broken:
                    fresh += self.compare(pfn, found)
                pfn += 1 if found else self.alike(machine, range(pfn, part.stop), swapped)
        for part in written:
            if part.start >= 0:
                break
            slots = range(~part[-1], ~part.start + 1)
            subjects = {~slot for slot in doubtful(machine, self.policy, slots, swapped)}
            subjects |= {at for at, *_ in self.broken if isinstance(at, int) and at in part}
            for subject in sorted(subjects):
                found = dict(slot_marks(machine, self.policy, ~subject, swapped))
                fresh += self.compare(subject, found)
        for name in self.concerned(machine, written):
            fresh += self.compare(("handle", name), dict(handle_links(machine, name)))
        return fresh

    def alike(self, machine: Machine, frames: range, swapped: SwapEntries) -> int:
        """How many of `frames` need no look of their own: as the first one, nothing is broken."""
        count = alike(machine, self.policy, frames, swapped) if len(frames) > 1 else 1
        for subject, *_ in self.broken if count > 1 else ():
            if isinstance(subject, int) and frames.start < subject < frames.start + count:
                count = subject - frames.start
        return count

    def concerned(self, machine: Machine, written: list[range]) -> list[str]:
        """The handles whose link to their owner may have changed: what they hold was touched.

        A pin of the zero page holds no frame; and while lines of a `par` block are on their way,
        what they have locked is nobody's to judge.
        """
        if machine.handles is not self.handles:
            gone = [name for name in self.handles if name not in machine.handles]
            self.handles = machine.handles
            self.on_zero_page = {
                name
                for name, handle in machine.handles.items()
                if any(pfn == ZERO_PFN for _, pfn in handle.pages)
            }
        else:
            gone = []
        racing, self.racing = self.racing, bool(machine.flights)
        if racing or self.racing:
            return [*gone, *machine.handles]
        names = dict.fromkeys((*gone, *self.on_zero_page))
        for part in written if machine.handles else ():
            for pfn, _, _ in stretches(machine.folios, part.start, len(part)):
                folio = folio_of(machine, pfn)
                names.update(dict.fromkeys((*folio.pins, *folio.gets)))
        return [name for name in names if name in machine.handles or name in gone]

    def compare(self, subject: object, found: dict[Key, Violation]) -> list[Violation]:
        known = {key for key in self.broken if key[0] == subject}
        keyed = {(subject, *key): violation for key, violation in found.items()}
        for key in known - keyed.keys():
            del self.broken[key]
        fresh = []
        for key, violation in keyed.items():
            # A store that somebody should not see is told once: its forks and copies are the same.
            store = key[2] if key[1] == "I" else None
            if key not in known and store not in self.told:
                fresh.append(violation)
            if store is not None:
                self.told.add(store)
        self.broken.update(keyed)
        return fresh

    def frame(
        self, machine: Machine, pfn: int, swapped: SwapEntries, device: bool
    ) -> Iterable[tuple[Key, Violation]]:
        folio = machine.folios.get(pfn)
        if folio is None:
            return freed_but_held(machine, pfn)
        seen = [(mm, vpn, entry(machine, mm, vpn)) for mm, vpn in mappings(machine, pfn)]
        flights = machine.flights
        if not flights and not folio.anon:
            return counts(pfn, seen)
        busy = any(f.pfn == pfn or any(at == pfn for _, at in f.taken) for f in flights)
        found: list[tuple[Key, Violation]] = []
        if not busy:
            found += counts(pfn, seen)
        if folio.anon:
            slot = slot_of(machine, pfn)
            shown = places(machine, pfn, seen, swapped, slot)
            found += contents(machine, pfn, folio, shown, device)
            holder = folio_of(machine, pfn)
            if holder.gets or holder.pins:
                found += handle_views(machine, pfn)
            if not busy:
                found += exclusivity(machine, self.policy, pfn, folio, seen, slot)
        return found


def alike(machine: Machine, policy: Policy, frames: range, swapped: SwapEntries) -> int:
    """How many of `frames` an audit cannot tell from the first, with which nothing is wrong.

    A page that some handle might be wrong about is asked for its place in it.
    """
    pfn, count = frames.start, len(frames)
    folio = machine.folios.get(pfn)
    if folio is None:
        held = [at for handle in machine.handles.values() for _, at in handle.pages]
        stop = min([at for at in held if pfn <= at < pfn + count], default=pfn + count)
        return extent(machine.folios, range(pfn, max(stop, pfn + 1)))
    holder = folio_of(machine, pfn)
    if machine.flights or folio.ksm:
        return 1
    if surprised(machine, pfn) or (holder.pins and must_be_owned(machine, policy, folio)):
        return 1
    _, count, _ = next(mapped_alike(machine, pfn, count))
    seen = mappings(machine, pfn)
    slot = slot_of(machine, pfn)
    if slot >= 0:
        count = extent(machine.slots, range(slot, slot + count))
        if machine.slots[slot].count:
            count = swapped.alike(range(slot, slot + count))
            seen += tuple((mm, vpn) for mm, vpn, _ in swapped.of(slot))
    for mm, vpn in seen:
        count = min(count, extent(machine.ghosts[mm], range(vpn, vpn + count)))
    return count
