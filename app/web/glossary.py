"""The words of the field: what each means, where that is written, and a scenario that shows it.

`Linker` turns the first occurrence of each into a link; explanations, summaries and lessons pass
through it, so that no text has to know which words are explained.
"""

from __future__ import annotations

import re
from functools import lru_cache

from markupsafe import Markup, escape
from msgspec import Struct


class Term(Struct, frozen=True):
    """`forms`: how it is written in texts, as a pattern; `source` a file of the kernel, a man page
    or a paper; `example` a shipped scenario or ""."""

    slug: str
    name: str
    forms: str
    text: str
    source: str
    example: str = ""


RMAP = "include/linux/rmap.h, mm/rmap.c"
PIN = "Documentation/core-api/pin_user_pages.rst"

TERMS: tuple[Term, ...] = (
    Term("anon-vma", "anon_vma", r"anon_vma", "Leads from an anonymous page to the page tables that may map it. A range without one has no anonymous page yet, and fork leaves it out.", "include/linux/rmap.h", "fork-skips-untouched"),
    Term("anonymous", "anonymous memory", r"anonymous (?:memory|pages?)", "Memory with no file behind it: heap, stack, private mappings once they were written. It goes to swap when memory is short.", "mm/memory.c: do_anonymous_page()", "first-touch"),
    Term("coherence", "coherence", r"[Cc]oherence", "A device with a pin and the process that gave it see the same bytes. It breaks when the process is led to another page while the pin stays on the old one.", PIN, "pin-goes-stale"),
    Term("cow", "COW", r"COW|copy-on-write", "Copy-on-write: after a fork both sides map the same page read-only, and the one that writes first gets a copy, unless the page turns out to be its own.", "mm/memory.c: do_wp_page()", "hello-fork"),
    Term("compaction", "compaction", r"[Cc]ompaction", "The kernel moves pages together to make room for huge ones. A page with a reference that nobody can explain stays.", "mm/compaction.c, mm/migrate.c", "compaction"),
    Term("foll-force", "FOLL_FORCE", r"FOLL_FORCE", "A reference taken past the protection of the mapping, for debuggers.", "mm/gup.c", "debugger-writes"),
    Term("foll-get", "FOLL_GET", r"FOLL_GET", "A reference to a page taken through get_user_pages(): one more on the refcount. It keeps the page from being freed, and promises nothing about what the process maps.", PIN, "get-is-not-pin"),
    Term("foll-longterm", "FOLL_LONGTERM", r"FOLL_LONGTERM", "A pin that may be held for as long as user space likes, as RDMA does. Pages that could not stay are moved or replaced first.", PIN, "zero-page-long-pin"),
    Term("foll-pin", "FOLL_PIN", r"FOLL_PIN", "A reference through which data will be read or written, taken by pin_user_pages(). On a small folio it weighs 1024 in the refcount; a large folio has a pincount.", PIN, "pinned-stays"),
    Term("folio", "folio", r"folios?", "One page, or several that were allocated together and share one refcount. The head page stands for all.", "include/linux/mm_types.h"),
    Term("fork", "fork", r"[Ff]ork", "Makes a child with a copy of the page tables, not of the pages.", "kernel/fork.c, mm/memory.c: copy_page_range()", "hello-fork"),
    Term("gup-fast", "GUP-fast", r"GUP-fast", "Takes references by walking the page tables without a lock, with interrupts off. It must therefore look again after it took one.", "mm/gup.c", "race-gup-fork"),
    Term("hugetlb", "hugetlb", r"hugetlb", "Huge pages from a pool that is set aside at boot or by the administrator. Never swapped, never split.", "Documentation/admin-guide/mm/hugetlbpage.rst", "hugetlb-leak"),
    Term("isolation", "isolation", r"[Ii]solation", "What a process stores in private memory after a fork is seen by nobody else: not by parent or child, nor through a reference that one of them holds.", "tools/testing/selftests/mm/cow.c", "vmsplice-leak"),
    Term("khugepaged", "khugepaged", r"khugepaged", "The thread that collapses runs of small pages into huge ones.", "mm/khugepaged.c", "huge-collapse"),
    Term("ksm", "KSM", r"KSM", "Kernel same-page merging: equal pages become one, mapped read-only. A KSM page is never written; every writer gets a copy.", "Documentation/admin-guide/mm/ksm.rst", "ksm-never-reused"),
    Term("lru-batch", "LRU batch", r"LRU batch(?:es)?", "Fresh pages wait in a small list of each CPU before they go on the LRU lists. While one waits, the batch holds a reference to it.", "mm/swap.c", "lru-batch-counts"),
    Term("mapcount", "mapcount", r"mapcounts?", "How many page-table entries map a page. References from pipes, devices and the swap cache are not in it.", RMAP, "vmsplice-leak"),
    Term("migration-entry", "migration entry", r"migration entr(?:y|ies)", "Stands in a page table while the page moves. It remembers whether the page was writable and exclusive.", "include/linux/swapops.h", "compaction"),
    Term("mm", "mm", r"mm", "An address space (struct mm_struct): page tables and VMAs. Threads share one, a fork makes another.", "include/linux/mm_types.h"),
    Term("o-direct", "O_DIRECT", r"O_DIRECT", "Reads and writes of files that go between the device and the process's own pages, which are pinned meanwhile.", "open(2)", "dio-into-shared"),
    Term("page-cache", "page cache", r"page[ -]cache", "The pages that hold files. A private mapping of a file shows them until it is written.", "mm/filemap.c"),
    Term("pg-anon-exclusive", "PG_anon_exclusive", r"PG_anon_exclusive|PageAnonExclusive|exclusive bit", "A bit of an anonymous page: it belongs to one process, which may write it without asking. Set when a page is made or found to be nobody else's; cleared when fork, KSM or unmapping for swap may give it a second owner.", "include/linux/page-flags.h, 6c287605fd56 (5.19)", "lazy-bit"),
    Term("pincount", "pincount", r"pincounts?", "How often a large folio is pinned. A small folio has no such field: each pin adds 1024 to the refcount, so 1024 references of another kind look like one.", PIN, "looks-like-a-pin"),
    Term("pmd", "PMD", r"PMDs?|PMD-mapped", "The level of the page table above the PTEs. One entry can map a whole huge page (PMD-mapped); split, it becomes a table of PTEs.", "mm/huge_memory.c", "huge-one-bit"),
    Term("pte", "PTE", r"PTEs?|page-table entr(?:y|ies)", "Page-table entry: for one page of an address space where it is, and whether it may be written.", "include/linux/pgtable.h", "first-touch"),
    Term("reclaim", "reclaim", r"[Rr]eclaim", "Frees memory: pages that were not used for long go to swap, unless they are pinned.", "mm/vmscan.c", "reclaim-shared"),
    Term("refcount", "refcount", r"refcount", "How many references keep a folio from being freed: one for each mapping, and one each for the swap cache, an LRU batch, every FOLL_GET; 1024 for every FOLL_PIN of a small folio.", "include/linux/mm_types.h, Documentation/core-api/pin_user_pages.rst", "swap-cache-counts"),
    Term("soft-dirty", "soft-dirty", r"soft-dirty", "A bit that shows which pages were written since it was cleared through clear_refs. Clearing it write-protects the page.", "Documentation/admin-guide/mm/soft-dirty.rst", "write-protect-and-pins"),
    Term("spurious-copy", "spurious copy", r"[Ss]purious cop(?:y|ies)", "A copy though nobody else could have seen the store. It costs memory and time, and parts a process from its pins.", "mm/memory.c: wp_can_reuse_anon_folio()", "lru-batch-counts"),
    Term("swap-cache", "swap cache", r"swap[ -]?cache", "Pages that are in memory and have a slot on the swap device, too. The swap cache holds a reference to each of its pages.", "mm/swap_state.c", "swap-cache-counts"),
    Term("swap-entry", "swap entry", r"swap entr(?:y|ies)", "What stands in a page table for a page on the swap device: the slot, and since 5.19 whether the page was exclusive.", "include/linux/swapops.h", "swap-entries-are-shared"),
    Term("thp", "THP", r"THPs?|transparent huge pages?", "Transparent huge page: an anonymous folio of the size of a PMD, where the range is aligned and allows it.", "Documentation/admin-guide/mm/transhuge.rst", "huge-one-write"),
    Term("tlb", "TLB", r"TLBs?", "Where a CPU keeps translations that it has used. Until it is flushed a store may still go through an entry that the page table has no more.", "mm/mmu_gather.c", "race-fork-tlb"),
    Term("uffd-wp", "uffd-wp", r"uffd-wp|userfaultfd", "Write protection by userfaultfd: a process has writes to a range reported, for snapshots and garbage collectors.", "Documentation/admin-guide/mm/userfaultfd.rst", "uffd-wp-keeps-bit"),
    Term("unshare", "unshare", r"[Uu]nshar(?:e|es|ed|ing)|FAULT_FLAG_UNSHARE", "Give a process a page of its own before somebody takes a read-only pin of it, so that the pin never goes stale. The page-table entry stays read-only.", "mm/memory.c, a7f226604170 (5.19)", "reading-breaks-cow"),
    Term("vma", "VMA", r"VMAs?", "A range of an address space with one protection and one set of flags.", "include/linux/mm_types.h", "mprotect-remembers"),
    Term("vmsplice", "vmsplice", r"vmsplice|splice", "Puts pages of a process into a pipe without copying them. The pipe holds FOLL_GET references.", "vmsplice(2)", "vmsplice-leak"),
    Term("write-protect-seq", "write_protect_seq", r"write_protect_seq", "A counter of an mm that is odd while fork write-protects its pages. GUP-fast gives a pin back when it changed meanwhile.", "mm/gup.c, 57efa1fe5957 (5.11)", "race-gup-fork"),
    Term("zero-page", "zero page", r"zero page", "One page of zeroes for all reads of memory that was never written. Nobody counts its mappings.", "mm/memory.c: do_anonymous_page()", "first-touch"),
)  # fmt: skip

BY_SLUG = {term.slug: term for term in TERMS}
FORM = re.compile(
    r"(?<![\w./-])(?:"
    + "|".join(
        f"(?P<t{i}>{term.forms})"
        for i, term in sorted(enumerate(TERMS), key=lambda pair: -len(pair[1].forms))
    )
    + r")(?![\w(]|\.[a-z])"
)
TAG = re.compile(r"(<[^>]*>)")
CLOSED = ("a", "button", "label", "h1", "h2", "h3", "summary", "pre", "svg", "script", "legend")
"""Elements whose words are left alone: a link in a link is none."""


class Linker:
    """Links each term once. One linker for each text that is read as a whole."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def __call__(self, text: object) -> Markup:
        """Escape a text and link its terms; `Markup` is taken as HTML, and its tags are kept."""
        out: list[str] = []
        closed = 0
        for part in TAG.split(str(escape(text))):
            if part.startswith("<"):
                name = re.match(r"</?(\w+)", part)
                if name and name[1] in CLOSED:
                    closed += -1 if part.startswith("</") else 1
                out.append(part)
            elif closed:
                out.append(part)
            else:
                out += [self.link(words, number) for words, number in words_of(part)]
        return Markup("".join(out))

    def link(self, words: str, number: int) -> str:
        """`words` as they are, or as a link to term `number`; -1 for no term."""
        if number < 0 or number in self.seen:
            return words
        self.seen.add(number)
        term = TERMS[number]
        hint = escape(first_sentence(term.text))
        return (
            f'<a class="term" href="/glossary#{term.slug}" hx-boost="false" '
            f'title="{hint}">{words}</a>'
        )


@lru_cache(maxsize=4096)
def words_of(text: str) -> tuple[tuple[str, int], ...]:
    """A text in pieces: what names a term with its number, what lies between with -1.

    Kept: the engine says most things in the same words, and seeking dozens of terms is slow.
    """
    out = []
    at = 0
    for found in FORM.finditer(text):
        out += [(text[at : found.start()], -1), (found[0], int(str(found.lastgroup)[1:]))]
        at = found.end()
    return (*out, (text[at:], -1))


def first_sentence(text: str) -> str:
    return text.partition(". ")[0].rstrip(".") + "."


@lru_cache(maxsize=64)
def linked(html: Markup) -> Markup:
    """A whole page's body with every term linked once."""
    return Linker()(html)
