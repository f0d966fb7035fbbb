"""Phone numbers: one number however it is written, and never another country's (D17)."""

import pytest

from rasti.rules.phones import check_free_phone, check_phone, dialled, formatted, phone_key

SAME = {
    "74951234567": [
        *("+7 (495) 123-45-67", "8 495 123 45 67", "84951234567", "495 123-45-67", "7 495 1234567"),
        "\N{FULLWIDTH DIGIT EIGHT}4951234567",
    ],
    "74741234567": ["8 (474) 123-45-67", "+7 474 123-45-67"],
    "4741234567": ["+47 41 23 45 67", "8~10 47 41 23 45 67", "8-10-47-41234567"],
    "375291234567": ["+375 29 123-45-67", "tel:+375-29-123-45-67"],
    "12125550123": ["+1 (212) 555-0123"],
    "79160000001": [
        *("+7 916 000-00-01", "+7 916 000-00-01 доб. 12", "+7 916 000-00-01 доб 12", "8 916 000-00-01 (доб. 12)"),
        *("+7 916 000-00-01 ext. 12", "+7 916 000-00-01 ext 345", "+7 916 000-00-01 x12", "+7 916 000-00-01x12"),
        *("+7 916 000-00-01 #12", "+7 916 000-00-01#12", "89160000001 вн. 12", "8 916 000-00-01 внутр. 12"),
        *("9160000001, добавочный 12", "+79160000001;ext=12", "8 916 000-00-01 Доб. № 12", "+7 916 000-00-01 ВН.12"),
    ],
}  # fmt: skip

# Too short, too long, a mere name, two numbers, a country that is none.
BAD = [
    *("12", "112", "12345", "none", "", "+", "+7", "+7 495", "8", "доб. 12", "9" * 20, "+999 123 45 67"),
    *("+7 916 000-00-01, +7 916 000-00-02", "0047 41 23 45 67"),
]


@pytest.mark.parametrize(("key", "written"), [(key, written) for key, all_ in SAME.items() for written in all_])
def test_a_number_has_one_key_however_it_is_written_D17(key: str, written: str) -> None:
    assert phone_key(check_phone(written)) == key


@pytest.mark.parametrize("written", BAD)
def test_what_is_no_possible_number_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a whole phone number"):
        check_phone(written)


def test_a_number_of_a_range_that_nobody_knows_yet_is_taken() -> None:
    assert phone_key(check_phone("+7 210 000-00-01")) == "72100000001"


def test_what_an_earlier_version_took_for_a_number_is_like_nothing_but_its_digits_D17() -> None:
    assert phone_key("12-345") == phone_key("12345") != phone_key("+7 12345")
    assert phone_key("none") == ""
    # Digits that are no number, and the number with these digits.
    assert phone_key("0074951234567") != phone_key("+74951234567")


@pytest.mark.parametrize(
    ("typed", "as_dialled", "shown"),
    [
        ("8 (495) 123-45-67", "+74951234567", "+7 495 123-45-67"),
        ("8 916 000-00-01 доб. 12", "+79160000001;ext=12", "+7 916 000-00-01"),
        ("+4741234567", "+4741234567", "+47 41 23 45 67"),
        ("12-345", "12345", "12-345"),
    ],
)
def test_a_number_is_dialled_with_its_country_and_its_extension(typed: str, as_dialled: str, shown: str) -> None:
    assert (dialled(typed), formatted(typed)) == (as_dialled, shown)


@pytest.mark.parametrize("typed", ["", "8-800 555-35-35", "+7 (800) 555 35 35", "88005553535"])
def test_a_free_number_is_free_to_call_in_Russia(typed: str) -> None:
    assert check_free_phone(typed) == typed


@pytest.mark.parametrize("typed", ["8-495 000-00-00", "+1 800 555 0123", "8-800", "free"])
def test_another_number_is_not_free(typed: str) -> None:
    with pytest.raises(ValueError, match="free number"):
        check_free_phone(typed)
