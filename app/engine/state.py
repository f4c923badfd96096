"""What the machine remembers: frozen values, and the one frozen `Machine` that holds them all.

The model follows `semantics.md` section 1. A virtual page number (vpn) and a page frame number
(pfn) are plain integers; pfns and slot numbers are handed out in order and never used again, so
that a frame keeps its name for a whole run.
"""

from __future__ import annotations

from immutables import Map
from msgspec import Struct

from .entries import HUGE_ZERO as HUGE_ZERO
from .entries import TABLE as TABLE
from .entries import ZERO as ZERO
from .entries import Entry as Entry
from .entries import HugeZero as HugeZero
from .entries import Marker as Marker
from .entries import Migrating as Migrating
from .entries import Pmd as Pmd
from .entries import Present as Present
from .entries import Pte as Pte
from .entries import PteTable as PteTable
from .entries import Swapped as Swapped
from .entries import Zero as Zero
from .flight import Flight as Flight
from .folios import GUP_PIN_COUNTING_BIAS as GUP_PIN_COUNTING_BIAS
from .folios import ZEROES as ZEROES
from .folios import Compound as Compound
from .folios import Folio as Folio
from .folios import Memory as Memory
from .folios import Slot as Slot
from .folios import Version as Version
from .folios import exclusive_bit as exclusive_bit
from .folios import folio_of as folio_of
from .folios import mapcount as mapcount
from .folios import mappings as mappings
from .folios import ptes_of as ptes_of
from .pages import Pages as Pages
from .tables import PageTable as PageTable
from .tables import walk as walk

NOT_CACHED = -(1 << 40)
"""Stands in `Machine.inodes` for a page of a file that reclaim dropped from the page cache."""

ZERO_PFN = -1
"""Where a handle names the shared zero page. It is no folio: nobody counts its references."""


class Vma(Struct, frozen=True, gc=False):
    """A piece of a range with one protection and one set of flags: pages `lo` to `hi` (vpns).

    `anon_vma` is 0 until the first anonymous page, then names the anon_vma within its mm. After
    fork the child's has ancestors: anon_vma_chain is not singular (`ancestors`), and nobody adopts
    it any more. `account` is VM_ACCOUNT.
    """

    lo: int
    hi: int
    prot: str = "rw"
    shared: bool = False
    file: bool = False
    hugetlb: bool = False
    anon_vma: int = 0
    ancestors: bool = False
    account: bool = False
    dontfork: bool = False
    wipeonfork: bool = False
    locked: bool = False
    mergeable: bool = False
    thp: bool = False
    nohugepage: bool = False
    uffd_wp: bool = False
    uffd_sigbus: bool = False

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


def vma_of(area: Area, vpn: int) -> Vma | None:
    """The VMA of `area` that covers `vpn`, or None where it was unmapped."""
    for vma in area.vmas:
        if vma.lo <= vpn < vma.hi:
            return vma
    return None


class Mm(Struct, frozen=True, gc=False):
    """mm_struct: ranges, in `order` of creation. MMF_HAS_PINNED is sticky, and not inherited.

    `write_protect_seq` is odd while fork copies page tables (only `par` blocks can see it).
    """

    areas: Map[str, Area]
    order: tuple[str, ...] = ()
    has_pinned: bool = False
    users: int = 1
    next_vpn: int = 0
    write_protect_seq: int = 0


def inode_of(mm: Mm, vpn: int) -> tuple[int, int] | None:
    """(inode, page) of the shared memory or the file that is mapped there, or None."""
    for area in mm.areas.values():
        if area.start <= vpn < area.start + area.pages and area.inode >= 0:
            return area.inode, vpn - area.start + area.offset
    return None


class Process(Struct, frozen=True, gc=False):
    """A task. After its exit `mm` is -1. `order` counts processes in order of creation."""

    mm: int
    order: int = 0
    cpu: int = 0
    parent: str = ""
    vfork: bool = False


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
    batches hold, in order: a pfn for lru_add, (pfn, name) for the others. `flights` are the lines
    of the `par` block that runs.
    """

    config: Config
    processes: Map[str, Process]
    mms: Map[int, Mm]
    tables: Map[int, PageTable]
    ghosts: Map[int, Pages[Version]]
    folios: Pages[Folio]
    compounds: Map[int, Compound]
    slots: Pages[Slot]
    handles: Map[str, Handle]
    inodes: Map[tuple[int, int], int]
    lru: tuple[tuple[int | tuple[int, str], ...], ...]
    next_pfn: int = 0
    next_slot: int = 0
    next_mm: int = 1
    next_inode: int = 0
    clock: int = 1
    copies: int = 0
    flights: tuple[Flight, ...] = ()


def boot(config: Config, first: str) -> Machine:
    """One process with nothing mapped, on CPU 0."""
    table: PageTable = Map()
    ghosts: Pages[Version] = Map()
    return Machine(
        config=config,
        processes=Map({first: Process(0)}),
        mms=Map({0: Mm(Map())}),
        tables=Map({0: table}),
        ghosts=Map({0: ghosts}),
        folios=Map(),
        compounds=Map(),
        slots=Map(),
        handles=Map(),
        inodes=Map(),
        lru=((),) * config.cpus,
    )
