"""The engine on 3 processes x 3 pages and on a huge page: steps/s, cost of keeping and seeking.

Run: python benchmarks/engine.py. Medians of interleaved rounds; no figure passes or fails. Steps/s
are of going forward with nothing kept, as engines are compared; a kept step is the step, the
machine after it kept for the whole run, and the collector's look at it when the run is played.
"""

from __future__ import annotations

import gc
import random
import re
import statistics
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from app import policies
from app.engine import Machine, boot, step
from app.engine import operations as ops
from app.engine.collector import collector_paused
from app.engine.state import Config
from app.scenario import Scenario, parse
from app.scenario.library import library
from app.trace.run import play

ROUNDS = 9
WHOLE = "whatever can happen to all of it"
SERVED = "the library's as the application plays them: audited, with checksums"
STEPS = 10_000
HUGE_STEPS = 1_000
PAGES = 3
OPERATIONS = (
    "kernel split_pmd A buf|A fork B|B write buf 2|A write buf 3|B read buf|B exit|A write buf 4",
    "A fork B|B write buf 2|A write buf 3|B exit|A write buf 4|A read buf",
    "A madvise buf pageout|A read buf|A write buf 2|A fork B|B write buf 3",
    "kernel split A buf|A madvise buf pageout|A read buf|A write buf 2|A fork B|"
    "kernel swapout A buf|B write buf 3|A write buf 4",
    "kernel split_pmd A buf|A pin buf[3:300] p rw|A fork B|A write buf 2|B write buf 3|p release|"
    "A fork C|C write buf 1",
    "A mremap buf[0:256] x|A fork B|B write x 2|B munmap buf[300:400]|A write buf[256:512] 3",
    "A mlock buf|A fork B|A munlock buf|B madvise buf dontneed|A clear_refs|A read buf|"
    "A write buf 5|kernel migrate A buf|A mprotect buf r|A mprotect buf rw|A write buf 1|"
    "A uffd_wp buf on|A write buf 7|A madvise buf free|kernel reclaim A buf|A madvise buf cold|"
    "kernel collapse A buf|A madvise buf populate_write",
)
"""What can happen to a huge page that was written to, all of it at once."""


def program(seed: int) -> list[ops.Operation]:
    """A random mix on 3 processes x 3 pages: every step is one that the machine can play."""
    rng = random.Random(seed)
    out: list[ops.Operation] = [ops.Mmap("A", "buf", PAGES)]
    alive = ["A"]
    born = 0
    held: list[str] = []
    while len(out) < STEPS:
        actor = rng.choice(alive)
        page = rng.randrange(PAGES)
        place = ops.Place("buf", page, page + 1)
        choice = rng.random()
        if choice < 0.45:
            out.append(ops.Write(actor, place, rng.randrange(256)))
        elif choice < 0.75:
            out.append(ops.Read(actor, place))
        elif choice < 0.81 and len(alive) < 3:
            born += 1
            alive.append(f"P{born}")
            out.append(ops.Fork(actor, alive[-1]))
        elif choice < 0.86 and len(alive) == 3:
            alive.remove(actor)
            out.append(ops.Exit(actor))
        elif choice < 0.91 and len(held) < 3:
            held.append(f"p{len(out)}")
            out.append(ops.Pin(actor, place, held[-1], write=rng.random() < 0.5))
        elif choice < 0.96 and held:
            out.append(ops.HandleRelease(held.pop(0)))
        elif choice >= 0.96:
            out.append(ops.Swapout("kernel", actor, place))
    return out


def huge_program(seed: int) -> list[ops.Operation]:
    """The same mix on one huge page of 512 pages; one store or load in twenty is of all of it."""
    whole = ops.Place("buf", 0, 512)
    out: list[ops.Operation] = [ops.Mmap("A", "buf", 512, thp=True), ops.Write("A", whole, 1)]
    rng = random.Random(seed)
    for op in program(seed)[1:HUGE_STEPS]:
        if not isinstance(op, ops.Fork | ops.Exit | ops.HandleRelease):
            page = rng.randrange(512)
            all_of_it = isinstance(op, ops.Write | ops.Read) and rng.random() < 0.05
            op = replace(op, place=whole if all_of_it else ops.Place("buf", page, page + 1))
        out.append(op)
    return out


def operations_on_all() -> list[list[ops.Operation]]:
    out = []
    for steps in OPERATIONS:
        text = f"huge: 512|A mmap buf 512 thp|A write buf 1|{steps}".replace("|", "\n") + "\n"
        out.append([line.op for line in parse(text).steps])
    return out


def huge_scenarios() -> list[Scenario]:
    """The library's scenarios of huge pages of 8 pages, with 512."""
    by = 512 // 8
    out = []
    for shipped in library():
        text = shipped.scenario.text
        if "\nhuge: 8\n" not in text or " hugetlb" in text:
            continue
        text = text.replace("\nhuge: 8\n", "\nhuge: 512\n")
        text = re.sub(r"(mmap \w+ )(\d+)", lambda found: f"{found[1]}{int(found[2]) * by}", text)
        text = re.sub(
            r"\[(\d+)(?::(\d+))?\]",
            lambda found: (
                f"[{int(found[1]) * by}" + (f":{int(found[2]) * by}]" if found[2] else "]")
            ),
            text,
        )
        out.append(parse(text))
    return out


def forward(program: list[ops.Operation], *, explain: bool) -> None:
    """Every step of the program; nothing is kept."""
    policy = policies.get("linux")
    machine = boot(Config(), "A")
    for operation in program:
        machine = step(machine, operation, policy, explain=explain).after


def forward_all(programs: list[list[ops.Operation]], *, explain: bool) -> None:
    for one in programs:
        forward(one, explain=explain)


def play_all(scenarios: list[Scenario]) -> None:
    """As the application does: with explanations, expectations, the audit and checksums."""
    for scenario in scenarios:
        play(scenario, "linux")


def keep(program: list[ops.Operation]) -> list[Machine]:
    """Every step, and the machine after each: what a run that can be stepped through costs."""
    policy = policies.get("linux")
    machine = boot(Config(), "A")
    kept = [machine]
    with collector_paused(len(program)):
        for operation in program:
            machine = step(machine, operation, policy, explain=False).after
            kept.append(machine)
    return kept


def seconds(work: Callable[[], object]) -> float:
    """Processor time of `work`; what it returns is freed after the clock was read."""
    gc.collect()
    start = time.process_time()
    result = work()
    taken = time.process_time() - start
    del result
    return taken


def main() -> None:
    plain, explained, kept_step, huge = [], [], [], []
    taught, whole, played = [], [], []
    scenarios = huge_scenarios()
    programs = [[line.op for line in one.steps] for one in scenarios]
    steps = sum(map(len, programs))
    all_of_it = operations_on_all()
    for seed in range(ROUNDS):
        one, large = program(seed), huge_program(seed)
        plain.append(STEPS / seconds(partial(forward, one, explain=False)))
        explained.append(STEPS / seconds(partial(forward, one, explain=True)))
        kept_step.append(seconds(partial(keep, one)) / STEPS)
        huge.append(len(large) / seconds(partial(forward, large, explain=False)))
        for out, several in ((taught, programs), (whole, all_of_it)):
            counted = sum(map(len, several))
            out.append(
                [
                    counted / seconds(partial(forward_all, several, explain=explain))
                    for explain in (False, True)
                ]
            )
        played.append(steps / seconds(partial(play_all, scenarios)))
    fast, told = statistics.median(plain), statistics.median(explained)
    print(f"steps/s without explanations  {fast:10,.0f}")
    print(f"steps/s with explanations     {told:10,.0f}   ratio {told / fast:.2f}")
    print(f"a kept step                   {statistics.median(kept_step) * 1e6:10.2f} us")
    print("steps/s on huge pages of 512 without and with explanations")
    for what, figures in ((f"{len(scenarios)} scenarios of the library", taught), (WHOLE, whole)):
        without, explained_too = (
            statistics.median(column) for column in zip(*figures, strict=True)
        )
        print(f"                              {without:10,.0f} {explained_too:10,.0f}   {what}")
    print(
        f"                              {statistics.median(huge):10,.0f}              a random mix"
    )
    print(f"                              {statistics.median(played):21,.0f}   {SERVED}")
    tracemalloc.start()
    kept = keep(program(0))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"memory of a kept step         {size / STEPS / 1024:10.2f} KiB")
    near = statistics.median(
        seconds(lambda: [kept[10] for _ in range(1000)]) for _ in range(ROUNDS)
    )
    far = statistics.median(
        seconds(lambda: [kept[9_999] for _ in range(1000)]) for _ in range(ROUNDS)
    )
    print(
        f"seek step 10 / 9,999 {near * 1e6:10.1f} ns / {far * 1e6:.1f} ns   ratio {far / near:.2f}"
    )


if __name__ == "__main__":
    main()
