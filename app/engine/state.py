"""What the machine remembers: frozen values, and the one frozen `Machine` that holds them all.

The model follows `semantics.md` section 1. A virtual page number (vpn) and a page frame number
(pfn) are plain integers; pfns and slot numbers are handed out in order and never used again, so
that a frame keeps its name for a whole run.
"""

from __future__ import annotations

from immutables import Map
from msgspec import Struct

GUP_PIN_COUNTING_BIAS = 1024
"""References that one FOLL_PIN takes on a small folio (include/linux/mm.h)."""

ZERO_PFN = -1
"""Where a handle names the shared zero page. It is no folio: nobody counts its references."""


class Version(Struct, frozen=True, gc=False):
    """What a page holds: a value, who stored it and when (`semantics.md` section 4).

    `author` is the mm that stored it, through a mapping or through a handle of its own; -1 is
    nobody (zeroes). `seq` is the machine's clock at the store.
    """

    value: int
    author: int
    seq: int


ZEROES = Version(0, -1, 0)


# -- page tables ----------------------------------------------------------------------------


class Zero(Struct, frozen=True, gc=False):
    """A PTE that maps the shared zero page: present, special, read-only, not counted."""

    uffd_wp: bool = False


class Present(Struct, frozen=True, gc=False):
    """A PTE that maps a page. `exclusive` is used by the policy that keeps the bit here."""

    pfn: int
    write: bool
    dirty: bool
    young: bool = True
    exclusive: bool = False
    uffd_wp: bool = False
    soft_dirty: bool = True


class Swapped(Struct, frozen=True, gc=False):
    """A PTE that holds a swap entry, with pte_swp_exclusive()."""

    slot: int
    exclusive: bool
    uffd_wp: bool = False
    soft_dirty: bool = True


Pte = Zero | Present | Swapped
PageTable = Map[int, Pte]


class Vma(Struct, frozen=True, gc=False):
    """A piece of a range with one protection and one set of flags: pages `lo` to `hi` (vpns)."""

    lo: int
    hi: int
    prot: str = "rw"
    shared: bool = False
    file: bool = False
    hugetlb: bool = False
    anon_vma: bool = False
    dontfork: bool = False
    wipeonfork: bool = False
    locked: bool = False
    mergeable: bool = False
    thp: bool = False
    nohugepage: bool = False
    uffd_wp: bool = False

    @property
    def readable(self) -> bool:
        return self.prot != "none"

    @property
    def writable(self) -> bool:
        return self.prot == "rw"

    @property
    def cow(self) -> bool:
        """Linux is_cow_mapping(): private, and may be made writable."""
        return not self.shared


class Area(Struct, frozen=True, gc=False):
    """A named range: where it starts, how long it was made, and the VMAs that are left of it.

    `target` of an mremap is a new range. `inode` names the shared memory or the file behind the
    range, whose page `offset` stands at `start`.
    """

    start: int
    pages: int
    vmas: tuple[Vma, ...]
    inode: int = -1
    offset: int = 0


class Mm(Struct, frozen=True, gc=False):
    """mm_struct: ranges, in `order` of creation. MMF_HAS_PINNED is sticky, and not inherited."""

    areas: Map[str, Area]
    order: tuple[str, ...] = ()
    has_pinned: bool = False
    users: int = 1
    next_vpn: int = 0


class Process(Struct, frozen=True, gc=False):
    """A task. After its exit `mm` is -1. `order` counts processes in order of creation."""

    mm: int
    order: int = 0
    cpu: int = 0
    parent: str = ""
    vfork: bool = False


# -- physical memory ------------------------------------------------------------------------


class Folio(Struct, frozen=True, gc=False):
    """A small folio: one page frame, and every reference to it *itemised*.

    refcount is never stored: it is the sum of who holds the folio (`semantics.md` 1.2).

    maps    (mm, vpn) of every PTE that maps it: one reference and one mapcount each
    gets    handle names, one entry for each FOLL_GET reference
    pins    handle names, one entry for each FOLL_PIN; each weighs GUP_PIN_COUNTING_BIAS
    holds   speculative references by nobody in particular
    batch   CPU whose lru_add batch holds it, or -1
    batches other per-CPU batches that hold it: (cpu, name) with one reference each
    slot    the swap slot whose cache it is (PG_swapcache), or -1
    inode   (inode, page) when it is page cache or shared memory, else None
    """

    data: Version
    maps: tuple[tuple[int, int], ...] = ()
    exclusive: bool = False
    batch: int = -1
    gets: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    holds: int = 0
    slot: int = -1
    batches: tuple[tuple[int, str], ...] = ()
    anon: bool = True
    swapbacked: bool = True
    dirty: bool = False
    referenced: bool = False
    active: bool = False
    mlocked: bool = False
    writeback: bool = False
    ksm: bool = False
    inode: tuple[int, int] | None = None

    @property
    def mapcount(self) -> int:
        return len(self.maps)

    @property
    def pincount(self) -> int:
        """Pins on the folio. Linux cannot tell on a small one; it sees refcount >= 1024."""
        return len(self.pins)

    @property
    def lru(self) -> bool:
        """PG_lru: not in an lru_add batch (a fresh folio is there first)."""
        return self.batch < 0

    @property
    def swapcache(self) -> bool:
        return self.slot >= 0

    @property
    def refcount(self) -> int:
        return (
            len(self.maps)
            + len(self.gets)
            + len(self.pins) * GUP_PIN_COUNTING_BIAS
            + self.holds
            + (self.batch >= 0)
            + (self.slot >= 0)
            + len(self.batches)
            + (self.inode is not None)
        )


class Slot(Struct, frozen=True, gc=False):
    """One page of the swap device: how many entries name it, its cache folio (or -1), its bytes."""

    count: int
    data: Version
    cache: int = -1


class Handle(Struct, frozen=True, gc=False):
    """A reference taken through GUP and held outside the page tables.

    `pages` are (vpn, pfn) in order, pfn ZERO_PFN for the zero page; `vpn` follows an mremap and
    becomes -1 once the owner itself has unmapped or discarded the page. `kind` is "pin", "get"
    or "splice". `forked`: the owner forked since (FOLL_GET promises nothing from then on).
    """

    owner: int
    process: str
    kind: str
    write: bool
    longterm: bool
    fast: bool
    pages: tuple[tuple[int, int], ...]
    birth: int
    forked: bool = False


class Config(Struct, frozen=True, gc=False):
    """The knobs of a scenario's header. `swap` is "zram", "file" or "none"; sizes in base pages."""

    huge: int = 512
    swap: str = "zram"
    slots: int = 1024
    cpus: int = 2
    memory: int = 65536


class Machine(Struct, frozen=True, gc=False):
    """Everything an operation may read or change. Two equal machines behave alike for ever.

    `ghosts[mm][vpn]` is the ideal machine beside the real one: the version that this mm must see
    if fork had copied eagerly (`semantics.md` section 4). `lru` holds, per CPU, what its
    batches hold, in order: a pfn for lru_add, (pfn, name) for the others.
    """

    config: Config
    processes: Map[str, Process]
    mms: Map[int, Mm]
    tables: Map[int, PageTable]
    ghosts: Map[int, Map[int, Version]]
    folios: Map[int, Folio]
    slots: Map[int, Slot]
    handles: Map[str, Handle]
    inodes: Map[tuple[int, int], int]
    lru: tuple[tuple[int | tuple[int, str], ...], ...]
    next_pfn: int = 0
    next_slot: int = 0
    next_mm: int = 1
    next_inode: int = 0
    clock: int = 1
    copies: int = 0


def boot(config: Config, first: str) -> Machine:
    """One process with nothing mapped, on CPU 0."""
    return Machine(
        config=config,
        processes=Map({first: Process(0)}),
        mms=Map({0: Mm(Map())}),
        tables=Map({0: Map()}),
        ghosts=Map({0: Map()}),
        folios=Map(),
        slots=Map(),
        handles=Map(),
        inodes=Map(),
        lru=((),) * config.cpus,
    )
