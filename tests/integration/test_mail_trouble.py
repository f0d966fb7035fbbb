"""What is said about mail that cannot be delivered: counted by when it was first due, until it has gone out."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from models import AuditEvent, Message
from rasti.errors import NotFound, Refused
from rasti.ledger import messages
from rasti.ledger.book import Book
from rasti.ledger.bounces import BounceEffect, record_bounce
from rasti.ledger.desk import close_lead
from rasti.ledger.mail_trouble import PATIENCE, MailTrouble, mail_trouble, undelivered_alerts
from rasti.ledger.messages import Fault
from rasti.ledger.pulse import pulse
from rasti.ledger.resending import dismiss, list_undelivered, resend
from rasti.ledger.sign_in import request_link
from rasti.ledger.views import status_view
from rasti.rules.kinds import Channel, Event, MessageKind, MessageState, Trouble
from rasti.secret import load_secret
from rasti.settings import Settings
from rasti.steward.relay import deliver
from tests.builders import WINNER, arrive, neglect_first, receive, won_month
from tests.clock import MovableClock
from tests.post_office import FakePostman


def alert(book: Book, number: int = 1) -> None:
    with book.write() as tx:
        tx.send(MessageKind.ALERT_INCOMPLETE, f"{number}", month="2019-08", missing=[])


def test_mail_that_is_due_or_on_its_way_is_no_trouble(book: Book, clock: MovableClock) -> None:
    won_month(book)
    arrive(book)
    clock.advance(minutes=5)
    assert mail_trouble(book) is None


def test_mail_that_was_tried_is_counted_since_it_was_first_due_also_between_two_tries(
    book: Book, clock: MovableClock
) -> None:
    alert(book)
    due = clock.now
    for _try in range(6):
        clock.advance(minutes=15)
        (claim,) = messages.claim(book, "relay")
        messages.fail(book, claim, Fault.OURS, error="451 4.7.1 at RCPT TO")
        assert mail_trouble(book) == MailTrouble(1, 0, 1, due, "451 4.7.1 at RCPT TO")
    clock.advance(minutes=15)
    (claim,) = messages.claim(book, "relay")
    messages.complete(book, claim)
    assert mail_trouble(book) is None


def test_mail_that_was_given_up_is_counted_until_it_is_resent(book: Book, clock: MovableClock) -> None:
    alert(book)
    due = clock.now
    clock.advance(seconds=1)
    (claim,) = messages.claim(book, "relay")
    messages.fail(book, claim, Fault.MAIL, error="552 at MAIL FROM")
    clock.advance(days=3)
    assert mail_trouble(book) == MailTrouble(0, 1, 1, due, "552 at MAIL FROM", lost=1)
    resend(book, [claim.id])
    assert mail_trouble(book) is None


def test_the_last_answer_is_the_reason(book: Book, clock: MovableClock) -> None:
    alert(book, 1)
    alert(book, 2)
    first, second = messages.claim(book, "relay")
    messages.fail(book, second, Fault.OURS, error="450 at RCPT TO")
    clock.advance(seconds=1)
    messages.fail(book, first, Fault.MAIL, error="550 5.1.1 at RCPT TO")
    trouble = mail_trouble(book)
    assert trouble is not None
    assert (trouble.waiting, trouble.dead, trouble.reason) == (1, 1, "550 5.1.1 at RCPT TO")


def test_what_the_version_before_put_off_is_counted_too(book: Book, clock: MovableClock) -> None:
    """It knows no column for it."""
    alert(book)
    with book.write() as tx:
        (message,) = tx.all(messages.select(Message))
        message.not_before, message.error, message.tries = clock.now + timedelta(minutes=10), "451", 9
    assert mail_trouble(book) == MailTrouble(1, 0, 1, clock.now, "451")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def taken(book: Book, kind: MessageKind) -> messages.Claim:
    """The one mail of this kind that is due, in a relay's hands."""
    with book.read() as tx:
        its = tx.all(select(Message.id).where(col(Message.kind) == kind))
    (claim,) = messages.claim(book, "relay", only=its)
    return claim


def dies(book: Book, kind: MessageKind, error: str = "550 5.1.1 at RCPT TO") -> int:
    """The mail of this kind that is due is given up; its id."""
    claim = taken(book, kind)
    messages.fail(book, claim, Fault.MAIL, error=error)
    return claim.id


def came_back(book: Book, kind: MessageKind, status: str = "5.1.1") -> int:
    """The newest mail of this kind, which was sent, came back; its id."""
    with book.read() as tx:
        found = select(Message).where(col(Message.kind) == kind).order_by(col(Message.id).desc()).limit(1)
        message = tx.session.execute(found).scalar_one()
    assert record_bounce(book, message.external_id or "", status) is BounceEffect.MARKED
    return int(message.id)


def test_an_alert_that_came_back_is_told_like_one_that_was_given_up(
    book: Book, settings: Settings, clock: MovableClock
) -> None:
    """The address of the operators is wrong, behind a server that takes everything."""
    alert(book)
    deliver(book, settings, postman=FakePostman())
    clock.advance(minutes=2)
    returned = came_back(book, MessageKind.ALERT_INCOMPLETE)
    assert mail_trouble(book) == MailTrouble(0, 0, 1, clock.now, "5.1.1", bounced=1, lost=1)
    with book.read() as tx:
        assert [message.id for message in undelivered_alerts(tx)] == [returned]
    shown = status_view(book)["messages"]
    assert isinstance(shown, dict)
    assert [row["message"] for row in shown["alerts"]] == [returned]
    assert resend(book, [returned])
    assert mail_trouble(book) is None


def test_the_alert_of_a_mail_that_came_back_and_came_back_too_is_settled_with_that_mail(
    book: Book, settings: Settings
) -> None:
    won_month(book)
    arrive(book)
    deliver(book, settings, postman=FakePostman())
    lead_mail = came_back(book, MessageKind.LEAD)
    deliver(book, settings, postman=FakePostman())
    came_back(book, MessageKind.ALERT_BOUNCED)
    trouble = mail_trouble(book)
    assert trouble is not None
    assert trouble.lost == 1
    assert dismiss(book, lead_mail, reason="they were called")
    assert mail_trouble(book) is None


def test_the_welcome_of_a_lead_that_is_closed_is_no_trouble_and_no_since(
    book: Book, settings: Settings, clock: MovableClock
) -> None:
    won_month(book)
    lead = arrive(book)
    deliver(book, settings, postman=FakePostman(), limit=1)
    dies(book, MessageKind.WELCOME)
    deliver(book, settings, postman=FakePostman())
    trouble = mail_trouble(book)
    assert trouble is not None
    assert (trouble.dead, trouble.lost) == (1, 0)
    assert not trouble.needs_somebody(clock.now), "nobody waits for it as for a lead"
    clock.advance(days=300)
    alert(book)
    claim = taken(book, MessageKind.ALERT_INCOMPLETE)
    messages.fail(book, claim, Fault.OURS, error="451 4.7.1 at RCPT TO")
    trouble = mail_trouble(book)
    assert trouble is not None
    assert (trouble.since, trouble.needs_somebody(clock.now)) == (clock.now, False)
    assert trouble.needs_somebody(clock.now + PATIENCE)
    close_lead(book, lead, reason="asked")
    trouble = mail_trouble(book)
    assert trouble is not None
    assert trouble.dead == 0


def test_a_link_that_is_over_is_no_trouble(book: Book, settings: Settings, clock: MovableClock) -> None:
    won_month(book)
    deliver(book, settings, postman=FakePostman())
    request_link(book, f"{WINNER}@partner.example", sender="test", secret=load_secret(settings))
    dies(book, MessageKind.SIGN_IN)
    trouble = mail_trouble(book)
    assert trouble is not None
    assert trouble.dead == 1
    clock.advance(hours=1)
    assert mail_trouble(book) is None


def test_a_leads_mail_that_was_given_up_needs_somebody_at_once(book: Book, clock: MovableClock) -> None:
    won_month(book)
    arrive(book)
    dies(book, MessageKind.LEAD)
    trouble = mail_trouble(book)
    assert trouble is not None
    assert (trouble.lost, trouble.needs_somebody(clock.now)) == (1, True)


def given_up(book: Book, _settings: Settings) -> int:
    return dies(book, MessageKind.WELCOME)


def returned(book: Book, settings: Settings) -> int:
    deliver(book, settings, postman=FakePostman())
    return came_back(book, MessageKind.WELCOME)


@pytest.mark.parametrize("undelivered", [given_up, returned])
def test_what_an_operator_puts_aside_is_listed_no_more_and_the_trail_says_why(
    book: Book, settings: Settings, undelivered: Callable[[Book, Settings], int]
) -> None:
    won_month(book)
    lead = arrive(book)
    message = undelivered(book, settings)
    assert message in [row["message"] for row in list_undelivered(book)]
    assert dismiss(book, message, reason="the client was called")
    assert message not in [row["message"] for row in list_undelivered(book)]
    assert not dismiss(book, message, reason="again")
    with book.read() as tx:
        stored = tx.session.get_one(Message, message)
        (event,) = tx.all(select(AuditEvent).where(col(AuditEvent.event) == Event.MESSAGE_DISMISSED.value))
    assert (stored.state, event.lead_id) == (MessageState.VOID, lead)
    facts = {"message": message, "kind": "welcome", "reason": "the client was called"}
    assert event.data == (facts | {"bounce": "5.1.1"} if undelivered is returned else facts)
    assert resend(book) == []


def test_what_is_on_its_way_or_was_taken_and_a_lead_that_reached_nobody_are_not_put_aside(
    book: Book, settings: Settings
) -> None:
    won_month(book)
    arrive(book)
    lead_mail = dies(book, MessageKind.LEAD)
    deliver(book, settings, postman=FakePostman())
    with book.read() as tx:
        sent = tx.all(select(Message.id).where(col(Message.state) == MessageState.SENT))
    with pytest.raises(Refused, match="assign the lead"):
        dismiss(book, lead_mail, reason="x")
    with pytest.raises(Refused, match="nothing to put aside"):
        dismiss(book, sent[0], reason="x")
    with pytest.raises(NotFound):
        dismiss(book, 999, reason="x")


def test_a_list_and_a_number_have_one_condition(book: Book, settings: Settings) -> None:
    won_month(book)
    arrive(book)
    dies(book, MessageKind.WELCOME)
    deliver(book, settings, postman=FakePostman())
    came_back(book, MessageKind.LEAD)
    shown, now = status_view(book)["messages"], pulse(book)
    assert isinstance(shown, dict)
    found = {which: list_undelivered(book, trouble=which) for which in Trouble}
    assert (
        [len(found[which]) for which in (Trouble.DEAD, Trouble.BOUNCED)] == [shown["dead"], shown["bounced"]] == [1, 1]
    )
    assert (now.dead[Channel.MAIL], now.bounced) == (1, 1)
    (row,) = found[Trouble.BOUNCED]
    assert (row["state"], row["bounce"]) == ("bounced", "5.1.1")
    assert row["bounced_at"]


def test_a_run_that_is_left_to_whoever_recorded_the_violation_does_not_fail(book: Book, clock: MovableClock) -> None:
    won_month(book)
    receive(book, arrive(book))
    neglect_first(book, clock)
    claims = messages.claim(book, "runs", channel=Channel.RUN)
    messages.fail(book, claims[0], Fault.NOBODYS, error="left to the run that recorded the violation")
    assert pulse(book).failing[Channel.RUN] == 0
    messages.fail(book, claims[1], Fault.OURS, error="RuntimeError")
    assert pulse(book).failing[Channel.RUN] == 1
