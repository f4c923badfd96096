"""Pictures of huge pages and of many pages: nothing moves, nothing overlaps, nothing is lost."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from app.engine.state import Present
from app.resources import resource
from app.scenario import library, parse
from app.trace import Run, play
from app.web import drawing
from app.web.entries import mixed
from app.web.glimpse import glimpse, survey
from app.web.homes import Item
from app.web.layout import Layout
from app.web.narrow import with_rows
from app.web.placing import lay_out
from app.web.scene import Scene, scene_of
from app.web.survey import SHARED, bounds, label_at, target
from tests.strategies import programs

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.cow"))
HUGE = [s for s in library() if "huge" in s.slug or "ksm" in s.slug or "collapse" in s.slug]
TEXTS = {s.slug: s.scenario.text for s in HUGE} | {f.stem: f.read_text() for f in RECORDED}
PLACE = re.compile(r'id="([fs]\d+)"[^>]*>(?:<g[^>]*>)?<rect class="body" (x="\S+ y="\S+)')


def at_512(text: str) -> str:
    """The same scenario with huge pages of 512 base pages."""
    text = text.replace("huge: 8", "huge: 512").replace("[4:8]", "[4:512]")
    return re.sub(r"(mmap \w+) 8", r"\1 512", text)


def played(text: str) -> tuple[Run, Layout]:
    run = play(parse(text), "linux")
    return run, lay_out(survey(run))


def scene(run: Run, layout: Layout, number: int) -> Scene:
    return scene_of(layout, number, *glimpse(run, number, layout))


def check_places(run: Run, layout: Layout) -> None:
    """What is drawn with a name keeps its place, and the picture its size."""
    known: dict[str, str] = {}
    sizes = set()
    for number in range(len(run) + 1):
        svg = drawing.stage(layout, scene(run, layout, number), "memory")
        sizes.add(svg[: svg.index(">")])
        for label, place in PLACE.findall(svg):
            assert known.setdefault(label, place) == place, f"{label} moved in step {number}"
    assert len(sizes) == 1


def together(one: Item, other: Item) -> bool:
    """Are both there at the same time? A page hands its place over to its swap slot."""
    return one.first <= other.last and other.first <= one.last


def check_overlaps(layout: Layout) -> None:
    for one, other in combinations(layout.items.values(), 2):
        apart = one.y + one.height <= other.y or other.y + other.height <= one.y
        assert apart or not together(one, other), f"{one.label} on {other.label}"
    for above, below in pairwise(layout.groups):
        assert above.top + above.height == below.top
    for item in layout.items.values():
        group = next(g for g in layout.groups if g.first <= item.row <= g.last)
        assert group.top <= item.y
        assert item.y + item.height <= group.top + group.height
        assert layout.frame_x + item.width <= layout.width
    for upper, lower in pairwise(layout.rows):
        assert upper.box + upper.deep <= lower.box or upper.folded


def check_mappings(run: Run, layout: Layout, number: int) -> None:
    """Every entry of every page table is in a row, and leads to something that is drawn."""
    drawn = scene(run, layout, number)
    for process, ranges in run.step(number)["state"]["processes"].items():
        for area, entries in ranges.items():
            rows = [(i, row) for i, row in enumerate(layout.rows) if row.area == area]
            for entry in entries:
                lo, hi = bounds(entry)
                if target(entry) is None:
                    continue
                covered = 0
                for index, row in rows:
                    start, end = max(lo, row.lo), min(hi, row.hi)
                    if start >= end:
                        continue
                    covered += end - start
                    cell = drawn.cells[index][process]
                    label = label_at(target(entry), row.lo - lo) if row.lo >= lo else None
                    if row.folded:
                        assert cell.kind == "folded"
                    elif label is not None:
                        assert cell.target.partition(":")[0] == label
                        assert label in SHARED or shown(layout, drawn, label)
                assert covered == hi - lo


def shown(layout: Layout, drawn: Scene, label: str) -> bool:
    item = layout.place(label)
    assert item is not None, f"{label} has no place"
    if not item.strip:
        return label in drawn.frames or label in drawn.slots
    at = int(label[1:]) - item.start
    return any(c.lo <= at < c.hi and c.state != "gone" for c in drawn.strips[item.label].cells)


@pytest.mark.parametrize("huge", [8, 512])
@pytest.mark.parametrize("name", TEXTS)
def test_everything_is_drawn_once_and_stays_where_it_is(name: str, huge: int) -> None:
    run, layout = played(TEXTS[name] if huge == 8 else at_512(TEXTS[name]))
    check_places(run, layout)
    check_overlaps(layout)
    for number in range(len(run) + 1):
        check_mappings(run, layout, number)


@given(programs(steps=16))
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_so_it_is_for_any_program(text: str) -> None:
    run, layout = played(text)
    check_places(run, layout)
    check_overlaps(layout)
    for number in range(len(run) + 1):
        check_mappings(run, layout, number)


def test_no_letter_is_smaller_than_eleven_pixels() -> None:
    for name in ("cowscope.css", "strips.css", "compare.css"):
        css = (resource("static") / name).read_text()
        rules = re.findall(r"(\.mem [^{}]*)\{([^{}]*)\}", css)
        sizes = [
            (selector, float(size))
            for selector, rule in rules
            for size in re.findall(r"(?:font-size: |font: [^;]*?)([\d.]+)px", rule)
        ]
        assert not [found for found in sizes if found[1] < 11]


def test_a_huge_page_is_one_thing_with_one_ledger() -> None:
    run, layout = played("huge: 8\nA mmap buf 8 thp\nA write buf 1\nA fork B\nA write buf[3] 2\n")
    assert [row.label for row in layout.rows] == ["buf[0..2]", "buf[3]", "buf[4..7]"]
    strip = scene(run, layout, 4).strips["f0"]
    assert (str(strip.parts[0].ref), str(strip.entire), strip.partly) == ("2→8", "2→1", True)
    assert strip.owners == (("A", 7), ("B", 1))
    assert [(c.lo, c.hi, c.by) for c in strip.cells] == [
        (0, 3, ("A", "B")), (3, 4, ("B",)), (4, 8, ("A", "B")),
    ]  # fmt: skip
    svg = drawing.stage(layout, scene(run, layout, 4), "memory")
    assert svg.count('id="f0"') == 1
    assert svg.count("PMD → f0") == 1
    # From B's entry, and on to the folio: the last is A's as well, whose PMD was just split.
    assert svg.count('class="wire pmd ro lk"') == svg.count('class="wire pmd ro moved lk"') == 1


def test_512_pages_are_a_strip_of_runs() -> None:
    run, layout = played(
        "A mmap buf 512 thp\nA write buf 1\nA fork B\nB fork C\nC write buf[7] 2\n"
        "A munmap buf[100:200]\n"
    )
    svg = drawing.stage(layout, scene(run, layout, 6), "memory")
    assert svg.count("<rect") + svg.count("<path") < 250
    assert len(svg) < 40_000
    assert "f0..f511" in svg


def test_changes_are_told_in_runs() -> None:
    run, layout = played("A mmap buf 512 thp\nA write buf 1\nA fork B\nkernel reclaim A buf\n")
    changes = dict(scene(run, layout, 4).changes)
    assert changes["A buf[0..511]"] == "f0..f511 → s0..s511"
    assert changes["f0..f511"] == "freed"
    assert changes["s0..s511"] == "new"


def test_equal_pages_fold_into_runs_and_few_do_not() -> None:
    _, layout = played("A mmap buf 4\nA write buf 1\n")
    assert len(layout.rows) == 4
    _, layout = played("A mmap buf 12\nA write buf 1\nA fork B\nB write buf[4] 2\n")
    assert [row.label for row in layout.rows] == ["buf[0..3]", "buf[4]", "buf[5..11]"]
    _, layout = played("A mmap buf 200\nA write buf[0:150] 1\n")
    assert [(row.label, row.folded) for row in layout.rows] == [
        ("buf[0..149]", False), ("buf[150..199]", True),
    ]  # fmt: skip


def test_a_handle_on_many_pages_is_drawn_once() -> None:
    run, layout = played("huge: 8\nA mmap buf 8 thp\nA write buf 1\nA pin buf[0:8] p\n")
    assert [(grip.handle, grip.pages) for grip in layout.grips] == [("p", 8)]
    assert ("p", "pin rw on f0..f7") in scene(run, layout, 3).changes


def test_a_migration_entry_names_its_frame_and_is_no_swap_entry() -> None:
    shipped = next(s for s in library() if s.slug == "race-migrate-fork")
    run = play(shipped.scenario, "linux")
    layout = lay_out(survey(run))
    cells = [scene(run, layout, number).cells[0] for number in range(len(run) + 1)]
    moving = [n for n, row in enumerate(cells) if row["A"].kind == "migrating"]
    assert moving
    assert cells[moving[0]]["A"].note == "writable"
    assert cells[moving[0]]["A"].on_its_way == "f0"
    child = [n for n in moving if cells[n]["B"].kind == "migrating"]
    assert cells[child[0]]["B"].changed
    assert {cells[child[0]][name].note for name in "AB"} == {"readable"}
    svg = drawing.stage(layout, scene(run, layout, child[0]), "memory")
    assert svg.count("migrating → f0") == 2
    assert "platter" not in svg


@given(programs(steps=12))
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_some_rows_alone_are_laid_out_as_well(text: str) -> None:
    run, layout = played(text)
    for keep in range(0, len(layout.rows), 2):
        small = with_rows(layout, {keep})
        check_overlaps(small)
        drawing.stage(small, scene_of(small, len(run), *glimpse(run, len(run), layout)), "memory")


def test_a_folded_row_that_is_mixed_fits_its_column() -> None:
    """Its words were as wide as two columns, and stood over the neighbours' words."""
    assert mixed("1 present, 40 swapped") == "40/41 swapped"
    assert mixed("3 present, 5 not present") == "3/8 present"
    assert mixed("3 present, 2 swapped, 1 not present") == "2/6 swapped"


MANY_ALIKE = """swap: zram
huge: 512
A mmap buf 512 thp
A write buf 3
A fork B
B fork C
B write buf[7] 5
A write buf[0] 3
kernel reclaim A buf
A read buf[8:40]
B write buf[41:60] 2
"""


def test_a_store_to_many_pages_does_not_hide_the_page_of_another_step() -> None:
    run, layout = played(MANY_ALIKE)
    full = [row.label for row in layout.rows if not row.folded]
    assert {"buf[0]", "buf[7]", "buf[41]"} <= set(full)
    assert [row.hi for row in layout.rows if row.folded] == [60]
    step = next(n for n, s in enumerate(run.scenario.steps, 1) if s.text == "A write buf[0] 3")
    page = run.steps[step].after.tables[0][0]
    assert isinstance(page, Present)
    assert f'id="f{page.pfn}"' in drawing.stage(layout, scene(run, layout, step), "memory")
