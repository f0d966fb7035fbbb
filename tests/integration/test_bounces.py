"""What came back: a bounce marks its message once, alerts the operators, and changes no clock and no verdict."""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import col, select

from models import Attempt, AuditEvent, Checkpoint, Message
from models.engine import read_only
from rasti.clients.bounce_folder import FolderUnreadable, ImapFolder, Maildir
from rasti.errors import DatabaseUnavailable
from rasti.ledger import messages
from rasti.ledger.book import Book
from rasti.ledger.bounces import BounceEffect, record_bounce
from rasti.ledger.desk import assign_lead
from rasti.ledger.heartbeats import beat, failures, heartbeats
from rasti.ledger.resending import resend
from rasti.ledger.sign_in import request_link
from rasti.ledger.views import status_view
from rasti.mail_folder import ImapAddress
from rasti.rules.kinds import Event, MessageKind, MessageState
from rasti.secret import load_secret
from rasti.settings import Settings
from rasti.steward.bounces import keep_reading, read_bounces
from rasti.steward.guard import sweep
from rasti.steward.process import run_loops
from rasti.steward.relay import deliver
from tests.builders import SECOND, WINNER, arrive, won_month
from tests.clock import MovableClock
from tests.imap_server import ImapServer, imap_server
from tests.post_office import FakePostman
from tests.returned_mail import SHAPES, bounce, drop, new_maildir, vacation
from tests.waiting import eventually


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    return new_maildir(tmp_path / "bounces")


@pytest.fixture
def settings(tmp_path: Path, maildir: Path) -> Settings:
    return Settings(home=tmp_path, mail_from="Заявки <leads@vendor.example>", bounces=f"maildir:{maildir}")


@pytest.fixture
def post(book: Book, settings: Settings) -> FakePostman:
    """A lead of the winner and its welcome have been sent."""
    won_month(book)
    arrive(book)
    postman = FakePostman()
    deliver(book, settings, postman=postman)
    return postman


def of(book: Book, kind: MessageKind) -> Message:
    """The newest message of a kind."""
    with book.read() as tx:
        found = select(Message).where(col(Message.kind) == kind).order_by(col(Message.id).desc()).limit(1)
        message: Message = tx.session.execute(found).scalar_one()
        return message


def events(book: Book, event: Event) -> list[AuditEvent]:
    with book.read() as tx:
        return tx.all(select(AuditEvent).where(col(AuditEvent.event) == event.value).order_by(col(AuditEvent.id)))


def alerts(book: Book) -> list[Message]:
    with book.read() as tx:
        return tx.all(select(Message).where(col(Message.kind) == MessageKind.ALERT_BOUNCED).order_by(col(Message.id)))


def clocks(book: Book) -> list[object]:
    """Everything of a lead's clock, as stored."""
    with book.read() as tx:
        attempts, checkpoints = tx.all(select(Attempt)), tx.all(select(Checkpoint))
        return [row.model_dump() for row in (*attempts, *checkpoints)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_bounce_of_any_shape_marks_its_message(book: Book, maildir: Path, post: FakePostman, shape: str) -> None:
    drop(maildir, bounce(post.of("welcome").as_bytes(), shape))
    assert read_bounces(book, Maildir(maildir)) == Counter(marked=1)
    assert of(book, MessageKind.WELCOME).bounce == "5.1.1"


def test_a_bounce_is_marked_told_and_noted_and_changes_no_clock(
    book: Book, clock: MovableClock, maildir: Path, post: FakePostman, settings: Settings
) -> None:
    before = clocks(book)
    clock.advance(minutes=2)
    drop(maildir, bounce(post.of("lead").as_bytes(), status="5.2.1"))
    assert read_bounces(book, Maildir(maildir)) == Counter(marked=1)
    message = of(book, MessageKind.LEAD)
    assert (message.state, message.bounced_at, message.bounce) == (MessageState.SENT, clock.now, "5.2.1")
    (event,) = events(book, Event.MESSAGE_BOUNCED)
    assert (event.actor, event.lead_id, event.partner_code) == ("bounces", 1, WINNER)
    assert event.data == {"message": message.id, "kind": "lead", "bounce": "5.2.1"}
    assert clocks(book) == before
    (alert,) = alerts(book)
    assert (alert.lead_id, alert.partner_code) == (1, None)
    deliver(book, settings, postman=post)
    mail = post.of("alert_bounced")
    assert mail["To"] == settings.operator_email
    text = str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    for word in (WINNER, "5.2.1", "rasti lead assign 1", "/desk/leads/1"):
        assert word in text
    assert "@" not in str(mail["Subject"])
    assert "partner.example" not in text


def test_the_same_bounce_again_changes_nothing(
    book: Book, clock: MovableClock, maildir: Path, post: FakePostman
) -> None:
    report = bounce(post.of("lead").as_bytes())
    drop(maildir, report)
    read_bounces(book, Maildir(maildir))
    first = of(book, MessageKind.LEAD)
    clock.advance(minutes=1)
    drop(maildir, report)
    drop(maildir, bounce(post.of("lead").as_bytes(), "gmail", status="5.9.9"))
    assert read_bounces(book, Maildir(maildir)) == Counter(same=2)
    assert of(book, MessageKind.LEAD) == first
    assert len(alerts(book)) == len(events(book, Event.MESSAGE_BOUNCED)) == 1


def test_two_stewards_who_read_one_bounce_alert_once(book: Book, post: FakePostman) -> None:
    message_id = str(post.of("lead")["Message-ID"])
    together, effects = threading.Barrier(2), []

    def read() -> None:
        together.wait()
        effects.append(record_bounce(book, message_id, "5.1.1"))

    threads = [threading.Thread(target=read) for _steward in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(effects) == [BounceEffect.MARKED, BounceEffect.SAME]
    assert len(alerts(book)) == 1


@pytest.mark.parametrize(
    "forge",
    [
        lambda ours: ours.replace(ours.split(".")[2][:24], "0" * 24),  # the number is guessed, the rest cannot be
        lambda ours: ours.replace("@vendor.example", "@evil.example"),
        lambda ours: ours.replace("<rasti.", "<rasti.9"),
        lambda _ours: f"<rasti.{'9' * 18}.{'0' * 24}@vendor.example>",
        lambda _ours: f"<rasti.{'9' * 40}.{'0' * 24}@vendor.example>",
        lambda _ours: "<someone.else@vendor.example>",
        lambda _ours: "",
    ],
    ids=range(7),
)
def test_a_forged_or_unknown_message_id_marks_nothing(
    book: Book, post: FakePostman, forge: Callable[[str], str]
) -> None:
    assert record_bounce(book, forge(str(post.of("lead")["Message-ID"])), "5.1.1") is BounceEffect.UNKNOWN
    assert of(book, MessageKind.LEAD).bounced_at is None
    assert alerts(book) == []


def test_delays_and_automatic_answers_change_nothing_and_are_not_read_again(
    book: Book, maildir: Path, post: FakePostman
) -> None:
    mail = post.of("welcome").as_bytes()
    for content in (bounce(mail, action="delayed", status="4.4.1"), vacation(mail), mail, b"", b"\0"):
        drop(maildir, content)
    assert read_bounces(book, Maildir(maildir)) == Counter(no_bounce=5)
    assert read_bounces(book, Maildir(maildir)) == Counter()
    assert alerts(book) == []


def test_a_bounce_that_is_quicker_than_our_own_note_of_the_250_is_read_once_more(
    book: Book, maildir: Path, post: FakePostman
) -> None:
    """The server has the mail, the relay has not yet written so."""
    arrive(book, 2)
    claim = next(claim for claim in messages.claim(book, "relay") if claim.kind is MessageKind.WELCOME)
    message_id = f"<rasti.{claim.id}.{'a' * 24}@vendor.example>"
    mail = post.of("welcome")
    mail.replace_header("Message-ID", message_id)
    drop(maildir, bounce(mail.as_bytes()))
    assert read_bounces(book, Maildir(maildir)) == Counter(early=1)
    messages.complete(book, claim, external_id=message_id)
    assert read_bounces(book, Maildir(maildir)) == Counter(marked=1)


def test_a_mail_to_operators_that_came_back_is_marked_and_alerts_nobody(
    book: Book, maildir: Path, post: FakePostman, settings: Settings
) -> None:
    drop(maildir, bounce(post.of("lead").as_bytes()))
    read_bounces(book, Maildir(maildir))
    deliver(book, settings, postman=post)
    drop(maildir, bounce(post.of("alert_bounced").as_bytes()))
    assert read_bounces(book, Maildir(maildir)) == Counter(marked=1)
    assert [alert.bounce for alert in alerts(book)] == ["5.1.1"]
    assert status_view(book)["messages"].items() >= {"pending": 0, "dead": 0, "bounced": 2}.items()


def test_a_message_that_came_back_is_sent_again_clean_and_may_come_back_again(
    book: Book, clock: MovableClock, maildir: Path, post: FakePostman, settings: Settings
) -> None:
    before = clocks(book)
    drop(maildir, bounce(post.of("lead").as_bytes()))
    read_bounces(book, Maildir(maildir))
    message = of(book, MessageKind.LEAD)
    clock.advance(minutes=5)
    assert resend(book, [message.id])
    again = of(book, MessageKind.LEAD)
    assert (again.state, again.sent_at, again.external_id, again.bounced_at, again.bounce) == (
        MessageState.PENDING,
        *(None,) * 4,
    )
    assert not resend(book, [message.id])
    post.sent.clear()
    deliver(book, settings, postman=post)
    assert post.kinds() == ["lead"], "the alert has nothing to tell any more"
    assert post.of("lead")["Message-ID"] == message.external_id
    assert of(book, MessageKind.LEAD).sent_at == clock.now
    assert clocks(book) == before, "the first reception counts"
    drop(maildir, bounce(post.of("lead").as_bytes()))
    assert read_bounces(book, Maildir(maildir)) == Counter(marked=1)
    assert [alert.state for alert in alerts(book)] == [MessageState.VOID, MessageState.PENDING]
    assert [event.data["bounce"] for event in events(book, Event.MESSAGE_BOUNCED)] == ["5.1.1", "5.1.1"]


def test_a_returned_mail_of_a_lead_that_was_assigned_meanwhile_is_not_sent_again(
    book: Book, maildir: Path, post: FakePostman, settings: Settings
) -> None:
    drop(maildir, bounce(post.of("lead").as_bytes()))
    read_bounces(book, Maildir(maildir))
    message = of(book, MessageKind.LEAD)
    assign_lead(book, 1, SECOND, reason="the mail came back")
    assert resend(book, [message.id])
    deliver(book, settings, postman=post)
    with book.read() as tx:
        assert tx.session.get_one(Message, message.id).state is MessageState.VOID


def test_a_mail_about_no_lead_alerts_with_its_number(
    book: Book, maildir: Path, post: FakePostman, settings: Settings
) -> None:
    request_link(book, f"{WINNER}@partner.example", sender="test", secret=load_secret(settings))
    deliver(book, settings, postman=post)
    drop(maildir, bounce(post.of("sign_in").as_bytes()))
    read_bounces(book, Maildir(maildir))
    deliver(book, settings, postman=post)
    subject = str(post.of("alert_bounced")["Subject"])
    assert subject == f"Сообщение {of(book, MessageKind.SIGN_IN).id} партнёру {WINNER} вернулось"


def test_no_log_line_holds_a_person(
    book: Book, maildir: Path, post: FakePostman, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rasti")
    for kind in ("lead", "welcome"):
        drop(maildir, bounce(post.of(kind).as_bytes()))
    read_bounces(book, Maildir(maildir))
    lines = [f"{record.getMessage()} {vars(record).get('fields')}" for record in caplog.records]
    assert any("bounce.marked" in line for line in lines)
    assert not any(word in line for line in lines for word in ("client", "partner.example", "Петров"))


class Poisoned(Maildir):
    """A folder whose first mail makes the ledger fail, as an unknown fault of ours would."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.marked: list[str] = []

    def mark_seen(self, name: str, /) -> None:
        self.marked.append(name)
        super().mark_seen(name)


def test_one_poison_mail_is_left_and_stops_no_other(book: Book, maildir: Path, post: FakePostman) -> None:
    for kind in ("lead", "welcome"):
        drop(maildir, bounce(post.of(kind).as_bytes()))
    failing = iter([True])

    def points(name: str) -> None:
        if name == "record_bounce.before_commit" and next(failing, False):
            raise ZeroDivisionError

    folder = Poisoned(maildir)
    assert read_bounces(replace(book, points=points), folder) == Counter(failed=1, marked=1)
    assert len(folder.marked) == 1
    assert read_bounces(book, folder) == Counter(marked=1)


def test_a_database_that_is_away_leaves_the_mail_where_it_is(book: Book, maildir: Path, post: FakePostman) -> None:
    drop(maildir, bounce(post.of("lead").as_bytes()))

    def away(_name: str) -> None:
        raise DatabaseUnavailable("connection refused")

    with pytest.raises(DatabaseUnavailable):
        read_bounces(replace(book, points=away), Maildir(maildir))
    assert read_bounces(book, Maildir(maildir)) == Counter(marked=1)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_bounces_are_read_from_an_imap_server(book: Book, post: FakePostman) -> None:
    with imap_server(ImapServer()) as server:
        server.add(bounce(post.of("lead").as_bytes()))
        server.add(vacation(post.of("welcome").as_bytes()))
        folder = ImapFolder(ImapAddress("imap", "127.0.0.1", server.port, "leads", server.password))
        assert read_bounces(book, folder) == Counter(marked=1, no_bounce=1)
        folder.close()
        assert server.seen == {"1", "2"}


def test_a_sweep_reads_bounces_and_sends_the_alert(
    book: Book, maildir: Path, post: FakePostman, settings: Settings
) -> None:
    from datetime import timedelta

    drop(maildir, bounce(post.of("lead").as_bytes()))
    sweep(book, settings, grace=timedelta(0), postman=post)
    assert post.of("alert_bounced")
    (maildir / "new").rmdir()
    sweep(book, settings, grace=timedelta(0), postman=post)  # says so, and goes on
    assert heartbeats(book) == {}, "a sweep by hand is no loop that somebody would miss"


PATIENCE = 30.0  # seconds; only a broken steward takes that long


def test_the_steward_reads_them_and_says_why_it_cannot(
    book: Book, maildir: Path, post: FakePostman, settings: Settings
) -> None:
    drop(maildir, bounce(post.of("lead").as_bytes()))
    stop = threading.Event()
    thread = threading.Thread(target=run_loops, args=(book, settings, stop))
    thread.start()
    eventually(lambda: of(book, MessageKind.LEAD).bounced_at, seconds=PATIENCE)
    eventually(lambda: "bounces" in heartbeats(book), seconds=PATIENCE)
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert failures(book) == {}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_folder_that_cannot_be_read_is_shown_until_it_can(
    book: Book, clock: MovableClock, settings: Settings, maildir: Path, tmp_path: Path
) -> None:
    beat(book, "bounces")
    before = heartbeats(book)["bounces"]
    clock.advance(minutes=10)
    maildir.rename(tmp_path / "elsewhere")
    one_round(book, settings)
    assert "no Maildir" in failures(book)["bounces"]
    assert heartbeats(book)["bounces"] == before, "the last round that it finished"
    (tmp_path / "elsewhere").rename(maildir)
    one_round(book, settings)
    assert failures(book) == {}
    assert heartbeats(book)["bounces"] == clock.now


class OneRound(threading.Event):
    """Set as soon as somebody waits for it."""

    def wait(self, _timeout: float | None = None) -> bool:
        self.set()
        return True


def one_round(book: Book, settings: Settings) -> None:
    keep_reading(book, settings, OneRound())


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_keeps_it_from_reading_is_logged_once(
    book: Book, settings: Settings, maildir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rasti")
    (maildir / "new").rmdir()

    class Rounds(threading.Event):
        waits = 0

        def wait(self, _timeout: float | None = None) -> bool:
            self.waits += 1
            if self.waits == 3:
                (maildir / "new").mkdir()
            if self.waits == 4:
                self.set()
            return True

    keep_reading(book, settings, Rounds())
    assert [record.getMessage() for record in caplog.records] == ["bounces.unreadable", "bounces.readable"]


@pytest.mark.parametrize("backend", ["postgres"], indirect=True)
def test_a_steward_starts_with_a_database_that_can_only_be_read(book: Book, settings: Settings) -> None:
    beat(book, "bounces")
    stop = threading.Event()
    stop.set()
    can_only_read = replace(book, engine=read_only(book.engine))
    with pytest.raises(Exception, match="read-only"):
        beat(can_only_read, "bounces")
    run_loops(can_only_read, settings.model_copy(update={"bounces": ""}), stop)
    assert list(heartbeats(book)) == ["bounces"]


def test_an_unreadable_folder_is_an_error_of_its_own(maildir: Path, book: Book) -> None:
    (maildir / "cur").rmdir()
    with pytest.raises(FolderUnreadable):
        read_bounces(book, Maildir(maildir))
