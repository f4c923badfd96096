"""Truth: every recorded trace agrees in every step."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.trace import conform_file

GOLDEN = Path(os.environ.get("COWSCOPE_GOLDEN", Path(__file__).parents[3] / "shared" / "golden"))
TRACES = sorted(GOLDEN.glob("*/*.json")) if GOLDEN.is_dir() else []

pytestmark = pytest.mark.skipif(
    not TRACES, reason=f"no golden traces in {GOLDEN} (set COWSCOPE_GOLDEN)"
)


@pytest.mark.parametrize("path", TRACES, ids=[f"{p.parent.name}/{p.stem}" for p in TRACES])
def test_every_step_agrees(path: Path) -> None:
    found = conform_file(path)
    assert found.refused is None, found.refused
    assert found.mismatch is None, found.mismatch
    assert found.agreeing == found.steps
