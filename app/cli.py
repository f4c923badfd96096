"""The command line: `cowscope serve|trace|compare|conform|repro|import|policies`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from app import policies, upkeep
from app.repro import Origin, TooManyPages, c_program, in_real_sizes
from app.scenario import Scenario, ScenarioErrors, parse
from app.service import TooMuchWork, TraceService
from app.settings import Settings
from app.store import migrate
from app.store.removed import RunGone
from app.trace import KINDS, BadTrace, Conformance, Run, conform_file, play
from app.trace.imported import TraceErrors
from app.trace.outcome import outcome_code
from app.urls import trace_url

OK, FAILED, BAD_INPUT, CANNOT = 0, 1, 2, 3

app = typer.Typer(
    help="See, step by step, what Linux does with a page of anonymous memory.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

File = Annotated[str, typer.Argument(metavar="FILE", help="a .cow file, or - for standard input")]


def fail(message: str, status: int) -> typer.Exit:
    print(message, file=sys.stderr)
    return typer.Exit(status)


def read_bytes(file: str) -> bytes:
    """Exits with 2 when it cannot be read."""
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise fail(f"{file}: {error.strerror}", BAD_INPUT) from error


def read_text(file: str) -> str:
    """A scenario's text. Exits with 2 when it cannot be read or is not UTF-8."""
    try:
        return read_bytes(file).decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise fail(
            f"{file}:{line}:1: not UTF-8: byte 0x{error.object[error.start]:02x}", BAD_INPUT
        ) from error


def report(file: str, errors: ScenarioErrors | TraceErrors) -> typer.Exit:
    lines = [f"{file}:{e.line}:{e.column}: {e.message} {e.hint}".rstrip() for e in errors.errors]
    return fail("\n".join(lines), BAD_INPUT)


def load(file: str) -> Scenario:
    try:
        return parse(read_text(file), policies.check)
    except ScenarioErrors as errors:
        raise report(file, errors) from errors


def played(file: str, scenario: Scenario, policy: str) -> Run:
    try:
        return play(scenario, policy)
    except policies.UnknownPolicy as error:
        raise fail(str(error), BAD_INPUT) from error
    except ScenarioErrors as errors:
        raise report(file, errors) from errors


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="port; 0 takes a free one")] = None,
    workers: Annotated[int | None, typer.Option(help="server processes")] = None,
) -> None:
    """Migrate the store and serve; prints the URL once it answers."""
    from pydantic import ValidationError

    from app.server import ServeFailed, run_server

    given = {"host": host, "port": port, "workers": workers}
    try:
        settings = Settings(**{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
        run_server(settings)
    except ValidationError as error:
        raise fail(str(error), BAD_INPUT) from error
    except ServeFailed as error:
        raise fail(str(error), CANNOT) from error


@app.command()
def trace(
    file: File,
    policy: Annotated[str, typer.Option(help="policy, with era and rules")] = "",
    json: Annotated[bool, typer.Option("--json", help="one trace/1 document")] = False,
) -> None:
    """Play a scenario and print its steps."""
    scenario = load(file)
    run = played(file, scenario, policy or scenario.policy or policies.DEFAULT)
    if json:
        sys.stdout.buffer.write(orjson.dumps(run.document()) + b"\n")
    else:
        print_steps(run)
    raise typer.Exit(OK if run.met else FAILED)


def print_steps(run: Run) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("step", "line", "operation", "outcome", "why"):
        table.add_column(name, overflow="fold")
    for number, source in enumerate(run.scenario.steps, 1):
        step = run.step(number)
        deciding = [e for e in step["events"] if e["kind"] in ("decide", "copy", "reuse", "refuse")]
        why = "; ".join(f"{e['decision']} ({e['because']})" for e in deciding[-2:])
        bad = "; ".join(f"✗ {v['kind']}: {v['because']}" for v in step["violations"])
        unmet = "; ".join(
            f"line {f['line']}: {f['text']}: found {f['found']}"
            for f in step["expectations"]
            if not f["met"]
        )
        outcome = outcome_code(run.steps[number].outcome, runs=True)
        words = "; ".join(part for part in (why, bad, unmet) if part)
        table.add_row(str(number), str(source.line), source.text, outcome, words)
    console().print(table)
    verdicts = ", ".join(f"{k} at step {n}" for k, n in run.verdicts.items() if n is not None)
    print(f"{run.policy.name}: {verdicts or 'no violation'}")


def console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)


@app.command()
def compare(
    file: File,
    policies_: Annotated[str, typer.Option("--policies", help="all, or names with commas")] = "all",
) -> None:
    """Play a scenario under several policies: verdicts, and the first step where they differ."""
    scenario = load(file)
    names = list(policies.names()) if policies_ == "all" else policies_.split(",")
    runs = {name: played(file, scenario, name) for name in names}
    table = Table(box=None, pad_edge=False)
    for name in ("policy", *KINDS, "copies", "expectations"):
        table.add_column(name)
    for name, run in runs.items():
        cells = ["–" if n is None else f"✗ step {n}" for n in run.verdicts.values()]
        copies = str(run.steps[-1].after.copies)
        table.add_row(name, *cells, copies, "met" if run.met else "not met")
    console().print(table)
    step = first_difference(list(runs.values()))
    if step is None:
        print("All policies agree in every step.")
    else:
        print(f"First difference: step {step}, {scenario.steps[step - 1].text}")
    raise typer.Exit(OK if all(run.met for run in runs.values()) else FAILED)


def first_difference(runs: list[Run]) -> int | None:
    """The first step whose outcome or mapped state is not the same under all policies."""
    for number in range(1, len(runs[0]) + 1):
        if len({fingerprint(run, number) for run in runs}) > 1:
            return number
    return None


def fingerprint(run: Run, number: int) -> bytes:
    """What a process could notice: the outcome, and which page maps which frame, how."""
    step = run.step(number)
    pages = [
        (process, area, page.get("page"), page["kind"], page["frame"], page.get("writable"))
        for process, areas in step["state"]["processes"].items()
        for area, listed in areas.items()
        for page in listed
    ]
    return orjson.dumps([step["outcome"]["value"], step["outcome"]["error"], pages])


@app.command()
def conform(
    paths: Annotated[list[Path], typer.Argument(help="golden traces, or folders of them")],
    policy: Annotated[str, typer.Option(help="policy to replay under")] = policies.DEFAULT,
    json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Replay recorded traces and compare every step with what the kernel did."""
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise fail(f"{path}: no such file or folder", BAD_INPUT)
        files += sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise fail("no trace found", BAD_INPUT)
    try:
        results = [(file, conform_file(file, policy)) for file in files]
    except (BadTrace, policies.UnknownPolicy) as error:
        raise fail(str(error), BAD_INPUT) from error
    if json:
        rows = [{"file": str(f), **as_json(c)} for f, c in results]
        sys.stdout.buffer.write(orjson.dumps(rows) + b"\n")
    else:
        for file, found in results:
            print(f"{file.parent.name}/{found.name}: {verdict(found)}")
        good, steps = sum(c.agreeing for _, c in results), sum(c.steps for _, c in results)
        whole = sum(c.ok for _, c in results)
        print(f"conform: {good} of {steps} steps in {whole} of {len(results)} traces agree")
    raise typer.Exit(OK if all(c.ok for _, c in results) else FAILED)


def verdict(found: Conformance) -> str:
    if found.mismatch is not None:
        m = found.mismatch
        return f"step {m.step} ({m.text}), {m.field}: expected {m.expected}, found {m.found}"
    return f"not played: {found.refused}" if found.refused else "ok"


def as_json(found: Conformance) -> dict[str, object]:
    mismatch = found.mismatch
    return {
        "name": found.name,
        "group": found.group,
        "steps": found.steps,
        "agreeing": found.agreeing,
        "refused": found.refused,
        "mismatch": mismatch
        and {name: getattr(mismatch, name) for name in mismatch.__struct_fields__},
    }


@app.command("import")
def import_trace(
    file: Annotated[
        str, typer.Argument(metavar="TRACE", help="a trace/1 document of a kernel, or -")
    ],
) -> None:
    """Store a trace that was recorded on a kernel, and print the URL of its page."""
    data = read_bytes(file)

    def store(engine: Engine, settings: Settings) -> int:
        migrate(engine)
        traces = TraceService(engine, settings)
        trace = traces.store(data)
        traces.close()
        base = settings.base_url or f"http://{settings.host}:{settings.port}"
        print(str(base).rstrip("/") + trace_url(trace.id))
        return OK

    try:
        raise typer.Exit(upkeep.with_store(store))
    except TraceErrors as errors:
        raise report(file, errors) from errors
    except (TooMuchWork, RunGone) as error:
        raise fail(f"{file}: {error}", BAD_INPUT) from error


@app.command()
def repro(
    file: File,
    out: Annotated[
        Path | None, typer.Option("-o", metavar="OUT.c", help="write it there, not to stdout")
    ] = None,
) -> None:
    """Print a C program that plays a scenario on the running kernel and reports in TAP."""
    scenario = load(file)
    try:
        text = c_program(scenario, in_real_sizes(scenario), Origin(policy=scenario.policy or ""))
    except TooManyPages as error:
        raise fail(f"{file}: {error}", BAD_INPUT) from error
    except ScenarioErrors as errors:
        raise report(file, errors) from errors
    try:
        if out is None:
            sys.stdout.buffer.write(text.encode())
        else:
            out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise fail(f"{error.filename}: {error.strerror}", CANNOT) from error


@app.command("policies")
def list_policies() -> None:
    """List policies, their eras, and the rules that can be switched off."""
    for entry in policies.CATALOGUE:
        print(f"{entry.name}: {entry.title} ({entry.years}). {entry.sentence}")
        for era in entry.eras:
            default = " (default)" if era is entry.default else ""
            print(f"  {entry.name}@{era.name}{default}: {era.sentence}")
        for rule in policies.rules_of(entry.default.policy):
            print(f"  {entry.name}:-{rule.name}: without “{rule.sentence}”")


upkeep.add_to(app)


def main() -> None:
    """The `cowscope` command."""
    app()
