"""The steward as a process, and one round of it by hand."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rasti.cli.context import JsonOption, emit, ledger
from rasti.i18n import _

if TYPE_CHECKING:
    from rasti.steward.guard import SweepReport


def register(app: typer.Typer, groups: dict[str, typer.Typer]) -> None:  # noqa: ARG001
    """Add the commands of this file."""
    app.command("steward", help=_("Deliver mail and do whatever is due, until stopped (Ctrl-C)."))(steward)
    app.command("sweep", help=_("Deliver mail and do whatever is due, once."))(sweep)


def steward(ctx: typer.Context) -> None:
    import signal
    import threading

    from rasti.cli.context import Options
    from rasti.errors import Refused
    from rasti.logs import log_to_stderr
    from rasti.settings import load_settings
    from rasti.steward.process import run_steward

    if ctx.ensure_object(Options).at is not None:
        raise Refused("`rasti steward` runs by the real clock: use `rasti --at INSTANT sweep` in a sandbox.")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_signal: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # sent when log files were rotated: ours is stderr
    log_to_stderr()
    run_steward(load_settings(), stop)


def sweep(
    ctx: typer.Context,
    grace: Annotated[
        float,
        typer.Option(
            "--grace", metavar="SECONDS", min=0, max=86400, help=_("Leave alone what has been due for less than this.")
        ),
    ] = 0,
    json: JsonOption = False,
) -> None:
    from datetime import timedelta

    from rasti.settings import load_settings
    from rasti.steward.guard import sweep as sweep_once

    # The sweep delivers what it causes itself.
    with ledger(ctx, deliver=False) as book:
        report = sweep_once(book, load_settings(), grace=timedelta(seconds=grace))
    emit(json, report.as_json(), lambda console: _draw(console, report))
    if report.failed:
        typer.echo(_("Could not be done, and left for the next round: {count}.").format(count=report.failed), err=True)


def _draw(console: Any, report: "SweepReport") -> None:
    from rasti.cli.context import draw_table

    draw_table(
        console,
        "",
        [_("Delivered"), _("Judged"), _("Violations"), _("Switches"), _("Handed over")],
        [[report.delivered, report.judged, report.violations, report.switches, report.handed_over]],
    )
