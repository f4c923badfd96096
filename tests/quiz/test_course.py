"""The course: each lesson's sights and questions are there, and the engine gives the answers."""

from __future__ import annotations

from typing import Any

import pytest

from app import policies
from app.quiz import Question, question, questions_for, shipped_run
from app.quiz.course import LESSONS, lesson_of
from app.quiz.view import places, seen_state
from app.resources import resource
from app.scenario import library, parse
from app.trace import Run, play
from app.web.why import why_of

Json = dict[str, Any]

SLUGS = {shipped.slug: shipped for shipped in library()}
ASKED = sorted({name for lesson in LESSONS for name in lesson.questions})
SIGHTS = [(lesson.slug, sight) for lesson in LESSONS for sight in lesson.sights]


def label_of(step: Json, place: str) -> str:
    page = places(step["state"])[place]
    return str(page["frame"] or page["swap_offset_label"] or "nothing")


def fate_of(step: Json, before: Json) -> str:
    """A word of the label that stands for what the step did, from its outcome and states alone."""
    outcome = step["outcome"]
    if outcome["error"]:
        return str(outcome["error"])
    if " fork " in step["text"]:
        return "copies a page" if outcome["copies"] else "both entries read-only"
    if " pin " in step["text"]:
        if outcome["copies"]:
            return "made before"
        reused = any(event["kind"] == "reuse" for event in step["events"])
        return "found to be its own" if reused else "no copy"
    if " swapout " in step["text"]:
        return "goes to swap" if step["state"]["swap"] != before["state"]["swap"] else "stays"
    if outcome["copies"]:
        return "maps the copy"
    if not outcome["faults"]:
        return "allows the access"
    reused = any(event["kind"] == "reuse" for event in step["events"])
    came_in = any(page["kind"] == "swap" for page in places(before["state"]).values()) and (
        before["state"]["swap"] != step["state"]["swap"]
    )
    return "brings the page in" if came_in and not reused else "keeps the page"


def answered_by(run: Run, asked: Question) -> str:
    """What the right option's label must start with or contain, read off a run's documents."""
    before, step = run.step(asked.step - 1), run.step(asked.step)
    match asked.kind:
        case "page":
            return label_of(step, asked.text.split("does ")[1].split(" map ")[0])
        case "count":
            frame = step["state"]["frames"].get(asked.text.split("are ")[1].split("'s ")[0])
            if frame is None:
                return "0: it is freed"
            return f"refcount {frame['refcount']}, mapcount {frame['mapcount']}"
        case "value":
            return str(step["outcome"]["error"] or step["outcome"]["value"])
        case "sees":
            name = asked.text.split("value would ")[1].split(" read")[0]
            held = step["state"]["handles"].get(name)
            return str(held["values"][0] if held else places(step["state"])[name]["value"])
        case "fault":
            faults = step["outcome"]["faults"]
            return step["outcome"]["error"] or ("No fault" if faults == 0 else "A page fault")
        case _:
            return fate_of(step, before)


def bits_that_change(run: Run, asked: Question) -> set[str]:
    changed = set()
    states = [run.step(number)["state"] for number in (asked.step - 1, asked.step)]
    for option in asked.options:
        found = []
        for state in states:
            frame = state["frames"].get(option.subject)
            page = places(state).get(option.subject, {})
            if frame is not None:
                found.append(option.mark in frame["flags"])
            elif option.mark == "present":
                found.append(page.get("kind") == "present")
            else:
                found.append(bool(page.get(option.mark)))
        if found[0] != found[1]:
            changed.add(option.id)
    return changed


def test_twelve_lessons_in_order() -> None:
    assert [lesson.number for lesson in LESSONS] == list(range(1, 13))
    assert len({lesson.slug for lesson in LESSONS}) == 12
    for lesson in LESSONS:
        assert lesson_of(lesson.slug) is lesson
        assert lesson.predict
        assert lesson.check
        assert resource("templates").joinpath("lessons", f"{lesson.slug}.html").is_file()
    assert lesson_of("nothing") is None


@pytest.mark.parametrize(
    ("slug", "sight"), SIGHTS, ids=lambda part: str(getattr(part, "slug", part))
)
def test_a_sight_shows_what_it_says(slug: str, sight: Any) -> None:
    assert sight.slug in SLUGS
    if sight.policy:
        assert policies.check(sight.policy) is None
    run = shipped_run(f"{sight.slug}~{sight.policy}" if sight.policy else sight.slug)
    step = run.step(sight.step)
    told = " ".join(
        [why_of(step).lead, *(f"{e['decision']} {e['because']}" for e in step["events"])]
    )
    assert sight.says in told


@pytest.mark.parametrize("name", ASKED)
def test_the_right_answer_is_the_engines(name: str) -> None:
    asked = question(name)
    source, _, policy = asked.source.partition("~")
    assert asked.policy == (policy or SLUGS[source].scenario.policy or "linux")
    run = play(SLUGS[source].scenario, asked.policy)
    labels = [option.label for option in asked.options]
    assert len(set(labels)) == len(labels) >= 2
    if asked.multiple:
        assert set(asked.right) == bits_that_change(run, asked)
        assert 0 < len(asked.right) < len(labels)
        return
    (right,) = asked.right
    if asked.kind == "which":
        assert asked.option(right).label == run.step(asked.step)["text"]
        return
    fits = [option for option in asked.options if answered_by(run, asked) in option.label]
    assert asked.option(right) in fits
    if asked.kind not in ("page", "value", "sees"):
        assert len(fits) == 1


@pytest.mark.parametrize("name", ASKED)
def test_a_wrong_answer_names_the_policies_that_give_it(name: str) -> None:
    asked = question(name)
    for option in asked.options:
        for policy in () if asked.multiple else option.policies:
            run = play(SLUGS[asked.source.partition("~")[0]].scenario, policy)
            assert answered_by(run, asked) in option.label or asked.kind == "which"
        if option.id in asked.right or asked.multiple or asked.kind == "which":
            continue
        if option.policies:
            assert f"{option.policies[0]} (" in option.feedback
        else:
            assert "gives this answer" in option.feedback


@pytest.mark.parametrize("name", [name for name in ASKED if name.endswith(".which")])
def test_a_wrong_step_leads_elsewhere(name: str) -> None:
    asked = question(name)
    scenario = SLUGS[asked.source.partition("~")[0]].scenario
    run = play(scenario, asked.policy)
    goal = seen_state(run.step(asked.step)["state"])
    lines = scenario.text.split("\n")[: scenario.steps[asked.step - 1].line - 1]
    for option in asked.options:
        tried = play(parse("\n".join([*lines, option.label])), asked.policy)
        arrived = seen_state(tried.step(len(tried))["state"]) == goal
        assert arrived == (option.id in asked.right)


def test_feedback_names_the_rule_that_decided() -> None:
    asked = question("vmsplice-leak.7.page")
    assert asked.rule == "count-references"
    for option in asked.options:
        assert asked.rule in option.feedback
    wrong = next(option for option in asked.options if "mapcount" in option.policies)
    assert "reuse_swap_page()" in wrong.feedback


def test_every_step_of_the_library_can_be_asked_without_contradiction() -> None:
    """Also of scenarios no lesson uses: a right answer, and no two options that read the same."""
    for slug in ("hello-fork", "vmsplice-leak", "swap-keeps-ownership", "reclaim-shared"):
        run = shipped_run(slug)
        for number in range(1, len(run) + 1):
            for asked in questions_for(run, number, slug):
                labels = [option.label for option in asked.options]
                assert len(set(labels)) == len(labels)
                assert asked.right
                assert set(asked.right) < {option.id for option in asked.options}
                assert question(asked.id) == asked
    assert questions_for(run, 0, slug) == ()
