"""Witnesses: what a Linux 6.18 did in corners that its golden traces do not reach.

`witnesses.jsonl.xz` is packed by `python -m app.trace.recorded FOLDER FILE`. Those that the engine
once got wrong were played until five runs agreed, the others once.
"""

from __future__ import annotations

import lzma
from pathlib import Path

import msgspec
import pytest

from app.trace.conform import conform

PACKED = Path(__file__).parent / "witnesses.jsonl.xz"
DOCUMENTS = [
    msgspec.json.decode(line) for line in lzma.decompress(PACKED.read_bytes()).splitlines()
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d["scenario"]["name"])
def test_every_step_agrees(document: dict[str, object]) -> None:
    found = conform(document, "linux")
    assert found.refused is None
    assert found.mismatch is None
    assert found.agreeing == found.steps
