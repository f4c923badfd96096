"""Good texts become operations; bad ones are answered with every error, and where it stands."""

from __future__ import annotations

import pytest

from app.engine import operations as ops
from app.engine.operations import Place
from app.engine.state import Config
from app.scenario import MAX_BYTES, MAX_FRAMES, MAX_PROCESSES, ScenarioErrors, parse
from app.scenario.errors import SHOWN
from app.scenario.expectations import ExpectPage, ExpectViolation

ALL = Place("buf", 0, 4)
ONE = Place("buf", 1, 2)

GOOD: list[tuple[str, ops.Operation]] = [
    ("A mmap new 2 shared ro", ops.Mmap("A", "new", 2, "r", shared=True)),
    ("A mmap new 0x10 populate thp", ops.Mmap("A", "new", 16, thp=True, populate=True)),
    ("A write buf[0x1] 0xff", ops.Write("A", ONE, 255)),
    ("A\twrite   buf [ 1 : 3 ]  7", ops.Write("A", Place("buf", 1, 3), 7)),
    ("A read buf", ops.Read("A", ALL)),
    ("A vfork C", ops.Vfork("A", "C")),
    ("A mremap buf[1:3] moved", ops.Mremap("A", Place("buf", 1, 3), "moved")),
    ("A madvise buf pageout", ops.Madvise("A", ALL, "pageout")),
    ("A pin buf[1] p", ops.Pin("A", ONE, "p")),
    ("A pin buf[1] p fast short ro", ops.Pin("A", ONE, "p", False, False, True)),
    ("A get buf[1] g rw", ops.Get("A", ONE, "g", True)),
    ("A splice buf[1] g", ops.Splice("A", ONE, "g")),
    ("A ptrace_write B buf[1] 3", ops.PtraceWrite("A", "B", ONE, 3)),
    ("A vm_read B buf", ops.VmRead("A", "B", ALL)),
    ("A dio_read buf[1] 3", ops.DioRead("A", ONE, 3)),
    ("A cpu 1", ops.Cpu("A", 1)),
    ("A uffd_wp buf on", ops.UffdWp("A", ALL, True)),
    ("h write[3] 9", ops.HandleWrite("h", 9, 3)),
    ("h read", ops.HandleRead("h", 0)),
    ("kernel reclaim A buf", ops.Reclaim("kernel", "A", ALL)),
    ("kernel hold A buf[1] 3", ops.Hold("kernel", "A", ONE, 3)),
    ("kernel split_pmd A buf", ops.SplitPmd("kernel", "A", ALL)),
    ("kernel ksm", ops.Ksm("kernel")),
]
BEFORE = "A mmap buf 4\nA fork B\nA pin buf h\nA pin buf o ro\nB fork X\nX exit\n"


@pytest.mark.parametrize(("line", "operation"), GOOD, ids=[line for line, _ in GOOD])
def test_a_good_line_is_its_operation(line: str, operation: ops.Operation) -> None:
    assert parse(BEFORE + line).steps[-1].op == operation


BAD = [
    ("A wriet buf 1", 3, "wriet", "Did you mean “write”?"),
    ("A readbuf", 3, "readbuf", "Did you mean “read”?"),
    ("  A write buff 1", 11, "buff", "Did you mean “buf”?"),
    ("kernel swapuot A buf", 8, "swapuot", "Did you mean “swapout”?"),
    ("A write buf[4] 1", 13, "4", "buf has 4 pages, 0 to 3."),
    ("A read buf[2:2]", 14, "2", "one past the last page"),
    ("A write buf 256", 13, "256", "0 to 255"),
    ("A write buf", 12, "", "a number"),
    ("A mmap n 1 ro none", 15, "none", "One of: ro none."),
    ("A mmap buf 1", 8, "buf", "another name"),
    ("A mmap kernel 1", 8, "kernel", "another name"),
    ("A mmap n 0", 10, "0", "For example"),
    ("A mmap n " + "9" * 5000, 10, "9" * 5000, "so many digits"),
    ("A fork B", 8, "B", "another name"),
    ("X read buf", 1, "X", "cannot act any more"),
    ("Y read buf", 1, "Y", ""),
    ("A cpu 2", 7, "2", "cpus:"),
    ("o write 1", 1, "o", "pin … rw"),
    ("h read[4]", 8, "4", "h holds 4"),
    ("nobody read", 1, "nobody", "pin, get or splice"),
    ("kernel hold A buf 1", 15, "buf", "buf[0]"),
    ("read buf", 1, "read", "A read buf"),
    ("title: late", 1, "title", "before the first step"),
    ("order: 1 2", 1, "order", "behind"),
    ("A read buf\x00", 11, "\\x00", "Remove"),
    ("expect A buf[0] is 300", 20, "300", "0 to 255"),
    ("expect A buf same B buf[0]", 21, "buf", "buf[0:4] and buf[0]"),
]


@pytest.mark.parametrize(("line", "column", "token", "hint"), BAD, ids=[b[0][:30] for b in BAD])
def test_a_bad_line_is_told_where_and_how(line: str, column: int, token: str, hint: str) -> None:
    with pytest.raises(ScenarioErrors) as caught:
        parse(BEFORE + line)
    (error,) = caught.value.errors
    assert (error.line, error.column, error.token) == (7, column, token)
    assert error.message
    assert hint in error.hint


def test_all_errors_come_at_once_up_to_a_hundred() -> None:
    with pytest.raises(ScenarioErrors) as caught:
        parse("A mmap buf 1\n" + "A wriet buf 1\n" * (SHOWN + 7))
    assert len(caught.value.errors) == SHOWN + 1
    assert "7 more" in caught.value.errors[-1].message


def test_what_a_kernel_answers_is_no_error() -> None:
    gone = "A munmap buf\nA write buf 1\nB munmap buf[1]\nB read buf\nB exit\nh write 1\n"
    assert len(parse(BEFORE + gone).steps) == 12


def test_vfork_shares_ranges_until_exec_drops_them() -> None:
    shared = "A mmap buf 1\nA vfork B\nB mmap own 1\nA read own\n"
    assert len(parse(shared).steps) == 4
    with pytest.raises(ScenarioErrors, match="B has no range buf"):
        parse(shared + "B exec\nB read buf\n")


def test_headers_stand_plain_or_behind_a_comment_sign() -> None:
    text = "# title: T\n# a remark: no header\ntags: a, b\nsummary: One.\nsummary: Two.\n"
    knobs = "huge: 8\nswap: file 0x10\ncpus: 4\nmemory: 100\npolicy: linux\nA mmap buf 1"
    scenario = parse((text + knobs).replace("\n", "\r\n"))
    assert (scenario.title, scenario.tags, scenario.policy) == ("T", ("a", "b"), "linux")
    assert scenario.summary == "One.\n\nTwo."
    assert scenario.config == Config(8, "file", 16, 4, 100)


@pytest.mark.parametrize(
    ("line", "token"),
    [
        ("titel: x", "titel"),
        ("huge: 3", "3"),
        ("huge: ²", "²"),
        ("cpus: 0", "0"),
        ("memory: 65537", "65537"),
        ("swap: zran", "zran"),
        ("policy: linx", "linx"),
    ],
)
def test_a_bad_header_is_told_where(line: str, token: str) -> None:
    with pytest.raises(ScenarioErrors) as caught:
        parse(f"title: x\n{line}\nA mmap buf 1", lambda name: f"No policy {name}.")
    (error,) = caught.value.errors
    assert (error.line, error.column, error.token) == (2, line.index(token) + 1, token)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("# " + "é" * (MAX_BYTES // 2), MAX_BYTES),
        (f"A mmap a {MAX_FRAMES + 1}", MAX_FRAMES),
        (f"A mmap a {MAX_FRAMES}\nA mmap b 1", MAX_FRAMES),
        ("A mmap a 1\n" + "".join(f"A fork B{n}\n" for n in range(MAX_PROCESSES)), MAX_PROCESSES),
    ],
)
def test_a_limit_is_told_with_its_value(text: str, limit: int) -> None:
    with pytest.raises(ScenarioErrors, match=f"limit is {limit}"):
        parse(text)


def test_par_takes_lines_or_actors_as_order() -> None:
    block = "par\n  A read buf\n  # between\n  B write buf[1] 1\n"
    by_line = parse(BEFORE + block + "order: 1 2 2 1").steps
    by_actor = parse(BEFORE + block + "order: A B B A").steps
    assert [step.op for step in by_line] == [step.op for step in by_actor]
    words = [step.op.line for step in by_line if isinstance(step.op, ops.Micro)]
    assert words == [1, 2, 2, 1]
    assert type(by_line[-1].op) is ops.Join


def test_expectations_and_notes_belong_to_the_step_before() -> None:
    scenario = parse(
        "note start\nA mmap buf 2\nexpect A buf not exclusive\nnote see\nexpect no violation\n"
    )
    (step,) = scenario.steps
    assert [note.text for note in scenario.notes_before] == ["start"]
    assert [note.text for note in step.notes] == ["see"]
    page = ExpectPage(3, "expect A buf not exclusive", "A", Place("buf", 0, 2), "exclusive", True)
    assert step.expects == (page, ExpectViolation(5, "expect no violation", None))


def test_a_header_needs_no_space_and_a_remark_may_look_like_one() -> None:
    scenario = parse(
        "title:x\nhuge:8\n# swap: what happens when\n# policy: how they differ\nA mmap buf 1\n"
    )
    assert scenario.title == "x"
    assert scenario.config.huge == 8
    assert scenario.config.swap == "zram"
    assert scenario.policy is None


def test_unhold_takes_a_place_of_several_pages() -> None:
    text = "A mmap buf 2\nA write buf 1\nkernel hold A buf[1] 3\nkernel unhold A buf\n"
    assert str(parse(text).steps[-1].op.place) == "buf[0:2]"  # type: ignore[attr-defined]
