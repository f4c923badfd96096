"""Lines to syntax trees: Lark does the grammar, this module says in words what it did not like."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib import resources

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedEOF, UnexpectedToken
from lark.exceptions import UnexpectedInput
from lark.lexer import PatternRE, TerminalDef
from msgspec import Struct

from .errors import ScenarioError, did_you_mean

WORD = re.compile(r"[^\s\[\]:]+|[\[\]:]")

BOUNDARY = "(?![A-Za-z0-9_-])"

NAMES = {
    "PROCESS": "a process (a name that begins with a capital)",
    "NAME": "a name (lower case)",
    "INT": "a number",
    "ERRNO": "a signal or errno name",
    "LSQB": "[",
    "RSQB": "]",
    "COLON": ":",
    "$END": "the end of the line",
}


class BadLine(Struct, frozen=True):
    """Why a line does not parse: `column` counts from 1 in the line as it was given."""

    column: int
    token: str
    message: str
    hint: str

    def at(self, line: int, indent: int) -> ScenarioError:
        return ScenarioError(line, self.column + indent, self.token, self.message, self.hint)


@cache
def grammar() -> Lark:
    text = resources.files(__package__).joinpath("grammar.lark").read_text("utf-8")
    return Lark(
        text,
        parser="lalr",
        propagate_positions=True,
        maybe_placeholders=False,
        edit_terminals=whole_word,
    )


def whole_word(terminal: TerminalDef) -> None:
    """Words of the language match whole: “readbuf” is not “read buf”."""
    word = terminal.pattern.value
    if terminal.pattern.type == "str" and word[:1].isalpha():
        terminal.pattern = PatternRE(word + BOUNDARY)
        terminal.priority = 1


@lru_cache(maxsize=4096)
def parse_line(line: str) -> Tree[Token] | BadLine:
    """The syntax tree of one step without indentation or comment, or what is wrong with it."""
    try:
        return grammar().parse(line)
    except UnexpectedInput as error:
        return explain(line, error)


def explain(line: str, error: UnexpectedInput) -> BadLine:
    """What stands there, what was expected, and the nearest known word."""
    if isinstance(error, UnexpectedEOF) or (
        isinstance(error, UnexpectedToken) and error.token.type == "$END"
    ):
        return BadLine(len(line) + 1, "", "The line ends too early.", wanted(expected_of(error)))
    column = max(error.column, 1)
    found = WORD.match(line, column - 1)
    token = found.group() if found else line[column - 1 : column]
    options = expected_of(error)
    words = [word for word in map(literal, options) if word]
    if column == 1 and re.fullmatch(r"[A-Za-z0-9_]+", token) is None:
        hint = "It begins with a process, a handle, “kernel”, “expect” or “note”."
        return BadLine(1, token, f"A step cannot begin with “{token}”.", hint)
    first = line.split()[0]
    if is_verb(line, column) and first in {*literals().values()} - {"kernel", "expect"}:
        hint = f"A step begins with its process or handle: A {line}"
        return BadLine(1, first, f"Who does “{first}”?", hint)
    if words and re.fullmatch(r"[a-z_-]+", token):
        message = (
            f"Unknown verb “{token}”." if is_verb(line, column) else f"“{token}” is not known here."
        )
        return BadLine(column, token, message, did_you_mean(token, words, wanted(options)))
    if "$END" in options and len(options) == 1:
        return BadLine(
            column, token, f"“{token}” is one word too many.", "The step ends before it."
        )
    return BadLine(column, token, f"“{token}” does not belong here.", wanted(options))


def is_verb(line: str, column: int) -> bool:
    """Is the token at `column` the second word of the line?"""
    return len(line[: column - 1].split()) == 1


def expected_of(error: UnexpectedInput) -> set[str]:
    if isinstance(error, UnexpectedToken):
        return set(error.accepts or error.expected)
    if isinstance(error, UnexpectedCharacters):
        return set(error.allowed or ())
    return set(error.expected) if isinstance(error, UnexpectedEOF) else set()


@cache
def literals() -> dict[str, str]:
    """Terminal names of the language's own words."""
    return {
        t.name: t.pattern.value.removesuffix(BOUNDARY)
        for t in grammar().terminals
        if t.pattern.value.endswith(BOUNDARY)
    }


def literal(terminal: str) -> str:
    return literals().get(terminal, "")


def wanted(options: set[str]) -> str:
    names = [NAMES[o] for o in NAMES if o in options]
    words = sorted(word for word in map(literal, options) if word)
    if words:
        names.append(" ".join(words))
    return f"Expected: {'; '.join(names)}." if names else ""
