"""Static files: bundles, compression, and caching by the content's hash."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha384
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.resources import resource
from app.settings import Settings
from app.store import migrate, open_engine
from app.web import templating
from app.web.statics import BUNDLES, static

PAGES = {"/": "home.css", "/new": "edit.css"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("statics"))
    migrate(open_engine(settings))
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_is_its_files_one_behind_the_other(client: TestClient, name: str) -> None:
    body = client.get(static(name)).text
    at = 0
    for part in BUNDLES[name]:
        text = (Path(resource("static")) / part).read_text()
        assert body.find(text, at) >= at
        at = body.index(text, at) + len(text)


def test_text_is_compressed_for_those_who_take_it(client: TestClient) -> None:
    plain = client.get(static("explorer.css"), headers={"Accept-Encoding": "identity"})
    packed = client.get(static("explorer.css"), headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert int(packed.headers["content-length"]) < len(plain.content) / 3
    assert packed.content == plain.content  # unpacked by the client
    assert packed.headers["content-type"] == "text/css; charset=utf-8"


def test_only_what_is_named_by_its_content_is_kept_for_ever(client: TestClient) -> None:
    assert "immutable" in client.get(static("boot.js")).headers["cache-control"]
    assert client.get("/static/boot.js").headers["cache-control"] == "no-cache"
    font = client.get("/static/fonts/Inter-Bold.otf?v=1")
    assert "immutable" in font.headers["cache-control"]
    assert client.get("/static/nothing.css").status_code == 404
    assert client.post("/static/boot.js").status_code == 405


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_for_one_style_sheet(client: TestClient, path: str) -> None:
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)">', client.get(path).text)
    assert sheets == [static(PAGES[path])]


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("htmx-2.0.11.min.js", templating.HTMX_INTEGRITY),
        (
            "idiomorph-0.8.0.min.js",
            "sha384-e8O/d5cD6uoo78UI/d99hf1dEsbvkgBZNIetwKEi79V9qexl0Bdc2wxEqLEaj58U",
        ),
    ],
)
def test_what_others_wrote_is_what_they_published(name: str, digest: str) -> None:
    body = (Path(resource("static")) / name).read_bytes()
    assert digest == f"sha384-{b64encode(sha384(body).digest()).decode()}"
