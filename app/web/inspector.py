"""The inspector: history, fields and ledger of what is selected, at a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from app.service.runs import LoadedRun
from app.trace.facts import agreement, page_types, pagemap
from app.trace.history import Change, History, cause_of, neighbours
from app.trace.ledger import Ledger, ledger_of
from app.trace.names import frame_label, process_order, slot_label
from app.trace.reading import raw, shown
from app.trace.subject import FIELDS, ZEROES_NAMES, BadSelection, Subject

from .blame import Blame, Watched
from .view import MAX_WATCHED, TABS, View

Json = dict[str, Any]

ROWS = 24
"""Changes listed up to the step, and as many after it; the rest is a number."""
FEW = 4
"""Fields named in a row about a whole thing."""
MAX_THINGS = 24
RARE: dict[str, tuple[str, ...]] = {
    "page": ("exclusive", "swp_exclusive", "by"),
    "frame": ("ksm", "thp", "hugetlb", "compound_head", "compound_tail", "order"),
    "slot": (),
    "handle": (),
    "process": (),
}
"""Fields that are listed once a run has set them: other rules, and memory that it may not have."""


class Row(Struct, frozen=True):
    """A step that wrote what is selected. `state` is "past", "now" or "future".

    `decided` and `done` are events of `trace/1`, or None.
    """

    step: int
    command: str
    state: str
    changes: tuple[Change, ...]
    more: int
    word: str
    decided: Json | None
    done: Json | None


class FieldRow(Struct, frozen=True):
    """A field now: `old` is "" unless this step changed it; `writer` is who gave it its value."""

    subject: str
    name: str
    words: str
    value: str
    old: str
    writer: int | None
    watched: bool
    current: bool


class Notice(Struct, frozen=True):
    """Something in the link that this run does not have, and links that would be right."""

    message: str
    near: tuple[tuple[str, str], ...]


class Picked(Struct, frozen=True):
    """What is selected.

    subject, thing, words   its name, the name of the whole thing, what it is
    value, old              of a field now and before this step ("" if the same); "" for a thing
    exists                  is it there at this step? `life` says when it is
    writer                  the step that gave the value; its text is `wrote`
    previous, next, writes  steps that changed it
    rows, later, earlier    the steps around this one, newest first, and how many are left out
    fields, ledger, letters, bits, agree   of the whole thing: raw; None or empty where it has none
    watch, unwatch          links that add or remove it
    hide, show, alone       values of `hide` in links that hide it, show it again, and hide all
                            other processes; "" or None where there is nothing to do
    """

    subject: str
    thing: str
    words: str
    value: str
    old: str
    exists: bool
    life: str
    writer: int | None
    wrote: str
    previous: int | None
    next: int | None
    writes: tuple[int, ...]
    rows: tuple[Row, ...]
    later: int
    earlier: int
    fields: tuple[FieldRow, ...]
    ledger: Ledger | None
    letters: str
    bits: tuple[tuple[str, str, str], ...]
    agree: tuple[bool, str] | None
    watch: str
    unwatch: str
    hide: str
    show: str | None
    alone: str


class InspectorContext(Struct, frozen=True):
    """What `inspector.html` gets. `things` are (name, what it is) to begin with."""

    base: str
    step: int
    last: int
    tab: str
    picked: Picked | None
    notices: tuple[Notice, ...]
    things: tuple[tuple[str, str], ...]
    watched: tuple[Watched, ...]


def inspect(blame: Blame, loaded: LoadedRun, step: int, view: View) -> InspectorContext:
    """Look at what a link selects. What it gets wrong is a notice. Raises UnknownStep."""
    loaded.check_step(step)
    notices = []
    subject = None
    if view.sel:
        try:
            subject = blame.subject(loaded, view.sel)
        except BadSelection as bad:
            notices.append(notice_of(bad, "sel"))
    if view.tab and view.tab not in TABS:
        near = tuple((f"?tab={tab}", tab) for tab in TABS)
        notices.append(Notice(f"There is no tab “{view.tab[:40]}”.", near))
    watched, bad_watch = blame.watched(loaded, view)
    notices += [notice_of(bad, "watch") for bad in bad_watch]
    if len(view.watch) > MAX_WATCHED:
        notices.append(Notice(f"Of {len(view.watch)} watched fields {MAX_WATCHED} are shown.", ()))
    return InspectorContext(
        base=f"/r/{loaded.id}",
        step=step,
        last=loaded.last,
        tab=view.shown_tab,
        picked=None if subject is None else picked(blame, loaded, step, subject, view),
        notices=tuple(notices),
        things=() if subject is not None else tuple(things_at(loaded, step)),
        watched=watched,
    )


def notice_of(bad: BadSelection, parameter: str) -> Notice:
    return Notice(str(bad), tuple((f"?{parameter}={name}", name) for name in bad.near))


def things_at(loaded: LoadedRun, step: int) -> Iterator[tuple[str, str]]:
    """Everything that can be selected at a step, as far as a list of it is of use."""
    machine = loaded.run.steps[step].after
    for name in process_order(machine):
        yield name, "process"
        for area in machine.mms[machine.processes[name].mm].order[:4]:
            yield f"{name}.{area}[0]", "page-table entry"
    for pfn in sorted(machine.folios)[:MAX_THINGS]:
        yield frame_label(pfn), "frame"
    for slot in sorted(machine.slots)[:MAX_THINGS]:
        yield slot_label(slot), "swap slot"
    for name in sorted(machine.handles):
        yield name, "handle"


def picked(blame: Blame, loaded: LoadedRun, step: int, subject: Subject, view: View) -> Picked:
    history = blame.history(loaded, subject)
    writes = history.writes_of(subject.field)
    now, was = history.at(step), history.before(step)
    machine = loaded.run.steps[step].after
    thing = raw(machine, subject)
    counted = thing if thing is not None and "refcount" in thing else None
    writer = history.last_writer(step, subject.field)
    previous, following = neighbours(writes, step)
    upto = [w for w in writes if w <= step]
    after = [w for w in writes if w > step]
    listed = upto[-ROWS:] + after[:ROWS]
    value = shown(now[subject.field]) if now is not None and subject.field in now else ""
    old = shown(was[subject.field]) if was is not None and subject.field in was else ""
    name = str(subject)
    others = [w for w in view.watch if w != name]
    rest = [other for other in view.hide if other != subject.thing]
    whole = subject.kind != "page" and subject.thing not in ZEROES_NAMES
    return Picked(
        subject=name,
        thing=subject.thing,
        words=subject.words,
        value=value,
        old=old if value and old != value else "",
        exists=now is not None,
        life=life_of(history, step),
        writer=writer,
        wrote=command_of(loaded, writer),
        previous=previous,
        next=following,
        writes=writes,
        rows=tuple(row_of(loaded, history, subject.field, w, step) for w in reversed(listed)),
        later=len(after) - len(after[:ROWS]),
        earlier=len(upto) - len(upto[-ROWS:]),
        fields=tuple(field_rows(history, subject, step, view)),
        ledger=ledger_of(counted) if counted is not None else None,
        letters=page_types(thing) if thing is not None and subject.kind == "frame" else "",
        bits=pagemap(machine, thing) if thing is not None and subject.kind == "page" else (),
        agree=agreement(machine, loaded.run.policy, subject, thing) if thing is not None else None,
        watch="" if name in view.watch or not subject.field else ",".join([*others, name]),
        unwatch=",".join(others) if name in view.watch else "-",
        hide=",".join([*rest, subject.thing]) if whole and subject.thing not in view.hide else "",
        show=",".join(rest) if subject.thing in view.hide else None,
        alone=",".join(alone_of(blame, loaded, subject, rest)),
    )


def alone_of(blame: Blame, loaded: LoadedRun, subject: Subject, hidden: list[str]) -> Iterator[str]:
    """What is hidden when a process is shown alone; nothing for another thing, or if it is."""
    processes = blame.directory(loaded).processes
    others = [name for name in processes if name not in (subject.thing, *hidden)]
    if subject.kind == "process" and others:
        yield from (*hidden, *others)


def command_of(loaded: LoadedRun, step: int | None) -> str:
    if not step:
        return ""
    return loaded.run.scenario.steps[step - 1].text.split("\n")[0]


def life_of(history: History, step: int) -> str:
    """Where the thing is, when it is not here: it may come again under the same name."""
    if history.at(step) is not None:
        return ""
    there = [n for n, values in enumerate(history.states) if values is not None]
    if not there:
        return "It came and went within one step: no state shows it."
    return f"Not there at this step. It is there from step {there[0]} to step {there[-1]}."


def row_of(loaded: LoadedRun, history: History, field: str, step: int, current: int) -> Row:
    changes = history.changes(step, field)
    now, was = history.at(step), history.before(step)
    word = "" if now is not None and was is not None else "gone" if now is None else "new"
    if step == 0:
        word = "there from the start"
    shown_changes = changes if word == "" or field else ()
    cause = cause_of(loaded.run, step, history)
    return Row(
        step=step,
        command=command_of(loaded, step),
        state="now" if step == current else "past" if step < current else "future",
        changes=shown_changes[:FEW],
        more=max(0, len(shown_changes) - FEW),
        word=word,
        decided=cause.decided,
        done=cause.done,
    )


def ever(history: History, name: str) -> bool:
    """Was the field ever set in this run?"""
    return any(values is not None and values.get(name) for values in history.states)


def field_rows(history: History, subject: Subject, step: int, view: View) -> Iterator[FieldRow]:
    now, was = history.at(step), history.before(step)
    if now is None:
        return
    for name, words in FIELDS[subject.kind].items():
        if name not in now or (name in RARE[subject.kind] and not ever(history, name)):
            continue
        value = shown(now[name])
        old = shown(was[name]) if was is not None and name in was else value
        this = subject.of(name)
        yield FieldRow(
            subject=str(this),
            name=name,
            words=words,
            value=value,
            old=old if old != value else "",
            writer=history.last_writer(step, name),
            watched=str(this) in view.watch,
            current=name == subject.field,
        )
