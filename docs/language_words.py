"""What each form of the grammar stands for, by its name there; a test holds the two together."""

HEADERS = {
    "title": "its name",
    "group": "where the gallery lists it",
    "tags": "words to find it by, with commas",
    "summary": "Markdown; may be repeated, the lines join",
    "policy": "the policy that it is played under by default",
    "huge": "base pages of a PMD-sized folio: a power of two, 2 to 512 (512)",
    "swap": "`zram` (the default: synchronous), `file` or `none`; a number of slots may follow (1024)",
    "cpus": "processors (2)",
    "memory": "frames (65536)",
}

SECTIONS = {
    "steps of a process": "What a process does. A *place* is `buf` (all of a range), `buf[3]` (one "
    "page) or `buf[0:4]` (half-open, in pages).",
    "steps of a handle": "What the device, the pipe or the driver behind a reference does: on page "
    "`i` of what it holds, 0 by default.",
    "steps of the kernel": "What the kernel does by itself. A page that may not be touched stays, "
    "and the step says why.",
    "expectations": "They never change the state; each is reported as met or not, with what was "
    "found. `expect A buf[0] is 7` looks at memory without a fault. `note TEXT` is shown at its "
    "step.",
    "what a step names": "",
    "par": "The indented lines of a `par` block run at the same time, one line an actor. `order:` "
    "says which of them does its next micro-step; without it they run one after the other.",
}

WORDS = {
    "mmap": "a new mapping of N base pages, private anonymous and read-write",
    "write": "a store to every page of the place",
    "read": "a load from every page; the outcome is the last page's value",
    "fork": "B becomes a child of A",
    "vfork": "B shares A's address space until it exits or execs",
    "exit": "the address space is torn down",
    "exec": "the address space is replaced by an empty one",
    "munmap": "the place is unmapped",
    "mprotect": "another protection",
    "mremap": "the pages move to a new range",
    "madvise": "advice to the kernel",
    "mlock": "the pages are faulted in and stay in memory",
    "munlock": "they may go again",
    "pin": "FOLL_PIN; `rw long slow` by default, as io_uring's registered buffers, RDMA and VFIO",
    "get": "FOLL_GET; `ro slow` by default",
    "splice": "vmsplice into a pipe: a read-only FOLL_GET reference",
    "ptrace_write": "A writes into B with FOLL_FORCE, as through `/proc/PID/mem`",
    "ptrace_read": "A reads from B with FOLL_FORCE",
    "vm_write": "process_vm_writev(): a short read-write pin in B",
    "vm_read": "process_vm_readv(): a short read-only pin in B",
    "dio_write": "an O_DIRECT write *from* the page: a short read-only pin",
    "dio_read": "an O_DIRECT read *into* the page: a short read-write pin",
    "cpu": "A runs on CPU N from here on",
    "uffd_wp": "userfaultfd write protection, asynchronous; `sigbus`: a write is a SIGBUS",
    "clear_refs": "write-protects for soft-dirty tracking",
    "handle_read": "reads through the handle",
    "handle_write": "writes through the handle",
    "handle_release": "drops the reference",
    "swapout": "MADV_PAGEOUT by A: what is shared, pinned or locked stays",
    "reclaim": "reclaim through the reverse map: shared pages go out, too",
    "swapcache": "the page enters the swap cache and stays mapped",
    "migrate": "compaction moves the page to another frame",
    "ksm": "one merge pass over all mergeable ranges",
    "split": "the folio is split",
    "split_pmd": "only the PMD mapping is split",
    "collapse": "khugepaged collapses the range",
    "drain": "the per-CPU LRU batches are drained: each holds a reference",
    "hold": "N references by nobody in particular: what makes counts lie",
    "unhold": "they go again",
    "expect_value": "what the step before read",
    "expect_error": "the signal or error number of the step before",
    "expect_memory": "what A's memory holds",
    "expect_page": "a word about the page",
    "expect_count": "a count of its frame, or of its swap slot",
    "expect_same": "one frame for both",
    "expect_coherent": "the handle and the process see one page",
    "expect_copies": "pages copied so far",
    "expect_violation": "this property is violated by now",
    "expect_none": "none is",
    "whole": "a whole range",
    "one": "one page of it",
    "slice": "pages from the first number up to, not including, the second",
}
