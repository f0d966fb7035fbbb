"""Prefect as a page asks for it: is it there, start a run, how is that run doing. Quick, or not at all."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from rasti.clients.prefect import PrefectApi, open_quickly, prefect_api
from rasti.errors import Unavailable
from rasti.ledger.book import Book
from rasti.steward.prefect_state import PrefectHealth, prefect_health

_RUNNING = frozenset({"SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"})

KEPT = 10.0  # seconds for which what was seen of Prefect is believed

Open = Callable[[], AbstractContextManager[PrefectApi]]


@dataclass(frozen=True)
class RunState:
    """How a flow run is doing: Prefect's word for it, what it says, and whether that may still change."""

    name: str
    message: str
    running: bool


class _Kept:
    """What was seen last, for those who ask often: monitoring, and the desk, which refreshes itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._health: PrefectHealth | None = None
        self._until = 0.0

    def health(self, look: Callable[[], PrefectHealth]) -> PrefectHealth:
        with self._lock:  # whoever comes meanwhile waits for the same answer
            if self._health is None or time.monotonic() >= self._until:
                self._health = look()
                self._until = time.monotonic() + KEPT
            return self._health


@dataclass(frozen=True)
class Prefect:
    """The Prefect server of an installation; `open_quickly` is for somebody who waits at a page."""

    url: str  # of its API, ends with /api
    open: Open
    open_quickly: Open
    _kept: _Kept = field(default_factory=_Kept, compare=False)

    @classmethod
    def at(cls, url: str) -> "Prefect":
        """The server at this URL."""
        return cls(url, partial(prefect_api, url), partial(open_quickly, url))

    def is_up(self) -> bool:
        """Whether the server answers within about a second."""
        with self.open_quickly() as api:
            return api.is_up()

    def health(self, book: Book) -> PrefectHealth:
        """How it does, as seen in the last ten seconds. Raises Unavailable: the database."""
        return self._kept.health(lambda: prefect_health(book, self.open_quickly))

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
