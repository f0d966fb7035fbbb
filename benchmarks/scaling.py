"""Beyond one process: leads a second in a burst with 1, 2 and 4 portals and stewards over one PostgreSQL."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.handover import WARM_UP, Plan, measure
from benchmarks.systems import open_book, rasti
from rasti.ledger.book import Book

PROCESSES = (1, 2, 4)
PLANS = {True: Plan(20, 40, 150, 120), False: Plan(20, 200, 2000, 300)}


def figures(quick: bool) -> Iterator[Figure]:
    """Each number of processes beside one of each."""
    alone, size = None, 0.0
    for count in PROCESSES[: 2 if quick else None]:
        plan = PLANS[quick]
        with tempfile.TemporaryDirectory(prefix="rasti-bench-") as folder, ExitStack() as stack:
            system = stack.enter_context(rasti(Path(folder), portals=count, stewards=count))
            book = stack.enter_context(open_book(system))
            before = _size(book)
            measured = measure(system, plan)
            size = (_size(book) - before) / (WARM_UP + plan.steady + plan.burst)
        alone = alone or measured
        about = f"{count} portals and {count} stewards on {os.cpu_count()} cores / 1 and 1"
        yield Figure(f"leads in a burst, {about}, 1/s", measured.throughput, alone.throughput)
        yield Figure(f"processor a lead in a burst, {about}, s", measured.burst_cpu, alone.burst_cpu)
        yield Figure(f"processors in use in a burst, senders and sink too, {about}, %", measured.busy, alone.busy)
        yield Figure(f"memory, {about}, MB", measured.memory, alone.memory)
    yield Figure("bytes of the database a lead, just handed over", size)


def _size(book: Book) -> int:
    with book.engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
