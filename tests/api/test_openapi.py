"""Requests made up from the OpenAPI description: no server error, no undocumented answer."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import positive_data_acceptance

OPERATIONS = {
    "POST /api/v1/runs",
    "POST /api/v1/runs/{run_id}/minimise",
    "GET /api/v1/runs/{run_id}",
    "GET /api/v1/runs/{run_id}/steps/{step}",
    "POST /api/v1/traces",
    "GET /api/v1/traces/{trace_id}",
    "GET /api/v1/policies",
    "GET /api/v1/scenarios",
    "GET /api/v1/scenarios/{slug}",
}


def test_the_description_lists_exactly_the_interface(client: TestClient) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert {f"{m.upper()} {path}" for path, methods in paths.items() for m in methods} == OPERATIONS


POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
CASES = [(label, POSITIVE) for label in sorted(OPERATIONS)] + [
    # The others take nothing that could be wrong.
    ("POST /api/v1/runs", NEGATIVE),
    ("POST /api/v1/runs/{run_id}/minimise", NEGATIVE),
    ("GET /api/v1/runs/{run_id}", NEGATIVE),
    ("POST /api/v1/traces", NEGATIVE),
    ("GET /api/v1/traces/{trace_id}", NEGATIVE),
    ("GET /api/v1/runs/{run_id}/steps/{step}", NEGATIVE),
]


@pytest.mark.parametrize(("label", "mode"), CASES)
def test_every_answer_is_as_described(
    app: FastAPI, client: TestClient, leak: str, label: str, mode: schemathesis.GenerationMode
) -> None:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    method, path = label.split(" ")
    operation = schema[path][method]

    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case[Any]) -> None:
        # No schema can say which texts are scenarios: a 422 is right for most strings.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    check()
