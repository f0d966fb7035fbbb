"""Who moved between two versions, and because of what (D5)."""

from decimal import Decimal

from rasti.rules.difference import Move, moves
from rasti.rules.kinds import NotRanked
from rasti.rules.ranking import Standing


def _standing(
    partner: str, place: int | None, billed: str = "140.00", *, reason: NotRanked | None = None, kits: int = 0
) -> Standing:
    return Standing(partner, place, Decimal("40.00"), Decimal("100.00"), Decimal(billed), kits, reason)


def _moves(before: list[Standing], after: list[Standing], *, rules_changed: bool = False) -> dict[str, Move]:
    return {move.partner: move for move in moves(before, after, rules_changed=rules_changed)}


def _because(move: Move) -> list[str]:
    return [str(cause) for cause in move.because]


def test_versions_with_the_same_places_have_no_difference_D5() -> None:
    before, after = [_standing("A", 1), _standing("B", 2)], [_standing("A", 1, "150.00"), _standing("B", 2)]
    assert _moves(before, after) == {}


def test_a_corrected_invoice_moves_its_partner_and_those_it_passed_D5() -> None:
    found = _moves([_standing("A", 1), _standing("B", 2)], [_standing("B", 1), _standing("A", 2, "110.00")])

    assert (found["A"].before, found["A"].after) == (1, 2)
    assert _because(found["A"]) == ["billed in the month: 140.00 -> 110.00"]
    assert (found["B"].before, found["B"].after) == (2, 1)
    assert _because(found["B"]) == ["A fell behind"]


def test_a_partner_who_moves_ahead_is_named_to_those_behind_D5() -> None:
    found = _moves(
        [_standing("A", 1), _standing("B", 2), _standing("C", 3)],
        [_standing("C", 1, kits=4), _standing("A", 2), _standing("B", 3)],
    )
    assert _because(found["C"]) == ["support kits: 0 -> 4"]
    assert _because(found["A"]) == _because(found["B"]) == ["C moved ahead"]


def test_a_suspension_and_its_end_are_named_D5() -> None:
    ranked, suspended = [_standing("A", 1)], [_standing("A", None, reason=NotRanked.SUSPENDED)]
    assert _because(_moves(ranked, suspended)["A"]) == ["suspended"]
    assert _because(_moves(suspended, ranked)["A"]) == ["no longer suspended"]


def test_a_reason_that_only_hides_another_one_is_not_called_an_end_D3() -> None:
    held = [_standing("A", None, reason=NotRanked.HOLDS_THE_LEADS), _standing("B", 1)]
    suspended = [_standing("A", None, reason=NotRanked.SUSPENDED), _standing("B", 1)]
    free = [_standing("A", 1), _standing("B", 2)]
    assert _moves(held, suspended) == {}
    assert _because(_moves(suspended, free)["A"]) == ["no longer suspended"]
    assert _because(_moves(free, held)["A"]) == ["held the leads of the month"]


def test_a_partner_may_come_and_go_with_its_invoices_D5() -> None:
    found = _moves([_standing("A", 1), _standing("B", 2)], [_standing("B", 1)])
    assert (found["A"].before, found["A"].after) == (1, None)
    assert "billed in the month: 140.00 -> 0.00" in _because(found["A"])
    assert _because(found["B"]) == ["A fell behind"]


def test_changed_rules_are_named_D5() -> None:
    found = _moves([_standing("A", 1), _standing("B", 2)], [_standing("B", 1), _standing("A", 2)], rules_changed=True)
    assert _because(found["A"]) == _because(found["B"]) == ["the rules changed"]


def test_of_many_changed_partners_the_number_is_named_D5() -> None:
    many = [f"P{number:02}" for number in range(30)]
    before = [_standing(code, place) for place, code in enumerate([*many, "Z"], start=1)]
    after = [_standing("Z", 1)] + [_standing(code, place, "139.00") for place, code in enumerate(many, start=2)]
    assert _because(_moves(before, after)["Z"]) == ["the results of 30 other partners changed"]


def test_moves_are_listed_by_the_new_place_D5() -> None:
    found = moves(
        [_standing("A", 1), _standing("B", 2), _standing("C", 3)],
        [_standing("C", 1), _standing("B", 2), _standing("A", None, "10.00", reason=NotRanked.NO_GROWTH)],
        rules_changed=False,
    )
    assert [move.partner for move in found] == ["C", "A"]
