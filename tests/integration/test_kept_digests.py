"""The digests of the months' invoices: kept as invoices come and go, equal to what the invoices themselves say (D5)."""

import hashlib
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, text
from sqlmodel import col, select, update

from models import IngestBatch, InvoiceRevision, MonthDigest, Ranking
from models.upgrade import alembic_config, upgrade_database
from rasti.ledger.book import Book
from rasti.ledger.kept_digests import wrong_digests
from rasti.ledger.previews import preview_register
from rasti.ledger.rankings import rank
from rasti.rules.set_digest import as_bytes
from tests.builders import HEADER, MONTH, invoice_row, register
from tests.clock import MovableClock
from tests.desk import Desk, desk

__all__ = ["desk"]

WIDE = f"{HEADER};period;status"


def _row(number: int, **changes: Any) -> str:
    return invoice_row(**({"number": f"B-{number}", "period": "", "status": ""} | changes))


def _kept(book: Book) -> dict[str, tuple[int, bytes]]:
    """What is kept, by month; months without an invoice left out."""
    with book.read() as tx:
        rows = tx.session.execute(select(col(MonthDigest.month), col(MonthDigest.invoices), col(MonthDigest.digest)))
        return {str(month): (invoices, digest) for month, invoices, digest in rows if invoices}


def _identity(book: Book) -> list[tuple[int, str, dict[str, str]]]:
    with book.read() as tx:
        rows = tx.session.execute(
            select(col(Ranking.version), col(Ranking.digest), col(Ranking.inputs)).order_by(col(Ranking.version))
        )
        return [(version, digest, inputs) for version, digest, inputs in rows]


def test_what_comes_and_goes_is_counted_in_the_month_it_belongs_to(desk: Desk) -> None:
    desk.ingest(_row(1), _row(2), _row(3, status="cancelled"), header=WIDE)
    assert {month: count for month, (count, _digest) in _kept(desk.book).items()} == {str(MONTH): 2}

    desk.ingest(_row(1, period="2019-07"), _row(2, status="cancelled"), _row(3), header=WIDE)

    assert {month: count for month, (count, _digest) in _kept(desk.book).items()} == {"2019-07": 1, str(MONTH): 1}
    assert wrong_digests(desk.book) == []


def test_the_same_invoices_have_the_same_digest_however_they_came(desk: Desk) -> None:
    desk.ingest(_row(1), _row(2, amount="7.00"), header=WIDE)
    before = _kept(desk.book)

    desk.ingest(_row(2, amount="8.00"), _row(9), header=WIDE)
    assert _kept(desk.book) != before
    desk.ingest(_row(2, amount="7.00"), _row(1), header=WIDE, replace=("vendor", MONTH))

    assert _kept(desk.book) == before
    assert wrong_digests(desk.book) == []


def test_a_month_without_invoices_is_as_one_that_never_had_any(desk: Desk) -> None:
    empty = rank(desk.book, MONTH)
    desk.ingest(_row(1), header=WIDE)
    rank(desk.book, MONTH)
    desk.ingest(_row(1, status="cancelled"), header=WIDE)
    assert rank(desk.book, MONTH).version == empty.version


def test_a_preview_keeps_nothing(desk: Desk) -> None:
    desk.ingest(_row(1), header=WIDE)
    before = _kept(desk.book)
    path = desk.folder / "next.csv"
    path.write_text(register(_row(1, amount="2.00"), header=WIDE), encoding="utf-8")

    preview_register(desk.book, path)

    assert _kept(desk.book) == before


def test_what_an_older_program_read_is_noticed_and_reckoned_anew(desk: Desk) -> None:
    """It knows no digests: its batch says so, and no ranking may trust what is kept."""
    desk.ingest(_row(1), header=WIDE)
    version = rank(desk.book, MONTH).version
    stale = _kept(desk.book)
    desk.ingest(_row(1, amount="2.00"), header=WIDE)
    right = _kept(desk.book)
    with desk.book.write() as tx:
        tx.session.execute(update(MonthDigest).values(digest=stale[str(MONTH)][1]))
        newest = select(col(IngestBatch.id)).order_by(col(IngestBatch.id).desc()).limit(1).scalar_subquery()
        tx.session.execute(update(IngestBatch).where(col(IngestBatch.id) == newest).values(digests_kept=False))

    assert rank(desk.book, MONTH).version == version + 1

    assert _kept(desk.book) == right
    with desk.book.read() as tx:
        assert all(tx.all(select(col(IngestBatch.digests_kept))))


def test_what_was_written_past_the_ledger_is_found(desk: Desk) -> None:
    desk.ingest(_row(1), header=WIDE)
    assert wrong_digests(desk.book) == []
    with desk.book.write() as tx:
        tx.session.execute(update(MonthDigest).values(digest=as_bytes(1)))
    assert wrong_digests(desk.book) == [MONTH]


def _former_identity(book: Book, ranking: int, digests: list[str]) -> None:
    """A version as it was stored before digests were kept: SHA-256 of its invoices' digests, in order."""

    def sha256(texts: list[str]) -> str:
        return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()

    with book.write() as tx:
        stored = tx.session.execute(select(Ranking).where(col(Ranking.version) == ranking)).scalar_one()
        stored.inputs = stored.inputs | {"invoices": sha256(digests)}
        stored.digest = sha256([f"{name}={digest}" for name, digest in stored.inputs.items()])


def _current(book: Book) -> list[str]:
    with book.read() as tx:
        return tx.all(
            select(col(InvoiceRevision.digest)).where(
                col(InvoiceRevision.is_current), col(InvoiceRevision.status) == "posted"
            )
        )


def test_versions_ranked_before_the_upgrade_are_found_after_it(desk: Desk, engine: Engine, clock: MovableClock) -> None:
    read: dict[int, list[str]] = {}
    for amount in ("1.00", "2.00", "3.00"):
        clock.advance(seconds=1)
        desk.ingest(_row(1, period="2019-07"), _row(2, amount=amount), header=WIDE)
        clock.advance(seconds=1)
        read[rank(desk.book, MONTH).version] = _current(desk.book)
    identity = _identity(desk.book)
    for version, digests in read.items():
        _former_identity(desk.book, version, digests)
    _former_identity(desk.book, 2, ["invoices that nobody has any more"])
    lost = _identity(desk.book)[1]
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0003_restored")

    upgrade_database(engine)

    assert _identity(desk.book) == [identity[0], lost, identity[2]]
    assert rank(desk.book, MONTH).version == 3
    desk.ingest(_row(1, period="2019-07"), _row(2, amount="1.00"), header=WIDE, again=True)
    assert rank(desk.book, MONTH).version == 1
    assert wrong_digests(desk.book) == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_new_column_does_not_trust_what_was_read_before_it(desk: Desk, engine: Engine) -> None:
    desk.ingest(_row(1), header=WIDE)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0003_restored")
    upgrade_database(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT digests_kept FROM ingest_batch")).scalars().all() == [False]
