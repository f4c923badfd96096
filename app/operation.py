"""What an operator asks: is it alive, is it ready, what does it do. /healthz, /readyz, /metrics."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.errors import log
from app.store import StoreUnavailable, check_migrated

router = APIRouter(include_in_schema=False)


Handler = Callable[[int, FrameType | None], object]


class Stopping:
    """Whether this process has been told to stop: /readyz says so, and streams end.

    `wait` returns when it has: who keeps an answer open for long waits for it beside its own
    news, and ends the answer.
    """

    def __init__(self, drain_seconds: float) -> None:
        self._drain_seconds = drain_seconds
        self._event = asyncio.Event()

    @property
    def now(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        await self._event.wait()

    def begin(self) -> None:
        self._event.set()

    def watch(self) -> None:
        """Stand before the server's own handlers; that of SIGTERM runs when the drain is over."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number, drain in ((signal.SIGTERM, self._drain_seconds), (signal.SIGINT, 0.0)):
            before = signal.getsignal(number)
            if callable(before):
                signal.signal(number, self._handler(loop, before, drain))

    def _handler(self, loop: asyncio.AbstractEventLoop, before: Handler, drain: float) -> Handler:
        def told(number: int, frame: FrameType | None) -> None:
            first = not self.now
            loop.call_soon_threadsafe(self.begin)
            if first and drain:
                loop.call_soon_threadsafe(loop.call_later, drain, before, number, frame)
            else:
                before(number, frame)

        return told


@router.get("/healthz")
async def healthz() -> Response:
    """Alive: the process answers."""
    return Response("ok\n", media_type="text/plain", headers={"Cache-Control": "no-store"})


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Ready: the store answers and has this version's tables."""
    headers = {"Cache-Control": "no-store"}
    if request.app.state.stopping.now:
        return Response("This process is about to stop.\n", 503, headers, "text/plain")
    try:
        await asyncio.to_thread(check_migrated, request.app.state.engine)
    except StoreUnavailable as error:
        log.warning("not ready", reason=error.reason)
        return Response(f"{error.reason}\n", 503, headers, "text/plain")
    return Response("ready\n", 200, headers, "text/plain")


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus text, of this process."""
    return Response(request.app.state.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})
