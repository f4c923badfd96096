"""What a comparison says of two runs as a whole: what they do at a step, and what is compared."""

from __future__ import annotations

from app import policies

from .compare_diff import Difference
from .compare_pair import Pair


def title_of(pair: Pair) -> str:
    left, right = (
        side.run.scenario.title or "Untitled scenario" for side in (pair.left, pair.right)
    )
    return left if left == right else f"{left} / {right}"


def years_of(policy: str) -> str:
    """When a policy was in force; of an era or with a rule switched off, which."""
    entry = policies.entry(policy)
    head, _, switches = policy.partition(":")
    era = head.partition("@")[2]
    words = f"Linux {era}" if era else entry.years
    return f"{words}, without {switches.replace(':-', ', ').lstrip('-')}" if switches else words


def headline_of(pair: Pair, number: int, found: tuple[Difference, ...]) -> str:
    if pair.left.id == pair.right.id:
        return "Both sides are the same run. Choose another policy to compare it with."
    if not pair.divergences:
        if any(pair.apart):
            return (
                "The two never diverge: page tables, contents and outcomes are the same in all "
                f"{pair.last} steps. Only the references that LRU batches hold differ."
            )
        return (
            "The two never diverge: page tables, pages, counts and outcomes are the same in all "
            f"{pair.last} steps."
        )
    first = pair.divergences[0]
    if number == first:
        return f"The first divergence: up to here both did the same. {count_of(found)}"
    if number in pair.divergences:
        return f"They diverge again. {count_of(found)}"
    if number < first:
        but = " but for references that LRU batches hold" if found else ""
        return f"The same on both sides{but}. The first divergence is step {first}."
    since = max(n for n in pair.divergences if n < number)
    if found:
        return f"No new difference; the last divergence was step {since}. {count_of(found)}"
    return f"They agree again. The last divergence was step {since}."


def standing_of(pair: Pair, number: int) -> str:
    """How a place's steps stand to each other when the two do not simply count alike."""
    steps = [pair.ways.step_or_none(side, number) for side in range(2)]
    if None in steps:
        lacking = steps.index(None)
        has, lacks = ("right", "left") if lacking == 0 else ("left", "right")
        why = f": the {lacks} has ended" if pair.ways.ended(lacking, number) else ""
        return f"Only the {has} has this step{why}."
    left, right = steps
    return "" if left == right else f"Step {left} on the left is step {right} on the right."


def count_of(found: tuple[Difference, ...]) -> str:
    return "One thing differs." if len(found) == 1 else f"{len(found)} things differ."


def remarks_of(pair: Pair) -> list[str]:
    out = []
    left, right = pair.left, pair.right
    if not pair.same_text:
        alone = ", ".join(
            f"{pair.ways.alone(side)} on the {name}"
            for side, name in enumerate(("left", "right"))
            if pair.ways.alone(side)
        )
        words = "The two runs have different texts: steps that say the same stand side by side."
        if alone:
            words += f" Steps without a counterpart: {alone}; there the other side stays as it was."
        out.append(words)
    out += [
        f"{run.id} was recorded with engine {run.engine}; today's plays it otherwise from step "
        f"{run.differs_from} on."
        for run in (left, right)
        if run.differs_from is not None
    ]
    if not pair.what.bit:
        names = [run.stored.policy for run in (left, right) if run.run.policy.bit == "none"]
        out.append(
            f"{' and '.join(dict.fromkeys(names))}: no exclusive bit, so the bit is not compared."
        )
    if pair.plan.renamed:
        some = ", ".join(f"{a} = {b}" for a, b in pair.plan.renamed[:6])
        more = ", …" if len(pair.plan.renamed) > 6 else ""
        out.append(
            f"Numbers count allocations; left and right, these are the same page: {some}{more}."
        )
    return out


def rules_of(pair: Pair) -> tuple[tuple[str, str], ...]:
    """For each side the rules that only it has."""
    own = [
        (run.stored.policy, {rule.name for rule in policies.rules_of(run.run.policy)})
        for run in (pair.left, pair.right)
    ]
    (a, mine), (b, theirs) = own
    only = ((a, mine - theirs), (b, theirs - mine))
    order = [rule.name for rule in policies.RULES]
    return tuple((name, ", ".join(sorted(rules, key=order.index))) for name, rules in only if rules)
