"""The HTTP API: who may call, what comes in, what a repeat does, how it says no."""

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import select

from models import Contact, Lead
from rasti.ledger.book import Book
from rasti.ledger.tokens import add_token, revoke_token
from rasti.rules.kinds import TokenScope
from tests.builders import SECOND, STRANGER, WINNER, arrive, contact_data, lead_data, neglect_first, won_month
from tests.clock import MovableClock
from tests.portal.programs import Program, is_problem
from tests.portal.visitors import ORIGIN


def test_a_lead_is_taken_in_and_handed_over(site: Program) -> None:
    answer = site.post("leads", lead_data())
    assert (answer.status_code, answer.json()) == (202, {"lead": 1, "created": True, "attached_to": None})
    shown = site.get(answer.headers["location"].removeprefix("/api/v1/")).json()
    assert (shown["state"], [attempt["partner"] for attempt in shown["attempts"]]) == ("in_work", [WINNER])


def test_the_same_lead_again_is_the_same_and_with_another_body_a_conflict_D17(site: Program) -> None:
    site.post("leads", lead_data())
    assert site.post("leads", lead_data()).json() == {"lead": 1, "created": False, "attached_to": None}
    assert is_problem(site.post("leads", lead_data(workplaces=6)), 409)


def test_a_key_makes_a_repeat_get_the_same_answer(site: Program, book: Book) -> None:
    first = site.post("leads", lead_data(), idempotency_key="k1")
    again = site.post("leads", lead_data(), idempotency_key="k1")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert is_problem(site.post("leads", lead_data(2), idempotency_key="k1"), 409)
    with book.read() as tx:
        assert len(tx.all(select(Lead))) == 1


def test_a_key_belongs_to_its_token(site: Program, program: Callable[..., Program], book: Book) -> None:
    other = Program(site.client.app, add_token(book, "other", TokenScope.LEADS_WRITE))  # type: ignore[arg-type]
    assert site.post("leads", lead_data(1), idempotency_key="k").json()["lead"] == 1
    assert other.post("leads", lead_data(2), idempotency_key="k").json()["lead"] == 2


@pytest.mark.parametrize("backend", ["postgres"], indirect=True)
def test_two_requests_with_one_key_at_once_are_one(site: Program, book: Book) -> None:
    together, answers = threading.Barrier(6), []

    def send() -> None:
        together.wait(10)
        answers.append(site.post("leads", lead_data(), idempotency_key="k"))

    threads = [threading.Thread(target=send) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.json() for answer in answers] == [{"lead": 1, "created": True, "attached_to": None}] * 6


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "a\tb"])
def test_a_key_that_is_none_is_refused(site: Program, key: str) -> None:
    assert is_problem(site.post("leads", lead_data(), idempotency_key=key), 422)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"workplaces": "5"}, "workplaces"),
        ({"workplaces": 0}, "workplaces"),
        ({"requested_at": "2019-09-02T10:00:00"}, "requested_at"),
        ({"requested_at": "20190902"}, "requested_at"),
        ({"requested_at": 20190902}, "requested_at"),
        ({"requested_at": 2019}, "requested_at"),
        ({"client": {"email": "nobody"}}, "client.email"),
        ({"client": {"email": "=?utf-8?q?victim=40evil.test=2C?=x@client.example"}}, "client.email"),
        ({"client": {"email": "имя@client.example"}}, "client.email"),
        ({"client": {"phone": "12345"}}, "client.phone"),
        ({"product": "a\nb"}, "product"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_field_is_named(site: Program, changes: dict[str, Any], field: str) -> None:
    answer = site.post("leads", lead_data(**changes))
    assert is_problem(answer, 422)
    assert answer.json()["field"] == field


def test_seconds_near_now_are_an_instant(site: Program, clock: MovableClock) -> None:
    assert site.post("leads", lead_data(requested_at=int(clock.now.timestamp()))).status_code == 202


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"\xff", "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b'{"workplaces": NaN}', "application/json", 422),
        (b'{"source": "\\ud800"}', "application/json", 422),
        (b"null", "application/json", 422),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"{}", "", 415),
    ],
)
def test_what_is_no_json_is_refused(site: Program, content: bytes, kind: str, status: int) -> None:
    headers = site.headers | ({"content-type": kind} if kind else {})
    answer = site.client.post("/api/v1/leads", content=content, headers=headers)
    assert is_problem(answer, status)


def test_half_a_character_is_no_text(site: Program) -> None:
    content = lead_data(comment="x")
    raw = httpx.Request("POST", ORIGIN, json=content).content.replace(b'"comment":"x"', b'"comment":"\\ud800"')
    answer = site.client.post("/api/v1/leads", content=raw, headers=site.headers | {"content-type": "application/json"})
    assert is_problem(answer, 422)
    assert answer.json()["field"] == "comment"


def test_too_much_is_refused(site: Program) -> None:
    assert is_problem(site.post("leads", lead_data(comment="x" * 300_000)), 413)


ENDPOINTS = [
    ("POST", "leads", {"leads:write"}),
    ("GET", "leads/1", {"leads:write", "read", "contacts:write"}),
    ("POST", "contacts?lead=1", {"contacts:write"}),
    ("POST", "leads/1/calling", {"contacts:write"}),
]


@pytest.mark.parametrize(("method", "path", "scopes"), ENDPOINTS)
@pytest.mark.parametrize("scope", ["leads:write", "read", "contacts:write"])
def test_a_token_opens_what_its_scope_names(
    program: Callable[..., Program], book: Book, method: str, path: str, scopes: set[str], scope: str
) -> None:
    won_month(book)
    arrive(book)
    caller = program(scope, WINNER if scope == "contacts:write" else None)
    body = lead_data(2) if path == "leads" else contact_data()
    answer = caller.get(path) if method == "GET" else caller.post(path, body)
    assert answer.is_success if scope in scopes else is_problem(answer, 403)


@pytest.mark.parametrize(("method", "path", "scopes"), ENDPOINTS)
def test_without_a_valid_token_nothing_opens(
    program: Callable[..., Program], app: FastAPI, book: Book, method: str, path: str, scopes: set[str]
) -> None:
    won_month(book)
    arrive(book)
    revoked = add_token(book, "revoked", TokenScope.LEADS_WRITE)
    revoke_token(book, "revoked", reason="lost")
    for caller in (program(), Program(app, "rasti_" + "x" * 43), Program(app, revoked)):
        answer = caller.get(path) if method == "GET" else caller.post(path, lead_data(2))
        assert is_problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_contact_is_logged_with_the_lead_in_the_query_or_the_body(winner: Program) -> None:
    counted = {"lead": 1, "state": "in_work", "effect": "counted"}
    assert winner.post("contacts?lead=1", contact_data()).json() == counted
    assert winner.post("contacts", contact_data() | {"lead": 1}).json()["effect"] == "kept"
    assert is_problem(winner.post("contacts", contact_data()), 422)
    assert is_problem(winner.post("contacts?lead=1", contact_data() | {"lead": 2}), 422)


def test_a_contact_with_a_key_is_logged_once(winner: Program, book: Book) -> None:
    first = winner.post("contacts?lead=1", contact_data(), idempotency_key="k")
    again = winner.post("contacts?lead=1", contact_data(), idempotency_key="k")
    assert first.json() == again.json()
    assert is_problem(winner.post("contacts?lead=1", contact_data(note="x"), idempotency_key="k"), 409)
    with book.read() as tx:
        assert len(tx.all(select(Contact))) == 1


def test_a_partner_speaks_for_themselves_only(winner: Program) -> None:
    assert is_problem(winner.post("contacts?lead=1", contact_data(SECOND)), 403)


def test_a_call_begins_and_is_completed(winner: Program) -> None:
    begun = winner.post("leads/1/calling")
    assert begun.json() == {"lead": 1, "began_at": "2019-09-02T07:00:00Z", "until": "2019-09-02T07:15:00Z"}
    assert winner.post("contacts?lead=1", contact_data()).json()["effect"] == "counted"


def test_a_stranger_sees_no_lead_and_logs_nothing(winner: Program, program: Callable[..., Program]) -> None:
    stranger = program("contacts:write", STRANGER)
    assert is_problem(stranger.get("leads/1"), 404)
    assert is_problem(stranger.post("contacts?lead=1", contact_data(STRANGER)), 403)
    assert is_problem(stranger.post("leads/1/calling"), 403)


def test_a_former_holder_sees_their_own_attempt_only(
    winner: Program, program: Callable[..., Program], book: Book, clock: MovableClock
) -> None:
    neglect_first(book, clock)  # the lead moves to the second
    assert [attempt["partner"] for attempt in winner.get("leads/1").json()["attempts"]] == [WINNER]
    assert winner.post("contacts?lead=1", contact_data()).json()["effect"] == "after_end"
    successor = program("contacts:write", SECOND)
    assert [attempt["partner"] for attempt in successor.get("leads/1").json()["attempts"]] == [SECOND]


def test_a_contact_that_says_it_is_in_the_future_is_kept_and_the_answer_says_so_D12(winner: Program) -> None:
    answer = winner.post("contacts?lead=1", contact_data(happened_at="2019-09-02T13:00:00+03:00"))
    assert answer.status_code == 200
    body = answer.json()
    assert "happened_at" in body.pop("notice")
    assert body == {"lead": 1, "state": "in_work", "effect": "counted"}
    assert winner.get("leads/1").json()["attempts"][0]["contacts"][0]["happened_at"] == "2019-09-02T10:00:00Z"


@pytest.mark.parametrize("lead", ["0", "-1", "x", "9223372036854775808", "1" * 30])
def test_an_id_that_is_none_is_refused(program: Callable[..., Program], lead: str) -> None:
    assert is_problem(program("read").get(f"leads/{lead}"), 422)


def test_rankings_are_public_and_without_amounts_D7(program: Callable[..., Program], book: Book) -> None:
    assert program().get("rankings").json() == []
    won_month(book)
    answer = program().get("rankings/2019-08")
    assert answer.json() == program().get("rankings").json()[0]
    assert answer.json()["places"][0] == {
        "place": 1,
        "partner": WINNER,
        "name": "ООО «winner»",
        "growth_percent": "100.00",
        "kits_sold": 1,
    }
    assert is_problem(program().get("rankings/2019-07"), 404)
    assert is_problem(program().get("rankings/August"), 422)


def test_unchanged_rankings_are_not_sent_again(program: Callable[..., Program], book: Book) -> None:
    won_month(book)
    nobody = program()
    tag = nobody.get("rankings").headers["etag"]
    nobody.headers["If-None-Match"] = tag
    assert nobody.get("rankings").status_code == 304


def test_unknown_paths_and_methods_are_problems_too(program: Callable[..., Program]) -> None:
    assert is_problem(program().get("nothing"), 404)
    answer = program().client.delete("/api/v1/leads")
    assert is_problem(answer, 405)
    assert "POST" in answer.headers["allow"]


def test_no_answer_names_a_client(site: Program) -> None:
    site.post("leads", lead_data())
    said = site.get("leads/1").text + site.post("leads", lead_data(workplaces=6)).text
    assert not [word for word in ("Петров", "495", "client1@") if word in said]


def test_the_reference_shows_every_endpoint(program: Callable[..., Program]) -> None:
    page = program().client.get("/api/v1/docs")
    assert page.status_code == 200
    for path in program().get("openapi.json").json()["paths"]:
        assert path in page.text
