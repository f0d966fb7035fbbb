"""The folder of the local mailbox cannot take a mail: it is not delivered, no part of it counts, it comes later."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlmodel import col, select

from models import Attempt, Message
from rasti.clients.mailbox import Mailbox, mail_server, read_mailbox
from rasti.clients.smtp import SmtpAddress, SmtpServer
from rasti.ledger.book import Book
from rasti.rules.kinds import MessageState
from rasti.settings import Settings
from rasti.steward.relay import Postman, deliver
from tests.builders import arrive, open_attempt, won_month
from tests.clock import MovableClock

ROOM = 700  # bytes; every mail has more


class Cramped:
    """Hands mail to a postman while no file may grow beyond `ROOM`: a mail is begun and cannot be finished."""

    def __init__(self, postman: Postman) -> None:
        self.postman = postman
        self.tried = 0

    def send(self, mail: EmailMessage) -> None:
        self.tried += 1
        with _no_file_larger_than(ROOM):
            self.postman.send(mail)

    def close(self) -> None:
        self.postman.close()


@contextmanager
def _no_file_larger_than(size: int) -> Iterator[None]:
    former, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (former, hard))


@pytest.fixture
def backend() -> str:
    """The outbox is the same on both."""
    return "sqlite"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mailbox"


@pytest.fixture(params=["written", "by SMTP"])
def postman(request: pytest.FixtureRequest, folder: Path) -> Iterator[Callable[[], Postman]]:
    """The mailbox itself, or the mail server that `rasti up` puts before it."""
    if request.param == "written":
        yield lambda: Mailbox(folder)
        return
    with mail_server(folder, 0) as port:
        yield lambda: SmtpServer(SmtpAddress("smtp", "127.0.0.1", port))


def states(book: Book) -> set[MessageState]:
    with book.read() as tx:
        return {message.state for message in tx.all(select(Message).where(col(Message.channel) == "mail"))}


def test_a_mail_that_cannot_be_written_whole_is_not_delivered(
    book: Book, clock: MovableClock, folder: Path, postman: Callable[[], Postman]
) -> None:
    won_month(book)
    lead = arrive(book)
    settings = Settings(home=folder.parent)
    cramped = Cramped(postman())
    assert deliver(book, settings, postman=cramped) == 0
    cramped.close()
    assert cramped.tried
    assert list(folder.iterdir()) == [], "not even a part of one"
    assert MessageState.SENT not in states(book)
    attempt = open_attempt(book, lead)
    assert attempt is not None
    assert attempt.received_at is None, "no clock has started"

    clock.advance(minutes=2)
    again = postman()
    assert deliver(book, settings, postman=again) >= 3
    again.close()
    assert {"lead", "welcome", "tenure_started"} <= {letter.kind for letter in read_mailbox(folder)}
    with book.read() as tx:
        assert tx.session.get_one(Attempt, attempt.id).received_at == clock.now


def test_what_a_killed_writer_left_is_no_mail(book: Book, folder: Path) -> None:
    won_month(book)
    deliver(book, Settings(home=folder.parent))
    mails = read_mailbox(folder)
    for letter in mails:
        letter.path.with_suffix(".4711.part").write_bytes(letter.path.read_bytes()[:ROOM])
    assert read_mailbox(folder) == mails
