"""`/misconceptions`: each with its question, the steps that refute it and what decides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.quiz import shipped_run
from app.quiz.mistakes import MISTAKES, Mistake
from app.settings import Settings
from app.store import migrate
from app.web.quiz import state_of


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("misconceptions")))
    migrate(app.state.engine)
    with TestClient(app, follow_redirects=False) as client:
        yield client


def test_the_index_has_all_and_is_linked(client: TestClient) -> None:
    page = unescape(client.get("/misconceptions").text)
    for mistake in MISTAKES:
        assert f'href="/misconceptions/{mistake.slug}"' in page
        assert mistake.said in page
        assert mistake.decides in page
    for path in ("/", "/learn"):
        assert 'href="/misconceptions"' in client.get(path).text


@pytest.mark.parametrize("mistake", MISTAKES, ids=[m.slug for m in MISTAKES])
def test_a_page_asks_shows_and_says_what_decides(client: TestClient, mistake: Mistake) -> None:
    page = unescape(client.get(f"/misconceptions/{mistake.slug}").text)
    for part in (mistake.said, mistake.believed, mistake.decides):
        assert part in page
    assert f'id="q-{mistake.question}"' in page
    assert page.count('class="panel refuted"') == len(mistake.refuted)
    for link in re.findall(r'<a class="btn" href="(/s/[^"]+)"', page):
        answer = client.get(unescape(link))
        assert answer.status_code == 303
        assert client.get(answer.headers["location"]).status_code == 200
    for refuted in mistake.refuted:
        for words in refuted.shows:
            assert f"<code>{words}</code>" in page


def test_a_picture_shows_who_lives_and_what_they_map() -> None:
    svg = state_of(shipped_run("vmsplice-leak"), 7, 6, 7, marked=True).svg
    assert "child of A" in svg
    assert "exited" not in svg
    assert svg.count('class="frame') >= 2
    assert ">anon<" in svg


def test_an_unknown_one_leads_to_the_nearest(client: TestClient) -> None:
    answer = client.get("/misconceptions/refcount-1-is-mine")
    assert answer.status_code == 404
    assert "/misconceptions/refcount-1-means-mine" in answer.text
    assert "/misconceptions." in client.get("/misconceptions/xyz").text
