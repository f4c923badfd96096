"""One step of a comparison as its page and its twins show it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from msgspec import Struct

from app import policies
from app.service import LoadedRun
from app.trace import KINDS
from app.urls import compare_url, matrix_url, step_url

from . import compare_marks, drawing, marks
from .compare_align import Names
from .compare_diff import Difference
from .compare_hiding import PairHiding
from .compare_names import name_of
from .compare_pair import Pair
from .compare_words import headline_of, remarks_of, rules_of, standing_of, title_of, years_of
from .evidence import Evidence, evidence_of
from .explorer import GLYPHS, OCTAGON, Chip
from .glimpse import glimpse
from .hiding import Hiding, layout_without, scene_without
from .keys import KEYS, KeyAction
from .layout import Layout
from .pick import selectable
from .scene import scene_of
from .why import why_of

Json = dict[str, Any]

WIDE = 900
"""A drawing wider than this stands above the other instead of beside it."""

SHOWN = PairHiding()
WAYS = ("left", "right", "swapped", "kept_right")
"""Where links of a comparison lead that name things otherwise (`compare_hiding.Thing`)."""

COMPARE_KEYS: dict[str, KeyAction] = {
    "next": KEYS["next"],
    "previous": KEYS["previous"],
    "first": KEYS["first"],
    "last": KEYS["last"],
    "divergence": KeyAction("d", "d", "next divergence"),
    "previous_divergence": KeyAction("D Shift+D", "Shift d", "previous divergence"),
    "violation": KEYS["violation"],
    "policies": KeyAction("", "1 – 8", "the left side with another policy"),
    "next_write": KEYS["next_write"],
    "previous_write": KEYS["previous_write"],
    "go": KEYS["go"],
    "only": KEYS["only"],
    "copy": KEYS["copy"],
    "sheet": KEYS["sheet"],
}


class Choice(Struct, frozen=True):
    """A policy by the name that chooses it; `href` compares the left side with it."""

    name: str
    title: str
    href: str
    current: bool


class View(Struct, frozen=True):
    """One side.

    run_id, policy, years   of the run; `href` of this step in the explorer; `name` as it is called
    step, last, ended       the run's own number of the step that is shown, its last one, and
                            whether it ended before
    acts                    has it a step here, or only the other side?
    command                 the step's text, "" without a step
    svg                     the drawing with its marks
    lead, because, rule, source   what the side did, and the test that decided with its numbers
    chips, alarms           properties up to here; violations at this step
    places                  where in the comparison each of its steps stands
    """

    run_id: str
    policy: str
    name: str
    years: str
    href: str
    step: int
    last: int
    ended: bool
    acts: bool
    command: str
    svg: Markup
    lead: str
    because: str
    rule: str
    source: str
    chips: tuple[Chip, ...]
    alarms: tuple[Evidence, ...]
    places: tuple[int, ...]
    choices: tuple[Choice, ...]


class CompareContext(Struct, frozen=True):
    """What `compare.html` gets, and nothing else, beside `look`.

    base, title       "/c/A..B", and the scenario's title
    step, last        this place and the last one; `command` the step's text
    apart             do the sides count their steps otherwise than the places?
    left, right       the sides; `wide` when their drawings stand above each other
    headline, reasons what the two do here, and the tests that decided, with their numbers
    told              the headline with what each side did
    parting           does a difference begin here?
    differences       what differs after this step; `hidden` are those in what is hidden
    hiding            what is left out of both drawings; `hide` has its names in links that lead
                      elsewhere, by WAYS
    first, previous_divergence, next_divergence   step numbers or None; `count` of all divergences
    next_violation    on either side
    lanes, overview   the timeline; `glyphs` its key, `octagon` the sign of a violation
    remarks           how the two are aligned, and what is not compared
    rules             (policy, its rules that the other lacks)
    keys, choices, matrix, swapped   keys; policies to choose; the matrix and the swapped pair
    """

    base: str
    title: str
    step: int
    last: int
    apart: bool
    command: str
    left: View
    right: View
    wide: bool
    headline: str
    reasons: str
    told: str
    parting: bool
    differences: tuple[Difference, ...]
    hidden: tuple[Difference, ...]
    hiding: Hiding
    hide: dict[str, str]
    first: int | None
    previous_divergence: int | None
    next_divergence: int | None
    count: int
    next_violation: int | None
    lanes: Markup
    overview: Markup
    glyphs: tuple[tuple[Markup, str], ...]
    octagon: Markup
    remarks: tuple[str, ...]
    rules: tuple[tuple[str, str], ...]
    keys: dict[str, KeyAction]
    choices: tuple[Choice, ...]
    matrix: str
    swapped: str


def context_of(pair: Pair, number: int, hiding: PairHiding = SHOWN) -> CompareContext:
    """A place that is at most `pair.last`."""
    found = pair.differences(number)
    sides = (
        view_of(pair, pair.left, pair.plan.left, number, found, hiding, right=False),
        view_of(pair, pair.right, pair.plan.right, number, found, hiding, right=True),
    )
    base = compare_url(pair.left.id, pair.right.id)
    headline = f"{headline_of(pair, number, found)} {standing_of(pair, number)}".rstrip()
    parting = number in pair.divergences
    return CompareContext(
        base=base,
        title=title_of(pair),
        step=number,
        last=pair.last,
        apart=any(side.acts and side.step != number for side in sides),
        command=sides[0].command or sides[1].command,
        left=sides[0],
        right=sides[1],
        wide=layout_without(pair.plan.joint, hiding.shared).width > WIDE,
        headline=headline,
        reasons=reasons_of(*sides, found) if parting else "",
        told=told_of(headline, sides, parting=parting),
        parting=parting,
        differences=found,
        hidden=tuple(d for d in found if hiding.covers(d)),
        hiding=hiding.told(pair),
        hide={way: ",".join(hiding.names(way)) for way in WAYS},
        first=pair.divergences[0] if pair.divergences else None,
        previous_divergence=pair.previous_divergence(number),
        next_divergence=pair.next_divergence(number),
        count=len(pair.divergences),
        next_violation=pair.next_violation(number),
        lanes=Markup(compare_marks.draw(pair, number, base)),
        overview=Markup(compare_marks.overview(pair, number, base)),
        glyphs=GLYPHS,
        octagon=OCTAGON,
        remarks=tuple(remarks_of(pair)),
        rules=rules_of(pair),
        keys=COMPARE_KEYS,
        choices=choices(pair, number),
        matrix=matrix_url(pair.left.id),
        swapped=compare_url(pair.right.id, pair.left.id, number),
    )


def view_of(
    pair: Pair, loaded: LoadedRun, whole: Layout, number: int, found: tuple[Difference, ...],
    hiding: PairHiding, *, right: bool,
) -> View:  # fmt: skip
    hidden = hiding.of_side(pair, right=right)
    layout = layout_without(whole, hidden)
    here, acts = pair.ways.at[right][number], pair.ways.acts(right, number)
    step, previous = glimpse(loaded.run, here, whole)
    if not acts:
        step = previous = {"state": step["state"]}
    scene = scene_without(scene_of(whole, number, step, previous), layout, hidden, step)
    policy, name = loaded.stored.policy, pair.called[right]
    drawn = drawing.stage(layout, scene, f"memory under {name} after step {here}")
    own = (*scene.frames, *scene.slots)
    shown = {pair.plan.names.to_shared(label) for label in own} if right else set(own)
    joint = layout_without(pair.plan.joint, hiding.shared)
    seen = [difference for difference in found if not hiding.covers(difference)]
    signs = compare_marks.overlay(layout, joint, number, seen, shown, right=right)
    labels = {own_label(pair, d, right=right) for d in found if not d.quiet} - {""}
    marked = f"{drawn.removesuffix('</svg>')}{signs}</svg>"
    picture = selectable(marked, layout, scene, loaded.run.policy.bit, hidden)
    picture = compare_marks.apart(picture, layout, seen, labels)
    why = why_of(about(step, labels))
    decided = next((m for m in reversed(why.events) if m.css == "decide"), None)
    return View(
        run_id=loaded.id,
        policy=policy,
        name=name,
        years=years_of(policy),
        href=step_url(loaded.id, here),
        step=here,
        last=loaded.last,
        ended=pair.ways.ended(right, number),
        acts=acts,
        command=str(step.get("text", "")) if number else "before the first step",
        svg=Markup(beside(picture, pair.plan.names if right else None)),
        lead=why.lead if acts else "",
        because=decided.because if decided else "",
        rule=decided.rule if decided else "",
        source=f"{decided.function}() {decided.source}" if decided else "",
        chips=chips_of(loaded, here),
        alarms=evidence_of(loaded.run, here) if acts else (),
        places=pair.ways.places[right],
        choices=side_choices(pair, number, right=right),
    )


def own_label(pair: Pair, found: Difference, *, right: bool) -> str:
    """The frame or slot that a difference is about, by its side's name; "" for other subjects."""
    label = str(found.place[1])
    if found.kind not in ("frame", "slot"):
        return ""
    return pair.plan.names.to_own(label) if right else label


def about(step: Json, labels: set[str]) -> Json:
    """A step with the events about some frames and slots only, if there are any.

    A fork does something to every page; what counts here are those in which the sides differ.
    What the step violates is shown by itself.
    """
    events = step.get("events", ())
    told = [e for e in events if labels & {e.get("frame"), e.get("to"), e.get("slot")}]
    return {**step, "events": told or events, "violations": []}


def beside(svg: str, names: Names | None) -> str:
    """A drawing fit to stand beside another; `names` are those of the right side.

    Ids are this side's own, and what is the same on both sides is lit up and selected together.
    """
    side = "right" if names else "left"
    named = re.sub(r'(id="|href="#)([fs]\d+")', rf"\g<1>{side}-\g<2>", svg)
    if names is None:
        return named
    named = named.replace(marks.DEFS, "")  # those of the left side serve both
    named = re.sub(
        r'data-link="([^"]+)"',
        lambda m: f'data-link="{" ".join(map(names.to_shared, m[1].split()))}"',
        named,
    )
    return re.sub(
        r'(data-sel="|href="\?sel=|class="hide" href="\?hide=(?:[^"]*,)?)([fs]\d+)(?=["\.])',
        lambda m: m[1] + name_of(names, m[2]),
        named,
    )


def chips_of(loaded: LoadedRun, number: int) -> tuple[Chip, ...]:
    """The properties that are broken up to here."""
    broken = loaded.run.verdicts
    found = ((kind, broken.get(kind)) for kind in KINDS)
    return tuple(Chip(kind, at) for kind, at in found if at is not None and at <= number)


def reasons_of(left: View, right: View, found: tuple[Difference, ...]) -> str:
    """Why the two part: the tests that decided, with their numbers, and what they break."""
    loud = [d for d in found if not d.quiet and d.kind != "step"]
    shown = [d for d in loud if d.kind == "verdict"]
    if left.because == right.because:
        shown = shown or [d for d in loud if d.kind == "outcome"] or loud[:1]
        parts = []
    else:
        sides = (left, right)
        tests = (
            f"{side.name} decides by {side.because}" if side.because
            else f"{side.name} tests nothing"
            for side in sides if side.acts
        )  # fmt: skip
        parts = [f"{'; '.join(tests)}."]
    parts += [
        f"{d.subject.capitalize() if d.kind in ('outcome', 'verdict') else d.subject}: "
        f"{left.name} {d.left}; {right.name} {d.right}."
        for d in shown
    ]
    return " ".join(parts)


def told_of(headline: str, sides: tuple[View, View], *, parting: bool) -> str:
    """The live caption: at a divergence with what each side did and why."""
    if not parting:
        return headline
    return " ".join([headline, *(f"{side.name}: {side.lead}" for side in sides if side.acts)])


def side_choices(pair: Pair, number: int, *, right: bool) -> tuple[Choice, ...]:
    """Every policy for one side, the other one and the step kept."""
    sides = [quote(run.stored.policy, safe="@:") for run in (pair.left, pair.right)]
    own = (pair.left, pair.right)[right]
    out = []
    for entry in policies.CATALOGUE:
        sides[right] = entry.name
        href = f"{matrix_url(own.id)}/{'..'.join(sides)}/{pair.ways.at[right][number]}"
        out.append(Choice(entry.name, entry.title, href, entry.name == own.stored.policy))
    return tuple(out)


def choices(pair: Pair, number: int) -> tuple[Choice, ...]:
    """Every policy and era, each by the name that chooses it; the policies themselves first."""
    base = f"{matrix_url(pair.left.id)}/{quote(pair.left.stored.policy, safe='@:')}.."
    newest = [(entry.name, entry.sentence) for entry in policies.CATALOGUE]
    eras = [
        (f"{entry.name}@{era.name}", era.sentence)
        for entry in policies.CATALOGUE
        for era in entry.eras[:-1]
    ]
    return tuple(
        Choice(
            name, title, f"{base}{name}/{pair.ways.at[0][number]}", name == pair.right.stored.policy
        )
        for name, title in (*newest, *eras)
    )
