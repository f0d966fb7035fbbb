"""Sends mail over SMTP: one connection, kept open, opened again when it was lost.

What goes wrong is one of three errors, none with an address in it:
Unavailable   the server, for every mail: unreachable, busy, the login or the sender refused
Delayed       this mail, now: try again later (4xx)
Rejected      this mail, for good (5xx)
"""

import re
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from rasti.clients.envelope import Unsendable, envelope_of
from rasti.errors import BadInput, RastiError, Unavailable

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class Delayed(RastiError):
    """The server does not take this mail now."""


class Rejected(RastiError):
    """The server will never take this mail."""


@dataclass(frozen=True)
class SmtpAddress:
    """Where a mail server is and how to log in, as RASTI_SMTP_URL says it."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = ""

    @classmethod
    def parse(cls, url: str) -> "SmtpAddress":
        """Read a URL such as smtp+starttls://user:password@host:587. Raises BadInput, without the password."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in _PORTS or parts.path not in ("", "/") or parts.query:
            raise BadInput(
                "RASTI_SMTP_URL is wrong: write {form}.",
                field="RASTI_SMTP_URL",
                form="smtp://, smtp+starttls:// or smtps://[user:password@]host[:port]",
            )
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], user, password)


class SmtpServer:
    """A mail server; not shared by threads."""

    def __init__(self, address: SmtpAddress, *, timeout: float = 20.0, tls: ssl.SSLContext | None = None) -> None:
        self.address = address
        self.timeout = timeout  # seconds for each answer
        self.tls = tls or ssl.create_default_context()
        self._connection: smtplib.SMTP | None = None

    def send(self, mail: EmailMessage) -> None:
        """Hand a mail over; returned: the server answered 250. Raises Unavailable, Delayed, Rejected."""
        reused = self._connection is not None
        try:
            self._send(mail)
        except (smtplib.SMTPServerDisconnected, ConnectionError) as error:
            self.close()
            if not reused:
                raise self._unavailable("lost") from error
            # A server closes a connection that was idle: that is no failure yet. If the mail got through all the same,
            # its Message-ID tells the recipient that the second one is a copy.
            try:
                self._send(mail)
            except (smtplib.SMTPServerDisconnected, OSError) as again:
                self.close()
                raise self._unavailable("lost") from again
        except OSError as error:
            self.close()
            raise self._unavailable(type(error).__name__) from error

    def close(self) -> None:
        """Close the connection, politely if that is still possible."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.quit()
            except (smtplib.SMTPException, OSError):
                connection.close()

    def _send(self, mail: EmailMessage) -> None:
        connection = self._connection or self._connect()
        try:
            envelope = envelope_of(mail)
            connection.send_message(mail, from_addr=envelope.sender, to_addrs=[envelope.recipient])
        except Unsendable as error:
            raise Rejected(error.template, **error.values) from None
        except smtplib.SMTPRecipientsRefused as error:
            code, answer = next(iter(error.recipients.values()))
            raise self._refused(code, answer) from None
        except smtplib.SMTPSenderRefused as error:
            # The same sender stands on every mail.
            self.close()
            raise self._unavailable(_answer(error.smtp_code, error.smtp_error)) from None
        except smtplib.SMTPResponseException as error:
            raise self._refused(error.smtp_code, error.smtp_error) from None
        except (smtplib.SMTPNotSupportedError, ValueError, UnicodeError) as error:
            raise Rejected("The mail cannot be sent: {why}.", why=type(error).__name__) from None

    def _connect(self) -> smtplib.SMTP:
        at = self.address
        # smtplib looks its own name up in the DNS, which on this machine alone would be slow for nothing.
        name = "localhost" if at.host in _THIS_MACHINE else None
        timeout = self.timeout
        try:
            if at.scheme == "smtps":
                connection: smtplib.SMTP = smtplib.SMTP_SSL(at.host, at.port, name, timeout=timeout, context=self.tls)
            else:
                connection = smtplib.SMTP(at.host, at.port, name, timeout=timeout)
        except smtplib.SMTPResponseException as error:
            raise self._unavailable(_answer(error.smtp_code, error.smtp_error)) from None
        try:
            if at.scheme == "smtp+starttls":
                connection.starttls(context=self.tls)
            if at.user:
                connection.login(at.user, at.password)
            connection.ehlo_or_helo_if_needed()
        except smtplib.SMTPResponseException as error:
            connection.close()
            raise self._unavailable(_answer(error.smtp_code, error.smtp_error)) from None
        except smtplib.SMTPServerDisconnected:
            connection.close()
            raise
        except smtplib.SMTPException as error:
            connection.close()
            raise self._unavailable(type(error).__name__) from None
        except OSError:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _refused(self, code: int, answer: bytes | str) -> RastiError:
        if code == 421:
            # It closes the connection: too busy, or going down.
            self.close()
            return self._unavailable(_answer(code, answer))
        if 500 <= code < 600:
            return Rejected("The mail server answered {answer}.", answer=_answer(code, answer))
        return Delayed("The mail server answered {answer}.", answer=_answer(code, answer))

    def _unavailable(self, why: str) -> Unavailable:
        return Unavailable(
            "The mail server {host}:{port} cannot be used now: {why}.",
            host=self.address.host,
            port=self.address.port,
            why=why,
        )


def _answer(code: int, answer: bytes | str) -> str:
    """The codes of an answer; its text may repeat an address."""
    text = answer.decode("ascii", "replace") if isinstance(answer, bytes) else answer
    detail = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})\b", text)
    return f"{code} {detail[1]}" if detail else str(code)
