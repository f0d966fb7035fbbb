"""The walk down a ranking (R8, R9, D9)."""

from rasti.rules.fallback import Skip, walk_down
from rasti.rules.kinds import Skipped

PLACES = [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


def test_the_winner_gets_the_leads() -> None:
    found = walk_down(PLACES, 0, lambda _code: None)
    assert (found.partner, found.place, found.skipped) == ("a", 1, ())


def test_it_goes_below_the_announced_three_and_says_whom_it_passed() -> None:
    reasons = {"a": Skipped.DECLINED, "b": Skipped.NOT_READY, "c": Skipped.VIOLATED}
    found = walk_down(PLACES, 0, reasons.get)
    assert found.partner == "d"
    assert found.skipped == tuple(Skip(code, reason) for code, reason in reasons.items())


def test_a_fallback_goes_strictly_down() -> None:
    assert walk_down(PLACES, 2, lambda _code: None).partner == "c"


def test_nobody_left_is_no_holder() -> None:
    assert walk_down(PLACES, 4, lambda _code: None).partner is None
    assert walk_down([], 0, lambda _code: None).partner is None


def test_places_count_and_not_the_order_they_come_in() -> None:
    assert walk_down(PLACES[::-1], 0, lambda _code: None).partner == "a"
