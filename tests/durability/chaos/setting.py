"""What a chaos run begins with: the rules with hours made seconds, partners, tokens, an activated month."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from models import Partner
from models.engine import open_engine
from models.upgrade import upgrade_database
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.ledger.ingest import ingest_register
from rasti.ledger.rankings import publish
from rasti.ledger.tenures import activate
from rasti.ledger.tokens import add_token
from rasti.rules.kinds import TokenScope
from rasti.rules.month import Month
from tests.builders import invoice_row, register

PARTNERS = 80


def write_programme(path: Path) -> None:
    """The delivered rules at the speed of a chaos run: an hour is 20 seconds, two weeks are 50."""
    month = _last_month()
    rules: dict[str, Any] = {
        "from": str(month),
        "regulation": {"1h": ["0s", "20s"], "3d": ["25s", "35s"], "2w": ["40s", "50s"]},
        "call_window": "00:00-24:00",
        "completion": "5s",
        "no_answer": {"calls": 2, "apart": "1s"},
        "drain_per_hour": 1_000_000,
        "reminders": {"1h": "5s", "3d": "5s", "2w": "5s"},
        "alerts": {"undelivered": "20s", "welcome": "20s"},
    }
    programme = {"timezone": "Europe/Moscow", "first_month": str(month), "last_month": None, "rules": [rules]}
    path.write_text(yaml.safe_dump(programme), "utf-8")


def furnish(url: str, folder: Path) -> tuple[str, dict[str, str]]:
    """Tables, partners, a ranking by invoices, a holder; the site's token and the partners'."""
    engine = open_engine(url)
    upgrade_database(engine)
    book = Book(engine, load_programme(folder / "programme.yaml"), actor="chaos")
    month = _last_month()
    codes = [f"P{number:03d}" for number in range(PARTNERS)]
    with book.write() as tx:
        for code in codes:
            mail = f"{code}@partner.example"
            tx.session.add(Partner(code=code, name=code, email=mail, regulation_accepted_on=date(2019, 7, 1)))
    rows = [
        invoice_row(number=f"{billed}-{code}", issued_on=f"{billed}-15", partner_code=code, partner=code, amount=amount)
        for place, code in enumerate(codes)
        for billed, amount in ((month.previous, "10000.00"), (month, f"{Decimal(30000 - place * 100):.2f}"))
    ]
    path = folder / "register.csv"
    path.write_text(register(*rows), "utf-8")
    ingest_register(book, path)
    publish(book, month)
    activate(book, month)
    tokens = {code: add_token(book, code, TokenScope.CONTACTS_WRITE, partner=code) for code in codes}
    site = add_token(book, "site", TokenScope.LEADS_WRITE)
    engine.dispose()
    return site, tokens


def _last_month() -> Month:
    return Month.of(datetime.now(UTC).date()).previous
