"""The wheel alone: templates, static files and migrations are in it, and it runs from anywhere."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from app.resources import CHECKOUT

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-cache-dir"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*PIP, "wheel", *options, str(CHECKOUT)], check=True, cwd=folder)
    (built,) = folder.glob("cowscope-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the wheel's content; what it depends on is the tests' own."""
    folder = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-index", "--target", str(folder)]
    subprocess.run([*PIP, "install", *options, str(wheel)], check=True, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def address(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server started in an empty folder, with an empty home."""
    empty, home = tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("home")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COWSCOPE_", "XDG_"))}
    server = subprocess.Popen(
        [str(installed / "bin" / "cowscope"), "serve", "--port", "0"],
        cwd=empty,
        env={**kept, "PYTHONPATH": str(installed), "HOME": str(home), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    found = None
    for line in server.stdout:
        if found := re.search(r"http://[\d.]+:\d+", line):
            break
    assert found, "the server ended before it printed its URL"
    yield found[0]
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=30)
    assert not list(empty.iterdir())
    assert list(home.rglob("*.db*")) or list(home.rglob("*.sqlite*"))


def get(url: str) -> str:
    with urlopen(url, timeout=30) as answer:
        return str(answer.read().decode("utf-8"))


def test_the_wheel_holds_every_file_that_the_checkout_holds(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("templates", "static", "migrations"):
        for path in (CHECKOUT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"app/_resources/{path.relative_to(CHECKOUT)}" in names
    for path in (CHECKOUT / "app").rglob("*"):
        if path.suffix in (".py", ".lark", ".cow", ".typed", ".xz"):
            assert str(path.relative_to(CHECKOUT)) in names
    assert not [name for name in names if name.startswith("tests/")]


def test_it_serves_pages_a_run_and_static_files(address: str) -> None:
    home = get(address)
    assert "cowscope" in home
    style = re.search(r'href="(/static/[^"]+\.css[^"]*)"', home)
    assert style
    assert "{" in get(address + style[1])
    assert "<svg" in get(f"{address}/s/hello-fork?step=4")
    assert get(f"{address}/readyz") == "ready\n"
    assert "Lesson 1" in get(f"{address}/learn/fork-shares")
    assert '"trace/1"' in get(f"{address}/conformance/zram/fork-tree-7.json")
