"""Mail that could not be delivered: list, show, send again, put aside; and a test of the mail server."""

from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any

import typer

from rasti.cli.context import (
    GREATEST_ID,
    JsonOption,
    Options,
    ReasonOption,
    draw_table,
    emit,
    ledger,
    local_time,
    parse_instant,
)
from rasti.errors import RastiError, Refused
from rasti.i18n import _
from rasti.rules.kinds import Trouble

KindOption = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help=_("Only mail of this kind, for example lead or welcome."))
]


def register(app: typer.Typer, groups: dict[str, typer.Typer]) -> None:  # noqa: ARG001
    """Add the commands of this file."""
    messages = groups["messages"]
    messages.command("list", help=_("Mail that waits, was given up or came back."))(list_)
    messages.command("show", help=_("One message, and what the mail server said."))(show)
    messages.command("resend", help=_("Send mail again that waits or was given up: by ids, or all of it."))(resend)
    messages.command("dismiss", help=_("Put aside mail that was given up or came back."))(dismiss)
    groups["mail"].command("test", help=_("Send one mail and say what the mail server answers."))(test)


def list_(
    ctx: typer.Context,
    state: Annotated[Trouble | None, typer.Option("--state", help=_("Waiting, given up, or come back."))] = None,
    kind: KindOption = None,
    json: JsonOption = False,
) -> None:
    from rasti.ledger.resending import list_undelivered, parse_kind

    wanted = None if kind is None else parse_kind(kind)
    with ledger(ctx, deliver=False) as book:
        found = list_undelivered(book, trouble=state, kind=wanted)
    emit(json, found, lambda console: _draw(console, found, book.programme.zone))


def show(
    ctx: typer.Context,
    id: Annotated[int, typer.Argument(metavar="ID", help=_("The message's id."), min=1, max=GREATEST_ID)],
    json: JsonOption = False,
) -> None:
    from rasti.clients.smtp_answers import advice_on
    from rasti.ledger.resending import show_message

    with ledger(ctx, deliver=False) as book:
        found = show_message(book, id)

    def draw(console: Any) -> None:
        _draw(console, [found], book.programme.zone)
        if (reason := found["bounce"] or found["reason"]) and (advice := advice_on(reason)):
            console.print(_(advice))

    emit(json, found, draw)


def resend(
    ctx: typer.Context,
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID]...", help=_("Ids of messages; none: all of them."), min=1, max=GREATEST_ID),
    ] = None,
    kind: KindOption = None,
    since: Annotated[
        Any,
        typer.Option(
            "--since",
            parser=parse_instant,
            metavar="INSTANT",
            help=_("Only mail that was first due at that time or later."),
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    from rasti.ledger.resending import parse_kind
    from rasti.ledger.resending import resend as resend_messages

    if ids and (kind is not None or since is not None):
        raise typer.BadParameter(_("Name messages by their ids, or by --kind and --since."))
    wanted = None if kind is None else parse_kind(kind)
    with ledger(ctx) as book:
        again = resend_messages(book, ids or None, kind=wanted, since=since)
    text = _("Sent again: {count}.").format(count=len(again)) if again else _("Nothing waits or was given up.")
    emit(json, {"resent": again}, lambda console: console.print(text))


def dismiss(
    ctx: typer.Context,
    id: Annotated[int, typer.Argument(metavar="ID", help=_("The message's id."), min=1, max=GREATEST_ID)],
    reason: ReasonOption,
    json: JsonOption = False,
) -> None:
    from rasti.ledger.resending import dismiss as dismiss_message

    with ledger(ctx) as book:
        done = dismiss_message(book, id, reason=reason)
    text = _("Message {id} is put aside.") if done else _("Message {id} was put aside already.")
    emit(json, {"dismissed": done}, lambda console: console.print(text.format(id=id)))


def test(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help=_("Where the mail goes."))],
    json: JsonOption = False,
) -> None:
    from rasti.clients.smtp_answers import advice_on
    from rasti.settings import load_settings
    from rasti.steward.mail_test import send_test
    from rasti.steward.relay import reason_of

    if ctx.ensure_object(Options).at is not None:
        raise Refused("A mail server keeps its own time: leave out --at.")
    settings = load_settings()
    reason = None
    try:
        server = send_test(settings, address, datetime.now(UTC))
    except RastiError as error:
        reason = reason_of(error)
        emit(json, {"sent": False, "reason": reason, "advice": _(advice_on(reason)) or None}, lambda _console: None)
        typer.echo("\n".join(filter(None, [error.text(_), _(advice_on(reason))])), err=True)
        raise typer.Exit(1) from error
    text = _("{server} took the mail to {address}: see whether it arrives.")
    emit(
        json,
        {"sent": True, "server": server},
        lambda console: console.print(text.format(server=server, address=address)),
    )


def _draw(console: Any, found: list[dict[str, Any]], zone: tzinfo) -> None:
    headers = [
        _("Message"),
        _("Kind"),
        _("State"),
        _("Lead"),
        _("Partner"),
        _("Due"),
        _("Next try"),
        _("Came back"),
        _("Tries"),
        _("Reason"),
    ]
    rows = [
        (
            row["message"],
            row["kind"],
            _(row["state"]),
            row["lead"],
            row["partner"],
            local_time(row["due_at"], zone),
            local_time(row["next_try_at"], zone),
            local_time(row["bounced_at"], zone),
            row["tries"],
            row["bounce"] or row["reason"],
        )
        for row in found
    ]
    draw_table(console, _("Messages"), headers, rows)
