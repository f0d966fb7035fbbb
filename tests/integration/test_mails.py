"""Every mail, in both languages: all templates render, subjects hold ids only, HTML is escaped."""

import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.message import Message as ParsedMail
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from models import Client, Message, Ranking
from rasti.clients.envelope import Unsendable, envelope_of
from rasti.clients.mailbox import KIND_HEADER, NUMBER_HEADER, RECIPIENT_HEADER
from rasti.clients.smtp import SmtpAddress, SmtpServer
from rasti.ledger.book import Book
from rasti.ledger.clients import correct_client
from rasti.ledger.contacts import log_contact
from rasti.ledger.desk import assign_lead, close_lead, detach_lead
from rasti.ledger.fallback import fall_back, violations_to_act_on
from rasti.ledger.handover import hand_over_waiting
from rasti.ledger.leads import receive_lead
from rasti.ledger.profiles import store_certificate
from rasti.ledger.restored import note_restored
from rasti.ledger.sign_in import request_link
from rasti.ledger.tenures import decline, switch_holder
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.rules.addresses import read_address
from rasti.rules.bodies import parse_contact, parse_contacts, parse_lead
from rasti.rules.kinds import ALERTS, Channel, MessageKind
from rasti.rules.programme import Programme
from rasti.secret import Secret
from rasti.settings import Settings
from rasti.steward.mail_facts import FACTS
from rasti.steward.mails import compose
from tests.builders import (
    MONTH,
    SECOND,
    THIRD,
    WINNER,
    add_partner,
    arrive,
    contact_data,
    lead_data,
    receive,
    won_month,
)
from tests.clock import MovableClock
from tests.post_office import Keeper, smtp_server

TEMPLATES = Path(__file__).parents[2] / "rasti" / "steward" / "templates"
MAILS = [kind for kind in MessageKind if not kind.name.startswith("RUN_")]
# The client's name is markup, as a joker might type it.
NAME = "Иван <b>Петров</b> & Ко"


def settings_in(language: Any, mail_from: str = "Заявки <leads@vendor.example>") -> Settings:
    return Settings(
        language=language,
        portal_url="https://leads.vendor.example/",
        operator_email="ops@vendor.example",
        mail_from=mail_from,
        secret_key="0123456789" * 4,
    )


def composed(book: Book, kind: MessageKind, language: str = "en", **settings: Any) -> EmailMessage:
    """The newest message of a kind, as a mail."""
    with book.read() as tx:
        found = select(Message).where(col(Message.kind) == kind).order_by(col(Message.id).desc()).limit(1)
        return compose(tx, tx.session.execute(found).scalar_one(), settings_in(language, **settings))


def text_of(mail: EmailMessage, part: str = "plain") -> str:
    body = mail.get_body((part,))
    assert body is not None
    return str(body.get_content())


def neglect(book: Book, clock: MovableClock, lead_id: int) -> None:
    receive(book, lead_id)
    clock.advance(hours=1, seconds=1)
    for checkpoint in due_checkpoints(book):
        judge_checkpoint(book, checkpoint)
    for violation in violations_to_act_on(book):
        fall_back(book, violation)


@pytest.fixture
def everything(book: Book, clock: MovableClock) -> Book:
    """A story in which every kind of mail is written."""
    add_partner(book, "D<0>16", name="A & <i>B</i>")
    won_month(book)
    lead = arrive(book, client={"name": NAME, "company": "<script>", "city": "Тверь"}, comment="Перезвоните\nпосле 12")
    receive_lead(book, parse_lead(lead_data(2, client={"phone": "+7 495 000-00-01"})))  # asks again
    other = receive_lead(book, parse_lead(lead_data(4, client={"phone": "+7 495 000-00-01", "name": NAME + "ф"})))
    detach_lead(book, other.lead_id, reason="another client")
    contacts = {"name": NAME, "phone": "+7 495 000-00-01", "email": "corrected@client.example"}
    correct_client(book, lead, parse_contacts(contacts), reason="a typo")
    neglect(book, clock, lead)  # reminder, taken, tenure ended and started
    late = {"partner": WINNER, "outcome": "wrong_contact", "checklist": [], "happened_at": clock.now.isoformat()}
    log_contact(book, lead, parse_contact(contact_data(**late)))  # after the end: operators are told
    hand_over_waiting(book)
    log_contact(book, lead, parse_contact(contact_data(**late | {"partner": SECOND})))  # pauses
    receive_lead(book, parse_lead(lead_data(3, client={"phone": "+7 495 000-00-01"})))  # again, in nobody's hands
    decline(book, MONTH, SECOND, reason="holidays")
    decline(book, MONTH, THIRD, reason="holidays")  # exhausted
    with book.write() as tx:
        ranking = tx.session.execute(select(Ranking.id)).scalar_one()
        tx.send(MessageKind.TOP_THREE, f"{ranking}:{WINNER}", partner_code=WINNER, ranking=ranking)
        missing = [
            {"what": "not_closed", "issuer": "D&<b>", "month": "2019-08"},
            {"what": "quarantine", "month": "2019-08", "rows": 2},
            {"what": "no_invoices", "month": "2019-08"},
        ]
        tx.send(MessageKind.ALERT_INCOMPLETE, "2019-08:1", month="2019-08", missing=missing)
        for kind in set(MAILS) - ALERTS:  # any of them may come back
            about_lead = kind not in (MessageKind.SIGN_IN, MessageKind.TOP_THREE, MessageKind.TENURE_STARTED)
            about = {"message": 1, "kind": kind.value, "bounce": "5.1.1", "partner": "D<0>16"}
            tx.send(MessageKind.ALERT_BOUNCED, kind.value, lead_id=lead if about_lead else None, **about)
    request_link(book, f"{WINNER}@partner.example", sender="test", secret=Secret("0123456789" * 4))
    note_restored(book, clock.now, unknown=[7])
    return book


class Markup(HTMLParser):
    """The elements of a document, and whether each is closed where it should be."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _attrs: Any) -> None:
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_mail_renders_in_every_language(everything: Book, language: str) -> None:
    with everything.read() as tx:
        written = tx.all(select(Message).where(col(Message.channel) == Channel.MAIL))
        assert {message.kind for message in written} == set(MAILS), "the story writes every kind of mail"
        for message in written:
            mail = compose(tx, message, settings_in(language))
            text, html = text_of(mail), text_of(mail, "html")
            assert not re.search(r"\{[{%]|%\(|None|Undefined|&lt;|&amp;", text), text
            assert "\n\n\n" not in text
            assert f'<html lang="{language}">' in html
            markup = Markup()
            markup.feed(html)
            assert markup.open == []
            assert not markup.seen & {"b", "i", "script"}, "what people wrote is text"
            russian = re.search("[а-яё]{4,}", str(mail["Subject"]))
            assert bool(russian) == (language == "ru"), mail["Subject"]
            again: Any = message_from_bytes(mail.as_bytes(), policy=policy.default)
            assert again["Subject"] == mail["Subject"]
            assert text_of(again) == text
            for name, value in mail.items():
                if name != "Subject":  # which Python would break wrongly
                    assert mail.policy.fold(name, value) == policy.default.fold(name, again[name]), name
            assert not re.search(r"Петров|@|client\d|495", str(mail["Subject"]))


def sent(book: Book, settings: Settings) -> dict[MessageKind, ParsedMail]:
    """Every mail of the story as the bytes that reached a mail server, parsed; the last one of each kind."""
    keeper = Keeper()
    with smtp_server(keeper) as port, book.read() as tx:
        server = SmtpServer(SmtpAddress.parse(f"smtp://127.0.0.1:{port}"))
        for message in tx.all(select(Message).where(col(Message.channel) == Channel.MAIL)):
            server.send(compose(tx, message, settings))
        server.close()
    mails = [message_from_bytes(content) for content in keeper.contents]
    return {MessageKind(str(mail[KIND_HEADER])): mail for mail in mails}


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_mail_that_was_sent_has_its_headers_at_its_head(everything: Book, language: str) -> None:
    mails = sent(everything, settings_in(language))
    assert set(mails) == set(MAILS)
    for kind, mail in mails.items():
        assert mail.get_all("Content-Language") == [language], kind
        for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Auto-Submitted"):
            assert len(mail.get_all(name, [])) == 1, (kind, name)
        for name in (NUMBER_HEADER, KIND_HEADER, RECIPIENT_HEADER):
            assert len(mail.get_all(name, [])) == 1, (kind, name)
        assert not any(part["Content-Language"] for part in mail.walk() if part is not mail), kind


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_welcome_with_an_attachment_says_its_language_at_its_head(book: Book) -> None:
    won_month(book)
    store_certificate(book, WINNER, "paper.pdf", b"%PDF-1.7 paper")
    arrive(book)
    mail = sent(book, settings_in("ru"))[MessageKind.WELCOME]
    assert [part.get_filename() for part in mail.walk() if part.get_filename()] == ["certificate.pdf"]
    assert mail.get_all("Content-Language") == ["ru"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_answers_of_partners_and_clients_go_where_the_setting_says(everything: Book) -> None:
    settings = settings_in("en").model_copy(update={"mail_reply_to": "Leads <answers@vendor.example>"})
    for kind, mail in sent(everything, settings).items():
        to_operators = kind.value.startswith("alert_")
        assert mail["Reply-To"] == (None if to_operators else "Leads <answers@vendor.example>"), kind
    assert not any(mail["Reply-To"] for mail in sent(everything, settings_in("en")).values())


def test_a_domain_in_russian_letters_is_written_for_every_server_as_IDNA(book: Book) -> None:
    won_month(book)
    arrive(book, 1, client={"email": "Pochta@РОМАШКА.example"})
    assert b"To: Pochta@xn--80aa3agjl3d.example\n" in composed(book, MessageKind.WELCOME).as_bytes()


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        ("имя@ромашка.example", "before the @"),
        ("=?utf-8?q?victim=40evil.test=2C?=x@client.example", "plain mail address"),
        ("a@b.example, c@d.example", "plain mail address"),
        ("a(b)c@client.example", "plain mail address"),
        ("", "plain mail address"),
    ],
)
def test_what_an_earlier_version_took_for_an_address_is_not_sent_to(book: Book, stored: str, why: str) -> None:
    won_month(book)
    lead = arrive(book, 1)
    with book.write() as tx:
        tx.session.get_one(Client, lead).email = stored
    with pytest.raises(Unsendable, match=why) as refused:
        composed(book, MessageKind.WELCOME)
    assert not stored or stored not in str(refused.value)


@pytest.mark.parametrize("stored", ["info@ПОЧТА.рф", "ann@mailhost", "Ann.Smith@Client.Example"])
def test_what_an_earlier_version_took_is_sent_to_where_mail_can_carry_it(book: Book, stored: str) -> None:
    won_month(book)
    lead = arrive(book, 1)
    with book.write() as tx:
        tx.session.get_one(Client, lead).email = stored
    assert envelope_of(composed(book, MessageKind.WELCOME)).recipient == read_address(stored, dotless=True).sent


def test_a_sender_with_a_domain_in_russian_letters_is_IDNA_too(book: Book) -> None:
    won_month(book)
    arrive(book, 1)
    mail = composed(book, MessageKind.WELCOME, mail_from="Заявки <info@почта.рф>")
    assert envelope_of(mail).sender == "info@xn--80a1acny.xn--p1ai"
    assert mail["Message-ID"].endswith("@xn--80a1acny.xn--p1ai>")
    assert message_from_bytes(mail.as_bytes(), policy=policy.default)["From"].addresses[0].display_name == "Заявки"


def test_every_kind_of_mail_has_a_folder_and_every_folder_a_kind() -> None:
    assert set(FACTS) == set(MAILS)
    folders = {path.name for path in TEMPLATES.iterdir()}
    assert folders == {kind.value for kind in MAILS} | {"base"}
    for kind in MAILS:
        names = {path.name for path in (TEMPLATES / kind).iterdir()}
        assert names >= {"subject.txt.j2", "text.txt.j2", "html.html.j2"}


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """What a mail says does not depend on the database."""
    return str(getattr(request, "param", "sqlite"))


def test_the_partner_gets_everything_for_the_first_call(book: Book) -> None:
    """R10, R12."""
    won_month(book)
    client = {"name": "Иван Петров", "company": "ООО Ромашка", "city": "Тверь"}
    lead = arrive(book, client=client, comment="После обеда")
    mail = composed(book, MessageKind.LEAD)
    text = text_of(mail)
    for fact in (
        *("Иван Петров", "+7 495 000-00-01", "client1@client.example", "ООО Ромашка", "Тверь", "После обеда"),
        *("1С:Бухгалтерия в облаке", "Workplaces: 5", "https://cloud.example/trial/1"),
        *("from 2019-09-02 10:00 to 2019-09-02 11:00", "from 2019-09-03 10:00 to 2019-09-05 10:00"),
        *("from 2019-09-09 10:00 to 2019-09-16 10:00", "Moscow time", "already has access"),
        *("introduce yourself", "leave your contacts", "ask how the trial goes"),
        f"https://leads.vendor.example/leads/{lead}",
    ):
        assert fact in text
        assert fact.removeprefix("Workplaces: ") in text_of(mail, "html")
    assert mail["To"] == "winner@partner.example"
    assert mail["Subject"] == f"Lead {lead}: please call the client"


def test_the_due_times_of_a_lead_given_at_night_after_a_switch_count_from_the_morning(
    book: Book, clock: MovableClock
) -> None:
    """D11."""
    won_month(book)
    clock.set("2019-09-03 03:00")
    switch_holder(book, SECOND, reason="asked")
    arrive(book)
    assert "to 2019-09-03 10:00" in text_of(composed(book, MessageKind.LEAD))


def test_a_lead_opened_before_its_mail_went_out_keeps_its_times(book: Book, clock: MovableClock) -> None:
    won_month(book)
    receive(book, arrive(book))
    clock.advance(minutes=7)
    assert "to 2019-09-02 11:00" in text_of(composed(book, MessageKind.LEAD))


def test_the_partner_who_gets_a_moved_lead_hears_that_the_client_asked_again(book: Book) -> None:
    won_month(book)
    lead = arrive(book)
    receive_lead(book, parse_lead(lead_data(2, client={"phone": "+7 495 000-00-01"}, product="1С:ERP")))
    assign_lead(book, lead, SECOND, reason="asked")
    assert "1С:ERP" in text_of(composed(book, MessageKind.LEAD))


def test_the_client_learns_that_access_is_ready_and_who_will_call(book: Book) -> None:
    """R11."""
    won_month(book)
    arrive(book)
    mail = composed(book, MessageKind.WELCOME)
    assert mail["To"] == "client1@client.example"
    for fact in ("https://cloud.example/trial/1", "ООО «winner» will call you", "It is ready"):
        assert fact in text_of(mail)


def test_without_a_holder_the_client_hears_that_somebody_will_call(book: Book) -> None:
    arrive(book)
    assert "A partner of ours will call you" in text_of(composed(book, MessageKind.WELCOME))


def test_a_client_who_asks_again_hears_of_the_partner_who_has_the_first_request(book: Book) -> None:
    won_month(book)
    arrive(book)
    arrive(book, 2, client={"phone": "+7 495 000-00-01"})
    assert "ООО «winner» will call you" in text_of(composed(book, MessageKind.WELCOME))


def test_seconds_are_written_where_the_regulation_counts_seconds(book: Book, programme: Programme) -> None:
    rules = programme.rules[0]
    scaled = {kind: (opens / 3600, due / 3600) for kind, (opens, due) in rules.regulation.items()}
    in_seconds = rules.model_copy(update={"regulation": scaled})
    quick = replace(book, programme=programme.model_copy(update={"rules": (in_seconds,)}))
    won_month(quick)
    arrive(quick)
    assert "from 2019-09-02 10:00:00 to 2019-09-02 10:00:01" in text_of(composed(quick, MessageKind.LEAD))


def test_the_announcement_shows_growth_and_no_amounts(everything: Book) -> None:
    """R4, D7."""
    text = text_of(composed(everything, MessageKind.TOP_THREE))
    assert "1. ООО «winner»: +100.00 %" in text
    assert "3. ООО «third»: +80.00 %" in text
    assert "10000" not in text


def test_a_message_keeps_its_message_id_and_another_has_another(book: Book, clock: MovableClock) -> None:
    won_month(book)
    arrive(book)
    first = composed(book, MessageKind.LEAD)["Message-ID"]
    clock.advance(minutes=5)
    assert composed(book, MessageKind.LEAD)["Message-ID"] == first
    assert composed(book, MessageKind.WELCOME)["Message-ID"] != first
    arrive(book, 2)
    assert composed(book, MessageKind.LEAD)["Message-ID"] != first
    assert re.fullmatch(r"<rasti\.\d+\.[0-9a-f]{24}@vendor\.example>", first)


def test_the_former_holder_hears_why(everything: Book) -> None:
    with everything.read() as tx:
        ended = tx.all(select(Message).where(col(Message.kind) == MessageKind.TENURE_ENDED).order_by(col(Message.id)))
        texts = {message.partner_code: text_of(compose(tx, message, settings_in("en"))) for message in ended}
    assert "The regulation was violated" in texts[WINNER]
    assert "You declined" in texts[SECOND]


def test_a_closed_lead_still_gets_its_welcome(book: Book, clock: MovableClock) -> None:
    won_month(book)
    lead = arrive(book)
    close_lead(book, lead, reason="asked")
    clock.advance(timedelta(minutes=1))
    assert composed(book, MessageKind.WELCOME)["To"] == "client1@client.example"


def test_alerts_lead_to_the_desk_and_partners_to_their_own_pages(everything: Book) -> None:
    with everything.read() as tx:
        for message in tx.all(select(Message).where(col(Message.channel) == Channel.MAIL)):
            links = re.findall(
                r"https://leads\.vendor\.example(/\S*)", text_of(compose(tx, message, settings_in("en")))
            )
            at_the_desk = [link.startswith("/desk/") for link in links]
            assert all(at_the_desk) if message.kind.startswith("alert_") else not any(at_the_desk), message.kind
            assert links or message.kind in ("welcome", "lead_taken"), message.kind
