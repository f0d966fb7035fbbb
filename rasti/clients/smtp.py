"""Sends mail over SMTP: one connection, kept open while it is used, opened again when it was lost.

What goes wrong is one of these errors, none with an address in it; `smtp_answers` says which answer is which:
Unavailable     the server, for every mail: unreachable, busy, the login or the sender refused
├── Denied      the same, said of one mail: refused by policy, as relay
Delayed         this mail, now: try again later (4xx)
Rejected        this mail, for good (5xx of its recipient, its size)
└── Unclear     this mail, or the server: it depends on whether others are refused alike
"""

import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from rasti.clients.envelope import Unsendable, envelope_of
from rasti.clients.smtp_answers import Meaning, Step, cause_of, meaning_of, said
from rasti.errors import RastiError, Unavailable, marked
from rasti.smtp_url import SmtpAddress

IDLE = 30.0  # seconds: servers close what idles for longer, and a closed connection is noticed at the next mail only
GOODBYE = 2.0  # seconds that a server may take to answer QUIT

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class Denied(Unavailable):
    """The server refuses a mail for a reason that is not the mail's."""


class Delayed(RastiError):
    """The server does not take this mail now."""


class Rejected(RastiError):
    """The server will never take this mail."""


class Unclear(Rejected):
    """The server will never take this mail, or none at all."""


class _Gone(Exception):
    """The server closed a connection that had been used before: 421, or without a word."""


class SmtpServer:
    """A mail server; not shared by threads. `clock`: seconds, monotonic."""

    def __init__(
        self,
        address: SmtpAddress,
        *,
        timeout: float = 20.0,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self.timeout = timeout  # seconds for each answer
        self.tls = tls or ssl.create_default_context()
        self._clock = clock
        self._used_at = 0.0
        self._connection: smtplib.SMTP | None = None

    def send(self, mail: EmailMessage) -> None:
        """Hand a mail over; returned: the server answered 250. Raises what stands at the top of this file."""
        if self._connection is not None and self._clock() - self._used_at > IDLE:
            self.close()
        try:
            self._send(mail)
        except _Gone:
            # It closed a connection that was idle: that is no failure yet. If the mail got through all the same, its
            # Message-ID tells the recipient that the second one is a copy.
            self._send(mail)
        self._used_at = self._clock()

    def close(self) -> None:
        """Close the connection, politely if that is still possible; the next mail opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                if connection.sock is not None:
                    connection.sock.settimeout(GOODBYE)
                connection.quit()
            except (smtplib.SMTPException, OSError):
                connection.close()

    def _send(self, mail: EmailMessage) -> None:
        reused = self._connection is not None
        connection = self._connection or self._connect()
        try:
            envelope = envelope_of(mail)
            connection.send_message(mail, from_addr=envelope.sender, to_addrs=[envelope.recipient])
        except Unsendable as error:
            raise Rejected(error.template, **error.values) from None
        except smtplib.SMTPRecipientsRefused as error:
            answer = next(iter(error.recipients.values()))
            raise self._meant(Step.RCPT, *answer, reused=reused) from None
        except smtplib.SMTPSenderRefused as error:
            raise self._meant(Step.MAIL, error.smtp_code, error.smtp_error, reused=reused) from None
        except smtplib.SMTPResponseException as error:
            raise self._meant(Step.DATA, error.smtp_code, error.smtp_error, reused=reused) from None
        except (smtplib.SMTPNotSupportedError, ValueError, UnicodeError) as error:
            raise Rejected("The mail cannot be sent: {why}.", why=type(error).__name__) from None
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self.close()
            if reused and not isinstance(error, TimeoutError):
                raise _Gone from None
            raise self._unavailable(cause_of(error)) from error

    def _connect(self) -> smtplib.SMTP:
        at = self.address
        # smtplib looks its own name up in the DNS, which on this machine alone would be slow for nothing.
        name = "localhost" if at.host in _THIS_MACHINE else None
        connection: smtplib.SMTP | None = None
        try:
            with self._step(Step.CONNECT):
                if at.scheme == "smtps":
                    connection = _TlsConnection(at.host, at.port, name, timeout=self.timeout, context=self.tls)
                else:
                    connection = _Connection(at.host, at.port, name, timeout=self.timeout)
            with self._step(Step.EHLO):
                connection.ehlo_or_helo_if_needed()
            if at.scheme == "smtp+starttls":
                with self._step(Step.STARTTLS):
                    connection.starttls(context=self.tls)
                    connection.ehlo_or_helo_if_needed()
            if at.user:
                with self._step(Step.AUTH):
                    connection.login(at.user, at.password)
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        self._connection = connection
        return connection

    @contextmanager
    def _step(self, step: Step) -> Iterator[None]:
        """A step before the first mail: what goes wrong in it is the server's."""
        try:
            yield
        except smtplib.SMTPResponseException as error:
            raise self._unavailable(said(step, error.smtp_code, error.smtp_error)) from None
        except smtplib.SMTPNotSupportedError:
            raise self._unavailable(f"{step} is not offered") from None
        except (smtplib.SMTPException, OSError) as error:
            if step is Step.AUTH and type(error) is smtplib.SMTPException:
                raise self._unavailable(f"{step}: no login method that both know") from None
            raise self._unavailable(cause_of(error)) from error
        except ValueError as error:  # what smtplib cannot say to a server; the error may hold the password
            raise self._unavailable(f"{step}: {type(error).__name__}") from None

    def _meant(self, step: Step, code: int, text: bytes | str, *, reused: bool) -> Exception:
        """The error that an answer means."""
        if code == 421:
            self.close()
            if reused:
                return _Gone()
        answer, meaning = said(step, code, text), meaning_of(step, code, text)
        if meaning in (Meaning.SERVER, Meaning.DENIED):
            self.close()
            return self._unavailable(answer, Denied if meaning is Meaning.DENIED else Unavailable)
        kind = {Meaning.MAIL: Rejected, Meaning.UNCLEAR: Unclear, Meaning.LATER: Delayed}[meaning]
        return kind(marked("The mail server answered {answer}."), answer=answer)

    def _unavailable(self, why: str, kind: type[Unavailable] = Unavailable) -> Unavailable:
        return kind(
            marked("The mail server {host}:{port} cannot be used now: {why}."),
            host=self.address.host,
            port=self.address.port,
            why=why,
        )


def try_out(address: SmtpAddress, mail: EmailMessage) -> None:
    """Send one mail over a connection of its own. Raises what stands at the top of this file."""
    server = SmtpServer(address)
    try:
        server.send(mail)
    finally:
        server.close()


class _Connection(smtplib.SMTP):
    """A server that says how much it takes is not sent more: some would read it all before they refuse."""

    def sendmail(self, *args: Any, **kwargs: Any) -> dict[str, tuple[int, bytes]]:
        most = self.esmtp_features.get("size", "").strip()
        if most.isdecimal() and 0 < int(most) < len(args[2]):
            raise smtplib.SMTPSenderRefused(552, f"5.3.4 larger than {most}".encode(), "")
        return super().sendmail(*args, **kwargs)


class _TlsConnection(_Connection, smtplib.SMTP_SSL):
    pass
