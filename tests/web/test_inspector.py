"""Selection by link, without a script: the dressed page, the block, the history as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jinja2 import Environment, meta

from app.scenario.library import library
from app.settings import Settings
from app.trace import play
from app.trace.facts import agreement
from app.trace.reading import raw
from app.trace.subject import Subject
from app.web import inspector, templating
from app.web.dress import whole
from app.web.glimpse import glimpse, survey
from app.web.placing import lay_out
from app.web.scene import scene_of
from app.web.view import View, view_of
from tests.web.serving import FORKS, LEAK, explorer_app, make_run

HX = {"HX-Request": "true", "Accept-Encoding": "identity"}
LAZY = "A mmap buf 1\nA write buf 1\nkernel drain\nA fork B\nB exit\nA write buf 2\n"


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    app = explorer_app(settings)
    yield app
    app.state.runs.close()
    app.state.engine.dispose()


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, follow_redirects=False)


def test_the_template_gets_exactly_the_documented_fields(settings: Settings) -> None:
    env: Environment = templating.environment(settings)
    assert env.loader is not None
    source = env.loader.get_source(env, "inspector.html")[0]
    asked = meta.find_undeclared_variables(env.parse(source))
    given = {*inspector.InspectorContext.__struct_fields__, "watch_rows", "watch_now", "keys"}
    assert asked - set(env.globals) <= given


def test_everything_drawn_can_be_selected(app: FastAPI, client: TestClient) -> None:
    """Whatever a link in the drawing or the tables selects is there, with a last writer."""
    for text, policy in ((FORKS, "linux"), (LEAK, "mapcount"), (LAZY, "exclusive-pte")):
        run = make_run(app, text, policy)
        last = int(re.findall(r'data-last="(\d+)"', client.get(f"/r/{run}/0").text)[0])
        for step in (3, last // 2, last):
            page = client.get(f"/r/{run}/{step}").text
            names = {unescape(name) for name in re.findall(r'href="\?sel=([^"]+)"', page)}
            assert names
            for name in sorted(names):
                found = client.get(f"/r/{run}/{step}/history.json", params={"sel": name})
                assert found.status_code == 200, found.text
                answer = found.json()
                assert answer["selection"] == name
                if answer["kind"] == "process" and not answer["exists"]:
                    continue  # the columns of the tables are there before and after them
                # What this step freed is still named.
                assert answer["exists"] or answer["last_writer"] == step
                assert answer["last_writer"] <= step
                assert [row["step"] for row in answer["history"] if not row["future"]][:1] == [
                    answer["last_writer"]
                ]


def test_every_bit_and_count_has_a_link_of_its_own(app: FastAPI, client: TestClient) -> None:
    page = client.get(f"/r/{make_run(app, FORKS)}/8").text
    fields = (
        "A.buf[0].p",
        "A.buf[0].w",
        "A.buf[0].d",
        "A.buf[0].s",
        "A.buf[0].u",
        "A.buf[0].frame",
    )
    more = ("f0.value", "f0.exclusive", "f0.ref", "f0.map", "f0.holders", "A", "B", "p", "s0")
    for name in (*fields, *more, "s0.count", "A.buf[1].swp_exclusive"):
        assert f'data-sel="{name}"' in page, name


def test_a_link_shows_history_and_marks_without_a_script(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK)
    page = client.get(f"/r/{run}/6?sel=f0.ref").text
    assert '<html lang="en" data-pane="history">' in page
    assert re.search(r'class="pick part is-sel" [^>]*data-sel="f0.ref"', page)
    assert re.search(r'class="pick is-thing" [^>]*data-sel="f0"', page)
    assert 'class="mem has-link stage-svg"' in page
    assert re.search(r'class="lk is-linked" data-link="f0"', page)
    assert not re.search(r'is-linked" data-link="f1"', page)
    rows = re.findall(r'<li class="(\w+)" data-n="(\d+)">', page)
    assert rows == [
        ("future", "8"),
        ("now", "6"),
        ("past", "5"),
        ("past", "4"),
        ("past", "3"),
        ("past", "2"),
    ]
    wrote = re.findall(rf'class="wrote" href="/r/{run}/(\d+)\?sel=f0.ref" aria-label="step', page)
    assert wrote == ["2", "3", "4", "5", "6", "8"]
    assert "refcount 2 &gt; 1 + swapcache 0" in page


def test_changes_to_come_are_marked_as_future(app: FastAPI, client: TestClient) -> None:
    page = client.get(f"/r/{make_run(app, LEAK)}/3?sel=f0.ref").text
    rows = re.findall(r'<li class="(\w+)" data-n="(\d+)">', page)
    assert rows[:3] == [("future", "8"), ("future", "6"), ("future", "5")]
    assert ("now", "3") in rows
    assert re.search(r'id="sel-previous" href="/r/\w+/2\?sel=f0.ref" aria-keyshortcuts="p"', page)
    assert re.search(r'id="sel-next" href="/r/\w+/4\?sel=f0.ref" aria-keyshortcuts="n"', page)


def test_steps_keep_the_selection_and_the_tab(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK)
    page = client.get(f"/r/{run}/4?sel=A.buf[0].w&tab=fields&watch=f0.ref").text
    kept = "sel=A.buf[0].w&amp;tab=fields&amp;watch=f0.ref"
    assert re.search(rf'id="next" href="/r/{run}/5\?{re.escape(kept)}"', page)
    assert not re.search(rf'<body.*href="/r/{run}/\d+"', page, re.DOTALL)
    assert '<input type="hidden" name="sel" value="A.buf[0].w">' in page
    assert 'href="?sel=f0&amp;tab=fields&amp;watch=f0.ref"' in page
    assert re.search(rf'<link rel="canonical" href="[^"?]*/r/{run}/4">', page)
    went = client.get(f"/r/{run}/step?step=2&sel=f0.ref")
    assert went.headers["location"] == f"/r/{run}/2?sel=f0.ref"
    switched = client.get(f"/r/{run}/4?policy=mapcount&sel=f0.ref")
    assert switched.headers["location"].endswith("/4?sel=f0.ref")


def test_the_fragment_knows_no_selection(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK)
    plain = client.get(f"/r/{run}/4", headers=HX)
    selected = client.get(f"/r/{run}/4?sel=f0.ref&tab=fields&watch=f0.map", headers=HX)
    assert plain.text == selected.text
    assert plain.headers["etag"] == selected.headers["etag"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sel=f7", "There is no f7"),
        ("sel=A.bof[0]", "no range A.bof"),
        ("sel=f0.refs", "A frame has no “refs”"),
        ("sel=%3Cscript%3E", "nothing called “&lt;script&gt;”"),
        ("tab=blame", "There is no tab “blame”"),
        ("watch=f0", "Watch a field of f0"),
        ("watch=f0.ref,q.w", "nothing called “q”"),
    ],
)
def test_a_bad_selection_is_reported_with_what_would_be_right(
    app: FastAPI, client: TestClient, query: str, says: str
) -> None:
    answer = client.get(f"/r/{make_run(app, LEAK)}/3?{query}")
    assert answer.status_code == 422
    assert says in answer.text
    assert 'role="alert"' in answer.text
    near = unescape(re.findall(r"Try <a href=\"([^\"]+)\"", answer.text)[0])
    assert client.get(answer.url.path + near).status_code == 200


def test_unknown_parameters_are_ignored(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK)
    assert client.get(f"/r/{run}/3?utm=x").text == client.get(f"/r/{run}/3").text
    assert client.get(f"/r/{run}/3?sel=f0&utm=x").status_code == 200


def test_bad_history_requests(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK)
    bad = client.get(f"/r/{run}/3/history.json?sel=f9")
    assert bad.status_code == 422
    assert bad.headers["content-type"] == "application/problem+json"
    assert "f0 to f1" in bad.json()["detail"]
    assert client.get(f"/r/{run}/99/history.json?sel=f0").status_code == 404
    assert client.get(f"/r/{run}/3/history.json").status_code == 422
    assert client.get("/r/zzzzzzzzzz/3/inspect?sel=f0").status_code == 404


def test_the_ledger_is_spelled_out(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, "A mmap buf 1\nA write buf 1\nkernel drain\nA pin buf g\nA get buf h\n")
    page = client.get(f"/r/{run}/5?sel=f0&tab=fields").text
    assert "ref 1026 = 1 map + 1024 (1 FOLL_PIN) + 1 FOLL_GET" in page
    huge = make_run(app, "huge: 4\nA mmap buf 4 thp\nA write buf 1\nA pin buf[0] g\n")
    page = client.get(f"/r/{huge}/3?sel=f0&tab=fields").text
    assert "ref 2 = 1 map + 1 FOLL_PIN" in page
    assert "pincount 1" in page


def test_the_two_exclusives_are_held_side_by_side(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LAZY)
    shared, alone, reused = (
        client.get(f"/r/{run}/{step}?sel=f0&tab=fields").text for step in (4, 5, 6)
    )
    assert 'class="neq"' in alone
    assert 'class="neq"' not in shared + reused
    assert "PG_anon_exclusive 0 ≠ bit 56 1" in alone
    assert 'href="/s/lazy-bit"' in alone
    assert "they agree here" in shared
    assert "they agree here" in reused
    entry = client.get(f"/r/{run}/5?sel=A.buf[0]&tab=fields").text
    assert "PG_anon_exclusive 0 ≠ bit 56 1" in entry
    assert re.search(r">56</th><td><b>1</b>", entry)
    assert [int(b) for b in re.findall(r">(55|57|58|61|62|63)</th>", entry)] == [
        63,
        62,
        61,
        58,
        57,
        55,
    ]
    without = client.get(f"/r/{make_run(app, LAZY, 'mapcount')}/5?sel=f0&tab=fields").text
    assert 'class="neq"' not in without
    assert "keeps no exclusive bit" in without


@pytest.mark.parametrize(
    "slug", ["lazy-bit", "huge-one-write", "huge-last-page", "ksm-never-reused"]
)
def test_the_drawing_and_the_inspector_agree_on_where_they_differ(slug: str) -> None:
    run = play(next(s.scenario for s in library() if s.slug == slug), "linux")
    layout = lay_out(list(survey(run)))
    for number in range(len(run) + 1):
        machine = run.steps[number].after
        scene = scene_of(layout, number, *glimpse(run, number, layout))
        cells = [cell for row in scene.cells for cell in row.values() if cell.target[:1] == "f"]
        for cell in cells:
            entry = Subject("page", cell.place)
            thing = raw(machine, entry)
            assert thing is not None
            found = agreement(machine, run.policy, entry, thing)
            assert cell.differs == (found is not None and not found[0])


def test_watched_fields_are_rows_of_jumps(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK)
    page = client.get(f"/r/{run}/4?watch=f0.ref,A.buf[0].w").text
    rows = re.findall(
        rf'class="w-cell( fut)?" href="/r/{run}/(\d+)\?watch=f0.ref,A.buf\[0\].w" '
        r'aria-label="([^"]+)"',
        page,
    )
    assert ("", "4", "f0.ref 4 at step 4") in rows
    assert (" fut", "6", "A.buf[0].w 1 at step 6") in rows
    assert 'href="?watch=A.buf[0].w" aria-label="stop watching f0.ref"' in page
    assert 'href="?sel=f0.ref&amp;watch=f0.ref,A.buf[0].w" aria-label="select f0.ref"' in page


def test_views_are_merged_link_by_link() -> None:
    view = view_of({"sel": " f0.ref ", "watch": "f0.ref,,f0.ref, f0.map", "utm": "x"})
    assert view == View("f0.ref", "", ("f0.ref", "f0.map"))
    assert view.query == "?sel=f0.ref&watch=f0.ref,f0.map"
    assert view.shown_tab == "history"
    assert view.with_link("?tab=why").query == "?sel=f0.ref&tab=why&watch=f0.ref,f0.map"
    assert view.with_link("?sel=").query == "?watch=f0.ref,f0.map"
    assert View().query == ""
    assert View(sel="f0", tab="nonsense").shown_tab == "history"
    assert [whole(name) for name in ("A.buf[0].w", "f0.ref", "g")] == ["A.buf[0]", "f0", "g"]


def test_a_long_run_lists_a_window_of_changes(app: FastAPI, client: TestClient) -> None:
    text = "A mmap buf 1\n" + "".join(f"A write buf {i % 200 + 1}\n" for i in range(400))
    run = make_run(app, text)
    page = client.get(f"/r/{run}/200?sel=f0.value").text
    rows = re.findall(r'<li class="(\w+)" data-n="(\d+)">', page)
    assert [int(n) for _, n in rows] == list(range(224, 176, -1))
    assert "earlier changes" in page
    assert "later changes" in page
    history = client.get(f"/r/{run}/200/history.json?sel=f0.value").json()["history"]
    assert len(history) == 400
