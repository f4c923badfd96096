"""What a reason is."""

from __future__ import annotations

from msgspec import Struct


class Reason(Struct, frozen=True):
    """One decision.

    kind      what happened: fault, decide, copy, reuse, install, share, clear, keep, swap, ...
    rule      the rule that decided, as `cowscope policies` names it, or "" where all kernels agree
    function  the kernel function in which it is decided
    decision  a sentence; `{f}` the frame, `{to}` a second frame, `{place}` the page, `{s}` a slot
    because   the rule with its numbers: `{0}` `{1}` ... and `{folio.refcount}` and the like
    source    file, and commit or release, where that rule stands
    """

    kind: str
    rule: str
    function: str
    decision: str
    because: str
    source: str
