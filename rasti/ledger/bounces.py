"""A mail that came back after the server had taken it: marked, and told to the operators; they decide (D11).

No clock and no verdict changes: the server's 250 stays the reception. Whoever got a mail knows its Message-ID and could
send a bounce of it, and a partner must not be able to undo a reception.
"""

import re
from enum import StrEnum

from sqlmodel import col, select

from models import Message
from rasti.ledger.book import Book
from rasti.rules.bodies import utc
from rasti.rules.kinds import ALERTS, Event, MessageKind, MessageState

_OUR_ID = re.compile(r"<rasti\.([0-9]{1,18})\.[0-9a-f]{24}@[^<>\s]+>")


class BounceEffect(StrEnum):
    """What a bounce did."""

    MARKED = "marked"
    SAME = "same"  # it was known already
    UNKNOWN = "unknown"  # of no mail of ours, or not of one that stands as sent
    EARLY = "early"  # of one that is on its way at this moment: ask again


def record_bounce(book: Book, message_id: str, status: str) -> BounceEffect:
    """Mark the sent message with this whole Message-ID as bounced, with a status code (RFC 3463); once.

    An operator's mail raises no alert: that would come back too. The desk shows it.
    """
    ours = _OUR_ID.fullmatch(message_id)
    if ours is None:
        return BounceEffect.UNKNOWN
    with book.write() as tx:
        message = tx.session.execute(
            select(Message).where(col(Message.id) == int(ours[1])).with_for_update()
        ).scalar_one_or_none()
        if message is None:
            return BounceEffect.UNKNOWN
        if message.state is MessageState.PENDING and message.claimed_until and message.claimed_until > tx.now:
            return BounceEffect.EARLY
        # The number alone is easily guessed.
        if message.state is not MessageState.SENT or message.external_id != message_id or message.sent_at is None:
            return BounceEffect.UNKNOWN
        if message.bounced_at is not None:
            return BounceEffect.SAME
        message.bounced_at, message.bounce = tx.now, status
        about = {"message": message.id, "kind": message.kind.value, "bounce": status}
        partner = message.partner_code
        tx.audit(Event.MESSAGE_BOUNCED, lead_id=message.lead_id, partner_code=partner, **about)
        if message.kind not in ALERTS:
            # Once each time it was sent: when it was sent again, and came back again, that is news.
            key = f"{message.id}:{utc(message.sent_at)}"
            tx.send(MessageKind.ALERT_BOUNCED, key, lead_id=message.lead_id, partner=partner, **about)
        return BounceEffect.MARKED
