"""Invoices that were stored before they had keys: the upgrade gives them some, and harms nothing that is there."""

from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, text
from sqlmodel import col, select, update

from models import Invoice, InvoiceRevision
from models.upgrade import alembic_config, upgrade_database
from rasti.ledger.doubles import list_doubles, resolve_double
from rasti.ledger.kept_digests import wrong_digests
from rasti.ledger.rankings import rank
from rasti.rules.kinds import Keep
from tests.builders import MONTH, SECOND, WINNER, invoice_row
from tests.desk import Desk, desk

__all__ = ["desk"]

BEFORE = "0006_open_message_kinds"
HOUSE = "ООО «Чайный дом»"
NBSP = HOUSE.replace(" д", "\N{NO-BREAK SPACE}д")


def _back(engine: Engine) -> None:
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), BEFORE)


def _store_as_before(
    engine: Engine,
    issuer: str,
    number: str,
    *,
    year: int = 2019,
    amount: int = 100_000,
    partner: str = WINNER,
    status: str = "posted",
) -> None:
    """An invoice as the version before stored it: without keys, whatever stands beside it."""
    with engine.begin() as connection:
        one = connection.execute(
            text("INSERT INTO invoice (issuer, number, year) VALUES (:issuer, :number, :year) RETURNING id"),
            {"issuer": issuer, "number": number, "year": year},
        ).scalar_one()
        revision = connection.execute(
            text(
                "INSERT INTO invoice_revision (invoice_id, number, is_current, month, issued_on, partner_code,"
                " partner_name, status, digest, batch_id)"
                " SELECT :invoice, 1, is_current, month, issued_on, :partner, partner_name, :status, :digest,"
                " batch_id FROM invoice_revision WHERE is_current AND partner_code = :winner LIMIT 1 RETURNING id"
            ),
            {"invoice": one, "digest": f"{one:064x}", "winner": WINNER, "partner": partner, "status": status},
        ).scalar_one()
        connection.execute(
            text(
                "INSERT INTO invoice_line (revision_id, product_code, product, quantity, amount)"
                " VALUES (:revision, 'grm', '1С:ГРМ', 1, :amount)"
            ),
            {"revision": revision, "amount": amount},
        )
        connection.execute(text("UPDATE ingest_batch SET digests_kept = false"))


def _pairs(desk: Desk) -> list[tuple[str, str]]:
    return [
        (f"{double.first.issuer} {double.first.number}", f"{double.second.issuer} {double.second.number}")
        for double in list_doubles(desk.book)
    ]


def _keys(desk: Desk) -> list[tuple[Any, ...]]:
    with desk.book.read() as tx:
        rows = tx.session.execute(
            select(col(Invoice.issuer_key), col(Invoice.number_key), col(Invoice.bare_number)).order_by(col(Invoice.id))
        )
        return [tuple(row) for row in rows]


def test_the_upgrade_changes_no_version_that_was_ranked_D5(desk: Desk, engine: Engine) -> None:
    desk.ingest(invoice_row(issuer=HOUSE, number="Ж-1"), invoice_row(number="007", amount="2.00"))
    version = rank(desk.book, MONTH).version
    keys = _keys(desk)
    _back(engine)

    upgrade_database(engine)

    assert _keys(desk) == keys == [(HOUSE.casefold(), "ж-1", None), ("vendor", "007", "7")]
    assert rank(desk.book, MONTH).version == version
    assert desk.counts(
        invoice_row(issuer=NBSP, number="ж-1"), invoice_row(number="007", amount="2.00"), again=True
    ) == {"unchanged": 2}


@pytest.mark.parametrize("amount", [100_000, 70_000], ids=["of the same lines", "of other lines"])
def test_two_spellings_of_one_invoice_are_kept_and_asked_about_D6(desk: Desk, engine: Engine, amount: int) -> None:
    desk.ingest(invoice_row(issuer=HOUSE))
    _back(engine)
    _store_as_before(engine, NBSP, "b-1", amount=amount)

    upgrade_database(engine)

    assert _pairs(desk) == [(f"{HOUSE} B-1", f"{NBSP} b-1")]
    assert not rank(desk.book, MONTH).complete
    both = 1000 + amount // 100
    assert desk.billed() == f"{both}.00"
    # A file means the one that was there first, in whatever spelling.
    assert desk.counts(invoice_row(issuer=NBSP, number="b-1"), again=True) == {"unchanged": 1}

    resolve_double(desk.book, list_doubles(desk.book)[0].id, keep=Keep.FIRST, reason="a no-break space")

    assert desk.billed() == "1000.00"
    assert rank(desk.book, MONTH).complete
    assert wrong_digests(desk.book) == []
    assert desk.counts(invoice_row(issuer=NBSP, number="b-1", amount="1500.00")) == {"revised": 1}
    assert desk.billed() == "1500.00"


def test_doubles_that_were_stored_before_are_found_D6(desk: Desk, engine: Engine) -> None:
    desk.ingest(invoice_row(number="0007"), invoice_row(number="8", amount="5.00"))
    _back(engine)
    for number, more in (
        ("7", {}),  # no zeros
        ("00007", {"amount": 1}),  # other lines
        ("0007", {"year": 2018}),  # another year
        ("08", {"amount": 500}),
        ("9", {}),
        ("9", {"year": 2018, "partner": SECOND}),  # another partner's
        ("10", {"status": "cancelled"}),
        ("010", {"status": "cancelled"}),  # nothing of it counts
        ("08", {"year": 2018, "amount": 500, "status": "cancelled"}),
    ):
        _store_as_before(engine, "vendor", number, **more)

    upgrade_database(engine)

    assert sorted(_pairs(desk)) == [
        ("vendor 0007", "vendor 00007"),
        ("vendor 0007", "vendor 0007"),
        ("vendor 0007", "vendor 7"),
        ("vendor 08", "vendor 08"),
        ("vendor 7", "vendor 00007"),
        ("vendor 7", "vendor 0007"),
        *[("vendor 8", "vendor 08")] * 2,
    ]
    desk.ingest(invoice_row(number="7", amount="6.00"))
    assert ("vendor 7", "vendor 0007") not in _pairs(desk), "of another year, and of other lines now"
    assert len(_pairs(desk)) == 7


def test_replacing_the_month_cancels_the_later_of_two_spellings(desk: Desk, engine: Engine) -> None:
    desk.ingest(invoice_row(issuer=HOUSE))
    _back(engine)
    _store_as_before(engine, NBSP, "B-1")
    upgrade_database(engine)
    report = desk.ingest(invoice_row(issuer=HOUSE), replace=(NBSP, MONTH))
    assert (report.unchanged, report.cancelled) == (1, 1)
    assert list_doubles(desk.book) == []
    assert desk.billed() == "1000.00"


def test_a_file_that_is_the_whole_month_says_which_of_two_counts_until_the_other_comes_back_D6(desk: Desk) -> None:
    desk.ingest(invoice_row(number="7"), invoice_row(number="07"))
    assert desk.ingest(invoice_row(number="7"), replace=("vendor", MONTH)).doubles == 0
    assert (list_doubles(desk.book), desk.billed()) == ([], "1000.00")
    desk.ingest(invoice_row(number="7", amount="2000.00"))
    assert (list_doubles(desk.book), desk.billed()) == ([], "2000.00")
    assert desk.ingest(invoice_row(number="07", amount="2000.00")).doubles == 1
    assert _pairs(desk) == [("vendor 7", "vendor 07")]
    assert desk.ingest(invoice_row(number="007"), replace=("vendor", MONTH)).doubles == 0
    assert (list_doubles(desk.book), desk.billed()) == ([], "1000.00")


def test_what_an_older_program_stores_beside_this_one_gets_keys_at_the_next_reading(desk: Desk, engine: Engine) -> None:
    desk.ingest(invoice_row(issuer=HOUSE), invoice_row(number="7"))
    _store_as_before(engine, NBSP, "B-1")
    _store_as_before(engine, "vendor", "007")
    _store_as_before(engine, "vendor", "Ж-9", amount=300)
    assert _pairs(desk) == []

    desk.ingest(invoice_row(number="B-9", amount="1.00"))

    assert sorted(_pairs(desk)) == [("vendor 7", "vendor 007"), (f"{HOUSE} B-1", f"{NBSP} B-1")]
    assert desk.counts(invoice_row(number="ж-9", amount="3.00", issued_on="2019-08-15")) in (
        {"unchanged": 1},
        {"revised": 1},  # its digest was made up by this test
    )
    assert all(issuer and number for issuer, number, _bare in _keys(desk))


def test_what_is_left_out_stays_out_for_an_older_program(desk: Desk, engine: Engine) -> None:
    desk.ingest(invoice_row(number="7"), invoice_row(number="07"))
    resolve_double(desk.book, list_doubles(desk.book)[0].id, keep=Keep.SECOND, reason="test")
    _back(engine)
    with engine.connect() as connection:
        counting = connection.execute(
            text(
                "SELECT invoice.number FROM invoice JOIN invoice_revision ON invoice_revision.invoice_id = invoice.id"
                " WHERE is_current AND status = 'posted'"
            )
        )
        assert counting.scalars().all() == ["07"]


def test_the_database_holds_one_invoice_of_one_identity(desk: Desk) -> None:
    from sqlalchemy.exc import IntegrityError

    desk.ingest(invoice_row(), invoice_row(number="B-2"))
    with pytest.raises(IntegrityError), desk.book.write() as tx:
        tx.session.execute(update(Invoice).where(col(Invoice.number) == "B-2").values(number_key="b-1"))
    with desk.book.read() as tx:
        assert tx.all(select(InvoiceRevision.left_out)) == [False, False]
