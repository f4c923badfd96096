"""A step's page as a link with a selection shows it.

The page itself is the same for everybody and kept; what depends on the reader is put into it
here: the inspector, the marks of what is selected, and the selection in every link, so that all
of it works without a script. `static/select.js` does the same in a browser that has one.
"""

from __future__ import annotations

import re
from html import escape, unescape

from .view import View

QUERY_LINK = re.compile(r'href="(\?[^"]*)"')
COMPARE_LINK = re.compile(r'href="(/m/[^"?]+/\d+)"(?! data-keeps)')
LINKED = re.compile(r'class="([^"]*)" data-link="([^"]*)"(?: data-at="([^"]*)")?')
PICK = re.compile(r'class="(pick[^"]*)" data-link="([^"]*)" data-sel="([^"]*)"')
SHARED_URL = re.compile(r'(<meta property="og:url" content="[^"]*)"')
SHARED_WORDS = re.compile(r'(<meta (?:property="og|name="twitter):description" content=")')
INSPECTOR = re.compile(r'<div id="inspector"[^>]*></div>')
WATCH = re.compile(r'<div id="watch"[^>]*></div>')


def dress(
    page: str, base: str, view: View, inspector: str, watch: str, sel: str, writes: tuple[int, ...]
) -> str:
    """`sel` is the selection's right spelling, "" for none; `writes` the steps that wrote it."""
    page = INSPECTOR.sub(lambda found: inspector.strip() or found[0], page, count=1)
    page = WATCH.sub(lambda found: watch.strip() or found[0], page, count=1)
    shown = f'data-pane="{view.shown_tab}"' + (f' data-only="{view.only}"' if view.only else "")
    page = page.replace('<html lang="en"', f'<html lang="en" {shown}', 1)
    page = page.replace('data-pane="why" aria-current="true">', 'data-pane="why">', 1)
    tab = f'id="tab-{view.shown_tab}" data-pane="{view.shown_tab}"'
    page = page.replace(tab, f'{tab} aria-current="true"', 1)
    if sel:
        page = light(page, sel)
        name = escape(sel)
        page = page.replace(
            f'<a href="?sel={name}">', f'<a aria-current="true" href="?sel={name}">'
        )
        page = mark_steps(page, base, writes)
    return carry(page, base, view)


def say_selected(page: str, query: str, words: str) -> str:
    """Other sites show beside the link what is selected, and lead to it."""
    page = SHARED_URL.sub(lambda found: found[1] + escape(query) + '"', page, count=1)
    return SHARED_WORDS.sub(lambda found: f"{found[1]}{escape(words)} ", page)


def carry(page: str, base: str, view: View) -> str:
    """Links to steps keep the view, and links that change the view keep the rest of it."""
    query = escape(view.query)
    steps = re.compile(rf'href="({re.escape(base)}/\d+(?:/share)?)(\?[^"]*)?"')
    shared = escape(view.shared.query)

    def step(found: re.Match[str]) -> str:
        given = found[2] or ""
        return f'href="{found[1]}{given}{query.replace("?", "&amp;", 1) if given else query}"'

    def change(found: re.Match[str]) -> str:
        changed = view.with_link(unescape(found[1])).query
        return f'href="{escape(changed or "?")}"'

    head, body, rest = page.partition("<body")
    rest = QUERY_LINK.sub(change, steps.sub(step, rest))
    rest = COMPARE_LINK.sub(lambda found: f'href="{found[1]}{shared}"', rest)
    fields = hidden_fields(view)
    form = re.compile(rf'(<form [^>]*action="{re.escape(base)}/step"[^>]*>)')
    return head + body + form.sub(rf"\1{fields}", rest)


def hidden_fields(view: View) -> str:
    """For a form that leads to a step."""
    return "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in view.said.items()
    )


def light(page: str, sel: str) -> str:
    """Mark what is selected, and everything about the same frames."""
    thing = whole(sel)
    process = "." not in thing and "[" not in thing and thing[:1].isupper()
    labels: set[str] = set()
    for _, links, name in PICK.findall(page):
        if unescape(name) == thing or (process and unescape(name).startswith(f"{thing}.")):
            labels.update(links.split())

    def is_lit(links: str, at: str) -> bool:
        mine = not process or not at or at.startswith(f"{thing}.")
        return mine and not labels.isdisjoint(links.split())

    def pick(found: re.Match[str]) -> str:
        name = unescape(found[3])
        css = found[1]
        if name in (sel, thing):
            css += " is-sel" if name == sel else " is-thing"
        return f'class="{css}" data-link="{found[2]}" data-sel="{found[3]}"'

    def mark(found: re.Match[str]) -> str:
        css, links, at = found[1], found[2], found[3]
        if css.startswith("pick") or not labels:
            return found[0]
        lit = f"{css} is-linked" if is_lit(links, at or "") else css
        return f'class="{lit}" data-link="{links}"' + (f' data-at="{at}"' if at else "")

    page = LINKED.sub(mark, PICK.sub(pick, page))
    return page.replace('class="mem stage-svg', 'class="mem has-link stage-svg') if labels else page


def whole(sel: str) -> str:
    """The thing of `A.buf[0].w` or `f0.ref`."""
    end = sel.find("]")
    if end >= 0:
        return sel[: end + 1]
    return sel.partition(".")[0]


def mark_steps(page: str, base: str, writes: tuple[int, ...]) -> str:
    """Timeline and script show which steps wrote what is selected."""
    known = set(writes)
    link = re.compile(rf'<a href="{re.escape(base)}/(\d+)" (aria-label="step|title=)')

    def mark(found: re.Match[str]) -> str:
        css = ' class="wrote"' if int(found[1]) in known else ""
        return f'<a{css} href="{base}/{found[1]}" {found[2]}'

    return link.sub(mark, page)
