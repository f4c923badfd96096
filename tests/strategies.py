"""Hypothesis strategies: scenario texts that parse, of every kind of memory."""

from __future__ import annotations

from hypothesis import strategies as st

PAGES = 3
HUGE = 4


@st.composite
def programs(draw: st.DrawFn, steps: int = 25, swap: str | None = None) -> str:
    """A random program: processes fork and exit, pages are written, shared, pinned, swapped."""
    kind = swap or draw(st.sampled_from(("zram", "file", "none")))
    lines = [f"swap: {kind}"]
    memory = draw(st.sampled_from(("", "", " thp", " hugetlb")))
    last = PAGES if not memory else 2 * HUGE
    if memory:
        lines.append(f"huge: {HUGE}")
    lines.append(f"A mmap buf {last}{memory}")
    alive, born, held = ["A"], 0, {}
    for number in range(draw(st.integers(1, steps))):
        actor = draw(st.sampled_from(alive))
        lo = draw(st.integers(0, last - 1))
        hi = draw(st.integers(lo + 1, last))
        if memory and draw(st.booleans()):
            # Whole huge pages half of the time: what is never aligned is never huge for long.
            lo, hi = draw(st.sampled_from(((0, HUGE), (HUGE, last), (0, last))))
        place = f"buf[{lo}]" if hi == lo + 1 else f"buf[{lo}:{hi}]"
        verb = draw(st.sampled_from(VERBS))
        if verb == "fork":
            if len(alive) < 4:
                born += 1
                alive.append(f"P{born}")
                lines.append(f"{actor} fork P{born}")
        elif verb == "exit":
            if len(alive) > 1:
                alive.remove(actor)
                lines.append(f"{actor} exit")
        elif verb in ("pin", "get", "splice"):
            name = f"h{number}"
            mode = draw(st.sampled_from(("rw", "ro"))) if verb != "splice" else ""
            held[name] = mode == "rw"
            lines.append(f"{actor} {verb} {place} {name} {mode}".rstrip())
        elif verb == "handle":
            if held:
                name = draw(st.sampled_from(sorted(held)))
                what = draw(st.sampled_from(("read", "write", "release")))
                if what == "release":
                    del held[name]
                if what != "write" or held.get(name):
                    value = f" {draw(st.integers(0, 255))}" if what == "write" else ""
                    lines.append(f"{name} {what}{value}")
        elif verb in ("write", "dio_read"):
            lines.append(f"{actor} {verb} {place} {draw(st.integers(1, 255))}")
        elif verb == "mprotect":
            lines.append(f"{actor} mprotect {place} {draw(st.sampled_from(('none', 'r', 'rw')))}")
        elif verb == "madvise":
            lines.append(f"{actor} madvise {place} {draw(st.sampled_from(ADVICE))}")
        elif verb in ("vm_read", "ptrace_read"):
            lines.append(f"{actor} {verb} {draw(st.sampled_from(alive))} {place}")
        elif verb in ("vm_write", "ptrace_write"):
            target = draw(st.sampled_from(alive))
            lines.append(f"{actor} {verb} {target} {place} {draw(st.integers(1, 255))}")
        elif verb == "cpu":
            lines.append(f"{actor} cpu {draw(st.integers(0, 1))}")
        elif verb == "uffd_wp":
            lines.append(f"{actor} uffd_wp {place} {draw(st.sampled_from(('on', 'off')))}")
        elif verb == "clear_refs":
            lines.append(f"{actor} clear_refs")
        elif verb == "ksm":
            lines.append(f"{actor} madvise {place} mergeable")
            lines.append("kernel ksm")
        elif verb in KERNEL:
            lines.append(f"kernel {verb} {actor} {place}")
        elif verb == "hold":
            lines.append(f"kernel hold {actor} buf[{lo}] {draw(st.integers(1, 3))}")
        elif verb == "drain":
            lines.append("kernel drain")
        else:
            lines.append(f"{actor} {verb} {place}")
    return "\n".join(lines) + "\n"


VERBS = (
    "write", "write", "write", "read", "read", "fork", "fork", "exit", "pin", "get", "splice",
    "handle", "handle", "handle", "mprotect", "madvise", "munmap", "mlock", "munlock", "dio_read",
    "dio_write", "vm_read", "vm_write", "ptrace_read", "ptrace_write", "cpu", "swapout",
    "swapout", "reclaim", "swapcache", "hold", "drain", "uffd_wp", "clear_refs", "ksm", "migrate",
    "split", "split_pmd", "collapse",
)  # fmt: skip
KERNEL = ("swapout", "reclaim", "swapcache", "migrate", "split", "split_pmd", "collapse")
ADVICE = (
    "dontneed", "free", "pageout", "cold", "dontfork", "dofork", "wipeonfork", "keeponfork",
    "populate_read", "populate_write", "hugepage", "nohugepage", "collapse", "unmergeable",
)  # fmt: skip
