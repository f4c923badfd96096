"""A full room: 500 follow 60 steps and answer, the server is killed in between; 300 step alone.

Run: python benchmarks/load.py [--members 500] [--steps 60] [--alone 300] [--workers 1] [--database
URL] [--no-kill]. Everything is on 127.0.0.1, the clients in this process. Prints a table of what
was wanted and what was seen; exits with 1 when one differs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.crowd import Connection, Leader, Member, hang_up, step_alone
from tests.hosting.served import Served

SCENARIO_STEPS = 70
SECOND = 1.0


@dataclass
class Plan:
    """How many do what, and for how long, in seconds."""

    members: int = 500
    steps: int = 60
    pace: float = 1.0
    joining: float = 60.0
    answering: float = 5.0
    alone: int = 300
    alone_seconds: float = 60.0
    kill: bool = True
    workers: int = 1
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Row:
    """A line of the table. `met` is None for what is only told."""

    what: str
    wanted: str
    seen: str
    met: bool | None = None


class Host:
    """The server, on one port for as long as the plan takes, however often it dies."""

    def __init__(self, plan: Plan) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.arguments = ("--port", str(self.port), "--workers", str(plan.workers))
        self.environment = {f"COWSCOPE_{k.upper()}": v for k, v in plan.environment.items()}
        self.server = self.start()

    def start(self) -> Served:
        server = Served(self.arguments, self.environment)
        server.wait_until_ready()
        return server

    async def die_and_come_back(self) -> float:
        """Seconds without a server."""
        began = time.perf_counter()
        await asyncio.to_thread(self.server.kill)
        self.server = await asyncio.to_thread(self.start)
        return time.perf_counter() - began


def scenario() -> str:
    """A run of SCENARIO_STEPS steps with forks, copies and exits, so that pages differ."""
    lines = ["A mmap buf 4"]
    while len(lines) < SCENARIO_STEPS:
        n = len(lines)
        if n % 10 == 4:
            lines.append(f"A fork B{n}")
        elif n % 10 == 9:
            lines.append(f"B{n - 5} exit")
        else:
            lines.append(f"A write buf[{n % 4}] {n}")
    return "\n".join(lines) + "\n"


def percentile(times: Sequence[float], part: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")


def milliseconds(times: Sequence[float]) -> str:
    middle = statistics.median(times) if times else float("nan")
    return f"median {middle * 1e3:.0f} ms, p99 {percentile(times, 0.99) * 1e3:.0f} ms"


async def until(done: Callable[[], bool], seconds: float) -> bool:
    end = time.perf_counter() + seconds
    while not done() and time.perf_counter() < end:
        await asyncio.sleep(0.05)
    return done()


async def made_run(port: int) -> str:
    posted = await Connection(port).insist("POST", "/new", {"text": scenario(), "policy": "linux"})
    return posted.headers["location"].split("/")[2]


async def follow(
    host: Host, plan: Plan, leader: Leader, members: list[Member], rows: list[Row]
) -> None:
    """All join, and see every step that the leader takes."""
    tasks = []
    for member in members:
        tasks.append(asyncio.create_task(member.follow()))
        await asyncio.sleep(plan.joining / plan.members)
    everybody = await until(lambda: all(m.joined for m in members), 30)
    times = [m.joined for m in members if m.joined]
    rows.append(
        Row(f"{plan.members} join in {plan.joining:g} s", "all", f"{len(times)}; "
            f"{milliseconds(times)}", everybody)
    )  # fmt: skip
    outage = 0.0
    halfway = plan.steps // 2
    for number in range(1, plan.steps + 1):
        began = time.perf_counter()
        if number == halfway and plan.kill:
            dying = asyncio.create_task(host.die_and_come_back())
            await leader.step(number)
            outage = await dying
        else:
            await leader.step(number)
        await asyncio.sleep(max(0.0, plan.pace - (time.perf_counter() - began)))
    wanted = set(range(1, plan.steps + 1))
    await until(lambda: all(wanted <= m.seen.keys() for m in members), 30)
    missed = sum(len(wanted - m.seen.keys()) for m in members)
    rows.append(
        Row(f"they see {plan.steps} steps", f"{plan.steps * plan.members}",
            f"{plan.steps * plan.members - missed}", missed == 0)
    )  # fmt: skip
    # What came while there was no server, or while they came back, is told apart.
    shaken = set(range(halfway, halfway + 4)) if plan.kill else set()
    calm = [m.seen[n] - leader.clicked[n] for m in members for n in wanted - shaken if n in m.seen]
    rows.append(
        Row("from click to event", "p99 below 1000 ms", milliseconds(calm),
            percentile(calm, 0.99) < SECOND)
    )  # fmt: skip
    if plan.kill:
        late = [m.seen[n] - leader.clicked[n] for m in members for n in shaken if n in m.seen]
        back = sum(m.streams > 1 for m in members)
        rows.append(Row("server killed (-9) at half", "all back", f"{back} back; away "
                        f"{outage:.1f} s, slowest event {max(late, default=0):.1f} s",
                        back == plan.members))  # fmt: skip
    await answers(host, plan, leader, members, rows)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def answers(
    host: Host, plan: Plan, leader: Leader, members: list[Member], rows: list[Row]
) -> None:
    """All answer a prediction within a few seconds; a third sends two answers."""
    page = await leader.page()
    question = re.findall(r'name="ask" value="([^"]+)"', page)[0]
    assert (await leader.do("ask", question)).status == 200
    options = "".join(re.findall(r'<span class="tok">([A-H])</span>', await leader.page())).lower()
    began = time.perf_counter()
    answering = [
        asyncio.create_task(m.answer(options, plan.answering, i % 3 == 0))
        for i, m in enumerate(members)
    ]
    outage = 0.0
    if plan.kill:
        await asyncio.sleep(plan.answering / 2)
        outage = await host.die_and_come_back()
    await asyncio.wait_for(asyncio.gather(*answering), 120)
    seconds = time.perf_counter() - began
    assert (await leader.do("show", "now")).status == 200
    votes = [int(n) for n in re.findall(r'</td><td class="num">(\d+)</td>', await leader.page())]
    sent = Counter(m.chosen for m in members)
    wanted = [sent[option] for option in options]
    told = f"{sum(votes)} in {seconds:.1f} s"
    if plan.kill:
        told += f", of which {outage:.1f} s without a server"
    rows.append(Row(f"{plan.members} answers in {plan.answering:g} s", f"{plan.members}, each as "
                    "last acknowledged", told, votes == wanted))  # fmt: skip


async def alone(host: Host, plan: Plan, run: str, rows: list[Row]) -> None:
    """People who step on their own, twice a second."""
    times: list[float] = []
    bad = await asyncio.gather(
        *(
            step_alone(host.port, run, SCENARIO_STEPS, plan.alone_seconds, 0.5, times)
            for _ in range(plan.alone)
        )
    )
    rows.append(
        Row(f"{plan.alone} step alone, twice a second", "p99 below 250 ms", f"{len(times)} steps; "
            f"{milliseconds(times)}", percentile(times, 0.99) < 0.25)
    )  # fmt: skip
    rows.append(Row("their errors", "0", str(sum(bad)), sum(bad) == 0))


async def play(plan: Plan) -> list[Row]:
    host = Host(plan)
    rows: list[Row] = []
    try:
        run = await made_run(host.port)
        leader = Leader(host.port)
        await leader.make(run)
        members = [Member(host.port, leader.code) for _ in range(plan.members)]
        if plan.members:
            await follow(host, plan, leader, members, rows)
        if plan.alone:
            await alone(host, plan, run, rows)
    finally:
        await hang_up()
        await asyncio.to_thread(host.server.stop)
    return rows


def table(rows: list[Row]) -> str:
    signs = {True: "yes", False: "NO", None: ""}
    lines = [("what", "wanted", "seen", "met")]
    lines += [(row.what, row.wanted, row.seen, signs[row.met]) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="A full room on this machine.")
    parser.add_argument("--members", type=int, default=500)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--alone", type=int, default=300)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--database", default="", help="a PostgreSQL; without, SQLite")
    parser.add_argument("--no-kill", action="store_true")
    chosen = parser.parse_args()
    random.seed(1)
    with tempfile.TemporaryDirectory() as data:
        environment = {"data_dir": data, "cdn": "false"}
        if chosen.database:
            environment["database_url"] = chosen.database
        rows = asyncio.run(
            play(
                Plan(
                    members=chosen.members,
                    steps=min(chosen.steps, SCENARIO_STEPS - 1),
                    alone=chosen.alone,
                    workers=chosen.workers,
                    kill=not chosen.no_kill,
                    environment=environment,
                )
            )
        )
    print(table(rows))
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
