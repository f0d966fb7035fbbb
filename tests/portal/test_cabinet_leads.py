"""A partner's leads as a list: whose they are, what is urgent, filters, search, files."""

import csv
import io
import re
import zipfile
from collections.abc import Callable

import pytest

from rasti.ledger.book import Book
from rasti.ledger.partner_leads import PAGE
from rasti.ledger.tenures import decline
from tests.builders import (
    MONTH,
    SECOND,
    STRANGER,
    WINNER,
    arrive,
    contact_data,
    log,
    neglect_first,
    no_answer,
    receive,
    won_month,
)
from tests.clock import MovableClock
from tests.portal.visitors import Browser

Partners = Callable[[str], Browser]


def listed(page: str) -> list[int]:
    """The leads of a list, in its order."""
    return [int(number) for number in re.findall(r'<th scope="row"><a href="/leads/(\d+)"', page)]


def test_the_most_urgent_lead_stands_first(book: Book, partner: Partners, clock: MovableClock) -> None:
    won_month(book)
    called, later, sooner, unopened = (arrive(book, number) for number in (1, 2, 3, 4))
    receive(book, called)
    log(book, called)
    receive(book, sooner)
    clock.advance(minutes=5)
    receive(book, later)
    page = partner(WINNER).get("/leads").text
    assert listed(page) == [unopened, sooner, later, called]
    assert "до 11:00" in page
    assert 'data-countdown="2019-09-02T08:00:00+00:00"' in page


def test_a_call_that_counts_turns_the_list_to_the_next_checkpoint(book: Book, partner: Partners) -> None:
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    browser = partner(WINNER)
    assert "Первый звонок" in browser.get("/leads?checkpoint=1h").text
    log(book, lead)
    assert listed(browser.get("/leads?checkpoint=1h").text) == []
    assert listed(browser.get("/leads?checkpoint=3d").text) == [lead]


def test_unanswered_calls_and_a_message_turn_it_too(book: Book, partner: Partners, clock: MovableClock) -> None:
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    for body in (no_answer(), no_answer(), contact_data(kind="message", checklist=[], outcome="reached")):
        clock.advance(minutes=11)
        log(book, lead, body)
    assert listed(partner(WINNER).get("/leads?checkpoint=3d").text) == [lead]


def test_a_partner_sees_no_lead_of_another(book: Book, partner: Partners) -> None:
    won_month(book)
    arrive(book)
    for code in (SECOND, STRANGER):
        for show in ("mine", "soon", "closed", "left", "all"):
            page = partner(code).get(f"/leads?show={show}").text
            assert listed(page) == []
            assert "Иван Петров" not in page


def test_a_lead_that_left_is_listed_without_its_client(book: Book, partner: Partners, clock: MovableClock) -> None:
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    neglect_first(book, clock)
    browser = partner(WINNER)
    assert listed(browser.get("/leads").text) == []
    page = browser.get("/leads?show=left").text
    assert listed(page) == [lead]
    assert "больше не ваш" in page
    assert "Иван Петров" not in page
    assert "Иван Петров" in partner(SECOND).get("/leads").text


def test_the_filters_choose(book: Book, partner: Partners, clock: MovableClock) -> None:
    won_month(book)
    open_, closed = arrive(book, 1), arrive(book, 2)
    for lead in (open_, closed):
        receive(book, lead)
    log(book, closed, contact_data(outcome="refused"))
    browser = partner(WINNER)
    assert listed(browser.get("/leads?show=closed").text) == [closed]
    assert listed(browser.get("/leads?show=all").text) == [open_, closed]
    assert listed(browser.get("/leads?show=soon").text) == []
    clock.advance(minutes=41)  # the reminder goes out 20 minutes before
    assert listed(browser.get("/leads?show=soon").text) == [open_]
    clock.advance(minutes=20)  # overdue, not judged
    assert listed(browser.get("/leads?show=soon").text) == [open_]


@pytest.mark.parametrize("address", ["show=x", "checkpoint=x", "page=x", "page=-1", "page=999999999999", "page=0"])
def test_an_odd_address_is_the_plain_list(book: Book, partner: Partners, address: str) -> None:
    won_month(book)
    lead = arrive(book)
    assert listed(partner(WINNER).get(f"/leads?{address}").text) == [lead]


def test_search_finds_by_number_and_by_product_in_any_case(book: Book, partner: Partners) -> None:
    won_month(book)
    first, second = arrive(book, 1), arrive(book, 2, product="1С:Розница в облаке 100%")
    browser = partner(WINNER)
    assert listed(browser.get("/leads", params={"q": str(first)}).text) == [first]
    assert listed(browser.get("/leads", params={"q": f"№ {second}"}).text) == [second]
    assert listed(browser.get("/leads", params={"q": "РОЗНИЦА"}).text) == [second]
    assert listed(browser.get("/leads", params={"q": "%"}).text) == [second]
    for nothing in ("нет такого", "9" * 40, "²", "Иван"):
        assert listed(browser.get("/leads", params={"q": nothing}).text) == []


@pytest.mark.parametrize("asked", ["8 (495) 000-00-01", "4950000001", "Client1@client.example"])
def test_a_client_who_calls_back_is_found_in_ones_own_hands(
    book: Book, partner: Partners, clock: MovableClock, asked: str
) -> None:
    won_month(book)
    lead = arrive(book)
    assert listed(partner(WINNER).post("/leads/find", {"client": asked}).text) == [lead]
    assert listed(partner(SECOND).post("/leads/find", {"client": asked}).text) == []
    receive(book, lead)
    neglect_first(book, clock)
    assert listed(partner(WINNER).post("/leads/find", {"client": asked}).text) == []
    assert listed(partner(SECOND).post("/leads/find", {"client": asked}).text) == [lead]


@pytest.mark.parametrize("asked", ["INFO@почта.рф", "info@xn--80a1acny.xn--p1ai", "+47 41 23 45 67", "8 10 4741234567"])
def test_a_client_is_found_by_every_spelling(book: Book, partner: Partners, asked: str) -> None:
    won_month(book)
    lead = arrive(book, 1, client={"email": "Info@ПОЧТА.РФ", "phone": "+47 41 23 45 67 доб. 3"})
    arrive(book, 2, client={"phone": "8 (474) 123-45-67"})
    assert listed(partner(WINNER).post("/leads/find", {"client": asked}).text) == [lead]


def test_nothing_asked_finds_nothing(book: Book, partner: Partners) -> None:
    won_month(book)
    arrive(book)
    for asked in ("", " ", "+", "@"):
        assert listed(partner(WINNER).post("/leads/find", {"client": asked}).text) == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_long_list_comes_in_pages_that_keep_the_filter(book: Book, partner: Partners) -> None:
    won_month(book)
    leads = [arrive(book, number) for number in range(1, PAGE + 3)]
    browser = partner(WINNER)
    first, second = (browser.get(f"/leads?show=all&page={page}").text for page in (1, 2))
    assert sorted(listed(first) + listed(second)) == leads
    assert "/leads?show=all&amp;page=2" in first
    assert listed(browser.get("/leads?show=all&page=9").text) == listed(second)


DANGEROUS = ("=cmd|' /C calc'!A0", "+7", "-1+2", "@SUM(A1)", "\t=1+1")


def test_the_csv_is_for_excel_and_calculates_nothing(book: Book, partner: Partners) -> None:
    won_month(book)
    arrive(book, client={"name": DANGEROUS[0], "company": DANGEROUS[3]}, comment=DANGEROUS[2])
    answer = partner(WINNER).get("/leads/export.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="leads.csv"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert len(rows) == 2
    assert not [cell for cell in rows[1] if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert {f"'{DANGEROUS[0]}", f"'{DANGEROUS[3]}", f"'{DANGEROUS[2]}"} <= set(rows[1])


SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫")
UNSEEN = (" ", "\u00a0", "\u200b", "\ufeff", "\u3000", "\u202f\u200b")
PLAIN = ("ООО «Дом»", "a=1", "1-2", "№ +7", "«=1»")


def test_a_formula_in_full_width_or_behind_what_is_not_seen_is_text(book: Book, partner: Partners) -> None:
    won_month(book)
    formulas = [f"{sign}1+cmd" for sign in SIGNS] + [f"{before}＝1+cmd" for before in UNSEEN]
    for number, comment in enumerate([*formulas, *PLAIN]):
        arrive(book, number, comment=comment)
    text = partner(WINNER).get("/leads/export.csv").content.decode("utf-8-sig")
    comments = [cells["Комментарий"] for cells in csv.DictReader(io.StringIO(text), delimiter=";")]
    # A blank at the end of a text is cut when the lead arrives.
    neutral = {comment[1:].strip() for comment in comments if comment.startswith("'")}
    assert neutral == {comment.strip() for comment in formulas}
    assert {comment for comment in comments if not comment.startswith("'")} == set(PLAIN)


def test_the_workbook_holds_texts_and_no_formula(book: Book, partner: Partners) -> None:
    won_month(book)
    arrive(book, client={"name": DANGEROUS[0]}, comment="https://evil.example")
    answer = partner(WINNER).get("/leads/export.xlsx")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        sheet = file.read("xl/worksheets/sheet1.xml").decode()
        words = file.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert "=cmd" in words


def test_files_hold_the_filtered_list_without_clients_of_leads_that_left(
    book: Book, partner: Partners, clock: MovableClock
) -> None:
    won_month(book)
    left = arrive(book, 1)
    receive(book, left)
    neglect_first(book, clock)
    browser = partner(WINNER)
    assert len(browser.get("/leads/export.csv").text.splitlines()) == 1
    text = browser.get("/leads/export.csv?show=left").text
    assert text.splitlines()[1].startswith(f"{left};")
    assert "Иван" not in text


def test_the_page_says_whether_one_holds_the_leads(book: Book, partner: Partners, clock: MovableClock) -> None:
    won_month(book)
    assert "Лиды за сентябрь 2019 получаете вы, с 02.09.2019 10:00" in partner(WINNER).get("/leads").text
    second = partner(SECOND)
    assert "За август 2019 у вас место 2" in second.get("/leads").text
    clock.advance(hours=5)
    decline(book, MONTH, WINNER, reason="holiday")
    assert "получаете вы" in second.get("/leads").text
    page = partner(WINNER).get("/leads").text
    assert "Лиды за сентябрь 2019 вы получали до 02.09.2019 15:00" in page
    assert "Вы отказались от лидов за сентябрь 2019" in page


def test_who_cannot_get_leads_reads_why(book: Book, partner: Partners) -> None:
    won_month(book, not_ready=(SECOND,), suspended=(STRANGER,))
    assert "вы не приняли регламент" in partner(SECOND).get("/leads").text
    assert "приостановлено" in partner(STRANGER).get("/leads").text


def test_a_list_that_refreshes_itself_leads_a_guest_to_the_sign_in(guest: Browser) -> None:
    answer = guest.get("/leads", headers={"hx-request": "true"})
    assert answer.headers["hx-redirect"] == "/sign-in?next=/leads"
