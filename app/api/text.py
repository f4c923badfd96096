"""A step as plain text of at most 72 columns, for mail and terminals.

It is a scenario, too: the text of the run, with what is to be said of the step in comments below
it. Pasted into the editor it plays the same steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from app.engine.state import Config
from app.scenario import Scenario
from app.scenario.text import MAX_BYTES
from app.service import LoadedRun
from app.trace.facts import PAGE_TYPES

from .text_runs import large_frames, told_entries, told_frames

WIDTH = 72
COLUMNS = WIDTH - len("# ")
REPORT_LINES = 400
"""A machine may have 65,536 pages, and a mail has readers."""
PTE_BITS = (("W", "writable"), ("D", "dirty"), ("S", "soft_dirty"), ("U", "uffd_wp"))
Json = dict[str, Any]


def step_text(run: LoadedRun, number: int, link: str) -> str:
    """The run's scenario with the state after step `number`, and why, in comments below it."""
    scenario = run.run.scenario
    lines = scenario.text.split("\n")
    first = first_line(scenario)
    next_step = scenario.steps[number].line if number < run.last else len(lines) + 1
    cut = max(first, next_step) if number else first
    above = [*header(run), "", *body_of(lines[first - 1 : cut - 1])]
    above += [""] if above[-1] else []
    below = body_of(lines[cut - 1 :])
    room = MAX_BYTES - sum(len(line.encode()) + 1 for line in (*above, *below))
    said = [*above, *comments(report(run, number, link), room), *below]
    return "\n".join(said).strip("\n") + "\n"


def first_line(scenario: Scenario) -> int:
    """Number of the first line behind the header."""
    early = [one.line for one in scenario.before] + [one.line for one in scenario.notes_before]
    return min([scenario.steps[0].line, *early])


def header(run: LoadedRun) -> list[str]:
    """Title, policy and the machine's sizes. What else a header says does not fit a mail."""
    config, usual = run.run.scenario.config, Config()
    title = run.run.scenario.title
    lines = [f"title: {title}"] if title else []
    if len(title) > WIDTH - 7:
        lines = [f"title: {title[: WIDTH - 10].rstrip()}..."]
    lines.append(f"policy: {run.stored.policy}")
    for name in ("huge", "cpus", "memory"):
        if getattr(config, name) != getattr(usual, name):
            lines.append(f"{name}: {getattr(config, name)}")
    if (config.swap, config.slots) != (usual.swap, usual.slots):
        lines.append(f"swap: {config.swap} {config.slots}")
    return lines


def body_of(lines: list[str]) -> list[str]:
    """The lines, with comments and notes that are too wide folded; steps stay as they are."""
    out: list[str] = []
    for line in lines:
        code, mark, comment = line.rstrip().partition("#")
        if len(line.rstrip()) <= WIDTH:
            out.append(line.rstrip())
            continue
        if mark:
            out += wrap(comment, WIDTH, initial_indent="# ", subsequent_indent="# ")
        if code.startswith("note"):
            out += wrap(code[4:], WIDTH, initial_indent="note ", subsequent_indent="note ")
        elif code.strip():
            out.append(code.rstrip())
    return out


def comments(sections: list[list[str]], room: int) -> list[str]:
    """The report behind `#`, as much as there is room for in a text that is to be read again."""
    lines = ["#" * WIDTH]
    for section in sections:
        lines += [f"# {line}".rstrip() for line in section] + ["#"]
    lines[-1:] = ["#" * WIDTH, ""]
    shown = min(len(lines), REPORT_LINES)
    size = 0
    for at, line in enumerate(lines[:shown]):
        size += len(line.encode()) + 1
        if size > room - 200:
            shown = at
            break
    if shown < len(lines):
        lines[shown:] = [f"# ... {len(lines) - shown} more lines; all is in the .json", ""]
    return lines


def report(run: LoadedRun, number: int, link: str) -> list[list[str]]:
    document = run.run.step(number)
    before = run.run.step(number - 1)["state"] if number else document["state"]
    sections = [
        heading(run, number, link),
        what_happened(document) if number else ["Before the first step."],
        violations(document),
        why(document),
        page_tables(document["state"]),
        frames(document["state"], before),
        swap(document["state"]),
        handles(document["state"]),
    ]
    return [section for section in sections if section]


def folded(text: str, indent: str = "", then: str | None = None) -> list[str]:
    return wrap(
        text,
        COLUMNS,
        initial_indent=indent,
        subsequent_indent=indent if then is None else then,
        break_long_words=True,
        break_on_hyphens=False,
    )


def heading(run: LoadedRun, number: int, link: str) -> list[str]:
    stored = run.stored
    place = f"After step {number} of {run.last}, policy {stored.policy}, engine {stored.engine}"
    return [*folded(place), link]


def what_happened(document: Json) -> list[str]:
    outcome = document["outcome"]
    parts = []
    if outcome.get("error"):
        parts.append(outcome["error"])
    if outcome.get("value") is not None:
        parts.append(f"value {outcome['value']}")
    parts += [f"{name} {outcome[name]}" for name in ("faults", "copies") if outcome.get(name)]
    if outcome.get("reason"):
        parts.append(outcome["reason"])
    lines = []
    for line in document["text"].split("\n"):
        lines += folded(line, "> ", "    ")
    return lines + folded(", ".join(parts) or "done", "  ")


def violations(document: Json) -> list[str]:
    lines = []
    for violation in document.get("violations", ()):
        said = f"{violation['kind']} ({violation['predicate']}): {violation['because']}"
        lines += folded(said, "! ", "    ")
    return ["VIOLATED", *lines] if lines else []


def why(document: Json) -> list[str]:
    lines = []
    for event in document.get("events", ()):
        lines += folded(f"{event['function']}: {event['decision']}", "  ", "    ")
        if event["because"]:
            lines += folded(f"because {event['because']}", "    ", "      ")
    return ["WHY", *lines] if lines else []


def page_tables(state: Json) -> list[str]:
    heads = large_frames(state["frames"])
    lines = [
        line
        for process, ranges in state["processes"].items()
        for name, pages in ranges.items()
        for page in told_entries(pages, heads)
        for line in folded(page_line(process, name, page), "  ", "    ")
    ]
    legend = "PAGE TABLES (P present, W write, D dirty, S soft-dirty, U uffd-wp)"
    return [legend, *lines] if lines else []


def page_line(process: str, name: str, page: Json) -> str:
    where = f"{process}.{name}[{page.get('pages', page.get('page'))}]"
    mode = page.get("migration")
    words = [f"{where:<14}", "migrating" if mode else f"{page['kind']:<7}"]
    label = page["frame"] or page["swap_offset_label"] or page.get("migrating") or "-"
    words.append(f"→ {label} {mode}" if mode else f"{label:<6}")
    if page["kind"] == "present":
        words.append("P" + "".join(letter if page.get(bit) else "_" for letter, bit in PTE_BITS))
    if "value" in page:
        words.append(f"= {page['value']:<3}")
    if page.get("mapped_by") == "pmd":
        words.append("by PMD")
    bits = ("exclusive_pte", "swap_exclusive")
    words += [bit.replace("_", "-") for bit in bits if page.get(bit)]
    if page["vma"] not in (None, "rw"):
        words.append(f"vma {page['vma']}")
    return " ".join(words).rstrip()


def frames(state: Json, before: Json) -> list[str]:
    lines: list[str] = []
    for label, frame, was in told_frames(state["frames"], before["frames"]):
        if label != "zero":
            lines += frame_lines(label, frame, was)
    lines += [f"  {label:<5} freed" for label in before["frames"] if label not in state["frames"]]
    return ["PAGE FRAMES (letters as page-types has them)", *lines] if lines else []


def letters(frame: Json) -> str:
    """A frame's flags, one letter each; `excl` is PageAnonExclusive, which page-types lacks."""
    known = {*frame["flags"], *frame.get("noisy_flags", ())} | (
        {"mmap"} if frame["mapcount"] else set()
    )
    word = "".join(letter if name in known else "_" for letter, name in PAGE_TYPES)
    return f"{word} excl" if "exclusive" in known else word


def frame_lines(label: str, frame: Json, before: Json | None) -> Iterator[str]:
    counts = []
    for name in ("refcount", "mapcount"):
        was = before[name] if before else frame[name]
        change = f"{was}->" if was != frame[name] else ""
        counts.append(f"{name} {change}{frame[name]}")
    said = f"{label:<5} = {frame['value']:<3} {letters(frame)} {', '.join(counts)}"
    yield from folded(said, "  ", "        ")
    if "mm_owners" in frame:
        if frame["head"] != label.partition(":")[0]:
            return  # the head has told
        yield from folded(folio_words(frame), "        ", "          ")
    items = [f"{item['holder']} ({item['kind']}) {item['count']}" for item in frame["ledger"]]
    if items:
        yield from folded(f"{frame['refcount']} = {' + '.join(items)}", "        ", "          ")


def folio_words(frame: Json) -> str:
    """What the kernel keeps once for all pages of a large folio."""
    owners = ", ".join(f"{owner['mm']} {owner['mapcount']}" for owner in frame["mm_owners"])
    words = [f"folio of {1 << frame['order']} pages", f"entire mapcount {frame['entire_mapcount']}"]
    words.append(f"mm owners {owners or 'none'}")
    words += [
        name.replace("_", " ")
        for name in ("maybe_mapped_shared", "partially_mapped")
        if frame[name]
    ]
    return "; ".join(words)


def swap(state: Json) -> list[str]:
    lines = [
        f"  {label:<5} = {slot['value']:<4} entries {slot['count']}"
        + (f", cached in {slot['cached']}" if slot["cached"] else "")
        for label, slot in state["swap"].items()
    ]
    return ["SWAP SLOTS", *lines] if lines else []


def handles(state: Json) -> list[str]:
    lines = []
    for name, handle in state["handles"].items():
        mode = "R/W" if handle["write"] else "R/O"
        term = " long-term" if handle["longterm"] else ""
        coherent = "coherent" if handle["coherent"] else "NOT COHERENT with its owner"
        frames = ", ".join(handle["frames"])
        said = f"{name:<5} {handle['kind']} {mode}{term} of {handle['owner']}: {frames}; {coherent}"
        lines += folded(said, "  ", "        ")
    return ["HANDLES", *lines] if lines else []
