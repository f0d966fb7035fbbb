"""The order of a partner's list over all its pages, beside the order as one would say it."""

import pytest

from rasti.ledger import partner_leads
from rasti.ledger.book import Book
from rasti.ledger.desk import close_lead
from rasti.ledger.partner_leads import PAGE, LeadRow, Show, Wanted, all_leads, list_leads
from rasti.rules.kinds import CheckpointKind
from tests.builders import WINNER, arrive, follow_up, log, receive, won_month
from tests.clock import MovableClock


def as_one_would_say_it(row: LeadRow) -> tuple[int, float]:
    """Not yet opened, then by due time, then what needs nothing more, then what ended, the newest first."""
    if row.ended_at is not None:
        return 3, -row.ended_at.timestamp()
    if row.received_at is None:
        return 0, 0
    return (1, row.due.due_at.timestamp()) if row.due else (2, 0)


@pytest.fixture
def leads(book: Book, clock: MovableClock) -> list[int]:
    """Two pages of leads in every state: unopened, due, called, closed."""
    won_month(book)
    numbers = []
    for number in range(1, PAGE + 4):
        clock.advance(minutes=1)
        lead_id = arrive(book, number)
        numbers.append(lead_id)
        if number % 4:
            receive(book, lead_id)
        if number % 9 == 0:
            log(book, lead_id)
        if number % 7 == 0:
            close_lead(book, lead_id, reason="test")
    return numbers


def pages(book: Book, wanted: Wanted) -> list[LeadRow]:
    """All pages of a list, one after the other."""
    count = list_leads(book, WINNER, wanted).pages
    return [row for page in range(1, count + 1) for row in list_leads(book, WINNER, wanted, page=page).rows]


def test_pages_hold_every_lead_once_in_the_order_of_urgency(book: Book, leads: list[int]) -> None:
    rows = pages(book, Wanted(Show.ALL))
    assert sorted(row.lead_id for row in rows) == leads
    assert [as_one_would_say_it(row) for row in rows] == sorted(map(as_one_would_say_it, rows))
    assert {as_one_would_say_it(row)[0] for row in rows} == {0, 1, 3}
    for kind in CheckpointKind:
        expected = [row.lead_id for row in rows if row.due and row.due.kind is kind]
        assert [row.lead_id for row in pages(book, Wanted(checkpoint=kind))] == expected
    for asked, given in ((-3, 1), (0, 1), (2, 2), (99, 2)):
        assert list_leads(book, WINNER, Wanted(Show.ALL), page=asked).page == given


def test_a_long_list_of_what_is_in_hands_is_not_sorted_and_in_the_same_order(
    book: Book, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partner_leads, "SORTED", 0)
    won_month(book)
    received = []
    for number in range(1, 2 * PAGE + 21):
        clock.advance(seconds=20)
        lead_id = arrive(book, number)
        if number % 5:
            receive(book, lead_id)
            received.append(lead_id)
    for days in (0, 2, 6):
        clock.advance(days=days)
        for lead_id in received[::2]:
            log(book, lead_id, follow_up() if days else None)
    rows = all_leads(book, WINNER, Wanted())
    assert [row.lead_id for row in pages(book, Wanted())] == [row.lead_id for row in rows]
    parts = [as_one_would_say_it(row)[0] for row in rows]
    assert [parts.count(part) for part in (0, 1, 2)] == [14, 28, 28]  # each begins in the middle of a page
    soon = all_leads(book, WINNER, Wanted(Show.SOON))
    assert [row.lead_id for row in pages(book, Wanted(Show.SOON))] == [row.lead_id for row in soon]
    assert len(soon) == 28
