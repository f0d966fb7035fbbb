"""What the desk shows of mail that cannot be delivered, and what an operator does about it."""

import pytest
from sqlmodel import col, select

from models import Message
from rasti.clients.mailbox import KIND_HEADER
from rasti.clients.smtp import Delayed, Rejected
from rasti.errors import Unavailable
from rasti.ledger.book import Book
from rasti.ledger.bounces import record_bounce
from rasti.ledger.heartbeats import beat
from rasti.ledger.messages import Fault, claim, fail
from rasti.ledger.resending import list_undelivered
from rasti.rules.kinds import Channel, MessageKind
from rasti.settings import Settings
from rasti.steward.relay import deliver
from tests.builders import SECOND, WINNER, arrive, open_attempt, won_month
from tests.clock import MovableClock
from tests.portal.test_health import metrics
from tests.portal.visitors import Browser
from tests.post_office import FakePostman

DOWN = Unavailable("{why}", why="connection refused")


@pytest.fixture
def lead(book: Book) -> int:
    """A lead whose mail has not gone out."""
    won_month(book)
    return arrive(book)


def post(error: Exception | None = None, kind: str | None = None) -> FakePostman:
    return FakePostman(lambda mail: error if kind is None or mail[KIND_HEADER] == kind else None)


def test_a_server_that_is_down_stands_on_the_desk_with_what_to_do(
    book: Book, settings: Settings, operator: Browser, guest: Browser, clock: MovableClock, lead: int
) -> None:
    assert 'role="alert"' not in operator.get("/desk").text
    deliver(book, settings, postman=post(DOWN))
    clock.advance(minutes=11)
    deliver(book, settings, postman=post(DOWN))
    page = operator.get("/desk").text
    assert "connection refused" in page
    assert "запущен ли почтовый сервер" in page
    assert "Оповещения, которые не удалось доставить почтой" in page
    assert page.count(f'<a href="/desk/leads/{lead}">') >= 2, "both alerts about the lead"
    answer = guest.get("/readyz").json()
    assert answer["status"] == "degraded"
    assert set(answer["reasons"]) >= {"mail_late", "mail_undelivered", "alerts_undelivered"}
    assert (answer["mail"]["waiting"], answer["mail"]["alerts"], answer["mail"]["reason"]) == (
        5,
        2,
        "connection refused",
    )
    found = metrics(guest)
    assert found["rasti_messages_due", "mail"] == 5
    assert found["rasti_messages_failing", "mail"] >= 1
    assert found["rasti_oldest_due_message_seconds", "mail"] == 660
    assert found[("rasti_alerts_undelivered",)] == 2


def test_between_two_tries_readyz_and_metrics_do_not_say_that_all_is_well(
    book: Book, settings: Settings, guest: Browser, clock: MovableClock, lead: int
) -> None:
    deliver(book, settings, postman=post(DOWN))
    assert guest.get("/readyz").json()["status"] == "ready", "the same patience as the sweep's"
    clock.advance(minutes=5)
    for _try in range(4):
        while deliver(book, settings, postman=post(DOWN)):
            pass
        clock.advance(seconds=5)
        assert guest.get("/readyz").json()["status"] == "degraded"
        assert metrics(guest)["rasti_messages_due", "mail"] == 3


def test_all_of_a_kind_is_sent_again_from_the_desk(
    book: Book, settings: Settings, operator: Browser, lead: int
) -> None:
    deliver(book, settings, postman=post(Rejected("{answer}", answer="550 5.1.1 at RCPT TO")))
    assert {row["kind"] for row in list_undelivered(book)} == {"lead", "welcome", "tenure_started"}
    page = operator.get("/desk/messages?which=dead").text
    assert "550 5.1.1 at RCPT TO" in page
    answer = operator.post("/desk/messages/resend", {"kind": "lead", "which": "dead"})
    assert answer.headers["location"] == "/desk/messages?which=dead&said=resent"
    assert "Они отправляются снова" in operator.get(answer.headers["location"]).text
    assert {row["kind"] for row in list_undelivered(book) if row["state"] == "dead"} == {"welcome", "tenure_started"}
    operator.post("/desk/messages/resend", {"kind": "", "which": "dead"})
    assert all(row["state"] == "pending" for row in list_undelivered(book))
    assert operator.post("/desk/messages/resend", {"kind": "leed"}).status_code == 422


def test_a_mail_that_waits_is_sent_at_once_from_the_desk(
    book: Book, settings: Settings, operator: Browser, lead: int
) -> None:
    deliver(book, settings, postman=post(DOWN), limit=1)
    (waiting,) = [row["message"] for row in list_undelivered(book) if row["reason"]]
    page = operator.get("/desk/messages?which=waiting").text
    assert f"/desk/messages/{waiting}/revive" in page
    answer = operator.post(f"/desk/messages/{waiting}/revive", {"which": "waiting"})
    assert answer.headers["location"] == "/desk/messages?which=waiting&said=revived"
    assert deliver(book, settings, postman=post()) == 3


@pytest.mark.parametrize("visitor", ["guest", "partner"])
def test_only_operators_send_again(
    book: Book, guest: Browser, request: pytest.FixtureRequest, visitor: str, lead: int
) -> None:
    browser = guest if visitor == "guest" else request.getfixturevalue("partner")(WINNER)
    fail(book, claim(book, "test", limit=1)[0], Fault.MAIL, error="550")
    assert browser.post("/desk/messages/resend").status_code in (303, 403)
    assert [row["state"] for row in list_undelivered(book)].count("dead") == 1


def test_a_lead_that_reached_nobody_says_so_and_goes_to_the_next_partner(
    book: Book, settings: Settings, operator: Browser, lead: int
) -> None:
    assert "не получил лид" not in operator.get(f"/desk/leads/{lead}").text
    deliver(book, settings, postman=post(Rejected("{answer}", answer="550 5.1.1 at RCPT TO"), kind="lead"))
    page = operator.get(f"/desk/leads/{lead}").text
    assert f"Партнёр {WINNER} не получил лид: 550 5.1.1 at RCPT TO" in page
    assert f"Передать следующему партнёру, {SECOND}" in page
    assert f'value="{SECOND}"' in operator.get(f"/desk/leads/{lead}/assign").text
    operator.post(f"/desk/leads/{lead}/assign", {"partner": SECOND, "reason": "their mail does not work"})
    attempt = open_attempt(book, lead)
    assert attempt is not None
    assert attempt.partner_code == SECOND
    assert "не получил лид" not in operator.get(f"/desk/leads/{lead}").text


def test_one_mail_that_a_server_puts_off_for_a_moment_degrades_nothing(
    book: Book, settings: Settings, operator: Browser, guest: Browser, clock: MovableClock, lead: int
) -> None:
    later = Delayed("{answer}", answer="450 4.2.0 at RCPT TO")
    deliver(book, settings, postman=post(later, kind="welcome"))
    clock.advance(minutes=2)
    for loop in ("relay", "guard"):
        beat(book, loop)
    assert guest.get("/readyz").json()["reasons"] == []
    assert operator.get("/desk").text.count(">работает<") == 2
    clock.advance(minutes=3)
    assert {"mail_late", "mail_undelivered"} <= set(guest.get("/readyz").json()["reasons"])


def test_the_desk_counts_mail_not_the_runs_that_wait_for_prefect(
    book: Book, operator: Browser, clock: MovableClock, lead: int
) -> None:
    with book.read() as tx:
        assert tx.all(select(Message.id).where(col(Message.channel) == Channel.RUN))
    page = operator.get("/desk").text
    assert "Письма, ждущие отправки: 3" in page
    assert operator.get("/desk/messages").text.count('<th scope="row">') == 3


def test_an_alert_that_came_back_stands_on_the_desk_in_readyz_and_in_metrics(
    book: Book, settings: Settings, operator: Browser, guest: Browser
) -> None:
    with book.write() as tx:
        tx.send(MessageKind.ALERT_INCOMPLETE, "1", month="2019-08", missing=[])
    deliver(book, settings, postman=post())
    with book.read() as tx:
        (message,) = tx.all(select(Message).where(col(Message.kind) == MessageKind.ALERT_INCOMPLETE))
    record_bounce(book, message.external_id or "", "5.1.1")
    page = operator.get("/desk").text
    assert "Оповещения, которые не удалось доставить почтой" in page
    assert "/desk/messages?which=bounced" in page
    assert "RASTI_OPERATOR_EMAIL" in operator.get("/desk/messages?which=bounced").text
    assert guest.get("/readyz").json()["reasons"] == ["mail_undelivered", "alerts_undelivered"]
    assert metrics(guest)[("rasti_alerts_undelivered",)] == 1


def test_an_operator_puts_a_mail_aside_with_a_reason(
    book: Book, settings: Settings, operator: Browser, lead: int
) -> None:
    refused = Rejected("{answer}", answer="550 5.1.1 at RCPT TO")
    deliver(book, settings, postman=post(refused, kind="welcome"))
    (dead,) = [row["message"] for row in list_undelivered(book)]
    assert f'action="/desk/messages/{dead}/dismiss"' in operator.get("/desk/messages?which=dead").text
    assert operator.post(f"/desk/messages/{dead}/dismiss", {"which": "dead", "reason": " "}).status_code == 422
    answer = operator.post(f"/desk/messages/{dead}/dismiss", {"which": "dead", "reason": "the client was called"})
    assert answer.headers["location"] == "/desk/messages?which=dead&said=dismissed"
    assert "Сообщение отложено" in operator.get(answer.headers["location"]).text
    assert list_undelivered(book) == []
    trail = operator.get("/desk/audit?event=message.dismissed").text
    assert "the client was called" in trail
    assert "Сообщение отложено" in trail
