"""The same deployments on Prefect's stock process pool: the warm worker can be left out."""

from datetime import UTC, datetime

import pytest

from models import Checkpoint
from rasti.cli.processes import Children
from rasti.ledger.leads import receive_lead
from rasti.ledger.tenures import activate
from rasti.rules.bodies import parse_lead
from rasti.steward.relay import deliver
from tests.builders import CAST, add_cast, lead_data, publish_places
from tests.e2e.conftest import LAST_MONTH, Rasti
from tests.e2e.prefect_server import PrefectServer


def test_a_checkpoint_is_judged_in_a_process_of_its_own(prefect: PrefectServer, rasti: Rasti) -> None:
    book = rasti.earlier(hours=2)
    add_cast(book)
    publish_places(book, LAST_MONTH, CAST[:3])
    activate(book, LAST_MONTH)
    body = lead_data(1, requested_at=datetime.now(UTC).isoformat())
    receive_lead(book, parse_lead(body))
    deliver(book, rasti.settings)
    prefect.deploy("checkpoint", pool="plain", kind="process")
    try:
        run = prefect.api.start_run("checkpoint", {"checkpoint_id": 1})
        environment = prefect.environment | {
            "RASTI_HOME": str(rasti.home),
            "RASTI_PROGRAMME": str(rasti.home / "programme.yaml"),
        }
        worker = Children(environment, rasti.home / "logs")
        worker.run("process", "prefect", "worker", "start", "--pool", "plain", "--type", "process", "--run-once")
        assert prefect.finished(run)["state_type"] == "COMPLETED"
    finally:
        prefect.deploy("checkpoint")
    with rasti.book.read() as tx:
        checkpoint = tx.session.get_one(Checkpoint, 1)
        assert (checkpoint.verdict, checkpoint.judged_by) == ("violated", f"flow-run:{run}")


def test_the_warm_type_is_known_to_prefect() -> None:
    from prefect.workers.base import BaseWorker

    from rasti.worker import WarmWorker

    assert BaseWorker.get_worker_class_from_type("rasti-warm") is WarmWorker
    assert WarmWorker.get_default_base_job_template()["variables"]["properties"] == {}


@pytest.mark.parametrize("name", ["checkpoint", "fallback", "lead", "monthly_ranking", "sweep", "ingest_invoices"])
def test_every_entrypoint_is_a_flow_that_keeps_no_results(name: str) -> None:
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint(f"flows.{name}.{name}", use_placeholder_flow=False)
    assert flow.persist_result is False
