"""What a link shows, without a browser: it is in the link alone, and every link keeps it."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.web.serving import FORKS, LEAK, make_run

ONLY = "only=changed"


def page_of(client: TestClient, url: str, **headers: str) -> str:
    return client.get(url, headers=headers).text


def test_only_what_changed_is_in_the_link_and_nowhere_else(
    app: FastAPI, client: TestClient
) -> None:
    run = make_run(app, LEAK)
    answer = client.get(f"/r/{run}/4?{ONLY}")
    assert 'data-only="changed"' in answer.text.partition("<head>")[0]
    assert "set-cookie" not in answer.headers
    other = page_of(client, f"/r/{run}/4", cookie="only=changed")
    assert "data-only=" not in other
    assert f'href="?{ONLY}"' in other, "the toggle is a link"
    assert f'href="/r/{run}/5"' in other
    assert page_of(client, f"/r/{run}/4?only=all") == other


def test_every_link_to_a_step_keeps_it(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK)
    page = page_of(client, f"/r/{run}/4?{ONLY}&sel=f0.ref")
    body = page.partition("<body")[2]
    kept = f"sel=f0.ref&amp;{ONLY}"
    assert set(re.findall(rf'href="/r/{run}/\d+(?:/share)?(?:\?[^"]*)?"', body)) == {
        link for link in re.findall(rf'href="/r/{run}/[^"]*"', body) if kept in link
    }
    assert f'href="/r/{run}/4?policy=mapcount&amp;{kept}"' in page
    assert f'href="/r/{run}/4/share?{kept}"' in page
    assert f'id="copy" href="/r/{run}/4?{kept}"' in page
    assert page.count('<input type="hidden" name="only" value="changed">') == 2
    assert 'href="?sel=f0.ref"' in page, "everything again"
    went = client.get(f"/r/{run}/step?step=6&{ONLY}").headers["location"]
    assert went == f"/r/{run}/6?{ONLY}"
    other = client.get(f"/r/{run}/4?policy=mapcount&{ONLY}").headers["location"]
    assert other.endswith(f"/4?{ONLY}")
    share = page_of(client, f"/r/{run}/4/share?{ONLY}&sel=f0")
    assert f"/r/{run}/4?only=changed&amp;sel=f0" in share
    assert f"/e/{run}/4?sel=f0&amp;amp;{ONLY}" in share


def test_an_embed_leaves_the_same_out(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK)
    page = page_of(client, f"/e/{run}/4?{ONLY}")
    assert '<html lang="en" data-only="changed">' in page
    assert f'href="/e/{run}/5?{ONLY}"' in page
    assert f'href="/r/{run}/4?{ONLY}"' in page
    assert client.get(f"/e/{run}/4?only=some").status_code == 422


@pytest.mark.parametrize("path", ["/r/{run}/3", "/r/{run}/3/share", "/r/{run}/3/inspect",
                                  "/c/{run}..{run}/3", "/r/{run}/step"])  # fmt: skip
def test_a_choice_that_there_is_not_is_told(app: FastAPI, client: TestClient, path: str) -> None:
    url = path.format(run=make_run(app, LEAK))
    answer = client.get(f"{url}?only=some&step=3", headers={"Accept": "text/html"})
    assert answer.status_code == 422
    assert "There is no only “some”. It may be all or changed." in answer.text
    assert f'href="{url}"' in answer.text, "the nearest link that works"


def test_comparing_keeps_step_and_view(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK)
    page = page_of(client, f"/r/{run}/4?sel=f0.ref&{ONLY}&tab=fields&watch=f0.map")
    way = re.search(r'id="compare" href="([^"]+)"', page)
    assert way
    assert way[1] == f"/m/{run}/linux..mapcount/4?sel=f0.ref&amp;{ONLY}"
    location = client.get(way[1].replace("&amp;", "&")).headers["location"]
    other = make_run(app, LEAK, "mapcount")
    assert location == f"/c/{run}..{other}/4?sel=f0.ref&{ONLY}"
    plain = page_of(client, f"/r/{run}/4")
    assert f'id="compare" href="/m/{run}/linux..mapcount/4"' in plain


def test_another_policy_in_a_comparison_keeps_step_and_view(
    app: FastAPI, client: TestClient
) -> None:
    """The side that stays has its own name for what is selected: f3 left is f4 right."""
    left, right = make_run(app, FORKS, "textbook"), make_run(app, FORKS, "linux")
    page = page_of(client, f"/c/{left}..{right}/9?sel=f3.ref&{ONLY}")
    assert f'href="/m/{left}/textbook..refcount/9?sel=f3.ref&amp;{ONLY}" data-keeps="left"' in page
    assert (
        f'href="/m/{left}/refcount..linux/9?sel=right:f4.ref&amp;{ONLY}" data-keeps="right"' in page
    )
    assert f'action="/c?sel=f3.ref&amp;{ONLY}"' in page
    assert f'href="/c/{right}..{left}/9?sel=f4.ref&amp;{ONLY}"' in page
    assert f'href="/r/{right}/9?sel=f4.ref&amp;{ONLY}"' in page
    chosen = client.post(
        f"/c?sel=f3.ref&{ONLY}", data={"scenario": left, "policy": "mapcount", "step": "9"}
    )
    assert chosen.headers["location"].endswith(f"/9?sel=f3.ref&{ONLY}")
    wrong = client.post("/c", data={"scenario": left, "policy": "mapcount", "step": "x"})
    assert wrong.status_code == 422
    late = client.post("/c", data={"scenario": left, "policy": "mapcount", "step": "99"})
    assert late.status_code == 404


def test_a_comparison_shows_only_what_changed(app: FastAPI, client: TestClient) -> None:
    left, right = make_run(app, LEAK, "mapcount"), make_run(app, LEAK)
    base = f"/c/{left}..{right}"
    page = page_of(client, f"{base}/6?{ONLY}")
    assert 'data-only="changed"' in page.partition("<head>")[0]
    assert f'href="{base}/7?{ONLY}"' in page
    assert f'href="/r/{right}/6?{ONLY}"' in page
    left_side = page.partition('class="panel side right')[0]
    assert re.findall(r'<g data-apart [^>]*data-at="([^"]+)"', left_side) == ["A.buf[0]"]
    assert '<g data-apart id="left-f0"' in left_side, "what differs is shown"
    assert client.get(f"{base}?{ONLY}").headers["location"] == f"{base}/6?{ONLY}"


def drawn(page: str) -> set[str]:
    """What can be selected in the drawing."""
    picture = page.partition('id="draw"')[2].partition("</svg>")[0]
    return set(re.findall(r'class="pick" data-link="[^"]*" data-sel="([^"]+)"', picture))


def told(page: str) -> list[str]:
    return [
        re.sub(r"<[^>]+>", "", words).strip()
        for words in re.findall(r"<li><span class=\"d\">Δ</span> (.*?)</li>", page)
    ]


def test_what_is_hidden_is_in_neither_twin_and_named(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, FORKS)
    whole, page = (page_of(client, f"/r/{run}/12{query}") for query in ("", "?hide=B,f4,p"))
    assert {"B", "B.buf[0]", "f4", "p"} <= drawn(whole)
    assert drawn(whole) - drawn(page) == {
        "B", "B.buf[0]", "B.buf[1]", "B.buf[2]", "B.buf[3]", "f4", "p"
    } & drawn(whole)  # fmt: skip
    assert {"A", "C", "f0", "f2", "f3"} <= drawn(page)
    tables = page.partition('id="tables"')[2].partition("</section>")[0]
    heads = re.findall(r'scope="(?:col|row)"><a (?:class="tok" )?href="\?sel=([^"&]+)', tables)
    assert "B" not in heads
    assert not {"f4", "p"} & set(heads)
    line = page.partition('id="hiding">')[2].partition("</p>")[0]
    assert re.findall(r'href="([^"]+)" title="show (\w+)"', line) == [
        ("?hide=f4,p", "B"), ("?hide=B,p", "f4"), ("?hide=B,f4", "p"),
    ]  # fmt: skip
    assert '<a href="?">show all</a>' in line
    assert "show all" not in whole


def test_what_only_a_hidden_process_maps_goes_with_it(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, FORKS)
    page = page_of(client, f"/r/{run}/12?hide=C")
    assert "f6" in drawn(page_of(client, f"/r/{run}/12"))
    assert "f6" not in drawn(page)
    assert "and what only it maps: f6" in page
    held = page_of(client, f"/r/{run}/12?hide=A")
    assert "f2" in drawn(held), "the pin p holds it"
    assert "f2" not in drawn(page_of(client, f"/r/{run}/12?hide=A,p"))


def test_a_change_in_what_is_hidden_is_told(app: FastAPI, client: TestClient) -> None:
    """Step 12: C writes buf[1], which is copied to f6."""
    run = make_run(app, FORKS)
    assert told(page_of(client, f"/r/{run}/12?hide=C"))[-2:] == [
        "C changed, hidden", "f6 changed, hidden",
    ]  # fmt: skip
    seen = told(page_of(client, f"/r/{run}/9?hide=f4"))
    assert seen[0].startswith("A buf[0] f0 → f4"), "the entry is shown and says where it leads"
    assert seen[-1] == "f4 changed, hidden"
    assert not any("hidden" in words for words in told(page_of(client, f"/r/{run}/11?hide=C,f0")))


def test_nothing_moves_but_columns_close_up(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, FORKS)
    spot = r'id="(\w+)" class="lk" data-link="\w+"><g [^>]+><rect class="body" x="(\d+)" y="(\d+)"'
    for step in (9, 12):
        was, now = (
            {name: (int(x), int(y)) for name, x, y in re.findall(spot, page_of(client, url))}
            for url in (f"/r/{run}/{step}", f"/r/{run}/{step}?hide=B,f0")
        )
        assert now
        assert {(was[n][0] - x, was[n][1] - y) for n, (x, y) in now.items()} == {(96, 0)}


def test_a_wire_leads_to_nothing_hidden(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, FORKS)
    wire = re.compile(r'<path class="wire[^"]*" data-link="f2"')
    assert len(wire.findall(page_of(client, f"/r/{run}/9"))) > 1
    page = page_of(client, f"/r/{run}/9?hide=f2")
    assert not wire.search(page)
    assert {"A.buf[2]", "p"} <= drawn(page), "what leads to it stays"


def test_every_thing_has_a_link_that_hides_it(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, FORKS)
    page = page_of(client, f"/r/{run}/9?hide=f0&sel=B")
    links = dict(re.findall(r'class="hide" href="([^"]+)" tabindex="-1" aria-label="hide ([^"]+)"',
                            page))  # fmt: skip
    names = {words.rpartition(" ")[2] for words in links.values()}
    assert names == {"A", "B", "C", "f2", "f3", "f4", "s0", "p"}
    assert "?sel=B&amp;hide=f0,p" in links
    assert 'id="hide-it" href="?sel=B&amp;hide=f0,B"' in page
    assert 'id="alone" href="?sel=B&amp;hide=f0,A,C"' in page
    alone = page_of(client, f"/r/{run}/9?sel=B&hide=f0,A,C")
    assert 'id="alone"' not in alone
    assert 'id="show-it" href="?hide="' not in alone
    hidden = page_of(client, f"/r/{run}/9?sel=C&hide=C")
    assert 'id="show-it" href="?sel=C"' in hidden


def test_every_link_keeps_what_is_hidden(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, FORKS)
    page = page_of(client, f"/r/{run}/9?hide=C,f0&watch=f2.ref")
    kept = "watch=f2.ref&amp;hide=C,f0"
    assert f'id="copy" href="/r/{run}/9?{kept}"' in page
    assert f'href="/r/{run}/10?{kept}"' in page
    assert f'href="/r/{run}/9?policy=mapcount&amp;{kept}"' in page
    assert page.count('name="hide" value="C,f0"') == 2
    went = client.get(f"/r/{run}/step?step=6&hide=C").headers["location"]
    assert went == f"/r/{run}/6?hide=C"
    share = page_of(client, f"/r/{run}/9/share?hide=C")
    assert f"/e/{run}/9?hide=C" in share
    assert f'href="/r/{run}/9.svg?hide=C"' in share
    for file in ("9.png", "html", "sheet"):
        name = f"/r/{run}/{file}" if file != "html" else f"/r/{run}.html"
        assert f'href="{name}?hide=C"' in share
    assert f'/r/{run}/9.png?hide=C"' in page_of(client, f"/r/{run}/9?hide=C")
    assert ">of B</text>" in client.get(f"/r/{run}/9.svg").text
    assert ">of B</text>" not in client.get(f"/r/{run}/9.svg?hide=C").text
    embed = page_of(client, f"/e/{run}/9?hide=C")
    assert f'href="/e/{run}/10?hide=C"' in embed
    assert f'href="/r/{run}/9?hide=C"' in embed
    assert "Hidden: <code>C</code>" in embed


def test_files_and_cards_leave_out_what_is_hidden(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, FORKS)
    sheet = page_of(client, f"/r/{run}/sheet?hide=C")
    assert "Hidden: <code>C</code>" in sheet
    assert f'href="/r/{run}/9?hide=C"' in sheet
    assert ">of B</text>" in client.get(f"/r/{run}/sheet").text
    assert ">of B</text>" not in sheet
    file = client.get(f"/r/{run}.html?hide=C").text
    assert "Hidden: <code>C</code>" in file
    assert f'/r/{run}/0?hide=C"' in file
    assert "of B" in client.get(f"/r/{run}.html").text
    assert ">of B<" not in file
    whole, part = (client.get(f"/r/{run}/9.png{query}").content for query in ("", "?hide=C,f0"))
    assert whole != part
    assert whole == client.get(f"/r/{run}/9.png?hide=").content
    for twin in ("/9.png", ".html", "/sheet"):
        assert client.get(f"/r/{run}{twin}?hide=f99").status_code == 422


def test_a_fragment_depends_on_what_is_hidden_and_on_nothing_else(
    app: FastAPI, client: TestClient
) -> None:
    run = make_run(app, FORKS)
    hx = {"HX-Request": "true"}
    one = client.get(f"/r/{run}/9?hide=C", headers=hx)
    assert 'data-hide="C"' in one.text
    assert "C" not in drawn(one.text)
    other = client.get(f"/r/{run}/9?hide=C&sel=f0&only=changed", headers=hx)
    assert other.headers["etag"] == one.headers["etag"]
    assert "C" in drawn(client.get(f"/r/{run}/9", headers=hx).text)


@pytest.mark.parametrize(
    ("hide", "words"),
    [
        ("Q", "hide: This run has nothing called “Q”. Nearest: A"),
        ("f99", "hide: There is no f99: this run’s frames are f0 to f6."),
        ("f0.ref", "hide: f0.ref is part of something."),
        ("A.buf[0]", "hide: A.buf[0] is part of something."),
        (",".join(f"f{n}" for n in range(40)), "hide: 32 things at most, not 40."),
        ("<b>", "hide: This run has nothing called “&lt;b&gt;”."),
    ],
)
def test_what_cannot_be_hidden_is_told(
    app: FastAPI, client: TestClient, hide: str, words: str
) -> None:
    run = make_run(app, FORKS)
    for path in (f"/r/{run}/9", f"/e/{run}/9"):
        answer = client.get(path, params={"hide": hide}, headers={"Accept": "text/html"})
        assert answer.status_code == 422
        assert words in answer.text
        assert f'href="{path}"' in answer.text


def test_huge_pages_are_hidden_whole(app: FastAPI, client: TestClient) -> None:
    run = make_run(
        app, "huge: 8\nA mmap buf 8\nA madvise buf hugepage\nA write buf[0] 1\nA fork B\n"
    )
    page = page_of(client, f"/r/{run}/3?hide=f3")
    assert not [name for name in drawn(page) if name.startswith("f")]
    assert 'data-hide="f0"' in page


def test_a_comparison_hides_on_both_sides_by_each_ones_name(
    app: FastAPI, client: TestClient
) -> None:
    """f3 left is f4 right; f3 is a copy that only the right has."""
    left, right = make_run(app, FORKS, "textbook"), make_run(app, FORKS, "linux")
    base = f"/c/{left}..{right}"
    whole = page_of(client, f"{base}/9")
    page = page_of(client, f"{base}/9?hide=C,f3,p")
    both = [
        set(re.findall(r'class="pick" data-link="[^"]*" data-sel="([^"]+)"', text))
        for side in page.split('class="panel side')[1:]
        for text in [side.partition("</svg>")[0]]
    ]
    for side in both:
        assert "C" not in side
        assert not {"f3", "p"} & side
        assert "f0" in side
    assert 'id="right-f4"' in whole
    assert 'id="right-f4"' not in page
    assert "right:f3" in both[1], "what only the right has stays"
    alone = page_of(client, f"{base}/9?hide=A,B,C,p")
    line = re.search(r"and what only they map: ([^<]*)<", alone)
    assert line
    assert {"f0", "f2", "right:f3"} <= set(line[1].split())
    gone = page_of(client, f"{base}/9?hide=right:f3")
    assert 'data-sel="right:f3"' not in gone
    assert 'href="?hide=">show all' not in gone
    assert 'title="show right:f3"' in gone
    assert 'data-sel="f3"' in gone


def test_links_of_a_comparison_name_what_is_hidden(app: FastAPI, client: TestClient) -> None:
    left, right = make_run(app, FORKS, "textbook"), make_run(app, FORKS, "linux")
    base = f"/c/{left}..{right}"
    page = page_of(client, f"{base}/9?hide=C,f3,right:f3")
    kept = "hide=C,f3,right:f3"
    assert f'href="{base}/10?{kept}"' in page
    assert f'href="/r/{left}/9?hide=C,f3"' in page
    assert f'href="/r/{right}/9?hide=C,f4,f3"' in page
    assert f'href="/c/{right}..{left}/9?hide=C,f4,f3"' in page
    assert f'href="/m/{left}/textbook..refcount/9?hide=C,f3" data-keeps="left"' in page
    kept_right = "hide=C,right:f4,right:f3"
    assert f'href="/m/{left}/refcount..linux/9?{kept_right}" data-keeps="right"' in page
    assert f'class="hide" href="?{kept},f0"' in page
    back = page_of(client, f"/c/{right}..{left}/9?hide=C,f4,f3")
    assert f'href="{base}/9?hide=C,f3,right:f3"' in back, "swapped twice is what it was"


def test_a_difference_in_what_is_hidden_is_told(app: FastAPI, client: TestClient) -> None:
    left, right = make_run(app, LEAK, "mapcount"), make_run(app, LEAK)
    base = f"/c/{left}..{right}"
    page = page_of(client, f"{base}/6?hide=A,g")
    rows = re.findall(r'<th scope="row"><span class="ne"[^>]*>≠</span> (.*?)</th>', page)
    hidden = {re.sub(r" <span.*", "", row) for row in rows if ">hidden<" in row}
    assert hidden == {"A buf[0]", "g"} | ({"f1"} if "f1 <span" in " ".join(rows) else set())
    marks = page.count('<g class="ne">')
    told = len([row for row in rows if ">hidden<" not in row and row[:1] in "fsABC"])
    assert marks == 2 * told
    assert client.get(f"{base}/6?hide=Q").status_code == 422
    hx = {"HX-Request": "true"}
    assert 'data-hide="g"' in client.get(f"{base}/6?hide=g", headers=hx).text
    explorer = page_of(client, f"/r/{left}/6?hide=A,g")
    assert f'id="compare" href="/m/{left}/mapcount..linux/6?hide=A,g"' in explorer
