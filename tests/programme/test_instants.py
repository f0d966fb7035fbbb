"""Instants: compact dates and stray numbers are no seconds of 1970; whose clock it was has to be said."""

from typing import Any

import pytest

from .papers import contact_body, lead_body, moscow
from .play import Play
from .sandbox import ON_SQLITE

pytestmark = ON_SQLITE

NOON = "2019-09-03 12:00"
SECONDS = int(moscow(NOON).timestamp())

COMPACT: list[Any] = [
    *("20190903", "20190903101500", "2019", 20190903, 20190903101500, 2019, "2019-09-03", "20190903T101500+0300"),
    *("2019-09-03T10:15:00", str(SECONDS), SECONDS + 400 * 86400, 0, -1, 1.5, True),
]


@pytest.mark.parametrize("value", COMPACT, ids=repr)
def test_a_lead_without_an_instant_is_refused_by_its_field(september: Play, value: object) -> None:
    with september.at(NOON).refusal("requested_at"):
        september.add(lead_body(NOON) | {"requested_at": value})


@pytest.mark.parametrize("value", COMPACT, ids=repr)
def test_a_contact_without_an_instant_is_refused_by_its_field(september: Play, value: object) -> None:
    lead = september.at(NOON).lead()

    with september.refusal("happened_at"):
        september.do("contact", str(lead), september.body(contact_body("ALFA", NOON) | {"happened_at": value}))


@pytest.mark.parametrize("seconds", [SECONDS, SECONDS * 1000, SECONDS - 30 * 86400])
def test_seconds_and_milliseconds_near_now_are_an_instant(september: Play, seconds: int) -> None:
    """Near the ledger's now: that of the sandbox."""
    assert september.at(NOON).add(lead_body(NOON) | {"requested_at": seconds})["created"] is True


@pytest.mark.parametrize("text", ["20190903", "2019", str(SECONDS), "20190903T120000+0300", "2019-09-03T12:00:00"])
def test_at_takes_what_a_lead_takes(september: Play, text: str) -> None:
    answer = september.run("--at", text, "status", "--json")

    assert (answer.status, answer.out) == (2, "")
    assert text in answer.err
