"""Issuers whom the programme does not name: which months wait for them, who is told, and what it costs to ask."""

from dataclasses import replace
from pathlib import Path

import pytest

from rasti.errors import NotFound, Refused
from rasti.ledger.desk_months import month_file, month_states
from rasti.ledger.issuers import accept_issuer, list_unknown_issuers
from rasti.ledger.rankings import note_incomplete, rank
from rasti.ledger.views import status_view
from rasti.settings import Settings
from rasti.steward.relay import deliver
from tests.builders import HEADER, MONTH, invoice_row
from tests.desk import Desk, desk
from tests.integration.test_costs import counted
from tests.post_office import FakePostman

__all__ = ["desk"]

HOUSE = "ООО  «Чайный дом»"


@pytest.fixture
def strict(desk: Desk) -> Desk:
    """A desk whose programme names one issuer."""
    desk.book = replace(desk.book, programme=desk.book.programme.model_copy(update={"issuers": ("Vendor",)}))
    return desk


def _unknown(desk: Desk) -> list[tuple[str, str]]:
    return [(it.issuer, str(it.month)) for it in list_unknown_issuers(desk.book)]


def test_each_month_with_its_invoices_waits_and_the_month_after_it_D6(strict: Desk) -> None:
    strict.ingest(invoice_row(), invoice_row(number="9", issuer=HOUSE), invoice_row(number="8", issued_on="2019-07-01"))
    assert _unknown(strict) == [(HOUSE, str(MONTH))]
    strict.book.clock.set("2019-11-02 10:00")  # type: ignore[attr-defined]
    named = {
        str(month): [it for it in rank(strict.book, month).missing if it["what"] == "unknown_issuer"]
        for month in (MONTH, MONTH.next, MONTH.next.next)
    }
    there = [{"what": "unknown_issuer", "issuer": HOUSE, "month": str(MONTH)}]
    assert named == {"2019-08": there, "2019-09": there, "2019-10": []}


def test_what_is_cancelled_or_replaced_waits_for_an_operator_too_D6(strict: Desk) -> None:
    strict.ingest(invoice_row(), invoice_row(number="9", issuer=HOUSE), invoice_row(number="10", issuer=HOUSE))
    strict.ingest(invoice_row(number="7"), replace=("vendor", MONTH))  # another's month
    assert _unknown(strict) == [(HOUSE, str(MONTH))]
    cancelled = invoice_row(number="9", issuer=HOUSE, status="cancelled")
    strict.ingest(cancelled, header=f"{HEADER};status", replace=(HOUSE, MONTH))
    assert _unknown(strict) == [(HOUSE, str(MONTH))]
    accept_issuer(strict.book, HOUSE, MONTH, reason="all of it is cancelled")
    assert _unknown(strict) == []


def test_a_cancellation_under_a_mistyped_issuer_is_named_D6(strict: Desk) -> None:
    strict.ingest(invoice_row(number="77"))
    strict.ingest(invoice_row(number="77", issuer="vendr", status="cancelled"), header=f"{HEADER};status")
    assert _unknown(strict) == [("vendr", str(MONTH))]
    assert {"what": "unknown_issuer", "issuer": "vendr", "month": str(MONTH)} in rank(strict.book, MONTH).missing


def test_an_accepted_month_stays_accepted_and_others_still_wait_D6(strict: Desk) -> None:
    strict.ingest(invoice_row(issuer=HOUSE), invoice_row(issuer=HOUSE, number="2", issued_on="2019-07-01"))
    assert accept_issuer(strict.book, "ооо «чайный дом»", MONTH, reason="a guest").issuer == HOUSE
    assert _unknown(strict) == [(HOUSE, "2019-07")]
    strict.ingest(invoice_row(issuer=HOUSE, number="3"))
    assert _unknown(strict) == [(HOUSE, "2019-07")]
    with pytest.raises(NotFound, match="no unknown issuer"):
        accept_issuer(strict.book, HOUSE, MONTH, reason="once more")
    with pytest.raises(Refused, match="reason"):
        accept_issuer(strict.book, HOUSE, MONTH.previous, reason=" ")


def test_the_operators_mail_names_the_issuer_and_the_doubles_D6(strict: Desk, tmp_path: Path) -> None:
    strict.ingest(invoice_row(issuer=HOUSE, number="7"), invoice_row(issuer=HOUSE, number="007"))
    assert note_incomplete(strict.book, MONTH, rank(strict.book, MONTH).missing)
    postman = FakePostman()
    deliver(strict.book, Settings(home=tmp_path, operator_email="operator@vendor.example"), postman=postman)
    (mail,) = [mail for mail in postman.sent if mail["To"] == "operator@vendor.example"]
    for part in ("plain", "html"):
        text = mail.get_body((part,)).get_content()
        assert HOUSE in text
        assert "учтены дважды: 1" in text


def test_asking_costs_as_little_with_many_invoices_as_with_few(strict: Desk) -> None:
    def statements(count: int) -> tuple[int, int]:
        rows = [invoice_row(number=f"{count}-{n}", issuer=HOUSE if n % 2 else "vendor") for n in range(count)]
        strict.ingest(*rows)
        with counted(strict.book.engine) as listing:
            list_unknown_issuers(strict.book)
        with counted(strict.book.engine) as status:
            status_view(strict.book)
        return listing.statements, status.statements

    assert statements(400) == statements(4)


def test_the_months_of_the_desk_cost_as_little_with_many_strangers_as_with_one(strict: Desk) -> None:
    def statements(count: int) -> tuple[int, int]:
        strict.ingest(
            *(
                invoice_row(number=f"{count}-{n}-{month}", issuer=f"stranger {n}", issued_on=f"2019-0{month}-15")
                for n in range(count)
                for month in (7, 8)
            )
        )
        assert len(_unknown(strict)) == 2 * count
        with counted(strict.book.engine) as months:
            month_states(strict.book)
        with counted(strict.book.engine) as month:
            month_file(strict.book, MONTH)
        return months.statements, month.statements

    assert statements(1) == statements(20)
