"""What an import would change is said before it is done, by the code that does it; and nothing is written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlmodel import SQLModel, col

from models import Message, Upload
from rasti.errors import BadInput, NotFound, Refused
from rasti.ledger.book import Book
from rasti.ledger.ingest import ingest_register
from rasti.ledger.months import close_month
from rasti.ledger.partners import ImportReport, import_partners
from rasti.ledger.previews import preview_partners, preview_register
from rasti.ledger.rankings import publish
from rasti.ledger.uploads import drop_upload, find_upload, keep_upload
from rasti.rules.kinds import UploadKind
from tests.builders import HEADER, MONTH, SECOND, WINNER, add_cast, growing_register, invoice_row, register
from tests.clock import MovableClock

_HEADER_WITH_PERIOD = f"{HEADER};period"
PARTNERS = "code;name;email;city;regulation_accepted_on\n"


@pytest.fixture
def write(book: Book, tmp_path: Path) -> Callable[[str], Path]:
    """Writes a file to import; the partners of every story are in the list."""
    add_cast(book)

    def write_text(text: str) -> Path:
        path = tmp_path / "file.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


def sizes(book: Book) -> dict[str, int]:
    """How many rows every table has."""
    with book.read() as tx:
        tables = SQLModel.metadata.sorted_tables
        return {
            table.name: tx.session.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
        }


def test_a_preview_tells_what_the_import_then_does(book: Book, write: Callable[[str], Path]) -> None:
    path = write(growing_register() + invoice_row(number="B-9", amount="oops") + "\n")
    seen = preview_register(book, path)
    assert seen.report == ingest_register(book, path)
    assert seen.report.accepted == 8
    assert [bad.row for bad in seen.report.quarantined] == [10]


def test_a_preview_writes_nothing_and_tells_nobody(book: Book, write: Callable[[str], Path]) -> None:
    path = write(growing_register() + invoice_row(number="B-9", amount="oops") + "\n")
    before, written = sizes(book), list(book.written)
    preview_register(book, path, closes=("vendor", MONTH))
    preview_partners(book, write(PARTNERS + "new;Новый;new@partner.example;Омск;\n"))
    assert sizes(book) == before
    assert book.written == written


def test_a_preview_names_the_months_that_change_and_who_moves_in_published_ones(
    book: Book, write: Callable[[str], Path]
) -> None:
    ingest_register(book, write(growing_register()))
    publish(book, MONTH)
    text = register(invoice_row(number="B-9", partner_code=SECOND, amount="9000.00"))
    (month,) = preview_register(book, write(text)).months
    assert (month.month, month.published, month.complete) == (MONTH, 1, True)
    assert [(move.partner, move.before, move.after) for move in month.moved] == [(SECOND, 2, 1), (WINNER, 1, 2)]


def test_a_month_that_is_not_published_changes_without_moves(book: Book, write: Callable[[str], Path]) -> None:
    (month,) = preview_register(book, write(growing_register())).months
    assert (month.month, month.published, month.moved) == (MONTH, None, [])


def test_a_file_that_was_read_changes_no_month(book: Book, write: Callable[[str], Path]) -> None:
    path = write(growing_register())
    ingest_register(book, path)
    seen = preview_register(book, path)
    assert (seen.report.skipped, seen.months) == (True, [])


def test_the_month_that_an_invoice_leaves_changes_too(
    book: Book, write: Callable[[str], Path], clock: MovableClock
) -> None:
    clock.set("2019-12-02 10:00")
    ingest_register(book, write(register(invoice_row())))
    text = register(f"{invoice_row(issued_on='2019-08-15')};2019-10", header=_HEADER_WITH_PERIOD)
    changed = [str(month.month) for month in preview_register(book, write(text)).months]
    assert changed == ["2019-08", "2019-09", "2019-10", "2019-11"]


def test_an_accepted_invoice_that_clears_a_row_of_another_month_changes_that_month_too(
    book: Book, write: Callable[[str], Path], clock: MovableClock
) -> None:
    clock.set("2019-12-02 10:00")
    # Nobody can read the date of B-1: both months of the file wait for it.
    ingest_register(
        book,
        write(
            register(
                invoice_row(number="B-1", issued_on="?"),
                invoice_row(number="B-2", issued_on="2019-08-10"),
                invoice_row(number="B-3", issued_on="2019-10-10"),
            )
        ),
    )
    text = register(invoice_row(number="B-1", issued_on="2019-10-20"))
    changed = {str(month.month): month.complete for month in preview_register(book, write(text)).months}
    assert changed == {"2019-08": True, "2019-09": False, "2019-10": True, "2019-11": False}


def test_closing_with_the_file_completes_the_month(book: Book, write: Callable[[str], Path]) -> None:
    with_issuers = book.programme.model_copy(update={"issuers": ("vendor",)})
    waiting = Book(book.engine, with_issuers, clock=book.clock, actor="test")
    path = write(growing_register())
    assert [month.complete for month in preview_register(waiting, path).months] == [False]
    assert [month.complete for month in preview_register(waiting, path, closes=("vendor", MONTH)).months] == [True]
    assert close_month(waiting, "vendor", MONTH).closed_now  # the preview has not closed it


def test_a_replacement_shows_what_would_be_cancelled(book: Book, write: Callable[[str], Path]) -> None:
    ingest_register(book, write(register(invoice_row(), invoice_row(number="B-2"))))
    seen = preview_register(book, write(register(invoice_row())), replace=("vendor", MONTH))
    assert (seen.report.cancelled, [month.month for month in seen.months]) == (1, [MONTH])


def test_a_preview_refuses_what_the_import_refuses(book: Book, write: Callable[[str], Path]) -> None:
    bad = write(register(invoice_row(amount="oops")))
    with pytest.raises(Refused, match="refused whole"):
        preview_register(book, bad, replace=("vendor", MONTH))
    with pytest.raises(Refused, match="not 2019-08 of distributor alone"):
        preview_register(book, write(register(invoice_row())), replace=("distributor", MONTH))
    with pytest.raises(BadInput):
        preview_register(book, write("nothing"))
    with pytest.raises(BadInput):
        preview_partners(book, write(PARTNERS + "one;Один;nobody;;\n"))


def test_a_month_that_has_not_ended_is_not_among_those_that_change(
    book: Book, write: Callable[[str], Path], clock: MovableClock
) -> None:
    clock.set("2019-08-20 10:00")
    assert preview_register(book, write(growing_register())).months == []


def test_a_partner_list_is_counted_before_it_is_imported(book: Book, write: Callable[[str], Path]) -> None:
    text = (
        PARTNERS + "new;Новый;new@partner.example;Омск;\n"
        "third;Третий;third@partner.example;Москва;\n"
        f"{WINNER};ООО «{WINNER}»;{WINNER}@partner.example;Москва;\n"
    )
    seen = preview_partners(book, write(text))
    assert seen == ImportReport(added=1, changed=1, unchanged=1)
    assert import_partners(book, write(text)) == seen


def test_an_upload_is_kept_until_it_is_dropped(book: Book) -> None:
    kept = keep_upload(book, UploadKind.PARTNERS, "list.csv", b"code")
    found = find_upload(book, kept)
    assert (found.kind, found.file_name, found.content) == (UploadKind.PARTNERS, "list.csv", b"code")
    assert drop_upload(book, kept)
    assert not drop_upload(book, kept)
    with pytest.raises(NotFound):
        find_upload(book, kept)


def test_an_upload_is_gone_after_a_day(book: Book, clock: MovableClock) -> None:
    old = keep_upload(book, UploadKind.INVOICES, "old.csv", b"1")
    clock.advance(days=1)
    with pytest.raises(NotFound):
        find_upload(book, old)
    new = keep_upload(book, UploadKind.INVOICES, "new.csv", b"2")
    with book.read() as tx:
        assert tx.all(select(col(Upload.id))) == [new]
        assert tx.all(select(col(Message.id))) == []
