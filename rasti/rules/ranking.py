"""Places of a reporting month: growth, tie-break, and why somebody has no place (R1-R5, D2, D3)."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from decimal import Decimal

from rasti.rules.growth import growth_percent
from rasti.rules.kinds import NotRanked
from rasti.rules.programme import Rules


@dataclass(frozen=True, slots=True)
class Bill:
    """What a partner was billed, in roubles, and the support kits it sold in the reporting month (R2, R3)."""

    partner: str
    previous: Decimal
    billed: Decimal
    kits: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A partner in a ranking: a place, or the reason why there is none; growth in percent, amounts in roubles."""

    partner: str
    place: int | None
    growth: Decimal | None
    previous_billed: Decimal
    billed: Decimal
    kits_sold: int
    reason: NotRanked | None


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Who is in the partner list, who of them is suspended, who was handed leads during the month (D3, R5)."""

    listed: Set[str]
    suspended: Set[str]
    holders: Set[str]


def rank_partners(bills: Iterable[Bill], eligibility: Eligibility, rules: Rules) -> list[Standing]:
    """Every partner's standing: the ranked ones from place 1 on, then the others by code (D2, D3)."""
    ranked: list[tuple[Decimal, Bill]] = []
    others: list[Standing] = []
    for bill in sorted(bills, key=lambda bill: bill.partner):
        growth = growth_percent(bill.previous, bill.billed, rules.growth_decimals)
        reason = _reason(bill, eligibility, rules)
        if reason is None:
            assert growth is not None, "without growth there is a reason"
            ranked.append((growth, bill))
        else:
            others.append(_standing(bill, None, growth, reason))
    ranked.sort(key=_order)
    return [_standing(bill, place, growth, None) for place, (growth, bill) in enumerate(ranked, start=1)] + others


def _standing(bill: Bill, place: int | None, growth: Decimal | None, reason: NotRanked | None) -> Standing:
    return Standing(bill.partner, place, growth, bill.previous, bill.billed, bill.kits, reason)


def _order(grown: tuple[Decimal, Bill]) -> tuple[Decimal, int, Decimal, str]:
    """Published growth, then kits, then absolute growth, then partner code (R3, D2)."""
    growth, bill = grown
    return -growth, -bill.kits, bill.previous - bill.billed, bill.partner


def _reason(bill: Bill, eligibility: Eligibility, rules: Rules) -> NotRanked | None:
    """The first reason that applies, in the order of D3."""
    if bill.partner not in eligibility.listed:
        return NotRanked.NO_CABINET_ACCESS
    if bill.partner in eligibility.suspended:
        return NotRanked.SUSPENDED
    if bill.partner in eligibility.holders:
        return NotRanked.HOLDS_THE_LEADS
    if bill.previous <= 0:
        return NotRanked.NO_PREVIOUS_BILL
    if rules.require_growth and bill.billed <= bill.previous:
        return NotRanked.NO_GROWTH
    if bill.previous < rules.minimum_base:
        return NotRanked.BELOW_MINIMUM_BASE
    return None
