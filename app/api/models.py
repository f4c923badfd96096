"""What the JSON interface takes and gives, exactly. `trace/1` has a module of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

EXAMPLE = """\
title: vmsplice leak (CVE-2020-29374)
A mmap buf 1
A write buf[0] 1
A fork B
B splice buf[0] g
B munmap buf
A write buf[0] 42
g read
"""


class Exact(BaseModel):
    """No field that is not listed, in either direction."""

    model_config = ConfigDict(extra="forbid")


class TextError(Exact):
    """One thing that is wrong in a scenario: where (from 1), what, and what would be right."""

    line: int
    column: int
    token: str
    message: str
    hint: str


class Problem(Exact):
    """An error, as RFC 9457 has it."""

    type: str = Field(description="urn:cowscope: and a word for the kind of problem")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for")
    nearest: str | None = Field(default=None, description="The nearest path that works")
    errors: list[TextError] | None = Field(default=None, description="Those of a scenario")


class BasedOn(Exact):
    """The run and the step that an edited scenario started from."""

    run: str
    step: int = Field(ge=0)


class NewRun(Exact):
    """A scenario to play."""

    scenario: str = Field(
        description="A text in the scenario language, at most 64 KiB", examples=[EXAMPLE]
    )
    policy: str | None = Field(
        default=None,
        description="A policy's name, with era and rules switched off: `linux`, `refcount@5.9`, "
        "`linux:-swap-exclusive`. Without it the scenario's own, else `linux`.",
        examples=["mapcount"],
    )
    based_on: BasedOn | None = None


class CreatedRun(Exact):
    id: str = Field(description="Short, made of the content's hash: the same content, the same id")
    url: str = Field(description="Path of the run's page")
    steps: int = Field(ge=0)
    violations: dict[str, int] = Field(
        description="Each property that is violated, with the first step that breaks it: "
        "isolation, coherence, spurious-copy, use-after-free, invariant"
    )


class Replay(Exact):
    """Where this version plays the run otherwise than the version that stored it."""

    step: int
    what: str = Field(description="outcome, state or length")
    stored: str
    replayed: str


class Expectations(Exact):
    met: int = Field(ge=0)
    unmet: list[str] = Field(description="What is not met: `line: expectation (what was found)`")


class NewMinimisation(Exact):
    """Which violation shall stay, and how much work finding the shortest text may be."""

    kind: Literal["isolation", "coherence", "spurious-copy", "use-after-free", "invariant"]
    budget: int | None = Field(
        default=None, ge=1, le=100_000_000,
        description="Page-steps of all scenarios played together; the server has a most of its own",
    )  # fmt: skip


class UnitOut(Exact):
    """A step of the run, or a whole `par` block."""

    step: int
    text: str


class MinimisedOut(CreatedRun):
    """The minimised scenario, stored as a run that is based on the one it was made from."""

    kind: str
    predicate: str = Field(description="The predicate that both runs break, such as I1")
    scenario: str
    minimal: bool = Field(
        description="Checked: without any one of its steps it no longer violates. False when the "
        "budget ended before that was known"
    )
    tried: int = Field(ge=0, description="Scenarios played")
    spent: int = Field(ge=0, description="Page-steps of them")
    budget: int
    kept: list[UnitOut] = Field(description="Steps of the run that are left, in its own words")
    removed: list[UnitOut]


class StoredRunOut(CreatedRun):
    """A run, all that is stored of it, and how it went."""

    title: str
    policy: str
    engine: str = Field(description="Version of the engine that stored it")
    created: datetime
    based_on: BasedOn | None
    scenario: str
    expectations: Expectations
    replay: Replay | None = Field(description="null: played again, it is what it was")


class EraOut(Exact):
    name: str
    policy: str = Field(description="The name to ask for, such as refcount@5.9")
    sentence: str


class RuleOut(Exact):
    name: str
    sentence: str


class PolicyOut(Exact):
    name: str
    title: str
    years: str
    sentence: str
    default: bool = Field(description="Whether it is played when none is named")
    eras: list[EraOut] = Field(description="Oldest first; the last is what the bare name means")
    rules: list[RuleOut] = Field(description="Rules that can be switched off: NAME:-RULE")


class ScenarioOut(Exact):
    """A scenario of the library."""

    slug: str
    url: str
    title: str
    group: str
    tags: list[str]
    summary: str = Field(description="Markdown")
    policy: str | None = Field(description="The scenario's default policy")
    steps: int


class ScenarioTextOut(ScenarioOut):
    scenario: str = Field(description="The text")


class ExtraOut(Exact):
    """A field that the trace format does not have: kept, shown, not compared."""

    path: str
    value: str = Field(description="As JSON; of a long one the beginning")


class DiffersOut(Exact):
    """The first difference of a step."""

    field: str
    expected: Any = Field(description="What the kernel did")
    found: Any = Field(description="What the model does")


class TraceStepOut(Exact):
    step: int = Field(description="From 1")
    text: str
    kernel: dict[str, Any] = Field(description="The recorded outcome")
    model: dict[str, Any] | None = Field(description="null: the model does not play this step")
    agrees: bool
    differs: DiffersOut | None
    not_compared: list[ExtraOut]


class TraceOut(Exact):
    """An imported trace beside what the model plays."""

    id: str = Field(description="Short, made of the document's hash")
    url: str = Field(description="Path of its page; with `.json` behind it the document as it came")
    title: str
    release: str
    machine: str
    swap: str | None
    scenario: str
    policy: str
    agreeing: int = Field(ge=0, description="Steps that agree")
    refused: str | None = Field(description="Why the model cannot play the scenario, or null")
    steps: list[TraceStepOut]
    not_compared: list[ExtraOut] = Field(description="Those that are about no step")
