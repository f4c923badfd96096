"""Around every answer: limits of rate, size and time, security headers, HEAD, counting.

Pure ASGI: a `BaseHTTPMiddleware` would cost two thirds of the throughput.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from urllib.parse import unquote_to_bytes

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import problem_of, respond
from app.limits import Limits
from app.metrics import Metrics
from app.origin import OriginCheck
from app.settings import Settings
from app.trace.imported import MAX_TRACE_BYTES

SCENARIO_BYTES = 65_536
BODY_BYTES = 6 * SCENARIO_BYTES + 8_192
"""The largest scenario with every byte as a \\u escape, and the fields around it."""
TRACE_BODIES = {"/api/v1/traces": MAX_TRACE_BYTES, "/import": 3 * MAX_TRACE_BYTES + 8_192}
"""Bodies that may be a trace: by itself, or in a form, where a browser may write three for one."""
FORM = "application/x-www-form-urlencoded"

CDN = " https://cdn.jsdelivr.net"
POLICY = (
    "default-src 'self'; script-src 'self'{cdn}; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors {ancestors}"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
}

RawHeaders = list[tuple[bytes, bytes]]
Remembered = Callable[[Scope], Response | None]
"""Gives the answer that is in memory. It costs no more than a refusal, so no limit counts it."""


def security_headers(*, embedded: bool, cdn: bool) -> RawHeaders:
    """The headers of a page; only the embed may stand in a frame of another site."""
    ancestors = "*" if embedded else "'none'"
    policy = POLICY.format(ancestors=ancestors, cdn=CDN if cdn else "")
    headers = {**HEADERS, "content-security-policy": policy}
    if not embedded:
        headers["x-frame-options"] = "DENY"
    return [(name.encode(), value.encode()) for name, value in headers.items()]


class Guard:
    """The outermost layer of every HTTP request."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        settings: Settings,
        remembered: Remembered,
        check_path: Callable[[str], None],
    ) -> None:
        """`check_path` raises for what must not be shown, even from memory."""
        self.app = app
        self.check_path = check_path
        self.remembered = remembered
        self.metrics = metrics
        self.limits = Limits(settings)
        self.origin = OriginCheck(settings.base_url)
        self.answer_seconds = settings.answer_seconds
        self.body_seconds = settings.body_seconds
        self.page_headers = security_headers(embedded=False, cdn=settings.cdn)
        self.embed_headers = security_headers(embedded=True, cdn=settings.cdn)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        embedded = scope["path"].startswith("/e/")
        headers = self.embed_headers if embedded else self.page_headers
        exchange = Exchange(scope, receive, send, headers, self.body_seconds)
        started = perf_counter()
        try:
            await self.answer(exchange)
        finally:
            self.metrics.count(exchange.scope, exchange.status, perf_counter() - started)

    async def answer(self, exchange: Exchange) -> None:
        try:
            self.check_path(exchange.scope["path"])
            if (response := self.remembered(exchange.scope)) is not None:
                await response(exchange.scope, exchange.receive, exchange.send)
                return
            exchange.check_length()
            self.limits.check(exchange.scope)
            self.origin.check(exchange.scope)
            await self.in_time(exchange)
        except Exception as error:
            if exchange.status:
                raise  # Half an answer is out: closing the connection is all that is left.
            request = Request(exchange.scope)
            response = respond(request, problem_of(error, request))
            await response(exchange.scope, exchange.receive, exchange.send)

    async def in_time(self, exchange: Exchange) -> None:
        """Run the application; a 503 when its answer has not begun in time."""
        try:
            async with asyncio.timeout(self.answer_seconds) as deadline:
                exchange.deadline = deadline
                try:
                    await self.app(exchange.scope, exchange.receive, exchange.send)
                finally:
                    exchange.deadline = None
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise HTTPException(
                503,
                f"The answer was not ready after {self.answer_seconds:g} s: the server has too "
                "much to do. Try again in a while.",
                headers={"Retry-After": "10"},
            ) from error


class Exchange:
    """One request and its answer, on their way through."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, headers: RawHeaders, body_seconds: float
    ) -> None:
        self.head = scope["method"] == "HEAD"
        # What answers GET answers HEAD. The server keeps the scope, so this is a copy.
        self.scope = {**scope, "method": "GET"} if self.head else scope
        self.status = 0
        self.deadline: asyncio.Timeout | None = None
        self._receive = receive
        self._send = send
        self._headers = headers
        self._body_seconds = body_seconds
        self._body_until = 0.0
        self._received = 0
        self._whole = False
        self._form: bytearray | None = None
        self._most = TRACE_BODIES.get(scope["path"], BODY_BYTES)
        if scope["method"] == "POST":
            kind = Headers(scope=scope).get("content-type", "")
            if kind.partition(";")[0].strip().lower() == FORM:
                self._form = bytearray()

    def check_length(self) -> None:
        length = Headers(scope=self.scope).get("content-length", "")
        if length.isdecimal() and int(length) > self._most:
            raise self.too_large()

    def too_large(self) -> HTTPException:
        what, most = "scenario", SCENARIO_BYTES
        if self.scope["path"] in TRACE_BODIES:
            what, most = "trace", MAX_TRACE_BYTES
        return HTTPException(
            413,
            f"The body is larger than {self._most:,} bytes. A {what} has at most {most:,} bytes.",
        )

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        message = await self._within_the_limit()
        body = message.get("body", b"")
        self._received += len(body)
        if self._received > self._most:
            raise self.too_large()
        if self._form is not None:
            self._form += body
        if not message.get("more_body", False):
            self._whole = True
            if self._form:
                check_form(bytes(self._form))
        return message

    async def _within_the_limit(self) -> Message:
        now = asyncio.get_running_loop().time()
        self._body_until = self._body_until or now + self._body_seconds
        try:
            async with asyncio.timeout_at(self._body_until) as limit:
                return await self._receive()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise HTTPException(
                408, f"The body did not come whole within {self._body_seconds:g} s."
            ) from error

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.deadline is not None:
                self.deadline.reschedule(None)
            headers = MutableHeaders(scope=message)
            secure_cookies(headers, self.scope["scheme"])
            # A file that carries its style and script has a policy of its own, and keeps it.
            own = {name for name, _ in headers.raw}
            headers.raw.extend(pair for pair in self._headers if pair[0] not in own)
            message["headers"] = headers.raw
        elif self.head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)


def secure_cookies(headers: MutableHeaders, scheme: str) -> None:
    """A cookie that came over HTTPS never goes over anything else, and no other site sends it."""
    raw = headers.raw
    for number, (name, value) in enumerate(raw):
        if name.lower() != b"set-cookie":
            continue
        said = value.lower()
        if b"samesite" not in said:
            value += b"; SameSite=Lax"
        if scheme == "https" and b"; secure" not in said:
            value += b"; Secure"
        raw[number] = (name, value)


def check_form(body: bytes) -> None:
    """Raises a 400 for a form whose fields are not UTF-8; they would be stored as other text."""
    try:
        unquote_to_bytes(body.replace(b"+", b" ")).decode()
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise HTTPException(
            400,
            f"The form is not UTF-8: it has byte 0x{byte:02x}, at offset {error.start} of its "
            "decoded text. Send UTF-8, percent-encoded.",
        ) from error
