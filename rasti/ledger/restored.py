"""After a backup was restored: what happened since it was made is missing here, and somebody has to be told.

The gap goes from the instant of the backup to that of the restore. Leads of the gap are sent again by their sources
(D17); contacts of the gap are lost, so no checkpoint whose window touches it can be found violated: it becomes void
unless a contact meets it all the same. Mail of the gap may go out a second time. Everybody has to sign in again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlmodel import col, select

from models import Attempt, AuditEvent, Checkpoint, Message, PortalSession
from rasti.ledger.book import Book, Tx
from rasti.rules.kinds import Channel, CheckpointKind, Event, MessageKind, MessageState

SHOWN_FOR = timedelta(days=7)
MOST_LISTED = 50  # ids in a mail; the audit event has them all


@dataclass(frozen=True)
class TouchedCheckpoint:
    """An open checkpoint whose window touches the gap."""

    checkpoint: int
    lead: int
    partner: str
    kind: CheckpointKind
    due_at: datetime


@dataclass(frozen=True)
class Gap:
    """What is missing, and what that may cause: `again` are mails (ids) that perhaps were sent in the gap already."""

    made_at: datetime
    restored_at: datetime
    again: list[int]
    checkpoints: list[TouchedCheckpoint]


@dataclass(frozen=True)
class Restored:
    """A restore in the last days, for whoever looks at the desk, the status or the health."""

    made_at: datetime
    restored_at: datetime


def note_restored(book: Book, made_at: datetime, *, unknown: Sequence[int] = ()) -> Gap:
    """Write down that this database is a backup of `made_at`, and tell the operators.

    `unknown`: numbers of mails that are known to have been sent in the gap, and of which nothing is known here.
    """
    with book.write() as tx:
        again = tx.all(
            select(Message.id)
            .where(
                col(Message.channel) == Channel.MAIL,
                col(Message.state) == MessageState.PENDING,
                col(Message.not_before) <= tx.now,
            )
            .order_by(col(Message.id))
        )
        gap = Gap(made_at, tx.now, again, _touched(tx, made_at))
        touched = col(Checkpoint.id).in_(select(Checkpoint.id).join(Attempt).where(*_touches(tx, made_at)))
        _change(tx, update(Checkpoint).where(touched).values(evidence_lost=True))
        # Whoever signed out in the gap, or was disabled, would be signed in again.
        _change(tx, update(PortalSession).where(col(PortalSession.ended_at).is_(None)).values(ended_at=tx.now))
        found: dict[str, Any] = {
            "again": again,
            "unknown": sorted(unknown),
            "checkpoints": [point.checkpoint for point in gap.checkpoints],
        }
        span: dict[str, Any] = {"made_at": made_at.isoformat(), "restored_at": tx.now.isoformat()}
        tx.audit(Event.DATABASE_RESTORED, **span, **found)
        tx.send(MessageKind.ALERT_RESTORED, span["restored_at"], **span, **_shortened(found))
        return gap


def last_restore_within(tx: Tx) -> Restored | None:
    """The last restore, if it was in the last days."""
    event: AuditEvent | None = tx.session.execute(
        select(AuditEvent)
        .where(col(AuditEvent.event) == Event.DATABASE_RESTORED)
        .order_by(col(AuditEvent.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    if event is None or event.at < tx.now - SHOWN_FOR:
        return None
    return Restored(datetime.fromisoformat(event.data["made_at"]), event.at)


def _touched(tx: Tx, made_at: datetime) -> list[TouchedCheckpoint]:
    rows = tx.session.execute(
        select(Checkpoint, Attempt)
        .join(Attempt)
        .where(*_touches(tx, made_at))
        .order_by(col(Checkpoint.due_at), col(Checkpoint.id))
    ).all()
    return [
        TouchedCheckpoint(point.id, attempt.lead_id, attempt.partner_code, point.kind, point.due_at)
        for point, attempt in rows
    ]


def _touches(tx: Tx, made_at: datetime) -> list[ColumnElement[bool]]:
    return [
        col(Checkpoint.verdict).is_(None),
        col(Checkpoint.opens_at) <= tx.now,
        col(Checkpoint.due_at) >= made_at,
        col(Attempt.ended_at).is_(None),
    ]


def _change(tx: Tx, statement: Any) -> None:
    tx.session.execute(statement, execution_options={"synchronize_session": False})


def _shortened(found: dict[str, Any]) -> dict[str, Any]:
    counts = {f"{name}_count": len(ids) for name, ids in found.items()}
    return {name: ids[:MOST_LISTED] for name, ids in found.items()} | counts
