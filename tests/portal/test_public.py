"""What everybody may see (R4, D7)."""

from xml.etree import ElementTree

from sqlmodel import select

from models import Lead
from rasti.ledger.book import Book
from rasti.portal.app import create_app
from rasti.portal.mailbox import STORY_IS_OVER
from rasti.settings import Settings
from tests.builders import MONTH, WINNER, publish_places, won_month
from tests.clock import MovableClock
from tests.portal.visitors import Browser

AMOUNTS = ("10000", "10 000", "20000", "20 000", "20,000")
ATOM = "{http://www.w3.org/2005/Atom}"


def test_before_the_first_ranking_the_page_says_so(guest: Browser) -> None:
    page = guest.get("/")
    assert page.status_code == 200
    assert "Пока не опубликован ни один рейтинг" in page.text


def test_the_page_shows_places_growth_kits_and_the_holder_but_no_amounts_D7(book: Book, guest: Browser) -> None:
    won_month(book)
    page = guest.get("/").text
    assert "ООО «winner»" in page
    assert "+100,00\N{NO-BREAK SPACE}%" in page
    assert "продан 1 комплект поддержки" in page
    assert "Лиды за сентябрь 2019 получает" in page
    assert not [amount for amount in AMOUNTS if amount in page.replace("\N{NO-BREAK SPACE}", " ")]


def test_a_month_has_a_page_of_its_own(book: Book, guest: Browser) -> None:
    won_month(book)
    assert "Тройка лучших за август 2019" in guest.get("/months/2019-08").text
    assert guest.get("/months/2019-07").status_code == 404
    assert guest.get("/months/august").status_code == 422


def test_a_corrected_month_says_that_it_was_corrected(book: Book, guest: Browser, clock: MovableClock) -> None:
    won_month(book)
    assert "Исправляет" not in guest.get("/months/2019-08").text
    clock.advance(days=3)
    publish_places(book, MONTH, ("second", WINNER), version=2)
    page = guest.get("/months/2019-08").text
    assert "Исправляет версию" in page
    assert page.index("ООО «second»") < page.index("ООО «winner»")


def test_the_feed_is_atom_with_an_entry_a_month(book: Book, guest: Browser) -> None:
    won_month(book)
    answer = guest.get("/feed.atom")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    entries = ElementTree.fromstring(answer.text).findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}id") for entry in entries] == ["https://portal.example/months/2019-08"]


def test_the_language_is_the_visitors_choice(book: Book, guest: Browser) -> None:
    won_month(book)
    answer = guest.get("/language/en?next=/months/2019-08")
    assert answer.headers["location"] == "/months/2019-08"
    assert "The three best of August 2019" in guest.get("/months/2019-08").text
    assert guest.get("/language/xx").status_code == 404


def test_the_language_link_leads_to_no_other_site(guest: Browser) -> None:
    for target in ("//evil.example", "https://evil.example", "/\\evil.example"):
        assert guest.get("/language/en", params={"next": target}).headers["location"] == "/"


def test_the_demo_lets_visitors_join_in_when_its_story_is_over(book: Book, settings: Settings) -> None:
    won_month(book)
    shown = settings.model_copy(update={"show_mailbox": True})
    browser = Browser(create_app(book, shown))
    assert "Пусть обратится клиент" not in browser.get("/mailbox").text
    assert browser.post("/mailbox/ask").status_code == 409
    (settings.home / STORY_IS_OVER).touch()
    assert "Пусть обратится клиент" in browser.get("/mailbox").text
    assert browser.post("/mailbox/ask").status_code == 303
    assert "Клиент обратился" in browser.get("/mailbox?said=asked").text
    with book.read() as tx:
        assert len(tx.all(select(Lead))) == 1
