"""Requests a second of a step's fragment, beside bytes from memory and a plain Jinja2 page.

Run: python benchmarks/web.py (needs wrk; takes two minutes); with --huge the runs are of three
processes on a huge page of 512, split, copied from and swapped out. One server process, 32
connections on loopback; the sides take turns, and medians and their ratios are printed. Exit
status 1 when a step that was shown before reaches less than half of the bytes, or one that was
never shown less than half of the page. No step of the second kind is asked for twice, and its run
is not in memory either: the server was started anew since it was stored.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

from _wrk import CONNECTIONS, Load, peer, wrk

from tests.hosting.served import Served, served

LIMIT = 0.5
SCENARIO = """title: Pinned and swapped pages across two forks, {number}
A mmap buf 4
A write buf[0] {value}
A write buf[1] 3
A write buf[2] 5
kernel swapout A buf[1]
A pin buf[2] p
A fork B
B fork C
A write buf[0] 9
p write 6
A read buf[2]
C write buf[1] 4
B read buf[0]
C exit
B write buf[0] 1
"""
HUGE = """title: A huge page and three processes, {number}
huge: 512
A mmap buf 512 thp
A write buf {value}
A fork B
B fork C
B write buf[7] 5
C write buf[200:230] 9
A pin buf[300] p
A write buf[0] 3
p write 6
kernel reclaim A buf
A read buf[8:40]
C read buf[100:180]
B write buf[40] 1
C exit
B write buf[41:60] 2
"""
STEPS = 15
"""Of either scenario."""


def seed(server: Served, scenario: str, count: int) -> list[str]:
    """Store `count` runs of 15 steps and 3 processes: their names."""
    made = []
    for number in range(count):
        status, body = server.post(scenario.format(number=number, value=number % 256))
        assert (status, body["steps"]) == (201, STEPS), body
        made.append(body["id"])
    return made


@contextmanager
def started(folder: str, workers: int = 1) -> Iterator[Served]:
    arguments = ("--workers", str(workers))
    limits = dict.fromkeys(("limit_requests", "limit_changes", "limit_total"), "")
    with served(*arguments, data_dir=folder, **limits) as server:
        yield server


def line(name: str, loads: dict[str, list[Load]]) -> float:
    """Print the medians of one side, and return its requests a second."""
    rate, p50, p99 = (
        statistics.median(getattr(load, what) for load in loads[name])
        for what in ("rate", "p50", "p99")
    )
    failed = sum(load.failed for load in loads[name])
    print(f"{name:<32} {rate:9,.0f}/s   p50 {p50:6.1f} ms   p99 {p99:6.1f} ms")
    if failed:
        sys.exit(f"{failed} answers were no 2xx")
    return rate


def verdict(what: str, ours: float, theirs: float) -> bool:
    kept = ours / theirs >= LIMIT
    print(f"  {what}: ratio {ours / theirs:.2f}, limit {LIMIT}: {'kept' if kept else 'BROKEN'}")
    return kept


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=3)
    options.add_argument("--runs", type=int, default=1000, help="stored runs of 16 steps each")
    options.add_argument("--huge", action="store_true", help="runs of 512 pages and 3 processes")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with started(folder) as server:
            runs = seed(server, HUGE if given.huge else SCENARIO, given.runs)
        cold = [f"/r/{run}/{step}" for run in runs[1:] for step in range(STEPS + 1)]
        warm = f"/r/{runs[0]}/{STEPS}"
        with started(folder) as one, started(folder, workers=2) as two:
            size = fragment_size(one, warm)
            print(f"fragment of step {STEPS}: {size:,} bytes, sent uncompressed")
            with peer(size) as other:
                loads = measure(one.port, two.port, other, warm, cold, given.rounds, given.seconds)
    theirs, ours = line("bytes of that size", loads), line("a step shown before", loads)
    kept = verdict("shown before / bytes", ours, theirs)
    theirs, ours = line("a Jinja2 page of that size", loads), line("a step never shown", loads)
    kept = verdict("never shown / page", ours, theirs) and kept
    line("two workers, a step shown before", loads)
    line("two workers, a step never shown", loads)
    return 0 if kept else 1


def measure(
    one: int, two: int, other: str, warm: str, cold: list[str], rounds: int, seconds: float
) -> dict[str, list[Load]]:
    """Everything takes its turn in each round. What was asked for is taken off `cold`."""

    def fresh(port: int) -> Load:
        load = wrk(f"http://127.0.0.1:{port}", seconds, cold)
        del cold[: load.made + CONNECTIONS]
        return load

    sides: dict[str, Callable[[], Load]] = {
        "bytes of that size": lambda: wrk(f"{other}/bytes", seconds),
        "a step shown before": lambda: wrk(f"http://127.0.0.1:{one}{warm}", seconds),
        "a Jinja2 page of that size": lambda: wrk(f"{other}/page", seconds),
        "a step never shown": lambda: fresh(one),
        "two workers, a step shown before": lambda: wrk(f"http://127.0.0.1:{two}{warm}", seconds),
        "two workers, a step never shown": lambda: fresh(two),
    }
    loads: dict[str, list[Load]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            loads[name].append(side())
    return loads


def fragment_size(server: Served, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", path, headers={"HX-Request": "true"})
    size = len(connection.getresponse().read())
    connection.close()
    return size


if __name__ == "__main__":
    sys.exit(main())
