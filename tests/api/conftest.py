"""A client of an application with a fresh store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.store import migrate, open_engine

LEAK = """\
title: vmsplice leak
A mmap buf 1
A write buf 1
A fork B
B splice buf g
B munmap buf
A write buf 42
g read
expect value 1
"""


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    engine = open_engine(settings)
    migrate(engine)
    engine.dispose()
    return create_app(settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, follow_redirects=False) as client:
        yield client


@pytest.fixture
def leak(client: TestClient) -> str:
    """The id of a run of 7 steps that `mapcount` lets leak in step 6."""
    answer = client.post("/api/v1/runs", json={"scenario": LEAK, "policy": "mapcount"})
    assert answer.status_code == 201
    return str(answer.json()["id"])
