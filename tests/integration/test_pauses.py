"""A paused lead waits for an operator, who is told each time (D12, D14, D15)."""

from sqlmodel import col, select

from models import Message
from rasti.ledger.book import Book
from rasti.ledger.desk import assign_lead
from rasti.ledger.fallback import fall_back, violations_to_act_on
from rasti.ledger.handover import hand_over_waiting
from rasti.ledger.tenures import switch_holder
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.rules.kinds import MessageKind
from tests.builders import SECOND, STRANGER, THIRD, WINNER, arrive, lead_state, receive, won_month
from tests.clock import MovableClock


def _neglect(book: Book, clock: MovableClock, lead: int) -> None:
    """The partner who has the lead lets its first hour pass; it waits then."""
    receive(book, lead)
    clock.advance(hours=1, seconds=1)
    for checkpoint in due_checkpoints(book):
        judge_checkpoint(book, checkpoint)
    for violation in violations_to_act_on(book):
        fall_back(book, violation)


def _pauses_told(book: Book) -> int:
    with book.read() as tx:
        return len(tx.all(select(Message.id).where(col(Message.kind) == MessageKind.ALERT_PAUSED)))


def test_a_lead_that_would_go_back_is_paused_and_told_each_time(book: Book, clock: MovableClock) -> None:
    won_month(book)
    lead = arrive(book)
    _neglect(book, clock, lead)
    assert lead_state(book, lead) == "waiting"
    switch_holder(book, WINNER, reason="agreed")
    assert hand_over_waiting(book) == []
    assert lead_state(book, lead) == "paused"
    assert _pauses_told(book) == 1

    # An assignment does not count (D14), so it moves and would go back once more.
    assign_lead(book, lead, STRANGER, reason="asked for it")
    _neglect(book, clock, lead)
    assert lead_state(book, lead) == "waiting"
    assert hand_over_waiting(book) == []
    assert lead_state(book, lead) == "paused"
    assert _pauses_told(book) == 2


def test_a_lead_neglected_twice_is_paused_and_a_third_partner_is_not_toppled(book: Book, clock: MovableClock) -> None:
    won_month(book)
    lead = arrive(book)
    _neglect(book, clock, lead)
    assert hand_over_waiting(book) == [lead]
    _neglect(book, clock, lead)
    assert lead_state(book, lead) == "paused"
    assert _pauses_told(book) == 1
    assert hand_over_waiting(book) == []
    assert assign_lead(book, lead, SECOND, reason="knows the client by now")
    assert not assign_lead(book, lead, SECOND, reason="again")
    assert assign_lead(book, lead, THIRD, reason="holds the leads")
