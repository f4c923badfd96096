"""A step of a room's run in words and as a picture, for the leader and the projector."""

from __future__ import annotations

import asyncio

from markupsafe import Markup
from msgspec import Struct

from app.service import LoadedRun, RunService
from app.store.rooms import RoomView

from .. import drawing
from ..evidence import evidence_of
from ..explorer import Explorer
from ..glimpse import glimpse
from ..plan import Plan
from ..scene import scene_of
from ..why import why_of
from .once import Once


class Told(Struct, frozen=True):
    """`lead` is the sentence that matters, `because` the decision's numbers, `notes` the text's.

    `things` are the frames, slots and handles that are there: what a leader can point at.
    """

    number: int
    command: str
    lead: str
    because: str
    rule: str
    function: str
    notes: tuple[str, ...]
    alarms: tuple[tuple[str, str], ...]
    things: tuple[str, ...]
    svg: Markup


class Teller:
    """Tells steps. Plans are made in a thread: other policies are played for them."""

    def __init__(self, runs: RunService, explorer: Explorer) -> None:
        self.runs = runs
        self.explorer = explorer
        self.planning: Once[Plan] = Once()

    async def load(self, run_id: str) -> LoadedRun:
        """Raises UnknownRun, RunNotPlayable, StoreUnavailable, Busy."""
        loaded = await self.runs.load(run_id)
        if self.explorer.plans.get(loaded.id) is None:
            await self.planning.get(run_id, lambda: asyncio.to_thread(self.explorer.plan, loaded))
        return loaded

    async def current(self, view: RoomView) -> tuple[LoadedRun, Told]:
        loaded = await self.load(view.state.run)
        return loaded, self.told(loaded, view.state.step)

    def told(self, loaded: LoadedRun, number: int) -> Told:
        plan = self.explorer.plan(loaded)
        step, previous = glimpse(loaded.run, number, plan.layout)
        scene = scene_of(plan.layout, number, step, previous)
        why = why_of(step)
        reasons = [event for event in why.events if event.because]
        decided = next((e for e in reasons if e.css == "decide"), reasons[-1] if reasons else None)
        return Told(
            number=number,
            command=str(step.get("text", "before the first step")),
            lead=why.lead if number else "Nothing is mapped yet.",
            because=decided.because if decided else "",
            rule=decided.rule if decided else "",
            function=why.function,
            notes=tuple(step.get("notes", ())),
            alarms=tuple((e.name, e.text) for e in evidence_of(loaded.run, number)),
            things=(
                *(f.label for f in scene.frames.values() if f.state != "freed"),
                *(s.label for s in scene.slots.values() if s.state != "freed"),
            ),
            svg=Markup(drawing.stage(plan.layout, scene, f"memory after step {number}")),
        )
