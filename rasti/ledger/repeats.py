"""The repeated requests of a client: attached to the lead in hand, with what they tell that was not known (D17)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, func, select

from models import Client, Lead
from rasti.ledger.book import Tx
from rasti.rules.same_client import Known, News, may_be_another

NEWEST = 20  # repeated requests of a lead that are shown
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


@dataclass(frozen=True)
class Repeats:
    """The newest repeated requests of a lead, the newest first, and how many older ones there are."""

    newest: Sequence[Repeat] = ()
    older: int = 0


NO_REPEATS = Repeats()


def repeats_of(tx: Tx, lead_ids: Sequence[int]) -> dict[int, Repeats]:
    """The repeated requests of leads that have some; what several of them tell stands at the newest only.

    NEWEST of each: a form that is filled in by a machine fills no page and no mail.
    """
    found: dict[int, Repeats] = {}
    for start in range(0, len(lead_ids), _BATCH):
        root = col(Lead.attached_to)
        numbered = (
            select(
                col(Lead.id),
                func.row_number().over(partition_by=root, order_by=col(Lead.id).desc()).label("number"),
                func.count().over(partition_by=root).label("total"),
            )
            .where(root.in_(lead_ids[start : start + _BATCH]))
            .subquery()
        )
        rows = tx.session.execute(
            select(Lead, Client, numbered.c.total)
            .join(numbered, numbered.c.id == col(Lead.id))
            .join(Client, col(Client.lead_id) == col(Lead.id))
            .where(numbered.c.number <= NEWEST)
            .order_by(col(Lead.id).desc())
        ).all()
        if not rows:
            continue  # as of most leads, whose mail has not to wait for another question
        totals = {lead.attached_to: total for lead, _client, total in rows}
        newest: dict[int, list[Repeat]] = {lead_id: [] for lead_id in totals}
        roots = tx.all(select(Client).where(col(Client.lead_id).in_(totals)))
        known = {root.lead_id: Known(root) for root in roots}
        for lead, client, _total in rows:
            newest[lead.attached_to].append(_repeat(lead, known[lead.attached_to].tell(client)))
        found |= {lead_id: Repeats(some, totals[lead_id] - len(some)) for lead_id, some in newest.items()}
    return found


def repeat_of(tx: Tx, repeat_id: int, lead_id: int) -> Repeat:
    """One repeated request, with what it tells that the lead itself does not."""
    client, known = tx.session.get_one(Client, repeat_id), tx.session.get_one(Client, lead_id)
    return _repeat(tx.session.get_one(Lead, repeat_id), Known(known).tell(client))


def is_doubtful(tx: Tx, lead_id: int, repeat_id: int) -> bool:
    """Whether an attached request may be another client's: unlike the lead and all repeats that are not in doubt."""
    client = tx.session.get_one(Client, repeat_id)
    if not may_be_another(client, [tx.session.get_one(Client, lead_id)]):
        return False  # as most are, and then the repeats have not to be read, however many there are
    undoubted_repeats = tx.all(
        select(Client)
        .join(Lead, col(Lead.id) == col(Client.lead_id))
        .where(col(Lead.attached_to) == lead_id, col(Lead.doubted_at).is_(None), col(Lead.id) != repeat_id)
    )
    return may_be_another(client, undoubted_repeats)


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
