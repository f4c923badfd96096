"""How much work a scenario is, before any of it is played."""

from __future__ import annotations

from app.engine.operations import Exec, Exit, Fork, Mmap, Munmap, Operation, Par, Vfork
from app.scenario import Scenario


class TooMuchWork(Exception):
    """The scenario maps too many pages for too many steps; `work` and `limit` are page-steps."""

    def __init__(self, work: int, limit: int) -> None:
        super().__init__(
            f"The scenario is too much work: its mapped pages, summed over its steps, come to "
            f"{work:,}, the limit page-steps is {limit:,}. Map fewer pages or take fewer steps."
        )
        self.work = work
        self.limit = limit


class Mapped:
    """Pages that each process maps at most, followed through the operations."""

    def __init__(self) -> None:
        self.pages: dict[str, int] = {}

    def after(self, op: Operation) -> int:
        """Pages over all processes once `op` is done."""
        match op:
            case Mmap(actor=actor, pages=pages):
                self.pages[actor] = self.pages.get(actor, 0) + pages
            case Fork(actor=actor, child=child):
                self.pages[child] = self.pages.get(actor, 0)
            case Vfork(child=child):
                self.pages[child] = 0
            case Munmap(actor=actor, place=place):
                self.pages[actor] = max(0, self.pages.get(actor, 0) - (place.hi - place.lo))
            case Exit(actor=actor) | Exec(actor=actor):
                self.pages[actor] = 0
            case Par(lines=lines):
                for line in lines:
                    self.after(line)
        return sum(self.pages.values())


def page_steps(scenario: Scenario) -> int:
    """The scenario's mapped pages summed over its steps; a step counts as one page at least."""
    mapped = Mapped()
    return sum(max(1, mapped.after(step.op)) for step in scenario.steps)
