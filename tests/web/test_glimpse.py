"""What a page shows of a run is what the whole trace says."""

from __future__ import annotations

import pytest

from app.scenario import library, parse
from app.trace import Run, play
from app.web.glimpse import glimpse, survey
from app.web.layout import Layout
from app.web.placing import lay_out
from app.web.scene import scene_of
from app.web.ticks import timeline_of

SHIPPED = library()
SHORT = """\
A mmap buf 3
A mmap log 2 shared
A read buf[2]
A write buf[0:2] 7
A write log 1
kernel swapcache A buf[1]
A pin buf[0:2] p
A splice buf[0] g
A fork B
A fork C
B write buf 9
A write buf[0] 8
kernel swapout B buf
B munmap buf[0]
B read buf[1:3]
A mremap buf[1] new
A mprotect buf r
A exit
p release
C write buf 5
"""
LONG = """\
A mmap buf 40
A write buf[0:30] 1
kernel swapout A buf[4:9]
A fork B
B write buf[20] 2
A munmap buf[10:12]
A write buf[25] 3
A read buf[6]
B exit
"""


def full(run: Run) -> list[dict[str, object]]:
    return [run.step(number) for number in range(len(run) + 1)]


@pytest.mark.parametrize("text", [SHORT, *(s.scenario.text for s in SHIPPED)])
@pytest.mark.parametrize("policy", ["linux", "mapcount", "exclusive-pte"])
def test_layout_timeline_and_scenes_are_those_of_the_whole_trace(text: str, policy: str) -> None:
    run = play(parse(text), policy)
    whole = full(run)
    layout = lay_out(survey(run))
    assert layout == lay_out(whole)
    assert timeline_of(survey(run)) == timeline_of(whole)
    for number, step in enumerate(whole):
        before = whole[number - 1] if number else None
        shown, previous = glimpse(run, number, layout)
        shown.pop("wrong", None)  # in a trace, violations stand by themselves
        assert scene_of(layout, number, shown, previous) == scene_of(layout, number, step, before)


def drawn_labels(layout: Layout, run: Run, number: int) -> set[str]:
    state = glimpse(run, number, layout)[0]["state"]
    return {*state["frames"], *state["swap"]}


def test_long_ranges_are_cut_where_pages_ever_differ() -> None:
    run = play(parse(LONG), "linux")
    layout = lay_out(survey(run))
    cuts = [(row.lo, row.hi) for row in layout.rows if row.area == "buf"]
    assert [lo for lo, _ in cuts] == [0, *(hi for _, hi in cuts[:-1])]
    assert {(6, 7), (20, 21), (25, 26), (10, 12)} <= set(cuts)
    for number, step in enumerate(full(run)):
        before = run.step(number - 1) if number else None
        scene = scene_of(layout, number, *glimpse(run, number, layout))
        assert scene.frames == scene_of(layout, number, step, before).frames


def test_a_large_machine_costs_what_is_drawn() -> None:
    run = play(parse("A mmap buf 4096\nA write buf 1\nA fork B\nB write buf[7] 2\n"), "linux")
    layout = lay_out(survey(run))
    assert len(drawn_labels(layout, run, 3)) < 8
    step, _ = glimpse(run, 3, layout)
    assert len(step["events"]) <= 64
    assert step["untold"] + len(step["events"]) == len(run.steps[3].events)
