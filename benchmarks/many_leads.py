"""Leads in a partner's hands, written as rows: their first call made, two checkpoints ahead."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Table, create_engine, func, insert, select
from sqlmodel import col

from models import Attempt, Checkpoint, Client, Lead
from rasti.ledger.book import Book
from rasti.rules.kinds import AttemptOrigin, CheckpointKind, LeadState, Verdict
from rasti.rules.month import Month

_BATCH = 10_000
_ATTEMPTS: Table = Attempt.__table__  # type: ignore[attr-defined]
_CHECKPOINTS: Table = Checkpoint.__table__  # type: ignore[attr-defined]
_CLIENTS: Table = Client.__table__  # type: ignore[attr-defined]
_LEADS: Table = Lead.__table__  # type: ignore[attr-defined]
_WINDOWS = {  # hours
    CheckpointKind.FIRST_HOUR: (0, 1),
    CheckpointKind.THREE_DAYS: (24, 72),
    CheckpointKind.TWO_WEEKS: (168, 336),
}


def add_leads(book: Book, count: int, partner: str, *, tenure: int | None = None) -> range:
    """Add leads that came within the last 16 hours; their ids, which are those of their attempts too."""
    with book.read() as tx:
        now, month = tx.now, book.programme.month_at(tx.now)
        first = 1 + max(tx.session.execute(select(func.max(col(table.id)))).scalar() or 0 for table in (Lead, Attempt))
    ids = range(first, first + count)
    for start in range(0, count, _BATCH):
        batch = ids[start : start + _BATCH]
        with book.engine.begin() as connection:
            connection.execute(insert(_LEADS), [_lead(number, now) for number in batch])
            connection.execute(insert(_CLIENTS), [_client(number) for number in batch])
            attempts = [_attempt(number, partner, tenure, month, now) for number in batch]
            connection.execute(insert(_ATTEMPTS), attempts)
    return ids


def add_checkpoints(book: Book, leads: range) -> None:
    """The checkpoints of such leads: 1h met, 3d and 2w pending."""
    with book.read() as tx:
        now = tx.now
    for start in range(0, len(leads), _BATCH):
        rows = [row for number in leads[start : start + _BATCH] for row in _checkpoints(number, now)]
        with book.engine.begin() as connection:
            connection.execute(insert(_CHECKPOINTS), rows)


def settle(engine: Engine) -> None:
    """What a database does by itself within a minute: statistics, free space."""
    with create_engine(engine.url, isolation_level="AUTOCOMMIT").connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE")
            # Also numbers the rows that come: those added here brought their ids.
            for table in ("lead", "attempt"):
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
                )
        else:
            connection.exec_driver_sql("ANALYZE")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _age(number: int) -> timedelta:
    return timedelta(minutes=number % 1000)


def _lead(number: int, now: datetime) -> dict[str, Any]:
    return {
        "id": number,
        "source": "listed",
        "source_id": str(number),
        "body_digest": "-",
        "requested_at": now,
        "arrived_at": now - _age(number),
        "product": "1C:GRM",
        "configuration_url": "https://grm.example/",
        "workplaces": 1 + number % 20,
        "state": LeadState.IN_WORK,
    }


def _client(number: int) -> dict[str, Any]:
    return {
        "lead_id": number,
        "name": f"Client {number}",
        "phone": f"+7 900 {number}",
        "email": f"c{number}@client.example",
        "phone_key": f"7900{number}",
        "email_key": f"c{number}@client.example",
    }


def _attempt(number: int, partner: str, tenure: int | None, month: Month, now: datetime) -> dict[str, Any]:
    return {
        "id": number,
        "lead_id": number,
        "number": 1,
        "partner_code": partner,
        "tenure_id": tenure,
        "rules_month": month,
        "origin": AttemptOrigin.ASSIGNED if tenure is None else AttemptOrigin.NEW,
        "started_at": now - _age(number),
        "received_at": now - _age(number),
        "clock_starts_at": now - _age(number),
    }


def _checkpoints(attempt: int, now: datetime) -> Iterator[dict[str, Any]]:
    for kind, (opens, due) in _WINDOWS.items():
        met = kind is CheckpointKind.FIRST_HOUR
        yield {
            "attempt_id": attempt,
            "kind": kind,
            "opens_at": now + timedelta(hours=opens) - _age(attempt),
            "due_at": now + timedelta(hours=due) - _age(attempt),
            "verdict": Verdict.MET if met else None,
            "judged_at": now if met else None,
            "judged_by": "bench" if met else None,
        }
