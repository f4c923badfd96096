"""Truth: every recorded trace agrees in every step, those of the package and those given.

`COWSCOPE_GOLDEN` names a folder of further traces.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.trace import conform_file
from app.trace.conform import Conformance
from app.trace.recorded import recordings
from tests.replayed import replayed

FOLDER = os.environ.get("COWSCOPE_GOLDEN", "")
MORE = sorted(Path(FOLDER).glob("**/*.json")) if FOLDER else []
GROUPS = sorted({recording.group for recording in recordings()})


def agrees(found: Conformance) -> None:
    assert found.refused is None, (found.name, found.refused)
    assert found.mismatch is None, (found.name, found.mismatch)
    assert found.differing == ()
    assert found.agreeing == found.steps


@pytest.mark.parametrize("group", GROUPS)
def test_every_step_of_every_trace_agrees(group: str) -> None:
    for done in replayed():
        if done.recording.group == group:
            agrees(done.found)


@pytest.mark.skipif(not MORE, reason="COWSCOPE_GOLDEN names no folder of traces")
@pytest.mark.parametrize("path", MORE, ids=[f"{p.parent.name}/{p.stem}" for p in MORE])
def test_every_step_of_a_given_trace_agrees(path: Path) -> None:
    agrees(conform_file(path))
