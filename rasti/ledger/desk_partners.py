"""Partners as an operator looks for them, and everything about one of them. Reading only."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import func
from sqlmodel import col, or_, select

from models import (
    Attempt,
    Certificate,
    Checkpoint,
    Contact,
    Decline,
    Lead,
    Partner,
    PartnerProfile,
    Publication,
    Ranking,
    RankingEntry,
    Tenure,
    Violation,
)
from rasti.errors import NotFound
from rasti.ledger.book import Book, Tx
from rasti.ledger.desk_violations import ViolationRow
from rasti.ledger.tenure_walk import get_partner, open_tenure
from rasti.rules.kinds import Outcome

PAGE = 50
_SHOWN = 50


class Standing(StrEnum):
    """What kind of partners are looked for."""

    READY = "ready"
    NOT_READY = "not_ready"
    SUSPENDED = "suspended"
    HOLDS = "holds"


@dataclass(frozen=True)
class PartnerQuery:
    """What an operator asks for; `text` is a part of code, name or town."""

    text: str = ""
    standing: Standing | None = None
    page: int = 1


@dataclass(frozen=True)
class PartnerRow:
    """A partner in a list; counts of leads in hand, of wrong contacts (D12) and of violations that count."""

    partner: Partner
    holds: bool
    ready: bool  # the regulation is accepted, not only from a later day on (R9)
    in_hand: int
    wrong_contacts: int
    violations: int


@dataclass(frozen=True)
class PartnerPage:
    """One page of what was found."""

    rows: list[PartnerRow]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class PartnerFile:
    """Everything about a partner."""

    row: PartnerRow
    profile: PartnerProfile | None
    certificate: str | None  # its file name
    places: list[tuple[Ranking, RankingEntry]]  # published ones, the newest month first
    tenures: list[Tenure]
    declines: list[Decline]
    leads: list[tuple[Lead, Attempt]]  # in hand
    violations: list[ViolationRow]


def find_partners(book: Book, query: PartnerQuery) -> PartnerPage:
    """The partners asked for, by name."""
    with book.read() as tx:
        tenure = open_tenure(tx)
        holder = tenure.partner_code if tenure else None
        where = _where(query, holder, _today(tx))
        total = tx.session.execute(select(func.count()).select_from(Partner).where(*where)).scalar_one()
        pages = max(1, -(-total // PAGE))
        page = min(max(1, query.page), pages)
        partners = tx.all(
            select(Partner)
            .where(*where)
            .order_by(col(Partner.name), col(Partner.code))
            .limit(PAGE)
            .offset((page - 1) * PAGE)
        )
        return PartnerPage(_rows(tx, partners, holder), total, page, pages)


def _today(tx: Tx) -> date:
    return tx.now.astimezone(tx.programme.zone).date()


def _where(query: PartnerQuery, holder: str | None, today: date) -> list[Any]:
    where: list[Any] = []
    text = query.text.strip()
    if text:
        columns = (col(Partner.code), col(Partner.name), col(Partner.city))
        # SQLite compares letters without regard to case in Latin only.
        spellings = {text, text.capitalize(), text.lower(), text.upper()}
        where.append(or_(*(column.contains(spelt, autoescape=True) for column in columns for spelt in spellings)))
    accepted, suspended = col(Partner.regulation_accepted_on), col(Partner.suspended_at)
    match query.standing:
        case Standing.READY:
            where += [accepted <= today, suspended.is_(None)]
        case Standing.NOT_READY:
            where.append(or_(accepted.is_(None), accepted > today))
        case Standing.SUSPENDED:
            where.append(suspended.is_not(None))
        case Standing.HOLDS:
            where.append(col(Partner.code) == holder)
    return where


def _rows(tx: Tx, partners: list[Partner], holder: str | None) -> list[PartnerRow]:
    codes = [partner.code for partner in partners]
    of_them = col(Attempt.partner_code).in_(codes)
    by_partner = select(col(Attempt.partner_code), func.count()).group_by(col(Attempt.partner_code))
    in_hand = _counts(tx, by_partner.where(of_them, col(Attempt.ended_at).is_(None)))
    wrong = _counts(
        tx,
        by_partner.join(Contact, col(Contact.attempt_id) == col(Attempt.id)).where(
            of_them, col(Contact.outcome) == Outcome.WRONG_CONTACT
        ),
    )
    violations = _counts(
        tx,
        select(col(Violation.partner_code), func.count())
        .where(col(Violation.partner_code).in_(codes), col(Violation.reversed_at).is_(None))
        .group_by(col(Violation.partner_code)),
    )
    today = _today(tx)
    return [
        PartnerRow(
            partner,
            partner.code == holder,
            partner.regulation_accepted_on is not None and partner.regulation_accepted_on <= today,
            in_hand.get(partner.code, 0),
            wrong.get(partner.code, 0),
            violations.get(partner.code, 0),
        )
        for partner in partners
    ]


def partner_file(book: Book, code: str) -> PartnerFile:
    """A partner with all that belongs to them. Raises NotFound."""
    with book.read() as tx:
        partner, tenure = get_partner(tx, code), open_tenure(tx)
        newest = select(func.max(col(Publication.id))).group_by(col(Publication.month))
        places = tx.session.execute(
            select(Ranking, RankingEntry)
            .join(RankingEntry, col(RankingEntry.ranking_id) == col(Ranking.id))
            .join(Publication, col(Publication.ranking_id) == col(Ranking.id))
            .where(col(Publication.id).in_(newest), col(RankingEntry.partner_code) == code)
            .order_by(col(Ranking.month).desc())
        ).all()
        leads = tx.session.execute(
            select(Lead, Attempt)
            .join(Attempt, col(Attempt.lead_id) == col(Lead.id))
            .where(col(Attempt.partner_code) == code, col(Attempt.ended_at).is_(None))
            .order_by(col(Attempt.started_at).desc())
            .limit(_SHOWN)
        ).all()
        violations = tx.session.execute(
            select(Violation, col(Attempt.lead_id), col(Checkpoint.kind))
            .join(Attempt, col(Violation.attempt_id) == col(Attempt.id))
            .join(Checkpoint, col(Violation.checkpoint_id) == col(Checkpoint.id))
            .where(col(Violation.partner_code) == code)
            .order_by(col(Violation.id).desc())
            .limit(_SHOWN)
        ).all()
        of_partner = select(Tenure).where(col(Tenure.partner_code) == code)
        declined = select(Decline).where(col(Decline.partner_code) == code)
        return PartnerFile(
            row=_rows(tx, [partner], tenure.partner_code if tenure else None)[0],
            profile=tx.session.get(PartnerProfile, code),
            certificate=tx.session.execute(
                select(col(Certificate.file_name)).where(col(Certificate.partner_code) == code)
            ).scalar_one_or_none(),
            places=[(ranking, entry) for ranking, entry in places],
            tenures=tx.all(of_partner.order_by(col(Tenure.started_at).desc())),
            declines=tx.all(declined.order_by(col(Decline.lead_month).desc())),
            leads=[(lead, attempt) for lead, attempt in leads],
            violations=[ViolationRow(violation, lead_id, kind) for violation, lead_id, kind in violations],
        )


def certificate_of(book: Book, code: str) -> Certificate:
    """A partner's certificate as they uploaded it. Raises NotFound."""
    with book.read() as tx:
        found = tx.session.get(Certificate, code)
        if found is None:
            raise NotFound("{partner} has uploaded no certificate.", partner=code)
        return found


def _counts(tx: Tx, statement: Any) -> dict[str, int]:
    return dict(map(tuple, tx.session.execute(statement).all()))
