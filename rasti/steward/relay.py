"""The relay: delivers the mail of the outbox, whoever wrote it (R10, R11, D11)."""

import logging
import threading
import uuid
from collections import deque
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from email.message import EmailMessage
from typing import Protocol

from sqlalchemy import bindparam, select
from sqlmodel import col

from models import Attempt, Client, Lead, Message, Partner, Tenure
from rasti.clients.envelope import Unsendable
from rasti.clients.mailbox import Mailbox
from rasti.clients.smtp import Delayed, Denied, Rejected, SmtpServer, Unclear
from rasti.errors import DatabaseUnavailable, NotUpgraded, RastiError, Unavailable
from rasti.ledger import messages
from rasti.ledger.book import Book
from rasti.ledger.messages import Claim, Fault
from rasti.logs import log
from rasti.rules.kinds import MessageState
from rasti.settings import Settings
from rasti.smtp_url import SmtpAddress
from rasti.steward.conditions import still_holds
from rasti.steward.mails import compose

# A message with what most mails tell of, in one statement: attempt with tenure and partner, lead and client.
_WITH_FACTS = (
    select(Message, Attempt, Tenure, Partner, Lead, Client)
    .outerjoin(Attempt, col(Attempt.id) == col(Message.attempt_id))
    .outerjoin(Tenure, col(Tenure.id) == col(Attempt.tenure_id))
    .outerjoin(Partner, col(Partner.code) == col(Attempt.partner_code))
    .outerjoin(Lead, col(Lead.id) == col(Message.lead_id))
    .outerjoin(Client, col(Client.lead_id) == col(Lead.id))
    .where(col(Message.id) == bindparam("message_id"))
)

BATCH = 10  # small, so that a lead never waits long behind a batch of other mail


class Postman(Protocol):
    """Takes mail: a mail server or the local mailbox. Raises Unavailable, Delayed, Rejected."""

    def send(self, mail: EmailMessage, /) -> None: ...
    def close(self) -> None: ...


def open_postman(settings: Settings) -> Postman:
    """The mail server of RASTI_SMTP_URL, or the local mailbox. Connects at the first mail."""
    return SmtpServer(SmtpAddress.parse(settings.smtp_url)) if settings.smtp_url else Mailbox(settings.mailbox)


@dataclass(frozen=True)
class Delivered:
    """What a round of the relay came to."""

    delivered: int = 0
    tried: int = 0  # handed to the mail server, whatever it said
    trouble: str | None = None  # why the mail server cannot be used
    postponed: bool = False  # mail still waits because the server took none


def deliver(
    book: Book,
    settings: Settings,
    *,
    only: Collection[int] | None = None,
    limit: int = 100_000,
    postman: Postman | None = None,
    helpers: Sequence[Postman] = (),
    stop: threading.Event | None = None,
) -> int:
    """Deliver as `deliver_round` does; how many were delivered."""
    return deliver_round(book, settings, only=only, limit=limit, postman=postman, helpers=helpers, stop=stop).delivered


def deliver_round(
    book: Book,
    settings: Settings,
    *,
    only: Collection[int] | None = None,
    limit: int = 100_000,
    postman: Postman | None = None,
    helpers: Sequence[Postman] = (),
    stop: threading.Event | None = None,
) -> Delivered:
    """Deliver all mail that is due, and what that causes, but try at most `limit`.

    `only`: no others than these messages and what their delivery causes. `helpers`: more postmen, who share the work
    with the first, each in a thread of its own. A mail that cannot be delivered is left for later, or given up, and
    stops no other; a mail server that cannot be used ends the round, and so does `stop`. When it can be used again,
    what was postponed because of it is due at once.
    """
    own = replace(book, actor="relay", written=[])
    post = postman or open_postman(settings)
    delivered = tried = 0
    trouble = None
    outlook = messages.Outlook(due=False, postponed=False)
    try:
        # Asking first takes no lock: most rounds find nothing.
        while limit > 0 and ((outlook := messages.outlook(own)).due or outlook.postponed):
            found = _Round(own, settings, only, limit, stop, hasten=outlook.postponed)
            if not found.left:
                break
            found.share_out([post, *helpers])
            delivered, tried = delivered + found.delivered, tried + found.tried
            limit = found.limit
            if found.ended:
                messages.release(own, found.left)
                trouble = found.trouble
                break
    finally:
        if postman is None:
            post.close()
    return Delivered(delivered, tried, trouble, outlook.postponed or trouble is not None)


class _Round:
    """Claims that one or more postmen work through: a batch, and the next as long as each was full.

    Whoever finds none left claims for all, so that nobody waits for the slowest mail of a batch.
    """

    def __init__(
        self,
        book: Book,
        settings: Settings,
        only: Collection[int] | None,
        limit: int,
        stop: threading.Event | None,
        *,
        hasten: bool = False,
    ) -> None:
        self._book, self._settings, self._only, self._stop = book, settings, only, stop
        self.limit = limit  # so many more may be claimed
        self._claimant = f"relay-{uuid.uuid4()}"
        self._lock = threading.Lock()
        self.left: deque[Claim] = deque()
        self.delivered = self.tried = 0
        self.trouble: str | None = None  # the mail server cannot be used
        self.ended = False  # for that reason, or because it was to stop
        self._hasten = hasten  # mail waits for the server to take mail again
        self._claim()

    def share_out(self, postmen: Sequence[Postman]) -> None:
        """Each postman takes the next one until none is left. Raises what one of them could not get over."""
        first, *helpers = postmen[: len(self.left)]
        if not helpers:
            self._work(first)
            return
        with ThreadPoolExecutor(len(helpers), thread_name_prefix="postman") as threads:
            work = [threads.submit(self._work, postman) for postman in helpers]
            self._work(first)
        for done in work:
            done.result()

    def _work(self, postman: Postman) -> None:
        while (claim := self._take()) is not None:
            outcome: bool | str | None = "failed"
            try:
                outcome = _deliver(self._book, self._settings, postman, claim, hasten=self._hasten)
            finally:
                with self._lock:
                    self.tried += outcome is not None
                    self.delivered += outcome is True
                    self._hasten &= outcome is not True
                    if isinstance(outcome, str):
                        self.ended, self.trouble = True, outcome

    def _take(self) -> Claim | None:
        with self._lock:
            self.ended |= self._stop is not None and self._stop.is_set()
            if self._more and not self.left and not self.ended:
                self._claim()
            return None if self.ended or not self.left else self.left.popleft()

    def _claim(self) -> None:
        wanted = None if self._only is None else {*self._only, *self._book.written}
        # While the server takes no mail, one tries whether it does again.
        size = 1 if self._hasten else min(BATCH, self.limit)
        self.left.extend(messages.claim(self._book, self._claimant, only=wanted, limit=size, probe=self._hasten))
        self.limit -= len(self.left)
        self._more = len(self.left) == BATCH and self.limit > 0


def _deliver(book: Book, settings: Settings, post: Postman, claim: Claim, *, hasten: bool) -> bool | str | None:
    """One message, from its claim to whether it was delivered.

    None: it was not handed to the mail server. A text: why nothing can be delivered, whatever message it is.
    """
    try:
        with book.read() as tx:
            if tx.now >= claim.until:
                return None  # earlier mail of the batch took so long that another relay may have this one
            # Held until the mail is made: a session forgets what nobody holds, and would read it again and again.
            message, *_held = tx.session.execute(_WITH_FACTS, {"message_id": claim.id}).one()
            mail = compose(tx, message, settings) if still_holds(tx, message) else None
    except (DatabaseUnavailable, NotUpgraded):
        raise  # the claim will expire
    except Unsendable as error:
        messages.fail(book, claim, Fault.MAIL, error=str(error))
        _note("message.dead", claim, level=logging.ERROR, why=error)
        return None
    except Exception as error:  # noqa: BLE001 - one poison message must not keep the others from their readers
        _failed(book, claim, error)
        return None
    if mail is None:
        messages.void(book, claim)
        _note("message.void", claim)
        return None
    try:
        book.reach("mail.before_send")
        post.send(mail)
        book.reach("mail.after_send")
    except (Unavailable, Rejected, Delayed) as error:
        fate = messages.fail(book, claim, _fault(error), error=reason_of(error))
        event = "message.postponed" if fate.server else _FAILED[fate.state]
        dead = fate.state is MessageState.DEAD
        _note(event, claim, level=logging.ERROR if dead else logging.WARNING, why=error, state=fate.state)
        return reason_of(error) if fate.server else False
    except Exception as error:  # noqa: BLE001 - as above
        post.close()  # nobody knows what of it the server has read
        _failed(book, claim, error)
        return False
    done = messages.complete(book, claim, external_id=mail["Message-ID"], hasten=hasten)
    # Not done: it took longer than the claim, and another relay has sent it, or will, with the same Message-ID.
    _note("message.sent" if done else "message.sent_late", claim)
    return done


def _failed(book: Book, claim: Claim, error: Exception) -> None:
    """We failed, not the mail server."""
    fate = messages.fail(book, claim, Fault.OURS, error=type(error).__name__)
    _note("message.failed", claim, level=logging.ERROR, error=error, state=fate.state)


_FAILED = {MessageState.PENDING: "message.delayed", MessageState.DEAD: "message.dead"}
_FAULTS = {
    Denied: Fault.DENIED,
    Unavailable: Fault.SERVER,
    Unclear: Fault.UNCLEAR,
    Rejected: Fault.MAIL,
    Delayed: Fault.LATER,
}


def _fault(error: RastiError) -> Fault:
    """Whose fault a postman's error is."""
    return next(fault for kind, fault in _FAULTS.items() if isinstance(error, kind))


def reason_of(error: RastiError) -> str:
    """What an error of a postman says, in short: what operators read of the message."""
    return str(error.values.get("why") or error.values.get("answer") or error)


def _note(
    event: str, claim: Claim, *, level: int = logging.INFO, error: BaseException | None = None, **fields: object
) -> None:
    log(event, level=level, error=error, message=claim.id, kind=claim.kind, lead=claim.lead_id, **fields)
