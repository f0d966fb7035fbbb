"""Where the way of a change breaks off, and what the mail server answers: a seeded choice at every point and mail."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from random import Random
from typing import Protocol

from sqlalchemy.exc import OperationalError

from rasti.clients.mailbox import KIND_HEADER, LEAD_HEADER, NUMBER_HEADER, RECIPIENT_HEADER
from rasti.clients.smtp import Delayed, Denied, Rejected, Unclear
from rasti.clients.smtp_answers import Meaning, Step, meaning_of, said
from rasti.errors import RastiError, Unavailable


class Killed(BaseException):
    """The process is gone in this instant; nothing it would have done afterwards is done."""


@dataclass(frozen=True)
class Odds:
    """How often, of a thousand passes, each fault happens."""

    crash: int = 12
    commit_refused: int = 8
    reply_lost: int = 10
    interleave: int = 40
    slow: int = 20


@dataclass
class Faults:
    """Decides at each point. `note` tells the witness, `meanwhile` lets somebody else act, `slow` lets time pass."""

    random: Random
    note: Callable[[str, str], None]
    meanwhile: Callable[[str], None]
    slow: Callable[[], None]
    odds: Odds = field(default_factory=Odds)
    quiet: bool = False  # no faults any more: what was begun is finished
    depth: int = 0
    passes: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)

    def reach(self, process: str, point: str) -> None:
        """A process passes a point."""
        self.passes[point] += 1
        if self.quiet:
            return
        step, _dot, place = point.rpartition(".")
        for fault, chance in self._possible(step, place):
            if self.random.randrange(1000) < chance:
                self._strike(fault, process, point)
                return

    def _possible(self, step: str, place: str) -> Iterator[tuple[str, int]]:
        odds = self.odds
        yield "crash", odds.crash
        if place == "before_commit":
            yield "commit refused", odds.commit_refused
            return
        if place == "after_commit":
            yield "reply lost", odds.reply_lost
        if step == "mail" and place == "after_send":
            yield "crash", odds.crash * 4  # the one window in which a copy can come of it
            yield "slow", odds.slow
        if self.depth == 0:
            yield "interleave", odds.interleave

    def _strike(self, fault: str, process: str, point: str) -> None:
        if fault == "crash":
            self.crashes[point] += 1
        if fault == "interleave":
            with self._deeper():
                self.meanwhile(process)
            return
        self.note(fault, process)
        if fault == "slow":
            self.slow()
        elif fault == "crash":
            raise Killed(point)
        else:
            raise OperationalError(point, None, ConnectionError(f"{fault} at {point}"))

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1


@dataclass(frozen=True)
class Answer:
    """What a mail server says, and at which step of the session."""

    step: Step
    code: int
    text: str = ""

    @property
    def reason(self) -> str:
        return said(self.step, self.code, self.text)

    def error(self) -> RastiError:
        """What the client makes of it, by the product's own table."""
        kind = _ERRORS[meaning_of(self.step, self.code, self.text)]
        return kind("The mail server answered {answer}.", answer=self.reason)


_ERRORS: dict[Meaning, type[RastiError]] = {
    Meaning.SERVER: Unavailable,
    Meaning.DENIED: Denied,
    Meaning.MAIL: Rejected,
    Meaning.UNCLEAR: Unclear,
    Meaning.LATER: Delayed,
}

# A server that refuses everybody for a while: as a relay, without saying why, for the sender, because it is too busy.
OUTAGES = (
    Answer(Step.RCPT, 554, "5.7.1 Relay access denied"),
    Answer(Step.RCPT, 554, "Refused"),
    Answer(Step.MAIL, 550, "5.7.1 Sender refused"),
    Answer(Step.CONNECT, 421, "4.7.0 Too busy"),
)
NO_SUCH_ADDRESS = Answer(Step.RCPT, 550, "5.1.1 User unknown")  # of a recipient, until somebody corrects it
TOO_LARGE = Answer(Step.MAIL, 552, "5.3.4 Message too big")  # of a mail, for good

_LONG = (timedelta(minutes=2), timedelta(minutes=20), timedelta(hours=2), timedelta(hours=7))  # until it is mended


class Outside(Protocol):
    """The world around the mail server."""

    def now(self) -> datetime: ...
    def wait(self, seconds: int) -> None: ...
    def note_fault(self, what: str, process: str) -> None: ...
    def note_refusal(self, mail: EmailMessage, reason: str) -> None: ...
    def take_mail(self, mail: EmailMessage, *, answered: bool) -> None: ...
    def return_mail(self, mail: EmailMessage) -> None: ...


class MailServer:
    """A mail server outside: it keeps what it took, answers as it likes, and knows whether its 250 arrived.

    `refused`: whom it does not know, by recipient, until the address is corrected. `outage`: it refuses everybody.
    """

    def __init__(self, random: Random, outside: Outside) -> None:
        self.random, self._outside = random, outside
        self.quiet = False  # mended; what it will never take it does not take now
        self.refused: set[str] = set()
        self._too_large: set[int] = set()
        self._outage: tuple[Answer, datetime] | None = None

    def send(self, mail: EmailMessage) -> None:
        """As a postman does it. Raises what the product's client raises."""
        self._refuse_everybody(mail)
        roll = 1000 if self.quiet else self.random.randrange(1000)
        if roll < 66 and self._outage is None:
            self._breaks(mail)
        self._refuse_for_good(mail, roll)
        self._answer(mail, roll)

    def close(self) -> None:
        """Nothing is kept open."""

    def _breaks(self, mail: EmailMessage) -> None:
        answer = self.random.choice(OUTAGES)
        self._outage = answer, self._outside.now() + self.random.choice(_LONG)
        self._outside.note_fault(f"refuses everybody: {answer.reason}", "refusal")
        self._refuse_everybody(mail)

    def _refuse_everybody(self, mail: EmailMessage) -> None:
        if self._outage is None:
            return
        answer, until = self._outage
        if self.quiet or self._outside.now() >= until:
            self._outage = None
        else:
            self._refuse(mail, answer)

    def _refuse_for_good(self, mail: EmailMessage, roll: int) -> None:
        """An address that is none, a mail that is too large: not the operators' and not an alert, which are short."""
        number, recipient = int(mail[NUMBER_HEADER]), recipient_of(mail)
        if not mail[KIND_HEADER].startswith("alert_"):
            if 66 <= roll < 86:
                self._outside.note_fault("5.1.1", "refusal")
                self.refused.add(recipient)
            elif 86 <= roll < 106:
                self._outside.note_fault("552", "refusal")
                self._too_large.add(number)
        if recipient in self.refused:
            self._refuse(mail, NO_SUCH_ADDRESS)
        if number in self._too_large:
            self._refuse(mail, TOO_LARGE)

    def _refuse(self, mail: EmailMessage, answer: Answer) -> None:
        self._outside.note_refusal(mail, answer.reason)
        raise answer.error()

    def _answer(self, mail: EmailMessage, roll: int) -> None:
        """What may happen to any mail once."""
        note, roll = self._outside.note_fault, roll - 106
        if roll < 25:
            note("421", "smtp")
            raise Answer(Step.RCPT, 421, "4.3.2 Going down").error()
        if roll < 55:
            note("451", "smtp")
            raise Answer(Step.RCPT, 451, "4.7.1 Greylisted").error()
        if roll < 75:
            note("550", "smtp")
            raise Answer(Step.RCPT, 550, "5.2.1 Mailbox disabled").error()
        if roll < 94:
            note("hangs before DATA", "smtp")
            self._outside.wait(20)
            raise Unavailable("no answer in time")
        if roll < 112:
            note("hangs after DATA", "smtp")
            self._outside.take_mail(mail, answered=False)
            self._outside.wait(20)
            raise Unavailable("no answer in time")
        if roll < 137:
            note("drops after DATA", "smtp")
            self._outside.take_mail(mail, answered=False)
            raise Unavailable("connection lost")
        self._outside.take_mail(mail, answered=True)
        if roll < 157:
            note("bounces", "refusal")
            self._outside.return_mail(mail)


def recipient_of(mail: EmailMessage) -> str:
    """Whose address a mail is to: a partner's code, a client by the lead, the operators."""
    to = str(mail[RECIPIENT_HEADER])
    return f"client of {mail[LEAD_HEADER]}" if to == "client" else to
