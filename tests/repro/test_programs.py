"""The C program of a scenario: it compiles without a warning, and a real kernel agrees with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from app import policies
from app.repro import Origin, TooManyPages, c_program, in_real_sizes
from app.scenario import Scenario, library, parse
from app.trace import play

CC = shutil.which("cc") or shutil.which("gcc")
LIBRARY = {shipped.slug: shipped.scenario for shipped in library()}
KERNEL = (6, 1)
"""Older ones have rules of their own, for which policy `linux` does not speak."""
LINE = re.compile(r"^(not ok|ok) (\d+) - (.*?)(?: # SKIP (.*))?$", re.MULTILINE)

EVERYTHING = """\
title: */ int x; /* "quotes" \\ ?? \u202ebidi
A mmap int 3
A write int 5
A vfork B
B exec
B mmap int 1
B write int 7
B read int
A write int[1] 6
A read int
A mprotect int[2] none
A read int
par
  A write int[0] 9
  A read int[1]
A mprotect int[2] rw
A fork C
C ptrace_write A int[0] 4
A vm_read C int[0]
C vm_write A int[0] 3
A dio_write int[0]
A dio_read int[0] 8
A read int[0]
C exit
A pin int[0:2] p
p write[1] 77
p read[1]
A read int[0:2]
p release
A mprotect int[0] r
A pin int[0] p
A get int[1] g
g read
g release
A mmap f 2 file
A read f
A write f[0] 3
A mmap s 2 shared populate
A write s 1
A munmap f[0]
A read f[0]
A mremap int[1:3] moved
A write moved 2
A uffd_wp moved on
A write moved 3
A mlock moved
A munlock moved
A madvise moved cold
A madvise moved dontneed
A read moved
kernel drain
A exec
A mmap int 2 populate
A exit
"""


def program(scenario: Scenario) -> str:
    return c_program(scenario, in_real_sizes(scenario), Origin("http://host/r/x/1", "refcount"))


def compiled(text: str, folder: Path) -> Path:
    if CC is None:
        pytest.skip("there is no C compiler here")
    source, binary = folder / "repro.c", folder / "repro"
    source.write_text(text)
    subprocess.run(
        [CC, "-Wall", "-Wextra", "-Werror", "-o", binary, source], check=True, capture_output=True
    )
    return binary


def played(binary: Path) -> list[tuple[str, str, str, str]]:
    """(ok or not ok, number, step, why it was skipped) of each line of its TAP."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if release is None or (int(release[1]), int(release[2])) < KERNEL:
        pytest.skip(f"this is Linux {os.uname().release}; the programs are held to {KERNEL}")
    done = subprocess.run([binary], cwd=binary.parent, capture_output=True, text=True, timeout=300)
    assert done.stderr == ""
    assert done.stdout.startswith("TAP version 13\n1..")
    lines = LINE.findall(done.stdout)
    assert not [line for line in lines if line[0] == "not ok"], done.stdout
    assert done.returncode == 0
    return lines


@pytest.mark.parametrize("slug", LIBRARY)
def test_a_shipped_scenario_compiles_and_its_kernel_agrees(slug: str, tmp_path: Path) -> None:
    scenario = LIBRARY[slug]
    text = program(scenario)
    assert text.count("\t\t.text = ") == len(scenario.steps)
    binary = compiled(text, tmp_path)
    # What is in another CPU's batch, anything on that CPU may drain.
    if "unless_" not in text and "choose_cpu" not in text:
        lines = played(binary)
        assert [int(number) for _, number, _, _ in lines] == [*range(1, len(scenario.steps) + 1)]


def test_every_kind_of_step_plays(tmp_path: Path) -> None:
    scenario = parse(EVERYTHING)
    lines = played(compiled(program(scenario), tmp_path))
    assert len(lines) == len(scenario.steps)
    assert lines[11][2] == "par; A write int[0] 9; A read int[1]"


def test_a_wrong_expectation_is_not_ok(tmp_path: Path) -> None:
    """A program that expects what no kernel does says what was found."""
    text = program(parse("A mmap buf 1\nA write buf 1\nA fork B\nA write buf 2\nB read buf\n"))
    assert text.count(".faults = 1,") == 2
    at = text.rindex(".faults = 1,", 0, text.rindex('"B read buf"'))
    text = text[:at] + ".faults = 0," + text[at + len(".faults = 1,") :]
    binary = compiled(text.replace("{ 1, 1 }", "{ 1, 9 }"), tmp_path)
    done = subprocess.run([binary], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "# 1 page faults, expected 0\nnot ok 4 - A write buf 2\n" in done.stdout
    assert "# page 0: 1 times 1 read, expected 1 times 9\nnot ok 5 - B read buf\n" in done.stdout


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("A get buf g rw", "nothing in user space keeps a FOLL_GET reference for writing"),
        ("A pin buf g ro short", "a short-term pin does not outlast its system call"),
        ("kernel swapcache A buf", "only the kernel can put a page into the swap cache"),
    ],
)
def test_what_user_space_cannot_do_is_skipped_with_its_reason(step: str, why: str) -> None:
    text = program(parse(f"A mmap buf 1\nA write buf 1\n{step}\nA read buf\n"))
    assert f'.text = "{step}",\n\t\t.skip = "{why}' in text
    assert '.text = "A read buf",\n\t\t.skip = "it builds on step 3, which is not played' in text


def test_without_a_step_there_is_nothing_to_play(tmp_path: Path) -> None:
    scenario = parse("A mmap buf 1\n")
    none = replace(scenario, steps=())
    done = subprocess.run(
        [compiled(program(none), tmp_path)], capture_output=True, text=True, check=True
    )
    assert "1..0 # SKIP no step was asked for" in done.stdout


def test_huge_pages_have_their_real_size() -> None:
    """The last page of a huge page stands for all to its end; names of pages move with it."""
    text = "huge: 8\nA mmap buf 19 thp\nA write buf 1\nA mremap buf[4:16] new\nA pin new[1:6] p\n"
    real = in_real_sizes(parse(f"{text}p read[4]\nA fork B\nB munmap new[3:4]\n"))
    assert real.config.huge == 512
    steps = [getattr(step.op, "place", None) for step in real.steps]
    assert getattr(real.steps[0].op, "pages", 0) == 2 * 512 + 3
    assert [str(place) for place in steps[1:4]] == ["buf[0:1027]", "buf[4:1024]", "new[1:510]"]
    assert getattr(real.steps[4].op, "page", 0) == 507 + 1
    assert str(steps[6]) == "new[3:508]"
    with pytest.raises(TooManyPages, match="the limit is 65,536"):
        in_real_sizes(parse("huge: 2\nA mmap buf 2000\n"))


def test_what_is_expected_is_what_linux_does() -> None:
    """The run's own policy is another one: the program holds a kernel against `linux`."""
    leak = LIBRARY["vmsplice-leak"]
    assert play(leak, "mapcount").steps[-1].outcome.value == 42
    text = program(leak)
    assert ".read = { { 1, 1 } }," in text
    assert f"what {policies.get('linux').name} does" in text
    assert "The run itself is of policy refcount." in text
    assert "wp_can_reuse_anon_folio(): f0 must be copied. (refcount 2 > 1 + swapcache 0)" in text


def test_the_steps_stand_in_the_program_as_they_were_typed() -> None:
    scenario = LIBRARY["race-aba"]
    head = program(scenario).partition(" */\n")[0]
    text = "\n".join(line.removeprefix(" *").removeprefix("     ") for line in head.split("\n"))
    again = parse(text[text.index("A mmap") :])
    assert [step.op for step in again.steps] == [step.op for step in scenario.steps]
