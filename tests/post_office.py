"""Postmen for tests: what is outside, as an object passed in."""

from collections.abc import Callable
from email.message import EmailMessage

from rasti.clients.mailbox import KIND_HEADER


class FakePostman:
    """Keeps what it is given; `failing` may raise instead, depending on the mail."""

    def __init__(self, failing: Callable[[EmailMessage], Exception | None] = lambda _mail: None) -> None:
        self.failing = failing
        self.sent: list[EmailMessage] = []
        self.closed = False

    def send(self, mail: EmailMessage) -> None:
        error = self.failing(mail)
        if error is not None:
            raise error
        self.sent.append(mail)

    def close(self) -> None:
        self.closed = True

    def kinds(self) -> list[str]:
        """The kinds of what was sent, in order."""
        return [str(mail[KIND_HEADER]) for mail in self.sent]

    def of(self, kind: str) -> EmailMessage:
        """The one mail of a kind."""
        (mail,) = (mail for mail in self.sent if mail[KIND_HEADER] == kind)
        return mail
