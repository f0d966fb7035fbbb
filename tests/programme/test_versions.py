"""Versions of a ranking, their difference, publication, completeness (R4, R5, D3, D5-D7)."""

import pytest

from .papers import bills, register, row
from .play import Play

AUGUST_OF_ALFA = {"ALFA": {"2019-08": "10000.00"}}  # a correction: from 40 % to a loss


def test_the_same_inputs_are_one_version_D5(august: Play) -> None:
    first = august.at("2019-09-01 00:10").rank("2019-08")
    again = august.at("2019-09-20 15:00").rank("2019-08")

    assert first == again
    assert first["version"] == 1


def test_a_register_read_twice_makes_no_new_version_D5(august: Play) -> None:
    august.rank("2019-08")
    august.ingest(bills({"ALFA": {"2019-08": "28000.00"}, "OMEGA": {"2019-09": "1.00"}}))

    assert august.rank("2019-08")["version"] == 1


def test_a_corrected_invoice_is_version_two_and_the_holder_stays_D5(september: Play) -> None:
    september.at("2019-09-05 12:00")
    before = september.status()["tenure"]
    report = september.bill(AUGUST_OF_ALFA)
    assert (report["invoices"], report["revised"], report["accepted"]) == (1, 1, 0)

    ranking = september.rank("2019-08")

    assert ranking["version"] == 2
    assert september.places("2019-08") == ["BETA", "GAMMA", "DELTA"]
    assert september.publish("2019-08")["version"] == 2
    assert september.activate("2019-08")["holder"] == "ALFA"
    assert september.settle().status()["tenure"] == before


def test_the_difference_says_who_moved_and_because_of_what_D5(august: Play) -> None:
    august.rank("2019-08")
    august.bill(AUGUST_OF_ALFA)
    august.rank("2019-08")

    moved = {move["partner"]: move for move in august.diff("2019-08", 1, 2)}

    assert {code: (move["from"], move["to"]) for code, move in moved.items()} == {
        "ALFA": (1, None),
        "BETA": (2, 1),
        "GAMMA": (3, 2),
        "DELTA": (4, 3),
    }
    assert moved["ALFA"]["because"], "ALFA moved because of its own invoice"


def test_the_difference_of_an_unknown_version_is_refused_D5(august: Play) -> None:
    august.rank("2019-08")

    with august.refusal("7"):
        august.diff("2019-08", 1, 7)


def test_back_to_the_former_inputs_is_back_to_the_former_version_D5(august: Play) -> None:
    august.rank("2019-08")
    august.bill(AUGUST_OF_ALFA)
    assert august.rank("2019-08")["version"] == 2

    august.bill({"ALFA": {"2019-08": "28000.00"}, "OMEGA": {"2019-05": "1.00"}})

    assert august.rank("2019-08")["version"] == 1


def test_lines_of_other_months_make_no_new_version_D5(august: Play) -> None:
    august.rank("2019-08")
    august.bill({"ALFA": {"2019-06": "5.00", "2019-09": "7.00"}})

    assert august.rank("2019-08")["version"] == 1


def test_the_states_of_partners_with_lines_are_an_input_D5(august: Play) -> None:
    august.rank("2019-08")
    august.suspend("OMEGA")  # no lines
    assert august.rank("2019-08")["version"] == 1

    august.suspend("ALFA")

    assert august.rank("2019-08")["version"] == 2


def test_the_rules_in_force_are_an_input_D5(august: Play) -> None:
    august.rank("2019-08")

    august.programme(rules=[{"from": "2019-08", "minimum_base": 15000}])

    ranking = august.rank("2019-08")
    assert ranking["version"] == 2
    assert august.places("2019-08") == ["ALFA"]


def test_rules_that_ranking_does_not_read_make_no_new_version_D5(august: Play) -> None:
    """Windows, hours, days and words: a published month is not published again because of them."""
    august.publish("2019-08")

    for rules in (
        {"call_window": "10:00-19:00", "call_window_applies": "always"},
        {"working_days": "mon-fri", "holidays": "RU", "days_off": ["2020-06-24"], "days_on": ["2021-02-20"]},
        {"regulation": {"1h": [0, 2], "3d": [24, 72], "2w": [168, 336]}, "reminders": {}, "completion": "20m"},
        {"drain_per_hour": 3, "duplicate_days": 7, "automatic_attempts": 1, "alerts": {"welcome": "1h"}},
    ):
        august.programme(rules=[{"from": "2019-08"} | rules])
        assert august.rank("2019-08")["version"] == 1, rules
        assert august.publish("2019-08")["version"] == 1, rules


def test_rules_of_later_months_never_rewrite_the_past_D5(august: Play) -> None:
    august.rank("2019-08")

    august.programme(rules=[{"from": "2019-08"}, {"from": "2019-09", "minimum_base": 15000}])

    assert august.rank("2019-08")["version"] == 1


def test_who_was_handed_a_lead_is_an_input_and_leaves_the_ranking_R5_D5(september: Play) -> None:
    september.at("2019-09-25 12:00").bill({"ALFA": {"2019-09": "90000.00"}, "BETA": {"2019-09": "14000.00"}})
    september.at("2019-09-30 23:00").lead()

    ranking = {entry["partner"]: entry for entry in september.at("2019-10-01 00:05").rank("2019-09")["entries"]}

    assert ranking["ALFA"]["reason"] == "holds_the_leads"
    assert ranking["ALFA"]["place"] is None
    assert ranking["BETA"]["place"] == 1


def test_a_holder_who_was_handed_no_lead_takes_part_R5_D3(september: Play) -> None:
    september.at("2019-09-25 12:00").bill({"ALFA": {"2019-09": "90000.00"}, "BETA": {"2019-09": "14000.00"}})

    assert september.at("2019-10-01 00:05").places("2019-09") == ["ALFA", "BETA"]


def test_a_lead_of_the_1st_before_the_next_activation_does_not_exclude_R5_D8(september: Play) -> None:
    """It belongs to the old tenure and its lead month, but was not handed over during that month."""
    september.at("2019-09-25 12:00").bill({"ALFA": {"2019-09": "90000.00", "2019-10": "95000.00"}})
    lead = september.at("2019-10-01 00:05").lead()
    assert september.attempts(lead) == [("ALFA", None)]

    assert september.places("2019-09") == ["ALFA"]
    assert september.at("2019-11-01 00:05").places("2019-10") == ["ALFA"]


def test_who_was_handed_a_lead_is_excluded_also_after_losing_the_leads_R5_D3(september: Play) -> None:
    september.at("2019-09-25 12:00").bill(
        {"ALFA": {"2019-09": "90000.00"}, "BETA": {"2019-09": "14000.00"}, "GAMMA": {"2019-09": "13000.00"}}
    )
    september.lead()
    september.later(hours=2).settle()  # ALFA neglected it: it moved to BETA
    assert september.holder() == "BETA"

    ranking = {entry["partner"]: entry for entry in september.at("2019-10-01 00:05").rank("2019-09")["entries"]}

    assert ranking["ALFA"]["reason"] == "holds_the_leads"
    assert ranking["BETA"]["reason"] == "holds_the_leads"
    assert ranking["GAMMA"]["place"] == 1


def test_an_assigned_lead_outside_a_tenure_does_not_exclude_R5_D14(september: Play) -> None:
    september.at("2019-09-25 12:00").bill({"GAMMA": {"2019-09": "13000.00"}})
    september.assign(september.lead(), "GAMMA")

    assert september.at("2019-10-01 00:05").places("2019-09") == ["GAMMA"]


def test_computing_publishing_and_activating_are_three_steps_D5(august: Play) -> None:
    august.at("2019-09-01 00:10").rank("2019-08")
    assert august.holder() is None

    august.publish("2019-08")
    assert august.holder() is None

    assert august.activate("2019-08")["holder"] == "ALFA"
    assert august.holder() == "ALFA"


def test_activating_what_was_not_published_is_refused_D5(august: Play) -> None:
    august.rank("2019-08")

    with august.refusal("2019-08"):
        august.activate("2019-08")


def test_publishing_takes_what_ranking_finds_now_D5(august: Play) -> None:
    assert august.publish("2019-08")["version"] == 1
    august.bill(AUGUST_OF_ALFA)

    published = august.publish("2019-08")

    assert published["version"] == 2
    assert published["places"][0]["partner"] == "BETA"


def test_a_named_version_is_published_D5(august: Play) -> None:
    august.rank("2019-08")
    august.bill(AUGUST_OF_ALFA)
    august.rank("2019-08")

    assert august.publish("2019-08", "--version", "1")["places"][0]["partner"] == "ALFA"
    with august.refusal("9"):
        august.publish("2019-08", "--version", "9")


def test_the_three_best_are_announced_R4_D7(august: Play) -> None:
    published = august.publish("2019-08")

    assert published == {
        "month": "2019-08",
        "version": 1,
        "places": [
            {"place": 1, "partner": "ALFA", "growth_percent": "40.00", "kits_sold": 0},
            {"place": 2, "partner": "BETA", "growth_percent": "30.00", "kits_sold": 0},
            {"place": 3, "partner": "GAMMA", "growth_percent": "20.00", "kits_sold": 0},
        ],
    }


def test_how_many_are_announced_is_a_rule_R4(august: Play) -> None:
    august.programme(rules=[{"from": "2019-08", "announced_places": 1}])

    assert [place["partner"] for place in august.publish("2019-08")["places"]] == ["ALFA"]


def test_issuers_must_have_closed_the_month_D6(august: Play) -> None:
    august.programme(issuers=["vendor", "distributor"])
    august.at("2019-09-01 00:10").close("vendor", "2019-08")
    assert august.rank("2019-08")["complete"] is False
    with august.refusal("distributor"):
        august.publish("2019-08")

    august.close("distributor", "2019-08")

    assert august.rank("2019-08")["complete"] is True
    assert august.publish("2019-08")["places"][0]["partner"] == "ALFA"


def test_ingest_closes_a_month_for_its_issuer_D6(august: Play) -> None:
    august.programme(issuers=["vendor"])
    register_again = bills({"ALFA": {"2019-08": "28000.00"}, "BETA": {"2019-09": "1.00"}})
    august.ingest(register_again)
    assert august.rank("2019-08")["complete"] is False

    august.ingest(register_again, "--closes", "vendor", "2019-08")  # known, but --closes always takes effect

    assert august.rank("2019-08")["complete"] is True


def test_an_incomplete_version_needs_the_reason_of_an_operator_D6(august: Play) -> None:
    august.programme(issuers=["vendor"])
    with august.refusal("2019-08", "--allow-incomplete"):
        august.publish("2019-08")
    with august.refusal("--reason", statuses=(2,)):
        august.publish("2019-08", "--allow-incomplete")

    published = august.publish("2019-08", "--allow-incomplete", "--reason", "the distributor is closed for ever")

    assert published["places"][0]["partner"] == "ALFA"


def test_a_quarantined_row_of_either_month_makes_the_ranking_incomplete_D6(august: Play) -> None:
    for month, complete in (("2019-06", True), ("2019-07", False)):
        august.ingest(register(row(f"bad-{month}", "BETA", f"{month}-10", "12.345")))
        assert august.rank("2019-08")["complete"] is complete, month
    with august.refusal():
        august.publish("2019-08")


def test_a_month_without_a_counted_invoice_is_incomplete_D6(play: Play) -> None:
    play.at("2019-09-01 00:10").partners("ALFA")
    play.bill({"ALFA": {"2019-07": "20000.00"}})
    assert play.rank("2019-08")["complete"] is False

    play.ingest(register(row("1", "ALFA", "2019-08-01", "5.00", status="cancelled")))
    assert play.rank("2019-08")["complete"] is False

    play.ingest(register(row("2", "ALFA", "2019-08-01", "5.00")))
    assert play.rank("2019-08")["complete"] is True


def test_a_named_version_keeps_the_completeness_it_was_ranked_with_D6(august: Play) -> None:
    august.programme(issuers=["vendor"])
    assert august.rank("2019-08")["complete"] is False
    august.close("vendor", "2019-08")

    with august.refusal():
        august.publish("2019-08", "--version", "1")

    assert august.publish("2019-08")["version"] == 2


def test_a_named_version_that_was_complete_is_published_also_when_the_month_no_longer_is_D6(august: Play) -> None:
    assert august.rank("2019-08")["complete"] is True
    august.ingest(register(row("bad", "BETA", "2019-08-10", "12.345")))
    with august.refusal("2019-08"):
        august.publish("2019-08")

    assert august.publish("2019-08", "--version", "1")["version"] == 1


def test_closing_a_month_twice_changes_nothing_D6(august: Play) -> None:
    august.programme(issuers=["vendor"])
    august.close("vendor", "2019-08")
    version = august.rank("2019-08")["version"]

    august.close("vendor", "2019-08")

    assert august.rank("2019-08")["version"] == version


@pytest.mark.parametrize("argv", [("publish", "2019-08"), ("activate", "2019-08")])
def test_publishing_and_activating_twice_change_nothing_D5(september: Play, argv: tuple[str, ...]) -> None:
    before = september.status()

    september.do(*argv)

    after = september.status()
    assert (after["holder"], after["tenure"]) == (before["holder"], before["tenure"])
