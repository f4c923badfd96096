"""The text twin: narrow enough for a mail, and a scenario all the same."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.api.text import REPORT_LINES, WIDTH, step_text
from app.scenario import library, parse
from app.scenario.text import MAX_BYTES
from app.service.runs import LoadedRun, StoredRun
from app.trace import play

LINK = "http://127.0.0.1:8000/r/0123456789/1"


def loaded(text: str, policy: str = "linux") -> LoadedRun:
    run = play(parse(text), policy)
    stored = StoredRun(
        "0123456789", policy, "1", run.scenario.title, datetime.now(UTC), None, text, len(run), {}
    )
    return LoadedRun(stored, run)


@pytest.mark.parametrize("slug", [shipped.slug for shipped in library()])
def test_a_step_pasted_back_is_the_same_run(slug: str) -> None:
    shipped = next(one for one in library() if one.slug == slug)
    run = loaded(shipped.scenario.text, shipped.scenario.policy or "linux")
    for number in {0, run.last // 2, run.last}:
        text = step_text(run, number, LINK)
        assert max(map(len, text.splitlines())) <= WIDTH
        again = parse(text)
        assert again.policy == run.stored.policy
        played = play(again, run.stored.policy)
        assert played.checksums() == run.run.checksums()
        assert [s.text for s in again.steps] == [s.text for s in run.run.scenario.steps]


def test_wide_lines_are_folded_and_words_keep_their_place() -> None:
    words = "wide " * 40
    text = (
        f"title: {words}\nsummary: {words}\nmemory: 64\nA mmap buf 1  # policy: {words}\n"
        f"note {words}\nA write buf 1\n"
    )
    run = loaded(text)
    for number in range(3):
        told = step_text(run, number, LINK)
        assert max(map(len, told.splitlines())) <= WIDTH
        again = parse(told)
        assert again.config == run.run.scenario.config
        assert len(again.steps) == 2
        assert " ".join(note.text for note in again.steps[0].notes) == words.strip()


def test_the_letters_are_those_of_page_types() -> None:
    run = loaded("A mmap buf 1\nA write buf 7\nkernel drain\n")
    line = next(line for line in step_text(run, 3, LINK).splitlines() if line.startswith("#   f0"))
    assert "Ma_b" in line
    assert "excl" in line
    assert "A.buf[0]       present f0     PWDS_ = 7" in step_text(run, 3, LINK)


def test_a_large_text_stays_within_the_language_s_limit() -> None:
    steps = "A write buf[0] 1 # padding for a text near the limit\n" * 1100
    text = f"A mmap buf 600\nA write buf[0:600] 7\n{steps}"
    assert len(text) > MAX_BYTES - 8_000
    told = step_text(loaded(text), 3, LINK)
    assert len(told.encode()) <= MAX_BYTES
    assert len(parse(told).steps) == 1102
    many = "A mmap buf 600\n" + "".join(f"A write buf[{i}] {i % 250}\n" for i in range(600))
    run = loaded(many)
    report = [line for line in step_text(run, 601, LINK).splitlines() if line.startswith("#")]
    assert len(report) <= REPORT_LINES + 1
    assert "more lines; all is in the .json" in report[-1]


def test_pages_of_a_large_folio_that_are_alike_are_told_as_one() -> None:
    text = "huge: 8\nA mmap buf 8 thp\nA write buf 1\nA fork B\nA write buf[3] 2\n"
    told = step_text(loaded(text), 4, LINK)
    lines = [line.removeprefix("#   ").rstrip() for line in told.splitlines()]
    assert [line[:28] for line in lines if line[:5] in ("A.buf", "B.buf")] == [
        "A.buf[0:3]     present f0:f3",
        "A.buf[3]       present f8   ",
        "A.buf[4:8]     present f4:f8",
        "B.buf[0:8]     present f0:f8",
    ]
    assert [line[:5] for line in lines if line[0:1] == "f" and line[1].isdigit()] == [
        "f0   ", "f1:f3", "f3   ", "f4:f8", "f8   ",
    ]  # fmt: skip
    assert sum("folio of 8 pages; entire mapcount 1; mm owners A 7, B 1" in s for s in lines) == 1
    assert [s.text for s in parse(told).steps] == [s.text for s in parse(text).steps]
