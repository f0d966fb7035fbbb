"""Reading registers into the ledger: revisions, repeats, replaced months (D1, D5)."""

import pytest

from models import AuditEvent, IngestBatch, Invoice, InvoiceLine, InvoiceRevision, MonthClose
from rasti.errors import BadInput, Refused
from rasti.ledger.rankings import rank
from tests.builders import HEADER, MONTH, WINNER, invoice_row
from tests.desk import Desk, desk

STATUS = f"{HEADER};status"
PERIOD = f"{HEADER};period"

__all__ = ["desk"]


def test_a_register_becomes_invoices_with_their_lines_D1(desk: Desk) -> None:
    report = desk.ingest(invoice_row(), invoice_row(amount="0.50"), invoice_row(number="B-2", amount="-0.25"))

    assert report.as_json() == {
        "rows": 3, "invoices": 2, "accepted": 2, "unchanged": 0, "revised": 0, "cancelled": 0, "quarantined": [],
    }  # fmt: skip
    assert desk.billed() == "1000.25"


def test_the_same_file_again_is_recognised_and_changes_nothing(desk: Desk) -> None:
    desk.ingest(invoice_row())
    before = desk.size(AuditEvent)

    again = desk.ingest(invoice_row())

    assert again.skipped
    assert (again.unchanged, again.accepted, again.revised) == (1, 0, 0)
    assert (desk.size(IngestBatch), desk.size(InvoiceRevision), desk.size(AuditEvent)) == (1, 1, before)


def test_reading_it_again_on_request_changes_nothing_either(desk: Desk) -> None:
    desk.ingest(invoice_row())
    assert desk.counts(invoice_row(), again=True) == {"unchanged": 1}
    assert (desk.size(IngestBatch), desk.size(InvoiceRevision)) == (2, 1)


def test_the_order_of_rows_and_other_names_are_no_change(desk: Desk) -> None:
    desk.ingest(invoice_row(), invoice_row(amount="1.00"))
    assert desk.counts(invoice_row(amount="1.00"), invoice_row(product="renamed")) == {"unchanged": 1}


def test_a_changed_invoice_replaces_its_former_revision_which_is_kept(desk: Desk) -> None:
    desk.ingest(invoice_row())

    assert desk.counts(invoice_row(amount="900.00")) == {"revised": 1}

    assert desk.revisions() == [(1, False, "posted"), (2, True, "posted")]
    assert desk.size(InvoiceLine) == 2
    assert desk.billed() == "900.00"


def test_an_invoice_that_becomes_what_it_was_is_a_revision_again(desk: Desk) -> None:
    for amount in ("1000.00", "900.00"):
        desk.ingest(invoice_row(amount=amount))
    assert desk.counts(invoice_row(), again=True) == {"revised": 1}
    assert desk.revisions() == [(1, False, "posted"), (2, False, "posted"), (3, True, "posted")]
    assert desk.billed() == "1000.00"


def test_an_old_file_is_skipped_also_when_a_newer_one_came_since(desk: Desk) -> None:
    for amount in ("1000.00", "900.00", "1000.00"):
        desk.ingest(invoice_row(amount=amount))
    assert desk.billed() == "900.00"


def test_a_cancelled_invoice_does_not_count_D1(desk: Desk) -> None:
    rows = [invoice_row(number=number, status="posted") for number in ("B-1", "B-2")]
    desk.ingest(*rows, header=STATUS)
    assert desk.counts(invoice_row(status="cancelled"), header=STATUS) == {"revised": 1}
    assert desk.billed() == "1000.00"


def test_an_invoice_may_move_to_another_month_D1(desk: Desk) -> None:
    desk.ingest(invoice_row(), invoice_row(number="B-2", amount="1.00"))
    desk.ingest(invoice_row(period="2019-07"), header=PERIOD)
    entry = next(entry for entry in rank(desk.book, MONTH).entries if entry.partner == WINNER)
    assert (f"{entry.previous_billed:f}", f"{entry.billed:f}") == ("1000.00", "1.00")


def test_strict_refuses_the_whole_file_and_names_the_row(desk: Desk) -> None:
    with pytest.raises(Refused, match="3: amount"):
        desk.ingest(invoice_row(), invoice_row(number="B-2", amount="oops"), strict=True)
    assert (desk.size(Invoice), desk.size(IngestBatch)) == (0, 0)


def test_strict_refuses_also_a_file_that_was_read_before(desk: Desk) -> None:
    rows = invoice_row(), invoice_row(number="B-2", amount="oops")
    desk.ingest(*rows)
    with pytest.raises(Refused):
        desk.ingest(*rows, strict=True)


def test_a_file_that_is_refused_writes_nothing(desk: Desk) -> None:
    with pytest.raises(BadInput):
        desk.ingest(invoice_row(issued_on="soon"))
    assert (desk.size(Invoice), desk.size(IngestBatch)) == (0, 0)


def test_reading_may_close_the_issuers_month_in_the_same_transaction_D6(desk: Desk) -> None:
    desk.ingest(invoice_row(), closes=("vendor", MONTH))
    assert desk.size(MonthClose) == 1


def test_closing_takes_effect_also_with_a_file_that_was_read_before_D6(desk: Desk) -> None:
    desk.ingest(invoice_row())
    assert desk.ingest(invoice_row(), closes=("vendor", MONTH)).skipped
    desk.ingest(invoice_row(), closes=("vendor", MONTH))
    assert desk.size(MonthClose) == 1


def test_replace_cancels_what_is_missing_and_nothing_else(desk: Desk) -> None:
    desk.ingest(
        invoice_row(number="B-1"),
        invoice_row(number="B-2", amount="1.00"),
        invoice_row(number="B-3", issued_on="2019-07-15"),
        invoice_row(number="B-4", issuer="distributor", amount="2.00"),
    )

    counts = desk.counts(
        invoice_row(number="B-2", amount="4.00"), invoice_row(number="B-5", amount="8.00"), replace=("vendor", MONTH)
    )

    assert counts == {"accepted": 1, "revised": 1, "cancelled": 1}
    assert desk.revisions("B-1") == [(1, False, "posted"), (2, True, "cancelled")]
    assert desk.billed() == "14.00"
    assert desk.revisions("B-3") == [(1, True, "posted")]


def test_replace_takes_effect_again_with_the_same_file(desk: Desk) -> None:
    whole = invoice_row(number="B-2", amount="1.00")
    desk.ingest(whole, replace=("vendor", MONTH))
    desk.ingest(invoice_row(number="B-1"))
    assert desk.counts(whole, replace=("vendor", MONTH)) == {"unchanged": 1, "cancelled": 1}
    assert desk.counts(whole, replace=("vendor", MONTH)) == {"unchanged": 1}
    assert desk.billed() == "1.00"


def test_a_cancelled_invoice_that_is_sent_again_counts_again(desk: Desk) -> None:
    desk.ingest(invoice_row())
    desk.ingest(invoice_row(number="B-2", amount="1.00"), replace=("vendor", MONTH))
    assert desk.counts(invoice_row(), again=True) == {"revised": 1}
    assert desk.billed() == "1001.00"


@pytest.mark.parametrize(
    "stranger",
    [{"amount": "oops"}, {"issuer": "distributor"}, {"issued_on": "2019-07-15"}],
    ids=["a bad row", "another issuer", "another month"],
)
def test_replace_refuses_a_file_that_is_not_that_month_alone(desk: Desk, stranger: dict[str, str]) -> None:
    desk.ingest(invoice_row())
    with pytest.raises(Refused, match="3: "):
        desk.ingest(invoice_row(number="B-2"), invoice_row(number="B-3", **stranger), replace=("vendor", MONTH))
    assert desk.revisions() == [(1, True, "posted")]
    assert desk.size(Invoice) == 1


def test_progress_is_reported_while_invoices_are_stored(desk: Desk) -> None:
    seen: list[tuple[str, int, int]] = []
    desk.ingest(invoice_row(), progress=lambda *step: seen.append(step))
    assert seen == [("store", 1, 1)]
