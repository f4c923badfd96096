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


def counterpart_of(pair: Pair, number: int) -> str:
    """Where the left's step is on the right, when steps left out or put in have moved it."""
    left, right = ([s.text for s in run.run.scenario.steps] for run in (pair.left, pair.right))
    shift = len(right) - len(left)
    same = 0
    while same < min(len(left), len(right)) and left[-1 - same] == right[-1 - same]:
        same += 1
    if not shift or not len(left) - same < number <= len(left):
        return ""
    return (
        f"Steps are paired by number, and the texts differ: step {number} on the left is step "
        f"{number + shift} on the right."
    )


def count_of(found: tuple[Difference, ...]) -> str:
    return "One thing differs." if len(found) == 1 else f"{len(found)} things differ."


def remarks_of(pair: Pair) -> list[str]:
    out = []
    left, right = pair.left, pair.right
    if not pair.same_text:
        out.append(
            "The two runs have different texts: step n of one stands beside step n of the other."
        )
    if left.last != right.last:
        early, late = sorted((left, right), key=lambda run: run.last)
        out.append(
            f"{early.stored.policy} ends at step {early.last}, {late.stored.policy} at step "
            f"{late.last}: the shorter one stays at its last state."
        )
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
