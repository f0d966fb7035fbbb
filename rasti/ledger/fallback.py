"""Acting on a violation: the leads go to the next partner, a neglected lead moves (R13, D13, D14)."""

from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import col, select

from models import Attempt, Checkpoint, Lead, Violation
from rasti.errors import NotFound
from rasti.ledger.attempts import end_attempt, pause_lead, rules_of
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.leads import lock_lead
from rasti.ledger.tenure_walk import move_on, open_tenure, tell_nobody_holds
from rasti.rules.kinds import (
    AttemptEnd,
    AttemptOrigin,
    CheckpointKind,
    Event,
    LeadState,
    MessageKind,
    PauseReason,
    TenureEnd,
    Verdict,
)


@dataclass(frozen=True)
class FallBack:
    """What acting on a violation did; repeated, it finds the work done."""

    violation_id: int
    lead_id: int
    acted_now: bool
    switched: bool
    holder: str | None
    lead_state: LeadState


def fall_back(book: Book, violation_id: int) -> FallBack:
    """Act on a violation, once (D13). Raises NotFound.

    If its attempt belongs to the open tenure, that tenure ends and the next opens: five neglected leads make one
    switch, an old lead of a former holder makes none. A lead whose 1h was violated moves. One that was reversed
    before it was acted on changes nothing. The caller goes on with `hand_over_waiting`.
    """
    with book.write() as tx:
        lead_id = tx.session.execute(
            select(Attempt.lead_id).join(Violation).where(col(Violation.id) == violation_id)
        ).scalar_one_or_none()
        if lead_id is None:
            raise NotFound("There is no violation {id}.", id=violation_id)
        tx.lock(Lock.TENURE)
        lead = lock_lead(tx, lead_id)
        violation = tx.session.get_one(Violation, violation_id)
        tenure = open_tenure(tx)
        holder = tenure.partner_code if tenure else None
        if violation.acted_at is not None:
            return FallBack(violation_id, lead_id, False, False, holder, lead.state)
        violation.acted_at, violation.acted_by = tx.now, tx.book.actor
        switched = False
        if violation.reversed_at is None:
            attempt = tx.session.get_one(Attempt, violation.attempt_id)
            switched = tenure is not None and attempt.tenure_id == tenure.id
            if switched and tenure is not None:
                holder = move_on(tx, tenure, TenureEnd.VIOLATED)
            _move_neglected(tx, lead, attempt, violation)
        tx.audit(
            Event.VIOLATION_ACTED_ON,
            lead_id=lead_id,
            partner_code=violation.partner_code,
            violation=violation_id,
            switched=switched,
            holder=holder,
            lead_state=lead.state,
        )
        return FallBack(violation_id, lead_id, True, switched, holder, lead.state)


def _move_neglected(tx: Tx, lead: Lead, attempt: Attempt, violation: Violation) -> None:
    """A lead whose 1h was violated leaves its partner: it waits for the holder, or for an operator (D13, D14)."""
    checkpoint = tx.session.get_one(Checkpoint, violation.checkpoint_id)
    neglected = checkpoint.kind is CheckpointKind.FIRST_HOUR and checkpoint.verdict is Verdict.VIOLATED
    if not neglected or attempt.ended_at is not None:
        return
    tx.send(
        MessageKind.LEAD_TAKEN,
        f"{attempt.id}",
        partner_code=attempt.partner_code,
        lead_id=lead.id,
        reason=AttemptEnd.MOVED.value,
        violation=violation.id,
    )
    automatic = tx.all(
        select(Attempt.id).where(col(Attempt.lead_id) == lead.id, col(Attempt.origin) != AttemptOrigin.ASSIGNED)
    )
    if len(automatic) >= rules_of(tx, attempt).automatic_attempts:
        pause_lead(tx, lead, PauseReason.ATTEMPTS_USED, attempt, violation=violation.id)
        return
    end_attempt(tx, attempt, AttemptEnd.MOVED)
    lead.state, lead.moved_at = LeadState.WAITING, tx.now
    tx.session.flush()
    tx.audit(
        Event.LEAD_MOVED,
        lead_id=lead.id,
        partner_code=attempt.partner_code,
        attempt=attempt.id,
        violation=violation.id,
    )
    tell_nobody_holds(tx)


def violations_to_act_on(book: Book, *, grace: timedelta = timedelta(0), limit: int = 200) -> list[int]:
    """Violations recorded `grace` ago or earlier whose fallback has not been done."""
    with book.read() as tx:
        return tx.all(
            select(Violation.id)
            .where(col(Violation.acted_at).is_(None), col(Violation.recorded_at) <= tx.now - grace)
            .order_by(col(Violation.id))
            .limit(limit)
        )


def unacted_of(tx: Tx, lead: Lead) -> list[int]:
    """Violations of a lead whose fallback has not been done."""
    return tx.all(
        select(Violation.id)
        .join(Attempt)
        .where(col(Attempt.lead_id) == lead.id, col(Violation.acted_at).is_(None))
        .order_by(col(Violation.id))
    )
