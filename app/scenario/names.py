"""Who exists at this point of a text: processes, their ranges, handles."""

from __future__ import annotations

from copy import copy

from lark import Token, Tree
from msgspec import Struct
from msgspec.structs import replace

from app.engine.operations import Place

from .errors import ScenarioError, did_you_mean
from .text import number_of

RESERVED = ("kernel", "expect", "note")

Node = Tree[Token]


class Wrong(Exception):
    """One error of the line that is being compiled."""

    def __init__(self, token: Token | str, message: str, hint: str = "", column: int = 1) -> None:
        super().__init__(message)
        self.column = (token.column or 1) if isinstance(token, Token) else column
        self.token = str(token)
        self.message = message
        self.hint = hint

    def at(self, line: int, indent: int) -> ScenarioError:
        return ScenarioError(line, self.column + indent, self.token, self.message, self.hint)


class Held(Struct, frozen=True):
    """A handle: how many pages, and whether it may write."""

    pages: int
    write: bool
    released: bool = False


class Mm:
    """The ranges that an address space has ever had, with their size in pages."""

    def __init__(self, ranges: dict[str, int] | None = None) -> None:
        self.ranges = dict(ranges or {})


class Names:
    """Names in force. Only what no kernel could answer is an error here."""

    def __init__(self, first: str) -> None:
        self.mms: dict[str, Mm] = {first: Mm()}
        self.exited: dict[str, int] = {}
        self.handles: dict[str, Held] = {}
        self.frames = 0

    def __len__(self) -> int:
        """Names to remember: what a copy costs."""
        return len(self.handles) + sum(len(mm.ranges) for mm in self.mms.values())

    def copy(self) -> Names:
        """The same names, which go on by themselves."""
        out = copy(self)
        fresh = {id(mm): Mm(mm.ranges) for mm in self.mms.values()}  # vfork: two names, one mm
        out.mms = {name: fresh[id(mm)] for name, mm in self.mms.items()}
        out.exited = dict(self.exited)
        out.handles = dict(self.handles)
        return out

    def mm(self, token: Token) -> Mm:
        name = str(token)
        if name in self.exited:
            raise Wrong(
                token, f"{name} exited on line {self.exited[name]}.", "It cannot act any more."
            )
        if name not in self.mms:
            raise Wrong(token, f"There is no process {name}.", did_you_mean(name, [*self.mms]))
        return self.mms[name]

    def new_process(self, token: Token, limit: int) -> str:
        name = str(token)
        if name in self.mms or name in self.exited:
            raise Wrong(
                token, f"There is a process {name} already.", "Give the child another name."
            )
        if len(self.mms) + len(self.exited) >= limit:
            raise Wrong(token, f"More than {limit} processes.", f"The limit is {limit} processes.")
        return name

    def new_range(self, mm: Mm, token: Token) -> str:
        name = str(token)
        if name in RESERVED:
            raise Wrong(token, f"“{name}” is reserved.", "Choose another name.")
        if name in mm.ranges:
            raise Wrong(token, f"There is a range {name} already.", "Choose another name.")
        return name

    def place(self, process: Token, node: Node) -> Place:
        """A place of `process`, whole ranges resolved to their pages."""
        mm = self.mm(process)
        token, *numbers = [t for t in node.children if isinstance(t, Token)]
        name = str(token)
        if name not in mm.ranges:
            raise Wrong(token, f"{process} has no range {name}.", did_you_mean(name, [*mm.ranges]))
        pages = mm.ranges[name]
        if node.data == "whole":
            return Place(name, 0, pages)
        lo = number(numbers[0])
        hi = number(numbers[1]) if node.data == "slice" else lo + 1
        has = f"{name} has {pages} pages, 0 to {pages - 1}." if pages > 1 else f"{name} has page 0."
        if lo >= pages:
            raise Wrong(numbers[0], f"Page {lo} is outside {name}.", has)
        if hi > pages:
            raise Wrong(numbers[-1], f"Page {hi - 1} is outside {name}.", has)
        if hi <= lo:
            raise Wrong(
                numbers[-1],
                f"{name}[{lo}:{hi}] is empty.",
                "The second number is one past the last page.",
            )
        return Place(name, lo, hi)

    def page(self, process: Token, node: Node) -> Place:
        place = self.place(process, node)
        if place.hi - place.lo != 1:
            raise Wrong(
                first_token(node),
                "Exactly one page is meant here.",
                f"For example {place.area}[{place.lo}].",
            )
        return place

    def new_handle(self, token: Token, pages: int, *, write: bool) -> str:
        name = str(token)
        if name in RESERVED:
            raise Wrong(token, f"“{name}” is reserved.", "Choose another name.")
        # A name may be taken again: whether its first reference was ever had, only a run can tell.
        self.handles[name] = Held(pages, write=write)
        return name

    def handle(self, token: Token) -> Held:
        name = str(token)
        held = self.handles.get(name)
        if held is None:
            raise Wrong(
                token,
                f"There is no handle {name}.",
                did_you_mean(name, [*self.handles], "A handle is made by pin, get or splice."),
            )
        if held.released:
            raise Wrong(token, f"The handle {name} was released.", "It holds nothing any more.")
        return held

    def release(self, token: Token) -> None:
        self.handles[str(token)] = replace(self.handle(token), released=True)


def number(token: Token) -> int:
    value = number_of(token)
    if value is None:
        raise Wrong(token, "This number is too large.", "No number here needs so many digits.")
    return value


def byte(token: Token) -> int:
    value = number(token)
    if value > 255:
        raise Wrong(token, f"{token} does not fit in a byte.", "A page's value is 0 to 255.")
    return value


def first_token(node: Node) -> Token:
    child = node.children[0]
    assert isinstance(child, Token)
    return child
