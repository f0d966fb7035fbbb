"""Phones: one number is one client, however it is written, and two numbers are two (D17)."""

import pytest

from .papers import lead_body
from .play import Play, text_of
from .sandbox import ON_SQLITE

NOON = "2019-09-03 12:00"


NORWEGIAN, RUSSIAN = "+47 41 23 45 67", "8 (474) 123-45-67"


@pytest.mark.parametrize(("first", "second"), [(NORWEGIAN, RUSSIAN), (RUSSIAN, NORWEGIAN)])
def test_a_number_with_plus_keeps_its_country_D17(september: Play, first: str, second: str) -> None:
    september.at(NOON).lead(phone=first)

    assert september.later(minutes=5).add(lead_body(september.now, phone=second))["attached_to"] is None


@pytest.mark.parametrize(
    "again",
    [
        "8 916 000-00-01",
        "9160000001",
        "+7 (916) 000-00-01",
        "+7 916 000-00-01 ext. 7",
        "89160000001 вн. 3",
        "+79160000001#5",
    ],
)
def test_prefix_and_extension_hide_no_duplicate_D17(september: Play, again: str) -> None:
    first = september.at(NOON).lead(phone="+7 916 000-00-01 доб. 12")

    assert september.later(minutes=5).add(lead_body(september.now, phone=again))["attached_to"] == first


def test_the_caller_is_shown_the_extension(september: Play) -> None:
    september.at(NOON).lead(phone="+7 916 000-00-01 доб. 12")

    assert "+7 916 000-00-01 доб. 12" in text_of(september.mails("alfa@partner.example")[-1])


@pytest.mark.parametrize("phone", ["+1 212 555-0123", "+375 29 123-45-67", "+998 71 123 45 67", "8 10 47 41 23 45 67"])
def test_a_client_from_abroad_is_taken(september: Play, phone: str) -> None:
    assert september.state(september.at(NOON).lead(phone=phone)) == "in_work"


@ON_SQLITE
@pytest.mark.parametrize("phone", ["12", "12345", "none", "+7 495", "+999 123 45 67", "9" * 20])
def test_what_is_no_possible_number_is_refused_by_its_field(september: Play, phone: str) -> None:
    with september.at(NOON).refusal("client.phone"):
        september.add(lead_body(september.now, phone=phone))
