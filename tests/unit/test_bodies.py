"""What comes in from outside: leads and contacts (R10, D12, D17)."""

from typing import Any

import pytest

from rasti.errors import BadInput
from rasti.rules.addresses import email_key
from rasti.rules.bodies import parse_contact, parse_lead
from rasti.rules.phones import phone_key
from tests.builders import contact_data, lead_data


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source_id": ""}, "source_id"),
        ({"requested_at": "2019-09-02T10:00:00"}, "requested_at"),  # naive
        ({"requested_at": "yesterday"}, "requested_at"),
        ({"requested_at": "0001-01-01T00:00:00+14:00"}, "requested_at"),  # before all UTC
        ({"requested_at": "9999-12-31T23:59:59-12:00"}, "requested_at"),  # after all UTC
        ({"workplaces": 0}, "workplaces"),
        ({"workplaces": "5"}, "workplaces"),
        ({"workplaces": 1.5}, "workplaces"),
        ({"configuration_url": "javascript:alert(1)"}, "configuration_url"),
        ({"client": {"phone": "none"}}, "client.phone"),
        ({"client": {"email": "nobody"}}, "client.email"),
        ({"client": {"name": "A\r\nBcc: all@example.org"}}, "client.name"),
        ({"comment": "nul \x00"}, "comment"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_lead_is_named_by_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_lead(lead_data(**change))
    assert error.value.field == field
    assert field in str(error.value)


@pytest.mark.parametrize("field", ["source", "source_id", "requested_at", "client", "product", "workplaces"])
def test_a_lead_without_a_field_is_refused(field: str) -> None:
    body = lead_data()
    del body[field]
    with pytest.raises(BadInput, match=field):
        parse_lead(body)


@pytest.mark.parametrize("body", [None, [], "text", 1])
def test_what_is_no_mapping_is_refused(body: object) -> None:
    with pytest.raises(BadInput, match="body"):
        parse_lead(body)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "fax"}, "kind"),
        ({"outcome": "fine"}, "outcome"),
        ({"checklist": ["reached", "sang"]}, "checklist"),
        ({"happened_at": "2019-09-02 10:00"}, "happened_at"),
        ({"happened_at": "0001-01-01T00:00:00+14:00"}, "happened_at"),
    ],
)
def test_a_wrong_contact_is_named_by_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_contact(contact_data(**change))
    assert str(error.value.field).startswith(field)


def test_the_same_body_spelt_otherwise_is_the_same() -> None:
    """D17: +03:00 or UTC, the same instant."""
    here = parse_lead(lead_data(requested_at="2019-09-02T10:00:00+03:00"))
    assert here.digest() == parse_lead(lead_data(requested_at="2019-09-02T07:00:00Z")).digest()
    assert here.digest() != parse_lead(lead_data(requested_at="2019-09-02T10:00:00Z")).digest()


@pytest.mark.parametrize("phone", ["+7 (495) 123-45-67", "8 495 123 45 67", "84951234567", "495 123-45-67"])
def test_one_phone_number_however_it_is_written(phone: str) -> None:
    assert phone_key(phone) == "74951234567"


def test_mail_addresses_do_not_differ_by_case() -> None:
    assert email_key("Ivan@Client.Example") == email_key("ivan@client.example")
