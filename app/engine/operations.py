"""What a scenario can ask the machine to do: one frozen value per step of the language.

The words are those of the scenario language; `app.scenario` compiles text to these values and
checks everything that can be checked without running (names, sizes, handles).
"""

from __future__ import annotations

from msgspec import Struct


class Place(Struct, frozen=True):
    """Pages `lo` to `hi` (half-open, counted from the range's first page) of range `area`."""

    area: str
    lo: int
    hi: int

    def __str__(self) -> str:
        pages = str(self.lo) if self.hi == self.lo + 1 else f"{self.lo}:{self.hi}"
        return f"{self.area}[{pages}]"


class Operation(Struct, frozen=True):
    """One step. `actor` is a process, a handle or "kernel"."""

    actor: str


class Mmap(Operation, frozen=True):
    """mmap(2). `prot` is "rw", "r" or "none", as /proc/PID/maps shows it."""

    area: str
    pages: int
    prot: str = "rw"
    shared: bool = False
    file: bool = False
    thp: bool = False
    hugetlb: bool = False
    populate: bool = False


class Write(Operation, frozen=True):
    """A store of `value` to the first byte of every page of `place`, in order."""

    place: Place
    value: int


class Read(Operation, frozen=True):
    """A load from every page of `place`, in order."""

    place: Place


class Fork(Operation, frozen=True):
    child: str


class Vfork(Operation, frozen=True):
    child: str


class Exit(Operation, frozen=True):
    pass


class Exec(Operation, frozen=True):
    pass


class Munmap(Operation, frozen=True):
    place: Place


class Mprotect(Operation, frozen=True):
    place: Place
    prot: str


class Mremap(Operation, frozen=True):
    place: Place
    target: str


class Madvise(Operation, frozen=True):
    """`advice` is the language's word: dontneed, free, pageout, cold, dontfork, ..."""

    place: Place
    advice: str


class Mlock(Operation, frozen=True):
    place: Place


class Munlock(Operation, frozen=True):
    place: Place


class Pin(Operation, frozen=True):
    """pin_user_pages(): FOLL_PIN references, held by `handle` until it is released."""

    place: Place
    handle: str
    write: bool = True
    longterm: bool = True
    fast: bool = False


class Get(Operation, frozen=True):
    """get_user_pages(): FOLL_GET references, held by `handle` until it is released."""

    place: Place
    handle: str
    write: bool = False
    fast: bool = False


class Splice(Operation, frozen=True):
    """vmsplice(2) into a pipe: read-only FOLL_GET references through GUP-fast."""

    place: Place
    handle: str


class PtraceWrite(Operation, frozen=True):
    """Store into `target`'s memory through /proc/PID/mem: FOLL_FORCE | FOLL_WRITE | FOLL_GET."""

    target: str
    place: Place
    value: int


class PtraceRead(Operation, frozen=True):
    """Load from `target`'s memory through /proc/PID/mem: FOLL_FORCE | FOLL_GET."""

    target: str
    place: Place


class VmRead(Operation, frozen=True):
    """process_vm_readv(2): a transient read-only FOLL_PIN in `target`."""

    target: str
    place: Place


class VmWrite(Operation, frozen=True):
    """process_vm_writev(2): a transient read-write FOLL_PIN in `target`."""

    target: str
    place: Place
    value: int


class DioWrite(Operation, frozen=True):
    """O_DIRECT write(2) from the pages: a transient read-only FOLL_PIN, GUP-fast."""

    place: Place


class DioRead(Operation, frozen=True):
    """O_DIRECT read(2) into the pages: a transient read-write FOLL_PIN, GUP-fast."""

    place: Place
    value: int


class Cpu(Operation, frozen=True):
    """The actor runs on CPU `cpu` from here on."""

    cpu: int


class UffdWp(Operation, frozen=True):
    """userfaultfd write protection; `sigbus` is UFFD_FEATURE_SIGBUS instead of the async mode."""

    place: Place
    on: bool
    sigbus: bool = False


class ClearRefs(Operation, frozen=True):
    pass


class HandleRead(Operation, frozen=True):
    """The device behind handle `actor` reads page `page` of it."""

    page: int = 0


class HandleWrite(Operation, frozen=True):
    """The device behind handle `actor` writes `value` to page `page` of it."""

    value: int
    page: int = 0


class HandleRelease(Operation, frozen=True):
    pass


class Swapout(Operation, frozen=True):
    """madvise(MADV_PAGEOUT) by `process`."""

    process: str
    place: Place


class Reclaim(Operation, frozen=True):
    """Reclaim of these pages through the reverse map, from everybody who maps them."""

    process: str
    place: Place


class Swapcache(Operation, frozen=True):
    """Only add_to_swap(): the pages stay mapped."""

    process: str
    place: Place


class Migrate(Operation, frozen=True):
    process: str
    place: Place


class Ksm(Operation, frozen=True):
    """One full KSM merge pass over the mergeable ranges."""


class Split(Operation, frozen=True):
    process: str
    place: Place


class SplitPmd(Operation, frozen=True):
    process: str
    place: Place


class Collapse(Operation, frozen=True):
    process: str
    place: Place


class Drain(Operation, frozen=True):
    """lru_add_drain_all()."""


class Hold(Operation, frozen=True):
    """`count` speculative references on one page, by nobody in particular."""

    process: str
    place: Place
    count: int


class Unhold(Operation, frozen=True):
    """Drop every speculative reference on one page."""

    process: str
    place: Place


class Par(Operation, frozen=True):
    """Concurrent operations without a schedule: one line after the other."""

    lines: tuple[Operation, ...]


class Micro(Operation, frozen=True):
    """One micro-step of line `line` (from 1) of a `par` block with a schedule.

    `lines` is the whole block in its first micro-step, and empty in the others.
    """

    line: int
    lines: tuple[Operation, ...] = ()


class Join(Operation, frozen=True):
    """The end of a schedule: what is still on its way runs to its end, line after line."""
