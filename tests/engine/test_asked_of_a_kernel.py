"""What Linux 6.18 answered when random programs were played on it (`cowscope repro`).

Each text was played there, too: these are its values, errors and page faults.
"""

from __future__ import annotations

import pytest

from app.scenario import parse
from app.trace import play
from app.trace.outcome import outcome_code

ANSWERS: dict[str, tuple[str, list[str]]] = {
    "a VMA that nothing was stored to is no longer accounted when it becomes read-only, and so it "
    "does not merge with one that was": (
        "A mmap b 3\nA mprotect b[1:3] r\nA read b\nA write b[0] 4\nA mprotect b[0] r\nA fork C\n"
        "C read b[1]",
        ["v0 f1"],
    ),
    "VMAs merge, and one anon_vma serves for both": (
        "A mmap b 3\nA mprotect b[1:3] r\nA write b[0] 1\nA mprotect b[1:3] rw\nA read b[2]\n"
        "A fork C\nC read b[2]",
        ["v0"],
    ),
    "an anon_vma that has ancestors is not adopted": (
        "A mmap b 3\nA mprotect b[1:3] r\nA write b[0] 1\nA fork B\nB mprotect b[1:3] rw\n"
        "B read b[2]\nB fork C\nC read b[2]",
        ["v0 f1"],
    ),
    "a marker in shared memory takes two faults": (
        "A mmap b 3 shared\nA uffd_wp b[2] on\nA write b[2] 6",
        ["f2"],
    ),
    "reclaim leaves a marker where a shared page was protected": (
        "A mmap b 3 shared\nA write b 1\nA uffd_wp b[2] on\nkernel drain\nkernel swapout A b\n"
        "A write b[1] 2\nA write b[2] 3",
        ["f1", "f2"],
    ),
    "a load maps shared memory read-only where userfaultfd may protect it": (
        "A mmap b 3 shared\nA uffd_wp b[1] on\nA read b[2]\nA write b[2] 1",
        ["v0 f1", "f1"],
    ),
    "userfaultfd passes over holes": (
        "A mmap b 4\nA write b 1\nA munmap b[1]\nA uffd_wp b on\nA write b[2] 2",
        ["", "f1"],
    ),
    "what /proc/PID/mem had to read it maps alone": (
        "A mmap b 5 file\nA read b\nkernel drain\nkernel swapout A b\nA ptrace_read A b[1]\n"
        "A read b[1]\nA read b[4]",
        ["v0", "v0", "v0 f1"],
    ),
    "what process_vm_readv had to read it maps with what is around": (
        "A mmap b 5 file\nA read b\nkernel drain\nkernel swapout A b\nA vm_read A b[1]\n"
        "A read b[4]",
        ["v0", "v0"],
    ),
    "userfaultfd needs a mapping": (
        "A mmap b 2\nA write b 1\nA munmap b[1]\nA uffd_wp b[1] on",
        ["EINVAL"],
    ),
    "a mapping with userfaultfd does not move with others": (
        "A mmap b 3\nA write b 1\nA uffd_wp b[2] on\nA mprotect b[2] r\nA mremap b c\nA read b[0]\n"
        "A dio_write c[0]",
        ["EFAULT", "v1", "EFAULT"],
    ),
    "MADV_COLLAPSE where no page table is": (
        "huge: 8\nA mmap b 16 thp\nA write b[15] 6\nA fork B\nB madvise b collapse\nB read b[15]",
        ["EINVAL", "v6"],
    ),
    "MADV_COLLAPSE of an empty page table": (
        "huge: 8\nA mmap b 8 thp\nA madvise b nohugepage\nA write b[5] 1\nA madvise b[5] dontneed\n"
        "A madvise b hugepage\nA madvise b collapse\nA write b[7] 3",
        ["", ""],
    ),
    "MADV_COLLAPSE tells what a VMA forbids before it tells of holes": (
        "A mmap b 3\nA write b 1\nA munmap b[1]\nA madvise b collapse",
        ["EINVAL"],
    ),
    "MADV_COLLAPSE needs an anon_vma, whatever the range": (
        "huge: 8\nA mmap b 8 thp\nA madvise b[7] collapse\nA write b 1\nA madvise b[7] collapse",
        ["EINVAL", "f1", ""],
    ),
    "a page that reclaim dropped is not mapped around its neighbour": (
        "A mmap b 3 file\nA read b[1]\nkernel drain\nkernel swapout A b[1]\nA fork B\nB read b[0]\n"
        "B read b[2]\nB read b[1]",
        ["v0 f1", "v0", "v0 f1"],
    ),
    "an emptied page table leaves no room for a huge page": (
        "huge: 8\nA mmap b 8 thp\nA madvise b nohugepage\nA write b[5] 1\nA madvise b[5] dontneed\n"
        "A madvise b hugepage\nA write b[1] 1\nA write b[2] 1",
        ["f1", "f1"],
    ),
    "the child gets an empty page table where the parent has one": (
        "huge: 8\nA mmap b 8 thp\nA madvise b nohugepage\nA write b[5] 1\nA madvise b[5] dontneed\n"
        "A madvise b hugepage\nA fork B\nB write b[1] 1\nB write b[2] 1",
        ["f1", "f1"],
    ),
    "a page of zeroes that KSM splits off is given back": (
        "huge: 8\nA mmap b 16 thp\nA write b[0] 1\nA write b[8] 1\nA madvise b mergeable\n"
        "kernel ksm\nA read b[3]",
        ["", "v0"],
    ),
    "advice that changes nothing splits no hugetlb page": (
        "huge: 8\nA mmap b 8 hugetlb\nA madvise b[3] dofork\nA madvise b[3] dontfork",
        ["", "EINVAL"],
    ),
    "what never came to be cannot be taken": (
        "A mmap b 2\nA munmap b[0]\nA mremap b c\nA dio_write c[0]",
        ["EFAULT", "EFAULT"],
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_model_answers_as_the_kernel_did(name: str) -> None:
    text, expected = ANSWERS[name]
    run = play(parse(text), "linux")
    said = [outcome_code(step.outcome) for step in run.steps[-len(expected) :]]
    assert said == expected


def test_reclaim_drops_a_clean_page_of_a_file_and_reads_it_anew() -> None:
    run = play(
        parse("A mmap b 2 file\nA read b\nkernel drain\nkernel swapout A b\nA read b"), "linux"
    )
    before, after = run.steps[-3].after, run.steps[-1].after
    assert before.folios
    assert not set(before.folios) & set(after.folios)
