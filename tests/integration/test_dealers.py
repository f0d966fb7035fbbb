"""The example of the dealers gives the numbers that are known for it."""

from dataclasses import replace
from pathlib import Path

import pytest

from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.ledger.ingest import ingest_register
from rasti.ledger.partners import import_partners
from rasti.ledger.rankings import rank
from rasti.rules.month import Month

DEALERS = Path(__file__).resolve().parents[2] / "examples" / "dealers"


@pytest.fixture
def dealers(book: Book) -> Book:
    """The ledger after the example was read."""
    book = replace(book, programme=load_programme(DEALERS / "programme.yaml"))
    import_partners(book, DEALERS / "partners.csv")
    report = ingest_register(book, DEALERS / "invoices.csv")
    assert report.counts() == {
        "rows": 2466, "invoices": 322, "accepted": 322, "unchanged": 0, "revised": 0, "cancelled": 0,
    }  # fmt: skip
    return book


def _best(book: Book, month: str, places: int = 3) -> list[tuple[str, str]]:
    ranked = [entry for entry in rank(book, Month.parse(month)).entries if entry.place is not None]
    return [(entry.partner, str(entry.growth)) for entry in ranked[:places]]


def test_the_known_months_of_the_dealers_R1_D2(dealers: Book) -> None:
    assert _best(dealers, "2011-02") == [("D024", "2972.80"), ("D002", "1594.48"), ("D022", "948.91")]
    assert _best(dealers, "2011-07") == [("D016", "8895.41"), ("D007", "540.34"), ("D022", "87.15")]
    assert _best(dealers, "2011-12", 30) == [("D011", "54.25"), ("D025", "20.39")]


def test_the_first_month_has_nobody_with_a_previous_bill_D3(dealers: Book) -> None:
    view = rank(dealers, Month(2011, 1))
    assert view.complete
    assert {entry.reason for entry in view.entries} == {"no_previous_bill"}
