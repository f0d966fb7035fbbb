"""Whatever is sent to the API: no answer is a 500, and each is one that the description names."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from rasti.ledger.book import Book
from rasti.ledger.tokens import add_token
from rasti.portal.app import create_app
from rasti.rules.kinds import TokenScope
from rasti.settings import Settings
from tests.builders import WINNER, arrive, contact_data, lead_data, won_month

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = [
    ("/api/v1/leads", "POST", TokenScope.LEADS_WRITE),
    ("/api/v1/leads/{lead_id}", "GET", TokenScope.READ),
    ("/api/v1/contacts", "POST", TokenScope.CONTACTS_WRITE),
    ("/api/v1/leads/{lead_id}/calling", "POST", TokenScope.CONTACTS_WRITE),
    ("/api/v1/rankings", "GET", None),
    ("/api/v1/rankings/{month}", "GET", None),
]
# Requests that are right, from which parts are taken.
SOUND: dict[str, dict[str, Any]] = {
    "/api/v1/leads": lead_data(2),
    "/api/v1/contacts": contact_data() | {"lead": 1},
}
FIELDS = sorted({name for body in SOUND.values() for name in body})


@pytest.fixture
def app(book: Book, tmp_path: Path) -> FastAPI:
    """The portal with a lead in the winner's hands."""
    won_month(book)
    arrive(book)
    return create_app(book, Settings(home=tmp_path, portal_url="http://localhost"))


def test_every_operation_is_tried(app: FastAPI) -> None:
    described = app.openapi()["paths"]
    assert {(path, method.upper()) for path, methods in described.items() for method in methods} == {
        (path, method) for path, method, _scope in OPERATIONS
    }


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("has_token", [True, False])
@pytest.mark.parametrize(("path", "method", "scope"), OPERATIONS)
def test_no_answer_is_a_fault_of_ours(
    app: FastAPI, book: Book, path: str, method: str, scope: TokenScope | None, has_token: bool
) -> None:
    headers = {}
    if scope is not None and has_token:
        partner = WINNER if scope is TokenScope.CONTACTS_WRITE else None
        headers["Authorization"] = f"Bearer {add_token(book, scope, scope, partner=partner)}"
    operation = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)[path][method]
    positive, negative = (operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)

    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(positive, negative), kept=st.frozensets(st.sampled_from(FIELDS)), ours=st.booleans())
    def answers(case: schemathesis.Case, kept: frozenset[str], ours: bool) -> None:
        # What is made up whole seldom gets past the first check: some of it is replaced by what is right.
        right = SOUND.get(path, {})
        if isinstance(case.body, dict):
            case.body |= {name: value for name, value in right.items() if name not in kept}
        if ours and case.path_parameters and "lead_id" in case.path_parameters:
            case.path_parameters["lead_id"] = 1
        if ours and case.path_parameters and "month" in case.path_parameters:
            case.path_parameters["month"] = "2019-08"
        seen.add(case.call_and_validate(headers=headers, checks=CHECKS).status_code)

    seen: set[int] = set()
    answers()
    if scope is not None and not has_token:
        # What cannot even be a request's length or header is refused before.
        assert seen <= {401, 413}
        return
    assert {status for status in seen if status < 400}, f"nothing was ever done, only refused: {seen}"
