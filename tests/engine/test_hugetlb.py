"""hugetlb: the shared mapping, whose pages are the file's and nobody's own."""

from __future__ import annotations

import pytest

from app import policies
from app.scenario import parse
from app.trace import play

SHARED = """\
huge: 8
A mmap h 8 hugetlb shared
A write h[0] 5
A fork B
expect B h[0] none
B read h[0]
expect value 5
expect A h[0] same B h[0]
B write h[1] 7
A read h[1]
expect value 7
A pin h[0] p rw
p write 9
B read h[0]
expect value 9
A mprotect h r
A mprotect h rw
A write h[2] 3
expect copies 0
A munmap h
B read h[2]
expect value 3
p release
expect B h[0] refs 2
expect no violation
"""


@pytest.mark.parametrize("policy", policies.names())
def test_a_shared_mapping_is_one_page_for_all(policy: str) -> None:
    run = play(parse(SHARED), policy)
    assert [f.text for p in run.steps for f in p.expectations if not f.met] == []
    last = run.step(len(run.steps) - 1)["state"]["frames"]
    for label, frame in last.items():
        held = sum(item["count"] for item in frame["ledger"])
        assert held == frame["refcount"], label
