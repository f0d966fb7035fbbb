"""Every route, asked by everybody: what each may see and do is written here by hand, and a route that is not fails.

Lead 1 was neglected by `former` and is in the hands of `holder` now; `other` is a partner who never held it.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlmodel import SQLModel

from models.engine import open_engine
from rasti.ledger.book import Book
from rasti.portal.app import create_app
from rasti.rules.programme import Programme
from rasti.settings import Settings
from tests.builders import SECOND, THIRD, WINNER, arrive, neglect_first, receive, won_month
from tests.clock import MovableClock
from tests.databases import SqliteDatabases
from tests.portal.routes import routes_of
from tests.portal.visitors import Browser

ROLES = ("guest", "other", "former", "holder", "operator")
CLIENT = ("Иван Петров 1", "+7 495 000-00-01", "client1@client.example")


@dataclass(frozen=True)
class Rule:
    """The status for each of ROLES; `shows` is what only who is answered with 200 reads; who reads of the client."""

    statuses: tuple[int, int, int, int, int]
    shows: str = ""
    client: frozenset[str] = frozenset()
    form: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    own_form: bool = True  # a POST that needs the session's token


def everybody(status: int, shows: str = "", **more: Any) -> Rule:
    return Rule((status,) * 5, shows, **more)


def operators(status: int, shows: str = "", **more: Any) -> Rule:
    """Partners are refused, guests sent to the sign-in."""
    return Rule((303, 403, 403, 403, status), shows, **more)


def partners(other: int, former: int, holder: int, shows: str = "", **more: Any) -> Rule:
    """Operators are refused, guests sent to the sign-in."""
    return Rule((303, other, former, holder, 403), shows, **more)


def forms_of_partners(other: int, former: int, holder: int, shows: str = "", **more: Any) -> Rule:
    """As `partners`; a guest's form has no session's token, and is refused without losing what was typed."""
    return Rule((403, other, former, holder, 403), shows, **more)


def forms_of_operators(status: int, **more: Any) -> Rule:
    """As `operators`; a guest's form is refused without losing what was typed."""
    return Rule((403, 403, 403, 403, status), **more)


OPERATOR = frozenset({"operator"})

PARAMETERS = {
    "lead_id": "1",
    "month": "2019-08",
    "token": "no-token",
    "name": "nothing.eml",
    "code": "en",
    "partner": SECOND,
    "violation_id": "1",
    "message_id": "1",
    "row_id": "1",
    "double_id": "1",
    "upload_id": "nothing",
    "step": "rank",
}

RULES: dict[tuple[str, str], Rule] = {
    # Public.
    ("GET", "/"): everybody(200, "ООО «winner»"),
    ("GET", "/months/{month}"): everybody(200, "ООО «winner»"),
    ("GET", "/feed.atom"): everybody(200, "ООО «winner»"),
    ("GET", "/language/{code}"): everybody(303),
    ("GET", "/healthz"): everybody(200, "ok"),
    ("GET", "/readyz"): everybody(200, "database"),
    ("GET", "/metrics"): everybody(200, "rasti_leads"),
    # Signing in and out.
    ("GET", "/sign-in"): Rule((200, 303, 303, 303, 303), "Прислать ссылку"),
    ("POST", "/sign-in"): everybody(200, "ссылка", form={"email": "x@y.example"}, own_form=False),
    ("GET", "/sign-in/{token}"): everybody(200, "Войти"),
    ("POST", "/sign-in/{token}"): everybody(409, own_form=False),
    ("GET", "/desk/sign-in"): Rule((200, 200, 200, 200, 303), "Одноразовый код"),
    ("POST", "/desk/sign-in"): everybody(409, form={"name": "x", "password": "x", "code": "1"}, own_form=False),
    ("POST", "/sign-out"): Rule((403, 303, 303, 303, 303)),
    # What a partner sees.
    ("GET", "/leads"): partners(200, 200, 200, "Клиент перезванивает", client=frozenset({"holder"})),
    ("POST", "/leads/find"): forms_of_partners(
        200, 200, 200, "Клиент перезванивает", client=frozenset({"holder"}), form={"client": "8 495 000-00-01"}
    ),
    ("GET", "/leads/export.csv"): partners(200, 200, 200, "Лид;", client=frozenset({"holder"})),
    ("GET", "/leads/export.xlsx"): partners(200, 200, 200),
    ("GET", "/leads/{lead_id}"): partners(404, 200, 200, "История контактов", client=frozenset({"holder"})),
    ("POST", "/leads/{lead_id}/calling"): forms_of_partners(404, 409, 303),
    ("POST", "/leads/{lead_id}/contacts"): forms_of_partners(
        404, 303, 303, form={"kind": "call", "outcome": "no_answer"}
    ),
    ("GET", "/leads/decline/{month}"): partners(200, 200, 200, "Отказаться от лидов"),
    ("POST", "/leads/decline/{month}"): forms_of_partners(303, 303, 303, form={"reason": "x", "sure": "yes"}),
    ("GET", "/standing"): partners(200, 200, 200, "Моё место"),
    ("GET", "/standing/{month}"): partners(200, 200, 200, "Счета за август 2019"),
    ("GET", "/profile"): partners(200, 200, 200, "Как подготовиться"),
    ("POST", "/profile"): forms_of_partners(303, 303, 303),
    ("GET", "/profile/certificate"): partners(404, 404, 404),
    ("POST", "/profile/certificate"): forms_of_partners(422, 422, 422),
    ("POST", "/profile/certificate/drop"): forms_of_partners(303, 303, 303),
    ("GET", "/profile/regulation"): partners(200, 200, 200, "Регламент работы с лидами"),
    ("POST", "/profile/regulation"): forms_of_partners(409, 409, 409, form={"version": "another"}),
    # The operators' desk.
    ("GET", "/desk"): operators(200, "Кто получает лиды"),
    ("GET", "/desk/months"): operators(200, "Отчётный месяц"),
    ("GET", "/desk/months/{month}"): operators(200, "Как выбирался получатель"),
    ("GET", "/desk/months/{month}/{step}"): operators(200, "Что произойдёт"),
    ("POST", "/desk/months/{month}/{step}"): forms_of_operators(303, form={"how": "now"}),
    ("GET", "/desk/months/{month}/switch"): operators(200, "Что произойдёт"),
    ("POST", "/desk/months/{month}/switch"): forms_of_operators(303, form={"reason": "x"}),
    ("GET", "/desk/leads"): operators(200, "Ближайший срок"),
    ("GET", "/desk/leads/{lead_id}"): operators(200, "У кого был лид", client=OPERATOR),
    ("GET", "/desk/leads/{lead_id}/assign"): operators(200, "Что произойдёт"),
    ("POST", "/desk/leads/{lead_id}/assign"): forms_of_operators(303, form={"partner": THIRD, "reason": "x"}),
    ("GET", "/desk/leads/{lead_id}/close"): operators(200, "Что произойдёт"),
    ("POST", "/desk/leads/{lead_id}/close"): forms_of_operators(303, form={"reason": "x"}),
    ("GET", "/desk/leads/{lead_id}/violation"): operators(200, "Что произойдёт"),
    ("POST", "/desk/leads/{lead_id}/violation"): forms_of_operators(303, form={"kind": "1h", "reason": "x"}),
    ("GET", "/desk/leads/{lead_id}/contacts"): operators(200, "Что произойдёт", client=OPERATOR),
    ("POST", "/desk/leads/{lead_id}/contacts"): forms_of_operators(
        303, form={"name": "x", "phone": "+7 495 111-11-11", "email": "x@y.example", "reason": "x"}
    ),
    ("GET", "/desk/leads/{lead_id}/detach"): operators(200, "Что произойдёт"),
    ("POST", "/desk/leads/{lead_id}/detach"): forms_of_operators(303, form={"reason": "x"}),
    ("GET", "/desk/leads/{lead_id}/keep"): operators(200, "Что произойдёт"),
    ("POST", "/desk/leads/{lead_id}/keep"): forms_of_operators(303, form={"reason": "x"}),
    ("GET", "/desk/violations"): operators(200, "Записать нарушение"),
    ("GET", "/desk/violations/record"): operators(303, query="?lead=1"),
    ("GET", "/desk/violations/{violation_id}/reverse"): operators(200, "Что произойдёт"),
    ("POST", "/desk/violations/{violation_id}/reverse"): forms_of_operators(303, form={"reason": "x"}),
    ("GET", "/desk/partners"): operators(200, "ООО «winner»"),
    ("GET", "/desk/partners/{partner}"): operators(200, "Места по месяцам"),
    ("GET", "/desk/partners/{partner}/certificate"): operators(404),
    ("GET", "/desk/partners/{partner}/suspend"): operators(200, "Что произойдёт"),
    ("POST", "/desk/partners/{partner}/suspend"): forms_of_operators(303, form={"reason": "x"}),
    ("GET", "/desk/partners/{partner}/resume"): operators(200, "Что произойдёт"),
    ("POST", "/desk/partners/{partner}/resume"): forms_of_operators(303, form={"reason": "x"}),
    ("GET", "/desk/partners/{partner}/accept"): operators(200, "Что произойдёт"),
    ("POST", "/desk/partners/{partner}/accept"): forms_of_operators(303, form={"reason": "x"}),
    ("GET", "/desk/partners/{partner}/decline"): operators(200, "Что произойдёт"),
    ("POST", "/desk/partners/{partner}/decline"): forms_of_operators(303, form={"month": "2019-08", "reason": "x"}),
    ("GET", "/desk/partners/{partner}/hold"): operators(200, "Что произойдёт"),
    ("POST", "/desk/partners/{partner}/hold"): forms_of_operators(303, form={"reason": "x"}),
    ("GET", "/desk/imports"): operators(200, "Реестр счетов"),
    ("POST", "/desk/imports"): forms_of_operators(422),
    ("GET", "/desk/imports/close"): operators(200, "Что произойдёт"),
    ("POST", "/desk/imports/close"): forms_of_operators(303, form={"issuer": "vendor", "month": "2019-08"}),
    ("GET", "/desk/imports/quarantine/{row_id}"): operators(404),
    ("POST", "/desk/imports/quarantine/{row_id}"): forms_of_operators(404, form={"reason": "x"}),
    ("GET", "/desk/doubles/{double_id}"): operators(404),
    ("POST", "/desk/doubles/{double_id}"): forms_of_operators(404, form={"keep": "both", "reason": "x"}),
    ("GET", "/desk/issuers/accept"): operators(200, "Что произойдёт", query="?issuer=x&month=2019-08"),
    ("POST", "/desk/issuers/accept"): forms_of_operators(404, form={"issuer": "x", "month": "2019-08", "reason": "x"}),
    ("GET", "/desk/imports/{upload_id}"): operators(404),
    ("POST", "/desk/imports/{upload_id}"): forms_of_operators(404),
    ("POST", "/desk/imports/{upload_id}/cancel"): forms_of_operators(303),
    ("GET", "/desk/audit"): operators(200, "Что произошло"),
    ("GET", "/desk/messages"): operators(200, "Недоставленные сообщения"),
    ("POST", "/desk/messages/resend"): forms_of_operators(303, form={"which": "dead"}),
    ("POST", "/desk/messages/{message_id}/revive"): forms_of_operators(303),
    ("POST", "/desk/messages/{message_id}/dismiss"): forms_of_operators(422),
    # The local mailbox, where it is shown.
    ("GET", "/mailbox"): everybody(200),
    ("POST", "/mailbox/ask"): everybody(409, own_form=False),
    ("GET", "/mailbox/{name}"): everybody(404),
    ("GET", "/mailbox/{name}/html"): everybody(404),
    # The API: a session opens nothing there.
    ("GET", "/api/v1/openapi.json"): everybody(200, "openapi"),
    ("GET", "/api/v1/docs"): everybody(200, "/api/v1/leads"),
    ("GET", "/api/v1/rankings"): everybody(200, "winner"),
    ("GET", "/api/v1/rankings/{month}"): everybody(200, "winner"),
    ("GET", "/api/v1/leads/{lead_id}"): everybody(401),
    ("POST", "/api/v1/leads"): everybody(401, own_form=False),
    ("POST", "/api/v1/leads/{lead_id}/calling"): everybody(401, own_form=False),
    ("POST", "/api/v1/contacts"): everybody(401, own_form=False),
}


@pytest.fixture(scope="module")
def story(sqlite_databases: SqliteDatabases, programme: Programme) -> Iterator[Path]:
    """The database of the story above, told once."""
    with sqlite_databases.new() as url:
        engine, clock = open_engine(url), MovableClock()
        book = Book(engine, programme, clock=clock, actor="test")
        won_month(book)
        receive(book, arrive(book))
        neglect_first(book, clock)
        receive(book, 1)
        with engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")  # a checkpoint is refused inside a transaction
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        yield Path(url.removeprefix("sqlite:///"))


@pytest.fixture
def database_url(story: Path, tmp_path: Path) -> str:
    """A copy for each visit: what one changes, no other sees."""
    return f"sqlite:///{shutil.copy(story, tmp_path / 'rasti.sqlite3')}"


@pytest.fixture
def clock() -> MovableClock:
    """The end of the story."""
    return MovableClock("2019-09-02 11:00:01")


@pytest.fixture
def app(book: Book, settings: Settings) -> FastAPI:
    """The portal, with the local mailbox."""
    return create_app(book, settings.model_copy(update={"show_mailbox": True}))


@pytest.fixture
def visitor(guest: Browser, operator: Browser, partner: Callable[[str], Browser]) -> Callable[[str], Browser]:
    """The browser of a role."""
    codes = {"other": THIRD, "former": WINNER, "holder": SECOND}

    def of(role: str) -> Browser:
        if role in codes:
            return partner(codes[role])
        return guest if role == "guest" else operator

    return of


def address(path: str, rule: Rule) -> str:
    return path.format(**PARAMETERS) + rule.query


def test_every_route_has_a_rule(app: FastAPI) -> None:
    assert set(routes_of(app)) == set(RULES)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("method", "path"), RULES)
def test_everybody_sees_and_does_what_is_theirs(
    visitor: Callable[[str], Browser], method: str, path: str, role: str
) -> None:
    rule, browser = RULES[method, path], visitor(role)
    status = rule.statuses[ROLES.index(role)]
    target = address(path, rule)
    answer = browser.get(target) if method == "GET" else browser.post(target, rule.form)
    assert answer.status_code == status
    if status == 303 and role == "guest" and len(set(rule.statuses)) > 1:
        assert "/sign-in" in answer.headers["location"]
    if rule.shows:
        assert (rule.shows in answer.text) is (status == 200)
    seen = [word for word in CLIENT if word in answer.text]
    assert bool(seen) is (role in rule.client), seen


def everything_in(book: Book) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with book.engine.connect() as connection:
        return {
            table.name: sorted(map(str, connection.execute(select(table)).all()))
            for table in SQLModel.metadata.sorted_tables
        }


@pytest.mark.parametrize("role", ROLES)
def test_head_is_answered_as_get_without_a_body_and_changes_nothing(
    visitor: Callable[[str], Browser], book: Book, clock: MovableClock, role: str
) -> None:
    browser = visitor(role)
    clock.advance(minutes=5)  # a person who opened a page now would keep the session alive
    before = everything_in(book)
    targets = [address(path, rule) for (method, path), rule in RULES.items() if method == "GET"]
    heads = {target: browser.client.head(target) for target in targets}
    assert everything_in(book) == before
    for target, head in heads.items():
        get = browser.get(target)
        assert (head.status_code, head.content) == (get.status_code, b""), target
        assert head.headers.keys() == get.headers.keys(), target
        for name in ("content-type", "location", "cache-control"):
            assert head.headers.get(name) == get.headers.get(name), target


@pytest.mark.parametrize("path", ["/sign-out", "/api/v1/contacts"])
def test_what_is_only_posted_has_no_head(guest: Browser, path: str) -> None:
    assert guest.client.head(path).status_code == guest.get(path).status_code == 405


@pytest.mark.parametrize(("method", "path"), [key for key, rule in RULES.items() if key[0] == "POST" and rule.own_form])
def test_a_change_needs_the_sessions_own_token(visitor: Callable[[str], Browser], method: str, path: str) -> None:
    rule = RULES[method, path]
    able = [role for role, status in zip(ROLES, rule.statuses, strict=True) if status not in (403, 404)]
    role = able[-1] if able else "operator"
    answer = visitor(role).post(address(path, rule), rule.form | {"csrf": "forged"})
    assert answer.status_code == 403
