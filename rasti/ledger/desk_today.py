"""The operator's desk today: who holds the leads, what waits for a decision, what the last month waits for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from models import Checkpoint, Client, Lead, Message, Partner, QuarantinedRow, Ranking, Tenure, Violation
from rasti.ledger.book import Book, Tx
from rasti.ledger.desk_months import MonthState, month_states_within
from rasti.ledger.doubles import count_doubles
from rasti.ledger.mail_trouble import MailTrouble, mail_trouble_within, undelivered_alerts
from rasti.ledger.ranking_facts import changed_since_published
from rasti.ledger.resending import count_undelivered
from rasti.ledger.restored import Restored, last_restore_within
from rasti.ledger.tenure_walk import open_tenure
from rasti.rules.kinds import LeadState, PauseReason, Trouble
from rasti.rules.month import Month

RECENT = timedelta(days=7)
SOON = timedelta(hours=1)
_DOUBTS = 10  # on the desk itself; the list behind has all


@dataclass(frozen=True)
class HolderNow:
    """Who holds the leads, since when, by which version."""

    partner: str
    name: str
    since: datetime
    lead_month: Month
    month: Month  # the reporting month that earned them
    version: int
    place: int | None


@dataclass(frozen=True)
class Doubt:
    """A repeated request that may be another client's, and the lead it is attached to, with both clients (D17)."""

    lead_id: int
    attached_to: int
    since: datetime
    client: Client
    known: Client


@dataclass(frozen=True)
class Today:
    """What an operator looks at first; leads, checkpoints and violations as counts."""

    holder: HolderNow | None
    leads: dict[LeadState, int]
    paused: dict[PauseReason, int]
    undecided: int  # attached requests that may be another client's
    doubts: list[Doubt]  # those that have waited longest
    due_soon: int
    overdue: int
    violated: int  # in the last days
    late: int  # mails whose time has come, also while they wait for their next try
    oldest_late: datetime | None  # when it was first due
    dead: int
    oldest_dead: datetime | None  # when it was first due
    bounced: int  # came back, and not sent again since
    last_month: MonthState | None  # the newest that has ended
    quarantined: int
    doubles: int  # invoices that are probably there twice
    changed_since_published: list[Month]
    restored: Restored | None  # in the last days: what happened between backup and restore is missing
    trouble: MailTrouble | None  # mail that cannot be delivered
    alerts: list[Message]  # alerts that mail could not carry, the oldest first


def today(book: Book) -> Today:
    """The desk now."""
    with book.read() as tx:
        tenure = open_tenure(tx)
        leads: dict[LeadState, int] = dict.fromkeys(LeadState, 0)
        leads |= _counts(tx, select(col(Lead.state), func.count()).group_by(col(Lead.state)))
        paused = select(col(Lead.pause_reason), func.count()).where(col(Lead.state) == LeadState.PAUSED)
        late, oldest_late = count_undelivered(tx, Trouble.WAITING)
        dead, oldest_dead = count_undelivered(tx, Trouble.DEAD)
        months = month_states_within(tx, newest=1)
        return Today(
            holder=_holder(tx, tenure) if tenure else None,
            leads=leads,
            paused=_counts(tx, paused.group_by(col(Lead.pause_reason))),
            undecided=_count(tx, select(func.count(col(Lead.id))).where(*is_undecided())),
            doubts=_doubts(tx),
            due_soon=_open_checkpoints(tx, col(Checkpoint.due_at).between(tx.now, tx.now + SOON)),
            overdue=_open_checkpoints(tx, col(Checkpoint.due_at) < tx.now),
            violated=_count(tx, select(func.count()).where(col(Violation.recorded_at) > tx.now - RECENT)),
            late=late,
            oldest_late=oldest_late,
            dead=dead,
            oldest_dead=oldest_dead,
            bounced=count_undelivered(tx, Trouble.BOUNCED)[0],
            last_month=months[0] if months else None,
            quarantined=_count(tx, select(func.count()).where(col(QuarantinedRow.resolved_at).is_(None))),
            doubles=count_doubles(tx),
            changed_since_published=changed_since_published(tx),
            restored=last_restore_within(tx),
            trouble=mail_trouble_within(tx),
            alerts=undelivered_alerts(tx),
        )


def is_undecided() -> list[ColumnElement[bool]]:
    """Conditions on a lead: it is attached, also to a closed one, and may be another client's (D17)."""
    return [col(Lead.state) == LeadState.ATTACHED, col(Lead.doubted_at).is_not(None)]


def _doubts(tx: Tx) -> list[Doubt]:
    known = aliased(Client)
    rows = tx.session.execute(
        select(Lead, Client, known)
        .join(Client, col(Client.lead_id) == col(Lead.id))
        .join(known, col(known.lead_id) == col(Lead.attached_to))
        .where(*is_undecided())
        .order_by(col(Lead.doubted_at), col(Lead.id))
        .limit(_DOUBTS)
    )
    return [Doubt(lead.id, root.lead_id, lead.doubted_at, client, root) for lead, client, root in rows]


def _holder(tx: Tx, tenure: Tenure) -> HolderNow:
    ranking = tx.session.get_one(Ranking, tenure.ranking_id)
    name = tx.session.get_one(Partner, tenure.partner_code).name
    return HolderNow(
        tenure.partner_code, name, tenure.started_at, tenure.lead_month, ranking.month, ranking.version, tenure.place
    )


def _open_checkpoints(tx: Tx, when: Any) -> int:
    # A checkpoint of an attempt that has ended is void: no verdict means that the attempt is open.
    return _count(tx, select(func.count()).where(col(Checkpoint.verdict).is_(None), when))


def _counts(tx: Tx, statement: Any) -> dict[Any, int]:
    return dict(map(tuple, tx.session.execute(statement).all()))


def _count(tx: Tx, statement: Any) -> int:
    return int(tx.session.execute(statement).scalar_one())
