"""Places, the tie-break and the reasons for no place (R3, R5, D2, D3)."""

from decimal import Decimal
from typing import Any

import pytest

from rasti.rules.kinds import NotRanked
from rasti.rules.programme import Rules
from rasti.rules.ranking import Bill, Eligibility, Standing, rank_partners


def _rules(**changes: Any) -> Rules:
    return Rules.model_validate({"from": "2019-08"} | changes)


def _bill(partner: str, previous: str = "100", billed: str = "140", kits: int = 0) -> Bill:
    return Bill(partner, Decimal(previous), Decimal(billed), kits)


def _rank(
    *bills: Bill,
    unlisted: frozenset[str] = frozenset(),
    suspended: frozenset[str] = frozenset(),
    holders: frozenset[str] = frozenset(),
    **rules: Any,
) -> list[Standing]:
    listed = frozenset(bill.partner for bill in bills) - unlisted
    return rank_partners(bills, Eligibility(listed, suspended, holders), _rules(**rules))


def _places(standings: list[Standing]) -> list[str]:
    return [standing.partner for standing in standings if standing.place is not None]


def _reason(bill: Bill, **options: Any) -> NotRanked | None:
    (standing,) = _rank(bill, **options)
    assert (standing.place is None) == (standing.reason is not None)
    return standing.reason


def test_the_larger_growth_has_the_better_place_R1() -> None:
    assert _places(_rank(_bill("A", billed="120"), _bill("B", billed="140"))) == ["B", "A"]


def test_places_are_counted_from_one_without_gaps() -> None:
    standings = _rank(_bill("A", billed="120"), _bill("B", billed="90"), _bill("C", billed="140"))
    assert [(standing.partner, standing.place) for standing in standings] == [("C", 1), ("A", 2), ("B", None)]


def test_kits_decide_what_readers_see_as_equal_R3_D2() -> None:
    more = _bill("A", "100000", "140004")  # 40.004 %
    assert _places(_rank(more, _bill("B", "100", "140", kits=1))) == ["B", "A"]


def test_kits_do_not_beat_a_growth_that_is_published_as_larger_D2() -> None:
    assert _places(_rank(_bill("A", "10000", "14001"), _bill("B", kits=50))) == ["A", "B"]


def test_after_kits_the_larger_absolute_growth_decides_D2() -> None:
    assert _places(_rank(_bill("A", kits=1), _bill("B", "200", "280", kits=1))) == ["B", "A"]


def test_after_absolute_growth_the_code_decides_D2() -> None:
    assert _places(_rank(_bill("C"), _bill("A"), _bill("B"))) == ["A", "B", "C"]


def test_growth_that_is_published_as_none_is_growth_D2_D3() -> None:
    (standing,) = _rank(_bill("A", "40000", "40001"))
    assert (standing.place, standing.growth) == (1, Decimal("0.00"))


@pytest.mark.parametrize(
    ("bill", "options", "reason"),
    [
        (_bill("A"), {}, None),
        (_bill("A"), {"unlisted": frozenset("A")}, NotRanked.NO_CABINET_ACCESS),
        (_bill("A"), {"suspended": frozenset("A")}, NotRanked.SUSPENDED),
        (_bill("A"), {"holders": frozenset("A")}, NotRanked.HOLDS_THE_LEADS),
        (_bill("A", "0"), {}, NotRanked.NO_PREVIOUS_BILL),
        (_bill("A", "-1"), {}, NotRanked.NO_PREVIOUS_BILL),
        (_bill("A", billed="100"), {}, NotRanked.NO_GROWTH),
        (_bill("A", billed="99.99"), {}, NotRanked.NO_GROWTH),
        (_bill("A", "99.99"), {"minimum_base": 100}, NotRanked.BELOW_MINIMUM_BASE),
        (_bill("A", "100.00"), {"minimum_base": 100}, None),
    ],
)
def test_each_reason_for_no_place_D3(bill: Bill, options: dict[str, Any], reason: NotRanked | None) -> None:
    assert _reason(bill, **options) is reason


def test_the_first_reason_in_order_is_given_D3() -> None:
    everything: dict[str, Any] = {
        "unlisted": frozenset("A"),
        "suspended": frozenset("A"),
        "holders": frozenset("A"),
        "minimum_base": 1000,
    }
    nothing, shrinking = _bill("A", "0", "-1"), _bill("A", "10", "5")
    assert _reason(nothing, **everything) is NotRanked.NO_CABINET_ACCESS
    del everything["unlisted"]
    assert _reason(nothing, **everything) is NotRanked.SUSPENDED
    del everything["suspended"]
    assert _reason(nothing, **everything) is NotRanked.HOLDS_THE_LEADS
    del everything["holders"]
    assert _reason(nothing, **everything) is NotRanked.NO_PREVIOUS_BILL
    assert _reason(shrinking, **everything) is NotRanked.NO_GROWTH


def test_growth_is_shown_also_to_who_has_no_place_because_of_it_D3() -> None:
    shrinking, new = _rank(_bill("A", billed="80"), _bill("B", "0"))
    assert (shrinking.growth, new.growth) == (Decimal("-20.00"), None)


def test_a_programme_may_rank_also_those_who_did_not_grow() -> None:
    standings = _rank(_bill("A", billed="80"), _bill("B", billed="100"), require_growth=False)
    assert _places(standings) == ["B", "A"]


def test_the_minimum_base_is_off_by_default_D3() -> None:
    assert _reason(_bill("A", "0.01", "0.02")) is None
