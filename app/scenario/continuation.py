"""What may come next: the compiler as it stands behind the first lines of a text."""

from __future__ import annotations

from msgspec.structs import replace

from app.engine import operations as ops

from .compile import Compiler
from .errors import ScenarioError, ScenarioErrors
from .names import Names, Wrong
from .parser import BadLine, parse_line
from .scenario import Reader, Scenario, spelled
from .text import CONTROL, lines_of, split_head


class Continuation:
    """Compiles one line more, as often as asked; what one line names, the next does not know.

    `names` are in force behind every line before `line`. Nobody may change them.
    """

    def __init__(self, scenario: Scenario, line: int) -> None:
        mark = next((m for m in reversed(scenario.landmarks) if m.line < line), None)
        behind = mark.line if mark else 0
        text = "\n".join(scenario.text.split("\n")[behind : line - 1])
        _, body = split_head(lines_of(text, []), [])
        between = [replace(one, number=one.number + behind) for one in body]
        reader = Reader(scenario.config, between, [], scenario.first)
        if mark:
            reader.compiler.names = mark.names.copy()
        reader.read()
        self.first = scenario.first
        self.config = scenario.config
        self.names: Names = reader.compiler.names
        self.line = line

    def compile(self, text: str) -> tuple[str, ops.Operation]:
        """The line in canonical spelling, and its operation.

        Raises ScenarioErrors when it is no step, or none that makes sense here.
        """
        stripped = text.split("#")[0].strip()
        if CONTROL.search(text) or "\n" in text or "\r" in text:
            raise refused("A step is one line.", "Give one line, without control characters.")
        if not stripped:
            raise refused("There is no step in this line.", "For example: A read buf")
        tree = parse_line(stripped)
        if isinstance(tree, BadLine):
            raise ScenarioErrors((tree.at(self.line, 0),))
        if tree.data.startswith("expect_"):
            raise refused("An expectation is no step.", "Add it in the editor.")
        compiler = Compiler(self.first, self.config)
        compiler.names = self.names.copy()
        try:
            return spelled(stripped), compiler.operation(tree, self.line)
        except Wrong as wrong:
            raise ScenarioErrors((wrong.at(self.line, 0),)) from wrong


def refused(message: str, hint: str) -> ScenarioErrors:
    return ScenarioErrors((ScenarioError(1, 1, "", message, hint),))
