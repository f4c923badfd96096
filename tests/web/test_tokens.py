"""Colours of the style sheet: legible in both themes, and declared in one place only."""

from __future__ import annotations

import re

import pytest

from app.resources import resource

CSS = "\n".join(file.read_text() for file in sorted(resource("static").glob("*.css")))
TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([\w-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)", CSS
    )
}
SURFACES = ("panel", "paper", "well")
TEXT = (
    *(f"{ink} on {surface}" for ink in ("ink", "ink-2", "ink-3") for surface in SURFACES),
    *(f"{ink} on {tint}" for ink in ("ink", "ink-2") for tint in ("delta-tint", "disk-tint")),
    *(
        f"{hue} on {surface}"
        for hue in ("own", "delta", "bad", "ext", "good")
        for surface in SURFACES
    ),
    *(f"{hue} on {hue}-tint" for hue in ("own", "delta", "bad", "ext", "good", "disk")),
    "ink-3 on delta-tint",
    "ink-3 on disk-tint",
    "own-on on own",
    "bad-on on bad",
    "panel on ink",
)
MARKS = (
    "delta-line on delta-tint",
    *(
        f"{mark} on {surface}"
        for mark in ("delta-line", "rule-firm", "focus", "own", "ext", "bad", "disk")
        for surface in ("panel", "paper")
    ),
)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(pair: str, theme: int) -> float:
    ink, ground = (luminance(TOKENS[name][theme]) for name in pair.split(" on "))
    return (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("pair", TEXT)
def test_text_is_legible(pair: str, theme: int) -> None:
    assert contrast(pair, theme) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("pair", MARKS)
def test_marks_can_be_seen(pair: str, theme: int) -> None:
    assert contrast(pair, theme) >= 3


def test_every_colour_in_use_is_a_token() -> None:
    used = set(re.findall(r"var\(--([\w-]+)\)", CSS))
    declared = set(re.findall(r"--([\w-]+):", CSS))
    assert used <= declared
    assert len(TOKENS) > 20
