"""Many pages of a large folio at once.

What the pages of a large folio have in common is not theirs, and what they do not is mostly equal:
a step that treats 512 of them alike makes one new value for each value that it meets, not 512.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from immutables import Map

from .folios import Folio


def change_pages(
    folios: Map[int, Folio], pfns: Sequence[int], change: Callable[[Folio], Folio]
) -> Map[int, Folio]:
    """`folios` with what `change` makes of the page in every frame of `pfns`.

    Pages that are one value stay one value: `change` is asked once for each.
    """
    pages = [folios[pfn] for pfn in pfns]
    answers = {key: change(page) for key, page in {id(page): page for page in pages}.items()}
    if len(answers) == 1:
        return folios.update(dict.fromkeys(pfns, *answers.values()))
    return folios.update(zip(pfns, [answers[id(page)] for page in pages], strict=True))
