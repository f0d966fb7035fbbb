"""The person behind a lead: an operator corrects how they can be reached."""

from models import Client
from rasti.ledger.book import Book
from rasti.ledger.leads import lock_lead
from rasti.rules.addresses import email_key
from rasti.rules.bodies import ContactsBody
from rasti.rules.kinds import Event
from rasti.rules.phones import phone_key


def correct_client(book: Book, lead_id: int, contacts: ContactsBody, *, reason: str) -> list[str]:
    """Correct a client's name, phone or mail address; the names of the fields that changed (none: nothing did).

    Later requests are compared with the corrected ones (D17). The audit trail gets no value. Raises NotFound.
    """
    with book.write() as tx:
        lead = lock_lead(tx, lead_id)
        client = tx.session.get_one(Client, lead.id)
        given = contacts.model_dump()
        changed = [name for name, value in given.items() if value != getattr(client, name)]
        if not changed:
            return []
        for name in changed:
            setattr(client, name, given[name])
        client.phone_key, client.email_key = phone_key(client.phone), email_key(client.email)
        tx.session.flush()
        tx.audit(Event.CLIENT_CORRECTED, lead_id=lead.id, fields=changed, reason=reason)
        return changed
