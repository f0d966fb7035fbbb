"""Registers dropped into the inbox are read, closed and put away by the step of the flows (D1, D6)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from models import InvoiceRevision, MonthClose
from rasti.errors import Unavailable
from rasti.ledger.book import Book
from tasks import opening
from tasks.invoices import Ingested, ingest_new
from tests.builders import invoice_row, register

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def inbox(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The inbox of an installation over this test's database."""
    monkeypatch.setenv("RASTI_HOME", str(tmp_path))
    monkeypatch.setenv("RASTI_DATABASE_URL", database_url)
    monkeypatch.setenv("RASTI_PROGRAMME", str(ROOT / "programme.yaml"))
    folder = tmp_path / "inbox"
    folder.mkdir()
    yield folder
    opening._engine(database_url).dispose()  # kept for the life of a worker, not of a test
    opening._engine.cache_clear()


def _drop(inbox: Path, name: str, *rows: str) -> None:
    (inbox / name).write_text(register(*rows), encoding="utf-8")


def _read() -> list[Ingested]:
    return ingest_new.fn()


def _all(book: Book, statement: Any) -> list[Any]:
    with book.read() as tx:
        return tx.all(statement)


def test_registers_are_read_in_the_order_of_names_and_put_away(inbox: Path, book: Book) -> None:
    _drop(inbox, "2.csv", invoice_row(amount="900.00"))
    _drop(inbox, "1.csv", invoice_row())

    assert [(item.file, item.refused) for item in _read()] == [("1.csv", None), ("2.csv", None)]

    current = select(InvoiceRevision.number).where(col(InvoiceRevision.is_current))
    assert _all(book, current) == [2]
    report = json.loads((inbox / "done" / "2.csv.report.json").read_text(encoding="utf-8"))
    assert (report["revised"], report["skipped"]) == (1, False)
    assert _read() == []


def test_a_register_that_is_refused_does_not_stop_the_others(inbox: Path) -> None:
    (inbox / "1.csv").write_text("no register", encoding="utf-8")
    _drop(inbox, "2.csv", invoice_row())

    refused, read = _read()

    assert refused.report is None
    assert refused.refused is not None
    assert "is no invoice register" in refused.refused
    assert read.report is not None
    assert (inbox / "refused" / "1.csv").exists()
    assert json.loads((inbox / "refused" / "1.csv.report.json").read_text(encoding="utf-8"))["refused"]
    assert (inbox / "done" / "2.csv").exists()


def test_a_register_that_was_read_before_is_put_away_unread(inbox: Path) -> None:
    for _time in range(2):
        _drop(inbox, "1.csv", invoice_row())
        (item,) = _read()
    assert item.report is not None
    assert item.report.skipped
    assert (inbox / "done" / "1-2.csv").exists()


def test_the_name_of_a_register_may_close_the_month_D6(inbox: Path, book: Book) -> None:
    _drop(inbox, "august.closes-vendor-2019-08.csv", invoice_row())
    _read()
    assert _all(book, select(MonthClose.issuer)) == ["vendor"]


def test_a_listed_source_may_be_strict(inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sources.yaml").write_text("- folder: inbox\n  strict: true\n", encoding="utf-8")
    monkeypatch.setenv("RASTI_SOURCES", str(tmp_path / "sources.yaml"))
    _drop(inbox, "1.csv", invoice_row(), invoice_row(number="B-2", amount="oops"))
    (item,) = _read()
    assert item.report is None
    assert (inbox / "refused" / "1.csv").exists()


def test_while_the_database_cannot_be_used_a_register_stays_where_it_is(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RASTI_DATABASE_URL", f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    _drop(inbox, "1.csv", invoice_row())
    with pytest.raises(Unavailable):
        _read()
    assert (inbox / "1.csv").exists()
