"""Prefect's HTTP API, the few calls we need: create scheduled runs in bulk, find them, delete them."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx

from rasti.errors import Unavailable
from rasti.settings import prefect_setting

MOST_CREATED = 100  # a call of create_flow_run/bulk
MOST_FOUND = 200  # a page of flow_runs/filter
MOST_DELETED = 50  # a call of flow_runs/bulk_delete
UNFINISHED = ["PENDING", "RUNNING"]
BUSY_PAUSES = (0.2, 0.5, 1.0)  # seconds; Prefect on SQLite says 503 while another has the one write lock
TIMEOUT = httpx.Timeout(20.0, connect=2.0)
QUICK = httpx.Timeout(1.0)  # for somebody who waits at a page
MISSED_HEARTBEATS = 3  # after so many a worker counts as gone, as for Prefect itself
HEARTBEAT = 30.0  # seconds, where a worker does not say how often it reports

# A work pool's job variables: none. The server validates every run that it creates against them.
MINIMAL_TEMPLATE: dict[str, Any] = {
    "job_configuration": {"labels": {}},
    "variables": {"type": "object", "properties": {}},
}


@dataclass(frozen=True)
class NewRun:
    """A run to create: when, with which parameters (ids), under which name and tags.

    The same idempotency key gives the run that exists, also a failed one: a new try needs a new key.
    """

    parameters: Mapping[str, object]
    name: str
    tags: tuple[str, ...]
    idempotency_key: str
    due: datetime


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that some worker has taken, and how long it has been Pending or Running, by the server's own clock."""

    id: UUID
    name: str
    lasts: timedelta


@dataclass(frozen=True)
class Pool:
    """A work pool that our deployments use, and how many of its workers are online."""

    name: str
    paused: bool
    workers: int


@dataclass(frozen=True)
class PrefectState:
    """How deployments and their pools do; `oldest_late` in seconds, by the server's clock."""

    missing: tuple[str, ...]  # deployments that there should be
    paused: tuple[str, ...]  # deployments that somebody paused
    pools: tuple[Pool, ...]
    late: int  # runs that no worker has taken in time
    oldest_late: float


class PrefectApi:
    """A connection to a Prefect server; the URL ends with /api. All failures are Unavailable."""

    def __init__(
        self,
        url: str,
        *,
        auth: str | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        busy_pauses: Sequence[float] = BUSY_PAUSES,
    ) -> None:
        user, _colon, password = (auth or "").partition(":")
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/",
            auth=(user, password) if auth else None,
            timeout=timeout,
            transport=transport,
        )
        self._deployments: dict[str, UUID] = {}
        self._busy_pauses = busy_pauses

    def close(self) -> None:
        self._http.close()

    def check(self) -> None:
        """Raises Unavailable unless the server answers."""
        self._call("GET", "health")

    def is_up(self) -> bool:
        """Whether the server answers; asked once, for somebody waits. One that is busy (503) is up."""
        try:
            return self._http.get("health").status_code in (httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE)
        except httpx.HTTPError:
            return False

    def has_pool(self, name: str) -> bool:
        """Whether there is a work pool of this name."""
        return any(pool["name"] == name for pool in self._call("POST", "work_pools/filter", {}))

    def make_pool(self, name: str, worker_type: str) -> None:
        """A work pool without job variables, if there is none of this name."""
        if not self.has_pool(name):
            template = MINIMAL_TEMPLATE
            self._call("POST", "work_pools/", {"name": name, "type": worker_type, "base_job_template": template})

    def deployment_id(self, name: str) -> UUID:
        """The id of one of our deployments, whose flow has the same name."""
        if name not in self._deployments:
            self._deployments[name] = UUID(self._call("GET", f"deployments/name/{name}/{name}")["id"])
        return self._deployments[name]

    def create_runs(self, deployment: str, runs: Sequence[NewRun]) -> list[UUID]:
        """Create scheduled runs, at most 100; their ids in the same order. All of them, or Unavailable.

        Some may have been created even then: asked for again with the same keys, the same ones are returned.
        """
        body = [
            {
                "state": {"type": "SCHEDULED", "state_details": {"scheduled_time": run.due.isoformat()}},
                "name": run.name,
                "parameters": dict(run.parameters),
                "tags": list(run.tags),
                "idempotency_key": run.idempotency_key,
                # The deployment's schema asks for nothing that we do not know to be right.
                "enforce_parameter_schema": False,
            }
            for run in runs
        ]
        try:
            path = f"deployments/{self.deployment_id(deployment)}/create_flow_run/bulk"
            for pause in (*BUSY_PAUSES, None):
                results = self._call("POST", path, body)["results"]
                failed = [result for result in results if not result.get("flow_run_id")]
                if not failed or pause is None:
                    break
                time.sleep(pause)
        except Unavailable:
            self._deployments.pop(deployment, None)  # it may have been made anew, under another id
            raise
        if failed:
            raise Unavailable(
                "Prefect did not create {count} of {total} runs of {deployment}: {why}",
                count=len(failed),
                total=len(runs),
                deployment=deployment,
                why=str(failed[0].get("error")).partition("\n")[0],
            )
        return [UUID(result["flow_run_id"]) for result in results]

    def start_run(self, deployment: str, parameters: dict[str, Any]) -> UUID:
        """Create one run that is due now, as the UI's form does; its id."""
        body = {"parameters": parameters, "idempotency_key": str(uuid4())}
        return UUID(self._call("POST", f"deployments/{self.deployment_id(deployment)}/create_flow_run", body)["id"])

    def existing(self, ids: Collection[UUID]) -> set[UUID]:
        """Which of these runs exist."""
        return {UUID(run["id"]) for run in self.runs(ids)}

    def runs(self, ids: Collection[UUID]) -> Iterator[dict[str, Any]]:
        """These runs, as the API describes them; those that do not exist are left out."""
        for part in _parts(ids, MOST_FOUND):
            body = {"flow_runs": {"id": {"any_": [str(id) for id in part]}}, "limit": MOST_FOUND}
            yield from self._call("POST", "flow_runs/filter", body)

    def unfinished(self, flows: Sequence[str]) -> list[UnfinishedRun]:
        """The runs of these flows that are Pending or Running, the oldest first, at most 200."""
        body = {
            "flows": {"name": {"any_": list(flows)}},
            "flow_runs": {"state": {"type": {"any_": UNFINISHED}}},
            "sort": "EXPECTED_START_TIME_ASC",
            "limit": MOST_FOUND,
        }
        response = self._answer("POST", "flow_runs/filter", body)
        now = _date(response)
        return [
            UnfinishedRun(UUID(run["id"]), run["name"], now - _instant(run["state"]["timestamp"]))
            for run in response.json()
        ]

    def crash(self, run: UnfinishedRun, *, why: str) -> bool:
        """Say of a run that it crashed, which frees what it held of its deployment's limit; False: it had ended."""
        state = {"type": "CRASHED", "name": "Crashed", "message": why}
        answer = self._call("POST", f"flow_runs/{run.id}/set_state", {"state": state})
        return bool(answer["status"] == "ACCEPT")

    def delete_scheduled(self, ids: Collection[UUID]) -> int:
        """Delete those of these runs that have not begun; how many there were."""
        deleted = 0
        for part in _parts(ids, MOST_DELETED):
            body = {
                "flow_runs": {
                    "id": {"any_": [str(id) for id in part]},
                    "state": {"type": {"any_": ["SCHEDULED"]}},
                },
                "limit": MOST_DELETED,
            }
            deleted += len(self._call("POST", "flow_runs/bulk_delete", body)["deleted"])
        return deleted

    def state(self, names: Sequence[str], *, late_after: timedelta) -> PrefectState:
        """How our deployments of these names do, and how many runs of their flows are late by more than this."""
        ours = {"name": {"any_": list(names)}}
        response = self._answer("POST", "deployments/filter", {"flows": ours, "deployments": ours})
        now, found = _date(response), response.json()
        pool_names = sorted({deployment["work_pool_name"] for deployment in found if deployment["work_pool_name"]})
        pools = self._call("POST", "work_pools/filter", {"work_pools": {"name": {"any_": pool_names}}})
        late = {
            "flows": ours,
            "flow_runs": {
                "state": {"name": {"any_": ["Scheduled", "Late"]}},
                "next_scheduled_start_time": {"before_": (now - late_after).isoformat()},
            },
        }
        count = self._call("POST", "flow_runs/count", late)
        first = {"sort": "NEXT_SCHEDULED_START_TIME_ASC", "limit": 1}
        oldest = self._call("POST", "flow_runs/filter", late | first) if count else []
        return PrefectState(
            missing=tuple(sorted(set(names) - {deployment["name"] for deployment in found})),
            paused=tuple(sorted(deployment["name"] for deployment in found if deployment["paused"])),
            pools=tuple(Pool(pool["name"], pool["is_paused"], self._workers(pool["name"], now)) for pool in pools),
            late=count,
            oldest_late=max(
                ((now - _instant(run["next_scheduled_start_time"])).total_seconds() for run in oldest), default=0.0
            ),
        )

    def _workers(self, pool: str, now: datetime) -> int:
        """How many workers of a pool were heard of lately. Prefect's own word for that comes later, from a service."""
        workers = self._call("POST", f"work_pools/{quote(pool, safe='')}/workers/filter", {})
        return sum(
            worker["last_heartbeat_time"] is not None
            and now - _instant(worker["last_heartbeat_time"])
            <= MISSED_HEARTBEATS * timedelta(seconds=worker["heartbeat_interval_seconds"] or HEARTBEAT)
            for worker in workers
        )

    def _call(self, method: str, path: str, body: object = None) -> Any:
        response = self._answer(method, path, body)
        try:
            return response.json() if response.content else None
        except ValueError as error:
            raise self._unreachable(error) from error

    def _answer(self, method: str, path: str, body: object) -> httpx.Response:
        try:
            response = self._http.request(method, path, json=body)
            for pause in self._busy_pauses:
                if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    break
                time.sleep(pause)
                response = self._http.request(method, path, json=body)
            return response.raise_for_status()
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND and "deployments/" in path:
                raise Unavailable(
                    "Prefect at {url} has no deployment for {path}: run `prefect deploy --all`.",
                    url=self._http.base_url,
                    path=path,
                ) from error
            if error.response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                raise Unavailable(
                    "Prefect at {url} does not let us in (status {status}): set PREFECT_API_AUTH_STRING to what its "
                    "server has as PREFECT_SERVER_API_AUTH_STRING.",
                    url=self._http.base_url,
                    status=error.response.status_code,
                ) from error
            raise Unavailable(
                "Prefect at {url} refused {path}: status {status}.",
                url=self._http.base_url,
                path=path,
                status=error.response.status_code,
            ) from error
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> Unavailable:
        return Unavailable(
            "Prefect at {url} cannot be reached: {why}.", url=self._http.base_url, why=error or type(error).__name__
        )


@contextmanager
def prefect_api(
    url: str, *, timeout: httpx.Timeout = TIMEOUT, busy_pauses: Sequence[float] = BUSY_PAUSES
) -> Iterator[PrefectApi]:
    """Prefect's API, with the authentication that Prefect's own setting holds."""
    auth = prefect_setting("PREFECT_API_AUTH_STRING")
    api = PrefectApi(url, auth=auth, timeout=timeout, busy_pauses=busy_pauses)
    try:
        yield api
    finally:
        api.close()


def open_quickly(url: str) -> AbstractContextManager[PrefectApi]:
    """The same for somebody who waits for no more than a second or so: a busy server is not asked again."""
    return prefect_api(url, timeout=QUICK, busy_pauses=())


def _date(response: httpx.Response) -> datetime:
    """The server's own clock."""
    return parsedate_to_datetime(response.headers["date"])


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _parts(ids: Collection[UUID], size: int) -> Iterator[list[UUID]]:
    ordered = sorted(ids)
    return (ordered[start : start + size] for start in range(0, len(ordered), size))
