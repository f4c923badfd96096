"""Labels of frames and slots, and the names of mms and pages in a scenario's words."""

from __future__ import annotations

from app.engine.state import ZERO_PFN, Machine


def frame_label(pfn: int) -> str:
    """Frames are numbered in order of first appearance, which is that of their allocation."""
    return "zero" if pfn == ZERO_PFN else f"f{pfn}"


def slot_label(slot: int) -> str:
    return f"s{slot}"


class Names:
    """Who an mm and a page are, in the scenario's words.

    `ledgers` keeps those of large folios, by head: each page of one tells the same.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.ledgers: dict[int, list[dict[str, object]]] = {}
        self.process: dict[int, str] = {}
        for name in process_order(machine):
            self.process.setdefault(machine.processes[name].mm, name)

    def place(self, mm: int, vpn: int, count: int = 1) -> str:
        """`A.buf[0]` or `A.buf[0:512]`, or "" for what is not mapped in a live process any more."""
        if mm not in self.machine.mms:
            return ""
        for name, area in self.machine.mms[mm].areas.items():
            if area.start <= vpn < area.start + area.pages:
                page = vpn - area.start
                pages = f"{page}:{page + count}" if count > 1 else f"{page}"
                return f"{self.process.get(mm, '?')}.{name}[{pages}]"
        return ""


def process_order(machine: Machine) -> list[str]:
    """Live processes in order of creation."""
    alive = [(p.order, name) for name, p in machine.processes.items() if p.mm >= 0]
    return [name for _, name in sorted(alive)]


def until(label: str | None, count: int) -> str | None:
    """`count` consecutive labels, end exclusive: f4:f512."""
    if label is None or label in ("zero", "hzero"):
        return label
    return f"{label}:{label[0]}{int(label[1:]) + count}"
