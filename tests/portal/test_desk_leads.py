"""The desk's leads: found, looked at, decided about."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from sqlmodel import col, select

from models import AuditEvent, Client, Lead
from rasti.ledger.book import Book
from tests.builders import (
    SECOND,
    STRANGER,
    THIRD,
    WINNER,
    arrive,
    contact_data,
    lead_state,
    log,
    neglect_first,
    open_attempt,
    receive,
    won_month,
)
from tests.clock import MovableClock
from tests.portal.conftest import OPERATOR
from tests.portal.visitors import Browser


def newest_event(book: Book) -> AuditEvent:
    with book.read() as tx:
        event: AuditEvent = (
            tx.session.execute(
                select(AuditEvent)
                .where(col(AuditEvent.actor) == f"operator:{OPERATOR}")
                .order_by(col(AuditEvent.id).desc())
            )
            .scalars()
            .first()
        )
        return event


@pytest.fixture
def lead(book: Book) -> int:
    """A lead in the winner's hands, received."""
    won_month(book)
    lead_id = arrive(book)
    receive(book, lead_id)
    return lead_id


def holder_of(book: Book, lead_id: int) -> str | None:
    attempt = open_attempt(book, lead_id)
    return attempt.partner_code if attempt else None


def test_the_page_of_a_lead_shows_what_a_former_holder_noted_D15(
    book: Book, clock: MovableClock, lead: int, request: pytest.FixtureRequest
) -> None:
    neglect_first(book, clock)
    log(book, lead, contact_data(WINNER, outcome="wrong_contact", checklist=[]))
    operator: Browser = request.getfixturevalue("operator")  # signs in now: the desk's sessions are short
    page = operator.get(f"/desk/leads/{lead}").text
    assert f"Партнёр {WINNER}, у которого лида уже не было, отметил" in page
    assert lead_state(book, lead) == "in_work"


def test_the_page_of_a_lead_shows_client_attempts_contacts_messages_and_trail(
    book: Book, operator: Browser, lead: int
) -> None:
    log(book, lead, note="перезвонить вечером")
    page = operator.get(f"/desk/leads/{lead}").text
    for word in (
        "Иван Петров 1",
        "client1@client.example",
        WINNER,
        "перезвонить вечером",
        "(засчитано)",
        "lead.received",
    ):
        assert word in page
    assert operator.get("/desk/leads/99").status_code == 404


def test_leads_are_found_by_state_partner_pause_clock_and_id(
    book: Book, operator: Browser, lead: int, clock: MovableClock
) -> None:
    paused = arrive(book, 2)
    receive(book, paused)
    log(book, paused, outcome="wrong_contact", checklist=[])
    found = {
        f"state=in_work&partner={WINNER}": [lead],
        "state=paused": [paused],
        "pause=wrong_contact": [paused],
        "due=soon": [lead],
        "due=overdue": [],
        f"partner={STRANGER}": [],
        "q=request-2": [paused],
        f"q={lead}": [lead],
        "": [lead, paused],
    }
    for query, ids in found.items():
        page = operator.get(f"/desk/leads?{query}").text
        assert [id_ for id_ in (lead, paused) if f'href="/desk/leads/{id_}"' in page] == ids, query
    clock.advance(minutes=59)
    assert f'href="/desk/leads/{lead}"' not in operator.get("/desk/leads?due=overdue").text
    clock.advance(minutes=2)
    assert f'href="/desk/leads/{lead}"' in operator.get("/desk/leads?due=overdue").text


def test_the_list_has_pages(book: Book, operator: Browser) -> None:
    won_month(book)
    for number in range(1, 53):
        arrive(book, number)
    first, second = operator.get("/desk/leads?state=in_work"), operator.get("/desk/leads?state=in_work&page=2")
    assert "52 лида" in first.text
    assert "state=in_work&amp;page=2" in first.text
    assert first.text.count('<th scope="row">') == 50
    assert second.text.count('<th scope="row">') == 2
    assert operator.get("/desk/leads?state=in_work&page=900").text.count('<th scope="row">') == 2


def test_an_operator_assigns_a_lead_with_a_reason(book: Book, operator: Browser, lead: int) -> None:
    assert "теряет лид" in operator.get(f"/desk/leads/{lead}/assign").text
    answer = operator.post(f"/desk/leads/{lead}/assign", {"partner": SECOND, "reason": "просьба клиента"})
    assert answer.headers["location"] == f"/desk/leads/{lead}?said=assigned"
    assert holder_of(book, lead) == SECOND
    event = newest_event(book)
    assert (event.event, event.data["reason"]) == ("lead.assigned", "просьба клиента")
    again = operator.post(f"/desk/leads/{lead}/assign", {"partner": SECOND, "reason": "ещё раз"})
    assert again.headers["location"].endswith("said=same_partner")


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        ({"partner": SECOND, "reason": "  "}, 422, "Нужна причина"),
        ({"partner": "nobody", "reason": "причина"}, 404, "nobody"),
        ({"partner": THIRD, "reason": "причина"}, 409, THIRD),
    ],
)
def test_a_refused_assignment_keeps_what_was_typed_and_changes_nothing(
    book: Book, operator: Browser, lead: int, form: dict[str, str], status: int, says: str
) -> None:
    operator.post(f"/desk/partners/{THIRD}/suspend", {"reason": "не отвечает"})
    answer = operator.post(f"/desk/leads/{lead}/assign", form)
    assert answer.status_code == status
    assert says in answer.text
    assert f'value="{form["partner"]}"' in answer.text
    assert holder_of(book, lead) == WINNER


def test_closing_twice_changes_nothing_the_second_time(book: Book, operator: Browser, lead: int) -> None:
    first = operator.post(f"/desk/leads/{lead}/close", {"reason": "клиент передумал"})
    second = operator.post(f"/desk/leads/{lead}/close", {"reason": "клиент передумал"})
    assert [answer.headers["location"].partition("said=")[2] for answer in (first, second)] == ["closed", "same_closed"]
    assert lead_state(book, lead) == "closed"


def test_a_violation_recorded_at_the_desk_moves_the_leads_on(book: Book, operator: Browser, lead: int) -> None:
    assert operator.post(f"/desk/leads/{lead}/violation", {"kind": "9h", "reason": "x"}).status_code == 422
    answer = operator.post(f"/desk/leads/{lead}/violation", {"kind": "1h", "reason": "клиент жалуется"})
    assert answer.headers["location"].endswith("said=violation")
    assert holder_of(book, lead) == SECOND
    again = operator.post(f"/desk/leads/{lead}/violation", {"kind": "1h", "reason": "клиент жалуется"})
    assert again.headers["location"].endswith("said=same_violation")


def test_a_lead_that_nobody_received_has_no_checkpoint_to_violate(book: Book, operator: Browser) -> None:
    won_month(book)
    lead = arrive(book)
    answer = operator.post(f"/desk/leads/{lead}/violation", {"kind": "1h", "reason": "клиент жалуется"})
    assert answer.status_code == 409
    assert "клиент жалуется" in answer.text


def test_contacts_are_corrected_without_a_word_of_them_in_the_trail(book: Book, operator: Browser, lead: int) -> None:
    assert 'value="Иван Петров 1"' in operator.get(f"/desk/leads/{lead}/contacts").text
    form = {"name": "Иван Петров 1", "phone": "8 (495) 777-00-00", "email": "New@client.example", "reason": "опечатка"}
    assert operator.post(f"/desk/leads/{lead}/contacts", form).headers["location"].endswith("said=corrected")
    with book.read() as tx:
        client = tx.session.get_one(Client, lead)
    assert (client.phone, client.phone_key, client.email_key) == (
        "8 (495) 777-00-00",
        "74957770000",
        "new@client.example",
    )
    event = newest_event(book)
    assert (event.event, event.data) == ("client.corrected", {"fields": ["phone", "email"], "reason": "опечатка"})
    assert operator.post(f"/desk/leads/{lead}/contacts", form).headers["location"].endswith("said=same_contacts")
    wrong = operator.post(f"/desk/leads/{lead}/contacts", form | {"email": "no address"})
    assert wrong.status_code == 422
    assert 'value="no address"' in wrong.text


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("email", "a(b)c@client.example", "«Почта»: нужен один обычный адрес почты"),
        ("email", "=?utf-8?q?victim=40evil.test=2C?=x@client.example", "«Почта»: нужен один обычный адрес почты"),
        ("email", "имя@почта.рф", "«Почта»: почта не передаёт такие буквы перед @"),
        ("phone", "12345", "«Телефон»: это не полный номер телефона"),
        ("name", "", "«Имя»: "),
    ],
)
def test_a_wrong_contact_is_named_by_its_field_in_the_pages_language(
    operator: Browser, lead: int, field: str, value: str, said: str
) -> None:
    form = {"name": "Иван", "phone": "8 (495) 777-00-00", "email": "new@client.example", "reason": "опечатка"}
    answer = operator.post(f"/desk/leads/{lead}/contacts", form | {field: value})
    assert answer.status_code == 422
    assert said in unescape(answer.text)
    (wrong,) = re.findall(r'<input[^>]*aria-invalid="true"', answer.text)
    assert f'name="{field}"' in wrong


def test_a_phone_is_shown_as_typed_and_as_it_was_understood(book: Book, operator: Browser) -> None:
    won_month(book)
    lead = arrive(book, 1, client={"phone": "8 (474) 123-45-67 доб. 12"})
    page = operator.get(f"/desk/leads/{lead}").text
    assert '<a href="tel:+74741234567;ext=12">8 (474) 123-45-67 доб. 12</a>' in page
    assert "+7 474 123-45-67" in page


def test_an_attached_request_becomes_a_lead_of_its_own(book: Book, operator: Browser, lead: int) -> None:
    repeat = arrive(book, 2, client={"phone": "+7 495 000-00-01"})
    assert lead_state(book, repeat) == "attached"
    assert f'href="/desk/leads/{lead}"' in operator.get(f"/desk/leads/{repeat}").text
    answer = operator.post(f"/desk/leads/{repeat}/detach", {"reason": "другая фирма"})
    assert answer.headers["location"].endswith("said=detached")
    assert (lead_state(book, repeat), holder_of(book, repeat)) == ("in_work", WINNER)
    assert operator.post(f"/desk/leads/{repeat}/detach", {"reason": "x"}).headers["location"].endswith("same_detached")


def test_an_attached_request_is_neither_assigned_nor_closed(book: Book, operator: Browser, lead: int) -> None:
    repeat = arrive(book, 2, client={"phone": "+7 495 000-00-01"})
    for step, form in (("assign", {"partner": SECOND}), ("close", {})):
        assert operator.post(f"/desk/leads/{repeat}/{step}", form | {"reason": "x"}).status_code == 409
    with book.read() as tx:
        assert tx.session.get_one(Lead, repeat).attached_to == lead


STEPS = ("assign", "close", "violation", "contacts", "detach", "keep")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("step", STEPS)
def test_guests_and_partners_decide_nothing(
    book: Book, guest: Browser, partner: Callable[[str], Browser], lead: int, step: str
) -> None:
    before = lead_state(book, lead)
    form = {
        "partner": SECOND,
        "kind": "1h",
        "name": "x",
        "phone": "+7 495 111-11-11",
        "email": "x@y.example",
        "reason": "x",
    }
    assert guest.get(f"/desk/leads/{lead}/{step}").headers["location"].startswith("/desk/sign-in")
    assert guest.post(f"/desk/leads/{lead}/{step}", form).status_code == 403
    holder = partner(WINNER)
    assert holder.get(f"/desk/leads/{lead}/{step}").status_code == 403
    assert holder.post(f"/desk/leads/{lead}/{step}", form).status_code == 403
    assert (lead_state(book, lead), holder_of(book, lead)) == (before, WINNER)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("step", STEPS)
def test_every_decision_asks_for_a_reason_and_needs_our_form(operator: Browser, lead: int, step: str) -> None:
    assert 'name="reason"' in operator.get(f"/desk/leads/{lead}/{step}").text
    assert operator.post(f"/desk/leads/{lead}/{step}", {"reason": ""}).status_code == 422
    assert operator.post(f"/desk/leads/{lead}/{step}", {"reason": "x", "csrf": "forged"}).status_code == 403
