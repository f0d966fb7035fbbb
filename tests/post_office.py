"""Postmen and mail servers for tests: what is outside, as an object passed in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

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


class _Controller(Controller):
    """Connects to itself, to see that it works, at the port it really has."""

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
