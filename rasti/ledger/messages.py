"""The outbox: claim what is due, and record what became of it (D11).

claim ──> complete     sent; the delivery of a lead's mail starts its clock
      ├─> retry        later, with a growing delay, until it is given up
      ├─> give_up      dead: an operator has to look, and may `revive` it
      ├─> void         its condition no longer holds
      └─> release      somebody else's trouble: at once

A claim is a lease: when it expires, for example because the relay was killed, another relay takes the message. Every
end but `release` changes a message only for the one who holds its claim, and says whether it did.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, select, text, update
from sqlmodel import col

from models import Message
from rasti.errors import NotFound
from rasti.ledger.attempts import call_off, receive_within
from rasti.ledger.book import MESSAGES, Book, Tx
from rasti.rules.kinds import Channel, Event, MessageKind, MessageState

LEASE = timedelta(seconds=60)
FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(minutes=15)
MOST_TRIES = 25  # with these delays about five hours

# Mail that has waited for so long gets its turn: a third of a batch, however many lead mails are due (a welcome has to
# go out within 10 minutes, R11).
PATIENCE = timedelta(seconds=5)

# A lead's clock waits for its mail, the client for the welcome (R10, R11), somebody at a screen for the link to sign
# in; everything else waits for them. Of the runs those come first that do something: a lead's own only shows it.
_FIRST = (MessageKind.LEAD, MessageKind.RUN_FALLBACK)
_SECOND = (MessageKind.WELCOME, MessageKind.SIGN_IN, MessageKind.RUN_CHECKPOINT)
_URGENCY = (
    col(Message.kind).in_(_FIRST),
    col(Message.kind).in_(_SECOND),
    col(Message.kind).not_in((*_FIRST, *_SECOND)),
)

# When more runs are asked for than may be created, the latest lead's still come in time: the oldest ones' never would,
# for each waits behind all others.
_LATEST_FIRST = {Channel.RUN: (col(Message.attempt_id).desc(),)}


# A newer version beside this one may write kinds that this one cannot deliver: they are left to it.
_KNOWN: ColumnElement[bool] = text("message.kind IN ({})".format(", ".join(f"'{kind}'" for kind in MessageKind)))  # type: ignore[assignment]

# Built once, like other statements of every mail: building one costs more than running it.
_OURS = update(MESSAGES).where(
    MESSAGES.c.id == bindparam("id_"),
    MESSAGES.c.state == MessageState.PENDING,
    MESSAGES.c.claimed_by == bindparam("claimant"),
    MESSAGES.c.claimed_until == bindparam("until"),
)
# The same for one that was tried in vain: `not_before` moves, when it was first due stays.
_OURS_FAILED = _OURS.values(first_due_at=func.coalesce(MESSAGES.c.first_due_at, MESSAGES.c.not_before))


@dataclass(frozen=True)
class Claim:
    """A message in the hands of one claimant until `until`."""

    id: int
    kind: MessageKind
    claimant: str
    until: datetime
    tries: int
    lead_id: int | None
    attempt_id: int | None
    data: Mapping[str, Any] = field(hash=False)


def claim(
    book: Book,
    claimant: str,
    *,
    channel: Channel = Channel.MAIL,
    only: Collection[int] | None = None,
    limit: int = 10,
    lease: timedelta = LEASE,
) -> list[Claim]:
    """Take up to `limit` messages that are due, the most urgent first; two claimants never get the same one.

    A full batch keeps a third of its places for the less urgent ones that have waited long.
    """
    if only is not None and not only:
        return []
    with book.write() as tx:
        due = _due(tx.now, channel)
        if only is not None:
            due = and_(due, col(Message.id).in_(only))
        # One class after the other, each in the order of an index: sorting all that is due cost more with every message
        # that waited, and a backlog grew by that alone.
        messages: list[Message] = []
        for urgent in _URGENCY:
            if len(messages) < limit:
                order = _LATEST_FIRST.get(channel, ())
                messages += _first(tx, and_(due, urgent), *order, limit=limit - len(messages))
        if len(messages) == limit and messages[-1].kind is MessageKind.LEAD:
            waited = and_(due, col(Message.kind) != MessageKind.LEAD, col(Message.not_before) <= tx.now - PATIENCE)
            patient = _first(tx, waited, limit=limit // 3)
            messages[limit - len(patient) :] = patient
        until = tx.now + lease
        tx.session.execute(
            update(Message)
            .where(col(Message.id).in_([message.id for message in messages]), due)
            .values(claimed_by=claimant, claimed_until=until)
            .execution_options(synchronize_session=False)
        )
        return [
            Claim(
                message.id,
                message.kind,
                claimant,
                until,
                message.tries,
                message.lead_id,
                message.attempt_id,
                message.data,
            )
            for message in messages
        ]


def anything_due(book: Book, channel: Channel) -> bool:
    """Whether a claim would find something; asks without a lock."""
    with book.read() as tx:
        return bool(tx.session.execute(select(exists().where(_due(tx.now, channel)))).scalar_one())


def complete(book: Book, claim: Claim, *, external_id: str | None = None) -> bool:
    """The message was delivered; for a lead's mail this is the reception, its clock starts in the transaction (D11)."""
    with book.write() as tx:
        return _complete(tx, claim, external_id)


def complete_all(book: Book, runs: Mapping[Claim, str]) -> int:
    """Flow runs that were created, with their ids, in one transaction; how many were still claimed."""
    with book.write() as tx:
        return sum(_complete(tx, claim, runs[claim]) for claim in sorted(runs, key=lambda claim: claim.id))


def retry(book: Book, claim: Claim, *, error: str, counts: bool = True) -> MessageState:
    """Not delivered, try again later; `counts` False: not this message's fault, so no reason to give it up one day."""
    tries = claim.tries + counts
    if tries >= MOST_TRIES:
        give_up(book, claim, error=error)
        return MessageState.DEAD
    delay = min(FIRST_DELAY * 2 ** min(claim.tries, 10), LONGEST_DELAY) if counts else FIRST_DELAY
    with book.write() as tx:
        values = {"not_before": tx.now + delay, "claimed_by": None, "claimed_until": None}
        _change(tx, claim, values | {"tries": tries, "error": error, "failed_at": tx.now})
    return MessageState.PENDING


def give_up(book: Book, claim: Claim, *, error: str) -> bool:
    """The message cannot be delivered: operators see it among the dead ones."""
    with book.write() as tx:
        done = _change(
            tx, claim, {"state": MessageState.DEAD, "error": error, "tries": claim.tries + 1, "failed_at": tx.now}
        )
        if done:
            _audit(tx, Event.MESSAGE_DEAD, claim)
        return done


def void(book: Book, claim: Claim) -> bool:
    """What the message would say is no longer so."""
    with book.write() as tx:
        return _change(tx, claim, {"state": MessageState.VOID})


def release(book: Book, claims: Collection[Claim]) -> None:
    """Give claims back unused."""
    if claims:
        with book.write() as tx:
            for claim in sorted(claims, key=lambda claim: claim.id):
                _change(tx, claim, {"claimed_by": None, "claimed_until": None})


def revive(book: Book, message_id: int) -> bool:
    """Try a dead message again from the beginning. False: it is not dead. Raises NotFound."""
    with book.write() as tx:
        message = tx.session.execute(
            update(Message)
            .where(col(Message.id) == message_id, col(Message.state) == MessageState.DEAD)
            .values(
                state=MessageState.PENDING,
                tries=0,
                not_before=tx.now,
                claimed_by=None,
                claimed_until=None,
                error=None,
                first_due_at=None,
                failed_at=None,
                postponed=0,
            )
            .returning(col(Message.kind), col(Message.lead_id))
        ).one_or_none()
        if message is None:
            if tx.session.get(Message, message_id) is None:
                raise NotFound("There is no message {id}.", id=message_id)
            return False
        kind, lead_id = message
        tx.audit(Event.MESSAGE_REVIVED, lead_id=lead_id, message=message_id, kind=kind.value)
        tx.sent.append(message_id)
        tx.wakes_relays = True
        return True


def _first(tx: Tx, condition: ColumnElement[bool], *order: ColumnElement[Any], limit: int) -> list[Message]:
    """The first messages in an order, locked. On PostgreSQL claimants skip what others have locked (SKIP LOCKED) and do
    not wait for each other; SQLite has one writer anyway."""
    found = select(Message).where(condition).order_by(*order, col(Message.not_before), col(Message.id)).limit(limit)
    return tx.all(found.with_for_update(skip_locked=True))


def _due(now: datetime, channel: Channel) -> ColumnElement[bool]:
    return and_(
        col(Message.channel) == channel,
        col(Message.state) == MessageState.PENDING,
        col(Message.not_before) <= now,
        or_(col(Message.claimed_until).is_(None), col(Message.claimed_until) <= now),
        _KNOWN,
    )


def _complete(tx: Tx, claim: Claim, external_id: str | None) -> bool:
    starts_clock = claim.kind is MessageKind.LEAD and claim.lead_id is not None and claim.attempt_id is not None
    if starts_clock:
        tx.lock_lead(claim.lead_id)  # type: ignore[arg-type]
    sent = {"state": MessageState.SENT, "sent_at": tx.now, "external_id": external_id, "error": None}
    if not _change(tx, claim, sent):
        return False
    _audit(tx, Event.MESSAGE_SENT, claim)
    if starts_clock:
        receive_within(tx, claim.attempt_id)  # type: ignore[arg-type]
    elif claim.kind is MessageKind.WELCOME:
        call_off(tx, MessageKind.ALERT_WELCOME_LATE, f"{claim.lead_id}")
    return True


def _change(tx: Tx, claim: Claim, values: Mapping[str, object]) -> bool:
    """Only while the claim is ours: an expired one may have been taken, or the message voided with its attempt."""
    ours = _OURS_FAILED if "failed_at" in values else _OURS
    result = tx.session.execute(ours, {"id_": claim.id, "claimant": claim.claimant, "until": claim.until, **values})
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]


def _audit(tx: Tx, event: Event, claim: Claim) -> None:
    tx.audit(event, lead_id=claim.lead_id, message=claim.id, kind=claim.kind.value)
