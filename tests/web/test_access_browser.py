"""Every page in a browser: no accessibility violation in either theme, nothing overflows, and it
looks as it did.

Pictures of all pages are left in `test-results/pages`. A few of them, shrunk to thumbnails, are
kept in `tests/web/looks` and compared by a tolerance that lets fonts and words differ and finds a
pane that is gone or a style sheet that was not read. `COWSCOPE_KEEP_LOOKS=1` keeps today's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from fastapi import FastAPI
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page
from starlette.routing import Route

from tests.recordings import odd, written
from tests.web.serving import FORKS, LEAK, make_room, make_run, make_trace

BAD = "A mmap buf 1\nA wriet buf 1\nB read buf[4]\n"
HUGE = "title: One write\nhuge: 8\nA mmap buf 8 thp\nA write buf 1\nA fork B\nA write buf[3] 2\n"
SHOTS = Path(__file__).parents[2] / "test-results" / "pages"
LOOKS = Path(__file__).parent / "looks"
SIZES = {"desk": (1440, 900), "projector": (1280, 720), "phone": (390, 844)}
SHRINK = 8
FAR = 40
"""Grey levels of 256 by which a thumbnail's pixel differs."""
MAY_DIFFER = 0.12
"""Share of such pixels that words, fonts and other antialiasing come to."""

PAGES = {
    "home": "/",
    "search": "/?q=swap&has=swap",
    "search-empty": "/?q=nothing-has-this",
    "learn": "/learn",
    "lesson": "/learn/the-fix",
    "question": "/q/vmsplice-leak/7",
    "editor": "/new",
    "editor-errors": f"/new?{urlencode({'text': BAD})}",
    "start": "/r/{forks}/0",
    "explorer": "/r/{forks}/9",
    "violation": "/r/{leak}/6",
    "witness": "/r/{leak}/7",
    "huge": "/r/{huge}/4",
    "table": "/r/{forks}/9?view=table",
    "changes": "/r/{forks}/9?only=changed&view=drawing",
    "student": "/r/{leak}/6?level=student",
    "selected": "/r/{leak}/6?sel=f0",
    "next": "/r/{leak}/6/next",
    "without": "/r/{leak}/without/3",
    "rules-off": "/r/{leak}/rules",
    "minimise": "/r/{leak}/minimise?kind=isolation",
    "misconceptions": "/misconceptions",
    "misconception": "/misconceptions/fork-copies-pages",
    "rooms": "/w",
    "others": "/r/{leak}/6/others",
    "share": "/r/{forks}/9/share",
    "sheet": "/r/{forks}/sheet",
    "file": "/r/{forks}.html",
    "embed": "/e/{leak}/6",
    "compare": "/c/{leak}..{safe}",
    "compare-step": "/c/{leak}..{safe}/7",
    "compare-selected": "/c/{leak}..{safe}/6?sel=f0.ref",
    "matrix": "/m/vmsplice-leak",
    "selftest": "/selftest",
    "legend": "/legend",
    "glossary": "/glossary",
    "policies": "/policies",
    "room": "/w/{room}",
    "room-stage": "/w/{room}/stage",
    "room-door": "/w/{room}/lead",
    "no-room": "/w/ZZZZZ",
    "conformance": "/conformance",
    "trace": "/conformance/zram/fork-child-writes-first",
    "import": "/import",
    "imported": "/t/{odd}",
    "docs": "/docs",
    "privacy": "/privacy",
    "docs-embed": "/docs/embed",
    "no-run": "/r/nothere/3",
    "no-step": "/r/{forks}/99",
    "no-page": "/nothing/here",
}
KEPT = (("explorer", "desk"), ("explorer", "projector"), ("explorer", "phone"),
        ("violation", "desk"), ("table", "desk"), ("compare", "desk"), ("home", "desk"),
        ("editor-errors", "desk"))  # fmt: skip
FRAGMENTS = {"others"}
"""Parts of a page that are read alone only by the script."""
TWINS = re.compile(r"\.(json|txt|cow|svg|png|c)$|^/(api|healthz|readyz|metrics|static)\b")
ELSEWHERE = {
    "/c/{pair}/step", "/r/{run}/step", "/r/{run}", "/s/{slug}", "/m/{name}/{pair}",
    "/m/{name}/{policy}/{step}", "/selftest/{policy}/{test_id}/{kind_key}", "/q/{question_id}",
    "/conformance/{swap}/{name}/{step}", "/t/{trace}/{step}", "/r/{run}/{step}/inspect",
    "/c/{pair}/{step}/inspect", "/w/{room}/events",
    "/w/{room}/poll", "/w/{room}/lead/{once}", "/r/{run}/{step}/next/panel",
    "/r/{run}/{step}/branch",
}  # fmt: skip
"""Routes that lead to one of the pages, or are a part of one."""


@pytest.fixture(scope="module")
def names(app: FastAPI) -> dict[str, str]:
    return {
        "forks": make_run(app, FORKS),
        "leak": make_run(app, LEAK, "mapcount"),
        "safe": make_run(app, LEAK, "linux"),
        "huge": make_run(app, HUGE),
        "room": make_room(app),
        "odd": make_trace(app, written(odd())),
    }


@pytest.fixture(scope="module")
def reader(browser: Browser) -> Iterator[Page]:
    """One page for all of this module: what was loaded once is in the browser's cache."""
    context = browser.new_context(reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.fixture
def page(reader: Page) -> Iterator[Page]:
    """As a new one: without cookies, marks of an earlier test, or what it emulated."""
    reader.context.clear_cookies()
    reader.emulate_media(color_scheme="light", reduced_motion="reduce", forced_colors="none")
    yield reader
    reader.unroute_all()


def violations(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """Only what is wrong comes back: a list of all that is right takes longer than to find it."""
    asked = {"resultTypes": ["violations"], **(options or {})}
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("options => axe.run(options)", asked)["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found]


@pytest.mark.parametrize("name", [name for name in PAGES if name not in FRAGMENTS])
def test_a_page_is_for_everybody(
    page: Page, address: str, names: dict[str, str], name: str
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    if name == "conformance":  # until all is replayed the page reloads itself
        urlopen(f"{address}/conformance.json").close()
    page.goto(address + PAGES[name].format(**names))
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=SHOTS / f"{name}-dark.png")
    assert violations(page, {"runOnly": ["color-contrast"]}) == []
    for size, (width, height) in SIZES.items():
        page.emulate_media(color_scheme="dark" if size == "projector" else "light")
        page.set_viewport_size({"width": width, "height": height})
        root = "document.documentElement"
        over = page.evaluate(f"{root}.scrollWidth - {root}.clientWidth")
        assert over <= 0, f"{size}: {over} pixels too wide"
        looks_as_kept(page, name, size)
    assert violations(page, {"runOnly": ["target-size"]}) == []


def looks_as_kept(page: Page, name: str, size: str) -> None:
    shot = SHOTS / f"{name}-{size}.png"
    page.screenshot(path=shot)
    if (name, size) not in KEPT:
        return
    kept = LOOKS / shot.name
    with Image.open(shot) as picture:
        now = picture.convert("L").reduce(SHRINK)
    if os.environ.get("COWSCOPE_KEEP_LOOKS"):
        LOOKS.mkdir(exist_ok=True)
        now.save(kept, optimize=True)
        return
    with Image.open(kept) as picture:
        share = difference(picture.convert("L"), now)
    assert share < MAY_DIFFER, f"{share:.0%} of {shot.name} looks otherwise than {kept}"


def difference(kept: Image.Image, now: Image.Image) -> float:
    """Share of the pixels that are far apart."""
    assert kept.size == now.size
    levels = ImageChops.difference(kept, now).histogram()
    return sum(levels[FAR:]) / (kept.width * kept.height)


def test_the_tolerance_finds_a_missing_style_sheet(
    page: Page, address: str, names: dict[str, str]
) -> None:
    page.route("**/explorer.css*", lambda route: route.abort())
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(address + PAGES["explorer"].format(**names))
    shot = SHOTS / "broken.png"
    page.screenshot(path=shot)
    with Image.open(shot) as picture, Image.open(LOOKS / "explorer-desk.png") as kept:
        share = difference(kept.convert("L"), picture.convert("L").reduce(SHRINK))
    assert share > 1.5 * MAY_DIFFER


def routes_of(routes: Iterable[Any]) -> Iterator[Route]:
    """Every route, those of included routers, too."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes_of(inner.routes)
        elif isinstance(route, Route):
            yield route


def test_every_page_is_in_the_list(app: FastAPI) -> None:
    shown = [re.sub(r"[{}]", "", path.partition("?")[0]) for path in PAGES.values()]
    routes = [r for r in routes_of(app.routes) if "GET" in (r.methods or {"GET"})]
    plain = {re.sub(r":\w+}", "}", route.path): route for route in routes}
    assert set(plain) >= ELSEWHERE | {"/", "/r/{run}/{step}"}
    missing = [
        path
        for path, route in plain.items()
        if not TWINS.search(path)
        and path not in ELSEWHERE
        and not any(route.path_regex.match(one) for one in shown)
    ]
    assert missing == [], "pages that this module does not look at"


def test_forced_colours_keep_what_matters(page: Page, address: str, names: dict[str, str]) -> None:
    page.emulate_media(forced_colors="active")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(address + PAGES["violation"].format(**names))
    page.screenshot(path=SHOTS / "forced-colours.png")
    for mark in (".alarm", ".props .tag.bad", "#script [aria-current]"):
        width = page.eval_on_selector(mark, "e => parseFloat(getComputedStyle(e).borderLeftWidth)")
        assert width >= 1, mark


def test_nothing_moves_with_reduced_motion(page: Page, address: str, names: dict[str, str]) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(address + PAGES["explorer"].format(**names))
    moving = page.evaluate("document.getAnimations().length")
    assert moving == 0
