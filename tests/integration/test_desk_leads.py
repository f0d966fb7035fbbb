"""What an operator corrects about a lead: the client's contacts, and whether it is a lead of its own (D17)."""

import pytest
from sqlmodel import col, select

from models import AuditEvent, Client, Lead, Message
from rasti.errors import BadInput, NotFound
from rasti.ledger.book import Book
from rasti.ledger.clients import correct_client
from rasti.ledger.desk import assign_lead, close_lead, detach_lead
from rasti.rules.bodies import ContactsBody, parse_contacts
from rasti.rules.kinds import Event, LeadState, MessageKind
from tests.builders import WINNER, arrive, lead_data, lead_state, open_attempt, won_month
from tests.clock import MovableClock

RIGHT = parse_contacts({"name": "Пётр Иванов", "phone": "8 (495) 777-66-55", "email": "Petr@client.example"})


def client_of(book: Book, lead: int) -> Client:
    with book.read() as tx:
        return tx.session.get_one(Client, lead)


def events(book: Book, event: Event) -> list[AuditEvent]:
    with book.read() as tx:
        return tx.all(select(AuditEvent).where(col(AuditEvent.event) == event.value))


def attached_to(book: Book, lead: int) -> int | None:
    with book.read() as tx:
        return tx.session.get_one(Lead, lead).attached_to


@pytest.fixture
def lead(book: Book) -> int:
    """A lead in the winner's hands."""
    won_month(book)
    return arrive(book)


@pytest.fixture
def repeat(book: Book, lead: int) -> int:
    """The same client asked again: attached to `lead`."""
    again = arrive(book, 2, client=lead_data(1)["client"])
    assert attached_to(book, again) == lead
    return again


def test_corrected_contacts_are_stored_and_the_trail_names_the_fields_only(book: Book, lead: int) -> None:
    assert correct_client(book, lead, RIGHT, reason="the partner told us") == ["name", "phone", "email"]
    client = client_of(book, lead)
    assert (client.name, client.phone, client.email) == (RIGHT.name, RIGHT.phone, RIGHT.email)
    (event,) = events(book, Event.CLIENT_CORRECTED)
    assert (event.lead_id, event.data) == (
        lead,
        {"fields": ["name", "phone", "email"], "reason": "the partner told us"},
    )


def test_only_what_changed_is_named(book: Book, lead: int) -> None:
    known = client_of(book, lead)
    same = ContactsBody(name=known.name, phone=RIGHT.phone, email=known.email)
    assert correct_client(book, lead, same, reason="a digit was wrong") == ["phone"]


def test_the_same_correction_again_changes_nothing(book: Book, lead: int) -> None:
    correct_client(book, lead, RIGHT, reason="typo")
    assert correct_client(book, lead, RIGHT, reason="typo") == []
    assert len(events(book, Event.CLIENT_CORRECTED)) == 1


@pytest.mark.parametrize("way", [{"phone": "+7 495 777 66 55"}, {"email": "petr@CLIENT.example"}])
def test_the_next_request_is_compared_with_the_corrected_contacts_D17(
    book: Book, lead: int, way: dict[str, str]
) -> None:
    correct_client(book, lead, RIGHT, reason="typo")
    assert attached_to(book, arrive(book, 7, client=way)) == lead
    assert attached_to(book, arrive(book, 8, client={"phone": lead_data(1)["client"]["phone"]})) is None


def test_a_lead_that_is_sent_again_is_the_same_lead_after_a_correction_D17(
    book: Book, lead: int, clock: MovableClock
) -> None:
    at = clock.now.isoformat()
    correct_client(book, lead, RIGHT, reason="typo")
    assert arrive(book, 1, requested_at=at) == lead
    assert client_of(book, lead).name == RIGHT.name


def test_nobody_corrects_a_lead_that_is_not_there(book: Book) -> None:
    with pytest.raises(NotFound):
        correct_client(book, 99, RIGHT, reason="typo")


@pytest.mark.parametrize("wrong", [{"phone": "12"}, {"email": "nobody"}, {"name": ""}, {"name": "two\nlines"}])
def test_contacts_that_reach_nobody_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        parse_contacts(RIGHT.model_dump() | wrong)


def test_a_detached_request_becomes_a_lead_of_its_own_and_is_handed_over_D17(
    book: Book, lead: int, repeat: int
) -> None:
    assert detach_lead(book, repeat, reason="another department")
    attempt = open_attempt(book, repeat)
    assert attempt is not None
    assert attempt.partner_code == WINNER
    assert (attached_to(book, repeat), lead_state(book, lead)) == (None, LeadState.IN_WORK)
    (event,) = events(book, Event.LEAD_DETACHED)
    assert (event.lead_id, event.data) == (repeat, {"attached_to": lead, "reason": "another department"})
    with book.read() as tx:
        kinds = tx.all(select(Message.kind).where(col(Message.lead_id) == repeat))
    assert {MessageKind.LEAD, MessageKind.RUN_LEAD} <= set(kinds)


def test_detaching_again_changes_nothing(book: Book, repeat: int) -> None:
    assert detach_lead(book, repeat, reason="another department")
    assert not detach_lead(book, repeat, reason="another department")
    assert len(events(book, Event.LEAD_DETACHED)) == 1


def test_a_lead_that_is_attached_to_nothing_is_not_detached(book: Book, lead: int) -> None:
    assert not detach_lead(book, lead, reason="a mistake")
    assert lead_state(book, lead) == LeadState.IN_WORK
    with pytest.raises(NotFound):
        detach_lead(book, 99, reason="a mistake")


def test_a_lead_detached_at_night_waits_for_the_call_window_D16(book: Book, repeat: int, clock: MovableClock) -> None:
    clock.set("2019-09-02 22:00")
    assert detach_lead(book, repeat, reason="another department")
    assert lead_state(book, repeat) == LeadState.WAITING


def test_a_lead_detached_after_the_programme_waits_for_nobody_D8(book: Book, repeat: int, clock: MovableClock) -> None:
    ends_at = book.programme.ends_at
    assert ends_at is not None
    clock.set(ends_at)
    assert detach_lead(book, repeat, reason="another department")
    assert lead_state(book, repeat) == LeadState.OUT_OF_PROGRAMME
    with book.read() as tx:
        runs = tx.all(
            select(Message.id).where(col(Message.lead_id) == repeat, col(Message.kind) == MessageKind.RUN_LEAD)
        )
    assert not runs


def test_a_detached_lead_can_be_assigned_and_closed_like_any_other(book: Book, repeat: int) -> None:
    detach_lead(book, repeat, reason="another department")
    assert assign_lead(book, repeat, "second", reason="their region")
    assert close_lead(book, repeat, reason="done")
    assert lead_state(book, repeat) == LeadState.CLOSED
