"""Postmen and mail servers for tests: what is outside, as an object passed in."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

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


class Keeper:
    """A mail server's handler that keeps what it is given, byte for byte."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.contents.append(envelope.content)
        return "250 OK"


class Answers:
    """A mail server's manners: the answers it gives at `mail`, `rcpt`, `data` or to an address, and what it saw."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.once: dict[str, str] = {}  # given once instead
        self.closed = threading.Event()  # a session has ended
        self.mails: list[bytes] = []
        self.recipients: list[str] = []
        self.sessions: set[int] = set()

    async def handle_MAIL(self, _server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        self.sessions.add(id(session))
        answer = self.once.pop("mail", None) or self.answers.get("mail")
        if answer is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer or "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]) -> str:
        answer = self.once.pop("rcpt", None) or self.answers.get(address) or self.answers.get("rcpt")
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        answer = self.once.pop("data", None) or self.answers.get("data")
        if answer is None:
            self.mails.append(envelope.content)
            self.recipients.append(envelope.rcpt_tos[0])
        return answer or "250 OK"


class _Session(SMTP):
    """Says why it closes a session that was idle, as Postfix does; a handler with `closed` hears of every end."""

    def _timeout_cb(self) -> None:
        self.transport.write(b"421 4.4.2 localhost Error: timeout exceeded\r\n")  # type: ignore[union-attr]
        super()._timeout_cb()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if hasattr(self.event_handler, "closed"):
            self.event_handler.closed.set()


class _Controller(Controller):
    """Connects to itself, to see that it works, at the port it really has."""

    def factory(self) -> SMTP:
        return _Session(self.handler, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        listening: Any = self.server
        self.port = listening.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def smtp_server(handler: object, port: int = 0, **options: Any) -> Iterator[int]:
    """A real mail server on this machine with an aiosmtpd handler; yields its port."""
    controller = _Controller(handler, hostname="127.0.0.1", port=port, server_hostname="localhost", **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
