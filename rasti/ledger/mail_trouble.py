"""Mail that cannot be delivered: how much, since when, and what the mail server said last. Reading only."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_
from sqlmodel import col, select

from models import Attempt, Message
from rasti.ledger.book import Book, Tx
from rasti.rules.kinds import ALERTS, Channel, MessageKind, MessageState

# A mail that was tried in vain is due again within this time: so it is found among the next ones, by their index.
LONGEST_DELAY = timedelta(minutes=15)

# Since when a mail should have gone out. The version before does not note it: then when it is due again.
FIRST_DUE: ColumnElement[datetime] = func.coalesce(col(Message.first_due_at), col(Message.not_before))

_ALERT = col(Message.kind).in_(sorted(ALERTS))
_MAIL = col(Message.channel) == Channel.MAIL
_FAILED = col(Message.error).is_not(None)


@dataclass(frozen=True)
class MailTrouble:
    """Mail that cannot be delivered now."""

    waiting: int  # tried in vain and tried again later; while the server takes no mail at all: all that is due
    dead: int  # given up, not resent, and not needless meanwhile
    alerts: int  # how many of both are alerts to operators
    since: datetime  # aware UTC: the first due instant of the oldest of them
    reason: str  # what was said last, without an address: "554 5.7.1 at RCPT TO", "connection refused"


def mail_trouble(book: Book) -> MailTrouble | None:
    """What is wrong with the delivery of mail; None: nothing."""
    with book.read() as tx:
        return mail_trouble_within(tx)


def mail_trouble_within(tx: Tx) -> MailTrouble | None:
    """The same within a transaction."""
    waiting = _waiting(tx)
    late, late_alerts, late_since = _count(tx, *waiting)
    dead, dead_alerts, dead_since = _count(tx, *is_dead())
    since = [instant for instant in (late_since, dead_since) if instant is not None]
    if not since:
        return None
    said = [last for where in (waiting, is_dead()) if (last := _last_reason(tx, *where)) is not None]
    reason = max(said)[1] if said else ""
    return MailTrouble(late, dead, late_alerts + dead_alerts, min(*since, tx.now), reason)


def first_due(message: Message) -> datetime:
    """Since when a message should have gone out."""
    return message.first_due_at or message.not_before


def undelivered_alerts(tx: Tx) -> list[Message]:
    """The alerts to operators that mail could not carry, the oldest first: they have to be said elsewhere."""
    found = [
        message for where in (_waiting(tx), is_dead()) for message in tx.all(select(Message).where(*where, _ALERT))
    ]
    return sorted(found, key=lambda message: message.id)


def is_late(tx: Tx) -> list[ColumnElement[bool]]:
    """Conditions on a message: its time has come; also while it waits for its next try."""
    soon = col(Message.not_before) <= tx.now + LONGEST_DELAY
    return [is_state(MessageState.PENDING), soon, or_(col(Message.not_before) <= tx.now, _FAILED)]


def is_dead() -> list[ColumnElement[bool]]:
    """Conditions on a mail: it was given up, and what it says is still of use."""
    settled = exists().where(
        col(Attempt.id) == col(Message.attempt_id),
        or_(
            col(Attempt.ended_at).is_not(None),
            and_(col(Attempt.received_at).is_not(None), col(Message.kind) != MessageKind.REMINDER),
        ),
    )
    return [_MAIL, is_state(MessageState.DEAD), ~settled]


def _waiting(tx: Tx) -> list[ColumnElement[bool]]:
    """Conditions on a mail: it was tried in vain; while the server takes none at all, any mail whose time has come."""
    late = [_MAIL, *is_late(tx)]
    postponed = tx.session.execute(select(Message.id).where(*late, col(Message.postponed) > 0).limit(1)).first()
    return late if postponed else [*late, _FAILED]


def is_state(state: MessageState) -> ColumnElement[bool]:
    """Condition on a message."""
    # The word itself, not a parameter: only then does the database see that the index of this state will do.
    return col(Message.state) == bindparam(None, state, literal_execute=True)


def _count(tx: Tx, *where: ColumnElement[bool]) -> tuple[int, int, datetime | None]:
    """How many messages, how many of them alerts, and since when the oldest waits."""
    columns = (func.count(), func.count().filter(_ALERT), func.min(FIRST_DUE))
    count, alerts, since = tx.session.execute(select(*columns).where(*where)).one()
    return count, alerts, since


def _last_reason(tx: Tx, *where: ColumnElement[bool]) -> tuple[datetime, str] | None:
    """When something was said last, and what."""
    when = func.coalesce(col(Message.failed_at), col(Message.created_at))
    found = tx.session.execute(
        select(when, Message.error).where(*where, _FAILED).order_by(when.desc(), col(Message.id).desc()).limit(1)
    ).one_or_none()
    return None if found is None else (found[0], found[1] or "")
