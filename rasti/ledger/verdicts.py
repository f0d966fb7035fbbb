"""Verdicts on checkpoints, and the violations they record (D12, D13)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import literal, tuple_
from sqlmodel import col, select

from models import Attempt, Checkpoint, Contact, Lead, Violation
from models.types import UtcDateTime
from rasti.errors import NotFound
from rasti.ledger.attempts import close_lead_within, rules_of, set_verdict, windows_and_contacts
from rasti.ledger.book import Book, Tx
from rasti.ledger.evidence import facts_of, windows_of
from rasti.rules import regulation
from rasti.rules.kinds import (
    Channel,
    CheckpointKind,
    Event,
    MessageKind,
    Verdict,
    ViolationSource,
)
from rasti.rules.regulation import ContactFact


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


@dataclass(frozen=True)
class _Case:
    """What the verdicts on an open attempt depend on, read under the lead's lock."""

    lead: Lead
    attempt: Attempt
    checkpoints: list[Checkpoint]
    facts: list[ContactFact]


def judge_checkpoint(book: Book, checkpoint_id: int) -> Judgement:
    """Give the verdict on a checkpoint, if its time has come; given already, it is returned. Raises NotFound.

    Recording a violation and falling back are two transactions: the caller goes on with `fall_back`.
    """
    return judge_checkpoints(book, [checkpoint_id])[0]


def judge_checkpoints(book: Book, checkpoint_ids: Sequence[int]) -> list[Judgement]:
    """The same for several checkpoints in one transaction, all or none of them; in their order. Raises NotFound."""
    with book.write() as tx:
        found = select(Checkpoint.id, Attempt.lead_id).join(Attempt).where(col(Checkpoint.id).in_(checkpoint_ids))
        lead_of = dict(tx.session.execute(found).tuples().all())
        missing = [checkpoint_id for checkpoint_id in checkpoint_ids if checkpoint_id not in lead_of]
        if missing:
            raise NotFound("There is no checkpoint {id}.", id=missing[0])
        leads = tx.lock_leads(lead_of.values())
        judged = set(_judge(tx, _cases(tx, leads)))
        tx.session.flush()
        of_ids = col(Checkpoint.id).in_(checkpoint_ids)
        points = {point.id: point for point in tx.all(select(Checkpoint).where(of_ids))}
        violations = dict(
            tx.session.execute(
                select(Violation.checkpoint_id, Violation.id).where(col(Violation.checkpoint_id).in_(checkpoint_ids))
            )
            .tuples()
            .all()
        )
        return [
            Judgement(
                checkpoint_id,
                lead_of[checkpoint_id],
                points[checkpoint_id].kind,
                points[checkpoint_id].verdict,
                None if points[checkpoint_id].verdict else _pending_until(tx, points[checkpoint_id]),
                violations.get(checkpoint_id),
                checkpoint_id in judged,
            )
            for checkpoint_id in checkpoint_ids
        ]


def judge_overdue(tx: Tx, lead: Lead) -> list[int]:
    """Judge everything that is overdue of the lead's open attempt; the checkpoints (ids) judged now."""
    return _judge(tx, _cases(tx, [lead]))


def _cases(tx: Tx, leads: Sequence[Lead]) -> list[_Case]:
    """The open attempts of locked leads with what verdicts on them depend on."""
    of_leads = select(Attempt).where(col(Attempt.lead_id).in_([lead.id for lead in leads]))
    attempts = {attempt.lead_id: attempt for attempt in tx.all(of_leads.where(col(Attempt.ended_at).is_(None)))}
    ids = [attempt.id for attempt in attempts.values()]
    if not ids:
        return []
    checkpoints: dict[int, list[Checkpoint]] = {id: [] for id in ids}
    of_attempts = select(Checkpoint).where(col(Checkpoint.attempt_id).in_(ids)).order_by(col(Checkpoint.due_at))
    for point in tx.all(of_attempts):
        checkpoints[point.attempt_id].append(point)
    facts = facts_of(tx, ids)
    return [
        _Case(lead, attempt, checkpoints[attempt.id], facts[attempt.id])
        for lead in leads
        if (attempt := attempts.get(lead.id)) is not None
    ]


def _judge(tx: Tx, cases: Sequence[_Case]) -> list[int]:
    """Give the verdicts that are overdue, and close what has none left open; the checkpoints (ids) judged now.

    While a violated 1h has not been acted on, its attempt is about to end: nothing after it is judged, just as if the
    fallback had come at once.
    """
    judged, violated, finished = [], [], []
    for case in cases:
        moves = False
        windows = windows_of(case.checkpoints)
        for checkpoint in case.checkpoints:
            if checkpoint.verdict is None:
                judgement = regulation.judge(checkpoint.kind, windows, case.facts, rules_of(tx, case.attempt), tx.now)
                verdict = judgement.verdict
                if verdict is Verdict.VIOLATED and checkpoint.evidence_lost:
                    verdict = Verdict.VOID  # a contact may have been logged after the backup that was restored
                if verdict is not None:
                    set_verdict(tx, case.attempt, checkpoint, verdict)
                    judged.append(checkpoint.id)
                if verdict is Verdict.VIOLATED:
                    assert judgement.since is not None  # of every violation
                    violated.append(
                        _Neglect(case.attempt, checkpoint, f"no contact in {checkpoint.kind}", judgement.since)
                    )
                    moves = checkpoint.kind is CheckpointKind.FIRST_HOUR
            else:
                moves = is_about_to_move(tx, checkpoint)
            if moves:
                break
        if not moves:
            finished.append(case)
    add_violations(tx, violated, ViolationSource.CHECKPOINT)
    for case in finished:
        close_when_done(tx, case.lead, case.checkpoints)
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
    return violation is not None and violation.acted_at is None


@dataclass(frozen=True)
class _Neglect:
    """What a violation is recorded of."""

    attempt: Attempt
    checkpoint: Checkpoint
    reason: str
    occurred_at: datetime


def add_violation(
    tx: Tx, attempt: Attempt, checkpoint: Checkpoint, source: ViolationSource, *, reason: str
) -> Violation:
    """Record a violation found now; the fallback follows as its own transaction (D13)."""
    return add_violations(tx, [_Neglect(attempt, checkpoint, reason, tx.now)], source)[0]


def add_violations(tx: Tx, neglects: Sequence[_Neglect], source: ViolationSource) -> list[Violation]:
    """Record several, in one statement each for the rows, their events and their messages."""
    if not neglects:
        return []
    violations = [
        Violation(
            checkpoint_id=neglect.checkpoint.id,
            attempt_id=neglect.attempt.id,
            partner_code=neglect.attempt.partner_code,
            source=source,
            reason=neglect.reason,
            recorded_at=tx.now,
            recorded_by=tx.book.actor,
            occurred_at=neglect.occurred_at,
        )
        for neglect in neglects
    ]
    tx.session.add_all(violations)
    tx.session.flush()
    messages = []
    for neglect, violation in zip(neglects, violations, strict=True):
        attempt, checkpoint = neglect.attempt, neglect.checkpoint
        about: dict[str, Any] = {"violation": violation.id, "checkpoint": checkpoint.id, "kind": checkpoint.kind.value}
        tx.audit(
            Event.VIOLATION_RECORDED,
            lead_id=attempt.lead_id,
            partner_code=attempt.partner_code,
            source=source,
            reason=neglect.reason,
            **about,
        )
        messages.append(
            tx.message(
                MessageKind.RUN_FALLBACK,
                f"{violation.id}",
                channel=Channel.RUN,
                lead_id=attempt.lead_id,
                attempt_id=attempt.id,
                **about,
            )
        )
    tx.send_all(messages)
    return violations


def is_satisfied(tx: Tx, checkpoint: Checkpoint) -> bool:
    """Whether what is stored already meets a checkpoint, before its due time (then nobody needs reminding)."""
    attempt = tx.session.get_one(Attempt, checkpoint.attempt_id)
    windows, facts = windows_and_contacts(tx, attempt)
    return checkpoint.kind in regulation.credit(windows, facts, rules_of(tx, attempt))


def due_checkpoints(book: Book, *, grace: timedelta = timedelta(0), limit: int = 200) -> list[int]:
    """Checkpoints of open attempts whose verdict could have been given `grace` ago."""
    with book.read() as tx:
        return undecided(tx, tx.now - grace, limit=limit)


def undecided(tx: Tx, instant: datetime, *, limit: int) -> list[int]:
    """Checkpoints of open attempts without a verdict, though it could be given at that instant, the earliest first."""
    in_order = col(Checkpoint.due_at), col(Checkpoint.id)
    overdue = (
        select(Checkpoint, Attempt)
        .join(Attempt)
        .where(
            col(Checkpoint.verdict).is_(None),
            col(Checkpoint.due_at) < instant,
            col(Attempt.ended_at).is_(None),
        )
        .order_by(*in_order)
        .limit(limit)
    )
    candidates = tx.session.execute(overdue).all()
    found: list[int] = []
    while candidates:
        begun = _begun(tx, [attempt.id for _point, attempt in candidates])
        found += [
            point.id
            for point, attempt in candidates
            if _last_instant(tx, point, attempt, begun.get(attempt.id, [])) < instant
        ]
        if len(found) >= limit or len(candidates) < limit:
            break
        # Calls in progress must not hide what comes after them: read on.
        last = candidates[-1][0]
        behind = tuple_(*in_order) > tuple_(literal(last.due_at, UtcDateTime()), literal(last.id))
        candidates = tx.session.execute(overdue.where(behind)).all()
    return found[:limit]


def _pending_until(tx: Tx, checkpoint: Checkpoint) -> datetime:
    """The last instant without a verdict: the due time, or that of a begun contact (D12)."""
    attempt = tx.session.get_one(Attempt, checkpoint.attempt_id)
    return _last_instant(tx, checkpoint, attempt, _begun(tx, [attempt.id]).get(attempt.id, []))


def _begun(tx: Tx, attempt_ids: Sequence[int]) -> dict[int, list[datetime]]:
    """When the contacts began that are not logged yet, by attempt."""
    begun: dict[int, list[datetime]] = {}
    not_logged = col(Contact.attempt_id).in_(attempt_ids), col(Contact.outcome).is_(None)
    for attempt_id, began_at in tx.session.execute(select(Contact.attempt_id, Contact.began_at).where(*not_logged)):
        begun.setdefault(attempt_id, []).append(began_at)
    return begun


def _last_instant(tx: Tx, checkpoint: Checkpoint, attempt: Attempt, begun: Sequence[datetime]) -> datetime:
    completion = rules_of(tx, attempt).completion
    inside = [began for began in begun if checkpoint.opens_at <= began <= checkpoint.due_at]
    return max([checkpoint.due_at, *(began + completion for began in inside)])


def _violation_of(tx: Tx, checkpoint: Checkpoint) -> Violation | None:
    return tx.session.execute(
        select(Violation).where(col(Violation.checkpoint_id) == checkpoint.id)
    ).scalar_one_or_none()
