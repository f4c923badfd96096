"""The verdict matrix: the engine's verdicts, links that decide, and its bounds."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import policies
from app.main import create_app
from app.scenario import library, parse
from app.settings import Settings
from app.store import migrate
from app.trace import play
from app.web import matrix
from tests.web.serving import LEAK, make_run

CASES = ("vmsplice-leak", "pin-goes-stale", "swap-cache-counts")


def test_columns_are_all_policies_and_eras() -> None:
    names = matrix.all_names()
    assert len(names) == sum(len(entry.eras) for entry in policies.CATALOGUE)
    assert {"linux", "linux@5.19", "refcount@5.9", "textbook"} <= set(names)
    for name in names:
        assert policies.check(name) is None


@pytest.mark.parametrize("slug", CASES)
def test_verdicts_are_the_engines(client: TestClient, slug: str) -> None:
    scenario = next(s.scenario for s in library() if s.slug == slug)
    found = client.get(f"/m/{slug}.json").json()
    assert [column["policy"] for column in found["policies"]] == list(matrix.all_names())
    for column in found["policies"]:
        run = play(scenario, column["policy"])
        first: dict[str, int] = {}
        for verdict in column["verdicts"]:
            if verdict["verdict"] == "broken":
                kind = verdict["property"]
                first[kind] = min(first.get(kind, 1 << 30), verdict["step"])
        assert first == {k: n for k, n in run.verdicts.items() if n is not None}
        assert column["copies"] == sum(step.outcome.copies for step in run.steps)


def test_a_cell_leads_to_the_step_that_decides(client: TestClient) -> None:
    page = client.get("/m/vmsplice-leak").text
    assert "Isolation breaks under mapcount." in page
    links = re.findall(
        r'<td class="(bad|good)"[^>]*><a rel="nofollow" href="(/m/vmsplice-leak/[^"]+)"', page
    )
    bad = [url for css, url in links if css == "bad" and "/mapcount/" in url]
    assert bad
    first = client.get(bad[-1])
    assert first.status_code == 303
    assert "isolation violated" in client.get(first.headers["location"]).text
    assert client.get(bad[-1]).headers["location"] == first.headers["location"]
    # where it holds, the link shows the step at which it breaks elsewhere
    step = bad[-1].rsplit("/", 1)[1]
    assert ("good", f"/m/vmsplice-leak/linux/{step}") in links
    for _, url in links[:: len(links) // 6]:
        assert client.get(url).status_code == 303


def test_steps_that_policies_answer_differently(client: TestClient) -> None:
    found = client.get("/m/vmsplice-leak.json").json()["partings"]
    steps = [(5, "B splice buf g"), (7, "A write buf 42"), (8, "g read")]
    assert [(p["step"], p["text"]) for p in found] == steps
    assert found[1]["outcomes"]["mapcount"] == "1 fault, 0 copies"
    assert found[1]["outcomes"]["linux"] == "1 fault, 1 copy"
    page = client.get("/m/vmsplice-leak").text
    assert '<td class="unlike"><a rel="nofollow" href="/m/vmsplice-leak/mapcount/7">' in page


def test_what_a_policy_does_not_keep_is_no_verdict(client: TestClient) -> None:
    column = client.get("/m/vmsplice-leak.json?policy=mapcount,linux").json()["policies"]
    by_policy = {c["policy"]: {v["predicate"]: v["verdict"] for v in c["verdicts"]} for c in column}
    assert by_policy["mapcount"]["K1"] == "not applicable"
    assert by_policy["linux"]["K1"] == "holds"


def test_a_run_brings_its_own_policy(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK, "linux:-cow-sets")
    found = client.get(f"/m/{run}.json").json()
    assert found["policies"][0]["policy"] == "linux:-cow-sets"
    assert found["policies"][0]["differs_from"] == {"policy": "linux:-cow-sets", "step": None}
    url = client.get(f"/m/{run}/linux:-cow-sets..mapcount").headers["location"]
    assert url.startswith(f"/c/{run}..")


def test_chosen_policies(client: TestClient) -> None:
    page = client.get("/m/hello-fork?policy=linux&policy=textbook&policy=refcount@5.9").text
    assert len(re.findall(r'type="checkbox"', page)) == 3
    assert 'href="/m/hello-fork">All policies' in page
    many = "&".join(f"policy=linux:-x{i}" for i in range(30))
    assert client.get(f"/m/hello-fork?{many}").status_code == 422
    assert client.get("/m/hello-fork?policy=lunix").status_code == 422


def test_bad_names_are_told(client: TestClient) -> None:
    near = client.get("/m/hello-frok")
    assert near.status_code == 404
    assert "hello-fork" in near.text
    assert client.get("/m/0123456789").status_code == 404
    assert client.get("/m/hello-fork/linux").status_code == 404
    assert client.get("/m/hello-fork/lunix/3").status_code == 422
    assert client.get("/m/hello-fork/linux/999").status_code == 404


def test_the_text_twin(client: TestClient) -> None:
    text = client.get("/m/pin-goes-stale.txt").text
    assert re.search(r"^refcount +coherence C1 at step \d+; \d+ copies$", text, re.M)


def test_the_budget_leaves_old_eras_out_first() -> None:
    scenario = parse("A mmap buf 10\nA write buf[0] 1\n")  # 20 page-steps
    names = matrix.all_names()
    assert set(matrix.fitting(scenario, names, 10_000)) == set(names)
    some = matrix.fitting(scenario, names, 160)
    assert {entry.name for entry in policies.CATALOGUE} <= set(some)
    assert "linux@5.19" not in some
    assert "linux@6.15" in some  # the same rules as linux: costs nothing
    assert len(matrix.fitting(scenario, names, 1)) == 1
    left_out = matrix.matrix_of(scenario, names, 160).left_out
    assert set(left_out) == set(names) - set(some)


def test_left_out_policies_are_named_with_a_link(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = Settings(data_dir=tmp_path_factory.mktemp("small"), max_page_steps=40)
    app = create_app(settings)
    migrate(app.state.engine)
    run = make_run(app, "A mmap buf 10\nA write buf[0] 1\n")
    page = TestClient(app).get(f"/m/{run}").text
    app.state.runs.close()
    app.state.engine.dispose()
    assert "Left out" in page
    assert f'href="/m/{run}/textbook/0"' in page
