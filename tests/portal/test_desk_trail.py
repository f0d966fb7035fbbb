"""The audit trail of anything, and messages that were not delivered."""

import pytest
from sqlmodel import select

from models import AuditEvent, Message
from rasti.ledger.book import Book
from rasti.ledger.desk import close_lead
from rasti.ledger.messages import Fault, claim, fail
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.rules.kinds import MessageState
from tests.builders import SECOND, WINNER, arrive, follow_up, log, receive, won_month
from tests.clock import MovableClock
from tests.portal.conftest import OPERATOR
from tests.portal.visitors import Browser


def trail(operator: Browser, **query: object) -> str:
    answer = operator.get("/desk/audit", params=query)
    assert answer.status_code == 200
    return answer.text.partition('<ol class="timeline')[2]


def test_the_trail_is_filtered_by_lead_partner_event_and_actor(book: Book, operator: Browser) -> None:
    won_month(book)
    one, other = arrive(book, 1), arrive(book, 2)
    operator.post(f"/desk/leads/{one}/assign", {"partner": SECOND, "reason": "просьба клиента"})
    of_lead = trail(operator, lead=one)
    assert "lead.arrived" in of_lead
    assert f'href="/desk/leads/{other}"' not in of_lead
    assert "lead.assigned" in trail(operator, partner=SECOND)
    assert "lead.assigned" not in trail(operator, partner=WINNER)
    assert trail(operator, event="lead.arrived").count("<strong>") == 2
    by_operator = trail(operator, actor=f"operator:{OPERATOR}")
    assert by_operator.count("<strong>") == 1
    assert "просьба клиента" in by_operator


def test_the_trail_is_filtered_by_days_of_the_programmes_zone(
    book: Book, operator: Browser, clock: MovableClock
) -> None:
    won_month(book)
    arrive(book)
    clock.set("2019-09-02 10:30")
    assert "lead.arrived" in trail(operator, since="2019-09-02", until="2019-09-02")
    assert "lead.arrived" not in trail(operator, since="2019-09-03")
    assert "lead.arrived" not in trail(operator, until="2019-09-01")
    assert "lead.arrived" in trail(operator, since="yesterday", lead="all", before="x")


def test_the_trail_is_read_page_by_page_from_the_newest(book: Book, operator: Browser) -> None:
    won_month(book)
    for number in range(1, 31):
        arrive(book, number)
    with book.read() as tx:
        ids = sorted(tx.all(select(AuditEvent.id)), reverse=True)
    first = trail(operator)
    assert [f"№ {id_}<" in first for id_ in (ids[0], ids[49], ids[50])] == [True, True, False]
    second = trail(operator, before=ids[49])
    assert [f"№ {id_}<" in second for id_ in (ids[49], ids[50])] == [False, True]
    assert f"before={ids[49]}" in first


def test_facts_are_said_in_words(book: Book, operator: Browser) -> None:
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    page = trail(operator, lead=lead)
    assert "Партнёр получил лид" in page
    assert "сразу при поступлении" in page
    assert "02.09.2019 10:00" in page


def test_why_a_lead_was_closed_is_said_in_words(
    book: Book, clock: MovableClock, request: pytest.FixtureRequest
) -> None:
    won_month(book)
    refused, closed, done = (arrive(book, number) for number in (1, 2, 3))
    receive(book, done)
    log(book, refused, outcome="refused")
    close_lead(book, closed, reason="просьба клиента")
    log(book, done)
    for days in (3, 12):
        clock.advance(days=days)
        log(book, done, follow_up())
        for checkpoint in due_checkpoints(book):
            judge_checkpoint(book, checkpoint)
    operator = request.getfixturevalue("operator")  # now: a session does not last for two weeks
    assert "почему:</span> клиент отказался" in trail(operator, lead=refused, event="lead.closed")
    assert "почему:</span> закрыл оператор" in trail(operator, lead=closed, event="lead.closed")
    assert "почему:</span> сроков больше нет" in trail(operator, lead=done, event="lead.closed")


@pytest.fixture
def dead(book: Book) -> int:
    """A message that was given up."""
    won_month(book)
    arrive(book)
    found = claim(book, "test", limit=1)[0]
    fail(book, found, Fault.MAIL, error="550 no such mailbox")
    return found.id


def state_of(book: Book, message_id: int) -> MessageState:
    with book.read() as tx:
        return tx.session.get_one(Message, message_id).state


def test_a_dead_message_is_shown_with_its_error_and_tried_again(book: Book, operator: Browser, dead: int) -> None:
    page = operator.get("/desk/messages?which=dead").text
    assert "550 no such mailbox" in page
    assert f"/desk/messages/{dead}/revive" in page
    answer = operator.post(f"/desk/messages/{dead}/revive")
    assert answer.headers["location"] == "/desk/messages?which=dead&said=revived"
    assert state_of(book, dead) is MessageState.PENDING
    assert "message.revived" in trail(operator, event="message.revived")


def test_what_is_not_dead_is_not_tried_again(book: Book, operator: Browser, dead: int) -> None:
    operator.post(f"/desk/messages/{dead}/revive")
    assert operator.post(f"/desk/messages/{dead}/revive").headers["location"].endswith("said=same")
    assert operator.post("/desk/messages/999/revive").status_code == 404


def test_messages_whose_time_has_come_are_listed_and_later_ones_are_not(
    book: Book, operator: Browser, clock: MovableClock
) -> None:
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    page = operator.get("/desk/messages").text
    assert "лид, партнёру" in page
    assert "напоминание, партнёру" not in page
    clock.advance(minutes=45)
    assert "напоминание, партнёру" in operator.get("/desk/messages").text
