"""What a reader looks at, as the link says it: `?sel=f0.ref&tab=history&watch=f0.ref,f0.map`.

It never changes the run, and the drawing does not depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, quote

from msgspec import Struct

TABS = ("why", "history", "fields")
MAX_WATCHED = 8
PARAMETERS = ("sel", "tab", "watch")


class View(Struct, frozen=True):
    """`sel` and `watch` as they were asked for; `tab` "" is the one that fits the selection."""

    sel: str = ""
    tab: str = ""
    watch: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sel or self.tab or self.watch)

    @property
    def shown_tab(self) -> str:
        """What is selected is what one wants to know about."""
        if self.tab in TABS:
            return self.tab
        return "history" if self.sel else "why"

    @property
    def query(self) -> str:
        """For a link, "" when there is nothing to say."""
        pairs = {"sel": self.sel, "tab": self.tab, "watch": ",".join(self.watch)}
        said = "&".join(f"{k}={quote(v, safe=SAFE)}" for k, v in pairs.items() if v)
        return f"?{said}" if said else ""

    def with_link(self, query: str) -> View:
        """This view after a link `?name=value`: what it does not name stays as it is."""
        given = {k: v[-1] for k, v in parse_qs(query.lstrip("?"), keep_blank_values=True).items()}
        ours = {"sel": self.sel, "tab": self.tab, "watch": ",".join(self.watch)}
        return view_of({**ours, **given})


SAFE = "[].,:"


def view_of(parameters: Mapping[str, str]) -> View:
    """Read the parameters of a link; those of others are ignored."""
    watched = (name.strip() for name in parameters.get("watch", "").split(","))
    return View(
        sel=parameters.get("sel", "").strip(),
        tab=parameters.get("tab", "").strip(),
        watch=tuple(dict.fromkeys(name for name in watched if name)),
    )
