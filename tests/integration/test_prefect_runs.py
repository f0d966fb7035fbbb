"""Keeping Prefect's runs in step with the ledger: created, bounded, created again, deleted; without Prefect nothing."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from models import Checkpoint, Message
from rasti.errors import Unavailable
from rasti.ledger.book import Book
from rasti.ledger.fallback import fall_back
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.rules.kinds import Channel, MessageKind, MessageState
from rasti.settings import Settings
from rasti.steward.run_limits import TIMEOUTS
from rasti.steward.runs import (
    MARGIN,
    Cursor,
    Pace,
    crash_dead_runs,
    create_runs,
    delete_decided_runs,
    keep_runs,
    recreate_missing_runs,
)
from tests.builders import arrive, log, receive, won_month
from tests.clock import MovableClock
from tests.fake_prefect import FakePrefect


def lead_in_work(book: Book, number: int = 1) -> int:
    lead = arrive(book, number)
    receive(book, lead)
    return lead


def run_messages(book: Book, kind: MessageKind) -> list[Message]:
    with book.read() as tx:
        return tx.all(select(Message).where(col(Message.kind) == kind).order_by(col(Message.id)))


def judge_all(book: Book, actor: str = "guard") -> list[int]:
    """Verdicts on everything due; the violations."""
    judge = replace(book, actor=actor, written=[])
    found = (judge_checkpoint(judge, checkpoint).violation_id for checkpoint in due_checkpoints(book))
    return [violation for violation in found if violation is not None]


def test_each_checkpoint_gets_a_run_at_its_due_time(book: Book) -> None:
    won_month(book)
    lead = lead_in_work(book)
    prefect = FakePrefect()
    assert create_runs(book, prefect.api()) == 4
    assert {run["name"] for run in prefect.runs.values()} == {
        f"lead {lead} · hand over",
        f"lead {lead} · 1 hour",
        f"lead {lead} · 3 days",
        f"lead {lead} · 2 weeks",
    }
    (first,) = prefect.named(f"lead {lead} · 1 hour")
    due = datetime.fromisoformat(first["state"]["state_details"]["scheduled_time"])
    with book.read() as tx:
        checkpoint = tx.session.get_one(Checkpoint, first["parameters"]["checkpoint_id"])
        assert due == checkpoint.due_at
        assert due - tx.now == timedelta(hours=1)
    assert first["tags"] == [f"lead:{lead}", "1h"]
    assert create_runs(book, prefect.api()) == 0
    assert {message.external_id for message in run_messages(book, MessageKind.RUN_CHECKPOINT)} <= {
        run["id"] for run in prefect.runs.values()
    }


def test_only_so_many_are_created_at_once_the_rest_follows(book: Book) -> None:
    won_month(book)
    lead_in_work(book)
    prefect = FakePrefect()
    assert [create_runs(book, prefect.api(), limit=limit) for limit in (0, 3, 100)] == [0, 3, 1]


def test_the_pace_is_so_many_a_minute_in_short_bursts() -> None:
    pace = Pace(600)
    pace._since -= 3600
    assert pace.allowed() == 50
    pace.used(50)
    assert pace.allowed() == 0
    slow = Pace(1)
    slow._since -= 3600
    assert slow.allowed() == 1


def test_without_prefect_the_outbox_is_left_alone(book: Book) -> None:
    won_month(book)
    lead_in_work(book)
    prefect = FakePrefect(down=True)
    with pytest.raises(Unavailable, match="cannot be reached"):
        create_runs(book, prefect.api())
    assert {message.tries for message in run_messages(book, MessageKind.RUN_CHECKPOINT)} == {0}
    assert {message.claimed_by for message in run_messages(book, MessageKind.RUN_CHECKPOINT)} == {None}
    prefect.down = False
    assert create_runs(book, prefect.api()) == 4


def test_without_deployments_nothing_is_lost(book: Book) -> None:
    won_month(book)
    lead_in_work(book)
    prefect = FakePrefect(deployed=False)
    for _attempt in range(30):  # more than a mail would be tried
        with pytest.raises(Unavailable, match="prefect deploy --all"):
            create_runs(book, prefect.api())
    prefect.deployed = True
    assert create_runs(book, prefect.api()) == 4


def test_a_busy_server_is_asked_again(book: Book) -> None:
    won_month(book)
    lead_in_work(book)
    prefect = FakePrefect(busy=2)
    assert create_runs(book, prefect.api()) == 4


def test_the_password_of_prefect_is_sent() -> None:
    prefect = FakePrefect()
    prefect.api("admin:secret").check()
    assert (prefect.authorization or "").startswith("Basic ")


def test_a_run_that_would_come_after_its_verdict_is_not_created(book: Book, clock: MovableClock) -> None:
    won_month(book)
    lead = lead_in_work(book)
    clock.advance(hours=1, seconds=1)
    judge_all(book)
    prefect = FakePrefect()
    create_runs(book, prefect.api())
    assert prefect.named(f"lead {lead} · 1 hour") == []
    first = run_messages(book, MessageKind.RUN_CHECKPOINT)[0]
    assert first.state is MessageState.VOID


def test_a_run_acts_on_the_violation_it_records_and_needs_no_other(book: Book, clock: MovableClock) -> None:
    won_month(book)
    lead_in_work(book)
    prefect = FakePrefect()
    create_runs(book, prefect.api())
    clock.advance(hours=1, seconds=1)
    (violation,) = judge_all(book, actor="flow-run:7d0f")
    assert create_runs(book, prefect.api()) == 0
    fall_back(book, violation)
    clock.advance(minutes=1)
    create_runs(book, prefect.api())
    (message,) = run_messages(book, MessageKind.RUN_FALLBACK)
    assert message.state is MessageState.VOID


def test_a_violation_that_nobody_acts_on_gets_a_run(book: Book, clock: MovableClock) -> None:
    won_month(book)
    lead = lead_in_work(book)
    prefect = FakePrefect()
    create_runs(book, prefect.api())
    clock.advance(hours=1, seconds=1)
    (violation,) = judge_all(book, actor="flow-run:7d0f")  # and then its worker died
    assert create_runs(book, prefect.api()) == 0
    clock.advance(minutes=1)
    assert create_runs(book, prefect.api()) == 1
    (run,) = prefect.named(f"lead {lead} · fallback (violation {violation})")
    assert run["parameters"] == {"violation_id": violation}


def test_runs_that_are_gone_are_created_again_under_another_key(book: Book) -> None:
    won_month(book)
    lead_in_work(book)
    prefect = FakePrefect()
    create_runs(book, prefect.api())
    before = set(prefect.runs)
    keys = {run["idempotency_key"] for run in prefect.runs.values()}
    assert recreate_missing_runs(book, prefect.api()) == 0
    prefect.forget_everything()
    api = prefect.api()
    assert recreate_missing_runs(book, api) == 3
    assert create_runs(book, api) == 3
    assert not before & set(prefect.runs)
    assert not keys & {run["idempotency_key"] for run in prefect.runs.values()}
    assert recreate_missing_runs(book, api) == 0


def test_deployments_that_were_made_anew_are_found(book: Book) -> None:
    won_month(book)
    lead_in_work(book)
    prefect = FakePrefect()
    api = prefect.api()
    create_runs(book, api)
    prefect.forget_everything()
    recreate_missing_runs(book, api)
    with pytest.raises(Unavailable):
        create_runs(book, api)  # it still knows the old ids
    assert create_runs(book, api) == 3


def test_the_comparison_goes_round(book: Book) -> None:
    won_month(book)
    for number in (1, 2, 3):
        lead_in_work(book, number)
    prefect = FakePrefect()
    create_runs(book, prefect.api())
    prefect.runs.clear()
    cursor = Cursor()
    assert [recreate_missing_runs(book, prefect.api(), cursor, limit=4) for _ in range(4)] == [4, 4, 1, 0]


def test_runs_of_decided_checkpoints_are_deleted_once(book: Book, clock: MovableClock) -> None:
    won_month(book)
    lead = lead_in_work(book)
    prefect = FakePrefect()
    create_runs(book, prefect.api())
    clock.advance(minutes=5)
    log(book, lead, outcome="refused")  # ends the follow-up: the later checkpoints are void
    assert delete_decided_runs(book, prefect.api()) == 3
    assert [run["name"] for run in prefect.runs.values()] == [f"lead {lead} · hand over"]
    assert delete_decided_runs(book, prefect.api()) == 0
    assert recreate_missing_runs(book, prefect.api()) == 0


def test_a_late_run_whose_verdict_another_gave_is_deleted(book: Book, clock: MovableClock) -> None:
    """However many were late at once: none of them keeps a worker busy for nothing."""
    won_month(book)
    lead = lead_in_work(book)
    prefect = FakePrefect()
    create_runs(book, prefect.api())
    clock.advance(hours=1, seconds=31)
    judge_all(book, actor="guard")
    assert delete_decided_runs(book, prefect.api()) == 1
    assert prefect.named(f"lead {lead} · 1 hour") == []
    assert delete_decided_runs(book, prefect.api()) == 0


def test_a_run_that_gave_its_verdict_is_kept(book: Book, clock: MovableClock) -> None:
    won_month(book)
    lead = lead_in_work(book)
    prefect = FakePrefect()
    create_runs(book, prefect.api())
    (run,) = prefect.named(f"lead {lead} · 1 hour")
    clock.advance(hours=1, seconds=1)
    judge_all(book, actor=f"flow-run:{run['id']}")
    assert delete_decided_runs(book, prefect.api()) == 0
    assert prefect.named(f"lead {lead} · 1 hour") == [run]


def test_a_run_that_has_begun_is_not_deleted(book: Book, clock: MovableClock) -> None:
    won_month(book)
    lead = lead_in_work(book)
    prefect = FakePrefect()
    create_runs(book, prefect.api())
    (run,) = prefect.named(f"lead {lead} · 1 hour")
    prefect.take(UUID(run["id"]), "PENDING")
    clock.advance(hours=1, seconds=31)
    judge_all(book, actor="guard")
    assert delete_decided_runs(book, prefect.api()) == 0
    assert prefect.named(f"lead {lead} · 1 hour") == [run]


@pytest.mark.parametrize("state", ["PENDING", "RUNNING"])
def test_a_run_beyond_its_timeout_has_died_with_its_worker(book: Book, state: str) -> None:
    won_month(book)
    lead = lead_in_work(book)
    prefect = FakePrefect()
    create_runs(book, prefect.api())
    (run,) = prefect.named(f"lead {lead} · hand over")
    night = prefect.api().start_run("monthly-ranking", {})
    for taken in (UUID(run["id"]), night):
        prefect.take(taken, state)
    prefect.now += timedelta(seconds=120) + MARGIN
    assert crash_dead_runs(book, prefect.api()) == 0
    prefect.now += timedelta(seconds=1)
    assert crash_dead_runs(book, prefect.api()) == 1
    assert (run["state_type"], prefect.runs[night]["state_type"]) == ("CRASHED", state)
    prefect.now += timedelta(hours=1)  # the month may take an hour
    assert crash_dead_runs(book, prefect.api()) == 1
    assert crash_dead_runs(book, prefect.api()) == 0


def test_only_a_run_that_was_taken_can_be_dead(book: Book) -> None:
    won_month(book)
    lead_in_work(book)
    prefect = FakePrefect()
    create_runs(book, prefect.api())
    prefect.now += timedelta(days=30)
    assert crash_dead_runs(book, prefect.api()) == 0


@pytest.mark.parametrize("name", TIMEOUTS)
def test_every_flow_ends_by_itself_in_the_time_it_is_given(name: str) -> None:
    from prefect.flows import load_flow_from_entrypoint

    module = name.replace("-", "_")
    flow = load_flow_from_entrypoint(f"flows.{module}.{module}", use_placeholder_flow=False)
    assert (flow.name, flow.timeout_seconds) == (name, TIMEOUTS[name])


def test_a_message_that_makes_no_sense_stops_no_other(book: Book) -> None:
    won_month(book)
    lead_in_work(book)
    spoilt = run_messages(book, MessageKind.RUN_CHECKPOINT)[0]
    with book.write() as tx:
        tx.session.execute(update(Message).where(col(Message.id) == spoilt.id).values(data={}))
    assert create_runs(book, FakePrefect().api()) == 3
    assert run_messages(book, MessageKind.RUN_CHECKPOINT)[0].state is MessageState.DEAD


def test_no_run_names_a_person(book: Book) -> None:
    won_month(book)
    lead_in_work(book)
    prefect = FakePrefect()
    create_runs(book, prefect.api())
    sent = str(list(prefect.runs.values()))
    assert "Петров" not in sent
    assert "client1@" not in sent
    assert "495" not in sent


def test_where_no_prefect_is_configured_the_loop_ends_at_once(book: Book, tmp_path: Path) -> None:
    keep_runs(book, Settings(home=tmp_path), Event())


def test_the_loop_outlives_a_prefect_that_is_away(book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    won_month(book)
    lead_in_work(book)
    stop = Event()
    loop = Thread(target=keep_runs, args=(book, Settings(home=tmp_path), stop))
    loop.start()
    stop.set()
    loop.join(30)
    assert not loop.is_alive()
    with book.read() as tx:
        states = set(tx.all(select(Message.state).where(col(Message.channel) == Channel.RUN)))
    assert states == {MessageState.PENDING}
