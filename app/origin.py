"""Whether a request that changes something comes from our own pages (CSRF).

The check is that of Go's `http.CrossOriginProtection`: browsers say where a request comes from
in `Sec-Fetch-Site` or in `Origin`, and a page of another site cannot change either.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import HttpUrl
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app.limits import SAFE_METHODS


class OriginCheck:
    """Refuses what another site's page sends on behalf of its reader."""

    def __init__(self, base_url: HttpUrl | None) -> None:
        self._hosts = {urlsplit(str(base_url)).netloc} if base_url else set()

    def check(self, scope: Scope) -> None:
        """Raises a 403 for a cross-origin request that is not safe."""
        if scope["method"] in SAFE_METHODS:
            return
        headers = Headers(scope=scope)
        if scope["path"].startswith("/api/") and "cookie" not in headers:
            return  # Nothing of the reader's is in it, so nothing of theirs can be misused.
        origin = headers.get("origin")
        if self._same(headers.get("sec-fetch-site"), origin, headers.get("host")):
            return
        where = f" ({origin})" if origin and origin != "null" else ""
        raise HTTPException(
            403,
            f"The request comes from a page of another site{where}. Open this site's own page "
            "and send it from there. Behind a proxy, COWSCOPE_BASE_URL must be the address that "
            "people see.",
        )

    def _same(self, site: str | None, origin: str | None, host: str | None) -> bool:
        if site in ("same-origin", "none"):
            return True
        if origin is None:
            # Browsers send at least one of the two with every request that is not safe.
            return site is None
        netloc = urlsplit(origin).netloc
        if netloc in self._hosts:
            return True
        return site is None and netloc == host
