"""Partners sign in by a mailed link, operators by password and one-time code; and nobody else does."""

from collections.abc import Callable
from datetime import timedelta

import pyotp
import pytest
from sqlmodel import select

from models import AuditEvent, Message, Partner, PortalSession, SignInLink
from rasti.clients.mailbox import read_mailbox
from rasti.ledger.book import Book
from rasti.ledger.operators import Added, add_operator, disable_operator
from rasti.portal.visitor import COOKIE
from rasti.secret import load_secret
from rasti.settings import Settings
from rasti.steward.relay import deliver
from tests.builders import WINNER, add_cast, add_partner
from tests.clock import MovableClock
from tests.portal.visitors import ORIGIN, Browser

PASSWORD = "correct horse battery"


def mailed_link(book: Book, settings: Settings) -> str:
    """Deliver the mail; the path of the link in the newest one."""
    deliver(book, settings)
    letter = [letter for letter in read_mailbox(settings.mailbox) if letter.kind == "sign_in"][-1]
    return next(word for word in letter.text.split() if word.startswith(f"{ORIGIN}/sign-in/")).removeprefix(ORIGIN)


@pytest.fixture
def asked(book: Book, settings: Settings, guest: Browser) -> str:
    """The winner has asked for a link; its path."""
    add_cast(book)
    assert guest.post("/sign-in", {"email": "Winner@partner.example", "next": "/leads/7"}).status_code == 200
    return mailed_link(book, settings)


def test_the_link_signs_in_by_its_button_and_leads_where_the_partner_wanted(guest: Browser, asked: str) -> None:
    assert guest.get(asked).status_code == 200
    assert COOKIE not in guest.client.cookies  # a mail scanner that opens links signs nobody in
    answer = guest.post(asked)
    assert (answer.status_code, answer.headers["location"]) == (303, "/leads/7")
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith(COOKIE))
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert WINNER in guest.get("/").text


def test_a_scanner_that_asks_for_the_head_of_a_link_uses_nothing_up(guest: Browser, asked: str) -> None:
    for _scan in range(2):
        answer = guest.client.head(asked)
        assert (answer.status_code, answer.content) == (200, b"")
    assert COOKIE not in guest.client.cookies
    assert guest.post(asked).status_code == 303


def test_the_link_works_once(browsers: Callable[[], Browser], asked: str) -> None:
    assert browsers().post(asked).status_code == 303
    again = browsers().post(asked)
    assert again.status_code == 409
    assert "Ссылка больше не действует" in again.text


def test_the_link_works_for_ten_minutes(clock: MovableClock, guest: Browser, asked: str) -> None:
    clock.advance(minutes=10)
    assert guest.post(asked).status_code == 409


def test_the_token_stands_nowhere_in_the_database(book: Book, asked: str) -> None:
    token = asked.rsplit("/", 1)[1]
    with book.read() as tx:
        rows = [*tx.all(select(SignInLink)), *tx.all(select(Message)), *tx.all(select(AuditEvent))]
    assert token not in repr(rows)


def test_nobody_learns_whose_address_is_known(book: Book, settings: Settings, guest: Browser) -> None:
    add_cast(book)
    known = guest.post("/sign-in", {"email": "winner@partner.example"})
    unknown = guest.post("/sign-in", {"email": "nobody@partner.example"})
    assert known.status_code == unknown.status_code == 200
    assert known.text.replace("winner@", "x@") == unknown.text.replace("nobody@", "x@")
    assert deliver(book, settings) == 1


def test_a_partner_with_two_codes_gets_a_link_for_each(book: Book, settings: Settings, guest: Browser) -> None:
    add_partner(book, "one", email="same@partner.example")
    add_partner(book, "two", email="SAME@partner.example")
    guest.post("/sign-in", {"email": "same@partner.example"})
    assert deliver(book, settings) == 2


@pytest.mark.parametrize(
    "typed", ["Info@ПАРТНЁР.РФ", "info@партнёр.рф", "info@xn--80a0aefbk0i.xn--p1ai", "INFO@партнЁр.рф "]
)
def test_a_partner_is_found_by_an_address_with_russian_letters_in_any_case(
    book: Book, settings: Settings, guest: Browser, typed: str
) -> None:
    add_partner(book, "one", email="Info@Партнёр.РФ")
    add_partner(book, "two", email="info@партнер.рф")  # with a е: another domain
    guest.post("/sign-in", {"email": typed})
    assert deliver(book, settings) == 1
    (letter,) = read_mailbox(settings.mailbox)
    assert (letter.recipient, letter.to) == ("one", "Info@xn--80a0aefbk0i.xn--p1ai")


@pytest.mark.parametrize("known", ["", "former@partner.example"])
def test_an_address_that_the_version_before_changed_is_the_one_that_counts(
    book: Book, settings: Settings, guest: Browser, known: str
) -> None:
    """It knows no keys: a new partner of its has none, a changed one the former."""
    add_partner(book, "one", email="new@partner.example")
    with book.write() as tx:
        tx.session.get_one(Partner, "one").email_key = known or None
    guest.post("/sign-in", {"email": "former@partner.example"})
    assert deliver(book, settings) == 0
    guest.post("/sign-in", {"email": "new@partner.example"})
    assert deliver(book, settings) == (0 if known else 1)


def test_links_are_not_mailed_without_end(book: Book, clock: MovableClock, guest: Browser) -> None:
    add_cast(book)
    ask = {"email": "winner@partner.example"}
    assert [guest.post("/sign-in", ask).status_code for _try in range(6)] == [200] * 5 + [429]
    assert guest.post("/sign-in", ask).headers["retry-after"] == "900"
    clock.advance(minutes=16)
    assert guest.post("/sign-in", ask).status_code == 200


def test_a_link_that_came_too_late_is_not_mailed(
    book: Book, settings: Settings, clock: MovableClock, guest: Browser
) -> None:
    add_cast(book)
    guest.post("/sign-in", {"email": "winner@partner.example"})
    clock.advance(minutes=11)
    assert deliver(book, settings) == 0


def test_a_new_session_ends_the_browsers_former_one(partner: Callable[[str], Browser], book: Book, asked: str) -> None:
    browser = partner(WINNER)
    former = browser.client.cookies[COOKIE]
    browser.post(asked)
    assert browser.client.cookies[COOKIE] != former
    with book.read() as tx:
        ended = [session.ended_at is not None for session in tx.all(select(PortalSession).order_by(PortalSession.id))]
    assert ended == [True, False]


def test_signing_out_ends_the_session_on_the_server(partner: Callable[[str], Browser], book: Book) -> None:
    add_cast(book)
    browser = partner(WINNER)
    stolen = browser.client.cookies[COOKIE]
    assert browser.post("/sign-out").headers["location"] == "/"
    assert WINNER not in browser.sign_in(stolen).get("/").text


@pytest.mark.parametrize(("step", "steps", "alive"), [(23, 3, True), (25, 1, False), (23, 8, False)])
def test_a_session_ends_when_idle_and_after_a_week(
    partner: Callable[[str], Browser], book: Book, clock: MovableClock, step: int, steps: int, alive: bool
) -> None:
    add_cast(book)
    browser = partner(WINNER)
    for _step in range(steps):
        clock.advance(timedelta(hours=step))
        page = browser.get("/").text
    assert (WINNER in page) is alive


def test_a_page_that_refreshes_itself_keeps_no_session_alive(
    partner: Callable[[str], Browser], book: Book, clock: MovableClock
) -> None:
    add_cast(book)
    browser = partner(WINNER)
    for _hour in range(24):
        clock.advance(hours=1)
        page = browser.get("/leads", headers={"hx-request": "true"})
    assert page.headers["hx-redirect"].startswith("/sign-in")


@pytest.fixture
def olga(book: Book, settings: Settings) -> Added:
    """An operator."""
    return add_operator(book, "olga", PASSWORD, secret=load_secret(settings))


def code(added: Added, clock: MovableClock) -> str:
    """The one-time code of the test's now."""
    return pyotp.TOTP(added.totp_secret).at(clock.now)


def enter(browser: Browser, *, name: str = "olga", password: str = PASSWORD, code: str) -> int:
    """Try to sign in at the desk; the status."""
    return browser.post("/desk/sign-in", {"name": name, "password": password, "code": code}).status_code


def test_an_operator_signs_in_with_password_and_code(guest: Browser, olga: Added, clock: MovableClock) -> None:
    assert enter(guest, code=code(olga, clock)) == 303
    assert "olga" in guest.get("/").text


def test_a_code_opens_one_session(browsers: Callable[[], Browser], olga: Added, clock: MovableClock) -> None:
    assert enter(browsers(), code=code(olga, clock)) == 303
    assert enter(browsers(), code=code(olga, clock)) == 409
    clock.advance(seconds=30)
    assert enter(browsers(), code=code(olga, clock)) == 303


def test_wrong_name_password_or_code_are_told_apart_by_nobody(guest: Browser, olga: Added, clock: MovableClock) -> None:
    right = code(olga, clock)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    answers = [
        guest.post("/desk/sign-in", {"name": name, "password": password, "code": given})
        for name, password, given in (("x", PASSWORD, right), ("olga", "x" * 20, right), ("olga", PASSWORD, wrong))
    ]
    assert {answer.status_code for answer in answers} == {409}
    assert len({answer.text.replace('value="x"', 'value="olga"') for answer in answers}) == 1


def test_passwords_are_not_tried_without_end(guest: Browser, olga: Added, clock: MovableClock) -> None:
    assert {enter(guest, password="x" * 20, code="000000") for _try in range(10)} == {409}
    assert enter(guest, code=code(olga, clock)) == 429


def test_a_disabled_operator_is_out_at_once(guest: Browser, olga: Added, book: Book, clock: MovableClock) -> None:
    enter(guest, code=code(olga, clock))
    disable_operator(book, "olga", reason="left")
    assert "olga" not in guest.get("/").text
    clock.advance(minutes=1)
    assert enter(guest, code=code(olga, clock)) == 409


def test_neither_password_nor_secret_stands_in_the_database(olga: Added, database_url: str, book: Book) -> None:
    with book.read() as tx:
        rows = tx.session.connection().exec_driver_sql("SELECT * FROM operator").all()
    assert PASSWORD not in repr(rows)
    assert olga.totp_secret not in repr(rows)
