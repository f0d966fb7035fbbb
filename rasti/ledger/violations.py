"""Violations found by people, and taking one back (D13)."""

from dataclasses import dataclass

from sqlmodel import col, select

from models import Attempt, Checkpoint, Lead, Violation
from rasti.errors import NotFound, Refused
from rasti.ledger.attempts import checkpoints_of, set_verdict
from rasti.ledger.book import Book, Tx
from rasti.ledger.fallback import once_settled
from rasti.ledger.leads import lock_lead
from rasti.ledger.order import check_settled
from rasti.ledger.settle import change_settled
from rasti.ledger.verdicts import add_violation, close_when_done, is_about_to_move, is_satisfied
from rasti.rules.bodies import utc
from rasti.rules.kinds import CheckpointKind, Event, Verdict, ViolationSource


@dataclass(frozen=True)
class Recorded:
    """A violation, and whether it was recorded now (else the first one is returned)."""

    violation_id: int
    recorded_now: bool


def record_violation(
    book: Book,
    lead_id: int,
    kind: CheckpointKind,
    *,
    reason: str,
    source: ViolationSource = ViolationSource.OPERATOR,
) -> Recorded:
    """Record a violation by hand, on the lead's latest attempt that has this checkpoint, and act on it (R13, D13).

    An open checkpoint becomes violated, unless what is stored meets it already: that one is met, and one that is judged
    keeps its verdict; the violation counts as well. Raises NotFound, Refused: no checkpoint yet.
    """

    def change(tx: Tx, lead: Lead) -> Recorded:
        found = tx.session.execute(
            select(Attempt, Checkpoint)
            .join(Checkpoint)
            .where(col(Attempt.lead_id) == lead.id, col(Checkpoint.kind) == kind)
            .order_by(col(Attempt.number).desc())
            .limit(1)
        ).one_or_none()
        if found is None:
            raise Refused("Lead {id} has no checkpoint {kind}: no partner has received it yet.", id=lead_id, kind=kind)
        attempt, checkpoint = found
        first = tx.session.execute(
            select(Violation.id).where(col(Violation.checkpoint_id) == checkpoint.id)
        ).scalar_one_or_none()
        if first is not None:
            return Recorded(first, False)
        was_open = checkpoint.verdict is None
        if was_open:
            set_verdict(tx, attempt, checkpoint, Verdict.MET if is_satisfied(tx, checkpoint) else Verdict.VIOLATED)
        violation = add_violation(tx, attempt, checkpoint, source, reason=reason)
        if was_open and not is_about_to_move(tx, checkpoint):
            close_when_done(tx, lead, checkpoints_of(tx, attempt))
        return Recorded(violation.id, True)

    return change_settled(book, lead_id, change)


@once_settled
def reverse_violation(book: Book, violation_id: int, *, reason: str) -> bool:
    """Take a violation back: it no longer counts against the partner; holder and lead stay (D13).

    The walks of violations before now still look at it, and one that nobody has acted on yet is acted on first: whether
    the guard or its run came before this decides nothing. False: it was reversed before. Raises NotFound.
    """
    with book.write() as tx:
        lead_id = tx.session.execute(
            select(Attempt.lead_id).join(Violation).where(col(Violation.id) == violation_id)
        ).scalar_one_or_none()
        if lead_id is None:
            raise NotFound("There is no violation {id}.", id=violation_id)
        lock_lead(tx, lead_id)
        violation = tx.session.get_one(Violation, violation_id)
        if violation.reversed_at is not None:
            return False
        check_settled(tx)
        violation.reversed_at, violation.reversed_reason = tx.now, reason
        tx.session.flush()
        tx.audit(
            Event.VIOLATION_REVERSED,
            lead_id=lead_id,
            partner_code=violation.partner_code,
            violation=violation_id,
            reason=reason,
        )
        return True


def list_violations(book: Book) -> list[dict[str, object]]:
    """All violations, oldest first, as `rasti violation list --json` prints them."""
    with book.read() as tx:
        rows = tx.session.execute(
            select(Violation, Attempt.lead_id, Checkpoint.kind)
            .join(Attempt, col(Violation.attempt_id) == col(Attempt.id))
            .join(Checkpoint, col(Violation.checkpoint_id) == col(Checkpoint.id))
            .order_by(col(Violation.id))
        ).all()
        return [
            {
                "violation": violation.id,
                "lead": lead_id,
                "partner": violation.partner_code,
                "checkpoint": kind.value,
                "reason": violation.reason,
                "recorded_at": utc(violation.recorded_at),
                "reversed_at": utc(violation.reversed_at) if violation.reversed_at else None,
            }
            for violation, lead_id, kind in rows
        ]
