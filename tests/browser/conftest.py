"""A portal that is served for real, over a database and a clock of the test's own, and a Chromium that visits it."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyotp
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import Engine

from models.engine import open_engine
from rasti.clients.mailbox import Letter, read_mailbox
from rasti.ledger.book import Book
from rasti.ledger.operators import add_operator
from rasti.portal.app import create_app
from rasti.rules.programme import Programme
from rasti.secret import load_secret
from rasti.settings import Settings
from rasti.steward.relay import deliver
from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.clock import MovableClock
from tests.conftest import CI
from tests.databases import SqliteDatabases

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
PASSWORD = "correct horse battery"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser; without one the tests are skipped, in CI they fail."""
    with sync_playwright() as playwright:
        try:
            path = find_chromium(playwright)
        except RuntimeError as error:
            if CI:
                raise
            pytest.skip(str(error))
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Portal:
    """A portal that listens at `url`."""

    url: str
    book: Book
    settings: Settings
    clock: MovableClock

    def post(self) -> list[Letter]:
        """Deliver what is due, as the steward would; the mailbox."""
        deliver(self.book, self.settings)
        return read_mailbox(self.settings.mailbox)

    def sign_in_link(self) -> str:
        """The link of the newest mail that has one."""
        text = [letter for letter in self.post() if letter.kind == "sign_in"][-1].text
        return next(word for word in text.split() if word.startswith(f"{self.url}/sign-in/"))


@pytest.fixture
def portal(sqlite_databases: SqliteDatabases, programme: Programme, tmp_path: Path) -> Iterator[Portal]:
    """The portal over a new database; its clock stands still until the test moves it."""
    with sqlite_databases.new() as url, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = Settings(home=tmp_path, database_url=url, portal_url=address, show_mailbox=True)
        engine: Engine = open_engine(url)
        clock = MovableClock()
        book = Book(engine, programme, clock=clock, actor="test")
        server = uvicorn.Server(uvicorn.Config(create_app(book, settings), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Portal(address, book, settings, clock)
        finally:
            server.should_exit = True
            thread.join()
            engine.dispose()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """New visitors: each with cookies of their own; what a page logs to the console as an error fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def visitor(*, phone: bool = False, scripts: bool = True) -> Page:
        size = PHONE if phone else DESKTOP
        context = chromium.new_context(viewport=size, locale="ru-RU", java_script_enabled=scripts)  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page

    yield visitor
    for context in contexts:
        context.close()
    # A refused form is an answer with a status of its own; the browser calls that an error.
    assert [error for error in errors if "the server responded with a status of 4" not in error] == []


@pytest.fixture
def operator_page(portal: Portal, visit: Callable[..., Page]) -> Page:
    """An operator, signed in by password and one-time code."""
    secret = load_secret(portal.settings)
    added = add_operator(replace(portal.book, actor="cli"), "olga", PASSWORD, secret=secret)
    page = visit()
    page.goto(f"{portal.url}/desk/sign-in")
    page.get_by_label("Имя").fill("olga")
    page.get_by_label("Пароль").fill(PASSWORD)
    page.get_by_label("Одноразовый код").fill(pyotp.TOTP(added.totp_secret).at(portal.clock.now))
    page.get_by_role("button", name="Войти").click()
    page.wait_for_url(f"{portal.url}/desk")
    return page


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keep a screenshot of the whole page in the folder that RASTI_TEST_PICTURES names, if it does."""
    folder = os.environ.get("RASTI_TEST_PICTURES")

    def take(page: Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return take
