"""Who holds the leads: activate, decline, tenure switch, partners suspend and resume, status."""

from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rasti.cli.context import (
    JsonOption,
    MonthArgument,
    PartnerArgument,
    ReasonOption,
    draw_table,
    emit,
    ledger,
    local_time,
    parse_reason,
)
from rasti.i18n import _

if TYPE_CHECKING:
    from rasti.ledger.book import Book
    from rasti.ledger.mail_trouble import MailTrouble
    from rasti.ledger.tenures import Activation
    from rasti.steward.prefect_state import PrefectHealth


def register(app: typer.Typer, groups: dict[str, typer.Typer]) -> None:
    """Add the commands of this file."""
    app.command("activate", help=_("Give the leads of the next month to the winner of MONTH."))(activate)
    app.command("decline", help=_("A partner does not want the leads that MONTH earned."))(decline)
    app.command("status", help=_("Who holds the leads, and what is waiting."))(status)
    groups["tenure"].command("switch", help=_("Give the leads to a partner you name."))(switch)
    groups["partners"].command("suspend", help=_("No ranking and no leads for a partner."))(suspend)
    groups["partners"].command("resume", help=_("End a suspension."))(resume)


def activate(
    ctx: typer.Context,
    month: MonthArgument,
    switch: Annotated[
        bool, typer.Option("--switch", help=_("Walk the published version anew, although the month was activated."))
    ] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help=_("Why; needed with --switch."))
    ] = None,
    json: JsonOption = False,
) -> None:
    from rasti.ledger.handover import hand_over_waiting
    from rasti.ledger.tenures import activate as activate_month

    if switch:
        reason = parse_reason(reason)
    with ledger(ctx) as book:
        activation = activate_month(book, month, switch=switch, reason=reason)
        hand_over_waiting(book)
    emit(json, activation.as_json(), lambda console: _draw_activation(console, activation))


def _draw_activation(console: Any, activation: "Activation") -> None:
    if activation.holder is None:
        console.print(_("Nobody can take the leads of {month}: they wait.").format(month=activation.lead_month))
    else:
        text = _("{holder} holds the leads of {month}.")
        console.print(text.format(holder=activation.holder, month=activation.lead_month))
    if activation.version_taken is not None:
        text = _("The holder stays; later fallbacks go by version {version}.")
        console.print(text.format(version=activation.version_taken))
    elif not activation.activated_now:
        console.print(_("Nothing changed: the month is activated already."))
    if activation.skipped:
        rows = [(skip.partner, _(skip.reason.value)) for skip in activation.skipped]
        draw_table(console, _("Skipped"), [_("Partner"), _("Reason")], rows)


def decline(
    ctx: typer.Context, month: MonthArgument, partner: PartnerArgument, reason: ReasonOption, json: JsonOption = False
) -> None:
    from rasti.ledger.tenures import decline as decline_month

    with ledger(ctx) as book:
        holder = decline_month(book, month, partner, reason=reason)
        _drain(book)
    _tell_holder(json, holder)


def switch(ctx: typer.Context, partner: PartnerArgument, reason: ReasonOption, json: JsonOption = False) -> None:
    from rasti.ledger.tenures import switch_holder

    with ledger(ctx) as book:
        switch_holder(book, partner, reason=reason)
        _drain(book)
    _tell_holder(json, partner)


def suspend(ctx: typer.Context, code: PartnerArgument, reason: ReasonOption, json: JsonOption = False) -> None:
    from rasti.ledger.tenures import suspend as suspend_partner

    with ledger(ctx) as book:
        holder = suspend_partner(book, code, reason=reason)
        _drain(book)
    _tell_holder(json, holder)


def resume(ctx: typer.Context, code: PartnerArgument, reason: ReasonOption, json: JsonOption = False) -> None:
    from rasti.ledger.tenures import resume as resume_partner

    with ledger(ctx) as book:
        resumed = resume_partner(book, code, reason=reason)
    text = _("{partner} takes part again.") if resumed else _("{partner} was not suspended: nothing changed.")
    emit(json, {"partner": code, "resumed": resumed}, lambda console: console.print(text.format(partner=code)))


def _drain(book: "Book") -> None:
    from rasti.ledger.handover import hand_over_waiting

    hand_over_waiting(book)


def _tell_holder(json: bool, holder: str | None) -> None:
    text = _("The leads are with {holder}.") if holder else _("Nobody holds the leads: they wait.")
    emit(json, {"holder": holder}, lambda console: console.print(text.format(holder=holder)))


def status(ctx: typer.Context, json: JsonOption = False) -> None:
    from rasti.ledger.mail_trouble import mail_trouble
    from rasti.ledger.views import status_view

    with ledger(ctx, deliver=False) as book:
        view: dict[str, Any] = status_view(book)
        mail = mail_trouble(book)
        prefect = _prefect_health(book)
    if prefect is not None:
        view["prefect"] = prefect.as_json()

    def draw(console: Any) -> None:
        tenure, restored = view["tenure"], view.get("restored")
        if restored is not None:
            text = _("Restored at {restored_at} from a backup of {made_at}: what happened in between is missing.")
            times = {name: local_time(at, book.programme.zone) for name, at in restored.items()}
            console.print(text.format(**times))
        changed = view.get("changed_since_published")
        if changed:
            text = _("Published, and their invoices changed since: {months}. `rasti rank MONTH` computes anew.")
            console.print(text.format(months=", ".join(changed)))
        if tenure is None:
            console.print(_("Nobody holds the leads."))
        else:
            text = _(
                "{partner} holds the leads of {lead_month} since {started_at} (ranking {month} v{ranking_version})."
            )
            started_at = local_time(tenure["started_at"], book.programme.zone)
            console.print(text.format(**tenure | {"started_at": started_at}))
        rows = [(_(state), count) for state, count in view["leads"].items()]
        rows += [
            (_("overdue checkpoints"), view["overdue"]),
            (_("undelivered messages"), view["messages"]["pending"]),
            (_("of these tried in vain"), view["messages"]["failing"]),
            (_("messages given up"), view["messages"]["dead"]),
            (_("messages that came back"), view["messages"]["bounced"]),
        ]
        draw_table(console, "", [_("Leads"), _("Number")], rows)
        _draw_mail(console, mail, view["messages"]["alerts"], book.programme.zone)
        for trouble in prefect.troubles if prefect else ():
            console.print(f"Prefect: {trouble.said.text(_)}", markup=False)
        if prefect is not None and prefect.state is not None and prefect.state.paused:
            names = ", ".join(prefect.state.paused)
            console.print(_("Prefect: paused deployments: {names}.").format(names=names), markup=False)

    emit(json, view, draw)


def _draw_mail(console: Any, trouble: "MailTrouble | None", alerts: list[dict[str, Any]], zone: tzinfo) -> None:
    """What is wrong with the mail, and what its alerts would have said."""
    if trouble is None:
        return
    from rasti.clients.smtp_answers import advice_on

    console.print(trouble.said(trouble.since.astimezone(zone).isoformat(" ", "seconds")).text(_), markup=False)
    advice = advice_on(trouble.reason)
    if advice:
        console.print(_(advice))
    for alert in alerts:
        about = _("lead {lead}").format(lead=alert["lead"]) if alert["lead"] else ""
        text = _("Not delivered to the operators: message {message}, {kind} {about}")
        console.print(text.format(about=about, **alert).rstrip(), markup=False)
    console.print(_("See `rasti messages list`; send them again with `rasti messages resend`."), markup=False)


def _prefect_health(book: "Book") -> "PrefectHealth | None":
    """How Prefect does, asked for no longer than a second or so; None: none is configured."""
    from functools import partial

    from rasti.settings import load_settings

    url = load_settings().prefect_api_url
    if url is None:
        return None
    from rasti.clients.prefect import open_quickly
    from rasti.steward.prefect_state import prefect_health

    return prefect_health(book, partial(open_quickly, url))
