"""Tables of the application's own database."""

from models.audit import AuditEvent, Installation
from models.billing import IngestBatch, Invoice, InvoiceLine, InvoiceRevision, MonthClose, QuarantinedRow
from models.leads import Attempt, Checkpoint, Client, Contact, Lead, Violation
from models.messages import Message
from models.partners import Decline, Partner
from models.rankings import Publication, Ranking, RankingEntry
from models.tenures import Tenure, Walk

__all__ = [
    "Attempt",
    "AuditEvent",
    "Checkpoint",
    "Client",
    "Contact",
    "Decline",
    "IngestBatch",
    "Installation",
    "Invoice",
    "InvoiceLine",
    "InvoiceRevision",
    "Lead",
    "Message",
    "MonthClose",
    "Partner",
    "Publication",
    "QuarantinedRow",
    "Ranking",
    "RankingEntry",
    "Tenure",
    "Violation",
    "Walk",
]
