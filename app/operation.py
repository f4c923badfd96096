"""What an operator asks: is it alive, is it ready, what does it do. /healthz, /readyz, /metrics."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.errors import log
from app.store import StoreUnavailable, check_migrated

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> Response:
    """Alive: the process answers."""
    return Response("ok\n", media_type="text/plain", headers={"Cache-Control": "no-store"})


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Ready: the store answers and has this version's tables."""
    headers = {"Cache-Control": "no-store"}
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
