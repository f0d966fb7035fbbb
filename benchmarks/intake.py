"""Lead intake under load, and the list page of a partner with many leads; figures are printed, never asserted.

`python -m benchmarks.intake [--rate 50] [--seconds 60] [--listed 10000]` starts a PostgreSQL that syncs its commits to
disk (or uses the server of RASTI_TEST_POSTGRES_URL), a portal, a steward and a mail server that counts, and sends
leads at a fixed rate. A latency is counted from the instant at which the request was due, so that a slow answer does
not hide those that wait behind it. No lead is lost when four numbers agree: leads acknowledged, leads in the database,
lead mails and welcome mails at the mail server.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
from sqlalchemy import func, select

from benchmarks.load import send_leads
from benchmarks.many_leads import add_checkpoints, add_leads, settle
from benchmarks.postgres import postgres
from benchmarks.processes import answers, cpu_seconds, free_port, running, until, wait_until
from models import Attempt, Lead
from models.engine import open_engine
from models.upgrade import upgrade_database
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.ledger.sessions import open_session_within
from rasti.ledger.tokens import add_token
from rasti.portal.visitor import COOKIE
from rasti.rules.kinds import Role, TokenScope
from rasti.rules.month import Month
from tests.builders import THIRD, won_month

ROOT = Path(__file__).resolve().parent.parent
PROGRAMME = ROOT / "examples/dealers/programme.yaml"
RASTI = str(Path(sys.executable).with_name("rasti"))
PAGES = 100
DRAIN = 600.0  # seconds for the mails that are left after the last lead


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rate", type=float, default=50, help="leads a second")
    parser.add_argument("--seconds", type=float, default=60, help="how long")
    parser.add_argument("--listed", type=int, default=10_000, help="leads of the partner whose list is opened")
    wanted = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rasti-intake-")))
        server = stack.enter_context(postgres())
        print(f"{server.facts}, {os.cpu_count()} cores", flush=True)
        engine = open_engine(server.url)
        stack.callback(engine.dispose)
        upgrade_database(engine)
        book = Book(engine, load_programme(PROGRAMME), actor="bench")
        with book.read() as tx:
            won_month_before = Month.at(tx.now, book.programme.zone).previous
        won_month(book, won_month_before)

        mails = folder / "mails.txt"
        smtp, port = free_port(), free_port()
        environment = _environment(folder, server.url, smtp)
        stack.enter_context(
            running([sys.executable, "-m", "benchmarks.mail_sink", str(smtp), str(mails)], environment, folder)
        )
        steward = stack.enter_context(running([RASTI, "steward"], environment, folder))
        site = stack.enter_context(running([RASTI, "portal", "--port", str(port)], environment, folder))
        portal = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{portal}/readyz"), 60, "the portal")

        before = [cpu_seconds(process.pid) for process in (site, steward)]
        intake(book, portal, mails, wanted.rate, wanted.seconds)
        used = [cpu_seconds(process.pid) - was for process, was in zip((site, steward), before, strict=True)]
        each = [f"{1000 * seconds / (wanted.rate * wanted.seconds):.1f} ms" for seconds in used]
        # Says more than a latency where others use the machine too.
        print(f"  processor time a lead         portal {each[0]}, steward {each[1]}", flush=True)
        if wanted.listed:
            list_page(book, portal, wanted.listed)


def intake(book: Book, portal: str, mails: Path, rate: float, seconds: float) -> None:
    """Leads at a fixed rate, then what became of them."""
    headers = {"Authorization": f"Bearer {add_token(book, 'bench', TokenScope.LEADS_WRITE)}"}
    start = time.monotonic()
    sent = send_leads([portal], int(rate * seconds), rate=rate, headers=headers)
    took = time.monotonic() - start
    statuses, latencies = [one.status for one in sent], [one.answered - one.due for one in sent]
    acknowledged = statuses.count("202")
    expected = {"lead": acknowledged, "welcome": acknowledged}
    answered = time.monotonic()
    until(lambda: _mails(mails, expected) == expected, DRAIN)
    waited = time.monotonic() - answered

    with book.read() as tx:
        stored = tx.session.execute(select(func.count()).select_from(Lead)).scalar_one()
        handed_over = tx.session.execute(select(func.count()).select_from(Attempt)).scalar_one()
    came = _mails(mails, expected)
    wrong = Counter(answer for answer in statuses if answer != "202")
    print(f"\nIntake at {rate:g} leads/s for {seconds:g} s (it took {took:.1f} s), PostgreSQL, portal, steward")
    print(f"  latency p50 / p99 / worst     {_milliseconds(latencies)}   (aim: p99 under 300 ms)")
    print(f"  errors                        {sum(wrong.values())} {dict(wrong) if wrong else ''}")
    print(f"  acknowledged                  {acknowledged}")
    print(f"  in the database, handed over  {stored}, {handed_over}")
    print(f"  mails: lead, welcome          {came['lead']}, {came['welcome']}   (drained in {waited:.1f} s)")
    whole = stored == handed_over == acknowledged and came == expected
    print(f"  lost                          {'none' if whole else 'THE NUMBERS DIFFER'}", flush=True)


def list_page(book: Book, portal: str, leads: int) -> None:
    """The list of a partner with many leads in work, as a browser asks for it."""
    add_checkpoints(book, add_leads(book, leads, THIRD))
    settle(book.engine)
    with book.write() as tx:
        session = open_session_within(tx, Role.PARTNER, THIRD, former=None)
    times = []
    with httpx.Client(base_url=portal, cookies={COOKIE: session}, timeout=60) as client:
        client.get("/leads")  # templates are read once
        for number in range(PAGES):
            began = time.perf_counter()
            answer = client.get("/leads", params={"page": str(number % 5 + 1)})
            times.append(time.perf_counter() - began)
            if answer.status_code != 200:
                raise SystemExit(f"/leads answered {answer.status_code}")
    p95 = sorted(times)[int(0.95 * len(times))]
    print(f"\nThe list of a partner with {leads:,} leads, one reader")
    print(f"  p50 / p99 / worst             {_milliseconds(times)}")
    print(f"  p95                           {1000 * p95:.0f} ms   (aim: under 300 ms)", flush=True)


def _environment(home: Path, url: str, smtp: int) -> dict[str, str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("RASTI_", "PREFECT_"))}
    return outside | {
        "RASTI_HOME": str(home),
        "RASTI_DATABASE_URL": url,
        "RASTI_PROGRAMME": str(PROGRAMME),
        "RASTI_SMTP_URL": f"smtp://127.0.0.1:{smtp}",
        "RASTI_LANGUAGE": "en",
    }


def _mails(path: Path, expected: dict[str, int]) -> dict[str, int]:
    """How many different mails of each kind came."""
    lines = path.read_text("ascii").splitlines() if path.exists() else []
    kinds = Counter(kind for kind, _id in {tuple(line.split(" ")[:2]) for line in lines})
    return {kind: kinds[kind] for kind in expected}


def _milliseconds(times: Sequence[float]) -> str:
    ordered = sorted(times)
    chosen = (ordered[len(ordered) // 2], ordered[int(0.99 * len(ordered))], ordered[-1])
    return " / ".join(f"{1000 * seconds:.0f}" for seconds in chosen) + " ms"


if __name__ == "__main__":
    main()
