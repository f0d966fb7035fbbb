"""Leads as an operator looks for them, and everything about one of them. Reading only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func
from sqlmodel import col, or_, select

from models import Attempt, AuditEvent, Checkpoint, Client, Contact, Lead, Message, Violation
from rasti.ledger.book import Book, Tx
from rasti.ledger.desk_today import SOON, is_undecided
from rasti.ledger.leads import get_lead
from rasti.ledger.partner_lead import cautions_of
from rasti.ledger.repeats import NO_REPEATS, Repeats, repeats_of
from rasti.ledger.unreceived import next_partner_within
from rasti.rules.kinds import CheckpointKind, LeadState, MessageKind, PauseReason

PAGE = 50
_LARGEST_ID = 2**63 - 1
_EVENTS = 200


class Due(StrEnum):
    """Which clock of a lead is looked for."""

    SOON = "soon"  # within the hour
    OVERDUE = "overdue"


@dataclass(frozen=True)
class LeadQuery:
    """What an operator asks for; `text` is an id or (a part of) a source's id."""

    state: LeadState | None = None
    partner: str = ""
    pause: PauseReason | None = None
    due: Due | None = None
    undecided: bool = False  # attached, and another client's perhaps
    text: str = ""
    page: int = 1


@dataclass(frozen=True)
class LeadRow:
    """A lead in a list: who has it, and what is due next."""

    lead: Lead
    partner: str | None
    kind: CheckpointKind | None
    due_at: datetime | None


@dataclass(frozen=True)
class LeadPage:
    """One page of what was found."""

    rows: list[LeadRow]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class AttemptFile:
    """An attempt with its checkpoints, their violations, and its contacts."""

    attempt: Attempt
    checkpoints: list[tuple[Checkpoint, Violation | None]]
    contacts: list[Contact]


@dataclass(frozen=True)
class LeadFile:
    """Everything about a lead, the client included."""

    lead: Lead
    client: Client
    attempts: list[AttemptFile]  # the newest first
    known: Client | None  # of an attached request: the client of the lead it is attached to
    repeats: Repeats  # attached to it
    cautions: list[tuple[str, Contact]]  # what former holders (codes) logged about the client afterwards (D15)
    messages: list[Message]
    events: list[AuditEvent]  # the newest first
    unreceived: Message | None = None  # the mail that has not brought it to its partner, though it was tried
    next_partner: str | None = None  # who would get it instead


def find_leads(book: Book, query: LeadQuery) -> LeadPage:
    """The leads asked for: by the next due time where that is asked, else the newest first."""
    with book.read() as tx:
        where = _where(query)
        from_open = col(Attempt.lead_id) == col(Lead.id), col(Attempt.ended_at).is_(None)
        counted = select(func.count(col(Lead.id).distinct()))
        found = select(Lead, col(Attempt.partner_code), col(Attempt.id))
        if query.due is None:
            order: tuple[Any, ...] = (col(Lead.id).desc(),)
        else:
            # A checkpoint without a verdict belongs to an open attempt.
            next_due = (
                select(col(Checkpoint.attempt_id), func.min(col(Checkpoint.due_at)).label("due_at"))
                .where(col(Checkpoint.verdict).is_(None))
                .group_by(col(Checkpoint.attempt_id))
                .subquery()
            )
            bounds = (
                next_due.c.due_at < tx.now
                if query.due is Due.OVERDUE
                else next_due.c.due_at.between(tx.now, tx.now + SOON)
            )
            found = found.join_from(Lead, Attempt, from_open[0] & from_open[1]).join(
                next_due, next_due.c.attempt_id == col(Attempt.id)
            )
            counted = counted.join_from(Lead, Attempt, from_open[0] & from_open[1]).join(
                next_due, next_due.c.attempt_id == col(Attempt.id)
            )
            where, order = [*where, bounds], (next_due.c.due_at, col(Lead.id))
        if query.due is None:
            found = found.outerjoin_from(Lead, Attempt, from_open[0] & from_open[1])
            if query.partner:
                counted = counted.join_from(Lead, Attempt, from_open[0] & from_open[1])
            else:
                counted = counted.select_from(Lead)
        total = tx.session.execute(counted.where(*where)).scalar_one()
        pages = max(1, -(-total // PAGE))
        page = min(max(1, query.page), pages)
        rows = tx.session.execute(found.where(*where).order_by(*order).limit(PAGE).offset((page - 1) * PAGE)).all()
        due = _next_due(tx, [attempt_id for _lead, _partner, attempt_id in rows if attempt_id is not None])
        return LeadPage(
            [LeadRow(lead, partner, *due.get(attempt_id, (None, None))) for lead, partner, attempt_id in rows],
            total,
            page,
            pages,
        )


def _where(query: LeadQuery) -> list[Any]:
    where: list[Any] = []
    if query.state is not None:
        where.append(col(Lead.state) == query.state)
    if query.pause is not None:
        where.append(col(Lead.pause_reason) == query.pause)
    if query.partner:
        where.append(col(Attempt.partner_code) == query.partner)
    if query.undecided:
        where += is_undecided()
    text = query.text.strip()
    if text:
        matches = [col(Lead.source_id).contains(text, autoescape=True)]
        if text.isascii() and text.isdecimal() and int(text) <= _LARGEST_ID:
            matches.append(col(Lead.id) == int(text))
        where.append(or_(*matches))
    return where


def _next_due(tx: Tx, attempt_ids: list[int]) -> dict[int, tuple[CheckpointKind, datetime]]:
    open_ones = tx.all(
        select(Checkpoint)
        .where(col(Checkpoint.attempt_id).in_(attempt_ids), col(Checkpoint.verdict).is_(None))
        .order_by(col(Checkpoint.due_at).desc())
    )
    return {checkpoint.attempt_id: (checkpoint.kind, checkpoint.due_at) for checkpoint in open_ones}


def lead_file(book: Book, lead_id: int) -> LeadFile:
    """A lead with all that belongs to it. Raises NotFound."""
    with book.read() as tx:
        lead = get_lead(tx, lead_id)
        attempts = tx.all(select(Attempt).where(col(Attempt.lead_id) == lead_id).order_by(col(Attempt.number).desc()))
        partners = {attempt.id: attempt.partner_code for attempt in attempts}
        unreceived = _unreceived(tx, attempts[0]) if attempts else None
        return LeadFile(
            lead=lead,
            client=tx.session.get_one(Client, lead_id),
            attempts=[_attempt_file(tx, attempt) for attempt in attempts],
            known=None if lead.attached_to is None else tx.session.get_one(Client, lead.attached_to),
            repeats=repeats_of(tx, [lead_id]).get(lead_id, NO_REPEATS),
            cautions=[(partners[contact.attempt_id], contact) for contact in cautions_of(tx, lead_id)],
            messages=tx.all(select(Message).where(col(Message.lead_id) == lead_id).order_by(col(Message.id).desc())),
            events=tx.all(
                select(AuditEvent)
                .where(col(AuditEvent.lead_id) == lead_id)
                .order_by(col(AuditEvent.id).desc())
                .limit(_EVENTS)
            ),
            unreceived=unreceived,
            next_partner=next_partner_within(tx, lead_id) if unreceived else None,
        )


def _unreceived(tx: Tx, attempt: Attempt) -> Message | None:
    """The mail of an open attempt without a reception, if it was tried in vain."""
    if attempt.ended_at is not None or attempt.received_at is not None:
        return None
    mail = select(Message).where(col(Message.attempt_id) == attempt.id, col(Message.kind) == MessageKind.LEAD)
    return tx.session.execute(mail.where(col(Message.error).is_not(None))).scalar_one_or_none()


def _attempt_file(tx: Tx, attempt: Attempt) -> AttemptFile:
    checkpoints = tx.session.execute(
        select(Checkpoint, Violation)
        .outerjoin(Violation, col(Violation.checkpoint_id) == col(Checkpoint.id))
        .where(col(Checkpoint.attempt_id) == attempt.id)
        .order_by(col(Checkpoint.due_at))
    ).all()
    contacts = tx.all(
        select(Contact).where(col(Contact.attempt_id) == attempt.id).order_by(col(Contact.began_at), col(Contact.id))
    )
    return AttemptFile(attempt, [(checkpoint, violation) for checkpoint, violation in checkpoints], contacts)
