"""Tables of the application's own database."""

from models.access import ApiToken, IdempotencyKey, Operator, PortalSession, SignInLink, SignInTry
from models.audit import AuditEvent, Heartbeat, Installation
from models.billing import (
    AcceptedIssuer,
    IngestBatch,
    Invoice,
    InvoiceLine,
    InvoiceRevision,
    MonthClose,
    MonthDigest,
    ProbableDouble,
    QuarantinedRow,
    Upload,
)
from models.leads import Attempt, Checkpoint, Client, Contact, Lead, Violation
from models.messages import Message
from models.partners import Decline, Partner
from models.profiles import Certificate, PartnerProfile
from models.rankings import Publication, Ranking, RankingEntry
from models.tenures import Tenure, Walk

__all__ = [
    "AcceptedIssuer",
    "ApiToken",
    "Attempt",
    "AuditEvent",
    "Certificate",
    "Checkpoint",
    "Client",
    "Contact",
    "Decline",
    "Heartbeat",
    "IdempotencyKey",
    "IngestBatch",
    "Installation",
    "Invoice",
    "InvoiceLine",
    "InvoiceRevision",
    "Lead",
    "Message",
    "MonthClose",
    "MonthDigest",
    "Operator",
    "Partner",
    "PartnerProfile",
    "PortalSession",
    "ProbableDouble",
    "Publication",
    "QuarantinedRow",
    "Ranking",
    "RankingEntry",
    "SignInLink",
    "SignInTry",
    "Tenure",
    "Upload",
    "Violation",
    "Walk",
]
