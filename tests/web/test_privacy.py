"""The page on privacy says what the code does: its numbers, its cookies, its other sites."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.resources import CHECKOUT, resource
from app.settings import Settings
from app.store import Base, rooms
from app.web import templating
from app.web.privacy import context_of
from app.web.rooms import browser

TOLD = {
    "run": "A run:",
    "room": "A room:",
    "room_item": "playlist",
    "room_event": "what its screens show",
    "room_poll": "its predictions",
    "room_member": "A member of a room:",
    "room_answer": "answers to predictions",
    "removed_run": "A removed run:",
    "trace": "A recorded trace:",
}
"""Where each table is told of."""


def page_of(settings: Settings) -> str:
    app = create_app(settings)
    text = TestClient(app).get("/privacy").text
    app.state.runs.close()
    app.state.rooms.close()
    app.state.engine.dispose()
    return " ".join(re.sub(r"<[^>]+>", "", text).split())


def test_every_table_is_told_of(settings: Settings) -> None:
    assert set(TOLD) == set(Base.metadata.tables)
    page = page_of(settings)
    assert not [words for words in TOLD.values() if words not in page]


@pytest.mark.parametrize("hours", [12.0, 48.5])
def test_the_numbers_are_those_of_the_settings(tmp_path: Path, hours: float) -> None:
    page = page_of(Settings(data_dir=tmp_path, room_hours=hours))
    assert f"{hours:g} hours after its leader’s last click" in page
    assert f"stay for {rooms.TOMBSTONE.days} days" in page
    assert f"{browser.KEPT_DAYS} days" in page
    assert f"{templating.YEAR // 86400} days at most" in page


def test_logs_and_other_sites(tmp_path: Path) -> None:
    page = page_of(Settings(data_dir=tmp_path, access_log=True, cdn=True))
    assert "logs each request: your address" in page
    assert "cdn.jsdelivr.net" in page
    page = page_of(Settings(data_dir=tmp_path, access_log=False, cdn=False))
    assert "logs no requests" in page
    assert "load nothing from any other site" in page


def test_every_cookie_and_every_key_in_the_browser_is_told_of(settings: Settings) -> None:
    told = context_of(settings)
    cookies = {*told.choices, *told.room_cookies}
    for script in resource("static").glob("*.js"):
        if script.name.startswith("htmx"):
            continue
        text = script.read_text("utf-8")
        named = set(re.findall(r"document\.cookie = `(\w+)=", text))
        assert named <= cookies, script.name
        if "localStorage" in text:
            assert script.name == "learn.js", "a new thing is kept in the browser: tell of it"
        if "sessionStorage" in text:
            told_of = {"room.js", "boot.js"}
            assert script.name in told_of, "a new thing is kept in the browser: tell of it"
    setters = [
        path.relative_to(CHECKOUT).as_posix()
        for path in (CHECKOUT / "app").rglob("*.py")
        if "set_cookie(" in path.read_text("utf-8")
    ]
    assert sorted(setters) == ["app/web/rooms/browser.py", "app/web/templating.py"]
