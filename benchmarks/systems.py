"""What takes a lead over HTTP, mails it to partner and client, and keeps three timers: rasti and its peers.

Each is started anew with the same mail sink; its figures are those of all its processes, databases included.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.peers_venv import PYTHON as PEER
from benchmarks.postgres import postgres
from benchmarks.processes import answers, cpu_seconds, free_port, memory, running, wait_until
from models.engine import open_engine
from models.upgrade import upgrade_database
from rasti.cli.machine import prefect_environment, server_command
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.ledger.tokens import add_token
from rasti.rules.kinds import TokenScope
from rasti.rules.month import Month
from tests.builders import won_month

ROOT = Path(__file__).resolve().parent.parent
PROGRAMME = ROOT / "examples/dealers/programme.yaml"
RASTI = Path(sys.executable).with_name("rasti")
START = 90.0  # seconds of patience


@dataclass
class System:
    """A running system: where leads are posted, and the processes it consists of."""

    urls: list[str]
    pids: list[int]
    mails: Path  # what the sink noted
    headers: dict[str, str] = field(default_factory=dict)
    database: str = ""
    more: Callable[..., AbstractContextManager[None]] = nullcontext  # another process of it, by its command's words

    def cpu(self) -> float:
        """Processor seconds used so far."""
        return sum(map(cpu_seconds, self.pids))

    def memory(self) -> float:
        """Megabytes in use now."""
        return sum(map(memory, self.pids))


Starter = Callable[[Path], AbstractContextManager[System]]


@contextmanager
def rasti(
    folder: Path,
    *,
    on_postgres: bool = True,
    prefect_runs: bool = False,
    worker: bool = False,
    portals: int = 1,
    stewards: int = 1,
    settings: Mapping[str, str] | None = None,
) -> Iterator[System]:
    """Portal and steward; with `prefect_runs` also a Prefect server in which the steward creates the leads' runs,
    and a warm `worker` that executes them."""
    with ExitStack() as stack:
        smtp, mails = stack.enter_context(_sink(folder))
        server = stack.enter_context(postgres()) if on_postgres else None
        url = server.url if server else f"sqlite:///{folder / 'rasti.sqlite3'}"
        token = _open_programme(url)
        environment = _outside() | {
            "RASTI_HOME": str(folder),
            "RASTI_DATABASE_URL": url,
            "RASTI_PROGRAMME": str(PROGRAMME),
            "RASTI_SMTP_URL": f"smtp://127.0.0.1:{smtp}",
        }
        environment |= settings or {}
        pids = [server.pid] if server and server.pid else []
        if prefect_runs:
            api, pid = stack.enter_context(prefect_server(folder))
            pids.append(pid)
            environment |= {"PREFECT_API_URL": api, "PREFECT_DEFAULT_WORK_POOL_NAME": "rasti"}
            _prefect(environment, "work-pool", "create", "rasti", "--type", "rasti-warm")
            _prefect(environment, "--no-prompt", "deploy", "--all")
            if worker:
                command = [
                    sys.executable,
                    "-m",
                    "prefect",
                    "worker",
                    "start",
                    "--pool",
                    "rasti",
                    "--type",
                    "rasti-warm",
                ]
                pids.append(stack.enter_context(running(command, environment, folder, cwd=ROOT)).pid)
                wait_until(lambda: _workers(api) > 0, START, "the worker")

        @contextmanager
        def more(*words: str) -> Iterator[None]:
            with running([RASTI, *words], environment, folder) as process:
                pids.append(process.pid)
                yield

        ports = [free_port() for _portal in range(portals)]
        for port in ports:
            stack.enter_context(more("portal", "--port", str(port)))
        for _steward in range(stewards):
            stack.enter_context(more("steward"))
        headers = {"Authorization": f"Bearer {token}"}
        yield _ready(System([f"http://127.0.0.1:{port}" for port in ports], pids, mails, headers, url, more))


@contextmanager
def open_book(system: System) -> Iterator[Book]:
    """The ledger of a running rasti."""
    engine = open_engine(system.database)
    try:
        yield Book(engine, load_programme(PROGRAMME), actor="bench")
    finally:
        engine.dispose()


@contextmanager
def dbos(folder: Path) -> Iterator[System]:
    """Two DBOS processes over a PostgreSQL, each with its intake, since one has one core at most."""
    with ExitStack() as stack:
        smtp, mails = stack.enter_context(_sink(folder))
        server = stack.enter_context(postgres())
        pids, urls = [server.pid] if server.pid else [], []
        database = server.url.replace("+psycopg", "")
        for _process in range(2):
            port = free_port()
            command = [PEER, "-m", "benchmarks.peers.dbos_leads", str(port), str(smtp), database]
            pids.append(stack.enter_context(running(command, _outside(), folder, cwd=ROOT)).pid)
            urls.append(f"http://127.0.0.1:{port}")
            _ready(System(urls, pids, mails))  # the first one makes the tables
        yield System(urls, pids, mails)


@contextmanager
def temporal(folder: Path) -> Iterator[System]:
    """Temporal's development server with its file on disk, and one process of workflows, activities and intake."""
    with ExitStack() as stack:
        smtp, mails = stack.enter_context(_sink(folder))
        port, web = free_port(), free_port()
        words = ["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--log-level", "error", "--port", str(port)]
        command = [PEER.with_name("temporal"), *words, "--db-filename", str(folder / "temporal.sqlite3")]
        pids = [stack.enter_context(running(command, _outside(), folder)).pid]
        health = [PEER.with_name("temporal"), "operator", "cluster", "health", "--address", f"127.0.0.1:{port}"]
        wait_until(lambda: subprocess.run(health, capture_output=True, check=False).returncode == 0, START, "Temporal")
        command = [PEER, "-m", "benchmarks.peers.temporal_leads", str(web), str(smtp), f"127.0.0.1:{port}"]
        pids.append(stack.enter_context(running(command, _outside(), folder, cwd=ROOT)).pid)
        yield _ready(System([f"http://127.0.0.1:{web}"], pids, mails))


@contextmanager
def plain_prefect(folder: Path, *, served: bool = False) -> Iterator[System]:
    """Prefect as its documentation has it: a stock process worker, or `serve`; polled every second."""
    with ExitStack() as stack:
        smtp, mails = stack.enter_context(_sink(folder))
        api, pid = stack.enter_context(prefect_server(folder, stock=True))
        environment = _outside() | {
            "PREFECT_API_URL": api,
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PYTHONPATH": str(ROOT),
        }
        peer = [sys.executable, "-m", "benchmarks.peers.prefect_leads"]
        if served:
            work = [*peer, "serve"]
        else:
            _prefect(environment, "work-pool", "create", "plain", "--type", "process")
            subprocess.run([*peer, "deploy", "plain"], cwd=ROOT, env=environment, check=True, capture_output=True)
            work = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "plain", "--limit", "4"]
        port = free_port()
        pids = [pid]
        for command in (work, [*peer, "intake", str(port), str(smtp)]):
            pids.append(stack.enter_context(running(command, environment, folder, cwd=ROOT)).pid)
        known = f"{api}/deployments/name/lead/lead"
        wait_until(lambda: answers(known), START, "the deployment of the flow")
        yield _ready(System([f"http://127.0.0.1:{port}"], pids, mails))


def _ready(system: System) -> System:
    for url in system.urls:
        wait_until(lambda url=url: answers(f"{url}/readyz"), START, url)  # type: ignore[misc]
    return system


def _open_programme(url: str) -> str:
    """A database in which a partner holds the leads; a token that may post them."""
    engine = open_engine(url)
    try:
        upgrade_database(engine)
        book = Book(engine, load_programme(PROGRAMME), actor="bench")
        with book.read() as tx:
            month = Month.at(tx.now, book.programme.zone).previous
        won_month(book, month)
        return add_token(book, "bench", TokenScope.LEADS_WRITE)
    finally:
        engine.dispose()


@contextmanager
def _sink(folder: Path) -> Iterator[tuple[int, Path]]:
    port, mails = free_port(), folder / "mails.txt"
    mails.touch()
    command = [sys.executable, "-m", "benchmarks.mail_sink", str(port), str(mails)]
    with running(command, _outside(), folder, cwd=ROOT):
        wait_until(lambda: _listens(port), START, "the mail sink")
        yield port, mails


@contextmanager
def prefect_server(
    folder: Path, *, stock: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[str, int]]:
    """Prefect's server as `rasti up` starts it, or as Prefect does; its address and its process."""
    port = free_port()
    environment = _outside() | {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    if not stock:
        environment |= prefect_environment(folder, port)
    environment |= settings or {}
    module, *words = server_command(port)
    command = [sys.executable, "-m", "prefect" if stock else module, *words]
    with running(command, environment, folder) as server:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/api/health"), START, "Prefect's server")
        yield f"http://127.0.0.1:{port}/api", server.pid


def _prefect(environment: dict[str, str], *words: str) -> None:
    command = [sys.executable, "-m", "prefect", *words]
    subprocess.run(command, cwd=ROOT, env=environment | {"PWD": str(ROOT)}, check=True, capture_output=True)


def _workers(api: str) -> int:
    """How many workers have called."""
    return len(httpx.post(f"{api}/work_pools/rasti/workers/filter", json={}, timeout=20).raise_for_status().json())


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _outside() -> dict[str, str]:
    """The environment without settings of rasti and Prefect."""
    own = ("RASTI_", "PREFECT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)} | {"DO_NOT_TRACK": "1"}
