"""Verdicts on checkpoints, and the violations they record (D12, D13)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select

from models import Attempt, Checkpoint, Contact, Lead, Violation
from rasti.errors import NotFound
from rasti.ledger.attempts import checkpoints_of, close_lead_within, open_attempt, rules_of
from rasti.ledger.book import Book, Tx
from rasti.rules import regulation
from rasti.rules.kinds import (
    Channel,
    ChecklistItem,
    CheckpointKind,
    ContactEffect,
    Event,
    MessageKind,
    Verdict,
    ViolationSource,
)
from rasti.rules.regulation import ContactFact, Window


@dataclass(frozen=True)
class Judgement:
    """What is known of a checkpoint: a verdict, or the instant before which there is none."""

    checkpoint_id: int
    lead_id: int
    kind: CheckpointKind
    verdict: Verdict | None
    not_before: datetime | None
    violation_id: int | None
    judged_now: bool


def judge_checkpoint(book: Book, checkpoint_id: int) -> Judgement:
    """Give the verdict on a checkpoint, if its time has come; given already, it is returned. Raises NotFound.

    Recording a violation and falling back are two transactions: the caller goes on with `fall_back`.
    """
    with book.write() as tx:
        lead_id = tx.session.execute(
            select(Attempt.lead_id).join(Checkpoint).where(col(Checkpoint.id) == checkpoint_id)
        ).scalar_one_or_none()
        if lead_id is None:
            raise NotFound("There is no checkpoint {id}.", id=checkpoint_id)
        lead = tx.lock_lead(lead_id)
        assert lead is not None
        judged = judge_overdue(tx, lead)
        checkpoint = tx.session.get_one(Checkpoint, checkpoint_id, populate_existing=True)
        violation = _violation_of(tx, checkpoint)
        return Judgement(
            checkpoint_id,
            lead_id,
            checkpoint.kind,
            checkpoint.verdict,
            None if checkpoint.verdict else _pending_until(tx, checkpoint),
            violation.id if violation else None,
            checkpoint_id in judged,
        )


def judge_overdue(tx: Tx, lead: Lead) -> list[int]:
    """Judge everything that is overdue of the lead's open attempt; the checkpoints (ids) judged now.

    While a violated 1h has not been acted on, its attempt is about to end: nothing after it is judged, just as if the
    fallback had come at once.
    """
    attempt = open_attempt(tx, lead.id)
    if attempt is None:
        return []
    judged = []
    checkpoints = checkpoints_of(tx, attempt)
    windows, facts = windows_and_contacts(tx, attempt)
    for checkpoint in checkpoints:
        if checkpoint.verdict is None:
            judgement = regulation.judge(checkpoint.kind, windows, facts, rules_of(tx, attempt), tx.now)
            verdict = judgement.verdict
            if verdict is Verdict.VIOLATED and checkpoint.evidence_lost:
                verdict = Verdict.VOID  # a contact may have been logged after the backup that was restored
            if verdict is not None:
                set_verdict(tx, attempt, checkpoint, verdict)
                judged.append(checkpoint.id)
            if verdict is Verdict.VIOLATED:
                add_violation(
                    tx, attempt, checkpoint, ViolationSource.CHECKPOINT, reason=f"no contact in {checkpoint.kind}"
                )
        if is_about_to_move(tx, checkpoint):
            return judged
    close_when_done(tx, lead, checkpoints)
    return judged


def close_when_done(tx: Tx, lead: Lead, checkpoints: list[Checkpoint]) -> None:
    """No checkpoint left open, met or not: the lead is closed (D12)."""
    if checkpoints and all(checkpoint.verdict is not None for checkpoint in checkpoints):
        close_lead_within(tx, lead, why="all checkpoints judged")


def is_about_to_move(tx: Tx, checkpoint: Checkpoint) -> bool:
    """Whether this is a violated 1h whose fallback has not been done yet."""
    if checkpoint.kind is not CheckpointKind.FIRST_HOUR or checkpoint.verdict is not Verdict.VIOLATED:
        return False
    violation = _violation_of(tx, checkpoint)
    return violation is not None and violation.acted_at is None and violation.reversed_at is None


def windows_and_contacts(tx: Tx, attempt: Attempt) -> tuple[list[Window], list[ContactFact]]:
    """The stored facts on which verdicts on an attempt depend."""
    windows = [Window(point.kind, point.opens_at, point.due_at) for point in checkpoints_of(tx, attempt)]
    # Contacts logged after the end of the attempt have no effect (D15).
    counts = col(Contact.effect).is_distinct_from(ContactEffect.AFTER_END)
    contacts = tx.all(select(Contact).where(col(Contact.attempt_id) == attempt.id, counts))
    facts = [
        ContactFact(
            contact.id,
            contact.began_at,
            contact.kind,
            contact.outcome,
            frozenset(ChecklistItem(item) for item in contact.checklist),
        )
        for contact in contacts
    ]
    return windows, facts


def set_verdict(tx: Tx, attempt: Attempt, checkpoint: Checkpoint, verdict: Verdict) -> None:
    """Write a verdict down, once."""
    assert checkpoint.verdict is None
    checkpoint.verdict, checkpoint.judged_at, checkpoint.judged_by = verdict, tx.now, tx.book.actor
    tx.session.flush()
    tx.audit(
        Event.CHECKPOINT_JUDGED,
        lead_id=attempt.lead_id,
        partner_code=attempt.partner_code,
        checkpoint=checkpoint.id,
        kind=checkpoint.kind,
        verdict=verdict,
    )


def add_violation(
    tx: Tx, attempt: Attempt, checkpoint: Checkpoint, source: ViolationSource, *, reason: str
) -> Violation:
    """Record a violation of a checkpoint; the fallback follows as its own transaction (D13)."""
    violation = Violation(
        checkpoint_id=checkpoint.id,
        attempt_id=attempt.id,
        partner_code=attempt.partner_code,
        source=source,
        reason=reason,
        recorded_at=tx.now,
        recorded_by=tx.book.actor,
    )
    tx.session.add(violation)
    tx.session.flush()
    about: dict[str, Any] = {"violation": violation.id, "checkpoint": checkpoint.id, "kind": checkpoint.kind.value}
    tx.audit(
        Event.VIOLATION_RECORDED,
        lead_id=attempt.lead_id,
        partner_code=attempt.partner_code,
        source=source,
        reason=reason,
        **about,
    )
    tx.send(
        MessageKind.RUN_FALLBACK,
        f"{violation.id}",
        channel=Channel.RUN,
        lead_id=attempt.lead_id,
        attempt_id=attempt.id,
        **about,
    )
    return violation


def is_satisfied(tx: Tx, checkpoint: Checkpoint) -> bool:
    """Whether what is stored already meets a checkpoint, before its due time (then nobody needs reminding)."""
    attempt = tx.session.get_one(Attempt, checkpoint.attempt_id)
    windows, facts = windows_and_contacts(tx, attempt)
    return checkpoint.kind in regulation.credit(windows, facts, rules_of(tx, attempt))


def due_checkpoints(book: Book, *, grace: timedelta = timedelta(0), limit: int = 200) -> list[int]:
    """Checkpoints of open attempts whose verdict could have been given `grace` ago."""
    with book.read() as tx:
        late = tx.now - grace
        candidates = tx.all(
            select(Checkpoint)
            .join(Attempt)
            .where(
                col(Checkpoint.verdict).is_(None),
                col(Checkpoint.due_at) < late,
                col(Attempt.ended_at).is_(None),
            )
            .order_by(col(Checkpoint.due_at), col(Checkpoint.id))
            .limit(limit)
        )
        return [point.id for point in candidates if _pending_until(tx, point) < late]


def _pending_until(tx: Tx, checkpoint: Checkpoint) -> datetime:
    """The last instant without a verdict: the due time, or that of a begun contact (D12)."""
    attempt = tx.session.get_one(Attempt, checkpoint.attempt_id)
    begun: list[datetime] = tx.all(
        select(Contact.began_at).where(
            col(Contact.attempt_id) == attempt.id,
            col(Contact.outcome).is_(None),
            col(Contact.began_at).between(checkpoint.opens_at, checkpoint.due_at),
        )
    )
    return max([checkpoint.due_at, *(began + rules_of(tx, attempt).completion for began in begun)])


def _violation_of(tx: Tx, checkpoint: Checkpoint) -> Violation | None:
    return tx.session.execute(
        select(Violation).where(col(Violation.checkpoint_id) == checkpoint.id)
    ).scalar_one_or_none()
