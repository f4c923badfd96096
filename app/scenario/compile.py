"""Syntax trees to operations: every rule of the language that needs no machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lark import Token, Tree

from app.engine import operations as ops
from app.engine.state import Config

from .expectations import (
    Expectation,
    ExpectCoherent,
    ExpectCopies,
    ExpectCount,
    ExpectError,
    ExpectMemory,
    ExpectPage,
    ExpectSame,
    ExpectValue,
    ExpectViolation,
)
from .names import Mm, Names, Node, Wrong, byte, first_token, number
from .text import MAX_FRAMES, MAX_PROCESSES


class Compiler:
    """One line after another; `names` is what the lines before have made."""

    def __init__(self, first: str, config: Config) -> None:
        self.names = Names(first)
        self.config = config
        self.line = 0

    def operation(self, tree: Node, line: int) -> ops.Operation:
        self.line = line
        method: Callable[[list[Any]], ops.Operation] = getattr(self, tree.data)
        return method(list(tree.children))

    def words(self, nodes: list[Any], allowed: tuple[tuple[str, ...], ...]) -> set[str]:
        """Options as a set; two of one group contradict each other."""
        seen: set[str] = set()
        for node in nodes:
            token = first_token(node)
            for group in allowed:
                clash = [w for w in group if w in seen]
                if token in group and clash:
                    raise Wrong(
                        token, f"“{token}” contradicts “{clash[0]}”.", f"One of: {' '.join(group)}."
                    )
            if token in seen:
                raise Wrong(token, f"“{token}” stands twice.", "Once is enough.")
            seen.add(str(token))
        return seen

    # -- steps of a process -------------------------------------------------------------------

    def mmap(self, c: list[Any]) -> ops.Operation:
        process, name, size, *options = c
        mm = self.names.mm(process)
        area = self.names.new_range(mm, name)
        pages = number(size)
        words = self.words(
            options,
            (("ro", "none"), ("thp", "hugetlb", "file"), ("shared", "file")),
        )
        if not pages:
            raise Wrong(size, "A range has at least one page.", "For example: mmap buf 1.")
        self.names.frames += pages
        if pages > MAX_FRAMES or self.names.frames > MAX_FRAMES:
            raise Wrong(
                size, f"{self.names.frames} pages in all.", f"The limit is {MAX_FRAMES} frames."
            )
        mm.ranges[area] = pages
        prot = "r" if "ro" in words else "none" if "none" in words else "rw"
        flags = {word: word in words for word in ("shared", "file", "thp", "hugetlb", "populate")}
        return ops.Mmap(str(process), area, pages, prot, **flags)

    def write(self, c: list[Any]) -> ops.Operation:
        return ops.Write(str(c[0]), self.names.place(c[0], c[1]), byte(c[2]))

    def fork(self, c: list[Any]) -> ops.Operation:
        mm = self.names.mm(c[0])
        child = self.names.new_process(c[1], MAX_PROCESSES)
        self.names.mms[child] = Mm(mm.ranges)
        return ops.Fork(str(c[0]), child)

    def vfork(self, c: list[Any]) -> ops.Operation:
        mm = self.names.mm(c[0])
        child = self.names.new_process(c[1], MAX_PROCESSES)
        self.names.mms[child] = mm
        return ops.Vfork(str(c[0]), child)

    def exit(self, c: list[Any]) -> ops.Operation:
        self.names.mm(c[0])
        del self.names.mms[str(c[0])]
        self.names.exited[str(c[0])] = self.line
        return ops.Exit(str(c[0]))

    def exec(self, c: list[Any]) -> ops.Operation:
        self.names.mm(c[0])
        self.names.mms[str(c[0])] = Mm()
        return ops.Exec(str(c[0]))

    def mprotect(self, c: list[Any]) -> ops.Operation:
        return ops.Mprotect(str(c[0]), self.names.place(c[0], c[1]), str(first_token(c[2])))

    def mremap(self, c: list[Any]) -> ops.Operation:
        place = self.names.place(c[0], c[1])
        mm = self.names.mm(c[0])
        target = self.names.new_range(mm, c[2])
        mm.ranges[target] = place.hi - place.lo
        return ops.Mremap(str(c[0]), place, target)

    def madvise(self, c: list[Any]) -> ops.Operation:
        return ops.Madvise(str(c[0]), self.names.place(c[0], c[1]), str(first_token(c[2])))

    def pin(self, c: list[Any]) -> ops.Operation:
        process, node, name, *options = c
        words = self.words(options, (("rw", "ro"), ("short", "long"), ("fast", "slow")))
        place = self.names.place(process, node)
        write = "ro" not in words
        handle = self.names.new_handle(name, place.hi - place.lo, write=write)
        return ops.Pin(str(process), place, handle, write, "short" not in words, "fast" in words)

    def get(self, c: list[Any]) -> ops.Operation:
        process, node, name, *options = c
        words = self.words(options, (("rw", "ro"), ("fast", "slow")))
        place = self.names.place(process, node)
        write = "rw" in words
        handle = self.names.new_handle(name, place.hi - place.lo, write=write)
        return ops.Get(str(process), place, handle, write, "fast" in words)

    def splice(self, c: list[Any]) -> ops.Operation:
        place = self.names.place(c[0], c[1])
        return ops.Splice(
            str(c[0]), place, self.names.new_handle(c[2], place.hi - place.lo, write=False)
        )

    def ptrace_write(self, c: list[Any]) -> ops.Operation:
        self.names.mm(c[0])
        return ops.PtraceWrite(str(c[0]), str(c[1]), self.names.place(c[1], c[2]), byte(c[3]))

    def vm_write(self, c: list[Any]) -> ops.Operation:
        self.names.mm(c[0])
        return ops.VmWrite(str(c[0]), str(c[1]), self.names.place(c[1], c[2]), byte(c[3]))

    def dio_read(self, c: list[Any]) -> ops.Operation:
        return ops.DioRead(str(c[0]), self.names.place(c[0], c[1]), byte(c[2]))

    def cpu(self, c: list[Any]) -> ops.Operation:
        self.names.mm(c[0])
        cpu = number(c[1])
        if cpu >= self.config.cpus:
            raise Wrong(
                c[1],
                f"There is no CPU {cpu}.",
                f"There are {self.config.cpus}, from 0; “cpus:” in the header changes that.",
            )
        return ops.Cpu(str(c[0]), cpu)

    def uffd_wp(self, c: list[Any]) -> ops.Operation:
        return ops.UffdWp(
            str(c[0]), self.names.place(c[0], c[1]), first_token(c[2]) == "on", len(c) > 3
        )

    def clear_refs(self, c: list[Any]) -> ops.Operation:
        self.names.mm(c[0])
        return ops.ClearRefs(str(c[0]))

    # -- steps of a handle --------------------------------------------------------------------

    def index(self, name: Token, node: Tree[Token] | None) -> int:
        held = self.names.handle(name)
        if node is None:
            return 0
        token = first_token(node)
        page = number(token)
        if page >= held.pages:
            raise Wrong(
                token, f"Page {page} is outside {name}.", f"{name} holds {held.pages}, from 0."
            )
        return page

    def handle_read(self, c: list[Any]) -> ops.Operation:
        return ops.HandleRead(str(c[0]), self.index(c[0], c[1] if len(c) > 1 else None))

    def handle_write(self, c: list[Any]) -> ops.Operation:
        page = self.index(c[0], c[1] if len(c) > 2 else None)
        if not self.names.handle(c[0]).write:
            raise Wrong(
                c[0],
                f"{c[0]} is a read-only handle.",
                "Only “pin … rw” and “get … rw” may be written through.",
            )
        return ops.HandleWrite(str(c[0]), byte(c[-1]), page)

    def handle_release(self, c: list[Any]) -> ops.Operation:
        self.names.release(c[0])
        return ops.HandleRelease(str(c[0]))

    # -- steps of the kernel ------------------------------------------------------------------

    def ksm(self, c: list[Any]) -> ops.Operation:
        return ops.Ksm("kernel")

    def drain(self, c: list[Any]) -> ops.Operation:
        return ops.Drain("kernel")

    def hold(self, c: list[Any]) -> ops.Operation:
        count = number(c[2])
        if not 1 <= count <= 1_000_000:
            raise Wrong(c[2], f"{c[2]} references cannot be held.", "1 to 1000000.")
        return ops.Hold("kernel", str(c[0]), self.names.page(c[0], c[1]), count)

    def unhold(self, c: list[Any]) -> ops.Operation:
        return ops.Unhold("kernel", str(c[0]), self.names.place(c[0], c[1]))

    def __getattr__(self, verb: str) -> Callable[[list[Any]], ops.Operation]:
        """Verbs that only name a place are all compiled alike."""
        if verb in ON_PLACE:
            return lambda c: ON_PLACE[verb](str(c[0]), self.names.place(c[0], c[1]))
        if verb in ON_TARGET:
            return lambda c: self.remote(ON_TARGET[verb], c)
        if verb in BY_KERNEL:
            return lambda c: BY_KERNEL[verb]("kernel", str(c[0]), self.names.place(c[0], c[1]))
        raise AttributeError(verb)

    def remote(self, make: Any, c: list[Any]) -> ops.Operation:
        self.names.mm(c[0])
        operation: ops.Operation = make(str(c[0]), str(c[1]), self.names.place(c[1], c[2]))
        return operation

    # -- expectations -------------------------------------------------------------------------

    def expectation(self, tree: Node, line: int, text: str) -> Expectation:
        c: list[Any] = list(tree.children)
        kind = str(tree.data)
        if kind == "expect_value":
            return ExpectValue(line, text, byte(c[0]))
        if kind == "expect_error":
            return ExpectError(line, text, str(c[0]))
        if kind == "expect_copies":
            return ExpectCopies(line, text, number(c[0]))
        if kind == "expect_violation":
            return ExpectViolation(line, text, str(first_token(c[0])))
        if kind == "expect_none":
            return ExpectViolation(line, text, None)
        negated = any(isinstance(x, Token) and x.type == "NOT" for x in c)
        if kind == "expect_coherent":
            self.names.handle(c[0])
            return ExpectCoherent(line, text, str(c[0]), negated)
        process, place = str(c[0]), self.names.place(c[0], c[1])
        if kind == "expect_memory":
            return ExpectMemory(line, text, process, place, byte(c[2]))
        if kind == "expect_page":
            return ExpectPage(line, text, process, place, str(first_token(c[-1])), negated)
        if kind == "expect_count":
            return ExpectCount(line, text, process, place, str(first_token(c[2])), number(c[3]))
        other = self.names.place(c[-2], c[-1])
        if other.hi - other.lo != place.hi - place.lo:
            raise Wrong(
                first_token(c[-1]), "The two places differ in size.", f"{place} and {other}."
            )
        return ExpectSame(line, text, process, place, str(c[-2]), other, negated)


ON_PLACE: dict[str, Any] = {
    "read": ops.Read,
    "munmap": ops.Munmap,
    "mlock": ops.Mlock,
    "munlock": ops.Munlock,
    "dio_write": ops.DioWrite,
}
ON_TARGET: dict[str, Any] = {"ptrace_read": ops.PtraceRead, "vm_read": ops.VmRead}
BY_KERNEL: dict[str, Any] = {
    "swapout": ops.Swapout,
    "reclaim": ops.Reclaim,
    "swapcache": ops.Swapcache,
    "migrate": ops.Migrate,
    "split": ops.Split,
    "split_pmd": ops.SplitPmd,
    "collapse": ops.Collapse,
}
