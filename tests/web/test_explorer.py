"""The explorer without a browser: what is sent, how it is kept, and that nothing moves."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jinja2 import Environment, meta

from app import policies
from app.resources import resource
from app.scenario import library
from app.settings import Settings
from app.web import explorer, keys, templating
from app.web.fragments import PageCache, accepts_gzip, knows
from tests.web.serving import FORKS, LEAK, explorer_app, make_run

HX = {"HX-Request": "true", "Accept-Encoding": "identity"}


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    app = explorer_app(settings)
    yield app
    app.state.runs.close()
    app.state.engine.dispose()


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, follow_redirects=False)


def names_in(env: Environment, name: str, seen: set[str]) -> set[str]:
    """Variables that a template, its parents and what it includes ask their context for."""
    if name in seen:
        return set()
    seen.add(name)
    assert env.loader is not None
    tree = env.parse(env.loader.get_source(env, name)[0])
    found = set(meta.find_undeclared_variables(tree))
    for other in meta.find_referenced_templates(tree):
        assert other is not None
        found |= names_in(env, other, seen)
    return found


def test_the_template_gets_exactly_the_documented_fields(settings: Settings) -> None:
    env = templating.environment(settings)
    asked = names_in(env, "explorer.html", set()) - set(env.globals)
    assert asked == {*explorer.ExplorerContext.__struct_fields__, "look", "preview"}
    documentation = explorer.ExplorerContext.__doc__ or ""
    for name in explorer.ExplorerContext.__struct_fields__:
        assert re.search(rf"\b{name}\b", documentation), f"{name} is not documented"


def test_the_fragment_is_the_page_without_its_frame(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, FORKS)
    for step in range(15):
        fragment = client.get(f"/r/{run}/{step}", headers=HX).text
        page = client.get(f"/r/{run}/{step}").text
        assert fragment.strip() in page
        assert set(re.findall(r'data-step="(\d+)"', page)) == {str(step)}
        assert page.count("data-step=") == 5


def places(html: str) -> dict[str, str]:
    """Frame and slot labels, and where they are drawn."""
    found = re.findall(r'id="([fs]\d+)"[^>]*>(?:<g[^>]*>)?<rect class="body" (x="\S+ y="\S+)', html)
    return dict(found)


@pytest.mark.parametrize(("text", "policy"), [(FORKS, "linux"), (LEAK, "mapcount")])
def test_a_frame_keeps_its_place_for_the_whole_run(
    app: FastAPI, client: TestClient, text: str, policy: str
) -> None:
    run = make_run(app, text, policy)
    last = text.count("\n") - 1
    known: dict[str, str] = {}
    boxes = set()
    for step in range(last + 1):
        html = client.get(f"/r/{run}/{step}", headers=HX).text
        boxes.add(re.search(r'<svg class="mem[^"]*"[^>]*viewBox="([^"]*)"', html)[1])  # type: ignore[index]
        for label, place in places(html).items():
            assert known.setdefault(label, place) == place, f"{label} moved in step {step}"
    assert known
    assert len(boxes) == 1


def test_changes_are_marked_by_ring_sign_and_old_value(app: FastAPI, client: TestClient) -> None:
    html = client.get(f"/r/{make_run(app, FORKS)}/9", headers=HX).text
    assert '<span class="d">Δ</span> <code>A buf[0]</code> f0 → f4' in html
    assert "ref 3→2" in html
    assert html.count('class="chg"') == 3  # one entry and two frames
    assert '<tspan class="was">3</tspan><tspan class="flip">→2</tspan>' in html


def test_the_ledger_is_drawn_with_its_holders(app: FastAPI, client: TestClient) -> None:
    html = client.get(f"/r/{make_run(app, FORKS)}/9", headers=HX).text
    assert "p (pin 1024)" in html
    assert "A.buf[2] (map 1)" in html


def test_a_violation_is_announced_with_its_evidence(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK, "mapcount")
    broken = [n for n in range(9) if 'role="alert"' in client.get(f"/r/{run}/{n}", headers=HX).text]
    assert broken
    later = client.get(f"/r/{run}/8", headers=HX).text
    there = client.get(f"/r/{run}/{broken[0]}", headers=HX).text
    assert "<code>A buf[0]</code> now writable" in there
    assert f'href="/r/{run}/{broken[0]}">✗ isolation: step {broken[0]}' in later
    before = client.get(f"/r/{run}/{broken[0] - 1}", headers=HX).text
    assert "✓ isolation" in before


def test_all_policies_lead_to_the_same_step(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, FORKS)
    html = client.get(f"/r/{run}/9").text
    for entry in policies.CATALOGUE:
        assert f'href="/r/{run}/9?policy={entry.name}"' in html
        answer = client.get(f"/r/{run}/9?policy={entry.name}")
        assert answer.status_code == 303
        sibling = client.get(answer.headers["location"])
        assert sibling.status_code == 200
        assert "step 9 of 14" in sibling.text
        assert f"under {entry.name}" in sibling.text


@pytest.mark.parametrize("path", ["15", "99999", "step?step=15", "step?step=x", "step?step="])
def test_a_step_that_is_not_there_names_the_last_one(
    app: FastAPI, client: TestClient, path: str
) -> None:
    run = make_run(app, FORKS)
    answer = client.get(f"/r/{run}/{path}")
    assert answer.status_code == 404
    assert f"/r/{run}/14" in answer.text


def test_bad_links_are_answered_with_the_reason(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, FORKS)
    assert client.get("/r/zzzzzzzzzz/3").status_code == 404
    assert client.get(f"/r/{run}/3?policy=mapcuont").status_code == 422
    assert client.get(f"/r/{run}").headers["location"] == f"/r/{run}/0"
    assert client.get(f"/r/{run}/step?step=7").headers["location"] == f"/r/{run}/7"


def test_what_a_scenario_says_is_escaped(app: FastAPI, client: TestClient) -> None:
    text = "title: <script>alert(1)</script>\n# <b>\nA mmap buf 1\nnote <img src=x>\n"
    html = client.get(f"/r/{make_run(app, text)}/1").text
    assert "<script>alert" not in html
    assert "<b>\n" not in html
    assert "<img" not in html


def test_no_inline_script_and_no_inline_style(app: FastAPI, client: TestClient) -> None:
    html = client.get(f"/r/{make_run(app, FORKS)}/9").text
    assert not re.search(r"<style|\sstyle=|\son\w+=", html)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))


# -- what is kept -----------------------------------------------------------------------------


def test_a_kept_step_needs_neither_store_nor_engine(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, FORKS)
    first = client.get(f"/r/{run}/9", headers=HX)
    app.state.runs.load = None  # whoever calls it fails
    again = client.get(f"/r/{run}/9", headers=HX)
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]


def test_an_etag_is_answered_with_304(app: FastAPI, client: TestClient) -> None:
    url = f"/r/{make_run(app, FORKS)}/9"
    for headers in (HX, {}, {"HX-Request": "true", "Accept-Encoding": "gzip"}):
        first = client.get(url, headers=headers)
        again = client.get(url, headers={**headers, "If-None-Match": first.headers["etag"]})
        assert again.status_code == 304
        assert again.content == b""
        assert "hx-request" in again.headers["vary"].lower()


def test_encodings_carry_the_same_bytes_under_different_tags(
    app: FastAPI, client: TestClient
) -> None:
    url = f"/r/{make_run(app, FORKS)}/9"
    plain = client.get(url, headers=HX)
    packed = client.get(url, headers={**HX, "Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content  # the client unpacks
    assert packed.headers["etag"] != plain.headers["etag"]
    assert int(packed.headers["content-length"]) < len(plain.content) / 3


def test_the_cache_is_bounded_in_bytes() -> None:
    cache = PageCache(10_000)
    for number in range(20):
        cache.put(number, "x" * 2_000)
    held = [number for number in range(20) if cache.get(number)]
    assert held == [17, 18, 19]
    assert gzip.decompress(cache.put("a", "y" * 900).packed()) == b"y" * 900


@pytest.mark.parametrize(
    ("header", "yes"),
    [("gzip, br", True), ("br", False), ("gzip;q=0", False), ("*", True), ("", False)],
)
def test_accept_encoding(header: str, yes: bool) -> None:
    assert accepts_gzip(header) is yes


def test_if_none_match_may_be_weak_a_list_or_a_star() -> None:
    assert knows('W/"a"', '"a"')
    assert knows('"b", "a"', '"a"')
    assert knows("*", '"a"')
    assert not knows('"ab"', '"a"')


# -- the look ---------------------------------------------------------------------------------


def test_a_look_is_kept_in_cookies_without_script(app: FastAPI, client: TestClient) -> None:
    url = f"/r/{make_run(app, FORKS)}/9"
    plain, fragment = client.get(url).text, client.get(url, headers=HX).text
    assert '<html lang="en">' in plain
    answer = client.post(
        "/theme", data={"theme": "dark"}, headers={"Referer": f"http://testserver{url}"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, url)
    assert '<html lang="en" data-theme="dark">' in client.get(url).text
    assert client.get(url, headers=HX).text == fragment
    client.post("/theme", data={"theme": "auto"})
    assert client.get(url).text == plain


@pytest.mark.parametrize(
    "referer", ["http://evil.example/x", "http://testserver//evil.example", "", "javascript:x"]
)
def test_the_theme_form_never_leads_away(client: TestClient, referer: str) -> None:
    answer = client.post("/theme", data={"size": "large"}, headers={"Referer": referer})
    assert answer.headers["location"] == "/"


def test_strange_cookies_are_no_look(app: FastAPI, client: TestClient) -> None:
    url = f"/r/{make_run(app, FORKS)}/0"
    html = client.get(url, headers={"Cookie": 'theme="><script>; size=huge'}).text
    assert '<html lang="en">' in html


# -- large runs -------------------------------------------------------------------------------


def test_a_long_run_shows_a_window_and_all_its_marks(app: FastAPI, client: TestClient) -> None:
    steps = "".join(f"A write buf[0] {n % 256}\n" for n in range(600))
    run = make_run(app, f"A mmap buf 1\nA write buf[0] 1\nA fork B\n{steps}")
    html = client.get(f"/r/{run}/300", headers=HX).text
    assert html.count("tl-step") == 81
    assert f'href="/r/{run}/3" aria-label="step 3' in html  # the fork, far outside the window
    assert len(html) < 100_000


CURRENT = re.compile(r'<li aria-current="step"><span class="ln">(\d*)</span><a href="([^"]+)"')


@pytest.mark.parametrize("slug", ["hello-fork", "race-gup-fork"])
def test_the_list_counts_steps_and_marks_the_current_one(
    app: FastAPI, client: TestClient, slug: str
) -> None:
    """Also in a `par` block, whose lines are played in several steps each."""
    scenario = next(s.scenario for s in library() if s.slug == slug)
    run = make_run(app, scenario.text)
    for step, source in enumerate(scenario.steps, 1):
        html = client.get(f"/r/{run}/{step}", headers=HX).text
        assert CURRENT.findall(html) == [(str(step), f"/r/{run}/{step}")]
        text = source.text if source.text != "par" else "order: "
        assert re.search(rf'href="/r/{run}/{step}" title=" *{re.escape(text)}', html)
    assert not CURRENT.findall(client.get(f"/r/{run}/0", headers=HX).text)


def test_many_pages_fold(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, "A mmap buf 4096\nA write buf[0:4096] 5\nA fork B\nB write buf[100] 6\n")
    html = client.get(f"/r/{run}/4", headers=HX).text
    assert "buf[100]" in html
    assert "buf[101..4095]" in html.replace("<wbr>", "")
    assert len(html) < 60_000


def test_many_processes_and_handles(app: FastAPI, client: TestClient) -> None:
    forks = "".join(f"A fork {name}\n" for name in "BCDEFG")
    text = (
        f"A mmap buf 2\nA write buf[0:2] 3\nA pin buf[0:2] p\n{forks}G exit\nA mremap buf[1] new\n"
    )
    run = make_run(app, text)
    for step in range(12):
        html = client.get(f"/r/{run}/{step}", headers=HX).text
    assert ">gone<" in html  # a narrow column's word for exited
    assert "new[0]" in html
    assert "p[1]" in html


# -- keys and colours -------------------------------------------------------------------------


def test_every_key_belongs_to_one_control(app: FastAPI, client: TestClient) -> None:
    html = client.get(f"/r/{make_run(app, LEAK, 'mapcount')}/5?sel=f0.ref").text
    used = [
        key for words in re.findall(r'aria-keyshortcuts="([^"]+)"', html) for key in words.split()
    ]
    twice = {key for key in used if used.count(key) > 1}
    # A toggle and its opposite, of which one is shown; on a projector the button of the Why pane
    # stands in for the pane that it swaps in.
    assert twice == {"t", "u", "w"}
    wanted = [key for action in keys.KEYS.values() for key in action.keys.split()]
    assert set(wanted) <= set(used)
    assert set("12345678") <= set(used)


def test_contrast_of_the_tokens() -> None:
    css = (resource("static") / "cowscope.css").read_text()
    tokens = dict(re.findall(r"--([\w-]+):\s+light-dark\((#\w+, #\w+)\)", css))
    for pair, least in [*((p, 4.5) for p in TEXT.split()), *((p, 3.0) for p in MARKS.split())]:
        front, back = pair.split("/")
        for scheme in (0, 1):
            colours = [tokens[name].split(", ")[scheme] for name in (front, back)]
            assert ratio(*colours) >= least, f"{pair}, {('light', 'dark')[scheme]}"


TEXT = (
    "ink/panel ink/paper ink-2/panel ink-2/well ink-3/panel ink-3/paper ink-3/well "
    "ink-3/delta-tint ink-3/disk-tint own/panel own-on/own delta/panel delta/delta-tint bad/panel "
    "bad-on/bad ext/panel ext/ext-tint good/good-tint disk/disk-tint panel/ink"
)
MARKS = "delta-line/panel rule-firm/panel rule-firm/paper focus/paper own/well bad/paper"


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ratio(a: str, b: str) -> float:
    """WCAG contrast."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
