"""A calendar month in Moscow (D1)."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from rasti.errors import BadInput
from rasti.rules.month import Month

MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    "text",
    ["2019-13", "2019-00", "2019-8", "19-08", "2019-08-01", "0000-01", "0001-01", "9999-12", "", "٢٠١٩-٠٨", "2019-08 "],
)
def test_what_is_no_month_is_refused_with_its_value(text: str) -> None:
    with pytest.raises(BadInput, match="is not a month") as info:
        Month.parse(text)
    assert repr(text) in str(info.value)


def test_a_month_reads_as_it_is_written() -> None:
    assert str(Month.parse("2019-08")) == "2019-08"
    assert Month.of(date(2019, 8, 31)) == Month(2019, 8)


def test_months_go_over_the_end_of_the_year() -> None:
    assert Month(2019, 12).next == Month(2020, 1)
    assert Month(2020, 1).previous == Month(2019, 12)
    assert Month(2019, 8).shift(-20) == Month(2017, 12)
    assert Month(2019, 12) < Month(2020, 1)


def test_a_month_begins_and_ends_at_midnight_in_moscow_D1() -> None:
    month = Month(2019, 8)
    assert month.starts_at(MOSCOW) == datetime(2019, 7, 31, 21, tzinfo=UTC)
    assert month.ends_at(MOSCOW) == datetime(2019, 8, 31, 21, tzinfo=UTC)
    assert Month.at(datetime(2019, 8, 31, 20, 59, 59, tzinfo=UTC), MOSCOW) == month
    assert Month.at(datetime(2019, 8, 31, 21, tzinfo=UTC), MOSCOW) == month.next


def test_moscow_had_another_offset_in_2011_D1() -> None:
    assert Month(2011, 7).ends_at(MOSCOW) == datetime(2011, 7, 31, 20, tzinfo=UTC)
