"""JSON bodies are read strictly, and only when it is known who sends them."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from rasti.ledger.book import Book
from tests.builders import WINNER, arrive, contact_data, lead_data, won_month
from tests.portal.programs import Program, is_problem

# What is refused before the ledger is asked is the same on every database.
pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

JSON = {"content-type": "application/json"}


def send(program: Program, content: bytes, path: str = "leads", **headers: str) -> httpx.Response:
    """Bytes as they are."""
    return program.client.post(f"/api/v1/{path}", content=content, headers=program.headers | JSON | headers)


def lead_with(more: bytes) -> bytes:
    """A sound lead and one more member."""
    return json.dumps(lead_data()).encode()[:-1] + b"," + more + b"}"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (b'"workplaces": 7', "twice"),
        (b'"comment": NaN', "NaN"),
        (b'"comment": -Infinity', "Infinity"),
        (b'"x": ' + b"1" * 5_000, "digits"),
        (b'"x": ' + b"[" * 100_000, "not JSON"),
        (b'"x": "\xff"', "not JSON"),
        (b'"x": 1,', "not JSON"),
    ],
)
def test_what_is_read_differently_by_others_is_no_json(site: Program, more: bytes, says: str) -> None:
    answer = send(site, lead_with(more))
    assert is_problem(answer, 422)
    assert answer.json()["field"] == "body"
    assert says in answer.json()["detail"]


@pytest.mark.parametrize("more", [b'"\\ud800": 1', b'"x": ' + b"[" * 900 + b"]" * 900, b'"x": 1e400'])
def test_what_no_field_is_named_for_is_refused(site: Program, more: bytes) -> None:
    assert is_problem(send(site, lead_with(more)), 422)


@pytest.mark.parametrize("field", [name for name in lead_data() if name != "client"])
@pytest.mark.parametrize("value", ["\ud800", ["x"], {"x": 1}, None, 10**400, True])
def test_no_value_of_a_field_is_a_fault_of_ours(site: Program, field: str, value: Any) -> None:
    answer = send(site, json.dumps(lead_data(**{field: value})).encode())
    assert answer.status_code == 202 if (field, value) == ("comment", None) else is_problem(answer, 422)


def test_utf_16_is_not_guessed(site: Program) -> None:
    assert is_problem(send(site, json.dumps(lead_data()).encode("utf-16")), 422)


def test_the_kind_of_content_may_have_parameters(site: Program) -> None:
    answer = send(site, json.dumps(lead_data()).encode(), **{"content-type": "Application/JSON; charset=utf-8"})
    assert answer.status_code == 202


@pytest.mark.parametrize("path", ["leads", "contacts?lead=1", "leads/x/calling"])
@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b"\xff", b""])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_who_is_unknown_learns_nothing_about_the_body(
    program: Callable[..., Program], path: str, content: bytes, kind: str
) -> None:
    assert is_problem(send(program(), content, path, **{"content-type": kind}), 401)


def test_a_wrong_scope_is_told_before_the_body_is_read(program: Callable[..., Program]) -> None:
    assert is_problem(send(program("read"), b"{"), 403)


def test_the_lead_of_a_contact_is_checked_in_the_body_too(program: Callable[..., Program], book: Book) -> None:
    won_month(book)
    arrive(book)
    winner = program("contacts:write", WINNER)
    for lead in (0, -1, 2**63, "x", 1.5, [1]):
        answer = winner.post("contacts", contact_data() | {"lead": lead})
        assert is_problem(answer, 422)
        assert answer.json()["field"] == "lead"
    assert is_problem(winner.post("contacts", contact_data() | {"lead": 2**63 - 1}), 404)
    assert is_problem(winner.post(f"contacts?lead={2**63}", contact_data()), 422)
