"""Every mail, in both languages: all templates render, subjects hold ids only, HTML is escaped."""

import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from models import Message, Ranking
from rasti.ledger.book import Book
from rasti.ledger.contacts import log_contact
from rasti.ledger.desk import assign_lead, close_lead
from rasti.ledger.fallback import fall_back, violations_to_act_on
from rasti.ledger.handover import hand_over_waiting
from rasti.ledger.leads import receive_lead
from rasti.ledger.restored import note_restored
from rasti.ledger.sign_in import request_link
from rasti.ledger.tenures import decline, switch_holder
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.rules.bodies import parse_contact, parse_lead
from rasti.rules.kinds import Channel, MessageKind
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

TEMPLATES = Path(__file__).parents[2] / "rasti" / "steward" / "templates"
MAILS = [kind for kind in MessageKind if not kind.name.startswith("RUN_")]
# The client's name is markup, as a joker might type it.
NAME = "Иван <b>Петров</b> & Ко"


def settings_in(language: Any) -> Settings:
    return Settings(
        language=language,
        portal_url="https://leads.vendor.example/",
        operator_email="ops@vendor.example",
        mail_from="Заявки <leads@vendor.example>",
        secret_key="0123456789" * 4,
    )


def composed(book: Book, kind: MessageKind, language: str = "en") -> EmailMessage:
    """The newest message of a kind, as a mail."""
    with book.read() as tx:
        found = select(Message).where(col(Message.kind) == kind).order_by(col(Message.id).desc()).limit(1)
        return compose(tx, tx.session.execute(found).scalar_one(), settings_in(language))


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


def test_an_address_with_russian_letters_is_written_for_servers_that_take_it(book: Book) -> None:
    """SMTPUTF8, RFC 6531: smtplib asks for such headers when an address is no ASCII."""
    won_month(book)
    arrive(book, 1, client={"email": "почта@ромашка.example"})
    mail = composed(book, MessageKind.WELCOME)
    written = mail.as_bytes(policy=mail.policy.clone(utf8=True))
    assert "To: почта@ромашка.example\n".encode() in written


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
