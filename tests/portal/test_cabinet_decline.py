"""Declining the leads of a month in the cabinet (R8, D10)."""

from collections.abc import Callable

import pytest
from sqlmodel import select

from models import AuditEvent, Decline
from rasti.ledger.announcements import holder_now
from rasti.ledger.book import Book
from rasti.ledger.tenures import activate
from tests.builders import MONTH, SECOND, STRANGER, THIRD, WINNER, add_cast, publish_places, won_month
from tests.clock import MovableClock
from tests.portal.visitors import Browser

Partners = Callable[[str], Browser]
SURE = {"reason": "отпуск", "sure": "yes"}


def declines(book: Book) -> list[tuple[str, str, str]]:
    with book.read() as tx:
        return [(str(one.lead_month), one.partner_code, one.reason) for one in tx.all(select(Decline))]


def holder(book: Book) -> str | None:
    found = holder_now(book)
    return found.partner if found else None


def test_the_holder_declines_and_the_next_gets_the_leads(book: Book, partner: Partners) -> None:
    won_month(book)
    browser = partner(WINNER)
    assert "Отменить это нельзя" in browser.get("/leads/decline/2019-08").text
    answer = browser.post("/leads/decline/2019-08", SURE)
    assert answer.headers["location"] == "/leads?said=declined"
    assert "Вы отказались" in browser.get("/leads?said=declined").text
    assert holder(book) == SECOND
    assert declines(book) == [("2019-09", WINNER, "отпуск")]
    with book.read() as tx:
        events = tx.all(select(AuditEvent).where(AuditEvent.event == "partner.declined"))
    assert [event.actor for event in events] == ["partner:winner"]


def test_the_repeat_changes_nothing(book: Book, partner: Partners) -> None:
    won_month(book)
    browser = partner(WINNER)
    for _time in range(2):
        assert browser.post("/leads/decline/2019-08", SURE).status_code == 303
    assert len(declines(book)) == 1
    assert holder(book) == SECOND
    assert "Снова передать их вам может только оператор" in browser.get("/leads/decline/2019-08").text


@pytest.mark.parametrize("missing", [{"reason": " "}, {"sure": ""}])
def test_without_a_reason_or_the_confirmation_nothing_is_declined(
    book: Book, partner: Partners, missing: dict[str, str]
) -> None:
    won_month(book)
    answer = partner(WINNER).post("/leads/decline/2019-08", SURE | missing)
    assert answer.status_code == 422
    assert (SURE | missing)["reason"].strip() in answer.text
    assert declines(book) == []


def test_a_month_to_come_is_declined_before_it_is_activated(book: Book, partner: Partners, clock: MovableClock) -> None:
    add_cast(book)
    publish_places(book)
    clock.set("2019-09-01 00:05")
    assert "лиды за сентябрь 2019 должны прийти к вам" in partner(WINNER).get("/leads").text
    partner(WINNER).post("/leads/decline/2019-08", SURE)
    activate(book, MONTH)
    assert holder(book) == SECOND


def test_one_who_is_further_down_declines_in_advance(book: Book, partner: Partners) -> None:
    won_month(book)
    partner(SECOND).post("/leads/decline/2019-08", SURE)
    assert holder(book) == WINNER
    partner(WINNER).post("/leads/decline/2019-08", SURE)
    assert holder(book) == THIRD


@pytest.mark.parametrize(("code", "month"), [(STRANGER, "2019-08"), (WINNER, "2019-07"), (WINNER, "2019-09")])
def test_who_can_get_no_leads_of_a_month_cannot_decline_them(
    book: Book, partner: Partners, code: str, month: str
) -> None:
    won_month(book)
    assert partner(code).get(f"/leads/decline/{month}").status_code == 404
    assert partner(code).post(f"/leads/decline/{month}", SURE).status_code == 404
    assert declines(book) == []


def test_a_month_that_is_past_cannot_be_declined(book: Book, partner: Partners, clock: MovableClock) -> None:
    won_month(book)
    clock.set("2019-10-02 10:00")
    assert partner(SECOND).post("/leads/decline/2019-08", SURE).status_code == 404


def test_what_is_no_month_is_not_understood(book: Book, partner: Partners) -> None:
    won_month(book)
    assert partner(WINNER).get("/leads/decline/august").status_code == 422


def test_a_correction_after_the_activation_promises_nobody_the_leads_D5(book: Book, partner: Partners) -> None:
    won_month(book)
    publish_places(book, MONTH, (SECOND, WINNER, THIRD), version=2)
    page = partner(SECOND).get("/leads").text
    assert "должны прийти к вам" not in page
    assert "За август 2019 у вас место 2" in page


def test_a_version_that_the_holder_took_promises_its_next_the_leads_D9(book: Book, partner: Partners) -> None:
    won_month(book)
    publish_places(book, MONTH, (WINNER, THIRD, SECOND), version=2)
    assert "За август 2019 у вас место 3" in partner(THIRD).get("/leads").text

    activate(book, MONTH, switch=True, reason="corrected")

    assert "За август 2019 у вас место 2" in partner(THIRD).get("/leads").text


def test_who_was_passed_is_promised_nothing(book: Book, partner: Partners) -> None:
    won_month(book)
    partner(WINNER).post("/leads/decline/2019-08", SURE)
    partner(SECOND).post("/leads/decline/2019-08", SURE)
    for code, offered in ((WINNER, False), (SECOND, False), (THIRD, True)):
        assert ("Отказаться от лидов" in partner(code).get("/leads").text) is offered
