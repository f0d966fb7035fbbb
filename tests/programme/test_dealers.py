"""The example programme of 30 dealers, against a spreadsheet-like oracle and known numbers (R1-R5, D2, D3)."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from .conftest import SCENES, Stage
from .play import Play
from .sandbox import ON_SQLITE

DEALERS = Path(__file__).resolve().parents[2] / "examples" / "dealers"
MONTHS = [f"2011-{month:02}" for month in range(1, 13)]


def _dealers(play: Play) -> None:
    play.programme(first_month="2011-01", last_month=None)
    play.at("2012-01-01 00:00").do("partners", "import", str(DEALERS / "partners.csv"))
    report = play.ask("ingest", str(DEALERS / "invoices.csv"), shape="ingest")
    assert (report["rows"], report["invoices"], report["accepted"]) == (2466, 322, 322)
    assert report["quarantined"] == []


SCENES["dealers"] = ("empty", _dealers)


@pytest.fixture
def dealers(stage: Stage, tmp_path: Path) -> Play:
    return Play(stage.backend.copy(stage.scene("dealers"), tmp_path / "sandbox"))


def oracle(month: str, excluded: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """Places of a month as a spreadsheet would find them: (partner, growth)."""
    before = f"2011-{int(month[5:]) - 1:02}"
    billed: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    sold: dict[str, int] = defaultdict(int)
    with (DEALERS / "invoices.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file, delimiter=";"):
            billed[line["partner_code"]][line["issued_on"][:7]] += Decimal(line["amount"])
            if line["issued_on"][:7] == month and line["product_code"] == "support-kit":
                sold[line["partner_code"]] += int(line["quantity"])
    keys = []
    for partner, months in billed.items():
        a, b = months[before], months[month]
        if a > 0 and b > a and partner not in excluded:
            growth = ((b - a) / a * 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
            keys.append((-growth, -sold[partner], -(b - a), partner))
    return [(key[3], str(-key[0])) for key in sorted(keys)]


def places(play: Play, month: str) -> list[tuple[str, str]]:
    entries = play.rank(month)["entries"]
    return [(entry["partner"], entry["growth_percent"]) for entry in entries if entry["place"] is not None]


def test_the_known_months_of_the_dealers_R1(dealers: Play) -> None:
    assert places(dealers, "2011-02")[:3] == [("D024", "2972.80"), ("D002", "1594.48"), ("D022", "948.91")]
    assert places(dealers, "2011-07")[:3] == [("D016", "8895.41"), ("D007", "540.34"), ("D022", "87.15")]
    assert places(dealers, "2011-12") == [("D011", "54.25"), ("D025", "20.39")]


@ON_SQLITE
def test_every_month_agrees_with_the_spreadsheet_R1_D2(dealers: Play) -> None:
    for month in MONTHS:
        assert places(dealers, month) == oracle(month), month


def test_the_first_month_has_nobody_with_a_previous_bill_D3(dealers: Play) -> None:
    entries = dealers.rank("2011-01")["entries"]

    assert entries
    assert {entry["reason"] for entry in entries} == {"no_previous_bill"}
    assert {entry["growth_percent"] for entry in entries} == {None}


def test_d007_is_ranked_and_announced_but_does_not_get_the_leads_R9_D9(dealers: Play) -> None:
    dealers.at("2011-08-01 00:10")
    published = dealers.publish("2011-07")
    assert [(place["place"], place["partner"]) for place in published["places"]] == [
        (1, "D016"),
        (2, "D007"),
        (3, "D022"),
    ]
    assert dealers.activate("2011-07")["holder"] == "D016"

    dealers.at("2011-08-02 12:00").decline("2011-07", "D016")

    assert dealers.holder() == "D022"
    skipped: list[dict[str, Any]] = dealers.activate("2011-07", "--switch", "--reason", "walk it again")["skipped"]
    assert {"partner": "D007", "reason": "not_ready"} in skipped
    assert {"partner": "D016", "reason": "declined"} in skipped


def _next_month(month: str) -> str:
    return f"2011-{int(month[5:]) + 1:02}" if month != "2011-12" else "2012-01"


def test_a_chain_of_months_leaves_the_holder_out_of_his_own_month_R5(dealers: Play) -> None:
    """Each month's winner is handed one lead in the next one, and takes no part in the ranking of that month."""
    excluded: frozenset[str] = frozenset()
    holders = []
    for month in MONTHS[1:]:
        dealers.at(f"{_next_month(month)}-01 00:10")
        expected = oracle(month, excluded)
        assert places(dealers, month) == expected, month
        ready = [partner for partner, _ in expected if partner not in ("D007", "D019")]
        holder = dealers.hand_to_winner(month)
        assert holder == ready[0]
        holders.append(holder)
        dealers.at(f"{_next_month(month)}-03 12:00").lead()
        excluded = frozenset({ready[0]})
    assert len(set(holders)) > 3


@pytest.fixture(autouse=True)
def _the_example_is_there() -> Iterator[None]:
    assert (DEALERS / "invoices.csv").is_file(), "examples/dealers is missing"
    yield
