"""When a lead is received and its clocks start; windows of checkpoints (R10-R12, D11)."""

from typing import Any

import pytest

from .papers import moment, moscow
from .play import Play, text_of
from .post_office import PostOffice
from .sandbox import ON_SQLITE

NOON = "2019-09-03 12:00"  # a Tuesday, in the call window, the tenure is two days old
DEAD_SMTP = "smtp://127.0.0.1:1"


def windows(play: Play, lead: int) -> dict[str, tuple[str, str]]:
    """Each checkpoint's window in Moscow wall-clock text."""
    found = {}
    for checkpoint in play.show(lead)["attempts"][-1]["checkpoints"]:
        ends = (moment(checkpoint[name]).astimezone(moscow(NOON).tzinfo) for name in ("opens_at", "due_at"))
        opens, due = (end.strftime("%m-%d %H:%M") for end in ends)
        found[checkpoint["kind"]] = (opens, due)
    return found


def holding_since(play: Play, instant: str, **rules: Any) -> Play:
    """`august` with ALFA holding since an instant, under these rules."""
    play.programme(rules=[{"from": "2019-08", **rules}])
    assert play.at(instant).hand_to_winner("2019-08") == "ALFA"
    return play


def test_a_new_lead_goes_to_the_holder_at_once_with_its_checkpoints_D11_D12(september: Play) -> None:
    lead = september.at(NOON).lead()

    shown = september.show(lead)

    assert (shown["lead"], shown["state"]) == (lead, "in_work")
    (attempt,) = shown["attempts"]
    assert (attempt["number"], attempt["partner"], attempt["ended_at"], attempt["end_reason"]) == (
        1,
        "ALFA",
        None,
        None,
    )
    assert moment(attempt["started_at"]) == moment(attempt["received_at"]) == moscow(NOON)
    assert windows(september, lead) == {
        "1h": ("09-03 12:00", "09-03 13:00"),
        "3d": ("09-04 12:00", "09-06 12:00"),
        "2w": ("09-10 12:00", "09-17 12:00"),
    }
    for checkpoint in attempt["checkpoints"]:
        assert (
            checkpoint["verdict"]
            is checkpoint["judged_at"]
            is checkpoint["judged_by"]
            is checkpoint["violation"]
            is None
        )


def test_the_partner_is_mailed_the_request_at_his_registered_address_R10(september: Play) -> None:
    client = {"name": "Мария Кюри", "phone": "+74951234567", "email": "marie@client.example", "company": "Радий"}
    september.at(NOON).lead(client=client, product="1C:Trade", workplaces=17)

    texts = [text_of(mail) for mail in september.mails("alfa@partner.example")]

    wanted = ("Мария Кюри", "+74951234567", "marie@client.example", "1C:Trade", "17")
    assert any(all(value in text for value in wanted) for text in texts), texts
    assert not any("+74951234567" in text_of(mail) for mail in september.mails("beta@partner.example"))


def test_the_client_is_welcomed_with_the_link_R11(september: Play) -> None:
    september.at(NOON).lead(email="marie@client.example", configuration_url="https://cloud.example/base/4711")

    (mail,) = september.mails("marie@client.example")

    assert "https://cloud.example/base/4711" in text_of(mail)


def test_the_client_is_welcomed_also_while_nobody_holds_the_leads_R11(august: Play) -> None:
    august.at(NOON).lead(email="marie@client.example", configuration_url="https://cloud.example/base/4711")

    (mail,) = august.mails("marie@client.example")

    assert "https://cloud.example/base/4711" in text_of(mail)


def test_sweeping_again_mails_nobody_twice(september: Play) -> None:
    september.at(NOON).lead(email="marie@client.example")
    partner = len(september.mails("alfa@partner.example"))

    september.later(minutes=1).settle().settle()

    assert len(september.mails("alfa@partner.example")) == partner
    assert len(september.mails("marie@client.example")) == 1


def test_a_lead_that_is_not_delivered_starts_no_clock_D11(september: Play) -> None:
    september.environment["RASTI_SMTP_URL"] = DEAD_SMTP
    lead = september.at(NOON).lead()

    (attempt,) = september.show(lead)["attempts"]

    assert (attempt["received_at"], attempt["checkpoints"]) == (None, [])
    assert september.later(hours=5).settle().violations() == []
    assert september.attempts(lead) == [("ALFA", None)]


def test_opening_the_lead_in_the_cabinet_starts_the_clock_and_the_late_mail_does_not_D11(september: Play) -> None:
    september.environment["RASTI_SMTP_URL"] = DEAD_SMTP
    lead = september.at(NOON).lead()
    september.later(minutes=20).open(lead, "ALFA")
    assert windows(september, lead)["1h"] == ("09-03 12:20", "09-03 13:20")

    del september.environment["RASTI_SMTP_URL"]
    september.at("2019-09-03 13:15").settle()

    assert windows(september, lead)["1h"] == ("09-03 12:20", "09-03 13:20")
    assert moment(september.show(lead)["attempts"][0]["received_at"]) == moscow("2019-09-03 12:20")


def test_a_delivery_that_comes_late_starts_the_clock_when_it_comes_D11(september: Play) -> None:
    september.environment["RASTI_SMTP_URL"] = DEAD_SMTP
    lead = september.at(NOON).lead()

    del september.environment["RASTI_SMTP_URL"]
    september.at("2019-09-04 15:00").settle()

    assert windows(september, lead)["1h"] == ("09-04 15:00", "09-04 16:00")


def test_the_servers_250_starts_the_clock_D11(september: Play, post_office: PostOffice) -> None:
    september.environment["RASTI_SMTP_URL"] = post_office.url

    lead = september.at(NOON).lead()

    assert "alfa@partner.example" in post_office.delivered
    assert windows(september, lead)["1h"] == ("09-03 12:00", "09-03 13:00")


def test_an_undelivered_lead_alerts_the_operators_after_ten_minutes_D11(
    september: Play, post_office: PostOffice
) -> None:
    september.environment["RASTI_SMTP_URL"] = post_office.url
    post_office.refused.add("alfa@partner.example")
    lead = september.at(NOON).lead()

    september.at("2019-09-03 12:10").settle()
    early = post_office.delivered.count("operator@vendor.example")
    september.at("2019-09-03 12:10:01").settle()
    late = post_office.delivered.count("operator@vendor.example")

    assert september.show(lead)["attempts"][0]["received_at"] is None
    assert late == 1
    assert early <= 1


def test_a_lead_that_was_delivered_alerts_nobody_D11(september: Play) -> None:
    september.at(NOON).lead()
    alerts = september.operator_mails()

    assert september.at("2019-09-03 12:15").settle().operator_mails() == alerts


def test_opening_twice_changes_nothing_and_only_its_partner_may_D11(september: Play) -> None:
    lead = september.at(NOON).lead()
    before = windows(september, lead)

    september.later(minutes=30).open(lead, "ALFA")

    assert windows(september, lead) == before
    with september.refusal("BETA"):
        september.open(lead, "BETA")


def test_in_a_tenure_that_began_at_night_no_clock_starts_before_nine_D11(september: Play) -> None:
    """The tenure began on September 1st at 00:10."""
    lead = september.at("2019-09-01 03:00").lead()

    assert moment(september.show(lead)["attempts"][0]["received_at"]) == moscow("2019-09-01 03:00")
    assert windows(september, lead) == {
        "1h": ("09-01 03:00", "09-01 10:00"),  # it opens already at reception
        "3d": ("09-02 09:00", "09-04 09:00"),
        "2w": ("09-08 09:00", "09-15 09:00"),
    }


def test_once_the_window_was_open_the_clock_is_the_wall_clock_D11(september: Play) -> None:
    lead = september.at("2019-09-02 03:00").lead()

    assert windows(september, lead)["1h"] == ("09-02 03:00", "09-02 04:00")


@ON_SQLITE
@pytest.mark.parametrize(
    ("began", "arrives", "due"),
    [
        ("2019-09-02 09:00", "2019-09-02 23:00", "09-03 00:00"),  # open at its start: at once
        ("2019-09-02 19:59", "2019-09-02 23:00", "09-03 00:00"),
        ("2019-09-02 20:00", "2019-09-02 20:30", "09-03 10:00"),  # closed at 20:00
        ("2019-09-02 20:00", "2019-09-03 09:00", "09-03 10:00"),
        ("2019-09-02 08:59", "2019-09-02 08:59", "09-02 10:00"),
        ("2019-09-02 08:59", "2019-09-02 09:30", "09-02 10:30"),
    ],
)
def test_the_call_window_is_open_from_nine_and_closed_from_twenty_D11(
    august: Play, began: str, arrives: str, due: str
) -> None:
    holding_since(august, began)

    lead = august.at(arrives).lead()

    assert windows(august, lead)["1h"][1] == due


def test_a_switch_at_three_in_the_night_topples_nobody_before_nine_D11(september: Play) -> None:
    """A new lead at 02:00 is neglected by 03:00; BETA's leads of that night run from 09:00."""
    september.at("2019-09-05 02:00").lead()
    assert september.at("2019-09-05 03:00:01").settle().holder() == "BETA"
    nightly = september.at("2019-09-05 03:10").lead()
    assert september.attempts(nightly) == [("BETA", None)]
    assert windows(september, nightly)["1h"] == ("09-05 03:10", "09-05 10:00")

    assert september.at("2019-09-05 09:59").settle().holder() == "BETA"
    assert september.at("2019-09-05 10:00").settle().holder() == "BETA"
    assert september.at("2019-09-05 10:00:01").settle().holder() == "GAMMA"


def test_a_contact_at_night_meets_the_first_hour_that_is_open_since_reception_D11_D12(september: Play) -> None:
    lead = september.at("2019-09-01 03:00").lead()

    assert september.at("2019-09-01 03:30").contact(lead, "ALFA")["effect"] == "counted"

    assert september.at("2019-09-01 10:00:01").settle().verdicts(lead)["1h"] == "met"


@ON_SQLITE
@pytest.mark.parametrize(
    ("arrives", "due"),
    [
        ("2019-09-03 10:00", "09-03 11:00"),
        ("2019-09-03 19:30", "09-04 09:30"),
        ("2019-09-03 20:00", "09-04 10:00"),
        ("2019-09-03 23:00", "09-04 10:00"),
        ("2019-09-04 08:59", "09-04 10:00"),
        ("2019-09-04 09:00", "09-04 10:00"),
    ],
)
def test_call_window_applies_always_runs_the_hour_in_the_window_only_D11(august: Play, arrives: str, due: str) -> None:
    holding_since(august, "2019-09-02 12:00", call_window_applies="always")

    lead = august.at(arrives).lead()

    opens = moscow(arrives).strftime("%m-%d %H:%M")
    assert windows(august, lead)["1h"] == (opens, due)


def test_call_window_applies_always_moves_other_due_times_to_the_end_of_the_next_hours_of_calls_D11(
    august: Play,
) -> None:
    holding_since(august, "2019-09-02 12:00", call_window_applies="always")

    lead = august.at("2019-09-03 23:00").lead()

    assert windows(august, lead)["3d"] == ("09-04 23:00", "09-07 20:00")
    assert windows(august, lead)["2w"] == ("09-10 23:00", "09-18 20:00")


def test_call_window_applies_always_does_not_change_due_times_at_which_calls_are_made_D11(august: Play) -> None:
    holding_since(august, "2019-09-02 12:00", call_window_applies="always")

    lead = august.at("2019-09-03 19:59").lead()

    assert windows(august, lead)["3d"] == ("09-04 19:59", "09-06 19:59")
    assert windows(august, lead)["2w"] == ("09-10 19:59", "09-17 19:59")


@ON_SQLITE
def test_working_days_narrow_the_window_of_the_hour_D11(august: Play) -> None:
    holding_since(august, "2019-09-02 12:00", call_window_applies="always", working_days="mon-fri")

    lead = august.at("2019-09-06 19:30").lead()  # a Friday

    assert windows(august, lead)["1h"] == ("09-06 19:30", "09-09 09:30")


def test_working_days_narrow_the_window_that_a_tenure_waits_for_D11(august: Play) -> None:
    holding_since(august, "2019-09-01 12:00", working_days="mon-fri")  # a Sunday

    lead = august.at("2019-09-01 15:00").lead()

    assert windows(august, lead)["1h"] == ("09-01 15:00", "09-02 10:00")


@ON_SQLITE
def test_holidays_of_russia_are_no_working_days_D11(august: Play) -> None:
    """Monday 2019-11-04 is a holiday."""
    august.programme(
        rules=[{"from": "2019-08", "call_window_applies": "always", "working_days": "mon-fri", "holidays": "RU"}]
    )
    august.at("2019-11-01 10:00").bill({"ALFA": {"2019-09": "1.00", "2019-10": "2.00"}})
    august.hand_to_winner("2019-10")

    lead = august.at("2019-11-01 19:30").lead()

    assert windows(august, lead)["1h"] == ("11-01 19:30", "11-05 09:30")


@ON_SQLITE
def test_the_windows_are_data_and_durations_may_be_written_out_D12(august: Play) -> None:
    holding_since(august, "2019-09-02 12:00", regulation={"1h": [0, "30m"], "3d": ["2h", "1d"], "2w": [48, "3d"]})

    lead = august.at(NOON).lead()

    assert windows(august, lead) == {
        "1h": ("09-03 12:00", "09-03 12:30"),
        "3d": ("09-03 14:00", "09-04 12:00"),
        "2w": ("09-05 12:00", "09-06 12:00"),
    }


def test_the_rules_of_a_lead_are_those_of_its_tenures_lead_month(september: Play) -> None:
    """From October the first hour is two; on October 1st September's tenure is still open."""
    september.programme(
        rules=[{"from": "2019-08"}, {"from": "2019-10", "regulation": {"1h": [0, 2], "3d": [24, 72], "2w": [168, 336]}}]
    )
    september.at("2019-10-01 12:00").bill({"BETA": {"2019-09": "14000.00"}})
    old = september.lead()
    september.hand_to_winner("2019-09")
    new = september.lead()

    assert windows(september, old)["1h"] == ("10-01 12:00", "10-01 13:00")
    assert windows(september, new)["1h"] == ("10-01 12:00", "10-01 14:00")


def test_an_assigned_lead_of_no_tenure_follows_the_rules_of_the_month_it_starts_in_D14(september: Play) -> None:
    september.programme(
        rules=[{"from": "2019-08"}, {"from": "2019-10", "regulation": {"1h": [0, 2], "3d": [24, 72], "2w": [168, 336]}}]
    )
    first, second = september.at("2019-09-30 12:00").lead(), september.lead()

    september.later(minutes=5).contact(second, "ALFA")
    september.assign(first, "BETA")
    september.at("2019-09-30 12:15").contact(first, "BETA")
    september.at("2019-10-01 03:00").assign(second, "BETA")

    assert windows(september, first)["1h"] == ("09-30 12:05", "09-30 13:05")
    assert windows(september, second)["1h"] == (
        "10-01 03:00",
        "10-01 05:00",
    )  # its clock starts at reception, at night too


def test_the_partner_is_reminded_before_the_due_time(september: Play) -> None:
    """The reminder of `1h` goes out 20 minutes before it is due."""
    september.at(NOON).lead()
    mails = len(september.mails("alfa@partner.example"))
    assert len(september.at("2019-09-03 12:39").settle().mails("alfa@partner.example")) == mails
    assert len(september.at("2019-09-03 12:40:01").settle().mails("alfa@partner.example")) == mails + 1


def test_a_partner_who_was_quick_is_not_reminded(september: Play) -> None:
    """The condition of a reminder is read again when it is sent."""
    quick = september.at(NOON).lead()
    september.at("2019-09-03 12:10").contact(quick, "ALFA")
    mails = len(september.mails("alfa@partner.example"))

    assert len(september.at("2019-09-03 12:41").settle().mails("alfa@partner.example")) == mails
