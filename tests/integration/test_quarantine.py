"""Rows that could not be read: which months wait for them, and what clears them (D6)."""

import pytest

from models import QuarantinedRow
from rasti.errors import NotFound, Refused
from rasti.ledger.months import Quarantined, list_quarantine, resolve_quarantined
from rasti.ledger.rankings import rank
from rasti.rules.month import Month
from tests.builders import HEADER, MONTH, invoice_row
from tests.desk import Desk, desk

__all__ = ["desk"]

PERIOD = f"{HEADER};period"
BAD = invoice_row(amount="oops")
OTHER = invoice_row(number="B-2", amount="1.00")


def _waiting(desk: Desk) -> list[Quarantined]:
    return list_quarantine(desk.book)


def _months(desk: Desk) -> list[tuple[str, ...]]:
    return [row.months for row in _waiting(desk)]


def test_a_bad_row_is_listed_with_its_invoice_and_its_month_D6(desk: Desk) -> None:
    report = desk.ingest(OTHER, BAD)

    assert (report.invoices, report.accepted) == (2, 1)
    (row,) = _waiting(desk)
    assert row.as_json() == {
        "id": row.id,
        "row": 3,
        "reason": report.quarantined[0].reason,
        "issuer": "vendor",
        "number": "B-1",
        "months": ["2019-08"],
    }
    assert desk.billed() == "1.00"


def test_a_month_waits_for_the_quarantine_of_its_own_and_of_the_month_before_D6(desk: Desk) -> None:
    desk.ingest(
        OTHER,
        invoice_row(number="B-3", issued_on="2019-09-15"),
        invoice_row(number="B-4", issued_on="2019-10-15"),
        invoice_row(number="B-1", issued_on="2019-08-01", amount="oops"),
    )
    desk.book.clock.set("2019-11-01 00:00")  # type: ignore[attr-defined]
    complete = {str(month): rank(desk.book, month).complete for month in (MONTH, MONTH.next, MONTH.next.next)}
    assert complete == {"2019-08": False, "2019-09": False, "2019-10": True}
    assert rank(desk.book, MONTH).missing == [{"what": "quarantine", "month": "2019-08", "rows": 1}]


def test_the_former_revision_counts_while_the_new_one_is_in_quarantine_D6(desk: Desk) -> None:
    desk.ingest(invoice_row())
    desk.ingest(BAD)
    assert desk.billed() == "1000.00"
    assert not rank(desk.book, MONTH).complete


def test_the_month_of_the_former_revision_waits_too_D6(desk: Desk) -> None:
    desk.ingest(invoice_row())
    desk.ingest(invoice_row(amount="oops", period="2019-07"), header=PERIOD)
    assert _months(desk) == [("2019-07", "2019-08")]


def test_a_row_without_a_date_keeps_all_months_of_its_file_incomplete_D6(desk: Desk) -> None:
    desk.ingest(OTHER, invoice_row(number="B-3", issued_on="2019-07-01"), invoice_row(issued_on="soon"))
    assert _months(desk) == [("2019-07", "2019-08")]


@pytest.mark.parametrize("amount", ["1000.00", "900.00"], ids=["as it was", "changed"])
def test_an_accepted_revision_clears_the_quarantine_D6(desk: Desk, amount: str) -> None:
    desk.ingest(invoice_row())
    desk.ingest(BAD)
    desk.ingest(invoice_row(amount=amount), OTHER)
    assert _waiting(desk) == []
    assert rank(desk.book, MONTH).complete


def test_a_row_without_a_date_is_cleared_by_its_invoice_of_that_year_D6(desk: Desk) -> None:
    desk.ingest(OTHER, invoice_row(issued_on="soon"))
    desk.ingest(invoice_row(issued_on="2017-08-15"))
    assert len(_waiting(desk)) == 1
    desk.ingest(invoice_row())
    assert _waiting(desk) == []


def test_another_invoice_clears_nothing_D6(desk: Desk) -> None:
    desk.ingest(BAD)
    desk.ingest(OTHER, invoice_row(issuer="distributor"), invoice_row(issued_on="2018-08-15"))
    assert len(_waiting(desk)) == 1


def test_replacing_the_month_clears_its_quarantine_D6(desk: Desk) -> None:
    desk.ingest(BAD, invoice_row(number="B-3", issuer="distributor", amount="oops"))
    desk.ingest(OTHER, replace=("vendor", MONTH))
    assert [row.issuer for row in _waiting(desk)] == ["distributor"]


def test_replacing_one_month_leaves_the_other_months_waiting_D6(desk: Desk) -> None:
    desk.ingest(OTHER, invoice_row(number="B-3", issued_on="2019-07-01"), invoice_row(issued_on="soon"))
    desk.ingest(OTHER, replace=("vendor", MONTH))
    assert _months(desk) == [("2019-07",)]
    desk.ingest(invoice_row(number="B-3", issued_on="2019-07-01"), replace=("vendor", Month(2019, 7)))
    assert _waiting(desk) == []


@pytest.mark.parametrize("column", ["issuer", "number"])
def test_a_row_without_issuer_or_number_is_cleared_by_an_operator_only_D6(desk: Desk, column: str) -> None:
    desk.ingest(OTHER, invoice_row(**{column: ""}))
    desk.ingest(invoice_row(), OTHER)
    desk.ingest(invoice_row(), OTHER, replace=("vendor", MONTH))
    (row,) = _waiting(desk)

    resolve_quarantined(desk.book, row.id, reason="a stray line")

    assert _waiting(desk) == []
    assert rank(desk.book, MONTH).complete


def test_resolving_needs_a_row_in_quarantine_and_a_reason_D6(desk: Desk) -> None:
    desk.ingest(BAD)
    (row,) = _waiting(desk)
    with pytest.raises(Refused, match="reason"):
        resolve_quarantined(desk.book, row.id, reason="  ")
    with pytest.raises(NotFound, match="4711"):
        resolve_quarantined(desk.book, 4711, reason="why not")
    resolve_quarantined(desk.book, row.id, reason="a test invoice")
    with pytest.raises(Refused, match="already"):
        resolve_quarantined(desk.book, row.id, reason="once more")


def test_the_same_bad_rows_are_not_set_aside_twice(desk: Desk) -> None:
    rows = OTHER, BAD, invoice_row(number="")
    desk.ingest(*rows)
    assert len(desk.ingest(*rows).quarantined) == 2
    assert len(desk.ingest(*rows, again=True).quarantined) == 2
    assert desk.size(QuarantinedRow) == 2


def test_reading_a_resolved_file_again_on_request_sets_its_bad_row_aside_again(desk: Desk) -> None:
    desk.ingest(OTHER, BAD)
    resolve_quarantined(desk.book, _waiting(desk)[0].id, reason="wait and see")
    assert desk.ingest(OTHER, BAD).quarantined == []  # skipped
    desk.ingest(OTHER, BAD, again=True)
    assert len(_waiting(desk)) == 1
