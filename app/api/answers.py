"""What the JSON interface says of runs, policies and scenarios."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import Response
from starlette.requests import Request

from app import __version__, policies
from app.api.models import (
    BasedOn,
    EraOut,
    Expectations,
    MinimisedOut,
    PolicyOut,
    Replay,
    RuleOut,
    ScenarioOut,
    ScenarioTextOut,
    StoredRunOut,
    UnitOut,
)
from app.policies import CATALOGUE, Entry
from app.scenario import Shipped
from app.service import LoadedRun
from app.urls import run_url, scenario_url, step_url
from app.whatif import Minimised


def etag_of(*parts: object) -> str:
    """Runs never change, but what a version of cowscope says of them may."""
    return f'"{"-".join(map(str, (__version__, *parts)))}"'


def answer(request: Request, body: bytes | str, media_type: str, etag: str) -> Response:
    """A GET's answer, or 304 when the client has it."""
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    known = request.headers.get("if-none-match", "")
    if etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def json_answer(request: Request, document: Any, etag: str) -> Response:
    return answer(request, msgspec.json.encode(document), "application/json", etag)


def run_out(run: LoadedRun) -> StoredRunOut:
    stored, differs = run.stored, run.differs
    findings = [finding.json() for played in run.run.steps for finding in played.expectations]
    unmet = [f"{f['line']}: {f['text']} ({f['found']})" for f in findings if not f["met"]]
    return StoredRunOut(
        id=run.id,
        url=run_url(run.id),
        steps=stored.steps,
        violations=stored.violations,
        title=stored.title,
        policy=stored.policy,
        engine=stored.engine,
        created=stored.created,
        based_on=BasedOn(run=stored.based_on[0], step=stored.based_on[1])
        if stored.based_on
        else None,
        scenario=stored.text,
        expectations=Expectations(met=len(findings) - len(unmet), unmet=unmet),
        replay=Replay(
            step=differs.step, what=differs.what, stored=differs.stored, replayed=differs.replayed
        )
        if differs
        else None,
    )


def minimised_out(found: Minimised, made: LoadedRun) -> MinimisedOut:
    return MinimisedOut(
        id=made.id,
        url=run_url(made.id),
        steps=made.stored.steps,
        violations=made.stored.violations,
        kind=found.kind,
        predicate=found.predicate,
        scenario=found.text,
        minimal=found.minimal,
        tried=found.tried,
        spent=found.spent,
        budget=found.budget,
        kept=[UnitOut(step=step, text=text) for step, text in found.kept],
        removed=[UnitOut(step=step, text=text) for step, text in found.removed],
    )


def step_out(run: LoadedRun, number: int) -> dict[str, Any]:
    """A step of `trace/1`, and whose it is. Raises UnknownStep."""
    return {
        "run": run.id,
        "policy": run.stored.policy,
        "step": run.check_step(number),
        "steps": run.last,
        "url": step_url(run.id, number),
        **run.run.step(number),
    }


def policy_out(entry: Entry) -> PolicyOut:
    return PolicyOut(
        name=entry.name,
        title=entry.title,
        years=entry.years,
        sentence=entry.sentence,
        default=entry.name == policies.DEFAULT,
        eras=[
            EraOut(name=era.name, policy=f"{entry.name}@{era.name}", sentence=era.sentence)
            for era in entry.eras
        ],
        rules=[
            RuleOut(name=rule.name, sentence=rule.sentence)
            for rule in policies.rules_of(entry.default.policy)
        ],
    )


def policies_out() -> list[PolicyOut]:
    return [policy_out(entry) for entry in CATALOGUE]


def scenario_out(shipped: Shipped) -> ScenarioOut:
    scenario = shipped.scenario
    return ScenarioOut(
        slug=shipped.slug,
        url=scenario_url(shipped.slug),
        title=scenario.title,
        group=scenario.group,
        tags=list(scenario.tags),
        summary=scenario.summary,
        policy=scenario.policy,
        steps=len(scenario.steps),
    )


def scenario_text_out(shipped: Shipped) -> ScenarioTextOut:
    return ScenarioTextOut(**scenario_out(shipped).model_dump(), scenario=shipped.scenario.text)
