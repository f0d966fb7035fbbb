"""The demo from the first ranking to the last verdict."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from models.engine import open_engine
from models.upgrade import upgrade_database
from rasti.cli.demo.check import check_story
from rasti.cli.demo.data import DemoHome
from rasti.cli.demo.play import Play
from rasti.cli.demo.tell import Teller
from rasti.clients.prefect import PrefectApi, prefect_api
from rasti.clients.programme_file import load_programme
from rasti.errors import Unavailable
from rasti.i18n import _
from rasti.ledger.book import Book
from rasti.ledger.operators import add_operator
from rasti.ledger.partners import import_partners
from rasti.portal.mailbox import OPERATOR_FILE
from rasti.secret import load_secret, new_token
from rasti.settings import load_settings

LONGEST = 150.0  # seconds; the story takes about ninety
SETTLING = 20.0  # seconds for Prefect to report the last runs as completed
STEP = 0.25
OPERATOR = "operator"

Say = Callable[[str], None]


def prepare(home: DemoHome) -> None:
    """The database with the partner list and an operator; invoices wait in the inbox."""
    settings = load_settings()
    engine = open_engine(settings.database)
    try:
        upgrade_database(engine)
        book = Book(engine, load_programme(settings.programme), actor="demo")
        import_partners(book, home.partners)
        password = new_token()[:16]
        operator = add_operator(book, OPERATOR, password, secret=load_secret(settings))
        facts = {"name": operator.name, "password": password, "totp_secret": operator.totp_secret}
        (home.path / OPERATOR_FILE).write_text(json.dumps(facts), encoding="utf-8")
    finally:
        engine.dispose()


def run_story(home: DemoHome, api_url: str, say: Say, check: Callable[[], None]) -> list[str]:
    """Play, tell, and compare with what must be; what is wrong. `check` raises when a process has stopped."""
    settings = load_settings()
    engine = open_engine(settings.database)
    try:
        book = Book(engine, load_programme(settings.programme), actor="demo")
        with prefect_api(api_url) as prefect:
            say(_("The monthly run for {month} begins.").format(month=home.month))
            prefect.start_run("monthly-ranking", {"publish": True, "activate": True})
            _perform(book, say, check)
            return _settled(book, prefect, check)
    finally:
        engine.dispose()


def _perform(book: Book, say: Say, check: Callable[[], None]) -> None:
    teller, play = Teller(book), Play(book)
    deadline = time.monotonic() + LONGEST
    going_on = True
    while going_on and time.monotonic() < deadline:
        check()
        going_on = play.step()
        for line in teller.news():
            say(line)
        time.sleep(STEP)
    if going_on:
        say(_("The story has not come to its end in time."))


def _settled(book: Book, prefect: PrefectApi, check: Callable[[], None]) -> list[str]:
    """The check, once more while something may still be on its way: the last mail, the last run's report."""
    deadline = time.monotonic() + SETTLING
    settings = load_settings()
    while True:
        check()
        try:
            wrong = check_story(book, settings.mailbox, prefect)
        except Unavailable as error:
            wrong = [error.text(_)]
        if not wrong or time.monotonic() > deadline:
            return wrong
        time.sleep(1)


def now() -> datetime:
    """The instant now."""
    return datetime.now(UTC)
