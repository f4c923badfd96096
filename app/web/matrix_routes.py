"""`/m/{run or scenario}`: all policies at one look, and the links from its cells."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
import orjson
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from msgspec import Struct
from msgspec.structs import asdict

from app import policies
from app.scenario import Scenario, parse
from app.service import RunService
from app.service.cache import KeptByWeight, MadeOnce
from app.settings import Settings
from app.trace import KINDS
from app.urls import compare_url, matrix_url, step_url

from .compare_routes import text_of
from .compare_words import years_of
from .matrix import (
    Column,
    Matrix,
    Parting,
    Row,
    all_names,
    matrix_of,
    partings_of,
    rows_of,
    summary,
)
from .templating import look_of
from .view import view_of

Json = dict[str, Any]
Key = tuple[str, tuple[str, ...]]

MATRICES = 256
"""Matrices kept in each process: a few kilobytes each."""
MOST = 24
"""Policies that one matrix shows."""


class Head(Struct, frozen=True):
    """A column's policy, with the run in numbers.

    `own` is the policy that outcomes are compared with; `href` leads to the first violation, or to
    the end.
    """

    name: str
    base: str
    era: str
    years: str
    own: bool
    href: str
    clean: bool
    copies: int
    faults: int
    unmet: int | None
    unmet_href: str
    differs: int | None
    differs_href: str


class Group(Struct, frozen=True):
    """A property and the rows of its predicates."""

    name: str
    rows: tuple[Row, ...]


class MatrixContext(Struct, frozen=True):
    """What `matrix.html` gets, and nothing else, beside `look` and `here`.

    name, title, base    what `/m/` names, the scenario's title, and "/m/NAME"
    query                the query of the twins, "" or "?policy=..."
    sentence             the verdicts in words
    heads, groups        columns and rows; `reference` the policy that outcomes are compared with
    partings             steps at which policies answer differently
    left_out, chosen     policies that the budget leaves out; whether some were chosen
    expects              has the scenario expectations?
    text                 the scenario
    """

    name: str
    title: str
    base: str
    query: str
    sentence: str
    heads: tuple[Head, ...]
    groups: tuple[Group, ...]
    partings: tuple[Parting, ...]
    reference: str
    left_out: tuple[str, ...]
    chosen: bool
    expects: bool
    text: str


def cell_url(base: str, policy: str, step: int) -> str:
    """A step under a policy: the run is made when somebody follows the link."""
    return f"{base}/{quote(policy, safe='@:')}/{step}"


def reference_of(matrix: Matrix, own: str) -> Column:
    """The column of the run's own policy, or the first."""
    return next((c for c in matrix.columns if c.name == own), matrix.columns[0])


def heads_of(matrix: Matrix, base: str, own: str) -> tuple[Head, ...]:
    reference = reference_of(matrix, own)
    out = []
    for column in matrix.columns:
        differs = column.differs(reference)
        entry = policies.entry(column.name)
        decides = min((found.step for found in column.broken.values()), default=column.last)
        era = column.name.partition(":")[0].partition("@")[2]
        pair = f"{quote(reference.name, safe='@:')}..{quote(column.name, safe='@:')}"
        out.append(
            Head(
                name=column.name,
                base=entry.name,
                era=era,
                years=years_of(column.name)
                if era or len(entry.eras) == 1
                else f"Linux {entry.default.name}",
                own=column is reference,
                href=cell_url(base, column.name, decides),
                clean=not column.broken,
                copies=column.copies,
                faults=column.faults,
                unmet=column.unmet,
                unmet_href=cell_url(base, column.name, column.unmet or 0),
                differs=differs,
                differs_href=f"{base}/{pair}",
            )
        )
    return tuple(out)


def context_of(
    name: str, scenario: Scenario, own: str, matrix: Matrix, chosen: tuple[str, ...]
) -> MatrixContext:
    base = matrix_url(name)
    heads = heads_of(matrix, base, own)
    reference = reference_of(matrix, own)
    rows = rows_of(matrix)
    return MatrixContext(
        name=name,
        title=scenario.title or "Untitled scenario",
        base=base,
        query=f"?{urlencode([('policy', c) for c in chosen])}" if chosen else "",
        sentence=summary(matrix),
        heads=heads,
        groups=tuple(Group(kind, tuple(r for r in rows if r.group == kind)) for kind in KINDS),
        partings=partings_of(scenario, matrix, reference),
        reference=reference.name,
        left_out=matrix.left_out,
        chosen=bool(chosen),
        expects=matrix.expects,
        text=scenario.text,
    )


class Matrices:
    """Matrices, each made once however many ask for it."""

    def __init__(self, runs: RunService, settings: Settings) -> None:
        self.runs = runs
        self.budget = settings.max_page_steps
        self.kept: KeptByWeight[Key, Matrix] = KeptByWeight(MATRICES, lambda _: 1)
        player = ThreadPoolExecutor(1, thread_name_prefix="matrix")
        self.made: MadeOnce[Key, Matrix] = MadeOnce(player, settings.heavy_queue, "matrices", 5)

    async def context(self, name: str, chosen: tuple[str, ...]) -> MatrixContext:
        """Raises UnknownRun, UnknownPolicy, ScenarioErrors and Busy."""
        text, own = await text_of(self.runs, name)
        names = chosen or (() if own in all_names() else (own,)) + all_names()
        for policy in names:
            policies.get(policy)
        scenario = parse(text)
        key = (text, names)
        matrix = self.kept.get(key)
        if matrix is None:
            flight = self.made.submit(key, lambda: matrix_of(scenario, names, self.budget))
            matrix = await asyncio.shield(asyncio.wrap_future(flight))
            self.kept.put(key, matrix)
        return context_of(name, scenario, own, matrix, chosen)


def chosen_in(request: Request) -> tuple[str, ...]:
    """The policies of a query. Raises HTTPException when they are too many."""
    asked = [name for item in request.query_params.getlist("policy") for name in item.split(",")]
    chosen = tuple(dict.fromkeys(name.strip() for name in asked if name.strip()))
    if len(chosen) > MOST:
        raise HTTPException(422, f"A matrix shows {MOST} policies at most, not {len(chosen)}.")
    return chosen


def document(context: MatrixContext) -> Json:
    """A matrix as JSON: for each policy the first step that breaks each predicate."""
    names = [head.name for head in context.heads]
    return {
        "schema": "matrix/1",
        "scenario": {"name": context.name, "title": context.title, "text": context.text},
        "summary": context.sentence,
        "policies": [
            {
                "policy": head.name,
                "years": head.years,
                "copies": head.copies,
                "faults": head.faults,
                "unmet_expectation": head.unmet,
                "differs_from": {"policy": context.reference, "step": head.differs},
                "verdicts": [
                    {
                        "property": group.name,
                        "predicate": row.name,
                        "verdict": {"bad": "broken", "void": "not applicable"}.get(
                            row.cells[at].kind, "holds"
                        ),
                        "step": row.cells[at].step,
                        "because": row.cells[at].title,
                    }
                    for group in context.groups
                    for row in group.rows
                ],
            }
            for at, head in enumerate(context.heads)
        ],
        "partings": [
            {"step": p.step, "text": p.text, "outcomes": dict(zip(names, p.outcomes, strict=True))}
            for p in context.partings
        ],
        "left_out": list(context.left_out),
    }


def plain(context: MatrixContext) -> str:
    """A matrix as text: one policy a line, what it breaks and where."""
    out = [context.title, "", context.sentence, ""]
    for at, head in enumerate(context.heads):
        broken = [
            f"{group.name} {row.name} at step {row.cells[at].step}"
            for group in context.groups
            for row in group.rows
            if row.cells[at].kind == "bad"
        ]
        out.append(f"{head.name:20} {', '.join(broken) or 'all hold'}; {head.copies} copies")
    return "\n".join([*out, ""])


def router(runs: RunService, templates: jinja2.Environment, settings: Settings) -> APIRouter:
    """`/m/NAME`, its twins, and the links of its cells. A run is made, or found, by following."""
    matrices = Matrices(runs, settings)
    routes = APIRouter(include_in_schema=False)

    @routes.get("/m/{name}.json")
    async def as_json(request: Request, name: str) -> Response:
        context = await matrices.context(name, chosen_in(request))
        return Response(orjson.dumps(document(context)), media_type="application/json")

    @routes.get("/m/{name}.txt")
    async def as_text(request: Request, name: str) -> Response:
        return PlainTextResponse(plain(await matrices.context(name, chosen_in(request))))

    @routes.get("/m/{name}")
    async def show(request: Request, name: str) -> Response:
        context = await matrices.context(name, chosen_in(request))
        body = templates.get_template("matrix.html").render(
            asdict(context), look=look_of(request), here="matrix"
        )
        return HTMLResponse(body, headers={"Cache-Control": "no-cache", "Vary": "Cookie"})

    @routes.get("/m/{name}/{policy}/{step:int}")
    async def cell(request: Request, name: str, policy: str, step: int) -> Response:
        """A step under one policy, or two policies compared at it."""
        view = view_of(request.query_params)
        text, _ = await text_of(runs, name)
        left, dots, right = policy.partition("..")
        loaded = await runs.create(text, left)
        loaded.check_step(step)
        if not dots:
            return RedirectResponse(step_url(loaded.id, step) + view.query, 303)
        other = await runs.create(text, right)
        way = compare_url(loaded.id, other.id, step) + view.shared.query
        return RedirectResponse(way, 303)

    @routes.get("/m/{name}/{pair}")
    async def two(name: str, pair: str) -> Response:
        """Two policies compared, at their first divergence."""
        left, dots, right = pair.partition("..")
        if not dots:
            raise HTTPException(404, "Two policies make a comparison: /m/NAME/POLICY..POLICY.")
        text, _ = await text_of(runs, name)
        made = [await runs.create(text, policy) for policy in (left, right)]
        return RedirectResponse(compare_url(made[0].id, made[1].id), 303)

    return routes
