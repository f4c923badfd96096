"""The course: twelve lessons, each on scenarios of the library.

The prose stands in `templates/lessons/{slug}.html`. Whatever it claims can be seen in `sights`:
steps of which the page shows the engine's own words. Questions are the engine's, too.
"""

from __future__ import annotations

from msgspec import Struct


class Sight(Struct, frozen=True):
    """A step to look at. `says` is a part of what the engine gives as its reason there."""

    slug: str
    step: int
    point: str
    says: str
    policy: str = ""


class Lesson(Struct, frozen=True):
    """One lesson.

    aim        what one can do after it
    sights     steps that show what the prose says
    predict    ids of questions to answer before going on
    check      ids of questions that ask for understanding, on something else than was shown
    """

    number: int
    slug: str
    title: str
    aim: str
    sights: tuple[Sight, ...]
    predict: tuple[str, ...]
    check: tuple[str, ...]

    @property
    def questions(self) -> tuple[str, ...]:
        return (*self.predict, *self.check)

    @property
    def href(self) -> str:
        return f"/learn/{self.slug}"


LESSONS: tuple[Lesson, ...] = (
    Lesson(
        1,
        "fork-shares",
        "What fork shares",
        "Say which pages parent and child have in common after fork, and which bits fork touches.",
        (
            Sight("first-touch", 2, "A read brings no page of its own.", "zero page"),
            Sight("first-touch", 3, "The first write does.", "leaves the zero page"),
            Sight("hello-fork", 3, "Fork shares, read-only on both sides.", "both read-only"),
            Sight("fork-skips-untouched", 6, "What was never written is skipped.", "not copied"),
        ),
        ("hello-fork.3.page", "hello-fork.3.bits"),
        ("family-of-three.5.count", "family-of-three.4.which"),
    ),
    Lesson(
        2,
        "first-write",
        "The first write after fork",
        "Tell who gets the copy, and what the other side sees.",
        (
            Sight("hello-fork", 4, "Whoever writes first gets the copy.", "copied to f1"),
            Sight("hello-fork", 5, "The other one sees no difference.", "reads 1"),
            Sight("family-of-three", 6, "With three owners it is the same.", "refcount 3 > 1"),
        ),
        ("family-of-three.6.page", "family-of-three.6.sees"),
        ("family-of-three.7.count", "hello-fork.4.which"),
    ),
    Lesson(
        3,
        "who-reuses",
        "Who reuses the page",
        "Predict when a write keeps the page, and why nobody is told when it becomes possible.",
        (
            Sight("lazy-bit", 5, "The child goes, and the parent's entry stays.", "no longer maps"),
            Sight("lazy-bit", 6, "The next write looks, and finds itself alone.", "may be reused"),
            Sight("family-of-three", 9, "The last of three keeps the original.", "may be reused"),
        ),
        ("lazy-bit.5.bits", "lazy-bit.6.fate"),
        ("parent-unmaps.6.page", "family-of-three.9.fate"),
    ),
    Lesson(
        4,
        "two-counts",
        "refcount is not mapcount",
        "Keep the two counters apart, and name a reference that is no mapping.",
        (
            Sight("hello-fork", 2, "One mapping; the LRU batch holds a reference.", "fresh zeroed"),
            Sight("held-by-nobody-shared", 6, "A reference of nobody in particular.", "refcount 2"),
            Sight("held-by-nobody-shared", 7, "It costs a copy.", "refcount 2 > 1"),
            Sight(
                "held-by-nobody-shared",
                7,
                "Counting mappings, it does not.",
                "mapcount 1",
                "mapcount",
            ),
        ),
        ("held-by-nobody-shared.7.fate",),
        ("vmsplice-leak.6.count", "held-by-nobody-shared~mapcount.7.page"),
    ),
    Lesson(
        5,
        "gup-reader",
        "A reader with a reference",
        "Explain how get_user_pages() lets somebody look at a page that no page table leads to.",
        (
            Sight("leak-late", 5, "vmsplice takes a reference, for reading.", "g holds f0"),
            Sight("leak-late", 6, "The mapping goes, the reference stays.", "no longer maps"),
            Sight("leak-late", 7, "Counting references, the writer copies.", "refcount 2 > 1"),
            Sight("reading-breaks-cow", 5, "In 5.8 reading copied first.", "copied",
                  "cow-on-gup-read"),
        ),
        ("leak-late.5.count", "leak-late.7.sees"),
        ("leak-early.6.bits", "reading-breaks-cow~cow-on-gup-read.5.page"),
    ),
    Lesson(
        6,
        "pins",
        "Pins, and writes that get lost",
        "Tell FOLL_PIN from FOLL_GET, and say what fork and reads do for a pinned page.",
        (
            Sight("cow-either-way", 5, "Fork copies what may be pinned, at once.", "1025 >= 1024"),
            Sight("get-is-not-pin", 7, "A FOLL_GET reference is not protected.", "stores 99"),
            Sight("pin-goes-stale", 5, "A read-only pin unshares first.", "must be copied"),
            Sight("pin-goes-stale", 6, "Without that the pin is left behind.", "copied",
                  "exclusive-page"),
        ),
        ("cow-either-way.5.fate", "pin-goes-stale.5.page"),
        ("get-is-not-pin.7.sees", "pin-goes-stale-alone.6.fate"),
    ),
    Lesson(
        7,
        "vmsplice-leak",
        "The vmsplice leak",
        "Walk through CVE-2020-29374 and say which count would have stopped it.",
        (
            Sight("vmsplice-leak", 5, "The child puts the shared page into a pipe.", "g holds f0"),
            Sight("vmsplice-leak", 6, "It unmaps it: mapcount 1, refcount 2.", "no longer maps"),
            Sight("vmsplice-leak", 7, "Counting mappings, the parent reuses.", "mapcount 1",
                  "mapcount"),
            Sight("vmsplice-leak", 7, "Counting references, it copies.", "refcount 2 > 1"),
        ),
        ("vmsplice-leak~mapcount.7.page", "vmsplice-leak~mapcount.8.value"),
        ("vmsplice-leak.7.page", "leak-early~mapcount-unshare.7.sees"),
    ),
    Lesson(
        8,
        "swap-round-trip",
        "Out to swap, and back",
        "Follow a page through swap, and say what the swap entry must remember.",
        (
            Sight("swap-keeps-ownership", 4, "The page goes, an entry stays.", "swap cache"),
            Sight("swap-keeps-ownership", 5, "The entry remembers: exclusive.", "marked exclusive"),
            Sight("swap-entries-are-shared", 5, "Fork clears the marker.", "marker cleared"),
            Sight("swap-entries-are-shared", 6, "Then it may be shared.", "read-only"),
        ),
        ("swap-keeps-ownership.4.page", "swap-keeps-ownership.6.fault"),
        ("swap-entries-are-shared.6.bits", "reclaim-shared.8.fate"),
    ),
    Lesson(
        9,
        "counted-by-accident",
        "References by accident: swap cache and LRU batch",
        "Name the two references that make a page look shared although it is not.",
        (
            Sight("swap-cache-counts", 6, "5.9 counted the swap cache.", "refcount 3",
                  "refcount@5.9"),
            Sight("lru-batch-counts", 5, "... and the LRU batch.", "refcount 2", "refcount@5.9"),
            Sight("lru-batch-counts", 5, "Since 5.18 it is drained first.", "refcount 1 <= 1"),
            Sight("lru-batch-elsewhere", 7, "On another CPU it is not.", "refcount 2"),
        ),
        ("swap-cache-counts~refcount@5.9.6.fate", "lru-batch-counts.5.fate"),
        ("lru-batch-counts~refcount@5.9.5.page", "lru-batch-elsewhere.7.fate"),
    ),
    Lesson(
        10,
        "the-fix",
        "The fix, and what it broke",
        "Follow do_wp_page() from 5.7 to 5.18 and say what each change cost.",
        (
            Sight("vmsplice-leak", 5, "5.8: a reference breaks COW.", "copied", "cow-on-gup-read"),
            Sight("leak-through-swap", 8, "5.9: swap-in still counted mappings.", "swap entries",
                  "refcount@5.9"),
            Sight("write-protect-and-pins", 7, "Write-protected, a pin lost its page.",
                  "refcount 1025", "refcount"),
            Sight("pinned-stays", 5, "5.11: reclaim leaves pinned pages.", "may be pinned",
                  "refcount@5.11"),
        ),
        ("leak-through-swap~refcount@5.9.9.value", "write-protect-and-pins~refcount.7.fate"),
        ("pinned-stays~refcount@5.9.7.sees", "leak-through-swap~refcount.8.page"),
    ),
    Lesson(
        11,
        "huge-pages",
        "A bit for each page, or one for many",
        "Say where the exclusive bit is kept, of small pages and of huge ones.",
        (
            Sight("dontfork-wipeonfork", 5, "One fork treats pages differently.", "both read-only"),
            Sight("dontfork-wipeonfork", 8, "What was not shared stays so.", "without a fault"),
            Sight("looks-like-a-pin", 9, "A small page's pins are guessed.", "1025 >= 1024"),
        ),
        ("dontfork-wipeonfork.8.fault",),
        ("dontfork-wipeonfork.5.bits", "looks-like-a-pin.9.fate"),
    ),
    Lesson(
        12,
        "why-one-bit",
        "Why one bit",
        "Explain what PG_anon_exclusive says, who sets and clears it, and what counts cannot say.",
        (
            Sight("mprotect-remembers", 5, "The bit proves it: no fault needed.", "= 1"),
            Sight("write-protect-and-pins", 6, "Pinned or not: it stays its own.", "= 1"),
            Sight("forked-while-pinned", 6, "Fork asks it before it clears it.", "1026 >= 1024"),
            Sight("held-by-nobody", 7, "Counts are not even asked.", "without a fault"),
        ),
        ("held-by-nobody.7.fate", "write-protect-and-pins.7.fate"),
        ("forked-while-pinned.6.fate", "held-by-nobody-shared.7.fate"),
    ),
)  # fmt: skip


def lesson_of(slug: str) -> Lesson | None:
    """The lesson of that name, or None."""
    return next((lesson for lesson in LESSONS if lesson.slug == slug), None)
