"""A step as plain text of at most 72 columns, for mail and terminals."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from app.service import LoadedRun

COLUMNS = 72
Json = dict[str, Any]


def step_text(run: LoadedRun, number: int, link: str) -> str:
    """The state after step `number`, what happened in it and why."""
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
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


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
    place = f"step {number} of {run.last}, policy {stored.policy}, engine {stored.engine}"
    return [*folded(stored.title or "Untitled scenario"), *folded(place), link]


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
    lines = [
        line
        for process, ranges in state["processes"].items()
        for name, pages in ranges.items()
        for page in pages
        for line in folded(page_line(process, name, page), "  ", "    ")
    ]
    return ["PAGE TABLES", *lines] if lines else []


def page_line(process: str, name: str, page: Json) -> str:
    where = f"{process}.{name}[{page.get('pages', page.get('page'))}]"
    words = [f"{where:<16}", f"{page['kind']:<7}"]
    words.append(f"{page['frame'] or page['swap_offset_label'] or '-':<6}")
    if "value" in page:
        words.append(f"= {page['value']:<4}")
    if page["kind"] == "present":
        words.append("writable" if page.get("writable") else "read-only")
    bits = ("dirty", "young", "soft_dirty", "exclusive_pte", "swap_exclusive", "uffd_wp")
    words += [bit.replace("_", "-") for bit in bits if page.get(bit)]
    if page["vma"] not in (None, "rw"):
        words.append(f"vma {page['vma']}")
    return " ".join(words).rstrip()


def frames(state: Json, before: Json) -> list[str]:
    lines: list[str] = []
    for label, frame in state["frames"].items():
        if label != "zero":
            lines += frame_lines(label, frame, before["frames"].get(label))
    lines += [f"  {label:<5} freed" for label in before["frames"] if label not in state["frames"]]
    return ["PAGE FRAMES", *lines] if lines else []


def frame_lines(label: str, frame: Json, before: Json | None) -> Iterator[str]:
    counts = []
    for name in ("refcount", "mapcount"):
        was = before[name] if before else frame[name]
        change = f"{was}->" if was != frame[name] else ""
        counts.append(f"{name} {change}{frame[name]}")
    flags = ",".join(frame["flags"]) or "-"
    said = f"{label:<5} = {frame['value']:<4} {', '.join(counts)}, {flags}"
    yield from folded(said, "  ", "        ")
    items = [f"{item['holder']} ({item['kind']}) {item['count']}" for item in frame["ledger"]]
    if items:
        yield from folded(f"{frame['refcount']} = {' + '.join(items)}", "        ", "          ")


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
