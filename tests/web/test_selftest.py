"""`/selftest`, its twins and the links of its cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.selftest import KINDS, TESTS
from app.settings import Settings
from app.store import migrate


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("selftest")))
    migrate(app.state.engine)
    with TestClient(app, follow_redirects=False) as client:
        yield client


def test_the_page_has_a_row_for_each_test_and_a_word_in_each_cell(client: TestClient) -> None:
    page = unescape(client.get("/selftest").text)
    for test in TESTS:
        assert f"<b>{test.id}</b> {test.name}" in page
    for kind in KINDS:
        assert f">{kind.head}</th>" in page
    assert page.count('class="xfail"') == 4
    assert 'class="fail"' not in page
    assert page.count("✓ pass") >= 163


def test_a_cell_leads_to_the_step_that_decides(client: TestClient) -> None:
    page = client.get("/selftest?policy=mapcount").text
    link = re.search(r'href="(/selftest/mapcount/T3/thp)"', page)
    assert link
    answer = client.get(link[1])
    assert answer.status_code == 303
    step = client.get(f"{answer.headers['location']}.json").json()
    assert step["text"] == "A write mem 255"
    assert "isolation" in {violation["kind"] for violation in step["violations"]}


def test_json_has_every_cell_and_the_text_is_tap(client: TestClient) -> None:
    document = client.get("/selftest.json?policy=refcount").json()
    assert document["schema"] == "selftest/1"
    (only,) = document["policies"]
    assert len(only["cells"]) == len(TESTS) * len(KINDS)
    assert only["counts"]["pass"] + only["counts"]["fail"] + only["counts"]["xfail"] == 167
    text = client.get("/selftest.txt?policy=refcount").text.splitlines()
    assert text[:2] == ["TAP version 13", "1..167"]
    numbered = [line for line in text if re.match(r"(not )?ok \d+ T", line)]
    assert len(numbered) == 167
    unexpected = [line for line in numbered if line.startswith("not") and "XFAIL" not in line]
    assert len(unexpected) == only["counts"]["fail"]
    assert [int(re.findall(r"\d+", line)[0]) for line in numbered] == list(range(1, 168))


def test_all_policies_at_once(client: TestClient) -> None:
    page = client.get("/selftest?policy=all").text
    for words in ("mapcount", "linux@6.2", "✗ all", "✗ 1 known", "✓ none"):
        assert words in page
    names = [p["policy"] for p in client.get("/selftest.json?policy=all").json()["policies"]]
    assert "linux" in names
    assert "refcount@5.9" in names


def test_a_rule_is_switched_off_by_a_plain_form(client: TestClient) -> None:
    page = client.get("/selftest?policy=linux&without=unshare").text
    assert "under linux:-unshare" in page
    assert 'href="/selftest/linux:-unshare/T9/base"' in page


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/selftest?policy=linus", 422, "linux"),
        ("/selftest?policy=linux&without=nothing", 422, "nothing"),
        ("/selftest/linux/T99/base", 404, "T1 to T21"),
        ("/selftest/linux/T1/thp-pte", 404, "thp-ptes"),
        ("/selftest/linux/T15/base", 404, "PTE-mapped THP"),
        ("/selftest/linus/T1/base", 422, "linux"),
    ],
)
def test_a_bad_link_says_what_would_be_right(
    client: TestClient, path: str, status: int, words: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert words in answer.text
