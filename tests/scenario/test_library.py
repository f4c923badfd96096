"""The shipped scenarios: each is canonical, keeps what it promises, and judges every policy."""

from __future__ import annotations

import pytest

from app.scenario import Shipped, format_scenario, library
from app.scenario.library import GROUPS
from app.trace import play
from app.web.matrix import all_names
from tests.scenario.judged import judged

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
    assert set(shipped.verdicts) == set(all_names())
    for name, kinds in shipped.verdicts.items():
        assert judged(shipped.slug, name).broken == set(kinds), name
