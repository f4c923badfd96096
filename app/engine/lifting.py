"""userfaultfd's write protection, as a write fault meets it."""

from __future__ import annotations

from msgspec.structs import replace

from . import reasons
from .draft import Draft
from .outcome import Failed
from .state import Present, Pte, Vma, Zero


def lift(m: Draft, mm: int, vpn: int, vma: Vma, pte: Pte) -> Pte:
    """userfaultfd in asynchronous mode: the write itself lifts the protection."""
    if vma.uffd_sigbus:
        m.say(reasons.UFFD_SIGBUS, mm, vpn)
        raise Failed("SIGBUS", "write-protected by userfaultfd, with UFFD_FEATURE_SIGBUS")
    assert type(pte) is Present or type(pte) is Zero
    lifted = replace(pte, uffd_wp=False)
    m.set_pte(mm, vpn, lifted)
    m.say(reasons.UFFD_LIFTED, mm, vpn)
    return lifted
