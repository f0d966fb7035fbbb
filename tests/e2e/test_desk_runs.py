"""An operator's buttons start the real flows, and the desk shows how they go."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from sqlmodel import col, select

from models import AuditEvent, Operator, Tenure
from rasti.ledger.sessions import open_session_within
from rasti.portal.app import create_app
from rasti.rules.kinds import Event, Role
from tests.builders import WINNER, add_cast, growing_register
from tests.e2e.conftest import LAST_MONTH, Rasti
from tests.e2e.prefect_server import PrefectServer
from tests.portal.visitors import ORIGIN, Browser

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
def operator(prefect: PrefectServer, rasti: Rasti, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """An operator at the desk of an installation that knows this Prefect."""
    monkeypatch.setenv("PREFECT_API_URL", prefect.url)
    settings = rasti.settings.model_copy(update={"portal_url": ORIGIN})
    with replace(rasti.book, actor="portal").write() as tx:
        tx.session.add(Operator(name="olga", password_hash="-", totp_sealed="-", created_at=tx.now))
        tx.session.flush()
        token = open_session_within(tx, Role.OPERATOR, "olga", former=None)
    browser = Browser(create_app(rasti.book, settings)).sign_in(token)
    yield browser
    browser.client.close()


def test_a_month_is_published_and_activated_by_flow_runs_that_the_desk_started(
    prefect: PrefectServer, rasti: Rasti, operator: Browser
) -> None:
    add_cast(rasti.book)
    (rasti.home / "inbox").mkdir()
    (rasti.home / "inbox" / "register.csv").write_text(growing_register(LAST_MONTH))
    for step in ("rank", "publish", "activate"):
        answer = operator.post(f"/desk/months/{LAST_MONTH}/{step}", {"how": "run"})
        assert answer.status_code == 303
        location = answer.headers["location"]
        run = UUID(location.partition("run=")[2].partition("&")[0])
        assert prefect.finished(run)["state_type"] == "COMPLETED"
        page = operator.get(location).text
        assert f"/runs/flow-run/{run}" in page
        assert "Completed" in page
    with rasti.book.read() as tx:
        assert [tenure.partner_code for tenure in tx.all(select(Tenure))] == [WINNER]
        asked = tx.all(select(AuditEvent).where(col(AuditEvent.event) == Event.RUN_REQUESTED))
        assert [event.actor for event in asked] == ["operator:olga"] * 3
