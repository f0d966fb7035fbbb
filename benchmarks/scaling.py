"""Beyond one process: leads a second in a burst with 1, 2 and 4 portals and stewards over one PostgreSQL."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.handover import Plan, measure
from benchmarks.systems import rasti

PROCESSES = (1, 2, 4)
PLANS = {True: Plan(20, 40, 150, 120), False: Plan(20, 200, 2000, 300)}


def figures(quick: bool) -> Iterator[Figure]:
    """Each number of processes beside one of each."""
    alone = None
    for count in PROCESSES[: 2 if quick else None]:
        with tempfile.TemporaryDirectory(prefix="rasti-bench-") as folder, ExitStack() as stack:
            system = stack.enter_context(rasti(Path(folder), portals=count, stewards=count))
            measured = measure(system, PLANS[quick])
        alone = alone or measured
        about = f"{count} portals and {count} stewards on {os.cpu_count()} cores / 1 and 1"
        yield Figure(f"leads in a burst, {about}, 1/s", measured.throughput, alone.throughput)
        yield Figure(f"processor a lead, {about}, s", measured.cpu, alone.cpu)
        yield Figure(f"memory, {about}, MB", measured.memory, alone.memory)
