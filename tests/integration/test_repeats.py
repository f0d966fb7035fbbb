"""Repeated requests: what they tell reaches whoever has the lead; two clients behind one number are two (D17)."""

from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlmodel import col, select

from models import AuditEvent, Client, Lead, Message
from models.upgrade import alembic_config, upgrade_database
from rasti.errors import NotFound
from rasti.ledger.book import Book
from rasti.ledger.clients import correct_client
from rasti.ledger.contacts import log_contact
from rasti.ledger.desk import assign_lead, close_lead, detach_lead, keep_attached
from rasti.ledger.desk_today import today
from rasti.ledger.tenures import suspend, switch_holder
from rasti.rules.bodies import parse_contact, parse_contacts
from rasti.rules.kinds import Event, LeadState, MessageKind
from rasti.settings import Settings
from rasti.steward.conditions import still_holds
from rasti.steward.mails import compose
from tests.builders import (
    SECOND,
    STRANGER,
    WINNER,
    add_cast,
    arrive,
    contact_data,
    lead_data,
    lead_state,
    log,
    neglect_first,
    open_attempt,
    receive,
    won_month,
)
from tests.clock import MovableClock

IVAN = lead_data(1)["client"]
NEW_PHONE = "+7 916 000-00-02"
OTHER = {"name": "Пётр Сидоров", "email": "petr@mail.example"}  # behind the same number
SETTINGS = Settings(language="en", operator_email="ops@vendor.example", secret_key="0123456789" * 4)


def again(book: Book, number: int, **changes: Any) -> int:
    """The client of lead 1 asks again, with these changes."""
    client = IVAN | changes.pop("client", {})
    return arrive(book, number, client=client, **changes)


def messages(book: Book, kind: MessageKind) -> list[Message]:
    with book.read() as tx:
        return tx.all(select(Message).where(col(Message.kind) == kind).order_by(col(Message.id)))


def mail_of(book: Book, message: Message) -> str:
    """A message's subject and text, as it would be sent now; empty: it would not be sent."""
    with book.read() as tx:
        found = tx.session.get_one(Message, message.id)
        if not still_holds(tx, found):
            return ""
        mail = compose(tx, found, SETTINGS)
        body = mail.get_body(("plain",))
        assert body is not None
        return f"{mail['Subject']}\n{body.get_content()}"


def newest(book: Book, kind: MessageKind) -> str:
    return mail_of(book, messages(book, kind)[-1])


def attached_to(book: Book, lead_id: int) -> int | None:
    with book.read() as tx:
        return tx.session.get_one(Lead, lead_id).attached_to


def undecided(book: Book) -> list[tuple[int, int]]:
    return [(doubt.lead_id, doubt.attached_to) for doubt in today(book).doubts]


@pytest.fixture
def lead(book: Book) -> int:
    """A lead in the winner's hands, received."""
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    return lead


# What a repeat tells, and who hears it.


def test_the_partner_who_has_the_lead_is_told_the_new_phone(book: Book, lead: int) -> None:
    again(book, 2, client={"phone": NEW_PHONE}, workplaces=20, comment="Срочно")
    mail = newest(book, MessageKind.LEAD_REPEATED)
    assert f"Phone: {NEW_PHONE}" in mail
    assert "Workplaces: 20" in mail
    assert "Comment: Срочно" in mail
    assert not [word for word in (IVAN["name"], IVAN["email"], IVAN["phone"]) if word in mail]  # known already


def test_a_repeat_that_tells_nothing_new_claims_no_new_contacts(book: Book, lead: int) -> None:
    again(book, 2, client={"phone": "8 (495) 000-00-01", "email": IVAN["email"].upper()})
    mail = newest(book, MessageKind.LEAD_REPEATED)
    assert "New contacts" not in mail
    assert "Phone" not in mail


def test_the_next_partner_gets_the_contacts_of_every_repeat_with_the_lead(
    book: Book, lead: int, clock: MovableClock
) -> None:
    again(book, 2, client={"phone": NEW_PHONE}, comment="первый раз")
    again(book, 3, client={"email": "ivan@new.example"}, comment="второй раз")
    again(book, 4, client={"phone": NEW_PHONE})
    neglect_first(book, clock)
    attempt = open_attempt(book, lead)
    assert attempt is not None
    assert attempt.partner_code == SECOND
    mail = newest(book, MessageKind.LEAD)
    assert mail.count(NEW_PHONE) == 1
    places = [mail.index(word) for word in (NEW_PHONE, "ivan@new.example", "второй раз", "первый раз")]
    assert places == sorted(places), "the newest first"


def test_who_gets_the_lead_by_assignment_gets_them_too(book: Book, lead: int) -> None:
    again(book, 2, client={"phone": NEW_PHONE})
    assign_lead(book, lead, STRANGER, reason="their region")
    assert NEW_PHONE in newest(book, MessageKind.LEAD)


@pytest.mark.parametrize("paused", [False, True])
def test_while_nobody_has_the_lead_the_operators_are_told_the_new_phone(
    book: Book, paused: bool, clock: MovableClock
) -> None:
    if paused:
        won_month(book)
        receive(book, arrive(book))
        log(book, 1, outcome="wrong_contact", checklist=[])
    else:
        add_cast(book)
        arrive(book)
    again(book, 2, client={"phone": NEW_PHONE}, workplaces=20)
    mail = newest(book, MessageKind.ALERT_REPEATED)
    assert f"Phone: {NEW_PHONE}" in mail
    assert "Workplaces: 20" in mail
    assert not messages(book, MessageKind.LEAD_REPEATED)


def test_a_suspended_partner_works_on_and_hears_of_the_repeat_D10(book: Book, lead: int) -> None:
    suspend(book, WINNER, reason="debts")
    again(book, 2, client={"phone": NEW_PHONE})
    assert messages(book, MessageKind.LEAD_REPEATED)[-1].partner_code == WINNER
    assert NEW_PHONE in newest(book, MessageKind.LEAD_REPEATED)


def test_a_mail_that_is_late_tells_no_contacts_to_whom_the_lead_has_left(book: Book, lead: int) -> None:
    again(book, 2, client={"phone": NEW_PHONE})
    assign_lead(book, lead, SECOND, reason="asked for")
    assert newest(book, MessageKind.LEAD_REPEATED) == ""
    assert NEW_PHONE in newest(book, MessageKind.LEAD)


def test_a_late_mail_still_reaches_the_partner_in_whose_hands_the_lead_was_closed(book: Book, lead: int) -> None:
    again(book, 2, client={"phone": NEW_PHONE})
    close_lead(book, lead, reason="a test")
    assert NEW_PHONE in newest(book, MessageKind.LEAD_REPEATED)


def test_an_alert_that_is_late_says_nothing_that_is_over(book: Book) -> None:
    add_cast(book)
    lead = arrive(book)
    again(book, 2, client={"phone": NEW_PHONE})
    assign_lead(book, lead, SECOND, reason="asked for")
    assert newest(book, MessageKind.ALERT_REPEATED) == ""


# One client or two.


def test_two_people_behind_one_number_are_told_to_the_operators_once(book: Book, lead: int) -> None:
    repeat = again(book, 2, client=OTHER)
    (alert,) = messages(book, MessageKind.ALERT_TWO_CLIENTS)
    assert (alert.lead_id, alert.partner_code, alert.data) == (repeat, None, {"attached_to": lead})
    mail = mail_of(book, alert)
    subject, _, text = mail.partition("\n")
    assert (str(repeat) in subject, str(lead) in subject) == (True, True)
    assert not [word for word in (*OTHER.values(), *IVAN.values()) if word in subject]
    assert not [word for word in (*OTHER.values(), *IVAN.values()) if word not in text]
    assert f"/desk/leads/{repeat}" in text
    assert undecided(book) == [(repeat, lead)]
    told = "Perhaps this is another client"  # its partner is told all the same
    assert told in newest(book, MessageKind.LEAD_REPEATED)
    keep_attached(book, repeat, reason="the same client")
    assert told not in newest(book, MessageKind.LEAD_REPEATED)


@pytest.mark.parametrize("client", [{"phone": NEW_PHONE}, {"name": OTHER["name"]}, {"email": OTHER["email"]}])
def test_a_name_or_a_contact_alone_raises_no_doubt(book: Book, lead: int, client: dict[str, str]) -> None:
    again(book, 2, client=client)
    assert not messages(book, MessageKind.ALERT_TWO_CLIENTS)
    assert undecided(book) == []


def test_a_doubt_about_a_lead_that_waits_is_told_beside_the_repeat(book: Book) -> None:
    add_cast(book)
    lead = arrive(book)
    repeat = again(book, 2, client=OTHER)
    assert messages(book, MessageKind.ALERT_REPEATED)
    assert undecided(book) == [(repeat, lead)]


def test_the_same_request_sent_again_asks_no_second_time(book: Book, lead: int, clock: MovableClock) -> None:
    at = clock.now.isoformat()
    repeat = again(book, 2, client=OTHER, requested_at=at)
    assert again(book, 2, client=OTHER, requested_at=at) == repeat
    assert len(messages(book, MessageKind.ALERT_TWO_CLIENTS)) == 1


def test_who_is_like_one_in_doubt_is_in_doubt_too_and_like_one_who_was_kept_is_not(book: Book, lead: int) -> None:
    first = again(book, 2, client=OTHER)
    second = again(book, 3, client=OTHER)
    assert undecided(book) == [(first, lead), (second, lead)]
    assert keep_attached(book, first, reason="the wife")
    again(book, 4, client=OTHER)
    assert undecided(book) == [(second, lead)]


def test_the_doubt_stays_when_the_lead_is_closed(book: Book, lead: int) -> None:
    repeat = again(book, 2, client=OTHER)
    log(book, lead, contact_data(outcome="refused"))
    assert lead_state(book, lead) == LeadState.CLOSED
    assert undecided(book) == [(repeat, lead)]
    assert detach_lead(book, repeat, reason="another client")
    assert lead_state(book, repeat) == LeadState.IN_WORK


def test_keeping_ends_the_doubt_and_changes_nothing_else(book: Book, lead: int) -> None:
    repeat = again(book, 2, client=OTHER)
    assert keep_attached(book, repeat, reason="the same client")
    assert undecided(book) == []
    assert newest(book, MessageKind.ALERT_TWO_CLIENTS) == ""
    assert lead_state(book, repeat) == LeadState.ATTACHED
    with book.read() as tx:
        event = tx.session.execute(select(AuditEvent).where(col(AuditEvent.event) == Event.LEAD_KEPT)).scalar_one()
    assert (event.lead_id, event.data) == (repeat, {"attached_to": lead, "reason": "the same client"})
    assert not keep_attached(book, repeat, reason="again")


def test_nothing_is_kept_where_nobody_doubts(book: Book, lead: int) -> None:
    assert not keep_attached(book, lead, reason="a mistake")
    assert not keep_attached(book, again(book, 2), reason="a mistake")
    with pytest.raises(NotFound):
        keep_attached(book, 99, reason="a mistake")


def test_the_partner_who_was_told_hears_that_it_was_another_client(book: Book, lead: int) -> None:
    repeat = again(book, 2, client=OTHER)
    detach_lead(book, repeat, reason="another client")
    (told,) = messages(book, MessageKind.LEAD_DETACHED)
    assert (told.partner_code, told.lead_id, told.data) == (WINNER, lead, {"repeat": repeat})
    mail = mail_of(book, told)
    assert "came from another client" in mail
    assert not [word for word in OTHER.values() if word in mail]
    assert undecided(book) == []


def test_a_repeat_that_is_detached_before_its_mail_went_out_is_not_told_as_one(book: Book, lead: int) -> None:
    repeat = again(book, 2, client=OTHER)
    detach_lead(book, repeat, reason="another client")
    for kind in (MessageKind.LEAD_REPEATED, MessageKind.ALERT_TWO_CLIENTS):
        assert newest(book, kind) == ""
    assign_lead(book, lead, STRANGER, reason="their region")
    assert OTHER["email"] not in newest(book, MessageKind.LEAD)


def test_nobody_is_told_of_another_client_when_nobody_has_the_lead(book: Book) -> None:
    add_cast(book)
    arrive(book)
    detach_lead(book, again(book, 2, client=OTHER), reason="another client")
    assert not messages(book, MessageKind.LEAD_DETACHED)


def test_who_lost_the_lead_is_not_told_of_another_client(book: Book, lead: int) -> None:
    repeat = again(book, 2, client=OTHER)
    log_contact(book, lead, parse_contact(contact_data(WINNER, outcome="wrong_contact", checklist=[])))
    detach_lead(book, repeat, reason="another client")
    assert not messages(book, MessageKind.LEAD_DETACHED)


def test_a_repeat_by_another_phone_counts_as_an_arrival_too(book: Book, lead: int, clock: MovableClock) -> None:
    log(book, lead, outcome="wrong_contact", checklist=[])  # paused: it stays in hand
    clock.advance(days=23)
    assert attached_to(book, again(book, 2, client={"phone": NEW_PHONE})) == lead
    clock.advance(days=15)
    assert attached_to(book, again(book, 3, client={"email": "ivan@new.example"})) == lead  # by the phone of the first
    clock.advance(days=31)
    assert attached_to(book, again(book, 4)) is None


def test_a_stranger_who_asked_twice_is_one_lead_when_both_requests_are_detached(book: Book, lead: int) -> None:
    first, second = again(book, 2, client=OTHER), again(book, 3, client=OTHER)
    detach_lead(book, first, reason="another client")
    switch_holder(book, SECOND, reason="a test")
    assert detach_lead(book, second, reason="another client")
    assert attached_to(book, second) == first
    assert undecided(book) == []
    assert [told.data for told in messages(book, MessageKind.LEAD_DETACHED)] == [{"repeat": first}, {"repeat": second}]
    told = messages(book, MessageKind.LEAD_REPEATED)[-1]
    assert (told.partner_code, told.lead_id, told.data) == (WINNER, first, {"repeat": second})
    assert "asked again" in mail_of(book, told)
    assert len(messages(book, MessageKind.LEAD)) == 2
    # Whoever is neither the one nor the other is a lead of their own: nothing goes round in a circle.
    assert detach_lead(book, second, reason="a third client")
    assert attached_to(book, second) is None


def test_a_decision_about_the_lead_it_was_attached_to_is_none_about_the_next(book: Book, lead: int) -> None:
    """A second click, or one on a page that is old: it says nothing of the lead that it is attached to by now."""
    first, second = again(book, 2, client=OTHER), again(book, 3, client=OTHER)
    detach_lead(book, first, reason="another client")
    assert detach_lead(book, second, root_id=lead, reason="another client")
    assert not detach_lead(book, second, root_id=lead, reason="another client")
    assert attached_to(book, second) == first


def test_a_third_person_behind_the_number_is_nobodys_repeat(book: Book, lead: int) -> None:
    first = again(book, 2, client=OTHER)
    third = again(book, 3, client={"name": "Мария Иванова", "email": "maria@mail.example"})
    detach_lead(book, first, reason="another client")
    detach_lead(book, third, reason="another client")
    assert attached_to(book, third) is None
    assert lead_state(book, third) == LeadState.IN_WORK


def test_what_is_detached_late_joins_the_lead_that_was_in_hand_when_it_arrived(
    book: Book, lead: int, clock: MovableClock
) -> None:
    first, second = again(book, 2, client=OTHER), again(book, 3, client=OTHER)
    detach_lead(book, first, reason="another client")
    log(book, first, contact_data(outcome="wrong_contact", checklist=[]))
    clock.advance(days=40)
    detach_lead(book, second, reason="another client")
    assert attached_to(book, second) == first


def test_what_is_detached_is_a_lead_of_its_own_when_the_strangers_other_one_is_closed(book: Book, lead: int) -> None:
    first, second = again(book, 2, client=OTHER), again(book, 3, client=OTHER)
    detach_lead(book, first, reason="another client")
    close_lead(book, first, reason="a test")
    detach_lead(book, second, reason="another client")
    assert lead_state(book, second) == LeadState.IN_WORK


# Corrected contacts.

RIGHT = parse_contacts(IVAN | {"phone": "+7 495 777-66-55"})


def test_the_partner_is_told_corrected_contacts_each_time(book: Book, lead: int) -> None:
    correct_client(book, lead, RIGHT, reason="a typo")
    (first,) = messages(book, MessageKind.CONTACTS_CORRECTED)
    assert (first.partner_code, first.lead_id, first.data) == (WINNER, lead, {"corrected": lead})
    assert "Phone: +7 495 777-66-55" in mail_of(book, first)
    correct_client(book, lead, RIGHT, reason="the same")
    assert len(messages(book, MessageKind.CONTACTS_CORRECTED)) == 1
    correct_client(book, lead, parse_contacts(IVAN), reason="it was right")
    assert len(messages(book, MessageKind.CONTACTS_CORRECTED)) == 2
    assert f"Phone: {IVAN['phone']}" in newest(book, MessageKind.CONTACTS_CORRECTED)


def test_corrected_contacts_of_a_repeat_go_to_the_partner_of_the_lead(book: Book, lead: int) -> None:
    repeat = again(book, 2, client={"phone": NEW_PHONE})
    correct_client(book, repeat, parse_contacts(IVAN | {"phone": "+7 916 000-00-03"}), reason="a typo")
    (told,) = messages(book, MessageKind.CONTACTS_CORRECTED)
    assert (told.partner_code, told.lead_id, told.data) == (WINNER, lead, {"corrected": repeat})
    assert "+7 916 000-00-03" in mail_of(book, told)


def test_contacts_corrected_while_nobody_has_the_lead_come_with_it(book: Book, lead: int) -> None:
    log(book, lead, outcome="wrong_contact", checklist=[])
    correct_client(book, lead, RIGHT, reason="a typo")
    assert not messages(book, MessageKind.CONTACTS_CORRECTED)
    assign_lead(book, lead, WINNER, reason="the phone is right now")
    assert RIGHT.phone in newest(book, MessageKind.LEAD)


def test_a_correction_that_is_late_is_not_sent_to_whom_the_lead_has_left(book: Book, lead: int) -> None:
    correct_client(book, lead, RIGHT, reason="a typo")
    assign_lead(book, lead, SECOND, reason="asked for")
    assert newest(book, MessageKind.CONTACTS_CORRECTED) == ""


def test_a_correction_that_is_late_is_not_sent_once_the_request_is_another_clients(book: Book, lead: int) -> None:
    repeat = again(book, 2, client=OTHER)
    correct_client(book, repeat, parse_contacts(IVAN | OTHER | {"phone": NEW_PHONE}), reason="a typo")
    assert NEW_PHONE in newest(book, MessageKind.CONTACTS_CORRECTED)
    switch_holder(book, SECOND, reason="a test")
    detach_lead(book, repeat, reason="another client")
    assert lead_state(book, repeat) == LeadState.IN_WORK
    assert newest(book, MessageKind.CONTACTS_CORRECTED) == ""
    assert NEW_PHONE in newest(book, MessageKind.LEAD)


# What stands where.


def test_no_message_and_no_event_holds_a_word_of_a_client(book: Book, lead: int) -> None:
    repeat = again(book, 2, client=OTHER | {"company": "Ромашка"}, comment="тайна")
    correct_client(book, lead, RIGHT, reason="a typo")
    keep_attached(book, repeat, reason="the same client")
    detach_lead(book, repeat, reason="another client after all")
    with book.read() as tx:
        rows = [*tx.all(select(Message)), *tx.all(select(AuditEvent))]
        people = tx.all(select(Client))
    stored = "\n".join(f"{row.data} {getattr(row, 'dedupe_key', '')}" for row in rows)
    words = [word for one in people for word in (one.name, one.phone, one.email, one.company, one.comment) if word]
    assert [word for word in words if word in stored] == []


def test_an_upgrade_keeps_on_the_desk_what_it_asked_about_before(book: Book, lead: int) -> None:
    """Every request attached to a lead in hand; of those attached to a closed one it asked nothing."""
    closed = arrive(book, 5)
    repeat, _of_closed = again(book, 2, client={"phone": NEW_PHONE}), arrive(book, 6, client=lead_data(5)["client"])
    close_lead(book, closed, reason="a test")
    revision = "0010_doubted_requests"
    with book.engine.begin() as connection:
        config = alembic_config(connection)
        command.downgrade(config, f"{ScriptDirectory.from_config(config).get_revision(revision).down_revision}")
    upgrade_database(book.engine)
    assert undecided(book) == [(repeat, lead)]
