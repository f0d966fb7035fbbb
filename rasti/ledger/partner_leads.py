"""The leads of one partner as a list: filtered, sorted by urgency, in pages. Reading only.

A checkpoint that is met already still waits for its verdict until its due time; what is due next is the first open one
that is not met. A contact with the effect `counted` that began in its window met it: windows do not overlap (D12).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, false, func, or_, select, true
from sqlalchemy.orm import aliased
from sqlmodel import col

from models import Attempt, Checkpoint, Client, Contact, Lead
from rasti.ledger.book import Book, Tx
from rasti.ledger.repeats import NO_REPEATS, Repeats, repeats_of
from rasti.rules.addresses import email_key
from rasti.rules.kinds import AttemptEnd, CheckpointKind, ContactEffect, LeadState
from rasti.rules.phones import phone_key

PAGE = 25  # leads
SORTED = 1_000  # of more leads in a partner's hands a page is read without sorting them all
_LONGEST_NUMBER = 18  # digits: what every database takes as a number
_NAMES = 500  # products that a search may match
_BATCH = 5_000  # bound parameters in one statement


class Show(StrEnum):
    """Which of a partner's leads a list shows."""

    MINE = "mine"  # in their hands
    SOON = "soon"  # of those: what is due next is near, or its time is over
    CLOSED = "closed"  # closed in their hands
    LEFT = "left"  # no longer theirs
    ALL = "all"


@dataclass(frozen=True)
class Wanted:
    """What a partner looks for; `text` is a lead's number or a part of a product's name."""

    show: Show = Show.MINE
    checkpoint: CheckpointKind | None = None  # due next
    text: str = ""


@dataclass(frozen=True)
class Due:
    """What is due next of a lead."""

    kind: CheckpointKind
    opens_at: datetime
    due_at: datetime


@dataclass(frozen=True)
class LeadRow:
    """A lead in a partner's list; the client only while it is in their hands."""

    lead_id: int
    product: str
    workplaces: int
    requested_at: datetime
    state: LeadState
    started_at: datetime
    received_at: datetime | None
    ended_at: datetime | None
    end_reason: AttemptEnd | None
    due: Due | None
    client: Client | None = None
    repeats: Repeats = NO_REPEATS  # of the client; in a file only

    @property
    def closed(self) -> bool:
        """Whether it ended in this partner's hands."""
        return self.end_reason is AttemptEnd.CLOSED and self.state is LeadState.CLOSED


@dataclass(frozen=True)
class LeadList:
    """One page of a list."""

    rows: list[LeadRow]
    total: int
    page: int
    pages: int


def list_leads(book: Book, partner: str, wanted: Wanted, *, page: int = 1) -> LeadList:
    """A page of a partner's leads, the most urgent first; a page that does not exist is the last one."""
    with book.read() as tx:
        if wanted == Wanted(Show.SOON):
            soon = _by_due(partner).where(*_is_near(tx, Checkpoint))
            total, in_order = _count(tx, soon), soon
        else:
            conditions = _conditions(tx, partner, wanted)
            total = tx.session.execute(_counted(partner, wanted).where(*conditions)).scalar_one()
            # Narrow rows are sorted, and only those of the page read whole: sorting 10,000 whole ones spills to disk.
            in_order = _in_order(select(col(Attempt.id)), partner).where(*conditions)
        pages = max(1, -(-total // PAGE))
        page = min(max(page, 1), pages)
        if wanted == Wanted() and total > SORTED:
            ids = _open_ids(tx, partner, (page - 1) * PAGE)
        else:
            ids = tx.all(in_order.limit(PAGE).offset((page - 1) * PAGE))
        return LeadList(list(_with_clients(tx, _rows(partner, ids))), total, page, pages)


def all_leads(book: Book, partner: str, wanted: Wanted) -> list[LeadRow]:
    """The whole list, for a file; with the clients also what they told when they asked again (D17)."""
    with book.read() as tx:
        rows = list(_with_clients(tx, _rows(partner).where(*_conditions(tx, partner, wanted))))
        repeats = repeats_of(tx, [row.lead_id for row in rows if row.client is not None])
        return [replace(row, repeats=repeats.get(row.lead_id, NO_REPEATS)) for row in rows]


def find_by_client(book: Book, partner: str, asked: str) -> list[LeadRow]:
    """The leads in a partner's hands whose client has this phone number or mail address."""
    keys = [col(Client.email_key) == email_key(asked.strip())]
    if phone_key(asked):
        keys.append(col(Client.phone_key) == phone_key(asked))
    ids = select(col(Client.lead_id)).where(or_(*keys))
    repeats = select(col(Lead.attached_to)).where(col(Lead.id).in_(ids))
    with book.read() as tx:
        mine = (col(Attempt.ended_at).is_(None), or_(col(Lead.id).in_(ids), col(Lead.id).in_(repeats)))
        return list(_with_clients(tx, _rows(partner).where(*mine).limit(PAGE)))


_Next = aliased(Checkpoint)
_Earlier = aliased(Checkpoint)


def _open_ids(tx: Tx, partner: str, skipped: int) -> list[int]:
    """One page of the attempts in a partner's hands, in the order of `_in_order`.

    Each part of that order is read from an index as far as the page needs it: nothing is sorted, so a page costs
    little more with a million checkpoints than with a thousand.
    """
    mine, received = _in_hands(partner), col(Attempt.received_at).is_not(None)
    has_next = _unmet(_Earlier).where(col(_Earlier.attempt_id) == col(Attempt.id)).exists()
    newest = col(Attempt.id).desc()
    parts = (
        mine.where(~received).order_by(newest),
        _by_due(partner),
        mine.where(received, ~has_next).order_by(newest),
    )
    ids: list[int] = []
    for part in parts:
        found = tx.all(part.limit(PAGE - len(ids)).offset(skipped))
        ids += found
        if len(ids) == PAGE:
            break
        if found:
            skipped = 0
        elif skipped:
            skipped -= _count(tx, part)
    return ids


def _by_due(partner: str) -> Select[Any]:
    """The attempts in a partner's hands of which something is due, by what is due next: `Checkpoint` here.

    Read from the index of due times. As EXISTS: a join would have SQLite look at the attempts first, and sort.
    """
    mine = _in_hands(partner).where(
        col(Attempt.id) == col(Checkpoint.attempt_id), col(Attempt.received_at).is_not(None)
    )
    has_earlier = _unmet(_Earlier).where(
        col(_Earlier.attempt_id) == col(Checkpoint.attempt_id), col(_Earlier.due_at) < col(Checkpoint.due_at)
    )
    return (
        _unmet(Checkpoint)
        .where(mine.exists(), ~has_earlier.exists())
        .order_by(col(Checkpoint.due_at), col(Checkpoint.attempt_id).desc())
    )


def _in_hands(partner: str) -> Select[Any]:
    return select(col(Attempt.id)).where(col(Attempt.partner_code) == partner, col(Attempt.ended_at).is_(None))


def _unmet(checkpoint: type[Checkpoint]) -> Select[Any]:
    """The attempts of open checkpoints that no contact has met."""
    return select(col(checkpoint.attempt_id)).where(col(checkpoint.verdict).is_(None), ~_is_met(checkpoint))


def _count(tx: Tx, statement: Select[Any]) -> int:
    counted: int = tx.session.execute(
        select(func.count()).select_from(statement.order_by(None).subquery())
    ).scalar_one()
    return counted


def _counted(partner: str, wanted: Wanted) -> Select[Any]:
    """How many; other tables are looked into only where the filter asks for it."""
    if wanted == Wanted():
        return select(func.count()).select_from(Attempt).where(col(Attempt.partner_code) == partner)
    statement = _last_attempts(select(func.count()), partner)
    asks = wanted.checkpoint is not None or wanted.show is Show.SOON
    return _with_due(statement, _pending(partner)) if asks else statement


def _last_attempts(statement: Select[Any], partner: str) -> Select[Any]:
    """A partner's last attempt of each lead."""
    later = aliased(Attempt)
    is_last = ~(
        select(col(later.id))
        .where(
            col(later.lead_id) == col(Attempt.lead_id),
            col(later.partner_code) == partner,
            col(later.number) > col(Attempt.number),
        )
        .exists()
    )
    return (
        statement.select_from(Attempt)
        .join(Lead, col(Lead.id) == col(Attempt.lead_id))
        # An open attempt is the last: then nothing has to be looked for.
        .where(col(Attempt.partner_code) == partner, or_(col(Attempt.ended_at).is_(None), is_last))
    )


def _with_due(statement: Select[Any], pending: Subquery) -> Select[Any]:
    """With the checkpoint that is due next."""
    return statement.outerjoin(pending, pending.c.attempt_id == col(Attempt.id)).outerjoin(
        _Next, and_(col(_Next.attempt_id) == pending.c.attempt_id, col(_Next.due_at) == pending.c.due_at)
    )


def _pending(partner: str, only: Sequence[int] | None = None) -> Subquery:
    """The due time of the first open checkpoint that is not met, of each open attempt (or `only` of these)."""
    return (
        select(col(Checkpoint.attempt_id), func.min(col(Checkpoint.due_at)).label("due_at"))
        .join(Attempt, col(Attempt.id) == col(Checkpoint.attempt_id))
        .where(
            col(Attempt.partner_code) == partner,
            col(Attempt.ended_at).is_(None),
            col(Checkpoint.verdict).is_(None),
            true() if only is None else col(Attempt.id).in_(only),
            ~_is_met(Checkpoint),
        )
        .group_by(col(Checkpoint.attempt_id))
        .subquery()
    )


def _is_met(checkpoint: type[Checkpoint]) -> ColumnElement[bool]:
    """Whether a contact has met a checkpoint, which still waits for its verdict."""
    return (
        select(col(Contact.id))
        .where(
            col(Contact.attempt_id) == col(checkpoint.attempt_id),
            col(Contact.effect) == ContactEffect.COUNTED,
            col(Contact.began_at).between(col(checkpoint.opens_at), col(checkpoint.due_at)),
        )
        .exists()
    )


def _rows(partner: str, only: Sequence[int] | None = None) -> Select[Any]:
    """Whole rows, in order; `only`: of these attempts."""
    statement = _in_order(select(Lead, Attempt, _Next), partner, only)
    return statement if only is None else statement.where(col(Attempt.id).in_(only))


def _in_order(columns: Select[Any], partner: str, only: Sequence[int] | None = None) -> Select[Any]:
    """Not yet received first, then by what is due next; what has ended last, the newest first."""
    pending = _pending(partner, only)
    is_open = col(Attempt.ended_at).is_(None)
    urgency = case(
        (and_(is_open, col(Attempt.received_at).is_(None)), 0),
        (and_(is_open, pending.c.due_at.is_not(None)), 1),
        (is_open, 2),
        else_=3,
    )
    return _with_due(_last_attempts(columns, partner), pending).order_by(
        urgency, pending.c.due_at, col(Attempt.ended_at).desc(), col(Attempt.id).desc()
    )


def _conditions(tx: Tx, partner: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    is_open = col(Attempt.ended_at).is_(None)
    closed = and_(col(Attempt.end_reason) == AttemptEnd.CLOSED, col(Lead.state) == LeadState.CLOSED)
    conditions: dict[Show, list[ColumnElement[bool]]] = {
        Show.MINE: [is_open],
        Show.SOON: [is_open, *_is_near(tx, _Next)],
        Show.CLOSED: [closed],
        Show.LEFT: [~is_open, ~closed],
        Show.ALL: [true()],
    }
    found = conditions[wanted.show]
    if wanted.checkpoint is not None:
        found.append(col(_Next.kind) == wanted.checkpoint)
    if wanted.text.strip():
        found.append(_matches(tx, partner, wanted.text.strip()))
    return found


def _is_near(tx: Tx, checkpoint: type[Checkpoint]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """As near as when the rules send a reminder; first all that may be, for the index."""
    reminders = tx.programme.rules_for(tx.programme.month_at(tx.now)).reminders
    near: list[ColumnElement[bool]] = [
        and_(col(checkpoint.kind) == kind, col(checkpoint.due_at) <= tx.now + before)
        for kind, before in reminders.items()
    ]
    latest = tx.now + max(reminders.values(), default=timedelta(0))
    return col(checkpoint.due_at) <= latest, or_(false(), *near)


def _matches(tx: Tx, partner: str, text: str) -> ColumnElement[bool]:
    """By a lead's number, or a part of the product's name in any case (which SQLite knows for ASCII only)."""
    number = text.removeprefix("#").removeprefix("№").strip()
    if number.isascii() and number.isdecimal() and len(number) <= _LONGEST_NUMBER:
        return col(Lead.id) == int(number)
    names: Iterable[str] = tx.session.execute(
        select(col(Lead.product))
        .join(Attempt, col(Attempt.lead_id) == col(Lead.id))
        .where(col(Attempt.partner_code) == partner)
        .distinct()
    ).scalars()
    part = text.casefold()
    return col(Lead.product).in_([name for name in names if part in name.casefold()][:_NAMES])


def _with_clients(tx: Tx, statement: Select[Any]) -> Iterator[LeadRow]:
    rows = [_row(lead, attempt, due) for lead, attempt, due in tx.session.execute(statement)]
    clients = _clients(tx, [row.lead_id for row in rows if row.ended_at is None])
    return (replace(row, client=clients.get(row.lead_id)) for row in rows)


def _clients(tx: Tx, lead_ids: Sequence[int]) -> dict[int, Client]:
    found: dict[int, Client] = {}
    for start in range(0, len(lead_ids), _BATCH):
        ids = lead_ids[start : start + _BATCH]
        for client in tx.all(select(Client).where(col(Client.lead_id).in_(ids))):
            found[client.lead_id] = client
    return found


def _row(lead: Lead, attempt: Attempt, due: Checkpoint | None) -> LeadRow:
    return LeadRow(
        lead.id,
        lead.product,
        lead.workplaces,
        lead.requested_at,
        lead.state,
        attempt.started_at,
        attempt.received_at,
        attempt.ended_at,
        attempt.end_reason,
        Due(due.kind, due.opens_at, due.due_at) if due else None,
    )
