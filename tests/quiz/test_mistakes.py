"""The misconception index: every claim holds when it is played, and every question is asked."""

from __future__ import annotations

import pytest

from app.quiz import question, shipped_run
from app.quiz.mistakes import MISTAKES, Mistake, Refutation, find_mistake
from app.scenario import library, parse
from app.trace import play
from app.web.why import why_of

TEXTS = {shipped.slug: shipped.scenario.text for shipped in library()}
REFUTED = [(mistake, refuted) for mistake in MISTAKES for refuted in mistake.refuted]
each = pytest.mark.parametrize("mistake", MISTAKES, ids=[m.slug for m in MISTAKES])
each_step = pytest.mark.parametrize(
    ("mistake", "refuted"), REFUTED, ids=[f"{m.slug}-{r.sight.step}" for m, r in REFUTED]
)


def test_the_usual_ones_are_there() -> None:
    slugs = [mistake.slug for mistake in MISTAKES]
    assert len(set(slugs)) == len(slugs) >= 12
    for slug in (
        "fork-copies-pages",
        "refcount-1-means-mine",
        "read-only-means-shared",
        "a-pin-keeps-the-mapping",
        "mapped-once-means-exclusive",
        "swap-forgets-the-owner",
        "the-last-owner-never-copies",
    ):
        assert find_mistake(slug) in MISTAKES
    assert find_mistake("nothing") is None


@each_step
def test_what_is_claimed_of_a_step_holds(mistake: Mistake, refuted: Refutation) -> None:
    sight = refuted.sight
    scenario = parse(TEXTS[sight.slug])
    lines = [source.text for source in scenario.steps[: sight.step]]
    header = TEXTS[sight.slug].split("\n\n")[0].splitlines()
    text = "\n".join([*header, "", *lines, *(f"expect {words}" for words in refuted.shows), ""])
    run = play(parse(text), sight.policy or scenario.policy or "linux")
    assert refuted.shows
    assert len(run.steps[-1].expectations) == len(refuted.shows)
    assert [f for f in run.steps[-1].expectations if not f.met] == []


@each_step
def test_the_engine_gives_the_reason_that_is_meant(mistake: Mistake, refuted: Refutation) -> None:
    sight = refuted.sight
    run = shipped_run(f"{sight.slug}~{sight.policy}" if sight.policy else sight.slug)
    step = run.step(sight.step)
    told = " ".join(
        [why_of(step).lead, *(f"{e['decision']} {e['because']}" for e in step["events"])]
    )
    assert sight.says in told


@each
def test_its_question_is_on_a_scenario_that_refutes_it(mistake: Mistake) -> None:
    asked = question(mistake.question)
    assert asked.right
    assert len(asked.options) > len(asked.right)
    assert asked.id.partition(".")[0] in {refuted.sight.slug for refuted in mistake.refuted}
