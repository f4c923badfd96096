"""`/conformance`: facts and traces, their runs, and what is shown while they are replayed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from threading import Event

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.store import migrate
from app.trace.recorded import Replayed
from app.web import conformance
from tests.replayed import replay_all, replayed

STEP = re.compile(r'href="(/conformance/(?:zram|file)/[\w-]+/\d+\?policy=[^"]+)"')


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("conformance")))
    migrate(app.state.engine)
    with pytest.MonkeyPatch.context() as patch, TestClient(app, follow_redirects=False) as client:
        patch.setattr(conformance, "replay_all", replay_all)
        client.get("/conformance.json")
        yield client


def test_facts_and_traces_agree_and_say_which_kernel(client: TestClient) -> None:
    page = unescape(client.get("/conformance").text)
    assert "Linux 6.18.44" in page
    assert "2,260 of 2,260 steps in 216 of 216 traces agree under linux." in page
    assert 'id="fact-32"' in page
    assert "✗" not in page
    assert "A race on the real machine" in page


def test_a_fact_leads_to_the_run_at_its_step(client: TestClient) -> None:
    page = client.get("/conformance").text
    links = STEP.findall(page)
    assert len(links) > 300
    answer = client.get(unescape(next(link for link in links if "hugetlb-splice-leak/7" in link)))
    assert answer.status_code == 303
    step = client.get(f"{answer.headers['location']}.json").json()
    assert step["text"] == "g read"
    assert step["outcome"]["value"] == 8


def test_a_run_swaps_to_what_the_kernel_swapped_to(client: TestClient) -> None:
    answer = client.get("/conformance/file/swap-exclusive-read-in/4")
    run = answer.headers["location"].split("/")[2]
    assert client.get(f"/r/{run}.json").json()["source"]["swap"] == "file"


def test_mismatches_are_shown_as_such(client: TestClient) -> None:
    found = client.get("/conformance.json?policy=linux@6.0").json()
    assert found["schema"] == "conformance/1"
    assert found["steps"] == 2260
    wrong = [trace for trace in found["traces"] if trace["mismatch"]]
    assert wrong
    assert found["agreeing"] == 2260 - sum(len(trace["differing"]) for trace in wrong)
    page = unescape(client.get("/conformance?policy=linux@6.0").text)
    assert "✗ differs" in page
    for trace in wrong:
        assert trace["mismatch"] in page
    broken = client.get(wrong[0]["href"]).text
    assert broken.count("✗ differs") == len(wrong[0]["differing"])


def test_a_trace_is_shown_step_by_step_and_given_away_as_it_was_recorded(
    client: TestClient,
) -> None:
    page = unescape(client.get("/conformance/zram/fork-child-writes-first").text)
    assert page.count("✓ agrees") == 7
    assert "reads 7" in page
    document = client.get("/conformance/zram/fork-child-writes-first.json").json()
    assert document["source"]["kind"] == "kernel"
    assert len(document["steps"]) == 7
    race = unescape(client.get("/conformance/zram/lru-other-cpu-batch").text)
    assert "3 fields not compared" in race


def test_a_page_that_would_take_long_says_how_far_it_is(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = Event()

    def slowly(policy: str, tell: Callable[[int], None]) -> tuple[Replayed, ...]:
        tell(57)
        go_on.wait(30)
        return replayed()

    monkeypatch.setattr(conformance, "replay_all", slowly)
    monkeypatch.setattr(conformance, "PATIENCE", 0.2)
    answer = client.get("/conformance?policy=linux:-upgrade")
    assert answer.status_code == 200
    assert answer.headers["refresh"] == "2"
    assert "57 of 216 done" in answer.text
    go_on.set()
    assert client.get("/conformance.json?policy=linux:-upgrade").json()["agreeing"] == 2260
    monkeypatch.undo()
    assert "refresh" not in client.get("/conformance?policy=linux:-upgrade").headers


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/conformance?policy=linus", 422, "linux"),
        ("/conformance/zram/fork-tree", 404, "fork-tree-7"),
        ("/conformance/disk/fork-tree-7", 404, "fork-tree-7"),
        ("/conformance/zram/fork-tree.json", 404, "fork-tree-7"),
        ("/conformance/zram/fork-tree-7/99", 404, "20"),
    ],
)
def test_a_bad_link_says_what_would_be_right(
    client: TestClient, path: str, status: int, words: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert words in answer.text


def test_what_the_model_leaves_out_is_one_link_away(client: TestClient) -> None:
    page = client.get("/conformance").text
    assert 'id="limits"' in page
    assert "memory cgroups, NUMA" in page
    run = client.post("/api/v1/runs", json={"scenario": "A mmap buf 1\nA write buf 1\n"}).json()[
        "id"
    ]
    for path in ("1", "1/next", "sheet"):
        assert 'href="/conformance#limits"' in client.get(f"/r/{run}/{path}").text, path
    assert 'href="/conformance#limits"' in client.get(f"/c/{run}..{run}/1").text
