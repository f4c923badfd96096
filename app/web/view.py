"""What a reader looks at, as the link says it: `?sel=f0.ref&tab=history&watch=f0.ref&hide=C`.

It never changes the run, and it is in the link alone: no cookie makes a link show something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, quote

from fastapi import HTTPException
from msgspec import Struct

TABS = ("why", "history", "fields")
MAX_WATCHED = 8
CHANGED = "changed"
ONLY = ("all", CHANGED)


class View(Struct, frozen=True):
    """`sel` and `watch` as they were asked for; `tab` "" is the one that fits the selection, and
    `only` is "" or "changed". `hide` is left out of the drawing (`hiding`).
    """

    sel: str = ""
    tab: str = ""
    watch: tuple[str, ...] = ()
    only: str = ""
    hide: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.said)

    @property
    def shown_tab(self) -> str:
        """What is selected is what one wants to know about."""
        if self.tab in TABS:
            return self.tab
        return "history" if self.sel else "why"

    @property
    def query(self) -> str:
        """For a link, "" when there is nothing to say."""
        said = "&".join(f"{k}={quote(v, safe=SAFE)}" for k, v in self.said.items())
        return f"?{said}" if said else ""

    @property
    def shared(self) -> View:
        """What a comparison shows of it as well."""
        return View(sel=self.sel, only=self.only, hide=self.hide)

    @property
    def said(self) -> dict[str, str]:
        """The parameters of a link, without those that say nothing."""
        pairs = {
            "sel": self.sel,
            "tab": self.tab,
            "watch": ",".join(self.watch),
            "only": self.only,
            "hide": ",".join(self.hide),
        }
        return {name: value for name, value in pairs.items() if value}

    def with_link(self, query: str) -> View:
        """This view after a link `?name=value`: what it does not name stays as it is."""
        given = {k: v[-1] for k, v in parse_qs(query.lstrip("?"), keep_blank_values=True).items()}
        return view_of({**self.said, **given})


SAFE = "[].,:"


def view_of(parameters: Mapping[str, str]) -> View:
    """Read the parameters of a link; those of others are ignored.

    Raises HTTPException for an `only` that there is not.
    """
    only = parameters.get("only", "").strip()
    if only and only not in ONLY:
        raise HTTPException(422, f"There is no only “{only}”. It may be {' or '.join(ONLY)}.")
    return View(
        sel=parameters.get("sel", "").strip(),
        tab=parameters.get("tab", "").strip(),
        watch=listed(parameters.get("watch", "")),
        only=only if only == CHANGED else "",
        hide=listed(parameters.get("hide", "")),
    )


def listed(names: str) -> tuple[str, ...]:
    """The names of a list with commas, each once."""
    return tuple(dict.fromkeys(name for part in names.split(",") if (name := part.strip())))
