"""Leads that were handed over and have not reached their partner: the operators hear of them again and again (D11)."""

from datetime import timedelta

from sqlalchemy import union_all
from sqlmodel import col, select

from models import Attempt, Message
from rasti.ledger.attempts import rules_of
from rasti.ledger.book import Book, Tx
from rasti.ledger.leads import get_lead
from rasti.ledger.mail_trouble import is_late, is_state
from rasti.ledger.tenure_walk import find_holder, open_tenure, place_to_leave
from rasti.rules.kinds import Channel, MessageKind, MessageState

# The first alert is written when the lead is handed over, for after `alerts.undelivered`; then it is said again.
AGAIN_AFTER = timedelta(hours=1)
AGAIN_EVERY = timedelta(hours=4)


def alert_again(book: Book) -> int:
    """Alert the operators once more of leads without a reception: after an hour, then every four; how many alerts.

    One that is still on its way is not repeated: when mail goes out again, nobody wants to read it six times.
    """
    with book.read() as tx:
        if not _wanted(tx):  # most rounds: no need to write
            return 0
    with book.write() as tx:
        wanted = _wanted(tx)
        for attempt, times in wanted:
            ids = {"lead_id": attempt.lead_id, "attempt_id": attempt.id}
            tx.send(MessageKind.ALERT_UNDELIVERED, f"{attempt.id}:{times}", **ids)
        return tx.write_messages()


def next_partner(book: Book, lead_id: int) -> str | None:
    """Who would get a lead instead of the partner whom it has not reached; None: it was received, or nobody is next.

    Raises NotFound.
    """
    with book.read() as tx:
        get_lead(tx, lead_id)
        return next_partner_within(tx, lead_id)


def next_partner_within(tx: Tx, lead_id: int) -> str | None:
    """The same within a transaction: the holder of the leads; if it is with them, the next in the ranking (D9)."""
    attempt = tx.session.execute(
        select(Attempt).where(
            col(Attempt.lead_id) == lead_id, col(Attempt.ended_at).is_(None), col(Attempt.received_at).is_(None)
        )
    ).scalar_one_or_none()
    tenure = open_tenure(tx)
    if attempt is None or tenure is None:
        return None
    if tenure.partner_code != attempt.partner_code:
        return tenure.partner_code
    return find_holder(tx, tenure.lead_month, tenure.ranking_id, below=place_to_leave(tx, tenure)).partner


def _wanted(tx: Tx) -> list[tuple[Attempt, int]]:
    """The attempts to alert of again, and for the how manyth time."""
    # A lead's mail that went out is its reception: so only what waits or is dead needs to be looked at, and both have
    # an index.
    unsent = union_all(
        *(
            select(col(Message.attempt_id)).where(
                *state, col(Message.channel) == Channel.MAIL, col(Message.kind) == MessageKind.LEAD
            )
            for state in ([is_state(MessageState.DEAD)], is_late(tx))
        )
    )
    attempts = tx.all(
        select(Attempt).where(
            col(Attempt.id).in_(unsent),
            col(Attempt.ended_at).is_(None),
            col(Attempt.received_at).is_(None),
            col(Attempt.started_at) <= tx.now - AGAIN_AFTER,
        )
    )
    if not attempts:
        return []
    alerts = tx.session.execute(
        select(Message.attempt_id, Message.dedupe_key, Message.state).where(
            col(Message.attempt_id).in_([attempt.id for attempt in attempts]),
            col(Message.kind) == MessageKind.ALERT_UNDELIVERED,
        )
    ).all()
    on_the_way = {attempt_id for attempt_id, _key, state in alerts if state is MessageState.PENDING}
    written = {key for _attempt_id, key, _state in alerts}
    wanted = []
    for attempt in sorted(attempts, key=lambda attempt: attempt.id):
        times = 1 + (tx.now - attempt.started_at - AGAIN_AFTER) // AGAIN_EVERY
        first = rules_of(tx, attempt).alerts.undelivered
        is_due = AGAIN_AFTER + (times - 1) * AGAIN_EVERY > first
        key = f"{MessageKind.ALERT_UNDELIVERED}:{attempt.id}:{times}"
        if is_due and attempt.id not in on_the_way and key not in written:
            wanted.append((attempt, times))
    return wanted
