"""The list of a partner with 10,000 leads on PostgreSQL: what a page takes, and what we aim at; printed, not asserted.

`python -m benchmarks.list_page [LEADS]`; the server is that of the tests (RASTI_TEST_POSTGRES_URL, or our own).
"""

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlmodel import SQLModel

from models import Attempt, Checkpoint, Client, Contact, Lead
from models.engine import open_engine
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.ledger.sessions import open_session_within
from rasti.portal.app import create_app
from rasti.rules.kinds import Role
from rasti.settings import Settings
from tests.builders import MONTH, SECOND, WINNER, won_month
from tests.clock import MovableClock
from tests.databases import open_postgres
from tests.portal.visitors import ORIGIN, Browser

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 40
AIM = 0.3  # seconds at p95
PAGES = {
    "first page": "/leads",
    "last page": "/leads?page=100000",
    "all, last page": "/leads?show=all&page=100000",
    "soon": "/leads?show=soon",
    "closed": "/leads?show=closed",
    "due next: 3d": "/leads?checkpoint=3d",
    "by product": "/leads?q=%D0%B1%D1%83%D1%85",
    "by number": "/leads?q=777",
}


def main() -> None:
    """Fill a database, ask for pages, print."""
    leads = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    databases = open_postgres()
    try:
        with databases.new() as url, tempfile.TemporaryDirectory(prefix="rasti-bench-") as home:
            engine = open_engine(url)
            clock = MovableClock()
            book = Book(engine, load_programme(ROOT / "programme.yaml"), clock=clock)
            won_month(book)
            # Half as many of another partner's beside them, so that "mine" is something to find.
            fill(book, WINNER, leads, clock.now)
            fill(book, SECOND, leads // 2, clock.now, first=leads + 1)
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("ANALYZE")
            measure(book, Settings(home=Path(home), database_url=url, portal_url=ORIGIN), leads)
            engine.dispose()
    finally:
        databases.close()


def fill(book: Book, partner: str, leads: int, now: datetime, *, first: int = 1) -> None:
    """Leads in every state of their lives, most of them still in the partner's hands; every second one was called."""
    rows: dict[type[SQLModel], list[dict[str, Any]]] = {Lead: [], Client: [], Attempt: [], Checkpoint: [], Contact: []}
    for number in range(first, first + leads):
        began = now - timedelta(minutes=number % 20_000)
        closed = number % 5 == 0
        common = {"requested_at": began, "arrived_at": began, "workplaces": 5}
        rows[Lead].append(
            common
            | {"id": number, "source": "site", "source_id": str(number), "body_digest": "0" * 64}
            | {"product": f"1С:Бухгалтерия {number % 7}", "configuration_url": "https://cloud.example/"}
            | {"state": "closed" if closed else "in_work", "closed_at": now if closed else None}
        )
        client = {"name": f"Клиент {number}", "phone": f"+7495{number:07d}", "email": f"c{number}@client.example"}
        keys = {"phone_key": f"7495{number:07d}", "email_key": client["email"]}
        rows[Client].append({"lead_id": number} | client | keys)
        rows[Attempt].append(
            {"id": number, "lead_id": number, "number": 1, "partner_code": partner, "rules_month": MONTH.next}
            | {"origin": "new", "started_at": began, "received_at": began, "clock_starts_at": began}
            | {"ended_at": now if closed else None, "end_reason": "closed" if closed else None}
        )
        for index, (kind, opens, due) in enumerate((("1h", 0, 1), ("3d", 24, 72), ("2w", 168, 336))):
            verdict = "void" if closed else "met" if began + timedelta(hours=due) < now else None
            rows[Checkpoint].append(
                {"id": number * 3 + index, "attempt_id": number, "kind": kind, "verdict": verdict}
                | {"opens_at": began + timedelta(hours=opens), "due_at": began + timedelta(hours=due)}
                | {"judged_at": now if verdict else None, "judged_by": "bench" if verdict else None}
            )
        if number % 2:
            rows[Contact].append(
                {"id": number, "attempt_id": number, "began_at": began, "logged_at": began, "happened_at": began}
                | {"kind": "call", "outcome": "reached", "checklist": ["reached"], "effect": "counted"}
            )
    with book.write() as tx:
        for table, values in rows.items():
            tx.session.execute(insert(table), values)


def measure(book: Book, settings: Settings, leads: int) -> None:
    """Each page so many times, by one browser."""
    with book.write() as tx:
        token = open_session_within(tx, Role.PARTNER, WINNER, former=None)
    browser = Browser(create_app(book, settings)).sign_in(token)
    width = max(map(len, PAGES))
    print(f"\nThe list of {leads} leads on PostgreSQL, {datetime.now(UTC):%Y-%m-%d}")
    for name, path in PAGES.items():
        browser.get(path)  # the first one reads templates and fills caches
        took = []
        for _round in range(ROUNDS):
            began = time.perf_counter()
            answer = browser.get(path)
            took.append(time.perf_counter() - began)
            assert answer.status_code == 200, answer.status_code
        p95 = statistics.quantiles(took, n=20)[-1]
        middle = statistics.median(took)
        print(f"  {name:<{width}}  p50 {middle * 1000:5.0f} ms  p95 {p95 * 1000:5.0f} ms   (aim: {AIM * 1000:.0f} ms)")
    browser.client.close()


if __name__ == "__main__":
    main()
