"""Verdicts over stored facts: on time, late, twice, out of order; what a contact does (D12, D15)."""

from datetime import timedelta

import pytest

from rasti.errors import BadInput, Forbidden, Refused
from rasti.ledger.book import Book
from rasti.ledger.contacts import Logged, begin_contact, log_contact
from rasti.ledger.fallback import fall_back, violations_to_act_on
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.ledger.views import lead_view, status_view
from rasti.rules.bodies import parse_contact
from rasti.rules.kinds import ContactEffect, LeadState, Verdict
from tests.builders import (
    SECOND,
    STRANGER,
    WINNER,
    arrive,
    contact_data,
    follow_up,
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


def test_a_contact_begun_in_time_and_completed_badly_is_judged_at_once(
    book: Book, clock: MovableClock, lead: int
) -> None:
    clock.advance(minutes=59)
    begin_contact(book, lead, WINNER)
    clock.advance(minutes=10)
    assert log(book, lead, checklist=["reached"]).effect is ContactEffect.KEPT
    assert verdicts(book, lead) == ["violated", "void", "void"]
    assert status_view(book)["holder"] == SECOND


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


def test_a_contact_in_the_future_is_refused(book: Book, clock: MovableClock, lead: int) -> None:
    body = parse_contact(contact_data(happened_at=(clock.now + timedelta(minutes=5)).isoformat()))
    with pytest.raises(BadInput, match="future"):
        log_contact(book, lead, body)


def test_a_stranger_is_refused(book: Book, lead: int) -> None:
    with pytest.raises(Forbidden, match=STRANGER):
        log(book, lead, partner=STRANGER)
    with pytest.raises(Forbidden, match=STRANGER):
        begin_contact(book, lead, STRANGER)


def test_a_former_holder_cannot_begin_a_contact(book: Book, clock: MovableClock, lead: int) -> None:
    clock.advance(hours=2)
    with pytest.raises(Refused, match=WINNER):
        begin_contact(book, lead, WINNER)
    assert verdicts(book, lead)[0] == Verdict.VIOLATED


@pytest.mark.parametrize("outcome", ["do_not_call", "wrong_contact"])
def test_a_former_holder_can_still_stop_the_calls(book: Book, clock: MovableClock, lead: int, outcome: str) -> None:
    """D15."""
    clock.advance(hours=1, seconds=1)
    logged = log(book, lead, outcome=outcome, checklist=["reached"])
    assert (logged.effect, logged.state) == (ContactEffect.AFTER_END, LeadState.PAUSED)
