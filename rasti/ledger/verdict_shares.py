"""Who gave the verdicts of the last hour: with Prefect at work, its runs. Reading only."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func
from sqlmodel import col, select

from models import AuditEvent
from rasti.ledger.book import Book
from rasti.rules.kinds import Event

LAST = timedelta(hours=1)


@dataclass(frozen=True)
class VerdictShares:
    """Verdicts at due times in the last hour; those that a person caused are not counted."""

    guard: int
    runs: int  # by Prefect's flow runs

    @property
    def by_guard(self) -> float:
        """The guard's share, from 0 to 1; without any verdict 0."""
        return self.guard / (self.guard + self.runs) if self.guard else 0.0


def verdict_shares(book: Book) -> VerdictShares:
    """Count them. Raises Unavailable."""
    with book.read() as tx:
        # Not by the index of events, which finds all verdicts there ever were: the last hour is few.
        judged = func.coalesce(col(AuditEvent.event), "") == Event.CHECKPOINT_JUDGED.value
        guard, runs = tx.session.execute(
            select(
                func.count().filter(col(AuditEvent.actor) == "guard"),
                func.count().filter(col(AuditEvent.actor).startswith("flow-run:")),
            ).where(col(AuditEvent.at) > tx.now - LAST, judged)
        ).one()
        return VerdictShares(guard, runs)
