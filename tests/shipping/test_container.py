"""The container files name what there is. No engine builds them here: this holds their words."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.resources import CHECKOUT
from app.settings import Settings

DOCKERFILE = (CHECKOUT / "Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def settings_in(names: list[str]) -> dict[str, str]:
    """Variables as the fields of Settings that they should be."""
    return {n: n.removeprefix("COWSCOPE_").lower() for n in names if n.startswith("COWSCOPE_")}


def test_every_variable_is_a_setting_and_its_value_one_that_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, str] = SERVICES["app"]["environment"]
    named = settings_in([*given, *re.findall(r"COWSCOPE_[A-Z_]+", DOCKERFILE)])
    assert len(named) >= 6
    assert not set(named.values()) - set(Settings.model_fields)
    for name in named:
        if name in given:
            monkeypatch.setenv(name, re.sub(r"\$\{\w+:-([^}]*)}", r"\1", given[name]))
    assert Settings().workers == 2
    assert "$" not in str(Settings().base_url)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service.get("user") != "root"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    for volume in service["volumes"]:
        assert volume.partition(":")[0] in COMPOSE["volumes"]
    asked = service.get("healthcheck") or "HEALTHCHECK" in DOCKERFILE
    assert asked, "who waits for it must know when it is ready"


def test_the_image_does_not_run_as_root_and_its_health_is_the_port_that_it_serves() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*$", last, re.M)
    assert "/readyz" in last
    assert 'os.environ[\\"COWSCOPE_PORT\\"]' in last
    assert last.index("USER") < last.index("CMD")


def closure(names: set[str]) -> set[str]:
    """What these packages need, by their own metadata, with themselves."""
    found: set[str] = set()
    while names:
        name = names.pop()
        found.add(name)
        for line in requires(name) or ():
            wanted = Requirement(line)
            needed = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
            if needed and canonicalize_name(wanted.name) not in found:
                names.add(canonicalize_name(wanted.name))
    return found


def test_the_image_keeps_no_build_tools() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    runs = closure({canonicalize_name(Requirement(line).name) for line in project["dependencies"]})
    found = re.search(r"uninstall -y (hatchling[\w -]*)", DOCKERFILE)
    assert found
    assert set(found[1].split()) == closure({"hatchling"}) - runs


def test_everything_that_is_copied_is_there_and_sent_to_the_engine() -> None:
    sent = {
        line.removeprefix("!")
        for line in (CHECKOUT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    copied: set[str] = set()
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.M):
        copied.update(line.split()[:-1])
    assert copied == sent
    assert all((CHECKOUT / name).exists() for name in copied)
