"""Prefect as a page asks for it: is it there, start a run, how is that run doing. Quick, or not at all."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from rasti.clients.prefect import QUICK, PrefectApi, prefect_api
from rasti.errors import Unavailable

_RUNNING = frozenset({"SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"})

Open = Callable[[], AbstractContextManager[PrefectApi]]


@dataclass(frozen=True)
class RunState:
    """How a flow run is doing: Prefect's word for it, what it says, and whether that may still change."""

    name: str
    message: str
    running: bool


@dataclass(frozen=True)
class Prefect:
    """The Prefect server of an installation; `open_quickly` is for somebody who waits at a page."""

    url: str  # of its API, ends with /api
    open: Open
    open_quickly: Open

    @classmethod
    def at(cls, url: str) -> "Prefect":
        """The server at this URL."""
        return cls(url, partial(prefect_api, url), partial(prefect_api, url, timeout=QUICK))

    def is_up(self) -> bool:
        """Whether the server answers within about a second."""
        with self.open_quickly() as api:
            return api.is_up()

    def start(self, deployment: str, parameters: dict[str, Any]) -> UUID:
        """Start a run now; its id. Raises Unavailable."""
        with self.open() as api:
            return api.start_run(deployment, parameters)

    def state_of(self, run_id: UUID) -> RunState | None:
        """How a run is doing; None: nobody can say now, or it is gone."""
        try:
            with self.open_quickly() as api:
                run = next(iter(api.runs([run_id])), None)
        except Unavailable:
            return None
        if run is None:
            return None
        state = run.get("state") or {}
        kind = str(run.get("state_type") or "")
        return RunState(str(run.get("state_name") or kind.title()), str(state.get("message") or ""), kind in _RUNNING)

    def link(self, run_id: UUID | str) -> str:
        """The run's page in Prefect's own UI."""
        return f"{self.url.rstrip('/').removesuffix('/api')}/runs/flow-run/{run_id}"
