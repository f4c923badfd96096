"""Recorded traces: taken in, and held against the model."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app import policies
from app.api.documented import BAD_REQUEST, UNAVAILABLE, problems
from app.api.models import DiffersOut, ExtraOut, TraceOut, TraceStepOut
from app.service import LoadedTrace, TraceService
from app.trace.beside import beside_document, beside_step
from app.trace.imported import MAX_TRACE_BYTES
from app.trace.outcome import outcome_json
from app.trace.recorded import Replayed
from app.urls import api_trace_url, trace_url

Json = dict[str, Any]

EXAMPLE: Json = {
    "schema": "trace/1",
    "source": {"kind": "kernel", "release": "6.18.44", "machine": "x86_64", "swap": None},
    "scenario": {"name": "first-touch", "text": "A mmap buf 1\n"},
    "steps": [
        {
            "index": 0,
            "line": 1,
            "text": "A mmap buf 1",
            "outcome": {"value": None, "error": None},
            "state": {
                "processes": {"A": {"buf": [{"page": 0, "kind": "none", "frame": None}]}},
                "frames": {},
            },
        }
    ],
}
BODY: Json = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "description": "A `trace/1` document of kind `kernel`, of at most "
                f"{MAX_TRACE_BYTES:,} bytes. Fields beside the format are kept and shown.",
                "required": ["schema", "source", "scenario", "steps"],
                "properties": {
                    "schema": {"const": "trace/1", "description": "The format"},
                    "source": {"type": "object", "description": "The kernel that was recorded"},
                    "scenario": {"type": "object", "description": "`text`, and what it is called"},
                    "steps": {
                        "type": "array",
                        "items": {"type": "object"},
                        "description": "Each with `text`, `outcome` and `state`",
                    },
                },
                "example": EXAMPLE,
            }
        }
    },
}


def service_of(request: Request) -> TraceService:
    service: TraceService = request.app.state.traces
    return service


Traces = Annotated[TraceService, Depends(service_of)]
TraceId = Annotated[str, Path(description="A trace's id", max_length=200)]
Policy = Annotated[str, Query(description="The policy to hold it against")]

routes = APIRouter(prefix="/api/v1", tags=["traces"])


@routes.post(
    "/traces",
    status_code=201,
    summary="Import a trace that was recorded on a kernel",
    openapi_extra={"requestBody": BODY},
    responses={
        201: {
            "headers": {
                "Location": {"description": "The trace's JSON", "schema": {"type": "string"}}
            },
            "links": {
                "trace": {
                    "operationId": "get_trace",
                    "parameters": {"trace_id": "$response.body#/id"},
                }
            },
        },
        **problems(
            _400="The body is no JSON, or no UTF-8: `errors` says where",
            _410="This document was removed, or a run of its scenario: it is not stored again",
            _413="The body is too large",
            _422="The document is no trace of a kernel: `errors` says where and why",
            _503=UNAVAILABLE,
        ),
    },
)
async def import_trace(request: Request, traces: Traces, response: Response) -> TraceOut:
    """It is stored byte for byte, and `/t/{id}.json` gives it back. The same document is the same
    trace, however often it is sent."""
    trace = await traces.create(await request.body())
    response.headers["Location"] = api_trace_url(trace.id)
    return trace_out(trace, await traces.replayed(trace, policies.DEFAULT), policies.DEFAULT)


@routes.get(
    "/traces/{trace_id}",
    summary="A recorded trace, step by step beside what the model plays",
    operation_id="get_trace",
    responses=problems(
        _404="No trace has this id",
        _410="The trace was removed",
        _422=f"{BAD_REQUEST}, or there is no such policy",
        _503=UNAVAILABLE,
    ),
)
async def get_trace(
    trace_id: TraceId, traces: Traces, policy: Policy = policies.DEFAULT
) -> TraceOut:
    trace = await traces.load(trace_id)
    return trace_out(trace, await traces.replayed(trace, policy), policy)


def trace_out(trace: LoadedTrace, replayed: Replayed, policy: str) -> TraceOut:
    found, recording = replayed.found, trace.recording
    differing = {mismatch.step: mismatch for mismatch in found.mismatches}
    steps = []
    for number, step in enumerate(trace.document["steps"], 1):
        mismatch = differing.get(number)
        played = number <= len(found.outcomes)
        steps.append(
            TraceStepOut(
                step=number,
                text=step["text"],
                kernel=step["outcome"],
                model=outcome_json(found.outcomes[number - 1]) if played else None,
                agrees=played and mismatch is None,
                differs=mismatch
                and DiffersOut(
                    field=mismatch.field, expected=mismatch.expected, found=mismatch.found
                ),
                not_compared=extras(step),
            )
        )
    return TraceOut(
        id=trace.id,
        url=trace_url(trace.id),
        title=recording.title,
        release=recording.release,
        machine=recording.machine,
        swap=trace.document["source"].get("swap"),
        scenario=recording.text,
        policy=policy,
        agreeing=found.agreeing,
        refused=found.refused,
        steps=steps,
        not_compared=[
            ExtraOut(path=e.path, value=e.value) for e in beside_document(trace.document)
        ],
    )


def extras(step: Json) -> list[ExtraOut]:
    return [ExtraOut(path=extra.path, value=extra.value) for extra in beside_step(step)]
