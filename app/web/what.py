"""What a step asks for, in a sentence without code: the first line of the explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.engine import operations as op

ADVICE = {
    "dontneed": "A discards the content of {0}.",
    "free": "A allows the kernel to discard {0}.",
    "pageout": "A asks for {0} to be swapped out.",
    "cold": "A says that it will not need {0} soon.",
    "dontfork": "A keeps {0} from its children.",
    "dofork": "A shares {0} with its children again.",
    "wipeonfork": "A gives its children zeroes instead of {0}.",
    "keeponfork": "A gives its children the content of {0} again.",
    "mergeable": "A allows equal pages of {0} to be merged.",
    "unmergeable": "A takes back that pages of {0} may be merged.",
    "hugepage": "A asks for huge pages in {0}.",
    "nohugepage": "A wants no huge pages in {0}.",
    "populate_read": "A has all of {0} mapped for reading.",
    "populate_write": "A has all of {0} mapped for writing.",
    "collapse": "A asks for {0} to become huge pages.",
}


def mapped(step: Any) -> str:
    kind = "shared" if step.shared else "hugetlb" if step.hugetlb else "private"
    pages = "one page" if step.pages == 1 else f"{step.pages} pages"
    file = " of a file" if step.file else ""
    return f"{step.actor} maps {pages}{file} as {step.area}, {kind}; nothing is allocated yet."


def taken(step: Any, words: str) -> str:
    return f"{step.actor} {words}: {step.handle} holds what {step.place} maps."


def pinned(step: Any) -> str:
    mode = "reading and writing" if step.write else "reading"
    term = "long-term" if step.longterm else "short"
    return taken(step, f"pins {step.place} for {mode} ({term})")


def advised(step: Any) -> str:
    known = ADVICE.get(step.advice, "A advises the kernel about {0}.")
    return str(step.actor) + known[1:].format(step.place)


SENTENCES: dict[type[op.Operation], Callable[[Any], str]] = {
    op.Mmap: mapped,
    op.Write: lambda s: f"{s.actor} writes {s.value} to {s.place}.",
    op.Read: lambda s: f"{s.actor} reads {s.place}.",
    op.Fork: lambda s: f"{s.actor} forks: {s.child} is its child.",
    op.Vfork: lambda s: f"{s.actor} forks {s.child}, which borrows its memory.",
    op.Exit: lambda s: f"{s.actor} exits.",
    op.Exec: lambda s: f"{s.actor} starts another program: its memory goes.",
    op.Munmap: lambda s: f"{s.actor} unmaps {s.place}.",
    op.Mprotect: lambda s: f"{s.actor} changes what may be done with {s.place} to “{s.prot}”.",
    op.Mremap: lambda s: f"{s.actor} moves {s.place} to {s.target}.",
    op.Madvise: advised,
    op.Mlock: lambda s: f"{s.actor} locks {s.place} in memory.",
    op.Munlock: lambda s: f"{s.actor} unlocks {s.place}.",
    op.Pin: pinned,
    op.Get: lambda s: taken(s, f"takes a reference for {'writing' if s.write else 'reading'}"),
    op.Splice: lambda s: taken(s, f"puts {s.place} into a pipe"),
    op.PtraceWrite: lambda s: f"{s.actor} writes {s.value} to {s.target}'s {s.place}, as a debugger.",
    op.PtraceRead: lambda s: f"{s.actor} reads {s.target}'s {s.place}, as a debugger.",
    op.VmRead: lambda s: f"{s.actor} reads {s.target}'s {s.place}.",
    op.VmWrite: lambda s: f"{s.actor} writes {s.value} to {s.target}'s {s.place}.",
    op.DioWrite: lambda s: f"A device reads {s.place} of {s.actor}, and stores it on disk.",
    op.DioRead: lambda s: f"A device writes {s.value} into {s.place} of {s.actor}.",
    op.Cpu: lambda s: f"{s.actor} runs on CPU {s.cpu} from here on.",
    op.UffdWp: lambda s: (
        f"{s.actor} {'has' if s.on else 'no longer has'} writes to {s.place} reported."
    ),
    op.ClearRefs: lambda s: f"The soft-dirty bits of {s.actor} are cleared, to see its next writes.",
    op.HandleRead: lambda s: f"What is behind {s.actor} reads the page that it holds.",
    op.HandleWrite: lambda s: f"What is behind {s.actor} writes {s.value} to the page that it holds.",
    op.HandleRelease: lambda s: f"{s.actor} lets go of its pages.",
    op.Swapout: lambda s: f"{s.process}'s {s.place} is to be swapped out.",
    op.Reclaim: lambda s: f"The kernel reclaims {s.process}'s {s.place}, from everybody who maps it.",
    op.Swapcache: lambda s: f"{s.process}'s {s.place} gets a swap slot and stays mapped.",
    op.Migrate: lambda s: f"The kernel moves {s.process}'s {s.place} to another place in memory.",
    op.Ksm: lambda _: "The kernel looks for equal pages to merge.",
    op.Split: lambda s: f"The kernel splits the huge page of {s.process}'s {s.place}.",
    op.SplitPmd: lambda s: f"The one entry for {s.process}'s {s.place} becomes one for each page.",
    op.Collapse: lambda s: f"The kernel makes a huge page of {s.process}'s {s.place}.",
    op.Drain: lambda _: "All CPUs empty their batches: fresh pages lose the reference of theirs.",
    op.Hold: lambda s: f"Somebody takes {s.count} references to {s.process}'s {s.place}.",
    op.Unhold: lambda s: f"The references that somebody took to {s.process}'s {s.place} are given back.",
    op.Par: lambda s: f"{len(s.lines)} things happen at the same time.",
    op.Micro: lambda s: f"Line {s.line} of the block makes its next small step.",
    op.Join: lambda _: "What is still on its way runs to its end.",
}  # fmt: skip


def what_of(step: op.Operation) -> str:
    """One sentence for an operation."""
    return SENTENCES[type(step)](step)
