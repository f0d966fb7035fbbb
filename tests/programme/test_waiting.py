"""Leads that wait, and how they are handed over (D9, D16)."""

import pytest

from .play import Play

NOON = "2019-09-03 12:00"
LONG_HOUR = {"1h": [0, 5], "3d": [24, 72], "2w": [168, 336]}


@pytest.fixture
def exhausted(september: Play) -> Play:
    """All four declined on September 3rd: nobody holds the leads."""
    september.at("2019-09-03 08:00")
    for code in ("DELTA", "GAMMA", "BETA", "ALFA"):
        september.decline("2019-08", code)
    assert september.settle().holder() is None
    return september


def with_work(play: Play, leads: list[int]) -> list[int]:
    return [lead for lead in leads if play.state(lead) == "in_work"]


def test_leads_wait_and_drain_in_order_ten_in_a_rolling_hour_D16(exhausted: Play) -> None:
    """The order is that of requested_at, then of the id. The first hour is five here, so that nothing is violated."""
    exhausted.programme(rules=[{"from": "2019-08", "regulation": LONG_HOUR}])
    minutes = [40, 10, 30, 10, 50, 20, 0, 5, 15, 25, 35, 45, 55]
    leads = {
        exhausted.at(f"2019-09-03 10:{n:02}").lead(requested_at=f"2019-09-03 09:{m:02}"): m
        for n, m in enumerate(minutes)
    }
    in_order = [lead for lead, _ in sorted(leads.items(), key=lambda pair: (pair[1], pair[0]))]
    assert exhausted.settle().status()["leads"]["waiting"] == 13

    exhausted.at(NOON).switch("OMEGA")
    exhausted.settle()
    assert with_work(exhausted, in_order) == in_order[:10]
    assert exhausted.at("2019-09-03 12:59:59").settle().status()["leads"]["waiting"] == 3

    assert with_work(exhausted.at("2019-09-03 13:00:01").settle(), in_order) == in_order


def test_the_hour_rolls_D16(exhausted: Play) -> None:
    exhausted.programme(rules=[{"from": "2019-08", "drain_per_hour": 2, "regulation": LONG_HOUR}])
    first = exhausted.at("2019-09-03 10:00").lead()
    exhausted.at(NOON).switch("OMEGA")
    assert exhausted.settle().state(first) == "in_work"
    exhausted.at("2019-09-03 12:20").suspend("OMEGA")
    exhausted.resume("OMEGA")
    leads = [exhausted.at("2019-09-03 12:25").lead() for _ in range(3)]

    exhausted.at("2019-09-03 12:30").switch("OMEGA")
    assert with_work(exhausted.settle(), leads) == leads[:1]  # 12:00 and 12:30
    assert with_work(exhausted.at("2019-09-03 12:59").settle(), leads) == leads[:1]
    assert with_work(exhausted.at("2019-09-03 13:00:01").settle(), leads) == leads[:2]
    assert with_work(exhausted.at("2019-09-03 13:30").settle(), leads)[:2] == leads[:2]
    assert with_work(exhausted.at("2019-09-03 13:30:01").settle(), leads) == leads


def test_waiting_leads_are_handed_over_inside_the_call_window_only_D16(exhausted: Play) -> None:
    lead = exhausted.at("2019-09-03 19:00").lead()
    exhausted.at("2019-09-03 20:00").switch("OMEGA")

    assert exhausted.settle().state(lead) == "waiting"
    assert exhausted.at("2019-09-04 08:59:59").settle().state(lead) == "waiting"
    assert exhausted.at("2019-09-04 09:00").settle().attempts(lead) == [("OMEGA", None)]


def test_the_last_second_of_the_call_window_is_inside_D16(exhausted: Play) -> None:
    lead = exhausted.at("2019-09-03 19:00").lead()

    exhausted.at("2019-09-03 19:59:59").switch("OMEGA")

    assert exhausted.settle().state(lead) == "in_work"


def test_a_new_lead_goes_to_the_holder_at_once_at_any_hour_D16(exhausted: Play) -> None:
    old = exhausted.at("2019-09-03 19:00").lead()
    exhausted.at("2019-09-03 21:00").switch("OMEGA")

    new = exhausted.at("2019-09-03 21:30").lead()

    assert exhausted.attempts(new) == [("OMEGA", None)]
    assert exhausted.settle().state(old) == "waiting"


def test_a_new_lead_goes_at_once_though_ten_were_handed_over_this_hour_D16(exhausted: Play) -> None:
    waiting = [exhausted.at("2019-09-03 10:00").lead() for _ in range(11)]
    exhausted.at(NOON).switch("OMEGA")
    exhausted.settle()

    new = exhausted.later(minutes=5).lead()

    assert exhausted.attempts(new) == [("OMEGA", None)]
    assert exhausted.settle().state(waiting[-1]) == "waiting"


def test_moved_leads_are_handed_over_before_the_waiting_ones_D16(september: Play) -> None:
    """One an hour: the moved lead was requested last and still goes first."""
    september.programme(rules=[{"from": "2019-08", "drain_per_hour": 1}])
    moved = september.at("2019-09-03 19:30").lead()
    september.at("2019-09-03 20:00")
    for code in ("DELTA", "GAMMA", "BETA", "ALFA"):
        september.decline("2019-08", code)
    never_handed = september.at("2019-09-03 20:10").lead(requested_at="2019-09-03 08:00")
    september.at("2019-09-03 20:30:01").settle()
    assert {september.state(moved), september.state(never_handed)} == {"waiting"}

    september.at("2019-09-04 09:00").switch("OMEGA")
    september.settle()

    assert september.attempts(moved) == [("ALFA", "moved"), ("OMEGA", None)]
    assert september.state(never_handed) == "waiting"


def test_how_many_an_hour_is_a_rule_D16(exhausted: Play) -> None:
    exhausted.programme(rules=[{"from": "2019-08", "drain_per_hour": 3}])
    leads = [exhausted.at("2019-09-03 10:00").lead() for _ in range(5)]

    exhausted.at(NOON).switch("OMEGA")

    assert with_work(exhausted.settle(), leads) == leads[:3]


def test_the_clock_of_a_lead_that_waited_starts_when_it_is_received_D11_D16(exhausted: Play) -> None:
    lead = exhausted.at("2019-09-03 10:00").lead()
    exhausted.at(NOON).switch("OMEGA")
    exhausted.settle()

    exhausted.at("2019-09-03 13:00").settle()
    assert exhausted.verdicts(lead)["1h"] is None
    assert exhausted.at("2019-09-03 13:00:01").settle().verdicts(lead, attempt=0)["1h"] == "violated"


def test_a_waiting_lead_can_be_assigned_or_closed_D14(exhausted: Play) -> None:
    assigned, closed = exhausted.at("2019-09-03 10:00").lead(), exhausted.lead()

    exhausted.assign(assigned, "BETA")
    exhausted.close_lead(closed)

    assert exhausted.attempts(assigned) == [("BETA", None)]
    assert (exhausted.state(closed), exhausted.attempts(closed)) == ("closed", [])
    exhausted.at(NOON).switch("OMEGA")
    assert exhausted.settle().attempts(closed) == []
