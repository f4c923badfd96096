"""The text as lines: comments off, headers apart, limits held."""

from __future__ import annotations

import re

from msgspec import Struct

from app.engine.state import Config

from .errors import ScenarioError, did_you_mean

MAX_BYTES = 64 * 1024
MAX_STEPS = 10_000
MAX_PROCESSES = 64
MAX_FRAMES = 65_536

KEYS = ["title", "group", "tags", "summary", "policy", "huge", "swap", "cpus", "memory"]

HEADER = re.compile(r"(#\s*)?([A-Za-z][A-Za-z_-]*)\s*:\s*(.*)$")
POLICY = re.compile(r"[a-z][a-z-]*(@[0-9.]+)?(:-[a-z-]+)*")
NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,18}")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Line(Struct, frozen=True):
    """`indent` characters stand before `text`, whose comment is off."""

    number: int
    indent: int
    text: str


class Head(Struct):
    """What the header lines say."""

    title: str = ""
    group: str = ""
    tags: tuple[str, ...] = ()
    summary: str = ""
    policy: str | None = None
    policy_at: tuple[int, int] = (1, 1)
    config: Config = Config()


def number_of(word: str) -> int | None:
    """A decimal or 0x-hexadecimal number; None if it is none, or beyond 64 bits."""
    if NUMBER.fullmatch(word) is None:
        return None
    return int(word, 16) if word[:2].lower() == "0x" else int(word)


def lines_of(text: str, errors: list[ScenarioError]) -> list[Line]:
    """Every line that is not blank, with its comment removed."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        errors.append(
            ScenarioError(
                1, 1, "", f"The text has {size} bytes; the limit is {MAX_BYTES} bytes (64 KiB).",
                "Leave something out.",
            )
        )  # fmt: skip
        return []
    out = []
    text = text.removeprefix("\ufeff")
    for number, raw in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        bad = CONTROL.search(raw)
        if bad:
            errors.append(
                ScenarioError(
                    number, bad.start() + 1, repr(bad.group()).strip("'"),
                    "A control character cannot stand in a scenario.", "Remove it.",
                )
            )  # fmt: skip
            continue
        if raw.strip():
            out.append(Line(number, len(raw) - len(raw.lstrip()), raw.strip()))
    return out


def split_head(lines: list[Line], errors: list[ScenarioError]) -> tuple[Head, list[Line]]:
    """The header, and the lines of the body without comments."""
    head = Head()
    summary: list[str] = []
    body: list[Line] = []
    for line in lines:
        match = HEADER.match(line.text) if not body else None
        if match and match[2] != "order" and (not match[1] or match[2] in KEYS):
            value = match[3].split("#")[0].strip()
            wrong: list[ScenarioError] = []
            take_header(head, match[2], value, line, summary, wrong)
            # Behind “#” a line that does not fit a header is a remark that looks like one.
            if not match[1]:
                errors += wrong
            continue
        text = line.text.split("#")[0].rstrip()
        if text:
            body.append(Line(line.number, line.indent, text))
    head.summary = "\n\n".join(summary)
    return head, body


def take_header(
    head: Head, key: str, value: str, line: Line, summary: list[str], errors: list[ScenarioError]
) -> None:
    def wrong(message: str, hint: str, token: str = value) -> None:
        column = line.indent + (line.text.find(token) if token else 0) + 1
        errors.append(ScenarioError(line.number, column, token, message, hint))

    if key not in KEYS:
        wrong(f"Unknown header “{key}”.", did_you_mean(key, KEYS), key)
    elif key == "summary":
        summary.append(value)
    elif key in ("title", "group"):
        setattr(head, key, value)
    elif key == "tags":
        head.tags = tuple(tag.strip() for tag in value.split(",") if tag.strip())
    elif key == "policy" and line.text.startswith("#") and not POLICY.fullmatch(value):
        pass
    elif key == "policy":
        head.policy = value
        head.policy_at = (line.number, line.indent + max(line.text.find(value), 0) + 1)
    else:
        take_knob(head, key, value, wrong)


def take_knob(head: Head, key: str, value: str, wrong: object) -> None:
    """huge, swap, cpus and memory: the machine's sizes."""
    assert callable(wrong)
    config = head.config
    words = value.split()
    if key == "swap":
        good = words and words[0] in ("zram", "file", "none") and len(words) <= 2
        slots = number_of(words[1]) if len(words) == 2 else config.slots
        if not good or slots is None:
            wrong(f"swap cannot be “{value}”.", "zram, file or none; a number of slots may follow.")
            return
        if slots > MAX_FRAMES:
            wrong(f"{slots} slots: the limit is {MAX_FRAMES} slots.", "Fewer slots.")
            return
        head.config = Config(config.huge, words[0], slots, config.cpus, config.memory)
        return
    number = number_of(value)
    if number is None:
        wrong(f"{key} is a number, not “{value}”.", "Decimal or 0x-hexadecimal.")
        return
    ranges = {"huge": (2, 512), "cpus": (1, 64), "memory": (1, MAX_FRAMES)}
    low, high = ranges[key]
    if not low <= number <= high or (key == "huge" and number & (number - 1)):
        what = "a power of two from 2 to 512" if key == "huge" else f"from {low} to {high}"
        wrong(f"{key} is {what}, not {number}.", f"The limit of {key} is {high}.")
        return
    huge = number if key == "huge" else config.huge
    cpus = number if key == "cpus" else config.cpus
    memory = number if key == "memory" else config.memory
    head.config = Config(huge, config.swap, config.slots, cpus, memory)
