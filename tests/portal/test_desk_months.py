"""The desk's months: versions and what differs, and the steps, by the real flow or at once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import FastAPI

from rasti.ledger.announcements import announcements, holder_now
from rasti.ledger.book import Book
from rasti.ledger.ingest import ingest_register
from rasti.ledger.rankings import publish, rank
from rasti.ledger.tenures import activate, suspend
from rasti.portal.prefect import Prefect
from rasti.rules.kinds import Event
from tests.builders import (
    MONTH,
    SECOND,
    STRANGER,
    WINNER,
    add_cast,
    arrive,
    growing_register,
    invoice_row,
    open_attempt,
    register,
)
from tests.clock import MovableClock
from tests.fake_prefect import FakePrefect
from tests.portal.desk_facts import ACTOR, WHY, events, the_event
from tests.portal.visitors import Browser

PAGE = f"/desk/months/{MONTH}"


@pytest.fixture
def read(book: Book, tmp_path: Path) -> Callable[[str], None]:
    """Reads a register."""

    def ingest(text: str) -> None:
        path = tmp_path / "register.csv"
        path.write_text(text, encoding="utf-8")
        ingest_register(book, path)

    return ingest


@pytest.fixture
def billed(book: Book, read: Callable[[str], None]) -> None:
    """The cast, and what they were billed."""
    add_cast(book)
    read(growing_register())


@pytest.fixture
def prefect(app: FastAPI) -> FakePrefect:
    """The Prefect that the portal knows."""
    fake = FakePrefect()
    known = Prefect("http://prefect.example/api", fake.opened, fake.opened)
    app.state.site = replace(app.state.site, prefect=known)
    return fake


def correct(book: Book, read: Callable[[str], None]) -> None:
    """The second overtakes the winner in version 2."""
    rank(book, MONTH)
    read(register(invoice_row(number="B-9", partner_code=SECOND, partner=SECOND, amount="9000.00")))
    rank(book, MONTH)


@pytest.mark.usefixtures("billed")
def test_a_month_that_was_never_ranked_has_a_page_and_one_that_cannot_be_has_none(operator: Browser) -> None:
    assert f'href="{PAGE}"' in operator.get("/desk/months").text
    assert operator.get(PAGE).status_code == 200
    assert operator.get("/desk/months/2019-09").status_code == 409  # not ended
    assert operator.get("/desk/months/2018-01").status_code == 409
    assert operator.get("/desk/months/august").status_code == 422


@pytest.mark.usefixtures("billed")
def test_a_version_is_shown_with_amounts_growth_places_and_reasons(operator: Browser, book: Book) -> None:
    rank(book, MONTH)
    text = operator.get(PAGE).text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
    facts = ("10 000,00", "20 000,00", "100,00", "90,00", f"/desk/partners/{WINNER}", "рост", STRANGER)
    assert [fact for fact in facts if fact not in text.lower()] == []
    assert operator.get(f"{PAGE}?version=7").status_code == 404


@pytest.mark.usefixtures("billed")
def test_the_difference_between_versions_is_told_with_its_causes(
    operator: Browser, book: Book, read: Callable[[str], None]
) -> None:
    correct(book, read)
    text = operator.get(PAGE).text
    assert "19000.00" in text
    assert "28000.00" in text


@pytest.mark.usefixtures("billed")
def test_who_held_the_leads_and_who_was_passed_is_shown(operator: Browser, book: Book) -> None:
    publish(book, MONTH)
    suspend(book, WINNER, reason=WHY)
    activate(book, MONTH)
    text = operator.get(PAGE).text
    assert f"/desk/partners/{SECOND}" in text
    assert "приостановлен" in text


STEPS = {"rank": (False, False), "publish": (True, False), "activate": (False, True)}


@pytest.mark.usefixtures("billed")
@pytest.mark.parametrize("step", STEPS)
def test_a_step_starts_the_flow_and_leads_to_its_run(
    operator: Browser, book: Book, prefect: FakePrefect, step: str
) -> None:
    assert operator.get(f"{PAGE}/{step}").status_code == 200
    answer = operator.post(f"{PAGE}/{step}", {"how": "run"})
    ((run_id, run),) = prefect.runs.items()
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?run={run_id}&said=started")
    publishes, activates = STEPS[step]
    assert run["parameters"] == {
        "month": "2019-08",
        "publish": publishes,
        "activate": activates,
        "allow_incomplete": False,
        "reason": None,
    }
    assert the_event(book, Event.RUN_REQUESTED).data == {
        "run": str(run_id),
        "month": "2019-08",
        "publish": publishes,
        "activate": activates,
    }
    page = operator.get(answer.headers["location"]).text
    assert f'href="http://prefect.example/runs/flow-run/{run_id}"' in page
    assert "hx-get" in page  # it is watched while it runs
    assert announcements(book) == []  # the flow does it, not the page


@pytest.mark.usefixtures("billed")
def test_a_run_that_has_ended_is_watched_no_longer(operator: Browser, prefect: FakePrefect) -> None:
    address = operator.post(f"{PAGE}/rank", {"how": "run"}).headers["location"]
    watched = operator.get(address).text.count("every ")
    (run_id,) = prefect.runs
    prefect.runs[run_id] |= {"state_type": "COMPLETED", "state_name": "Completed"}
    assert operator.get(address).text.count("every ") == watched - 1
    prefect.down = True
    assert operator.get(address).status_code == 200
    assert operator.get(f"{PAGE}?run={UUID(int=1)}").status_code == 200
    assert operator.get(f"{PAGE}?run=nothing").status_code == 200


@pytest.mark.usefixtures("billed")
def test_a_run_may_publish_an_incomplete_month_with_a_reason(
    operator: Browser, read: Callable[[str], None], prefect: FakePrefect
) -> None:
    read(register(invoice_row(number="B-8", amount="oops"), invoice_row(number="B-7", amount="1.00")))
    refused = operator.post(f"{PAGE}/publish", {"how": "run", "incomplete": "yes", "reason": " "})
    assert (refused.status_code, prefect.runs) == (422, {})
    operator.post(f"{PAGE}/publish", {"how": "run", "incomplete": "yes", "reason": WHY})
    (run,) = prefect.runs.values()
    assert (run["parameters"]["allow_incomplete"], run["parameters"]["reason"]) == (True, WHY)


@pytest.mark.usefixtures("billed")
def test_a_prefect_that_is_away_is_told_and_what_was_typed_stays(
    operator: Browser, book: Book, prefect: FakePrefect, read: Callable[[str], None]
) -> None:
    read(register(invoice_row(number="B-8", amount="oops"), invoice_row(number="B-7", amount="1.00")))
    prefect.down = True
    assert operator.get(f"{PAGE}/publish").status_code == 200
    answer = operator.post(f"{PAGE}/publish", {"how": "run", "incomplete": "yes", "reason": WHY})
    assert answer.status_code == 503
    assert "they asked for it" in answer.text
    assert 'value="now"' in answer.text
    assert events(book, Event.RUN_REQUESTED) == []


@pytest.mark.usefixtures("billed")
def test_without_prefect_the_steps_are_done_at_once(operator: Browser, book: Book) -> None:
    assert operator.post(f"{PAGE}/rank", {"how": "run"}).status_code == 409  # none is configured
    said = [
        operator.post(f"{PAGE}/{step}", {"how": "now"}).headers["location"].removeprefix(f"{PAGE}?said=")
        for step in ("rank", "rank", "publish", "publish", "activate", "activate")
    ]
    assert said == ["ranked", "same_version", "published", "same_publication", "activated", "same_holder"]
    now = holder_now(book)
    assert now is not None
    assert now.partner == WINNER
    assert the_event(book, Event.RANKING_PUBLISHED).actor == ACTOR


@pytest.mark.usefixtures("billed")
def test_activation_at_once_hands_over_what_waited(operator: Browser, book: Book) -> None:
    lead = arrive(book)
    publish(book, MONTH)
    operator.post(f"{PAGE}/activate", {"how": "now"})
    attempt = open_attempt(book, lead)
    assert attempt is not None
    assert attempt.partner_code == WINNER


@pytest.mark.usefixtures("billed")
def test_an_incomplete_month_is_published_at_once_with_a_reason_only(
    operator: Browser, book: Book, read: Callable[[str], None]
) -> None:
    read(register(invoice_row(number="B-8", amount="oops"), invoice_row(number="B-7", amount="1.00")))
    assert operator.post(f"{PAGE}/publish", {"how": "now"}).status_code == 409
    assert operator.post(f"{PAGE}/publish", {"how": "now", "incomplete": "yes", "reason": ""}).status_code == 422
    assert announcements(book) == []
    done = operator.post(f"{PAGE}/publish", {"how": "now", "incomplete": "yes", "reason": WHY})
    assert done.headers["location"] == f"{PAGE}?said=published"
    assert the_event(book, Event.RANKING_PUBLISHED).data["reason"] == WHY
    assert "&lt;so&gt;" in operator.get(PAGE).text


@pytest.mark.usefixtures("billed")
def test_a_corrected_month_switches_the_holder_with_a_reason_only(
    operator: Browser, book: Book, read: Callable[[str], None]
) -> None:
    publish(book, MONTH)
    activate(book, MONTH)
    correct(book, read)
    publish(book, MONTH)
    assert operator.get(f"{PAGE}/switch").status_code == 200
    assert operator.post(f"{PAGE}/switch", {"reason": ""}).status_code == 422
    done = operator.post(f"{PAGE}/switch", {"reason": WHY})
    assert done.headers["location"] == f"{PAGE}?said=switched"
    now = holder_now(book)
    assert now is not None
    assert now.partner == SECOND
    again = operator.post(f"{PAGE}/switch", {"reason": WHY})
    assert again.headers["location"] == f"{PAGE}?said=same_holder"


@pytest.mark.usefixtures("billed")
def test_a_switch_that_finds_the_present_holder_says_that_the_version_is_taken_D9(
    operator: Browser, book: Book, read: Callable[[str], None]
) -> None:
    publish(book, MONTH)
    activate(book, MONTH)
    read(register(invoice_row(number="B-9", amount="1.00")))  # the winner grew a little more
    publish(book, MONTH)

    done = operator.post(f"{PAGE}/switch", {"reason": WHY})

    assert done.headers["location"] == f"{PAGE}?said=version_taken"
    assert "Получатель прежний" in operator.get(done.headers["location"]).text
    event = the_event(book, Event.TENURE_VERSION_TAKEN)
    assert (event.partner_code, event.actor, event.data["version"], event.data["reason"]) == (WINNER, ACTOR, 2, WHY)
    assert "новой версии рейтинга" in operator.get("/desk/audit").text
    again = operator.post(f"{PAGE}/switch", {"reason": WHY})
    assert again.headers["location"] == f"{PAGE}?said=same_holder"


@pytest.mark.usefixtures("billed")
def test_a_past_month_is_activated_by_nobody(book: Book, clock: MovableClock, request: pytest.FixtureRequest) -> None:
    publish(book, MONTH)
    clock.set("2019-10-01 00:00")
    operator: Browser = request.getfixturevalue("operator")
    assert f'href="{PAGE}/activate"' not in operator.get(PAGE).text
    assert operator.post(f"{PAGE}/activate", {"how": "now"}).status_code == 409
    assert operator.post(f"{PAGE}/switch", {"reason": WHY}).status_code == 409
    assert holder_now(book) is None


@pytest.mark.usefixtures("billed")
@pytest.mark.parametrize("step", [*STEPS, "switch"])
def test_no_partner_does_a_step(partner: Callable[[str], Browser], book: Book, step: str) -> None:
    browser = partner(WINNER)
    assert browser.get(f"{PAGE}/{step}").status_code == 403
    assert browser.post(f"{PAGE}/{step}", {"how": "now", "reason": WHY}).status_code == 403
    assert events(book, Event.RANKING_COMPUTED) == []


@pytest.mark.usefixtures("billed")
def test_an_unknown_step_is_refused(operator: Browser) -> None:
    assert operator.get(f"{PAGE}/dance").status_code == 422
    assert operator.post(f"{PAGE}/rank", {"how": "dance"}).status_code == 422
