"""Acting on a violation: the leads go to the next partner, a neglected lead moves (R13, D13, D14)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import ColumnElement
from sqlmodel import col, or_, select

from models import Attempt, Checkpoint, Lead, Tenure, Violation
from rasti.errors import NotFound
from rasti.ledger.attempts import end_attempt, pause_lead, rules_of
from rasti.ledger.batches import batched, each
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.order import Unsettled, check_settled, occurred_at, place
from rasti.ledger.tenure_walk import move_on, open_tenure, tell_nobody_holds
from rasti.ledger.verdicts import judge_checkpoints
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

Given = ParamSpec("Given")
Result = TypeVar("Result")


def once_settled(
    change: Callable[Concatenate[Book, Given], Result],
) -> Callable[Concatenate[Book, Given], Result]:
    """Run a change that calls `check_settled` in its transaction, before it or after whatever else it may refuse."""

    @wraps(change)
    def settled(book: Book, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        book = replace(book, tried={*book.tried})
        while True:
            try:
                return change(book, *args, **kwargs)
            except Unsettled as found:
                _settle(book, found)

    return settled


def _settle(book: Book, found: Unsettled) -> None:
    """Do what comes before a change. That is the guard's work: whoever makes the change has no part in it; only a flow
    run, whose work it is as well, signs for itself."""
    if not book.actor.startswith("flow-run:"):
        book = replace(book, actor="guard")
    for batch in batched(found.checkpoints):
        # Tried, even without a verdict: behind a 1h that is about to move its lead there is none.
        book.tried.update(("checkpoint", item) for item in batch)
        each("settle.judge_failed", judge_checkpoints, book, batch, kind="checkpoint")
    for batch in batched(found.violations):
        each("settle.fall_back_failed", fall_back_all, book, batch, kind="violation")


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
    switch, an old lead of a former holder makes none. A lead whose 1h was violated moves. What comes before it is
    judged and acted on first. The caller goes on with `hand_over_waiting`.
    """
    return fall_back_all(book, [violation_id])[0]


@once_settled
def fall_back_all(book: Book, violation_ids: Sequence[int]) -> list[FallBack]:
    """Act on several violations in one transaction, all or none of them, in the order of their instants (D13).

    Raises NotFound.
    """
    with book.write() as tx:
        found = select(Violation.id, Attempt.lead_id).join(Attempt).where(col(Violation.id).in_(violation_ids))
        lead_of = dict(tx.session.execute(found).tuples().all())
        missing = [violation_id for violation_id in violation_ids if violation_id not in lead_of]
        if missing:
            raise NotFound("There is no violation {id}.", id=missing[0])
        tx.lock(Lock.TENURE)
        leads = {lead.id: lead for lead in tx.lock_leads(lead_of.values())}
        neglects = _in_order(tx, col(Violation.id).in_(violation_ids))
        to_act_on = [violation for violation, _attempt, _checkpoint in neglects if violation.acted_at is None]
        if to_act_on:
            check_settled(tx, before=to_act_on[-1], among=violation_ids)
        done = {fallen.violation_id: fallen for fallen in _act_on_all(tx, leads, neglects)}
        return [done[id] for id in violation_ids]


def act_on_lead(tx: Tx, lead: Lead) -> int:
    """Act on the violations of one lead within a transaction that holds Lock.TENURE and the lead; how many."""
    unacted = (col(Attempt.lead_id) == lead.id) & col(Violation.acted_at).is_(None)
    return len(_act_on_all(tx, {lead.id: lead}, _in_order(tx, unacted)))


_Neglect = tuple[Violation, Attempt, Checkpoint]


def _in_order(tx: Tx, which: ColumnElement[bool]) -> list[_Neglect]:
    """Violations with what they are about, in the order of their instants."""
    rows = tx.session.execute(
        select(Violation, Attempt, Checkpoint)
        .join(Attempt, col(Violation.attempt_id) == col(Attempt.id))
        .join(Checkpoint, col(Violation.checkpoint_id) == col(Checkpoint.id))
        .where(which)
    )
    return sorted(rows.tuples(), key=lambda neglect: place(neglect[0]))


def _act_on_all(tx: Tx, leads: Mapping[int, Lead], neglects: Sequence[_Neglect]) -> list[FallBack]:
    done, tenure = [], open_tenure(tx)
    for violation, attempt, checkpoint in neglects:
        done.append(_act_on(tx, tenure, leads[attempt.lead_id], violation, attempt, checkpoint))
        if done[-1].switched:
            tenure = open_tenure(tx)
    return done


def _act_on(
    tx: Tx, tenure: Tenure | None, lead: Lead, violation: Violation, attempt: Attempt, checkpoint: Checkpoint
) -> FallBack:
    holder = tenure.partner_code if tenure else None
    if violation.acted_at is not None:
        return FallBack(violation.id, lead.id, False, False, holder, lead.state)
    violation.acted_at, violation.acted_by = tx.now, tx.book.actor
    switched = tenure is not None and attempt.tenure_id == tenure.id
    if switched and tenure is not None:
        holder = move_on(tx, tenure, TenureEnd.VIOLATED, at=place(violation)[0])
    _move_neglected(tx, lead, attempt, violation, checkpoint)
    tx.audit(
        Event.VIOLATION_ACTED_ON,
        lead_id=lead.id,
        partner_code=violation.partner_code,
        violation=violation.id,
        switched=switched,
        holder=holder,
        lead_state=lead.state,
    )
    return FallBack(violation.id, lead.id, True, switched, holder, lead.state)


def _move_neglected(tx: Tx, lead: Lead, attempt: Attempt, violation: Violation, checkpoint: Checkpoint) -> None:
    """A lead whose 1h was violated leaves its partner: it waits for the holder, or for an operator (D13, D14)."""
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


def violations_to_act_on(
    book: Book, *, grace: timedelta = timedelta(0), limit: int = 200, recorded_now: Sequence[int] = ()
) -> list[int]:
    """Violations recorded `grace` ago or earlier whose fallback has not been done, in the order of their instants.

    `recorded_now`: some (ids) that have no grace, since nobody else knows of them.
    """
    with book.read() as tx:
        return tx.all(
            select(Violation.id)
            .where(
                col(Violation.acted_at).is_(None),
                or_(col(Violation.recorded_at) <= tx.now - grace, col(Violation.id).in_(recorded_now)),
            )
            .order_by(occurred_at, col(Violation.checkpoint_id))
            .limit(limit)
        )


def unacted_of(tx: Tx, lead: Lead) -> list[int]:
    """Violations of a lead whose fallback has not been done, in the order of their instants."""
    return tx.all(
        select(Violation.id)
        .join(Attempt)
        .where(col(Attempt.lead_id) == lead.id, col(Violation.acted_at).is_(None))
        .order_by(occurred_at, col(Violation.checkpoint_id))
    )
