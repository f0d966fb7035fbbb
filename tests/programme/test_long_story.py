"""Five months of the programme in one script: winners, leads, violations, corrections, the end."""

from .papers import after
from .play import Play


def take_care(play: Play, lead: int, partner: str, since: str) -> None:
    """Everything the regulation asks for."""
    play.at(after(since, minutes=30)).contact(lead, partner)
    play.at(after(since, days=2)).follow_up(lead, partner)
    play.at(after(since, days=10)).follow_up(lead, partner)


def test_the_programme_from_august_to_its_end(september: Play) -> None:
    play = september.programme(last_month="2019-11")

    # September, ALFA: a good lead, one refused by the client, and one that is forgotten after the first call.
    good = play.at("2019-09-02 10:00").lead()
    take_care(play, good, "ALFA", "2019-09-02 10:00")
    refused = play.at("2019-09-13 10:00").lead()
    assert play.later(minutes=5).contact(refused, "ALFA", outcome="refused")["state"] == "closed"
    forgotten = play.at("2019-09-14 15:00").lead()
    play.later(minutes=20).contact(forgotten, "ALFA")
    play.at("2019-09-17 15:00:01").settle()
    assert play.verdicts(good) == {"1h": "met", "3d": "met", "2w": "met"} or play.verdicts(good)["2w"] is None
    assert play.verdicts(forgotten)["3d"] == "violated"
    assert play.holder() == "BETA"

    # BETA is careful until the month is over; ALFA does not come back to his old lead: no more switches.
    careful = play.at("2019-09-18 11:00").lead()
    take_care(play, careful, "BETA", "2019-09-18 11:00")
    play.at("2019-09-30 12:00").settle()
    assert (play.holder(), len(play.violations())) == ("BETA", 2)
    assert play.state(good) == play.state(refused) == play.state(forgotten) == "closed"

    # October: ALFA and BETA were handed leads in September and take no part; GAMMA wins and declines; DELTA takes over.
    play.at("2019-10-01 00:10").bill(
        {
            "ALFA": {"2019-09": "99000.00"},
            "BETA": {"2019-09": "99000.00"},
            "GAMMA": {"2019-09": "13000.00"},
            "DELTA": {"2019-09": "11100.00"},
        }
    )
    reasons = {entry["partner"]: entry["reason"] for entry in play.rank("2019-09")["entries"]}
    assert reasons == {"ALFA": "holds_the_leads", "BETA": "holds_the_leads", "GAMMA": None, "DELTA": None}
    assert play.hand_to_winner("2019-09") == "GAMMA"
    play.at("2019-10-07 12:00").decline("2019-09", "GAMMA")
    assert play.holder() == "DELTA"

    # DELTA neglects a lead; nobody is left; leads wait until an operator names OMEGA; the moved one goes first.
    neglected = play.at("2019-10-08 10:00").lead()
    play.at("2019-10-08 11:00:01").settle()
    assert play.holder() is None
    late = play.at("2019-10-08 11:30").lead()
    assert play.status()["leads"]["waiting"] == 2
    play.at("2019-10-08 12:00").switch("OMEGA")
    play.settle()
    assert play.attempts(neglected) == [("DELTA", "moved"), ("OMEGA", None)]
    assert play.attempts(late) == [("OMEGA", None)]
    for lead in (neglected, late):
        take_care(play, lead, "OMEGA", "2019-10-08 12:00")

    # November: the ranking of October is corrected after activation; nothing changes until an operator says so.
    play.at("2019-11-01 00:10").bill({"ALFA": {"2019-10": "120000.00"}, "GAMMA": {"2019-10": "14000.00"}})
    assert play.hand_to_winner("2019-10") == "ALFA"
    play.at("2019-11-05 12:00").bill({"ALFA": {"2019-10": "98000.00"}})
    assert play.publish("2019-10")["version"] == 2
    assert play.activate("2019-10")["holder"] == "ALFA"
    assert play.activate("2019-10", "--switch", "--reason", "the invoice was wrong")["holder"] == "GAMMA"

    # December, the last lead month, has a winner; the first lead of the new year is out of the programme.
    play.at("2019-12-01 00:10").bill({"BETA": {"2019-10": "100.00", "2019-11": "200.00"}})
    assert play.hand_to_winner("2019-11") == "BETA"
    last = play.at("2019-12-31 23:59").lead()
    assert play.attempts(last) == [("BETA", None)]
    play.later(minutes=0, seconds=30).contact(last, "BETA")
    outside = play.at("2020-01-01 00:00").lead()
    play.settle()
    assert (play.holder(), play.state(outside), play.state(last)) == (None, "out_of_programme", "in_work")
    with play.at("2020-01-01 00:10").refusal("2019-12"):
        play.rank("2019-12")

    assert play.at("2020-01-20 12:00").settle().status()["leads"] == {
        "waiting": 0,
        "in_work": 0,
        "paused": 0,
        "closed": 7,
        "attached": 0,
        "out_of_programme": 1,
    }
