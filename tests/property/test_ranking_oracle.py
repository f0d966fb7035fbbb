"""The ranking against a slow, obvious implementation of the rules: R1, R3, R5, D2, D3."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rasti.rules.growth import growth_percent
from rasti.rules.programme import Rules
from rasti.rules.ranking import Bill, Eligibility, Standing, rank_partners

CODES = [f"P{number}" for number in range(8)]

# Few different numbers, so that ties are common; and any number, so that nothing is taken for granted.
amounts = st.one_of(
    st.sampled_from([Decimal(text) for text in ("-1", "0", "0.01", "99.99", "100", "140", "200", "280", "280.01")]),
    st.decimals(-(10**13), 10**13, places=2, allow_nan=False, allow_infinity=False),
)
some_codes = st.frozensets(st.sampled_from(CODES), max_size=3)


@st.composite
def _situations(draw: st.DrawFn) -> tuple[list[Bill], Eligibility, Rules]:
    codes = draw(st.lists(st.sampled_from(CODES), unique=True))
    bills = [Bill(code, draw(amounts), draw(amounts), draw(st.integers(-2, 2))) for code in codes]
    eligibility = Eligibility(frozenset(CODES) - draw(some_codes), draw(some_codes), draw(some_codes))
    rules: dict[str, Any] = {
        "from": "2019-08",
        "growth_decimals": draw(st.integers(0, 4)),
        "require_growth": draw(st.booleans()),
        "minimum_base": draw(st.sampled_from(["0", "100", "150.50"])),
    }
    return bills, eligibility, Rules.model_validate(rules)


def _rounded(growth: Fraction, decimals: int) -> Fraction:
    """Half away from zero, on whole numbers."""
    shifted = abs(growth) * 10**decimals
    whole = (2 * shifted.numerator + shifted.denominator) // (2 * shifted.denominator)
    return Fraction(whole if growth >= 0 else -whole, 10**decimals)


def _reason(bill: Bill, who: Eligibility, rules: Rules) -> str | None:
    reasons = [
        ("no_cabinet_access", bill.partner not in who.listed),
        ("suspended", bill.partner in who.suspended),
        ("holds_the_leads", bill.partner in who.holders),
        ("no_previous_bill", bill.previous <= 0),
        ("no_growth", bill.billed <= bill.previous and rules.require_growth),
        ("below_minimum_base", bill.previous < rules.minimum_base),
    ]
    return next((name for name, applies in reasons if applies), None)


def _growth(bill: Bill, rules: Rules) -> Fraction:
    a, b = Fraction(bill.previous), Fraction(bill.billed)
    return _rounded((b - a) / a * 100, rules.growth_decimals)


def _beats(one: Bill, other: Bill, rules: Rules) -> bool:
    """Whether `one` stands before `other`, asked one criterion at a time."""
    if _growth(one, rules) != _growth(other, rules):
        return _growth(one, rules) > _growth(other, rules)
    if one.kits != other.kits:
        return one.kits > other.kits
    gains = Fraction(one.billed) - Fraction(one.previous), Fraction(other.billed) - Fraction(other.previous)
    if gains[0] != gains[1]:
        return gains[0] > gains[1]
    return one.partner < other.partner


def _places(standings: list[Standing]) -> dict[str, int | None]:
    return {standing.partner: standing.place for standing in standings}


@given(_situations())
def test_the_ranking_agrees_with_the_oracle_D2_D3(situation: tuple[list[Bill], Eligibility, Rules]) -> None:
    bills, who, rules = situation
    ranked = [bill for bill in bills if _reason(bill, who, rules) is None]

    standings = rank_partners(bills, who, rules)

    assert _places(standings) == {
        bill.partner: 1 + sum(_beats(other, bill, rules) for other in ranked) if bill in ranked else None
        for bill in bills
    }
    assert {s.partner: s.reason for s in standings} == {bill.partner: _reason(bill, who, rules) for bill in bills}
    for standing in standings:
        bill = next(bill for bill in bills if bill.partner == standing.partner)
        assert (standing.growth is None) == (bill.previous <= 0)
        if standing.growth is not None:
            assert Fraction(standing.growth) == _growth(bill, rules)


@given(_situations(), st.randoms(use_true_random=False))
def test_the_order_in_which_bills_come_does_not_matter_D5(
    situation: tuple[list[Bill], Eligibility, Rules], random: Any
) -> None:
    bills, who, rules = situation
    shuffled = list(bills)
    random.shuffle(shuffled)
    assert rank_partners(shuffled, who, rules) == rank_partners(bills, who, rules)


@given(
    st.decimals("0.01", 10**16, places=2),
    st.decimals(-(10**16), 10**16, places=2),
    st.integers(0, 6),
)
def test_growth_is_exact_before_it_is_rounded_D2(previous: Decimal, billed: Decimal, decimals: int) -> None:
    exact = (Fraction(billed) - Fraction(previous)) / Fraction(previous) * 100
    growth = growth_percent(previous, billed, decimals)
    assert growth is not None
    assert Fraction(growth) == _rounded(exact, decimals)
    assert -growth.as_tuple().exponent == decimals  # type: ignore[operator]
