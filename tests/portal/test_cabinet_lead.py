"""One lead in a partner's hands: reception, "calling now", the contact that is logged, and what is said of it."""

from collections.abc import Callable

import pytest
from sqlmodel import select

from models import Attempt, Client, Contact
from rasti.ledger.book import Book
from rasti.ledger.desk import assign_lead, close_lead
from rasti.ledger.leads import receive_lead
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.rules.bodies import parse_lead
from tests.builders import (
    FIRST_CALL,
    SECOND,
    THIRD,
    WINNER,
    arrive,
    contact_data,
    lead_data,
    lead_state,
    log,
    neglect_first,
    receive,
    won_month,
)
from tests.clock import MovableClock
from tests.portal.visitors import Browser

Partners = Callable[[str], Browser]
CLIENT = ("Иван Петров 1", "tel:+74950000001", "mailto:client1@client.example", "https://cloud.example/trial/1")


@pytest.fixture
def lead(book: Book) -> int:
    """A lead in the winner's hands that nobody has received."""
    won_month(book)
    return arrive(book, comment="Нужен перенос базы")


def sees_client(page: str) -> bool:
    """Whether a page shows all of the client, and not a part."""
    seen = [word in page for word in CLIENT]
    assert len(set(seen)) == 1, seen
    return seen[0]


def contacts(book: Book) -> list[Contact]:
    with book.read() as tx:
        return tx.all(select(Contact).order_by(Contact.id))


def received(book: Book) -> list[bool]:
    with book.read() as tx:
        return [attempt.received_at is not None for attempt in tx.all(select(Attempt).order_by(Attempt.id))]


def test_opening_a_lead_is_receiving_it_D11(book: Book, partner: Partners, lead: int) -> None:
    page = partner(WINNER).get(f"/leads/{lead}").text
    assert received(book) == [True]
    assert sees_client(page)
    assert "Нужен перенос базы" in page
    assert "Если до 11:00 контакт не записан полностью, лид переходит к следующему партнёру" in page


def test_a_browser_that_fetches_ahead_receives_nothing(book: Book, partner: Partners, lead: int) -> None:
    partner(WINNER).get(f"/leads/{lead}", headers={"sec-purpose": "prefetch"})
    assert received(book) == [False]


def test_who_asks_for_the_head_of_a_lead_receives_nothing(book: Book, partner: Partners, lead: int) -> None:
    assert partner(WINNER).client.head(f"/leads/{lead}").status_code == 200
    assert received(book) == [False]


def test_the_list_and_its_files_receive_nothing(book: Book, partner: Partners, lead: int) -> None:
    for path in ("/leads", "/leads/export.csv", "/leads/export.xlsx"):
        assert partner(WINNER).get(path).status_code == 200
    assert received(book) == [False]


@pytest.mark.parametrize("number", ["2", "0", "abc", "9" * 18, "9" * 40, "²", "-1"])
def test_what_is_no_lead_of_ones_own_is_not_found(partner: Partners, lead: int, number: str) -> None:
    assert partner(WINNER).get(f"/leads/{number}").status_code == 404


def test_another_partner_finds_nothing_and_receives_nothing(book: Book, partner: Partners, lead: int) -> None:
    browser = partner(THIRD)
    assert browser.get(f"/leads/{lead}").status_code == 404
    assert browser.post(f"/leads/{lead}/calling").status_code == 404
    assert browser.post(f"/leads/{lead}/contacts", contact_data()).status_code == 404
    assert received(book) == [False]
    assert contacts(book) == []


def test_calling_now_begins_the_contact_once_and_says_until_when(
    book: Book, partner: Partners, clock: MovableClock, lead: int
) -> None:
    browser = partner(WINNER)
    assert browser.post(f"/leads/{lead}/calling").headers["location"] == f"/leads/{lead}?said=calling#contact"
    clock.advance(minutes=2)
    browser.post(f"/leads/{lead}/calling")
    assert len(contacts(book)) == 1
    assert "Завершите контакт ниже до 10:15" in browser.get(f"/leads/{lead}").text


def test_a_call_that_began_in_time_is_completed_later_and_counts(
    book: Book, partner: Partners, clock: MovableClock, lead: int
) -> None:
    browser = partner(WINNER)
    browser.get(f"/leads/{lead}")
    clock.advance(minutes=55)
    browser.post(f"/leads/{lead}/calling")
    clock.advance(minutes=10)
    assert "но звонить вы начали вовремя" in browser.get(f"/leads/{lead}").text
    answer = browser.post(f"/leads/{lead}/contacts", contact_data())
    assert "контакт засчитан" in browser.get(answer.headers["location"]).text


def test_a_call_whose_log_is_incomplete_stays_open_and_the_page_says_until_when_and_what_is_missing_D12(
    book: Book, partner: Partners, clock: MovableClock, lead: int
) -> None:
    browser = partner(WINNER)
    browser.get(f"/leads/{lead}")
    clock.advance(minutes=55)
    browser.post(f"/leads/{lead}/calling")
    clock.advance(minutes=10)
    incomplete = {"kind": "call", "outcome": "reached", "checklist": ["reached", "introduced"]}
    page = browser.get(browser.post(f"/leads/{lead}/contacts", incomplete).headers["location"]).text
    assert "Сохранено, но чек-лист не полон: звонок остаётся открытым до 11:10" in page
    assert "пояснить, что звонок по поводу заявки" in page
    assert "между двумя контактами" not in page
    assert 'value="introduced" checked' in page, "what was ticked need not be ticked again"
    assert 'value="left_contacts" checked' not in page
    page = browser.get(f"/leads/{lead}").text  # and on the page later
    assert "Звонок остаётся открытым до 11:10" in page

    seen = str(contacts(book)[-1].id)
    clock.advance(minutes=5)
    complete = {"kind": "call", "outcome": "reached", "checklist": FIRST_CALL, "seen": seen}
    page = browser.get(browser.post(f"/leads/{lead}/contacts", complete).headers["location"]).text
    assert "контакт засчитан" in page
    assert "Звонок остаётся открытым" not in page
    # The same form sent twice is one contact, though the call that it completed began before the log that was seen.
    assert browser.post(f"/leads/{lead}/contacts", complete).status_code == 409
    assert [contact.effect for contact in contacts(book)] == ["counted", "kept"]


def test_what_a_former_holder_noted_is_shown_to_the_present_one_D15(
    book: Book, partner: Partners, clock: MovableClock, lead: int
) -> None:
    receive(book, lead)
    neglect_first(book, clock)
    log(book, lead, contact_data(WINNER, outcome="do_not_call"))
    page = partner(SECOND).get(f"/leads/{lead}").text
    assert "у которого этот лид был раньше, отметил" in page
    assert "клиент просит не звонить" in page
    assert WINNER not in page
    assert "был раньше, отметил" not in partner(WINNER).get(f"/leads/{lead}").text


def test_logging_takes_one_tap_and_the_page_turns_to_the_next_contact(book: Book, partner: Partners, lead: int) -> None:
    browser = partner(WINNER)
    answer = browser.post(
        f"/leads/{lead}/contacts",
        {"kind": "call", "outcome": "reached", "checklist": FIRST_CALL, "note": " перезвонит "},
    )
    page = browser.get(answer.headers["location"]).text
    assert "контакт засчитан" in page
    assert "Сейчас ничего делать не нужно. Дальше — второй контакт: с 03.09.2019 10:00 до 05.09.2019 10:00" in page
    assert 'value="asked_how_trial_goes"' in page
    [contact] = contacts(book)
    assert (contact.note, contact.effect) == ("перезвонит", "counted")


def test_what_is_missing_is_said(partner: Partners, clock: MovableClock, lead: int) -> None:
    browser = partner(WINNER)
    reached = {"kind": "call", "outcome": "reached", "checklist": FIRST_CALL[:-1]}
    page = browser.get(browser.post(f"/leads/{lead}/contacts", reached).headers["location"]).text
    assert "В списке не отмечено: связаться с клиентом" in page
    unanswered = {"kind": "call", "outcome": "no_answer"}
    page = browser.get(browser.post(f"/leads/{lead}/contacts", unanswered).headers["location"]).text
    assert "нужен ещё 1 звонок без ответа" in page
    assert "не раньше 10:10" in page
    clock.advance(minutes=10)
    page = browser.get(browser.post(f"/leads/{lead}/contacts", unanswered).headers["location"]).text
    assert "Нужно ещё сообщение или письмо клиенту" in page
    message = {"kind": "message", "outcome": "no_answer"}
    page = browser.get(browser.post(f"/leads/{lead}/contacts", message).headers["location"]).text
    assert "контакт засчитан" in page


def test_a_contact_between_the_windows_says_so(book: Book, partner: Partners, clock: MovableClock, lead: int) -> None:
    receive(book, lead)
    log(book, lead)
    clock.advance(hours=2)
    for checkpoint in due_checkpoints(book):
        judge_checkpoint(book, checkpoint)
    browser = partner(WINNER)
    answer = browser.post(f"/leads/{lead}/contacts", {"kind": "email", "outcome": "reached"})
    assert "между двумя контактами" in browser.get(answer.headers["location"]).text


@pytest.mark.parametrize("outcome", ["refused", "bought", "do_not_call"])
def test_a_last_word_needs_that_the_client_was_reached_and_keeps_what_was_typed(
    book: Book, partner: Partners, lead: int, outcome: str
) -> None:
    browser = partner(WINNER)
    browser.get(f"/leads/{lead}")
    typed = {"kind": "meeting", "outcome": outcome, "checklist": ["introduced"], "note": "Очень занят"}
    answer = browser.post(f"/leads/{lead}/contacts", typed)
    assert answer.status_code == 422
    assert "Сначала отметьте" in answer.text
    assert 'value="meeting" checked' in answer.text
    assert 'value="introduced" checked' in answer.text
    assert "Очень занят</textarea>" in answer.text
    assert contacts(book) == []
    browser.post(f"/leads/{lead}/contacts", typed | {"checklist": ["reached"]})
    assert lead_state(book, lead) == "closed"
    # The client is still one's own, unless they asked not to be called.
    assert sees_client(browser.get(f"/leads/{lead}").text) is (outcome != "do_not_call")


@pytest.mark.parametrize(
    "wrong", [{"kind": "x"}, {"outcome": "x"}, {"outcome": ""}, {"checklist": ["x"]}, {"note": "a\x00b"}]
)
def test_a_form_that_cannot_be_understood_logs_nothing(
    book: Book, partner: Partners, lead: int, wrong: dict[str, object]
) -> None:
    body = {"kind": "call", "outcome": "reached", "checklist": FIRST_CALL} | wrong
    assert partner(WINNER).post(f"/leads/{lead}/contacts", body).status_code == 422
    assert contacts(book) == []


def test_a_form_sent_twice_is_one_contact(book: Book, partner: Partners, lead: int) -> None:
    browser = partner(WINNER)
    form = {"kind": "call", "outcome": "no_answer", "note": "второй раз", "seen": "0"}
    assert browser.post(f"/leads/{lead}/contacts", form).status_code == 303
    again = browser.post(f"/leads/{lead}/contacts", form)
    assert again.status_code == 409
    assert "уже записан контакт" in again.text
    assert "второй раз</textarea>" in again.text
    [contact] = contacts(book)
    assert f'name="seen" value="{contact.id}"' in again.text


def test_a_former_holder_sees_no_client_and_may_still_log_without_effect_D15(
    book: Book, partner: Partners, clock: MovableClock, lead: int
) -> None:
    receive(book, lead)
    neglect_first(book, clock)
    browser = partner(WINNER)
    page = browser.get(f"/leads/{lead}").text
    assert not sees_client(page)
    assert "Нужен перенос базы" not in page
    assert "не повлияет ни на итоги, ни на то, кто получает лиды" in page
    assert browser.post(f"/leads/{lead}/calling").status_code == 409
    answer = browser.post(f"/leads/{lead}/contacts", contact_data())
    page = browser.get(answer.headers["location"]).text
    assert "Записано, но без последствий" in page
    assert not sees_client(page)
    assert sees_client(partner(SECOND).get(f"/leads/{lead}").text)


def test_the_pages_of_two_holders_do_not_show_each_others_contacts(
    book: Book, partner: Partners, clock: MovableClock, lead: int
) -> None:
    receive(book, lead)
    log(book, lead, contact_data(checklist=[], outcome="no_answer", note="Тайная заметка"))
    neglect_first(book, clock)
    assert "Тайная заметка" not in partner(SECOND).get(f"/leads/{lead}").text
    assert "Тайная заметка" in partner(WINNER).get(f"/leads/{lead}").text


def test_a_lead_that_was_closed_and_then_given_to_another_hides_its_client(
    book: Book, partner: Partners, lead: int
) -> None:
    receive(book, lead)
    close_lead(book, lead, reason="double")
    browser = partner(WINNER)
    assert sees_client(browser.get(f"/leads/{lead}").text)
    assign_lead(book, lead, SECOND, reason="asked for")
    assert not sees_client(browser.get(f"/leads/{lead}").text)
    close_lead(book, lead, reason="double")
    assert not sees_client(browser.get(f"/leads/{lead}").text)


def test_a_request_of_the_same_client_stands_on_the_page(book: Book, partner: Partners, lead: int) -> None:
    again = lead_data(2, client={"phone": "8 495 000-00-01"}, comment="Ещё и ЭДО")
    assert receive_lead(book, parse_lead(again)).attached_to == lead
    page = partner(WINNER).get(f"/leads/{lead}").text
    assert "Клиент обратился ещё раз" in page
    assert "Ещё и ЭДО" in page


def test_what_happens_next_depends_on_the_checkpoint_and_on_who_holds_the_leads(
    book: Book, partner: Partners, clock: MovableClock, lead: int
) -> None:
    receive(book, lead)
    log(book, lead)
    clock.advance(hours=30)
    page = partner(WINNER).get(f"/leads/{lead}").text
    assert "новые лиды переходят к следующему партнёру; этот лид остаётся у вас" in page
    other = arrive(book, 2)
    assign_lead(book, other, THIRD, reason="asked for")
    page = partner(THIRD).get(f"/leads/{other}").text
    assert "лид переходит к партнёру, который получает лиды сейчас" in page


def test_on_the_second_automatic_attempt_an_operator_decides(
    book: Book, partner: Partners, clock: MovableClock, lead: int
) -> None:
    receive(book, lead)
    neglect_first(book, clock)
    assert "о лиде решит оператор" in partner(SECOND).get(f"/leads/{lead}").text


def test_what_clients_typed_is_no_markup(book: Book, partner: Partners) -> None:
    won_month(book)
    lead = arrive(book, client={"name": "<b>x</b>"}, comment="<script>1</script>")
    with book.write() as tx:
        tx.session.get_one(Client, lead).email = "a?bcc=b@c.example"  # an earlier version took it
    page = partner(WINNER).get(f"/leads/{lead}").text
    assert "<b>x</b>" not in page
    assert "<script>1" not in page
    assert "mailto:a%3Fbcc%3Db@c.example" in page
