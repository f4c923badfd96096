"""What stands around every answer: limits of rate and time, origins, cookies, policies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import Message, Scope

from app.limits import client_of
from app.main import create_app
from app.settings import Settings
from app.store import migrate, open_engine

TEXT = "A mmap buf 1\nA write buf 1\n"
RUN = {"scenario": TEXT, "policy": "linux"}


def application(data: Path, **given: object) -> FastAPI:
    settings = Settings(data_dir=data, **given)  # type: ignore[arg-type]
    engine = open_engine(settings)
    migrate(engine)
    engine.dispose()
    return create_app(settings)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(application(tmp_path), follow_redirects=False) as client:
        yield client


def test_changes_over_the_limit_are_told_which_limit_and_when_to_come_back(tmp_path: Path) -> None:
    with TestClient(application(tmp_path, limit_changes="2/hour")) as client:
        answers = [client.post("/api/v1/runs", json=RUN) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        refused = answers[-1]
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["content-type"] == "application/problem+json"
        assert "2 per 1 hour" in refused.json()["detail"]
        run = answers[0].json()["id"]
        assert client.get(f"/r/{run}/0?policy=textbook").status_code == 429
        assert client.get(f"/r/{run}/0").status_code == 200, "reading goes on"


def test_requests_over_the_limit_leave_what_operators_ask(tmp_path: Path) -> None:
    with TestClient(application(tmp_path, limit_requests="1/hour")) as client:
        assert client.get("/new").status_code == 200
        page = client.get("/new")
        assert page.status_code == 429
        assert "<h1" in page.text
        assert client.get("/readyz").status_code == 200


def test_a_step_in_memory_is_not_counted_against_anybody(tmp_path: Path) -> None:
    app = application(tmp_path, limit_requests="2/hour")
    with TestClient(app) as client:
        run = client.post("/api/v1/runs", json=RUN).json()["id"]
        for headers in ({"HX-Request": "true"}, {}):
            first, *others = [client.get(f"/r/{run}/1", headers=headers) for _ in range(4)]
            if headers:
                assert {answer.status_code for answer in others} == {200}
                assert {answer.content for answer in others} == {first.content}
                assert {answer.headers["etag"] for answer in others} == {first.headers["etag"]}
                policies = {a.headers["content-security-policy"] for a in (first, *others)}
                assert len(policies) == 1
                head = client.head(f"/r/{run}/1", headers=headers)
                assert (head.status_code, head.content) == (200, b"")
                assert head.headers["content-length"] == first.headers["content-length"]
            else:
                assert first.status_code == 429, "a page that is not there yet is work"
        counted = client.get("/metrics").text
    assert 'cowscope_requests_total{method="GET",route="/r/{run}/{step:int}",status="200"} 5.0' in (
        counted
    )


@pytest.mark.parametrize("path", ["/r/{run}/1?policy=textbook", "/r/{run}/1?x=1", "/r/{run}/1.txt"])
def test_only_the_plain_step_is_answered_from_memory(client: TestClient, path: str) -> None:
    run = client.post("/api/v1/runs", json=RUN).json()["id"]
    step = client.get(f"/r/{run}/1")
    assert step.status_code == 200
    assert client.get(path.format(run=run)).text != step.text or "x=1" in path
    assert client.post(f"/r/{run}/1").status_code == 405


def test_the_total_is_over_all_clients(tmp_path: Path) -> None:
    app = application(tmp_path, limit_total="1/hour")
    one, other = TestClient(app, client=("192.0.2.1", 1)), TestClient(app, client=("192.0.2.2", 1))
    assert one.post("/api/v1/runs", json=RUN).status_code == 201
    assert other.post("/api/v1/runs", json=RUN).status_code == 429


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("testclient", "testclient", True),
    ],
)
def test_who_counts_as_one_client(one: str, other: str, same: bool) -> None:
    names = [client_of({"client": (host, 1)}) for host in (one, other)]
    assert (names[0] == names[1]) is same


def test_a_rate_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="600/minute"):
        Settings(data_dir=tmp_path, limit_total="many")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"origin": "http://testserver"}, 303),
        ({"sec-fetch-site": "same-origin", "origin": "http://testserver"}, 303),
        ({"sec-fetch-site": "none"}, 303),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "https://other.testserver"}, 403),
    ],
)
def test_a_form_of_another_site_is_refused(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/theme", data={"theme": "dark"}, headers=headers)
    assert answer.status_code == status
    assert ("set-cookie" in answer.headers) is (status == 303)


def test_the_interface_without_cookies_answers_everybody(client: TestClient) -> None:
    foreign = {"origin": "https://other.example", "sec-fetch-site": "cross-site"}
    assert client.post("/api/v1/runs", json=RUN, headers=foreign).status_code == 201
    client.cookies.set("theme", "dark")
    assert client.post("/api/v1/runs", json=RUN, headers=foreign).status_code == 403


def test_the_address_that_people_see_is_our_own(tmp_path: Path) -> None:
    app = application(tmp_path, base_url="https://cow.example.org/")
    with TestClient(app, follow_redirects=False) as client:
        seen = {"origin": "https://cow.example.org"}
        assert client.post("/theme", data={"theme": "dark"}, headers=seen).status_code == 303


def test_cookies_over_https_are_secure(tmp_path: Path) -> None:
    app = application(tmp_path)
    for scheme, secure in (("http", False), ("https", True)):
        client = TestClient(app, base_url=f"{scheme}://testserver", follow_redirects=False)
        cookie = client.post("/theme", data={"theme": "dark"}).headers["set-cookie"].lower()
        assert "samesite=lax" in cookie
        assert ("; secure" in cookie) is secure


@pytest.mark.parametrize("cdn", [True, False])
def test_the_policy_names_the_cdn_only_when_it_is_used(tmp_path: Path, cdn: bool) -> None:
    with TestClient(application(tmp_path, cdn=cdn)) as client:
        page = client.get("/")
    assert ("jsdelivr" in page.headers["content-security-policy"]) is cdn
    assert ("jsdelivr" in page.text) is cdn


@pytest.mark.parametrize("body", ["text=A%FF", "text=caf%E9&policy=linux", "text=%C3"])
def test_a_form_that_is_not_utf8_is_a_400(client: TestClient, body: str) -> None:
    form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    for path in ("/new", "/new/check"):
        answer = client.post(path, content=body, headers=form)
        assert answer.status_code == 400
        assert "not UTF-8" in answer.text


def test_a_form_with_a_replacement_character_of_its_own_is_taken(client: TestClient) -> None:
    answer = client.post("/new", data={"text": "# \ufffd é\n" + TEXT})
    assert answer.status_code == 303


def test_an_answer_that_takes_too_long_is_a_503(tmp_path: Path) -> None:
    app = application(tmp_path, answer_seconds=0.05)

    @app.get("/slow.json")
    async def slow() -> None:
        await asyncio.sleep(30)

    with TestClient(app) as client:
        answer = client.get("/slow.json")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "0.05 s" in answer.json()["detail"]


def test_a_timeout_of_the_application_itself_is_no_503(tmp_path: Path) -> None:
    app = application(tmp_path)

    @app.get("/broken.json")
    async def broken() -> None:
        raise TimeoutError

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/broken.json").status_code == 500


def test_a_body_that_does_not_come_is_a_408(tmp_path: Path) -> None:
    app = application(tmp_path, body_seconds=0.05)
    said: list[int] = []

    async def never() -> Message:
        await asyncio.sleep(30)
        return {}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            said.append(message["status"])

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/v1/runs",
        "raw_path": b"/api/v1/runs",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "client": ("192.0.2.1", 1),
        "server": ("testserver", 80),
    }
    # In a thread of its own: Playwright's loop may run in this one.
    with TestClient(app) as client:
        assert client.portal is not None
        client.portal.call(app, scope, never, send)
    assert said == [408]
