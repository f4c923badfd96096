"""Smaller words for the same steps: fewer pages, plain options, small values, first names.

Only proposals: whether a violation survives one is for the engine to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from .program import Piece, Program

PLACE = re.compile(r"([a-z][a-z0-9_]*)(?:\[(\w+)(?::(\w+))?\])?")
CAPITAL = re.compile(r"\b[A-Z][A-Za-z0-9_]*\b")
AT_THIRD = ("ptrace_write", "ptrace_read", "vm_read", "vm_write")
VALUED = ("write", "dio_read", "ptrace_write", "vm_write")
OPTIONAL = {"mmap": 4, "pin": 4, "get": 4, "uffd_wp": 4}
"""Verb -> words before its options."""
NO_PLACE = ("mmap", "fork", "vfork", "exit", "exec", "cpu", "clear_refs")
HUGE = (2, 4, 8)
NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Words = list[str]
Span = tuple[int, int]


def cost(program: Program) -> tuple[int, int, int, str]:
    """What is made smaller: steps, then pages, then letters. No two programs cost the same."""
    pages = sum(size for size in sizes_of(program).values())
    return len(program.units), pages, len(program.text), program.text


def smaller(program: Program) -> Iterator[Program]:
    """Programs that cost less, in a fixed order: what saves most first."""
    seen = {program.text}
    for trial in proposals(program):
        if trial.text not in seen and cost(trial) < cost(program):
            seen.add(trial.text)
            yield trial


def proposals(program: Program) -> Iterator[Program]:
    yield from smaller_huge(program)
    yield from fewer_pages(program)
    yield from fewer_headers(program)
    yield from fewer_words(program)
    yield from narrower(program)
    yield from shorter_orders(program)
    yield from smaller_values(program)
    yield first_names(program)


def edited(program: Program, edit: Callable[[Words], Words | None]) -> Program:
    """The program with `edit` applied to every line of steps; None takes the line out."""
    units = []
    for unit in program.units:
        lines = []
        for line in unit.text.split("\n"):
            words = line.split()
            if words and words[0] not in ("par", "order:"):
                changed = edit(words)
                if changed is None:
                    continue
                line = line[: len(line) - len(line.lstrip())] + " ".join(changed)
            lines.append(line)
        if lines:
            units.append(Piece(unit.at, "\n".join(lines)))
    return replace(program, units=tuple(units))


def one_line(program: Program, at: tuple[int, int], words: Words) -> Program:
    unit, line = at
    piece = program.units[unit]
    lines = piece.text.split("\n")
    indent = lines[line][: len(lines[line]) - len(lines[line].lstrip())]
    lines[line] = indent + " ".join(words)
    units = list(program.units)
    units[unit] = Piece(piece.at, "\n".join(lines))
    return replace(program, units=tuple(units))


def lines_of(program: Program) -> Iterator[tuple[tuple[int, int], Words]]:
    for unit, piece in enumerate(program.units):
        for line, raw in enumerate(piece.text.split("\n")):
            words = raw.split()
            if words and words[0] not in ("par", "order:"):
                yield (unit, line), words


def place_at(words: Words) -> int | None:
    """Index of the word that names a place, or None."""
    if words[0] == "kernel":
        return 3 if len(words) > 3 else None
    if words[0][0].islower() or words[1] in NO_PLACE:
        return None
    return 3 if words[1] in AT_THIRD else 2


def sizes_of(program: Program) -> dict[str, int]:
    """Range -> pages, of the first mapping by that name."""
    out: dict[str, int] = {}
    for _, words in lines_of(program):
        if words[1:2] == ["mmap"]:
            out.setdefault(words[2], int(words[3], 0))
    return out


def span(word: str, sizes: dict[str, int]) -> tuple[str, int, int] | None:
    """(range, lo, hi) of a place, or None for one that cannot be told."""
    match = PLACE.fullmatch(word)
    if match is None or match[1] not in sizes:
        return None
    if match[2] is None:
        return match[1], 0, sizes[match[1]]
    lo = int(match[2], 0)
    return match[1], lo, lo + 1 if match[3] is None else int(match[3], 0)


def spelled(name: str, lo: int, hi: int, size: int) -> str:
    if (lo, hi) == (0, size):
        return name
    return f"{name}[{lo}]" if hi == lo + 1 else f"{name}[{lo}:{hi}]"


def remapped(
    program: Program, pages: Callable[[str, int], int], move: Callable[[str, int, int], Span]
) -> Program:
    """Every range resized, every place moved along; a place that becomes empty takes its line."""
    sizes = sizes_of(program)

    def edit(words: Words) -> Words | None:
        words = list(words)
        if words[1:2] == ["mmap"]:
            words[3] = str(max(1, pages(words[2], int(words[3], 0))))
            return words
        at = place_at(words)
        found = span(words[at], sizes) if at is not None and at < len(words) else None
        if at is None or found is None:
            return words
        name, lo, hi = found
        size = max(1, pages(name, sizes[name]))
        lo, hi = move(name, lo, hi)
        if hi <= lo:
            return None
        words[at] = spelled(name, lo, min(hi, size), size)
        return words

    return edited(program, edit)


def smaller_huge(program: Program) -> Iterator[Program]:
    """A huge page of fewer base pages, all places scaled along."""
    huge = next((int(h.split(":")[1], 0) for h in program.head if h.startswith("huge:")), 512)
    if not any(word in program.text for word in ("thp", "hugetlb", "hugepage", "collapse")):
        return
    for small in HUGE:
        if small < huge:
            head = (*(h for h in program.head if not h.startswith("huge:")), f"huge: {small}")
            scale = huge // small

            def pages(name: str, size: int, scale: int = scale) -> int:
                return -(-size // scale)

            def move(name: str, lo: int, hi: int, scale: int = scale) -> Span:
                return lo // scale, -(-hi // scale)

            yield remapped(replace(program, head=head), pages, move)


def fewer_pages(program: Program) -> Iterator[Program]:
    """Only a part of a range, the rest cut off with every step that is about it alone."""
    for area, size in sizes_of(program).items():
        half = size // 2
        parts = [(0, 1), (0, half), (half, size), (0, size - 1), (1, size)]
        parts += [(page, page + 1) for page in sorted(used(program, area)) if page]
        for low, high in dict.fromkeys(parts):
            if not 0 < high - low < size:
                continue

            def pages(
                name: str, old: int, area: str = area, low: int = low, high: int = high
            ) -> int:
                return min(old, high) - low if name == area else old

            def move(
                name: str, lo: int, hi: int, area: str = area, low: int = low, high: int = high
            ) -> Span:
                return (max(lo, low) - low, min(hi, high) - low) if name == area else (lo, hi)

            yield remapped(program, pages, move)


def used(program: Program, area: str) -> set[int]:
    """First pages that places of a range name."""
    sizes = sizes_of(program)
    out = set()
    for _, words in lines_of(program):
        at = place_at(words)
        found = span(words[at], sizes) if at is not None and at < len(words) else None
        if found and found[0] == area:
            out.add(found[1])
    return out


def fewer_headers(program: Program) -> Iterator[Program]:
    for line in program.head:
        yield replace(program, head=tuple(h for h in program.head if h != line))


def fewer_words(program: Program) -> Iterator[Program]:
    """Without an option, or without the index of a handle's page."""
    for at, words in lines_of(program):
        for index in range(OPTIONAL.get(words[1], len(words)), len(words)):
            yield one_line(program, at, [*words[:index], *words[index + 1 :]])
        if words[0][0].islower() and words[0] != "kernel" and "[" in words[1]:
            yield one_line(program, at, [words[0], words[1].split("[")[0], *words[2:]])


def narrower(program: Program) -> Iterator[Program]:
    """One page instead of several, and the shortest spelling."""
    sizes = sizes_of(program)
    for at, words in lines_of(program):
        index = place_at(words)
        found = span(words[index], sizes) if index is not None and index < len(words) else None
        if index is None or found is None:
            continue
        name, lo, hi = found
        choices = [(lo, lo + 1), (hi - 1, hi), (lo, (lo + hi) // 2), (lo, hi)]
        for low, high in choices:
            if low < high:
                place = spelled(name, low, high, sizes[name])
                yield one_line(program, at, [*words[:index], place, *words[index + 1 :]])


def shorter_orders(program: Program) -> Iterator[Program]:
    """A block's order without one of its words, from the end; what is left runs at its end."""
    for at, piece in enumerate(program.units):
        *block, last = piece.text.split("\n")
        words = last.split()
        if words[0] != "order:":
            continue
        for index in range(len(words) - 1, 0, -1):
            left = [*words[:index], *words[index + 1 :]]
            lines = [*block, " ".join(left)] if len(left) > 1 else block
            units = list(program.units)
            units[at] = Piece(piece.at, "\n".join(lines))
            yield replace(program, units=tuple(units))


def smaller_values(program: Program) -> Iterator[Program]:
    """Stores of 1, 2, 3 in order, what is equal stays equal; holds of one reference."""
    names: dict[str, str] = {"0": "0"}

    def edit(words: Words) -> Words:
        if words[1].split("[")[0] in VALUED:
            value = names.setdefault(str(int(words[-1], 0)), str(len(names)))
            return [*words[:-1], value]
        return words

    yield edited(program, edit)
    for at, words in lines_of(program):
        if words[:2] == ["kernel", "hold"]:
            yield one_line(program, at, [*words[:-1], "1"])


def first_names(program: Program) -> Program:
    """Processes called A, B, C in the order in which they are named."""
    found = list(
        dict.fromkeys(name for unit in program.units for name in CAPITAL.findall(unit.text))
    )
    names = dict(zip(found, NAMES, strict=False))
    units = tuple(
        Piece(unit.at, CAPITAL.sub(lambda match: names.get(match[0], match[0]), unit.text))
        for unit in program.units
    )
    first = names.get(program.first, program.first)
    return replace(program, units=units, first=first)
