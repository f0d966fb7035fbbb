"""What a repeat of a request with a key does: nothing, and it gets the first one's answer."""

import threading
from collections.abc import Callable

import httpx
import pytest
from sqlmodel import col, select

from models import Contact, IdempotencyKey, Lead
from rasti.ledger.book import Book
from tests.builders import WINNER, arrive, contact_data, lead_data, neglect_first, receive, won_month
from tests.clock import MovableClock
from tests.portal.programs import Program, is_problem


def at_once(*calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Send all at the same moment; the answers in the order of the calls."""
    together = threading.Barrier(len(calls))
    answers: dict[int, httpx.Response] = {}

    def send(place: int) -> None:
        together.wait(10)
        answers[place] = calls[place]()

    threads = [threading.Thread(target=send, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[place] for place in range(len(calls))]


def keys(book: Book) -> list[str]:
    """The keys that are remembered."""
    with book.read() as tx:
        return tx.all(select(IdempotencyKey.key).order_by(col(IdempotencyKey.key)))


def test_a_client_who_asks_again_under_a_key_is_attached_D17(site: Program) -> None:
    same = {"phone": lead_data()["client"]["phone"]}
    site.post("leads", lead_data(), idempotency_key="k1")
    for _time in range(2):
        answer = site.post("leads", lead_data(2, client=same), idempotency_key="k2")
        assert (answer.status_code, answer.json()) == (202, {"lead": 2, "created": True, "attached_to": 1})


def test_a_lead_that_was_known_is_remembered_as_such(site: Program) -> None:
    site.post("leads", lead_data())
    answers = [site.post("leads", lead_data(), idempotency_key="k").json() for _time in range(2)]
    assert answers == [{"lead": 1, "created": False, "attached_to": None}] * 2


def test_what_was_refused_takes_no_key(site: Program, book: Book) -> None:
    site.post("leads", lead_data())
    assert is_problem(site.post("leads", lead_data(workplaces=6), idempotency_key="k"), 409)
    assert keys(book) == []
    assert site.post("leads", lead_data(2), idempotency_key="k").status_code == 202


def test_the_same_request_spelt_differently_is_the_same(winner: Program) -> None:
    body = contact_data()
    first = winner.post("contacts?lead=1", body, idempotency_key="k")
    other = body | {"checklist": body["checklist"][::-1], "happened_at": "2019-09-02T07:00:00Z", "lead": 1}
    again = winner.post("contacts", other, idempotency_key="k")
    assert (again.status_code, again.json()) == (200, first.json())


def test_a_key_of_one_lead_is_not_one_of_another(winner: Program, book: Book) -> None:
    arrive(book, 2)
    winner.post("contacts?lead=1", contact_data(), idempotency_key="k")
    assert is_problem(winner.post("contacts?lead=2", contact_data(), idempotency_key="k"), 409)


def test_a_repeat_gets_the_first_answer_also_when_the_lead_has_moved_on(
    winner: Program, book: Book, clock: MovableClock
) -> None:
    answer = winner.post("contacts?lead=1", contact_data(outcome="no_answer", checklist=[]), idempotency_key="k")
    neglect_first(book, clock)
    assert winner.get("leads/1").json()["attempts"][0]["end_reason"] == "moved"
    again = winner.post("contacts?lead=1", contact_data(outcome="no_answer", checklist=[]), idempotency_key="k")
    assert again.json() == answer.json()
    with book.read() as tx:
        assert len(tx.all(select(Contact))) == 1


def test_what_a_contact_leads_to_belongs_to_its_answer(
    program: Callable[..., Program], book: Book, clock: MovableClock
) -> None:
    """A call that ends after the due time with nobody reached: the lead moves, and waits for the morning."""
    clock.set("2019-09-02 18:58")
    won_month(book)
    receive(book, arrive(book))
    winner = program("contacts:write", WINNER)
    clock.set("2019-09-02 19:57")
    winner.post("leads/1/calling")
    clock.set("2019-09-02 20:05")
    body = contact_data(checklist=[], outcome="no_answer")
    answers = [winner.post("contacts?lead=1", body, idempotency_key="k").json() for _ in range(2)]
    assert answers == [{"lead": 1, "state": "waiting", "effect": "kept"}] * 2


def test_a_repeat_of_an_incomplete_log_says_the_same_and_logs_nothing_more_D12(
    winner: Program, book: Book, clock: MovableClock
) -> None:
    until = winner.post("leads/1/calling").json()["until"]
    body = contact_data(checklist=["reached"], happened_at="2019-09-03T10:00:00+03:00")
    answers = [winner.post("contacts?lead=1", body, idempotency_key="k").json() for _time in range(2)]
    assert answers[0] == answers[1]
    assert (answers[0]["effect"], answers[0]["open_until"]) == ("kept", until)
    assert answers[0]["missing"] == ["introduced", "about_cloud_request", "asked_questions", "left_contacts"]
    assert "left_contacts" in answers[0]["notice"]
    assert "happened_at" in answers[0]["notice"]
    complete = winner.post("contacts?lead=1", contact_data(), idempotency_key="k2").json()
    assert complete == {"lead": 1, "state": "in_work", "effect": "counted"}
    with book.read() as tx:
        assert len(tx.all(select(Contact))) == 2


def test_old_keys_are_forgotten(site: Program, book: Book, clock: MovableClock) -> None:
    site.post("leads", lead_data(1), idempotency_key="k1")
    clock.advance(days=6)
    site.post("leads", lead_data(2), idempotency_key="k2")
    assert keys(book) == ["k1", "k2"]
    clock.advance(days=2)
    site.post("leads", lead_data(3), idempotency_key="k3")
    assert keys(book) == ["k2", "k3"]


@pytest.mark.parametrize("backend", ["postgres"], indirect=True)
def test_one_contact_sent_by_six_at_once_is_logged_once(winner: Program, book: Book) -> None:
    answers = at_once(*[lambda: winner.post("contacts?lead=1", contact_data(), idempotency_key="k")] * 6)
    assert [answer.json() for answer in answers] == [{"lead": 1, "state": "in_work", "effect": "counted"}] * 6
    with book.read() as tx:
        assert len(tx.all(select(Contact))) == 1


@pytest.mark.parametrize("backend", ["postgres"], indirect=True)
def test_of_different_requests_with_one_key_at_once_one_is_done(site: Program, book: Book) -> None:
    answers = at_once(
        *[lambda number=number: site.post("leads", lead_data(number), idempotency_key="k") for number in range(1, 7)]
    )
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 5
    assert all(is_problem(answer, 409) for answer in answers if answer.status_code != 202)
    with book.read() as tx:
        assert len(tx.all(select(Lead))) == 1


@pytest.mark.parametrize("backend", ["postgres"], indirect=True)
def test_a_client_who_asks_six_times_at_once_is_one_hand_over(site: Program) -> None:
    """D17, with a key each."""
    same = {"phone": lead_data()["client"]["phone"]}
    answers = at_once(
        *[
            lambda number=number: site.post("leads", lead_data(number, client=same), idempotency_key=f"k{number}")
            for number in range(1, 7)
        ]
    )
    assert [answer.status_code for answer in answers] == [202] * 6
    assert len([answer for answer in answers if answer.json()["attached_to"] is None]) == 1
