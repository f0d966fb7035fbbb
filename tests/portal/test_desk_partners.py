"""The desk's partners and violations: found, shown whole, decided about with a reason."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from models import Certificate, Partner, PartnerProfile
from rasti.ledger.announcements import holder_now
from rasti.ledger.book import Book
from rasti.ledger.desk_partners import PartnerQuery, find_partners
from rasti.ledger.desk_violations import Which, find_violations
from rasti.ledger.tenures import suspend
from rasti.rules.kinds import Event
from tests.builders import (
    SECOND,
    STRANGER,
    THIRD,
    WINNER,
    add_partner,
    arrive,
    contact_data,
    log,
    neglect_first,
    receive,
    won_month,
)
from tests.clock import MovableClock
from tests.portal.desk_facts import ACTOR, WHY, events, the_event
from tests.portal.visitors import Browser

STEPS = ("suspend", "resume", "accept", "decline", "hold")


@pytest.fixture
def cast(book: Book) -> None:
    """The winner holds the leads; the third has not accepted the regulation."""
    won_month(book, not_ready=(THIRD,))


def holder(book: Book) -> str | None:
    now = holder_now(book)
    return now.partner if now else None


def found(browser: Browser, query: str) -> set[str]:
    page = browser.get(f"/desk/partners?{query}")
    assert page.status_code == 200
    codes = (WINNER, SECOND, THIRD, STRANGER, "roga")
    return {code for code in codes if f'href="/desk/partners/{code}"' in page.text}


@pytest.mark.usefixtures("cast")
def test_partners_are_found_by_text_and_standing(operator: Browser, book: Book) -> None:
    add_partner(book, "roga", name="ООО «Рога и копыта»", city="Омск")
    suspend(book, STRANGER, reason="unpaid")
    everybody = {WINNER, SECOND, THIRD, STRANGER, "roga"}
    assert found(operator, "") == everybody
    assert found(operator, "q=рога") == {"roga"}
    assert found(operator, "q=омск") == {"roga"}
    assert found(operator, "q=win") == {WINNER}
    assert found(operator, "standing=holds") == {WINNER}
    assert found(operator, "standing=not_ready") == {THIRD}
    assert found(operator, "standing=suspended") == {STRANGER}
    assert found(operator, "standing=ready") == {WINNER, SECOND, "roga"}
    assert found(operator, "standing=famous&page=x") == everybody


@pytest.mark.usefixtures("cast")
def test_a_partner_is_shown_with_profile_places_leads_and_violations(operator: Browser, book: Book) -> None:
    lead = arrive(book)
    receive(book, lead)
    with book.write() as tx:
        tx.session.add(
            PartnerProfile(partner_code=WINNER, free_phone="8-800-555-35-35", duty_contact="Анна", updated_at=tx.now)
        )
        tx.session.add(
            Certificate(
                partner_code=WINNER,
                file_name='серт"ификат.html',
                content_type="text/html",
                content=b"<script>alert(1)</script>",
                uploaded_at=tx.now,
            )
        )
    text = operator.get(f"/desk/partners/{WINNER}").text
    facts = ("8-800-555-35-35", "Анна", "/desk/months/2019-08", f"/desk/leads/{lead}", "/certificate")
    assert [fact for fact in facts if fact not in text] == []
    assert operator.get("/desk/partners/nobody").status_code == 404


@pytest.mark.usefixtures("cast")
def test_a_certificate_is_saved_and_never_run_by_the_browser(operator: Browser, book: Book) -> None:
    assert operator.get(f"/desk/partners/{WINNER}/certificate").status_code == 404
    with book.write() as tx:
        tx.session.add(
            Certificate(
                partner_code=WINNER,
                file_name="a.html",
                content_type="text/html",
                content=b"<script>alert(1)</script>",
                uploaded_at=tx.now,
            )
        )
    answer = operator.get(f"/desk/partners/{WINNER}/certificate")
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "no-store" in answer.headers["cache-control"]


@pytest.mark.usefixtures("cast")
def test_wrong_contacts_are_counted_for_each_partner_D12(operator: Browser, book: Book) -> None:
    for number in (1, 2):
        lead = arrive(book, number)
        receive(book, lead)
        log(book, lead, contact_data(checklist=[], outcome="wrong_contact"))
    counts = {row.partner.code: row.wrong_contacts for row in find_partners(book, PartnerQuery()).rows}
    assert counts == {WINNER: 2, SECOND: 0, THIRD: 0, STRANGER: 0}
    assert operator.get("/desk/partners").status_code == 200


@pytest.mark.usefixtures("cast")
@pytest.mark.parametrize("step", STEPS)
def test_each_step_repeats_what_it_does_and_asks_for_a_reason(operator: Browser, book: Book, step: str) -> None:
    page = operator.get(f"/desk/partners/{SECOND}/{step}")
    assert page.status_code == 200
    assert 'name="reason"' in page.text
    answer = operator.post(f"/desk/partners/{SECOND}/{step}", {"month": "2019-08", "reason": " "})
    assert (answer.status_code, holder(book)) == (422, WINNER)
    assert not [event for event in Event if any(found.actor == ACTOR for found in events(book, event))]
    for method in (operator.get, operator.post):
        assert method(f"/desk/partners/nobody/{step}").status_code == 404


@pytest.mark.usefixtures("cast")
def test_a_suspended_holder_loses_the_leads_and_gets_nothing_back(operator: Browser, book: Book) -> None:
    answer = operator.post(f"/desk/partners/{WINNER}/suspend", {"reason": WHY})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/partners/{WINNER}?said=suspended")
    assert (holder(book), the_event(book, Event.PARTNER_SUSPENDED).data["reason"]) == (SECOND, WHY)
    answer = operator.post(f"/desk/partners/{WINNER}/resume", {"reason": WHY})
    assert answer.headers["location"] == f"/desk/partners/{WINNER}?said=resumed"
    assert (holder(book), the_event(book, Event.PARTNER_RESUMED).data["reason"]) == (SECOND, WHY)
    again = operator.post(f"/desk/partners/{WINNER}/resume", {"reason": WHY})
    assert again.headers["location"] == f"/desk/partners/{WINNER}?said=same"


@pytest.mark.usefixtures("cast")
def test_who_accepts_from_a_later_day_on_is_not_ready_and_may_be_noted_as_accepting_now_R9(
    operator: Browser, book: Book
) -> None:
    with book.write() as tx:
        tx.session.get_one(Partner, SECOND).regulation_accepted_on = date(2019, 10, 1)
    address = f"/desk/partners/{SECOND}"
    assert SECOND not in found(operator, "standing=ready")
    assert SECOND in found(operator, "standing=not_ready")
    page = operator.get(address).text
    assert f'href="{address}/accept"' in page and f'href="{address}/hold"' not in page

    operator.post(f"{address}/accept", {"reason": WHY})

    page = operator.get(address).text
    assert f'href="{address}/accept"' not in page and f'href="{address}/hold"' in page


@pytest.mark.usefixtures("cast")
def test_the_regulation_is_accepted_in_a_partners_name_once(operator: Browser, book: Book) -> None:
    answer = operator.post(f"/desk/partners/{THIRD}/accept", {"reason": WHY})
    assert answer.headers["location"] == f"/desk/partners/{THIRD}?said=accepted"
    assert the_event(book, Event.PARTNER_ACCEPTED).data["reason"] == WHY
    again = operator.post(f"/desk/partners/{THIRD}/accept", {"reason": WHY})
    assert again.headers["location"] == f"/desk/partners/{THIRD}?said=same"


@pytest.mark.usefixtures("cast")
def test_a_decline_moves_the_leads_and_waiting_ones_with_them(operator: Browser, book: Book) -> None:
    answer = operator.post(f"/desk/partners/{WINNER}/decline", {"month": "2019-08", "reason": WHY})
    assert answer.headers["location"] == f"/desk/partners/{WINNER}?said=declined"
    assert (holder(book), the_event(book, Event.PARTNER_DECLINED).data["reason"]) == (SECOND, WHY)
    assert operator.post(f"/desk/partners/{SECOND}/decline", {"month": "2019-13", "reason": WHY}).status_code == 422
    assert operator.post(f"/desk/partners/{SECOND}/decline", {"month": "2018-01", "reason": WHY}).status_code == 409
    assert holder(book) == SECOND


@pytest.mark.usefixtures("cast")
def test_the_leads_are_given_to_a_named_partner(operator: Browser, book: Book) -> None:
    answer = operator.post(f"/desk/partners/{STRANGER}/hold", {"reason": WHY})
    assert answer.headers["location"] == f"/desk/partners/{STRANGER}?said=holds"
    assert holder(book) == STRANGER
    again = operator.post(f"/desk/partners/{STRANGER}/hold", {"reason": WHY})
    assert again.headers["location"] == f"/desk/partners/{STRANGER}?said=same"
    assert operator.post(f"/desk/partners/{THIRD}/hold", {"reason": WHY}).status_code == 409  # not ready
    assert holder(book) == STRANGER


@pytest.mark.usefixtures("cast")
@pytest.mark.parametrize("step", STEPS)
def test_no_partner_decides_about_partners(partner: Callable[[str], Browser], book: Book, step: str) -> None:
    browser = partner(SECOND)
    assert browser.get(f"/desk/partners/{WINNER}/{step}").status_code == 403
    form = {"month": "2019-08", "reason": WHY}
    assert browser.post(f"/desk/partners/{WINNER}/{step}", form).status_code == 403
    assert holder(book) == WINNER


@pytest.fixture
def neglected(book: Book, clock: MovableClock) -> int:
    """A lead whose first hour the winner neglected; the violation is 1."""
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    neglect_first(book, clock)
    return lead


def test_a_partner_is_shown_with_their_violations(neglected: int, operator: Browser) -> None:
    assert f'href="/desk/leads/{neglected}"' in operator.get(f"/desk/partners/{WINNER}").text


def test_a_violation_is_taken_back_with_a_reason_once(neglected: int, operator: Browser, book: Book) -> None:
    assert f'href="/desk/leads/{neglected}"' in operator.get("/desk/violations").text
    assert 'name="reason"' in operator.get("/desk/violations/1/reverse").text
    assert operator.post("/desk/violations/1/reverse", {"reason": ""}).status_code == 422
    assert events(book, Event.VIOLATION_REVERSED) == []
    answer = operator.post("/desk/violations/1/reverse", {"reason": WHY})
    assert answer.headers["location"] == "/desk/violations?said=reversed"
    assert the_event(book, Event.VIOLATION_REVERSED).data["reason"] == WHY
    again = operator.post("/desk/violations/1/reverse", {"reason": WHY})
    assert again.headers["location"] == "/desk/violations?said=same"
    assert holder(book) == SECOND  # D13: it changes no holder by itself


def test_violations_are_found_by_what_became_of_them_and_by_partner(
    neglected: int, operator: Browser, book: Book, clock: MovableClock
) -> None:
    link = f'href="/desk/leads/{neglected}"'

    def shows(query: str) -> bool:
        return link in operator.get(f"/desk/violations?{query}").text

    assert [shows(f"which={which}") for which in ("", "recent", "counting", "reversed")] == [True, True, True, False]
    assert [shows(f"partner={code}") for code in (WINNER, SECOND)] == [True, False]
    operator.post("/desk/violations/1/reverse", {"reason": WHY})
    assert [shows(f"which={which}") for which in ("counting", "reversed")] == [False, True]
    clock.advance(timedelta(days=6, hours=23))  # operators are signed out after a while: asked of the ledger
    assert find_violations(book, which=Which.RECENT).total == 1
    clock.advance(timedelta(hours=1, seconds=1))
    assert find_violations(book, which=Which.RECENT).total == 0


def test_recording_one_begins_at_the_lead(neglected: int, operator: Browser) -> None:
    answer = operator.get(f"/desk/violations/record?lead={neglected}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/leads/{neglected}/violation")
    assert operator.get("/desk/violations/record?lead=x").status_code == 422
    assert operator.get("/desk/violations/99/reverse").status_code == 404
