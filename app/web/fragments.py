"""Pages and fragments kept as they go over the wire: rendered once, compressed once.

A run never changes, so a page that was made for one reader is right for every other.
"""

from __future__ import annotations

import gzip
from collections.abc import Hashable
from hashlib import blake2b

from fastapi import Request, Response

from app.service.cache import KeptByWeight

HTML = "text/html; charset=utf-8"
PNG = "image/png"
MIN_COMPRESSED = 800
"""Bytes below which compressing costs more than it saves."""


class Kept:
    """One rendered answer. The compressed form is made when somebody first asks for it."""

    __slots__ = ("_packed", "body", "etag")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.etag = f'"{blake2b(body, digest_size=9).hexdigest()}"'
        self._packed: bytes | None = None

    @property
    def weight(self) -> int:
        """Bytes it may come to hold; text like ours packs to less than a quarter."""
        return len(self.body) + len(self.body) // 4 + 200

    def packed(self) -> bytes:
        if self._packed is None:
            self._packed = gzip.compress(self.body, 6, mtime=0)
        return self._packed


class PageCache:
    """The answers used last, up to `limit` bytes, in this process."""

    def __init__(self, limit: int) -> None:
        self._kept: KeptByWeight[Hashable, Kept] = KeptByWeight(limit, lambda kept: kept.weight)

    def get(self, key: Hashable) -> Kept | None:
        return self._kept.get(key)

    def put(self, key: Hashable, body: str | bytes) -> Kept:
        kept = Kept(body.encode() if isinstance(body, str) else body)
        self._kept.put(key, kept)
        return kept


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding allows gzip (RFC 9110, 12.5.3)."""
    for part in header.split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip() in ("gzip", "x-gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def knows(header: str, etag: str) -> bool:
    """Whether If-None-Match names the answer; a proxy may have made the tag weak."""
    return header == "*" or etag in (tag.strip().removeprefix("W/") for tag in header.split(","))


class Prepared(Response):
    """An answer whose headers are bytes already: making them anew costs a quarter of a request."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status_code = status
        self.raw_headers = headers
        self.body = body
        self.background = None


def answer(
    request: Request,
    kept: Kept,
    cache_control: str,
    vary: str,
    media_type: str = HTML,
    policy: str = "",
    status: int = 200,
) -> Response:
    """Send what is kept in the encoding that the reader takes, or 304 when it is known.

    `policy` is the Content-Security-Policy of a file that is none of the site's pages.
    """
    headers = request.headers
    packed = (
        len(kept.body) >= MIN_COMPRESSED
        and media_type != PNG
        and accepts_gzip(headers.get("accept-encoding", ""))
    )
    etag = f'{kept.etag[:-1]}-gz"' if packed else kept.etag
    out = [
        (b"etag", etag.encode()),
        (b"cache-control", cache_control.encode()),
        (b"vary", vary.encode()),
    ]
    if policy:
        out.append((b"content-security-policy", policy.encode()))
    known = headers.get("if-none-match")
    if known is not None and knows(known, etag):
        return Prepared(304, out, b"")
    body = kept.packed() if packed else kept.body
    out.append((b"content-type", media_type.encode()))
    out.append((b"content-length", str(len(body)).encode()))
    if packed:
        out.append((b"content-encoding", b"gzip"))
    return Prepared(status, out, body)
