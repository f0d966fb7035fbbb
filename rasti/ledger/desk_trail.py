"""The audit trail and the outbox as an operator looks through them. Reading only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

from models import AuditEvent, Message
from rasti.ledger.book import Book
from rasti.ledger.mail_trouble import FIRST_DUE, is_late
from rasti.rules.kinds import Channel, Event, MessageState

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


class Undelivered(StrEnum):
    """Which messages are looked for."""

    LATE = "late"  # their time has come, also while they wait for their next try
    DEAD = "dead"  # given up
    BOUNCED = "bounced"  # came back, and not sent again since


@dataclass(frozen=True)
class OutboxPage:
    """One page of messages, the oldest first."""

    messages: list[Message]
    counts: dict[Undelivered, int]
    page: int
    pages: int


def undelivered(book: Book, which: Undelivered, *, channel: Channel | None = None, page: int = 1) -> OutboxPage:
    """Messages that were not delivered."""
    with book.read() as tx:
        conditions: dict[Undelivered, tuple[Any, ...]] = {
            Undelivered.LATE: tuple(is_late(tx)),
            Undelivered.DEAD: (col(Message.state) == MessageState.DEAD,),
            Undelivered.BOUNCED: (col(Message.bounced_at).is_not(None),),
        }
        of_channel = [col(Message.channel) == channel] if channel else []
        counts = {
            kind: tx.session.execute(select(func.count()).select_from(Message).where(*where, *of_channel)).scalar_one()
            for kind, where in conditions.items()
        }
        pages = max(1, -(-counts[which] // PAGE))
        page = min(max(1, page), pages)
        messages = tx.all(
            select(Message)
            .where(*conditions[which], *of_channel)
            .order_by(FIRST_DUE, col(Message.id))
            .limit(PAGE)
            .offset((page - 1) * PAGE)
        )
        return OutboxPage(messages, counts, page, pages)
