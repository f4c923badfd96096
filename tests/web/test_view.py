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
