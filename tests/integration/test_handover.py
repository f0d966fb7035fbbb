"""Arrival, hand-over, waiting and pacing (R7, R10, D8, D11, D14, D16, D17)."""

import pytest
from sqlmodel import col, select

from models import Message
from rasti.errors import Conflict, Forbidden
from rasti.ledger.book import Book
from rasti.ledger.desk import assign_lead, close_lead
from rasti.ledger.fallback import fall_back, violations_to_act_on
from rasti.ledger.handover import hand_over_waiting, open_lead
from rasti.ledger.leads import receive_lead
from rasti.ledger.tenures import decline, end_programme, switch_holder
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.ledger.views import lead_view, status_view
from rasti.rules.bodies import parse_lead
from rasti.rules.kinds import MessageKind
from tests.builders import MONTH, SECOND, STRANGER, THIRD, WINNER, add_cast, arrive, lead_data, receive, won_month
from tests.clock import MovableClock


def state(book: Book, lead_id: int) -> str:
    return str(lead_view(book, lead_id)["state"])


def partners(book: Book, lead_id: int) -> list[str]:
    return [attempt["partner"] for attempt in lead_view(book, lead_id)["attempts"]]  # type: ignore[attr-defined]


def kinds(book: Book, lead_id: int) -> list[str]:
    with book.read() as tx:
        return [str(kind) for kind in tx.all(select(Message.kind).where(col(Message.lead_id) == lead_id))]


def neglect(book: Book, clock: MovableClock, lead_id: int) -> None:
    """The partner receives the lead and lets the first hour pass."""
    receive(book, lead_id)
    clock.advance(hours=1, seconds=1)
    for checkpoint in due_checkpoints(book):
        judge_checkpoint(book, checkpoint)
    for violation in violations_to_act_on(book):
        fall_back(book, violation)


def test_a_new_lead_goes_to_the_holder_at_any_hour(book: Book, clock: MovableClock) -> None:
    won_month(book)
    clock.set("2019-09-05 03:00")
    lead = arrive(book)
    assert (state(book, lead), partners(book, lead)) == ("in_work", [WINNER])


def test_a_resent_lead_is_the_same_lead_and_a_changed_one_a_conflict(book: Book) -> None:
    """D17."""
    won_month(book)
    body = lead_data()
    first = receive_lead(book, parse_lead(body))
    again = receive_lead(book, parse_lead(body))
    assert (again.lead_id, again.created) == (first.lead_id, False)
    with pytest.raises(Conflict, match="request-1"):
        receive_lead(book, parse_lead(body | {"workplaces": 6}))
    assert kinds(book, first.lead_id).count(MessageKind.LEAD) == 1


@pytest.mark.parametrize("same", [{"phone": "8 (495) 000-00-01"}, {"email": "CLIENT1@client.example"}])
def test_the_same_client_is_attached_and_welcomed_and_the_partner_told(
    book: Book, clock: MovableClock, same: dict[str, str]
) -> None:
    won_month(book)
    first = arrive(book)
    clock.advance(days=10)
    repeat = receive_lead(book, parse_lead(lead_data(2, client=same)))
    assert (repeat.created, repeat.attached_to) == (True, first)
    assert partners(book, repeat.lead_id) == []
    assert kinds(book, repeat.lead_id).count(MessageKind.WELCOME) == 1
    assert MessageKind.LEAD_REPEATED in kinds(book, first)


def test_a_client_of_a_closed_or_older_lead_is_a_new_lead(book: Book, clock: MovableClock) -> None:
    won_month(book)
    closed = arrive(book)
    close_lead(book, closed, reason="done")
    second = receive_lead(book, parse_lead(lead_data(2, client={"phone": "+7 495 000-00-01"})))
    assert second.attached_to is None
    clock.advance(days=30, microseconds=1)
    assert receive_lead(book, parse_lead(lead_data(3, client={"email": "client2@client.example"}))).attached_to is None


def test_leads_wait_when_nobody_holds_and_drain_in_order_paced(book: Book, clock: MovableClock) -> None:
    """D16: moved ones first, then by the time of the request, ten in a rolling hour, in the call window."""
    add_cast(book)
    leads = [arrive(book, number) for number in range(1, 13)]
    assert hand_over_waiting(book) == []
    won_month(book)
    assert hand_over_waiting(book) == leads[:10]
    assert hand_over_waiting(book) == []
    clock.advance(minutes=30)
    assert arrive(book, 50) and state(book, leads[10]) == "waiting"  # a new one does not queue
    clock.advance(minutes=30)
    assert hand_over_waiting(book) == leads[10:]


def test_waiting_leads_are_not_handed_over_outside_the_call_window(book: Book, clock: MovableClock) -> None:
    add_cast(book)
    lead = arrive(book)
    won_month(book)
    clock.set("2019-09-03 08:59:59")
    assert hand_over_waiting(book) == []
    clock.set("2019-09-03 09:00:00")
    assert hand_over_waiting(book) == [lead]


def test_a_moved_lead_goes_before_the_others(book: Book, clock: MovableClock) -> None:
    won_month(book, places=(WINNER, SECOND))
    moved = arrive(book, 1)
    neglect(book, clock, moved)
    decline(book, MONTH, SECOND, reason="holidays")  # nobody left
    waiting = arrive(book, 2, requested_at="2019-09-01T00:00:00+03:00")
    switch_holder(book, THIRD, reason="asked")
    assert hand_over_waiting(book) == [moved, waiting]


def test_a_second_neglected_attempt_pauses_the_lead(book: Book, clock: MovableClock) -> None:
    """D14: recorded and switched as usual, but no third partner is toppled."""
    won_month(book)
    lead = arrive(book)
    neglect(book, clock, lead)
    hand_over_waiting(book)
    neglect(book, clock, lead)
    assert partners(book, lead) == [WINNER, SECOND]
    assert state(book, lead) == "paused"
    assert status_view(book)["holder"] == THIRD


def test_a_lead_that_would_go_back_is_left_to_an_operator(book: Book, clock: MovableClock) -> None:
    """D14."""
    won_month(book)
    lead = arrive(book)
    neglect(book, clock, lead)
    switch_holder(book, WINNER, reason="again")
    assert hand_over_waiting(book) == []
    assert state(book, lead) == "paused"
    assign_lead(book, lead, WINNER, reason="they promised")
    assert partners(book, lead) == [WINNER, WINNER]


def test_opening_starts_the_clock_once(book: Book, clock: MovableClock) -> None:
    """D11."""
    won_month(book)
    lead = arrive(book)
    open_lead(book, lead, WINNER)
    first = lead_view(book, lead)
    clock.advance(minutes=5)
    open_lead(book, lead, WINNER)
    assert lead_view(book, lead) == first
    with pytest.raises(Forbidden, match=STRANGER):
        open_lead(book, lead, STRANGER)


def test_an_undelivered_lead_starts_no_clock(book: Book, clock: MovableClock) -> None:
    won_month(book)
    lead = arrive(book)
    clock.advance(days=30)
    assert due_checkpoints(book) == []
    assert MessageKind.ALERT_UNDELIVERED in kinds(book, lead)


def test_leads_after_the_programme_are_stored_outside_it(book: Book, clock: MovableClock) -> None:
    """D8: the last tenure ends with the last lead month."""
    clock.set("2020-12-01 10:00")
    won_month(book, "2020-11")
    clock.set("2020-12-31 23:59:59")
    assert state(book, arrive(book, 1)) == "in_work"
    clock.set("2021-01-01 00:00")
    assert state(book, arrive(book, 2)) == "out_of_programme"
    assert status_view(book)["holder"] is None
    assert (end_programme(book), end_programme(book)) == (True, False)
