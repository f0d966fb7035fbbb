"""What a client told when they asked again: to whom it is shown, and one click for "another client" (D17)."""

import csv
import io
import re
import zipfile
from collections.abc import Callable

import pytest
from sqlmodel import col, select

from models import AuditEvent, Client, Message
from rasti.ledger.book import Book
from rasti.ledger.desk import close_lead
from rasti.rules.kinds import MessageKind
from rasti.settings import Settings
from rasti.steward.mails import compose
from tests.builders import SECOND, THIRD, WINNER, arrive, lead_data, lead_state, neglect_first, receive, won_month
from tests.clock import MovableClock
from tests.portal.desk_facts import ACTOR
from tests.portal.visitors import Browser

Partners = Callable[[str], Browser]

IVAN = lead_data(1)["client"]
NEWS = {"name": "Пётр Сидоров", "email": "petr@mail.example"}  # behind the same number
NEW_PHONE = "+7 916 000-00-02"


@pytest.fixture
def lead(book: Book) -> int:
    """A lead in the winner's hands, received; its client asked again by another name and from another address."""
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    return lead


@pytest.fixture
def repeat(book: Book, lead: int) -> int:
    """Another person, perhaps: in doubt."""
    return arrive(book, 2, client=IVAN | NEWS, workplaces=20, comment="Ещё и ЭДО")


def exported(browser: Browser, query: str = "") -> list[dict[str, str]]:
    text = browser.get(f"/leads/export.csv?{query}").content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


# The partner.


def test_new_contacts_stand_on_the_page_of_whoever_has_the_lead(book: Book, partner: Partners, repeat: int) -> None:
    arrive(book, 3, client=IVAN | {"phone": NEW_PHONE})
    page = partner(WINNER).get("/leads/1").text
    shown = page[page.index("Клиент обратился ещё раз") :]
    for word in (f'href="tel:{re.sub(r"[^+0-9]", "", NEW_PHONE)}"', *NEWS.values(), "20 рабочих мест", "Ещё и ЭДО"):
        assert word in shown
    assert not [word for word in IVAN.values() if word in shown]  # known already
    assert shown.index(NEW_PHONE) < shown.index(NEWS["email"]), "the newest first"
    assert shown.count("Возможно, это другой клиент") == 1


def test_what_two_repeats_tell_alike_stands_there_once(book: Book, partner: Partners, repeat: int) -> None:
    arrive(book, 3, client=IVAN | NEWS)
    page = partner(WINNER).get("/leads/1").text
    assert page.count(f">{NEWS['email']}<") == 1


def test_the_export_has_what_the_client_told_again(book: Book, partner: Partners, repeat: int) -> None:
    arrive(book, 3, client=IVAN | {"phone": NEW_PHONE}, product="=1+1", comment="позже")
    (row,) = exported(partner(WINNER))
    assert row["Телефон"] == f"'{IVAN['phone']}"
    assert row["Другой телефон"] == f"'{NEW_PHONE}"
    assert (row["Другое имя"], row["Другая почта"]) == (NEWS["name"], NEWS["email"])
    newest, oldest = row["Обращался снова"].splitlines()
    assert newest.startswith("'=1+1, ")
    assert oldest.endswith("20, Ещё и ЭДО")
    with zipfile.ZipFile(io.BytesIO(partner(WINNER).get("/leads/export.xlsx").content)) as file:
        words = file.read("xl/sharedStrings.xml").decode()
    assert NEW_PHONE in words
    assert NEWS["email"] in words


def test_of_very_many_repeats_pages_mail_and_file_show_the_newest_and_count_the_rest(
    book: Book, partner: Partners, operator: Browser, lead: int
) -> None:
    """A form that a machine fills in: each request costs the same, however many there are."""
    for number in range(2, 27):
        arrive(book, number, client=IVAN | {"email": f"{number}@mail.example"}, comment=f"№{number}.")
    browser = partner(WINNER)
    with book.read() as tx:
        handed_over = tx.session.execute(select(Message).where(col(Message.kind) == MessageKind.LEAD)).scalar_one()
        body = compose(tx, handed_over, Settings(secret_key="0123456789" * 4)).get_body(("plain",))
    assert body is not None
    (row,) = exported(browser)
    for shown in (
        browser.get("/leads/1").text,
        operator.get("/desk/leads/1").text,
        body.get_content(),
        f"{row['Другая почта']} {row['Обращался снова']}",
    ):
        assert [number for number in range(2, 27) if f"№{number}." in shown] == list(range(7, 27))
        assert shown.index("№26.") < shown.index("№7.")
        assert "Более ранние обращения, которые здесь не показаны: 5" in shown


def test_a_client_who_asked_once_has_empty_cells(partner: Partners, lead: int) -> None:
    (row,) = exported(partner(WINNER))
    assert {row[name] for name in ("Другое имя", "Другой телефон", "Другая почта", "Обращался снова")} == {""}


def test_what_a_repeat_told_is_shown_to_no_one_else(
    book: Book, partner: Partners, repeat: int, clock: MovableClock
) -> None:
    """The former holder no longer, who never held it never; the present one all of it."""
    assert partner(THIRD).get("/leads/1").status_code == 404
    neglect_first(book, clock)
    receive(book, 1)
    sees = {}
    for code in (WINNER, SECOND, THIRD):
        browser = partner(code)
        pages = [browser.get(path).text for path in ("/leads/1", "/leads?show=all")]
        pages.append(str(exported(browser, "show=all")))
        pages.append(
            browser.post("/leads/find", {"client": NEWS["email"]}).text.replace(f'value="{NEWS["email"]}"', "")
        )
        sees[code] = [word for word in (*NEWS.values(), "Ещё и ЭДО") if any(word in page for page in pages)]
    assert sees == {WINNER: [], SECOND: [*NEWS.values(), "Ещё и ЭДО"], THIRD: []}


def test_what_clients_typed_again_is_no_markup(book: Book, partner: Partners, operator: Browser, lead: int) -> None:
    repeat = arrive(book, 2, client=IVAN | {"name": "<b>x</b>"}, comment="<script>1</script>")
    with book.write() as tx:
        client = tx.session.get_one(Client, repeat)
        client.email = client.email_key = "a?bcc=b@c.example"  # an earlier version took it
    pages = [partner(WINNER).get("/leads/1").text]
    pages += [operator.get(path).text for path in ("/desk", "/desk/leads/1", f"/desk/leads/{repeat}")]
    for page in pages:
        assert "<b>x</b>" not in page
        assert "<script>1" not in page
    assert "mailto:a%3Fbcc%3Db@c.example" in pages[0]


# The desk.


def one_click(page: str, address: str) -> dict[str, str]:
    """The fields of the form that sends one there, as the button would; the session's token is added by the browser."""
    form = re.search(rf'<form method="post" action="{address}">(.*?)</form>', page, re.S)
    assert form is not None
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[1]))
    assert fields.pop("csrf")
    assert 'type="text"' not in form[1]
    return fields


def test_one_client_or_two_stands_on_the_first_page_until_it_is_decided(
    book: Book, operator: Browser, lead: int, repeat: int
) -> None:
    page = operator.get("/desk").text
    assert "Ничего не ждёт решения" not in page
    for word in (*NEWS.values(), *IVAN.values(), f'href="/desk/leads/{lead}"', f'href="/desk/leads/{repeat}"'):
        assert word in page
    answer = operator.post(f"/desk/leads/{repeat}/keep", one_click(page, f"/desk/leads/{repeat}/keep"))
    assert answer.headers["location"] == f"/desk/leads/{repeat}?said=kept"
    assert "тот же клиент" in operator.get(answer.headers["location"]).text
    page = operator.get("/desk").text
    assert "Ничего не ждёт решения" in page
    assert NEWS["email"] not in page
    assert lead_state(book, repeat) == "attached"


@pytest.mark.parametrize("where", ["/desk", "/desk/leads/1", "/desk/leads/2"])
def test_another_client_is_one_click_wherever_the_doubt_is_shown(
    book: Book, operator: Browser, repeat: int, where: str
) -> None:
    address = f"/desk/leads/{repeat}/detach"
    answer = operator.post(address, one_click(operator.get(where).text, address))
    assert answer.headers["location"] == f"/desk/leads/{repeat}?said=detached"
    assert lead_state(book, repeat) == "in_work"
    with book.read() as tx:
        event = tx.session.execute(select(AuditEvent).where(col(AuditEvent.event) == "lead.detached")).scalar_one()
    assert (event.actor, event.data["reason"]) == (ACTOR, "другой клиент")
    assert "Повторный запрос был от другого клиента, партнёру" in operator.get("/desk/leads/1").text


def test_a_decision_that_a_colleague_took_first_changes_nothing(
    book: Book, operator: Browser, lead: int, repeat: int
) -> None:
    operator.post(f"/desk/leads/{repeat}/detach", {"reason": "другой клиент"})
    late = operator.post(f"/desk/leads/{repeat}/keep", {"reason": "тот же клиент"})
    assert late.headers["location"].endswith("said=same_kept")
    assert "решать было нечего" in operator.get(late.headers["location"]).text
    assert lead_state(book, repeat) == "in_work"


def test_a_second_click_about_a_stranger_who_asked_twice_makes_no_second_lead(
    book: Book, operator: Browser, lead: int, repeat: int
) -> None:
    second = arrive(book, 3, client=IVAN | NEWS)
    page = operator.get("/desk").text
    operator.post(f"/desk/leads/{repeat}/detach", one_click(page, f"/desk/leads/{repeat}/detach"))
    address = f"/desk/leads/{second}/detach"
    said = [operator.get(operator.post(address, one_click(page, address)).headers["location"]).text for _ in range(2)]
    assert "Прикреплено к лиду этого клиента, который уже в работе" in said[0]
    assert "Ничего не изменилось" in said[1]
    assert lead_state(book, second) == "attached"
    asked = operator.get(address).text
    assert f'name="root" value="{repeat}"' in asked


def test_one_click_of_a_foreign_page_decides_nothing(book: Book, operator: Browser, repeat: int) -> None:
    for step in ("detach", "keep"):
        forged = operator.post(f"/desk/leads/{repeat}/{step}", {"reason": "x", "csrf": "forged"})
        assert forged.status_code == 403
    assert lead_state(book, repeat) == "attached"
    assert NEWS["email"] in operator.get("/desk").text


def test_a_repeat_without_a_doubt_asks_nobody(book: Book, operator: Browser, lead: int) -> None:
    arrive(book, 2, client=IVAN | {"phone": NEW_PHONE})
    page = operator.get("/desk").text
    assert "Ничего не ждёт решения" in page
    assert "/desk/leads/2/keep" not in page + operator.get("/desk/leads/1").text + operator.get("/desk/leads/2").text


def test_the_doubt_about_a_closed_lead_stays_on_the_desk(book: Book, operator: Browser, lead: int, repeat: int) -> None:
    close_lead(book, lead, reason="отказ")
    assert f"/desk/leads/{repeat}/detach" in operator.get("/desk").text


def test_of_many_doubts_the_desk_shows_the_oldest_and_leads_to_all(book: Book, operator: Browser, lead: int) -> None:
    for number in range(2, 14):
        arrive(book, number, client={"phone": IVAN["phone"]})
    page = operator.get("/desk").text
    assert page.count("/keep") == 10
    assert "/desk/leads/2/keep" in page
    assert '<a href="/desk/leads?undecided=yes"><span class="figure">12<' in page
    assert operator.get("/desk/leads?undecided=yes").text.count('<th scope="row">') == 12


def test_the_lead_at_the_desk_shows_what_each_repeat_told(
    book: Book, operator: Browser, lead: int, repeat: int
) -> None:
    page = operator.get(f"/desk/leads/{lead}").text
    shown = page[page.index("Клиент обратился ещё раз") : page.index("У кого был лид")]
    for word in (f'href="/desk/leads/{repeat}"', *NEWS.values(), "20 рабочих мест", "Ещё и ЭДО"):
        assert word in shown
    assert IVAN["phone"] not in shown
    of_repeat = operator.get(f"/desk/leads/{repeat}").text
    assert IVAN["name"] in of_repeat  # whom to compare with


def test_correcting_the_contacts_says_that_the_partner_is_told(operator: Browser, lead: int) -> None:
    assert "получит исправленные контакты письмом" in operator.get(f"/desk/leads/{lead}/contacts").text
