"""The timeline without a browser: a line in small steps is told once, labels keep apart."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from app.scenario import library
from app.trace import play
from app.web import timeline
from app.web.glimpse import survey
from app.web.ticks import Timeline, timeline_of

RACES = {s.slug: s.scenario for s in library() if s.slug.startswith("race-")}


def line_of(slug: str) -> Timeline:
    return timeline_of(survey(play(RACES[slug], "linux")))


def test_a_fork_in_small_steps_is_one_fork() -> None:
    line = line_of("race-fork-asks-first")
    glyphs = [tick.glyph for tick in line.ticks]
    assert glyphs[3:11] == ["fork", "pin", *["micro"] * 6]
    assert [tick.child for tick in line.ticks if tick.child] == ["B"]
    assert [n for n in line.marked if 4 <= n <= 11] == [4, 5]
    assert [tick.label for tick in line.ticks[5:11]] == [""] * 6
    drawn = timeline.draw(line, 6, "/r/x")
    assert drawn.count('class="tl-fork"') == 1
    assert 'aria-label="step 7: its line goes on"' in drawn


@pytest.mark.parametrize("slug", RACES)
def test_a_small_step_that_moves_a_page_says_so(slug: str) -> None:
    run = play(RACES[slug], "linux")
    for number, tick in enumerate(timeline_of(survey(run)).ticks, 1):
        if tick.glyph == "micro":
            kinds = {event.reason.kind for event in run.steps[number].events}
            assert not kinds & {"copy", "reuse", "swap"}


@pytest.mark.parametrize("slug", RACES)
def test_labels_keep_apart(slug: str) -> None:
    drawn = timeline.draw(line_of(slug), 0, "/r/x")
    found = re.findall(r'<text x="([\d.]+)" y="29" class="tl-lab mid">([^<]*)</text>', drawn)
    ends = [
        (float(x) - len(words) * timeline.LETTER / 2, float(x) + len(words) * timeline.LETTER / 2)
        for x, words in found
        if words
    ]
    assert len(ends) > 3
    assert all(right + timeline.LETTER / 2 <= left for (_, right), (left, _) in pairwise(ends))
