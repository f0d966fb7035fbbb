"""A partner's place in each published month and the invoices behind it (D7)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rasti.ledger.book import Book
from rasti.ledger.ingest import ingest_register
from rasti.ledger.rankings import publish, rank
from tests.builders import MONTH, SECOND, STRANGER, THIRD, WINNER, add_cast, add_partner, growing_register
from tests.clock import MovableClock
from tests.portal.visitors import Browser

Partners = Callable[[str], Browser]
GROWTH = {WINNER: "100", SECOND: "90", THIRD: "80", STRANGER: "0"}
SPACE = "\N{NO-BREAK SPACE}"


@pytest.fixture
def read(book: Book, tmp_path: Path) -> Callable[[dict[str, str]], None]:
    """Read a register in which partners grew by so many percent."""

    def ingest(growth: dict[str, str]) -> None:
        path = tmp_path / "register.csv"
        path.write_text(growing_register(MONTH, growth), encoding="utf-8")
        ingest_register(book, path)

    return ingest


@pytest.fixture
def published(book: Book, read: Callable[[dict[str, str]], None]) -> None:
    """The cast's month, from real invoices."""
    add_cast(book)
    read(GROWTH)
    publish(book, MONTH)


def plain(text: str) -> str:
    return text.replace(SPACE, " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.usefixtures("published")
def test_a_partner_sees_place_growth_amounts_and_invoices(partner: Partners) -> None:
    months = plain(partner(SECOND).get("/standing").text)
    assert "<strong>2</strong>" in months
    assert "+" not in months.split("<tbody>")[1].split("90,00 %")[0]
    assert "19 000,00 ₽" in months
    month = plain(partner(SECOND).get("/standing/2019-08").text)
    assert "Рост: (19 000,00 ₽ − 10 000,00 ₽) ÷ 10 000,00 ₽ × 100 = 90,00 %" in month
    assert "2019-08-2" in month
    assert "2019-07-2" in month


@pytest.mark.usefixtures("published")
def test_nobody_sees_anothers_amounts_or_invoices_D7(partner: Partners) -> None:
    for code in (WINNER, THIRD, STRANGER):
        for path in ("/standing", "/standing/2019-08"):
            page = plain(partner(code).get(path).text)
            assert "19 000" not in page
            assert "2019-08-2 " not in page


@pytest.mark.usefixtures("published")
def test_without_a_place_the_reason_is_said(book: Book, partner: Partners) -> None:
    browser = partner(STRANGER)
    assert "места нет: нет прироста" in browser.get("/standing").text
    assert "Места нет: нет прироста" in browser.get("/standing/2019-08").text
    add_partner(book, "fresh")
    assert "места нет: нет счетов" in partner("fresh").get("/standing").text
    assert "нет ваших счетов" in partner("fresh").get("/standing/2019-08").text


@pytest.mark.usefixtures("published")
def test_a_correction_is_told_in_words(
    book: Book, partner: Partners, clock: MovableClock, read: Callable[[dict[str, str]], None]
) -> None:
    clock.advance(hours=1)
    read(GROWTH | {SECOND: "150"})
    rank(book, MONTH)
    stale = plain(partner(SECOND).get("/standing/2019-08").text)
    assert "После расчёта этой версии счета изменились: в ней учтено 19 000,00 ₽" in stale
    publish(book, MONTH)
    page = plain(partner(SECOND).get("/standing/2019-08").text)
    assert "Версия 2 вместо версии 1" in page
    assert "с места 2 на место 1" in page
    assert "19000.00" in page
    assert "счета изменились" not in page
    other = partner(WINNER).get("/standing/2019-08").text
    assert "с места 1 на место 2" in other
    assert "19000.00" not in other
    assert "ваше место не изменилось" in partner(THIRD).get("/standing/2019-08").text


def test_a_month_that_is_not_published_is_not_there(book: Book, partner: Partners) -> None:
    add_cast(book)
    assert partner(WINNER).get("/standing/2019-08").status_code == 404
    assert partner(WINNER).get("/standing/august").status_code == 422
    assert "Пока не опубликован" in partner(WINNER).get("/standing").text
