"""Histories of what readers select, computed when somebody first asks, and kept."""

from __future__ import annotations

from msgspec import Struct

from app.service.cache import KeptByWeight
from app.service.runs import LoadedRun
from app.trace.history import History, history_of
from app.trace.reading import shown
from app.trace.subject import BadSelection, Directory, Subject, directory_of, parse_subject

from .view import MAX_WATCHED, View

KEPT_STEPS = 400_000
"""Steps of histories in memory, over all runs: a step that changed nothing costs a pointer."""

TELLING = {
    "frame": "ref", "page": "frame", "slot": "count", "handle": "values", "process": "pinned",
}  # fmt: skip
"""The field that one would watch of each kind of thing."""


class Watched(Struct, frozen=True):
    """A watched field over all steps: (step, value) for each change, and the link to drop it.

    `lives` are the steps, inclusive, between which the thing exists.
    """

    subject: str
    words: str
    values: tuple[tuple[int, str], ...]
    without: str


class Blame:
    """Answers who wrote what, for all runs of this process."""

    def __init__(self) -> None:
        self._directories: KeptByWeight[str, Directory] = KeptByWeight(1024, lambda _: 1)
        self._histories: KeptByWeight[tuple[str, Subject], History] = KeptByWeight(
            KEPT_STEPS, lambda history: len(history.states)
        )

    def subject(self, loaded: LoadedRun, name: str) -> Subject:
        """Raises app.trace.subject.BadSelection."""
        return parse_subject(name, self.directory(loaded))

    def directory(self, loaded: LoadedRun) -> Directory:
        known = self._directories.get(loaded.id)
        if known is None:
            known = directory_of(loaded.run)
            self._directories.put(loaded.id, known)
        return known

    def history(self, loaded: LoadedRun, subject: Subject) -> History:
        key = (loaded.id, subject.whole)
        known = self._histories.get(key)
        if known is None:
            known = history_of(loaded.run, subject)
            self._histories.put(key, known)
        return known

    def watched(
        self, loaded: LoadedRun, view: View
    ) -> tuple[tuple[Watched, ...], tuple[BadSelection, ...]]:
        """The watched fields, and what is wrong with those that there are not."""
        found, bad = [], []
        for name in view.watch[:MAX_WATCHED]:
            try:
                subject = self.subject(loaded, name)
                if not subject.field:
                    raise BadSelection(name, f"Watch a field of {name}, not all of it.", [name])
            except BadSelection as error:
                near = [self.subject(loaded, other) for other in error.near]
                fields = [str(one if one.field else one.of(TELLING[one.kind])) for one in near]
                bad.append(BadSelection(name, str(error), fields))
                continue
            history = self.history(loaded, subject)
            found.append(
                Watched(
                    subject=str(subject),
                    words=subject.words,
                    values=tuple(
                        (step, value_at(history, step, subject.field))
                        for step in history.writes_of(subject.field)
                    ),
                    without=",".join(other for other in view.watch if other != name),
                )
            )
        return tuple(found), tuple(bad)


def value_at(history: History, step: int, field: str) -> str:
    """As printed; "" where the thing does not exist."""
    values = history.at(step)
    return "" if values is None or field not in values else shown(values[field])
