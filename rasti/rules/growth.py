"""Growth of a partner's billing in percent (R1, D2): exact, at the precision at which it is published."""

from decimal import ROUND_HALF_UP, Context, Decimal


def growth_percent(previous: Decimal, billed: Decimal, decimals: int) -> Decimal | None:
    """`(B - A) / A * 100`, A = `previous`, B = `billed`, rounded half up to `decimals` (R1, D2).

    None when A <= 0: growth from nothing, or from a month of returns, is no number (D3 `no_previous_bill`).
    """
    if previous <= 0:
        return None
    # A precision of its own, wide enough for these two numbers: with the default one a huge bill would be inexact,
    # and the quotient could fall on the wrong side of a half before it is rounded.
    context = Context(prec=_width(previous) + _width(billed) + decimals + 10)
    change = context.multiply(context.subtract(billed, previous), Decimal(100))
    rounded = context.divide(change, previous).quantize(
        Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP, context=context
    )
    return abs(rounded) if rounded.is_zero() else rounded  # -0.00 is published as 0.00


def _width(number: Decimal) -> int:
    """At least as many digits as it takes to write the number without an exponent."""
    return len(number.as_tuple().digits) + abs(number.adjusted()) + 1
