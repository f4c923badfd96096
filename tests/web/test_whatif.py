"""What-if pages and twins over HTTP: links, forms, JSON, refusals with a reason."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.web.serving import FORKS, LEAK, make_run
from tests.whatif.test_whatif import PAR


@pytest.fixture(scope="module")
def forks(app: FastAPI) -> str:
    return make_run(app, FORKS)


@pytest.fixture(scope="module")
def leak(app: FastAPI) -> str:
    return make_run(app, LEAK, "mapcount")


def text_of(client: TestClient, url: str) -> str:
    run = url.split("/")[2]
    return client.get(f"/r/{run}.cow").text


def test_a_branch_is_a_run_with_a_way_back(client: TestClient, forks: str) -> None:
    page = client.get(f"/r/{forks}/9/next").text
    assert 'name="line" value="A fork D"' in page
    assert "The child gets a copy f5 of f2 at once" in page
    url = client.post(f"/r/{forks}/9/branch", data={"line": "A fork D", "then": "stop"}).headers[
        "location"
    ]
    assert url.endswith("/10")
    assert text_of(client, url).endswith("A write buf[0] 9\nA fork D\n")
    made = client.get(url).text
    assert f'Based on <a href="/r/{forks}/9" hx-boost="false">run {forks}, step 9</a>' in made
    assert f'class="tl-leave" href="/r/{forks}/9"' in made
    assert f"Leaves run {forks} after step 9" in made
    assert f'href="{url}"' in client.get(f"/r/{forks}/9/next/panel").text
    found = client.get(f"/r/{forks}/9/next.json").json()
    assert {"run": url.split("/")[2], "step": 9}.items() <= found["branches"][0].items()


def test_the_rest_may_follow(client: TestClient, forks: str) -> None:
    answer = client.post(f"/r/{forks}/5/branch", data={"line": "A exit", "then": "keep"})
    text = text_of(client, answer.headers["location"])
    assert "A exit\n# A pin buf[2] p  (A exited on line 7.)" in text
    assert "# B fork C  (There is no process B.)" in text


def test_a_typed_step_is_played_or_refused_with_the_reason(client: TestClient, forks: str) -> None:
    good = client.post(f"/r/{forks}/14/branch", data={"typed": "kernel migrate A buf[0]"})
    assert good.status_code == 303
    bad = client.post(f"/r/{forks}/14/branch", data={"typed": "A raed buf"})
    assert bad.status_code == 422
    assert "Unknown verb “raed”. Did you mean “read”?" in bad.text
    assert 'value="A raed buf"' in bad.text
    for line in ("C read buf", "expect copies 1", "", "A write buf 1\nA read buf"):
        refused = client.post(f"/r/{forks}/14/branch", data={"typed": line})
        assert refused.status_code == 422
        assert 'role="alert"' in refused.text


def test_within_a_par_block_the_page_says_where_to_go(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, PAR)
    page = client.get(f"/r/{run}/4/next")
    assert page.status_code == 200
    assert "within a par block" in page.text
    end = re.search(rf'href="/r/{run}/(\d+)/next">Go there', page.text)
    assert end
    assert 'name="line"' in client.get(f"/r/{run}/{end[1]}/next").text
    problem = client.get(f"/r/{run}/4/next.json")
    assert problem.status_code == 409
    assert problem.json()["nearest"] == f"/r/{run}/{end[1]}/next"
    assert client.post(f"/r/{run}/4/branch", data={"typed": "A read buf"}).status_code == 409


def test_without_a_step(client: TestClient, leak: str) -> None:
    page = client.get(f"/r/{leak}/without/3").text
    assert "Of the 5 steps behind it 1 does something else, 4 become impossible." in page
    assert "Without it isolation is no longer violated." in page
    assert "There is no process B." in page
    assert f'href="/r/{leak}/without/2"' in page
    assert f'href="/r/{leak}/without/4"' in page
    url = client.post(f"/r/{leak}/without/3", data={"then": "open"}).headers["location"]
    assert "# A fork B  (switched off)" in text_of(client, url)
    two = client.post(f"/r/{leak}/without/3", data={"then": "compare"}).headers["location"]
    assert two == f"/c/{leak}..{url.split('/')[2]}"
    assert client.get(two).status_code == 303
    found = client.get(f"/r/{leak}/without/3.json").json()
    assert found["lost"] == ["isolation"]
    assert [row["state"] for row in found["rows"]].count("impossible") == 4


def test_there_is_no_run_without_its_only_step(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, "A mmap buf 1\n")
    page = client.get(f"/r/{run}/without/1")
    assert "Nothing comes after it." in page.text
    assert 'value="open"' not in page.text
    assert client.post(f"/r/{run}/without/1", data={"then": "open"}).status_code == 422


def test_a_long_run_lists_what_does_not_stay(app: FastAPI, client: TestClient) -> None:
    reads = "A read buf\n" * 150
    run = make_run(app, f"A mmap buf 1\nA fork B\n{reads}B read buf\n{reads}")
    page = client.get(f"/r/{run}/without/2").text
    assert len(re.findall(r"<tr ", page)) < 12
    assert '<th scope="row" role="rowheader">3–152</th>' in page
    assert "There is no process B." in page


def test_rules(client: TestClient, forks: str) -> None:
    page = client.get(f"/r/{forks}/rules").text
    assert re.search(r"7 of the \d+ rules of linux decide something in this run", page)
    assert "without 6 of them a property breaks that holds now" in page
    open_ = re.search(r'href="(/r/[^"]*policy=linux:-fork-copies-pinned)"', page)
    assert open_
    url = client.get(open_[1]).headers["location"]
    assert url.endswith("/7")
    assert f"run {forks}</a>: the same text under another policy" in client.get(url).text
    compare = re.search(r'href="(/m/[^"]*fork-copies-pinned)"', page)
    assert compare
    assert client.get(compare[1]).headers["location"].startswith(f"/c/{forks}..")
    found = client.get(f"/r/{forks}/rules.json").json()
    assert found["rules"][0]["policy"].startswith("linux:-")


def test_minimise(client: TestClient, leak: str, forks: str) -> None:
    page = client.get(f"/r/{leak}/minimise").text
    assert "6 steps of 8 still violate isolation (I2). None of them can be left out" in page
    assert "A write buf 2\nexpect violation isolation" in page
    url = client.post(f"/r/{leak}/minimise?kind=isolation").headers["location"]
    assert url.endswith("/6")
    assert "isolation violated" in client.get(url).text
    short = client.get(f"/r/{leak}/minimise?kind=isolation&budget=20").text
    assert "The budget of 20 page-steps ended before it was known whether fewer do" in short
    assert re.search(r"Search on, with [\d,]+ page-steps", short)
    assert "This run violates nothing" in client.get(f"/r/{forks}/minimise").text
    assert client.get(f"/r/{forks}/minimise?kind=isolation").status_code == 422
    assert client.get(f"/r/{leak}/minimise?kind=isoltion").status_code == 422
    assert client.get(f"/r/{leak}/minimise?budget=many").status_code == 422
    assert client.post(f"/r/{forks}/minimise").status_code == 422
    found = client.get(f"/r/{leak}/minimise.json").json()
    assert found["minimal"] is True
    assert found["removed"] == [[7, "g read"], [8, "g release"]]


def test_minimise_by_the_json_interface(client: TestClient, leak: str, forks: str) -> None:
    answer = client.post(f"/api/v1/runs/{leak}/minimise", json={"kind": "isolation"})
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"] == f"/api/v1/runs/{made['id']}"
    assert (made["violations"], made["minimal"]) == ({"isolation": 6}, True)
    stored = client.get(answer.headers["location"]).json()
    assert stored["based_on"] == {"run": leak, "step": 6}
    assert stored["expectations"] == {"met": 1, "unmet": []}
    refused = client.post(f"/api/v1/runs/{forks}/minimise", json={"kind": "isolation"})
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:cowscope:not-violated"
    assert client.post("/api/v1/runs/nope/minimise", json={"kind": "isolation"}).status_code == 404
    body = {"kind": "isolation", "budget": 0}
    assert client.post(f"/api/v1/runs/{leak}/minimise", json=body).status_code == 422


@pytest.mark.parametrize(
    "path", ["9/next", "9/next/panel", "9/next.json", "9/branch", "without/9", "rules", "minimise"]
)
def test_unknown_runs_and_steps(client: TestClient, leak: str, path: str) -> None:
    assert client.get(f"/r/0000000000/{path}").status_code == 404
    if "9" in path:
        problem = client.get(f"/r/{leak}/{path}")
        assert problem.status_code == 404
        assert f"/r/{leak}/8" in problem.text


def test_step_0_is_no_step_to_switch_off(client: TestClient, leak: str) -> None:
    assert client.get(f"/r/{leak}/without/0").status_code == 404


def test_the_explorer_links_to_all_of_it(client: TestClient, leak: str) -> None:
    page = client.get(f"/r/{leak}/6").text
    for path in ("6/next", "without/6", "rules", "minimise"):
        assert f'href="/r/{leak}/{path}"' in page
    assert page.count('class="switch"') == 8
