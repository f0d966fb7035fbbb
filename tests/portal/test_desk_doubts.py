"""What only an operator can say: which of two invoices counts, whether a strange issuer does; what changed since."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import xlsxwriter

from rasti.ledger.book import Book
from rasti.ledger.doubles import list_doubles
from rasti.ledger.ingest import ingest_register
from rasti.ledger.issuers import list_unknown_issuers
from rasti.ledger.rankings import publish, rank
from rasti.portal.app import create_app
from rasti.rules.kinds import Event, Keep
from rasti.settings import Settings
from tests.builders import MONTH, add_cast, growing_register, invoice_row, register
from tests.portal.desk_facts import WHY, events, the_event
from tests.portal.test_desk_imports import send
from tests.portal.test_desk_today import figure
from tests.portal.visitors import Browser

STRANGER = "ООО «Чужой дом»"


@pytest.fixture
def ingest(book: Book, tmp_path: Path) -> Callable[..., None]:
    """Reads rows; the partners of every story are in the list, and their month is billed."""
    add_cast(book)

    def read(*rows: str, text: str = "") -> None:
        path = tmp_path / "register.csv"
        path.write_text(text or register(*rows), encoding="utf-8")
        ingest_register(book, path)

    read(text=growing_register())
    return read


@pytest.fixture
def double(book: Book, ingest: Callable[..., None]) -> int:
    """A doubt: two invoices of the winner in the month; its id."""
    ingest(invoice_row(number="007"), invoice_row(number="7"))
    (found,) = list_doubles(book)
    return found.id


def test_a_doubt_is_shown_where_the_month_says_what_it_waits_for(operator: Browser, double: int) -> None:
    for address in (f"/desk/months/{MONTH}", "/desk/imports"):
        page = operator.get(address).text
        assert "Счета, которые, вероятно, учтены дважды" in page
        for keep in Keep:
            assert f'href="/desk/doubles/{double}?keep={keep}"' in page
    assert "учтены дважды: 1" in operator.get(f"/desk/months/{MONTH}").text
    assert figure(operator.get("/desk").text, "/desk/imports#doubles") == 1


@pytest.mark.parametrize(("keep", "billed"), [("both", 2), ("first", 1), ("second", 1)])
def test_an_operator_decides_once_with_a_reason(
    operator: Browser, book: Book, double: int, keep: str, billed: int
) -> None:
    address = f"/desk/doubles/{double}"
    asked = operator.get(f"{address}?keep={keep}")
    assert f'value="{keep}" required checked' in asked.text
    assert operator.post(address, {"keep": keep, "reason": " "}).status_code == 422
    assert operator.post(address, {"keep": "neither", "reason": WHY}).status_code == 422
    assert len(list_doubles(book)) == 1

    answer = operator.post(address, {"keep": keep, "reason": WHY})

    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/imports?said=double_decided")
    data = the_event(book, Event.DOUBLE_RESOLVED).data
    assert (data["double"], data["keep"], data["reason"]) == (double, keep, WHY)
    view = rank(book, MONTH)
    assert view.complete
    assert sum(entry.billed for entry in view.entries if entry.partner == "winner") == 20_000 + 1000 * billed
    again = operator.post(address, {"keep": keep, "reason": WHY})
    assert again.status_code == 409
    assert len(events(book, Event.DOUBLE_RESOLVED)) == 1
    assert operator.get(address).status_code == 404


def test_a_preview_says_that_something_would_be_there_twice(
    operator: Browser, book: Book, ingest: Callable[..., None]
) -> None:
    ingest(invoice_row(number="007"))
    page = operator.get(send(operator, register(invoice_row(number="7")))).text
    assert "вероятно, будут учтены дважды: 1" in page
    assert f'href="/desk/months/{MONTH}"' in page
    assert list_doubles(book) == []


@pytest.fixture
def strict(book: Book, settings: Settings, operator: Browser) -> Browser:
    """The operator's browser at a desk whose programme names one issuer."""
    named = replace(book, programme=book.programme.model_copy(update={"issuers": ("vendor",)}))
    other = Browser(create_app(named, settings))
    other.client.cookies.update(operator.client.cookies)
    return other


def test_an_unknown_issuer_is_named_and_accepted_with_a_reason(
    strict: Browser, book: Book, ingest: Callable[..., None]
) -> None:
    named = replace(book, programme=book.programme.model_copy(update={"issuers": ("vendor",)}))
    ingest(invoice_row(issuer=STRANGER))
    page = strict.get(f"/desk/months/{MONTH}").text
    assert STRANGER in page
    assert "/desk/issuers/accept?issuer=" in page
    form = {"issuer": STRANGER.replace(" ", "  ").upper(), "month": str(MONTH)}
    assert STRANGER in strict.get("/desk/issuers/accept", params={"issuer": STRANGER, "month": str(MONTH)}).text
    assert strict.post("/desk/issuers/accept", form | {"reason": ""}).status_code == 422
    assert strict.post("/desk/issuers/accept", form | {"issuer": "nobody", "reason": WHY}).status_code == 404
    assert len(list_unknown_issuers(named)) == 1

    answer = strict.post("/desk/issuers/accept", form | {"reason": WHY})

    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/imports?said=issuer_accepted")
    assert list_unknown_issuers(named) == []
    event = the_event(book, Event.ISSUER_ACCEPTED)
    assert event.data == {"issuer": STRANGER, "month": str(MONTH), "reason": WHY}
    assert strict.post("/desk/issuers/accept", form | {"reason": WHY}).status_code == 404


def test_a_published_month_whose_invoices_changed_stands_on_the_first_page(
    operator: Browser, book: Book, ingest: Callable[..., None]
) -> None:
    publish(book, MONTH)
    assert "изменились после публикации" not in operator.get("/desk").text
    ingest(invoice_row(number="late", amount="3.00"))
    first = operator.get("/desk").text
    assert "счета изменились после публикации" in first
    assert f'href="/desk/months/{MONTH}#state"' in first
    assert "рассчитайте заново, чтобы увидеть разницу" in operator.get(f"/desk/months/{MONTH}").text
    assert "изменён после этого" in operator.get("/desk/months").text
    rank(book, MONTH)
    assert 'id="difference"' in operator.get(f"/desk/months/{MONTH}").text
    publish(book, MONTH)
    assert "изменились после публикации" not in operator.get("/desk").text


@pytest.mark.parametrize("kind", ["invoices", "partners"])
def test_a_workbook_is_called_one_at_the_desk(operator: Browser, kind: str) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as workbook:
        workbook.add_worksheet().write_string(0, 0, "issuer")
    page = operator.get(send(operator, out.getvalue(), kind=kind, name="август.xlsx")).text
    assert "август.xlsx — книга Excel (XLSX), а не файл CSV" in page
    assert "«CSV UTF-8»" in page
