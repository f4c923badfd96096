"""The commands: what they print, and how they end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app import policies
from app.cli import app
from tests.recordings import recorded, written

TEXT = """\
title: a copy
A mmap buf 1
A write buf 1
A fork B
A write buf 2
B read buf
expect value 1
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "copy.cow"
    path.write_text(TEXT)
    return str(path)


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, arguments, input=stdin)


def trace_of(text: str) -> dict[str, object]:
    document = json.loads(run("trace", "-", "--json", stdin=text).stdout)
    assert isinstance(document, dict)
    return document


def test_trace_prints_a_line_for_each_step(file: str) -> None:
    result = run("trace", file)
    assert result.exit_code == 0
    for line in TEXT.splitlines()[1:6]:
        assert line in result.stdout
    assert "linux: no violation" in result.stdout


def test_import_stores_a_trace_and_prints_its_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COWSCOPE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COWSCOPE_BASE_URL", "https://cow.example.org/")
    path = tmp_path / "trace.json"
    path.write_bytes(written(recorded()))
    result = run("import", str(path))
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"https://cow\.example\.org/t/\w{10}\n", result.stdout)
    assert run("import", "-", stdin=written(recorded())).stdout == result.stdout
    name = result.stdout.strip().rsplit("/", 1)[1]
    assert run("purge", "--trace", name, "--dry-run").stdout.startswith("would be removed: trace")
    assert run("purge", "--trace", name).exit_code == 0
    again = run("import", str(path))
    assert (again.exit_code, again.stdout) == (2, "")
    assert "the same document is not stored again" in again.stderr
    assert f"Trace {name} was removed on" in run("purge", "--trace", name).stderr
    assert run("purge", "--trace", name, "--run", name).exit_code == 2


def test_import_says_where_a_document_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COWSCOPE_DATA_DIR", str(tmp_path / "data"))
    result = run("import", "-", stdin='{"schema":\n "trace/9"}')
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("-:2:2: schema: ")
    assert run("import", str(tmp_path / "nothing")).exit_code == 2
    monkeypatch.setenv("COWSCOPE_DATABASE_URL", f"sqlite:///{tmp_path}")
    assert run("import", "-", stdin=written(recorded())).exit_code == 3


def test_repro_prints_c_or_writes_it(file: str, tmp_path: Path) -> None:
    result = run("repro", file)
    assert result.exit_code == 0
    assert result.stdout.startswith("/*\n * a copy\n")
    assert "int main(int argc, char **argv)" in result.stdout
    out = tmp_path / "copy.c"
    assert run("repro", file, "-o", str(out)).exit_code == 0
    assert out.read_text() == result.stdout
    nowhere = run("repro", file, "-o", str(tmp_path / "no" / "copy.c"))
    assert (nowhere.exit_code, nowhere.stdout) == (3, "")
    assert "No such file or directory" in nowhere.stderr
    bad = run("repro", "-", stdin="A mmap buf 1\nA wriet buf 1\n")
    assert bad.exit_code == 2
    assert bad.stderr.startswith("-:2:3: ")
    large = run("repro", "-", stdin="huge: 2\nA mmap buf 2000\n")
    assert large.exit_code == 2
    assert "the limit is 65,536" in large.stderr


def test_trace_prints_one_document(file: str) -> None:
    result = run("trace", file, "--json", "--policy", "refcount@5.9")
    document = json.loads(result.stdout)
    assert document["schema"] == "trace/1"
    assert document["source"]["policy"] == "refcount@5.9"
    assert len(document["steps"]) == 5


def test_trace_reads_standard_input() -> None:
    assert run("trace", "-", stdin=TEXT).exit_code == 0


def test_an_expectation_that_is_not_met_is_1(file: str) -> None:
    Path(file).write_text(TEXT.replace("expect value 1", "expect value 9"))
    result = run("trace", file)
    assert result.exit_code == 1
    assert "expect value 9" in result.stdout


def test_every_error_of_a_text_is_told_with_its_place(file: str) -> None:
    Path(file).write_text("A mmap buf 1\nA wirte buf 1\np read\n")
    result = run("trace", file)
    assert result.exit_code == 2
    assert result.stdout == ""
    errors = result.stderr.splitlines()
    assert errors[0].startswith(f"{file}:2:3: ")
    assert errors[1].startswith(f"{file}:3:1: ")


@pytest.mark.parametrize("command", ["trace", "compare"])
def test_a_file_that_cannot_be_read_is_2(command: str, tmp_path: Path) -> None:
    missing = run(command, str(tmp_path / "none.cow"))
    assert missing.exit_code == 2
    assert "No such file" in missing.stderr
    latin = run(command, "-", stdin=b"A mmap buf 1\n# \xe9\n")
    assert latin.exit_code == 2
    assert latin.stderr.startswith("-:2:")


def test_an_unknown_policy_is_2_and_names_the_nearest(file: str) -> None:
    result = run("trace", file, "--policy", "linus")
    assert result.exit_code == 2
    assert "linux" in result.stderr


def test_compare_says_where_policies_part() -> None:
    text = TEXT.replace("B read buf\nexpect value 1\n", "B exit\nA write buf 3\n")
    text = text.replace("A write buf 2", "B splice buf g\nB munmap buf\nA write buf 42\ng read")
    result = run("compare", "-", "--policies", "mapcount,linux", stdin=text)
    assert result.exit_code == 0
    assert "First difference: step 6, A write buf 42" in result.stdout
    rows = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert "✗ step 6" in rows["mapcount"]
    assert "✗" not in rows["linux"]


def test_compare_plays_all_policies(file: str) -> None:
    result = run("compare", file)
    assert all(name in result.stdout for name in policies.names())


def test_conform_compares_every_step(tmp_path: Path) -> None:
    trace = trace_of(TEXT)
    same = tmp_path / "same.json"
    same.write_text(json.dumps(trace))
    result = run("conform", str(same))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "conform: 5 of 5 steps in 1 of 1 traces agree"
    text = json.dumps(trace).replace('"mapcount": 2', '"mapcount": 3')
    (tmp_path / "other.json").write_text(text)
    result = run("conform", str(tmp_path))
    assert result.exit_code == 1
    assert "expected 3, found 2" in result.stdout
    assert result.stdout.splitlines()[-1].endswith("in 1 of 2 traces agree")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema": "trace/2"}'])
def test_conform_refuses_what_is_no_trace(tmp_path: Path, content: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    result = run("conform", str(tmp_path))
    assert result.exit_code == 2
    assert "bad.json" in result.stderr


def test_policies_lists_policies_eras_and_rules() -> None:
    result = run("policies")
    assert result.exit_code == 0
    for entry in policies.CATALOGUE:
        assert entry.name in result.stdout
        assert all(f"{entry.name}@{era.name}" in result.stdout for era in entry.eras)


def serve(data: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from app.cli import main; main()", "serve", *arguments],
        env={**os.environ, "COWSCOPE_DATA_DIR": str(data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_serve_migrates_and_prints_the_url_once_it_answers(tmp_path: Path) -> None:
    with serve(tmp_path, "--port", "0") as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        with urllib.request.urlopen(f"{url}readyz") as answer:
            assert answer.status == 200
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)


def test_serve_on_a_port_in_use_is_3(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with serve(tmp_path, "--port", port) as server:
            _, said = server.communicate(timeout=30)
    assert server.returncode == 3
    assert port in said


def test_serve_without_a_usable_store_is_3(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with serve(tmp_path / "file" / "data", "--port", "0") as server:
        _, said = server.communicate(timeout=30)
    assert server.returncode == 3
    assert "COWSCOPE_DATA_DIR" in said


def test_a_backup_of_an_empty_store_is_taken_and_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COWSCOPE_DATA_DIR", str(tmp_path / "new"))
    file = str(tmp_path / "all.gz")
    result = run("backup", file)
    assert result.exit_code == 3
    assert "run `cowscope serve`" in result.stderr
    assert run("restore", __file__).exit_code == 2
    assert run("restore", str(tmp_path / "missing.gz")).exit_code == 3
