"""The whole program: a scenario played by the engine, and the C that holds a kernel against it."""

from __future__ import annotations

from functools import cache
from itertools import groupby
from pathlib import Path

import jinja2
from msgspec import Struct

from app import policies
from app.engine import ENGINE_VERSION
from app.engine import operations as ops
from app.engine.operations import Operation, Place
from app.engine.outcome import Outcome
from app.scenario import Scenario
from app.trace import Run, play
from app.trace.explain import event_json
from app.trace.outcome import outcome_json, outcome_words

from .entries import Entries, Row
from .parts import with_needs
from .plays import Play, Players
from .sizes import PMD_PAGES
from .wording import comment, string, tap

EVENTS = 6
"""Micro-events that a step's comment tells at most."""


HOW = (
    "Each process of the scenario is a process. The output is TAP: ok, not ok, or ok with SKIP and "
    "the reason. For root it also compares frames (/proc/PID/pagemap) and the exclusive bit "
    "(/proc/kpageflags, bit 34). The steps stand behind what they need, from act0() on."
)


class Origin(Struct, frozen=True):
    """Where the program comes from, for its first lines; `policy` is the one that was chosen.

    Both may be empty.
    """

    link: str = ""
    policy: str = ""


class ActCode(Struct, frozen=True):
    code: str


class Table(Struct, frozen=True):
    number: int
    rows: list[Row]


class StepCode(Struct, frozen=True):
    text: str
    fields: tuple[str, ...]


@cache
def template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "c"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    return environment.get_template("program.c.j2")


def c_program(scenario: Scenario, real: Scenario, origin: Origin) -> str:
    """The program that plays `scenario`, of which `real` is `in_real_sizes()`.

    What is expected is what policy `linux` does. Raises ScenarioErrors for a step that the engine
    does not model.
    """
    return Program(scenario, play(real, policies.DEFAULT), origin).text()


class Program:
    """Collects what the template needs, step by step."""

    def __init__(self, scenario: Scenario, run: Run, origin: Origin) -> None:
        self.scenario = scenario
        self.run = run
        self.origin = origin
        self.players = Players(run.scenario.config)
        self.entries = Entries()
        self.acts: list[ActCode] = []
        self.tables: list[Table] = []
        self.steps: list[StepCode] = []
        self.parts: list[str] = []
        self.handles: dict[str, None] = {}
        self.processes = {run.scenario.first: None}
        self.areas: dict[str, int] = {}
        self.runs = 1
        self.lost = 0
        self.hugetlb = 0

    def text(self) -> str:
        for number in range(1, len(self.run) + 1):
            self.step(number)
        firsts, pages = {}, 0
        for name, size in self.areas.items():
            firsts[name] = pages
            pages += size
        parts = with_needs(self.parts)
        return template().render(
            head=self.head(),
            processes=list(self.processes),
            areas=list(self.areas.items()),
            firsts=firsts,
            pages=pages,
            handles=[name.removeprefix("HANDLE_") for name in self.handles],
            runs=self.runs,
            frames=self.entries.frames + 1,
            hugetlb=self.hugetlb * len(self.processes),
            parts=[f"{part}.c" for part in parts],
            forget="uffd = -1;\n\t\t" if "uffd" in parts else "",
            acts=self.acts,
            tables=self.tables,
            steps=self.steps,
        )

    def head(self) -> list[str]:
        scenario, origin = self.scenario, self.origin
        lines = [scenario.title or "Untitled scenario", ""]
        if origin.link:
            lines.append(origin.link)
        kernel = policies.get(policies.DEFAULT)
        lines.append(
            f"Made by cowscope, engine {ENGINE_VERSION}; expected is what {kernel.name} does."
        )
        if origin.policy not in ("", policies.DEFAULT):
            lines.append(f"The run itself is of policy {origin.policy}.")
        lines += ["", "    cc -Wall -o repro repro.c && ./repro", "", HOW]
        if scenario.config.huge != PMD_PAGES:
            lines += [
                "",
                f"The scenario has {scenario.config.huge} pages under a PMD, a kernel {PMD_PAGES}: "
                "the last page of each huge page stands for all from there to its end, here and in "
                "what is expected.",
            ]
        lines += [
            "",
            "The scenario:",
            *(f"    {line}" for line in scenario.text.rstrip().split("\n")),
        ]
        return [
            part
            for line in lines
            for part in (comment(line) if not line.startswith("    ") else indented(line))
        ]

    def step(self, number: int) -> None:
        source = self.run.scenario.steps[number - 1]
        before, after = self.run.steps[number - 1].after, self.run.steps[number]
        self.learn(source.op)
        found = Play(skip=f"it builds on step {self.lost}, which is not played")
        if not self.lost:
            found = self.players.play(source.op, before, after.outcome.error)
            if after.outcome.reason == "no free page frame":
                found = Play(skip="the machine of the scenario has less memory than this one")
        if found.skip:
            self.lost = self.lost or number
            fields = [f'.skip = "{string(found.skip)}",']
        else:
            fields = self.played(number, source.op, found, after.outcome)
        self.steps.append(StepCode(tap(self.scenario.steps[number - 1].text), tuple(fields)))

    def played(self, number: int, op: Operation, found: Play, outcome: Outcome) -> list[str]:
        self.parts += found.parts
        begun = len(self.acts)
        for at, act in enumerate(found.acts):
            told = self.told(number) if at == 0 else []
            name = f"act{len(self.acts)}"
            code = f"static void {name}(struct answer *a)\n{{\n\t{act.body}\n}}"
            self.acts.append(ActCode("\n".join([*told, code])))
        rows = self.entries.changed(self.run.steps[number].after)
        self.handles |= dict.fromkeys(found.handles)
        acts = ", ".join(
            f"{{ {act.who}, {begun + at}, {act.other} }}" for at, act in enumerate(found.acts)
        )
        named = {"child": found.child, "gone": found.gone}
        fields = [
            f".acts = (const struct act_of[]){{ {acts} }},",
            f".count = {len(found.acts)},",
            *(f".{name} = {process}," for name, process in named.items() if process),
        ]
        if found.handles:
            fields += [f".handle = {found.handles[0]},", f".handles = {len(found.handles)},"]
        fields += self.expected(op, outcome)
        if found.unless:
            fields.append(f".unless = {found.unless},")
        if found.opaque:
            fields.append(".opaque = 1,")
        if found.moves:
            fields.append(".moves = 1,")
        if rows:
            self.tables.append(Table(number, rows))
            fields.append(f".rows = rows{number},")
        return fields

    def told(self, number: int) -> list[str]:
        """The comment over a step: its line, what the model says, and in which functions."""
        source, played = self.scenario.steps[number - 1], self.run.steps[number]
        before = self.run.steps[number - 1].after
        lines = [f"Step {number}, line {source.line}: {'; '.join(source.text.split(chr(10)))}"]
        events = played.events
        for event in events[:EVENTS]:
            told = event_json(event, source.op.actor, before, played.after)
            because = f" ({told['because']})" if told["because"] else ""
            lines.append(f"{told['function']}(): {told['decision']}{because}")
        more = len(events) - EVENTS
        if more > 0:
            lines.append(f"… and {more} more.")
        seen = {k: v for k, v in outcome_json(played.outcome).items() if k != "copies"}
        lines.append(f"Expected: {outcome_words(seen)}")
        return ["/*", *(f" * {part}" for line in lines for part in comment(line)), " */"]

    def expected(self, op: Operation, outcome: Outcome) -> list[str]:
        fields = []
        if outcome.error:
            sign = "-" if outcome.error.startswith("SIG") else ""
            fields.append(f".error = {sign}{outcome.error},")
        place = getattr(op, "place", None)
        if outcome.at_page is not None and place is not None:
            fields.append(f".failed_at = {outcome.at_page - place.lo + 1},")
        if isinstance(op, ops.Read | ops.Write) and outcome.faults is not None:
            fields += [".counted = 1,", f".faults = {outcome.faults},"]
        runs = read_runs(op, outcome)
        if runs:
            self.runs = max(self.runs, len(runs) + 1)
            told = ", ".join(f"{{ {pages}, {value} }}" for value, pages in runs)
            fields += [f".runs = {len(runs)},", f".read = {{ {told} }},"]
        return fields

    def learn(self, op: Operation) -> None:
        """Names that a step brings; a range may be made anew in another process."""
        match op:
            case ops.Par(lines=lines) | ops.Micro(lines=lines):
                for line in lines:
                    self.learn(line)
            case ops.Mmap(area=area, pages=pages, hugetlb=hugetlb):
                self.areas[area] = max(pages, self.areas.get(area, 0))
                self.hugetlb += pages // PMD_PAGES if hugetlb else 0
            case ops.Mremap(place=Place(lo=lo, hi=hi), target=target):
                self.areas[target] = max(hi - lo, self.areas.get(target, 0))
            case ops.Fork(child=child) | ops.Vfork(child=child):
                self.processes[child] = None


def indented(line: str) -> list[str]:
    """A line of the scenario as it is, as far as a comment can hold it."""
    return [f"    {part}".rstrip() for part in comment(line[4:])]


def read_runs(op: Operation, outcome: Outcome) -> list[tuple[int, int]]:
    """(value, pages) of what a step reads, page by page."""
    if isinstance(op, ops.Par):
        readers = [line for line in op.lines if hasattr(line, "place") or is_device(line)]
        return read_runs(readers[-1], outcome) if readers else []
    if outcome.values is not None:
        return [(value, sum(1 for _ in run)) for value, run in groupby(outcome.values)]
    if outcome.value is None:
        return []
    place = getattr(op, "place", None)
    return [(outcome.value, 1 if place is None else place.hi - place.lo)]


def is_device(op: Operation) -> bool:
    return isinstance(op, ops.HandleRead)
