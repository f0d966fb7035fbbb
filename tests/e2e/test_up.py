"""`rasti up`: the demo's story, a clean stop, and clear words when a start fails."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.e2e.prefect_server import ROOT, free_port
from tests.waiting import eventually


class Up:
    """A running `rasti up`."""

    def __init__(self, home: Path, *options: str, **environment: str) -> None:
        self.port = free_port()
        self.home = home
        self.output = home / "output.txt"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("RASTI_", "PREFECT_"))}
        self.portal_url = f"http://127.0.0.1:{free_port()}"
        settings = {
            "RASTI_HOME": str(home),
            "RASTI_LANGUAGE": "en",
            "RASTI_PORTAL_URL": self.portal_url,
            "PREFECT_SERVER_API_PORT": str(self.port),
        }
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rasti.cli.main", "up", *options],
                env=clean | settings | environment,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def says(self, text: str) -> bool:
        assert self.process.poll() is None or text in self.output.read_text(), self.output.read_text()
        return text in self.output.read_text()

    def left_behind(self) -> list[str]:
        """Processes that still know this home."""
        return [
            command
            for folder in Path("/proc").iterdir()
            if folder.name.isdigit() and str(self.home) in _read(folder / "environ")
            if (command := _read(folder / "cmdline").replace("\0", " ").strip())
        ]


@contextmanager
def up(home: Path, *options: str, **environment: str) -> Iterator[Up]:
    running = Up(home, *options, **environment)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait(60)
    assert running.left_behind() == []


def test_the_demo_ends_well_by_itself(tmp_path: Path) -> None:
    with up(tmp_path, "--demo", "--exit") as running:
        status = running.process.wait(240)
        assert status == 0, running.output.read_text()
        assert "The story came out as it must" in running.output.read_text()
        assert running.left_behind() == []


def test_the_schedules_create_runs(tmp_path: Path) -> None:
    """The night's ranking and the sweep begin by themselves; every other test starts its runs by hand."""

    def scheduled() -> set[str]:
        body = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}, "limit": 200}
        answer = httpx.post(f"http://127.0.0.1:{running.port}/api/flow_runs/filter", json=body)
        return {tag for run in answer.raise_for_status().json() for tag in run["tags"]}

    with up(tmp_path) as running:
        eventually(lambda: running.says("Ready after"), seconds=120, what="ready")
        eventually(lambda: scheduled() >= {"ranking", "billing", "sweep"}, seconds=90, what="runs of the schedules")
        assert "ERROR" not in "".join(
            line for line in _read(tmp_path / "logs" / "prefect-server.log").splitlines() if "schedule" in line
        )


def test_a_deployment_that_was_paused_is_still_paused_after_the_next_start(tmp_path: Path) -> None:
    def ranking() -> str:
        name = "monthly-ranking"
        found = httpx.get(f"http://127.0.0.1:{running.port}/api/deployments/name/{name}/{name}").raise_for_status()
        return f"{found.json()['id']} {'paused' if found.json()['paused'] else 'active'}"

    with up(tmp_path) as running:
        eventually(lambda: running.says("Ready after"), seconds=120, what="ready")
        deployment_id = ranking().removesuffix(" active")
        url = f"http://127.0.0.1:{running.port}/api/deployments/{deployment_id}/pause_deployment"
        httpx.post(url, timeout=30).raise_for_status()
    with up(tmp_path) as running:
        eventually(lambda: running.says("Kept: the deployment monthly-ranking is paused."), seconds=120, what="kept")
        assert ranking() == f"{deployment_id} paused"


def test_ctrl_c_stops_everything(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        eventually(lambda: running.says("Ready after"), seconds=120, what="ready")
        assert len(running.left_behind()) >= 4
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(60) == 0
        assert "Stopped." in running.output.read_text()
        assert running.left_behind() == []


def test_a_start_that_is_stopped_half_way_leaves_nothing(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        eventually(lambda: (tmp_path / "logs" / "steward.log").exists(), what="the first processes")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(60) == 0
        assert running.left_behind() == []


def test_killed_it_leaves_no_orphans(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        eventually(lambda: (tmp_path / "logs" / "steward.log").exists(), what="the first processes")
        running.process.kill()
        running.process.wait()
        eventually(lambda: not running.left_behind(), what="all processes ended")


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with up(tmp_path, PREFECT_SERVER_API_PORT=port) as running:
            assert running.process.wait(60) == 1
            said = running.output.read_text()
    assert f"Port {port} on 127.0.0.1" in said
    assert "PREFECT_SERVER_API_PORT=" in said
    assert not (tmp_path / "rasti.sqlite3").exists()


def test_a_server_that_cannot_start_is_reported_with_its_log(tmp_path: Path) -> None:
    broken = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": "sqlite+aiosqlite:////nowhere/at/all.db"}
    with up(tmp_path, **broken) as running:
        assert running.process.wait(120) == 1
        said = running.output.read_text()
        assert "Prefect server has stopped" in said
        assert str(tmp_path / "logs" / "prefect-server.log") in said
        assert running.left_behind() == []


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode(errors="replace")
    except OSError:
        return ""
