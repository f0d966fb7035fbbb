"""The partner list: import, and who accepted the regulation (R6, R9)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, insert, or_, update
from sqlmodel import col, select

from models import Partner
from rasti.clients.partner_list import ListedPartner, read_partner_list
from rasti.errors import NotFound, Refused
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.fallback import once_settled
from rasti.ledger.order import check_settled
from rasti.rules.addresses import email_key
from rasti.rules.kinds import Event
from rasti.rules.programme import Rules


@dataclass(frozen=True)
class ImportReport:
    """What an import did, in partners."""

    added: int
    changed: int
    unchanged: int

    def as_json(self) -> dict[str, int]:
        return {"added": self.added, "changed": self.changed, "unchanged": self.unchanged}


@dataclass(frozen=True)
class Acceptance:
    """Since when a partner follows the regulation; `accepted_now`: it was not accepted before."""

    partner: str
    accepted_on: date
    accepted_now: bool

    def as_json(self) -> dict[str, Any]:
        return {"partner": self.partner, "accepted_on": self.accepted_on.isoformat()}


@once_settled
def import_partners(book: Book, path: Path) -> ImportReport:
    """Add and change the partners of a list; nobody is removed, no acceptance is revoked or moved to a later day.

    Raises NotFound, BadInput: one bad row refuses the whole file.
    """
    listed = read_partner_list(Path(path))
    with book.write() as tx:
        tx.lock(Lock.BILLING)
        report = import_within(tx, listed)
        if report.changed:  # who is ready may be another now
            check_settled(tx)
        return report


def import_within(tx: Tx, partners: Iterable[ListedPartner]) -> ImportReport:
    """Add and change listed partners inside an open transaction that holds the billing lock."""
    listed = sorted(partners, key=lambda partner: partner.code)
    known = {partner.code: partner for partner in tx.all(select(Partner))}
    added = [_values(partner) for partner in listed if partner.code not in known]
    changed = [
        values
        for partner in listed
        if partner.code in known and (values := _values(partner, known[partner.code])) != _stored(known[partner.code])
    ]
    if added:
        tx.session.execute(insert(Partner), added)
    if changed:
        names = ("name", "email", "email_key", "city", "regulation_accepted_on")
        tx.session.connection().execute(
            update(Partner).where(col(Partner.code) == bindparam("key")).values({n: bindparam(n) for n in names}),
            [{"key": values["code"], **{name: values[name] for name in names}} for values in changed],
        )
    report = ImportReport(len(added), len(changed), len(listed) - len(added) - len(changed))
    if added or changed:
        tx.audit(Event.PARTNERS_IMPORTED, added=report.added, changed=report.changed, unchanged=report.unchanged)
    return report


@once_settled
def accept_regulation(book: Book, code: str, *, reason: str | None = None, version: str | None = None) -> Acceptance:
    """Note that a partner is ready to follow the regulation from today on (R9).

    `version`: what the partner has read; another than the accepted one is accepted anew. The day of acceptance never
    moves later: today is set where there is none, or a later one. Accepted before: nothing changes.
    Raises NotFound, Refused: the regulation is another than the one that was read.
    """
    reason = (reason or "").strip() or None
    with book.write() as tx:
        tx.lock(Lock.BILLING)
        today = tx.now.astimezone(tx.programme.zone).date()
        if version is not None and version != regulation_in_force(tx).regulation_version:
            raise Refused("The regulation has changed meanwhile: read it again, then accept it.")
        accepted_on = col(Partner.regulation_accepted_on)
        not_before_today = or_(accepted_on.is_(None), accepted_on > today)
        fresh: ColumnElement[bool] = not_before_today
        values: dict[str, Any] = {"regulation_accepted_on": case((not_before_today, today), else_=accepted_on)}
        if version is not None:
            fresh = or_(fresh, col(Partner.regulation_version).is_distinct_from(version))
            values["regulation_version"] = version
        since = tx.session.execute(
            update(Partner).where(col(Partner.code) == code, fresh).values(values).returning(accepted_on)
        ).scalar_one_or_none()
        if since is not None:
            check_settled(tx)  # the walks of violations before this one still skip them
            about: dict[str, Any] = {"accepted_on": since.isoformat(), "version": version, "reason": reason}
            tx.audit(Event.PARTNER_ACCEPTED, partner_code=code, **about)
            return Acceptance(code, since, accepted_now=True)
        partner = tx.session.get(Partner, code)
        if partner is None or partner.regulation_accepted_on is None:
            raise NotFound("There is no partner {code} in the partner list.", code=code)
        return Acceptance(code, partner.regulation_accepted_on, accepted_now=False)


def regulation_in_force(tx: Tx) -> Rules:
    """The rules of the present month: those that a partner accepts now."""
    return tx.programme.rules_for(tx.programme.month_at(tx.now))


def _values(partner: ListedPartner, known: Partner | None = None) -> dict[str, object]:
    days = [row.regulation_accepted_on for row in (partner, known) if row is not None]
    return {
        "code": partner.code,
        "name": partner.name,
        "email": partner.email,
        "email_key": email_key(partner.email),
        "city": partner.city,
        # Of two days the earlier one: an import revokes no acceptance, and moves none later (R9).
        "regulation_accepted_on": min((day for day in days if day is not None), default=None),
    }


def _stored(partner: Partner) -> dict[str, object]:
    return partner.model_dump(include={"code", "name", "email", "email_key", "city", "regulation_accepted_on"})
