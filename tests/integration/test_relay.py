"""The relay: what it sends, when it does not, and that one bad message stops no other (R10, R11, D11)."""

import logging
import re
import threading
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlmodel import col, select

from models import Attempt, Message, Partner
from rasti.clients.mailbox import KIND_HEADER, mail_server, read_mailbox
from rasti.clients.smtp import Delayed, Rejected
from rasti.errors import Unavailable
from rasti.ledger import messages
from rasti.ledger.book import Book
from rasti.ledger.contacts import log_contact
from rasti.ledger.desk import close_lead
from rasti.ledger.sign_in import request_link
from rasti.rules.bodies import parse_contact
from rasti.rules.kinds import Channel, MessageKind, MessageState
from rasti.secret import Secret
from rasti.settings import Settings
from rasti.steward.relay import BATCH, deliver, deliver_round
from tests.builders import SECOND, WINNER, add_cast, arrive, contact_data, open_attempt, won_month
from tests.clock import MovableClock
from tests.post_office import FakePostman


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, language="en", mail_from="leads@vendor.example", operator_email="ops@vendor.example")


def states(book: Book, kind: MessageKind) -> list[str]:
    with book.read() as tx:
        return [message.state.value for message in tx.all(select(Message).where(col(Message.kind) == kind))]


def test_a_lead_reaches_the_partner_and_the_client_in_one_round(book: Book, settings: Settings) -> None:
    won_month(book)
    lead = arrive(book)
    post = FakePostman()
    assert deliver(book, settings, postman=post) == 3
    assert post.kinds() == ["lead", "welcome", "tenure_started"]
    assert post.of("lead")["To"] == "winner@partner.example"
    assert post.of("welcome")["To"] == "client1@client.example"
    attempt = open_attempt(book, lead)
    assert attempt is not None
    assert attempt.received_at is not None
    assert deliver(book, settings, postman=post) == 0


def test_what_came_in_time_calls_its_alerts_off_at_once(book: Book, settings: Settings, clock: MovableClock) -> None:
    won_month(book)
    arrive(book, 1)
    deliver(book, settings, postman=FakePostman())
    alerts = (MessageKind.ALERT_UNDELIVERED, MessageKind.ALERT_WELCOME_LATE)
    assert [states(book, kind) for kind in alerts] == [["void"], ["void"]]
    arrive(book, 2)
    clock.advance(minutes=11)  # the mail server was away: both alerts are due before anything is delivered
    post = FakePostman()
    deliver(book, settings, postman=post)
    assert [states(book, kind) for kind in alerts] == [["void", "void"], ["void", "sent"]]
    assert post.kinds().count("alert_welcome_late") == 1


class WaitingPostman(FakePostman):
    """Takes its first mail only when every other postman has one too."""

    def __init__(self, together: threading.Barrier) -> None:
        super().__init__()
        self.together: threading.Barrier | None = together

    def send(self, mail: EmailMessage) -> None:
        together, self.together = self.together, None
        if together is not None:
            together.wait(20)
        super().send(mail)


def test_postmen_share_a_batch_and_each_mail_goes_out_once(book: Book, settings: Settings) -> None:
    won_month(book)
    leads = [arrive(book, number) for number in range(1, 5)]
    together = threading.Barrier(3)  # nobody waits for another mail to be done
    postmen = [WaitingPostman(together) for _postman in range(3)]
    assert deliver(book, settings, postman=postmen[0], helpers=postmen[1:]) == 9
    sent = [mail for postman in postmen for mail in postman.sent]
    assert len({mail["Message-ID"] for mail in sent}) == len(sent) == 9
    assert all(attempt is not None and attempt.received_at for attempt in (open_attempt(book, lead) for lead in leads))


def test_nobody_waits_for_the_slowest_mail_of_a_batch(book: Book, settings: Settings) -> None:
    won_month(book)
    for number in range(BATCH):
        arrive(book, number)
    others = threading.Semaphore(0)
    slow, quick = FakePostman(), FakePostman(lambda _mail: others.release())

    def wait_for_two_batches(_mail: EmailMessage) -> None:
        slow.failing = lambda _mail: None
        assert all(others.acquire(timeout=20) for _mail in range(BATCH + 5))

    slow.failing = wait_for_two_batches
    assert deliver(book, settings, postman=slow, helpers=[quick]) == 2 * BATCH + 1
    assert len({mail["Message-ID"] for mail in slow.sent + quick.sent}) == 2 * BATCH + 1


@pytest.mark.parametrize("limit", [0, 1, BATCH, BATCH + 3])
def test_a_round_tries_at_most_so_many(book: Book, settings: Settings, limit: int) -> None:
    won_month(book)
    for number in range(BATCH):
        arrive(book, number)
    post = FakePostman()
    assert deliver(book, settings, postman=post, helpers=[FakePostman()][: limit % 2], limit=limit) == limit
    with book.read() as tx:
        assert tx.all(select(Message.claimed_by).where(col(Message.state) == MessageState.PENDING).distinct()) == [None]


def test_when_one_postman_finds_the_server_down_all_stop_and_the_rest_waits(book: Book, settings: Settings) -> None:
    won_month(book)
    for number in range(1, 5):
        arrive(book, number)
    down = [FakePostman(lambda _mail: Unavailable("no server")) for _postman in range(3)]
    assert deliver(book, settings, postman=down[0], helpers=down[1:]) == 0
    with book.read() as tx:
        mails = tx.all(select(Message).where(col(Message.channel) == Channel.MAIL, col(Message.not_before) <= tx.now))
    assert {message.state for message in mails} == {MessageState.PENDING}
    assert {message.claimed_by for message in mails} == {None}
    assert 6 <= len(mails) < 9, "each of the three has put off the one it had at most, the rest waits for nothing"


def test_what_a_helper_cannot_get_over_is_raised(book: Book, settings: Settings) -> None:
    won_month(book)
    arrive(book)

    class Broken(BaseException):
        """Like a process that is to end."""

    together = threading.Barrier(2)

    def broken(_mail: EmailMessage) -> None:
        together.wait(20)
        raise Broken

    with pytest.raises(Broken):
        deliver(book, settings, postman=WaitingPostman(together), helpers=[FakePostman(broken)])


def test_without_a_mail_server_mail_is_written_into_the_mailbox(book: Book, settings: Settings) -> None:
    won_month(book)
    lead = arrive(book)
    deliver(book, settings)
    letters = {letter.kind: letter for letter in read_mailbox(settings.mailbox)}
    assert (letters["lead"].recipient, letters["lead"].lead_id) == (WINNER, lead)
    assert re.fullmatch(r"\d{6}-lead-winner-[0-9a-f]{8}\.eml", letters["lead"].path.name)
    assert letters["welcome"].recipient == "client"


def test_only_the_named_messages_and_what_they_cause_are_delivered(book: Book, settings: Settings) -> None:
    won_month(book)
    arrive(book, 1)
    before = len(book.written)
    arrive(book, 2)
    post = FakePostman()
    assert deliver(book, settings, only=book.written[before:], postman=post) == 2
    assert [mail["To"] for mail in post.sent] == ["winner@partner.example", "client2@client.example"]
    # What the delivery caused, reminders, is due later: nothing of lead 1 was touched.
    assert states(book, MessageKind.LEAD) == ["pending", "sent"]
    assert deliver(book, settings, only=[], postman=post) == 0


def test_a_killed_relays_mail_is_sent_again_with_the_same_message_id(
    book: Book, settings: Settings, clock: MovableClock
) -> None:
    won_month(book)
    arrive(book)

    class Killed(BaseException):
        """Like a process that ends right after the mail server's 250."""

    class KilledPostman(FakePostman):
        def send(self, mail: EmailMessage) -> None:
            super().send(mail)
            raise Killed

    first, second = KilledPostman(), FakePostman()
    with pytest.raises(Killed):
        deliver(book, settings, postman=first)
    assert deliver(book, settings, postman=second) == 0, "the claim is still the killed one's"
    clock.advance(messages.LEASE)
    deliver(book, settings, postman=second)
    assert second.of("lead")["Message-ID"] == first.of("lead")["Message-ID"]


def test_a_resent_mail_is_no_second_file_in_the_mailbox(book: Book, settings: Settings, clock: MovableClock) -> None:
    won_month(book)
    arrive(book)
    deliver(book, settings)
    before = {letter.path.name: letter.message_id for letter in read_mailbox(settings.mailbox)}
    with book.write() as tx:  # as if nobody had written down that they were sent
        for message in tx.all(select(Message).where(col(Message.state) == "sent")):
            message.state, message.sent_at, message.claimed_until = "pending", None, None
    clock.advance(seconds=1)
    assert deliver(book, settings) == len(before)
    assert {letter.path.name: letter.message_id for letter in read_mailbox(settings.mailbox)} == before


def test_a_poison_message_does_not_stop_the_others(
    book: Book, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    won_month(book)
    arrive(book)
    with book.write() as tx:
        tx.send(MessageKind.TENURE_ENDED, "broken", partner_code=WINNER, tenure=999_999)
    post = FakePostman()
    assert deliver(book, settings, postman=post) == 3
    assert states(book, MessageKind.TENURE_ENDED) == ["pending"]
    with book.read() as tx:
        broken = tx.all(select(Message).where(col(Message.kind) == MessageKind.TENURE_ENDED))[0]
        assert (broken.tries, broken.error) == (1, "NoResultFound")
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == ["message.failed"]


def test_a_rejected_mail_is_dead_and_a_delayed_one_comes_later(
    book: Book, settings: Settings, clock: MovableClock
) -> None:
    won_month(book)
    arrive(book)
    answers = {"lead": Rejected("The mail server answered {answer}.", answer="550 5.1.1"), "welcome": Delayed("later")}
    post = FakePostman(lambda mail: answers.get(mail[KIND_HEADER]))
    assert deliver(book, settings, postman=post) == 1
    assert (states(book, MessageKind.LEAD), states(book, MessageKind.WELCOME)) == (["dead"], ["pending"])
    with book.read() as tx:
        assert tx.all(select(Attempt.received_at)) == [None], "an undelivered lead starts no clock"
    clock.advance(minutes=10)
    post.failing = lambda _mail: None
    deliver(book, settings, postman=post)
    assert post.kinds() == ["tenure_started", "welcome", "alert_undelivered"]


def test_a_mail_server_that_is_down_ends_the_round_and_nothing_is_lost(
    book: Book, settings: Settings, clock: MovableClock
) -> None:
    won_month(book)
    arrive(book)
    tried: list[str] = []

    def down(mail: EmailMessage) -> Exception:
        tried.append(str(mail[KIND_HEADER]))
        return Unavailable("The mail server cannot be used now.")

    post = FakePostman(down)
    assert deliver(book, settings, postman=post) == 0
    assert tried == ["lead"], "the others would fare no better"
    assert deliver(book, settings, postman=post) == 0
    assert tried == ["lead", "welcome"], "no message blocks the queue for ever"
    post.failing = lambda _mail: None
    clock.advance(seconds=10)
    assert deliver(book, settings, postman=post) == 3


def test_the_round_ends_when_told_to_stop(book: Book, settings: Settings) -> None:
    won_month(book)
    arrive(book)
    stop = threading.Event()

    def stopping(_mail: EmailMessage) -> None:
        stop.set()

    assert deliver(book, settings, postman=FakePostman(stopping), stop=stop) == 1
    assert len(messages.claim(book, "other")) == 2, "the rest is free for others"


def test_a_mail_claimed_too_long_ago_is_left_to_another_relay(
    book: Book, settings: Settings, clock: MovableClock
) -> None:
    won_month(book)
    arrive(book)
    other = FakePostman()

    def slow(_mail: EmailMessage) -> None:
        clock.advance(messages.LEASE)
        deliver(book, settings, postman=other)

    post = FakePostman(slow)
    assert deliver(book, settings, postman=post) == 0
    assert (post.kinds(), other.kinds()) == (["lead"], ["lead", "welcome", "tenure_started"])
    assert post.of("lead")["Message-ID"] == other.of("lead")["Message-ID"]


def test_a_reminder_is_not_sent_when_the_contact_has_been_made(
    book: Book, settings: Settings, clock: MovableClock
) -> None:
    won_month(book)
    called, neglected = arrive(book, 1), arrive(book, 2)
    post = FakePostman()
    deliver(book, settings, postman=post)
    clock.advance(minutes=30)
    log_contact(book, called, parse_contact(contact_data(WINNER, happened_at=clock.now.isoformat())))
    clock.advance(minutes=15)
    post.sent.clear()
    deliver(book, settings, postman=post)
    assert post.kinds() == ["reminder"]
    assert post.sent[0]["Subject"] == f"Lead {neglected}: a contact is due by 2019-09-02 11:00"
    assert sorted(states(book, MessageKind.REMINDER)).count("void") == 1


def test_the_mail_of_a_lead_that_was_closed_meanwhile_is_not_sent(book: Book, settings: Settings) -> None:
    won_month(book)
    lead = arrive(book)
    close_lead(book, lead, reason="asked for")
    post = FakePostman()
    deliver(book, settings, postman=post)
    assert "lead" not in post.kinds()


def test_operators_hear_of_an_undelivered_lead_after_ten_minutes_and_of_no_other(
    book: Book, settings: Settings, clock: MovableClock
) -> None:
    """D11."""
    won_month(book)
    delivered = arrive(book, 1)
    deliver(book, settings, postman=FakePostman())
    stuck = arrive(book, 2)
    post = FakePostman(lambda mail: Delayed("busy") if mail[KIND_HEADER] in ("lead", "welcome") else None)
    for _ in range(2):
        deliver(book, settings, postman=post)
        clock.advance(minutes=5)
    assert "alert_undelivered" not in post.kinds()
    deliver(book, settings, postman=post)
    alert = post.of("alert_undelivered")
    assert alert["To"] == "ops@vendor.example"
    assert f"Lead {stuck}" in str(alert["Subject"])
    assert post.kinds().count("alert_welcome_late") == 1
    assert delivered != stuck


def test_a_welcome_mail_in_time_alerts_nobody_and_a_late_one_does(
    book: Book, settings: Settings, clock: MovableClock
) -> None:
    """R11: within ten minutes of the request."""
    won_month(book)
    arrive(book, 1)
    post = FakePostman()
    deliver(book, settings, postman=post)
    clock.advance(minutes=10)
    deliver(book, settings, postman=post)
    assert "alert_welcome_late" not in post.kinds()
    arrive(book, 2, requested_at=(clock.now - timedelta(minutes=11)).isoformat())
    deliver(book, settings, postman=post)
    assert post.kinds().count("alert_welcome_late") == 1


def test_no_log_line_holds_a_person(
    book: Book, settings: Settings, clock: MovableClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "rasti")
    won_month(book)
    arrive(book)
    deliver(book, settings, postman=FakePostman(lambda _mail: Delayed("busy")))
    clock.advance(minutes=10)
    deliver(book, settings, postman=FakePostman())
    lines = [f"{record.getMessage()} {getattr(record, 'fields', '')}" for record in caplog.records]
    assert any(line.startswith("message.sent ") for line in lines)
    assert not re.search(r"Петров|@|client1|495", "\n".join(lines))


def test_a_line_break_in_a_name_cannot_add_a_header(book: Book, settings: Settings) -> None:
    add_cast(book)
    with book.write() as tx:
        tx.session.get_one(Partner, WINNER).name = "Ltd\r\nBcc: thief@evil.example"
    won_month(book)
    arrive(book)
    post = FakePostman()
    deliver(book, settings, postman=post)
    for mail in post.sent:
        assert mail["Bcc"] is None
        assert "Bcc" not in mail.as_bytes().decode("utf-8", "replace").partition("\n\n")[0]


def test_an_address_with_a_line_break_is_given_up_alone(book: Book, settings: Settings) -> None:
    add_cast(book)
    with book.write() as tx:
        tx.session.get_one(Partner, SECOND).email = "a@b.example\nBcc: thief@evil.example"
    won_month(book)
    lead = arrive(book)
    with book.write() as tx:
        tx.send(MessageKind.LEAD_TAKEN, "x", partner_code=SECOND, lead_id=lead, reason="moved")
    post = FakePostman()
    assert deliver(book, settings, postman=post) == 3
    assert states(book, MessageKind.LEAD_TAKEN) == ["dead"]


def test_a_long_russian_subject_gets_through_a_mail_server_whole(book: Book, tmp_path: Path) -> None:
    won_month(book)
    lead = arrive(book)
    with mail_server(tmp_path, 0) as port:
        deliver(book, Settings(language="ru", smtp_url=f"smtp://127.0.0.1:{port}"))
    letters = {letter.kind: letter for letter in read_mailbox(tmp_path)}
    assert letters["welcome"].subject == f"Ваш доступ к 1С в облаке готов (заявка {lead})"
    assert letters["lead"].to == "winner@partner.example"
    assert "Здравствуйте, ООО «winner»!" in letters["lead"].text


def test_a_mail_at_which_the_postman_breaks_is_tried_again_later_and_stops_no_other(
    book: Book, settings: Settings
) -> None:
    won_month(book)
    arrive(book)
    post = FakePostman(lambda mail: RuntimeError("a bug") if mail[KIND_HEADER] == "lead" else None)
    assert deliver(book, settings, postman=post) == 2
    assert post.closed, "nobody knows where the connection stands"
    with book.read() as tx:
        (lead,) = tx.all(select(Message).where(col(Message.kind) == MessageKind.LEAD))
    assert (lead.state, lead.tries, lead.error, lead.claimed_by) == ("pending", 1, "RuntimeError", None)


def test_a_mail_that_needs_a_file_that_cannot_be_read_is_tried_again_later_and_stops_no_other(
    book: Book, settings: Settings
) -> None:
    """A file is not the database: with that nothing could be done at all."""
    won_month(book)
    (settings.home / "secret.key").mkdir()
    request_link(book, "winner@partner.example", sender="127.0.0.1", secret=Secret("x" * 43))
    arrive(book)
    post = FakePostman()
    assert deliver(book, settings, postman=post) == 3
    with book.read() as tx:
        (link,) = tx.all(select(Message).where(col(Message.kind) == MessageKind.SIGN_IN))
    assert (link.state, link.tries, link.error, link.claimed_by) == ("pending", 1, "Unavailable", None)


def test_an_outage_ends_when_nothing_waits_any_more_though_nothing_was_tried(
    book: Book, settings: Settings, clock: MovableClock
) -> None:
    add_cast(book)
    request_link(book, "winner@partner.example", sender="127.0.0.1", secret=Secret("x" * 43))
    down = FakePostman(lambda _mail: Unavailable("{why}", why="away"))
    waits = deliver_round(book, settings, postman=down)
    assert (waits.tried, waits.trouble, waits.postponed) == (1, "away", True)
    clock.advance(hours=2)
    ended = deliver_round(book, settings, postman=down)
    assert (ended.tried, ended.trouble, ended.postponed) == (0, None, False), "the link opens no more"
