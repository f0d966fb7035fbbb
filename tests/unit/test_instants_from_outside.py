"""Instants from outside: ISO 8601 with the offset; a number of seconds only near now."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rasti.errors import BadInput
from rasti.rules.bodies import parse_contact, parse_lead
from rasti.rules.instants import read_instant
from tests.builders import contact_data, lead_data

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())

COMPACT: list[Any] = [
    *("20190903", "20190903101500", "2019", "201909031015", "2019090310", "20190903T101500+0300", "20190903T10:15:00Z"),
    *(20190903, 20190903101500, 2019, 2019090310, 0, -1, 1.5, 1e300, float("nan"), float("inf"), True, None, [], {}),
    *("1567497600", str(SECONDS), "1e9", "now", "", "2019-09-03", "2019-246T10:15:00Z", "2019-W36-2T10:15:00Z"),
    *("2019-09-03T10:15:00", "2019-09-03 10:15", "٢٠١٩-٠٩-٠٣T10:15:00Z"),
]
NAMED = [(parse_lead, lead_data, "requested_at"), (parse_contact, contact_data, "happened_at")]


@pytest.mark.parametrize("value", COMPACT, ids=repr)
@pytest.mark.parametrize(("parse", "data", "field"), NAMED)
def test_what_is_no_instant_is_refused_by_its_field(parse: Any, data: Any, field: str, value: object) -> None:
    with pytest.raises(BadInput) as refused:
        parse(data(**{field: value}), clock=lambda: NOW)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2019-09-03T10:15:00+03:00", "2019-09-03T07:15:00+00:00"),
        ("2019-09-03T10:15:00.123Z", "2019-09-03T10:15:00.123000+00:00"),
        ("2019-09-03 10:15:00+03:00", "2019-09-03T07:15:00+00:00"),
        ("2019-09-03t10:15z", "2019-09-03T10:15:00+00:00"),
        ("2020-02-29T23:59:59-12:00", "2020-03-01T11:59:59+00:00"),
    ],
)
def test_iso_8601_with_the_offset_is_an_instant(written: str, meant: str) -> None:
    assert read_instant(written).astimezone(UTC).isoformat() == meant


@pytest.mark.parametrize("number", [SECONDS, SECONDS + 0.5, SECONDS * 1000, SECONDS - 300 * 86400])
def test_a_number_of_seconds_or_milliseconds_near_now_is_an_instant(number: float) -> None:
    lead = parse_lead(lead_data(requested_at=number), clock=lambda: NOW)
    seconds = number / 1000 if number > 1e11 else number
    assert lead.requested_at == datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize("away", [timedelta(days=-367), timedelta(days=367)])
def test_a_number_of_seconds_far_from_now_is_refused(away: timedelta) -> None:
    with pytest.raises(BadInput, match="requested_at"):
        parse_lead(lead_data(requested_at=(NOW + away).timestamp()), clock=lambda: NOW)


def test_without_a_clock_no_number_is_an_instant() -> None:
    with pytest.raises(BadInput, match="requested_at"):
        parse_lead(lead_data(requested_at=SECONDS))


@given(st.integers() | st.floats() | st.from_regex(r"\A[0-9]{1,17}\Z"))
def test_no_number_becomes_an_instant_that_is_not_near_now(value: object) -> None:
    try:
        lead = parse_lead(lead_data(requested_at=value), clock=lambda: NOW)
    except BadInput as refused:
        assert refused.field == "requested_at"
    else:
        assert not isinstance(value, str)
        assert abs(lead.requested_at - NOW) <= timedelta(days=366)
