"""Prefect stopped, or its database deleted: nothing is lost but history."""

import time
from datetime import timedelta

import pytest
from sqlmodel import col, select

from models import Checkpoint, Message
from rasti.clients.mailbox import read_mailbox
from rasti.errors import Unavailable
from rasti.ledger.leads import receive_lead
from rasti.rules.bodies import parse_lead
from rasti.rules.kinds import Channel, MessageState
from rasti.steward.guard import sweep
from rasti.steward.relay import deliver
from rasti.steward.runs import create_runs, recreate_missing_runs
from tests.builders import SECOND, WINNER, lead_data, open_attempt
from tests.e2e.conftest import Rasti
from tests.e2e.neglect import winner_holds
from tests.e2e.prefect_server import PrefectServer, free_port
from tests.e2e.steward import steward
from tests.waiting import eventually


@pytest.fixture(scope="module", autouse=True)
def holder(rasti: Rasti) -> None:
    winner_holds(rasti)


def arrive_now(rasti: Rasti, number: int) -> int:
    with rasti.book.read() as tx:
        body = parse_lead(lead_data(number, requested_at=tx.now.isoformat()))
    return receive_lead(rasti.book, body).lead_id


def checkpoint_runs(rasti: Rasti, lead_id: int) -> list[str | None]:
    """The ids of the runs of a lead's checkpoints, in order."""
    with rasti.book.read() as tx:
        return tx.all(
            select(Message.external_id)
            .where(col(Message.lead_id) == lead_id, col(Message.kind) == "run_checkpoint")
            .order_by(col(Message.id))
        )


def test_prefect_stopped_leads_reach_the_mailbox_and_the_guard_judges(rasti: Rasti) -> None:
    neglected = rasti.earlier(hours=1, seconds=31)
    with neglected.read() as tx:
        old = receive_lead(neglected, parse_lead(lead_data(1, requested_at=tx.now.isoformat()))).lead_id
    deliver(neglected, rasti.settings)
    with steward(rasti, f"http://127.0.0.1:{free_port()}/api"):
        began = time.monotonic()
        lead = arrive_now(rasti, 2)
        eventually(
            lambda: [letter for letter in read_mailbox(rasti.settings.mailbox) if letter.lead_id == lead],
            seconds=10,
            what="the lead is in the mailbox",
        )
        print(f"in the mailbox after {time.monotonic() - began:.2f} s")

        def handed_over_again() -> bool:
            attempt = open_attempt(rasti.book, old)
            return attempt is not None and attempt.partner_code == SECOND

        eventually(handed_over_again, what="the neglected lead is with the next partner")
    with rasti.book.read() as tx:
        judges = tx.all(select(Checkpoint.judged_by).where(col(Checkpoint.verdict) == "violated"))
        assert judges == ["guard"]
        waiting = tx.all(select(Message.state).where(col(Message.channel) == Channel.RUN))
        assert MessageState.DEAD not in waiting
        assert MessageState.PENDING in waiting  # they are created when Prefect is back


def test_no_prefect_slows_no_command(rasti: Rasti, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free_port()}/api")
    report = sweep(rasti.book, rasti.settings, grace=timedelta(seconds=30))
    assert report.failed == 0


def test_prefects_database_deleted_the_runs_are_created_again(prefect: PrefectServer, rasti: Rasti) -> None:
    lead = arrive_now(rasti, 3)
    deliver(rasti.book, rasti.settings)
    while create_runs(rasti.book, prefect.api, limit=100):
        pass
    before = checkpoint_runs(rasti, lead)
    assert len(before) == 3
    assert {prefect.run_state(run) for run in before} == {"SCHEDULED"}
    assert recreate_missing_runs(rasti.book, prefect.api) == 0

    prefect.stop()
    with pytest.raises(Unavailable):
        recreate_missing_runs(rasti.book, prefect.api)
    prefect.delete_database()
    prefect.start()
    prefect.deploy()
    assert recreate_missing_runs(rasti.book, prefect.api) >= 3
    while create_runs(rasti.book, prefect.api, limit=100):
        pass

    after = checkpoint_runs(rasti, lead)
    assert not set(before) & set(after)
    assert {prefect.run_state(run) for run in after} == {"SCHEDULED"}
    assert recreate_missing_runs(rasti.book, prefect.api) == 0
    attempt = open_attempt(rasti.book, lead)
    assert attempt is not None
    assert attempt.partner_code in (WINNER, SECOND)
