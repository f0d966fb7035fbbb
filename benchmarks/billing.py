"""One measurement in a process of its own: `python -m benchmarks.billing rank|bare|ingest|copy URL [FILE]`.

Times are taken inside, after imports and with an open connection; what is written is committed, and on disk.
"""

import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from benchmarks.peers.sums import answer
from benchmarks.registers import MONTH
from models.engine import open_engine
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.ledger.ingest import ingest_register
from rasti.ledger.rankings import rank

PROGRAMME = Path(__file__).resolve().parent.parent / "examples/dealers/programme.yaml"

# What the ranking cannot do without: A, B and kits of every partner (R1-R3).
BARE = """
SELECT revision.partner_code,
       COALESCE(SUM(CASE WHEN revision.month = :previous THEN line.amount END), 0),
       COALESCE(SUM(CASE WHEN revision.month = :month THEN line.amount END), 0),
       COALESCE(SUM(CASE WHEN revision.month = :month AND line.product_code = 'support-kit' THEN line.quantity END), 0)
FROM invoice_revision AS revision
JOIN invoice_line AS line ON line.revision_id = revision.id
WHERE revision.is_current AND revision.month IN (:previous, :month) AND revision.status = 'posted'
GROUP BY revision.partner_code
"""

COLUMNS = """
issuer text, number text, issued_on date, partner_code text, partner text, product_code text, product text,
quantity integer, amount numeric, currency text
"""


def main() -> None:
    """Measure one thing, print what came of it."""
    what, url, *files = sys.argv[1:]
    engine = open_engine(url)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    {"rank": _rank, "bare": _bare, "ingest": _ingest, "copy": _copy}[what](engine, *files)


def _rank(engine: Engine) -> None:
    book = _book(engine)
    began = time.perf_counter()
    view = rank(book, MONTH)
    took = time.perf_counter() - began
    if not view.computed_now:
        raise SystemExit("this version was there already")
    answer(took, ((e.partner, int(e.previous_billed * 100), int(e.billed * 100), e.kits_sold) for e in view.entries))


def _bare(engine: Engine) -> None:
    with engine.connect() as connection:
        began = time.perf_counter()
        rows = connection.execute(text(BARE), {"previous": str(MONTH.previous), "month": str(MONTH)}).all()
        took = time.perf_counter() - began
    answer(took, ((partner, int(a), int(b), int(kits)) for partner, a, b, kits in rows))


def _ingest(engine: Engine, file: str) -> None:
    book = _book(engine)
    began = time.perf_counter()
    ingest_register(book, Path(file))
    answer(time.perf_counter() - began, ())


def _copy(engine: Engine, file: str) -> None:
    """The file into one table without any index or check, by PostgreSQL's COPY."""
    with engine.connect() as connection:
        connection.execute(text(f"CREATE TABLE raw_register ({COLUMNS})"))
        connection.commit()
        began = time.perf_counter()
        driver: Any = connection.connection.driver_connection
        command = "COPY raw_register FROM STDIN (FORMAT csv, DELIMITER ';', HEADER)"
        with driver.cursor() as cursor, cursor.copy(command) as copy, Path(file).open("rb") as content:
            while block := content.read(1 << 20):
                copy.write(block)
        connection.commit()
        took = time.perf_counter() - began
    answer(took, ())


def _book(engine: Engine) -> Book:
    return Book(engine, load_programme(PROGRAMME), actor="bench")


if __name__ == "__main__":
    main()
