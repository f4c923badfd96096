"""Questions made from a run: options from other policies, near misses, feedback with numbers."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from hashlib import blake2b

from msgspec import Struct

from app import policies
from app.scenario import library
from app.trace import Run, play

from .bits import bit_options
from .kinds import DRAFTS, Draft
from .question import KINDS, Address, BadQuestion, Option, Question, address_of
from .view import Evidence, View, affordable, evidence, view_of, words_of
from .which import wrong_steps


class Choice(Struct, frozen=True):
    """An answer before it has a place among the options."""

    label: str
    feedback: str
    policies: tuple[str, ...] = ()
    subject: str = ""
    right: bool = False


def questions_for(run: Run, step: int, source: str) -> tuple[Question, ...]:
    """All questions on a step, those first in which most policies would answer otherwise.

    `source` is what the run is called in links. Raises IndexError for a step that is not there;
    step 0 has no questions.
    """
    if step == 0:
        return ()
    view = view_of(run, step)
    made = [q for kind in KINDS if (q := make(view, Address(source, step, kind))) is not None]
    return tuple(sorted(made, key=lambda q: -disagreement(q)))


def disagreement(question: Question) -> int:
    """How many wrong answers some policy would give."""
    right = set(question.right)
    return sum(bool(o.policies) for o in question.options if o.id not in right)


def question(question_id: str, run: Run | None = None) -> Question:
    """One question by its name; a shipped scenario's needs no run. Raises BadQuestion."""
    address = address_of(question_id)
    played = run if run is not None else shipped_run(address.source)
    if address.step > len(played):
        raise BadQuestion(
            f"{address.source} has no step {address.step}.", f"Its last step is {len(played)}."
        )
    if run is None:
        found = shipped_question(address)
    else:
        found = make(view_of(played, address.step), address)
    if found is None:
        raise BadQuestion(f"Step {address.step} has no question of the kind “{address.kind}”.")
    return found


@lru_cache(maxsize=1024)
def shipped_question(address: Address) -> Question | None:
    return make(view_of(shipped_run(address.source), address.step), address)


@lru_cache(maxsize=128)
def shipped_run(source: str) -> Run:
    """A shipped scenario, played: `slug` or `slug~policy`. Raises BadQuestion."""
    slug, _, policy = source.partition("~")
    shipped = next((s for s in library() if s.slug == slug), None)
    if shipped is None:
        raise BadQuestion(f"There is no scenario “{slug}”.", "The gallery lists all of them.")
    try:
        return play(shipped.scenario, policy or shipped.scenario.policy or policies.DEFAULT)
    except policies.UnknownPolicy as error:
        raise BadQuestion(error.message, error.hint) from error


def make(view: View, address: Address) -> Question | None:
    """The question of a kind on a step, or None where there is nothing to ask."""
    why = evidence(view.after)
    if address.kind == "bits":
        options, right = bit_options(view, why.words)
        text = "Which of these bits change in this step? Tick all that do."
        return built(view, address, text, options, right, why) if options else None
    if address.kind == "which":
        choices = which_choices(view, why)
        text = "Which step leads from the first state to the second?"
    else:
        draft = DRAFTS[address.kind](view)
        choices = draft_choices(view, draft, why) if draft else []
        text = draft.text if draft else ""
    if len(choices) < 2:
        return None
    ordered = sorted(choices, key=lambda c: blake2b(f"{address.id} {c.label}".encode()).digest())
    options = tuple(
        Option(chr(ord("a") + i), c.label, c.feedback, c.policies, c.subject)
        for i, c in enumerate(ordered)
    )
    right = tuple(o.id for o, c in zip(options, ordered, strict=True) if c.right)
    return built(view, address, text, options, right, why)


def built(
    view: View,
    address: Address,
    text: str,
    options: tuple[Option, ...],
    right: tuple[str, ...],
    why: Evidence,
) -> Question:
    return Question(
        id=address.id,
        text=text,
        kind=address.kind,
        options=options,
        right=right,
        source=address.source,
        policy=view.run.policy.name,
        step=view.number,
        command=view.after["text"],
        because=why.words,
        rule=why.rule,
    )


def draft_choices(view: View, draft: Draft, why: Evidence) -> list[Choice]:
    """The right answer, then what other policies answer, then near misses."""
    own = draft.answer(view.after)
    givers: dict[Hashable, list[str]] = {own: []}
    for other in view.peers if draft.labels else view.others:
        givers.setdefault(draft.answer(other.after), []).append(other.policy)
    choices = [
        Choice(
            draft.label(own),
            right_words(view, why),
            (view.run.policy.name, *givers.pop(own)),
            draft.subject(own),
            right=True,
        )
    ]
    for answer, names in givers.items():
        wrong = wrong_words(view, why, names)
        choices.append(Choice(draft.label(answer), wrong, tuple(names), draft.subject(answer)))
    unmade = [answer for answer in draft.near if answer != own and answer not in givers]
    for answer in unmade[: max(0, draft.limit - len(choices))]:
        nobody = "no policy that comes to this state" if draft.labels else "no known policy"
        words = f"No: {nobody} gives this answer. {ruled(view, why)}"
        choices.append(Choice(draft.label(answer), words, (), draft.subject(answer)))
    return choices


def right_words(view: View, why: Evidence) -> str:
    return f"Right. {ruled(view, why)}"


def ruled(view: View, why: Evidence) -> str:
    """The decision with its numbers, and the rule's name."""
    rule = f" Rule {why.rule}." if why.rule else ""
    return f"Under {view.run.policy.name}: {why.words}{rule}"


def wrong_words(view: View, why: Evidence, names: list[str]) -> str:
    other = next(o for o in view.others if o.policy == names[0])
    theirs = evidence(other.after)
    rule = f" Rule {theirs.rule}." if theirs.rule else ""
    parted = " (which parts from this run at an earlier step)" if other.parted else ""
    more = f" So would {', '.join(names[1:])}." if names[1:] else ""
    return (
        f"No. {ruled(view, why)} "
        f"{words_of(names[0])} gives your answer{parted}: {theirs.words}{rule}{more}"
    )


def which_choices(view: View, why: Evidence) -> list[Choice]:
    if not affordable(view.run, view.number):
        return []
    wrong = wrong_steps(view)
    if not wrong:
        return []
    text = view.after["text"]
    right = Choice(text, right_words(view, why), (view.run.policy.name,), right=True)
    no = f"It is “{text}”: {why.words}"
    return [
        right,
        *(
            Choice(line, f"No: from the first state, “{line}” does this: {w} {no}")
            for line, w in wrong
        ),
    ]
