"""A lead that waits while nobody holds the leads has an alert (D9, I10): before the first month, and after the last."""

from dataclasses import replace

import pytest
from sqlmodel import col, select

from models import Message
from rasti.ledger.book import Book
from rasti.ledger.fallback import fall_back
from rasti.ledger.tenures import activate, end_programme
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.rules.kinds import MessageKind
from rasti.rules.month import Month
from rasti.settings import Settings
from rasti.steward.mails import compose
from tests.builders import MONTH, add_cast, arrive, lead_state, publish_places, receive, won_month
from tests.clock import MovableClock


@pytest.fixture
def ending(book: Book) -> Book:
    """The programme whose last reporting month is August: its leads end with September."""
    return replace(book, programme=book.programme.model_copy(update={"last_month": MONTH}))


def alerts(book: Book) -> list[Message]:
    with book.read() as tx:
        return tx.all(select(Message).where(col(Message.kind) == MessageKind.ALERT_EXHAUSTED).order_by(col(Message.id)))


def text_of(book: Book, message: Message, settings: Settings) -> str:
    with book.read() as tx:
        mail = compose(tx, message, settings)
        part = mail.get_body(("plain",))
        assert part is not None
        return str(part.get_content())


def test_leads_before_the_first_activation_alert_once_a_day(book: Book, clock: MovableClock) -> None:
    add_cast(book)
    arrive(book, 1)
    arrive(book, 2)
    assert len(alerts(book)) == 1
    clock.advance(days=1)
    arrive(book, 3)
    assert len(alerts(book)) == 2
    assert "rasti activate 2019-08" in text_of(book, alerts(book)[0], Settings(language="en"))


def test_with_a_holder_nobody_is_alerted(book: Book) -> None:
    won_month(book)
    arrive(book)
    assert alerts(book) == []


def test_a_lead_that_moves_after_the_last_month_alerts(ending: Book, clock: MovableClock) -> None:
    won_month(ending)
    clock.set("2019-09-30 19:30")
    lead = arrive(ending)
    receive(ending, lead)
    clock.set("2019-10-01 10:00")
    assert end_programme(ending)
    assert alerts(ending) == []
    (checkpoint,) = due_checkpoints(ending)
    violation = judge_checkpoint(ending, checkpoint).violation_id
    assert violation is not None
    fall_back(ending, violation)
    assert lead_state(ending, lead) == "waiting"
    (alert,) = alerts(ending)
    assert "rasti lead assign ID PARTNER" in text_of(ending, alert, Settings(language="en"))
    assert "Программа закончилась" in text_of(ending, alert, Settings(language="ru"))


def test_leads_that_wait_when_the_programme_ends_alert(ending: Book, clock: MovableClock) -> None:
    add_cast(ending)
    publish_places(ending)
    arrive(ending)
    activate(ending, Month.parse("2019-08"))
    # Nothing was handed over: the guard has not looked since.
    clock.set("2019-10-01 00:01")
    assert end_programme(ending)
    assert [message.data["why"] for message in alerts(ending)] == ["not_activated", "over"]
