"""The portal over this test's own database, and browsers of everybody who may come."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI

from models import Operator
from rasti.ledger.book import Book
from rasti.ledger.sessions import open_session_within
from rasti.ledger.tokens import add_token
from rasti.portal.app import create_app
from rasti.rules.kinds import Role, TokenScope
from rasti.settings import Settings
from tests.builders import WINNER, arrive, receive, won_month
from tests.portal.programs import Program
from tests.portal.visitors import ORIGIN, Browser

OPERATOR = "olga"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of an installation in this test's own folder."""
    return Settings(home=tmp_path, database_url=database_url, portal_url=ORIGIN)


@pytest.fixture
def app(book: Book, settings: Settings) -> FastAPI:
    """The portal."""
    return create_app(book, settings)


@pytest.fixture
def browsers(app: FastAPI) -> Iterator[Callable[[], Browser]]:
    """New browsers of nobody; closed after the test."""
    opened: list[Browser] = []

    def browser() -> Browser:
        opened.append(Browser(app))
        return opened[-1]

    yield browser
    for browser_ in opened:
        browser_.client.close()


@pytest.fixture
def guest(browsers: Callable[[], Browser]) -> Browser:
    """Nobody is signed in."""
    return browsers()


@pytest.fixture
def partner(browsers: Callable[[], Browser], book: Book) -> Callable[[str], Browser]:
    """The browser of a partner who is signed in (the partner has to be in the list)."""

    def signed_in(code: str) -> Browser:
        with replace(book, actor="portal").write() as tx:
            token = open_session_within(tx, Role.PARTNER, code, former=None)
        return browsers().sign_in(token)

    return signed_in


@pytest.fixture
def operator(browsers: Callable[[], Browser], book: Book) -> Browser:
    """The browser of an operator who is signed in."""
    with replace(book, actor="portal").write() as tx:
        tx.session.add(Operator(name=OPERATOR, password_hash="-", totp_sealed="-", created_at=tx.now))
        tx.session.flush()
        token = open_session_within(tx, Role.OPERATOR, OPERATOR, former=None)
    return browsers().sign_in(token)


@pytest.fixture
def program(app: FastAPI, book: Book) -> Callable[..., Program]:
    """A program with a new token of a scope; without one, nobody."""

    def with_token(scope: str | None = None, partner: str | None = None) -> Program:
        token = None
        if scope is not None:
            token = add_token(book, f"{scope} {partner}", TokenScope(scope), partner=partner)
        return Program(app, token)

    return with_token


@pytest.fixture
def site(program: Callable[..., Program], book: Book) -> Program:
    """The vendor's site, which sends leads; the winner holds them."""
    won_month(book)
    return program("leads:write")


@pytest.fixture
def winner(program: Callable[..., Program], book: Book) -> Program:
    """The winner's own program; the winner has received lead 1."""
    won_month(book)
    receive(book, arrive(book))
    return program("contacts:write", WINNER)
