"""What the tests of pages stand on: an application and a server for each module, and its faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import ConsoleMessage, Page

from tests.web.serving import CDN, serving, whole_app


@pytest.fixture(scope="session")
def base_url() -> None:
    """pytest-base-url's own is made in a way that the next pytest refuses; nobody needs it here."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """A module that needs the CDN, or less than the whole application, has its own."""
    with whole_app(tmp_path_factory.mktemp("app"), cdn=False) as app:
        yield app


@pytest.fixture(scope="module")
def client(app: FastAPI) -> TestClient:
    """Someone without a browser, who is told of a redirect and does not follow it."""
    return TestClient(app, follow_redirects=False)


@pytest.fixture(scope="module")
def address(app: FastAPI) -> Iterator[str]:
    with serving(app) as address:
        yield address


@pytest.fixture
def offline(page: Page) -> Page:
    """A page in a room without internet: htmx comes from the server itself."""
    page.route(CDN, lambda route: route.abort())
    return page


@pytest.fixture
def complaints(offline: Page) -> Iterator[list[str]]:
    """What the browser complains about; the CDN, which tests cannot reach, aside."""
    found: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not CDN.match(message.location["url"]):
            found.append(message.text)

    offline.on("pageerror", lambda error: found.append(str(error)))
    offline.on("console", hear)
    yield found
    assert found == []
