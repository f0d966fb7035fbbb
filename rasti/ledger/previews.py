"""What an import would change: the real thing, in a transaction that is undone."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import col, select

from models import QuarantinedRow, Ranking
from rasti.clients.partner_list import read_partner_list
from rasti.clients.register import Register, read_register
from rasti.errors import Refused
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.doubles import months_near
from rasti.ledger.ingest import IngestReport, check_register, ingest_within
from rasti.ledger.invoices import news_of, stored_invoices
from rasti.ledger.partners import ImportReport, import_within
from rasti.ledger.ranking_facts import read_facts
from rasti.ledger.rankings import published_ranking
from rasti.ledger.versions import entries_of, find_or_compute, rules_differ
from rasti.rules.difference import Move, moves
from rasti.rules.month import Month


@dataclass(frozen=True)
class MonthPreview:
    """A month whose ranking would be another; `moved` is against the published version, if there is one."""

    month: Month
    published: int | None  # version
    complete: bool
    moved: list[Move]


@dataclass(frozen=True)
class RegisterPreview:
    """What reading a register would do, and which months it would change."""

    report: IngestReport
    months: list[MonthPreview]


def preview_register(
    book: Book,
    path: Path,
    *,
    closes: tuple[str, Month] | None = None,
    replace: tuple[str, Month] | None = None,
    again: bool = False,
) -> RegisterPreview:
    """What `ingest_register` with the same arguments would do; it raises the same. Nothing is written."""
    register = read_register(path, currency=book.programme.currency)
    check_register(register, replace=replace)
    with book.rehearse() as tx:
        tx.lock(Lock.BILLING)
        months = _months(tx, register, [named[1] for named in (closes, replace) if named])
        before = {month: read_facts(tx, month).digest for month in months}
        report = ingest_within(tx, register, closes=closes, replace=replace, again=again)
        changed = [month for month in months if read_facts(tx, month).digest != before[month]]
        return RegisterPreview(report, [_preview(tx, month) for month in changed])


def preview_partners(book: Book, path: Path) -> ImportReport:
    """What `import_partners` would do; it raises the same. Nothing is written."""
    listed = read_partner_list(path)
    with book.rehearse() as tx:
        tx.lock(Lock.BILLING)
        return import_within(tx, listed)


def _months(tx: Tx, register: Register, named: Iterable[Month]) -> list[Month]:
    """The reporting months that the file can change: those of its invoices, as they are and were, and the next ones."""
    touched = {invoice.month for invoice in register.invoices} | set(named)
    for bad in register.bad_rows:
        touched |= bad.months
    stored = stored_invoices(tx, {inv.key for inv in register.invoices})
    touched |= {known.month for known in stored.values()}
    touched |= months_near(tx, news_of(register.invoices, stored))
    # A row of which no date could be read keeps all months of its file incomplete, until its invoice is accepted.
    for waiting in tx.all(select(col(QuarantinedRow.months)).where(col(QuarantinedRow.resolved_at).is_(None))):
        touched |= set(map(Month.parse, waiting))
    return sorted(month for month in touched | {month.next for month in touched} if _can_be_ranked(tx, month))


def _can_be_ranked(tx: Tx, month: Month) -> bool:
    try:
        tx.programme.check_reporting_month(month, tx.now)
    except Refused:
        return False
    return True


def _preview(tx: Tx, month: Month) -> MonthPreview:
    public = published_ranking(tx, month)
    view = find_or_compute(tx, month)
    if public is None:
        return MonthPreview(month, None, view.complete, [])
    rules_changed = rules_differ(public, tx.session.get_one(Ranking, view.ranking_id))
    moved = moves(entries_of(tx, public.id), view.entries, rules_changed=rules_changed)
    return MonthPreview(month, public.version, view.complete, moved)
