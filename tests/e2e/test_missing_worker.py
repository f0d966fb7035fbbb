"""A pool without a worker is seen, on a real server: its answers are not what a fake says they are."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from rasti.cli.main import run
from rasti.clients.prefect import PrefectApi, prefect_api
from rasti.steward.prefect_state import PrefectHealth, prefect_health
from tests.e2e.conftest import Rasti
from tests.e2e.prefect_server import PrefectServer
from tests.waiting import eventually

POOL = "nobody-works-here"


@pytest.fixture(scope="module")
def deserted(prefect: PrefectServer) -> str:
    """A pool to which one deployment was pointed, by mistake."""
    prefect.deploy("lead", pool=POOL)
    return POOL


def look(prefect: PrefectServer, rasti: Rasti) -> PrefectHealth:
    return prefect_health(rasti.book, partial(prefect_api, prefect.url))


def workers(health: PrefectHealth) -> dict[str, int]:
    assert health.state is not None, health.troubles
    return {pool.name: pool.workers for pool in health.state.pools}


def test_a_pool_without_a_worker_a_late_run_and_a_pause_are_seen(
    prefect: PrefectServer,
    rasti: Rasti,
    deserted: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    try:
        with prefect.worker(rasti.home):
            seen = eventually(lambda: (h := look(prefect, rasti)) and workers(h).get("rasti") and h, what="a worker")
            # One that was killed in a story before this one counts until its heartbeats are missed.
            assert workers(seen)[deserted] == 0
            assert workers(seen)["rasti"] >= 1
            assert "no_worker" in seen.codes
        lead = prefect.api.deployment_id("lead")
        due = (datetime.now(UTC) - timedelta(minutes=2)).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due}}
        late = prefect.post(f"deployments/{lead}/create_flow_run", {"state": state, "parameters": {"lead_id": 1}})
        prefect.patch(f"work_pools/{deserted}", {"is_paused": True})
        prefect.api.make_pool(deserted, "rasti-warm")
        seen = look(prefect, rasti)
        assert {"no_worker", "pool_paused", "runs_late"} <= set(seen.codes)
        assert seen.state is not None
        assert seen.state.oldest_late >= 118
        assert seen.state.missing == ()

        for name, value in {"HOME": rasti.home, "PROGRAMME": rasti.home / "programme.yaml"}.items():
            monkeypatch.setenv(f"RASTI_{name}", str(value))
        monkeypatch.setenv("PREFECT_API_URL", prefect.url)
        assert run(["status", "--json"]) == 0
        said = json.loads(capsys.readouterr().out)["prefect"]
        assert {"no_worker", "pool_paused", "runs_late"} <= set(said["reasons"])
        prefect.delete(f"flow_runs/{late['id']}")
    finally:
        prefect.patch(f"work_pools/{deserted}", {"is_paused": False})
        prefect.deploy("lead")
    assert deserted not in workers(look(prefect, rasti))


def test_a_deployment_that_is_gone_is_named(prefect: PrefectServer, rasti: Rasti) -> None:
    prefect.delete(f"deployments/{prefect.api.deployment_id('sweep')}")
    try:
        seen = look(prefect, rasti)
        assert seen.state is not None
        assert seen.state.missing == ("sweep",)
    finally:
        prefect.deploy("sweep")
        prefect.api.close()  # it remembers the id of the one that is gone
        prefect.api = PrefectApi(prefect.url)
    assert look(prefect, rasti).state.missing == ()  # type: ignore[union-attr]
