"""Many pages of a large folio at once.

What the pages of a large folio have in common is not theirs, and what they do not is mostly equal:
a step that treats 512 of them alike makes one new value for each value that it meets, not 512.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from immutables import Map

from .folios import Folio

T = TypeVar("T")


def change_pages(
    folios: Map[int, Folio], pfns: Sequence[int], change: Callable[[Folio], Folio]
) -> Map[int, Folio]:
    """`folios` with what `change` makes of the page in every frame of `pfns`.

    Pages that are one value stay one value: `change` is asked once for each.
    """
    pages = [folios[pfn] for pfn in pfns]
    most = pages[-1]
    body = dict.fromkeys(pfns, change(most))
    if pages.count(most) < len(pages):
        others = [(pfn, page) for pfn, page in zip(pfns, pages, strict=True) if page is not most]
        answers = {
            key: change(page) for key, page in {id(page): page for _, page in others}.items()
        }
        body.update((pfn, answers[id(page)]) for pfn, page in others)
    return folios.update(body)


def by_key(items: Iterable[tuple[int, T]]) -> dict[int, list[T]]:
    """Items by their keys, in order. Neighbours mostly have one key."""
    groups: dict[int, list[T]] = {}
    last = None
    for key, item in items:
        if key != last:
            last = key
            group = groups.setdefault(key, [])
        group.append(item)
    return groups
