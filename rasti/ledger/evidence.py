"""The stored facts on which verdicts depend (D12). Reading only."""

from collections.abc import Sequence

from sqlmodel import col, select

from models import Checkpoint, Contact
from rasti.ledger.book import Tx
from rasti.rules.kinds import ChecklistItem, ContactEffect
from rasti.rules.regulation import ContactFact, Window


def windows_of(checkpoints: Sequence[Checkpoint]) -> list[Window]:
    """The windows of an attempt's checkpoints, in their order."""
    return [Window(point.kind, point.opens_at, point.due_at) for point in checkpoints]


def facts_of(tx: Tx, attempt_ids: Sequence[int]) -> dict[int, list[ContactFact]]:
    """The contacts of these attempts; those logged after the end of the attempt have no effect (D15)."""
    facts: dict[int, list[ContactFact]] = {attempt_id: [] for attempt_id in attempt_ids}
    counts = col(Contact.effect).is_distinct_from(ContactEffect.AFTER_END)
    for contact in tx.all(select(Contact).where(col(Contact.attempt_id).in_(attempt_ids), counts)):
        facts[contact.attempt_id].append(_fact(contact))
    return facts


def _fact(contact: Contact) -> ContactFact:
    checklist = frozenset(ChecklistItem(item) for item in contact.checklist)
    return ContactFact(contact.id, contact.began_at, contact.kind, contact.outcome, checklist, contact.logged_at)
