"""A thousand runs are late at once: the guard gives the verdicts meanwhile, and no worker is kept busy for nothing."""

import time
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from models import AuditEvent, Checkpoint, Message, Tenure, Violation
from rasti.errors import Unavailable
from rasti.ledger.fallback import violations_to_act_on
from rasti.ledger.handover import open_lead
from rasti.ledger.leads import receive_lead
from rasti.ledger.verdicts import due_checkpoints
from rasti.rules.bodies import parse_lead
from rasti.rules.kinds import CheckpointKind, Event, MessageKind, MessageState
from rasti.steward.guard import guard_round
from rasti.steward.runs import create_runs, delete_decided_runs
from tests.builders import SECOND, WINNER, lead_data
from tests.e2e.conftest import Rasti
from tests.e2e.neglect import winner_holds
from tests.e2e.prefect_server import PrefectServer, kill
from tests.waiting import eventually

LATE = 1000
PATIENCE = 120.0  # seconds
AT_ONCE = timedelta(0)


def neglect_a_thousand(rasti: Rasti) -> None:
    """So many leads were received more than an hour ago, and nobody called."""
    book = rasti.earlier(hours=1, minutes=2)
    with book.read() as tx:
        asked = tx.now.isoformat()
    for number in range(1, LATE + 1):
        client = {"phone": f"+7 495 {number:07d}"}
        body = parse_lead(lead_data(number, client=client, requested_at=asked))
        open_lead(book, receive_lead(book, body).lead_id, WINNER)


def create_runs_of_the_hour(rasti: Rasti, prefect: PrefectServer) -> list[UUID]:
    """Their runs, all of them late; those of the other checkpoints are not what this is about."""
    with rasti.book.write() as tx:
        hours = select(Checkpoint.attempt_id, Checkpoint.id).where(col(Checkpoint.kind) == CheckpointKind.FIRST_HOUR)
        keys = [f"{MessageKind.RUN_CHECKPOINT}:{checkpoint}" for _attempt, checkpoint in tx.session.execute(hours)]
        tx.session.execute(
            update(Message)
            .where(col(Message.state) == MessageState.PENDING, col(Message.dedupe_key).not_in(keys))
            .values(state=MessageState.VOID)
        )

    def all_created() -> bool:
        try:
            return create_runs(rasti.book, prefect.api) == 0
        except Unavailable:  # busy, with a thousand runs
            return False

    eventually(all_created, seconds=PATIENCE, what="the runs are created")
    with rasti.book.read() as tx:
        return [UUID(run) for run in tx.all(select(Message.external_id).where(col(Message.dedupe_key).in_(keys)))]


def states(prefect: PrefectServer, runs: list[UUID]) -> Counter[str]:
    """How many runs are in each state; asked again while Prefect is too busy to say."""

    def look() -> Counter[str] | None:
        try:
            return Counter(run["state_type"] for run in prefect.api.runs(runs)) + Counter(asked=1)
        except Unavailable:
            return None

    return (eventually(look, seconds=PATIENCE, what="Prefect says") or Counter()) - Counter(asked=1)


@pytest.mark.timeout(600)  # for a machine that has other things to do
def test_a_thousand_late_runs_at_once(prefect: PrefectServer, rasti: Rasti) -> None:
    winner_holds(rasti)
    neglect_a_thousand(rasti)
    runs = create_runs_of_the_hour(rasti, prefect)
    assert states(prefect, runs) == {"SCHEDULED": LATE}

    with prefect.worker(rasti.home) as worker:
        eventually(lambda: states(prefect, runs)["COMPLETED"], seconds=PATIENCE, what="the worker has begun")
        began = time.monotonic()
        report = guard_round(rasti.book, grace=AT_ONCE)
        print(f"all judged and acted on after {time.monotonic() - began:.1f} s, beside the worker: {report}")
        kill(worker)
    left = states(prefect, runs)
    assert left["SCHEDULED"] > 0, "the worker was as quick as the guard: this shows nothing"
    assert report.failed == 0
    guard_round(rasti.book, grace=AT_ONCE)  # what the worker had in hand when it was killed
    assert due_checkpoints(rasti.book) == violations_to_act_on(rasti.book) == []

    # The next worker finds none of them: their verdicts are given.
    began = time.monotonic()
    while delete_decided_runs(rasti.book, prefect.api):
        pass
    print(f"of {dict(left)} those that were late are deleted after {time.monotonic() - began:.1f} s")
    assert states(prefect, runs)["SCHEDULED"] == 0

    with rasti.book.read() as tx:
        events = Counter(tx.all(select(AuditEvent.event)))
        assert events[Event.CHECKPOINT_JUDGED] == events[Event.VIOLATION_RECORDED] == LATE
        assert events[Event.VIOLATION_ACTED_ON] == LATE
        violations = tx.all(select(Violation.checkpoint_id))
        assert len(violations) == len(set(violations)) == LATE
        # A thousand neglected leads make one switch (D13).
        assert tx.all(select(Tenure.partner_code).order_by(col(Tenure.id))) == [WINNER, SECOND]
