"""Around every answer: security headers, a limit for bodies, HEAD, counting, and the last resort.

Pure ASGI: a `BaseHTTPMiddleware` would cost two thirds of the throughput.
"""

from __future__ import annotations

from time import perf_counter

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import problem_of, respond
from app.metrics import Metrics

SCENARIO_BYTES = 65_536
BODY_BYTES = 6 * SCENARIO_BYTES + 8_192
"""The largest scenario with every byte as a \\u escape, and the fields around it."""

POLICY = (
    "default-src 'self'; script-src 'self' https://cdn.jsdelivr.net; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors {ancestors}"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
}


def security_headers(path: str) -> list[tuple[bytes, bytes]]:
    """The headers of a page; only the embed may stand in a frame of another site."""
    embedded = path.startswith("/e/")
    policy = POLICY.format(ancestors="*" if embedded else "'none'")
    headers = {**HEADERS, "content-security-policy": policy}
    if not embedded:
        headers["x-frame-options"] = "DENY"
    return [(name.encode(), value.encode()) for name, value in headers.items()]


EMBED_HEADERS = security_headers("/e/")
PAGE_HEADERS = security_headers("/")


class Guard:
    """The outermost layer of every HTTP request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        started = perf_counter()
        try:
            await self.answer(exchange)
        finally:
            self.metrics.count(exchange.scope, exchange.status, perf_counter() - started)

    async def answer(self, exchange: Exchange) -> None:
        try:
            exchange.check_length()
            await self.app(exchange.scope, exchange.receive, exchange.send)
        except Exception as error:
            if exchange.status:
                raise  # Half an answer is out: closing the connection is all that is left.
            request = Request(exchange.scope)
            response = respond(request, problem_of(error, request))
            await response(exchange.scope, exchange.receive, exchange.send)


class Exchange:
    """One request and its answer, on their way through."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.head = scope["method"] == "HEAD"
        # What answers GET answers HEAD. The server keeps the scope, so this is a copy.
        self.scope = {**scope, "method": "GET"} if self.head else scope
        self.status = 0
        self._receive = receive
        self._send = send
        self._received = 0
        embedded = scope["path"].startswith("/e/")
        self._headers = EMBED_HEADERS if embedded else PAGE_HEADERS

    def check_length(self) -> None:
        length = Headers(scope=self.scope).get("content-length", "")
        if length.isdecimal() and int(length) > BODY_BYTES:
            raise too_large()

    async def receive(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > BODY_BYTES:
            raise too_large()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.raw.extend(self._headers)
            message["headers"] = headers.raw
        elif self.head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)


def too_large() -> HTTPException:
    return HTTPException(
        413,
        f"The body is larger than {BODY_BYTES:,} bytes. A scenario has at most "
        f"{SCENARIO_BYTES:,} bytes.",
    )
