"""Mail that cannot be delivered: how much, since when, and what the mail server said last. Reading only."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from models import Attempt, Checkpoint, Lead, Message, SignInLink
from rasti.errors import Reason
from rasti.ledger.book import Book, Tx
from rasti.rules.kinds import ALERTS, Channel, LeadState, MessageKind, MessageState

# A mail that was tried in vain is due again within this time: so it is found among the next ones, by their index.
LONGEST_DELAY = timedelta(minutes=15)

# A mail server that asks to come again later, or is started anew, is no alarm.
PATIENCE = timedelta(minutes=5)

# Since when a mail should have gone out. The version before does not note it: then when it is due again.
FIRST_DUE: ColumnElement[datetime] = func.coalesce(col(Message.first_due_at), col(Message.not_before))

_ALERT = col(Message.kind).in_(sorted(ALERTS))
_MAIL = col(Message.channel) == Channel.MAIL
# A run that was left to whoever recorded the violation was not tried: nobody's fault is noted, and no try counted.
FAILED: ColumnElement[bool] = and_(col(Message.error).is_not(None), or_(_MAIL, col(Message.tries) > 0))


@dataclass(frozen=True)
class MailTrouble:
    """Mail that cannot be delivered now."""

    waiting: int  # tried in vain and tried again later; while the server takes no mail at all: all that is due
    dead: int  # given up, not resent, and not needless meanwhile
    alerts: int  # alerts to operators among both, and those that came back
    # Aware UTC: when the oldest that waits was first due. Nothing waits: the oldest of those given up, or when an alert
    # came back.
    since: datetime
    reason: str  # what was said last, without an address: "554 5.7.1 at RCPT TO", "connection refused", "5.1.1"
    bounced: int = 0  # alerts that came back, not resent or put aside since
    lost: int = 0  # what nobody learns by mail: alerts given up or returned, mails given up of leads not received

    def needs_somebody(self, now: datetime) -> bool:
        """Whether somebody has to look now: something is lost, or what waits has waited for a while."""
        return self.lost > 0 or (self.waiting > 0 and now - self.since >= PATIENCE)

    def facts(self) -> dict[str, Any]:
        """For logs, events and monitoring: counts, an instant and the server's words."""
        return asdict(self) | {"since": self.since.isoformat()}

    def said(self, since: str) -> Reason:
        """The same in a sentence; `since` as the reader reads instants."""
        if self.waiting:
            return Reason(
                "Mail cannot be delivered since {since}: {reason}. Mails that wait: {count}.",
                since=since,
                reason=self.reason,
                count=self.waiting,
            )
        if self.dead:
            return Reason("Mail was given up: {reason}.", reason=self.reason)
        return Reason("Alerts to the operators came back: {reason}. See RASTI_OPERATOR_EMAIL.", reason=self.reason)


def mail_trouble(book: Book) -> MailTrouble | None:
    """What is wrong with the delivery of mail; None: nothing."""
    with book.read() as tx:
        return mail_trouble_within(tx)


def mail_trouble_within(tx: Tx) -> MailTrouble | None:
    """The same within a transaction."""
    waiting, given_up, returned = _waiting(tx), is_dead(tx), _returned_alerts(tx)
    late, late_alerts, late_since = _count(tx, *waiting)
    dead, dead_alerts, dead_since = _count(tx, *given_up)
    bounced, _alerts, bounced_since = _count(tx, *returned, since=col(Message.bounced_at))
    instants = [instant for instant in (dead_since, bounced_since) if instant is not None]
    since = late_since or min(instants, default=None)
    if since is None:
        return None
    said = [last for where in (waiting, given_up, returned) if (last := _last_reason(tx, *where)) is not None]
    leads = _count(tx, *given_up, col(Message.kind) == MessageKind.LEAD)[0] if dead else 0
    return MailTrouble(
        waiting=late,
        dead=dead,
        alerts=late_alerts + dead_alerts + bounced,
        since=min(since, tx.now),
        reason=max(said)[1] if said else "",
        bounced=bounced,
        lost=dead_alerts + bounced + leads,
    )


def first_due(message: Message) -> datetime:
    """Since when a message should have gone out."""
    return message.first_due_at or message.not_before


def undelivered_alerts(tx: Tx) -> list[Message]:
    """The alerts to operators that mail could not carry, the oldest first: they have to be said elsewhere."""
    found = [
        message
        for where in (_waiting(tx), is_dead(tx), _returned_alerts(tx))
        for message in tx.all(select(Message).where(*where, _ALERT))
    ]
    return sorted(found, key=lambda message: message.id)


def is_late(tx: Tx) -> list[ColumnElement[bool]]:
    """Conditions on a message: its time has come; also while it waits for its next try."""
    soon = col(Message.not_before) <= tx.now + LONGEST_DELAY
    return [is_state(MessageState.PENDING), soon, or_(col(Message.not_before) <= tx.now, FAILED)]


def is_dead(tx: Tx) -> list[ColumnElement[bool]]:
    """Conditions on a mail: it was given up, and what it says is still of use."""
    return [_MAIL, is_state(MessageState.DEAD), ~_is_settled(tx)]


def came_back() -> ColumnElement[bool]:
    """Condition on a message: it came back, and was neither sent again nor put aside since."""
    return and_(col(Message.bounced_at).is_not(None), is_state(MessageState.SENT))


def _returned_alerts(tx: Tx) -> list[ColumnElement[bool]]:
    return [came_back(), _ALERT, ~_is_settled(tx)]


def _is_settled(tx: Tx) -> ColumnElement[bool]:
    """Condition on a mail: what it says is of no use any more."""
    kind, told = col(Message.kind), aliased(Message)
    attempt = exists().where(
        col(Attempt.id) == col(Message.attempt_id),
        or_(
            col(Attempt.ended_at).is_not(None),
            and_(col(Attempt.received_at).is_not(None), kind != MessageKind.REMINDER),
        ),
    )
    closed = exists().where(col(Lead.id) == col(Message.lead_id), col(Lead.state) == LeadState.CLOSED)
    judged = exists().where(
        col(Checkpoint.id) == col(Message.data)["checkpoint"].as_integer(), col(Checkpoint.verdict).is_not(None)
    )
    opens = exists().where(
        col(SignInLink.id) == col(Message.data)["link"].as_string(),
        col(SignInLink.used_at).is_(None),
        col(SignInLink.expires_at) > tx.now,
    )
    still_back = exists().where(
        col(told.id) == col(Message.data)["message"].as_integer(),
        col(told.bounced_at).is_not(None),
        col(told.state) == MessageState.SENT,
    )
    return or_(
        attempt,
        # A former holder's word (D15) has to be read also when the lead is closed.
        and_(kind != MessageKind.ALERT_AFTER_END, closed),
        and_(kind == MessageKind.REMINDER, judged),
        and_(kind == MessageKind.SIGN_IN, ~opens),
        and_(kind == MessageKind.ALERT_BOUNCED, ~still_back),
    )


def _waiting(tx: Tx) -> list[ColumnElement[bool]]:
    """Conditions on a mail: it was tried in vain; while the server takes none at all, any mail whose time has come."""
    late = [_MAIL, *is_late(tx)]
    postponed = tx.session.execute(select(Message.id).where(*late, col(Message.postponed) > 0).limit(1)).first()
    return late if postponed else [*late, FAILED]


def is_state(state: MessageState) -> ColumnElement[bool]:
    """Condition on a message."""
    # The word itself, not a parameter: only then does the database see that the index of this state will do.
    return col(Message.state) == bindparam(None, state, literal_execute=True)


def _count(tx: Tx, *where: ColumnElement[bool], since: Any = FIRST_DUE) -> tuple[int, int, datetime | None]:
    """How many messages, how many of them alerts, and since when the oldest waits."""
    columns = (func.count(), func.count().filter(_ALERT), func.min(since))
    count, alerts, oldest = tx.session.execute(select(*columns).where(*where)).one()
    return count, alerts, oldest


def _last_reason(tx: Tx, *where: ColumnElement[bool]) -> tuple[datetime, str] | None:
    """When something was said last, and what."""
    when = func.coalesce(col(Message.bounced_at), col(Message.failed_at), col(Message.created_at))
    said = func.coalesce(col(Message.bounce), col(Message.error))
    found = tx.session.execute(
        select(when, said).where(*where, said.is_not(None)).order_by(when.desc(), col(Message.id).desc()).limit(1)
    ).one_or_none()
    return None if found is None else (found[0], found[1] or "")
