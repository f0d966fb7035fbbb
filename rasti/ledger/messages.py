"""The outbox: claim what is due, and record what became of it (D11).

claim ──> complete     sent; the delivery of a lead's mail starts its clock
      ├─> fail         not delivered: later, ever later, or never, depending on whose fault it is; what was given up is
      │                dead: an operator has to look, and may resend it (rasti.ledger.resending)
      ├─> void         its condition no longer holds
      └─> release      somebody else's trouble: at once

A claim is a lease: when it expires, for example because the relay was killed, another relay takes the message. Every
end but `release` changes a message only for the one who holds its claim, and says whether it did.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, select, text, update
from sqlmodel import col

from models import AuditEvent, Message
from rasti.ledger.attempts import call_off, receive_within
from rasti.ledger.book import MESSAGES, Book, Tx
from rasti.ledger.mail_trouble import LONGEST_DELAY, is_state
from rasti.rules.kinds import Channel, Event, MessageKind, MessageState

LEASE = timedelta(seconds=60)
FIRST_DELAY = timedelta(seconds=10)
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


_FREE = {"claimed_by": None, "claimed_until": None}
_LOOK_BACK = 100


@dataclass(frozen=True)
class Claim:
    """A message in the hands of one claimant until `until`."""

    id: int
    kind: MessageKind
    claimant: str
    until: datetime
    tries: int
    postponed: int
    failed_at: datetime | None
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
    probe: bool = False,
) -> list[Claim]:
    """Take up to `limit` messages that are due, the most urgent first; two claimants never get the same one.

    A full batch keeps a third of its places for the less urgent ones that have waited long. `probe`: one, to try
    whether the mail server takes mail again.
    """
    if only is not None and not only:
        return []
    with book.write() as tx:
        free = _free(tx.now, channel)
        if only is not None:
            free = and_(free, col(Message.id).in_(only))
        due = and_(free, col(Message.not_before) <= tx.now)
        # One class after the other, each in the order of an index: sorting all that is due cost more with every message
        # that waited, and a backlog grew by that alone.
        messages: list[Message] = _next_probe(tx, free, due) if probe else []
        for urgent in () if probe else _URGENCY:
            if len(messages) < limit:
                order = _LATEST_FIRST.get(channel, ())
                messages += _first(tx, and_(due, urgent), *order, limit=limit - len(messages))
        if not probe and len(messages) == limit and messages[-1].kind is MessageKind.LEAD:
            waited = and_(due, col(Message.kind) != MessageKind.LEAD, col(Message.not_before) <= tx.now - PATIENCE)
            patient = _first(tx, waited, limit=limit // 3)
            messages[limit - len(patient) :] = patient
        until = tx.now + lease
        tx.session.execute(
            update(Message)
            .where(col(Message.id).in_([message.id for message in messages]), free)
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
                message.postponed,
                message.failed_at,
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


@dataclass(frozen=True)
class Outlook:
    """What there is to deliver."""

    due: bool
    postponed: bool  # mail waits because the server took none


def outlook(book: Book) -> Outlook:
    """What there is to deliver by mail; asks without a lock."""
    with book.read() as tx:
        asked = select(exists().where(_due(tx.now, Channel.MAIL)), exists().where(_postponed(tx.now)))
        return Outlook(*tx.session.execute(asked).one())


def complete(book: Book, claim: Claim, *, external_id: str | None = None, hasten: bool = False) -> bool:
    """The message was delivered; for a lead's mail this is the reception, its clock starts in the transaction (D11).

    `hasten`: the mail server takes mail again, so what was postponed is due at once.
    """
    with book.write() as tx:
        done = _complete(tx, claim, external_id)
        if hasten:
            _update_free(tx, _postponed(tx.now), {"not_before": tx.now, "postponed": 0})
        return done


def complete_all(book: Book, runs: Mapping[Claim, str]) -> int:
    """Flow runs that were created, with their ids, in one transaction; how many were still claimed."""
    with book.write() as tx:
        return sum(_complete(tx, claim, runs[claim]) for claim in sorted(runs, key=lambda claim: claim.id))


class Fault(Enum):
    """Whose fault it is that a message was not delivered, and what becomes of it."""

    SERVER = "the mail server's, whatever the mail: it waits, is never given up, and is due when mail is taken again"
    DENIED = "the same, but said of this mail: if other mail is taken meanwhile, this one is tried ever less often"
    UNCLEAR = "the mail's, which is given up; the server's, if it refuses every recipient alike"
    LATER = "perhaps of the moment: it is tried ever later, and given up in the end, unless everybody is put off alike"
    MAIL = "the mail's: it is given up"
    OURS = "ours: it is tried ever later, and given up in the end"
    NOBODYS = "nobody's: its time has not come"


@dataclass(frozen=True)
class Fate:
    """What became of a message that was not delivered; `server`: no other mail would fare better now."""

    state: MessageState
    server: bool = False


def fail(book: Book, claim: Claim, fault: Fault, *, error: str) -> Fate:
    """The message was not delivered: put it off, or give it up so that operators see it among the dead ones.

    Whether a fault is the server's, other mail tells: it refused so many other recipients with the same words, and took
    no mail since. What is refused again after it took some is at fault itself.
    """
    with book.write() as tx:
        taken_at = _last_taken_at(tx) if fault in (Fault.DENIED, Fault.UNCLEAR, Fault.LATER) else None
        known = taken_at is not None and claim.failed_at is not None and taken_at > claim.failed_at
        alike = _refused_alike(tx, claim, error, taken_at) if fault in _ALIKE and not known else []
        everybody = bool(alike) and len({_recipient(message) for message in alike}) > _ALIKE[fault]
        if everybody or fault is Fault.SERVER or (fault is Fault.DENIED and not known):
            _postpone(tx, claim, error)
            if everybody:
                _postpone_alike(tx, [message for message in alike if message.id != claim.id])
            return Fate(MessageState.PENDING, server=True)
        counts = fault is Fault.OURS or (fault is Fault.LATER and known)
        if fault in (Fault.MAIL, Fault.UNCLEAR) or (counts and claim.tries + 1 >= MOST_TRIES):
            values = {"state": MessageState.DEAD, "error": error, "tries": claim.tries + 1, "failed_at": tx.now}
            if _change(tx, claim, values):
                _audit(tx, Event.MESSAGE_DEAD, claim)
            return Fate(MessageState.DEAD)
        tries, delay = claim.tries + 1, min(FIRST_DELAY * 2 ** min(claim.tries, 10), LONGEST_DELAY)
        if fault is Fault.NOBODYS:
            tries, delay = claim.tries, FIRST_DELAY
        elif not counts:
            tries = max(claim.tries, min(tries, _GROWN))
        values = {"not_before": tx.now + delay, "postponed": 0, "tries": tries, "error": error, "failed_at": tx.now}
        _change(tx, claim, values | _FREE)
        return Fate(MessageState.PENDING)


# So many other recipients have to be refused with the same words before it is the server's fault. 4xx are common for
# one mail (greylisting), and cost it a while only.
_ALIKE = {Fault.UNCLEAR: 1, Fault.LATER: 2}

# After so many tries the delay grows no more. A try that may be the server's fault makes it grow, but counts no further
# (those up to here take 20 minutes of the five hours): however long an outage was, a mail has its chance after it.
_GROWN = 7


def void(book: Book, claim: Claim) -> bool:
    """What the message would say is no longer so."""
    with book.write() as tx:
        return _change(tx, claim, {"state": MessageState.VOID})


def release(book: Book, claims: Collection[Claim]) -> None:
    """Give claims back unused."""
    if claims:
        with book.write() as tx:
            for claim in sorted(claims, key=lambda claim: claim.id):
                _change(tx, claim, _FREE)


def _first(tx: Tx, condition: ColumnElement[bool], *order: ColumnElement[Any], limit: int) -> list[Message]:
    """The first messages in an order, locked. On PostgreSQL claimants skip what others have locked (SKIP LOCKED) and do
    not wait for each other; SQLite has one writer anyway."""
    found = select(Message).where(condition).order_by(*order, col(Message.not_before), col(Message.id)).limit(limit)
    return tx.all(found.with_for_update(skip_locked=True))


def _next_probe(tx: Tx, free: ColumnElement[bool], due: ColumnElement[bool]) -> list[Message]:
    """One that has not been put off yet, the most urgent; else the one that has been for longest, due or not.

    So mail that is refused for itself, however urgent, does not try again and again in place of mail that would go out.
    """
    untried = [and_(due, urgent, col(Message.postponed) == 0) for urgent in _URGENCY]
    tried = and_(free, col(Message.not_before) <= tx.now + LONGEST_DELAY, col(Message.postponed) > 0)
    for condition in (*untried, tried):
        if found := _first(tx, condition, limit=1):
            return found
    return []


def _due(now: datetime, channel: Channel) -> ColumnElement[bool]:
    return and_(_free(now, channel), col(Message.not_before) <= now)


def _free(now: datetime, channel: Channel) -> ColumnElement[bool]:
    return and_(
        col(Message.channel) == channel,
        col(Message.state) == MessageState.PENDING,
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


def _postponed(now: datetime) -> ColumnElement[bool]:
    """Mail that waits because the server took none, due or not; by its index, for it waits for minutes at most."""
    return and_(
        col(Message.channel) == Channel.MAIL,
        col(Message.state) == MessageState.PENDING,
        col(Message.not_before) <= now + LONGEST_DELAY,
        col(Message.postponed) > 0,
    )


def _postpone(tx: Tx, claim: Claim, error: str) -> None:
    delay = min(FIRST_DELAY * 2 ** min(claim.postponed, 10), LONGEST_DELAY)
    values = {"not_before": tx.now + delay, "postponed": claim.postponed + 1, "error": error, "failed_at": tx.now}
    _change(tx, claim, values | _FREE)


def _last_taken_at(tx: Tx) -> datetime | None:
    """When the mail server last took a mail; the newest event tells, but for runs that were created since."""
    sent = (
        select(col(AuditEvent.at))
        .where(
            col(AuditEvent.event) == Event.MESSAGE_SENT.value,
            ~col(AuditEvent.data)["kind"].as_string().startswith("run_", autoescape=True),
        )
        .order_by(col(AuditEvent.id).desc())
        .limit(1)
    )
    taken_at: datetime | None = tx.session.execute(sent).scalar_one_or_none()
    return taken_at


def _refused_alike(tx: Tx, claim: Claim, error: str, taken_at: datetime | None) -> list[Message]:
    """This mail, and what was refused with the same words while no mail was taken since `taken_at`.

    Whether it was given up or waits for its next try, and also while it is tried again.
    """
    waits = and_(is_state(MessageState.PENDING), col(Message.not_before) <= tx.now + LONGEST_DELAY)
    found = [tx.session.get_one(Message, claim.id)]
    for where in (is_state(MessageState.DEAD), waits):
        alike = select(Message).where(col(Message.channel) == Channel.MAIL, where, col(Message.error) == error)
        alike = alike.where(col(Message.id) != claim.id)
        alike = alike.where(col(Message.failed_at) >= taken_at if taken_at else col(Message.failed_at).is_not(None))
        found += tx.all(alike.order_by(col(Message.failed_at).desc()).limit(_LOOK_BACK))
    return found


def _recipient(message: Message) -> tuple[object, ...]:
    """Who a mail is to: the partner, the client of a lead, or the operators."""
    if message.partner_code is not None:
        return ("partner", message.partner_code)
    return ("client", message.lead_id) if message.kind is MessageKind.WELCOME else ("operators",)


def _postpone_alike(tx: Tx, alike: Iterable[Message]) -> None:
    """The server's fault: what was given up for it comes back, and all of it is due as soon as mail is taken."""
    pending = is_state(MessageState.PENDING)
    _update_free(tx, and_(_among(alike), pending, col(Message.postponed) == 0), {"postponed": 1})
    back = _update_free(
        tx,
        and_(_among(alike), is_state(MessageState.DEAD)),
        {
            "state": MessageState.PENDING,
            "not_before": tx.now + FIRST_DELAY,
            "postponed": 1,
            "tries": MESSAGES.c.tries - 1,
            **_FREE,
        },
    )
    for message in alike:
        if message.id in back:
            tx.audit(Event.MESSAGE_REVIVED, lead_id=message.lead_id, message=message.id, kind=message.kind.value)


def _among(messages: Iterable[Message]) -> ColumnElement[bool]:
    return col(Message.id).in_([message.id for message in messages])


def _update_free(tx: Tx, condition: ColumnElement[bool], values: Mapping[str, object]) -> set[int]:
    """Change other messages than the one in hand; their ids. What another transaction holds at this moment is left to
    it: on PostgreSQL two relays that wait for each other's mail would end in a deadlock."""
    free = select(MESSAGES.c.id).where(condition).order_by(col(Message.id)).with_for_update(skip_locked=True)
    changed = update(MESSAGES).where(MESSAGES.c.id.in_(free)).values(values).returning(MESSAGES.c.id)
    return set(tx.session.execute(changed).scalars())


def _change(tx: Tx, claim: Claim, values: Mapping[str, object]) -> bool:
    """Only while the claim is ours: an expired one may have been taken, or the message voided with its attempt."""
    ours = _OURS_FAILED if "failed_at" in values else _OURS
    result = tx.session.execute(ours, {"id_": claim.id, "claimant": claim.claimant, "until": claim.until, **values})
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]


def _audit(tx: Tx, event: Event, claim: Claim) -> None:
    tx.audit(event, lead_id=claim.lead_id, message=claim.id, kind=claim.kind.value)
