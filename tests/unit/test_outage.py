"""How the relay's loop goes on while the mail server takes no mail."""

import logging
from datetime import UTC, datetime

import pytest

from rasti.ledger.mail_trouble import MailTrouble
from rasti.steward.outage import IDLE, LONGEST_PAUSE, Outage
from rasti.steward.relay import Delivered

REFUSED = Delivered(0, 1, "554 5.7.1 at RCPT TO")
NOTHING = Delivered(postponed=True)


class Seconds:
    """A clock of the test's own."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def outage(seconds: Seconds) -> Outage:
    return Outage(clock=seconds)


def test_the_pause_between_two_tries_grows_and_is_bounded(outage: Outage) -> None:
    pauses = []
    for _try in range(8):
        outage.note(REFUSED)
        pauses.append(outage.pause)
    assert pauses == [2, 4, 8, 16, 30, 30, 30, LONGEST_PAUSE]


def test_a_mail_that_goes_out_ends_it_and_a_round_without_one_tells_nothing(outage: Outage) -> None:
    outage.note(REFUSED)
    outage.note(NOTHING)
    assert outage.pause == 2
    outage.note(Delivered(1, 1))
    assert outage.pause == 0
    outage.note(REFUSED)
    assert outage.pause == 2, "the next one begins anew"


def test_connections_that_carry_nothing_are_closed_once(outage: Outage, seconds: Seconds) -> None:
    outage.note(Delivered(1, 1))
    seconds.now += IDLE - 1
    assert not outage.is_idle()
    seconds.now += 1
    assert [outage.is_idle(), outage.is_idle()] == [True, False]
    outage.note(Delivered(1, 1))
    seconds.now += IDLE
    assert outage.is_idle()


def test_mail_that_cannot_be_delivered_is_an_error_in_the_log_once_a_minute_with_its_reason(
    outage: Outage, seconds: Seconds, caplog: pytest.LogCaptureFixture
) -> None:
    trouble = MailTrouble(24, 0, 2, datetime(2019, 9, 3, tzinfo=UTC), "connection refused")
    for _second in range(150):
        outage.tell(lambda: trouble)
        seconds.now += 1
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.message for record in errors] == ["mail.undelivered"] * 3
    assert "connection refused" in str(vars(errors[0]))


def test_nothing_is_said_while_all_is_well(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    outage.tell(lambda: None)
    assert caplog.records == []


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records]


def test_an_outage_that_ends_without_a_mail_leaves_no_pause_and_is_not_called_mended(
    outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rasti")
    outage.note(REFUSED)
    outage.note(Delivered())
    assert outage.pause == 0
    assert told(caplog) == []
    outage.note(Delivered(1, 1))
    assert told(caplog) == ["mail.works_again"]


def test_a_mail_that_the_server_refuses_for_itself_ends_the_pause_and_the_next_one_tells_that_it_works(
    outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rasti")
    outage.note(REFUSED)
    outage.note(Delivered(0, 1, postponed=True))
    assert outage.pause == 0
    assert told(caplog) == []
    outage.note(Delivered(1, 1))
    outage.note(Delivered(1, 1))
    assert told(caplog) == ["mail.works_again"]
