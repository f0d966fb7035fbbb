"""A mail server that refuses everybody, or one: no mail dies of the server's fault, and the others go on (D11)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from models import Attempt, Message
from rasti.clients.mailbox import KIND_HEADER
from rasti.clients.smtp import Delayed, Denied
from rasti.ledger.book import Book
from rasti.ledger.desk import assign_lead, close_lead
from rasti.ledger.mail_trouble import mail_trouble
from rasti.ledger.pulse import pulse
from rasti.ledger.resending import list_undelivered, resend
from rasti.ledger.unreceived import next_partner
from rasti.ledger.views import status_view
from rasti.rules.kinds import Channel, MessageKind, MessageState
from rasti.settings import Settings
from rasti.steward.guard import guard_round
from rasti.steward.relay import deliver, deliver_round
from tests.builders import SECOND, arrive, open_attempt, won_month
from tests.clock import MovableClock
from tests.post_office import Answers, FakePostman, smtp_server

DENIED = "554 5.7.1 Relay access denied"
NO_GRACE = timedelta(0)


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def settings(answers: Answers, tmp_path: Path) -> Iterator[Settings]:
    with smtp_server(answers) as port:
        yield Settings(
            home=tmp_path, language="en", smtp_url=f"smtp://127.0.0.1:{port}", operator_email="ops@vendor.example"
        )


def mails(book: Book) -> dict[MessageState, int]:
    with book.read() as tx:
        states = tx.all(select(Message.state).where(col(Message.channel) == Channel.MAIL))
    return {state: states.count(state) for state in set(states)}


def kinds(answers: Answers) -> list[str]:
    """The kinds of what the server took, in order."""
    header = f"{KIND_HEADER}: ".encode()
    return [mail.partition(header)[2].partition(b"\r")[0].decode() for mail in answers.mails]


def steward(book: Book, settings: Settings, clock: MovableClock, minutes: int, *, step: int = 300) -> None:
    """What the steward does meanwhile, with a look every `step` seconds."""
    for _round in range(minutes * 60 // step):
        deliver(book, settings)
        guard_round(book, grace=NO_GRACE)
        clock.advance(seconds=step)


@pytest.mark.parametrize("answer", [{"rcpt": DENIED}, {"mail": "553 5.7.1 not your sender"}, {"rcpt": "554 no"}])
def test_a_server_that_refuses_everybody_for_an_hour_kills_no_mail(
    book: Book, settings: Settings, answers: Answers, clock: MovableClock, answer: dict[str, str]
) -> None:
    won_month(book)
    answers.answers |= answer
    leads = [arrive(book, number) for number in range(3)]
    began = clock.now
    steward(book, settings, clock, 60)
    assert MessageState.DEAD not in mails(book)
    trouble = mail_trouble(book)
    assert trouble is not None
    assert (trouble.dead, trouble.since, trouble.reason.partition(" ")[0]) == (
        0,
        began,
        next(iter(answer.values()))[:3],
    )
    assert trouble.alerts >= len(leads), "all that is due waits, tried or not"
    now = pulse(book)
    assert now.due[Channel.MAIL] >= 9
    assert now.oldest_due[Channel.MAIL] == 3600
    assert now.failing[Channel.MAIL] > 0

    answers.answers.clear()
    clock.advance(minutes=1)
    deliver(book, settings)
    assert kinds(answers).count("lead") == 3
    assert kinds(answers).count("welcome") == 3
    assert kinds(answers).count("alert_welcome_late") == 3
    assert all(attempt is not None and attempt.received_at for attempt in (open_attempt(book, lead) for lead in leads))
    assert mail_trouble(book) is None
    assert not mails(book).keys() & {MessageState.DEAD}


def test_the_alerts_of_leads_that_reach_nobody_arrive_as_soon_as_mail_does(
    book: Book, settings: Settings, answers: Answers, clock: MovableClock
) -> None:
    won_month(book)
    answers.answers["rcpt"] = DENIED
    arrive(book)
    steward(book, settings, clock, 60)
    answers.answers = {"winner@partner.example": "550 5.1.1 unknown"}
    clock.advance(minutes=1)
    deliver(book, settings)
    assert kinds(answers).count("alert_undelivered") == 1, "one, however long it lasted"


def test_when_the_server_takes_mail_again_all_that_waited_goes_out_leads_first(
    book: Book, settings: Settings, answers: Answers, clock: MovableClock
) -> None:
    won_month(book)
    answers.answers["rcpt"] = DENIED
    for number in range(2):
        arrive(book, number)
    for _try in range(5):
        deliver(book, settings)
    answers.answers.clear()
    with book.read() as tx:
        late = tx.all(select(Message.id).where(col(Message.postponed) > 0, col(Message.not_before) > tx.now))
    assert len(late) == 5, "they wait for their next try"
    with book.write() as tx:
        tx.send(MessageKind.ALERT_INCOMPLETE, "new", month="2019-08", missing=[])
    deliver(book, settings)
    assert kinds(answers)[0] == "alert_incomplete", "the one that is due tells that the server takes mail"
    assert kinds(answers)[1:5] == ["lead", "lead", "welcome", "welcome"]
    assert len(answers.mails) == 6


def test_the_delays_grow_and_are_bounded(book: Book, settings: Settings, answers: Answers, clock: MovableClock) -> None:
    with book.write() as tx:
        tx.send(MessageKind.ALERT_INCOMPLETE, "1", month="2019-08", missing=[])
    answers.answers["rcpt"] = DENIED
    delays = []
    for _try in range(8):
        assert deliver_round(book, settings).trouble == "554 5.7.1 at RCPT TO"
        with book.read() as tx:
            (message,) = tx.all(select(Message))
        delays.append((message.not_before - clock.now).total_seconds())
        clock.advance(seconds=delays[-1])
    assert delays == [10, 20, 40, 80, 160, 320, 640, 900]
    assert (message.state, message.tries) == (MessageState.PENDING, 0)


def test_one_recipient_refused_without_a_reason_is_that_mails_fault(
    book: Book, settings: Settings, answers: Answers
) -> None:
    won_month(book)
    lead = arrive(book)
    answers.answers["winner@partner.example"] = "550 no"
    deliver(book, settings)
    assert [row["kind"] for row in list_undelivered(book)] == ["tenure_started", "lead"]
    assert mails(book)[MessageState.DEAD] == 2
    assert kinds(answers) == ["welcome"]
    attempt = open_attempt(book, lead)
    assert attempt is not None
    assert attempt.received_at is None


def test_what_was_given_up_comes_back_when_everybody_is_refused_alike_and_dies_if_it_is_refused_again_alone(
    book: Book, settings: Settings, answers: Answers, clock: MovableClock
) -> None:
    won_month(book)
    arrive(book)
    answers.answers["rcpt"] = "550 no"
    deliver(book, settings, limit=1)
    assert mails(book)[MessageState.DEAD] == 1, "one recipient alone"
    deliver(book, settings)
    assert MessageState.DEAD not in mails(book), "the second one tells that it is the server"
    answers.answers = {"winner@partner.example": "550 no"}
    clock.advance(minutes=1)
    for _round in range(3):
        deliver(book, settings)
        clock.advance(minutes=1)
    assert kinds(answers).count("welcome") == 1
    assert {row["kind"] for row in list_undelivered(book) if row["state"] == "dead"} == {"lead", "tenure_started"}


@pytest.mark.parametrize("answer", ["552 5.3.4 too big", "552 too big"])
def test_a_mail_that_is_too_large_is_given_up_and_the_next_one_goes(
    book: Book, settings: Settings, answers: Answers, answer: str
) -> None:
    won_month(book)
    arrive(book)
    answers.once["mail"] = answer
    assert deliver(book, settings) == 2
    assert kinds(answers) == ["welcome", "tenure_started"]
    (dead,) = list_undelivered(book)
    assert (dead["kind"], dead["state"], dead["reason"]) == (
        "lead",
        "dead",
        f"{answer.removesuffix(' too big')} at MAIL FROM",
    )


def test_a_mail_refused_by_policy_alone_holds_up_the_others_once(
    book: Book, clock: MovableClock, settings: Settings
) -> None:
    """A filter that dislikes one mail says the same as a relay that dislikes all."""
    won_month(book)
    arrive(book)
    post = FakePostman(lambda mail: Denied("{why}", why="554 5.7.1 at DATA") if mail[KIND_HEADER] == "lead" else None)
    assert deliver(book, settings, postman=post) == 0
    clock.advance(seconds=1)
    assert deliver(book, settings, postman=post) == 2
    for number in range(2, 6):
        arrive(book, number)
        for _round in range(8):
            deliver(book, settings, postman=post)
            clock.advance(minutes=1)
    assert post.kinds().count("welcome") == 5
    assert MessageState.DEAD not in mails(book)


def test_a_server_that_puts_off_everybody_is_counted_and_kills_nothing(
    book: Book, settings: Settings, answers: Answers, clock: MovableClock
) -> None:
    won_month(book)
    for number in range(2):
        arrive(book, number)
    answers.answers["rcpt"] = "451 4.3.0 try later"
    steward(book, settings, clock, 8 * 60, step=1800)
    view = status_view(book)["messages"]
    assert isinstance(view, dict)
    assert (view["dead"], view["reason"]) == (0, "451 4.3.0 at RCPT TO")
    assert view["pending"] >= view["failing"] >= 3
    answers.answers.clear()
    clock.advance(minutes=1)
    deliver(book, settings)
    assert kinds(answers).count("lead") == 2


def test_between_two_tries_status_counts_what_waits(
    book: Book, settings: Settings, answers: Answers, clock: MovableClock
) -> None:
    won_month(book)
    arrive(book)
    due = clock.now
    answers.answers["rcpt"] = "451 4.3.0 try later"
    for _round in range(8):
        deliver(book, settings)
        clock.advance(seconds=45)
    with book.read() as tx:
        for message in tx.all(select(Message).where(col(Message.error).is_not(None))):
            assert message.first_due_at == due
    view = status_view(book)["messages"]
    assert isinstance(view, dict)
    assert (view["pending"], view["failing"], view["oldest_due"]) == (3, 3, due.strftime("%Y-%m-%dT%H:%M:%SZ"))


def test_a_lead_without_a_reception_is_said_again_after_an_hour_and_then_every_four(
    book: Book, settings: Settings, answers: Answers, clock: MovableClock
) -> None:
    won_month(book)
    arrive(book)
    answers.answers["winner@partner.example"] = "550 5.1.1 unknown"
    began, told = clock.now, []
    for minute in (0, 9, 10, 59, 60, 90, 299, 300, 539, 540, 600):
        clock.now = began + timedelta(minutes=minute)
        guard_round(book, grace=NO_GRACE)
        before = len(answers.mails)
        deliver(book, settings)
        told += [minute for kind in kinds(answers)[before:] if kind == "alert_undelivered"]
    assert told == [10, 60, 300, 540]


@pytest.mark.parametrize("end", ["assigned", "closed", "received"])
def test_nothing_is_said_again_of_a_lead_that_was_received_or_taken_away(
    book: Book, settings: Settings, answers: Answers, clock: MovableClock, end: str
) -> None:
    won_month(book)
    lead = arrive(book)
    answers.answers["winner@partner.example"] = "550 5.1.1 unknown"
    deliver(book, settings)
    clock.advance(minutes=30)
    if end == "assigned":
        assert next_partner(book, lead) == SECOND
        assign_lead(book, lead, SECOND, reason="their mail does not work")
    elif end == "closed":
        close_lead(book, lead, reason="reached otherwise")
    else:
        answers.answers.clear()
        resend(book, kind=MessageKind.LEAD)
    deliver(book, settings)
    clock.advance(hours=2)
    guard_round(book, grace=NO_GRACE)
    deliver(book, settings)
    assert "alert_undelivered" not in kinds(answers)[-3:]
    trouble = mail_trouble(book)
    assert trouble is None or trouble.alerts == 0


def test_the_next_partner_is_proposed_only_while_a_lead_has_not_been_received(
    book: Book, settings: Settings, answers: Answers
) -> None:
    won_month(book)
    lead = arrive(book)
    assert next_partner(book, lead) == SECOND
    deliver(book, settings)
    assert next_partner(book, lead) is None


def test_mail_is_sent_again_in_bulk_by_kind_and_time(
    book: Book, settings: Settings, answers: Answers, clock: MovableClock
) -> None:
    won_month(book)
    answers.answers["rcpt"] = "550 5.1.1 unknown"
    arrive(book, 1)
    deliver(book, settings)
    clock.advance(hours=2)
    later = clock.now
    arrive(book, 2)
    deliver(book, settings)
    dead = {row["message"]: row["kind"] for row in list_undelivered(book)}
    assert len(dead) == 7
    answers.answers.clear()
    assert resend(book, kind=MessageKind.LEAD, since=later) == [
        max(id_ for id_, kind in dead.items() if kind == "lead")
    ]
    assert deliver(book, settings) == 1
    assert len(resend(book)) == 6
    deliver(book, settings)
    assert sorted(kinds(answers)).count("lead") == 2
    assert list_undelivered(book) == []
    assert resend(book) == []


def test_a_waiting_mail_that_is_sent_again_is_due_at_once_and_one_in_the_relays_hands_is_left_to_it(
    book: Book, settings: Settings, answers: Answers
) -> None:
    won_month(book)
    arrive(book)
    answers.answers["winner@partner.example"] = "451 4.7.1 greylisted"
    deliver(book, settings)
    waiting = [row["message"] for row in list_undelivered(book)]
    assert deliver(book, settings) == 0
    answers.answers.clear()

    def asks_meanwhile(_mail: object) -> None:
        again.extend(resend(book, waiting))

    again: list[int] = []
    assert resend(book, waiting) == waiting
    assert deliver(book, settings, postman=FakePostman(asks_meanwhile), limit=1) == 1
    assert again == waiting[:-1], "the lead's is being sent"


def test_the_version_befores_relay_beside_this_one_changes_nothing_that_this_one_needs(
    book: Book, settings: Settings, answers: Answers, clock: MovableClock
) -> None:
    """It knows three columns less, and moves not_before alone."""
    won_month(book)
    arrive(book)
    answers.answers["rcpt"] = DENIED
    deliver(book, settings)
    with book.write() as tx:
        for message in tx.all(select(Message).where(col(Message.channel) == Channel.MAIL)):
            message.not_before, message.error = clock.now + timedelta(seconds=10), "The mail server cannot be used now."
    assert mail_trouble(book) is not None
    answers.answers.clear()
    clock.advance(seconds=10)
    deliver(book, settings)
    with book.read() as tx:
        assert all(attempt.received_at for attempt in tx.all(select(Attempt)))


@pytest.mark.parametrize(("leads", "minutes"), [(1, 11), (2, 2), (4, 2)])
def test_a_server_that_puts_off_everybody_is_seen_and_all_mail_goes_out_as_soon_as_it_takes_one(
    book: Book, settings: Settings, clock: MovableClock, leads: int, minutes: int
) -> None:
    won_month(book)
    for number in range(leads):
        arrive(book, number)
    post = FakePostman(lambda _mail: Delayed("{answer}", answer="451 4.3.0 at RCPT TO"))
    troubles = []
    for _round in range(minutes * 30):
        troubles.append(deliver_round(book, settings, postman=post).trouble)
        clock.advance(seconds=2)
    assert troubles[-1] == "451 4.3.0 at RCPT TO"
    if leads > 1:
        assert any(troubles[:5]), "three recipients in the first rounds"
    post.failing = lambda _mail: None
    deliver(book, settings, postman=post)
    assert post.kinds().count("lead") == post.kinds().count("welcome") == leads
    assert mail_trouble(book) is None


def test_a_server_that_is_mended_after_hours_and_then_throttles_kills_no_mail(
    book: Book, settings: Settings, clock: MovableClock
) -> None:
    won_month(book)
    for number in range(3):
        arrive(book, number)
    answer, takes = "451 4.3.0 at RCPT TO", 0

    def moody(_mail: object) -> Exception | None:
        nonlocal takes
        takes -= 1
        return None if takes >= 0 else Delayed("{answer}", answer=answer)

    post = FakePostman(moody)
    for _round in range(4 * 60 + 21):
        deliver(book, settings, postman=post)
        clock.advance(minutes=1)
    answer = "451 4.7.0 at RCPT TO"
    for _round in range(4):
        takes = 1
        deliver(book, settings, postman=post)
        clock.advance(minutes=1)
    assert len(post.sent) >= 3
    assert MessageState.DEAD not in mails(book)
    takes = 1000
    clock.advance(minutes=15)
    deliver(book, settings, postman=post)
    assert post.kinds().count("lead") == 3
