"""Growth in percent (R1, D2)."""

from decimal import Decimal, getcontext, localcontext

import pytest

from rasti.rules.growth import growth_percent


def _growth(previous: str, billed: str, decimals: int = 2) -> str | None:
    growth = growth_percent(Decimal(previous), Decimal(billed), decimals)
    return None if growth is None else f"{growth:f}"


def test_the_letters_example_is_forty_percent_R1() -> None:
    assert _growth("20000", "28000") == "40.00"


@pytest.mark.parametrize(
    ("previous", "billed", "growth"),
    [
        ("20000.00", "20001.00", "0.01"),  # 0.005: half even would say 0.00
        ("20000.00", "19999.00", "-0.01"),
        ("40000.00", "40001.00", "0.00"),
        ("40000.00", "39999.00", "0.00"),  # never -0.00
        ("3.00", "4.00", "33.33"),
        ("3.00", "5.00", "66.67"),
        ("100.00", "0.00", "-100.00"),
        ("100.00", "-50.00", "-150.00"),
    ],
)
def test_growth_is_rounded_half_up_at_the_published_precision_D2(previous: str, billed: str, growth: str) -> None:
    assert _growth(previous, billed) == growth


@pytest.mark.parametrize("previous", ["0", "0.00", "-0.01", "-20000"])
def test_there_is_no_growth_from_nothing_or_from_returns_D3(previous: str) -> None:
    assert _growth(previous, "28000") is None


def test_the_programme_may_ask_for_other_precisions_D2() -> None:
    assert _growth("3", "4", 0) == "33"
    assert _growth("3", "4", 6) == "33.333333"


def test_a_huge_bill_is_neither_an_overflow_nor_inexact_D2() -> None:
    assert _growth("0.01", "9" * 40) == f"{(10**40 - 1) * 10**4 - 100}.00"
    assert _growth("9" * 40, "9" * 40 + ".01") == "0.00"


def test_the_precision_of_the_caller_does_not_matter_D2() -> None:
    with localcontext() as context:
        context.prec = 3
        assert _growth("12345.67", "23456.78") == "90.00"
    assert getcontext().prec == 28
