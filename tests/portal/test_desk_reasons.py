"""Every form of the desk that asks for a reason asks again without one, marks the field, and writes nothing."""

import re
from pathlib import Path

from fastapi import FastAPI
from sqlmodel import select

from models import AuditEvent, QuarantinedRow, Violation
from rasti.ledger.book import Book
from rasti.ledger.violations import record_violation
from rasti.rules.kinds import CheckpointKind
from tests.builders import MONTH, THIRD, arrive, invoice_row, receive, won_month
from tests.desk import Desk
from tests.portal.routes import routes_of
from tests.portal.visitors import Browser

REASON = re.compile(r'<textarea id="reason"[^>]*\brequired\b[^>]*>')


def _addresses(app: FastAPI, values: dict[str, object]) -> dict[str, str]:
    """The desk's forms by their path templates, with these values in them."""
    posts = [path for method, path in routes_of(app) if method == "POST" and path.startswith("/desk/")]
    return {path: re.sub(r"{(\w+)}", lambda name: str(values.get(name[1], "x")), path) for path in posts}


def test_every_form_asks_again_for_its_reason(app: FastAPI, operator: Browser, book: Book, tmp_path: Path) -> None:
    desk = Desk(book, tmp_path)
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    record_violation(book, lead, CheckpointKind.THREE_DAYS, reason="heard of it")
    desk.ingest(invoice_row(amount="oops"))
    with book.read() as tx:
        (row,), (violation,) = tx.all(select(QuarantinedRow.id)), tx.all(select(Violation.id))
    values = {"month": MONTH, "partner": THIRD, "lead_id": lead, "violation_id": violation, "row_id": row}
    before = desk.size(AuditEvent)

    asked = set()
    for path, address in _addresses(app, values).items():
        form = operator.get(address)
        if form.status_code != 200 or REASON.search(form.text) is None:
            continue
        asked.add(path)
        for reason in ({}, {"reason": ""}, {"reason": " \n\t"}):
            again = operator.post(address, reason)
            field = REASON.search(again.text)
            assert again.status_code == 422, path
            assert "Нужна причина" in again.text, path
            assert field is not None and 'aria-invalid="true"' in field[0], path

    assert desk.size(AuditEvent) == before
    steps = ("assign", "close", "violation", "contacts", "detach")
    assert asked >= {f"/desk/leads/{{lead_id}}/{step}" for step in steps}
    assert asked >= {
        f"/desk/partners/{{partner}}/{step}" for step in ("suspend", "resume", "accept", "decline", "hold")
    }
    assert asked >= {"/desk/months/{month}/switch", "/desk/violations/{violation_id}/reverse"}
    assert "/desk/imports/quarantine/{row_id}" in asked


def test_publishing_an_incomplete_month_asks_again_for_its_reason_D6(operator: Browser, book: Book) -> None:
    won_month(book)
    address = f"/desk/months/{MONTH}/publish"
    assert 'name="reason"' in operator.get(address).text  # nothing is billed: incomplete

    again = operator.post(address, {"incomplete": "yes", "reason": " ", "how": "now"})

    assert again.status_code == 422
    field = re.search(r'<textarea id="reason"[^>]*>', again.text)
    assert field is not None and 'aria-invalid="true"' in field[0]
