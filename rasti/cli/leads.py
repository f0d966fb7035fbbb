"""Leads: add, show, assign, close, open, detach, keep; calling, contact; violations."""

import json as jsonlib
from datetime import tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from rasti.cli.context import (
    GREATEST_ID,
    JsonOption,
    LeadArgument,
    PartnerArgument,
    ReasonOption,
    draw_table,
    emit,
    ledger,
    local_time,
)
from rasti.errors import BadInput, NotFound
from rasti.i18n import _

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help=_("A JSON file; - reads standard input."))]


class CheckpointName(StrEnum):
    """The words of --checkpoint."""

    FIRST_HOUR = "1h"
    THREE_DAYS = "3d"
    TWO_WEEKS = "2w"


def register(app: typer.Typer, groups: dict[str, typer.Typer]) -> None:
    """Add the commands of this file."""
    lead, violation = groups["lead"], groups["violation"]
    lead.command("add", help=_("Take in a lead; whoever holds the leads gets it at once."))(add)
    lead.command("show", help=_("A lead with its attempts, checkpoints and contacts."))(show)
    lead.command("assign", help=_("Put a lead into a partner's hands."))(assign)
    lead.command("close", help=_("Close a lead."))(close)
    lead.command("open", help=_("The partner opened the lead: its clock starts."))(open_)
    lead.command("detach", help=_("Make a repeated request a lead of its own: it was another client."))(detach)
    lead.command("keep", help=_("Leave a repeated request attached: it was the same client."))(keep)
    app.command("calling", help=_("Begin a contact: the partner is calling now."))(calling)
    app.command("contact", help=_("Log a contact with the client."))(contact)
    violation.command("record", help=_("Record a violation found by hand."))(record)
    violation.command("reverse", help=_("Take a violation back."))(reverse)
    violation.command("list", help=_("All violations."))(list_)


def read_json(path: Path) -> object:
    """A JSON file. Raises NotFound, BadInput that names the file and the line."""
    import sys

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise NotFound("There is no file {path}.", path=path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("{path} cannot be read: {why}.", path=path, why=error) from error
    try:
        return jsonlib.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput("{path} is not JSON: {why}.", path=path, why=error) from error


def add(ctx: typer.Context, file: FileArgument, json: JsonOption = False) -> None:
    from rasti.ledger.leads import receive_lead
    from rasti.rules.bodies import parse_lead

    content = read_json(file)
    with ledger(ctx) as book:
        arrival = receive_lead(book, parse_lead(content, clock=book.now))
    result = {"lead": arrival.lead_id, "created": arrival.created, "attached_to": arrival.attached_to}
    if not arrival.created:
        text = _("This is lead {lead} again: nothing changed.")
    elif arrival.attached_to:
        text = _("Lead {lead} is attached to lead {attached_to}: the same client.")
    else:
        text = _("Lead {lead} is taken in.")
    emit(json, result, lambda console: console.print(text.format(**result)))


def show(ctx: typer.Context, id: LeadArgument, json: JsonOption = False) -> None:
    with ledger(ctx, deliver=False) as book:
        from rasti.ledger.views import lead_view

        view: dict[str, Any] = lead_view(book, id)
    emit(json, view, lambda console: _draw_lead(console, view, book.programme.zone))


def _draw_lead(console: Any, view: dict[str, Any], zone: tzinfo) -> None:
    console.print(_("Lead {lead}: {state}").format(lead=view["lead"], state=_(view["state"])))
    for attempt in view["attempts"]:
        since = local_time(attempt["started_at"], zone)
        title = _("Attempt {number}: {partner}, since {started_at}").format(**attempt | {"started_at": since})
        if attempt["ended_at"]:
            title += " " + _("until {ended_at} ({end_reason})").format(
                ended_at=local_time(attempt["ended_at"], zone), end_reason=_(attempt["end_reason"])
            )
        rows = [
            (
                point["kind"],
                local_time(point["opens_at"], zone),
                local_time(point["due_at"], zone),
                point["verdict"] and _(point["verdict"]),
                point["judged_by"],
                point["violation"],
            )
            for point in attempt["checkpoints"]
        ]
        headers = [_("Checkpoint"), _("Opens"), _("Due"), _("Verdict"), _("By"), _("Violation")]
        draw_table(console, title, headers, rows)
        contacts = [
            (
                local_time(made["began_at"], zone),
                made["kind"] and _(made["kind"]),
                made["outcome"] and _(made["outcome"]),
                made["effect"] and _(made["effect"]),
            )
            for made in attempt["contacts"]
        ]
        if contacts:
            draw_table(console, "", [_("Began"), _("Contact"), _("Outcome"), _("Effect")], contacts)


def assign(
    ctx: typer.Context,
    id: LeadArgument,
    reason: ReasonOption,
    partner: Annotated[
        str | None, typer.Argument(metavar="PARTNER", help=_("The partner's code; none: say who would be next."))
    ] = None,
    json: JsonOption = False,
) -> None:
    from rasti.ledger.desk import assign_lead
    from rasti.ledger.unreceived import next_partner

    with ledger(ctx) as book:
        if partner is None:
            following = next_partner(book, id)
            text = (
                _("Name the partner who gets lead {id}.")
                if following is None
                else _("Lead {id} has not been received. Next would be {partner}: name a partner.")
            )
            raise typer.BadParameter(text.format(id=id, partner=following), param_hint="PARTNER")
        assigned = assign_lead(book, id, partner, reason=reason)
    text = _("Lead {lead} is assigned to {partner}.") if assigned else _("Lead {lead} is with {partner} already.")
    result = {"lead": id, "partner": partner, "assigned": assigned}
    emit(json, result, lambda console: console.print(text.format(**result)))


def close(ctx: typer.Context, id: LeadArgument, reason: ReasonOption, json: JsonOption = False) -> None:
    from rasti.ledger.desk import close_lead

    with ledger(ctx) as book:
        closed = close_lead(book, id, reason=reason)
    text = _("Lead {lead} is closed.") if closed else _("Lead {lead} was closed already.")
    emit(json, {"lead": id, "closed": closed}, lambda console: console.print(text.format(lead=id)))


def open_(ctx: typer.Context, id: LeadArgument, partner: PartnerArgument, json: JsonOption = False) -> None:
    from rasti.ledger.handover import open_lead

    with ledger(ctx) as book:
        open_lead(book, id, partner)
    result = {"lead": id, "partner": partner}
    emit(json, result, lambda console: console.print(_("Lead {lead} is open.").format(lead=id)))


def detach(ctx: typer.Context, id: LeadArgument, reason: ReasonOption, json: JsonOption = False) -> None:
    from rasti.ledger.desk import detach_lead
    from rasti.ledger.leads import get_lead

    with ledger(ctx) as book:
        detached = detach_lead(book, id, reason=reason)
        with book.read() as tx:
            root = get_lead(tx, id).attached_to
    text = _("Lead {lead} is a lead of its own now.") if detached else _("Lead {lead} was a lead of its own already.")
    if detached and root is not None:
        text = _("Lead {lead} is attached to lead {root} now, which is in hand: the same client’s.")
    emit(json, {"lead": id, "detached": detached}, lambda console: console.print(text.format(lead=id, root=root)))


def keep(ctx: typer.Context, id: LeadArgument, reason: ReasonOption, json: JsonOption = False) -> None:
    from rasti.ledger.desk import keep_attached

    with ledger(ctx) as book:
        kept = keep_attached(book, id, reason=reason)
    text = _("Lead {lead} stays attached.") if kept else _("About lead {lead} there was nothing to decide.")
    emit(json, {"lead": id, "kept": kept}, lambda console: console.print(text.format(lead=id)))


def calling(ctx: typer.Context, id: LeadArgument, partner: PartnerArgument, json: JsonOption = False) -> None:
    from rasti.ledger.contacts import begin_contact
    from rasti.rules.bodies import utc

    with ledger(ctx) as book:
        begun = begin_contact(book, id, partner)
    result = {"lead": id, "began_at": utc(begun.began_at), "until": utc(begun.until)}
    text = _("The contact on lead {lead} began at {began_at}: complete it until {until}.")
    zone = book.programme.zone
    words = {"lead": id, "began_at": local_time(utc(begun.began_at), zone), "until": local_time(utc(begun.until), zone)}
    emit(json, result, lambda console: console.print(text.format(**words)))


def contact(ctx: typer.Context, id: LeadArgument, file: FileArgument, json: JsonOption = False) -> None:
    from rasti.ledger.contacts import log_contact
    from rasti.rules.bodies import parse_contact

    content = read_json(file)
    with ledger(ctx) as book:
        logged = log_contact(book, id, parse_contact(content, clock=book.now))
    zone = book.programme.zone
    texts = {
        "counted": _("The contact counts. Lead {lead}: {state}."),
        "kept": _("The contact is kept; it meets no checkpoint. Lead {lead}: {state}."),
        "after_end": _("The contact is kept without effect: the lead had left this partner. Lead {lead}: {state}."),
    }
    said = texts[logged.effect.value].format(lead=id, state=_(logged.state.value))
    notice = logged.notice(zone, _)
    emit(json, logged.as_json(zone, _), lambda console: console.print(f"{said} {notice}" if notice else said))


def record(
    ctx: typer.Context,
    lead: LeadArgument,
    reason: ReasonOption,
    checkpoint: Annotated[CheckpointName, typer.Option("--checkpoint", help=_("Which follow-up was neglected."))],
    json: JsonOption = False,
) -> None:
    from rasti.ledger.violations import record_violation
    from rasti.rules.kinds import CheckpointKind

    with ledger(ctx) as book:
        recorded = record_violation(book, lead, CheckpointKind(checkpoint.value), reason=reason)
    result = {"violation": recorded.violation_id, "lead": lead, "recorded": recorded.recorded_now}
    text = (
        _("Violation {violation} is recorded.")
        if recorded.recorded_now
        else _("This is violation {violation} already.")
    )
    emit(json, result, lambda console: console.print(text.format(**result)))


def reverse(
    ctx: typer.Context,
    violation: Annotated[
        int, typer.Argument(metavar="VIOLATION", help=_("The violation's id."), min=1, max=GREATEST_ID)
    ],
    reason: ReasonOption,
    json: JsonOption = False,
) -> None:
    from rasti.ledger.violations import reverse_violation

    with ledger(ctx) as book:
        reversed_ = reverse_violation(book, violation, reason=reason)
    result = {"violation": violation, "reversed": reversed_}
    text = _("Violation {violation} is reversed.") if reversed_ else _("Violation {violation} was reversed already.")
    emit(json, result, lambda console: console.print(text.format(**result)))


def list_(ctx: typer.Context, json: JsonOption = False) -> None:
    from rasti.ledger.violations import list_violations

    with ledger(ctx, deliver=False) as book:
        found = list_violations(book)
    headers = [_("Violation"), _("Lead"), _("Partner"), _("Checkpoint"), _("Reason"), _("Recorded"), _("Reversed")]
    emit(json, found, lambda console: _draw_violations(console, headers, found, book.programme.zone))


def _draw_violations(console: Any, headers: list[str], found: list[dict[str, Any]], zone: tzinfo) -> None:
    times = ("recorded_at", "reversed_at")
    rows = [tuple((row | {name: local_time(row[name], zone) for name in times}).values()) for row in found]
    draw_table(console, _("Violations"), headers, rows)
