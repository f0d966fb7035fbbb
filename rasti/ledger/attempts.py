"""A lead in the hands of a partner: beginning, reception, end. Steps of other transactions, under the row lock."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import bindparam, func, update
from sqlmodel import col, select

from models import Attempt, Checkpoint, Contact, Lead, Message, Tenure
from rasti.ledger.book import MESSAGES, Tx
from rasti.ledger.evidence import facts_of, windows_of
from rasti.rules.bodies import utc
from rasti.rules.call_window import CallWindow
from rasti.rules.kinds import (
    AttemptEnd,
    AttemptOrigin,
    Channel,
    CheckpointKind,
    Event,
    LeadState,
    MessageKind,
    MessageState,
    Outcome,
    PauseReason,
    Verdict,
)
from rasti.rules.month import Month
from rasti.rules.programme import Rules
from rasti.rules.regulation import ContactFact, Window, checkpoint_windows, clock_start, credit


def rules_of(tx: Tx, attempt: Attempt) -> Rules:
    """The rules under which an attempt runs: those of its tenure's lead month, or of the month it was assigned in."""
    return tx.programme.rules_for(attempt.rules_month)


def open_attempt(tx: Tx, lead_id: int) -> Attempt | None:
    """The attempt of a lead that is open."""
    return tx.session.execute(
        select(Attempt).where(col(Attempt.lead_id) == lead_id, col(Attempt.ended_at).is_(None))
    ).scalar_one_or_none()


def who_knows_client(tx: Tx, lead: Lead) -> str | None:
    """The partner who may know the client now: who has the lead, or had it last if it was closed in their hands.

    Whoever asked not to be called is known to nobody any more.
    """
    last: Attempt | None = tx.session.execute(
        select(Attempt).where(col(Attempt.lead_id) == lead.id).order_by(col(Attempt.number).desc()).limit(1)
    ).scalar_one_or_none()
    if last is None or last.ended_at is None:
        return last.partner_code if last else None
    if last.end_reason is not AttemptEnd.CLOSED or lead.state is not LeadState.CLOSED:
        return None
    not_to_be_called = tx.session.execute(
        select(col(Contact.id))
        .join(Attempt, col(Attempt.id) == col(Contact.attempt_id))
        .where(
            col(Attempt.lead_id) == lead.id,
            col(Attempt.partner_code) == last.partner_code,
            col(Contact.outcome) == Outcome.DO_NOT_CALL,
        )
        .limit(1)
    ).first()
    return None if not_to_be_called else last.partner_code


def checkpoints_of(tx: Tx, attempt: Attempt) -> list[Checkpoint]:
    """The checkpoints of an attempt, in order of their due times."""
    return tx.all(select(Checkpoint).where(col(Checkpoint.attempt_id) == attempt.id).order_by(col(Checkpoint.due_at)))


def windows_and_contacts(tx: Tx, attempt: Attempt) -> tuple[list[Window], list[ContactFact]]:
    """The stored facts on which verdicts on an attempt depend."""
    return windows_of(checkpoints_of(tx, attempt)), facts_of(tx, [attempt.id])[attempt.id]


def start_attempt(
    tx: Tx,
    lead: Lead,
    partner_code: str,
    *,
    tenure: Tenure | None,
    rules_month: Month,
    origin: AttemptOrigin,
    reason: str | None = None,
) -> Attempt:
    """Put a lead into a partner's hands; its clock starts when they receive it (D11). `reason`: the operator's."""
    last, last_end = None, None
    if origin is not AttemptOrigin.NEW:
        last, last_end = tx.session.execute(
            select(func.max(col(Attempt.number)), func.max(col(Attempt.ended_at))).where(
                col(Attempt.lead_id) == lead.id
            )
        ).one()
    attempt = Attempt(
        lead_id=lead.id,
        number=(last or 0) + 1,
        partner_code=partner_code,
        tenure_id=tenure.id if tenure else None,
        rules_month=rules_month,
        origin=origin,
        started_at=max(tx.now, last_end or tx.now),  # also if the clock was set back: two never overlap
    )
    lead.state, lead.moved_at, lead.pause_reason, lead.closed_at = LeadState.IN_WORK, None, None, None
    tx.session.add(attempt)
    tx.session.flush()
    event = Event.LEAD_ASSIGNED if origin is AttemptOrigin.ASSIGNED else Event.LEAD_HANDED_OVER
    about = {"attempt": attempt.id, "number": attempt.number, "origin": origin.value, "reason": reason}
    tx.audit(event, lead_id=lead.id, partner_code=partner_code, **about)
    ids: dict[str, Any] = {"lead_id": lead.id, "attempt_id": attempt.id}
    late = tx.now + rules_of(tx, attempt).alerts.undelivered
    tx.send_all(
        [
            tx.message(MessageKind.LEAD, f"{attempt.id}", partner_code=partner_code, **ids),
            tx.message(MessageKind.ALERT_UNDELIVERED, f"{attempt.id}", not_before=late, **ids),
        ]
    )
    return attempt


_WITH_TENURE = (
    select(Attempt, Tenure)
    .outerjoin(Tenure, col(Tenure.id) == col(Attempt.tenure_id))
    .where(col(Attempt.id) == bindparam("attempt_id"))
    .execution_options(populate_existing=True)
)


def receive_within(tx: Tx, attempt_id: int) -> None:
    """The partner has received the lead: the clock starts, checkpoints, reminders and runs are made (D11).

    The first reception counts; one of an attempt that has ended changes nothing.
    """
    attempt, tenure = tx.session.execute(_WITH_TENURE, {"attempt_id": attempt_id}).one()
    if attempt.received_at is not None or attempt.ended_at is not None:
        return
    rules = rules_of(tx, attempt)
    call_window = CallWindow.of(rules, tx.programme.zone)
    attempt.received_at = tx.now
    attempt.clock_starts_at = clock_start(tx.now, tenure.started_at if tenure else None, call_window)
    call_off(tx, MessageKind.ALERT_UNDELIVERED, f"{attempt.id}")
    tx.audit(
        Event.LEAD_RECEIVED,
        lead_id=attempt.lead_id,
        partner_code=attempt.partner_code,
        attempt=attempt.id,
        clock_starts_at=utc(attempt.clock_starts_at),
    )
    ids: dict[str, Any] = {"lead_id": attempt.lead_id, "attempt_id": attempt.id}
    windows = checkpoint_windows(tx.now, attempt.clock_starts_at, rules, call_window)
    checkpoints = [
        Checkpoint(attempt_id=attempt.id, kind=window.kind, opens_at=window.opens_at, due_at=window.due_at)
        for window in windows
    ]
    tx.session.add_all(checkpoints)
    tx.session.flush()
    messages = []
    for checkpoint in checkpoints:
        about: dict[str, Any] = {
            "checkpoint": checkpoint.id,
            "kind": checkpoint.kind.value,
            "due": utc(checkpoint.due_at),
        }
        if checkpoint.kind in rules.reminders:
            messages.append(
                tx.message(
                    MessageKind.REMINDER,
                    f"{checkpoint.id}",
                    partner_code=attempt.partner_code,
                    not_before=max(checkpoint.opens_at, checkpoint.due_at - rules.reminders[checkpoint.kind]),
                    **ids,
                    **about,
                )
            )
        run = tx.message(MessageKind.RUN_CHECKPOINT, f"{checkpoint.id}", channel=Channel.RUN, **ids, **about)
        messages.append(run)
    tx.send_all(messages)


# What is still to be said or done only while an attempt is open.
_OF_AN_OPEN_ATTEMPT = (
    MessageKind.LEAD,
    MessageKind.REMINDER,
    MessageKind.ALERT_UNDELIVERED,
    MessageKind.RUN_CHECKPOINT,
)


_CALL_OFF = (
    update(MESSAGES)
    .where(
        MESSAGES.c.dedupe_key == bindparam("key"),
        MESSAGES.c.state == MessageState.PENDING,
        MESSAGES.c.not_before > bindparam("now"),
    )
    .values(state=MessageState.VOID)
)


def call_off(tx: Tx, kind: MessageKind, dedupe_key: str) -> None:
    """An alert whose time has not come has nothing to tell any more: void at once, the relay need not look at it."""
    tx.session.execute(_CALL_OFF, {"key": f"{kind}:{dedupe_key}", "now": tx.now})


def end_attempt(tx: Tx, attempt: Attempt, reason: AttemptEnd) -> None:
    """End an attempt: open checkpoints become met where what is stored meets them, else void; so do reminders (D14)."""
    attempt.ended_at, attempt.end_reason = max(tx.now, attempt.started_at), reason
    _judge_at_end(tx, attempt)
    tx.write_messages()
    tx.session.execute(
        update(Message)
        .where(
            col(Message.attempt_id) == attempt.id,
            col(Message.state) == MessageState.PENDING,
            col(Message.kind).in_(_OF_AN_OPEN_ATTEMPT),
        )
        .values(state=MessageState.VOID)
    )
    tx.session.flush()


def _judge_at_end(tx: Tx, attempt: Attempt) -> None:
    points = checkpoints_of(tx, attempt)
    met: Collection[CheckpointKind] = ()
    if any(point.verdict is None for point in points):  # also one that is not open yet: the clock may be set back
        met = credit(windows_of(points), facts_of(tx, [attempt.id])[attempt.id], rules_of(tx, attempt))
    for point in points:
        if point.verdict is None and point.kind in met:
            set_verdict(tx, attempt, point, Verdict.MET)
        elif point.verdict is None:
            point.verdict, point.judged_at, point.judged_by = Verdict.VOID, tx.now, tx.book.actor


def set_verdict(tx: Tx, attempt: Attempt, checkpoint: Checkpoint, verdict: Verdict) -> None:
    """Write a verdict down, once."""
    assert checkpoint.verdict is None
    checkpoint.verdict, checkpoint.judged_at, checkpoint.judged_by = verdict, tx.now, tx.book.actor
    tx.audit(
        Event.CHECKPOINT_JUDGED,
        lead_id=attempt.lead_id,
        partner_code=attempt.partner_code,
        checkpoint=checkpoint.id,
        kind=checkpoint.kind,
        verdict=verdict,
    )


def pause_lead(tx: Tx, lead: Lead, why: PauseReason, attempt: Attempt | None, **data: object) -> None:
    """Leave a lead to an operator; its open attempt, if any, ends (D12, D14)."""
    if attempt is not None and attempt.ended_at is None:
        end_attempt(tx, attempt, AttemptEnd.PAUSED)
    lead.state, lead.pause_reason, lead.moved_at = LeadState.PAUSED, why, None
    tx.session.flush()
    partner = attempt.partner_code if attempt else None
    about: dict[str, Any] = {"attempt": attempt.id if attempt else None, "pause_reason": why.value, **data}
    tx.audit(Event.LEAD_PAUSED, lead_id=lead.id, partner_code=partner, **about)
    # Between two pauses of a lead an operator assigned it: the last attempt tells them apart, also while it waits.
    last = tx.session.execute(select(func.max(col(Attempt.id))).where(col(Attempt.lead_id) == lead.id)).scalar()
    tx.send(MessageKind.ALERT_PAUSED, f"{lead.id}:{last or 0}:{why}", lead_id=lead.id, partner=partner, **about)


def close_lead_within(tx: Tx, lead: Lead, *, why: str, reason: str | None = None) -> None:
    """Close a lead and end its open attempt, if any."""
    attempt = open_attempt(tx, lead.id)
    if attempt is not None:
        end_attempt(tx, attempt, AttemptEnd.CLOSED)
    lead.state, lead.closed_at, lead.moved_at, lead.pause_reason = LeadState.CLOSED, tx.now, None, None
    tx.session.flush()
    tx.audit(
        Event.LEAD_CLOSED,
        lead_id=lead.id,
        partner_code=attempt.partner_code if attempt else None,
        why=why,
        reason=reason,
    )
