"""What the version before stored is found after the upgrade: clients who ask again, partners who sign in (D17)."""

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text
from sqlmodel import select

from models import Client, Lead, Partner
from models.upgrade import alembic_config, upgrade_database
from rasti.clients.partner_list import ListedPartner
from rasti.ledger.book import Book
from rasti.ledger.partners import import_within
from rasti.rules.addresses import email_key
from rasti.rules.phones import phone_key
from tests.builders import add_partner, arrive, won_month

MIGRATION = "0009_addresses_and_phones"


def upgrade_from_the_version_before(engine: Engine, clients: dict[int, tuple[str, str, str, str]]) -> None:
    """Go back before the keys, store clients (phone, address and their keys) as that version did, and upgrade."""
    with engine.begin() as connection:
        config = alembic_config(connection)
        before = ScriptDirectory.from_config(config).get_revision(MIGRATION).down_revision
        command.downgrade(config, str(before))
        for lead, (phone, email, former_phone, former_email) in clients.items():
            values = {"lead": lead, "phone": phone, "email": email, "p": former_phone, "e": former_email}
            connection.execute(
                text("UPDATE client SET phone=:phone, email=:email, phone_key=:p, email_key=:e WHERE lead_id=:lead"),
                values,
            )
    engine.dispose()
    upgrade_database(engine)


def test_clients_of_the_version_before_are_found_by_every_spelling_D17(book: Book) -> None:
    won_month(book)
    leads = [arrive(book, number) for number in range(1, 5)]
    stored = [
        ("+47 41 23 45 67", "a@client.example", "74741234567", "a@client.example"),
        ("+7 916 000-00-01 доб. 12", "b@client.example", "7916000000112", "b@client.example"),
        ("8 (495) 111-11-11", "Info@ПОЧТА.РФ", "74951111111", "info@почта.рф"),
        ("12-345", "..odd@client..example", "12345", "..odd@client..example"),  # was taken for both
    ]
    upgrade_from_the_version_before(book.engine, dict(zip(leads, stored, strict=True)))
    with book.read() as tx:
        keys = [(client.phone_key, client.email_key) for client in tx.all(select(Client).order_by(Client.lead_id))]
    assert keys == [(phone_key(phone), email_key(email)) for phone, email, *_former in stored]

    def asked_again(number: int, **client: str) -> int | None:
        again = arrive(book, number, client=client)
        with book.read() as tx:
            return tx.session.get_one(Lead, again).attached_to

    assert asked_again(11, phone="8 (474) 123-45-67") is None
    assert asked_again(12, phone="8 10 47 41 23 45 67") == leads[0]
    assert asked_again(13, phone="89160000001") == leads[1]
    assert asked_again(14, email="info@xn--80a1acny.xn--p1ai") == leads[2]
    assert asked_again(15, phone="+7 495 111-11-11") == leads[2]


def test_partners_of_the_version_before_have_the_key_of_their_address(book: Book) -> None:
    add_partner(book, "one", email="Info@ПАРТНЁР.РФ")
    upgrade_from_the_version_before(book.engine, {})
    with book.read() as tx:
        assert tx.session.get_one(Partner, "one").email_key == "info@xn--80a0aefbk0i.xn--p1ai"


def test_an_import_keeps_key_and_address_together(book: Book) -> None:
    add_partner(book, "one", email="former@partner.example")
    listed = ListedPartner("one", "One", "New@ПАРТНЁР.РФ", "", None)
    fresh = ListedPartner("two", "Two", "two@partner.example", "", None)
    with book.write() as tx:
        assert import_within(tx, [listed, fresh]).as_json() == {"added": 1, "changed": 1, "unchanged": 0}
    with book.write() as tx:
        assert import_within(tx, [listed, fresh]).as_json() == {"added": 0, "changed": 0, "unchanged": 2}
        keys = tx.all(select(Partner.email_key).order_by(Partner.code))
    assert keys == ["new@xn--80a0aefbk0i.xn--p1ai", "two@partner.example"]
