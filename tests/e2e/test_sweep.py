"""The flow `sweep` says in Prefect what mail cannot say: that mail is not delivered."""

from datetime import timedelta
from typing import Any

import pytest

from models import Message
from rasti.ledger import messages
from rasti.ledger.messages import Claim, Fault
from rasti.ledger.resending import resend
from rasti.rules.kinds import MessageKind
from tests.e2e.conftest import Rasti
from tests.e2e.neglect import first_checkpoint, neglected_lead, winner_holds
from tests.e2e.prefect_server import PrefectServer
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("worker")


def alert(rasti: Rasti, number: int, **ago: float) -> Claim:
    """An alert to operators that was due some time ago, taken by a relay."""
    with rasti.earlier(**ago).write() as tx:
        tx.send(MessageKind.ALERT_INCOMPLETE, f"sweep-{number}", month="2019-08", missing=[])
    (claim,) = messages.claim(rasti.book, "a relay")
    return claim


def events_of_mail(prefect: PrefectServer, run_id: str) -> list[dict[str, Any]]:
    body = {"filter": {"event": {"name": ["rasti.mail.undeliverable"]}}, "limit": 50}
    found: list[dict[str, Any]] = prefect.post("events/filter", body)["events"]
    return [event for event in found if f"prefect.flow-run.{run_id}" in str(event["related"])]


def test_an_alert_that_mail_cannot_carry_fails_the_sweep_after_its_work(prefect: PrefectServer, rasti: Rasti) -> None:
    claim = alert(rasti, 1, minutes=1)
    messages.fail(rasti.book, claim, Fault.MAIL, error="554 5.7.1 at RCPT TO")
    winner_holds(rasti)
    lead = neglected_lead(rasti, 1, due_in=-60)

    run = prefect.finished(prefect.api.start_run("sweep", {}))
    state = run["state"]
    assert (run["state_type"], state["name"]) == ("FAILED", "Mail undelivered")
    assert (
        "0 tried in vain, 1 given up; alerts among them: 1. The last answer: 554 5.7.1 at RCPT TO." in state["message"]
    )
    assert "judged 1" in state["message"]
    assert first_checkpoint(rasti.book, lead).verdict == "violated"
    assert "## Mail is not delivered" in prefect.artifact("sweep")["data"]
    (event,) = eventually(lambda: events_of_mail(prefect, run["id"]), what="the event for automations")
    assert event["resource"]["prefect.resource.id"] == "rasti.mail"
    assert {name: event["payload"][name] for name in ("waiting", "dead", "alerts", "reason")} == {
        "waiting": 0,
        "dead": 1,
        "alerts": 1,
        "reason": "554 5.7.1 at RCPT TO",
    }

    assert resend(rasti.book, [claim.id]) == [claim.id]
    again = prefect.finished(prefect.api.start_run("sweep", {}))
    assert again["state_type"] == "COMPLETED", again["state"]


def test_a_mail_that_was_put_off_a_moment_ago_is_told_and_fails_nothing(prefect: PrefectServer, rasti: Rasti) -> None:
    with rasti.book.write() as tx:
        tx.send(MessageKind.TENURE_STARTED, "sweep-2", partner="nobody")
    (claim,) = messages.claim(rasti.book, "a relay")
    messages.fail(rasti.book, claim, Fault.OURS, error="451 4.7.1 at RCPT TO")

    run = prefect.finished(prefect.api.start_run("sweep", {}))
    assert run["state_type"] == "COMPLETED", run["state"]
    assert "1 tried in vain" in run["state"]["message"]
    assert eventually(lambda: events_of_mail(prefect, run["id"]), what="the event for automations")

    with rasti.book.write() as tx:
        message = tx.session.get_one(Message, claim.id)
        message.first_due_at = tx.now - timedelta(minutes=6)
    later = prefect.finished(prefect.api.start_run("sweep", {}))
    assert later["state"]["name"] == "Mail undelivered"
