"""`/q` and `/learn` without a browser: questions, answers, feedback, and clear errors."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.quiz import question
from app.quiz.course import LESSONS, Lesson
from tests.web.serving import LEAK, make_run

PAGE = "vmsplice-leak.7.page"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
def test_a_lesson_shows_its_sights_and_asks_its_questions(
    client: TestClient, lesson: Lesson
) -> None:
    answer = client.get(lesson.href)
    assert answer.status_code == 200
    for name in lesson.questions:
        assert f'data-question="{name}"' in answer.text
        assert f'action="/q/{name}?lesson={lesson.slug}"' in answer.text
    for href in re.findall(r'<li><a class="panel" href="([^"]+)"', answer.text):
        assert client.get(href.replace("&amp;", "&")).status_code in (200, 303, 307)
    assert answer.text.count('<li><a class="panel"') == len(lesson.sights)
    assert "qfeedback" not in answer.text


def test_the_course_lists_every_lesson(client: TestClient) -> None:
    page = client.get("/learn").text
    for lesson in LESSONS:
        assert f'href="{lesson.href}"' in page
        assert f'data-questions="{" ".join(lesson.questions)}"' in page


@pytest.mark.parametrize("name", sorted({q for lesson in LESSONS for q in lesson.questions}))
def test_a_question_gives_nothing_away_and_its_answer_is_marked(
    client: TestClient, name: str
) -> None:
    asked = question(name)
    before = client.get(f"/q/{name}")
    assert before.status_code == 200
    assert "qfeedback" not in before.text
    assert "✓" not in before.text
    right = client.post(f"/q/{name}", data={"answer": list(asked.right)})
    assert right.status_code == 200
    assert 'data-answered="right"' in right.text
    if asked.rule:
        assert asked.rule in right.text
    wrong = next(option.id for option in asked.options if option.id not in asked.right)
    page = client.post(f"/q/{name}", data={"answer": wrong}).text
    assert 'data-answered="wrong"' in page
    assert "✗ Not so" in page


def test_a_wrong_answer_tells_rule_and_policy(client: TestClient) -> None:
    asked = question(PAGE)
    wrong = next(option for option in asked.options if "mapcount" in option.policies)
    page = client.post(f"/q/{PAGE}", data={"answer": wrong.id}).text
    assert "count-references" in page
    assert "mapcount (" in page


@pytest.mark.parametrize("answers", [[], [""], ["z"], ["a", "b"], ["<script>"], ["a" * 5000]])
def test_a_bad_answer_is_asked_for_again(client: TestClient, answers: list[str]) -> None:
    answer = client.post(f"/q/{PAGE}", data={"answer": answers})
    assert answer.status_code == 422
    assert "Choose an answer first." in answer.text
    assert "qfeedback" not in answer.text
    assert "<script>" not in answer.text.replace("<script src", "")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/q/nothing", "is no question"),
        ("/q/vmsplice-leak.7.taste", "There is page, fate"),
        ("/q/vmsplice-leak.0.page", "Steps count from 1"),
        ("/q/vmsplice-leak.99.page", "Its last step is"),
        ("/q/vmsplice-leak.1.sees", "has no question of the kind"),
        ("/q/vmsplice-leak~nope.7.page", "nope"),
        ("/q/none-such~linux.7.page", "There is no scenario"),
        ("/q/none-such.7.page", "No such run"),
        ("/q/vmsplice-leak/99", "has no step 99"),
        ("/learn/nothing-like-it", "All lessons are at /learn"),
        ("/learn/huge-page", "/learn/huge-pages"),
    ],
)
def test_what_is_not_there_says_what_is(client: TestClient, path: str, told: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert told in answer.text


def test_a_steps_best_question_and_the_ones_beside_it(client: TestClient) -> None:
    answer = client.get("/q/vmsplice-leak/7")
    assert answer.status_code == 303
    page = client.get(answer.headers["location"]).text
    assert "/q/vmsplice-leak.7.which" in page
    assert "/q/vmsplice-leak.7.page" in page


def test_the_reverse_question_shows_two_states_and_no_step(client: TestClient) -> None:
    page = client.get("/q/hello-fork.4.which").text
    assert page.count('class="qstate"') == 2
    assert 'class="qcmd"' not in page


def test_questions_on_a_run_of_ones_own(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK, "mapcount")
    answer = client.get(f"/q/{run}/6")
    assert answer.status_code == 303
    location = answer.headers["location"]
    assert location.startswith(f"/q/{run}.6.")
    assert client.get(location).status_code == 200


def test_a_lesson_is_remembered_through_its_questions(client: TestClient) -> None:
    right = question(PAGE).right[0]
    page = client.post(f"/q/{PAGE}?lesson=vmsplice-leak", data={"answer": right}).text
    assert 'href="/learn/vmsplice-leak"' in page
