"""The partner list: import, and who accepted the regulation (R6, R9)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, bindparam, insert, or_, update
from sqlmodel import col, select

from models import Partner
from rasti.clients.partner_list import ListedPartner, read_partner_list
from rasti.errors import NotFound, Refused
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.order import check_settled, once_settled
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
    """Add and change the partners of a list; nobody is removed, no acceptance is revoked by a blank date.

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
        names = ("name", "email", "city", "regulation_accepted_on")
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

    `version`: what the partner has read; another than the accepted one is accepted anew. Accepted before: nothing
    changes. Raises NotFound, Refused: the regulation is another than the one that was read.
    """
    with book.write() as tx:
        tx.lock(Lock.BILLING)
        today = tx.now.astimezone(tx.programme.zone).date()
        if version is not None and version != regulation_in_force(tx).regulation_version:
            raise Refused("The regulation has changed meanwhile: read it again, then accept it.")
        fresh: ColumnElement[bool] = col(Partner.regulation_accepted_on).is_(None)
        values: dict[str, Any] = {"regulation_accepted_on": today}
        if version is not None:
            fresh = or_(fresh, col(Partner.regulation_version).is_distinct_from(version))
            values["regulation_version"] = version
        accepted_now = tx.session.execute(
            update(Partner).where(col(Partner.code) == code, fresh).values(values).returning(col(Partner.code))
        ).scalar_one_or_none()
        if accepted_now is not None:
            check_settled(tx)  # the walks of violations before this one still skip them
            about: dict[str, Any] = {"accepted_on": today.isoformat(), "version": version, "reason": reason}
            tx.audit(Event.PARTNER_ACCEPTED, partner_code=code, **about)
            return Acceptance(code, today, accepted_now=True)
        partner = tx.session.get(Partner, code)
        if partner is None or partner.regulation_accepted_on is None:
            raise NotFound("There is no partner {code} in the partner list.", code=code)
        return Acceptance(code, partner.regulation_accepted_on, accepted_now=False)


def regulation_in_force(tx: Tx) -> Rules:
    """The rules of the present month: those that a partner accepts now."""
    return tx.programme.rules_for(tx.programme.month_at(tx.now))


def _values(partner: ListedPartner, known: Partner | None = None) -> dict[str, object]:
    accepted_on = partner.regulation_accepted_on
    if accepted_on is None and known is not None:
        accepted_on = known.regulation_accepted_on
    return {
        "code": partner.code,
        "name": partner.name,
        "email": partner.email,
        "city": partner.city,
        "regulation_accepted_on": accepted_on,
    }


def _stored(partner: Partner) -> dict[str, object]:
    return partner.model_dump(include={"code", "name", "email", "city", "regulation_accepted_on"})
