"""How a partner prepares: the profile, the certificate, the welcome mail, accepting the regulation (R9, R15)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from email.message import EmailMessage

import pytest
from sqlmodel import select

from models import AuditEvent, Message, Partner
from rasti.ledger.book import Book
from rasti.ledger.partners import accept_regulation
from rasti.portal.app import create_app
from rasti.rules.kinds import MessageKind
from rasti.rules.programme import Rules
from rasti.settings import Settings
from rasti.steward.mails import compose
from tests.builders import SECOND, STRANGER, WINNER, add_cast, arrive, won_month
from tests.portal.visitors import Browser

Partners = Callable[[str], Browser]

PROFILE = {
    "listed_url": "https://vendor.example/partners/winner",
    "tariffs_url": "https://winner.example/tariffs",
    "regions_answer": "Работаем по всей России",
    "free_phone": "8-800 555-35-35",
    "support_channels": "чат, почта",
    "support_hours": "с 8 до 22",
    "duty_contact": "Ирина, доб. 104",
}
PDF = b"%PDF-1.7 certificate"
FILES = {"pdf": PDF, "png": b"\x89PNG\r\n\x1a\n certificate", "jpg": b"\xff\xd8\xff\xe0 certificate"}


def upload(browser: Browser, content: bytes, name: str = "сертификат.pdf") -> int:
    return browser.post("/profile/certificate", files={"file": (name, content, "text/html")}).status_code


def events(book: Book) -> list[dict[str, object]]:
    with book.read() as tx:
        return [event.data for event in tx.all(select(AuditEvent).where(AuditEvent.event == "profile.changed"))]


def test_a_profile_is_kept_and_audited_by_names_alone(book: Book, partner: Partners) -> None:
    add_cast(book)
    browser = partner(WINNER)
    assert browser.post("/profile", PROFILE).headers["location"] == "/profile?said=saved"
    page = browser.get("/profile?said=saved").text
    assert [value for value in PROFILE.values() if value not in page] == []
    assert events(book) == [{"fields": list(PROFILE)}]
    browser.post("/profile", PROFILE)
    browser.post("/profile", PROFILE | {"support_hours": "круглосуточно"})
    assert events(book)[1:] == [{"fields": ["support_hours"]}]
    assert "круглосуточно" not in partner(SECOND).get("/profile").text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tariffs_url", "javascript:alert(1)"),
        ("listed_url", "winner.example"),
        ("free_phone", "8-495 000-00-00"),
        ("support_hours", "x" * 301),
        ("duty_contact", "a\x00b"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_lost(book: Book, partner: Partners, field: str, value: str) -> None:
    add_cast(book)
    answer = partner(WINNER).post("/profile", PROFILE | {field: value})
    assert answer.status_code == 422
    assert "Работаем по всей России" in answer.text
    assert events(book) == []


def test_the_crib_stands_beside_the_checklist(book: Book, partner: Partners) -> None:
    won_month(book)
    lead = arrive(book)
    browser = partner(WINNER)
    assert "Подготовьте ответы" in browser.get(f"/leads/{lead}").text
    browser.post("/profile", PROFILE)
    page = browser.get(f"/leads/{lead}").text
    assert [value for value in PROFILE.values() if value not in page] == []


@pytest.mark.parametrize("kind", FILES)
def test_a_certificate_is_known_by_its_first_bytes(book: Book, partner: Partners, kind: str) -> None:
    add_cast(book)
    browser = partner(WINNER)
    assert upload(browser, FILES[kind], 'a"b\r\nc.html') == 303
    answer = browser.get("/profile/certificate")
    assert answer.content == FILES[kind]
    assert answer.headers["content-disposition"] == f'attachment; filename="certificate.{kind}"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] in ("application/pdf", "image/png", "image/jpeg")


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 422), (b"<html>", 422), (b"GIF89a", 422), (PDF + b"x" * 1024 * 1024, 413)],
)
def test_another_file_is_refused_and_the_former_one_stays(
    book: Book, partner: Partners, content: bytes, status: int
) -> None:
    add_cast(book)
    browser = partner(WINNER)
    upload(browser, PDF)
    assert upload(browser, content) == status
    assert browser.get("/profile/certificate").content == PDF


def test_the_largest_certificate_is_taken(book: Book, partner: Partners) -> None:
    add_cast(book)
    assert upload(partner(WINNER), PDF + b"x" * (1024 * 1024 - len(PDF))) == 303


def test_a_certificate_is_replaced_removed_and_nobody_elses(book: Book, partner: Partners) -> None:
    add_cast(book)
    browser = partner(WINNER)
    for content in (FILES["png"], PDF, PDF):
        upload(browser, content)
    assert browser.get("/profile/certificate").content == PDF
    assert partner(SECOND).get("/profile/certificate").status_code == 404
    for _time in range(2):
        assert browser.post("/profile/certificate/drop").status_code == 303
    assert browser.get("/profile/certificate").status_code == 404
    assert events(book) == [{"fields": ["certificate"]}] * 3


def welcome(book: Book, language: str) -> EmailMessage:
    """The newest welcome mail."""
    settings = Settings(language=language, portal_url="https://p.example", secret_key="0123456789" * 4)  # type: ignore[arg-type]
    with book.read() as tx:
        message = tx.all(select(Message).where(Message.kind == MessageKind.WELCOME).order_by(Message.id))[-1]
        return compose(tx, message, settings)


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


FOR_CLIENTS = [PROFILE[name] for name in PROFILE if name not in ("regions_answer", "duty_contact")]


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_welcome_mail_says_what_the_partner_prepared_R15(book: Book, partner: Partners, language: str) -> None:
    won_month(book)
    partner(WINNER).post("/profile", PROFILE)
    upload(partner(WINNER), PDF)
    arrive(book)
    mail = welcome(book, language)
    for kind in ("plain", "html"):
        text = body(mail, kind)
        assert [value for value in FOR_CLIENTS if value not in text] == []
        assert PROFILE["duty_contact"] not in text
        assert PROFILE["regions_answer"] not in text
    [certificate] = list(mail.iter_attachments())
    assert (certificate.get_filename(), certificate.get_content()) == ("certificate.pdf", PDF)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_welcome_mail_says_nothing_of_what_is_not_filled_in(book: Book, partner: Partners, language: str) -> None:
    won_month(book)
    arrive(book, 1)
    nothing = welcome(book, language)
    partner(WINNER).post("/profile", {"support_hours": "с 8 до 22"})
    arrive(book, 2)
    hours = welcome(book, language)
    for word in ("Тарифы", "Tariffs", "Бесплатный", "Free call", "приложен", "attached"):
        assert word not in body(nothing, "plain") + body(nothing, "html") + body(hours, "plain") + body(hours, "html")
    assert "с 8 до 22" in body(hours, "plain")
    assert list(nothing.iter_attachments()) == []
    assert body(nothing, "html").count("<table") == body(hours, "html").count("<table") - 1


def acceptance(book: Book, code: str) -> tuple[date | None, str | None]:
    with book.read() as tx:
        found = tx.session.get_one(Partner, code)
        return found.regulation_accepted_on, found.regulation_version


def version(book: Book) -> str:
    return book.programme.rules[0].regulation_version


def test_accepting_stores_the_day_and_the_version_R9(book: Book, partner: Partners) -> None:
    add_cast(book, not_ready=(STRANGER,))
    browser = partner(STRANGER)
    page = browser.get("/profile/regulation").text
    assert "с 09:00 до 20:00" in page
    assert "Связаться с клиентом" in page or "связаться с клиентом" in page
    assert f'name="version" value="{version(book)}"' in page
    answer = browser.post("/profile/regulation", {"version": version(book)})
    assert answer.headers["location"] == "/profile/regulation?said=accepted"
    assert acceptance(book, STRANGER) == (date(2019, 9, 2), version(book))
    assert "Вы приняли действующую версию" in browser.get("/profile/regulation").text


def test_another_version_in_force_is_said_and_the_old_acceptance_stays(book: Book, partner: Partners) -> None:
    won_month(book)
    with book.write() as tx:
        tx.session.get_one(Partner, WINNER).regulation_version = "0" * 12
    browser = partner(WINNER)
    assert "Регламент изменился с тех пор" in browser.get("/leads").text
    assert "получаете вы" in browser.get("/leads").text
    assert "Это не та версия" in browser.get("/profile/regulation").text
    browser.post("/profile/regulation", {"version": version(book)})
    assert acceptance(book, WINNER) == (date(2019, 7, 1), version(book))  # the day of acceptance stays
    assert "Регламент изменился" not in browser.get("/leads").text


def test_the_days_on_which_calls_are_made_are_part_of_what_is_accepted_D11(
    book: Book, settings: Settings, partner: Partners
) -> None:
    won_month(book)
    assert "Звонят и в дни" not in partner(WINNER).get("/profile/regulation").text
    calendar = {"working_days": "mon-fri", "holidays": "RU", "days_off": ["2020-06-24"], "days_on": ["2021-02-20"]}
    rules = Rules.model_validate({"from": "2019-08", "call_window_applies": "always"} | calendar)
    changed = replace(book, programme=book.programme.model_copy(update={"rules": (rules,)}))
    reader = Browser(create_app(changed, settings))
    reader.client.cookies.update(partner(WINNER).client.cookies)

    page = reader.get("/profile/regulation").text

    for words in ("(RU)", "Не звонят в дни: 24.06.2020.", "Звонят и в дни: 20.02.2021.", "не раньше, чем закончится"):
        assert words in page
    assert f'name="version" value="{rules.regulation_version}"' in page


def test_what_was_not_read_is_not_accepted(book: Book, partner: Partners) -> None:
    add_cast(book, not_ready=(STRANGER,))
    for given in ("", "0" * 12):
        answer = partner(STRANGER).post("/profile/regulation", {"version": given})
        assert answer.status_code == 409
        assert "Регламент тем временем изменился" in answer.text
    assert acceptance(book, STRANGER) == (None, None)


def test_accepting_again_changes_nothing(book: Book) -> None:
    add_cast(book, not_ready=(STRANGER,))
    done = [accept_regulation(book, STRANGER, version=version(book)).accepted_now for _time in range(2)]
    assert done == [True, False]
    # By the operator's word, no version is read.
    assert accept_regulation(book, STRANGER).accepted_now is False
    assert acceptance(book, STRANGER)[1] == version(book)
