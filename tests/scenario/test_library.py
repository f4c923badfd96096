"""The shipped scenarios: each is canonical, keeps what it promises, and judges every policy."""

from __future__ import annotations

import pytest

from app import policies
from app.scenario import Shipped, format_scenario, library
from app.scenario.library import GROUPS
from app.trace import play

SHIPPED = library()
each = pytest.mark.parametrize("shipped", SHIPPED, ids=[s.slug for s in SHIPPED])


def test_there_is_a_library() -> None:
    assert len(SHIPPED) >= 30
    assert {s.scenario.group for s in SHIPPED} == set(GROUPS)


@each
def test_is_written_in_canonical_form_with_title_and_summary(shipped: Shipped) -> None:
    scenario = shipped.scenario
    assert format_scenario(scenario.text) == scenario.text
    assert scenario.title
    assert scenario.summary
    assert scenario.tags


@each
def test_expectations_hold_under_linux(shipped: Shipped) -> None:
    run = play(shipped.scenario, "linux")
    assert any(played.expectations for played in run.steps)
    assert [f for played in run.steps for f in played.expectations if not f.met] == []


@each
def test_every_policy_is_judged_as_listed(shipped: Shipped) -> None:
    judged = {name.split("@")[0] for name in shipped.verdicts}
    assert judged == set(policies.names())
    for name, kinds in shipped.verdicts.items():
        run = play(shipped.scenario, name)
        assert {k for k, step in run.verdicts.items() if step is not None} == set(kinds), name
