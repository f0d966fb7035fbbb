"""The numbers that tell whether everything is well; asked often, so each has an index behind it. Reading only."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func
from sqlmodel import col, select

from models import Checkpoint, Heartbeat, Lead, Message
from models.revision import missing_revisions
from rasti.ledger.book import Book, Tx
from rasti.ledger.mail_trouble import FAILED, FIRST_DUE, MailTrouble, is_late, is_state, mail_trouble_within
from rasti.ledger.resending import count_undelivered
from rasti.ledger.restored import Restored, last_restore_within
from rasti.ledger.tenure_walk import open_tenure
from rasti.rules.kinds import Channel, LeadState, MessageState, Trouble
from rasti.rules.month import Month


@dataclass(frozen=True)
class Lags:
    """How late the steward is, in seconds; 0 where nothing waits."""

    at: datetime
    mail: float  # since the oldest mail was first due, also while it waits for its next try
    untried: float  # the same of mail that nobody has tried: the relay does not keep up
    verdict: float  # since the oldest checkpoint without a verdict was due
    heartbeats: dict[str, float]  # since a loop last finished a round
    restored: Restored | None = None  # a restore in the last days: something is missing
    trouble: MailTrouble | None = None  # mail that cannot be delivered


@dataclass(frozen=True)
class Pulse:
    """How things stand at an instant; ages and lags in seconds, 0 where nothing waits."""

    at: datetime
    holder: str | None
    lead_month: Month | None
    leads: dict[LeadState, int]
    overdue: int
    oldest_overdue: float
    due: dict[Channel, int]  # messages whose time has come, also while they wait for their next try
    oldest_due: dict[Channel, float]  # since it was first due
    oldest_untried: float  # since the oldest mail was due that nobody has tried
    failing: dict[Channel, int]  # those of them that were tried in vain
    trouble: MailTrouble | None  # mail that cannot be delivered
    dead: dict[Channel, int]
    bounced: int  # mails that came back, and were not sent again since
    heartbeats: dict[str, float]  # seconds since a loop of the steward last finished a round
    restored: float | None  # seconds since a backup was restored, in the last days


def pulse(book: Book, *, without: Collection[str] = ()) -> Pulse:
    """Take the pulse now; `without` the heartbeats of loops that are not configured."""
    with book.read() as tx:
        tenure = open_tenure(tx)
        by_state = dict(_rows(tx, select(col(Lead.state), func.count()).group_by(col(Lead.state))))
        overdue, oldest_overdue = _overdue(tx)
        due = _due_messages(tx)
        dead = dict(
            _rows(
                tx,
                select(col(Message.channel), func.count())
                .where(is_state(MessageState.DEAD))
                .group_by(col(Message.channel)),
            )
        )
        return Pulse(
            at=tx.now,
            holder=tenure.partner_code if tenure else None,
            lead_month=tenure.lead_month if tenure else None,
            leads={state: by_state.get(state, 0) for state in LeadState},
            overdue=overdue,
            oldest_overdue=oldest_overdue,
            due={channel: its.number for channel, its in due.items()},
            oldest_due={channel: _age(tx, its.oldest) for channel, its in due.items()},
            oldest_untried=_age(tx, due[Channel.MAIL].untried),
            failing={channel: its.failing for channel, its in due.items()},
            trouble=mail_trouble_within(tx),
            dead={channel: dead.get(channel, 0) for channel in Channel},
            bounced=count_undelivered(tx, Trouble.BOUNCED)[0],
            heartbeats=_heartbeats(tx, without),
            restored=_age(tx, restored.restored_at) if (restored := last_restore_within(tx)) else None,
        )


def lags_if_current(book: Book, *, without: Collection[str] = ()) -> Lags | None:
    """How late the steward is; None: the database lacks a migration. Raises NotUpgraded: all tables; Unavailable.

    `without` the heartbeats of loops that are not configured.
    """
    with book.read() as tx:
        if missing_revisions(tx.session.connection()):
            return None
        mail = _due_messages(tx)[Channel.MAIL]
        return Lags(
            at=tx.now,
            mail=_age(tx, mail.oldest),
            untried=_age(tx, mail.untried),
            verdict=_overdue(tx)[1],
            heartbeats=_heartbeats(tx, without),
            restored=last_restore_within(tx),
            trouble=mail_trouble_within(tx),
        )


def _overdue(tx: Tx) -> tuple[int, float]:
    # A checkpoint of an attempt that has ended is void: no verdict means that the attempt is open.
    count, first = tx.session.execute(
        select(func.count(), func.min(col(Checkpoint.due_at))).where(
            col(Checkpoint.verdict).is_(None), col(Checkpoint.due_at) < tx.now
        )
    ).one()
    return count, _age(tx, first)


def _heartbeats(tx: Tx, without: Collection[str]) -> dict[str, float]:
    return {row.loop: _age(tx, row.seen_at) for row in tx.all(select(Heartbeat)) if row.loop not in without}


class _Due(NamedTuple):
    """Messages of a channel whose time has come."""

    number: int = 0
    oldest: datetime | None = None  # when it was first due
    failing: int = 0
    untried: datetime | None = None  # when the oldest was due that nobody has tried


def _due_messages(tx: Tx) -> dict[Channel, _Due]:
    columns: list[Any] = [
        *(col(Message.channel), func.count(), func.min(FIRST_DUE)),
        *(func.count().filter(FAILED), func.min(FIRST_DUE).filter(~FAILED)),
    ]
    found = _rows(tx, select(*columns).where(*is_late(tx)).group_by(col(Message.channel)))
    return dict.fromkeys(Channel, _Due()) | {channel: _Due(*due) for channel, *due in found}


def _rows(tx: Tx, statement: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in tx.session.execute(statement)]


def _age(tx: Tx, since: datetime | None) -> float:
    return 0.0 if since is None else max(0.0, (tx.now - since).total_seconds())
