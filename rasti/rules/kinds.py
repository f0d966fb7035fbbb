"""The words of the programme: every state, verdict and reason, once."""

from enum import StrEnum


class CheckpointKind(StrEnum):
    """Follow-ups of the regulation, in order (R12, D12)."""

    FIRST_HOUR = "1h"
    THREE_DAYS = "3d"
    TWO_WEEKS = "2w"


class Verdict(StrEnum):
    """What became of a checkpoint."""

    MET = "met"
    VIOLATED = "violated"
    VOID = "void"


class LeadState(StrEnum):
    """Where a lead stands."""

    WAITING = "waiting"
    IN_WORK = "in_work"
    PAUSED = "paused"
    CLOSED = "closed"
    ATTACHED = "attached"
    OUT_OF_PROGRAMME = "out_of_programme"


class AttemptOrigin(StrEnum):
    """How an attempt began: handed over at arrival, handed over after waiting (paced, D16), or by an operator."""

    NEW = "new"
    WAITED = "waited"
    ASSIGNED = "assigned"


class AttemptEnd(StrEnum):
    """Why an attempt ended."""

    MOVED = "moved"
    ASSIGNED = "assigned"
    PAUSED = "paused"
    CLOSED = "closed"


class ContactKind(StrEnum):
    CALL = "call"
    EMAIL = "email"
    MEETING = "meeting"
    MESSAGE = "message"


class Outcome(StrEnum):
    """How a contact with the client ended."""

    REACHED = "reached"
    NO_ANSWER = "no_answer"
    WRONG_CONTACT = "wrong_contact"
    REFUSED = "refused"
    BOUGHT = "bought"
    DO_NOT_CALL = "do_not_call"


# These end the follow-up (D12).
FINAL_OUTCOMES = frozenset({Outcome.REFUSED, Outcome.BOUGHT, Outcome.DO_NOT_CALL})


# What others who have the lead should know, also from somebody who has lost it (D15).
WORDS_OF_CAUTION = frozenset({Outcome.DO_NOT_CALL, Outcome.WRONG_CONTACT})


class ContactEffect(StrEnum):
    """What a logged contact did: it counted for a checkpoint, is kept as history, or came after the attempt (D15)."""

    COUNTED = "counted"
    KEPT = "kept"
    AFTER_END = "after_end"


class ChecklistItem(StrEnum):
    """What the regulation asks the partner to do in a contact (R12)."""

    REACHED = "reached"
    INTRODUCED = "introduced"
    ABOUT_CLOUD_REQUEST = "about_cloud_request"
    ASKED_QUESTIONS = "asked_questions"
    LEFT_CONTACTS = "left_contacts"
    ASKED_HOW_TRIAL_GOES = "asked_how_trial_goes"


_FOLLOW_UP = frozenset({ChecklistItem.REACHED, ChecklistItem.ASKED_HOW_TRIAL_GOES, ChecklistItem.ASKED_QUESTIONS})

CHECKLISTS: dict[CheckpointKind, frozenset[ChecklistItem]] = {
    CheckpointKind.FIRST_HOUR: frozenset(
        {
            ChecklistItem.REACHED,
            ChecklistItem.INTRODUCED,
            ChecklistItem.ABOUT_CLOUD_REQUEST,
            ChecklistItem.ASKED_QUESTIONS,
            ChecklistItem.LEFT_CONTACTS,
        }
    ),
    CheckpointKind.THREE_DAYS: _FOLLOW_UP,
    CheckpointKind.TWO_WEEKS: _FOLLOW_UP,
}


class NotRanked(StrEnum):
    """Why a partner has no place, the first that applies in this order (D3)."""

    NO_CABINET_ACCESS = "no_cabinet_access"
    SUSPENDED = "suspended"
    HOLDS_THE_LEADS = "holds_the_leads"
    NO_PREVIOUS_BILL = "no_previous_bill"
    NO_GROWTH = "no_growth"
    BELOW_MINIMUM_BASE = "below_minimum_base"


class Skipped(StrEnum):
    """Why a ranked partner does not get the leads, the first that applies in this order (D9)."""

    DECLINED = "declined"
    NOT_READY = "not_ready"
    SUSPENDED = "suspended"
    VIOLATED = "violated"


class TenureEnd(StrEnum):
    """Why a tenure ended."""

    NEXT_MONTH = "next_month"
    VIOLATED = "violated"
    DECLINED = "declined"
    SUSPENDED = "suspended"
    SWITCHED = "switched"
    PROGRAMME_ENDED = "programme_ended"


class UploadKind(StrEnum):
    """What an operator uploads."""

    INVOICES = "invoices"
    PARTNERS = "partners"


class InvoiceStatus(StrEnum):
    POSTED = "posted"
    CANCELLED = "cancelled"


class Keep(StrEnum):
    """Which of two invoices that are probably one counts, by an operator's word (D6)."""

    BOTH = "both"
    FIRST = "first"
    SECOND = "second"


class PauseReason(StrEnum):
    """Why a lead waits for an operator."""

    WRONG_CONTACT = "wrong_contact"
    DO_NOT_CALL = "do_not_call"  # no longer written: a version before let a former holder pause a lead
    ATTEMPTS_USED = "attempts_used"  # the 1h of its last automatic attempt was violated (D14)
    WOULD_RETURN = "would_return"  # the holder is a partner from whom it moved (D14)


class ViolationSource(StrEnum):
    CHECKPOINT = "checkpoint"
    SPOT_CHECK = "spot_check"
    OPERATOR = "operator"


class Role(StrEnum):
    """Who is signed in."""

    PARTNER = "partner"
    OPERATOR = "operator"


class TokenScope(StrEnum):
    """What a token of the API may do."""

    LEADS_WRITE = "leads:write"
    CONTACTS_WRITE = "contacts:write"
    READ = "read"


class Channel(StrEnum):
    """Where a message goes."""

    MAIL = "mail"
    RUN = "run"  # a flow run to create in Prefect


class MessageState(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    VOID = "void"  # its condition no longer holds
    DEAD = "dead"  # given up


class MessageKind(StrEnum):
    """Every message; a mail's templates are named for it."""

    # to the partner
    LEAD = "lead"  # R10: handed over; its delivery starts the clock
    LEAD_REPEATED = "lead_repeated"  # D17: the client asked again
    LEAD_DETACHED = "lead_detached"  # D17: what was told as a repeat was another client's
    CONTACTS_CORRECTED = "contacts_corrected"  # an operator corrected how the client can be reached
    REMINDER = "reminder"
    LEAD_TAKEN = "lead_taken"  # the lead is no longer yours: moved, assigned
    TENURE_STARTED = "tenure_started"
    TENURE_ENDED = "tenure_ended"
    TOP_THREE = "top_three"  # R4
    SIGN_IN = "sign_in"  # the link that opens the section "Lead generation"
    # to the client
    WELCOME = "welcome"  # R11
    # to operators
    ALERT_EXHAUSTED = "alert_exhausted"
    ALERT_UNDELIVERED = "alert_undelivered"
    ALERT_WELCOME_LATE = "alert_welcome_late"
    ALERT_INCOMPLETE = "alert_incomplete"
    ALERT_PAUSED = "alert_paused"  # wrong contact, attempts used, would return
    ALERT_AFTER_END = "alert_after_end"  # a former holder says do_not_call or wrong_contact (D15)
    ALERT_REPEATED = "alert_repeated"  # D17, while no partner has the lead
    ALERT_TWO_CLIENTS = "alert_two_clients"  # D17: name and one contact of a repeat differ
    ALERT_RESTORED = "alert_restored"  # a backup was restored: what happened after it is missing
    ALERT_BOUNCED = "alert_bounced"  # a mail came back after the server had taken it
    # to Prefect
    RUN_LEAD = "run_lead"
    RUN_CHECKPOINT = "run_checkpoint"
    RUN_FALLBACK = "run_fallback"


class Trouble(StrEnum):
    """Why a mail was not delivered."""

    WAITING = "waiting"  # its time has come; or it was tried, and is tried again
    DEAD = "dead"  # given up
    BOUNCED = "bounced"  # came back after the server had taken it, and was neither sent again nor put aside since


ALERTS = frozenset(kind for kind in MessageKind if kind.startswith("alert_"))


class Event(StrEnum):
    """Every event of the audit trail, named by its transition."""

    REGISTER_INGESTED = "register.ingested"
    QUARANTINE_RESOLVED = "quarantine.resolved"
    DOUBLE_RESOLVED = "double.resolved"
    ISSUER_ACCEPTED = "issuer.accepted"
    MONTH_CLOSED = "month.closed"
    MONTH_INCOMPLETE = "month.incomplete"
    RANKING_COMPUTED = "ranking.computed"
    RANKING_PUBLISHED = "ranking.published"
    PARTNERS_IMPORTED = "partners.imported"
    PARTNER_ACCEPTED = "partner.accepted"
    PARTNER_SUSPENDED = "partner.suspended"
    PARTNER_RESUMED = "partner.resumed"
    PARTNER_DECLINED = "partner.declined"
    PROFILE_CHANGED = "profile.changed"
    SIGN_IN_REQUESTED = "sign_in.requested"
    SIGNED_IN = "session.started"
    SIGNED_OUT = "session.ended"
    OPERATOR_ADDED = "operator.added"
    OPERATOR_DISABLED = "operator.disabled"
    TOKEN_ADDED = "token.added"
    TOKEN_REVOKED = "token.revoked"
    RUN_REQUESTED = "run.requested"
    TENURE_STARTED = "tenure.started"
    TENURE_ENDED = "tenure.ended"
    TENURE_VERSION_TAKEN = "tenure.version_taken"
    LEADS_EXHAUSTED = "leads.exhausted"
    LEAD_ARRIVED = "lead.arrived"
    LEAD_ATTACHED = "lead.attached"
    LEAD_DETACHED = "lead.detached"
    LEAD_KEPT = "lead.kept"
    CLIENT_CORRECTED = "client.corrected"
    LEAD_HANDED_OVER = "lead.handed_over"
    LEAD_RECEIVED = "lead.received"
    LEAD_MOVED = "lead.moved"
    LEAD_PAUSED = "lead.paused"
    LEAD_ASSIGNED = "lead.assigned"
    LEAD_CLOSED = "lead.closed"
    CONTACT_BEGUN = "contact.begun"
    CONTACT_LOGGED = "contact.logged"
    CHECKPOINT_JUDGED = "checkpoint.judged"
    VIOLATION_RECORDED = "violation.recorded"
    VIOLATION_ACTED_ON = "violation.acted_on"
    VIOLATION_REVERSED = "violation.reversed"
    MESSAGE_SENT = "message.sent"
    MESSAGE_DEAD = "message.dead"
    MESSAGE_REVIVED = "message.revived"
    MESSAGE_BOUNCED = "message.bounced"
    MESSAGE_DISMISSED = "message.dismissed"  # an operator put aside one that was given up, or came back
    MESSAGE_HASTENED = "message.hastened"  # one that waited for its next try: an operator did not want to wait
    DATABASE_RESTORED = "database.restored"
