"""Making runs from texts, and playing stored runs again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from msgspec.structs import replace
from sqlalchemy import Engine

from app import policies
from app.engine import ENGINE_VERSION
from app.scenario import Scenario, ScenarioErrors, parse
from app.service.budget import TooMuchWork, page_steps
from app.service.cache import KeptByWeight, MadeOnce
from app.settings import Settings
from app.store import ReplayDiffers, Run, compare_replay, get_run, open_session, save_run
from app.store.removed import check_not_removed, refuse_removed
from app.store.runs import find_run, run_digest, runs_based_on
from app.trace import Run as PlayedRun
from app.trace import play

PLAYERS = 4
MISREAD = str.maketrans("OoIiLl", "001111")


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What the store knows of a run. `violations`: property to the first step that breaks it."""

    id: str
    policy: str
    engine: str
    title: str
    created: datetime
    based_on: tuple[str, int] | None
    text: str
    steps: int
    violations: dict[str, int]

    @classmethod
    def of(cls, row: Run) -> Self:
        run, step = row.based_on_run, row.based_on_step
        return cls(
            id=row.id,
            policy=row.policy,
            engine=row.engine,
            title=row.title,
            created=row.created,
            based_on=(run, step) if run is not None and step is not None else None,
            text=row.text,
            steps=row.steps,
            violations=row.violations,
        )


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A stored run, played. `differs` tells where this engine plays it otherwise than its own.

    `leaves`: the last step before the text is no longer that of the run it is based on; None when
    the two texts are the same, or it is based on none.
    """

    stored: StoredRun
    run: PlayedRun
    differs: ReplayDiffers | None = None
    leaves: int | None = None

    @property
    def id(self) -> str:
        return self.stored.id

    @property
    def engine(self) -> str:
        """Version of the engine that the run was stored by."""
        return self.stored.engine

    @property
    def differs_from(self) -> int | None:
        """The first step that this engine plays otherwise, or None."""
        return None if self.differs is None else self.differs.step

    @property
    def last(self) -> int:
        """The number of the last step; 0 when there is none."""
        return len(self.run)

    def check_step(self, step: int) -> int:
        """Return `step`. Raises UnknownStep when the run has none of that number."""
        if not 0 <= step <= self.last:
            raise UnknownStep(self.id, step, self.last)
        return step


@dataclass(frozen=True, slots=True)
class Heavy:
    """A run that is known to take long, not played yet."""

    play: Callable[[], LoadedRun]


class UnknownRun(LookupError):
    """No run has this name. `nearest` is the name that was probably meant, or None."""

    def __init__(self, run_id: str, nearest: str | None = None) -> None:
        super().__init__(f"There is no run “{run_id}”.")
        self.run_id = run_id
        self.nearest = nearest


class UnknownStep(LookupError):
    """The run exists and has no step of this number; `last` is its last one."""

    def __init__(self, run_id: str, step: int, last: int) -> None:
        super().__init__(f"Run {run_id} has no step {step}: its last step is {last}.")
        self.run_id = run_id
        self.step = step
        self.last = last


class RunNotPlayable(Exception):
    """This version refuses the text of a run that another version has played."""

    def __init__(self, stored: StoredRun, because: Exception) -> None:
        super().__init__(
            f"Run {stored.id} was played by engine {stored.engine}. "
            f"Engine {ENGINE_VERSION} cannot play it: {because}"
        )
        self.stored = stored
        self.because = because


def unified(text: str) -> str:
    """The text with one kind of line end: forms send CR LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def steps_in_common(scenario: Scenario, text: str) -> int | None:
    """Steps before the first line that is another one in `text`; None when there is none."""
    mine, theirs = scenario.text.split("\n"), text.split("\n")
    if mine == theirs:
        return None
    pairs = enumerate(zip(mine, theirs, strict=False), 1)
    first = next((n for n, (a, b) in pairs if a != b), min(len(mine), len(theirs)) + 1)
    return sum(step.line < first for step in scenario.steps)


def parse_to_store(text: str) -> Scenario:
    """Parse a text as it came; blank lines at its end make no other run of it."""
    scenario = parse(unified(text), policies.check)
    return replace(scenario, text=scenario.text.rstrip("\n"))


class RunService:
    """Runs of one store. Neither the database nor a replay blocks the loop.

    Played runs are kept up to `run_cache_steps` steps in all. A run that many people open at once
    is played once.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._max_page_steps = settings.max_page_steps
        self._kept: KeptByWeight[str, LoadedRun] = KeptByWeight(
            settings.run_cache_steps, lambda run: run.last + 1
        )
        self._heavy_page_steps = settings.heavy_page_steps
        self._players = ThreadPoolExecutor(PLAYERS, thread_name_prefix="play")
        self._made: MadeOnce[tuple[str, ...], LoadedRun | Heavy] = MadeOnce(
            self._players, settings.queue, "runs", 2
        )
        self._heavy_player = ThreadPoolExecutor(1, thread_name_prefix="heavy")
        self._heavy_made: MadeOnce[tuple[str, ...], LoadedRun] = MadeOnce(
            self._heavy_player, settings.heavy_queue, "heavy runs", 10
        )

    def close(self) -> None:
        self._players.shutdown(cancel_futures=True)
        self._heavy_player.shutdown(cancel_futures=True)

    @property
    def kept(self) -> int:
        """Played runs in memory."""
        return len(self._kept)

    @property
    def kept_steps(self) -> int:
        return self._kept.weight

    def forget(self, run_id: str) -> None:
        """The run was removed: keep nothing of it."""
        self._kept.drop(run_id)

    def peek(self, run_id: str) -> LoadedRun | None:
        """The run if it is in memory: a look-up, no I/O."""
        return self._kept.get(run_id)

    async def load(self, run_id: str) -> LoadedRun:
        """Raises UnknownRun, RunGone, RunNotPlayable, StoreUnavailable, and Busy."""
        kept = self.peek(run_id)
        if kept is not None:
            return kept
        # Asked again in flight: it may have landed since, and be played only once.
        return await self._flight(
            ("load", run_id), lambda: self.peek(run_id) or self._replay(self._find(run_id))
        )

    async def _flight(
        self, key: tuple[str, ...], make: Callable[[], LoadedRun | Heavy]
    ) -> LoadedRun:
        """Wait for a run that is made; when it turns out to be heavy, in the queue of those."""
        # Shielded: others may wait for the same run when this one's reader goes away.
        made = await asyncio.shield(asyncio.wrap_future(self._made.submit(key, make)))
        if isinstance(made, LoadedRun):
            return made
        return await asyncio.shield(asyncio.wrap_future(self._heavy_made.submit(key, made.play)))

    async def stored(self, run_id: str) -> StoredRun:
        """What the store knows of the run, playable or not. Raises UnknownRun, RunGone."""
        kept = self.peek(run_id)
        return kept.stored if kept else StoredRun.of(await asyncio.to_thread(self._find, run_id))

    async def based_on(self, run_id: str, limit: int) -> list[StoredRun]:
        """Runs made from this one, in the order of the steps that they leave at."""
        return await asyncio.to_thread(self._based_on, run_id, limit)

    async def create(
        self, text: str, policy: str | None = None, based_on: tuple[str, int] | None = None
    ) -> LoadedRun:
        """Play `text` and store the run; the same content again is the run that is there.

        Without `policy` the scenario's own is played, or the default. Raises ScenarioErrors,
        UnknownPolicy, TooMuchWork, Busy, StoreUnavailable, UnknownRun for a `based_on` that is not,
        and RunGone for a text that was removed.
        """
        key = ("create", text, policy or "", str(based_on))
        return await self._flight(key, lambda: self._create(text, policy, based_on))

    def _based_on(self, run_id: str, limit: int) -> list[StoredRun]:
        with open_session(self._engine) as session:
            rows = runs_based_on(session=session, run_id=run_id, limit=limit)
        return [StoredRun.of(row) for row in rows]

    def _find(self, run_id: str) -> Run:
        with open_session(self._engine) as session:
            row = get_run(session=session, run_id=run_id)
            if row is None:
                refuse_removed(session=session, name=run_id)
                meant = run_id.translate(MISREAD).lower()
                nearest = get_run(session=session, run_id=meant)
                raise UnknownRun(run_id, nearest.id if nearest else None)
        return row

    def _replay(self, row: Run) -> LoadedRun | Heavy:
        stored = StoredRun.of(row)
        try:
            scenario = parse(stored.text)
        except ScenarioErrors as error:
            raise RunNotPlayable(stored, error) from error
        return self._by_weight(scenario, lambda: self._replayed(row, stored, scenario))

    def _by_weight(self, scenario: Scenario, make: Callable[[], LoadedRun]) -> LoadedRun | Heavy:
        heavy = page_steps(scenario) > self._heavy_page_steps
        return Heavy(make) if heavy else make()

    def _replayed(self, row: Run, stored: StoredRun, scenario: Scenario) -> LoadedRun:
        try:
            played = play(scenario, stored.policy)
        except (ScenarioErrors, policies.UnknownPolicy) as error:
            raise RunNotPlayable(stored, error) from error
        differs = compare_replay(
            stored_outcomes=row.outcomes,
            stored_checksums=row.checksums,
            outcomes=played.outcome_codes(),
            checksums=played.checksums(),
        )
        return self._keep(LoadedRun(stored, played, differs, self._leaves(stored, scenario)))

    def _create(
        self, text: str, policy: str | None, based_on: tuple[str, int] | None
    ) -> LoadedRun | Heavy:
        scenario = parse_to_store(text)
        name = policy or scenario.policy or policies.DEFAULT
        policies.get(name)
        self._check_budget(scenario)
        digest = run_digest(text=scenario.text, policy=name, engine=ENGINE_VERSION)
        with open_session(self._engine) as session:
            row, _ = find_run(session=session, digest=digest)
            if row is None:
                check_not_removed(session=session, text=scenario.text)
        if row is not None:
            return self.peek(row.id) or self._replay(row)
        return self._by_weight(scenario, lambda: self._created(scenario, name, based_on))

    def _created(
        self, scenario: Scenario, policy: str, based_on: tuple[str, int] | None
    ) -> LoadedRun:
        played = play(scenario, policy)
        stored = self._store(policy, played, based_on)
        return self._keep(LoadedRun(stored, played, None, self._leaves(stored, scenario)))

    def _check_budget(self, scenario: Scenario) -> None:
        work = page_steps(scenario)
        if work > self._max_page_steps:
            raise TooMuchWork(work, self._max_page_steps)

    def _store(self, policy: str, played: PlayedRun, based_on: tuple[str, int] | None) -> StoredRun:
        with open_session(self._engine) as session:
            if based_on is not None and get_run(session=session, run_id=based_on[0]) is None:
                raise UnknownRun(based_on[0])
            row = save_run(
                session=session,
                text=played.scenario.text,
                policy=policy,
                engine=ENGINE_VERSION,
                title=played.scenario.title,
                outcomes=played.outcome_codes(),
                checksums=played.checksums(),
                violations={k: step for k, step in played.verdicts.items() if step is not None},
                based_on=based_on,
            )
            return StoredRun.of(row)

    def _leaves(self, stored: StoredRun, scenario: Scenario) -> int | None:
        if stored.based_on is None:
            return None
        return steps_in_common(scenario, self._find(stored.based_on[0]).text)

    def _keep(self, run: LoadedRun) -> LoadedRun:
        self._kept.put(run.id, run)
        return run
