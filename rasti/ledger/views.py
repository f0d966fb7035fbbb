"""What pages, flows and the command line show of leads and of the whole. Reading only."""

from sqlalchemy import func
from sqlmodel import col, select

from models import Attempt, Checkpoint, Contact, Lead, Message, Ranking, Tenure, Violation
from rasti.ledger.book import Book, Tx
from rasti.ledger.leads import get_lead
from rasti.ledger.mail_trouble import FAILED, first_due, is_late, mail_trouble_within, undelivered_alerts
from rasti.ledger.ranking_facts import changed_since_published
from rasti.ledger.resending import count_undelivered
from rasti.ledger.restored import last_restore_within
from rasti.ledger.tenure_walk import open_tenure
from rasti.rules.bodies import utc
from rasti.rules.kinds import Channel, LeadState, Trouble


def lead_view(book: Book, lead_id: int) -> dict[str, object]:
    """A lead with its attempts, as `rasti lead show --json` prints it; no word about the client. Raises NotFound."""
    with book.read() as tx:
        lead = get_lead(tx, lead_id)
        attempts = tx.all(select(Attempt).where(col(Attempt.lead_id) == lead_id).order_by(col(Attempt.number)))
        return {
            "lead": lead.id,
            "state": lead.state.value,
            "attempts": [_attempt_view(tx, attempt) for attempt in attempts],
        }


def _attempt_view(tx: Tx, attempt: Attempt) -> dict[str, object]:
    checkpoints = tx.session.execute(
        select(Checkpoint, Violation.id)
        .outerjoin(Violation, col(Violation.checkpoint_id) == col(Checkpoint.id))
        .where(col(Checkpoint.attempt_id) == attempt.id)
        .order_by(col(Checkpoint.due_at))
    ).all()
    contacts = tx.all(
        select(Contact).where(col(Contact.attempt_id) == attempt.id).order_by(col(Contact.began_at), col(Contact.id))
    )
    return {
        "number": attempt.number,
        "partner": attempt.partner_code,
        "started_at": utc(attempt.started_at),
        "ended_at": utc(attempt.ended_at) if attempt.ended_at else None,
        "end_reason": attempt.end_reason.value if attempt.end_reason else None,
        "received_at": utc(attempt.received_at) if attempt.received_at else None,
        "checkpoints": [
            {
                "kind": checkpoint.kind.value,
                "opens_at": utc(checkpoint.opens_at),
                "due_at": utc(checkpoint.due_at),
                "verdict": checkpoint.verdict.value if checkpoint.verdict else None,
                "judged_at": utc(checkpoint.judged_at) if checkpoint.judged_at else None,
                "judged_by": checkpoint.judged_by,
                "violation": violation_id,
            }
            for checkpoint, violation_id in checkpoints
        ],
        "contacts": [_contact_view(contact) for contact in contacts],
    }


def _contact_view(contact: Contact) -> dict[str, object]:
    return {
        "kind": contact.kind.value if contact.kind else None,
        "outcome": contact.outcome.value if contact.outcome else None,
        "effect": contact.effect.value if contact.effect else None,
        "began_at": utc(contact.began_at),
        "logged_at": utc(contact.logged_at) if contact.logged_at else None,
        "happened_at": utc(contact.happened_at) if contact.happened_at else None,
        "checklist": contact.checklist,
    }


def status_view(book: Book) -> dict[str, object]:
    """The whole at a glance, as `rasti status --json` prints it."""
    with book.read() as tx:
        tenure = open_tenure(tx)
        by_state = tx.session.execute(select(Lead.state, func.count()).group_by(col(Lead.state)))
        counts: dict[LeadState, int] = {LeadState(state): count for state, count in by_state}
        overdue = tx.session.execute(
            select(func.count())
            .select_from(Checkpoint)
            .join(Attempt)
            .where(col(Checkpoint.verdict).is_(None), col(Checkpoint.due_at) < tx.now, col(Attempt.ended_at).is_(None))
        ).scalar_one()
        return (
            {
                "holder": tenure.partner_code if tenure else None,
                "tenure": _tenure_view(tx, tenure) if tenure else None,
                "leads": {state.value: counts.get(state, 0) for state in LeadState},
                "overdue": overdue,
                "messages": _messages_view(tx),
            }
            | _restored_view(tx)
            | _changed_view(tx)
        )


def _tenure_view(tx: Tx, tenure: Tenure) -> dict[str, object]:
    ranking = tx.session.get_one(Ranking, tenure.ranking_id)
    return {
        "partner": tenure.partner_code,
        "month": str(ranking.month),
        "lead_month": str(tenure.lead_month),
        "ranking_version": ranking.version,
        "started_at": utc(tenure.started_at),
    }


def _restored_view(tx: Tx) -> dict[str, object]:
    """Nothing, but in the days after a restore."""
    restored = last_restore_within(tx)
    if restored is None:
        return {}
    return {"restored": {"made_at": utc(restored.made_at), "restored_at": utc(restored.restored_at)}}


def _changed_view(tx: Tx) -> dict[str, object]:
    """Nothing, unless published months have other invoices now."""
    changed = changed_since_published(tx)
    return {"changed_since_published": [str(month) for month in changed]} if changed else {}


def _messages_view(tx: Tx) -> dict[str, object]:
    """Mail whose time has come (a reminder for next week is not late), what of it fails and why, what was given up."""
    pending, oldest = count_undelivered(tx, Trouble.WAITING)
    failing = tx.session.execute(
        select(func.count()).where(col(Message.channel) == Channel.MAIL, *is_late(tx), FAILED)
    ).scalar_one()
    trouble = mail_trouble_within(tx)
    return {
        "pending": pending,
        "failing": failing,
        "dead": count_undelivered(tx, Trouble.DEAD)[0],
        "bounced": count_undelivered(tx, Trouble.BOUNCED)[0],
        "oldest_due": utc(oldest) if oldest else None,
        "since": utc(trouble.since) if trouble else None,
        "reason": trouble.reason if trouble else None,
        "alerts": [
            {"message": alert.id, "kind": alert.kind.value, "lead": alert.lead_id, "due_at": utc(first_due(alert))}
            for alert in undelivered_alerts(tx)
        ],
    }
