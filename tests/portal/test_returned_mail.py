"""What came back, on the pages: the operator sees it and sends it again, the partner learns it of the welcome."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlmodel import col, select

from models import Message
from rasti.ledger.book import Book
from rasti.ledger.bounces import BounceEffect, record_bounce
from rasti.ledger.desk import assign_lead
from rasti.ledger.heartbeats import beat, note_failure
from rasti.portal.app import create_app
from rasti.rules.kinds import MessageKind, MessageState
from rasti.settings import Settings
from rasti.steward.relay import deliver
from tests.builders import SECOND, WINNER, arrive, won_month
from tests.portal.test_desk_today import figure
from tests.portal.visitors import Browser

NOT_ARRIVED = "Приветственное письмо не дошло"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"bounces": f"maildir:{tmp_path}/mail"})


@pytest.fixture
def lead(book: Book, settings: Settings) -> int:
    """A lead whose mails have been sent."""
    won_month(book)
    lead = arrive(book)
    deliver(book, settings)
    return lead


def came_back(book: Book, lead_id: int, kind: MessageKind, status: str = "5.1.1") -> int:
    """The mail of this kind of the lead bounced; the message's id."""
    with book.read() as tx:
        message = tx.session.execute(
            select(Message).where(col(Message.lead_id) == lead_id, col(Message.kind) == kind)
        ).scalar_one()
    assert record_bounce(book, message.external_id or "", status) is BounceEffect.MARKED
    return int(message.id)


def counted(operator: Browser) -> int:
    """How many messages that came back ask for the operator's decision."""
    page = operator.get("/desk").text
    number = figure(page, "/desk/messages?which=bounced")
    assert ("Ничего не ждёт решения" in page) is not bool(number)
    return number


def test_the_desk_counts_what_came_back_until_it_is_sent_again(book: Book, operator: Browser, lead: int) -> None:
    assert counted(operator) == 0
    message = came_back(book, lead, MessageKind.WELCOME)
    assert counted(operator) == 1
    page = operator.get("/desk/messages?which=bounced").text
    assert page.count('<th scope="row">') == 1
    assert "5.1.1" in page
    assert f'href="/desk/leads/{lead}"' in page
    answer = operator.post(f"/desk/messages/{message}/revive", {"which": "bounced"})
    assert answer.headers["location"] == "/desk/messages?which=bounced&said=revived"
    assert counted(operator) == 0
    with book.read() as tx:
        assert tx.session.get_one(Message, message).state is MessageState.PENDING


def test_the_button_of_the_list_leads_back_to_it(book: Book, operator: Browser, lead: int) -> None:
    message = came_back(book, lead, MessageKind.WELCOME)
    page = operator.get("/desk/messages?which=bounced").text
    form = re.search(rf'action="/desk/messages/{message}/revive">(.*?)</form>', page, re.S)
    assert form is not None
    assert '<input type="hidden" name="which" value="bounced">' in form[1]


def test_what_was_sent_and_did_not_come_back_is_not_sent_again(book: Book, operator: Browser, lead: int) -> None:
    with book.read() as tx:
        message = tx.session.execute(select(Message).where(col(Message.kind) == MessageKind.WELCOME)).scalar_one()
    answer = operator.post(f"/desk/messages/{message.id}/revive", {"which": "nonsense"})
    assert answer.headers["location"] == "/desk/messages?which=dead&said=same"


def test_the_leads_page_says_which_mail_came_back_and_why(book: Book, operator: Browser, lead: int) -> None:
    assert "вернулось" not in operator.get(f"/desk/leads/{lead}").text
    message = came_back(book, lead, MessageKind.LEAD, "5.2.2")
    page = operator.get(f"/desk/leads/{lead}").text
    assert f"Сообщение {message} (лид, партнёру) вернулось: 5.2.2" in page
    assert '<span class="badge bad">вернулось</span> <span class="muted">5.2.2</span>' in page
    assert "Сообщение вернулось" in page, "in the audit trail"
    assert "Сообщение вернулось" in operator.get("/desk/audit?event=message.bounced").text


def test_the_partner_learns_that_the_welcome_did_not_arrive(
    book: Book, partner: Callable[[str], Browser], lead: int
) -> None:
    browser = partner(WINNER)
    assert NOT_ARRIVED not in browser.get(f"/leads/{lead}").text
    came_back(book, lead, MessageKind.LEAD)
    assert NOT_ARRIVED not in browser.get(f"/leads/{lead}").text, "the partner's own mail is the operators' business"
    came_back(book, lead, MessageKind.WELCOME, "5.7.7")
    page = browser.get(f"/leads/{lead}").text
    assert NOT_ARRIVED in page
    assert "5.7.7" not in page


def test_a_partner_who_no_longer_sees_the_client_is_told_nothing(
    book: Book, partner: Callable[[str], Browser], lead: int
) -> None:
    came_back(book, lead, MessageKind.WELCOME)
    assign_lead(book, lead, SECOND, reason="asked")
    assert NOT_ARRIVED not in partner(WINNER).get(f"/leads/{lead}").text
    assert NOT_ARRIVED in partner(SECOND).get(f"/leads/{lead}").text


def test_the_welcome_of_a_repeated_request_is_told_beside_it(
    book: Book, settings: Settings, partner: Callable[[str], Browser], lead: int
) -> None:
    repeat = arrive(book, 2, client={"phone": "+7 495 000-00-01"})
    deliver(book, settings)
    came_back(book, repeat, MessageKind.WELCOME)
    page = partner(WINNER).get(f"/leads/{lead}").text
    assert NOT_ARRIVED not in page
    assert "приветственное письмо по нему не дошло" in page


def test_the_reader_of_bounces_is_shown_with_what_keeps_it_from_reading(book: Book, operator: Browser) -> None:
    assert "Чтение возвратов: <span" in operator.get("/desk").text
    assert operator.get("/desk").text.count("не запускалась") == 3
    for loop in ("relay", "guard", "bounces"):
        beat(book, loop)
    assert operator.get("/desk").text.count(">работает<") == 3
    note_failure(book, "bounces", "The mailbox at mail.vendor.example:993 cannot be read: TimeoutError.")
    page = operator.get("/desk").text
    assert page.count(">работает<") == 2
    assert "mail.vendor.example:993" in page


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_without_the_setting_nobody_looks_for_a_reader_of_bounces(
    book: Book, settings: Settings, operator: Browser
) -> None:
    app: FastAPI = operator.client.app  # type: ignore[assignment]
    app.state.site = create_app(book, settings.model_copy(update={"bounces": ""})).state.site
    assert "Чтение возвратов" not in operator.get("/desk").text


def test_metrics_count_what_came_back(book: Book, guest: Browser, lead: int) -> None:
    assert "rasti_messages_bounced 0.0" in guest.get("/metrics").text
    came_back(book, lead, MessageKind.WELCOME)
    assert "rasti_messages_bounced 1.0" in guest.get("/metrics").text
