"""Files are imported at the desk after a preview; rows leave the quarantine; a month is closed."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import col, select

from models import IngestBatch, Message, MonthClose, Partner, Upload
from rasti.ledger.book import Book
from rasti.ledger.ingest import ingest_register
from rasti.ledger.months import list_quarantine
from rasti.ledger.rankings import publish
from rasti.rules.kinds import Event
from tests.builders import MONTH, SECOND, WINNER, add_cast, growing_register, invoice_row, register
from tests.clock import MovableClock
from tests.portal.desk_facts import WHY, events, the_event
from tests.portal.visitors import Browser

LIST = "code;name;email;city;regulation_accepted_on\nnew;Новый;new@partner.example;Омск;\n"


def send(
    browser: Browser, content: str | bytes, *, kind: str = "invoices", name: str = "register.csv", **options: str
) -> str:
    """Upload a file; where its preview is."""
    answer = browser.post("/desk/imports", {"kind": kind} | options, files={"file": (name, content)})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def ids(book: Book, column: object) -> list[object]:
    with book.read() as tx:
        return tx.all(select(column))


@pytest.fixture
def cast(book: Book) -> None:
    add_cast(book)


@pytest.mark.usefixtures("cast")
def test_a_register_is_previewed_then_imported_and_forgotten(operator: Browser, book: Book) -> None:
    preview = send(operator, growing_register() + invoice_row(number="B-9", amount="oops") + "\n")
    page = operator.get(preview)
    assert page.status_code == 200
    assert "2019-08" in page.text or "август" in page.text.lower()
    assert ids(book, col(IngestBatch.id)) == []  # a preview writes nothing
    answer = operator.post(preview)
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/imports?said=imported")
    assert the_event(book, Event.REGISTER_INGESTED).data["counts"]["accepted"] == 8
    assert ids(book, col(Upload.id)) == []
    assert operator.get(preview).status_code == 404
    assert operator.post(preview).status_code == 404
    assert len(events(book, Event.REGISTER_INGESTED)) == 1


@pytest.mark.usefixtures("cast")
def test_a_preview_says_who_would_move_in_a_published_month(operator: Browser, book: Book, tmp_path: Path) -> None:
    path = tmp_path / "register.csv"
    path.write_text(growing_register(), encoding="utf-8")
    ingest_register(book, path)
    publish(book, MONTH)
    mails = ids(book, col(Message.id))
    text = operator.get(send(operator, register(invoice_row(number="B-9", partner_code=SECOND, amount="9000.00")))).text
    assert f"/desk/months/{MONTH}" in text
    assert SECOND in text
    assert WINNER in text
    assert ids(book, col(Message.id)) == mails


@pytest.mark.usefixtures("cast")
def test_a_cancelled_file_is_forgotten(operator: Browser, book: Book) -> None:
    preview = send(operator, growing_register())
    answer = operator.post(f"{preview}/cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/imports?said=cancelled")
    assert ids(book, col(Upload.id)) == []
    assert operator.post(f"{preview}/cancel").status_code == 303
    assert ids(book, col(IngestBatch.id)) == []


@pytest.mark.usefixtures("cast")
def test_a_file_that_waits_too_long_is_gone(operator: Browser, book: Book, clock: MovableClock) -> None:
    from rasti.ledger.uploads import keep_upload
    from rasti.rules.kinds import UploadKind

    clock.advance(days=-1)
    upload = keep_upload(book, UploadKind.INVOICES, "old.csv", growing_register().encode())
    clock.advance(days=1)
    assert operator.get(f"/desk/imports/{upload}").status_code == 404
    assert operator.post(f"/desk/imports/{upload}").status_code == 404
    assert ids(book, col(IngestBatch.id)) == []


@pytest.mark.usefixtures("cast")
def test_the_options_of_the_upload_are_those_of_the_import(operator: Browser, book: Book) -> None:
    preview = send(operator, growing_register(), issuer="vendor", month="2019-08", closes="yes")
    form = dict(
        re.findall(
            r'type="hidden" name="(issuer|month|closes|replace|again)" value="([^"]*)"', _page(operator, preview)
        )
    )
    assert form["issuer"] == "vendor"
    assert ids(book, col(MonthClose.id)) == []
    operator.post(preview.partition("?")[0], form)
    assert the_event(book, Event.MONTH_CLOSED).data == {"issuer": "vendor", "month": "2019-08"}


def _page(browser: Browser, address: str) -> str:
    return browser.get(address).text


@pytest.mark.usefixtures("cast")
def test_a_replacement_needs_issuer_and_month_and_a_clean_file(operator: Browser, book: Book) -> None:
    file = {"file": ("register.csv", register(invoice_row()))}
    for wrong in ({"issuer": "", "month": "2019-08"}, {"issuer": "vendor", "month": "August"}):
        answer = operator.post("/desk/imports", {"kind": "invoices", "replace": "yes"} | wrong, files=file)
        assert answer.status_code == 422
    assert ids(book, col(Upload.id)) == []
    preview = send(operator, register(invoice_row(amount="oops")), issuer="vendor", month="2019-08", replace="yes")
    assert operator.get(preview).status_code == 409
    form = {"issuer": "vendor", "month": "2019-08", "replace": "yes"}
    assert operator.post(preview.partition("?")[0], form).status_code == 409
    assert ids(book, col(IngestBatch.id)) == []


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"no register", "code;name;email;city;regulation_accepted_on\nx;X;nobody;;\n"]
)
@pytest.mark.parametrize("kind", ["invoices", "partners"])
def test_a_file_that_cannot_be_read_says_why_and_by_its_own_name(
    operator: Browser, book: Book, kind: str, content: bytes | str
) -> None:
    answer = operator.post("/desk/imports", {"kind": kind}, files={"file": ("list.csv", content)})
    if answer.status_code == 303:
        address = str(answer.headers["location"])
        answer = operator.get(address)
        assert "list.csv" in answer.text
        assert "/tmp" not in answer.text
        assert operator.post(address).status_code == 422
    assert answer.status_code == 422
    assert ids(book, col(Partner.code)) == []


def test_an_upload_without_a_file_is_refused(operator: Browser, book: Book) -> None:
    assert operator.post("/desk/imports", {"kind": "invoices"}).status_code == 422
    assert ids(book, col(Upload.id)) == []


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\files\\реестр.csv", "р" * 300, "..", ".", "x\ny.csv", "<b>.csv"]
)
def test_the_name_of_a_file_does_no_harm(operator: Browser, name: str) -> None:
    page = operator.get(send(operator, growing_register(), name=name))
    assert page.status_code == 200
    assert "<b>" not in page.text


def test_a_partner_list_is_counted_then_imported(operator: Browser, book: Book) -> None:
    preview = send(operator, LIST, kind="partners", name="partners.csv")
    assert operator.get(preview).status_code == 200
    assert ids(book, col(Partner.code)) == []
    assert operator.post(preview).headers["location"] == "/desk/imports?said=imported"
    assert ids(book, col(Partner.code)) == ["new"]
    assert the_event(book, Event.PARTNERS_IMPORTED).data["added"] == 1


@pytest.mark.usefixtures("cast")
def test_a_row_leaves_the_quarantine_with_a_reason_once(operator: Browser, book: Book) -> None:
    operator.post(send(operator, register(invoice_row(), invoice_row(number="B-9", amount="oops"))))
    (row,) = list_quarantine(book)
    address = f"/desk/imports/quarantine/{row.id}"
    assert address in operator.get("/desk/imports").text
    assert 'name="reason"' in operator.get(address).text
    assert operator.post(address, {"reason": " "}).status_code == 422
    assert len(list_quarantine(book)) == 1
    answer = operator.post(address, {"reason": WHY})
    assert answer.headers["location"] == "/desk/imports?said=resolved"
    assert the_event(book, Event.QUARANTINE_RESOLVED).data["reason"] == WHY
    assert operator.post(address, {"reason": WHY}).status_code == 409
    assert operator.get(address).status_code == 404
    assert operator.get("/desk/imports/quarantine/99").status_code == 404
    assert operator.post("/desk/imports/quarantine/99", {"reason": WHY}).status_code == 404


def test_a_month_is_closed_once(operator: Browser, book: Book) -> None:
    form = {"issuer": "vendor", "month": "2019-08"}
    assert operator.get("/desk/imports/close").status_code == 200
    assert operator.post("/desk/imports/close", form).headers["location"] == "/desk/imports?said=closed"
    assert operator.post("/desk/imports/close", form).headers["location"] == "/desk/imports?said=same_closed"
    the_event(book, Event.MONTH_CLOSED)
    for wrong in ({"issuer": " "}, {"month": "August"}):
        assert operator.post("/desk/imports/close", form | wrong).status_code == 422


@pytest.mark.usefixtures("cast")
def test_no_partner_imports_anything(partner: Callable[[str], Browser], operator: Browser, book: Book) -> None:
    browser, preview = partner(WINNER), send(operator, growing_register())
    assert browser.get("/desk/imports").status_code == 403
    assert browser.get(preview).status_code == 403
    assert browser.post(preview).status_code == 403
    assert browser.post(f"{preview}/cancel").status_code == 403
    assert browser.post("/desk/imports", {}, files={"file": ("a.csv", "x")}).status_code == 403
    assert browser.post("/desk/imports/close", {"issuer": "vendor", "month": "2019-08"}).status_code == 403
    assert ids(book, col(IngestBatch.id)) == []
    assert len(ids(book, col(Upload.id))) == 1
