"""What a flow run costs on the warm worker, on the stock process worker, and called directly.

Each kind gets a Prefect server of its own. Processor seconds are those of the worker with its children and of the
server; the direct call is the same flow called in a running process, also against the server.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from benchmarks.figures import Figure, ratio_at_most
from benchmarks.processes import cpu_seconds, running, until, wait_until
from benchmarks.systems import prefect_server

ROOT = Path(__file__).resolve().parent.parent
RUNS = {True: {"warm": 10, "stock": 3, "direct": 10}, False: {"warm": 200, "stock": 20, "direct": 60}}
TYPES = {"warm": "rasti-warm", "stock": "process"}
STEPS = {  # worker types of `warm_steps`
    "the warm worker's own way to submit": "bench-submit",
    "one client for all threads": "bench-client",
    "the deployment kept from the engine": "bench-websocket",
}
CREATED = 500  # runs, one call each and in hundreds
KEPT = 100  # finished runs that grow old


@dataclass(frozen=True)
class Cost:
    """Of one run: processor seconds, seconds until done when many are due at once, bytes in Prefect's database."""

    worker: float
    server: float
    seconds: float
    bytes: float

    @property
    def cpu(self) -> float:
        return self.worker + self.server


def figures(quick: bool) -> Iterator[Figure]:
    """The three kinds, one after another; those of the workers also with the bytes a scheduled run takes."""
    costs = {}
    for kind, runs in RUNS[quick].items():
        with (
            tempfile.TemporaryDirectory(prefix="rasti-bench-") as folder,
            _server(Path(folder), stock=kind == "stock") as server,
        ):
            costs[kind] = _direct(server, runs) if kind == "direct" else _on_a_worker(server, kind, runs)
    warm, stock, direct = costs["warm"], costs["stock"], costs["direct"]
    yield Figure("processor of a flow run, warm / stock worker, s", warm.cpu, stock.cpu, ratio_at_most(0.1))
    yield Figure("  of that the worker, warm / stock, s", warm.worker, stock.worker)
    yield Figure("  of that the server, warm / stock, s", warm.server, stock.server)
    yield Figure("processor of a flow run, warm worker / direct call, s", warm.cpu, direct.cpu)
    yield Figure("flow runs a second, warm / stock worker", 1 / warm.seconds, 1 / stock.seconds)
    yield Figure("bytes of Prefect's database a finished run, warm / stock", warm.bytes, stock.bytes)
    if not quick:
        yield from _steps(warm, RUNS[quick]["warm"])
        yield from _creation()
        yield from _retention()


def _steps(warm: Cost, runs: int) -> Iterator[Figure]:
    """The warm worker with each of its savings taken back alone, and beside a server as Prefect starts it."""
    ways = [(saving, kind, False) for saving, kind in STEPS.items()]
    for saving, kind, stock in [*ways, ("the server's settings of `rasti up`", "warm", True)]:
        with tempfile.TemporaryDirectory(prefix="rasti-bench-") as folder, _server(Path(folder), stock=stock) as server:
            without = _on_a_worker(server, kind, runs)
        yield Figure(f"processor of a flow run, without {saving} / with all, s", without.cpu, warm.cpu)


def _creation() -> Iterator[Figure]:
    """Runs that are scheduled for tomorrow: what they cost the server, in hundreds and one call each."""
    with (
        tempfile.TemporaryDirectory(prefix="rasti-bench-") as folder,
        _server(Path(folder)) as server,
        _deployed(server, "warm") as (http, deployment),
    ):
        before, size = cpu_seconds(server.pid), _used(server)
        create_scheduled(http, deployment, CREATED, at_once=100)
        bulk, size = cpu_seconds(server.pid) - before, _used(server) - size
        before = cpu_seconds(server.pid)
        create_scheduled(http, deployment, CREATED, at_once=1)
        single = cpu_seconds(server.pid) - before
        yield Figure(
            "server's processor of a created run, in hundreds / one call each, s", bulk / CREATED, single / CREATED
        )
        yield Figure("bytes of Prefect's database a scheduled run", size / CREATED)


def _retention() -> Iterator[Figure]:
    """What Prefect's vacuum, as `rasti up` has it, leaves of finished runs; their age is written into its database."""
    with (
        tempfile.TemporaryDirectory(prefix="rasti-bench-") as folder,
        _server(Path(folder), settings={"PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "2"}) as server,
        _deployed(server, "warm") as (http, deployment),
        _worker(server, "warm"),
    ):
        complete_runs(http, deployment, 2)
        empty = _used(server)
        complete_runs(http, deployment, KEPT)
        full, size = _used(server), _size(server)
        _grow_old(server, "occurred", "events", "event_resources")
        without_events = _used(server)
        _grow_old(server, "end_time", "flow_run")
        nothing = _used(server)
        complete_runs(http, deployment, KEPT)
        again = _size(server)
    kept = (full - empty) / KEPT
    yield Figure("bytes a finished run, after its events' 7 days / before", (without_events - empty) / KEPT, kept)
    yield Figure("bytes a finished run, after its 90 days / before", (nothing - empty) / KEPT, kept)
    yield Figure("bytes the file grows by a run in the room of old ones / by a new one", (again - size) / KEPT, kept)


def _grow_old(server: "_Server", column: str, *tables: str) -> None:
    """Make all rows of these tables so old that they are not kept, and wait until they are gone."""
    with closing(sqlite3.connect(server.folder / "prefect/prefect.db", timeout=60)) as database:
        for table in tables:
            with database:
                database.execute(f"UPDATE {table} SET {column} = '2020-01-01 00:00:00.000000'")
        for table in tables:
            rows = f"SELECT count(*) FROM {table} WHERE {column} < '2021-01-01'"
            wait_until(lambda rows=rows: database.execute(rows).fetchone() == (0,), 120, f"old rows of {table}")  # type: ignore[misc]


@dataclass(frozen=True)
class _Server:
    folder: Path
    url: str
    pid: int
    environment: dict[str, str]


@contextmanager
def _server(folder: Path, *, stock: bool = False, settings: Mapping[str, str] | None = None) -> Iterator[_Server]:
    with prefect_server(folder, stock=stock, settings=settings) as (url, pid):
        outside = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment = outside | {
            "PREFECT_API_URL": url,
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "DO_NOT_TRACK": "1",
            "PWD": str(ROOT),
        }
        yield _Server(folder, url, pid, environment)


@contextmanager
def _deployed(server: _Server, pool: str) -> Iterator[tuple[httpx.Client, str]]:
    """A work pool, named for its worker's type, with the flow's deployment: a client and its id."""
    kind, program = _type_of(pool)
    create = prefect_command("work-pool", "create", pool, "--type", kind, program=program)
    subprocess.run(create, check=True, capture_output=True, env=server.environment, cwd=ROOT)
    with httpx.Client(base_url=f"{server.url}/", timeout=60) as http:
        yield http, deploy_nothing(http, pool)


@contextmanager
def _worker(server: _Server, pool: str) -> Iterator[int]:
    """A worker of a pool; its process."""
    kind, program = _type_of(pool)
    # The warm one runs as many at once as it has threads; Python and its imports for each run, as many as processors.
    at_once = ("--limit", f"{os.cpu_count() or 1}") if pool == "stock" else ()
    command = prefect_command("worker", "start", "--pool", pool, "--type", kind, *at_once, program=program)
    with running(command, server.environment, server.folder, cwd=ROOT) as worker:
        yield worker.pid


def _type_of(pool: str) -> tuple[str, str]:
    """The worker's type, and the module whose command line knows it."""
    return (TYPES[pool], "prefect") if pool in TYPES else (pool, "benchmarks.warm_steps")


def _on_a_worker(server: _Server, pool: str, runs: int) -> Cost:
    with _deployed(server, pool) as (http, deployment), _worker(server, pool) as worker:
        complete_runs(http, deployment, 2)  # the first runs import the flow
        began, size = time.monotonic(), _used(server)
        before = cpu_seconds(worker), cpu_seconds(server.pid)
        complete_runs(http, deployment, runs)
        after = cpu_seconds(worker), cpu_seconds(server.pid)
        return Cost(
            (after[0] - before[0]) / runs,
            (after[1] - before[1]) / runs,
            (time.monotonic() - began) / runs,
            (_used(server) - size) / runs,
        )


def _direct(server: _Server, runs: int) -> Cost:
    code = (
        "import sys, time, resource\nfrom benchmarks.nothing import nothing\nnothing(0)\n"
        "def cpu():\n    used = resource.getrusage(resource.RUSAGE_SELF)\n    return used.ru_utime + used.ru_stime\n"
        "before, began = cpu(), time.monotonic()\n"
        "for number in range(int(sys.argv[1])):\n    nothing(number)\n"
        "print(cpu() - before, time.monotonic() - began)\n"
    )
    before, size = cpu_seconds(server.pid), _used(server)
    command = [sys.executable, "-c", code, str(runs)]
    done = subprocess.run(
        command, cwd=ROOT, env=server.environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    own, seconds = map(float, done.stdout.split()[-2:])
    used = cpu_seconds(server.pid) - before
    return Cost(own / runs, used / runs, seconds / runs, (_used(server) - size) / runs)


def prefect_command(*words: str, program: str = "prefect") -> list[str]:
    """Prefect's command line, of this environment; `program`: a module that knows more worker types."""
    return [sys.executable, "-m", program, *words]


def deploy_nothing(http: httpx.Client, pool: str) -> str:
    """A deployment of the flow on a work pool; its id."""
    flow_id = http.post("flows/", json={"name": "nothing"}).raise_for_status().json()["id"]
    deployment = {
        "name": f"nothing-{pool}",
        "flow_id": flow_id,
        "work_pool_name": pool,
        "entrypoint": "benchmarks.nothing.nothing",
        "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}],
    }
    return str(http.post("deployments/", json=deployment).raise_for_status().json()["id"])


def complete_runs(http: httpx.Client, deployment: str, count: int) -> None:
    """Create runs and wait until as many more have completed. Raises SystemExit: some did not."""
    wanted = _completed(http, deployment) + count
    for start in range(0, count, 100):
        numbers = range(start, min(start + 100, count))
        runs = [{"parameters": {"number": number}, "enforce_parameter_schema": False} for number in numbers]
        _create_in_bulk(http, deployment, runs)
    # Seldom: the server's answers are counted as its work.
    if not until(lambda: _completed(http, deployment) >= wanted, 60 + 10 * count, every=1):
        raise SystemExit(f"{count} runs did not complete")


def _completed(http: httpx.Client, deployment: str) -> int:
    completed = {
        "deployments": {"id": {"any_": [deployment]}},
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
    }
    return int(http.post("flow_runs/count", json=completed).raise_for_status().json())


def create_scheduled(http: httpx.Client, deployment: str, count: int, *, at_once: int) -> None:
    """Create runs for tomorrow, so many with each call: one by one as anybody does, or in bulk as the steward does."""
    at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": at}}
    run = {"parameters": {"number": 0}, "state": state, "enforce_parameter_schema": False}
    path = f"deployments/{deployment}/create_flow_run"
    for _call in range(count // at_once):
        if at_once > 1:
            _create_in_bulk(http, deployment, [run] * at_once)
        else:
            wait_until(lambda: _taken(http.post(path, json=run)), 60, path)


def _create_in_bulk(http: httpx.Client, deployment: str, runs: list[dict[str, Any]]) -> None:
    """Create runs in one call; those that Prefect on SQLite could not write, for its lock, are asked for again."""
    path, left = f"deployments/{deployment}/create_flow_run/bulk", runs

    def create() -> bool:
        nonlocal left
        answer = http.post(path, json=left)
        if _taken(answer):
            results = answer.json()["results"]
            left = [run for run, result in zip(left, results, strict=True) if result["status"] != "CREATED"]
        return not left

    wait_until(create, 60, path)


def _taken(answer: httpx.Response) -> bool:
    """Whether it was done: Prefect on SQLite answers 503 while another writes, and its own client asks again."""
    return answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE and bool(answer.raise_for_status())


def _used(server: _Server) -> int:
    """Bytes of Prefect's database that hold something: what is deleted leaves room for what comes."""
    pages, free, size = _pages(server)
    return (pages - free) * size


def _size(server: _Server) -> int:
    """Bytes of the file. Its write-ahead log, of some megabytes, is left out: it does not grow with the runs."""
    pages, _free, size = _pages(server)
    return pages * size


def _pages(server: _Server) -> list[int]:
    """Pages, free ones among them, bytes of one."""
    with closing(sqlite3.connect(server.folder / "prefect/prefect.db", timeout=60)) as database:
        names = ("page_count", "freelist_count", "page_size")
        return [database.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
