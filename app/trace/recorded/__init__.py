"""What real kernels did: the recorded traces that the package brings along.

Each file `*.jsonl.xz` here holds `trace/1` documents, one a line. `python -m app.trace.recorded
FOLDER` packs a folder of recorded traces into one; nothing in them is changed.
"""

from .facts import CHAPTERS, RACES, Chapter, Fact
from .replay import Replayed, replay_all
from .store import Recording, load, recording_of, recordings

__all__ = [
    "CHAPTERS",
    "RACES",
    "Chapter",
    "Fact",
    "Recording",
    "Replayed",
    "load",
    "recording_of",
    "recordings",
    "replay_all",
]
