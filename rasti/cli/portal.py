"""`rasti portal`, and who may use it: operators."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rasti.cli.context import JsonOption, ReasonOption, draw_table, emit, ledger, local_time
from rasti.i18n import _

if TYPE_CHECKING:
    from rasti.ledger.operators import Added

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help=_("The operator's name."))]


def register(app: typer.Typer, groups: dict[str, typer.Typer]) -> None:
    """Add the commands of this file."""
    app.command("portal", help=_("The web pages and the HTTP API, as a process."))(portal)
    operator = groups["operator"]
    operator.command("add", help=_("Let somebody work at the operators' desk."))(add)
    operator.command("disable", help=_("End an operator's access, everywhere and at once."))(disable)
    operator.command("list", help=_("All operators."))(list_)


def portal(
    ctx: typer.Context,
    host: Annotated[str, typer.Option("--host", help=_("Where to listen."))] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help=_("On which port."), min=1, max=65535)] = 8000,
) -> None:
    import signal

    from rasti.cli.context import Options
    from rasti.errors import Refused
    from rasti.logs import log_to_stderr
    from rasti.portal.serve import serve

    if ctx.ensure_object(Options).at is not None:
        raise Refused("`rasti portal` runs by the real clock: --at is for single commands.")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # sent when log files were rotated: ours is stderr
    log_to_stderr()
    with ledger(ctx, deliver=False) as book:
        serve(book, host, port)


def add(
    ctx: typer.Context,
    name: NameArgument,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help=_("Read the password from standard input, for scripts."))
    ] = False,
    json: JsonOption = False,
) -> None:
    from rasti.ledger.operators import add_operator
    from rasti.secret import load_secret
    from rasti.settings import load_settings

    password = sys.stdin.readline().rstrip("\n") if password_stdin else _ask_password()
    with ledger(ctx) as book:
        added = add_operator(book, name, password, secret=load_secret(load_settings()))
    result = {"operator": added.name, "totp_secret": added.totp_secret, "totp_uri": added.totp_uri}
    emit(json, result, lambda console: _draw_added(console, added))


def _ask_password() -> str:
    password: str = typer.prompt(_("Password"), hide_input=True, confirmation_prompt=_("The same again"), err=True)
    return password


def _draw_added(console: Any, added: "Added") -> None:
    import segno

    console.print(_("Operator {name} may sign in with the password and a one-time code.").format(name=added.name))
    console.print(_("Scan this with an authenticator app, or type the secret; it is shown only now:"))
    segno.make(added.totp_uri, micro=False).terminal(out=sys.stdout, compact=True, border=2)
    console.print(added.totp_secret)


def disable(ctx: typer.Context, name: NameArgument, reason: ReasonOption, json: JsonOption = False) -> None:
    from rasti.ledger.operators import disable_operator

    with ledger(ctx) as book:
        disabled = disable_operator(book, name, reason=reason)
    text = _("Operator {name} is disabled.") if disabled else _("Operator {name} was disabled already.")
    emit(json, {"operator": name, "disabled": disabled}, lambda console: console.print(text.format(name=name)))


def list_(ctx: typer.Context, json: JsonOption = False) -> None:
    from rasti.ledger.operators import list_operators
    from rasti.rules.bodies import utc

    with ledger(ctx, deliver=False) as book:
        found = [
            {
                "operator": operator.name,
                "created_at": utc(operator.created_at),
                "disabled_at": utc(operator.disabled_at) if operator.disabled_at else None,
            }
            for operator in list_operators(book)
        ]
    zone = book.programme.zone
    rows = [
        (row["operator"], local_time(row["created_at"], zone), local_time(row["disabled_at"], zone)) for row in found
    ]
    headers = [_("Operator"), _("Since"), _("Disabled")]
    emit(json, found, lambda console: draw_table(console, _("Operators"), headers, rows))
