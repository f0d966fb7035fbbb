"""From a lead's request to the mail at the partner's mail server: rasti beside DBOS, Temporal and plain Prefect.

Every system answers a lead only when it is on disk, sends the same two mails to the same sink and keeps three timers
(1 hour, 3 days, 2 weeks). Times run from the instant at which the request was due.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from benchmarks.figures import Figure, at_most, ratio_at_least
from benchmarks.load import Sent, percentile, send_leads
from benchmarks.processes import busy_seconds, until
from benchmarks.systems import Starter, System, dbos, plain_prefect, rasti, temporal

WARM_UP = 10


@dataclass(frozen=True)
class Plan:
    """How much is asked of a system."""

    rate: float  # leads a second, steadily
    steady: int  # leads at that rate
    burst: int  # leads as fast as they are taken
    patience: float  # seconds for the last mail


@dataclass(frozen=True)
class Measured:
    """What a system did: seconds to the partner's mail, leads a second in the burst, processor and memory."""

    p50: float
    p99: float
    throughput: float
    cpu: float  # seconds a lead, at the steady rate
    memory: float  # MB after the burst
    burst_cpu: float  # seconds a lead, in the burst
    busy: float  # percent of the machine's processors in the burst, the senders and the sink included


FAST = {True: Plan(20, 60, 150, 60), False: Plan(20, 400, 1200, 300)}
SLOW = {True: Plan(0.5, 1, 3, 120), False: Plan(0.2, 6, 12, 300)}

SYSTEMS: dict[str, tuple[Starter, dict[bool, Plan]]] = {
    "rasti on PostgreSQL": (rasti, FAST),
    "rasti on SQLite": (partial(rasti, on_postgres=False), FAST),
    "DBOS": (dbos, FAST),
    "Temporal dev server": (temporal, FAST),
    "Prefect, process worker": (plain_prefect, SLOW),
    "Prefect, serve": (partial(plain_prefect, served=True), SLOW),
    "rasti with Prefect's runs": (partial(rasti, prefect_runs=True), FAST),
}


def figures(quick: bool) -> Iterator[Figure]:
    """All systems in turn, `repeats` times; medians."""
    repeats = 1 if quick else 5
    names = [name for name in SYSTEMS if not (quick and name in ("Prefect, serve", "rasti with Prefect's runs"))]
    found: dict[str, list[Measured]] = {name: [] for name in names}
    for _repeat in range(repeats):
        for name in names:
            start, plans = SYSTEMS[name]
            measured = _try(name, start, plans[quick])
            if measured is not None:
                found[name].append(measured)
    yield from _compare({name: _median(rounds) for name, rounds in found.items()})
    if repeats > 1:
        yield from _ranges(found)


def _compare(middle: dict[str, Measured | None]) -> Iterator[Figure]:
    """Ours beside each peer; a peer that did not start leaves its figure short."""
    ours = middle["rasti on PostgreSQL"]
    if ours is None:
        raise SystemExit("rasti itself did not start")
    peers = {name: measured for name, measured in middle.items() if not name.startswith("rasti")}
    wanted = {"DBOS": 1.0, "Temporal dev server": 2.0}
    against = peers.get("DBOS")
    yield Figure("hand-over p50 at 20/s / DBOS, s", ours.p50, against and against.p50, at_most(0.05))
    yield Figure("hand-over p99 at 20/s / DBOS, s", ours.p99, against and against.p99, at_most(0.5))
    for name, measured in middle.items():
        if name.startswith("rasti") and measured and measured is not ours:
            yield Figure(f"hand-over p50 at 20/s, {name} / on PostgreSQL, s", measured.p50, ours.p50, at_most(0.05))
            yield Figure(f"hand-over p99 at 20/s, {name} / on PostgreSQL, s", measured.p99, ours.p99, at_most(0.5))
            yield Figure(f"leads in a burst, {name} / on PostgreSQL, 1/s", measured.throughput, ours.throughput)
    for name, peer in peers.items():
        goal = ratio_at_least(wanted.get(name, 20.0))
        yield Figure(f"leads in a burst / {name}, 1/s", ours.throughput, peer and peer.throughput, goal)
    for name, peer in peers.items():
        yield Figure(f"hand-over p50 / {name} at its rate, s", ours.p50, peer and peer.p50)
        yield Figure(f"processor a lead / {name}, s", ours.cpu, peer and peer.cpu)
        yield Figure(f"memory / {name}, MB", ours.memory, peer and peer.memory)


def _ranges(found: dict[str, list[Measured]]) -> Iterator[Figure]:
    """How far the repeats of each system lie apart."""
    quantities = {
        "hand-over p50 at its rate, s": "p50",
        "hand-over p99 at its rate, s": "p99",
        "leads in a burst, 1/s": "throughput",
        "processor a lead, s": "cpu",
    }
    for name, rounds in found.items():
        for about, quantity in quantities.items():
            values = [getattr(measured, quantity) for measured in rounds]
            if values:
                yield Figure(f"{name}, {about}, lowest / highest of {len(values)}", min(values), max(values))


def _try(name: str, start: Starter, plan: Plan) -> Measured | None:
    """Start a system, measure it, stop it. None: it did not start or lost a lead; stderr says why."""
    try:
        with tempfile.TemporaryDirectory(prefix="rasti-bench-") as folder, start(Path(folder)) as system:
            return measure(system, plan)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a peer that does not start is a figure too
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return None


def measure(system: System, plan: Plan) -> Measured:
    """What a running system does: at a steady rate, then in a burst. Raises RuntimeError: it refused or lost a lead."""
    if plan.rate >= 1:
        _send(system, plan, WARM_UP, plan.rate)
    before = system.cpu()
    steady = _send(system, plan, plan.steady, plan.rate)
    cpu = (system.cpu() - before) / plan.steady
    before, busy, began = system.cpu(), busy_seconds(), time.monotonic()
    burst = _send(system, plan, plan.burst, None)
    took = time.monotonic() - began
    times = [steady[1][one.lead] - one.due for one in steady[0]]
    return Measured(
        p50=percentile(times, 0.5),
        p99=percentile(times, 0.99),
        throughput=plan.burst / (max(burst[1].values()) - began),
        cpu=cpu,
        memory=system.memory(),
        burst_cpu=(system.cpu() - before) / plan.burst,
        busy=100 * (busy_seconds() - busy) / (took * (os.cpu_count() or 1)),
    )


def _send(system: System, plan: Plan, total: int, rate: float | None) -> tuple[list[Sent], dict[str, float]]:
    """Send leads and wait for all their mails, both kinds; when each lead's first mail to the partner came."""
    sent = send_leads(system.urls, total, rate=rate, headers=system.headers)
    failed = [one.status for one in sent if one.status != "202"]
    if failed:
        raise RuntimeError(f"{len(failed)} of {total} leads were not taken: {failed[0]}")
    leads = {one.lead for one in sent}
    if not until(lambda: all(leads <= _came(system, kind).keys() for kind in ("lead", "welcome")), plan.patience):
        missing = len(leads - _came(system, "lead").keys())
        raise RuntimeError(f"{missing} of {total} leads were not mailed in {plan.patience:g} s")
    return sent, {lead: when for lead, when in _came(system, "lead").items() if lead in leads}


def _came(system: System, kind: str) -> dict[str, float]:
    """When the sink took each lead's first mail of a kind."""
    came: dict[str, float] = {}
    for line in system.mails.read_text("ascii").splitlines():
        what, _id, lead, when = line.split(" ")
        if what == kind:
            came.setdefault(lead, float(when))
    return came


def _median(rounds: list[Measured]) -> Measured | None:
    if not rounds:
        return None
    columns = [field.name for field in fields(Measured)]
    return Measured(*(statistics.median(getattr(measured, column) for measured in rounds) for column in columns))
