"""Violations as an operator looks through them. Reading only."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

from models import Attempt, Checkpoint, Violation
from rasti.errors import NotFound
from rasti.ledger.book import Book
from rasti.ledger.desk_today import RECENT
from rasti.rules.kinds import CheckpointKind

PAGE = 50


class Which(StrEnum):
    """Which violations are looked for."""

    RECENT = "recent"
    COUNTING = "counting"  # not reversed
    REVERSED = "reversed"


@dataclass(frozen=True)
class ViolationRow:
    """A violation and where it happened."""

    violation: Violation
    lead_id: int
    kind: CheckpointKind


@dataclass(frozen=True)
class ViolationPage:
    """One page of what was found."""

    rows: list[ViolationRow]
    total: int
    page: int
    pages: int


def find_violations(book: Book, *, which: Which | None = None, partner: str = "", page: int = 1) -> ViolationPage:
    """The violations asked for, the newest first."""
    with book.read() as tx:
        where: list[Any] = [col(Violation.partner_code) == partner] if partner else []
        match which:
            case Which.RECENT:
                where.append(col(Violation.recorded_at) > tx.now - RECENT)
            case Which.COUNTING:
                where.append(col(Violation.reversed_at).is_(None))
            case Which.REVERSED:
                where.append(col(Violation.reversed_at).is_not(None))
        total = tx.session.execute(select(func.count()).select_from(Violation).where(*where)).scalar_one()
        pages = max(1, -(-total // PAGE))
        page = min(max(1, page), pages)
        rows = tx.session.execute(
            _SELECTED.where(*where).order_by(col(Violation.id).desc()).limit(PAGE).offset((page - 1) * PAGE)
        ).all()
        return ViolationPage([ViolationRow(*row) for row in rows], total, page, pages)


def find_violation(book: Book, violation_id: int) -> ViolationRow:
    """One violation. Raises NotFound."""
    with book.read() as tx:
        row = tx.session.execute(_SELECTED.where(col(Violation.id) == violation_id)).one_or_none()
        if row is None:
            raise NotFound("There is no violation {id}.", id=violation_id)
        return ViolationRow(*row)


_SELECTED = (
    select(Violation, col(Attempt.lead_id), col(Checkpoint.kind))
    .join(Attempt, col(Violation.attempt_id) == col(Attempt.id))
    .join(Checkpoint, col(Violation.checkpoint_id) == col(Checkpoint.id))
)
