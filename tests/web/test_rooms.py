"""Rooms over HTTP, without a browser: who may do what, what is shown to whom and when."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from app.rooms.actions import ACTIONS
from app.rooms.service import now
from app.store import open_session
from app.store.room_tables import Room
from tests.web.serving import LEAK, make_run
from tests.web.test_hostile import MARK, PAYLOADS, Active

QUIET = {"accept": "application/json"}


class Leader:
    """A browser that has made a room."""

    def __init__(self, app: FastAPI, **fields: object) -> None:
        self.client = TestClient(app)
        form = {"scenario": ["vmsplice-leak", "hello-fork"], "name": "Kim", **fields}
        page = self.client.post("/w", data=form)
        assert page.status_code == 200, page.text
        self.url = page.url
        self.code = page.url.path.split("/")[2]
        self.tab = page.url.params["tab"]
        self.page = page.text

    def do(self, name: str, value: object = "now", **more: str) -> int:
        form = {"tab": self.tab, name: str(value), **more}
        return self.client.post(f"/w/{self.code}/lead", data=form, headers=QUIET).status_code

    def lead_page(self) -> str:
        return self.client.get(f"/w/{self.code}/lead", params={"tab": self.tab}).text

    def offers(self) -> list[str]:
        return re.findall(r'name="ask" value="([^"]+)"', self.lead_page())


@pytest.fixture
def leader(app: FastAPI) -> Leader:
    return Leader(app)


@pytest.fixture
def member(app: FastAPI, leader: Leader) -> TestClient:
    client = TestClient(app, follow_redirects=False)
    assert client.get(f"/w/{leader.code}").status_code == 200
    return client


def state(client: TestClient, code: str) -> dict[str, object]:
    found: dict[str, object] = client.get(f"/w/{code}/state.json").json()["state"]
    return found


def test_behind_tls_the_cookies_of_a_room_are_secure(app: FastAPI) -> None:
    client = TestClient(app, base_url="https://cow.example.org", follow_redirects=False)
    made = client.post("/w", data={"scenario": "hello-fork"})
    opened = client.get(made.headers["location"])
    assert "; secure" in opened.headers["set-cookie"].lower()


def test_making_a_room_makes_its_maker_the_leader_by_a_cookie_no_page_shows(app: FastAPI) -> None:
    client = TestClient(app, follow_redirects=False)
    made = client.post("/w", data={"scenario": "hello-fork"})
    assert made.status_code == 303
    once = made.headers["location"]
    opened = client.get(once)
    cookie = opened.headers["set-cookie"]
    assert opened.status_code == 303
    assert "HttpOnly" in cookie
    assert "SameSite" in cookie or "samesite" in cookie
    assert "Secure" not in cookie, "a class without TLS must get it, too"
    secret = cookie.split("=")[1].split(";")[0]
    for path in (opened.headers["location"], opened.headers["location"].replace("lead", "stage")):
        page = client.get(path)
        assert page.status_code == 200
        assert secret not in page.text
    assert client.get(once).status_code == 410, "the link works once"
    assert TestClient(app).get(once).status_code == 410


def test_a_playlist_takes_links_names_and_policies(app: FastAPI) -> None:
    run = make_run(app, LEAK)
    pasted = f"http://testserver/r/{run}/3?sel=f1\n/s/hello-fork vmsplice-leak~mapcount"
    leader = Leader(app, runs=pasted, scenario=["family-of-three"])
    titles = re.findall(r'name="item" value="\d"[^>]*>([^<]+)', leader.page)
    assert len(titles) == 4
    assert titles[0] == "vmsplice leak"
    assert leader.do("item", 2) == 200
    assert "<code>mapcount</code>" in leader.lead_page()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "Choose a scenario"),
        ({"runs": "no-such-thing"}, "neither a run nor a shipped scenario"),
        ({"runs": "<script>"}, "is no run"),
        ({"runs": "hello-fork " * 31}, "at most 30"),
        ({"runs": "hello-fork~nonsense"}, "nonsense"),
    ],
)
def test_a_bad_playlist_is_told_and_kept(app: FastAPI, fields: dict[str, str], told: str) -> None:
    answer = TestClient(app).post("/w", data={"title": "My class", **fields})
    assert answer.status_code == 422
    assert told in answer.text


def test_a_code_is_found_however_it_is_typed(app: FastAPI, leader: Leader) -> None:
    client = TestClient(app, follow_redirects=False)
    typed = f" {leader.code[:2].lower()}-{leader.code[2:]} "
    assert client.get("/w", params={"code": typed}).headers["location"] == f"/w/{leader.code}"
    lower = client.get(f"/w/{leader.code.lower()}/stage")
    assert lower.status_code == 307
    assert lower.headers["location"] == f"/w/{leader.code}/stage"
    assert client.get("/w", params={"code": "nope"}).status_code == 422
    unknown = client.get("/w/ZZZZZ")
    assert unknown.status_code == 404
    assert 'href="/w"' in unknown.text


def test_members_see_the_leaders_step_and_late_ones_the_same(
    app: FastAPI, leader: Leader, member: TestClient
) -> None:
    assert leader.do("step", 5) == 200
    assert leader.do("sel", "f0") == 200
    assert state(member, leader.code) | {"step": 5, "sel": "f0"} == state(member, leader.code)
    for client in (member, TestClient(app)):
        page = client.get(f"/w/{leader.code}").text
        assert 'data-step="5"' in page
        assert "Following Kim" in page
        assert '<meta http-equiv="refresh"' in page


def test_who_wanders_is_told_how_far_and_how_to_come_back(
    leader: Leader, member: TestClient
) -> None:
    leader.do("step", 5)
    page = member.get(f"/w/{leader.code}", params={"item": 0, "step": 2}).text
    assert "3 steps behind" in page
    assert f'id="rejoin" href="/w/{leader.code}"' in page
    assert f'href="/w/{leader.code}?item=0&amp;step=3"' in page, "links stay in the room"
    leader.do("step", 1)
    assert "4 steps ahead" in member.get(f"/w/{leader.code}?item=0&step=5").text
    assert leader.do("lock", "on") == 200
    held = member.get(f"/w/{leader.code}", params={"item": 0, "step": 5}).text
    assert "Following Kim" in held
    for bad in ("-1", "x", "9" * 9):
        assert "Following Kim" in member.get(f"/w/{leader.code}", params={"step": bad}).text


def test_only_the_leader_leads(app: FastAPI, leader: Leader, member: TestClient) -> None:
    answer = member.post(f"/w/{leader.code}/lead", data={"step": "1", "tab": leader.tab})
    assert answer.status_code == 403
    assert "Kim does" in answer.text
    assert "Kim leads this room" in member.get(f"/w/{leader.code}/lead").text
    member.cookies.set("lead", "x" * 32, path=f"/w/{leader.code}")
    assert member.post(f"/w/{leader.code}/lead", data={"step": "1"}).status_code == 403
    other = Leader(app)
    assert (
        other.client.post(
            f"/w/{leader.code}/lead", data={"step": "1", "tab": leader.tab}, headers=QUIET
        ).status_code
        == 403
    )
    assert state(member, leader.code)["step"] == 0


def test_another_tab_takes_over_and_the_first_leads_no_more(leader: Leader) -> None:
    second = leader.client.get(f"/w/{leader.code}/lead")
    assert "You lead from the other tab" in second.text
    assert leader.do("step", 1) == 200
    taken = leader.client.post(f"/w/{leader.code}/lead/take")
    assert taken.url.params["tab"] != leader.tab
    assert leader.do("step", 2) == 409
    assert "You lead from the other tab" in leader.lead_page()
    leader.tab = taken.url.params["tab"]
    assert leader.do("step", 2) == 200


def test_a_hand_over_makes_one_leader_out_of_another(app: FastAPI, leader: Leader) -> None:
    page = leader.client.post(f"/w/{leader.code}/lead/offer", data={"tab": leader.tab}).text
    link = re.search(r'id="offer" readonly value="http://testserver([^"]+)"', page)
    assert link is not None
    heir = TestClient(app, follow_redirects=False)
    for _ in range(2):  # whatever looks at a link before a person does, does not use it
        assert "hands you this room" in heir.get(link[1]).text
    assert leader.do("step", 1) == 200
    led = heir.post(link[1], data={"name": "Bo"})
    assert led.status_code == 303
    assert heir.get(led.headers["location"]).status_code == 200
    assert leader.do("step", 2) == 403
    assert "Bo leads this room" in leader.client.get(f"/w/{leader.code}/lead").text
    assert "Following Bo" in TestClient(app).get(f"/w/{leader.code}").text
    assert TestClient(app).post(link[1]).status_code == 410


def test_a_prediction_gives_nothing_away_before_it_is_shown(
    app: FastAPI, leader: Leader, member: TestClient
) -> None:
    leader.do("step", 5)
    question = leader.offers()[0]
    assert leader.do("ask", question) == 200
    card = member.get(f"/w/{leader.code}/poll").text
    assert "✓" not in card
    assert "votes" not in card
    options = re.findall(r'name="answer" value="(\w)"', card)
    sent = member.post(
        f"/w/{leader.code}/answer", data={"poll": "1", "answer": options[0]}, headers=QUIET
    )
    assert sent.json() == {"poll": 1, "chosen": [options[0]]}
    changed = member.post(f"/w/{leader.code}/answer", data={"poll": "1", "answer": options[1]})
    assert changed.status_code == 303, "a form without script comes back to the room"
    card = member.get(f"/w/{leader.code}").text
    assert f'value="{options[1]}" checked' in card
    assert "✓ right" not in card.partition("rpoll")[2].partition("</section>")[0]
    assert "1 of 1 answered" in leader.lead_page()
    for screen in (leader.lead_page(), leader.client.get(f"/w/{leader.code}/stage").text):
        assert "100 %" not in screen
    leader.do("show")
    assert "100 %" in leader.client.get(f"/w/{leader.code}/stage").text
    assert "✓ right" not in member.get(f"/w/{leader.code}/poll").text
    late = member.post(
        f"/w/{leader.code}/answer", data={"poll": "1", "answer": options[0]}, headers=QUIET
    )
    assert late.status_code == 409
    assert leader.do("open") == 422, "who has seen the others answers no more"
    leader.do("reveal")
    card = member.get(f"/w/{leader.code}/poll").text
    assert "✓ right" in card
    assert "qfeedback" in card
    assert re.search(r"\d of 1</b> (was|were) right", card)
    leader.do("step", 6)
    assert state(member, leader.code)["poll"] is None


def test_only_the_next_step_can_be_predicted(leader: Leader) -> None:
    leader.do("step", 5)
    question = leader.offers()[0]
    leader.do("step", 4)
    assert leader.do("ask", question) == 422
    for bad in ("", "x", "hello-fork.3.page", "a.b.c"):
        assert leader.do("ask", bad) == 422
    assert leader.do("reveal") == 422


@pytest.mark.parametrize("answers", [[], ["zz"], ["a", "b"]])
def test_no_answer_is_asked_for_again(
    leader: Leader, member: TestClient, answers: list[str]
) -> None:
    leader.do("step", 5)
    leader.do("ask", next(q for q in leader.offers() if q.endswith((".fate", ".page", ".sees"))))
    form = {"poll": "1", "answer": answers}
    assert member.post(f"/w/{leader.code}/answer", data=form, headers=QUIET).status_code == 422
    page = member.post(f"/w/{leader.code}/answer", data=form)
    assert page.status_code == 422
    assert "Choose an answer first." in page.text


@pytest.mark.parametrize("kind", ["bits", "which"])
def test_bits_and_the_reverse_question_are_asked_too(
    leader: Leader, member: TestClient, kind: str
) -> None:
    leader.do("item", 1)
    for step in range(3, 6):
        leader.do("step", step)
        question = next((q for q in leader.offers() if q.endswith(kind)), None)
        if question:
            break
    assert question is not None
    assert leader.do("ask", question) == 200
    card = member.get(f"/w/{leader.code}/poll").text
    if kind == "which":
        assert "qcmd" not in card, "the step is the answer"
        assert "After" in card or "after step" in card
    else:
        assert 'type="checkbox"' in card
    options = re.findall(r'name="answer" value="(\w)"', card)
    chosen = options[:2] if kind == "bits" else options[:1]
    form = {"poll": re.findall(r'name="poll" value="(\d+)"', card)[0], "answer": chosen}
    assert member.post(f"/w/{leader.code}/answer", data=form, headers=QUIET).status_code == 200
    leader.do("reveal")
    assert "qfeedback" in member.get(f"/w/{leader.code}/poll").text


def test_the_stage_drives_while_its_browser_leads(
    app: FastAPI, leader: Leader, member: TestClient
) -> None:
    stage = f"/w/{leader.code}/stage"
    assert "PageDown" in leader.client.get(stage).text
    assert "PageDown" not in member.get(stage).text
    form = {"from": "stage", "step": "3"}
    assert leader.client.post(f"/w/{leader.code}/lead", data=form).url.path == stage
    assert member.post(f"/w/{leader.code}/lead", data=form).status_code == 403
    assert state(member, leader.code)["step"] == 3
    assert "QR code of http://testserver/w/" in member.get(stage).text


def test_an_expired_room_says_so(app: FastAPI, leader: Leader, member: TestClient) -> None:
    with open_session(app.state.engine) as session:
        session.execute(
            update(Room).where(Room.id == leader.code).values(expires=now() + timedelta(minutes=30))
        )
    assert "This room expires at" in member.get(f"/w/{leader.code}").text
    leader.client.post(f"/w/{leader.code}/lead/end", data={"tab": leader.tab})
    for path in ("", "/stage", "/lead", "/poll", "/state.json", "/events"):
        answer = member.get(f"/w/{leader.code}{path}")
        assert answer.status_code == 410, path
    assert "expired" in member.get(f"/w/{leader.code}").text
    assert leader.do("step", 1) == 410


def test_another_sites_page_cannot_lead_or_answer(leader: Leader, member: TestClient) -> None:
    for path in ("lead", "answer", "name", "lead/take", "lead/offer", "lead/end"):
        answer = leader.client.post(
            f"/w/{leader.code}/{path}",
            data={"step": "1", "tab": leader.tab},
            headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        )
        assert answer.status_code == 403


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markup_in_names_and_titles_runs_nowhere(app: FastAPI, payload: str) -> None:
    leader = Leader(app, title=payload, name=payload)
    member = TestClient(app)
    member.get(f"/w/{leader.code}")
    member.post(f"/w/{leader.code}/name", data={"name": payload})
    leader.do("sel", payload)
    pages = [
        leader.lead_page(),
        leader.client.get(f"/w/{leader.code}/stage").text,
        member.get(f"/w/{leader.code}").text,
        member.get(f"/w/{leader.code}/lead").text,
    ]
    for page in pages:
        assert MARK in page
        reader = Active()
        reader.feed(page)
        assert not reader.found


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from([*ACTIONS, "nothing"]),
    value=st.text(st.characters(codec="utf-8"), max_size=250),
    code=st.text(st.characters(codec="utf-8", exclude_characters="/?#"), min_size=1, max_size=12),
)
def test_whatever_is_sent_is_answered(leader: Leader, name: str, value: str, code: str) -> None:
    assert leader.do(name, value) in (200, 422)
    answer = leader.client.get(f"/w/{quote(code)}") if code not in (".", "..") else None
    assert answer is None or answer.status_code in (200, 404, 405)
    form = {"name": value}
    assert leader.client.post(f"/w/{leader.code}/name", data=form).status_code == 200
    assert json.loads(leader.client.get(f"/w/{leader.code}/state.json").text)
