"""`/selftest`: the kernel's cow.c on the model, its twins, and the runs behind its cells."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import jinja2
import orjson
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from msgspec.structs import asdict, replace

from app import policies, selftest
from app.engine import ENGINE_VERSION
from app.engine.policy import Policy
from app.selftest import KINDS, TESTS, Kind, Results, Test, Verdict
from app.service import RunService
from app.settings import Settings
from app.urls import step_url

from .kept import KeptAnswers
from .matrix import all_names
from .selftest_view import ALL, cell_url, context_of
from .templating import look_of

Json = dict[str, Any]

KEPT = 64
"""Results kept in each process: a few dozen kilobytes each."""
TAP = {Verdict.PASS: "ok", Verdict.FAIL: "not ok", Verdict.XFAIL: "not ok", Verdict.SKIP: "ok"}
DIRECTIVES = {Verdict.XFAIL: " # XFAIL", Verdict.SKIP: " # SKIP"}


def document(results: tuple[Results, ...]) -> Json:
    """Every cell as JSON, by policy and test."""
    kinds = {kind.key: kind.words for kind in KINDS}
    return {
        "schema": "selftest/1",
        "source": "tools/testing/selftests/mm/cow.c",
        "engine": ENGINE_VERSION,
        "tests": [{"id": t.id, "name": t.name, "asserts": t.asserts} for t in TESTS],
        "kinds": [{"key": key, "name": words} for key, words in kinds.items()],
        "policies": [
            {
                "policy": r.policy,
                "counts": {verdict.value: r.count(verdict) for verdict in Verdict},
                "cells": [
                    {
                        "test": cell.test,
                        "kind": cell.kind,
                        "verdict": cell.verdict.value,
                        "step": cell.step or None,
                        "because": cell.because,
                        "href": cell_url(r.policy, cell.test, cell.kind) if cell.step else None,
                    }
                    for row in r.rows
                    for cell in row
                ],
            }
            for r in results
        ],
    }


def tap(results: tuple[Results, ...]) -> str:
    """As cow.c prints it: TAP, one line a test and kind of memory."""
    words = {kind.key: kind.words for kind in KINDS}
    names = {test.id: test.name for test in TESTS}
    out = ["TAP version 13"]
    total = sum(c.verdict is not Verdict.NONE for r in results for row in r.rows for c in row)
    out.append(f"1..{total}")
    number = 0
    for r in results:
        out.append(f"# policy {r.policy}, engine {ENGINE_VERSION}")
        for row in r.rows:
            for cell in row:
                if cell.verdict is Verdict.NONE:
                    continue
                number += 1
                line = f"{TAP[cell.verdict]} {number} {cell.test} {names[cell.test]}"
                out.append(f"{line} ... with {words[cell.kind]}{DIRECTIVES.get(cell.verdict, '')}")
                if cell.verdict in (Verdict.FAIL, Verdict.XFAIL):
                    out.append(f"# step {cell.step}: {cell.because}")
        out.append(
            "# Totals: "
            + " ".join(f"{v.value}:{r.count(v)}" for v in Verdict if v is not Verdict.NONE)
        )
    return "\n".join([*out, ""])


class Selftests:
    """Results by policy, each distinct set of rules played once."""

    def __init__(self, settings: Settings) -> None:
        self.answers: KeptAnswers[Policy, Results] = KeptAnswers(
            "selftests", KEPT, settings.heavy_queue
        )

    async def of(self, policy: str) -> tuple[Results, ...]:
        """Of one policy, or of "all". Raises UnknownPolicy and Busy."""
        names = all_names() if policy == ALL else (policy,)
        return tuple([await self.one(name) for name in names])

    async def one(self, name: str) -> Results:
        rules = replace(policies.get(name), name="")
        found = await self.answers.get(rules, lambda: selftest.play_all(name))
        return replace(found, policy=name)


def policy_in(request: Request) -> str:
    """The policy that is asked for, with `without` switched off."""
    policy = request.query_params.get("policy") or policies.DEFAULT
    without = request.query_params.get("without")
    return f"{policy}:-{without}" if without and policy != ALL else policy


def cell_asked(test_id: str, kind_key: str) -> tuple[Test, Kind]:
    """Raises a 404 that says what there is."""
    test, kind = selftest.find_test(test_id.upper()), selftest.find_kind(kind_key)
    if test is None:
        raise HTTPException(404, f"There is no test “{test_id}”; there are T1 to T{len(TESTS)}.")
    if kind is None:
        near = get_close_matches(kind_key, [k.key for k in KINDS], 1, 0.4)
        hint = f" Nearest: {near[0]}." if near else ""
        raise HTTPException(404, f"There is no kind of memory “{kind_key}”.{hint}")
    why = selftest.why_not(test, kind)
    if why:
        raise HTTPException(404, f"{test.id} is not run with {kind.words}: {why}.")
    return test, kind


def router(runs: RunService, templates: jinja2.Environment, settings: Settings) -> APIRouter:
    """`/selftest?policy=`, its twins, and the links of its cells."""
    tests = Selftests(settings)
    routes = APIRouter(include_in_schema=False)

    @routes.get("/selftest.json")
    async def as_json(request: Request) -> Response:
        found = await tests.of(policy_in(request))
        return Response(orjson.dumps(document(found)), media_type="application/json")

    @routes.get("/selftest.txt")
    async def as_text(request: Request) -> Response:
        return PlainTextResponse(tap(await tests.of(policy_in(request))))

    @routes.get("/selftest")
    async def show(request: Request) -> Response:
        policy = policy_in(request)
        context = context_of(policy, await tests.of(policy))
        body = templates.get_template("selftest.html").render(
            asdict(context), look=look_of(request), here="selftest"
        )
        return HTMLResponse(body, headers={"Cache-Control": "no-cache", "Vary": "Cookie"})

    @routes.get("/selftest/{policy}/{test_id}/{kind_key}")
    async def cell(policy: str, test_id: str, kind_key: str) -> Response:
        test, kind = cell_asked(test_id, kind_key)
        found = (await tests.one(policy)).cell(test.id, kind.key)
        loaded = await runs.create(selftest.scenario_text(test, kind), policy)
        return RedirectResponse(step_url(loaded.id, loaded.check_step(found.step)), 303)

    return routes
