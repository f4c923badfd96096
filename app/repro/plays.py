"""Each step of the language as calls of the C parts, in the process that does it for real."""

from __future__ import annotations

from msgspec import Struct

from app.engine import operations as ops
from app.engine.operations import Operation, Place
from app.engine.state import Config, Machine, Present, walk

from .sizes import PMD_PAGES

OBSERVER = "OBSERVER"
PIPE = 256
"""Pages that a pipe of an unprivileged user may hold."""
MOST_HELD = 32 * PIPE
"""References that a few pipes can hold."""

PROT = {"rw": "PROT_READ | PROT_WRITE", "r": "PROT_READ", "none": "PROT_NONE"}
UNLESS_SWAP = {
    "zram": ("swap_zram", "unless_zram"),
    "file": ("swap_file", "unless_file"),
    "none": ("swap_none", "unless_swapless"),
}
MICRO_STEPS = "user space cannot schedule the kernel's micro-steps"
SHORT = "a short-term pin does not outlast its system call"
GET_WRITE = "nothing in user space keeps a FOLL_GET reference for writing"
SWAP_CACHE = "only the kernel can put a page into the swap cache and leave it mapped"
LIMITED = "the machine of the scenario has other limits than this one"
TWO_MODES = "one userfaultfd has one mode, and this process has used the other one"


class Act(Struct, frozen=True):
    """`body` is C in which `a` is the answer; `other` the process that it names as well."""

    who: str
    body: str
    other: str = OBSERVER


class Play(Struct, frozen=True):
    """How a step is played: acts in order, or why not.

    parts       pieces of C that the acts need
    skip        why user space cannot play it
    unless      the C function that says why this machine cannot
    child, gone a process that begins or ends
    handles     handles that are made
    opaque      what follows is the same whether it was played or not
    moves       pages that the step does not name may get another frame
    """

    acts: tuple[Act, ...] = ()
    parts: tuple[str, ...] = ()
    skip: str = ""
    unless: str = ""
    child: str = ""
    gone: str = ""
    handles: tuple[str, ...] = ()
    opaque: bool = False
    moves: bool = False


def spot(place: Place) -> str:
    return f"at(AREA_{place.area}, {place.lo}), {place.hi - place.lo}"


def whole(place: Place) -> str:
    return f"at(AREA_{place.area}, {place.lo}), {place.hi - place.lo} * PAGE"


def registered(before: Machine, mm: int, place: Place) -> str:
    """The whole of the mappings that some of the pages are in: where userfaultfd is registered."""
    area = before.mms[mm].areas.get(place.area) if mm in before.mms else None
    vmas = area.vmas if area is not None else ()
    first = area.start if area is not None else 0
    under = [v for v in vmas if v.lo < first + place.hi and first + place.lo < v.hi]
    lo = min((v.lo - first for v in under), default=place.lo)
    hi = max((v.hi - first for v in under), default=place.hi)
    return f"at(AREA_{place.area}, {lo}), {hi - lo}"


class Players:
    """Makes the plays of one scenario, step after step."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.kinds: dict[str, str] = {}
        self.holds: dict[str, int] = {}
        self.modes: dict[int, bool] = {}

    def play(self, op: Operation, before: Machine, error: str | None) -> Play:
        if isinstance(op, ops.Par):
            return self.block(op, before, error)
        verb = getattr(self, type(op).__name__.lower())
        found: Play = verb(op, before, error)
        return found

    def block(self, op: ops.Par, before: Machine, error: str | None) -> Play:
        """Without a schedule: one line after the other."""
        lines = [self.play(line, before, error) for line in op.lines]
        if any(line.child or line.gone or line.handles or line.unless for line in lines):
            return Play(skip="a process or a handle that begins in a par block")
        return Play(
            tuple(act for line in lines for act in line.acts),
            tuple(part for line in lines for part in line.parts),
            next((line.skip for line in lines if line.skip), ""),
            moves=any(line.moves for line in lines),
        )

    def micro(self, op: ops.Micro, before: Machine, error: str | None) -> Play:
        return Play(skip=MICRO_STEPS)

    def join(self, op: ops.Join, before: Machine, error: str | None) -> Play:
        return Play(skip=MICRO_STEPS)

    # -- steps of a process -------------------------------------------------------------------

    def mmap(self, op: ops.Mmap, before: Machine, error: str | None) -> Play:
        prot = PROT[op.prot]
        share = "MAP_SHARED" if op.shared else "MAP_PRIVATE"
        populate = " | MAP_POPULATE" if op.populate else ""
        area, who = f"AREA_{op.area}, {op.pages}", f"PROC_{op.actor}"
        if op.file:
            body = f"map_file(a, {area}, {prot}, {share}{populate});"
            return Play((Act(who, body),), ("map_file",))
        if op.thp:
            how = "MADV_POPULATE_WRITE" if op.prot == "rw" else "MADV_POPULATE_READ"
            later = how if op.populate else "0"
            body = f"map_huge(a, {area}, {prot}, {share} | MAP_ANONYMOUS, {later});"
            return Play((Act(who, body),), ("map_huge", "unless_thp"), unless="unless_thp")
        huge = " | MAP_HUGETLB" if op.hugetlb else ""
        body = f"map(a, {area}, {prot}, {share} | MAP_ANONYMOUS{huge}{populate}, -1);"
        unless = "unless_hugetlb" if op.hugetlb else "unless_thp" if op.pages >= PMD_PAGES else ""
        return Play((Act(who, body),), ("map", *filter(None, (unless,))), unless=unless)

    def call(self, op: Operation, body: str, *parts: str) -> Play:
        return Play((Act(f"PROC_{op.actor}", body),), parts)

    def write(self, op: ops.Write, before: Machine, error: str | None) -> Play:
        return self.call(op, f"access_pages(a, {spot(op.place)}, {op.value});", "access")

    def read(self, op: ops.Read, before: Machine, error: str | None) -> Play:
        return self.call(op, f"access_pages(a, {spot(op.place)}, -1);", "access")

    def fork(self, op: ops.Fork, before: Machine, error: str | None) -> Play:
        child = f"PROC_{op.child}"
        return Play((Act(f"PROC_{op.actor}", f"do_fork(a, {child});"),), ("fork",), child=child)

    def vfork(self, op: ops.Vfork, before: Machine, error: str | None) -> Play:
        child = f"PROC_{op.child}"
        return Play((Act(f"PROC_{op.actor}", f"do_vfork(a, {child});"),), ("vfork",), child=child)

    def exit(self, op: ops.Exit, before: Machine, error: str | None) -> Play:
        who = f"PROC_{op.actor}"
        return Play((Act(who, f"(void)a;\n\tend({who});"),), ("end",), gone=who)

    def exec(self, op: ops.Exec, before: Machine, error: str | None) -> Play:
        who = f"PROC_{op.actor}"
        return Play((Act(who, f"replace(a, {who});"),), ("exec",))

    def munmap(self, op: ops.Munmap, before: Machine, error: str | None) -> Play:
        return self.call(op, f"done(a, munmap({whole(op.place)}));", "done")

    def mprotect(self, op: ops.Mprotect, before: Machine, error: str | None) -> Play:
        return self.call(op, f"done(a, mprotect({whole(op.place)}, {PROT[op.prot]}));", "done")

    def mremap(self, op: ops.Mremap, before: Machine, error: str | None) -> Play:
        size = f"{op.place.hi - op.place.lo} * PAGE"
        to = f"MREMAP_MAYMOVE | MREMAP_FIXED, at(AREA_{op.target}, 0)"
        body = (
            f"if (mremap({whole(op.place)}, {size},\n\t\t   {to}) == MAP_FAILED)\n"
            "\t\ta->error = errno;"
        )
        return self.call(op, body)

    def madvise(self, op: ops.Madvise, before: Machine, error: str | None) -> Play:
        body = f"done(a, madvise({whole(op.place)}, MADV_{op.advice.upper()}));"
        found = self.call(op, body, "done")
        return self.to_swap(found) if op.advice == "pageout" else found

    def to_swap(self, found: Play) -> Play:
        """A step that needs the swap of the scenario, and nothing but it."""
        if self.config.slots != Config().slots:
            return Play(skip=LIMITED)
        part, unless = UNLESS_SWAP[self.config.swap]
        return Play(found.acts, (*found.parts, part), unless=unless)

    def mlock(self, op: ops.Mlock, before: Machine, error: str | None) -> Play:
        return self.call(op, f"done(a, mlock({whole(op.place)}));", "done")

    def munlock(self, op: ops.Munlock, before: Machine, error: str | None) -> Play:
        return self.call(op, f"done(a, munlock({whole(op.place)}));", "done")

    def ptracewrite(self, op: ops.PtraceWrite, before: Machine, error: str | None) -> Play:
        return self.remote(op, "mem", op.value)

    def ptraceread(self, op: ops.PtraceRead, before: Machine, error: str | None) -> Play:
        return self.remote(op, "mem", -1)

    def vmwrite(self, op: ops.VmWrite, before: Machine, error: str | None) -> Play:
        return self.remote(op, "vm", op.value)

    def vmread(self, op: ops.VmRead, before: Machine, error: str | None) -> Play:
        return self.remote(op, "vm", -1)

    def remote(
        self, op: ops.PtraceWrite | ops.PtraceRead | ops.VmWrite | ops.VmRead, how: str, value: int
    ) -> Play:
        body = f"through_{how}(a, {spot(op.place)}, {value});"
        return Play((Act(f"PROC_{op.actor}", body, f"PROC_{op.target}"),), (how,))

    def diowrite(self, op: ops.DioWrite, before: Machine, error: str | None) -> Play:
        return self.call(op, f"direct(a, {spot(op.place)}, -1);", "dio")

    def dioread(self, op: ops.DioRead, before: Machine, error: str | None) -> Play:
        return self.call(op, f"direct(a, {spot(op.place)}, {op.value});", "dio")

    def cpu(self, op: ops.Cpu, before: Machine, error: str | None) -> Play:
        return self.call(op, f"choose_cpu(a, {op.cpu});", "cpus")

    def uffdwp(self, op: ops.UffdWp, before: Machine, error: str | None) -> Play:
        mm = before.processes[op.actor].mm if op.actor in before.processes else -1
        if self.modes.setdefault(mm, op.sigbus) != op.sigbus:
            return Play(skip=TWO_MODES)
        features = "UFFD_FEATURE_SIGBUS" if op.sigbus else "WP_ASYNC"
        to = registered(before, mm, op.place)
        body = (
            f"protect(a, {spot(op.place)}, {int(op.on)}, {features} | WP_UNPOPULATED,\n\t\t{to});"
        )
        return self.call(op, body, "uffd")

    def clearrefs(self, op: ops.ClearRefs, before: Machine, error: str | None) -> Play:
        return self.call(op, "clear_refs(a);", "clear_refs")

    # -- handles ------------------------------------------------------------------------------

    def pin(self, op: ops.Pin, before: Machine, error: str | None) -> Play:
        """R/W: io_uring's registered buffers. Read-only: only mm/gup_test.c keeps such a pin."""
        if not op.longterm:
            return Play(skip=SHORT)
        if op.write:
            return self.taken(op, "ring", "open_ring", f"register_buffers(a, {spot(op.place)});")
        flags = 2 if op.fast else 0
        return self.taken(
            op, "gup_test", "open_test", f"pin_by_test(a, {spot(op.place)}, {flags});"
        )

    def get(self, op: ops.Get, before: Machine, error: str | None) -> Play:
        return Play(skip=GET_WRITE) if op.write else self.splice(op, before, error)

    def splice(self, op: ops.Splice | ops.Get, before: Machine, error: str | None) -> Play:
        return self.taken(op, "pipe", "open_pipe", f"splice_pages(a, {spot(op.place)}, 1);")

    def taken(self, op: ops.Pin | ops.Get | ops.Splice, kind: str, opens: str, take: str) -> Play:
        self.kinds[op.handle] = kind
        handle = f"HANDLE_{op.handle}"
        first = Act(OBSERVER, f"{opens}(a, &handles[{handle}], {spot(op.place)});")
        part = "splice" if kind == "pipe" else kind
        # A handle that still holds something is refused by the first act: no second one then.
        return Play((first, Act(f"PROC_{op.actor}", take)), (part,), handles=(handle,))

    def handleread(self, op: ops.HandleRead, before: Machine, error: str | None) -> Play:
        part, call = {
            "ring": ("ring_read", "ring_read"),
            "gup_test": ("test_read", "test_read"),
            "pipe": ("pipe_read", "look_into_pipe"),
        }[self.kinds[op.actor]]
        body = f"{call}(a, &handles[HANDLE_{op.actor}], {op.page});"
        return Play((Act(OBSERVER, body),), (part,), opaque=True)

    def handlewrite(self, op: ops.HandleWrite, before: Machine, error: str | None) -> Play:
        body = f"ring_write(a, &handles[HANDLE_{op.actor}], {op.page}, {op.value});"
        return Play((Act(OBSERVER, body),), ("ring_write",))

    def handlerelease(self, op: ops.HandleRelease, before: Machine, error: str | None) -> Play:
        body = f"release(a, &handles[HANDLE_{op.actor}]);"
        return Play((Act(OBSERVER, body),), ("release",))

    # -- steps of the kernel ------------------------------------------------------------------

    def swapout(self, op: ops.Swapout, before: Machine, error: str | None) -> Play:
        body = f"done(a, madvise({whole(op.place)}, MADV_PAGEOUT));"
        return self.to_swap(Play((Act(f"PROC_{op.process}", body),), ("done",)))

    def reclaim(self, op: ops.Reclaim, before: Machine, error: str | None) -> Play:
        body = f"reclaim(a, PROC_{op.process}, {spot(op.place)});"
        return self.to_swap(Play((Act(OBSERVER, body),), ("reclaim",)))

    def swapcache(self, op: ops.Swapcache, before: Machine, error: str | None) -> Play:
        return Play(skip=SWAP_CACHE)

    def migrate(self, op: ops.Migrate, before: Machine, error: str | None) -> Play:
        body = f"migrate(a, PROC_{op.process}, {spot(op.place)}, {error or 0});"
        return Play(
            (Act(OBSERVER, body),), ("migrate", "unless_root"), unless="unless_root", moves=True
        )

    def ksm(self, op: ops.Ksm, before: Machine, error: str | None) -> Play:
        return Play((Act(OBSERVER, "ksm_pass(a);"),), ("ksm", "unless_root"), unless="unless_root")

    def split(self, op: ops.Split, before: Machine, error: str | None) -> Play:
        body = f"split(a, PROC_{op.process}, {spot(op.place)});"
        return Play((Act(OBSERVER, body),), ("split", "unless_root"), unless="unless_root")

    def splitpmd(self, op: ops.SplitPmd, before: Machine, error: str | None) -> Play:
        body = f"split_pmd(a, {spot(op.place)});"
        return Play((Act(f"PROC_{op.process}", body),), ("split_pmd",))

    def collapse(self, op: ops.Collapse, before: Machine, error: str | None) -> Play:
        lo = op.place.lo - op.place.lo % PMD_PAGES
        hi = -(-op.place.hi // PMD_PAGES) * PMD_PAGES
        body = f"done(a, madvise({whole(Place(op.place.area, lo, hi))}, MADV_COLLAPSE));"
        return Play((Act(f"PROC_{op.process}", body),), ("done",))

    def drain(self, op: ops.Drain, before: Machine, error: str | None) -> Play:
        return Play((Act(OBSERVER, "drain(a);"),), ("drain",), opaque=True)

    def hold(self, op: ops.Hold, before: Machine, error: str | None) -> Play:
        """References by nobody in particular: a pipe's, which nobody ever reads."""
        folio = self.folio(op, before)
        if op.count > MOST_HELD:
            return Play(skip=f"pipes hold at most {MOST_HELD} references here")
        names, acts = [], []
        for done in range(0, op.count, PIPE):
            count = min(PIPE, op.count - done)
            name = f"HANDLE_HOLD{len(self.holds)}"
            self.holds[name] = folio
            names.append(name)
            room = f"at(AREA_{op.place.area}, {op.place.lo}), {count}"
            acts += [
                Act(OBSERVER, f"open_pipe(a, &handles[{name}], {room});"),
                Act(f"PROC_{op.process}", f"splice_pages(a, {spot(op.place)}, {count});"),
            ]
        return Play(tuple(acts), ("splice",), handles=tuple(names))

    def unhold(self, op: ops.Unhold, before: Machine, error: str | None) -> Play:
        folio = self.folio(op, before)
        names = [name for name, held in self.holds.items() if held == folio]
        for name in names:
            self.holds[name] = -1
        body = "\n\t".join(("(void)a;", *(f"drop(&handles[{name}]);" for name in names)))
        return Play((Act(OBSERVER, body),), ("handle",))

    def folio(self, op: ops.Hold | ops.Unhold, before: Machine) -> int:
        """The head of what is mapped there, or -1."""
        mm = before.processes[op.process].mm
        area = before.mms[mm].areas.get(op.place.area) if mm >= 0 else None
        if area is None:
            return -1
        pte = walk(before.tables[mm], before.config.huge, area.start + op.place.lo)
        if type(pte) is not Present:
            return -1
        head = before.folios[pte.pfn].head
        return pte.pfn if head < 0 else head
