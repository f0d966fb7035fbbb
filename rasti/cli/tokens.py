"""Bearer tokens of the API: add, list, revoke."""

from typing import Annotated

import typer

from rasti.cli.context import JsonOption, ReasonOption, draw_table, emit, ledger, local_time
from rasti.i18n import _
from rasti.rules.kinds import TokenScope

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help=_("The token's name."))]


def register(app: typer.Typer, groups: dict[str, typer.Typer]) -> None:  # noqa: ARG001
    """Add the commands of this file."""
    token = groups["token"]
    token.command("add", help=_("Make a token; it is printed once."))(add)
    token.command("list", help=_("All tokens, without what opens a door."))(list_)
    token.command("revoke", help=_("Make a token worthless."))(revoke)


def add(
    ctx: typer.Context,
    name: NameArgument,
    scope: Annotated[TokenScope, typer.Option("--scope", help=_("What it may do."))],
    partner: Annotated[
        str | None, typer.Option("--partner", metavar="CODE", help=_("Whose contacts it logs; with contacts:write."))
    ] = None,
    json: JsonOption = False,
) -> None:
    from rasti.ledger.tokens import add_token

    if (scope is TokenScope.CONTACTS_WRITE) != (partner is not None):
        raise typer.BadParameter(_("--partner CODE goes with --scope contacts:write, and only with it."))
    with ledger(ctx) as book:
        token = add_token(book, name, scope, partner=partner)
    emit(json, {"name": name, "scope": scope.value, "partner": partner, "token": token}, lambda _console: print(token))


def list_(ctx: typer.Context, json: JsonOption = False) -> None:
    from rasti.ledger.tokens import list_tokens
    from rasti.rules.bodies import utc

    with ledger(ctx, deliver=False) as book:
        found = [
            {
                "name": token.name,
                "scope": token.scope.value,
                "partner": token.partner,
                "created_at": utc(token.created_at),
                "revoked_at": utc(token.revoked_at) if token.revoked_at else None,
            }
            for token in list_tokens(book)
        ]
    zone = book.programme.zone
    rows = [
        (
            row["name"],
            row["scope"],
            row["partner"],
            local_time(row["created_at"], zone),
            local_time(row["revoked_at"], zone),
        )
        for row in found
    ]
    headers = [_("Name"), _("Scope"), _("Partner"), _("Since"), _("Revoked")]
    emit(json, found, lambda console: draw_table(console, _("Tokens"), headers, rows))


def revoke(ctx: typer.Context, name: NameArgument, reason: ReasonOption, json: JsonOption = False) -> None:
    from rasti.ledger.tokens import revoke_token

    with ledger(ctx) as book:
        revoked = revoke_token(book, name, reason=reason)
    text = _("Token {name} is revoked.") if revoked else _("Token {name} was revoked already.")
    emit(json, {"name": name, "revoked": revoked}, lambda console: console.print(text.format(name=name)))
