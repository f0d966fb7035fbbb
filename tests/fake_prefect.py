"""Prefect's API as far as we use it, in memory, behind an HTTP transport."""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from uuid import UUID, uuid4

import httpx

from rasti.clients.prefect import PrefectApi

NAMES = ("lead", "checkpoint", "fallback", "monthly-ranking", "sweep", "ingest-invoices")


@dataclass
class FakePrefect:
    """Runs by id; `now` is its clock.

    `down` refuses every connection, `busy` answers 503 so many times, `deployed` False knows nothing, `password` is
    asked for. One worker reported last at `heard_at`, by default now; names in `paused` are deployments, or the pool.
    """

    runs: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    now: datetime = datetime(2019, 9, 2, 7, tzinfo=UTC)
    down: bool = False
    busy: int = 0
    deployed: bool = True
    calls: list[str] = field(default_factory=list)
    authorization: str | None = None
    password: str | None = None
    heard_at: datetime | None = None
    paused: set[str] = field(default_factory=set)
    _deployments: dict[str, UUID] = field(default_factory=lambda: {name: uuid4() for name in NAMES})

    def api(self, auth: str | None = None) -> PrefectApi:
        """A client that talks to this server."""
        return PrefectApi("http://prefect.example/api", auth=auth, transport=httpx.MockTransport(self._answer))

    @contextmanager
    def opened(self) -> Iterator[PrefectApi]:
        """The same, closed afterwards."""
        api = self.api()
        try:
            yield api
        finally:
            api.close()

    def named(self, name: str) -> list[dict[str, Any]]:
        """The runs of this name."""
        return [run for run in self.runs.values() if run["name"] == name]

    def forget_everything(self) -> None:
        """The database is deleted; the deployments are made anew, under other ids."""
        self.runs.clear()
        self._deployments = {name: uuid4() for name in NAMES}

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/")
        if self.down:
            raise httpx.ConnectError("connection refused", request=request)
        self.calls.append(path)
        self.authorization = request.headers.get("authorization")
        if self.busy:
            self.busy -= 1
            return httpx.Response(503)
        body = json.loads(request.content) if request.content else None
        if path == "health":  # which Prefect answers without a password
            return httpx.Response(200, json=True)
        if self.password is not None and self.authorization != _basic(self.password):
            return httpx.Response(401)
        if path in ("deployments/filter", "work_pools/filter", "work_pools/rasti/workers/filter", "flow_runs/count"):
            return httpx.Response(200, json=self._state(path, body), headers=self._date)
        if path == "flow_runs/filter" and "next_scheduled_start_time" in body["flow_runs"]:
            return httpx.Response(200, json=self._late(body)[: body["limit"]])
        if path.startswith("deployments/name/"):
            if not self.deployed:
                return httpx.Response(404)
            return httpx.Response(200, json={"id": str(self._deployments[path.rpartition("/")[2]])})
        if path.endswith("/create_flow_run/bulk"):
            return self._create(path, body)
        if path.endswith("/create_flow_run"):
            run = body | {"id": str(uuid4()), "name": "run", "state_type": "SCHEDULED", "state_name": "Scheduled"}
            run["deployment"] = path.split("/")[1]
            self.runs[UUID(run["id"])] = run
            return httpx.Response(201, json=run)
        if path.endswith("/set_state"):
            return self._set_state(UUID(path.split("/")[1]), body["state"])
        if path == "flow_runs/filter" and "flows" in body:
            return self._of_flows(body)
        wanted = [self.runs[UUID(id)] for id in body["flow_runs"]["id"]["any_"] if UUID(id) in self.runs]
        if path == "flow_runs/filter":
            return httpx.Response(200, json=wanted)
        assert path == "flow_runs/bulk_delete", path
        assert len(body["flow_runs"]["id"]["any_"]) <= 50
        scheduled = [run["id"] for run in wanted if run["state_type"] == "SCHEDULED"]
        for id in scheduled:
            del self.runs[UUID(id)]
        return httpx.Response(200, json={"deleted": scheduled})

    def take(self, run_id: UUID, state: str) -> None:
        """A worker takes a run: it is Pending or Running from now on."""
        self.runs[run_id] |= {"state_type": state, "state": {"type": state, "timestamp": self.now.isoformat()}}

    @property
    def _date(self) -> dict[str, str]:
        return {"date": format_datetime(self.now, usegmt=True)}

    def _state(self, path: str, body: Any) -> object:
        if path == "deployments/filter":
            names = [
                name for name in body["deployments"]["name"]["any_"] if self.deployed and name in self._deployments
            ]
            return [{"name": name, "work_pool_name": "rasti", "paused": name in self.paused} for name in names]
        if path == "work_pools/filter":
            return [{"name": name, "is_paused": name in self.paused} for name in body["work_pools"]["name"]["any_"]]
        if path == "flow_runs/count":
            return len(self._late(body))
        heard_at = (self.heard_at or self.now).isoformat()
        return [{"name": "worker", "last_heartbeat_time": heard_at, "heartbeat_interval_seconds": 30}]

    def _late(self, body: Any) -> list[dict[str, Any]]:
        assert body["flow_runs"]["state"]["name"]["any_"] == ["Scheduled", "Late"]
        before = datetime.fromisoformat(body["flow_runs"]["next_scheduled_start_time"]["before_"])
        found = [
            {"next_scheduled_start_time": run["state"]["state_details"]["scheduled_time"]}
            for run in self.runs.values()
            if run["state_type"] == "SCHEDULED" and "state" in run
        ]
        late = [run for run in found if datetime.fromisoformat(run["next_scheduled_start_time"]) < before]
        return sorted(late, key=lambda run: run["next_scheduled_start_time"])

    def _of_flows(self, body: dict[str, Any]) -> httpx.Response:
        names = body["flows"]["name"]["any_"]
        deployments = {str(id) for name, id in self._deployments.items() if name in names}
        states = body["flow_runs"]["state"]["type"]["any_"]
        found = [run for run in self.runs.values() if run["deployment"] in deployments and run["state_type"] in states]
        return httpx.Response(200, json=found, headers=self._date)

    def _set_state(self, run_id: UUID, state: dict[str, Any]) -> httpx.Response:
        run = self.runs[run_id]
        if run["state_type"] not in ("PENDING", "RUNNING"):
            return httpx.Response(200, json={"status": "ABORT"})
        run |= {"state_type": state["type"], "state": state}
        return httpx.Response(200, json={"status": "ACCEPT"})

    def _create(self, path: str, body: list[dict[str, Any]]) -> httpx.Response:
        if UUID(path.split("/")[1]) not in self._deployments.values():
            return httpx.Response(404)
        assert len(body) <= 100
        results = []
        for new in body:
            known = [run for run in self.runs.values() if run["idempotency_key"] == new["idempotency_key"]]
            fresh = {"id": str(uuid4()), "state_type": "SCHEDULED", "deployment": path.split("/")[1]}
            run = known[0] if known else new | fresh
            self.runs[UUID(run["id"])] = run
            results.append({"flow_run_id": run["id"], "status": "CREATED"})
        return httpx.Response(200, json={"results": results})


def _basic(password: str) -> str:
    return f"Basic {b64encode(password.encode()).decode()}"
