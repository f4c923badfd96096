"""Imported traces: stored as they came, read again, and held against the model."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec.structs import replace
from sqlalchemy import Engine

from app import policies
from app.engine.policy import Policy
from app.scenario import longest_valid
from app.service.budget import TooMuchWork, page_steps
from app.service.cache import KeptByWeight, MadeOnce
from app.settings import Settings
from app.store import get_trace, open_session, save_trace
from app.store.removed import refuse_removed
from app.trace.conform import conform
from app.trace.imported import read_document
from app.trace.recorded import Recording, Replayed, recording_of

KEPT_BYTES = 8 * 1024 * 1024
"""Documents kept in memory; read, each is several times as large."""
KEPT_REPLAYS = 256

Json = dict[str, Any]
Made = TypeVar("Made")


class UnknownTrace(LookupError):
    """No trace has this name."""

    def __init__(self, trace_id: str) -> None:
        super().__init__(f"There is no trace “{trace_id}”.")


@dataclass(frozen=True, slots=True)
class LoadedTrace:
    """A stored trace: `data` byte for byte as it came, and what it says."""

    id: str
    data: bytes
    document: Json
    recording: Recording

    @property
    def text(self) -> str:
        """The scenario, as far as it can be played, with the swap that it was recorded with."""
        recording = self.recording
        known = longest_valid(recording.text)
        swap = "" if recording.swap == "zram" else f"swap: {recording.swap}\n"
        return swap + (known.text if known else recording.text)


async def landed(flight: Future[Made]) -> Made:
    """Shielded: others may wait for the same when this one's reader goes away."""
    return await asyncio.shield(asyncio.wrap_future(flight))


class TraceService:
    """Traces of one store. What takes long is done in a thread of its own, each thing once."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._max_page_steps = settings.max_page_steps
        self._kept: KeptByWeight[str, LoadedTrace] = KeptByWeight(
            KEPT_BYTES, lambda trace: len(trace.data)
        )
        self._replays: KeptByWeight[tuple[str, Policy], Replayed] = KeptByWeight(
            KEPT_REPLAYS, lambda _: 1
        )
        self._threads = [
            ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("traces", "replays")
        ]
        self._read: MadeOnce[bytes | str, LoadedTrace] = MadeOnce(
            self._threads[0], settings.heavy_queue, "traces", 5
        )
        self._replayed: MadeOnce[tuple[str, Policy], Replayed] = MadeOnce(
            self._threads[1], settings.heavy_queue, "traces", 5
        )

    def close(self) -> None:
        for thread in self._threads:
            thread.shutdown(cancel_futures=True)

    def forget(self, trace_id: str) -> None:
        """The trace was removed: keep nothing of it."""
        self._kept.drop(trace_id)

    async def create(self, data: bytes) -> LoadedTrace:
        """Store a document; the same bytes again are the trace that is there.

        Raises TraceErrors, TooMuchWork, RunGone, StoreUnavailable, Busy.
        """
        return await landed(self._read.submit(data, lambda: self.store(data)))

    async def load(self, trace_id: str) -> LoadedTrace:
        """Raises UnknownTrace, RunGone, StoreUnavailable, Busy."""
        known = self._kept.get(trace_id)
        if known is not None:
            return known
        return await landed(self._read.submit(trace_id, lambda: self._load(trace_id)))

    async def replayed(self, trace: LoadedTrace, policy: str) -> Replayed:
        """Raises UnknownPolicy, Busy."""
        key = trace.id, replace(policies.get(policy), name="")
        known = self._replays.get(key)
        if known is None:
            known = await landed(
                self._replayed.submit(
                    key, lambda: Replayed(trace.recording, conform(trace.document, policy))
                )
            )
            self._replays.put(key, known)
        return known

    def store(self, data: bytes) -> LoadedTrace:
        """What `create` does, in the caller's thread."""
        document = read_document(data)
        recording = recording_of(document)
        self._check_budget(recording.text)
        with open_session(self._engine) as session:
            row = save_trace(
                session=session, document=data, text=recording.text, title=recording.title
            )
            trace_id = row.id
        return self._keep(LoadedTrace(trace_id, data, document, recording))

    def _check_budget(self, text: str) -> None:
        known = longest_valid(text)
        work = page_steps(known) if known else 0
        if work > self._max_page_steps:
            raise TooMuchWork(work, self._max_page_steps)

    def _load(self, trace_id: str) -> LoadedTrace:
        with open_session(self._engine) as session:
            row = get_trace(session=session, trace_id=trace_id)
            if row is None:
                refuse_removed(session=session, name=trace_id)
                raise UnknownTrace(trace_id)
            data = row.document
        document = read_document(data)
        return self._keep(LoadedTrace(trace_id, data, document, recording_of(document)))

    def _keep(self, trace: LoadedTrace) -> LoadedTrace:
        self._kept.put(trace.id, trace)
        return trace
