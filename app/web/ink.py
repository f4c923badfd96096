"""The style sheet's part on pictures, with its colours resolved: for files that stand alone.

A picture in a page gets its colours from custom properties and `light-dark()`. Programs that
draw SVG files know neither, so both are replaced by what they stand for in one theme.
"""

from __future__ import annotations

import re
from functools import cache

from app.resources import resource

from .templating import THEMES

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
AT_RULE = re.compile(r"@[^{};]+\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
TOKEN = re.compile(r"(--[a-z0-9-]+):\s*([^;]+);")
USE = re.compile(r"var\((--[a-z0-9-]+)\)")
PAIR = re.compile(r"light-dark\(([^,()]+),\s*([^()]+)\)")
PICTURE = (".mem", ".tl")
"""Classes of the two kinds of pictures: memory, and timelines."""
FONTS = {
    "--sans": "Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
    "--mono": "'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
}
"""The bundled fonts first: `-apple-system` and its like mean something in browsers only."""


@cache
def rules() -> tuple[tuple[str, str], ...]:
    """Selector and declarations of the style sheets, less what depends on the medium."""
    files = (resource("static") / name for name in ("cowscope.css", "strips.css"))
    css = COMMENT.sub("", "".join(file.read_text("utf-8") for file in files))
    return tuple((s.strip(), d.strip()) for s, d in RULE.findall(AT_RULE.sub("", css)))


@cache
def colours(theme: str) -> dict[str, str]:
    """Every token by name, as `theme` ("light" or "dark") has it."""
    declared = dict(TOKEN.findall(next(d for s, d in rules() if s == ":root") + ";"))
    group = THEMES.index(theme) + 1
    found = {name: PAIR.sub(rf"\{group}", value).strip() for name, value in declared.items()}
    return found | FONTS


def resolve(css: str, theme: str) -> str:
    """Replace `var()` by what it stands for. Raises KeyError for a token that is not declared."""
    known = colours(theme)
    return USE.sub(lambda use: known[use[1]], css)


@cache
def picture_css(theme: str) -> str:
    """The rules of pictures that do not depend on a pointer or a focus."""
    kept = [
        f"{selector}{{{declarations}}}"
        for selector, declarations in rules()
        if all(s.strip().startswith(PICTURE) for s in selector.split(","))
        and not re.search(r":|is-linked|has-link", selector)
    ]
    return resolve("\n".join(kept), theme)
