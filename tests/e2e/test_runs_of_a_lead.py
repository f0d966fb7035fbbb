"""A lead's runs in Prefect: the normal path to a verdict and to the fallback (D11-D13)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlmodel import col, select

from models import Tenure, Violation
from rasti.steward.guard import guard_round
from rasti.steward.relay import deliver
from rasti.steward.runs import create_runs, delete_decided_runs
from tests.builders import SECOND, WINNER, open_attempt
from tests.e2e.conftest import Rasti
from tests.e2e.neglect import first_checkpoint, neglected_lead, run_of, winner_holds
from tests.e2e.prefect_server import PrefectServer
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("worker")

NOBODY_KNOWS = {"name": "Серафима Ъюдашкина", "phone": "+7 901 987-65-43", "email": "serafima@secret-client.example"}


@pytest.fixture(scope="module", autouse=True)
def began(rasti: Rasti) -> datetime:
    """Since when there are runs of this module's leads; the server also has those of others, with the same numbers."""
    winner_holds(rasti)
    return datetime.now(UTC)


def runs_by_name(prefect: PrefectServer, name: str, since: datetime) -> list[dict[str, str]]:
    runs: list[dict[str, str]] = prefect.post("flow_runs/filter", {"flow_runs": {"name": {"any_": [name]}}})
    return [run for run in runs if datetime.fromisoformat(run["created"]) >= since]


def test_a_neglected_lead_is_judged_by_its_run_and_goes_to_the_next_partner(
    prefect: PrefectServer, rasti: Rasti, began: datetime
) -> None:
    lead = neglected_lead(rasti, 1)
    assert create_runs(rasti.book, prefect.api, limit=100) == 4  # the lead's, and one for each checkpoint
    checkpoint = first_checkpoint(rasti.book, lead)
    run = prefect.finished(run_of(rasti.book, checkpoint.id))

    assert (run["state_type"], run["name"]) == ("COMPLETED", f"lead {lead} · 1 hour")
    assert set(run["tags"]) == {"checkpoint", "1h", f"lead:{lead}"}
    assert first_checkpoint(rasti.book, lead).judged_by == f"flow-run:{run['id']}"
    attempt = open_attempt(rasti.book, lead)
    assert attempt is not None
    assert (attempt.number, attempt.partner_code) == (2, SECOND)
    with rasti.book.read() as tx:
        violation = tx.all(select(Violation))[0]
        assert violation.acted_by is not None
        assert prefect.run_state(violation.acted_by.removeprefix("flow-run:")) == "COMPLETED"
        assert [tenure.partner_code for tenure in tx.all(select(Tenure).order_by(col(Tenure.id)))] == [WINNER, SECOND]
    assert len(runs_by_name(prefect, f"lead {lead} · fallback (violation {violation.id})", began)) == 1

    report = guard_round(rasti.book, grace=timedelta(seconds=30))
    assert (report.judged, report.switches, report.handed_over) == (0, 0, 0)


def test_scheduled_runs_of_decided_checkpoints_are_deleted(prefect: PrefectServer, rasti: Rasti) -> None:
    lead = neglected_lead(rasti, 2)
    create_runs(rasti.book, prefect.api, limit=100)
    checkpoint = first_checkpoint(rasti.book, lead)
    later = [run_of(rasti.book, checkpoint.id + offset) for offset in (1, 2)]
    assert [prefect.run_state(run) for run in later] == ["SCHEDULED", "SCHEDULED"]
    prefect.finished(run_of(rasti.book, checkpoint.id))

    assert delete_decided_runs(rasti.book, prefect.api) >= 2
    assert [prefect.run_state(run) for run in later] == ["", ""]
    assert delete_decided_runs(rasti.book, prefect.api) == 0


def test_a_run_that_is_executed_twice_finds_its_work_done(prefect: PrefectServer, rasti: Rasti) -> None:
    lead = neglected_lead(rasti, 3)
    create_runs(rasti.book, prefect.api, limit=100)
    checkpoint = first_checkpoint(rasti.book, lead)
    first = prefect.finished(run_of(rasti.book, checkpoint.id))
    # RUNNING again is what Prefect does to a run whose worker it has lost.
    state = {"state": {"type": "SCHEDULED"}, "force": True}
    prefect.post(f"flow_runs/{first['id']}/set_state", state)
    eventually(lambda: next(iter(prefect.api.runs([UUID(str(first["id"]))])))["run_count"] == 2, what="run again")
    again = prefect.finished(first["id"])

    assert again["state_type"] == "COMPLETED"
    assert again["state"]["message"] == f"Lead {lead}, 1 hour: violated, known already."
    with rasti.book.read() as tx:
        assert len(tx.all(select(Violation).where(col(Violation.checkpoint_id) == checkpoint.id))) == 1


def test_a_run_for_a_checkpoint_that_has_its_verdict_is_not_created(
    prefect: PrefectServer, rasti: Rasti, began: datetime
) -> None:
    lead = neglected_lead(rasti, 4)
    guard_round(rasti.book, grace=timedelta(0))
    checkpoint = first_checkpoint(rasti.book, lead)
    create_runs(rasti.book, prefect.api, limit=100)
    assert run_of(rasti.book, checkpoint.id) == "None"
    assert runs_by_name(prefect, f"lead {lead} · 1 hour", began) == []


def test_no_personal_data_is_anywhere_in_prefect(prefect: PrefectServer, rasti: Rasti) -> None:
    lead = neglected_lead(rasti, 5, **NOBODY_KNOWS)
    create_runs(rasti.book, prefect.api, limit=100)
    prefect.finished(run_of(rasti.book, first_checkpoint(rasti.book, lead).id))
    deliver(rasti.book, rasti.settings)
    failed = prefect.finished(prefect.api.start_run("lead", {"lead_id": 999_999}))
    assert failed["state_type"] == "FAILED"
    for run in (prefect.api.start_run("lead", {"lead_id": lead}), prefect.api.start_run("sweep", {})):
        assert prefect.finished(run)["state_type"] == "COMPLETED"

    eventually(lambda: prefect.files_with("There is no lead 999999"), what="the log of the failed run is written")
    assert prefect.files_with(f"lead {lead} · 1 hour")  # the search finds what is there
    in_logs = [path for path in (rasti.home / "logs").iterdir() if path.is_file()]
    for secret in (*NOBODY_KNOWS.values(), "79019876543", "9019876543"):
        assert prefect.files_with(secret) == []
        assert not [path for path in in_logs if secret in path.read_text()]


def test_a_lead_shows_where_it_stands(prefect: PrefectServer, rasti: Rasti) -> None:
    lead = neglected_lead(rasti, 6)
    prefect.finished(prefect.api.start_run("lead", {"lead_id": lead}))
    shown = prefect.artifact(f"lead-{lead}")["data"]
    assert f"## Lead {lead}: in_work" in shown
    assert "| 1 hour |" in shown


def test_a_cancelled_run_is_not_begun(prefect: PrefectServer, rasti: Rasti) -> None:
    lead = neglected_lead(rasti, 7)
    create_runs(rasti.book, prefect.api, limit=100)
    run = run_of(rasti.book, first_checkpoint(rasti.book, lead).id + 2)  # due in two weeks
    state = {"state": {"type": "CANCELLING"}}
    prefect.post(f"flow_runs/{run}/set_state", state)
    assert prefect.finished(run)["state_type"] == "CANCELLED"


def test_a_flow_that_cannot_be_loaded_is_a_crashed_run(prefect: PrefectServer) -> None:
    flow_id = prefect.post("flows/", {"name": "nowhere"})["id"]
    deployment = {
        "name": "nowhere",
        "flow_id": flow_id,
        "work_pool_name": "rasti",
        "entrypoint": "flows.nowhere.nowhere",
    }
    prefect.post("deployments/", deployment)
    run = prefect.finished(prefect.api.start_run("nowhere", {}))
    assert run["state_type"] == "CRASHED"
    assert "ModuleNotFoundError" in run["state"]["message"]
