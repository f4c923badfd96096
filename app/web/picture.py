"""A step's drawing on its own: as an SVG file, and cut down to the rows that matter."""

from __future__ import annotations

import re
from collections import Counter
from html import escape

from msgspec import Struct

from app.service.cache import KeptByWeight
from app.service.runs import LoadedRun

from . import drawing, ink, marks
from .blame import Blame
from .glimpse import glimpse, survey
from .hiding import NOTHING, Hiding, hiding_of, layout_without, scene_without
from .layout import HEAD_HEIGHT, Layout, Row
from .placing import lay_out
from .scene import Frame, Scene, Slot, scene_of
from .strips import Strip
from .ticks import Timeline, timeline_of
from .why import Why, why_of

PLAN_STEPS = 60_000
"""Steps of runs whose layout and timeline are kept in memory, over all runs."""
MARGIN = 24
CAPTION = 64
ALARM = 34
SCRIPT_STEPS = 16
"""Steps of the scenario that a picture knows by their text."""
LINK = re.compile(r"<a\b[^>]*>")
CHANGES = {"new": 3, "freed": 2, "changed": 1}
MONO = 0.6
"""Width of a letter of a fixed-width font, in ems."""


class Picture(Struct, frozen=True):
    """A step: its drawing (SVG with classes, no links), and what is said of it in words.

    `script` is the text of the run's first steps, `alarm` the violation at this step or "",
    `caution` says that today's engine no longer plays the run as it was stored, or is "".
    """

    run_id: str
    title: str
    policy: str
    step: int
    last: int
    command: str
    why: Why
    alarm: str
    changes: tuple[tuple[str, str], ...]
    svg: str
    layout: Layout
    scene: Scene
    script: tuple[str, ...]
    caution: str

    @property
    def lead(self) -> str:
        """The outcome in at most two sentences."""
        return self.why.lead if self.step else "Nothing is mapped yet."

    @property
    def place(self) -> str:
        return f"step {self.step} of {self.last}"


class Pictures:
    """Draws steps. Layouts and timelines are kept: each needs the whole run."""

    def __init__(self) -> None:
        self.blame = Blame()
        self._plans: KeptByWeight[str, tuple[Layout, Timeline, int]] = KeptByWeight(
            PLAN_STEPS, lambda plan: plan[2]
        )

    def plan(self, loaded: LoadedRun) -> tuple[Layout, Timeline]:
        plan = self._plans.get(loaded.id)
        if plan is None:
            states = list(survey(loaded.run))
            plan = (lay_out(states), timeline_of(states), loaded.last + 1)
            self._plans.put(loaded.id, plan)
        return plan[0], plan[1]

    def hiding(self, loaded: LoadedRun, names: tuple[str, ...]) -> Hiding:
        """What a link hides. Raises HTTPException."""
        return hiding_of(self.blame, loaded, self.plan(loaded)[0], names) if names else NOTHING

    def draw(self, loaded: LoadedRun, number: int, hiding: Hiding = NOTHING) -> Picture:
        """Raises UnknownStep."""
        loaded.check_step(number)
        whole, _ = self.plan(loaded)
        step, before = glimpse(loaded.run, number, whole)
        layout = layout_without(whole, hiding)
        scene = scene_without(scene_of(whole, number, step, before), layout, hiding, step)
        broken = step.get("violations", ())
        svg = drawing.stage(layout, scene, f"memory after step {number}")
        return Picture(
            run_id=loaded.id,
            title=loaded.run.scenario.title or "Untitled scenario",
            policy=loaded.stored.policy,
            step=number,
            last=loaded.last,
            command=str(step.get("text", "before the first step")),
            why=why_of(step),
            alarm=f"{broken[0]['kind']} violated" if broken else "",
            changes=scene.changes,
            svg=without_links(svg),
            layout=layout,
            scene=scene,
            caution=caution_of(loaded),
            script=tuple(source.text for source in loaded.run.scenario.steps[:SCRIPT_STEPS]),
        )


def caution_of(loaded: LoadedRun) -> str:
    """What a reader of a picture must know who does not see the run's page."""
    if loaded.differs_from is None:
        return ""
    return (
        f"Recorded with engine {loaded.engine}; "
        f"today's engine plays it otherwise from step {loaded.differs_from} on."
    )


def without_links(svg: str) -> str:
    """The drawing with groups in place of links, which lead nowhere outside its page."""
    return LINK.sub("<g>", svg).replace("</a>", "</g>")


def inside(svg: str) -> str:
    """What is between the outermost tags."""
    return svg[svg.index(">") + 1 : svg.rindex("</svg>")]


def clipped(words: str, size: float, width: float) -> str:
    """As much of `words`, in a fixed-width font of `size`, as `width` has room for."""
    room = max(4, int(width / (size * MONO)))
    first = words.split("\n", 1)[0]
    return first if len(first) <= room and first == words else f"{first[: room - 1].rstrip()}…"


def standalone(picture: Picture, theme: str, caption: bool = True) -> str:
    """An SVG file: the drawing, its colours, and above it the step's text."""
    layout = picture.layout
    width = layout.width + 8 + 2 * MARGIN
    top = MARGIN + (caption_height(picture) if caption else 0)
    height = top + layout.height + 4 + MARGIN
    colours = ink.colours(theme)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(f"{picture.title}: {picture.place} under {picture.policy}")}'
        f'</title><desc id="d">{escape(f"{picture.command}. {picture.lead}")}</desc>',
        f"<style>{escape(ink.picture_css(theme), quote=False)}</style>",
        f'<rect width="{width}" height="{height}" fill="{colours["--panel"]}"/>',
        heading(picture, width, colours) if caption else "",
        f'<svg class="mem" x="{MARGIN}" y="{top}" width="{layout.width + 8}" '
        f'height="{layout.height + 4}" viewBox="-6 0 {layout.width + 8} {layout.height + 4}">',
        inside(picture.svg),
        "</svg></svg>\n",
    ]
    return "".join(parts)


def caption_height(picture: Picture) -> int:
    return CAPTION + (ALARM if picture.alarm else 0)


def heading(picture: Picture, width: float, colours: dict[str, str]) -> str:
    """Command, then place, policy and title; a violation below them."""
    room = width - 2 * MARGIN
    said = picture.caution or f"{picture.place} · {picture.policy} · {picture.title}"
    out = [
        plain_text(MARGIN, MARGIN + 14, clipped(picture.command, 18, room), 18, colours["--ink"]),
        plain_text(MARGIN, MARGIN + 38, clipped(said, 12, room), 12, colours["--ink-3"], False),
    ]
    if picture.alarm:
        y = MARGIN + CAPTION - 14
        out.append(
            f'<rect x="{MARGIN}" y="{y}" width="{room}" height="28" fill="{colours["--bad"]}"/>'
            f'<g class="mem">{inverse_octagon(MARGIN + 16, y + 14, 9, colours)}</g>'
            + plain_text(MARGIN + 34, y + 19, picture.alarm, 14, colours["--bad-on"])
        )
    return "".join(out)


def inverse_octagon(x: float, y: float, radius: float, colours: dict[str, str]) -> str:
    """The sign of a violation on a filled ground."""
    sign = marks.octagon(x, y, radius)
    on, off = colours["--bad-on"], colours["--bad"]
    return sign.replace('class="badfill"', f'fill="{on}"').replace(
        'class="badx"', f'stroke="{off}" stroke-width="2.2" stroke-linecap="round" fill="none"'
    )


def plain_text(
    x: float, y: float, words: str, size: float, fill: str, bold: bool = True, family: str = "mono"
) -> str:
    """A line of text whose look is in its attributes."""
    fonts = escape(ink.FONTS[f"--{family}"])
    weight = ' font-weight="700"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-family="{fonts}" font-size="{size:g}"{weight} '
        f'fill="{fill}">{escape(words)}</text>'
    )


# -- the rows that matter ---------------------------------------------------------------------


def rows_that_matter(picture: Picture) -> list[Row]:
    """Rows with a change in this step, the most telling first; without one, all drawn in full."""
    layout, scene = picture.layout, picture.scene
    weights: Counter[int] = Counter()
    for index, cells in enumerate(scene.cells):
        weights[index] += 4 * sum(cell.changed for cell in cells.values())
    boxes: list[Frame | Slot | Strip] = [*scene.frames.values(), *scene.slots.values()]
    boxes += scene.strips.values()
    for box in boxes:
        weights[layout.items[box.label].row] += CHANGES.get(box.state, 0)
        if isinstance(box, Frame | Strip) and box.bad:
            weights[layout.items[box.label].row] += 100
    for grip in layout.grips:
        if grip.handle in scene.handles and scene.handles[grip.handle].state:
            weights[layout.items[grip.item].row] += 4
    full = [index for index, row in enumerate(layout.rows) if not row.folded]
    changed = sorted((i for i in full if weights[i]), key=lambda i: -weights[i])
    return [layout.rows[index] for index in changed or full]


def bands(picture: Picture, rows: list[Row]) -> list[tuple[int, int]]:
    """Top and height of the heading and of each row or block, from top to bottom, in pixels."""
    groups = picture.layout.groups
    shown = {(groups[row.group].top, groups[row.group].height) for row in rows}
    return [(0, HEAD_HEIGHT), *sorted(shown)]
