"""The packed recordings, the facts that cite them, and that a comparison can fail."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from app.trace.conform import BadTrace, conform
from app.trace.recorded import CHAPTERS, RACES, load, recordings
from app.trace.recorded.__main__ import main
from app.trace.recorded.store import pack

KEYS = {recording.key: recording for recording in recordings()}
FACTS = [fact for chapter in CHAPTERS for fact in chapter.facts]


def test_two_hundred_traces_of_both_kinds_of_swap_are_there() -> None:
    assert len(KEYS) == len(recordings()) == 216
    assert sum(len(recording.steps) for recording in recordings()) == 2260
    assert {recording.swap for recording in recordings()} == {"zram", "file"}
    assert {recording.release for recording in recordings()} == {"6.18.44"}


def test_every_fact_is_shown_by_steps_that_are_there() -> None:
    assert [fact.number for fact in FACTS if fact.number] == [str(n) for n in range(1, 33)]
    for fact in FACTS:
        assert fact.sights, fact
        for key, step in fact.sights:
            assert 1 <= step <= len(KEYS[key].steps), (fact.number, key, step)


def test_the_races_are_those_with_fields_left_out() -> None:
    for key in RACES:
        assert KEYS[key].unstable


def claims(key: str, step: int) -> tuple[Any, Any, Any]:
    """Faults, value, and copies-or-not as a new frame at the first page of the actor's range."""
    outcome = load(key)["steps"][step - 1]["outcome"]
    return outcome.get("error"), outcome.get("faults"), outcome.get("value")


@pytest.mark.parametrize(
    ("key", "step", "expected"),
    [
        ("zram/fork-child-exits-parent-writes", 6, (None, 1, None)),
        ("zram/mprotect-exclusive-no-fault", 5, (None, 0, None)),
        ("zram/mprotect-exclusive-no-fault", 10, (None, 1, None)),
        ("zram/pin-ro-mapping-fails", 3, ("EFAULT", None, None)),
        ("zram/swap-exclusive-read-in", 5, (None, 0, None)),
        ("zram/hugetlb-splice-leak", 7, (None, None, 8)),
        ("zram/thp-collapse-nohugepage", 4, ("EINVAL", None, None)),
        ("zram/uffd-wp-unpopulated", 4, (None, 2, None)),
    ],
)
def test_the_kernel_did_what_the_facts_say(key: str, step: int, expected: object) -> None:
    assert claims(key, step) == expected


@pytest.mark.parametrize(
    ("where", "value", "field"),
    [
        (("outcome", "faults"), 7, "outcome.faults"),
        (("state", "processes", "A", "buf", 0, "kind"), "swap", "A.buf[0].kind"),
        (("state", "processes", "A", "buf", 0, "frame"), "f9", "A.buf[0].frame"),
        (("state", "frames", "f0", "mapcount"), 3, "frames.f0.mapcount"),
        (("state", "frames", "f0", "flags"), ["anon", "ksm"], "frames.f0.flags"),
    ],
)
def test_a_changed_recording_is_a_mismatch(where: tuple[Any, ...], value: Any, field: str) -> None:
    document = load("zram/fork-child-writes-first")
    spot = document["steps"][4]
    for key in where[:-1]:
        spot = spot[key]
    spot[where[-1]] = value
    found = conform(document, "linux")
    assert found.mismatch is not None
    assert found.mismatch.step == 5
    assert found.mismatch.field == field
    assert 5 in found.differing
    assert found.agreeing == found.steps - len(found.differing)


def test_a_policy_without_the_bit_is_compared_without_it() -> None:
    document = load("zram/fork-child-writes-first")
    assert conform(document, "refcount").ok
    assert not conform(load("zram/mprotect-exclusive-no-fault"), "refcount").ok


def test_packing_keeps_every_document_and_says_what_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "golden"
    folder.mkdir()
    for key in ("zram/fork-tree-7", "file/swap-fork-3"):
        (folder / f"{key.replace('/', '-')}.json").write_text(json.dumps(load(key)))
    target = tmp_path / "two.jsonl.xz"
    assert main([str(folder), str(target)]) == 0
    lines = lzma.decompress(target.read_bytes()).splitlines()
    assert [json.loads(line) for line in lines] == [
        load("file/swap-fork-3"),
        load("zram/fork-tree-7"),
    ]
    assert target.read_bytes() == pack(sorted(folder.glob("*.json")))

    (folder / "twice.json").write_text(json.dumps(load("zram/fork-tree-7")))
    assert main([str(folder), str(target)]) == 2
    assert "fork-tree-7 already" in capsys.readouterr().err
    (folder / "twice.json").write_text('{"schema": "trace/1"}')
    with pytest.raises(BadTrace, match="source"):
        pack(folder.glob("*.json"))
    simulated = load("zram/fork-tree-7")
    simulated["source"]["kind"] = "simulation"
    (folder / "twice.json").write_text(json.dumps(simulated))
    with pytest.raises(BadTrace, match="not recorded"):
        pack(folder.glob("*.json"))
    assert main([]) == 2
