"""A missing worker is seen: the pool, runs that are late, and who gives the verdicts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rasti.ledger.book import Book
from rasti.ledger.verdict_shares import VerdictShares, verdict_shares
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.steward.guard import guard_round
from rasti.steward.prefect_state import PrefectHealth, prefect_health
from rasti.steward.runs import create_runs
from tests.builders import arrive, receive, won_month
from tests.clock import MovableClock
from tests.fake_prefect import FakePrefect


@pytest.fixture
def prefect(clock: MovableClock) -> FakePrefect:
    return FakePrefect(now=clock.now)


def health(book: Book, prefect: FakePrefect) -> PrefectHealth:
    return prefect_health(book, prefect.opened)


def neglect(book: Book, clock: MovableClock, leads: int) -> None:
    """Leads whose first hour is over, and nobody called."""
    won_month(book)
    for number in range(1, leads + 1):
        receive(book, arrive(book, number))
    clock.advance(hours=1, seconds=31)


def test_all_is_well_with_a_worker_that_reports(book: Book, prefect: FakePrefect) -> None:
    seen = health(book, prefect)
    assert seen.troubles == ()
    assert seen.as_json() == {
        "up": True,
        "pools": [{"name": "rasti", "paused": False, "workers": 1}],
        "late_runs": 0,
        "oldest_late_seconds": 0.0,
        "missing_deployments": [],
        "paused_deployments": [],
        "verdicts_last_hour": {"guard": 0, "flow_runs": 0},
        "reasons": [],
    }


def test_a_pool_whose_worker_has_not_reported_for_three_heartbeats_has_none(book: Book, prefect: FakePrefect) -> None:
    prefect.heard_at = prefect.now - timedelta(seconds=90)
    assert health(book, prefect).codes == []
    prefect.heard_at -= timedelta(seconds=1)
    seen = health(book, prefect)
    assert seen.codes == ["no_worker"]
    assert "No worker is online on the work pool rasti" in str(seen.troubles[0].said)


def test_a_paused_pool_is_told_and_a_paused_deployment_is_named(book: Book, prefect: FakePrefect) -> None:
    prefect.paused = {"rasti", "monthly-ranking"}
    seen = health(book, prefect)
    assert seen.codes == ["pool_paused"]
    assert seen.as_json()["paused_deployments"] == ["monthly-ranking"]


def test_runs_that_nobody_takes_are_late_after_thirty_seconds(
    book: Book, prefect: FakePrefect, clock: MovableClock
) -> None:
    won_month(book)
    receive(book, arrive(book))
    create_runs(book, prefect.api())
    (lead,) = prefect.named("lead 1 · hand over")
    del prefect.runs[next(id for id, run in prefect.runs.items() if run is lead)]
    clock.advance(hours=1)
    prefect.now = clock.now
    assert health(book, prefect).codes == []
    clock.advance(seconds=31)
    prefect.now = clock.now
    seen = health(book, prefect)
    assert (seen.codes, seen.as_json()["late_runs"], seen.as_json()["oldest_late_seconds"]) == (["runs_late"], 1, 31.0)


def test_deployments_that_are_gone_are_named(book: Book, prefect: FakePrefect) -> None:
    prefect.deployed = False
    seen = health(book, prefect)
    assert seen.codes == ["deployments_missing"]
    assert "monthly-ranking" in str(seen.troubles[0].said)
    assert "prefect deploy --all" in str(seen.troubles[0].said)


def test_verdicts_by_the_guard_are_told_for_an_hour(book: Book, prefect: FakePrefect, clock: MovableClock) -> None:
    neglect(book, clock, 3)
    guard_round(book, grace=timedelta(seconds=30))
    assert verdict_shares(book) == VerdictShares(guard=3, runs=0)
    seen = health(book, prefect)
    assert seen.codes == ["verdicts_by_guard"]
    assert "3 of the 3 verdicts" in str(seen.troubles[0].said)
    clock.advance(hours=1, seconds=1)
    assert verdict_shares(book) == VerdictShares(guard=0, runs=0)
    assert health(book, prefect).codes == []


def test_verdicts_by_runs_are_how_it_should_be(book: Book, prefect: FakePrefect, clock: MovableClock) -> None:
    neglect(book, clock, 3)
    by_run = replace(book, actor="flow-run:1", written=[])
    for checkpoint in due_checkpoints(book):
        judge_checkpoint(by_run, checkpoint)
    assert verdict_shares(book) == VerdictShares(guard=0, runs=3)
    assert health(book, prefect).codes == []


def test_a_prefect_that_is_down_or_does_not_let_us_in_is_said_and_fails_nothing(
    book: Book, prefect: FakePrefect
) -> None:
    prefect.password = "rasti:secret"
    seen = health(book, prefect)
    assert (seen.codes, seen.state) == (["prefect_refuses"], None)
    assert "PREFECT_API_AUTH_STRING" in str(seen.troubles[0].said)
    prefect.down = True
    assert health(book, prefect).codes == ["prefect_down"]
    assert health(book, prefect).as_json()["late_runs"] is None
