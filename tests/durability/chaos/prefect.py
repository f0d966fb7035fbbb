"""Prefect in a chaos run: a server and two warm workers, set up as `rasti up` does it.

Its database is on the PostgreSQL that is killed too, as in production; where that lacks the extension pg_trgm, a file.
"""

import os
import subprocess
import sys
from pathlib import Path

import psycopg

from rasti.cli.machine import POOL, WORKER_TYPE, deploy_command, prefect_environment, server_command, worker_command
from rasti.clients.prefect import prefect_api
from tests.durability.chaos.processes import Component, Postgres, wait_for

WORKERS = 2
DATABASE = "prefect"


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

    def come_up(self, postgres: Postgres) -> None:
        """Start the server, make the pool, apply prefect.yaml."""
        if _make_database(postgres.address):
            url = f"postgresql+asyncpg://{postgres.address.partition('://')[2].rpartition('/')[0]}/{DATABASE}"
            self.server.environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = url
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


def _make_database(address: str) -> bool:
    """A database for Prefect on the server of this address; False: its PostgreSQL lacks what Prefect needs."""
    with psycopg.connect(address, autocommit=True) as connection:
        row = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'").fetchone()
        if row is not None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        return row is not None


def _python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]
