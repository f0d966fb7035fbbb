"""Growth and places (R1-R3, D1-D4)."""

from decimal import ROUND_HALF_UP, Decimal

import pytest

from .papers import kits, register, row
from .play import Play
from .sandbox import ON_SQLITE

CLOSED = "2019-09-01 12:00"  # 2019-08 has ended


def test_the_letters_example_is_forty_percent_R1(play: Play) -> None:
    play.at(CLOSED).partners("ALFA")
    play.bill({"ALFA": {"2019-07": "20000.00", "2019-08": "28000.00"}})

    ranking = play.rank("2019-08")

    assert (ranking["month"], ranking["version"], ranking["complete"]) == ("2019-08", 1, True)
    assert ranking["entries"] == [
        {
            "partner": "ALFA",
            "place": 1,
            "growth_percent": "40.00",
            "previous_billed": "20000.00",
            "billed": "28000.00",
            "kits_sold": 0,
            "reason": None,
        }
    ]


def test_the_bills_of_the_vendor_and_of_distributors_add_up_R2(play: Play) -> None:
    play.at(CLOSED).partners("ALFA")
    play.ingest(
        register(
            row("1", "ALFA", "2019-07-03", "10000.00"),
            row("1", "ALFA", "2019-07-05", "10000.00", issuer="distributor"),
            row("2", "ALFA", "2019-08-03", "20000.00", product="service"),
            row("2", "ALFA", "2019-08-03", "5000.00", issuer="distributor"),
            row("3", "ALFA", "2019-08-31", "3000.00", issuer="distributor"),
        )
    )

    entry = play.entry("2019-08", "ALFA")

    assert (entry["previous_billed"], entry["billed"]) == ("20000.00", "28000.00")
    assert entry["growth_percent"] == "40.00"


def test_an_invoice_belongs_to_its_period_and_not_to_its_date_D1(play: Play) -> None:
    play.at(CLOSED).partners("ALFA", "BETA")
    play.ingest(
        register(
            row("1", "ALFA", "2019-08-01", "20000.00", period="2019-07"),
            row("2", "ALFA", "2019-09-01", "28000.00", period="2019-08"),
            row("3", "ALFA", "2019-08-15", "500.00", period="2019-09"),
            row("4", "BETA", "2019-07-31", "100.00", period=""),
            row("5", "BETA", "2019-08-01", "101.00", period=""),
        )
    )

    assert play.entry("2019-08", "ALFA")["growth_percent"] == "40.00"
    assert play.entry("2019-08", "BETA")["growth_percent"] == "1.00"


def test_cancelled_invoices_do_not_count_D1(play: Play) -> None:
    play.at(CLOSED).partners("ALFA")
    play.ingest(
        register(
            row("1", "ALFA", "2019-07-01", "20000.00", status="posted"),
            row("2", "ALFA", "2019-08-01", "28000.00", status=""),
            row("3", "ALFA", "2019-08-02", "99000.00", status="cancelled"),
        )
    )

    assert play.entry("2019-08", "ALFA")["billed"] == "28000.00"


def test_returns_count_with_their_sign_in_money_and_in_kits_D1(play: Play) -> None:
    play.at(CLOSED).partners("ALFA")
    play.ingest(
        register(
            row("1", "ALFA", "2019-07-01", "20000.00"),
            kits("2", "ALFA", "2019-08-01", "30000.00", 3),
            kits("3", "ALFA", "2019-08-20", "-2000.00", -1),
        )
    )

    entry = play.entry("2019-08", "ALFA")

    assert (entry["billed"], entry["growth_percent"], entry["kits_sold"]) == ("28000.00", "40.00", 2)


def test_only_counted_products_are_billed_D1(play: Play) -> None:
    play.programme(rules=[{"from": "2019-08", "counted_products": ["workplace"]}])
    play.at(CLOSED).partners("ALFA")
    play.ingest(
        register(
            row("1", "ALFA", "2019-07-01", "20000.00"),
            row("2", "ALFA", "2019-08-01", "28000.00"),
            row("2", "ALFA", "2019-08-01", "5000.00", product_code="training"),
        )
    )

    assert play.entry("2019-08", "ALFA")["billed"] == "28000.00"


def test_a_month_ends_at_midnight_in_moscow_D1(august: Play) -> None:
    with august.at("2019-08-31 23:59:59").refusal("2019-08"):
        august.rank("2019-08")

    assert august.at("2019-09-01 00:00:00").rank("2019-08")["version"] == 1


def test_a_month_of_2011_ends_at_midnight_of_its_own_moscow_time_D1(play: Play) -> None:
    """In the summer of 2011 Moscow went over to UTC+4 for good."""
    play.programme(first_month="2011-01").at("2011-08-01 00:00:00").partners("ALFA")
    play.bill({"ALFA": {"2011-06": "100.00", "2011-07": "140.00"}})

    assert play.places("2011-07") == ["ALFA"]
    with play.at("2011-07-31 23:59:59").refusal("2011-07"):
        play.rank("2011-07")


@ON_SQLITE
@pytest.mark.parametrize(
    ("previous", "billed", "growth"),
    [
        ("20000.00", "20001.00", "0.01"),  # 0.005: half up, where half even says 0.00
        ("40000.00", "40001.00", "0.00"),  # 0.0025: growth, though it is published as none
        ("3.00", "4.00", "33.33"),
        ("3.00", "5.00", "66.67"),
        ("0.01", "99999999.99", "999999999800.00"),
    ],
)
def test_growth_is_published_with_two_decimals_half_up_D2(play: Play, previous: str, billed: str, growth: str) -> None:
    play.at(CLOSED).partners("ALFA")
    play.bill({"ALFA": {"2019-07": previous, "2019-08": billed}})

    entry = play.entry("2019-08", "ALFA")

    assert (entry["place"], entry["growth_percent"]) == (1, growth)


def test_what_readers_see_as_equal_is_equal_and_kits_decide_R3_D2(play: Play) -> None:
    play.at(CLOSED).partners("ALFA", "BETA", "GAMMA")
    play.bill(
        {
            "ALFA": {"2019-07": "100000.00", "2019-08": "140004.00"},  # 40.004
            "BETA": {"2019-07": "20000.00", "2019-08": ("28000.00", 2)},  # 40
            "GAMMA": {"2019-07": ("20000.00", 9), "2019-08": ("27999.99", 1)},  # 39.99995; kits of the month before
        }
    )

    assert play.places("2019-08") == ["BETA", "GAMMA", "ALFA"]
    assert {entry["growth_percent"] for entry in play.rank("2019-08")["entries"]} == {"40.00"}


def test_after_kits_the_larger_absolute_growth_decides_D2(play: Play) -> None:
    play.at(CLOSED).partners("ALFA", "BETA")
    play.bill(
        {
            "ALFA": {"2019-07": "20000.00", "2019-08": ("28000.00", 1)},
            "BETA": {"2019-07": "40000.00", "2019-08": ("56000.00", 1)},
        }
    )

    assert play.places("2019-08") == ["BETA", "ALFA"]


def test_after_absolute_growth_the_code_decides_D2(play: Play) -> None:
    play.at(CLOSED).partners("BETA", "ALFA", "GAMMA")
    play.bill({code: {"2019-07": "20000.00", "2019-08": "28000.00"} for code in ("GAMMA", "BETA", "ALFA")})

    ranking = play.rank("2019-08")

    assert [(e["partner"], e["place"]) for e in ranking["entries"]] == [("ALFA", 1), ("BETA", 2), ("GAMMA", 3)]


def test_growth_that_differs_in_the_second_decimal_beats_kits_D2(play: Play) -> None:
    play.at(CLOSED).partners("ALFA", "BETA")
    play.bill(
        {
            "ALFA": {"2019-07": "10000.00", "2019-08": "14001.00"},  # 40.01
            "BETA": {"2019-07": "10000.00", "2019-08": ("14000.00", 50)},  # 40.00
        }
    )

    assert play.places("2019-08") == ["ALFA", "BETA"]


def test_who_is_not_ranked_is_listed_with_a_reason_D3(play: Play) -> None:
    play.programme(rules=[{"from": "2019-08", "minimum_base": 1000}])
    play.at(CLOSED).partners("SUSP", "NEWCOMER", "NEGATIVE", "SAME", "LESS", "GONE", "SMALL", "EXACT", "ABSENT")
    play.suspend("SUSP")
    play.bill(
        {
            "STRANGER": {"2019-07": "20000.00", "2019-08": "90000.00"},
            "SUSP": {"2019-07": "20000.00", "2019-08": "80000.00"},
            "NEWCOMER": {"2019-08": "28000.00"},
            "NEGATIVE": {"2019-07": "-5.00", "2019-08": "28000.00"},
            "SAME": {"2019-07": "20000.00", "2019-08": "20000.00"},
            "LESS": {"2019-07": "20000.00", "2019-08": "19999.00"},
            "GONE": {"2019-07": "20000.00"},
            "SMALL": {"2019-07": "999.99", "2019-08": "5000.00"},
            "EXACT": {"2019-07": "1000.00", "2019-08": "1400.00"},
            "ABSENT": {"2019-06": "20000.00"},
        }
    )

    ranking = play.rank("2019-08")
    found = {entry["partner"]: entry for entry in ranking["entries"]}

    assert {code: entry["reason"] for code, entry in found.items()} == {
        "STRANGER": "no_cabinet_access",
        "SUSP": "suspended",
        "NEWCOMER": "no_previous_bill",
        "NEGATIVE": "no_previous_bill",
        "SAME": "no_growth",
        "LESS": "no_growth",
        "GONE": "no_growth",
        "SMALL": "below_minimum_base",
        "EXACT": None,
    }
    assert ranking["complete"] is True  # a stranger blocks nothing
    assert {code: entry["place"] for code, entry in found.items() if entry["place"] is not None} == {"EXACT": 1}
    assert found["NEWCOMER"]["growth_percent"] is None
    assert found["NEGATIVE"]["growth_percent"] is None
    assert (found["NEWCOMER"]["previous_billed"], found["GONE"]["billed"]) == ("0.00", "0.00")
    assert (found["SAME"]["growth_percent"], found["GONE"]["growth_percent"]) == ("0.00", "-100.00")


def test_ranked_entries_come_first_in_order_of_place(play: Play) -> None:
    play.at(CLOSED).partners("A1", "B2", "C3", "D4")
    play.bill(
        {
            "A1": {"2019-07": "100.00", "2019-08": "90.00"},
            "B2": {"2019-07": "100.00", "2019-08": "110.00"},
            "C3": {"2019-08": "90.00"},
            "D4": {"2019-07": "100.00", "2019-08": "120.00"},
        }
    )

    entries = play.rank("2019-08")["entries"]

    assert [(entry["partner"], entry["place"]) for entry in entries[:2]] == [("D4", 1), ("B2", 2)]
    assert [entry["place"] for entry in entries[2:]] == [None, None]


@ON_SQLITE
@pytest.mark.parametrize(
    ("billed", "reason"),
    [
        ({"2019-08": "10.00"}, "suspended"),  # no previous bill as well
        ({"2019-07": "10.00", "2019-08": "5.00"}, "suspended"),  # no growth as well
    ],
)
def test_of_several_reasons_the_first_is_shown_D3(play: Play, billed: dict[str, str], reason: str) -> None:
    play.programme(rules=[{"from": "2019-08", "minimum_base": 1000}])
    play.at(CLOSED).partners("ALFA")
    play.suspend("ALFA")
    play.bill({"ALFA": dict(billed), "STRANGER": dict(billed)})

    assert play.entry("2019-08", "ALFA")["reason"] == reason
    assert play.entry("2019-08", "STRANGER")["reason"] == "no_cabinet_access"


def test_no_previous_bill_and_no_growth_come_before_the_minimum_base_D3(play: Play) -> None:
    play.programme(rules=[{"from": "2019-08", "minimum_base": 1000}])
    play.at(CLOSED).partners("ZERO", "SHRINKS")
    play.bill(
        {
            "ZERO": {"2019-07": "0.00", "2019-08": "-1.00"},
            "SHRINKS": {"2019-07": "10.00", "2019-08": "5.00"},
        }
    )

    assert play.entry("2019-08", "ZERO")["reason"] == "no_previous_bill"
    assert play.entry("2019-08", "SHRINKS")["reason"] == "no_growth"


def test_a_resumed_partner_is_ranked_again_D3(august: Play) -> None:
    august.suspend("ALFA")
    assert august.places("2019-08") == ["BETA", "GAMMA", "DELTA"]

    august.resume("ALFA")

    assert august.places("2019-08") == ["ALFA", "BETA", "GAMMA", "DELTA"]


@pytest.mark.parametrize("month", ["2019-07", "2020-12", "2021-03"])
def test_a_month_outside_the_programme_is_refused_D4(august: Play, month: str) -> None:
    august.at("2022-01-01 00:00")
    for command in ("rank", "publish", "activate"):
        with august.refusal(month):
            august.do(command, month)


@pytest.mark.parametrize("command", ["rank", "publish", "activate"])
def test_a_month_that_has_not_ended_is_refused_D4(august: Play, command: str) -> None:
    with august.at("2019-09-30 23:59").refusal("2019-09"):
        august.do(command, "2019-09")


def test_the_last_reporting_month_is_ranked_and_its_end_may_be_open_D4(play: Play) -> None:
    play.at("2021-02-01 00:00").partners("ALFA")
    play.bill({"ALFA": {"2020-10": "100.00", "2020-11": "150.00", "2020-12": "300.00"}})
    assert play.programme(last_month="2020-11").entry("2020-11", "ALFA")["growth_percent"] == "50.00"

    play.programme(last_month=None)

    assert play.entry("2020-12", "ALFA")["growth_percent"] == "100.00"


def test_a_programme_file_without_last_month_runs_to_2020_11_R6(august: Play) -> None:
    """`last_month` has the default 2020-11: left out is not the same as empty."""
    path = august.sandbox.folder / "programme.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("last_month: 2020-11\n", ""), encoding="utf-8")
    assert "last_month" not in path.read_text(encoding="utf-8")
    with august.at("2021-01-01 00:00").refusal("2020-12"):
        august.rank("2020-12")


@ON_SQLITE
def test_no_month_is_a_usage_error_or_a_refusal_but_never_a_crash(august: Play) -> None:
    for text in ("2019-13", "august", "2019-08-01", "19-08"):
        with august.refusal(text, statuses=(1, 2)):
            august.do("rank", text)


def test_money_adds_up_without_floating_point_D2(play: Play) -> None:
    play.at(CLOSED).partners("ALFA")
    cents = [row(f"c{n}", "ALFA", "2019-08-05", "0.10") for n in range(30)]
    play.ingest(register(row("1", "ALFA", "2019-07-01", "2.00"), *cents))

    entry = play.entry("2019-08", "ALFA")

    assert (entry["billed"], entry["growth_percent"]) == ("3.00", "50.00")
    exact = ((Decimal("3.00") - Decimal("2.00")) / Decimal("2.00") * 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert entry["growth_percent"] == str(exact)
