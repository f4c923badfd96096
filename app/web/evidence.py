"""A violation in full: who reads what, what is owed, since when, and what made it possible.

The engine says which predicate breaks and where; everything here is read off the run's states.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from app.engine import Machine
from app.engine.draft import Violation
from app.engine.operations import HandleRead, Read
from app.engine.safety import linked
from app.engine.state import ZERO_PFN, ZEROES, Present, Pte, Swapped, Version, mappings, walk
from app.trace import Run
from app.trace.explain import place_name
from app.trace.names import Names, frame_label, slot_label


class Evidence(Struct, frozen=True):
    """`text` in sentences; `cause` is the earlier step that made the violation possible, or None.

    `reads`: this step only reads what an earlier one made visible. `reader` sees page `frame` and
    is owed the value `owed` instead, where a predicate says so.
    """

    name: str
    text: str
    predicate: str
    cause: int | None
    reads: bool = False
    reader: str = ""
    frame: str = ""
    owed: int | None = None


def evidence_of(run: Run, number: int) -> tuple[Evidence, ...]:
    """What is wrong at a step: its own violations, and what it reads of earlier ones."""
    found = [evidence(run, number, violation, number) for violation in run.steps[number].violations]
    found += [evidence(run, number, violation, at) for at, violation in witnessed(run, number)]
    return tuple(found)


def evidence(run: Run, number: int, violation: Violation, at: int) -> Evidence:
    """Of a violation of step `at`, seen at step `number`."""
    after, before = run.steps[number].after, run.steps[max(0, number - 1)].after
    place = place_name(violation.mm, violation.vpn, after, before)
    return Evidence(
        violation.kind,
        told(run, number, violation, at),
        violation.predicate,
        cause_of(run, number, violation) if at == number else at,
        at < number,
        violation.handle or place,
        frame_label(violation.pfn) if violation.pfn >= 0 else "",
        owed_of(run, at, violation),
    )


def witnessed(run: Run, number: int) -> Iterator[tuple[int, Violation]]:
    """Violations of earlier steps that the read of this step shows, with their steps."""
    if number == 0 or not any(run.verdicts[kind] for kind in ("isolation", "coherence")):
        return
    op = run.scenario.steps[number - 1].op
    seen = run.steps[number].outcome.value
    if seen is None or not isinstance(op, HandleRead | Read):
        return
    after = run.steps[number].after
    for at in range(number - 1, 0, -1):
        for violation in run.steps[at].violations:
            if seen == violation.saw and still(after, op, violation):
                yield at, violation
                return


def still(machine: Machine, op: HandleRead | Read, violation: Violation) -> bool:
    """Does `op` read what `violation` is about, and is it as it was?"""
    if isinstance(op, HandleRead):
        handle = machine.handles.get(op.actor)
        if handle is None or violation.handle != op.actor or op.page != violation.page:
            return False
        vpn, pfn = handle.pages[op.page]
        if violation.kind == "isolation":
            return pfn == violation.pfn
        return handle.owner in machine.tables and not linked(machine, handle.owner, vpn, pfn)
    process = machine.processes.get(op.actor)
    if process is None or process.mm != violation.mm or violation.kind != "isolation":
        return False
    area = machine.mms[process.mm].areas.get(op.place.area)
    return area is not None and violation.vpn in range(
        area.start + op.place.lo, area.start + op.place.hi
    )


def told(run: Run, number: int, violation: Violation, at: int) -> str:
    """The sentences."""
    if violation.predicate == "I2":
        return reference_sees(run, number, violation, at)
    if violation.predicate in ("I1", "I3"):
        return process_sees(run, number, violation, at)
    if violation.predicate in ("C1", "C2"):
        return parted(run, number, violation)
    because = violation.because
    return f"{because[:1].upper()}{because[1:]}."


def owed_of(run: Run, at: int, violation: Violation) -> int | None:
    """What the reader should see: the owner's own view, or what was there when it was taken."""
    if violation.owed >= 0 or violation.predicate != "I2":
        return violation.owed if violation.owed >= 0 else None
    machine = run.steps[at].after
    handle = machine.handles[violation.handle]
    vpn = handle.pages[violation.page][0]
    if vpn >= 0 and handle.owner in machine.ghosts:
        return machine.ghosts[handle.owner].get(vpn, ZEROES).value
    return content(run.steps[step_of(run, handle.birth)].after, violation.handle, violation.page)


def when(stored: int, number: int) -> str:
    return "now" if stored == number else f"at step {stored}"


def reference_sees(run: Run, number: int, violation: Violation, at: int) -> str:
    machine = run.steps[at].after
    handle = machine.handles[violation.handle]
    data = machine.folios[violation.pfn].data
    taken = step_of(run, handle.birth)
    then = content(run.steps[taken].after, violation.handle, violation.page)
    held = f", when the page held {then}" if then is not None else ""
    owed = owed_of(run, at, violation)
    return (
        f"{violation.handle} reads {data.value}{'' if owed is None else f'; owed is {owed}'}. "
        f"{handle.process} took it at step {taken}{held}, and {author(run, data)} stored "
        f"{data.value} {when(step_of(run, data.seq), number)}."
    )


def process_sees(run: Run, number: int, violation: Violation, at: int) -> str:
    machine, before = run.steps[at].after, run.steps[max(0, at - 1)].after
    data = machine.folios[violation.pfn].data
    place = place_name(violation.mm, violation.vpn, machine, before) or "The page"
    owed = machine.ghosts[violation.mm].get(violation.vpn, ZEROES)
    device = "a device of " if violation.predicate == "I3" else ""
    own = f", stored by {author(run, owed)} at step {step_of(run, owed.seq)}" if owed.seq else ""
    return (
        f"{place} shows {data.value}, which {device}{author(run, data)} stored "
        f"{when(step_of(run, data.seq), number)}. Owed is {owed.value}{own}."
    )


def parted(run: Run, number: int, violation: Violation) -> str:
    machine = run.steps[number].after
    handle = machine.handles[violation.handle]
    vpn, pfn = handle.pages[violation.page]
    held = ZEROES if pfn == ZERO_PFN else machine.folios[pfn].data
    owner = machine.ghosts[handle.owner].get(vpn, ZEROES)
    place = Names(machine).place(handle.owner, vpn) or "its owner's page"
    leads = target_words(pte_of(machine, handle.owner, vpn))
    return (
        f"{violation.handle} still holds {frame_label(pfn)} with {held.value}; {place} {leads}, "
        f"and {handle.process} is owed {owner.value} there. The device behind {violation.handle} "
        f"and {handle.process} no longer see the same bytes."
    )


def target_words(pte: Pte | None) -> str:
    if type(pte) is Present:
        return f"leads to {frame_label(pte.pfn)}"
    if type(pte) is Swapped:
        return f"is swapped out to {slot_label(pte.slot)}"
    return "maps nothing"


def content(machine: Machine, name: str, page: int) -> int | None:
    """What a handle's page held in a state, or None when it was none of its pages then."""
    handle = machine.handles.get(name)
    if handle is None or page >= len(handle.pages):
        return None
    pfn = handle.pages[page][1]
    if pfn == ZERO_PFN:
        return 0
    return machine.folios[pfn].data.value if pfn in machine.folios else None


def step_of(run: Run, clock: int) -> int:
    """The step at whose end the machine's clock stood at `clock`."""
    first = run.steps[0].after.clock
    return min(max(0, clock - first), len(run))


def author(run: Run, data: Version) -> str:
    """The process that stored a version, by its name then."""
    names = Names(run.steps[step_of(run, data.seq)].after).process
    return names.get(data.author, "an exited process")


# -- the step that made it possible -----------------------------------------------------------


def cause_of(run: Run, number: int, violation: Violation) -> int | None:
    """The step from which on the author could store where somebody else reads, if it is earlier."""
    if violation.kind != "isolation" or violation.pfn not in run.steps[number].after.folios:
        return None
    data = run.steps[number].after.folios[violation.pfn].data
    at = number
    while at > 1 and open_to(run.steps[at - 1].after, violation, data.author):
        at -= 1
    return at if at < number else None


def open_to(machine: Machine, violation: Violation, writer: int) -> bool:
    """Could `writer` store to the page without a fault while the other one could see it?"""
    pfn = violation.pfn
    if violation.predicate == "I2":
        handle = machine.handles.get(violation.handle)
        seen = handle is not None and any(at == pfn for _, at in handle.pages)
    else:
        seen = shows(pte_of(machine, violation.mm, violation.vpn), pfn)
    if not seen or pfn not in machine.folios:
        return False
    if violation.predicate == "I3":
        return any(
            handle.owner == writer and handle.write and any(at == pfn for _, at in handle.pages)
            for handle in machine.handles.values()
        )
    return any(
        shows(pte_of(machine, mm, vpn), pfn, write=True)
        for mm, vpn in mappings(machine, pfn)
        if mm == writer
    )


def shows(pte: Pte | None, pfn: int, *, write: bool = False) -> bool:
    return type(pte) is Present and pte.pfn == pfn and (pte.write or not write)


def pte_of(machine: Machine, mm: int, vpn: int) -> Pte | None:
    table = machine.tables.get(mm)
    return None if table is None or vpn < 0 else walk(table, machine.config.huge, vpn)
