"""The guard: what is due is done without Prefect: judge, fall back, hand over; and one bad item stops nothing."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from models import AuditEvent, Checkpoint, Contact
from rasti.errors import DatabaseUnavailable, Unavailable
from rasti.ledger.batches import each
from rasti.ledger.book import Book
from rasti.ledger.contacts import begin_contact
from rasti.ledger.desk import assign_lead
from rasti.ledger.fallback import fall_back
from rasti.ledger.partners import accept_regulation
from rasti.ledger.tenures import activate
from rasti.ledger.verdict_shares import VerdictShares, verdict_shares
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.ledger.views import lead_view, status_view
from rasti.rules.kinds import Event, MessageKind
from rasti.settings import Settings
from rasti.steward.guard import SweepReport, guard_round, sweep
from tests.builders import (
    MONTH,
    SECOND,
    STRANGER,
    WINNER,
    add_cast,
    arrive,
    lead_state,
    open_attempt,
    publish_places,
    receive,
    won_month,
)
from tests.clock import MovableClock
from tests.post_office import FakePostman

NOW = timedelta(0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, language="en")


def actors(book: Book, event: Event) -> set[str]:
    with book.read() as tx:
        return set(tx.all(select(AuditEvent.actor).where(col(AuditEvent.event) == event.value)))


def test_one_sweep_judges_falls_back_hands_over_and_delivers(
    book: Book, settings: Settings, clock: MovableClock
) -> None:
    won_month(book)
    lead = arrive(book)
    post = FakePostman()
    assert sweep(book, settings, grace=NOW, postman=post) == SweepReport(delivered=3)
    clock.advance(hours=1, seconds=1)
    post.sent.clear()
    report = sweep(book, settings, grace=NOW, postman=post)
    assert (report.judged, report.violations, report.switches, report.handed_over) == (1, 1, 1, 1)
    assert [attempt["partner"] for attempt in lead_view(book, lead)["attempts"]] == [WINNER, SECOND]  # type: ignore[attr-defined]
    assert report.delivered == len(post.sent)
    assert {"lead", "lead_taken", "tenure_ended", "tenure_started"} <= set(post.kinds())
    attempt = open_attempt(book, lead)
    assert attempt is not None
    assert attempt.received_at is not None, "the new partner has it"
    assert report.as_json() == {
        "delivered": report.delivered,
        "judged": 1,
        "violations": 1,
        "switches": 1,
        "handed_over": 1,
    }


def test_the_guards_verdicts_and_the_relays_mails_name_who_did_it(
    book: Book, settings: Settings, clock: MovableClock
) -> None:
    won_month(book)
    arrive(book)
    sweep(book, settings, grace=NOW, postman=FakePostman())
    clock.advance(hours=2)
    sweep(book, settings, grace=NOW, postman=FakePostman())
    for event in (Event.CHECKPOINT_JUDGED, Event.VIOLATION_RECORDED, Event.VIOLATION_ACTED_ON):
        assert actors(book, event) == {"guard"}
    assert actors(book, Event.MESSAGE_SENT) == actors(book, Event.LEAD_RECEIVED) == {"relay"}


def test_a_second_sweep_finds_the_work_done(book: Book, settings: Settings, clock: MovableClock) -> None:
    won_month(book)
    arrive(book)
    sweep(book, settings, grace=NOW, postman=FakePostman())
    clock.advance(hours=1, seconds=1)
    sweep(book, settings, grace=NOW, postman=FakePostman())
    assert sweep(book, settings, grace=NOW, postman=FakePostman()) == SweepReport()


def test_five_neglected_leads_make_one_switch(book: Book, clock: MovableClock) -> None:
    """D13."""
    won_month(book)
    for number in range(5):
        receive(book, arrive(book, number))
    clock.advance(hours=1, seconds=1)
    report = guard_round(book, grace=NOW)
    assert report == SweepReport(judged=5, violations=5, switches=1, handed_over=5)


def test_within_the_grace_everything_is_left_to_the_normal_path(book: Book, clock: MovableClock) -> None:
    won_month(book)
    receive(book, arrive(book))
    clock.advance(hours=1, seconds=30)
    assert guard_round(book, grace=timedelta(seconds=30)) == SweepReport()
    clock.advance(seconds=1)
    assert guard_round(book, grace=timedelta(seconds=30)).switches == 1


def test_a_violation_nobody_acted_on_is_acted_on_after_the_grace(book: Book, clock: MovableClock) -> None:
    won_month(book)
    receive(book, arrive(book))
    clock.advance(hours=1, seconds=1)
    (checkpoint,) = due_checkpoints(book)
    judge_checkpoint(replace(book, actor="flow-run:1"), checkpoint)  # and the run dies here
    assert guard_round(book, grace=timedelta(seconds=30)) == SweepReport()
    clock.advance(seconds=30)
    assert guard_round(book, grace=timedelta(seconds=30)) == SweepReport(switches=1, handed_over=1)


def test_a_violation_within_its_grace_is_acted_on_in_its_place_among_the_guards(
    book: Book, clock: MovableClock
) -> None:
    """D13: the winner's of 11:00 first, whose walk does not see the second's of 11:05; that of 11:10 waits for it."""
    won_month(book)
    leads = []
    for number in range(4):
        leads.append(arrive(book, number))
        if number == 1:
            assign_lead(book, leads[1], SECOND, reason="asked")
        receive(book, leads[-1])
        clock.advance(minutes=5)
    clock.advance(minutes=56)
    third = due_checkpoints(book)[2]
    judge_checkpoint(replace(book, actor="flow-run:1"), third)  # and the run dies here
    clock.advance(seconds=10)
    report = guard_round(book, grace=timedelta(seconds=30))
    assert (report.judged, report.violations, report.failed) == (3, 3, 0)
    assert status_view(book)["holder"] == SECOND


def test_what_somebody_has_to_wait_for_is_done_in_the_guards_name(book: Book, clock: MovableClock) -> None:
    """A partner who accepts the regulation judges nobody else's leads."""
    won_month(book, not_ready=(STRANGER,))
    lead = arrive(book)
    receive(book, lead)
    clock.advance(hours=1, seconds=1)
    accept_regulation(replace(book, actor=f"partner:{STRANGER}"), STRANGER)
    for event in (Event.CHECKPOINT_JUDGED, Event.VIOLATION_RECORDED, Event.VIOLATION_ACTED_ON):
        assert actors(book, event) == {"guard"}
    assert actors(book, Event.PARTNER_ACCEPTED) == {f"partner:{STRANGER}"}
    assert verdict_shares(book) == VerdictShares(guard=1, runs=0)


def test_a_flow_run_signs_for_what_it_has_to_wait_for(book: Book, clock: MovableClock) -> None:
    won_month(book)
    for number in range(2):
        receive(book, arrive(book, number))
        clock.advance(seconds=1)
    clock.advance(hours=1)
    later = judge_checkpoint(replace(book, actor="flow-run:2"), due_checkpoints(book)[1])
    assert later.violation_id is not None
    fall_back(replace(book, actor="flow-run:2"), later.violation_id)
    assert verdict_shares(book) == VerdictShares(guard=0, runs=2)


def test_a_contact_begun_in_time_is_waited_for(book: Book, clock: MovableClock) -> None:
    """D12."""
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    clock.advance(minutes=55)
    begin_contact(book, lead, WINNER)
    clock.advance(minutes=15)
    assert guard_round(book, grace=NOW) == SweepReport()
    clock.advance(seconds=1)
    assert guard_round(book, grace=NOW).violations == 1


def test_all_overdue_checkpoints_of_a_lead_are_counted(book: Book, clock: MovableClock) -> None:
    from rasti.ledger.contacts import log_contact
    from rasti.rules.bodies import parse_contact
    from tests.builders import contact_data

    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    clock.advance(minutes=10)
    log_contact(book, lead, parse_contact(contact_data(happened_at=clock.now.isoformat())))
    clock.advance(days=20)
    report = guard_round(book, grace=NOW)
    assert (report.judged, report.violations, report.switches) == (3, 2, 1)
    assert lead_state(book, lead) == "closed"


def test_a_poison_checkpoint_is_reported_and_the_rest_is_judged(
    book: Book, clock: MovableClock, caplog: pytest.LogCaptureFixture
) -> None:
    won_month(book)
    poisoned, healthy = arrive(book, 1), arrive(book, 2)
    attempt = receive(book, poisoned)
    receive(book, healthy)
    clock.advance(minutes=1)
    begin_contact(book, poisoned, WINNER)
    with book.write() as tx:  # a word that this version does not know, as a newer one may have written it
        contact = tx.all(select(Contact).where(col(Contact.attempt_id) == attempt))[0]
        contact.checklist = ["something new"]
    clock.advance(hours=1)
    report = guard_round(book, grace=NOW)
    assert (report.judged, report.violations, report.failed) == (1, 1, 1)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["guard.judge_failed"]
    assert guard_round(book, grace=NOW) == SweepReport(failed=1), "it is found again, and does not hang the round"
    with book.read() as tx:
        verdicts = tx.all(select(Checkpoint.verdict).where(col(Checkpoint.attempt_id) == attempt))
        assert set(verdicts) == {None}


def test_waiting_leads_are_handed_over_when_somebody_holds(book: Book, settings: Settings) -> None:
    """D16."""
    add_cast(book)
    lead = arrive(book)
    post = FakePostman()
    sweep(book, settings, grace=NOW, postman=post)
    assert post.kinds() == ["welcome", "alert_exhausted"]
    publish_places(book)
    activate(book, MONTH)
    report = sweep(book, settings, grace=NOW, postman=post)
    assert (report.handed_over, report.delivered) == (1, 2)
    assert lead_state(book, lead) == "in_work"


def test_the_last_tenure_ends_with_the_last_lead_month(book: Book, clock: MovableClock) -> None:
    """D8."""
    clock.set("2020-12-01 10:00")
    won_month(book, "2020-11")
    clock.set("2021-01-01 00:00")
    guard_round(book, grace=NOW)
    assert status_view(book)["holder"] is None
    with book.read() as tx:
        ended = tx.all(select(AuditEvent).where(col(AuditEvent.event) == Event.TENURE_ENDED.value))
        assert [event.data["reason"] for event in ended] == ["programme_ended"]


def test_without_prefect_nothing_waits_for_it(book: Book, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    won_month(book)
    arrive(book)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")  # nobody listens there
    post = FakePostman()
    assert sweep(book, Settings(home=settings.home), grace=NOW, postman=post).delivered == 3
    assert MessageKind.LEAD in post.kinds()


def test_an_item_that_needs_what_cannot_be_used_is_left_alone_and_a_database_that_is_away_ends_the_round(
    book: Book,
) -> None:
    def do(_book: Book, items: list[int]) -> list[int]:
        if 2 in items:
            raise Unavailable("The secret {path} cannot be used: {why}.", path="secret.key", why="not readable")
        if 9 in items:
            raise DatabaseUnavailable("connection refused")
        return items

    assert each("guard.judge_failed", do, book, [1, 2, 3], kind="checkpoint") == [1, None, 3]
    with pytest.raises(DatabaseUnavailable):
        each("guard.judge_failed", do, book, [1, 9], kind="checkpoint")
