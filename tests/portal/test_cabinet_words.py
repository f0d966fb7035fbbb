"""What partners read: whole sentences, in their language."""

import re
from collections.abc import Callable
from html import unescape

import pytest

from rasti.ledger.book import Book
from tests.builders import MONTH, WINNER, publish_places, won_month
from tests.clock import MovableClock
from tests.portal.visitors import Browser

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
Partner = Callable[[str], Browser]

REFUSED = {
    "tariffs_url": ("javascript:alert(1)", "Страница с вашими тарифами", "это не веб-адрес"),
    "free_phone": ("8 495 000-00-00", "Бесплатный номер", "это не бесплатный номер"),
    "support_channels": ("x" * 1001, "Каналы поддержки", "наибольшая длина — 1000"),
    "support_hours": ("9-21\nкроме воскресенья", "Часы поддержки", "должна быть одна строка"),
}


def words(browser: Browser, path: str) -> str:
    """The text of a page, as a person reads it."""
    main = browser.get(path).text.split("<main", 1)[1].split("</main>")[0]
    blocks = re.sub(r"</(p|li|h\d|th|td|dt|dd|tr)>", " ", main)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", blocks)).split())


@pytest.mark.parametrize("field", REFUSED)
def test_a_profile_that_is_refused_says_which_field_and_why_in_the_readers_language(
    book: Book, partner: Partner, field: str
) -> None:
    won_month(book)
    typed, label, why = REFUSED[field]
    answer = partner(WINNER).post("/profile", {field: typed, "duty_contact": "Анна"})
    assert answer.status_code == 422
    alert = re.search(r'role="alert">(.*?)</p>', answer.text)
    assert alert
    assert label in alert[1]
    assert why in alert[1]
    assert not re.search(r"[A-Za-z]{6,}", re.sub(r"https?://", "", alert[1]))
    assert re.search(rf'<(input|textarea) id="{field}"[^>]*aria-invalid="true"', answer.text)
    assert "Анна" in answer.text  # what was typed is kept


def test_an_english_reader_is_told_in_english(book: Book, partner: Partner) -> None:
    won_month(book)
    browser = partner(WINNER)
    browser.get("/language/en")
    answer = browser.post("/profile", {"free_phone": "8 495 000-00-00"})
    assert "is not a free number: it begins with 8-800 and has 11 digits" in answer.text
    assert not re.search(r"[а-яё]{4,}", answer.text.split("<main")[1].split("</main>")[0])


def test_the_page_of_a_month_is_made_of_whole_sentences(book: Book, partner: Partner, clock: MovableClock) -> None:
    won_month(book)
    clock.advance(days=1)
    publish_places(book, MONTH, ("second", WINNER), version=2)
    text = words(partner(WINNER), "/standing/2019-08")
    assert "Место 2 из 2. Рост: (" in text
    assert "%. Продан 1 комплект поддержки." in text.replace("\N{NO-BREAK SPACE}", " ")
    assert ".." not in text
    assert not re.search(r"[а-яё0-9%]\.[А-ЯЁ]|[а-яё0-9]\([а-яё]", text)
