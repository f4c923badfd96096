"""`trace/1` as the JSON interface gives it, for the OpenAPI description.

Field names and meanings are those of the trace format; answers are written from the played run
without going through here.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.api.models import Exact


class OutcomeOut(Exact):
    value: int | None = Field(description="What the step read")
    values: list[int] | None = Field(default=None, description="Where its pages differ")
    error: str | None = Field(description="A signal or errno name, such as SIGSEGV")
    faults: int | None = Field(default=None, description="Page faults of the actor")
    at_page: int | None = Field(default=None, description="The page at which it failed")
    copies: int = Field(description="Pages copied in this step")
    reason: str | None = Field(default=None, description="Why it failed, or what it skipped")


class PageOut(Exact):
    """One page of a range, or with `pages` ("first:end") equal neighbours."""

    page: int | None = None
    pages: str | None = None
    kind: Literal["none", "present", "swap"]
    frame: str | None
    exclusively_mapped: bool
    uffd_wp: bool
    swap_offset_label: str | None
    vma: Literal["rw", "r", "none"] | None
    marker: str | None = None
    pmd: bool | None = None
    writable: bool | None = None
    dirty: bool | None = None
    young: bool | None = None
    soft_dirty: bool | None = None
    exclusive_pte: bool | None = None
    swap_exclusive: bool | None = None
    migration: Literal["writable", "readable_exclusive", "readable"] | None = None
    mapped_by: Literal["pte", "pmd"] | None = None
    migrating: str | None = None
    value: int | str | None = None


class LedgerItem(Exact):
    holder: str
    kind: str
    count: int


class OwnerOut(Exact):
    mm: str
    mapcount: int


class FrameOut(Exact):
    mapcount: int | None = None
    flags: list[str]
    noisy_flags: list[str]
    refcount: int | None = None
    pincount: int | None = None
    ledger: list[LedgerItem] | None = Field(default=None, description="Sums to the refcount")
    order: int | None = None
    head: str | None = None
    exclusive: bool | None = None
    value: int | None = None
    entire_mapcount: int | None = Field(default=None, description="PMDs that map a large folio")
    partially_mapped: bool | None = None
    maybe_mapped_shared: bool | None = Field(
        default=None, description="Somebody beside the owners may map a large folio"
    )
    mm_owners: list[OwnerOut] | None = Field(
        default=None, description="The owner slots of a large folio (CONFIG_MM_ID, 6.15)"
    )


class SlotOut(Exact):
    count: int
    cached: str | None
    value: int


class HandleOut(Exact):
    owner: str
    kind: str
    write: bool
    longterm: bool
    frames: list[str]
    pages: list[str | None]
    values: list[int]
    coherent: bool


class StateOut(Exact):
    processes: dict[str, dict[str, list[PageOut]]]
    frames: dict[str, FrameOut]
    swap: dict[str, SlotOut]
    handles: dict[str, HandleOut]


class EventOut(Exact):
    """A decision of the engine: what, where in the kernel, by which rule, with its numbers."""

    kind: str
    actor: str
    place: str | None
    frame: str | None
    to: str | None
    slot: str | None
    function: str
    decision: str
    because: str
    rule: str | None
    source: str


class Value(Exact):
    value: int


class ViolationOut(Exact):
    kind: str
    predicate: str
    because: str
    place: str | None
    frame: str | None
    handle: str | None = None
    page: int | None = None
    saw: Value | None = None
    owed: Value | None = None


class FindingOut(Exact):
    line: int
    text: str
    met: bool
    found: str


class StepOut(Exact):
    """The state after a step; `step` 0 is the state before the first one."""

    run: str
    policy: str
    step: int
    steps: int = Field(description="The number of the run's last step")
    url: str
    index: int | None = Field(default=None, description="step - 1")
    line: int | None = Field(default=None, description="In the scenario's text, from 1")
    text: str | None = None
    outcome: OutcomeOut | None = None
    state: StateOut
    events: list[EventOut] | None = None
    violations: list[ViolationOut] | None = None
    expectations: list[FindingOut]
    notes: list[str] | None = None
