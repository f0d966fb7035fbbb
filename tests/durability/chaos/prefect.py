"""Prefect in a chaos run: a server with a database of its own and two warm workers, set up as `rasti up` does it."""

import os
import subprocess
import sys
from pathlib import Path

from rasti.cli.machine import POOL, WORKER_TYPE, deploy_command, prefect_environment, server_command, worker_command
from rasti.clients.prefect import prefect_api
from tests.durability.chaos.processes import Component, wait_for

WORKERS = 2


class Prefect:
    """The server and its workers; `environment` is what everybody needs to find the server."""

    def __init__(self, folder: Path, port: int, ours: dict[str, str]) -> None:
        self._folder = folder
        self.environment = prefect_environment(folder, port)
        everything = ours | self.environment
        self.server = Component(
            "prefect", "prefect", _python(*server_command(port)), folder / "prefect.log", everything, port
        )
        self.workers = [
            Component(name, "worker", _python(*worker_command(name)), folder / f"{name}.log", everything)
            for name in (f"worker-{number + 1}" for number in range(WORKERS))
        ]

    def come_up(self) -> None:
        """Start the server, make the pool, apply prefect.yaml."""
        self.server.start()
        wait_for([self.server])
        with prefect_api(self.environment["PREFECT_API_URL"]) as api:
            api.make_pool(POOL, WORKER_TYPE)
        deployed = subprocess.run(
            _python(*deploy_command()),
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if deployed.returncode:
            raise RuntimeError(f"prefect deploy: {deployed.stdout}{deployed.stderr}")


def _python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]
