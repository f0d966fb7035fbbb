"""What each kind of mail tells: who gets it, and the facts its templates need."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select

from models import (
    Attempt,
    Checkpoint,
    Client,
    Contact,
    Lead,
    Message,
    Partner,
    Ranking,
    RankingEntry,
    SignInLink,
    Tenure,
    Walk,
)
from rasti.i18n import translator
from rasti.ledger.attempts import checkpoints_of, rules_of
from rasti.ledger.book import Tx
from rasti.ledger.profiles import caller_within
from rasti.ledger.repeats import NO_REPEATS, Repeat, repeat_of, repeats_of
from rasti.ledger.sign_in import link_token
from rasti.ledger.unreceived import next_partner_within
from rasti.rules.call_window import CallWindow
from rasti.rules.kinds import CheckpointKind, MessageKind
from rasti.rules.month import Month
from rasti.rules.programme import Programme, Rules
from rasti.rules.regulation import Window, checkpoint_windows, clock_start
from rasti.rules.shortfall import tasks_of
from rasti.secret import Secret

Facts = tuple[str | None, dict[str, Any]]  # the address (none: operators) and what the templates need

_TO_THE_SECOND = timedelta(minutes=10)


@dataclass(frozen=True)
class Letterhead:
    """What all mails share: the language, where the portal is, and how instants are written."""

    language: str
    portal: str
    programme: Programme
    secret: Callable[[], Secret]

    def when(self, instant: datetime, *, rules: Rules | None = None) -> str:
        """An instant in the programme's time zone; to the second where the regulation counts seconds."""
        short = rules is not None and rules.regulation[CheckpointKind.FIRST_HOUR][1] < _TO_THE_SECOND
        day = "%d.%m.%Y" if self.language == "ru" else "%Y-%m-%d"
        return instant.astimezone(self.programme.zone).strftime(f"{day} %H:%M{':%S' if short else ''}")

    def zone(self) -> str:
        """The time zone's name."""
        _ = translator(self.language)
        return _("Moscow time") if self.programme.timezone == "Europe/Moscow" else self.programme.timezone

    def span(self, length: timedelta) -> str:
        """A duration in the largest unit that fits: 1 h, 3 d, 20 s."""
        _ = translator(self.language)
        for seconds, template in ((86400, _("{number} d")), (3600, _("{number} h")), (60, _("{number} min"))):
            if length.total_seconds() >= seconds and not length.total_seconds() % seconds:
                return template.format(number=int(length.total_seconds() // seconds))
        return _("{number} s").format(number=f"{length.total_seconds():g}")

    def lead_link(self, lead_id: int) -> str:
        return f"{self.portal}/leads/{lead_id}"

    def leads_link(self) -> str:
        return f"{self.portal}/leads"

    def desk_link(self, page: str) -> str:
        return f"{self.portal}/desk/{page}"

    def month_link(self, month: Month) -> str:
        return f"{self.portal}/months/{month}"

    def sign_in_link(self, link_id: str) -> str:
        return f"{self.portal}/sign-in/{link_token(self.secret(), link_id)}"


def _lead(tx: Tx, message: Message, head: Letterhead) -> Facts:
    """R10, R12: everything the partner needs for the first call; due times as if received now."""
    attempt = tx.session.get_one(Attempt, message.attempt_id)
    lead, client = tx.session.get_one(Lead, attempt.lead_id), tx.session.get_one(Client, attempt.lead_id)
    partner = tx.session.get_one(Partner, attempt.partner_code)
    rules = rules_of(tx, attempt)
    repeats = repeats_of(tx, [lead.id]).get(lead.id, NO_REPEATS)
    return partner.email, {
        "partner": partner,
        "lead": lead,
        "client": client,
        "requested_at": head.when(lead.requested_at),
        "repeats": [_request(repeat, head) for repeat in repeats.newest],
        "older": repeats.older,
        "windows": [
            {
                "kind": window.kind.value,
                "opens": head.when(window.opens_at, rules=rules),
                "due": head.when(window.due_at, rules=rules),
                "tasks": tasks_of(window.kind),
            }
            for window in _windows(tx, attempt, rules)
        ],
        "zone": head.zone(),
        "apart": head.span(rules.no_answer.apart),
        "link": head.lead_link(lead.id),
    }


def _windows(tx: Tx, attempt: Attempt, rules: Rules) -> list[Window]:
    if attempt.received_at is not None:  # opened in the cabinet before this mail went out
        return [Window(point.kind, point.opens_at, point.due_at) for point in checkpoints_of(tx, attempt)]
    tenure = None if attempt.tenure_id is None else tx.session.get_one(Tenure, attempt.tenure_id)
    call_window = CallWindow.of(rules, tx.programme.zone)
    start = clock_start(tx.now, tenure.started_at if tenure else None, call_window)
    return checkpoint_windows(tx.now, start, rules, call_window)


def _welcome(tx: Tx, message: Message, head: Letterhead) -> Facts:  # noqa: ARG001
    """R11, R15: the link, that access is ready, who will call, and what that partner prepared for the client."""
    lead, client = tx.session.get_one(Lead, message.lead_id), tx.session.get_one(Client, message.lead_id)
    facts: dict[str, Any] = {"lead": lead, "client": client, "caller": None, "about": None, "attachments": []}
    caller = caller_within(tx, lead.attached_to or lead.id)
    if caller is not None:
        facts["caller"], facts["about"] = caller.partner.name, caller.answers
        facts["attachments"] = [caller.certificate] if caller.certificate else []
    return client.email, facts


def _sign_in(tx: Tx, message: Message, head: Letterhead) -> Facts:
    link = tx.session.get_one(SignInLink, message.data["link"])
    partner = tx.session.get_one(Partner, link.partner_code)
    return partner.email, {
        "partner": partner,
        "link": head.sign_in_link(link.id),
        "until": head.when(link.expires_at),
        "zone": head.zone(),
    }


def _lead_repeated(tx: Tx, message: Message, head: Letterhead) -> Facts:
    """D17: the client of a lead in hand has asked again, perhaps with another phone number."""
    to, facts = _to_partner(tx, message, head)
    return to, facts | {"repeat": _request(repeat_of(tx, message.data["repeat"], facts["lead"].id), head)}


def _lead_detached(tx: Tx, message: Message, head: Letterhead) -> Facts:
    """D17: what was told as a repeat was another client's."""
    to, facts = _to_partner(tx, message, head)
    repeat = tx.session.get_one(Lead, message.data["repeat"])
    return to, facts | {"requested_at": head.when(repeat.requested_at)}


def _contacts_corrected(tx: Tx, message: Message, head: Letterhead) -> Facts:
    to, facts = _to_partner(tx, message, head)
    return to, facts | {"client": tx.session.get_one(Client, message.data["corrected"])}


def _reminder(tx: Tx, message: Message, head: Letterhead) -> Facts:
    to, facts = _to_partner(tx, message, head)
    checkpoint = tx.session.get_one(Checkpoint, message.data["checkpoint"])
    rules = rules_of(tx, tx.session.get_one(Attempt, checkpoint.attempt_id))
    return to, facts | {
        "kind": checkpoint.kind.value,
        "due": head.when(checkpoint.due_at, rules=rules),
        "tasks": tasks_of(checkpoint.kind),
    }


def _lead_taken(tx: Tx, message: Message, head: Letterhead) -> Facts:
    to, facts = _to_partner(tx, message, head)
    return to, facts | {"reason": message.data["reason"]}


def _to_partner(tx: Tx, message: Message, head: Letterhead) -> Facts:
    partner = tx.session.get_one(Partner, message.partner_code)
    return partner.email, {"partner": partner} | _about_lead(tx, message, head)


def _tenure_started(tx: Tx, message: Message, head: Letterhead) -> Facts:
    """R8, R13: from now on the leads come to this partner."""
    partner, tenure = _tenure(tx, message)
    rules = tx.programme.rules_for(tenure.lead_month)
    return partner.email, {
        "partner": partner,
        "month": str(tenure.lead_month),
        "ranked": str(tenure.lead_month.previous),
        "place": tenure.place,
        "spans": {kind.value: head.span(due) for kind, (_opens, due) in rules.regulation.items()},
        "link": head.leads_link(),
    }


def _tenure_ended(tx: Tx, message: Message, head: Letterhead) -> Facts:
    partner, tenure = _tenure(tx, message)
    reason = message.data.get("reason") or tenure.end_reason
    facts = {"partner": partner, "month": str(tenure.lead_month), "reason": str(reason), "link": head.leads_link()}
    return partner.email, facts


def _tenure(tx: Tx, message: Message) -> tuple[Partner, Tenure]:
    tenure = tx.session.get_one(Tenure, message.data["tenure"])
    return tx.session.get_one(Partner, tenure.partner_code), tenure


def _top_three(tx: Tx, message: Message, head: Letterhead) -> Facts:
    """R4, D7: the announced places of a published version, without amounts."""
    partner = tx.session.get_one(Partner, message.partner_code)
    ranking = tx.session.get_one(Ranking, message.data["ranking"])
    announced = tx.programme.rules_for(ranking.month).announced_places
    entries = tx.session.execute(
        select(RankingEntry, Partner)
        .join(Partner, col(Partner.code) == col(RankingEntry.partner_code))
        .where(col(RankingEntry.ranking_id) == ranking.id, col(RankingEntry.place) <= announced)
        .order_by(col(RankingEntry.place))
    ).all()
    places = [
        {
            "place": entry.place,
            "partner": ranked.name,
            "growth_percent": entry.growth_percent,
            "kits_sold": entry.kits_sold,
        }
        for entry, ranked in entries
    ]
    link = head.month_link(ranking.month)
    return partner.email, {"partner": partner, "month": str(ranking.month), "places": places, "link": link}


def _alert_exhausted(tx: Tx, message: Message, head: Letterhead) -> Facts:
    why = message.data.get("why", "nobody_left")
    skipped = tx.session.get_one(Walk, message.data["walk"]).skipped if why == "nobody_left" else []
    month = Month.parse(message.data["lead_month"])
    link = head.desk_link(f"months/{month.previous}" if why == "nobody_left" else "leads")
    return None, {"month": str(month), "ranked": str(month.previous), "why": why, "skipped": skipped, "link": link}


def _alert_undelivered(tx: Tx, message: Message, head: Letterhead) -> Facts:
    attempt = tx.session.get_one(Attempt, message.attempt_id)
    partner = tx.session.get_one(Partner, attempt.partner_code)
    started = head.when(attempt.started_at)
    mail = select(Message).where(col(Message.attempt_id) == attempt.id, col(Message.kind) == MessageKind.LEAD)
    why = next((its.error for its in tx.all(mail) if its.error), None)
    following = next_partner_within(tx, attempt.lead_id)
    return None, _about_lead(tx, message, head) | {
        "partner": partner,
        "started": started,
        "why": why,
        "following": following,
    }


def _alert_welcome_late(tx: Tx, message: Message, head: Letterhead) -> Facts:
    lead = tx.session.get_one(Lead, message.lead_id)
    allowed = tx.programme.rules_for(tx.programme.month_at(lead.arrived_at)).alerts.welcome
    sent_at = tx.session.execute(
        select(Message.sent_at).where(col(Message.lead_id) == lead.id, col(Message.kind) == MessageKind.WELCOME)
    ).scalar_one()
    return None, _about_lead(tx, message, head) | {
        "requested_at": head.when(lead.requested_at),
        "limit": head.when(lead.requested_at + allowed),
        "sent_at": head.when(sent_at) if sent_at else None,
    }


def _alert_incomplete(tx: Tx, message: Message, head: Letterhead) -> Facts:  # noqa: ARG001
    month = message.data["month"]
    return None, {"month": month, "missing": message.data["missing"], "link": head.desk_link(f"months/{month}")}


def _alert_paused(tx: Tx, message: Message, head: Letterhead) -> Facts:
    return None, _about_lead(tx, message, head) | {
        "reason": message.data["pause_reason"],
        "partner_code": message.data.get("partner") or message.partner_code,
    }


def _alert_after_end(tx: Tx, message: Message, head: Letterhead) -> Facts:
    contact = tx.session.get_one(Contact, message.data["contact"])
    return None, _about_lead(tx, message, head) | {
        "partner_code": tx.session.get_one(Attempt, contact.attempt_id).partner_code,
        "outcome": str(contact.outcome),
    }


def _alert_repeated(tx: Tx, message: Message, head: Letterhead) -> Facts:
    facts = _about_lead(tx, message, head)
    return None, facts | {"repeat": _request(repeat_of(tx, message.data["repeat"], facts["lead"].id), head)}


def _alert_two_clients(tx: Tx, message: Message, head: Letterhead) -> Facts:
    """D17: two people behind one switchboard, perhaps; both, so that one can tell."""
    pair = [message.data["attached_to"], message.lead_id]
    people = [{"lead": lead_id, "client": tx.session.get_one(Client, lead_id)} for lead_id in pair]
    return None, _about_lead(tx, message, head) | {"root": pair[0], "people": people}


def _alert_restored(tx: Tx, message: Message, head: Letterhead) -> Facts:  # noqa: ARG001
    when = {name: head.when(datetime.fromisoformat(message.data[name])) for name in ("made_at", "restored_at")}
    return None, dict(message.data) | when | {"link": head.desk_link("audit?event=database.restored")}


def _alert_bounced(tx: Tx, message: Message, head: Letterhead) -> Facts:
    facts = {"lead": None, "link": head.desk_link("messages?which=bounced")}
    about = _about_lead(tx, message, head) if message.lead_id is not None else facts
    return None, about | {
        "number": message.data["message"],
        "kind": message.data["kind"],
        "status": message.data["bounce"],
        "partner_code": message.data["partner"],
    }


def _about_lead(tx: Tx, message: Message, head: Letterhead) -> dict[str, Any]:
    lead = tx.session.get_one(Lead, message.lead_id)
    to_partner = message.partner_code is not None
    link = head.lead_link(lead.id) if to_partner else head.desk_link(f"leads/{lead.id}")
    return {"lead": lead, "link": link, "zone": head.zone()}


def _request(repeat: Repeat, head: Letterhead) -> dict[str, Any]:
    return asdict(repeat) | asdict(repeat.news) | {"requested_at": head.when(repeat.requested_at)}


FACTS: dict[MessageKind, Callable[[Tx, Message, Letterhead], Facts]] = {
    MessageKind.LEAD: _lead,
    MessageKind.LEAD_REPEATED: _lead_repeated,
    MessageKind.LEAD_DETACHED: _lead_detached,
    MessageKind.CONTACTS_CORRECTED: _contacts_corrected,
    MessageKind.REMINDER: _reminder,
    MessageKind.LEAD_TAKEN: _lead_taken,
    MessageKind.TENURE_STARTED: _tenure_started,
    MessageKind.TENURE_ENDED: _tenure_ended,
    MessageKind.TOP_THREE: _top_three,
    MessageKind.SIGN_IN: _sign_in,
    MessageKind.WELCOME: _welcome,
    MessageKind.ALERT_EXHAUSTED: _alert_exhausted,
    MessageKind.ALERT_UNDELIVERED: _alert_undelivered,
    MessageKind.ALERT_WELCOME_LATE: _alert_welcome_late,
    MessageKind.ALERT_INCOMPLETE: _alert_incomplete,
    MessageKind.ALERT_PAUSED: _alert_paused,
    MessageKind.ALERT_AFTER_END: _alert_after_end,
    MessageKind.ALERT_REPEATED: _alert_repeated,
    MessageKind.ALERT_TWO_CLIENTS: _alert_two_clients,
    MessageKind.ALERT_RESTORED: _alert_restored,
    MessageKind.ALERT_BOUNCED: _alert_bounced,
}
