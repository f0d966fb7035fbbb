"""The desk's leads: what may be typed wrongly, and what others wrote."""

import pytest

from rasti.ledger.book import Book
from rasti.rules.kinds import Event, LeadState
from tests.builders import (
    SECOND,
    WINNER,
    arrive,
    lead_data,
    lead_state,
    log,
    neglect_first,
    no_answer,
    open_attempt,
    receive,
    won_month,
)
from tests.clock import MovableClock
from tests.portal.desk_facts import ACTOR, WHY, events
from tests.portal.visitors import Browser

NOTE = "перезвонить после обеда"


@pytest.fixture
def lead(book: Book) -> int:
    """A lead that the winner has received."""
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    return lead


def test_everything_about_a_lead_stands_on_its_page(
    book: Book, lead: int, clock: MovableClock, request: pytest.FixtureRequest
) -> None:
    log(book, lead, no_answer(), note=NOTE)
    neglect_first(book, clock)
    operator: Browser = request.getfixturevalue("operator")  # signs in now
    text = operator.get(f"/desk/leads/{lead}").text
    client = lead_data(1)["client"]
    facts = (client["name"], client["phone"], client["email"], WINNER, SECOND, NOTE, "request-1")
    assert [fact for fact in facts if fact not in text] == []


def test_a_lead_that_is_not_there_is_not_found(operator: Browser, lead: int) -> None:
    assert operator.get("/desk/leads/99").status_code == 404
    assert operator.get("/desk/leads/nothing").status_code == 422


def links(browser: Browser, query: str) -> set[int]:
    """The leads that a list shows."""
    page = browser.get(f"/desk/leads?{query}")
    assert page.status_code == 200
    return {lead for lead in range(1, 20) if f'href="/desk/leads/{lead}"' in page.text}


def test_a_filter_that_makes_no_sense_filters_nothing(operator: Browser, lead: int) -> None:
    assert links(operator, "state=eaten&pause=x&due=y&page=-7") == {lead}
    assert links(operator, f"q={'9' * 40}") == set()


STEPS = ("assign", "close", "violation", "contacts", "detach", "keep")


FORMS = {
    "assign": {"partner": SECOND},
    "close": {},
    "violation": {"kind": "1h"},
    "contacts": {"name": "Пётр", "phone": "+7 495 777-66-55", "email": "petr@client.example"},
    "detach": {},
    "keep": {},
}


@pytest.mark.parametrize("step", STEPS)
def test_without_a_reason_nothing_is_done_and_what_was_typed_stays(
    operator: Browser, book: Book, lead: int, step: str
) -> None:
    answer = operator.post(f"/desk/leads/{lead}/{step}", FORMS[step] | {"reason": "  "})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert (lead_state(book, lead), open_attempt(book, lead) is not None) == (LeadState.IN_WORK, True)
    if step == "contacts":
        assert "petr@client.example" in answer.text
    assert not [event for event in Event if any(found.actor == ACTOR for found in events(book, event))]


@pytest.mark.parametrize("kind", ["", "1y"])
def test_a_violation_needs_a_checkpoint(operator: Browser, book: Book, lead: int, kind: str) -> None:
    answer = operator.post(f"/desk/leads/{lead}/violation", {"kind": kind, "reason": WHY})
    assert answer.status_code == 422
    assert events(book, Event.VIOLATION_RECORDED) == []


def test_a_phone_that_is_none_is_refused_and_stays_in_the_form(operator: Browser, book: Book, lead: int) -> None:
    answer = operator.post(f"/desk/leads/{lead}/contacts", FORMS["contacts"] | {"phone": "12", "reason": WHY})
    assert answer.status_code == 422
    assert 'value="12"' in answer.text
    assert events(book, Event.CLIENT_CORRECTED) == []


def test_what_a_partner_wrote_is_shown_as_text(operator: Browser, book: Book, lead: int) -> None:
    log(book, lead, no_answer(), note="<script>alert(1)</script>")
    assert "<script>alert(1)" not in operator.get(f"/desk/leads/{lead}").text
