"""The audit trail and the outbox as an operator looks through them. Reading only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from models import AuditEvent, Message
from rasti.ledger.book import Book
from rasti.ledger.mail_trouble import FIRST_DUE
from rasti.ledger.resending import count_undelivered, undelivered_within
from rasti.rules.kinds import Channel, Event, Trouble

PAGE = 50


@dataclass(frozen=True)
class TrailQuery:
    """What an operator asks for; `before` is the id at which the last page ended."""

    lead_id: int | None = None
    partner: str = ""
    event: Event | None = None
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None  # not included
    before: int | None = None


@dataclass(frozen=True)
class Trail:
    """One page of events, the newest first; `older`: where the next page begins."""

    events: list[AuditEvent]
    older: int | None


def audit_trail(book: Book, query: TrailQuery) -> Trail:
    """The events asked for, the newest first."""
    where: list[Any] = []
    if query.lead_id is not None:
        where.append(col(AuditEvent.lead_id) == query.lead_id)
    if query.partner:
        where.append(col(AuditEvent.partner_code) == query.partner)
    if query.event is not None:
        where.append(col(AuditEvent.event) == query.event.value)
    if query.actor:
        where.append(col(AuditEvent.actor).startswith(query.actor, autoescape=True))
    if query.since is not None:
        where.append(col(AuditEvent.at) >= query.since)
    if query.until is not None:
        where.append(col(AuditEvent.at) < query.until)
    if query.before is not None:
        where.append(col(AuditEvent.id) < query.before)
    with book.read() as tx:
        found = tx.all(select(AuditEvent).where(*where).order_by(col(AuditEvent.id).desc()).limit(PAGE + 1))
    events = found[:PAGE]
    return Trail(events, events[-1].id if len(found) > PAGE else None)


@dataclass(frozen=True)
class OutboxPage:
    """One page of messages, the oldest first."""

    messages: list[Message]
    counts: dict[Trouble, int]
    page: int
    pages: int


def undelivered(book: Book, which: Trouble, *, channel: Channel = Channel.MAIL, page: int = 1) -> OutboxPage:
    """Messages that were not delivered."""
    with book.read() as tx:
        counts = {trouble: count_undelivered(tx, trouble, channel=channel)[0] for trouble in Trouble}
        pages = max(1, -(-counts[which] // PAGE))
        page = min(max(1, page), pages)
        messages = tx.all(
            select(Message)
            .where(undelivered_within(tx, which), col(Message.channel) == channel)
            .order_by(FIRST_DUE, col(Message.id))
            .limit(PAGE)
            .offset((page - 1) * PAGE)
        )
        return OutboxPage(messages, counts, page, pages)
