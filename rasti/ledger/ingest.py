"""Reading an invoice register into the ledger: new invoices, new revisions, what is set aside (D1, D6)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlmodel import col, select

from models import IngestBatch
from rasti.clients.register import BadRow, Progress, Register, read_register
from rasti.errors import Refused
from rasti.garbage import garbage_left_alone
from rasti.ledger import quarantine
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.doubles import groups_in_doubt, groups_of, near_numbers, settle_doubles
from rasti.ledger.invoices import Key, Stored, cancel_missing, give_keys, news_of, stored_invoices, take
from rasti.ledger.kept_digests import Changes, keep
from rasti.ledger.months import close_within
from rasti.rules.kinds import Event
from rasti.rules.month import Month
from rasti.rules.spelling import spelling_key

_SHOWN = 5  # bad rows that a refusal names


@dataclass(frozen=True)
class IssuerMonth:
    """An issuer's month, as `--closes` and `--replace` name it."""

    issuer: str
    month: Month


@dataclass(frozen=True)
class IngestReport:
    """What reading a file did; counts are invoices, except `rows`. `skipped`: the file was read before.

    `doubles`: pairs that an operator has to decide about since (D6).
    """

    rows: int
    invoices: int
    accepted: int
    unchanged: int
    revised: int
    cancelled: int
    quarantined: list[BadRow] = field(default_factory=list)
    skipped: bool = False
    doubles: int = 0

    def as_json(self) -> dict[str, Any]:
        return self.counts() | {"quarantined": [{"row": bad.row, "reason": bad.reason} for bad in self.quarantined]}

    def counts(self) -> dict[str, object]:
        return {
            "rows": self.rows,
            "invoices": self.invoices,
            "accepted": self.accepted,
            "unchanged": self.unchanged,
            "revised": self.revised,
            "cancelled": self.cancelled,
        }


def ingest_register(
    book: Book,
    path: Path | str,
    *,
    closes: tuple[str, Month] | None = None,
    replace: tuple[str, Month] | None = None,
    strict: bool = False,
    again: bool = False,
    progress: Progress | None = None,
) -> IngestReport:
    """Read a register file: all of it, or nothing (D1).

    A file that was read before (same bytes) is skipped unless `again`; `closes` (the issuer's month is complete) and
    `replace` (the file is the whole of the issuer's month: what is missing is cancelled) always take effect.
    Raises NotFound, BadInput: the file cannot be read; Refused: bad rows with `strict` or `replace`, or a `replace`
    with rows of another issuer or month.
    """
    register = read_register(Path(path), currency=book.programme.currency, progress=progress)
    check_register(register, replace=replace, strict=strict)
    with garbage_left_alone(), book.write() as tx:
        tx.lock(Lock.BILLING)
        return ingest_within(tx, register, closes=closes, replace=replace, again=again, progress=progress)


def check_register(register: Register, *, replace: tuple[str, Month] | None, strict: bool = False) -> None:
    """Whether a file may be read at all. Raises Refused, as `ingest_register` says."""
    if strict or replace:
        _refuse_bad_rows(register)
    if replace:
        _refuse_strangers(register, IssuerMonth(*replace))


def ingest_within(
    tx: Tx,
    register: Register,
    *,
    closes: tuple[str, Month] | None = None,
    replace: tuple[str, Month] | None = None,
    again: bool = False,
    progress: Progress | None = None,
) -> IngestReport:
    """Read a checked register inside an open transaction that holds the billing lock."""
    if _was_read(tx, register) and not again and not replace:
        report = _skip(tx, register)
    else:
        report = _read(tx, register, IssuerMonth(*replace) if replace else None, progress)
    if closes:
        close_within(tx, *closes)
    return report


def _was_read(tx: Tx, register: Register) -> bool:
    found = select(IngestBatch.id).where(col(IngestBatch.digest) == register.digest).limit(1)
    return tx.session.execute(found).first() is not None


def _skip(tx: Tx, register: Register) -> IngestReport:
    still_open = quarantine.still_open(tx, register.bad_rows)
    return IngestReport(
        rows=register.rows,
        invoices=len(register.invoices) + register.quarantined_invoices,
        accepted=0,
        unchanged=len(register.invoices),
        revised=0,
        cancelled=0,
        quarantined=still_open,
        skipped=True,
    )


def _read(tx: Tx, register: Register, replace: IssuerMonth | None, progress: Progress | None) -> IngestReport:
    batch_id = tx.session.execute(
        insert(IngestBatch)
        .values(digest=register.digest, file_name=register.name, read_at=tx.now, counts={})
        .returning(col(IngestBatch.id))
    ).scalar_one()
    without_keys = give_keys(tx)
    keys = {invoice.key for invoice in register.invoices} | _keys(register.bad_rows)
    stored, changes = stored_invoices(tx, keys), Changes()
    news = news_of(register.invoices, stored)
    near = near_numbers(tx, news)
    take(tx, batch_id, news, changes, progress)
    quarantine.clear_accepted(tx, register.invoices)
    _add_former_months(register.bad_rows, stored)
    quarantine.set_aside(tx, batch_id, register)
    cancelled: list[int] = []
    if replace:
        cancelled = cancel_missing(tx, batch_id, replace.issuer, replace.month, keys, changes)
        quarantine.clear_replaced(tx, replace.issuer, replace.month)
    near |= groups_of(tx, without_keys)
    changed = {it.stored.invoice_id for it in news.changed}
    near |= groups_in_doubt(tx, [*changed, *cancelled])
    doubles = settle_doubles(tx, batch_id, near, changes, changed=changed, missing=set(cancelled))
    keep(tx, batch_id, changes)
    report = IngestReport(
        rows=register.rows,
        invoices=len(register.invoices) + register.quarantined_invoices,
        accepted=len(news.new),
        unchanged=len(register.invoices) - len(news.new) - len(news.changed),
        revised=len(news.changed),
        cancelled=len(cancelled),
        quarantined=register.bad_rows,
        doubles=doubles,
    )
    counts = report.counts() | {"quarantined": len(register.bad_rows), "doubles": doubles}
    batch = tx.session.get_one(IngestBatch, batch_id)
    batch.counts = counts
    replaces = {"issuer": replace.issuer, "month": str(replace.month)} if replace else None
    tx.audit(Event.REGISTER_INGESTED, batch=batch_id, digest=register.digest, counts=counts, replaces=replaces)
    return report


def _keys(bad_rows: Iterable[BadRow]) -> set[Key]:
    """The invoices that bad rows may belong to: where the year cannot be read, in the years of their months."""
    keys = set()
    for bad in bad_rows:
        if bad.named is not None:
            years = {month.year for month in bad.months} if bad.year is None else {bad.year}
            keys |= {(*bad.named, year) for year in years}
    return keys


def _add_former_months(bad_rows: Iterable[BadRow], stored: dict[Key, Stored]) -> None:
    """While a new revision is in quarantine the former one counts, and its month is incomplete too (D6)."""
    for bad in bad_rows:
        for key in _keys([bad]):
            if key in stored:
                bad.months.add(stored[key].month)


def _refuse_bad_rows(register: Register) -> None:
    if register.bad_rows:
        raise Refused(
            "{file} is refused whole: {count} of its rows cannot be read: {rows}.",
            file=register.name,
            count=len(register.bad_rows),
            rows=_shown([(bad.row, bad.reason) for bad in register.bad_rows]),
        )


def _refuse_strangers(register: Register, replace: IssuerMonth) -> None:
    """A file that is the whole of an issuer's month holds nothing else."""
    strangers = [
        (invoice.first_row, f"{invoice.issuer} {invoice.month}")
        for invoice in register.invoices
        if (invoice.key[0], invoice.month) != (spelling_key(replace.issuer), replace.month)
    ]
    if strangers:
        raise Refused(
            "{file} is not {month} of {issuer} alone: {count} of its invoices are of another issuer or month: {rows}.",
            file=register.name,
            month=replace.month,
            issuer=replace.issuer,
            count=len(strangers),
            rows=_shown(sorted(strangers)),
        )


def _shown(rows: list[tuple[int, str]]) -> str:
    """The first few rows with what is wrong about them."""
    shown = "; ".join(f"{row}: {what}" for row, what in rows[:_SHOWN])
    return shown if len(rows) <= _SHOWN else f"{shown}; …"
