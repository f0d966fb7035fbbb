"""The repeated requests of a client: attached to the lead in hand, with what they tell that was not known (D17)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, or_, select

from models import Client, Lead
from rasti.ledger.book import Tx
from rasti.rules.same_client import News, may_be_another, news_of

_BATCH = 5_000  # bound parameters in one statement


@dataclass(frozen=True)
class Repeat:
    """Another request of the same client; `doubted`: of another client perhaps, an operator has to decide."""

    lead_id: int
    requested_at: datetime
    product: str
    workplaces: int
    configuration_url: str
    news: News
    doubted: bool


def repeats_of(tx: Tx, lead_ids: Sequence[int]) -> dict[int, list[Repeat]]:
    """The repeated requests of leads, the newest first; what several of them tell stands at the newest only."""
    found: dict[int, list[Repeat]] = {}
    for start in range(0, len(lead_ids), _BATCH):
        rows = tx.session.execute(
            select(Lead, Client)
            .join(Client, col(Client.lead_id) == col(Lead.id))
            .where(col(Lead.attached_to).in_(lead_ids[start : start + _BATCH]))
            .order_by(col(Lead.id).desc())
        ).all()
        if not rows:
            continue  # as of most leads, whose mail has not to wait for another question
        roots = tx.all(select(Client).where(col(Client.lead_id).in_({lead.attached_to for lead, _client in rows})))
        known = {root.lead_id: [root] for root in roots}
        for lead, client in rows:
            told = known[lead.attached_to]
            found.setdefault(lead.attached_to, []).append(_repeat(lead, news_of(client, told)))
            told.append(client)
    return found


def repeat_of(tx: Tx, repeat_id: int, lead_id: int) -> Repeat:
    """One repeated request, with what it tells that the lead itself does not."""
    client, known = tx.session.get_one(Client, repeat_id), tx.session.get_one(Client, lead_id)
    return _repeat(tx.session.get_one(Lead, repeat_id), news_of(client, [known]))


def is_doubtful(tx: Tx, lead_id: int, repeat_id: int) -> bool:
    """Whether an attached request may be another client's: unlike the lead and all repeats that are not in doubt."""
    client = tx.session.get_one(Client, repeat_id)
    undoubted_repeat = (col(Lead.attached_to) == lead_id) & col(Lead.doubted_at).is_(None)
    known = tx.all(
        select(Client)
        .join(Lead, col(Lead.id) == col(Client.lead_id))
        .where(or_(col(Lead.id) == lead_id, undoubted_repeat), col(Lead.id) != repeat_id)
    )
    return may_be_another(client, known)


def _repeat(lead: Lead, news: News) -> Repeat:
    return Repeat(
        lead.id,
        lead.requested_at,
        lead.product,
        lead.workplaces,
        lead.configuration_url,
        news,
        lead.doubted_at is not None,
    )
