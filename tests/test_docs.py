"""The documentation: generated parts are current, the rest names only what there is, it builds."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer.main
from starlette.routing import Mount

from app import policies
from app.cli import app as commands
from app.main import create_app
from app.resources import CHECKOUT
from app.scenario import parse
from app.scenario.text import KEYS
from app.settings import Settings

DOCS = CHECKOUT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
WRITTEN = [page for page in PAGES if page.parent == DOCS]
README = CHECKOUT / "README.md"
PICTURES_BYTES = 600_000


@pytest.fixture(scope="module")
def generate() -> Iterator[Any]:
    sys.path.insert(0, str(DOCS))
    try:
        yield import_module("generate")
    finally:
        sys.path.remove(str(DOCS))


def test_generated_pages_are_current(generate: Any) -> None:
    made: dict[str, Callable[[], str]] = generate.PAGES
    for name, make in made.items():
        assert (DOCS / name).read_text("utf-8") == make(), f"{name}: run docs/generate.py"
    assert {page.relative_to(DOCS).as_posix() for page in PAGES if page not in WRITTEN} == set(made)


def test_every_form_of_the_grammar_is_explained(generate: Any) -> None:
    aliases = re.findall(r"-> (\w+)$", generate.GRAMMAR, re.M)
    assert len(aliases) > 40
    assert set(aliases) == set(generate.WORDS)
    assert list(generate.HEADERS) == KEYS
    listed = (DOCS / "reference/language.md").read_text("utf-8")
    for words in generate.choices().values():
        assert all(f"`{word}`" in listed for word in words)


def test_every_setting_and_every_command_is_explained(generate: Any) -> None:
    assert set(generate.settings_docs()) == set(Settings.model_fields)
    page = generate.commands_page()
    assert "None" not in page


def test_the_example_of_the_language_plays(generate: Any) -> None:
    for text in re.findall(r"```text\n(title: .*?)```", generate.language(), re.S):
        assert parse(text, policies.check).steps


@pytest.mark.parametrize("page", [*WRITTEN, README], ids=lambda page: page.name)
def test_settings_and_commands_that_are_named_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    named = {name.lower() for name in re.findall(r"COWSCOPE_([A-Z_]+)", text)}
    extra = {"test_database_url", "test_chromium"}
    assert not named - set(Settings.model_fields) - extra
    known = set(typer.main.get_command(commands).commands)  # type: ignore[attr-defined]
    used = re.findall(r"(?:^|`|bin/)cowscope ([a-z]+)", text, re.M)
    assert not set(used) - known
    targets = re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text("utf-8"), re.M)
    assert not set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.M)) - set(targets)


def paths_of(routes: Iterable[Any]) -> Iterator[Any]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from paths_of(inner.routes)
        elif not isinstance(route, Mount) and hasattr(route, "path_regex"):
            yield route.path_regex


def test_pages_that_are_named_exist(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path))
    patterns = list(paths_of(app.routes))
    app.state.engine.dispose()
    for page in WRITTEN:
        for path in re.findall(r"`(/[a-z][^`\s]*)`", page.read_text("utf-8")):
            if path.startswith("/proc/"):
                continue
            asked = (
                path.partition("?")[0]
                .replace("RUN", "abc")
                .replace("STEP", "1")
                .replace("ROOM", "HKWPT")
            )
            assert any(pattern.match(asked) for pattern in patterns), f"{page.name}: {path}"


def test_pictures_are_there_and_small() -> None:
    files = list((DOCS / "pictures").iterdir())
    assert sum(file.stat().st_size for file in files) < PICTURES_BYTES
    for page in (*WRITTEN, README):
        for name in re.findall(r"!\[[^\]]+]\(([^)]+)\)", page.read_text("utf-8")):
            assert (page.parent / name).is_file()


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"(?<!!)\[[^\]]+]\(([^)#:]+)\)", README.read_text("utf-8")):
        assert (CHECKOUT / target).exists(), target


def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"]
    folders = ["--doctree-dir", str(tmp_path / "trees"), str(DOCS), str(tmp_path / "site")]
    done = subprocess.run([*build, *folders], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first = (tmp_path / "site" / "index.html").read_text("utf-8")
    loaded = re.findall(r'<(?:script|link rel="stylesheet"|img)[^>]*(?:src|href)="([^"]+)"', first)
    assert loaded
    assert not [one for one in loaded if "//" in one], "loads something from a network"
