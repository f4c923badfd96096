"""What leaves the site: pictures, the file without network, embeds, the sheet, the share page."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import replace
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import HttpUrl

from app.main import create_app
from app.scenario import library
from app.settings import Settings
from app.store import ReplayDiffers, migrate
from app.web import card, ink, offline
from app.web.picture import Pictures, standalone
from tests.web.serving import FORKS, LEAK, make_run

TEXT = "text/plain; charset=utf-8"
HOSTILE = "</script><script>alert(1)</script><!-- ]]> \" ' &amp; \u2028 </style></title>"


@pytest.fixture(scope="module")
def forks(app: FastAPI) -> str:
    return make_run(app, FORKS)


@pytest.fixture(scope="module")
def leak(app: FastAPI) -> str:
    return make_run(app, LEAK, "mapcount")


@pytest.fixture(scope="module")
def hostile(app: FastAPI) -> str:
    return make_run(app, f"title: {HOSTILE}\nA mmap buf 1\nA write buf 1\n")


# -- pictures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_token_of_a_picture_is_resolved(theme: str) -> None:
    css = ink.picture_css(theme)
    assert ".mem .frame.own .body" in css
    assert ".tl .ev" in css
    assert "var(" not in css
    assert "light-dark(" not in css
    assert ink.picture_css("light") != ink.picture_css("dark")


def test_every_step_of_the_library_is_a_picture(app: FastAPI) -> None:
    pictures = Pictures()
    for shipped in library()[::3]:
        loaded = app.state.runs.peek(make_run(app, shipped.scenario.text))
        for number in {1, loaded.last // 2, loaded.last}:
            svg = ElementTree.fromstring(standalone(pictures.draw(loaded, number), "light"))
            assert svg.tag == "{http://www.w3.org/2000/svg}svg"
            assert not [e for e in svg.iter() if e.tag.endswith(("}a", "}script"))]


def test_a_picture_carries_its_style_and_may_do_nothing_else(client: TestClient, leak: str) -> None:
    answer = client.get(f"/r/{leak}/6.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "isolation violated" in answer.text
    dark = client.get(f"/r/{leak}/6.svg?theme=dark").text
    assert ink.colours("dark")["--panel"] in dark
    assert ink.colours("light")["--panel"] not in dark.split("<style>")[0]
    bare = ElementTree.fromstring(client.get(f"/r/{leak}/6.svg?caption=off").text)
    assert float(bare.attrib["height"]) < float(
        ElementTree.fromstring(answer.text).get("height", 0)
    )


def test_a_title_cannot_leave_its_picture(client: TestClient, hostile: str) -> None:
    svg = client.get(f"/r/{hostile}/2.svg").text
    assert HOSTILE.replace("\u2028", "").split()[0] in "".join(
        ElementTree.fromstring(svg).itertext()
    )
    assert "<script" not in svg
    assert client.get(f"/r/{hostile}/2.png").status_code == 200


@pytest.mark.parametrize("step", [0, 3, 6])
def test_a_card_has_the_size_that_sites_ask_for(client: TestClient, leak: str, step: int) -> None:
    answer = client.get(f"/r/{leak}/{step}.png")
    assert answer.headers["content-type"] == "image/png"
    assert struct.unpack(">8sII4s", answer.content[:8] + answer.content[16:24] + b"    ")[1:3] == (
        1200,
        630,
    )
    assert len(answer.content) > 15_000  # text and drawing, no empty sheet
    again = client.get(f"/r/{leak}/{step}.png", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_steps_have_cards_of_their_own(client: TestClient, leak: str) -> None:
    cards = {client.get(f"/r/{leak}/{step}.png").content for step in (0, 2, 6)}
    assert len(cards) == 3


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/r/{}/99.svg", 404, "last step is 8"),
        ("/r/{}/99.png", 404, "last step is 8"),
        ("/r/{}/3.svg?theme=blue", 422, "light, dark"),
        ("/r/{}/99/share", 404, "last step is 8"),
        ("/r/{}/sheet?from=99", 404, "last step is 8"),
        ("/r/{}/sheet?from=x", 422, "number of a step"),
        ("/r/{}.html?to=99", 404, "last step is 8"),
        ("/r/{}.html?from=5&to=2", 422, "is after"),
        ("/e/{}/99", 404, "last step is 8"),
        ("/e/{}/2?from=3", 422, "not between"),
        ("/e/{}/2?ui=big", 422, "full or min"),
        ("/e/{}/2?keys=on", 422, "focus or off"),
        ("/e/{}/2?theme=blue", 422, "auto or light or dark"),
        ("/e/0123456789/2", 404, "no run"),
    ],
)
def test_a_bad_address_is_told(
    client: TestClient, leak: str, path: str, status: int, words: str
) -> None:
    answer = client.get(path.format(leak))
    assert answer.status_code == status
    assert words in unescape(answer.text)


# -- link previews ----------------------------------------------------------------------------


def tags_of(html: str) -> dict[str, str]:
    found = re.findall(r'<meta (?:property|name)="((?:og|twitter):[^"]+)" content="([^"]*)"', html)
    return {name: unescape(content) for name, content in found}


def test_a_link_shows_its_step(client: TestClient, leak: str) -> None:
    tags = tags_of(client.get(f"/r/{leak}/6").text)
    assert tags["og:title"] == "Step 6/8: A write buf[0] 42"
    assert tags["og:url"] == f"http://testserver/r/{leak}/6"
    assert tags["og:image"] == tags["twitter:image"] == f"http://testserver/r/{leak}/6.png"
    assert (tags["og:image:width"], tags["og:image:height"]) == ("1200", "630")
    assert tags["twitter:card"] == "summary_large_image"
    assert tags["og:description"].startswith("Isolation violated. g reads 42; owed is 7.")
    witness = tags_of(client.get(f"/r/{leak}/7").text)
    assert witness["og:description"].startswith("Isolation violated. g reads 42; owed is 7.")
    assert tags_of(client.get(f"/r/{leak}/0").text)["og:title"] == "vmsplice leak"


def test_previews_name_the_address_that_people_use(client: TestClient, leak: str) -> None:
    for host in ("one.example", "two.example", "one.example"):
        page = client.get(f"/r/{leak}/2", headers={"Host": host}).text
        assert tags_of(page)["og:image"] == f"http://{host}/r/{leak}/2.png"


def test_the_public_address_wins(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, base_url=HttpUrl("https://cow.example/"))
    app = create_app(settings)
    migrate(app.state.engine)
    run = make_run(app, LEAK)
    client = TestClient(app)
    tags = tags_of(client.get(f"/r/{run}/1").text)
    assert tags["og:image"] == f"https://cow.example/r/{run}/1.png"
    assert f"https://cow.example/e/{run}/1" in unescape(client.get(f"/r/{run}/1/share").text)
    app.state.runs.close()
    app.state.engine.dispose()


# -- the file without network -----------------------------------------------------------------


def data_in(html: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="run">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    return data


def test_the_file_has_every_drawing_whole(app: FastAPI, client: TestClient, forks: str) -> None:
    data = data_in(client.get(f"/r/{forks}.html").text)
    steps, pool = data["steps"], data["pool"]
    assert isinstance(steps, list)
    assert isinstance(pool, list)
    pictures, loaded = Pictures(), app.state.runs.peek(forks)
    for number, step in enumerate(steps):
        drawn = "".join(pool[mark] for mark in step["marks"])
        assert drawn == pictures.draw(loaded, number).svg
    assert len(steps) == 15


def test_the_file_asks_for_nothing(client: TestClient, forks: str) -> None:
    html = client.get(f"/r/{forks}.html").text
    outside = re.findall(r'(?:src|href|action|data)="([^"#]+)"', html)
    assert outside == [f"http://testserver/r/{forks}/0"]  # the link to the step online
    assert "url(http" not in html
    assert "@import" not in html


def test_the_file_names_its_own_script_and_style(client: TestClient, forks: str) -> None:
    answer = client.get(f"/r/{forks}.html")
    script = re.search(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert script is not None
    assert style is not None
    for policy in (
        answer.headers["content-security-policy"],
        unescape(re.findall(r'Content-Security-Policy" content="([^"]+)"', answer.text)[0]),
    ):
        assert policy.startswith("default-src 'none'")
        assert offline.digest(script[1]) in policy
        assert offline.digest(style[1]) in policy


def test_a_title_cannot_leave_the_file(client: TestClient, hostile: str) -> None:
    html = client.get(f"/r/{hostile}.html").text
    assert html.count("<script") == html.count("</script>") == 2
    assert "\u2028" not in html.split("<script")[1]
    assert "alert(1)</script>" not in html


def test_a_file_that_would_be_too_large_says_what_to_do(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, "A mmap buf 1\n" + "A write buf 1\n" * offline.MAX_STEPS)
    answer = client.get(f"/r/{run}.html")
    assert answer.status_code == 422
    part = re.search(rf"/r/{run}\.html\?from=0&to=\d+", unescape(answer.text))
    assert part is not None
    assert client.get(part[0]).status_code == 200


# -- embed, sheet, share ----------------------------------------------------------------------


def test_only_an_embed_stands_in_a_frame(client: TestClient, leak: str) -> None:
    embed = client.get(f"/e/{leak}/6").headers
    assert "frame-ancestors *" in embed["content-security-policy"]
    assert "x-frame-options" not in embed
    assert "set-cookie" not in embed
    for path in (f"/r/{leak}/6", f"/r/{leak}/6/share", f"/r/{leak}.html", f"/r/{leak}/6.svg"):
        headers = client.get(path).headers
        assert headers["x-frame-options"] == "DENY", path
    for path in (f"/r/{leak}/6", f"/r/{leak}/6/share", f"/r/{leak}/sheet"):
        assert "frame-ancestors 'none'" in client.get(path).headers["content-security-policy"]


def test_an_embed_steps_within_its_range_and_keeps_its_look(client: TestClient, forks: str) -> None:
    query = "theme=dark&keys=off&from=3&to=5"
    html = client.get(f"/e/{forks}/3?{query}").text
    assert 'data-theme="dark"' in html
    links = {unescape(link) for link in re.findall(rf'href="(/e/{forks}/[^"]+)"', html)}
    assert links == {f"/e/{forks}/{n}?{query}" for n in (3, 4, 5)}
    assert '<span class="btn icon" id="previous" role="link" aria-disabled="true"' in html
    assert f'href="/r/{forks}/3" target="_blank"' in html
    assert re.search(r"<title>[^<]+step 3 of 14 under linux</title>", html)


def test_an_embed_without_parameters_is_a_short_address(client: TestClient, forks: str) -> None:
    html = client.get(f"/e/{forks}/3?theme=auto&ui=full").text
    assert f'href="/e/{forks}/4"' in html


def test_the_share_page_has_everything_that_works(client: TestClient, leak: str) -> None:
    html = client.get(f"/r/{leak}/6/share").text
    assert f'value="http://testserver/r/{leak}/6"' in html
    code = unescape(re.findall(r"<textarea[^>]*>(.*?)</textarea>", html, re.DOTALL)[0])
    frame = ElementTree.fromstring(code)
    assert frame.get("title") == "vmsplice leak: step 6 of 8 under mapcount"
    assert client.get(frame.get("src", "")).status_code == 200
    files = re.findall(r'<a class="btn" href="([^"]+)"', html)
    assert len(files) == 9
    for path in files:
        assert client.get(path).status_code == 200, path
    assert f'aria-label="QR code of http://testserver/r/{leak}/6"' in html


def test_a_shared_link_keeps_what_is_selected(client: TestClient, leak: str) -> None:
    html = client.get(f"/r/{leak}/6/share?sel=f0.refcount&policy=linux&sel2=x").text
    assert f'value="http://testserver/r/{leak}/6?sel=f0.refcount"' in html
    long = client.get(f"/r/{leak}/6/share?sel={'x' * 5000}")
    assert f'value="http://testserver/r/{leak}/6"' in long.text


def test_the_hint_adds_to_an_embed_as_its_address_needs(client: TestClient, leak: str) -> None:
    plain = client.get(f"/r/{leak}/6/share").text
    assert "<code>?theme=dark</code>" in plain
    selected = client.get(f"/r/{leak}/6/share?sel=f0.ref").text
    assert "/6?sel=f0.ref&#34;" in selected or "/6?sel=f0.ref&quot;" in selected
    assert "<code>&amp;theme=dark</code>" in selected
    assert "<code>&amp;from=3&amp;to=9</code>" in selected
    assert "<code>?" not in selected


def test_a_run_that_today_s_engine_plays_otherwise_says_so(app: FastAPI, leak: str) -> None:
    loaded = app.state.runs.peek(leak)
    assert Pictures().draw(loaded, 6).caution == ""
    old = replace(loaded, differs=ReplayDiffers(5, "outcome", "done", "SIGSEGV"))
    picture = Pictures().draw(old, 6)
    assert "plays it otherwise from step 5" in picture.caution
    assert "plays it otherwise from step 5" in standalone(picture, "light")
    assert "otherwise from step" in card.card(picture)


def test_the_embed_code_of_a_hostile_title_is_one_frame(client: TestClient, hostile: str) -> None:
    html = client.get(f"/r/{hostile}/2/share").text
    code = unescape(re.findall(r"<textarea[^>]*>(.*?)</textarea>", html, re.DOTALL)[0])
    assert code.count("<") == 2
    assert ElementTree.fromstring(code).tag == "iframe"


def test_the_sheet_shows_every_step_once(app: FastAPI, client: TestClient, forks: str) -> None:
    html = client.get(f"/r/{forks}/sheet").text
    number = re.compile(r'<span class="n">(\d+)</span>')
    assert number.findall(html) == [str(n) for n in range(15)]
    assert html.count('id="hatch"') == 1
    long = make_run(app, "A mmap buf 1\n" + "A write buf 1\n" * 60)
    parts = re.findall(r'<a class="chip" href="([^"]+)"', client.get(f"/r/{long}/sheet").text)
    seen = [n for part in parts for n in number.findall(client.get(part).text)]
    assert seen == [str(n) for n in range(62)]


# -- the program ------------------------------------------------------------------------------


def test_a_run_and_a_step_are_programs(app: FastAPI, client: TestClient, leak: str) -> None:
    whole, part = client.get(f"/r/{leak}.c"), client.get(f"/r/{leak}/3.c")
    assert whole.headers["content-type"] == part.headers["content-type"] == TEXT
    last = app.state.runs.peek(leak).last
    assert whole.text.count("\t\t.text = ") == last
    assert part.text.count("\t\t.text = ") == 3
    assert f"http://testserver/r/{leak}/3\n" in part.text
    assert "The run itself is of policy mapcount." in whole.text
    known = client.get(f"/r/{leak}.c", headers={"If-None-Match": whole.headers["etag"]})
    assert known.status_code == 304
    share = client.get(f"/r/{leak}/3/share").text
    assert f'<a class="btn" href="/r/{leak}/3.c" download="cowscope-{leak}-3.c">C</a>' in share
    assert f'type="text/x-c" href="/r/{leak}/3.c"' in client.get(f"/r/{leak}/3").text


def test_no_program_of_a_step_that_is_not(app: FastAPI, client: TestClient, leak: str) -> None:
    missing = client.get(f"/r/{leak}/99.c")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == TEXT
    assert f"Try /r/{leak}/{app.state.runs.peek(leak).last}.c" in missing.text
    large = make_run(app, "huge: 2\nA mmap buf 2000\n")
    answer = client.get(f"/r/{large}.c")
    assert answer.status_code == 422
    assert "the limit is 65,536" in answer.text
    steps = "A read buf[0]\n" * 60
    much = make_run(app, f"huge: 2\nA mmap buf 256\n{steps}")
    assert "page-steps is" in client.get(f"/r/{much}.c").text


# -- for TLA⁺ tools ---------------------------------------------------------------------------


def test_a_run_and_a_step_are_itf_traces(app: FastAPI, client: TestClient, leak: str) -> None:
    whole, part = client.get(f"/r/{leak}.itf.json"), client.get(f"/r/{leak}/3.itf.json")
    assert whole.headers["content-type"] == part.headers["content-type"] == "application/json"
    last = app.state.runs.peek(leak).last
    assert [state["#meta"]["index"] for state in whole.json()["states"]] == [*range(last + 1)]
    assert len(part.json()["states"]) == 4
    assert part.json()["#meta"]["source"] == f"http://testserver/r/{leak}/3"
    assert part.json()["#meta"]["policy"] == "mapcount"
    known = client.get(f"/r/{leak}.itf.json", headers={"If-None-Match": whole.headers["etag"]})
    assert known.status_code == 304
    assert f'href="/r/{leak}/3.itf.json"' in client.get(f"/r/{leak}/3").text
    missing = client.get(f"/r/{leak}/99.itf.json")
    assert missing.status_code == 404
    assert missing.json()["nearest"] == f"/r/{leak}/{last}.itf.json"


def test_no_itf_trace_of_too_many_pages(app: FastAPI, client: TestClient) -> None:
    large = make_run(app, "A mmap buf 60000\nA write buf[0] 1\nA read buf[0]\n")
    answer = client.get(f"/r/{large}.itf.json")
    assert answer.status_code == 422
    assert "too much work" in answer.json()["detail"]
    assert client.get(f"/r/{large}/1.itf.json").status_code == 200
