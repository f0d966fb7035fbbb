"""Acts in the demo as people outside would: leads arrive, partners call. Everything else rasti does by itself."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlmodel import col, select

from models import Lead
from rasti.cli.demo.cast import NEXT, SOURCE, WINNER, Role, lead_of
from rasti.ledger.book import Book
from rasti.ledger.contacts import begin_contact, log_contact
from rasti.ledger.leads import receive_lead
from rasti.ledger.tenure_walk import open_tenure
from rasti.ledger.views import lead_view
from rasti.rules.bodies import parse_contact
from rasti.rules.kinds import CHECKLISTS, CheckpointKind, LeadState

LONG_AGO = datetime.min.replace(tzinfo=UTC)
BETWEEN_ARRIVALS = timedelta(seconds=1)
THINKING = timedelta(seconds=4)  # from the opening of a window to the call
CALLING = timedelta(seconds=1)
LAST_MOMENT = timedelta(seconds=5)  # before the end of a window, when a partner no longer waits for a verdict


@dataclass
class Play:
    """The people of the demo. `step` lets each do what is theirs to do now, by what the ledger shows."""

    book: Book
    _last_arrival: datetime = LONG_AGO
    _calling: dict[tuple[int, int, str], datetime] = field(default_factory=dict)
    _done: set[tuple[int, int, str]] = field(default_factory=set)

    def step(self) -> bool:
        """False: the last scene is over, all leads are closed."""
        leads = self._leads()
        self._send_next(leads)
        for role, lead in leads.items():
            if lead.state is not LeadState.CLOSED:
                self._act(role, cast(dict[str, Any], lead_view(self.book, lead.id)))
        late = leads.get(Role.LATE)
        if late is not None:
            self._call_too_late(cast(dict[str, Any], lead_view(self.book, late.id)))
        return len(leads) < len(Role) or any(lead.state is not LeadState.CLOSED for lead in leads.values())

    def _now(self) -> datetime:
        with self.book.read() as tx:
            return tx.now

    def _leads(self) -> dict[Role, Lead]:
        with self.book.read() as tx:
            return {Role(lead.source_id): lead for lead in tx.all(select(Lead).where(col(Lead.source) == SOURCE))}

    def _send_next(self, leads: dict[Role, Lead]) -> None:
        with self.book.read() as tx:
            tenure = open_tenure(tx)
        holder = tenure.partner_code if tenure else None
        first_four: list[Role] = [role for role in Role if role is not Role.AFTER_SWITCH]
        coming: dict[str | None, list[Role]] = {WINNER: first_four, NEXT: [Role.AFTER_SWITCH]}
        role = next((role for role in coming.get(holder, []) if role not in leads), None)
        if role is not None and self._now() >= self._last_arrival + BETWEEN_ARRIVALS:
            receive_lead(replace(self.book, actor="site"), lead_of(role, self._now()))
            self._last_arrival = self._now()

    def _act(self, role: Role, lead: dict[str, Any]) -> None:
        attempt = next((attempt for attempt in lead["attempts"] if attempt["ended_at"] is None), None)
        if attempt is None:
            return
        if attempt["partner"] == WINNER and role in (Role.NEGLECTED, Role.LATE):
            return  # this is the story
        refuses = role is Role.REFUSED
        for checkpoint in attempt["checkpoints"]:
            if checkpoint["verdict"] is None:
                self._call(lead["lead"], attempt, checkpoint, outcome="refused" if refuses else "reached")
                return  # one after the other: the next follow-up begins when this one has its verdict

    def _call(self, lead_id: int, attempt: dict[str, Any], checkpoint: dict[str, Any], *, outcome: str) -> None:
        """The partner calls while the window is open: begins with one tap, and logs the contact a moment later."""
        this = (lead_id, attempt["number"], checkpoint["kind"])
        opens, due = (datetime.fromisoformat(checkpoint[name]) for name in ("opens_at", "due_at"))
        now = self._now()
        if this in self._done or not opens + min(THINKING, due - opens) <= now < due:
            return
        partner = attempt["partner"]
        book = replace(self.book, actor=f"partner:{partner}")
        if this not in self._calling:
            begin_contact(book, lead_id, partner)
            self._calling[this] = now
        elif now >= self._calling[this] + CALLING or now >= due - LAST_MOMENT:
            self._done.add(this)
            log_contact(book, lead_id, _contact(partner, CheckpointKind(checkpoint["kind"]), outcome, now))

    def _call_too_late(self, lead: dict[str, Any]) -> None:
        """The former holder calls when the lead has been taken already."""
        first = lead["attempts"][0] if lead["attempts"] else None
        this = (lead["lead"], 1, "late")
        if first is None or first["ended_at"] is None or this in self._done:
            return
        now = self._now()
        if now >= datetime.fromisoformat(first["ended_at"]) + THINKING:
            self._done.add(this)
            book = replace(self.book, actor=f"partner:{first['partner']}")
            log_contact(book, lead["lead"], _contact(first["partner"], CheckpointKind.FIRST_HOUR, "reached", now))


def _contact(partner: str, kind: CheckpointKind, outcome: str, now: datetime) -> Any:
    return parse_contact(
        {
            "partner": partner,
            "kind": "call",
            "happened_at": now.isoformat(),
            "checklist": sorted(CHECKLISTS[kind]),
            "outcome": outcome,
        }
    )
