"""The simulation's steps in an order that Hypothesis chooses, and shortens when something breaks.

The same world, faults and checker as the seeded schedules have. What a step does is drawn from a seed of its own, so
that the steps before it can be left out.
"""

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.durability.checker import check, complaints
from tests.durability.simulation.play import SqliteCopies
from tests.durability.simulation.schedule import ACTIONS, begin_world, drain, gather
from tests.durability.simulation.world import World

STEPS = {action.__name__: action for action in ACTIONS}
CHOICES = [name for name, action in STEPS.items() for _time in range(ACTIONS[action])]  # as often as in the schedules

seeds = st.integers(0, 2**32)


class Faults(RuleBasedStateMachine):
    """Everybody acts under faults; then the faults stop, and the checker judges."""

    world: World

    def __init__(self, copies: SqliteCopies) -> None:
        super().__init__()
        self.engines, self.folder = copies.renew(), copies.folder

    @initialize(seed=seeds)
    def september_begins(self, seed: int) -> None:
        self.world = begin_world(Random(seed), self.engines, self.folder)

    @rule(name=st.sampled_from(CHOICES), seed=seeds)
    def somebody_acts(self, name: str, seed: int) -> None:
        self.world.random.seed(seed)
        STEPS[name](self.world)

    def teardown(self) -> None:
        drain(self.world)
        wrong = [*self.world.errors, *complaints(check(gather(self.world)))]
        self.engines.dispose()
        assert wrong == []


@pytest.mark.timeout(900)
def test_no_order_of_steps_and_faults_breaks_an_invariant(tmp_path: Path) -> None:
    copies = SqliteCopies(tmp_path)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Faults(copies),
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
