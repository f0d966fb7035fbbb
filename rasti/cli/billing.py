"""Billing and ranking: ingest, close, quarantine, rank, publish, diff, partners import and accept."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rasti.cli.context import (
    GREATEST_ID,
    JsonOption,
    MonthArgument,
    ReasonOption,
    draw_table,
    emit,
    ledger,
    parse_month,
    parse_reason,
)
from rasti.i18n import _

if TYPE_CHECKING:
    from rich.console import Console

    from rasti.ledger.ingest import IngestReport
    from rasti.ledger.rankings import Difference, PublicationView, RankingView
    from rasti.rules.month import Month

_MOST_ROWS = 300  # of a table: more take seconds to draw, and nobody reads them there

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help=_("A CSV file, UTF-8, delimiter `;`."))]
IssuerArgument = Annotated[str, typer.Argument(metavar="ISSUER", help=_("Who issued the invoices."))]
CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help=_("The partner's code."))]


def register(app: typer.Typer, groups: dict[str, typer.Typer]) -> None:
    """Add the commands of this file."""
    app.command("ingest", help=_("Read an invoice register; rows that cannot be read are set aside and listed."))(
        ingest
    )
    app.command("close", help=_("An issuer's MONTH is complete."))(close)
    app.command("rank", help=_("Compute the ranking of MONTH, or find the version there is; changes nobody's leads."))(
        rank
    )
    app.command("publish", help=_("Announce the ranking of MONTH: what ranking finds now, or a named version."))(
        publish
    )
    app.command("diff", help=_("Who moved between two versions of the ranking of MONTH, and why."))(diff)
    groups["quarantine"].command("list", help=_("Rows that wait for a correction."))(quarantine_list)
    groups["quarantine"].command("resolve", help=_("Let a row go: its month waits for it no longer."))(
        quarantine_resolve
    )
    groups["partners"].command("import", help=_("Add and change partners from a list; removes and revokes nothing."))(
        partners_import
    )
    groups["partners"].command("accept", help=_("A partner follows the regulation from today on."))(partners_accept)


def ingest(
    ctx: typer.Context,
    file: FileArgument,
    closes: Annotated[
        tuple[str, str] | None,
        typer.Option("--closes", metavar="ISSUER MONTH", help=_("With it the issuer's month is complete.")),
    ] = None,
    replace: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--replace",
            metavar="ISSUER MONTH",
            help=_("The file is the whole of the issuer's month: invoices missing from it are cancelled."),
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help=_("Refuse the whole file if a row is bad."))] = False,
    again: Annotated[bool, typer.Option("--again", help=_("Read a file that was read before."))] = False,
    json: JsonOption = False,
) -> None:
    issuer_months = _issuer_month(closes), _issuer_month(replace)
    from rasti.ledger.ingest import ingest_register

    with ledger(ctx) as book, _progress_bar(json) as progress:
        report = ingest_register(
            book, file, closes=issuer_months[0], replace=issuer_months[1], strict=strict, again=again, progress=progress
        )
    emit(json, report.as_json(), lambda console: _draw_ingest(console, report))


def _issuer_month(words: tuple[str, str] | None) -> "tuple[str, Month] | None":
    return None if words is None else (words[0], parse_month(words[1]))


def _draw_ingest(console: "Console", report: "IngestReport") -> None:
    if report.skipped:
        console.print(_("This file was read before: nothing changed. Read it again with --again."))
    rows = [
        (_("rows"), report.rows),
        (_("invoices"), report.invoices),
        (_("accepted"), report.accepted),
        (_("unchanged"), report.unchanged),
        (_("revised"), report.revised),
        (_("cancelled"), report.cancelled),
    ]
    draw_table(console, "", [_("Register"), _("Number")], rows)
    if report.doubles:
        text = _("Invoices that are probably there twice: {count}. See `rasti doubles list`.")
        console.print(text.format(count=report.doubles))
    if report.quarantined:
        bad = [(row.row, row.reason) for row in report.quarantined]
        draw_table(console, _("In quarantine"), [_("Row"), _("Reason")], bad)


def close(ctx: typer.Context, issuer: IssuerArgument, month: MonthArgument, json: JsonOption = False) -> None:
    from rasti.ledger.months import close_month

    with ledger(ctx) as book:
        closed = close_month(book, issuer, month)
    text = _("{month} of {issuer} is closed.") if closed.closed_now else _("{month} of {issuer} was closed before.")
    emit(json, closed.as_json(), lambda console: console.print(text.format(month=month, issuer=issuer)))


def quarantine_list(ctx: typer.Context, json: JsonOption = False) -> None:
    from rasti.ledger.months import list_quarantine

    with ledger(ctx, deliver=False) as book:
        rows = list_quarantine(book)

    def draw(console: "Console") -> None:
        if not rows:
            console.print(_("Nothing is in quarantine."))
            return
        headers = [_("Id"), _("File"), _("Row"), _("Issuer"), _("Number"), _("Months"), _("Reason")]
        cells = [(r.id, r.file_name, r.row, r.issuer, r.number, ", ".join(r.months), r.reason) for r in rows]
        draw_table(console, _("In quarantine"), headers, cells)

    emit(json, [row.as_json() for row in rows], draw)


def quarantine_resolve(
    ctx: typer.Context,
    row: Annotated[
        int, typer.Argument(metavar="ID", help=_("The row's id in `quarantine list`."), min=1, max=GREATEST_ID)
    ],
    reason: ReasonOption,
    json: JsonOption = False,
) -> None:
    from rasti.ledger.months import resolve_quarantined

    with ledger(ctx) as book:
        resolve_quarantined(book, row, reason=reason)
    text = _("Row {row} has left the quarantine.")
    emit(json, {"id": row, "resolved": True}, lambda console: console.print(text.format(row=row)))


def rank(ctx: typer.Context, month: MonthArgument, json: JsonOption = False) -> None:
    from rasti.ledger.rankings import rank as rank_month

    with ledger(ctx) as book, _progress_bar(json) as progress:
        view = rank_month(book, month, progress=progress)
    emit(json, view.as_json(), lambda console: _draw_ranking(console, view))


def _draw_ranking(console: "Console", view: "RankingView") -> None:
    from rasti.ledger.months import describe_missing

    if not view.complete:
        console.print(_("Incomplete: it cannot be published without a reason."))
        for item in view.missing:
            console.print(f"  · {describe_missing(item)}")
    title = _("Ranking {month}, version {version}").format(month=view.month, version=view.version)
    headers = [_("Place"), _("Partner"), "%", str(view.month.previous), str(view.month), _("Kits"), _("Not ranked")]
    rows = [
        (
            entry.place,
            entry.partner,
            entry.growth,
            entry.previous_billed,
            entry.billed,
            entry.kits_sold,
            _(entry.reason.value) if entry.reason else "",
        )
        for entry in view.entries[:_MOST_ROWS]
    ]
    draw_table(console, title, headers, rows)
    if len(view.entries) > _MOST_ROWS:
        text = _("The first {shown} of {all} partners; --json prints all.")
        console.print(text.format(shown=_MOST_ROWS, all=len(view.entries)))


def publish(
    ctx: typer.Context,
    month: MonthArgument,
    version: Annotated[
        int | None,
        typer.Option(
            "--version", metavar="N", min=1, max=GREATEST_ID, help=_("This version, not what ranking finds now.")
        ),
    ] = None,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help=_("Although the month is incomplete; needs --reason."))
    ] = False,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help=_("Why; stored."))] = None,
    json: JsonOption = False,
) -> None:
    from rasti.ledger.rankings import publish as publish_month

    if allow_incomplete:
        reason = parse_reason(reason)
    with ledger(ctx) as book:
        view = publish_month(book, month, version=version, allow_incomplete=allow_incomplete, reason=reason)
    emit(json, view.as_json(), lambda console: _draw_publication(console, view))


def _draw_publication(console: "Console", view: "PublicationView") -> None:
    if not view.published_now:
        console.print(_("Nothing changed: this version is the public one already."))
    title = _("Announced for {month} (version {version})").format(month=view.month, version=view.version)
    if not view.places:
        console.print(f"{title}: {_('nobody is ranked.')}")
        return
    rows = [(entry.place, entry.partner, entry.growth, entry.kits_sold) for entry in view.places]
    draw_table(console, title, [_("Place"), _("Partner"), "%", _("Kits")], rows)


def diff(
    ctx: typer.Context,
    month: MonthArgument,
    before: Annotated[int, typer.Argument(metavar="V1", min=1, max=GREATEST_ID, help=_("A version."))],
    after: Annotated[int, typer.Argument(metavar="V2", min=1, max=GREATEST_ID, help=_("Another version."))],
    json: JsonOption = False,
) -> None:
    from rasti.ledger.rankings import difference

    with ledger(ctx, deliver=False) as book:
        found = difference(book, month, before, after)
    emit(json, found.as_json(), lambda console: _draw_difference(console, found))


def _draw_difference(console: "Console", found: "Difference") -> None:
    title = _("{month}: from version {before} to version {after}").format(
        month=found.month, before=found.before, after=found.after
    )
    parts = {
        "invoices": _("invoices"),
        "rules": _("rules"),
        "partners": _("partner list"),
        "holders": _("who got the leads"),
        "completeness": _("what the month waits for"),
    }
    console.print(title)
    if found.inputs:
        console.print(_("Read differently: {parts}.").format(parts=", ".join(parts[name] for name in found.inputs)))
    if not found.moved:
        console.print(_("Nobody moved."))
        return
    rows = [
        (
            move.partner,
            move.before,
            move.after,
            "; ".join(_(cause.template).format(**cause.values) for cause in move.because),
        )
        for move in found.moved
    ]
    draw_table(console, "", [_("Partner"), _("From"), _("To"), _("Because")], rows)


def partners_import(ctx: typer.Context, file: FileArgument, json: JsonOption = False) -> None:
    from rasti.ledger.partners import import_partners

    with ledger(ctx) as book:
        report = import_partners(book, file)
    text = _("Partners: {added} added, {changed} changed, {unchanged} unchanged.")
    emit(json, report.as_json(), lambda console: console.print(text.format(**report.as_json())))


def partners_accept(
    ctx: typer.Context,
    code: CodeArgument,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help=_("How we know; stored."))] = None,
    json: JsonOption = False,
) -> None:
    from rasti.ledger.partners import accept_regulation

    with ledger(ctx) as book:
        done = accept_regulation(book, code, reason=reason)
    text = _("{partner} follows the regulation since {accepted_on}.")
    emit(json, done.as_json(), lambda console: console.print(text.format(**done.as_json())))


@contextmanager
def _progress_bar(json: bool) -> "Iterator[Callable[[str, int, int], None] | None]":
    """A progress bar on stderr, where a person watches; else none."""
    if json or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    stages = {"read": _("Reading"), "store": _("Storing"), "rank": _("Ranking")}
    with Progress(console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stages[stage], total=total)
            bar.update(tasks[stage], completed=done)

        yield progress
