"""The explanation: two levels with the same facts, other policies, who reads what, causes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import policies
from app.engine import operations
from app.scenario import library, parse
from app.settings import Settings
from app.trace import Run, play
from app.web.evidence import evidence_of
from app.web.others import groups_of, other_of, others_of
from app.web.plain import plain
from app.web.templating import CHOICES
from app.web.what import SENTENCES, what_of
from app.web.why import why_of
from tests.web.serving import LEAK, explorer_app, make_run

CODE = re.compile(
    r"\w\(\)|\b[A-Z]+_[A-Z_]+\b|\b[a-z]+_[a-z_]+\b|\b(?:PTE|PMD|VMA|TLB|GUP)s?\b|==|!="
)
NAMES = re.compile(r"\b[A-Z]\.\w+\[|\b[fs]\d+\b")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    app = explorer_app(Settings(data_dir=tmp_path_factory.mktemp("reading")))
    yield app
    app.state.runs.close()
    app.state.engine.dispose()


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app)


@cache
def said() -> frozenset[str]:
    """Every sentence that the panel can say about the shipped scenarios, under some policies."""
    out: set[str] = set()
    for shipped in library():
        for name in ("mapcount", "refcount", "linux"):
            run = play(shipped.scenario, name)
            for number in range(1, len(run) + 1):
                why = why_of(run.step(number))
                out |= {text for e in why.events for text in (e.text, e.because)} | {why.lead}
    return frozenset(out | {rule.sentence for rule in policies.RULES})


def test_plain_words_have_no_code_and_every_number_and_name() -> None:
    for text in said():
        simple = plain(text)
        assert not CODE.search(simple), (text, simple)
        commits = re.sub(r"\b[0-9a-f]{12}\b", "", text)
        assert sorted(re.findall(r"\b\d+\b", commits)) == sorted(re.findall(r"\b\d+\b", simple)), (
            text
        )
        assert NAMES.findall(text) == NAMES.findall(simple)
        assert bool(text) == bool(simple)


def test_every_operation_is_said_without_code() -> None:
    kinds = {kind for kind in vars(operations).values() if isinstance(kind, type)}
    kinds = {k for k in kinds if issubclass(k, operations.Operation)} - {operations.Operation}
    assert set(SENTENCES) == kinds
    for shipped in library():
        for step in shipped.scenario.steps:
            words = what_of(step.op)
            assert words.endswith(".")
            assert not CODE.search(words), words


def leak(policy: str = "mapcount") -> Run:
    return play(parse(LEAK), policy)


def test_a_violation_says_who_reads_what_and_what_is_owed() -> None:
    (found,) = evidence_of(leak(), 6)
    assert found.text == (
        "g reads 42; owed is 7. B took it at step 4, when the page held 7, and A stored 42 now."
    )
    assert (found.cause, found.reads, found.owed) == (None, False, 7)


def test_a_read_that_shows_a_violation_leads_to_it() -> None:
    (found,) = evidence_of(leak(), 7)
    assert (found.cause, found.reads) == (6, True)
    assert "A stored 42 at step 6" in found.text
    assert evidence_of(leak("linux"), 7) == ()


def test_the_cause_is_where_the_store_became_possible() -> None:
    text = "A mmap buf 1\nA write buf 1\nA fork B\nB splice buf g\nB munmap buf\nA write buf 2\n"
    run = play(parse(text + "g release\nB mmap x 1\nA write buf 3\n"), "mapcount")
    assert all(e.cause is None for e in evidence_of(run, 6))
    early = play(parse("A mmap buf 1\nA write buf 1\nA fork B\nA write buf 2\nB read buf\n"),
                 "linux:-fork-protects")  # fmt: skip
    (found,) = evidence_of(early, 4)
    assert found.cause == 3, "fork left the page writable"
    assert "B.buf[0] shows 2, which A stored now. Owed is 1" in found.text


def test_other_policies_at_the_same_step() -> None:
    run = leak()
    groups = groups_of(others_of(run.scenario, "mapcount"), other_of("mapcount", run), 6, "RUN")
    same, *rest = groups
    assert same.same
    assert "cow-on-gup-read" not in {p.name for p in rest[0].policies}
    copying = next(g for g in rest if "is copied to" in g.words)
    assert {"refcount", "linux", "textbook"} <= {p.name for p in copying.policies}
    assert all(p.href == f"/m/RUN/mapcount..{p.name}/6" for p in copying.policies)
    named = [p.name for group in groups for p in group.policies]
    assert sorted(named) == sorted(e.name for e in policies.CATALOGUE if e.name != "mapcount")


def test_the_panel_keeps_its_order_and_is_one_for_both_levels(
    app: FastAPI, client: TestClient
) -> None:
    run = make_run(app, LEAK, "mapcount")
    page = client.get(f"/r/{run}/6").text
    heads = re.findall(r'<h3 id="h-(\w+)"', page)
    assert heads == ["rule", "others", "sees", "how"]
    assert "A writes 42 to buf[0]." in page
    assert "✗ g is owed 7" in page
    fragment = {"HX-Request": "true"}
    plainly = {"cookie": "level=student; view=table"}
    one = client.get(f"/r/{run}/6", headers=fragment).text
    assert one == client.get(f"/r/{run}/6", headers=fragment | plainly).text


def test_a_long_run_asks_for_the_other_policies(app: FastAPI, client: TestClient) -> None:
    text = "A mmap buf 1\nA write buf 1\nA fork B\n" + "B write buf 2\nA read buf\n" * 60
    run = make_run(app, text)
    page = client.get(f"/r/{run}/4").text
    assert f'hx-get="/r/{run}/4/others"' in page
    found = client.get(f"/r/{run}/4/others").text
    assert "<b>The same:</b>" in found
    assert "textbook" in found
    assert client.get(f"/r/{run}/0/others", follow_redirects=False).status_code == 303


def test_choices_in_cookies_links_and_forms(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK)
    page = client.get(f"/r/{run}/3", headers={"cookie": "level=student; keys=few; view=wrong"})
    assert '<html lang="en" data-level="student" data-keys="few">' in page.text
    linked = client.get(f"/r/{run}/3?view=table")
    assert '<html lang="en" data-view="table">' in linked.text
    assert "view=table" in linked.headers["set-cookie"]
    client.cookies.clear()
    wrong = client.get(f"/r/{run}/3?level=genius")
    assert wrong.status_code == 422
    assert "It may be kernel or student." in wrong.text
    for name, values in CHOICES.items():
        sent = client.post("/theme", data={name: values[-1]}, follow_redirects=False)
        assert f"{name}={values[-1]}" in sent.headers["set-cookie"]
