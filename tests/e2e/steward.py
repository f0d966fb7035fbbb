"""A steward as a process, for an installation and a Prefect server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from rasti.cli.processes import Children
from tests.e2e.conftest import Rasti


@contextmanager
def steward(rasti: Rasti, api_url: str, *, grace: float = 30) -> Iterator[None]:
    """It runs until the end of the context; `grace` in seconds is the guard's."""
    environment = os.environ | {
        "RASTI_HOME": str(rasti.home),
        "RASTI_PROGRAMME": str(rasti.home / "programme.yaml"),
        "RASTI_GUARD_GRACE": str(grace),
        "PREFECT_API_URL": api_url,
    }
    with Children(environment, rasti.home / "logs") as processes:
        child = processes.start("steward", "rasti.cli.main", "steward")
        processes.until(lambda: "steward.started" in child.log.read_text(), "the steward")
        yield
