"""Pages and API under load: eight readers at once, each asking again as soon as it is answered."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from benchmarks.figures import Figure, at_most
from benchmarks.load import percentile
from benchmarks.many_leads import add_checkpoints, add_leads, settle
from benchmarks.systems import System, open_book, rasti
from rasti.ledger.book import Book
from rasti.ledger.operators import add_operator
from rasti.ledger.sessions import open_session_within
from rasti.portal.visitor import COOKIE
from rasti.rules.kinds import Role
from rasti.secret import Secret
from tests.builders import THIRD

READERS = 8


def figures(quick: bool) -> Iterator[Figure]:
    """Each page in turn, on PostgreSQL, the partner having many leads; against a page that asks no database."""
    leads, seconds = (1_000, 2.0) if quick else (10_000, 15.0)
    with tempfile.TemporaryDirectory(prefix="rasti-bench-") as folder, rasti(Path(folder)) as system:
        with open_book(system) as book:
            ids = add_leads(book, leads, THIRD)
            add_checkpoints(book, ids)
            settle(book.engine)
            partner, operator = _sign_in(book)
        bare = None
        for name, path, sent in (
            ("/healthz", "/healthz", {}),
            ("the top three", "/", {}),
            (f"a partner's list of {leads:,}", "/leads", {"cookies": {COOKIE: partner}}),
            ("a partner's lead", f"/leads/{ids[0]}", {"cookies": {COOKIE: partner}}),
            ("the operator's day", "/desk", {"cookies": {COOKIE: operator}}),
            (f"the desk's list of {leads:,}", "/desk/leads", {"cookies": {COOKIE: operator}}),
            ("API: where a lead stands", f"/api/v1/leads/{ids[0]}", {"headers": system.headers}),
        ):
            took, answers = _load(system, path, sent, seconds)
            errors = sum(count for status, count in answers.items() if status != "200")
            rate = len(took) / seconds
            bare = bare or percentile(took, 0.5)
            yield Figure(f"{name}, {READERS} readers, p50 / of /healthz, s", percentile(took, 0.5), bare)
            yield Figure(f"{name}, {READERS} readers, p99, s", percentile(took, 0.99))
            yield Figure(f"{name}, answers a second", rate)
            yield Figure(f"{name}, errors", errors, None, at_most(0))


def _sign_in(book: Book) -> tuple[str, str]:
    """The sessions of a partner and of an operator."""
    add_operator(book, "bench", "a password of a benchmark", secret=Secret("0" * 64))
    with book.write() as tx:
        partner = open_session_within(tx, Role.PARTNER, THIRD, former=None)
        return partner, open_session_within(tx, Role.OPERATOR, "bench", former=None)


def _load(
    system: System, path: str, sent: dict[str, dict[str, str]], seconds: float
) -> tuple[list[float], Counter[str]]:
    """Seconds of each answer, and how many of each status."""
    took: list[float] = []
    answers: Counter[str] = Counter()

    def reader(deadline: float) -> None:
        with httpx.Client(base_url=system.urls[0], timeout=60, **sent) as client:  # type: ignore[arg-type]
            while time.monotonic() < deadline:
                began = time.monotonic()
                try:
                    status = str(client.get(path).status_code)
                except httpx.HTTPError as error:
                    status = type(error).__name__
                took.append(time.monotonic() - began)
                answers[status] += 1

    with ThreadPoolExecutor(READERS) as threads:
        deadline = time.monotonic() + seconds
        for done in [threads.submit(reader, deadline) for _reader in range(READERS)]:
            done.result()
    return took, answers
