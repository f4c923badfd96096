"""What a question is, and how it is named."""

from __future__ import annotations

import re

from msgspec import Struct

KINDS = ("page", "fate", "fault", "value", "sees", "bits", "count", "which")
"""Kinds of question, in the order in which `questions_for` puts those that tell as much."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(~[a-z0-9@.:-]{1,80})?")


class BadQuestion(LookupError):
    """No question has this name; the message says why, `hint` what there is instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint


class Address(Struct, frozen=True):
    """A question's name in parts: `{source}.{step}.{kind}`.

    `source` is a stored run's name, or a shipped scenario's slug, which may carry a policy:
    `vmsplice-leak~refcount@5.9`. `step` is the step that is predicted, from 1.
    """

    source: str
    step: int
    kind: str

    @property
    def id(self) -> str:
        return f"{self.source}.{self.step}.{self.kind}"

    @property
    def slug(self) -> str:
        return self.source.partition("~")[0]

    @property
    def policy(self) -> str:
        """The policy behind the `~`, or ""."""
        return self.source.partition("~")[2]


def address_of(question_id: str) -> Address:
    """Take a question's name apart. Raises BadQuestion."""
    parts = question_id.rsplit(".", 2)
    if len(parts) != 3 or not NAME.fullmatch(parts[0]):
        raise BadQuestion(
            f"“{question_id[:80]}” is no question.", "A question is called SCENARIO.STEP.KIND."
        )
    source, step, kind = parts
    if kind not in KINDS:
        raise BadQuestion(f"There is no kind “{kind[:20]}”.", f"There is {', '.join(KINDS)}.")
    if not re.fullmatch(r"[1-9][0-9]{0,5}", step):
        raise BadQuestion(f"“{step[:20]}” is no step.", "Steps count from 1.")
    return Address(source, int(step), kind)


class Option(Struct, frozen=True):
    """One answer.

    id        "a", "b", ... in the order shown
    label     the answer in words
    feedback  what to tell one who chose it (and, of a wrong one, which policy would give it)
    policies  policies by name that give this answer; of `kind` "bits", that change this bit
    subject   what it is about in the grid: a frame's label, or "A.buf[0]"; "" if nothing
    mark      in the grid, which bit of the subject: "writable", "exclusive", ...; "" if nothing
    now       in the grid, whether that bit is set before the step
    """

    id: str
    label: str
    feedback: str
    policies: tuple[str, ...] = ()
    subject: str = ""
    mark: str = ""
    now: bool = False


class Question(Struct, frozen=True):
    """A question on one step, answered by the engine.

    id        `address_of` takes it apart; stable, for links
    text      the question
    kind      one of KINDS
    options   two or more; where `multiple`, any of them may be chosen together, else one
    right     ids of the right options: exactly one, or those to tick where `multiple`
    source    the run it is about, as in the id; `policy` the one that is in force
    step      the step predicted; the question shows the state after `step - 1`
    command   the step's text; of kind "which" it is the answer, and may not be shown before
    because   why the right answer is right: decision and numbers
    rule      the rule that decided, or ""
    """

    id: str
    text: str
    kind: str
    options: tuple[Option, ...]
    right: tuple[str, ...]
    source: str
    policy: str
    step: int
    command: str
    because: str
    rule: str = ""

    @property
    def multiple(self) -> bool:
        return self.kind == "bits"

    def option(self, option_id: str) -> Option:
        """Raises KeyError."""
        for option in self.options:
            if option.id == option_id:
                return option
        raise KeyError(option_id)

    def is_right(self, chosen: frozenset[str]) -> bool:
        return chosen == frozenset(self.right)
