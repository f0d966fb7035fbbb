"""Growth of a partner's billing in percent (R1, D2): exact, at the precision at which it is published."""

from decimal import Decimal


def growth_percent(previous: Decimal, billed: Decimal, decimals: int) -> Decimal | None:
    """`(B - A) / A * 100`, A = `previous`, B = `billed`, rounded half up to `decimals` (R1, D2).

    None when A <= 0: growth from nothing, or from a month of returns, is no number (D3 `no_previous_bill`).
    """
    if previous <= 0:
        return None
    # In whole numbers: no context's precision could put the quotient on the wrong side of a half.
    (a, a_unit), (b, b_unit) = previous.as_integer_ratio(), billed.as_integer_ratio()
    change, base = (b * a_unit - a * b_unit) * 100 * 10**decimals, a * b_unit
    rounded, rest = divmod(abs(change), base)
    if 2 * rest >= base:
        rounded += 1
    sign = "-" if change < 0 and rounded else ""  # -0.00 is published as 0.00
    return Decimal(f"{sign}{rounded}e-{decimals}")
