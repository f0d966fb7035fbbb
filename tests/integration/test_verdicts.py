"""Verdicts over stored facts: on time, late, twice, out of order; what a contact does (D12, D15)."""

from datetime import timedelta

import pytest
from sqlmodel import col, select

from models import AuditEvent, Message, Violation
from rasti.errors import BadInput, Forbidden, Refused
from rasti.ledger.book import Book
from rasti.ledger.contacts import Logged, begin_contact, log_contact
from rasti.ledger.desk import assign_lead
from rasti.ledger.desk_leads import lead_file
from rasti.ledger.fallback import fall_back, violations_to_act_on
from rasti.ledger.partner_lead import partners_lead
from rasti.ledger.tenures import suspend
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.ledger.views import lead_view, status_view
from rasti.ledger.violations import record_violation
from rasti.rules.bodies import parse_contact, utc
from rasti.rules.kinds import CheckpointKind, ContactEffect, Event, LeadState, MessageKind, MessageState
from tests.builders import (
    SECOND,
    STRANGER,
    WINNER,
    arrive,
    contact_data,
    follow_up,
    neglect_first,
    no_answer,
    receive,
    won_month,
)
from tests.clock import MovableClock


@pytest.fixture
def lead(book: Book) -> int:
    """A lead of the winner, received at the clock's start."""
    won_month(book)
    lead_id = arrive(book)
    receive(book, lead_id)
    return lead_id


def log(book: Book, lead_id: int, **contact: object) -> Logged:
    happened = {"happened_at": book.clock(None).isoformat()}  # type: ignore[arg-type]
    return log_contact(book, lead_id, parse_contact(contact_data() | contact | happened))


def verdicts(book: Book, lead_id: int) -> list[str | None]:
    attempts: list[dict[str, list[dict[str, str | None]]]] = lead_view(book, lead_id)["attempts"]  # type: ignore[assignment]
    return [point["verdict"] for point in attempts[0]["checkpoints"]]


def judge_all(book: Book) -> int:
    return sum(judge_checkpoint(book, point).judged_now for point in due_checkpoints(book))


def test_a_lead_that_is_looked_after_is_closed_when_its_last_checkpoint_is_judged(
    book: Book, clock: MovableClock, lead: int
) -> None:
    for wait, contact in (({"minutes": 5}, contact_data()), ({"hours": 30}, follow_up()), ({"days": 8}, follow_up())):
        clock.advance(**wait)
        assert log(book, lead, **contact).effect is ContactEffect.COUNTED
    assert verdicts(book, lead) == ["met", "met", None]
    clock.advance(days=14)
    assert judge_all(book) == 1
    assert verdicts(book, lead) == ["met", "met", "met"]
    assert lead_view(book, lead)["state"] == "closed"
    assert judge_all(book) == 0


def test_a_contact_does_not_give_the_verdict_before_the_due_time(book: Book, clock: MovableClock, lead: int) -> None:
    log(book, lead)
    clock.advance(hours=1)  # exactly due: nothing is overdue yet
    assert due_checkpoints(book) == []
    clock.advance(microseconds=1)
    assert judge_all(book) == 1
    assert verdicts(book, lead) == ["met", None, None]


def test_a_verdict_names_who_gave_it_and_is_given_once(book: Book, clock: MovableClock, lead: int) -> None:
    clock.advance(hours=2)
    [checkpoint] = due_checkpoints(book)
    first = judge_checkpoint(book, checkpoint)
    again = judge_checkpoint(book, checkpoint)
    assert (first.judged_now, again.judged_now) == (True, False)
    assert first.violation_id == again.violation_id is not None
    attempts: list[dict[str, list[dict[str, str]]]] = lead_view(book, lead)["attempts"]  # type: ignore[assignment]
    assert attempts[0]["checkpoints"][0]["judged_by"] == "test"


def test_a_run_that_comes_too_early_is_told_when(book: Book, clock: MovableClock, lead: int) -> None:
    due = clock.now + timedelta(hours=1)
    clock.advance(hours=2)
    [checkpoint] = due_checkpoints(book)
    clock.set(due)
    judgement = judge_checkpoint(book, checkpoint)
    assert (judgement.verdict, judgement.not_before) == (None, due)


def test_calls_in_progress_do_not_hide_what_is_due_behind_them(book: Book, clock: MovableClock) -> None:
    won_month(book)
    leads = [arrive(book, number) for number in range(5)]
    for lead_id in leads:
        receive(book, lead_id)
        clock.advance(seconds=1)
    clock.advance(minutes=59)
    for lead_id in leads[:4]:
        begin_contact(book, lead_id, WINNER)
    clock.advance(minutes=2)
    behind = due_checkpoints(book)
    assert len(behind) == 1
    for limit in (1, 2, 3):
        assert due_checkpoints(book, limit=limit) == behind
    clock.advance(minutes=15)
    assert len(due_checkpoints(book, limit=3)) == 3
    assert len(due_checkpoints(book)) == 5


@pytest.mark.parametrize("late", [timedelta(microseconds=1), timedelta(hours=5), timedelta(days=40)])
def test_the_verdicts_are_the_same_on_time_and_late(
    book: Book, clock: MovableClock, lead: int, late: timedelta
) -> None:
    """D12: a neglected lead moved after its first hour, whenever that is found out; nothing after it is judged."""
    clock.advance(late, hours=1)
    for checkpoint in reversed(due_checkpoints(book)):  # out of order, too
        judge_checkpoint(book, checkpoint)
    for violation in violations_to_act_on(book):
        fall_back(book, violation)
    assert verdicts(book, lead) == ["violated", "void", "void"]
    assert lead_view(book, lead)["state"] == "waiting"


def test_a_contact_after_an_overdue_hour_has_no_effect(book: Book, clock: MovableClock, lead: int) -> None:
    clock.advance(hours=1, seconds=1)
    logged = log(book, lead)
    assert logged.effect is ContactEffect.AFTER_END
    assert status_view(book)["holder"] == SECOND
    assert verdicts(book, lead)[0] == "violated"


def test_a_contact_begun_in_time_counts_when_it_ends_late(book: Book, clock: MovableClock, lead: int) -> None:
    clock.advance(minutes=59)
    begun = begin_contact(book, lead, WINNER)
    assert begin_contact(book, lead, WINNER) == begun  # a second tap changes nothing
    clock.advance(minutes=14)
    assert due_checkpoints(book) == []  # the contact is waited for
    assert log(book, lead).effect is ContactEffect.COUNTED
    assert verdicts(book, lead)[0] == "met"  # given when it was completed


def test_a_contact_begun_in_time_and_never_completed_is_a_violation(book: Book, clock: MovableClock, lead: int) -> None:
    clock.advance(minutes=59)
    begin_contact(book, lead, WINNER)
    clock.advance(minutes=15)
    assert due_checkpoints(book) == []
    clock.advance(microseconds=1)
    assert judge_all(book) == 1
    assert verdicts(book, lead)[0] == "violated"


def test_a_log_with_an_incomplete_checklist_leaves_the_call_open_and_the_next_complete_one_completes_it(
    book: Book, clock: MovableClock, lead: int
) -> None:
    clock.advance(minutes=59)
    begun = begin_contact(book, lead, WINNER)
    clock.advance(minutes=10)
    incomplete = log(book, lead, checklist=["reached", "introduced", "left_contacts"])
    assert (incomplete.effect, incomplete.open_until) == (ContactEffect.KEPT, begun.until)
    assert incomplete.missing == ("about_cloud_request", "asked_questions")
    assert verdicts(book, lead) == [None, None, None]
    assert due_checkpoints(book) == []
    clock.set(begun.until)  # the last instant
    complete = log(book, lead)
    assert (complete.effect, complete.open_until, complete.missing) == (ContactEffect.COUNTED, None, ())
    assert verdicts(book, lead) == ["met", None, None]
    attempts: list[dict[str, list[dict[str, str]]]] = lead_view(book, lead)["attempts"]  # type: ignore[assignment]
    assert [contact["effect"] for contact in attempts[0]["contacts"]] == ["counted", "kept"], "nothing is lost"


def test_a_call_that_stays_incomplete_is_a_violation_when_its_time_is_over(
    book: Book, clock: MovableClock, lead: int
) -> None:
    clock.advance(minutes=59)
    begun = begin_contact(book, lead, WINNER)
    clock.advance(minutes=1)
    for _time in range(2):
        assert log(book, lead, checklist=["reached"]).open_until == begun.until
    clock.set(begun.until)
    assert due_checkpoints(book) == []
    clock.advance(microseconds=1)
    assert judge_all(book) == 1
    assert verdicts(book, lead)[0] == "violated"
    with book.read() as tx:
        [violation] = tx.all(select(Violation))
        assert violation.occurred_at == clock.now


@pytest.mark.parametrize(
    ("outcome", "checklist", "expected"),
    [("no_answer", [], "violated"), ("refused", ["reached"], "met"), ("wrong_contact", [], "void")],
)
def test_what_needs_no_checklist_completes_the_call(
    book: Book, clock: MovableClock, lead: int, outcome: str, checklist: list[str], expected: str
) -> None:
    """A call begun in time that ends in `wrong_contact` pauses and is no violation (D12)."""
    clock.advance(minutes=59)
    begin_contact(book, lead, WINNER)
    clock.advance(minutes=10)
    logged = log(book, lead, outcome=outcome, checklist=checklist)
    assert logged.open_until is None
    assert verdicts(book, lead)[0] == expected
    assert (status_view(book)["holder"] == WINNER) is (expected != "violated")
    assert (logged.state is LeadState.PAUSED) is (outcome == "wrong_contact")
    with book.read() as tx:
        instants = [violation.occurred_at for violation in tx.all(select(Violation))]
    assert instants == ([clock.now] if expected == "violated" else [])


def test_a_call_between_the_windows_has_no_checklist_and_is_completed(
    book: Book, clock: MovableClock, lead: int
) -> None:
    log(book, lead)
    clock.advance(hours=5)
    begin_contact(book, lead, WINNER)
    logged = log(book, lead, checklist=[])
    assert (logged.effect, logged.open_until) == (ContactEffect.KEPT, None)


def test_two_unanswered_calls_and_a_message_meet_the_first_hour(book: Book, clock: MovableClock, lead: int) -> None:
    for minutes, contact in ((1, no_answer()), (10, no_answer()), (1, no_answer(kind="message"))):
        clock.advance(minutes=minutes)
        effect = log(book, lead, **contact).effect
    assert effect is ContactEffect.COUNTED
    clock.advance(hours=1)
    judge_all(book)
    assert verdicts(book, lead)[0] == "met"


@pytest.mark.parametrize("outcome", ["refused", "bought", "do_not_call"])
def test_a_final_word_meets_its_window_and_closes_the_lead(
    book: Book, clock: MovableClock, lead: int, outcome: str
) -> None:
    clock.advance(minutes=5)
    logged = log(book, lead, outcome=outcome, checklist=["reached"])
    assert (logged.state, logged.effect) == (LeadState.CLOSED, ContactEffect.COUNTED)
    assert verdicts(book, lead) == ["met", "void", "void"]


def test_a_final_word_needs_reached(book: Book, lead: int) -> None:
    with pytest.raises(BadInput, match="reached"):
        log(book, lead, outcome="refused", checklist=[])
    assert lead_view(book, lead)["state"] == "in_work"


def test_a_wrong_contact_pauses_the_lead(book: Book, clock: MovableClock, lead: int) -> None:
    logged = log(book, lead, outcome="wrong_contact", checklist=[])
    assert logged.state is LeadState.PAUSED
    clock.advance(days=20)
    assert due_checkpoints(book) == []
    assert status_view(book)["holder"] == WINNER


def test_what_the_partner_says_about_the_time_is_kept_and_decides_nothing_also_in_the_future(
    book: Book, clock: MovableClock, lead: int
) -> None:
    """D12: a clock or a zone that is wrong must not cost a lead."""
    clock.advance(minutes=5)
    said = clock.now + timedelta(hours=3)
    logged = log_contact(book, lead, parse_contact(contact_data(happened_at=said.isoformat())))
    assert (logged.effect, logged.in_future) == (ContactEffect.COUNTED, True)
    assert "happened_at" in str(logged.notice(book.programme.zone))
    attempts: list[dict[str, list[dict[str, str]]]] = lead_view(book, lead)["attempts"]  # type: ignore[assignment]
    [contact] = attempts[0]["contacts"]
    assert (contact["happened_at"], contact["began_at"]) == (utc(said), utc(clock.now))


def test_a_device_a_little_ahead_is_not_told(book: Book, clock: MovableClock, lead: int) -> None:
    body = parse_contact(contact_data(happened_at=(clock.now + timedelta(seconds=30)).isoformat()))
    logged = log_contact(book, lead, body)
    assert (logged.in_future, logged.notice(book.programme.zone)) == (False, None)


def test_a_stranger_is_refused(book: Book, lead: int) -> None:
    with pytest.raises(Forbidden, match=STRANGER):
        log(book, lead, partner=STRANGER)
    with pytest.raises(Forbidden, match=STRANGER):
        begin_contact(book, lead, STRANGER)


def test_a_former_holder_cannot_begin_a_contact(book: Book, clock: MovableClock, lead: int) -> None:
    clock.advance(hours=2)
    with pytest.raises(Refused, match=WINNER):
        begin_contact(book, lead, WINNER)
    assert verdicts(book, lead) == [None, None, None], "a refused command writes nothing"
    assert judge_all(book) == 1


@pytest.mark.parametrize("outcome", ["do_not_call", "wrong_contact"])
def test_a_former_holder_is_heard_and_takes_no_lead_away(
    book: Book, clock: MovableClock, lead: int, outcome: str
) -> None:
    """D15: the present holder and the desk see it, operators are told once a lead and partner; nothing is paused."""
    neglect_first(book, clock)
    for word in (outcome, "wrong_contact", "do_not_call"):
        logged = log(book, lead, outcome=word, checklist=["reached"])
        assert (logged.effect, logged.state) == (ContactEffect.AFTER_END, LeadState.IN_WORK)
    assert lead_view(book, lead)["attempts"][-1]["ended_at"] is None  # type: ignore[index]
    assert [contact.outcome for contact in partners_lead(book, lead, SECOND).cautions][:1] == [outcome]
    assert partners_lead(book, lead, WINNER).cautions == []
    assert [partner for partner, _contact in lead_file(book, lead).cautions] == [WINNER] * 3
    with book.read() as tx:
        alerts = tx.all(select(Message.dedupe_key).where(col(Message.kind) == MessageKind.ALERT_AFTER_END))
        assert alerts == [f"alert_after_end:{lead}:{WINNER}"]


def test_other_words_of_a_former_holder_alert_nobody(book: Book, clock: MovableClock, lead: int) -> None:
    neglect_first(book, clock)
    assert log(book, lead, outcome="bought", checklist=["reached"]).effect is ContactEffect.AFTER_END
    assert partners_lead(book, lead, SECOND).cautions == []
    with book.read() as tx:
        assert tx.all(select(Message.id).where(col(Message.kind) == MessageKind.ALERT_AFTER_END)) == []


def test_a_suspended_partner_works_on_with_leads_in_their_hands_and_adds_nothing_to_others(
    book: Book, clock: MovableClock, lead: int
) -> None:
    """D10, D15."""
    suspend(book, WINNER, reason="unpaid")
    begin_contact(book, lead, WINNER)
    assert log(book, lead).effect is ContactEffect.COUNTED
    assign_lead(book, lead, SECOND, reason="moved by hand")
    with pytest.raises(Forbidden, match=WINNER):
        log(book, lead)


def test_a_satisfied_checkpoint_of_an_attempt_that_ends_becomes_met(book: Book, clock: MovableClock, lead: int) -> None:
    """D14."""
    log(book, lead)
    clock.advance(minutes=5)
    log(book, lead, outcome="wrong_contact", checklist=[])
    assert verdicts(book, lead) == ["met", "void", "void"]
    with book.read() as tx:
        judged = tx.all(select(AuditEvent).where(col(AuditEvent.event) == Event.CHECKPOINT_JUDGED.value))
        assert [event.data["verdict"] for event in judged] == ["met"]
        reminders = tx.all(select(Message.state).where(col(Message.kind) == MessageKind.REMINDER))
        assert set(reminders) == {MessageState.VOID}


def test_a_checkpoint_satisfied_before_the_clock_was_set_back_becomes_met_when_the_attempt_ends(
    book: Book, clock: MovableClock, lead: int
) -> None:
    log(book, lead)
    clock.advance(seconds=-8)  # by this clock its window is not open yet
    log(book, lead, outcome="wrong_contact", checklist=[])
    assert lead_view(book, lead)["state"] == "paused"
    assert verdicts(book, lead) == ["met", "void", "void"]


def test_a_violation_by_hand_leaves_a_satisfied_checkpoint_met_and_switches_all_the_same(
    book: Book, clock: MovableClock, lead: int
) -> None:
    """D13."""
    log(book, lead)
    first = record_violation(book, lead, CheckpointKind.FIRST_HOUR, reason="nobody introduced themselves")
    assert first.recorded_now
    assert verdicts(book, lead) == ["met", None, None]
    assert lead_view(book, lead)["state"] == "in_work"
    assert status_view(book)["holder"] == SECOND
    again = record_violation(book, lead, CheckpointKind.FIRST_HOUR, reason="again")
    assert (again.violation_id, again.recorded_now) == (first.violation_id, False)
    clock.advance(hours=2)
    assert judge_all(book) == 0
    assert status_view(book)["holder"] == SECOND


def test_a_violation_by_hand_makes_an_open_first_hour_violated_and_the_lead_moves(
    book: Book, clock: MovableClock, lead: int
) -> None:
    record_violation(book, lead, CheckpointKind.FIRST_HOUR, reason="the client complains")
    assert verdicts(book, lead) == ["violated", "void", "void"]
    assert status_view(book)["holder"] == SECOND


def test_violations_are_acted_on_in_order_also_when_a_command_about_a_lead_in_the_middle_comes_first(
    book: Book, clock: MovableClock
) -> None:
    won_month(book)
    leads = []
    for number in (1, 2, 3):
        leads.append(arrive(book, number))
        receive(book, leads[-1])
        clock.advance(minutes=5)
    clock.advance(hours=2)  # all three hours are over, and nobody has looked
    assign_lead(book, leads[1], STRANGER, reason="the client asked for it")
    with book.read() as tx:
        acted = select(AuditEvent).where(col(AuditEvent.event) == Event.VIOLATION_ACTED_ON.value)
        assert [event.lead_id for event in tx.all(acted.order_by(col(AuditEvent.id)))] == leads
