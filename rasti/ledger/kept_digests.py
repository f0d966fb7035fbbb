"""The digest of each month's invoices, kept while they come and go, so that no ranking reads them all (D5).

Only steps of an ingest, under the billing lock, change invoices; each says what came and went.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import delete, insert, select, update
from sqlmodel import col

from models import IngestBatch, InvoiceRevision, MonthDigest
from rasti.ledger.book import Book, Tx
from rasti.rules.kinds import InvoiceStatus
from rasti.rules.month import Month
from rasti.rules.set_digest import as_bytes, set_sum

Revision = tuple[Month, InvoiceStatus, str]  # what is kept of it: its month, whether it counts, its digest

_AT_ONCE = 10_000  # digests fetched together
_NOTHING = (0, as_bytes(0))  # no invoice


@dataclass(slots=True)
class _Sum:
    """How many invoices, and the sum of their digests."""

    invoices: int = 0
    total: int = 0


@dataclass(slots=True)
class Changes:
    """Which invoices came into months and which went, as far as they count (D1)."""

    months: dict[Month, _Sum] = field(default_factory=lambda: defaultdict(_Sum))

    def came(self, revisions: Iterable[Revision]) -> None:
        """These revisions are current from now on."""
        self._add(revisions, 1)

    def went(self, revisions: Iterable[Revision]) -> None:
        """These revisions are no longer current."""
        self._add(revisions, -1)

    def _add(self, revisions: Iterable[Revision], sign: int) -> None:
        by_month = defaultdict(list)
        for month, status, digest in revisions:
            if status is InvoiceStatus.POSTED:
                by_month[month].append(digest)
        for month, digests in by_month.items():
            changed = self.months[month]
            changed.invoices += sign * len(digests)
            changed.total += sign * set_sum(digests)


def keep(tx: Tx, batch_id: int, changes: Changes) -> None:
    """Bring the kept digests up to what a batch did, and note that they are."""
    keep_changes(tx, changes)
    tx.session.execute(update(IngestBatch).where(col(IngestBatch.id) == batch_id).values(digests_kept=True))


def keep_changes(tx: Tx, changes: Changes) -> None:
    """Bring the kept digests up to what was changed."""
    kept = _kept(tx)
    sums = {}
    for month, change in changes.months.items():
        invoices, digest = kept.get(month, _NOTHING)
        sums[month] = _Sum(invoices + change.invoices, int.from_bytes(digest, "big") + change.total)
    tx.session.execute(delete(MonthDigest).where(col(MonthDigest.month).in_(sums)))
    _store(tx, sums)


def kept_digests(tx: Tx, months: Iterable[Month]) -> list[str]:
    """What is kept of each month, as text; needs the billing lock.

    Reckoned anew first, if a batch was read by a program that keeps none: an older one, before or beside this one.
    """
    if _is_behind(tx):
        tx.session.execute(delete(MonthDigest))
        _store(tx, _reckoned(tx).months)
        tx.session.execute(update(IngestBatch).values(digests_kept=True))
    return _texts(_kept(tx), months)


def digests_now(tx: Tx) -> Callable[[Iterable[Month]], list[str]] | None:
    """The same for as many months as are asked, read once and without the lock; None: the next ranking reckons anew."""
    if _is_behind(tx):
        return None
    kept = _kept(tx)
    return lambda months: _texts(kept, months)


def _texts(kept: Mapping[Month, tuple[int, bytes]], months: Iterable[Month]) -> list[str]:
    found = ((month, *kept.get(month, _NOTHING)) for month in months)
    return [f"{month} {invoices} {digest.hex()}" for month, invoices, digest in found]


def wrong_digests(book: Book) -> list[Month]:
    """The months of which something else is kept than their invoices say: none, unless somebody wrote past us."""
    with book.read() as tx:
        if _is_behind(tx):
            return []  # the next ranking reckons anew
        kept = {month: found for month, found in _kept(tx).items() if found != _NOTHING}
        reckoned = {month: (found.invoices, as_bytes(found.total)) for month, found in _reckoned(tx).months.items()}
        return sorted(month for month in kept.keys() | reckoned.keys() if kept.get(month) != reckoned.get(month))


def _is_behind(tx: Tx) -> bool:
    unkept = select(col(IngestBatch.id)).where(~col(IngestBatch.digests_kept)).limit(1)
    return tx.session.execute(unkept).first() is not None


def _kept(tx: Tx) -> dict[Month, tuple[int, bytes]]:
    rows = tx.session.execute(select(col(MonthDigest.month), col(MonthDigest.invoices), col(MonthDigest.digest)))
    return {month: (invoices, digest) for month, invoices, digest in rows}


def _store(tx: Tx, sums: Mapping[Month, _Sum]) -> None:
    rows = [
        {"month": month, "invoices": found.invoices, "digest": as_bytes(found.total)} for month, found in sums.items()
    ]
    if rows:
        tx.session.connection().execute(insert(MonthDigest), rows)


def _reckoned(tx: Tx) -> Changes:
    """All months from the invoices themselves; memory does not grow with them."""
    found = Changes()
    current = (
        select(col(InvoiceRevision.month), col(InvoiceRevision.status), col(InvoiceRevision.digest))
        .where(col(InvoiceRevision.is_current))
        .execution_options(yield_per=_AT_ONCE)
    )
    for some in tx.session.execute(current).partitions():
        found.came((month, status, digest) for month, status, digest in some)
    return found
