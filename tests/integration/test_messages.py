"""The outbox: claims, leases, and what becomes of a message (D11)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from sqlmodel import col, select

from models import Attempt, AuditEvent, Message
from rasti.errors import NotFound
from rasti.ledger import messages
from rasti.ledger.book import Book
from rasti.ledger.desk import close_lead
from rasti.ledger.messages import LEASE, MOST_TRIES, Claim, Fault
from rasti.ledger.resending import resend
from rasti.rules.kinds import Channel, Event, MessageKind, MessageState
from tests.builders import WINNER, add_cast, arrive, open_attempt, won_month
from tests.clock import MovableClock


def outbox(book: Book, count: int = 3) -> list[int]:
    """Messages that are due now; their ids."""
    with book.write() as tx:
        for number in range(count):
            tx.send(MessageKind.ALERT_INCOMPLETE, f"{number}", month="2019-08", missing=[])
    return list(tx.sent)


def get(book: Book, message_id: int) -> Message:
    with book.read() as tx:
        return tx.session.get_one(Message, message_id)


def events(book: Book, event: Event) -> list[AuditEvent]:
    with book.read() as tx:
        return tx.all(select(AuditEvent).where(col(AuditEvent.event) == event.value))


def the_lead_mail(book: Book, claimant: str = "relay-1") -> Claim:
    claims = messages.claim(book, claimant)
    return next(claim for claim in claims if claim.kind is MessageKind.LEAD)


def test_a_claimed_message_is_nobody_elses(book: Book) -> None:
    ids = outbox(book)
    assert [claim.id for claim in messages.claim(book, "one")] == ids
    assert messages.claim(book, "other") == []
    assert not messages.anything_due(book, Channel.MAIL)


def test_a_claim_takes_no_more_than_asked_for(book: Book) -> None:
    ids = outbox(book)
    assert [claim.id for claim in messages.claim(book, "one", limit=2)] == ids[:2]
    assert [claim.id for claim in messages.claim(book, "other", only=ids[:1])] == []
    assert [claim.id for claim in messages.claim(book, "other", only=[])] == []
    assert [claim.id for claim in messages.claim(book, "other", only=ids)] == ids[2:]


def test_two_relays_at_once_never_claim_the_same_message(book: Book) -> None:
    ids = outbox(book, 60)
    barrier = Barrier(4)

    def relay(number: int) -> list[int]:
        barrier.wait()
        mine: list[int] = []
        while claims := messages.claim(book, f"relay-{number}", limit=5):
            mine += [claim.id for claim in claims if messages.complete(book, claim)]
        return mine

    with ThreadPoolExecutor(4) as threads:
        done = [message for mine in threads.map(relay, range(4)) for message in mine]
    # A relay that found everything locked by the others may stop early; what is left is still there for the next round.
    done += relay_alone(book)
    assert sorted(done) == ids
    assert len(events(book, Event.MESSAGE_SENT)) == len(ids)


def relay_alone(book: Book) -> list[int]:
    return [claim.id for claim in messages.claim(book, "last", limit=100) if messages.complete(book, claim)]


def test_a_killed_relays_messages_are_taken_by_another_when_the_lease_is_over(book: Book, clock: MovableClock) -> None:
    outbox(book, 1)
    (killed,) = messages.claim(book, "killed")
    clock.advance(LEASE - timedelta(seconds=1))
    assert messages.claim(book, "other") == []
    clock.advance(seconds=1)
    (taken,) = messages.claim(book, "other")
    assert not messages.complete(book, killed), "the one who lost the claim cannot complete it"
    assert messages.complete(book, taken)
    assert not messages.complete(book, taken), "a second time finds it done"


def test_a_message_for_later_is_not_claimed_before_its_time(book: Book, clock: MovableClock) -> None:
    with book.write() as tx:
        tx.send(MessageKind.ALERT_INCOMPLETE, "1", not_before=tx.now + timedelta(hours=1), month="x", missing=[])
    clock.advance(minutes=59)
    assert messages.claim(book, "one") == []
    clock.advance(minutes=1)
    assert len(messages.claim(book, "one")) == 1


def test_lead_mails_are_claimed_first_then_welcomes(book: Book) -> None:
    add_cast(book)
    outbox(book)
    won_month(book)
    arrive(book)
    kinds = [claim.kind for claim in messages.claim(book, "one")]
    assert kinds[:2] == [MessageKind.LEAD, MessageKind.WELCOME]
    assert len(kinds) == 6


def test_runs_that_do_something_are_claimed_before_those_that_only_show_a_lead(book: Book) -> None:
    add_cast(book)
    won_month(book)
    arrive(book)
    messages.complete(book, the_lead_mail(book))
    kinds = [claim.kind for claim in messages.claim(book, "runs", channel=Channel.RUN)]
    assert kinds == [MessageKind.RUN_CHECKPOINT] * 3 + [MessageKind.RUN_LEAD]


def test_the_runs_of_the_latest_lead_are_claimed_first_in_order_of_their_due_times(book: Book) -> None:
    add_cast(book)
    won_month(book)
    leads = [arrive(book, number) for number in range(3)]
    for claim in messages.claim(book, "relay"):
        messages.complete(book, claim)
    claims = messages.claim(book, "runs", channel=Channel.RUN, limit=9)
    assert [claim.lead_id for claim in claims] == [lead for lead in reversed(leads) for _kind in range(3)]
    assert [claim.data["kind"] for claim in claims] == ["1h", "3d", "2w"] * 3


def test_in_a_rush_of_lead_mails_the_welcomes_get_their_turn(book: Book, clock: MovableClock) -> None:
    add_cast(book)
    won_month(book)
    for number in range(40):
        arrive(book, number)
    assert {claim.kind for claim in messages.claim(book, "one", limit=10)} == {MessageKind.LEAD}
    clock.advance(seconds=10)
    kinds = [claim.kind for claim in messages.claim(book, "two", limit=30)]
    assert kinds[:20] == [MessageKind.LEAD] * 20
    assert MessageKind.LEAD not in kinds[20:]
    assert MessageKind.WELCOME in kinds[20:]  # the oldest first, whatever they are


def test_the_delivery_of_a_leads_mail_starts_its_clock(book: Book, clock: MovableClock) -> None:
    """D11, R10."""
    won_month(book)
    lead = arrive(book)
    claim = the_lead_mail(book)
    clock.advance(seconds=5)
    assert messages.complete(book, claim, external_id="<1@example>")
    attempt = open_attempt(book, lead)
    assert attempt is not None
    assert attempt.received_at == clock.now
    message = get(book, claim.id)
    assert (message.state, message.sent_at, message.external_id) == (MessageState.SENT, clock.now, "<1@example>")
    (sent,) = events(book, Event.MESSAGE_SENT)
    assert (sent.lead_id, sent.data) == (lead, {"message": claim.id, "kind": "lead"})


def test_the_first_reception_counts(book: Book, clock: MovableClock) -> None:
    from rasti.ledger.handover import open_lead

    won_month(book)
    lead = arrive(book)
    claim = the_lead_mail(book)
    opened = clock.now
    open_lead(book, lead, WINNER)
    clock.advance(minutes=1)
    assert messages.complete(book, claim)
    attempt = open_attempt(book, lead)
    assert attempt is not None
    assert attempt.received_at == opened


def test_a_mail_whose_claim_was_lost_starts_no_clock(book: Book, clock: MovableClock) -> None:
    won_month(book)
    lead = arrive(book)
    lost = the_lead_mail(book)
    clock.advance(LEASE)
    taken = the_lead_mail(book, "other")
    assert not messages.complete(book, lost)
    attempt = open_attempt(book, lead)
    assert attempt is not None
    assert attempt.received_at is None
    assert messages.complete(book, taken)


def test_a_lead_closed_while_its_mail_was_under_way_gets_no_clock(book: Book) -> None:
    won_month(book)
    lead = arrive(book)
    claim = the_lead_mail(book)
    close_lead(book, lead, reason="asked for")
    assert not messages.complete(book, claim)
    with book.read() as tx:
        assert tx.all(select(Attempt.received_at).where(col(Attempt.lead_id) == lead)) == [None]


def test_a_delayed_message_is_tried_again_ever_later_and_then_given_up(book: Book, clock: MovableClock) -> None:
    (message_id,) = outbox(book, 1)
    delays = []
    while True:
        (claim,) = messages.claim(book, "one")
        state = messages.fail(book, claim, Fault.OURS, error="The mail server answered 451.").state
        if state is MessageState.DEAD:
            break
        assert messages.claim(book, "one") == []
        delays.append(get(book, message_id).not_before - clock.now)
        clock.advance(delays[-1])
    assert len(delays) == MOST_TRIES - 1
    assert delays == sorted(delays)
    assert delays[:3] == [timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40)]
    assert delays[-1] == timedelta(minutes=15)
    message = get(book, message_id)
    assert (message.state, message.error) == (MessageState.DEAD, "The mail server answered 451.")
    assert [event.data["message"] for event in events(book, Event.MESSAGE_DEAD)] == [message_id]


def test_an_outage_of_the_mail_server_never_kills_a_message(book: Book, clock: MovableClock) -> None:
    (message_id,) = outbox(book, 1)
    for _ in range(3 * MOST_TRIES):
        (claim,) = messages.claim(book, "one")
        assert messages.fail(book, claim, Fault.NOBODYS, error="unreachable").state is MessageState.PENDING
        clock.advance(get(book, message_id).not_before - clock.now)
    assert get(book, message_id).tries == 0


def test_a_rejected_message_is_dead_at_once_and_a_needless_one_void(book: Book) -> None:
    first, second, third = outbox(book)
    one, two, three = messages.claim(book, "one")
    messages.fail(book, one, Fault.MAIL, error="The mail server answered 550.")
    assert messages.void(book, two)
    messages.release(book, [three])
    assert [get(book, id_).state for id_ in (first, second, third)] == ["dead", "void", "pending"]
    assert [claim.id for claim in messages.claim(book, "other")] == [third]


def test_runs_are_completed_together(book: Book) -> None:
    with book.write() as tx:
        for number in (1, 2):
            tx.send(MessageKind.RUN_FALLBACK, f"{number}", channel=Channel.RUN, violation=number)
    claims = messages.claim(book, "runs", channel=Channel.RUN)
    assert messages.claim(book, "relay") == []
    assert messages.complete_all(book, {claim: f"run-{claim.id}" for claim in claims}) == 2
    assert [get(book, claim.id).external_id for claim in claims] == [f"run-{claim.id}" for claim in claims]


def dead(book: Book) -> int:
    """A message that was given up; its id."""
    (message_id,) = outbox(book, 1)
    (claim,) = messages.claim(book, "relay")
    messages.fail(book, claim, Fault.MAIL, error="550 no such user")
    return message_id


def test_a_dead_message_is_tried_again_from_the_beginning(book: Book, clock: MovableClock) -> None:
    message_id = dead(book)
    clock.advance(days=2)
    assert resend(book, [message_id])
    message = get(book, message_id)
    assert (message.state, message.tries, message.error) == (MessageState.PENDING, 0, None)
    assert message_id in book.written  # whoever delivers at once delivers it
    (claim,) = messages.claim(book, "relay")
    assert (claim.id, claim.tries) == (message_id, 0)
    assert [event.data for event in events(book, Event.MESSAGE_REVIVED)] == [
        {"message": message_id, "kind": MessageKind.ALERT_INCOMPLETE.value}
    ]


def test_only_a_dead_message_is_revived_and_once(book: Book) -> None:
    message_id = dead(book)
    assert resend(book, [message_id])
    assert not resend(book, [message_id])
    (claim,) = messages.claim(book, "relay")
    assert messages.complete(book, claim)
    assert not resend(book, [message_id])
    assert get(book, message_id).state is MessageState.SENT
    assert len(events(book, Event.MESSAGE_REVIVED)) == 1


def test_no_message_no_revival(book: Book) -> None:
    with pytest.raises(NotFound):
        resend(book, [99])


def put_off(book: Book, claim: Claim) -> MessageState:
    return messages.fail(book, claim, Fault.LATER, error="451 4.7.0 at RCPT TO").state


def test_the_tries_of_a_long_outage_do_not_count_against_a_mail_that_is_put_off_after_it(
    book: Book, clock: MovableClock
) -> None:
    outbox(book, 1)
    for _try in range(3 * MOST_TRIES):
        (claim,) = messages.claim(book, "relay")
        assert put_off(book, claim) is MessageState.PENDING
        clock.advance(minutes=15)
    counted = 0
    while True:
        (claim,) = messages.claim(book, "relay")
        with book.write() as tx:
            tx.send(MessageKind.ALERT_INCOMPLETE, f"other {counted}", month="2019-08", missing=[])
        (other,) = messages.claim(book, "relay")
        assert messages.complete(book, other)
        if put_off(book, claim) is MessageState.DEAD:
            break
        counted += 1
        clock.advance(minutes=15)
    assert counted * timedelta(minutes=15) >= timedelta(hours=4), "the server takes mail, but not this one, for so long"


def test_what_may_be_the_servers_fault_is_tried_ever_later_without_an_end(book: Book, clock: MovableClock) -> None:
    (message_id,) = outbox(book, 1)
    delays = []
    for _try in range(2 * MOST_TRIES):
        (claim,) = messages.claim(book, "relay")
        assert put_off(book, claim) is MessageState.PENDING
        delays.append((get(book, message_id).not_before - clock.now).total_seconds())
        clock.advance(seconds=delays[-1])
    assert delays[:8] == [10, 20, 40, 80, 160, 320, 640, 900]
    assert set(delays[8:]) == {900}


@pytest.mark.postgres
@pytest.mark.parametrize("backend", ["postgres"], indirect=True)
def test_two_relays_that_find_the_server_back_do_not_wait_for_each_others_mail(book: Book, clock: MovableClock) -> None:
    """Each has noted its own as sent, and makes due what was postponed: the other's is among it."""
    ids = outbox(book, 4)
    for claim in messages.claim(book, "relay"):
        messages.fail(book, claim, Fault.SERVER, error="421")
    clock.advance(minutes=1)
    ours, others = messages.claim(book, "ours", limit=1), messages.claim(book, "other", limit=1)
    with ThreadPoolExecutor(1) as thread, book.write("the other relay") as tx:
        tx.all(select(Message.id).where(col(Message.id) == others[0].id).with_for_update())
        done = thread.submit(messages.complete, book, ours[0], hasten=True)
        assert done.result(timeout=20)
    assert messages.complete(book, others[0], hasten=True)
    assert [get(book, id_).postponed for id_ in ids[2:]] == [0, 0]


@pytest.mark.postgres
@pytest.mark.parametrize("backend", ["postgres"], indirect=True)
def test_relays_that_find_the_server_back_at_once_all_note_what_they_sent(book: Book, clock: MovableClock) -> None:
    relays = 4
    for race in range(10):
        with book.write() as tx:
            for number in range(relays):
                tx.send(MessageKind.ALERT_INCOMPLETE, f"{race}-{number}", month="2019-08", missing=[])
        for claim in messages.claim(book, "relay"):
            messages.fail(book, claim, Fault.SERVER, error="421")
        clock.advance(minutes=1)
        claims = messages.claim(book, "relays")
        barrier = Barrier(relays)

        def finish(claim: Claim, barrier: Barrier = barrier) -> bool:
            barrier.wait(20)
            return messages.complete(book, claim, hasten=True)

        with ThreadPoolExecutor(relays) as threads:
            assert list(threads.map(finish, claims)) == [True] * relays


def test_many_are_sent_again_in_several_transactions_the_leads_first(book: Book) -> None:
    won_month(book)
    outbox(book, 450)
    lead = arrive(book)
    with book.write() as tx:
        for message in tx.all(select(Message).where(col(Message.channel) == Channel.MAIL)):
            message.state, message.error = MessageState.DEAD, "550"
    points: list[str] = []
    counting = replace(book, points=points.append, written=[])
    again = resend(counting)
    assert again == sorted(again)
    assert len(again) >= 452
    assert points.count("resend.before_commit") == 3
    first = {get(book, id_).kind for id_ in counting.written[:200]}
    assert MessageKind.LEAD in first, f"lead {lead} has the highest ids"
