"""The same explanation without the names of functions, flags and options: the student's level.

Words are exchanged, never facts: every number, page and process of a sentence is in its plain form,
too, and a test holds that for everything the shipped scenarios say.
"""

from __future__ import annotations

import re
from functools import lru_cache

from app.trace.singular import singular

WORDS: tuple[tuple[str, str], ...] = (
    (r"PageAnonExclusive\((\w+)\) = (\d)", r"the exclusive mark of \1 is \2"),
    (r"PageKsm\((\w+)\): a KSM page is never written", r"\1 is a merged page, and those stay as they are"),
    (r"refcount (\d+) <= (\d+) \+ swapcache (\d+)", r"\1 references, no more than \2 plus \3 of the swap cache"),
    (r"refcount (\d+) > (\d+) \+ swapcache (\d+)", r"\1 references, more than \2 plus \3 of the swap cache"),
    (r"refcount (\d+) >= (\d+) and this mm has pinned before", r"\1 references, at least \2, and this process has pinned before"),
    (r"pincount (\d+) and this mm has pinned before", r"\1 pins, and this process has pinned before"),
    (r"refcount (\d+) >= (\d+)", r"\1 references, at least \2"),
    (r"refcount (\d+) > (\d+)", r"\1 references, more than \2"),
    (r"refcount (\d+) = (\d+)", r"\1 reference, the \2 allowed"),
    (r"refcount (\d+) != (\d+)", r"\1 references, not \2"),
    (r"refcount (\d+), (\d+) of them mappings and swap cache", r"\1 references, \2 of them by page tables and swap cache"),
    (r"refcount (\d+) is its mappings and the swap cache", r"the \1 references are page tables and swap cache"),
    (r"; the migration entries were (\w+)", r"; its entries were \1"),
    (r"mapcount (\d+) \+ swap entries (\d+) = (\d+)", r"\1 mapping and \2 swap entries: \3 in all"),
    (r"mapcount (\d+) \+ swap entries (\d+) > (\d+)", r"\1 mappings and \2 swap entries: more than \3"),
    (r"mapcount (\d+) == refcount (\d+)", r"\1 mappings and \2 references"),
    (r"mapcount (\d+) != refcount (\d+)", r"\1 mappings, but \2 references"),
    (r"mapcount (\d+) > (\d+)", r"\1 mappings, more than \2"),
    (r"(?:FOLL_\w+: )?refcount \+ (\d+)", r"\1 more on its count of references"),
    (r"\b(\d+) mapcounts and references less", r"\1 mappings and references less"),
    (r"\bone reference and one mapcount\b", "one reference and one mapping"),
    (r"\bone mapcount and one reference\b", "one mapping and one reference"),
    (r"\brefcount (\d+)", r"\1 references"),
    (r"\bmapcount (\d+)", r"\1 mappings"),
    (r"\bpincount (\d+)", r"\1 pins"),
    (r"FOLL_PIN, read-only, the exclusive mark", "a pin for reading, and the exclusive mark"),
    (r"FOLL_PIN of the zero page counts nothing", "a pin of the zero page counts nothing"),
    (r"FOLL_LONGTERM, not an anonymous page", "a long-term pin, and the page is not the process's own"),
    (r"\bFOLL_PIN\b", "a pin"),
    (r"\bFOLL_GET\b", "a reference"),
    (r"FAULT_FLAG_UNSHARE", "a reader that shall never be surprised needs a page of its own"),
    (r"\bFOLL_FORCE\b", "a debugger"),
    (r"\bmm\b", "process"),
    (r"MADV_DONTFORK", "its owner keeps it from children"),
    (r"MADV_WIPEONFORK", "its owner gives children zeroes"),
    (r"\(WP_UNPOPULATED\)", ""),
    (r"write-protected with UFFD_FEATURE_SIGBUS", "write-protected, and its owner wants a signal"),
    (r"\bclear_refs\b", "the soft-dirty bits are cleared"),
    (r"\bwrite_protect_seq\b", "the counter of forks"),
    (r"\bmprotect (rw|r|none)\b", r"allowed from now on: \1"),
    (r"\bVMA flag only\b", "only a note about the range"),
    (r"\bno VMA\b", "no range is mapped there"),
    (r"uffd-wp", "write-report"),
    (r"\buserfaultfd\b", "its write reports"),
    (r"GUP-fast", "the fast path"),
    (r"\bthe owner slots\b", "the places for owners"),
    (r"\bthis mm\b", "this process"),
    (r"\bPTEs\b", "entries"),
    (r"\bPTE: ", "the entry is "),
    (r"\bPTE\b", "entry"),
    (r"PMD-mapped", "mapped by one huge entry"),
    (r"\bby PMD\b", "by one huge entry"),
    (r"\bPMDs\b", "huge entries"),
    (r"\bPMD\b", "huge entry"),
    (r"\bKSM page\b", "merged page"),
    (r"\bKSM\b", "merging"),
    (r"\bLRU batches\b", "batches of fresh pages"),
    (r"\bthe LRU\b", "the list for reclaim"),
    (r"\bTLBs\b", "translation caches"),
    (r"\bTLB\b", "translation cache"),
    (r"\bmmap lock\b", "lock of the address space"),
)  # fmt: skip
"""(pattern, plain words): applied in order."""

RULES = tuple((re.compile(pattern), words) for pattern, words in WORDS)
BARE = re.compile(r"(?<=[a-z])\(\)| ?\((?:[0-9a-f]{12}|[\w ,]*\b[0-9a-f]{12}\b[\w ,]*)\)")


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """The student's words for a sentence or a test of the engine."""
    for pattern, words in RULES:
        text = pattern.sub(words, text)
    return singular(BARE.sub("", text).strip())
