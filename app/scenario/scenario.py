"""A text becomes a scenario, or all its errors."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from app.engine import operations as ops
from app.engine.state import Config

from .compile import Compiler
from .errors import ScenarioError, ScenarioErrors
from .expectations import Expectation, Note
from .names import Names, Node, Wrong
from .parser import BadLine, parse_line
from .text import HEADER, MAX_STEPS, Line, lines_of, number_of, split_head

PROCESS = re.compile(r"\b[A-Z][A-Za-z0-9_]*\b")
SPACES = re.compile(r"\s+")
LANDMARK = 128
"""Lines that are quicker read again than their names are kept."""


class ScenarioStep(Struct, frozen=True):
    """One step, with the expectations and notes that stand behind it."""

    line: int
    text: str
    op: ops.Operation
    expects: tuple[Expectation, ...] = ()
    notes: tuple[Note, ...] = ()


class Landmark(Struct, frozen=True):
    """The names in force behind a line. Nobody may change them."""

    line: int
    names: Names


class Scenario(Struct, frozen=True):
    """A whole text. `first` is the process that exists from the start; who goes on from the middle
    of a long text reads it from the last of the `landmarks` on.
    """

    text: str
    title: str
    group: str
    tags: tuple[str, ...]
    summary: str
    policy: str | None
    config: Config
    first: str
    steps: tuple[ScenarioStep, ...]
    before: tuple[Expectation, ...] = ()
    notes_before: tuple[Note, ...] = ()
    landmarks: tuple[Landmark, ...] = ()


def parse(
    text: str,
    check_policy: Callable[[str], str | None] | None = None,
    first: str | None = None,
) -> Scenario:
    """Compile a text. Raises ScenarioErrors with every error at once; nothing is half-made.

    `check_policy` says what is wrong with a policy's name, or None. `first` is the process that
    exists from the start, where that is known: a part of a text may name another one first.
    """
    errors: list[ScenarioError] = []
    head, body = split_head(lines_of(text, errors), errors)
    if head.policy is not None and check_policy is not None:
        problem = check_policy(head.policy)
        if problem:
            errors.append(ScenarioError(*head.policy_at, head.policy, problem))
    reader = Reader(head.config, body, errors, first or first_process(body))
    reader.read()
    if not reader.steps and not errors:
        errors.append(ScenarioError(1, 1, "", "There is no step.", "Begin with: A mmap buf 1"))
    if errors:
        raise ScenarioErrors(tuple(errors))
    return Scenario(
        text, head.title, head.group, head.tags, head.summary, head.policy, head.config,
        reader.first, tuple(reader.steps), tuple(reader.before), tuple(reader.notes_before),
        tuple(reader.landmarks),
    )  # fmt: skip


def longest_valid(text: str) -> Scenario | None:
    """The scenario made of the lines before the first error, if they make one."""
    try:
        return parse(text)
    except ScenarioErrors as errors:
        first = errors.errors[0].line
    try:
        return parse("\n".join(text.split("\n")[: first - 1]))
    except ScenarioErrors:
        return None


def first_process(body: list[Line]) -> str:
    for line in body:
        if not line.text.startswith(("note", "expect error")):
            found = PROCESS.search(line.text)
            if found:
                return found.group()
    return "A"


class Reader:
    """The body, line by line. A `par` block is one step; with an order, one for each micro-step."""

    def __init__(
        self, config: Config, body: list[Line], errors: list[ScenarioError], first: str
    ) -> None:
        self.body = body
        self.errors = errors
        self.first = first
        self.compiler = Compiler(self.first, config)
        self.steps: list[ScenarioStep] = []
        self.before: list[Expectation] = []
        self.notes_before: list[Note] = []
        self.landmarks: list[Landmark] = []
        self.at = 0
        self.marked = 0

    def read(self) -> None:
        while self.at < len(self.body):
            line = self.body[self.at]
            self.at += 1
            if line.text == "par":
                self.read_par(line)
            elif line.text == "note" or line.text.startswith(("note ", "note\t")):
                self.attach_note(Note(line.number, line.text[4:].strip()))
            else:
                self.read_line(line)
            self.mark()
            if len(self.steps) > MAX_STEPS:
                self.errors.append(
                    ScenarioError(
                        line.number, 1, "", f"More than {MAX_STEPS} steps.",
                        f"The limit is {MAX_STEPS} steps.",
                    )
                )  # fmt: skip
                return

    def mark(self) -> None:
        """Remember the names every so often: as many lines apart as there are names to copy."""
        lines = self.at - self.marked
        names = self.compiler.names
        if lines >= LANDMARK and lines >= len(names):
            self.landmarks.append(Landmark(self.body[self.at - 1].number, names.copy()))
            self.marked = self.at

    def tree(self, line: Line) -> Node | None:
        header = HEADER.match(line.text)
        if header:
            self.errors.append(misplaced(header[2], line))
            return None
        tree = parse_line(line.text)
        if isinstance(tree, BadLine):
            self.errors.append(tree.at(line.number, line.indent))
            return None
        return tree

    def read_line(self, line: Line) -> None:
        tree = self.tree(line)
        if tree is None:
            return
        text = spelled(line.text)
        try:
            if tree.data.startswith("expect_"):
                self.attach(self.compiler.expectation(tree, line.number, text))
            else:
                operation = self.compiler.operation(tree, line.number)
                self.steps.append(ScenarioStep(line.number, text, operation))
        except Wrong as wrong:
            self.errors.append(wrong.at(line.number, line.indent))

    def attach(self, expectation: Expectation) -> None:
        if self.steps:
            last = self.steps[-1]
            self.steps[-1] = replace(last, expects=(*last.expects, expectation))
        else:
            self.before.append(expectation)

    def attach_note(self, note: Note) -> None:
        if self.steps:
            last = self.steps[-1]
            self.steps[-1] = replace(last, notes=(*last.notes, note))
        else:
            self.notes_before.append(note)

    def read_par(self, opening: Line) -> None:
        inner: list[Line] = []
        while self.at < len(self.body) and self.body[self.at].indent > opening.indent:
            inner.append(self.body[self.at])
            self.at += 1
        order: Line | None = None
        if self.at < len(self.body) and self.body[self.at].text.startswith("order:"):
            order = self.body[self.at]
            self.at += 1
        if not inner:
            self.errors.append(
                ScenarioError(opening.number, opening.indent + 1, "par", "This par block is empty.",
                              "Indent the lines that run at once, one for each actor.")
            )  # fmt: skip
            return
        lines: list[ops.Operation] = []
        for line in inner:
            tree = self.tree(line)
            if tree is None:
                continue
            try:
                if tree.data.startswith("expect_"):
                    raise Wrong(
                        "expect", "Only steps may stand in a par block.", "Put it behind the block."
                    )
                lines.append(self.compiler.operation(tree, line.number))
            except Wrong as wrong:
                self.errors.append(wrong.at(line.number, line.indent))
        if len(lines) != len(inner):
            return
        if order is None:
            words = ["par", *("  " + spelled(line.text) for line in inner)]
            block = ops.Par("kernel", tuple(lines))
            self.steps.append(ScenarioStep(opening.number, "\n".join(words), block))
            return
        first = tuple(lines)
        for word in self.schedule(order, lines):
            line = inner[word - 1]
            step = ops.Micro(lines[word - 1].actor, word, first)
            self.steps.append(ScenarioStep(line.number, spelled(line.text), step))
            first = ()
        if not first:
            self.steps.append(ScenarioStep(order.number, "par", ops.Join("kernel")))

    def schedule(self, order: Line, lines: list[ops.Operation]) -> tuple[int, ...]:
        """Line numbers of the block, from 1; an actor's name stands for its line."""
        out: list[int] = []
        actors = [line.actor for line in lines]
        for found in re.finditer(r"\S+", order.text[6:]):
            word = found.group()
            number = number_of(word)
            if number is not None and 1 <= number <= len(lines):
                out.append(number)
            elif actors.count(word) == 1:
                out.append(actors.index(word) + 1)
            else:
                column = order.indent + 6 + found.start() + 1
                names = ", ".join(dict.fromkeys(actors))
                hint = f"1 to {len(lines)}, or an actor that has one line: {names}."
                self.errors.append(
                    ScenarioError(
                        order.number, column, word, f"“{word}” is no line of the block.", hint
                    )
                )
        if not out and not self.errors:
            self.errors.append(
                ScenarioError(order.number, order.indent + 1, "order", "This order names no line.",
                              f"One word for each micro-step: 1 to {len(lines)}.")
            )  # fmt: skip
        return tuple(out)


def misplaced(key: str, line: Line) -> ScenarioError:
    """`key: value` where only a step may stand."""
    if key == "order":
        message, hint = "There is no par block before this order.", "It stands right behind one."
    else:
        message = f"The header “{key}” stands too late."
        hint = "Headers come before the first step."
    return ScenarioError(line.number, line.indent + 1, key, message, hint)


def spelled(text: str) -> str:
    """One space between words, none inside a place."""
    text = SPACES.sub(" ", text)
    return (
        re.sub(r" ?([\[:]) ?(?=[0-9\w])|(?<=\d) (?=[\]:])", lambda m: m[1] or "", text)
        if "[" in text
        else text
    )
