"""A played scenario: every state kept, every step a look-up."""

from __future__ import annotations

from hashlib import blake2b
from itertools import repeat
from typing import Any

import msgspec
from msgspec import Struct

from app import policies
from app.engine import ENGINE_VERSION, Machine, boot, step
from app.engine.audit import Audit
from app.engine.collector import collector_paused
from app.engine.draft import Violation
from app.engine.events import Again, Event, spelled_out
from app.engine.neighbours import mapped_alike
from app.engine.operations import HandleWrite, Micro, Operation, Par
from app.engine.outcome import NotModelled, Outcome
from app.engine.policy import Policy
from app.engine.state import Present, Zero, folio_of, mappings, walk
from app.scenario import Scenario, ScenarioError, ScenarioErrors

from .expect import Finding, evaluate
from .explain import event_json, violation_json
from .outcome import outcome_code, outcome_json
from .state import state

Json = dict[str, Any]

KINDS = ("isolation", "coherence", "spurious-copy", "use-after-free", "invariant")
"""The words for violations, in the order in which pages list them."""


class Played(Struct, frozen=True):
    """One step as it was played. Number 0 is the machine before the first step."""

    after: Machine
    outcome: Outcome
    told: tuple[Event | Again, ...]
    violations: tuple[Violation, ...]
    expectations: tuple[Finding, ...]
    checksum: bytes

    @property
    def events(self) -> tuple[Event, ...]:
        """Every decision of the step, in order."""
        return spelled_out(self.told)


AUDITED = 32
"""Steps that are quicker played again than what is violated after each of them is kept."""


class Run:
    """A scenario under a policy. `steps[n]` is step n; stepping back is looking at n - 1.

    `audits[n]` is the audit after step `n * AUDITED`.
    """

    def __init__(
        self,
        scenario: Scenario,
        policy: Policy,
        steps: tuple[Played, ...],
        audits: tuple[Audit, ...],
    ) -> None:
        self.scenario = scenario
        self.policy = policy
        self.steps = steps
        self.audits = audits
        self.verdicts: dict[str, int | None] = dict.fromkeys(KINDS)
        for number, played in enumerate(steps):
            for violation in played.violations:
                if self.verdicts[violation.kind] is None:
                    self.verdicts[violation.kind] = number

    def __len__(self) -> int:
        """Steps, without step 0."""
        return len(self.steps) - 1

    @property
    def met(self) -> bool:
        """Were all expectations met?"""
        return all(f.met for played in self.steps for f in played.expectations)

    def step(self, number: int) -> Json:
        """Step `number` as `trace/1`; for 0 only its state. Raises IndexError beyond the end."""
        if not 0 <= number < len(self.steps):
            raise IndexError(number)
        played = self.steps[number]
        out: Json = {"state": state(played.after)}
        if number == 0:
            out["expectations"] = [finding.json() for finding in played.expectations]
            return out
        source = self.scenario.steps[number - 1]
        before = self.steps[number - 1].after
        return {
            "index": number - 1,
            "line": source.line,
            "text": source.text,
            "outcome": outcome_json(played.outcome),
            **out,
            "events": [
                event_json(event, source.op.actor, before, played.after) for event in played.events
            ],
            "violations": [violation_json(v, played.after, before) for v in played.violations],
            "expectations": [finding.json() for finding in played.expectations],
            "notes": [note.text for note in source.notes],
        }

    def audit(self, number: int) -> Audit:
        """The audit as it stood after a step, to go on with."""
        at = number // AUDITED
        audit = self.audits[at].copy()
        for n in range(at * AUDITED, number):
            op = self.scenario.steps[n].op
            done = step(self.steps[n].after, op, self.policy, explain=False)
            audit.after(done.after, done.written, device=by_device(op))
        return audit

    def document(self) -> Json:
        """The whole run as one `trace/1` document of kind "simulation"."""
        scenario = self.scenario
        config = scenario.config
        return {
            "schema": "trace/1",
            "source": {
                "kind": "simulation",
                "policy": self.policy.name,
                "engine": ENGINE_VERSION,
                "huge": config.huge,
                "swap": None if config.swap == "none" else config.swap,
                "cpus": config.cpus,
            },
            "scenario": {
                "name": scenario.title or "scenario",
                "title": scenario.title,
                "group": scenario.group,
                "text": scenario.text,
            },
            "steps": [self.step(number) for number in range(1, len(self.steps))],
        }

    def outcome_codes(self) -> list[str]:
        """One short word for each step's outcome, as the store keeps it."""
        return [outcome_code(played.outcome) for played in self.steps[1:]]

    def checksums(self) -> list[bytes]:
        """Eight bytes for each state, 0 to N; each depends on all before it."""
        return [played.checksum for played in self.steps]


def play(scenario: Scenario, policy_name: str, *, explain: bool = True) -> Run:
    """Play every step of a scenario and keep every state.

    Raises app.policies.UnknownPolicy, and app.scenario.ScenarioErrors for a step that the engine
    does not model.
    """
    policy = policies.get(policy_name)
    machine = boot(scenario.config, scenario.first)
    audit = Audit(policy)
    checksum = bytes(8)
    first = Played(machine, Outcome(), (), (), (), checksum)
    broken: list[Violation] = []
    first = msgspec.structs.replace(
        first, expectations=evaluate(scenario.before, machine, first.outcome, broken, policy)
    )
    steps = [first]
    audits = [audit.copy()]
    with collector_paused(len(scenario.steps)):
        for source in scenario.steps:
            try:
                done = step(machine, source.op, policy, explain=explain)
            except NotModelled as missing:
                raise not_modelled(source.line, source.text, missing.what) from missing
            machine = done.after
            written = done.written
            fresh = audit.after(machine, written, device=by_device(source.op))
            violations = (*done.violations, *fresh)
            broken += violations
            checksum = chain(checksum, machine, done.outcome, written)
            found = evaluate(source.expects, machine, done.outcome, broken, policy)
            steps.append(Played(machine, done.outcome, done.told, violations, found, checksum))
            if len(steps) % AUDITED == 1:
                audits.append(audit.copy())
    return Run(scenario, policy, tuple(steps), tuple(audits))


def lines_of(op: Operation) -> tuple[Operation, ...]:
    """The operations of a step: those of a `par` block, or the one."""
    return op.lines if isinstance(op, Par | Micro) else (op,)


def by_device(op: Operation) -> bool:
    """Does a device store in this step?"""
    return any(type(one) is HandleWrite for one in lines_of(op))


def not_modelled(line: int, text: str, what: str) -> ScenarioErrors:
    return ScenarioErrors(
        (
            ScenarioError(
                line=line,
                column=1,
                token=text.split("\n")[0],
                message=f"{what}: not modelled yet.",
                hint="The language has this step; the engine will refuse it until it can play it.",
            ),
        )
    )


def chain(before: bytes, machine: Machine, outcome: Outcome, written: list[range]) -> bytes:
    """The next checksum: of the one before, the outcome, and every frame and PTE that changed.

    Written in what a reader can see, not in how the engine keeps it, so that another engine with
    the same behaviour makes the same sums.
    """
    out: list[object] = [before, outcome_code(outcome), machine.copies, len(machine.slots)]
    for part in written:
        if part.start >= 0:
            out += frames_seen(machine, part.start, len(part))
            continue
        for subject in part:
            slot = machine.slots.get(~subject)
            out.append((subject, None if slot is None else (slot.count, slot.cache)))
    return blake2b(msgspec.msgpack.encode(out), digest_size=8).digest()


def frames_seen(machine: Machine, first: int, count: int) -> list[object]:
    """What a reader can see of `count` frames from `first` on."""
    out: list[object] = []
    reached = first
    for pfn, same, folio in mapped_alike(machine, first, count):
        out += [(gone, None) for gone in range(reached, pfn)]
        reached = pfn + same
        refcount = folio_of(machine, pfn).refcount
        entries = []
        for mm, vpn in mappings(machine, pfn):
            pte = walk(machine.tables[mm], machine.config.huge, vpn)
            kind = (pte.write, pte.dirty) if type(pte) is Present else type(pte) is Zero
            entries.append((mm, vpn, kind))
        slots = range(folio.slot, folio.slot + same) if folio.slot >= 0 else repeat(folio.slot)
        each = [
            zip(repeat(mm), range(vpn, vpn + same), repeat(kind), strict=False)
            for mm, vpn, kind in entries
        ]
        out += zip(
            range(pfn, pfn + same), repeat(refcount), repeat(folio.exclusive), slots,
            repeat(folio.data.value), zip(*each, strict=False) if each else repeat(()),
            strict=False,
        )  # fmt: skip
    out += [(gone, None) for gone in range(reached, first + count)]
    return out
