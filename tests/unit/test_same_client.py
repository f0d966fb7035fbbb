"""One client or two, and what a repeated request tells that was not known (D17)."""

from dataclasses import dataclass, replace

import pytest

from rasti.rules.same_client import Known, News, may_be_another, same_words


@dataclass
class Caller:
    """A client; the keys are what requests are matched by, made elsewhere."""

    name: str = "Иван Петров"
    phone: str = "+7 916 000-00-01"
    email: str = "ivan@mail.example"
    company: str | None = None
    city: str | None = None
    comment: str | None = None
    phone_key: str = "ivan's"
    email_key: str = "ivan's"


IVAN = Caller()
OTHER_PHONE = {"phone": "+7 916 000-00-02", "phone_key": "another"}
OTHER_EMAIL = {"email": "petr@mail.example", "email_key": "another"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Иван Петров", "  ИВАН   петров "),
        ("Иван Петров", "Иван\N{NO-BREAK SPACE}Петров."),
        ("Артём Йовович", "Артем И\N{COMBINING BREVE}овович"),
        ("И.И. Иванов", "И. И. Иванов"),
        ("Анна-Мария", "Анна Мария"),
        ("ООО «Ромашка»", 'ООО "Ромашка"'),
    ],
)
def test_a_name_is_the_same_however_it_is_typed(one: str, other: str) -> None:
    assert same_words(one, other)
    assert same_words(other, one)


@pytest.mark.parametrize("other", ["Пётр Иванов", "Иван Петрова", "Иван", "—", "Иван Петров 2"])
def test_another_name_is_another_name(other: str) -> None:
    assert not same_words("Иван Петров", other)


@pytest.mark.parametrize(
    ("changes", "doubted"),
    [
        ({}, False),
        (OTHER_PHONE, False),
        (OTHER_EMAIL, False),
        ({"name": "Пётр Иванов"}, False),
        ({"name": "Пётр Иванов"} | OTHER_PHONE, True),
        ({"name": "Пётр Иванов"} | OTHER_EMAIL, True),
        ({"name": "иван  петров."} | OTHER_EMAIL, False),
        ({"name": "Пётр Иванов", "phone": "+7 916 000-00-01 доб. 12"}, True),  # behind one switchboard
    ],
)
def test_two_clients_are_suspected_when_name_and_one_contact_differ_D17(changes: dict[str, str], doubted: bool) -> None:
    assert may_be_another(replace(IVAN, **changes), [IVAN]) is doubted


def test_whoever_is_like_anybody_known_is_no_other_client() -> None:
    petr = replace(IVAN, name="Пётр Иванов", **OTHER_EMAIL)
    assert not may_be_another(replace(petr), [IVAN, petr])


def test_only_what_differs_is_news() -> None:
    assert Known(IVAN).tell(replace(IVAN)) == News()
    assert Known(IVAN).tell(replace(IVAN, **OTHER_PHONE)) == News(phone="+7 916 000-00-02")
    again = replace(IVAN, name="Пётр", company="Ромашка", city="Тверь", comment="20 мест", **OTHER_EMAIL)
    assert Known(IVAN).tell(again) == News("Пётр", None, "petr@mail.example", "Ромашка", "Тверь", "20 мест")


def test_one_number_written_in_two_ways_is_no_news_but_its_extension_is() -> None:
    assert Known(IVAN).tell(replace(IVAN, phone="8 (916) 000-00-01")).phone is None
    assert Known(IVAN).tell(replace(IVAN, phone="8 (916) 000-00-01, доб. 12")).phone == "8 (916) 000-00-01, доб. 12"


def test_what_was_told_before_is_no_news() -> None:
    told = replace(IVAN, comment="C++", **OTHER_PHONE)
    assert Known(IVAN, told).tell(replace(told)) == News()
    assert Known(IVAN, told).tell(replace(told, comment="C#")) == News(comment="C#")


def test_what_is_left_out_is_no_news() -> None:
    assert Known(replace(IVAN, company="Ромашка", comment="x")).tell(replace(IVAN)) == News()
