"""A real Prefect server, with workers, for tests: own port, own folder, own database."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from rasti.cli.machine import server_command
from rasti.cli.processes import Child, Children
from rasti.clients.prefect import PrefectApi
from tests.e2e.halting import Halt
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
POOL = "rasti"


class PrefectServer:
    """Starts and stops; its database can be deleted in between."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.api = PrefectApi(self.url)
        self.environment = os.environ | {
            "PREFECT_HOME": str(folder),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
            "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
            "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",  # tests start what they need
            "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",  # it calls runs late, one transaction each
            "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_WORKER_HEARTBEAT_SECONDS": "3",
            "PREFECT_DEFAULT_WORK_POOL_NAME": POOL,
            "PWD": str(ROOT),
        }
        self.processes = Children(self.environment, folder / "logs")
        self._server: Child | None = None

    def start(self) -> None:
        self._server = self.processes.start("server", *server_command(self.port))
        self.processes.until(self.api.is_up, "the Prefect server", seconds=90)

    def stop(self) -> None:
        assert self._server is not None
        self.processes.stop()
        self._server = None

    def kill(self) -> None:
        """As when the power goes."""
        assert self._server is not None
        kill(self._server)
        self.stop()

    def delete_database(self) -> None:
        """Everything Prefect knew is gone."""
        for file in self.folder.glob("prefect.db*"):
            file.unlink()
        self.api.close()
        self.api = PrefectApi(self.url)

    def deploy(
        self,
        *names: str,
        pool: str = POOL,
        kind: str = "rasti-warm",
        file: Path = ROOT / "prefect.yaml",
        log: str = "deploy",
    ) -> None:
        """The deployments of prefect.yaml (all, or those named) on a pool."""
        if not self.api.has_pool(pool):
            self.command("pool", "work-pool", "create", pool, "--type", kind)
        which = [part for name in names for part in ("--name", name)] or ["--all"]
        self.command(log, "--no-prompt", "deploy", *which, "--prefect-file", str(file), pool=pool)

    def command(self, name: str, *arguments: str, pool: str = POOL) -> None:
        """Run one command of Prefect's."""
        processes = Children(self.environment | {"PREFECT_DEFAULT_WORK_POOL_NAME": pool}, self.folder / "logs")
        processes.run(name, "prefect", *arguments)

    @contextmanager
    def worker(
        self, home: Path, *, pool: str = POOL, kind: str = "rasti-warm", halt: Halt | None = None, name: str = "worker"
    ) -> Iterator[Child]:
        """A worker for the rasti that lives in `home`; `halt` holds one of its runs somewhere."""
        environment = self.environment | {"RASTI_HOME": str(home), "RASTI_PROGRAMME": str(home / "programme.yaml")}
        with Children(environment | (halt.environment if halt else {}), home / "logs") as processes:
            worker = processes.start(name, "prefect", "worker", "start", "--pool", pool, "--type", kind)
            processes.until(lambda: "started!" in worker.log.read_text(), "the worker")
            yield worker

    def files_with(self, text: str) -> list[str]:
        """Prefect's database files and logs in which a text stands, in UTF-8 or as JSON escapes it."""
        escaped = text.encode("unicode_escape").replace(b"\\x", b"\\u00")
        return [
            file.name
            for file in [*self.folder.glob("prefect.db*"), *self.folder.glob("logs/*")]
            if any(form in file.read_bytes() for form in (text.encode(), escaped))
        ]

    def get(self, path: str) -> Any:
        """One call of the API that only reads."""
        return self._call("GET", path, None)

    def post(self, path: str, body: object) -> Any:
        """One call of the API."""
        return self._call("POST", path, body)

    def patch(self, path: str, body: object) -> Any:
        """One call of the API that changes something."""
        return self._call("PATCH", path, body)

    def delete(self, path: str) -> None:
        """One call of the API that deletes something."""
        self._call("DELETE", path, None)

    def _call(self, method: str, path: str, body: object) -> Any:
        """One call of the API; while SQLite's one writer is somebody else, again."""

        def answer() -> httpx.Response | None:
            response = httpx.request(method, f"{self.url}/{path}", json=body, timeout=30)
            return None if response.status_code == httpx.codes.SERVICE_UNAVAILABLE else response

        response = eventually(answer, what=path).raise_for_status()
        return response.json() if response.content else None

    def artifact(self, key: str) -> dict[str, Any]:
        """The newest artifact under a key."""
        found: list[dict[str, Any]] = self.post("artifacts/latest/filter", {"artifacts": {"key": {"any_": [key]}}})
        return found[0]

    def run_state(self, run_id: object) -> str:
        """A run's state type; empty: there is no such run."""
        return next((run["state_type"] for run in self.api.runs([UUID(str(run_id))])), "")

    def state_name(self, run_id: object) -> str:
        """A run's state as it is shown; empty: there is no such run."""
        return next((run["state_name"] for run in self.api.runs([UUID(str(run_id))])), "")

    def finished(self, run_id: object, *, seconds: float = 60) -> dict[str, Any]:
        """A run when it has ended."""
        ended = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        eventually(lambda: self.run_state(run_id) in ended, seconds=seconds, what=f"run {run_id} has ended")
        return next(iter(self.api.runs([UUID(str(run_id))])))


def kill(child: Child) -> None:
    """SIGKILL for a process and whatever it has started."""
    os.killpg(child.pid, signal.SIGKILL)
    child.wait_or_kill(time.monotonic() + 10)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
