"""Speed figures on this machine, with what we aim at; printed, never asserted; the end of `make test`.

1. A lead is accepted: how long until its mail lies in the local mailbox, with a steward running.
2. `rasti rank` of the dealers, with its start.
3. A register of 70,000 rows and 23,000 partners: `rasti ingest`, `rasti rank`, and the most memory they took.
"""

import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RASTI = Path(sys.executable).with_name("rasti")
LEADS = 40
ROWS, PARTNERS = 70_000, 23_000


@dataclass(frozen=True)
class Figure:
    """One measured number and what we aim at."""

    what: str
    value: str
    aim: str


def main() -> None:
    """Measure and print."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="rasti-bench-") as folder:
        figures += mail_of_a_lead(Path(folder, "leads"))
        figures += rank_dealers(Path(folder, "dealers"))
        figures += large_register(Path(folder, "large"))
    width = max(len(figure.what) for figure in figures)
    print("\nSpeed on this machine")
    for figure in figures:
        print(f"  {figure.what:<{width}}  {figure.value:>9}   (aim: {figure.aim})")


def mail_of_a_lead(home: Path) -> list[Figure]:
    """From the commit of a lead to the mail's file, the steward being another process."""
    sys.path.insert(0, str(ROOT))
    from models.engine import open_engine
    from models.upgrade import upgrade_database
    from rasti.clients.programme_file import load_programme
    from rasti.ledger.book import Book
    from rasti.ledger.leads import receive_lead
    from rasti.rules.bodies import parse_lead
    from rasti.rules.month import Month
    from tests.builders import lead_data, won_month

    environment = _environment(home, programme="examples/dealers/programme.yaml")
    engine = open_engine(f"sqlite:///{home / 'rasti.sqlite3'}")
    upgrade_database(engine)
    book = Book(engine, load_programme(ROOT / "examples/dealers/programme.yaml"), actor="bench")
    with book.read() as tx:
        month = Month.at(tx.now, book.programme.zone).previous
    won_month(book, month)
    times = []
    with _running([str(RASTI), "steward"], environment, home / "steward.log"):
        mailbox = home / "mailbox"
        for number in range(LEADS):
            before = set(mailbox.glob("*.eml"))
            body = parse_lead(lead_data(number, source_id=f"bench-{number}"))
            receive_lead(book, body)
            start = time.perf_counter()
            patience = start + 30
            while not any(_is_lead_mail(path) for path in set(mailbox.glob("*.eml")) - before):
                if time.perf_counter() > patience:
                    raise SystemExit(f"no mail after 30 s: {(home / 'steward.log').read_text()[-2000:]}")
                time.sleep(0.002)
            if number:  # the first one waits for the steward's own start
                times.append(time.perf_counter() - start)
    engine.dispose()
    return [
        Figure("lead accepted -> mail in the mailbox, median", f"{statistics.median(times):.3f} s", "0.5 s"),
        Figure("lead accepted -> mail in the mailbox, worst", f"{max(times):.3f} s", "-"),
    ]


def _is_lead_mail(path: Path) -> bool:
    return b"X-Rasti-Kind: lead\r\n" in path.read_bytes()


def rank_dealers(home: Path) -> list[Figure]:
    """The whole command, as a person waits for it."""
    environment = _environment(home, programme="examples/dealers/programme.yaml")
    _rasti(environment, "db", "upgrade")
    _rasti(environment, "partners", "import", "examples/dealers/partners.csv")
    _rasti(environment, "ingest", "examples/dealers/invoices.csv")
    seconds = statistics.median(_rasti(environment, "rank", "2011-07")[0] for _time in range(3))
    help_seconds = statistics.median(_rasti(environment, "--help")[0] for _time in range(3))
    return [
        Figure("rasti rank of the dealers, with its start", f"{seconds:.2f} s", "2 s"),
        Figure("rasti --help", f"{help_seconds:.2f} s", "-"),
    ]


def large_register(home: Path) -> list[Figure]:
    """A national programme's month."""
    environment = _environment(home, programme="examples/dealers/programme.yaml")
    _rasti(environment, "db", "upgrade")
    partners, register = home / "partners.csv", home / "invoices.csv"
    partners.write_text("\n".join(_partner_rows()) + "\n", "utf-8")
    register.write_text("\n".join(_invoice_rows()) + "\n", "utf-8")
    imported, _memory = _rasti(environment, "partners", "import", str(partners))
    ingested, ingest_memory = _rasti(environment, "ingest", str(register))
    ranked, rank_memory = _rasti(environment, "rank", "2019-08")
    return [
        Figure(f"import of {PARTNERS:,} partners", f"{imported:.1f} s", "-"),
        Figure(f"ingest of {ROWS:,} rows", f"{ingested:.1f} s", "30 s"),
        Figure(f"rank of {PARTNERS:,} partners", f"{ranked:.1f} s", "5 s"),
        Figure("most memory of ingest and rank", f"{max(ingest_memory, rank_memory):.0f} MB", "300 MB"),
    ]


def _partner_rows() -> Iterator[str]:
    yield "code;name;email;city;regulation_accepted_on"
    for number in range(PARTNERS):
        yield f"P{number:05d};Partner {number};p{number}@partner.example;Moscow;2019-07-01"


def _invoice_rows() -> Iterator[str]:
    """Two months; every partner billed in both, the rest of the rows by chance."""
    chance = random.Random(2019)
    yield "issuer;number;issued_on;partner_code;partner;product_code;product;quantity;amount;currency"
    for number in range(ROWS):
        partner = number % PARTNERS
        day = date(2019, 7 + number // PARTNERS % 2, 1 + number % 28)
        product = "support-kit" if chance.random() < 0.1 else "workplace"
        amount = f"{chance.randrange(100, 100_000)}.{chance.randrange(100):02d}"
        yield f"vendor;B-{number};{day};P{partner:05d};Partner {partner};{product};{product};1;{amount};RUB"


def _environment(home: Path, *, programme: str) -> dict[str, str]:
    home.mkdir()
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("RASTI_", "PREFECT_"))}
    return outside | {"RASTI_HOME": str(home), "RASTI_PROGRAMME": str(ROOT / programme), "RASTI_LANGUAGE": "en"}


def _rasti(environment: dict[str, str], *words: str) -> tuple[float, float]:
    """Run one command; its seconds and its most memory in MB. It must succeed."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [RASTI, *words], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    errors = process.stderr.read() if process.stderr else b""
    _pid, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.stderr:
        process.stderr.close()
    if process.returncode:
        raise SystemExit(f"rasti {' '.join(words)}: {errors.decode(errors='replace')}")
    return seconds, _megabytes(usage)


def _megabytes(usage: resource.struct_rusage) -> float:
    # Bytes on macOS, kilobytes elsewhere.
    return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


@contextmanager
def _running(command: Sequence[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            yield
        finally:
            process.terminate()
            process.wait(10)


if __name__ == "__main__":
    main()
