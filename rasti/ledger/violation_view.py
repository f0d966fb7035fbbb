"""What is shown of a violation and of what it caused. Reading only; no operator's words, which may name a person."""

from dataclasses import dataclass

from sqlmodel import col, select

from models import Checkpoint, Violation, Walk
from rasti.errors import NotFound
from rasti.ledger.book import Book
from rasti.ledger.tenure_walk import skips_of
from rasti.rules.fallback import Skip
from rasti.rules.kinds import CheckpointKind, ViolationSource


@dataclass(frozen=True)
class ViolationView:
    """Who violated which checkpoint, how it was found, and who was passed when the leads went on."""

    violation_id: int
    partner: str
    kind: CheckpointKind
    source: ViolationSource
    passed: tuple[Skip, ...]


def violation_view(book: Book, violation_id: int) -> ViolationView:
    """A violation. Raises NotFound."""
    with book.read() as tx:
        violation = tx.session.get(Violation, violation_id)
        if violation is None:
            raise NotFound("There is no violation {id}.", id=violation_id)
        checkpoint = tx.session.get_one(Checkpoint, violation.checkpoint_id)
        # Acting on it and walking down the ranking are one transaction: one instant.
        walk = tx.session.execute(
            select(Walk).where(col(Walk.walked_at) == violation.acted_at).order_by(col(Walk.id).desc()).limit(1)
        ).scalar_one_or_none()
        return ViolationView(violation_id, violation.partner_code, checkpoint.kind, violation.source, skips_of(walk))
