"""What an operator has to say before a month is complete: probable doubles, unknown issuers."""

from typing import TYPE_CHECKING, Annotated

import typer

from rasti.cli.context import (
    GREATEST_ID,
    JsonOption,
    MonthArgument,
    ReasonOption,
    draw_table,
    emit,
    ledger,
)
from rasti.i18n import _
from rasti.rules.kinds import InvoiceStatus, Keep

if TYPE_CHECKING:
    from rich.console import Console

    from rasti.ledger.doubles import Side


def register(app: typer.Typer, groups: dict[str, typer.Typer]) -> None:  # noqa: ARG001 - as every file of commands
    """Add the commands of this file."""
    groups["doubles"].command("list", help=_("Pairs that wait for a decision."))(doubles_list)
    groups["doubles"].command("resolve", help=_("Say which of the two counts, or that both are right."))(
        doubles_resolve
    )
    groups["issuers"].command("list", help=_("Issuers with invoices whom `issuers` does not name."))(issuers_list)
    groups["issuers"].command("accept", help=_("Let an issuer's invoices of MONTH count all the same."))(issuers_accept)


def doubles_list(ctx: typer.Context, json: JsonOption = False) -> None:
    from rasti.ledger.doubles import list_doubles

    with ledger(ctx, deliver=False) as book:
        doubles = list_doubles(book)

    def draw(console: "Console") -> None:
        if not doubles:
            console.print(_("No invoice is probably there twice."))
            return
        headers = [_("Id"), _("Partner"), _("Issuer"), _("The first"), _("The second"), _("Amount"), _("Months")]
        cells = [
            (
                double.id,
                double.partner,
                double.first.issuer,
                _side(double.first),
                _side(double.second),
                double.first.amount
                if double.first.amount == double.second.amount
                else f"{double.first.amount} / {double.second.amount}",
                ", ".join(map(str, double.months)),
            )
            for double in doubles
        ]
        draw_table(console, _("Probable doubles"), headers, cells)

    emit(json, [double.as_json() for double in doubles], draw)


def _side(side: "Side") -> str:
    number = side.number if side.status is InvoiceStatus.POSTED else f"{side.number} ({_('a cancellation')})"
    return f"{number} · {side.issued_on} · {side.file_name}"


def doubles_resolve(
    ctx: typer.Context,
    double: Annotated[
        int, typer.Argument(metavar="ID", help=_("The pair's id in `doubles list`."), min=1, max=GREATEST_ID)
    ],
    keep: Annotated[
        Keep, typer.Option("--keep", help=_("Both are right, or the one that counts; the other one is left out."))
    ],
    reason: ReasonOption,
    json: JsonOption = False,
) -> None:
    from rasti.ledger.doubles import resolve_double

    with ledger(ctx) as book:
        resolve_double(book, double, keep=keep, reason=reason)
    texts = {
        Keep.BOTH: _("Both invoices count."),
        Keep.FIRST: _("The first counts, the second is left out."),
        Keep.SECOND: _("The second counts, the first is left out."),
    }
    emit(json, {"id": double, "keep": keep.value}, lambda console: console.print(texts[keep]))


def issuers_list(ctx: typer.Context, json: JsonOption = False) -> None:
    from rasti.ledger.issuers import list_unknown_issuers

    with ledger(ctx, deliver=False) as book:
        unknown = list_unknown_issuers(book)

    def draw(console: "Console") -> None:
        if not unknown:
            console.print(_("No issuer is unknown."))
            return
        rows = [(it.issuer, it.month) for it in unknown]
        draw_table(console, _("Unknown issuers"), [_("Issuer"), _("Month")], rows)

    emit(json, [it.as_json() for it in unknown], draw)


def issuers_accept(
    ctx: typer.Context,
    issuer: Annotated[str, typer.Argument(metavar="ISSUER", help=_("Who issued the invoices."))],
    month: MonthArgument,
    reason: ReasonOption,
    json: JsonOption = False,
) -> None:
    from rasti.ledger.issuers import accept_issuer

    with ledger(ctx) as book:
        accepted = accept_issuer(book, issuer, month, reason=reason)
    text = _("The invoices of {issuer} in {month} count.")
    emit(json, accepted.as_json(), lambda console: console.print(text.format(**accepted.as_json())))
