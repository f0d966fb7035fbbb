"""The chaos run's own promises: the same seed gives the same faults, nobody is spared, too little is a failure."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.durability.chaos.monkey import EVERY, plan
from tests.durability.chaos.processes import Component
from tests.durability.chaos.report import shortcomings

COMPONENTS = [Component(f"{kind}-{number}", kind, [], Path()) for kind in EVERY for number in (1, 2)]


@pytest.mark.parametrize("seconds", [30, 600])
def test_a_seed_is_a_plan_that_kills_everybody(seconds: float) -> None:
    for seed in range(200):
        faults = plan(seed, seconds, COMPONENTS)
        assert faults == plan(seed, seconds, COMPONENTS)
        assert {fault.component for fault in faults if fault.what == "killed"} == {one.name for one in COMPONENTS}
        assert all(0 < fault.at < seconds * 0.9 for fault in faults)
    assert plan(1, seconds, COMPONENTS) != plan(2, seconds, COMPONENTS)


def test_in_ten_minutes_the_database_is_hit_every_5_to_40_seconds() -> None:
    database = [component for component in COMPONENTS if component.kind == "database"][:1]
    for seed in range(50):
        faults = plan(seed, 600, database)
        for earlier, later in pairwise(faults):
            assert 5 <= later.at - earlier.at - earlier.away <= 40
        assert {fault.what for fault in faults} == {"killed", "stopped"}


def test_a_run_with_too_few_leads_or_an_unharmed_component_proves_too_little() -> None:
    unharmed, killed = Component("steward-1", "steward", [], Path()), Component("smtp", "smtp", [], Path(), kills=1)
    assert shortcomings(100, 100, [killed]) == []
    assert shortcomings(99, 100, [killed, unharmed]) == [
        "99 leads went through, 100 were to",
        "steward-1 was never killed",
    ]
