"""The envelope: one sender and one recipient, the same as in the header, or the mail is not sent."""

import contextlib
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from rasti.clients.envelope import Envelope, Unsendable, envelope_of
from rasti.clients.smtp import Rejected, SmtpAddress, SmtpServer
from tests.post_office import smtp_server

SENDER = "Заявки <rasti@vendor.example>"


def mail(to: str | None = "ann@client.example", sender: str = SENDER, **more: str) -> EmailMessage:
    made = EmailMessage()
    headers = {"From": sender, "To": to, "Subject": "Lead 1", "Message-ID": "<1@vendor.example>"} | more
    for name, value in headers.items():
        if value is not None:
            made[name.replace("_", "-")] = value
    made.set_content("Здравствуйте!\n")
    return made


class Rcpts:
    """A mail server that remembers who a mail was for."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[str]]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.seen.append((envelope.mail_from, envelope.rcpt_tos))
        return "250 OK"


@contextlib.contextmanager
def connected(rcpts: Rcpts) -> Iterator[SmtpServer]:
    with smtp_server(rcpts) as port:
        smtp = SmtpServer(SmtpAddress.parse(f"smtp://127.0.0.1:{port}"))
        with contextlib.closing(smtp):
            yield smtp


def test_the_envelope_is_what_the_headers_say() -> None:
    assert envelope_of(mail()) == Envelope("rasti@vendor.example", "ann@client.example")
    rcpts = Rcpts()
    with connected(rcpts) as smtp:
        smtp.send(mail())
    assert rcpts.seen == [("rasti@vendor.example", ["ann@client.example"])]


@pytest.mark.parametrize(
    "wrong",
    [
        mail(None),
        mail(""),
        mail("ann@client.example, victim@evil.test"),
        mail("=?utf-8?q?victim=40evil.test=2C?=x@client.example"),
        mail("g:ann@client.example,victim@evil.test;"),
        mail("имя@client.example"),
        mail("ann@почта.рф"),
        mail(sender="rasti@vendor.example, boss@vendor.example"),
        mail(Cc="victim@evil.test"),
        mail(Bcc="victim@evil.test"),
        mail(Resent_To="victim@evil.test"),
    ],
)
def test_a_mail_that_is_not_for_one_mailbox_alone_is_not_sent(wrong: EmailMessage) -> None:
    with pytest.raises(Unsendable) as refused:
        envelope_of(wrong)
    assert "@" not in str(refused.value)
    rcpts = Rcpts()
    with connected(rcpts) as smtp:
        with pytest.raises(Rejected) as rejected:
            smtp.send(wrong)
        assert "@" not in str(rejected.value)
    assert rcpts.seen == []
