"""What-ifs of stored runs: played in threads of their own, each once, kept while there is room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app import whatif
from app.service.budget import TooMuchWork, page_steps
from app.service.cache import KeptByWeight, MadeOnce
from app.service.runs import LoadedRun, RunService, UnknownStep
from app.settings import Settings
from app.whatif import Actions, Ground, Minimised, Rules, Without

KEPT = 100_000
"""Lines of answers kept in memory, over all what-ifs."""
TRIED_PAGES = 20_000
"""Pages that the possible steps of one state are about together; the costliest are left out."""
PLAYS = 2
"""A minimisation may cost as much as so many heavy runs, unless it is asked for more."""
MOST_PLAYS = 10

Answer = TypeVar("Answer", Actions, Without, Rules, Minimised)


class WhatIfs:
    """Beside a RunService: what it makes, it stores there.

    Possible steps are asked for by everybody who stops at a step; what plays a whole run again,
    once or often, waits in a queue of its own.
    """

    def __init__(self, runs: RunService, settings: Settings) -> None:
        self._runs = runs
        self._kept: KeptByWeight[tuple[object, ...], object] = KeptByWeight(KEPT, weight_of)
        self._grounds: KeptByWeight[str, Ground] = KeptByWeight(KEPT, lambda g: len(g.units))
        self._heavy = settings.heavy_page_steps
        self._room = settings.max_page_steps
        self.budget = settings.heavy_page_steps * PLAYS
        self.most = settings.heavy_page_steps * MOST_PLAYS
        self._threads = [
            ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("next", "whatif")
        ]
        self._quick: MadeOnce[tuple[object, ...], object] = MadeOnce(
            self._threads[0], settings.queue, "possible steps", 2
        )
        self._slow: MadeOnce[tuple[object, ...], object] = MadeOnce(
            self._threads[1], settings.heavy_queue, "what-ifs", 10
        )

    def close(self) -> None:
        for thread in self._threads:
            thread.shutdown(cancel_futures=True)

    async def actions(self, run_id: str, step: int) -> Actions:
        """Raises UnknownRun, UnknownStep, RunNotPlayable, WithinBlock, Busy."""
        loaded = await self._runs.load(run_id)
        loaded.check_step(step)

        def make() -> Actions:
            ground = self._grounds.get(loaded.id)
            if ground is None:
                ground = Ground(loaded.run.scenario)
                self._grounds.put(loaded.id, ground)
            return whatif.actions_at(loaded.run, ground, step, TRIED_PAGES)

        heavy = page_steps(loaded.run.scenario) > self._heavy
        queue = self._slow if heavy else self._quick
        return await self._answer(queue, ("actions", loaded.id, step), make)

    async def without(self, run_id: str, step: int) -> Without:
        """Raises UnknownStep for step 0, too, beside UnknownRun, RunNotPlayable, Busy."""
        loaded = await self._runs.load(run_id)
        if loaded.check_step(step) == 0:
            raise UnknownStep(loaded.id, 0, loaded.last)
        key = ("without", loaded.id, step)
        return await self._answer(self._slow, key, lambda: whatif.without(loaded.run, step))

    async def rules(self, run_id: str) -> Rules:
        loaded = await self._runs.load(run_id)
        room = max(1, self._room // max(1, page_steps(loaded.run.scenario)))
        key = ("rules", loaded.id)
        return await self._answer(self._slow, key, lambda: whatif.rules_off(loaded.run, room))

    async def minimised(self, run_id: str, kind: str, budget: int | None = None) -> Minimised:
        """Raises NotBroken when the run does not violate `kind`."""
        loaded = await self._runs.load(run_id)
        room = min(budget or self.budget, self.most)
        work = page_steps(loaded.run.scenario)
        if work > self.most:
            raise TooMuchWork(work, self.most)

        def make() -> Minimised:
            return whatif.minimise(loaded.run, kind, room, page_steps)

        return await self._answer(self._slow, ("minimise", loaded.id, kind, room), make)

    async def branch(self, run_id: str, step: int, line: str, *, keep: bool) -> LoadedRun:
        """The run that goes on with `line` after a step. Raises ScenarioErrors, WithinBlock."""
        loaded = await self._runs.load(run_id)
        loaded.check_step(step)
        text = await asyncio.to_thread(
            lambda: whatif.branch_text(loaded.run.scenario, step, line, keep=keep)
        )
        return await self._runs.create(text, loaded.stored.policy, (loaded.id, step))

    async def store(self, run_id: str, text: str, step: int) -> LoadedRun:
        """A text that came of a run, as a run of its own."""
        stored = await self._runs.stored(run_id)
        return await self._runs.create(text, stored.policy, (stored.id, step))

    async def _answer(
        self,
        queue: MadeOnce[tuple[object, ...], object],
        key: tuple[object, ...],
        make: Callable[[], Answer],
    ) -> Answer:
        kept = self._kept.get(key)
        if kept is None:
            flight = queue.submit(key, make)
            kept = await asyncio.shield(asyncio.wrap_future(flight))
            self._kept.put(key, kept)
        return kept  # type: ignore[return-value]


def weight_of(answer: object) -> int:
    """Lines that an answer has."""
    match answer:
        case Actions():
            return 1 + sum(len(actions) for _, actions in answer.groups)
        case Without():
            return 1 + len(answer.rows)
        case Rules():
            return 1 + len(answer.rules)
    return 20
