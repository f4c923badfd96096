"""Legend and glossary: complete, and true to what is drawn and said."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from markupsafe import Markup

from app.main import create_app
from app.resources import resource
from app.scenario import library
from app.settings import Settings
from app.store import migrate
from app.trace import play
from app.web import drawing, legend, timeline
from app.web.glimpse import glimpse, survey
from app.web.glossary import TERMS, Linker, linked
from app.web.keys import KEYS
from app.web.placing import lay_out
from app.web.scene import scene_of
from app.web.ticks import SHAPES, timeline_of

FROM_MEMORY = [
    "5535be309971", "088b8aa537c2", "6cce3314b928", "6a56ccbcf6c6", "b6a2619c60b4",
    "53a05ad9f21d", "d4c470970d45", "52d1e606ee73", "008cfe4418b3", "1a0cf26323c8",
]  # fmt: skip
"""Commits that nobody has looked up: no page may name them."""
NO_MARK = {
    "mem",
    "stage-svg",
    "big",
    "tl",
    "lk",
    "hit",
    "mid",
    "end",
    "strong",
    "fut",
    "now",
    "moved",
}
"""Classes that place or group, and draw nothing by themselves."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("reference")))
    migrate(app.state.engine)
    yield TestClient(app)
    app.state.runs.close()
    app.state.engine.dispose()


def classes(svg: str) -> set[str]:
    return {name for found in re.findall(r'class="([^"]*)"', svg) for name in found.split()}


def test_every_mark_that_is_drawn_is_in_the_legend(client: TestClient) -> None:
    shown = classes(client.get("/legend").text)
    drawn: set[str] = set()
    for shipped in library():
        for policy in ("mapcount", "exclusive-pte", "linux"):
            run = play(shipped.scenario, policy)
            states = list(survey(run))
            layout = lay_out(states)
            for number in range(len(run) + 1):
                scene = scene_of(layout, number, *glimpse(run, number, layout))
                drawn |= classes(drawing.stage(layout, scene, "memory"))
            line = timeline_of(states)
            drawn |= classes(timeline.draw(line, len(run) // 2, "/r/x"))
    assert drawn - NO_MARK - {"step", "tl-step", "tl-n", "tl-lab", "tl-lane"} <= shown


def test_every_shape_of_a_step_is_in_the_legend() -> None:
    kinds = {*timeline.PATHS, *SHAPES.values(), "bad", "copy", "reuse", "swapin"}
    assert kinds <= {kind for kind, _ in legend.GLYPHS}


def test_the_legend_prints_the_table_of_keys(client: TestClient) -> None:
    page = client.get("/legend").text
    assert all(action.words in page for action in KEYS.values())


def test_terms_have_sources_and_examples_that_exist(client: TestClient) -> None:
    slugs = {shipped.slug for shipped in library()}
    page = client.get("/glossary").text
    assert len({term.slug for term in TERMS}) == len(TERMS)
    for term in TERMS:
        assert term.source
        assert term.example in slugs | {""}
        assert re.fullmatch(term.forms, term.name) or term.slug == "anonymous"
        assert f'id="{term.slug}"' in page


def test_a_term_is_linked_where_it_first_stands() -> None:
    link = Linker()
    first = link("The folio's refcount is 2: folio_put() < 3.")
    assert first.count('href="/glossary#folio"') == 1
    assert first.count('href="/glossary#refcount"') == 1
    assert "folio_put() &lt; 3" in first
    assert "glossary" not in link("a folio again")


def test_no_link_in_a_link() -> None:
    html = linked(Markup('<a href="/x">a folio</a> <h2>folio</h2><code>folio</code> folio'))
    assert html.count("/glossary#folio") == 1
    assert '<code><a class="term" href="/glossary#folio"' in html


def test_explanations_and_lessons_link_terms(client: TestClient) -> None:
    run = client.get("/s/hello-fork?step=4").text
    assert 'href="/glossary#refcount"' in run
    assert 'href="/glossary#swap-cache"' in run
    for lesson in ("the-fix", "pins"):
        assert 'class="term" href="/glossary#' in client.get(f"/learn/{lesson}").text


def test_no_page_names_a_commit_that_nobody_looked_up(client: TestClient) -> None:
    texts = [file.read_text("utf-8") for file in resource("templates").rglob("*.html")]
    texts += [client.get(path).text for path in ("/glossary", "/policies", "/legend", "/learn")]
    for shipped in library():
        run = play(shipped.scenario, "linux")
        texts += [str(run.step(n)) for n in range(1, len(run) + 1)]
        texts.append(shipped.scenario.text)
    assert not [commit for commit in FROM_MEMORY if any(commit in text for text in texts)]
