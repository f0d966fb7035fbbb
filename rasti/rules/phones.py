"""Phone numbers, Russian ones unless they say otherwise, by the numbering plans of all countries (phonenumbers)."""

import re
from typing import TYPE_CHECKING

from rasti.errors import marked

# phonenumbers is imported only where a number is read: `rasti --help` is quick without it.
if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_REGION, _COUNTRY = "RU", 7
# Russian words for an extension, of which the library knows one.
_EXTENSION = re.compile(r"\b(?:доб|добавочный|вн|внутр|внутренний)\b[\s.:№]*(?=\d)", re.IGNORECASE)


def check_phone(text: str) -> str:
    """The same text, if it is a phone number. Raises ValueError."""
    if _read(text) is None:
        raise ValueError(marked("is not a whole phone number: one from abroad begins with + and its country’s code"))
    return text


def check_free_phone(text: str) -> str:
    """The same text, if it is empty or a number that is free to call in Russia. Raises ValueError."""
    if not text:
        return text
    from phonenumbers import PhoneNumberType, number_type

    number = _read(text)
    if number is None or (number.country_code, number_type(number)) != (_COUNTRY, PhoneNumberType.TOLL_FREE):
        raise ValueError(marked("is not a free number: it begins with 8-800 and has 11 digits"))
    return text


def phone_key(phone: str) -> str:
    """A phone number for comparison (D17): the digits of E.164, without an extension.

    +7, 8 and no prefix are one number; one with + keeps its country. What is no number is like nothing but its digits;
    without any it is "".
    """
    number = _read(phone)
    if number is not None:
        return _digits(number)
    digits = "".join(re.findall(r"\d", phone))
    return f"?{digits}" if digits else ""


def dialled(phone: str) -> str:
    """A phone number as `tel:` has it (RFC 3966), with its extension; of what is no number the digits."""
    number = _read(phone)
    if number is None:
        return "".join(re.findall(r"\d", phone))
    return f"+{_digits(number)}" + (f";ext={number.extension}" if number.extension else "")


def formatted(phone: str) -> str:
    """A phone number as its country writes it, with the country's code and without an extension; or as it is."""
    number = _read(phone)
    if number is None:
        return phone
    from phonenumbers import PhoneNumberFormat, format_number

    number.extension = None
    return format_number(number, PhoneNumberFormat.INTERNATIONAL)


def _digits(number: "PhoneNumber") -> str:
    from phonenumbers import national_significant_number

    return f"{number.country_code}{national_significant_number(number)}"


def _read(phone: str) -> "PhoneNumber | None":
    from phonenumbers import NumberParseException, is_possible_number, parse

    try:
        number = parse(_EXTENSION.sub("доб. ", phone), _REGION)
    except NumberParseException:
        return None
    # Possible, not valid: ranges are opened before the library knows them.
    return number if is_possible_number(number) else None
