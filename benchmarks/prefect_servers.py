"""Prefect beyond one server: PostgreSQL, Redis, API servers and the services in processes of their own.

The layout of Prefect's documentation (https://docs.prefect.io/v3/advanced/self-hosted) beside the one server on SQLite
that `rasti up` starts; one, two and four warm workers at each. Needs Debian's `redis-server`, and its `postgresql` for
pg_trgm.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import which

import httpx

from benchmarks.figures import Figure, ratio_at_least
from benchmarks.flow_runs import ROOT, complete_runs, create_scheduled, deploy_nothing, prefect_command
from benchmarks.peers_venv import PREFECT_REDIS
from benchmarks.processes import answers, busy_seconds, cpu_seconds, free_port, memory, wait_until
from rasti.cli.machine import server_command
from tests.durability.chaos.processes import Component, Postgres

RUNS, SCHEDULED = 200, 2_000
WORKERS = (1, 2, 4)
AWAY = 5.0  # seconds until a killed server is started again, as by a service manager
START = 120.0  # seconds of patience


@dataclass(frozen=True)
class Layout:
    """What Prefect's server consists of, by kind, and where it is reached."""

    parts: dict[str, list[Component]]
    urls: list[str]

    def cpu(self) -> dict[str, float]:
        """Processor seconds used so far, by kind."""
        return {kind: sum(map(_cpu, components)) for kind, components in self.parts.items()}

    def memory(self) -> float:
        """Megabytes in use now."""
        pids = [part.process.pid for parts in self.parts.values() for part in parts if part.process]
        return sum(map(memory, pids))


@dataclass(frozen=True)
class Load:
    """What so many workers do: runs a second, processor seconds of a run by kind, processors in use in percent."""

    executed: float
    cpu: dict[str, float]
    busy: float


@dataclass(frozen=True)
class Measured:
    """A layout under each number of workers; its megabytes; runs created a second; runs that outlived a server."""

    loads: dict[int, Load]
    memory: float
    created: float
    survived: int | None


def figures(quick: bool) -> Iterator[Figure]:
    """One server on SQLite, then one and two on PostgreSQL and Redis; one of the two is killed. Nothing in quick."""
    if quick:
        return
    alone = _measure(0)
    for servers in (1, 2):
        about = f"{servers} API server{'s'[: servers - 1]} on PostgreSQL and Redis"
        try:
            found = _measure(servers)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a layout that does not start is a figure too
            print(f"{about}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            yield Figure(f"flow runs a second, {about} / one on SQLite", 0, None, ratio_at_least(0))
            continue
        yield from _compare(about, found, alone)


def _compare(about: str, found: Measured, alone: Measured) -> Iterator[Figure]:
    against = f"{about} / one on SQLite"
    for workers, load in found.loads.items():
        by, same = f"{workers} worker{'s'[: workers - 1]}", alone.loads[workers]
        yield Figure(f"flow runs a second, {by}, {against}", load.executed, same.executed, ratio_at_least(0))
        yield Figure(
            f"  processor of a run, workers left out, {by}, {against}, s",
            sum(load.cpu.values()),
            sum(same.cpu.values()),
        )
        yield Figure(f"  processors in use, {by}, {against}, %", load.busy, same.busy)
    most = max(found.loads)
    for kind, seconds in found.loads[most].cpu.items():
        yield Figure(f"  processor of a run, {most} workers, {kind}, s", seconds)
    yield Figure(f"runs created a second, {against}", found.created, alone.created)
    yield Figure(f"memory, {against}, MB", found.memory, alone.memory)
    if found.survived is not None:
        yield Figure(f"runs completed / all, 1 of {about} killed", found.survived, RUNS, ratio_at_least(1))


def _measure(servers: int) -> Measured:
    """A layout of so many API servers; 0: one on SQLite."""
    with tempfile.TemporaryDirectory(prefix="rasti-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL is another user
        layout = stack.enter_context(_several(folder, servers) if servers else _single(folder))
        first = stack.enter_context(httpx.Client(base_url=f"{layout.urls[-1]}/", timeout=60))
        loads: dict[int, Load] = {}
        deployment = ""
        for workers in WORKERS:
            for number in range(max(loads, default=0), workers):
                stack.enter_context(_worker(folder, layout.urls[number % len(layout.urls)], number))
            wait_until(partial(_have_called, first, workers), START, "the workers")
            deployment = deployment or deploy_nothing(first, "warm")
            complete_runs(first, deployment, 10 * workers)  # the first runs import the flow
            loads[workers] = _load(layout, first, deployment)
        used = layout.memory()
        survived = _kill_one(layout, first, deployment) if servers > 1 else None
        created = _create(layout.urls, deployment)  # last: these runs stay open
        return Measured(loads, used, created, survived)


def _load(layout: Layout, http: httpx.Client, deployment: str) -> Load:
    before, busy, began = layout.cpu(), busy_seconds(), time.monotonic()
    complete_runs(http, deployment, RUNS)
    took, worked = time.monotonic() - began, busy_seconds() - busy
    cpu = {kind: (used - before[kind]) / RUNS for kind, used in layout.cpu().items()}
    return Load(RUNS / took, cpu, 100 * worked / (took * (os.cpu_count() or 1)))


def _kill_one(layout: Layout, http: httpx.Client, deployment: str) -> int:
    """Kill an API server, not the one that is asked here, while runs go; how many of them completed."""
    victim = layout.parts["API servers"][0]

    def kill() -> None:
        victim.kill()
        restart.start()

    restart = threading.Timer(AWAY, victim.start)
    death = threading.Timer(1.0, kill)
    death.start()
    try:
        complete_runs(http, deployment, RUNS)
    finally:
        death.join()
        restart.join()
    return RUNS  # or complete_runs has raised


def _create(urls: Sequence[str], deployment: str) -> float:
    """Runs created a second, scheduled for tomorrow, at all servers at once."""

    def create(url: str) -> None:
        with httpx.Client(base_url=f"{url}/", timeout=60) as http:
            create_scheduled(http, deployment, SCHEDULED // len(urls), at_once=100)

    began = time.monotonic()
    with ThreadPoolExecutor(len(urls)) as threads:
        list(threads.map(create, urls))
    return SCHEDULED / (time.monotonic() - began)


@contextmanager
def _single(folder: Path) -> Iterator[Layout]:
    """As `rasti up` starts it."""
    port = free_port()
    environment = _environment() | {"PREFECT_HOME": str(folder / "prefect")}
    server = Component(
        "server", "server", [sys.executable, "-m", *server_command(port)], folder / "server.log", environment
    )
    with _started(server):
        yield Layout({"server": [server]}, [_answering(port)])


@contextmanager
def _several(folder: Path, servers: int) -> Iterator[Layout]:
    """API servers and the services over one PostgreSQL and one Redis."""
    redis_server = which("redis-server")
    if redis_server is None:
        raise SystemExit("there is no redis-server: apt-get install redis-server")
    with ExitStack() as stack:
        postgres = Postgres(folder, free_port())
        stack.callback(postgres.end)
        postgres.come_up()
        at = free_port()
        words = ["--port", str(at), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "yes"]
        redis = Component("redis", "redis", [redis_server, *words], folder / "redis.log", port=at)
        stack.enter_context(_started(redis))
        wait_until(redis.answers, START, "Redis")
        environment = _environment() | _shared(postgres, at) | {"PREFECT_HOME": str(folder / "prefect")}
        upgrade = Component(
            "upgrade",
            "upgrade",
            prefect_command("server", "database", "upgrade", "-y"),
            folder / "upgrade.log",
            environment,
        )
        upgrade.start()
        assert upgrade.process is not None
        if upgrade.process.wait(START):
            raise SystemExit(upgrade.log.read_text()[-2000:])
        command = prefect_command("server", "services", "start")
        services = Component("services", "services", command, folder / "services.log", environment)
        stack.enter_context(_started(services))
        apis, urls = [], []
        for number in range(servers):
            port = free_port()
            command = prefect_command("server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-services")
            apis.append(Component(f"api-{number}", "api", command, folder / f"api-{number}.log", environment, port))
            stack.enter_context(_started(apis[-1]))
            # One after the other: the first writes what all find there, and two at once trip over each other.
            urls.append(_answering(port))
        parts = {"API servers": apis, "services": [services], "PostgreSQL": [postgres], "Redis": [redis]}
        yield Layout(parts, urls)


def _shared(postgres: Postgres, redis: int) -> dict[str, str]:
    """What all processes of one Prefect have in common, as its documentation lists it."""
    return {
        "PREFECT_API_DATABASE_CONNECTION_URL": postgres.url.replace("+psycopg", "+asyncpg"),
        "PREFECT_API_DATABASE_MIGRATE_ON_START": "false",
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_SERVER_WORKER_CHANNEL_CLEANUP_QUEUE_STORAGE": "prefect_redis.cleanup_queue",
        "PREFECT_REDIS_MESSAGING_URL": f"redis://127.0.0.1:{redis}/0",
        "PREFECT_SERVER_DOCKET_URL": f"redis://127.0.0.1:{redis}/1",
        "PYTHONPATH": str(PREFECT_REDIS),
    }


@contextmanager
def _worker(folder: Path, url: str, number: int) -> Iterator[None]:
    environment = _environment() | {"PREFECT_API_URL": url, "PREFECT_HOME": str(folder / "prefect-worker")}
    words = ("worker", "start", "--pool", "warm", "--type", "rasti-warm", "--name", f"warm-{number}")
    log = folder / f"worker-{number}.log"
    with _started(Component(f"worker-{number}", "worker", prefect_command(*words), log, environment)):
        yield


def _have_called(http: httpx.Client, workers: int) -> bool:
    """Whether so many workers have."""
    answer = http.post("work_pools/warm/workers/filter", json={})
    return answer.is_success and len(answer.json()) == workers


@contextmanager
def _started(component: Component) -> Iterator[None]:
    component.start()
    try:
        yield
    finally:
        if not component.is_running:
            print(f"{component.name} ended: {component.log.read_text(errors='replace')[-2000:]}", file=sys.stderr)
        component.end()


def _answering(port: int) -> str:
    url = f"http://127.0.0.1:{port}/api"
    wait_until(lambda: answers(f"{url}/health"), START, url)
    return url


def _environment() -> dict[str, str]:
    """Settings of all processes; a component's are added to those of this process."""
    return {
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "DO_NOT_TRACK": "1",
        "PWD": str(ROOT),
    }


def _cpu(component: Component) -> float:
    return cpu_seconds(component.process.pid) if component.process else 0.0
