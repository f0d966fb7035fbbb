"""A run is executed twice, or its worker dies in the middle: everything that had to happen happens once (D12, D13)."""

from datetime import timedelta
from pathlib import Path

import pytest

from rasti.steward.guard import guard_round
from rasti.steward.runs import crash_dead_runs
from tests.e2e.conftest import Rasti
from tests.e2e.halting import Halt
from tests.e2e.neglect import (
    ONCE,
    create_checkpoint_runs,
    first_checkpoint,
    neglected_lead,
    outcome,
    run_of,
    winner_holds,
)
from tests.e2e.prefect_server import PrefectServer, kill
from tests.waiting import eventually

AT_ONCE = timedelta(0)
BEYOND_EVERY_LEADS_TIMEOUT = -timedelta(minutes=3)

BEFORE_THE_FLOW = "rasti/worker/warm.py:_load"
BEFORE_THE_VERDICT = "rasti/ledger/verdicts.py:judge_checkpoint"
BEFORE_THE_FALLBACK = "rasti/ledger/fallback.py:fall_back"
BEFORE_THE_HAND_OVER = "rasti/ledger/handover.py:hand_over_waiting"


@pytest.fixture(scope="module", autouse=True)
def holder(rasti: Rasti) -> None:
    winner_holds(rasti)


@pytest.mark.parametrize(
    ("number", "place", "state", "judge"),
    [
        (1, BEFORE_THE_FLOW, "PENDING", "guard"),
        (2, BEFORE_THE_VERDICT, "RUNNING", "guard"),
        (3, BEFORE_THE_FALLBACK, "RUNNING", "run"),
        (4, BEFORE_THE_HAND_OVER, "RUNNING", "run"),
    ],
)
def test_a_worker_is_killed_and_the_guard_does_the_rest(
    prefect: PrefectServer, rasti: Rasti, tmp_path: Path, number: int, place: str, state: str, judge: str
) -> None:
    lead = neglected_lead(rasti, number)
    create_checkpoint_runs(rasti, prefect)
    checkpoint = first_checkpoint(rasti.book, lead)
    run = run_of(rasti.book, checkpoint.id)
    halt = Halt(tmp_path / "halt", place)
    with prefect.worker(rasti.home, halt=halt) as worker:
        eventually(halt.is_there, what=place)
        kill(worker)

    guard_round(rasti.book, grace=AT_ONCE)

    assert outcome(rasti.book, lead) == ONCE
    assert first_checkpoint(rasti.book, lead).judged_by == ("guard" if judge == "guard" else f"flow-run:{run}")
    # Prefect believes in the run for ever. It is told better, when the run cannot be alive any more.
    assert prefect.run_state(run) == state
    assert crash_dead_runs(rasti.book, prefect.api) == 0
    assert crash_dead_runs(rasti.book, prefect.api, margin=BEYOND_EVERY_LEADS_TIMEOUT) >= 1
    assert prefect.run_state(run) == "CRASHED"
    assert prefect.api.unfinished(["checkpoint", "fallback"]) == []


@pytest.mark.parametrize(("number", "place"), [(5, BEFORE_THE_VERDICT), (6, BEFORE_THE_FALLBACK)])
def test_a_run_that_two_workers_execute_at_once_works_once(
    prefect: PrefectServer, rasti: Rasti, tmp_path: Path, number: int, place: str
) -> None:
    """A worker that is thought dead is not: it goes on when another has executed its run from the beginning."""
    lead = neglected_lead(rasti, number)
    create_checkpoint_runs(rasti, prefect)
    run = run_of(rasti.book, first_checkpoint(rasti.book, lead).id)
    halt = Halt(tmp_path / "halt", place)
    with prefect.worker(rasti.home, halt=halt, name="worker-1") as slow:
        eventually(halt.is_there, what=place)
        prefect.post(f"flow_runs/{run}/set_state", {"state": {"type": "SCHEDULED"}, "force": True})
        with prefect.worker(rasti.home, name="worker-2"):
            assert prefect.finished(run)["run_count"] == 2
        assert outcome(rasti.book, lead) == ONCE
        halt.go()
        eventually(lambda: f"{lead} · 1 hour' - Finished" in slow.log.read_text(), what="the first one's end")

    assert outcome(rasti.book, lead) == ONCE
    guard_round(rasti.book, grace=AT_ONCE)
    assert outcome(rasti.book, lead) == ONCE
