"""Reporting months as an operator sees them: versions, publications, walks, holders, and what is missing (D5-D9)."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select

from models import Decline, InvoiceRevision, Partner, Publication, Ranking, Tenure, Walk
from rasti.ledger.book import Book, Tx
from rasti.ledger.doubles import Double, doubles_within
from rasti.ledger.issuers import UnknownIssuer, unknown_issuers
from rasti.ledger.ranking_facts import changed_since_published, missing_now
from rasti.ledger.rankings import published_ranking
from rasti.ledger.versions import entries_of, find_version
from rasti.rules.month import Month
from rasti.rules.ranking import Standing

SHOWN_DOUBLES = 50  # on a page


@dataclass(frozen=True)
class MonthState:
    """How far a month has come."""

    month: Month
    version: int | None  # the newest
    published: int | None  # the public version
    activated: bool  # its lead month had a holder, or was found to have none
    holders: list[str]  # of its lead month, in order
    missing: list[dict[str, Any]]  # what keeps it incomplete now (D6)
    changed: bool = False  # its invoices are others than those of the public version

    @property
    def waits(self) -> bool:
        """Whether something is still to be done about it."""
        return bool(self.missing) or self.published is None or not self.activated or self.published != self.version


@dataclass(frozen=True)
class MonthFile:
    """Everything about a month; `shown` is the version whose entries these are."""

    state: MonthState
    versions: list[Ranking]  # the newest first
    shown: Ranking | None
    entries: list[Standing]
    names: dict[str, str]  # of partners, by code
    publications: list[tuple[Publication, int]]  # with the version
    walks: list[tuple[Walk, int]]  # of the lead month, with the version
    tenures: list[Tenure]
    declines: list[Decline]
    can_be_activated: bool  # its lead month is not past
    doubles: list[Double]  # the first of those that keep it incomplete
    unknown_issuers: list[UnknownIssuer]


def month_states(book: Book) -> list[MonthState]:
    """All months of the programme that have ended, the newest first."""
    with book.read() as tx:
        return month_states_within(tx)


def month_states_within(tx: Tx, *, newest: int | None = None) -> list[MonthState]:
    """The same inside an open transaction; `newest`: only so many."""
    last = tx.programme.month_at(tx.now).previous
    if tx.programme.last_month is not None:
        last = min(last, tx.programme.last_month)
    months: list[Month] = []
    while last >= tx.programme.first_month and (newest is None or len(months) < newest):
        months.append(last)
        last = last.previous
    versions = dict(_pairs(tx, select(col(Ranking.month), col(Ranking.version)).order_by(col(Ranking.version))))
    published = dict(
        _pairs(
            tx,
            select(col(Publication.month), col(Ranking.version))
            .join(Ranking, col(Publication.ranking_id) == col(Ranking.id))
            .order_by(col(Publication.id)),
        )
    )
    walked = set(tx.all(select(col(Walk.lead_month)).distinct()))
    changed = set(changed_since_published(tx))
    unknown = unknown_issuers(tx)
    holders: dict[Month, list[str]] = {}
    for month, partner in _pairs(
        tx, select(col(Tenure.lead_month), col(Tenure.partner_code)).order_by(col(Tenure.started_at), col(Tenure.id))
    ):
        holders.setdefault(month, []).append(partner)
    return [
        MonthState(
            month,
            versions.get(month),
            published.get(month),
            month.next in walked,
            holders.get(month.next, []),
            missing_now(tx, month, unknown),
            month in changed,
        )
        for month in months
    ]


def month_file(book: Book, month: Month, version: int | None = None) -> MonthFile:
    """A month with one of its versions, the newest unless named. Raises Refused: it cannot be ranked; NotFound."""
    with book.read() as tx:
        tx.programme.check_reporting_month(month, tx.now)
        versions = tx.all(select(Ranking).where(col(Ranking.month) == month).order_by(col(Ranking.version).desc()))
        shown = find_version(tx, month, version) if version else versions[0] if versions else None
        public = published_ranking(tx, month)
        tenures = tx.all(
            select(Tenure).where(col(Tenure.lead_month) == month.next).order_by(col(Tenure.started_at), col(Tenure.id))
        )
        walks = _pairs(
            tx,
            select(Walk, col(Ranking.version))
            .join(Ranking, col(Walk.ranking_id) == col(Ranking.id))
            .where(col(Walk.lead_month) == month.next)
            .order_by(col(Walk.id)),
        )
        unknown = unknown_issuers(tx, (month.previous, month))
        state = MonthState(
            month,
            versions[0].version if versions else None,
            public.version if public else None,
            bool(walks),
            [tenure.partner_code for tenure in tenures],
            missing_now(tx, month, unknown),
            month in changed_since_published(tx),
        )
        return MonthFile(
            state=state,
            versions=versions,
            shown=shown,
            entries=entries_of(tx, shown.id) if shown else [],
            names=_names(tx, month),
            publications=_pairs(
                tx,
                select(Publication, col(Ranking.version))
                .join(Ranking, col(Publication.ranking_id) == col(Ranking.id))
                .where(col(Publication.month) == month)
                .order_by(col(Publication.id).desc()),
            ),
            walks=walks,
            tenures=tenures,
            declines=tx.all(select(Decline).where(col(Decline.lead_month) == month.next).order_by(col(Decline.id))),
            can_be_activated=tx.now < month.next.ends_at(tx.programme.zone),
            doubles=doubles_within(tx, months=(month.previous, month), limit=SHOWN_DOUBLES),
            unknown_issuers=unknown,
        )


def _names(tx: Tx, month: Month) -> dict[str, str]:
    """Names by code: of the partner list, else as the invoices of the month and the one before have them."""
    billed = _pairs(
        tx,
        select(col(InvoiceRevision.partner_code), col(InvoiceRevision.partner_name))
        .where(col(InvoiceRevision.is_current), col(InvoiceRevision.month).in_([month.previous, month]))
        .distinct(),
    )
    return dict(billed) | dict(_pairs(tx, select(col(Partner.code), col(Partner.name))))


def _pairs(tx: Tx, statement: Any) -> list[tuple[Any, Any]]:
    return [(first, second) for first, second in tx.session.execute(statement)]
