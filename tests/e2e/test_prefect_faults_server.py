"""Prefect's server is away, forgets, or is deployed to anew: the lead is judged once, and the runs are put right."""

from datetime import timedelta
from pathlib import Path

import pytest

from rasti.errors import Unavailable
from rasti.steward.guard import guard_round
from rasti.steward.runs import create_runs, recreate_missing_runs
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
from tests.e2e.prefect_server import POOL, PrefectServer
from tests.e2e.steward import steward
from tests.waiting import eventually


@pytest.fixture(scope="module", autouse=True)
def holder(rasti: Rasti) -> None:
    winner_holds(rasti)


def runs_of(rasti: Rasti, lead: int) -> list[str]:
    """The runs of the three checkpoints of a lead's first attempt, in order."""
    first = first_checkpoint(rasti.book, lead).id
    return [run_of(rasti.book, first + offset) for offset in range(3)]


def test_the_server_is_down_when_the_hour_is_over(prefect: PrefectServer, rasti: Rasti) -> None:
    lead = neglected_lead(rasti, 1, due_in=4)
    create_checkpoint_runs(rasti, prefect)
    runs = runs_of(rasti, lead)
    prefect.stop()
    with steward(rasti, prefect.url, grace=1):
        eventually(lambda: outcome(rasti.book, lead) == ONCE, what="the guard judged and switched")
        assert first_checkpoint(rasti.book, lead).judged_by == "guard"
        prefect.start()
        # The late run, and those of the attempt that ended, are deleted; those of the next attempt are created.
        eventually(lambda: {prefect.run_state(run) for run in runs} == {""}, what="the runs are put right")
    with prefect.worker(rasti.home):
        prefect.finished(prefect.api.start_run("lead", {"lead_id": lead}))
    assert outcome(rasti.book, lead) == ONCE


def test_a_deployment_is_deleted_with_its_scheduled_runs(prefect: PrefectServer, rasti: Rasti) -> None:
    lead = neglected_lead(rasti, 2, due_in=20)
    create_checkpoint_runs(rasti, prefect)
    before = runs_of(rasti, lead)
    prefect.delete(f"deployments/{prefect.api.deployment_id('checkpoint')}")
    assert {prefect.run_state(run) for run in before} == {""}

    assert recreate_missing_runs(rasti.book, prefect.api) >= 3
    for _try in range(2):
        with pytest.raises(Unavailable):
            create_runs(rasti.book, prefect.api)
    prefect.deploy("checkpoint")
    create_checkpoint_runs(rasti, prefect)
    after = runs_of(rasti, lead)
    assert not set(before) & set(after)

    with prefect.worker(rasti.home):
        assert prefect.finished(after[0])["state_type"] == "COMPLETED"
    assert first_checkpoint(rasti.book, lead).judged_by == f"flow-run:{after[0]}"
    assert outcome(rasti.book, lead) == ONCE


def test_everything_is_deployed_anew_while_a_run_is_running(
    prefect: PrefectServer, rasti: Rasti, tmp_path: Path
) -> None:
    lead = neglected_lead(rasti, 3)
    create_checkpoint_runs(rasti, prefect)
    runs = runs_of(rasti, lead)
    halt = Halt(tmp_path / "halt", "rasti/ledger/verdicts.py:judge_checkpoint")
    with prefect.worker(rasti.home, halt=halt):
        eventually(halt.is_there, what="the run is about to judge")
        prefect.deploy()
        assert [prefect.run_state(run) for run in runs] == ["RUNNING", "SCHEDULED", "SCHEDULED"]
        assert recreate_missing_runs(rasti.book, prefect.api) == 0
        halt.go()
        assert prefect.finished(runs[0])["state_type"] == "COMPLETED"
    assert first_checkpoint(rasti.book, lead).judged_by == f"flow-run:{runs[0]}"
    assert outcome(rasti.book, lead) == ONCE


def test_the_database_is_wiped_under_a_worker_that_goes_on(prefect: PrefectServer, rasti: Rasti) -> None:
    """One lead's hour is over meanwhile, that of the other is to come."""
    overdue, coming = neglected_lead(rasti, 4, due_in=5), neglected_lead(rasti, 5, due_in=600)
    create_checkpoint_runs(rasti, prefect)
    before = runs_of(rasti, coming)
    with prefect.worker(rasti.home):
        prefect.stop()
        prefect.delete_database()
        prefect.start()
        eventually(lambda: prefect.api.has_pool(POOL), what="the worker has made its pool again")
        prefect.deploy()
        assert recreate_missing_runs(rasti.book, prefect.api) >= 3
        create_checkpoint_runs(rasti, prefect)
        after = runs_of(rasti, coming)
        assert not set(before) & set(after)
        assert {prefect.run_state(run) for run in after} == {"SCHEDULED"}
        assert recreate_missing_runs(rasti.book, prefect.api) == 0
        again = prefect.finished(prefect.api.start_run("checkpoint", {"checkpoint_id": 1}))
        assert again["state_type"] == "COMPLETED"
    guard_round(rasti.book, grace=timedelta(0))
    assert outcome(rasti.book, overdue) == ONCE
    assert outcome(rasti.book, coming).verdicts == 0
