"""The night's run is created twice, or dies with server and worker: the month is activated, and once (D5)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from models import Publication, Ranking, Tenure
from rasti.clients.prefect import NewRun
from rasti.steward.runs import crash_dead_runs
from tests.builders import WINNER, add_cast, growing_register
from tests.e2e.conftest import LAST_MONTH, Rasti
from tests.e2e.halting import Halt
from tests.e2e.prefect_server import PrefectServer, kill
from tests.waiting import eventually

NIGHT = {"publish": True, "activate": True}
BEYOND_THE_MONTHS_TIMEOUT = -timedelta(hours=1, minutes=1)


@pytest.fixture
def month(tmp_path: Path) -> Rasti:
    """An installation whose last month waits to be ranked, published and activated."""
    home = tmp_path / "rasti"
    home.mkdir()
    rasti = Rasti(home)
    add_cast(rasti.book)
    (home / "inbox").mkdir()
    (home / "inbox" / "register.csv").write_text(growing_register(LAST_MONTH))
    return rasti


def holders(rasti: Rasti) -> list[str]:
    """Who has held the leads by a month that was ranked and published once."""
    with rasti.book.read() as tx:
        assert tx.all(select(Ranking.version)) == [1]
        assert len(tx.all(select(Publication))) == 1
        return tx.all(select(Tenure.partner_code).order_by(col(Tenure.id)))


@pytest.mark.parametrize("limited", [True, False], ids=["one at a time", "both at once"])
def test_a_night_run_that_was_created_twice_gives_the_leads_once(
    prefect: PrefectServer, month: Rasti, limited: bool
) -> None:
    deployment = prefect.api.deployment_id("monthly-ranking")
    if not limited:
        # Whoever takes the limit away still has the ledger's own lock.
        prefect.patch(f"deployments/{deployment}", {"concurrency_limit": None})
    try:
        now = datetime.now(UTC)
        twice = [NewRun(NIGHT, "night", (), f"{month.home}-{copy}", now) for copy in (1, 2)]
        runs = prefect.api.create_runs("monthly-ranking", twice)
        with prefect.worker(month.home):
            ended = [prefect.finished(run, seconds=90) for run in runs]
    finally:
        # Deploying would keep it taken away.
        limit = {"concurrency_limit": 1, "concurrency_options": {"collision_strategy": "ENQUEUE"}}
        prefect.patch(f"deployments/{deployment}", limit)
    assert {run["state_type"] for run in ended} == {"COMPLETED"}
    assert holders(month) == [WINNER]


def test_a_night_run_that_died_with_its_server_does_not_block_the_next_night(
    prefect: PrefectServer, month: Rasti, tmp_path: Path
) -> None:
    """Prefect keeps in its database that a run holds its deployment's only place, and in memory for how long it may."""
    halt = Halt(tmp_path / "halt", "rasti/ledger/rankings.py:publish")
    dead = prefect.api.start_run("monthly-ranking", NIGHT)
    with prefect.worker(month.home, halt=halt) as worker:
        eventually(halt.is_there, what="the run is about to publish")
        kill(worker)
        prefect.kill()
    prefect.start()

    with prefect.worker(month.home):
        next_night = prefect.api.start_run("monthly-ranking", NIGHT)
        eventually(lambda: prefect.state_name(next_night) == "AwaitingConcurrencySlot", what="no place is free")
        assert crash_dead_runs(month.book, prefect.api) == 0
        assert prefect.run_state(dead) == "RUNNING"
        # It may not be the only one: the server is that of other tests too.
        assert crash_dead_runs(month.book, prefect.api, margin=BEYOND_THE_MONTHS_TIMEOUT) >= 1
        assert prefect.run_state(dead) == "CRASHED"
        assert prefect.finished(next_night)["state_type"] == "COMPLETED"
    assert holders(month) == [WINNER]
