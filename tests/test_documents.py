"""What the documents say is what the code does."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from app.resources import CHECKOUT
from app.settings import Settings

README = (CHECKOUT / "README.md").read_text("utf-8")
MAX_LINES = 400
SOURCES = sorted(path for folder in ("app", "tests") for path in (CHECKOUT / folder).rglob("*.py"))


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"| `COWSCOPE_{name.upper()}` |" in README


def test_every_dependency_has_its_reason_in_the_readme() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    table = README.split("## Dependencies")[1].split("\n## ")[0]
    named = {
        name.strip()
        for line in table.splitlines()
        if line.startswith("| ")
        for name in line.split("|")[1].split(",")
    }
    wanted = {Requirement(line).name for line in project["dependencies"]}
    assert wanted == named - {"package", "---"}


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_locks_pin_with_hashes_and_name_no_registry(lock: str) -> None:
    text = (CHECKOUT / lock).read_text("utf-8")
    assert "://" not in text
    for entry in text.replace("\\\n", "").splitlines():
        assert "==" in entry
        assert "--hash=sha256:" in entry


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_no_module_is_too_long_to_read(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_LINES
