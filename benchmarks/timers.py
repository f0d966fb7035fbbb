"""Checkpoints that wait: what they cost on disk and at rest, and how late the guard's verdicts are in a rush.

A verdict's lateness counts from the due time plus the guard's grace: before that the verdict is left to Prefect's runs.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import func, select, update
from sqlmodel import col

from benchmarks.figures import Figure, at_most, ratio_at_least
from benchmarks.load import percentile, send_leads
from benchmarks.many_leads import add_checkpoints, add_leads, settle
from benchmarks.processes import until
from benchmarks.systems import PROGRAMME, System, open_book, rasti
from models import Attempt, Checkpoint, Tenure
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.ledger.sessions import open_session_within
from rasti.portal.visitor import COOKIE
from rasti.rules.kinds import CheckpointKind, Role
from tests.builders import THIRD, log

GRACE = 5.0  # seconds; the setting is 30, which would only be waited for
SOON = 5.0  # seconds until the rush


@dataclass(frozen=True)
class Plan:
    pending: tuple[int, ...]  # checkpoints that wait, from little to much
    rushes: tuple[int, ...]  # due in the same second
    idle: float  # seconds of watching
    pages: int


PLANS = {
    True: Plan((0, 10_000), (1_000,), 2, 10),
    False: Plan((0, 10_000, 100_000, 1_000_000), (1_000, 10_000), 30, 100),
}


def figures(quick: bool) -> Iterator[Figure]:
    """On PostgreSQL, then (not in quick) on SQLite."""
    for name, on_postgres in (("PostgreSQL", True), ("SQLite", False))[: 1 if quick else None]:
        yield from _pending(name, on_postgres, PLANS[quick])
    yield from _after_an_outage(1_000 if quick else 2_000)
    yield from _by_prefect(8 if quick else 120)


def _pending(name: str, on_postgres: bool, plan: Plan) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="rasti-bench-") as folder:
        start = rasti(Path(folder), on_postgres=on_postgres, settings={"RASTI_GUARD_GRACE": str(GRACE)})
        with start as system, open_book(system) as book:
            empty = None
            for pending in plan.pending:
                size = _fill(book, pending)
                idle, page = _idle(system, plan.idle), _page(book, system, plan.pages)
                if size is not None:
                    yield Figure(f"bytes of a pending checkpoint, {pending:,} on {name}", size, None, at_most(500))
                empty = empty or (idle, page)
                about = f"{pending:,} pending on {name}"
                yield Figure(f"idle processor, {about} / none, %", idle, empty[0], at_most(2))
                yield Figure(f"list of a partner's leads p50, {about} / none, s", page, empty[1])
                yield Figure(f"memory, {about}, MB", system.memory())
            for rush in plan.rushes:
                late = _rush(book, rush)
                about = f"verdict late after the grace, {rush:,} due at once on {name}"
                yield Figure(f"{about}, p50, s", percentile(late, 0.5))
                yield Figure(f"{about}, the last, s", max(late), None, at_most(60))


def _after_an_outage(overdue: int) -> Iterator[Figure]:
    """The steward was away when they came due: seconds from its start to the last verdict."""
    with tempfile.TemporaryDirectory(prefix="rasti-bench-") as folder, ExitStack() as stack:
        start = rasti(Path(folder), settings={"RASTI_GUARD_GRACE": str(GRACE)}, stewards=0)
        system = stack.enter_context(start)
        book = stack.enter_context(open_book(system))
        _make_due(book, _add(book, overdue), timedelta(minutes=-5))
        began = time.monotonic()
        stack.enter_context(system.more("steward"))
        _judged(book, overdue)
        took = time.monotonic() - began
        yield Figure(f"start to the last verdict, {overdue:,} overdue at the start, s", took, None, at_most(60))


def _by_prefect(leads: int) -> Iterator[Figure]:
    """One checkpoint due a second, judged by Prefect's runs; each client was called in time."""
    with tempfile.TemporaryDirectory(prefix="rasti-bench-") as name:
        folder = Path(name)
        programme = folder / "programme.yaml"
        short = '    regulation: {1h: [0, 20s], 3d: [1, 2], 2w: [3, 4]}\n    call_window: "00:00-23:59"\n'
        programme.write_text(PROGRAMME.read_text("utf-8") + short, "utf-8")
        start = rasti(folder, prefect_runs=True, worker=True, settings={"RASTI_PROGRAMME": str(programme)})
        with start as system, open_book(system) as book:
            book = replace(book, programme=load_programme(programme))
            for _lead in range(leads):
                began = time.monotonic()
                (sent,) = send_leads(system.urls, 1, rate=None, headers=system.headers, senders=1)
                until(lambda lead=int(sent.lead): _is_received(book, lead), 30)  # type: ignore[misc]
                log(book, int(sent.lead))
                time.sleep(max(0.0, began + 1 - time.monotonic()))
            if not until(lambda: len(_first_verdicts(book)) == leads, 120):
                raise SystemExit("not all verdicts were given in two minutes")
            verdicts = _first_verdicts(book)
            late = [(point.judged_at - point.due_at).total_seconds() for point in verdicts if point.judged_at]
            given = sum((point.judged_by or "").startswith("flow-run:") for point in verdicts)
            about = "verdict late after the due time, one due a second, by Prefect's runs"
            yield Figure(f"{about}, p50, s", percentile(late, 0.5))
            yield Figure(f"{about}, p99, s", percentile(late, 0.99), None, at_most(10))
            yield Figure("verdicts by Prefect's runs / all that were due", given, leads, ratio_at_least(1))


def _is_received(book: Book, lead: int) -> bool:
    with book.read() as tx:
        found = select(col(Attempt.received_at)).where(col(Attempt.lead_id) == lead)
        return tx.session.execute(found).scalar() is not None


def _first_verdicts(book: Book) -> list[Checkpoint]:
    with book.read() as tx:
        first = col(Checkpoint.kind) == CheckpointKind.FIRST_HOUR
        return tx.all(select(Checkpoint).where(first, col(Checkpoint.verdict).is_not(None)))


def _add(book: Book, leads: int) -> range:
    """Leads of whoever holds them."""
    with book.read() as tx:
        tenure = tx.session.execute(select(Tenure).where(col(Tenure.ended_at).is_(None))).scalar_one()
    ids = add_leads(book, leads, tenure.partner_code, tenure=tenure.id)
    add_checkpoints(book, ids)
    settle(book.engine)
    return ids


def _fill(book: Book, pending: int) -> float | None:
    """Bring the number of pending checkpoints to this; bytes of each that was added, indexes included."""
    with book.read() as tx:
        there = tx.session.execute(select(func.count()).where(col(Checkpoint.verdict).is_(None))).scalar_one()
    if pending <= there:
        return None
    ids = add_leads(book, (pending - there) // 2, THIRD)
    settle(book.engine)
    before = size_of_checkpoints(book)
    add_checkpoints(book, ids)
    settle(book.engine)
    return (size_of_checkpoints(book) - before) / (2 * len(ids))  # the met one is counted to the pending two


def size_of_checkpoints(book: Book) -> int:
    """Bytes of the checkpoints' table with its indexes; of the whole file on SQLite."""
    if book.engine.dialect.name == "postgresql":
        query = "SELECT pg_total_relation_size('checkpoint')"
    else:
        query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    with book.engine.connect() as connection:
        return int(connection.exec_driver_sql(query).scalar_one())


def _idle(system: System, seconds: float) -> float:
    """Percent of one core that all processes use while nothing is asked of them."""
    time.sleep(1)
    before = system.cpu()
    time.sleep(seconds)
    return 100 * (system.cpu() - before) / seconds


def _page(book: Book, system: System, times: int) -> float:
    """Median seconds of the first page of a partner's list."""
    with book.write() as tx:
        session = open_session_within(tx, Role.PARTNER, THIRD, former=None)
    took = []
    with httpx.Client(base_url=system.urls[0], cookies={COOKIE: session}, timeout=60) as client:
        for _time in range(times + 1):
            began = time.monotonic()
            client.get("/leads").raise_for_status()
            took.append(time.monotonic() - began)
    return percentile(took[1:], 0.5)


def _rush(book: Book, count: int) -> list[float]:
    """So many checkpoints due in one second: seconds after the grace until each verdict."""
    due = _make_due(book, _add(book, count), timedelta(seconds=SOON))
    judged = _judged(book, count, due)
    return [max(0.0, (when - due).total_seconds() - GRACE) for when in judged]


def _make_due(book: Book, leads: range, after: timedelta) -> datetime:
    """The 3d of these leads is due at one instant."""
    with book.read() as tx:
        due = tx.now + after
    with book.engine.begin() as connection:
        connection.execute(
            update(Checkpoint)
            .where(col(Checkpoint.attempt_id).between(leads[0], leads[-1]))
            .where(col(Checkpoint.kind) == CheckpointKind.THREE_DAYS)
            .values(due_at=due)
        )
    return due


def _judged(book: Book, count: int, due: datetime | None = None) -> list[datetime]:
    """When the verdicts were given, once all are."""
    found = select(col(Checkpoint.judged_at)).where(
        col(Checkpoint.kind) == CheckpointKind.THREE_DAYS, col(Checkpoint.judged_at).is_not(None)
    )
    if due is not None:
        found = found.where(col(Checkpoint.due_at) == due)

    def verdicts() -> list[datetime]:
        with book.read() as tx:
            return tx.all(found)

    if not until(lambda: len(verdicts()) >= count, 600):
        raise SystemExit(f"{count - len(verdicts())} of {count} checkpoints were not judged in ten minutes")
    return verdicts()
