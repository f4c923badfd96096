"""Expected results, cell by cell: `semantics.md` 2.9, every row that base pages can play.

Columns are policies. A cell is the last value read (if any), the pages copied and the violations.
R11 and R12 write-protect by mprotect(), which every policy answers as it answers userfaultfd-wp
where no event is delivered.
"""

from __future__ import annotations

import pytest

from app.scenario import parse
from app.trace import play

POLICIES = (
    "mapcount",
    "cow-on-gup-read",
    "refcount@5.9",
    "refcount@5.11",
    "refcount@5.18",
    "mapcount-unshare",
    "exclusive-pte",
    "exclusive-page",
    "linux",
)

WORDS = {"ISO": "isolation", "COH": "coherence", "spur": "spurious-copy"}

START = "A mmap buf 1; A write buf 1; kernel drain; "

# Row: text, then nine cells in the order of POLICIES.
TABLE = {
    "R1 hello-fork": (
        "A mmap buf 1; A write buf 1; A fork B; B write buf 2; A read buf; A write buf 3; B read buf",
        "2 c1|2 c1|2 c2 spur|2 c2 spur|2 c1|2 c1|2 c1|2 c1|2 c1",
    ),
    "R2 last owner": (
        START + "A fork B; B exit; A write buf 2; A read buf",
        "2 c0|2 c0|2 c0|2 c0|2 c0|2 c0|2 c0|2 c0|2 c0",
    ),
    "R3 last owner, LRU batch not drained": (
        "A mmap buf 1; A write buf 1; A fork B; B exit; A write buf 2; A read buf",
        "2 c0|2 c0|2 c1 spur|2 c1 spur|2 c0|2 c0|2 c0|2 c0|2 c0",
    ),
    "R4 vmsplice, child reads parent": (
        START + "A fork B; B splice buf g; B munmap buf; A write buf 42; g read",
        "42 c0 ISO|1 c1|1 c1|1 c1|1 c1|1 c1|1 c1|1 c1|1 c1",
    ),
    "R5 vmsplice before fork, parent reads child": (
        START + "A splice buf g; A fork B; A munmap buf; B write buf 42; g read",
        "42 c0 ISO|42 c0 ISO|1 c1|1 c1|1 c1|42 c0 ISO|1 c1|1 c1|1 c1",
    ),
    "R6 vmsplice after fork in parent, parent reads child": (
        START + "A fork B; A splice buf g; A munmap buf; B write buf 42; g read",
        "42 c0 ISO|1 c1|1 c1|1 c1|1 c1|1 c1|1 c1|1 c1|1 c1",
    ),
    "R7 GET rw, then fork, parent writes": (
        START + "A get buf p rw; A fork B; A write buf 2; p write 99; A read buf",
        "2 c1 ISO|2 c1 ISO|2 c1 ISO|2 c1 ISO|2 c1 ISO|2 c1 ISO|2 c1 ISO|2 c1 ISO|2 c1 ISO",
    ),
    "R8 pin rw, then fork, parent writes": (
        START + "A pin buf p rw; A fork B; A write buf 2; p write 99; A read buf",
        "2 c1 COH ISO|2 c1 COH ISO|99 c1|99 c1|99 c1|99 c1|99 c1|99 c1|99 c1",
    ),
    "R9 ro pin on a shared page, owner writes": (
        START + "A fork B; A pin buf p ro; A write buf 2; p read",
        "1 c1 COH|2 c1|1 c1 COH|1 c1 COH|1 c1 COH|2 c1|1 c1 COH|1 c1 COH|2 c1",
    ),
    "R10 ro pin on a previously shared page, owner writes": (
        START + "A fork B; B exit; A pin buf p ro; A write buf 2; p read",
        "2 c0|2 c0|1 c1 COH|1 c1 COH|1 c1 COH|2 c0|1 c1 COH|1 c1 COH|2 c0",
    ),
    "R11 rw pin, write-protect, owner writes": (
        START + "A pin buf p rw; A mprotect buf r; A mprotect buf rw; A write buf 2; p read",
        "2 c0|2 c0|1 c1 COH|1 c1 COH|1 c1 COH|2 c0|2 c0|2 c0|2 c0",
    ),
    "R12 rw GET, write-protect, owner writes": (
        START + "A get buf p rw; A mprotect buf r; A mprotect buf rw; A write buf 2; p read",
        "2 c0|2 c0|1 c1 COH|1 c1 COH|1 c1 COH|2 c0|2 c0|2 c0|2 c0",
    ),
    "R13 rw pin, reclaim tries, owner reads then writes": (
        START + "A pin buf p rw; kernel swapout A buf; A read buf; A write buf 2; p read",
        "2 c0|2 c0|1 c1 COH|2 c0|2 c0|2 c0|2 c0|2 c0|2 c0",
    ),
    "R14 rw GET, swapped out, owner reads then writes": (
        START + "A get buf p rw; kernel swapout A buf; A read buf; A write buf 2; p read",
        "2 c0|2 c0|1 c1 COH|1 c1 COH|1 c1 COH|2 c0|2 c0|1 c1 COH|2 c0",
    ),
    "R15 swap out, read back, write": (
        START + "kernel swapout A buf; A read buf; A write buf 2",
        "1 c0|1 c0|1 c1 spur|1 c1 spur|1 c0|1 c0|1 c0|1 c0|1 c0",
    ),
    "R16 swap out, write back in": (
        START + "kernel swapout A buf; A write buf 2",
        "c0|c0|c0|c0|c0|c0|c0|c0|c0",
    ),
    "R17 swap out, fork, both write": (
        START + "kernel swapout A buf; A fork B; A read buf; A write buf 2; B read buf; "
        "B write buf 3; A read buf",
        "2 c1|2 c1|2 c2 spur|2 c2 spur|2 c1|2 c1|2 c1|2 c1|2 c1",
    ),
    "R18 swap out, fork, B splices and unmaps, A writes": (
        START + "kernel swapout A buf; A fork B; B splice buf g; B munmap buf; A write buf 42; g read",
        "42 c0 ISO|1 c1|42 c0 ISO|42 c0 ISO|1 c1|42 c0 ISO|1 c1|1 c1|1 c1",
    ),
    "R19 swap-cache reference only": (
        START + "A fork B; B exit; kernel swapcache A buf; A write buf 2",
        "c0|c0|c1 spur|c1 spur|c0|c0|c0|c0|c0",
    ),
    "R20 speculative reference on an exclusive read-only page": (
        START + "A mprotect buf r; A mprotect buf rw; kernel hold A buf 1; A write buf 2",
        "c0|c0|c1 spur|c1 spur|c1 spur|c0|c0|c0|c0",
    ),
    "R21 1024 references look like a pin": (
        "A mmap o 1; A write o 1; A pin o q rw; q release; "
        + START
        + "kernel hold A buf 1024; A fork B",
        "c0|c0|c1 spur|c1 spur|c1 spur|c1 spur|c1 spur|c1 spur|c1 spur",
    ),
    "R22 fork twice, grandchild last": (
        START + "A fork B; B fork C; A exit; B exit; C write buf 5; C read buf",
        "5 c0|5 c0|5 c0|5 c0|5 c0|5 c0|5 c0|5 c0|5 c0",
    ),
    "R24 swap out shared, B splices then unmaps": (
        START + "A fork B; kernel reclaim A buf; B splice buf g; B munmap buf; A write buf 42; g read",
        "42 c0 ISO|1 c1|42 c0 ISO|42 c0 ISO|1 c1|42 c0 ISO|1 c1|1 c1|1 c1",
    ),
    "R25 GET rw, swapped out, fork, owner writes": (
        START + "A get buf p rw; kernel swapout A buf; A fork B; A write buf 2; p read",
        "1 c1|1 c1|1 c1|1 c1|1 c1|1 c1|1 c1|1 c1|1 c1",
    ),
    "R26 B forked before the pin, B exits, A writes": (
        START + "A fork B; A pin buf p rw; B exit; A write buf 2; p read",
        "2 c1|2 c1|2 c1|2 c1|2 c1|2 c1|2 c1|2 c1|2 c1",
    ),
    "R27 splice, then owner writes, no fork": (
        START + "A splice buf g; A write buf 2; g read",
        "2 c0|2 c0|2 c0|2 c0|2 c0|2 c0|2 c0|2 c0|2 c0",
    ),
    "R28 splice of a previously shared page, owner writes": (
        START + "A fork B; B exit; A splice buf g; A write buf 2; g read",
        "2 c0|2 c0|1 c1|1 c1|1 c1|2 c0|1 c1|1 c1|1 c1",
    ),
    # The reading note of R29: staying on the zero page is a violation iff the pin is long-term.
    "R29 zero page: long ro pin, then owner writes": (
        "A mmap buf 1; A read buf; A pin buf p ro long; A write buf 2; p read",
        "0 c0 COH|2 c0|0 c0 COH|0 c0 COH|0 c0 COH|0 c0 COH|0 c0 COH|0 c0 COH|2 c0",
    ),
    "R29 zero page: short ro pin, then owner writes": (
        "A mmap buf 1; A read buf; A pin buf p ro short; A write buf 2; p read",
        "0 c0|2 c0|0 c0|0 c0|0 c0|0 c0|0 c0|0 c0|0 c0",
    ),
    "R30 mprotect r then rw, write": (
        START + "A mprotect buf r; A mprotect buf rw; A write buf 2",
        "c0|c0|c0|c0|c0|c0|c0|c0|c0",
    ),
    # KSM pages are exempt from spurious copies (2.7), so R23 and R31 have no "spur" here.
    "R23 KSM merge, both write": (
        START + "A madvise buf mergeable; A fork B; B write buf 1; A write buf 1; kernel ksm; "
        "A write buf 2; B write buf 3; A read buf",
        "2 c2|2 c2|2 c3|2 c3|2 c3|2 c2|2 c3|2 c3|2 c3",
    ),
    "R31 KSM page, last mapper writes": (
        START + "A madvise buf mergeable; A fork B; B write buf 1; A write buf 1; kernel ksm; "
        "B exit; A write buf 2; A read buf",
        "2 c1|2 c1|2 c2|2 c2|2 c2|2 c1|2 c2|2 c2|2 c2",
    ),
    # The table says c1 throughout. A real 6.18 has by then made the other page a KSM page, finds
    # that its twin cannot merge, and breaks it again by a copy (kernel-facts.md 21), so c2 wherever
    # a KSM page is never reused.
    "R32 KSM refuses a pinned page": (
        START + "A madvise buf mergeable; A fork B; B write buf 1; A pin buf p rw; kernel ksm; "
        "A write buf 2; p read",
        "2 c1|2 c1|2 c2|2 c2|2 c2|2 c1|2 c2|2 c2|2 c2",
    ),
    "R33 swap out, read back, write; synchronous device": (
        "swap: zram; " + START + "kernel swapout A buf; A read buf; A write buf 2",
        "1 c0|1 c0|1 c1 spur|1 c1 spur|1 c0|1 c0|1 c0|1 c0|1 c0",
    ),
    "R34 fork while read-only pinned and shared already": (
        START + "A fork B; A pin buf p ro; A fork C; A write buf 2; p read",
        "1 c1 COH|1 c2 COH|1 c2 COH|1 c2 COH|1 c2 COH|2 c2|1 c2 COH|1 c2 COH|2 c2",
    ),
    "R35 sole owner after fork and exit, one speculative reference": (
        START + "A fork B; B exit; kernel hold A buf 1; A write buf 2",
        "c0|c0|c1 spur|c1 spur|c1 spur|c0|c1 spur|c1 spur|c1 spur",
    ),
}  # fmt: skip

CELLS = [
    (row, policy, text, cell)
    for row, (text, cells) in TABLE.items()
    for policy, cell in zip(POLICIES, cells.split("|"), strict=True)
]


@pytest.mark.parametrize(
    ("row", "policy", "text", "cell"), CELLS, ids=[f"{row}: {policy}" for row, policy, *_ in CELLS]
)
def test_cell(row: str, policy: str, text: str, cell: str) -> None:
    if not text.startswith("swap:"):
        text = "swap: file; " + text
    run = play(parse(text.replace("; ", "\n")), policy)
    words = cell.split()
    read = [p.outcome.value for p in run.steps if p.outcome.value is not None]
    assert f"c{run.steps[-1].after.copies}" == next(w for w in words if w[0] == "c")
    if words[0].isdigit():
        assert read[-1] == int(words[0])
    found = {kind for kind, step in run.verdicts.items() if step is not None} - {"invariant"}
    assert found == {WORDS[word] for word in words if word in WORDS}
