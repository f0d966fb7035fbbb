"""The monthly run in Prefect, from the register in the inbox to the holder of the leads (R1-R8, D5, D6)."""

from itertools import pairwise

import pytest
from sqlmodel import col, select

from models import AuditEvent, Message, Publication, Tenure
from rasti.rules.kinds import Event, MessageKind
from tests.builders import CAST, WINNER, add_cast, growing_register, invoice_row, register
from tests.e2e.conftest import LAST_MONTH, Rasti
from tests.e2e.prefect_server import PrefectServer

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture(scope="module", autouse=True)
def partners(rasti: Rasti) -> None:
    add_cast(rasti.book)


def drop(rasti: Rasti, name: str, text: str) -> None:
    (rasti.home / "inbox").mkdir(exist_ok=True)
    (rasti.home / "inbox" / name).write_text(text)


def run_month(prefect: PrefectServer, **parameters: object) -> dict[str, object]:
    return prefect.finished(prefect.api.start_run("monthly-ranking", parameters))


def message_of(run: dict[str, object]) -> str:
    state = run["state"]
    assert isinstance(state, dict)
    return str(state["message"])


def test_a_month_is_ranked_published_and_activated(prefect: PrefectServer, rasti: Rasti) -> None:
    # First a register with a bad row: the month waits, and the operators are told what is missing.
    drop(rasti, "1-bad.csv", register(invoice_row(number="B-9", issued_on=f"{LAST_MONTH}-15", amount="ten")))
    run = run_month(prefect, publish=True, activate=True)
    assert (run["state_type"], run["state_name"]) == ("COMPLETED", "Incomplete")
    assert f"1 rows of {LAST_MONTH} are in quarantine" in message_of(run)
    with rasti.book.read() as tx:
        alerts = tx.all(select(Message.data).where(col(Message.kind) == MessageKind.ALERT_INCOMPLETE))
        assert [alert["month"] for alert in alerts] == [str(LAST_MONTH)]
        assert tx.all(select(Publication)) == []

    # The good revision comes, with everybody's growth; a Quick Run only computes.
    good = invoice_row(number="B-9", issued_on=f"{LAST_MONTH}-15", amount="0.00")
    drop(rasti, "2-good.csv", growing_register(LAST_MONTH) + good + "\n")
    run = run_month(prefect)
    assert run["name"] == f"ranking {LAST_MONTH} v2"
    assert message_of(run) == "Version 2 computed; not published."
    with rasti.book.read() as tx:
        assert tx.all(select(Tenure)) == []

    run = run_month(prefect, publish=True, activate=True)
    assert run["name"] == f"ranking {LAST_MONTH} v2"
    assert message_of(run) == f"Leads of {LAST_MONTH.next} go to {WINNER}."
    with rasti.book.read() as tx:
        assert [tenure.partner_code for tenure in tx.all(select(Tenure))] == [WINNER]
        actors = tx.all(select(AuditEvent.actor).where(col(AuditEvent.event) == Event.TENURE_STARTED))
        assert actors == [f"flow-run:{run['id']}"]

    artifact = prefect.artifact(f"ranking-{LAST_MONTH}")
    assert all(code in artifact["data"] for code in CAST)
    assert "did not grow" in artifact["data"]
    assert "version" in artifact["description"]

    # Every night after that it ends at once.
    run = run_month(prefect, publish=True, activate=True)
    assert (run["state_name"], run["name"]) == ("Nothing to do", f"ranking {LAST_MONTH} · activated already")


def test_two_runs_at_once_wait_for_each_other(prefect: PrefectServer, rasti: Rasti) -> None:
    runs = [prefect.api.start_run("monthly-ranking", {}) for _ in range(3)]
    finished = [prefect.finished(run, seconds=200) for run in runs]
    assert {run["state_type"] for run in finished} == {"COMPLETED"}
    spans = sorted((str(run["start_time"]), str(run["end_time"])) for run in finished)
    assert all(end <= start for (_start, end), (start, _end) in pairwise(spans))
    with rasti.book.read() as tx:
        assert len(tx.all(select(Tenure))) == 1


def test_only_the_schedule_publishes_and_activates_by_itself(prefect: PrefectServer) -> None:
    deployment = prefect.get("deployments/name/monthly-ranking/monthly-ranking")
    (schedule,) = deployment["schedules"]
    assert schedule["schedule"]["cron"] == "10 0 * * *"
    assert schedule["schedule"]["timezone"] == "Europe/Moscow"
    assert schedule["parameters"] == {"publish": True, "activate": True}
    assert (deployment["parameters"]["publish"], deployment["parameters"]["activate"]) == (False, False)
    assert deployment["global_concurrency_limit"]["limit"] == 1


def test_what_a_rule_refuses_is_a_failed_run_that_says_why(prefect: PrefectServer) -> None:
    run = run_month(prefect, month=str(LAST_MONTH.next))
    assert run["state_type"] == "FAILED"
    assert "has not ended yet" in message_of(run)


def test_a_month_that_is_none_is_refused_by_the_form(prefect: PrefectServer) -> None:
    from rasti.errors import Unavailable

    with pytest.raises(Unavailable, match=r"status 4\d\d"):
        prefect.api.start_run("monthly-ranking", {"month": "August"})


def test_invoices_are_read_by_their_own_run(prefect: PrefectServer, rasti: Rasti) -> None:
    drop(rasti, "3-more.csv", growing_register(LAST_MONTH))
    run = prefect.finished(prefect.api.start_run("ingest-invoices", {}))
    assert run["state_type"] == "COMPLETED"
    assert list((rasti.home / "inbox" / "done").glob("3-more*"))
