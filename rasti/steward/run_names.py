"""Names of flow runs, as a person reads them: ids only, no person."""

from rasti.ledger.mail_trouble import MailTrouble
from rasti.rules.kinds import CheckpointKind
from rasti.rules.month import Month

KIND_WORDS = {
    CheckpointKind.FIRST_HOUR: "1 hour",
    CheckpointKind.THREE_DAYS: "3 days",
    CheckpointKind.TWO_WEEKS: "2 weeks",
}

# The state of a sweep that did its work and has to say this, apart from one that crashed or failed.
MAIL_UNDELIVERED = "Mail undelivered"


def ranking_name(month: Month, version: int) -> str:
    return f"ranking {month} v{version}"


def ingest_name(registers: int) -> str:
    return f"ingest · {registers or 'no'} new register{'' if registers == 1 else 's'}"


def sweep_name(found: str | None, *, mail: bool = False) -> str:
    return f"sweep · {found or 'nothing left undone'}{' · mail undelivered' if mail else ''}"


def mail_words(trouble: MailTrouble) -> str:
    """What is wrong with the mail, in a line."""
    counts = f"{trouble.waiting} tried in vain, {trouble.dead} given up"
    if trouble.bounced:
        counts += f", {trouble.bounced} alerts came back"
    if trouble.alerts:
        counts += f"; alerts among them: {trouble.alerts}"
    return f"{_began(trouble)} {counts}. The last answer: {trouble.reason or 'none'}."


def _began(trouble: MailTrouble) -> str:
    since = f"since {trouble.since:%Y-%m-%d %H:%M:%S} UTC:"
    return f"Mail cannot be delivered {since}" if trouble.waiting else f"Mail was not delivered {since}"


def lead_name(lead_id: int | None) -> str:
    return f"lead {lead_id} · hand over"


def checkpoint_name(lead_id: int | None, kind: CheckpointKind) -> str:
    return f"lead {lead_id} · {KIND_WORDS[kind]}"


def fallback_name(lead_id: int | None, violation_id: int) -> str:
    return f"lead {lead_id} · fallback (violation {violation_id})"


def lead_tag(lead_id: int | None) -> str:
    """The tag by which all runs of a lead are found."""
    return f"lead:{lead_id}"
