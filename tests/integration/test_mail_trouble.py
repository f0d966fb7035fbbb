"""What is said about mail that cannot be delivered: counted by when it was first due, until it has gone out."""

from datetime import timedelta

from models import Message
from rasti.ledger import messages
from rasti.ledger.book import Book
from rasti.ledger.mail_trouble import MailTrouble, mail_trouble
from rasti.ledger.messages import Fault
from rasti.ledger.resending import resend
from rasti.rules.kinds import MessageKind
from tests.builders import arrive, won_month
from tests.clock import MovableClock


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
    assert mail_trouble(book) == MailTrouble(0, 1, 1, due, "552 at MAIL FROM")
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
